/* The attestor's answers on a real swtpm (S7, H4); skipped (77) where it is not installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attest_verify.h"
#include "attestor_answer.h"
#include "base_check.h"
#include "base_sha256.h"
#include "base_test.h"
#include "swtpm.h"

static char folder[64];
static struct swtpm swtpm;
static struct tpm tpm;
static struct attestor_evidence evidence;
static struct attestor attestor = {.tpm = &tpm, .evidence = &evidence};
static struct tpm_name primary;
static uint8_t answer_bytes[CALL_ATTEST_MESSAGE_MAX];

static struct bytes ask(uint32_t kind, const void *request, size_t len)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_bytes);
	struct call_attest_request taken;

	CHECK(attest_take_request(kind, bytes_of(request, len), &taken) == STATUS_OK);
	attestor_answer(&attestor, kind, &taken, &answer);
	return buffer_bytes(&answer);
}

static void test_info_names_the_key_that_signs(void)
{
	struct call_attest_head head = {.request = 5};
	struct call_attest_info info;
	struct bytes public, endorsement;
	uint8_t hash[32];

	EXPECT(attest_take_info(ask(CALL_ATTEST_INFO, &head, sizeof(head)), &info, &public,
	                        &endorsement) == STATUS_OK);
	EXPECT(endorsement.len == 0); /* nobody gave this TPM a certificate */
	EXPECT(info.head.request == 5 && info.head.status == STATUS_OK && info.is_software == 1);
	sha256_of(public, hash);
	EXPECT(memcmp(info.primary_name, primary.bytes, 34) == 0);
	EXPECT(info.ak_name_len == 34 && memcmp(info.ak_name + 2, hash, 32) == 0);
}

/* speak is what the signer says of itself, with keys made of a seed. */
static struct bytes speak(uint8_t seed, struct call_attest_node *ret_head)
{
	static uint8_t message[sizeof(*ret_head) + AUTHZ_NODE_MAX],
	    channels[2][AUTHZ_STATEMENT_MAX];
	struct buffer authority = BUFFER_OF_ARRAY(channels[0]), own = BUFFER_OF_ARRAY(channels[1]);
	struct buffer out = {message, sizeof(message), 0};
	struct authz_certificate certificate = {
	    .boot = 5, .role = AUTHZ_ROLE_AUTHORITY, .key = {7}};
	struct authz_node node = {
	    .boot = 5, .mode = AUTHZ_MODE_WORKSTATION, .release = bytes_of_text("claviger test")};
	struct keys_sign_key key;
	uint8_t bytes[32] = {seed};

	keys_sign_from_seed(bytes, &key);
	CHECK(authz_certificate_put(&certificate, &key, &authority) == STATUS_OK);
	certificate.role = AUTHZ_ROLE_SIGNER;
	certificate.key[0] = 8;
	CHECK(authz_certificate_put(&certificate, &key, &own) == STATUS_OK);
	memcpy(node.deployment_key, keys_sign_public(&key), 32);
	memcpy(node.ak_name, attestor.ak.bytes, sizeof(node.ak_name));
	node.authority = buffer_bytes(&authority);
	node.signer = buffer_bytes(&own);
	*ret_head = (struct call_attest_node){.head.request = 12};
	authz_node_commit(node.deployment_key, node.manifest, certificate.key, ret_head->commit);
	CHECK(buffer_put(&out, bytes_of(ret_head, sizeof(*ret_head))) == STATUS_OK);
	CHECK(authz_node_put(&node, &key, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ask_evidence asks over one nonce and judges the answer as a client does. */
static enum attest_verdict judge(const uint8_t nonce[32], struct attest_report *ret_report)
{
	static uint8_t bytes[LIMIT_EVIDENCE_MAX];
	static struct attest_evidence taken;
	struct call_attest_evidence asked = {.head.request = 6};
	const struct attest_policy policy = {.software_tpm = true};
	struct buffer whole = BUFFER_OF_ARRAY(bytes);
	struct call_attest_head head;
	uint8_t nodes[ATTEST_TREE_NODES(1)][32];
	uint8_t nonces[1][32];
	struct bytes rest;

	memcpy(nonces[0], nonce, 32);
	attest_tree_build(nonces, 1, nodes, asked.root);
	EXPECT(attest_take_answer(ask(CALL_ATTEST_EVIDENCE, &asked, sizeof(asked)),
	                          LIMIT_EVIDENCE_MAX, &head, &rest) == STATUS_OK);
	if (head.status != STATUS_OK || attest_evidence_take(rest, &taken) != STATUS_OK)
		return ATTEST_UNDECIDED;
	taken.has_proof = true;
	attest_tree_prove(nonces, 1, nodes, 0, &taken.proof);
	CHECK(attest_evidence_put(&taken, &whole) == STATUS_OK);
	return attest_evidence_check(buffer_bytes(&whole), nonce, &policy, 0, ret_report);
}

static void test_evidence_waits_for_the_signer_and_holds_what_it_said(void)
{
	static struct attest_report report;
	struct call_attest_node said;
	struct call_attest_head head;
	uint8_t nonce[32] = {1, 2, 3};
	struct bytes message, rest;

	EXPECT(judge(nonce, &report) == ATTEST_UNDECIDED);
	CHECK(tpm_nv_define(&tpm, &tpm_nv_boots) == STATUS_OK &&
	      tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK);
	EXPECT(tpm_pcr_cap(&tpm) == STATUS_OK);
	message = speak(1, &said);
	EXPECT(attest_take_answer(ask(CALL_ATTEST_NODE, message.data, message.len), 0, &head,
	                          &rest) == STATUS_OK &&
	       head.status == STATUS_OK);
	EXPECT(judge(nonce, &report) == ATTEST_ACCEPTED);
	EXPECT(report.authority.key[0] == 7 && report.signer.key[0] == 8);
	EXPECT(report.has_counter && report.counter == 1 && !report.has_release_floor);
	nonce[0] ^= 1;
	EXPECT(judge(nonce, &report) == ATTEST_ACCEPTED);
}

/* PH5: a count of the TPM's that is another one is enough. Sessions die with a reset, too; that is
 * not what is relied on here. */
static void test_another_boot_of_the_tpm_is_noticed_by_its_counts(void)
{
	struct attestor other = attestor;

	EXPECT(attestor_watch(&attestor) == STATUS_OK);
	other.reset_count--;
	EXPECT(attestor_watch(&other) == STATUS_REFUSED);
	other.reset_count++;
	other.restart_count--;
	EXPECT(attestor_watch(&other) == STATUS_REFUSED);
}

/* What PCR 13 holds since the first statement stays until the TPM's reset (H4). */
static void test_another_deployment_or_channel_key_is_refused_in_the_same_boot(void)
{
	static struct attest_report report;
	struct call_attest_node said;
	struct call_attest_head head;
	uint8_t nonce[32] = {9};
	struct bytes message, rest;

	message = speak(2, &said);
	EXPECT(attest_take_answer(ask(CALL_ATTEST_NODE, message.data, message.len), 0, &head,
	                          &rest) == STATUS_OK &&
	       head.status == STATUS_REFUSED);
	EXPECT(judge(nonce, &report) == ATTEST_ACCEPTED);
	message = speak(1, &said);
	EXPECT(attest_take_answer(ask(CALL_ATTEST_NODE, message.data, message.len), 0, &head,
	                          &rest) == STATUS_OK &&
	       head.status == STATUS_OK);
	EXPECT(judge(nonce, &report) == ATTEST_ACCEPTED);
}

static void test_a_log_is_read_whole_or_not_at_all(void)
{
	static struct attestor_evidence other;
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", folder);
	EXPECT(attestor_evidence_read_log(&other, path) == STATUS_OK && other.log.len == 0);
	file = fopen(path, "w");
	CHECK(file != NULL && fputs("log", file) >= 0 && fclose(file) == 0);
	EXPECT(attestor_evidence_read_log(&other, path) == STATUS_OK && other.log.len == 3 &&
	       memcmp(other.log.data, "log", 3) == 0);
	CHECK(truncate(path, LIMIT_EVENT_LOG_MAX) == 0);
	EXPECT(attestor_evidence_read_log(&other, path) == STATUS_OK &&
	       other.log.len == LIMIT_EVENT_LOG_MAX);
	CHECK(truncate(path, LIMIT_EVENT_LOG_MAX + 1) == 0);
	EXPECT(attestor_evidence_read_log(&other, path) == STATUS_TOO_LARGE && other.log.len == 0);
	EXPECT(attestor_evidence_read_log(&other, folder) == STATUS_IO && other.log.len == 0);
}

static void test_a_tpm_without_certificate_activates_nothing(void)
{
	uint8_t message[sizeof(struct call_attest_activate) + 2] = {0};
	struct call_attest_activate head = {.blob_len = 1, .encrypted_len = 1};
	struct call_attest_head said;
	struct bytes rest;

	memcpy(message, &head, sizeof(head));
	EXPECT(attest_take_answer(ask(CALL_ATTEST_ACTIVATE, message, sizeof(message)), 64, &said,
	                          &rest) == STATUS_OK &&
	       said.status == STATUS_NOT_FOUND);
}

static void test_extending_gives_the_new_value_and_counts_the_boot_once(void)
{
	struct call_attest_extend extend = {
	    .head.request = 7, .digest = {1, 2, 3}
        };
	struct call_attest_extended extended;
	uint8_t whole[64] = {0}, expected[32];
	uint64_t boots = 0;

	EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
	                            &extended) == STATUS_OK);
	EXPECT(extended.head.status == STATUS_NOT_FOUND);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_OK);
	EXPECT(tpm_nv_read_counter(&tpm, &tpm_nv_boots, &boots) == STATUS_OK);
	for (int i = 0; i < 2; i++) {
		extend.boots = boots + 1;
		EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
		                            &extended) == STATUS_OK);
		memcpy(whole + 32, extend.digest, 32);
		sha256_of(BYTES_OF_ARRAY(whole), expected);
		memcpy(whole, expected, 32);
		EXPECT(extended.head.status == STATUS_OK);
		EXPECT(memcmp(extended.value, expected, 32) == 0);
		EXPECT(extended.boots == boots + 1);
	}
	extend.boots = boots + 3; /* no stop leaves it so far behind */
	EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
	                            &extended) == STATUS_OK);
	EXPECT(extended.head.status == STATUS_CONFLICT);
	/* Put off between index and counter, and asked again: not extended twice. */
	attestor.extended = true;
	memcpy(attestor.extended_digest, extend.digest, 32);
	extend.boots = boots + 1;
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, expected, 32) == STATUS_OK);
	EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
	                            &extended) == STATUS_OK);
	EXPECT(extended.head.status == STATUS_OK && memcmp(extended.value, expected, 32) == 0);
	EXPECT(!attestor.extended);
}

static void test_a_tpm_that_is_gone_is_an_error_and_no_crash(void)
{
	struct call_attest_evidence asked = {.head.request = 8};
	struct call_attest_head head;
	struct bytes rest;

	swtpm_stop(&swtpm);
	EXPECT(attest_take_answer(ask(CALL_ATTEST_EVIDENCE, &asked, sizeof(asked)), 0, &head,
	                          &rest) == STATUS_OK);
	EXPECT(head.status == STATUS_IO && head.request == 8 && rest.len == 0);
}

/* PH4: who stands in between and offers a key of his own gets no session. */
static void test_another_primary_than_the_pinned_one_is_not_used(void)
{
	struct tpm_name other = primary;
	struct attestor another = {.tpm = &tpm};

	other.bytes[10] ^= 1;
	EXPECT(attestor_start(&another, &other) == STATUS_REFUSED);
	EXPECT(attestor_start(&attestor, &primary) == STATUS_OK);
}

int main(void)
{
	char command[128];

	snprintf(folder, sizeof(folder), "/tmp/attestor_test.%d", (int)getpid());
	signal(SIGPIPE, SIG_IGN);
	if (swtpm_start(folder, &swtpm) == STATUS_NOT_FOUND) {
		printf("swtpm is not installed\n");
		return 77;
	}
	CHECK(tpm_open(swtpm.where, &tpm) == STATUS_OK);
	CHECK(tpm_primary_open(&tpm, true, NULL, &primary) == STATUS_OK);
	CHECK(attestor_start(&attestor, &primary) == STATUS_OK);
	RUN(test_another_primary_than_the_pinned_one_is_not_used);
	RUN(test_info_names_the_key_that_signs);
	RUN(test_another_boot_of_the_tpm_is_noticed_by_its_counts);
	RUN(test_evidence_waits_for_the_signer_and_holds_what_it_said);
	RUN(test_another_deployment_or_channel_key_is_refused_in_the_same_boot);
	RUN(test_a_log_is_read_whole_or_not_at_all);
	RUN(test_a_tpm_without_certificate_activates_nothing);
	RUN(test_extending_gives_the_new_value_and_counts_the_boot_once);
	RUN(test_a_tpm_that_is_gone_is_an_error_and_no_crash);
	tpm_close(&tpm);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
