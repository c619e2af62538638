/* cli_time: times as people read them, and how good this machine's clock is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TIME_H
#define CLI_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define CLI_TIME_TEXT_MAX 32

/* cli_time_text writes a time, seconds since 1970, as UTC. */
void cli_time_text(uint64_t time_s, char ret_text[CLI_TIME_TEXT_MAX]);

/* cli_time_error is by how much this machine's clock may be off, seconds rounded up, as its kernel
 * says; false when the clock is not synchronised with any. */
bool cli_time_error(uint64_t *ret_error_s);

#endif
