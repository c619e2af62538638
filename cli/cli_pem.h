/* cli_pem: DER out of PEM text (RFC 7468): public keys and certificates that a person names. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PEM_H
#define CLI_PEM_H

#include "base_bytes.h"

/* cli_pem_next finds the next block with this label ("PUBLIC KEY") in *text, moves *text behind it
 * and appends what it holds. STATUS_NOT_FOUND when none follows, STATUS_MALFORMED when one is
 * damaged; blocks with other labels and text between blocks are passed over. */
MUST_USE enum status cli_pem_next(struct bytes *text, const char *label, struct buffer *ret_der);

#endif
