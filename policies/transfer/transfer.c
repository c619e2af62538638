/* transfer: sends SOL and tokens to recipients that the user named, up to limits.
 *
 * Allows, and nothing else: System transfer from the wallet, Token and Token-2022 transferChecked
 * from the wallet's own associated account to a recipient's, creation of that account, tips,
 * Compute Budget, and where the grant says so memos and a durable nonce. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_parameters.h"

#include "policy_decode.h"
#include "policy_summary.h"

struct transfer {
	uint64_t sent; /* lamports so far, tips not counted */
	bool moved;    /* something was sent */
};

static bool check_wallet(struct policy *p, uint32_t number, uint32_t account, uint32_t reason,
                         const char *name)
{
	return POLICY_LIMIT(p, p->accounts[account].wallet != 0, reason, number, name,
	                    v_words("the wallet"), v_account(p, account));
}

static bool check_known(struct policy *p, uint32_t number, uint32_t account, const char *name)
{
	return POLICY_NEED(p, policy_known(p, account), POLICY_REASON_ACCOUNT_UNKNOWN, number, name,
	                   v_words("an account that stands in the signed bytes"),
	                   v_account(p, account));
}

static void say_sent(struct policy *p, const char *what, uint64_t lamports, uint32_t to)
{
	if (!p->says)
		return;
	policy_put(&p->text, what);
	policy_put_sol(&p->text, lamports);
	policy_put(&p->text, " to ");
	policy_put_value(&p->text, v_account(p, to));
	policy_put(&p->text, "\n");
}

static bool rule_sol(struct policy *p, struct transfer *t, const struct policy_ix *ix,
                     const struct policy_system *s)
{
	const struct policy_record *r = policy_record(p);
	if (!check_wallet(p, ix->number, s->from, POLICY_REASON_SOURCE, "sender") ||
	    !check_known(p, ix->number, s->to, "recipient"))
		return p->explain;
	p->facts->lamports_out = policy_add(p->facts->lamports_out, s->lamports);
	t->moved = true;
	if (r->max_tip_lamports != 0 && policy_is_tip(p, s->to, r->tip_accounts)) {
		p->facts->tip_lamports = policy_add(p->facts->tip_lamports, s->lamports);
		say_sent(p, "Tip ", s->lamports, s->to);
		return POLICY_LIMIT(p, p->facts->tip_lamports <= r->max_tip_lamports,
		                    POLICY_REASON_TIP, ix->number, "tips",
		                    v_lamports_at_most(r->max_tip_lamports),
		                    v_lamports(p->facts->tip_lamports));
	}
	t->sent = policy_add(t->sent, s->lamports);
	say_sent(p, "Send ", s->lamports, s->to);
	bool listed = r->any_recipient != 0 ||
	              policy_list_find(p, r->recipients, p->accounts[s->to].key) >= 0;
	return POLICY_LIMIT(p, listed, POLICY_REASON_RECIPIENT, ix->number, "recipient",
	                    v_words("one of the allowed recipients"), v_account(p, s->to)) &&
	       POLICY_LIMIT(p, t->sent <= r->max_lamports, POLICY_REASON_AMOUNT, ix->number,
	                    "lamports sent", v_lamports_at_most(r->max_lamports),
	                    v_lamports(t->sent));
}

static bool rule_system(struct policy *p, struct transfer *t, const struct policy_ix *ix)
{
	struct policy_system s;
	if (!policy_decoded(p, ix, policy_decode_system(ix, &s)))
		return p->explain;
	return s.tag == POLICY_SYSTEM_TRANSFER
	           ? rule_sol(p, t, ix, &s)
	           : policy_check_nonce(p, ix, &s, policy_record(p)->allow_nonce != 0);
}

/* own_source finds the wallet's own token account for `mint`; refuses any other. */
static bool own_source(struct policy *p, const struct policy_ix *ix, uint32_t account,
                       uint32_t mint, uint8_t token_2022)
{
	const struct policy_derived *own = policy_own(p, account, NULL);
	bool right =
	    own != NULL && policy_is_key(p, mint, own->mint) && own->token_2022 == token_2022;
	if (!POLICY_NEED(p, right, POLICY_REASON_SOURCE, ix->number, "source",
	                 v_words("the wallet's own account of this mint"), v_account(p, account)))
		return false;
	return POLICY_LIMIT(p, own->ownership_proven || policy_record(p)->accept_unproven,
	                    POLICY_REASON_OWNERSHIP, ix->number, "ownership of source",
	                    v_words("proven"), v_words("not proven: the key was known elsewhere"));
}

/* recipient_account says whether an account is the associated account of an allowed recipient. */
static const struct policy_derived *recipient_account(const struct policy *p, uint32_t account,
                                                      const uint8_t *mint, uint8_t token_2022)
{
	for (uint32_t i = 0; i < p->request->derived.count; i++) {
		const struct policy_derived *d = &p->derived[i];
		if (d->account == account && policy_key_equal(d->mint, mint) &&
		    d->token_2022 == token_2022 &&
		    policy_list_find(p, policy_record(p)->recipients, d->owner) >= 0)
			return d;
	}
	return NULL;
}

static void say_tokens(struct policy *p, const struct policy_token *t, const uint8_t *owner)
{
	if (!p->says)
		return;
	policy_put(&p->text, "Send ");
	policy_put_decimal(&p->text, t->amount, t->decimals);
	policy_put(&p->text, " tokens of mint ");
	policy_put_key(&p->text, p->accounts[t->mint].key);
	policy_put(&p->text, " (");
	policy_put_number(&p->text, t->amount);
	policy_put(&p->text, " raw units) to ");
	policy_put_key(&p->text, owner);
	policy_put(&p->text, ", its token account ");
	policy_put_value(&p->text, v_account(p, t->destination));
	policy_put(&p->text, "\n");
}

static bool rule_token_limits(struct policy *p, const struct policy_ix *ix,
                              const struct policy_token *t, int listed)
{
	const struct policy_record *r = policy_record(p);
	const uint8_t *mint = p->accounts[t->mint].key;
	uint64_t most = (uint32_t)listed < r->max_amounts.count
	                    ? policy_list_number(p, r->max_amounts, (uint32_t)listed)
	                    : 0;
	if (!POLICY_NEED(p, policy_count_token(p, mint, t->amount), POLICY_REASON_TOO_MANY,
	                 ix->number, "mints", v_at_most(POLICY_TOKENS_MAX), v_words("more")))
		return false;
	uint64_t sent = policy_token_out_of(p->facts, mint);
	return POLICY_LIMIT(p, sent <= most, POLICY_REASON_AMOUNT, ix->number, "raw units sent",
	                    v_at_most(most), v_number(sent));
}

static bool rule_token(struct policy *p, struct transfer *state, const struct policy_ix *ix)
{
	const struct policy_record *r = policy_record(p);
	struct policy_token t;
	uint8_t token_2022 = ix->program == POLICY_PROGRAM_TOKEN_2022;
	if (!policy_decoded(p, ix, policy_decode_token(ix, &t)))
		return p->explain;
	if (t.tag != POLICY_TOKEN_TRANSFER_CHECKED)
		return policy_decoded(p, ix, POLICY_REASON_INSTRUCTION) || p->explain;
	if (!check_wallet(p, ix->number, t.owner, POLICY_REASON_SIGNER, "owner") ||
	    !check_known(p, ix->number, t.mint, "mint") ||
	    !check_known(p, ix->number, t.source, "source") ||
	    !check_known(p, ix->number, t.destination, "recipient's token account"))
		return p->explain;
	int listed = policy_list_find(p, r->mints, p->accounts[t.mint].key);
	if (!POLICY_NEED(p, listed >= 0, POLICY_REASON_MINT, ix->number, "mint",
	                 v_words("one of the allowed mints"), v_account(p, t.mint)) ||
	    !own_source(p, ix, t.source, t.mint, token_2022))
		return p->explain;
	state->moved = true;
	const struct policy_derived *to =
	    recipient_account(p, t.destination, p->accounts[t.mint].key, token_2022);
	if (to != NULL)
		say_tokens(p, &t, to->owner);
	return POLICY_LIMIT(p, to != NULL, POLICY_REASON_RECIPIENT, ix->number,
	                    "recipient's token account",
	                    v_words("an associated account of an allowed recipient"),
	                    v_account(p, t.destination)) &&
	       rule_token_limits(p, ix, &t, listed);
}

static bool rule_create(struct policy *p, const struct policy_ix *ix)
{
	const struct policy_record *r = policy_record(p);
	struct policy_ata a;
	if (!POLICY_LIMIT(p, r->create_accounts != 0, POLICY_REASON_PROGRAM, ix->number, "program",
	                  v_words("no creation of token accounts"),
	                  v_words(policy_program_name(ix->program))) ||
	    !policy_decoded(p, ix, policy_decode_ata(p, ix, &a)))
		return p->explain;
	if (!check_wallet(p, ix->number, a.payer, POLICY_REASON_ACCOUNT, "rent payer") ||
	    !check_known(p, ix->number, a.owner, "owner of the new account") ||
	    !check_known(p, ix->number, a.mint, "mint of the new account"))
		return p->explain;
	bool token_2022 = false;
	bool token = policy_token_program_of(p, &a, p->accounts[a.owner].key, &token_2022);
	uint64_t rent = token_2022 ? POLICY_RENT_TOKEN_2022 : POLICY_RENT_TOKEN;
	p->facts->rent_lamports = policy_add(p->facts->rent_lamports, rent);
	p->facts->lamports_out = policy_add(p->facts->lamports_out, rent);
	if (p->says) {
		policy_put(&p->text, "Create the token account of ");
		policy_put_value(&p->text, v_account(p, a.owner));
		policy_put(&p->text, " for mint ");
		policy_put_value(&p->text, v_account(p, a.mint));
		policy_put(&p->text, ", rent at most ");
		policy_put_sol(&p->text, rent);
		policy_put(&p->text, "\n");
	}
	bool listed = policy_list_find(p, r->recipients, p->accounts[a.owner].key) >= 0;
	return POLICY_LIMIT(p, listed, POLICY_REASON_RECIPIENT, ix->number,
	                    "owner of the new account", v_words("one of the allowed recipients"),
	                    v_account(p, a.owner)) &&
	       POLICY_LIMIT(p, policy_list_find(p, r->mints, p->accounts[a.mint].key) >= 0,
	                    POLICY_REASON_MINT, ix->number, "mint of the new account",
	                    v_words("one of the allowed mints"), v_account(p, a.mint)) &&
	       POLICY_LIMIT(p, token, POLICY_REASON_ACCOUNT, ix->number, "token program",
	                    v_words("SPL Token or Token-2022"), v_account(p, a.token_program));
}

static bool rule_memo(struct policy *p, const struct policy_ix *ix)
{
	if (!POLICY_LIMIT(p, policy_record(p)->allow_memo != 0, POLICY_REASON_MEMO, ix->number,
	                  "memo", v_words("no memo"), v_words("a memo")))
		return false;
	for (uint32_t i = 0; i < ix->account_count; i++)
		if (!check_wallet(p, ix->number, ix->accounts[i], POLICY_REASON_ACCOUNT,
		                  "memo signer"))
			return false;
	if (p->says) {
		policy_put(&p->text, "Write a memo: ");
		policy_put_quoted(&p->text, ix->data, ix->len);
		policy_put(&p->text, "\n");
	}
	return true;
}

static bool rule_instruction(struct policy *p, struct transfer *t, const struct policy_ix *ix)
{
	switch (ix->program) {
	case POLICY_PROGRAM_SYSTEM:
		return rule_system(p, t, ix);
	case POLICY_PROGRAM_COMPUTE_BUDGET:
		return policy_decoded(p, ix, policy_decode_compute_budget(ix)) || p->explain;
	case POLICY_PROGRAM_TOKEN:
	case POLICY_PROGRAM_TOKEN_2022:
		return rule_token(p, t, ix);
	case POLICY_PROGRAM_ATA:
		return rule_create(p, ix);
	case POLICY_PROGRAM_MEMO:
	case POLICY_PROGRAM_MEMO_V1:
	case POLICY_PROGRAM_MEMO_V4:
		return rule_memo(p, ix);
	case POLICY_PROGRAM_JUPITER_V6:
	case POLICY_PROGRAM_RAYDIUM_V4:
	case POLICY_PROGRAM_OTHER:
		break;
	}
	return POLICY_LIMIT(p, false, POLICY_REASON_PROGRAM, ix->number, "program",
	                    v_words("one that this policy names"),
	                    v_account(p, p->instructions[ix->number].program));
}

static void policy_rules(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	struct transfer t = {0, false};
	if (!POLICY_LIMIT(p, p->facts->fee_lamports <= r->max_fee_lamports, POLICY_REASON_FEE,
	                  POLICY_NO_INSTRUCTION, "network fee",
	                  v_lamports_at_most(r->max_fee_lamports),
	                  v_lamports(p->facts->fee_lamports)))
		return;
	for (uint32_t i = 0; i < p->request->instructions.count; i++) {
		struct policy_ix ix = policy_instruction_at(p, i);
		if (!rule_instruction(p, &t, &ix))
			return;
	}
	if (!POLICY_LIMIT(p, t.moved, POLICY_REASON_MISSING, POLICY_NO_INSTRUCTION, "instructions",
	                  v_words("at least one transfer"), v_words(t.moved ? "one" : "none")))
		return;
	if (p->says)
		policy_say_summary(p, policy_put_key);
}

static void say_keys(struct policy *p, struct policy_range list, const char *before)
{
	const uint8_t *keys = policy_list_keys(p, list);
	for (uint32_t i = 0; i < list.count; i++) {
		policy_put(&p->text, before);
		policy_put_key(&p->text, keys + 32 * (size_t)i);
	}
	policy_put(&p->text, "\n");
}

static void grant_limits(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	const uint8_t *mints = policy_list_keys(p, r->mints);
	policy_put(&p->text, "In one transaction at most ");
	policy_put_sol(&p->text, r->max_lamports);
	policy_put(&p->text, r->mints.count != 0 ? ", and of tokens at most:\n" : ". No tokens.\n");
	for (uint32_t i = 0; i < r->mints.count; i++) {
		policy_put(&p->text, "  ");
		policy_put_number(&p->text, i < r->max_amounts.count
		                                ? policy_list_number(p, r->max_amounts, i)
		                                : 0);
		policy_put(&p->text, " raw units of mint ");
		policy_put_key(&p->text, mints + 32 * (size_t)i);
		policy_put(&p->text, "\n");
	}
	policy_put(&p->text, "Network fee at most ");
	policy_put_sol(&p->text, r->max_fee_lamports);
	policy_put(&p->text, " per transaction, on top.\n");
	if (r->max_tip_lamports != 0) {
		policy_put(&p->text, "Tips to block engines at most ");
		policy_put_sol(&p->text, r->max_tip_lamports);
		policy_put(&p->text, " per transaction, on top, to Jito's tip accounts");
		if (r->tip_accounts.count != 0) {
			policy_put(&p->text, " and to:");
			say_keys(p, r->tip_accounts, "\n  ");
		} else {
			policy_put(&p->text, ".\n");
		}
	}
}

static void policy_grant(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	if (r->max_amounts.count != r->mints.count) {
		policy_put(&p->text, "WRONG PARAMETERS: max_amounts must have one entry per mint. "
		                     "Mints without one cannot be sent.\n");
	}
	policy_put(&p->text, "Send SOL and tokens.\n");
	if (r->any_recipient != 0)
		policy_put(&p->text, "WARNING: SOL may go to ANY address, without limit on who "
		                     "receives it.\n");
	if (r->recipients.count != 0) {
		policy_put(&p->text, "Only to these recipients (tokens to their associated token "
		                     "accounts):");
		say_keys(p, r->recipients, "\n  ");
	} else if (r->any_recipient == 0) {
		policy_put(&p->text, "No recipient is named: nothing can be sent.\n");
	}
	grant_limits(p);
	if (r->create_accounts != 0)
		policy_put(&p->text,
		           "The recipients' token accounts may be created; the wallet pays "
		           "the rent, about 0.002 SOL each, which the recipient can take.\n");
	if (r->allow_memo != 0)
		policy_put(&p->text, "Memos of any text may be written on chain.\n");
	if (r->allow_nonce != 0)
		policy_put(&p->text, "WARNING: durable nonces may be used: such signatures do not "
		                     "expire and can be sent later.\n");
	if (r->accept_unproven != 0)
		policy_put(&p->text,
		           "WARNING: the wallet's token accounts are accepted by address; "
		           "who owns them now is not proven.\n");
	policy_put(&p->text,
	           "A recipient's token account is known by its address; the recipient may "
	           "have given it to someone else.\n");
}
