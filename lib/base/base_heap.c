/* SPDX-License-Identifier: Apache-2.0 */
#include "base_heap.h"

#include <limits.h>
#include <malloc.h>
#include <stdlib.h>

enum status heap_take(size_t bytes)
{
	void *all;

	if (CLAVIGER_SANITIZED)
		return STATUS_OK;
	if (mallopt(M_MMAP_MAX, 0) != 1 || mallopt(M_TRIM_THRESHOLD, INT_MAX) != 1 ||
	    mallopt(M_TOP_PAD, 1 << 20) != 1 || mallopt(M_ARENA_MAX, 1) != 1)
		return STATUS_IO;
	all = malloc(bytes);
	if (all == NULL)
		return STATUS_IO;
	/* A compiler may leave out a malloc whose memory nobody uses (clang does). */
	__asm__ volatile("" : : "r"(all) : "memory");
	free(all);
	return STATUS_OK;
}
