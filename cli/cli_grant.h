/* cli_grant: grants, shared by `grant create` and `serve --dev`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include "cli_change.h"

/* cli_module_add sends a module's bytes (or finds nothing to do when they are there already). The
 * answer's runs are borrowed from the server's last answer. */
int cli_module_add(struct cli_server *server, struct bytes module,
                   struct authz_module_answer *ret_answer);

struct cli_grant {
	struct authz_grant_body body;
	const char *keep;
	bool hold; /* only kept, not submitted */
	bool yes, quiet;
};

/* cli_grant_create grants the same to every wallet, all or none; ret_ids has one id per wallet in
 * the order given. */
int cli_grant_create(struct cli_server *server, const struct keys_sign_key *key,
                     const struct authz_wallet_record *wallets, size_t count,
                     const struct cli_grant *grant, const struct authz_table_contents *tables,
                     size_t table_count, uint8_t (*ret_ids)[32]);

#endif
