/* cli_certificate: the certificate that a running `claviger serve` shows, in its state folder:
 *   ca.pem    what this server shows now; clients on this machine pin it;
 *   tls.pem   the chain of a site's own CA, when --tls-certificate names one: a copy, written in
 * place, because the bridge reads it through a descriptor that it opened before its sandbox. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CERTIFICATE_H
#define CLI_CERTIFICATE_H

#include "cli_serve.h"

/* cli_certificate_prepare makes tls.pem hold what --tls-certificate names, empty without one.
 * Before the bridge starts. Exit status after complaining. */
int cli_certificate_prepare(const struct cli_call *call, const struct cli_serve *serve);
/* cli_certificate_renew copies that file again; the bridge is still to be told (SIGHUP). */
int cli_certificate_renew(const struct cli_call *call, const struct cli_serve *serve);
/* cli_certificate_pin writes ca.pem: the certificate that the server on serve->listen shows. */
int cli_certificate_pin(const struct cli_call *call, const struct cli_serve *serve);

#endif
