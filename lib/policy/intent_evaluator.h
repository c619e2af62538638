/* intent_evaluator: the bytes of policies/evaluator as this build made it; inside lib/policy only.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_EVALUATOR_H
#define INTENT_EVALUATOR_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t intent_evaluator[];
extern const size_t intent_evaluator_len;

#endif
