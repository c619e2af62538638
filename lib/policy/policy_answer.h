/* policy_answer: what a module answered, taken strictly from bytes that nobody vouches for.
 *
 * For the signer, on its own copy of the answer area, and the command line. An answer that breaks
 * any rule of spec/policy-abi.md is STATUS_MALFORMED: the caller refuses with
 * POLICY_REASON_BAD_ANSWER. Texts are cleaned (policy_text.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_ANSWER_H
#define POLICY_ANSWER_H

#include "base_bytes.h"
#include "base_verdict.h"
#include "policy_abi.h"

struct policy_decision {
	struct verdict verdict; /* describing: allows when there is a text */
	uint32_t reason;        /* enum policy_reason, or the module's own from 1000 on */
	uint32_t instruction;   /* index, or POLICY_NO_INSTRUCTION */
	uint32_t charge_count;
	uint32_t explain_count;
	uint32_t text_len;
	struct policy_facts facts;
	struct policy_charge charges[POLICY_COUNTERS_MAX];
	char text[POLICY_DESCRIPTION_MAX + 1]; /* NUL behind text_len bytes */
};

/* One constraint, cleaned; texts end with a NUL. */
struct policy_constraint {
	bool holds;
	uint32_t reason;
	uint32_t instruction;
	char name[33];
	char expected[65];
	char actual[65];
};

/* policy_answer_len reads how many bytes an answer area's answer has; 0 when the counts are wrong.
 * For whoever copies an answer out of a module's memory. */
size_t policy_answer_len(const struct policy_answer *answer);

/* policy_answer_decode decodes the answer to `request` (policy_request_encode's bytes). */
MUST_USE enum status policy_answer_decode(struct bytes answer, struct bytes request,
                                          struct policy_decision *ret_decision);

/* policy_answer_explain gives constraint `index` of an answer that policy_answer_decode took. */
void policy_answer_explain(struct bytes answer, uint32_t index,
                           struct policy_constraint *ret_constraint);

/* policy_answer_is_cut says whether a description does not fit: it fills all the room that it has,
 * or says so itself. Nobody can sign what he was not shown (B7). */
bool policy_answer_is_cut(const struct policy_decision *decision);

/* policy_reason_name returns a code's name for machines; `buffer` holds the module's own. */
const char *policy_reason_name(uint32_t reason, char buffer[24]);

#endif
