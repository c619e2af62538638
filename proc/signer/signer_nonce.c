/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_nonce.h"

#include "base_check.h"
#include "keys.h"

bool signer_nonce_read(const struct solana_view *view, struct authz_nonce *ret_nonce)
{
	int account = solana_nonce_account(view);
	const uint8_t *key =
	    account == SOLANA_ABSENT ? NULL : solana_account_key(view, (unsigned)account);

	if (key == NULL)
		return false;
	memcpy(ret_nonce->account, key, 32);
	memcpy(ret_nonce->value, solana_lifetime(view), 32);
	return true;
}

bool signer_nonce_is_proven(const uint8_t value[32], const uint8_t origin[32])
{
	/* DurableNonce::from_blockhash of the runtime (solana-nonce) */
	struct bytes parts[2] = {bytes_of_text("DURABLE_NONCE"), bytes_of(origin, 32)};
	uint8_t made[32];

	keys_sha256(parts, 2, made);
	return memcmp(made, value, 32) == 0;
}

size_t signer_nonce_find(const struct signer_grant *grant, const struct authz_nonce *nonce)
{
	for (size_t i = grant->meter.lease.nonce_count; i-- > 0;)
		if (memcmp(&grant->meter.lease.nonces[i], nonce, sizeof(*nonce)) == 0)
			return i;
	return SIGNER_NONCE_NONE;
}

/* The oldest row that is durable gives way: one that is being written is about to be used. */
static bool drop_oldest(struct signer_grant *grant)
{
	size_t at = 0, behind;

	while (at < AUTHZ_NONCES_MAX && grant->nonces[at].state != SIGNER_NONCE_DURABLE)
		at++;
	if (at == AUTHZ_NONCES_MAX)
		return false;
	behind = AUTHZ_NONCES_MAX - at - 1;
	memmove(&grant->meter.lease.nonces[at], &grant->meter.lease.nonces[at + 1],
	        behind * sizeof(grant->meter.lease.nonces[0]));
	memmove(&grant->nonces[at], &grant->nonces[at + 1], behind * sizeof(grant->nonces[0]));
	grant->meter.lease.nonce_count--;
	grant->meter.lease.nonces_before++;
	return true;
}

bool signer_nonce_ready(struct signer_state *state, struct signer_grant *grant,
                        const struct authz_nonce *nonce)
{
	size_t row = signer_nonce_find(grant, nonce);

	if (row == SIGNER_NONCE_NONE) {
		if (grant->meter.lease.nonce_count == AUTHZ_NONCES_MAX && !drop_oldest(grant))
			return false;
		row = grant->meter.lease.nonce_count++;
		grant->meter.lease.nonces[row] = *nonce;
		grant->nonces[row] = (struct signer_nonce){.state = SIGNER_NONCE_NEW};
	}
	if (grant->nonces[row].state == SIGNER_NONCE_NEW)
		signer_meter_renew(state, &grant->meter, NULL);
	return grant->nonces[row].state == SIGNER_NONCE_DURABLE;
}

uint64_t signer_nonce_counted(const struct signer_grant *grant, size_t row, size_t counter)
{
	CHECK(counter < grant->meter.lease.count);
	if (row == SIGNER_NONCE_NONE || grant->meter.rules[counter].unit == AUTHZ_UNIT_USES)
		return 0;
	return grant->nonces[row].counted[counter];
}

uint64_t signer_nonce_counted_limit(const struct signer_grant *grant, size_t row,
                                    const struct signer_limits *limits, size_t counter)
{
	CHECK(counter < limits->meter.lease.count);
	if (row == SIGNER_NONCE_NONE || limits->meter.rules[counter].unit == AUTHZ_UNIT_USES ||
	    grant->nonces[row].limits_version != limits->version)
		return 0;
	return grant->nonces[row].limits_counted[counter];
}
