/* attest_tpm_fuzz: the first byte picks a structure, the rest is it. What is taken lies inside the
 * input, and with a byte more behind it nothing is taken: one structure, one form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_quote.h"
#include "base_check.h"

static uint8_t longer[65536];

static void lies_inside(struct bytes run, struct bytes whole)
{
	CHECK(run.len == 0 ||
	      (run.data >= whole.data && run.data + run.len <= whole.data + whole.len));
}

static void try_statement(struct bytes input, struct bytes more, enum attest_type type)
{
	struct attest_statement said;

	if (attest_statement_take(input, type, &said) != ATTEST_GOOD)
		return;
	CHECK(said.type == type);
	lies_inside(said.signer, input);
	lies_inside(said.extra, input);
	lies_inside(said.pcr_digest, input);
	lies_inside(said.nv_name, input);
	lies_inside(said.nv_data, input);
	CHECK(attest_statement_take(more, type, &said) == ATTEST_BAD_TAIL);
}

static void try_public(struct bytes input, struct bytes more)
{
	struct attest_signature signature;
	struct attest_public key;

	if (attest_public_take(input, &key) != STATUS_OK)
		return;
	CHECK(key.key.len != 0 && key.key.len <= sizeof(key.key.der));
	lies_inside(key.policy, input);
	CHECK(!attest_public_is_attestation_key(&key) || !attest_public_is_endorsement_key(&key));
	CHECK(attest_public_take(more, &key) != STATUS_OK);
	(void)!attest_signature_take(input, &key.key, &signature);
}

static void try_signature(struct bytes input, struct bytes more)
{
	struct keys_public keys[2] = {{.len = 91}, {.len = 294}}; /* P-256, RSA 2048 */
	struct attest_signature signature;

	for (size_t i = 0; i < 2; i++)
		if (attest_signature_take(input, &keys[i], &signature) == STATUS_OK) {
			CHECK(signature.len <= sizeof(signature.bytes));
			CHECK(attest_signature_take(more, &keys[i], &signature) != STATUS_OK);
		}
}

static void try_pcrs(struct bytes input, struct bytes more)
{
	static struct attest_pcrs pcrs;

	if (attest_pcrs_take(input, NULL, &pcrs) != STATUS_OK)
		return;
	CHECK(pcrs.len <= sizeof(pcrs.values) && pcrs.selection.count <= ATTEST_BANKS_MAX);
	CHECK(attest_pcrs_take(more, NULL, &pcrs) != STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct attest_nv_public nv;
	struct bytes input, more;

	if (size == 0 || size >= sizeof(longer))
		return 0;
	input = bytes_of(data + 1, size - 1);
	if (size > 1)
		memcpy(longer, data + 1, size - 1);
	longer[size - 1] = 0;
	more = bytes_of(longer, size);
	switch (data[0] % 6) {
	case 0:
		try_statement(input, more, ATTEST_TYPE_QUOTE);
		break;
	case 1:
		try_statement(input, more, ATTEST_TYPE_NV);
		break;
	case 2:
		try_public(input, more);
		break;
	case 3:
		try_signature(input, more);
		break;
	case 4:
		try_pcrs(input, more);
		break;
	default:
		if (attest_nv_public_take(input, &nv) == STATUS_OK)
			CHECK(attest_nv_public_take(more, &nv) != STATUS_OK);
	}
	return 0;
}
