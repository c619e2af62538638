/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"

/* ---- who has signed, and what a change brings ---- */

bool authz_key_same(const struct authz_user_key *a, const struct authz_user_key *b)
{
	return a->kind == b->kind && memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

bool authz_has_signed(const struct authz_signed_change *given, const struct authz_user_key *key)
{
	for (size_t i = 0; i < given->signature_count; i++)
		if (authz_key_same(&given->signatures[i].key, key))
			return true;
	return false;
}

size_t authz_brought_by(const struct authz_change *change, size_t at,
                        const struct authz_user_key **ret_keys,
                        const struct authz_key_data **ret_data)
{
	static struct authz_birth_body birth;
	static struct authz_factor_body factor;
	struct bytes body = change->entries[at].body;

	if (authz_action_is_birth(change->action) &&
	    authz_birth_take(body, change->action == AUTHZ_ACTION_IMPORT, &birth) == STATUS_OK) {
		*ret_keys = birth.user_keys;
		*ret_data = birth.user_key_data;
		return birth.user_key_count;
	}
	if (change->action == AUTHZ_ACTION_FACTOR &&
	    authz_factor_take(body, &factor) == STATUS_OK) {
		*ret_keys = factor.add;
		*ret_data = factor.add_data;
		return factor.add_count;
	}
	return 0;
}

bool authz_brings(const struct authz_change *change, const struct authz_user_key *key,
                  struct authz_key_data *ret_data)
{
	const struct authz_user_key *keys = NULL;
	const struct authz_key_data *data = NULL;

	for (size_t at = 0; at < change->entry_count; at++) {
		size_t count = authz_brought_by(change, at, &keys, &data);

		for (size_t i = 0; i < count; i++) {
			if (!authz_key_same(&keys[i], key))
				continue;
			if (ret_data != NULL)
				*ret_data = data[i];
			return true;
		}
	}
	return false;
}

/* ---- what gives power ---- */

size_t authz_factors_needed(uint8_t action, size_t count)
{
	return count > 1 || action == AUTHZ_ACTION_EXPORT ? 2 : 1;
}

/* Who makes exports wait less waits as long as one: else the delay could be taken off at once, and
 * the export be had with it. */
static bool hastens_exports(const struct authz_change *change, size_t at, uint64_t export_delay_s)
{
	static struct authz_factor_body body;

	return change->action == AUTHZ_ACTION_FACTOR &&
	       authz_factor_take(change->entries[at].body, &body) == STATUS_OK &&
	       body.delays.has_export_delay && body.delays.export_delay_s < export_delay_s;
}

uint64_t authz_delay_of(const struct authz_change *change, size_t at, uint64_t delay_s,
                        uint64_t export_delay_s, bool is_recovery)
{
	if (change->action == AUTHZ_ACTION_EXPORT)
		delay_s = export_delay_s;
	else if (export_delay_s > delay_s && hastens_exports(change, at, export_delay_s))
		delay_s = export_delay_s;
	return is_recovery && delay_s < AUTHZ_RECOVERY_DELAY_S ? AUTHZ_RECOVERY_DELAY_S : delay_s;
}

/* ---- limits ---- */

const struct authz_counter_rule *authz_limit_becomes(const struct authz_limit_body *body,
                                                     const struct authz_counter_rule *limit)
{
	size_t at = authz_counter_find(body->limits, body->limit_count, limit);

	return at < body->limit_count ? &body->limits[at] : NULL;
}

bool authz_limits_grow(const struct authz_counter_rule *limits, size_t count,
                       const struct authz_limit_body *body)
{
	for (size_t i = 0; i < count; i++) {
		const struct authz_counter_rule *then = authz_limit_becomes(body, &limits[i]);

		if (then == NULL || then->cap > limits[i].cap)
			return true;
	}
	return false;
}

enum status authz_limits_lower(const struct authz_counter_rule *limits, size_t count,
                               struct authz_limit_body *body)
{
	size_t named = body->limit_count;

	for (size_t i = 0; i < count; i++) {
		size_t at = authz_counter_find(body->limits, body->limit_count, &limits[i]);

		if (at == LIMIT_WALLET_LIMITS_MAX)
			return STATUS_TOO_LARGE;
		if (at == body->limit_count)
			body->limits[body->limit_count++] = limits[i];
		else if (limits[i].cap < body->limits[at].cap)
			body->limits[at].cap = limits[i].cap;
	}
	/* Ids ascend. */
	for (uint8_t i = 0; body->limit_count != named && i < body->limit_count; i++)
		body->limits[i].id = i;
	return STATUS_OK;
}

void authz_caps_lower(const struct authz_limit_body *body, struct authz_counter_rule *counters,
                      size_t count)
{
	for (size_t i = 0; i < body->count; i++)
		for (size_t at = 0; at < count; at++)
			if (counters[at].id == body->caps[i].id &&
			    counters[at].cap > body->caps[i].cap)
				counters[at].cap = body->caps[i].cap;
}
