/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_trust.h"

#include "base_check.h"
#include "policy_builtin.h"

/* Of policy_builtin_keys: System, Compute Budget, Token, Token-2022, Associated Token, three Memos.
 */
#define LEAVES 8

static bool is_leaf(const uint8_t program[32])
{
	for (size_t i = 0; i < LEAVES; i++)
		if (memcmp(policy_builtin_keys[i], program, 32) == 0)
			return true;
	return false;
}

size_t policy_trust(struct bytes request, struct policy_trusted ret_trusted[POLICY_TRUST_MAX])
{
	const struct policy_request *head = (const void *)request.data;
	const struct policy_account *accounts = (const void *)(request.data + head->accounts.off);
	const struct policy_instruction *instructions =
	    (const void *)(request.data + head->instructions.off);
	const uint8_t *indexes = request.data + head->indexes.off;
	size_t count = 0;

	CHECK((uintptr_t)request.data % 8 == 0 && request.len >= sizeof(*head));
	for (uint32_t i = 0; head->kind == POLICY_KIND_TRANSACTION && i < head->instructions.count;
	     i++) {
		const struct policy_instruction *ix = &instructions[i];
		const uint8_t *program = accounts[ix->program].key;
		bool has_wallet = false;
		uint32_t writable = 0;
		size_t at = 0;

		for (uint32_t j = 0; j < ix->account_count; j++) {
			const struct policy_account *account =
			    &accounts[indexes[ix->account_first + j]];

			has_wallet |= account->wallet != 0 && account->signer != 0;
			writable += account->writable != 0;
		}
		if (!has_wallet || is_leaf(program))
			continue;
		while (at < count && memcmp(ret_trusted[at].program, program, 32) != 0)
			at++;
		if (at == POLICY_TRUST_MAX)
			at--;
		if (at == count) {
			ret_trusted[count] = (struct policy_trusted){.writable = 0};
			memcpy(ret_trusted[count++].program, program, 32);
		}
		ret_trusted[at].writable += writable;
	}
	return count;
}
