/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "wasm_make.h"
#include "wasm_precheck.h"

static struct make made;
static struct wasm_summary summary;
static struct wasm_error error;

static bool passes(struct bytes module)
{
	return wasm_precheck(module, &summary, &error) == STATUS_OK;
}

static bool refuses_as(const struct make_policy *p, enum wasm_refusal code)
{
	if (passes(make_policy(&made, p)) || error.code != code) {
		fprintf(stderr, "got %d at %u: %s\n", error.code, error.where, error.text);
		return false;
	}
	return error.where <= made.len && error.text[0] != '\0';
}

static bool code_refused_as(struct bytes code, enum wasm_refusal refusal)
{
	return refuses_as(&(struct make_policy){.check = code}, refusal);
}

static void test_the_smallest_policy_passes(void)
{
	EXPECT(passes(make_policy(&made, &(struct make_policy){0})));
	EXPECT(summary.functions == 4 && summary.types == 2 && summary.memory_pages == 2);
	EXPECT(summary.globals == 1 && summary.mutable_globals == 1);
	EXPECT(summary.mutable_global[0] == 0 && !summary.has_initialize);
	EXPECT(summary.export_count == 5 && made.bytes[summary.export_section_start] == 7);
	EXPECT(summary.parameters.len == 0 && summary.data_section.len == 0);
}

static void test_a_policy_with_everything_passes(void)
{
	const struct make_policy all = {
	    .initialize = CODE(0x01),
	    .tables = CODE(1, 0x70, 1, 4, 4),
	    .elements = CODE(1, 0, 0x41, 1, 0x0b, 3, 0, 1, 2),
	    .globals = CODE(2, 0x7e, 0, 0x42, 0x7f, 0x0b, 0x7f, 1, 0x41, 0x80, 0x7f, 0x0b),
	    .data = CODE(2, 0, 0x41, 8, 0x0b, 2, 'h', 'i', 0, 0x41, 0xff, 0xff, 7, 0x0b, 1, '!'),
	    /* block, loop, if-else, br_table, call_indirect, memory.copy, memory.fill, extend8_s */
	    .check = CODE(0x02, 0x40, 0x03, 0x40, 0x41, 0, 0x04, 0x40, 0x01, 0x05, 0x01, 0x0b, //
	                  0x41, 0, 0x0e, 1, 0, 1, 0x0b, 0x0b,                                  //
	                  0x41, 1, 0x11, 0, 0, 0x1a,                                           //
	                  0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 10, 0, 0,                           //
	                  0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 11, 0, 0x41, 5, 0xc0),
	};

	EXPECT(passes(make_policy(&made, &all)));
	EXPECT(summary.has_initialize && summary.table_entries == 4 && summary.functions == 5);
	EXPECT(summary.globals == 2 && summary.mutable_globals == 1);
	EXPECT(summary.mutable_global[0] == 1 && summary.data_segments == 2);
}

/* M3 */
static void test_imports_and_start_functions_are_refused(void)
{
	EXPECT(refuses_as(&(struct make_policy){.imports = CODE(1, 3, 'e', 'n', 'v', 1, 'f', 0, 0)},
	                  WASM_REFUSAL_IMPORT));
	EXPECT(strstr(error.text, "env?f") != NULL);
	EXPECT(refuses_as(&(struct make_policy){.imports = CODE(1, 1, 'm', 1, 'm', 2, 0, 1)},
	                  WASM_REFUSAL_IMPORT));
	EXPECT(refuses_as(&(struct make_policy){.start = CODE(0)}, WASM_REFUSAL_START));
	/* an import section that is empty imports nothing */
	EXPECT(passes(make_policy(&made, &(struct make_policy){.imports = CODE(0)})));
}

static void test_the_memory_cannot_grow(void)
{
	const struct bytes bad[] = {
	    CODE(1, 0, 2),
	    CODE(1, 1, 2, 3),
	    CODE(1, 1, 33, 33),
	    CODE(1, 1, 0, 0),
	    CODE(2, 1, 2, 2, 1, 2, 2),
	    CODE(1, 3, 2, 2),
	    CODE(1, 5, 2, 2),
	    CODE(0),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(refuses_as(&(struct make_policy){.memories = bad[i]},
		                  i == 7 ? WASM_REFUSAL_INDEX : WASM_REFUSAL_MEMORY));
	EXPECT(passes(make_policy(&made, &(struct make_policy){.memories = CODE(1, 1, 32, 32)})));
}

static void test_tables_are_bounded(void)
{
	const struct bytes bad[] = {
	    CODE(1, 0x70, 0, 0x81, 8),
	    CODE(1, 0x6f, 0, 1),
	    CODE(2, 0x70, 0, 1, 0x70, 0, 1),
	    CODE(1, 0x70, 1, 2, 1),
	    CODE(1, 0x70, 2, 1),
	    CODE(1, 0x70, 1, 1, 0xff, 0xff, 3),
	    CODE(1, 0x70, 0, 0xff, 0xff, 0xff, 0xff, 0x0f),
	    CODE(1, 0x70, 0, 0),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(refuses_as(&(struct make_policy){.tables = bad[i]}, WASM_REFUSAL_TABLE));
	EXPECT(
	    passes(make_policy(&made, &(struct make_policy){.tables = CODE(1, 0x70, 0, 0x80, 8)})));
}

static void test_elements_and_data_must_fit(void)
{
	const struct bytes tables = CODE(1, 0x70, 0, 4);
	const struct bytes elements[] = {
	    CODE(1, 0, 0x41, 2, 0x0b, 3, 0, 0, 0),
	    CODE(1, 0, 0x41, 0x7f, 0x0b, 1, 0),
	    CODE(1, 1, 0, 1, 0),
	    CODE(1, 0, 0x41, 0, 0x0b, 0xff, 0xff, 3),
	};
	const struct bytes data[] = {
	    CODE(1, 0, 0x41, 0xff, 0xff, 7, 0x0b, 2, 1, 1),
	    CODE(1, 0, 0x41, 0x7f, 0x0b, 1, 1),
	    CODE(1, 1, 1, 1),
	    CODE(1, 2, 0, 0x41, 0, 0x0b, 1, 1),
	};

	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		EXPECT(refuses_as(&(struct make_policy){.tables = tables, .elements = elements[i]},
		                  WASM_REFUSAL_ELEMENT));
	EXPECT(refuses_as(
	    &(struct make_policy){.tables = tables, .elements = CODE(1, 0, 0x41, 0, 0x0b, 1, 9)},
	    WASM_REFUSAL_INDEX));
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
		EXPECT(refuses_as(&(struct make_policy){.data = data[i]}, WASM_REFUSAL_DATA));
	/* the segment claims more bytes than the section holds */
	EXPECT(refuses_as(&(struct make_policy){.data = CODE(1, 0, 0x41, 0, 0x0b, 9, 1)},
	                  WASM_REFUSAL_TRUNCATED));
	/* the offset is another global, which only imports could give */
	EXPECT(refuses_as(&(struct make_policy){.data = CODE(1, 0, 0x23, 0, 0x0b, 1, 1)},
	                  WASM_REFUSAL_CONST));
}

static void test_globals_are_constant_integers(void)
{
	static uint8_t many[1 + 65 * 5] = {65};

	EXPECT(
	    refuses_as(&(struct make_policy){.globals = CODE(1, 0x7d, 0, 0x43, 0, 0, 0, 0, 0x0b)},
	               WASM_REFUSAL_VALUE_TYPE));
	EXPECT(refuses_as(&(struct make_policy){.globals = CODE(1, 0x7f, 2, 0x41, 0, 0x0b)},
	                  WASM_REFUSAL_GLOBAL));
	EXPECT(refuses_as(&(struct make_policy){.globals = CODE(1, 0x7f, 0, 0x42, 0, 0x0b)},
	                  WASM_REFUSAL_CONST));
	for (size_t i = 0; i < 65; i++)
		memcpy(many + 1 + 5 * i, "\x7f\x01\x41\x00\x0b", 5);
	EXPECT(refuses_as(&(struct make_policy){.globals = BYTES_OF_ARRAY(many)},
	                  WASM_REFUSAL_GLOBAL));
	many[0] = 64;
	EXPECT(passes(make_policy(
	    &made, &(struct make_policy){.globals = bytes_of(many, sizeof(many) - 5)})));
}

/* Every opcode byte, alone: exactly the profile's are known. */
static void test_every_opcode_is_in_the_profile_or_refused(void)
{
	unsigned floats = 0, unknown = 0;

	for (unsigned op = 0; op < 256; op++) {
		const uint8_t code[] = {(uint8_t)op, 0, 0, 0, 0, 0, 0, 0, 0};

		if (passes(
		        make_policy(&made, &(struct make_policy){.check = BYTES_OF_ARRAY(code)})))
			continue;
		floats += error.code == WASM_REFUSAL_FLOAT;
		unknown += error.code == WASM_REFUSAL_OPCODE;
	}
	/* 4 loads and stores of f32 and f64 (one each way), 2 constants, 12 comparisons,
	 * 28 operators, and 6 + 16 conversions; fc 00 is one more */
	EXPECT(floats == 4 + 2 + 12 + 28 + 4 + 2 + 16 + 1);
	/* what WebAssembly 1.0 with sign extension does not know, or the profile leaves out */
	EXPECT(unknown == 5 + 8 + 4 + 3 + 55 + 3);
}

static void test_floats_vectors_and_references_are_refused(void)
{
	EXPECT(code_refused_as(CODE(0x43, 0, 0, 0, 0), WASM_REFUSAL_FLOAT));
	EXPECT(code_refused_as(CODE(0x41, 0, 0xb2), WASM_REFUSAL_FLOAT));
	EXPECT(code_refused_as(CODE(0xfc, 0), WASM_REFUSAL_FLOAT));
	EXPECT(code_refused_as(CODE(0xfd, 12), WASM_REFUSAL_OPCODE));
	EXPECT(code_refused_as(CODE(0xfe, 0), WASM_REFUSAL_OPCODE));    /* atomics */
	EXPECT(code_refused_as(CODE(0x12, 0), WASM_REFUSAL_OPCODE));    /* return_call */
	EXPECT(code_refused_as(CODE(0xd0, 0x70), WASM_REFUSAL_OPCODE)); /* ref.null */
	EXPECT(code_refused_as(CODE(0x25, 0), WASM_REFUSAL_OPCODE));    /* table.get */
	EXPECT(code_refused_as(CODE(0x06, 0x40), WASM_REFUSAL_OPCODE)); /* try */
	for (uint8_t op = 8; op < 18; op++) {
		if (op != 10 && op != 11)
			EXPECT(code_refused_as(CODE(0xfc, op, 0, 0), WASM_REFUSAL_OPCODE));
	}
	EXPECT(code_refused_as(CODE(0x02, 0x7d, 0x0b), WASM_REFUSAL_VALUE_TYPE));
	EXPECT(code_refused_as(CODE(0x02, 0, 0x0b), WASM_REFUSAL_VALUE_TYPE)); /* multi-value */
}

static void test_indexes_must_name_something(void)
{
	EXPECT(code_refused_as(CODE(0x10, 9), WASM_REFUSAL_INDEX));
	EXPECT(code_refused_as(CODE(0x20, 0), WASM_REFUSAL_INDEX));
	EXPECT(code_refused_as(CODE(0x23, 1), WASM_REFUSAL_INDEX));
	EXPECT(code_refused_as(CODE(0x0c, 1), WASM_REFUSAL_INDEX));
	EXPECT(code_refused_as(CODE(0x0e, 0, 1), WASM_REFUSAL_INDEX));
	EXPECT(code_refused_as(CODE(0x11, 0, 0), WASM_REFUSAL_INDEX)); /* no table */
	EXPECT(code_refused_as(CODE(0x28, 3, 0), WASM_REFUSAL_ALIGNMENT));
	EXPECT(code_refused_as(CODE(0x40, 1), WASM_REFUSAL_INDEX)); /* a second memory */
}

static void test_lying_lengths_are_refused(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct bytes good = make_policy(&made, &(struct make_policy){0});
	unsigned refused = 0;

	/* cut anywhere */
	for (size_t len = 0; len < good.len; len++)
		refused += !passes(bytes_of(good.data, len));
	EXPECT(refused == good.len);
	/* a section that says it is one longer, or shorter */
	memcpy(module, good.data, good.len);
	module[9]++;
	EXPECT(!passes(bytes_of(module, good.len)));
	module[9] -= 2;
	EXPECT(!passes(bytes_of(module, good.len)));
	/* a branch table, a vector and a body of 2^32 - 1 */
	EXPECT(code_refused_as(CODE(0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f), WASM_REFUSAL_TRUNCATED));
	EXPECT(refuses_as(&(struct make_policy){.data = CODE(0xff, 0xff, 0xff, 0xff, 0x0f)},
	                  WASM_REFUSAL_DATA));
	EXPECT(refuses_as(&(struct make_policy){.data = CODE(0x83, 0x80, 0x80, 0x80, 0x70)},
	                  WASM_REFUSAL_LEB));
	EXPECT(refuses_as(&(struct make_policy){.more = CODE(0, 0x80, 0x80, 0x80, 0x80, 0x80, 1)},
	                  WASM_REFUSAL_LEB));
	/* code behind a function's end, and code that does not end */
	EXPECT(code_refused_as(CODE(0x0b, 0x01), WASM_REFUSAL_NESTING));
	EXPECT(code_refused_as(CODE(0x02, 0x40), WASM_REFUSAL_TRUNCATED));
	EXPECT(code_refused_as(CODE(0x05), WASM_REFUSAL_NESTING));
}

static void test_sections_come_once_and_in_order(void)
{
	EXPECT(
	    refuses_as(&(struct make_policy){.more = CODE(1, 1, 0)}, WASM_REFUSAL_SECTION_ORDER));
	EXPECT(refuses_as(&(struct make_policy){.data = CODE(0), .more = CODE(11, 1, 0)},
	                  WASM_REFUSAL_SECTION_ORDER));
	EXPECT(refuses_as(&(struct make_policy){.more = CODE(13, 1, 0)}, WASM_REFUSAL_SECTION_ID));
	EXPECT(
	    refuses_as(&(struct make_policy){.more = CODE(12, 1, 1)}, WASM_REFUSAL_SECTION_ORDER));
	EXPECT(
	    refuses_as(&(struct make_policy){.more = CODE(11, 2, 0, 0)}, WASM_REFUSAL_SECTION_LEN));
}

static void test_wrong_magic_and_size_are_refused(void)
{
	static uint8_t large[LIMIT_MODULE_MAX + 1];
	struct bytes good = make_policy(&made, &(struct make_policy){0});

	for (size_t i = 0; i < 8; i++) {
		made.bytes[i] ^= 1;
		EXPECT(!passes(good) && error.code == WASM_REFUSAL_MAGIC);
		made.bytes[i] ^= 1;
	}
	EXPECT(!passes(NOTHING) && error.code == WASM_REFUSAL_MAGIC);
	EXPECT(!passes(BYTES_OF_ARRAY(large)) && error.code == WASM_REFUSAL_SIZE);
}

static void test_exports_are_exactly_the_abis(void)
{
	struct bytes good = make_policy(&made, &(struct make_policy){0});
	uint8_t *name = NULL;

	for (size_t i = 0; i + 12 < good.len && name == NULL; i++) {
		if (memcmp(made.bytes + i, "policy_check", 12) == 0)
			name = made.bytes + i;
	}
	CHECK(name != NULL);
	name[11] = 'K'; /* an export that no policy has */
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_EXPORT);
	name[11] = (uint8_t)0xff; /* not UTF-8 */
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_NAME);
	name[11] = 'k';
	name[12] = 3; /* kind global */
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_EXPORT);
	name[12] = 0;
	name[13] = 4;
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_INDEX);
	name[13] = 2;
	made.bytes[summary.export_section.off]--; /* one entry fewer: left-over bytes */
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_SECTION_LEN);
	/* policy_check with a parameter, and with an i64 */
	(void)make_policy(&made, &(struct make_policy){0});
	made.bytes[14] = 0x7e;
	EXPECT(!passes(good) && error.code == WASM_REFUSAL_EXPORT_TYPE);
}

static void test_an_export_that_is_given_twice_is_refused(void)
{
	static struct make exports;

	exports.len = 0;
	make_exports(&exports, false);
	exports.bytes[0] = 6;
	make_name(&exports, "policy_abi");
	make_put(&exports, "\0\0", 2);
	EXPECT(refuses_as(
	    &(struct make_policy){
	        .exports = {exports.bytes, exports.len}
        },
	    WASM_REFUSAL_EXPORT));
	exports.len = 0; /* and one that is left out */
	make_exports(&exports, false);
	exports.bytes[0] = 4;
	EXPECT(refuses_as(
	    &(struct make_policy){
	        .exports = {exports.bytes, exports.len - sizeof("policy_describe") - 2}
        },
	    WASM_REFUSAL_EXPORT_MISSING));
	EXPECT(strstr(error.text, "policy_describe") != NULL);
}

static void test_the_abis_functions_take_nothing(void)
{
	EXPECT(
	    refuses_as(&(struct make_policy){.types = CODE(2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0)},
	               WASM_REFUSAL_EXPORT_TYPE));
	EXPECT(refuses_as(&(struct make_policy){.types = CODE(2, 0x60, 0, 0, 0x60, 0, 0)},
	                  WASM_REFUSAL_EXPORT_TYPE));
	EXPECT(refuses_as(&(struct make_policy){.types = CODE(1, 0x60, 0, 2, 0x7f, 0x7f)},
	                  WASM_REFUSAL_TYPE));
	EXPECT(refuses_as(&(struct make_policy){.types = CODE(1, 0x60, 1, 0x7d, 1, 0x7f)},
	                  WASM_REFUSAL_VALUE_TYPE));
}

static void test_the_data_count_must_match(void)
{
	const struct bytes data = CODE(1, 0, 0x41, 8, 0x0b, 1, 1);

	EXPECT(
	    passes(make_policy(&made, &(struct make_policy){.data_count = CODE(1), .data = data})));
	EXPECT(refuses_as(&(struct make_policy){.data_count = CODE(2), .data = data},
	                  WASM_REFUSAL_DATA_COUNT));
	EXPECT(refuses_as(&(struct make_policy){.data_count = CODE(1)}, WASM_REFUSAL_DATA_COUNT));
}

static void test_one_parameters_section_is_found(void)
{
	static struct make section;
	static uint8_t large[LIMIT_SCHEMA_MAX + 1];

	section.len = 0;
	make_byte(&section, 0);
	make_byte(&section, 23);
	make_name(&section, "claviger.parameters");
	make_put(&section, "abc", 3);
	EXPECT(passes(make_policy(&made, &(struct make_policy){
	                                     .more = {section.bytes, section.len}
        })));
	EXPECT(summary.parameters.len == 3);
	EXPECT(memcmp(made.bytes + summary.parameters.off, "abc", 3) == 0);
	make_put(&section, section.bytes, section.len);
	EXPECT(refuses_as(
	    &(struct make_policy){
	        .more = {section.bytes, section.len}
        },
	    WASM_REFUSAL_PARAMETERS));
	section.len = 0;
	make_byte(&section, 0);
	make_leb(&section, 20 + sizeof(large));
	make_name(&section, "claviger.parameters");
	make_put(&section, large, sizeof(large));
	EXPECT(refuses_as(
	    &(struct make_policy){
	        .more = {section.bytes, section.len}
        },
	    WASM_REFUSAL_PARAMETERS));
}

static void test_deep_nesting_many_locals_and_large_bodies_are_refused(void)
{
	static uint8_t blocks[3 * 1001], big[WASM_BODY_MAX + 8];
	size_t n = 0;

	for (size_t i = 0; i < 1000; i++) {
		blocks[n++] = 0x02;
		blocks[n++] = 0x40;
	}
	EXPECT(code_refused_as(bytes_of(blocks, n), WASM_REFUSAL_NESTING));
	memset(big, 0x01, sizeof(big));
	EXPECT(code_refused_as(BYTES_OF_ARRAY(big), WASM_REFUSAL_BODY_SIZE));
	n = 0;
	for (size_t i = 0; i < 999; i++) {
		blocks[n++] = 0x02;
		blocks[n++] = 0x40;
	}
	for (size_t i = 0; i < 999; i++)
		blocks[n++] = 0x0b;
	EXPECT(passes(make_policy(&made, &(struct make_policy){.check = bytes_of(blocks, n)})));
	/* make_body gives no locals; put a run of 1001 into the body's first byte by hand */
	(void)make_policy(&made, &(struct make_policy){.check = CODE(0xe9, 7, 0x7f, 0x41, 0)});
	for (size_t i = 0; i + 5 < made.len; i++) {
		if (memcmp(made.bytes + i, "\0\xe9\7\x7f", 4) == 0)
			made.bytes[i] = 1;
	}
	EXPECT(!passes(bytes_of(made.bytes, made.len)) && error.code == WASM_REFUSAL_LOCALS);
}

/* One changed byte anywhere: never a crash, always an error that says something, or a pass. */
static void test_every_single_byte_change_is_answered(void)
{
	const struct make_policy p = {.tables = CODE(1, 0x70, 0, 4),
	                              .data = CODE(1, 0, 0x41, 8, 0x0b, 1, 1)};
	struct bytes good = make_policy(&made, &p);
	unsigned refused = 0, passed = 0;

	for (size_t at = 0; at < good.len; at++) {
		uint8_t before = made.bytes[at];

		for (unsigned value = 0; value < 256; value++) {
			made.bytes[at] = (uint8_t)value;
			error.code = WASM_REFUSAL_NONE;
			if (passes(good)) {
				passed++;
			} else {
				refused++;
				EXPECT(error.code != WASM_REFUSAL_NONE && error.where <= good.len);
			}
		}
		made.bytes[at] = before;
	}
	EXPECT(refused > 10 * good.len && passed > good.len);
}

int main(void)
{
	RUN(test_the_smallest_policy_passes);
	RUN(test_a_policy_with_everything_passes);
	RUN(test_imports_and_start_functions_are_refused);
	RUN(test_the_memory_cannot_grow);
	RUN(test_tables_are_bounded);
	RUN(test_elements_and_data_must_fit);
	RUN(test_globals_are_constant_integers);
	RUN(test_every_opcode_is_in_the_profile_or_refused);
	RUN(test_floats_vectors_and_references_are_refused);
	RUN(test_indexes_must_name_something);
	RUN(test_lying_lengths_are_refused);
	RUN(test_sections_come_once_and_in_order);
	RUN(test_wrong_magic_and_size_are_refused);
	RUN(test_exports_are_exactly_the_abis);
	RUN(test_an_export_that_is_given_twice_is_refused);
	RUN(test_the_abis_functions_take_nothing);
	RUN(test_the_data_count_must_match);
	RUN(test_one_parameters_section_is_found);
	RUN(test_deep_nesting_many_locals_and_large_bodies_are_refused);
	RUN(test_every_single_byte_change_is_answered);
	return test_summary();
}
