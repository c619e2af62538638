/* wasm_make: puts WebAssembly modules together, right and wrong ones; for tests only.
 *
 * make_policy gives the whole module from a description; each part may be replaced by bytes that
 * break a rule. Sizes are small and fixed; passing them is a CHECK. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_MAKE_H
#define WASM_MAKE_H

#include "base_bytes.h"
#include "base_check.h"
#include "base_limits.h"

struct make {
	uint8_t bytes[LIMIT_MODULE_MAX + 4096];
	size_t len;
};

/* A run of code or of section contents, as bytes. */
#define CODE(...)                                                                                  \
	((struct bytes){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})
#define NOTHING ((struct bytes){NULL, 0})

struct make_policy {
	struct bytes check;      /* body of policy_check without locals and end; NULL: allow */
	struct bytes initialize; /* body of _initialize; NULL: no such export */
	struct bytes function;   /* body of a further function () -> i32, index 5 or 4 */
	struct bytes more;       /* a whole section put behind the last one */
	struct bytes types;   /* contents of the type section; 0 is used by the policy_ functions */
	struct bytes imports; /* contents of an import section */
	struct bytes exports; /* contents of the export section */
	struct bytes data_count; /* contents of a data count section */
	struct bytes start;      /* contents of a start section */
	struct bytes tables;
	struct bytes memories; /* default: one of 2 pages, 2 at most */
	struct bytes globals;  /* default: one mutable i32 that is 7 */
	struct bytes elements;
	struct bytes data;
	uint32_t area; /* what policy_io returns; default 1024 */
	uint32_t abi;  /* default 1 */
};

static inline void make_put(struct make *m, const void *bytes, size_t len)
{
	CHECK(len <= sizeof(m->bytes) - m->len);
	if (len != 0)
		memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static inline void make_byte(struct make *m, uint8_t byte)
{
	make_put(m, &byte, 1);
}

static inline void make_leb(struct make *m, uint32_t value)
{
	do
		make_byte(m, (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
	while ((value >>= 7) != 0);
}

static inline void make_signed(struct make *m, int64_t value)
{
	for (;;) {
		uint8_t low = value & 0x7f;

		value >>= 7;
		if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0)) {
			make_byte(m, low);
			return;
		}
		make_byte(m, (uint8_t)(low | 0x80));
	}
}

static inline void make_section(struct make *m, uint8_t id, struct bytes contents)
{
	make_byte(m, id);
	make_leb(m, (uint32_t)contents.len);
	make_put(m, contents.data, contents.len);
}

static inline void make_name(struct make *m, const char *name)
{
	make_leb(m, (uint32_t)strlen(name));
	make_put(m, name, strlen(name));
}

/* A body without locals; its length takes five bytes so that it needs no second buffer. */
static inline void make_body(struct make *m, struct bytes code)
{
	make_leb(m, (uint32_t)code.len + 2);
	make_byte(m, 0);
	make_put(m, code.data, code.len);
	make_byte(m, 0x0b);
}

static inline void make_return(struct make *m, uint32_t value)
{
	static struct make code;

	code.len = 0;
	make_byte(&code, 0x41);
	make_signed(&code, (int32_t)value);
	make_body(m, (struct bytes){code.bytes, code.len});
}

static inline void make_exports(struct make *m, bool initialize)
{
	static const char *const names[] = {"policy_abi", "policy_io", "policy_check",
	                                    "policy_describe", "_initialize"};

	make_leb(m, initialize ? 6 : 5);
	make_name(m, "memory");
	make_byte(m, 2);
	make_byte(m, 0);
	for (uint8_t i = 0; i < (initialize ? 5 : 4); i++) {
		make_name(m, names[i]);
		make_byte(m, 0);
		make_byte(m, i);
	}
}

static inline void make_code(struct make *m, const struct make_policy *p)
{
	make_leb(m, 4u + (p->initialize.data != NULL) + (p->function.data != NULL));
	make_return(m, p->abi == 0 ? 1 : p->abi);
	make_return(m, p->area == 0 ? 1024 : p->area);
	if (p->check.data == NULL)
		make_return(m, 1);
	else
		make_body(m, p->check);
	make_return(m, 0);
	if (p->initialize.data != NULL)
		make_body(m, p->initialize);
	if (p->function.data != NULL)
		make_body(m, p->function);
}

static inline void make_optional(struct make *m, uint8_t id, struct bytes given, struct bytes usual)
{
	if (given.data == NULL)
		given = usual;
	if (given.data != NULL)
		make_section(m, id, given);
}

static inline struct bytes make_policy(struct make *m, const struct make_policy *p)
{
	static struct make part;
	bool initialize = p->initialize.data != NULL, function = p->function.data != NULL;

	m->len = 0;
	make_put(m, "\0asm\1\0\0\0", 8);
	/* types: 0 is () -> i32, 1 is () -> () */
	make_optional(m, 1, p->types, CODE(2, 0x60, 0, 1, 0x7f, 0x60, 0, 0));
	make_optional(m, 2, p->imports, NOTHING);
	part.len = 0;
	make_leb(&part, 4u + initialize + function);
	make_put(&part, "\0\0\0\0", 4);
	if (initialize)
		make_byte(&part, 1);
	if (function)
		make_byte(&part, 0);
	make_section(m, 3, (struct bytes){part.bytes, part.len});
	make_optional(m, 4, p->tables, NOTHING);
	make_optional(m, 5, p->memories, CODE(1, 1, 2, 2));
	make_optional(m, 6, p->globals, CODE(1, 0x7f, 1, 0x41, 7, 0x0b));
	part.len = 0;
	make_exports(&part, initialize);
	make_optional(m, 7, p->exports, (struct bytes){part.bytes, part.len});
	make_optional(m, 8, p->start, NOTHING);
	make_optional(m, 9, p->elements, NOTHING);
	make_optional(m, 12, p->data_count, NOTHING);
	part.len = 0;
	make_code(&part, p);
	make_section(m, 10, (struct bytes){part.bytes, part.len});
	make_optional(m, 11, p->data, NOTHING);
	make_put(m, p->more.data, p->more.len);
	return (struct bytes){m->bytes, m->len};
}

#endif
