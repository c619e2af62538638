/* HashiCorp Vault's transit dialect: what solana-keychain's clients speak.
 *
 * `input` is always a message; prehashing, derivation contexts and other encodings of a signature
 * would change what is signed or how it reads, and are refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"

enum member {
	MEMBER_INPUT,
	MEMBER_BATCH_INPUT,
	MEMBER_PREHASHED,
	MEMBER_CONTEXT,
	MEMBER_KEY_VERSION,
	MEMBER_HASH_ALGORITHM,
	MEMBER_SIGNATURE_ALGORITHM,
	MEMBER_MARSHALING,
	MEMBER_PARTIAL_STATUS,
	MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {
    "input",
    "batch_input",
    "prehashed",
    "context",
    "key_version",
    "hash_algorithm",
    "signature_algorithm",
    "marshaling_algorithm",
    "partial_failure_response_code",
};

static bool refuse_member(struct api_exchange *exchange, struct api_context *context,
                          enum call_result result, const char *detail)
{
	api_refuse(exchange, context, result, detail);
	return false;
}

/* Options that clients send with their defaults are taken in that form only. */
static bool check_options(struct api_exchange *exchange, struct api_context *context,
                          const struct json_value *members)
{
	struct bytes text;
	uint64_t number;
	bool prehashed = false;

	if (json_is_there(members[MEMBER_PREHASHED]) &&
	    (!json_take_bool(members[MEMBER_PREHASHED], &prehashed) || prehashed))
		return refuse_member(exchange, context, CALL_RESULT_UNSUPPORTED,
		                     "prehashed input is not signed: send the whole message");
	if (json_is_there(members[MEMBER_CONTEXT]) &&
	    (!json_take_text(members[MEMBER_CONTEXT], &text) || text.len != 0))
		return refuse_member(exchange, context, CALL_RESULT_UNSUPPORTED,
		                     "keys are not derived: no context");
	if (json_is_there(members[MEMBER_KEY_VERSION]) &&
	    (!json_take_u64(members[MEMBER_KEY_VERSION], &number) || number > 1))
		return refuse_member(exchange, context, CALL_RESULT_UNSUPPORTED,
		                     "a wallet's key has the version 1 only");
	if (json_is_there(members[MEMBER_MARSHALING]) &&
	    (!json_take_text(members[MEMBER_MARSHALING], &text) ||
	     !bytes_equal(text, bytes_of_text("asn1"))))
		return refuse_member(exchange, context, CALL_RESULT_UNSUPPORTED,
		                     "marshaling_algorithm is asn1");
	return true;
}

static bool take_input(struct api_exchange *exchange, struct api_context *context,
                       struct json_value input, struct api_item *item)
{
	*item = (struct api_item){.constraint = CALL_CONSTRAINT_ANY, .wallet = exchange->wallet};
	if (!json_take_text(input, &item->bytes_text) || item->bytes_text.len == 0)
		return refuse_member(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		                     "\"input\" must be base64 text");
	return true;
}

static bool take_batch(struct api_exchange *exchange, struct api_context *context,
                       const struct json_value *members)
{
	static const char *const names[] = {"input", "reference"};
	struct json_value entry[2];
	/* Vault's own default is 400; here 4xx says that nothing was signed or counted, and a
	 * client that throws the answer away would send again. */
	uint64_t status = 200;
	size_t count;

	if (json_is_there(members[MEMBER_INPUT]) ||
	    !json_is_array(members[MEMBER_BATCH_INPUT], &count) || count == 0 ||
	    count > CALL_BATCH_MAX)
		return refuse_member(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		                     "\"batch_input\" is a list of 1 to 16, without \"input\"");
	if (json_is_there(members[MEMBER_PARTIAL_STATUS]) &&
	    (!json_take_u64(members[MEMBER_PARTIAL_STATUS], &status) ||
	     (status != 200 && status != 400)))
		return refuse_member(exchange, context, CALL_RESULT_UNSUPPORTED,
		                     "partial_failure_response_code is 200 or 400");
	for (size_t i = 0; i < count; i++) {
		struct api_item *item = &exchange->items[i];

		if (!api_take_members(exchange, context,
		                      json_array_get(members[MEMBER_BATCH_INPUT], i), names, 2,
		                      entry) ||
		    !take_input(exchange, context, entry[0], item))
			return false;
		if (json_is_there(entry[1]) &&
		    (!json_take_text(entry[1], &item->reference) || item->reference.len > 64))
			return refuse_member(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
			                     "\"reference\" is text of at most 64 bytes");
	}
	exchange->partial_status = (unsigned)status;
	exchange->batch = true;
	exchange->item_count = count;
	return true;
}

void api_begin_vault_sign(struct api_exchange *exchange, struct api_context *context)
{
	struct json_value root, members[MEMBER_COUNT];

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, member_names, MEMBER_COUNT, members) ||
	    !check_options(exchange, context, members))
		return;
	if (json_is_there(members[MEMBER_BATCH_INPUT])) {
		if (!take_batch(exchange, context, members))
			return;
	} else {
		if (!take_input(exchange, context, members[MEMBER_INPUT], &exchange->items[0]))
			return;
		exchange->item_count = 1;
	}
	exchange->ask = API_ASK_SIGN;
}

void api_put_vault_head(struct api_text *text)
{
	text_put(text, "{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,"
	               "\"lease_duration\":0,\"data\":");
}

void api_put_vault_tail(struct api_text *text)
{
	text_put(text, ",\"wrap_info\":null,\"warnings\":null,\"auth\":null}");
}

static void put_reference(struct api_text *text, const struct api_item *item)
{
	if (item->reference.len == 0)
		return;
	text_put(text, ",\"reference\":");
	text_put_string(text, item->reference);
}

/* Vault knows one answer to whoever may not: 403, "permission denied". Its clients look for both.
 */
unsigned api_vault_status(enum call_result result)
{
	unsigned status = call_result_http(result);

	return status == 401 ? 403 : status;
}

unsigned api_put_vault_item(struct api_text *text, const struct api_item *item,
                            const struct call_sign_answer *answer, const char *detail,
                            bool in_batch)
{
	unsigned status = api_vault_status(answer->result);

	if (answer->result != CALL_RESULT_SIGNED) {
		if (!in_batch) {
			api_put_refusal(text, API_DIALECT_VAULT, answer->result, detail, answer);
			return status;
		}
		text_put(text, "{\"error\":");
		api_put_vault_error(text, answer->result, detail, answer);
		put_reference(text, item);
		text_put(text, "}");
		return status;
	}
	if (!in_batch)
		api_put_vault_head(text);
	text_put(text, "{\"signature\":\"vault:v1:");
	text_put_base64_bare(text, BYTES_OF_ARRAY(answer->signature));
	text_put(text, "\",\"key_version\":1");
	put_reference(text, item);
	text_put(text, "}");
	if (!in_batch)
		api_put_vault_tail(text);
	return 200;
}
