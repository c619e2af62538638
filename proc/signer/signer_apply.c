/* signer_apply: carries out a change whose signature, text and state were checked. What each action
 * does stands in a file of its own: signer_birth, signer_grant, signer_power, signer_factor,
 * signer_export, signer_pending. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_change.h"

/* The wallet's next version, bound to what its user signed. */
void signer_advance(struct signer_change *job, struct authz_wallet_record *wallet)
{
	uint8_t previous[32];

	memcpy(previous, wallet->authority, sizeof(previous));
	authz_authority_next(previous, buffer_bytes(&job->signed_text), wallet->authority);
	wallet->version++;
	signer_history_link(job, wallet, previous);
}

enum status signer_check_apply(struct signer_change *job)
{
	switch ((enum authz_action)job->change.action) {
	case AUTHZ_ACTION_GRANT:
		return signer_check_grant(job);
	case AUTHZ_ACTION_LIMIT:
		return signer_check_limit(job);
	case AUTHZ_ACTION_FACTOR:
		return signer_check_factor(job);
	case AUTHZ_ACTION_EXPORT:
		return signer_check_export(job);
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
	case AUTHZ_ACTION_REVOKE:
	case AUTHZ_ACTION_FREEZE:
	case AUTHZ_ACTION_UNFREEZE:
	case AUTHZ_ACTION_CANCEL:
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return STATUS_OK;
}

enum status signer_count_kept(struct signer_change *job, size_t records)
{
	uint64_t day = signer_time_read(&job->signer->time).low_s / 86400;
	uint64_t share = signer_factors_share(job, LIMIT_KEPT_PER_DAY);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_wallet_record *wallet = &job->wallets[i];

		authz_day_begin(wallet, day);
		/* What was begun is completed whatever came after it: it leaves nothing more. */
		if (records != 0 && wallet->kept + records > share)
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "wallet %zu has had %llu changes that wait, or new factors, today; try "
			    "again tomorrow%s",
			    i + 1, (unsigned long long)share,
			    share < LIMIT_KEPT_PER_DAY ? ", or sign with two factors" : "");
		wallet->kept += records;
	}
	return STATUS_OK;
}

enum status signer_apply(struct signer_change *job)
{
	/* A limit takes power, or leaves it. */
	bool gives =
	    !authz_action_reduces(job->change.action) && job->change.action != AUTHZ_ACTION_LIMIT;
	enum status status = gives ? signer_await_receipts(job) : STATUS_OK;

	if (status != STATUS_OK)
		return status;
	switch ((enum authz_action)job->change.action) {
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
		return signer_apply_birth(job);
	case AUTHZ_ACTION_GRANT:
		return signer_apply_grant(job);
	case AUTHZ_ACTION_REVOKE:
	case AUTHZ_ACTION_FREEZE:
		return signer_lower_wallets(job);
	case AUTHZ_ACTION_UNFREEZE:
		return signer_apply_unfreeze(job);
	case AUTHZ_ACTION_LIMIT:
		return signer_apply_limit(job);
	case AUTHZ_ACTION_FACTOR:
		return signer_apply_factor(job);
	case AUTHZ_ACTION_EXPORT:
		return signer_apply_export(job);
	case AUTHZ_ACTION_CANCEL:
		return signer_pending_cancel(job);
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return signer_refuse(job, CALL_RESULT_UNSUPPORTED, "%s is not offered by this version",
	                     authz_action_word(job->change.action));
}
