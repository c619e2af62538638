/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_code.h"

#include <stdio.h>

#define VALUE_I32  0x7f
#define VALUE_I64  0x7e
#define BLOCK_NONE 0x40

/* One letter per opcode: what follows it.
 *   .  nothing            b  block type        l  label           L  local index
 *   g  global index       c  function index    i  type and table  t  label table
 *   0-3 memory access aligned to at most 2^n   z  zero byte       f  floating point: refused
 *   w  i32 constant       W  i64 constant      x  prefix fc       E  end        e  else
 *   space: refused */
static const char follows[257] =
    /* 00 */ "..bbbe     El"
             /* 0d */ "lt.ci        ."
             /* 1b */ ".    LLLgg   "
             /* 28 */ "23ff"
             /* 2c */ "00110011"
             /* 34 */ "22"
             /* 36 */ "23ff"
             /* 3a */ "01012"
             /* 3f */ "zz"
             /* 41 */ "wWff"
             /* 45 */ "..........."
             /* 50 */ "..........."
             /* 5b */ "ffffffffffff"
             /* 67 */ ".................."
             /* 79 */ ".................."
             /* 8b */ "ffffffffffffffffffffffffffff"
             /* a7 */ ".ffff..ff"
             /* b0 */ "ffffffffffffffff"
             /* c0 */ "....."
             /* c5 */ "                                                       "
             /* fc */ "x   ";

_Static_assert(sizeof(follows) == 257, "one letter per opcode");

#define OPCODE_FC_MEMORY_COPY 10
#define OPCODE_FC_MEMORY_FILL 11

struct body {
	struct wasm_reader *r;
	struct wasm_summary *summary;
	uint32_t locals;
	uint32_t depth;
	/* Whether each open block is an `if` that may still have its `else`. */
	bool may_else[WASM_NESTING_MAX + 1];
};

static void refuse_opcode(struct wasm_reader *r, enum wasm_refusal code, uint32_t where,
                          uint32_t op)
{
	char detail[32];

	snprintf(detail, sizeof(detail), "opcode 0x%02x", op);
	wasm_fail(r, code, where, detail);
}

static void open_block(struct body *b, bool is_if)
{
	struct wasm_reader *r = b->r;
	uint32_t start = r->at;
	uint8_t type = wasm_take_byte(r);

	if (r->failed)
		return;
	if (type != BLOCK_NONE && type != VALUE_I32 && type != VALUE_I64) {
		wasm_fail(r, WASM_REFUSAL_VALUE_TYPE, start, "block type");
		return;
	}
	if (b->depth == WASM_NESTING_MAX) {
		wasm_fail(r, WASM_REFUSAL_NESTING, start, NULL);
		return;
	}
	b->may_else[b->depth++] = is_if;
}

static void take_access(struct wasm_reader *r, unsigned align_max)
{
	uint32_t start = r->at;

	if (wasm_take_u32(r) > align_max)
		wasm_fail(r, WASM_REFUSAL_ALIGNMENT, start, NULL);
	(void)wasm_take_u32(r);
}

static void take_labels(struct body *b)
{
	uint32_t start = b->r->at;
	uint32_t count = wasm_take_u32(b->r);

	/* Each label takes a byte at least, so a lying count cannot make us loop long. */
	if (!b->r->failed && count > b->r->end - b->r->at)
		wasm_fail(b->r, WASM_REFUSAL_TRUNCATED, start, "branch table");
	for (uint32_t i = 0; i <= count && !b->r->failed; i++)
		(void)wasm_take_index(b->r, b->depth, "label");
}

static void take_zero(struct wasm_reader *r)
{
	uint32_t start = r->at;

	if (wasm_take_byte(r) != 0)
		wasm_fail(r, WASM_REFUSAL_INDEX, start, "memory");
}

static void take_prefixed(struct wasm_reader *r, uint32_t start)
{
	uint32_t op = wasm_take_u32(r);

	if (r->failed)
		return;
	if (op != OPCODE_FC_MEMORY_COPY && op != OPCODE_FC_MEMORY_FILL) {
		/* 0 to 7 are the saturating conversions from floats. */
		refuse_opcode(r, op < 8 ? WASM_REFUSAL_FLOAT : WASM_REFUSAL_OPCODE, start,
		              0xfc00 | (op & 0xff));
		return;
	}
	take_zero(r);
	if (op == OPCODE_FC_MEMORY_COPY)
		take_zero(r);
}

static void take_else(struct body *b, uint32_t start)
{
	if (!b->may_else[b->depth - 1])
		wasm_fail(b->r, WASM_REFUSAL_NESTING, start, "else without if");
	b->may_else[b->depth - 1] = false;
}

static void take_indirect(struct body *b)
{
	(void)wasm_take_index(b->r, b->summary->types, "type");
	(void)wasm_take_index(b->r, b->summary->table_entries == 0 ? 0 : 1, "table");
}

static void take_instruction(struct body *b)
{
	struct wasm_reader *r = b->r;
	uint32_t start = r->at;
	uint8_t op = wasm_take_byte(r);

	b->summary->instructions++;
	switch (follows[op]) {
	case '.':
		return;
	case 'b':
		open_block(b, op == 0x04);
		return;
	case 'e':
		take_else(b, start);
		return;
	case 'E':
		b->depth--;
		return;
	case 'l':
		(void)wasm_take_index(r, b->depth, "label");
		return;
	case 't':
		take_labels(b);
		return;
	case 'L':
		(void)wasm_take_index(r, b->locals, "local");
		return;
	case 'g':
		(void)wasm_take_index(r, b->summary->globals, "global");
		return;
	case 'c':
		(void)wasm_take_index(r, b->summary->functions, "function");
		return;
	case 'i':
		take_indirect(b);
		return;
	case '0':
	case '1':
	case '2':
	case '3':
		take_access(r, (unsigned)(follows[op] - '0'));
		return;
	case 'z':
		take_zero(r);
		return;
	case 'w':
		wasm_skip_s32(r);
		return;
	case 'W':
		wasm_skip_s64(r);
		return;
	case 'x':
		take_prefixed(r, start);
		return;
	case 'f':
		refuse_opcode(r, WASM_REFUSAL_FLOAT, start, op);
		return;
	default:
		refuse_opcode(r, WASM_REFUSAL_OPCODE, start, op);
	}
}

static uint32_t take_locals(struct wasm_reader *r, uint32_t parameters)
{
	uint32_t runs = wasm_take_u32(r), total = parameters;

	for (uint32_t i = 0; i < runs && !r->failed; i++) {
		uint32_t start = r->at, count = wasm_take_u32(r);
		uint8_t type = wasm_take_byte(r);

		if (r->failed)
			break;
		if (count > WASM_LOCALS_MAX || total + count > WASM_LOCALS_MAX)
			wasm_fail(r, WASM_REFUSAL_LOCALS, start, NULL);
		else if (type != VALUE_I32 && type != VALUE_I64)
			wasm_fail(r, WASM_REFUSAL_VALUE_TYPE, start, "local");
		total += count;
	}
	return total;
}

void wasm_check_body(struct wasm_reader *r, struct wasm_summary *summary, uint32_t parameters)
{
	struct body b = {.r = r, .summary = summary, .depth = 1};

	b.locals = take_locals(r, parameters);
	while (!r->failed && b.depth != 0)
		take_instruction(&b);
	if (!r->failed && r->at != r->end)
		wasm_fail(r, WASM_REFUSAL_NESTING, r->at, "bytes behind a function's end");
}
