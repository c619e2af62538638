/* authz_record_fuzz: whatever a decoder of records or answers accepts, encoded again, is the same
 * bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_answer.h"
#include "base_check.h"

static uint8_t again_space[1 << 17];
static union {
	struct authz_wallet_record wallet;
	struct authz_grant_record grant;
	struct authz_lease_record lease;
	struct authz_client_record client;
	struct authz_checkpoint checkpoint;
	struct authz_nonce_answer nonce;
	struct authz_submit_answer submit;
	struct authz_module_answer module;
	struct authz_sweep_answer sweep;
	struct authz_grant_answer grant_answer;
	struct authz_list_answer list;
	struct authz_clients_answer clients;
	struct bytes text;
} taken;

#define ROUND_TRIP(take, put_again)                                                                \
	do {                                                                                       \
		struct buffer again = BUFFER_OF_ARRAY(again_space);                                \
		if ((take) == STATUS_OK) {                                                         \
			CHECK((put_again) == STATUS_OK);                                           \
			CHECK(bytes_equal(buffer_bytes(&again), input));                           \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size);

	if (size > sizeof(again_space))
		return 0;
	ROUND_TRIP(authz_wallet_take(input, &taken.wallet),
	           authz_wallet_put(&taken.wallet, &again));
	ROUND_TRIP(authz_grant_record_take(input, &taken.grant),
	           authz_grant_record_put(&taken.grant, &again));
	ROUND_TRIP(authz_lease_take(input, &taken.lease), authz_lease_put(&taken.lease, &again));
	ROUND_TRIP(authz_client_take(input, &taken.client),
	           authz_client_put(&taken.client, &again));
	ROUND_TRIP(authz_checkpoint_take(input, &taken.checkpoint),
	           authz_checkpoint_put(&taken.checkpoint, &again));
	ROUND_TRIP(authz_nonce_answer_take(input, &taken.nonce),
	           authz_nonce_answer_put(&taken.nonce, &again));
	ROUND_TRIP(authz_prepare_answer_take(input, &taken.text),
	           authz_prepare_answer_put(taken.text, &again));
	ROUND_TRIP(authz_submit_answer_take(input, &taken.submit),
	           authz_submit_answer_put(&taken.submit, &again));
	ROUND_TRIP(authz_sweep_answer_take(input, &taken.sweep),
	           authz_sweep_answer_put(&taken.sweep, &again));
	ROUND_TRIP(authz_module_answer_take(input, &taken.module),
	           authz_module_answer_put(&taken.module, &again));
	ROUND_TRIP(authz_grant_answer_take(input, &taken.grant_answer),
	           authz_grant_answer_put(&taken.grant_answer, &again));
	ROUND_TRIP(authz_list_answer_take(input, &taken.list),
	           authz_list_answer_put(&taken.list, &again));
	ROUND_TRIP(authz_clients_answer_take(input, &taken.clients),
	           authz_clients_answer_put(&taken.clients, &again));
	return 0;
}
