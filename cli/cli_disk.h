/* cli_disk: a backup put onto the appliance's data disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DISK_H
#define CLI_DISK_H

#include "cli.h"

/* cli_disk_restore replaces the store on an open disk, and its items but for the site manifest, by
 * what a backup's folder holds. Exit status after complaining. */
int cli_disk_restore(const struct cli_call *call, int fd, uint64_t disk_bytes, const char *folder);

#endif
