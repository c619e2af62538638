/* SPDX-License-Identifier: Apache-2.0 */
#include "call_time.h"

#include <stddef.h>

const char *call_time_word(uint32_t state)
{
	static const char *const words[CALL_TIME_STATE_COUNT] = {[CALL_TIME_PROVEN] = "proven",
	                                                         [CALL_TIME_UNPROVEN] = "unproven",
	                                                         [CALL_TIME_UNKNOWN] = "unknown",
	                                                         [CALL_TIME_UNBELIEVED] =
	                                                             "unbelieved"};

	return state < CALL_TIME_STATE_COUNT ? words[state] : NULL;
}
