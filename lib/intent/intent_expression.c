/* intent_expression: values and conditions to operations (spec/intent.md, Expressions). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "intent_build.h"

struct parser {
	struct intent_build *b;
	struct intent_value at;
	struct bytes text;
	size_t pos;
	bool whole; /* after the last instruction: no fields, accounts or values */
};

static bool fail(struct parser *p, const char *what)
{
	return intent_wrong(p->b->error, p->at, p->pos + 1, "%s", what);
}

static void skip_spaces(struct parser *p)
{
	while (p->pos < p->text.len && p->text.data[p->pos] == ' ')
		p->pos++;
}

static bool accept(struct parser *p, const char *token)
{
	size_t len = strlen(token);
	skip_spaces(p);
	if (len > p->text.len - p->pos || memcmp(p->text.data + p->pos, token, len) != 0)
		return false;
	p->pos += len;
	return true;
}

static bool expect(struct parser *p, const char *token)
{
	char words[40];
	if (accept(p, token))
		return true;
	snprintf(words, sizeof(words), "\"%s\" is expected here", token);
	return fail(p, words);
}

static bool is_word_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '@';
}

static struct bytes take_name(struct parser *p)
{
	skip_spaces(p);
	size_t start = p->pos;
	while (p->pos < p->text.len && is_word_byte(p->text.data[p->pos]))
		p->pos++;
	return bytes_of(p->text.data + start, p->pos - start);
}

static bool is(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_of_text(text));
}

static bool take_integer(struct parser *p, struct bytes word, uint64_t *ret)
{
	uint64_t value = 0;
	for (size_t i = 0; i < word.len; i++) {
		uint8_t c = word.data[i];
		if (c == '_' && i != 0)
			continue;
		if (c < '0' || c > '9' || value > (UINT64_MAX - (uint64_t)(c - '0')) / 10)
			return fail(p, "this number is not one from 0 to 2^64-1");
		value = value * 10 + (uint64_t)(c - '0');
	}
	*ret = value;
	return true;
}

static const struct {
	const char *name;
	uint16_t slot;
} fixed_names[] = {
    {"fact.lamports",      INTENT_LAMPORTS       },
    {"fact.fee",           INTENT_FEE            },
    {"fact.tips",          INTENT_TIPS           },
    {"fact.rent",          INTENT_RENT           },
    {"fact.wrapped",       INTENT_WRAPPED        },
    {"tx.wallet_writable", INTENT_WALLET_WRITABLE},
    {"tx.wallet_pays",     INTENT_WALLET_PAYS    },
    {"tx.nonce",           INTENT_NONCE          },
    {"tx.accounts",        INTENT_ACCOUNTS       },
    {"tx.instructions",    INTENT_INSTRUCTIONS   },
    {"tx.signatures",      INTENT_SIGNATURES     },
    {"tx.compute_limit",   INTENT_COMPUTE_LIMIT  },
    {"tx.compute_price",   INTENT_COMPUTE_PRICE  },
    {"tx.priority",        INTENT_PRIORITY       },
    {"tx.time_low",        INTENT_TIME_LOW       },
    {"tx.time_high",       INTENT_TIME_HIGH      },
};

static bool take_sum(struct parser *p, struct bytes name, unsigned unit, uint16_t *ret_slot);

/* A field is loaded where it is first used. */
static bool load_field(struct parser *p, struct build_local *local, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	if (local->slot == INTENT_NONE) {
		if (!build_temporary(b, local->name, INTENT_UNIT_NONE, &local->slot) ||
		    !build_op(b, (struct intent_op){
		                     (uint8_t)(local->tail ? INTENT_OP_LOAD_TAIL : INTENT_OP_LOAD),
		                     (uint8_t)(local->segment | local->width << 4), local->offset,
		                     0, local->slot}))
			return false;
	}
	*ret_slot = local->slot;
	return true;
}

static bool take_named(struct parser *p, struct bytes word, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	struct build_local *local = p->whole ? NULL : build_local(b, word);
	struct build_name *n = build_find(b, word);
	for (size_t i = 0; i < sizeof(fixed_names) / sizeof(fixed_names[0]); i++) {
		if (is(word, fixed_names[i].name)) {
			*ret_slot = fixed_names[i].slot;
			return true;
		}
	}
	if (local != NULL && local->account)
		return fail(p, "an account is no number; has(account) is one");
	if (local != NULL && local->slot != INTENT_NONE) {
		*ret_slot = local->slot;
		return true;
	}
	if (local != NULL && local->loadable)
		return load_field(p, local, ret_slot);
	if (local != NULL)
		return fail(p, "only u8 to u64 and bool fields are values");
	if (n != NULL && n->what == NAME_TOTAL) {
		*ret_slot = build_total_slot(b, n->index);
		return true;
	}
	if (n != NULL && n->what == NAME_PARAMETER) {
		const struct build_parameter *parameter = &b->parameters[n->index];
		if (parameter->type != POLICY_TYPE_U64 && parameter->type != POLICY_TYPE_BOOL)
			return fail(p, "only u64 and bool parameters are values");
		*ret_slot = build_number_slot(b, parameter->number);
		return true;
	}
	p->pos = (size_t)(word.data - p->text.data);
	return fail(p,
	            "this is no field, value, total or parameter; also fact. and tx. names, has(), "
	            "count(), sent(), per(), length(), given(), scale_down(), scale_up()");
}

static bool take_scale(struct parser *p, bool up, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	uint16_t x, n, d;
	uint64_t divisor;
	if (!expect(p, "(") || !take_sum(p, bytes_of("", 0), 0, &x) || !expect(p, ",") ||
	    !take_sum(p, bytes_of("", 0), 0, &n) || !expect(p, ",") ||
	    !take_integer(p, take_name(p), &divisor) || !expect(p, ")"))
		return false;
	if (divisor == 0 || divisor > UINT32_MAX)
		return fail(p, "the divisor before this must be 1 to 4294967295");
	return build_constant(b, divisor, &d) && build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
	       build_op(b, (struct intent_op){up ? INTENT_OP_SCALE_UP : INTENT_OP_SCALE_DOWN, 0, x,
	                                      n, *ret_slot}) &&
	       build_op(b, (struct intent_op){INTENT_OP_DIVISOR, 0, d, 0, 0});
}

static bool take_has(struct parser *p, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	if (!expect(p, "("))
		return false;
	struct build_local *local = p->whole ? NULL : build_local(b, take_name(p));
	if (local == NULL || !(local->account || local->left))
		return fail(p, "has() takes an account of this instruction, or its field of type "
		               "tail or rest");
	if (!expect(p, ")"))
		return false;
	if (local->left)
		return build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
		       build_op(b, (struct intent_op){INTENT_OP_HAS_DATA, local->segment, 0, 0,
		                                      *ret_slot});
	if (local->absent || (local->flags & INTENT_MODE_OPTIONAL) == 0)
		return build_constant(b, !local->absent, ret_slot);
	return build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
	       build_op(
	           b, (struct intent_op){INTENT_OP_HAS, (uint8_t)local->position, 0, 0, *ret_slot});
}

static bool take_mint_word(struct parser *p, unsigned *ret_kind, uint16_t *ret_arg)
{
	struct bytes word = take_name(p);
	if (p->whole && word.len != 0 && word.data[0] == '@')
		return fail(p, "there are no accounts here");
	return build_mint(p->b, p->at, word, true, ret_kind, ret_arg);
}

static bool take_sent(struct parser *p, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	unsigned kind;
	uint16_t arg;
	return expect(p, "(") && take_mint_word(p, &kind, &arg) && expect(p, ")") &&
	       build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
	       build_op(b, (struct intent_op){INTENT_OP_SENT, (uint8_t)kind, arg, 0, *ret_slot});
}

static bool take_list(struct parser *p, unsigned type, uint16_t *ret_record)
{
	struct bytes word = take_name(p);
	struct build_name *n = build_find(p->b, word);
	if (n == NULL || n->what != NAME_PARAMETER || p->b->parameters[n->index].type != type)
		return fail(p, type == POLICY_TYPE_U64_LIST
		                   ? "a u64 list parameter is expected before this"
		                   : "a pubkey list parameter is expected before this");
	*ret_record = p->b->parameters[n->index].record;
	return true;
}

/* length() of a list parameter, or given() of a pubkey that need not be. */
static bool take_parameter(struct parser *p, bool given, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	if (!expect(p, "("))
		return false;
	struct build_name *n = build_find(b, take_name(p));
	unsigned type = n != NULL && n->what == NAME_PARAMETER ? b->parameters[n->index].type : 0;
	if (given &&
	    (type != POLICY_TYPE_PUBKEY || b->parameters[n->index].need != POLICY_NEED_OPTIONAL))
		return fail(p, "given() takes a pubkey parameter that is optional");
	if (!given && type != POLICY_TYPE_PUBKEY_LIST && type != POLICY_TYPE_U64_LIST)
		return fail(p, "length() takes a list parameter");
	uint8_t op = given ? INTENT_OP_GIVEN : INTENT_OP_LENGTH;
	uint16_t record = b->parameters[n->index].record;
	return expect(p, ")") && build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
	       build_op(b, (struct intent_op){op, 0, record, 0, *ret_slot});
}

static bool take_per(struct parser *p, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	uint16_t mints, numbers, arg;
	unsigned kind;
	return expect(p, "(") && take_list(p, POLICY_TYPE_PUBKEY_LIST, &mints) && expect(p, ",") &&
	       take_list(p, POLICY_TYPE_U64_LIST, &numbers) && expect(p, ",") &&
	       take_mint_word(p, &kind, &arg) && expect(p, ")") &&
	       build_temporary(b, bytes_of("", 0), 0, ret_slot) &&
	       build_op(
	           b, (struct intent_op){INTENT_OP_PER, (uint8_t)kind, arg, numbers, *ret_slot}) &&
	       build_op(b, (struct intent_op){INTENT_OP_PER_LIST, 0, mints, 0, 0});
}

static bool take_count(struct parser *p, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	if (!expect(p, "("))
		return false;
	struct build_name *n = build_find_rule(b, take_name(p));
	if (n == NULL)
		return fail(p, "count() takes an instruction or a group");
	*ret_slot =
	    build_count_slot(b, n->what == NAME_GROUP ? b->groups[n->index].count : n->index);
	return expect(p, ")");
}

static bool take_atom(struct parser *p, uint16_t *ret_slot)
{
	struct bytes word = take_name(p);
	uint64_t value;
	if (word.len == 0)
		return fail(p, "a number or a name is expected here");
	if (word.data[0] >= '0' && word.data[0] <= '9')
		return take_integer(p, word, &value) && build_constant(p->b, value, ret_slot);
	skip_spaces(p);
	if (p->pos == p->text.len || p->text.data[p->pos] != '(')
		return take_named(p, word, ret_slot);
	if (is(word, "scale_down"))
		return take_scale(p, false, ret_slot);
	if (is(word, "scale_up"))
		return take_scale(p, true, ret_slot);
	if (is(word, "has"))
		return take_has(p, ret_slot);
	if (is(word, "sent"))
		return take_sent(p, ret_slot);
	if (is(word, "per"))
		return take_per(p, ret_slot);
	if (is(word, "length") || is(word, "given"))
		return take_parameter(p, is(word, "given"), ret_slot);
	if (is(word, "count"))
		return take_count(p, ret_slot);
	return fail(p, "no function before this: there are has, count, sent, per, length, given, "
	               "scale_down, scale_up");
}

/* atom { ("+" | "-") atom }, from the left; the last one gets the name. */
static bool take_sum(struct parser *p, struct bytes name, unsigned unit, uint16_t *ret_slot)
{
	struct intent_build *b = p->b;
	uint16_t left, right, zero, to;
	if (!take_atom(p, &left))
		return false;
	for (;;) {
		bool add = accept(p, "+");
		if (!add && !accept(p, "-"))
			break;
		if (!take_atom(p, &right))
			return false;
		skip_spaces(p);
		uint8_t next = p->pos < p->text.len ? p->text.data[p->pos] : 0;
		bool last = next != '+' && next != '-';
		struct bytes own = last ? name : bytes_of("", 0);
		if (!build_temporary(b, own, unit, &to) ||
		    !build_op(b, (struct intent_op){add ? INTENT_OP_ADD : INTENT_OP_SUB, 0, left,
		                                    right, to}))
			return false;
		left = to;
		if (last)
			name = bytes_of("", 0);
	}
	/* What was just made has no name yet. */
	if (name.len != 0 && b->temporary_count != 0 &&
	    left == build_total_slot(b, b->total_count + b->temporary_count - 1) &&
	    (b->slot_name_count == 0 || b->slot_names[b->slot_name_count - 1].slot != left)) {
		if (!build_name_slot(b, left, name, unit))
			return false;
	} else if (name.len != 0) {
		/* A single atom under a name of its own: itself and nothing. */
		if (!build_constant(b, 0, &zero) || !build_temporary(b, name, unit, &to) ||
		    !build_op(b, (struct intent_op){INTENT_OP_ADD, 0, left, zero, to}))
			return false;
		left = to;
	}
	*ret_slot = left;
	return true;
}

static bool at_end(struct parser *p)
{
	skip_spaces(p);
	return p->pos == p->text.len || fail(p, "this does not belong to the expression");
}

static bool parser_of(struct intent_build *b, struct intent_value at, bool whole,
                      struct parser *ret)
{
	if (!intent_is(at, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0,
		                    "an expression in quotation marks is expected here");
	*ret = (struct parser){b, at, intent_string_of(at), 0, whole};
	return true;
}

bool build_value(struct intent_build *b, struct intent_value at, struct bytes text,
                 uint16_t *ret_slot)
{
	struct parser p = {b, at, text, 0, false};
	return take_sum(&p, bytes_of("", 0), 0, ret_slot) && at_end(&p);
}

bool build_let(struct intent_build *b, struct intent_value at)
{
	struct parser p;
	uint16_t slot;
	if (!parser_of(b, at, false, &p))
		return false;
	struct bytes name = take_name(&p);
	if (!build_is_name(name, false) || build_find(b, name) != NULL ||
	    build_local(b, name) != NULL) {
		p.pos = 0;
		return fail(&p, "NAME = ... is expected, with a name that is not used yet");
	}
	if (!expect(&p, "=") || !take_sum(&p, name, 0, &slot) || !at_end(&p))
		return false;
	if (b->rule.local_count == sizeof(b->rule.locals) / sizeof(b->rule.locals[0]))
		return fail(&p, "too many names in one instruction");
	b->rule.locals[b->rule.local_count++] = (struct build_local){.name = name, .slot = slot};
	return true;
}

bool build_adds(struct intent_build *b, struct intent_value at)
{
	struct parser p;
	uint16_t slot, total;
	if (!parser_of(b, at, false, &p))
		return false;
	struct build_name *n = build_find(b, take_name(&p));
	if (n == NULL || n->what != NAME_TOTAL) {
		p.pos = 0;
		return fail(&p, "TOTAL += ... is expected");
	}
	total = build_total_slot(b, n->index);
	return expect(&p, "+=") && take_sum(&p, bytes_of("", 0), 0, &slot) && at_end(&p) &&
	       build_op(b, (struct intent_op){INTENT_OP_ADD, 0, total, slot, total});
}

/* --- conditions */

/* A side: at most 8 products of slots. */
struct side {
	size_t count;
	struct {
		uint16_t a, b;
		bool product;
	} terms[8];
};

static bool take_side(struct parser *p, struct side *ret)
{
	ret->count = 0;
	do {
		if (ret->count == 8)
			return fail(p, "more than 8 products on one side");
		if (!take_atom(p, &ret->terms[ret->count].a))
			return false;
		ret->terms[ret->count].product = accept(p, "*");
		if (ret->terms[ret->count].product && !take_atom(p, &ret->terms[ret->count].b))
			return false;
		ret->count++;
	} while (accept(p, "+"));
	return true;
}

static bool put_side(struct intent_build *b, const struct side *side, unsigned which)
{
	uint16_t one;
	if (!build_constant(b, 1, &one))
		return false;
	for (size_t i = 0; i < side->count; i++)
		if (!build_op(
		        b, (struct intent_op){INTENT_OP_SIDE, (uint8_t)which, side->terms[i].a,
		                              side->terms[i].product ? side->terms[i].b : one, 0}))
			return false;
	return true;
}

static bool take_compare(struct parser *p, uint8_t *ret_how)
{
	static const struct {
		const char *token;
		uint8_t how;
	} all[] = {
	    {"<=", INTENT_CMP_LE},
            {">=", INTENT_CMP_GE},
            {"==", INTENT_CMP_EQ},
	    {"!=", INTENT_CMP_NE},
            {"<",  INTENT_CMP_LT},
            {">",  INTENT_CMP_GT}
        };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (accept(p, all[i].token)) {
			*ret_how = all[i].how;
			return true;
		}
	}
	return fail(p, "one of <= >= < > == != is expected here");
}

static bool put_check_row(struct intent_build *b, struct intent_value at, uint16_t reason,
                          struct bytes name, uint16_t *ret_index)
{
	uint16_t words;
	if (!build_words(b, name, &words))
		return false;
	for (size_t i = 0; i < b->check_count; i++) {
		if (b->checks[i].reason == reason && b->checks[i].name == words) {
			*ret_index = (uint16_t)i;
			return true;
		}
	}
	if (b->check_count == sizeof(b->checks) / sizeof(b->checks[0]))
		return intent_wrong(b->error, at, 0, "too many checks");
	b->checks[b->check_count] = (struct intent_check){reason, words};
	*ret_index = (uint16_t)b->check_count++;
	return true;
}

static bool check_texts(struct intent_build *b, struct intent_value at,
                        struct intent_value *ret_that, uint16_t *ret_reason, struct bytes *ret_name)
{
	*ret_that = at;
	*ret_reason = POLICY_REASON_AMOUNT;
	*ret_name = bytes_of("", 0);
	if (!intent_is(at, INTENT_NODE_TABLE))
		return true;
	if (!intent_keys(b->error, at, "that reason text") || !build_reason(b, at, ret_reason) ||
	    !intent_text_of(b->error, at, "text", false, ret_name))
		return false;
	*ret_that = intent_member(at, "that");
	if (ret_that->source == NULL)
		return intent_wrong(b->error, at, 0, "that = \"...\" is missing: what must hold");
	for (size_t i = 0; i < ret_name->len; i++)
		if (ret_name->data[i] < 0x20 || ret_name->data[i] > 0x7e ||
		    ret_name->data[i] == '"')
			ret_name->len = 1000;
	if (ret_name->len > 32)
		return intent_wrong(b->error, intent_member(at, "text"), 0,
		                    "text is a name of at most 32 printable ASCII characters");
	return true;
}

bool build_check(struct intent_build *b, struct intent_value at, bool whole)
{
	struct intent_value that;
	struct parser p;
	struct side left, right;
	struct bytes name;
	uint16_t reason, row;
	uint8_t how;
	if (!check_texts(b, at, &that, &reason, &name) || !parser_of(b, that, whole, &p) ||
	    !take_side(&p, &left) || !take_compare(&p, &how) || !take_side(&p, &right) ||
	    !at_end(&p) || !put_check_row(b, at, reason, name, &row))
		return false;
	if (left.count == 1 && right.count == 1 && !left.terms[0].product &&
	    !right.terms[0].product)
		return build_op(b, (struct intent_op){INTENT_OP_CHECK, how, left.terms[0].a,
		                                      right.terms[0].a, row});
	return put_side(b, &left, 0) && put_side(b, &right, 1) &&
	       build_op(b, (struct intent_op){INTENT_OP_CHECK_SIDES, how, 0, 0, row});
}

bool build_at_least(struct intent_build *b, uint16_t count, uint64_t least, struct bytes name)
{
	uint16_t slot, row;
	return build_constant(b, least, &slot) &&
	       put_check_row(b, b->root, POLICY_REASON_MISSING, name, &row) &&
	       build_op(b, (struct intent_op){INTENT_OP_CHECK, INTENT_CMP_GE, count, slot, row});
}
