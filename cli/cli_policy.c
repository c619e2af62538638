/* cli_policy: `claviger policy check` and `describe`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_policy.h"

#include <inttypes.h>

#include "authz_text.h"
#include "base_encode.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "policy_known.h"

static const char check_help[] =
    "Reads base64, one transaction or message a line, from FILE or standard input, and says for\n"
    "each whether the policy allows it: what the signer would say, without a server. With --json\n"
    "one object a line: verdict, reason, facts, charges, fuel. Exit status 1 when one was denied.\n"
    "\n"
    "  --module M     the policy's module (.wasm)\n"
    "  --params P     its parameters, TOML: name = value; `policy inspect M` lists them\n"
    "  --wallet A     the address that would sign\n"
    "  --tables F     contents of lookup tables as the client claims them: a hint, never believed\n"
    "  --pins F       contents of lookup tables that the grant would vouch for (same format)\n"
    "  --counters F   JSON {\"NAME\":{\"unit\":\"lamports|mint|uses\",\"mint\":ADDRESS,\n"
    "                 \"window\":\"total|1h|24h\",\"cap\":\"N\",\"left\":\"N\"}}, in the grant's "
    "order\n"
    "  --nonce A      a nonce account that the grant would name\n"
    "  --now T        seconds since 1970; default: the clock\n"
    "  --unproven     the wallet was imported or exported: its token accounts are not proven\n"
    "  --explain      list every constraint with what it expects and what it found, not only the\n"
    "                 first that fails\n";

static const char describe_help[] =
    "Says in the policy's words what a grant with these parameters allows; with FILE what each of\n"
    "its transactions does (base64, one a line; \"-\" is standard input), also of one that is\n"
    "refused: then the text says so. Texts of modules that do not ship with this build are their\n"
    "author's claim, and are headed so. With --json one object a line: known, ships, described,\n"
    "text, fuel, and of a transaction allowed. Exit status 1 when a transaction was refused, or "
    "when no\n"
    "grant can have these parameters.\n"
    "\n"
    "  --module M --params P --wallet A [--pins F] [--counters F] [--nonce A] [--unproven]  as in\n"
    "  policy check\n";

struct checking {
	struct cli_policy *policy;
	struct cli_out out;
	bool explain;
	bool json;
	bool denied;
	const struct solana_view *view; /* of this line; NULL: it was refused */
	struct cli_policy_result result;
};

static void put_text(struct cli_out *out, const char *name, const char *text)
{
	cli_out_name(out, name);
	cli_out_text(out, bytes_of_text(text));
}

static void put_decimal(struct cli_out *out, const char *name, uint64_t number)
{
	cli_out_name(out, name);
	cli_out_decimal(out, number);
}

static void put_instruction(struct cli_out *out, uint32_t instruction)
{
	cli_out_name(out, "instruction");
	if (instruction == POLICY_NO_INSTRUCTION)
		cli_out_null(out);
	else
		cli_out_number(out, instruction);
}

static void put_facts(struct cli_out *out, const struct cli_policy_result *result)
{
	const struct policy_facts *f = &result->decision.facts;

	cli_out_name(out, "facts");
	cli_out_open(out, '{');
	put_decimal(out, "lamports_out", f->lamports_out);
	put_decimal(out, "fee_lamports", f->fee_lamports);
	put_decimal(out, "tip_lamports", f->tip_lamports);
	put_decimal(out, "rent_lamports", f->rent_lamports);
	put_decimal(out, "wrapped_lamports", f->wrapped_lamports);
	cli_out_name(out, "delegations");
	cli_out_number(out, f->delegations);
	cli_out_name(out, "authority_changes");
	cli_out_number(out, f->authority_changes);
	cli_out_name(out, "tokens");
	cli_out_open(out, '[');
	for (uint32_t i = 0; i < f->token_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "mint");
		cli_out_base58(out, bytes_of(f->tokens[i].mint, 32));
		put_decimal(out, "amount", f->tokens[i].amount);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_name(out, "trusted");
	cli_out_open(out, '[');
	for (size_t i = 0; i < result->trusted_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "program");
		cli_out_base58(out, bytes_of(result->trusted[i].program, 32));
		cli_out_name(out, "writable");
		cli_out_number(out, result->trusted[i].writable);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

static void put_charges(struct cli_out *out, const struct policy_decision *d)
{
	cli_out_name(out, "charges");
	cli_out_open(out, '[');
	for (uint32_t i = 0; i < d->charge_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "counter");
		cli_out_number(out, d->charges[i].counter);
		put_decimal(out, "amount", d->charges[i].amount);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

static void put_constraints(struct cli_out *out, const struct cli_policy_result *r)
{
	char own[24];

	cli_out_name(out, "constraints");
	cli_out_open(out, '[');
	for (uint32_t i = 0; i < r->decision.explain_count; i++) {
		struct policy_constraint c;

		policy_answer_explain(r->answer, i, &c);
		cli_out_open(out, '{');
		cli_out_name(out, "holds");
		cli_out_bool(out, c.holds);
		put_text(out, "code", policy_reason_name(c.reason, own));
		put_instruction(out, c.instruction);
		put_text(out, "name", c.name);
		put_text(out, "expected", c.expected);
		put_text(out, "actual", c.actual);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

/* What the client says about looked-up accounts; nothing in the verdict rests on it. */
static void put_hints(struct cli_out *out, const struct cli_tables *hints,
                      const struct solana_view *view)
{
	cli_out_name(out, "hints");
	cli_out_open(out, '[');
	for (unsigned i = 0; view != NULL && i < view->account_count; i++) {
		const struct solana_account *a = &view->accounts[i];
		if (a->lookup == SOLANA_NOT_LOOKED_UP)
			continue;
		const uint8_t *table = solana_table_key(view, a->lookup);
		const uint8_t *key = cli_tables_find(hints, table, a->index);
		if (key == NULL)
			continue;
		cli_out_open(out, '{');
		cli_out_name(out, "account");
		cli_out_number(out, i);
		cli_out_name(out, "table");
		cli_out_base58(out, bytes_of(table, 32));
		cli_out_name(out, "index");
		cli_out_number(out, a->index);
		cli_out_name(out, "address");
		cli_out_base58(out, bytes_of(key, 32));
		cli_out_name(out, "verified");
		cli_out_bool(out, false);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

static void show_json(struct checking *c)
{
	const struct policy_decision *d = &c->result.decision;
	struct cli_out *out = &c->out;

	cli_out_open(out, '{');
	put_text(out, "verdict", verdict_allows(d->verdict) ? "allow" : "deny");
	cli_out_name(out, "reason");
	cli_out_open(out, '{');
	put_text(out, "code", c->result.code);
	put_instruction(out, d->instruction);
	cli_out_name(out, "text");
	cli_out_text(out, bytes_of(d->text, d->text_len));
	cli_out_close(out, '}');
	put_facts(out, &c->result);
	put_charges(out, d);
	cli_out_name(out, "fuel");
	cli_out_number(out, c->result.fuel);
	if (c->explain)
		put_constraints(out, &c->result);
	if (c->policy->hints.count != 0)
		put_hints(out, &c->policy->hints, c->view);
	cli_out_close(out, '}');
	cli_out_line(out);
}

static void show_text(struct checking *c)
{
	const struct policy_decision *d = &c->result.decision;

	if (verdict_allows(d->verdict))
		printf("allow: at most %" PRIu64 " lamports leave (fee %" PRIu64 "), fuel %" PRIu64
		       "\n",
		       d->facts.lamports_out, d->facts.fee_lamports, c->result.fuel);
	else
		printf("deny (%s): %s\n", c->result.code, d->text);
	for (uint32_t i = 0; c->explain && i < d->explain_count; i++) {
		struct policy_constraint x;
		char own[24];

		policy_answer_explain(c->result.answer, i, &x);
		printf("  %s %-26s ", x.holds ? "ok  " : "FAIL", policy_reason_name(x.reason, own));
		if (x.instruction != POLICY_NO_INSTRUCTION)
			printf("instruction %u, ", x.instruction);
		printf("%s: expected %s, found %s\n", x.name, x.expected, x.actual);
	}
}

static void check_one(void *context, size_t line, const struct solana_view *view,
                      const struct solana_error *error)
{
	struct checking *c = context;

	(void)line;
	c->view = view;
	if (view != NULL) {
		cli_policy_ask(c->policy, view, POLICY_MODE_CHECK, c->explain, &c->result);
	} else {
		memset(&c->result, 0, sizeof(c->result));
		c->result.decision.instruction = POLICY_NO_INSTRUCTION;
		c->result.code =
		    error->code == SOLANA_ERROR_NONE ? "base64" : solana_error_code(error->code);
		snprintf(c->result.decision.text, sizeof(c->result.decision.text), "byte %u: %s",
		         error->offset,
		         error->code == SOLANA_ERROR_NONE ? "not base64"
		                                          : solana_error_text(error->code));
		c->result.decision.text_len = (uint32_t)strlen(c->result.decision.text);
	}
	c->denied |= !verdict_allows(c->result.decision.verdict);
	if (c->json)
		show_json(c);
	else
		show_text(c);
}

static int run_check(struct cli_call *call)
{
	static struct cli_policy policy;
	static struct checking checking;
	struct cli_policy_options o = {0};
	const struct cli_option options[] = {
	    {"--module",   &o.module,   NULL             },
            {"--params",   &o.params,   NULL             },
	    {"--wallet",   &o.wallet,   NULL             },
            {"--tables",   &o.tables,   NULL             },
	    {"--pins",     &o.pins,     NULL             },
            {"--counters", &o.counters, NULL             },
	    {"--now",      &o.now,      NULL             },
            {"--nonce",    &o.nonce,    NULL             },
	    {"--unproven", NULL,        &o.unproven      },
            {"--explain",  NULL,        &checking.explain},
	};

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count > 1)
		return cli_usage(call, "one file at a time");
	if (o.wallet == NULL)
		return cli_usage(call, "--wallet is missing");
	int result = cli_policy_open(&policy, call, &o);
	if (result != CLI_YES)
		return result;
	checking.policy = &policy;
	checking.out.file = cli_answer_file();
	checking.json = call->json;
	if (!cli_policy_each(call, call->count == 1 ? call->arguments[0] : NULL, check_one,
	                     &checking))
		return CLI_UNSURE;
	return cli_finish(call, checking.denied ? CLI_NO : CLI_YES);
}

/* ---- describe ---- */

/* `allowed`: of a transaction; NULL: of a grant. */
static void show_description(struct checking *c, const bool *allowed)
{
	const struct policy_decision *d = &c->result.decision;
	struct cli_out *out = &c->out;
	/* No signer takes a grant of which not all is shown. */
	bool cut = allowed == NULL && policy_answer_is_cut(d);

	c->denied |= !verdict_allows(d->verdict) || cut;
	if (cut)
		cli_complain(c->policy->call,
		             "what it says takes more than %d bytes: no grant can have these "
		             "parameters; name less in lists",
		             POLICY_DESCRIPTION_MAX);
	if (!c->json) {
		if (c->policy->known == NULL)
			printf("%s\n", AUTHZ_CUSTOM_CODE_TEXT);
		else if (!c->policy->ships)
			printf("%s\n", AUTHZ_OTHER_INTENT_TEXT);
		printf("%s%s\n", verdict_allows(d->verdict) ? "" : "refused: ", d->text);
		return;
	}
	cli_out_open(out, '{');
	cli_out_name(out, "known");
	if (c->policy->known == NULL)
		cli_out_null(out);
	else
		cli_out_text(out, bytes_of_text(c->policy->known));
	cli_out_name(out, "ships");
	cli_out_bool(out, c->policy->ships);
	cli_out_name(out, "described");
	cli_out_bool(out, verdict_allows(d->verdict) && !cut);
	if (allowed != NULL) {
		cli_out_name(out, "allowed");
		cli_out_bool(out, *allowed);
	}
	cli_out_name(out, "text");
	cli_out_text(out, bytes_of(d->text, d->text_len));
	cli_out_name(out, "fuel");
	cli_out_number(out, c->result.fuel);
	cli_out_close(out, '}');
	cli_out_line(out);
}

static void describe_one(void *context, size_t line, const struct solana_view *view,
                         const struct solana_error *error)
{
	struct checking *c = context;

	if (view == NULL) {
		cli_policy_refused(c->policy->call, line, error);
		c->denied = true;
		return;
	}
	/* A description is there whether or not the transaction would be signed. */
	cli_policy_ask(c->policy, view, POLICY_MODE_CHECK, false, &c->result);
	bool allowed = verdict_allows(c->result.decision.verdict);
	c->denied |= !allowed;
	cli_policy_ask(c->policy, view, POLICY_MODE_DESCRIBE_TRANSACTION, false, &c->result);
	show_description(c, &allowed);
}

static int run_describe(struct cli_call *call)
{
	static struct cli_policy policy;
	static struct checking checking;
	struct cli_policy_options o = {0};
	const struct cli_option options[] = {
	    {"--module",   &o.module,   NULL       },
            {"--params",   &o.params,   NULL       },
	    {"--wallet",   &o.wallet,   NULL       },
            {"--pins",     &o.pins,     NULL       },
	    {"--counters", &o.counters, NULL       },
            {"--nonce",    &o.nonce,    NULL       },
	    {"--unproven", NULL,        &o.unproven},
	};

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count > 1)
		return cli_usage(call, "one file at a time");
	if (call->count == 1 && o.wallet == NULL)
		return cli_usage(call, "--wallet is missing");
	int result = cli_policy_open(&policy, call, &o);
	if (result != CLI_YES)
		return result;
	checking.policy = &policy;
	checking.out.file = cli_answer_file();
	checking.json = call->json;
	if (call->count == 1) {
		if (!cli_policy_each(call, call->arguments[0], describe_one, &checking))
			return CLI_UNSURE;
	} else {
		cli_policy_ask(&policy, NULL, POLICY_MODE_DESCRIBE_GRANT, false, &checking.result);
		show_description(&checking, NULL);
	}
	return cli_finish(call, checking.denied ? CLI_NO : CLI_YES);
}

const struct cli_command cli_policy_check = {
    .name = "policy check",
    .arguments = "--module M --params P.toml --wallet A [--tables F] [--pins F] [--counters F] "
                 "[--nonce A] [--now T] [--unproven] [--explain] [FILE]",
    .sentence = "run a policy on transactions, without a server",
    .run = run_check,
    .help = check_help,
};

const struct cli_command cli_policy_describe = {
    .name = "policy describe",
    .arguments = "--module M --params P.toml [--wallet A] [--pins F] [--counters F] "
                 "[--nonce A] [--unproven] [FILE]",
    .sentence = "say in words what a policy allows, or what a transaction does",
    .run = run_describe,
    .help = describe_help,
};
