/* SPDX-License-Identifier: Apache-2.0 */
#include "call_channel.h"

#include "base_check.h"
#include "call_field.h"

_Static_assert(CALL_CHANNEL_START_MAX + 256 <= CALL_BRIDGE_SLOT_BYTES, "a start fits a slot");

enum status call_channel_put_start(const struct call_channel_start *start, struct buffer *message)
{
	struct wire_writer w = wire_write(message);
	size_t begin = message->len;

	CHECK(start->tls_chain_count >= 1 && start->tls_chain_count <= CALL_TLS_CHAIN_MAX);
	wire_put_fixed(&w, start->deployment, 32);
	wire_put_fixed(&w, start->deployment_key, 32);
	wire_put_u64(&w, start->boot);
	wire_put_bool(&w, start->hardware);
	wire_put_fixed(&w, start->tls_key, 32);
	wire_put_u32(&w, (uint32_t)start->tls_chain_count);
	for (size_t i = 0; i < start->tls_chain_count; i++) {
		CHECK(start->tls_chain[i].len <= CALL_TLS_CERTIFICATE_MAX);
		wire_put_run(&w, start->tls_chain[i]);
	}
	CHECK(start->authority_certificate.len <= CALL_CHANNEL_CERT_MAX);
	CHECK(start->signer_certificate.len <= CALL_CHANNEL_CERT_MAX);
	wire_put_run(&w, start->authority_certificate);
	wire_put_run(&w, start->signer_certificate);
	CHECK(start->rp_id.len <= CALL_CHANNEL_RP_ID_MAX);
	wire_put_run(&w, start->rp_id);
	return call_finish(message, begin, &w);
}

enum status call_channel_take_start(struct bytes message, struct call_channel_start *ret_start)
{
	struct wire_reader r = wire_read(message);
	struct call_channel_start start = {0};
	enum status status;

	wire_take_fixed(&r, start.deployment, 32);
	wire_take_fixed(&r, start.deployment_key, 32);
	start.boot = wire_take_u64(&r);
	start.hardware = wire_take_bool(&r);
	wire_take_fixed(&r, start.tls_key, 32);
	start.tls_chain_count = call_take_count(&r, CALL_TLS_CHAIN_MAX);
	if (start.tls_chain_count == 0)
		wire_fail(&r);
	for (size_t i = 0; i < start.tls_chain_count; i++)
		start.tls_chain[i] = wire_take_run(&r, CALL_TLS_CERTIFICATE_MAX);
	start.authority_certificate = wire_take_run(&r, CALL_CHANNEL_CERT_MAX);
	start.signer_certificate = wire_take_run(&r, CALL_CHANNEL_CERT_MAX);
	start.rp_id = wire_take_run(&r, CALL_CHANNEL_RP_ID_MAX);
	status = wire_done(&r);
	if (status == STATUS_OK)
		*ret_start = start;
	explicit_bzero(start.tls_key, sizeof(start.tls_key));
	return status;
}
