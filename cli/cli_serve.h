/* cli_serve: what `claviger serve` and its --dev share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <sys/socket.h>
#include <sys/types.h>

#include "cli_home.h"

#define CLI_SERVE_CEILINGS 3 /* CLI_SERVE_CLIENT_SIGNATURES and those behind it */

struct cli_serve {
	char state[CLI_PATH_MAX];
	const char *listen, *metrics, *operator_listen, *verifiers, *tls_name, *tls_certificate,
	    *operators, *rp_id, *origins, *inputs_keep, *store_max, *policy_engine, *receipts_keep,
	    *time_keys, *time_unproven;
	const char *recovery, *recover; /* as `claviger tpm provision` takes them; NULL: not said */
	const char *ceilings[CLI_SERVE_CEILINGS]; /* of each client; NULL: none */
	bool bound_exports, accept_time, echo, spare_tpm, dev, is_genesis;
	pid_t supervisor;
	char listen_space[64], metrics_space[64], origins_space[512];
};

/* cli_serve_relying chooses where passkeys may be used: the page that the bridge serves at
 * serve->listen, unless something else is said; CLI_USAGE after complaining. */
int cli_serve_relying(const struct cli_call *call, struct cli_serve *serve);

/* cli_serve_address reads ADDRESS:PORT, IPv6 in brackets; false when it is none. */
bool cli_serve_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_len);

/* cli_serve_genesis finds whether this is a first start (*serve's is_genesis) and prepares it in
 * the store's folder, which is there; of a signer that is there already it judges that the first
 * start was told the same as this one. cli_serve_genesis_over is called once the signer serves:
 * from then on nothing of it is begun anew. Exit status after complaining. */
int cli_serve_genesis(const struct cli_call *call, struct cli_serve *serve);
int cli_serve_genesis_over(const struct cli_call *call, const struct cli_serve *serve);

#endif
