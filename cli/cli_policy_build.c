/* cli_policy_build: `claviger policy build`: an intent, or a folder with a C policy, to a module.
 *
 * An intent needs nothing but this tool (cli_intent.h). For C, clang compiles, wasm-ld links
 * (called itself: clang's driver would run wasm-opt where that happens to be installed, and the
 * module's hash is its identity), and the parameter schema is appended. The schema's rows come out
 * of the policy's own parameters header through clang's preprocessor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_encode.h"
#include "cbor_writer.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_home.h"
#include "cli_intent.h"
#include "keys.h"
#include "policy_parameters.h"

extern char **environ;

static const char help[] =
    "INTENT.toml: compiles it (spec/intent.md) to the module that -o names, or INTENT.wasm beside\n"
    "it, in the place of an older module and of no other file. The same file gives the same\n"
    "module, on every machine, without a compiler.\n"
    "\n"
    "DIR: builds DIR/NAME.c, NAME being the last part of DIR, with the headers in DIR and DIR/sdk "
    "to\n"
    "DIR/NAME.wasm, and prints the module's hash, which is what users authorize. Needs clang\n"
    "(another one: CLAVIGER_CLANG) and wasm-ld (CLAVIGER_WASM_LD).\n";

struct building {
	struct cli_call *call;
	char dir[3072];
	char name[LIMIT_NAME_MAX + 1];
	char source[4096], header[4096], object[4096], bare[4096], rows[4096], module[4096];
	char include[4096], include_sdk[4096];
};

static const char *tool_of(const char *variable, const char *usual)
{
	const char *set = getenv(variable);
	return set != NULL && set[0] != '\0' ? set : usual;
}

static bool run_tool(struct building *b, const char *const *arguments)
{
	pid_t pid;
	int status;
	int failed = posix_spawnp(&pid, arguments[0], NULL, NULL,
	                          (char *const *)(uintptr_t)arguments, environ);

	if (failed != 0) {
		cli_complain(b->call, "cannot run %s: %s", arguments[0], strerror(failed));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	cli_complain(b->call, "%s failed, see what it said above", arguments[0]);
	return false;
}

static bool compile(struct building *b)
{
	const char *const compile_arguments[] = {tool_of("CLAVIGER_CLANG", "clang"),
	                                         "--target=wasm32-unknown-unknown",
	                                         "-std=c17",
	                                         "-O2",
	                                         "-ffreestanding",
	                                         "-fno-inline-functions",
	                                         "-fno-unroll-loops",
	                                         "-Wall",
	                                         "-Wextra",
	                                         "-mbulk-memory",
	                                         "-msign-ext",
	                                         "-mmutable-globals",
	                                         "-mno-simd128",
	                                         "-fvisibility=hidden",
	                                         b->include,
	                                         b->include_sdk,
	                                         "-c",
	                                         b->source,
	                                         "-o",
	                                         b->object,
	                                         NULL};
	const char *const link_arguments[] = {tool_of("CLAVIGER_WASM_LD", "wasm-ld"),
	                                      "--no-entry",
	                                      "--strip-all",
	                                      "--stack-first",
	                                      "-z",
	                                      "stack-size=32768",
	                                      "-O2",
	                                      "--initial-memory=131072",
	                                      "--max-memory=131072",
	                                      "--fatal-warnings",
	                                      "--export=policy_abi",
	                                      "--export=policy_io",
	                                      "--export=policy_check",
	                                      "--export=policy_describe",
	                                      b->object,
	                                      "-o",
	                                      b->bare,
	                                      NULL};
	return run_tool(b, compile_arguments) && run_tool(b, link_arguments);
}

/* ---- the schema ---- */

static unsigned word_of(const char *word, const char *const *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return count;
}

/* One row: ROW name TYPE ROLE NEED default max "text" */
static bool put_row(struct cbor_writer *w, char *line)
{
	static const char *const types[] = {"",     "BOOL",     "U64",        "PUBKEY",
	                                    "TEXT", "U64_LIST", "PUBKEY_LIST"};
	static const char *const roles[] = {"NONE", "OWNER", "MINT"};
	static const char *const needs[] = {"", "REQUIRED", "OPTIONAL", "DEFAULTS"};
	char name[80], type[16], role[16], need[16], fallback[32], most[16];
	int at = 0;

	if (sscanf(line, "ROW %79s %15s %15s %15s %31s %15s %n", name, type, role, need, fallback,
	           most, &at) != 6 ||
	    line[at] != '"')
		return false;
	char *text = line + at + 1, *end = strrchr(text, '"');
	unsigned t = word_of(type, types, 7), r = word_of(role, roles, 3),
	         n = word_of(need, needs, 4);
	uint64_t def = strtoull(fallback, NULL, 0), max = strtoull(most, NULL, 0);
	if (end == NULL || t == 7 || t == 0 || r == 3 || n == 4 || n == 0)
		return false;
	cbor_put_map(w, 5u + (n == POLICY_NEED_DEFAULTS) + (max != 0));
	cbor_put_key(w, 1);
	cbor_put_text(w, bytes_of_text(name));
	cbor_put_key(w, 2);
	cbor_put_uint(w, t);
	cbor_put_key(w, 3);
	cbor_put_uint(w, r);
	cbor_put_key(w, 4);
	cbor_put_uint(w, n);
	if (n == POLICY_NEED_DEFAULTS) {
		cbor_put_key(w, 5);
		if (t == POLICY_TYPE_BOOL)
			cbor_put_bool(w, def != 0);
		else
			cbor_put_uint(w, def);
	}
	if (max != 0) {
		cbor_put_key(w, 6);
		cbor_put_uint(w, max);
	}
	cbor_put_key(w, 7);
	cbor_put_text(w, bytes_of(text, (size_t)(end - text)));
	cbor_put_end(w);
	return true;
}

static bool put_schema(struct building *b, struct buffer *rows, struct buffer *out)
{
	struct cbor_writer w;
	struct policy_schema schema;
	struct policy_error error = {.text = ""};
	size_t count = 0;

	rows->data[rows->len] = '\0';
	for (char *at = strstr((char *)rows->data, "ROW "); at != NULL; at = strstr(at + 4, "ROW "))
		count++;
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, 1);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, count);
	for (char *at = strstr((char *)rows->data, "ROW "); at != NULL; count--) {
		char *next = strstr(at + 4, "ROW ");

		if (next != NULL)
			next[-1] = '\0';
		if (!put_row(&w, at)) {
			cli_complain(b->call,
			             "%s: this row is not X(name, TYPE, ROLE, NEED, "
			             "default, entries, \"text\"): %.60s",
			             b->header, at);
			return false;
		}
		at = next;
	}
	cbor_put_end(&w);
	cbor_put_end(&w);
	if (cbor_finish(&w) != STATUS_OK ||
	    policy_schema_decode(buffer_bytes(out), &schema, &error) != STATUS_OK) {
		cli_complain(b->call, "%s: %s", b->header,
		             error.text[0] != '\0' ? error.text : "the schema is too long");
		return false;
	}
	return true;
}

/* The header's rows, as clang's preprocessor writes them. */
static bool read_rows(struct building *b, struct buffer *ret_rows)
{
	char message[512], probe[4096];
	FILE *file;

	snprintf(probe, sizeof(probe), "%s/.%s_rows.c", b->dir, b->name);
	file = fopen(probe, "w");
	if (file == NULL) {
		cli_complain(b->call, "cannot write %s: %s", probe, strerror(errno));
		return false;
	}
	fprintf(file,
	        "#include \"%s_parameters.h\"\n"
	        "#define CLAVIGER_ROW(name, type, role, need, def, max, text) "
	        "ROW name type role need def max text\n"
	        "POLICY_PARAMETERS(CLAVIGER_ROW)\n",
	        b->name);
	fclose(file);
	const char *const arguments[] = {tool_of("CLAVIGER_CLANG", "clang"),
	                                 "-E",
	                                 "-P",
	                                 b->include,
	                                 b->include_sdk,
	                                 probe,
	                                 "-o",
	                                 b->rows,
	                                 NULL};
	bool good = run_tool(b, arguments);
	unlink(probe);
	if (!good)
		return false;
	good = cli_file_read(b->rows, 65536, ret_rows, message, sizeof(message)) == STATUS_OK;
	if (!good)
		cli_complain(b->call, "%s", message);
	unlink(b->rows);
	return good;
}

static void put_leb(FILE *file, size_t value)
{
	do {
		fputc((int)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)), file);
		value >>= 7;
	} while (value != 0);
}

static bool write_module(struct building *b, struct bytes schema, uint8_t ret_hash[32])
{
	static const char section[] = "claviger.parameters";
	struct buffer bare, whole;
	char message[512];

	if (cli_file_read(b->bare, LIMIT_MODULE_MAX, &bare, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(b->call, "%s", message);
		return false;
	}
	unlink(b->bare);
	unlink(b->object);
	FILE *file = fopen(b->module, "wb");
	if (file != NULL) {
		fwrite(bare.data, 1, bare.len, file);
		fputc(0, file);
		put_leb(file, 1 + sizeof(section) - 1 + schema.len);
		put_leb(file, sizeof(section) - 1);
		fwrite(section, 1, sizeof(section) - 1, file);
		fwrite(schema.data, 1, schema.len, file);
	}
	free(bare.data);
	if (file == NULL || fclose(file) != 0 ||
	    cli_file_read(b->module, LIMIT_MODULE_MAX, &whole, message, sizeof(message)) !=
	        STATUS_OK) {
		cli_complain(b->call, "cannot write %s", b->module);
		return false;
	}
	struct bytes bytes = buffer_bytes(&whole);
	keys_sha256(&bytes, 1, ret_hash);
	free(whole.data);
	return true;
}

static bool take_names(struct building *b, const char *dir)
{
	size_t len = strlen(dir);
	char real[4096];
	struct stat info;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len >= sizeof(b->dir) || realpath(dir, real) == NULL || stat(real, &info) != 0 ||
	    !S_ISDIR(info.st_mode))
		return false;
	memcpy(b->dir, dir, len);
	const char *name = strrchr(real, '/') + 1;
	if (snprintf(b->name, sizeof(b->name), "%s", name) >= (int)sizeof(b->name))
		return false;
	snprintf(b->source, sizeof(b->source), "%s/%s.c", b->dir, b->name);
	snprintf(b->header, sizeof(b->header), "%s/%s_parameters.h", b->dir, b->name);
	snprintf(b->object, sizeof(b->object), "%s/.%s.o", b->dir, b->name);
	snprintf(b->bare, sizeof(b->bare), "%s/.%s.bare", b->dir, b->name);
	snprintf(b->rows, sizeof(b->rows), "%s/.%s_rows", b->dir, b->name);
	snprintf(b->module, sizeof(b->module), "%s/%s.wasm", b->dir, b->name);
	snprintf(b->include, sizeof(b->include), "-I%s", b->dir);
	snprintf(b->include_sdk, sizeof(b->include_sdk), "-I%s/sdk", b->dir);
	return true;
}

static int finish(struct cli_call *call, const char *path, const uint8_t hash[32])
{
	char text[HEX_LEN(32) + 1];

	hex_encode(bytes_of(hash, 32), text);
	cli_answer_texts(call, "hash", text, NULL);
	if (!call->json)
		printf("%s: SHA-256 %s\n", path, text);
	return cli_finish(call, CLI_YES);
}

/* Whether the module may be put there: in the place of an older one, but of no other file, which a
 * slip of the name would lose (the intent itself). */
static bool may_replace(const struct cli_call *call, const char *path, const struct stat *there)
{
	char head[4] = {0};
	FILE *file;

	if (there->st_size == 0)
		return true;
	file = fopen(path, "rb");
	if (file == NULL) {
		cli_complain(call, "%s is there and cannot be read: %s", path, strerror(errno));
		return false;
	}
	(void)!fread(head, 1, sizeof(head), file);
	fclose(file);
	if (memcmp(head, "\0asm", sizeof(head)) == 0)
		return true;
	cli_complain(call, "%s is there and is no module (.wasm): name another file with -o", path);
	return false;
}

/* A file is whole or as it was; a link, or what is no file (a pipe), takes the bytes as they come.
 */
static int put_module(const struct cli_call *call, const char *path, struct bytes module)
{
	struct stat there, name;
	bool exists = lstat(path, &name) == 0, written;

	if (stat(path, &there) == 0 && S_ISREG(there.st_mode) && !may_replace(call, path, &there))
		return CLI_UNSURE;
	if (!exists || S_ISREG(name.st_mode))
		return cli_home_write(call, path, module, false);
	FILE *file = fopen(path, "wb");
	written = file != NULL && fwrite(module.data, 1, module.len, file) == module.len;
	if (file != NULL && fclose(file) == 0 && written)
		return CLI_YES;
	cli_complain(call, "cannot write %s: %s", path, strerror(errno));
	return CLI_UNSURE;
}

static int build_intent(struct cli_call *call, const char *path, const char *to)
{
	static uint8_t space[LIMIT_MODULE_MAX];
	static struct cli_intent intent;
	struct buffer module = BUFFER_OF_ARRAY(space);
	char beside[4096];
	uint8_t hash[32];

	int result = cli_intent_open(call, path, &intent);
	if (result == CLI_YES)
		result = cli_intent_module(call, &intent, &module);
	if (result != CLI_YES)
		return result;
	if (to == NULL) {
		snprintf(beside, sizeof(beside), "%.*s.wasm", (int)strlen(path) - 5, path);
		to = beside;
	}
	struct bytes bytes = buffer_bytes(&module);
	result = put_module(call, to, bytes);
	if (result != CLI_YES)
		return result;
	keys_sha256(&bytes, 1, hash);
	return finish(call, to, hash);
}

static int run(struct cli_call *call)
{
	static struct building b;
	static uint8_t space[LIMIT_SCHEMA_MAX];
	struct buffer rows, schema = BUFFER_OF_ARRAY(space);
	const char *to = NULL;
	uint8_t hash[32];
	const struct cli_option options[] = {
	    {"-o", &to, NULL},
	};

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "name one intent (.toml) or one folder");
	if (cli_intent_is(call->arguments[0]))
		return build_intent(call, call->arguments[0], to);
	if (to != NULL)
		return cli_usage(call,
		                 "-o goes with an intent, a file NAME.toml; a folder's module is "
		                 "DIR/NAME.wasm");
	b.call = call;
	if (!take_names(&b, call->arguments[0])) {
		cli_complain(call,
		             "%s is neither an intent (a file NAME.toml) nor a policy's folder",
		             call->arguments[0]);
		return CLI_UNSURE;
	}
	const char *missing = access(b.source, R_OK) != 0   ? b.source
	                      : access(b.header, R_OK) != 0 ? b.header
	                                                    : NULL;
	if (missing != NULL) {
		cli_complain(call,
		             "cannot read %s: %s; `claviger policy new DIR` makes a folder that "
		             "builds",
		             missing, strerror(errno));
		return CLI_UNSURE;
	}
	if (!read_rows(&b, &rows))
		return CLI_NO;
	if (!put_schema(&b, &rows, &schema) || !compile(&b) ||
	    !write_module(&b, buffer_bytes(&schema), hash))
		return CLI_NO;
	return finish(call, b.module, hash);
}

const struct cli_command cli_policy_build = {
    .name = "policy build",
    .arguments = "INTENT.toml [-o M.wasm] | DIR",
    .sentence = "build an intent, or a policy in C, to a module",
    .run = run,
    .help = help,
};
