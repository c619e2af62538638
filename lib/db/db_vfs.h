/* db_vfs: SQLite's view of struct db_files; private to lib/db.
 *
 * Registered once under DB_VFS_NAME. SQLite names its files "N", "N-wal" and "N-journal", N being
 * the slot that db_vfs_attach gave; nothing else can be opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_VFS_H
#define DB_VFS_H

#include "db.h"

#define DB_VFS_NAME "claviger"

/* db_vfs_attach makes files reachable as the role's database; db_vfs_name is its name. */
MUST_USE enum status db_vfs_attach(enum db_role role, struct db_files *files);
void db_vfs_detach(enum db_role role);
const char *db_vfs_name(enum db_role role);

/* Whole reads and writes at an offset, through files->io; they set is_broken and is_full. */
MUST_USE enum status db_file_read(struct db_files *files, enum db_file file, void *to, size_t len,
                                  off_t at, size_t *ret_len);
MUST_USE enum status db_file_write(struct db_files *files, enum db_file file, const void *from,
                                   size_t len, off_t at);

#endif
