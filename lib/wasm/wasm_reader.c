/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_reader.h"

#include <stdio.h>

static const char *const refusals[] = {
#define WASM_REFUSAL_ROW(name, text) text,
    WASM_REFUSALS(WASM_REFUSAL_ROW)
#undef WASM_REFUSAL_ROW
};

void wasm_error_set(struct wasm_error *ret_error, enum wasm_refusal code, uint32_t where,
                    const char *detail)
{
	ret_error->code = code;
	ret_error->where = where;
	if (detail != NULL)
		snprintf(ret_error->text, sizeof(ret_error->text), "%s: %s", detail,
		         refusals[code]);
	else
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", refusals[code]);
}

void wasm_fail(struct wasm_reader *r, enum wasm_refusal code, uint32_t where, const char *detail)
{
	if (r->failed)
		return;
	r->failed = true;
	wasm_error_set(r->error, code, where, detail);
}

uint8_t wasm_take_byte(struct wasm_reader *r)
{
	if (r->failed)
		return 0;
	if (r->at == r->end) {
		wasm_fail(r, WASM_REFUSAL_TRUNCATED, r->at, NULL);
		return 0;
	}
	return r->bytes[r->at++];
}

/* Takes a LEB128 of at most `bits` bits. The last byte that fits may only repeat the sign (or
 * zeros): one value has many spellings, and none means two values. */
static uint64_t take_leb(struct wasm_reader *r, unsigned bits, bool is_signed)
{
	uint32_t start = r->at;
	uint64_t value = 0;

	for (unsigned shift = 0; shift < bits; shift += 7) {
		uint8_t byte = wasm_take_byte(r);
		unsigned left = bits - shift;

		if (r->failed)
			return 0;
		if (left < 7) {
			uint8_t spare = (uint8_t)(byte >> (is_signed ? left - 1 : left));
			uint8_t ones = (uint8_t)(0x7f >> (is_signed ? left - 1 : left));

			if (spare != 0 && !(is_signed && spare == ones))
				break;
		}
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			if (is_signed && (byte & 0x40) != 0 && shift + 7 < 64)
				value |= ~UINT64_C(0) << (shift + 7);
			return value;
		}
	}
	wasm_fail(r, WASM_REFUSAL_LEB, start, NULL);
	return 0;
}

uint32_t wasm_take_u32(struct wasm_reader *r)
{
	return (uint32_t)take_leb(r, 32, false);
}

uint32_t wasm_take_i32(struct wasm_reader *r)
{
	return (uint32_t)take_leb(r, 32, true);
}

void wasm_skip_s32(struct wasm_reader *r)
{
	(void)take_leb(r, 32, true);
}

void wasm_skip_s64(struct wasm_reader *r)
{
	(void)take_leb(r, 64, true);
}

struct wasm_range wasm_take_run(struct wasm_reader *r, uint32_t len)
{
	struct wasm_range range = {r->at, len};

	if (r->failed)
		return (struct wasm_range){0, 0};
	if (len > r->end - r->at) {
		wasm_fail(r, WASM_REFUSAL_TRUNCATED, r->at, NULL);
		return (struct wasm_range){0, 0};
	}
	r->at += len;
	return range;
}

uint32_t wasm_take_index(struct wasm_reader *r, uint32_t count, const char *what)
{
	uint32_t start = r->at;
	uint32_t index = wasm_take_u32(r);

	if (!r->failed && index >= count) {
		wasm_fail(r, WASM_REFUSAL_INDEX, start, what);
		return 0;
	}
	return r->failed ? 0 : index;
}
