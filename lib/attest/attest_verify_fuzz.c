/* attest_verify_fuzz: evidence is judged whatever it is. Its last certificate counts as a maker's
 * root and its own deployment key as the pinned one, so that what lies behind both is reached. What
 * is accepted answers one nonce, has one encoding, and is refused by a policy that pins another
 * deployment. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_verify.h"
#include "base_check.h"

#define AT_S UINT64_C(1795651200) /* 2026-11-26 */

static struct attest_report report;
static uint8_t again_space[LIMIT_EVIDENCE_MAX];

static void judge_as_hardware(struct bytes input, const struct attest_report *known)
{
	const struct attest_evidence *evidence = &known->evidence;
	const struct attest_values release = {.mask = ATTEST_RELEASE_MASK};
	const struct attest_values firmware = {.mask = ATTEST_FIRMWARE_MASK};
	struct attest_policy policy = {.releases = &release,
	                               .firmwares = &firmware,
	                               .release_count = 1,
	                               .firmware_count = 1,
	                               .has_deployment_key = true};
	struct bytes root;

	if (evidence->certificate_count == 0)
		return;
	root = evidence->certificates[evidence->certificate_count - 1];
	policy.roots = &root;
	policy.root_count = 1;
	memcpy(policy.deployment_key, known->node.deployment_key, 32);
	/* Its PCRs are not all zero before the cap: never accepted. */
	CHECK(attest_evidence_check(input, NULL, &policy, AT_S, &report) != ATTEST_ACCEPTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_report first;
	struct attest_policy policy = {.software_tpm = true};
	struct buffer again = BUFFER_OF_ARRAY(again_space);
	struct bytes input = bytes_of(data, size);
	uint8_t nonce[ATTEST_NONCE_LEN];

	if (attest_evidence_check(input, NULL, &policy, AT_S, &first) != ATTEST_ACCEPTED) {
		if (first.evidence.certificate_count != 0)
			judge_as_hardware(input, &first);
		return 0;
	}
	CHECK(attest_evidence_put(&first.evidence, &again) == STATUS_OK &&
	      bytes_equal(buffer_bytes(&again), input));
	memcpy(nonce, first.evidence.proof.nonce, sizeof(nonce));
	CHECK(attest_evidence_check(input, nonce, &policy, AT_S, &report) == ATTEST_ACCEPTED);
	nonce[0] ^= 1;
	CHECK(attest_evidence_check(input, nonce, &policy, AT_S, &report) == ATTEST_REFUSED_NONCE);
	policy.has_deployment_key = true;
	CHECK(attest_evidence_check(input, NULL, &policy, AT_S, &report) ==
	      ATTEST_REFUSED_DEPLOYMENT);
	judge_as_hardware(input, &first);
	return 0;
}
