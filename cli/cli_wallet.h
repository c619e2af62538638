/* cli_wallet: births of wallets, shared by `wallet create` and `serve --dev`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_WALLET_H
#define CLI_WALLET_H

#include "cli_change.h"
#include "cli_out.h"

struct cli_birth {
	const char *name;
	size_t user_key_count;
	struct authz_user_key user_keys[LIMIT_USER_KEYS_MAX]; /* the signer's first */
	const struct keys_sign_key *more; /* all of them but the first, in order */
	struct authz_delays delays;
	size_t limit_count;
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX];
	bool has_recovery, has_escape;
	uint8_t recovery[32], escape[32];
	bool yes, quiet;
};

/* cli_wallet_create makes one wallet; nothing is returned before the signer's answer was checked
 * against all that was asked for (A8). `ret_birth` borrows from `space`. */
int cli_wallet_create(struct cli_server *server, const struct keys_sign_key *key,
                      const struct cli_birth *birth, struct buffer *space,
                      struct authz_birth *ret_birth);

/* cli_delays_take reads delays, each NULL or seconds, or a number with s, m, h or d behind it;
 * false, and a complaint is CLI_DELAY_WRONG, for anything else and above LIMIT_DELAY_MAX_S. */
bool cli_delays_take(const char *delay, const char *export_delay, struct authz_delays *ret_delays);
#define CLI_DELAY_WRONG "a delay is seconds, or a number and s, m, h or d, at most 30d"

/* cli_limits_take reads UNIT:WINDOW:CAP[,...] of --limit, the limits of a new wallet; NULL: none.
 */
int cli_limits_take(const struct cli_call *call, const char *words,
                    struct authz_counter_rule ret_limits[LIMIT_WALLET_LIMITS_MAX],
                    size_t *ret_count);

/* cli_export_open opens the file of an export that was sealed to an escape key, whose seed `own`
 * is, and writes the wallet's key to `path`, which it does not replace. */
int cli_export_open(struct cli_call *call, const char *file, const uint8_t own[32],
                    const char *path);

/* cli_factor_find finds a factor of a wallet by the text that `factor list` shows; false for none.
 */
bool cli_factor_find(const struct authz_wallet_record *wallet, const char *text,
                     struct authz_user_key *ret_key);
/* cli_factors_out writes a wallet's factors as a JSON array, cli_pending_out what waits. */
void cli_factors_out(struct cli_out *out, const struct authz_wallet_record *wallet);
void cli_pending_out(struct cli_out *out, const struct authz_wallet_record *wallet);

#endif
