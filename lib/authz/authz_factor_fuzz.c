/* authz_factor_fuzz: whatever a decoder of factors, waiting changes, requests without statement,
 * their answers or exported keys accepts, encoded again, is the same bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_ask.h"
#include "authz_export.h"
#include "base_check.h"

static uint8_t again_space[65536];

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
	struct authz_factor_record factor;
	struct authz_pending_record pending;
	struct authz_complete complete;
	struct authz_session session;
	struct authz_read read;
	struct authz_module_add add;
	struct authz_session_answer session_answer;
	struct authz_enroll_answer enroll_answer;
	struct authz_pending_answer pending_answer;
	struct authz_factor_answer factor_answer;
	struct authz_export_body export;
	struct keys_sign_key key;

	if (size > sizeof(again_space) / 2)
		return 0;
	ROUND_TRIP(authz_factor_record_take(input, &factor),
	           authz_factor_record_put(&factor, &again));
	ROUND_TRIP(authz_pending_record_take(input, &pending),
	           authz_pending_record_put(&pending, &again));
	ROUND_TRIP(authz_complete_take(input, &complete), authz_complete_put(&complete, &again));
	ROUND_TRIP(authz_session_take(input, &session), authz_session_put(&session, &again));
	ROUND_TRIP(authz_read_take(input, &read), authz_read_put(&read, &again));
	ROUND_TRIP(authz_module_add_take(input, &add), authz_module_add_put(&add, &again));
	ROUND_TRIP(authz_session_answer_take(input, &session_answer),
	           authz_session_answer_put(&session_answer, &again));
	ROUND_TRIP(authz_enroll_answer_take(input, &enroll_answer),
	           authz_enroll_answer_put(&enroll_answer, &again));
	ROUND_TRIP(authz_pending_answer_take(input, &pending_answer),
	           authz_pending_answer_put(&pending_answer, &again));
	ROUND_TRIP(authz_factor_answer_take(input, &factor_answer),
	           authz_factor_answer_put(&factor_answer, &again));
	ROUND_TRIP(authz_export_take(input, &export), authz_export_put(&export, &again));
	for (uint8_t format = 0; format <= AUTHZ_EXPORT_FORMAT_COUNT; format++)
		ROUND_TRIP(authz_export_read(input, format, &key),
		           authz_export_write(&key, format, &again));
	return 0;
}
