/* A client's ceilings: each stops the next signature, none stops too early, and time gives all
 * back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_ceiling.h"

#include "base_test.h"

#define BEGAN_MS UINT64_C(1234567)

static struct signer_ceiling ceiling;
static const uint8_t bot[32] = {1}, other[32] = {2};

static void begin(struct signer_ceilings most)
{
	free(ceiling.meters.entries);
	free(ceiling.meters.buckets);
	ceiling = (struct signer_ceiling){
	    .most = {0, 0, 0}
        };
	signer_ceiling_open(&ceiling, most);
}

static bool sign(const uint8_t client[32], uint8_t wallet, uint64_t lamports, uint64_t now_ms)
{
	uint8_t id[32] = {wallet, 9};
	const struct signer_ceiling_ask ask = {client, id, lamports};

	if (signer_ceiling_passed(&ceiling, &ask, 1, now_ms) != NULL)
		return false;
	signer_ceiling_count(&ceiling, &ask, now_ms);
	return true;
}

static void test_without_ceilings_nothing_is_stopped_or_kept(void)
{
	begin((struct signer_ceilings){0, 0, 0});
	for (uint64_t i = 0; i < 1000; i++)
		EXPECT(sign(bot, (uint8_t)i, UINT64_MAX, BEGAN_MS));
	EXPECT(ceiling.meters.count == 0);
}

static void test_signatures_of_any_second_stay_under_the_ceiling(void)
{
	uint64_t signed_at[4000], count = 0;

	begin((struct signer_ceilings){.signatures_second = 10});
	for (uint64_t ms = 0; ms < 4000; ms++)
		if (sign(bot, 1, 0, BEGAN_MS + ms * 7 / 3))
			signed_at[count++] = ms * 7 / 3;
	EXPECT(count >= 90 && count <= 110); /* of 9.3 s */
	/* A burst at the end of one second and one at the beginning of the next are twice as much
	 * at most. */
	for (size_t i = 20; i < count; i++)
		EXPECT(signed_at[i] - signed_at[i - 20] >= 1000);
	EXPECT(sign(other, 1, 0, BEGAN_MS)); /* which has a ceiling of its own */
}

static void test_a_wallet_too_many_in_a_minute_is_stopped_a_known_one_is_not(void)
{
	begin((struct signer_ceilings){.wallets_minute = 3});
	for (uint8_t wallet = 1; wallet <= 3; wallet++)
		EXPECT(sign(bot, wallet, 0, BEGAN_MS + wallet));
	EXPECT(!sign(bot, 4, 0, BEGAN_MS + 10));
	EXPECT(sign(bot, 2, 0, BEGAN_MS + 10));
	EXPECT(!sign(bot, 4, 0, BEGAN_MS + 60000));
	EXPECT(sign(bot, 4, 0, BEGAN_MS + 60001));
}

static void test_lamports_of_an_hour_are_counted_to_the_last_one(void)
{
	begin((struct signer_ceilings){.lamports_hour = 1000});
	EXPECT(sign(bot, 1, 400, BEGAN_MS));
	EXPECT(sign(bot, 1, 600, BEGAN_MS + 1000));
	EXPECT(!sign(bot, 1, 1, BEGAN_MS + 2000));
	EXPECT(sign(bot, 1, 0, BEGAN_MS + 2000));
	for (uint64_t minute = 1; minute < 60; minute++)
		EXPECT(!sign(bot, 1, 1, BEGAN_MS + minute * 60000));
	EXPECT(!sign(bot, 1, 1, BEGAN_MS + 3600000)); /* within the hour of the second one */
	EXPECT(sign(bot, 1, 1000, BEGAN_MS + 3720000));
	EXPECT(!sign(bot, 1, UINT64_MAX, BEGAN_MS + 3720000));
	EXPECT(sign(bot, 1, 1000, BEGAN_MS + UINT64_C(30) * 24 * 3600000)); /* long idle */
}

static void test_an_operator_who_lifts_a_freeze_begins_the_count_anew(void)
{
	begin((struct signer_ceilings){.lamports_hour = 5});
	EXPECT(sign(bot, 1, 5, BEGAN_MS) && sign(other, 1, 5, BEGAN_MS));
	signer_ceiling_forget(&ceiling, bot);
	EXPECT(sign(bot, 1, 5, BEGAN_MS));
	EXPECT(!sign(other, 1, 1, BEGAN_MS));
}

/* What is asked for together counts together, each client's by itself: the first that would pass.
 */
static void test_a_batch_passes_a_ceiling_that_its_parts_do_not(void)
{
	static const uint8_t wallets[4][32] = {{1}, {2}, {2}, {3}};
	struct signer_ceiling_ask asks[4];
	const struct {
		struct signer_ceilings most;
		size_t fits; /* so many of the bot's */
	} cases[] = {
	    {{.signatures_second = 3}, 3},
	    {{.wallets_minute = 2},    3},
	    {{.lamports_hour = 20},    2},
	    {{.lamports_hour = 40},    4},
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		begin(cases[c].most);
		for (size_t i = 0; i < 4; i++)
			asks[i] = (struct signer_ceiling_ask){bot, wallets[i], 10};
		for (size_t count = 1; count <= 4; count++)
			EXPECT((signer_ceiling_passed(&ceiling, asks, count, BEGAN_MS) == NULL) ==
			       (count <= cases[c].fits));
		asks[0].client = asks[1].client = asks[2].client = other;
		EXPECT(signer_ceiling_passed(&ceiling, asks, 4, BEGAN_MS) == NULL);
	}
}

int main(void)
{
	RUN(test_a_batch_passes_a_ceiling_that_its_parts_do_not);
	RUN(test_without_ceilings_nothing_is_stopped_or_kept);
	RUN(test_signatures_of_any_second_stay_under_the_ceiling);
	RUN(test_a_wallet_too_many_in_a_minute_is_stopped_a_known_one_is_not);
	RUN(test_lamports_of_an_hour_are_counted_to_the_last_one);
	RUN(test_an_operator_who_lifts_a_freeze_begins_the_count_anew);
	free(ceiling.meters.entries);
	free(ceiling.meters.buckets);
	return test_summary();
}
