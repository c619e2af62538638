/* cli_policy_diff: `claviger policy diff`: what a new intent allows that an old one did not.
 *
 * The tables are compared (lib/intent/intent_diff.h): what is not proven to be equal or narrower
 * counts as wider. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "authz_text.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_intent.h"
#include "cli_out.h"
#include "cli_policy.h"
#include "intent_diff.h"
#include "intent_table.h"
#include "policy_intent.h"

static const char help[] =
    "Compares two intents, each a module (.wasm) or a file (.toml), and says in words what NEW\n"
    "allows that OLD does not (widens) and what it does not any more (narrows). The tables are\n"
    "compared, not their words, and what is not proven to allow the same or less is told as\n"
    "wider: when nothing widens, OLD allows all that NEW allows with the same parameters, and\n"
    "counts it the same. Exit status 1 when something widens, 0 when nothing does, 3 when one is\n"
    "no intent: custom code cannot be compared.\n";

struct side {
	_Alignas(8) uint8_t table[INTENT_TABLE_MAX];
	size_t len;
};

static int take_side(const struct cli_call *call, const char *path, struct side *ret)
{
	static uint8_t space[LIMIT_MODULE_MAX];
	struct buffer module = BUFFER_OF_ARRAY(space);
	struct bytes table, bytes;
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
	if (cli_policy_is_none(call, bytes, path))
		return CLI_UNSURE; /* 1: it widens */
	if (policy_intent_name(bytes) == NULL || policy_intent_table(bytes, &table) != STATUS_OK) {
		cli_complain(call,
		             "%s is no intent of this build's evaluator: %s. Of an intent that "
		             "another release built name the file (.toml) in its place",
		             path, AUTHZ_CUSTOM_CODE_TEXT);
		return CLI_UNSURE;
	}
	memcpy(ret->table, table.data, table.len);
	ret->len = table.len;
	return CLI_YES;
}

struct diff {
	struct cli_out out;
	bool json;
};

static void put_words(struct cli_out *out, const char *name, const char *words)
{
	if (words == NULL)
		return;
	cli_out_name(out, name);
	cli_out_text(out, bytes_of_text(words));
}

static void tell(void *context, const struct intent_change *change)
{
	struct diff *d = context;
	const char *effect = change->wider ? "widens" : "narrows";
	if (d->json) {
		cli_out_open(&d->out, '{');
		put_words(&d->out, "effect", effect);
		put_words(&d->out, "rule", change->rule);
		put_words(&d->out, "what", change->what);
		put_words(&d->out, "old", change->old);
		put_words(&d->out, "new", change->new);
		cli_out_close(&d->out, '}');
		return;
	}
	printf("%-8s%s%s%s", effect, change->rule, change->rule[0] != '\0' ? ": " : "",
	       change->what);
	if (change->old != NULL || change->new != NULL)
		printf(": %s%s%s", change->old == NULL ? "" : change->old,
		       change->old != NULL && change->new != NULL ? "  ->  " : "",
		       change->new == NULL ? "" : change->new);
	printf("\n");
}

static int run(struct cli_call *call)
{
	static struct side old, new;
	struct diff diff = {.out = {.file = cli_answer_file()}, .json = call->json};

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "name two intents, the old one first");
	int result = take_side(call, call->arguments[0], &old);
	if (result == CLI_YES)
		result = take_side(call, call->arguments[1], &new);
	if (result != CLI_YES)
		return result == CLI_NO ? CLI_UNSURE : result;
	if (call->json) {
		cli_out_open(&diff.out, '{');
		cli_out_name(&diff.out, "changes");
		cli_out_open(&diff.out, '[');
	}
	size_t wider =
	    intent_diff(bytes_of(old.table, old.len), bytes_of(new.table, new.len), tell, &diff);
	if (call->json) {
		cli_out_close(&diff.out, ']');
		cli_out_name(&diff.out, "widens");
		cli_out_bool(&diff.out, wider != 0);
		cli_out_close(&diff.out, '}');
		cli_out_line(&diff.out);
	} else if (wider == 0) {
		printf("nothing widens\n");
	}
	return cli_finish(call, wider != 0 ? CLI_NO : CLI_YES);
}

const struct cli_command cli_policy_diff = {
    .name = "policy diff",
    .arguments = "OLD NEW",
    .sentence = "say in words what a new intent allows that an old one did not",
    .run = run,
    .help = help,
};
