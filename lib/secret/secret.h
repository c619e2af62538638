/* secret: memory for key material, wiping it, and comparing it without telling how far it matched.
 *
 * A secret page lies between two inaccessible pages, is locked into RAM, left out of core dumps,
 * not inherited by children, and where the kernel offers it (memfd_secret) not mapped in the
 * kernel either. It reads as zeros at first. Pages are opened once at start.
 *
 * Limits: registers and spilled stack of third-party code are not ours to wipe; SENSITIVE functions
 * clear the registers that they used, with compilers that can (gcc 11, clang 15). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SECRET_H
#define SECRET_H

#include "base_bytes.h"

/* A function that works on key material in registers: these are zeroed when it returns. */
#if defined(__has_attribute)
#if __has_attribute(zero_call_used_regs)
#define SENSITIVE __attribute__((zero_call_used_regs("used"), noinline))
#endif
#endif
#ifndef SENSITIVE
#define SENSITIVE __attribute__((noinline))
#endif

/* How well the kernel guards a page; reported, never assumed. */
enum secret_guard {
	SECRET_GUARD_NONE = 0,
	SECRET_GUARD_LOCKED = 1, /* mlock, MADV_DONTDUMP, MADV_WIPEONFORK */
	SECRET_GUARD_MEMFD = 2,  /* memfd_secret, MADV_DONTFORK */
};

struct secret_page {
	void *data; /* page-aligned; NULL when closed */
	size_t len; /* a multiple of the page size, at least what was asked for */
	enum secret_guard guard;
};

/* secret_page_open maps at least `len` bytes of zeros, writable; STATUS_IO when they cannot be
 * locked (RLIMIT_MEMLOCK): a key is never put into memory that may be swapped. */
MUST_USE enum status secret_page_open(size_t len, struct secret_page *ret_page);
/* secret_page_close wipes and unmaps; a closed (zeroed) page is fine. */
void secret_page_close(struct secret_page *page);

/* secret_wipe zeroes memory in a way that the compiler does not remove. */
void secret_wipe(void *data, size_t len);
#define SECRET_WIPE(object) secret_wipe(&(object), sizeof(object))

/* secret_equal compares in time that depends on `len` alone. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
