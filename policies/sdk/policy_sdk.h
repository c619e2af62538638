/* policy_sdk: everything that a policy written in C needs; the module imports nothing.
 *
 * A policy is one .c file that includes its parameters and this header and defines
 *
 *   static void policy_rules(struct policy *p);   look at the transaction: refuse, and count
 *   static void policy_grant(struct policy *p);   say in words what its parameters allow
 *
 * and, when it defines POLICY_TAKES_MESSAGES, for off-chain messages
 *
 *   static void policy_message(struct policy *p); look at the text: refuse
 *
 * The exported functions of the ABI (abi/policy_abi.h) are here. What a rule does not name must be
 * refused by the rules: a transaction is allowed when policy_rules returns and nothing failed.
 *
 * A constraint is one call: POLICY_NEED when the code after it depends on it, POLICY_LIMIT when the
 * rules can go on in explain mode. Both give false when the rules must stop:
 *
 *   if (!POLICY_LIMIT(p, n <= max, POLICY_REASON_AMOUNT, ix, "amount", v_at_most(max),
 * v_number(n))) return false;
 *
 * Trust: the request comes from the host and is believed; message bytes in it are an attacker's and
 * are taken only through cursors and the decoders of policy_decode.h. No floats, no recursion. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SDK_H
#define POLICY_SDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy_abi.h"
#include "policy_keys.h"

#ifdef __wasm__
#define POLICY_EXPORT(name) __attribute__((export_name(#name), visibility("default"), used))
#define POLICY_COLD         __attribute__((noinline))
#else /* a native build for the unit tests and fuzzers of a policy */
#define POLICY_EXPORT(name) __attribute__((used))
#define POLICY_COLD         __attribute__((noinline, unused))
#endif
#define POLICY_MAYBE __attribute__((unused))

/* Where the host and this module meet. */
static union {
	uint64_t align;
	uint8_t bytes[POLICY_AREA_BYTES];
} policy_area;

/* Text is written here and moved behind the explain records at the end. */
static uint8_t policy_text_bytes[POLICY_DESCRIPTION_MAX];

#define POLICY_LAST_ROOM 1536 /* bytes of a transaction's text for policy_say_last */

struct policy_text {
	uint8_t *bytes;
	uint32_t cap;
	uint32_t len;
};

struct policy {
	const struct policy_request *request;
	const struct policy_account *accounts;
	const struct policy_instruction *instructions;
	const struct policy_derived *derived;
	const uint8_t *indexes;
	const uint8_t *parameters;
	struct policy_answer *answer;
	struct policy_facts *facts;
	bool failed;  /* a constraint does not hold: the verdict is deny */
	bool explain; /* list every constraint */
	bool says;    /* describing a transaction: rules say what each instruction does */
	struct policy_text text;
};

#ifdef __wasm__
/* The compiler may ask for these; bulk-memory makes the first two single instructions. */
void *memcpy(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;
	for (size_t i = 0; i < len; i++)
		t[i] = f[i];
	return to;
}
void *memset(void *to, int value, size_t len)
{
	uint8_t *t = to;
	for (size_t i = 0; i < len; i++)
		t[i] = (uint8_t)value;
	return to;
}
#endif

/* --- integers and keys ------------------------------------------------------------------------ */

static inline uint64_t policy_load64(const void *at)
{
	uint64_t value;
	__builtin_memcpy(&value, at, 8);
	return value;
}

static inline bool policy_key_equal(const void *a, const void *b)
{
	const uint8_t *x = a, *y = b;
	return policy_load64(x) == policy_load64(y) &&
	       policy_load64(x + 8) == policy_load64(y + 8) &&
	       policy_load64(x + 16) == policy_load64(y + 16) &&
	       policy_load64(x + 24) == policy_load64(y + 24);
}

/* policy_key_is_builtin: the network's own programs: to others' they hand no signature on. */
static POLICY_MAYBE POLICY_COLD bool policy_key_is_builtin(const uint8_t *key)
{
	for (uint32_t i = 0; i < POLICY_PROGRAM_JUPITER_V6; i++)
		if (policy_key_equal(key, policy_program_keys[i].bytes))
			return true;
	return false;
}

static inline bool policy_key_zero(const uint8_t *key)
{
	return (policy_load64(key) | policy_load64(key + 8) | policy_load64(key + 16) |
	        policy_load64(key + 24)) == 0;
}

/* policy_add adds without passing 2^64: what is too large stays at the largest, above any limit. */
static inline uint64_t policy_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* policy_scale gives value x numerator / 10000, rounded down or up; UINT64_MAX when too large.
 * The numerator is at most 20000. */
static POLICY_MAYBE uint64_t policy_scale(uint64_t value, uint32_t numerator, bool up)
{
	uint64_t whole = value / 10000, rest = value % 10000 * numerator;
	/* Only a numerator above 10000 can pass 2^64; the bound is a constant because a checked
	 * multiplication would need a library function. */
	if (numerator > 10000 && whole > UINT64_MAX / 20000)
		return UINT64_MAX;
	uint64_t part = rest / 10000 + (up && rest % 10000 != 0);
	return policy_add(whole * numerator, part);
}

/* policy_product_less says whether a x b < c x d, exactly. */
static POLICY_MAYBE bool policy_product_less(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t high[2], low[2], x[2] = {a, c}, y[2] = {b, d};
	for (int i = 0; i < 2; i++) {
		uint64_t xl = (uint32_t)x[i], xh = x[i] >> 32;
		uint64_t yl = (uint32_t)y[i], yh = y[i] >> 32;
		uint64_t mid = xh * yl + (xl * yl >> 32);
		uint64_t mid2 = xl * yh + (uint32_t)mid;
		low[i] = (mid2 << 32) | (uint32_t)(xl * yl);
		high[i] = xh * yh + (mid >> 32) + (mid2 >> 32);
	}
	return high[0] != high[1] ? high[0] < high[1] : low[0] < low[1];
}

/* --- text: integers only, bounded, cut at the end */

static void policy_put_byte(struct policy_text *text, uint8_t byte)
{
	if (text->len < text->cap)
		text->bytes[text->len++] = byte;
}

static void policy_put(struct policy_text *text, const char *words)
{
	for (; *words != 0; words++)
		policy_put_byte(text, (uint8_t)*words);
}

/* policy_put_quoted writes, in quotes, what somebody else chose: no byte of it ends the line or the
 * quotes, so nothing of it passes for the policy's own words. */
static POLICY_MAYBE POLICY_COLD void policy_put_quoted(struct policy_text *text,
                                                       const uint8_t *bytes, uint32_t len)
{
	policy_put_byte(text, '"');
	for (uint32_t i = 0; i < len; i++)
		policy_put_byte(text, bytes[i] == '\n' || bytes[i] == '"' ? '?' : bytes[i]);
	policy_put_byte(text, '"');
}

/* policy_mark_cut: a text that did not fit says so where it begins. */
static POLICY_COLD void policy_mark_cut(struct policy_text *text)
{
	static const char words[] = "INCOMPLETE: this text does not fit; do not sign it.\n";
	if (text->len == text->cap)
		__builtin_memcpy(text->bytes, words, sizeof(words) - 1);
}

static POLICY_COLD void policy_put_number(struct policy_text *text, uint64_t value)
{
	uint8_t digits[20];
	uint32_t n = 0;
	do {
		digits[n++] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (n != 0)
		policy_put_byte(text, digits[--n]);
}

/* policy_put_decimal writes value / 10^decimals without trailing zeros. */
static POLICY_COLD void policy_put_decimal(struct policy_text *text, uint64_t value,
                                           uint32_t decimals)
{
	uint64_t unit = 1;
	uint32_t digits = decimals > 19 ? 19 : decimals;
	for (uint32_t i = 0; i < digits; i++)
		unit *= 10;
	policy_put_number(text, value / unit);
	uint64_t rest = value % unit;
	if (rest == 0)
		return;
	policy_put_byte(text, '.');
	while (rest != 0) {
		unit /= 10;
		policy_put_byte(text, (uint8_t)('0' + rest / unit));
		rest %= unit;
	}
}

/* policy_put_sol writes lamports as "0.5 SOL". */
static POLICY_COLD void policy_put_sol(struct policy_text *text, uint64_t lamports)
{
	policy_put_decimal(text, lamports, 9);
	policy_put(text, " SOL");
}

/* policy_put_key writes an address in base58, five digits at a time: descriptions hold many. */
static POLICY_COLD void policy_put_key(struct policy_text *text, const uint8_t *key)
{
	static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	uint32_t limbs[8];
	uint8_t digits[45];
	for (uint32_t i = 0; i < 8; i++) {
		__builtin_memcpy(&limbs[i], key + 4 * i, 4);
		limbs[i] = __builtin_bswap32(limbs[i]);
	}
	for (uint32_t group = 0; group < 45; group += 5) {
		uint64_t rest = 0;
		for (uint32_t i = 0; i < 8; i++) {
			rest = rest << 32 | limbs[i];
			limbs[i] = (uint32_t)(rest / 656356768u); /* 58^5 */
			rest %= 656356768u;
		}
		for (uint32_t i = 0; i < 5; i++, rest /= 58)
			digits[group + i] = (uint8_t)(rest % 58);
	}
	for (uint32_t i = 0; i < 32 && key[i] == 0; i++)
		policy_put_byte(text, '1');
	uint32_t count = 45;
	while (count != 0 && digits[count - 1] == 0)
		count--;
	while (count != 0)
		policy_put_byte(text, (uint8_t)alphabet[digits[--count]]);
}

/* --- values that a constraint shows */

enum policy_value_kind { V_WORDS, V_NUMBER, V_LAMPORTS, V_KEY, V_ACCOUNT };

struct policy_value {
	enum policy_value_kind kind;
	const char *words; /* alone, or before the rest */
	const uint8_t *key;
	uint64_t number;
};

static POLICY_MAYBE struct policy_value v_words(const char *words)
{
	return (struct policy_value){.kind = V_WORDS, .words = words};
}
static POLICY_MAYBE struct policy_value v_number(uint64_t number)
{
	return (struct policy_value){.kind = V_NUMBER, .words = "", .number = number};
}
static POLICY_MAYBE struct policy_value v_lamports(uint64_t number)
{
	return (struct policy_value){.kind = V_LAMPORTS, .words = "", .number = number};
}
static POLICY_MAYBE struct policy_value v_at_most(uint64_t number)
{
	return (struct policy_value){.kind = V_NUMBER, .words = "at most ", .number = number};
}
static POLICY_MAYBE struct policy_value v_at_least(uint64_t number)
{
	return (struct policy_value){.kind = V_NUMBER, .words = "at least ", .number = number};
}
static POLICY_MAYBE struct policy_value v_lamports_at_most(uint64_t number)
{
	return (struct policy_value){.kind = V_LAMPORTS, .words = "at most ", .number = number};
}
static POLICY_MAYBE struct policy_value v_key(const uint8_t *key)
{
	return (struct policy_value){.kind = V_KEY, .words = "", .key = key};
}

/* v_account shows an account of the message: its address, or that a lookup table hides it. */
static POLICY_MAYBE struct policy_value v_account(const struct policy *p, uint32_t account)
{
	const struct policy_account *a = &p->accounts[account];
	if (a->source == POLICY_SOURCE_UNKNOWN)
		return v_words("an account hidden in a lookup table");
	return v_key(a->key);
}

static POLICY_COLD void policy_put_value(struct policy_text *text, struct policy_value value)
{
	policy_put(text, value.words);
	switch (value.kind) {
	case V_NUMBER:
		policy_put_number(text, value.number);
		break;
	case V_LAMPORTS:
		policy_put_number(text, value.number);
		policy_put(text, " lamports");
		break;
	case V_KEY:
	case V_ACCOUNT:
		policy_put_key(text, value.key);
		break;
	case V_WORDS:
		break;
	}
}

/* --- constraints */

static POLICY_COLD void policy_explain(struct policy *p, bool holds, uint32_t reason,
                                       uint32_t instruction, const char *name,
                                       struct policy_value expected, struct policy_value actual)
{
	struct policy_explain *records =
	    (struct policy_explain *)(void *)(policy_area.bytes + POLICY_ANSWER_OFFSET +
	                                      sizeof(struct policy_answer));
	uint32_t n = p->answer->explain_count;
	if (n == POLICY_EXPLAIN_MAX) {
		if (holds)
			return;
		n--; /* no room: a failure is worth more than what holds */
	} else {
		p->answer->explain_count = n + 1;
	}
	struct policy_explain *r = &records[n];
	__builtin_memset(r, 0, sizeof(*r));
	r->holds = holds;
	r->reason = reason;
	r->instruction = instruction;
	struct policy_text words = {r->name, sizeof(r->name), 0};
	policy_put(&words, name);
	words = (struct policy_text){r->expected, sizeof(r->expected), 0};
	policy_put_value(&words, expected);
	words = (struct policy_text){r->actual, sizeof(r->actual), 0};
	policy_put_value(&words, actual);
}

/* policy_report notes a constraint that failed, or any in explain mode; gives `holds` back. */
static POLICY_COLD bool policy_report(struct policy *p, bool holds, uint32_t reason,
                                      uint32_t instruction, const char *name,
                                      struct policy_value expected, struct policy_value actual)
{
	if (p->explain)
		policy_explain(p, holds, reason, instruction, name, expected, actual);
	if (holds || p->failed)
		return holds;
	p->failed = true;
	p->answer->reason = reason;
	p->answer->instruction = instruction;
	if (p->says)
		policy_put(&p->text, "\nThis would be refused: ");
	if (instruction != POLICY_NO_INSTRUCTION) {
		policy_put(&p->text, "instruction ");
		policy_put_number(&p->text, instruction);
		policy_put(&p->text, ": ");
	}
	policy_put(&p->text, name);
	policy_put(&p->text, ": expected ");
	policy_put_value(&p->text, expected);
	policy_put(&p->text, ", found ");
	policy_put_value(&p->text, actual);
	if (p->says)
		policy_put(&p->text, "\n");
	return false;
}

/* POLICY_NEED is true when `holds`; what follows it may rely on it. */
#define POLICY_NEED(p, holds, reason, instruction, name, expected, actual)                         \
	({                                                                                         \
		bool holds_ = (holds);                                                             \
		(holds_ && !(p)->explain) || policy_report((p), holds_, (reason), (instruction),   \
		                                           (name), (expected), (actual));          \
	})

/* POLICY_LIMIT is true when `holds`, and in explain and describe modes, which list what else fails.
 */
#define POLICY_LIMIT(p, holds, reason, instruction, name, expected, actual)                        \
	(POLICY_NEED(p, holds, reason, instruction, name, expected, actual) || (p)->explain ||     \
	 (p)->says)

/* --- parameters */

/* The policy's own header lists its parameters, in the order of the schema, before this one:
 *   #define POLICY_PARAMETERS(X) \
 *           X(name, TYPE, ROLE, NEED, default, entries at most, "text for people")
 * TYPE: BOOL U64 PUBKEY TEXT U64_LIST PUBKEY_LIST; ROLE: NONE OWNER MINT (of the ABI);
 * NEED: REQUIRED, OPTIONAL (absent is zero or empty) or DEFAULTS (BOOL and U64: the default). */
#define POLICY_CTYPE_BOOL                                           uint64_t
#define POLICY_CTYPE_U64                                            uint64_t
#define POLICY_CTYPE_PUBKEY                                         struct policy_key
#define POLICY_CTYPE_TEXT                                           struct policy_range
#define POLICY_CTYPE_U64_LIST                                       struct policy_range
#define POLICY_CTYPE_PUBKEY_LIST                                    struct policy_range
#define POLICY_RECORD_FIELD(name, type, role, need, def, max, text) POLICY_CTYPE_##type name;
struct policy_record {
	uint64_t given;
	POLICY_PARAMETERS(POLICY_RECORD_FIELD)
};

static inline const struct policy_record *policy_record(const struct policy *p)
{
	return (const void *)p->parameters;
}

/* The list of a parameter; `count` entries at policy_list_keys or policy_list_numbers. */
static POLICY_MAYBE const uint8_t *policy_list_keys(const struct policy *p,
                                                    struct policy_range list)
{
	return p->parameters + list.off;
}

static POLICY_MAYBE uint64_t policy_list_number(const struct policy *p, struct policy_range list,
                                                uint32_t index)
{
	return policy_load64(p->parameters + list.off + 8 * (size_t)index);
}

/* policy_list_find gives the index of a key in a list parameter, or -1. */
static POLICY_MAYBE int policy_list_find(const struct policy *p, struct policy_range list,
                                         const uint8_t *key)
{
	const uint8_t *keys = policy_list_keys(p, list);
	for (uint32_t i = 0; i < list.count; i++)
		if (policy_key_equal(keys + 32 * (size_t)i, key))
			return (int)i;
	return -1;
}

/* --- what leaves the wallet */

/* policy_count_token adds to what leaves of one mint; false when there are too many mints. */
static POLICY_MAYBE bool policy_count_token(struct policy *p, const uint8_t *mint, uint64_t amount)
{
	struct policy_facts *facts = p->facts;
	uint32_t i = 0;
	while (i < facts->token_count && !policy_key_equal(facts->tokens[i].mint, mint))
		i++;
	if (i == facts->token_count) {
		if (i == POLICY_TOKENS_MAX)
			return false;
		__builtin_memcpy(facts->tokens[i].mint, mint, 32);
		facts->tokens[i].amount = 0;
		facts->token_count = i + 1;
	}
	facts->tokens[i].amount = policy_add(facts->tokens[i].amount, amount);
	return true;
}

static POLICY_MAYBE uint64_t policy_token_out_of(const struct policy_facts *facts,
                                                 const uint8_t *mint)
{
	for (uint32_t i = 0; i < facts->token_count; i++)
		if (policy_key_equal(facts->tokens[i].mint, mint))
			return facts->tokens[i].amount;
	return 0;
}

/* policy_lamports_charge is what a lamports counter pays: wrapped lamports and the native mint are
 * the same money inside one transaction, so the larger of the two counts, with all the rest. */
static uint64_t policy_lamports_charge(const struct policy_facts *facts)
{
	uint64_t native = policy_token_out_of(facts, policy_key_native_mint.bytes);
	uint64_t rest = facts->lamports_out - facts->wrapped_lamports;
	return policy_add(rest,
	                  native > facts->wrapped_lamports ? native : facts->wrapped_lamports);
}

/* policy_charge fills the charges from the facts; refuses when a counter has less left. */
static void policy_charge(struct policy *p)
{
	const struct policy_request *r = p->request;
	const struct policy_counter *counters =
	    (const struct policy_counter *)(const void *)(policy_area.bytes + r->counters.off);
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->counters.count; i++) {
		const struct policy_counter *c = &counters[i];
		uint64_t amount = 1;
		if (c->unit == POLICY_UNIT_LAMPORTS)
			amount = policy_lamports_charge(p->facts);
		else if (c->unit == POLICY_UNIT_MINT)
			amount = policy_token_out_of(p->facts, c->mint);
		if (!POLICY_LIMIT(p, amount <= c->left, POLICY_REASON_COUNTER,
		                  POLICY_NO_INSTRUCTION, "left under this grant's limit",
		                  v_at_most(c->left), v_number(amount)))
			return;
		if (amount != 0)
			p->answer->charges[n++] = (struct policy_charge){i, 0, amount};
	}
	p->answer->charge_count = n;
}

/* --- the module's exports */

static void policy_rules(struct policy *p);
static void policy_grant(struct policy *p);
#ifdef POLICY_TAKES_MESSAGES
static void policy_message(struct policy *p);
#endif

static void policy_begin(struct policy *p)
{
	const struct policy_request *r = (const void *)policy_area.bytes;
	*p = (struct policy){
	    .request = r,
	    .accounts = (const void *)(policy_area.bytes + r->accounts.off),
	    .instructions = (const void *)(policy_area.bytes + r->instructions.off),
	    .derived = (const void *)(policy_area.bytes + r->derived.off),
	    .indexes = policy_area.bytes + r->indexes.off,
	    .parameters = policy_area.bytes + r->parameters.off,
	    .answer = (void *)(policy_area.bytes + POLICY_ANSWER_OFFSET),
	    .text = {policy_text_bytes, sizeof(policy_text_bytes), 0},
	};
	if (r->mode == POLICY_MODE_DESCRIBE_TRANSACTION)
		p->text.cap -= POLICY_LAST_ROOM;
	p->facts = &p->answer->facts;
	p->explain = (r->flags & POLICY_FLAG_EXPLAIN) != 0;
	/* The host has zeroed the fixed part of the answer. */
	p->answer->magic = POLICY_ANSWER_MAGIC;
	p->answer->instruction = POLICY_NO_INSTRUCTION;
}

/* policy_say_last: what a transaction's text says from here on, what leaves in all, has room of its
 * own. What stands in front is cut for it, behind a line, and then says so where it begins. */
static POLICY_MAYBE POLICY_COLD void policy_say_last(struct policy *p)
{
	struct policy_text *text = &p->text;
	if (text->len == text->cap) {
		policy_mark_cut(text);
		while (text->bytes[text->len - 1] != '\n')
			text->len--;
	}
	text->cap = sizeof(policy_text_bytes);
}

/* policy_end moves the text behind the explain records. */
static void policy_end(struct policy *p)
{
	uint8_t *to = policy_area.bytes + POLICY_ANSWER_OFFSET + sizeof(struct policy_answer) +
	              p->answer->explain_count * sizeof(struct policy_explain);
	for (uint32_t i = 0; i < p->text.len; i++)
		to[i] = policy_text_bytes[i];
	p->answer->text_len = p->text.len;
}

static void policy_run(struct policy *p)
{
#ifdef POLICY_TAKES_MESSAGES
	if (p->request->kind == POLICY_KIND_OFFCHAIN) {
		policy_message(p);
		if (!p->failed || p->explain)
			policy_charge(p);
		return;
	}
#endif
	if (!POLICY_NEED(p, p->request->kind == POLICY_KIND_TRANSACTION, POLICY_REASON_KIND,
	                 POLICY_NO_INSTRUCTION, "kind", v_words("a transaction"),
	                 v_words(p->request->kind == POLICY_KIND_TRANSACTION
	                             ? "a transaction"
	                             : "an off-chain message")))
		return;
	if (p->accounts[0].wallet) {
		p->facts->fee_lamports = p->request->fee.worst_lamports;
		p->facts->lamports_out = p->facts->fee_lamports;
	}
	policy_rules(p);
	if (!p->failed || p->explain)
		policy_charge(p);
}

uint32_t policy_abi(void);
uint8_t *policy_io(void);
uint32_t policy_check(void);
uint32_t policy_describe(void);

POLICY_EXPORT(policy_abi) uint32_t policy_abi(void)
{
	return POLICY_ABI_VERSION;
}

POLICY_EXPORT(policy_io) uint8_t *policy_io(void)
{
	return policy_area.bytes;
}

POLICY_EXPORT(policy_check) uint32_t policy_check(void)
{
	struct policy p;
	policy_begin(&p);
	if (p.request->magic != POLICY_REQUEST_MAGIC || p.request->abi != POLICY_ABI_VERSION ||
	    p.request->mode != POLICY_MODE_CHECK)
		return POLICY_DENY;
	policy_run(&p);
	if (p.failed)
		p.answer->charge_count = 0;
	p.answer->verdict = p.failed ? POLICY_DENY : POLICY_ALLOW;
	policy_end(&p);
	return p.answer->verdict;
}

/* policy_describe answers POLICY_ALLOW when it wrote a text; of a transaction that the rules
 * refuse, the text says so and why. A grant whose parameters fail (POLICY_NEED in policy_grant) is
 * denied, and the signer then refuses to make it. */
POLICY_EXPORT(policy_describe) uint32_t policy_describe(void)
{
	struct policy p;
	uint32_t verdict = POLICY_ALLOW;
	policy_begin(&p);
	if (p.request->magic != POLICY_REQUEST_MAGIC || p.request->abi != POLICY_ABI_VERSION)
		return POLICY_DENY;
	if (p.request->mode == POLICY_MODE_DESCRIBE_GRANT) {
		policy_grant(&p);
		verdict = p.failed ? POLICY_DENY : POLICY_ALLOW;
	} else if (p.request->mode == POLICY_MODE_DESCRIBE_TRANSACTION) {
		p.says = true;
		policy_run(&p);
		p.answer->reason = 0;
		p.answer->instruction = POLICY_NO_INSTRUCTION;
		p.answer->charge_count = 0;
	} else {
		return POLICY_DENY;
	}
	p.answer->verdict = verdict;
	policy_mark_cut(&p.text);
	policy_end(&p);
	return verdict;
}

#endif
