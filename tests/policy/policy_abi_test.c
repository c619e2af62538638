/* The tables of spec/policy-abi.md and abi/policy_abi.h say the same: every field with its offset
 * and size, every bound and every reason code, and nothing more. With "print" it writes the tables.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "base_bytes.h"
#include "base_test.h"
#include "policy_abi.h"

static char spec[131072];
static bool printing;

struct field {
	const char *name;
	size_t offset, size;
};

#define F(type, name)                                                                              \
	{                                                                                          \
#name, offsetof(struct type, name), sizeof(((struct type *)0)->name)               \
	}

static const struct field request[] = {
    F(policy_request, magic),
    F(policy_request, abi),
    F(policy_request, mode),
    F(policy_request, len),
    F(policy_request, flags),
    F(policy_request, wallet),
    F(policy_request, kind),
    F(policy_request, format),
    F(policy_request, required_signatures),
    F(policy_request, wallet_account),
    F(policy_request, nonce),
    F(policy_request, reserved),
    F(policy_request, time_low),
    F(policy_request, time_high),
    F(policy_request, lifetime),
    F(policy_request, fee),
    F(policy_request, message),
    F(policy_request, accounts),
    F(policy_request, instructions),
    F(policy_request, indexes),
    F(policy_request, derived),
    F(policy_request, tables),
    F(policy_request, counters),
    F(policy_request, parameters),
    F(policy_request, text),
};
static const struct field fee[] = {
    F(policy_fee, signatures),         F(policy_fee, precompile_signatures),
    F(policy_fee, compute_unit_limit), F(policy_fee, compute_unit_price),
    F(policy_fee, priority_lamports),  F(policy_fee, worst_lamports),
};
static const struct field account[] = {
    F(policy_account, key),    F(policy_account, signer), F(policy_account, writable),
    F(policy_account, source), F(policy_account, wallet), F(policy_account, reserved),
};
static const struct field instruction[] = {
    F(policy_instruction, program),       F(policy_instruction, account_first),
    F(policy_instruction, account_count), F(policy_instruction, data_off),
    F(policy_instruction, data_len),      F(policy_instruction, reserved),
};
static const struct field derived[] = {
    F(policy_derived, account),
    F(policy_derived, owner_is_wallet),
    F(policy_derived, ownership_proven),
    F(policy_derived, token_2022),
    F(policy_derived, mint_is_parameter),
    F(policy_derived, owner),
    F(policy_derived, mint),
    F(policy_derived, token_program),
};
static const struct field table[] = {
    F(policy_table, key),
    F(policy_table, pinned),
    F(policy_table, known),
};
static const struct field counter[] = {
    F(policy_counter, unit), F(policy_counter, window), F(policy_counter, mint),
    F(policy_counter, cap),  F(policy_counter, left),
};
static const struct field answer[] = {
    F(policy_answer, magic),       F(policy_answer, verdict),      F(policy_answer, reason),
    F(policy_answer, instruction), F(policy_answer, charge_count), F(policy_answer, explain_count),
    F(policy_answer, text_len),    F(policy_answer, reserved),     F(policy_answer, facts),
    F(policy_answer, charges),
};
static const struct field facts[] = {
    F(policy_facts, lamports_out),      F(policy_facts, fee_lamports),
    F(policy_facts, tip_lamports),      F(policy_facts, rent_lamports),
    F(policy_facts, wrapped_lamports),  F(policy_facts, delegations),
    F(policy_facts, authority_changes), F(policy_facts, token_count),
    F(policy_facts, reserved),          F(policy_facts, tokens),
};
static const struct field token_out[] = {F(policy_token_out, mint), F(policy_token_out, amount)};
static const struct field charge[] = {
    F(policy_charge, counter),
    F(policy_charge, reserved),
    F(policy_charge, amount),
};
static const struct field explain[] = {
    F(policy_explain, holds),    F(policy_explain, reason), F(policy_explain, instruction),
    F(policy_explain, reserved), F(policy_explain, name),   F(policy_explain, expected),
    F(policy_explain, actual),
};

struct layout {
	const char *name;
	size_t size;
	const struct field *fields;
	size_t count;
};
#define L(name, array)                                                                             \
	{                                                                                          \
#name, sizeof(struct name), array, sizeof(array) / sizeof(array[0])                \
	}

static const struct layout layouts[] = {
    L(policy_request, request),         L(policy_fee, fee),         L(policy_account, account),
    L(policy_instruction, instruction), L(policy_derived, derived), L(policy_table, table),
    L(policy_counter, counter),         L(policy_answer, answer),   L(policy_facts, facts),
    L(policy_token_out, token_out),     L(policy_charge, charge),   L(policy_explain, explain),
};

/* What stands between a heading and the next one. */
static struct bytes section(const char *heading)
{
	const char *at = strstr(spec, heading);
	if (at == NULL)
		return (struct bytes){NULL, 0};
	at += strlen(heading);
	const char *end = strstr(at, "\n#");
	return bytes_of(at, end == NULL ? strlen(at) : (size_t)(end - at));
}

static unsigned rows_of(struct bytes text)
{
	unsigned rows = 0;
	for (size_t i = 0; i + 3 < text.len; i++)
		if (memcmp(text.data + i, "\n| ", 3) == 0 && text.data[i + 3] >= '0' &&
		    text.data[i + 3] <= '9')
			rows++;
	return rows;
}

static void test_every_field_stands_in_the_spec(void)
{
	char line[160];
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		const struct layout *l = &layouts[i];
		snprintf(line, sizeof(line), "struct %s, %zu bytes\n", l->name, l->size);
		struct bytes text = section(line);
		EXPECT(text.data != NULL);
		if (printing)
			printf("\n### %s\n| offset | bytes | field | |\n|---|---|---|---|\n", line);
		for (size_t j = 0; j < l->count; j++) {
			const struct field *f = &l->fields[j];
			snprintf(line, sizeof(line), "\n| %zu | %zu | %s |", f->offset, f->size,
			         f->name);
			if (printing)
				printf("%s |", line);
			EXPECT(text.data != NULL &&
			       memmem(text.data, text.len, line, strlen(line)) != NULL);
		}
		EXPECT(text.data != NULL && rows_of(text) == l->count);
		size_t covered = 0;
		for (size_t j = 0; j < l->count; j++)
			covered += l->fields[j].size;
		EXPECT(covered == l->size);
	}
}

static void test_every_reason_stands_in_the_spec(void)
{
	struct bytes text = section("## Reason codes\n");
	char line[160];
	unsigned count = 0;
#define ROW(value, name, words)                                                                    \
	snprintf(line, sizeof(line), "\n| %d | %s |", value, words);                               \
	if (printing)                                                                              \
		printf("%s |", line);                                                              \
	EXPECT(text.data != NULL && memmem(text.data, text.len, line, strlen(line)) != NULL);      \
	count++;
	POLICY_REASONS(ROW)
#undef ROW
	EXPECT(count > 30 && text.data != NULL && rows_of(text) == count);
}

static void test_every_bound_stands_in_the_spec(void)
{
	struct bytes text = section("## Bounds\n");
	char line[160];
#define BOUND(name)                                                                                \
	snprintf(line, sizeof(line), "\n| %s | %u |", #name, (unsigned)(name));                    \
	if (printing)                                                                              \
		printf("%s |", line);                                                              \
	EXPECT(text.data != NULL && memmem(text.data, text.len, line, strlen(line)) != NULL);
	BOUND(POLICY_REQUEST_MAX)
	BOUND(POLICY_ANSWER_OFFSET)
	BOUND(POLICY_AREA_BYTES)
	BOUND(POLICY_TAIL_MAX)
	BOUND(POLICY_DESCRIPTION_MAX)
	BOUND(POLICY_ACCOUNTS_MAX)
	BOUND(POLICY_DERIVED_MAX)
	BOUND(POLICY_COUNTERS_MAX)
	BOUND(POLICY_TABLES_MAX)
	BOUND(POLICY_TOKENS_MAX)
	BOUND(POLICY_EXPLAIN_MAX)
	BOUND(POLICY_PARAMETERS_MAX)
	BOUND(POLICY_FIELDS_MAX)
	BOUND(POLICY_LIST_MAX)
	BOUND(POLICY_TEXT_MAX)
#undef BOUND
}

int main(int argc, char **argv)
{
	FILE *file = fopen(SOURCE_DIR "/spec/policy-abi.md", "r");
	printing = argc > 1 && strcmp(argv[1], "print") == 0;
	if (file != NULL) {
		spec[fread(spec, 1, sizeof(spec) - 1, file)] = 0;
		fclose(file);
	}
	RUN(test_every_field_stands_in_the_spec);
	RUN(test_every_reason_stands_in_the_spec);
	RUN(test_every_bound_stands_in_the_spec);
	return test_summary();
}
