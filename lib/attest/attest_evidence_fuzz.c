/* attest_evidence_fuzz: the first byte picks: evidence (what is taken, put again, is the same
 * bytes), a proof (likewise, and its root is found or not without harm), an event log (replayed the
 * same twice). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_evidence.h"
#include "attest_log.h"
#include "base_check.h"

static uint8_t again_space[LIMIT_EVIDENCE_MAX];

static void try_evidence(struct bytes input)
{
	static struct attest_evidence evidence;
	struct buffer again = BUFFER_OF_ARRAY(again_space);
	uint8_t root[32];

	if (attest_evidence_take(input, &evidence) != STATUS_OK)
		return;
	CHECK(attest_evidence_put(&evidence, &again) == STATUS_OK);
	CHECK(bytes_equal(buffer_bytes(&again), input));
	if (evidence.has_proof)
		(void)!attest_proof_root(&evidence.proof, root);
	if (evidence.has_beacon)
		CHECK(attest_beacon_nonce(evidence.beacon_source, evidence.beacon_value, root) ==
		      STATUS_OK);
}

static void try_proof(struct bytes input)
{
	struct buffer again = BUFFER_OF_ARRAY(again_space);
	struct attest_proof proof;
	uint8_t root[32];

	if (attest_proof_take(input, &proof) != STATUS_OK)
		return;
	CHECK(attest_proof_put(&proof, &again) == STATUS_OK);
	CHECK(bytes_equal(buffer_bytes(&again), input));
	(void)!attest_proof_root(&proof, root);
}

static void try_log(struct bytes input)
{
	struct attest_log log, twice;

	if (attest_log_replay(input, &log) != ATTEST_ACCEPTED)
		return;
	CHECK(attest_log_replay(input, &twice) == ATTEST_ACCEPTED);
	CHECK(memcmp(&log, &twice, sizeof(log)) == 0);
	CHECK((log.mask & 0xff) == 0xff); /* separators */
	CHECK(log.event_count >= 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data + 1, size - 1);

	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		try_evidence(input);
	else if (data[0] % 3 == 1)
		try_proof(input);
	else
		try_log(input);
	return 0;
}
