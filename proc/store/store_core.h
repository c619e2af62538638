/* store_core: what the store does with a request, without the ring around it.
 *
 * Owns the two databases and the map's root. Requests come from the signer, answers go to it
 * (call_store.h). Appends to a stream wait in one batch until store_flush, so that all that are
 * there share one sync; any other request flushes them first and answers stay in order.
 *
 * After a failed write or sync store_is_broken is true: answer, end, begin again from the disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_CORE_H
#define STORE_CORE_H

#include "store_tree.h"

#define STORE_PENDING_MAX 16u

struct store_stream {
	uint64_t first, next, exported, bytes;
};

struct store_pending {
	uint64_t request, cursor;
	uint32_t stream;
	uint32_t reserved;
};

struct store_head {
	uint64_t seq;
	uint64_t value_count;
	struct tree_slot root;
};

/* What the last commit replaced, while it can be taken back: values lie in the database under their
 * kind + STORE_UNDO_OLD, ids that were absent under kind + STORE_UNDO_ABSENT. Stored as it is, with
 * the checkpoint behind it. */
#define STORE_UNDO_OLD    256u
#define STORE_UNDO_ABSENT 512u

struct store_undo {
	uint64_t seq;
	uint64_t value_count;
	struct tree_slot root;
	uint8_t kinds[32]; /* bit n: there are rows of kind n */
	uint8_t is_there;
	uint8_t reserved[6];
};

struct store {
	struct db state, segments;
	struct store_head head;   /* committed */
	struct store_head staged; /* what the open batch leads to */
	bool is_staging;
	uint8_t checkpoint[CALL_STORE_CHECKPOINT_MAX];
	size_t checkpoint_len;
	struct store_undo undo;   /* of the last commit */
	struct store_undo undoes; /* of the open batch */
	uint8_t undo_checkpoint[CALL_STORE_CHECKPOINT_MAX];
	size_t undo_checkpoint_len;
	struct store_stream streams[CALL_STORE_STREAM_COUNT];  /* durable */
	struct store_stream appended[CALL_STORE_STREAM_COUNT]; /* with what is pending */
	struct store_pending pending[STORE_PENDING_MAX];
	size_t pending_count;
	enum status opened; /* not OK: every request is answered with it */
	uint64_t backup;    /* the one that holds both files; 0: none */
	/* Appends the content of one of the small files of a backup, counted from 0: nothing when
	 * there is none. NULL: there are none. */
	enum status (*read_item)(unsigned item, struct buffer *ret_content);
	/* Replaces the content of one, durably. NULL: they are not to be changed here. */
	enum status (*write_item)(unsigned item, struct bytes content);
	struct tree_walk walk;
};

/* Where an answer goes: kind and bytes of one message. */
struct store_sink {
	void (*answer)(void *context, uint32_t kind, struct bytes message);
	void *context;
	struct buffer message; /* CALL_STORE_MESSAGE_MAX bytes to build answers in */
};

/* store_open opens both databases; on failure the store still answers, with that status. */
void store_open(struct store *store, struct db_files *state, struct db_files *segments);
void store_close(struct store *store);
/* store_serve answers one request; not STATUS_OK when the peer sent what no signer sends. */
MUST_USE enum status store_serve(struct store *store, uint32_t kind, struct bytes message,
                                 struct store_sink *sink);
/* store_flush makes pending appends durable and answers them. */
void store_flush(struct store *store, struct store_sink *sink);
bool store_is_broken(const struct store *store);
/* store_trouble says what the last failure was. */
const char *store_trouble(const struct store *store);

#endif
