/* claviger machine status|log|config|certificate|restart|off: an operator and the appliance, which
 * has no shell. What only reads, and what changes no power, goes by the operator's certificate at
 * the operators' door; restart and off are commands that the signer checks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "authz_statement.h"
#include "base_check.h"
#include "base_encode.h"
#include "cli_authority.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "cli_server.h"
#include "http_tls.h"

#define FOLLOW_MS 1000

/* One call at the operators' door. */
struct door {
	struct cli_server_options options;
	struct cli_server server;
	struct cli_json_file answer;
};

#define DOOR_OPTIONS(door)                                                                         \
	CLI_SERVER_OPTIONS((door).options), {"--operator", &(door).options.operator_file, NULL},   \
	{                                                                                          \
		"--operator-port", &(door).options.operator_port, NULL                             \
	}

static int check_door(struct cli_call *call, struct door *door)
{
	if (door->options.operator_file == NULL)
		return cli_usage(call, "needs --operator FILE");
	if (door->options.operator_port == NULL)
		door->options.operator_port = CLI_OPERATOR_PORT;
	return CLI_YES;
}

static int open_door(struct cli_call *call, struct door *door)
{
	int result = check_door(call, door);

	if (result != CLI_YES)
		return result;
	result = cli_server_connect(&door->server, call, &door->options);
	if (result == CLI_UNSURE)
		cli_complain(call, "the operators' door is a port of its own: `serve "
		                   "--operator-listen`, or the site manifest, opens it");
	return result;
}

/* ask makes one call; its answer's JSON is in door->answer. */
static int ask(struct door *door, const char *method, const char *path, struct bytes body)
{
	unsigned status;
	int result = cli_server_http(&door->server, method, path, NULL, body, &status);

	return result == CLI_YES ? cli_server_json(&door->server, &door->answer) : result;
}

/* ---- status, config ---- */

static int keep_manifest(struct door *door, const char *path)
{
	static uint8_t space[65536];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct bytes text;

	if (!cli_json_text(cli_json_member(door->answer.root, "manifest"), &text) ||
	    base64_decode(text, &bytes) != STATUS_OK) {
		cli_complain(door->server.call, "the answer has no manifest");
		return CLI_UNSURE;
	}
	return cli_home_write(door->server.call, path, buffer_bytes(&bytes), false);
}

/* Asks for `path` and shows what it says, or its `member` alone; `keeps`: --out says where its
 * manifest goes. */
static int show_answer(struct cli_call *call, const char *path, const char *member, bool keeps)
{
	struct door door = {.options = {.server = NULL}};
	const char *out = NULL;
	const struct cli_option table[] = {
	    DOOR_OPTIONS(door),
	    {"--out", &out, NULL},
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0]) - !keeps))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = open_door(call, &door);
	if (result == CLI_YES)
		result = ask(&door, "GET", path, bytes_of(NULL, 0));
	if (result == CLI_YES && out != NULL)
		result = keep_manifest(&door, out);
	if (result == CLI_YES)
		result = cli_server_show(&door.server, &door.answer, member);
	return cli_finish(call, result);
}

static int run_status(struct cli_call *call)
{
	return show_answer(call, "/api/v1/machine", NULL, false);
}

static int run_config(struct cli_call *call)
{
	return show_answer(call, "/api/v1/machine/config", "settings", true);
}

/* ---- log ---- */

/* Numbers of 64 bits are decimal text in our JSON. */
static bool take_decimal(const struct cli_json_node *node, uint64_t *ret_number)
{
	struct bytes text;
	char digits[24];
	const char *end = digits;

	if (!cli_json_text(node, &text) || text.len >= sizeof(digits))
		return false;
	memcpy(digits, text.data, text.len);
	digits[text.len] = '\0';
	return cli_take_number(&end, ret_number) && *end == '\0';
}

/* Prints what one answer has; *ret_cursor goes on behind it. */
static int put_lines(struct door *door, uint64_t asked, uint64_t *ret_cursor, bool *ret_more)
{
	const struct cli_json_node *root = door->answer.root,
	                           *lines = cli_json_member(root, "lines");
	struct bytes line;
	uint64_t first = 0;
	size_t count = 0;

	if (!cli_json_count(lines, &count) ||
	    !cli_json_bool(cli_json_member(root, "more"), ret_more) ||
	    !take_decimal(cli_json_member(root, "first"), &first) ||
	    !take_decimal(cli_json_member(root, "next_cursor"), ret_cursor)) {
		cli_complain(door->server.call, "the answer is no piece of a log");
		return CLI_UNSURE;
	}
	if (first < asked)
		cli_complain(door->server.call,
		             "the bridge began anew, and its numbers with it; what it still has:");
	if (asked > 1 && first > asked)
		cli_complain(door->server.call, "%" PRIu64 " lines are no longer kept",
		             first - asked);
	for (size_t i = 0; i < count; i++)
		if (cli_json_text(cli_json_item(lines, i), &line)) {
			cli_out_plain(cli_answer_file(), line);
			cli_answer("\n");
		}
	return CLI_YES;
}

static int run_log(struct cli_call *call)
{
	struct door door = {.options = {.server = NULL}};
	const char *from = NULL, *end;
	bool follow = false, more = true;
	uint64_t cursor = 1;
	const struct cli_option table[] = {
	    DOOR_OPTIONS(door),
	    {"--from",   &from, NULL   },
	    {"--follow", NULL,  &follow},
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	end = from;
	if (call->count != 0 || (from != NULL && (!cli_take_number(&end, &cursor) || *end != '\0')))
		return cli_usage(call, "--from takes the number that the last call ended with");
	result = open_door(call, &door);
	while (result == CLI_YES && (more || follow)) {
		uint64_t asked = cursor;
		char path[64];

		if (!more)
			(void)poll(NULL, 0, FOLLOW_MS);
		snprintf(path, sizeof(path), "/api/v1/machine/log?cursor=%" PRIu64, asked);
		result = ask(&door, "GET", path, bytes_of(NULL, 0));
		if (result != CLI_YES)
			break;
		result = put_lines(&door, asked, &cursor, &more);
		cli_json_close(&door.answer);
		fflush(cli_answer_file());
	}
	if (result == CLI_YES)
		fprintf(stderr, "next: --from %" PRIu64 "\n", cursor);
	return cli_finish(call, result);
}

/* ---- certificate ---- */

/* {"pem": "..."}; PEM has no character that JSON escapes but line ends. */
static int put_pem(struct cli_call *call, const char *path, struct buffer *ret_body)
{
	struct buffer pem;
	char message[256];

	if (cli_file_read(path, HTTP_TLS_PEM_MAX, &pem, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	(void)!buffer_put(ret_body, bytes_of_text("{\"pem\":\""));
	for (size_t i = 0; i < pem.len; i++) {
		struct bytes one = bytes_of(pem.data + i, 1);

		if (pem.data[i] == '\r')
			continue;
		if (pem.data[i] == '\n')
			one = bytes_of_text("\\n");
		else if (pem.data[i] < ' ' || pem.data[i] > '~' || pem.data[i] == '"' ||
		         pem.data[i] == '\\') {
			cli_complain(call, "%s is no chain of certificates in PEM", path);
			return CLI_NO;
		}
		CHECK(buffer_put(ret_body, one) == STATUS_OK);
	}
	free(pem.data);
	CHECK(buffer_put(ret_body, bytes_of_text("\"}")) == STATUS_OK);
	return CLI_YES;
}

/* put_certificate: the bridge judges it and shows it at once; then an operator's signed command has
 * the signer keep it for later starts. */
static int put_certificate(struct cli_call *call, struct door *door, uint64_t *ret_expires)
{
	static uint8_t space[2 * HTTP_TLS_PEM_MAX + 16]; /* all line ends, and what is around */
	struct buffer body = BUFFER_OF_ARRAY(space), pem;
	const char *path = call->arguments[0];
	char message[256];
	int result = put_pem(call, path, &body);

	if (result == CLI_YES)
		result = ask(door, "POST", "/api/v1/machine/certificate", buffer_bytes(&body));
	if (result != CLI_YES)
		return result;
	(void)cli_json_u64(cli_json_member(door->answer.root, "expires"), ret_expires);
	if (cli_file_read(path, HTTP_TLS_PEM_MAX, &pem, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	result = cli_operator_install(&door->server, door->options.operator_file,
	                              AUTHZ_COMMAND_INSTALL_CERTIFICATE, buffer_bytes(&pem));
	free(pem.data);
	return result;
}

static int run_certificate(struct cli_call *call)
{
	struct door door = {.options = {.server = NULL}};
	const struct cli_option table[] = {DOOR_OPTIONS(door)};
	uint64_t expires = 0;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the chain");
	result = check_door(call, &door);
	if (result == CLI_YES)
		result = cli_server_open(&door.server, call, &door.options);
	if (result == CLI_YES)
		result = put_certificate(call, &door, &expires);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"expires\":%" PRIu64 "}\n"
	                      : "in use, and kept, until %" PRIu64 " seconds since 1970\n",
	           expires);
	return cli_finish(call, CLI_YES);
}

/* ---- commands ---- */

static int order(struct cli_call *call, enum authz_command_action action)
{
	static const uint8_t nobody[32];
	struct cli_server_options options = {.server = NULL};
	const char *operator_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &operator_file, NULL},
	};
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (operator_file == NULL || call->count != 0)
		return cli_usage(call, "needs --operator FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_operator_command(&server, operator_file, (uint8_t)action, nobody);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

/* install sends a file, to be used from the next start on. */
static int install(struct cli_call *call, struct cli_server_options *options, const char *path,
                   enum authz_command_action action)
{
	struct cli_server server;
	struct buffer content;
	char message[CLI_PATH_MAX + 256];
	int result;

	if (options->operator_file == NULL)
		return cli_usage(call, "needs --operator FILE");
	if (cli_file_read(path, AUTHZ_INSTALL_MAX, &content, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	result = cli_server_open(&server, call, options);
	if (result == CLI_YES)
		result = cli_operator_install(&server, options->operator_file, (uint8_t)action,
		                              buffer_bytes(&content));
	free(content.data);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n"
	                      : "on the disk: it counts from the next start on\n");
	return cli_finish(call, CLI_YES);
}

static int run_approvals(struct cli_call *call)
{
	static struct approval_file file;
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &options.operator_file, NULL},
	};
	const char *why;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the file of approvals");
	keys_open();
	result = cli_approvals_read(call, call->arguments[0], &file);
	if (result == CLI_YES && (why = cli_approvals_judge(&file)) != NULL) {
		cli_complain(call, "%s: %s", call->arguments[0], why);
		result = CLI_NO;
	}
	return result == CLI_YES
	           ? install(call, &options, call->arguments[0], AUTHZ_COMMAND_INSTALL_APPROVALS)
	           : result;
}

static int run_settings(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &options.operator_file, NULL},
	};

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the signed manifest");
	return install(call, &options, call->arguments[0], AUTHZ_COMMAND_INSTALL_SITE);
}

static int run_restart(struct cli_call *call)
{
	return order(call, AUTHZ_COMMAND_RESTART);
}

static int run_off(struct cli_call *call)
{
	return order(call, AUTHZ_COMMAND_OFF);
}

const struct cli_command cli_machine_status = {
    .name = "machine status",
    .arguments = "--operator FILE",
    .sentence = "as operator, see how the machine is",
    .run = run_status,
    .help = "Like all of `claviger machine`, at the operators' door: port 8201 of the server, or\n"
            "--operator-port, where only those come in who show a certificate of a key that the\n"
            "site manifest (on a workstation: the configuration) names. FILE is that key.\n",
};

const struct cli_command cli_machine_log = {
    .name = "machine log",
    .arguments = "--operator FILE [--from N] [--follow]",
    .sentence = "as operator, read the log: one event a line",
    .run = run_log,
    .help =
        "The latest 2048 lines of all processes are kept in memory. The serial console has the\n"
        "same and what came before. JSON lines, with and without --json.\n",
};

const struct cli_command cli_machine_config = {
    .name = "machine config",
    .arguments = "--operator FILE [--out FILE]",
    .sentence = "as operator, see the settings of the site manifest",
    .run = run_config,
    .help = "--out FILE   keep the signed manifest itself\n",
};

const struct cli_command cli_machine_settings = {
    .name = "machine settings",
    .arguments = "--operator FILE MANIFEST",
    .sentence = "as operator, give the appliance another site manifest",
    .run = run_settings,
    .help = "MANIFEST is what `claviger image disk --manifest FILE` made, signed by the site. It "
            "counts from\n"
            "the next start on. From afar change only addresses, ports, names and the number of\n"
            "verifiers, and operators and machines become fewer; whatever raises power is refused\n"
            "and written at the machine (claviger image disk).\n",
};

const struct cli_command cli_machine_approvals = {
    .name = "machine approvals",
    .arguments = "--operator FILE APPROVALS",
    .sentence = "as operator, give the appliance another file of approvals",
    .run = run_approvals,
    .help =
        "APPROVALS is what `claviger image approve` wrote. It counts from the next start on: the "
        "TPM\n"
        "then opens the share for what release and site have signed there, and for nothing else.\n"
        "The machine refuses a file with which what runs now, what starts by itself or what is\n"
        "staged would not start again, by its PCRs and floors; one with a bad signature in it is "
        "not\n"
        "even sent.\n",
};

const struct cli_command cli_machine_certificate = {
    .name = "machine certificate",
    .arguments = "--operator FILE CHAIN",
    .sentence = "as operator, put a CA's certificate into use, without a stop",
    .run = run_certificate,
    .help =
        "CHAIN is what your CA made of `claviger tls csr`: this server's certificate first, the\n"
        "CA's own last, in PEM. It must lead to the CA that the site manifest names (claviger\n"
        "image disk --ca), be in date, for this server's key and for one of the manifest's names.\n"
        "Open connections go on; the former certificate stays when the new one is refused. What "
        "is\n"
        "taken is kept for later starts.\n",
};

const struct cli_command cli_machine_restart = {
    .name = "machine restart",
    .arguments = "--operator FILE",
    .sentence = "as operator, restart the appliance, in order",
    .run = run_restart,
    .help = "All that is open is finished or refused, everything is written, memory that is given "
            "back\n"
            "is zeroed, and the machine starts anew: an unattended one serves again by itself.\n",
};

const struct cli_command cli_machine_off = {
    .name = "machine off",
    .arguments = "--operator FILE",
    .sentence = "as operator, switch the appliance off, in order",
    .run = run_off,
};
