/* cli_receipt: files of `claviger receipt export`, for whoever reads one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include "authz_receipt.h"
#include "base_bytes.h"
#include "cli.h"

struct cli_receipts {
	struct buffer file; /* the rest borrows from it; its owner frees `data` */
	const uint8_t *deployment_key, *wallet;
	struct bytes bundle;
};

/* The check request that was kept beside a receipt. */
struct cli_input {
	uint8_t ticket[32];
	struct bytes request; /* borrows from the bundle */
};

/* cli_receipts_open reads a file; `key_text`: the deployment key to go by, instead of the file's,
 * NULL: none. Exit status after complaining. */
int cli_receipts_open(struct cli_call *call, const char *path, const char *key_text,
                      struct cli_receipts *ret_file, uint8_t key_space[32]);

/* cli_receipts_inputs lists the inputs of a bundle, by ticket; the caller frees it. NULL: no
 * memory.
 */
struct cli_input *cli_receipts_inputs(struct bytes bundle, size_t *ret_count);

/* cli_receipt_tried finds the try of a receipt that its input was of. NULL: none was kept
 * (ret_request is empty), or it is not what was asked. */
const struct authz_tried *cli_receipt_tried(const struct authz_receipt *receipt,
                                            const struct cli_input *inputs, size_t count,
                                            struct bytes *ret_request);

#endif
