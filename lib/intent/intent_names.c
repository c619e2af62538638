/* intent_names: what an intent defines by name: keys, lists, types, parameters, totals, groups and
 * rules; words and keys of the table; and the parameter schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_build.h"

#include <stdio.h>

#include "base_encode.h"
#include "cbor_writer.h"

#define NAME_MAX 32

static const struct {
	const char *name, *address;
} usual_keys[] = {
    {"system",               "11111111111111111111111111111111"            },
    {"compute_budget",       "ComputeBudget111111111111111111111111111111" },
    {"token",                "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA" },
    {"token_2022",           "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb" },
    {"associated_token",     "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"},
    {"memo",                 "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr" },
    {"memo_v1",              "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo" },
    {"memo_v4",              "Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH" },
    {"address_lookup_table", "AddressLookupTab1e1111111111111111111111111" },
    {"native_mint",          "So11111111111111111111111111111111111111112" },
    {"rent",                 "SysvarRent111111111111111111111111111111111" },
    {"recent_blockhashes",   "SysvarRecentB1ockHashes11111111111111111111" },
    {"instructions_sysvar",  "Sysvar1nstructions1111111111111111111111111" },
    {"clock",                "SysvarC1ock11111111111111111111111111111111" },
};

bool build_is_name(struct bytes name, bool upper)
{
	if (name.len == 0 || name.len > NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (upper && c >= 'A' && c <= 'Z');
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_')))
			return false;
	}
	return true;
}

/* Types, rules and groups, and everything else: three spaces of names. */
static int space_of(enum build_what what)
{
	return what == NAME_TYPE ? 2 : what == NAME_RULE || what == NAME_GROUP ? 1 : 0;
}

static struct build_name *find_in(struct intent_build *b, struct bytes name, int space)
{
	for (size_t i = 0; i < b->name_count; i++)
		if (space_of(b->names[i].what) == space && bytes_equal(b->names[i].name, name))
			return &b->names[i];
	return NULL;
}

struct build_name *build_find(struct intent_build *b, struct bytes name)
{
	return find_in(b, name, 0);
}

struct build_name *build_find_rule(struct intent_build *b, struct bytes name)
{
	return find_in(b, name, 1);
}

struct build_name *build_find_type(struct intent_build *b, struct bytes name)
{
	return find_in(b, name, 2);
}

static struct build_name *define(struct intent_build *b, enum build_what what, struct bytes name,
                                 struct intent_value at)
{
	if (!build_is_name(name, what == NAME_TYPE)) {
		intent_wrong(b->error, at, 0,
		             "\"%.*s\" is no name: small letters, digits and _, at most %d",
		             name.len > 48 ? 48 : (int)name.len, (const char *)name.data, NAME_MAX);
		return NULL;
	}
	if (find_in(b, name, space_of(what)) != NULL) {
		intent_wrong(b->error, at, 0, "\"%.*s\" is defined twice", (int)name.len,
		             (const char *)name.data);
		return NULL;
	}
	if (b->name_count == BUILD_NAMES_MAX) {
		intent_wrong(b->error, at, 0, "more than %d names", BUILD_NAMES_MAX);
		return NULL;
	}
	struct build_name *n = &b->names[b->name_count++];
	*n = (struct build_name){.what = what, .name = name, .at = at};
	return n;
}

static bool add_key(struct intent_build *b, const uint8_t key[32], uint16_t *ret_index)
{
	size_t i = 0;
	while (i < b->key_count && memcmp(b->keys[i], key, 32) != 0)
		i++;
	if (i == BUILD_KEYS_MAX)
		return intent_wrong(b->error, b->root, 0, "more than %d addresses", BUILD_KEYS_MAX);
	if (i == b->key_count)
		memcpy(b->keys[b->key_count++], key, 32);
	*ret_index = (uint16_t)i;
	return true;
}

/* The key that a name or an address means; false: it is neither. */
static bool resolve(struct intent_build *b, struct bytes name, uint8_t ret_key[32])
{
	struct build_name *n = build_find(b, name);
	struct bytes address = name;
	if (n != NULL) {
		if (n->what != NAME_KEY)
			return false;
		address = intent_string_of(n->at);
	} else {
		for (size_t i = 0; i < sizeof(usual_keys) / sizeof(usual_keys[0]); i++)
			if (bytes_equal(name, bytes_of_text(usual_keys[i].name)))
				address = bytes_of_text(usual_keys[i].address);
	}
	return base58_decode_32(address, ret_key) == STATUS_OK;
}

bool build_key(struct intent_build *b, struct bytes name, uint16_t *ret_index)
{
	uint8_t key[32];
	return resolve(b, name, key) && add_key(b, key, ret_index);
}

static bool is_usual(struct bytes name)
{
	for (size_t i = 0; i < sizeof(usual_keys) / sizeof(usual_keys[0]); i++)
		if (bytes_equal(name, bytes_of_text(usual_keys[i].name)))
			return true;
	return false;
}

bool build_words(struct intent_build *b, struct bytes text, uint16_t *ret_off)
{
	for (size_t at = 0; at + text.len < b->word_count; at++) {
		if ((at == 0 || b->words[at - 1] == 0) && b->words[at + text.len] == 0 &&
		    (text.len == 0 || memcmp(b->words + at, text.data, text.len) == 0)) {
			*ret_off = (uint16_t)at;
			return true;
		}
	}
	if (b->word_count + text.len + 1 > BUILD_WORDS_MAX)
		return intent_wrong(b->error, b->root, 0, "names and texts take more than %d bytes",
		                    BUILD_WORDS_MAX);
	*ret_off = (uint16_t)b->word_count;
	if (text.len != 0)
		memcpy(b->words + b->word_count, text.data, text.len);
	b->word_count += text.len;
	b->words[b->word_count++] = 0;
	return true;
}

bool build_reason(struct intent_build *b, struct intent_value table, uint16_t *ret_reason)
{
	static const struct {
		uint16_t value;
		const char *name;
	} reasons[] = {
#define ROW(value, name, text) {value, text},
	    POLICY_REASONS(ROW)
#undef ROW
	};
	struct bytes text = {NULL, 0};
	if (!intent_text_of(b->error, table, "reason", false, &text))
		return false;
	if (text.data == NULL)
		return true;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].value >= POLICY_REASON_MODULE_FIRST &&
		    bytes_equal(text, bytes_of_text(reasons[i].name))) {
			*ret_reason = reasons[i].value;
			return true;
		}
	}
	return intent_wrong(b->error, intent_member(table, "reason"), 0,
	                    "\"%.*s\" is no reason; spec/policy-abi.md lists them, from 20 on",
	                    text.len > 40 ? 40 : (int)text.len, (const char *)text.data);
}

/* --- parameters */

static int word_of(struct bytes text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(text, bytes_of_text(words[i])))
			return (int)i;
	return -1;
}

static bool one_line(struct bytes text, size_t most)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] > 0x7e || text.data[i] == '"')
			return false;
	return text.len != 0 && text.len <= most;
}

static bool take_unit(struct intent_build *b, struct intent_value table, uint8_t *ret_unit)
{
	static const char *const units[] = {"", "lamports", "raw", "bps", "seconds"};
	struct bytes text = {NULL, 0};
	if (!intent_text_of(b->error, table, "unit", false, &text))
		return false;
	int unit = text.data == NULL ? 0 : word_of(text, units, 5);
	if (unit < 0)
		return intent_wrong(b->error, intent_member(table, "unit"), 0,
		                    "unit must be lamports, raw, bps or seconds");
	*ret_unit = (uint8_t)unit;
	return true;
}

static bool take_need(struct intent_build *b, struct intent_value at, struct build_parameter *p)
{
	struct intent_value fallback = intent_member(at, "default");
	bool optional = false;
	if (!intent_bool_of(b->error, at, "optional", &optional))
		return false;
	p->need = optional ? POLICY_NEED_OPTIONAL : POLICY_NEED_REQUIRED;
	if (fallback.source == NULL)
		return true;
	unsigned kind = p->type == POLICY_TYPE_BOOL  ? INTENT_NODE_BOOL
	                : p->type == POLICY_TYPE_U64 ? INTENT_NODE_INTEGER
	                                             : 0;
	if (optional || kind == 0 || !intent_is(fallback, kind))
		return intent_wrong(
		    b->error, fallback, 0,
		    "a default is for bool (true or false) and u64 (a number), and such a "
		    "parameter is not optional");
	p->need = POLICY_NEED_DEFAULTS;
	p->fallback = intent_node(fallback)->number;
	return true;
}

static bool take_parameter(struct intent_build *b, struct intent_value at)
{
	static const char *const types[] = {"",     "bool",     "u64",        "pubkey",
	                                    "text", "u64 list", "pubkey list"};
	static const char *const roles[] = {"none", "owner", "mint"};
	struct bytes name, type, text, role = {NULL, 0};
	if (!intent_keys(b->error, at, "name type text max default optional role unit") ||
	    !intent_text_of(b->error, at, "name", true, &name) ||
	    !intent_text_of(b->error, at, "type", true, &type) ||
	    !intent_text_of(b->error, at, "text", true, &text) ||
	    !intent_text_of(b->error, at, "role", false, &role))
		return false;
	if (b->parameter_count == POLICY_FIELDS_MAX)
		return intent_wrong(b->error, at, 0, "more than %d parameters", POLICY_FIELDS_MAX);
	struct build_parameter *p = &b->parameters[b->parameter_count];
	*p = (struct build_parameter){.name = name, .text = text, .at = at};
	int t = word_of(type, types, 7);
	if (t < 1)
		return intent_wrong(
		    b->error, intent_member(at, "type"), 0,
		    "type must be bool, u64, pubkey, text, u64 list or pubkey list");
	p->type = (uint8_t)t;
	if (!one_line(text, 200))
		return intent_wrong(b->error, intent_member(at, "text"), 0,
		                    "text must be one line of 1 to 200 printable ASCII characters");
	if (role.data != NULL) {
		int r = word_of(role, roles, 3);
		if (r < 0 || (t != POLICY_TYPE_PUBKEY && t != POLICY_TYPE_PUBKEY_LIST))
			return intent_wrong(
			    b->error, intent_member(at, "role"), 0,
			    "role is none, owner or mint, of pubkeys and lists of them");
		p->role = (uint8_t)r;
	}
	bool list = t == POLICY_TYPE_U64_LIST || t == POLICY_TYPE_PUBKEY_LIST;
	if (!intent_number_of(b->error, at, "max", 1, POLICY_LIST_MAX, &p->entries_max))
		return false;
	if (list != (p->entries_max != 0))
		return intent_wrong(
		    b->error, at, 0,
		    "lists, and only lists, have max = 1 to %d: how many entries at most",
		    POLICY_LIST_MAX);
	if (!take_unit(b, at, &p->unit) || !take_need(b, at, p))
		return false;
	struct build_name *n = define(b, NAME_PARAMETER, name, at);
	if (n == NULL)
		return false;
	p->record = b->record_bytes;
	b->record_bytes = (uint16_t)(b->record_bytes + (t == POLICY_TYPE_PUBKEY ? 32 : 8));
	if (t == POLICY_TYPE_BOOL || t == POLICY_TYPE_U64)
		p->number = (uint16_t)b->number_count++;
	n->index = (uint16_t)b->parameter_count++;
	return true;
}

static void put_field(struct cbor_writer *w, const struct build_parameter *p)
{
	bool has_default = p->need == POLICY_NEED_DEFAULTS;
	cbor_put_map(w, 5u + has_default + (p->entries_max != 0));
	cbor_put_key(w, 1);
	cbor_put_text(w, p->name);
	cbor_put_key(w, 2);
	cbor_put_uint(w, p->type);
	cbor_put_key(w, 3);
	cbor_put_uint(w, p->role);
	cbor_put_key(w, 4);
	cbor_put_uint(w, p->need);
	if (has_default) {
		cbor_put_key(w, 5);
		if (p->type == POLICY_TYPE_BOOL)
			cbor_put_bool(w, p->fallback != 0);
		else
			cbor_put_uint(w, p->fallback);
	}
	if (p->entries_max != 0) {
		cbor_put_key(w, 6);
		cbor_put_uint(w, p->entries_max);
	}
	cbor_put_key(w, 7);
	cbor_put_text(w, p->text);
	cbor_put_end(w);
}

bool build_schema(struct intent_build *b)
{
	struct buffer out = BUFFER_OF_ARRAY(b->schema);
	struct policy_schema schema;
	struct policy_error error = {.text = ""};
	struct cbor_writer w;
	cbor_writer_init(&w, &out);
	cbor_put_map(&w, 2);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, 1);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, b->parameter_count);
	for (size_t i = 0; i < b->parameter_count; i++)
		put_field(&w, &b->parameters[i]);
	cbor_put_end(&w);
	cbor_put_end(&w);
	if (cbor_finish(&w) != STATUS_OK)
		return intent_wrong(b->error, b->root, 0, "the parameters' texts are too long");
	if (policy_schema_decode(buffer_bytes(&out), &schema, &error) != STATUS_OK)
		return intent_wrong(b->error, b->root, 0, "parameters: %s", error.text);
	b->schema_len = out.len;
	return true;
}

/* --- the rest */

static bool take_keys(struct intent_build *b, struct intent_value table, enum build_what what)
{
	if (table.source == NULL)
		return true;
	if (!intent_is(table, INTENT_NODE_TABLE))
		return intent_wrong(b->error, table, 0, "a table of names is expected here");
	for (struct intent_value v = intent_first(table); v.source != NULL; v = intent_next(v)) {
		uint8_t key[32];
		if (is_usual(intent_key_of(v)))
			return intent_wrong(b->error, v, 0, "\"%.*s\" is always defined",
			                    (int)intent_key_of(v).len,
			                    (const char *)intent_key_of(v).data);
		struct build_name *n = define(b, what, intent_key_of(v), v);
		if (n == NULL)
			return false;
		if (what == NAME_KEY && (!intent_is(v, INTENT_NODE_STRING) ||
		                         base58_decode_32(intent_string_of(v), key) != STATUS_OK))
			return intent_wrong(b->error, v, 0,
			                    "an address in base58 is expected here");
		if (what == NAME_LIST && !intent_is(v, INTENT_NODE_ARRAY))
			return intent_wrong(b->error, v, 0, "a list of addresses is expected here");
		if (what == NAME_TYPE && !intent_is(v, INTENT_NODE_TABLE))
			return intent_wrong(b->error, v, 0,
			                    "a type is a table: fields or variants");
	}
	return true;
}

static bool take_list(struct intent_build *b, struct build_name *n)
{
	if (b->list_count == 64)
		return intent_wrong(b->error, n->at, 0, "more than 64 lists");
	struct intent_list *list = &b->lists[b->list_count];
	n->index = (uint16_t)b->list_count++;
	*list = (struct intent_list){.first = (uint16_t)b->key_count};
	if (!build_words(b, n->name, &list->name))
		return false;
	/* A list's keys lie behind each other, so they are not shared with others. */
	for (struct intent_value v = intent_first(n->at); v.source != NULL; v = intent_next(v)) {
		uint8_t key[32];
		if (!intent_is(v, INTENT_NODE_STRING) || !resolve(b, intent_string_of(v), key))
			return intent_wrong(b->error, v, 0,
			                    "an address in base58 is expected here");
		if (b->key_count == BUILD_KEYS_MAX)
			return intent_wrong(b->error, v, 0, "more than %d addresses",
			                    BUILD_KEYS_MAX);
		memcpy(b->keys[b->key_count++], key, 32);
		list->count++;
	}
	if (list->count == 0)
		return intent_wrong(b->error, n->at, 0, "an empty list allows nothing");
	return true;
}

static bool take_total(struct intent_build *b, struct intent_value at)
{
	struct bytes name;
	uint8_t unit;
	if (!intent_keys(b->error, at, "name unit") ||
	    !intent_text_of(b->error, at, "name", true, &name) || !take_unit(b, at, &unit))
		return false;
	struct build_name *n = define(b, NAME_TOTAL, name, at);
	if (n == NULL)
		return false;
	n->index = (uint16_t)b->total_count++;
	return true;
}

static bool take_group(struct intent_build *b, struct intent_value at)
{
	struct bytes name;
	uint64_t min = 0, max = 1;
	if (!intent_keys(b->error, at, "name min max") ||
	    !intent_text_of(b->error, at, "name", true, &name) ||
	    !intent_number_of(b->error, at, "max", 1, 64, &max) ||
	    !intent_number_of(b->error, at, "min", 0, max, &min))
		return false;
	struct build_name *n = define(b, NAME_GROUP, name, at);
	if (n == NULL)
		return false;
	if (b->group_count == 64)
		return intent_wrong(b->error, at, 0, "more than 64 groups");
	n->index = (uint16_t)b->group_count;
	b->groups[b->group_count++] = (struct intent_group){
	    .count = (uint16_t)b->count_count++, .min = (uint16_t)min, .max = (uint16_t)max};
	return true;
}

static bool take_rule_name(struct intent_build *b, struct intent_value at)
{
	struct bytes name;
	if (!intent_is(at, INTENT_NODE_TABLE))
		return intent_wrong(b->error, at, 0, "an instruction is a table");
	if (!intent_text_of(b->error, at, "name", true, &name))
		return false;
	struct build_name *n = define(b, NAME_RULE, name, at);
	if (n == NULL)
		return false;
	n->index = (uint16_t)b->count_count++;
	return true;
}

static bool each(struct intent_build *b, struct intent_value root, const char *key,
                 bool (*take)(struct intent_build *, struct intent_value))
{
	struct intent_value array = intent_member(root, key);
	if (array.source == NULL)
		return true;
	if (!intent_is(array, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, array, 0, "write [[%s]]: there can be many", key);
	for (struct intent_value v = intent_first(array); v.source != NULL; v = intent_next(v))
		if (!take(b, v))
			return false;
	return true;
}

static bool take_lists(struct intent_build *b)
{
	size_t count = b->name_count;
	for (size_t i = 0; i < count; i++)
		if (b->names[i].what == NAME_LIST && !take_list(b, &b->names[i]))
			return false;
	return true;
}

/* The intent's own keys, and those of files that it includes. */
#define COMMON "keys lists types parameter total group instruction message check"

bool build_collect(struct intent_build *b)
{
	b->name_count = b->parameter_count = b->number_count = 0;
	b->count_count = b->total_count = b->group_count = b->list_count = b->key_count = 0;
	b->word_count = 0;
	b->record_bytes = 8;
	uint16_t empty;
	if (!build_words(b, bytes_of_text(""), &empty))
		return false;
	for (size_t i = 0; i < b->source_count; i++) {
		struct intent_value root = {&b->sources[i], 0};
		bool own = i + 1 == b->source_count;
		if (!intent_keys(b->error, root,
		                 own ? "intent name text include formats fee_payer nonce "
		                       "accept_unproven test " COMMON
		                     : COMMON) ||
		    !take_keys(b, intent_member(root, "keys"), NAME_KEY) ||
		    !take_keys(b, intent_member(root, "lists"), NAME_LIST) ||
		    !take_keys(b, intent_member(root, "types"), NAME_TYPE) ||
		    !each(b, root, "parameter", take_parameter) ||
		    !each(b, root, "total", take_total) || !each(b, root, "group", take_group) ||
		    !each(b, root, "instruction", take_rule_name))
			return false;
	}
	return take_lists(b);
}
