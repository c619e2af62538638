/* policy_summary: how a transaction's text ends: what leaves the wallet in all, and who is trusted
 * to take no more (A15, B7). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SUMMARY_H
#define POLICY_SUMMARY_H

#include "policy_sdk.h"

/* Whether an instruction up to this one hands the wallet's signature to this program, which calls
 * others. */
static POLICY_COLD bool policy_hands_wallet(const struct policy *p, uint32_t end, uint32_t program)
{
	if (policy_key_is_builtin(p->accounts[program].key))
		return false;
	for (uint32_t i = 0; i < end; i++) {
		const struct policy_instruction *at = &p->instructions[i];
		for (uint32_t n = 0; at->program == program && n < at->account_count; n++)
			if (p->accounts[p->indexes[at->account_first + n]].wallet)
				return true;
	}
	return false;
}

/* What a program does with the wallet's signature stands in no instruction: that what leaves is no
 * more than they say rests on it. */
static POLICY_COLD void policy_say_handed(struct policy *p,
                                          void (*write_key)(struct policy_text *, const uint8_t *))
{
	const struct policy_request *r = p->request;
	bool any = false;
	for (uint32_t i = 0; i < r->instructions.count; i++) {
		uint32_t program = p->instructions[i].program;
		if (!policy_hands_wallet(p, i + 1, program) || policy_hands_wallet(p, i, program))
			continue;
		policy_put(&p->text, any ? ", "
		                         : "Trusted to take no more than that of what this "
		                           "transaction hands them with the wallet's signature: ");
		write_key(&p->text, p->accounts[program].key);
		any = true;
	}
	if (any)
		policy_put(&p->text, p->accounts[r->wallet_account].writable
		                         ? ", and all that they call. The wallet's SOL is within "
		                           "their reach.\n"
		                         : ", and all that they call. The wallet is read-only: its "
		                           "SOL is out of their reach.\n");
}

/* policy_say_summary ends a transaction's text when the rules have seen all of it. `write_key`
 * writes an address: policy_put_key, or by its name where the policy vouches for one. */
static POLICY_COLD void policy_say_summary(struct policy *p,
                                           void (*write_key)(struct policy_text *, const uint8_t *))
{
	const struct policy_facts *f = p->facts;
	policy_say_last(p);
	policy_put(&p->text, "Network fee at most ");
	policy_put_sol(&p->text, f->fee_lamports);
	/* What an instruction that no rule takes would take nobody knows. */
	policy_put(&p->text, p->failed ? ". Leaves the wallet, as far as a rule counts it: at most "
	                               : ". Leaves the wallet in all: at most ");
	policy_put_sol(&p->text, f->lamports_out);
	for (uint32_t i = 0; i < f->token_count; i++) {
		policy_put(&p->text, ", ");
		policy_put_number(&p->text, f->tokens[i].amount);
		policy_put(&p->text, " raw units of ");
		write_key(&p->text, f->tokens[i].mint);
	}
	policy_put(&p->text, ".\n");
	policy_say_handed(p, write_key);
	if (f->delegations != 0 || f->authority_changes != 0)
		policy_put(&p->text, "WARNING: others get power over accounts of the wallet.\n");
}

#endif
