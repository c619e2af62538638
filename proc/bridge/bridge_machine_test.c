/* A kept chain that does not hold any more (it expired, the site names another CA) is tried
 * whenever the time is told, every five seconds: that must not push all else out of the operators'
 * log (O9). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "bridge.h"
#include "log_line.h"

static struct bridge bridge;
static int log_fds[2];

/* refusals counts the lines since the last call. */
static unsigned refusals(void)
{
	static const char event[] = "tls.certificate_refused";
	char text[16384] = "";
	ssize_t len = read(log_fds[0], text, sizeof(text) - 1);
	unsigned count = 0;

	for (const char *at = text; len > 0 && (at = strstr(at, event)) != NULL; at++)
		count++;
	return count;
}

static void test_a_chain_that_does_not_hold_is_said_once_for_each_reason(void)
{
	static const uint8_t pem[] = "-----BEGIN CERTIFICATE-----\n";

	bridge.api.site = bytes_of_text(""); /* there is none */
	memcpy(bridge.chain, pem, sizeof(pem));
	bridge_use_chain(&bridge);
	EXPECT(refusals() == 0); /* nothing is kept */
	bridge.chain_len = sizeof(pem);
	bridge_use_chain(&bridge);
	EXPECT(refusals() == 0);                         /* there is no key yet */
	bridge.tls = (struct http_tls *)(void *)&bridge; /* without a site it is not looked into */
	for (unsigned i = 0; i < 100; i++)
		bridge_use_chain(&bridge);
	EXPECT(refusals() == 1 && !bridge.has_chain);
	bridge.chain_refused = "something else";
	for (unsigned i = 0; i < 100; i++)
		bridge_use_chain(&bridge);
	EXPECT(refusals() == 1);
	/* One that an operator has just brought is said whatever the former one was. */
	bridge.chain_refused = NULL;
	EXPECT(!bridge_show_chain(&bridge, BYTES_OF_ARRAY(pem)) && refusals() == 1);
}

int main(void)
{
	CHECK(pipe2(log_fds, O_NONBLOCK | O_CLOEXEC) == 0);
	log_copy(log_fds[1]);
	RUN(test_a_chain_that_does_not_hold_is_said_once_for_each_reason);
	return test_summary();
}
