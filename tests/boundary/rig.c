/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_ask.h"
#include "authz_counter.h"
#include "authz_envelope.h"
#include "authz_text.h"
#include "base_check.h"
#include "base_encode.h"
#include "call_attest.h"
#include "call_channel.h"
#include "call_start.h"
#include "cbor_writer.h"
#include "ipc_wait.h"
#include "proc_site.h"

#define PATIENCE_US 60000000
#define TURN_US     1000

static uint8_t taken[IPC_SLOT_BYTES_MAX];

struct supervisor_link *rig_link(struct rig *rig, enum proc_channel_id id)
{
	for (size_t i = 0; i < rig->supervisor.link_count; i++)
		if (rig->supervisor.links[i].id == id)
			return &rig->supervisor.links[i];
	CHECK(!"a channel of the topology");
	return NULL;
}

struct supervisor_child *rig_child(struct rig *rig, enum proc_role role)
{
	for (size_t i = 0; i < rig->supervisor.child_count; i++)
		if (rig->supervisor.children[i].role == role)
			return &rig->supervisor.children[i];
	CHECK(!"a process of the topology");
	return NULL;
}

bool rig_is_alive(struct rig *rig, enum proc_role role)
{
	return waitpid(rig_child(rig, role)->pid, NULL, WNOHANG) == 0;
}

static void hold_link(struct supervisor_link *link, unsigned side, struct ipc_channel *end)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_lend(&link->memory, side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(end, &link->memory.shape, &fds, side) == STATUS_OK);
}

static void hold_side(struct rig *rig, enum proc_channel_id id, unsigned side,
                      struct ipc_channel *end)
{
	hold_link(rig_link(rig, id), side, end);
}

static void hold_end(struct rig *rig, enum proc_channel_id id, struct ipc_channel *end)
{
	hold_side(rig, id, 0, end);
}

static void await_acknowledged(struct supervisor_link *link, unsigned side)
{
	int64_t deadline = supervisor_now_us() + PATIENCE_US;

	while (!ipc_memory_is_acknowledged(&link->memory, side)) {
		struct ipc_futex words[2];

		CHECK(supervisor_now_us() < deadline);
		ipc_memory_watch(&link->memory, side, words);
		if (!ipc_memory_is_acknowledged(&link->memory, side))
			ipc_futex_wait(words, 2, 20000);
	}
}

void rig_renew(struct rig *rig, enum proc_channel_id id, struct ipc_channel *far)
{
	struct supervisor_link *link = rig_link(rig, id);

	ipc_memory_raise(&link->memory);
	await_acknowledged(link, 1);
	ipc_channel_close(far);
	CHECK(ipc_memory_reset_side(&link->memory, 0) == STATUS_OK);
	ipc_memory_raise(&link->memory);
	hold_end(rig, id, far);
	await_acknowledged(link, 1);
}

/* The same where the signer is the near end. */
static void renew_served(struct supervisor_link *link, struct ipc_channel *far)
{
	ipc_memory_raise(&link->memory);
	await_acknowledged(link, 0);
	ipc_channel_close(far);
	CHECK(ipc_memory_reset_side(&link->memory, 1) == STATUS_OK);
	ipc_memory_raise(&link->memory);
	hold_link(link, 1, far);
}

void rig_renew_store(struct rig *rig)
{
	renew_served(rig_link(rig, PROC_CHANNEL_signer_store), &rig->store);
}

static void replace(struct rig *rig, struct supervisor_link *link)
{
	struct supervisor_child *child = link->child[1];

	kill(child->pid, SIGKILL);
	CHECK(waitpid(child->pid, NULL, 0) == child->pid);
	ipc_memory_raise(&link->memory);
	await_acknowledged(link, 0);
	CHECK(ipc_memory_reset_side(&link->memory, 1) == STATUS_OK);
	ipc_memory_raise(&link->memory);
	CHECK(supervisor_spawn(&rig->supervisor, child) == STATUS_OK);
}

void rig_replace(struct rig *rig, enum proc_role role)
{
	replace(rig, rig_link(rig, role == PROC_store ? PROC_CHANNEL_signer_store
	                                              : PROC_CHANNEL_signer_verifier));
}

/* What the attestor says of approvals. */
static void judge(struct rig *rig, const struct call_attest_request *request)
{
	struct call_attest_head head = {.request = request->head.request,
	                                .status = (uint32_t)rig->judge_status};
	uint8_t space[sizeof(head) + sizeof(rig->judged)];
	struct buffer out = BUFFER_OF_ARRAY(space);

	rig->judged_bytes = request->approvals.len;
	CHECK(buffer_put(&out, bytes_of(&head, sizeof(head))) == STATUS_OK);
	if (rig->judge_status == STATUS_OK)
		CHECK(buffer_put(&out, bytes_of(&rig->judged, sizeof(rig->judged))) == STATUS_OK);
	CHECK(ipc_put(&rig->attestor, CALL_ATTEST_JUDGE_ANSWER, buffer_bytes(&out)) == STATUS_OK);
}

/* What a TPM does with the signer's checkpoints. */
static void attest(struct rig *rig)
{
	static uint8_t space[CALL_ATTEST_SIGNER_SLOT_BYTES];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};
	struct call_attest_extended extended = {.head.status = STATUS_OK};
	struct call_attest_request request;
	struct bytes parts[2];
	enum status status;

	if (rig->holds_anchor || (rig->holds_at != 0 && rig->extends >= rig->holds_at))
		return;
	status = ipc_take(&rig->attestor, &message);
	if (status == STATUS_CONFLICT)
		ipc_acknowledge(&rig->attestor);
	if (status != STATUS_OK ||
	    (message.kind != CALL_ATTEST_NV_EXTEND && message.kind != CALL_ATTEST_JUDGE &&
	     message.kind != CALL_ATTEST_INFO))
		return; /* what else it asks has no answer here */
	CHECK(attest_take_request(message.kind, buffer_bytes(&message.payload), &request) ==
	      STATUS_OK);
	if (message.kind == CALL_ATTEST_INFO) {
		rig->info_asked = request.head.request;
		return;
	}
	if (message.kind == CALL_ATTEST_JUDGE) {
		judge(rig, &request);
		return;
	}
	parts[0] = BYTES_OF_ARRAY(rig->anchor);
	parts[1] = BYTES_OF_ARRAY(request.extend.digest);
	keys_sha256(parts, 2, rig->anchor);
	memcpy(rig->checkpoint, request.extend.digest, sizeof(rig->checkpoint));
	rig->extends++;
	rig->boots = request.extend.boots;
	extended.head.request = request.head.request;
	extended.boots = rig->boots;
	memcpy(extended.value, rig->anchor, sizeof(extended.value));
	if (rig->loses_anchor)
		return;
	CHECK(ipc_put(&rig->attestor, CALL_ATTEST_NV_EXTEND_ANSWER,
	              bytes_of(&extended, sizeof(extended))) == STATUS_OK);
}

/* Whether the test itself is this process. */
static bool is_held(const struct rig *rig, const struct supervisor_child *child)
{
	return (child->role == PROC_store && rig->serve_store != NULL) ||
	       (child->role == PROC_verifier && rig->serve_verifier != NULL);
}

/* What the supervisor does when the signer asks for another verifier (A17). */
static void supervise(struct rig *rig)
{
	for (size_t i = 0; i < rig->supervisor.link_count; i++) {
		struct supervisor_link *link = &rig->supervisor.links[i];
		enum ipc_complaint complaint;

		if (link->id != PROC_CHANNEL_signer_verifier)
			continue;
		complaint = ipc_memory_complaint(&link->memory, 0);
		if (complaint == IPC_COMPLAINT_NONE)
			continue;
		rig->complaint = complaint;
		rig->replaced++;
		if (is_held(rig, link->child[1]))
			renew_served(link, &rig->verifiers[link->child[1]->number]);
		else
			replace(rig, link);
	}
}

enum status rig_take(struct rig *rig, struct ipc_channel *channel, struct ipc_message *message,
                     int64_t timeout_us)
{
	int64_t deadline = supervisor_now_us() + timeout_us;
	struct ipc_waiter waiter;

	ipc_waiter_init(&waiter, 0);
	ipc_waiter_add(&waiter, channel);
	ipc_waiter_add(&waiter, &rig->attestor);
	if (rig->serve_store != NULL)
		ipc_waiter_add(&waiter, &rig->store);
	for (size_t i = 0; rig->serve_verifier != NULL && i < rig->supervisor.verifiers; i++)
		ipc_waiter_add(&waiter, &rig->verifiers[i]);
	message->payload = (struct buffer){taken, sizeof(taken), 0};
	for (;;) {
		int64_t left = deadline - supervisor_now_us();
		enum status status;

		attest(rig);
		if (rig->serve_store != NULL)
			rig->serve_store(rig);
		if (rig->serve_verifier != NULL)
			rig->serve_verifier(rig);
		status = ipc_take(channel, message);

		if (status != STATUS_BUSY || left <= 0)
			return status;
		(void)ipc_wait(&waiter, left < TURN_US ? left : TURN_US);
		supervise(rig);
	}
}

static void send_facts(struct rig *rig, bool genesis)
{
	struct call_start_facts facts = {
	    .mode = genesis ? CALL_START_GENESIS : CALL_START_UNSEAL,
	    .is_software = !rig->hardware,
	    .ak_name_len = CALL_START_NAME_MAX,
	    .primary_name_len = CALL_START_NAME_MAX,
	    .clock_safe = 1,
	    .clock_ms = rig->tpm_clock_ms,
	    .has_checkpoint = rig->extends != 0,
	    .has_counter = 1,
	    .counter = rig->boots,
	};

	memcpy(facts.nv_checkpoint, rig->anchor, sizeof(facts.nv_checkpoint));
	if (rig->accepts != NULL) {
		facts.has_recovery = 1;
		facts.recovery_boots = rig->boots;
		memcpy(facts.recovery_checkpoint, rig->accepts, sizeof(facts.recovery_checkpoint));
		memcpy(facts.recovery_anchor, rig->anchor, sizeof(facts.recovery_anchor));
		facts.recovery_anchor[0] ^= rig->accepts_other_anchor;
		facts.recovery_boots += rig->accepts_other_boot;
	}
	memcpy(facts.site_key, rig->site_key, sizeof(facts.site_key));
	memcpy(facts.node_share, rig->node_share, sizeof(facts.node_share));
	CHECK(ipc_put(&rig->unsealer, CALL_START_FACTS, bytes_of(&facts, sizeof(facts))) ==
	      STATUS_OK);
}

static void greet(struct rig *rig)
{
	struct call_change_hello hello;
	struct call_channel_start start;
	struct call_change_channel channel;
	struct authz_certificate certificate;
	struct ipc_message message = {.kind = 0};

	keys_random(&hello, sizeof(hello));
	CHECK(ipc_put(&rig->authority, CALL_CHANGE_AUTHORITY_HELLO,
	              bytes_of(&hello, sizeof(hello))) == STATUS_OK);
	CHECK(rig_take(rig, &rig->authority, &message, PATIENCE_US) == STATUS_OK);
	CHECK(message.kind == CALL_CHANGE_CHANNEL && message.payload.len >= sizeof(channel));
	memcpy(&channel, message.payload.data, sizeof(channel));
	memcpy(rig->deployment, channel.deployment, 32);
	rig->boot = channel.boot;
	CHECK(rig_take(rig, &rig->bridge, &message, PATIENCE_US) == STATUS_OK);
	if (message.kind == CALL_BRIDGE_CERTIFICATE) {
		CHECK(message.payload.len <= sizeof(rig->kept_chain));
		memcpy(rig->kept_chain, message.payload.data, message.payload.len);
		rig->kept_chain_len = message.payload.len;
		CHECK(rig_take(rig, &rig->bridge, &message, PATIENCE_US) == STATUS_OK);
	}
	CHECK(message.kind == CALL_BRIDGE_CHANNEL_START);
	CHECK(call_channel_take_start(buffer_bytes(&message.payload), &start) == STATUS_OK);
	memcpy(rig->deployment_key, start.deployment_key, 32);
	CHECK(authz_certificate_open(start.signer_certificate, start.deployment_key,
	                             &certificate) == STATUS_OK);
	memcpy(rig->channel, certificate.key, 32);
}

/* What `setup` leaves on an appliance. */
static int write_site(struct bytes manifest)
{
	static struct proc_site site;
	int fd = memfd_create("site", MFD_CLOEXEC);

	site = (struct proc_site){.magic = PROC_SITE_MAGIC, .manifest_len = (uint32_t)manifest.len};
	CHECK(manifest.len <= sizeof(site.manifest));
	memcpy(site.manifest, manifest.data, manifest.len);
	CHECK(fd >= 0 && write(fd, &site, sizeof(site)) == sizeof(site) &&
	      ftruncate(fd, PROC_SITE_BYTES) == 0);
	return fd;
}

static void spawn(struct rig *rig, const char *state_dir, bool genesis)
{
	static const enum proc_role roles[] = {PROC_store, PROC_verifier, PROC_signer};
	char name[] = "", state[256], level[] = "log_level=error", verifiers[32], setting[512],
	     mode[32];
	char *args[] = {name, state, level, verifiers, mode, setting};

	snprintf(state, sizeof(state), "state_dir=%s", state_dir);
	snprintf(verifiers, sizeof(verifiers), "verifiers=%u",
	         rig->verifier_count != 0 ? rig->verifier_count : 1);
	snprintf(setting, sizeof(setting), "%s", rig->setting != NULL ? rig->setting : "");
	rig->supervisor = (struct supervisor){.child_count = 0};
	rig->info_asked = 0;
	snprintf(mode, sizeof(mode), "mode=%s", rig->site.len != 0 ? "appliance" : "workstation");
	CHECK(supervisor_configure(&rig->supervisor, 5 + (rig->setting != NULL), args) ==
	      STATUS_OK);
	snprintf(rig->supervisor.folder, sizeof(rig->supervisor.folder), "%s",
	         rig->programs[0] != '\0' ? rig->programs : BUILD_DIR "/bin");
	CHECK(supervisor_make(&rig->supervisor) == STATUS_OK);
	rig->supervisor.is_appliance = rig->site.len != 0;
	if (rig->supervisor.is_appliance)
		rig->supervisor.site_fd = write_site(rig->site);
	hold_end(rig, PROC_CHANNEL_bridge_signer, &rig->bridge);
	hold_end(rig, PROC_CHANNEL_authority_signer, &rig->authority);
	hold_end(rig, PROC_CHANNEL_unsealer_signer, &rig->unsealer);
	hold_side(rig, PROC_CHANNEL_signer_attestor, 1, &rig->attestor);
	if (rig->serve_store != NULL)
		hold_side(rig, PROC_CHANNEL_signer_store, 1, &rig->store);
	for (size_t i = 0; rig->serve_verifier != NULL && i < rig->supervisor.link_count; i++) {
		struct supervisor_link *link = &rig->supervisor.links[i];

		if (link->id == PROC_CHANNEL_signer_verifier)
			hold_link(link, 1, &rig->verifiers[link->child[1]->number]);
	}
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		for (size_t j = 0; j < rig->supervisor.child_count; j++) {
			struct supervisor_child *child = &rig->supervisor.children[j];

			if (child->role == roles[i] && !is_held(rig, child))
				CHECK(supervisor_spawn(&rig->supervisor, child) == STATUS_OK);
		}
	send_facts(rig, genesis);
}

void rig_start(struct rig *rig, const char *state_dir, bool genesis)
{
	spawn(rig, state_dir, genesis);
	greet(rig);
}

bool rig_try(struct rig *rig, const char *state_dir)
{
	struct ipc_message message = {.kind = 0};

	spawn(rig, state_dir, false);
	/* Once it serves it gives the bridge its TLS key; then all goes on as usual. */
	while (!ipc_ready(&rig->bridge) && rig_is_alive(rig, PROC_signer))
		(void)!rig_take(rig, &rig->authority, &message, TURN_US);
	if (rig_is_alive(rig, PROC_signer)) {
		greet(rig);
		return true;
	}
	rig_stop(rig);
	return false;
}

void rig_skew(struct rig *rig, const char *folder)
{
	static const char *const programs[][2] = {
	    {"claviger-store",    BUILD_DIR "/bin/claviger-store"   },
	    {"claviger-verifier", BUILD_DIR "/bin/claviger-verifier"},
	    {"claviger-signer",   BUILD_DIR "/tests/skewed_signer"  },
	};
	char path[128];
	void *at;
	int fd;

	snprintf(rig->programs, sizeof(rig->programs), "%s/bin", folder);
	CHECK(mkdir(rig->programs, 0755) == 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", rig->programs, programs[i][0]);
		CHECK(symlink(programs[i][1], path) == 0);
	}
	snprintf(path, sizeof(path), "%s/clocks", rig->programs);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && ftruncate(fd, sizeof(*rig->clocks)) == 0);
	at = mmap(NULL, sizeof(*rig->clocks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	close(fd);
	rig->clocks = at;
}

void rig_pass(struct rig *rig, int64_t seconds)
{
	atomic_fetch_add(&rig->clocks->system_s, seconds);
	atomic_fetch_add(&rig->clocks->boot_s, seconds);
	atomic_fetch_add(&rig->clocks->run_s, seconds);
	rig->tpm_clock_ms += (uint64_t)seconds * 1000;
}

uint64_t rig_now_s(const struct rig *rig)
{
	int64_t ahead_s = rig->clocks != NULL ? atomic_load(&rig->clocks->system_s) : 0;

	return (uint64_t)((int64_t)time(NULL) + ahead_s);
}

void rig_copy(const char *from, const char *to)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -rf %s && cp -a %s %s", to, from, to);
	CHECK(system(command) == 0);
}

void rig_stop(struct rig *rig)
{
	for (size_t i = 0; i < rig->supervisor.child_count; i++) {
		struct supervisor_child *child = &rig->supervisor.children[i];

		if (child->state != CHILD_RUNS)
			continue;
		kill(child->pid, SIGKILL);
		(void)waitpid(child->pid, NULL, 0);
	}
	ipc_channel_close(&rig->bridge);
	ipc_channel_close(&rig->authority);
	ipc_channel_close(&rig->unsealer);
	ipc_channel_close(&rig->attestor);
	if (rig->serve_store != NULL)
		ipc_channel_close(&rig->store);
	for (size_t i = 0; rig->serve_verifier != NULL && i < rig->supervisor.verifiers; i++)
		ipc_channel_close(&rig->verifiers[i]);
	for (size_t i = 0; i < rig->supervisor.link_count; i++)
		ipc_memory_close(&rig->supervisor.links[i].memory);
}

void rig_end(struct rig *rig)
{
	int64_t deadline = supervisor_now_us() + PATIENCE_US;
	struct ipc_message message = {.kind = 0};

	kill(rig_child(rig, PROC_signer)->pid, SIGTERM);
	while (rig_is_alive(rig, PROC_signer)) {
		CHECK(supervisor_now_us() < deadline);
		(void)!rig_take(rig, &rig->authority, &message, TURN_US);
	}
	rig_stop(rig);
}

/* ---- as the authority ---- */

static void keep_refusal(struct rig *rig, struct bytes payload)
{
	struct bytes code, text;

	rig->refusal[0] = '\0';
	if (authz_refusal_take(payload, &code, &text) == STATUS_OK)
		snprintf(rig->refusal, sizeof(rig->refusal), "%.*s: %.*s", (int)code.len,
		         (const char *)code.data, (int)text.len, (const char *)text.data);
}

uint64_t rig_send(struct rig *rig, uint32_t kind, struct bytes payload)
{
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_change_request head = {.id = ++rig->next_id, .kind = kind};
	int64_t deadline = supervisor_now_us() + PATIENCE_US;
	struct ipc_message none = {.kind = 0};
	enum status status;

	CHECK(buffer_put(&out, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&out, payload) == STATUS_OK);
	/* The ring is short; whoever sends many lets the TPM work meanwhile. */
	while ((status = ipc_put(&rig->authority, CALL_CHANGE_REQUEST, buffer_bytes(&out))) ==
	           STATUS_BUSY &&
	       supervisor_now_us() < deadline)
		(void)!rig_take(rig, &rig->bridge, &none, TURN_US);
	CHECK(status == STATUS_OK);
	return head.id;
}

enum status rig_hear(struct rig *rig, int64_t timeout_us, uint64_t *ret_id,
                     struct buffer *ret_answer)
{
	struct ipc_message message = {.kind = 0};
	struct call_change_answer answer;
	struct bytes payload;
	enum status status;

	do {
		status = rig_take(rig, &rig->authority, &message, timeout_us);
		if (status != STATUS_OK)
			return status;
	} while (message.kind != CALL_CHANGE_ANSWER);
	CHECK(message.payload.len >= sizeof(answer));
	memcpy(&answer, message.payload.data, sizeof(answer));
	payload =
	    bytes_of(message.payload.data + sizeof(answer), message.payload.len - sizeof(answer));
	*ret_id = answer.id;
	if (answer.result != STATUS_OK) {
		keep_refusal(rig, payload);
		return STATUS_REFUSED;
	}
	ret_answer->len = 0;
	return buffer_put(ret_answer, payload);
}

enum status rig_ask(struct rig *rig, uint32_t kind, struct bytes payload, struct buffer *ret_answer)
{
	uint64_t id = rig_send(rig, kind, payload), heard = 0;
	/* What changes something may be left without an answer; who only asks has one. */
	bool brief =
	    rig->patience_us != 0 && kind != CALL_CHANGE_PREPARE && kind != CALL_CHANGE_QUERY;
	enum status status;

	do { /* an answer to one that was not waited for may come first */
		status = rig_hear(rig, brief ? rig->patience_us : PATIENCE_US, &heard, ret_answer);
		CHECK(heard <= id);
	} while (heard != id && status != STATUS_BUSY && status != STATUS_IO);
	return status;
}

/* Bytes of a signed change with tables beside it. */
#define SENT_MAX                                                                                   \
	(LIMIT_CHANGE_MAX + 4096 + LIMIT_TABLE_PINS_MAX * (AUTHZ_TABLE_ENTRIES_MAX * 32 + 64))

struct authz_change rig_change_begin(const struct rig *rig, const struct rig_world *world,
                                     enum authz_action action, struct bytes body)
{
	struct authz_change change = {.action = (uint8_t)action, .entry_count = 1};
	struct authz_change_entry *entry = &change.entries[0];

	memcpy(change.deployment, rig->deployment, 32);
	keys_random(change.nonce, sizeof(change.nonce));
	change.expires_s = rig_now_s(rig) + 600;
	memcpy(entry->wallet, world->wallet, 32);
	entry->has_previous =
	    !authz_action_is_birth((uint8_t)action) && !authz_action_reduces((uint8_t)action);
	memcpy(entry->previous, world->authority, entry->has_previous ? 32 : 0);
	entry->body = body;
	return change;
}

static void put_signed(const struct rig *rig, const struct buffer *change,
                       const struct authz_signature *signatures, size_t count, struct buffer *out)
{
	static struct authz_signed_change given;

	given = (struct authz_signed_change){.change = buffer_bytes(change),
	                                     .signature_count = count,
	                                     .table_count = rig->table_count};
	memcpy(given.tables, rig->tables, sizeof(given.tables));
	for (size_t i = 0; i < count; i++)
		given.signatures[i] = signatures[i];
	out->len = 0;
	CHECK(authz_signed_change_put(&given, out) == STATUS_OK);
}

enum status rig_prepare(struct rig *rig, struct authz_change *change, struct buffer *ret_change,
                        struct buffer *ret_description)
{
	static uint8_t space[SENT_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer sent = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	struct bytes description;
	enum status status;

	ret_change->len = ret_description->len = 0;
	memset(change->description_hash, 0, 32);
	CHECK(authz_change_put(change, ret_change) == STATUS_OK);
	put_signed(rig, ret_change, NULL, 0, &sent);
	status = rig_ask(rig, CALL_CHANGE_PREPARE, buffer_bytes(&sent), &answer);
	if (status != STATUS_OK)
		return status;
	CHECK(authz_prepare_answer_take(buffer_bytes(&answer), &description) == STATUS_OK);
	CHECK(buffer_put(ret_description, description) == STATUS_OK);
	keys_sha256(&description, 1, change->description_hash);
	ret_change->len = 0;
	CHECK(authz_change_put(change, ret_change) == STATUS_OK);
	return STATUS_OK;
}

static enum status make_signed(struct rig *rig, struct authz_change *change,
                               const struct keys_sign_key *const *keys, size_t count,
                               struct buffer *ret_signed)
{
	static uint8_t change_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX];
	struct buffer bytes = BUFFER_OF_ARRAY(change_space), text = BUFFER_OF_ARRAY(text_space);
	struct authz_signature signatures[AUTHZ_SIGNATURES_MAX];
	enum status status = rig_prepare(rig, change, &bytes, &text);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < count; i++)
		CHECK(authz_text_sign(keys[i], change, buffer_bytes(&bytes), buffer_bytes(&text),
		                      &signatures[i]) == STATUS_OK);
	put_signed(rig, &bytes, signatures, count, ret_signed);
	return STATUS_OK;
}

enum status rig_change_make(struct rig *rig, struct authz_change *change,
                            const struct keys_sign_key *key, struct buffer *ret_signed)
{
	return make_signed(rig, change, &key, 1, ret_signed);
}

enum status rig_change(struct rig *rig, struct authz_change *change,
                       const struct keys_sign_key *key, struct buffer *ret_answer)
{
	return rig_change_of(rig, change, &key, 1, ret_answer);
}

enum status rig_change_of(struct rig *rig, struct authz_change *change,
                          const struct keys_sign_key *const *keys, size_t count,
                          struct buffer *ret_answer)
{
	static uint8_t sent_space[SENT_MAX];
	struct buffer sent = BUFFER_OF_ARRAY(sent_space);
	enum status status = make_signed(rig, change, keys, count, &sent);

	return status == STATUS_OK
	           ? rig_ask(rig, CALL_CHANGE_SUBMIT, buffer_bytes(&sent), ret_answer)
	           : status;
}

enum status rig_import_sealed(struct rig *rig, const struct authz_change *change,
                              struct bytes prepared, struct bytes text,
                              const struct keys_sign_key *key, struct bytes sealed,
                              struct buffer *ret_answer)
{
	static uint8_t sent_space[LIMIT_CHANGE_MAX + 4096];
	struct buffer sent = BUFFER_OF_ARRAY(sent_space);
	struct authz_signed_change given = {
	    .change = prepared, .signature_count = 1, .sealed_seeds = sealed};

	CHECK(authz_text_sign(key, change, prepared, text, &given.signatures[0]) == STATUS_OK);
	CHECK(authz_signed_change_put(&given, &sent) == STATUS_OK);
	return rig_ask(rig, CALL_CHANGE_SUBMIT, buffer_bytes(&sent), ret_answer);
}

enum status rig_import(struct rig *rig, struct authz_change *change,
                       const struct keys_sign_key *key, const uint8_t seed[32],
                       struct buffer *ret_answer)
{
	static uint8_t change_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX];
	uint8_t plain_space[64], sealed_space[256], info_space[128], hash[32];
	struct buffer bytes = BUFFER_OF_ARRAY(change_space), text = BUFFER_OF_ARRAY(text_space),
	              plain = BUFFER_OF_ARRAY(plain_space), sealed = BUFFER_OF_ARRAY(sealed_space),
	              info = BUFFER_OF_ARRAY(info_space);
	struct cbor_writer w;
	enum status status = rig_prepare(rig, change, &bytes, &text);

	if (status != STATUS_OK)
		return status;
	cbor_writer_init(&w, &plain);
	cbor_put_array(&w, 1);
	cbor_put_bytes_n(&w, seed, 32);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	authz_change_hash(buffer_bytes(&bytes), hash);
	CHECK(keys_hpke_info(rig->deployment, rig->channel, &info) == STATUS_OK);
	CHECK(keys_hpke_seal(rig->channel, buffer_bytes(&info), BYTES_OF_ARRAY(hash),
	                     buffer_bytes(&plain), &sealed, NULL) == STATUS_OK);
	return rig_import_sealed(rig, change, buffer_bytes(&bytes), buffer_bytes(&text), key,
	                         buffer_bytes(&sealed), ret_answer);
}

const struct authz_wallet_record *rig_wallet(struct rig *rig, const struct rig_world *world)
{
	static uint8_t answer_space[CALL_CHANGE_SLOT_BYTES];
	static struct authz_wallet_record record;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLET};

	memcpy(query.deployment, rig->deployment, 32);
	memcpy(query.key, keys_sign_public(&world->user), 32);
	memcpy(query.target, world->wallet, 32);
	keys_random(query.nonce, sizeof(query.nonce));
	CHECK(authz_query_put(&query, &world->user, &out) == STATUS_OK);
	if (rig_ask(rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) != STATUS_OK ||
	    authz_wallet_take(buffer_bytes(&answer), &record) != STATUS_OK)
		return NULL;
	return &record;
}

bool rig_wallet_refresh(struct rig *rig, struct rig_world *world)
{
	const struct authz_wallet_record *record = rig_wallet(rig, world);

	if (record == NULL)
		return false;
	memcpy(world->authority, record->authority, 32);
	memcpy(world->address, record->address, 32);
	return true;
}

enum status rig_module_add(struct rig *rig, const struct keys_sign_key *key, struct bytes module,
                           struct buffer *ret_answer)
{
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	struct authz_query who = {.topic = AUTHZ_QUERY_MODULE};
	struct authz_module_add add = {.module = module};
	uint8_t who_space[AUTHZ_STATEMENT_MAX];
	struct buffer said = BUFFER_OF_ARRAY(who_space), out = BUFFER_OF_ARRAY(space);

	if (key != NULL) {
		memcpy(who.deployment, rig->deployment, 32);
		memcpy(who.key, keys_sign_public(key), 32);
		keys_sha256(&module, 1, who.target);
		keys_random(who.nonce, sizeof(who.nonce));
		CHECK(authz_query_put(&who, key, &said) == STATUS_OK);
		add.query = buffer_bytes(&said);
	}
	CHECK(authz_module_add_put(&add, &out) == STATUS_OK);
	return rig_ask(rig, CALL_CHANGE_MODULE_ADD, buffer_bytes(&out), ret_answer);
}

/* ---- the world ---- */

static void add_module(struct rig *rig, struct rig_world *world)
{
	static uint8_t module[LIMIT_MODULE_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_module_answer learned;
	int fd = open(BUILD_DIR "/share/policies/transfer.wasm", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, module, sizeof(module));

	CHECK(fd >= 0 && len > 0);
	close(fd);
	CHECK(rig_module_add(rig, NULL, bytes_of(module, (size_t)len), &answer) == STATUS_OK);
	CHECK(authz_module_answer_take(buffer_bytes(&answer), &learned) == STATUS_OK);
	memcpy(world->module, learned.hash, 32);
	CHECK(learned.schema.len <= sizeof(world->schema));
	memcpy(world->schema, learned.schema.data, learned.schema.len);
	world->schema_len = learned.schema.len;
}

void rig_credential(struct rig *rig, const struct keys_sign_key *client,
                    char token[RIG_TOKEN_LEN + 1])
{
	struct authz_credential credential = {.serial = 1, .kind = AUTHZ_CREDENTIAL_TOKEN};
	uint8_t random[32], space[1024], answer_space[1024];
	struct buffer out = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	struct bytes text;

	keys_random(random, sizeof(random));
	hex_encode(BYTES_OF_ARRAY(random), token);
	text = bytes_of(token, RIG_TOKEN_LEN);
	memcpy(credential.deployment, rig->deployment, 32);
	memcpy(credential.root_key, keys_sign_public(client), 32);
	keys_sha256(&text, 1, credential.hash);
	CHECK(authz_credential_put(&credential, client, &out) == STATUS_OK);
	CHECK(rig_ask(rig, CALL_CHANGE_CREDENTIAL, buffer_bytes(&out), &answer) == STATUS_OK);
}

void rig_grant_body(const struct rig_world *world, const uint8_t client[32], struct buffer *out)
{
	static struct authz_grant_body body;
	uint8_t space[256];
	struct buffer parameters = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	cbor_writer_init(&w, &parameters);
	cbor_put_map(&w, world->uses_nonce ? 4 : 3);
	cbor_put_key(&w, 0); /* recipients */
	cbor_put_array(&w, 1);
	cbor_put_bytes_n(&w, world->recipient, 32);
	cbor_put_end(&w);
	cbor_put_key(&w, 2); /* max_lamports */
	cbor_put_uint(&w, 1000000);
	cbor_put_key(&w, 5); /* max_fee_lamports */
	cbor_put_uint(&w, 10000);
	if (world->uses_nonce) {
		cbor_put_key(&w, 10); /* allow_nonce */
		cbor_put_bool(&w, true);
	}
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	body = (struct authz_grant_body){
	    .parameters = buffer_bytes(&parameters),
	    .schema = bytes_of(world->schema, world->schema_len),
	    .counter_count = world->cap == RIG_NO_CAP ? 0 : 1,
	    .nonce_account_count = world->uses_nonce ? 1 : 0,
	    .counters = {{.id = 1,
	                  .unit = AUTHZ_UNIT_LAMPORTS,
	                  .window = world->window != 0 ? world->window : AUTHZ_WINDOW_TOTAL,
	                  .cap = world->cap != 0 ? world->cap : 3000000}},
	};
	memcpy(body.client, client, 32);
	memcpy(body.module, world->module, 32);
	memcpy(body.nonce_accounts[0], world->nonce_account, world->uses_nonce ? 32 : 0);
	CHECK(authz_grant_put(&body, out) == STATUS_OK);
}

static void make_wallet(struct rig *rig, struct rig_world *world, const char *name)
{
	static uint8_t body_space[1024], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_birth_body birth = {
	    .name = bytes_of_text(name), .user_key_count = 1, .limit_count = world->limit_count};
	static struct authz_change change;

	memcpy(birth.limits, world->limits, sizeof(birth.limits));
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&world->user), 32);
	keys_random(world->wallet, sizeof(world->wallet));
	CHECK(authz_birth_put(&birth, false, &body) == STATUS_OK);
	change = rig_change_begin(rig, world, AUTHZ_ACTION_CREATE, buffer_bytes(&body));
	if (rig_change(rig, &change, &world->user, &answer) != STATUS_OK) {
		fprintf(stderr, "the wallet was refused: %s\n", rig->refusal);
		CHECK(!"the honest wallet");
	}
	CHECK(rig_wallet_refresh(rig, world));
}

void rig_world_make(struct rig *rig, struct rig_world *world, const char *name)
{
	static uint8_t body_space[AUTHZ_GRANT_BODY_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	keys_sign_random(&world->user);
	keys_sign_random(&world->client);
	keys_random(world->recipient, sizeof(world->recipient));
	authz_client_id(keys_sign_public(&world->client), world->client_id);
	add_module(rig, world);
	make_wallet(rig, world, name);
	rig_credential(rig, &world->client, world->token);
	rig_grant_body(world, world->client_id, &body);
	change = rig_change_begin(rig, world, AUTHZ_ACTION_GRANT, buffer_bytes(&body));
	if (rig_change(rig, &change, &world->user, &answer) != STATUS_OK) {
		fprintf(stderr, "the grant was refused: %s\n", rig->refusal);
		CHECK(!"the honest grant");
	}
	CHECK(rig_wallet_refresh(rig, world));
}

/* ---- as the bridge ---- */

void rig_transfer_message(const uint8_t from[32], const uint8_t to[32], uint64_t lamports,
                          uint8_t tag, struct buffer *out)
{
	static const uint8_t head[] = {1, 0, 1, 3}, system[32];
	static const uint8_t instruction[] = {1, 2, 2, 0, 1, 12, 2, 0, 0, 0};
	uint8_t blockhash[32];

	memset(blockhash, tag, sizeof(blockhash));
	out->len = 0;
	CHECK(buffer_put(out, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(out, bytes_of(from, 32)) == STATUS_OK &&
	      buffer_put(out, bytes_of(to, 32)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(system)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(blockhash)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(instruction)) == STATUS_OK &&
	      buffer_put(out, bytes_of(&lamports, 8)) == STATUS_OK);
}

void rig_nonce_message(const struct rig_world *world, uint64_t lamports, const uint8_t nonce[32],
                       struct buffer *out)
{
	static const uint8_t head[] = {1, 0, 2, 5}, system[32];
	/* wallet, nonce account, recipient, System, sysvar RecentBlockhashes */
	static const uint8_t instructions[] = {2, 3, 3, 1, 4, 0,  4, 4, 0, 0,
	                                       0, 3, 2, 0, 2, 12, 2, 0, 0, 0};
	static const char sysvar[] = "SysvarRecentB1ockHashes11111111111111111111";
	uint8_t recent[32];

	CHECK(base58_decode_32(bytes_of(sysvar, sizeof(sysvar) - 1), recent) == STATUS_OK);
	out->len = 0;
	CHECK(buffer_put(out, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(world->address)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(world->nonce_account)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(world->recipient)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(system)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(recent)) == STATUS_OK &&
	      buffer_put(out, bytes_of(nonce, 32)) == STATUS_OK &&
	      buffer_put(out, BYTES_OF_ARRAY(instructions)) == STATUS_OK &&
	      buffer_put(out, bytes_of(&lamports, 8)) == STATUS_OK);
}

struct call_sign_request rig_sign_request(const struct rig_world *world, struct bytes message)
{
	struct call_sign_request request = {.connection = 1,
	                                    .source = CALL_SOURCE_API,
	                                    .constraint = CALL_CONSTRAINT_ANY,
	                                    .batch_count = 1,
	                                    .token = bytes_of(world->token, RIG_TOKEN_LEN),
	                                    .message = message};

	request.wallet.kind = CALL_WALLET_ADDRESS;
	memcpy(request.wallet.key, world->address, 32);
	return request;
}

bool rig_sign(struct rig *rig, struct call_sign_request *request,
              struct call_sign_answer *ret_answer)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct ipc_message message = {.kind = 0};
	int64_t deadline = supervisor_now_us() + PATIENCE_US;

	request->request = ++rig->next_id;
	CHECK(call_sign_put_request(request, &out) == STATUS_OK);
	CHECK(ipc_put(&rig->bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) == STATUS_OK);
	while (rig_take(rig, &rig->bridge, &message, deadline - supervisor_now_us()) == STATUS_OK) {
		if (message.kind != CALL_BRIDGE_SIGN_ANSWER)
			continue;
		CHECK(call_sign_take_answer(buffer_bytes(&message.payload), ret_answer) ==
		      STATUS_OK);
		if (ret_answer->request == request->request)
			return true;
	}
	return false;
}
