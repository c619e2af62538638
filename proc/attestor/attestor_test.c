/* The attestor's answers on a real swtpm (S7); skipped (77) where it is not installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attestor_answer.h"
#include "base_check.h"
#include "base_sha256.h"
#include "base_test.h"
#include "swtpm.h"

static char folder[64];
static struct swtpm swtpm;
static struct tpm tpm;
static struct attestor attestor = {.tpm = &tpm};
static struct tpm_name primary;
static uint8_t answer_bytes[CALL_ATTEST_MESSAGE_MAX];

static struct bytes ask(uint32_t kind, const void *request, size_t len)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_bytes);
	union call_attest_request taken;

	CHECK(attest_take_request(kind, bytes_of(request, len), &taken) == STATUS_OK);
	attestor_answer(&attestor, kind, &taken, &answer);
	return buffer_bytes(&answer);
}

static void test_info_names_the_key_that_signs(void)
{
	struct call_attest_head head = {.request = 5};
	struct call_attest_info info;
	struct bytes public;
	uint8_t hash[32];

	EXPECT(attest_take_info(ask(CALL_ATTEST_INFO, &head, sizeof(head)), &info, &public) ==
	       STATUS_OK);
	EXPECT(info.head.request == 5 && info.head.status == STATUS_OK && info.is_software == 1);
	sha256_of(public, hash);
	EXPECT(info.ak_name_len == 34 && memcmp(info.ak_name + 2, hash, 32) == 0);
}

static void test_a_quote_carries_the_extra_data_and_the_pcrs_it_signs(void)
{
	struct call_attest_quote quote = {.head.request = 6, .pcr_mask = 0x6a95};
	struct call_attest_quoted quoted;
	struct bytes attest, signature, pcrs;
	uint8_t digest[32];

	memset(quote.extra, 0x77, sizeof(quote.extra));
	EXPECT(attest_take_quoted(ask(CALL_ATTEST_QUOTE, &quote, sizeof(quote)), &quoted, &attest,
	                          &signature, &pcrs) == STATUS_OK);
	EXPECT(quoted.head.status == STATUS_OK && pcrs.len == 32u * 8);
	EXPECT(memmem(attest.data, attest.len, quote.extra, 32) != NULL);
	sha256_of(pcrs, digest);
	EXPECT(memmem(attest.data, attest.len, digest, 32) != NULL);
}

static void test_extending_gives_the_new_value(void)
{
	struct call_attest_extend extend = {
	    .head.request = 7, .digest = {1, 2, 3}
        };
	struct call_attest_extended extended;
	uint8_t whole[64] = {0}, expected[32];

	EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
	                            &extended) == STATUS_OK);
	EXPECT(extended.head.status == STATUS_NOT_FOUND);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_OK);
	EXPECT(attest_take_extended(ask(CALL_ATTEST_NV_EXTEND, &extend, sizeof(extend)),
	                            &extended) == STATUS_OK);
	memcpy(whole + 32, extend.digest, 32);
	sha256_of(BYTES_OF_ARRAY(whole), expected);
	EXPECT(extended.head.status == STATUS_OK && memcmp(extended.value, expected, 32) == 0);
}

static void test_malformed_requests_are_refused(void)
{
	struct call_attest_quote quote = {.pcr_mask = 1};
	union call_attest_request taken;

	EXPECT(attest_take_request(CALL_ATTEST_QUOTE, bytes_of(&quote, sizeof(quote)), &taken) ==
	       STATUS_OK);
	EXPECT(attest_take_request(CALL_ATTEST_QUOTE, bytes_of(&quote, sizeof(quote) - 1),
	                           &taken) == STATUS_MALFORMED);
	EXPECT(attest_take_request(CALL_ATTEST_INFO, bytes_of(&quote, sizeof(quote)), &taken) ==
	       STATUS_MALFORMED);
	EXPECT(attest_take_request(77, bytes_of(&quote, sizeof(quote)), &taken) ==
	       STATUS_MALFORMED);
	quote.pcr_mask = 0;
	EXPECT(attest_take_request(CALL_ATTEST_QUOTE, bytes_of(&quote, sizeof(quote)), &taken) ==
	       STATUS_MALFORMED);
	quote.pcr_mask = 1u << 24;
	EXPECT(attest_take_request(CALL_ATTEST_QUOTE, bytes_of(&quote, sizeof(quote)), &taken) ==
	       STATUS_MALFORMED);
}

static void test_a_tpm_that_is_gone_is_an_error_and_no_crash(void)
{
	struct call_attest_quote quote = {.head.request = 8, .pcr_mask = 1};
	struct call_attest_quoted quoted;
	struct bytes attest, signature, pcrs;

	swtpm_stop(&swtpm);
	EXPECT(attest_take_quoted(ask(CALL_ATTEST_QUOTE, &quote, sizeof(quote)), &quoted, &attest,
	                          &signature, &pcrs) == STATUS_OK);
	EXPECT(quoted.head.status == STATUS_IO && attest.len == 0);
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
	RUN(test_a_quote_carries_the_extra_data_and_the_pcrs_it_signs);
	RUN(test_extending_gives_the_new_value);
	RUN(test_malformed_requests_are_refused);
	RUN(test_a_tpm_that_is_gone_is_an_error_and_no_crash);
	tpm_close(&tpm);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
