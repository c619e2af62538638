/* What operators order of the appliance's signer: commands that count once, and what is to be kept
 * for the next start, which is judged first. The test is an honest authority, a bridge and an
 * attestor that judge as they are told to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authz_answer.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_test.h"
#include "call_update.h"
#include "keys_p256.h"
#include "rig.h"
#include "site.h"

static char folder[] = "/tmp/operator_test_XXXXXX";
static struct rig rig;
static uint8_t install_space[CALL_CHANGE_SLOT_BYTES], answer_space[CALL_CHANGE_SLOT_BYTES];
static struct keys_sign_key operators[3]; /* of them the machine knows two */

static void make_operators(void)
{
	static char setting[128];
	char keys[2][BASE58_LEN(32) + 1];

	for (size_t i = 0; i < 3; i++)
		keys_sign_random(&operators[i]);
	for (size_t i = 0; i < 2; i++) {
		CHECK(base58_encode(bytes_of(keys_sign_public(&operators[i]), 32), keys[i],
		                    sizeof(keys[i])) == STATUS_OK);
	}
	snprintf(setting, sizeof(setting), "operators=%s,%s", keys[0], keys[1]);
	rig.setting = setting;
}

static enum status command_of(size_t operator, uint8_t action, uint64_t serial,
                              const uint8_t *target)
{
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	uint8_t command_space[1024];
	struct buffer answer = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(command_space);
	struct authz_command command = {.action = action, .serial = serial};

	if (target != NULL)
		memcpy(command.target, target, sizeof(command.target));
	command.expires_s = rig_now_s(&rig) + 600;
	memcpy(command.deployment, rig.deployment, 32);
	memcpy(command.operator_key, keys_sign_public(&operators[operator]), 32);
	CHECK(authz_command_put(&command, &operators[operator], &out) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_OPERATOR, buffer_bytes(&out), &answer);
}

static enum status unfreeze_all(size_t operator, uint64_t serial)
{
	return command_of(operator, AUTHZ_COMMAND_UNFREEZE_ALL, serial, NULL);
}

/* A stolen key of one operator cannot end the others' commands, also not over a restart. */
static void test_one_operators_serials_are_no_other_operators(void)
{
	EXPECT(unfreeze_all(0, INT64_MAX - 1000) == STATUS_OK);
	EXPECT(unfreeze_all(0, INT64_MAX - 1000) == STATUS_REFUSED);
	EXPECT(unfreeze_all(1, 5) == STATUS_OK);
	EXPECT(unfreeze_all(1, 5) == STATUS_REFUSED);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(unfreeze_all(0, INT64_MAX - 1000) == STATUS_REFUSED);
	EXPECT(unfreeze_all(1, 5) == STATUS_REFUSED);
	EXPECT(unfreeze_all(1, 6) == STATUS_OK);
}

/* A bridge that answers as often as it is asked whether a chain holds; then it says the
 * opposite of another one. */
struct judge {
	uint32_t holds;
	unsigned asked;
	atomic_bool is_over;
};

static void *judge_chains(void *context)
{
	struct judge *judge = context;
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];

	while (!atomic_load(&judge->is_over)) {
		struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};
		struct call_bridge_certificate said = {.holds = judge->holds}, other;
		struct bytes chain;

		if (ipc_take(&rig.bridge, &message) != STATUS_OK ||
		    message.kind != CALL_BRIDGE_CERTIFICATE) {
			usleep(1000);
			continue;
		}
		chain = buffer_bytes(&message.payload);
		keys_sha256(&chain, 1, said.hash);
		judge->asked++;
		other = said;
		other.hash[31] ^= 1;
		other.holds = said.holds != 1;
		CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_CERTIFICATE_ANSWER,
		              bytes_of(&said, sizeof(said))) == STATUS_OK);
		CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_CERTIFICATE_ANSWER,
		              bytes_of(&other, sizeof(other))) == STATUS_OK);
	}
	return NULL;
}

/* Of the next command of each. */
static uint64_t next_serials[2] = {INT64_MAX - 999, 101};

/* install_by has an operator order that this is put where it belongs, for the next start. */
static enum status install_by(size_t operator, uint8_t action, struct bytes content)
{
	uint8_t command_space[1024];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space), out = BUFFER_OF_ARRAY(command_space),
	              whole = BUFFER_OF_ARRAY(install_space);
	struct authz_command command = {.action = action, .serial = next_serials[operator]++};

	command.expires_s = rig_now_s(&rig) + 600;
	memcpy(command.deployment, rig.deployment, 32);
	memcpy(command.operator_key, keys_sign_public(&operators[operator]), 32);
	keys_sha256(&content, 1, command.target);
	CHECK(authz_command_put(&command, &operators[operator], &out) == STATUS_OK);
	CHECK(authz_install_put(
	          &(struct authz_install){.command = buffer_bytes(&out), .content = content},
	          &whole) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_INSTALL, buffer_bytes(&whole), &answer);
}

static enum status install(uint8_t action, struct bytes content)
{
	return install_by(1, action, content);
}

static enum status install_chain(struct judge judge, const char *chain)
{
	enum status status;
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, judge_chains, &judge) == 0);
	status = install(AUTHZ_COMMAND_INSTALL_CERTIFICATE, bytes_of_text(chain));
	atomic_store(&judge.is_over, true);
	CHECK(pthread_join(thread, NULL) == 0);
	EXPECT(judge.asked >= 1);
	return status;
}

/* What the bridge hears first of a start: the kept chain, if there is one. */
static bool is_kept(const char *chain)
{
	rig_stop(&rig);
	rig.kept_chain_len = 0;
	rig_start(&rig, folder, false);
	return bytes_equal(bytes_of(rig.kept_chain, rig.kept_chain_len), bytes_of_text(chain));
}

/* ---- settings and approvals ---- */

static struct keys_p256_key site_key;
static uint8_t site_space[SITE_MANIFEST_MAX];
static bool interprets; /* so the manifests say */

/* sign_site signs a manifest of that serial, with that port. */
static struct bytes sign_site(const struct keys_p256_key *key, uint64_t serial, uint16_t port,
                              size_t operator_count)
{
	static uint8_t inner_space[SITE_MANIFEST_MAX];
	struct buffer whole = BUFFER_OF_ARRAY(site_space), inner = BUFFER_OF_ARRAY(inner_space);
	static struct site_manifest manifest;
	uint8_t hash[KEYS_HASH_LEN];

	manifest = (struct site_manifest){.serial = serial,
	                                  .port = port,
	                                  .operator_port = 8201,
	                                  .operator_count = (uint8_t)operator_count,
	                                  .interpreter = interprets,
	                                  .name_count = 1,
	                                  .names = {"signer"}};
	memcpy(manifest.key, key->public, sizeof(manifest.key));
	for (size_t i = 0; i < operator_count; i++)
		memcpy(manifest.operators[i], keys_sign_public(&operators[i]), 32);
	CHECK(site_signed(&manifest, &inner) == STATUS_OK);
	keys_sha256_label(SITE_LABEL, buffer_bytes(&inner), hash);
	CHECK(keys_p256_sign(key, hash, manifest.signature) == STATUS_OK);
	CHECK(site_put(&manifest, &whole) == STATUS_OK);
	return buffer_bytes(&whole);
}

static void run_by(uint64_t serial, uint16_t port)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	struct bytes made = sign_site(&site_key, serial, port, 2);

	memcpy(space, made.data, made.len);
	rig.site = bytes_of(space, made.len);
}

static void become_appliance(void)
{
	rig_stop(&rig);
	run_by(7, 8200);
	memcpy(rig.site_key, site_key.public, sizeof(rig.site_key));
	rig_start(&rig, folder, false);
}

/* A signed command with a chain that the bridge refuses leaves the one that is kept. */
static void test_a_chain_that_does_not_hold_leaves_the_kept_one(void)
{
	EXPECT(install_chain((struct judge){.holds = 0}, "bad") == STATUS_REFUSED &&
	       strstr(rig.refusal, "the former stays") != NULL);
	EXPECT(is_kept(""));
	EXPECT(install_chain((struct judge){.holds = 1}, "good") == STATUS_OK);
	EXPECT(is_kept("good"));
	EXPECT(install_chain((struct judge){.holds = 0}, "bad") == STATUS_REFUSED);
	EXPECT(install_chain((struct judge){.holds = 2}, "bad") == STATUS_REFUSED);
	EXPECT(is_kept("good"));
	EXPECT(install_chain((struct judge){.holds = 1}, "better") == STATUS_OK);
	EXPECT(is_kept("better"));
}

static bool refused(enum status status, const char *text)
{
	bool is_so = status == STATUS_REFUSED && strstr(rig.refusal, text) != NULL;

	if (!is_so)
		printf("%d: %s\n", (int)status, rig.refusal);
	return is_so;
}

/* O9: with what the attestor does not let in, the next start would be the last. This rig's store is
 * a folder, which no command writes to: what passes is refused by that, and by nothing before. */
static void test_approvals_are_judged_before_they_are_stored(void)
{
	static const char *const said[][2] = {
	    {"144", "144: the approvals are damaged or of another genesis"             },
	    {"145", "would not start again: this image is of a release below the floor"},
	    {"120", "120: the staged image: no release approval for this image"        },
	};
	static const struct call_attest_judged judged[] = {
	    {.code = CALL_UPDATE_APPROVALS},
	    {.code = CALL_UPDATE_LOCKS_OUT, .why = CALL_UPDATE_BELOW_FLOOR},
	    {.code = CALL_UPDATE_NO_RELEASE                            },
	};
	struct bytes approvals = bytes_of_text("a file of approvals");

	for (size_t i = 0; i < 3; i++) {
		rig.judged = judged[i];
		rig.judged_bytes = 0;
		EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_APPROVALS, approvals), said[i][0]));
		EXPECT(strstr(rig.refusal, said[i][1]) != NULL);
		EXPECT(rig.judged_bytes == approvals.len);
	}
	rig.judged = (struct call_attest_judged){.code = 0};
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_APPROVALS, approvals), "data disk"));
	rig.judge_status = STATUS_BUSY;
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_APPROVALS, approvals), "the TPM did not say"));
	rig.judge_status = STATUS_OK;
	rig.judged_bytes = 0;
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_APPROVALS, bytes_of_text("")), "1 to 32768"));
	EXPECT(rig.judged_bytes == 0);
}

/* O9: settings are checked where they are to count, whatever was checked where they come from. */
static void test_settings_are_checked_before_they_are_stored(void)
{
	struct keys_p256_key other;
	uint8_t bent[SITE_MANIFEST_MAX];
	struct bytes made;

	keys_p256_random(&other);
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, bytes_of_text("none")), "malformed"));
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, sign_site(&other, 8, 8200, 2)),
	               "another site"));
	made = sign_site(&site_key, 8, 8200, 2);
	memcpy(bent, made.data, made.len);
	bent[made.len - 1] ^= 1;
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, bytes_of(bent, made.len)),
	               "not signed by its site key"));
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, sign_site(&site_key, 7, 8300, 2)),
	               "serial is not above"));
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, sign_site(&site_key, 8, 8300, 3)),
	               "more power"));
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, sign_site(&site_key, 8, 8300, 1)),
	               "data disk"));
	interprets = true; /* less is trusted: it may come from afar */
	EXPECT(refused(install(AUTHZ_COMMAND_INSTALL_SITE, sign_site(&site_key, 8, 8300, 1)),
	               "data disk"));
	interprets = false;
}

/* O4: whoever holds the disk brings back no manifest that the site replaced, of the same serial
 * neither. */
static void test_a_start_by_another_manifest_wants_a_higher_serial(void)
{
	rig_stop(&rig);
	run_by(7, 8300);
	EXPECT(!rig_try(&rig, folder));
	run_by(6, 8200);
	EXPECT(!rig_try(&rig, folder));
	run_by(8, 8300);
	EXPECT(rig_try(&rig, folder));
	rig_stop(&rig);
	run_by(7, 8200);
	EXPECT(!rig_try(&rig, folder));
	run_by(8, 8300);
	EXPECT(rig_try(&rig, folder)); /* the same one again */
	/* And one that says another engine than this signer was told is not what it runs by. */
	rig_stop(&rig);
	interprets = true;
	run_by(9, 8300);
	EXPECT(!rig_try(&rig, folder));
	interprets = false;
	run_by(9, 8300);
	EXPECT(rig_try(&rig, folder));
}

#define INSTALLS 24 /* of an operator, before he waits */

/* O9: whoever has stolen an operator's key wears the disks with his orders no faster than the rate,
 * whatever he sends; what another one sends is not in it. */
static void test_what_an_operator_sends_has_a_rate(void)
{
	static const struct {
		uint8_t action;
		const char *content, *why;
	} kinds[] = {
	    {AUTHZ_COMMAND_INSTALL_SITE,        "none",                "malformed"   },
	    {AUTHZ_COMMAND_INSTALL_APPROVALS,   "a file of approvals", "data disk"   },
	    {AUTHZ_COMMAND_INSTALL_CERTIFICATE, "",                    "at most"     },
	    {AUTHZ_COMMAND_UPDATE,              "none",                "no appliance"}, /* no updater */
	};
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);

	rig_stop(&rig);
	rig_start(&rig, folder, false);
	for (size_t i = 0; i < INSTALLS; i++)
		EXPECT(refused(
		    install(kinds[i % count].action, bytes_of_text(kinds[i % count].content)),
		    kinds[i % count].why));
	for (size_t i = 0; i < count; i++) {
		EXPECT(refused(install(kinds[i].action, bytes_of_text(kinds[i].content)),
		               "too many orders"));
		EXPECT(refused(install_by(0, kinds[i].action, bytes_of_text(kinds[i].content)),
		               kinds[i].why));
	}
}

static struct keys_sign_key bots[20];

static enum status freeze_bot(size_t operator, size_t bot)
{
	uint8_t id[32];

	authz_client_id(keys_sign_public(&bots[bot]), id);
	return command_of(operator, AUTHZ_COMMAND_FREEZE_CLIENT, next_serials[operator]++, id);
}

static enum status order(size_t operator, uint8_t action)
{
	return command_of(operator, action, next_serials[operator]++, NULL);
}

/* A25, R3: one operator's key has its share of a hardware TPM's writes, whatever it orders: what
 * another one orders is durable in a second, and nobody's reserve is used up. A freeze that holds
 * is written once; freezes have a share of their own. */
static void test_one_operators_orders_leave_the_others_the_tpms_writes(void)
{
	struct bytes approvals = bytes_of_text("a file of approvals");
	unsigned sent = 0, refusals = 0;
	uint64_t start, before;
	int64_t took;

	for (size_t i = 0; i < sizeof(bots) / sizeof(bots[0]); i++) {
		char token[RIG_TOKEN_LEN + 1];

		keys_sign_random(&bots[i]);
		rig_credential(&rig, &bots[i], token);
	}
	rig_stop(&rig);
	rig.hardware = true;
	rig_start(&rig, folder, false);
	start = before = rig.extends;
	for (unsigned i = 0; i < 2; i++)
		EXPECT(freeze_bot(0, 0) == STATUS_OK &&
		       order(0, AUTHZ_COMMAND_FREEZE_ALL) == STATUS_OK &&
		       rig.extends == before + 2);
	before = rig.extends;
	for (unsigned i = 0; i < INSTALLS - 4; i++) {
		enum status status = install(AUTHZ_COMMAND_INSTALL_APPROVALS, approvals);

		sent += status == STATUS_REFUSED && strstr(rig.refusal, "data disk") != NULL;
		refusals += status == STATUS_REFUSED && strstr(rig.refusal, "your share") != NULL;
	}
	EXPECT(sent >= 8 && sent <= 12 && sent + refusals == INSTALLS - 4);
	EXPECT(rig.extends == before + sent);
	EXPECT(refused(install_chain((struct judge){.holds = 1}, "another"), "your share"));
	EXPECT(refused(order(1, AUTHZ_COMMAND_UNFREEZE_ALL), "your share"));
	EXPECT(refused(order(1, AUTHZ_COMMAND_RESTART), "your share"));
	before = rig.extends;
	took = supervisor_now_us();
	EXPECT(order(0, AUTHZ_COMMAND_UNFREEZE_ALL) == STATUS_OK && rig.extends == before + 1);
	took = supervisor_now_us() - took;
	printf("%u of %u orders of one operator; then another's: %lld ms\n", sent, INSTALLS - 4,
	       (long long)took / 1000);
	EXPECT(took < 3000000);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(refused(install_by(0, AUTHZ_COMMAND_INSTALL_APPROVALS, approvals),
		               "data disk"));
	EXPECT(freeze_bot(1, 1) == STATUS_OK && freeze_bot(1, 2) == STATUS_OK);
	rig.patience_us = 200000;
	for (size_t i = 3; i < sizeof(bots) / sizeof(bots[0]); i++) {
		(void)freeze_bot(1, i);
		(void)order(1, AUTHZ_COMMAND_FREEZE_ALL);
	}
	rig.patience_us = 0;
	EXPECT(rig.extends - start <= 21); /* all but the start's and the reserve of 8 */
	EXPECT(rig_is_alive(&rig, PROC_signer));
	rig.hardware = false;
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	make_operators();
	rig_start(&rig, folder, true);
	RUN(test_one_operators_serials_are_no_other_operators);
	keys_p256_random(&site_key);
	become_appliance();
	RUN(test_a_chain_that_does_not_hold_leaves_the_kept_one);
	RUN(test_approvals_are_judged_before_they_are_stored);
	RUN(test_settings_are_checked_before_they_are_stored);
	RUN(test_a_start_by_another_manifest_wants_a_higher_serial);
	RUN(test_what_an_operator_sends_has_a_rate);
	RUN(test_one_operators_orders_leave_the_others_the_tpms_writes);
	rig_stop(&rig);
	return test_summary();
}
