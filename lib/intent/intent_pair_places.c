/* intent_pair_places: accounts: what each place asks for, what may stand behind them, and which
 * rule they choose. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_pair.h"

/* --- keys */

static const struct intent_list *list_at(const struct pair_side *s, uint32_t index)
{
	return (const struct intent_list *)(const void *)(s->table.data + s->head->lists.off) +
	       index;
}

static bool same_key(const struct pair *p, uint32_t old, uint32_t new)
{
	return memcmp(pair_key(&p->old, old), pair_key(&p->new, new), 32) == 0;
}

static bool in_list(const struct pair_side *s, uint32_t list, const uint8_t *key)
{
	const struct intent_list *l = list_at(s, list);
	for (uint32_t i = 0; i < l->count; i++)
		if (memcmp(pair_key(s, l->first + i), key, 32) == 0)
			return true;
	return false;
}

static bool all_in(const struct pair_side *s, uint32_t list, const struct pair_side *of,
                   uint32_t in)
{
	const struct intent_list *l = list_at(s, list);
	for (uint32_t i = 0; i < l->count; i++)
		if (!in_list(of, in, pair_key(s, l->first + i)))
			return false;
	return true;
}

static enum pair_relation list_relation(const struct pair *p, uint32_t old, uint32_t new)
{
	if (!all_in(&p->new, new, &p->old, old))
		return PAIR_UNPROVEN;
	return all_in(&p->old, old, &p->new, new) ? PAIR_SAME : PAIR_NARROWER;
}

static enum pair_relation same_if(bool same)
{
	return same ? PAIR_SAME : PAIR_UNPROVEN;
}

enum pair_relation pair_key_relation(const struct pair *p, struct pair_need old,
                                     struct pair_need new)
{
	if (old.kind == INTENT_IN_LIST && new.kind == INTENT_IS_KEY)
		return in_list(&p->old, old.arg, pair_key(&p->new, new.arg)) ? PAIR_NARROWER
		                                                             : PAIR_UNPROVEN;
	if (old.kind != new.kind)
		return PAIR_UNPROVEN;
	switch (old.kind) {
	case INTENT_IS_ANY:
	case INTENT_IS_OTHER:
	case INTENT_IS_WALLET:
	case INTENT_IS_PROGRAM:
	case INTENT_PAYER_OTHER:
		return PAIR_SAME;
	case INTENT_IS_KEY:
		return same_if(same_key(p, old.arg, new.arg));
	case INTENT_IS_ACCOUNT:
	case INTENT_IS_MINT_OF:
		return same_if(old.arg == new.arg);
	case INTENT_IN_LIST:
		return list_relation(p, old.arg, new.arg);
	case INTENT_IS_PARAM:
	case INTENT_IN_PARAM:
		return same_if(pair_same_record(p, old.arg, new.arg));
	default:
		return PAIR_UNPROVEN;
	}
}

bool pair_same_mint(const struct pair *p, uint32_t kind, uint32_t old, uint32_t new)
{
	switch (kind) {
	case INTENT_MINT_ANY:
		return true;
	case INTENT_MINT_KEY:
		return same_key(p, old, new);
	case INTENT_MINT_LIST:
		return list_relation(p, old, new) == PAIR_SAME;
	case INTENT_MINT_PARAM:
	case INTENT_MINT_IN_PARAM:
	case INTENT_MINT_IN_PARAM_ANY:
		return pair_same_record(p, old, new);
	default:
		return old == new; /* of a place, which is compared itself */
	}
}

/* --- own and ata accounts */

static const struct intent_op *more_of(const struct pair_side *s, const struct intent_op *owned)
{
	static const struct intent_op none = {.op = INTENT_OP_OWNED_MORE};
	return owned->d == 0 ? &none : s->ops + owned->d;
}

static enum pair_relation mint_relation(const struct pair *p, const struct intent_op *old,
                                        const struct intent_op *new)
{
	uint32_t a = old->a & 15u, b = new->a & 15u;
	if (a == b && a == INTENT_MINT_LIST)
		return list_relation(p, old->b, new->b);
	if (a == b)
		return same_if(pair_same_mint(p, a, old->b, new->b));
	if (a == INTENT_MINT_ANY)
		return PAIR_NARROWER;
	if (a == INTENT_MINT_LIST && b == INTENT_MINT_KEY &&
	    in_list(&p->old, old->b, pair_key(&p->new, new->b)))
		return PAIR_NARROWER;
	return a == INTENT_MINT_IN_PARAM_ANY && b == INTENT_MINT_IN_PARAM &&
	               pair_same_record(p, old->b, new->b)
	           ? PAIR_NARROWER
	           : PAIR_UNPROVEN;
}

static enum pair_relation program_relation(const struct pair *p, const struct intent_op *old,
                                           const struct intent_op *new)
{
	uint32_t a = old->a >> 4, b = new->a >> 4;
	if (a != b)
		return a == INTENT_TOKEN_ANY ? PAIR_NARROWER : PAIR_UNPROVEN;
	if (a == INTENT_TOKEN_ACCOUNT)
		return same_if(old->c == new->c);
	return same_if(a != INTENT_TOKEN_KEY || same_key(p, old->c, new->c));
}

/* The entry of `derived` that counts is the first that meets it all; an account has one mint and
 * one token program there. So less of these takes the same entry, but where an account counts in
 * another way too: then only the same is proven. */
static enum pair_relation owned_relation(const struct pair *p, const struct intent_op *old,
                                         const struct intent_op *new)
{
	const struct intent_op *a = more_of(&p->old, old + 1), *b = more_of(&p->new, new + 1);
	enum pair_relation r =
	    pair_both(mint_relation(p, old + 1, new + 1), program_relation(p, old + 1, new + 1));
	bool except = (a->a & 15u) == (b->a & 15u) && pair_same_mint(p, a->a & 15u, a->b, b->b);
	if (!except)
		r = pair_both(r, (a->a & 15u) == INTENT_MINT_ANY ? PAIR_NARROWER : PAIR_UNPROVEN);
	if (old->op == INTENT_OP_ACCOUNT + INTENT_ATA)
		r = pair_both(r, pair_key_relation(p, (struct pair_need){a->a >> 4, a->c},
		                                   (struct pair_need){b->a >> 4, b->c}));
	bool more = (new->b &INTENT_MODE_FRESH) != 0 || b->d != 0;
	if (r == PAIR_NARROWER && more)
		return PAIR_UNPROVEN;
	if ((old->b & INTENT_MODE_FRESH) != (new->b &INTENT_MODE_FRESH))
		r = pair_both(r, more ? PAIR_UNPROVEN : PAIR_NARROWER);
	if (a->d == 0 || b->d == 0)
		return pair_both(r, a->d == b->d ? PAIR_SAME
		                    : b->d == 0  ? PAIR_NARROWER
		                                 : PAIR_UNPROVEN);
	return pair_both(r, same_if(pair_same_record(p, a[1].b, b[1].b)));
}

/* --- accounts that other rules name */

/* The nth operation that gives a bind its account: all of them stand behind the places. */
static bool nth_bind(const struct pair_list *l, uint32_t bind, uint32_t n, uint32_t *ret_place)
{
	for (uint32_t i = 0; i < l->count; i++) {
		if (l->ops[i].op != INTENT_OP_BIND || l->ops[i].b != bind || n-- != 0)
			continue;
		*ret_place = l->ops[i].a;
		return true;
	}
	return false;
}

static bool same_binds_of(const struct pair_list *old, uint32_t a, const struct pair_list *new,
                          uint32_t b)
{
	for (uint32_t n = 0;; n++) {
		uint32_t place[2] = {0, 0};
		bool x = nth_bind(old, a, n, &place[0]), y = nth_bind(new, b, n, &place[1]);
		if (!x && !y)
			return true;
		if (x != y || place[0] != place[1])
			return false;
	}
}

/* Every rule that has a pair gives both the same account. */
static bool same_binds(const struct pair *p, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < p->new.head->rules.count; i++) {
		if (p->old_rule[i] == 0)
			continue;
		struct pair_list from = pair_list_of(&p->old, p->old.rules + p->old_rule[i] - 1);
		struct pair_list to = pair_list_of(&p->new, p->new.rules + i);
		if (!same_binds_of(&from, a, &to, b))
			return false;
	}
	return true;
}

/* --- places */

static enum pair_relation need_relation(const struct pair *p, const struct intent_op *old,
                                        const struct intent_op *new)
{
	uint32_t a = old->op - (uint32_t)INTENT_OP_ACCOUNT;
	uint32_t b = new->op - (uint32_t)INTENT_OP_ACCOUNT;
	if (a == INTENT_IS_ANY && b != a)
		return PAIR_NARROWER;
	if (a == b && (a == INTENT_OWN || a == INTENT_ATA))
		return owned_relation(p, old, new);
	if (a == b && (a == INTENT_IS_BOUND || a == INTENT_IS_BOUND_OTHER))
		return same_if(same_binds(p, old->c, new->c));
	return pair_key_relation(p, (struct pair_need){a, old->c}, (struct pair_need){b, new->c});
}

static uint32_t writable(const struct intent_op *op)
{
	return (op->b & INTENT_MODE_WRITABLE) != 0 ? INTENT_MODE_WRITABLE
	                                           : op->b & INTENT_MODE_EITHER;
}

/* A place that may be signed or written lets the whole message do so: more of either is wider. */
static enum pair_relation mode_relation(const struct intent_op *old, const struct intent_op *new)
{
	uint32_t gained = new->b & ~(uint32_t)old->b, lost = old->b & ~(uint32_t) new->b;
	uint32_t loose = INTENT_MODE_HIDDEN | INTENT_MODE_OPTIONAL;
	bool wallet = new->op == INTENT_OP_ACCOUNT + INTENT_IS_WALLET;
	enum pair_relation r = PAIR_SAME;
	if ((gained & loose) != 0 || (lost & INTENT_MODE_SIGNER) != 0 ||
	    ((gained & INTENT_MODE_SIGNER) != 0 && !wallet))
		return PAIR_UNPROVEN;
	if ((lost & loose) != 0 || (gained & INTENT_MODE_SIGNER) != 0)
		r = PAIR_NARROWER;
	if (writable(old) != writable(new))
		r = writable(old) == INTENT_MODE_EITHER ? PAIR_NARROWER : PAIR_UNPROVEN;
	return r;
}

static const struct intent_op *place_in(const struct intent_op *ops, uint32_t count, uint32_t place)
{
	for (uint32_t i = 0; i < count; i++)
		if (pair_is_account(&ops[i]) && ops[i].a == place)
			return &ops[i];
	return NULL;
}

static const struct intent_op *chooses(const struct pair_side *s, const struct intent_rule *rule,
                                       uint32_t place)
{
	return place_in(s->ops + rule->select_first, rule->select_count, place);
}

/* Whether a place that chose the old rule and not the new one is asked for the same by the new one:
 * what other operations of the rule change must not stand between. */
static bool chooses_later(const struct intent_op *chose)
{
	uint32_t kind = chose->op - (uint32_t)INTENT_OP_ACCOUNT;
	return kind == INTENT_IS_WALLET || kind == INTENT_IS_PROGRAM || kind == INTENT_IS_KEY ||
	       kind == INTENT_IS_PARAM || kind == INTENT_IS_ACCOUNT || kind == INTENT_IN_LIST ||
	       kind == INTENT_IN_PARAM;
}

bool pair_covers(const struct pair *p, const struct intent_rule *old, const struct intent_rule *new)
{
	uint32_t flags = INTENT_MODE_HIDDEN | INTENT_MODE_OPTIONAL | INTENT_MODE_FRESH;
	if (new->accounts_min > old->accounts_min || new->accounts_max < old->accounts_max)
		return false;
	for (uint32_t i = 0; i < new->select_count; i++) {
		const struct intent_op *b = p->new.ops + new->select_first + i;
		if (!pair_is_account(b))
			continue;
		const struct intent_op *a = chooses(&p->old, old, b->a);
		if (a == NULL || ((a->b ^ b->b) & flags) != 0 ||
		    need_relation(p, a, b) != PAIR_SAME)
			return false;
	}
	return true;
}

static size_t index_of(const struct pair_side *s, const struct intent_rule *rule)
{
	return (size_t)(rule - s->rules);
}

static void compare_place(struct pair *p, const struct intent_rule *old,
                          const struct intent_rule *new, uint32_t place)
{
	struct pair_list from = pair_list_of(&p->old, old), to = pair_list_of(&p->new, new);
	const struct intent_op *a = place_in(from.ops, from.count, place);
	const struct intent_op *b = place_in(to.ops, to.count, place);
	const struct intent_op *was = chooses(&p->old, old, place);
	const struct intent_op *is = chooses(&p->new, new, place);
	enum pair_relation need = need_relation(p, a, b);
	enum pair_relation mode = mode_relation(a, b), all;
	if (was != NULL && is == NULL && !chooses_later(was))
		need = PAIR_UNPROVEN;
	all = pair_both(need, mode);
	if (all == PAIR_SAME && (was == NULL) == (is == NULL))
		return;
	pair_tell(p, all == PAIR_UNPROVEN, "another account",
	          &(struct pair_part){INTENT_WORDS_PLACE, index_of(&p->old, old), place},
	          &(struct pair_part){INTENT_WORDS_PLACE, index_of(&p->new, new), place});
}

static void compare_rest(struct pair *p, const struct intent_rule *old,
                         const struct intent_rule *new)
{
	const uint32_t loose = INTENT_REST_WALLET | INTENT_REST_OWN | INTENT_REST_UNKNOWN;
	uint32_t gained = new->flags & ~(uint32_t)old->flags;
	uint32_t lost = old->flags & ~(uint32_t) new->flags;
	bool more = new->accounts_min < old->accounts_min || new->accounts_max > old->accounts_max;
	bool same = new->accounts_min == old->accounts_min &&new->accounts_max == old->accounts_max;
	if (new->accounts_max > new->listed) {
		more |= (gained & loose) != 0 || (lost & INTENT_REST_EXTRA) != 0;
		same &= ((gained | lost) & (loose | INTENT_REST_EXTRA)) == 0;
	}
	if (more || !same)
		pair_tell(p, more, "other accounts behind the listed ones",
		          &(struct pair_part){INTENT_WORDS_REST, index_of(&p->old, old), 0},
		          &(struct pair_part){INTENT_WORDS_REST, index_of(&p->new, new), 0});
	if (((gained | lost) & INTENT_RULE_ANY_FLAGS) != 0)
		pair_tell(p, (gained & INTENT_RULE_ANY_FLAGS) != 0, "writable flags",
		          &(struct pair_part){INTENT_WORDS_FLAGS, index_of(&p->old, old), 0},
		          &(struct pair_part){INTENT_WORDS_FLAGS, index_of(&p->new, new), 0});
}

/* Which rules make an account the wallet's, program and tag say, which pairs have in common; and
 * they do it behind all places. */
void pair_compare_places(struct pair *p, const struct intent_rule *old,
                         const struct intent_rule *new)
{
	for (uint32_t i = 0; i < new->listed; i++)
		compare_place(p, old, new, i);
	compare_rest(p, old, new);
}
