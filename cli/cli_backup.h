/* cli_backup: the two ways to a backup: from the state folder, and from a running signer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BACKUP_H
#define CLI_BACKUP_H

#include "cli_server.h"

/* cli_backup_remote asks the server for a backup, as the operator whose key file this is, and
 * writes it into the folder, which is there. Exit status; `ret_bytes`: how much was written. */
int cli_backup_remote(struct cli_call *call, const struct cli_server_options *options,
                      const char *operator_file, const char *folder, uint64_t *ret_bytes);

#endif
