/* verify: how another program judges a node's evidence with lib/attest (spec/evidence.md).
 *
 * usage: verify EVIDENCE NONCE DEPLOYMENT_KEY ROOT RELEASE FIRMWARE
 *   EVIDENCE        a file, as `claviger attest get --out` or the HTTP interface gives it
 *   NONCE           the 32 bytes that you asked with, hex
 *   DEPLOYMENT_KEY  whose node you mean, hex
 *   ROOT            a file with a TPM maker's root, DER
 *   RELEASE         PCRs 4, 9, 11, 12, 14 at unseal, hex, one behind the other (`image predict`)
 *   FIRMWARE        PCRs 0, 2, 7, alike
 * Prints the verdict's code and, when it is `accepted`, the key to seal changes to. Ends with 0
 * then, with 1 for a refusal, with 2 when it was asked wrongly.
 *
 * What it links: the libraries attest, approval, authz, keys, cbor, call, wire, base of this build,
 * and the one crypto library behind them. Nothing here opens a socket, allocates, or looks at a
 * clock but in the one line that says so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "attest_verify.h"
#include "base_encode.h"
#include "keys.h"

static const unsigned release_pcrs[] = {4, 9, 11, 12, 14}, firmware_pcrs[] = {0, 2, 7};

static bool take_file(const char *path, struct buffer *ret_bytes)
{
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return false;
	ret_bytes->len = fread(ret_bytes->data, 1, ret_bytes->cap, file);
	fclose(file);
	return ret_bytes->len > 0 && ret_bytes->len < ret_bytes->cap;
}

static bool take_hex(const char *text, uint8_t *ret_bytes, size_t len)
{
	struct buffer out = {ret_bytes, len, 0};

	return hex_decode(bytes_of_text(text), &out) == STATUS_OK && out.len == len;
}

static bool take_pcrs(const char *text, const unsigned *pcrs, size_t count,
                      struct attest_values *ret_values)
{
	uint8_t values[5][32];

	if (!take_hex(text, values[0], 32 * count))
		return false;
	for (size_t i = 0; i < count; i++) {
		ret_values->mask |= UINT32_C(1) << pcrs[i];
		memcpy(ret_values->pcrs[pcrs[i]], values[i], 32);
	}
	return true;
}

int main(int count, char **words)
{
	static uint8_t evidence_space[LIMIT_EVIDENCE_MAX + 1], root_space[8192];
	static struct attest_report report;
	struct buffer evidence = BUFFER_OF_ARRAY(evidence_space),
	              root = BUFFER_OF_ARRAY(root_space);
	struct attest_values release = {.name = bytes_of_text("release")};
	struct attest_values firmware = {.name = bytes_of_text("firmware")};
	struct bytes roots[1];
	struct attest_policy policy = {.roots = roots,
	                               .root_count = 1,
	                               .has_deployment_key = true,
	                               .releases = &release,
	                               .release_count = 1,
	                               .firmwares = &firmware,
	                               .firmware_count = 1,
	                               .event_log = true};
	uint8_t nonce[ATTEST_NONCE_LEN];
	enum attest_verdict verdict;
	char key[HEX_LEN(32) + 1];

	if (count != 7 || !take_file(words[1], &evidence) ||
	    !take_hex(words[2], nonce, sizeof(nonce)) ||
	    !take_hex(words[3], policy.deployment_key, 32) || !take_file(words[4], &root) ||
	    !take_pcrs(words[5], release_pcrs, 5, &release) ||
	    !take_pcrs(words[6], firmware_pcrs, 3, &firmware)) {
		fprintf(stderr,
		        "usage: verify EVIDENCE NONCE DEPLOYMENT_KEY ROOT RELEASE FIRMWARE\n");
		return 2;
	}
	roots[0] = buffer_bytes(&root);
	keys_open(); /* once, before anything else of the libraries */
	verdict = attest_evidence_check(buffer_bytes(&evidence), nonce, &policy,
	                                (uint64_t)time(NULL), &report);
	printf("%s\n", attest_code(verdict));
	if (verdict != ATTEST_ACCEPTED) {
		fprintf(stderr, "%s\n", attest_words(verdict));
		return 1;
	}
	hex_encode(BYTES_OF_ARRAY(report.authority.key), key);
	printf("%s\n", key);
	return 0;
}
