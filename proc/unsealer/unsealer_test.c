/* The unsealer's work on a real swtpm; skipped (77) where it is not installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "swtpm.h"
#include "unsealer_share.h"

static char folder[64], other_folder[64], file_path[80];
static struct swtpm swtpm;
static struct tpm tpm;
static struct call_start_facts facts;
static struct call_start_failed failed;

static void remove_folder(const char *path)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", path);
	CHECK(system(command) == 0);
}

static void power_on(const char *where)
{
	CHECK(swtpm_start(where, &swtpm) == STATUS_OK);
	CHECK(tpm_open(swtpm.where, &tpm) == STATUS_OK);
}

static void power_cut(const char *where)
{
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	power_on(where);
}

static bool take(bool genesis)
{
	int fd = open(file_path, (genesis ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600);
	bool taken = unsealer_take_share(&tpm, fd, genesis, &facts, &failed);

	if (fd >= 0)
		close(fd);
	return taken;
}

static void start_fresh(void)
{
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	remove_folder(folder);
	unlink(file_path);
	power_on(folder);
	CHECK(take(true));
}

static void test_genesis_and_every_later_start_give_the_same_share(void)
{
	struct call_start_facts first, checked;

	start_fresh();
	first = facts;
	EXPECT(first.mode == CALL_START_GENESIS && first.is_software == 1);
	EXPECT(start_take_facts(bytes_of(&facts, sizeof(facts)), &checked) == STATUS_OK);
	EXPECT(memcmp(first.node_share, (uint8_t[32]){0}, 32) != 0);
	for (uint64_t boot = 1; boot <= 3; boot++) {
		power_cut(folder);
		EXPECT(take(false));
		EXPECT(memcmp(facts.node_share, first.node_share, 32) == 0);
		EXPECT(facts.mode == CALL_START_UNSEAL && facts.has_counter == 1);
		EXPECT(facts.counter == first.counter + boot);
		EXPECT(facts.reset_count == first.reset_count + boot);
		EXPECT(memcmp(facts.ak_name, first.ak_name, 34) == 0);
		EXPECT(facts.sealed_mask == UNSEALER_PCR_MASK && facts.pcr_mask == 0xffffff);
		EXPECT(facts.pcrs[11][0] == 0 && facts.has_checkpoint == 0);
	}
}

/* PH7 */
static void test_a_second_unsealer_in_the_same_boot_gets_nothing(void)
{
	start_fresh();
	EXPECT(!take(false));
	EXPECT(failed.reason == CALL_START_CAPPED);
	EXPECT(memcmp(facts.node_share, (uint8_t[32]){0}, 32) == 0);
	power_cut(folder);
	EXPECT(take(false));
	EXPECT(!take(false) && failed.reason == CALL_START_CAPPED);
}

static void test_genesis_never_overwrites_a_share(void)
{
	uint8_t share[32];

	start_fresh();
	memcpy(share, facts.node_share, sizeof(share));
	power_cut(folder);
	EXPECT(!take(true) && failed.reason == CALL_START_BAD_BLOB);
	EXPECT(take(false) && memcmp(facts.node_share, share, 32) == 0);
}

static void test_each_trouble_has_its_own_reason(void)
{
	static const uint8_t digest[32] = {9};
	char raw[TPM_BLOB_MAX];
	ssize_t len;
	int fd;

	start_fresh();
	power_cut(folder);
	EXPECT(tpm_pcr_extend(&tpm, 4, digest) == STATUS_OK);
	EXPECT(!take(false) && failed.reason == CALL_START_BAD_POLICY);
	power_cut(other_folder); /* no primary in this TPM */
	EXPECT(!take(false) && failed.reason == CALL_START_OTHER_TPM);
	power_cut(folder);
	fd = open(file_path, O_RDWR | O_CLOEXEC);
	len = pread(fd, raw, sizeof(raw), 0);
	EXPECT(len > 200);
	raw[100] ^= 1;
	EXPECT(pwrite(fd, raw, (size_t)len, 0) == len);
	EXPECT(!take(false) && failed.reason == CALL_START_BAD_BLOB);
	EXPECT(ftruncate(fd, 0) == 0);
	EXPECT(!take(false) && failed.reason == CALL_START_NO_BLOB);
	close(fd);
	unlink(file_path);
	EXPECT(!take(false) && failed.reason == CALL_START_NO_BLOB);
	tpm_close(&tpm);
	EXPECT(!take(false) && failed.reason == CALL_START_NO_TPM);
	EXPECT(tpm_open(swtpm.where, &tpm) == STATUS_OK);
	EXPECT(strlen(start_reason_text(failed.reason)) > 20);
}

/* C3, over the whole of a start */
static void test_power_cuts_in_a_row_never_lock_the_share_up(void)
{
	start_fresh();
	for (int i = 0; i < 24; i++) {
		power_cut(folder);
		EXPECT(take(false));
	}
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/unsealer_test.%d", (int)getpid());
	snprintf(other_folder, sizeof(other_folder), "/tmp/unsealer_test.%d.b", (int)getpid());
	snprintf(file_path, sizeof(file_path), "/tmp/unsealer_test.%d.sealed", (int)getpid());
	signal(SIGPIPE, SIG_IGN);
	if (swtpm_start(folder, &swtpm) == STATUS_NOT_FOUND) {
		printf("swtpm is not installed\n");
		return 77;
	}
	RUN(test_genesis_and_every_later_start_give_the_same_share);
	RUN(test_a_second_unsealer_in_the_same_boot_gets_nothing);
	RUN(test_genesis_never_overwrites_a_share);
	RUN(test_each_trouble_has_its_own_reason);
	RUN(test_power_cuts_in_a_row_never_lock_the_share_up);
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	remove_folder(folder);
	remove_folder(other_folder);
	unlink(file_path);
	return test_summary();
}
