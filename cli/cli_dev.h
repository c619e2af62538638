/* cli_dev: what `claviger serve --dev` adds: a throw-away folder and free ports, and then a wallet,
 * a client and a grant for SOL transfers to anyone, at most 1 SOL each and 10 SOL in total. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DEV_H
#define CLI_DEV_H

#include "cli_serve.h"

int cli_dev_folder(const struct cli_call *call, struct cli_serve *serve);
/* cli_dev_prepare makes wallet, client and grant on the running signer and prints what a bot needs,
 * one `export NAME=value` a line. */
int cli_dev_prepare(const struct cli_call *call, struct cli_serve *serve);
void cli_dev_clean(const struct cli_serve *serve);

#endif
