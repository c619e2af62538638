/* cli_policy_inspect: `claviger policy inspect`: what a module is and allows, from the module
 * alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "authz_text.h"
#include "base_encode.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_policy.h"
#include "intent_table.h"
#include "intent_words.h"
#include "policy_intent.h"
#include "policy_known.h"

static const char help[] =
    "Checks a module against the profile of policy modules and shows its hash, whether it ships\n"
    "with this build (known), is an intent (this build's evaluator with a table), or is custom\n"
    "code, and the parameters that a grant gives it. Of an intent it says everything that its\n"
    "verdicts rest on, made from the table itself: layouts of data, flags of accounts, the order\n"
    "of rules. With --table the table's parts follow (spec/intent-table.md).\n"
    "With --json: hash, known, intent, and\n"
    "{\"parameters\":[{\"name\",\"type\",\"required\",\"default\",\"text\"}]}; of an intent also "
    "\"words\"\n"
    "and \"table\".\n";

static _Alignas(8) uint8_t table_space[INTENT_TABLE_MAX];

/* The table of a known intent; no bytes for other modules. */
static struct bytes table_of(const struct cli_policy *p)
{
	struct bytes table = {NULL, 0};
	if (!p->intent || policy_intent_table(buffer_bytes(&p->module), &table) != STATUS_OK)
		return (struct bytes){NULL, 0};
	memcpy(table_space, table.data, table.len);
	return bytes_of(table_space, table.len);
}

static void put_default(struct cli_out *out, const struct policy_field *f)
{
	cli_out_name(out, "default");
	if (f->need != POLICY_NEED_DEFAULTS)
		cli_out_null(out);
	else if (f->type == POLICY_TYPE_BOOL)
		cli_out_bool(out, f->fallback != 0);
	else
		cli_out_decimal(out, f->fallback);
}

static void put_parameters(struct cli_out *out, const struct policy_schema *schema)
{
	cli_out_name(out, "parameters");
	cli_out_open(out, '[');
	for (size_t i = 0; i < schema->count; i++) {
		const struct policy_field *f = &schema->fields[i];

		cli_out_open(out, '{');
		cli_out_name(out, "name");
		cli_out_text(out, f->name);
		cli_out_name(out, "type");
		cli_out_text(out, bytes_of_text(policy_type_name(f->type)));
		cli_out_name(out, "required");
		cli_out_bool(out, f->need == POLICY_NEED_REQUIRED);
		put_default(out, f);
		cli_out_name(out, "text");
		cli_out_text(out, f->text);
		if (f->entries_max != 0) {
			cli_out_name(out, "entries_max");
			cli_out_number(out, f->entries_max);
		}
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

/* ---- the table ---- */

static const char *words_at(struct bytes table, uint32_t off)
{
	const struct intent_head *head = (const void *)table.data;
	return (const char *)table.data + head->words.off + off;
}

static void json_rule(struct cli_out *out, struct bytes table, const struct intent_rule *rule)
{
	const struct intent_head *head = (const void *)table.data;
	const struct intent_op *ops = (const void *)(table.data + head->ops.off);
	cli_out_open(out, '{');
	cli_out_name(out, "name");
	cli_out_text(out, bytes_of_text(words_at(table, rule->name)));
	cli_out_name(out, "data");
	cli_out_hex(out, bytes_of(&rule->word, rule->prefix));
	cli_out_name(out, "accounts");
	cli_out_open(out, '[');
	cli_out_number(out, rule->accounts_min);
	cli_out_number(out, rule->accounts_max);
	cli_out_close(out, ']');
	cli_out_name(out, "min");
	cli_out_number(out, rule->min);
	cli_out_name(out, "max");
	cli_out_number(out, rule->max);
	cli_out_name(out, "flags");
	cli_out_number(out, rule->flags);
	cli_out_name(out, "operations");
	cli_out_open(out, '[');
	for (unsigned i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &ops[rule->code_first + i];
		cli_out_open(out, '[');
		cli_out_number(out, op->op);
		cli_out_number(out, op->a);
		cli_out_number(out, op->b);
		cli_out_number(out, op->c);
		cli_out_number(out, op->d);
		cli_out_close(out, ']');
	}
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

static void json_table(struct cli_out *out, struct bytes table)
{
	const struct intent_head *head = (const void *)table.data;
	const struct intent_program *programs = (const void *)(table.data + head->programs.off);
	const struct intent_rule *rules = (const void *)(table.data + head->rules.off);
	const uint64_t *image = (const void *)(table.data + head->image.off);
	cli_out_open(out, '{');
	cli_out_name(out, "bytes");
	cli_out_number(out, table.len);
	cli_out_name(out, "programs");
	cli_out_open(out, '[');
	for (unsigned i = 0; i < head->programs.count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "program");
		cli_out_base58(out,
		               bytes_of(table.data + head->keys.off + 32 * programs[i].key, 32));
		cli_out_name(out, "rules");
		cli_out_open(out, '[');
		for (unsigned n = 0; n < programs[i].count; n++)
			json_rule(out, table, &rules[programs[i].first + n]);
		cli_out_close(out, ']');
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_name(out, "keys");
	cli_out_open(out, '[');
	for (unsigned i = 0; i < head->keys.count; i++)
		cli_out_base58(out, bytes_of(table.data + head->keys.off + 32 * i, 32));
	cli_out_close(out, ']');
	cli_out_name(out, "constants");
	cli_out_open(out, '[');
	for (unsigned i = INTENT_FIRST_SLOT / 8; i < head->image.count; i++)
		cli_out_decimal(out, image[i]);
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

static void inspect_json(const struct cli_policy *p, struct bytes table)
{
	static uint8_t space[INTENT_WORDS_MAX];
	struct buffer words = BUFFER_OF_ARRAY(space);
	struct cli_out out = {.file = cli_answer_file()};

	cli_out_open(&out, '{');
	cli_out_name(&out, "hash");
	cli_out_hex(&out, bytes_of(p->hash, 32));
	cli_out_name(&out, "bytes");
	cli_out_number(&out, p->module.len);
	cli_out_name(&out, "known");
	if (p->known == NULL)
		cli_out_null(&out);
	else
		cli_out_text(&out, bytes_of_text(p->known));
	cli_out_name(&out, "ships");
	cli_out_bool(&out, p->ships);
	cli_out_name(&out, "intent");
	cli_out_bool(&out, p->intent);
	put_parameters(&out, &p->schema);
	if (table.len != 0) {
		intent_words_of(table, true, &words);
		cli_out_name(&out, "words");
		cli_out_text(&out, buffer_bytes(&words));
		cli_out_name(&out, "table");
		json_table(&out, table);
	}
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

static void show_table(struct bytes table)
{
	const struct intent_head *head = (const void *)table.data;
	const struct intent_op *ops = (const void *)(table.data + head->ops.off);
	const struct intent_rule *rules = (const void *)(table.data + head->rules.off);
	printf("table: %zu bytes, %u programs, %u rules, %u operations, %u keys, %u slots\n",
	       table.len, head->programs.count, head->rules.count, head->ops.count,
	       head->keys.count, head->slots);
	for (unsigned i = 0; i < head->rules.count; i++) {
		const struct intent_rule *rule = &rules[i];
		printf("rule %u %s: accounts %u to %u, flags %u, data %u%s\n", i,
		       words_at(table, rule->name), rule->accounts_min, rule->accounts_max,
		       rule->flags, rule->data_len,
		       (rule->flags & INTENT_RULE_FIXED) != 0 ? "" : " at least");
		for (unsigned n = 0; n < rule->code_count; n++) {
			const struct intent_op *op = &ops[rule->code_first + n];
			printf("  %3u  op %2u  a %3u  b %5u  c %5u  d %5u\n", rule->code_first + n,
			       op->op, op->a, op->b, op->c, op->d);
		}
	}
}

static void show_parameter(const struct policy_field *f)
{
	char type[40];

	int len = snprintf(type, sizeof(type), "%s", policy_type_name(f->type));
	if (f->entries_max != 0)
		snprintf(type + len, sizeof(type) - (size_t)len, ", max %u", f->entries_max);
	printf("  %-22.*s %-19s ", (int)f->name.len, (const char *)f->name.data, type);
	if (f->need == POLICY_NEED_DEFAULTS && f->type == POLICY_TYPE_BOOL)
		printf("default %-13s", f->fallback ? "true" : "false");
	else if (f->need == POLICY_NEED_DEFAULTS)
		printf("default %-13" PRIu64, f->fallback);
	else
		printf("%-21s", f->need == POLICY_NEED_REQUIRED ? "required" : "optional");
	printf(" %.*s\n", (int)f->text.len, (const char *)f->text.data);
}

static void show_custom(const struct cli_policy *p)
{
	struct policy_error why;

	printf("%s\n", AUTHZ_CUSTOM_CODE_TEXT);
	policy_intent_why(buffer_bytes(&p->module), &why);
	if (why.text[0] != '\0')
		printf("it has this build's evaluator, beside a table that is refused: %s\n",
		       why.text);
}

static void inspect_text(const struct cli_policy *p, struct bytes table, bool with_table)
{
	static uint8_t space[INTENT_WORDS_MAX];
	struct buffer words = BUFFER_OF_ARRAY(space);
	char hash[HEX_LEN(32) + 1];

	hex_encode(bytes_of(p->hash, 32), hash);
	if (p->intent && p->ships)
		printf("known module: intents/%s of this build\n", p->known);
	else if (p->intent)
		printf("intent %s: a table of its author's in this build's evaluator\n%s\n",
		       p->known, AUTHZ_OTHER_INTENT_TEXT);
	else if (p->known != NULL)
		printf("known module: policies/%s of this build\n", p->known);
	else
		show_custom(p);
	printf("SHA-256 %s, %zu bytes\n", hash, p->module.len);
	printf("parameters%s\n", p->schema.count == 0 ? ": none" : "");
	for (size_t i = 0; i < p->schema.count; i++)
		show_parameter(&p->schema.fields[i]);
	if (table.len == 0)
		return;
	intent_words_of(table, true, &words);
	printf("\n%.*s", (int)words.len, (const char *)words.data);
	if (with_table)
		show_table(table);
}

static int run(struct cli_call *call)
{
	static struct cli_policy policy;
	bool with_table = false;
	const struct cli_option options[] = {
	    {"--table", NULL, &with_table},
	};

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "name one module");
	int result = cli_policy_load(&policy, call, call->arguments[0]);
	if (result != CLI_YES)
		return result;
	struct bytes table = table_of(&policy);
	if (call->json)
		inspect_json(&policy, table);
	else
		inspect_text(&policy, table, with_table);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_policy_inspect = {
    .name = "policy inspect",
    .arguments = "MODULE [--table]",
    .sentence = "say what a module is and allows: known, intent or custom code, and its parameters",
    .run = run,
    .help = help,
};
