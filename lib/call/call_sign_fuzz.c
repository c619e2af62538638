/* Whatever bytes come: no decoder reads outside, and what it takes encodes back to the same bytes
 * (one text for one value). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "call_channel.h"
#include "call_export.h"
#include "call_sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
	struct call_sign_request request;
	struct call_sign_answer answer;
	struct call_export_request export_request;
	struct call_export_answer export_answer;
	struct call_channel_start start;
} taken;
static uint8_t space[65536];

static void same(struct bytes in, struct buffer *out, enum status status)
{
	CHECK(status == STATUS_OK);
	CHECK(bytes_equal(in, buffer_bytes(out)));
	out->len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct buffer out = BUFFER_OF_ARRAY(space);

	if (call_sign_take_request(in, &taken.request) == STATUS_OK)
		same(in, &out, call_sign_put_request(&taken.request, &out));
	if (call_sign_take_answer(in, &taken.answer) == STATUS_OK)
		same(in, &out, call_sign_put_answer(&taken.answer, &out));
	if (call_export_take_request(in, &taken.export_request) == STATUS_OK)
		same(in, &out, call_export_put_request(&taken.export_request, &out));
	if (call_export_take_answer(in, &taken.export_answer) == STATUS_OK)
		same(in, &out, call_export_put_answer(&taken.export_answer, &out));
	if (call_channel_take_start(in, &taken.start) == STATUS_OK)
		same(in, &out, call_channel_put_start(&taken.start, &out));
	return 0;
}
