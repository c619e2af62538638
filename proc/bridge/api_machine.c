/* What operators ask for: the machine's state, its log, its settings; the CA's certificate that
 * they bring. Whatever raises power comes as a signed command instead, and is the signer's to
 * judge. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_sha256.h"
#include "base_version.h"
#include "http_tls.h"
#include "site.h"

static const char no_appliance[] =
    "this signer is no appliance: its settings and certificate are files where it was started";

void api_log_put(struct api_log *log, struct bytes line)
{
	struct api_log_line *kept = &log->lines[log->next % API_LOG_LINES];
	size_t len = line.len < sizeof(kept->text) ? line.len : sizeof(kept->text);

	for (size_t i = 0; i < len; i++)
		kept->text[i] =
		    line.data[i] >= ' ' && line.data[i] <= '~' ? (char)line.data[i] : '?';
	kept->len = (uint16_t)len;
	log->next++;
}

static uint64_t first_kept(const struct api_log *log)
{
	return log->next > API_LOG_LINES ? log->next - API_LOG_LINES : 1;
}

static void put_log(struct api_exchange *exchange, struct api_context *context)
{
	const struct api_log *log = &context->log;
	static const char *const names[] = {"cursor"};
	uint64_t first = first_kept(log), at, end;
	struct api_text text;

	if (!api_take_cursor(exchange, context, names, 1))
		return;
	at = exchange->cursor > first ? exchange->cursor : first;
	if (at > log->next)
		at = first; /* counted by a bridge before this one, which had other lines */
	end = log->next - at > API_LOG_ONCE ? at + API_LOG_ONCE : log->next;
	text = api_body_begin(exchange);
	text_put(&text, "{\"first\":");
	text_put_u64_string(&text, at);
	text_put(&text, ",\"lines\":[");
	for (uint64_t n = at; n < end; n++) {
		const struct api_log_line *line = &log->lines[n % API_LOG_LINES];

		text_put(&text, n == at ? "" : ",");
		text_put_string(&text, bytes_of(line->text, line->len));
	}
	text_put(&text, "],\"next_cursor\":");
	text_put_u64_string(&text, end);
	text_put(&text, ",\"more\":");
	text_put_bool(&text, end < log->next);
	text_put(&text, "}");
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void put_address(struct api_text *text, const uint8_t address[4])
{
	char dotted[16];

	snprintf(dotted, sizeof(dotted), "%u.%u.%u.%u", address[0], address[1], address[2],
	         address[3]);
	text_put_string(text, bytes_of_text(dotted));
}

static void put_network(struct api_text *text, const struct site_network *network)
{
	static const uint8_t none[4];

	if (!network->is_static) {
		text_put(text, "null");
		return;
	}
	text_put(text, "{\"address\":");
	put_address(text, network->address);
	text_put(text, ",\"prefix\":");
	text_put_u64(text, network->prefix);
	text_put(text, ",\"router\":");
	if (memcmp(network->router, none, sizeof(none)) == 0)
		text_put(text, "null");
	else
		put_address(text, network->router);
	text_put(text, "}");
}

static void put_number(struct api_text *text, const char *name, uint64_t number)
{
	text_put(text, name);
	text_put_u64(text, number);
}

static void put_manifest(struct api_text *text, const struct site_manifest *m)
{
	text_put(text, "{\"serial\":");
	text_put_u64_string(text, m->serial);
	text_put(text, ",\"site_key\":");
	text_put_hex(text, BYTES_OF_ARRAY(m->key));
	text_put(text, ",\"deployment\":");
	if (m->has_deployment)
		text_put_hex(text, BYTES_OF_ARRAY(m->deployment));
	else
		text_put(text, "null");
	text_put(text, ",\"address\":");
	put_network(text, &m->network);
	put_number(text, ",\"port\":", m->port);
	put_number(text, ",\"metrics_port\":", m->metrics_port);
	put_number(text, ",\"operator_port\":", m->operator_port);
	put_number(text, ",\"verifiers\":", m->verifiers);
	put_number(text, ",\"unproven\":", m->unproven_max_s);
	text_put(text, ",\"names\":[");
	for (size_t i = 0; i < m->name_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		text_put_string(text, bytes_of_text(m->names[i]));
	}
	text_put(text, "],\"operators\":[");
	for (size_t i = 0; i < m->operator_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		text_put_base58(text, BYTES_OF_ARRAY(m->operators[i]));
	}
	text_put(text, "],\"machines\":[");
	for (size_t i = 0; i < m->machine_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		text_put_hex(text, BYTES_OF_ARRAY(m->machines[i]));
	}
	text_put(text, "],\"time_keys\":[");
	for (size_t i = 0; i < m->time_key_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		text_put_base58(text, BYTES_OF_ARRAY(m->time_keys[i]));
	}
	text_put(text, "],\"ca\":");
	if (m->has_ca)
		text_put_hex(text, BYTES_OF_ARRAY(m->ca));
	else
		text_put(text, "null");
	text_put(text, ",\"rp_id\":");
	text_put_string(text, bytes_of_text(m->rp_id));
	text_put(text, ",\"origins\":[");
	for (size_t i = 0; i < m->origin_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		text_put_string(text, bytes_of_text(m->origins[i]));
	}
	text_put(text, "],\"bound_exports\":");
	text_put_bool(text, m->bound_exports);
	text_put(text, ",\"policy_engine\":");
	text_put_string(text, bytes_of_text(m->interpreter ? "interpreter" : "compiled"));
	text_put(text, "}");
}

/* config: what the machine runs by, and the signed bytes themselves. */
static void put_config(struct api_exchange *exchange, struct api_context *context)
{
	static struct site_manifest manifest;
	struct api_text text;

	if (!api_take_cursor(exchange, context, NULL, 0))
		return;
	if (context->site.len == 0 || site_take(context->site, &manifest) != STATUS_OK) {
		api_refuse(exchange, context, CALL_RESULT_UNSUPPORTED, no_appliance);
		return;
	}
	text = api_body_begin(exchange);
	text_put(&text, "{\"settings\":");
	put_manifest(&text, &manifest);
	text_put(&text, ",\"manifest\":");
	text_put_base64(&text, context->site);
	text_put(&text, "}");
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void begin_certificate(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"pem"};
	struct json_value root, member;

	if (context->site.len == 0) {
		api_refuse(exchange, context, CALL_RESULT_UNSUPPORTED, no_appliance);
		return;
	}
	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 1, &member))
		return;
	if (!json_take_text(member, &exchange->pem) || exchange->pem.len == 0 ||
	    exchange->pem.len > HTTP_TLS_PEM_MAX) {
		api_refuse(
		    exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		    "\"pem\" is a chain of certificates, this server's first, its CA's last");
		return;
	}
	exchange->ask = API_ASK_CERTIFICATE;
}

void api_take_certificate(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);

	put_number(&text, "{\"expires\":", context->metrics.certificate_expires);
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_put_machine(struct api_text *text, const struct api_context *context,
                     const struct call_export_status *status)
{
	static struct site_manifest manifest;
	bool appliance = context->site.len != 0 && site_take(context->site, &manifest) == STATUS_OK;

	text_put(text, appliance ? "{\"mode\":\"appliance\"" : "{\"mode\":\"workstation\"");
	text_put(text, ",\"version\":\"" CLAVIGER_VERSION "\",\"uptime\":");
	text_put_u64_string(text, context->uptime_s);
	text_put(text, ",\"clock\":");
	text_put_u64_string(text, context->now_seconds);
	text_put(text, ",\"certificate_expires\":");
	text_put_u64_string(text, context->metrics.certificate_expires);
	text_put(text, ",\"connections\":");
	text_put_u64_string(text, context->metrics.connections_open);
	text_put(text, ",\"tpm_writes\":");
	text_put_u64_string(text, context->metrics.tpm_writes);
	text_put(text, ",\"state_fill\":");
	text_put_u64_string(text, context->metrics.state_fill);
	text_put(text, ",\"receipts_fill\":");
	text_put_u64_string(text, context->metrics.receipts_fill);
	text_put(text, ",\"log_next\":");
	text_put_u64_string(text, context->log.next);
	text_put(text, ",\"manifest_serial\":");
	if (appliance)
		text_put_u64_string(text, manifest.serial);
	else
		text_put(text, "null");
	text_put(text, ",\"signer\":");
	api_put_status(text, context, status);
	text_put(text, "}");
}

void api_begin_machine(struct api_exchange *exchange, struct api_context *context)
{
	exchange->result = CALL_RESULT_DONE;
	if (exchange->path == API_PATH_MACHINE_LOG)
		put_log(exchange, context);
	else if (exchange->path == API_PATH_MACHINE_CONFIG)
		put_config(exchange, context);
	else
		begin_certificate(exchange, context);
}
