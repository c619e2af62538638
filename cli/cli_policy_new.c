/* cli_policy_new: `claviger policy new`: a folder in which a policy can be built and tested. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>

#include "base_bytes.h"
#include "base_limits.h"
#include "cli_commands.h"
#include "cli_intent_draft.h"
#include "cli_template.h"

static const char help[] =
    "--from-tx FILE: writes an intent (to standard output, or to -o) that allows what the sample\n"
    "transactions in FILE do, base64, one a line: the same programs and accounts, who pays the\n"
    "fee, the same data, amounts up to theirs; numbers in which samples of one instruction differ\n"
    "lie between them. Its first lines say what else is free. Each sample stands in it as a test,\n"
    "and it is written only when it builds and they pass. --wallet says whose they are; default:\n"
    "the first one's fee payer.\n"
    "\n"
    "DIR: writes a folder with a small policy in C that works: the policy, its parameters, cases, "
    "and\n"
    "the SDK's headers. The last part of DIR is the policy's name, [a-z][a-z0-9_]*. Then:\n"
    "\n"
    "  claviger policy build DIR    makes DIR/NAME.wasm (needs clang and wasm-ld)\n"
    "  claviger policy test DIR     runs DIR/cases.jsonl\n";

static const char placeholder[] = "template";

static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > LIMIT_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

/* Writes a file of the template with the policy's name in place of "template", in both cases. */
static bool write_file(FILE *file, const struct cli_template_file *from, const char *name)
{
	size_t skip = sizeof(placeholder) - 1;

	for (size_t i = 0; i < from->len;) {
		const char *at = (const char *)from->data + i;

		if (from->len - i >= skip && memcmp(at, placeholder, skip) == 0) {
			fputs(name, file);
			i += skip;
		} else if (from->len - i >= skip && memcmp(at, "TEMPLATE", skip) == 0) {
			for (const char *c = name; *c != '\0'; c++)
				fputc(*c >= 'a' && *c <= 'z' ? *c - 32 : *c, file);
			i += skip;
		} else {
			fputc(from->data[i++], file);
		}
	}
	return ferror(file) == 0;
}

static int write_one(struct cli_call *call, const char *dir, const char *name,
                     const struct cli_template_file *from)
{
	/* SDK headers are written as they are, one folder deeper. */
	bool sdk = strncmp(from->name, "policy_", 7) == 0;
	const char *rest = from->name;
	char path[4096];
	bool named = strncmp(rest, placeholder, sizeof(placeholder) - 1) == 0;

	if (named)
		rest += sizeof(placeholder) - 1;
	if (snprintf(path, sizeof(path), "%s/%s%s%s", dir, sdk ? "sdk/" : "", named ? name : "",
	             rest) >= (int)sizeof(path))
		return CLI_USAGE;
	FILE *file = fopen(path, "wx");
	if (file == NULL) {
		cli_complain(call, "cannot write %s: %s", path, strerror(errno));
		return CLI_UNSURE;
	}
	bool good = sdk ? fwrite(from->data, 1, from->len, file) == from->len
	                : write_file(file, from, name);
	if (fclose(file) == 0 && good)
		return CLI_YES;
	cli_complain(call, "cannot write %s", path);
	return CLI_UNSURE;
}

static int run(struct cli_call *call)
{
	char path[4096];
	const char *samples = NULL, *wallet = NULL, *to = NULL;
	const struct cli_option options[] = {
	    {"--from-tx", &samples, NULL},
	    {"--wallet",  &wallet,  NULL},
	    {"-o",        &to,      NULL},
	};

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (samples != NULL && call->count == 0)
		return cli_intent_draft(call, samples, wallet, to);
	if (call->count != 1 || samples != NULL || wallet != NULL || to != NULL)
		return cli_usage(call, "name one folder, or --from-tx FILE");
	const char *dir = call->arguments[0];
	const char *slash = strrchr(dir, '/');
	const char *name = slash == NULL ? dir : slash + 1;
	if (!name_is_good(name))
		return cli_usage(call, "the folder's name is the policy's: [a-z][a-z0-9_]*");
	if (mkdir(dir, 0777) != 0) {
		cli_complain(call, "cannot make %s: %s", dir, strerror(errno));
		return CLI_UNSURE;
	}
	if (snprintf(path, sizeof(path), "%s/sdk", dir) >= (int)sizeof(path) ||
	    mkdir(path, 0777) != 0) {
		cli_complain(call, "cannot make %s: %s", path, strerror(errno));
		return CLI_UNSURE;
	}
	for (size_t i = 0; i < cli_template_file_count; i++) {
		int result = write_one(call, dir, name, &cli_template_files[i]);

		if (result != CLI_YES)
			return result;
	}
	if (call->json)
		cli_answer("{\"name\":\"%s\"}\n", name);
	else
		printf("%s: next `claviger policy build %s`, then `claviger policy test %s`\n",
		       name, dir, dir);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_policy_new = {
    .name = "policy new",
    .arguments = "--from-tx FILE [--wallet A] [-o INTENT.toml] | DIR",
    .sentence = "draft an intent from sample transactions, or a folder for a policy in C",
    .run = run,
    .help = help,
};
