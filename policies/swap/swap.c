/* swap: exactly one swap of one named token, from and to the wallet's own token accounts.
 *
 * Allows, and nothing else: one Jupiter v6 or Raydium AMM v4 swap within the grant's amounts,
 * creation of the wallet's own token accounts, SOL wrapped into the wallet's own account when SOL
 * is what is sold, syncNative and closing of that account back to the wallet, tips to known block
 * engines, Compute Budget, memos. What a swap program does with the accounts that it is given is
 * that program's doing: the grant's text says which ones it can reach (A15). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "swap_parameters.h"

#include "policy_summary.h"
#include "policy_swaps.h"

struct swap {
	bool done; /* the one swap was seen */
};

static bool sells_sol(const struct policy_record *r)
{
	return policy_key_equal(r->input_mint.bytes, policy_key_native_mint.bytes);
}

static bool check_wallet(struct policy *p, uint32_t number, uint32_t account, uint32_t reason,
                         const char *name)
{
	return POLICY_LIMIT(p, p->accounts[account].wallet != 0, reason, number, name,
	                    v_words("the wallet"), v_account(p, account));
}

/* check_own finds the wallet's own token account at a place; its mint is what was derived. */
static const struct policy_derived *check_own(struct policy *p, const struct policy_ix *ix,
                                              uint32_t account, uint32_t reason, const char *name)
{
	const struct policy_derived *own = policy_own(p, account, NULL);
	if (!POLICY_NEED(p, policy_known(p, account), POLICY_REASON_ACCOUNT_UNKNOWN, ix->number,
	                 name, v_words("an account that stands in the signed bytes"),
	                 v_account(p, account)) ||
	    !POLICY_NEED(p, own != NULL, reason, ix->number, name,
	                 v_words("the wallet's own token account"), v_account(p, account)))
		return NULL;
	if (!POLICY_LIMIT(p, own->ownership_proven || policy_record(p)->accept_unproven,
	                  POLICY_REASON_OWNERSHIP, ix->number, "ownership", v_words("proven"),
	                  v_words("not proven: the key was known elsewhere")))
		return NULL;
	return own;
}

/* check_mint: a mint account that is visible must be the one of the token account beside it; one
 * that a lookup table hides need not be known, the token account says enough (B5). */
static bool check_mint(struct policy *p, const struct policy_ix *ix, uint32_t account,
                       const uint8_t *mint, const char *name)
{
	if (account == POLICY_ABSENT || !policy_known(p, account))
		return true;
	return POLICY_LIMIT(p, policy_is_key(p, account, mint), POLICY_REASON_MINT, ix->number,
	                    name, v_key(mint), v_account(p, account));
}

static bool check_destination(struct policy *p, const struct policy_ix *ix, uint32_t account,
                              uint32_t mint, const char *name)
{
	const struct policy_record *r = policy_record(p);
	const struct policy_derived *to =
	    check_own(p, ix, account, POLICY_REASON_DESTINATION, name);
	if (to == NULL)
		return p->explain;
	/* The same token on both sides (a closed loop) only when the grant names it as bought. */
	bool same = policy_key_equal(to->mint, r->input_mint.bytes);
	bool listed =
	    r->output_mints.count == 0 || policy_list_find(p, r->output_mints, to->mint) >= 0;
	return POLICY_LIMIT(p, listed, POLICY_REASON_MINT, ix->number, "mint bought",
	                    v_words("one of the allowed mints"), v_key(to->mint)) &&
	       POLICY_LIMIT(p, r->output_mints.count != 0 || !same, POLICY_REASON_MINT, ix->number,
	                    "mint bought", v_words("another than the mint sold, or one named"),
	                    v_key(to->mint)) &&
	       check_mint(p, ix, mint, to->mint, "destination mint");
}

static bool check_accounts(struct policy *p, const struct policy_ix *ix,
                           const struct policy_swap *s)
{
	const struct policy_record *r = policy_record(p);
	if (!check_wallet(p, ix->number, s->authority, POLICY_REASON_SIGNER, "who swaps"))
		return false;
	const struct policy_derived *from =
	    check_own(p, ix, s->source, POLICY_REASON_SOURCE, "source");
	if (from == NULL && !p->explain)
		return false;
	if (from != NULL && (!POLICY_LIMIT(p, policy_key_equal(from->mint, r->input_mint.bytes),
	                                   POLICY_REASON_MINT, ix->number, "mint sold",
	                                   v_key(r->input_mint.bytes), v_key(from->mint)) ||
	                     !check_mint(p, ix, s->source_mint, from->mint, "source mint")))
		return false;
	if (!check_destination(p, ix, s->destination, s->destination_mint, "destination"))
		return false;
	return s->second_destination == POLICY_ABSENT ||
	       check_destination(p, ix, s->second_destination, s->destination_mint,
	                         "second destination");
}

static bool check_amounts(struct policy *p, const struct policy_ix *ix, const struct policy_swap *s)
{
	const struct policy_record *r = policy_record(p);
	uint32_t n = ix->number;
	bool priced =
	    !policy_product_less(s->min_out, r->min_price_in, s->max_in, r->min_price_out);
	return POLICY_LIMIT(p, s->max_in <= r->max_in, POLICY_REASON_AMOUNT, n, "amount sold",
	                    v_at_most(r->max_in), v_number(s->max_in)) &&
	       POLICY_LIMIT(p, s->min_out >= r->min_out, POLICY_REASON_MIN_OUT, n,
	                    "guaranteed output", v_at_least(r->min_out), v_number(s->min_out)) &&
	       POLICY_LIMIT(p, !s->has_slippage || s->slippage_bps <= r->max_slippage_bps,
	                    POLICY_REASON_SLIPPAGE, n, "slippage in 1/10000",
	                    v_at_most(r->max_slippage_bps), v_number(s->slippage_bps)) &&
	       POLICY_LIMIT(p, s->fee_bps <= r->max_platform_fee_bps, POLICY_REASON_PLATFORM_FEE, n,
	                    "platform fee in 1/10000", v_at_most(r->max_platform_fee_bps),
	                    v_number(s->fee_bps)) &&
	       POLICY_LIMIT(p, s->fee_account == POLICY_ABSENT || r->max_platform_fee_bps != 0,
	                    POLICY_REASON_PLATFORM_FEE, n, "platform fee account", v_words("none"),
	                    s->fee_account == POLICY_ABSENT ? v_words("none")
	                                                    : v_account(p, s->fee_account)) &&
	       POLICY_LIMIT(p, priced, POLICY_REASON_PRICE, n, "guaranteed price",
	                    v_words("the minimum price of the grant"),
	                    v_words(priced ? "not below it" : "below it"));
}

static void say_swap(struct policy *p, const struct policy_ix *ix, const struct policy_swap *s)
{
	const struct policy_derived *to = policy_own(p, s->destination, NULL);
	if (!p->says)
		return;
	policy_put(&p->text, "Swap through ");
	policy_put(&p->text, policy_program_name(ix->program));
	policy_put(&p->text, ": give at most ");
	policy_put_number(&p->text, s->max_in);
	policy_put(&p->text, " raw units of mint ");
	policy_put_key(&p->text, policy_record(p)->input_mint.bytes);
	policy_put(&p->text, ", get at least ");
	policy_put_number(&p->text, s->min_out);
	policy_put(&p->text, " raw units of mint ");
	if (to != NULL)
		policy_put_key(&p->text, to->mint);
	policy_put(&p->text, " in the wallet's own account.");
	if (s->fee_bps != 0) {
		policy_put(&p->text, " A platform fee of up to ");
		policy_put_number(&p->text, s->fee_bps);
		policy_put(&p->text, "/10000 goes to others.");
	}
	policy_put(&p->text, "\n");
}

static bool rule_swap(struct policy *p, struct swap *state, const struct policy_ix *ix)
{
	const struct policy_record *r = policy_record(p);
	struct policy_swap s;
	bool jupiter = ix->program == POLICY_PROGRAM_JUPITER_V6;
	if (!POLICY_LIMIT(p, jupiter ? r->allow_jupiter : r->allow_raydium, POLICY_REASON_PROGRAM,
	                  ix->number, "program", v_words("one that the grant allows"),
	                  v_words(policy_program_name(ix->program))) ||
	    !POLICY_LIMIT(p, !state->done, POLICY_REASON_REPEATED, ix->number, "swaps",
	                  v_words("exactly one"), v_words(state->done ? "another" : "one")))
		return false;
	state->done = true;
	uint32_t reason =
	    jupiter ? policy_decode_jupiter(p, ix, &s) : policy_decode_raydium(ix, &s);
	if (!policy_decoded(p, ix, reason))
		return p->explain;
	if (!POLICY_NEED(p, policy_count_token(p, r->input_mint.bytes, s.max_in),
	                 POLICY_REASON_TOO_MANY, ix->number, "mints", v_at_most(POLICY_TOKENS_MAX),
	                 v_words("more")))
		return false;
	say_swap(p, ix, &s);
	return check_accounts(p, ix, &s) && check_amounts(p, ix, &s);
}

/* rule_system: SOL may go into the wallet's own wrapped-SOL account, and to tip accounts. That the
 * account is proven own is checked where the swap takes the SOL from it. */
static bool rule_system(struct policy *p, const struct policy_ix *ix)
{
	const struct policy_record *r = policy_record(p);
	struct policy_facts *f = p->facts;
	struct policy_system s;
	if (!policy_decoded(p, ix, policy_decode_system(ix, &s)))
		return p->explain;
	if (s.tag != POLICY_SYSTEM_TRANSFER)
		return policy_check_nonce(p, ix, &s, r->allow_nonce != 0);
	if (!check_wallet(p, ix->number, s.from, POLICY_REASON_SOURCE, "sender"))
		return p->explain;
	f->lamports_out = policy_add(f->lamports_out, s.lamports);
	if (p->says) {
		policy_put(&p->text, policy_is_tip(p, s.to, r->tip_accounts) ? "Tip " : "Wrap ");
		policy_put_sol(&p->text, s.lamports);
		policy_put(&p->text, " to ");
		policy_put_value(&p->text, v_account(p, s.to));
		policy_put(&p->text, "\n");
	}
	if (policy_is_tip(p, s.to, r->tip_accounts)) {
		f->tip_lamports = policy_add(f->tip_lamports, s.lamports);
		return POLICY_LIMIT(p, f->tip_lamports <= r->max_tip_lamports, POLICY_REASON_TIP,
		                    ix->number, "tips", v_lamports_at_most(r->max_tip_lamports),
		                    v_lamports(f->tip_lamports));
	}
	f->wrapped_lamports = policy_add(f->wrapped_lamports, s.lamports);
	const struct policy_derived *to = policy_own(p, s.to, NULL);
	bool own = to != NULL && policy_key_equal(to->mint, policy_key_native_mint.bytes) &&
	           !to->token_2022;
	return POLICY_LIMIT(p, own, POLICY_REASON_RECIPIENT, ix->number, "recipient of SOL",
	                    v_words("the wallet's own wrapped-SOL account or a tip account"),
	                    v_account(p, s.to)) &&
	       POLICY_LIMIT(p, sells_sol(r), POLICY_REASON_WRAP, ix->number, "wrapping of SOL",
	                    v_words("only when SOL is sold"),
	                    v_words(sells_sol(r) ? "SOL is sold" : "another token is sold")) &&
	       POLICY_LIMIT(p, f->wrapped_lamports <= r->max_in, POLICY_REASON_AMOUNT, ix->number,
	                    "SOL wrapped", v_lamports_at_most(r->max_in),
	                    v_lamports(f->wrapped_lamports));
}

/* rule_token: syncNative, and closing, of the wallet's own wrapped-SOL account, to the wallet. */
static bool rule_token(struct policy *p, const struct policy_ix *ix)
{
	struct policy_token t;
	uint32_t reason = policy_decode_token(ix, &t);
	if (reason == POLICY_REASON_NONE && t.tag != POLICY_TOKEN_CLOSE_ACCOUNT &&
	    t.tag != POLICY_TOKEN_SYNC_NATIVE)
		reason = POLICY_REASON_INSTRUCTION;
	if (!policy_decoded(p, ix, reason))
		return p->explain;
	const struct policy_derived *own =
	    check_own(p, ix, t.source, POLICY_REASON_SOURCE, "wrapped-SOL account");
	if (own == NULL)
		return p->explain;
	if (!POLICY_LIMIT(p, policy_key_equal(own->mint, policy_key_native_mint.bytes),
	                  POLICY_REASON_MINT, ix->number, "mint",
	                  v_key(policy_key_native_mint.bytes), v_key(own->mint)))
		return false;
	if (t.tag == POLICY_TOKEN_SYNC_NATIVE)
		return true;
	if (p->says)
		policy_put(&p->text, "Unwrap SOL: close the wallet's own wrapped-SOL account.\n");
	return check_wallet(p, ix->number, t.destination, POLICY_REASON_CLOSE,
	                    "who gets the SOL back") &&
	       check_wallet(p, ix->number, t.owner, POLICY_REASON_SIGNER, "owner");
}

static bool rule_create(struct policy *p, const struct policy_ix *ix)
{
	const struct policy_record *r = policy_record(p);
	struct policy_facts *f = p->facts;
	struct policy_ata a;
	if (!policy_decoded(p, ix, policy_decode_ata(p, ix, &a)))
		return p->explain;
	/* Another payer than the wallet costs the wallet nothing: its own accounts may be paid for.
	 */
	if (!check_wallet(p, ix->number, a.owner, POLICY_REASON_DESTINATION,
	                  "owner of the new account"))
		return p->explain;
	bool token_2022 = false;
	bool token = policy_token_program_of(p, &a, NULL, &token_2022);
	if (p->accounts[a.payer].wallet) {
		uint64_t rent = token_2022 ? POLICY_RENT_TOKEN_2022 : POLICY_RENT_TOKEN;
		f->rent_lamports = policy_add(f->rent_lamports, rent);
		f->lamports_out = policy_add(f->lamports_out, rent);
	}
	if (p->says) {
		policy_put(&p->text, "Create the wallet's own token account ");
		policy_put_value(&p->text, v_account(p, a.account));
		policy_put(&p->text, "\n");
	}
	return POLICY_LIMIT(p, token, POLICY_REASON_ACCOUNT, ix->number, "token program",
	                    v_words("SPL Token or Token-2022"), v_account(p, a.token_program)) &&
	       POLICY_LIMIT(p, f->rent_lamports <= r->max_rent_lamports, POLICY_REASON_RENT,
	                    ix->number, "rent of new accounts",
	                    v_lamports_at_most(r->max_rent_lamports), v_lamports(f->rent_lamports));
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

static bool rule_instruction(struct policy *p, struct swap *state, const struct policy_ix *ix)
{
	switch (ix->program) {
	case POLICY_PROGRAM_SYSTEM:
		return rule_system(p, ix);
	case POLICY_PROGRAM_COMPUTE_BUDGET:
		return policy_decoded(p, ix, policy_decode_compute_budget(ix)) || p->explain;
	case POLICY_PROGRAM_TOKEN:
		return rule_token(p, ix);
	case POLICY_PROGRAM_ATA:
		return rule_create(p, ix);
	case POLICY_PROGRAM_MEMO:
	case POLICY_PROGRAM_MEMO_V1:
	case POLICY_PROGRAM_MEMO_V4:
		return rule_memo(p, ix);
	case POLICY_PROGRAM_JUPITER_V6:
	case POLICY_PROGRAM_RAYDIUM_V4:
		return rule_swap(p, state, ix);
	case POLICY_PROGRAM_TOKEN_2022:
	case POLICY_PROGRAM_OTHER:
		break;
	}
	return POLICY_LIMIT(p, false, POLICY_REASON_PROGRAM, ix->number, "program",
	                    v_words("one that this policy names"),
	                    v_account(p, p->instructions[ix->number].program));
}

/* need_one_output: a price, and a minimum above 1, counts raw units of what is bought; of several
 * mints, or of any, a hostile bot would buy one that it printed itself. */
static bool need_one_output(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	return POLICY_NEED(p,
	                   (r->min_price_out == 0 && r->min_out <= 1) || r->output_mints.count == 1,
	                   POLICY_REASON_PARAMETERS, POLICY_NO_INSTRUCTION, "output_mints",
	                   v_words("exactly one mint with a price, or with min_out above 1"),
	                   v_number(r->output_mints.count));
}

static bool rule_frame(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	const struct policy_account *wallet = &p->accounts[p->request->wallet_account];
	return need_one_output(p) &&
	       POLICY_LIMIT(p, p->facts->fee_lamports <= r->max_fee_lamports, POLICY_REASON_FEE,
	                    POLICY_NO_INSTRUCTION, "network fee",
	                    v_lamports_at_most(r->max_fee_lamports),
	                    v_lamports(p->facts->fee_lamports)) &&
	       POLICY_LIMIT(p, !r->readonly_wallet || !wallet->writable, POLICY_REASON_FEE_PAYER,
	                    POLICY_NO_INSTRUCTION, "the wallet",
	                    v_words(r->readonly_wallet ? "read-only, another key pays the fee"
	                                               : "read-only or writable"),
	                    v_words(wallet->writable ? "writable" : "read-only"));
}

static void policy_rules(struct policy *p)
{
	struct swap state = {false};
	if (!rule_frame(p))
		return;
	for (uint32_t i = 0; i < p->request->instructions.count; i++) {
		struct policy_ix ix = policy_instruction_at(p, i);
		if (!rule_instruction(p, &state, &ix))
			return;
	}
	if (!POLICY_LIMIT(p, state.done, POLICY_REASON_MISSING, POLICY_NO_INSTRUCTION, "swaps",
	                  v_words("exactly one"), v_words(state.done ? "one" : "none")))
		return;
	if (p->says)
		policy_say_summary(p, policy_put_key);
}

/* --- what the grant says */

static void grant_amounts(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	policy_put(&p->text, "Sell at most ");
	policy_put_number(&p->text, r->max_in);
	policy_put(&p->text, " raw units of mint ");
	policy_put_key(&p->text, r->input_mint.bytes);
	if (sells_sol(r)) {
		policy_put(&p->text, " (");
		policy_put_sol(&p->text, r->max_in);
		policy_put(&p->text, ")");
	}
	policy_put(&p->text, " in one transaction, for at least ");
	policy_put_number(&p->text, r->min_out);
	if (r->output_mints.count == 0) {
		policy_put(&p->text, " raw units of ANY token.\n");
	} else {
		policy_put(&p->text, " raw units of one of these mints:");
		const uint8_t *keys = policy_list_keys(p, r->output_mints);
		for (uint32_t i = 0; i < r->output_mints.count; i++) {
			policy_put(&p->text, "\n  ");
			policy_put_key(&p->text, keys + 32 * (size_t)i);
		}
		policy_put(&p->text, "\n");
	}
	policy_put(&p->text,
	           "Both token accounts are the wallet's own. Slippage in Jupiter's quote at "
	           "most ");
	policy_put_number(&p->text, r->max_slippage_bps);
	policy_put(&p->text, "/10000.\n");
}

static void grant_price(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	if (r->min_price_out != 0 && r->min_price_in != 0) {
		policy_put(&p->text, "Minimum price: for every ");
		policy_put_number(&p->text, r->min_price_in);
		policy_put(&p->text, " raw units sold at least ");
		policy_put_number(&p->text, r->min_price_out);
		policy_put(&p->text, " raw units bought.\n");
	} else {
		policy_put(&p->text,
		           "WARNING: there is no minimum price. The bot chooses the quote, so a "
		           "hostile bot can lose all that is sold, up to the limits above and the "
		           "grant's totals.\n");
	}
}

static void grant_costs(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	policy_put(&p->text, "On top, per transaction: network fee at most ");
	policy_put_sol(&p->text, r->max_fee_lamports);
	policy_put(&p->text, ", tips at most ");
	policy_put_sol(&p->text, r->max_tip_lamports);
	if (r->max_tip_lamports != 0 && r->tip_accounts.count != 0) {
		const uint8_t *keys = policy_list_keys(p, r->tip_accounts);
		policy_put(&p->text, " (to Jito's tip accounts, and to");
		for (uint32_t i = 0; i < r->tip_accounts.count; i++) {
			policy_put(&p->text, " ");
			policy_put_key(&p->text, keys + 32 * (size_t)i);
		}
		policy_put(&p->text, ")");
	}
	policy_put(&p->text, ", rent of the wallet's own new token accounts at most ");
	policy_put_sol(&p->text, r->max_rent_lamports);
	policy_put(&p->text, ". Platform, host and referral fees: ");
	if (r->max_platform_fee_bps == 0) {
		policy_put(&p->text, "none.\n");
	} else {
		policy_put(&p->text, "at most ");
		policy_put_number(&p->text, r->max_platform_fee_bps);
		policy_put(&p->text, "/10000 of what is swapped, to anyone.\n");
	}
}

static void grant_trust(struct policy *p)
{
	const struct policy_record *r = policy_record(p);
	policy_put(&p->text, "Trusted programs: ");
	if (r->allow_jupiter != 0)
		policy_put(&p->text, "Jupiter v6 and every venue that it calls");
	if (r->allow_raydium != 0)
		policy_put(&p->text,
		           r->allow_jupiter != 0 ? ", and Raydium AMM v4" : "Raydium AMM v4");
	policy_put(&p->text,
	           ". They act with the wallet's signature. They can reach the token account "
	           "sold from, the one bought into, and every other token account of the "
	           "wallet that a transaction hands them");
	policy_put(&p->text, r->readonly_wallet != 0
	                         ? "; the wallet itself is read-only, so its SOL is out of reach.\n"
	                         : ", and the wallet's SOL where it pays the fee.\n");
	if (r->allow_jupiter != 0)
		policy_put(&p->text,
		           "Older Jupiter instructions put the amounts behind the route: "
		           "reading them rests on Jupiter not changing known route steps in "
		           "place.\n");
	if (r->allow_memo != 0)
		policy_put(&p->text, "Memos of any text may be written on chain.\n");
	if (r->allow_nonce != 0)
		policy_put(&p->text, "WARNING: durable nonces may be used: such signatures do not "
		                     "expire and can be sent later, at another price.\n");
	if (r->accept_unproven != 0)
		policy_put(&p->text,
		           "WARNING: the wallet's token accounts are accepted by address; "
		           "who owns them now is not proven.\n");
}

static void policy_grant(struct policy *p)
{
	if (!need_one_output(p))
		return;
	policy_put(&p->text, "Swap one token for another.\n");
	grant_amounts(p);
	grant_price(p);
	grant_costs(p);
	grant_trust(p);
}
