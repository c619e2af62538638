/* Which path a request is for, and what can be said about it before its body is read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "api_parts.h"
#include "api_web.h"
#include "base_check.h"
#include "base_encode.h"

/* What a path takes. */
#define TAKES_GET      1u
#define TAKES_POST     2u
#define TAKES_PUT      4u
#define TAKES_TOKEN    8u   /* a client's token must be there */
#define TAKES_LARGE    16u  /* body or response of the large size */
#define TAKES_REST     32u  /* `text` is a prefix; one segment follows */
#define TAKES_EVENTS   128u /* as TAKES_REST, and then "/events" */
#define TAKES_HEALTH   64u  /* offered on the health listener, and only there */
#define TAKES_OPERATOR 256u /* offered to operators, and to nobody else */

/* Who begins it, whom it waits for, and what it asks. */
#define SIGNS(what)    api_begin_##what, API_QUEUE_SIGNER, 0
#define EXPORTS(topic) api_begin_export, API_QUEUE_SIGNER, CALL_EXPORT_##topic
#define CHANGES        api_begin_changes, API_QUEUE_AUTHORITY, 0
#define HERE(what)     api_begin_##what, API_QUEUE_NONE, 0

/* A path, a line. */
/* clang-format off */
static const struct api_route routes[] = {
    {"/api/v1/sign",                 API_PATH_SIGN,                API_DIALECT_NATIVE, TAKES_POST | TAKES_TOKEN, SIGNS(sign)},
    {"/api/v1/check",                API_PATH_CHECK,               API_DIALECT_NATIVE, TAKES_POST | TAKES_TOKEN, SIGNS(sign)},
    {"/api/v1/batch",                API_PATH_BATCH,               API_DIALECT_NATIVE, TAKES_POST | TAKES_TOKEN | TAKES_LARGE,
     SIGNS(batch)},
    {"/api/v1/wallets/",             API_PATH_EVENTS,              API_DIALECT_NATIVE, TAKES_GET | TAKES_TOKEN | TAKES_REST | TAKES_EVENTS,
     EXPORTS(EVENTS)},
    {"/api/v1/wallets/",             API_PATH_WALLET,              API_DIALECT_NATIVE, TAKES_GET | TAKES_TOKEN | TAKES_REST,
     EXPORTS(WALLET)},
    {"/api/v1/changes",              API_PATH_CHANGES,             API_DIALECT_NATIVE, TAKES_POST | TAKES_LARGE, CHANGES},
    {"/api/v1/channel",              API_PATH_CHANNEL,             API_DIALECT_NATIVE, TAKES_GET, HERE(local)},
    {"/api/v1/tls/request",          API_PATH_TLS_REQUEST,         API_DIALECT_NATIVE, TAKES_GET, HERE(local)},
    {"/api/v1/evidence",             API_PATH_EVIDENCE,            API_DIALECT_NATIVE, TAKES_GET | TAKES_POST, HERE(evidence)},
    {"/api/v1/evidence/beacon",      API_PATH_BEACON,              API_DIALECT_NATIVE, TAKES_GET | TAKES_LARGE, HERE(evidence)},
    {"/api/v1/evidence/beacons",     API_PATH_BEACONS,             API_DIALECT_NATIVE, TAKES_GET | TAKES_LARGE, HERE(evidence)},
    {"/api/v1/evidence/activate",    API_PATH_ACTIVATE,            API_DIALECT_NATIVE, TAKES_POST, HERE(evidence)},
    {"/api/v1/floor",                API_PATH_FLOOR,               API_DIALECT_NATIVE, TAKES_GET | TAKES_POST, HERE(floor)},
    {"/api/v1/decisions/",           API_PATH_DECISION,            API_DIALECT_NATIVE, TAKES_GET | TAKES_TOKEN | TAKES_REST,
     EXPORTS(DECISION)},
    {"/api/v1/receipts",             API_PATH_RECEIPTS,            API_DIALECT_NATIVE, TAKES_GET | TAKES_TOKEN,
     EXPORTS(RECEIPTS)},
    {"/api/v1/status",               API_PATH_STATUS,              API_DIALECT_NATIVE, TAKES_GET, EXPORTS(STATUS)},
    {"/api/v1/machine",              API_PATH_MACHINE,             API_DIALECT_NATIVE, TAKES_GET | TAKES_OPERATOR,
     EXPORTS(STATUS)},
    {"/api/v1/machine/log",          API_PATH_MACHINE_LOG,         API_DIALECT_NATIVE, TAKES_GET | TAKES_OPERATOR | TAKES_LARGE,
     HERE(machine)},
    {"/api/v1/machine/config",       API_PATH_MACHINE_CONFIG,      API_DIALECT_NATIVE, TAKES_GET | TAKES_OPERATOR | TAKES_LARGE,
     HERE(machine)},
    {"/api/v1/machine/certificate",  API_PATH_MACHINE_CERTIFICATE, API_DIALECT_NATIVE, TAKES_POST | TAKES_OPERATOR,
     HERE(machine)},
    {"/api/v1/openapi.json",         API_PATH_OPENAPI,             API_DIALECT_NATIVE, TAKES_GET, HERE(local)},
    {"/api/v1/echo",                 API_PATH_ECHO,                API_DIALECT_NATIVE, TAKES_POST, HERE(local)},
    {"/v1/transit/sign/",            API_PATH_VAULT_SIGN,          API_DIALECT_VAULT,  TAKES_POST | TAKES_PUT | TAKES_TOKEN | TAKES_REST,
     SIGNS(vault_sign)},
    {"/v1/transit/keys/",            API_PATH_VAULT_KEY,           API_DIALECT_VAULT,  TAKES_GET | TAKES_TOKEN | TAKES_REST,
     EXPORTS(WALLET)},
    {"/v1/sys/health",               API_PATH_VAULT_HEALTH,        API_DIALECT_VAULT,  TAKES_GET, HERE(local)},
    {"/livez",                       API_PATH_LIVE,                API_DIALECT_PLAIN,  TAKES_GET | TAKES_HEALTH, HERE(local)},
    {"/readyz",                      API_PATH_READY,               API_DIALECT_PLAIN,  TAKES_GET | TAKES_HEALTH, HERE(local)},
    {"/beacon",                      API_PATH_BEACON_SET,          API_DIALECT_NATIVE, TAKES_POST | TAKES_HEALTH, HERE(evidence)},
    {"/unseal",                      API_PATH_UNSEAL,              API_DIALECT_NATIVE, TAKES_GET | TAKES_POST | TAKES_HEALTH,
     HERE(unseal)},
    {"/metrics",                     API_PATH_METRICS,             API_DIALECT_PLAIN,  TAKES_GET | TAKES_HEALTH, HERE(local)},
};

/* Every file of the user's page. */
static const struct api_route page = {"/", API_PATH_PAGE, API_DIALECT_NATIVE, TAKES_GET, HERE(page)};
/* clang-format on */

void api_reset(struct api_exchange *exchange)
{
	struct buffer out = exchange->out;

	http_request_init(&exchange->http);
	memset((uint8_t *)exchange + sizeof(exchange->http), 0,
	       offsetof(struct api_exchange, items) - sizeof(exchange->http));
	exchange->out = out;
	exchange->out.len = 0;
	exchange->detail[0] = 0;
	exchange->path = API_PATH_COUNT;
}

static bool matches(const struct api_route *route, struct bytes path, struct bytes *ret_rest)
{
	size_t len = strlen(route->text);

	if (path.len < len || memcmp(path.data, route->text, len) != 0)
		return false;
	*ret_rest = bytes_of(path.data + len, path.len - len);
	if ((route->takes & TAKES_EVENTS) != 0) {
		static const char tail[] = "/events";
		size_t tail_len = sizeof(tail) - 1;

		if (ret_rest->len <= tail_len ||
		    memcmp(ret_rest->data + ret_rest->len - tail_len, tail, tail_len) != 0)
			return false;
		ret_rest->len -= tail_len;
	}
	if ((route->takes & TAKES_REST) == 0)
		return ret_rest->len == 0;
	return ret_rest->len != 0 && memchr(ret_rest->data, '/', ret_rest->len) == NULL;
}

static bool is_offered(const struct api_route *route, enum api_door door)
{
	if (((route->takes & TAKES_HEALTH) != 0) != (door == API_DOOR_HEALTH))
		return false;
	return (route->takes & TAKES_OPERATOR) == 0 || door == API_DOOR_OPERATORS;
}

static const struct api_route *find_route(struct bytes path, enum api_door door, bool echo,
                                          struct bytes *ret_rest)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct api_route *route = &routes[i];

		if (!is_offered(route, door))
			continue;
		if (route->path == API_PATH_ECHO && !echo)
			continue;
		if (matches(route, path, ret_rest))
			return route;
	}
	if (door != API_DOOR_HEALTH && api_web_find(path) != NULL)
		return &page;
	return NULL;
}

/* The dialect of a path that does not exist: whoever asks /v1 reads Vault's errors. */
static enum api_dialect dialect_of(struct bytes path, enum api_door door)
{
	if (door == API_DOOR_HEALTH)
		return API_DIALECT_PLAIN;
	if (path.len >= 4 && memcmp(path.data, "/v1/", 4) == 0)
		return API_DIALECT_VAULT;
	return API_DIALECT_NATIVE;
}

static bool takes_method(const struct api_route *route, enum http_method method)
{
	switch (method) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
		return (route->takes & TAKES_GET) != 0;
	case HTTP_METHOD_POST:
		return (route->takes & TAKES_POST) != 0;
	case HTTP_METHOD_PUT:
		return (route->takes & TAKES_PUT) != 0;
	case HTTP_METHOD_OTHER:
	default:
		return false;
	}
}

const char *api_allowed_methods(const struct api_exchange *exchange)
{
	unsigned takes = exchange->route->takes;

	if ((takes & TAKES_PUT) != 0)
		return "POST, PUT";
	if ((takes & TAKES_GET) == 0)
		return "POST";
	return (takes & TAKES_POST) != 0 ? "GET, HEAD, POST" : "GET, HEAD";
}

static bool is_json(struct bytes type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	return type.len >= len && strncasecmp((const char *)type.data, json, len) == 0 &&
	       (type.len == len || type.data[len] == ';' || type.data[len] == ' ');
}

static bool is_token(struct bytes token)
{
	if (token.len == 0 || token.len > LIMIT_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ' || token.data[i] > '~')
			return false;
	return true;
}

static enum call_result check_token(struct api_exchange *exchange, const struct api_route *route)
{
	if (http_request_token(&exchange->http, &exchange->token) != STATUS_OK)
		return CALL_RESULT_TOKEN_REFUSED;
	if ((route->takes & TAKES_TOKEN) == 0) {
		exchange->token = bytes_of(NULL, 0); /* nobody will look at it: it says nothing */
		return CALL_RESULT_DONE;
	}
	if (exchange->token.len == 0)
		return CALL_RESULT_TOKEN_MISSING;
	return is_token(exchange->token) ? CALL_RESULT_DONE : CALL_RESULT_TOKEN_REFUSED;
}

static enum call_result check_body(const struct api_exchange *exchange,
                                   const struct api_route *route)
{
	const struct http_request *http = &exchange->http;
	size_t max = (route->takes & TAKES_LARGE) != 0 || route->path == API_PATH_VAULT_SIGN
	                 ? LIMIT_HTTP_LARGE_BODY_MAX
	                 : LIMIT_HTTP_BODY_MAX;

	if (http->method == HTTP_METHOD_GET || http->method == HTTP_METHOD_HEAD)
		return http_request_has_body(http) ? CALL_RESULT_REQUEST_MALFORMED
		                                   : CALL_RESULT_DONE;
	if (http->content_length > max)
		return CALL_RESULT_BODY_TOO_LARGE;
	if (route->dialect == API_DIALECT_NATIVE &&
	    !is_json(http_request_value(http, HTTP_FIELD_CONTENT_TYPE)))
		return CALL_RESULT_MEDIA_REFUSED;
	return CALL_RESULT_DONE;
}

/* The last segment of a path: a wallet, or a decision's number. */
static enum call_result take_rest(struct api_exchange *exchange, const struct api_route *route,
                                  struct bytes rest)
{
	struct buffer key = BUFFER_OF_ARRAY(exchange->key);

	if ((route->takes & TAKES_REST) == 0)
		return CALL_RESULT_DONE;
	if (route->path != API_PATH_DECISION)
		return call_wallet_parse(rest, &exchange->wallet) == STATUS_OK
		           ? CALL_RESULT_DONE
		           : CALL_RESULT_NAME_REFUSED;
	if (rest.len != HEX_LEN(32) || hex_decode(rest, &key) != STATUS_OK)
		return CALL_RESULT_NOT_FOUND;
	return CALL_RESULT_DONE;
}

enum call_result api_route(struct api_exchange *exchange, const struct api_context *context,
                           enum api_door door, bool *ret_large)
{
	struct bytes path = http_request_path(&exchange->http);
	struct bytes rest = bytes_of(NULL, 0);
	const struct api_route *route = find_route(path, door, context->echo, &rest);
	enum call_result result;

	exchange->keep_alive = exchange->http.keep_alive && !context->stopping;
	exchange->dialect = dialect_of(path, door);
	if (route == NULL)
		return CALL_RESULT_PATH_UNKNOWN;
	exchange->route = route;
	exchange->path = route->path;
	if (!takes_method(route, exchange->http.method))
		return CALL_RESULT_METHOD_REFUSED;
	result = check_token(exchange, route);
	if (result == CALL_RESULT_DONE)
		result = check_body(exchange, route);
	if (result == CALL_RESULT_DONE)
		result = take_rest(exchange, route, rest);
	if (result != CALL_RESULT_DONE)
		return result;
	exchange->is_large = (route->takes & TAKES_LARGE) != 0 ||
	                     exchange->http.content_length > LIMIT_HTTP_BODY_MAX;
	*ret_large = exchange->is_large;
	return CALL_RESULT_DONE;
}

void api_begin(struct api_exchange *exchange, struct api_context *context)
{
	CHECK(exchange->http.complete && exchange->route != NULL);
	exchange->route->begin(exchange, context);
}

bool api_parse_body(struct api_exchange *exchange, struct api_context *context,
                    struct json_value *ret_root)
{
	enum status status = json_parse(&context->pool, &exchange->http.body, ret_root);

	if (status == STATUS_OK)
		return true;
	api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
	           status == STATUS_TOO_LARGE ? "the JSON is nested too deeply"
	                                      : "the body is not JSON (RFC 8259)");
	return false;
}

bool api_take_members(struct api_exchange *exchange, struct api_context *context,
                      struct json_value object, const char *const *names, size_t count,
                      struct json_value *ret_values)
{
	struct bytes odd;
	enum status status = json_take_members(object, names, count, ret_values, &odd);

	if (status == STATUS_OK)
		return true;
	if (status == STATUS_REFUSED)
		api_refuse(
		    exchange, context, CALL_RESULT_FIELD_UNKNOWN,
		    api_detail(exchange, "field \"%s\" is not known here, or sent twice", odd));
	else
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "a JSON object is needed");
	return false;
}
