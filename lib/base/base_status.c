/* SPDX-License-Identifier: Apache-2.0 */
#include "base_status.h"

const char *status_name(enum status status)
{
	static const char *const names[STATUS_COUNT] = {
	    "ok",      "malformed", "too_large", "refused", "not_found", "conflict",
	    "expired", "busy",      "io",        "corrupt", "crypto",    "unsupported",
	};
	return (unsigned)status < STATUS_COUNT ? names[status] : "unknown_status";
}
