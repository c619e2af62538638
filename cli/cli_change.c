/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authz_code.h"
#include "base_encode.h"
#include "call_sign.h"
#include "cli_file.h"
#include "cli_time.h"

int cli_change_begin(struct cli_change *change, struct cli_server *server, uint8_t action,
                     const struct keys_sign_key *key)
{
	*change = (struct cli_change){.server = server, .key = key};
	change->change.action = action;
	memcpy(change->change.deployment, server->deployment, 32);
	change->change.expires_s = (uint64_t)time(NULL) + CLI_CHANGE_VALID_S;
	change->bytes = cli_buffer(AUTHZ_ENVELOPE_PAYLOAD_MAX);
	change->text = cli_buffer(LIMIT_DESCRIPTION_MAX);
	change->request = cli_buffer(AUTHZ_ENVELOPE_PAYLOAD_MAX);
	return cli_server_nonce(server, change->change.nonce);
}

void cli_change_end(struct cli_change *change)
{
	free(change->bytes.data);
	free(change->text.data);
	free(change->request.data);
}

int cli_change_add(struct cli_change *change, const uint8_t wallet[32], const uint8_t *previous,
                   struct bytes body)
{
	struct authz_change *to = &change->change;
	size_t at = to->entry_count;

	if (at == LIMIT_CHANGE_WALLETS_MAX)
		return cli_usage(change->server->call, "at most %d wallets under one signature",
		                 LIMIT_CHANGE_WALLETS_MAX);
	while (at > 0 && memcmp(to->entries[at - 1].wallet, wallet, 32) > 0) {
		to->entries[at] = to->entries[at - 1];
		at--;
	}
	if (at > 0 && memcmp(to->entries[at - 1].wallet, wallet, 32) == 0)
		return cli_usage(change->server->call, "a wallet is named twice");
	to->entries[at] =
	    (struct authz_change_entry){.has_previous = previous != NULL, .body = body};
	memcpy(to->entries[at].wallet, wallet, 32);
	if (previous != NULL)
		memcpy(to->entries[at].previous, previous, 32);
	to->entry_count++;
	return CLI_YES;
}

static int encode(struct cli_change *change)
{
	change->bytes.len = change->request.len = 0;
	if (authz_change_put(&change->change, &change->bytes) != STATUS_OK)
		return cli_usage(change->server->call, "the change is too large");
	change->given.change = buffer_bytes(&change->bytes);
	return CLI_YES;
}

/* Asks the signer for the text, with the description's hash still zero. */
static int prepare(struct cli_change *change)
{
	struct bytes answer, text;
	int result = encode(change);

	if (result != CLI_YES)
		return result;
	if (authz_signed_change_put(&change->given, &change->request) != STATUS_OK)
		return cli_usage(change->server->call, "the change is too large");
	result = cli_server_ask(change->server, CALL_CHANGE_PREPARE, buffer_bytes(&change->request),
	                        &answer);
	if (result != CLI_YES)
		return result;
	if (authz_prepare_answer_take(answer, &text) != STATUS_OK ||
	    buffer_put(&change->text, text) != STATUS_OK) {
		cli_complain(change->server->call, "the answer holds no text");
		return CLI_UNSURE;
	}
	return CLI_YES;
}

static int confirm(const struct cli_change *change)
{
	char line[16];

	if (!change->quiet)
		fprintf(stderr, "%.*s\n", (int)change->text.len, (const char *)change->text.data);
	if (change->yes)
		return CLI_YES;
	if (!isatty(STDIN_FILENO))
		return cli_usage(
		    change->server->call,
		    "read the text above and give --yes: there is no terminal to ask on");
	fputs("\nSign this? Type yes: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "yes\n") != 0) {
		cli_complain(change->server->call, "not signed");
		return CLI_NO;
	}
	return CLI_YES;
}

/* A code goes along, sealed to the signer for this change and no other. */
static int seal_code(struct cli_change *change, const struct cli_code *code)
{
	if (authz_code_seal(change->server->deployment, change->server->signer.key, code->id,
	                    buffer_bytes(&change->bytes), code->code,
	                    &change->given.codes[change->given.code_count]) != STATUS_OK)
		return CLI_UNSURE;
	change->given.code_count++;
	return CLI_YES;
}

static enum status sign_with(struct cli_change *change, const struct keys_sign_key *key)
{
	return authz_text_sign(key, &change->change, buffer_bytes(&change->bytes),
	                       buffer_bytes(&change->text),
	                       &change->given.signatures[change->given.signature_count++]);
}

/* The second factor signs the same text, or a code goes along. */
static int sign_second(struct cli_change *change)
{
	const struct cli_second *second = change->second;

	if (second == NULL)
		return CLI_YES;
	if (second->has_key && sign_with(change, &second->key) != STATUS_OK)
		return CLI_UNSURE;
	return second->code.is_given ? seal_code(change, &second->code) : CLI_YES;
}

/* Every key that becomes a factor consents: it signs the same text, behind those that are. */
static int sign_brought(struct cli_change *change)
{
	for (size_t i = 0; i < change->brought_count; i++)
		if (sign_with(change, &change->brought[i]) != STATUS_OK)
			return CLI_UNSURE;
	return CLI_YES;
}

static int sign(struct cli_change *change)
{
	struct bytes text = buffer_bytes(&change->text);
	int result;

	keys_sha256(&text, 1, change->change.description_hash);
	result = encode(change);
	if (result != CLI_YES)
		return result;
	change->given.signature_count = 0;
	if (sign_with(change, change->key) == STATUS_OK) {
		result = sign_second(change);
		return result == CLI_YES ? sign_brought(change) : result;
	}
	cli_complain(change->server->call, "the text cannot be signed");
	return CLI_UNSURE;
}

/* What waits is told: when it opens, and the words that complete it. */
static void tell_waiting(struct cli_change *change, const struct authz_submit_answer *answer)
{
	char hash_text[HEX_LEN(32) + 1], wallet[HEX_LEN(32) + 1], time_text[CLI_TIME_TEXT_MAX];
	uint8_t hash[32];

	change->waits = true;
	authz_change_hash(buffer_bytes(&change->bytes), hash);
	hex_encode(BYTES_OF_ARRAY(hash), hash_text);
	hex_encode(BYTES_OF_ARRAY(change->change.entries[0].wallet), wallet);
	cli_time_text(answer->waits_until_s, time_text);
	if (change->server->call->json)
		cli_answer("{\"waits_until\":\"%llu\",\"change\":\"%s\",\"wallet\":\"%s\"}\n",
		           (unsigned long long)answer->waits_until_s, hash_text, wallet);
	else
		printf("waits until %s; any factor can cancel it. Then:\n"
		       "claviger change complete %s --wallet %s\n",
		       time_text, hash_text, wallet);
}

int cli_change_run(struct cli_change *change,
                   int (*seal)(struct cli_change *change, const uint8_t hash[32], void *context),
                   void *context, struct authz_submit_answer *ret_answer)
{
	uint8_t hash[32];
	struct bytes answer;
	int result = prepare(change);

	if (result == CLI_YES)
		result = confirm(change);
	if (result == CLI_YES)
		result = sign(change);
	if (result == CLI_YES && change->first != NULL)
		result = seal_code(change, change->first);
	if (result == CLI_YES && seal != NULL) {
		authz_change_hash(buffer_bytes(&change->bytes), hash);
		result = seal(change, hash, context);
	}
	if (result != CLI_YES)
		return result;
	if (authz_signed_change_put(&change->given, &change->request) != STATUS_OK)
		return cli_usage(change->server->call, "the change is too large");
	if (change->keep != NULL) {
		result = cli_home_write(change->server->call, change->keep,
		                        buffer_bytes(&change->request), true);
		if (result != CLI_YES)
			return result;
	}
	if (change->hold) {
		*ret_answer = (struct authz_submit_answer){.seq = 0};
		return CLI_YES;
	}
	result = cli_server_ask(change->server, CALL_CHANGE_SUBMIT, buffer_bytes(&change->request),
	                        &answer);
	if (result != CLI_YES)
		return result;
	if (authz_submit_answer_take(answer, ret_answer) != STATUS_OK) {
		cli_complain(change->server->call, "the answer is not well-formed");
		return CLI_UNSURE;
	}
	if (ret_answer->waits_until_s != 0)
		tell_waiting(change, ret_answer);
	return CLI_YES;
}

int cli_change_sign(struct cli_server *server, struct bytes prepared,
                    const struct keys_sign_key *key, bool yes,
                    struct authz_signature *ret_signature)
{
	struct cli_change change = {.server = server, .key = key, .yes = yes};
	struct bytes answer, text;
	uint8_t hash[32];
	int result;

	if (authz_change_take(prepared, &change.change) != STATUS_OK)
		return cli_usage(server->call, "that is no change: copy all of it");
	if (memcmp(change.change.deployment, server->deployment, 32) != 0) {
		cli_complain(server->call,
		             "the change is for another deployment than this server's");
		return CLI_NO;
	}
	change.given.change = prepared;
	change.request = cli_buffer(AUTHZ_ENVELOPE_PAYLOAD_MAX);
	if (authz_signed_change_put(&change.given, &change.request) != STATUS_OK)
		return cli_usage(server->call, "the change is too large");
	result =
	    cli_server_ask(server, CALL_CHANGE_PREPARE, buffer_bytes(&change.request), &answer);
	if (result != CLI_YES)
		return result;
	if (authz_prepare_answer_take(answer, &text) != STATUS_OK)
		return CLI_UNSURE;
	keys_sha256(&text, 1, hash);
	if (memcmp(hash, change.change.description_hash, sizeof(hash)) != 0) {
		cli_complain(server->call,
		             "the signer describes it otherwise than who prepared it: "
		             "do not sign; prepare it anew");
		return CLI_NO;
	}
	change.text = (struct buffer){malloc(text.len), text.len, 0};
	if (change.text.data == NULL || buffer_put(&change.text, text) != STATUS_OK)
		return CLI_UNSURE;
	result = confirm(&change);
	if (result == CLI_YES &&
	    authz_text_sign(key, &change.change, prepared, text, ret_signature) != STATUS_OK)
		result = CLI_UNSURE;
	free(change.text.data);
	free(change.request.data);
	return result;
}

int cli_change_one(struct cli_change *change, struct cli_server *server, uint8_t action,
                   const struct authz_wallet_record *wallet, struct bytes body,
                   struct authz_submit_answer *ret_answer)
{
	const struct cli_change wanted = *change;
	int result = cli_change_begin(change, server, action, wanted.key);

	change->second = wanted.second;
	change->yes = wanted.yes;
	change->quiet = wanted.quiet;
	if (result == CLI_YES)
		result =
		    cli_change_add(change, wallet->id,
		                   authz_action_reduces(action) ? NULL : wallet->authority, body);
	return result == CLI_YES ? cli_change_run(change, NULL, NULL, ret_answer) : result;
}

/* ---- second factors ---- */

int cli_second_take(const struct cli_call *call, struct cli_second *second)
{
	const char *at = second->code_text;
	uint64_t code = 0;

	if (second->key_file != NULL && second->code_text != NULL)
		return cli_usage(call, "one of --second and --code will do");
	if (second->code_text != NULL) {
		if (strlen(at) != 6 || !cli_take_number(&at, &code) || *at != '\0')
			return cli_usage(call, "--code takes the six digits of a one-time code");
		second->code.code = (uint32_t)code;
		second->code.is_given = true;
	}
	if (second->key_file == NULL)
		return CLI_YES;
	second->has_key = true;
	return cli_key_read(call, second->key_file, &second->key);
}

int cli_second_for(const struct cli_call *call, struct cli_second *second,
                   const struct authz_wallet_record *wallet)
{
	for (size_t i = 0; second->code.is_given && i < wallet->user_key_count; i++)
		if (wallet->user_keys[i].kind == AUTHZ_KEY_TOTP) {
			memcpy(second->code.id, wallet->user_keys[i].key, 32);
			return CLI_YES;
		}
	if (!second->code.is_given)
		return CLI_YES;
	cli_complain(call, "%.*s has no one-time codes (claviger factor codes)", wallet->name_len,
	             wallet->name);
	return CLI_NO;
}

int cli_query_put(const struct cli_server *server, const struct keys_sign_key *key,
                  struct authz_query *query, struct buffer *out)
{
	memcpy(query->deployment, server->deployment, 32);
	memcpy(query->key, keys_sign_public(key), 32);
	keys_random(query->nonce, sizeof(query->nonce));
	return authz_query_put(query, key, out) == STATUS_OK ? CLI_YES : CLI_UNSURE;
}

int cli_query(struct cli_server *server, const struct keys_sign_key *key, uint8_t topic,
              const uint8_t target[32], const uint8_t after[32], struct bytes *ret_answer)
{
	struct authz_query query = {.topic = topic};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(query.target, target, 32);
	memcpy(query.after, after, 32);
	if (cli_query_put(server, key, &query, &out) != CLI_YES)
		return CLI_UNSURE;
	return cli_server_ask(server, CALL_CHANGE_QUERY, buffer_bytes(&out), ret_answer);
}

static bool is_own(const struct authz_wallet_record *wallet, const struct keys_sign_key *key)
{
	for (size_t i = 0; i < wallet->user_key_count; i++)
		if (wallet->user_keys[i].kind == AUTHZ_KEY_ED25519 &&
		    memcmp(wallet->user_keys[i].key, keys_sign_public(key), 32) == 0)
			return true;
	return wallet->has_recovery && memcmp(wallet->recovery, keys_sign_public(key), 32) == 0;
}

int cli_wallet_find(struct cli_server *server, const struct keys_sign_key *key, const char *text,
                    struct authz_wallet_record *ret_wallet)
{
	static const uint8_t none[32];
	struct call_wallet wanted;
	struct bytes answer;
	char absent[256];
	int result;

	if (call_wallet_parse(bytes_of_text(text), &wanted) != STATUS_OK)
		return cli_usage(server->call, "%s is no wallet name, address or id", text);
	/* The signer finds a wallet by its id, its address, or the hash of its name. */
	if (wanted.kind == CALL_WALLET_NAME)
		keys_sha256_label("claviger/name/v1", wanted.name, wanted.key);
	snprintf(absent, sizeof(absent), "this key has no wallet %s", text);
	server->absent = absent;
	result = cli_query(server, key, AUTHZ_QUERY_WALLET, wanted.key, none, &answer);
	server->absent = NULL;
	if (result == CLI_YES && authz_wallet_take(answer, ret_wallet) != STATUS_OK)
		result = CLI_UNSURE;
	/* An operator may look at any by its id; a name or address means one of the user's own. */
	if (result == CLI_YES && wanted.kind != CALL_WALLET_ID && !is_own(ret_wallet, key)) {
		cli_complain(server->call, "%s", absent);
		return CLI_NO;
	}
	return result;
}
