/* call_attest: what the attestor, which holds the TPM, is asked.
 *
 *   bridge -> attestor  EVIDENCE, ACTIVATE, FLOOR
 *   signer -> attestor  INFO, NV_EXTEND, NODE, ACTIVATE, JUDGE, USUAL
 *   attestor -> either  for each exactly one answer, in order, with the asker's request number
 *
 * Nobody asks it for a secret, and it has none. Fixed layout, little-endian; payloads follow their
 * struct. Answers of another status than OK carry no payload. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_ATTEST_H
#define CALL_ATTEST_H

#include <stdint.h>

#include "base_bytes.h"
#include "base_limits.h"

#define CALL_ATTEST_BRIDGE_SLOT_BYTES 200704u
#define CALL_ATTEST_SIGNER_SLOT_BYTES 33024u                     /* holds a file of approvals */
#define CALL_ATTEST_MESSAGE_MAX       (LIMIT_EVIDENCE_MAX + 64u) /* of any answer: evidence */
#define CALL_ATTEST_NODE_MAX          2048u                      /* bytes of a node statement */
#define CALL_ATTEST_CREDENTIAL_MAX    512u /* bytes of a credential, and of its encrypted seed */
#define CALL_ATTEST_SECRET_MAX        64u
#define CALL_ATTEST_STEP_MAX          256u /* bytes of a signed floor step */
#define CALL_ATTEST_APPROVALS_MAX     32768u

enum call_attest_kind {
	CALL_ATTEST_INFO = 1,             /* call_attest_head */
	CALL_ATTEST_INFO_ANSWER = 2,      /* call_attest_info + TPMT_PUBLIC of the AK */
	CALL_ATTEST_EVIDENCE = 3,         /* call_attest_evidence */
	CALL_ATTEST_EVIDENCE_ANSWER = 4,  /* call_attest_head + evidence without proof, CBOR */
	CALL_ATTEST_NV_EXTEND = 5,        /* call_attest_extend */
	CALL_ATTEST_NV_EXTEND_ANSWER = 6, /* call_attest_extended */
	CALL_ATTEST_NODE = 7,             /* call_attest_node + node statement (authz_node.h) */
	CALL_ATTEST_NODE_ANSWER = 8,      /* call_attest_head */
	CALL_ATTEST_ACTIVATE =
	    9, /* call_attest_activate + TPM2B_ID_OBJECT + TPM2B_ENCRYPTED_SECRET */
	CALL_ATTEST_ACTIVATE_ANSWER = 10, /* call_attest_head + secret */
	CALL_ATTEST_FLOOR = 11,        /* call_attest_head + a signed step, or nothing: only ask */
	CALL_ATTEST_FLOOR_ANSWER = 12, /* call_attest_head + call_attest_floors */
	CALL_ATTEST_JUDGE = 13,        /* call_attest_judge + a file of approvals */
	CALL_ATTEST_JUDGE_ANSWER = 14, /* call_attest_head + call_attest_judged */
	CALL_ATTEST_USUAL = 15,        /* call_attest_usual */
	CALL_ATTEST_USUAL_ANSWER = 16, /* call_attest_head */
};

struct call_attest_head {
	uint64_t request;
	uint32_t status; /* of answers, enum status; 0 in requests */
	uint32_t reserved;
};

struct call_attest_info {
	struct call_attest_head head;
	uint64_t clock_ms;
	uint32_t reset_count;
	uint32_t restart_count;
	uint32_t clock_safe;
	uint32_t is_software;
	uint32_t firmware_version_high;
	uint32_t firmware_version_low;
	uint8_t manufacturer[4];
	uint32_t ak_name_len;
	uint8_t ak_name[34];
	uint16_t ak_public_len;
	uint16_t ek_public_len;
	uint16_t reserved;
	uint8_t primary_name[34]; /* of the storage primary that its sessions are salted to */
	uint8_t reserved2[6];
	/* then the AK's TPMT_PUBLIC, then the EK's (none: the TPM has no certificate) */
};

/* The asker brings a root over nonces and no more: what else the quote commits to comes from the
 * node statement, which the signer gave. */
struct call_attest_evidence {
	struct call_attest_head head;
	uint8_t root[32];
};

/* What the signer says of itself in this boot; again when the authority's key is new. PCR 13 takes
 * the first commit; another one is refused. */
struct call_attest_node {
	struct call_attest_head head;
	uint8_t commit[32];
	uint8_t deployment[32]; /* for the certificates of NV indices */
};

struct call_attest_activate {
	struct call_attest_head head;
	uint16_t blob_len;
	uint16_t encrypted_len;
	uint32_t reserved;
};

/* After a step: the floors as they are now. A step that was not taken has the status of
 * attestor_floor_step. */
struct call_attest_floors {
	uint64_t release_floor; /* the counters: the last byte is the floor */
	uint64_t site_floor;
	uint32_t release_level; /* highest approved for what runs now and starts by itself */
	uint32_t site_level;
};

/* Would these approvals let in what is to start next, and what runs now and what starts by itself,
 * too? All other PCRs as they are now. */
struct call_attest_judge {
	struct call_attest_head head;
	uint8_t next[32];  /* PCR 4 of the next start */
	uint8_t usual[32]; /* PCR 4 of what firmware starts by itself */
};

struct call_attest_judged {
	uint32_t code; /* of call_update.h; 0: all of them */
	uint32_t why;  /* LOCKS_OUT: the code in which that start would end; else 0 */
};

/* What firmware starts by itself, which may be another image than the one that runs, while that is
 * only tried: no floor is to lock it out either. */
struct call_attest_usual {
	struct call_attest_head head;
	uint8_t pcr[32]; /* PCR 4 of such a start */
};

struct call_attest_extend {
	struct call_attest_head head;
	uint8_t digest[32]; /* of a checkpoint */
	uint64_t boots;     /* the boot counter is raised to this afterwards */
};

struct call_attest_extended {
	struct call_attest_head head;
	uint8_t value[32]; /* of the index afterwards */
	uint64_t boots;    /* of the boot counter */
};

_Static_assert(sizeof(struct call_attest_head) == 16, "fixed layout");
_Static_assert(sizeof(struct call_attest_info) == 136, "fixed layout");
_Static_assert(sizeof(struct call_attest_evidence) == 48, "fixed layout");
_Static_assert(sizeof(struct call_attest_node) == 80, "fixed layout");
_Static_assert(sizeof(struct call_attest_activate) == 24, "fixed layout");
_Static_assert(sizeof(struct call_attest_floors) == 24, "fixed layout");
_Static_assert(sizeof(struct call_attest_judge) == 80, "fixed layout");
_Static_assert(sizeof(struct call_attest_judged) == 8, "fixed layout");
_Static_assert(sizeof(struct call_attest_usual) == 48, "fixed layout");
_Static_assert(sizeof(struct call_attest_extend) == 56, "fixed layout");
_Static_assert(sizeof(struct call_attest_extended) == 56, "fixed layout");

_Static_assert(CALL_ATTEST_MESSAGE_MAX + 8 <= CALL_ATTEST_BRIDGE_SLOT_BYTES, "fits a slot");
_Static_assert(8 + sizeof(struct call_attest_judge) + CALL_ATTEST_APPROVALS_MAX <=
                   CALL_ATTEST_SIGNER_SLOT_BYTES,
               "fits a slot");

/* The asker's side. attest_take_* check lengths; MALFORMED: the peer is broken. */
MUST_USE enum status attest_take_info(struct bytes message, struct call_attest_info *ret_info,
                                      struct bytes *ret_ak_public, struct bytes *ret_ek_public);
/* attest_take_answer takes an answer that is a head and at most `max` bytes behind it. */
MUST_USE enum status attest_take_answer(struct bytes message, size_t max,
                                        struct call_attest_head *ret_head, struct bytes *ret_rest);
MUST_USE enum status attest_take_extended(struct bytes message,
                                          struct call_attest_extended *ret_extended);

/* The attestor's side: one request, of the kind given. Runs borrow from the message. */
struct call_attest_request {
	union {
		struct call_attest_head head;
		struct call_attest_evidence evidence;
		struct call_attest_extend extend;
		struct call_attest_node node;
		struct call_attest_activate activate;
		struct call_attest_judge judge;
		struct call_attest_usual usual;
	};
	struct bytes statement;       /* NODE */
	struct bytes step;            /* FLOOR; may be empty */
	struct bytes blob, encrypted; /* ACTIVATE */
	struct bytes approvals;       /* JUDGE */
};

MUST_USE enum status attest_take_request(uint32_t kind, struct bytes message,
                                         struct call_attest_request *ret_request);

#endif
