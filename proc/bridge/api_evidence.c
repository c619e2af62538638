/* Evidence of this node: questions with nonces, the public beacon, activation of the TPM's key. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_encode.h"

static bool take_nonce(struct bytes text, uint8_t *ret_nonce)
{
	struct buffer out = {ret_nonce, ATTEST_NONCE_LEN, 0};

	return text.len == HEX_LEN(ATTEST_NONCE_LEN) && hex_decode(text, &out) == STATUS_OK;
}

static void begin_get(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes query = http_request_query(&exchange->http);

	if (!take_nonce(http_query_value(query, "nonce"), exchange->key)) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "?nonce= 64 hex digits that you have drawn at random, and nothing else");
		return;
	}
	exchange->nonces = BYTES_OF_ARRAY(exchange->key);
	exchange->ask = API_ASK_EVIDENCE;
}

/* The nonces' bytes go where their own digits were read before: 32 for each 64 and more. */
static void begin_post(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"nonces"};
	struct json_value root, member;
	uint8_t *space = exchange->http.body.data;
	size_t count = 0;

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 1, &member))
		return;
	if (!json_is_array(member, &count) || count == 0 || count > LIMIT_NONCES_MAX) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"nonces\" is a list of 1 to 256 texts");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint8_t nonce[ATTEST_NONCE_LEN];
		struct bytes text;

		if (!json_take_text(json_array_get(member, i), &text) || !take_nonce(text, nonce)) {
			api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
			           "a nonce is 64 hex digits");
			return;
		}
		memcpy(space + i * sizeof(nonce), nonce, sizeof(nonce));
	}
	exchange->nonces = bytes_of(space, count * ATTEST_NONCE_LEN);
	exchange->batch = true;
	exchange->ask = API_ASK_EVIDENCE;
}

/* ---- the beacon ---- */

static void begin_beacon_post(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"source", "value"};
	struct api_beacon *beacon = &context->beacon;
	struct json_value root, members[2];
	struct bytes source, value;
	struct api_text text;
	uint8_t nonce[ATTEST_NONCE_LEN];

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 2, members))
		return;
	if (!json_take_text(members[0], &source) || !json_take_text(members[1], &value) ||
	    attest_beacon_nonce(source, value, nonce) != STATUS_OK) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"source\" and \"value\" are texts of 1 to 128 bytes");
		return;
	}
	memcpy(beacon->source, source.data, source.len);
	memcpy(beacon->value, value.data, value.len);
	beacon->source_len = source.len;
	beacon->value_len = value.len;
	memcpy(beacon->nonce, nonce, sizeof(nonce));
	beacon->is_set = beacon->is_due = true;
	text = api_body_begin(exchange);
	text_put(&text, "{\"nonce\":");
	text_put_hex(&text, BYTES_OF_ARRAY(nonce));
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void put_evidence_only(struct api_exchange *exchange, struct api_context *context,
                              struct bytes evidence)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"evidence\":");
	text_put_base64(&text, evidence);
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void begin_beacon_get(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes evidence;

	if (http_request_query(&exchange->http).len != 0) {
		if (api_take_beacon_time(exchange, context, &evidence))
			put_evidence_only(exchange, context, evidence);
		return;
	}
	if (context->beacon.evidence.len == 0) {
		api_refuse(exchange, context, CALL_RESULT_NOT_FOUND,
		           "nobody has given this node a public value to quote");
		return;
	}
	put_evidence_only(exchange, context, context->beacon.evidence);
}

/* ---- activation ---- */

static void begin_activate(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"credential", "secret"};
	struct buffer space = {context->envelope_space, API_ENVELOPE_MAX, 0};
	struct json_value root, members[2];
	struct bytes credential, secret;

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 2, members))
		return;
	if (!json_take_text(members[0], &credential) || !json_take_text(members[1], &secret) ||
	    base64_decode(credential, &space) != STATUS_OK || space.len == 0 ||
	    space.len > CALL_ATTEST_CREDENTIAL_MAX) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"credential\" and \"secret\" are base64 of a TPM2B_ID_OBJECT and a "
		           "TPM2B_ENCRYPTED_SECRET without their lengths");
		return;
	}
	exchange->credential_len = space.len;
	if (base64_decode(secret, &space) != STATUS_OK || space.len == exchange->credential_len ||
	    space.len - exchange->credential_len > CALL_ATTEST_CREDENTIAL_MAX) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"secret\" is base64 of a TPM2B_ENCRYPTED_SECRET without its length");
		return;
	}
	exchange->encrypted_len = space.len - exchange->credential_len;
	exchange->ask = API_ASK_ACTIVATE;
}

void api_begin_evidence(struct api_exchange *exchange, struct api_context *context)
{
	bool is_post = exchange->http.method == HTTP_METHOD_POST;

	if (exchange->path == API_PATH_ACTIVATE)
		begin_activate(exchange, context);
	else if (exchange->path == API_PATH_BEACON_SET)
		begin_beacon_post(exchange, context);
	else if (exchange->path == API_PATH_BEACONS)
		api_begin_beacons(exchange, context);
	else if (exchange->path == API_PATH_BEACON)
		begin_beacon_get(exchange, context);
	else if (is_post)
		begin_post(exchange, context);
	else
		begin_get(exchange, context);
}

/* ---- answers ---- */

size_t api_evidence_len(const struct api_exchange *exchange, size_t evidence_len)
{
	size_t count = exchange->nonces.len / ATTEST_NONCE_LEN;

	return HTTP_RESPONSE_HEAD_MAX + 64 + BASE64_LEN(evidence_len + ATTEST_PROOF_BYTES_MAX) +
	       count * (BASE64_LEN(ATTEST_PROOF_BYTES_MAX) + 3);
}

void api_take_evidence(struct api_exchange *exchange, struct api_context *context,
                       const struct attest_evidence *evidence, const struct api_tree *tree,
                       uint32_t first)
{
	struct attest_evidence own = *evidence;
	struct buffer out = {context->evidence_space, API_EVIDENCE_SPACE, 0};
	uint32_t count = (uint32_t)(exchange->nonces.len / ATTEST_NONCE_LEN);
	struct api_text text;

	CHECK(count != 0 && first + count <= tree->count);
	own.has_proof = !exchange->batch;
	if (own.has_proof)
		attest_tree_prove(tree->nonces, tree->count, tree->nodes, first, &own.proof);
	CHECK(attest_evidence_put(&own, &out) == STATUS_OK);
	if (!exchange->batch) {
		put_evidence_only(exchange, context, buffer_bytes(&out));
		return;
	}
	text = api_body_begin(exchange);
	text_put(&text, "{\"evidence\":");
	text_put_base64(&text, buffer_bytes(&out));
	text_put(&text, ",\"proofs\":[");
	for (uint32_t i = 0; i < count; i++) {
		struct attest_proof proof;

		out.len = 0;
		attest_tree_prove(tree->nonces, tree->count, tree->nodes, first + i, &proof);
		CHECK(attest_proof_put(&proof, &out) == STATUS_OK);
		if (i != 0)
			text_put(&text, ",");
		text_put_base64(&text, buffer_bytes(&out));
	}
	text_put(&text, "]}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_take_secret(struct api_exchange *exchange, struct api_context *context,
                     struct bytes secret)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"secret\":");
	text_put_base64(&text, secret);
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_refuse_attest(struct api_exchange *exchange, struct api_context *context, uint32_t status)
{
	if (exchange->ask == API_ASK_ACTIVATE && status == STATUS_NOT_FOUND)
		api_refuse(
		    exchange, context, CALL_RESULT_NOT_FOUND,
		    "this TPM has no certificate of its maker, so no endorsement key is shown");
	else if (exchange->ask == API_ASK_ACTIVATE && status == STATUS_REFUSED)
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "the credential is for another TPM or another attestation key");
	else
		api_refuse(exchange, context, CALL_RESULT_OVERLOADED,
		           "the TPM gives no evidence now; the node may just have started");
}
