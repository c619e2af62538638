/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_pcrs.h"

#include <stdio.h>

#include "base_encode.h"
#include "cli_json.h"

static int take_values(const struct cli_call *call, const char *path,
                       const struct cli_json_node *values, const uint8_t *indices,
                       uint8_t (*ret_values)[32], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buffer out = {ret_values[i], 32, 0};
		struct bytes text;
		char name[4];

		snprintf(name, sizeof(name), "%u", indices[i]);
		if (!cli_json_text(cli_json_member(values, name), &text) ||
		    hex_decode(text, &out) != STATUS_OK || out.len != 32) {
			cli_complain(call,
			             "%s: PCR %s is missing or not 64 hex digits; approving "
			             "without it would let other software unseal, or this one not",
			             path, name);
			return CLI_NO;
		}
	}
	return CLI_YES;
}

int cli_pcrs_read(const struct cli_call *call, const char *path, uint8_t (*ret_release)[32],
                  uint8_t (*ret_site)[32])
{
	const struct cli_json_node *values;
	struct cli_json_file file;
	char message[256];
	int result = CLI_YES;

	if (cli_json_open(path, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	values = cli_json_member(file.root, "sha256");
	if (values == NULL)
		values = file.root;
	if (ret_release != NULL)
		result = take_values(call, path, values, approval_release_pcrs, ret_release,
		                     APPROVAL_RELEASE_PCRS);
	if (result == CLI_YES && ret_site != NULL)
		result = take_values(call, path, values, approval_site_pcrs, ret_site,
		                     APPROVAL_SITE_PCRS);
	cli_json_close(&file);
	return result;
}
