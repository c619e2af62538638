/* claviger attest bench: how many proofs a second a node gives, whatever its TPM's speed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_attest.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_server.h"

#define CONNECTIONS_MAX 64
#define SECONDS_MAX     3600
#define BODY_MAX        (LIMIT_NONCES_MAX * (HEX_LEN(ATTEST_NONCE_LEN) + 3) + 64)

/* What one connection counted. */
struct tally {
	uint64_t proofs, answers, refused;
	double quotes; /* its share of them: nonces of ours by leaves of the tree, summed */
	double longest_s;
};

struct bench {
	struct cli_server server;
	uint8_t nonces[LIMIT_NONCES_MAX][ATTEST_NONCE_LEN];
	char body[BODY_MAX];
	struct attest_evidence evidence;
	struct buffer bytes;
	struct tally tally;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t make_body(struct bench *b)
{
	size_t len = (size_t)snprintf(b->body, sizeof(b->body), "{\"nonces\":[");

	keys_random(b->nonces, sizeof(b->nonces));
	for (size_t i = 0; i < LIMIT_NONCES_MAX; i++) {
		if (i != 0)
			b->body[len++] = ',';
		b->body[len++] = '"';
		hex_encode(BYTES_OF_ARRAY(b->nonces[i]), b->body + len);
		len += HEX_LEN(ATTEST_NONCE_LEN);
		b->body[len++] = '"';
	}
	memcpy(b->body + len, "]}", 3);
	return len + 2;
}

/* check_quote: the AK signed a root, and it is this one. */
static bool check_quote(const struct bench *b, const uint8_t root[32])
{
	uint8_t extra[32];
	struct attest_public ak;
	struct attest_signature signature;
	struct attest_statement said;

	attest_quote_extra(root, b->evidence.node, extra);
	return attest_public_take(b->evidence.ak, &ak) == STATUS_OK &&
	       attest_signature_take(b->evidence.signature, &ak.key, &signature) == STATUS_OK &&
	       attest_signature_check(&signature, &ak.key, b->evidence.statement) == STATUS_OK &&
	       attest_statement_take(b->evidence.statement, ATTEST_TYPE_QUOTE, &said) ==
	           ATTEST_GOOD &&
	       bytes_equal(said.extra, BYTES_OF_ARRAY(extra));
}

static bool check_proof(const struct bench *b, const struct cli_json_node *node, size_t at,
                        struct attest_proof *ret_proof, uint8_t ret_root[32])
{
	uint8_t space[ATTEST_PROOF_BYTES_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct bytes text;

	return cli_json_text(node, &text) && base64_decode(text, &out) == STATUS_OK &&
	       attest_proof_take(buffer_bytes(&out), ret_proof) == STATUS_OK &&
	       memcmp(ret_proof->nonce, b->nonces[at], ATTEST_NONCE_LEN) == 0 &&
	       attest_proof_root(ret_proof, ret_root) == STATUS_OK;
}

/* check_answer verifies every proof and the quote; false when one is wrong. */
static bool check_answer(struct bench *b)
{
	struct cli_json_file file;
	const struct cli_json_node *proofs;
	struct attest_proof proof = {.count = 0};
	uint8_t root[32], first[32] = {0};
	char message[128];
	struct bytes text;
	size_t count = 0;
	bool good;

	if (cli_json_parse(buffer_bytes(&b->server.body), &file, message, sizeof(message)) !=
	    STATUS_OK)
		return false;
	proofs = cli_json_member(file.root, "proofs");
	b->bytes.len = 0;
	good = cli_json_text(cli_json_member(file.root, "evidence"), &text) &&
	       base64_decode(text, &b->bytes) == STATUS_OK &&
	       attest_evidence_take(buffer_bytes(&b->bytes), &b->evidence) == STATUS_OK &&
	       cli_json_count(proofs, &count) && count == LIMIT_NONCES_MAX;
	for (size_t i = 0; good && i < count; i++) {
		good = check_proof(b, cli_json_item(proofs, i), i, &proof, root);
		if (i == 0)
			memcpy(first, root, sizeof(first));
		good = good && memcmp(first, root, sizeof(first)) == 0;
	}
	cli_json_close(&file);
	if (!good || !check_quote(b, first))
		return false;
	b->tally.proofs += count;
	b->tally.answers++;
	b->tally.quotes += (double)count / proof.count;
	return true;
}

/* run_connection asks until the time is over; what it counted goes to `to`. */
static int run_connection(struct cli_call *call, const struct cli_server_options *options,
                          double seconds, int to)
{
	static struct bench b;
	double end;
	int result = cli_server_connect(&b.server, call, options);

	b.bytes = (struct buffer){malloc(LIMIT_EVIDENCE_MAX), LIMIT_EVIDENCE_MAX, 0};
	if (b.bytes.data == NULL)
		abort();
	end = now_s() + seconds;
	while (result == CLI_YES && now_s() < end) {
		struct http_call ask = {.method = "POST", .path = "/api/v1/evidence"};
		char error[HTTP_CLIENT_ERROR_MAX];
		double begun = now_s();
		unsigned status;

		ask.body = bytes_of(b.body, make_body(&b));
		b.server.body.len = 0;
		if (http_client_call(b.server.http, &ask, &status, &b.server.body, error) !=
		    STATUS_OK) {
			cli_complain(call, "%s", error);
			result = CLI_UNSURE;
		} else if (status == 503) {
			b.tally.refused++;
			(void)poll(NULL, 0, 20);
		} else if (status != 200 || !check_answer(&b)) {
			cli_complain(call, "an answer of status %u does not prove its nonces",
			             status);
			result = CLI_NO;
		}
		if (now_s() - begun > b.tally.longest_s)
			b.tally.longest_s = now_s() - begun;
	}
	return write(to, &b.tally, sizeof(b.tally)) == sizeof(b.tally) ? result : CLI_UNSURE;
}

static int show(const struct cli_call *call, const struct tally *sum, double seconds)
{
	struct cli_out out = {.file = cli_answer_file()};
	double rate = (double)sum->proofs / seconds;

	if (call->json) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "proofs_per_s");
		cli_out_number(&out, (uint64_t)rate);
		cli_out_name(&out, "quotes_per_s");
		cli_out_number(&out, (uint64_t)(sum->quotes / seconds));
		cli_out_name(&out, "proofs");
		cli_out_decimal(&out, sum->proofs);
		cli_out_name(&out, "refused");
		cli_out_decimal(&out, sum->refused);
		cli_out_close(&out, '}');
		cli_out_line(&out);
	} else {
		printf("proofs          %.0f a second, every one verified here\n"
		       "quotes          %.1f a second, %.0f proofs under each\n"
		       "longest wait    %.0f ms for %u proofs\n",
		       rate, sum->quotes / seconds, (double)sum->proofs / sum->quotes,
		       sum->longest_s * 1000, LIMIT_NONCES_MAX);
		if (sum->refused != 0)
			printf("turned away     %llu times\n", (unsigned long long)sum->refused);
	}
	return cli_finish(call, CLI_YES);
}

static bool take_count(const char *text, uint64_t max, uint64_t *ret_count)
{
	return text == NULL || (cli_take_number(&text, ret_count) && *text == '\0' &&
	                        *ret_count > 0 && *ret_count <= max);
}

static int run_bench(struct cli_call *call)
{
	struct cli_server_options server = {.server = NULL};
	const char *seconds_text = NULL, *connections_text = NULL;
	const struct cli_option options[] = {
	    CLI_SERVER_OPTIONS(server),
	    {"--seconds",     &seconds_text,     NULL},
	    {"--connections", &connections_text, NULL},
	};
	uint64_t seconds = 5, connections = 16;
	struct tally sum = {.proofs = 0}, one;
	int ends[2], result = CLI_YES, status;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 0 || !take_count(seconds_text, SECONDS_MAX, &seconds) ||
	    !take_count(connections_text, CONNECTIONS_MAX, &connections))
		return cli_usage(call, "--seconds takes 1 to %d, --connections 1 to %d",
		                 SECONDS_MAX, CONNECTIONS_MAX);
	if (pipe(ends) != 0)
		return CLI_UNSURE;
	for (uint64_t i = 0; i < connections; i++)
		if (fork() == 0)
			_exit(run_connection(call, &server, (double)seconds, ends[1]));
	close(ends[1]);
	while (read(ends[0], &one, sizeof(one)) == sizeof(one)) {
		sum.proofs += one.proofs;
		sum.answers += one.answers;
		sum.refused += one.refused;
		sum.quotes += one.quotes;
		if (one.longest_s > sum.longest_s)
			sum.longest_s = one.longest_s;
	}
	for (uint64_t i = 0; i < connections; i++)
		if (wait(&status) > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != CLI_YES))
			result = WIFEXITED(status) ? WEXITSTATUS(status) : CLI_UNSURE;
	if (result == CLI_YES && sum.proofs == 0) {
		cli_complain(call, "no answer in that time");
		result = CLI_UNSURE;
	}
	return result == CLI_YES ? show(call, &sum, (double)seconds) : result;
}

const struct cli_command cli_attest_bench = {
    .name = "attest bench",
    .arguments = "[--seconds N] [--connections N]",
    .sentence = "measure how many proofs a second a node gives",
    .run = run_bench,
    .help =
        "Each connection asks for 256 nonces at once and verifies every proof and the quote that\n"
        "they hang on. How many nonces one quote carries grows with what waits for it (up to\n"
        "16,384), so that a slow TPM costs time and not proofs.\n\n"
        "--seconds N      how long (5)\n"
        "--connections N  how many at once (16, at most 64)\n",
};
