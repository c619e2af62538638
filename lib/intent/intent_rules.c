/* intent_rules: [[instruction]] and [[check]] to rules of the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base_encode.h"
#include "intent_build.h"

#define RULE_KEYS                                                                                  \
	"name program data anchor fields accounts remaining extra_accounts changed_writable let "  \
	"pays "                                                                                    \
	"sends delegates authority_changes adds check group min max first after before"

/* Calls `take` for each entry of an array member. */
static bool each_of(struct intent_build *b, const char *key,
                    bool (*take)(struct intent_build *, struct intent_value))
{
	struct intent_value array = intent_member(b->rule.at, key);
	if (array.source == NULL)
		return true;
	if (!intent_is(array, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, array, 0, "%s = [ ... ] is expected", key);
	for (struct intent_value v = intent_first(array); v.source != NULL; v = intent_next(v))
		if (!take(b, v))
			return false;
	return true;
}

/* --- effects */

/* The place of an account named by `by` or `of`; `ret_absent`: it is left out in this variant. */
static bool take_place(struct intent_build *b, struct intent_value table, const char *key,
                       uint16_t *ret_place, bool *ret_absent)
{
	struct bytes name = {NULL, 0};
	*ret_place = INTENT_NONE;
	*ret_absent = false;
	if (!intent_text_of(b->error, table, key, false, &name))
		return false;
	if (name.data == NULL)
		return true;
	struct build_local *local = build_local(b, name);
	if (local == NULL || !local->account)
		return intent_wrong(b->error, intent_member(table, key), 0,
		                    "no account of this instruction is called \"%.*s\"",
		                    name.len > 40 ? 40 : (int)name.len, (const char *)name.data);
	*ret_place = local->position;
	*ret_absent = local->absent;
	return true;
}

static bool take_amount(struct intent_build *b, struct intent_value table, const char *key,
                        uint16_t *ret_slot)
{
	struct intent_value v = intent_member(table, key);
	if (intent_is(v, INTENT_NODE_INTEGER))
		return build_constant(b, intent_node(v)->number, ret_slot);
	if (!intent_is(v, INTENT_NODE_STRING))
		return intent_wrong(b->error, v.source != NULL ? v : table, 0,
		                    "%s = \"...\" is expected: a value, or a number", key);
	return build_value(b, v, intent_string_of(v), ret_slot);
}

static bool take_pay(struct intent_build *b, struct intent_value at)
{
	static const char *const kinds[] = {"transfer", "tip", "rent", "wrap"};
	struct bytes as = {NULL, 0};
	uint16_t slot, by;
	uint8_t kind = 0;
	bool absent;
	if (!intent_keys(b->error, at, "lamports as by") ||
	    !intent_text_of(b->error, at, "as", true, &as) ||
	    !take_place(b, at, "by", &by, &absent))
		return false;
	while (kind < 4 && !bytes_equal(as, bytes_of_text(kinds[kind])))
		kind++;
	if (kind == 4)
		return intent_wrong(b->error, intent_member(at, "as"), 0,
		                    "as is transfer, tip, rent or wrap");
	if (!take_amount(b, at, "lamports", &slot))
		return false;
	return absent || build_op(b, (struct intent_op){INTENT_OP_PAY, kind, slot, by, 0});
}

static bool take_send(struct intent_build *b, struct intent_value at)
{
	struct intent_value of = intent_member(at, "of"), mint = intent_member(at, "mint");
	uint8_t text[40];
	uint16_t slot, by, arg = 0;
	unsigned kind;
	bool absent;
	if (!intent_keys(b->error, at, "amount of mint by") ||
	    !take_place(b, at, "by", &by, &absent))
		return false;
	struct intent_value named = of.source != NULL ? of : mint;
	if ((of.source == NULL) == (mint.source == NULL) || !intent_is(named, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0,
		                    "one of of = \"account\" and mint = \"key\" is expected");
	struct bytes name = intent_string_of(named);
	if (of.source != NULL) {
		if (name.len > 32)
			return intent_wrong(b->error, of, 0,
			                    "this is no account of the instruction");
		text[0] = '@';
		memcpy(text + 1, name.data, name.len);
		name = bytes_of(text, name.len + 1);
	} else if (name.len != 0 && name.data[0] == '@') {
		return intent_wrong(b->error, mint, 0, "write of = \"account\"");
	}
	if (!build_mint(b, named, name, true, &kind, &arg) || !take_amount(b, at, "amount", &slot))
		return false;
	return absent ||
	       build_op(b, (struct intent_op){INTENT_OP_SEND, (uint8_t)kind, arg, slot, by});
}

static bool take_let(struct intent_build *b, struct intent_value at)
{
	return build_let(b, at);
}

static bool take_add(struct intent_build *b, struct intent_value at)
{
	return build_adds(b, at);
}

static bool take_check(struct intent_build *b, struct intent_value at)
{
	return build_check(b, at, false);
}

static bool take_powers(struct intent_build *b)
{
	uint64_t delegates = 0, changes = 0;
	if (!intent_number_of(b->error, b->rule.at, "delegates", 0, 64, &delegates) ||
	    !intent_number_of(b->error, b->rule.at, "authority_changes", 0, 64, &changes))
		return false;
	return (delegates == 0 || build_op(b, (struct intent_op){INTENT_OP_DELEGATE, 0,
	                                                         (uint16_t)delegates, 0, 0})) &&
	       (changes == 0 ||
	        build_op(b, (struct intent_op){INTENT_OP_AUTHORITY, 0, (uint16_t)changes, 0, 0}));
}

/* --- what chooses a rule */

static bool take_prefix(struct intent_build *b, struct intent_rule *rule)
{
	struct bytes data = {NULL, 0}, anchor = {NULL, 0};
	uint8_t bytes[32] = {0};
	struct buffer out = {bytes, 8, 0};
	if (!intent_text_of(b->error, b->rule.at, "data", false, &data) ||
	    !intent_text_of(b->error, b->rule.at, "anchor", false, &anchor))
		return false;
	if (data.data != NULL && anchor.data != NULL)
		return intent_wrong(b->error, b->rule.at, 0, "data or anchor, not both");
	if (anchor.data != NULL) {
		struct bytes parts[2] = {bytes_of_text("global:"), anchor};
		bool good = anchor.len != 0 && anchor.len <= 64;
		for (size_t i = 0; i < anchor.len; i++)
			good &= (anchor.data[i] >= 'a' && anchor.data[i] <= 'z') ||
			        (anchor.data[i] >= '0' && anchor.data[i] <= '9') ||
			        anchor.data[i] == '_';
		if (!good)
			return intent_wrong(b->error, intent_member(b->rule.at, "anchor"), 0,
			                    "anchor is the method's name in small letters and _");
		b->sha256(parts, 2, bytes);
		out.len = 8;
	} else if (data.data != NULL && hex_decode(data, &out) != STATUS_OK) {
		return intent_wrong(b->error, intent_member(b->rule.at, "data"), 0,
		                    "data is at most 8 bytes in hex");
	}
	rule->prefix = (uint8_t)out.len;
	rule->mask = out.len == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * out.len) - 1;
	rule->word = load_le64(bytes) & rule->mask;
	return true;
}

static bool take_rest(struct intent_build *b, struct intent_rule *rule, bool has_maybe)
{
	struct intent_value remaining = intent_member(b->rule.at, "remaining");
	uint64_t min = 0, max = 64, extra = 0;
	bool wallet = false, own = false, known = false, changed = false;
	rule->accounts_min = rule->accounts_max = rule->listed;
	if (!intent_number_of(b->error, b->rule.at, "extra_accounts", 0, 32, &extra) ||
	    !intent_bool_of(b->error, b->rule.at, "changed_writable", &changed))
		return false;
	rule->flags |= changed ? INTENT_RULE_ANY_FLAGS : 0;
	if (remaining.source != NULL && extra != 0)
		return intent_wrong(b->error, remaining, 0,
		                    "remaining or extra_accounts, not both");
	if (has_maybe && (remaining.source != NULL || extra != 0))
		return intent_wrong(
		    b->error, b->rule.at, 0,
		    "an account with maybe does not go with remaining or extra_accounts");
	if (extra != 0) {
		rule->accounts_max = (uint8_t)(rule->listed + extra);
		rule->flags |= INTENT_REST_EXTRA | INTENT_REST_UNKNOWN;
		return true;
	}
	if (remaining.source == NULL)
		return true;
	if (!intent_keys(b->error, remaining, "min max wallet own known") ||
	    !intent_number_of(b->error, remaining, "max", 0, 191, &max) ||
	    !intent_number_of(b->error, remaining, "min", 0, max, &min) ||
	    !intent_bool_of(b->error, remaining, "wallet", &wallet) ||
	    !intent_bool_of(b->error, remaining, "own", &own) ||
	    !intent_bool_of(b->error, remaining, "known", &known))
		return false;
	rule->accounts_min = (uint8_t)(rule->listed + min);
	rule->accounts_max = (uint8_t)(rule->listed + max);
	rule->flags |= (wallet ? INTENT_REST_WALLET : 0) | (own ? INTENT_REST_OWN : 0) |
	               (known ? 0 : INTENT_REST_UNKNOWN);
	return true;
}

static bool take_count_of(struct intent_build *b, const char *key, uint16_t *ret_slot)
{
	struct bytes name = {NULL, 0};
	*ret_slot = INTENT_NONE;
	if (!intent_text_of(b->error, b->rule.at, key, false, &name))
		return false;
	if (name.data == NULL)
		return true;
	struct build_name *n = build_find_rule(b, name);
	if (n == NULL)
		return intent_wrong(b->error, intent_member(b->rule.at, key), 0,
		                    "no instruction or group is called \"%.*s\"",
		                    name.len > 40 ? 40 : (int)name.len, (const char *)name.data);
	*ret_slot =
	    build_count_slot(b, n->what == NAME_GROUP ? b->groups[n->index].count : n->index);
	return true;
}

static bool take_order(struct intent_build *b, struct intent_rule *rule)
{
	struct bytes group = {NULL, 0};
	uint64_t min = 0, max = 1;
	bool first = false;
	if (!intent_bool_of(b->error, b->rule.at, "first", &first) ||
	    !intent_number_of(b->error, b->rule.at, "max", 1, 64, &max) ||
	    !intent_number_of(b->error, b->rule.at, "min", 0, max, &min) ||
	    !take_count_of(b, "after", &rule->after) ||
	    !take_count_of(b, "before", &rule->before) ||
	    !intent_text_of(b->error, b->rule.at, "group", false, &group))
		return false;
	rule->flags |= first ? INTENT_RULE_FIRST : 0;
	rule->min = (uint16_t)min;
	rule->max = (uint16_t)max;
	rule->group = INTENT_NONE;
	if (group.data == NULL)
		return true;
	struct build_name *n = build_find_rule(b, group);
	if (n == NULL || n->what != NAME_GROUP)
		return intent_wrong(b->error, intent_member(b->rule.at, "group"), 0,
		                    "no [[group]] is called \"%.*s\"",
		                    group.len > 40 ? 40 : (int)group.len, (const char *)group.data);
	rule->group = n->index;
	return true;
}

/* --- one rule */

static bool take_rule(struct intent_build *b, struct intent_value at, bool without_maybe,
                      bool *ret_has_maybe)
{
	struct intent_rule *rule = &b->rules[b->rule_count];
	struct bytes name = {NULL, 0};
	if (b->rule_count == BUILD_RULES_MAX)
		return intent_wrong(b->error, at, 0, "too many instructions");
	*rule = (struct intent_rule){.flags = without_maybe ? INTENT_RULE_WITHOUT : 0};
	b->rule_ats[b->rule_count] = b->rule.at = at;
	b->rule.local_count = 0;
	if (!intent_keys(b->error, at, RULE_KEYS) ||
	    !intent_text_of(b->error, at, "name", true, &name))
		return false;
	b->rule.name = name;
	const struct build_name *n = build_find_rule(b, name);
	rule->count = build_count_slot(b, n->index);
	if (!build_words(b, name, &rule->name) || !take_prefix(b, rule) || !take_order(b, rule) ||
	    !build_accounts(b, rule, without_maybe, ret_has_maybe) ||
	    !take_rest(b, rule, *ret_has_maybe))
		return false;
	rule->code_first = (uint16_t)b->op_count;
	if (!build_fields(b, rule, intent_member(at, "fields"), rule->prefix) ||
	    !build_places(b, rule) || !each_of(b, "let", take_let) ||
	    !each_of(b, "pays", take_pay) || !each_of(b, "sends", take_send) || !take_powers(b) ||
	    !each_of(b, "adds", take_add) || !each_of(b, "check", take_check))
		return false;
	rule->code_count = (uint16_t)(b->op_count - rule->code_first);
	b->rule_count++;
	return true;
}

static bool take_rule_and_without(struct intent_build *b, struct intent_value at)
{
	bool has_maybe, again;
	return take_rule(b, at, false, &has_maybe) &&
	       (!has_maybe || take_rule(b, at, true, &again));
}

static bool program_of(struct intent_build *b, struct intent_value at, uint16_t *ret_key)
{
	struct bytes text = {NULL, 0};
	if (!intent_text_of(b->error, at, "program", true, &text))
		return false;
	if (build_key(b, text, ret_key))
		return true;
	return intent_wrong(b->error, intent_member(at, "program"), 0,
	                    "\"%.*s\" is no key and no address", text.len > 48 ? 48 : (int)text.len,
	                    (const char *)text.data);
}

/* Calls `take` for each [[instruction]] of all files whose program is `key` (NONE: every one). */
static bool each_rule(struct intent_build *b, uint16_t key,
                      bool (*take)(struct intent_build *, struct intent_value))
{
	for (size_t i = 0; i < b->source_count; i++) {
		struct intent_value array =
		    intent_member((struct intent_value){&b->sources[i], 0}, "instruction");
		uint16_t program;
		if (array.source == NULL)
			continue;
		for (struct intent_value v = intent_first(array); v.source != NULL;
		     v = intent_next(v)) {
			if (!program_of(b, v, &program))
				return false;
			if ((key == INTENT_NONE || program == key) && !take(b, v))
				return false;
		}
	}
	return true;
}

/* A new program, with all its rules behind each other in the order of the files. */
static bool take_program(struct intent_build *b, struct intent_value at)
{
	uint16_t key;
	if (!program_of(b, at, &key))
		return false;
	for (size_t i = 0; i < b->program_count; i++)
		if (b->programs[i].key == key)
			return true;
	if (b->program_count == sizeof(b->programs) / sizeof(b->programs[0]))
		return intent_wrong(b->error, at, 0, "too many programs");
	struct intent_program *program = &b->programs[b->program_count++];
	*program = (struct intent_program){.key = key, .first = (uint16_t)b->rule_count};
	if (!each_rule(b, key, take_rule_and_without))
		return false;
	program->count = (uint16_t)(b->rule_count - program->first);
	return true;
}

/* --- after the last instruction */

static bool take_least(struct intent_build *b, struct intent_value at)
{
	uint64_t min = 0;
	struct bytes name = {NULL, 0};
	if (!intent_text_of(b->error, at, "name", true, &name) ||
	    !intent_number_of(b->error, at, "min", 0, 64, &min))
		return false;
	const struct build_name *n = build_find_rule(b, name);
	return min == 0 || build_at_least(b, build_count_slot(b, n->index), min, name);
}

static bool take_groups(struct intent_build *b)
{
	for (size_t i = 0; i < b->name_count; i++) {
		const struct build_name *n = &b->names[i];
		struct intent_group *group = &b->groups[n->index];
		if (n->what != NAME_GROUP)
			continue;
		if (!build_words(b, n->name, &group->name))
			return false;
		if (group->min != 0 &&
		    !build_at_least(b, build_count_slot(b, group->count), group->min, n->name))
			return false;
	}
	return true;
}

static bool take_whole_checks(struct intent_build *b)
{
	for (size_t i = 0; i < b->source_count; i++) {
		struct intent_value array =
		    intent_member((struct intent_value){&b->sources[i], 0}, "check");
		if (array.source == NULL)
			continue;
		if (!intent_is(array, INTENT_NODE_ARRAY))
			return intent_wrong(b->error, array, 0,
			                    "write [[check]]: there can be many");
		for (struct intent_value v = intent_first(array); v.source != NULL;
		     v = intent_next(v))
			if (!build_check(b, v, true))
				return false;
	}
	return true;
}

/* Every account that another rule names is one that its rule has. */
static bool binds_exist(struct intent_build *b)
{
	bool found[INTENT_BINDS_MAX] = {false};
	for (size_t i = 0; i < b->op_count; i++)
		if (b->ops[i].op == INTENT_OP_BIND)
			found[b->ops[i].b] = true;
	for (size_t i = 0; i < b->bind_count; i++)
		if (!found[i] && b->last_pass)
			return intent_wrong(
			    b->error, b->binds[i], 0, "the instruction has no account \"%.*s\"",
			    (int)b->bind_names[i].len, (const char *)b->bind_names[i].data);
	return true;
}

bool build_rules(struct intent_build *b)
{
	if (!each_rule(b, INTENT_NONE, take_program) || !binds_exist(b))
		return false;
	b->head.final_first = (uint16_t)b->op_count;
	if (!each_rule(b, INTENT_NONE, take_least) || !take_groups(b) || !take_whole_checks(b))
		return false;
	b->head.final_count = (uint16_t)(b->op_count - b->head.final_first);
	return true;
}
