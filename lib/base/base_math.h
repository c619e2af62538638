/* base_math: sums of amounts, which stop at the largest number instead of beginning again at 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_MATH_H
#define BASE_MATH_H

#include <stdint.h>

static inline uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

#endif
