/* policy_known: the modules that ship with this build, by the SHA-256 of their bytes: its policies
 * in C and its intents.
 *
 * What ships is our word. An intent of somebody else (policy_intent.h) runs in our evaluator, which
 * tells the truth about the network's own programs; what it says of others' instructions is its
 * author's word. Every other module is custom: it may allow anything, and its texts are its
 * author's claim (A3). The lists are written by the build (cmake/known.cmake). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_KNOWN_H
#define POLICY_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy_known {
	const char *name; /* as in policies/NAME or intents/NAME.toml */
	uint8_t hash[32];
};

extern const struct policy_known policy_known_modules[]; /* policies/NAME */
extern const size_t policy_known_count;
/* intents/NAME.toml, in programs that have to know them (cmake: intents()); elsewhere none. */
extern const struct policy_known policy_shipped_modules[];
extern const size_t policy_shipped_count;

/* policy_known_name returns the name of a shipped policy in C, else NULL. */
const char *policy_known_name(const uint8_t hash[32]);

/* policy_ships says whether a module is one that ships with this build. */
bool policy_ships(const uint8_t hash[32]);

#endif
