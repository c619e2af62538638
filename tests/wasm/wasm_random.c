/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_random.h"

#include "wasm_make.h"

#define FUNCTIONS   5 /* besides the four of the ABI; index 4 is the first */
#define LOCALS_I32  6
#define LOCALS_I64  6
#define GLOBALS     4 /* two i32, then two i64 */
#define COUNTERS    3 /* locals that only loops use */
#define DEPTH_MAX   6
#define TYPE_I32    0x7f
#define TYPE_I64    0x7e
#define LOCAL_COUNT (LOCALS_I32 + LOCALS_I64 + COUNTERS)

struct writer {
	struct make *m;
	uint64_t state;
	uint32_t function; /* calls go to higher ones only */
	uint32_t loops;    /* open now: which counter is free */
	int budget;        /* instructions left, so that code does not explode */
};

uint64_t wasm_random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t below(struct writer *w, uint32_t count)
{
	return (uint32_t)(wasm_random_next(&w->state) % count);
}

static void op(struct writer *w, uint8_t code)
{
	make_byte(w->m, code);
	w->budget--;
}

static void expression(struct writer *w, uint8_t type, unsigned depth);

/* Numbers where arithmetic goes wrong first, and any others. */
static void constant(struct writer *w, uint8_t type)
{
	static const int64_t edges[] = {
	    0,   1,    -1,     2,      31,        32,        63,         64,        127,      128,
	    255, -128, 0x7fff, 0x8000, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
	int64_t value = below(w, 3) != 0 ? edges[below(w, sizeof(edges) / sizeof(edges[0]))]
	                                 : (int64_t)wasm_random_next(&w->state);

	op(w, type == TYPE_I32 ? 0x41 : 0x42);
	make_signed(w->m, type == TYPE_I32 ? (int32_t)value : value);
}

static void variable(struct writer *w, uint8_t type, uint8_t code_local, uint8_t code_global)
{
	uint32_t wide = type == TYPE_I64;

	if (below(w, 4) == 0) {
		op(w, code_global);
		make_leb(w->m, wide * 2 + below(w, 2));
	} else {
		op(w, code_local);
		make_leb(w->m, wide * LOCALS_I32 + below(w, LOCALS_I32));
	}
}

/* An address that mostly lies inside: masked, with a constant offset. */
static void address(struct writer *w, unsigned depth)
{
	expression(w, TYPE_I32, depth + 1);
	if (below(w, 400) != 0) {
		op(w, 0x41);
		make_signed(w->m, 0xffff);
		op(w, 0x71);
	}
}

static void access(struct writer *w, uint8_t code)
{
	static const uint8_t log2[] = {2, 3, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1,
	                               2, 2, 2, 3, 0, 0, 0, 1, 0, 1, 2};

	op(w, code);
	make_leb(w->m, below(w, log2[code - 0x28] + 1u));
	make_leb(w->m, below(w, 60000));
}

static void load(struct writer *w, uint8_t type, unsigned depth)
{
	static const uint8_t narrow[] = {0x28, 0x2c, 0x2d, 0x2e, 0x2f};
	static const uint8_t wide[] = {0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35};

	address(w, depth);
	access(w,
	       type == TYPE_I32 ? narrow[below(w, sizeof(narrow))] : wide[below(w, sizeof(wide))]);
}

static void binary(struct writer *w, uint8_t type, unsigned depth)
{
	/* add to rotr: 15 operators, of which four can trap */
	uint32_t which = below(w, 15);

	expression(w, type, depth + 1);
	expression(w, type, depth + 1);
	if (which >= 3 && which <= 6 && below(w, 100) != 0) { /* a divisor that is odd */
		op(w, type == TYPE_I32 ? 0x41 : 0x42);
		make_signed(w->m, 1);
		op(w, type == TYPE_I32 ? 0x72 : 0x84);
	}
	op(w, (uint8_t)((type == TYPE_I32 ? 0x6a : 0x7c) + which));
}

static void unary(struct writer *w, uint8_t type, unsigned depth)
{
	static const uint8_t narrow[] = {0x67, 0x68, 0x69, 0xc0, 0xc1};
	static const uint8_t wide[] = {0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4};

	expression(w, type, depth + 1);
	op(w, type == TYPE_I32 ? narrow[below(w, sizeof(narrow))] : wide[below(w, sizeof(wide))]);
}

static void convert(struct writer *w, uint8_t type, unsigned depth)
{
	if (type == TYPE_I64) {
		expression(w, TYPE_I32, depth + 1);
		op(w, (uint8_t)(0xac + below(w, 2)));
		return;
	}
	switch (below(w, 4)) {
	case 0:
		expression(w, TYPE_I64, depth + 1);
		op(w, 0xa7);
		return;
	case 1:
		expression(w, TYPE_I64, depth + 1);
		op(w, 0x50);
		return;
	case 2:
		expression(w, TYPE_I64, depth + 1);
		expression(w, TYPE_I64, depth + 1);
		op(w, (uint8_t)(0x51 + below(w, 10)));
		return;
	default:
		expression(w, TYPE_I32, depth + 1);
		expression(w, TYPE_I32, depth + 1);
		op(w, (uint8_t)(0x46 + below(w, 10)));
	}
}

static void choose(struct writer *w, uint8_t type, unsigned depth)
{
	if (below(w, 2) == 0) {
		expression(w, type, depth + 1);
		expression(w, type, depth + 1);
		expression(w, TYPE_I32, depth + 1);
		op(w, 0x1b);
		return;
	}
	expression(w, TYPE_I32, depth + 1);
	op(w, 0x04);
	make_byte(w->m, type);
	expression(w, type, depth + 1);
	op(w, 0x05);
	expression(w, type, depth + 1);
	op(w, 0x0b);
}

static void expression(struct writer *w, uint8_t type, unsigned depth)
{
	if (depth > DEPTH_MAX || w->budget < 0) {
		constant(w, type);
		return;
	}
	switch (below(w, 12)) {
	case 0:
		constant(w, type);
		return;
	case 1:
	case 2:
		variable(w, type, 0x20, 0x23);
		return;
	case 3:
		load(w, type, depth);
		return;
	case 4:
	case 5:
	case 6:
		binary(w, type, depth);
		return;
	case 7:
		unary(w, type, depth);
		return;
	case 8:
		convert(w, type, depth);
		return;
	case 9:
		choose(w, type, depth);
		return;
	case 10:
		if (type == TYPE_I32 && w->function + 1 < FUNCTIONS) {
			op(w, 0x10);
			make_leb(w->m, 5 + w->function + below(w, FUNCTIONS - w->function - 1));
			return;
		}
		variable(w, type, 0x20, 0x23);
		return;
	default:
		op(w, 0x3f); /* memory.size, or a growth that fails */
		make_byte(w->m, 0);
		if (below(w, 2) == 0) {
			op(w, 0x40);
			make_byte(w->m, 0);
		}
		if (type == TYPE_I64)
			op(w, 0xad);
	}
}

static void statements(struct writer *w, unsigned depth);

static void store(struct writer *w)
{
	static const uint8_t narrow[] = {0x36, 0x3a, 0x3b}, wide[] = {0x37, 0x3c, 0x3d, 0x3e};
	uint8_t type = below(w, 2) ? TYPE_I32 : TYPE_I64;

	address(w, 2);
	expression(w, type, 2);
	access(w, type == TYPE_I32 ? narrow[below(w, 3)] : wide[below(w, 4)]);
}

/* A loop that counts a local of its own down from a small number. */
static void loop(struct writer *w, unsigned depth)
{
	uint32_t counter = LOCALS_I32 + LOCALS_I64 + w->loops;

	op(w, 0x41);
	make_signed(w->m, 1 + below(w, 5));
	op(w, 0x21);
	make_leb(w->m, counter);
	op(w, 0x03);
	make_byte(w->m, 0x40);
	w->loops++;
	statements(w, depth + 1);
	w->loops--;
	op(w, 0x20);
	make_leb(w->m, counter);
	op(w, 0x41);
	make_signed(w->m, 1);
	op(w, 0x6b);
	op(w, 0x22);
	make_leb(w->m, counter);
	op(w, 0x0d);
	make_leb(w->m, 0);
	op(w, 0x0b);
}

/* Three nested blocks and a branch table that leaves one of them. */
static void table(struct writer *w, unsigned depth)
{
	for (int i = 0; i < 3; i++) {
		op(w, 0x02);
		make_byte(w->m, 0x40);
	}
	expression(w, TYPE_I32, 3);
	op(w, 0x0e);
	make_byte(w->m, 2);
	make_byte(w->m, (uint8_t)below(w, 3));
	make_byte(w->m, (uint8_t)below(w, 3));
	make_byte(w->m, (uint8_t)below(w, 3));
	for (int i = 0; i < 3; i++) {
		op(w, 0x0b);
		if (i < 2)
			statements(w, depth + 2);
	}
}

static void bulk(struct writer *w)
{
	address(w, 3);
	if (below(w, 2) == 0)
		address(w, 3);
	else
		constant(w, TYPE_I32);
	op(w, 0x41);
	make_signed(w->m, below(w, 3000));
	op(w, 0xfc);
	/* copy needs an address second, fill any number: both are i32 */
	if (below(w, 2) == 0) {
		make_byte(w->m, 11);
		make_byte(w->m, 0);
	} else {
		make_byte(w->m, 10);
		make_byte(w->m, 0);
		make_byte(w->m, 0);
	}
}

/* Calls through the table: entries are functions of the wrong type, of the right one, or none. */
static void indirect(struct writer *w)
{
	if (w->function + 1 < FUNCTIONS) {
		op(w, 0x41);
		make_signed(w->m, 5 + w->function + below(w, FUNCTIONS - w->function - 1));
	} else {
		op(w, 0x41);
		make_signed(w->m, below(w, 60) == 0 ? 12 : 0); /* outside, or policy_abi */
	}
	op(w, 0x11);
	make_byte(w->m, (uint8_t)(below(w, 150) == 0)); /* type 1 is () -> (): a trap */
	make_byte(w->m, 0);
	if (w->m->bytes[w->m->len - 2] == 0)
		op(w, 0x1a);
}

static void statement(struct writer *w, unsigned depth)
{
	uint8_t type = below(w, 2) ? TYPE_I32 : TYPE_I64;

	switch (below(w, 14)) {
	case 0:
	case 1:
	case 2:
	case 3:
		expression(w, type, 0);
		variable(w, type, 0x21, 0x24);
		return;
	case 4:
	case 5:
	case 6:
		store(w);
		return;
	case 7:
		if (w->loops < COUNTERS && depth < DEPTH_MAX)
			loop(w, depth);
		return;
	case 8:
		if (depth < DEPTH_MAX)
			table(w, depth);
		return;
	case 9:
		bulk(w);
		return;
	case 10:
		indirect(w);
		return;
	case 11:
		expression(w, TYPE_I32, 2);
		op(w, 0x04);
		make_byte(w->m, 0x40);
		if (below(w, 300) == 0)
			op(w, 0x00);
		else if (depth < DEPTH_MAX)
			statements(w, depth + 1);
		op(w, 0x0b);
		return;
	case 12:
		expression(w, type, 1);
		op(w, 0x1a);
		return;
	default:
		op(w, 0x01);
	}
}

static void statements(struct writer *w, unsigned depth)
{
	for (uint32_t i = 1 + below(w, depth == 0 ? 8 : 3); i != 0 && w->budget > 0; i--)
		statement(w, depth);
}

/* Ends a function: locals and globals go to memory, and an i32 is returned. */
static void store_all(struct writer *w)
{
	for (uint32_t i = 0; i < LOCALS_I32 + LOCALS_I64 + GLOBALS; i++) {
		bool is_global = i >= LOCALS_I32 + LOCALS_I64;
		uint32_t index = is_global ? i - LOCALS_I32 - LOCALS_I64 : i;
		bool wide = is_global ? index >= 2 : index >= LOCALS_I32;

		op(w, 0x41);
		make_signed(w->m, (int32_t)(100000 + w->function * 256 + i * 8));
		op(w, is_global ? 0x23 : 0x20);
		make_leb(w->m, index);
		op(w, wide ? 0x37 : 0x36);
		make_byte(w->m, 2);
		make_byte(w->m, 0);
	}
	expression(w, TYPE_I32, 0);
}

static void body(struct make *section, uint32_t function, uint64_t *state)
{
	static struct make code;
	struct writer w = {
	    .m = &code, .state = wasm_random_next(state), .function = function, .budget = 600};

	code.len = 0;
	make_put(&code, "\3\6\x7f\6\x7e\3\x7f", 7); /* the locals */
	statements(&w, 0);
	store_all(&w);
	make_byte(&code, 0x0b);
	make_leb(section, (uint32_t)code.len);
	make_put(section, code.bytes, code.len);
}

struct bytes wasm_random_make(uint64_t seed)
{
	static struct make module, part;
	uint64_t state = seed;

	module.len = 0;
	make_put(&module, "\0asm\1\0\0\0", 8);
	make_section(&module, 1, CODE(2, 0x60, 0, 1, 0x7f, 0x60, 0, 0));
	make_section(&module, 3, CODE(9, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	make_section(&module, 4, CODE(1, 0x70, 1, 12, 12));
	make_section(&module, 5, CODE(1, 1, 2, 2));
	make_section(&module, 6,
	             CODE(4, 0x7f, 1, 0x41, 1, 0x0b, 0x7f, 1, 0x41, 0x7f, 0x0b, 0x7e, 1, 0x42, 2,
	                  0x0b, 0x7e, 1, 0x42, 0x7e, 0x0b));
	part.len = 0;
	make_exports(&part, false);
	make_section(&module, 7, (struct bytes){part.bytes, part.len});
	make_section(&module, 9, CODE(1, 0, 0x41, 0, 0x0b, 9, 0, 1, 3, 3, 4, 5, 6, 7, 8));
	part.len = 0;
	make_leb(&part, 4 + FUNCTIONS);
	make_return(&part, 1);
	make_return(&part, WASM_RANDOM_AREA);
	make_body(&part, CODE(0x10, 4)); /* policy_check calls the first random function */
	make_return(&part, 0);
	for (uint32_t i = 0; i < FUNCTIONS; i++)
		body(&part, i, &state);
	make_section(&module, 10, (struct bytes){part.bytes, part.len});
	return (struct bytes){module.bytes, module.len};
}

/* --- the edges of memory -----------------------------------------------------------------------
 */

/* Every access, with three offsets, each behind a comparison with the request's number. */
static void access_all(struct make *m)
{
	static const uint32_t offsets[] = {0, 65536, UINT32_MAX};
	static const uint8_t wide[] = {0x29, 0x30, 0x31, 0x32, 0x33, 0x34,
	                               0x35, 0x37, 0x3c, 0x3d, 0x3e}; /* values of 64 bits */
	static const uint8_t all[] = {0x28, 0x29, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33,
	                              0x34, 0x35, 0x36, 0x37, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e};

	_Static_assert(sizeof(all) * 3 == WASM_EDGES, "as many as the header says");
	for (uint32_t i = 0; i < WASM_EDGES; i++) {
		uint8_t code = all[i % sizeof(all)];
		bool is_wide = memchr(wide, code, sizeof(wide)) != NULL, stores = code >= 0x36;

		make_put(m, "\x20\x01\x41", 3); /* local.get 1, i32.const i */
		make_leb(m, i | (i > 63 ? 0x80 : 0));
		make_put(m, "\x46\x04\x40", 3); /* i32.eq, if */
		if (!stores)
			make_put(m, "\x41\xc0\x00", 3); /* where the value goes: the area */
		make_put(m, "\x20\x00", 2);
		if (stores)
			make_put(m, is_wide ? "\x20\x02" : "\x20\x02\xa7", is_wide ? 2 : 3);
		make_byte(m, code);
		make_byte(m, 0);
		make_leb(m, offsets[i / sizeof(all)]);
		if (!stores)
			make_put(m, is_wide ? "\x37\x00\x10" : "\x36\x00\x10", 3);
		make_byte(m, 0x0b);
	}
}

struct bytes wasm_edges_make(void)
{
	static struct make module, part, code;

	module.len = part.len = code.len = 0;
	make_put(&module, "\0asm\1\0\0\0", 8);
	make_section(&module, 1, CODE(1, 0x60, 0, 1, 0x7f));
	make_section(&module, 3, CODE(4, 0, 0, 0, 0));
	make_section(&module, 5, CODE(1, 1, 2, 2));
	make_exports(&part, false);
	make_section(&module, 7, (struct bytes){part.bytes, part.len});
	part.len = 0;
	make_leb(&part, 4);
	make_return(&part, 1);
	make_return(&part, WASM_RANDOM_AREA);
	make_put(&code, "\x02\x02\x7f\x01\x7e", 5); /* locals: i32 0, i32 1, i64 2 */
	make_put(&code, "\x41\xc0\x00\x28\x02\x00\x21\x00", 8);
	make_put(&code, "\x41\xc0\x00\x28\x02\x04\x21\x01", 8);
	make_put(&code, "\x41\xc0\x00\x29\x03\x08\x21\x02", 8);
	access_all(&code);
	make_put(&code, "\x41\x01\x0b", 3);
	make_leb(&part, (uint32_t)code.len);
	make_put(&part, code.bytes, code.len);
	make_return(&part, 0);
	make_section(&module, 10, (struct bytes){part.bytes, part.len});
	return (struct bytes){module.bytes, module.len};
}

/* --- runs of memory, calls in a circle, a start that writes ------------------------------------
 */

#define REQUEST(off) 0x41, 0xc0, 0x00, 0x28, 0x02, off /* a word of the request */

struct bytes wasm_bulk_make(void)
{
	static struct make module;

	_Static_assert(WASM_RANDOM_AREA == 64, "as the code says");
	return make_policy(&module,
	                   &(struct make_policy){
	                       .area = WASM_RANDOM_AREA,
	                       .check = CODE(REQUEST(0), 0x04, 0x40, REQUEST(4), REQUEST(8),
	                                     REQUEST(12), 0xfc, 10, 0, 0, 0x05, REQUEST(4),
	                                     REQUEST(8), REQUEST(12), 0xfc, 11, 0, 0x0b, 0x41, 1)});
}

struct bytes wasm_circle_make(void)
{
	static struct make module;

	return make_policy(
	    &module, &(struct make_policy){
	                 .area = WASM_RANDOM_AREA,
	                 .check = CODE(REQUEST(0), 0x24, 0, 0x10, 4),
	                 /* the global, if not 0: less by one, and again; the sum of 1 a call */
	                 .function = CODE(0x23, 0, 0x45, 0x04, 0x7f, 0x41, 1, 0x05, 0x23, 0, 0x41,
	                                  1, 0x6b, 0x24, 0, 0x10, 4, 0x41, 1, 0x6a, 0x0b)});
}

struct bytes wasm_start_make(void)
{
	static struct make module;

	return make_policy(&module,
	                   &(struct make_policy){.area = WASM_RANDOM_AREA,
	                                         .initialize = CODE(0x41, 0x88, 0x27, 0x41, 9, 0x36,
	                                                            2, 0, 0x41, 8, 0x24, 0)});
}
