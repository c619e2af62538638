/* policy_floor: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_floor.h"

#include "policy_derive.h"

#define TOKEN_BATCH         255
#define TOKEN_SET_AUTHORITY 6

/* What setAuthority changes of a mint; of a token account it is the owner or who may close it, and
 * behind the last one nobody here knows. */
#define AUTHORITY_OF_ACCOUNT(kind) ((kind) == 2 || (kind) == 3 || (kind) > 16)

/* Where each System instruction may name the wallet, bit i for account i: as who pays, is paid, or
 * is the authority over another account. In any other place it would be assigned to a program or
 * given a size (CreateAccount, Assign, Allocate, CreateAccountAllowPrefund), or nobody here knows
 * what happens to it; so too for every instruction behind the last one of the list. */
static const uint8_t wallet_places[] = {
    1 << 0,          /* CreateAccount: payer, new account */
    0,               /* Assign: account */
    1 << 0 | 1 << 1, /* Transfer: from, to */
    1 << 0 | 1 << 2, /* CreateAccountWithSeed: payer, new account, base */
    1 << 2,          /* AdvanceNonceAccount: nonce, sysvar, authority */
    1 << 1 | 1 << 4, /* WithdrawNonceAccount: nonce, to, sysvars, authority */
    0,               /* InitializeNonceAccount: nonce, sysvars */
    1 << 1,          /* AuthorizeNonceAccount: nonce, authority */
    0,               /* Allocate: account */
    1 << 1,          /* AllocateWithSeed: account, base */
    1 << 1,          /* AssignWithSeed: account, base */
    1 << 1 | 1 << 2, /* TransferWithSeed: from, base, to */
    0,               /* UpgradeNonceAccount: nonce */
    1 << 1,          /* CreateAccountAllowPrefund (SIMD-0312): new account, payer */
};

static const uint8_t system_program[32];

static bool key_is(const struct solana_view *view, unsigned account, const uint8_t key[32])
{
	const uint8_t *found = solana_account_key(view, account);
	return found != NULL && memcmp(found, key, 32) == 0;
}

/* A table can hide no wallet here: the wallet signs, so it is among the keys of the message itself,
 * and the network refuses a message whose tables load one of these again. */
static bool takes_wallet(const struct solana_view *view, struct bytes data, struct bytes accounts,
                         const uint8_t *wallet)
{
	uint32_t tag = data.len < 4 ? UINT32_MAX : load_le32(data.data);
	uint8_t places = tag < sizeof(wallet_places) ? wallet_places[tag] : 0;

	for (size_t i = 0; i < accounts.len; i++)
		if (key_is(view, accounts.data[i], wallet) && (i > 7 || !(places >> i & 1)))
			return true;
	return false;
}

/* Who has the wallet's signature there, so that a token account may become another's, or another
 * may close it. */
static bool gives_account(const struct solana_view *view, struct bytes data, struct bytes accounts,
                          const uint8_t *wallet)
{
	if (data.len < 2 || data.data[0] != TOKEN_SET_AUTHORITY ||
	    !AUTHORITY_OF_ACCOUNT(data.data[1]))
		return false;
	for (size_t i = 0; i < accounts.len; i++)
		if (key_is(view, accounts.data[i], wallet))
			return true;
	return false;
}

static struct policy_floor check_instruction(const struct solana_view *view, unsigned number,
                                             const uint8_t *wallet, bool ownership_proven)
{
	const struct solana_instruction *ix = &view->instructions[number];
	struct bytes data = solana_range_bytes(view, ix->data);
	struct bytes accounts = solana_range_bytes(view, ix->accounts);
	if (key_is(view, ix->program, system_program) && takes_wallet(view, data, accounts, wallet))
		return (struct policy_floor){
		    POLICY_REASON_FLOOR, number,
		    "this System instruction gives the wallet's account away, or nobody here knows "
		    "what it does to it; no policy can allow it"};
	if (!key_is(view, ix->program, policy_token_program) &&
	    !key_is(view, ix->program, policy_token_2022_program))
		return (struct policy_floor){POLICY_REASON_NONE, POLICY_NO_INSTRUCTION, ""};
	if (data.len != 0 && data.data[0] == TOKEN_BATCH)
		return (struct policy_floor){
		    POLICY_REASON_FLOOR, number,
		    "a token batch hides instructions inside one; no policy can allow it"};
	if (ownership_proven && gives_account(view, data, accounts, wallet))
		return (struct policy_floor){
		    POLICY_REASON_FLOOR, number,
		    "setAuthority gives a token account away, and other grants go by its address; "
		    "only an intent that says so (authority_changes) can allow it"};
	return (struct policy_floor){POLICY_REASON_NONE, POLICY_NO_INSTRUCTION, ""};
}

static bool nonce_is_named(const struct solana_view *view, const uint8_t (*nonces)[32],
                           size_t nonce_count)
{
	int account = solana_nonce_account(view);
	for (size_t i = 0; i < nonce_count && account != SOLANA_ABSENT; i++)
		if (key_is(view, (unsigned)account, nonces[i]))
			return true;
	return false;
}

static bool text_is_ours(const struct solana_view *view)
{
	static const char ours[] = "Claviger ";
	struct bytes text = solana_range_bytes(view, view->text);
	return text.len >= sizeof(ours) - 1 && memcmp(text.data, ours, sizeof(ours) - 1) == 0;
}

struct policy_floor policy_floor(const struct solana_view *view, const uint8_t wallet[32],
                                 bool ownership_proven, const uint8_t (*nonces)[32],
                                 size_t nonce_count)
{
	const struct policy_floor passes = {POLICY_REASON_NONE, POLICY_NO_INSTRUCTION, ""};
	if (solana_find_signer(view, wallet) == SOLANA_ABSENT)
		return (struct policy_floor){POLICY_REASON_SIGNER, POLICY_NO_INSTRUCTION,
		                             "the wallet is no signer of this message"};
	if (view->kind == SOLANA_KIND_OFFCHAIN) {
		if (text_is_ours(view))
			return (struct policy_floor){
			    POLICY_REASON_FLOOR, POLICY_NO_INSTRUCTION,
			    "a text that begins \"Claviger \" authorizes changes of wallets; a "
			    "wallet never signs one"};
		return passes;
	}
	if (solana_uses_nonce(view) && !nonce_is_named(view, nonces, nonce_count))
		return (struct policy_floor){
		    POLICY_REASON_NONCE, 0,
		    "a durable nonce: the signature would not expire; the grant does not name this "
		    "nonce account"};
	for (unsigned i = 0; i < view->instruction_count; i++) {
		struct policy_floor found = check_instruction(view, i, wallet, ownership_proven);
		if (found.reason != POLICY_REASON_NONE)
			return found;
	}
	return passes;
}
