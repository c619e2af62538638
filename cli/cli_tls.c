/* claviger tls csr: what a site's own CA signs, so that browsers and clients with that CA's root
 * take the signer's TLS key. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli_commands.h"
#include "cli_server.h"

static int show_request(struct cli_call *call, const struct cli_json_node *root)
{
	struct bytes pem;

	if (!cli_json_text(cli_json_member(root, "pem"), &pem) || pem.len == 0) {
		cli_complain(call, "the server made no request; its log says why");
		return CLI_UNSURE;
	}
	fwrite(pem.data, 1, pem.len, stdout);
	return CLI_YES;
}

static int run_csr(struct cli_call *call)
{
	struct cli_server_options where = {.server = NULL};
	const struct cli_option options[] = {CLI_SERVER_OPTIONS(where)};
	struct cli_json_file file;
	struct cli_server server;
	unsigned status;
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_server_connect(&server, call, &where);
	if (result == CLI_YES)
		result = cli_server_http(&server, "GET", "/api/v1/tls/request", NULL,
		                         bytes_of(NULL, 0), &status);
	if (result == CLI_YES)
		result = cli_server_json(&server, &file);
	if (result == CLI_YES) {
		result = call->json ? cli_server_show(&server, &file, NULL)
		                    : show_request(call, file.root);
		cli_json_close(&file);
	}
	cli_server_close(&server);
	return cli_finish(call, result);
}

const struct cli_command cli_tls_csr = {
    .name = "tls csr",
    .arguments = "",
    .sentence = "print a certification request for the signer's TLS key",
    .run = run_csr,
    .help =
        "For a CA of your own: give it the request, put the chain that it makes (this server's\n"
        "certificate first) into a file, name that with `serve --tls-certificate FILE` or as\n"
        "tls_certificate in the configuration, and send SIGHUP (systemctl reload claviger)\n"
        "whenever the file has changed. The names in it are those of `serve --tls-name`. The key\n"
        "never leaves the signer's machine and stays the same, so evidence and pins that name it\n"
        "stay true.\n",
};
