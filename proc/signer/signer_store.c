/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_store.h"

#include "base_check.h"
#include "log_line.h"

/* What answers are awaited, in the order in which they were asked for: the store answers in order.
 */
enum awaited_kind {
	AWAIT_STATE,
	AWAIT_LOAD,
	AWAIT_STAGE,
	AWAIT_COMMIT,
	AWAIT_SEGMENT,
	AWAIT_REVERT,
	AWAIT_BACKUP,
	AWAIT_ITEM,
	AWAIT_LIST,
};

struct awaited {
	enum awaited_kind what;
	uint32_t kind; /* of the value (LOAD), or of the expected answer (SEGMENT) */
	uint8_t id[32];
	uint64_t tag;
};

#define NO_SPACE_MS 500 /* then it is tried again */

#define AWAITED_MAX 128 /* at least LOADS_MAX + APPENDS_MAX + 3 */

struct batch {
	uint8_t *ops; /* call_store_op and value, one after the other */
	size_t len;
	size_t count;
	uint64_t number;
	bool touched;          /* commit even without an operation */
	bool anchored;         /* has more than heads of chains and modules on offer */
	bool lowers;           /* has records whose power became less */
	enum signer_need need; /* the most that was asked for ... */
	bool has_user;         /* ... and by whom */
	bool paid;             /* its write is taken: it waits for no budget */
	uint8_t user[32];
};

enum commit_state { COMMIT_IDLE, COMMIT_STAGING, COMMIT_WRITING, COMMIT_ANCHORING };

struct signer_store {
	struct call_store_fill fill;    /* as the store told it last */
	struct signer_store_item *item; /* that is on its way; NULL: none */
	struct {
		bool asked, more;
		enum status status;
		uint8_t after[32];
		uint32_t max;
		struct buffer ids;
	} list;
	struct ipc_channel *channel;
	struct signer_store_hooks hooks;

	bool begun;
	uint64_t seq;       /* committed */
	uint8_t root[32];   /* committed */
	uint8_t staged[32]; /* root that the next answer's path is against */

	struct batch flying, gathering;
	bool owes; /* a commit that wanted the TPM is in the store without it; the next one binds */
	enum commit_state commit;
	size_t staged_len;         /* bytes of flying.ops that were staged and checked */
	size_t asked_len;          /* bytes that the STAGE in flight reaches to */
	bool no_space;             /* the store had no space for it; said once */
	uint64_t now_ms, again_ms; /* it begins anew then */
	uint64_t committed, bound;

	struct awaited queue[AWAITED_MAX];
	size_t queue_first, queue_count;
	size_t loads, segments;
	uint64_t request;

	bool have_state;
	bool rejoining; /* the store is away, or has not said where it stands */
	struct call_store_state state;
	struct buffer state_checkpoint, state_undo;

	struct buffer out, checkpoint;
	struct ipc_message in;
};

static uint8_t *allocate(size_t len)
{
	uint8_t *data = calloc(1, len);

	CHECK(data != NULL);
	return data;
}

struct signer_store *signer_store_new(struct ipc_channel *channel, struct signer_store_hooks hooks)
{
	struct signer_store *store = (struct signer_store *)allocate(sizeof(*store));

	store->channel = channel;
	store->hooks = hooks;
	store->flying.ops = allocate(SIGNER_STORE_BATCH_MAX);
	store->gathering.ops = allocate(SIGNER_STORE_BATCH_MAX);
	store->gathering.number = 1;
	store->out = (struct buffer){allocate(CALL_STORE_MESSAGE_MAX), CALL_STORE_MESSAGE_MAX, 0};
	store->in.payload =
	    (struct buffer){allocate(CALL_STORE_SLOT_BYTES), CALL_STORE_SLOT_BYTES, 0};
	store->checkpoint =
	    (struct buffer){allocate(CALL_STORE_CHECKPOINT_MAX), CALL_STORE_CHECKPOINT_MAX, 0};
	store->list.ids = (struct buffer){allocate((size_t)SIGNER_STORE_LIST_MAX * 32),
	                                  (size_t)SIGNER_STORE_LIST_MAX * 32, 0};
	store->state_checkpoint =
	    (struct buffer){allocate(CALL_STORE_CHECKPOINT_MAX), CALL_STORE_CHECKPOINT_MAX, 0};
	store->state_undo =
	    (struct buffer){allocate(CALL_STORE_CHECKPOINT_MAX), CALL_STORE_CHECKPOINT_MAX, 0};
	return store;
}

/* Sends `out` and notes what will come back; nothing changes when the ring is full. */
static enum status ask(struct signer_store *store, uint32_t message_kind, struct awaited awaited)
{
	enum status status;

	if (store->queue_count == AWAITED_MAX)
		return STATUS_BUSY;
	status = ipc_put(store->channel, message_kind, buffer_bytes(&store->out));
	if (status != STATUS_OK)
		return status == STATUS_BUSY ? STATUS_BUSY : STATUS_IO;
	store->queue[(store->queue_first + store->queue_count++) % AWAITED_MAX] = awaited;
	return STATUS_OK;
}

static uint64_t next_request(struct signer_store *store)
{
	store->out.len = 0;
	return ++store->request;
}

void signer_store_ask_state(struct signer_store *store)
{
	store->have_state = false;
	CHECK(store_ask_plain(next_request(store), &store->out) == STATUS_OK);
	/* A ring that has just been opened or reset is empty. */
	(void)!ask(store, CALL_STORE_STATE, (struct awaited){.what = AWAIT_STATE});
}

bool signer_store_state(const struct signer_store *store, struct call_store_state *ret_state,
                        struct bytes *ret_checkpoint, struct bytes *ret_undo)
{
	if (!store->have_state)
		return false;
	*ret_state = store->state;
	*ret_checkpoint = buffer_bytes(&store->state_checkpoint);
	*ret_undo = buffer_bytes(&store->state_undo);
	return true;
}

void signer_store_revert(struct signer_store *store)
{
	CHECK(!store->begun);
	store->have_state = false;
	CHECK(store_ask_plain(next_request(store), &store->out) == STATUS_OK);
	(void)!ask(store, CALL_STORE_REVERT, (struct awaited){.what = AWAIT_REVERT});
}

void signer_store_begin(struct signer_store *store, uint64_t seq, const uint8_t root[32])
{
	store->seq = seq;
	memcpy(store->root, root, 32);
	memcpy(store->staged, root, 32);
	store->begun = true;
	/* What the store said is used up: only its next word, after a loss, is compared. */
	store->have_state = store->rejoining = false;
}

/* One operation of a batch at `at`; its value is borrowed from the batch. */
static struct store_op op_at(const struct batch *batch, size_t at)
{
	struct store_op op;

	memcpy(&op.fixed, batch->ops + at, sizeof(op.fixed));
	op.value = bytes_of(batch->ops + at + sizeof(op.fixed), op.fixed.value_len);
	return op;
}

/* The last version of a record that a batch writes. */
static bool find_in(const struct batch *batch, uint32_t kind, const uint8_t id[32],
                    struct bytes *ret_value)
{
	bool found = false;

	for (size_t at = 0; at < batch->len;) {
		struct store_op op = op_at(batch, at);

		if (op.fixed.kind == kind && memcmp(op.fixed.id, id, 32) == 0) {
			*ret_value = op.value;
			found = true;
		}
		at += sizeof(op.fixed) + op.value.len;
	}
	return found;
}

static bool flies(const struct signer_store *store, uint32_t kind, const uint8_t id[32],
                  struct bytes *ret_value)
{
	return store->commit != COMMIT_IDLE && find_in(&store->flying, kind, id, ret_value);
}

bool signer_store_coming(const struct signer_store *store, uint32_t kind, const uint8_t id[32],
                         struct bytes *ret_sealed)
{
	return find_in(&store->gathering, kind, id, ret_sealed) ||
	       flies(store, kind, id, ret_sealed);
}

bool signer_store_writes(const struct signer_store *store, uint32_t kind, const uint8_t id[32])
{
	struct bytes ignored;

	return signer_store_coming(store, kind, id, &ignored);
}

enum status signer_store_load(struct signer_store *store, uint32_t kind, const uint8_t id[32])
{
	struct awaited awaited = {.what = AWAIT_LOAD, .kind = kind};
	struct bytes ignored;
	enum status status;

	memcpy(awaited.id, id, 32);
	/* What is not anchored yet is not shown: it may be taken back. The store shows a batch
	 * from when it has it. */
	if (flies(store, kind, id, &ignored))
		return STATUS_BUSY;
	for (size_t i = 0; i < store->queue_count; i++) {
		const struct awaited *other = &store->queue[(store->queue_first + i) % AWAITED_MAX];

		if (other->what == AWAIT_LOAD && other->kind == kind &&
		    memcmp(other->id, id, 32) == 0)
			return STATUS_OK;
	}
	if (store->loads == SIGNER_STORE_LOADS_MAX)
		return STATUS_BUSY;
	CHECK(store_ask_load(next_request(store), kind, id, &store->out) == STATUS_OK);
	status = ask(store, CALL_STORE_LOAD, awaited);
	store->loads += status == STATUS_OK;
	return status;
}

bool signer_store_holds(size_t ops, size_t bytes)
{
	return bytes + ops * sizeof(struct call_store_op) <= SIGNER_STORE_BATCH_MAX;
}

bool signer_store_room(const struct signer_store *store, size_t ops, size_t bytes)
{
	return signer_store_holds(ops, bytes + store->gathering.len);
}

enum status signer_store_put(struct signer_store *store, uint32_t kind, const uint8_t id[32],
                             struct bytes sealed, uint64_t *ret_batch)
{
	struct batch *batch = &store->gathering;
	struct call_store_op op = {.kind = kind, .action = CALL_STORE_PUT};

	if (sealed.len > CALL_STORE_VALUE_LEN_MAX || !signer_store_room(store, 1, sealed.len))
		return STATUS_BUSY;
	memcpy(op.id, id, 32);
	op.value_len = (uint32_t)sealed.len;
	memcpy(batch->ops + batch->len, &op, sizeof(op));
	memcpy(batch->ops + batch->len + sizeof(op), sealed.data, sealed.len);
	batch->len += sizeof(op) + sealed.len;
	batch->count++;
	/* Neither gives any power. */
	batch->anchored |= kind != CALL_STORE_VALUE_CHAIN && kind != CALL_STORE_VALUE_OFFERED;
	*ret_batch = batch->number;
	return STATUS_OK;
}

enum status signer_store_delete(struct signer_store *store, uint32_t kind, const uint8_t id[32],
                                uint64_t *ret_batch)
{
	struct batch *batch = &store->gathering;
	struct call_store_op op = {.kind = kind, .action = CALL_STORE_DELETE};

	if (!signer_store_room(store, 1, 0))
		return STATUS_BUSY;
	memcpy(op.id, id, 32);
	memcpy(batch->ops + batch->len, &op, sizeof(op));
	batch->len += sizeof(op);
	batch->count++;
	batch->anchored = true;
	*ret_batch = batch->number;
	return STATUS_OK;
}

uint64_t signer_store_touch(struct signer_store *store)
{
	store->gathering.touched = true;
	signer_store_anchor(store, SIGNER_NEED_LESS);
	return store->gathering.number;
}

void signer_store_mark(struct signer_store *store)
{
	store->gathering.touched = true;
}

void signer_store_anchor(struct signer_store *store, enum signer_need need)
{
	store->gathering.anchored = true;
	signer_store_need(store, need, NULL);
}

void signer_store_need(struct signer_store *store, enum signer_need need, const uint8_t *user)
{
	struct batch *batch = &store->gathering;

	if (batch->need >= need)
		return;
	batch->need = need;
	batch->has_user = user != NULL;
	if (user != NULL)
		memcpy(batch->user, user, sizeof(batch->user));
}

void signer_store_pay(struct signer_store *store)
{
	store->gathering.paid = store->gathering.anchored = true;
}

void signer_store_lowers(struct signer_store *store)
{
	store->gathering.lowers = true;
}

bool signer_store_is_paid(const struct signer_store *store)
{
	return store->gathering.paid;
}

uint64_t signer_store_gathering(const struct signer_store *store)
{
	return store->gathering.number;
}

uint64_t signer_store_committed(const struct signer_store *store)
{
	return store->committed;
}

uint64_t signer_store_bound(const struct signer_store *store)
{
	return store->bound;
}

bool signer_store_is_at_tpm(const struct signer_store *store)
{
	return store->commit == COMMIT_ANCHORING;
}

uint64_t signer_store_seq(const struct signer_store *store)
{
	return store->seq;
}

bool signer_store_stream_next(const struct signer_store *store, uint32_t stream, uint64_t *ret_next)
{
	if (store->rejoining || stream >= CALL_STORE_STREAM_COUNT)
		return false;
	*ret_next = store->state.streams[stream].next;
	return true;
}

static enum status ask_segment(struct signer_store *store, uint32_t kind, uint32_t stream,
                               uint64_t cursor, struct bytes blob, uint64_t tag)
{
	struct awaited awaited = {.what = AWAIT_SEGMENT, .kind = kind, .tag = tag};
	enum status status;

	if (store->segments == SIGNER_STORE_APPENDS_MAX)
		return STATUS_BUSY;
	status = store_ask_segment(next_request(store), stream, cursor, blob, &store->out);
	if (status != STATUS_OK)
		return status;
	status = ask(store, kind, awaited);
	store->segments += status == STATUS_OK;
	return status;
}

enum status signer_store_append(struct signer_store *store, uint32_t stream, struct bytes blob,
                                uint64_t tag)
{
	return ask_segment(store, CALL_STORE_SEGMENT_APPEND, stream, 0, blob, tag);
}

enum status signer_store_segment(struct signer_store *store, uint32_t kind, uint32_t stream,
                                 uint64_t cursor, uint64_t tag)
{
	return ask_segment(store, kind, stream, cursor, bytes_of(NULL, 0), tag);
}

enum status signer_store_backup(struct signer_store *store, const struct call_store_backup *backup)
{
	if (store->rejoining ||
	    (backup->step == CALL_STORE_BACKUP_BEGIN && store->commit != COMMIT_IDLE))
		return STATUS_BUSY;
	CHECK(store_ask_backup(next_request(store), backup, &store->out) == STATUS_OK);
	return ask(store, CALL_STORE_BACKUP, (struct awaited){.what = AWAIT_BACKUP});
}

enum status signer_store_put_item(struct signer_store *store, uint32_t part, struct bytes content,
                                  struct signer_store_item *item)
{
	enum status status;

	if (store->rejoining || store->item != NULL)
		return STATUS_BUSY;
	CHECK(store_ask_item(next_request(store), part, content, &store->out) == STATUS_OK);
	status = ask(store, CALL_STORE_ITEM_PUT, (struct awaited){.what = AWAIT_ITEM});
	if (status == STATUS_OK) {
		*item = (struct signer_store_item){.is_done = false};
		store->item = item;
	}
	return status;
}

static void end_item(struct signer_store *store, enum status status)
{
	if (store->item != NULL)
		*store->item = (struct signer_store_item){.is_done = true, .status = status};
	store->item = NULL;
}

enum status signer_store_list(struct signer_store *store, uint32_t kind, const uint8_t after[32],
                              uint32_t max)
{
	static const uint8_t from_start[32];
	enum status status;

	CHECK(max > 0 && max <= SIGNER_STORE_LIST_MAX);
	if (store->rejoining || store->list.asked)
		return STATUS_BUSY;
	CHECK(store_ask_list(next_request(store), kind,
	                     memcmp(after, from_start, 32) == 0 ? NULL : after, max,
	                     &store->out) == STATUS_OK);
	status = ask(store, CALL_STORE_LIST, (struct awaited){.what = AWAIT_LIST});
	store->list.asked = status == STATUS_OK;
	store->list.max = max;
	memcpy(store->list.after, after, 32);
	return status;
}

enum status signer_store_listed(const struct signer_store *store, struct buffer *ret_ids,
                                bool *ret_more)
{
	if (store->list.asked)
		return STATUS_BUSY;
	*ret_more = store->list.more;
	return store->list.status == STATUS_OK ? buffer_put(ret_ids, buffer_bytes(&store->list.ids))
	                                       : store->list.status;
}

/* A list out of form is a broken peer's: more than was asked for, not ascending, or a next page
 * behind nothing. So a walk over all pages comes to its end. */
static enum status take_listed(struct signer_store *store, struct bytes message)
{
	struct call_store_listed listed;
	const uint8_t *before = store->list.after;
	static const uint8_t first[32];
	struct bytes ids;
	enum status status = store_take_listed(message, &listed, &ids);

	if (status != STATUS_OK)
		return status;
	store->list.asked = false;
	store->list.status = listed.head.status == STATUS_OK        ? STATUS_OK
	                     : listed.head.status == STATUS_CORRUPT ? STATUS_CORRUPT
	                                                            : STATUS_IO;
	if (store->list.status != STATUS_OK)
		return STATUS_OK;
	if (listed.count > store->list.max || (listed.more != 0 && listed.count == 0))
		return STATUS_MALFORMED;
	for (size_t i = 0; i < ids.len; i += 32) {
		if (memcmp(before, ids.data + i, 32) >= 0 &&
		    (i != 0 || memcmp(before, first, 32) != 0))
			return STATUS_MALFORMED;
		before = ids.data + i;
	}
	store->list.ids.len = 0;
	store->list.more = listed.more != 0;
	return buffer_put(&store->list.ids, ids);
}

static enum status take_item(struct signer_store *store, struct bytes message)
{
	struct call_store_head head;
	enum status status = store_take_head(message, &head);

	if (status != STATUS_OK)
		return status;
	end_item(store, (enum status)head.status);
	return STATUS_OK;
}

/* Sends the next STAGE message: as many operations as fit. */
static void ask_stage(struct signer_store *store)
{
	size_t at = store->staged_len;

	CHECK(store_ask_stage(next_request(store), store->flying.anchored, &store->out) ==
	      STATUS_OK);
	while (at < store->flying.len) {
		struct store_op op = op_at(&store->flying, at);

		if ((op.fixed.action == CALL_STORE_DELETE
		         ? store_ask_stage_delete(&store->out, op.fixed.kind, op.fixed.id)
		         : store_ask_stage_put(&store->out, op.fixed.kind, op.fixed.id,
		                               op.value)) != STATUS_OK)
			break;
		at += sizeof(op.fixed) + op.value.len;
	}
	CHECK(at > store->staged_len);
	if (ask(store, CALL_STORE_STAGE, (struct awaited){.what = AWAIT_STAGE}) == STATUS_OK) {
		store->asked_len = at;
		store->commit = COMMIT_STAGING;
	}
}

static void ask_commit(struct signer_store *store)
{
	store->checkpoint.len = 0;
	CHECK(store->hooks.checkpoint(store->hooks.context, store->seq + 1, store->staged,
	                              !store->flying.anchored, &store->checkpoint) == STATUS_OK);
	CHECK(store_ask_commit(next_request(store), store->seq + 1, store->staged,
	                       store->flying.anchored, buffer_bytes(&store->checkpoint),
	                       &store->out) == STATUS_OK);
	if (ask(store, CALL_STORE_COMMIT, (struct awaited){.what = AWAIT_COMMIT}) == STATUS_OK)
		store->commit = COMMIT_WRITING;
}

/* may_begin: whether the gathering batch may go now, to the TPM or without it. What takes power
 * never waits for a write of the TPM: without one it goes to the store as it is, so that it needs
 * no place in memory any more, and the next commit that has a write binds it. */
static bool may_begin(struct signer_store *store)
{
	struct batch *batch = &store->gathering;

	if (!batch->anchored && !store->owes)
		return batch->len != 0 || batch->touched;
	switch (store->hooks.may_anchor(store->hooks.context, batch->paid, batch->need,
	                                batch->has_user ? batch->user : NULL)) {
	case SIGNER_WRITE_NOW:
		batch->anchored = true;
		return true;
	case SIGNER_WRITE_SOON:
		return false;
	case SIGNER_WRITE_NONE:
		break;
	}
	if ((batch->len == 0 && !batch->touched) || (batch->anchored && !batch->lowers))
		return false;
	CHECK(!batch->paid);
	store->owes |= batch->anchored;
	batch->anchored = false;
	return true;
}

/* What is owed to the TPM is asked for as it was, by whom it was. */
static void begin_batch(struct signer_store *store)
{
	struct batch next = store->flying;

	store->flying = store->gathering;
	next.len = next.count = 0;
	next.touched = next.anchored = next.lowers = next.paid = next.has_user = false;
	next.need = SIGNER_NEED_LEASE;
	next.number = store->flying.number + 1;
	if (store->owes && !store->flying.anchored) {
		next.need = store->flying.need;
		next.has_user = store->flying.has_user;
		memcpy(next.user, store->flying.user, sizeof(next.user));
	}
	store->gathering = next;
	if (store->flying.anchored || store->flying.lowers)
		store->hooks.begins(store->hooks.context);
	store->staged_len = store->asked_len = 0;
	store->commit = COMMIT_STAGING;
}

/* Starts or continues the batch in flight when nothing of it is awaited. */
static void move_commit(struct signer_store *store)
{
	if (!store->begun)
		return;
	if (store->commit == COMMIT_IDLE) {
		if (!may_begin(store))
			return;
		begin_batch(store);
	}
	if (store->commit != COMMIT_STAGING || store->asked_len != store->staged_len ||
	    store->now_ms < store->again_ms)
		return;
	if (store->staged_len < store->flying.len)
		ask_stage(store);
	else
		ask_commit(store);
}

static enum status take_state(struct signer_store *store, struct bytes message)
{
	struct bytes checkpoint, undo;
	enum status status = store_take_state(message, &store->state, &checkpoint, &undo);

	if (status != STATUS_OK)
		return status;
	store->state_checkpoint.len = store->state_undo.len = 0;
	status = buffer_put(&store->state_checkpoint, checkpoint);
	if (status == STATUS_OK)
		status = buffer_put(&store->state_undo, undo);
	store->have_state = status == STATUS_OK;
	return status;
}

static enum status take_loaded(struct signer_store *store, const struct awaited *awaited,
                               struct bytes message)
{
	struct call_store_loaded loaded;
	struct store_path path;
	struct bytes value;
	enum status status = store_take_loaded(message, &loaded, &path, &value);
	enum status result;

	if (status != STATUS_OK)
		return status;
	store->loads--;
	result = (enum status)loaded.head.status;
	if (result == STATUS_OK || result == STATUS_NOT_FOUND)
		if (authz_merkle_check(store->staged, awaited->kind, awaited->id, &path,
		                       result == STATUS_OK, value) != STATUS_OK)
			result = STATUS_CORRUPT;
	if (result != STATUS_OK)
		value = bytes_of(NULL, 0);
	store->hooks.loaded(store->hooks.context, awaited->kind, awaited->id, result, value);
	return STATUS_OK;
}

/* refused is what a STAGE or COMMIT that was not done means. Without space for the batch the store
 * dropped what was staged of it. Somebody makes room, or not: what it holds stays in force here,
 * and all else goes on. Any other status is a broken peer's. */
static enum status refused(struct signer_store *store, uint32_t status)
{
	if (status != STATUS_BUSY)
		return (enum status)status;
	if (!store->no_space)
		log_event(LOG_ERROR, "store.no_space");
	store->no_space = true;
	memcpy(store->staged, store->root, 32);
	store->staged_len = store->asked_len = 0;
	store->commit = COMMIT_STAGING;
	store->again_ms = store->now_ms + NO_SPACE_MS;
	return STATUS_OK;
}

/* Goes over the staged operations with their paths from root to root. */
static enum status take_staged(struct signer_store *store, struct bytes message)
{
	struct call_store_staged staged;
	struct bytes paths;
	enum status status = store_take_staged(message, &staged, &paths);

	if (status != STATUS_OK)
		return status;
	if (staged.head.status != STATUS_OK)
		return refused(store, staged.head.status);
	while (store->staged_len < store->asked_len) {
		struct store_op op = op_at(&store->flying, store->staged_len);
		struct store_path path;

		status = store_take_path(&paths, &path);
		if (status == STATUS_OK)
			status = op.fixed.action == CALL_STORE_DELETE
			             ? authz_merkle_delete(store->staged, op.fixed.kind,
			                                   op.fixed.id, &path, store->staged)
			             : authz_merkle_put(store->staged, op.fixed.kind, op.fixed.id,
			                                &path, op.value, store->staged);
		if (status != STATUS_OK)
			return STATUS_MALFORMED;
		store->staged_len += sizeof(op.fixed) + op.value.len;
	}
	return STATUS_OK;
}

/* written goes on when the batch in flight is durable. The store shows its values from now on, and
 * paths lead to its root; it counts when it is anchored. */
static void written(struct signer_store *store)
{
	store->no_space = false;
	store->seq++;
	memcpy(store->root, store->staged, 32);
	store->commit = COMMIT_ANCHORING;
	if (store->flying.anchored)
		store->hooks.anchor(store->hooks.context, buffer_bytes(&store->checkpoint));
	else
		signer_store_anchored(store);
}

void signer_store_anchored(struct signer_store *store)
{
	CHECK(store->commit == COMMIT_ANCHORING);
	store->committed = store->flying.number;
	if (store->flying.anchored)
		store->owes = false;
	if (!store->owes)
		store->bound = store->committed;
	store->commit = COMMIT_IDLE;
	for (size_t at = 0; at < store->flying.len;) {
		struct store_op op = op_at(&store->flying, at);

		store->hooks.counts(store->hooks.context, op.fixed.kind, op.fixed.id);
		at += sizeof(op.fixed) + op.value.len;
	}
}

/* After a revert the store says where it stands. */
static enum status take_reverted(struct signer_store *store, struct bytes message)
{
	struct call_store_committed reverted;
	enum status status = store_take_committed(message, &reverted);

	if (status == STATUS_OK && reverted.head.status != STATUS_OK)
		status = (enum status)reverted.head.status;
	if (status == STATUS_OK)
		signer_store_ask_state(store);
	return status;
}

static enum status take_committed(struct signer_store *store, struct bytes message)
{
	struct call_store_committed committed;
	enum status status = store_take_committed(message, &committed);

	if (status != STATUS_OK)
		return status;
	if (committed.head.status != STATUS_OK)
		return refused(store, committed.head.status);
	if (committed.seq != store->seq + 1 || memcmp(committed.root, store->staged, 32) != 0)
		return STATUS_MALFORMED;
	written(store);
	return STATUS_OK;
}

static enum status take_segment(struct signer_store *store, const struct awaited *awaited,
                                struct bytes message)
{
	struct call_store_segment_state state;
	struct bytes blob;
	enum status status = store_take_segment(message, &state, &blob);

	if (status != STATUS_OK)
		return status;
	store->segments--;
	store->hooks.segment(store->hooks.context, awaited->tag, (enum status)state.head.status,
	                     &state, blob);
	return STATUS_OK;
}

static enum status take_backed(struct signer_store *store, struct bytes message)
{
	struct call_store_backed backed;
	struct bytes bytes;
	enum status status = store_take_backed(message, &backed, &bytes);

	if (status == STATUS_OK)
		store->hooks.backed(store->hooks.context, (enum status)backed.head.status, &backed,
		                    bytes);
	return status;
}

static enum status take_fill(struct signer_store *store, struct bytes message)
{
	if (message.len != sizeof(store->fill))
		return STATUS_MALFORMED;
	memcpy(&store->fill, message.data, sizeof(store->fill));
	return STATUS_OK;
}

struct call_store_fill signer_store_fill(const struct signer_store *store)
{
	return store->fill;
}

bool signer_store_is_full(const struct signer_store *store)
{
	const struct call_store_fill *fill = &store->fill;
	uint64_t coming = store->gathering.len;

	if (store->commit != COMMIT_IDLE)
		coming += store->flying.len;
	if (fill->state_bytes == 0)
		return false;
	/* Twice: the values before are kept until the next commit (spec/store.md). */
	return fill->state >= SIGNER_FULL ||
	       2 * coming * 100 > fill->state_bytes * (SIGNER_FULL - fill->state);
}

static uint32_t answer_kind(const struct awaited *awaited)
{
	switch (awaited->what) {
	case AWAIT_STATE:
		return CALL_STORE_STATE_ANSWER;
	case AWAIT_LOAD:
		return CALL_STORE_LOAD_ANSWER;
	case AWAIT_STAGE:
		return CALL_STORE_STAGE_ANSWER;
	case AWAIT_COMMIT:
		return CALL_STORE_COMMIT_ANSWER;
	case AWAIT_REVERT:
		return CALL_STORE_REVERT_ANSWER;
	case AWAIT_BACKUP:
		return CALL_STORE_BACKUP_ANSWER;
	case AWAIT_ITEM:
		return CALL_STORE_ITEM_ANSWER;
	case AWAIT_LIST:
		return CALL_STORE_LIST_ANSWER;
	case AWAIT_SEGMENT:
		return store_answer_kind(awaited->kind);
	}
	return 0;
}

/* An answer out of order or out of form is a broken peer's. A store that could not commit ends by
 * itself and comes back from its disk; the batch is then staged again. */
static enum status take_answer(struct signer_store *store)
{
	struct awaited awaited;
	struct bytes message = buffer_bytes(&store->in.payload);

	if (store->in.kind == CALL_STORE_FILL)
		return take_fill(store, message);
	if (store->queue_count == 0)
		return STATUS_MALFORMED;
	awaited = store->queue[store->queue_first];
	if (store->in.kind != answer_kind(&awaited))
		return STATUS_MALFORMED;
	store->queue_first = (store->queue_first + 1) % AWAITED_MAX;
	store->queue_count--;
	switch (awaited.what) {
	case AWAIT_STATE:
		return take_state(store, message);
	case AWAIT_LOAD:
		return take_loaded(store, &awaited, message);
	case AWAIT_STAGE:
		return take_staged(store, message);
	case AWAIT_COMMIT:
		return take_committed(store, message);
	case AWAIT_REVERT:
		return take_reverted(store, message);
	case AWAIT_BACKUP:
		return take_backed(store, message);
	case AWAIT_ITEM:
		return take_item(store, message);
	case AWAIT_LIST:
		return take_listed(store, message);
	case AWAIT_SEGMENT:
		return take_segment(store, &awaited, message);
	}
	return STATUS_MALFORMED;
}

/* The store went away: what was asked is answered here, and the batch in flight begins anew. */
static void forget_peer(struct signer_store *store)
{
	static const struct call_store_segment_state nowhere;
	static const struct call_store_backed nothing;

	ipc_acknowledge(store->channel);
	while (store->queue_count > 0) {
		struct awaited awaited = store->queue[store->queue_first];

		store->queue_first = (store->queue_first + 1) % AWAITED_MAX;
		store->queue_count--;
		if (awaited.what == AWAIT_LOAD)
			store->hooks.loaded(store->hooks.context, awaited.kind, awaited.id,
			                    STATUS_IO, bytes_of(NULL, 0));
		if (awaited.what == AWAIT_BACKUP)
			store->hooks.backed(store->hooks.context, STATUS_IO, &nothing,
			                    bytes_of(NULL, 0));
		if (awaited.what == AWAIT_SEGMENT)
			store->hooks.segment(store->hooks.context, awaited.tag, STATUS_IO, &nowhere,
			                     bytes_of(NULL, 0));
	}
	end_item(store, STATUS_IO);
	if (store->list.asked)
		store->list.status = STATUS_IO;
	store->list.asked = false;
	store->loads = store->segments = 0;
	store->staged_len = store->asked_len = 0;
	store->have_state = false;
	store->rejoining = true;
	if (ipc_is_up(store->channel))
		signer_store_ask_state(store);
}

/* After a restart the store must stand where the signer does, or one commit further: the one whose
 * answer was lost. Anything else is a store of another time. */
static enum status rejoin(struct signer_store *store)
{
	if (store->state.seq == store->seq && memcmp(store->state.root, store->root, 32) == 0) {
		memcpy(store->staged, store->root, 32);
		if (store->commit == COMMIT_WRITING)
			store->commit = COMMIT_STAGING;
		return STATUS_OK;
	}
	if (store->commit == COMMIT_WRITING && store->state.seq == store->seq + 1 &&
	    memcmp(store->state.root, store->staged, 32) == 0) {
		written(store);
		return STATUS_OK;
	}
	return STATUS_CORRUPT;
}

enum status signer_store_pump(struct signer_store *store, uint64_t now_ms)
{
	store->now_ms = now_ms;
	for (;;) {
		enum status status = ipc_take(store->channel, &store->in);

		if (status == STATUS_BUSY)
			break;
		if (status == STATUS_CONFLICT) {
			forget_peer(store);
			continue;
		}
		if (status != STATUS_OK)
			return STATUS_IO;
		status = take_answer(store);
		if (status != STATUS_OK) {
			ipc_complain(store->channel, IPC_COMPLAINT_BROKEN);
			return STATUS_IO;
		}
		if (store->begun && store->have_state) {
			if (rejoin(store) != STATUS_OK)
				return STATUS_CORRUPT;
			store->have_state = store->rejoining = false;
		}
	}
	move_commit(store);
	return STATUS_OK;
}
