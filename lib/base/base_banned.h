/* base_banned: calls that have no safe use here become compile errors. Included before every file.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some are macros of the C library; a macro cannot be poisoned. */
#undef alloca
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
/* Unbounded writes, hidden state, or a locale: use buffer_put, snprintf, strtoull with checks. */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok rand srand atoi atol
#pragma GCC poison asctime ctime gmtime localtime alloca popen tmpnam mktemp

#endif
