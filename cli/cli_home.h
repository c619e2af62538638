/* cli_home: the client's own folder: keys of clients, tokens, pinned deployments; and key files.
 *
 * Default ~/.claviger, else --home or CLAVIGER_HOME. Folders are 0700, files 0600; a file is
 * written whole under another name and renamed, so an interrupted run leaves the old one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HOME_H
#define CLI_HOME_H

#include "cli.h"
#include "keys.h"

#define CLI_PATH_MAX 1024

/* cli_home_open makes the folder where needed. `option` may be NULL. Exit status. */
int cli_home_open(const struct cli_call *call, const char *option, char ret_home[CLI_PATH_MAX]);
/* cli_home_path joins home, a sub-folder (made where needed) and a name that was checked. */
int cli_home_path(const struct cli_call *call, const char *home, const char *folder,
                  const char *name, const char *ending, char ret_path[CLI_PATH_MAX]);
/* cli_home_write replaces a file's content; mode 0600 when secret. cli_home_create never replaces a
 * file. Either the whole content is there, on the disk, or nothing of it. Exit status. */
int cli_home_write(const struct cli_call *call, const char *path, struct bytes content,
                   bool secret);
int cli_home_create(const struct cli_call *call, const char *path, struct bytes content,
                    bool secret);

/* A file that is too long to be held, and is written piece by piece under another name. */
struct cli_home_file {
	FILE *file;
	const char *path;
	char temporary[CLI_PATH_MAX + 8];
};

/* cli_home_begin opens one; cli_home_end closes it and gives it its name when `result`, which came
 * of writing it, is CLI_YES and all of it is on the disk; what lies there is never replaced. Both
 * return an exit status, the second one `result` where that is another. */
int cli_home_begin(const struct cli_call *call, const char *path, struct cli_home_file *ret_file);
int cli_home_end(const struct cli_call *call, struct cli_home_file *file, int result);

/* cli_name_is_good: [A-Za-z0-9_-]{1,64}, and neither 64 hex digits (an id) nor an address. */
bool cli_name_is_good(const char *name);

/* What a complaint says about a name that is not: the name, LIMIT_NAME_MAX. */
#define CLI_NAME_WRONG                                                                             \
	"\"%s\" is no name: letters, digits, '_' and '-', at most %u, and neither an address nor " \
	"64 hex digits"

/* cli_key_read reads an ed25519 key: a Solana keypair file (64 numbers in JSON), or base58 of 64
 * bytes. Exit status; the caller wipes the key. */
int cli_key_read(const struct cli_call *call, const char *path, struct keys_sign_key *ret_key);
/* cli_key_write writes a Solana keypair file; refuses to replace one. */
int cli_key_write(const struct cli_call *call, const char *path, const struct keys_sign_key *key);

/* An escape key is an X25519 key (RFC 7748): it opens what is sealed to it and signs nothing. Its
 * file is {"claviger_escape_key": base58 of the public key, "seed": 64 hex digits}, a form of its
 * own, so that it is taken for no user's or wallet's key, nor the other way round.
 *
 * cli_escape_make writes a new one, and refuses to replace a file.
 * cli_escape_read reads one. Exit status; the caller wipes the seed. */
#define CLI_ESCAPE_SEED_LEN 32
int cli_escape_make(const struct cli_call *call, const char *path, uint8_t ret_public[32]);
int cli_escape_read(const struct cli_call *call, const char *path,
                    uint8_t ret_seed[CLI_ESCAPE_SEED_LEN]);
/* cli_escape_is says whether a file is an escape key, and gives its public key. */
bool cli_escape_is(const char *path, uint8_t ret_public[32]);

#endif
