/* intent: compiles an intent (spec/intent.md) to the table that the evaluator decides by.
 *
 * For the command line tool. Pure: files come parsed, the result goes into the caller's buffer,
 * nothing is allocated or read. The same files give the same table on every machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_H
#define INTENT_H

#include "intent_source.h"
#include "solana_pda.h"

struct intent_build; /* space for one compilation: intent_build_bytes() bytes, 8-byte aligned */

size_t intent_build_bytes(void);

/* intent_compile compiles `sources`, of which the last is the intent and the others are what it
 * includes, in its order. STATUS_REFUSED: `ret_error` says where and why. */
MUST_USE enum status intent_compile(struct intent_build *space, const struct intent_source *sources,
                                    size_t source_count, solana_sha256_fn *sha256,
                                    struct buffer *ret_table, struct intent_error *ret_error);

#endif
