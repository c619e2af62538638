/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_message.h"

#include "base_check.h"
#include "base_encode.h"
#include "keys.h"
#include "solana_ids.h"
#include "solana_pda.h"

#define LINE_MAX_BYTES 8192

static _Noreturn void give_up(const char *what, const char *which)
{
	fprintf(stderr, "bench_sign: %s: %s\n", what, which);
	exit(3);
}

static void put(struct bench_plan *plan, const void *data, size_t len)
{
	CHECK(plan->message_len + len <= LIMIT_MESSAGE_MAX);
	memcpy(plan->message + plan->message_len, data, len);
	plan->message_len += len;
}

static void begin(struct bench_plan *plan)
{
	plan->message = calloc(1, LIMIT_MESSAGE_MAX);
	plan->message_len = 0;
	CHECK(plan->message != NULL);
}

static void end(struct bench_plan *plan)
{
	plan->message = realloc(plan->message, plan->message_len);
	CHECK(plan->message != NULL);
}

/* A legacy transfer as bots send it: with a compute unit limit and price. */
void bench_plan_transfer(struct bench_plan *plan)
{
	static const uint8_t head[4] = {1, 0, 2, 4};
	static const uint8_t limit[8] = {2, 0, 5, 2, 0xe8, 3, 0, 0}; /* 1000 units */
	static const uint8_t price[12] = {2, 0, 9, 3, 0x10, 0x27};   /* 0.01 lamport a unit */
	static const uint8_t send[17] = {3, 2, 0, 1, 12, 2, 0, 0, 0, 0x40, 0x42, 0x0f};
	uint8_t recipient[32], budget[32], count = 3;

	begin(plan);
	keys_random(recipient, 32);
	CHECK(base58_decode_32(bytes_of_text("ComputeBudget111111111111111111111111111111"),
	                       budget) == STATUS_OK);
	put(plan, head, sizeof(head));
	put(plan, plan->address, 32);
	put(plan, recipient, 32);
	put(plan, budget, 32);
	put(plan, (const uint8_t[32]){0}, 32); /* the System program */
	plan->blockhash_at = plan->message_len;
	put(plan, (const uint8_t[32]){0}, 32);
	put(plan, &count, 1);
	put(plan, limit, sizeof(limit));
	put(plan, price, sizeof(price));
	put(plan, send, sizeof(send));
	end(plan);
}

/* The payer and its associated token accounts become the wallet's. */
static void take_place(struct bench_plan *plan, const struct solana_view *view,
                       uint8_t mints[2][32])
{
	const uint8_t *programs[2] = {solana_id_token, solana_id_token_2022};
	uint8_t payer[32];

	memcpy(payer, solana_account_key(view, 0), 32);
	for (unsigned i = 0; i < view->static_count; i++) {
		uint8_t *key = plan->message + view->keys + 32 * i;

		if (i == 0)
			memcpy(key, plan->address, 32);
		for (size_t k = 0; k < 4; k++) {
			uint8_t from[32], to[32];

			CHECK(solana_associated_token_address(payer, mints[k / 2], programs[k % 2],
			                                      keys_sha256, from) == STATUS_OK);
			CHECK(solana_associated_token_address(plan->address, mints[k / 2],
			                                      programs[k % 2], keys_sha256,
			                                      to) == STATUS_OK);
			if (memcmp(key, from, 32) == 0) {
				memcpy(key, to, 32);
				break;
			}
		}
	}
}

static void make_swap(struct bench_plan *plan, const char *in, const char *out, const char *wire)
{
	static struct solana_view view;
	uint8_t space[LIMIT_MESSAGE_MAX], mints[2][32];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct solana_error error;

	if (base58_decode_32(bytes_of_text(in), mints[0]) != STATUS_OK ||
	    base58_decode_32(bytes_of_text(out), mints[1]) != STATUS_OK ||
	    base64_decode(bytes_of_text(wire), &bytes) != STATUS_OK ||
	    solana_decode_transaction(buffer_bytes(&bytes), &view, &error) != STATUS_OK)
		give_up("no swap in the plan's line", plan->name);
	begin(plan);
	put(plan, view.message.data, view.message.len);
	end(plan);
	take_place(plan, &view, mints);
	plan->blockhash_at = view.lifetime;
	plan->is_swap = true;
}

static void read_token(const char *path, char ret_token[LIMIT_TOKEN_MAX + 1])
{
	FILE *file = fopen(path, "r");

	if (file == NULL || fgets(ret_token, LIMIT_TOKEN_MAX + 1, file) == NULL)
		give_up("cannot read the token", path);
	fclose(file);
	ret_token[strcspn(ret_token, "\n")] = '\0';
}

static void read_line(char *line, struct bench_plan *plan)
{
	char *words[7] = {NULL}, *rest = line;
	size_t count = 0;

	line[strcspn(line, "\n")] = '\0';
	while (count < 7 && (words[count] = strsep(&rest, " ")) != NULL)
		count++;
	if ((count != 4 && count != 7) ||
	    base58_decode_32(bytes_of_text(words[3]), plan->address) != STATUS_OK)
		give_up("malformed line of the plan", line);
	read_token(words[1], plan->token);
	snprintf(plan->name, sizeof(plan->name), "%s", words[2]);
	if (count == 7)
		make_swap(plan, words[4], words[5], words[6]);
	else
		bench_plan_transfer(plan);
}

size_t bench_plans_read(const char *path, struct bench_plan plans[BENCH_PLANS_MAX])
{
	static char line[LINE_MAX_BYTES];
	FILE *file = fopen(path, "r");
	size_t count = 0;

	if (file == NULL)
		give_up("cannot read the plan", path);
	while (count < BENCH_PLANS_MAX && fgets(line, sizeof(line), file) != NULL)
		read_line(line, &plans[count++]);
	fclose(file);
	return count;
}

size_t bench_message(const struct bench_plan *plan, uint64_t number,
                     uint8_t ret_message[LIMIT_MESSAGE_MAX])
{
	memcpy(ret_message, plan->message, plan->message_len);
	memset(ret_message + plan->blockhash_at, 0x5a, 32);
	memcpy(ret_message + plan->blockhash_at, &number, sizeof(number));
	return plan->message_len;
}

size_t bench_body(const struct bench_plan *plan, uint64_t number, char *ret_body, size_t cap)
{
	uint8_t wire[1 + 64 + LIMIT_MESSAGE_MAX] = {1}; /* one signature, still missing */
	size_t len = bench_message(plan, number, wire + 65) + 65;
	int head = snprintf(ret_body, cap, "{\"wallet\":\"%s\",\"transaction\":\"", plan->name);

	CHECK((size_t)head + BASE64_LEN(len) + 4 <= cap);
	base64_encode(bytes_of(wire, len), ret_body + head);
	memcpy(ret_body + (size_t)head + BASE64_LEN(len), "\"}", 3);
	return (size_t)head + BASE64_LEN(len) + 2;
}
