/* cli_wallet: births of wallets, shared by `wallet create` and `serve --dev`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_WALLET_H
#define CLI_WALLET_H

#include "cli_change.h"

struct cli_birth {
	const char *name;
	size_t user_key_count;
	struct authz_user_key user_keys[LIMIT_USER_KEYS_MAX]; /* the signer's first */
	bool has_recovery, has_escape;
	uint8_t recovery[32], escape[32];
	bool yes, quiet;
};

/* cli_wallet_create makes one wallet; nothing is returned before the signer's answer was checked
 * against all that was asked for (A8). `ret_birth` borrows from `space`. */
int cli_wallet_create(struct cli_server *server, const struct keys_sign_key *key,
                      const struct cli_birth *birth, struct buffer *space,
                      struct authz_birth *ret_birth);

#endif
