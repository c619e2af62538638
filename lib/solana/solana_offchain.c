/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_read.h"

/* The domain: its first byte can never start a transaction or a transaction's message. */
static const uint8_t domain[16] = "\xffsolana offchain";

#define OFFCHAIN_VERSION 1

/* sequence_len returns how many bytes the UTF-8 sequence at `at` has; 0 when it is none: overlong,
 * a surrogate, over U+10FFFF, or cut off (Unicode 15, table 3-7). */
static size_t sequence_len(const uint8_t *at, size_t left)
{
	uint8_t first = at[0], low = 0x80, high = 0xbf;
	size_t len;

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		len = 2;
	else if (first >= 0xe0 && first <= 0xef)
		len = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		len = 4;
	else
		return 0;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (len > left || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	}
	return len;
}

/* check_text: common decoders drop NULs and a byte order mark in front, so that a person would be
 * shown another text than the one that is signed. */
static void check_text(struct solana_reader *r, struct solana_range text)
{
	static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
	size_t at = text.offset, end = at + text.len;

	if (solana_failed(r))
		return;
	if (text.len == 0)
		solana_fail(r, SOLANA_ERROR_OFFCHAIN_TEXT, at);
	while (at < end) {
		size_t len = sequence_len(r->bytes.data + at, end - at);

		if (len == 0) {
			solana_fail(r, SOLANA_ERROR_OFFCHAIN_UTF8, at);
			return;
		}
		if (r->bytes.data[at] == 0 ||
		    (at == text.offset && len == 3 && memcmp(r->bytes.data + at, mark, 3) == 0))
			solana_fail(r, SOLANA_ERROR_OFFCHAIN_HIDDEN, at);
		at += len;
	}
}

static void take_signers(struct solana_reader *r, struct solana_view *view)
{
	unsigned count = solana_take_u8(r);
	const uint8_t *keys;

	if (solana_failed(r))
		return;
	if (count == 0 || count > SOLANA_STATIC_MAX) {
		solana_fail(r, SOLANA_ERROR_OFFCHAIN_SIGNERS, r->at - 1);
		return;
	}
	view->required_signatures = view->static_count = (uint8_t)count;
	view->account_count = (uint16_t)count;
	view->keys = (uint16_t)r->at;
	keys = solana_take(r, (size_t)count * SOLANA_KEY_LEN);
	for (unsigned i = 0; i < count && keys != NULL; i++) {
		view->accounts[i] =
		    (struct solana_account){SOLANA_ACCOUNT_SIGNER, SOLANA_NOT_LOOKED_UP, 0};
		if (i > 0 && memcmp(keys + (size_t)(i - 1) * SOLANA_KEY_LEN,
		                    keys + (size_t)i * SOLANA_KEY_LEN, SOLANA_KEY_LEN) >= 0)
			solana_fail(r, SOLANA_ERROR_OFFCHAIN_SIGNERS,
			            view->keys + (size_t)i * SOLANA_KEY_LEN);
	}
}

static void take_offchain(struct solana_reader *r, struct solana_view *view)
{
	const uint8_t *start;

	if (r->bytes.len == 0)
		solana_fail(r, SOLANA_ERROR_EMPTY, 0);
	else if (r->bytes.len > LIMIT_MESSAGE_MAX)
		solana_fail(r, SOLANA_ERROR_TOO_LONG, LIMIT_MESSAGE_MAX);
	start = solana_take(r, sizeof(domain));
	if (start != NULL && memcmp(start, domain, sizeof(domain)) != 0)
		solana_fail(r, SOLANA_ERROR_VERSION, 0);
	if (solana_take_u8(r) != OFFCHAIN_VERSION)
		solana_fail(r, SOLANA_ERROR_OFFCHAIN_VERSION, sizeof(domain));
	take_signers(r, view);
	if (solana_failed(r))
		return;
	view->text = solana_take_range(r, r->bytes.len - r->at);
	check_text(r, view->text);
}

enum status solana_decode_offchain(struct bytes message, struct solana_view *ret_view,
                                   struct solana_error *ret_error)
{
	struct solana_reader r = {.bytes = message};
	struct solana_view view = {
	    .kind = SOLANA_KIND_OFFCHAIN, .format = SOLANA_FORMAT_OFFCHAIN_V1, .message = message};

	take_offchain(&r, &view);
	if (solana_failed(&r)) {
		*ret_error = r.error;
		return r.error.code == SOLANA_ERROR_TOO_LONG ? STATUS_TOO_LARGE : STATUS_MALFORMED;
	}
	*ret_view = view;
	return STATUS_OK;
}
