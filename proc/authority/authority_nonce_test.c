/* SPDX-License-Identifier: Apache-2.0 */
#include "authority_nonce.h"

#include "base_test.h"
#include "keys.h"

#define VALID_MS (AUTHORITY_NONCE_VALID_S * UINT64_C(1000))
#define START_MS UINT64_C(5000)

static struct authority_nonces nonces;
static uint8_t given[AUTHORITY_NONCES_MAX + 1][32];

static void begin(void)
{
	memset(&nonces, 0, sizeof(nonces));
}

static void give(size_t count)
{
	for (size_t i = 0; i < count; i++)
		authority_nonce_give(&nonces, START_MS, given[i]);
}

static bool looks(const uint8_t nonce[32])
{
	return authority_nonce_fits(&nonces, START_MS, nonce, false);
}

static bool uses(const uint8_t nonce[32])
{
	return authority_nonce_fits(&nonces, START_MS, nonce, true);
}

/* H1 */
static void test_a_nonce_is_taken_once_however_often_it_was_looked_at(void)
{
	begin();
	give(3);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(looks(given[1]));
	EXPECT(uses(given[1]));
	EXPECT(!uses(given[1]));
	EXPECT(!looks(given[1]));
	EXPECT(uses(given[0]) && uses(given[2])); /* the others stand */
}

static void test_what_was_not_given_out_is_refused(void)
{
	static const uint8_t zeros[32];
	unsigned refused = 0;

	begin();
	EXPECT(!looks(zeros) && !uses(zeros)); /* what an empty row holds */
	give(1);
	for (size_t bit = 0; bit < 256; bit++) {
		uint8_t bent[32];

		memcpy(bent, given[0], 32);
		bent[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused += !uses(bent);
	}
	EXPECT(refused == 256);
	EXPECT(uses(given[0]));
}

/* P15: what was refused for load may come again, with the same signature, and once. */
static void test_a_nonce_that_is_returned_is_good_once_more(void)
{
	uint8_t unknown[32] = {1};

	begin();
	give(3);
	EXPECT(uses(given[1]) && !uses(given[1]));
	authority_nonce_return(&nonces, given[1]);
	EXPECT(uses(given[1]) && !looks(given[1]));
	authority_nonce_return(&nonces, unknown);
	EXPECT(!looks(unknown));
	authority_nonce_return(&nonces, given[2]);
	EXPECT(!authority_nonce_fits(&nonces, START_MS + AUTHORITY_NONCE_VALID_S * 1000 + 1,
	                             given[2], true));
}

static void test_a_nonce_expires(void)
{
	uint8_t old[32], young[32];

	begin();
	authority_nonce_give(&nonces, START_MS, old);
	authority_nonce_give(&nonces, START_MS + 1, young);
	EXPECT(authority_nonce_fits(&nonces, START_MS + VALID_MS, old, false));
	EXPECT(!authority_nonce_fits(&nonces, START_MS + VALID_MS + 1, old, false));
	EXPECT(!authority_nonce_fits(&nonces, START_MS + VALID_MS + 1, old, true));
	EXPECT(!authority_nonce_fits(&nonces, UINT64_MAX, old, true));
	EXPECT(authority_nonce_fits(&nonces, START_MS + VALID_MS + 1, young, true));
}

/* No two are the same, and the one more that there is no room for takes the oldest one's. */
static void test_their_number_is_bounded_and_the_oldest_gives_way(void)
{
	unsigned fit = 0, same = 0;

	begin();
	give(AUTHORITY_NONCES_MAX);
	for (size_t i = 0; i < AUTHORITY_NONCES_MAX; i++)
		fit += looks(given[i]);
	EXPECT(fit == AUTHORITY_NONCES_MAX);
	for (size_t i = 1; i < AUTHORITY_NONCES_MAX; i++)
		same += memcmp(given[i], given[i - 1], 32) == 0;
	EXPECT(same == 0);
	authority_nonce_give(&nonces, START_MS, given[AUTHORITY_NONCES_MAX]);
	EXPECT(!uses(given[0]));
	EXPECT(uses(given[1]) && uses(given[AUTHORITY_NONCES_MAX]));
	/* A row that was used up is given out again, with another nonce. */
	authority_nonce_give(&nonces, START_MS, given[0]);
	EXPECT(!looks(given[1]) && uses(given[0]));
}

int main(void)
{
	keys_open();
	RUN(test_a_nonce_is_taken_once_however_often_it_was_looked_at);
	RUN(test_what_was_not_given_out_is_refused);
	RUN(test_a_nonce_that_is_returned_is_good_once_more);
	RUN(test_a_nonce_expires);
	RUN(test_their_number_is_bounded_and_the_oldest_gives_way);
	return test_summary();
}
