/* The attestor's judgement of approvals and floors on a real swtpm: parts of G1, G2 and O9 in
 * spec/claims.md; skipped (77) where swtpm is not installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attestor_answer.h"
#include "base_check.h"
#include "base_test.h"
#include "swtpm.h"

static char folder[64];
static struct swtpm swtpm;
static struct tpm tpm;
static struct attestor_floor floors;
static struct attestor attestor = {.tpm = &tpm, .floor = &floors};
static struct keys_p256_key site_root, release_root, other_key;
static struct approval_file file;
static struct approval_scope *const scope = &file.scope;
static uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN]; /* before the cap */

/* PCR 4 of starts: what runs, and images of other releases. */
static const uint8_t *const running = values[4];
static const uint8_t next[32] = {1}, usual[32] = {2}, unknown[32] = {3};

/* ---- what the authorities sign ---- */

static void sign(const struct keys_p256_key *key, enum approval_purpose purpose,
                 const uint8_t policy[32], uint8_t ret_signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, scope->genesis, digest);
	CHECK(keys_p256_sign(key, digest, ret_signature) == STATUS_OK);
}

static void appoint(bool is_site, const struct keys_p256_key *key)
{
	struct approval_appointment *made = &file.appointed[file.appointed_count++];
	uint8_t policy[32];

	*made = (struct approval_appointment){.is_site = is_site, .level = 255};
	memcpy(made->key, key->public, sizeof(made->key));
	approval_appointment_policy(made, scope, policy);
	sign(is_site ? &site_root : &release_root,
	     is_site ? APPROVAL_APPOINT_SITE : APPROVAL_APPOINT_RELEASE, policy, made->signature);
}

static void approve(const struct keys_p256_key *key, const uint8_t pcr[32], uint8_t level)
{
	struct approval_release *made = &file.releases[file.release_count++];
	uint8_t policy[32];

	*made = (struct approval_release){.level = level};
	memcpy(made->key, key->public, sizeof(made->key));
	memcpy(made->pcrs[0], pcr, 32);
	for (size_t i = 1; i < APPROVAL_RELEASE_PCRS; i++)
		memcpy(made->pcrs[i], values[approval_release_pcrs[i]], 32);
	approval_release_policy(made, scope, policy);
	sign(key, APPROVAL_SEAL_RELEASE, policy, made->signature);
}

/* approve_site: firmware as it is but for PCR 7, and that this release key counts on it. */
static void approve_site(const struct keys_p256_key *release, uint8_t level, uint8_t pcr7)
{
	struct approval_site *made = &file.sites[file.site_count++];
	uint8_t policy[32];

	*made = (struct approval_site){.level = level};
	memcpy(made->key, site_root.public, sizeof(made->key));
	memcpy(made->release_key, release->public, sizeof(made->release_key));
	for (size_t i = 0; i < APPROVAL_SITE_PCRS; i++)
		memcpy(made->pcrs[i], values[approval_site_pcrs[i]], 32);
	made->pcrs[2][0] ^= pcr7;
	approval_site_policy(made, scope, policy);
	sign(&site_root, APPROVAL_SEAL_SITE, policy, made->signature);
}

static void delegate_to(const struct keys_p256_key *release)
{
	struct approval_delegate *made = &file.delegates[file.delegate_count++];
	uint8_t policy[32];

	*made = (struct approval_delegate){.level = 255};
	memcpy(made->release_key, release->public, sizeof(made->release_key));
	approval_delegate_policy(made, scope, policy);
	sign(&site_root, APPROVAL_FLOOR_DELEGATE, policy, made->signature);
}

/* start_file: one with no approval yet. */
static void start_file(void)
{
	const struct approval_scope kept = *scope;

	file = (struct approval_file){.scope = kept};
	appoint(false, &release_root);
	appoint(true, &site_root);
	delegate_to(&release_root);
}

static struct bytes step_of(const struct keys_p256_key *key, bool is_site, uint8_t from)
{
	static uint8_t space[APPROVAL_STEP_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct approval_step made = {.is_site = is_site, .from = from};
	uint8_t policy[32];

	memcpy(made.key, key->public, sizeof(made.key));
	approval_step_policy(is_site, from, scope, policy);
	sign(key, is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE, policy, made.signature);
	CHECK(approval_step_put(&made, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ---- the TPM as genesis leaves it ---- */

static struct tpm_nv floor_index(bool is_site)
{
	struct tpm_nv nv = {.index = is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR,
	                    .kind = TPM_NV_FLOOR};

	approval_floor_policy(is_site, scope, nv.policy);
	return nv;
}

static void make_floor(bool is_site)
{
	struct tpm_nv nv = floor_index(is_site);
	uint8_t policy[32], reference[32], signature[64];
	uint64_t value = 1;

	approval_first_policy(policy);
	approval_reference(is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_DELEGATE, scope->genesis,
	                   reference);
	sign(&site_root, is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_DELEGATE, policy,
	     signature);
	CHECK(tpm_nv_define(&tpm, &nv) == STATUS_OK && tpm_policy_begin(&tpm) == STATUS_OK &&
	      tpm_policy_nv_written(&tpm, false) == STATUS_OK &&
	      tpm_policy_increments(&tpm) == STATUS_OK &&
	      tpm_policy_authorize(&tpm, site_root.public, reference, policy, signature) ==
	          STATUS_OK &&
	      tpm_nv_raise(&tpm, &nv) == STATUS_OK);
	CHECK(tpm_nv_read_counter(&tpm, &nv, &value) == STATUS_OK && (uint8_t)value == 0);
}

/* Counters begin behind the end of a block of 256, so that a floor's last byte begins at zero. */
static void make_floors(void)
{
	uint64_t value = 0;

	CHECK(tpm_nv_define(&tpm, &tpm_nv_boots) == STATUS_OK);
	while ((value & 255) != 255)
		CHECK(tpm_nv_increment(&tpm, &tpm_nv_boots) == STATUS_OK &&
		      tpm_nv_read_counter(&tpm, &tpm_nv_boots, &value) == STATUS_OK);
	CHECK(tpm_nv_undefine(&tpm, &tpm_nv_boots) == STATUS_OK);
	make_floor(true);
	make_floor(false);
}

/* begin: a machine on which both floors are zero, with no judgement in this boot. */
static void begin(void)
{
	const uint32_t mask = APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK;
	struct tpm_name primary;
	uint8_t digest[32] = {7};

	CHECK(swtpm_start(folder, &swtpm) == STATUS_OK && tpm_open(swtpm.where, &tpm) == STATUS_OK);
	CHECK(tpm_startup(&tpm) == STATUS_OK &&
	      tpm_primary_open(&tpm, true, NULL, &primary) == STATUS_OK);
	for (uint32_t pcr = 0; pcr < 16; pcr++) {
		digest[1] = (uint8_t)pcr;
		if ((mask >> pcr & 1) != 0)
			CHECK(tpm_pcr_extend(&tpm, pcr, digest) == STATUS_OK);
	}
	CHECK(tpm_pcr_read(&tpm, mask, values) == STATUS_OK && tpm_pcr_cap(&tpm) == STATUS_OK);
	keys_p256_random(&site_root);
	keys_p256_random(&release_root);
	keys_p256_random(&other_key);
	memset(&file, 0, sizeof(file));
	memcpy(scope->site_root, site_root.public, sizeof(scope->site_root));
	memcpy(scope->release_root, release_root.public, sizeof(scope->release_root));
	memset(scope->genesis, 5, sizeof(scope->genesis));
	memset(&floors, 0, sizeof(floors));
	memcpy(floors.usual, running, sizeof(floors.usual));
	floors.has_usual = true;
	floors.sealed.scope = *scope;
	make_floors();
	start_file();
}

static void end(void)
{
	char command[128];

	tpm_close(&tpm);
	swtpm_stop(&swtpm);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
}

/* ---- as the signer and the bridge ask ---- */

static struct call_attest_judged judge_bytes(const uint8_t pcr[32], const uint8_t by_itself[32],
                                             struct bytes approvals)
{
	static uint8_t request_space[sizeof(struct call_attest_judge) + APPROVAL_FILE_MAX],
	    answer_space[CALL_ATTEST_MESSAGE_MAX];
	struct call_attest_judge head = {.head.request = 9};
	struct call_attest_judged judged = {.code = 999};
	struct buffer asked = BUFFER_OF_ARRAY(request_space),
	              answer = BUFFER_OF_ARRAY(answer_space);
	struct call_attest_request taken;
	struct call_attest_head said;
	struct bytes rest;

	memcpy(head.next, pcr, 32);
	memcpy(head.usual, by_itself, 32);
	CHECK(buffer_put(&asked, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&asked, approvals) == STATUS_OK);
	CHECK(attest_take_request(CALL_ATTEST_JUDGE, buffer_bytes(&asked), &taken) == STATUS_OK);
	attestor_answer(&attestor, CALL_ATTEST_JUDGE, &taken, &answer);
	CHECK(attest_take_answer(buffer_bytes(&answer), sizeof(judged), &said, &rest) == STATUS_OK);
	EXPECT(said.request == 9 && said.status == STATUS_OK && rest.len == sizeof(judged));
	memcpy(&judged, rest.data, rest.len);
	return judged;
}

/* judge tells whether the file as it stands is judged so. */
static bool judge(const uint8_t pcr[32], const uint8_t by_itself[32], uint32_t code, uint32_t why)
{
	static uint8_t space[APPROVAL_FILE_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_attest_judged judged;

	CHECK(approval_file_put(&file, &out) == STATUS_OK);
	judged = judge_bytes(pcr, by_itself, buffer_bytes(&out));
	if (judged.code != code || judged.why != why)
		printf("judged %u, why %u\n", (unsigned)judged.code, (unsigned)judged.why);
	return judged.code == code && judged.why == why;
}

static enum status step(const struct keys_p256_key *key, bool is_site, uint8_t from)
{
	return attestor_floor_step(&floors, &tpm, step_of(key, is_site, from));
}

/* ---- tests ---- */

static void test_what_runs_what_starts_by_itself_and_what_is_next_must_all_open(void)
{
	begin();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 1);
	floors.approvals = file;
	/* What would not start as it is cannot be locked out: an order mends such a machine. */
	EXPECT(judge(running, usual, CALL_UPDATE_FINE, 0));
	approve(&release_root, usual, 1);
	floors.approvals = file;
	start_file();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 1);
	EXPECT(judge(running, running, CALL_UPDATE_FINE, 0));
	EXPECT(judge(next, running, CALL_UPDATE_NO_RELEASE, 0));
	EXPECT(judge(running, usual, CALL_UPDATE_LOCKS_OUT, CALL_UPDATE_NO_RELEASE));
	approve(&release_root, next, 1);
	EXPECT(judge(next, running, CALL_UPDATE_FINE, 0));
	/* A tried image that is not kept yet runs; what starts by itself is another */
	EXPECT(judge(next, usual, CALL_UPDATE_LOCKS_OUT, CALL_UPDATE_NO_RELEASE));
	approve(&release_root, usual, 1);
	EXPECT(judge(next, usual, CALL_UPDATE_FINE, 0));
	EXPECT(judge(unknown, usual, CALL_UPDATE_NO_RELEASE, 0));
	/* Both others, without what runs. */
	start_file();
	approve_site(&release_root, 1, 0);
	approve(&release_root, next, 1);
	approve(&release_root, usual, 1);
	EXPECT(judge(next, usual, CALL_UPDATE_LOCKS_OUT, CALL_UPDATE_NO_RELEASE));
	end();
}

static void test_bytes_that_are_no_approvals_of_this_genesis_are_told_apart(void)
{
	static uint8_t space[APPROVAL_FILE_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	begin();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 1);
	EXPECT(judge_bytes(running, running, bytes_of_text("no approvals")).code ==
	       CALL_UPDATE_APPROVALS);
	CHECK(approval_file_put(&file, &out) == STATUS_OK);
	EXPECT(judge_bytes(running, running, bytes_of(space, out.len - 1)).code ==
	       CALL_UPDATE_APPROVALS);
	scope->genesis[0] ^= 1;
	EXPECT(judge(running, running, CALL_UPDATE_APPROVALS, 0));
	scope->genesis[0] ^= 1;
	EXPECT(judge(running, running, CALL_UPDATE_FINE, 0));
	end();
}

/* G1: who may approve, and for which board. */
static void test_wrong_keys_boards_and_signatures_open_nothing(void)
{
	begin();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 1);
	approve(&other_key, next, 1); /* whom no root appointed */
	EXPECT(judge(next, running, CALL_UPDATE_NO_RELEASE, 0));
	appoint(false, &other_key); /* appointed, and not named by the site */
	EXPECT(judge(next, running, CALL_UPDATE_NO_SITE, 0));
	approve_site(&other_key, 1, 1); /* on another board */
	EXPECT(judge(next, running, CALL_UPDATE_NO_SITE, 0));
	approve_site(&other_key, 1, 0);
	EXPECT(judge(next, running, CALL_UPDATE_FINE, 0));
	file.releases[1].signature[5] ^= 1;
	EXPECT(judge(next, running, CALL_UPDATE_NO_RELEASE, 0));
	file.sites[0].signature[5] ^= 1;
	EXPECT(judge(running, running, CALL_UPDATE_LOCKS_OUT, CALL_UPDATE_NO_SITE));
	end();
}

/* G2: the floors as the TPM has them now. */
static void test_what_a_floor_locks_out_is_refused_with_its_own_code(void)
{
	begin();
	approve_site(&release_root, 2, 0);
	approve(&release_root, running, 2);
	approve(&release_root, next, 1);
	appoint(false, &other_key);
	approve_site(&other_key, 1, 0);
	approve(&other_key, usual, 2);
	floors.approvals = file;
	EXPECT(judge(next, running, CALL_UPDATE_FINE, 0));
	EXPECT(judge(usual, running, CALL_UPDATE_FINE, 0));
	for (uint8_t from = 0; from < 2; from++) {
		EXPECT(step(&release_root, false, from) == STATUS_OK);
		EXPECT(step(&site_root, true, from) == STATUS_OK);
	}
	EXPECT(judge(next, running, CALL_UPDATE_BELOW_FLOOR, 0));
	EXPECT(judge(usual, running, CALL_UPDATE_BELOW_SITE, 0));
	EXPECT(judge(running, running, CALL_UPDATE_FINE, 0));
	file.releases[0].level = 1; /* signed anew, of a level that is below by now */
	file.release_count = 0;
	approve(&release_root, running, 1);
	EXPECT(judge(running, running, CALL_UPDATE_LOCKS_OUT, CALL_UPDATE_BELOW_FLOOR));
	end();
}

/* The next start has the approvals that were judged last, not those of this one.
 */
static void test_no_floor_is_raised_above_what_the_approvals_of_the_next_start_let_in(void)
{
	struct call_attest_floors told;

	begin();
	approve_site(&release_root, 3, 0);
	approve(&release_root, running, 3);
	floors.approvals = file;
	EXPECT(attestor_floor_read(&floors, &tpm, &told) == STATUS_OK && told.release_level == 3 &&
	       told.site_level == 3);
	start_file();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 2);
	EXPECT(
	    judge(next, running, CALL_UPDATE_NO_RELEASE, 0)); /* refused: it is written nowhere */
	EXPECT(attestor_floor_read(&floors, &tpm, &told) == STATUS_OK && told.release_level == 3);
	EXPECT(judge(running, running, CALL_UPDATE_FINE, 0));
	EXPECT(attestor_floor_read(&floors, &tpm, &told) == STATUS_OK && told.release_level == 2 &&
	       told.site_level == 1);
	EXPECT(step(&release_root, false, 0) == STATUS_OK);
	EXPECT(step(&release_root, false, 1) == STATUS_OK);
	EXPECT(step(&release_root, false, 2) == STATUS_CONFLICT);
	EXPECT(step(&site_root, true, 0) == STATUS_OK);
	EXPECT(step(&site_root, true, 1) == STATUS_CONFLICT);
	/* Another file behind it may be refused by the data disk: both may be the next start's. */
	start_file();
	approve_site(&release_root, 9, 0);
	approve(&release_root, running, 9);
	EXPECT(judge(running, running, CALL_UPDATE_FINE, 0));
	EXPECT(step(&release_root, false, 2) == STATUS_CONFLICT);
	floors.has_judged = false; /* in the next boot the file of the start alone bounds it */
	EXPECT(step(&release_root, false, 2) == STATUS_OK);
	EXPECT(step(&release_root, false, 3) == STATUS_CONFLICT);
	EXPECT(attestor_floor_read(&floors, &tpm, &told) == STATUS_OK &&
	       (told.release_floor & 255) == 3 && (told.site_floor & 255) == 1);
	end();
}

static void tell_usual(const uint8_t pcr[32])
{
	static uint8_t answer_space[CALL_ATTEST_MESSAGE_MAX];
	struct call_attest_usual told = {.head.request = 4};
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	struct call_attest_request taken;
	struct call_attest_head said;
	struct bytes rest;

	memcpy(told.pcr, pcr, sizeof(told.pcr));
	CHECK(attest_take_request(CALL_ATTEST_USUAL, bytes_of(&told, sizeof(told)), &taken) ==
	      STATUS_OK);
	attestor_answer(&attestor, CALL_ATTEST_USUAL, &taken, &answer);
	EXPECT(attest_take_answer(buffer_bytes(&answer), 0, &said, &rest) == STATUS_OK &&
	       said.request == 4 && said.status == STATUS_OK);
}

/* G4: v+1 runs and is not kept yet; the start behind it is v's, which the floor must not lock out
 * before. */
static void test_no_floor_is_raised_above_what_starts_by_itself(void)
{
	begin();
	approve_site(&release_root, 9, 0);
	approve(&release_root, running, 3);
	approve(&release_root, usual, 1);
	floors.approvals = file;
	floors.has_usual = false; /* nobody has said what starts by itself */
	EXPECT(step(&release_root, false, 0) == STATUS_BUSY);
	tell_usual(usual);
	EXPECT(step(&release_root, false, 0) == STATUS_OK);
	EXPECT(step(&release_root, false, 1) == STATUS_CONFLICT);
	tell_usual(unknown); /* would not start as it is: no reason to raise nothing */
	EXPECT(step(&release_root, false, 1) == STATUS_OK);
	tell_usual(running); /* kept */
	EXPECT(step(&release_root, false, 2) == STATUS_OK);
	EXPECT(step(&release_root, false, 3) == STATUS_CONFLICT);
	end();
}

static void test_steps_count_by_their_keys_and_from_where_the_floor_is(void)
{
	uint8_t bent[APPROVAL_STEP_MAX];
	struct bytes made;

	begin();
	approve_site(&release_root, 9, 0);
	approve(&release_root, running, 9);
	floors.approvals = file;
	EXPECT(attestor_floor_step(&floors, &tpm, bytes_of_text("no step")) == STATUS_MALFORMED);
	EXPECT(step(&other_key, false, 0) == STATUS_NOT_FOUND); /* nobody delegated to it */
	EXPECT(step(&release_root, true, 0) == STATUS_CRYPTO);  /* the site's floor */
	made = step_of(&release_root, false, 0);
	memcpy(bent, made.data, made.len);
	bent[made.len - 1] ^= 1;
	EXPECT(attestor_floor_step(&floors, &tpm, bytes_of(bent, made.len)) == STATUS_CRYPTO);
	EXPECT(step(&release_root, false, 1) == STATUS_REFUSED); /* the floor is at 0 */
	EXPECT(step(&release_root, false, 0) == STATUS_OK);
	EXPECT(step(&release_root, false, 0) == STATUS_REFUSED);
	end();
}

static void test_a_tpm_that_is_gone_judges_nothing(void)
{
	static uint8_t space[APPROVAL_FILE_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_attest_judge asked = {.head.request = 1};
	struct call_attest_judged judged = {.code = 999};

	begin();
	approve_site(&release_root, 1, 0);
	approve(&release_root, running, 1);
	CHECK(approval_file_put(&file, &out) == STATUS_OK);
	memcpy(asked.next, running, 32);
	memcpy(asked.usual, running, 32);
	swtpm_stop(&swtpm);
	EXPECT(attestor_floor_judge(&floors, &tpm, &asked, buffer_bytes(&out), &judged) ==
	       STATUS_IO);
	EXPECT(judged.code == 999 && !floors.has_judged);
	end();
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/attestor_floor_test.%d", (int)getpid());
	signal(SIGPIPE, SIG_IGN);
	if (swtpm_start(folder, &swtpm) == STATUS_NOT_FOUND) {
		printf("swtpm is not installed\n");
		return 77;
	}
	swtpm_stop(&swtpm);
	keys_open();
	RUN(test_what_runs_what_starts_by_itself_and_what_is_next_must_all_open);
	RUN(test_bytes_that_are_no_approvals_of_this_genesis_are_told_apart);
	RUN(test_wrong_keys_boards_and_signatures_open_nothing);
	RUN(test_what_a_floor_locks_out_is_refused_with_its_own_code);
	RUN(test_no_floor_is_raised_above_what_the_approvals_of_the_next_start_let_in);
	RUN(test_no_floor_is_raised_above_what_starts_by_itself);
	RUN(test_steps_count_by_their_keys_and_from_where_the_floor_is);
	RUN(test_a_tpm_that_is_gone_judges_nothing);
	return test_summary();
}
