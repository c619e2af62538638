/* Rollback: which stores a signer starts from, when the TPM remembers (the rig keeps the anchor as
 * a TPM does): never an older copy (DS1), never another branch (DS2), never what was not
 * acknowledged (DS3), nothing in place of a store that is gone (DS7, PH9). And that a TPM which
 * does not answer delays acknowledgement, not signatures. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "call_attest.h"
#include "call_start.h"
#include "rig.h"

#define SHORT_US 300000

static char base[] = "/tmp/anchor_test_XXXXXX";
static char folder[64];
static struct rig rig;
static struct rig_world world;
static uint8_t body_space[AUTHZ_GRANT_BODY_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
static uint8_t next_tag = 1;

/* copy puts the state folder aside, or back, under a name. */
static void copy(const char *name, bool back)
{
	char there[96];

	snprintf(there, sizeof(there), "%s/%s", base, name);
	rig_copy(back ? there : folder, back ? folder : there);
}

static void erase_state(void)
{
	char command[200];

	snprintf(command, sizeof(command), "rm -rf %s && mkdir -m 755 %s", folder, folder);
	CHECK(system(command) == 0);
}

static enum status change(enum authz_action action)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change made;

	CHECK(authz_empty_put(&body) == STATUS_OK);
	CHECK(rig_wallet_refresh(&rig, &world));
	made = rig_change_begin(&rig, &world, action, buffer_bytes(&body));
	return rig_change(&rig, &made, &world.user, &answer);
}

/* grant makes another one; its bytes in the store tell one branch from another. */
static enum status grant(uint64_t cap)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change made;

	world.cap = cap;
	rig_grant_body(&world, world.client_id, &body);
	CHECK(rig_wallet_refresh(&rig, &world));
	made = rig_change_begin(&rig, &world, AUTHZ_ACTION_GRANT, buffer_bytes(&body));
	return rig_change(&rig, &made, &world.user, &answer);
}

static enum call_result sign(void)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer = {.result = CALL_RESULT_SEALED};
	struct call_sign_request request;

	rig_transfer_message(world.address, world.recipient, 1, next_tag++, &message);
	request = rig_sign_request(&world, buffer_bytes(&message));
	CHECK(rig_sign(&rig, &request, &answer));
	return answer.result;
}

/* start_fresh: a deployment with a wallet and a grant, running. */
static void start_fresh(const char *name)
{
	rig_stop(&rig);
	erase_state();
	memset(rig.anchor, 0, sizeof(rig.anchor));
	rig.boots = rig.extends = 0;
	rig.holds_anchor = false;
	rig_start(&rig, folder, true);
	memset(&world, 0, sizeof(world));
	rig_world_make(&rig, &world, name);
}

/* DS1 */
static void test_an_older_copy_is_refused_and_the_newest_goes_on(void)
{
	start_fresh("older");
	EXPECT(sign() == CALL_RESULT_SIGNED);
	rig_stop(&rig);
	copy("yesterday", false);
	EXPECT(rig_try(&rig, folder));
	EXPECT(change(AUTHZ_ACTION_FREEZE) == STATUS_OK); /* what an attacker would undo */
	EXPECT(sign() != CALL_RESULT_SIGNED);
	rig_stop(&rig);
	copy("today", false);
	copy("yesterday", true);
	EXPECT(!rig_try(&rig, folder));
	EXPECT(!rig_try(&rig, folder)); /* and again: refusing changes nothing */
	copy("today", true);
	EXPECT(rig_try(&rig, folder));
	EXPECT(sign() != CALL_RESULT_SIGNED); /* still frozen */
	EXPECT(change(AUTHZ_ACTION_UNFREEZE) == STATUS_OK && sign() == CALL_RESULT_SIGNED);
}

/* DS2: two stores that both go on from one; each is whole, signed by the same signer. */
static void test_of_two_branches_only_the_anchored_one_starts(void)
{
	uint8_t anchor[32];
	uint64_t boots, extends;

	start_fresh("branches");
	rig_stop(&rig);
	copy("root", false);
	memcpy(anchor, rig.anchor, 32);
	boots = rig.boots;
	extends = rig.extends;
	EXPECT(rig_try(&rig, folder) && grant(1000) == STATUS_OK);
	rig_stop(&rig);
	copy("left", false);
	/* The other branch can only be made by a TPM that forgot the first: one that was copied. */
	copy("root", true);
	memcpy(rig.anchor, anchor, 32);
	rig.boots = boots;
	rig.extends = extends;
	EXPECT(rig_try(&rig, folder) && grant(2000) == STATUS_OK);
	rig_stop(&rig);
	copy("right", false);
	copy("left", true);
	EXPECT(!rig_try(&rig, folder));
	copy("root", true);
	EXPECT(!rig_try(&rig, folder));
	copy("right", true);
	EXPECT(rig_try(&rig, folder));
}

/* DS3: written, synced, and cut off before the TPM took it; nobody was told. */
static void test_what_was_not_acknowledged_is_taken_back_and_never_comes_again(void)
{
	uint8_t before[32];

	start_fresh("orphan");
	rig.holds_anchor = true;
	rig.patience_us = SHORT_US;
	EXPECT(grant(77777) == STATUS_BUSY); /* no answer */
	memcpy(before, world.authority, sizeof(before));
	rig_stop(&rig);
	copy("orphan", false);
	rig.holds_anchor = false;
	rig.patience_us = 0;
	EXPECT(rig_try(&rig, folder));
	CHECK(rig_wallet_refresh(&rig, &world));
	EXPECT(memcmp(world.authority, before, sizeof(before)) == 0); /* taken back */
	EXPECT(sign() == CALL_RESULT_SIGNED);
	rig_stop(&rig);
	copy("orphan", true);
	EXPECT(!rig_try(&rig, folder));
}

/* DS3, C2: over and over, at a random moment of a change. */
static void test_a_kill_between_store_and_tpm_never_stops_the_next_start(void)
{
	unsigned acknowledged = 0;

	start_fresh("kills");
	for (int i = 0; i < 12; i++) {
		enum authz_action action = i % 2 == 0 ? AUTHZ_ACTION_FREEZE : AUTHZ_ACTION_UNFREEZE;
		bool told;

		rig.holds_anchor = i % 3 == 2;
		rig.patience_us = rig.holds_anchor ? SHORT_US : 0;
		told = change(action) == STATUS_OK;
		acknowledged += told;
		rig_stop(&rig);
		rig.holds_anchor = false;
		EXPECT(rig_try(&rig, folder));
		if (told)
			EXPECT((sign() == CALL_RESULT_SIGNED) == (i % 2 != 0));
	}
	EXPECT(acknowledged >= 6);
	rig.patience_us = 0;
}

/* PH9, DS7: a TPM whose indices are gone or made anew, and a store that is gone. */
static void test_nothing_is_taken_as_fresh(void)
{
	uint8_t anchor[32];
	uint64_t boots, extends;

	start_fresh("fresh");
	rig_stop(&rig);
	copy("whole", false);
	memcpy(anchor, rig.anchor, 32);
	boots = rig.boots;
	extends = rig.extends;
	rig.extends = 0; /* the anchor's index undefined */
	memset(rig.anchor, 0, 32);
	EXPECT(!rig_try(&rig, folder));
	erase_state(); /* and the store emptied: the boot counter remembers */
	EXPECT(!rig_try(&rig, folder));
	memcpy(rig.anchor, anchor, 32);
	rig.extends = extends;
	EXPECT(!rig_try(&rig, folder)); /* the store gone alone */
	copy("whole", true);
	rig.boots = boots + 2; /* the index played again to an earlier boot's value */
	EXPECT(!rig_try(&rig, folder));
	for (int cuts = 0; cuts < 3; cuts++) {
		rig.boots = boots - 1; /* cut off between extend and counter, boot after boot */
		EXPECT(rig_try(&rig, folder));
		EXPECT(rig.boots == boots);
		rig_stop(&rig);
	}
	EXPECT(rig_try(&rig, folder));
}

/* starts: from what the folder holds now, whatever ran before. */
static bool starts(void)
{
	rig_stop(&rig);
	return rig_try(&rig, folder);
}

/* DS1, A16: the site's word is for one store, at one value of the anchor and of the boot counter.
 */
static void test_an_accepted_store_is_the_one_that_was_accepted_then(void)
{
	uint8_t accepted[32];

	start_fresh("accepted");
	rig_stop(&rig);
	memcpy(accepted, rig.checkpoint, sizeof(accepted));
	copy("backup", false);
	EXPECT(starts() && change(AUTHZ_ACTION_FREEZE) == STATUS_OK);
	rig_stop(&rig);
	copy("backup", true);
	EXPECT(!starts());
	rig.accepts = accepted;
	rig.accepts_other_anchor = true;
	EXPECT(!starts());
	rig.accepts_other_anchor = false;
	rig.accepts_other_boot = true;
	EXPECT(!starts());
	rig.accepts_other_boot = false;
	accepted[0] ^= 1;
	EXPECT(!starts());
	accepted[0] ^= 1;
	EXPECT(starts());
	EXPECT(sign() == CALL_RESULT_WALLET_FROZEN);
	rig.accepts = NULL;
	EXPECT(change(AUTHZ_ACTION_UNFREEZE) == STATUS_OK && sign() == CALL_RESULT_SIGNED);
}

/* ends_when_told starts a signer and answers what it asks of the TPM as an attestor would; whether
 * it ends of that in time. */
static bool ends_when_told(struct call_attest_info info, int64_t patience_us)
{
	struct ipc_message none = {.kind = 0};
	int64_t end = supervisor_now_us() + 30 * SHORT_US;

	CHECK(starts());
	while (rig.info_asked == 0 && supervisor_now_us() < end)
		(void)!rig_take(&rig, &rig.bridge, &none, 20000);
	CHECK(rig.info_asked != 0);
	info.head.request = rig.info_asked;
	CHECK(ipc_put(&rig.attestor, CALL_ATTEST_INFO_ANSWER, bytes_of(&info, sizeof(info))) ==
	      STATUS_OK);
	end = supervisor_now_us() + patience_us;
	while (rig_is_alive(&rig, PROC_signer) && supervisor_now_us() < end)
		(void)!rig_take(&rig, &rig.bridge, &none, 20000);
	return !rig_is_alive(&rig, PROC_signer);
}

/* PH5: the attestor speaks to the TPM that gave the share, in the same boot of it, or the signer
 * ends. */
static void test_a_tpm_that_was_reset_or_exchanged_behind_the_unsealer_ends_the_signer(void)
{
	const struct call_attest_info same = {.ak_name_len = CALL_START_NAME_MAX};
	struct call_attest_info other = same;

	start_fresh("info");
	other.reset_count = 1;
	EXPECT(ends_when_told(other, 30 * SHORT_US));
	other = same;
	other.restart_count = 1;
	EXPECT(ends_when_told(other, 30 * SHORT_US));
	other = same;
	other.primary_name[33] = 1;
	EXPECT(ends_when_told(other, 30 * SHORT_US));
	EXPECT(!ends_when_told(same, SHORT_US) && sign() == CALL_RESULT_SIGNED);
}

/* The hot path does not wait for the TPM. */
static void test_a_tpm_that_does_not_answer_delays_no_signature(void)
{
	start_fresh("slow");
	EXPECT(sign() == CALL_RESULT_SIGNED); /* its lease is there */
	rig.holds_anchor = true;
	rig.patience_us = SHORT_US;
	EXPECT(grant(4242) == STATUS_BUSY);
	for (int i = 0; i < 20; i++)
		EXPECT(sign() == CALL_RESULT_SIGNED);
	rig.holds_anchor = false;
	rig.patience_us = 0;
	EXPECT(sign() == CALL_RESULT_SIGNED);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* On hardware writes are a tenth of a second apart. The figures are printed; what is counted are
 * the writes. */
static void test_changes_take_turns_at_the_writes_of_a_hardware_tpm(void)
{
	int64_t took_us[8], began, spent;
	uint64_t before;

	rig.hardware = true;
	start_fresh("hardware");
	before = rig.extends;
	spent = supervisor_now_us();
	for (int i = 0; i < 8; i++) {
		began = supervisor_now_us();
		EXPECT(change(i % 2 == 0 ? AUTHZ_ACTION_FREEZE : AUTHZ_ACTION_UNFREEZE) ==
		       STATUS_OK);
		took_us[i] = supervisor_now_us() - began;
	}
	spent = supervisor_now_us() - spent;
	EXPECT(rig.extends - before >= 8); /* none was acknowledged without one */
	EXPECT((int64_t)(rig.extends - before) <= spent / 100000 + 2);
	qsort(took_us, 8, sizeof(took_us[0]), by_value);
	printf("changes with a hardware TPM's budget: %lld ms at the median, %lld ms at most\n",
	       (long long)took_us[4] / 1000, (long long)took_us[7] / 1000);
	rig.hardware = false;
}

static struct rig_world other;

static bool sign_one(struct rig_world *of)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer = {.result = CALL_RESULT_SEALED};
	struct call_sign_request request;

	rig_transfer_message(of->address, of->recipient, 1, next_tag++, &message);
	request = rig_sign_request(of, buffer_bytes(&message));
	return rig_sign(&rig, &request, &answer) && answer.result == CALL_RESULT_SIGNED;
}

/* sign_some signs `count` times for a wallet; each spends 5,001 of a lease of 150,000. */
static void sign_some(struct rig_world *of, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		EXPECT(sign_one(of));
}

/* Waits for a write of the TPM, at most `limit_us`. */
static bool write_comes(uint64_t before, int64_t limit_us)
{
	int64_t end = supervisor_now_us() + limit_us;
	struct ipc_message none = {.kind = 0};

	while (rig.extends == before && supervisor_now_us() < end)
		(void)!rig_take(&rig, &rig.bridge, &none, 20000);
	return rig.extends != before;
}

/* R3: when one lease is renewed, all that were drawn on are, in the same write. */
static void test_leases_are_renewed_together_on_hardware(void)
{
	uint64_t before;

	rig.hardware = true;
	start_fresh("leases");
	memset(&other, 0, sizeof(other));
	rig_world_make(&rig, &other, "other");
	sign_some(&world, 1);
	sign_some(&other, 1);
	before = rig.extends;
	EXPECT(!write_comes(before, 1500000)); /* both first leases are there */
	sign_some(&world, 15);
	sign_some(&other, 15);
	sign_some(&world, 8);
	EXPECT(write_comes(before, 10000000));
	before = rig.extends;
	sign_some(&other, 8); /* alone it would be due now */
	EXPECT(!write_comes(before, 2500000));
	rig.hardware = false;
}

/* A lease that is read again after a start is none of the writes that users' changes are kept. */
static void test_leases_that_are_read_again_leave_users_their_writes(void)
{
	static struct rig_world worlds[22];
	size_t signed_ones = 0;

	start_fresh("leases-again");
	for (size_t i = 0; i < 22; i++) {
		char name[32];

		snprintf(name, sizeof(name), "again-%zu", i);
		rig_world_make(&rig, &worlds[i], name);
		sign_some(&worlds[i], 1);
	}
	rig_stop(&rig);
	rig.hardware = true;
	rig_start(&rig, folder, false);
	while (signed_ones < 22 && sign_one(&worlds[signed_ones]))
		signed_ones++;
	printf("leases that were read again: %zu at once\n", signed_ones);
	EXPECT(signed_ones >= 8 && signed_ones <= 16);
	rig.hardware = false;
}

int main(void)
{
	char command[200];

	CHECK(mkdtemp(base) != NULL && chmod(base, 0755) == 0);
	snprintf(folder, sizeof(folder), "%s/state", base);
	keys_random(rig.node_share, sizeof(rig.node_share));
	RUN(test_an_older_copy_is_refused_and_the_newest_goes_on);
	RUN(test_of_two_branches_only_the_anchored_one_starts);
	RUN(test_what_was_not_acknowledged_is_taken_back_and_never_comes_again);
	RUN(test_a_kill_between_store_and_tpm_never_stops_the_next_start);
	RUN(test_nothing_is_taken_as_fresh);
	RUN(test_an_accepted_store_is_the_one_that_was_accepted_then);
	RUN(test_a_tpm_that_was_reset_or_exchanged_behind_the_unsealer_ends_the_signer);
	RUN(test_a_tpm_that_does_not_answer_delays_no_signature);
	RUN(test_changes_take_turns_at_the_writes_of_a_hardware_tpm);
	RUN(test_leases_are_renewed_together_on_hardware);
	RUN(test_leases_that_are_read_again_leave_users_their_writes);
	rig_stop(&rig);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	CHECK(system(command) == 0);
	return test_summary();
}
