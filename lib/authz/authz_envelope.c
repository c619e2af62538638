/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_envelope.h"

#include "base_check.h"
#include "cbor_writer.h"

#define ENVELOPE_VERSION 1
#define INFO_MAX         80

enum status authz_envelope_put(const struct authz_envelope *envelope, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_uint_at(&w, 1, ENVELOPE_VERSION);
	cbor_put_uint_at(&w, 2, envelope->kind);
	cbor_put_bytes_at(&w, 3, envelope->payload);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_envelope_take(struct bytes bytes, struct authz_envelope *ret_envelope)
{
	struct authz_envelope taken;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != ENVELOPE_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	taken.kind = (uint32_t)cbor_take_uint_at(&r, 2, AUTHZ_KIND_MAX);
	taken.payload = cbor_take_bytes_at(&r, 3, AUTHZ_ENVELOPE_PAYLOAD_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_envelope = taken;
	return cbor_done(&r);
}

/* info_of is the HPKE info of envelopes to this channel key. */
static struct bytes info_of(const uint8_t deployment[32], const uint8_t channel[32],
                            struct buffer *space)
{
	CHECK(keys_hpke_info(deployment, channel, space) == STATUS_OK);
	return buffer_bytes(space);
}

enum status authz_envelope_seal(const uint8_t deployment[32], const uint8_t channel[32],
                                const struct authz_envelope *envelope, struct buffer *scratch,
                                struct buffer *ret_sealed, struct keys_hpke_answer *ret_answer)
{
	size_t start = scratch->len;
	uint8_t space[INFO_MAX];
	struct buffer info = BUFFER_OF_ARRAY(space);
	enum status status = authz_envelope_put(envelope, scratch);

	if (status == STATUS_OK)
		status = keys_hpke_seal(
		    channel, info_of(deployment, channel, &info), (struct bytes){0},
		    bytes_of(scratch->data + start, scratch->len - start), ret_sealed, ret_answer);
	return status;
}

enum status authz_envelope_open(const uint8_t deployment[32], const struct keys_hpke_key *channel,
                                struct bytes sealed, struct buffer *scratch,
                                struct authz_envelope *ret_envelope,
                                struct keys_hpke_answer *ret_answer)
{
	size_t start = scratch->len;
	uint8_t space[INFO_MAX];
	struct buffer info = BUFFER_OF_ARRAY(space);
	enum status status = keys_hpke_open(channel, info_of(deployment, channel->public, &info),
	                                    (struct bytes){0}, sealed, scratch, ret_answer);

	if (status != STATUS_OK)
		return status;
	return authz_envelope_take(bytes_of(scratch->data + start, scratch->len - start),
	                           ret_envelope);
}

enum status authz_answer_seal(const struct keys_hpke_answer *answer,
                              const struct authz_envelope *envelope, struct buffer *scratch,
                              struct buffer *ret_sealed)
{
	size_t start = scratch->len;
	enum status status = authz_envelope_put(envelope, scratch);

	if (status != STATUS_OK)
		return status;
	return keys_answer_seal(answer, bytes_of(scratch->data + start, scratch->len - start),
	                        ret_sealed);
}

enum status authz_answer_open(const struct keys_hpke_answer *answer, struct bytes sealed,
                              struct buffer *scratch, struct authz_envelope *ret_envelope)
{
	size_t start = scratch->len;
	enum status status = keys_answer_open(answer, sealed, scratch);

	if (status != STATUS_OK)
		return status;
	return authz_envelope_take(bytes_of(scratch->data + start, scratch->len - start),
	                           ret_envelope);
}

enum status authz_refusal_put(struct bytes code, struct bytes text, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_text_at(&w, 1, code);
	cbor_put_text_at(&w, 2, text);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_refusal_take(struct bytes bytes, struct bytes *ret_code, struct bytes *ret_text)
{
	struct bytes code, text;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	code = cbor_take_text_at(&r, 1, LIMIT_NAME_MAX);
	text = cbor_take_text_at(&r, 2, LIMIT_DESCRIPTION_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK) {
		*ret_code = code;
		*ret_text = text;
	}
	return cbor_done(&r);
}
