/* policy_intent: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_intent.h"

#include "base_check.h"
#include "intent_check.h"
#include "intent_evaluator.h"
#include "policy_keys.h"
#include "policy_told.h"

/* What the compiled-in evaluator's data section begins with, before its number of segments. */
#define SECTION_DATA   11
#define SECTION_CUSTOM 0

static const char schema_section[] = "claviger.parameters";

/* --- the module around a table */

static size_t leb_len(size_t value)
{
	size_t len = 1;
	for (; value > 0x7f; value >>= 7)
		len++;
	return len;
}

static enum status put_byte(struct buffer *out, uint8_t byte)
{
	return buffer_put(out, bytes_of(&byte, 1));
}

static enum status put_leb(struct buffer *out, size_t value)
{
	enum status status = STATUS_OK;
	do {
		status = put_byte(out, (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)));
		value >>= 7;
	} while (value != 0 && status == STATUS_OK);
	return status;
}

/* i32.const INTENT_TABLE_ADDRESS; end: a signed number, so its last byte has no bit 6. */
static const uint8_t table_place[] = {0x00, 0x41, 0x80, 0xc0, 0x06, 0x0b};
_Static_assert(INTENT_TABLE_ADDRESS == ((0x80 & 0x7f) | (0x40 << 7) | (0x06 << 14)),
               "table_place is the table's address");

static struct bytes table_schema(struct bytes table)
{
	const struct intent_head *head = (const void *)table.data;
	return bytes_of(table.data + head->schema.off, head->schema.count);
}

/* The evaluator ends with its data section: what stands before it, the number of its segments, and
 * their bytes. */
struct evaluator {
	struct bytes before, segments;
	uint32_t count;
};

static bool take_leb(struct bytes from, size_t *at, uint32_t *ret_value)
{
	uint32_t value = 0;
	for (unsigned shift = 0; shift < 35 && *at < from.len; shift += 7) {
		uint8_t byte = from.data[(*at)++];
		value |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static struct evaluator evaluator_parts(void)
{
	struct bytes all = bytes_of(intent_evaluator, intent_evaluator_len);
	struct evaluator e = {
	    {NULL, 0},
            {NULL, 0},
            0
        };
	size_t at = 8;
	while (at < all.len) {
		size_t start = at;
		uint8_t id = all.data[at++];
		uint32_t len = 0;
		CHECK(take_leb(all, &at, &len) && len <= all.len - at);
		if (id == SECTION_DATA) {
			size_t end = at + len;
			e.before = bytes_of(all.data, start);
			CHECK(take_leb(all, &at, &e.count));
			e.segments = bytes_of(all.data + at, end - at);
			CHECK(end ==
			      all.len); /* nothing behind it: cmake/module.cmake strips all */
			return e;
		}
		at += len;
	}
	CHECK(false);
	return e;
}

enum status policy_intent_module(struct bytes table, struct buffer *ret_module)
{
	struct evaluator e = evaluator_parts();
	struct bytes schema = table_schema(table);
	size_t name_len = sizeof(schema_section) - 1;
	size_t data = leb_len(e.count + 1) + e.segments.len + sizeof(table_place) +
	              leb_len(table.len) + table.len;
	size_t custom = leb_len(name_len) + name_len + schema.len;
	size_t whole = e.before.len + 1 + leb_len(data) + data + 1 + leb_len(custom) + custom;
	if (whole > ret_module->cap - ret_module->len)
		return STATUS_TOO_LARGE;
	/* Room was counted: nothing below can fail. */
	CHECK(buffer_put(ret_module, e.before) == STATUS_OK);
	CHECK(put_byte(ret_module, SECTION_DATA) == STATUS_OK);
	CHECK(put_leb(ret_module, data) == STATUS_OK);
	CHECK(put_leb(ret_module, e.count + 1) == STATUS_OK);
	CHECK(buffer_put(ret_module, e.segments) == STATUS_OK);
	CHECK(buffer_put(ret_module, BYTES_OF_ARRAY(table_place)) == STATUS_OK);
	CHECK(put_leb(ret_module, table.len) == STATUS_OK);
	CHECK(buffer_put(ret_module, table) == STATUS_OK);
	CHECK(put_byte(ret_module, SECTION_CUSTOM) == STATUS_OK);
	CHECK(put_leb(ret_module, custom) == STATUS_OK);
	CHECK(put_leb(ret_module, name_len) == STATUS_OK);
	CHECK(buffer_put(ret_module, bytes_of(schema_section, name_len)) == STATUS_OK);
	CHECK(buffer_put(ret_module, schema) == STATUS_OK);
	return STATUS_OK;
}

static bool starts(struct bytes module, size_t at, struct bytes with)
{
	return with.len <= module.len - at &&
	       (with.len == 0 || memcmp(module.data + at, with.data, with.len) == 0);
}

/* Where the evaluator's segments lie in an intent's module. */
static bool find_segments(const struct evaluator *e, struct bytes module, size_t *ret_at)
{
	uint32_t len = 0, count = 0;
	size_t at = e->before.len;
	if (module.len > LIMIT_MODULE_MAX || module.len <= at || !starts(module, 0, e->before) ||
	    module.data[at++] != SECTION_DATA || !take_leb(module, &at, &len) ||
	    !take_leb(module, &at, &count) || count != e->count + 1 ||
	    !starts(module, at, e->segments))
		return false;
	*ret_at = at;
	return true;
}

enum status policy_intent_table(struct bytes module, struct bytes *ret_table)
{
	struct evaluator e = evaluator_parts();
	uint32_t len = 0;
	size_t at = 0;
	if (!find_segments(&e, module, &at))
		return STATUS_REFUSED;
	at += e.segments.len;
	if (!starts(module, at, BYTES_OF_ARRAY(table_place)))
		return STATUS_REFUSED;
	at += sizeof(table_place);
	if (!take_leb(module, &at, &len) || len > INTENT_TABLE_MAX || len > module.len - at)
		return STATUS_REFUSED;
	*ret_table = bytes_of(module.data + at, len);
	return STATUS_OK;
}

/* --- how it is stored */

/* In front of a rest, little-endian. The module is: the first `before` bytes of what is shared, the
 * rest's first `gap` bytes (the data section's head), the `segments` last bytes of what is shared,
 * and all else of the rest. A module begins with 0. */
struct rest_head {
	uint8_t form;
	uint8_t gap;
	uint8_t reserved[2];
	uint32_t before, segments;
	uint8_t shared[32];
};
_Static_assert(sizeof(struct rest_head) == 44, "stored as it is");

#define REST_FORM 1

struct bytes policy_intent_shared(void)
{
	return bytes_of(intent_evaluator, intent_evaluator_len);
}

enum status policy_intent_rest(struct bytes module, const uint8_t shared_hash[32],
                               struct buffer *ret_rest)
{
	struct evaluator e = evaluator_parts();
	struct rest_head head = {.form = REST_FORM,
	                         .before = (uint32_t)e.before.len,
	                         .segments = (uint32_t)e.segments.len};
	size_t at = 0, behind;

	if (!find_segments(&e, module, &at))
		return STATUS_REFUSED;
	behind = at + e.segments.len;
	memcpy(head.shared, shared_hash, 32);
	head.gap = (uint8_t)(at - e.before.len); /* two numbers of five bytes at most */
	if (buffer_put(ret_rest, bytes_of(&head, sizeof(head))) != STATUS_OK ||
	    buffer_put(ret_rest, bytes_of(module.data + e.before.len, head.gap)) != STATUS_OK)
		return STATUS_TOO_LARGE;
	return buffer_put(ret_rest, bytes_of(module.data + behind, module.len - behind));
}

bool policy_intent_is_rest(struct bytes stored, uint8_t ret_shared_hash[32])
{
	struct rest_head head;

	if (stored.len < sizeof(head))
		return false;
	memcpy(&head, stored.data, sizeof(head));
	memcpy(ret_shared_hash, head.shared, 32);
	return head.form == REST_FORM;
}

enum status policy_intent_whole(struct bytes shared, struct bytes rest, struct buffer *ret_module)
{
	struct rest_head head;

	if (rest.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, rest.data, sizeof(head));
	rest = bytes_of(rest.data + sizeof(head), rest.len - sizeof(head));
	if (head.form != REST_FORM || head.reserved[0] != 0 || head.reserved[1] != 0 ||
	    head.gap > rest.len || head.before > shared.len ||
	    head.segments > shared.len - head.before)
		return STATUS_MALFORMED;
	if (buffer_put(ret_module, bytes_of(shared.data, head.before)) != STATUS_OK ||
	    buffer_put(ret_module, bytes_of(rest.data, head.gap)) != STATUS_OK ||
	    buffer_put(ret_module, bytes_of(shared.data + shared.len - head.segments,
	                                    head.segments)) != STATUS_OK ||
	    buffer_put(ret_module, bytes_of(rest.data + head.gap, rest.len - head.gap)) !=
	        STATUS_OK)
		return STATUS_TOO_LARGE;
	return STATUS_OK;
}

/* --- what is known of the network's own programs */

enum effect {
	EFFECT_NONE,
	EFFECT_PAYS,
	EFFECT_RENT,
	EFFECT_SENDS,
	EFFECT_OWN,
	EFFECT_CLOSE,
	EFFECT_NONCE,
	EFFECT_MAKE_OWNED, /* owner in the third account */
	EFFECT_MAKE,       /* owner in the data */
	EFFECT_SEED
};

/* One instruction: its first bytes, what follows them at least, and what it does at least. */
struct known_instruction {
	uint8_t programs; /* bit n: enum policy_program n */
	uint8_t prefix_len;
	uint8_t prefix[8];
	uint8_t data_len;  /* with the prefix; 255: any */
	uint8_t amount;    /* offset of the u64 that leaves, 0: none */
	uint8_t delegates; /* at least as many delegations ... */
	uint8_t authority; /* ... and changes of authority */
	enum effect effect;
	const char *name;
};

#define SYSTEM  (1u << POLICY_PROGRAM_SYSTEM)
#define COMPUTE (1u << POLICY_PROGRAM_COMPUTE_BUDGET)
#define TOKENS  (1u << POLICY_PROGRAM_TOKEN | 1u << POLICY_PROGRAM_TOKEN_2022)
#define T2022   (1u << POLICY_PROGRAM_TOKEN_2022)
#define ATA     (1u << POLICY_PROGRAM_ATA)
#define MEMOS                                                                                      \
	(1u << POLICY_PROGRAM_MEMO | 1u << POLICY_PROGRAM_MEMO_V1 | 1u << POLICY_PROGRAM_MEMO_V4)

/* clang-format off */
static const struct known_instruction known_instructions[] = {
	{SYSTEM, 4, {0}, 52, 4, 0, 0, EFFECT_PAYS, "createAccount"},
	{SYSTEM, 4, {3}, 255, 0, 0, 0, EFFECT_SEED, "createAccountWithSeed"},
	{SYSTEM, 4, {2}, 12, 4, 0, 0, EFFECT_PAYS, "transfer"},
	{SYSTEM, 4, {4}, 4, 0, 0, 0, EFFECT_NONCE, "advanceNonceAccount"},
	{COMPUTE, 1, {1}, 5, 0, 0, 0, EFFECT_NONE, "requestHeapFrame"},
	{COMPUTE, 1, {2}, 5, 0, 0, 0, EFFECT_NONE, "setComputeUnitLimit"},
	{COMPUTE, 1, {3}, 9, 0, 0, 0, EFFECT_NONE, "setComputeUnitPrice"},
	{COMPUTE, 1, {4}, 5, 0, 0, 0, EFFECT_NONE, "setLoadedAccountsDataSizeLimit"},
	{TOKENS, 1, {1}, 1, 0, 0, 0, EFFECT_MAKE_OWNED, "initializeAccount"},
	{TOKENS, 1, {16}, 33, 0, 0, 0, EFFECT_MAKE, "initializeAccount2"},
	{TOKENS, 1, {18}, 33, 0, 0, 0, EFFECT_MAKE, "initializeAccount3"},
	{TOKENS, 1, {3}, 9, 1, 0, 0, EFFECT_SENDS, "transfer"},
	{TOKENS, 1, {4}, 9, 1, 1, 0, EFFECT_SENDS, "approve"},
	{TOKENS, 1, {5}, 1, 0, 0, 0, EFFECT_NONE, "revoke"},
	{TOKENS, 1, {6}, 255, 0, 0, 1, EFFECT_OWN, "setAuthority"},
	{TOKENS, 1, {8}, 9, 1, 0, 0, EFFECT_SENDS, "burn"},
	{TOKENS, 1, {9}, 1, 0, 0, 0, EFFECT_CLOSE, "closeAccount"},
	{TOKENS, 1, {12}, 10, 1, 0, 0, EFFECT_SENDS, "transferChecked"},
	{TOKENS, 1, {13}, 10, 1, 1, 0, EFFECT_SENDS, "approveChecked"},
	{TOKENS, 1, {15}, 10, 1, 0, 0, EFFECT_SENDS, "burnChecked"},
	{TOKENS, 1, {17}, 1, 0, 0, 0, EFFECT_NONE, "syncNative"},
	{TOKENS, 1, {45}, 255, 0, 0, 0, EFFECT_CLOSE, "unwrapLamports"},
	{T2022, 2, {26, 1}, 19, 2, 0, 0, EFFECT_SENDS, "transferCheckedWithFee"},
	{ATA, 0, {0}, 0, 0, 0, 0, EFFECT_RENT, "create"},
	{ATA, 1, {0}, 1, 0, 0, 0, EFFECT_RENT, "create"},
	{ATA, 1, {1}, 1, 0, 0, 0, EFFECT_RENT, "createIdempotent"},
	{MEMOS, 0, {0}, 255, 0, 0, 0, EFFECT_NONE, "memo"},
};
/* clang-format on */

#define RENT_TOKEN      UINT64_C(2039280)
#define RENT_TOKEN_2022 UINT64_C(2282880)

struct table {
	const uint8_t *data;
	const struct intent_head *head;
	const struct intent_op *ops;
	const uint64_t *image;
};

static const uint8_t *key_at(const struct table *t, uint32_t index)
{
	return t->data + t->head->keys.off + 32 * (size_t)index;
}

/* The slot that holds the u64 of the data at `off`, loaded from the first segment. */
static bool is_amount(const struct table *t, const struct intent_rule *rule, uint32_t slot,
                      uint32_t off)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (op->op == INTENT_OP_LOAD && op->a == 3 << 4 && op->b == off && op->d == slot)
			return true;
	}
	return false;
}

static const struct intent_op *place_op(const struct table *t, const struct intent_rule *rule,
                                        uint32_t place)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (intent_op_is_account(op) && op->a == place)
			return op;
	}
	return NULL;
}

static bool place_is(const struct table *t, const struct intent_rule *rule, uint32_t place,
                     unsigned requirement)
{
	const struct intent_op *op = place_op(t, rule, place);
	return op != NULL && op->op == INTENT_OP_ACCOUNT + requirement &&
	       (op->b & (INTENT_MODE_OPTIONAL | INTENT_MODE_HIDDEN)) == 0;
}

static bool pays(const struct table *t, const struct intent_rule *rule, uint32_t off, bool rent,
                 uint64_t least)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (op->op != INTENT_OP_PAY || (op->c != INTENT_NONE && op->c != 0))
			continue;
		if (!rent && is_amount(t, rule, op->b, off))
			return true;
		if (rent && op->a == 2 && op->b < t->head->numbers && op->b >= INTENT_FIRST_SLOT &&
		    t->image[op->b / 8] >= least)
			return true;
	}
	return false;
}

static bool sends(const struct table *t, const struct intent_rule *rule, uint32_t off)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (op->op == INTENT_OP_SEND && op->a == INTENT_MINT_ENTRY && op->b == 0 &&
		    op->d == INTENT_NONE && is_amount(t, rule, op->c, off))
			return place_is(t, rule, 0, INTENT_OWN);
	}
	return false;
}

/* The token program's account for wrapped SOL, of the wallet's: `own = "native_mint"`. */
static bool is_own_native(const struct table *t, const struct intent_rule *rule, uint32_t place)
{
	const struct intent_op *op = place_op(t, rule, place);
	return place_is(t, rule, place, INTENT_OWN) && (op[1].a & 15u) == INTENT_MINT_KEY &&
	       op[1].a >> 4 == INTENT_TOKEN_KEY &&
	       memcmp(key_at(t, op[1].b), policy_key_native_mint.bytes, 32) == 0 &&
	       memcmp(key_at(t, op[1].c), policy_program_keys[POLICY_PROGRAM_TOKEN].bytes, 32) == 0;
}

/* The key at `off` of a segment is the token program's. */
static bool is_for_tokens(const struct table *t, const struct intent_rule *rule, unsigned segment,
                          uint32_t off)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (op->op == INTENT_OP_FIELD_KEY && op->a == (segment | INTENT_IS_KEY << 4) &&
		    op->b == off &&
		    memcmp(key_at(t, op->c), policy_program_keys[POLICY_PROGRAM_TOKEN].bytes, 32) ==
		        0)
			return true;
	}
	return false;
}

/* Wrapped lamports stay the wallet's, so that a grant's counter charges them as wrapped SOL alone:
 * that is so in the wallet's own account for wrapped SOL, and in one that is made for the token
 * program (which the intent itself must bind to what makes it the wallet's). */
static bool may_wrap(const struct table *t, const struct intent_rule *rule,
                     const struct known_instruction *known)
{
	bool wraps = false;
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		wraps |= op->op == INTENT_OP_PAY && op->a == 3;
	}
	if (!wraps)
		return true;
	if (known == NULL || known->programs != SYSTEM)
		return false;
	if (known->prefix[0] == 2)
		return is_own_native(t, rule, 1);
	return known->prefix[0] == 0
	           ? is_for_tokens(t, rule, 0, 20)
	           : known->effect == EFFECT_SEED && is_for_tokens(t, rule, 1, 16);
}

static uint32_t counted(const struct table *t, const struct intent_rule *rule, unsigned opcode)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (t->ops[rule->code_first + i].op == opcode)
			count += t->ops[rule->code_first + i].b;
	return count;
}

/* base 32, then the seed, then segment 1: lamports, space, owner, and the end. */
static bool is_seed(const struct table *t, const struct intent_rule *rule)
{
	const uint8_t *at = t->data + t->head->layouts.off + rule->layout;
	static const uint8_t layout[] = {
	    INTENT_L_SKIP, 32, 0, INTENT_L_SEED, 32, 0, INTENT_L_SEGMENT,
	    INTENT_L_SKIP, 48, 0, INTENT_L_END};
	return (rule->flags & INTENT_RULE_FIXED) == 0 && rule->segments == 2 &&
	       rule->layout + sizeof(layout) <= t->head->layouts.count &&
	       memcmp(at, layout, sizeof(layout)) == 0;
}

/* The u64 at the begin of a segment is paid by account 0, if at all by one. */
static bool pays_segment(const struct table *t, const struct intent_rule *rule, unsigned segment)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *pay = &t->ops[rule->code_first + i];
		if (pay->op != INTENT_OP_PAY || (pay->c != INTENT_NONE && pay->c != 0))
			continue;
		for (uint32_t n = 0; n < i; n++) {
			const struct intent_op *op = &t->ops[rule->code_first + n];
			if (op->op == INTENT_OP_LOAD && op->a == (segment | 3 << 4) && op->b == 0 &&
			    op->d == pay->b)
				return true;
		}
	}
	return false;
}

static bool makes(const struct table *t, const struct intent_rule *rule)
{
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (t->ops[rule->code_first + i].op == INTENT_OP_FRESH)
			return true;
	return false;
}

static bool owner_is_wallet(const struct table *t, const struct intent_rule *rule)
{
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if (op->op == INTENT_OP_FIELD_KEY && op->a == INTENT_IS_WALLET << 4 && op->b == 1)
			return true;
	}
	return false;
}

static bool has_effect(const struct table *t, const struct intent_rule *rule,
                       const struct known_instruction *known, const char **ret_missing)
{
	const struct intent_op *program;
	switch (known->effect) {
	case EFFECT_PAYS:
		*ret_missing = "pays = [{ lamports = (the field behind the tag), as = ..., by = "
		               "(account 0) }]";
		return pays(t, rule, known->amount, false, 0);
	case EFFECT_RENT:
		program = place_op(t, rule, 5);
		*ret_missing =
		    "pays = [{ lamports = 2282880, as = \"rent\", by = (account 0) }]; 2039280 "
		    "when account 5 is = \"token\"";
		return pays(t, rule, 0, true,
		            program != NULL && program->op == INTENT_OP_ACCOUNT + INTENT_IS_KEY &&
		                    (program->b & INTENT_MODE_HIDDEN) == 0 &&
		                    memcmp(key_at(t, program->c),
		                           policy_program_keys[POLICY_PROGRAM_TOKEN].bytes, 32) == 0
		                ? RENT_TOKEN
		                : RENT_TOKEN_2022);
	case EFFECT_SENDS:
		*ret_missing =
		    "sends = [{ amount = (the field behind the tag), of = (account 0) }], and "
		    "own = ... at account 0";
		return sends(t, rule, known->amount);
	case EFFECT_OWN:
		*ret_missing = "own = ... at account 0";
		return place_is(t, rule, 0, INTENT_OWN);
	case EFFECT_CLOSE:
		*ret_missing = "is = \"wallet\" at account 1";
		return place_is(t, rule, 1, INTENT_IS_WALLET);
	case EFFECT_NONCE:
		*ret_missing = "first = true, signer = true at account 2, and nonce";
		return (rule->flags & INTENT_RULE_FIRST) != 0 && t->head->nonce != INTENT_NONE &&
		       rule->listed > 2 &&
		       (place_op(t, rule, 2)->b & (INTENT_MODE_SIGNER | INTENT_MODE_OPTIONAL)) ==
		           INTENT_MODE_SIGNER;
	case EFFECT_SEED:
		*ret_missing =
		    "fields base pubkey, seed 32, lamports u64, space u64, owner pubkey, and "
		    "pays = [{ lamports = \"lamports\", as = ..., by = (account 0) }]";
		return is_seed(t, rule) && pays_segment(t, rule, 1);
	case EFFECT_MAKE_OWNED:
		*ret_missing = "is = \"wallet\" at account 2";
		return place_is(t, rule, 2, INTENT_IS_WALLET) && makes(t, rule);
	case EFFECT_MAKE:
		*ret_missing = "fields = [[\"owner\", \"pubkey\", { is = \"wallet\" }]]";
		return owner_is_wallet(t, rule) && makes(t, rule);
	case EFFECT_NONE:
		break;
	}
	return true;
}

static unsigned builtin_of(const uint8_t *key)
{
	for (unsigned i = 0; i < POLICY_PROGRAM_JUPITER_V6; i++)
		if (memcmp(policy_program_keys[i].bytes, key, 32) == 0)
			return 1u << i;
	return 0;
}

static enum status check_rule(const struct table *t, const struct intent_rule *rule,
                              const uint8_t *program, struct policy_error *ret_error)
{
	unsigned builtin = builtin_of(program);
	bool is_make = (builtin & TOKENS) != 0 && rule->prefix == 1 &&
	               (rule->word == 1 || rule->word == 16 || rule->word == 18);
	const char *name = (const char *)t->data + t->head->words.off + rule->name, *missing = "";
	const struct known_instruction *known = NULL;
	if (makes(t, rule) && !is_make) {
		snprintf(ret_error->text, sizeof(ret_error->text),
		         "%s: this instruction makes no account of the wallet's", name);
		return STATUS_REFUSED;
	}
	for (size_t i = 0; i < sizeof(known_instructions) / sizeof(*known); i++) {
		const struct known_instruction *k = &known_instructions[i];
		if ((k->programs & builtin) != 0 && rule->prefix == k->prefix_len &&
		    memcmp(&rule->word, k->prefix, k->prefix_len) == 0)
			known = k;
	}
	if (!may_wrap(t, rule, known)) {
		snprintf(ret_error->text, sizeof(ret_error->text),
		         "%s: as = \"wrap\" needs a recipient that is the wallet's wrapped SOL; "
		         "spec/intent.md, 5, says which",
		         name);
		return STATUS_REFUSED;
	}
	if (builtin == 0)
		return STATUS_OK;
	if (known == NULL) {
		snprintf(ret_error->text, sizeof(ret_error->text),
		         "%s: this program has no instruction that begins so, or none that may be "
		         "allowed; "
		         "spec/intent.md, 5, lists them",
		         name);
		return STATUS_REFUSED;
	}
	bool fixed = (rule->flags & INTENT_RULE_FIXED) != 0;
	if (known->data_len != 255 && (!fixed || rule->data_len != known->data_len)) {
		snprintf(ret_error->text, sizeof(ret_error->text),
		         "%s: fields of %s must take %u bytes with the tag", name, known->name,
		         known->data_len);
		return STATUS_REFUSED;
	}
	if (rule->accounts_max != rule->listed && (builtin & (MEMOS | COMPUTE)) == 0) {
		snprintf(
		    ret_error->text, sizeof(ret_error->text),
		    "%s: a rule for %s lists all its accounts: no remaining, no extra_accounts",
		    name, known->name);
		return STATUS_REFUSED;
	}
	if ((builtin & COMPUTE) != 0 && rule->listed != 0)
		missing = "accounts = []";
	else if (counted(t, rule, INTENT_OP_DELEGATE) < known->delegates)
		missing = "delegates = 1";
	else if (counted(t, rule, INTENT_OP_AUTHORITY) < known->authority)
		missing = "authority_changes = 1";
	else if (has_effect(t, rule, known, &missing))
		return STATUS_OK;
	snprintf(ret_error->text, sizeof(ret_error->text), "%s: %s must have %s", name, known->name,
	         missing);
	return STATUS_REFUSED;
}

/* --- parameters */

static bool field_is(const struct table *t, const struct intent_field *field,
                     const struct policy_field *named)
{
	const char *name = (const char *)t->data + t->head->words.off + field->name;
	return strlen(name) == named->name.len &&
	       memcmp(name, named->name.data, named->name.len) == 0 && field->type == named->type &&
	       field->record == named->off;
}

/* What a number of the table, a key or a list is called, is what the schema calls it; no operation
 * reads a part of the record as something else. */
static unsigned record_type(const struct policy_schema *schema, uint32_t record)
{
	for (size_t i = 0; i < schema->count; i++)
		if (schema->fields[i].off == record)
			return schema->fields[i].type;
	return 0;
}

static bool number_is(const struct table *t, const struct policy_schema *schema, uint32_t index,
                      const struct intent_param *param)
{
	const struct intent_name *names = (const void *)(t->data + t->head->names.off);
	unsigned type = record_type(schema, param->record);
	uint32_t slot = t->head->numbers + 8 * index;
	if (type != POLICY_TYPE_BOOL && type != POLICY_TYPE_U64)
		return false;
	for (uint32_t i = 0; i < t->head->names.count; i++) {
		if (names[i].slot != slot)
			continue;
		const char *name = (const char *)t->data + t->head->words.off + names[i].name;
		int field = policy_schema_find(schema, bytes_of_text(name));
		return field >= 0 && schema->fields[field].off == param->record;
	}
	return false;
}

static bool op_reads(const struct policy_schema *schema, const struct intent_op *op)
{
	unsigned require = intent_op_is_account(op) ? op->op - (unsigned)INTENT_OP_ACCOUNT
	                   : op->op == INTENT_OP_FIELD_KEY || op->op == INTENT_OP_OWNED_MORE
	                       ? op->a >> 4
	                       : INTENT_IS_ANY;
	bool has_mint = op->op == INTENT_OP_OWNED || op->op == INTENT_OP_OWNED_MORE ||
	                op->op == INTENT_OP_SENT || op->op == INTENT_OP_PER ||
	                op->op == INTENT_OP_SEND;
	unsigned mint = has_mint ? op->a & 15u : INTENT_MINT_ANY;
	if (require == INTENT_IS_PARAM && record_type(schema, op->c) != POLICY_TYPE_PUBKEY)
		return false;
	if (require == INTENT_IN_PARAM && record_type(schema, op->c) != POLICY_TYPE_PUBKEY_LIST)
		return false;
	if (mint == INTENT_MINT_PARAM && record_type(schema, op->b) != POLICY_TYPE_PUBKEY)
		return false;
	if ((mint == INTENT_MINT_IN_PARAM || mint == INTENT_MINT_IN_PARAM_ANY) &&
	    record_type(schema, op->b) != POLICY_TYPE_PUBKEY_LIST)
		return false;
	if (op->op == INTENT_OP_LENGTH && record_type(schema, op->b) != POLICY_TYPE_U64_LIST &&
	    record_type(schema, op->b) != POLICY_TYPE_PUBKEY_LIST)
		return false;
	if (op->op == INTENT_OP_GIVEN && record_type(schema, op->b) != POLICY_TYPE_PUBKEY)
		return false;
	if (op->op == INTENT_OP_OWNED_OR && record_type(schema, op->b) != POLICY_TYPE_PUBKEY)
		return false;
	if (op->op == INTENT_OP_PER && record_type(schema, op->c) != POLICY_TYPE_U64_LIST)
		return false;
	if (op->op == INTENT_OP_PER_LIST && record_type(schema, op->b) != POLICY_TYPE_PUBKEY_LIST)
		return false;
	return op->op != INTENT_OP_TEXT || record_type(schema, op->b) == op->a;
}

/* What texts say must be there at least, a check after the last instruction demands. */
static bool is_demanded(const struct table *t, uint32_t count, uint32_t least)
{
	bool demanded = least == 0;
	for (uint32_t i = 0; i < t->head->final_count; i++) {
		const struct intent_op *op = &t->ops[t->head->final_first + i];
		demanded |= op->op == INTENT_OP_CHECK && op->a == INTENT_CMP_GE && op->b == count &&
		            op->c >= INTENT_FIRST_SLOT && op->c < t->head->numbers &&
		            t->image[op->c / 8] >= least;
	}
	return demanded;
}

static enum status check_least(const struct table *t, struct policy_error *ret_error)
{
	const struct intent_rule *rules = (const void *)(t->data + t->head->rules.off);
	const struct intent_group *groups = (const void *)(t->data + t->head->groups.off);
	bool holds = true;
	for (uint32_t i = 0; i < t->head->rules.count; i++)
		holds &= is_demanded(t, rules[i].count, rules[i].min);
	for (uint32_t i = 0; i < t->head->groups.count; i++)
		holds &= is_demanded(t, groups[i].count, groups[i].min);
	if (holds)
		return STATUS_OK;
	snprintf(ret_error->text, sizeof(ret_error->text),
	         "the table demands less than the least number that it says of a rule or group");
	return STATUS_REFUSED;
}

static enum status check_parameters(const struct table *t, struct policy_schema *ret_schema,
                                    struct policy_error *ret_error)
{
	const struct intent_field *fields = (const void *)(t->data + t->head->fields.off);
	const struct intent_param *params = (const void *)(t->data + t->head->params.off);
	struct bytes cbor = bytes_of(t->data + t->head->schema.off, t->head->schema.count);
	if (policy_schema_decode(cbor, ret_schema, ret_error) != STATUS_OK)
		return STATUS_REFUSED;
	snprintf(ret_error->text, sizeof(ret_error->text), "parameters and table differ");
	if (t->head->record_bytes > ret_schema->fixed_bytes ||
	    t->head->fields.count != ret_schema->count)
		return STATUS_REFUSED;
	for (uint32_t i = 0; i < ret_schema->count; i++)
		if (!field_is(t, &fields[i], &ret_schema->fields[i]))
			return STATUS_REFUSED;
	for (uint32_t i = 0; i < t->head->params.count; i++)
		if (!number_is(t, ret_schema, i, &params[i]))
			return STATUS_REFUSED;
	for (uint32_t i = 0; i < t->head->ops.count; i++)
		if (!op_reads(ret_schema, &t->ops[i]))
			return STATUS_REFUSED;
	struct intent_op payer = {.op = (uint8_t)(INTENT_OP_ACCOUNT + t->head->payer_kind),
	                          .c = t->head->payer_arg};
	if (t->head->payer_kind != INTENT_PAYER_OTHER && !op_reads(ret_schema, &payer))
		return STATUS_REFUSED;
	ret_error->text[0] = '\0';
	return STATUS_OK;
}

enum status policy_intent_check(struct bytes table, struct policy_error *ret_error)
{
	static struct intent_checking space;
	struct table t = {.data = table.data, .head = (const void *)table.data};
	CHECK((uintptr_t)table.data % 8 == 0);
	*ret_error = (struct policy_error){.text = "the table breaks the rules of its format"};
	if (table.len > UINT32_MAX || !intent_table_check(table.data, (uint32_t)table.len, &space))
		return STATUS_REFUSED;
	t.ops = (const void *)(table.data + t.head->ops.off);
	t.image = (const void *)(table.data + t.head->image.off);
	const struct intent_program *programs = (const void *)(table.data + t.head->programs.off);
	const struct intent_rule *rules = (const void *)(table.data + t.head->rules.off);
	for (uint32_t i = 0; i < t.head->programs.count; i++) {
		for (uint32_t n = 0; n < programs[i].count; n++) {
			uint32_t rule = programs[i].first + n;
			enum status status =
			    check_rule(&t, &rules[rule], key_at(&t, programs[i].key), ret_error);
			if (status != STATUS_OK) {
				ret_error->rule = rule + 1;
				return status;
			}
		}
	}
	struct policy_schema schema;
	enum status status = check_least(&t, ret_error);
	if (status == STATUS_OK)
		status = check_parameters(&t, &schema, ret_error);
	return status == STATUS_OK ? policy_told_check(table, &schema, ret_error) : status;
}

/* The name of an intent's table in a module, if it is known; `ret_error` is empty when there is no
 * table. */
static const char *known_name(struct bytes module, struct policy_error *ret_error)
{
	static _Alignas(8) uint8_t aligned[INTENT_TABLE_MAX];
	static uint8_t again[LIMIT_MODULE_MAX];
	struct buffer rebuilt = BUFFER_OF_ARRAY(again);
	struct bytes table;
	ret_error->text[0] = '\0';
	if (policy_intent_table(module, &table) != STATUS_OK)
		return NULL;
	memcpy(aligned, table.data, table.len);
	struct bytes copy = bytes_of(aligned, table.len);
	if (policy_intent_check(copy, ret_error) != STATUS_OK)
		return NULL;
	if (policy_intent_module(copy, &rebuilt) != STATUS_OK ||
	    !bytes_equal(buffer_bytes(&rebuilt), module)) {
		snprintf(ret_error->text, sizeof(ret_error->text),
		         "around the table stand other bytes than this build writes");
		return NULL;
	}
	const struct intent_head *head = (const void *)aligned;
	return (const char *)table.data + head->words.off + head->name;
}

const char *policy_intent_name(struct bytes module)
{
	struct policy_error error;
	return known_name(module, &error);
}

void policy_intent_why(struct bytes module, struct policy_error *ret_error)
{
	(void)known_name(module, ret_error);
}

bool policy_intent_gives_accounts(struct bytes module)
{
	struct intent_head head;
	struct intent_op op;
	struct bytes table;
	if (policy_intent_table(module, &table) != STATUS_OK)
		return false;
	/* It is a known one, so all of it lies in the table; which stands anywhere. */
	memcpy(&head, table.data, sizeof(head));
	for (uint32_t i = 0; i < head.ops.count; i++) {
		memcpy(&op, table.data + head.ops.off + i * sizeof(op), sizeof(op));
		if (op.op == INTENT_OP_AUTHORITY && op.b != 0)
			return true;
	}
	return false;
}
