/* intent_words: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_words.h"

#include "base_check.h"
#include "policy_answer.h"

/* What of the evaluator only runs inside a module is not called here. */
#pragma GCC diagnostic ignored "-Wunused-function"
#define POLICY_PARAMETERS(X)
#define POLICY_TAKES_MESSAGES
#include "intent_text.h"

static void policy_rules(struct policy *p)
{
	(void)p;
}

static void policy_grant(struct policy *p)
{
	say_grant(p);
}

static void policy_message(struct policy *p)
{
	(void)p;
}

static uint8_t words_space[INTENT_WORDS_MAX];

/* --- data */

/* Where a layout's walk stands: bytes whose place in the segment is fixed, or not any more. */
struct telling {
	struct policy *p;
	const struct intent_rule *rule; /* NULL: inside a variant, which no operation reads */
	uint32_t segment, off;
};

static void tell_reason(struct policy *p, uint32_t reason, uint32_t usual)
{
	char own[24];
	if (reason == usual || reason == 0)
		return;
	say(p, " (else ");
	say(p, policy_reason_name(reason, own));
	say(p, ")");
}

static void tell_hex(struct policy *p, const void *bytes, uint32_t count)
{
	static const char hex[] = "0123456789abcdef";
	for (uint32_t i = 0; i < count; i++) {
		policy_put_byte(&p->text, (uint8_t)hex[((const uint8_t *)bytes)[i] >> 4]);
		policy_put_byte(&p->text, (uint8_t)hex[((const uint8_t *)bytes)[i] & 15]);
	}
}

static void tell_width(struct policy *p, uint32_t log2)
{
	static const char *const names[] = {"u8", "u16", "u32", "u64"};
	say(p, names[log2 & 3]);
}

/* Where in which segment an operation reads data, and how many bytes; false: it does not. */
static bool reads_data(const struct intent_op *op, uint32_t *ret_segment, uint32_t *ret_bytes)
{
	*ret_segment = op->a & 15u;
	*ret_bytes = 1u << (op->a >> 4 & 3);
	switch (op->op) {
	case INTENT_OP_LOAD:
	case INTENT_OP_LOAD_TAIL:
	case INTENT_OP_LITERAL:
		return true;
	case INTENT_OP_LESS:
		*ret_segment = op->a;
		*ret_bytes = 1;
		return true;
	case INTENT_OP_FIELD_KEY:
		*ret_bytes = 32;
		return true;
	default:
		return false;
	}
}

static void tell_read(struct policy *p, const struct intent_rule *rule, const struct intent_op *ops,
                      const struct intent_op *op)
{
	struct intent_op key = {.op = (uint8_t)(INTENT_OP_ACCOUNT + (op->a >> 4)), .c = op->c};
	switch (op->op) {
	case INTENT_OP_LESS:
		say(p, op->c == 2 ? "bool" : "u8 below ");
		if (op->c != 2)
			say_number(p, op->c);
		break;
	case INTENT_OP_FIELD_KEY:
		say(p, "key that is ");
		say_requirement(p, rule, &key);
		break;
	case INTENT_OP_LITERAL:
		tell_width(p, op->a >> 4);
		say(p, " that is ");
		say_slot(p, ops, rule->code_count, op->c, 0, 0);
		tell_reason(p, op->d, POLICY_REASON_DATA);
		break;
	default:
		say(p, intent_name_of(op->d) == NULL ? "number" : intent_name_of(op->d));
		say(p, " ");
		tell_width(p, op->a >> 4);
		break;
	}
}

/* The next operation that reads data at or behind `off` of a segment; of those at one place the one
 * behind `after`. */
static const struct intent_op *next_read(const struct telling *t, uint32_t off,
                                         const struct intent_op *after)
{
	const struct intent_op *ops =
	    (const struct intent_op *)INTENT_AT(ops) + t->rule->code_first;
	const struct intent_op *best = NULL;
	for (uint32_t i = 0; i < t->rule->code_count; i++) {
		uint32_t segment, bytes;
		if (!reads_data(&ops[i], &segment, &bytes) || segment != t->segment ||
		    ops[i].b < off || (ops[i].b == off && after != NULL && &ops[i] <= after))
			continue;
		if (best == NULL || ops[i].b < best->b)
			best = &ops[i];
	}
	return best;
}

static void tell_gap(struct policy *p, uint32_t bytes)
{
	if (bytes == 0)
		return;
	say(p, ", ");
	say_number(p, bytes);
	say(p, bytes == 1 ? " byte" : " bytes");
}

/* `bytes` of data, with what operations read there. */
static void tell_bytes(struct telling *t, uint32_t bytes)
{
	struct policy *p = t->p;
	uint32_t end = t->off + bytes, at = t->off, from = t->off;
	const struct intent_op *after = NULL, *op;
	while (t->rule != NULL && (op = next_read(t, from, after)) != NULL && op->b < end) {
		uint32_t segment, width;
		(void)reads_data(op, &segment, &width);
		if (op->b >= at)
			tell_gap(p, op->b - at);
		say(p, ", ");
		if (op->b < at) { /* bytes that another operation reads too */
			say(p, "at ");
			say_number(p, op->b);
			say(p, " ");
		}
		tell_read(p, t->rule,
		          (const struct intent_op *)INTENT_AT(ops) + t->rule->code_first, op);
		at = op->b + width > at ? op->b + width : at;
		from = op->b;
		after = op;
	}
	if (at < end)
		tell_gap(p, end - at);
	t->off = end;
}

static void tell_layout(struct telling *t, const uint8_t *at, const uint8_t *end);

static void tell_entry(struct policy *p, uint32_t entry)
{
	struct telling variant = {.p = p};
	if (entry < INTENT_ENUM_LAYOUT)
		tell_bytes(&variant, entry);
	else
		tell_layout(&variant,
		            INTENT_TABLE + INTENT_HEAD->layouts.off + entry - INTENT_ENUM_LAYOUT,
		            NULL);
}

/* An enum: runs of tags that are followed by the same. Enums within enums can say more than there
 * is room for, many times over: what does not fit is not looked at. */
static void tell_tags(struct policy *p, const uint8_t *at)
{
	const uint16_t *tags = (const uint16_t *)INTENT_AT(enums) + intent_arg(at, 1);
	say(p, ", tag {");
	for (uint32_t tag = 0, next; tag < tags[0] && p->text.len < p->text.cap; tag = next) {
		for (next = tag + 1; next < tags[0] && tags[1 + next] == tags[1 + tag];)
			next++;
		if (tags[1 + tag] == INTENT_ENUM_REFUSED)
			continue;
		say(p, " ");
		say_number(p, tag);
		say(p, next != tag + 1 ? "-" : "");
		if (next != tag + 1)
			say_number(p, next - 1);
		if (tags[1 + tag] != 0)
			tell_entry(p, tags[1 + tag]);
		say(p, ";");
	}
	say(p, " }");
	tell_reason(p, intent_arg(at, 0), POLICY_REASON_DATA);
}

static void tell_times(struct policy *p, uint32_t min, uint32_t max)
{
	say_number(p, min);
	say(p, " to ");
	say_number(p, max);
}

/* One operation of a layout whose bytes are not at a fixed place behind it. */
static void tell_step(struct policy *p, uint32_t op, const uint8_t *at)
{
	switch (op) {
	case INTENT_L_RUN:
		say(p, ", u32 count of ");
		tell_times(p, intent_arg(at, 0), intent_arg(at, 1));
		say(p, ", each ");
		say_number(p, intent_arg(at, 2));
		say(p, " bytes");
		break;
	case INTENT_L_SEED:
		say(p, ", u64 count of 0 to ");
		say_number(p, intent_arg(at, 0));
		say(p, ", each 1 byte");
		break;
	case INTENT_L_LOOP:
		say(p, ", u32 count of ");
		tell_times(p, intent_arg(at, 0), intent_arg(at, 1));
		say(p, ", each (");
		break;
	case INTENT_L_REPEAT:
		say(p, ", ");
		say_number(p, intent_arg(at, 0));
		say(p, " times (");
		break;
	case INTENT_L_NEXT:
		say(p, " )");
		break;
	case INTENT_L_ENUM:
		tell_tags(p, at);
		break;
	case INTENT_L_TAIL:
		say(p, ", the end or");
		break;
	case INTENT_L_REST:
		say(p, ", up to ");
		say_number(p, intent_arg(at, 0));
		say(p, " bytes of any kind");
		break;
	default:
		break;
	}
}

/* A layout up to its own end, or to `end`, where an option's part ends. */
static void tell_layout(struct telling *t, const uint8_t *at, const uint8_t *end)
{
	struct policy *p = t->p;
	for (const uint8_t *next; at != end && *at != INTENT_L_END && *at != INTENT_L_RETURN;
	     at = next) {
		next = at + 1 + intent_layout_args(*at);
		switch (*at) {
		case INTENT_L_SEGMENT:
			t->segment++;
			t->off = 0;
			break;
		case INTENT_L_SKIP:
			tell_bytes(t, intent_arg(at + 1, 0));
			break;
		case INTENT_L_LESS:
			tell_bytes(t, 1);
			say(p, intent_arg(at + 1, 0) == 2 ? " (bool)" : " below ");
			if (intent_arg(at + 1, 0) != 2)
				say_number(p, intent_arg(at + 1, 0));
			break;
		case INTENT_L_LITERAL:
			tell_bytes(t, 1u << at[3]);
			say(p, " that is ");
			say_number(p, policy_load64(at + 4));
			tell_reason(p, intent_arg(at + 1, 0), POLICY_REASON_DATA);
			break;
		case INTENT_L_OPTION: {
			uint32_t len = intent_arg(at + 1, 0);
			say(p, ", 0 or 1 and (");
			tell_layout(t, next, next + len);
			say(p, " )");
			next += len;
			break;
		}
		default:
			tell_step(p, *at, at + 1);
			break;
		}
	}
}

static void tell_data(struct policy *p, const struct intent_rule *rule)
{
	struct telling t = {.p = p, .rule = rule, .off = rule->prefix};
	say(p, "data: ");
	tell_hex(p, &rule->word, rule->prefix);
	say(p, rule->prefix == 0 ? "from the front" : "");
	if ((rule->flags & INTENT_RULE_FIXED) != 0) {
		tell_bytes(&t, (uint32_t)rule->data_len - rule->prefix);
	} else {
		tell_layout(&t, INTENT_TABLE + INTENT_HEAD->layouts.off + rule->layout, NULL);
		say(p, ", at least ");
		say_number(p, rule->data_len);
		say(p, " bytes in all");
	}
	say(p, ", nothing behind");
}

/* --- accounts */

static void tell_token_program(struct policy *p, const struct intent_rule *rule,
                               const struct intent_op *owned)
{
	switch (owned->a >> 4) {
	case INTENT_TOKEN_PROGRAM:
		say(p, ", of this program");
		break;
	case INTENT_TOKEN_ACCOUNT:
		say(p, ", of the token program at ");
		say(p, intent_position_name(rule, owned->c));
		break;
	case INTENT_TOKEN_KEY:
		say(p, ", of ");
		say_key(p, intent_key(owned->c));
		break;
	default:
		say(p, ", of any token program");
		break;
	}
}

static bool tell_chooses(const struct intent_rule *rule, uint32_t place)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->select_first;
	for (uint32_t i = 0; i < rule->select_count; i++)
		if (ops[i].op >= INTENT_OP_ACCOUNT && ops[i].op <= INTENT_OP_ACCOUNT_LAST &&
		    ops[i].a == place)
			return true;
	return false;
}

static void tell_place(struct policy *p, const struct intent_rule *rule, const struct intent_op *op)
{
	uint32_t kind = op->op - (uint32_t)INTENT_OP_ACCOUNT;
	say_number(p, op->a);
	say(p, " ");
	say(p, intent_position_name(rule, op->a));
	say(p, ": ");
	say_requirement(p, rule, op);
	if (kind == INTENT_IS_ANY)
		say(p, ", the wallet's too");
	if (kind == INTENT_OWN || kind == INTENT_ATA)
		tell_token_program(p, rule, op + 1);
	say(p, (op->b & INTENT_MODE_SIGNER) != 0 ? ", signer" : "");
	say(p, (op->b & INTENT_MODE_WRITABLE) != 0 ? ", writable"
	       : (op->b & INTENT_MODE_EITHER) != 0 ? ", writable or not"
	                                           : ", read-only");
	say(p, tell_chooses(rule, op->a) ? ", chooses the rule" : "");
	tell_reason(p, op->b >> INTENT_MODE_REASON, POLICY_REASON_ACCOUNT);
}

static void tell_rest(struct policy *p, const struct intent_rule *rule)
{
	uint32_t flags = rule->flags;
	if (rule->accounts_max == rule->listed) {
		say(p, "no further accounts");
		return;
	}
	say(p, (flags & INTENT_REST_EXTRA) != 0
	           ? "accounts that the program may have gained since (no signer, hidden ones "
	             "read-only): "
	           : "further accounts: ");
	if (rule->accounts_min != rule->listed) {
		say(p, "at least ");
		say_number(p, (uint64_t)rule->accounts_min - rule->listed);
		say(p, ", ");
	}
	say(p, "up to ");
	say_number(p, (uint64_t)rule->accounts_max - rule->listed);
	say(p, (flags & INTENT_REST_WALLET) != 0 ? ", the wallet may be one" : ", not the wallet");
	say(p, (flags & INTENT_REST_OWN) != 0 ? ", its own token accounts may"
	                                      : ", not its own token accounts");
	say(p, (flags & INTENT_REST_UNKNOWN) != 0 ? ", hidden ones may" : ", not hidden");
}

static void tell_flags(struct policy *p, const struct intent_rule *rule)
{
	say(p, (rule->flags & INTENT_RULE_ANY_FLAGS) != 0
	           ? "writable flags are not compared, but the wallet's and its token accounts'"
	           : "writable flags are compared");
}

/* What a program that calls others can do with what it is handed (A15). */
static void tell_trust(struct policy *p, const struct intent_rule *rule)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	bool wallet = (rule->flags & INTENT_REST_WALLET) != 0;
	if (policy_key_is_builtin(intent_program_key(rule)))
		return;
	for (uint32_t i = 0; i < rule->code_count; i++)
		wallet |= ops[i].op == INTENT_OP_ACCOUNT + INTENT_IS_WALLET;
	say(p, wallet ? "  is handed the wallet" : "  is not handed the wallet");
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (ops[i].op == INTENT_OP_ACCOUNT + INTENT_OWN) {
			say(p, ", ");
			say(p, intent_position_name(rule, ops[i].a));
		}
	say(p, "\n");
}

/* --- rules and the whole */

static void tell_head(struct policy *p, const struct intent_rule *rule)
{
	say(p, intent_words(rule->name));
	say(p, ": ");
	say_key(p, intent_program_key(rule));
	if (rule->prefix != 0) {
		say(p, " data ");
		tell_hex(p, &rule->word, rule->prefix);
	}
	if ((rule->flags & INTENT_RULE_WITHOUT) != 0) {
		say(p, ", with ");
		say_number(p, rule->listed);
		say(p, " accounts");
	}
}

/* A made number that nothing names and nothing uses refuses when it does not fit. */
static bool tell_unused(const struct intent_op *ops, uint32_t count, const struct intent_op *op)
{
	bool computes = (op->op == INTENT_OP_ADD && op->d != op->b) || op->op == INTENT_OP_SUB ||
	                op->op == INTENT_OP_SCALE_DOWN || op->op == INTENT_OP_SCALE_UP ||
	                op->op == INTENT_OP_PER;
	if (!computes || intent_name_of(op->d) != NULL)
		return false;
	for (const struct intent_op *at = op + 1; at < ops + count; at++)
		if (at->b == op->d || at->c == op->d)
			return false;
	return true;
}

/* What an operation says that the parts above it do not. */
static void tell_operation(struct policy *p, const struct intent_rule *rule,
                           const struct intent_op *ops, uint32_t i)
{
	const struct intent_op *op = &ops[i];
	uint32_t from = p->text.len;
	if (op->op == INTENT_OP_FRESH) {
		say(p, "  makes account 0 the wallet's\n");
	} else if (tell_unused(ops, rule->code_count, op)) {
		say(p, "  must fit: ");
		say_made(p, ops, rule->code_count, op, 0);
		say(p, "\n");
	} else if (op->op == INTENT_OP_LESS || op->op == INTENT_OP_LITERAL ||
	           op->op == INTENT_OP_FIELD_KEY) {
		say(p, "  data ");
		say_number(p, op->b);
		say(p, ": ");
		tell_read(p, rule, ops, op);
		say(p, "\n");
	} else {
		say_effect(p, rule, ops, i);
	}
	if ((op->op == INTENT_OP_CHECK || op->op == INTENT_OP_CHECK_SIDES) && p->text.len > from) {
		p->text.len--;
		tell_reason(p, ((const struct intent_check *)INTENT_AT(checks))[op->d].reason,
		            POLICY_REASON_AMOUNT);
		say(p, "\n");
	}
}

static void tell_rule(struct policy *p, const struct intent_rule *rule)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	intent_said = rule;
	say(p, "- ");
	tell_head(p, rule);
	say(p, "\n");
	say_counts(p, rule);
	say(p, "  ");
	tell_data(p, rule);
	say(p, "\n");
	for (uint32_t i = 0; i < rule->code_count; i++) {
		if (ops[i].op < INTENT_OP_ACCOUNT || ops[i].op > INTENT_OP_ACCOUNT_LAST)
			continue;
		say(p, "  ");
		tell_place(p, rule, &ops[i]);
		say(p, "\n");
	}
	say(p, "  ");
	tell_rest(p, rule);
	say(p, "\n");
	if ((rule->flags & INTENT_RULE_ANY_FLAGS) != 0) {
		say(p, "  ");
		tell_flags(p, rule);
		say(p, "\n");
	}
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (ops[i].op != INTENT_OP_LESS && ops[i].op != INTENT_OP_LITERAL &&
		    ops[i].op != INTENT_OP_FIELD_KEY)
			tell_operation(p, rule, ops, i);
	tell_trust(p, rule);
}

static void tell_final(struct policy *p, uint32_t i)
{
	struct intent_rule whole = {.code_first = INTENT_HEAD->final_first,
	                            .code_count = INTENT_HEAD->final_count};
	intent_said = NULL;
	tell_operation(p, &whole, (const struct intent_op *)INTENT_AT(ops) + whole.code_first, i);
}

static void tell_formats(struct policy *p)
{
	say(p, "Transaction formats:");
	for (unsigned i = 0; i < INTENT_FORMATS; i++)
		if ((INTENT_HEAD->formats >> i & 1) != 0) {
			say(p, " ");
			say(p, intent_format_name(i));
		}
	say(p, "\n");
}

static void tell_groups(struct policy *p)
{
	const struct intent_group *groups = INTENT_AT(groups);
	for (uint32_t i = 0; i < INTENT_HEAD->groups.count; i++) {
		say(p, "  ");
		say(p, intent_words(groups[i].name));
		say(p, ": at most ");
		say_number(p, groups[i].max);
		say(p, "\n");
	}
}

static void tell_all(struct policy *p)
{
	const struct intent_rule *rules = INTENT_AT(rules);
	say_title(p);
	say_warnings(p);
	if (INTENT_HEAD->formats != 0) {
		say(p, "In one transaction:\n");
		for (uint32_t i = 0; i < INTENT_HEAD->final_count; i++)
			tell_final(p, i);
		tell_groups(p);
		say(p, "It allows transactions of these instructions and no other. Of the rules "
		       "of one program the first whose data begins so, and whose accounts fit in "
		       "number and where they choose, is the one that counts:\n");
		for (uint32_t i = 0; i < INTENT_HEAD->rules.count; i++)
			tell_rule(p, &rules[i]);
		say_trusted(p);
		say_mark(p);
		say_payer(p);
		tell_formats(p);
	}
	if (INTENT_HEAD->messages.count != 0) {
		say(p, "It allows these messages and no other:\n");
		say_messages(p);
	}
	policy_mark_cut(&p->text);
}

/* --- what others call */

static struct policy begin(struct bytes table, uint32_t cap)
{
	struct policy p = {
	    .text = {words_space, cap, 0}
        };
	CHECK(table.len <= sizeof(intent_table_bytes));
	struct policy_request *request = (void *)policy_area.bytes; /* an empty one */
	memset(request, 0, sizeof(*request));
	request->len = sizeof(*request);
	p.request = request;
	memcpy(intent_table_bytes, table.data, table.len);
	intent_bare = true;
	return p;
}

void intent_words_of(struct bytes table, bool full, struct buffer *ret_text)
{
	struct policy p = begin(table, full ? INTENT_WORDS_MAX : POLICY_DESCRIPTION_MAX);
	if (full)
		tell_all(&p);
	else
		policy_grant(&p);
	CHECK(buffer_put(ret_text, bytes_of(words_space, p.text.len)) == STATUS_OK);
}

static void tell_of_rule(struct policy *p, enum intent_words_part part,
                         const struct intent_rule *rule, uint32_t index)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	intent_said = rule;
	switch ((unsigned)part) {
	case INTENT_WORDS_COUNTS:
		say_counts(p, rule);
		break;
	case INTENT_WORDS_DATA:
		tell_data(p, rule);
		break;
	case INTENT_WORDS_PLACE:
		for (uint32_t i = 0; i < rule->code_count; i++)
			if (ops[i].op >= INTENT_OP_ACCOUNT && ops[i].op <= INTENT_OP_ACCOUNT_LAST &&
			    ops[i].a == index)
				tell_place(p, rule, &ops[i]);
		break;
	case INTENT_WORDS_REST:
		tell_rest(p, rule);
		break;
	case INTENT_WORDS_FLAGS:
		tell_flags(p, rule);
		break;
	case INTENT_WORDS_OPERATION:
		tell_operation(p, rule, ops, index);
		break;
	default:
		tell_head(p, rule);
		break;
	}
}

void intent_words_part(struct bytes table, enum intent_words_part part, size_t rule, size_t index,
                       struct buffer *ret_text)
{
	struct policy p = begin(table, INTENT_WORDS_MAX);
	if (part == INTENT_WORDS_PAYER)
		say_payer(&p);
	else if (part == INTENT_WORDS_WARNINGS)
		say_warnings(&p);
	else if (part == INTENT_WORDS_MESSAGE)
		say_pattern(&p, (const struct intent_message *)INTENT_AT(messages) + index);
	else if (rule == SIZE_MAX)
		tell_final(&p, (uint32_t)index);
	else
		tell_of_rule(&p, part, (const struct intent_rule *)INTENT_AT(rules) + rule,
		             (uint32_t)index);
	size_t from = 0, to = p.text.len;
	while (from < to && words_space[from] == ' ')
		from++;
	while (to > from && words_space[to - 1] == '\n')
		to--;
	CHECK(buffer_put(ret_text, bytes_of(words_space + from, to - from)) == STATUS_OK);
}
