/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_history.h"

#include "authz_rule.h"
#include "authz_text.h"

/* One change while it is looked at. */
struct look {
	struct authz_history *history;
	struct authz_link link;
	uint8_t link_hash[32];
	struct authz_kept kept;
	struct authz_signed_change given;
	struct authz_change change;
	const struct authz_change_entry *entry; /* of this wallet */
	size_t at;                              /* its place among those of the change */
	size_t factors;                         /* given that count */
	bool by_recovery;
	bool lowers; /* of a limit: it raises nothing, whatever it names */
};

static enum status wrong(struct authz_history *history, enum status status, const char *text)
{
	history->text = text;
	return status;
}

/* ---- who may sign ---- */

static const struct authz_history_factor *factor_of(const struct authz_history *history,
                                                    const struct authz_user_key *key)
{
	for (size_t i = 0; i < history->factor_count; i++)
		if (authz_key_same(&history->factors[i].key, key))
			return &history->factors[i];
	return NULL;
}

static bool is_recovery(const struct authz_history *history, const struct authz_user_key *key)
{
	return history->has_recovery && key->kind == AUTHZ_KEY_ED25519 &&
	       memcmp(history->recovery, key->key, 32) == 0;
}

static bool has_code(const struct authz_kept *kept, const uint8_t id[32])
{
	for (size_t i = 0; i < kept->code_count; i++)
		if (memcmp(kept->codes[i], id, 32) == 0)
			return true;
	return false;
}

/* ---- signatures ---- */

/* The page that a passkey was asked on, as the client data say it: which pages a deployment allows
 * is its setting, and stands in no change. */
static void relying_of(const struct authz_assertion *said, struct authz_relying *ret_relying)
{
	static const char mark[] = "\"origin\":\"";
	struct bytes data = said->client_data;
	size_t at = 0, end;

	*ret_relying = (struct authz_relying){.origin_count = 1};
	if (said->authenticator_data.len >= 32)
		memcpy(ret_relying->rp_id_hash, said->authenticator_data.data, 32);
	while (at + sizeof(mark) - 1 < data.len &&
	       memcmp(data.data + at, mark, sizeof(mark) - 1) != 0)
		at++;
	at += sizeof(mark) - 1;
	for (end = at; end < data.len && data.data[end] != '"';)
		end++;
	if (at < data.len)
		ret_relying->origins[0] = bytes_of(data.data + at, end - at);
}

static enum status verify_passkey(struct look *look, const struct authz_signature *signature)
{
	const struct authz_history_factor *factor = factor_of(look->history, &signature->key);
	const struct authz_assertion *said = &signature->assertion;
	struct authz_key_data data = {.credential = {0}};
	struct authz_passkey passkey = {.kind = signature->key.kind};
	struct authz_passkey_state state = {.count = 0};
	struct authz_relying relying;
	uint8_t challenge[32], id[32];
	uint32_t count;

	if (factor != NULL) {
		passkey.credential = bytes_of(factor->credential, factor->credential_len);
		passkey.public_key = bytes_of(factor->public_key, factor->public_key_len);
	} else if (authz_brings(&look->change, &signature->key, &data)) {
		passkey.credential = data.credential;
		passkey.public_key = data.public_key;
	} else {
		return STATUS_REFUSED;
	}
	authz_passkey_id(passkey.credential, id);
	if (memcmp(id, signature->key.key, 32) != 0)
		return STATUS_CRYPTO;
	relying_of(said, &relying);
	/* May it be copied? What it said when it was registered is checked where that is. */
	state.backup_eligible =
	    said->authenticator_data.len > 32 && (said->authenticator_data.data[32] & 8) != 0;
	authz_change_challenge(look->given.change, challenge);
	return authz_assertion_verify(&relying, &passkey, &state, challenge, said, &count) ==
	               AUTHZ_PASSKEY_GOOD
	           ? STATUS_OK
	           : STATUS_CRYPTO;
}

/* Verifies all signatures; `ret_signed` gets what the first one covers, or the change itself. */
static enum status verify_signatures(struct look *look, struct buffer *ret_signed)
{
	static uint8_t space[AUTHZ_SIGNED_TEXT_MAX];

	for (size_t i = 0; i < look->given.signature_count; i++) {
		const struct authz_signature *signature = &look->given.signatures[i];
		struct buffer other = BUFFER_OF_ARRAY(space);
		struct buffer *text = i == 0 ? ret_signed : &other;
		enum status status;

		if (signature->key.kind == AUTHZ_KEY_ED25519) {
			status = authz_text_verify(&look->change, look->given.change,
			                           look->kept.description, signature, text);
		} else {
			status = verify_passkey(look, signature);
			if (status == STATUS_OK)
				status = authz_assertion_signed(&signature->assertion, text);
		}
		if (status == STATUS_REFUSED)
			return wrong(look->history, STATUS_REFUSED,
			             "a change was signed by a key that was no factor of the "
			             "wallet then");
		if (status != STATUS_OK)
			return wrong(look->history, STATUS_CRYPTO,
			             "a signature does not fit its change, key and text");
	}
	if (look->given.signature_count == 0 || look->link.step == AUTHZ_STEP_COMPLETED) {
		ret_signed->len = 0;
		if (buffer_put(ret_signed, look->given.change) != STATUS_OK)
			return wrong(look->history, STATUS_MALFORMED, "a change is too long");
	}
	return STATUS_OK;
}

/* Counts what was given as the signer does (spec/authorization.md section 3). */
static enum status count_given(struct look *look)
{
	struct authz_history *history = look->history;
	size_t recovery = 0;

	for (size_t i = 0; i < look->given.signature_count; i++) {
		const struct authz_user_key *key = &look->given.signatures[i].key;

		for (size_t j = 0; j < i; j++)
			if (memcmp(look->given.signatures[j].key.key, key->key, 32) == 0)
				return wrong(history, STATUS_REFUSED,
				             "two signatures of one change are of one key");
		if (factor_of(history, key) != NULL) {
			look->factors++;
		} else if (is_recovery(history, key)) {
			look->factors++;
			recovery++;
		} else if (i == 0 || !authz_brings(&look->change, key, NULL)) {
			return wrong(history, STATUS_REFUSED,
			             "a change was signed by a key that was no factor of the "
			             "wallet then");
		}
	}
	look->by_recovery = recovery != 0;
	for (size_t i = 0; i < look->kept.code_count; i++) {
		struct authz_user_key key = {.kind = AUTHZ_KEY_TOTP};

		memcpy(key.key, look->kept.codes[i], 32);
		if (factor_of(history, &key) != NULL)
			look->factors++;
		else if (!authz_brings(&look->change, &key, NULL))
			return wrong(history, STATUS_REFUSED,
			             "a one-time code is named that was of no factor of the "
			             "wallet then");
	}
	if (look->factors == 0 || (recovery != 0 && look->factors != 1))
		return wrong(history, STATUS_REFUSED,
		             "a change was signed by nobody who might, or by a recovery key and "
		             "others");
	return STATUS_OK;
}

/* What becomes a factor has agreed to it. */
static enum status check_agreed(struct look *look)
{
	const struct authz_user_key *keys = NULL;
	const struct authz_key_data *data = NULL;
	size_t count = authz_brought_by(&look->change, look->at, &keys, &data);

	for (size_t i = 0; i < count; i++) {
		bool agreed = keys[i].kind == AUTHZ_KEY_TOTP
		                  ? has_code(&look->kept, keys[i].key)
		                  : authz_has_signed(&look->given, &keys[i]);

		for (size_t j = 0; authz_key_is_passkey(keys[i].kind) && !agreed &&
		                   j < look->given.registration_count;
		     j++) {
			const struct authz_registration *said = &look->given.registrations[j];
			struct authz_passkey passkey = {.kind = keys[i].kind,
			                                .credential = data[i].credential,
			                                .public_key = data[i].public_key};
			struct authz_passkey_state state;
			struct authz_relying relying;
			uint8_t challenge[32];

			if (memcmp(said->id, keys[i].key, 32) != 0)
				continue;
			relying_of(&said->said, &relying);
			authz_registration_challenge(look->history->deployment, look->change.nonce,
			                             challenge);
			agreed =
			    authz_registration_verify(&relying, &passkey, challenge, &said->said,
			                              &state) == AUTHZ_PASSKEY_GOOD;
		}
		if (!agreed)
			return wrong(look->history, STATUS_REFUSED,
			             "a key became a factor that has not agreed to it");
	}
	return STATUS_OK;
}

/* ---- what the change does ---- */

static struct authz_history_grant *grant_of(struct authz_history *history, const uint8_t id[32])
{
	for (size_t i = 0; i < history->grant_count; i++)
		if (memcmp(history->grants[i].id, id, 32) == 0)
			return &history->grants[i];
	return NULL;
}

static struct authz_counter_rule *counter_of(struct authz_history_grant *grant, uint8_t id)
{
	for (size_t i = 0; i < grant->counter_count; i++)
		if (grant->counters[i].id == id)
			return &grant->counters[i];
	return NULL;
}

/* Takes the body of a change of limits; every cap is of a grant that lives, `*ret_grant` (NULL: it
 * is about the wallet itself). */
static enum status take_limit(const struct look *look, struct authz_limit_body *ret_body,
                              struct authz_history_grant **ret_grant)
{
	bool known = true;

	if (authz_limit_take(look->entry->body, ret_body) != STATUS_OK)
		return wrong(look->history, STATUS_MALFORMED, "a change of limits is malformed");
	*ret_grant = NULL;
	if (ret_body->of_wallet)
		return STATUS_OK;
	*ret_grant = grant_of(look->history, ret_body->grant);
	known = *ret_grant != NULL;
	for (size_t i = 0; known && i < ret_body->count; i++)
		known = counter_of(*ret_grant, ret_body->caps[i].id) != NULL;
	return known ? STATUS_OK
	             : wrong(look->history, STATUS_REFUSED,
	                     "a change sets the caps of a grant that does not live");
}

static enum status limit_grows(const struct look *look, bool *ret_grows)
{
	static struct authz_limit_body body;
	const struct authz_history *history = look->history;
	struct authz_history_grant *grant;
	enum status status = take_limit(look, &body, &grant);

	if (status != STATUS_OK)
		return status;
	*ret_grows =
	    body.of_wallet && authz_limits_grow(history->limits, history->limit_count, &body);
	for (size_t i = 0; grant != NULL && i < body.count; i++)
		*ret_grows |= body.caps[i].cap > counter_of(grant, body.caps[i].id)->cap;
	return STATUS_OK;
}

static enum status make_limit(struct look *look)
{
	static struct authz_limit_body body;
	struct authz_history *history = look->history;
	struct authz_history_grant *grant;
	enum status status = take_limit(look, &body, &grant);

	if (status != STATUS_OK)
		return status;
	if (body.of_wallet && look->lowers &&
	    authz_limits_lower(history->limits, history->limit_count, &body) != STATUS_OK)
		return wrong(history, STATUS_REFUSED, "a wallet gets more limits than it may have");
	if (grant != NULL && look->lowers)
		authz_caps_lower(&body, grant->counters, grant->counter_count);
	for (size_t i = 0; grant != NULL && !look->lowers && i < body.count; i++)
		counter_of(grant, body.caps[i].id)->cap = body.caps[i].cap;
	if (body.of_wallet) {
		history->limit_count = body.limit_count;
		memcpy(history->limits, body.limits, sizeof(history->limits));
	}
	return STATUS_OK;
}

static void keep_factor(struct authz_history *history, const struct authz_user_key *key,
                        const struct authz_key_data *data)
{
	struct authz_history_factor *factor = &history->factors[history->factor_count++];

	*factor = (struct authz_history_factor){.key = *key};
	if (!authz_key_is_passkey(key->kind))
		return;
	factor->credential_len = (uint8_t)data->credential.len;
	factor->public_key_len = (uint8_t)data->public_key.len;
	memcpy(factor->credential, data->credential.data, data->credential.len);
	memcpy(factor->public_key, data->public_key.data, data->public_key.len);
}

static enum status make_birth(struct look *look)
{
	static struct authz_birth_body body;
	struct authz_history *history = look->history;

	if (authz_birth_take(look->entry->body, look->change.action == AUTHZ_ACTION_IMPORT,
	                     &body) != STATUS_OK)
		return wrong(history, STATUS_MALFORMED, "a birth is malformed");
	for (size_t i = 0; i < body.user_key_count; i++)
		keep_factor(history, &body.user_keys[i], &body.user_key_data[i]);
	history->has_recovery = body.has_recovery;
	memcpy(history->recovery, body.recovery, 32);
	history->limit_count = body.limit_count;
	memcpy(history->limits, body.limits, sizeof(history->limits));
	history->delay_s = body.delays.delay_s;
	history->export_delay_s =
	    body.delays.has_export_delay ? body.delays.export_delay_s : AUTHZ_EXPORT_DELAY_S;
	return STATUS_OK;
}

static enum status make_factor(struct look *look)
{
	static struct authz_factor_body body;
	struct authz_history *history = look->history;

	if (authz_factor_take(look->entry->body, &body) != STATUS_OK)
		return wrong(history, STATUS_MALFORMED, "a change of factors is malformed");
	for (size_t i = 0; i < body.remove_count; i++) {
		const struct authz_history_factor *factor = factor_of(history, &body.remove[i]);
		size_t at = factor == NULL ? 0 : (size_t)(factor - history->factors);

		if (factor == NULL)
			return wrong(history, STATUS_REFUSED,
			             "a change takes away a factor that was none");
		memmove(&history->factors[at], &history->factors[at + 1],
		        (--history->factor_count - at) * sizeof(*factor));
	}
	for (size_t i = 0; i < body.add_count; i++) {
		if (history->factor_count == LIMIT_USER_KEYS_MAX ||
		    factor_of(history, &body.add[i]) != NULL)
			return wrong(history, STATUS_REFUSED,
			             "a change brings a factor too many, or twice");
		keep_factor(history, &body.add[i], &body.add_data[i]);
	}
	if (body.has_recovery || body.drops_recovery) {
		history->has_recovery = body.has_recovery;
		memcpy(history->recovery, body.recovery, 32);
	}
	if (body.add_count != 0 || body.remove_count != 0 || body.has_recovery ||
	    body.drops_recovery)
		history->waiting_count = 0;
	if (body.delays.has_delay)
		history->delay_s = body.delays.delay_s;
	if (body.delays.has_export_delay)
		history->export_delay_s = body.delays.export_delay_s;
	return STATUS_OK;
}

static enum status make_grant(struct look *look)
{
	static struct authz_grant_body body;
	struct authz_history *history = look->history;
	struct authz_history_grant *grant = &history->grants[history->grant_count];

	if (authz_grant_take(look->entry->body, &body) != STATUS_OK)
		return wrong(history, STATUS_MALFORMED, "a grant is malformed");
	if (history->grant_count == LIMIT_GRANTS_PER_WALLET_MAX)
		return wrong(history, STATUS_REFUSED, "more grants live than a wallet may have");
	*grant = (struct authz_history_grant){.counter_count = body.counter_count};
	authz_grant_id(look->given.change, history->wallet, grant->id);
	memcpy(grant->module, body.module, 32);
	keys_sha256(&body.parameters, 1, grant->parameters_hash);
	memcpy(grant->counters, body.counters, sizeof(grant->counters));
	history->grant_count++;
	return STATUS_OK;
}

static bool drop_waiting(struct authz_history *history, const uint8_t change[32])
{
	for (size_t i = 0; i < history->waiting_count; i++)
		if (memcmp(history->waiting[i].change, change, 32) == 0) {
			memmove(&history->waiting[i], &history->waiting[i + 1],
			        (--history->waiting_count - i) * sizeof(history->waiting[0]));
			return true;
		}
	return false;
}

static enum status make(struct look *look)
{
	struct authz_history *history = look->history;
	struct authz_history_grant *grant;
	uint8_t id[32];

	switch ((enum authz_action)look->change.action) {
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
		return make_birth(look);
	case AUTHZ_ACTION_GRANT:
		return make_grant(look);
	case AUTHZ_ACTION_LIMIT:
		return make_limit(look);
	case AUTHZ_ACTION_FACTOR:
		return make_factor(look);
	case AUTHZ_ACTION_REVOKE:
		if (authz_id_take(look->entry->body, id) != STATUS_OK)
			return wrong(history, STATUS_MALFORMED, "a revocation is malformed");
		grant = grant_of(history, id);
		if (grant != NULL)
			*grant = history->grants[--history->grant_count];
		return STATUS_OK;
	case AUTHZ_ACTION_CANCEL:
		if (authz_id_take(look->entry->body, id) != STATUS_OK)
			return wrong(history, STATUS_MALFORMED, "a cancellation is malformed");
		/* A change that was on its way may have dropped it before. */
		(void)drop_waiting(history, id);
		return STATUS_OK;
	case AUTHZ_ACTION_FREEZE:
		history->waiting_count = 0;
		return STATUS_OK;
	case AUTHZ_ACTION_EXPORT:
		authz_change_hash(look->given.change, id);
		if (memcmp(id, history->export, 32) == 0)
			history->owes_export = false;
		authz_exports_carried(&history->exports, id);
		return STATUS_OK;
	case AUTHZ_ACTION_UNFREEZE:
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return STATUS_OK;
}

/* ---- the rule ---- */

static enum status begin_waiting(struct look *look, uint64_t delay_s)
{
	struct authz_history *history = look->history;
	struct authz_history_waiting *first = &history->waiting[0], *entry;
	const struct authz_link *link = &look->link;

	/* What is void gave its place, wherever it stood. */
	for (size_t i = 1; i < history->waiting_count; i++)
		if (history->waiting[i].void_s < first->void_s)
			first = &history->waiting[i];
	if (history->waiting_count == AUTHZ_HISTORY_WAITING_MAX)
		(void)drop_waiting(history, first->change);
	entry = &history->waiting[history->waiting_count++];
	authz_change_hash(look->given.change, entry->change);
	entry->exports = look->change.action == AUTHZ_ACTION_EXPORT;
	entry->opens_s = link->time_low_s + delay_s;
	entry->void_s = (link->time_high_s > entry->opens_s ? link->time_high_s : entry->opens_s) +
	                AUTHZ_VOID_AFTER_S;
	return STATUS_OK;
}

static enum status check_more(struct look *look)
{
	struct authz_history *history = look->history;
	size_t needed = authz_factors_needed(look->change.action, history->factor_count);
	bool is_recovery = look->by_recovery || look->factors < needed;
	uint64_t delay_s = authz_delay_of(&look->change, look->at, history->delay_s,
	                                  history->export_delay_s, is_recovery);

	if (look->given.signature_count == 0)
		return wrong(history, STATUS_REFUSED,
		             "one-time codes alone gave power, which they may not");
	if (is_recovery && look->change.action != AUTHZ_ACTION_FACTOR)
		return wrong(history, STATUS_REFUSED,
		             "a change gave power with fewer factors than the wallet asks for");
	/* One that names several wallets waits as long as the slowest of them. */
	if (look->link.step == AUTHZ_STEP_WAITS)
		return begin_waiting(look, delay_s);
	return delay_s == 0 ? make(look)
	                    : wrong(history, STATUS_REFUSED,
	                            "a change gave power at once, and the wallet's delay was "
	                            "not waited for");
}

static enum status check_birth(struct look *look)
{
	struct authz_history *history = look->history;
	const struct authz_user_key *keys = NULL;
	const struct authz_key_data *data = NULL;
	enum status status = check_agreed(look);

	if (status != STATUS_OK)
		return status;
	if (authz_brought_by(&look->change, look->at, &keys, &data) == 0 ||
	    look->given.signature_count == 0 ||
	    !authz_key_same(&look->given.signatures[0].key, &keys[0]))
		return wrong(history, STATUS_REFUSED,
		             "a wallet's first key has not signed its birth");
	return make(look);
}

static enum status check_completed(struct look *look)
{
	struct authz_history *history = look->history;
	uint8_t hash[32];
	size_t i = 0;

	authz_change_hash(look->given.change, hash);
	while (i < history->waiting_count && memcmp(history->waiting[i].change, hash, 32) != 0)
		i++;
	if (i == history->waiting_count)
		return wrong(history, STATUS_REFUSED,
		             "a change was completed that did not wait, or was cancelled");
	if (look->link.time_low_s < history->waiting[i].opens_s)
		return wrong(history, STATUS_REFUSED,
		             "a change was completed before its delay was over");
	(void)drop_waiting(history, hash);
	return make(look);
}

static enum status check_rule(struct look *look)
{
	bool less = authz_action_reduces(look->change.action), grows = false;
	bool names_state = look->entry->has_previous &&
	                   memcmp(look->entry->previous, look->history->authority, 32) == 0;
	enum status status = STATUS_OK;

	if (authz_action_is_birth(look->change.action))
		return look->history->version == 0 && look->link.step == AUTHZ_STEP_DONE
		           ? check_birth(look)
		           : wrong(look->history, STATUS_CORRUPT, "a wallet is born twice");
	if (look->history->version == 0)
		return wrong(look->history, STATUS_CORRUPT,
		             "the changes do not begin with the wallet's birth");
	status = count_given(look);
	if (status == STATUS_OK && look->link.step == AUTHZ_STEP_COMPLETED)
		return check_completed(look);
	if (status == STATUS_OK && look->change.action == AUTHZ_ACTION_FACTOR)
		status = check_agreed(look);
	if (status == STATUS_OK && look->change.action == AUTHZ_ACTION_LIMIT) {
		status = limit_grows(look, &grows);
		/* One that names another state, or none, was less than what was in force when it
		 * was signed; the signer let it raise nothing of the change that was on its way. */
		less = look->lowers = !grows || !names_state;
	}
	if (status != STATUS_OK)
		return status;
	if (!less && look->entry->has_previous && !names_state)
		return wrong(look->history, STATUS_CORRUPT,
		             "a change was signed for another state of the wallet");
	if (!less && !look->entry->has_previous)
		return wrong(look->history, STATUS_REFUSED,
		             "a change gave power and names no state that it was signed for");
	if (!less)
		return check_more(look);
	return look->link.step == AUTHZ_STEP_DONE
	           ? make(look)
	           : wrong(look->history, STATUS_REFUSED, "a change that takes power waited");
}

/* ---- one change ---- */

static enum status take(struct look *look, struct bytes bytes)
{
	struct authz_history *history = look->history;
	struct authz_changed changed;
	uint8_t hash[32];

	if (authz_changed_take(bytes, &changed) != STATUS_OK ||
	    authz_link_take(changed.link, &look->link) != STATUS_OK ||
	    authz_kept_take(changed.kept, &look->kept) != STATUS_OK ||
	    authz_signed_change_take(look->kept.signed_change, &look->given) != STATUS_OK ||
	    authz_change_take(look->given.change, &look->change) != STATUS_OK)
		return wrong(history, STATUS_MALFORMED, "a change is malformed");
	authz_link_hash(changed.link, look->link_hash);
	keys_sha256(&changed.kept, 1, hash);
	if (memcmp(hash, look->link.kept, 32) != 0)
		return wrong(history, STATUS_CORRUPT,
		             "a change is not the one that its link names");
	for (size_t i = 0; i < look->change.entry_count; i++)
		if (memcmp(look->change.entries[i].wallet, history->wallet, 32) == 0)
			look->entry = &look->change.entries[look->at = i];
	if (memcmp(look->change.deployment, history->deployment, 32) != 0 ||
	    memcmp(look->link.wallet, history->wallet, 32) != 0 || look->entry == NULL)
		return wrong(history, STATUS_REFUSED,
		             "a change is of another wallet or deployment");
	if (look->link.version != history->version + 1 ||
	    memcmp(look->link.previous, history->authority, 32) != 0 ||
	    memcmp(look->link.before, history->link, 32) != 0)
		return wrong(history, STATUS_CORRUPT,
		             "a change does not follow the one before it: one is missing, or "
		             "they are in another order");
	if (!authz_text_is_described(&look->change, look->kept.description))
		return wrong(history, STATUS_CORRUPT,
		             "the text beside a change is not the one that was signed");
	return STATUS_OK;
}

enum status authz_history_next(struct authz_history *history, struct bytes changed)
{
	static struct look look;
	static uint8_t space[LIMIT_CHANGE_MAX];
	struct buffer covered = BUFFER_OF_ARRAY(space);
	uint8_t authority[32];
	enum status status;

	look = (struct look){.history = history};
	status = take(&look, changed);
	if (status == STATUS_OK)
		status = verify_signatures(&look, &covered);
	if (status != STATUS_OK)
		return status;
	authz_authority_next(history->authority, buffer_bytes(&covered), authority);
	if (memcmp(authority, look.link.authority, 32) != 0)
		return wrong(history, STATUS_CORRUPT,
		             "a change does not lead to the authority hash that it is kept for");
	status = check_rule(&look);
	if (status != STATUS_OK)
		return status;
	history->version++;
	memcpy(history->authority, authority, 32);
	memcpy(history->link, look.link_hash, 32);
	return STATUS_OK;
}

enum status authz_history_end(struct authz_history *history, const struct authz_standing *standing)
{
	if (memcmp(standing->deployment, history->deployment, 32) != 0 ||
	    memcmp(standing->wallet, history->wallet, 32) != 0)
		return wrong(history, STATUS_REFUSED,
		             "where a wallet stands is said of another one");
	if (standing->version != history->version ||
	    memcmp(standing->authority, history->authority, 32) != 0 ||
	    memcmp(standing->link, history->link, 32) != 0)
		return wrong(history, STATUS_CORRUPT,
		             "the changes do not end where the signer says that the wallet "
		             "stands: some are missing");
	return STATUS_OK;
}

/* One that owes an export already is not followed by another of the same start: a wallet's next
 * change waits until the one before it is durable, and then receipts name it. */
static bool allows_export(struct authz_history *history, const struct authz_receipt *receipt)
{
	if (receipt->decision != AUTHZ_DECISION_ALLOW) {
		if (memcmp(history->export, receipt->message_hash, 32) == 0)
			history->owes_export = false;
		return authz_exports_take(&history->exports, receipt);
	}
	for (size_t i = 0; i < history->waiting_count; i++) {
		const struct authz_history_waiting *waiting = &history->waiting[i];

		if (memcmp(waiting->change, receipt->message_hash, 32) == 0)
			return waiting->exports && receipt->time_low_s >= waiting->opens_s &&
			       authz_exports_take(&history->exports, receipt);
	}
	if (history->owes_export)
		return false;
	history->owes_export = true;
	history->export_boot = receipt->boot;
	memcpy(history->export, receipt->message_hash, 32);
	return authz_exports_take(&history->exports, receipt);
}

bool authz_history_allows(struct authz_history *history, const struct authz_receipt *receipt)
{
	const struct authz_tried *tried;

	if (history->owes_export && receipt->boot > history->export_boot) {
		history->owes_export = false;
		history->exports.stands = false; /* begun again it is another one */
		history->unfinished++;
	}
	if ((receipt->flags & AUTHZ_RECEIPT_EXPORT) != 0)
		return allows_export(history, receipt);
	if (receipt->decision != AUTHZ_DECISION_ALLOW)
		return true;
	if (receipt->tried_count == 0)
		return false;
	tried = &receipt->tried[receipt->tried_count - 1];
	for (size_t i = 0; i < history->grant_count; i++)
		if (memcmp(history->grants[i].id, tried->grant, 32) == 0)
			return memcmp(history->grants[i].module, tried->module, 32) == 0 &&
			       memcmp(history->grants[i].parameters_hash, tried->parameters_hash,
			              32) == 0;
	return false;
}
