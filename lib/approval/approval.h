/* approval: who may let a machine unseal its node share, in bytes: approvals, genesis manifest,
 * sealed share, floor steps; and the policy digests that a TPM will compute from them.
 *
 * Two authorities, release and site. Each has a root, a P-256 key that genesis fixes, and working
 * keys that its root appoints. The share is two halves, sealed apart: one opens under the release
 * root's word, the other under the site root's, so neither authority opens it alone (O7). A release
 * key approves what was started (PCR 4, 9, 11, 12, 14) and a level; a site key approves the
 * firmware under it (PCR 0, 2, 7), a level of its own, and which release key counts. A floor is an
 * NV counter: nothing below it unseals. A signature is for one purpose of one genesis: its
 * policyRef says both (A23). spec/sealing.md has the policies, spec/approval.cddl the bytes; both
 * are normative.
 *
 * Pure: no TPM, no files. The TPM checks the same digests in lib/tpm. Sources: TCG TPM 2.0 Library,
 * part 1 (names), part 3 (Policy* commands), part 2 (structures). Decoders accept one encoding;
 * what follows an item in its file or region may only be zeros. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "keys_p256.h"

#define APPROVAL_KEY_LEN       KEYS_P256_PUBLIC_LEN
#define APPROVAL_NAME_MAX      64u /* bytes of text that people give */
#define APPROVAL_LEVEL_MAX     255u
#define APPROVAL_RELEASE_PCRS  5u
#define APPROVAL_SITE_PCRS     3u
#define APPROVAL_RELEASES_MAX  16u
#define APPROVAL_SITES_MAX     16u
#define APPROVAL_DELEGATES_MAX 4u
#define APPROVAL_APPOINTED_MAX 8u
#define APPROVAL_APPROVERS_MAX 4u
#define APPROVAL_BASE_LEN      7u /* of a floor: all bytes of the counter but the last */
#define APPROVAL_FILE_MAX      32768u
#define APPROVAL_MANIFEST_MAX  2048u
#define APPROVAL_SEALED_MAX    4096u /* with the byte behind it (disk.h) */
#define APPROVAL_STEP_MAX      256u

/* NV indices and the handle that names the storage primary (spec/sealing.md). */
#define APPROVAL_NV_BOOTS         0x01434c02u
#define APPROVAL_NV_RELEASE_FLOOR 0x01434c03u
#define APPROVAL_NV_SITE_FLOOR    0x01434c04u

/* The PCRs of each, ascending; also as masks. */
extern const uint8_t approval_release_pcrs[APPROVAL_RELEASE_PCRS];
extern const uint8_t approval_site_pcrs[APPROVAL_SITE_PCRS];
#define APPROVAL_PCR_CAP      11u /* of them: extended after the unsealing */
#define APPROVAL_RELEASE_MASK (1u << 4 | 1u << 9 | 1u << 11 | 1u << 12 | 1u << 14)
#define APPROVAL_SITE_MASK    (1u << 0 | 1u << 2 | 1u << 7)

/* What a signature is for: its policyRef, with the genesis that it counts for. */
enum approval_purpose {
	APPROVAL_SEAL_RELEASE = 1,    /* release key: this start unseals */
	APPROVAL_SEAL_SITE = 2,       /* site key: on this firmware, under that release key */
	APPROVAL_FLOOR_RELEASE = 3,   /* release key: one step of the release floor */
	APPROVAL_FLOOR_DELEGATE = 4,  /* site root: that release key may step it; the first step */
	APPROVAL_FLOOR_SITE = 5,      /* site root: one step of the site floor; the first step */
	APPROVAL_UNSEAL = 6,          /* approver: this very start (attended mode) */
	APPROVAL_APPOINT_RELEASE = 7, /* release root: what that release key approves counts */
	APPROVAL_APPOINT_SITE = 8,    /* site root: what that site key approves counts */
};

/* What genesis fixed, and every signature is bound to. */
struct approval_scope {
	uint8_t site_root[APPROVAL_KEY_LEN];
	uint8_t release_root[APPROVAL_KEY_LEN];
	uint8_t genesis[32]; /* approval_manifest_digest */
};

struct approval_name {
	uint8_t len;
	char text[APPROVAL_NAME_MAX]; /* UTF-8, for people; signed by nobody */
};

struct approval_release {
	uint8_t key[APPROVAL_KEY_LEN];
	struct approval_name name;
	uint8_t level; /* 1 to 255 */
	uint8_t pcrs[APPROVAL_RELEASE_PCRS][32];
	uint8_t signature[64];
};

struct approval_site {
	uint8_t key[APPROVAL_KEY_LEN];
	uint8_t release_key[APPROVAL_KEY_LEN];
	struct approval_name name;
	uint8_t level; /* 1 to 255 */
	uint8_t pcrs[APPROVAL_SITE_PCRS][32];
	uint8_t signature[64];
};

struct approval_delegate {
	uint8_t release_key[APPROVAL_KEY_LEN];
	uint8_t level; /* the site floor must not be above */
	uint8_t signature[64];
};

/* A root's word that a working key of its authority counts. */
struct approval_appointment {
	bool is_site; /* the site root's; else the release root's */
	uint8_t key[APPROVAL_KEY_LEN];
	uint8_t level; /* its authority's floor must not be above */
	uint8_t signature[64];
};

/* The site's word that a machine may go on from a store that its TPM cannot vouch for: after the
 * disk or the TPM was lost. It holds for one checkpoint, one TPM, one state of its anchor, and one
 * value of its boot counter, which the start that uses it raises: so it cannot be used again, by
 * nobody who defines the anchor anew either. */
struct approval_recovery {
	uint8_t checkpoint[32]; /* SHA-256 of the store's checkpoint */
	uint8_t anchor[32];     /* the TPM's extend index; zeros: never extended */
	uint8_t genesis[32];    /* approval_manifest_digest of this TPM's */
	uint64_t boots;         /* the TPM's boot counter */
	uint8_t signature[64];  /* the site root's */
};

/* The file `approvals`: everything a start may choose from. */
struct approval_file {
	struct approval_scope scope;
	size_t release_count, site_count, delegate_count, appointed_count;
	struct approval_release releases[APPROVAL_RELEASES_MAX];
	struct approval_site sites[APPROVAL_SITES_MAX];
	struct approval_delegate delegates[APPROVAL_DELEGATES_MAX];
	struct approval_appointment appointed[APPROVAL_APPOINTED_MAX];
	bool has_recovery;
	struct approval_recovery recovery;
};

/* The file `genesis`: what the unsealer makes of a TPM that has nothing of ours. */
struct approval_manifest {
	uint8_t site_root[APPROVAL_KEY_LEN];
	uint8_t release_root[APPROVAL_KEY_LEN];
	bool is_single;         /* one person holds both roots (A10) */
	uint8_t approver_count; /* 0: unattended */
	uint8_t approvers[APPROVAL_APPROVERS_MAX][APPROVAL_KEY_LEN]; /* any one of them */
	uint8_t escrow[32]; /* X25519: owner and lockout authorization are returned to it */
	bool has_recovery;
	uint8_t recovery[32]; /* X25519: a copy of the node share is returned to it */
	uint8_t id[16];       /* random: tells manifests apart */
	bool
	    is_recovery; /* in the place of a machine that was lost: its share is given, not made */
	uint8_t share[32]; /* approval_share_commitment of that share: no other one is taken */
	/* The site root's; outside what approval_manifest_digest is over. */
	uint8_t first_release[64]; /* these two let the floors be raised from nothing */
	uint8_t first_site[64];
	uint8_t signature[64];
};

/* A half of the share as the TPM sealed it. */
enum approval_half { APPROVAL_RELEASE_HALF, APPROVAL_SITE_HALF, APPROVAL_HALF_COUNT };

struct approval_object {
	uint16_t public_len, private_len;
	uint8_t public_area[256];  /* TPM2B_PUBLIC */
	uint8_t private_area[512]; /* TPM2B_PRIVATE */
};

/* The file `sealed-share`: written once by genesis. No secret; the checksum finds damage only. What
 * the manifest in it says is what genesis was told: its digest is in the policy of both halves, so
 * with another one nothing opens. */
struct approval_sealed {
	uint8_t primary[34]; /* name of the storage primary */
	struct approval_manifest manifest;
	struct approval_scope scope; /* out of the manifest */
	struct approval_object halves[APPROVAL_HALF_COUNT];
	uint8_t release_base[APPROVAL_BASE_LEN], site_base[APPROVAL_BASE_LEN];
	uint64_t first_counter; /* of the boot counter at genesis */
};

/* A floor step, as operators send it: raises one floor from a level to the next. */
struct approval_step {
	bool is_site; /* the site floor; else the release floor */
	uint8_t key[APPROVAL_KEY_LEN];
	uint8_t from;
	uint8_t signature[64];
};

/* Each _put appends the one encoding, each _take accepts nothing else: MALFORMED for what is none
 * of ours or out of bounds, UNSUPPORTED for another version, CORRUPT for a sealed share whose
 * checksum differs. A _take of a file checks no signature. */
MUST_USE enum status approval_file_put(const struct approval_file *file, struct buffer *out);
MUST_USE enum status approval_file_take(struct bytes bytes, struct approval_file *ret_file);
MUST_USE enum status approval_manifest_put(const struct approval_manifest *manifest,
                                           struct buffer *out);
MUST_USE enum status approval_manifest_take(struct bytes bytes,
                                            struct approval_manifest *ret_manifest);
MUST_USE enum status approval_sealed_put(const struct approval_sealed *sealed, struct buffer *out);
MUST_USE enum status approval_sealed_take(struct bytes bytes, struct approval_sealed *ret_sealed);
MUST_USE enum status approval_step_put(const struct approval_step *step, struct buffer *out);
MUST_USE enum status approval_step_take(struct bytes bytes, struct approval_step *ret_step);

/* ---- digests ---- */

/* approval_manifest_digest names a genesis, and is what the site root signs:
 * SHA-256("claviger/genesis/v2" || the manifest but for its signatures). */
void approval_manifest_digest(const struct approval_manifest *manifest, uint8_t ret_digest[32]);
void approval_scope_of(const struct approval_manifest *manifest, struct approval_scope *ret_scope);

/* approval_share_commitment says which node share is meant and nothing of it, since a share is 32
 * random bytes: SHA-256("claviger/share/v1" || share). */
void approval_share_commitment(const uint8_t share[32], uint8_t ret_commitment[32]);

/* approval_reference is a policyRef: SHA-256(text || genesis). 32 bytes are what every TPM takes.
 */
void approval_reference(enum approval_purpose purpose, const uint8_t genesis[32],
                        uint8_t ret_reference[32]);
/* approval_floor_name is the name of a floor's index once it was written (part 1, 16). */
void approval_floor_name(bool is_site, const struct approval_scope *scope, bool written,
                         uint8_t ret_name[34]);
/* approval_floor_policy is a floor index's authPolicy: PolicyAuthorize of the site root. */
void approval_floor_policy(bool is_site, const struct approval_scope *scope,
                           uint8_t ret_policy[32]);

/* What the signatures approve. */
void approval_release_policy(const struct approval_release *release,
                             const struct approval_scope *scope, uint8_t ret_policy[32]);
void approval_site_policy(const struct approval_site *site, const struct approval_scope *scope,
                          uint8_t ret_policy[32]);
void approval_appointment_policy(const struct approval_appointment *appointment,
                                 const struct approval_scope *scope, uint8_t ret_policy[32]);
void approval_delegate_policy(const struct approval_delegate *delegate,
                              const struct approval_scope *scope, uint8_t ret_policy[32]);
void approval_step_policy(bool is_site, uint8_t from, const struct approval_scope *scope,
                          uint8_t ret_policy[32]);
/* approval_first_policy: a floor that was never written may be raised once. */
void approval_first_policy(uint8_t ret_policy[32]);
/* approval_seal_policy is the authPolicy of a half; approval_seal_branches are the digests of the
 * site half's last PolicyOR, one for each approver (none is needed for a single one). */
void approval_seal_policy(const struct approval_sealed *sealed, enum approval_half half,
                          uint8_t ret_policy[32]);
/* approval_first_counter is the operand of a half's term over the boot counter, big-endian. */
void approval_first_counter(const struct approval_sealed *sealed, uint8_t ret_bytes[8]);
void approval_seal_branches(const struct approval_sealed *sealed,
                            uint8_t ret_branches[APPROVAL_APPROVERS_MAX][32]);

/* approval_digest is what is signed: SHA-256(policy || policyRef) (part 3, PolicyAuthorize). */
void approval_digest(enum approval_purpose purpose, const uint8_t policy[32],
                     const uint8_t genesis[32], uint8_t ret_digest[32]);
/* approval_unseal_digest is what an approver signs (part 3, PolicySigned): SHA-256(nonce || no
 * expiration || policyRef). */
void approval_unseal_digest(const uint8_t nonce[32], const uint8_t genesis[32],
                            uint8_t ret_digest[32]);

/* approval_check_* tell whether the signatures are those keys': OK or CRYPTO. Whether a working key
 * is appointed is another question. */
MUST_USE enum status approval_check_release(const struct approval_release *release,
                                            const struct approval_scope *scope);
MUST_USE enum status approval_check_site(const struct approval_site *site,
                                         const struct approval_scope *scope);
MUST_USE enum status approval_check_appointment(const struct approval_appointment *appointment,
                                                const struct approval_scope *scope);
MUST_USE enum status approval_check_delegate(const struct approval_delegate *delegate,
                                             const struct approval_scope *scope);
MUST_USE enum status approval_check_step(const struct approval_step *step,
                                         const struct approval_scope *scope);
MUST_USE enum status approval_check_recovery(const struct approval_recovery *recovery,
                                             const struct approval_scope *scope);
/* approval_recovery_digest is what the site root signs: SHA-256("claviger/recovery-accept/v2" ||
 * checkpoint || anchor || genesis || boots, 8 bytes big-endian). */
void approval_recovery_digest(const struct approval_recovery *recovery, uint8_t ret_digest[32]);
/* approval_check_manifest also checks the signatures of the floors' first steps; REFUSED when both
 * roots are one key and it does not say that one person holds them (A10). */
MUST_USE enum status approval_check_manifest(const struct approval_manifest *manifest);
/* approval_find_appointment finds the root's signed word for a key in a file, of the highest level,
 * which the authority's floor is not above; NULL when there is none. */
const struct approval_appointment *approval_find_appointment(const struct approval_file *file,
                                                             bool is_site,
                                                             const uint8_t key[APPROVAL_KEY_LEN],
                                                             uint8_t floor);

/* ---- choosing ---- */

/* A start as its TPM shows it: 24 PCRs by index, and the floors (last bytes of the counters). */
struct approval_start {
	const uint8_t (*pcrs)[32];
	bool is_capped; /* PCR 11 has been extended by the cap */
	uint8_t release_floor, site_floor;
};

/* A release approval and the site approval that names its key. It opens as long as each floor is
 * not above `until`: the lower of the approval's level and that of the key's appointment. */
struct approval_pair {
	const struct approval_release *release;
	const struct approval_site *site;
	const struct approval_appointment *appointed[APPROVAL_HALF_COUNT];
	uint8_t release_until, site_until;
};

/* How near the best of a file's approvals came, ascending. */
enum approval_fit {
	APPROVAL_NO_RELEASE,  /* no release approval by an appointed key fits the PCRs */
	APPROVAL_BELOW_FLOOR, /* one does, below the release floor */
	APPROVAL_NO_SITE,     /* no site approval by an appointed key fits the PCRs and its key */
	APPROVAL_BELOW_SITE,  /* one does, below the site floor */
	APPROVAL_OPENS,
};

/* approval_choose finds the pair that opens a start and does so for the longest: until the highest
 * release floor, or with by_site the highest site floor; among equals, the highest other one. All
 * pairs count, since only together they open: an approval of a higher level whose key the site does
 * not name is in nobody's way. The pair points into the file; its pointers are NULL unless OPENS.
 * The file's scope must be the one of genesis. */
enum approval_fit approval_choose(const struct approval_file *file,
                                  const struct approval_start *start, bool by_site,
                                  struct approval_pair *ret_pair);

#endif
