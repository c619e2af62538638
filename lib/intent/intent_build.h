/* intent_build: what the parts of the compiler share; inside lib/intent only.
 *
 * One compilation runs twice over the files: the first pass finds which constants there are, the
 * second emits with the final places of slots. All space is in struct intent_build, which the
 * caller gives. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_BUILD_H
#define INTENT_BUILD_H

#include "intent.h"
#include "intent_table.h"
#include "policy_intent.h"
#include "policy_parameters.h"

#define BUILD_NAMES_MAX  512
#define BUILD_OPS_MAX    2048
#define BUILD_RULES_MAX  128 /* with those for left-out accounts */
#define BUILD_WORDS_MAX  8192
#define BUILD_LAYOUT_MAX 8192
#define BUILD_ENUMS_MAX  2048
#define BUILD_KEYS_MAX   320
#define BUILD_DEPTH_MAX  16 /* types within types */

/* What a name of the whole intent is. */
enum build_what {
	NAME_KEY,
	NAME_LIST,
	NAME_PARAMETER,
	NAME_TOTAL,
	NAME_RULE,
	NAME_GROUP,
	NAME_TYPE
};

struct build_name {
	enum build_what what;
	struct bytes name;
	struct intent_value at;
	uint16_t index; /* key, list, parameter, total (its number), rule (count's number), group */
	uint16_t enum_; /* types that are enums: entry in enums, once emitted in this pass */
	bool emitted;
};

struct build_parameter {
	struct bytes name, text;
	struct intent_value at;
	uint8_t type, role, need, unit;
	uint64_t fallback, entries_max;
	uint16_t record;
	uint16_t number; /* index among bool and u64 ones */
};

struct build_bytes {
	uint8_t data[BUILD_LAYOUT_MAX];
	uint32_t len;
};

/* A field, value or account of the rule that is being compiled. */
struct build_local {
	struct bytes name;
	bool account;
	uint16_t position;          /* accounts */
	uint8_t requirement, flags; /* accounts: enum intent_require, INTENT_MODE_* */
	bool absent;                /* a `maybe` account, left out in this variant */
	bool loadable, tail, left;  /* fields; left: it may be nothing */
	uint8_t segment, width;     /* width: log2 */
	uint16_t offset;
	uint16_t slot; /* INTENT_NONE: not computed yet */
};

/* One entry of `accounts`. */
struct build_entry {
	struct intent_value at;
	unsigned kind, mode;
	uint16_t arg, given;
	bool maybe, select;
	/* own and ata */
	unsigned mint, of, except, owner;
	uint16_t mint_arg, of_place, except_arg, owner_arg;
	uint16_t or_record, or_given; /* record 0: none */
	uint16_t more;                /* the operation apart that says the rest of it */
};

struct build_rule {
	struct build_entry entries[INTENT_POSITIONS_MAX];
	struct intent_value at;
	struct bytes name;
	struct build_local locals[128];
	size_t local_count;
	bool names_absent; /* the entry that is read names an account that is left out */
};

struct intent_build {
	struct intent_error *error;
	const struct intent_source *sources; /* the last one is the intent itself */
	size_t source_count;
	struct intent_value root;
	solana_sha256_fn *sha256;
	bool last_pass;

	struct build_name names[BUILD_NAMES_MAX];
	size_t name_count;
	struct build_parameter parameters[POLICY_FIELDS_MAX];
	size_t parameter_count, number_count;
	uint16_t record_bytes;

	/* Numbers of slots; slots themselves follow from them. */
	uint64_t constants[INTENT_SLOTS_MAX];
	size_t constant_count;
	size_t count_count, total_count, temporary_count;
	size_t constants_before; /* of the pass before */
	size_t counts_before, totals_before;

	struct intent_head head;
	uint8_t keys[BUILD_KEYS_MAX][32];
	size_t key_count;
	struct intent_list lists[64];
	size_t list_count;
	struct intent_program programs[64];
	size_t program_count;
	struct intent_rule rules[BUILD_RULES_MAX];
	struct intent_value rule_ats[BUILD_RULES_MAX];
	size_t rule_count;
	struct intent_op ops[BUILD_OPS_MAX];
	size_t op_count;
	struct build_bytes layouts;
	uint16_t layout_starts[192];
	size_t layout_start_count;
	struct build_bytes scratch[BUILD_DEPTH_MAX + 1];
	uint16_t enums[BUILD_ENUMS_MAX];
	size_t enum_count;
	struct intent_group groups[64];
	size_t group_count;
	struct intent_check checks[192];
	size_t check_count;
	struct intent_name slot_names[INTENT_SLOTS_MAX];
	size_t slot_name_count;
	struct intent_message messages[16];
	size_t message_count;
	uint8_t words[BUILD_WORDS_MAX];
	size_t word_count;
	struct intent_value binds[INTENT_BINDS_MAX]; /* entries that other rules name */
	struct bytes bind_names[INTENT_BINDS_MAX];   /* "rule.account" */
	size_t bind_count;
	uint8_t hash[INTENT_HASH_MAX];
	size_t hash_count;
	uint8_t schema[LIMIT_SCHEMA_MAX];
	size_t schema_len;
	_Alignas(8) uint8_t table[INTENT_TABLE_MAX];
	struct build_rule rule;
};

/* --- intent_names.c: what is named, parameters, keys */
bool build_collect(struct intent_build *b);
struct build_name *build_find(struct intent_build *b, struct bytes name);
struct build_name *build_find_rule(struct intent_build *b, struct bytes name);
struct build_name *build_find_type(struct intent_build *b, struct bytes name);
/* build_key gives the index of a key: a defined one or an address; false: it is neither. */
bool build_key(struct intent_build *b, struct bytes name, uint16_t *ret_index);
bool build_is_name(struct bytes name, bool upper);
bool build_schema(struct intent_build *b);
/* build_words gives the place of a string in the words. */
bool build_words(struct intent_build *b, struct bytes text, uint16_t *ret_off);
bool build_reason(struct intent_build *b, struct intent_value table, uint16_t *ret_reason);

/* --- slots */
bool build_constant(struct intent_build *b, uint64_t value, uint16_t *ret_slot);
uint16_t build_number_slot(const struct intent_build *b, size_t number);
uint16_t build_count_slot(const struct intent_build *b, size_t count);
uint16_t build_total_slot(const struct intent_build *b, size_t total);
bool build_temporary(struct intent_build *b, struct bytes name, unsigned unit, uint16_t *ret_slot);
bool build_name_slot(struct intent_build *b, uint16_t slot, struct bytes name, unsigned unit);
bool build_op(struct intent_build *b, struct intent_op op);

/* --- intent_type.c */
bool build_fields(struct intent_build *b, struct intent_rule *rule, struct intent_value fields,
                  uint32_t prefix);

/* --- intent_accounts.c */
/* build_accounts reads the entries and puts what chooses the rule; build_places puts one operation
 * for each place. */
bool build_accounts(struct intent_build *b, struct intent_rule *rule, bool without_maybe,
                    bool *ret_has_maybe);
bool build_places(struct intent_build *b, struct intent_rule *rule);
struct build_local *build_local(struct intent_build *b, struct bytes name);
/* build_requirement fills kind, arg and given from `is` or `in` of a table (field keys, payer). */
bool build_requirement(struct intent_build *b, struct intent_value table, bool places,
                       unsigned *ret_kind, uint16_t *ret_arg, uint16_t *ret_given);
bool build_mint(struct intent_build *b, struct intent_value at, struct bytes text, bool one,
                unsigned *ret_kind, uint16_t *ret_arg);

/* --- intent_expression.c */
bool build_value(struct intent_build *b, struct intent_value at, struct bytes text,
                 uint16_t *ret_slot);
bool build_let(struct intent_build *b, struct intent_value at);
bool build_adds(struct intent_build *b, struct intent_value at);
bool build_check(struct intent_build *b, struct intent_value at, bool whole);
/* build_at_least demands a count after the last instruction. */
bool build_at_least(struct intent_build *b, uint16_t count, uint64_t least, struct bytes name);

/* --- intent_rules.c */
bool build_rules(struct intent_build *b);

/* --- intent_pattern.c */
bool build_messages(struct intent_build *b);

#endif
