/* base_heap: the heap of a process whose sandbox forbids it to grow.
 *
 * malloc alone asks the kernel (brk, mmap). Who takes what he needs before the sandbox, and keeps
 * it, never asks again. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>

#include "base_status.h"

/* heap_take makes `bytes` in one piece free for malloc, now and until the end: no mmap for large
 * blocks, nothing given back, one arena. STATUS_IO: the kernel has no memory, or malloc no such
 * options. Under a sanitizer, whose malloc has none, it does nothing. */
MUST_USE enum status heap_take(size_t bytes);

#endif
