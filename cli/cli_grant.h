/* cli_grant: grants, shared by the `grant` commands and `serve --dev`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include "cli_change.h"
#include "cli_out.h"

/* cli_module_add sends a module's bytes (or finds nothing to do when they are there already), as
 * the key's owner; NULL: as nobody. The answer's runs are borrowed from the server's last answer.
 */
int cli_module_add(struct cli_server *server, const struct keys_sign_key *key, struct bytes module,
                   struct authz_module_answer *ret_answer);

struct cli_grant {
	struct authz_grant_body body;
	const char *keep;
	bool hold; /* only kept, not submitted */
	bool yes, quiet;
	struct cli_second second;
	bool waits; /* set: it is kept for its time */
};

/* cli_grant_create grants the same to every wallet, all or none; ret_ids has one id per wallet in
 * the order given. */
int cli_grant_create(struct cli_server *server, const struct keys_sign_key *key,
                     const struct authz_wallet_record *wallets, size_t count,
                     struct cli_grant *grant, const struct authz_table_contents *tables,
                     size_t table_count, uint8_t (*ret_ids)[32]);

/* cli_window_name is what `cli_cap_take` calls a window: total, 1h or 24h. */
const char *cli_window_name(uint8_t window);

/* cli_rule_out writes the members of a counter's rule: unit, mint, window, cap. */
void cli_rule_out(struct cli_out *out, const struct authz_counter_rule *rule);

/* cli_cap_take reads UNIT:WINDOW:CAP: lamports, uses or mint=ADDRESS; total, 1h or 24h; above 0. */
bool cli_cap_take(const char *text, struct authz_counter_rule *ret_rule);
/* cli_each_word calls `take` for each of the words that commas separate; false when one is empty or
 * not taken. */
bool cli_each_word(const char *text, bool (*take)(void *context, const char *word), void *context);

/* cli_outstanding_out writes what grants signed on durable nonces, as a JSON array with an object
 * for each {nonce account, value}: such a signature is good until its nonce moves on. */
void cli_outstanding_out(struct cli_out *out, const struct authz_outstanding *grants, size_t count);

#endif
