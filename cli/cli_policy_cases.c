/* cli_policy_cases: `claviger policy test`: a policy's cases, each with the verdict it must get. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_intent.h"
#include "cli_intent_cases.h"
#include "cli_json.h"
#include "cli_policy.h"

#define CASES_FILE_MAX (16u * 1024 * 1024)

static const char help[] =
    "INTENT.toml: compiles it and runs its [[test]] blocks (spec/intent.md, 6).\n"
    "\n"
    "Runs every case of DIR/cases.jsonl on DIR/NAME.wasm, NAME being the last part of DIR:\n"
    "{\"name\", \"wallet\", \"transaction\": base64, \"expect\": \"allow\" or the reason's code,\n"
    "perhaps \"params\": FILE in DIR; else parameters.toml}. Exit status 1 when one differs.\n"
    "\n"
    "  --module M  another module\n";

struct cases {
	struct cli_call *call;
	const char *dir;
	struct cli_policy policy;
	char params[4096]; /* of what is loaded */
	unsigned passed, failed;
};

static bool text_of(const struct cli_json_node *root, const char *name, char *out, size_t cap)
{
	struct bytes text;
	const struct cli_json_node *node = cli_json_member(root, name);

	if (node == NULL || !cli_json_text(node, &text) || text.len >= cap)
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static void one_case(struct cases *c, const struct cli_json_node *root, unsigned line)
{
	static struct cli_policy_result result;
	static struct solana_view view;
	char name[128], wallet[64], expect[64], params[256] = "parameters.toml", path[4096];
	static char wire[16384];
	uint8_t space[LIMIT_TX_V1_MAX + 64];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct solana_error error = {SOLANA_ERROR_NONE, 0};
	const char *code = "base64";

	if (!text_of(root, "name", name, sizeof(name)) ||
	    !text_of(root, "wallet", wallet, sizeof(wallet)) ||
	    !text_of(root, "expect", expect, sizeof(expect)) ||
	    !text_of(root, "transaction", wire, sizeof(wire))) {
		cli_complain(c->call, "line %u lacks name, wallet, transaction or expect", line);
		c->failed++;
		return;
	}
	(void)text_of(root, "params", params, sizeof(params));
	snprintf(path, sizeof(path), "%s/%s", c->dir, params);
	if (cli_policy_grant(&c->policy, c->call, path, wallet) != CLI_YES) {
		c->failed++;
		return;
	}
	if (base64_decode(bytes_of_text(wire), &bytes) == STATUS_OK) {
		if (solana_classify(buffer_bytes(&bytes), &view, &error) != STATUS_OK) {
			code = solana_error_code(error.code);
		} else {
			cli_policy_ask(&c->policy, &view, POLICY_MODE_CHECK, false, &result);
			code = verdict_allows(result.decision.verdict) ? "allow" : result.code;
		}
	}
	bool right = strcmp(code, expect) == 0;
	if (!right || !c->call->json)
		fprintf(right ? stdout : stderr, "%s %s%s%s%s%s\n", right ? "ok  " : "FAIL", name,
		        right ? "" : ": expected ", right ? "" : expect, right ? "" : ", got ",
		        right ? "" : code);
	c->passed += right;
	c->failed += !right;
}

static bool run_cases(struct cases *c, struct buffer *file)
{
	struct cli_json_file json;
	char message[256];
	unsigned line = 0;

	for (size_t at = 0; at < file->len;) {
		const uint8_t *end = memchr(file->data + at, '\n', file->len - at);
		size_t next = end == NULL ? file->len : (size_t)(end - file->data);

		line++;
		if (next > at) {
			if (cli_json_parse(bytes_of(file->data + at, next - at), &json, message,
			                   sizeof(message)) != STATUS_OK) {
				cli_complain(c->call, "cases.jsonl, line %u: %s", line, message);
				return false;
			}
			one_case(c, json.root, line);
			cli_json_close(&json);
		}
		at = next + 1;
	}
	return true;
}

static int run(struct cli_call *call)
{
	static struct cases cases;
	struct buffer file;
	const char *module = NULL;
	char path[4096], real[4096], message[512];
	struct stat info;
	const struct cli_option options[] = {
	    {"--module", &module, NULL}
        };

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "name one intent (.toml) or one folder");
	if (cli_intent_is(call->arguments[0]) && module == NULL)
		return cli_intent_test(call, call->arguments[0]);
	cases.call = call;
	cases.dir = call->arguments[0];
	if (realpath(cases.dir, real) == NULL || stat(real, &info) != 0 || !S_ISDIR(info.st_mode)) {
		cli_complain(call,
		             "%s is neither an intent (a file NAME.toml) nor a policy's folder",
		             cases.dir);
		return CLI_UNSURE;
	}
	snprintf(path, sizeof(path), "%s/%s.wasm", cases.dir, strrchr(real, '/') + 1);
	int result = cli_policy_load(&cases.policy, call, module != NULL ? module : path);
	if (result != CLI_YES)
		return result;
	snprintf(path, sizeof(path), "%s/cases.jsonl", cases.dir);
	if (cli_file_read(path, CASES_FILE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (!run_cases(&cases, &file))
		return CLI_USAGE;
	cli_answer(call->json ? "{\"passed\":%u,\"failed\":%u}\n" : "%u passed, %u failed\n",
	           cases.passed, cases.failed);
	return cli_finish(call, cases.failed != 0 || cases.passed == 0 ? CLI_NO : CLI_YES);
}

const struct cli_command cli_policy_test = {
    .name = "policy test",
    .arguments = "INTENT.toml | [--module M] DIR",
    .sentence = "run an intent's tests, or a policy's cases",
    .run = run,
    .help = help,
};
