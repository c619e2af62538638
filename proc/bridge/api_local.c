/* Responses that the bridge gives without asking anybody. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"

/* The file as it is in the tree, put into the program by the assembler. */
__asm__(".section .rodata.openapi,\"a\",@progbits\n"
        ".global api_openapi\napi_openapi:\n"
        ".incbin \"" BRIDGE_OPENAPI_FILE "\"\n"
        ".global api_openapi_end\napi_openapi_end:\n"
        ".previous\n");
extern const uint8_t api_openapi[];
extern const uint8_t api_openapi_end[];

static void put_openapi(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);

	exchange->extra = bytes_of(api_openapi, (size_t)(api_openapi_end - api_openapi));
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void put_certificate(struct api_text *text, const struct api_context *context, size_t which)
{
	if (context->certificate_lens[which] == 0)
		text_put(text, "null");
	else
		text_put_base64(
		    text, bytes_of(context->certificates[which], context->certificate_lens[which]));
}

static void put_channel(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"deployment\":");
	text_put_hex(&text, BYTES_OF_ARRAY(context->deployment));
	text_put(&text, ",\"deployment_key\":");
	text_put_hex(&text, BYTES_OF_ARRAY(context->deployment_key));
	text_put(&text, ",\"boot\":");
	text_put_u64_string(&text, context->boot);
	text_put(&text, context->hardware ? ",\"tpm\":\"hardware\"" : ",\"tpm\":\"software\"");
	text_put(&text, ",\"certificates\":{\"authority\":");
	put_certificate(&text, context, 0);
	text_put(&text, ",\"signer\":");
	put_certificate(&text, context, 1);
	text_put(&text, "},\"rp_id\":");
	text_put_string(&text, bytes_of(context->rp_id, context->rp_id_len));
	text_put(&text, "}");
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void put_tls_request(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"deployment\":");
	text_put_hex(&text, BYTES_OF_ARRAY(context->deployment));
	text_put(&text, ",\"pem\":");
	text_put_string(&text, bytes_of(context->tls_request, context->tls_request_len));
	text_put(&text, "}");
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

/* The same shape and size as a signature's answer, so that E of the benchmark is this bridge and
 * its TLS and nothing else. */
static void put_echo(struct api_exchange *exchange, struct api_context *context)
{
	static const uint8_t zero[CALL_SIGN_ANSWER_MAX < 64 ? 1 : 64];
	struct json_value root;
	struct api_text text;

	if (!api_parse_body(exchange, context, &root))
		return;
	text = api_body_begin(exchange);
	api_put_vault_head(&text);
	text_put(&text, "{\"signature\":\"vault:v1:");
	text_put_base64_bare(&text, BYTES_OF_ARRAY(zero));
	text_put(&text, "\",\"key_version\":1}");
	api_put_vault_tail(&text);
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

/* As Vault: 200 when it can work, 503 while sealed. */
static void put_vault_health(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);
	bool ready = context->has_channel && !context->stopping;

	text_put(&text, "{\"initialized\":true,\"sealed\":");
	text_put_bool(&text, !context->has_channel);
	text_put(&text, ",\"standby\":false,\"performance_standby\":false,"
	                "\"replication_performance_mode\":\"disabled\","
	                "\"replication_dr_mode\":\"disabled\",\"server_time_utc\":");
	text_put_u64(&text, context->now_seconds);
	text_put(&text, ",\"version\":\"1.18.0+claviger\"}");
	api_body_end(exchange, context, &text, ready ? 200 : 503, API_JSON, ready ? 0 : 1000);
}

static void put_plain(struct api_exchange *exchange, struct api_context *context, bool good,
                      const char *bad)
{
	struct api_text text = api_body_begin(exchange);

	text_put(&text, good ? "ok\n" : bad);
	api_body_end(exchange, context, &text, good ? 200 : 503, API_TEXT, good ? 0 : 1000);
}

static void put_metrics(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);

	context->metrics.unsealed = context->has_channel;
	api_metrics_put(&context->metrics, &text);
	api_body_end(exchange, context, &text, 200, "text/plain; version=0.0.4", 0);
}

void api_begin_local(struct api_exchange *exchange, struct api_context *context)
{
	exchange->result = CALL_RESULT_DONE;
	if (exchange->path == API_PATH_OPENAPI)
		put_openapi(exchange, context);
	else if (exchange->path == API_PATH_CHANNEL)
		put_channel(exchange, context);
	else if (exchange->path == API_PATH_TLS_REQUEST)
		put_tls_request(exchange, context);
	else if (exchange->path == API_PATH_ECHO)
		put_echo(exchange, context);
	else if (exchange->path == API_PATH_VAULT_HEALTH)
		put_vault_health(exchange, context);
	else if (exchange->path == API_PATH_LIVE)
		put_plain(exchange, context, !context->silent, "the signer does not answer\n");
	else if (exchange->path == API_PATH_READY)
		put_plain(exchange, context, context->has_channel && !context->stopping,
		          context->stopping ? "stopping\n" : "sealed\n");
	else
		put_metrics(exchange, context);
}
