/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_file.h"
#include "http_client.h"
#include "http_tls.h"

static int write_chain(const struct cli_call *call, const struct cli_serve *serve, struct bytes pem)
{
	char path[CLI_PATH_MAX + 32];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "%s/tls.pem", serve->state);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	good = fd >= 0 && pwrite(fd, pem.data, pem.len, 0) == (ssize_t)pem.len &&
	       ftruncate(fd, (off_t)pem.len) == 0;
	if (!good)
		cli_complain(call, "cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good ? CLI_YES : CLI_UNSURE;
}

int cli_certificate_renew(const struct cli_call *call, const struct cli_serve *serve)
{
	char message[256];
	struct buffer pem;
	int result;

	if (serve->tls_certificate == NULL)
		return CLI_YES;
	if (cli_file_read(serve->tls_certificate, HTTP_TLS_PEM_MAX, &pem, message,
	                  sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (memmem(pem.data, pem.len, "-----BEGIN CERTIFICATE-----", 27) == NULL) {
		cli_complain(call,
		             "%s holds no certificate in PEM; it must hold the chain that your CA "
		             "made for `claviger tls csr`, this server's own first",
		             serve->tls_certificate);
		free(pem.data);
		return CLI_UNSURE;
	}
	result = write_chain(call, serve, buffer_bytes(&pem));
	free(pem.data);
	return result;
}

int cli_certificate_prepare(const struct cli_call *call, const struct cli_serve *serve)
{
	return serve->tls_certificate != NULL ? cli_certificate_renew(call, serve)
	                                      : write_chain(call, serve, bytes_of(NULL, 0));
}

int cli_certificate_pin(const struct cli_call *call, const struct cli_serve *serve)
{
	char host[256], port[16], path[CLI_PATH_MAX + 32], pem[8192], error[HTTP_CLIENT_ERROR_MAX];
	const char *colon = strrchr(serve->listen, ':');
	struct buffer out = BUFFER_OF_ARRAY(pem);
	size_t len = colon != NULL ? (size_t)(colon - serve->listen) : 0;
	const char *start = serve->listen;

	if (len > 1 && start[0] == '[') {
		start++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(host))
		return cli_usage(call, "%s is not ADDRESS:PORT", serve->listen);
	snprintf(host, sizeof(host), "%.*s", (int)len, start);
	snprintf(port, sizeof(port), "%s", colon + 1);
	if (strcmp(host, "0.0.0.0") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	if (http_client_certificate(host, port, &out, error) != STATUS_OK) {
		cli_complain(call, "%s", error);
		return CLI_UNSURE;
	}
	snprintf(path, sizeof(path), "%s/ca.pem", serve->state);
	return cli_home_write(call, path, buffer_bytes(&out), false);
}
