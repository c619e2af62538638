/* bench_message: the transactions that the benchmark has signed: all different, all allowed.
 *
 * A plan is a file with a line for each wallet:
 *   transfer TOKEN_FILE NAME ADDRESS
 *   swap TOKEN_FILE NAME ADDRESS INPUT_MINT OUTPUT_MINT WIRE
 * WIRE is a real swap in base64; its payer and the payer's associated token accounts are replaced
 * by the wallet's. The blockhash makes each message another one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "base_bytes.h"
#include "base_limits.h"

#define BENCH_PLANS_MAX 262144

struct bench_plan {
	bool is_swap;
	char token[LIMIT_TOKEN_MAX + 1], name[128];
	uint8_t address[32];
	uint8_t *message; /* allocated, for good */
	size_t message_len, blockhash_at;
};

/* bench_plan_transfer fills in a transfer by the wallet whose address and name are there. */
void bench_plan_transfer(struct bench_plan *plan);

/* bench_plans_read reads the file or ends the program with a sentence. */
size_t bench_plans_read(const char *path, struct bench_plan plans[BENCH_PLANS_MAX]);

/* bench_message copies the plan's message with the blockhash of `number`, which no other call has.
 * Returns its length. */
size_t bench_message(const struct bench_plan *plan, uint64_t number,
                     uint8_t ret_message[LIMIT_MESSAGE_MAX]);

/* bench_body writes the sign call's JSON body around that message in wire form. */
size_t bench_body(const struct bench_plan *plan, uint64_t number, char *ret_body, size_t cap);

#endif
