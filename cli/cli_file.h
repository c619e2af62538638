/* cli_file: buffers, and a whole file that the person named, up to a bound. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base_bytes.h"

/* cli_buffer makes an empty buffer of `cap` bytes; its owner frees `data`. Without memory the
 * program ends. */
struct buffer cli_buffer(size_t cap);

/* cli_file_read reads at most `cap` bytes into a buffer that the caller frees; a longer file is
 * STATUS_TOO_LARGE. On failure `ret_message` has a sentence for people. "-" is standard input. */
MUST_USE enum status cli_file_read(const char *path, size_t cap, struct buffer *ret_file,
                                   char *ret_message, size_t message_cap);

#endif
