/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_check.h"

#include "base_check.h"

struct verifier {
	struct ipc_channel *channel;
	struct signer_check_run *runs[SIGNER_CHECK_DEPTH]; /* oldest first */
	size_t count;
	uint8_t user[32];  /* whose custom code has run here */
	bool tainted;      /* custom code has run here */
	bool trial;        /* ... that no grant names: the one verifier that has any */
	bool draining;     /* takes nothing more, to be replaced when idle: others wait (A25) */
	uint64_t trial_ms; /* when the last of it began here */
};

struct signer_check {
	struct verifier verifiers[LIMIT_VERIFIERS_MAX];
	size_t count;
	struct ipc_message in;
};

struct signer_check *signer_check_new(struct ipc_channel *const *channels, size_t count)
{
	struct signer_check *pool = calloc(1, sizeof(*pool));
	uint8_t *space = calloc(1, CALL_CHECK_SLOT_BYTES);

	CHECK(pool != NULL && space != NULL && count <= LIMIT_VERIFIERS_MAX);
	pool->count = count;
	pool->in.payload = (struct buffer){space, CALL_CHECK_SLOT_BYTES, 0};
	for (size_t i = 0; i < count; i++)
		pool->verifiers[i].channel = channels[i];
	return pool;
}

static enum status send_run(struct verifier *verifier, const struct signer_check_run *run)
{
	struct call_check_run head = {
	    .fuel = run->fuel, .what = run->what, .request_len = (uint32_t)run->request.len};
	struct buffer slot;
	enum status status;

	memcpy(head.ticket, run->ticket, 32);
	memcpy(head.module, run->module_hash, 32);
	memcpy(head.request_hash, run->request_hash, 32);
	status = ipc_reserve(verifier->channel, &slot);
	if (status != STATUS_OK)
		return status;
	if (buffer_put(&slot, bytes_of(&head, sizeof(head))) != STATUS_OK ||
	    buffer_put(&slot, run->request) != STATUS_OK)
		return STATUS_TOO_LARGE;
	ipc_commit(verifier->channel, CALL_CHECK_RUN, &slot);
	return STATUS_OK;
}

/* Writes the module's bytes into the window and says so. */
static enum status send_module(struct verifier *verifier, struct signer_check_run *run)
{
	struct buffer window = ipc_window_write(verifier->channel);
	struct call_check_module head = {.custom = run->custom};
	enum status status = run->module(run->owner, run->module_hash, &window);

	if (status != STATUS_OK)
		return status;
	memcpy(head.ticket, run->ticket, 32);
	memcpy(head.module, run->module_hash, 32);
	head.len = (uint32_t)window.len;
	return ipc_put(verifier->channel, CALL_CHECK_MODULE, bytes_of(&head, sizeof(head)));
}

/* A verifier may take a run when it has room, is up, and is clean for this user. */
static bool may_take(const struct verifier *verifier, const struct signer_check_run *run)
{
	if (verifier->count == SIGNER_CHECK_DEPTH || verifier->draining ||
	    !ipc_is_up(verifier->channel))
		return false;
	/* Delivering a module uses the one window; nothing else is begun meanwhile. */
	for (size_t i = 0; i < verifier->count; i++)
		if (verifier->runs[i]->wants_module || verifier->runs[i]->learn)
			return false;
	if (run->learn && verifier->count != 0)
		return false;
	/* Custom code comes to an idle one: nobody's run may end after it (A17). */
	if (!verifier->tainted)
		return !run->custom || verifier->count == 0;
	return run->custom && memcmp(verifier->user, run->user, 32) == 0;
}

/* The last verifier without custom code is there for what is known: whoever has modules of his own
 * loaded again for each request would else keep all of them (A25). */
static bool is_kept(const struct signer_check *pool, const struct verifier *verifier,
                    const struct signer_check_run *run)
{
	size_t clean = 0;

	if (!run->custom || verifier->tainted || pool->count == 1)
		return false;
	for (size_t i = 0; i < pool->count; i++)
		clean += !pool->verifiers[i].tainted;
	return clean == 1;
}

static struct verifier *find_trial(struct signer_check *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		if (pool->verifiers[i].trial)
			return &pool->verifiers[i];
	return NULL;
}

static struct verifier *choose(struct signer_check *pool, const struct signer_check_run *run)
{
	struct verifier *best = NULL, *trial = run->trial ? find_trial(pool) : NULL;

	for (size_t i = 0; i < pool->count; i++) {
		struct verifier *verifier = &pool->verifiers[i];

		if ((trial == NULL || verifier == trial) && may_take(verifier, run) &&
		    !is_kept(pool, verifier, run) &&
		    (best == NULL || verifier->count < best->count))
			best = verifier;
	}
	return best;
}

/* As soon as it is idle; nothing more begins there. */
static void replace(struct verifier *verifier)
{
	verifier->draining = true;
	if (verifier->count == 0 && ipc_is_up(verifier->channel))
		ipc_complain(verifier->channel, IPC_COMPLAINT_REPLACE);
}

/* All that may take it are taken by custom code of others: replace an idle one, or let one become
 * idle. */
static void make_room(struct signer_check *pool, const struct signer_check_run *run)
{
	struct verifier *busy = NULL, *trial = run->trial ? find_trial(pool) : NULL;

	if (trial != NULL) {
		replace(trial);
		return;
	}

	for (size_t i = 0; i < pool->count; i++) {
		struct verifier *verifier = &pool->verifiers[i];

		if (verifier->tainted && verifier->count == 0 && ipc_is_up(verifier->channel)) {
			ipc_complain(verifier->channel, IPC_COMPLAINT_REPLACE);
			return;
		}
		if (is_kept(pool, verifier, run))
			continue;
		/* One without custom code, or one that is being replaced, will have room. */
		if (!verifier->tainted || verifier->draining || !ipc_is_up(verifier->channel))
			return;
		if (busy == NULL || verifier->count < busy->count)
			busy = verifier;
	}
	if (busy != NULL)
		busy->draining = true;
}

enum status signer_check_begin(struct signer_check *pool, struct signer_check_run *run,
                               uint64_t now_ms)
{
	struct verifier *verifier = choose(pool, run);
	enum status status;

	if (verifier == NULL) {
		make_room(pool, run);
		return STATUS_BUSY;
	}
	run->wants_module = run->learn;
	run->sent_module = run->loaded = false;
	run->started_ms = now_ms;
	if (!run->learn) {
		status = send_run(verifier, run);
		if (status != STATUS_OK)
			return status == STATUS_TOO_LARGE ? status : STATUS_BUSY;
	}
	if (run->custom) {
		verifier->tainted = true;
		memcpy(verifier->user, run->user, 32);
	}
	if (run->custom && run->trial) {
		verifier->trial = true;
		verifier->trial_ms = now_ms;
	}
	verifier->runs[verifier->count++] = run;
	return STATUS_OK;
}

static void finish(struct verifier *verifier, size_t at, const struct signer_check_result *result)
{
	struct signer_check_run *run = verifier->runs[at];

	for (size_t i = at + 1; i < verifier->count; i++)
		verifier->runs[i - 1] = verifier->runs[i];
	verifier->count--;
	run->done(run->owner, result);
}

static void finish_all(struct verifier *verifier)
{
	static const struct signer_check_result lost = {.end = SIGNER_CHECK_LOST};

	while (verifier->count > 0)
		finish(verifier, 0, &lost);
}

/* The peer broke the protocol, was late, or is gone: nothing that it still says counts. */
static void lose(struct verifier *verifier, enum ipc_complaint why)
{
	ipc_complain(verifier->channel, why);
	finish_all(verifier);
}

static bool find_run(const struct verifier *verifier, const uint8_t ticket[32],
                     const uint8_t module[32], size_t *ret_at)
{
	for (size_t i = 0; i < verifier->count; i++)
		if (memcmp(verifier->runs[i]->ticket, ticket, 32) == 0 &&
		    memcmp(verifier->runs[i]->module_hash, module, 32) == 0) {
			*ret_at = i;
			return true;
		}
	return false;
}

static enum status take_verdict(struct verifier *verifier, struct bytes message)
{
	struct call_check_verdict head;
	struct signer_check_result result = {.end = SIGNER_CHECK_LOST};
	size_t at;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	if (head.answer_len != message.len - sizeof(head) ||
	    !find_run(verifier, head.ticket, head.module, &at) || verifier->runs[at]->learn ||
	    memcmp(head.request_hash, verifier->runs[at]->request_hash, 32) != 0)
		return STATUS_MALFORMED;
	result.fuel = head.fuel_used;
	switch (head.outcome) {
	case CALL_CHECK_RAN:
		result.end = SIGNER_CHECK_ANSWERED;
		result.answer = bytes_of(message.data + sizeof(head), head.answer_len);
		break;
	case CALL_CHECK_TRAP:
		result.end = SIGNER_CHECK_TRAPPED;
		break;
	case CALL_CHECK_FUEL:
		result.end = SIGNER_CHECK_OUT_OF_FUEL;
		break;
	case CALL_CHECK_BAD:
		result.end = SIGNER_CHECK_REFUSED;
		result.text = bytes_of_text("the module's exchange area does not hold the request");
		break;
	default:
		return STATUS_MALFORMED;
	}
	finish(verifier, at, &result);
	return STATUS_OK;
}

static enum status take_need(struct verifier *verifier, struct bytes message)
{
	struct call_check_need_module head;
	size_t at;

	if (message.len != sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	/* Asking twice for one run would be a way to keep the signer busy. */
	if (!find_run(verifier, head.ticket, head.module, &at) || verifier->runs[at]->sent_module)
		return STATUS_MALFORMED;
	verifier->runs[at]->wants_module = true;
	return STATUS_OK;
}

static enum status take_module_state(struct verifier *verifier, struct bytes message)
{
	struct call_check_module_state_reply head;
	struct signer_check_result result = {.end = SIGNER_CHECK_REFUSED};
	size_t at;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	if ((uint64_t)head.schema_len + head.text_len != message.len - sizeof(head) ||
	    !find_run(verifier, head.ticket, head.module, &at) ||
	    !verifier->runs[at]->sent_module || verifier->runs[at]->loaded)
		return STATUS_MALFORMED;
	verifier->runs[at]->loaded = true;
	result.schema = bytes_of(message.data + sizeof(head), head.schema_len);
	result.text = bytes_of(message.data + sizeof(head) + head.schema_len, head.text_len);
	if (head.state == CALL_CHECK_MODULE_MISMATCH)
		return STATUS_MALFORMED; /* we hashed these bytes when they were added */
	if (head.state == CALL_CHECK_MODULE_LOADED && !verifier->runs[at]->learn) {
		if (send_run(verifier, verifier->runs[at]) != STATUS_OK)
			return STATUS_MALFORMED;
		return STATUS_OK;
	}
	if (head.state == CALL_CHECK_MODULE_LOADED)
		result.end = SIGNER_CHECK_ANSWERED;
	finish(verifier, at, &result);
	return STATUS_OK;
}

static enum status take_message(struct signer_check *pool, struct verifier *verifier)
{
	struct bytes message = buffer_bytes(&pool->in.payload);

	switch (pool->in.kind) {
	case CALL_CHECK_VERDICT:
		return take_verdict(verifier, message);
	case CALL_CHECK_NEED_MODULE:
		return take_need(verifier, message);
	case CALL_CHECK_MODULE_STATE:
		return take_module_state(verifier, message);
	default:
		return STATUS_MALFORMED;
	}
}

static void pump_messages(struct signer_check *pool, struct verifier *verifier)
{
	for (;;) {
		enum status status = ipc_take(verifier->channel, &pool->in);

		if (status == STATUS_CONFLICT) {
			finish_all(verifier);
			ipc_acknowledge(verifier->channel);
			verifier->tainted = verifier->draining = verifier->trial = false;
			continue;
		}
		if (status == STATUS_MALFORMED)
			finish_all(verifier);
		if (status != STATUS_OK)
			return;
		if (take_message(pool, verifier) != STATUS_OK) {
			lose(verifier, IPC_COMPLAINT_BROKEN);
			return;
		}
	}
}

/* A module lies in the window until the verifier has said what it makes of it: another one there
 * would be taken for it, and the verifier for a liar. */
static bool window_is_taken(const struct verifier *verifier)
{
	for (size_t i = 0; i < verifier->count; i++)
		if (verifier->runs[i]->sent_module && !verifier->runs[i]->loaded)
			return true;
	return false;
}

static void deliver_modules(struct verifier *verifier)
{
	if (window_is_taken(verifier))
		return;
	for (size_t i = 0; i < verifier->count; i++) {
		struct signer_check_run *run = verifier->runs[i];
		enum status status;

		if (!run->wants_module)
			continue;
		status = send_module(verifier, run);
		if (status == STATUS_BUSY)
			return;
		run->wants_module = false;
		run->sent_module = true;
		if (status != STATUS_OK) {
			const struct signer_check_result lost = {.end = SIGNER_CHECK_LOST};

			finish(verifier, i, &lost);
		}
		return;
	}
}

void signer_check_pump(struct signer_check *pool, uint64_t now_ms)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct verifier *verifier = &pool->verifiers[i];

		pump_messages(pool, verifier);
		deliver_modules(verifier);
		if (verifier->draining || (verifier->trial && verifier->count == 0 &&
		                           now_ms - verifier->trial_ms > SIGNER_CHECK_TRIAL_MS))
			replace(verifier);
		if (verifier->count > 0 &&
		    now_ms - verifier->runs[0]->started_ms > SIGNER_CHECK_LATE_MS)
			lose(verifier, IPC_COMPLAINT_LATE);
	}
}

static bool is_brief(const struct signer_check_run *run)
{
	return !run->custom && !run->learn && !run->wants_module && run->sent_module == run->loaded;
}

bool signer_check_is_brief(const struct signer_check *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		for (size_t j = 0; j < pool->verifiers[i].count; j++)
			if (!is_brief(pool->verifiers[i].runs[j]))
				return false;
	return true;
}

struct ipc_channel *signer_check_near(const struct signer_check *pool)
{
	struct ipc_channel *near = NULL;

	for (size_t i = 0; i < pool->count; i++) {
		const struct verifier *verifier = &pool->verifiers[i];

		if (verifier->count != 0 && near != NULL)
			return NULL;
		if (verifier->count != 0)
			near = verifier->channel;
	}
	return signer_check_is_brief(pool) ? near : NULL;
}
