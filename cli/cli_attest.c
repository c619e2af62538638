/* claviger attest get, verify, unpack: what a node shows of itself, judged on this side. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_attest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_config.h"
#include "cli_file.h"
#include "cli_home.h"
#include "cli_out.h"
#include "cli_server.h"
#include "keys_credential.h"

/* ---- the judgement in words ---- */

static void put_hex(struct cli_out *out, const char *name, struct bytes bytes)
{
	cli_out_name(out, name);
	cli_out_hex(out, bytes);
}

static void put_text(struct cli_out *out, const char *name, struct bytes text)
{
	cli_out_name(out, name);
	cli_out_text(out, text);
}

static void put_flag(struct cli_out *out, const char *name, bool value)
{
	cli_out_name(out, name);
	cli_out_bool(out, value);
}

static void put_number(struct cli_out *out, const char *name, bool there, uint64_t number)
{
	cli_out_name(out, name);
	if (there)
		cli_out_decimal(out, number);
	else
		cli_out_null(out);
}

static void put_json(struct cli_out *out, const struct attest_report *r)
{
	char missing[AUTHZ_SANDBOX_TEXT];
	const struct authz_node *node = &r->node;

	put_flag(out, "hardware", r->hardware);
	put_text(out, "maker", bytes_of_text(r->maker));
	put_hex(out, "deployment", BYTES_OF_ARRAY(node->deployment));
	put_hex(out, "deployment_key", BYTES_OF_ARRAY(node->deployment_key));
	put_number(out, "boot", true, node->boot);
	put_hex(out, "boot_record", BYTES_OF_ARRAY(node->boot_record));
	put_text(out, "mode",
	         bytes_of_text(node->mode == AUTHZ_MODE_APPLIANCE ? "appliance" : "workstation"));
	put_text(out, "says", node->release);
	put_text(out, "release", r->release);
	put_text(out, "firmware", r->firmware);
	put_flag(out, "single_operator", node->single_operator);
	put_flag(out, "attended", node->attended);
	put_flag(out, "recovery_key", node->recovery_key);
	authz_node_sandbox(node->sandbox_missing, missing);
	put_text(out, "sandbox_missing", bytes_of_text(missing));
	put_hex(out, "genesis", BYTES_OF_ARRAY(node->genesis));
	put_hex(out, "share", BYTES_OF_ARRAY(node->share));
	put_text(out, "machine", node->machine);
	put_text(out, "policy_engine",
	         bytes_of_text(node->interpreter ? "interpreter" : "compiled"));
	put_hex(out, "ak", BYTES_OF_ARRAY(r->ak.name));
	put_hex(out, "ek", BYTES_OF_ARRAY(node->ek));
	put_flag(out, "activated", r->activated || node->activated);
	put_hex(out, "authority_key", BYTES_OF_ARRAY(r->authority.key));
	put_hex(out, "signer_key", BYTES_OF_ARRAY(r->signer.key));
	put_hex(out, "tls_key", BYTES_OF_ARRAY(node->tls));
	put_hex(out, "manifest", BYTES_OF_ARRAY(node->manifest));
	put_number(out, "release_floor", r->has_release_floor, r->release_floor);
	put_number(out, "site_floor", r->has_site_floor, r->site_floor);
	put_number(out, "counter", r->has_counter, r->counter);
	put_number(out, "reset_count", true, r->quote.reset_count);
	put_number(out, "restart_count", true, r->quote.restart_count);
	put_number(out, "clock_ms", true, r->quote.clock_ms);
	put_number(out, "events", r->has_log, r->log.event_count);
	if (r->evidence.has_proof)
		put_hex(out, "nonce", BYTES_OF_ARRAY(r->evidence.proof.nonce));
	if (r->evidence.has_beacon) {
		put_text(out, "beacon_source", r->evidence.beacon_source);
		put_text(out, "beacon_value", r->evidence.beacon_value);
	}
}

/* line prints hex after a label of 16 characters. */
static void line(const char *label, struct bytes bytes)
{
	char text[HEX_LEN(64) + 1];

	hex_encode(bytes, text);
	printf("%-16s%s\n", label, text);
}

/* clean prints text of others without anything that could play with a terminal. */
static void clean(const char *label, struct bytes text)
{
	printf("%-16s", label);
	cli_out_plain(stdout, text);
	putchar('\n');
}

static void put_words(const struct attest_report *r)
{
	char missing[AUTHZ_SANDBOX_TEXT];
	const struct authz_node *node = &r->node;

	if (r->hardware) {
		clean("TPM", bytes_of_text("hardware: its maker vouches for it"));
		clean("maker", bytes_of_text(r->maker));
		clean("release", r->release);
		clean("firmware", r->firmware);
	} else {
		clean("TPM",
		      bytes_of_text(
		          "software TPM, or not asked: nothing is proven about the machine"));
	}
	line("deployment", BYTES_OF_ARRAY(node->deployment));
	line("deployment key", BYTES_OF_ARRAY(node->deployment_key));
	printf("%-16s%llu, %s\n", "boot", (unsigned long long)node->boot,
	       node->mode == AUTHZ_MODE_APPLIANCE ? "appliance" : "workstation");
	clean("says it runs", node->release);
	line("TPM's key (AK)", BYTES_OF_ARRAY(r->ak.name));
	line("authority key", BYTES_OF_ARRAY(r->authority.key));
	line("signer key", BYTES_OF_ARRAY(r->signer.key));
	line("genesis", BYTES_OF_ARRAY(node->genesis));
	line("share", BYTES_OF_ARRAY(node->share));
	clean("operators",
	      bytes_of_text(node->single_operator ? "one person holds both roots, release and site"
	                                          : "release and site roots are in two hands"));
	clean("start", bytes_of_text(node->attended ? "attended: a person approves each start"
	                                            : "unattended: it starts by itself, for a "
	                                              "thief, too"));
	clean("recovery", bytes_of_text(node->recovery_key ? "a recovery key opens a backup "
	                                                     "elsewhere"
	                                                   : "no recovery key"));
	if (node->machine.len != 0)
		clean("machine", node->machine);
	clean("policies", bytes_of_text(node->interpreter ? "all run interpreted"
	                                                  : "those that ship run compiled, "
	                                                    "all others interpreted"));
	authz_node_sandbox(node->sandbox_missing, missing);
	clean("sandbox lacks", bytes_of_text(missing));
	if (r->has_release_floor || r->has_site_floor)
		printf("%-16srelease %u, site %u\n", "floors", r->release_floor, r->site_floor);
	if (r->has_counter)
		printf("%-16s%llu\n", "TPM boots", (unsigned long long)r->counter);
	printf("%-16s%u resets, %u restarts, clock %llu ms\n", "TPM since made",
	       r->quote.reset_count, r->quote.restart_count, (unsigned long long)r->quote.clock_ms);
	if (r->has_log)
		printf("%-16s%zu events lead to the quoted values; Secure Boot %s\n", "event log",
		       r->log.event_count,
		       !r->log.has_secure_boot ? "unknown"
		       : r->log.secure_boot    ? "on"
		                               : "OFF");
	if (r->evidence.has_proof)
		line("nonce", BYTES_OF_ARRAY(r->evidence.proof.nonce));
	if (r->evidence.has_beacon) {
		clean("younger than", r->evidence.beacon_value);
		clean("of the beacon", r->evidence.beacon_source);
	}
}

int cli_attest_show(const struct cli_call *call, enum attest_verdict verdict,
                    const struct attest_report *report)
{
	struct cli_out out = {.file = cli_answer_file()};
	bool accepted = verdict == ATTEST_ACCEPTED;

	if (call->json) {
		cli_out_open(&out, '{');
		put_flag(&out, "accepted", accepted);
		put_text(&out, "code", bytes_of_text(attest_code(verdict)));
		put_text(&out, "text", bytes_of_text(attest_words(verdict)));
		if (accepted)
			put_json(&out, report);
		cli_out_close(&out, '}');
		cli_out_line(&out);
	} else if (accepted) {
		put_words(report);
	} else {
		cli_complain(call, "refused (%s): %s", attest_code(verdict), attest_words(verdict));
	}
	return cli_finish(call, accepted ? CLI_YES : CLI_NO);
}

/* ---- asking ---- */

/* take_base64 appends what a member of the last answer holds. */
static int take_base64(struct cli_server *server, const char *name, struct buffer *out)
{
	struct cli_json_file file;
	struct bytes text;
	bool good;

	if (cli_server_json(server, &file) != CLI_YES)
		return CLI_UNSURE;
	good = cli_json_text(cli_json_member(file.root, name), &text) &&
	       base64_decode(text, out) == STATUS_OK;
	cli_json_close(&file);
	if (!good)
		cli_complain(server->call, "the answer has no %s", name);
	return good ? CLI_YES : CLI_UNSURE;
}

static int get_evidence(struct cli_server *server, const uint8_t nonce[ATTEST_NONCE_LEN],
                        struct buffer *ret_evidence)
{
	char path[64 + HEX_LEN(ATTEST_NONCE_LEN)] = "/api/v1/evidence?nonce=";
	unsigned status;
	int result;

	hex_encode(bytes_of(nonce, ATTEST_NONCE_LEN), path + strlen(path));
	result = cli_server_get_patient(server, path, &status);
	return result == CLI_YES ? take_base64(server, "evidence", ret_evidence) : result;
}

int cli_attest_ask(struct cli_server *server, const struct attest_policy *policy,
                   struct buffer *ret_evidence, enum attest_verdict *ret_verdict,
                   struct attest_report *ret_report)
{
	uint8_t nonce[ATTEST_NONCE_LEN];
	int result;

	keys_random(nonce, sizeof(nonce));
	*ret_evidence = cli_buffer(LIMIT_EVIDENCE_MAX);
	result = get_evidence(server, nonce, ret_evidence);
	if (result != CLI_YES) {
		free(ret_evidence->data);
		ret_evidence->data = NULL;
		return result;
	}
	*ret_verdict = attest_evidence_check(buffer_bytes(ret_evidence), nonce, policy,
	                                     (uint64_t)time(NULL), ret_report);
	return CLI_YES;
}

int cli_attest_read(const struct cli_call *call, const char *path, struct bytes *ret_evidence)
{
	char message[256];
	struct buffer file;

	if (cli_file_read(path, LIMIT_EVIDENCE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	*ret_evidence = buffer_bytes(&file);
	return CLI_YES;
}

static bool take_nonce(const char *text, uint8_t ret_nonce[ATTEST_NONCE_LEN])
{
	struct buffer out = {ret_nonce, ATTEST_NONCE_LEN, 0};

	return strlen(text) == HEX_LEN(ATTEST_NONCE_LEN) &&
	       hex_decode(bytes_of_text(text), &out) == STATUS_OK;
}

/* ---- attest get ---- */

struct getting {
	struct cli_server_options options;
	const char *out, *policy_path, *nonce_text;
	bool beacon, activate;
	const char *at_text; /* of an archived beacon; NULL: the last */
	uint64_t at_s;
	struct attest_policy policy;
	struct buffer evidence;
	uint8_t nonce[ATTEST_NONCE_LEN];
	uint8_t activated[ATTEST_NAME_LEN]; /* the AK's name, once it was */
};

/* activate makes the TPM give a secret back that only the TPM of this endorsement key, holding this
 * attestation key, can open. */
static int activate(struct getting *get, struct cli_server *server,
                    const struct attest_evidence *evidence)
{
	uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN], blob_space[KEYS_CREDENTIAL_BLOB_MAX],
	    encrypted_space[KEYS_CREDENTIAL_ENCRYPTED_MAX], back_space[64];
	char body[2 * BASE64_LEN(KEYS_CREDENTIAL_ENCRYPTED_MAX) + 64],
	    text[BASE64_LEN(KEYS_CREDENTIAL_ENCRYPTED_MAX) + 1];
	struct buffer blob = BUFFER_OF_ARRAY(blob_space), back = BUFFER_OF_ARRAY(back_space);
	struct buffer encrypted = BUFFER_OF_ARRAY(encrypted_space);
	struct attest_public ak;
	struct keys_public ek;
	bool known = get->policy.ak_count == 0; /* a list that pins stays the one that counts */
	unsigned status;
	size_t len;
	int result;

	if (evidence->ek.len == 0) {
		cli_complain(server->call,
		             "this TPM shows no endorsement key: nothing to activate");
		return CLI_NO;
	}
	keys_random(secret, sizeof(secret));
	if (attest_public_take(evidence->ak, &ak) != STATUS_OK ||
	    keys_credential_endorsement(evidence->ek, &ek) != STATUS_OK ||
	    keys_credential_make(&ek, BYTES_OF_ARRAY(ak.name), secret, &blob, &encrypted) !=
	        STATUS_OK) {
		cli_complain(server->call,
		             "the keys in the evidence are not of the usual templates");
		return CLI_NO;
	}
	base64_encode(buffer_bytes(&blob), text);
	len = (size_t)snprintf(body, sizeof(body), "{\"credential\":\"%s\",", text);
	base64_encode(buffer_bytes(&encrypted), text);
	len += (size_t)snprintf(body + len, sizeof(body) - len, "\"secret\":\"%s\"}", text);
	result = cli_server_http(server, "POST", "/api/v1/evidence/activate", NULL,
	                         bytes_of(body, len), &status);
	if (result == CLI_YES)
		result = take_base64(server, "secret", &back);
	if (result != CLI_YES)
		return result;
	if (!bytes_equal(buffer_bytes(&back), BYTES_OF_ARRAY(secret))) {
		cli_complain(server->call,
		             "the secret did not come back: this attestation key is not in the TPM "
		             "of that endorsement key");
		return CLI_NO;
	}
	for (size_t i = 0; !known && i < get->policy.ak_count; i++)
		known = memcmp(get->policy.aks[i], ak.name, sizeof(get->activated)) == 0;
	if (!known) {
		cli_complain(
		    server->call,
		    "this attestation key was activated and is none of the policy's \"aks\"");
		return CLI_NO;
	}
	if (get->policy.software_tpm)
		return CLI_YES; /* nothing is asked about the AK */
	memcpy(get->activated, ak.name, sizeof(get->activated));
	get->policy.aks = (const uint8_t(*)[ATTEST_NAME_LEN]) & get->activated;
	get->policy.ak_count = 1;
	return CLI_YES;
}

static int run_get_with(struct cli_call *call, struct getting *get, struct cli_server *server)
{
	static struct attest_report report;
	static struct attest_evidence evidence;
	enum attest_verdict verdict;
	unsigned status;
	int result;

	if (get->beacon) {
		char path[64] = "/api/v1/evidence/beacon";

		if (get->at_text != NULL)
			snprintf(path, sizeof(path), "/api/v1/evidence/beacon?at=%llu",
			         (unsigned long long)get->at_s);
		result = cli_server_http(server, "GET", path, NULL, bytes_of(NULL, 0), &status);
		if (result == CLI_YES)
			result = take_base64(server, "evidence", &get->evidence);
	} else {
		result = get_evidence(server, get->nonce, &get->evidence);
	}
	if (result == CLI_YES && (get->activate || get->beacon)) {
		if (attest_evidence_take(buffer_bytes(&get->evidence), &evidence) != STATUS_OK) {
			cli_complain(call, "what came is no evidence");
			return CLI_NO;
		}
		/* No nonce of ours is in it: without a public value it may be of any age. */
		if (get->beacon && !evidence.has_beacon) {
			cli_complain(call, "this evidence is over no beacon: nothing says its age");
			return CLI_NO;
		}
	}
	if (result == CLI_YES && get->activate)
		result = activate(get, server, &evidence);
	if (result == CLI_YES && get->out != NULL)
		result = cli_home_write(call, get->out, buffer_bytes(&get->evidence), false);
	if (result != CLI_YES)
		return result;
	verdict =
	    attest_evidence_check(buffer_bytes(&get->evidence), get->beacon ? NULL : get->nonce,
	                          &get->policy, get->at_s, &report);
	return cli_attest_show(call, verdict, &report);
}

static int run_get(struct cli_call *call)
{
	static struct getting get;
	struct cli_server server;
	const struct cli_option options[] = {
	    CLI_SERVER_OPTIONS(get.options),      {"--out",      &get.out,         NULL         },
	    {"--policy",   &get.policy_path, NULL         },
                  {"--nonce",    &get.nonce_text,  NULL         },
	    {"--beacon",   NULL,             &get.beacon  },
                  {"--activate", NULL,             &get.activate},
	    {"--at",       &get.at_text,     NULL         },
	};
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes options only");
	if (get.beacon && get.nonce_text != NULL)
		return cli_usage(call, "--beacon answers no nonce of yours");
	get.at_s = (uint64_t)time(NULL);
	if (get.at_text != NULL) {
		const char *at = get.at_text;

		if (!get.beacon || !cli_take_number(&at, &get.at_s) || *at != '\0')
			return cli_usage(call, "--at takes seconds since 1970, with --beacon");
	}
	keys_random(get.nonce, sizeof(get.nonce));
	if (get.nonce_text != NULL && !take_nonce(get.nonce_text, get.nonce))
		return cli_usage(call, "--nonce takes 64 hex digits");
	result = cli_config_load(call);
	if (result == CLI_YES)
		result = cli_attest_policy(
		    call, cli_config_choose(CLI_CLIENT_EVIDENCE_POLICY, get.policy_path, NULL),
		    &get.policy);
	if (result != CLI_YES)
		return result;
	get.evidence = cli_buffer(LIMIT_EVIDENCE_MAX);
	result = cli_server_connect(&server, call, &get.options);
	if (result == CLI_YES)
		result = run_get_with(call, &get, &server);
	cli_server_close(&server);
	return result;
}

const struct cli_command cli_attest_get = {
    .name = "attest get",
    .arguments =
        "[--out FILE] [--policy FILE] [--nonce HEX] [--beacon [--at SECONDS]] [--activate]",
    .sentence = "ask a node for evidence over a fresh nonce, and judge it",
    .run = run_get,
    .help =
        "The node's TPM signs what was booted, together with your nonce, the deployment's key\n"
        "and its channel keys. Without a policy the machine is not judged: a software TPM is\n"
        "accepted, and the answer says so.\n\n"
        "--out FILE      keep the evidence: `attest verify` judges it again, offline\n"
        "--policy FILE   what is accepted (JSON, spec/evidence.md; else evidence_policy of the\n"
        "                configuration file, or CLAVIGER_EVIDENCE_POLICY)\n"
        "--nonce HEX     32 bytes that somebody else has drawn; else they are drawn here\n"
        "--beacon        the evidence over a public value that the node shows to everybody\n"
        "--at SECONDS    with --beacon: not the last one, but the one that was then (since 1970), "
        "from the\n"
        "                node's archive; certificates are judged as of then, too\n"
        "--activate      show first, interactively, that the quoting key lies in the TPM that\n"
        "                the maker's certificate is for; for who knows no deployment key yet.\n"
        "                Then put the AK's name that is shown into \"aks\" of your policy, and "
        "the\n"
        "                deployment key beside it: the name says which TPM, and outlives a clear.\n"
        "                A policy that has \"aks\" already must list it\n",
};

/* ---- attest verify ---- */

static int run_verify(struct cli_call *call)
{
	static struct attest_report report;
	const char *policy_path = NULL, *nonce_text = NULL, *at_text = NULL;
	bool beacon = false;
	const struct cli_option options[] = {
	    {"--policy", &policy_path, NULL   },
	    {"--nonce",  &nonce_text,  NULL   },
	    {"--at",     &at_text,     NULL   },
	    {"--beacon", NULL,         &beacon},
	};
	uint8_t nonce[ATTEST_NONCE_LEN];
	uint64_t at_s = (uint64_t)time(NULL);
	struct attest_policy policy;
	enum attest_verdict verdict;
	struct bytes evidence;
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes one evidence file");
	if (beacon && nonce_text != NULL)
		return cli_usage(call, "--beacon answers no nonce of yours");
	if (nonce_text != NULL && !take_nonce(nonce_text, nonce))
		return cli_usage(call, "--nonce takes 64 hex digits");
	if (at_text != NULL && (!cli_take_number(&at_text, &at_s) || *at_text != '\0'))
		return cli_usage(call, "--at takes seconds since 1970");
	keys_open();
	result = cli_config_load(call);
	if (result == CLI_YES)
		result = cli_attest_policy(
		    call, cli_config_choose(CLI_CLIENT_EVIDENCE_POLICY, policy_path, NULL),
		    &policy);
	if (result == CLI_YES)
		result = cli_attest_read(call, call->arguments[0], &evidence);
	if (result != CLI_YES)
		return result;
	verdict = attest_evidence_check(evidence, nonce_text != NULL ? nonce : NULL, &policy, at_s,
	                                &report);
	if (beacon && verdict == ATTEST_ACCEPTED && !report.evidence.has_beacon) {
		cli_complain(call, "this evidence is over no beacon: nothing says its age");
		return CLI_NO;
	}
	return cli_attest_show(call, verdict, &report);
}

const struct cli_command cli_attest_verify = {
    .name = "attest verify",
    .arguments = "[--policy FILE] [--nonce HEX | --beacon] [--at SECONDS] FILE",
    .sentence = "judge evidence offline, against a policy",
    .run = run_verify,
    .help = "Needs no server and no TPM. Ends with 0 when everything that the policy asks for was\n"
            "proven, with 1 and the reason when not.\n\n"
            "--policy FILE   JSON, spec/evidence.md; without one a software TPM is accepted and\n"
            "                nothing is said about the machine\n"
            "--nonce HEX     the nonce that you asked with; without it old evidence passes, and\n"
            "                its age is yours to judge (by the beacon's value, say)\n"
            "--beacon        it must be over a public value, which then says its age\n"
            "--at SECONDS    judge certificates as of then (since 1970), not now\n",
};

/* ---- attest unpack ---- */

struct unpacking {
	const struct cli_call *call;
	const char *folder;
	int result;
};

static void unpack_part(struct unpacking *u, const char *name, struct bytes part)
{
	char path[CLI_PATH_MAX];

	if (part.len == 0 || u->result != CLI_YES)
		return;
	snprintf(path, sizeof(path), "%s/%s", u->folder, name);
	u->result = cli_home_write(u->call, path, part, false);
}

static void unpack_pem(struct unpacking *u, const char *name, const char *label, struct bytes der)
{
	char text[BASE64_LEN(KEYS_CERTIFICATE_MAX) + 1], pem[2 * sizeof(text)];
	int len = snprintf(pem, sizeof(pem), "-----BEGIN %s-----\n", label);

	if (der.len > KEYS_CERTIFICATE_MAX)
		return;
	base64_encode(der, text);
	for (size_t at = 0; at < strlen(text); at += 64)
		len += snprintf(pem + len, sizeof(pem) - (size_t)len, "%.64s\n", text + at);
	len += snprintf(pem + len, sizeof(pem) - (size_t)len, "-----END %s-----\n", label);
	unpack_part(u, name, bytes_of(pem, (size_t)len));
}

/* unpack_pcrs writes what tpm2_quote -o writes: structures of tpm2-tss as they lie in memory. */
static void unpack_pcrs(struct unpacking *u, struct bytes values)
{
	static uint8_t file[4 + 16 * 8 + 4 + 2 * (4 + 8 * 66)];
	size_t count = values.len / 32, at = 136;

	memset(file, 0, sizeof(file));
	file[0] = 1;
	file[4] = ATTEST_ALG_SHA256;
	file[6] = 3;
	for (size_t i = 0; i < 3; i++)
		file[7 + i] = (uint8_t)(ATTEST_QUOTED_MASK >> 8 * i);
	file[132] = 2; /* lists of at most 8 */
	for (size_t list = 0; list < 2; list++, at += 4 + 8 * 66) {
		size_t here = count - 8 * list < 8 ? count - 8 * list : 8;

		file[at] = (uint8_t)here;
		for (size_t i = 0; i < here; i++) {
			file[at + 4 + i * 66] = 32;
			memcpy(file + at + 4 + i * 66 + 2, values.data + 32 * (8 * list + i), 32);
		}
	}
	unpack_part(u, "quote.pcrs", BYTES_OF_ARRAY(file));
}

/* unpack_sized writes TPM2B_PUBLIC: tpm2-tools want the length in front. */
static void unpack_sized(struct unpacking *u, const char *name, struct bytes area)
{
	uint8_t space[2 + ATTEST_PUBLIC_MAX] = {(uint8_t)(area.len >> 8), (uint8_t)area.len};

	if (area.len == 0 || area.len > ATTEST_PUBLIC_MAX)
		return;
	memcpy(space + 2, area.data, area.len);
	unpack_part(u, name, bytes_of(space, 2 + area.len));
}

static void unpack_all(struct unpacking *u, const struct attest_evidence *e)
{
	struct attest_public key;
	uint8_t root[32], extra[32];
	char name[32], hex[HEX_LEN(32) + 2];

	unpack_sized(u, "ak.pub", e->ak);
	if (attest_public_take(e->ak, &key) == STATUS_OK)
		unpack_pem(u, "ak.pem", "PUBLIC KEY", bytes_of(key.key.der, key.key.len));
	unpack_sized(u, "ek.pub", e->ek);
	if (e->ek.len != 0 && attest_public_take(e->ek, &key) == STATUS_OK)
		unpack_pem(u, "ek-pub.pem", "PUBLIC KEY", bytes_of(key.key.der, key.key.len));
	for (size_t i = 0; i < e->certificate_count; i++) {
		snprintf(name, sizeof(name), i == 0 ? "ek.pem" : "chain%zu.pem", i);
		unpack_pem(u, name, "CERTIFICATE", e->certificates[i]);
	}
	unpack_part(u, "quote.msg", e->statement);
	unpack_part(u, "quote.sig", e->signature);
	unpack_pcrs(u, e->pcrs);
	for (size_t i = 0; i < e->nv_count; i++) {
		snprintf(name, sizeof(name), "nv%zu.public", i);
		unpack_part(u, name, e->nv[i].public_area);
		snprintf(name, sizeof(name), "nv%zu.msg", i);
		unpack_part(u, name, e->nv[i].statement);
		snprintf(name, sizeof(name), "nv%zu.sig", i);
		unpack_part(u, name, e->nv[i].signature);
	}
	unpack_part(u, "binary_bios_measurements", e->log);
	unpack_part(u, "node.cbor", e->node);
	if (!e->has_proof || attest_proof_root(&e->proof, root) != STATUS_OK)
		return;
	/* What tpm2_checkquote -q wants. */
	attest_quote_extra(root, e->node, extra);
	hex_encode(BYTES_OF_ARRAY(extra), hex);
	hex[HEX_LEN(32)] = '\n';
	unpack_part(u, "quote.extra", bytes_of(hex, HEX_LEN(32) + 1));
}

static int run_unpack(struct cli_call *call)
{
	static struct attest_evidence evidence;
	struct unpacking u = {.call = call, .result = CLI_YES};
	struct bytes bytes;
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "an evidence file and a folder");
	keys_open();
	u.folder = call->arguments[1];
	result = cli_attest_read(call, call->arguments[0], &bytes);
	if (result != CLI_YES)
		return result;
	if (attest_evidence_take(bytes, &evidence) != STATUS_OK) {
		cli_complain(call, "%s is no evidence (spec/evidence.md)", call->arguments[0]);
		return CLI_NO;
	}
	(void)mkdir(u.folder, 0777);
	unpack_all(&u, &evidence);
	return u.result;
}

const struct cli_command cli_attest_unpack = {
    .name = "attest unpack",
    .arguments = "FILE FOLDER",
    .sentence = "write evidence's parts as files for tpm2-tools and openssl",
    .run = run_unpack,
    .help = "Checks nothing. Who wants to see for himself, without this program's verdict\n"
            "(tpm2-tools 5.8 or newer; older ones let forged quotes pass):\n\n"
            "  tpm2_checkquote -u ak.pem -m quote.msg -s quote.sig -f quote.pcrs -g sha256 \\\n"
            "      -q $(cat quote.extra)\n"
            "  tpm2_print -t TPMS_ATTEST quote.msg\n"
            "  tpm2_eventlog binary_bios_measurements\n"
            "  openssl verify -ignore_critical -CAfile roots.pem ek.pem\n\n"
            "spec/evidence.md says what quote.extra is made of, and what else is to be checked.\n",
};
