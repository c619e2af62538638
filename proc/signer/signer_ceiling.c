/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_ceiling.h"

#include "base_check.h"

#define SECOND_MS  1000
#define MINUTE_MS  60000
#define HOUR_PARTS 60 /* one more is kept, so that a whole hour is always covered */

/* What a client had signed lately. Counts of a second and a minute begin with the first signature
 * in them, so that no boundary of the clock allows twice as much. */
struct meter {
	struct signer_cache_head head;
	uint64_t second_began_ms, signatures;
	uint64_t minute_began_ms;
	size_t wallets;
	uint8_t wallet[LIMIT_CLIENT_WALLETS_MAX][32];
	uint64_t part; /* number of the newest minute in `lamports` */
	uint64_t lamports[HOUR_PARTS + 1];
};

void signer_ceiling_open(struct signer_ceiling *ceiling, struct signer_ceilings most)
{
	CHECK(most.wallets_minute <= LIMIT_CLIENT_WALLETS_MAX);
	ceiling->most = most;
	if (most.signatures_second != 0 || most.wallets_minute != 0 || most.lamports_hour != 0)
		signer_cache_init(&ceiling->meters, SIGNER_CEILING_CLIENTS, sizeof(struct meter));
}

static bool is_off(const struct signer_ceiling *ceiling)
{
	return ceiling->meters.count == 0;
}

/* Lets go what is too old to count. */
static void age(struct meter *meter, uint64_t now_ms)
{
	uint64_t part = now_ms / MINUTE_MS;

	if (now_ms - meter->second_began_ms >= SECOND_MS)
		meter->signatures = 0;
	if (now_ms - meter->minute_began_ms >= MINUTE_MS)
		meter->wallets = 0;
	for (size_t i = 0; meter->part < part && i <= HOUR_PARTS; i++)
		meter->lamports[++meter->part % (HOUR_PARTS + 1)] = 0;
	meter->part = part;
}

static struct meter *meter_of(struct signer_ceiling *ceiling, const uint8_t client[32],
                              uint64_t now_ms)
{
	struct meter *meter = signer_cache_claim(&ceiling->meters, client);

	CHECK(meter != NULL); /* none is ever pinned */
	age(meter, now_ms);
	return meter;
}

static bool has_wallet(const struct meter *meter, const uint8_t wallet[32])
{
	for (size_t i = 0; i < meter->wallets; i++)
		if (memcmp(meter->wallet[i], wallet, 32) == 0)
			return true;
	return false;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t hour_of(const struct meter *meter)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= HOUR_PARTS; i++)
		sum = add(sum, meter->lamports[i]);
	return sum;
}

static bool is_in(const struct signer_ceiling_ask *asks, size_t count,
                  const struct signer_ceiling_ask *ask)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(asks[i].client, ask->client, 32) == 0 &&
		    memcmp(asks[i].wallet, ask->wallet, 32) == 0)
			return true;
	return false;
}

const char *signer_ceiling_passed(struct signer_ceiling *ceiling,
                                  const struct signer_ceiling_ask *asks, size_t count,
                                  uint64_t now_ms)
{
	const struct signer_ceilings *most = &ceiling->most;
	const struct signer_ceiling_ask *last = &asks[count - 1];
	uint64_t signatures, lamports;
	const struct meter *meter;
	size_t wallets;
	bool is_new = false;

	if (is_off(ceiling))
		return NULL;
	meter = meter_of(ceiling, last->client, now_ms);
	signatures = meter->signatures;
	lamports = hour_of(meter);
	wallets = meter->wallets;
	for (size_t i = 0; i < count; i++) {
		if (memcmp(asks[i].client, last->client, 32) != 0)
			continue;
		signatures = add(signatures, 1);
		lamports = add(lamports, asks[i].lamports);
		is_new = !has_wallet(meter, asks[i].wallet) && !is_in(asks, i, &asks[i]);
		wallets += is_new;
	}
	if (most->signatures_second != 0 && signatures > most->signatures_second)
		return "signatures a second";
	if (most->wallets_minute != 0 && is_new && wallets > most->wallets_minute)
		return "wallets a minute";
	if (most->lamports_hour != 0 && lamports > most->lamports_hour)
		return "lamports an hour";
	return NULL;
}

void signer_ceiling_count(struct signer_ceiling *ceiling, const struct signer_ceiling_ask *ask,
                          uint64_t now_ms)
{
	struct meter *meter;
	uint64_t *part;

	if (is_off(ceiling))
		return;
	meter = meter_of(ceiling, ask->client, now_ms);
	if (meter->signatures++ == 0)
		meter->second_began_ms = now_ms;
	if (!has_wallet(meter, ask->wallet) && meter->wallets < LIMIT_CLIENT_WALLETS_MAX) {
		if (meter->wallets == 0)
			meter->minute_began_ms = now_ms;
		memcpy(meter->wallet[meter->wallets++], ask->wallet, 32);
	}
	part = &meter->lamports[meter->part % (HOUR_PARTS + 1)];
	*part = add(*part, ask->lamports);
}

void signer_ceiling_forget(struct signer_ceiling *ceiling, const uint8_t client[32])
{
	void *meter = is_off(ceiling) ? NULL : signer_cache_find(&ceiling->meters, client);

	if (meter != NULL)
		signer_cache_drop(&ceiling->meters, meter);
}
