/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_factor.h"

#include "authz_rule.h"
#include "base_check.h"
#include "secret.h"
#include "signer_change.h"

#define CODE_WINDOW   1 /* steps before and after the clock's that count too */
/* With the bounds further apart than this, time_low is behind the middle of them by more than what
 * is looked at: a code of now would be called wrong. A site's statements may err by less than half
 * of it. */
#define CODE_SPREAD_S (2 * (CODE_WINDOW + 1) * KEYS_TOTP_STEP_S)

/* ---- who gave something ---- */

static bool has_key(const struct authz_wallet_record *wallet, const struct authz_user_key *key)
{
	for (size_t i = 0; i < wallet->user_key_count; i++)
		if (authz_key_same(&wallet->user_keys[i], key))
			return true;
	return false;
}

static bool is_recovery_key(const struct authz_wallet_record *wallet,
                            const struct authz_user_key *key)
{
	return wallet->has_recovery && key->kind == AUTHZ_KEY_ED25519 &&
	       memcmp(wallet->recovery, key->key, 32) == 0;
}

bool signer_factors_know(const struct authz_wallet_record *wallet, const struct authz_user_key *key)
{
	return has_key(wallet, key) || is_recovery_key(wallet, key);
}

static struct authz_user_key code_key(const struct authz_code *code)
{
	struct authz_user_key key = {.kind = AUTHZ_KEY_TOTP};

	memcpy(key.key, code->id, 32);
	return key;
}

/* How many of the change's wallets have the factor. */
static size_t wallets_with(const struct signer_change *job, const struct authz_user_key *key)
{
	size_t count = 0;

	for (size_t i = 0; i < job->change.entry_count; i++)
		count += has_key(&job->wallets[i], key);
	return count;
}

/* A key that the change brings signs it, too: who named it had it at hand, and nobody else's key
 * becomes a factor. That is its consent, and counts for nothing else. A passkey that is new here
 * comes with its registration instead, and need not (take_one asks the known ones). */
static bool is_consent(const struct signer_change *job, const struct authz_user_key *key)
{
	return wallets_with(job, key) == 0 && authz_brings(&job->change, key, NULL);
}

static enum status check_each_once(struct signer_change *job)
{
	const struct authz_signed_change *given = &job->given;

	for (size_t i = 0; i < given->signature_count; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(given->signatures[j].key.key, given->signatures[i].key.key,
			           32) == 0)
				return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
				                     "two signatures are of one key");
	return STATUS_OK;
}

static enum status check_consents(struct signer_change *job, const struct authz_user_key *keys,
                                  size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (keys[i].kind == AUTHZ_KEY_ED25519 && !authz_has_signed(&job->given, &keys[i]))
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "a key that becomes a factor signs, too: that of factor "
			    "%zu has not",
			    i + 1);
	return STATUS_OK;
}

/* Each signature and code must be of a factor of every wallet; behind the first signature a key
 * that the change brings may consent, and a code may confirm a factor that it brings. Counts the
 * factors given. */
static enum status count_given(struct signer_change *job, size_t *ret_count)
{
	const struct authz_signed_change *given = &job->given;
	struct signer_factors *factors = &job->factors;
	size_t recovery = 0, count = 0;
	enum status status = check_each_once(job);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < given->signature_count; i++) {
		const struct authz_user_key *key = &given->signatures[i].key;

		if (i != 0 && is_consent(job, key))
			continue;
		for (size_t j = 0; j < job->change.entry_count; j++) {
			bool recovers = is_recovery_key(&job->wallets[j], key);

			recovery += recovers;
			if (!recovers && !has_key(&job->wallets[j], key))
				return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
				                     "key %zu is not a user key of wallet %zu",
				                     i + 1, j + 1);
		}
		count++;
	}
	if (recovery != 0 && (count != 1 || recovery != job->change.entry_count))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "a recovery key signs alone, for wallets that all have it");
	factors->by_recovery = recovery != 0;
	for (size_t i = 0; i < given->code_count; i++) {
		struct authz_user_key key = code_key(&given->codes[i]);
		size_t of = wallets_with(job, &key);

		if (of == job->change.entry_count)
			count++;
		else if (of != 0 || !authz_brings(&job->change, &key, NULL))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "code %zu is not of a factor of every wallet", i + 1);
	}
	*ret_count = count;
	return STATUS_OK;
}

/* ---- the rule ---- */

static enum status check_birth_rule(struct signer_change *job)
{
	const struct authz_signed_change *given = &job->given;
	static struct authz_birth_body body;
	enum status status = check_each_once(job);

	if (status != STATUS_OK)
		return status;
	if (given->signature_count == 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "a new wallet's first user key must sign");
	for (size_t i = 1; i < given->signature_count; i++)
		if (!is_consent(job, &given->signatures[i].key))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "signature %zu is of no key of a new wallet", i + 1);
	for (size_t i = 0; i < job->change.entry_count; i++) {
		if (authz_birth_take(job->change.entries[i].body,
		                     job->change.action == AUTHZ_ACTION_IMPORT, &body) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "bad body");
		if (!authz_key_same(&body.user_keys[0], &given->signatures[0].key))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "a new wallet's first user key must sign");
		status = check_consents(job, body.user_keys, body.user_key_count);
		if (status != STATUS_OK)
			return status;
	}
	for (size_t i = 0; i < given->code_count; i++) {
		struct authz_user_key key = code_key(&given->codes[i]);

		if (!authz_brings(&job->change, &key, NULL))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "code %zu is of no factor of a new wallet", i + 1);
	}
	return STATUS_OK;
}

/* What gives power, for one wallet. */
static enum status check_more(struct signer_change *job, size_t at, size_t given)
{
	const struct authz_wallet_record *wallet = &job->wallets[at];
	struct signer_factors *factors = &job->factors;
	bool exports = job->change.action == AUTHZ_ACTION_EXPORT;
	bool is_recovery = factors->by_recovery ||
	                   given < authz_factors_needed(job->change.action, wallet->user_key_count);
	uint64_t delay_s =
	    authz_delay_of(&job->change, at, wallet->delay_s, wallet->export_delay_s, is_recovery);

	if (job->given.signature_count == 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "one-time codes alone only take power away; sign with a key");
	if (exports && wallet->user_key_count < 2)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "an export needs two factors and wallet %zu has one; add "
		                     "another one first (claviger factor add)",
		                     at + 1);
	if (is_recovery && job->change.action != AUTHZ_ACTION_FACTOR)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "wallet %zu has %u factors: this needs two of them, a "
		                     "signature and another signature or a code",
		                     at + 1, wallet->user_key_count);
	factors->is_recovery |= is_recovery;
	if (delay_s > factors->delay_s)
		factors->delay_s = delay_s;
	return STATUS_OK;
}

enum status signer_factors_rule(struct signer_change *job)
{
	bool less = authz_action_reduces(job->change.action);
	size_t given = 0;
	enum status status;

	job->factors.gives = !less;
	if (authz_action_is_birth(job->change.action))
		return check_birth_rule(job);
	status = count_given(job, &given);
	if (status != STATUS_OK)
		return status;
	if (given == 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "nobody signed, and no code came with it");
	if (job->change.action == AUTHZ_ACTION_LIMIT) {
		bool grows = false;

		status = signer_limit_grows(job, &grows);
		if (status != STATUS_OK)
			return status;
		less = !grows;
		job->factors.gives = grows;
		/* Looked up like what takes power; what does not is judged by what is settled. */
		if (grows) {
			job->acts_at_once = false;
			status = signer_demand_settled(job);
			if (status != STATUS_OK)
				return status;
		}
	}
	if (job->change.action == AUTHZ_ACTION_FACTOR) {
		static struct authz_factor_body body;

		/* All entries have the same one (signer_check_factor). */
		if (authz_factor_take(job->change.entries[0].body, &body) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "bad body");
		status = check_consents(job, body.add, body.add_count);
		if (status != STATUS_OK)
			return status;
	}
	for (size_t i = 0; !less && i < job->change.entry_count; i++) {
		status = check_more(job, i, given);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

uint64_t signer_factors_share(const struct signer_change *job, uint64_t budget)
{
	return job->factors.gives && !job->factors.is_recovery ? budget : budget / 2;
}

bool signer_factors_still_hold(const struct signer_change *job)
{
	const struct authz_signed_change *given = &job->given;

	for (size_t j = 0; j < job->change.entry_count; j++) {
		const struct authz_wallet_record *wallet = &job->wallets[j];

		for (size_t i = 0; i < given->signature_count; i++)
			if (!signer_factors_know(wallet, &given->signatures[i].key) &&
			    !(i != 0 && is_consent(job, &given->signatures[i].key)))
				return false;
		for (size_t i = 0; i < given->code_count; i++) {
			struct authz_user_key key = code_key(&given->codes[i]);

			if (!has_key(wallet, &key) && !authz_brings(&job->change, &key, NULL))
				return false;
		}
	}
	return true;
}

/* ---- passkeys ---- */

static enum status await_factor(struct signer_change *job, const uint8_t id[32],
                                struct authz_factor_record *ret_record)
{
	struct signer_factor *factor;
	enum status status = signer_await_factor(job, id, &factor);

	if (status == STATUS_OK)
		*ret_record = factor->record;
	return status;
}

/* Finds a factor among those that the change brings, else among those known. */
static enum status find_factor(struct signer_change *job, const uint8_t id[32],
                               struct authz_factor_record *ret_record)
{
	for (size_t i = 0; i < job->factors.brought_count; i++)
		if (memcmp(job->factors.brought[i].id, id, 32) == 0) {
			*ret_record = job->factors.brought[i];
			return STATUS_OK;
		}
	return await_factor(job, id, ret_record);
}

static enum status refuse_passkey(struct signer_change *job, const char *what,
                                  enum authz_passkey_fault fault)
{
	return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "the passkey's %s is refused: %s",
	                     what, authz_passkey_fault_text(fault));
}

/* Verifies an assertion and gives the passkey's record with its new count. */
static enum status verify_passkey(struct signer_change *job, const struct authz_user_key *key,
                                  const uint8_t challenge[32],
                                  const struct authz_assertion *assertion,
                                  struct authz_factor_record *ret_record)
{
	struct authz_passkey_state state;
	struct authz_passkey passkey;
	enum authz_passkey_fault fault;
	uint32_t count = 0;
	enum status status = find_factor(job, key->key, ret_record);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	/* Who has not this passkey does not hear whether somebody has: no signature fits a record
	 * without a key, and all that is said before one fits is the same for both. */
	if (status == STATUS_NOT_FOUND || ret_record->kind != key->kind)
		*ret_record = (struct authz_factor_record){.kind = key->kind};
	passkey = authz_factor_passkey(ret_record);
	state = (struct authz_passkey_state){.backup_eligible = ret_record->backup_eligible,
	                                     .count = (uint32_t)ret_record->count};
	fault = authz_assertion_verify(&job->signer->relying, &passkey, &state, challenge,
	                               assertion, &count);
	if (fault == AUTHZ_PASSKEY_KEY || fault == AUTHZ_PASSKEY_SIGNATURE)
		return signer_refuse(
		    job, CALL_RESULT_CHANGE_REFUSED,
		    "the passkey is not registered here, or its signature does not fit");
	if (fault != AUTHZ_PASSKEY_GOOD)
		return refuse_passkey(job, "assertion", fault);
	ret_record->count = count;
	return STATUS_OK;
}

/* ---- one-time codes ---- */

/* The step whose code this is, above `count`; 0 for none. All steps of the window are computed, so
 * that time tells nothing. */
static enum status match_code(struct signer_change *job, const struct authz_factor_record *record,
                              uint32_t given, uint64_t *ret_step)
{
	uint64_t now = signer_time_read(&job->signer->time).low_s / KEYS_TOTP_STEP_S;

	*ret_step = 0;
	for (uint64_t step = now + CODE_WINDOW; step + CODE_WINDOW + 1 > now; step--) {
		uint32_t code = 0;

		if (signer_vault_totp_code(job->signer->vault, record->id, record->sealed_secret,
		                           step, &code) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the one-time code's secret was not made here");
		if (secret_equal(&code, &given, sizeof(code)) && step > record->count &&
		    step > job->signer->code_floor)
			*ret_step = step;
		if (step == 0)
			break;
	}
	return STATUS_OK;
}

/* A code comes from its owner if somebody signed beside it who is a factor of the same wallets. */
static bool is_beside_signature(const struct signer_change *job, const uint8_t id[32])
{
	struct authz_user_key key = {.kind = AUTHZ_KEY_TOTP};

	memcpy(key.key, id, 32);
	return job->given.signature_count != 0 &&
	       wallets_with(job, &key) == job->change.entry_count;
}

/* Codes alone come from anybody who knows the factor's id; so do those that confirm, for a wallet
 * of one's own, a factor that is known elsewhere. What they lock is that and no more: with a
 * signature of a wallet that has the factor, the owner's are looked at all the same (A25). */
static struct authz_code_lock *lock_of(const struct signer_change *job,
                                       struct authz_factor_record *record)
{
	return is_beside_signature(job, record->id) ? &record->with_signature : &record->alone;
}

/* Anybody may try: it is counted apart from what the wallet's user takes himself. A code that takes
 * power is looked at while any place is left, for a wrong one needs one. */
static struct signer_ask note_of(const struct signer_change *job)
{
	struct signer_ask ask = signer_hold_note(job->user);

	ask.lowers = !job->factors.gives;
	return ask;
}

/* A wrong code makes the next ones wait, for the factor's user wherever the tries come from. */
static enum status note_failure(struct signer_change *job, struct authz_factor_record *record,
                                bool is_new)
{
	uint64_t now = signer_time_read(&job->signer->time).low_s, block_s = 0;
	struct authz_code_lock *lock = lock_of(job, record);
	const struct signer_ask ask = note_of(job);

	if (lock->failures < 64)
		lock->failures++;
	if (lock->failures > SIGNER_CODE_FAILURES_FREE) {
		unsigned doubled = (unsigned)(lock->failures - SIGNER_CODE_FAILURES_FREE - 1);

		block_s = doubled < 12 ? (uint64_t)SIGNER_CODE_BLOCK_S << doubled
		                       : SIGNER_CODE_BLOCK_MAX_S;
		if (block_s > SIGNER_CODE_BLOCK_MAX_S)
			block_s = SIGNER_CODE_BLOCK_MAX_S;
		lock->blocked_until_s = now + block_s;
		if (lock == &record->alone)
			record->alone_ran_s = signer_time_ran(&job->signer->time) + block_s;
	}
	if (!is_new && signer_state_lower_factor(&job->signer->state, record, &ask) != STATUS_OK)
		return signer_refuse_held(job);
	return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
	                     "the one-time code is wrong, or was used before; wait for the next "
	                     "one%s",
	                     block_s != 0 ? " and then some, after so many wrong ones" : "");
}

/* Checks a code; `record` gets the step as its count. `is_new`: the factor is in no record yet. */
static enum status check_code(struct signer_change *job, const struct authz_code *given,
                              bool is_new, struct authz_factor_record *record)
{
	struct signer_time_now now = signer_time_read(&job->signer->time);
	const struct signer_ask ask = note_of(job);
	uint8_t change_hash[32];
	uint64_t step = 0;
	uint32_t code = 0;
	enum status status;

	/* A try that could not be noted is none. */
	if (!is_new &&
	    !signer_state_is_held(&job->signer->state, CALL_STORE_VALUE_FACTOR, record->id) &&
	    !signer_state_may_hold(&job->signer->state, 1, &ask))
		return signer_refuse_held(job);
	if (job->signer->time.jumped)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "one-time codes need a clock that is believed: see serve "
		                     "--accept-time");
	if (job->signer->time_settings.is_site && !job->signer->time.proven)
		return signer_refuse(job, CALL_RESULT_TIME_UNPROVEN,
		                     "one-time codes need proof of the time, and since this start "
		                     "there was none (claviger time)");
	/* Not looked at, so that nothing is learnt, and not counted as wrong. */
	if (job->signer->time_settings.is_site && now.high_s - now.low_s > CODE_SPREAD_S)
		return signer_refuse(job, CALL_RESULT_TIME_UNPROVEN,
		                     "one-time codes need a newer proof of the time, or one that "
		                     "errs by less (claviger time)");
	if (lock_of(job, record)->blocked_until_s > now.low_s)
		return signer_refuse(
		    job, CALL_RESULT_CHANGE_REFUSED,
		    "too many wrong one-time codes; try again later%s",
		    is_beside_signature(job, record->id)
		        ? ""
		        : ", or with a signature of the code's own wallet beside it");
	/* What was typed for another change is no try: whoever moved it learns nothing (A4). */
	authz_change_hash(job->given.change, change_hash);
	if (signer_vault_code_open(job->signer->vault, given, change_hash, &code) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the one-time code was not sealed for this change and this "
		                     "start of the signer; try again");
	status = match_code(job, record, code, &step);
	SECRET_WIPE(code);
	if (status != STATUS_OK)
		return status;
	if (step == 0)
		return note_failure(job, record, is_new);
	record->count = step;
	*lock_of(job, record) = record->alone = (struct authz_code_lock){.failures = 0};
	record->alone_ran_s = 0; /* its owner is here, and can object */
	return STATUS_OK;
}

/* Anybody who knows the id can keep codes locked that come alone, also who has stolen the other
 * factor; so the time in which their owner, who may have no more than these, can say no begins with
 * the end of the last block. */
enum status signer_factors_had_time(struct signer_change *job,
                                    const struct authz_wallet_record *wallet)
{
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		struct authz_factor_record record;
		uint64_t now_s, ran_s, left_s = 0;
		enum status status;

		if (wallet->user_keys[i].kind != AUTHZ_KEY_TOTP)
			continue;
		status = await_factor(job, wallet->user_keys[i].key, &record);
		if (status == STATUS_NOT_FOUND)
			return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
			                     "the record of the wallet's codes is not there");
		if (status != STATUS_OK)
			return status;
		now_s = signer_time_read(&job->signer->time).low_s;
		ran_s = signer_time_ran(&job->signer->time);
		if (record.alone_ran_s == 0)
			continue;
		if (record.alone_ran_s + AUTHZ_RECOVERY_DELAY_S > ran_s)
			left_s = record.alone_ran_s + AUTHZ_RECOVERY_DELAY_S - ran_s;
		if (record.alone.blocked_until_s > now_s && left_s < AUTHZ_RECOVERY_DELAY_S)
			left_s = AUTHZ_RECOVERY_DELAY_S;
		if (left_s != 0)
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "it waits for another %llu s in which the signer runs: wrong "
			    "one-time codes kept those locked that could have cancelled it",
			    (unsigned long long)left_s);
	}
	return STATUS_OK;
}

/* ---- what a change brings ---- */

static const struct authz_registration *find_registration(const struct signer_change *job,
                                                          const uint8_t id[32])
{
	for (size_t i = 0; i < job->given.registration_count; i++)
		if (memcmp(job->given.registrations[i].id, id, 32) == 0)
			return &job->given.registrations[i];
	return NULL;
}

static bool same_passkey(const struct authz_factor_record *record, const struct authz_user_key *key,
                         const struct authz_key_data *data)
{
	struct authz_passkey known = authz_factor_passkey(record);

	return record->kind == key->kind && bytes_equal(known.credential, data->credential) &&
	       bytes_equal(known.public_key, data->public_key);
}

static enum status take_new_passkey(struct signer_change *job, const struct authz_user_key *key,
                                    const struct authz_key_data *data,
                                    struct authz_factor_record *record)
{
	const struct authz_registration *registration = find_registration(job, key->key);
	struct authz_passkey passkey = {
	    .kind = key->kind, .credential = data->credential, .public_key = data->public_key};
	struct authz_passkey_state state = {.count = 0};
	uint8_t challenge[32];
	enum authz_passkey_fault fault;

	if (registration == NULL)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "a new passkey comes with its registration");
	authz_registration_challenge(job->signer->deployment, job->change.nonce, challenge);
	fault = authz_registration_verify(&job->signer->relying, &passkey, challenge,
	                                  &registration->said, &state);
	if (fault != AUTHZ_PASSKEY_GOOD)
		return refuse_passkey(job, "registration", fault);
	record->credential_len = (uint8_t)data->credential.len;
	memcpy(record->credential, data->credential.data, data->credential.len);
	memcpy(record->public_key, data->public_key.data, data->public_key.len);
	record->backup_eligible = state.backup_eligible;
	record->count = state.count;
	return STATUS_OK;
}

static bool has_code(const struct signer_change *job, const uint8_t id[32])
{
	for (size_t i = 0; i < job->given.code_count; i++)
		if (memcmp(job->given.codes[i].id, id, 32) == 0)
			return true;
	return false;
}

static enum status refuse_unconfirmed(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
	                     "one-time codes that a wallet gets are confirmed with one of them");
}

/* The code that confirms that the user has the secret; it is looked at here and nowhere else. */
static enum status take_new_totp(struct signer_change *job, const struct authz_user_key *key,
                                 const struct authz_key_data *data,
                                 struct authz_factor_record *record)
{
	memcpy(record->sealed_secret, data->sealed.data, sizeof(record->sealed_secret));
	for (size_t i = 0; i < job->given.code_count; i++)
		if (memcmp(job->given.codes[i].id, key->key, 32) == 0)
			return check_code(job, &job->given.codes[i], true, record);
	return refuse_unconfirmed(job);
}

static enum status take_one(struct signer_change *job, const struct authz_user_key *key,
                            const struct authz_key_data *data, bool late)
{
	struct signer_factors *factors = &job->factors;
	struct authz_factor_record *record = &factors->brought[factors->brought_count];
	enum status status;

	for (size_t i = 0; i < factors->brought_count; i++) {
		if (memcmp(factors->brought[i].id, key->key, 32) != 0)
			continue;
		if (authz_key_is_passkey(key->kind) &&
		    !same_passkey(&factors->brought[i], key, data))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "one credential id with two keys");
		return STATUS_OK;
	}
	if (factors->brought_count == SIGNER_BROUGHT_MAX)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "at most %d new factors under one signature",
		                     SIGNER_BROUGHT_MAX);
	status = await_factor(job, key->key, record);
	if (status == STATUS_OK) {
		/* U4: who has a credential id keeps it. */
		if (authz_key_is_passkey(key->kind) ? !same_passkey(record, key, data)
		                                    : record->kind != key->kind)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "this credential id is registered with another key");
		if (key->kind == AUTHZ_KEY_TOTP && !late && !has_code(job, key->key))
			return refuse_unconfirmed(job);
		/* Its registration would not do: no signature is in it, and whoever shares a wallet
		 * with the passkey can write one. */
		if (authz_key_is_passkey(key->kind) && !late && !authz_has_signed(&job->given, key))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "a passkey that is known here becomes a factor of "
			                     "another wallet by signing, too: it has not");
		factors->brought_new[factors->brought_count++] = false;
		return STATUS_OK;
	}
	if (status != STATUS_NOT_FOUND)
		return status;
	*record = (struct authz_factor_record){.kind = key->kind};
	memcpy(record->id, key->key, 32);
	if (key->kind != AUTHZ_KEY_TOTP) {
		status = take_new_passkey(job, key, data, record);
	} else if (!late) {
		status = take_new_totp(job, key, data, record);
	} else {
		memcpy(record->sealed_secret, data->sealed.data, sizeof(record->sealed_secret));
		record->count = signer_time_read(&job->signer->time).low_s / KEYS_TOTP_STEP_S;
		status = STATUS_OK;
	}
	if (status == STATUS_OK)
		factors->brought_new[factors->brought_count++] = true;
	return status;
}

enum status signer_factors_take_brought(struct signer_change *job, bool late)
{
	const struct authz_user_key *keys = NULL;
	const struct authz_key_data *data = NULL;

	job->factors.brought_count = 0;
	/* Borrowed over the turns of look-ups, too: nobody else asks, one change is worked on. */
	for (size_t i = 0; i < job->change.entry_count; i++) {
		size_t count = authz_brought_by(&job->change, i, &keys, &data);

		for (size_t j = 0; j < count; j++) {
			enum status status = keys[j].kind == AUTHZ_KEY_ED25519
			                         ? STATUS_OK
			                         : take_one(job, &keys[j], &data[j], late);

			if (status != STATUS_OK)
				return status;
		}
	}
	return STATUS_OK;
}

void signer_factors_put_brought(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;

	for (size_t i = 0; i < job->factors.brought_count; i++) {
		const struct authz_factor_record *record = &job->factors.brought[i];

		if (!job->factors.brought_new[i])
			continue;
		(void)signer_state_put_factor(state, record);
		/* Its own key must not be imported as a wallet later (A6). */
		if (record->kind == AUTHZ_KEY_PASSKEY_ED25519)
			(void)signer_state_put(state, CALL_STORE_VALUE_USER_KEY, record->public_key,
			                       bytes_of(job->wallets[0].id, 32));
	}
}

/* ---- all of it ---- */

static enum status verify_signature(struct signer_change *job, size_t at)
{
	const struct authz_signature *signature = &job->given.signatures[at];
	struct authz_factor_record *record = &job->factors.used[job->factors.used_count];
	struct buffer *text = at == 0 ? &job->signed_text : &job->other_text;
	uint8_t challenge[32];
	enum status status;

	text->len = 0;
	if (signature->key.kind == AUTHZ_KEY_ED25519) {
		status = authz_text_verify(&job->change, job->given.change,
		                           buffer_bytes(&job->description), signature, text);
		return status == STATUS_OK
		           ? status
		           : signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                           "the signature does not fit key, change and text");
	}
	authz_change_challenge(job->given.change, challenge);
	status = verify_passkey(job, &signature->key, challenge, &signature->assertion, record);
	if (status != STATUS_OK)
		return status;
	if (job->signer->bound_exports && job->change.action == AUTHZ_ACTION_EXPORT &&
	    record->backup_eligible)
		return signer_refuse(
		    job, CALL_RESULT_CHANGE_REFUSED,
		    "here an export takes passkeys that are bound to their device, "
		    "and this one may be copied");
	/* One that comes with this change is kept with it, not before. */
	for (size_t i = 0; i < job->factors.brought_count; i++)
		if (job->factors.brought_new[i] &&
		    memcmp(job->factors.brought[i].id, record->id, 32) == 0) {
			job->factors.brought[i].count = record->count;
			return authz_assertion_signed(&signature->assertion, text);
		}
	job->factors.used_count++;
	return authz_assertion_signed(&signature->assertion, text);
}

static enum status verify_codes(struct signer_change *job)
{
	for (size_t i = 0; i < job->given.code_count; i++) {
		const struct authz_code *code = &job->given.codes[i];
		struct authz_factor_record *record = &job->factors.used[job->factors.used_count];
		bool is_new = false;
		enum status status;

		for (size_t j = 0; j < job->factors.brought_count; j++)
			is_new |= job->factors.brought_new[j] &&
			          memcmp(job->factors.brought[j].id, code->id, 32) == 0;
		if (is_new)
			continue; /* confirmed when it was taken */
		status = await_factor(job, code->id, record);
		if (status == STATUS_NOT_FOUND ||
		    (status == STATUS_OK && record->kind != AUTHZ_KEY_TOTP))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "no such one-time codes are registered here");
		if (status == STATUS_OK)
			status = check_code(job, code, false, record);
		if (status != STATUS_OK)
			return status;
		job->factors.used_count++;
	}
	return STATUS_OK;
}

enum status signer_factors_verify_signatures(struct signer_change *job)
{
	enum status status = STATUS_OK;

	job->factors = (struct signer_factors){.delay_s = 0};
	if (!authz_text_is_described(&job->change, buffer_bytes(&job->description)))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "the text that was signed is not the one that is true now; "
		                     "prepare the change anew");
	job->signed_text.len = 0;
	/* A passkey that signs for its own wallet's birth is brought by it. */
	if (authz_action_is_birth(job->change.action))
		status = signer_factors_take_brought(job, false);
	for (size_t i = 0; status == STATUS_OK && i < job->given.signature_count; i++)
		status = verify_signature(job, i);
	return status;
}

/* Whether what was used counts on from here: of a factor that keeps no count there is nothing to
 * keep. */
static bool is_counted(const struct authz_factor_record *used)
{
	return used->kind == AUTHZ_KEY_TOTP || used->count != 0;
}

/* How many places that needs. */
static size_t count_unheld(struct signer_change *job)
{
	const struct signer_factors *factors = &job->factors;
	size_t count = 0;

	for (size_t i = 0; i < factors->used_count; i++)
		count += is_counted(&factors->used[i]) &&
		         !signer_state_is_held(&job->signer->state, CALL_STORE_VALUE_FACTOR,
		                               factors->used[i].id);
	return count;
}

enum status signer_factors_verify(struct signer_change *job)
{
	enum status status = STATUS_OK;

	if (!authz_action_is_birth(job->change.action))
		status = signer_factors_take_brought(job, false);
	if (status == STATUS_OK)
		status = verify_codes(job);
	if (status != STATUS_OK)
		return status;
	/* Codes alone sign nothing: the change itself goes on in the wallet's authority hash. */
	if (job->given.signature_count == 0 &&
	    buffer_put(&job->signed_text, job->given.change) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "too long for codes alone: name fewer wallets");
	/* What gives power uses them up with its records, what takes it at once: where there is
	 * place for all of it. */
	if (job->factors.gives)
		return STATUS_OK;
	status = signer_await_holds(job, count_unheld(job) + signer_count_unheld(job));
	return status == STATUS_OK ? signer_factors_use(job) : status;
}

enum status signer_factors_use(struct signer_change *job)
{
	const struct signer_factors *factors = &job->factors;
	struct signer_state *state = &job->signer->state;
	const struct signer_ask ask = signer_ask_of(job);

	if (!signer_state_may_hold(state, count_unheld(job), &ask))
		return signer_refuse_held(job);
	for (size_t i = 0; i < factors->used_count; i++)
		if (is_counted(&factors->used[i]) &&
		    signer_state_lower_factor(state, &factors->used[i], &ask) != STATUS_OK)
			return signer_refuse_held(job);
	return STATUS_OK;
}

/* ---- reading, and new secrets ---- */

static size_t count_sessions(const struct signer *signer, const struct authz_user_key *key)
{
	size_t count = 0;

	for (size_t i = 0; i < SIGNER_SESSIONS_MAX; i++)
		count += signer->sessions[i].until_ms > signer->now_ms &&
		         memcmp(signer->sessions[i].key.key, key->key, sizeof(key->key)) == 0;
	return count;
}

/* session_place is one that has ended, else the first to end of who has most: who opens many ends
 * his own, and nobody else's (U5). */
static struct signer_session *session_place(struct signer *signer)
{
	struct signer_session *place = NULL;
	size_t most = 0;

	for (size_t i = 0; i < SIGNER_SESSIONS_MAX; i++) {
		struct signer_session *one = &signer->sessions[i];
		size_t count =
		    one->until_ms > signer->now_ms ? count_sessions(signer, &one->key) : SIZE_MAX;

		if (place == NULL || count > most ||
		    (count == most && one->until_ms < place->until_ms)) {
			place = one;
			most = count;
		}
	}
	return place;
}

enum status signer_open_session(struct signer_change *job, struct bytes payload)
{
	struct signer *signer = job->signer;
	struct authz_session given;
	struct authz_session_answer answer = {.valid_s = SIGNER_SESSION_S};
	struct signer_session *session;
	struct signer_ask ask;
	struct authz_factor_record record;
	uint8_t challenge[32];
	enum status status;

	if (authz_session_take(payload, &given) != STATUS_OK ||
	    memcmp(given.deployment, signer->deployment, 32) != 0)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a session's request to this deployment");
	authz_session_challenge(given.request, challenge);
	job->factors = (struct signer_factors){.delay_s = 0};
	status = verify_passkey(job, &given.key, challenge, &given.assertion, &record);
	if (status != STATUS_OK)
		return status;
	authz_user_id(&given.key, job->user);
	ask = signer_hold_note(job->user);
	if (record.count != 0 &&
	    !signer_state_is_held(&signer->state, CALL_STORE_VALUE_FACTOR, record.id) &&
	    !signer_state_may_hold(&signer->state, 1, &ask))
		return signer_refuse_held(job);
	if (record.count != 0 &&
	    signer_state_lower_factor(&signer->state, &record, &ask) != STATUS_OK)
		return signer_refuse_held(job);
	session = session_place(signer);
	*session = (struct signer_session){
	    .key = given.key, .until_ms = signer->now_ms + SIGNER_SESSION_S * UINT64_C(1000)};
	keys_random(session->secret, sizeof(session->secret));
	memcpy(answer.secret, session->secret, sizeof(answer.secret));
	return authz_session_answer_put(&answer, &job->answer);
}

const struct authz_user_key *signer_session_key(const struct signer *signer,
                                                const uint8_t secret[32])
{
	const struct authz_user_key *found = NULL;

	for (size_t i = 0; i < SIGNER_SESSIONS_MAX; i++)
		if (signer->sessions[i].until_ms > signer->now_ms &&
		    secret_equal(signer->sessions[i].secret, secret, 32))
			found = &signer->sessions[i].key;
	return found;
}

enum status signer_read(struct signer_change *job, struct bytes payload)
{
	const struct authz_user_key *found;
	struct authz_read given;
	struct authz_query query;

	if (authz_read_take(payload, &given) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a session's question");
	found = signer_session_key(job->signer, given.secret);
	if (found == NULL)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the session has ended; open another one");
	query = (struct authz_query){.kind = found->kind, .topic = given.topic};
	memcpy(query.key, found->key, 32);
	memcpy(query.target, given.target, 32);
	memcpy(query.after, given.after, 32);
	return signer_answer_topic(job, &query);
}

enum status signer_enroll(struct signer_change *job, struct bytes payload)
{
	enum status status;

	if (!signer_budget_take(&job->enrolls, SIGNER_ENROLLS_PER_MINUTE, job->signer->now_ms))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many secrets are asked for at once; try again in a "
		                     "minute");
	/* Nothing is kept: the secret comes back sealed, with the change that brings it. */
	status = signer_vault_enroll(job->signer->vault, payload, &job->answer);
	return status == STATUS_OK
	           ? status
	           : signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
	                           "not a request that was sealed to this start of the signer");
}
