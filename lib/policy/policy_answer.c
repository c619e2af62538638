/* policy_answer: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_answer.h"

#include <stdio.h>

#include "base_check.h"
#include "policy_text.h"

_Static_assert(sizeof(struct policy_answer) + POLICY_EXPLAIN_MAX * sizeof(struct policy_explain) +
                       POLICY_DESCRIPTION_MAX ==
                   POLICY_AREA_BYTES - POLICY_ANSWER_OFFSET,
               "the tail holds every record and the longest text");

size_t policy_answer_len(const struct policy_answer *answer)
{
	if (answer->magic != POLICY_ANSWER_MAGIC || answer->explain_count > POLICY_EXPLAIN_MAX ||
	    answer->text_len > POLICY_DESCRIPTION_MAX)
		return 0;
	return sizeof(*answer) + answer->explain_count * sizeof(struct policy_explain) +
	       answer->text_len;
}

/* The charges name counters of the request, each once, in order; none without an allow. */
static bool charges_are_good(const struct policy_answer *a, const struct policy_request *request)
{
	static const struct policy_charge none;
	bool may_charge = request->mode == POLICY_MODE_CHECK && a->verdict == POLICY_ALLOW;
	if (a->charge_count > request->counters.count || (a->charge_count != 0 && !may_charge))
		return false;
	for (uint32_t i = 0; i < POLICY_COUNTERS_MAX; i++) {
		const struct policy_charge *c = &a->charges[i];
		if (i < a->charge_count) {
			if (c->counter >= request->counters.count || c->reserved != 0 ||
			    (i != 0 && c->counter <= a->charges[i - 1].counter))
				return false;
		} else if (may_charge && memcmp(c, &none, sizeof(none)) != 0) {
			return false;
		}
	}
	return true;
}

static bool facts_are_good(const struct policy_facts *f)
{
	if (f->token_count > POLICY_TOKENS_MAX || f->reserved != 0)
		return false;
	for (uint32_t i = 0; i < f->token_count; i++)
		for (uint32_t j = 0; j < i; j++)
			if (memcmp(f->tokens[i].mint, f->tokens[j].mint, 32) == 0)
				return false;
	/* The parts are parts of the whole. */
	uint64_t left = f->lamports_out;
	const uint64_t parts[] = {f->fee_lamports, f->tip_lamports, f->rent_lamports,
	                          f->wrapped_lamports};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i] > left)
			return false;
		if (f->lamports_out != UINT64_MAX)
			left -= parts[i];
	}
	return true;
}

/* An allow may not claim a smaller fee than the network can take from this wallet. */
static bool fee_is_counted(const struct policy_answer *a, const struct policy_request *request,
                           const struct policy_account *payer)
{
	if (request->mode != POLICY_MODE_CHECK || a->verdict != POLICY_ALLOW ||
	    request->kind != POLICY_KIND_TRANSACTION || !payer->wallet)
		return true;
	return a->facts.fee_lamports >= request->fee.worst_lamports;
}

static bool answer_is_good(const struct policy_answer *a, const struct policy_request *request)
{
	bool explains =
	    request->mode == POLICY_MODE_CHECK && (request->flags & POLICY_FLAG_EXPLAIN) != 0;
	if (a->verdict > POLICY_ALLOW || a->reserved != 0 || (a->explain_count != 0 && !explains))
		return false;
	if (a->instruction != POLICY_NO_INSTRUCTION &&
	    a->instruction >= request->instructions.count)
		return false;
	if (a->verdict == POLICY_ALLOW && a->reason != POLICY_REASON_NONE)
		return false;
	if (a->verdict == POLICY_DENY && a->reason < POLICY_REASON_MODULE_FIRST)
		return false;
	return charges_are_good(a, request) && facts_are_good(&a->facts);
}

enum status policy_answer_decode(struct bytes answer, struct bytes request,
                                 struct policy_decision *ret_decision)
{
	const struct policy_request *head = (const void *)request.data;
	struct policy_answer a;
	CHECK(request.len >= sizeof(*head) && (uintptr_t)request.data % 8 == 0);
	if (answer.len < sizeof(a))
		return STATUS_MALFORMED;
	memcpy(&a, answer.data, sizeof(a));
	if (policy_answer_len(&a) != answer.len || !answer_is_good(&a, head))
		return STATUS_MALFORMED;
	if (head->kind == POLICY_KIND_TRANSACTION &&
	    !fee_is_counted(&a, head, (const void *)(request.data + head->accounts.off)))
		return STATUS_MALFORMED;
	ret_decision->verdict.word = a.verdict == POLICY_ALLOW ? VERDICT_ALLOW : 0;
	ret_decision->reason = a.reason;
	ret_decision->instruction = a.instruction;
	ret_decision->charge_count = a.charge_count;
	ret_decision->explain_count = a.explain_count;
	ret_decision->facts = a.facts;
	memcpy(ret_decision->charges, a.charges, sizeof(a.charges));
	struct bytes text = {answer.data + answer.len - a.text_len, a.text_len};
	ret_decision->text_len = (uint32_t)policy_text_clean(text, head->mode != POLICY_MODE_CHECK,
	                                                     (uint8_t *)ret_decision->text);
	ret_decision->text[ret_decision->text_len] = 0;
	return STATUS_OK;
}

/* A record's text field: what stands before the first zero byte. */
static void take_words(const uint8_t *from, size_t cap, char *to)
{
	size_t len = strnlen((const char *)from, cap);
	to[policy_text_clean((struct bytes){from, len}, false, (uint8_t *)to)] = 0;
}

void policy_answer_explain(struct bytes answer, uint32_t index,
                           struct policy_constraint *ret_constraint)
{
	struct policy_explain e;
	size_t off = sizeof(struct policy_answer) + index * sizeof(e);
	CHECK(index < POLICY_EXPLAIN_MAX && off + sizeof(e) <= answer.len);
	memcpy(&e, answer.data + off, sizeof(e));
	ret_constraint->holds = e.holds == 1;
	ret_constraint->reason = e.reason;
	ret_constraint->instruction = e.instruction;
	take_words(e.name, sizeof(e.name), ret_constraint->name);
	take_words(e.expected, sizeof(e.expected), ret_constraint->expected);
	take_words(e.actual, sizeof(e.actual), ret_constraint->actual);
}

bool policy_answer_is_cut(const struct policy_decision *decision)
{
	static const char mark[] = "INCOMPLETE: ";

	return decision->text_len == POLICY_DESCRIPTION_MAX ||
	       strncmp(decision->text, mark, sizeof(mark) - 1) == 0;
}

const char *policy_reason_name(uint32_t reason, char buffer[24])
{
	switch (reason) {
#define ROW(value, name, text)                                                                     \
	case value:                                                                                \
		return text;
		POLICY_REASONS(ROW)
#undef ROW
	default:
		snprintf(buffer, 24, "module-%u", reason);
		return buffer;
	}
}
