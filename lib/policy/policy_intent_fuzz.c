/* What is kept of an intent: whatever it is, putting it together reads and writes no more than
 * there is, and an intent comes back from its rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_intent.h"

#include "base_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t whole_space[LIMIT_MODULE_MAX], rest_space[LIMIT_MODULE_MAX],
	    again_space[LIMIT_MODULE_MAX];
	struct buffer whole = BUFFER_OF_ARRAY(whole_space), rest = BUFFER_OF_ARRAY(rest_space),
	              again = BUFFER_OF_ARRAY(again_space);
	struct bytes shared = policy_intent_shared();
	uint8_t hash[32], found[32];

	if (policy_intent_whole(shared, bytes_of(data, len), &whole) != STATUS_OK)
		return 0;
	CHECK(policy_intent_is_rest(bytes_of(data, len), hash));
	CHECK(whole.len <= shared.len + len);
	if (policy_intent_rest(buffer_bytes(&whole), hash, &rest) != STATUS_OK)
		return 0;
	CHECK(policy_intent_is_rest(buffer_bytes(&rest), found) && memcmp(found, hash, 32) == 0);
	CHECK(policy_intent_whole(shared, buffer_bytes(&rest), &again) == STATUS_OK);
	CHECK(bytes_equal(buffer_bytes(&again), buffer_bytes(&whole)));
	return 0;
}
