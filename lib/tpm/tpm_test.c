/* Against a real swtpm; skipped (77) where it is not installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <unistd.h>

#include "base_check.h"
#include "base_sha256.h"
#include "base_test.h"
#include "swtpm.h"
#include "tpm_esys.h"

#define SEAL_MASK    0x5a95u /* PCR 0, 2, 4, 7, 9, 11, 12, 14 */
#define CAPTURE_MAX  (1u << 20)
#define RESPONSE_MAX 8192u

static char folder[64];
static struct swtpm swtpm;
static struct tpm tpm;
static const uint8_t share[TPM_SHARE_LEN] = "share canary: 0123456789 abcdef";

/* ---- a man in the middle: logs both ways, and may flip one bit of one response ---- */

struct tap {
	uint32_t len;
	uint32_t responses;     /* counted since the last reset */
	uint32_t flip_response; /* 1-based; 0: none */
	uint32_t flip_bit;
	uint8_t bytes[CAPTURE_MAX];
};

static struct tap *tap;
static pid_t tap_pid;
static char tap_where[96];

static int unix_socket(const char *path, bool listens)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	CHECK(fd >= 0);
	if (listens)
		CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		      listen(fd, 4) == 0);
	else if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void tap_note(const uint8_t *bytes, size_t len)
{
	if (tap->len + len <= CAPTURE_MAX) {
		memcpy(tap->bytes + tap->len, bytes, len);
		tap->len += (uint32_t)len;
	}
}

/* tap_forward moves what is there; false at the end of a connection. */
static bool tap_forward(int from, int to, bool is_response)
{
	uint8_t bytes[RESPONSE_MAX];
	ssize_t len = read(from, bytes, sizeof(bytes));

	if (len <= 0)
		return false;
	tap_note(bytes, (size_t)len);
	if (is_response && ++tap->responses == tap->flip_response) {
		/* not in the size, bytes 2 to 5: then the reader waits for what never comes */
		size_t bit = 48 + tap->flip_bit % ((size_t)(len - 6) * 8);

		bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	return write(to, bytes, (size_t)len) == len;
}

static _Noreturn void tap_run(int listener, const char *tpm_path)
{
	for (;;) {
		int client = accept(listener, NULL, NULL), server = unix_socket(tpm_path, false);
		bool open = client >= 0 && server >= 0;

		while (open) {
			struct pollfd fds[2] = {
			    {.fd = client, .events = POLLIN},
                            {.fd = server, .events = POLLIN}
                        };

			if (poll(fds, 2, -1) < 0)
				break;
			if (fds[0].revents != 0)
				open = tap_forward(client, server, false);
			if (open && fds[1].revents != 0)
				open = tap_forward(server, client, true);
		}
		if (client >= 0)
			close(client);
		if (server >= 0)
			close(server);
	}
}

static void tap_start(void)
{
	char path[80], tpm_path[80];
	int listener;

	snprintf(path, sizeof(path), "%s/tap.sock", folder);
	snprintf(tpm_path, sizeof(tpm_path), "%s/tpm.sock", folder);
	snprintf(tap_where, sizeof(tap_where), "swtpm:path=%s", path);
	unlink(path);
	listener = unix_socket(path, true);
	memset(tap, 0, offsetof(struct tap, bytes));
	tap_pid = fork();
	if (tap_pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tap_run(listener, tpm_path);
	}
	close(listener);
}

static void tap_stop(void)
{
	kill(tap_pid, SIGKILL);
	waitpid(tap_pid, NULL, 0);
}

static bool tap_has(const void *bytes, size_t len)
{
	return memmem(tap->bytes, tap->len, bytes, len) != NULL;
}

/* ---- a TPM for each test ---- */

static void power_on(void)
{
	if (swtpm_start(folder, &swtpm) != STATUS_OK)
		fprintf(stderr, "swtpm: %s\n", swtpm.trouble);
	CHECK(swtpm.pid > 0);
}

static void connect_tpm(const char *where)
{
	enum status status = tpm_open(where, &tpm);

	if (status != STATUS_OK)
		fprintf(stderr, "%s: %s, response code 0x%x\n", where, tpm.what, tpm.rc);
	CHECK(status == STATUS_OK);
	CHECK(tpm_startup(&tpm) == STATUS_OK);
}

/* power_cut ends the TPM without TPM2_Shutdown and starts it again. */
static void power_cut(void)
{
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	power_on();
	connect_tpm(swtpm.where);
}

/* What is kept of a sealed share: the primary's name, the policy, the object. */
struct kept {
	struct tpm_name primary;
	uint8_t policy[TPM_POLICY_LEN];
	struct tpm_object object;
};

/* policy_digest gives the digest of the policy so far: what a share is sealed to. */
static enum status policy_digest(uint8_t ret_policy[TPM_POLICY_LEN])
{
	TPM2B_DIGEST *digest = NULL;

	if (Esys_PolicyGetDigest(tpm_context(&tpm), tpm.policy, ESYS_TR_NONE, ESYS_TR_NONE,
	                         ESYS_TR_NONE, &digest) != TSS2_RC_SUCCESS)
		return STATUS_IO;
	CHECK(digest->size == TPM_POLICY_LEN);
	memcpy(ret_policy, digest->buffer, TPM_POLICY_LEN);
	Esys_Free(digest);
	return STATUS_OK;
}

static struct kept sealed(void)
{
	struct kept kept = {0};

	EXPECT(tpm_primary_open(&tpm, true, NULL, &kept.primary) == STATUS_OK);
	EXPECT(tpm_policy_begin(&tpm) == STATUS_OK);
	EXPECT(tpm_policy_pcr(&tpm, SEAL_MASK) == STATUS_OK);
	EXPECT(policy_digest(kept.policy) == STATUS_OK);
	tpm_policy_drop(&tpm);
	EXPECT(tpm_seal(&tpm, kept.policy, share, &kept.object) == STATUS_OK);
	return kept;
}

static enum status try_unseal(const struct kept *kept)
{
	uint8_t got[TPM_SHARE_LEN] = {0};
	struct tpm_name name;
	enum status status = STATUS_OK;

	if (tpm.session == 0 || tpm.primary == 0xfff)
		status = tpm_primary_open(&tpm, false, &kept->primary, &name);
	if (status == STATUS_OK)
		status = tpm_policy_begin(&tpm);
	if (status == STATUS_OK)
		status = tpm_policy_pcr(&tpm, SEAL_MASK);
	if (status == STATUS_OK)
		status = tpm_unseal(&tpm, &kept->object, kept->policy, got);
	if (status == STATUS_OK && memcmp(got, share, sizeof(got)) != 0)
		return STATUS_COUNT; /* never: a wrong share taken for right */
	return status;
}

static void start_fresh(void)
{
	char command[160];

	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	power_on();
	connect_tpm(swtpm.where);
}

static void test_a_share_is_unsealed_after_a_restart(void)
{
	struct kept blob;

	start_fresh();
	blob = sealed();
	EXPECT(try_unseal(&blob) == STATUS_OK);
	EXPECT(tpm_shutdown(&tpm) == STATUS_OK);
	power_cut();
	EXPECT(try_unseal(&blob) == STATUS_OK);
}

/* PH6 in little: other software gives other PCRs. */
static void test_unsealing_is_refused_after_a_pcr_changed(void)
{
	static const uint8_t digest[32] = {1};
	static const uint32_t pcrs[] = {0, 4, 9, 11, 14};
	struct kept blob;

	start_fresh();
	blob = sealed();
	for (size_t i = 0; i < sizeof(pcrs) / sizeof(pcrs[0]); i++) {
		power_cut();
		EXPECT(try_unseal(&blob) == STATUS_OK);
		EXPECT(tpm_pcr_extend(&tpm, pcrs[i], digest) == STATUS_OK);
		EXPECT(try_unseal(&blob) == STATUS_REFUSED && tpm_is_policy(&tpm));
	}
	power_cut();
	EXPECT(tpm_pcr_extend(&tpm, 10, digest) == STATUS_OK); /* not sealed to */
	EXPECT(try_unseal(&blob) == STATUS_OK);
}

/* PH7 */
static void test_unsealing_is_refused_after_the_cap_until_a_reset(void)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], expected[32], whole[64] = {0};
	struct kept blob;

	start_fresh();
	blob = sealed();
	EXPECT(try_unseal(&blob) == STATUS_OK);
	EXPECT(tpm_pcr_cap(&tpm) == STATUS_OK);
	EXPECT(try_unseal(&blob) == STATUS_REFUSED && tpm_is_policy(&tpm));
	EXPECT(try_unseal(&blob) == STATUS_REFUSED);
	EXPECT(tpm_pcr_read(&tpm, 0xffffff, values) == STATUS_OK);
	sha256_of(bytes_of_text("claviger/cap/v1"), whole + 32);
	sha256_of(BYTES_OF_ARRAY(whole), expected);
	EXPECT(memcmp(values[11], expected, 32) == 0);
	EXPECT(memcmp(values[4], (uint8_t[32]){0}, 32) == 0);
	EXPECT(values[17][0] == 0xff); /* every PCR was read, also beyond the first eight */
	power_cut();
	EXPECT(try_unseal(&blob) == STATUS_OK);
}

/* attributes_of reads TPMA_OBJECT off TPM2B_PUBLIC: size, type, nameAlg, then attributes. */
static uint32_t attributes_of(const struct kept *blob)
{
	const uint8_t *at = blob->object.public_area + 6;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void test_the_sealed_object_has_exactly_the_attributes_wanted(void)
{
	struct kept blob;

	start_fresh();
	blob = sealed();
	/* fixedTPM 2, fixedParent 0x10, noDA 0x400; userWithAuth 0x40 stays clear */
	EXPECT(attributes_of(&blob) == 0x412);
	for (uint32_t bit = 0; bit < 32; bit++) {
		struct kept other = blob;

		other.object.public_area[6 + (31 - bit) / 8] ^= (uint8_t)(1u << (bit % 8));
		EXPECT(try_unseal(&other) == STATUS_CORRUPT);
	}
	EXPECT(try_unseal(&blob) == STATUS_OK);
}

/* C3: the reference code counts a failure when an object without noDA was used and power goes. */
static void test_power_cuts_do_not_lead_to_lockout(void)
{
	struct kept blob;

	start_fresh();
	blob = sealed();
	for (int i = 0; i < 24; i++) {
		struct tpm_name name;

		power_cut();
		EXPECT(try_unseal(&blob) == STATUS_OK);
		EXPECT(tpm_ak_open(&tpm, &name) == STATUS_OK);
	}
}

/* PH10 */
static void test_another_tpms_share_is_refused_by_the_primarys_name(void)
{
	struct kept blob;
	struct tpm_name name;

	start_fresh();
	blob = sealed();
	start_fresh();
	EXPECT(try_unseal(&blob) == STATUS_NOT_FOUND); /* no primary at all */
	EXPECT(tpm_primary_open(&tpm, true, NULL, &name) == STATUS_OK);
	power_cut();
	EXPECT(try_unseal(&blob) == STATUS_REFUSED && !tpm_is_policy(&tpm));
	EXPECT(strstr(tpm.what, "the pinned one") != NULL); /* before a session was made with it */
}

/* PH3 */
static void test_the_share_never_crosses_the_socket_in_clear(void)
{
	struct kept blob;
	uint8_t random[32];

	start_fresh();
	tpm_close(&tpm);
	tap_start();
	connect_tpm(tap_where);
	blob = sealed();
	EXPECT(tpm_random(&tpm, random, sizeof(random)) == STATUS_OK);
	EXPECT(try_unseal(&blob) == STATUS_OK);
	/* the log is whole: what goes in clear by design is in it */
	EXPECT(tap->len > 1000 && tap_has(blob.object.public_area, blob.object.public_len));
	for (size_t at = 0; at + 8 <= sizeof(share); at += 8)
		EXPECT(!tap_has(share + at, 8));
	EXPECT(!tap_has(random, 8) && !tap_has(random + 16, 8));
	tap_stop();
}

/* PH4: a bit flipped in any response gives an error or the right share, never another one. */
static void test_altered_responses_never_give_another_share(void)
{
	struct kept blob;
	unsigned refused = 0, right = 0;

	start_fresh();
	blob = sealed();
	tpm_close(&tpm);
	tap_start();
	for (uint32_t i = 0; i < 160; i++) {
		enum status status;

		tap->len = tap->responses = tap->flip_response = 0;
		if (tpm_open(tap_where, &tpm) != STATUS_OK || tpm_startup(&tpm) != STATUS_OK) {
			tpm_close(&tpm);
			continue;
		}
		tap->responses = 0;
		tap->flip_bit = i * 2654435761u >> 7;
		tap->flip_response = 1 + i % 16;
		status = try_unseal(&blob);
		EXPECT(status != STATUS_COUNT);
		*(status == STATUS_OK ? &right : &refused) += 1;
		tap->flip_response = 0;
		tpm_close(&tpm);
		if (status != STATUS_OK) { /* sessions may be left over */
			swtpm_stop(&swtpm);
			power_on();
		}
	}
	tap_stop();
	printf("altered responses: %u refused, %u without harm\n", refused, right);
	EXPECT(refused > 60);
}

/* What a start and the attestor's watch read. */
struct seen {
	uint8_t anchor[32], pcrs[TPM_PCR_COUNT][TPM_PCR_LEN];
	uint64_t boots;
	struct tpm_info info;
	struct tpm_protections protections;
};

static enum status see(struct seen *ret_seen)
{
	enum status status = tpm_nv_read(&tpm, &tpm_nv_checkpoint, ret_seen->anchor, 32);

	if (status == STATUS_OK)
		status = tpm_nv_read_counter(&tpm, &tpm_nv_boots, &ret_seen->boots);
	if (status == STATUS_OK)
		status = tpm_pcr_read(&tpm, 0xffffff, ret_seen->pcrs);
	if (status == STATUS_OK)
		status = tpm_info(&tpm, &ret_seen->info);
	return status == STATUS_OK ? tpm_protections(&tpm, &ret_seen->protections) : status;
}

static bool sees_the_same(const struct seen *a, const struct seen *b)
{
	const struct tpm_protections *p = &a->protections, *q = &b->protections;

	return memcmp(a->anchor, b->anchor, sizeof(a->anchor)) == 0 &&
	       memcmp(a->pcrs, b->pcrs, sizeof(a->pcrs)) == 0 && a->boots == b->boots &&
	       a->info.restart_count == b->info.restart_count &&
	       a->info.clock_safe == b->info.clock_safe &&
	       a->info.is_software == b->info.is_software &&
	       a->info.firmware_high == b->info.firmware_high &&
	       a->info.firmware_low == b->info.firmware_low &&
	       memcmp(a->info.manufacturer, b->info.manufacturer, 4) == 0 &&
	       p->owner_set == q->owner_set && p->lockout_set == q->lockout_set &&
	       p->clear_disabled == q->clear_disabled && p->lockout_count == q->lockout_count &&
	       p->lockout_tries == q->lockout_tries &&
	       p->lockout_recovery_s == q->lockout_recovery_s;
}

/* PH4: nor another value of an index, of a PCR, or of what the TPM says of itself. */
static void test_altered_responses_never_give_another_value(void)
{
	static const uint8_t data[32] = {7};
	static struct seen honest, seen;
	unsigned refused = 0, right = 0;
	struct tpm_name primary, name;
	uint32_t count;

	start_fresh();
	tpm_close(&tpm);
	tap_start();
	connect_tpm(tap_where);
	EXPECT(tpm_primary_open(&tpm, true, NULL, &primary) == STATUS_OK);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_OK &&
	       tpm_nv_extend(&tpm, &tpm_nv_checkpoint, data) == STATUS_OK);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_boots) == STATUS_OK &&
	       tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK);
	tap->responses = 0;
	EXPECT(see(&honest) == STATUS_OK);
	count = tap->responses;
	EXPECT(count >= 13);
	for (uint32_t i = 0; i < 6 * count; i++) {
		enum status status;

		tap->len = 0;
		if (tpm.esys == NULL) {
			connect_tpm(tap_where);
			CHECK(tpm_primary_open(&tpm, false, &primary, &name) == STATUS_OK);
		}
		tap->responses = 0;
		tap->flip_bit = i * 2654435761u >> 7;
		tap->flip_response = 1 + i % count;
		seen = (struct seen){.boots = 0};
		status = see(&seen);
		tap->flip_response = 0;
		EXPECT(status != STATUS_OK || sees_the_same(&seen, &honest));
		*(status == STATUS_OK ? &right : &refused) += 1;
		if (status == STATUS_OK)
			continue;
		tpm_close(&tpm); /* sessions may be left over */
		swtpm_stop(&swtpm);
		power_on();
	}
	tap_stop();
	printf("altered responses: %u refused, %u without harm\n", refused, right);
	EXPECT(refused > 3 * count);
}

static void test_a_quote_binds_pcrs_and_extra_data_under_a_stable_key(void)
{
	static const uint8_t extra[32] = {0xab, 1, 2, 3};
	uint8_t raw_attest[TPM_ATTEST_MAX], raw_signature[TPM_SIGNATURE_MAX], raw[TPM_PUBLIC_MAX];
	struct buffer attest = BUFFER_OF_ARRAY(raw_attest), public = BUFFER_OF_ARRAY(raw);
	struct buffer signature = BUFFER_OF_ARRAY(raw_signature);
	struct tpm_name name, again;
	uint8_t hash[32];

	start_fresh();
	EXPECT(tpm_ak_open(&tpm, &name) == STATUS_OK && name.len == 34);
	EXPECT(tpm_ak_public(&tpm, &public) == STATUS_OK);
	sha256_of(buffer_bytes(&public), hash);
	EXPECT(memcmp(hash, name.bytes + 2, 32) == 0);
	/* restricted 0x10000, sign 0x40000, noDA, userWithAuth, sensitiveDataOrigin 0x20, fixed */
	EXPECT(memcmp(raw + 4, (uint8_t[]){0x00, 0x05, 0x04, 0x72}, 4) == 0);
	EXPECT(tpm_quote(&tpm, SEAL_MASK, extra, &attest, &signature) == STATUS_OK);
	EXPECT(memcmp(raw_attest, "\xff\x54\x43\x47\x80\x18", 6) == 0);
	EXPECT(memmem(raw_attest, attest.len, extra, 32) != NULL);
	EXPECT(signature.len > 64);
	power_cut();
	EXPECT(tpm_ak_open(&tpm, &again) == STATUS_OK);
	EXPECT(memcmp(&name, &again, sizeof(name)) == 0);
}

static void test_info_tells_software_and_counts_resets(void)
{
	struct tpm_info before, after;

	start_fresh();
	EXPECT(tpm_info(&tpm, &before) == STATUS_OK && before.is_software);
	EXPECT(memcmp(before.manufacturer, "IBM", 4) == 0);
	power_cut();
	EXPECT(tpm_info(&tpm, &after) == STATUS_OK);
	EXPECT(after.reset_count == before.reset_count + 1);
}

static void test_nv_extends_and_counts(void)
{
	static const uint8_t data[32] = {7};
	uint8_t value[32], expected[32], whole[64] = {0};
	uint64_t first = 0, second = 0;
	bool there = true;

	start_fresh();
	EXPECT(tpm_nv_is_there(&tpm, tpm_nv_checkpoint.index, &there) == STATUS_OK && !there);
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, value, 32) == STATUS_NOT_FOUND);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_OK);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_CONFLICT);
	EXPECT(tpm_nv_is_there(&tpm, tpm_nv_checkpoint.index, &there) == STATUS_OK && there);
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, value, 32) == STATUS_NOT_FOUND);
	EXPECT(tpm_nv_extend(&tpm, &tpm_nv_checkpoint, data) == STATUS_OK);
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, value, 32) == STATUS_OK);
	memcpy(whole + 32, data, 32);
	sha256_of(BYTES_OF_ARRAY(whole), expected);
	EXPECT(memcmp(value, expected, 32) == 0);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_boots) == STATUS_OK);
	EXPECT(tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK);
	EXPECT(tpm_nv_read_counter(&tpm, &tpm_nv_boots, &first) == STATUS_OK);
	power_cut();
	EXPECT(tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK);
	EXPECT(tpm_nv_read_counter(&tpm, &tpm_nv_boots, &second) == STATUS_OK);
	EXPECT(second == first + 1);
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, value, 32) == STATUS_OK &&
	       memcmp(value, expected, 32) == 0);
}

/* An index under our number that is not ours is not used. */
static void test_an_index_of_another_kind_is_refused(void)
{
	static const uint8_t data[32] = {7};
	struct tpm_nv other = {.index = tpm_nv_checkpoint.index, .kind = TPM_NV_COUNTER};
	uint8_t value[32];
	uint64_t count;

	start_fresh();
	EXPECT(tpm_nv_define(&tpm, &other) == STATUS_OK);
	EXPECT(tpm_nv_extend(&tpm, &tpm_nv_checkpoint, data) == STATUS_CORRUPT);
	EXPECT(tpm_nv_read(&tpm, &tpm_nv_checkpoint, value, 32) == STATUS_CORRUPT);
	other.kind = TPM_NV_FLOOR;
	EXPECT(tpm_nv_read_counter(&tpm, &other, &count) == STATUS_CORRUPT);
}

/* PH3, PH9: authorizations are set without being seen, and without them nothing is undone. */
static void test_a_tpm_that_was_taken_over_lets_nobody_redefine(void)
{
	static const uint8_t owner[32] = "owner canary 0123456789 abcdefg";
	static const uint8_t lockout[32] = "lockout canary 0123456789 abcde";
	struct tpm_protections found;
	struct tpm_name name;

	start_fresh();
	tpm_close(&tpm);
	tap_start();
	connect_tpm(tap_where);
	EXPECT(tpm_protections(&tpm, &found) == STATUS_OK);
	EXPECT(!found.owner_set && !found.lockout_set);
	EXPECT(tpm_primary_open(&tpm, true, NULL, &name) == STATUS_OK);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_checkpoint) == STATUS_OK);
	EXPECT(tpm_take_over(&tpm, owner, lockout) == STATUS_OK);
	for (size_t at = 0; at + 8 <= sizeof(owner); at += 8)
		EXPECT(!tap_has(owner + at, 8) && !tap_has(lockout + at, 8));
	tpm_close(&tpm);
	tap_stop();
	power_cut();
	EXPECT(tpm_protections(&tpm, &found) == STATUS_OK);
	EXPECT(found.owner_set && found.lockout_set && found.clear_disabled);
	EXPECT(found.lockout_tries == 32 && found.lockout_recovery_s == 600);
	EXPECT(found.lockout_count == 0);
	EXPECT(tpm_primary_open(&tpm, false, &name, &name) == STATUS_OK);
	EXPECT(tpm_nv_define(&tpm, &tpm_nv_boots) == STATUS_REFUSED);
	EXPECT(tpm_info(&tpm, &(struct tpm_info){0}) == STATUS_OK);
}

static void test_a_folder_has_one_tpm_and_bad_places_are_refused(void)
{
	struct swtpm second;
	struct tpm other;

	start_fresh();
	EXPECT(swtpm_start(folder, &second) == STATUS_BUSY);
	EXPECT(swtpm_start("relative/path", &second) == STATUS_MALFORMED);
	EXPECT(tpm_open("nonsense", &other) == STATUS_MALFORMED);
	EXPECT(tpm_open("swtpm:path=/nonexistent/socket", &other) == STATUS_IO);
	EXPECT(tpm_open("device:/dev/null/none", &other) == STATUS_IO);
}

/* R2: after a crash of its starter a TPM is killed, too, and is gone a moment later than he is. */
static void test_a_start_waits_for_a_tpm_that_is_about_to_end(void)
{
	int locked[2];
	char byte;
	pid_t last;

	start_fresh();
	swtpm_stop(&swtpm);
	CHECK(pipe(locked) == 0);
	last = fork();
	if (last == 0) {
		int fd = open(folder, O_RDONLY | O_DIRECTORY);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || write(locked[1], "", 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	CHECK(last > 0 && read(locked[0], &byte, 1) == 1);
	EXPECT(swtpm_start(folder, &swtpm) == STATUS_OK);
	EXPECT(waitpid(last, NULL, 0) == last);
	close(locked[0]);
	close(locked[1]);
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tpm_test.%d", (int)getpid());
	signal(SIGPIPE, SIG_IGN);
	tap = mmap(NULL, sizeof(*tap), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(tap != MAP_FAILED);
	if (swtpm_start(folder, &swtpm) == STATUS_NOT_FOUND) {
		printf("swtpm is not installed\n");
		return 77;
	}
	RUN(test_a_share_is_unsealed_after_a_restart);
	RUN(test_unsealing_is_refused_after_a_pcr_changed);
	RUN(test_unsealing_is_refused_after_the_cap_until_a_reset);
	RUN(test_the_sealed_object_has_exactly_the_attributes_wanted);
	RUN(test_power_cuts_do_not_lead_to_lockout);
	RUN(test_another_tpms_share_is_refused_by_the_primarys_name);
	RUN(test_the_share_never_crosses_the_socket_in_clear);
	RUN(test_altered_responses_never_give_another_share);
	RUN(test_altered_responses_never_give_another_value);
	RUN(test_a_quote_binds_pcrs_and_extra_data_under_a_stable_key);
	RUN(test_info_tells_software_and_counts_resets);
	RUN(test_nv_extends_and_counts);
	RUN(test_an_index_of_another_kind_is_refused);
	RUN(test_a_tpm_that_was_taken_over_lets_nobody_redefine);
	RUN(test_a_folder_has_one_tpm_and_bad_places_are_refused);
	RUN(test_a_start_waits_for_a_tpm_that_is_about_to_end);
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	char command[160];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
