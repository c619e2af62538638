/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base_check.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* map_memfd puts secret memory at `at`; false where the kernel does not have or allow it. */
static bool map_memfd(void *at, size_t len)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	void *map = MAP_FAILED;

	if (fd < 0)
		return false;
	if (ftruncate(fd, (off_t)len) == 0)
		map = mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	/* Shared memory cannot be wiped on fork, so a child does not get it at all. */
	if (map != MAP_FAILED && madvise(map, len, MADV_DONTFORK) == 0) {
		/* Pages are made, and checked against RLIMIT_MEMLOCK, now rather than at use. */
		memset(map, 0, len);
		return true;
	}
	/* Give the place back as inaccessible memory, for the caller's second try. */
	CHECK(mmap(at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
	return false;
}

static bool map_locked(void *at, size_t len)
{
	/* By number: the address sanitizer turns the C library's mlock into nothing. */
	return mprotect(at, len, PROT_READ | PROT_WRITE) == 0 && syscall(SYS_mlock, at, len) == 0 &&
	       madvise(at, len, MADV_DONTDUMP) == 0 && madvise(at, len, MADV_WIPEONFORK) == 0;
}

enum status secret_page_open(size_t len, struct secret_page *ret_page)
{
	size_t page = page_bytes();
	struct secret_page opened = {0};
	uint8_t *whole;

	if (len == 0 || len > SIZE_MAX / 2)
		return STATUS_TOO_LARGE;
	opened.len = (len + page - 1) / page * page;
	whole = mmap(NULL, opened.len + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED)
		return STATUS_IO;
	opened.data = whole + page;
	if (map_memfd(opened.data, opened.len)) {
		opened.guard = SECRET_GUARD_MEMFD;
	} else if (map_locked(opened.data, opened.len)) {
		opened.guard = SECRET_GUARD_LOCKED;
	} else {
		munmap(whole, opened.len + 2 * page);
		return STATUS_IO;
	}
	*ret_page = opened;
	return STATUS_OK;
}

void secret_page_close(struct secret_page *page)
{
	size_t guard = page_bytes();

	if (page->data == NULL)
		return;
	secret_wipe(page->data, page->len);
	CHECK(munmap((uint8_t *)page->data - guard, page->len + 2 * guard) == 0);
	*page = (struct secret_page){0};
}

void secret_wipe(void *data, size_t len)
{
	if (len == 0)
		return;
	memset(data, 0, len);
	__asm__ volatile("" : : "r"(data) : "memory");
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a, *right = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < len; i++)
		differs |= (uint8_t)(left[i] ^ right[i]);
	return differs == 0;
}
