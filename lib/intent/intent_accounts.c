/* intent_accounts: an instruction's accounts to operations, one for each place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "intent_build.h"
#include "policy_keys.h"

#define ENTRY_KEYS                                                                                 \
	"name is in own ata any mint_of token_program except or fresh hidden signer writable "     \
	"optional maybe "                                                                          \
	"select "                                                                                  \
	"reason"

struct build_local *build_local(struct intent_build *b, struct bytes name)
{
	for (size_t i = 0; i < b->rule.local_count; i++)
		if (bytes_equal(b->rule.locals[i].name, name))
			return &b->rule.locals[i];
	return NULL;
}

static struct build_local *account_of(struct intent_build *b, struct intent_value at,
                                      struct bytes name)
{
	struct build_local *local = build_local(b, name);
	if (local != NULL && local->account) {
		b->rule.names_absent |= local->absent;
		return local;
	}
	intent_wrong(b->error, at, 0, "no account before this one is called \"%.*s\"",
	             name.len > 40 ? 40 : (int)name.len, (const char *)name.data);
	return NULL;
}

static bool is_text(struct bytes text, const char *word)
{
	return bytes_equal(text, bytes_of_text(word));
}

static struct build_parameter *parameter_of(struct intent_build *b, struct bytes name,
                                            unsigned type)
{
	struct build_name *n = build_find(b, name);
	if (n == NULL || n->what != NAME_PARAMETER || b->parameters[n->index].type != type)
		return NULL;
	return &b->parameters[n->index];
}

static uint16_t given_of(const struct intent_build *b, const struct build_parameter *p)
{
	return p->need == POLICY_NEED_OPTIONAL ? (uint16_t)(p - b->parameters) : INTENT_NONE;
}

/* `is = "@rule.account"`: the places are numbered over the whole intent. A ? behind it: that
 * account once there is one, till then as without a requirement. */
static bool take_bound(struct intent_build *b, struct intent_value at, struct bytes text,
                       unsigned *ret_kind, uint16_t *ret_arg)
{
	bool perhaps = text.data[text.len - 1] == '?';
	size_t dot = 1;
	text.len -= perhaps;
	*ret_kind = perhaps ? INTENT_IS_BOUND_OTHER : INTENT_IS_BOUND;
	while (dot < text.len && text.data[dot] != '.')
		dot++;
	struct build_name *rule = build_find_rule(b, bytes_of(text.data + 1, dot - 1));
	if (rule == NULL || rule->what != NAME_RULE)
		return intent_wrong(b->error, at, 1, "no instruction is called \"%.*s\"",
		                    (int)(dot - 1), (const char *)text.data + 1);
	struct bytes name = bytes_of(text.data + 1, text.len - 1);
	size_t i = 0;
	while (i < b->bind_count && !bytes_equal(b->bind_names[i], name))
		i++;
	if (i == INTENT_BINDS_MAX)
		return intent_wrong(b->error, at, 0, "too many accounts of other instructions");
	if (i == b->bind_count) {
		b->binds[b->bind_count] = at;
		b->bind_names[b->bind_count++] = name;
	}
	*ret_arg = (uint16_t)i;
	return true;
}

static bool take_is(struct intent_build *b, struct intent_value at, bool places, unsigned *ret_kind,
                    uint16_t *ret_arg, uint16_t *ret_given)
{
	struct bytes text;
	if (!intent_is(at, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0, "is = \"...\" is expected");
	text = intent_string_of(at);
	if (is_text(text, "wallet")) {
		*ret_kind = INTENT_IS_WALLET;
		return true;
	}
	if (places && is_text(text, "program")) {
		*ret_kind = INTENT_IS_PROGRAM;
		return true;
	}
	if (places && text.len > 1 && text.data[0] == '@') {
		if (memchr(text.data, '.', text.len) != NULL)
			return take_bound(b, at, text, ret_kind, ret_arg);
		struct build_local *local =
		    account_of(b, at, bytes_of(text.data + 1, text.len - 1));
		if (local == NULL)
			return false;
		*ret_kind = INTENT_IS_ACCOUNT;
		*ret_arg = local->position;
		return true;
	}
	struct build_parameter *p = parameter_of(b, text, POLICY_TYPE_PUBKEY);
	if (p != NULL) {
		*ret_kind = INTENT_IS_PARAM;
		*ret_arg = p->record;
		*ret_given = given_of(b, p);
		return true;
	}
	*ret_kind = INTENT_IS_KEY;
	if (build_key(b, text, ret_arg))
		return true;
	return intent_wrong(b->error, at, 0, "\"%.*s\" is no key, pubkey parameter or address%s",
	                    text.len > 48 ? 48 : (int)text.len, (const char *)text.data,
	                    places ? ", nor wallet, program or @account" : ", nor wallet");
}

static bool take_in(struct intent_build *b, struct intent_value at, unsigned *ret_kind,
                    uint16_t *ret_arg)
{
	struct bytes text;
	if (!intent_is(at, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0, "in = \"the name of a list\" is expected");
	text = intent_string_of(at);
	struct build_name *n = build_find(b, text);
	struct build_parameter *p = parameter_of(b, text, POLICY_TYPE_PUBKEY_LIST);
	if (n != NULL && n->what == NAME_LIST) {
		*ret_kind = INTENT_IN_LIST;
		*ret_arg = n->index;
		return true;
	}
	if (p == NULL)
		return intent_wrong(b->error, at, 0,
		                    "\"%.*s\" is no list and no pubkey list parameter",
		                    text.len > 48 ? 48 : (int)text.len, (const char *)text.data);
	*ret_kind = INTENT_IN_PARAM;
	*ret_arg = p->record;
	return true;
}

bool build_requirement(struct intent_build *b, struct intent_value table, bool places,
                       unsigned *ret_kind, uint16_t *ret_arg, uint16_t *ret_given)
{
	struct intent_value is = intent_member(table, "is"), in = intent_member(table, "in");
	*ret_arg = 0;
	*ret_given = INTENT_NONE;
	if ((is.source == NULL) == (in.source == NULL))
		return intent_wrong(b->error, table, 0, "one of is = ... and in = ... is expected");
	return is.source != NULL ? take_is(b, is, places, ret_kind, ret_arg, ret_given)
	                         : take_in(b, in, ret_kind, ret_arg);
}

bool build_mint(struct intent_build *b, struct intent_value at, struct bytes text, bool one,
                unsigned *ret_kind, uint16_t *ret_arg)
{
	*ret_arg = 0;
	if (!one && is_text(text, "any")) {
		*ret_kind = INTENT_MINT_ANY;
		return true;
	}
	if (text.len > 1 && text.data[0] == '@') {
		struct build_local *local =
		    account_of(b, at, bytes_of(text.data + 1, text.len - 1));
		if (local == NULL)
			return false;
		bool entry = local->requirement == INTENT_OWN || local->requirement == INTENT_ATA;
		if (local->absent || (entry && (local->flags & INTENT_MODE_OPTIONAL) != 0))
			return intent_wrong(
			    b->error, at, 0,
			    "an account that may be left out has no mint to rely on");
		*ret_kind = entry ? INTENT_MINT_ENTRY : INTENT_MINT_ACCOUNT;
		*ret_arg = local->position;
		return true;
	}
	bool any = !one && text.len > 1 && text.data[text.len - 1] == '?';
	struct bytes name = bytes_of(text.data, text.len - any);
	struct build_name *n = build_find(b, name);
	struct build_parameter *p =
	    n != NULL && n->what == NAME_PARAMETER ? &b->parameters[n->index] : NULL;
	if (p != NULL && p->type == POLICY_TYPE_PUBKEY_LIST && !one) {
		p->role = POLICY_ROLE_MINT;
		*ret_kind = any ? INTENT_MINT_IN_PARAM_ANY : INTENT_MINT_IN_PARAM;
		*ret_arg = p->record;
		return true;
	}
	if (any)
		return intent_wrong(b->error, at, 0, "? is for a pubkey list parameter");
	if (p != NULL && p->type == POLICY_TYPE_PUBKEY) {
		p->role = POLICY_ROLE_MINT;
		*ret_kind = INTENT_MINT_PARAM;
		*ret_arg = p->record;
		return true;
	}
	if (n != NULL && n->what == NAME_LIST && !one) {
		*ret_kind = INTENT_MINT_LIST;
		*ret_arg = n->index;
		return true;
	}
	*ret_kind = INTENT_MINT_KEY;
	if (build_key(b, name, ret_arg))
		return true;
	return intent_wrong(b->error, at, 0, "\"%.*s\" is no mint: %s",
	                    name.len > 48 ? 48 : (int)name.len, (const char *)name.data,
	                    one ? "@account, a key, a pubkey parameter or an address"
	                        : "any, @account, a key, list, parameter or address");
}

static bool take_mint(struct intent_build *b, struct intent_value at, unsigned *ret_kind,
                      uint16_t *ret_arg)
{
	if (!intent_is(at, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0, "a mint in quotation marks is expected");
	return build_mint(b, at, intent_string_of(at), false, ret_kind, ret_arg);
}

/* --- one entry */

static bool take_token_program(struct intent_build *b, struct build_entry *e)
{
	struct bytes text = {NULL, 0};
	if (!intent_text_of(b->error, e->at, "token_program", false, &text))
		return false;
	if (text.data == NULL || is_text(text, "any"))
		return true;
	if (is_text(text, "program")) {
		e->of = INTENT_TOKEN_PROGRAM;
		return true;
	}
	if (text.len < 2 || text.data[0] != '@') {
		e->of = INTENT_TOKEN_KEY;
		if (build_key(b, text, &e->of_place))
			return true;
		return intent_wrong(b->error, intent_member(e->at, "token_program"), 0,
		                    "token_program is \"any\", \"program\", \"@account\" or a key");
	}
	struct build_local *local = account_of(b, intent_member(e->at, "token_program"),
	                                       bytes_of(text.data + 1, text.len - 1));
	if (local == NULL)
		return false;
	e->of = INTENT_TOKEN_ACCOUNT;
	e->of_place = local->position;
	return true;
}

static bool take_owner(struct intent_build *b, struct intent_value at, struct build_entry *e)
{
	struct bytes text;
	uint16_t given = INTENT_NONE;
	if (!intent_is(at, INTENT_NODE_STRING))
		return intent_wrong(b->error, at, 0, "owner = \"...\" is expected");
	text = intent_string_of(at);
	struct build_name *n = build_find(b, text);
	struct build_parameter *p =
	    n != NULL && n->what == NAME_PARAMETER ? &b->parameters[n->index] : NULL;
	bool list = (n != NULL && n->what == NAME_LIST) ||
	            (p != NULL && p->type == POLICY_TYPE_PUBKEY_LIST);
	if (p != NULL)
		p->role = POLICY_ROLE_OWNER;
	if (list)
		return take_in(b, at, &e->owner, &e->owner_arg);
	if (!take_is(b, at, true, &e->owner, &e->owner_arg, &given))
		return false;
	if (e->owner == INTENT_IS_BOUND || e->owner == INTENT_IS_BOUND_OTHER ||
	    e->owner == INTENT_IS_PROGRAM || given != INTENT_NONE)
		return intent_wrong(b->error, at, 0,
		                    "an owner is a key, a required parameter, a list or @account");
	return true;
}

static bool take_ata(struct intent_build *b, struct intent_value ata, struct build_entry *e)
{
	struct intent_value owner, mint;
	if (!intent_keys(b->error, ata, "owner mint"))
		return false;
	owner = intent_member(ata, "owner");
	mint = intent_member(ata, "mint");
	if (owner.source == NULL || mint.source == NULL)
		return intent_wrong(b->error, ata, 0,
		                    "ata = { owner = ..., mint = ... } is expected");
	return take_owner(b, owner, e) && take_mint(b, mint, &e->mint, &e->mint_arg);
}

/* `or`: an optional pubkey parameter that names an account the user vouches for. */
static bool take_or(struct intent_build *b, struct build_entry *e)
{
	struct bytes text = {NULL, 0};
	if (!intent_text_of(b->error, e->at, "or", false, &text))
		return false;
	if (text.data == NULL)
		return true;
	struct build_parameter *p = parameter_of(b, text, POLICY_TYPE_PUBKEY);
	if (p == NULL)
		return intent_wrong(b->error, intent_member(e->at, "or"), 0,
		                    "\"%.*s\" is no pubkey parameter",
		                    text.len > 48 ? 48 : (int)text.len, (const char *)text.data);
	e->or_record = p->record;
	e->or_given = given_of(b, p);
	return true;
}

/* `mint_of = "@account"`: the key is the mint of an own or ata account before. */
static bool take_mint_of(struct intent_build *b, struct intent_value at, struct build_entry *e)
{
	unsigned kind;
	struct bytes text = {NULL, 0};
	if (intent_is(at, INTENT_NODE_STRING))
		text = intent_string_of(at);
	if (text.len < 2 || text.data[0] != '@')
		return intent_wrong(b->error, at, 0, "mint_of = \"@account\" is expected");
	if (!build_mint(b, at, text, true, &kind, &e->arg))
		return false;
	if (kind != INTENT_MINT_ENTRY)
		return intent_wrong(b->error, at, 0, "mint_of names an account with own or ata");
	e->kind = INTENT_IS_MINT_OF;
	return true;
}

static bool take_kind(struct intent_build *b, struct build_entry *e)
{
	struct intent_value own = intent_member(e->at, "own"), ata = intent_member(e->at, "ata");
	struct intent_value any = intent_member(e->at, "any"),
	                    except = intent_member(e->at, "except");
	bool is = intent_member(e->at, "is").source != NULL,
	     in = intent_member(e->at, "in").source != NULL;
	struct intent_value mint_of = intent_member(e->at, "mint_of");
	bool truth = false;
	if (is + in + (mint_of.source != NULL) + (own.source != NULL) + (ata.source != NULL) +
	        (any.source != NULL) >
	    1)
		return intent_wrong(b->error, e->at, 0, "one of is, in, own, ata and any at most");
	if (own.source == NULL && ata.source == NULL &&
	    (except.source != NULL || intent_member(e->at, "token_program").source != NULL))
		return intent_wrong(b->error, e->at, 0,
		                    "token_program and except go with own and ata");
	e->kind = INTENT_IS_OTHER;
	e->given = INTENT_NONE;
	if (own.source == NULL && (intent_member(e->at, "or").source != NULL ||
	                           intent_member(e->at, "fresh").source != NULL))
		return intent_wrong(b->error, e->at, 0, "or and fresh go with own");
	if (mint_of.source != NULL)
		return take_mint_of(b, mint_of, e);
	if (is || in)
		return build_requirement(b, e->at, true, &e->kind, &e->arg, &e->given);
	if (any.source != NULL) {
		e->kind = INTENT_IS_ANY;
		if (!intent_bool_of(b->error, e->at, "any", &truth) || !truth)
			return intent_wrong(b->error, any, 0, "any = true, or nothing");
		return true;
	}
	if (own.source == NULL && ata.source == NULL)
		return true;
	e->kind = own.source != NULL ? INTENT_OWN : INTENT_ATA;
	if (own.source != NULL ? !take_mint(b, own, &e->mint, &e->mint_arg) : !take_ata(b, ata, e))
		return false;
	if (except.source != NULL && !take_mint(b, except, &e->except, &e->except_arg))
		return false;
	if (except.source != NULL && e->except == INTENT_MINT_ANY)
		return intent_wrong(b->error, except, 0, "except = \"any\" would allow nothing");
	return take_or(b, e) && take_token_program(b, e);
}

static bool take_flags(struct intent_build *b, struct build_entry *e)
{
	bool signer = false, writable = false, optional = false, hidden = false, fresh = false;
	struct intent_value w = intent_member(e->at, "writable");
	uint16_t reason = 0;
	bool either = intent_is(w, INTENT_NODE_STRING) && is_text(intent_string_of(w), "either");
	if (!intent_bool_of(b->error, e->at, "signer", &signer) ||
	    (!either && !intent_bool_of(b->error, e->at, "writable", &writable)) ||
	    !intent_bool_of(b->error, e->at, "optional", &optional) ||
	    !intent_bool_of(b->error, e->at, "hidden", &hidden) ||
	    !intent_bool_of(b->error, e->at, "fresh", &fresh) ||
	    !intent_bool_of(b->error, e->at, "maybe", &e->maybe) ||
	    !intent_bool_of(b->error, e->at, "select", &e->select) ||
	    !build_reason(b, e->at, &reason))
		return false;
	if (reason > 255)
		return intent_wrong(b->error, e->at, 0, "this reason cannot be an account's");
	if (hidden &&
	    (e->kind == INTENT_OWN || e->kind == INTENT_ATA || e->kind == INTENT_IS_WALLET))
		return intent_wrong(
		    b->error, e->at, 0,
		    "what is hidden in a lookup table can be nothing of the wallet's or a "
		    "recipient's");
	if (e->select && (e->kind == INTENT_IS_OTHER || e->kind == INTENT_IS_ANY))
		return intent_wrong(b->error, e->at, 0,
		                    "select needs a requirement: is, in, own or ata");
	e->mode = (signer ? INTENT_MODE_SIGNER : 0) | (writable ? INTENT_MODE_WRITABLE : 0) |
	          (either ? INTENT_MODE_EITHER : 0) | (hidden ? INTENT_MODE_HIDDEN : 0) |
	          (optional ? INTENT_MODE_OPTIONAL : 0) | (fresh ? INTENT_MODE_FRESH : 0) |
	          (unsigned)reason << INTENT_MODE_REASON;
	return true;
}

/* Operations of an entry: itself, and for own and ata one more behind it. What is more than that
 * lies apart (`more`), once for all the places that use it. */
static bool put_entry(struct intent_build *b, const struct build_entry *e, uint16_t place,
                      unsigned extra)
{
	if (!build_op(b, (struct intent_op){(uint8_t)(INTENT_OP_ACCOUNT + e->kind), (uint8_t)place,
	                                    (uint16_t)(e->mode | extra), e->arg, e->given}))
		return false;
	if (e->kind != INTENT_OWN && e->kind != INTENT_ATA)
		return true;
	return build_op(b, (struct intent_op){INTENT_OP_OWNED, (uint8_t)(e->mint | e->of << 4),
	                                      e->mint_arg, e->of_place, e->more});
}

static bool put_more(struct intent_build *b, struct build_entry *e)
{
	e->more = 0;
	if (e->kind != INTENT_OWN && e->kind != INTENT_ATA)
		return true;
	if (e->kind == INTENT_OWN && e->except == INTENT_MINT_ANY && e->or_record == 0)
		return true;
	e->more = (uint16_t)b->op_count;
	return build_op(b, (struct intent_op){INTENT_OP_OWNED_MORE,
	                                      (uint8_t)(e->except | e->owner << 4), e->except_arg,
	                                      e->owner_arg, e->or_record != 0}) &&
	       (e->or_record == 0 || build_op(b, (struct intent_op){INTENT_OP_OWNED_OR, 0,
	                                                            e->or_record, e->or_given, 0}));
}

/* What an entry rests on: the place of the own or ata account whose mint it names, or 255. */
static unsigned rests_on(const struct build_entry *e)
{
	if (e->kind == INTENT_IS_MINT_OF)
		return e->arg;
	if ((e->kind == INTENT_OWN || e->kind == INTENT_ATA) && e->mint == INTENT_MINT_ENTRY)
		return e->mint_arg;
	return 255;
}

/* What chooses the rule, each with what it rests on before it. */
static bool put_select(struct intent_build *b, struct intent_rule *rule)
{
	struct build_entry *entries = b->rule.entries;
	bool needed[INTENT_POSITIONS_MAX] = {false};
	for (unsigned i = rule->listed; i-- != 0;) {
		needed[i] |= entries[i].select;
		if (needed[i] && rests_on(&entries[i]) != 255)
			needed[rests_on(&entries[i])] = true;
	}
	rule->select_first = (uint16_t)b->op_count;
	for (unsigned i = 0; i < rule->listed; i++)
		if (needed[i] && !put_entry(b, &entries[i], (uint16_t)i, 0))
			return false;
	rule->select_count = (uint16_t)(b->op_count - rule->select_first);
	return true;
}

static bool put_binds(struct intent_build *b, const struct build_local *local)
{
	struct bytes rule = b->rule.name;
	for (size_t i = 0; i < b->bind_count; i++) {
		struct bytes name = b->bind_names[i];
		const struct build_entry *e = &b->rule.entries[local->position];
		if (name.len != rule.len + 1 + local->name.len || local->name.len == 0 ||
		    memcmp(name.data, rule.data, rule.len) != 0 || name.data[rule.len] != '.' ||
		    memcmp(name.data + rule.len + 1, local->name.data, local->name.len) != 0)
			continue;
		if (e->maybe || (e->mode & INTENT_MODE_OPTIONAL) != 0)
			return intent_wrong(b->error, e->at, 0,
			                    "another instruction names this account, so it may not "
			                    "be left out");
		if (!build_op(b, (struct intent_op){INTENT_OP_BIND, (uint8_t)local->position,
		                                    (uint16_t)i, 0, 0}))
			return false;
	}
	return true;
}

static bool take_entry(struct intent_build *b, struct intent_value at, struct build_entry *ret)
{
	*ret = (struct build_entry){.at = at};
	return intent_keys(b->error, at, ENTRY_KEYS) && take_kind(b, ret) && take_flags(b, ret);
}

static bool add_account(struct intent_build *b, const struct build_entry *e, uint16_t place,
                        bool absent)
{
	struct build_rule *rule = &b->rule;
	struct bytes name = {NULL, 0};
	if (!intent_text_of(b->error, e->at, "name", false, &name))
		return false;
	if (name.data != NULL && (!build_is_name(name, false) || build_find(b, name) != NULL ||
	                          build_local(b, name) != NULL))
		return intent_wrong(
		    b->error, intent_member(e->at, "name"), 0,
		    "\"%.*s\" is no name for this: small letters, digits and _, not used yet",
		    name.len > 40 ? 40 : (int)name.len, (const char *)name.data);
	if (rule->local_count == sizeof(rule->locals) / sizeof(rule->locals[0]))
		return intent_wrong(b->error, e->at, 0,
		                    "too many fields and accounts in one instruction");
	rule->locals[rule->local_count++] = (struct build_local){
	    .name = name.data == NULL ? bytes_of("", 0) : name,
	    .account = true,
	    .position = place,
	    .requirement = (uint8_t)e->kind,
	    .flags = (uint8_t)e->mode,
	    .absent = absent,
	    .slot = INTENT_NONE,
	};
	return true;
}

/* Names of the places, one behind the other in the words. */
static bool put_names(struct intent_build *b, struct intent_rule *rule)
{
	uint8_t all[2400];
	size_t len = 0;
	for (size_t i = 0; i < b->rule.local_count; i++) {
		const struct build_local *local = &b->rule.locals[i];
		if (!local->account || local->absent)
			continue;
		memcpy(all + len, local->name.data, local->name.len);
		len += local->name.len;
		all[len++] = 0;
	}
	if (b->word_count + len > BUILD_WORDS_MAX)
		return intent_wrong(b->error, b->rule.at, 0, "names take more than %d bytes",
		                    BUILD_WORDS_MAX);
	for (size_t at = 0; at + len <= b->word_count; at++) {
		if ((at == 0 || b->words[at - 1] == 0) && memcmp(b->words + at, all, len) == 0) {
			rule->positions = (uint16_t)at;
			return true;
		}
	}
	rule->positions = (uint16_t)b->word_count;
	memcpy(b->words + b->word_count, all, len);
	b->word_count += len;
	return true;
}

bool build_accounts(struct intent_build *b, struct intent_rule *rule, bool without_maybe,
                    bool *ret_has_maybe)
{
	struct build_entry *entries = b->rule.entries;
	struct intent_value accounts = intent_member(b->rule.at, "accounts"), v = {NULL, 0};
	size_t count = 0;
	*ret_has_maybe = false;
	if (accounts.source != NULL && !intent_is(accounts, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, accounts, 0, "accounts = [{ ... }, ...] is expected");
	if (accounts.source != NULL)
		v = intent_first(accounts);
	for (; v.source != NULL; v = intent_next(v)) {
		struct build_entry e;
		b->rule.names_absent = false;
		if (!take_entry(b, v, &e))
			return false;
		*ret_has_maybe |= e.maybe;
		bool absent = e.maybe && without_maybe;
		if (b->rule.names_absent && !absent)
			return intent_wrong(b->error, v, 0,
			                    "this account is always there, and one that it names "
			                    "may be left out (maybe)");
		if (!absent && count == INTENT_POSITIONS_MAX)
			return intent_wrong(b->error, v, 0, "more than %d accounts",
			                    INTENT_POSITIONS_MAX);
		if (!add_account(b, &e, (uint16_t)count, absent))
			return false;
		if (!absent)
			entries[count++] = e;
	}
	rule->listed = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		if (!put_more(b, &entries[i]))
			return false;
	return put_select(b, rule) && put_names(b, rule);
}

/* The token programs' initializeAccount, 2 and 3: what the wallet owns from then on. */
static bool makes_account(const struct intent_build *b, const struct intent_rule *rule)
{
	const uint8_t *program = b->keys[b->programs[b->program_count - 1].key];
	return rule->prefix == 1 && (rule->word == 1 || rule->word == 16 || rule->word == 18) &&
	       (memcmp(program, policy_program_keys[POLICY_PROGRAM_TOKEN].bytes, 32) == 0 ||
	        memcmp(program, policy_program_keys[POLICY_PROGRAM_TOKEN_2022].bytes, 32) == 0);
}

bool build_places(struct intent_build *b, struct intent_rule *rule)
{
	const struct build_entry *entries = b->rule.entries;
	for (unsigned i = 0; i < rule->listed; i++)
		if (!put_entry(b, &entries[i], (uint16_t)i,
		               entries[i].select ? INTENT_MODE_CHOSEN : 0))
			return false;
	for (size_t i = 0; i < b->rule.local_count; i++)
		if (b->rule.locals[i].account && !b->rule.locals[i].absent &&
		    !put_binds(b, &b->rule.locals[i]))
			return false;
	return !makes_account(b, rule) || rule->listed < 2 ||
	       build_op(b, (struct intent_op){INTENT_OP_FRESH, 0, 1, 0, 0});
}
