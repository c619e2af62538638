/* cli_intent_draft: see the header.
 *
 * Exact means: the same programs, the same accounts, who pays the fee, the same data but for
 * amounts, which become parameters whose default is the most that a sample had, of all instructions
 * of a rule together. What the bytes do not say (order, an account that a table hides, a memo) is
 * free, and the draft says so. The person then widens by hand what should be free; every sample
 * stands behind the rules as a test. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_intent_draft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_encode.h"
#include "base_math.h"
#include "cli_home.h"
#include "cli_intent_cases.h"
#include "cli_policy.h"
#include "intent_mark.h"
#include "keys.h"
#include "policy_keys.h"

#define RULES_MAX   32
#define SAMPLES_MAX 32

/* A rule's amount. */
struct limit {
	const char *field, *unit; /* NULL: it has none */
	uint64_t value;
};

/* Data behind the bytes that choose the rule, and between what it was in all samples. */
#define FIELDS_MAX (LIMIT_TX_V1_MAX / 8 + 3)
struct fields {
	uint32_t bytes, count;
	uint64_t low[FIELDS_MAX], high[FIELDS_MAX];
};

/* A token account that is made, and what becomes of it. */
enum step { STEP_NONE, STEP_MAKE, STEP_INITIALIZE, STEP_CLOSE, STEPS };

static const char *const step_groups[STEPS] = {"", "made", "initialized", "closed"};

struct life {
	enum step step;
	uint8_t account[32];
};

struct rule {
	char *body; /* without its name, fields of that kind, and limit */
	struct life life;
	bool hides; /* an account of it is free */
	struct fields fields;
	char name[33];
	unsigned here, least, most; /* in this sample, and in any */
	struct limit limit;         /* of all its instructions in this sample together ... */
	uint64_t limit_most;        /* ... and the most of any */
	/* Some sample did not initialize and close its account as often as it made it. */
	bool lasts;
};

/* Who paid the samples' fees. */
enum payer {
	PAYER_NONE,
	PAYER_WALLET,
	PAYER_OTHER, /* always the same one */
	PAYER_OTHERS,
	PAYER_ANY,
};

struct draft {
	struct cli_call *call;
	uint8_t wallet[32];
	bool has_wallet, nonce, bad, hides, memo, behind, stranger;
	bool guessed;    /* whose they are, among several signers */
	bool rule_hides; /* of the instruction that is looked at */
	uint32_t header; /* bits of the masks of v1 samples */
	enum payer payer;
	uint8_t payer_key[32];
	struct rule rules[RULES_MAX];
	size_t rule_count;
	char *tests;
	size_t tests_len;
	FILE *tests_file;
	unsigned samples;
	struct limit limit; /* of the instruction that is looked at */
	struct life life;
	struct fields fields;
	uint64_t fee;
	struct policy_mint_cache mints;
};

/* One instruction of a sample. */
struct part {
	struct draft *d;
	const struct policy_request *head;
	const struct policy_account *accounts;
	const struct policy_derived *derived;
	const struct policy_instruction *at;
	const uint8_t *indexes, *data;
	uint32_t number;
	FILE *out;
};

static void put_key(FILE *out, const uint8_t key[32])
{
	char text[64];
	if (base58_encode(bytes_of(key, 32), text, sizeof(text)) == STATUS_OK)
		fprintf(out, "\"%s\"", text);
}

static const struct policy_derived *own_entry(const struct part *p, uint32_t account)
{
	for (uint32_t i = 0; i < p->head->derived.count; i++)
		if (p->derived[i].account == account && p->derived[i].owner_is_wallet)
			return &p->derived[i];
	return NULL;
}

static bool used_elsewhere(const struct part *p, uint32_t account)
{
	const uint8_t *all = (const uint8_t *)p->head + p->head->indexes.off;
	const struct policy_instruction *list =
	    (const void *)((const uint8_t *)p->head + p->head->instructions.off);
	for (uint32_t i = 0; i < p->head->instructions.count; i++)
		for (uint32_t n = 0; i != p->number && n < list[i].account_count; n++)
			if (all[list[i].account_first + n] == account)
				return true;
	return false;
}

/* One account, as exactly as the bytes say who it is. */
static void put_account(const struct part *p, uint32_t place, const char *name)
{
	uint32_t account = p->indexes[place];
	const struct policy_account *a = &p->accounts[account];
	const struct policy_derived *own = own_entry(p, account);
	fprintf(p->out, "  { ");
	if (name != NULL)
		fprintf(p->out, "name = \"%s\", ", name);
	if (a->wallet) {
		fprintf(p->out, "is = \"wallet\"");
	} else if (own != NULL) {
		fprintf(p->out, "own = ");
		put_key(p->out, own->mint);
		fprintf(p->out, ", token_program = ");
		put_key(p->out, own->token_program);
	} else if (a->source != POLICY_SOURCE_UNKNOWN) {
		fprintf(p->out, "is = ");
		put_key(p->out, a->key);
	} else {
		p->d->hides = p->d->rule_hides = true;
		fprintf(p->out,
		        "writable = %s }, # hidden in a lookup table: any that is none of the "
		        "wallet's\n",
		        used_elsewhere(p, account) ? "\"either\""
		        : a->writable              ? "true"
		                                   : "false");
		return;
	}
	if (a->signer)
		fprintf(p->out, ", signer = true");
	/* The flag is the whole message's: another instruction may have asked for it. */
	if (a->writable)
		fprintf(p->out, ", writable = %s",
		        account == 0 || used_elsewhere(p, account) ? "\"either\"" : "true");
	fprintf(p->out, " },\n");
}

static void put_accounts(const struct part *p, const char *const *names, size_t name_count)
{
	if (p->at->account_count == 0)
		return;
	uint32_t listed = p->at->account_count < 64 ? p->at->account_count : 64;
	fprintf(p->out, "accounts = [\n");
	for (uint32_t i = 0; i < listed; i++)
		put_account(p, i, i < name_count ? names[i] : NULL);
	fprintf(p->out, "]\n");
	if (listed == p->at->account_count)
		return;
	p->d->behind = true;
	fprintf(p->out, "remaining = { min = %u, max = %u, wallet = true, own = true }\n",
	        p->at->account_count - listed, p->at->account_count - listed);
}

static void put_hex(FILE *out, const uint8_t *bytes, uint32_t len)
{
	fprintf(out, "data = \"");
	for (uint32_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
	fprintf(out, "\"\n");
}

static uint64_t number_at(const uint8_t *at, uint32_t bytes)
{
	uint64_t value = 0;
	memcpy(&value, at, bytes);
	return value;
}

/* The amount of a field becomes a parameter, named for the rule by its number. */
static void put_limit(const struct part *p, const char *field, uint64_t value, const char *unit)
{
	p->d->limit = (struct limit){field, unit, value};
}

/* What the instruction does to a token account that is made; it stands at `place`. */
static void put_step(const struct part *p, enum step step, uint32_t place)
{
	if (p->at->account_count <= place)
		return;
	p->d->life.step = step;
	memcpy(p->d->life.account, p->accounts[p->indexes[place]].key, 32);
}

static void complain(const struct part *p, const char *why)
{
	cli_complain(p->d->call, "instruction %u of sample %u: %s", p->number, p->d->samples, why);
	p->d->bad = true;
}

/* ---- programs that the compiler knows ---- */

static void put_field_key(const struct part *p, const char *name, const uint8_t *key)
{
	fprintf(p->out, "  [\"%s\", \"pubkey\", { is = ", name);
	if (memcmp(key, p->d->wallet, 32) == 0)
		fprintf(p->out, "\"wallet\"");
	else
		put_key(p->out, key);
	fprintf(p->out, " }],\n");
}

/* createAccount, or createAccountWithSeed: what it is made with leaves the wallet. */
static bool draft_make(const struct part *p, bool seeded)
{
	static const char *const names[] = {"from", "account"};
	uint64_t seed = 0;
	uint32_t at = 4;
	if (seeded && p->at->data_len >= 44)
		seed = number_at(p->data + 36, 8);
	if (seeded)
		at = seed > 32 ? 0 : 44 + (uint32_t)seed;
	if (at == 0 || p->at->data_len != at + 48 || p->at->account_count < 2)
		return false;
	put_hex(p->out, p->data, 4);
	fprintf(p->out, "fields = [\n");
	if (seeded) {
		put_field_key(p, "base", p->data + 4);
		fprintf(p->out, "  [\"seed\", \"seed 32\"],\n");
	}
	fprintf(p->out, "  [\"lamports\", \"u64\"],\n  [\"space\", \"u64\", %" PRIu64 "],\n",
	        number_at(p->data + at + 8, 8));
	put_field_key(p, "owner", p->data + at + 16);
	fprintf(p->out, "]\n");
	put_accounts(p, names, 2);
	fprintf(p->out, "pays = [{ lamports = \"lamports\", as = \"transfer\", by = \"from\" }]\n");
	put_limit(p, "lamports", number_at(p->data + at, 8), "lamports");
	put_step(p, STEP_MAKE, 1);
	return true;
}

static const char *draft_system(const struct part *p)
{
	static const char *const names[] = {"from", "to"};
	uint64_t tag = p->at->data_len < 4 ? 99 : number_at(p->data, 4);
	if ((tag == 0 || tag == 3) && draft_make(p, tag == 3))
		return "make";
	if (tag == 4 && p->at->data_len == 4) {
		p->d->nonce = true;
		if (p->at->account_count != 3)
			complain(p, "advancing a nonce takes three accounts");
		else if (!p->accounts[p->indexes[2]].wallet)
			p->d->stranger = true;
		put_hex(p->out, p->data, 4);
		put_accounts(p, NULL, 0);
		fprintf(p->out, "first = true\n");
		return "advance_nonce";
	}
	if (tag != 2 || p->at->data_len != 12 || p->at->account_count != 2) {
		complain(p, "of System a draft has transfers, nonces and new accounts alone");
		return "unknown";
	}
	const struct policy_derived *own = own_entry(p, p->indexes[1]);
	bool wrap = own != NULL && memcmp(own->mint, policy_key_native_mint.bytes, 32) == 0;
	put_hex(p->out, p->data, 4);
	fprintf(p->out, "fields = [[\"lamports\", \"u64\"]]\n");
	put_accounts(p, names, 2);
	fprintf(p->out, "pays = [{ lamports = \"lamports\", as = \"%s\", by = \"from\" }]\n",
	        wrap ? "wrap" : "transfer");
	put_limit(p, "lamports", number_at(p->data + 4, 8), "lamports");
	return wrap ? "wrap" : "transfer";
}

static const char *const budget_names[] = {"", "heap", "unit_limit", "unit_price", "data_limit"};

static void put_budget(FILE *out, uint32_t tag)
{
	fprintf(out, "data = \"%02x\"\nfields = [[\"value\", \"%s\"]]\n", tag,
	        tag == 3 ? "u64" : "u32");
}

static const char *draft_compute(const struct part *p)
{
	uint32_t tag = p->at->data_len == 0 ? 0 : p->data[0];
	if (tag < 1 || tag > 4) {
		complain(p, "this Compute Budget instruction is not one an intent may allow");
		return "unknown";
	}
	put_budget(p->out, tag);
	if (p->at->account_count != 0)
		fprintf(p->out, "remaining = { max = %u, wallet = true, own = true }\n",
		        p->at->account_count);
	return budget_names[tag];
}

/* initializeAccount and its two later forms, for the wallet. */
static const char *draft_initialize(const struct part *p)
{
	bool first = p->data[0] == 1;
	put_hex(p->out, p->data, 1);
	if (!first)
		fprintf(p->out, "fields = [[\"owner\", \"pubkey\", { is = \"wallet\" }]]\n");
	put_accounts(p, NULL, 0);
	if (first ? p->at->account_count < 3 || !p->accounts[p->indexes[2]].wallet
	          : memcmp(p->data + 1, p->d->wallet, 32) != 0)
		complain(p, "it makes a token account for another than the wallet");
	put_step(p, STEP_INITIALIZE, 0);
	return "initialize";
}

static const char *draft_token(const struct part *p)
{
	static const char *const names[] = {"source"};
	static const struct {
		uint8_t tag, len;
		const char *name, *fields;
		bool extended; /* a second byte, 01, belongs to the tag */
	} known[] = {
	    {3,  9,  "token_transfer", "[\"amount\", \"u64\"]",                         false},
	    {4,  9,  "approve",        "[\"amount\", \"u64\"]",                         false},
	    {8,  9,  "burn",           "[\"amount\", \"u64\"]",                         false},
	    {12, 10, "token_transfer", "[\"amount\", \"u64\"], [\"decimals\", \"u8\"]", false},
	    {13, 10, "approve",        "[\"amount\", \"u64\"], [\"decimals\", \"u8\"]", false},
	    {15, 10, "burn",           "[\"amount\", \"u64\"], [\"decimals\", \"u8\"]", false},
	    {26, 19, "token_transfer",
	     "[\"amount\", \"u64\"], [\"decimals\", \"u8\"], [\"fee\", \"u64\"]",       true },
	    {5,  1,  "revoke",         NULL,	                                    false},
	    {9,  1,  "close",          NULL,	                                    false},
	    {17, 1,  "sync",           NULL,	                                    false},
	};
	if ((p->at->data_len == 1 && p->data[0] == 1) ||
	    (p->at->data_len == 33 && (p->data[0] == 16 || p->data[0] == 18)))
		return draft_initialize(p);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint32_t tag = known[i].extended ? 2 : 1;
		if (p->at->data_len != known[i].len || p->data[0] != known[i].tag ||
		    (tag == 2 && p->data[1] != 1))
			continue;
		put_hex(p->out, p->data, tag);
		if (known[i].fields != NULL)
			fprintf(p->out, "fields = [%s]\n", known[i].fields);
		put_accounts(p, names, 1);
		if (known[i].tag == 9 &&
		    (p->at->account_count < 2 || !p->accounts[p->indexes[1]].wallet))
			complain(p, "it closes an account to another than the wallet");
		if (known[i].tag == 9)
			put_step(p, STEP_CLOSE, 0);
		if (known[i].fields == NULL)
			return known[i].name;
		if (p->at->account_count == 0 || own_entry(p, p->indexes[0]) == NULL)
			complain(p, "its source is not an associated token account of the wallet "
			            "for a mint that stands in the transaction (transferChecked "
			            "names its mint; in a rule by hand own = MINT says it)");
		fprintf(p->out, "sends = [{ amount = \"amount\", of = \"source\" }]\n%s",
		        known[i].tag == 4 || known[i].tag == 13 ? "delegates = 1\n" : "");
		put_limit(p, "amount", number_at(p->data + tag, 8), "raw");
		return known[i].name;
	}
	complain(p, "this token instruction is not one that a draft has");
	return "unknown";
}

static const char *draft_ata(const struct part *p)
{
	static const char *const names[] = {"payer"};
	bool classic = p->at->account_count > 5 &&
	               memcmp(p->accounts[p->indexes[5]].key,
	                      policy_program_keys[POLICY_PROGRAM_TOKEN].bytes, 32) == 0;
	if (p->at->data_len > 1 || (p->at->data_len == 1 && p->data[0] > 1)) {
		complain(p, "this instruction of the associated token program is not one that an "
		            "intent may "
		            "allow");
		return "unknown";
	}
	if (p->at->data_len == 1)
		put_hex(p->out, p->data, 1);
	put_accounts(p, names, 1);
	fprintf(p->out, "pays = [{ lamports = %u, as = \"rent\", by = \"payer\" }]\n",
	        classic ? 2039280u : 2282880u);
	return "create_account";
}

static uint32_t field_bytes(uint32_t left)
{
	return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* Another program's data stays as it is: eight bytes choose the rule, the rest are fields with one
 * value, or as far apart as the samples are. */
static const char *draft_call(const struct part *p)
{
	uint32_t at = p->at->data_len < 8 ? p->at->data_len : 8;
	struct fields *fields = &p->d->fields;
	put_hex(p->out, p->data, at);
	fields->bytes = p->at->data_len - at;
	for (uint32_t bytes; at < p->at->data_len; at += bytes) {
		bytes = field_bytes(p->at->data_len - at);
		fields->low[fields->count] = fields->high[fields->count] =
		    number_at(p->data + at, bytes);
		fields->count++;
	}
	put_accounts(p, NULL, 0);
	return "call";
}

static const char *draft_instruction(const struct part *p, const uint8_t *program)
{
	unsigned which = 0;
	while (which < POLICY_PROGRAM_OTHER &&
	       memcmp(policy_program_keys[which].bytes, program, 32) != 0)
		which++;
	switch (which) {
	case POLICY_PROGRAM_SYSTEM:
		return draft_system(p);
	case POLICY_PROGRAM_COMPUTE_BUDGET:
		return draft_compute(p);
	case POLICY_PROGRAM_TOKEN:
	case POLICY_PROGRAM_TOKEN_2022:
		return draft_token(p);
	case POLICY_PROGRAM_ATA:
		return draft_ata(p);
	case POLICY_PROGRAM_MEMO:
	case POLICY_PROGRAM_MEMO_V1:
	case POLICY_PROGRAM_MEMO_V4:
		p->d->memo = true;
		fprintf(p->out, "fields = [[\"text\", \"rest 566\"]]\n");
		put_accounts(p, NULL, 0);
		return "memo";
	default:
		return draft_call(p);
	}
}

/* ---- rules ---- */

static void name_rule(struct draft *d, struct rule *rule, const char *kind)
{
	unsigned same = 1;
	for (size_t i = 0; i + 1 < d->rule_count; i++) {
		size_t len = strlen(kind);
		same += strncmp(d->rules[i].name, kind, len) == 0 &&
		        (d->rules[i].name[len] == '\0' || d->rules[i].name[len] == '_');
	}
	if (same == 1)
		snprintf(rule->name, sizeof(rule->name), "%s", kind);
	else
		snprintf(rule->name, sizeof(rule->name), "%s_%u", kind, same);
}

static void take_fields(struct fields *all, const struct fields *more)
{
	for (uint32_t i = 0; i < more->count; i++) {
		if (more->low[i] < all->low[i])
			all->low[i] = more->low[i];
		if (more->high[i] > all->high[i])
			all->high[i] = more->high[i];
	}
}

/* Whether samples differ in them. */
static bool are_apart(const struct fields *f)
{
	return memcmp(f->low, f->high, f->count * sizeof(f->low[0])) != 0;
}

/* A rule that is there already counts once more. */
static void add_rule(struct part *p, const uint8_t *program)
{
	struct draft *d = p->d;
	char *body = NULL;
	size_t len = 0;
	d->limit = (struct limit){NULL, NULL, 0};
	d->life.step = STEP_NONE;
	d->fields.bytes = d->fields.count = 0;
	d->rule_hides = false;
	p->out = open_memstream(&body, &len);
	if (p->out == NULL)
		exit(CLI_UNSURE);
	fprintf(p->out, "program = ");
	put_key(p->out, program);
	fprintf(p->out, "\n");
	const char *kind = draft_instruction(p, program);
	fclose(p->out);
	for (size_t i = 0; i < d->rule_count; i++) {
		if (strcmp(d->rules[i].body, body) != 0 ||
		    d->rules[i].fields.bytes != d->fields.bytes)
			continue;
		take_fields(&d->rules[i].fields, &d->fields);
		d->rules[i].here++;
		d->rules[i].limit.value = add_saturating(d->rules[i].limit.value, d->limit.value);
		free(body);
		return;
	}
	if (d->rule_count == RULES_MAX) {
		complain(p, "too many different instructions");
		return;
	}
	struct rule *rule = &d->rules[d->rule_count++];
	*rule = (struct rule){
	    .body = body, .here = 1, .least = d->samples == 1 ? 64 : 0, .limit = d->limit};
	rule->fields = d->fields;
	rule->life = d->life;
	rule->hides = d->rule_hides;
	name_rule(d, rule, kind);
}

/* How often this sample does this to an account. */
static unsigned steps_here(const struct draft *d, enum step step, const uint8_t account[32])
{
	unsigned here = 0;
	for (size_t i = 0; i < d->rule_count; i++)
		if (d->rules[i].life.step == step &&
		    memcmp(d->rules[i].life.account, account, 32) == 0)
			here += d->rules[i].here;
	return here;
}

/* One that is made and left would be whose who initializes it, or be taken for another token's by
 * its address later (intents/common/temporary.toml). */
static void take_lives(struct draft *d)
{
	for (size_t i = 0; i < d->rule_count; i++) {
		const uint8_t *account = d->rules[i].life.account;
		unsigned made = steps_here(d, STEP_MAKE, account);
		d->rules[i].lasts |= made != steps_here(d, STEP_INITIALIZE, account) ||
		                     made != steps_here(d, STEP_CLOSE, account);
	}
}

/* The number of the temporary account that the rule makes, initializes or closes; 0: it does not.
 */
static size_t temporary_of(const struct draft *d, size_t index)
{
	size_t number = 0;
	if (d->rules[index].life.step == STEP_NONE)
		return 0;
	for (size_t i = d->rule_count; i-- > 0;) {
		const struct rule *rule = &d->rules[i];
		if (rule->life.step == STEP_NONE ||
		    memcmp(rule->life.account, d->rules[index].life.account, 32) != 0)
			continue;
		if (rule->lasts)
			return 0;
		number = i + 1;
	}
	return number;
}

/* Who pays is as exact as the samples are, and what the wallet never pays needs no limit. */
static void take_payer(struct draft *d, const struct solana_view *view, uint64_t fee)
{
	const uint8_t *key = solana_account_key(view, 0);
	bool wallet = memcmp(key, d->wallet, 32) == 0;
	if (wallet && fee > d->fee)
		d->fee = fee;
	if (d->payer == PAYER_NONE)
		d->payer = wallet ? PAYER_WALLET : PAYER_OTHER;
	else if (wallet != (d->payer == PAYER_WALLET))
		d->payer = PAYER_ANY;
	else if (d->payer == PAYER_OTHER && memcmp(key, d->payer_key, 32) != 0)
		d->payer = PAYER_OTHERS;
	if (!wallet)
		memcpy(d->payer_key, key, 32);
}

/* Jito's mark belongs to no rule: an intent's module looks past it (spec/intent.md), and so it is
 * not drafted. */
static uint32_t without_mark(const struct policy_account *accounts,
                             const struct policy_instruction *at, const uint8_t *indexes)
{
	if (at->account_count == 0)
		return 0;
	const struct policy_account *last = &accounts[indexes[at->account_count - 1]];
	for (size_t i = 0; i < sizeof(intent_mark_programs); i++)
		if (memcmp(accounts[at->program].key,
		           policy_program_keys[intent_mark_programs[i]].bytes, 32) == 0 &&
		    !last->signer && !last->writable && intent_mark_is(last->key))
			return at->account_count - 1;
	return at->account_count;
}

static void draft_sample(struct draft *d, const struct solana_view *view, size_t line)
{
	static _Alignas(8) uint8_t area[POLICY_REQUEST_MAX], record[8];
	static char encoded[BASE64_LEN(LIMIT_TX_V1_MAX) + 1];
	struct buffer request = BUFFER_OF_ARRAY(area);
	struct solana_fee_facts fee = {0};
	struct solana_error error = {SOLANA_ERROR_NONE, 0};
	uint32_t derivations = 0;
	d->samples++;
	if (view->kind == SOLANA_KIND_OFFCHAIN) {
		cli_complain(d->call,
		             "sample %u is an off-chain message: write its [[message]] by hand",
		             d->samples);
		d->bad = true;
		return;
	}
	if (!d->has_wallet) {
		memcpy(d->wallet, solana_account_key(view, 0), 32);
		d->guessed = view->required_signatures > 1;
	}
	d->has_wallet = true;
	struct policy_input input = {.mode = POLICY_MODE_CHECK,
	                             .wallet = d->wallet,
	                             .view = view,
	                             .fee = &fee,
	                             .record = bytes_of(record, sizeof(record)),
	                             .ownership_proven = true,
	                             .mints = &d->mints,
	                             .sha256 = keys_sha256};
	if (solana_fee_facts(view, &fee, &error) != STATUS_OK) {
		cli_policy_refused(d->call, line, &error);
		d->bad = true;
		return;
	}
	if (policy_request_encode(&input, &request, &derivations) != STATUS_OK) {
		cli_complain(d->call, "sample %u: the wallet does not sign it", d->samples);
		d->bad = true;
		return;
	}
	take_payer(d, view, fee.worst_fee_lamports);
	d->header |= view->format == SOLANA_FORMAT_V1 ? view->config.mask : 0;
	const struct policy_request *head = (const void *)area;
	for (uint32_t i = 0; i < head->instructions.count; i++) {
		struct policy_instruction at =
		    ((const struct policy_instruction *)(const void *)(area +
		                                                       head->instructions.off))[i];
		struct part part = {
		    .d = d,
		    .head = head,
		    .accounts = (const void *)(area + head->accounts.off),
		    .derived = (const void *)(area + head->derived.off),
		    .at = &at,
		    .indexes = area + head->indexes.off + at.account_first,
		    .data = area + at.data_off,
		    .number = i,
		};
		at.account_count = without_mark(part.accounts, &at, part.indexes);
		add_rule(&part, part.accounts[at.program].key);
	}
	take_lives(d);
	for (size_t i = 0; i < d->rule_count; i++) {
		if (d->rules[i].here > d->rules[i].most)
			d->rules[i].most = d->rules[i].here;
		if (d->rules[i].here < d->rules[i].least)
			d->rules[i].least = d->rules[i].here;
		d->rules[i].here = 0;
		if (d->rules[i].limit.value > d->rules[i].limit_most)
			d->rules[i].limit_most = d->rules[i].limit.value;
		d->rules[i].limit.value = 0;
	}
	base64_encode(view->message, encoded);
	fprintf(d->tests_file, "\n[[test]]\nname = \"sample %u\"\nwallet = ", d->samples);
	put_key(d->tests_file, d->wallet);
	if (head->nonce != 0) { /* the floor wants it named: its account is the first one's */
		const struct policy_instruction *first =
		    (const void *)(area + head->instructions.off);
		const struct policy_account *accounts = (const void *)(area + head->accounts.off);
		fprintf(d->tests_file, "\nnonce = ");
		put_key(d->tests_file,
		        accounts[area[head->indexes.off + first->account_first]].key);
	}
	fprintf(d->tests_file, "\ntransaction = \"%s\"\nexpect = \"allow\"\n", encoded);
}

static void visit(void *context, size_t line, const struct solana_view *view,
                  const struct solana_error *error)
{
	struct draft *d = context;
	if (view != NULL && d->samples < SAMPLES_MAX) {
		draft_sample(d, view, line);
		return;
	}
	d->bad = true;
	if (view == NULL)
		cli_policy_refused(d->call, line, error);
	else if (d->samples++ == SAMPLES_MAX) /* said once */
		cli_complain(d->call, "more than %d samples", SAMPLES_MAX);
}

/* Whether two bodies are for the same program and first bytes: then accounts must choose. */
static bool alike(const char *a, const char *b)
{
	for (unsigned lines = 0; lines < 2; a++, b++) {
		if (*a != *b)
			return false;
		lines += *a == '\n';
	}
	return true;
}

static void write_fields(const struct fields *f, FILE *out)
{
	uint32_t left = f->bytes;
	if (f->count == 0)
		return;
	fprintf(out, "fields = [ # the samples' bytes; give what may change a name and a limit\n");
	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t bytes = field_bytes(left);
		left -= bytes;
		fprintf(out, "  [\"field_%u\", \"u%u\"", i + 1, 8 * bytes);
		if (f->low[i] == f->high[i])
			fprintf(out, ", %" PRIu64 "],\n", f->low[i]);
		else
			fprintf(out, "], # the samples differ\n");
	}
	fprintf(out, "]\n");
	if (!are_apart(f))
		return;
	fprintf(out, "check = [\n");
	for (uint32_t i = 0; i < f->count; i++)
		if (f->low[i] != f->high[i])
			fprintf(out,
			        "  \"field_%u >= %" PRIu64 "\", \"field_%u <= %" PRIu64 "\",\n",
			        i + 1, f->low[i], i + 1, f->high[i]);
	fprintf(out, "]\n");
}

static void write_rule(const struct draft *d, size_t index, FILE *out)
{
	const struct rule *rule = &d->rules[index];
	bool choose = false;
	for (size_t i = 0; i < d->rule_count; i++)
		choose |= i != index && alike(rule->body, d->rules[i].body);
	fprintf(out, "\n[[instruction]]\nname = \"%s\"\n", rule->name);
	for (const char *at = rule->body; *at != '\0'; at++) {
		bool ends = choose && strncmp(at, " },\n", 4) == 0;
		fprintf(out, ends ? ", select = true%c" : "%c", *at);
	}
	write_fields(&rule->fields, out);
	const char *field = rule->limit.field;
	if (field != NULL && rule->most == 1)
		fprintf(out, "check = [\"%s <= max_%s_%zu\"]\n", field, field, index + 1);
	else if (field != NULL)
		fprintf(out, "adds = [\"sum_%zu += %s\"]\n", index + 1, field);
	fprintf(out, "min = %u\nmax = %u\n", rule->least, rule->most);
	size_t temporary = temporary_of(d, index);
	if (temporary != 0)
		fprintf(out, "group = \"%s_%zu\"\n", step_groups[rule->life.step], temporary);
	if (temporary != 0 && rule->life.step != STEP_MAKE)
		fprintf(out, "after = \"%s_%zu\"\n", step_groups[rule->life.step - 1], temporary);
}

/* What of a temporary account stands beside its rules: as often as it is made it is initialized
 * and closed. */
static void write_temporary(size_t number, FILE *out)
{
	for (enum step step = STEP_MAKE; step < STEPS; step++)
		fprintf(out, "\n[[group]]\nname = \"%s_%zu\"\n", step_groups[step], number);
	for (enum step step = STEP_INITIALIZE; step < STEPS; step++)
		fprintf(out,
		        "\n[[check]]\nthat = \"count(made_%zu) == count(%s_%zu)\"\n"
		        "reason = \"instruction-missing\"\ntext = \"what was made is %s\"\n",
		        number, step_groups[step], number, step_groups[step]);
}

static void write_head(const struct draft *d, FILE *out)
{
	bool apart = false;
	for (size_t i = 0; i < d->rule_count; i++)
		apart |= are_apart(&d->rules[i].fields);
	fprintf(
	    out,
	    "# Drafted by `claviger policy new --from-tx`: allows what the samples have, in any "
	    "order and\n# mixture: their instructions, accounts and data, amounts up to theirs. "
	    "Where data of another\n# program differs, each number is free between the "
	    "samples'.\n");
	if (d->memo)
		fprintf(out, "# A memo's text is free.\n");
	for (size_t i = 0; i < d->rule_count; i++)
		if (d->rules[i].life.step == STEP_MAKE && temporary_of(d, i) != 0)
			fprintf(out, "# What `%s` makes is closed again, as in the samples.\n",
			        d->rules[i].name);
	if (d->hides)
		fprintf(
		    out,
		    "# LOOK AT the accounts marked as hidden: the bot is free to put any in their "
		    "place. Name what is\n# of value, and pin its table in the grant.\n");
	if (d->guessed)
		fprintf(
		    out,
		    "# LOOK AT whose they are: the first one's fee payer is taken for the wallet, "
		    "and others sign,\n# too; --wallet names another.\n");
	if (d->stranger)
		fprintf(
		    out,
		    "# LOOK AT the nonce: another key than the wallet's advances it, and it alone "
		    "can end\n# signatures that are outstanding.\n");
	if (d->behind)
		fprintf(out, "# LOOK AT `remaining`: what stands behind the 64th account of an "
		             "instruction is free, the\n# wallet's own accounts included.\n");
	if (apart)
		fprintf(out,
		        "# LOOK AT the fields where the samples differ: an address among them is "
		        "anybody's.\n");
	fprintf(out,
	        "# Widen what should be free (spec/intent.md), then run `claviger policy test` on "
	        "this file.\n"
	        "intent = 1\nname = \"draft\"\ntext = \"Drafted from sample transactions\"\n");
	if (d->payer == PAYER_OTHER) {
		fprintf(out, "fee_payer = ");
		put_key(out, d->payer_key);
		fprintf(out, "\n");
	} else if (d->payer != PAYER_ANY) {
		fprintf(out, "fee_payer = \"%s\"\n", d->payer == PAYER_WALLET ? "wallet" : "other");
	}
	if (d->nonce)
		fprintf(out, "nonce = true\n");
}

/* What v1 samples set in their header takes the rules of the instructions that set it elsewhere. */
static void write_header(const struct draft *d, FILE *out)
{
	static const uint32_t bits[] = {0, SOLANA_CONFIG_HEAP, SOLANA_CONFIG_COMPUTE_UNITS,
	                                SOLANA_CONFIG_PRIORITY_FEE, SOLANA_CONFIG_LOADED_DATA};

	for (uint32_t tag = 1; tag < sizeof(bits) / sizeof(bits[0]); tag++) {
		bool there = (d->header & bits[tag]) == 0;
		for (size_t i = 0; i < d->rule_count; i++)
			there |= strncmp(d->rules[i].name, budget_names[tag],
			                 strlen(budget_names[tag])) == 0;
		if (there)
			continue;
		fprintf(out,
		        "\n# A v1 header takes this rule.\n[[instruction]]\nname = \"%s\"\n"
		        "program = \"compute_budget\"\n",
		        budget_names[tag]);
		put_budget(out, tag);
	}
}

static void write_parameter(FILE *out, const char *name, size_t number, const struct limit *limit)
{
	fprintf(out, "\n[[parameter]]\nname = \"max_%s", limit->field);
	if (number != 0)
		fprintf(out, "_%zu", number);
	fprintf(out, "\"\ntype = \"u64\"\nunit = \"%s\"\ndefault = %" PRIu64 "\ntext = \"%s\"\n",
	        limit->unit, limit->value, name);
}

static void write_intent(const struct draft *d, FILE *out)
{
	bool fee = d->payer == PAYER_WALLET || d->payer == PAYER_ANY;
	write_head(d, out);
	if (fee)
		write_parameter(out, "network fee of one transaction at most, base and priority", 0,
		                &(struct limit){"fee_lamports", "lamports", d->fee});
	for (size_t i = 0; i < d->rule_count; i++) {
		const struct rule *rule = &d->rules[i];
		char text[96];
		if (rule->limit.field == NULL)
			continue;
		snprintf(text, sizeof(text), "%s of %s, at most%s", rule->limit.field, rule->name,
		         rule->most == 1 ? "" : ", in one transaction together");
		write_parameter(
		    out, text, i + 1,
		    &(struct limit){rule->limit.field, rule->limit.unit, rule->limit_most});
		if (rule->most != 1)
			fprintf(out, "\n[[total]]\nname = \"sum_%zu\"\nunit = \"%s\"\n", i + 1,
			        rule->limit.unit);
	}
	/* One that takes any account would take the others' instructions, so it comes behind. */
	for (unsigned hides = 0; hides < 2; hides++)
		for (size_t i = 0; i < d->rule_count; i++)
			if (d->rules[i].hides == (hides == 1))
				write_rule(d, i, out);
	write_header(d, out);
	for (size_t i = 0; i < d->rule_count; i++)
		if (temporary_of(d, i) == i + 1)
			write_temporary(i + 1, out);
	for (size_t i = 0; i < d->rule_count; i++)
		if (d->rules[i].limit.field != NULL && d->rules[i].most != 1)
			fprintf(out,
			        "\n[[check]]\nthat = \"sum_%zu <= max_%s_%zu\"\n"
			        "text = \"%s of %s in all\"\n",
			        i + 1, d->rules[i].limit.field, i + 1, d->rules[i].limit.field,
			        d->rules[i].name);
	if (fee)
		fprintf(out, "\n[[check]]\nthat = \"fact.fee <= max_fee_lamports\"\n"
		             "reason = \"fee-over-limit\"\ntext = \"network fee\"\n");
	fprintf(out, "%s", d->tests);
}

/* A draft is written only when it builds and allows its samples: it is tried in a file that goes
 * away. */
static int try_draft(struct draft *d)
{
	char path[] = "/tmp/claviger-draft-XXXXXX.toml";
	int fd = mkstemps(path, 5), result = CLI_UNSURE;
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out != NULL)
		write_intent(d, out);
	if (out == NULL || fclose(out) != 0)
		cli_complain(d->call, "cannot write %s: %s", path, strerror(errno));
	else
		result = cli_intent_try(d->call, path);
	if (fd >= 0)
		unlink(path);
	if (result == CLI_NO)
		cli_complain(d->call,
		             "these samples have what a draft cannot tell apart or say: nothing is "
		             "written; draft fewer of them, or write the intent by hand "
		             "(spec/intent.md)");
	return result;
}

int cli_intent_draft(struct cli_call *call, const char *samples, const char *wallet, const char *to)
{
	static struct draft d;
	d.call = call;
	d.tests_file = open_memstream(&d.tests, &d.tests_len);
	if (d.tests_file == NULL)
		return CLI_UNSURE;
	if (wallet != NULL && base58_decode_32(bytes_of_text(wallet), d.wallet) != STATUS_OK)
		return cli_usage(call, "--wallet must be an address in base58");
	d.has_wallet = wallet != NULL;
	if (!cli_policy_each(call, samples, visit, &d))
		return CLI_UNSURE;
	fclose(d.tests_file);
	int result = d.bad ? CLI_NO : try_draft(&d);
	if (d.guessed && result == CLI_NO)
		cli_complain(call,
		             "the first sample's fee payer was taken for the wallet, and others "
		             "sign, too: --wallet names another");
	if (d.bad) {
		cli_complain(call,
		             "nothing is written: leave such samples out, or write the intent by "
		             "hand (spec/intent.md; intents/ has many)");
		return CLI_NO;
	}
	if (result != CLI_YES)
		return result;
	char *text = NULL;
	size_t text_len;
	FILE *out = open_memstream(&text, &text_len);
	if (out == NULL)
		return CLI_UNSURE;
	write_intent(&d, out);
	if (fclose(out) != 0)
		return CLI_UNSURE;
	result = to == NULL ? CLI_YES : cli_home_create(call, to, bytes_of(text, text_len), false);
	if (result != CLI_YES)
		return result;
	cli_answer_texts(call, to != NULL ? "file" : "intent", to != NULL ? to : text, NULL);
	if (!call->json && to != NULL)
		printf("%s: next `claviger policy test %s`, then widen it and test again\n", to,
		       to);
	else if (!call->json)
		fputs(text, stdout);
	free(text);
	return cli_finish(call, CLI_YES);
}
