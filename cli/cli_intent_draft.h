/* cli_intent_draft: `policy new --from-tx`: an intent that allows what samples do, as exactly as
 * their bytes say it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INTENT_DRAFT_H
#define CLI_INTENT_DRAFT_H

#include "cli.h"

/* cli_intent_draft writes an intent for the transactions in `samples` (base64, one a line) to `to`
 * (NULL: standard output). `wallet` in base58; NULL: the first one's fee payer. Exit status. */
int cli_intent_draft(struct cli_call *call, const char *samples, const char *wallet,
                     const char *to);

#endif
