/* claviger image disk --restore: a backup onto the appliance's data disk. The store's process reads
 * and checks it at its start; whether a start from it is allowed the TPM says, or the site. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_disk.h"
#include "cli_home.h"
#include "db_disk.h"
#include "disk.h"

#define CHUNK 65536

static const struct db_io disk_io = {.read = pread, .write = pwrite, .sync = fdatasync};

/* What a backup may have of each database. */
static const struct {
	enum db_role role;
	enum db_file file;
	const char *name;
	bool required;
} files[] = {
    {DB_ROLE_STATE,    DB_FILE_MAIN, "state.db",        true },
    {DB_ROLE_STATE,    DB_FILE_WAL,  "state.db-wal",    false},
    {DB_ROLE_SEGMENTS, DB_FILE_MAIN, "segments.db",     true },
    {DB_ROLE_SEGMENTS, DB_FILE_WAL,  "segments.db-wal", false},
};

#define FILE_COUNT (sizeof(files) / sizeof(files[0]))

static const struct {
	enum disk_region item;
	const char *name;
} items[] = {
    {DISK_SEALED_SHARE, "sealed-share"},
    {DISK_APPROVALS,    "approvals"   },
    {DISK_GENESIS,      "genesis"     },
    {DISK_ESCROW,       "escrow"      },
};

static int fail(const struct cli_call *call, const char *what, const char *name)
{
	cli_complain(call, "cannot %s %s: %s", what, name,
	             errno == ENOSPC ? "it does not fit this disk: take a larger one"
	                             : strerror(errno));
	return CLI_UNSURE;
}

/* Empties everything that belongs to the old content: logs, journals and marks would outlive it. */
static bool empty(struct db_files *one)
{
	static const uint8_t zeros[DISK_BLOCK];

	for (int file = 0; file < DB_FILE_COUNT; file++)
		if (file != DB_FILE_MARK && one->io->truncate(one->fds[file], 0) != 0)
			return false;
	return one->io->write(one->fds[DB_FILE_MARK], zeros, sizeof(zeros), 0) ==
	       (ssize_t)sizeof(zeros);
}

static int copy(const struct cli_call *call, int from, struct db_files *one, enum db_file file,
                const char *name)
{
	static uint8_t chunk[CHUNK];
	off_t at = 0;
	ssize_t len;

	while ((len = read(from, chunk, sizeof(chunk))) > 0) {
		errno = 0;
		if (one->io->write(one->fds[file], chunk, (size_t)len, at) != len)
			return fail(call, "write", name);
		at += len;
	}
	return len == 0 ? CLI_YES : fail(call, "read", name);
}

static int restore_file(const struct cli_call *call, const char *folder, struct db_files *one,
                        size_t which)
{
	char path[CLI_PATH_MAX + 32];
	int from, result;

	snprintf(path, sizeof(path), "%s/%s", folder, files[which].name);
	from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return files[which].required ? fail(call, "read", path) : CLI_YES;
	result = copy(call, from, one, files[which].file, path);
	close(from);
	return result;
}

static int restore_item(const struct cli_call *call, const char *folder, int fd, size_t which)
{
	static uint8_t space[DISK_ITEM_MAX];
	struct disk_file to = disk_file_item(fd, items[which].item), from = {.fd = -1};
	struct buffer content = BUFFER_OF_ARRAY(space);
	char path[CLI_PATH_MAX + 32];
	enum status status;

	snprintf(path, sizeof(path), "%s/%s", folder, items[which].name);
	from = disk_file_of(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (from.fd < 0)
		return errno == ENOENT ? CLI_YES : fail(call, "read", path);
	status = disk_file_read(&from, sizeof(space), &content);
	close(from.fd);
	if (status != STATUS_OK)
		return fail(call, "read", path);
	if (content.len == 0)
		return CLI_YES;
	return disk_file_write(&to, buffer_bytes(&content)) == STATUS_OK
	           ? CLI_YES
	           : fail(call, "write", path);
}

int cli_disk_restore(const struct cli_call *call, int fd, uint64_t disk_bytes, const char *folder)
{
	struct db_files disk[DB_ROLE_COUNT];
	int result = CLI_YES;

	if (db_disk_attach(&disk_io, fd, disk_bytes, disk) != STATUS_OK) {
		cli_complain(call, "the disk's table of lengths cannot be read; if what is on the "
		                   "disk may go, put zeros over its first 2 MiB");
		return CLI_UNSURE;
	}
	for (int role = 0; role < DB_ROLE_COUNT && result == CLI_YES; role++)
		result = empty(&disk[role]) ? CLI_YES : fail(call, "write", "the disk");
	for (size_t i = 0; i < FILE_COUNT && result == CLI_YES; i++)
		result = restore_file(call, folder, &disk[files[i].role], i);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]) && result == CLI_YES; i++)
		result = restore_item(call, folder, fd, i);
	for (size_t i = 0; i < (size_t)DB_ROLE_COUNT * DB_FILE_COUNT && result == CLI_YES; i++) {
		const struct db_files *one = &disk[i / DB_FILE_COUNT];

		if (i % DB_FILE_COUNT != DB_FILE_MARK &&
		    one->io->sync(one->fds[i % DB_FILE_COUNT]) != 0)
			result = fail(call, "write", "the disk");
	}
	return result;
}
