/* SPDX-License-Identifier: Apache-2.0 */
#include "store_core.h"

#include "base_check.h"
#include "base_sha256.h"

enum meta {
	META_HEAD = 1,
	META_CHECKPOINT = 2,
	META_STREAMS = 3,
	META_UNDO = 4,
};

/* The head as it is stored. */
struct stored_head {
	uint64_t seq;
	uint64_t value_count;
	struct tree_slot root;
	uint8_t reserved[7];
};

_Static_assert(sizeof(struct stored_head) == 88, "stored as it is");
_Static_assert(sizeof(struct store_stream) == 32, "stored as it is");
_Static_assert(sizeof(struct store_undo) == 120, "stored as it is");
_Static_assert(sizeof(struct store_undo) + CALL_STORE_CHECKPOINT_MAX <= DB_META_MAX, "fits a row");

/* ---- opening ---- */

/* take_meta reads a meta value that has exactly `len` bytes; absent gives zeroes. */
static enum status take_meta(struct db *db, uint32_t number, void *ret_value, size_t len)
{
	uint8_t raw[DB_META_MAX];
	struct buffer value = BUFFER_OF_ARRAY(raw);
	enum status status = db_meta_get(db, number, &value);

	if (status == STATUS_NOT_FOUND) {
		memset(ret_value, 0, len);
		return STATUS_OK;
	}
	if (status == STATUS_OK && value.len != len)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		memcpy(ret_value, raw, len);
	return status;
}

static enum status load_head(struct store *store)
{
	struct stored_head stored;
	struct buffer checkpoint = BUFFER_OF_ARRAY(store->checkpoint);
	enum status status = take_meta(&store->state, META_HEAD, &stored, sizeof(stored));

	if (status == STATUS_OK && stored.root.kind > TREE_SLOT_INNER)
		return STATUS_CORRUPT;
	if (status == STATUS_OK)
		status = db_meta_get(&store->state, META_CHECKPOINT, &checkpoint);
	if (status == STATUS_NOT_FOUND && stored.seq == 0)
		status = STATUS_OK;
	if (status != STATUS_OK)
		return status == STATUS_IO ? STATUS_IO : STATUS_CORRUPT;
	store->checkpoint_len = checkpoint.len;
	store->head = (struct store_head){
	    .seq = stored.seq, .value_count = stored.value_count, .root = stored.root};
	store->staged = store->head;
	return STATUS_OK;
}

static enum status load_undo(struct store *store)
{
	uint8_t raw[DB_META_MAX];
	struct buffer stored = BUFFER_OF_ARRAY(raw);
	enum status status = db_meta_get(&store->state, META_UNDO, &stored);

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK && (stored.len < sizeof(store->undo) ||
	                            stored.len - sizeof(store->undo) > CALL_STORE_CHECKPOINT_MAX))
		status = STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status == STATUS_IO ? STATUS_IO : STATUS_CORRUPT;
	memcpy(&store->undo, raw, sizeof(store->undo));
	store->undo_checkpoint_len = stored.len - sizeof(store->undo);
	memcpy(store->undo_checkpoint, raw + sizeof(store->undo), store->undo_checkpoint_len);
	if (store->undo.is_there > 1 || store->undo.root.kind > TREE_SLOT_INNER ||
	    (store->undo.is_there == 1 && store->undo.seq + 1 != store->head.seq))
		return STATUS_CORRUPT;
	return STATUS_OK;
}

static enum status load_streams(struct store *store)
{
	enum status status =
	    take_meta(&store->segments, META_STREAMS, store->streams, sizeof(store->streams));

	for (int i = 0; status == STATUS_OK && i < CALL_STORE_STREAM_COUNT; i++) {
		struct store_stream *stream = &store->streams[i];

		if (stream->next == 0) /* cursors begin at 1, so that 0 is before all */
			*stream = (struct store_stream){.first = 1, .next = 1, .exported = 1};
		if (stream->first > stream->next || stream->exported > stream->next)
			status = STATUS_CORRUPT;
	}
	memcpy(store->appended, store->streams, sizeof(store->appended));
	return status;
}

void store_open(struct store *store, struct db_files *state, struct db_files *segments)
{
	memset(store, 0, sizeof(*store));
	store->state.trouble = store->segments.trouble = "no trouble";
	store->opened = db_open(state, DB_ROLE_STATE, &store->state);
	if (store->opened == STATUS_OK)
		store->opened = load_head(store);
	if (store->opened == STATUS_OK)
		store->opened = load_undo(store);
	if (store->opened == STATUS_OK)
		store->opened = db_open(segments, DB_ROLE_SEGMENTS, &store->segments);
	if (store->opened == STATUS_OK)
		store->opened = load_streams(store);
}

void store_close(struct store *store)
{
	db_close(&store->state);
	db_close(&store->segments);
}

bool store_is_broken(const struct store *store)
{
	if (store->opened != STATUS_OK)
		return store->opened != STATUS_CORRUPT;
	return db_is_broken(&store->state) || db_is_broken(&store->segments);
}

const char *store_trouble(const struct store *store)
{
	if (strcmp(store->state.trouble, "no trouble") != 0)
		return store->state.trouble;
	return store->segments.trouble;
}

/* ---- answers ---- */

static void send_answer(uint32_t request_kind, struct store_sink *sink)
{
	sink->answer(sink->context, store_answer_kind(request_kind), buffer_bytes(&sink->message));
	sink->message.len = 0;
}

static void answer_failed(const struct store_request *request, enum status status,
                          struct store_sink *sink)
{
	sink->message.len = 0;
	CHECK(store_answer_failed(request->kind, request->request, status, &sink->message) ==
	      STATUS_OK);
	send_answer(request->kind, sink);
}

static void put_fixed(struct store_sink *sink, const void *fixed, size_t len)
{
	CHECK(buffer_put(&sink->message, bytes_of(fixed, len)) == STATUS_OK);
}

static void answer_state(struct store *store, const struct store_request *request,
                         struct store_sink *sink)
{
	struct call_store_state state = {.head.request = request->request,
	                                 .seq = store->head.seq,
	                                 .value_count = store->head.value_count};

	tree_hash(&store->head.root, state.root);
	for (int i = 0; i < CALL_STORE_STREAM_COUNT; i++) {
		state.streams[i].first = store->streams[i].first;
		state.streams[i].next = store->streams[i].next;
		state.streams[i].exported = store->streams[i].exported;
		state.streams[i].bytes = store->streams[i].bytes;
	}
	state.checkpoint_len = (uint32_t)store->checkpoint_len;
	if (store->undo.is_there == 1)
		state.undo_len = (uint32_t)store->undo_checkpoint_len;
	put_fixed(sink, &state, sizeof(state));
	put_fixed(sink, store->checkpoint, store->checkpoint_len);
	put_fixed(sink, store->undo_checkpoint, state.undo_len);
	send_answer(request->kind, sink);
}

/* load_value appends the value at the end of the walk, if it is the one that its leaf names. */
static enum status load_value(struct store *store, uint32_t kind, const uint8_t id[32],
                              struct buffer *ret_value)
{
	uint8_t hash[SHA256_LEN];
	size_t before = ret_value->len;
	enum status status = db_value_get(&store->state, kind, id, ret_value);

	if (status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE)
		return STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status;
	sha256_of(bytes_of(ret_value->data + before, ret_value->len - before), hash);
	return memcmp(hash, store->walk.terminal.b, sizeof(hash)) == 0 ? STATUS_OK : STATUS_CORRUPT;
}

static void answer_load(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	const struct call_store_load *load = &request->of.load;
	struct call_store_loaded loaded = {.head.request = request->request,
	                                   .seq = store->head.seq};
	struct store_path path;
	uint8_t key[TREE_HASH_LEN];
	enum status status;

	tree_key(load->kind, load->id, key);
	status = tree_walk_to(&store->state, &store->staged.root, key, &store->walk);
	if (status != STATUS_OK) {
		answer_failed(request, status, sink);
		return;
	}
	path = tree_walk_path(&store->walk);
	put_fixed(sink, &loaded, sizeof(loaded));
	CHECK(store_answer_path(&path, &sink->message) == STATUS_OK);
	loaded.path_len = (uint32_t)(sink->message.len - sizeof(loaded));
	if (tree_walk_found(&store->walk))
		status = load_value(store, load->kind, load->id, &sink->message);
	else
		loaded.head.status = STATUS_NOT_FOUND;
	if (status != STATUS_OK) {
		answer_failed(request, status, sink);
		return;
	}
	loaded.value_len = (uint32_t)(sink->message.len - sizeof(loaded) - loaded.path_len);
	memcpy(sink->message.data, &loaded, sizeof(loaded));
	send_answer(request->kind, sink);
}

static void answer_list(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	const struct call_store_list *list = &request->of.list;
	struct call_store_listed listed = {.head.request = request->request};
	bool more = false;
	enum status status;

	put_fixed(sink, &listed, sizeof(listed));
	status = db_value_list(&store->state, list->kind, list->from_start ? NULL : list->after,
	                       list->max, &sink->message, &more);
	if (status != STATUS_OK) {
		answer_failed(request, status, sink);
		return;
	}
	listed.count = (uint32_t)((sink->message.len - sizeof(listed)) / TREE_HASH_LEN);
	listed.more = more;
	memcpy(sink->message.data, &listed, sizeof(listed));
	send_answer(request->kind, sink);
}

/* ---- changes ---- */

static void drop_batch(struct store *store)
{
	db_rollback(&store->state);
	store->staged = store->head;
	store->is_staging = false;
}

/* drop_undo deletes the rows of an undo; within a batch. */
static enum status drop_undo(struct store *store, const struct store_undo *undo)
{
	enum status status = STATUS_OK;

	for (uint32_t kind = 0; kind < 256 && status == STATUS_OK; kind++) {
		if ((undo->kinds[kind / 8] >> (kind % 8) & 1) == 0)
			continue;
		status = db_value_delete_kind(&store->state, kind + STORE_UNDO_OLD);
		if (status == STATUS_OK)
			status = db_value_delete_kind(&store->state, kind + STORE_UNDO_ABSENT);
	}
	return status;
}

static enum status begin_batch(struct store *store)
{
	enum status status;

	if (store->is_staging)
		return STATUS_OK;
	status = db_begin(&store->state);
	if (status == STATUS_OK) {
		store->is_staging = true;
		status = drop_undo(store, &store->undo);
	}
	store->undoes = (struct store_undo){.seq = store->head.seq,
	                                    .value_count = store->head.value_count,
	                                    .root = store->head.root,
	                                    .is_there = 1};
	return status;
}

/* keep_old keeps the value that an operation replaces, unless an earlier one of the batch did. */
static enum status keep_old(struct store *store, uint32_t kind, const uint8_t id[32], bool found)
{
	static uint8_t raw[CALL_STORE_VALUE_LEN_MAX];
	struct buffer old = BUFFER_OF_ARRAY(raw);
	enum status status = db_value_get(&store->state, kind + STORE_UNDO_OLD, id, &old);

	if (status == STATUS_NOT_FOUND)
		status = db_value_get(&store->state, kind + STORE_UNDO_ABSENT, id, &old);
	if (status != STATUS_NOT_FOUND)
		return status;
	store->undoes.kinds[kind / 8] |= (uint8_t)(1u << (kind % 8));
	old.len = 0;
	if (!found)
		return db_value_put(&store->state, kind + STORE_UNDO_ABSENT, id, bytes_of(raw, 0));
	status = db_value_get(&store->state, kind, id, &old);
	if (status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE)
		return STATUS_CORRUPT;
	return status == STATUS_OK
	           ? db_value_put(&store->state, kind + STORE_UNDO_OLD, id, buffer_bytes(&old))
	           : status;
}

/* stage_op puts the path before the operation into the answer, then changes the map. */
static enum status stage_op(struct store *store, const struct store_op *op, bool keeps_undo,
                            struct buffer *ret_message)
{
	uint8_t key[TREE_HASH_LEN], hash[SHA256_LEN];
	struct store_path path;
	bool found;
	enum status status;

	tree_key(op->fixed.kind, op->fixed.id, key);
	status = tree_walk_to(&store->state, &store->staged.root, key, &store->walk);
	if (status != STATUS_OK)
		return status;
	path = tree_walk_path(&store->walk);
	CHECK(store_answer_path(&path, ret_message) == STATUS_OK);
	found = tree_walk_found(&store->walk);
	if (keeps_undo && (found || op->fixed.action == CALL_STORE_PUT))
		status = keep_old(store, op->fixed.kind, op->fixed.id, found);
	if (status != STATUS_OK)
		return status;
	if (op->fixed.action == CALL_STORE_DELETE) {
		if (!found)
			return STATUS_OK; /* the path proves that there was nothing */
		status = tree_delete(&store->state, &store->walk, &store->staged.root);
		if (status == STATUS_OK)
			status = db_value_delete(&store->state, op->fixed.kind, op->fixed.id);
		store->staged.value_count--;
		return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
	}
	sha256_of(op->value, hash);
	status = tree_put(&store->state, &store->walk, hash, &store->staged.root);
	if (status == STATUS_OK)
		status = db_value_put(&store->state, op->fixed.kind, op->fixed.id, op->value);
	store->staged.value_count += !found;
	return status;
}

static void answer_stage(struct store *store, const struct store_request *request,
                         struct store_sink *sink)
{
	struct call_store_staged staged = {.head.request = request->request,
	                                   .count = request->of.stage.count};
	struct bytes ops = request->payload;
	enum status status = begin_batch(store);

	put_fixed(sink, &staged, sizeof(staged));
	for (uint32_t i = 0; status == STATUS_OK && i < staged.count; i++) {
		struct store_op op;

		CHECK(store_take_op(&ops, &op) == STATUS_OK);
		status = stage_op(store, &op, request->of.stage.keeps_undo == 1, &sink->message);
	}
	if (status != STATUS_OK) {
		drop_batch(store);
		answer_failed(request, status, sink);
		return;
	}
	tree_hash(&store->staged.root, staged.root);
	memcpy(sink->message.data, &staged, sizeof(staged));
	send_answer(request->kind, sink);
}

static enum status put_undo(struct store *store, const struct store_undo *undo)
{
	uint8_t raw[DB_META_MAX];
	struct buffer stored = BUFFER_OF_ARRAY(raw);

	CHECK(buffer_put(&stored, bytes_of(undo, sizeof(*undo))) == STATUS_OK);
	if (undo->is_there == 1)
		CHECK(buffer_put(&stored, bytes_of(store->checkpoint, store->checkpoint_len)) ==
		      STATUS_OK);
	return db_meta_put(&store->state, META_UNDO, buffer_bytes(&stored));
}

static enum status commit(struct store *store, uint64_t seq, bool keeps_undo,
                          struct bytes checkpoint)
{
	struct store_undo undo = keeps_undo ? store->undoes : (struct store_undo){.seq = 0};
	struct stored_head stored = {
	    .seq = seq, .value_count = store->staged.value_count, .root = store->staged.root};
	enum status status =
	    db_meta_put(&store->state, META_HEAD, bytes_of(&stored, sizeof(stored)));

	if (status == STATUS_OK)
		status = db_meta_put(&store->state, META_CHECKPOINT, checkpoint);
	if (status == STATUS_OK && !keeps_undo)
		status = drop_undo(store, &store->undoes);
	if (status == STATUS_OK)
		status = put_undo(store, &undo);
	if (status == STATUS_OK)
		status = db_commit(&store->state);
	if (status != STATUS_OK)
		return status;
	store->is_staging = false;
	store->staged.seq = seq;
	store->head = store->staged;
	store->undo = undo;
	memcpy(store->undo_checkpoint, store->checkpoint, store->checkpoint_len);
	store->undo_checkpoint_len = store->checkpoint_len;
	memcpy(store->checkpoint, checkpoint.data, checkpoint.len);
	store->checkpoint_len = checkpoint.len;
	return STATUS_OK;
}

static void answer_head(struct store *store, const struct store_request *request,
                        enum status status, struct store_sink *sink)
{
	struct call_store_committed committed = {
	    .head = {.request = request->request, .status = (uint32_t)status},
	    .seq = store->head.seq
        };

	tree_hash(&store->head.root, committed.root);
	put_fixed(sink, &committed, sizeof(committed));
	send_answer(request->kind, sink);
}

static void answer_commit(struct store *store, const struct store_request *request,
                          struct store_sink *sink)
{
	uint8_t root[TREE_HASH_LEN];
	enum status status = begin_batch(store); /* a checkpoint alone is a commit, too */

	tree_hash(&store->staged.root, root);
	if (status == STATUS_OK && (request->of.commit.seq != store->head.seq + 1 ||
	                            memcmp(root, request->of.commit.root, sizeof(root)) != 0))
		status = STATUS_CONFLICT;
	if (status == STATUS_OK)
		status = commit(store, request->of.commit.seq, request->of.commit.keeps_undo == 1,
		                request->payload);
	if (status != STATUS_OK)
		drop_batch(store);
	answer_head(store, request, status, sink);
}

/* ---- taking the last commit back ---- */

/* revert_op puts an id as it was before. */
static enum status revert_op(struct store *store, uint32_t kind, const uint8_t id[32],
                             bool was_there)
{
	static uint8_t raw[CALL_STORE_VALUE_LEN_MAX];
	struct buffer old = BUFFER_OF_ARRAY(raw);
	uint8_t key[TREE_HASH_LEN], hash[SHA256_LEN];
	enum status status = STATUS_OK;

	tree_key(kind, id, key);
	if (was_there)
		status = db_value_get(&store->state, kind + STORE_UNDO_OLD, id, &old);
	if (status == STATUS_OK)
		status = tree_walk_to(&store->state, &store->staged.root, key, &store->walk);
	if (status != STATUS_OK)
		return status;
	if (!was_there) {
		if (!tree_walk_found(&store->walk))
			return STATUS_OK; /* put and deleted in one batch */
		status = tree_delete(&store->state, &store->walk, &store->staged.root);
		return status == STATUS_OK ? db_value_delete(&store->state, kind, id) : status;
	}
	sha256_of(buffer_bytes(&old), hash);
	status = tree_put(&store->state, &store->walk, hash, &store->staged.root);
	return status == STATUS_OK ? db_value_put(&store->state, kind, id, buffer_bytes(&old))
	                           : status;
}

static enum status revert_kind(struct store *store, uint32_t kind, uint32_t offset)
{
	uint8_t raw[64 * 32], last[32];
	bool more = true, from_start = true;
	enum status status = STATUS_OK;

	while (more && status == STATUS_OK) {
		struct buffer ids = BUFFER_OF_ARRAY(raw);

		status = db_value_list(&store->state, kind + offset, from_start ? NULL : last, 64,
		                       &ids, &more);
		for (size_t at = 0; at < ids.len && status == STATUS_OK; at += 32)
			status = revert_op(store, kind, raw + at, offset == STORE_UNDO_OLD);
		from_start = false;
		if (ids.len != 0)
			memcpy(last, raw + ids.len - 32, 32);
	}
	return status;
}

static enum status revert(struct store *store)
{
	const struct store_undo undo = store->undo, none = {.seq = 0};
	struct stored_head stored = {
	    .seq = undo.seq, .value_count = undo.value_count, .root = undo.root};
	uint8_t wanted[TREE_HASH_LEN], got[TREE_HASH_LEN];
	enum status status = STATUS_OK;

	for (uint32_t kind = 0; kind < 256 && status == STATUS_OK; kind++) {
		if ((undo.kinds[kind / 8] >> (kind % 8) & 1) == 0)
			continue;
		status = revert_kind(store, kind, STORE_UNDO_OLD);
		if (status == STATUS_OK)
			status = revert_kind(store, kind, STORE_UNDO_ABSENT);
	}
	tree_hash(&undo.root, wanted);
	tree_hash(&store->staged.root, got);
	if (status == STATUS_OK && memcmp(wanted, got, sizeof(wanted)) != 0)
		status = STATUS_CORRUPT;
	if (status == STATUS_OK)
		status = drop_undo(store, &undo);
	if (status == STATUS_OK)
		status = db_meta_put(&store->state, META_HEAD, bytes_of(&stored, sizeof(stored)));
	if (status == STATUS_OK)
		status = db_meta_put(&store->state, META_CHECKPOINT,
		                     bytes_of(store->undo_checkpoint, store->undo_checkpoint_len));
	if (status == STATUS_OK)
		status = put_undo(store, &none);
	return status == STATUS_OK ? db_commit(&store->state) : status;
}

static void answer_revert(struct store *store, const struct store_request *request,
                          struct store_sink *sink)
{
	enum status status = STATUS_CONFLICT;

	if (store->undo.is_there == 1 && !store->is_staging)
		status = db_begin(&store->state);
	if (status == STATUS_OK) {
		status = revert(store);
		if (status == STATUS_OK) {
			store->head.seq = store->undo.seq;
			store->head.value_count = store->undo.value_count;
			store->head.root = store->undo.root;
			memcpy(store->checkpoint, store->undo_checkpoint,
			       store->undo_checkpoint_len);
			store->checkpoint_len = store->undo_checkpoint_len;
			store->undo = (struct store_undo){.seq = 0};
			store->staged = store->head;
		} else {
			drop_batch(store);
		}
	}
	answer_head(store, request, status, sink);
}

/* ---- streams ---- */

static void answer_stream(struct store *store, uint32_t request_kind, uint64_t request,
                          uint32_t stream, uint64_t cursor, struct store_sink *sink)
{
	const struct store_stream *s = &store->streams[stream];
	struct call_store_segment_state state = {.head.request = request,
	                                         .cursor = cursor,
	                                         .first = s->first,
	                                         .next = s->next,
	                                         .exported = s->exported,
	                                         .stream = stream,
	                                         .mib = (uint32_t)(s->bytes >> 20)};

	sink->message.len = 0;
	put_fixed(sink, &state, sizeof(state));
	send_answer(request_kind, sink);
}

static enum status commit_streams(struct store *store)
{
	enum status status = db_meta_put(&store->segments, META_STREAMS,
	                                 bytes_of(store->appended, sizeof(store->appended)));

	if (status == STATUS_OK)
		status = db_commit(&store->segments);
	else
		db_rollback(&store->segments);
	if (status == STATUS_OK)
		memcpy(store->streams, store->appended, sizeof(store->streams));
	else
		memcpy(store->appended, store->streams, sizeof(store->appended));
	return status;
}

void store_flush(struct store *store, struct store_sink *sink)
{
	size_t count = store->pending_count;
	enum status status;

	if (count == 0)
		return;
	status = commit_streams(store);
	store->pending_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct store_pending *pending = &store->pending[i];
		struct store_request request = {.kind = CALL_STORE_SEGMENT_APPEND,
		                                .request = pending->request};

		if (status != STATUS_OK)
			answer_failed(&request, status, sink);
		else
			answer_stream(store, request.kind, request.request, pending->stream,
			              pending->cursor, sink);
	}
}

static void take_append(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	struct store_stream *stream = &store->appended[request->of.segment.stream];
	enum status status = STATUS_OK;

	if (!store->segments.in_batch)
		status = db_begin(&store->segments);
	if (status == STATUS_OK)
		status = db_blob_put(&store->segments, request->of.segment.stream, stream->next,
		                     request->payload);
	if (status != STATUS_OK) {
		/* The batch is lost for those before it as well: none of them was answered. */
		size_t count = store->pending_count;

		db_rollback(&store->segments);
		memcpy(store->appended, store->streams, sizeof(store->appended));
		store->pending_count = 0;
		for (size_t i = 0; i < count; i++) {
			struct store_request earlier = {.kind = CALL_STORE_SEGMENT_APPEND,
			                                .request = store->pending[i].request};

			answer_failed(&earlier, status, sink);
		}
		answer_failed(request, status, sink);
		return;
	}
	store->pending[store->pending_count++] =
	    (struct store_pending){.request = request->request,
	                           .cursor = stream->next,
	                           .stream = request->of.segment.stream};
	stream->next++;
	stream->bytes += request->payload.len;
	if (store->pending_count == STORE_PENDING_MAX)
		store_flush(store, sink);
}

static void answer_read(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	const struct call_store_segment *segment = &request->of.segment;
	const struct store_stream *s = &store->streams[segment->stream];
	struct call_store_segment_state state = {.head.request = request->request,
	                                         .first = s->first,
	                                         .next = s->next,
	                                         .exported = s->exported,
	                                         .stream = segment->stream,
	                                         .mib = (uint32_t)(s->bytes >> 20)};
	enum status status;

	put_fixed(sink, &state, sizeof(state));
	status = db_blob_get(&store->segments, segment->stream, segment->cursor, &sink->message,
	                     &state.cursor);
	/* Cursors have no gaps: what should be there and is not was lost. */
	if ((status == STATUS_NOT_FOUND && segment->cursor < s->next && s->first < s->next) ||
	    (status == STATUS_OK && state.cursor != segment->cursor && state.cursor != s->first))
		status = STATUS_CORRUPT;
	if (status != STATUS_OK) {
		answer_failed(request, status == STATUS_TOO_LARGE ? STATUS_CORRUPT : status, sink);
		return;
	}
	memcpy(sink->message.data, &state, sizeof(state));
	send_answer(request->kind, sink);
}

/* change_stream serves EXPORTED and DELETE. */
static enum status change_stream(struct store *store, const struct store_request *request)
{
	const struct call_store_segment *segment = &request->of.segment;
	struct store_stream *stream = &store->appended[segment->stream];
	uint64_t bytes = 0;
	enum status status;

	if (segment->cursor > stream->next)
		return STATUS_CONFLICT;
	if (request->kind == CALL_STORE_SEGMENT_DELETE &&
	    segment->stream == CALL_STORE_STREAM_RECEIPTS && segment->cursor > stream->exported)
		return STATUS_CONFLICT;
	status = db_begin(&store->segments);
	if (status != STATUS_OK)
		return status;
	if (request->kind == CALL_STORE_SEGMENT_EXPORTED) {
		if (segment->cursor > stream->exported)
			stream->exported = segment->cursor;
		return commit_streams(store);
	}
	status = db_blob_delete_before(&store->segments, segment->stream, segment->cursor, &bytes);
	if (status != STATUS_OK) {
		db_rollback(&store->segments);
		return status;
	}
	if (segment->cursor > stream->first)
		stream->first = segment->cursor;
	stream->bytes -= bytes < stream->bytes ? bytes : stream->bytes;
	return commit_streams(store);
}

static void answer_change_stream(struct store *store, const struct store_request *request,
                                 struct store_sink *sink)
{
	enum status status = change_stream(store, request);

	if (status != STATUS_OK)
		answer_failed(request, status, sink);
	else
		answer_stream(store, request->kind, request->request, request->of.segment.stream,
		              request->of.segment.cursor, sink);
}

/* ---- backup ---- */

static void end_backup(struct store *store)
{
	if (store->backup == 0)
		return;
	store->backup = 0;
	db_release(&store->state);
	db_release(&store->segments);
}

/* What goes on meanwhile must not fill the disk, whoever forgot to end it. */
static void watch_backup(struct store *store)
{
	if (store->backup != 0 &&
	    (db_held_too_long(&store->state) || db_held_too_long(&store->segments)))
		end_backup(store);
}

static enum status begin_backup(struct store *store, uint64_t id)
{
	enum status status;

	end_backup(store);
	if (store->is_staging)
		return STATUS_BUSY;
	status = db_hold(&store->state);
	if (status == STATUS_OK)
		status = db_hold(&store->segments);
	if (status != STATUS_OK)
		db_release(&store->state);
	else
		store->backup = id;
	return status;
}

static enum status read_part(struct store *store, const struct call_store_backup *asked,
                             struct buffer *out)
{
	struct db *db = asked->part == CALL_STORE_PART_STATE ? &store->state : &store->segments;

	if (asked->part < CALL_STORE_PART_ITEMS)
		return db_held_read(db, asked->at, CALL_STORE_BACKUP_MAX, out);
	return store->read_item == NULL || asked->at != 0
	           ? STATUS_OK
	           : store->read_item(asked->part - CALL_STORE_PART_ITEMS, out);
}

static void answer_backup(struct store *store, const struct store_request *request,
                          struct store_sink *sink)
{
	const struct call_store_backup *asked = &request->of.backup;
	struct call_store_backed backed = {.head.request = request->request};
	enum status status = STATUS_OK;

	if (asked->step == CALL_STORE_BACKUP_BEGIN)
		status = begin_backup(store, asked->id);
	else if (store->backup == 0 || store->backup != asked->id)
		status = STATUS_CONFLICT;
	if (status == STATUS_OK) {
		backed.len[CALL_STORE_PART_STATE] = db_held_len(&store->state);
		backed.len[CALL_STORE_PART_SEGMENTS] = db_held_len(&store->segments);
		put_fixed(sink, &backed, sizeof(backed));
	}
	if (status == STATUS_OK && asked->step == CALL_STORE_BACKUP_READ)
		status = read_part(store, asked, &sink->message);
	if (status == STATUS_OK && asked->step == CALL_STORE_BACKUP_END)
		end_backup(store);
	if (status != STATUS_OK)
		answer_failed(request, status, sink);
	else
		send_answer(request->kind, sink);
}

static void answer_item(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	struct call_store_head head = {.request = request->request, .status = STATUS_UNSUPPORTED};

	if (store->write_item != NULL)
		head.status = (uint32_t)store->write_item(
		    request->of.item.part - CALL_STORE_PART_ITEMS, request->payload);
	put_fixed(sink, &head, sizeof(head));
	send_answer(request->kind, sink);
}

static void answer_sync(struct store *store, const struct store_request *request,
                        struct store_sink *sink)
{
	struct call_store_head head = {.request = request->request};
	enum status status = STATUS_OK;

	end_backup(store);
	status = store->is_staging ? STATUS_CONFLICT : db_fold(&store->state);

	if (status == STATUS_OK)
		status = db_fold(&store->segments);
	head.status = (uint32_t)status;
	put_fixed(sink, &head, sizeof(head));
	send_answer(request->kind, sink);
}

enum status store_serve(struct store *store, uint32_t kind, struct bytes message,
                        struct store_sink *sink)
{
	struct store_request request;
	enum status status = store_take_request(kind, message, &request);

	if (status != STATUS_OK)
		return status;
	sink->message.len = 0;
	if (store->opened != STATUS_OK) {
		answer_failed(&request, store->opened, sink);
		return STATUS_OK;
	}
	watch_backup(store);
	if (kind == CALL_STORE_SEGMENT_APPEND) {
		take_append(store, &request, sink);
		return STATUS_OK;
	}
	store_flush(store, sink);
	if (kind == CALL_STORE_STATE)
		answer_state(store, &request, sink);
	else if (kind == CALL_STORE_LOAD)
		answer_load(store, &request, sink);
	else if (kind == CALL_STORE_LIST)
		answer_list(store, &request, sink);
	else if (kind == CALL_STORE_STAGE)
		answer_stage(store, &request, sink);
	else if (kind == CALL_STORE_COMMIT)
		answer_commit(store, &request, sink);
	else if (kind == CALL_STORE_ABORT) {
		drop_batch(store);
		answer_head(store, &request, STATUS_OK, sink);
	} else if (kind == CALL_STORE_REVERT)
		answer_revert(store, &request, sink);
	else if (kind == CALL_STORE_SEGMENT_READ)
		answer_read(store, &request, sink);
	else if (kind == CALL_STORE_SYNC)
		answer_sync(store, &request, sink);
	else if (kind == CALL_STORE_BACKUP)
		answer_backup(store, &request, sink);
	else if (kind == CALL_STORE_ITEM_PUT)
		answer_item(store, &request, sink);
	else
		answer_change_stream(store, &request, sink);
	return STATUS_OK;
}
