/* base_verdict: a decision. Zeroed memory denies, and no integer or bool can stand for one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_VERDICT_H
#define BASE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

/* Many bits differ from zero and from each other, so a flipped bit is not an allow. */
#define VERDICT_ALLOW UINT32_C(0xa110ca5e)

struct verdict {
	uint32_t word;
};

static inline bool verdict_allows(struct verdict verdict)
{
	return verdict.word == VERDICT_ALLOW;
}

#endif
