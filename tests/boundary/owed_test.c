/* What takes power while the TPM has no write left, and a disk that is put back meanwhile: each
 * part of SECURITY.md's sentence on it ("in force and in the store at once all the same, and is
 * bound by the TPM's next write, whoever's: after 288 s at most where one who took none of late
 * waits for it, else when nine have come back (43 min); until then a disk that is put back to
 * before while the machine starts undoes it, and who sent it is told"), R3, DS1, DS3, A11, A25. The
 * rig keeps anchor and boot counter as a TPM does, and sets the clock by which writes come back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "rig.h"
#include "signer_anchor.h"

#define USERS    14
#define WRITE_S  (86400u / SIGNER_ANCHOR_DAY) /* one comes back */
#define NINE     (SIGNER_ANCHOR_RESERVE + 1)  /* where leases may have one */
#define TOLD_S   5                            /* more than who waits to be told does */
#define QUIET_US 200000
#define SOON_US  30000000
#define DISK_US  1500000 /* more than a slow disk takes */
#define CAP      300000  /* of each grant, in total */
#define SPENT    6000    /* of it by one signature: lamports and fee */

static char base[] = "/tmp/owed_test_XXXXXX";
static char folder[64];
static struct rig rig;
static struct rig_world users[USERS];
static unsigned late; /* the first user whose freeze found no write */
static unsigned made; /* signatures of the last user, who freezes nothing */
static uint64_t next_tag;

/* ---- the disk ---- */

/* copy puts the state folder aside, or back, under a name. */
static void copy(const char *name, bool back)
{
	char there[96];

	snprintf(there, sizeof(there), "%s/%s", base, name);
	rig_copy(back ? there : folder, back ? folder : there);
}

/* copy_over gives a disk that was put aside another name. */
static void copy_over(const char *name, const char *other)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -rf %s/%s && mv %s/%s %s/%s", base, other, base,
	         name, base, other);
	CHECK(system(command) == 0);
}

/* starts_from cuts the power, puts a disk in ("": leaves it) and tells whether the signer starts.
 */
static bool starts_from(const char *name)
{
	rig_stop(&rig);
	if (*name != '\0')
		copy(name, true);
	return rig_try(&rig, folder);
}

/* ---- what users and bots do ---- */

static enum call_result sign(struct rig_world *user)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer said = {.result = CALL_RESULT_SEALED};
	struct call_sign_request request;

	rig_transfer_message(user->address, user->recipient, 1000, 7, &message);
	next_tag++;
	memcpy(space + 100, &next_tag, sizeof(next_tag)); /* another blockhash each time */
	request = rig_sign_request(user, buffer_bytes(&message));
	CHECK(rig_sign(&rig, &request, &said));
	made += said.result == CALL_RESULT_SIGNED && user == &users[USERS - 1];
	return said.result;
}

/* A wallet that is told to be frozen signs nothing. One that is not may wait for a lease. */
static bool is_frozen(unsigned user)
{
	bool frozen = rig_wallet(&rig, &users[user])->frozen;

	if (frozen)
		EXPECT(sign(&users[user]) == CALL_RESULT_WALLET_FROZEN);
	return frozen;
}

/* Lets all that is on its way come to its end, so that the disk can be copied. */
static void settle(int64_t for_us)
{
	int64_t end = supervisor_now_us() + for_us;
	struct ipc_message none = {.kind = 0};

	while (supervisor_now_us() < end)
		(void)!rig_take(&rig, &rig.bridge, &none, 20000);
}

/* The store has it, and the TPM, which is held, is asked. */
static bool tpm_is_asked(void)
{
	for (unsigned i = 0; i < 6000 && !ipc_ready(&rig.attestor); i++)
		usleep(10000);
	return ipc_ready(&rig.attestor);
}

static bool write_comes(uint64_t before)
{
	int64_t end = supervisor_now_us() + SOON_US;

	while (rig.extends == before && supervisor_now_us() < end)
		settle(20000);
	return rig.extends != before;
}

/* change: STATUS_OK when it was acknowledged. Who has to wait for that until he is told where it
 * stands is told at once. */
static enum status change_to(struct rig_world *user, enum authz_action action, struct bytes body)
{
	static uint8_t space[LIMIT_CHANGE_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change changed;
	enum status status;
	uint64_t id, heard = 0;

	CHECK(rig_wallet_refresh(&rig, user));
	changed = rig_change_begin(&rig, user, action, body);
	CHECK(rig_change_make(&rig, &changed, &user->user, &out) == STATUS_OK);
	id = rig_send(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&out));
	status = rig_hear(&rig, DISK_US, &heard, &answer);
	if (status == STATUS_BUSY) {
		rig_pass(&rig, TOLD_S);
		status = rig_hear(&rig, SOON_US, &heard, &answer);
	}
	CHECK(heard == id);
	return status;
}

static enum status change(struct rig_world *user, enum authz_action action)
{
	return change_to(user, action, bytes_of("\xa0", 1));
}

/* lower gives the wallet a limit. */
static enum status lower(struct rig_world *user)
{
	const struct authz_limit_body body = {
	    .of_wallet = true,
	    .limit_count = 1,
	    .limits = {
	        {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = 1}}};
	static uint8_t space[AUTHZ_GRANT_BODY_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(authz_limit_put(&body, &out) == STATUS_OK);
	return change_to(user, AUTHZ_ACTION_LIMIT, buffer_bytes(&out));
}

static bool is_told(enum status status)
{
	return status == STATUS_REFUSED && strstr(rig.refusal, "no_answer: ") == rig.refusal &&
	       strstr(rig.refusal, "in force and in the store") != NULL &&
	       strstr(rig.refusal, "who then puts an older store in its place does") != NULL;
}

/* ---- a TPM whose writes are used up ---- */

/* What the TPM keeps: a test that tries what else might have happened puts it back. */
struct kept {
	uint8_t anchor[32];
	uint64_t boots, extends;
};

static struct kept keep(void)
{
	struct kept kept = {.boots = rig.boots, .extends = rig.extends};

	memcpy(kept.anchor, rig.anchor, sizeof(kept.anchor));
	return kept;
}

static void give_back(const struct kept *kept)
{
	memcpy(rig.anchor, kept->anchor, sizeof(rig.anchor));
	rig.boots = kept->boots;
	rig.extends = kept->extends;
}

static struct kept at_first;

static void make_users(void)
{
	rig_start(&rig, folder, true);
	for (unsigned i = 0; i < USERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user-%u", i);
		users[i] = (struct rig_world){.cap = CAP};
		rig_world_make(&rig, &users[i], name);
		CHECK(sign(&users[i]) == CALL_RESULT_SIGNED);
	}
	rig_end(&rig);
	at_first = keep();
	copy("made", false);
}

/* begin has users take all writes, each as many as his share has; then a freeze finds none, and who
 * sent it, `late`, is told so. Disks are kept: of before that freeze, of before the one before it,
 * which was acknowledged, and of after. */
static void begin(void)
{
	enum status status = STATUS_OK;
	uint64_t writes;

	rig_stop(&rig);
	give_back(&at_first);
	copy("made", true);
	rig.hardware = true;
	made = 1;
	rig_start(&rig, folder, false);
	CHECK(sign(&users[USERS - 1]) == CALL_RESULT_SIGNED); /* its lease is there */
	for (unsigned i = 0; i < USERS - 1; i++)
		do
			rig_pass(&rig, 1); /* writes lie a tenth of a second apart */
		while (change(&users[i], AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	for (late = 0; late < USERS - 2; late++) {
		if (late + 1 >= SIGNER_ANCHOR_RESERVE) { /* the last write, and then none */
			settle(QUIET_US);
			if (late == SIGNER_ANCHOR_RESERVE)
				copy_over("before", "older");
			copy("before", false);
		}
		writes = rig.extends;
		rig_pass(&rig, 1);
		status = change(&users[late], AUTHZ_ACTION_FREEZE);
		if (rig.extends == writes)
			break;
		CHECK(status == STATUS_OK);
	}
	EXPECT(late == SIGNER_ANCHOR_RESERVE && is_told(status));
	settle(QUIET_US);
	copy("after", false);
}

/* ---- the sentence, part by part ---- */

/* And that it is there, with the figures that the code has. */
static void test_the_document_says_what_is_tested_here(void)
{
	static char text[65536], wanted[512];
	FILE *file = fopen(SOURCE_DIR "/SECURITY.md", "r");
	size_t len;

	CHECK(file != NULL);
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '\n' ? ' ' : text[i];
	for (char *at; (at = strstr(text, "  ")) != NULL;)
		memmove(at, at + 1, strlen(at));
	CHECK(NINE == 9);
	snprintf(
	    wanted, sizeof(wanted),
	    "What takes power is in force and in the store at once all the same, and is bound "
	    "by the TPM's next write, whoever's: after %u s at most where one who took none of "
	    "late waits for it, else when nine have come back (%u min). Until then a disk that "
	    "is put back to before while the machine starts undoes it, and who sent it is told.",
	    WRITE_S, NINE * WRITE_S / 60);
	EXPECT(strstr(text, wanted) != NULL);
}

/* "In force and in the store at once": a power cut does not undo it. The start's write binds it. */
static void test_without_a_write_it_is_in_force_and_in_the_store(void)
{
	uint64_t writes;

	begin();
	writes = rig.extends;
	EXPECT(is_frozen(late) && !is_frozen(late + 1));
	EXPECT(change(&users[late + 1], AUTHZ_ACTION_UNFREEZE) == STATUS_REFUSED &&
	       strstr(rig.refusal, "used up but for what takes power") != NULL);
	EXPECT(rig.extends == writes);
	EXPECT(starts_from("") && is_frozen(late) && !is_frozen(late + 1));
	settle(QUIET_US);
	copy("now", false);
	EXPECT(!starts_from("before") && !starts_from("after"));
	EXPECT(starts_from("now") && is_frozen(late));
}

/* "Until then a disk that is put back to before while the machine starts undoes it": this is what
 * remains. Nothing that was acknowledged is undone with it, no more is spent, and of the disks that
 * there may be then the first one that is started from is the only one ever. */
static void test_a_disk_put_back_to_before_undoes_it_and_nothing_else(void)
{
	static const char *const disks[] = {"before", "after", "both"};
	struct kept kept;
	unsigned between;

	begin();
	EXPECT(is_told(change(&users[late + 1], AUTHZ_ACTION_FREEZE)));
	for (unsigned i = 0; i < 3; i++) /* of its lease */
		EXPECT(sign(&users[USERS - 1]) == CALL_RESULT_SIGNED);
	between = made;
	settle(QUIET_US);
	copy("both", false);
	kept = keep();
	EXPECT(!starts_from("older") && !starts_from("made"));
	for (unsigned disk = 0; disk < 3; disk++) {
		made = between;
		rig_stop(&rig);
		give_back(&kept);
		EXPECT(starts_from(disks[disk]));
		for (unsigned i = 0; i < late; i++)
			EXPECT(is_frozen(i));
		EXPECT(is_frozen(late) == (disk >= 1) && is_frozen(late + 1) == (disk == 2));
		rig_pass(&rig, 86400);
		for (unsigned i = 0; i < 2 * CAP / SPENT && made <= CAP / SPENT; i++)
			if (sign(&users[USERS - 1]) != CALL_RESULT_SIGNED)
				settle(20000);
		EXPECT(made > between && made <= CAP / SPENT);
		settle(QUIET_US);
		copy("gone-on", false);
		for (unsigned other = 0; other < 3; other++)
			EXPECT(!starts_from(disks[other]));
		EXPECT(starts_from("gone-on"));
	}
	printf("spent of %u: %u before the disk was put back, %u in all\n", CAP / SPENT, between,
	       made);
}

/* "While the machine starts": a running one halts. */
static void test_a_disk_put_back_under_a_running_machine_halts_it(void)
{
	int64_t end;

	begin();
	copy("before", true);
	rig_replace(&rig, PROC_store);
	end = supervisor_now_us() + SOON_US;
	while (rig_is_alive(&rig, PROC_signer) && supervisor_now_us() < end)
		settle(20000);
	EXPECT(!rig_is_alive(&rig, PROC_signer));
}

/* "Bound by the TPM's next write, whoever's: after 288 s at most where one who took none of late
 * waits for it": of two the second took none, and the first one's goes with it. What the power cuts
 * off between store and TPM is taken back to what was owed, not further. */
static void test_the_next_write_binds_it_for_whoever_waits(void)
{
	uint64_t writes;

	begin();
	writes = rig.extends;
	settle(QUIET_US);
	EXPECT(rig.extends == writes);
	rig.holds_anchor = true;
	rig_pass(&rig, WRITE_S);
	CHECK(tpm_is_asked());
	rig_stop(&rig);
	rig.holds_anchor = false;
	EXPECT(starts_from("") && is_frozen(late));

	begin();
	writes = rig.extends;
	rig_pass(&rig, WRITE_S);
	EXPECT(write_comes(writes) && rig.extends == writes + 1);
	settle(QUIET_US);
	copy("now", false);
	EXPECT(!starts_from("before") && !starts_from("after"));
	EXPECT(starts_from("now") && is_frozen(late));
}

/* "Else when nine have come back": who took of late has what he takes away in force, and waits. */
static void test_else_it_is_bound_when_nine_have_come_back(void)
{
	uint64_t writes;

	begin();
	writes = rig.extends;
	rig_pass(&rig, WRITE_S);
	CHECK(write_comes(writes));
	settle(QUIET_US);
	copy("before", false);
	EXPECT(is_told(lower(&users[late])));
	writes = rig.extends;
	rig_pass(&rig, (NINE - 1) * WRITE_S - 60);
	settle(QUIET_US);
	EXPECT(rig.extends == writes);
	rig_pass(&rig, WRITE_S + 60);
	EXPECT(write_comes(writes));
	settle(QUIET_US);
	copy("now", false);
	EXPECT(!starts_from("before") && starts_from("now"));
}

int main(void)
{
	char command[200];

	CHECK(mkdtemp(base) != NULL && chmod(base, 0755) == 0);
	snprintf(folder, sizeof(folder), "%s/state", base);
	CHECK(mkdir(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	rig_skew(&rig, base);
	make_users();
	RUN(test_the_document_says_what_is_tested_here);
	RUN(test_without_a_write_it_is_in_force_and_in_the_store);
	RUN(test_a_disk_put_back_to_before_undoes_it_and_nothing_else);
	RUN(test_a_disk_put_back_under_a_running_machine_halts_it);
	RUN(test_the_next_write_binds_it_for_whoever_waits);
	RUN(test_else_it_is_bound_when_nine_have_come_back);
	rig_stop(&rig);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	CHECK(system(command) == 0);
	return test_summary();
}
