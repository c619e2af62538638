/* policy_decode: instruction data of the programs that policies name, decoded strictly.
 *
 * Every decoder reads from the front, knows every byte and leaves none: programs ignore trailing
 * bytes, so a reader of the end can be shown other amounts than those that run (A1). A decoder
 * answers POLICY_REASON_NONE or the reason of the refusal. Accounts are given as indexes into the
 * request's accounts; a decoder checks how many there are, the policy which ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DECODE_H
#define POLICY_DECODE_H

#include "policy_sdk.h"

/* One instruction of the message. */
struct policy_ix {
	uint32_t number;
	enum policy_program program;
	const uint8_t *data;
	uint32_t len;
	const uint8_t *accounts; /* indexes into the request's accounts */
	uint32_t account_count;
};

/* Takes bytes from the front; after a short take every further one gives zero. */
struct policy_cursor {
	const uint8_t *at;
	uint32_t left;
	bool bad;
};

/* policy_take takes an integer of 1, 2, 4 or 8 bytes. */
static inline uint64_t policy_take(struct policy_cursor *c, uint32_t bytes)
{
	uint64_t value = 0;
	if (c->bad || c->left < bytes) {
		c->bad = true;
		return 0;
	}
	__builtin_memcpy(&value, c->at, bytes);
	c->at += bytes;
	c->left -= bytes;
	return value;
}

static inline bool policy_skip(struct policy_cursor *c, uint32_t bytes)
{
	if (c->bad || c->left < bytes) {
		c->bad = true;
		return false;
	}
	c->at += bytes;
	c->left -= bytes;
	return true;
}

/* policy_taken ends a cursor: too short, or bytes left over. */
static inline uint32_t policy_taken(const struct policy_cursor *c)
{
	if (c->bad)
		return POLICY_REASON_DATA;
	return c->left != 0 ? POLICY_REASON_TRAILING : POLICY_REASON_NONE;
}

static enum policy_program policy_program_of(const uint8_t *key)
{
	uint32_t i = 0;
	while (i < POLICY_PROGRAM_OTHER && !policy_key_equal(policy_program_keys[i].bytes, key))
		i++;
	return (enum policy_program)i;
}

static struct policy_ix policy_instruction_at(const struct policy *p, uint32_t number)
{
	const struct policy_instruction *at = &p->instructions[number];
	return (struct policy_ix){
	    .number = number,
	    .program = policy_program_of(p->accounts[at->program].key),
	    .data = policy_area.bytes + at->data_off,
	    .len = at->data_len,
	    .accounts = p->indexes + at->account_first,
	    .account_count = at->account_count,
	};
}

static POLICY_MAYBE const char *policy_program_name(enum policy_program program)
{
	static const char *const names[] = {"System",
	                                    "Compute Budget",
	                                    "SPL Token",
	                                    "Token-2022",
	                                    "Associated Token Account",
	                                    "Memo",
	                                    "Memo v1",
	                                    "Memo v4",
	                                    "Jupiter v6",
	                                    "Raydium AMM v4",
	                                    "a program that is not known"};
	return names[program];
}

/* --- System */

enum policy_system_tag { POLICY_SYSTEM_TRANSFER = 2, POLICY_SYSTEM_ADVANCE_NONCE = 4 };

struct policy_system {
	uint32_t tag;
	uint64_t lamports;
	uint32_t from, to;         /* transfer */
	uint32_t nonce, authority; /* advanceNonceAccount */
};

static POLICY_MAYBE uint32_t policy_decode_system(const struct policy_ix *ix,
                                                  struct policy_system *ret)
{
	struct policy_cursor c = {ix->data, ix->len, false};
	*ret = (struct policy_system){.tag = (uint32_t)policy_take(&c, 4)};
	if (c.bad)
		return POLICY_REASON_DATA;
	if (ret->tag == POLICY_SYSTEM_TRANSFER) {
		ret->lamports = policy_take(&c, 8);
		if (ix->account_count != 2)
			return POLICY_REASON_ACCOUNT_COUNT;
		ret->from = ix->accounts[0];
		ret->to = ix->accounts[1];
	} else if (ret->tag == POLICY_SYSTEM_ADVANCE_NONCE) {
		if (ix->account_count != 3)
			return POLICY_REASON_ACCOUNT_COUNT;
		ret->nonce = ix->accounts[0];
		ret->authority = ix->accounts[2];
	} else {
		return POLICY_REASON_INSTRUCTION;
	}
	return policy_taken(&c);
}

static POLICY_MAYBE const char *policy_system_name(const struct policy_ix *ix)
{
	static const char *const names[] = {"createAccount",
	                                    "assign",
	                                    "transfer",
	                                    "createAccountWithSeed",
	                                    "advanceNonceAccount",
	                                    "withdrawNonceAccount",
	                                    "initializeNonceAccount",
	                                    "authorizeNonceAccount",
	                                    "allocate",
	                                    "allocateWithSeed",
	                                    "assignWithSeed",
	                                    "transferWithSeed",
	                                    "upgradeNonceAccount"};
	struct policy_cursor c = {ix->data, ix->len, false};
	uint64_t tag = policy_take(&c, 4);
	return !c.bad && tag < sizeof(names) / sizeof(names[0]) ? names[tag] : "an unknown tag";
}

/* --- Compute Budget: sets fees, which the host has worked out */

static POLICY_MAYBE uint32_t policy_decode_compute_budget(const struct policy_ix *ix)
{
	struct policy_cursor c = {ix->data, ix->len, false};
	uint64_t tag = policy_take(&c, 1);
	if (c.bad)
		return POLICY_REASON_DATA;
	if (tag < 1 || tag > 4)
		return POLICY_REASON_INSTRUCTION;
	policy_skip(&c, tag == 3 ? 8 : 4);
	if (ix->account_count != 0)
		return POLICY_REASON_ACCOUNT_COUNT;
	return policy_taken(&c);
}

/* --- SPL Token and Token-2022 */

enum policy_token_tag {
	POLICY_TOKEN_CLOSE_ACCOUNT = 9,
	POLICY_TOKEN_TRANSFER_CHECKED = 12,
	POLICY_TOKEN_SYNC_NATIVE = 17,
	POLICY_TOKEN_TRANSFER_FEE = 26, /* transferCheckedWithFee, Token-2022 */
};

struct policy_token {
	uint32_t tag;
	uint64_t amount, fee;
	uint32_t decimals;
	uint32_t source, mint, destination, owner;
};

/* policy_decode_token takes transferChecked (with or without fee), closeAccount and syncNative,
 * with exactly their accounts: no multisig members, no transfer-hook accounts (A15). */
static POLICY_MAYBE uint32_t policy_decode_token(const struct policy_ix *ix,
                                                 struct policy_token *ret)
{
	struct policy_cursor c = {ix->data, ix->len, false};
	uint32_t accounts = 4;
	*ret = (struct policy_token){.tag = (uint32_t)policy_take(&c, 1)};
	if (c.bad)
		return POLICY_REASON_DATA;
	switch (ret->tag) {
	case POLICY_TOKEN_TRANSFER_FEE:
		if (ix->program != POLICY_PROGRAM_TOKEN_2022 || policy_take(&c, 1) != 1)
			return c.bad ? POLICY_REASON_DATA : POLICY_REASON_INSTRUCTION;
		ret->amount = policy_take(&c, 8);
		ret->decimals = (uint32_t)policy_take(&c, 1);
		ret->fee = policy_take(&c, 8);
		break;
	case POLICY_TOKEN_TRANSFER_CHECKED:
		ret->amount = policy_take(&c, 8);
		ret->decimals = (uint32_t)policy_take(&c, 1);
		break;
	case POLICY_TOKEN_CLOSE_ACCOUNT:
		accounts = 3;
		break;
	case POLICY_TOKEN_SYNC_NATIVE:
		accounts = 1;
		break;
	default:
		return POLICY_REASON_INSTRUCTION;
	}
	if (policy_taken(&c) != POLICY_REASON_NONE)
		return policy_taken(&c);
	if (ix->account_count != accounts)
		return POLICY_REASON_ACCOUNT_COUNT;
	ret->source = ix->accounts[0];
	if (accounts == 4) {
		ret->mint = ix->accounts[1];
		ret->destination = ix->accounts[2];
		ret->owner = ix->accounts[3];
	} else if (accounts == 3) {
		ret->destination = ix->accounts[1];
		ret->owner = ix->accounts[2];
	}
	return POLICY_REASON_NONE;
}

static POLICY_MAYBE const char *policy_token_name(const struct policy_ix *ix)
{
	static const char *const names[] = {"initializeMint",
	                                    "initializeAccount",
	                                    "initializeMultisig",
	                                    "transfer (names no mint)",
	                                    "approve",
	                                    "revoke",
	                                    "setAuthority",
	                                    "mintTo",
	                                    "burn",
	                                    "closeAccount",
	                                    "freezeAccount",
	                                    "thawAccount",
	                                    "transferChecked",
	                                    "approveChecked",
	                                    "mintToChecked",
	                                    "burnChecked",
	                                    "initializeAccount2",
	                                    "syncNative",
	                                    "initializeAccount3"};
	if (ix->len == 0)
		return "no data";
	if (ix->data[0] == 255)
		return "batch";
	if (ix->data[0] == 38)
		return "withdrawExcessLamports";
	if (ix->data[0] == 45)
		return "unwrapLamports";
	return ix->data[0] < sizeof(names) / sizeof(names[0]) ? names[ix->data[0]]
	                                                      : "an unknown tag";
}

/* --- Associated Token Account */

/* Rent of the largest token account that the program makes, in lamports: 165 bytes, and for
 * Token-2022 up to 200 with the extensions that a mint can force on an account. */
#define POLICY_RENT_TOKEN      UINT64_C(2039280)
#define POLICY_RENT_TOKEN_2022 UINT64_C(2282880)

struct policy_ata {
	bool idempotent;
	uint32_t payer, account, owner, mint, system, token_program;
};

static bool policy_may_be_rent(const struct policy *p, uint32_t account)
{
	const struct policy_account *a = &p->accounts[account];
	if (a->source == POLICY_SOURCE_UNKNOWN)
		return !a->writable && !a->signer;
	return policy_key_equal(a->key, policy_key_rent.bytes);
}

static POLICY_MAYBE uint32_t policy_decode_ata(const struct policy *p, const struct policy_ix *ix,
                                               struct policy_ata *ret)
{
	if (ix->len > 1)
		return POLICY_REASON_TRAILING;
	if (ix->len == 1 && ix->data[0] > 1)
		return POLICY_REASON_INSTRUCTION;
	/* Old builders add the rent sysvar, which the program does not read; it may hide in a
	 * table. */
	if (ix->account_count != 6 &&
	    (ix->account_count != 7 || !policy_may_be_rent(p, ix->accounts[6])))
		return POLICY_REASON_ACCOUNT_COUNT;
	const uint8_t *a = ix->accounts;
	*ret = (struct policy_ata){
	    ix->len == 1 && ix->data[0] == 1, a[0], a[1], a[2], a[3], a[4], a[5]};
	return POLICY_REASON_NONE;
}

/* --- shared by policies */

/* policy_own gives the derived entry that says: this account is the associated token account of
 * `owner` (NULL: the wallet) for some mint; NULL when there is none. */
static POLICY_MAYBE const struct policy_derived *policy_own(const struct policy *p,
                                                            uint32_t account, const uint8_t *owner)
{
	for (uint32_t i = 0; i < p->request->derived.count; i++) {
		const struct policy_derived *d = &p->derived[i];
		if (d->account == account &&
		    (owner == NULL ? d->owner_is_wallet != 0 : policy_key_equal(d->owner, owner)))
			return d;
	}
	return NULL;
}

static inline bool policy_known(const struct policy *p, uint32_t account)
{
	return p->accounts[account].source != POLICY_SOURCE_UNKNOWN;
}

static inline bool policy_is_key(const struct policy *p, uint32_t account, const uint8_t *key)
{
	return policy_known(p, account) && policy_key_equal(p->accounts[account].key, key);
}

/* policy_token_program_of says whether a new associated account (of `owner`; NULL: the wallet) will
 * belong to SPL Token or Token-2022. Another program could ask for any rent. The program account
 * may hide in a table when the new account's address is one that the host derived: the address is
 * made from the token program, and the Associated Token Account program refuses any other. */
static POLICY_MAYBE bool policy_token_program_of(const struct policy *p,
                                                 const struct policy_ata *ata, const uint8_t *owner,
                                                 bool *ret_token_2022)
{
	const struct policy_derived *own = policy_own(p, ata->account, owner);
	if (own != NULL) {
		*ret_token_2022 = own->token_2022 != 0;
		return !policy_known(p, ata->token_program) ||
		       policy_is_key(p, ata->token_program, own->token_program);
	}
	*ret_token_2022 = policy_is_key(p, ata->token_program,
	                                policy_program_keys[POLICY_PROGRAM_TOKEN_2022].bytes);
	return *ret_token_2022 || policy_is_key(p, ata->token_program,
	                                        policy_program_keys[POLICY_PROGRAM_TOKEN].bytes);
}

/* policy_is_tip says whether an account is one of the tip accounts of policy_keys.h, or of `more`.
 */
static POLICY_MAYBE bool policy_is_tip(const struct policy *p, uint32_t account,
                                       struct policy_range more)
{
	if (!policy_known(p, account))
		return false;
	if (policy_list_find(p, more, p->accounts[account].key) >= 0)
		return true;
	for (uint32_t i = 0; i < POLICY_TIPS; i++)
		if (policy_is_key(p, account, policy_tip_keys[i].bytes))
			return true;
	return false;
}

/* policy_check_nonce takes advanceNonceAccount as first instruction, under the wallet's authority,
 * where the grant allows it; the signer has checked which nonce account it is. */
static POLICY_MAYBE bool policy_check_nonce(struct policy *p, const struct policy_ix *ix,
                                            const struct policy_system *s, bool allowed)
{
	if (p->says)
		policy_put(&p->text, "Use a durable nonce: this signature does not expire.\n");
	return POLICY_LIMIT(p, allowed && ix->number == 0 && p->request->nonce != 0,
	                    POLICY_REASON_LIFETIME, ix->number, "durable nonce",
	                    v_words("a blockhash: signatures that expire"),
	                    v_words("advanceNonceAccount")) &&
	       POLICY_LIMIT(p, p->accounts[s->authority].wallet != 0, POLICY_REASON_ACCOUNT,
	                    ix->number, "nonce authority", v_words("the wallet"),
	                    v_account(p, s->authority));
}

/* policy_decoded reports how a decoder fared. */
static POLICY_MAYBE bool policy_decoded(struct policy *p, const struct policy_ix *ix,
                                        uint32_t reason)
{
	if (reason == POLICY_REASON_NONE)
		return true;
	const char *expected = "an instruction that this policy names";
	struct policy_value found = v_words(policy_program_name(ix->program));
	if (reason == POLICY_REASON_TRAILING) {
		expected = "data that ends after its last field";
		found = (struct policy_value){V_NUMBER, "bytes of data: ", NULL, ix->len};
	} else if (reason == POLICY_REASON_DATA) {
		expected = "data with all its fields";
		found = (struct policy_value){V_NUMBER, "bytes of data: ", NULL, ix->len};
	} else if (reason == POLICY_REASON_ACCOUNT_COUNT) {
		expected = "exactly the accounts of this instruction";
		found = (struct policy_value){V_NUMBER, "accounts: ", NULL, ix->account_count};
	} else if (reason == POLICY_REASON_ROUTE) {
		expected = "route steps of known layout, without a fee share";
		found = v_words("another step");
	} else if (ix->program == POLICY_PROGRAM_SYSTEM) {
		found = v_words(policy_system_name(ix));
	} else if (ix->program == POLICY_PROGRAM_TOKEN ||
	           ix->program == POLICY_PROGRAM_TOKEN_2022) {
		found = v_words(policy_token_name(ix));
	}
	return POLICY_NEED(p, false, reason, ix->number, policy_program_name(ix->program),
	                   v_words(expected), found);
}

#endif
