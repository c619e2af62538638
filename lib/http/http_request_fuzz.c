/* A request is read the same whether it comes at once or byte by byte: same end, same fields. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_request whole, pieces;
static uint8_t whole_body[4096], pieces_body[4096];

static enum http_progress feed(struct http_request *request, struct buffer body, struct bytes in,
                               size_t step, size_t *ret_used)
{
	enum http_progress progress = HTTP_PROGRESS_MORE;
	size_t at = 0, used;

	http_request_init(request);
	do {
		size_t piece = in.len - at < step ? in.len - at : step;

		progress = http_request_feed(request, bytes_of(in.data + at, piece), &used);
		CHECK(used <= piece);
		at += used;
		if (progress == HTTP_PROGRESS_HEADERS)
			http_request_set_body(request, body);
	} while (progress == HTTP_PROGRESS_HEADERS ||
	         (progress == HTTP_PROGRESS_MORE && at < in.len));
	*ret_used = at;
	return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	enum http_progress a, b;
	size_t a_used, b_used;

	if (size == 0)
		return 0;
	a = feed(&whole, BUFFER_OF_ARRAY(whole_body), in, size, &a_used);
	b = feed(&pieces, BUFFER_OF_ARRAY(pieces_body), in, 1, &b_used);
	CHECK(a == b);
	if (a == HTTP_PROGRESS_BAD) {
		CHECK(whole.reason != NULL && whole.trouble != HTTP_TROUBLE_NONE);
		return 0;
	}
	CHECK(a_used == b_used);
	if (a != HTTP_PROGRESS_COMPLETE)
		return 0;
	CHECK(whole.method == pieces.method && whole.seen == pieces.seen);
	CHECK(bytes_equal(http_request_path(&whole), http_request_path(&pieces)));
	CHECK(bytes_equal(buffer_bytes(&whole.body), buffer_bytes(&pieces.body)));
	CHECK(!(whole.has_length && whole.chunked));
	CHECK(!whole.has_length || whole.content_length == whole.body.len);
	for (int i = HTTP_FIELD_HOST; i < HTTP_FIELD_COUNT; i++)
		CHECK(bytes_equal(http_request_value(&whole, (enum http_field)i),
		                  http_request_value(&pieces, (enum http_field)i)));
	return 0;
}
