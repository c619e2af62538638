/* cli_qr: a short text as a QR code (ISO/IEC 18004) in a terminal, for what an authenticator app is
 * to scan: byte mode, level M, versions 1 to 9. web/src/qr.ts is its twin in the page. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_QR_H
#define CLI_QR_H

#include <stdio.h>

#include "base_bytes.h"

#define CLI_QR_SIDE_MAX 53 /* modules of version 9 */

struct cli_qr {
	int side;
	bool dark[CLI_QR_SIDE_MAX][CLI_QR_SIDE_MAX]; /* [row][column] */
	bool fixed[CLI_QR_SIDE_MAX][CLI_QR_SIDE_MAX];
};

/* cli_qr_make draws a text of at most 180 bytes; STATUS_TOO_LARGE for a longer one. */
MUST_USE enum status cli_qr_make(struct bytes text, struct cli_qr *ret_qr);
/* cli_qr_print writes it, two rows a line, black on white whatever the terminal's colours are, with
 * the quiet zone around it. */
void cli_qr_print(const struct cli_qr *qr, FILE *file);

#endif
