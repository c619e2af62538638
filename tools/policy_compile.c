/* policy_compile: turns a policy module that this build ships into C, ahead of time.
 *
 *   policy_compile NAME MODULE.wasm OUT.c
 *
 * Runs at build time only; lib/wasm/wasm_built.h says what becomes of it. The C does what
 * WebAssembly says and nothing else: every access to memory is compared with its end, division
 * traps as it must, and every path pays for its instructions (fuel) before the next loop or call
 * can begin. Functions that can come to call themselves count how deep they are, so that the C
 * stack has a bound. What this does not know it refuses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wasm_built.h"
#include "wasm_precheck.h"
#include "wasm_reader.h"

#define DEPTH_MAX  256 /* values on the stack of one function */
#define FRAMES_MAX (WASM_NESTING_MAX + 1)

enum type { NONE, I32 = 0x7f, I64 = 0x7e };

struct signature {
	unsigned parameters;
	uint8_t parameter[WASM_PARAMETERS_MAX];
	uint8_t result;
};

/* A block that is open. */
struct frame {
	uint8_t op;     /* 0x02 block, 0x03 loop, 0x04 if, 0x05 its else, 0 the function */
	uint8_t result; /* of the block */
	bool dead;      /* it began where no path leads */
	bool used;      /* something jumps to its label */
	unsigned label, height;
};

static struct wasm_error error;
static struct wasm_reader r;
static struct wasm_summary summary;
static struct signature types[WASM_TYPES_MAX];
static unsigned functions[WASM_FUNCTIONS_MAX], function_count, data_segments;
static uint8_t global_types[WASM_GLOBALS_MAX];
static unsigned global_count;
static uint64_t global_values[WASM_GLOBALS_MAX];
static int exports[WASM_BUILT_ENTRIES];
static bool calls[WASM_FUNCTIONS_MAX][WASM_FUNCTIONS_MAX];
static int table[WASM_TABLE_MAX]; /* functions; -1: empty */

/* Of the function that is written now. */
static FILE *body;
static struct frame frames[FRAMES_MAX];
static unsigned frame_count, depth, labels;
static uint8_t stack[DEPTH_MAX], locals[WASM_LOCALS_MAX];
static bool slots[2][DEPTH_MAX]; /* of i32, of i64: needed */
static bool dead;                /* no path leads here */
static unsigned owed;            /* instructions since fuel was last taken */

_Noreturn static void die(const char *what, unsigned number)
{
	fprintf(stderr, "policy_compile: at byte %u: %s (%u)\n", r.at, what, number);
	exit(1);
}

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(body, format, args);
	va_end(args);
}

static const char *c_type(uint8_t type)
{
	return type == I32 ? "uint32_t" : type == I64 ? "uint64_t" : "void";
}

/* --- the stack: a C variable for each place and type, a for i32, b for i64 ---------------------
 */

static char letter(uint8_t type)
{
	return type == I32 ? 'a' : 'b';
}

static unsigned push(uint8_t type)
{
	if (depth == DEPTH_MAX)
		die("too many values on the stack", depth);
	stack[depth] = type;
	slots[type == I64][depth] = true;
	return depth++;
}

static unsigned pop(uint8_t type)
{
	if (depth == frames[frame_count - 1].height || stack[depth - 1] != type)
		die("a value of another type", depth);
	return --depth;
}

static void pay(void)
{
	if (owed != 0)
		put("\tfuel -= %u;\n", owed);
	owed = 0;
}

/* --- control -----------------------------------------------------------------------------------
 */

static void open_frame(uint8_t op, uint8_t result)
{
	if (frame_count == FRAMES_MAX)
		die("blocks nest too deep", frame_count);
	frames[frame_count++] = (struct frame){op, result, dead, false, labels++, depth};
}

/* Writes what leads to the label `up` blocks further out; braces around it are the caller's. */
static void jump(uint32_t up)
{
	struct frame *to;

	if (up >= frame_count)
		die("no such label", up);
	to = &frames[frame_count - 1 - up];
	if (to->op != 3 && to->result != NONE) {
		char c = letter(to->result);

		if (depth == 0 || stack[depth - 1] != to->result)
			die("a jump without its value", up);
		slots[to->result == I64][to->height] = true;
		if (depth - 1 != to->height)
			put(" %c%u = %c%u;", c, to->height, c, depth - 1);
	}
	to->used = true;
	put(" goto L%u;", to->label);
}

static void die_here(void)
{
	dead = true;
	depth = frames[frame_count - 1].height;
}

static uint8_t take_block_type(void)
{
	uint8_t type = wasm_take_byte(&r);

	return type == 0x40 ? NONE : type;
}

static void take_block(uint8_t op)
{
	uint8_t type = take_block_type();

	if (dead) {
		open_frame(op, type);
		return;
	}
	if (op == 4) {
		unsigned condition = pop(I32);

		owed++;
		pay();
		open_frame(op, type);
		put("\tif (a%u == 0)\n\t\tgoto E%u;\n", condition, labels - 1);
		return;
	}
	pay();
	open_frame(op, type);
	if (op == 3)
		put("L%u:\n\tif (fuel < 0)\n\t\tWASM_BUILT_STOP(WASM_BUILT_FUEL);\n", labels - 1);
}

static void take_else(void)
{
	struct frame *f = &frames[frame_count - 1];

	if (f->op != 4)
		die("else without if", f->op);
	f->op = 5;
	if (f->dead)
		return;
	if (!dead) {
		pay();
		put("\t{");
		jump(0);
		put(" }\n");
	}
	put("E%u:;\n", f->label);
	depth = f->height;
	dead = false;
}

/* Ends a block; false when it was the function. */
static bool take_end(void)
{
	struct frame f = frames[frame_count - 1];

	if (!dead) {
		if (depth != f.height + (f.result != NONE))
			die("a block ends with another number of values", depth);
		pay();
	}
	frame_count--;
	if (f.op == 4 && f.result != NONE)
		die("if with a value but no else", 0);
	if (f.op == 4 && !f.dead)
		put("E%u:;\n", f.label);
	if (f.op != 3 && f.used)
		put("L%u:;\n", f.label);
	dead = f.dead || (dead && f.op != 4 && (f.op == 3 || !f.used));
	depth = f.height;
	if (!dead && f.result != NONE)
		(void)push(f.result);
	return frame_count != 0;
}

static void take_table(void)
{
	uint32_t count = wasm_take_u32(&r);
	unsigned index = 0;

	if (!dead) {
		index = pop(I32);
		pay();
		put("\tswitch (a%u) {\n", index);
	}
	for (uint32_t i = 0; i <= count && !r.failed; i++) {
		uint32_t up = wasm_take_u32(&r);

		if (dead)
			continue;
		if (i == count)
			put("\tdefault: {");
		else
			put("\tcase %u: {", i);
		jump(up);
		put(" }\n");
	}
	if (!dead) {
		put("\t}\n");
		die_here();
	}
}

/* Takes a call's arguments from the stack; gives where they begin, and its result will lie. */
static unsigned pop_arguments(const struct signature *s)
{
	if (depth < s->parameters)
		die("a call without its arguments", s->parameters);
	for (unsigned i = s->parameters; i-- != 0;)
		(void)pop(s->parameter[i]);
	return depth;
}

static void put_call(unsigned self, unsigned callee, unsigned first)
{
	const struct signature *s = &types[functions[callee]];

	calls[self][callee] = true;
	if (s->result != NONE)
		put("%c%u = ", letter(s->result), first);
	put("f%u(m", callee);
	for (unsigned i = 0; i < s->parameters; i++)
		put(", %c%u", letter(s->parameter[i]), first + i);
	put(");\n");
}

static void take_call(unsigned self)
{
	uint32_t callee = wasm_take_index(&r, function_count, "function");
	unsigned first;

	if (r.failed || dead)
		return;
	first = pop_arguments(&types[functions[callee]]);
	pay();
	put("\tm->fuel = fuel;\n\t");
	put_call(self, callee, first);
	put("\tif (m->stopped != 0)\n\t\tgoto stopped;\n\tfuel = m->fuel;\n");
	if (types[functions[callee]].result != NONE)
		(void)push(types[functions[callee]].result);
}

static bool same_type(const struct signature *a, const struct signature *b)
{
	return a->result == b->result && a->parameters == b->parameters &&
	       memcmp(a->parameter, b->parameter, a->parameters) == 0;
}

/* A call through the table: what the table holds is known, since nothing can write it. */
static void take_indirect(unsigned self)
{
	uint32_t type = wasm_take_u32(&r);
	unsigned index, first;

	(void)wasm_take_byte(&r);
	if (r.failed || dead)
		return;
	index = pop(I32);
	first = pop_arguments(&types[type]);
	pay();
	put("\tm->fuel = fuel;\n\tswitch (a%u) {\n", index);
	for (unsigned i = 0; i < summary.table_entries; i++) {
		put("\tcase %u:\n\t\t", i);
		if (table[i] < 0)
			put("WASM_BUILT_STOP(WASM_BUILT_EMPTY);\n");
		else if (!same_type(&types[functions[table[i]]], &types[type]))
			put("WASM_BUILT_STOP(WASM_BUILT_TYPE);\n");
		else
			put_call(self, (unsigned)table[i], first);
		put("\t\tbreak;\n");
	}
	put("\tdefault:\n\t\tWASM_BUILT_STOP(WASM_BUILT_TABLE);\n\t}\n\tif (m->stopped != "
	    "0)\n\t\tgoto stopped;\n\tfuel = m->fuel;\n");
	if (types[type].result != NONE)
		(void)push(types[type].result);
}

/* --- the rest: one row an instruction -----------------------------------------------------------
 */

/* x and y are the operands, of type `from`; the result is of type `to`. */
static const struct operation {
	uint8_t op, operands, from, to;
	const char *text;
} operations[] = {
    {0x45, 1, I32, I32, "x == 0"                                                    },
    {0x46, 2, I32, I32, "x == y"                                                    },
    {0x47, 2, I32, I32, "x != y"                                                    },
    {0x48, 2, I32, I32, "(int32_t)x < (int32_t)y"                                   },
    {0x49, 2, I32, I32, "x < y"                                                     },
    {0x4a, 2, I32, I32, "(int32_t)x > (int32_t)y"                                   },
    {0x4b, 2, I32, I32, "x > y"                                                     },
    {0x4c, 2, I32, I32, "(int32_t)x <= (int32_t)y"                                  },
    {0x4d, 2, I32, I32, "x <= y"                                                    },
    {0x4e, 2, I32, I32, "(int32_t)x >= (int32_t)y"                                  },
    {0x4f, 2, I32, I32, "x >= y"                                                    },
    {0x50, 1, I64, I32, "x == 0"                                                    },
    {0x51, 2, I64, I32, "x == y"                                                    },
    {0x52, 2, I64, I32, "x != y"                                                    },
    {0x53, 2, I64, I32, "(int64_t)x < (int64_t)y"                                   },
    {0x54, 2, I64, I32, "x < y"                                                     },
    {0x55, 2, I64, I32, "(int64_t)x > (int64_t)y"                                   },
    {0x56, 2, I64, I32, "x > y"                                                     },
    {0x57, 2, I64, I32, "(int64_t)x <= (int64_t)y"                                  },
    {0x58, 2, I64, I32, "x <= y"                                                    },
    {0x59, 2, I64, I32, "(int64_t)x >= (int64_t)y"                                  },
    {0x5a, 2, I64, I32, "x >= y"                                                    },
    {0x67, 1, I32, I32, "wasm_built_clz32(x)"                                       },
    {0x68, 1, I32, I32, "wasm_built_ctz32(x)"                                       },
    {0x69, 1, I32, I32, "wasm_built_popcnt32(x)"                                    },
    {0x6a, 2, I32, I32, "x + y"                                                     },
    {0x6b, 2, I32, I32, "x - y"                                                     },
    {0x6c, 2, I32, I32, "x * y"                                                     },
    {0x6d, 2, I32, I32, "(uint32_t)((int32_t)x / (int32_t)y)"                       },
    {0x6e, 2, I32, I32, "x / y"                                                     },
    {0x6f, 2, I32, I32, "(int32_t)y == -1 ? 0 : (uint32_t)((int32_t)x % (int32_t)y)"},
    {0x70, 2, I32, I32, "x % y"                                                     },
    {0x71, 2, I32, I32, "x & y"                                                     },
    {0x72, 2, I32, I32, "x | y"                                                     },
    {0x73, 2, I32, I32, "x ^ y"                                                     },
    {0x74, 2, I32, I32, "x << (y & 31)"                                             },
    {0x75, 2, I32, I32, "(uint32_t)((int32_t)x >> (y & 31))"                        },
    {0x76, 2, I32, I32, "x >> (y & 31)"                                             },
    {0x77, 2, I32, I32, "wasm_built_rotl32(x, y)"                                   },
    {0x78, 2, I32, I32, "wasm_built_rotl32(x, 0u - y)"                              },
    {0x79, 1, I64, I64, "wasm_built_clz64(x)"                                       },
    {0x7a, 1, I64, I64, "wasm_built_ctz64(x)"                                       },
    {0x7b, 1, I64, I64, "wasm_built_popcnt64(x)"                                    },
    {0x7c, 2, I64, I64, "x + y"                                                     },
    {0x7d, 2, I64, I64, "x - y"                                                     },
    {0x7e, 2, I64, I64, "x * y"                                                     },
    {0x7f, 2, I64, I64, "(uint64_t)((int64_t)x / (int64_t)y)"                       },
    {0x80, 2, I64, I64, "x / y"                                                     },
    {0x81, 2, I64, I64, "(int64_t)y == -1 ? 0 : (uint64_t)((int64_t)x % (int64_t)y)"},
    {0x82, 2, I64, I64, "x % y"                                                     },
    {0x83, 2, I64, I64, "x & y"                                                     },
    {0x84, 2, I64, I64, "x | y"                                                     },
    {0x85, 2, I64, I64, "x ^ y"                                                     },
    {0x86, 2, I64, I64, "x << (y & 63)"                                             },
    {0x87, 2, I64, I64, "(uint64_t)((int64_t)x >> (y & 63))"                        },
    {0x88, 2, I64, I64, "x >> (y & 63)"                                             },
    {0x89, 2, I64, I64, "wasm_built_rotl64(x, y)"                                   },
    {0x8a, 2, I64, I64, "wasm_built_rotl64(x, 0u - y)"                              },
    {0xa7, 1, I64, I32, "(uint32_t)x"                                               },
    {0xac, 1, I32, I64, "(uint64_t)(int64_t)(int32_t)x"                             },
    {0xad, 1, I32, I64, "x"                                                         },
    {0xc0, 1, I32, I32, "(uint32_t)(int8_t)x"                                       },
    {0xc1, 1, I32, I32, "(uint32_t)(int16_t)x"                                      },
    {0xc2, 1, I64, I64, "(uint64_t)(int8_t)x"                                       },
    {0xc3, 1, I64, I64, "(uint64_t)(int16_t)x"                                      },
    {0xc4, 1, I64, I64, "(uint64_t)(int32_t)x"                                      },
};

/* Loads, then stores: what a value is in memory. */
static const struct access {
	uint8_t op, type;
	const char *in_memory;
} accesses[] = {
    {0x28, I32, "uint32_t"},
    {0x29, I64, "uint64_t"},
    {0x2c, I32, "int8_t"  },
    {0x2d, I32, "uint8_t" },
    {0x2e, I32, "int16_t" },
    {0x2f, I32, "uint16_t"},
    {0x30, I64, "int8_t"  },
    {0x31, I64, "uint8_t" },
    {0x32, I64, "int16_t" },
    {0x33, I64, "uint16_t"},
    {0x34, I64, "int32_t" },
    {0x35, I64, "uint32_t"},
    {0x36, I32, "uint32_t"},
    {0x37, I64, "uint64_t"},
    {0x3a, I32, "uint8_t" },
    {0x3b, I32, "uint16_t"},
    {0x3c, I64, "uint8_t" },
    {0x3d, I64, "uint16_t"},
    {0x3e, I64, "uint32_t"},
};

static void put_text(const char *text, uint8_t type, unsigned at)
{
	for (; *text != '\0'; text++) {
		bool alone = (text[1] < 'a' || text[1] > 'z') && (text[1] < '0' || text[1] > '9') &&
		             text[1] != '_';

		if ((*text == 'x' || *text == 'y') && alone)
			put("%c%u", letter(type), *text == 'x' ? at : at + 1);
		else
			put("%c", *text);
	}
}

/* Division and remainder by zero, and the one quotient that is too large. */
static void put_traps(const struct operation *row, unsigned at)
{
	unsigned first = row->from == I32 ? 0x6d : 0x7f;
	char c = letter(row->from);

	if (row->op < first || row->op > first + 3)
		return;
	put("\tif (%c%u == 0)\n\t\tWASM_BUILT_STOP(WASM_BUILT_DIVISION);\n", c, at + 1);
	if (row->op == first)
		put("\tif (%c%u == (%s)1 << %u && ~%c%u == 0)\n"
		    "\t\tWASM_BUILT_STOP(WASM_BUILT_OVERFLOW);\n",
		    c, at, c_type(row->from), row->from == I32 ? 31 : 63, c, at + 1);
}

static bool take_operation(uint8_t op)
{
	const struct operation *row = operations, *end = row + sizeof(operations) / sizeof(*row);
	unsigned at;

	while (row != end && row->op != op)
		row++;
	if (row == end)
		return false;
	if (dead)
		return true;
	if (row->operands == 2)
		(void)pop(row->from);
	at = pop(row->from);
	put_traps(row, at);
	put("\t%c%u = ", letter(row->to), at);
	put_text(row->text, row->from, at);
	put(";\n");
	(void)push(row->to);
	return true;
}

static bool take_access(uint8_t op)
{
	const struct access *row = accesses, *end = row + sizeof(accesses) / sizeof(*row);
	uint32_t off;
	unsigned value, at;

	while (row != end && row->op != op)
		row++;
	if (row == end)
		return false;
	(void)wasm_take_u32(&r);
	off = wasm_take_u32(&r);
	if (dead)
		return true;
	if (op < 0x36) {
		at = pop(I32);
		put("\t%c%u = (%s)WASM_BUILT_LOAD(%s, a%u, %uu);\n", letter(row->type), at,
		    c_type(row->type), row->in_memory, at, off);
		(void)push(row->type);
		return true;
	}
	value = pop(row->type);
	at = pop(I32);
	put("\tWASM_BUILT_STORE(%s, a%u, %uu, %c%u);\n", row->in_memory, at, off, letter(row->type),
	    value);
	return true;
}

static void take_variable(uint8_t op)
{
	uint32_t index = wasm_take_u32(&r);
	bool global = op >= 0x23;
	uint8_t type;
	unsigned at;

	if (dead || r.failed)
		return;
	if (index >= (global ? global_count : WASM_LOCALS_MAX))
		die("no such variable", index);
	type = global ? global_types[index] : locals[index];
	at = op == 0x20 || op == 0x23 ? push(type) : pop(type);
	switch (op) {
	case 0x20:
		put("\t%c%u = l%u;\n", letter(type), at, index);
		break;
	case 0x21:
	case 0x22:
		put("\tl%u = %c%u;\n", index, letter(type), at);
		if (op == 0x22)
			(void)push(type);
		break;
	case 0x23:
		put("\t%c%u = (%s)m->globals[%u];\n", letter(type), at, c_type(type), index);
		break;
	default:
		put("\tm->globals[%u] = %c%u;\n", index, letter(type), at);
	}
}

static uint64_t take_i64(void)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = wasm_take_byte(&r);
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0 && shift < 70 && !r.failed);
	if (shift < 64 && (byte & 0x40) != 0)
		value |= ~UINT64_C(0) << shift;
	return value;
}

static void take_bulk(void)
{
	uint32_t op = wasm_take_u32(&r);
	unsigned len, from, to;

	if (op != 10 && op != 11)
		die("an instruction that is not known: 0xfc", op);
	(void)wasm_take_byte(&r);
	if (op == 10)
		(void)wasm_take_byte(&r);
	if (dead)
		return;
	len = pop(I32);
	from = pop(I32);
	to = pop(I32);
	put("\tfuel -= a%u / 8;\n\tWASM_BUILT_%s(a%u, a%u, a%u);\n", len,
	    op == 10 ? "COPY" : "FILL", to, from, len);
}

static void take_select(void)
{
	unsigned condition, second, first;
	uint8_t type;

	if (dead)
		return;
	condition = pop(I32);
	type = depth == 0 ? NONE : stack[depth - 1];
	second = pop(type);
	first = pop(type);
	put("\t%c%u = a%u != 0 ? %c%u : %c%u;\n", letter(type), first, condition, letter(type),
	    first, letter(type), second);
	(void)push(type);
}

static void take_branch(uint8_t op)
{
	uint32_t up = op == 0x0f ? frame_count - 1 : wasm_take_u32(&r);
	unsigned condition = 0;

	if (dead)
		return;
	if (op == 0x0d)
		condition = pop(I32);
	pay();
	if (op == 0x0d)
		put("\tif (a%u != 0) {", condition);
	else
		put("\t{");
	jump(up);
	put(" }\n");
	if (op != 0x0d)
		die_here();
}

static void take_constant(uint8_t op)
{
	uint64_t value = op == 0x41 ? wasm_take_i32(&r) : take_i64();
	unsigned at;

	if (dead)
		return;
	at = push(op == 0x41 ? I32 : I64);
	if (op == 0x41)
		put("\ta%u = %uu;\n", at, (uint32_t)value);
	else
		put("\tb%u = UINT64_C(%llu);\n", at, (unsigned long long)value);
}

static void take_other(uint8_t op)
{
	unsigned at;

	switch (op) {
	case 0x00:
		if (!dead) {
			pay();
			put("\tWASM_BUILT_STOP(WASM_BUILT_UNREACHABLE);\n");
			die_here();
		}
		return;
	case 0x01:
		return;
	case 0x1a:
		if (!dead)
			(void)pop(depth == 0 ? NONE : stack[depth - 1]);
		return;
	case 0x1b:
		take_select();
		return;
	case 0x3f: /* memory.size */
	case 0x40: /* memory.grow: minimum and maximum are equal */
		(void)wasm_take_byte(&r);
		if (dead)
			return;
		at = op == 0x40 ? pop(I32) : depth;
		put("\ta%u = ", push(I32));
		if (op == 0x40) /* by nothing it is what memory.size is */
			put("a%u != 0 ? UINT32_MAX : ", at);
		put("WASM_BUILT_PAGES;\n");
		return;
	case 0x41:
	case 0x42:
		take_constant(op);
		return;
	case 0xfc:
		take_bulk();
		return;
	default:
		if (!take_operation(op) && !take_access(op))
			die("an instruction that is not known", op);
	}
}

/* Takes one instruction; false at the function's end. */
static bool take_instruction(unsigned self)
{
	uint8_t op = wasm_take_byte(&r);

	if (r.failed)
		die("the module ends in the middle", 0);
	switch (op) {
	case 0x02:
	case 0x03:
	case 0x04:
		take_block(op);
		return true;
	case 0x05:
		take_else();
		return true;
	case 0x0b:
		return take_end();
	default:
		break;
	}
	owed += !dead;
	if (op == 0x0c || op == 0x0d || op == 0x0f)
		take_branch(op);
	else if (op == 0x0e)
		take_table();
	else if (op == 0x10)
		take_call(self);
	else if (op == 0x11)
		take_indirect(self);
	else if (op >= 0x20 && op <= 0x24)
		take_variable(op);
	else
		take_other(op);
	return true;
}

/* --- functions ----------------------------------------------------------------------------------
 */

static void put_head(FILE *out, unsigned self, const char *end)
{
	const struct signature *s = &types[functions[self]];

	fprintf(out, "static %s f%u(struct wasm_built_memory *m", c_type(s->result), self);
	for (unsigned i = 0; i < s->parameters; i++)
		fprintf(out, ", %s l%u", c_type(s->parameter[i]), i);
	fprintf(out, ")%s", end);
}

static unsigned take_locals(const struct signature *s)
{
	uint32_t runs = wasm_take_u32(&r);
	unsigned count = s->parameters;

	memcpy(locals, s->parameter, s->parameters);
	for (uint32_t i = 0; i < runs && !r.failed; i++) {
		uint32_t n = wasm_take_u32(&r);
		uint8_t type = wasm_take_byte(&r);

		for (; n != 0; n--) {
			if (count == WASM_LOCALS_MAX)
				die("too many locals", count);
			locals[count++] = type;
		}
	}
	return count;
}

/* Writes a function to `out`: the C variables that it needs are known at its end. */
static void take_function(FILE *out, unsigned self)
{
	const struct signature *s = &types[functions[self]];
	uint32_t size = wasm_take_u32(&r), end = r.at + size;
	unsigned local_count = take_locals(s);
	char *text = NULL;
	size_t len = 0;

	body = open_memstream(&text, &len);
	if (body == NULL)
		die("no memory", 0);
	memset(slots, 0, sizeof(slots));
	frame_count = depth = labels = owed = 0;
	dead = false;
	open_frame(0, s->result);
	while (take_instruction(self))
		;
	if (r.at != end)
		die("a function of another length", self);
	fclose(body);
	if (s->result != NONE) /* it returns its first value, also where no path leads to the end */
		slots[s->result == I64][0] = true;
	put_head(out, self, "\n{\n\tint64_t fuel = m->fuel;\n");
	for (unsigned i = s->parameters; i < local_count; i++)
		fprintf(out, "\t%s l%u = 0;\n", c_type(locals[i]), i);
	for (unsigned i = 0; i < DEPTH_MAX; i++) {
		if (slots[0][i])
			fprintf(out, "\tuint32_t a%u = 0;\n", i);
		if (slots[1][i])
			fprintf(out, "\tuint64_t b%u = 0;\n", i);
	}
	/* Whether it can come to call itself is known when all are written. */
	fprintf(out,
	        "\tif (fuel < 0)\n\t\tWASM_BUILT_STOP(WASM_BUILT_FUEL);\n"
	        "\tif (CIRCLE%u && ++m->depth > WASM_BUILT_DEPTH)\n"
	        "\t\tWASM_BUILT_STOP(WASM_BUILT_NESTING);\n%s"
	        "\tm->fuel = fuel;\n\tif (CIRCLE%u)\n\t\tm->depth--;\n",
	        self, text, self);
	if (s->result != NONE)
		fprintf(out, "\treturn %c0;\n", letter(s->result));
	else
		fprintf(out, "\treturn;\n");
	fprintf(out, "stopped:\n\treturn%s;\n}\n\n", s->result != NONE ? " 0" : "");
	free(text);
}

/* Finds which functions can come to call themselves: these count how deep they are. */
static void close_calls(void)
{
	for (unsigned by = 0; by < function_count; by++)
		for (unsigned from = 0; from < function_count; from++)
			for (unsigned to = 0; calls[from][by] && to < function_count; to++)
				calls[from][to] |= calls[by][to];
}

/* --- sections -----------------------------------------------------------------------------------
 */

static void take_types(void)
{
	uint32_t count = wasm_take_u32(&r);

	for (uint32_t i = 0; i < count && !r.failed; i++) {
		(void)wasm_take_byte(&r);
		types[i].parameters = wasm_take_u32(&r);
		for (unsigned n = 0; n < types[i].parameters; n++)
			types[i].parameter[n] = wasm_take_byte(&r);
		if (wasm_take_u32(&r) != 0)
			types[i].result = wasm_take_byte(&r);
	}
}

static void take_globals(void)
{
	global_count = wasm_take_u32(&r);
	if (global_count > WASM_BUILT_GLOBALS)
		die("more globals than wasm_built has room for", global_count);
	for (unsigned i = 0; i < global_count && !r.failed; i++) {
		global_types[i] = wasm_take_byte(&r);
		(void)wasm_take_byte(&r);
		global_values[i] = wasm_take_byte(&r) == 0x41 ? wasm_take_i32(&r) : take_i64();
		(void)wasm_take_byte(&r);
	}
}

static void take_exports(void)
{
	static const char *const names[] = {
	    "_initialize", "policy_abi", "policy_io", "policy_check", "policy_describe",
	};
	uint32_t count = wasm_take_u32(&r);

	for (uint32_t i = 0; i < count && !r.failed; i++) {
		struct wasm_range name = wasm_take_run(&r, wasm_take_u32(&r));
		uint8_t kind = wasm_take_byte(&r);
		uint32_t index = wasm_take_u32(&r);

		for (unsigned n = 0; n < WASM_BUILT_ENTRIES; n++)
			if (kind == 0 && strlen(names[n]) == name.len &&
			    memcmp(r.bytes + name.off, names[n], name.len) == 0)
				exports[n] = (int)index;
	}
}

/* The pre-check has seen that all lies in the table and every function exists. */
static void take_elements(void)
{
	uint32_t count = wasm_take_u32(&r);

	for (uint32_t i = 0; i < count && !r.failed; i++) {
		uint32_t mode = wasm_take_u32(&r), op = wasm_take_byte(&r), at = wasm_take_i32(&r);
		uint32_t end = wasm_take_byte(&r), entries = wasm_take_u32(&r);

		if (mode != 0 || op != 0x41 || end != 0x0b)
			die("an element segment of another kind", mode);
		for (; entries != 0 && !r.failed; entries--, at++) {
			if (at >= WASM_TABLE_MAX)
				die("an element outside its table", at);
			table[at] = (int)wasm_take_u32(&r);
		}
	}
}

static void take_code(FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *bodies;

	if (wasm_take_u32(&r) != function_count)
		die("another number of bodies", function_count);
	for (unsigned i = 0; i < function_count; i++)
		put_head(out, i, ";\n");
	fprintf(out, "\n");
	bodies = open_memstream(&text, &len);
	if (bodies == NULL)
		die("no memory", 0);
	for (unsigned i = 0; i < function_count && !r.failed; i++)
		take_function(bodies, i);
	fclose(bodies);
	close_calls();
	for (unsigned i = 0; i < function_count; i++)
		fprintf(out, "#define CIRCLE%u %d\n", i, calls[i][i]);
	fprintf(out, "\n%s", text);
	free(text);
}

static void take_sections(FILE *out)
{
	r.at = 8;
	while (r.at != r.end && !r.failed) {
		uint8_t id = wasm_take_byte(&r);
		struct wasm_range section = wasm_take_run(&r, wasm_take_u32(&r));

		r.at = section.off;
		if (id == 1)
			take_types();
		else if (id == 3)
			for (unsigned n = function_count = wasm_take_u32(&r), i = 0; i < n; i++)
				functions[i] = wasm_take_u32(&r);
		else if (id == 6)
			take_globals();
		else if (id == 7)
			take_exports();
		else if (id == 9)
			take_elements();
		else if (id == 10)
			take_code(out);
		else if (id == 11)
			data_segments = wasm_take_u32(&r);
		r.at = section.off + section.len;
	}
	if (r.failed)
		die(error.text, error.where);
}

/* An array, which in C has one element at least. */
static void put_bytes(FILE *out, const char *name, uint32_t from, uint32_t to)
{
	fprintf(out, "static const uint8_t %s[] = {", name);
	for (uint32_t i = from; i < to; i++)
		fprintf(out, "%s%u,", i % 32 == 0 ? "\n" : "", r.bytes[i]);
	fprintf(out, "0};\n");
}

static void put_segments(FILE *out, uint32_t data)
{
	r.at = data;
	fprintf(out, "static const struct wasm_built_segment segments[] = {\n");
	for (unsigned i = 0; i < data_segments; i++) {
		uint32_t mode = wasm_take_u32(&r), op = wasm_take_byte(&r), off = wasm_take_i32(&r);
		uint32_t end = wasm_take_byte(&r), len = wasm_take_u32(&r);
		struct wasm_range bytes = wasm_take_run(&r, len);

		if (r.failed || mode != 0 || op != 0x41 || end != 0x0b)
			die("a data segment of another kind", i);
		fprintf(out, "\t{%u, %u, data + %u},\n", off, len, bytes.off - data);
	}
	fprintf(out, "\t{0, 0, data},\n};\n");
}

static void put_table(FILE *out, const char *name)
{
	uint32_t code_end = summary.code_section.off + summary.code_section.len;
	uint32_t data = summary.data_section.off;
	uint32_t data_end = data + summary.data_section.len;

	data += data_end != data; /* the segments follow their count, one byte when below 128 */
	if (data_segments > 127 || summary.memory_pages != WASM_BUILT_PAGES)
		die("memory or data of another shape", data_segments);
	put_bytes(out, "head", 0, code_end);
	put_bytes(out, "data", data, data_end);
	put_segments(out, data);
	fprintf(out,
	        "const struct wasm_built wasm_built_%s = {\n\t\"%s\", {head, %u}, {data, %u}, "
	        "segments, "
	        "%u,\n\t{",
	        name, name, code_end, data_end - data, data_segments);
	for (unsigned i = 0; i < WASM_BUILT_GLOBALS; i++)
		fprintf(out, "UINT64_C(%llu), ", (unsigned long long)global_values[i]);
	fprintf(out, "},\n\t{");
	for (unsigned i = 0; i < WASM_BUILT_ENTRIES; i++) {
		if (i == 0)
			fprintf(out, exports[i] < 0 ? "NULL, {NULL" : "f%d, {NULL", exports[i]);
		else
			fprintf(out, ", f%d", exports[i]);
	}
	fprintf(out, "}},\n};\n");
}

int main(int argc, char **argv)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	FILE *in = argc == 4 ? fopen(argv[2], "rb") : NULL, *out;
	struct bytes bytes = {module, 0};

	if (in == NULL || (out = fopen(argv[3], "w")) == NULL) {
		fprintf(stderr, "usage: policy_compile NAME MODULE.wasm OUT.c\n");
		return 2;
	}
	bytes.len = fread(module, 1, sizeof(module), in);
	fclose(in);
	memset(exports, 0xff, sizeof(exports));
	memset(table, 0xff, sizeof(table));
	r = (struct wasm_reader){module, 0, (uint32_t)bytes.len, false, &error};
	if (wasm_precheck(bytes, &summary, &error) != STATUS_OK)
		die(error.text, error.where);
	fprintf(out,
	        "/* Written by tools/policy_compile.c. */\n#include \"wasm_built_code.h\"\n\n");
	take_sections(out);
	put_table(out, argv[1]);
	return fclose(out) == 0 ? 0 : 1;
}
