/* What is sealed to the authority, of those who flood it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "authz_answer.h"
#include "authz_ask.h"
#include "authz_envelope.h"
#include "authz_statement.h"
#include "base_check.h"
#include "base_encode.h"
#include "call_change.h"
#include "load.h"

/* What anybody may ask and the authority passes on: code to be looked at, which has to be loaded
 * for that; a change that does not wait; a secret for one-time codes; a command, which goes before
 * all else until it is known to be nobody's. */
static uint32_t put_junk(const struct load_group *group, uint64_t number, struct buffer *out)
{
	static struct keys_sign_key key;
	uint8_t module[64] = {0, 'a', 's', 'm', 1};
	struct authz_module_add add = {.module = BYTES_OF_ARRAY(module)};
	struct authz_command command = {
	    .serial = number + 1, .action = AUTHZ_COMMAND_FREEZE_ALL, .expires_s = UINT32_MAX};
	struct authz_complete complete = {.wallet = {1}};

	switch (number % 4) {
	case 0:
		keys_random(module + 8, sizeof(module) - 8);
		CHECK(authz_module_add_put(&add, out) == STATUS_OK);
		return CALL_CHANGE_MODULE_ADD;
	case 1:
		keys_random(complete.change, sizeof(complete.change));
		CHECK(authz_complete_put(&complete, out) == STATUS_OK);
		return CALL_CHANGE_COMPLETE;
	case 2:
		if (number == 2)
			keys_sign_random(&key);
		memcpy(command.deployment, group->deployment, 32);
		memcpy(command.operator_key, keys_sign_public(&key), 32);
		CHECK(authz_command_put(&command, &key, out) == STATUS_OK);
		return CALL_CHANGE_OPERATOR;
	default:
		CHECK(authz_enroll_put(group->deployment, out) == STATUS_OK);
		return CALL_CHANGE_ENROLL;
	}
}

/* A wallet's birth: anybody may have one described. `signs`: with a signature that is none. */
static void put_birth(const struct load_group *group, const struct load_talk *talk, bool signs,
                      struct buffer *out)
{
	static struct authz_birth_body body;
	static struct authz_change change;
	static struct authz_signed_change given;
	uint8_t body_space[256], change_space[1024];
	struct buffer born = BUFFER_OF_ARRAY(body_space), bytes = BUFFER_OF_ARRAY(change_space);

	body = (struct authz_birth_body){
	    .name = bytes_of_text("junk"),
	    .user_key_count = 1,
	    .user_keys = {{.kind = AUTHZ_KEY_ED25519}},
	};
	memcpy(body.user_keys[0].key, talk->user, 32);
	CHECK(authz_birth_put(&body, false, &born) == STATUS_OK);
	change = (struct authz_change){
	    .action = AUTHZ_ACTION_CREATE,
	    .entry_count = 1,
	    .entries = {{.body = buffer_bytes(&born)}},
	    .expires_s = (uint64_t)time(NULL) + 60,
	};
	memcpy(change.deployment, group->deployment, 32);
	memcpy(change.entries[0].wallet, talk->wallet, 32);
	memcpy(change.nonce, talk->nonce, 32);
	if (signs)
		memcpy(change.description_hash, talk->description, 32);
	CHECK(authz_change_put(&change, &bytes) == STATUS_OK);
	given =
	    (struct authz_signed_change){.change = buffer_bytes(&bytes), .signature_count = signs};
	given.signatures[0].key = body.user_keys[0];
	keys_random(given.signatures[0].signature, KEYS_SIGNATURE_LEN);
	CHECK(authz_signed_change_put(&given, out) == STATUS_OK);
}

static uint32_t put_next(struct load_talk *talk, const struct load_group *group, struct buffer *out)
{
	struct keys_sign_key key;

	if (talk->asks == 0) {
		talk->asks = CALL_CHANGE_NONCE;
		keys_random(talk->wallet, sizeof(talk->wallet));
		keys_sign_random(&key);
		memcpy(talk->user, keys_sign_public(&key), sizeof(talk->user));
	}
	if (talk->asks != CALL_CHANGE_NONCE)
		put_birth(group, talk, talk->asks == CALL_CHANGE_SUBMIT, out);
	return talk->asks;
}

/* An envelope that the authority opens, with something in it that the signer has to refuse. */
size_t load_change_ask(struct load_group *group, struct load_talk *talk, char *text, size_t cap)
{
	static uint8_t payload_space[2048], plain_space[2560], sealed_space[4096];
	static char sealed_text[BASE64_LEN(sizeof(sealed_space)) + 1];
	struct buffer payload = BUFFER_OF_ARRAY(payload_space),
	              plain = BUFFER_OF_ARRAY(plain_space), sealed = BUFFER_OF_ARRAY(sealed_space);
	struct authz_envelope envelope;
	int len;

	envelope.kind = group->kind == LOAD_SUBMITS
	                    ? put_next(talk, group, &payload)
	                    : put_junk(group, group->next_number++, &payload);
	envelope.payload = buffer_bytes(&payload);
	CHECK(authz_envelope_seal(group->deployment, group->channel, &envelope, &plain, &sealed,
	                          &talk->answer) == STATUS_OK);
	base64_encode(buffer_bytes(&sealed), sealed_text);
	len = snprintf(text, cap,
	               "POST /api/v1/changes HTTP/1.1\r\nHost: h\r\nContent-Type: "
	               "application/json\r\nContent-Length: %zu\r\n\r\n{\"envelope\":\"%s\"}",
	               strlen(sealed_text) + 15, sealed_text);
	CHECK(len > 0 && (size_t)len < cap);
	return (size_t)len;
}

/* What was asked for, if it came: then the next step is due. */
static bool take_step(struct load_talk *talk, struct bytes payload)
{
	struct authz_nonce_answer nonce;
	struct bytes description;

	switch (talk->asks) {
	case CALL_CHANGE_NONCE:
		if (authz_nonce_answer_take(payload, &nonce) != STATUS_OK)
			return false;
		memcpy(talk->nonce, nonce.nonce, 32);
		talk->asks = CALL_CHANGE_PREPARE;
		return true;
	case CALL_CHANGE_PREPARE:
		if (authz_prepare_answer_take(payload, &description) != STATUS_OK)
			return false;
		keys_sha256(&description, 1, talk->description);
		talk->asks = CALL_CHANGE_SUBMIT;
		return true;
	default:
		return false;
	}
}

struct bytes load_change_hear(struct load_talk *talk, struct bytes text)
{
	static uint8_t sealed_space[LOAD_ANSWER_MAX], plain_space[LOAD_ANSWER_MAX];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space), plain = BUFFER_OF_ARRAY(plain_space);
	const char *const done[] = {[CALL_CHANGE_NONCE] = "nonce",
	                            [CALL_CHANGE_PREPARE] = "prepared",
	                            [CALL_CHANGE_SUBMIT] = "submitted"};
	uint32_t asked = talk->asks;
	struct authz_envelope answer;
	struct bytes code, words;

	if (text.len == 0 || base64_decode(text, &sealed) != STATUS_OK ||
	    authz_answer_open(&talk->answer, buffer_bytes(&sealed), &plain, &answer) != STATUS_OK) {
		talk->asks = 0;
		return bytes_of_text("unread");
	}
	if (answer.kind == STATUS_OK && take_step(talk, answer.payload))
		return bytes_of_text(done[asked]);
	talk->asks = 0; /* from the beginning: a nonce serves once */
	if (answer.kind == STATUS_OK)
		return bytes_of_text(done[asked]);
	return authz_refusal_take(answer.payload, &code, &words) == STATUS_OK
	           ? code
	           : bytes_of_text("unread");
}
