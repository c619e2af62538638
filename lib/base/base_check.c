/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No stdio: a sandboxed process may only write(2), and a broken one should do as little as it can.
 */
static void put(const char *text)
{
	ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
	(void)ignored;
}

_Noreturn void check_failed(const char *file, int line, const char *what)
{
	char digits[12];
	size_t at = sizeof(digits);
	unsigned rest = line > 0 ? (unsigned)line : 0;

	digits[--at] = '\0';
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	put("CHECK failed: ");
	put(file);
	put(":");
	put(digits + at);
	put(": ");
	put(what);
	put("\n");
	abort();
}
