/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_read.h"

/* finish turns the reader's error into the caller's; a view is handed out only when all held. */
static enum status finish(const struct solana_reader *r, const struct solana_view *view,
                          struct solana_view *ret_view, struct solana_error *ret_error)
{
	if (solana_failed(r)) {
		*ret_error = r->error;
		return r->error.code == SOLANA_ERROR_TOO_LONG ? STATUS_TOO_LARGE : STATUS_MALFORMED;
	}
	*ret_view = *view;
	return STATUS_OK;
}

static size_t wire_max(enum solana_format format)
{
	return format == SOLANA_FORMAT_V1 ? LIMIT_TX_V1_MAX : LIMIT_TX_LEGACY_MAX;
}

/* check_message_end: no byte may follow a message, and with its signatures it must fit its wire. */
static void check_message_end(struct solana_reader *r, const struct solana_view *view)
{
	size_t envelope = (size_t)view->required_signatures * SOLANA_SIGNATURE_LEN +
	                  (view->format != SOLANA_FORMAT_V1 ? 1 : 0);

	if (solana_failed(r))
		return;
	if (r->at != r->bytes.len)
		solana_fail(r, SOLANA_ERROR_TRAILING_BYTES, r->at);
	else if (r->bytes.len + envelope > wire_max(view->format))
		solana_fail(r, SOLANA_ERROR_TOO_LONG, wire_max(view->format) - envelope);
}

/* check_input refuses what no format can be, before anything is read. */
static bool check_input(struct solana_reader *r)
{
	if (r->bytes.len == 0)
		solana_fail(r, SOLANA_ERROR_EMPTY, 0);
	else if (r->bytes.len > LIMIT_TX_V1_MAX)
		solana_fail(r, SOLANA_ERROR_TOO_LONG, LIMIT_TX_V1_MAX);
	return !solana_failed(r);
}

enum status solana_decode_message(struct bytes message, struct solana_view *ret_view,
                                  struct solana_error *ret_error)
{
	struct solana_reader r = {.bytes = message};
	struct solana_view view = {.kind = SOLANA_KIND_MESSAGE, .message = message};

	if (check_input(&r)) {
		solana_message_take(&r, false, &view);
		check_message_end(&r, &view);
	}
	return finish(&r, &view, ret_view, ret_error);
}

/* v1 puts the signatures last and does not count them: the header does. */
static void take_v1_wire(struct solana_reader *r, struct solana_view *view)
{
	struct bytes wire = r->bytes;

	solana_message_take(r, false, view);
	if (solana_failed(r))
		return;
	view->message = bytes_of(wire.data, r->at);
	view->signatures.len = (size_t)view->required_signatures * SOLANA_SIGNATURE_LEN;
	view->signatures.data = solana_take(r, view->signatures.len);
	if (!solana_failed(r) && r->at != wire.len)
		solana_fail(r, SOLANA_ERROR_TRAILING_BYTES, r->at);
}

/* take_legacy_wire reads the older envelope: the signatures, counted, and then the message. */
static void take_legacy_wire(struct solana_reader *r, struct solana_view *view)
{
	struct solana_reader inner = {0};
	size_t count = solana_take_length(r);

	if (solana_failed(r))
		return;
	if (count == 0 || count > SOLANA_SIGNERS_MAX) {
		solana_fail(r, SOLANA_ERROR_SIGNATURE_COUNT, 0);
		return;
	}
	view->signatures.len = count * SOLANA_SIGNATURE_LEN;
	view->signatures.data = solana_take(r, view->signatures.len);
	if (solana_failed(r))
		return;
	inner.base = r->at;
	inner.bytes = bytes_of(r->bytes.data + r->at, r->bytes.len - r->at);
	view->message = inner.bytes;
	solana_message_take(&inner, true, view);
	if (!solana_failed(&inner) && view->required_signatures != count)
		solana_fail(r, SOLANA_ERROR_SIGNATURE_COUNT, 0);
	check_message_end(&inner, view);
	if (solana_failed(&inner) && !solana_failed(r))
		r->error = inner.error;
}

enum status solana_decode_transaction(struct bytes wire, struct solana_view *ret_view,
                                      struct solana_error *ret_error)
{
	struct solana_reader r = {.bytes = wire};
	struct solana_view view = {.kind = SOLANA_KIND_TRANSACTION};

	if (check_input(&r)) {
		if (wire.data[0] == SOLANA_V1_PREFIX)
			take_v1_wire(&r, &view);
		else
			take_legacy_wire(&r, &view);
	}
	return finish(&r, &view, ret_view, ret_error);
}

/* has_message_head is true when the first bytes are a legacy message's header with room for the
 * keys that it counts; a signature's random bytes, or its zeros before it is signed, seldom look
 * so. */
static bool has_message_head(struct bytes bytes)
{
	size_t keys = bytes.len < 4 ? 0 : bytes.data[3];

	return keys > 0 && keys < 0x80 && bytes.len > 4 + (keys + 1) * SOLANA_KEY_LEN &&
	       bytes.data[0] <= keys && bytes.data[1] < bytes.data[0] &&
	       bytes.data[2] <= keys - bytes.data[0];
}

/* likeliest_is_wire guesses, for the error's sake only, what bytes that are nothing were meant to
 * be. In a wire form a signature follows the first byte, and a header follows the signatures; in a
 * legacy message the second byte counts read-only signers, fewer than the first says. */
static bool likeliest_is_wire(struct bytes bytes, const struct solana_error *wire_error,
                              const struct solana_error *message_error)
{
	size_t count = bytes.len == 0 ? 0 : bytes.data[0];
	size_t behind = 1 + count * SOLANA_SIGNATURE_LEN;

	/* A v1 message may be whole and its signatures be short or long: then only they are wrong.
	 */
	if (count == SOLANA_V1_PREFIX)
		return message_error->code == SOLANA_ERROR_TRAILING_BYTES;
	if (count == 0 || count > SOLANA_SIGNERS_MAX || behind >= bytes.len)
		return false;
	if (has_message_head(bytes))
		return false;
	/* Found only when a whole message stands behind the signatures. */
	if (wire_error->code == SOLANA_ERROR_SIGNATURE_COUNT)
		return true;
	return bytes.data[1] >= count || bytes.data[behind] == count || bytes.data[behind] >= 0x80;
}

enum status solana_classify(struct bytes bytes, struct solana_view *ret_view,
                            struct solana_error *ret_error)
{
	struct solana_error wire_error = {0}, message_error = {0};
	struct solana_view wire_view;
	enum status wire, message;

	if (bytes.len != 0 && bytes.data[0] == SOLANA_OFFCHAIN_PREFIX)
		return solana_decode_offchain(bytes, ret_view, ret_error);
	wire = solana_decode_transaction(bytes, &wire_view, &wire_error);
	if (wire != STATUS_OK) {
		message = solana_decode_message(bytes, ret_view, &message_error);
		if (message == STATUS_OK)
			return STATUS_OK;
		*ret_error = likeliest_is_wire(bytes, &wire_error, &message_error) ? wire_error
		                                                                   : message_error;
		return ret_error->code == SOLANA_ERROR_TOO_LONG ? STATUS_TOO_LARGE
		                                                : STATUS_MALFORMED;
	}
	if (solana_decode_message(bytes, &(struct solana_view){0}, &message_error) == STATUS_OK) {
		*ret_error = (struct solana_error){SOLANA_ERROR_AMBIGUOUS, 0};
		return STATUS_REFUSED;
	}
	*ret_view = wire_view;
	return STATUS_OK;
}

enum status solana_classify_signable(struct bytes bytes, struct solana_view *ret_view,
                                     struct solana_error *ret_error)
{
	struct solana_view view;
	enum status status = solana_classify(bytes, &view, ret_error);

	if (status != STATUS_OK)
		return status;
	if (view.kind == SOLANA_KIND_TRANSACTION) {
		*ret_error = (struct solana_error){SOLANA_ERROR_NOT_MESSAGE, 0};
		return STATUS_REFUSED;
	}
	*ret_view = view;
	return STATUS_OK;
}
