/* base_check: CHECK ends the process when we ourselves were wrong.
 *
 * Always on, in tests and in release: a signer that is in a state nobody thought of must stop.
 * Never use it for what the outside can cause; that is enum status. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			check_failed(__FILE__, __LINE__, #cond);                                   \
	} while (0)

/* check_failed writes one line to standard error and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *what);

#endif
