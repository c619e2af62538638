/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_lower.h"

#include "authz_rule.h"
#include "base_check.h"

struct authz_pending_entry *signer_lower_find_pending(struct authz_wallet_record *wallet,
                                                      const uint8_t hash[32])
{
	for (size_t i = 0; i < wallet->pending_count; i++)
		if (memcmp(wallet->pending[i].change, hash, 32) == 0)
			return &wallet->pending[i];
	return NULL;
}

void signer_lower_drop_pending(struct authz_wallet_record *wallet,
                               struct authz_pending_entry *entry)
{
	size_t at = (size_t)(entry - wallet->pending);

	memmove(entry, entry + 1, (wallet->pending_count - at - 1) * sizeof(*entry));
	wallet->pending_count--;
}

bool signer_lower_is_live(const struct authz_wallet_record *wallet, const uint8_t grant[32])
{
	for (size_t i = 0; i < wallet->grant_count; i++)
		if (wallet->grants[i].live && memcmp(wallet->grants[i].grant, grant, 32) == 0)
			return true;
	return false;
}

static void revoke(struct authz_wallet_record *wallet, const uint8_t grant[32])
{
	for (size_t i = 0; i < wallet->grant_count; i++)
		if (memcmp(wallet->grants[i].grant, grant, 32) == 0)
			wallet->grants[i].live = false;
}

/* ---- limits ---- */

bool signer_lower_fits(const struct authz_limit_body *body,
                       const struct authz_wallet_record *wallet)
{
	static struct authz_limit_body left;

	left = *body;
	return authz_limits_lower(wallet->limits, wallet->limit_count, &left) == STATUS_OK;
}

/* What is left of the limits, each with the time since when it counts: those that the record had go
 * on counting, and those that the one in force has got by this change count as they do there. */
static void lower_limits(const struct authz_limit_body *body, const struct authz_wallet_record *now,
                         struct authz_wallet_record *wallet)
{
	static struct authz_wallet_record before;
	static struct authz_limit_body left;

	before = *wallet;
	left = *body;
	CHECK(authz_limits_lower(before.limits, before.limit_count, &left) == STATUS_OK);
	wallet->limit_count = (uint8_t)left.limit_count;
	for (size_t i = 0; i < left.limit_count; i++) {
		size_t at = authz_counter_find(before.limits, before.limit_count, &left.limits[i]);

		wallet->limits[i] = left.limits[i];
		wallet->limits_since[i] = before.version + 1;
		if (at < before.limit_count) {
			wallet->limits_since[i] = before.limits_since[at];
		} else if (now != NULL) {
			at = authz_counter_find(now->limits, now->limit_count, &left.limits[i]);
			CHECK(at < now->limit_count);
			wallet->limits_since[i] = now->limits_since[at];
		}
	}
}

/* ---- all of it ---- */

void signer_lower_wallet(const struct authz_change *change, size_t at,
                         const struct authz_wallet_record *now, struct authz_wallet_record *wallet)
{
	static struct authz_limit_body limit;
	struct authz_pending_entry *entry;
	uint8_t id[32];

	switch ((enum authz_action)change->action) {
	case AUTHZ_ACTION_FREEZE:
		wallet->frozen = true;
		wallet->pending_count = 0; /* what waits does not thaw it */
		return;
	case AUTHZ_ACTION_REVOKE:
		CHECK(authz_id_take(change->entries[at].body, id) == STATUS_OK);
		revoke(wallet, id);
		return;
	case AUTHZ_ACTION_CANCEL:
		CHECK(authz_id_take(change->entries[at].body, id) == STATUS_OK);
		entry = signer_lower_find_pending(wallet, id);
		if (entry != NULL && !entry->done)
			signer_lower_drop_pending(wallet, entry);
		return;
	case AUTHZ_ACTION_LIMIT:
		CHECK(authz_limit_take(change->entries[at].body, &limit) == STATUS_OK);
		if (limit.of_wallet)
			lower_limits(&limit, now, wallet);
		return;
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
	case AUTHZ_ACTION_GRANT:
	case AUTHZ_ACTION_UNFREEZE:
	case AUTHZ_ACTION_FACTOR:
	case AUTHZ_ACTION_EXPORT:
	case AUTHZ_ACTION_COUNT:
		break;
	}
	CHECK(false);
}
