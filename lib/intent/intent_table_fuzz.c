/* A table that anyone wrote, and a message: what the host's check takes can be run and told without
 * reading or writing outside, and what is allowed pays the network's fee. The input is u16 length
 * of the table, the table, the message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "policy_answer.h"
#include "policy_intent.h"
#include "policy_request.h"

#pragma GCC diagnostic ignored "-Wunused-function"
#include "evaluator.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* No hash: derived accounts are not what is looked for here. */
static void no_hash(const struct bytes *parts, size_t count, uint8_t ret_hash[32])
{
	(void)parts;
	(void)count;
	memset(ret_hash, 0, 32);
}

static void forget(void)
{
	memset(&policy_area, 0, sizeof(policy_area));
	memset(intent_values, 0, sizeof(intent_values));
	memset(intent_owned, 0, sizeof(intent_owned));
	memset(intent_fresh, 0, sizeof(intent_fresh));
	memset(intent_binds, 0, sizeof(intent_binds));
	memset(intent_sides, 0, sizeof(intent_sides));
	memset(intent_settled, 0, sizeof(intent_settled));
	memset(intent_entries, 0, sizeof(intent_entries));
	memset(intent_is_pending, 0, sizeof(intent_is_pending));
	intent_pending_count = 0;
}

static void ask(const struct solana_view *view, unsigned mode, uint32_t flags)
{
	static _Alignas(8) uint8_t space[POLICY_REQUEST_MAX], record[POLICY_PARAMETERS_MAX];
	static struct policy_decision decision;
	struct buffer request = BUFFER_OF_ARRAY(space);
	struct solana_fee_facts fee = {0};
	struct solana_error error;
	uint32_t derivations;
	const uint8_t *wallet = view == NULL ? record : solana_account_key(view, 0);
	struct policy_input input = {.mode = mode,
	                             .flags = flags,
	                             .wallet = wallet,
	                             .view = view,
	                             .fee = &fee,
	                             .record =
	                                 bytes_of(record, (INTENT_HEAD->record_bytes + 7u) & ~7u),
	                             .sha256 = no_hash};
	if (view != NULL && view->kind != SOLANA_KIND_OFFCHAIN &&
	    solana_fee_facts(view, &fee, &error) != STATUS_OK)
		return;
	if (wallet == NULL || policy_request_encode(&input, &request, &derivations) != STATUS_OK)
		return;
	forget();
	memcpy(policy_area.bytes, request.data, request.len);
	if (mode == POLICY_MODE_CHECK)
		policy_check();
	else
		policy_describe();
	const struct policy_answer *answer =
	    (const void *)(policy_area.bytes + POLICY_ANSWER_OFFSET);
	struct bytes bytes = bytes_of(answer, policy_answer_len(answer));
	CHECK(bytes.len != 0);
	CHECK(policy_answer_decode(bytes, buffer_bytes(&request), &decision) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct solana_view view;
	struct policy_error why;
	struct solana_error error;
	size_t table = len < 2 ? len : load_le16(data);
	if (len < 2 || table > len - 2 || table > INTENT_TABLE_MAX)
		return 0;
	memset(intent_table_bytes, 0, sizeof(intent_table_bytes));
	memcpy(intent_table_bytes, data + 2, table);
	if (policy_intent_check(bytes_of(intent_table_bytes, table), &why) != STATUS_OK) {
		CHECK(why.text[0] != '\0');
		return 0;
	}
	ask(NULL, POLICY_MODE_DESCRIBE_GRANT, 0);
	if (solana_classify(bytes_of(data + 2 + table, len - 2 - table), &view, &error) !=
	    STATUS_OK)
		return 0;
	ask(&view, POLICY_MODE_CHECK, 0);
	ask(&view, POLICY_MODE_CHECK, POLICY_FLAG_EXPLAIN);
	ask(&view, POLICY_MODE_DESCRIBE_TRANSACTION, 0);
	return 0;
}
