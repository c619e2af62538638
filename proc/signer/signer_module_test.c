/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_module.h"

#include <dirent.h>
#include <stdio.h>

#include "base_check.h"
#include "base_test.h"
#include "policy_intent.h"

static const struct signer_module_use none;

static bool fits(const struct signer_module_bounds *bounds, struct signer_module_use all,
                 struct signer_module_use user, uint64_t count, uint64_t bytes, const char *why)
{
	struct signer_module_use added = {count, bytes};
	const char *said = signer_module_refusal(bounds, &all, &user, &added);

	if (said == NULL)
		return why == NULL;
	return why != NULL && strcmp(said, why) == 0;
}

/* P9, A25: a deployment takes 131,072 modules and 2 GiB of them; up to both, and no further. */
static void test_a_deployment_takes_so_many_and_no_more(void)
{
	const struct signer_module_bounds b = signer_module_bounds(0);

	EXPECT(b.all.count == 131072 && b.all.bytes == UINT64_C(1) << 31 && b.offers == 256);
	EXPECT(fits(&b, (struct signer_module_use){131071, 5}, none, 1, 7, NULL));
	EXPECT(fits(&b, (struct signer_module_use){131072, 5}, none, 1, 7,
	            "this deployment keeps 131072 modules and lookup tables of at most 131072; "
	            "this is 1 more"));
	EXPECT(fits(&b, (struct signer_module_use){131070, 5}, none, 3, 7,
	            "this deployment keeps 131070 modules and lookup tables of at most 131072; "
	            "this is 3 more"));
	EXPECT(fits(&b, (struct signer_module_use){9, b.all.bytes - 7}, none, 1, 7, NULL));
	EXPECT(fits(&b, (struct signer_module_use){9, b.all.bytes - 7}, none, 1, 8,
	            "this deployment keeps modules and lookup tables of 2147483641 bytes, of at "
	            "most 2147483648; "
	            "this is 8 more"));
	/* No number wraps. */
	EXPECT(!fits(&b, (struct signer_module_use){UINT64_MAX, 0}, none, 1, 1, NULL));
	EXPECT(!fits(&b, (struct signer_module_use){1, UINT64_MAX}, none, 1, 1, NULL));
	EXPECT(!fits(&b, (struct signer_module_use){1, 1}, none, 1, UINT64_MAX, NULL));
}

/* A25: one user has an eighth of either. */
static void test_a_user_has_an_eighth(void)
{
	const struct signer_module_bounds b = signer_module_bounds(0);

	EXPECT(b.user.count == 16384 && b.user.bytes == UINT64_C(256) << 20);
	EXPECT(fits(&b, none, (struct signer_module_use){16383, 0}, 1, 1, NULL));
	EXPECT(fits(&b, none, (struct signer_module_use){16384, 0}, 1, 1,
	            "the grants of this user keep 16384 modules and lookup tables of at most "
	            "16384; this is 1 more"));
	EXPECT(fits(&b, none, (struct signer_module_use){1, b.user.bytes}, 1, 0, NULL));
	EXPECT(fits(
	    &b, none, (struct signer_module_use){1, b.user.bytes}, 1, 1,
	    "the grants of this user keep modules and lookup tables of 268435456 bytes, of at most "
	    "268435456; this is 1 more"));
}

/* On a data disk modules have half of the state's place, and what is on offer, whole modules, no
 * more than a user. */
static void test_a_small_disk_takes_less(void)
{
	struct signer_module_bounds b = signer_module_bounds(UINT64_C(64) << 20);

	EXPECT(b.all.bytes == UINT64_C(32) << 20 && b.user.bytes == UINT64_C(4) << 20);
	EXPECT(b.offers == 16 && b.all.count == 131072);
	b = signer_module_bounds(1000);
	EXPECT(b.all.bytes == 500 && b.user.bytes == 62 && b.offers == 1);
	b = signer_module_bounds(UINT64_C(1) << 44);
	EXPECT(b.all.bytes == LIMIT_MODULE_BYTES_MAX && b.offers == 256);
}

/* A25: whoever has most places gives up his oldest, so a flood of one, or of as many as there are
 * places for, pushes out nobody who has fewer. */
static void test_a_flood_pushes_out_its_own_offers(void)
{
	static struct signer_offers offers;
	uint8_t flood[32] = {1}, quiet[32] = {2}, other[32] = {3}, hash[32] = {0};
	size_t place, at;

	hash[31] = 7;
	place = signer_offers_add(&offers, 256, hash, quiet);
	for (uint32_t i = 1; i <= 2000; i++) { /* all places eight times over */
		memcpy(hash, &i, sizeof(i));
		at = signer_offers_add(&offers, 256, hash, flood);
		EXPECT(at < 256 && at != place);
		EXPECT(signer_offers_find(&offers, hash, flood, &at));
	}
	memset(hash, 0, sizeof(hash));
	hash[31] = 7;
	EXPECT(signer_offers_find(&offers, hash, NULL, &at) && at == place);
	EXPECT(!signer_offers_find(&offers, hash, flood, &at));
	/* A third one has as many as he wants, up to half. */
	for (uint32_t i = 1; i <= 1000; i++) {
		memcpy(hash, &i, sizeof(i));
		hash[30] = 9;
		(void)signer_offers_add(&offers, 256, hash, other);
		at = 0;
		for (size_t j = 0; j < 256; j++)
			at += offers.rows[j].party[0] == 3;
		EXPECT(at == (i < 128 ? i : 128));
	}
	EXPECT(offers.rows[place].party[0] == 2);
	/* The oldest of his own goes first. */
	hash[0] = 200; /* of 1000: 0x3e8 is the last */
	hash[1] = 1;
	EXPECT(!signer_offers_find(&offers, hash, other, &at));
	hash[0] = 0xe8;
	hash[1] = 3;
	EXPECT(signer_offers_find(&offers, hash, other, &at));
}

/* Where all have one, the oldest goes; where one place is, the last has it. */
static void test_places_go_by_age_among_equals(void)
{
	struct signer_offers offers = {.added = 0};
	uint8_t party[32] = {0}, hash[32] = {0};

	for (uint8_t i = 0; i < 20; i++) {
		party[0] = hash[0] = i;
		EXPECT(signer_offers_add(&offers, 8, hash, party) == i % 8);
	}
	for (uint8_t i = 0; i < 5; i++) {
		hash[1] = i;
		EXPECT(signer_offers_add(&offers, 1, hash, party) == 0);
	}
	EXPECT(offers.added == 25);
}

static struct bytes read_module(const char *name, uint8_t space[LIMIT_MODULE_MAX])
{
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), BUILD_DIR "/share/intents/%s", name);
	file = fopen(path, "rb");
	CHECK(file != NULL);
	len = fread(space, 1, LIMIT_MODULE_MAX, file);
	fclose(file);
	return bytes_of(space, len);
}

/* P9: every intent of the library comes back byte for byte from what is kept of it and the
 * evaluator, and a rest that was cut or bent gives an error or other bytes, never more than there
 * are. */
static void test_an_intent_is_its_rest_and_the_evaluator(void)
{
	static uint8_t space[LIMIT_MODULE_MAX], rest_space[LIMIT_MODULE_MAX],
	    whole_space[LIMIT_MODULE_MAX];
	static const uint8_t hash[32] = {7, 8, 9};
	DIR *folder = opendir(BUILD_DIR "/share/intents");
	struct dirent *entry;
	unsigned count = 0;

	CHECK(folder != NULL);
	while ((entry = readdir(folder)) != NULL) {
		struct buffer rest = BUFFER_OF_ARRAY(rest_space),
		              whole = BUFFER_OF_ARRAY(whole_space);
		struct bytes module;
		uint8_t found[32];

		if (strstr(entry->d_name, ".wasm") == NULL)
			continue;
		count++;
		module = read_module(entry->d_name, space);
		EXPECT(!policy_intent_is_rest(module, found));
		EXPECT(policy_intent_rest(module, hash, &rest) == STATUS_OK);
		EXPECT(rest.len < module.len / 2);
		EXPECT(policy_intent_is_rest(buffer_bytes(&rest), found) &&
		       memcmp(found, hash, 32) == 0);
		EXPECT(policy_intent_whole(policy_intent_shared(), buffer_bytes(&rest), &whole) ==
		       STATUS_OK);
		EXPECT(bytes_equal(buffer_bytes(&whole), module));
		for (size_t len = 0; len < 60; len++) {
			whole.len = 0;
			EXPECT(policy_intent_whole(policy_intent_shared(),
			                           bytes_of(rest_space, len),
			                           &whole) != STATUS_OK ||
			       !bytes_equal(buffer_bytes(&whole), module));
		}
		for (size_t at = 0; at < 12 * 8; at++) {
			rest_space[at / 8] ^= (uint8_t)(1u << at % 8);
			whole.len = 0;
			EXPECT(policy_intent_whole(policy_intent_shared(), buffer_bytes(&rest),
			                           &whole) != STATUS_OK ||
			       !bytes_equal(buffer_bytes(&whole), module));
			rest_space[at / 8] ^= (uint8_t)(1u << at % 8);
		}
	}
	closedir(folder);
	EXPECT(count >= 19);
}

int main(void)
{
	RUN(test_a_deployment_takes_so_many_and_no_more);
	RUN(test_a_user_has_an_eighth);
	RUN(test_a_small_disk_takes_less);
	RUN(test_a_flood_pushes_out_its_own_offers);
	RUN(test_places_go_by_age_among_equals);
	RUN(test_an_intent_is_its_rest_and_the_evaluator);
	return test_summary();
}
