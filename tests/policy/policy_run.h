/* policy_run: runs the shipped policies in the real engine, as a verifier would, for their tests.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_RUN_H
#define POLICY_RUN_H

#include "cbor_writer.h"
#include "policy_answer.h"
#include "policy_floor.h"
#include "policy_request.h"

#define RUN_COUNTERS 4
#define RUN_PINS     8

/* A module with the parameters of one grant. */
struct run_grant {
	struct policy_schema schema;
	_Alignas(8) uint8_t record[POLICY_PARAMETERS_MAX];
	size_t record_len;
	struct policy_atas atas;
	uint8_t wallet[32];
	bool unproven;
	struct policy_counter counters[RUN_COUNTERS];
	size_t counter_count;
	struct policy_pin pins[RUN_PINS];
	size_t pin_count;
	uint8_t nonce[32];
	bool has_nonce;
	struct policy_mint_cache mints;
	int module;
};

/* Values of parameters by name; what is not set is left out. */
struct run_value {
	const char *name;
	uint64_t number;           /* bool and u64 */
	const uint8_t (*keys)[32]; /* pubkey (one) and lists */
	const uint64_t *numbers;   /* lists */
	size_t count;
};

/* run_open loads a module from a file and returns its number. */
int run_open(const char *path);
/* run_schema takes a module's schema alone. */
void run_schema(struct run_grant *grant, int module);
/* run_grant sets up a grant; CHECKs that the values are right. */
void run_grant(struct run_grant *grant, int module, const uint8_t wallet[32],
               const struct run_value *values, size_t count);
/* run_grant_cbor does the same with values as a grant carries them; refuses what is wrong. */
MUST_USE enum status run_grant_cbor(struct run_grant *grant, int module, const uint8_t wallet[32],
                                    struct bytes values, struct policy_error *ret_error);
/* run_message checks one message as the signer would: floor, module, strict answer. The answer's
 * bytes stay in run_answer until the next call. */
void run_message(struct run_grant *grant, struct bytes message, unsigned mode, uint32_t flags,
                 struct policy_decision *ret_decision);
struct bytes run_answer(void);
/* run_request_bytes is what the module was shown; empty when it was not asked. */
struct bytes run_request_bytes(void);
uint64_t run_fuel(void);

#endif
