/* policy_text: makes text from a module fit for a person's eyes.
 *
 * The module's author may be the attacker. What could move, hide or reverse text is taken out:
 * control characters, bidirectional and invisible format characters, separators, private use, and
 * bytes that are no UTF-8, each of which becomes one '?' (A3). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include "base_bytes.h"

/* policy_text_clean writes the cleaned text to `out`, which holds at least as many bytes as come
 * in, and returns how many. `lines`: newlines stay; else each becomes a space. */
size_t policy_text_clean(struct bytes text, bool lines, uint8_t *out);

#endif
