/* claviger tpm approve, recover share: what people give to a machine that waits before it unseals.
 * Over its health listener, in plain HTTP: there is no TLS key yet, and nothing here is secret. Who
 * sits in between can show a value of his own: what is given goes only to the one that the
 * machine's own log names, which the caller hands in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base_encode.h"
#include "call_unseal.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_json.h"
#include "cli_tpm.h"
#include "keys_hpke.h"
#include "secret.h"

#define ANSWER_MAX  8192
#define WAIT_S      60
#define PAUSE_US    250000
#define DEFAULT_URL "127.0.0.1:9200"

/* dial connects to ADDRESS:PORT; -1 when nobody is there, -2 when it is no such text. */
static int dial(const char *where)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
	const char *colon = strrchr(where, ':');
	char host[256];
	int fd = -1;

	if (colon == NULL || colon == where || (size_t)(colon - where) >= sizeof(host))
		return -2;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - where), where);
	errno = EADDRNOTAVAIL; /* nothing of that name */
	if (getaddrinfo(host, colon + 1, &hints, &found) == 0) {
		fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
			int error = errno;

			close(fd);
			errno = error;
			fd = -1;
		}
		freeaddrinfo(found);
	}
	return fd;
}

/* ask makes one call; the body of a 200 answer lies in ret_body. With ret_gone nobody who answers
 * is no error: it says so. */
static int ask(const struct cli_call *call, const char *where, const char *body, char *answer,
               struct bytes *ret_body, bool *ret_gone)
{
	char request[1024];
	size_t len = 0;
	ssize_t got;
	const char *end;
	int fd = dial(where);

	if (fd == -2)
		return cli_usage(call, "--health takes ADDRESS:PORT, as in " DEFAULT_URL);
	if (ret_gone != NULL)
		*ret_gone = fd < 0;
	if (fd < 0) {
		if (ret_gone == NULL)
			cli_complain(call,
			             "cannot connect to the health listener %s: %s; --health "
			             "ADDRESS:PORT names another",
			             where, strerror(errno));
		return CLI_UNSURE;
	}
	snprintf(request, sizeof(request),
	         "%s /unseal HTTP/1.1\r\nHost: claviger\r\nConnection: close\r\n"
	         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	         body != NULL ? "POST" : "GET", body != NULL ? strlen(body) : 0,
	         body != NULL ? body : "");
	if (write(fd, request, strlen(request)) == (ssize_t)strlen(request))
		while (len < ANSWER_MAX - 1 &&
		       (got = read(fd, answer + len, ANSWER_MAX - 1 - len)) > 0)
			len += (size_t)got;
	close(fd);
	answer[len] = '\0';
	if (ret_gone != NULL && len == 0) { /* it ended before it had answered */
		*ret_gone = true;
		return CLI_UNSURE;
	}
	end = strstr(answer, "\r\n\r\n");
	if (end == NULL || len < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0) {
		cli_complain(call, "%s does not answer as a machine that waits: %.60s", where,
		             len != 0 ? answer : "nothing");
		return CLI_UNSURE;
	}
	*ret_body = bytes_of_text(end + 4);
	return CLI_YES;
}

struct waits {
	char asks[16]; /* approval, share, nothing */
	uint8_t value[32], genesis[32], share[32];
	uint64_t refused;
	bool is_other_share;
};

static bool take_32(const struct cli_json_node *node, uint8_t ret_bytes[32])
{
	struct buffer out = {ret_bytes, 32, 0};
	struct bytes text;

	return cli_json_text(node, &text) && hex_decode(text, &out) == STATUS_OK && out.len == 32;
}

static int ask_what(const struct cli_call *call, const char *where, struct waits *ret_waits,
                    bool *ret_gone)
{
	char answer[ANSWER_MAX], message[256];
	struct cli_json_file file;
	struct bytes body, text;
	bool approval, good;
	int result = ask(call, where, NULL, answer, &body, ret_gone);

	*ret_waits = (struct waits){.refused = 0};
	if (result != CLI_YES)
		return result;
	if (cli_json_parse(body, &file, message, sizeof(message)) != STATUS_OK ||
	    !cli_json_text(cli_json_member(file.root, "asks"), &text) ||
	    text.len >= sizeof(ret_waits->asks)) {
		cli_complain(call, "the answer is not understood");
		return CLI_UNSURE;
	}
	memcpy(ret_waits->asks, text.data, text.len);
	approval = strcmp(ret_waits->asks, "approval") == 0;
	good = strcmp(ret_waits->asks, "nothing") == 0 ||
	       (take_32(cli_json_member(file.root, approval ? "nonce" : "key"), ret_waits->value) &&
	        take_32(cli_json_member(file.root, "genesis"), ret_waits->genesis) &&
	        cli_json_u64(cli_json_member(file.root, "refused"), &ret_waits->refused));
	if (strcmp(ret_waits->asks, "share") == 0)
		good = good && take_32(cli_json_member(file.root, "share"), ret_waits->share) &&
		       cli_json_bool(cli_json_member(file.root, "other_share"),
		                     &ret_waits->is_other_share);
	cli_json_close(&file);
	if (good)
		return CLI_YES;
	cli_complain(call, "the answer is not understood");
	return CLI_UNSURE;
}

/* give hands something over and waits until the machine goes on, or asks again. */
static int give(const struct cli_call *call, const char *where, const struct waits *waits,
                struct bytes given, uint64_t approver)
{
	char body[512], hex[HEX_LEN(CALL_UNSEAL_GIVEN_MAX) + 1], answer[ANSWER_MAX];
	struct bytes ignored;
	int result;

	hex_encode(given, hex);
	snprintf(body, sizeof(body), "{\"given\":\"%s\",\"approver\":%u}", hex, (unsigned)approver);
	result = ask(call, where, body, answer, &ignored, NULL);
	for (int i = 0; result == CLI_YES && i < WAIT_S * 4; i++) {
		struct waits now;
		bool gone = false;

		usleep(PAUSE_US);
		result = ask_what(call, where, &now, &gone);
		if (gone) {
			cli_answer(
			    call->json
			        ? "{\"given\":true,\"goes_on\":null}\n"
			        : "given; the health listener answers no more: the machine's "
			          "log says how it went on\n");
			return cli_finish(call, CLI_YES);
		}
		if (result != CLI_YES)
			break;
		if (strcmp(now.asks, "nothing") != 0) {
			if (now.refused > waits->refused) {
				cli_complain(call, "the machine did not take it: %s",
				             now.is_other_share
				                 ? "it is the share of another machine than the "
				                   "lost one"
				                 : "another key than the one it knows, or another "
				                   "machine");
				return CLI_NO;
			}
			continue;
		}
		if (i < 4)
			continue; /* it may be asking again just now */
		cli_answer(call->json ? "{\"given\":true,\"goes_on\":true}\n"
		                      : "given; the machine goes on\n");
		return cli_finish(call, CLI_YES);
	}
	if (result == CLI_YES)
		cli_complain(call, "the machine still waits");
	return CLI_UNSURE;
}

static int await_asks(const struct cli_call *call, const char *where, const char *what,
                      struct waits *ret_waits)
{
	int result = ask_what(call, where, ret_waits, NULL);

	if (result == CLI_YES && strcmp(ret_waits->asks, what) != 0) {
		cli_complain(call, "the machine waits for %s%s%s", ret_waits->asks,
		             strcmp(ret_waits->asks, "nothing") != 0 ? ", not for " : "",
		             strcmp(ret_waits->asks, "nothing") != 0 ? what : "");
		return CLI_NO;
	}
	return result;
}

/* show_waits shows what the machine waits with, and refuses when it is not what was expected. */
static int show_waits(const struct cli_call *call, const struct waits *waits, const char *expect)
{
	struct buffer wanted = {(uint8_t[32]){0}, 32, 0};
	const char *name = strcmp(waits->asks, "share") == 0 ? "key" : "nonce";

	char value[HEX_LEN(32) + 1], genesis[HEX_LEN(32) + 1];

	hex_encode(BYTES_OF_ARRAY(waits->value), value);
	hex_encode(BYTES_OF_ARRAY(waits->genesis), genesis);
	printf("genesis %s\n%s %s\n", genesis, name, value);
	if (expect == NULL) {
		printf(
		    "--expect takes the %s as the machine's own log has it (unsealer.waits), not "
		    "from here:\nwho sits in between can show another one.\n",
		    name);
		return CLI_YES;
	}
	if (hex_decode(bytes_of_text(expect), &wanted) == STATUS_OK &&
	    bytes_equal(buffer_bytes(&wanted), BYTES_OF_ARRAY(waits->value)))
		return CLI_YES;
	cli_complain(call,
	             "the %s is another than --expect says: another start, or somebody sits in "
	             "between",
	             name);
	return CLI_NO;
}

static int show_dry_run(const struct cli_call *call, const struct waits *waits)
{
	char value[HEX_LEN(32) + 1], genesis[HEX_LEN(32) + 1];

	hex_encode(BYTES_OF_ARRAY(waits->value), value);
	hex_encode(BYTES_OF_ARRAY(waits->genesis), genesis);
	cli_answer(call->json
	               ? "{\"given\":false,\"asks\":\"%s\",\"value\":\"%s\",\"genesis\":\"%s\"}\n"
	               : "Nothing was given (--dry-run).\n",
	           waits->asks, value, genesis);
	return cli_finish(call, CLI_YES);
}

/* is_expecting: only a dry run goes without --expect; it has 64 hex digits. */
static bool is_expecting(const char *expect, bool dry_run)
{
	struct buffer out = {(uint8_t[32]){0}, 32, 0};

	if (expect == NULL)
		return dry_run;
	return hex_decode(bytes_of_text(expect), &out) == STATUS_OK && out.len == 32;
}

#define EXPECT_USAGE                                                                               \
	"needs --expect with the 64 hex digits of `value` in the machine's own log "               \
	"(unsealer.waits); only --dry-run goes without"

static int run_approve(struct cli_call *call)
{
	const char *key_file = NULL, *where = NULL, *number = NULL, *expect = NULL, *at;
	bool dry_run = false;
	const struct cli_option table[] = {
	    {"--key",      &key_file, NULL    },
            {"--health",   &where,    NULL    },
	    {"--approver", &number,   NULL    },
            {"--expect",   &expect,   NULL    },
	    {"--dry-run",  NULL,      &dry_run},
	};
	struct keys_p256_key key;
	struct waits waits;
	uint8_t digest[32], signature[64];
	uint64_t approver = 1;
	int result;

	if (!cli_take_options(call, table, 5))
		return CLI_USAGE;
	at = number;
	if (call->count != 0 || key_file == NULL)
		return cli_usage(call, "needs --key");
	if (!is_expecting(expect, dry_run))
		return cli_usage(call, EXPECT_USAGE);
	if (number != NULL && (!cli_take_number(&at, &approver) || *at != '\0' || approver < 1 ||
	                       approver > APPROVAL_APPROVERS_MAX))
		return cli_usage(call, "--approver takes a number from 1 to %u",
		                 APPROVAL_APPROVERS_MAX);
	where = where != NULL ? where : DEFAULT_URL;
	keys_open();
	result = await_asks(call, where, "approval", &waits);
	if (result == CLI_YES)
		result = show_waits(call, &waits, expect);
	if (result == CLI_YES)
		result = cli_authority_read(call, key_file, &key);
	if (result != CLI_YES)
		return result;
	approval_unseal_digest(waits.value, waits.genesis, digest);
	result = keys_p256_sign(&key, digest, signature) == STATUS_OK ? CLI_YES : CLI_UNSURE;
	SECRET_WIPE(key);
	if (result == CLI_YES && dry_run)
		return show_dry_run(call, &waits);
	return result == CLI_YES
	           ? give(call, where, &waits, BYTES_OF_ARRAY(signature), approver - 1)
	           : result;
}

static int run_share(struct cli_call *call)
{
	const char *key_file = NULL, *where = NULL, *escrow = NULL, *expect = NULL;
	bool dry_run = false;
	const struct cli_option table[] = {
	    {"--key",     &key_file, NULL    },
            {"--health",  &where,    NULL    },
            {"--escrow",  &escrow,   NULL    },
	    {"--expect",  &expect,   NULL    },
            {"--dry-run", NULL,      &dry_run},
	};
	uint8_t share[32], space[CALL_UNSEAL_GIVEN_MAX], info_space[80];
	struct buffer sealed = BUFFER_OF_ARRAY(space), info = BUFFER_OF_ARRAY(info_space);
	struct waits waits;
	enum status status;
	int result;

	if (!cli_take_options(call, table, 5))
		return CLI_USAGE;
	if (call->count != 0 || key_file == NULL || escrow == NULL)
		return cli_usage(call, "needs --key and --escrow");
	if (!is_expecting(expect, dry_run))
		return cli_usage(call, EXPECT_USAGE);
	where = where != NULL ? where : DEFAULT_URL;
	keys_open();
	result = await_asks(call, where, "share", &waits);
	if (result == CLI_YES)
		result = show_waits(call, &waits, expect);
	if (result == CLI_YES)
		result = cli_escrow_share(call, escrow, key_file, waits.share, share);
	if (result != CLI_YES)
		return result;
	status = buffer_put(&info, bytes_of_text("claviger/recover/v1"));
	if (status == STATUS_OK)
		status = buffer_put(&info, BYTES_OF_ARRAY(waits.genesis));
	if (status == STATUS_OK)
		status = keys_hpke_seal(waits.value, buffer_bytes(&info), bytes_of(NULL, 0),
		                        BYTES_OF_ARRAY(share), &sealed, NULL);
	SECRET_WIPE(share);
	if (status != STATUS_OK) {
		cli_complain(call, "the machine's key is none");
		return CLI_NO;
	}
	if (dry_run)
		return show_dry_run(call, &waits);
	return give(call, where, &waits, buffer_bytes(&sealed), 0);
}

const struct cli_command cli_tpm_approve = {
    .name = "tpm approve",
    .arguments =
        "--key APPROVER.pem --expect NONCE [--health ADDR:PORT] [--approver N] [--dry-run]",
    .sentence = "approve one start of a machine in attended mode",
    .run = run_approve,
    .help =
        "The machine waits with a nonce of its TPM, which this signs; it is worth nothing for\n"
        "another start. The TPM still wants what both authorities approved.\n\n"
        "--expect NONCE the nonce (`value` of unsealer.waits) as the machine's own log has it:\n"
        "               who sits in between could have another start approved. --dry-run shows\n"
        "               what waits and goes without\n"
        "--health       the machine's health listener (default " DEFAULT_URL ")\n"
        "--approver N   which of the approvers of genesis this key is (default 1)\n",
};

const struct cli_command cli_recover_share = {
    .name = "recover share",
    .arguments = "--escrow FILE --key RECOVERY.json --expect KEY [--health ADDR:PORT] [--dry-run]",
    .sentence = "give a lost machine's node share to the machine in its place",
    .run = run_share,
    .help =
        "The new machine was provisioned with --recover and waits in its genesis with a key made\n"
        "there and then; the share is sealed to that key. FILE is the lost machine's `escrow`,\n"
        "RECOVERY.json the key that --recovery named at its genesis.\n\n"
        "--expect KEY   the key (`value` of unsealer.waits) as the machine's own log has it: the\n"
        "               share is sealed to no other one. --dry-run shows what waits and goes\n"
        "               without\n",
};
