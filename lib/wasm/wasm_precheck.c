/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm_precheck.h"

#include <stdio.h>
#include <string.h>

#include "wasm_code.h"
#include "wasm_reader.h"

#define VALUE_I32        0x7f
#define VALUE_I64        0x7e
#define TYPE_FUNCTION    0x60
#define TYPE_FUNCREF     0x70
#define OPCODE_END       0x0b
#define OPCODE_I32_CONST 0x41
#define OPCODE_I64_CONST 0x42

enum section {
	SECTION_CUSTOM,
	SECTION_TYPE,
	SECTION_IMPORT,
	SECTION_FUNCTION,
	SECTION_TABLE,
	SECTION_MEMORY,
	SECTION_GLOBAL,
	SECTION_EXPORT,
	SECTION_START,
	SECTION_ELEMENT,
	SECTION_CODE,
	SECTION_DATA,
	SECTION_DATA_COUNT,
	SECTION_COUNT
};

enum export_kind { EXPORT_FUNCTION, EXPORT_TABLE, EXPORT_MEMORY, EXPORT_GLOBAL };

struct signature {
	uint8_t parameters;
	uint8_t results;
	uint8_t result; /* its value type */
};

struct check {
	struct wasm_reader r;
	struct wasm_summary summary;
	unsigned last;  /* place of the last section that is not custom */
	uint32_t known; /* bytes that begin a module which passed */
	uint32_t data_count;
	bool has_data_count;
	bool has_code;
	bool has_memory;
	bool has_data;
	uint32_t found_exports; /* bit per row of `exports` */
	struct signature types[WASM_TYPES_MAX];
	uint16_t functions[WASM_FUNCTIONS_MAX]; /* their types */
};

static const struct export_row {
	const char *name;
	enum export_kind kind;
	uint8_t results;
	bool required;
} exports[] = {
    {"memory",          EXPORT_MEMORY,   0, true },
    {"policy_abi",      EXPORT_FUNCTION, 1, true },
    {"policy_io",       EXPORT_FUNCTION, 1, true },
    {"policy_check",    EXPORT_FUNCTION, 1, true },
    {"policy_describe", EXPORT_FUNCTION, 1, true },
    {"_initialize",     EXPORT_FUNCTION, 0, false},
};
#define EXPORT_ROWS       (sizeof(exports) / sizeof(exports[0]))
#define EXPORT_INITIALIZE (EXPORT_ROWS - 1)

/* Takes the count in front of a vector; each entry has a byte at least. */
static uint32_t take_count(struct wasm_reader *r, uint32_t max, enum wasm_refusal refusal)
{
	uint32_t start = r->at, count = wasm_take_u32(r);

	if (!r->failed && count > max)
		wasm_fail(r, refusal, start, NULL);
	else if (!r->failed && count > r->end - r->at)
		wasm_fail(r, WASM_REFUSAL_TRUNCATED, start, NULL);
	return r->failed ? 0 : count;
}

static uint8_t take_value_type(struct wasm_reader *r)
{
	uint32_t start = r->at;
	uint8_t type = wasm_take_byte(r);

	if (!r->failed && type != VALUE_I32 && type != VALUE_I64)
		wasm_fail(r, WASM_REFUSAL_VALUE_TYPE, start, NULL);
	return type;
}

static bool is_utf8(const uint8_t *text, uint32_t len)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};

	for (uint32_t i = 0; i < len;) {
		uint8_t lead = text[i++];
		unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint32_t point = more == 0 ? lead : lead & (0x3fu >> more);

		if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || more > len - i)
			return false;
		for (unsigned n = 0; n < more; n++, i++) {
			if ((text[i] & 0xc0) != 0x80)
				return false;
			point = point << 6 | (text[i] & 0x3f);
		}
		if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
			return false;
	}
	return true;
}

static struct wasm_range take_name(struct wasm_reader *r)
{
	uint32_t start = r->at, len = wasm_take_u32(r);
	struct wasm_range name;

	if (!r->failed && len > WASM_NAME_MAX)
		wasm_fail(r, WASM_REFUSAL_NAME, start, NULL);
	name = wasm_take_run(r, len);
	if (!r->failed && !is_utf8(r->bytes + name.off, name.len))
		wasm_fail(r, WASM_REFUSAL_NAME, start, NULL);
	return name;
}

static bool name_is(const struct wasm_reader *r, struct wasm_range name, const char *text)
{
	return !r->failed && name.len == strlen(text) &&
	       memcmp(r->bytes + name.off, text, name.len) == 0;
}

static void fail_with_name(struct wasm_reader *r, enum wasm_refusal code, uint32_t where,
                           struct wasm_range name)
{
	char detail[72] = {0};
	uint32_t len = name.len < 64 ? name.len : 64;

	/* Text for people: nothing that could move a cursor. */
	for (uint32_t i = 0; i < len && !r->failed; i++) {
		uint8_t byte = r->bytes[name.off + i];

		detail[i] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '?');
	}
	wasm_fail(r, code, where, detail);
}

static void check_custom(struct check *c)
{
	struct wasm_reader *r = &c->r;
	struct wasm_range name = take_name(r);

	if (name_is(r, name, "claviger.parameters")) {
		if (c->summary.parameters.off != 0 || r->end - r->at > LIMIT_SCHEMA_MAX)
			wasm_fail(r, WASM_REFUSAL_PARAMETERS, name.off, NULL);
		c->summary.parameters = (struct wasm_range){r->at, r->end - r->at};
	}
	if (!r->failed)
		r->at = r->end;
}

static void check_types(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t count = take_count(r, WASM_TYPES_MAX, WASM_REFUSAL_FUNCTION_COUNT);

	for (uint32_t i = 0; i < count && !r->failed; i++) {
		uint32_t start = r->at;

		if (wasm_take_byte(r) != TYPE_FUNCTION)
			wasm_fail(r, WASM_REFUSAL_TYPE, start, NULL);
		c->types[i].parameters =
		    (uint8_t)take_count(r, WASM_PARAMETERS_MAX, WASM_REFUSAL_TYPE);
		for (uint32_t n = 0; n < c->types[i].parameters; n++)
			(void)take_value_type(r);
		c->types[i].results = (uint8_t)take_count(r, 1, WASM_REFUSAL_TYPE);
		if (c->types[i].results != 0)
			c->types[i].result = take_value_type(r);
	}
	c->summary.types = count;
}

static void check_imports(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at;
	struct wasm_range module, field;

	if (wasm_take_u32(r) == 0)
		return;
	module = take_name(r);
	field = take_name(r);
	if (r->failed)
		return;
	/* Both names and what lies between: one length byte, shown as '?'. */
	module.len = field.off + field.len - module.off;
	fail_with_name(r, WASM_REFUSAL_IMPORT, start, module);
}

static void check_functions(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t count = take_count(r, WASM_FUNCTIONS_MAX, WASM_REFUSAL_FUNCTION_COUNT);

	for (uint32_t i = 0; i < count && !r->failed; i++)
		c->functions[i] = (uint16_t)wasm_take_index(r, c->summary.types, "type");
	c->summary.functions = count;
}

static void check_tables(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at, flags, least, most = 0;

	if (take_count(r, 1, WASM_REFUSAL_TABLE) == 0)
		return;
	if (wasm_take_byte(r) != TYPE_FUNCREF)
		wasm_fail(r, WASM_REFUSAL_TABLE, start, "element type");
	flags = wasm_take_u32(r);
	least = wasm_take_u32(r);
	if (flags == 1)
		most = wasm_take_u32(r);
	if (flags > 1 || least == 0 || least > WASM_TABLE_MAX || most > WASM_TABLE_MAX ||
	    (flags == 1 && most < least))
		wasm_fail(r, WASM_REFUSAL_TABLE, start, NULL);
	c->summary.table_entries = least;
}

static void check_memories(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at, flags, least, most;

	if (take_count(r, 1, WASM_REFUSAL_MEMORY) == 0)
		return;
	flags = wasm_take_u32(r);
	least = wasm_take_u32(r);
	most = flags == 1 ? wasm_take_u32(r) : 0;
	if (flags != 1 || least != most || least == 0 || least > WASM_PAGES_MAX)
		wasm_fail(r, WASM_REFUSAL_MEMORY, start, NULL);
	c->summary.memory_pages = least;
	c->has_memory = true;
}

/* Takes `i32.const n end` or `i64.const n end`; returns the 32 bits of an i32. */
static uint32_t take_constant(struct wasm_reader *r, uint8_t type)
{
	uint32_t start = r->at, value = 0;
	uint8_t op = wasm_take_byte(r);

	if (!r->failed && op != (type == VALUE_I32 ? OPCODE_I32_CONST : OPCODE_I64_CONST))
		wasm_fail(r, WASM_REFUSAL_CONST, start, NULL);
	if (type == VALUE_I32)
		value = wasm_take_i32(r);
	else
		wasm_skip_s64(r);
	if (wasm_take_byte(r) != OPCODE_END)
		wasm_fail(r, WASM_REFUSAL_CONST, start, NULL);
	return value;
}

static void check_globals(struct check *c)
{
	struct wasm_reader *r = &c->r;
	struct wasm_summary *s = &c->summary;
	uint32_t count = take_count(r, WASM_GLOBALS_MAX, WASM_REFUSAL_GLOBAL);

	for (uint32_t i = 0; i < count && !r->failed; i++) {
		uint32_t start = r->at;
		uint8_t type = take_value_type(r), is_mutable = wasm_take_byte(r);

		if (is_mutable > 1 ||
		    (is_mutable == 1 && s->mutable_globals == WASM_MUTABLE_GLOBALS_MAX))
			wasm_fail(r, WASM_REFUSAL_GLOBAL, start, NULL);
		else if (is_mutable == 1)
			s->mutable_global[s->mutable_globals++] = (uint16_t)i;
		(void)take_constant(r, type);
	}
	s->globals = count;
}

static void check_export(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at, index;
	struct wasm_range name = take_name(r);
	uint8_t kind = wasm_take_byte(r);
	unsigned row = 0;

	while (row < EXPORT_ROWS && !name_is(r, name, exports[row].name))
		row++;
	if (row == EXPORT_ROWS || kind != exports[row].kind || (c->found_exports >> row & 1) != 0) {
		fail_with_name(r, WASM_REFUSAL_EXPORT, start, name);
		return;
	}
	c->found_exports |= 1u << row;
	index = wasm_take_index(r, kind == EXPORT_MEMORY ? c->has_memory : c->summary.functions,
	                        "export");
	if (kind == EXPORT_FUNCTION && !r->failed) {
		const struct signature *type = &c->types[c->functions[index]];

		if (type->parameters != 0 || type->results != exports[row].results ||
		    (type->results == 1 && type->result != VALUE_I32))
			fail_with_name(r, WASM_REFUSAL_EXPORT_TYPE, start, name);
	}
}

static void check_exports(struct check *c)
{
	struct wasm_reader *r = &c->r;

	c->summary.export_section = (struct wasm_range){r->at, r->end - r->at};
	c->summary.export_count = take_count(r, EXPORT_ROWS, WASM_REFUSAL_EXPORT);
	for (uint32_t i = 0; i < c->summary.export_count && !r->failed; i++)
		check_export(c);
	c->summary.has_initialize = (c->found_exports >> EXPORT_INITIALIZE & 1) != 0;
}

static void check_start(struct check *c)
{
	wasm_fail(&c->r, WASM_REFUSAL_START, c->r.at, NULL);
}

static void check_elements(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t segments = take_count(r, WASM_SEGMENTS_MAX, WASM_REFUSAL_ELEMENT);

	for (uint32_t i = 0; i < segments && !r->failed; i++) {
		uint32_t start = r->at, offset, count;

		if (wasm_take_u32(r) != 0)
			wasm_fail(r, WASM_REFUSAL_ELEMENT, start, NULL);
		offset = take_constant(r, VALUE_I32);
		count = take_count(r, WASM_TABLE_MAX, WASM_REFUSAL_ELEMENT);
		if ((uint64_t)offset + count > c->summary.table_entries)
			wasm_fail(r, WASM_REFUSAL_ELEMENT, start, NULL);
		for (uint32_t n = 0; n < count && !r->failed; n++)
			(void)wasm_take_index(r, c->summary.functions, "function");
	}
}

static void check_code(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at, section_end = r->end;
	uint32_t count = take_count(r, WASM_FUNCTIONS_MAX, WASM_REFUSAL_CODE_COUNT);

	c->summary.code_section = (struct wasm_range){start, r->end - start};
	c->has_code = true;
	if (!r->failed && count != c->summary.functions)
		wasm_fail(r, WASM_REFUSAL_CODE_COUNT, start, NULL);
	if (section_end <= c->known) {
		r->at = section_end;
		return;
	}
	for (uint32_t i = 0; i < count && !r->failed; i++) {
		uint32_t body = r->at, len = wasm_take_u32(r);

		if (!r->failed && len > WASM_BODY_MAX)
			wasm_fail(r, WASM_REFUSAL_BODY_SIZE, body, NULL);
		else if (!r->failed && len > section_end - r->at)
			wasm_fail(r, WASM_REFUSAL_TRUNCATED, body, "function body");
		if (r->failed)
			return;
		r->end = r->at + len;
		wasm_check_body(r, &c->summary, c->types[c->functions[i]].parameters);
		r->end = section_end;
	}
}

static void check_data(struct check *c)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at;
	uint32_t count = take_count(r, WASM_SEGMENTS_MAX, WASM_REFUSAL_DATA);

	c->summary.data_section = (struct wasm_range){start, r->end - start};
	c->summary.data_segments = count;
	c->has_data = true;
	if (!r->failed && c->has_data_count && count != c->data_count)
		wasm_fail(r, WASM_REFUSAL_DATA_COUNT, start, NULL);
	for (uint32_t i = 0; i < count && !r->failed; i++) {
		uint32_t segment = r->at, offset, len;

		if (wasm_take_u32(r) != 0)
			wasm_fail(r, WASM_REFUSAL_DATA, segment, NULL);
		offset = take_constant(r, VALUE_I32);
		len = wasm_take_u32(r);
		if ((uint64_t)offset + len > (uint64_t)c->summary.memory_pages * WASM_PAGE_BYTES)
			wasm_fail(r, WASM_REFUSAL_DATA, segment, NULL);
		(void)wasm_take_run(r, len);
	}
}

static void check_data_count(struct check *c)
{
	c->data_count = wasm_take_u32(&c->r);
	c->has_data_count = true;
}

/* Place in the order in which sections must come: data count stands before code. */
static const struct section_row {
	unsigned place;
	void (*check)(struct check *c);
} sections[SECTION_COUNT] = {
    {0,  check_custom    },
    {1,  check_types     },
    {2,  check_imports   },
    {3,  check_functions },
    {4,  check_tables    },
    {5,  check_memories  },
    {6,  check_globals   },
    {7,  check_exports   },
    {8,  check_start     },
    {9,  check_elements  },
    {11, check_code      },
    {12, check_data      },
    {10, check_data_count},
};

static void check_section(struct check *c, uint32_t module_end)
{
	struct wasm_reader *r = &c->r;
	uint32_t start = r->at, len;
	uint8_t id = wasm_take_byte(r);

	if (!r->failed && id >= SECTION_COUNT)
		wasm_fail(r, WASM_REFUSAL_SECTION_ID, start, NULL);
	len = wasm_take_u32(r);
	if (!r->failed && len > r->end - r->at)
		wasm_fail(r, WASM_REFUSAL_TRUNCATED, start, "section");
	if (r->failed)
		return;
	if (id != SECTION_CUSTOM && sections[id].place <= c->last) {
		wasm_fail(r, WASM_REFUSAL_SECTION_ORDER, start, NULL);
		return;
	}
	if (id != SECTION_CUSTOM)
		c->last = sections[id].place;
	if (id == SECTION_EXPORT)
		c->summary.export_section_start = start;
	r->end = r->at + len;
	sections[id].check(c);
	if (!r->failed && r->at != r->end)
		wasm_fail(r, WASM_REFUSAL_SECTION_LEN, start, NULL);
	r->end = module_end;
}

/* What only shows when all sections were seen. */
static void check_whole(struct check *c)
{
	struct wasm_reader *r = &c->r;

	if (!c->has_memory)
		wasm_fail(r, WASM_REFUSAL_MEMORY, r->end, NULL);
	if (!c->has_code && c->summary.functions != 0)
		wasm_fail(r, WASM_REFUSAL_CODE_COUNT, r->end, NULL);
	if (c->has_data_count && !c->has_data && c->data_count != 0)
		wasm_fail(r, WASM_REFUSAL_DATA_COUNT, r->end, NULL);
	for (unsigned row = 0; row < EXPORT_ROWS; row++) {
		if (exports[row].required && (c->found_exports >> row & 1) == 0)
			wasm_fail(r, WASM_REFUSAL_EXPORT_MISSING, r->end, exports[row].name);
	}
}

enum status wasm_precheck(struct bytes module, struct wasm_summary *ret_summary,
                          struct wasm_error *ret_error)
{
	return wasm_precheck_known(module, 0, ret_summary, ret_error);
}

enum status wasm_precheck_known(struct bytes module, size_t known, struct wasm_summary *ret_summary,
                                struct wasm_error *ret_error)
{
	static const uint8_t magic[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
	struct wasm_error error = {0};
	struct check c = {
	    .r = {.bytes = module.data, .error = &error},
              .known = (uint32_t)known
        };

	if (module.len > LIMIT_MODULE_MAX) {
		wasm_fail(&c.r, WASM_REFUSAL_SIZE, LIMIT_MODULE_MAX, NULL);
	} else if (module.len < sizeof(magic) || memcmp(module.data, magic, sizeof(magic)) != 0) {
		wasm_fail(&c.r, WASM_REFUSAL_MAGIC, 0, NULL);
	} else {
		c.r.at = sizeof(magic);
		c.r.end = (uint32_t)module.len;
		while (!c.r.failed && c.r.at < c.r.end)
			check_section(&c, (uint32_t)module.len);
		check_whole(&c);
	}
	if (c.r.failed) {
		*ret_error = error;
		return STATUS_REFUSED;
	}
	*ret_summary = c.summary;
	return STATUS_OK;
}
