/* cli_client: a bot's root key and token, kept in the home folder. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "cli_server.h"

#define CLI_TOKEN_LEN HEX_LEN(32)

/* cli_client_make makes a client of this name (key and first token) and registers it; with `rotate`
 * it makes a new token for one that exists. */
int cli_client_make(struct cli_server *server, const char *name, bool rotate, uint8_t ret_id[32],
                    char ret_token_path[CLI_PATH_MAX]);
/* cli_client_id finds a client by name in the home folder, or takes 64 hex digits. */
int cli_client_id(struct cli_server *server, const char *text, uint8_t ret_id[32]);
/* cli_token_read reads a token file. */
int cli_token_read(const struct cli_call *call, const char *path,
                   char ret_token[LIMIT_TOKEN_MAX + 1]);

/* cli_operator_command signs an operator's command with the key in a file, and sends it. */
/* cli_operator_install sends a command whose target is the hash of `content`, and the content. */
int cli_operator_install(struct cli_server *server, const char *operator_file, uint8_t action,
                         struct bytes content);
int cli_operator_command(struct cli_server *server, const char *operator_file, uint8_t action,
                         const uint8_t target[32]);

#endif
