/* cli_audit: how records are shown, wherever they are: by themselves or in an audit's lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "authz_answer.h"
#include "authz_history.h"
#include "authz_receipt.h"
#include "cli_out.h"
#include "cli_server.h"

/* Each writes one JSON object; the same record gives the same bytes. */
void cli_wallet_out(struct cli_out *out, const struct authz_wallet_record *wallet);
void cli_grant_out(struct cli_out *out, const struct authz_grant_answer *answer);
void cli_receipt_out(struct cli_out *out, const struct authz_receipt *receipt);
/* cli_changed_out is false, and writes nothing, for what is no change. */
bool cli_changed_out(struct cli_out *out, struct bytes changed);
void cli_standing_out(struct cli_out *out, const struct authz_standing *standing);

/* A wallet's changes and standings in a file, in their order, as items of these kinds. */
#define CLI_AUDIT_CHANGE   1
#define CLI_AUDIT_STANDING 2

/* cli_audit_changes checks offline that a wallet's changes lead from its birth to where the
 * deployment signed that it stands, that each was signed by whom the wallet then asked for, and
 * that each receipt of `bundle` names one of these states, each signature a grant that lived in it.
 * `history` begins with deployment and wallet, and ends as the wallet stands. NULL, or what is
 * wrong. */
const char *cli_audit_changes(struct bytes changes, struct bytes bundle,
                              const uint8_t deployment_key[32], struct authz_history *history);

/* cli_receipt_page reads one page of a wallet's bundle (authz_bundle.h), from a cursor on, into
 * `part`; ret_more: there is another one, at `ret_next`. Exit status after complaining. */
int cli_receipt_page(struct cli_server *server, const char *wallet, const char *token, bool inputs,
                     const char *cursor, struct buffer *part, char ret_next[24], bool *ret_more);

#endif
