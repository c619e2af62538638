/* claviger time: what time a signer knows it to be, and telling it (spec/time.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_receipt.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_server.h"
#include "cli_time.h"
#include "secret.h"

#define EVERY_MAX_S 86400

void cli_time_text(uint64_t time_s, char ret_text[CLI_TIME_TEXT_MAX])
{
	time_t time = (time_t)time_s;
	struct tm parts;

	if (gmtime_r(&time, &parts) == NULL ||
	    strftime(ret_text, CLI_TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(ret_text, CLI_TIME_TEXT_MAX, "%llu", (unsigned long long)time_s);
}

bool cli_time_error(uint64_t *ret_error_s)
{
	struct timex clock = {.modes = 0};

	if (adjtimex(&clock) == TIME_ERROR || (clock.status & STA_UNSYNC) != 0 ||
	    clock.maxerror < 0)
		return false;
	*ret_error_s = (uint64_t)clock.maxerror / 1000000 + 1;
	return true;
}

static int show(const struct cli_call *call, const struct authz_time_answer *answer)
{
	char low[CLI_TIME_TEXT_MAX], high[CLI_TIME_TEXT_MAX];
	const char *state = call_time_word(answer->state);
	struct cli_out out = {.file = cli_answer_file()};

	if (state == NULL ||
	    (answer->source != AUTHZ_TIME_SYSTEM && answer->source != AUTHZ_TIME_SITE)) {
		cli_complain(call, "the answer is of a later version");
		return CLI_UNSURE;
	}
	if (call->json) {
		const struct {
			const char *name;
			uint64_t value;
		} numbers[] = {
		    {"low",      answer->low_s    },
                    {"high",     answer->high_s   },
		    {"keys",     answer->key_count},
                    {"needed",   answer->needed   },
		    {"agreeing", answer->agreeing },
                    {"age_s",    answer->age_s    },
		    {"left_s",   answer->left_s   }
                };

		cli_out_open(&out, '{');
		cli_out_name(&out, "source");
		cli_out_text(&out,
		             bytes_of_text(answer->source == AUTHZ_TIME_SITE ? "site" : "system"));
		cli_out_name(&out, "state");
		cli_out_text(&out, bytes_of_text(state));
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			cli_out_name(&out, numbers[i].name);
			cli_out_decimal(&out, numbers[i].value);
		}
		cli_out_close(&out, '}');
		cli_out_line(&out);
		return CLI_YES;
	}
	cli_time_text(answer->low_s, low);
	cli_time_text(answer->high_s, high);
	printf("%s: from %s to %s\n", state, low, high);
	if (answer->source == AUTHZ_TIME_SYSTEM)
		printf("source: the clock of the signer's machine\n");
	else
		printf("source: %u time keys, of which %u must agree; last time %u did\n",
		       answer->key_count, answer->needed, answer->agreeing);
	if (answer->state == CALL_TIME_UNPROVEN)
		printf("grants with an end or a window are refused in %llu s, until there is a "
		       "proof\n",
		       (unsigned long long)answer->left_s);
	return CLI_YES;
}

static int ask(struct cli_server *server, struct bytes statement,
               struct authz_time_answer *ret_answer)
{
	struct bytes bytes;
	int result = cli_server_ask(server, CALL_CHANGE_TIME, statement, &bytes);

	if (result == CLI_YES && authz_time_answer_take(bytes, ret_answer) != STATUS_OK) {
		cli_complain(server->call, "the answer says no time");
		result = CLI_UNSURE;
	}
	return result;
}

static int run_show(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {CLI_SERVER_OPTIONS(options)};
	struct authz_time_answer answer;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = ask(&server, bytes_of(NULL, 0), &answer);
	if (result == CLI_YES)
		result = show(call, &answer);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* One statement over a nonce that was asked for just before. */
static int give(const struct cli_call *call, const struct cli_server_options *options,
                const struct keys_sign_key *key, const char *error_text, uint64_t error_s,
                bool quiet)
{
	struct authz_time statement = {.error_s = (uint8_t)error_s};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_time_answer answer;
	struct cli_server server;
	int result = cli_server_open(&server, call, options);

	if (result != CLI_YES)
		return result;
	result = ask(&server, bytes_of(NULL, 0), &answer);
	if (result == CLI_YES && error_text == NULL &&
	    (!cli_time_error(&error_s) || error_s > AUTHZ_TIME_ERROR_MAX_S)) {
		cli_complain(call,
		             "the clock of this machine is not synchronised (chrony, NTP), or "
		             "off by more than %d s: what it says proves nothing. --error "
		             "SECONDS when you know better",
		             AUTHZ_TIME_ERROR_MAX_S);
		result = CLI_UNSURE;
	}
	if (result == CLI_YES) {
		statement.error_s = (uint8_t)error_s;
		statement.time_s = (uint64_t)time(NULL);
		memcpy(statement.deployment, server.deployment, 32);
		memcpy(statement.key, keys_sign_public(key), 32);
		memcpy(statement.nonce, answer.nonce, 32);
		if (authz_time_put(&statement, key, &out) != STATUS_OK)
			result = CLI_UNSURE;
	}
	if (result == CLI_YES)
		result = ask(&server, buffer_bytes(&out), &answer);
	if (result == CLI_YES && !quiet)
		result = show(call, &answer);
	cli_server_close(&server);
	return result;
}

static int take_number(const struct cli_call *call, const char *option, const char *text,
                       uint64_t max, uint64_t *ret_number)
{
	const char *at = text;

	*ret_number = 0;
	if (text == NULL || (cli_take_number(&at, ret_number) && *at == '\0' && *ret_number <= max))
		return CLI_YES;
	return cli_usage(call, "%s takes seconds, at most %llu, not %s", option,
	                 (unsigned long long)max, text);
}

static int run_give(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL, *error_text = NULL, *every_text = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--key",   &key_file,   NULL},
	    {"--error", &error_text, NULL},
	    {"--every", &every_text, NULL},
	};
	uint64_t error_s, every_s;
	struct keys_sign_key key;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	if (key_file == NULL)
		return cli_usage(call, "needs --key FILE, one of the site's time keys");
	result = take_number(call, "--error", error_text, AUTHZ_TIME_ERROR_MAX_S, &error_s);
	if (result == CLI_YES)
		result = take_number(call, "--every", every_text, EVERY_MAX_S, &every_s);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result != CLI_YES)
		return result;
	result = give(call, &options, &key, error_text, error_s, every_s != 0);
	while (every_s != 0) { /* for ever: what fails was said, and is tried again */
		sleep((unsigned)every_s);
		(void)give(call, &options, &key, error_text, error_s, true);
	}
	SECRET_WIPE(key);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

const struct cli_command cli_time_show = {
    .name = "time show",
    .arguments = "",
    .sentence = "show what time a signer knows it to be, and from whom",
    .run = run_show,
};

const struct cli_command cli_time_give = {
    .name = "time give",
    .arguments = "--key TIME.json [--error SECONDS] [--every SECONDS]",
    .sentence = "tell a signer what time it is, signed with one of the site's time keys",
    .run = run_give,
    .help =
        "The statement is this machine's clock over a nonce of the signer's. More than half of "
        "the\n"
        "site's time keys must agree, so each key belongs on a machine of its own, with a clock\n"
        "that it got elsewhere than the others. A signer asks for nobody: run it there with\n"
        "--every, or from a timer.\n\n"
        "--key     a time key (claviger key new); its public key stands in the site manifest\n"
        "          (image disk --time-key) or in the setting time_keys of serve\n"
        "--error   the clock is not further off than this; by default what the kernel says of its\n"
        "          synchronisation, and nothing is signed without one\n"
        "--every   goes on for ever, a statement each so many seconds\n",
};
