/* db_disk: the store's files as regions of the appliance's data disk (lib/disk), for the kernel has
 * no file system. A region is a file whose length stands in the disk's table, in two blocks that
 * are written in turn: a torn one leaves the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_DISK_H
#define DB_DISK_H

#include "db.h"

/* db_disk_attach makes the files of both roles out of a disk of `disk_bytes` that `fd` reaches
 * through `io` (read, write and sync are used); fd stays the caller's and open. One disk per
 * process. CORRUPT: a length in the table is damaged in both blocks. IO; TOO_LARGE. */
MUST_USE enum status db_disk_attach(const struct db_io *io, int fd, uint64_t disk_bytes,
                                    struct db_files ret_files[DB_ROLE_COUNT]);

#endif
