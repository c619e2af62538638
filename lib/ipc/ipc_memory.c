/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc_layout.h"

#define SIDE_BYTES(shape) (IPC_SLOTS_AT + (size_t)(shape)->slot_bytes * (shape)->slots)

/* A size that cannot change: no process can truncate the memory under the others. */
static int make_sealed(size_t len)
{
	int fd = memfd_create("claviger-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)len) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void *map(int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at != MAP_FAILED ? at : NULL;
}

enum status ipc_memory_make(struct ipc_memory *memory, const struct ipc_shape *shape)
{
	enum status status = ipc_shape_check(shape);
	struct ipc_memory made = {
	    *shape, {-1,   -1  },
             -1, -1, {NULL, NULL},
             NULL
        };

	if (status != STATUS_OK)
		return status;
	for (unsigned side = 0; side < 2; side++) {
		made.side_fd[side] = make_sealed(SIDE_BYTES(shape));
		if (made.side_fd[side] >= 0)
			made.side[side] = map(made.side_fd[side], IPC_SLOTS_AT);
	}
	made.page_fd = make_sealed(IPC_PAGE_BYTES);
	if (made.page_fd >= 0)
		made.page = map(made.page_fd, IPC_PAGE_BYTES);
	if (shape->window_bytes != 0)
		made.window_fd = make_sealed(shape->window_bytes);
	if (made.side[0] == NULL || made.side[1] == NULL || made.page == NULL ||
	    (shape->window_bytes != 0 && made.window_fd < 0)) {
		ipc_memory_close(&made);
		return STATUS_IO;
	}
	*memory = made;
	return STATUS_OK;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void ipc_memory_close(struct ipc_memory *memory)
{
	for (unsigned side = 0; side < 2; side++) {
		if (memory->side[side] != NULL)
			munmap(memory->side[side], IPC_SLOTS_AT);
		memory->side[side] = NULL;
		shut(&memory->side_fd[side]);
	}
	if (memory->page != NULL)
		munmap(memory->page, IPC_PAGE_BYTES);
	memory->page = NULL;
	shut(&memory->page_fd);
	shut(&memory->window_fd);
}

/* A descriptor of its own, so that its access is not the one of the memfd's first descriptor. */
static int reopen(int fd, int access)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, access | O_CLOEXEC);
}

enum status ipc_memory_lend(const struct ipc_memory *memory, unsigned side, struct ipc_fds *ret_fds)
{
	bool has_window = memory->window_fd >= 0;
	struct ipc_fds fds = {
	    .own = reopen(memory->side_fd[side], O_RDWR),
	    .peer = reopen(memory->side_fd[1 - side], O_RDONLY),
	    .page = reopen(memory->page_fd, O_RDONLY),
	    .window = has_window ? reopen(memory->window_fd, side == 0 ? O_RDWR : O_RDONLY) : -1,
	};

	if (fds.own < 0 || fds.peer < 0 || fds.page < 0 || (has_window && fds.window < 0)) {
		shut(&fds.own);
		shut(&fds.peer);
		shut(&fds.page);
		shut(&fds.window);
		return STATUS_IO;
	}
	*ret_fds = fds;
	return STATUS_OK;
}

void ipc_memory_raise(struct ipc_memory *memory)
{
	atomic_fetch_add(&memory->page->generation, 1);
	ipc_futex_wake(&memory->page->generation);
}

enum status ipc_memory_reset_side(struct ipc_memory *memory, unsigned side)
{
	/* Gives the pages back: all reads as zero, and restarts leave nothing behind. */
	if (fallocate(memory->side_fd[side], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	              (off_t)SIDE_BYTES(&memory->shape)) != 0)
		return STATUS_IO;
	return STATUS_OK;
}

bool ipc_memory_is_acknowledged(const struct ipc_memory *memory, unsigned side)
{
	return atomic_load(&memory->side[side]->acknowledged) ==
	       atomic_load(&memory->page->generation);
}

bool ipc_memory_is_up(const struct ipc_memory *memory)
{
	return atomic_load(&memory->page->generation) % 2 == 0;
}

enum ipc_complaint ipc_memory_complaint(const struct ipc_memory *memory, unsigned side)
{
	uint32_t word = atomic_load(&memory->side[side]->complaint);

	return word < IPC_COMPLAINT_COUNT ? (enum ipc_complaint)word : IPC_COMPLAINT_BROKEN;
}

void ipc_memory_watch(const struct ipc_memory *memory, unsigned side, struct ipc_futex ret_words[2])
{
	const struct ipc_side *marks = memory->side[side];

	ret_words[0] = (struct ipc_futex){&marks->complaint, atomic_load(&marks->complaint)};
	ret_words[1] = (struct ipc_futex){&marks->acknowledged, atomic_load(&marks->acknowledged)};
}
