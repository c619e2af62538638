/* Answers: what is no page of clients is refused (DS4: nothing is believed half). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_answer.h"

#include "base_test.h"

static struct authz_clients_answer page, back;
static uint8_t space[AUTHZ_ANSWER_MAX], again_space[AUTHZ_ANSWER_MAX];

static void fill_page(void)
{
	page = (struct authz_clients_answer){
	    .count = AUTHZ_CLIENTS_MAX,
	    .damaged_count = AUTHZ_CLIENTS_MAX,
	    .total = 65536,
	    .frozen = true,
	    .most = {50, 0, UINT64_MAX},
	    .more = true
        };
	for (size_t i = 0; i < AUTHZ_CLIENTS_MAX; i++) {
		struct authz_client_record *client = &page.clients[i];

		client->id[0] = (uint8_t)(2 * i + 1);
		memset(client->root_key, 255, 32);
		client->serial = UINT64_MAX;
		client->expires_s = i % 3 == 0 ? INT64_MAX : 0;
		client->frozen = i % 2 == 1;
		client->frozen_by = (uint8_t)(client->frozen ? i / 2 % AUTHZ_FREEZER_COUNT : 0);
		page.damaged[i][0] = (uint8_t)(2 * i + 2);
	}
	memset(page.after, 0, sizeof(page.after));
	page.after[0] = 2 * AUTHZ_CLIENTS_MAX;
}

/* opens puts the page and takes it again. */
static bool opens(void)
{
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_clients_answer_put(&page, &out) == STATUS_OK);
	return authz_clients_answer_take(buffer_bytes(&out), &back) == STATUS_OK;
}

static void test_the_fullest_page_of_clients_comes_back_as_it_was(void)
{
	struct buffer out = BUFFER_OF_ARRAY(space), again = BUFFER_OF_ARRAY(again_space);
	size_t taken = 0;

	fill_page();
	EXPECT(opens() && memcmp(&page, &back, sizeof(page)) == 0);
	EXPECT(authz_clients_answer_put(&page, &out) == STATUS_OK);
	for (size_t len = 0; len < out.len; len++)
		EXPECT(authz_clients_answer_take(bytes_of(space, len), &back) != STATUS_OK);
	EXPECT(authz_clients_answer_take(bytes_of(space, out.len + 1), &back) != STATUS_OK);
	for (size_t at = 0; at < out.len; at++) {
		space[at] ^= 1;
		if (authz_clients_answer_take(buffer_bytes(&out), &back) == STATUS_OK) {
			again.len = 0;
			EXPECT(authz_clients_answer_put(&back, &again) == STATUS_OK);
			EXPECT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
			taken++;
		}
		space[at] ^= 1;
	}
	EXPECT(taken > 1000); /* bytes of keys and numbers may be any */
}

static void test_the_last_page_and_an_empty_one_open(void)
{
	fill_page();
	page.damaged_count = 0;
	memset(page.damaged, 0, sizeof(page.damaged));
	page.more = false;
	memset(page.after, 0, sizeof(page.after));
	EXPECT(opens() && memcmp(&page, &back, sizeof(page)) == 0);
	page = (struct authz_clients_answer){.total = 0};
	EXPECT(opens() && memcmp(&page, &back, sizeof(page)) == 0);
}

static void test_a_page_out_of_order_or_with_a_token_is_refused(void)
{
	fill_page();
	page.clients[3].id[0] = page.clients[4].id[0];
	EXPECT(!opens());
	fill_page();
	page.clients[5].id[0] = 1;
	EXPECT(!opens());
	fill_page();
	page.damaged[1][0] = page.damaged[0][0];
	EXPECT(!opens());
	fill_page();
	page.clients[0].token_hash[31] = 1;
	EXPECT(!opens());
	/* The next page may not begin before this one ends: a walk would not end. */
	fill_page();
	page.after[0]--;
	EXPECT(!opens());
	fill_page();
	page.damaged_count = 0;
	page.after[0] = page.clients[AUTHZ_CLIENTS_MAX - 1].id[0];
	EXPECT(opens());
	page.after[0]--;
	EXPECT(!opens());
}

int main(void)
{
	RUN(test_the_fullest_page_of_clients_comes_back_as_it_was);
	RUN(test_the_last_page_and_an_empty_one_open);
	RUN(test_a_page_out_of_order_or_with_a_token_is_refused);
	return test_summary();
}
