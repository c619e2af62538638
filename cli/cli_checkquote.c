/* claviger attest checkquote: tpm2_checkquote's files and flags, strictly. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest_quote.h"
#include "base_encode.h"
#include "cli.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "cli_pem.h"

#define FILE_MAX 65536

struct checking {
	const char *public_path, *message_path, *signature_path, *pcr_path, *hash, *extra, *list,
	    *format;
	struct attest_question question;
	struct keys_public key;
	struct attest_selection wanted;
	struct attest_pcrs pcrs;
	uint8_t extra_space[64];
	struct bytes extra_bytes;
	struct attest_signature signature;
	struct attest_statement statement;
};

static int read_file(const struct cli_call *call, const char *path, struct bytes *ret_bytes)
{
	char message[256];
	struct buffer file;

	if (cli_file_read(path, FILE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	*ret_bytes = buffer_bytes(&file); /* until the process ends */
	return CLI_YES;
}

/* take_public: PEM, or TPM2B_PUBLIC as tpm2_createak -u and tpm2_readpublic -o write it. Of the
 * second it is also known what the key may sign. */
static enum attest_verdict take_public(struct bytes file, struct keys_public *ret_key)
{
	struct attest_public area;
	uint8_t space[KEYS_SPKI_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space);
	struct bytes text = file;

	if (cli_pem_next(&text, "PUBLIC KEY", &der) == STATUS_OK) {
		bool good = keys_public_from_der(buffer_bytes(&der), ret_key) == STATUS_OK;

		/* Of two keys in a file one would count, and nobody knows which was meant. */
		der.len = 0;
		good &= cli_pem_next(&text, "PUBLIC KEY", &der) == STATUS_NOT_FOUND;
		return good ? ATTEST_ACCEPTED : ATTEST_REFUSED_KEY_FORM;
	}
	if (file.len < 2 || (size_t)(file.data[0] << 8 | file.data[1]) != file.len - 2 ||
	    attest_public_take(bytes_of(file.data + 2, file.len - 2), &area) != STATUS_OK)
		return ATTEST_REFUSED_KEY_FORM;
	if (!attest_public_is_attestation_key(&area))
		return ATTEST_REFUSED_KEY_KIND;
	*ret_key = area.key;
	return ATTEST_ACCEPTED;
}

/* take_signature: TPMT_SIGNATURE, or what `tpm2_quote -f plain` writes: DER for ECDSA, bare RSA. */
static enum attest_verdict take_signature(struct checking *c, struct bytes file, uint16_t hash)
{
	struct buffer plain = {c->signature.bytes, sizeof(c->signature.bytes), 0};

	if (attest_signature_take(file, &c->key, &c->signature) == STATUS_OK)
		return ATTEST_ACCEPTED;
	c->signature = (struct attest_signature){.scheme = ATTEST_ALG_ECDSA, .hash = hash};
	if (hash == 0)
		return ATTEST_REFUSED_SIGNATURE_FORM;
	if (keys_public_ecdsa_from_der(&c->key, file, &plain) != STATUS_OK) {
		if (c->key.len < 256 || file.len < 256 || buffer_put(&plain, file) != STATUS_OK)
			return ATTEST_REFUSED_SIGNATURE_FORM;
		c->signature.scheme = ATTEST_ALG_RSASSA;
	}
	c->signature.len = plain.len;
	return ATTEST_ACCEPTED;
}

/* take_extra: hex digits, or a file that holds the bytes. */
static int take_extra(const struct cli_call *call, struct checking *c)
{
	struct buffer out = BUFFER_OF_ARRAY(c->extra_space);
	int result;

	if (c->extra[0] == '\0')
		return cli_usage(call, "-q is empty: a quote that answers no question may be old");
	if (hex_decode(bytes_of_text(c->extra), &out) == STATUS_OK) {
		c->extra_bytes = buffer_bytes(&out);
		return CLI_YES;
	}
	if (strspn(c->extra, "0123456789abcdefABCDEF") == strlen(c->extra))
		return cli_usage(call, "-q: an even number of hex digits, at most 128, or a file");
	result = read_file(call, c->extra, &c->extra_bytes);
	if (result == CLI_YES && c->extra_bytes.len == 0)
		return cli_usage(call, "%s is empty: a quote that answers no question may be old",
		                 c->extra);
	if (result == CLI_YES && c->extra_bytes.len > sizeof(c->extra_space))
		return cli_usage(call, "%s is longer than the 64 bytes that a TPM takes", c->extra);
	return result;
}

static bool take_hash(const char *name, uint16_t *ret_hash)
{
	*ret_hash = 0;
	if (name == NULL)
		return true;
	if (strcmp(name, "sha256") == 0)
		*ret_hash = ATTEST_ALG_SHA256;
	else if (strcmp(name, "sha384") == 0)
		*ret_hash = ATTEST_ALG_SHA384;
	else if (strcmp(name, "sha512") == 0)
		*ret_hash = ATTEST_ALG_SHA512;
	return *ret_hash != 0;
}

static void put_values(const struct checking *c, FILE *to)
{
	size_t at = 0;

	for (size_t i = 0; i < c->pcrs.selection.count; i++) {
		size_t len = attest_digest_len(c->pcrs.selection.banks[i].algorithm);

		fprintf(to, "  sha%zu:\n", len * 8);
		for (unsigned pcr = 0; pcr < ATTEST_PCR_COUNT; pcr++) {
			char text[2 * 64 + 1];

			if ((c->pcrs.selection.banks[i].mask >> pcr & 1) == 0)
				continue;
			hex_encode(bytes_of(c->pcrs.values + at, len), text);
			fprintf(to, "    %-2u: 0x%s\n", pcr, text);
			at += len;
		}
	}
}

/* judge reads the files; CLI_YES: `ret_verdict` says. */
static int judge(const struct cli_call *call, struct checking *c, enum attest_verdict *ret_verdict)
{
	struct bytes public_file, message, signature_file, pcr_file;
	int result = read_file(call, c->public_path, &public_file);

	if (result == CLI_YES)
		result = read_file(call, c->message_path, &message);
	if (result == CLI_YES)
		result = read_file(call, c->signature_path, &signature_file);
	if (result == CLI_YES && c->pcr_path != NULL)
		result = read_file(call, c->pcr_path, &pcr_file);
	if (result == CLI_YES && c->extra != NULL)
		result = take_extra(call, c);
	if (result != CLI_YES)
		return result;
	*ret_verdict = take_public(public_file, &c->key);
	if (*ret_verdict == ATTEST_ACCEPTED)
		*ret_verdict = take_signature(c, signature_file, c->question.hash);
	if (*ret_verdict == ATTEST_ACCEPTED && c->pcr_path != NULL &&
	    attest_pcrs_take(pcr_file, c->list != NULL ? &c->wanted : NULL, &c->pcrs) != STATUS_OK)
		*ret_verdict = ATTEST_REFUSED_PCR_FORM;
	if (*ret_verdict != ATTEST_ACCEPTED)
		return CLI_YES;
	c->question.key = &c->key;
	c->question.extra = c->extra != NULL ? &c->extra_bytes : NULL;
	c->question.wanted = c->list != NULL ? &c->wanted : NULL;
	c->question.pcrs = c->pcr_path != NULL ? &c->pcrs : NULL;
	*ret_verdict = attest_quote_check(&c->question, message, &c->signature, &c->statement);
	return CLI_YES;
}

static int show(const struct cli_call *call, const struct checking *c, enum attest_verdict verdict)
{
	struct cli_out out = {.file = cli_answer_file()};
	bool accepted = verdict == ATTEST_ACCEPTED;

	if (call->json) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "accepted");
		cli_out_bool(&out, accepted);
		cli_out_name(&out, "code");
		cli_out_text(&out, bytes_of_text(attest_code(verdict)));
		cli_out_name(&out, "text");
		cli_out_text(&out, bytes_of_text(attest_words(verdict)));
		cli_out_close(&out, '}');
		cli_out_line(&out);
	} else if (accepted) {
		if (c->pcr_path != NULL) {
			printf("pcrs:\n");
			put_values(c, stdout);
		}
		printf("sig: good, reset count %u, restart count %u, firmware %08x.%08x\n",
		       c->statement.reset_count, c->statement.restart_count,
		       (unsigned)(c->statement.firmware >> 32), (unsigned)c->statement.firmware);
	} else {
		cli_complain(call, "refused (%s): %s", attest_code(verdict), attest_words(verdict));
	}
	return cli_finish(call, accepted ? CLI_YES : CLI_NO);
}

static int run_checkquote(struct cli_call *call)
{
	static struct checking c;
	const struct cli_option options[] = {
	    {"-u",               &c.public_path,    NULL},
            {"--public",         &c.public_path,    NULL},
	    {"-m",               &c.message_path,   NULL},
            {"--message",        &c.message_path,   NULL},
	    {"-s",               &c.signature_path, NULL},
            {"--signature",      &c.signature_path, NULL},
	    {"-f",               &c.pcr_path,       NULL},
            {"--pcr",            &c.pcr_path,       NULL},
	    {"-g",               &c.hash,           NULL},
            {"--hash-algorithm", &c.hash,           NULL},
	    {"-q",               &c.extra,          NULL},
            {"--qualification",  &c.extra,          NULL},
	    {"-l",               &c.list,           NULL},
            {"--pcr-list",       &c.list,           NULL},
	};
	enum attest_verdict verdict = ATTEST_UNDECIDED;
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count != 0 || c.public_path == NULL || c.message_path == NULL ||
	    c.signature_path == NULL)
		return cli_usage(call, "-u, -m and -s are needed, and nothing else");
	if (c.pcr_path == NULL && c.list == NULL)
		return cli_usage(call, "-f or -l: a quote over unknown PCRs says nothing");
	if (c.extra == NULL)
		return cli_usage(call, "-q: a quote that answers no question may be old");
	if (!take_hash(c.hash, &c.question.hash))
		return cli_usage(call, "-g takes sha256, sha384 or sha512");
	if (c.list != NULL && attest_selection_parse(c.list, &c.wanted) != STATUS_OK)
		return cli_usage(call, "-l takes BANK:PCR,PCR...[+BANK:...], as sha256:0,2,4");
	keys_open();
	result = judge(call, &c, &verdict);
	return result == CLI_YES ? show(call, &c, verdict) : result;
}

const struct cli_command cli_attest_checkquote = {
    .name = "attest checkquote",
    .arguments = "-u KEY -m MESSAGE -s SIGNATURE [-f PCRS] [-l LIST] [-g HASH] -q EXTRA",
    .sentence = "check a TPM's quote from tpm2-tools' files, strictly",
    .run = run_checkquote,
    .help =
        "Takes what tpm2_quote wrote and what tpm2_checkquote takes, and refuses what that let\n"
        "pass before 5.8: bytes that the TPM did not make (CVE-2024-29038), another PCR\n"
        "selection (CVE-2024-29039), bytes behind the statement, SHA-1, and, when -u is a\n"
        "TPM2B_PUBLIC, keys that sign more than a TPM's own statements.\n\n"
        "-u, --public KEY            PEM, or TPM2B_PUBLIC (tpm2_createak -u)\n"
        "-m, --message FILE          TPMS_ATTEST\n"
        "-s, --signature FILE        TPMT_SIGNATURE, or plain with -g\n"
        "-f, --pcr FILE              the values: tpm2_quote -o; with -l also bare values\n"
        "-l, --pcr-list LIST         the PCRs that are required, exactly: sha256:0,2,4\n"
        "-g, --hash-algorithm HASH   sha256, sha384 or sha512: the signature's hash\n"
        "-q, --qualification EXTRA   the nonce: hex, or a file that holds it\n",
};
