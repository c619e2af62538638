/* tpm: one TPM 2.0 over tpm2-tss (ESYS), for unsealer and attestor; the only user of tss2 headers.
 *
 * Own objects have high-entropy secrets or none, and `noDA`: power cuts never lead to dictionary
 * attack lockout (C3). Sealed data is `fixedTPM|fixedParent|noDA` without `userWithAuth` (with that
 * bit an empty password unseals past any policy), and what is loaded is checked for exactly these
 * bits.
 *
 * What a TPM answers is authenticated where it matters: secrets travel only in sessions salted to
 * the storage primary, with parameter encryption, and the primary's name is compared with the
 * one pinned in the sealed blob before that, so that neither a listener nor a man in the middle
 * between processor and TPM gets or alters the share (PH3, PH4). Who sits there while the machine
 * runs and sends commands of his own (a reset, measurements) is out of scope.
 *
 * Allocates inside tpm2-tss and AWS-LC. After a failure struct tpm holds the response code and what
 * was being done. One thread. Source of names and bits: TCG TPM 2.0 Library, parts 2 and 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_H
#define TPM_H

#include "base_bytes.h"

#define TPM_SHARE_LEN          32u
#define TPM_PCR_COUNT          24u
#define TPM_PCR_LEN            32u /* SHA-256 bank */
#define TPM_NAME_MAX           34u
#define TPM_ATTEST_MAX         1024u
#define TPM_SIGNATURE_MAX      256u
#define TPM_PUBLIC_MAX         512u
#define TPM_OBJECT_PUBLIC_MAX  256u
#define TPM_OBJECT_PRIVATE_MAX 512u
#define TPM_AUTH_LEN           32u /* of owner and lockout authorization */
#define TPM_POLICY_LEN         32u
#define TPM_REFERENCE_LEN      32u /* of a policyRef */
#define TPM_KEY_LEN            64u /* P-256, x || y */
#define TPM_COUNTER_LEN        8u  /* big-endian, as PolicyNV compares it */

#define TPM_PCR_CAP        11u /* extended with SHA-256("claviger/cap/v1") after unsealing */
#define TPM_HANDLE_PRIMARY 0x81434c01u /* persistent storage primary, owner hierarchy */

/* What TPM2_PolicyNV may ask (part 2, TPM_EO). */
#define TPM_NV_IS_EQUAL    0x0000u
#define TPM_NV_IS_AT_MOST  0x0009u /* unsigned */
#define TPM_NV_IS_AT_LEAST 0x0007u /* unsigned */

enum tpm_nv_kind {
	TPM_NV_EXTEND,  /* 32 bytes, extended with its empty authorization */
	TPM_NV_COUNTER, /* raised with its empty authorization */
	TPM_NV_FLOOR,   /* a counter that only its policy raises */
};

/* One index as we make it; what the TPM has is compared with this before each use. */
struct tpm_nv {
	uint32_t index;
	enum tpm_nv_kind kind;
	uint8_t policy[TPM_POLICY_LEN]; /* of a floor */
};

extern const struct tpm_nv tpm_nv_checkpoint; /* 0x01434c01: anchors checkpoints */
extern const struct tpm_nv tpm_nv_boots;      /* 0x01434c02: one more each boot */

/* A TPM name: algorithm (big-endian) and SHA-256 of the public area. */
struct tpm_name {
	uint32_t len;
	uint8_t bytes[TPM_NAME_MAX];
};

struct tpm {
	void *esys;
	void *tcti;
	uint32_t primary; /* ESYS handles; 0 when not there */
	uint32_t session; /* salted, for authorizations and encrypted parameters */
	uint32_t audit;   /* salted, so that answers without authorization are authentic, too */
	uint32_t policy;  /* the policy session in work */
	uint32_t ak;
	struct tpm_name ak_name;
	uint32_t rc;      /* of the last failure */
	const char *what; /* what was being done, never NULL */
};

struct tpm_info {
	uint8_t manufacturer[4];
	uint32_t firmware_high, firmware_low;
	bool is_software;
	uint64_t clock_ms;
	uint32_t reset_count, restart_count;
	bool clock_safe;
};

/* A sealed object as it is kept in a file: TPM2B_PUBLIC, TPM2B_PRIVATE. */
struct tpm_object {
	uint8_t public_area[TPM_OBJECT_PUBLIC_MAX];
	size_t public_len;
	uint8_t private_area[TPM_OBJECT_PRIVATE_MAX];
	size_t private_len;
};

/* tpm_open connects: "device:/dev/tpmrm0", "swtpm:path=/dir/socket"; the descriptor stays
 * open until tpm_close, and nothing is opened later. */
MUST_USE enum status tpm_open(const char *where, struct tpm *ret_tpm);
/* tpm_close forgets loaded objects and disconnects; the TPM goes on. */
void tpm_close(struct tpm *tpm);
/* tpm_descriptor is the open device or socket, for a sandbox; -1 when there is none. */
int tpm_descriptor(const struct tpm *tpm);
/* tpm_startup sends TPM2_Startup(CLEAR); a TPM that was started already is fine. */
MUST_USE enum status tpm_startup(struct tpm *tpm);
/* tpm_shutdown sends TPM2_Shutdown(CLEAR): the last command before the power goes. */
MUST_USE enum status tpm_shutdown(struct tpm *tpm);
/* tpm_is_lockout is true when the last failure was dictionary attack lockout; tpm_is_policy when a
 * policy did not hold (PCRs differ). */
bool tpm_is_lockout(const struct tpm *tpm);
/* tpm_is_full: it has no room for another index, object or session (R5). */
bool tpm_is_full(const struct tpm *tpm);
bool tpm_is_policy(const struct tpm *tpm);
/* tpm_is_content: the TPM did not like what a parameter says (a wrong signature); it is there, and
 * so are its sessions. */
bool tpm_is_content(const struct tpm *tpm);

MUST_USE enum status tpm_info(struct tpm *tpm, struct tpm_info *ret_info);
/* tpm_random fills with the TPM's random bytes, encrypted on the way when a primary is open. */
MUST_USE enum status tpm_random(struct tpm *tpm, uint8_t *ret_bytes, size_t len);

/* tpm_primary_open finds the persistent storage primary and checks its attributes; with `create` it
 * makes one where there is none (needs owner authorization: empty at genesis). NOT_FOUND without.
 * `pinned` (may be NULL): REFUSED when the primary has another name. Starts the salted session. */
MUST_USE enum status tpm_primary_open(struct tpm *tpm, bool create, const struct tpm_name *pinned,
                                      struct tpm_name *ret_name);

/* tpm_primary_is_there tells whether the handle of our primary is taken, by whatever; with `named`,
 * by the object of that name, as far as can be told without a session. */
MUST_USE enum status tpm_primary_is_there(struct tpm *tpm, const struct tpm_name *named,
                                          bool *ret_there);
/* tpm_primary_discard takes it away like tpm_nv_discard. */
MUST_USE enum status tpm_primary_discard(struct tpm *tpm);

/* tpm_seal seals a share under a policy digest. */
MUST_USE enum status tpm_seal(struct tpm *tpm, const uint8_t policy[TPM_POLICY_LEN],
                              const uint8_t share[TPM_SHARE_LEN], struct tpm_object *ret_object);
/* tpm_unseal uses up the policy session in work: REFUSED when the policy does not hold
 * (tpm_is_policy), CORRUPT when the object is not one that tpm_seal makes under `policy`. The
 * primary must be open and pinned. */
MUST_USE enum status tpm_unseal(struct tpm *tpm, const struct tpm_object *object,
                                const uint8_t policy[TPM_POLICY_LEN],
                                uint8_t ret_share[TPM_SHARE_LEN]);

/* A policy is worked off in a session of its own, salted to the primary: begin, one call for each
 * term in order, then the command that it allows, or tpm_policy_drop. After a failure of any the
 * session is dropped. */
MUST_USE enum status tpm_policy_begin(struct tpm *tpm);
void tpm_policy_drop(struct tpm *tpm);
/* tpm_policy_pcr: the PCRs in `mask` as they are. */
MUST_USE enum status tpm_policy_pcr(struct tpm *tpm, uint32_t mask);
/* tpm_policy_nv: `len` bytes of the index at `offset` compare so with the operand. */
MUST_USE enum status tpm_policy_nv(struct tpm *tpm, const struct tpm_nv *nv, const uint8_t *operand,
                                   size_t len, uint16_t offset, uint16_t operation);
MUST_USE enum status tpm_policy_nv_written(struct tpm *tpm, bool written);
/* tpm_policy_increments: for TPM2_NV_Increment only. */
MUST_USE enum status tpm_policy_increments(struct tpm *tpm);
/* tpm_policy_authorize: the policy so far is `policy`, and the key has signed it for `reference`.
 */
MUST_USE enum status tpm_policy_authorize(struct tpm *tpm, const uint8_t key[TPM_KEY_LEN],
                                          const uint8_t reference[TPM_REFERENCE_LEN],
                                          const uint8_t policy[TPM_POLICY_LEN],
                                          const uint8_t signature[64]);
/* tpm_policy_nonce gives the session's nonce, which tpm_policy_signed's signature is over. */
MUST_USE enum status tpm_policy_nonce(struct tpm *tpm, uint8_t ret_nonce[32]);
MUST_USE enum status tpm_policy_signed(struct tpm *tpm, const uint8_t key[TPM_KEY_LEN],
                                       const uint8_t reference[TPM_REFERENCE_LEN],
                                       const uint8_t signature[64]);
MUST_USE enum status tpm_policy_or(struct tpm *tpm, const uint8_t (*branches)[TPM_POLICY_LEN],
                                   size_t count);

/* Genesis. tpm_take_over sets the limits of dictionary attack protection (32 tries, one forgotten
 * each 10 minutes), forbids TPM2_Clear with lockout authorization, and sets both authorizations,
 * encrypted on the way; after it nothing can be defined or undefined here without them. */
MUST_USE enum status tpm_take_over(struct tpm *tpm, const uint8_t owner[TPM_AUTH_LEN],
                                   const uint8_t lockout[TPM_AUTH_LEN]);
/* tpm_protections reads what tpm_take_over set. */
struct tpm_protections {
	bool owner_set, lockout_set, clear_disabled;
	uint32_t lockout_tries, lockout_recovery_s, lockout_count;
};
MUST_USE enum status tpm_protections(struct tpm *tpm, struct tpm_protections *ret_protections);

MUST_USE enum status tpm_pcr_extend(struct tpm *tpm, uint32_t pcr, const uint8_t digest[32]);
/* tpm_pcr_cap extends TPM_PCR_CAP so that nothing can be unsealed until the next reset. */
MUST_USE enum status tpm_pcr_cap(struct tpm *tpm);
/* tpm_pcr_read reads the PCRs in `mask`; rows of others are zero. */
MUST_USE enum status tpm_pcr_read(struct tpm *tpm, uint32_t mask,
                                  uint8_t ret_values[TPM_PCR_COUNT][TPM_PCR_LEN]);

/* tpm_ak_open makes this TPM's attestation key (restricted, ECC P-256, endorsement hierarchy: the
 * same key each time, and after TPM2_Clear) and gives its name: which TPM, not which deployment.
 * With the primary open the answer is authenticated by the salted session, so that nobody between
 * puts another TPM's key in its place. */
MUST_USE enum status tpm_ak_open(struct tpm *tpm, struct tpm_name *ret_name);
/* tpm_ak_public gives its TPMT_PUBLIC as the TPM writes it; REFUSED when its name is another. */
MUST_USE enum status tpm_ak_public(struct tpm *tpm, struct buffer *ret_public);
/* tpm_quote signs the PCRs in `mask` with `extra` (32 bytes): TPMS_ATTEST and TPMT_SIGNATURE. */
MUST_USE enum status tpm_quote(struct tpm *tpm, uint32_t mask, const uint8_t extra[32],
                               struct buffer *ret_attest, struct buffer *ret_signature);

/* NV indices. Define needs owner authorization (empty until it is set); extend, increment and read
 * use the index's own empty authorization, in the salted session when one is open. NOT_FOUND when
 * the index is not there or (read) was never written; define of one that is there: CONFLICT;
 * CORRUPT: the index there is not as we make it. */
MUST_USE enum status tpm_nv_is_there(struct tpm *tpm, uint32_t index, bool *ret_there);
MUST_USE enum status tpm_nv_define(struct tpm *tpm, const struct tpm_nv *nv);
/* tpm_nv_undefine takes an index away; a counter defined later begins above what this one had. */
MUST_USE enum status tpm_nv_undefine(struct tpm *tpm, const struct tpm_nv *nv);
/* tpm_nv_discard takes an index of that form away, whatever its policy, while the owner's
 * authorization is empty: what an interrupted genesis left. OK when there is none; CONFLICT: what
 * is there has another form, and stays. */
MUST_USE enum status tpm_nv_discard(struct tpm *tpm, const struct tpm_nv *nv);
MUST_USE enum status tpm_nv_extend(struct tpm *tpm, const struct tpm_nv *nv,
                                   const uint8_t data[32]);
MUST_USE enum status tpm_nv_increment(struct tpm *tpm, const struct tpm_nv *nv);
/* tpm_nv_raise increments a floor; it uses up the policy session in work. */
MUST_USE enum status tpm_nv_raise(struct tpm *tpm, const struct tpm_nv *nv);
MUST_USE enum status tpm_nv_read(struct tpm *tpm, const struct tpm_nv *nv, uint8_t *ret_bytes,
                                 size_t len);
MUST_USE enum status tpm_nv_read_counter(struct tpm *tpm, const struct tpm_nv *nv,
                                         uint64_t *ret_value);

#endif
