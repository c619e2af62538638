/* The operators' door: whom it lets in, the log lines that are kept for them, a CA's certificate
 * that they bring. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base_encode.h"
#include "bridge.h"
#include "log_line.h"
#include "site.h"

/* One key of the list, up to a comma. */
static bool take_operator(struct bridge *bridge, struct bytes text)
{
	uint8_t *key = bridge->operators[bridge->operator_keys.count];

	if (bridge->operator_keys.count == SITE_OPERATORS_MAX ||
	    base58_decode_32(text, key) != STATUS_OK)
		return false;
	bridge->operator_keys.count++;
	return true;
}

enum status bridge_open_operators(struct bridge *bridge)
{
	struct bytes list = bytes_of_text(proc_setting(bridge->proc, "operators"));

	bridge->api.site = proc_site(bridge->proc);
	bridge->operator_keys.keys = (const uint8_t(*)[32])bridge->operators;
	while (list.len != 0) {
		const uint8_t *comma = memchr(list.data, ',', list.len);
		size_t len = comma == NULL ? list.len : (size_t)(comma - list.data);
		struct log_line line;

		if (!take_operator(bridge, bytes_of(list.data, len))) {
			log_begin(&line, LOG_ERROR, "operators.malformed");
			log_bytes(&line, "key", bytes_of(list.data, len));
			log_end(&line);
			return STATUS_MALFORMED;
		}
		len += comma != NULL;
		list = bytes_of(list.data + len, list.len - len);
	}
	return STATUS_OK;
}

/* A line ends with a newline; one that is longer than any of ours is cut. */
static void take_lines(struct bridge *bridge)
{
	size_t begin = 0;

	for (size_t at = 0; at < bridge->log_len; at++) {
		if (bridge->log_bytes[at] != '\n')
			continue;
		api_log_put(&bridge->api.log, bytes_of(bridge->log_bytes + begin, at - begin));
		begin = at + 1;
	}
	if (begin == 0 && bridge->log_len == BRIDGE_LOG_BYTES) {
		api_log_put(&bridge->api.log, bytes_of(bridge->log_bytes, bridge->log_len));
		begin = bridge->log_len;
	}
	bridge->log_len -= begin;
	memmove(bridge->log_bytes, bridge->log_bytes + begin, bridge->log_len);
}

void bridge_read_log(struct bridge *bridge)
{
	ssize_t got = read(bridge->log_fd, bridge->log_bytes + bridge->log_len,
	                   BRIDGE_LOG_BYTES - bridge->log_len);

	if (got <= 0)
		return;
	bridge->log_len += (size_t)got;
	take_lines(bridge);
}

bool bridge_wants_chain(const struct bridge *bridge)
{
	static struct site_manifest manifest;

	return site_take(bridge->api.site, &manifest) == STATUS_OK && manifest.has_ca;
}

/* judge_certificate makes a server with the certificate, if it is one that the site lets us have.
 */
static enum status judge_certificate(struct bridge *bridge, struct bytes pem,
                                     struct http_tls **ret_tls, const char **ret_why)
{
	static struct site_manifest manifest;
	/* The machine's clock may be wrong; what the signer has proven counts. */
	const struct call_time *time = &bridge->api.metrics.time;
	struct http_tls_site site = {
	    .now_s = time->state == CALL_TIME_PROVEN ? time->low_s : bridge->api.now_seconds};
	const char *names[SITE_NAMES_MAX];
	enum status status;

	*ret_why = "the site manifest names no CA: claviger image disk --ca";
	if (site_take(bridge->api.site, &manifest) != STATUS_OK || !manifest.has_ca)
		return STATUS_REFUSED;
	memcpy(site.ca, manifest.ca, sizeof(site.ca));
	for (size_t i = 0; i < manifest.name_count; i++)
		names[i] = manifest.names[i];
	site.names = names;
	site.name_count = manifest.name_count;
	status = http_tls_renew(bridge->tls, pem, ret_tls);
	if (status != STATUS_OK) {
		*ret_why = status == STATUS_CRYPTO ? "it is for another key than this signer's"
		                                   : "it is no chain of certificates in PEM";
		return STATUS_REFUSED;
	}
	status = http_tls_judge(*ret_tls, &site, ret_why);
	if (status != STATUS_OK)
		http_tls_close(*ret_tls);
	return status;
}

/* use logs a certificate that is in use from now on. */
static void use(struct bridge *bridge, struct http_tls *tls)
{
	struct log_line line;

	bridge_replace_tls(bridge, tls);
	bridge->has_chain = true;
	bridge->chain_refused = NULL;
	log_begin(&line, LOG_INFO, "tls.certificate");
	log_number(&line, "expires", (int64_t)bridge->api.metrics.certificate_expires);
	log_end(&line);
}

bool bridge_show_chain(struct bridge *bridge, struct bytes pem)
{
	struct http_tls *tls;
	struct log_line line;
	const char *why;

	if (judge_certificate(bridge, pem, &tls, &why) == STATUS_OK) {
		use(bridge, tls);
		return true;
	}
	if (bridge->chain_refused == NULL || strcmp(bridge->chain_refused, why) != 0) {
		log_begin(&line, LOG_WARN, "tls.certificate_refused");
		log_text(&line, "why", why);
		log_end(&line);
	}
	bridge->chain_refused = why;
	return false;
}

void bridge_use_chain(struct bridge *bridge)
{
	if (bridge->chain_len != 0 && bridge->tls != NULL)
		(void)bridge_show_chain(bridge, bytes_of(bridge->chain, bridge->chain_len));
}

void bridge_take_certificate(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct http_tls *tls;
	const char *why;

	if (judge_certificate(bridge, exchange->api.pem, &tls, &why) != STATUS_OK) {
		api_refuse(&exchange->api, &bridge->api, CALL_RESULT_CHANGE_REFUSED, why);
		return;
	}
	use(bridge, tls);
	api_take_certificate(&exchange->api, &bridge->api);
}
