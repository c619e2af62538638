/* cli_notify: what a service manager is told of this service, by the protocol of sd_notify(3): one
 * datagram of NAME=value lines to the socket in NOTIFY_SOCKET. Without that variable nothing is
 * sent, and nothing here fails: a service manager that does not listen must not stop the signer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_NOTIFY_H
#define CLI_NOTIFY_H

/* cli_notify sends lines: "READY=1\nSTATUS=serving". */
void cli_notify(const char *lines);
/* cli_notify_reloading says that a reload begins now; READY=1 ends it. */
void cli_notify_reloading(void);
/* cli_notify_pause_ms returns how often the watchdog wants to hear of this process, in
 * milliseconds, with half of its limit to spare; 0 when it wants nothing. */
unsigned cli_notify_pause_ms(void);

#endif
