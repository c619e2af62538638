/* The server's certificates: the signer's self-signed one, and, where a site has one, its CA's
 * chain for the same key, read from the descriptor that phase 1 opened and again at every SIGHUP.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "bridge.h"
#include "log_line.h"

enum status bridge_open_certificate(struct bridge *bridge)
{
	const char *path = proc_setting(bridge->proc, "tls_certificate");

	bridge->certificate_fd = -1;
	if (path[0] == '\0')
		return STATUS_OK;
	bridge->certificate_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (bridge->certificate_fd < 0)
		return STATUS_IO;
	proc_keep_descriptor(bridge->proc, bridge->certificate_fd);
	return STATUS_OK;
}

void bridge_replace_tls(struct bridge *bridge, struct http_tls *tls)
{
	struct http_tls *operators = NULL;

	if (bridge->operator_fd >= 0 &&
	    http_tls_operators(tls, &bridge->operator_keys, &operators) != STATUS_OK)
		log_event(LOG_ERROR, "tls.operators_refused"); /* the door stays as it was */
	if (operators != NULL) {
		http_tls_close(bridge->operator_tls);
		bridge->operator_tls = operators;
	}
	http_tls_close(bridge->tls); /* open connections keep what they need of it */
	bridge->tls = tls;
	bridge->api.metrics.certificate_expires = http_tls_expires(tls);
}

void bridge_load_certificate(struct bridge *bridge)
{
	static uint8_t pem[HTTP_TLS_PEM_MAX + 1];
	struct http_tls *tls = NULL;
	struct log_line line;
	enum status status;
	ssize_t len;

	if (bridge->certificate_fd < 0 || bridge->tls == NULL)
		return;
	len = pread(bridge->certificate_fd, pem, sizeof(pem), 0);
	if (len == 0)
		return; /* there is none yet */
	status =
	    len < 0 ? STATUS_IO : http_tls_renew(bridge->tls, bytes_of(pem, (size_t)len), &tls);
	if (status == STATUS_OK) {
		bridge_replace_tls(bridge, tls);
		bridge->has_chain = true;
	}
	log_begin(&line, status == STATUS_OK ? LOG_INFO : LOG_ERROR,
	          status == STATUS_OK ? "tls.certificate" : "tls.certificate_refused");
	if (status != STATUS_OK)
		log_text(&line, "why",
		         status == STATUS_CRYPTO ? "it is for another key; the former stays"
		         : status == STATUS_IO   ? "it cannot be read; the former stays"
		                                 : "it is no chain of certificates in PEM; the "
		                                   "former stays");
	else
		log_number(&line, "expires", (int64_t)bridge->api.metrics.certificate_expires);
	log_end(&line);
}

enum status bridge_use_key(struct bridge *bridge, const struct call_channel_start *start)
{
	struct buffer request = BUFFER_OF_ARRAY(bridge->api.tls_request);
	struct http_tls *tls;
	enum status status =
	    http_tls_open(start->tls_key, start->tls_chain, start->tls_chain_count, &tls);

	if (status != STATUS_OK)
		return status;
	/* The signer tells us again whenever the authority has other certificates: a CA's chain
	 * that is in use for the same key stays. */
	if (bridge->has_chain && http_tls_same_key(bridge->tls, tls)) {
		http_tls_close(tls);
		return STATUS_OK;
	}
	if (bridge->has_chain)
		log_event(LOG_WARN, "tls.certificate_lost"); /* it is for a key that is gone */
	bridge->has_chain = false;
	bridge_replace_tls(bridge, tls);
	/* Made once, here: a signature for everybody who asks would be work for an attacker. */
	bridge->api.tls_request_len =
	    http_tls_request(tls, &request) == STATUS_OK ? request.len : 0;
	bridge_load_certificate(bridge);
	bridge_use_chain(bridge);
	if (!bridge->has_chain && bridge_wants_chain(bridge))
		log_event(LOG_WARN, "tls.certificate_missing");
	return STATUS_OK;
}
