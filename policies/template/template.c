/* template: sends SOL to one recipient. Start here: name what you allow, refuse the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "template_parameters.h"

#include "policy_decode.h"

/* rule_transfer: from the wallet, to the recipient, `sent` together within the limit. */
static bool rule_transfer(struct policy *p, const struct policy_ix *ix, uint64_t *sent)
{
	const struct policy_record *r = policy_record(p);
	struct policy_system s;
	uint32_t reason = policy_decode_system(ix, &s);
	if (reason == POLICY_REASON_NONE && s.tag != POLICY_SYSTEM_TRANSFER)
		reason = POLICY_REASON_INSTRUCTION;
	if (!policy_decoded(p, ix, reason))
		return p->explain;
	*sent = policy_add(*sent, s.lamports);
	p->facts->lamports_out = policy_add(p->facts->lamports_out, s.lamports);
	if (p->says) {
		policy_put(&p->text, "Send ");
		policy_put_sol(&p->text, s.lamports);
		policy_put(&p->text, " to ");
		policy_put_value(&p->text, v_account(p, s.to));
		policy_put(&p->text, "\n");
	}
	return POLICY_LIMIT(p, p->accounts[s.from].wallet != 0, POLICY_REASON_SOURCE, ix->number,
	                    "sender", v_words("the wallet"), v_account(p, s.from)) &&
	       POLICY_LIMIT(p, policy_is_key(p, s.to, r->recipient.bytes), POLICY_REASON_RECIPIENT,
	                    ix->number, "recipient", v_key(r->recipient.bytes),
	                    v_account(p, s.to)) &&
	       POLICY_LIMIT(p, *sent <= r->max_lamports, POLICY_REASON_AMOUNT, ix->number,
	                    "lamports sent", v_lamports_at_most(r->max_lamports),
	                    v_lamports(*sent));
}

/* policy_rules looks at the whole transaction. What returns without a failure is allowed, so every
 * instruction that has no rule must fail. */
static void policy_rules(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	uint64_t sent = 0;
	if (!POLICY_LIMIT(p, p->request->nonce == 0, POLICY_REASON_LIFETIME, POLICY_NO_INSTRUCTION,
	                  "lifetime", v_words("a blockhash"), v_words("a durable nonce")) ||
	    !POLICY_LIMIT(p, p->facts->fee_lamports <= r->max_fee_lamports, POLICY_REASON_FEE,
	                  POLICY_NO_INSTRUCTION, "network fee",
	                  v_lamports_at_most(r->max_fee_lamports),
	                  v_lamports(p->facts->fee_lamports)))
		return;
	for (uint32_t i = 0; i < p->request->instructions.count; i++) {
		struct policy_ix ix = policy_instruction_at(p, i);
		bool goes_on;
		if (ix.program == POLICY_PROGRAM_SYSTEM)
			goes_on = rule_transfer(p, &ix, &sent);
		else if (ix.program == POLICY_PROGRAM_COMPUTE_BUDGET)
			goes_on = policy_decoded(p, &ix, policy_decode_compute_budget(&ix));
		else
			goes_on = POLICY_LIMIT(p, false, POLICY_REASON_PROGRAM, i, "program",
			                       v_words("System or Compute Budget"),
			                       v_account(p, p->instructions[i].program));
		if (!goes_on)
			return;
	}
}

/* policy_grant says what the parameters allow, in the words that the user signs. Leave nothing out
 * that can leave the wallet. */
static void policy_grant(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	policy_put(&p->text, "Send SOL to ");
	policy_put_key(&p->text, r->recipient.bytes);
	policy_put(&p->text, " only: in one transaction at most ");
	policy_put_sol(&p->text, r->max_lamports);
	policy_put(&p->text, ", and a network fee of at most ");
	policy_put_sol(&p->text, r->max_fee_lamports);
	policy_put(&p->text, ".\n");
}
