/* db: tables of ciphertext in SQLite, for the store alone; the only user of sqlite3.h.
 *
 * Two databases, each with its write-ahead log: DB_ROLE_STATE (values, nodes of the Merkle map,
 * meta) and DB_ROLE_SEGMENTS (append-only blobs, meta). SQLite reaches its files only through
 * struct db_files: descriptors opened beforehand and four calls on them, so a sandboxed process
 * opens nothing, a bare block device can take their place, and a test can make each call fail.
 *
 * Trust: the files may be damaged or hostile in any way. What SQLite notices is STATUS_CORRUPT;
 * values themselves are checked by the Merkle map above. The schema is compared with ours letter
 * by letter; a file with another one is refused.
 *
 * Durable: db_commit returns STATUS_OK only after fdatasync. A change number grows with every
 * commit and is also written, unsynced, to the mark file afterwards: a database that opens below
 * its mark has lost acknowledged commits (a damaged log) and is refused as corrupt.
 *
 * After a failed write or sync nothing is known about the disk any more: the database answers
 * STATUS_IO to everything (db_is_broken) and its process ends, to begin again from the disk. A full
 * disk is STATUS_BUSY: that batch is rolled back, and reading goes on. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_H
#define DB_H

#include <sys/types.h>

#include "base_bytes.h"

#define DB_ID_LEN   32u
#define DB_NODE_MAX 256u /* bytes of one node row */
#define DB_META_MAX 8192u
#define DB_BLOB_MAX 1048576u /* SQLite's own bound on any value, against damaged lengths */

enum db_role { DB_ROLE_STATE = 0, DB_ROLE_SEGMENTS = 1, DB_ROLE_COUNT };

enum db_file {
	DB_FILE_MAIN = 0,
	DB_FILE_WAL = 1,
	DB_FILE_JOURNAL = 2, /* used once, while the log is switched on */
	DB_FILE_MARK = 3,
	DB_FILE_COUNT
};

/* How the files are reached; db_io_system is the kernel's. Each returns as the system call does. */
struct db_io {
	ssize_t (*read)(int fd, void *to, size_t len, off_t at);
	ssize_t (*write)(int fd, const void *from, size_t len, off_t at);
	int (*sync)(int fd);
	int (*truncate)(int fd, off_t len);
	off_t (*size)(int fd); /* -1 on failure */
};

extern const struct db_io db_io_system;

struct db_files {
	const struct db_io *io;
	int fds[DB_FILE_COUNT];
	bool is_broken;        /* a write or sync failed: nothing is trusted any more */
	bool is_full;          /* the last failed write found no space */
	uint64_t held_log_max; /* how long a log may grow while a backup is taken */
	uint64_t main_max;     /* bytes that the database file may have; 0: no bound */
};

/* Kept back of main_max for what must be written when all else is full: a freeze. */
#define DB_RESERVE(main_max) ((main_max) / 16)

#define DB_HELD_LOG_MAX (UINT64_C(1) << 30) /* of files in a folder */

#define DB_STATEMENTS_MAX 17

struct db {
	void *handle;
	void *statements[DB_STATEMENTS_MAX];
	struct db_files *files;
	enum db_role role;
	uint64_t change;
	bool in_batch;
	const char *trouble; /* what the last failure was, for the log; never NULL once opened */
};

/* db_files_open creates or opens the four files "NAME.db", "NAME.db-wal", ... below a directory,
 * mode 0600, never through a symbolic link, and locks the first: STATUS_BUSY when another process
 * has it, and still has it five seconds later. The descriptors stay open until db_files_close. */
MUST_USE enum status db_files_open(int directory_fd, const char *name, struct db_files *ret_files);
void db_files_close(struct db_files *files);

/* db_open opens or makes the database of a role in files, which must stay where they are. On
 * failure *db->trouble says why in words. One database of each role may be open in a process. */
MUST_USE enum status db_open(struct db_files *files, enum db_role role, struct db *db);
/* db_close folds the log into the database where it can; a closed (zeroed) db is fine. */
void db_close(struct db *db);
/* db_is_broken is true after a failed write or sync: end the process. */
bool db_is_broken(const struct db *db);

/* One batch at a time: all changes lie between db_begin and db_commit or db_rollback. A failed
 * commit is rolled back. */
MUST_USE enum status db_begin(struct db *db);
MUST_USE enum status db_commit(struct db *db);
void db_rollback(struct db *db);
/* db_fold writes the log's pages into the database file and empties the log. */
MUST_USE enum status db_fold(struct db *db);
/* db_hold folds the log and from then on leaves the database file as it is: commits gather in the
 * log. db_release ends that, and so does db_close. BUSY: not now, a batch is open. */
MUST_USE enum status db_hold(struct db *db);
void db_release(struct db *db);
/* db_held_len is the length of the held file. db_held_read appends up to `len` bytes of it. */
uint64_t db_held_len(const struct db *db);
MUST_USE enum status db_held_read(struct db *db, uint64_t at, size_t len, struct buffer *ret_bytes);
/* db_held_too_long tells whether the log has grown so much that the file must be released. */
bool db_held_too_long(const struct db *db);
/* db_fill tells how full the database is, in hundredths of main_max less the reserve: free pages
 * inside the file count as free; above 100 the reserve is being used. 0: there is no bound. */
unsigned db_fill(struct db *db);
/* db_verify reads every page (PRAGMA integrity_check): minutes for a large store. */
MUST_USE enum status db_verify(struct db *db);

/* Meta: small values by number 1 to 99; numbers from 100 are this module's. NOT_FOUND when absent.
 */
MUST_USE enum status db_meta_get(struct db *db, uint32_t number, struct buffer *ret_value);
MUST_USE enum status db_meta_put(struct db *db, uint32_t number, struct bytes value);

/* Values by (kind, id) in the state database. Get appends; delete and get: NOT_FOUND when absent.
 */
MUST_USE enum status db_value_get(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN],
                                  struct buffer *ret_value);
MUST_USE enum status db_value_put(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN],
                                  struct bytes value);
MUST_USE enum status db_value_delete(struct db *db, uint32_t kind, const uint8_t id[DB_ID_LEN]);
/* db_value_delete_kind deletes all of a kind. */
MUST_USE enum status db_value_delete_kind(struct db *db, uint32_t kind);
/* db_value_list appends up to `max` ids above `after` (NULL: from the first), ascending; ret_more:
 * there are others above them. */
MUST_USE enum status db_value_list(struct db *db, uint32_t kind, const uint8_t *after, uint32_t max,
                                   struct buffer *ret_ids, bool *ret_more);

/* Nodes of a binary trie by depth and prefix (bits beyond `depth` zero), at most DB_NODE_MAX bytes.
 */
MUST_USE enum status db_node_get(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN],
                                 struct buffer *ret_node);
MUST_USE enum status db_node_put(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN],
                                 struct bytes node);
MUST_USE enum status db_node_delete(struct db *db, uint32_t depth, const uint8_t prefix[DB_ID_LEN]);

/* Blobs by (stream, cursor) in the segments database. */
MUST_USE enum status db_blob_put(struct db *db, uint32_t stream, uint64_t cursor,
                                 struct bytes blob);
/* db_blob_get appends the first blob at or after `cursor`; NOT_FOUND when there is none. */
MUST_USE enum status db_blob_get(struct db *db, uint32_t stream, uint64_t cursor,
                                 struct buffer *ret_blob, uint64_t *ret_cursor);
MUST_USE enum status db_blob_delete_before(struct db *db, uint32_t stream, uint64_t cursor,
                                           uint64_t *ret_bytes);

#endif
