/* cli_attest: evidence on this side: policy files, the judgement in words, and the question that
 * every client asks before it sends anything that matters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ATTEST_H
#define CLI_ATTEST_H

#include "attest_verify.h"
#include "cli.h"

/* cli_attest_policy reads a policy file (spec/evidence.md); NULL: none, which accepts a software
 * TPM. What it points to lives as long as the process. Exit status after complaining. */
int cli_attest_policy(const struct cli_call *call, const char *path,
                      struct attest_policy *ret_policy);

/* cli_attest_show prints what was judged: a report on standard output, or one JSON object with
 * --json; a refusal's words as a complaint. Returns the exit status. */
int cli_attest_show(const struct cli_call *call, enum attest_verdict verdict,
                    const struct attest_report *report);

struct cli_server;

/* cli_attest_ask gets evidence over a fresh nonce of ours and judges it; the report borrows from
 * `ret_evidence`, which the caller frees. CLI_YES also when it was refused: `ret_verdict` says. */
int cli_attest_ask(struct cli_server *server, const struct attest_policy *policy,
                   struct buffer *ret_evidence, enum attest_verdict *ret_verdict,
                   struct attest_report *ret_report);

/* cli_attest_read reads an evidence file. */
int cli_attest_read(const struct cli_call *call, const char *path, struct bytes *ret_evidence);

#endif
