/* call_start: what the signer learns at its start, once, from the unsealer and nobody else.
 *
 *   unsealer -> signer  START: call_start_facts, one message, then the unsealer exits
 *
 * The node share is in this message in clear. The channel's memory is mapped by these two processes
 * only; the signer copies the message once into guarded memory, and the supervisor wipes and drops
 * the channel when the unsealer has ended. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_START_H
#define CALL_START_H

#include <stdint.h>

#include "base_bytes.h"

#define CALL_START_SLOT_BYTES 4096u
#define CALL_START_PCR_COUNT  24u
#define CALL_START_NAME_MAX   34u /* TPM2B_NAME of a SHA-256 object: algorithm and digest */

enum call_start_kind {
	CALL_START_FACTS = 1,
	CALL_START_FAILED = 2, /* call_start_failed: no share; the signer stays sealed */
};

/* Why the share could not be had: the exit the operator takes differs for each. */
enum call_start_reason {
	CALL_START_NO_TPM = 1,      /* the TPM does not answer, or fails its self-test */
	CALL_START_NO_BLOB = 2,     /* no sealed share here: genesis was never run */
	CALL_START_BAD_BLOB = 3,    /* not a sealed blob of this version, or damaged */
	CALL_START_OTHER_TPM = 4,   /* the TPM's primary is not the one this share was sealed to */
	CALL_START_BAD_POLICY = 5,  /* the TPM found that the policy does not hold */
	CALL_START_CAPPED = 6,      /* the share was already taken in this boot */
	CALL_START_LOCKOUT = 7,     /* dictionary attack lockout */
	CALL_START_UNSAFE_BLOB = 8, /* the object's attributes would let others unseal it */
	CALL_START_OTHER = 9,
	CALL_START_NO_RELEASE = 10,   /* no release approval for what was started */
	CALL_START_BELOW_FLOOR = 11,  /* there is one, of a level below the release floor */
	CALL_START_NO_SITE = 12,      /* no site approval for this firmware and release key */
	CALL_START_BELOW_SITE = 13,   /* there is one, of a level below the site floor */
	CALL_START_NO_APPROVALS = 14, /* the file of approvals is missing, damaged or foreign */
	CALL_START_BAD_MANIFEST = 15, /* the genesis manifest is missing, damaged or not signed */
	CALL_START_NOT_FRESH = 16,    /* genesis on a TPM that has an owner, or others' objects */
	CALL_START_UNPROTECTED =
	    17,               /* owner or lockout authorization is not set, or objects differ */
	CALL_START_FULL = 18, /* the TPM has no room: others filled its memory, objects, sessions */
	CALL_START_REASON_COUNT
};

enum call_start_mode {
	CALL_START_UNSEAL = 1,
	CALL_START_GENESIS = 2, /* the share was made and sealed just now */
};

struct call_start_facts {
	uint8_t node_share[32];
	uint8_t pcrs[CALL_START_PCR_COUNT][32]; /* SHA-256 bank, as read after unsealing and before
	                                           the cap; zero where not in pcr_mask */
	uint32_t pcr_mask;                      /* bit n: pcrs[n] was read */
	uint32_t sealed_mask;                   /* bit n: the share is sealed to PCR n */
	uint32_t mode;                          /* enum call_start_mode */
	uint32_t is_software;                   /* 1: the TPM says that it is swtpm */
	uint64_t clock_ms;                      /* TPM2_ReadClock */
	uint32_t reset_count;
	uint32_t restart_count;
	uint32_t clock_safe; /* 1: clock_ms never went back */
	uint32_t ak_name_len;
	uint8_t ak_name[CALL_START_NAME_MAX];
	uint8_t primary_name[CALL_START_NAME_MAX];
	uint32_t primary_name_len;
	uint32_t has_checkpoint; /* 1: nv_checkpoint was read from the NV extend index */
	uint8_t nv_checkpoint[32];
	uint32_t has_counter; /* 1: counter was read (and raised for this boot) */
	uint64_t counter;
	uint32_t firmware_version_high;
	uint32_t firmware_version_low;
	uint8_t manufacturer[4]; /* TPM_PT_MANUFACTURER as text */
	uint32_t is_attended;    /* 1: a person approved this start (mode B) */
	uint32_t is_single;      /* 1: one person holds both roots (A10) */
	uint32_t release_level;  /* of the approvals that were used */
	uint32_t site_level;
	uint32_t has_recovery_key; /* 1: genesis sealed a copy of the share to a recovery key */
	uint64_t release_floor;    /* the counters themselves: the last byte is the floor */
	uint64_t site_floor;
	uint64_t first_counter;  /* of the boot counter at genesis */
	uint8_t release_key[64]; /* P-256, x || y */
	uint8_t site_key[64];    /* the site root */
	uint8_t genesis[32];     /* approval_manifest_digest */
	uint8_t share[32];       /* approval_share_commitment of node_share */
	uint32_t has_recovery;   /* 1: the site accepts a store that the TPM does not know */
	uint32_t is_recovery;    /* 1: genesis took the share of a machine that was lost */
	uint8_t recovery_checkpoint[32]; /* SHA-256 of its checkpoint */
	uint8_t recovery_anchor[32];     /* while the TPM's index is this, */
	uint64_t recovery_boots;         /* and `counter` this */
};

struct call_start_failed {
	uint32_t reason;   /* enum call_start_reason */
	uint32_t tpm_rc;   /* TPM or TSS response code; 0 when there was none */
	uint8_t what[120]; /* what was being done, text, NUL-terminated */
};

_Static_assert(sizeof(struct call_start_facts) == 1288, "fixed layout");
_Static_assert(sizeof(struct call_start_failed) == 128, "fixed layout");

/* start_take_facts checks a FACTS message: length, mode, masks, name lengths, flags 0 or 1. The
 * caller keeps the share in guarded memory: ret_facts lies there. */
MUST_USE enum status start_take_facts(struct bytes message, struct call_start_facts *ret_facts);
MUST_USE enum status start_take_failed(struct bytes message, struct call_start_failed *ret_failed);
/* start_reason_text says in a sentence what happened and what the operator can do; never NULL. */
const char *start_reason_text(uint32_t reason);

#endif
