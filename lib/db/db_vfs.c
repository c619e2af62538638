/* SPDX-License-Identifier: Apache-2.0 */
#include "db_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base_check.h"
#include "base_lock.h"

#define PATH_MAX_LEN 64

struct vfs_file {
	sqlite3_file base;
	struct db_files *files;
	enum db_file file;
};

static struct db_files *attached[DB_ROLE_COUNT];
static const char *const role_names[DB_ROLE_COUNT] = {"/state", "/segments"};
static const char *const suffixes[DB_FILE_COUNT] = {".db", ".db-wal", ".db-journal", ".mark"};

static off_t system_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

const struct db_io db_io_system = {
    .read = pread, .write = pwrite, .sync = fdatasync, .truncate = ftruncate, .size = system_size};

/* ---- files ---- */

enum status db_file_read(struct db_files *files, enum db_file file, void *to, size_t len, off_t at,
                         size_t *ret_len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = files->io->read(files->fds[file], (uint8_t *)to + done, len - done,
		                              at + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return STATUS_IO;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_len = done;
	return STATUS_OK;
}

enum status db_file_write(struct db_files *files, enum db_file file, const void *from, size_t len,
                          off_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t put = files->io->write(files->fds[file], (const uint8_t *)from + done,
		                               len - done, at + (off_t)done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == ENOSPC || errno == EDQUOT)) {
			files->is_full = true;
			return STATUS_BUSY;
		}
		if (put <= 0) {
			files->is_broken = true;
			return STATUS_IO;
		}
		done += (size_t)put;
	}
	return STATUS_OK;
}

enum status db_files_open(int directory_fd, const char *name, struct db_files *ret_files)
{
	struct db_files files = {
	    .io = &db_io_system, .fds = {-1, -1, -1, -1},
                 .held_log_max = DB_HELD_LOG_MAX
        };
	char path[PATH_MAX_LEN];
	enum status status;

	for (int i = 0; i < DB_FILE_COUNT; i++) {
		int len = snprintf(path, sizeof(path), "%s%s", name, suffixes[i]);

		CHECK(len > 0 && (size_t)len < sizeof(path));
		files.fds[i] = openat(directory_fd, path,
		                      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
		if (files.fds[i] < 0) {
			db_files_close(&files);
			return STATUS_IO;
		}
	}
	/* New names are durable before anything that lies under them is. */
	if (fsync(directory_fd) != 0) {
		db_files_close(&files);
		return STATUS_IO;
	}
	status = lock_await(files.fds[DB_FILE_MAIN]);
	if (status != STATUS_OK) {
		db_files_close(&files);
		return status;
	}
	*ret_files = files;
	return STATUS_OK;
}

void db_files_close(struct db_files *files)
{
	int saved = errno;

	for (int i = 0; files->io == &db_io_system && i < DB_FILE_COUNT; i++)
		if (files->fds[i] >= 0)
			close(files->fds[i]);
	for (int i = 0; i < DB_FILE_COUNT; i++)
		files->fds[i] = -1;
	errno = saved;
}

/* ---- what SQLite calls on a file ---- */

static struct vfs_file *file_of(sqlite3_file *file)
{
	return (struct vfs_file *)(void *)file;
}

static int vfs_close(sqlite3_file *file)
{
	(void)file; /* the descriptors are the caller's */
	return SQLITE_OK;
}

static int vfs_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	size_t got;

	if (db_file_read(f->files, f->file, to, (size_t)len, at, &got) != STATUS_OK)
		return SQLITE_IOERR_READ;
	if (got == (size_t)len)
		return SQLITE_OK;
	memset((uint8_t *)to + got, 0, (size_t)len - got); /* SQLite's contract of short reads */
	return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct vfs_file *f = file_of(file);
	enum status status;

	if (f->files->is_broken)
		return SQLITE_IOERR_WRITE;
	status = db_file_write(f->files, f->file, from, (size_t)len, at);
	if (status == STATUS_OK)
		return SQLITE_OK;
	return status == STATUS_BUSY ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 len)
{
	struct vfs_file *f = file_of(file);

	if (f->files->is_broken)
		return SQLITE_IOERR_TRUNCATE;
	if (f->files->io->truncate(f->files->fds[f->file], len) == 0)
		return SQLITE_OK;
	f->files->is_broken = true;
	return SQLITE_IOERR_TRUNCATE;
}

static int vfs_sync(sqlite3_file *file, int flags)
{
	struct vfs_file *f = file_of(file);

	(void)flags;
	/* Never again after a failure: the kernel drops dirty pages and the next sync would lie. */
	if (f->files->is_broken)
		return SQLITE_IOERR_FSYNC;
	if (f->files->io->sync(f->files->fds[f->file]) == 0)
		return SQLITE_OK;
	f->files->is_broken = true;
	return SQLITE_IOERR_FSYNC;
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *ret_len)
{
	struct vfs_file *f = file_of(file);
	off_t len = f->files->io->size(f->files->fds[f->file]);

	if (len < 0)
		return SQLITE_IOERR_FSTAT;
	*ret_len = len;
	return SQLITE_OK;
}

/* One process has the files (flock in db_files_open): SQLite's own locks have nothing to do. */
static int vfs_lock(sqlite3_file *file, int level)
{
	(void)file;
	(void)level;
	return SQLITE_OK;
}

static int vfs_check_reserved(sqlite3_file *file, int *ret_held)
{
	(void)file;
	*ret_held = 0;
	return SQLITE_OK;
}

static int vfs_control(sqlite3_file *file, int operation, void *argument)
{
	(void)file;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int vfs_sector_size(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int vfs_device(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite's own unix files say */
}

/* Version 1: no shared memory, so the log works in exclusive locking only, and no mmap. */
static const sqlite3_io_methods io_methods = {
    .iVersion = 1,
    .xClose = vfs_close,
    .xRead = vfs_read,
    .xWrite = vfs_write,
    .xTruncate = vfs_truncate,
    .xSync = vfs_sync,
    .xFileSize = vfs_size,
    .xLock = vfs_lock,
    .xUnlock = vfs_lock,
    .xCheckReservedLock = vfs_check_reserved,
    .xFileControl = vfs_control,
    .xSectorSize = vfs_sector_size,
    .xDeviceCharacteristics = vfs_device,
};

/* ---- what SQLite calls on names ---- */

static bool find_file(const char *path, struct db_files **ret_files, enum db_file *ret_file)
{
	for (int role = 0; path != NULL && role < DB_ROLE_COUNT; role++) {
		size_t len = strlen(role_names[role]);

		if (attached[role] == NULL || strncmp(path, role_names[role], len) != 0)
			continue;
		for (int i = DB_FILE_MAIN; i <= DB_FILE_JOURNAL; i++) {
			const char *suffix = i == DB_FILE_MAIN ? "" : suffixes[i] + 3;

			if (strcmp(path + len, suffix) == 0) {
				*ret_files = attached[role];
				*ret_file = (enum db_file)i;
				return true;
			}
		}
	}
	return false;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *ret_flags)
{
	struct vfs_file *f = file_of(file);

	(void)vfs;
	memset(f, 0, sizeof(*f));
	if (!find_file(path, &f->files, &f->file))
		return SQLITE_CANTOPEN;
	f->base.pMethods = &io_methods;
	if (ret_flags != NULL)
		*ret_flags = flags;
	return SQLITE_OK;
}

/* An empty file is one that is not there: journals are "deleted" by cutting them to nothing. */
static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct vfs_file f = {0};

	(void)vfs;
	if (!find_file(path, &f.files, &f.file))
		return SQLITE_IOERR_DELETE;
	if (vfs_truncate(&f.base, 0) != SQLITE_OK)
		return SQLITE_IOERR_DELETE;
	/* Always: a journal that came back after a power cut would roll back what followed it. */
	(void)sync;
	return vfs_sync(&f.base, 0);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
	struct vfs_file f = {0};
	sqlite3_int64 len = 0;

	(void)vfs;
	(void)flags;
	*ret_there = 0;
	if (!find_file(path, &f.files, &f.file))
		return SQLITE_OK;
	if (vfs_size(&f.base, &len) != SQLITE_OK)
		return SQLITE_IOERR_ACCESS;
	*ret_there = len > 0;
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int cap, char *ret_path)
{
	size_t len = strlen(path);

	(void)vfs;
	if (len + 1 > (size_t)cap)
		return SQLITE_CANTOPEN;
	memcpy(ret_path, path, len + 1);
	return SQLITE_OK;
}

/* Randomness goes into the log's salt and nothing secret. getrandom also works in a sandbox. */
static int vfs_randomness(sqlite3_vfs *vfs, int len, char *to)
{
	(void)vfs;
	return syscall(SYS_getrandom, to, (size_t)len, 0) == len ? len : 0;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return microseconds; /* nobody else has the files: waiting never helps */
}

static int vfs_time(sqlite3_vfs *vfs, double *ret_julian)
{
	(void)vfs;
	*ret_julian = 2440587.5; /* no table of ours holds a time */
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int cap, char *text)
{
	(void)vfs;
	(void)cap;
	(void)text;
	return errno;
}

static sqlite3_vfs vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(struct vfs_file),
    .mxPathname = PATH_MAX_LEN,
    .zName = DB_VFS_NAME,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
};

enum status db_vfs_attach(enum db_role role, struct db_files *files)
{
	if (attached[role] != NULL)
		return STATUS_BUSY;
	if (sqlite3_vfs_find(DB_VFS_NAME) == NULL && sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		return STATUS_IO;
	attached[role] = files;
	return STATUS_OK;
}

void db_vfs_detach(enum db_role role)
{
	attached[role] = NULL;
}

const char *db_vfs_name(enum db_role role)
{
	return role_names[role];
}
