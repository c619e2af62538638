/* cli_template: the files that `claviger policy new` writes, built into the tool: the headers of
 * policies/sdk and abi, and the folder policies/template (cmake/embed.cmake). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <stddef.h>

struct cli_template_file {
	const char *name;
	const unsigned char *data;
	size_t len;
};

extern const struct cli_template_file cli_template_files[];
extern const size_t cli_template_file_count;

#endif
