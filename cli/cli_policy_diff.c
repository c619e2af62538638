/* cli_policy_diff: `claviger policy diff`: what a new intent allows that an old one did not.
 *
 * Both texts are made from the tables, one line for each thing that is allowed, demanded or
 * counted. A demand that is gone or changed, a permission that is new, and a rule that is new
 * widen; what is not understood as narrower counts as wider. A number alone that changed is
 * compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "authz_text.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_intent.h"
#include "cli_out.h"
#include "intent_table.h"
#include "intent_words.h"
#include "keys.h"
#include "policy_intent.h"
#include "policy_known.h"

static const char help[] =
    "Compares two intents, each a module (.wasm) or a file (.toml), and says in words what NEW\n"
    "allows that OLD does not (widens) and what it does not any more (narrows). Exit status 1\n"
    "when something widens, 0 when nothing does, 3 when one is no intent: custom code cannot be\n"
    "compared.\n";

#define LINES_MAX 4096

struct line {
	char *rule; /* its first line without the arrow; "": of the whole */
	char *text;
	bool paired;
};

struct side {
	struct line lines[LINES_MAX];
	size_t count;
};

struct diff {
	struct side old, new;
	struct cli_out out;
	bool json;
	size_t wider, narrower;
};

static char *copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	if (copy == NULL)
		exit(CLI_UNSURE);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static void add_line(struct side *side, char *rule, const char *text, size_t len)
{
	if (side->count == LINES_MAX)
		exit(CLI_UNSURE);
	side->lines[side->count++] = (struct line){rule, copy_of(text, len), false};
}

/* "- name: PROGRAM data 02, at most 3, ..." gives the rule "name: PROGRAM data 02" and its counts
 * as a line of their own. */
static void take_rule(struct side *side, const char *text, size_t len)
{
	char *rule = NULL;
	while (len != 0) {
		size_t line = 0;
		while (line < len && text[line] != '\n')
			line++;
		if (rule == NULL) {
			size_t name = 2;
			while (name < line && text[name] != ',')
				name++;
			rule = copy_of(text + 2, name - 2);
			add_line(side, rule, "", 0);
			add_line(side, rule, text + name + 1, line - name - 1);
		} else {
			add_line(side, rule, text, line);
		}
		text += line + (line < len);
		len -= line + (line < len);
	}
}

static void take_whole(struct side *side, const char *text, size_t len)
{
	static char none[] = "";
	while (len != 0) {
		size_t line = 0;
		while (line < len && text[line] != '\n')
			line++;
		/* The heading is no statement. */
		if (line != 0 && text[line - 1] != ':')
			add_line(side, none, text, line);
		text += line + (line < len);
		len -= line + (line < len);
	}
}

static void put_parameter(struct side *side, const struct policy_field *f)
{
	static char none[] = "parameters";
	char text[400];
	snprintf(
	    text, sizeof(text), "%.*s, %s, %s %llu", (int)f->name.len, (const char *)f->name.data,
	    policy_type_name(f->type),
	    f->need == POLICY_NEED_REQUIRED   ? "required"
	    : f->need == POLICY_NEED_OPTIONAL ? "optional"
	                                      : "default",
	    (unsigned long long)(f->need == POLICY_NEED_DEFAULTS ? f->fallback : f->entries_max));
	add_line(side, none, text, strlen(text));
}

static int take_side(const struct cli_call *call, const char *path, struct side *ret)
{
	static uint8_t space[LIMIT_MODULE_MAX], words_space[INTENT_WORDS_MAX];
	static _Alignas(8) uint8_t aligned[INTENT_TABLE_MAX];
	struct buffer module = BUFFER_OF_ARRAY(space);
	struct bytes table, bytes;
	struct policy_schema schema;
	struct policy_error error;
	if (cli_intent_is(path)) {
		static struct cli_intent intent;
		int result = cli_intent_open(call, path, &intent);
		if (result == CLI_YES)
			result = cli_intent_module(call, &intent, &module);
		if (result != CLI_YES)
			return result;
	} else {
		char message[512];
		struct buffer file;
		if (cli_file_read(path, LIMIT_MODULE_MAX, &file, message, sizeof(message)) !=
		    STATUS_OK) {
			cli_complain(call, "%s", message);
			return CLI_UNSURE;
		}
		memcpy(space, file.data, file.len);
		module.len = file.len;
		free(file.data);
	}
	bytes = buffer_bytes(&module);
	if (policy_intent_name(bytes) == NULL || policy_intent_table(bytes, &table) != STATUS_OK) {
		cli_complain(call, "%s is no intent of this build's evaluator: %s", path,
		             AUTHZ_CUSTOM_CODE_TEXT);
		return CLI_UNSURE;
	}
	memcpy(aligned, table.data, table.len);
	table = bytes_of(aligned, table.len);
	const struct intent_head *head = (const void *)aligned;
	ret->count = 0;
	for (size_t i = 0; i < intent_words_rules(table); i++) {
		struct buffer words = BUFFER_OF_ARRAY(words_space);
		intent_words_rule(table, i, &words);
		take_rule(ret, (const char *)words.data, words.len);
	}
	struct buffer words = BUFFER_OF_ARRAY(words_space);
	intent_words_whole(table, &words);
	take_whole(ret, (const char *)words.data, words.len);
	if (policy_schema_decode(bytes_of(aligned + head->schema.off, head->schema.count), &schema,
	                         &error) == STATUS_OK)
		for (size_t i = 0; i < schema.count; i++)
			put_parameter(ret, &schema.fields[i]);
	return CLI_YES;
}

/* What allows more when it is there; every other line demands or counts. */
static bool permits(const char *text)
{
	static const char *const starts[] = {"  further accounts",
	                                     "  accounts that the program",
	                                     "  writable flags are not",
	                                     "  WARNING",
	                                     "WARNING",
	                                     "- off-chain message",
	                                     "format ",
	                                     "\"",
	                                     "  is handed"};
	if (text[0] == '\0')
		return true; /* a rule itself */
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(text, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* Whether two lines differ in one number alone; gives both numbers and what stands before it. */
static bool number_apart(const char *a, const char *b, double *ret_a, double *ret_b, size_t *ret_at)
{
	size_t at = 0;
	char *rest_a, *rest_b;
	while (a[at] != '\0' && a[at] == b[at])
		at++;
	while (at != 0 && ((a[at - 1] >= '0' && a[at - 1] <= '9') || a[at - 1] == '.'))
		at--;
	if (!(a[at] >= '0' && a[at] <= '9') || !(b[at] >= '0' && b[at] <= '9'))
		return false;
	*ret_a = strtod(a + at, &rest_a);
	*ret_b = strtod(b + at, &rest_b);
	*ret_at = at;
	return strcmp(rest_a, rest_b) == 0;
}

static bool ends_with(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);
	return len >= n && memcmp(text + len - n, word, n) == 0;
}

static void report(struct diff *d, bool wider, const char *what, const struct line *a,
                   const struct line *b)
{
	const char *kind = wider ? "widens" : "narrows";
	const char *text = a->text[0] != '\0' ? a->text : "the whole instruction";
	while (*text == ' ' || *text == '-')
		text++;
	*(wider ? &d->wider : &d->narrower) += 1;
	if (d->json) {
		cli_out_open(&d->out, '{');
		cli_out_name(&d->out, "effect");
		cli_out_text(&d->out, bytes_of_text(kind));
		cli_out_name(&d->out, "rule");
		cli_out_text(&d->out, bytes_of_text(a->rule));
		cli_out_name(&d->out, "what");
		cli_out_text(&d->out, bytes_of_text(what));
		cli_out_name(&d->out, "old");
		cli_out_text(&d->out, bytes_of_text(text));
		if (b != NULL) {
			cli_out_name(&d->out, "new");
			cli_out_text(&d->out, bytes_of_text(b->text));
		}
		cli_out_close(&d->out, '}');
		return;
	}
	printf("%-8s%s%s%s: %s", kind, a->rule, a->rule[0] != '\0' ? ": " : "", what, text);
	if (b != NULL) {
		const char *new = b->text;
		while (*new == ' ' || *new == '-')
			new ++;
		printf("  ->  %s", new);
	}
	printf("\n");
}

static void pair_equal(struct diff *d)
{
	for (size_t i = 0; i < d->old.count; i++)
		for (size_t j = 0; j < d->new.count && !d->old.lines[i].paired; j++)
			if (!d->new.lines[j].paired &&
			    strcmp(d->old.lines[i].rule, d->new.lines[j].rule) == 0 &&
			    strcmp(d->old.lines[i].text, d->new.lines[j].text) == 0)
				d->old.lines[i].paired = d->new.lines[j].paired = true;
}

/* A bound that is another number: more under "at most" is wider, more under "at least" narrower. */
static void pair_numbers(struct diff *d)
{
	for (size_t i = 0; i < d->old.count; i++) {
		struct line *a = &d->old.lines[i];
		for (size_t j = 0; j < d->new.count && !a->paired; j++) {
			struct line *b = &d->new.lines[j];
			double x, y;
			size_t at;
			if (b->paired || strcmp(a->rule, b->rule) != 0 ||
			    !number_apart(a->text, b->text, &x, &y, &at))
				continue;
			bool most = ends_with(a->text, at, "at most ") ||
			            ends_with(a->text, at, "up to ") ||
			            ends_with(a->text, at, "below ");
			bool least =
			    ends_with(a->text, at, "at least ") || ends_with(a->text, at, "above ");
			if (!most && !least)
				continue;
			a->paired = b->paired = true;
			report(d, most == (y > x), "another bound", a, b);
		}
	}
}

static bool has_rule(const struct side *side, const char *rule)
{
	for (size_t i = 0; i < side->count; i++)
		if (strcmp(side->lines[i].rule, rule) == 0 && side->lines[i].text[0] == '\0')
			return true;
	return rule[0] == '\0' || strcmp(rule, "parameters") == 0;
}

static void compare(struct diff *d)
{
	pair_equal(d);
	pair_numbers(d);
	for (size_t i = 0; i < d->old.count; i++) {
		const struct line *l = &d->old.lines[i];
		if (l->paired || (l->text[0] != '\0' && !has_rule(&d->new, l->rule)))
			continue; /* of a rule that is gone its first line alone is told */
		if (strcmp(l->rule, "parameters") == 0)
			report(d, true, "gone or changed", l, NULL);
		else
			report(d, !permits(l->text),
			       permits(l->text) ? "not allowed any more" : "not demanded any more",
			       l, NULL);
	}
	for (size_t i = 0; i < d->new.count; i++) {
		const struct line *l = &d->new.lines[i];
		if (l->paired || (l->text[0] != '\0' && !has_rule(&d->old, l->rule)))
			continue;
		if (strcmp(l->rule, "parameters") == 0)
			report(d, true, "new or changed", l, NULL);
		else
			report(d, permits(l->text),
			       permits(l->text) ? "allowed now" : "demanded now", l, NULL);
	}
}

static int run(struct cli_call *call)
{
	static struct diff diff;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "name two intents, the old one first");
	int result = take_side(call, call->arguments[0], &diff.old);
	if (result == CLI_YES)
		result = take_side(call, call->arguments[1], &diff.new);
	if (result != CLI_YES)
		return result == CLI_NO ? CLI_UNSURE : result;
	diff.json = call->json;
	diff.out.file = stdout;
	if (call->json) {
		cli_out_open(&diff.out, '{');
		cli_out_name(&diff.out, "changes");
		cli_out_open(&diff.out, '[');
	}
	compare(&diff);
	if (call->json) {
		cli_out_close(&diff.out, ']');
		cli_out_name(&diff.out, "widens");
		cli_out_bool(&diff.out, diff.wider != 0);
		cli_out_close(&diff.out, '}');
		cli_out_line(&diff.out);
	} else if (diff.wider == 0) {
		printf("nothing widens\n");
	}
	return cli_finish(call, diff.wider != 0 ? CLI_NO : CLI_YES);
}

const struct cli_command cli_policy_diff = {
    .name = "policy diff",
    .arguments = "OLD NEW",
    .sentence = "say in words what a new intent allows that an old one did not",
    .run = run,
    .help = help,
};
