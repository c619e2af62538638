/* SPDX-License-Identifier: Apache-2.0 */
#include "call_store.h"

#define HASH_LEN 32u

/* put_struct appends a fixed part; the buffer must hold all of the message from the start. */
static enum status put_struct(struct buffer *message, const void *fixed, size_t len)
{
	return buffer_put(message, bytes_of(fixed, len));
}

/* take_struct copies a fixed part off the front; the rest stays in `message`. */
static enum status take_struct(struct bytes *message, void *ret_fixed, size_t len)
{
	if (message->len < len)
		return STATUS_MALFORMED;
	memcpy(ret_fixed, message->data, len);
	message->data += len;
	message->len -= len;
	return STATUS_OK;
}

static enum status take_run(struct bytes *message, size_t len, struct bytes *ret_run)
{
	if (message->len < len)
		return STATUS_MALFORMED;
	*ret_run = bytes_of(message->data, len);
	message->data += len;
	message->len -= len;
	return STATUS_OK;
}

/* put_whole appends a fixed part and a payload, or leaves the message as it was. */
static enum status put_whole(struct buffer *message, const void *fixed, size_t len,
                             struct bytes payload)
{
	size_t before = message->len;
	enum status status = put_struct(message, fixed, len);

	if (status == STATUS_OK)
		status = buffer_put(message, payload);
	if (status != STATUS_OK)
		message->len = before;
	return status;
}

static struct call_store_head head_of(uint64_t request)
{
	return (struct call_store_head){.request = request};
}

static bool kind_is_known(uint32_t kind)
{
	return kind >= 1 && kind <= CALL_STORE_VALUE_MAX;
}

/* ---- the signer's side ---- */

enum status store_ask_plain(uint64_t request, struct buffer *ret_message)
{
	struct call_store_head head = head_of(request);

	return put_struct(ret_message, &head, sizeof(head));
}

enum status store_ask_load(uint64_t request, uint32_t kind, const uint8_t id[32],
                           struct buffer *ret_message)
{
	struct call_store_load load = {.head = head_of(request), .kind = kind};

	memcpy(load.id, id, sizeof(load.id));
	return put_struct(ret_message, &load, sizeof(load));
}

enum status store_ask_list(uint64_t request, uint32_t kind, const uint8_t *after, uint32_t max,
                           struct buffer *ret_message)
{
	struct call_store_list list = {.head = head_of(request), .kind = kind, .max = max};

	list.from_start = after == NULL;
	if (after != NULL)
		memcpy(list.after, after, sizeof(list.after));
	return put_struct(ret_message, &list, sizeof(list));
}

enum status store_ask_stage(uint64_t request, bool keeps_undo, struct buffer *ret_message)
{
	struct call_store_stage stage = {.head = head_of(request), .keeps_undo = keeps_undo};

	if (ret_message->len != 0)
		return STATUS_MALFORMED;
	return put_struct(ret_message, &stage, sizeof(stage));
}

static enum status stage_add(struct buffer *message, const struct call_store_op *op,
                             struct bytes value)
{
	struct call_store_stage stage;
	enum status status;

	if (message->len < sizeof(stage))
		return STATUS_MALFORMED;
	memcpy(&stage, message->data, sizeof(stage));
	if (stage.count >= CALL_STORE_OPS_MAX || value.len > CALL_STORE_VALUE_LEN_MAX ||
	    sizeof(*op) + value.len > CALL_STORE_MESSAGE_MAX - message->len)
		return STATUS_TOO_LARGE;
	status = put_whole(message, op, sizeof(*op), value);
	if (status != STATUS_OK)
		return status;
	stage.count++;
	memcpy(message->data, &stage, sizeof(stage));
	return STATUS_OK;
}

enum status store_ask_stage_put(struct buffer *message, uint32_t kind, const uint8_t id[32],
                                struct bytes value)
{
	struct call_store_op op = {
	    .kind = kind, .action = CALL_STORE_PUT, .value_len = (uint32_t)value.len};

	memcpy(op.id, id, sizeof(op.id));
	return stage_add(message, &op, value);
}

enum status store_ask_stage_delete(struct buffer *message, uint32_t kind, const uint8_t id[32])
{
	struct call_store_op op = {.kind = kind, .action = CALL_STORE_DELETE};

	memcpy(op.id, id, sizeof(op.id));
	return stage_add(message, &op, bytes_of(NULL, 0));
}

enum status store_ask_commit(uint64_t request, uint64_t seq, const uint8_t root[32],
                             bool keeps_undo, struct bytes checkpoint, struct buffer *ret_message)
{
	struct call_store_commit commit = {
	    .head = head_of(request), .seq = seq, .keeps_undo = keeps_undo};

	if (checkpoint.len > CALL_STORE_CHECKPOINT_MAX)
		return STATUS_TOO_LARGE;
	memcpy(commit.root, root, sizeof(commit.root));
	return put_whole(ret_message, &commit, sizeof(commit), checkpoint);
}

enum status store_ask_segment(uint64_t request, uint32_t stream, uint64_t cursor, struct bytes blob,
                              struct buffer *ret_message)
{
	struct call_store_segment segment = {
	    .head = head_of(request), .stream = stream, .cursor = cursor};

	if (blob.len > CALL_STORE_VALUE_LEN_MAX)
		return STATUS_TOO_LARGE;
	return put_whole(ret_message, &segment, sizeof(segment), blob);
}

enum status store_ask_backup(uint64_t request, const struct call_store_backup *backup,
                             struct buffer *ret_message)
{
	struct call_store_backup asked = *backup;

	asked.head = head_of(request);
	return put_struct(ret_message, &asked, sizeof(asked));
}

enum status store_ask_item(uint64_t request, uint32_t part, struct bytes content,
                           struct buffer *ret_message)
{
	struct call_store_item asked = {.head = head_of(request), .part = part};
	enum status status = put_struct(ret_message, &asked, sizeof(asked));

	if (status != STATUS_OK || content.len > CALL_STORE_ITEM_MAX)
		return STATUS_TOO_LARGE;
	return buffer_put(ret_message, content);
}

enum status store_take_state(struct bytes message, struct call_store_state *ret_state,
                             struct bytes *ret_checkpoint, struct bytes *ret_undo)
{
	struct call_store_state state;
	enum status status = take_struct(&message, &state, sizeof(state));

	if (status != STATUS_OK || state.checkpoint_len > CALL_STORE_CHECKPOINT_MAX ||
	    state.undo_len > CALL_STORE_CHECKPOINT_MAX ||
	    message.len != (size_t)state.checkpoint_len + state.undo_len)
		return STATUS_MALFORMED;
	for (size_t i = 0; i < CALL_STORE_STREAM_COUNT; i++)
		if (state.streams[i].first > state.streams[i].next ||
		    state.streams[i].exported > state.streams[i].next)
			return STATUS_MALFORMED;
	*ret_state = state;
	*ret_checkpoint = bytes_of(message.data, state.checkpoint_len);
	*ret_undo = bytes_of(message.data + state.checkpoint_len, state.undo_len);
	return STATUS_OK;
}

enum status store_take_path(struct bytes *paths, struct store_path *ret_path)
{
	struct store_path path = {0};
	struct bytes rest = *paths;

	if (take_struct(&rest, &path.fixed, sizeof(path.fixed)) != STATUS_OK ||
	    path.fixed.depth > CALL_STORE_DEPTH_MAX ||
	    path.fixed.terminal > CALL_STORE_TERMINAL_FOREIGN || path.fixed.sibling > 1 ||
	    (path.fixed.sibling == 1 && path.fixed.depth == 0) ||
	    take_run(&rest, path.fixed.depth * (size_t)HASH_LEN, &path.siblings) != STATUS_OK)
		return STATUS_MALFORMED;
	*ret_path = path;
	*paths = rest;
	return STATUS_OK;
}

enum status store_take_loaded(struct bytes message, struct call_store_loaded *ret_loaded,
                              struct store_path *ret_path, struct bytes *ret_value)
{
	struct call_store_loaded loaded;
	struct store_path path = {0};
	struct bytes run, value;
	bool has_path;

	if (take_struct(&message, &loaded, sizeof(loaded)) != STATUS_OK ||
	    loaded.path_len > CALL_STORE_PATH_MAX || loaded.value_len > CALL_STORE_VALUE_LEN_MAX ||
	    take_run(&message, loaded.path_len, &run) != STATUS_OK ||
	    take_run(&message, loaded.value_len, &value) != STATUS_OK || message.len != 0)
		return STATUS_MALFORMED;
	has_path = loaded.head.status == STATUS_OK || loaded.head.status == STATUS_NOT_FOUND;
	if (has_path != (loaded.path_len != 0) ||
	    (loaded.head.status != STATUS_OK && loaded.value_len != 0))
		return STATUS_MALFORMED;
	if (has_path && (store_take_path(&run, &path) != STATUS_OK || run.len != 0))
		return STATUS_MALFORMED;
	if (has_path &&
	    (loaded.head.status == STATUS_OK) != (path.fixed.terminal == CALL_STORE_TERMINAL_OWN))
		return STATUS_MALFORMED;
	*ret_loaded = loaded;
	*ret_path = path;
	*ret_value = value;
	return STATUS_OK;
}

enum status store_take_listed(struct bytes message, struct call_store_listed *ret_listed,
                              struct bytes *ret_ids)
{
	struct call_store_listed listed;

	if (take_struct(&message, &listed, sizeof(listed)) != STATUS_OK ||
	    listed.count > CALL_STORE_LIST_MAX || listed.more > 1 ||
	    (listed.more == 1 && listed.count == 0) ||
	    message.len != listed.count * (size_t)HASH_LEN)
		return STATUS_MALFORMED;
	*ret_listed = listed;
	*ret_ids = message;
	return STATUS_OK;
}

enum status store_take_staged(struct bytes message, struct call_store_staged *ret_staged,
                              struct bytes *ret_paths)
{
	struct call_store_staged staged;
	struct store_path path;
	struct bytes rest;

	if (take_struct(&message, &staged, sizeof(staged)) != STATUS_OK ||
	    staged.count > CALL_STORE_OPS_MAX)
		return STATUS_MALFORMED;
	rest = message;
	for (uint32_t i = 0; i < staged.count; i++)
		if (store_take_path(&rest, &path) != STATUS_OK)
			return STATUS_MALFORMED;
	if (rest.len != 0)
		return STATUS_MALFORMED;
	*ret_staged = staged;
	*ret_paths = message;
	return STATUS_OK;
}

enum status store_take_committed(struct bytes message, struct call_store_committed *ret_committed)
{
	if (message.len != sizeof(*ret_committed))
		return STATUS_MALFORMED;
	return take_struct(&message, ret_committed, sizeof(*ret_committed));
}

enum status store_take_segment(struct bytes message, struct call_store_segment_state *ret_state,
                               struct bytes *ret_blob)
{
	struct call_store_segment_state state;

	if (take_struct(&message, &state, sizeof(state)) != STATUS_OK ||
	    message.len > CALL_STORE_VALUE_LEN_MAX || state.first > state.next ||
	    state.exported > state.next)
		return STATUS_MALFORMED;
	*ret_state = state;
	*ret_blob = message;
	return STATUS_OK;
}

enum status store_take_backed(struct bytes message, struct call_store_backed *ret_backed,
                              struct bytes *ret_bytes)
{
	struct call_store_backed backed;

	if (take_struct(&message, &backed, sizeof(backed)) != STATUS_OK ||
	    message.len > CALL_STORE_BACKUP_MAX)
		return STATUS_MALFORMED;
	*ret_backed = backed;
	*ret_bytes = message;
	return STATUS_OK;
}

enum status store_take_head(struct bytes message, struct call_store_head *ret_head)
{
	if (message.len != sizeof(*ret_head))
		return STATUS_MALFORMED;
	return take_struct(&message, ret_head, sizeof(*ret_head));
}

/* ---- the store's side ---- */

enum status store_take_op(struct bytes *ops, struct store_op *ret_op)
{
	struct bytes rest = *ops;
	struct store_op op;

	if (take_struct(&rest, &op.fixed, sizeof(op.fixed)) != STATUS_OK ||
	    !kind_is_known(op.fixed.kind) || op.fixed.value_len > CALL_STORE_VALUE_LEN_MAX ||
	    (op.fixed.action != CALL_STORE_PUT && op.fixed.action != CALL_STORE_DELETE) ||
	    (op.fixed.action == CALL_STORE_DELETE && op.fixed.value_len != 0) ||
	    take_run(&rest, op.fixed.value_len, &op.value) != STATUS_OK)
		return STATUS_MALFORMED;
	*ret_op = op;
	*ops = rest;
	return STATUS_OK;
}

static enum status check_stage(const struct store_request *request)
{
	struct bytes rest = request->payload;
	struct store_op op;

	if (request->of.stage.count < 1 || request->of.stage.count > CALL_STORE_OPS_MAX ||
	    request->of.stage.keeps_undo > 1)
		return STATUS_MALFORMED;
	for (uint32_t i = 0; i < request->of.stage.count; i++)
		if (store_take_op(&rest, &op) != STATUS_OK)
			return STATUS_MALFORMED;
	return rest.len == 0 ? STATUS_OK : STATUS_MALFORMED;
}

static enum status take_segment_request(uint32_t kind, struct bytes *message,
                                        struct call_store_segment *ret_segment)
{
	bool is_append = kind == CALL_STORE_SEGMENT_APPEND;

	if (take_struct(message, ret_segment, sizeof(*ret_segment)) != STATUS_OK ||
	    ret_segment->stream >= CALL_STORE_STREAM_COUNT)
		return STATUS_MALFORMED;
	if (is_append)
		return message->len >= 1 && message->len <= CALL_STORE_VALUE_LEN_MAX &&
		               ret_segment->cursor == 0
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	return message->len == 0 ? STATUS_OK : STATUS_MALFORMED;
}

static enum status take_backup_request(struct bytes *message, struct call_store_backup *ret_backup)
{
	if (take_struct(message, ret_backup, sizeof(*ret_backup)) != STATUS_OK ||
	    message->len != 0 || ret_backup->part >= CALL_STORE_PART_COUNT ||
	    ret_backup->step < CALL_STORE_BACKUP_BEGIN || ret_backup->step > CALL_STORE_BACKUP_END)
		return STATUS_MALFORMED;
	return STATUS_OK;
}

static enum status take_body(struct store_request *request, struct bytes *message)
{
	struct call_store_head head;

	switch (request->kind) {
	case CALL_STORE_STATE:
	case CALL_STORE_ABORT:
	case CALL_STORE_SYNC:
	case CALL_STORE_REVERT:
		return take_struct(message, &head, sizeof(head)) == STATUS_OK && message->len == 0
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	case CALL_STORE_LOAD:
		return take_struct(message, &request->of.load, sizeof(request->of.load)) ==
		                   STATUS_OK &&
		               message->len == 0 && kind_is_known(request->of.load.kind)
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	case CALL_STORE_LIST:
		return take_struct(message, &request->of.list, sizeof(request->of.list)) ==
		                   STATUS_OK &&
		               message->len == 0 && kind_is_known(request->of.list.kind) &&
		               request->of.list.from_start <= 1 && request->of.list.max >= 1 &&
		               request->of.list.max <= CALL_STORE_LIST_MAX
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	case CALL_STORE_STAGE:
		if (take_struct(message, &request->of.stage, sizeof(request->of.stage)) !=
		    STATUS_OK)
			return STATUS_MALFORMED;
		request->payload = *message;
		return check_stage(request);
	case CALL_STORE_COMMIT:
		return take_struct(message, &request->of.commit, sizeof(request->of.commit)) ==
		                   STATUS_OK &&
		               message->len <= CALL_STORE_CHECKPOINT_MAX &&
		               request->of.commit.keeps_undo <= 1 &&
		               request->of.commit.reserved == 0
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	case CALL_STORE_SEGMENT_APPEND:
	case CALL_STORE_SEGMENT_READ:
	case CALL_STORE_SEGMENT_EXPORTED:
	case CALL_STORE_SEGMENT_DELETE:
		return take_segment_request(request->kind, message, &request->of.segment);
	case CALL_STORE_BACKUP:
		return take_backup_request(message, &request->of.backup);
	case CALL_STORE_ITEM_PUT:
		return take_struct(message, &request->of.item, sizeof(request->of.item)) ==
		                   STATUS_OK &&
		               request->of.item.part >= CALL_STORE_PART_ITEMS &&
		               request->of.item.part < CALL_STORE_PART_COUNT &&
		               request->of.item.reserved == 0 && message->len <= CALL_STORE_ITEM_MAX
		           ? STATUS_OK
		           : STATUS_MALFORMED;
	default:
		return STATUS_MALFORMED;
	}
}

enum status store_take_request(uint32_t kind, struct bytes message,
                               struct store_request *ret_request)
{
	struct store_request request = {.kind = kind};
	struct call_store_head head;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	if (head.status != 0 || head.reserved != 0 || take_body(&request, &message) != STATUS_OK)
		return STATUS_MALFORMED;
	request.request = head.request;
	request.payload = message;
	*ret_request = request;
	return STATUS_OK;
}

uint32_t store_answer_kind(uint32_t request_kind)
{
	switch (request_kind) {
	case CALL_STORE_STATE:
		return CALL_STORE_STATE_ANSWER;
	case CALL_STORE_LOAD:
		return CALL_STORE_LOAD_ANSWER;
	case CALL_STORE_LIST:
		return CALL_STORE_LIST_ANSWER;
	case CALL_STORE_STAGE:
		return CALL_STORE_STAGE_ANSWER;
	case CALL_STORE_COMMIT:
		return CALL_STORE_COMMIT_ANSWER;
	case CALL_STORE_ABORT:
		return CALL_STORE_ABORT_ANSWER;
	case CALL_STORE_SEGMENT_APPEND:
	case CALL_STORE_SEGMENT_EXPORTED:
	case CALL_STORE_SEGMENT_DELETE:
		return CALL_STORE_SEGMENT_ANSWER;
	case CALL_STORE_SEGMENT_READ:
		return CALL_STORE_SEGMENT_BLOB;
	case CALL_STORE_SYNC:
		return CALL_STORE_SYNC_ANSWER;
	case CALL_STORE_REVERT:
		return CALL_STORE_REVERT_ANSWER;
	case CALL_STORE_BACKUP:
		return CALL_STORE_BACKUP_ANSWER;
	case CALL_STORE_ITEM_PUT:
		return CALL_STORE_ITEM_ANSWER;
	default:
		return 0;
	}
}

static size_t answer_fixed_len(uint32_t request_kind)
{
	switch (store_answer_kind(request_kind)) {
	case CALL_STORE_STATE_ANSWER:
		return sizeof(struct call_store_state);
	case CALL_STORE_LOAD_ANSWER:
		return sizeof(struct call_store_loaded);
	case CALL_STORE_LIST_ANSWER:
		return sizeof(struct call_store_listed);
	case CALL_STORE_STAGE_ANSWER:
		return sizeof(struct call_store_staged);
	case CALL_STORE_COMMIT_ANSWER:
	case CALL_STORE_ABORT_ANSWER:
	case CALL_STORE_REVERT_ANSWER:
		return sizeof(struct call_store_committed);
	case CALL_STORE_SEGMENT_ANSWER:
	case CALL_STORE_SEGMENT_BLOB:
		return sizeof(struct call_store_segment_state);
	case CALL_STORE_SYNC_ANSWER:
	case CALL_STORE_ITEM_ANSWER:
		return sizeof(struct call_store_head);
	case CALL_STORE_BACKUP_ANSWER:
		return sizeof(struct call_store_backed);
	default:
		return 0;
	}
}

enum status store_answer_failed(uint32_t request_kind, uint64_t request, enum status why,
                                struct buffer *ret_message)
{
	static const uint8_t zeroes[sizeof(struct call_store_state)];
	struct call_store_head head = {.request = request, .status = (uint32_t)why};
	size_t len = answer_fixed_len(request_kind);

	if (len == 0)
		return STATUS_UNSUPPORTED;
	return put_whole(ret_message, &head, sizeof(head), bytes_of(zeroes, len - sizeof(head)));
}

enum status store_answer_path(const struct store_path *path, struct buffer *ret_message)
{
	return put_whole(ret_message, &path->fixed, sizeof(path->fixed), path->siblings);
}
