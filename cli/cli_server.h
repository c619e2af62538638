/* cli_server: a running signer, seen from the command line: HTTPS with a pinned CA, the deployment
 * pinned at first use, and sealed requests to its authority.
 *
 * The server named is believed in nothing that matters: its evidence over a nonce of this call is
 * judged before anything is sealed to it (spec/evidence.md), the channel keys are those that the
 * TPM's quote commits to and the pinned deployment key certifies, answers are sealed to this call.
 * */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "authz_envelope.h"
#include "authz_statement.h"
#include "call_change.h"
#include "cli.h"
#include "cli_home.h"
#include "cli_json.h"
#include "http_client.h"

#define CLI_ANSWER_MAX (1024 * 1024)

struct cli_server_options {
	const char *server, *ca, *home;
	/* With both: connect to this port of the server instead, the operators' door, and show a
	 * certificate of this key (a file) there. */
	const char *operator_file, *operator_port;
};

#define CLI_OPERATOR_PORT "8201"

/* The options that every command with a server takes, for a cli_option table. */
#define CLI_SERVER_OPTIONS(options)                                                                \
	{"--server", &(options).server, NULL}, {"--ca", &(options).ca, NULL},                      \
	{                                                                                          \
		"--home", &(options).home, NULL                                                    \
	}

struct cli_server {
	const struct cli_call *call;
	char home[CLI_PATH_MAX];
	char host[256], port[16];
	struct http_client *http;
	uint8_t deployment[32], deployment_key[32];
	struct authz_certificate authority, signer;
	struct buffer body;  /* of the last HTTP answer */
	struct buffer plain; /* of the last sealed answer */
	struct buffer sealed, scratch;
	/* Said in place of a refusal with the code not_found, which names nothing; NULL: that. */
	const char *absent;
};

/* cli_server_connect only connects (sign, status); cli_server_open also asks for
 * evidence and judges it, by the policy of the configuration (evidence_policy) or as a software
 * TPM's. Exit status after complaining. */
int cli_server_connect(struct cli_server *server, const struct cli_call *call,
                       const struct cli_server_options *options);
int cli_server_open(struct cli_server *server, const struct cli_call *call,
                    const struct cli_server_options *options);
void cli_server_close(struct cli_server *server);

/* cli_server_http makes one HTTPS call; CLI_YES for 2xx, CLI_NO for 4xx with the problem shown,
 * CLI_UNSURE else. What only reads is asked for again while the server has too much to do. The body
 * stays in server->body until the next call. */
int cli_server_http(struct cli_server *server, const char *method, const char *path,
                    const char *token, struct bytes body, unsigned *ret_status);

/* cli_server_json parses the last answer, which the caller closes; CLI_UNSURE after complaining.
 */
int cli_server_json(const struct cli_server *server, struct cli_json_file *ret_answer);

/* cli_server_show prints the last answer, which cli_server_json has parsed: as it came with --json,
 * else its members, or those of its `member` alone (NULL: all), as lines for people. */
int cli_server_show(const struct cli_server *server, const struct cli_json_file *answer,
                    const char *member);

/* cli_server_get_patient is a GET that is asked again for a while when the server has just begun.
 */
int cli_server_get_patient(struct cli_server *server, const char *path, unsigned *ret_status);

/* cli_server_ask seals one request to the authority and opens the answer: CLI_YES with the payload
 * (borrowed until the next call), CLI_NO after it showed the refusal. */
int cli_server_ask(struct cli_server *server, enum call_change_request_kind kind,
                   struct bytes payload, struct bytes *ret_answer);

/* cli_server_nonce gets a nonce for one change. */
int cli_server_nonce(struct cli_server *server, uint8_t ret_nonce[32]);

/* cli_url_take splits https://HOST[:PORT], an IPv6 address in brackets; what follows is the
 * caller's to judge and borrows from `url`. */
bool cli_url_take(const char *url, char ret_host[256], char ret_port[16], const char **ret_rest);

#endif
