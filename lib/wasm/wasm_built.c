/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_built.h"

#include <string.h>

#include "base_check.h"
#include "wasm_reader.h"

static const struct wasm_built *const all[] = {&wasm_built_evaluator, &wasm_built_transfer,
                                               &wasm_built_swap};

/* Takes a data segment; false when it is not an active one of memory 0 at a constant inside it. */
static bool take_segment(struct wasm_reader *r, struct wasm_built_segment *ret_segment)
{
	uint32_t mode = wasm_take_u32(r), op = wasm_take_byte(r), off = wasm_take_i32(r);
	uint32_t end = wasm_take_byte(r), len = wasm_take_u32(r);
	struct wasm_range bytes = wasm_take_run(r, len);

	if (r->failed || mode != 0 || op != 0x41 || end != 0x0b || off > WASM_BUILT_BYTES ||
	    len > WASM_BUILT_BYTES - off)
		return false;
	*ret_segment = (struct wasm_built_segment){off, len, r->bytes + bytes.off};
	return true;
}

static bool begins_with(struct bytes module, uint32_t at, struct bytes part)
{
	return at <= module.len && part.len <= module.len - at &&
	       memcmp(module.data + at, part.data, part.len) == 0;
}

size_t wasm_built_head(struct bytes module)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (begins_with(module, 0, all[i]->head))
			return all[i]->head.len;
	return 0;
}

bool wasm_built_find(struct bytes module, const struct wasm_summary *summary,
                     struct wasm_built_module *ret_module)
{
	const struct wasm_range section = summary->data_section;
	struct wasm_error ignored;
	struct wasm_reader r = {module.data, section.off, section.off + section.len, false,
	                        &ignored};
	uint32_t segments = section.len == 0 ? 0 : wasm_take_u32(&r);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct wasm_built *built = all[i];
		struct wasm_built_segment own = {0, 0, module.data};

		/* The first bytes hold every section up to the code, so nothing else can differ but
		 * the data behind it. */
		if (r.failed || !begins_with(module, 0, built->head) ||
		    segments - built->segment_count > 1 || built->data.len > r.end - r.at ||
		    !begins_with(module, r.at, built->data))
			continue;
		r.at += (uint32_t)built->data.len;
		if (segments > built->segment_count && !take_segment(&r, &own))
			return false;
		*ret_module = (struct wasm_built_module){built, own, 0};
		return r.at == r.end;
	}
	return false;
}

/* Puts those bytes of a segment that lie in a block. */
static void put_part(uint8_t *to, uint32_t block, const struct wasm_built_segment *segment)
{
	uint32_t from = block * WASM_BUILT_BLOCK, to_end = from + WASM_BUILT_BLOCK;
	uint32_t first = segment->off > from ? segment->off : from;
	uint32_t end = segment->off + segment->len < to_end ? segment->off + segment->len : to_end;

	if (first < end)
		memcpy(to + (first - from), segment->bytes + (first - segment->off), end - first);
}

/* What a block holds at the module's beginning: zeros, and over them the segments in their order.
 */
static void make_block(uint8_t to[WASM_BUILT_BLOCK], uint32_t block,
                       const struct wasm_built_module *module)
{
	memset(to, 0, WASM_BUILT_BLOCK);
	for (uint32_t i = 0; i < module->built->segment_count; i++)
		put_part(to, block, &module->built->segments[i]);
	put_part(to, block, &module->own);
}

static void mark_segments(struct wasm_built_memory *m, const struct wasm_built_module *module)
{
	for (uint32_t i = 0; i < module->built->segment_count; i++)
		wasm_built_wrote(m, module->built->segments[i].off, module->built->segments[i].len);
	wasm_built_wrote(m, module->own.off, module->own.len);
}

void wasm_built_fresh(struct wasm_built_memory *m, const struct wasm_built_module *module)
{
	if (m->holder.id != module->id) {
		if (m->holder.id != 0)
			mark_segments(m, &m->holder);
		mark_segments(m, module);
		m->holder = *module;
	}
	for (uint32_t block = 0; block < WASM_BUILT_BLOCKS; block += 8) {
		uint64_t any;

		memcpy(&any, m->changed + block, sizeof(any));
		if (any == 0)
			continue;
		for (uint32_t i = block; i < block + 8; i++)
			if (m->changed[i] != 0)
				make_block(m->bytes + (size_t)i * WASM_BUILT_BLOCK, i, module);
		memset(m->changed + block, 0, sizeof(any));
	}
	memcpy(m->globals, module->built->globals, sizeof(m->globals));
}

bool wasm_built_is_fresh(const struct wasm_built_memory *m, const struct wasm_built_module *module)
{
	uint8_t then[WASM_BUILT_BLOCK];

	for (uint32_t i = 0; i < WASM_BUILT_BLOCKS; i++) {
		if (m->changed[i] == 0)
			continue;
		make_block(then, i, module);
		if (memcmp(m->bytes + (size_t)i * WASM_BUILT_BLOCK, then, sizeof(then)) != 0)
			return false;
	}
	return m->holder.id == module->id &&
	       memcmp(m->globals, module->built->globals, sizeof(m->globals)) == 0;
}

void wasm_built_wrote(struct wasm_built_memory *m, uint32_t at, uint32_t len)
{
	CHECK(at <= WASM_BUILT_BYTES && len <= WASM_BUILT_BYTES - at);
	if (len != 0)
		memset(m->changed + at / WASM_BUILT_BLOCK, 1,
		       (at + len - 1) / WASM_BUILT_BLOCK - at / WASM_BUILT_BLOCK + 1);
}

unsigned wasm_built_run(struct wasm_built_memory *m, const struct wasm_built_module *module,
                        enum wasm_built_entry entry, uint64_t *fuel, uint32_t *ret_value)
{
	CHECK(m->holder.id == module->id && *fuel <= INT64_MAX / 2);
	*ret_value = 0;
	m->fuel = (int64_t)*fuel;
	m->depth = m->stopped = 0;
	if (entry == WASM_BUILT_INITIALIZE)
		module->built->code.initialize(m);
	else
		*ret_value = module->built->code.entries[entry](m);
	/* What ran to its end may have passed the limit behind the last loop or call. */
	if (m->fuel < 0)
		m->stopped = WASM_BUILT_FUEL;
	if (m->stopped != 0)
		*ret_value = 0;
	if (m->stopped != WASM_BUILT_FUEL)
		*fuel -= (uint64_t)m->fuel;
	return m->stopped;
}
