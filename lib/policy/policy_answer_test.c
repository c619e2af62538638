/* An answer comes from code that anyone may have written: M6, A3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_answer.h"

#include "base_test.h"
#include "policy_text.h"

/* A request for one transaction of two instructions, one account (the wallet) and two counters. */
static union {
	struct policy_request head;
	_Alignas(8) uint8_t bytes[sizeof(struct policy_request) + sizeof(struct policy_account)];
} request;

static union {
	struct policy_answer head;
	_Alignas(8) uint8_t bytes[POLICY_AREA_BYTES - POLICY_ANSWER_OFFSET];
} answer;

static struct policy_decision decision;

static void begin(uint32_t verdict, const char *text)
{
	struct policy_account *payer = (void *)(request.bytes + sizeof(struct policy_request));
	memset(&request, 0, sizeof(request));
	memset(&answer, 0, sizeof(answer.head));
	request.head = (struct policy_request){
	    .magic = POLICY_REQUEST_MAGIC,
	    .abi = 1,
	    .mode = POLICY_MODE_CHECK,
	    .len = sizeof(request),
	    .kind = POLICY_KIND_TRANSACTION,
	    .fee = {.worst_lamports = 5000},
	    .accounts = { sizeof(struct policy_request),                     1},
	    .instructions = { 0,                     2},
	    .counters = { 0,                     2},
	};
	payer->wallet = 1;
	answer.head = (struct policy_answer){
	    .magic = POLICY_ANSWER_MAGIC,
	    .verdict = verdict,
	    .reason = verdict == POLICY_ALLOW ? POLICY_REASON_NONE : POLICY_REASON_AMOUNT,
	    .instruction = POLICY_NO_INSTRUCTION,
	    .text_len = (uint32_t)strlen(text),
	    .facts = {.lamports_out = 6000, .fee_lamports = 5000},
	};
	memcpy(answer.bytes + sizeof(answer.head), text, strlen(text));
}

static enum status decode(void)
{
	struct bytes bytes =
	    bytes_of(answer.bytes, sizeof(answer.head) +
	                               answer.head.explain_count * sizeof(struct policy_explain) +
	                               answer.head.text_len);
	memset(&decision, 0x55, sizeof(decision));
	return policy_answer_decode(bytes, BYTES_OF_ARRAY(request.bytes), &decision);
}

static void test_an_allow_with_charges_is_taken(void)
{
	begin(POLICY_ALLOW, "");
	answer.head.charge_count = 2;
	answer.head.charges[0] = (struct policy_charge){0, 0, 6000};
	answer.head.charges[1] = (struct policy_charge){1, 0, 1};
	EXPECT(decode() == STATUS_OK);
	EXPECT(verdict_allows(decision.verdict) && decision.charge_count == 2);
	EXPECT(decision.charges[0].amount == 6000 && decision.facts.lamports_out == 6000);
}

static void test_a_denial_brings_its_reason_in_one_clean_line(void)
{
	begin(POLICY_DENY, "no\n\x1b[31m \xe2\x80\xae"
	                   "evil\xff");
	answer.head.instruction = 1;
	EXPECT(decode() == STATUS_OK);
	EXPECT(!verdict_allows(decision.verdict) && decision.reason == POLICY_REASON_AMOUNT);
	EXPECT(decision.instruction == 1);
	EXPECT(strcmp(decision.text, "no [31m evil?") == 0);
	EXPECT(decision.text_len == strlen(decision.text));
}

/* The answer that is as large as one may be. */
static void test_the_largest_answer_is_taken(void)
{
	uint8_t *text =
	    answer.bytes + sizeof(answer.head) + POLICY_EXPLAIN_MAX * sizeof(struct policy_explain);
	begin(POLICY_ALLOW, "");
	request.head.flags = POLICY_FLAG_EXPLAIN;
	answer.head.explain_count = POLICY_EXPLAIN_MAX;
	answer.head.text_len = POLICY_DESCRIPTION_MAX;
	memset(text, 'a', POLICY_DESCRIPTION_MAX);
	answer.head.facts.token_count = POLICY_TOKENS_MAX;
	for (uint8_t i = 0; i < POLICY_TOKENS_MAX; i++)
		answer.head.facts.tokens[i].mint[31] = i;
	EXPECT(decode() == STATUS_OK && decision.text_len == POLICY_DESCRIPTION_MAX);
	EXPECT(decision.facts.token_count == POLICY_TOKENS_MAX);
	for (uint8_t i = 0; i < POLICY_TOKENS_MAX; i++) {
		uint8_t *last = &answer.head.facts.tokens[i].mint[31], was = *last;
		*last = (uint8_t)((i + 1) % POLICY_TOKENS_MAX);
		EXPECT(decode() == STATUS_MALFORMED); /* a mint twice */
		*last = was;
	}
}

#define REFUSES(change)                                                                            \
	do {                                                                                       \
		begin(POLICY_ALLOW, "");                                                           \
		change;                                                                            \
		EXPECT(decode() == STATUS_MALFORMED);                                              \
	} while (0)

static void test_every_rule_that_is_broken_is_malformed(void)
{
	REFUSES(answer.head.magic++);
	REFUSES(answer.head.verdict = 2);
	REFUSES(answer.head.verdict = UINT32_MAX);
	REFUSES(answer.head.verdict = VERDICT_ALLOW);
	REFUSES(answer.head.reserved = 1);
	REFUSES(answer.head.reason = POLICY_REASON_AMOUNT);
	REFUSES(answer.head.instruction = 2);
	REFUSES(answer.head.charge_count = 3);
	REFUSES(answer.head.charge_count = UINT32_MAX);
	REFUSES(answer.head.charges[0].amount = 1);
	REFUSES(answer.head.charge_count = 1; answer.head.charges[0].counter = 2);
	REFUSES(answer.head.charge_count = 1; answer.head.charges[0].reserved = 1);
	REFUSES(answer.head.charge_count = 2); /* the same counter twice */
	REFUSES(answer.head.charge_count = 2; answer.head.charges[0].counter = 1);
	REFUSES(answer.head.facts.reserved = 1);
	REFUSES(answer.head.facts.token_count = POLICY_TOKENS_MAX + 1);
	REFUSES(answer.head.facts.token_count = 2); /* the same mint twice */
	REFUSES(answer.head.facts.tip_lamports = 1001);
	REFUSES(answer.head.facts.rent_lamports = UINT64_MAX);
	REFUSES(answer.head.facts.fee_lamports = 4999);
	REFUSES(answer.head.facts.lamports_out = 4999);
	REFUSES(answer.head.explain_count = 1);
	REFUSES(answer.head.explain_count = POLICY_EXPLAIN_MAX + 1);
	begin(POLICY_DENY, "");
	answer.head.charge_count = 1;
	EXPECT(decode() == STATUS_MALFORMED);
	begin(POLICY_DENY, "");
	answer.head.reason = POLICY_REASON_TRAP; /* the host's to say */
	EXPECT(decode() == STATUS_MALFORMED);
	begin(POLICY_DENY, "");
	answer.head.reason = POLICY_REASON_NONE;
	EXPECT(decode() == STATUS_MALFORMED);
}

static void test_lengths_that_lie_are_malformed(void)
{
	begin(POLICY_DENY, "text");
	struct bytes whole = bytes_of(answer.bytes, sizeof(answer.head) + 4);
	struct bytes req = BYTES_OF_ARRAY(request.bytes);
	EXPECT(policy_answer_decode(whole, req, &decision) == STATUS_OK);
	for (size_t len = 0; len < sizeof(answer.head) + 8; len++) {
		if (len == whole.len)
			continue;
		EXPECT(policy_answer_decode(bytes_of(answer.bytes, len), req, &decision) ==
		       STATUS_MALFORMED);
	}
	answer.head.text_len = POLICY_DESCRIPTION_MAX + 1;
	EXPECT(policy_answer_len(&answer.head) == 0);
}

static void test_another_fee_payer_needs_no_fee_in_the_facts(void)
{
	begin(POLICY_ALLOW, "");
	((struct policy_account *)(void *)(request.bytes + sizeof(struct policy_request)))->wallet =
	    0;
	answer.head.facts.fee_lamports = 0;
	answer.head.facts.lamports_out = 0;
	EXPECT(decode() == STATUS_OK);
}

/* The fee is counted where it is taken: not by a denial, nor by a text. */
static void test_only_an_allow_counts_the_fee(void)
{
	begin(POLICY_DENY, "");
	answer.head.facts.fee_lamports = 0;
	EXPECT(decode() == STATUS_OK);
	begin(POLICY_ALLOW, "what leaves");
	request.head.mode = POLICY_MODE_DESCRIBE_TRANSACTION;
	answer.head.facts.fee_lamports = 0;
	EXPECT(decode() == STATUS_OK);
}

static void test_explain_records_come_only_when_asked_for(void)
{
	struct policy_explain *e = (void *)(answer.bytes + sizeof(answer.head));
	struct policy_constraint c;
	begin(POLICY_DENY, "");
	request.head.flags = POLICY_FLAG_EXPLAIN;
	answer.head.explain_count = 1;
	memset(e, 0, sizeof(*e));
	e->reason = POLICY_REASON_MINT;
	e->instruction = 1;
	memset(e->name, 'n', sizeof(e->name));
	memcpy(e->expected, "a\tb", 3);
	memcpy(e->actual, "c", 1);
	EXPECT(decode() == STATUS_OK && decision.explain_count == 1);
	policy_answer_explain(bytes_of(answer.bytes, sizeof(answer.head) + sizeof(*e)), 0, &c);
	EXPECT(!c.holds && c.reason == POLICY_REASON_MINT && strlen(c.name) == 32);
	EXPECT(strcmp(c.expected, "ab") == 0 && strcmp(c.actual, "c") == 0);
	EXPECT(c.instruction == 1);
	request.head.flags = 0;
	EXPECT(decode() == STATUS_MALFORMED);
}

static void test_text_for_people_keeps_letters_and_loses_tricks(void)
{
	static const char *const bad[] = {
	    "\x07",         "\x7f",         "\xc2\x85",        "\xe2\x80\x8b",
	    "\xe2\x80\x8f", "\xe2\x81\xa6", "\xef\xbb\xbf",    "\xd8\x9c",
	    "\xe2\x80\xa8", "\xee\x80\x80", "\xf3\xa0\x81\x81"};
	uint8_t out[64];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(policy_text_clean(bytes_of_text(bad[i]), true, out) == 0);
	EXPECT(policy_text_clean(bytes_of_text("\xc3\xa9\xf0\x9f\x98\x80\n"), true, out) == 7);
	EXPECT(policy_text_clean(bytes_of_text("\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80"), true,
	                         out) == 9);
	EXPECT(out[0] == '?' && out[8] == '?');
}

static void test_reasons_have_names(void)
{
	char own[24];
	EXPECT(strcmp(policy_reason_name(POLICY_REASON_RECIPIENT, own), "recipient-not-allowed") ==
	       0);
	EXPECT(strcmp(policy_reason_name(1234, own), "module-1234") == 0);
	EXPECT(strcmp(policy_reason_name(UINT32_MAX, own), "module-4294967295") == 0);
}

int main(void)
{
	RUN(test_an_allow_with_charges_is_taken);
	RUN(test_a_denial_brings_its_reason_in_one_clean_line);
	RUN(test_every_rule_that_is_broken_is_malformed);
	RUN(test_lengths_that_lie_are_malformed);
	RUN(test_another_fee_payer_needs_no_fee_in_the_facts);
	RUN(test_the_largest_answer_is_taken);
	RUN(test_only_an_allow_counts_the_fee);
	RUN(test_explain_records_come_only_when_asked_for);
	RUN(test_text_for_people_keeps_letters_and_loses_tricks);
	RUN(test_reasons_have_names);
	return test_summary();
}
