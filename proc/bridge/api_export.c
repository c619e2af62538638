/* What a client may read, and sealed changes on their way through. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_encode.h"

/* The query has no other names than these, each once and with a value. */
static bool is_known_query(struct bytes query, const char *const *names, size_t count)
{
	unsigned seen = 0;

	while (query.len != 0) {
		const uint8_t *end = memchr(query.data, '&', query.len);
		size_t len = end == NULL ? query.len : (size_t)(end - query.data);
		const uint8_t *equals = memchr(query.data, '=', len);
		size_t name_len = equals == NULL ? 0 : (size_t)(equals - query.data);
		size_t i = 0;

		while (i < count &&
		       !bytes_equal(bytes_of(query.data, name_len), bytes_of_text(names[i])))
			i++;
		if (i == count || (seen & 1u << i) != 0 || name_len + 1 == len)
			return false;
		seen |= 1u << i;
		len += end != NULL;
		query = bytes_of(query.data + len, query.len - len);
	}
	return true;
}

/* take_decimal: at most 19 digits; no text is 0. */
static bool take_decimal(struct bytes text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (text.len > 19)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret_number = number;
	return true;
}

bool api_take_cursor(struct api_exchange *exchange, struct api_context *context,
                     const char *const *names, size_t count)
{
	struct bytes query = http_request_query(&exchange->http);
	struct bytes cursor = http_query_value(query, "cursor");

	if (!is_known_query(query, names, count)) {
		api_refuse(exchange, context, CALL_RESULT_FIELD_UNKNOWN,
		           count == 0
		               ? "this path takes no query"
		               : "the query has a name that is not known here, one twice, or one "
		                 "without a value");
		return false;
	}
	if (take_decimal(cursor, &exchange->cursor))
		return true;
	api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
	           "cursor is the decimal number that the last answer gave");
	return false;
}

/* take_last_event: who connects again by himself (HTML, EventSource) asks for the address that he
 * was given, and says in a field of the request how far he came. */
static bool take_last_event(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes last = http_request_value(&exchange->http, HTTP_FIELD_LAST_EVENT_ID);

	if (exchange->path != API_PATH_EVENTS || last.len == 0 ||
	    take_decimal(last, &exchange->cursor))
		return true;
	api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
	           "Last-Event-ID is the id of an event of this stream");
	return false;
}

static bool take_query(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes query = http_request_query(&exchange->http);
	struct bytes wallet = http_query_value(query, "wallet");
	struct bytes inputs = http_query_value(query, "inputs");
	static const char *const names[] = {"cursor", "wallet", "inputs"};
	size_t count = exchange->path == API_PATH_RECEIPTS ? 3 : exchange->path == API_PATH_EVENTS;

	if (!api_take_cursor(exchange, context, names, count) ||
	    !take_last_event(exchange, context))
		return false;
	if (exchange->path == API_PATH_RECEIPTS &&
	    call_wallet_parse(wallet, &exchange->wallet) != STATUS_OK) {
		api_refuse(exchange, context, CALL_RESULT_NAME_REFUSED,
		           "?wallet= a name, an address or an id is needed");
		return false;
	}
	if (inputs.len != 0 && !bytes_equal(inputs, bytes_of_text("true"))) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "inputs is true, or left out");
		return false;
	}
	exchange->inputs = inputs.len != 0;
	return true;
}

void api_begin_export(struct api_exchange *exchange, struct api_context *context)
{
	if (take_query(exchange, context))
		exchange->ask = API_ASK_EXPORT;
}

void api_fill_export(const struct api_exchange *exchange, struct call_export_request *ret_request)
{
	*ret_request = (struct call_export_request){
	    .topic = exchange->inputs ? CALL_EXPORT_INPUTS : exchange->route->topic,
	    .token = exchange->token,
	    .wallet = exchange->wallet,
	    .cursor = exchange->cursor,
	};
	memcpy(ret_request->key, exchange->key, sizeof(ret_request->key));
}

static void put_time(struct api_text *text, uint64_t seconds)
{
	if (seconds == 0)
		text_put(text, "null");
	else
		text_put_u64_string(text, seconds);
}

/* The words of spec/authorization.cddl; the bridge reads no changes itself. */
static const char *action_word(uint8_t action)
{
	static const char *const words[] = {"",       "create",   "grant", "revoke",
	                                    "freeze", "unfreeze", "limit", "factor",
	                                    "import", "export",   "cancel"};

	return action < sizeof(words) / sizeof(words[0]) ? words[action] : "";
}

/* The words that `claviger wallet limit` takes. */
static void put_limit(struct api_text *text, size_t at, const struct call_export_limit *limit)
{
	static const char *const units[] = {"", "lamports", "mint", "uses"};
	static const char *const windows[] = {"", "total", "1h", "24h"};
	static const uint8_t no_mint[32];

	text_put(text, at == 0 ? "{\"id\":" : ",{\"id\":");
	text_put_u64(text, limit->id);
	text_put(text, ",\"unit\":\"");
	text_put(text, units[limit->unit & 3]);
	text_put(text, "\",\"window\":\"");
	text_put(text, windows[limit->window & 3]);
	text_put(text, "\",\"mint\":");
	if (memcmp(limit->mint, no_mint, sizeof(no_mint)) == 0)
		text_put(text, "null");
	else
		text_put_base58(text, BYTES_OF_ARRAY(limit->mint));
	text_put(text, ",\"cap\":");
	text_put_u64_string(text, limit->cap);
	text_put(text, ",\"left\":");
	text_put_u64_string(text, limit->left);
	text_put(text, "}");
}

void api_put_wallet(struct api_text *text, const struct call_export_answer *answer)
{
	text_put(text, "{\"id\":");
	text_put_hex(text, BYTES_OF_ARRAY(answer->wallet_id));
	text_put(text, ",\"address\":");
	text_put_base58(text, BYTES_OF_ARRAY(answer->address));
	text_put(text, ",\"name\":");
	text_put_string(text, answer->name);
	text_put(text, answer->imported ? ",\"origin\":\"imported\"" : ",\"origin\":\"created\"");
	text_put(text, ",\"frozen\":");
	text_put_bool(text, answer->frozen);
	text_put(text, ",\"version\":");
	text_put_u64_string(text, answer->version);
	text_put(text, ",\"exported\":");
	text_put_u64_string(text, answer->exported);
	text_put(text, ",\"grants\":[");
	for (size_t i = 0; i < answer->grant_count; i++) {
		const struct call_export_grant *grant = &answer->grants[i];

		text_put(text, i == 0 ? "{\"id\":" : ",{\"id\":");
		text_put_hex(text, BYTES_OF_ARRAY(grant->grant));
		text_put(text, ",\"module\":");
		text_put_hex(text, BYTES_OF_ARRAY(grant->module));
		text_put(text, ",\"not_before\":");
		put_time(text, grant->not_before);
		text_put(text, ",\"expires\":");
		put_time(text, grant->expires);
		text_put(text, ",\"uses_left\":");
		if (grant->uses_left == UINT64_MAX)
			text_put(text, "null");
		else
			text_put_u64_string(text, grant->uses_left);
		text_put(text, ",\"frozen\":");
		text_put_bool(text, grant->frozen);
		text_put(text, "}");
	}
	text_put(text, "],\"pending\":[");
	for (size_t i = 0; i < answer->pending_count; i++) {
		const struct call_export_pending *pending = &answer->pending[i];

		text_put(text, i == 0 ? "{\"change\":" : ",{\"change\":");
		text_put_hex(text, BYTES_OF_ARRAY(pending->change));
		text_put(text, ",\"action\":\"");
		text_put(text, action_word(pending->action));
		text_put(text, "\",\"done\":");
		text_put_bool(text, pending->done);
		text_put(text, ",\"opens\":");
		text_put_u64_string(text, pending->opens);
		text_put(text, ",\"until\":");
		text_put_u64_string(text, pending->until);
		text_put(text, "}");
	}
	text_put(text, "],\"limits\":[");
	for (size_t i = 0; i < answer->limit_count; i++)
		put_limit(text, i, &answer->limits[i]);
	text_put(text, "]}");
}

/* Members that Vault's clients read: type, supports_signing, latest_version, keys["1"]. */
static void put_vault_key(struct api_text *text, const struct call_export_answer *answer)
{
	api_put_vault_head(text);
	text_put(text, "{\"type\":\"ed25519\",\"name\":");
	text_put_string(text, answer->name);
	text_put(text, ",\"latest_version\":1,\"min_available_version\":0,"
	               "\"min_decryption_version\":1,\"min_encryption_version\":0,"
	               "\"supports_signing\":true,\"supports_encryption\":false,"
	               "\"supports_decryption\":false,\"supports_derivation\":false,"
	               "\"derived\":false,\"exportable\":false,\"allow_plaintext_backup\":false,"
	               "\"deletion_allowed\":false,\"imported_key\":");
	text_put_bool(text, answer->imported);
	text_put(text, ",\"keys\":{\"1\":{\"name\":\"ed25519\",\"public_key\":");
	text_put_base64(text, BYTES_OF_ARRAY(answer->address));
	text_put(text, "}}}");
	api_put_vault_tail(text);
}

/* A part of a bundle (lib/authz/authz_bundle.h): parts are put one behind the other. */
static void put_receipts(struct api_text *text, const struct call_export_answer *answer)
{
	text_put(text, "{\"bundle\":");
	text_put_base64(text, answer->body);
	text_put(text, ",\"next_cursor\":");
	if (answer->next_cursor == 0)
		text_put(text, "null}");
	else {
		text_put_u64_string(text, answer->next_cursor);
		text_put(text, "}");
	}
}

/* Nothing is known of it before the start is unsealed. */
static void put_time_state(struct api_text *text, const struct call_time *time)
{
	const char *state = call_time_word(time->state);

	text_put(text, ",\"time_source\":");
	text_put_string(text, bytes_of_text(time->is_site == 1 ? "site" : "system"));
	text_put(text, ",\"time_state\":");
	text_put_string(text, bytes_of_text(state != NULL ? state : "unknown"));
	text_put(text, ",\"time_proof_age\":");
	text_put_u64_string(text, time->age_s);
}

void api_put_status(struct api_text *text, const struct api_context *context,
                    const struct call_export_status *status)
{
	text_put(text, "{\"deployment\":");
	text_put_hex(text, BYTES_OF_ARRAY(context->deployment));
	text_put(text, status->hardware ? ",\"tpm\":\"hardware\"" : ",\"tpm\":\"software\"");
	text_put(text, ",\"unsealed\":");
	text_put_bool(text, status->unsealed);
	text_put(text, ",\"frozen\":");
	text_put_bool(text, status->frozen);
	text_put(text, ",\"boot\":");
	text_put_u64_string(text, status->boot);
	text_put(text, ",\"wallets\":");
	text_put_u64_string(text, status->wallets);
	text_put(text, ",\"clients\":");
	text_put_u64_string(text, status->clients);
	text_put(text, ",\"grants\":");
	text_put_u64_string(text, status->grants);
	text_put(text, ",\"signatures\":");
	text_put_u64_string(text, status->signatures);
	text_put(text, ",\"refusals\":");
	text_put_u64_string(text, status->refusals);
	text_put(text, ",\"time_low\":");
	text_put_u64_string(text, status->time.low_s);
	text_put(text, ",\"time_high\":");
	text_put_u64_string(text, status->time.high_s);
	put_time_state(text, &status->time);
	text_put(text, ",\"receipts_behind\":");
	text_put_u64_string(text, status->receipts_behind);
	text_put(text, ",\"machine\":");
	if (context->machine[0] == '\0')
		text_put(text, "null");
	else
		text_put_string(text, bytes_of_text(context->machine));
	text_put(text, status->interpreter ? ",\"policy_engine\":\"interpreter\"}"
	                                   : ",\"policy_engine\":\"compiled\"}");
}

void api_take_export(struct api_exchange *exchange, struct api_context *context,
                     const struct call_export_answer *answer)
{
	struct api_text text;

	if (answer->result != CALL_RESULT_DONE) {
		api_refuse(exchange, context, answer->result, NULL);
		return;
	}
	if (exchange->path == API_PATH_EVENTS) {
		api_take_events(exchange, context, answer);
		return;
	}
	text = api_body_begin(exchange);
	if (exchange->path == API_PATH_VAULT_KEY)
		put_vault_key(&text, answer);
	else if (exchange->path == API_PATH_WALLET)
		api_put_wallet(&text, answer);
	else if (exchange->path == API_PATH_STATUS)
		api_put_status(&text, context, &answer->status);
	else if (exchange->path == API_PATH_MACHINE)
		api_put_machine(&text, context, &answer->status);
	else if (exchange->path == API_PATH_RECEIPTS)
		put_receipts(&text, answer);
	else {
		text_put(&text, "{\"receipt\":");
		text_put_base64(&text, answer->body);
		text_put(&text, "}");
	}
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_begin_changes(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"envelope"};
	struct json_value root, member;

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 1, &member))
		return;
	if (!json_take_text(member, &exchange->envelope_text) || exchange->envelope_text.len == 0) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"envelope\" is base64 text");
		return;
	}
	exchange->ask = API_ASK_ENVELOPE;
}

enum call_result api_envelope(const struct api_exchange *exchange, struct api_context *context,
                              struct bytes *ret_envelope)
{
	struct buffer space = {context->envelope_space, API_ENVELOPE_MAX, 0};

	enum status status = base64_decode(exchange->envelope_text, &space);

	if (status == STATUS_TOO_LARGE)
		return CALL_RESULT_BODY_TOO_LARGE;
	if (status != STATUS_OK)
		return CALL_RESULT_REQUEST_MALFORMED;
	*ret_envelope = buffer_bytes(&space);
	return CALL_RESULT_DONE;
}

void api_take_envelope(struct api_exchange *exchange, struct api_context *context,
                       struct bytes envelope)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"envelope\":");
	text_put_base64(&text, envelope);
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_refuse_envelope(struct api_exchange *exchange, struct api_context *context,
                         uint32_t status, struct bytes text)
{
	enum call_result result = CALL_RESULT_CHANGE_REFUSED;

	if (status == STATUS_BUSY)
		result = CALL_RESULT_OVERLOADED;
	else if (status == STATUS_MALFORMED || status == STATUS_CRYPTO)
		result = CALL_RESULT_REQUEST_MALFORMED;
	else if (status == STATUS_CONFLICT)
		result = CALL_RESULT_CONFLICT;
	api_refuse(exchange, context, result,
	           text.len == 0 ? NULL : api_detail(exchange, "%s", text));
}
