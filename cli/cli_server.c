/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_server.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authz_answer.h"
#include "base_encode.h"
#include "cli_attest.h"
#include "cli_config.h"
#include "cli_file.h"
#include "secret.h"

#define DEFAULT_SERVER "https://127.0.0.1:8200"
#define PIN_LEN        HEX_LEN(64)
#define BUSY_ATTEMPTS  6
#define BUSY_WAIT_MS                                                                               \
	50 /* then twice as long each time: about as long as a group of changes waits */
#define START_ATTEMPTS 30
#define START_WAIT_MS  100

bool cli_url_take(const char *url, char ret_host[256], char ret_port[16], const char **ret_rest)
{
	const char *host = url + 8, *end;
	size_t len;

	if (strncmp(url, "https://", 8) != 0)
		return false;
	if (host[0] == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL)
			return false;
		len = (size_t)(end - host);
		end++;
	} else {
		len = strcspn(host, ":/?");
		end = host + len;
	}
	if (len == 0 || len >= 256)
		return false;
	memcpy(ret_host, host, len);
	ret_host[len] = '\0';
	snprintf(ret_port, 16, "443");
	if (*end == ':') {
		size_t digits = strspn(++end, "0123456789");

		if (digits == 0 || digits > 5)
			return false;
		memcpy(ret_port, end, digits);
		ret_port[digits] = '\0';
		end += digits;
	}
	*ret_rest = end;
	return true;
}

/* https://HOST[:PORT] and nothing behind it. */
static bool take_url(struct cli_server *server, const char *url)
{
	const char *rest;

	return cli_url_take(url, server->host, server->port, &rest) &&
	       (*rest == '\0' || strcmp(rest, "/") == 0);
}

/* Without --ca: what `claviger serve` of this user wrote. */
static const char *find_ca(char space[CLI_PATH_MAX])
{
	const char *user = getenv("HOME");

	if (geteuid() == 0 && access("/var/lib/claviger/ca.pem", R_OK) == 0)
		return "/var/lib/claviger/ca.pem";
	snprintf(space, CLI_PATH_MAX, "%s/.local/share/claviger/ca.pem", user != NULL ? user : "");
	return space;
}

static int connect_operator(struct cli_server *server, const struct cli_server_options *options,
                            const char *ca)
{
	char error[HTTP_CLIENT_ERROR_MAX];
	struct keys_sign_key key;
	enum status status;
	int result = cli_key_read(server->call, options->operator_file, &key);

	if (result != CLI_YES)
		return result;
	snprintf(server->port, sizeof(server->port), "%s", options->operator_port);
	status =
	    http_client_open_as(server->host, server->port, ca, key.bytes, &server->http, error);
	SECRET_WIPE(key);
	if (status == STATUS_OK)
		return CLI_YES;
	cli_complain(server->call, "%s", error);
	return CLI_UNSURE;
}

int cli_server_connect(struct cli_server *server, const struct cli_call *call,
                       const struct cli_server_options *options)
{
	char error[HTTP_CLIENT_ERROR_MAX], space[CLI_PATH_MAX];
	const char *url, *ca;
	int result;

	*server = (struct cli_server){.call = call};
	keys_open();
	result = cli_home_open(call, options->home, server->home);
	if (result != CLI_YES)
		return result;
	url = cli_config_choose(CLI_CLIENT_SERVER, options->server, DEFAULT_SERVER);
	ca = cli_config_choose(CLI_CLIENT_CA, options->ca, NULL);
	if (!take_url(server, url))
		return cli_usage(call, "%s is not https://HOST:PORT", url);
	if (ca == NULL)
		ca = find_ca(space);
	if (options->operator_port != NULL) {
		result = connect_operator(server, options, ca);
		if (result != CLI_YES)
			return result;
	} else if (http_client_open(server->host, server->port, ca, &server->http, error) !=
	           STATUS_OK) {
		cli_complain(call, "%s", error);
		return CLI_UNSURE;
	}
	server->body = cli_buffer(CLI_ANSWER_MAX);
	server->plain = cli_buffer(CLI_ANSWER_MAX);
	server->sealed = cli_buffer(AUTHZ_ENVELOPE_MAX);
	server->scratch = cli_buffer(AUTHZ_ENVELOPE_MAX);
	return CLI_YES;
}

void cli_server_close(struct cli_server *server)
{
	http_client_close(server->http);
	free(server->body.data);
	free(server->plain.data);
	free(server->sealed.data);
	free(server->scratch.data);
}

/* Shows an RFC 9457 problem, whatever of it is there. */
static void show_problem(const struct cli_server *server, unsigned status)
{
	struct cli_json_file file;
	char message[128];
	struct bytes code = bytes_of_text("no code"), detail = bytes_of_text("no details");

	if (cli_json_parse(buffer_bytes(&server->body), &file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(server->call, "the server answered %u", status);
		return;
	}
	(void)!cli_json_text(cli_json_member(file.root, "code"), &code);
	(void)!cli_json_text(cli_json_member(file.root, "detail"), &detail);
	cli_complain(server->call, "%.*s: %.*s", (int)code.len, (const char *)code.data,
	             (int)detail.len, (const char *)detail.data);
	cli_json_close(&file);
}

/* says_load tells whether a problem is that of load: nothing was begun. */
static bool says_load(const struct cli_server *server, unsigned status)
{
	struct cli_json_file file;
	char message[128];
	struct bytes code = bytes_of_text("");
	bool is_load;

	if (status != 503 || cli_json_parse(buffer_bytes(&server->body), &file, message,
	                                    sizeof(message)) != STATUS_OK)
		return false;
	(void)!cli_json_text(cli_json_member(file.root, "code"), &code);
	is_load = bytes_equal(code, bytes_of_text("overloaded"));
	cli_json_close(&file);
	return is_load;
}

/* try_http makes one attempt; with ret_busy a refusal for load is only told by it. */
static int try_http(struct cli_server *server, const struct http_call *call, unsigned *ret_status,
                    bool *ret_busy)
{
	char error[HTTP_CLIENT_ERROR_MAX];

	server->body.len = 0;
	if (http_client_call(server->http, call, ret_status, &server->body, error) != STATUS_OK) {
		cli_complain(server->call, "%s", error);
		return CLI_UNSURE;
	}
	if (*ret_status / 100 == 2)
		return CLI_YES;
	if (ret_busy != NULL && says_load(server, *ret_status))
		*ret_busy = true;
	else
		show_problem(server, *ret_status);
	return *ret_status / 100 == 4 ? CLI_NO : CLI_UNSURE;
}

int cli_server_http(struct cli_server *server, const char *method, const char *path,
                    const char *token, struct bytes body, unsigned *ret_status)
{
	const struct http_call call = {
	    .method = method, .path = path, .token = token, .body = body};
	bool reads = strcmp(method, "GET") == 0, busy = false;
	int result = try_http(server, &call, ret_status, reads ? &busy : NULL);

	for (int attempt = 1; busy; attempt++) {
		(void)poll(NULL, 0, BUSY_WAIT_MS << (attempt - 1));
		busy = false;
		result =
		    try_http(server, &call, ret_status, attempt < BUSY_ATTEMPTS ? &busy : NULL);
	}
	return result;
}

int cli_server_json(const struct cli_server *server, struct cli_json_file *ret_answer)
{
	char message[256];

	if (cli_json_parse(buffer_bytes(&server->body), ret_answer, message, sizeof(message)) ==
	    STATUS_OK)
		return CLI_YES;
	cli_complain(server->call, "the server's answer is no JSON: %s", message);
	return CLI_UNSURE;
}

int cli_server_show(const struct cli_server *server, const struct cli_json_file *answer,
                    const char *member)
{
	struct cli_out out = {.file = cli_answer_file(), .lines = true};
	const struct cli_json_node *shown =
	    member == NULL ? answer->root : cli_json_member(answer->root, member);

	if (server->call->json) {
		cli_answer("%.*s\n", (int)server->body.len, (const char *)server->body.data);
		return CLI_YES;
	}
	if (cli_json_is_object(shown))
		cli_json_out(&out, shown);
	else
		cli_complain(server->call, "the server's answer has nothing to show");
	return cli_json_is_object(shown) ? CLI_YES : CLI_UNSURE;
}

int cli_server_get_patient(struct cli_server *server, const char *path, unsigned *ret_status)
{
	struct http_call call = {.method = "GET", .path = path};
	char error[HTTP_CLIENT_ERROR_MAX];

	for (unsigned attempt = 0; attempt < START_ATTEMPTS; attempt++) {
		server->body.len = 0;
		if (http_client_call(server->http, &call, ret_status, &server->body, error) !=
		    STATUS_OK) {
			cli_complain(server->call, "%s", error);
			return CLI_UNSURE;
		}
		if (*ret_status != 503)
			break;
		(void)poll(NULL, 0, START_WAIT_MS);
	}
	if (*ret_status / 100 == 2)
		return CLI_YES;
	show_problem(server, *ret_status);
	return *ret_status / 100 == 4 ? CLI_NO : CLI_UNSURE;
}

/* The deployment is pinned at first use: id and key, by host and port. */
static int check_pin(struct cli_server *server, bool *ret_first)
{
	char name[300], path[CLI_PATH_MAX], text[PIN_LEN + 2], message[256];
	uint8_t both[64];
	struct buffer file;
	int result;

	snprintf(name, sizeof(name), "%s_%s", server->host, server->port);
	result = cli_home_path(server->call, server->home, "deployments", name, "", path);
	if (result != CLI_YES)
		return result;
	memcpy(both, server->deployment, 32);
	memcpy(both + 32, server->deployment_key, 32);
	hex_encode(BYTES_OF_ARRAY(both), text);
	text[PIN_LEN] = '\n';
	*ret_first = access(path, F_OK) != 0;
	if (*ret_first)
		return cli_home_write(server->call, path, bytes_of(text, PIN_LEN + 1), false);
	if (cli_file_read(path, PIN_LEN + 1, &file, message, sizeof(message)) != STATUS_OK ||
	    !bytes_equal(buffer_bytes(&file), bytes_of(text, PIN_LEN + 1))) {
		cli_complain(
		    server->call,
		    "%s:%s is another deployment than the one that was used before (%s). If "
		    "that is right, remove that file.",
		    server->host, server->port, path);
		return CLI_NO;
	}
	free(file.data);
	return CLI_YES;
}

/* What is pinned at first use is told once; how little stands behind a machine each time. On
 * stderr: also beside --json. */
static void tell_trust(const struct cli_server *server, bool first, bool hardware)
{
	char key[HEX_LEN(32) + 1];

	hex_encode(BYTES_OF_ARRAY(server->deployment_key), key);
	if (first)
		fprintf(stderr, "%s:%s: deployment key %s is pinned from now on.\n", server->host,
		        server->port, key);
	if (!hardware)
		fprintf(stderr,
		        "%s:%s: software TPM, or no policy for evidence: nothing is proven "
		        "about that machine.\n",
		        server->host, server->port);
}

int cli_server_open(struct cli_server *server, const struct cli_call *call,
                    const struct cli_server_options *options)
{
	static struct attest_report report;
	struct attest_policy policy;
	enum attest_verdict verdict;
	struct buffer evidence;
	bool first = false;
	int result = cli_server_connect(server, call, options);

	if (result == CLI_YES)
		result = cli_attest_policy(
		    call, cli_config_choose(CLI_CLIENT_EVIDENCE_POLICY, NULL, NULL), &policy);
	if (result == CLI_YES)
		result = cli_attest_ask(server, &policy, &evidence, &verdict, &report);
	if (result != CLI_YES)
		return result;
	free(evidence.data); /* what is used below was copied out of it */
	if (verdict != ATTEST_ACCEPTED) {
		cli_complain(call, "%s:%s: evidence refused (%s): %s", server->host, server->port,
		             attest_code(verdict), attest_words(verdict));
		return CLI_NO;
	}
	memcpy(server->deployment, report.node.deployment, 32);
	memcpy(server->deployment_key, report.node.deployment_key, 32);
	server->authority = report.authority;
	server->signer = report.signer;
	result = check_pin(server, &first);
	if (result == CLI_YES)
		tell_trust(server, first, report.hardware);
	return result;
}

static bool is_load(struct bytes payload)
{
	struct bytes code, text;

	return authz_refusal_take(payload, &code, &text) == STATUS_OK &&
	       bytes_equal(code, bytes_of_text("overloaded"));
}

static void show_refusal(const struct cli_server *server, struct bytes payload)
{
	struct bytes code, text;

	if (authz_refusal_take(payload, &code, &text) != STATUS_OK)
		cli_complain(server->call, "refused without a reason");
	else if (server->absent != NULL && bytes_equal(code, bytes_of_text("not_found")))
		cli_complain(server->call, "%s", server->absent);
	else
		cli_complain(server->call, "%.*s: %.*s", (int)code.len, (const char *)code.data,
		             (int)text.len, (const char *)text.data);
}

/* ask makes one attempt; with `may_wait` a refusal for load is only told by *ret_busy. */
static int ask(struct cli_server *server, enum call_change_request_kind kind, struct bytes payload,
               bool may_wait, bool *ret_busy, struct bytes *ret_answer)
{
	struct authz_envelope envelope = {.kind = kind, .payload = payload}, answer;
	struct keys_hpke_answer key;
	struct http_call call;
	struct cli_json_file file;
	struct bytes text;
	char message[256];
	unsigned status;
	char *body;
	int result, len;

	server->sealed.len = server->scratch.len = 0;
	if (authz_envelope_seal(server->deployment, server->authority.key, &envelope,
	                        &server->scratch, &server->sealed, &key) != STATUS_OK) {
		cli_complain(server->call, "too large to be sent");
		return CLI_USAGE;
	}
	body = malloc(BASE64_LEN(server->sealed.len) + 32);
	if (body == NULL)
		abort();
	len = snprintf(body, 32, "{\"envelope\":\"");
	base64_encode(buffer_bytes(&server->sealed), body + len);
	len += (int)BASE64_LEN(server->sealed.len);
	memcpy(body + len, "\"}", 3);
	call = (struct http_call){
	    .method = "POST", .path = "/api/v1/changes", .body = bytes_of(body, (size_t)len + 2)};
	result = try_http(server, &call, &status, may_wait ? ret_busy : NULL);
	free(body);
	if (result != CLI_YES)
		return result;
	if (cli_json_parse(buffer_bytes(&server->body), &file, message, sizeof(message)) !=
	        STATUS_OK ||
	    !cli_json_text(cli_json_member(file.root, "envelope"), &text)) {
		cli_complain(server->call, "the server's answer is not a sealed one");
		return CLI_UNSURE;
	}
	server->sealed.len = server->plain.len = 0;
	if (base64_decode(text, &server->sealed) != STATUS_OK ||
	    authz_answer_open(&key, buffer_bytes(&server->sealed), &server->plain, &answer) !=
	        STATUS_OK) {
		cli_complain(server->call, "the answer was not sealed to this request");
		result = CLI_UNSURE;
	}
	cli_json_close(&file);
	if (result != CLI_YES)
		return result;
	if (answer.kind != STATUS_OK) {
		*ret_busy = may_wait && is_load(answer.payload);
		if (!*ret_busy)
			show_refusal(server, answer.payload);
		return CLI_NO;
	}
	*ret_answer = answer.payload;
	return CLI_YES;
}

int cli_server_ask(struct cli_server *server, enum call_change_request_kind kind,
                   struct bytes payload, struct bytes *ret_answer)
{
	bool busy = false;
	int result = ask(server, kind, payload, true, &busy, ret_answer);

	/* Nothing was begun, so that asking again changes nothing twice. */
	for (int attempt = 1; busy && attempt <= BUSY_ATTEMPTS; attempt++) {
		(void)poll(NULL, 0, BUSY_WAIT_MS << (attempt - 1));
		busy = false;
		result = ask(server, kind, payload, attempt < BUSY_ATTEMPTS, &busy, ret_answer);
	}
	return result;
}

int cli_server_nonce(struct cli_server *server, uint8_t ret_nonce[32])
{
	struct authz_nonce_answer nonce;
	struct bytes answer;
	int result = cli_server_ask(server, CALL_CHANGE_NONCE, bytes_of(NULL, 0), &answer);

	if (result != CLI_YES)
		return result;
	if (authz_nonce_answer_take(answer, &nonce) != STATUS_OK) {
		cli_complain(server->call, "the answer is not a nonce");
		return CLI_UNSURE;
	}
	memcpy(ret_nonce, nonce.nonce, 32);
	return CLI_YES;
}
