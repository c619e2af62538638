/* policy_known: the modules that ship with this build, by the SHA-256 of their bytes.
 *
 * A known module is our own code; every other one is custom: it may allow anything, and its texts
 * are its author's claim (A3). The list is written by the build (cmake/known.cmake). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_KNOWN_H
#define POLICY_KNOWN_H

#include <stddef.h>
#include <stdint.h>

struct policy_known {
	const char *name; /* as in policies/NAME */
	uint8_t hash[32];
};

extern const struct policy_known policy_known_modules[];
extern const size_t policy_known_count;

/* policy_known_name returns a shipped module's name, or NULL for custom code. */
const char *policy_known_name(const uint8_t hash[32]);

/* What heads every text of a module that is not known. */
#define POLICY_CUSTOM_HEADING "custom code: may allow anything; this text is its author's claim"

#endif
