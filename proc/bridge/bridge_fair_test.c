/* Whose turn it is: a flood waits behind itself, batches pay for what they take, nobody is passed
 * over for ever. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_fair.h"

#include "base_test.h"

#define STRANGER BRIDGE_FAIR_CLIENTS

static struct bridge_fair fair;
static struct bridge_fair_known known;

static void begin(uint32_t open_max, uint32_t waiting_max)
{
	bridge_fair_init(&fair, open_max, waiting_max);
}

/* U5, A25. */
static void test_one_request_waits_for_one_of_each_other_client_and_no_more(void)
{
	begin(64, 500);
	for (uint32_t i = 0; i < 500; i++)
		EXPECT(bridge_fair_add(&fair, i, 7, 1, 0)); /* a flood */
	EXPECT(bridge_fair_add(&fair, 900, 8, 1, 0));
	EXPECT(bridge_fair_next(&fair, 64) == 0);
	EXPECT(bridge_fair_next(&fair, 64) == 900);
	EXPECT(bridge_fair_next(&fair, 64) == 1);
}

static void test_a_bucket_has_no_more_open_than_it_may_and_others_go_on(void)
{
	begin(3, 500);
	for (uint32_t i = 0; i < 10; i++)
		EXPECT(bridge_fair_add(&fair, i, 7, 1, 0));
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT(bridge_fair_next(&fair, 64) == i);
		bridge_fair_asked(&fair, 7, 1);
	}
	EXPECT(bridge_fair_next(&fair, 64) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_add(&fair, 900, 8, 1, 0));
	EXPECT(bridge_fair_next(&fair, 64) == 900);
	bridge_fair_answered(&fair, 7, 1);
	EXPECT(bridge_fair_next(&fair, 64) == 3);
	EXPECT(bridge_fair_next(&fair, 64) == 4); /* nobody said that 3 was asked */
}

static void test_more_than_it_may_let_wait_is_refused(void)
{
	begin(64, 5);
	for (uint32_t i = 0; i < 5; i++)
		EXPECT(bridge_fair_add(&fair, i, 7, 1, 0));
	EXPECT(!bridge_fair_add(&fair, 5, 7, 1, 0));
	EXPECT(bridge_fair_add(&fair, 5, 8, 1, 0));
	bridge_fair_remove(&fair, 2);
	EXPECT(bridge_fair_add(&fair, 6, 7, 1, 0));
}

/* A batch of sixteen takes sixteen turns: two clients of one load get one share each. */
static void test_a_batch_pays_for_its_items(void)
{
	uint32_t items[2] = {0, 0};

	begin(64, 500);
	for (uint32_t i = 0; i < 400; i++) {
		EXPECT(bridge_fair_add(&fair, i, 7, 16, 0));
		EXPECT(bridge_fair_add(&fair, 400 + i, 8, 1, 0));
	}
	for (unsigned i = 0; i < 340; i++) {
		uint32_t request = bridge_fair_next(&fair, 64);
		uint32_t cost = request < 400 ? 16 : 1;

		items[request >= 400] += cost;
		bridge_fair_asked(&fair, request < 400 ? 7 : 8, cost);
		bridge_fair_answered(&fair, request < 400 ? 7 : 8, cost);
	}
	EXPECT(items[0] > 300 && items[0] < 340);
	EXPECT(items[1] > 300 && items[1] < 340);
}

/* One that needs more room than there is keeps its turn: smaller ones do not take it away. */
static void test_a_batch_is_not_starved_by_single_requests(void)
{
	begin(64, 500);
	EXPECT(bridge_fair_add(&fair, 0, 7, 16, 0));
	for (uint32_t i = 1; i < 100; i++)
		EXPECT(bridge_fair_add(&fair, i, 7 + i, 1, 0));
	EXPECT(bridge_fair_next(&fair, 15) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_next(&fair, 1) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_next(&fair, 16) == 0);
	EXPECT(bridge_fair_next(&fair, 1) == 1);
}

static void test_strangers_have_a_quarter_beside_clients_and_all_when_alone(void)
{
	unsigned strangers = 0;

	begin(64, 500);
	for (uint32_t i = 0; i < 200; i++) {
		EXPECT(bridge_fair_add(&fair, i, i % 4, 1, 0));
		EXPECT(bridge_fair_add(&fair, 500 + i, STRANGER + i, 1, 0)); /* as many addresses */
	}
	for (unsigned i = 0; i < 200; i++)
		strangers += bridge_fair_next(&fair, 64) >= 500;
	EXPECT(strangers == 50);
	for (unsigned i = 0; i < 200; i++)
		EXPECT(bridge_fair_next(&fair, 64) != BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_next(&fair, 64) == BRIDGE_FAIR_NONE);
}

/* A7, O9: who proved at the operators' door that he is one waits behind nobody but himself. */
static void test_operators_come_before_everybody_and_not_with_more_than_may_be_open(void)
{
	begin(2, 500);
	for (uint32_t i = 0; i < 200; i++) {
		EXPECT(bridge_fair_add(&fair, i, i % BRIDGE_FAIR_CLIENTS, 1, 0));
		EXPECT(bridge_fair_add(&fair, 200 + i, STRANGER + i, 1, 0));
	}
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(bridge_fair_add(&fair, 900 + i, BRIDGE_FAIR_OPERATORS, 1, 0));
	for (uint32_t i = 0; i < 2; i++) {
		EXPECT(bridge_fair_next(&fair, 64) == 900 + i);
		bridge_fair_asked(&fair, BRIDGE_FAIR_OPERATORS, 1);
	}
	EXPECT(bridge_fair_next(&fair, 64) < 400); /* two are open: the others go on */
	bridge_fair_answered(&fair, BRIDGE_FAIR_OPERATORS, 1);
	EXPECT(bridge_fair_next(&fair, 64) == 902);
}

/* Whatever is added, removed and taken in whatever order: each comes out once, or was removed. */
static void test_nothing_is_lost_and_nothing_comes_twice(void)
{
	static uint8_t state[BRIDGE_FAIR_MAX]; /* 1: waits */
	uint32_t waiting = 0, random = 12345, taken = 0;

	begin(1000, 1000);
	for (unsigned step = 0; step < 200000; step++) {
		uint32_t request;

		random = random * 1664525 + 1013904223;
		request = (random >> 8) % BRIDGE_FAIR_MAX;
		if (state[request] == 0 && (random >> 28) < 9) {
			EXPECT(bridge_fair_add(&fair, request, (random >> 18) % 16 * 32, 1, 0));
			state[request] = 1;
			waiting++;
		} else if (state[request] == 1 && (random >> 28) < 3) {
			bridge_fair_remove(&fair, request);
			state[request] = 0;
			waiting--;
		} else {
			request = bridge_fair_next(&fair, 64);
			EXPECT((request == BRIDGE_FAIR_NONE) == (waiting == 0));
			if (request == BRIDGE_FAIR_NONE)
				continue;
			EXPECT(state[request] == 1);
			state[request] = 0;
			waiting--;
			taken++;
		}
	}
	while (waiting-- > 0)
		EXPECT(bridge_fair_next(&fair, 64) != BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_next(&fair, 64) == BRIDGE_FAIR_NONE && taken > 10000);
}

static void test_a_token_is_known_until_the_signer_refuses_it(void)
{
	uint64_t token, other, address;

	known = (struct bridge_fair_known){.key = UINT64_C(0x123456789abcdef1)};
	token = bridge_fair_tag(&known, bytes_of_text("a token"));
	other = bridge_fair_tag(&known, bytes_of_text("a tokem"));
	address = bridge_fair_tag(&known, bytes_of("\x7f\0\0\x01", 4));
	EXPECT(token != other && token != 0);
	EXPECT(bridge_fair_bucket_of(&known, token, address) >= STRANGER);
	/* Answers that nobody looked for a client for (malformed bytes, a batch given up, a store
	 * that is away) make no stranger known. */
	EXPECT(!bridge_fair_hear(&known, token, false, false, false));
	EXPECT(bridge_fair_bucket_of(&known, token, address) >= STRANGER);
	EXPECT(bridge_fair_hear(&known, token, false, true, false));
	EXPECT(bridge_fair_bucket_of(&known, token, address) < STRANGER);
	EXPECT(bridge_fair_hear(&known, token, true, false, false)); /* nor a client unknown */
	EXPECT(bridge_fair_bucket_of(&known, token, address) < STRANGER);
	EXPECT(bridge_fair_bucket_of(&known, other, address) >= STRANGER);
	EXPECT(bridge_fair_bucket_of(&known, 0, address) >= STRANGER);
	EXPECT(!bridge_fair_hear(&known, 0, false, true, false)); /* no token was sent */
	EXPECT(!bridge_fair_hear(&known, token, true, false, true));
	EXPECT(bridge_fair_bucket_of(&known, token, address) >= STRANGER);
}

/* Whatever takes turns with what: who came first is late first, one of a bucket that others wait in
 * and one alone. */
static void test_who_waits_too_long_is_found_in_the_order_of_coming(void)
{
	begin(0, 500);
	for (uint32_t i = 0; i < 8; i++)
		EXPECT(bridge_fair_add(&fair, i, i % 3, 1, 1000 + 10 * i));
	bridge_fair_remove(&fair, 0);
	bridge_fair_remove(&fair, 4);
	bridge_fair_remove(&fair, 7);
	EXPECT(bridge_fair_next(&fair, 64) == 3); /* its turn came; the rest waits on */
	EXPECT(bridge_fair_late(&fair, 1010) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_late(&fair, 1011) == 1);
	EXPECT(bridge_fair_late(&fair, 1051) == 2);
	EXPECT(bridge_fair_late(&fair, 1051) == 5);
	EXPECT(bridge_fair_late(&fair, 1051) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_next(&fair, 64) == 6);
	EXPECT(bridge_fair_late(&fair, UINT64_MAX) == BRIDGE_FAIR_NONE);
	EXPECT(bridge_fair_add(&fair, 1, 0, 1, 2000));
	EXPECT(bridge_fair_late(&fair, 2001) == 1);
}

static void test_tags_spread_and_tell_lengths_apart(void)
{
	uint32_t used[BRIDGE_FAIR_CLIENTS] = {0};
	uint64_t zeros[2] = {bridge_fair_tag(&known, bytes_of("\0\0\0", 2)),
	                     bridge_fair_tag(&known, bytes_of("\0\0\0", 3))};

	EXPECT(zeros[0] != zeros[1]);
	for (uint32_t i = 0; i < 25600; i++)
		used[bridge_fair_tag(&known, bytes_of(&i, sizeof(i))) % BRIDGE_FAIR_CLIENTS]++;
	for (size_t i = 0; i < BRIDGE_FAIR_CLIENTS; i++)
		EXPECT(used[i] > 40 && used[i] < 200); /* 100 each */
}

int main(void)
{
	RUN(test_one_request_waits_for_one_of_each_other_client_and_no_more);
	RUN(test_a_bucket_has_no_more_open_than_it_may_and_others_go_on);
	RUN(test_more_than_it_may_let_wait_is_refused);
	RUN(test_a_batch_pays_for_its_items);
	RUN(test_a_batch_is_not_starved_by_single_requests);
	RUN(test_strangers_have_a_quarter_beside_clients_and_all_when_alone);
	RUN(test_operators_come_before_everybody_and_not_with_more_than_may_be_open);
	RUN(test_nothing_is_lost_and_nothing_comes_twice);
	RUN(test_a_token_is_known_until_the_signer_refuses_it);
	RUN(test_who_waits_too_long_is_found_in_the_order_of_coming);
	RUN(test_tags_spread_and_tell_lengths_apart);
	return test_summary();
}
