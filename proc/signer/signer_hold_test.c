/* Places for what became less and is not durable yet: who finds one, and what it is charged to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_hold.h"

#include "base_test.h"

enum { KIND = 7 };

static struct signer_holds holds;
static struct signer_cache_head heads[2 * SIGNER_HOLDS_MAX];
static size_t used;

static void begin(void)
{
	memset(&holds, 0, sizeof(holds));
	memset(heads, 0, sizeof(heads));
	used = 0;
}

static struct signer_ask ask_of(unsigned user, bool lowers)
{
	struct signer_ask ask = {.need = SIGNER_NEED_LEASE, .lowers = lowers};

	ask.user[1] = (uint8_t)user;
	ask.user[2] = (uint8_t)(user >> 8);
	return ask;
}

/* How many a user gets, of `want` one after the other. */
static size_t take(const struct signer_ask *ask, size_t want)
{
	size_t got = 0;

	while (got < want && signer_holds_have_room(&holds, 1, ask)) {
		EXPECT(signer_holds_add(&holds, KIND, &heads[used++], ask));
		got++;
	}
	return got;
}

/* A25, R2: wrong codes, sessions, passed ceilings and the codes of grants, of however many users,
 * leave places for freezes and revocations, and for a change of as many wallets as one takes. */
static void test_what_is_no_users_freeze_never_takes_the_last_places(void)
{
	struct signer_ask freezes = ask_of(9999, true);

	begin();
	for (unsigned user = 0; user < 2000; user++) {
		struct signer_ask other = ask_of(user, false), note = signer_hold_note(other.user);

		(void)take(&other, SIGNER_HOLDS_MAX);
		(void)take(&note, SIGNER_HOLDS_MAX);
	}
	EXPECT(holds.count == SIGNER_HOLDS_MAX - SIGNER_HOLDS_SPARE);
	EXPECT(signer_holds_have_room(&holds, LIMIT_CHANGE_WALLETS_MAX, &freezes));
	EXPECT(take(&freezes, SIGNER_HOLDS_MAX) == SIGNER_HOLDS_SPARE / 2);
	/* And beyond the last places of the others they get none, but room for nothing is room. */
	for (unsigned user = 0; user < 3; user++) {
		struct signer_ask other = ask_of(5000 + user, false);

		EXPECT(!signer_holds_have_room(&holds, 1, &other));
		EXPECT(signer_holds_have_room(&holds, 0, &other));
	}
}

static void test_nobody_takes_more_than_he_leaves(void)
{
	struct signer_ask first = ask_of(1, true), second = ask_of(2, true);
	struct signer_ask noted = signer_hold_note(first.user);

	begin();
	EXPECT(!signer_holds_have_room(&holds, SIGNER_HOLDS_MAX + 1, &first));
	EXPECT(take(&first, SIGNER_HOLDS_MAX) == SIGNER_HOLDS_MAX / 2);
	EXPECT(!signer_holds_have_room(&holds, 1, &first));
	EXPECT(signer_holds_have_room(&holds, SIGNER_HOLDS_MAX / 2, &second));
	EXPECT(!signer_holds_have_room(&holds, SIGNER_HOLDS_MAX / 2 + 1, &second));
	/* What others bring about for him is counted apart from what he takes himself. */
	EXPECT(signer_holds_have_room(&holds, 1, &noted));
	EXPECT(take(&second, 100) == 100);
}

/* What is held already needs no place, and asks for the most that anybody asked for. */
static void test_an_entry_has_one_place(void)
{
	struct signer_ask lease = ask_of(1, true), less = ask_of(2, true);

	begin();
	less.need = SIGNER_NEED_LESS;
	EXPECT(take(&lease, 1) == 1 && heads[0].pins == 1);
	EXPECT(signer_holds_add(&holds, KIND, &heads[0], &less));
	EXPECT(holds.count == 1 && heads[0].pins == 1);
	EXPECT(holds.rows[0].need == SIGNER_NEED_LESS &&
	       memcmp(holds.rows[0].user, less.user, 32) == 0);
	EXPECT(signer_holds_add(&holds, KIND, &heads[0], &lease));
	EXPECT(holds.rows[0].need == SIGNER_NEED_LESS &&
	       memcmp(holds.rows[0].user, less.user, 32) == 0);
	for (unsigned user = 10; holds.count < SIGNER_HOLDS_MAX; user++) {
		struct signer_ask other = ask_of(user, true);

		(void)take(&other, SIGNER_HOLDS_MAX);
	}
	EXPECT(!signer_holds_add(&holds, KIND, &heads[used], &less) && heads[used].pins == 0);
	EXPECT(signer_holds_add(&holds, KIND, &heads[0], &less));
}

static void test_what_is_durable_gives_its_place_back(void)
{
	struct signer_ask ask = ask_of(1, true);

	begin();
	EXPECT(take(&ask, 10) == 10 && signer_holds_unwritten(&holds) == 10);
	for (size_t i = 0; i < 6; i++)
		holds.rows[i].batch = 3 + i % 2;
	EXPECT(signer_holds_unwritten(&holds) == 4);
	/* One that was lowered once more is in no batch again. */
	EXPECT(signer_holds_add(&holds, KIND, &heads[0], &ask));
	EXPECT(signer_holds_unwritten(&holds) == 5);
	signer_holds_end(&holds, 2);
	EXPECT(holds.count == 10);
	signer_holds_end(&holds, 3);
	EXPECT(holds.count == 8 && heads[0].pins == 1 && heads[2].pins == 0 && heads[4].pins == 0);
	EXPECT(signer_holds_find(&holds, &heads[0]) != NULL &&
	       signer_holds_find(&holds, &heads[2]) == NULL);
	signer_holds_end(&holds, SIGNER_HOLD_UNWRITTEN - 1);
	EXPECT(holds.count == 5 && signer_holds_unwritten(&holds) == 5);
}

int main(void)
{
	RUN(test_what_is_no_users_freeze_never_takes_the_last_places);
	RUN(test_nobody_takes_more_than_he_leaves);
	RUN(test_an_entry_has_one_place);
	RUN(test_what_is_durable_gives_its_place_back);
	return test_summary();
}
