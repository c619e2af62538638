/* call_attest: what the attestor, which holds the TPM, is asked.
 *
 *   bridge -> attestor  INFO, QUOTE                 signer -> attestor  INFO, NV_EXTEND
 *   attestor -> either  for each exactly one answer, in order, with the asker's request number
 *
 * Nobody asks it for a secret, and it has none. Fixed layout, little-endian; payloads follow their
 * struct. Answers of another status than OK carry no payload. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_ATTEST_H
#define CALL_ATTEST_H

#include <stdint.h>

#include "base_bytes.h"

#define CALL_ATTEST_BRIDGE_SLOT_BYTES 16384u
#define CALL_ATTEST_SIGNER_SLOT_BYTES 4096u
#define CALL_ATTEST_MESSAGE_MAX       2048u /* of any answer: quote, key and PCRs */
#define CALL_ATTEST_PCR_COUNT         24u

enum call_attest_kind {
	CALL_ATTEST_INFO = 1,         /* call_attest_head */
	CALL_ATTEST_INFO_ANSWER = 2,  /* call_attest_info + TPMT_PUBLIC of the AK */
	CALL_ATTEST_QUOTE = 3,        /* call_attest_quote */
	CALL_ATTEST_QUOTE_ANSWER = 4, /* call_attest_quoted + TPMS_ATTEST + TPMT_SIGNATURE + PCRs */
	CALL_ATTEST_NV_EXTEND = 5,    /* call_attest_extend */
	CALL_ATTEST_NV_EXTEND_ANSWER = 6, /* call_attest_extended */
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
	uint32_t reserved;
	/* then the AK's TPMT_PUBLIC */
};

struct call_attest_quote {
	struct call_attest_head head;
	uint8_t extra[32];
	uint32_t pcr_mask; /* bit n: PCR n, SHA-256 bank; not 0 */
	uint32_t reserved;
};

struct call_attest_quoted {
	struct call_attest_head head;
	uint32_t pcr_mask;
	uint16_t attest_len;
	uint16_t signature_len;
	/* then TPMS_ATTEST, TPMT_SIGNATURE, and 32 bytes for each PCR in the mask, ascending. The
	 * PCRs are read beside the quote: only their digest in TPMS_ATTEST is signed. */
};

struct call_attest_extend {
	struct call_attest_head head;
	uint8_t digest[32]; /* of a checkpoint */
};

struct call_attest_extended {
	struct call_attest_head head;
	uint8_t value[32]; /* of the index afterwards */
};

_Static_assert(sizeof(struct call_attest_head) == 16, "fixed layout");
_Static_assert(sizeof(struct call_attest_info) == 96, "fixed layout");
_Static_assert(sizeof(struct call_attest_quote) == 56, "fixed layout");
_Static_assert(sizeof(struct call_attest_quoted) == 24, "fixed layout");
_Static_assert(sizeof(struct call_attest_extend) == 48, "fixed layout");
_Static_assert(sizeof(struct call_attest_extended) == 48, "fixed layout");

/* The asker's side. attest_take_* check lengths; MALFORMED: the peer is broken. */
MUST_USE enum status attest_take_info(struct bytes message, struct call_attest_info *ret_info,
                                      struct bytes *ret_ak_public);
MUST_USE enum status attest_take_quoted(struct bytes message, struct call_attest_quoted *ret_quoted,
                                        struct bytes *ret_attest, struct bytes *ret_signature,
                                        struct bytes *ret_pcrs);
MUST_USE enum status attest_take_extended(struct bytes message,
                                          struct call_attest_extended *ret_extended);

/* The attestor's side: one request, of the kind given. */
union call_attest_request {
	struct call_attest_head head;
	struct call_attest_quote quote;
	struct call_attest_extend extend;
};

MUST_USE enum status attest_take_request(uint32_t kind, struct bytes message,
                                         union call_attest_request *ret_request);

#endif
