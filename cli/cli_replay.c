/* claviger receipt replay: decides again, offline, what exported receipts say was decided (B3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authz_bundle.h"
#include "base_check.h"
#include "base_encode.h"
#include "call_result.h"
#include "call_sign.h"
#include "cli_check.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_home.h"
#include "cli_receipt.h"
#include "policy_answer.h"
#include "policy_charge.h"
#include "policy_trust.h"

/* The modules that the decisions may be of. */
struct module {
	uint8_t hash[32];
	struct buffer bytes;
};

static struct module modules[LIMIT_MODULES_MAX];
static size_t module_count;

enum replay {
	REPLAY_SAME,
	REPLAY_DIFFERS,
	REPLAY_NOT_KEPT,
	REPLAY_NO_MODULE, /* none was asked: a freeze, a hand-over of the key, no grant */
	REPLAY_OTHER_MODULE,
	REPLAY_OTHER_ENGINE,
	REPLAY_KINDS
};

static int add_module(const struct cli_call *call, const char *path)
{
	struct module *module = &modules[module_count];
	struct bytes whole;
	char message[256];

	if (module_count == LIMIT_MODULES_MAX) {
		cli_complain(call, "more than %d modules", LIMIT_MODULES_MAX);
		return CLI_UNSURE;
	}
	if (cli_file_read(path, LIMIT_MODULE_MAX, &module->bytes, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	whole = buffer_bytes(&module->bytes);
	keys_sha256(&whole, 1, module->hash);
	module_count++;
	return CLI_YES;
}

/* A module, or a folder: of that every file that is named .wasm. */
static int add_modules(const struct cli_call *call, const char *path)
{
	DIR *folder = opendir(path);
	int result = CLI_YES;

	if (folder == NULL)
		return add_module(call, path);
	for (const struct dirent *entry; result == CLI_YES && (entry = readdir(folder)) != NULL;) {
		size_t len = strlen(entry->d_name);
		char file[CLI_PATH_MAX];

		if (len < 5 || strcmp(entry->d_name + len - 5, ".wasm") != 0)
			continue;
		if ((size_t)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >=
		    sizeof(file)) {
			cli_complain(call, "%s is too long a path", path);
			result = CLI_UNSURE;
			continue;
		}
		result = add_module(call, file);
	}
	closedir(folder);
	return result;
}

/* Makes the receipt's engine run the module of that hash. */
static enum replay choose_module(const struct cli_call *call, struct bytes engine,
                                 const uint8_t hash[32])
{
	char message[256];

	if (!cli_check_choose(engine))
		return REPLAY_OTHER_ENGINE;
	for (size_t i = 0; i < module_count; i++) {
		if (memcmp(modules[i].hash, hash, 32) != 0)
			continue;
		if (cli_check_load(buffer_bytes(&modules[i].bytes), message, sizeof(message)) ==
		    STATUS_OK)
			return REPLAY_SAME;
		cli_complain(call, "%s", message);
		return REPLAY_DIFFERS;
	}
	return REPLAY_OTHER_MODULE;
}

static bool same_facts(const struct authz_facts *then, const struct policy_facts *now,
                       struct bytes request)
{
	struct policy_trusted trusted[POLICY_TRUST_MAX];
	bool same =
	    then->lamports_out == now->lamports_out && then->fee_lamports == now->fee_lamports &&
	    then->tip_lamports == now->tip_lamports && then->rent_lamports == now->rent_lamports &&
	    then->wrapped_lamports == now->wrapped_lamports &&
	    then->delegations == now->delegations &&
	    then->authority_changes == now->authority_changes &&
	    then->token_count == now->token_count;

	for (size_t i = 0; same && i < then->token_count; i++)
		same = then->tokens[i].amount == now->tokens[i].amount &&
		       memcmp(then->tokens[i].mint, now->tokens[i].mint, 32) == 0;
	same = same && then->trusted_count == policy_trust(request, trusted);
	for (size_t i = 0; same && i < then->trusted_count; i++)
		same = then->trusted[i].writable == trusted[i].writable &&
		       memcmp(then->trusted[i].program, trusted[i].program, 32) == 0;
	return same;
}

/* A receipt holds the first CALL_REASON_TEXT_MAX bytes of a refusal, in whole characters. */
static bool same_text(struct bytes then, const struct policy_decision *now)
{
	return then.len <= now->text_len && memcmp(then.data, now->text, then.len) == 0 &&
	       (then.len == now->text_len || then.len + 4 > CALL_REASON_TEXT_MAX);
}

_Static_assert((int)AUTHZ_UNIT_LAMPORTS == POLICY_UNIT_LAMPORTS &&
                   (int)AUTHZ_UNIT_MINT == POLICY_UNIT_MINT &&
                   (int)AUTHZ_UNIT_USES == POLICY_UNIT_USES,
               "a limit of a wallet is charged as a counter of a grant");

/* The wallet's limits were charged by these facts, and decided as they had to: nothing signed above
 * one, nothing refused that fits all. On a durable nonce a transaction may take less than its facts
 * say, never more. */
static bool same_limits(const struct authz_receipt *receipt, uint16_t result,
                        const struct policy_facts *facts)
{
	bool refused =
	    result == CALL_RESULT_WALLET_CAP_EXCEEDED || result == CALL_RESULT_WALLET_WINDOW_SPENT;
	bool passed = false;

	for (size_t i = 0; i < receipt->limit_count; i++) {
		const struct authz_limit_row *row = &receipt->limits[i];
		uint64_t takes = policy_charge_least(facts, row->rule.unit, row->rule.mint);

		if (row->left > row->rule.cap || row->amount > takes ||
		    (row->amount != takes && (receipt->flags & AUTHZ_RECEIPT_NONCE) == 0))
			return false;
		passed |= row->amount > row->left;
	}
	return passed == refused;
}

/* The same request must give the same verdict, reason, text, fuel and facts. */
static bool same_decision(const struct authz_receipt *receipt, const struct authz_tried *tried,
                          struct bytes request)
{
	static uint8_t area[POLICY_REQUEST_MAX] __attribute__((aligned(8)));
	static struct policy_decision decision;
	struct cli_check_result run;

	if (request.len > sizeof(area))
		return false;
	memcpy(area, request.data, request.len);
	request.data = area;
	cli_check_run(request, false, &run);
	if (run.fuel_used != tried->fuel)
		return false;
	if (!run.ran)
		return run.reason == tried->reason;
	if (policy_answer_decode(run.answer, request, &decision) != STATUS_OK)
		return false;
	/* The facts of a receipt are the last verdict's. */
	if (receipt->has_facts && tried == &receipt->tried[receipt->tried_count - 1] &&
	    !same_facts(&receipt->facts, &decision.facts, request))
		return false;
	if (!verdict_allows(decision.verdict))
		return (tried->result == CALL_RESULT_POLICY_DENIED ||
		        tried->result == CALL_RESULT_WINDOW_SPENT) &&
		       decision.reason == tried->reason && same_text(tried->text, &decision);
	/* Signed, or allowed by the module and refused by a cap, an expiry ... at commit. */
	if (tried == &receipt->tried[receipt->tried_count - 1] &&
	    !same_limits(receipt, tried->result, &decision.facts))
		return false;
	return tried->result != CALL_RESULT_POLICY_DENIED;
}

static bool asked_module(const struct authz_receipt *receipt)
{
	static const uint8_t none[32];

	for (size_t i = 0; i < receipt->tried_count; i++)
		if (memcmp(receipt->tried[i].request_hash, none, sizeof(none)) != 0)
			return true;
	return false;
}

static enum replay replay_one(const struct cli_call *call, const struct authz_receipt *receipt,
                              const struct cli_input *inputs, size_t input_count)
{
	struct bytes request;
	const struct authz_tried *tried = cli_receipt_tried(receipt, inputs, input_count, &request);
	enum replay replay;

	if (!asked_module(receipt))
		return request.len != 0 ? REPLAY_DIFFERS : REPLAY_NO_MODULE;

	if (tried == NULL) /* what was kept is not what was asked, or nothing was */
		return request.len != 0 ? REPLAY_DIFFERS : REPLAY_NOT_KEPT;
	replay = choose_module(call, receipt->engine, tried->module);
	if (replay != REPLAY_SAME)
		return replay;
	return same_decision(receipt, tried, request) ? REPLAY_SAME : REPLAY_DIFFERS;
}

/* An item that was cut must not pass for the end of a file. That no item is missing `receipt
 * verify` proves. */
static int damaged(const struct cli_call *call, const char *path, ptrdiff_t at)
{
	cli_complain(call,
	             "%s is damaged or cut short, %td bytes behind its head: export it again, "
	             "or ask `claviger receipt verify` what is there",
	             path, at);
	return CLI_NO;
}

static int replay_file(struct cli_call *call, const char *path, size_t counts[REPLAY_KINDS])
{
	static struct authz_receipt receipt;
	struct cli_receipts file;
	struct cli_input *inputs;
	size_t input_count;
	struct bytes left, item;
	uint8_t kind, key_space[32];
	int result = cli_receipts_open(call, path, NULL, &file, key_space);

	if (result != CLI_YES)
		return result;
	inputs = cli_receipts_inputs(file.bundle, &input_count);
	CHECK(inputs != NULL);
	left = file.bundle;
	while (result == CLI_YES && authz_item_take(&left, &kind, &item)) {
		enum replay replay;
		char ticket[HEX_LEN(32) + 1];

		if (kind != AUTHZ_ITEM_RECEIPT)
			continue;
		if (authz_receipt_take(item, &receipt) != STATUS_OK) {
			result = damaged(call, path, item.data - file.bundle.data);
			continue;
		}
		replay = replay_one(call, &receipt, inputs, input_count);
		counts[replay]++;
		if (replay != REPLAY_DIFFERS)
			continue;
		hex_encode(BYTES_OF_ARRAY(receipt.ticket), ticket);
		cli_complain(call,
		             "decision %s does not replay: another input, verdict, reason, "
		             "text, fuel, facts or limits",
		             ticket);
	}
	if (result == CLI_YES && left.len != 0)
		result = damaged(call, path, left.data - file.bundle.data);
	free(inputs);
	free(file.file.data);
	return result;
}

static int run_replay(struct cli_call *call)
{
	const char *module_path = NULL;
	const struct cli_option table[] = {
	    {"--module", &module_path, NULL}
        };
	size_t counts[REPLAY_KINDS] = {0};
	int result;

	if (!cli_take_options(call, table, 1))
		return CLI_USAGE;
	if (call->count == 0 || module_path == NULL)
		return cli_usage(call, "takes files of `claviger receipt export` and --module");
	keys_open();
	result = add_modules(call, module_path);
	for (int i = 0; result == CLI_YES && i < call->count; i++)
		result = replay_file(call, call->arguments[i], counts);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"same\":%zu,\"different\":%zu,\"input_not_kept\":%zu,"
	                        "\"no_module\":%zu,\"other_module\":%zu,\"other_engine\":%zu}\n"
	                      : "%zu the same, %zu different, %zu input not kept, %zu without a "
	                        "module, %zu of another module, %zu of "
	                        "another engine\n",
	           counts[REPLAY_SAME], counts[REPLAY_DIFFERS], counts[REPLAY_NOT_KEPT],
	           counts[REPLAY_NO_MODULE], counts[REPLAY_OTHER_MODULE],
	           counts[REPLAY_OTHER_ENGINE]);
	if (counts[REPLAY_DIFFERS] != 0)
		return cli_finish(call, CLI_NO);
	return cli_finish(call, counts[REPLAY_SAME] != 0 ? CLI_YES : CLI_UNSURE);
}

const struct cli_command cli_receipt_replay = {
    .name = "receipt replay",
    .arguments = "FILE... --module MODULE.wasm|FOLDER",
    .sentence = "decide again what exported receipts say was decided, offline",
    .run = run_replay,
    .help =
        "Runs the kept input of every decision through the module that it names, in the engine\n"
        "that it names, and compares verdict, reason, text, fuel and facts. With a folder, its\n"
        "files named .wasm are looked through for those modules. FILE is of `claviger receipt\n"
        "export`; one of `claviger audit export` holds no inputs. Modules are kept by who grants\n"
        "them: no server gives them back. That the receipts are genuine, and that none is "
        "missing,\n"
        "`claviger receipt verify` proves.\n\n"
        "Exit status 1 when one is different or a file is damaged, 3 when none could be decided "
        "again.\n",
};
