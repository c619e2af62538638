/* The unsealer's work on a real swtpm: genesis, the sealing policy of two authorities, floors,
 * attended mode; skipped (77) where swtpm is not installed. PCRs are extended by the test as
 * firmware and loader would.
 *
 *   unsealer_test [ROUND ROUNDS]    `make soak` cuts genesis off at each command, in rounds */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "cbor_reader.h"
#include "keys_hpke.h"
#include "swtpm.h"
#include "unsealer_share.h"

static char folder[64], other_folder[64], files_folder[64];
static struct swtpm swtpm;
static struct tpm tpm;
static struct call_start_facts facts;
static struct unsealer unsealer;

/* ---- a site: keys, what it approves, files ---- */

/* site_key and release_key are the roots, and their authorities' first working keys. */
static struct keys_p256_key site_key, release_key, other_release_key, other_site_key, approver_key;
static struct keys_hpke_key escrow_key;
static struct approval_manifest manifest;
static struct approval_file approvals;
static struct approval_scope *const scope = &approvals.scope;
static bool attended, recovering;
static const uint8_t lost_share[32] = "the share of a machine now lost";
static const uint8_t other_share[32] = "the share of a machine of others";

/* What the test has started: PCRs after one extend of each with these. */
enum started { RELEASE_A, RELEASE_B, EVIL };
enum firmware { FIRMWARE_1, FIRMWARE_2 };

static void run_command(const char *program, const char *where, const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), "%s %s%s", program, where, name);
	CHECK(system(command) == 0);
}

static void digest_of(int number, int pcr, uint8_t ret_digest[32])
{
	const uint8_t seed[2] = {(uint8_t)number, (uint8_t)pcr};
	struct bytes bytes = BYTES_OF_ARRAY(seed);

	keys_sha256(&bytes, 1, ret_digest);
}

static void value_of(int number, int pcr, uint8_t ret_value[32])
{
	uint8_t whole[64] = {0};
	struct bytes bytes = BYTES_OF_ARRAY(whole);

	digest_of(number, pcr, whole + 32);
	keys_sha256(&bytes, 1, ret_value);
}

static void sign(const struct keys_p256_key *key, enum approval_purpose purpose,
                 const uint8_t policy[32], uint8_t ret_signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, scope->genesis, digest);
	CHECK(keys_p256_sign(key, digest, ret_signature) == STATUS_OK);
}

/* appoint: by whatever key; only a root's counts. */
static void appoint(const struct keys_p256_key *root, bool is_site, const struct keys_p256_key *key,
                    uint8_t level)
{
	struct approval_appointment *made = &approvals.appointed[approvals.appointed_count++];
	uint8_t policy[32];

	*made = (struct approval_appointment){.is_site = is_site, .level = level};
	memcpy(made->key, key->public, 64);
	approval_appointment_policy(made, scope, policy);
	sign(root, is_site ? APPROVAL_APPOINT_SITE : APPROVAL_APPOINT_RELEASE, policy,
	     made->signature);
}

static void approve_release(const struct keys_p256_key *key, enum started started, uint8_t level)
{
	struct approval_release *made = &approvals.releases[approvals.release_count++];
	uint8_t policy[32];

	*made = (struct approval_release){.level = level};
	memcpy(made->key, key->public, 64);
	for (size_t i = 0; i < APPROVAL_RELEASE_PCRS; i++)
		value_of((int)started, approval_release_pcrs[i], made->pcrs[i]);
	approval_release_policy(made, scope, policy);
	sign(key, APPROVAL_SEAL_RELEASE, policy, made->signature);
}

static void approve_site_by(const struct keys_p256_key *key, const struct keys_p256_key *release,
                            enum firmware firmware, uint8_t level)
{
	struct approval_site *made = &approvals.sites[approvals.site_count++];
	struct approval_delegate *delegate = &approvals.delegates[approvals.delegate_count++];
	uint8_t policy[32];

	*made = (struct approval_site){.level = level};
	memcpy(made->key, key->public, 64);
	memcpy(made->release_key, release->public, 64);
	for (size_t i = 0; i < APPROVAL_SITE_PCRS; i++)
		value_of((int)firmware, approval_site_pcrs[i], made->pcrs[i]);
	approval_site_policy(made, scope, policy);
	sign(key, APPROVAL_SEAL_SITE, policy, made->signature);
	*delegate = (struct approval_delegate){.level = level};
	memcpy(delegate->release_key, release->public, 64);
	approval_delegate_policy(delegate, scope, policy);
	sign(&site_key, APPROVAL_FLOOR_DELEGATE, policy, delegate->signature);
	approvals.delegate_count %= APPROVAL_DELEGATES_MAX;
}

static void approve_site(const struct keys_p256_key *release, enum firmware firmware, uint8_t level)
{
	approve_site_by(&site_key, release, firmware, level);
}

static void write_file(const char *name, struct bytes content)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", files_folder, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len);
	close(fd);
}

static void write_approvals(void)
{
	static uint8_t raw[APPROVAL_FILE_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	CHECK(approval_file_put(&approvals, &out) == STATUS_OK);
	write_file(UNSEALER_APPROVALS, buffer_bytes(&out));
}

static void write_sealed(const struct approval_sealed *sealed)
{
	uint8_t raw[APPROVAL_SEALED_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	CHECK(approval_sealed_put(sealed, &out) == STATUS_OK);
	write_file(UNSEALER_SEALED, buffer_bytes(&out));
}

/* sign_manifest completes it, and what is approved from now on is for this genesis. */
static void sign_manifest(void)
{
	uint8_t policy[32];

	approval_scope_of(&manifest, scope);
	approval_first_policy(policy);
	sign(&site_key, APPROVAL_FLOOR_DELEGATE, policy, manifest.first_release);
	sign(&site_key, APPROVAL_FLOOR_SITE, policy, manifest.first_site);
	CHECK(keys_p256_sign(&site_key, scope->genesis, manifest.signature) == STATUS_OK);
}

static void write_manifest(void)
{
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	manifest = (struct approval_manifest){.has_recovery = true, .is_recovery = recovering};
	memcpy(manifest.site_root, site_key.public, 64);
	memcpy(manifest.release_root, release_key.public, 64);
	memcpy(manifest.escrow, escrow_key.public, 32);
	memcpy(manifest.recovery, escrow_key.public, 32);
	if (recovering)
		approval_share_commitment(lost_share, manifest.share);
	if (attended) {
		manifest.approver_count = 2;
		memcpy(manifest.approvers[0], release_key.public, 64);
		memcpy(manifest.approvers[1], approver_key.public, 64);
	}
	sign_manifest();
	CHECK(approval_manifest_put(&manifest, &out) == STATUS_OK);
	write_file(UNSEALER_MANIFEST, buffer_bytes(&out));
}

/* ---- starts ---- */

static void power_on(const char *where)
{
	CHECK(swtpm_start(where, &swtpm) == STATUS_OK);
	CHECK(tpm_open(swtpm.where, &tpm) == STATUS_OK);
}

static void power_off(void)
{
	tpm_close(&tpm);
	swtpm_stop(&swtpm);
}

/* measure extends what firmware and loader would. */
static void measure(enum started started, enum firmware firmware)
{
	uint8_t digest[32];

	CHECK(tpm_startup(&tpm) == STATUS_OK);
	for (size_t i = 0; i < APPROVAL_RELEASE_PCRS; i++) {
		digest_of((int)started, approval_release_pcrs[i], digest);
		CHECK(tpm_pcr_extend(&tpm, approval_release_pcrs[i], digest) == STATUS_OK);
	}
	for (size_t i = 0; i < APPROVAL_SITE_PCRS; i++) {
		digest_of((int)firmware, approval_site_pcrs[i], digest);
		CHECK(tpm_pcr_extend(&tpm, approval_site_pcrs[i], digest) == STATUS_OK);
	}
}

static void boot(enum started started, enum firmware firmware)
{
	power_off();
	power_on(folder);
	measure(started, firmware);
}

static int open_file(const char *name, int flags)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", files_folder, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

#define GIVEN_MAX 9
/* What goes wrong with the shares that are given: how many of the first ones, and how. */
static unsigned bent_shares, other_shares;

/* give_share is what the recovery key's holder does. */
static bool give_share(const struct call_unseal_asks *asks, struct call_unseal_gives *gives)
{
	bool is_other = asks->refused >= bent_shares && asks->refused < bent_shares + other_shares;
	uint8_t info_space[64], commitment[32];
	struct buffer info = BUFFER_OF_ARRAY(info_space);
	struct buffer out = BUFFER_OF_ARRAY(gives->given);

	CHECK(buffer_put(&info, bytes_of_text("claviger/recover/v1")) == STATUS_OK);
	CHECK(buffer_put(&info, BYTES_OF_ARRAY(asks->genesis)) == STATUS_OK);
	CHECK(keys_hpke_seal(asks->value, buffer_bytes(&info), bytes_of(NULL, 0),
	                     is_other ? BYTES_OF_ARRAY(other_share) : BYTES_OF_ARRAY(lost_share),
	                     &out, NULL) == STATUS_OK);
	gives->len = (uint32_t)out.len;
	if (asks->refused < bent_shares)
		gives->given[40] ^= 1;
	/* It says which one it wants, and why it did not take the last. */
	approval_share_commitment(lost_share, commitment);
	EXPECT(memcmp(asks->share, commitment, 32) == 0);
	EXPECT(asks->is_other_share == (asks->refused > bent_shares ? 1 : 0));
	return asks->refused < GIVEN_MAX;
}

static unsigned asked;
static const struct keys_p256_key *answers[4];
static bool old_nonce;
static enum { KEPT, RESET, GONE } meanwhile; /* what becomes of the TPM before the first answer */

static bool answer(void *context, const struct call_unseal_asks *asks,
                   struct call_unseal_gives *ret_gives)
{
	static uint8_t kept[32];
	uint8_t digest[32];

	(void)context;
	*ret_gives = (struct call_unseal_gives){.what = asks->what, .approver = 1, .len = 64};
	if (asks->what == CALL_UNSEAL_SHARE)
		return give_share(asks, ret_gives);
	EXPECT(asks->approvers == 2 && asks->refused == asked);
	if (asked == 0 && meanwhile == RESET) {
		char command[160];

		snprintf(command, sizeof(command), "swtpm_ioctl --unix %s/tpm.sock.ctrl -i",
		         folder);
		CHECK(system(command) == 0);
	} else if (asked == 0 && meanwhile == GONE) {
		swtpm_stop(&swtpm);
	}
	if (answers[asked] == NULL)
		return false;
	if (!old_nonce)
		memcpy(kept, asks->value, 32);
	approval_unseal_digest(kept, asks->genesis, digest);
	CHECK(keys_p256_sign(answers[asked], digest, ret_gives->given) == STATUS_OK);
	asked++;
	return true;
}

static bool read_only; /* the disk takes no writes */

static bool take(bool genesis)
{
	int made = genesis ? (read_only ? O_RDONLY : O_RDWR) | O_CREAT : O_RDONLY;
	bool taken;

	unsealer.tpm = &tpm;
	unsealer.facts = &facts;
	unsealer.ask = answer;
	unsealer.files = (struct unsealer_files){
	    .sealed = disk_file_of(open_file(UNSEALER_SEALED, made)),
	    .approvals = disk_file_of(open_file(UNSEALER_APPROVALS, O_RDONLY)),
	    .manifest = disk_file_of(open_file(UNSEALER_MANIFEST, O_RDONLY)),
	    .escrow = disk_file_of(open_file(UNSEALER_ESCROW, made))};
	asked = 0;
	taken = unsealer_take_share(&unsealer, genesis);
	close(unsealer.files.sealed.fd);
	close(unsealer.files.approvals.fd);
	close(unsealer.files.manifest.fd);
	close(unsealer.files.escrow.fd);
	return taken;
}

static bool fails(uint32_t reason)
{
	static const uint8_t nothing[32];
	bool taken = take(false);

	if (!taken && unsealer.failed.reason != reason)
		fprintf(stderr, "reason %u, not %u: %s, 0x%x\n", unsealer.failed.reason, reason,
		        (const char *)unsealer.failed.what, unsealer.failed.tpm_rc);
	return !taken && unsealer.failed.reason == reason &&
	       memcmp(facts.node_share, nothing, 32) == 0;
}

/* make_site: no TPM state, and what a site gives to genesis: release A on firmware 1, of level 1.
 */
static void make_site(void)
{
	run_command("rm -rf", folder, "");
	run_command("rm -rf", files_folder, "");
	run_command("mkdir", files_folder, "");
	memset(&approvals, 0, sizeof(approvals));
	memset(answers, 0, sizeof(answers));
	answers[0] = &approver_key;
	old_nonce = false;
	write_manifest();
	appoint(&release_key, false, &release_key, 255);
	appoint(&site_key, true, &site_key, 255);
	approve_release(&release_key, RELEASE_A, 1);
	approve_site(&release_key, FIRMWARE_1, 1);
	write_approvals();
}

/* start_fresh: a new TPM after genesis under release A on firmware 1, both of level 1. */
static void start_fresh(void)
{
	power_off();
	make_site();
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	if (!take(true))
		fprintf(stderr, "genesis: %s, 0x%x\n", (const char *)unsealer.failed.what,
		        unsealer.failed.tpm_rc);
}

/* ---- floors, as the attestor raises them ---- */

static enum status open_primary(void)
{
	struct tpm_name name = {.len = 34}, got;

	memcpy(name.bytes, unsealer.sealed.primary, 34);
	return tpm.primary == 0xfff ? tpm_primary_open(&tpm, false, &name, &got) : STATUS_OK;
}

static enum status step_with(const struct keys_p256_key *key, bool is_site, uint8_t from,
                             enum approval_purpose purpose)
{
	struct tpm_nv nv = unsealer_floor(is_site, scope);
	const struct approval_delegate *delegate = &approvals.delegates[0];
	uint8_t policy[32], signature[64], reference[32];
	enum status status = open_primary();

	approval_step_policy(is_site, from, scope, policy);
	approval_reference(is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE, scope->genesis,
	                   reference);
	sign(key, purpose, policy, signature);
	if (status == STATUS_OK)
		status = tpm_policy_begin(&tpm);
	if (status == STATUS_OK)
		status = tpm_policy_nv(&tpm, &nv, &from, 1, 7, TPM_NV_IS_EQUAL);
	if (status == STATUS_OK)
		status = tpm_policy_increments(&tpm);
	if (status == STATUS_OK)
		status = tpm_policy_authorize(&tpm, is_site ? site_key.public : key->public,
		                              reference, policy, signature);
	if (status == STATUS_OK && !is_site) {
		struct tpm_nv site = unsealer_floor(true, scope);

		for (size_t i = 0; i < APPROVAL_DELEGATES_MAX; i++)
			if (memcmp(approvals.delegates[i].release_key, key->public, 64) == 0)
				delegate = &approvals.delegates[i];
		status = tpm_policy_nv(&tpm, &site, &delegate->level, 1, 7, TPM_NV_IS_AT_MOST);
		approval_delegate_policy(delegate, scope, policy);
		approval_reference(APPROVAL_FLOOR_DELEGATE, scope->genesis, reference);
		if (status == STATUS_OK)
			status = tpm_policy_authorize(&tpm, site_key.public, reference, policy,
			                              delegate->signature);
	}
	return status == STATUS_OK ? tpm_nv_raise(&tpm, &nv) : status;
}

static enum status step(const struct keys_p256_key *key, bool is_site, uint8_t from)
{
	return step_with(key, is_site, from,
	                 is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE);
}

/* ---- power cuts ---- */

/* A socket between unsealer and TPM, by a process of its own, that cuts the power: at command `at`
 * from when it was armed, before the TPM gets it or after it has done it. */
struct cutter {
	pid_t pid;
	volatile struct cut {
		bool armed, done, was_cut;
		unsigned at, seen;
	} * cut; /* shared with it */
};

static bool forward(int from, int to)
{
	uint8_t message[4096];
	size_t len = 0, size = 10;

	while (len < size) {
		ssize_t got = read(from, message + len, len < 10 ? 10 - len : size - len);

		if (got <= 0)
			return false;
		len += (size_t)got;
		if (len == 10)
			size = (size_t)message[2] << 24 | (size_t)message[3] << 16 |
			       (size_t)message[4] << 8 | message[5];
		CHECK(size >= 10 && size <= sizeof(message));
	}
	return write(to, message, len) == (ssize_t)len;
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static _Noreturn void cut_at(int listener, volatile struct cut *cut)
{
	char path[100];
	int client = accept(listener, NULL, NULL), server;
	uint8_t byte;

	snprintf(path, sizeof(path), "%s/tpm.sock", folder);
	server = dial(path);
	while (client >= 0 && recv(client, &byte, 1, MSG_PEEK) == 1) {
		bool now = cut->armed && cut->seen++ == cut->at;
		int nowhere = -1;

		if (now && !cut->done)
			cut->was_cut = true;
		else if (!forward(client, server))
			break;
		if (now && cut->done) { /* the TPM has answered, and nobody hears of it */
			nowhere = open("/dev/null", O_WRONLY);
			cut->was_cut = forward(server, nowhere);
		}
		if (now)
			kill(swtpm.pid, SIGKILL);
		if (now || !forward(server, client))
			break;
	}
	_exit(0);
}

static struct cutter cutter_start(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct cutter cutter = {.cut = mmap(NULL, sizeof(*cutter.cut), PROT_READ | PROT_WRITE,
	                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
	char where[140];
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(swtpm_start(folder, &swtpm) == STATUS_OK);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/cut.sock", folder);
	unlink(address.sun_path);
	CHECK(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(listener, 1) == 0);
	cutter.pid = fork();
	if (cutter.pid == 0)
		cut_at(listener, cutter.cut);
	close(listener);
	snprintf(where, sizeof(where), "swtpm:path=%s", address.sun_path);
	CHECK(tpm_open(where, &tpm) == STATUS_OK);
	return cutter;
}

static bool cutter_end(struct cutter *cutter)
{
	bool was_cut = cutter->cut->was_cut;

	tpm_close(&tpm);
	CHECK(waitpid(cutter->pid, NULL, 0) == cutter->pid);
	swtpm_stop(&swtpm);
	munmap((void *)(uintptr_t)cutter->cut, sizeof(*cutter->cut));
	return was_cut;
}

/* ---- tests ---- */

static void test_genesis_and_every_later_start_give_the_same_share(void)
{
	struct call_start_facts first, checked;

	start_fresh();
	first = facts;
	EXPECT(first.mode == CALL_START_GENESIS && first.is_software == 1);
	EXPECT(start_take_facts(bytes_of(&facts, sizeof(facts)), &checked) == STATUS_OK);
	EXPECT(memcmp(first.node_share, (uint8_t[32]){0}, 32) != 0);
	EXPECT(first.release_level == 1 && first.site_level == 1 && first.is_single == 0);
	EXPECT(first.is_attended == 0 && first.has_recovery_key == 1);
	EXPECT(memcmp(first.genesis, scope->genesis, 32) == 0);
	EXPECT((first.release_floor & 255) == 0 && (first.site_floor & 255) == 0);
	EXPECT(first.counter == first.first_counter);
	for (uint64_t start = 1; start <= 3; start++) {
		boot(RELEASE_A, FIRMWARE_1);
		EXPECT(take(false));
		EXPECT(memcmp(facts.node_share, first.node_share, 32) == 0);
		EXPECT(facts.mode == CALL_START_UNSEAL && facts.has_counter == 1);
		EXPECT(facts.counter == first.counter); /* raised by the signer's first commit */
		EXPECT(facts.reset_count == first.reset_count + start);
		EXPECT(memcmp(facts.ak_name, first.ak_name, 34) == 0);
		EXPECT(facts.sealed_mask == 0x5a95 && facts.pcr_mask == 0xffffff);
		EXPECT(facts.has_checkpoint == 0);
		EXPECT(memcmp(facts.site_key, site_key.public, 64) == 0);
	}
}

/* PH7 */
static void test_a_second_unsealer_in_the_same_boot_gets_nothing(void)
{
	start_fresh();
	EXPECT(fails(CALL_START_CAPPED));
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false));
	EXPECT(fails(CALL_START_CAPPED));
}

/* PH7: where one half came out and the other did not, nobody tries again before the next reset. */
static void test_a_half_that_came_out_alone_caps_too(void)
{
	struct approval_sealed good, bent;

	start_fresh();
	bent = good = unsealer.sealed;
	bent.halves[APPROVAL_RELEASE_HALF].private_area[40] ^= 1;
	write_sealed(&bent);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER_TPM));
	EXPECT(fails(CALL_START_CAPPED));
	/* Where none did, the start may be tried again. */
	bent = good;
	bent.halves[APPROVAL_SITE_HALF].private_area[40] ^= 1;
	write_sealed(&bent);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER_TPM));
	write_sealed(&good);
	EXPECT(take(false));
}

/* S2, PH6, B11, G1: what was not approved does not open; what is approved later does, and nothing
 * is sealed anew. O7: neither authority alone. */
static void test_both_authorities_must_approve_what_was_started(void)
{
	uint8_t share[32];

	start_fresh();
	memcpy(share, facts.node_share, 32);
	boot(EVIL, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_RELEASE));
	boot(RELEASE_A, FIRMWARE_2);
	EXPECT(fails(CALL_START_NO_SITE));
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_RELEASE));
	/* Approved by nobody who counts: a release key that its root has not appointed; and one
	 * that it has, but the site has not named. */
	approve_release(&other_release_key, RELEASE_B, 1);
	write_approvals();
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_RELEASE));
	appoint(&release_key, false, &other_release_key, 255);
	write_approvals();
	EXPECT(fails(CALL_START_NO_SITE));
	/* G1: the release key alone brings the next release; no sealing, no site. */
	approvals.release_count--;
	approve_release(&release_key, RELEASE_B, 2);
	write_approvals();
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(take(false) && facts.release_level == 2);
	EXPECT(memcmp(facts.node_share, share, 32) == 0);
	boot(RELEASE_A, FIRMWARE_1); /* G4: the one before still starts */
	EXPECT(take(false) && facts.release_level == 1);
	/* G6: the site alone brings another firmware. */
	approve_site(&release_key, FIRMWARE_2, 1);
	write_approvals();
	boot(RELEASE_B, FIRMWARE_2);
	EXPECT(take(false));
	EXPECT(memcmp(facts.node_share, share, 32) == 0);
}

/* PH6: the TPM itself decides, not the choice among approvals: forged ones fail in it. */
static void test_the_tpm_refuses_what_only_looks_approved(void)
{
	struct approval_release *release = &approvals.releases[0];
	static const uint8_t digest[32] = {1};

	start_fresh();
	release->signature[5] ^= 1;
	write_approvals();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_RELEASE));
	release->signature[5] ^= 1;
	write_approvals();
	/* Another PCR after they were read would be seen by the TPM: extend between is simulated by
	 * every PCR of the policy in turn. */
	for (uint32_t pcr = 0; pcr < 16; pcr++) {
		bool sealed = ((APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK) >> pcr & 1) != 0;

		boot(RELEASE_A, FIRMWARE_1);
		EXPECT(tpm_pcr_extend(&tpm, pcr, digest) == STATUS_OK);
		EXPECT(take(false) == !sealed);
	}
}

/* G2, G3, A23 */
static void test_below_the_floor_nothing_opens_and_only_signed_steps_raise_it(void)
{
	uint64_t before = 0, after = 0;
	struct tpm_nv floor;

	start_fresh();
	floor = unsealer_floor(false, scope);
	approve_release(&release_key, RELEASE_B, 2);
	write_approvals();
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(take(false));
	EXPECT(tpm_nv_read_counter(&tpm, &floor, &before) == STATUS_OK);
	/* A23: a signature for another purpose, another key, another level: all refused. */
	EXPECT(step_with(&release_key, false, 1, APPROVAL_SEAL_RELEASE) == STATUS_REFUSED);
	EXPECT(step_with(&release_key, false, 1, APPROVAL_FLOOR_SITE) == STATUS_REFUSED);
	EXPECT(step(&other_release_key, false, 1) == STATUS_REFUSED);
	EXPECT(step(&site_key, false, 1) == STATUS_REFUSED);
	EXPECT(step(&release_key, false, 0) == STATUS_OK);
	EXPECT(step(&release_key, false, 2) == STATUS_REFUSED);
	EXPECT(step(&release_key, true, 0) == STATUS_REFUSED); /* not the site's floor */
	/* G3: without its policy nobody increments it. */
	EXPECT(tpm_nv_increment(&tpm, &floor) == STATUS_REFUSED);
	EXPECT(tpm_nv_read_counter(&tpm, &floor, &after) == STATUS_OK && after == before + 1);
	EXPECT(step(&release_key, false, 1) == STATUS_OK);
	EXPECT(step(&release_key, false, 1) == STATUS_REFUSED); /* the same step again */
	EXPECT(tpm_nv_read_counter(&tpm, &floor, &after) == STATUS_OK && after == before + 2);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_BELOW_FLOOR));
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(take(false) && (facts.release_floor & 255) == 2);
}

/* A23: a floor's signature does not seal, and no authority's signature serves the other's place. */
static void test_signatures_of_other_purposes_do_not_unseal(void)
{
	uint8_t policy[32];

	start_fresh();
	approval_release_policy(&approvals.releases[0], scope, policy);
	sign(&release_key, APPROVAL_FLOOR_RELEASE, policy, approvals.releases[0].signature);
	write_approvals();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_RELEASE));
	sign(&release_key, APPROVAL_SEAL_RELEASE, policy, approvals.releases[0].signature);
	approval_site_policy(&approvals.sites[0], scope, policy);
	sign(&site_key, APPROVAL_SEAL_RELEASE, policy, approvals.sites[0].signature);
	write_approvals();
	EXPECT(fails(CALL_START_NO_SITE));
	sign(&release_key, APPROVAL_SEAL_SITE, policy, approvals.sites[0].signature);
	write_approvals();
	EXPECT(fails(CALL_START_NO_SITE));
	sign(&site_key, APPROVAL_SEAL_SITE, policy, approvals.sites[0].signature);
	write_approvals();
	EXPECT(take(false));
}

/* half_opens does what somebody does who has the machine, its disk and the keys of `approvals`: no
 * choosing, no checks of ours; the TPM alone judges the last approvals in the file. */
static bool half_opens(enum approval_half half, uint8_t ret_half[32])
{
	const struct approval_object *kept = &unsealer.sealed.halves[half];
	struct tpm_object object = {.public_len = kept->public_len,
	                            .private_len = kept->private_len};
	uint8_t policy[32];

	CHECK(open_primary() == STATUS_OK);
	unsealer.approvals = approvals;
	unsealer.pair.release = &unsealer.approvals.releases[approvals.release_count - 1];
	unsealer.pair.site = &unsealer.approvals.sites[approvals.site_count - 1];
	for (size_t i = 0; i < approvals.appointed_count; i++)
		unsealer.pair.appointed[approvals.appointed[i].is_site ? APPROVAL_SITE_HALF
		                                                       : APPROVAL_RELEASE_HALF] =
		    &unsealer.approvals.appointed[i];
	memcpy(object.public_area, kept->public_area, object.public_len);
	memcpy(object.private_area, kept->private_area, object.private_len);
	approval_seal_policy(&unsealer.sealed, half, policy);
	return unsealer_policy(&unsealer, half) &&
	       tpm_unseal(&tpm, &object, policy, ret_half) == STATUS_OK;
}

/* O7: one authority with the machine, the disk and all that its own keys can sign
 * opens its own half, and nothing else. */
static void test_neither_authority_alone_opens_the_share(void)
{
	static const uint8_t nothing[32];
	uint8_t share[32], release_half[32], site_half[32], half[32] = {0};

	start_fresh();
	memcpy(share, facts.node_share, 32);
	/* What opens the halves in an approved start, for comparison. */
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(half_opens(APPROVAL_SITE_HALF, site_half));
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, release_half));
	EXPECT(memcmp(release_half, share, 32) != 0 && memcmp(site_half, share, 32) != 0);
	unsealer_join(release_half, site_half);
	EXPECT(memcmp(release_half, share, 32) == 0);

	/* The site: it names a release key of its own, and says what it can for the other root. */
	approve_release(&other_release_key, EVIL, 255);
	approve_site(&other_release_key, FIRMWARE_2, 255);
	appoint(&site_key, false, &other_release_key, 255);
	write_approvals();
	boot(EVIL, FIRMWARE_2);
	EXPECT(fails(CALL_START_NO_RELEASE));
	EXPECT(half_opens(APPROVAL_SITE_HALF, half) && memcmp(half, site_half, 32) == 0);
	memset(half, 0, 32);
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half) && memcmp(half, nothing, 32) == 0);
	/* Not by the site half's words in the release half's place, either. */
	approvals.appointed[approvals.appointed_count - 1] = approvals.appointed[1];
	approvals.appointed[approvals.appointed_count - 1].is_site = false;
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half) && memcmp(half, nothing, 32) == 0);
	/* Nor by the release root's own word for its own key. */
	approvals.appointed[approvals.appointed_count - 1] = approvals.appointed[0];
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half) && memcmp(half, nothing, 32) == 0);

	/* The release root: it approves what it starts, and signs for the site what it can. */
	start_fresh();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, release_half));
	approve_release(&release_key, EVIL, 255);
	approve_site_by(&release_key, &release_key, FIRMWARE_2, 255);
	appoint(&release_key, true, &release_key, 255);
	write_approvals();
	boot(EVIL, FIRMWARE_2);
	EXPECT(fails(CALL_START_NO_SITE));
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half) && memcmp(half, release_half, 32) == 0);
	memset(half, 0, 32);
	EXPECT(!half_opens(APPROVAL_SITE_HALF, half) && memcmp(half, nothing, 32) == 0);
	approvals.appointed[approvals.appointed_count - 1] = approvals.appointed[1];
	EXPECT(!half_opens(APPROVAL_SITE_HALF, half) && memcmp(half, nothing, 32) == 0);
	/* Both together do. */
	approvals.site_count--;
	approve_site(&release_key, FIRMWARE_2, 255);
	approvals.appointed_count--;
	write_approvals();
	EXPECT(take(false));
}

/* An approval is for one genesis: another deployment of the same two authorities has no use of it.
 */
static void test_an_approval_for_another_genesis_opens_nothing(void)
{
	struct approval_scope own;
	struct approval_release release;
	uint8_t half[32];

	start_fresh();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half));
	own = *scope;
	release = approvals.releases[0];
	manifest.id[0] ^= 1; /* the other deployment: all else is the same */
	sign_manifest();
	EXPECT(memcmp(scope->genesis, own.genesis, 32) != 0);
	approvals.release_count = approvals.site_count = approvals.appointed_count = 0;
	appoint(&release_key, false, &release_key, 255);
	appoint(&site_key, true, &site_key, 255);
	approve_release(&release_key, RELEASE_A, 1);
	approve_site(&release_key, FIRMWARE_1, 1);
	write_approvals();
	EXPECT(fails(CALL_START_NO_APPROVALS));
	*scope = own; /* its head forged: the signatures are the other's */
	write_approvals();
	EXPECT(fails(CALL_START_NO_RELEASE));
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half));
	EXPECT(!half_opens(APPROVAL_SITE_HALF, half));
	approvals.releases[0] = release;
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half)); /* the root's word is the other's */
	approvals.appointed_count = 0;
	appoint(&release_key, false, &release_key, 255);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half));
}

/* What the disk says of the mode is what genesis was told, or nothing opens. */
static void test_a_manifest_that_was_changed_on_the_disk_opens_nothing(void)
{
	struct approval_sealed bent;

	start_fresh();
	EXPECT(facts.is_single == 0);
	bent = unsealer.sealed;
	bent.manifest.is_single =
	    true; /* or no recovery key, other approvers, another escrow key */
	write_sealed(&bent);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_NO_APPROVALS));
	approval_scope_of(&bent.manifest, scope);
	write_approvals();
	EXPECT(fails(CALL_START_UNPROTECTED)); /* those are not the floors of that genesis */
}

/* Nor what it says of the boot counter, by which the signer tells a new machine. */
static void test_another_first_counter_on_the_disk_opens_nothing(void)
{
	struct approval_sealed good, bent;

	start_fresh();
	bent = good = unsealer.sealed;
	for (int change = -1; change <= 1; change += 2) {
		bent.first_counter = good.first_counter + (uint64_t)change;
		write_sealed(&bent);
		boot(RELEASE_A, FIRMWARE_1);
		/* Lower is another policy, higher does not hold in the TPM. */
		EXPECT(fails(change < 0 ? CALL_START_UNSAFE_BLOB : CALL_START_BAD_POLICY));
	}
	write_sealed(&good);
	EXPECT(tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && facts.counter == facts.first_counter + 1);
}

/* A site key replaced by its root; the one before is taken away by the site floor. */
static void test_a_site_key_is_replaced_by_its_root(void)
{
	uint8_t share[32];

	start_fresh();
	memcpy(share, facts.node_share, 32);
	approve_site_by(&other_site_key, &release_key, FIRMWARE_2, 2);
	write_approvals();
	boot(RELEASE_A, FIRMWARE_2);
	EXPECT(fails(CALL_START_NO_SITE));
	appoint(&release_key, true, &other_site_key, 1); /* not the release root's to say */
	write_approvals();
	EXPECT(fails(CALL_START_NO_SITE));
	approvals.appointed_count--;
	appoint(&site_key, true, &other_site_key, 1);
	write_approvals();
	EXPECT(take(false) && memcmp(facts.node_share, share, 32) == 0);
	EXPECT(memcmp(facts.site_key, site_key.public, 64) == 0); /* still the same site */
	EXPECT(step(&other_site_key, true, 0) == STATUS_REFUSED);
	EXPECT(step(&site_key, true, 0) == STATUS_OK);
	EXPECT(step(&site_key, true, 1) == STATUS_OK);
	boot(RELEASE_A, FIRMWARE_2);
	EXPECT(fails(CALL_START_NO_SITE)); /* it was appointed up to a floor of 1 */
	approve_site(&release_key, FIRMWARE_2, 2);
	write_approvals();
	EXPECT(take(false) && memcmp(facts.node_share, share, 32) == 0);
}

/* G8: another release key, without sealing anew; the old one's signatures die with the floor. */
static void test_a_release_key_is_replaced_by_its_root_and_the_site(void)
{
	uint8_t share[32];

	start_fresh();
	memcpy(share, facts.node_share, 32);
	appoint(&release_key, false, &other_release_key, 255);
	approve_release(&other_release_key, RELEASE_B, 1);
	approve_site(&other_release_key, FIRMWARE_1, 2);
	write_approvals();
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(take(false) && memcmp(facts.release_key, other_release_key.public, 64) == 0);
	EXPECT(memcmp(facts.node_share, share, 32) == 0);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false)); /* the old key still counts */
	EXPECT(step(&site_key, true, 0) == STATUS_OK);
	EXPECT(step(&site_key, true, 1) == STATUS_OK);
	EXPECT(step(&site_key, true, 1) == STATUS_REFUSED);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_BELOW_SITE));
	/* Its floor steps die, too; those of the new key count. */
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(take(false));
	EXPECT(step(&release_key, false, 0) == STATUS_REFUSED);
	EXPECT(step(&other_release_key, false, 0) == STATUS_OK);
	EXPECT(step(&other_release_key, false, 1) == STATUS_OK);
	boot(RELEASE_B, FIRMWARE_1);
	EXPECT(fails(CALL_START_BELOW_FLOOR)); /* B was level 1 */
}

/* One image, approved by two appointed keys of which the site names one. The
 * other's approval, of a higher level, is in nobody's way. */
static void test_an_approval_that_the_site_does_not_name_stops_nothing(void)
{
	start_fresh();
	appoint(&release_key, false, &other_release_key, 255);
	approve_release(&other_release_key, RELEASE_A, 9);
	write_approvals();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && facts.release_level == 1);
	EXPECT(memcmp(facts.release_key, release_key.public, 64) == 0);
	approve_site(&other_release_key, FIRMWARE_1, 1);
	write_approvals();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && facts.release_level == 9);
}

/* PH2 in little: without the person's signature over this start's nonce it stays locked. */
static void test_attended_mode_asks_for_each_start(void)
{
	attended = true;
	start_fresh();
	attended = false;
	EXPECT(facts.is_attended == 1 && asked == 1);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && asked == 1);
	old_nonce = true; /* the approval of the start before, once more */
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER) && asked == 1);
	old_nonce = false;
	answers[0] = NULL; /* nobody */
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER));
	answers[0] = &other_release_key; /* a stranger, then the right one */
	answers[1] = &approver_key;
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && asked == 2);
	/* A TPM that was reset or taken away takes no answer any more: nobody is asked again. */
	answers[0] = answers[1] = &approver_key;
	for (meanwhile = RESET; meanwhile <= GONE; meanwhile++) {
		boot(RELEASE_A, FIRMWARE_1);
		EXPECT(fails(meanwhile == GONE ? CALL_START_NO_TPM : CALL_START_OTHER));
		EXPECT(asked == 1);
	}
	meanwhile = KEPT;
	boot(EVIL, FIRMWARE_1); /* a person does not replace the authorities */
	EXPECT(fails(CALL_START_NO_RELEASE) && asked == 0);
}

/* G2, G8, B11: the TPM itself keeps both floors, whoever chooses among approvals and appointments.
 */
static void test_the_tpm_refuses_what_is_below_a_floor(void)
{
	uint8_t half[32];

	start_fresh();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half) && half_opens(APPROVAL_SITE_HALF, half));
	EXPECT(step(&release_key, false, 0) == STATUS_OK);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half) && half_opens(APPROVAL_SITE_HALF, half));
	EXPECT(step(&release_key, false, 1) == STATUS_OK); /* A's level is 1 */
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half) && !half_opens(APPROVAL_SITE_HALF, half));
	approve_release(&release_key, RELEASE_A, 2);
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half) && half_opens(APPROVAL_SITE_HALF, half));
	EXPECT(step(&site_key, true, 0) == STATUS_OK && half_opens(APPROVAL_SITE_HALF, half));
	EXPECT(step(&site_key, true, 1) == STATUS_OK && !half_opens(APPROVAL_SITE_HALF, half));
	EXPECT(half_opens(APPROVAL_RELEASE_HALF, half));
	approve_site(&release_key, FIRMWARE_1, 2);
	EXPECT(half_opens(APPROVAL_SITE_HALF, half));
	for (uint8_t level = 1; level <= 2; level++) {
		appoint(&release_key, false, &release_key, level);
		appoint(&site_key, true, &site_key, level);
		EXPECT(half_opens(APPROVAL_RELEASE_HALF, half) == (level == 2));
		EXPECT(half_opens(APPROVAL_SITE_HALF, half) == (level == 2));
	}
}

/* What comes back from genesis opens with the escrow key, and is what the TPM has. */
static void open_escrow(uint8_t ret_auths[64], uint8_t ret_share[32])
{
	uint8_t raw[UNSEALER_ESCROW_MAX], info_space[64];
	struct buffer info = BUFFER_OF_ARRAY(info_space);
	struct buffer auths = {ret_auths, 64, 0}, share = {ret_share, 32, 0};
	int fd = open_file(UNSEALER_ESCROW, O_RDONLY);
	ssize_t len = read(fd, raw, sizeof(raw));
	struct bytes sealed, sealed_share;
	uint8_t commitment[32], made[32];
	struct cbor_reader r;

	close(fd);
	CHECK(len > 0);
	cbor_reader_init(&r, bytes_of(raw, (size_t)len));
	cbor_take_map(&r, 5);
	cbor_take_key(&r, 1);
	EXPECT(cbor_take_uint(&r, 9) == 2);
	cbor_take_key(&r, 2);
	sealed = cbor_take_bytes(&r, 128);
	cbor_take_key(&r, 3);
	sealed_share = cbor_take_bytes(&r, 128);
	cbor_take_key(&r, 4);
	EXPECT(bytes_equal(cbor_take_bytes(&r, 32), bytes_of(scope->genesis, 32)));
	cbor_take_bytes_n_at(&r, 5, commitment, 32);
	cbor_take_end(&r);
	EXPECT(cbor_done(&r) == STATUS_OK);
	CHECK(buffer_put(&info, bytes_of_text("claviger/escrow/v1")) == STATUS_OK);
	CHECK(buffer_put(&info, bytes_of(scope->genesis, 32)) == STATUS_OK);
	EXPECT(keys_hpke_open(&escrow_key, buffer_bytes(&info), bytes_of(NULL, 0), sealed, &auths,
	                      NULL) == STATUS_OK);
	info.len = 0;
	CHECK(buffer_put(&info, bytes_of_text("claviger/recovery/v1")) == STATUS_OK);
	CHECK(buffer_put(&info, bytes_of(scope->genesis, 32)) == STATUS_OK);
	EXPECT(keys_hpke_open(&escrow_key, buffer_bytes(&info), bytes_of(NULL, 0), sealed_share,
	                      &share, NULL) == STATUS_OK);
	approval_share_commitment(ret_share, made);
	EXPECT(memcmp(commitment, made, 32) == 0);
}

/* PH9: what tpm2-tools do with the owner's authorization is noticed, and clearing is, too. */
static void tool(const char *text, const char *auth)
{
	char command[400], hex[65];

	for (size_t i = 0; auth != NULL && i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", (uint8_t)auth[i]);
	hex[64] = '\0';
	/* Connections to swtpm are one at a time. */
	tpm_close(&tpm);
	snprintf(command, sizeof(command),
	         "TPM2TOOLS_TCTI=swtpm:path=%s/tpm.sock; export TPM2TOOLS_TCTI; AUTH=hex:%s; %s "
	         ">/dev/null 2>&1",
	         folder, hex, text);
	EXPECT(system(command) == 0);
	CHECK(tpm_open(swtpm.where, &tpm) == STATUS_OK);
}

/* redefine_floor does what the owner can: a counter that begins with 0 in its last byte, under the
 * floor's number and policy, first raised by the manifest's signature. */
static void redefine_floor(void)
{
	const struct tpm_nv scratch = {.index = 0x01500001, .kind = TPM_NV_COUNTER};
	struct tpm_nv floor = unsealer_floor(false, scope);
	uint8_t policy[32], reference[32];
	uint64_t value = 0;

	CHECK(open_primary() == STATUS_OK && tpm_nv_define(&tpm, &scratch) == STATUS_OK);
	do
		CHECK(tpm_nv_increment(&tpm, &scratch) == STATUS_OK &&
		      tpm_nv_read_counter(&tpm, &scratch, &value) == STATUS_OK);
	while ((value & 255) != 255);
	CHECK(tpm_nv_undefine(&tpm, &scratch) == STATUS_OK);
	CHECK(tpm_nv_undefine(&tpm, &floor) == STATUS_OK);
	CHECK(tpm_nv_define(&tpm, &floor) == STATUS_OK);
	approval_first_policy(policy);
	approval_reference(APPROVAL_FLOOR_DELEGATE, scope->genesis, reference);
	CHECK(tpm_policy_begin(&tpm) == STATUS_OK &&
	      tpm_policy_nv_written(&tpm, false) == STATUS_OK &&
	      tpm_policy_increments(&tpm) == STATUS_OK &&
	      tpm_policy_authorize(&tpm, scope->site_root, reference, policy,
	                           manifest.first_release) == STATUS_OK &&
	      tpm_nv_raise(&tpm, &floor) == STATUS_OK);
	CHECK(tpm_nv_read_counter(&tpm, &floor, &value) == STATUS_OK);
	EXPECT((value & 255) == 0);
}

/* PH9, G2: a TPM without its owner's authorization opens nothing; nor does one whose floor the
 * owner made anew, though it stands lower than what is approved. */
static void test_a_floor_that_was_made_anew_opens_nothing(void)
{
	uint8_t auths[64] = {0}, share[32] = {0}, half[32];

	start_fresh();
	open_escrow(auths, share);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(step(&release_key, false, 0) == STATUS_OK);
	EXPECT(step(&release_key, false, 1) == STATUS_OK);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_BELOW_FLOOR));
	tool("tpm2_changeauth -c o -p $AUTH", (const char *)auths);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_UNPROTECTED));
	redefine_floor();
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_UNPROTECTED));
	tool("tpm2_changeauth -c o $AUTH", (const char *)auths);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_BAD_POLICY));
	EXPECT(!half_opens(APPROVAL_RELEASE_HALF, half) && !half_opens(APPROVAL_SITE_HALF, half));
}

static void test_a_cleared_or_redefined_tpm_is_never_taken_as_fresh(void)
{
	uint8_t auths[64] = {0}, share[32] = {0}, first[32];
	static const uint8_t digest[32] = {5};

	start_fresh();
	memcpy(first, facts.node_share, 32);
	open_escrow(auths, share);
	EXPECT(memcmp(share, first, 32) == 0);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false));
	EXPECT(tpm_nv_extend(&tpm, &tpm_nv_checkpoint, digest) == STATUS_OK);
	/* The floor undefined and made anew with the owner's authorization: the counter goes on
	 * above, the first step's signature can be used again, but never for a lower value. */
	boot(RELEASE_A, FIRMWARE_1);
	tool("tpm2_nvundefine 0x1434c03 -C o -P $AUTH -Q", (const char *)auths);
	EXPECT(fails(CALL_START_UNPROTECTED));
	/* The anchor undefined: refused. Defined anew, it was never written: the start says so, and
	 * the signer takes that for fresh only while the boot counter stands where genesis left it.
	 */
	start_fresh();
	open_escrow(auths, share);
	tool("tpm2_nvundefine 0x1434c01 -C o -P $AUTH -Q", (const char *)auths);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_UNPROTECTED));
	tool("tpm2_nvdefine 0x1434c01 -C o -P $AUTH -s 32 -g sha256 -a "
	     "'nt=extend|authread|authwrite|ownerread|no_da' -Q",
	     (const char *)auths);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && facts.has_checkpoint == 0);
	EXPECT(facts.counter == facts.first_counter);
	tool("tpm2_nvundefine 0x1434c01 -C o -P $AUTH -Q", (const char *)auths);
	/* An index of the same number and another kind is refused. */
	tool("tpm2_nvdefine 0x1434c01 -C o -P $AUTH -s 8 -a 'nt=counter|authread|authwrite' -Q",
	     (const char *)auths);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(!take(false));
	/* Without authorization nothing of this; a clear is forbidden to the lockout hierarchy. */
	start_fresh();
	open_escrow(auths, share);
	tool("! tpm2_nvundefine 0x1434c01 -C o -Q 2>&1", NULL);
	tool("! tpm2_nvdefine 0x1800001 -C o -s 8 -Q 2>&1", NULL);
	tool("! tpm2_clear -c l $AUTH 2>&1", (const char *)auths + 32);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false));
	tool("tpm2_clearcontrol -C p c && tpm2_clear -c p", NULL);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER_TPM));
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_BLOB);
}

/* A machine in the place of a lost one: the share is given, and sealed to this TPM. */
static void test_a_recovered_share_is_sealed_to_a_new_tpm(void)
{
	uint8_t commitment[32];

	recovering = true;
	bent_shares = 1;
	start_fresh();
	EXPECT(facts.mode == CALL_START_GENESIS);
	EXPECT(memcmp(facts.node_share, lost_share, 32) == 0);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && memcmp(facts.node_share, lost_share, 32) == 0);
	approval_share_commitment(lost_share, commitment);
	EXPECT(memcmp(facts.share, commitment, 32) == 0);
	/* Another machine's is refused, and the right one is taken after it. */
	other_shares = 2;
	start_fresh();
	EXPECT(memcmp(facts.node_share, lost_share, 32) == 0);
	recovering = false;
	bent_shares = other_shares = 0;
}

/* Where only another machine's share comes, nothing is written: the TPM stays fresh. */
static void test_another_share_than_the_lost_one_leaves_the_tpm_fresh(void)
{
	struct disk_file escrow;
	uint8_t byte;
	struct buffer content = {&byte, 1, 0};
	bool there = true;

	recovering = true;
	other_shares = 99;
	start_fresh();
	EXPECT(unsealer.failed.reason == CALL_START_OTHER && unsealer.failed.tpm_rc == 0);
	EXPECT(tpm_primary_is_there(&tpm, NULL, &there) == STATUS_OK && !there);
	for (uint32_t index = 0x01434c01; index <= 0x01434c04; index++)
		EXPECT(tpm_nv_is_there(&tpm, index, &there) == STATUS_OK && !there);
	escrow = disk_file_of(open_file(UNSEALER_ESCROW, O_RDONLY));
	EXPECT(disk_file_read(&escrow, 1, &content) == STATUS_OK && content.len == 0);
	close(escrow.fd);
	other_shares = 0;
	EXPECT(take(true) && memcmp(facts.node_share, lost_share, 32) == 0);
	recovering = false;
}

/* The TPM gets no write that could be known to be in vain (R3). */
static void test_genesis_on_a_disk_that_takes_no_writes_leaves_the_tpm_fresh(void)
{
	bool there = true;

	power_off();
	make_site();
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	read_only = true;
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_OTHER);
	EXPECT(strstr((const char *)unsealer.failed.what, "data disk") != NULL);
	read_only = false;
	EXPECT(tpm_primary_is_there(&tpm, NULL, &there) == STATUS_OK && !there);
	for (uint32_t index = 0x01434c01; index <= 0x01434c04; index++)
		EXPECT(tpm_nv_is_there(&tpm, index, &there) == STATUS_OK && !there);
	EXPECT(take(true));
}

/* A TPM that keeps no PCRs in SHA-256 (a board's setup may say so) would open nothing: it is not
 * taken over. */
static void test_genesis_on_a_tpm_without_sha256_leaves_it_fresh(void)
{
	struct tpm_protections found;
	bool there = true;

	power_off();
	make_site();
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	tool("tpm2_pcrallocate sha1:all+sha256:none+sha384:all+sha512:none", NULL);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_OTHER);
	EXPECT(strstr((const char *)unsealer.failed.what, "SHA-256") != NULL);
	EXPECT(tpm_protections(&tpm, &found) == STATUS_OK && !found.owner_set &&
	       !found.lockout_set);
	EXPECT(tpm_primary_is_there(&tpm, NULL, &there) == STATUS_OK && !there);
	tool("tpm2_pcrallocate sha1:none+sha256:all", NULL);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(take(true));
}

static void test_genesis_never_overwrites_and_wants_a_fresh_tpm_and_a_signed_manifest(void)
{
	uint8_t share[32], raw[APPROVAL_MANIFEST_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	start_fresh();
	memcpy(share, facts.node_share, sizeof(share));
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_BLOB);
	EXPECT(take(false) && memcmp(facts.node_share, share, 32) == 0);
	/* The disk in a machine whose TPM is fresh: it is the other one's share. */
	power_off();
	run_command("rm -rf", other_folder, "");
	power_on(other_folder);
	measure(RELEASE_A, FIRMWARE_1);
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_BLOB);
	power_off();
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	EXPECT(take(false) && memcmp(facts.node_share, share, 32) == 0);
	run_command("rm", files_folder, "/" UNSEALER_SEALED);
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_NOT_FRESH);
	/* What others made under our numbers is neither taken away nor used. */
	power_off();
	run_command("rm -rf", folder, "");
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	for (size_t i = 0; i < 2; i++) {
		tool(i == 0 ? "tpm2_nvdefine 0x1434c02 -C o -s 8 -a 'ownerread|ownerwrite' -Q"
		            : "tpm2_nvundefine 0x1434c02 -C o -Q && tpm2_createprimary -C o -c "
		              "/tmp/unsealer_test.x -Q "
		              "&& tpm2_evictcontrol -C o -c /tmp/unsealer_test.x 0x81434c01 -Q && "
		              "tpm2_flushcontext -t && rm /tmp/unsealer_test.x",
		     NULL);
		EXPECT(!take(true) && unsealer.failed.reason == CALL_START_NOT_FRESH);
		EXPECT(strstr((const char *)unsealer.failed.what, "of others") != NULL);
	}
	tool("tpm2_readpublic -c 0x81434c01", NULL);
	power_off();
	run_command("rm -rf", other_folder, "");
	power_on(other_folder); /* a fresh TPM */
	measure(RELEASE_A, FIRMWARE_1);
	EXPECT(approval_check_manifest(&manifest) == STATUS_OK);
	manifest.escrow[3] ^= 1; /* somebody else's escrow key */
	EXPECT(approval_manifest_put(&manifest, &out) == STATUS_OK);
	write_file(UNSEALER_MANIFEST, buffer_bytes(&out));
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_MANIFEST);
	raw[2] = 1; /* the version before this */
	write_file(UNSEALER_MANIFEST, buffer_bytes(&out));
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_MANIFEST);
	EXPECT(strstr((const char *)unsealer.failed.what, "another version") != NULL);
	write_file(UNSEALER_MANIFEST, bytes_of(raw, 0));
	EXPECT(!take(true) && unsealer.failed.reason == CALL_START_BAD_MANIFEST);
}

static void test_each_trouble_has_its_own_reason(void)
{
	char raw[APPROVAL_SEALED_MAX];
	ssize_t len;
	int fd;

	start_fresh();
	power_off();
	power_on(other_folder); /* no primary in this TPM */
	measure(RELEASE_A, FIRMWARE_1);
	EXPECT(fails(CALL_START_OTHER_TPM));
	boot(RELEASE_A, FIRMWARE_1);
	fd = open_file(UNSEALER_SEALED, O_RDWR);
	len = pread(fd, raw, sizeof(raw), 0);
	EXPECT(len > 200);
	raw[100] ^= 1;
	EXPECT(pwrite(fd, raw, (size_t)len, 0) == len);
	EXPECT(fails(CALL_START_BAD_BLOB));
	EXPECT(ftruncate(fd, 0) == 0);
	EXPECT(fails(CALL_START_NO_BLOB));
	raw[100] ^= 1;
	EXPECT(pwrite(fd, raw, (size_t)len, 0) == len);
	EXPECT(pwrite(fd, (const uint8_t[]){DISK_SHARE_BEGUN}, 1, len - 1) == 1);
	EXPECT(fails(CALL_START_NO_BLOB)); /* what genesis did not finish is not used */
	EXPECT(strstr((const char *)unsealer.failed.what, "not over") != NULL);
	EXPECT(pwrite(fd, (const uint8_t[]){0}, 1, len - 1) == 1);
	close(fd);
	write_file(UNSEALER_APPROVALS, bytes_of(raw, 20));
	EXPECT(fails(CALL_START_NO_APPROVALS));
	write_approvals();
	EXPECT(take(false));
	run_command("rm", files_folder, "/" UNSEALER_APPROVALS);
	EXPECT(fails(CALL_START_NO_APPROVALS));
	run_command("rm", files_folder, "/" UNSEALER_SEALED);
	EXPECT(fails(CALL_START_NO_BLOB));
	tpm_close(&tpm);
	EXPECT(fails(CALL_START_NO_TPM));
	EXPECT(tpm_open(swtpm.where, &tpm) == STATUS_OK);
	for (uint32_t reason = 1; reason < CALL_START_REASON_COUNT; reason++)
		EXPECT(strlen(start_reason_text(reason)) > 20);
}

/* next_start takes the share in the mode that setup and `serve` choose by the disk. */
static bool next_start(bool *ret_genesis)
{
	uint8_t raw[DISK_SHARE_LEN];
	struct buffer share = BUFFER_OF_ARRAY(raw);
	struct disk_file file = disk_file_of(open_file(UNSEALER_SEALED, O_RDONLY));

	EXPECT(disk_file_read(&file, sizeof(raw), &share) == STATUS_OK);
	close(file.fd);
	*ret_genesis = disk_share_is_begun(buffer_bytes(&share));
	return take(*ret_genesis);
}

/* What became of geneses that were cut off at each command in turn. */
struct cuts {
	unsigned begun_anew, gone_on, refused;
};

/* cut_genesis: false when it was over before command `at`. */
static bool cut_genesis(unsigned at, bool done, struct cuts *cuts)
{
	struct cutter cutter;
	uint8_t share[32];
	bool genesis;

	make_site();
	cutter = cutter_start();
	measure(RELEASE_A, FIRMWARE_1);
	cutter.cut->at = at;
	cutter.cut->done = done;
	cutter.cut->armed = true;
	if (take(true))
		return cutter_end(&cutter);
	EXPECT(cutter_end(&cutter) && unsealer.failed.reason == CALL_START_NO_TPM);
	power_on(folder);
	measure(RELEASE_A, FIRMWARE_1);
	if (next_start(&genesis)) {
		if (facts.mode == CALL_START_GENESIS)
			cuts->begun_anew++;
		else
			cuts->gone_on++; /* it was whole: a later start is an ordinary one */
	} else {
		bool is_between = unsealer.failed.reason == CALL_START_NOT_FRESH &&
		                  strstr((const char *)unsealer.failed.what, "cut off") != NULL;

		if (!is_between)
			fprintf(stderr, "cut %s command %u, then %s: reason %d, 0x%x, %s\n",
			        done ? "behind" : "before", at, genesis ? "genesis" : "a start",
			        (int)unsealer.failed.reason, (unsigned)unsealer.failed.tpm_rc,
			        (const char *)unsealer.failed.what);
		EXPECT(is_between);
		tool("tpm2_clear -c l || tpm2_clearcontrol -C p c && tpm2_clear -c p", NULL);
		boot(RELEASE_A, FIRMWARE_1);
		EXPECT(next_start(&genesis)); /* cleared, it is as good as new */
		EXPECT(facts.mode == CALL_START_GENESIS);
		cuts->refused++;
	}
	memcpy(share, facts.node_share, 32);
	boot(RELEASE_A, FIRMWARE_1);
	EXPECT(next_start(&genesis) && !genesis && memcmp(facts.node_share, share, 32) == 0);
	power_off();
	return true;
}

static void cuts_print(const struct cuts *cuts)
{
	printf("%u times genesis cut off: begun anew %u, whole %u, refused %u\n",
	       cuts->begun_anew + cuts->gone_on + cuts->refused, cuts->begun_anew, cuts->gone_on,
	       cuts->refused);
}

/* C6: the power goes at any command of genesis: it is begun anew, or it was whole; but between the
 * two authorizations, where it is refused in words and the TPM cleared. The raising of a counter,
 * 255 times the same, is sampled. */
static void test_genesis_cut_off_at_any_command_is_begun_anew(void)
{
	struct cuts cuts = {.begun_anew = 0};
	unsigned count = 0;

	power_off();
	for (unsigned at = 0; cut_genesis(at, count % 2 == 1, &cuts);
	     at += at > 20 && at < 500 ? 61 : 7)
		count++;
	cuts_print(&cuts);
	EXPECT(cuts.begun_anew > 15 && cuts.gone_on > 5);
	start_fresh();
}

/* `make soak`: of every `cut_rounds` commands the one of this round, before the TPM gets it and
 * after it has done it. */
static unsigned cut_round, cut_rounds;

static void test_genesis_cut_off_at_each_command_is_begun_anew(void)
{
	struct cuts cuts = {.begun_anew = 0};

	power_off(); /* else it may still write its state where the next one has its own */
	for (unsigned at = cut_round; cut_genesis(at, false, &cuts); at += cut_rounds)
		EXPECT(cut_genesis(at, true, &cuts));
	cuts_print(&cuts);
	EXPECT(cuts.begun_anew > 0 && cuts.gone_on > 0);
}

/* C6: at any command of a floor's step: it stands at the one level or the next, and the step that
 * is due works. */
static void test_a_floor_step_cut_off_at_any_command_is_done_or_not(void)
{
	struct tpm_nv floor;
	uint64_t before = 0, after = 0;
	unsigned raised = 0, kept = 0;
	bool was_cut = true;

	start_fresh();
	floor = unsealer_floor(false, scope);
	approve_release(&release_key, RELEASE_B, 200);
	write_approvals();
	for (unsigned at = 0; was_cut; at++) {
		struct cutter cutter;

		power_off();
		cutter = cutter_start();
		measure(RELEASE_B, FIRMWARE_1);
		EXPECT(take(false));
		before = facts.release_floor;
		cutter.cut->at = at / 2;
		cutter.cut->done = at % 2 == 1;
		cutter.cut->armed = true;
		EXPECT(step(&release_key, false, (uint8_t)before) == STATUS_OK ||
		       cutter.cut->was_cut);
		was_cut = cutter_end(&cutter);
		power_on(folder);
		measure(RELEASE_B, FIRMWARE_1);
		EXPECT(take(false));
		EXPECT(tpm_nv_read_counter(&tpm, &floor, &after) == STATUS_OK);
		EXPECT(after == before || after == before + 1);
		if (was_cut)
			(*(after == before ? &kept : &raised))++;
		EXPECT(step(&release_key, false, (uint8_t)after) == STATUS_OK);
	}
	printf("a floor's step cut off %u times: %u raised, %u not\n", raised + kept, raised, kept);
	EXPECT(raised >= 1 && kept >= 20);
}

/* C3, over the whole of a start */
static void test_64_power_cuts_in_a_row_never_lock_the_share_up(void)
{
	struct tpm_protections found;

	start_fresh();
	for (int i = 0; i < 64; i++) {
		boot(RELEASE_A, FIRMWARE_1);
		EXPECT(take(false));
	}
	EXPECT(tpm_protections(&tpm, &found) == STATUS_OK && found.lockout_count == 0);
}

static void run_all(void)
{
	RUN(test_genesis_and_every_later_start_give_the_same_share);
	RUN(test_a_second_unsealer_in_the_same_boot_gets_nothing);
	RUN(test_a_half_that_came_out_alone_caps_too);
	RUN(test_both_authorities_must_approve_what_was_started);
	RUN(test_the_tpm_refuses_what_only_looks_approved);
	RUN(test_below_the_floor_nothing_opens_and_only_signed_steps_raise_it);
	RUN(test_signatures_of_other_purposes_do_not_unseal);
	RUN(test_neither_authority_alone_opens_the_share);
	RUN(test_an_approval_for_another_genesis_opens_nothing);
	RUN(test_the_tpm_refuses_what_is_below_a_floor);
	RUN(test_a_manifest_that_was_changed_on_the_disk_opens_nothing);
	RUN(test_another_first_counter_on_the_disk_opens_nothing);
	RUN(test_a_site_key_is_replaced_by_its_root);
	RUN(test_a_release_key_is_replaced_by_its_root_and_the_site);
	RUN(test_an_approval_that_the_site_does_not_name_stops_nothing);
	RUN(test_attended_mode_asks_for_each_start);
	RUN(test_a_floor_that_was_made_anew_opens_nothing);
	RUN(test_a_cleared_or_redefined_tpm_is_never_taken_as_fresh);
	RUN(test_a_recovered_share_is_sealed_to_a_new_tpm);
	RUN(test_another_share_than_the_lost_one_leaves_the_tpm_fresh);
	RUN(test_genesis_on_a_disk_that_takes_no_writes_leaves_the_tpm_fresh);
	RUN(test_genesis_on_a_tpm_without_sha256_leaves_it_fresh);
	RUN(test_genesis_never_overwrites_and_wants_a_fresh_tpm_and_a_signed_manifest);
	RUN(test_each_trouble_has_its_own_reason);
	RUN(test_genesis_cut_off_at_any_command_is_begun_anew);
	RUN(test_a_floor_step_cut_off_at_any_command_is_done_or_not);
	RUN(test_64_power_cuts_in_a_row_never_lock_the_share_up);
}

int main(int count, char **args)
{
	snprintf(folder, sizeof(folder), "/tmp/unsealer_test.%d", (int)getpid());
	snprintf(other_folder, sizeof(other_folder), "/tmp/unsealer_test.%d.b", (int)getpid());
	snprintf(files_folder, sizeof(files_folder), "/tmp/unsealer_test.%d.files", (int)getpid());
	signal(SIGPIPE, SIG_IGN);
	if (swtpm_start(folder, &swtpm) == STATUS_NOT_FOUND) {
		printf("swtpm is not installed\n");
		return 77;
	}
	keys_open();
	keys_p256_random(&site_key);
	keys_p256_random(&release_key);
	keys_p256_random(&other_release_key);
	keys_p256_random(&other_site_key);
	keys_p256_random(&approver_key);
	keys_hpke_random(&escrow_key);
	cut_rounds = count > 2 ? (unsigned)strtoul(args[2], NULL, 10) : 0;
	if (cut_rounds == 0) {
		run_all();
	} else {
		cut_round = (unsigned)strtoul(args[1], NULL, 10);
		RUN(test_genesis_cut_off_at_each_command_is_begun_anew);
	}
	power_off();
	run_command("rm -rf", folder, "");
	run_command("rm -rf", other_folder, "");
	run_command("rm -rf", files_folder, "");
	return test_summary();
}
