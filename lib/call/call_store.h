/* call_store: what the signer asks the store, and how it hears the answer. One ring each way.
 *
 *   signer -> store     STATE, LOAD, LIST, STAGE, COMMIT, ABORT, SEGMENT_*, SYNC, REVERT, BACKUP
 *   store  -> signer    for each request exactly one answer of the kind named beside it, in order
 *
 * The store holds ciphertext and is believed in nothing: values come with a path of the Merkle map
 * (spec/store.md) that the signer checks against the root it knows. Since answers come in order,
 * the path in an answer is against the root after every answer before it: of the committed map,
 * or, between the first STAGE and its COMMIT or ABORT, of the staged one.
 *
 * A change of state takes two turns. STAGE carries puts and deletes; its answer gives, for each
 * operation in order, the path of that id as it was just before that operation. So the signer
 * goes op by op from the root it has to the root it will have, writes the checkpoint over it and
 * sends COMMIT, which is answered only when batch and checkpoint are on the disk together. One
 * batch may be open; several STAGE messages may fill it.
 *
 * A commit that is yet to be anchored in the TPM keeps what it replaced: should the machine stop in
 * between, the signer finds at its start that the TPM knows the one before, and takes the last one
 * back with REVERT.
 *
 * Segments are opaque sealed blobs in append-only streams, each with a cursor that only grows;
 * appended means durable. They lie in a database of their own and are no part of the map.
 *
 * A backup is taken while everything goes on: BEGIN folds both logs into their databases and from
 * then on lets nothing touch these files (commits gather in the logs), READ gives any part of them,
 * END lets go. One backup at a time: a later BEGIN ends an earlier one, and so does a log that grew
 * too long; READ then says CONFLICT.
 *
 * Fixed layout, little-endian; a payload follows its struct directly and fills the rest of the
 * message. The signer's side is store_ask_* (build a request) and store_take_* (check an answer);
 * the store's side is store_take_request and store_answer_*. Nothing here does I/O; borrowed bytes
 * die with the message. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_STORE_H
#define CALL_STORE_H

#include <stdint.h>

#include "base_bytes.h"
#include "base_limits.h"

/* One value with its path, frame and slot header fits. */
#define CALL_STORE_SLOT_BYTES     327680u
#define CALL_STORE_MESSAGE_MAX    (CALL_STORE_SLOT_BYTES - 64u)
#define CALL_STORE_CHECKPOINT_MAX 4096u
#define CALL_STORE_OPS_MAX        16u /* of one STAGE message: their deepest paths fit one answer */
#define CALL_STORE_LIST_MAX       4096u
#define CALL_STORE_DEPTH_MAX      256u
#define CALL_STORE_BACKUP_MAX     131072u /* bytes of a part in one answer */

/* What a value is; part of its key in the map. The store keeps any of them alike. */
enum call_store_value_kind {
	CALL_STORE_VALUE_META = 1,       /* reserved for the signer's own state */
	CALL_STORE_VALUE_WALLET = 2,     /* wallet id -> record of a wallet */
	CALL_STORE_VALUE_MODULE = 3,     /* SHA-256 -> WASM bytes, or an intent's rest */
	CALL_STORE_VALUE_CREDENTIAL = 4, /* client id -> record of a client */
	CALL_STORE_VALUE_LEASE = 5,      /* grant id -> leased and spent amounts */
	CALL_STORE_VALUE_NAME = 6,       /* SHA-256 of a name -> wallet id */
	CALL_STORE_VALUE_OTHER = 7,
	CALL_STORE_VALUE_GRANT = 8,     /* grant id -> record of a grant */
	CALL_STORE_VALUE_TOKEN = 9,     /* SHA-256 of a token -> client id */
	CALL_STORE_VALUE_ADDRESS = 10,  /* wallet address -> wallet id */
	CALL_STORE_VALUE_TABLE = 11,    /* SHA-256 -> entries of a pinned lookup table */
	CALL_STORE_VALUE_CHAIN = 12,    /* wallet id -> head of its receipt chain */
	CALL_STORE_VALUE_USER = 13,     /* SHA-256 of a user key -> ids of its wallets */
	CALL_STORE_VALUE_USER_KEY = 14, /* public key of a user -> a wallet that it may change */
	CALL_STORE_VALUE_FACTOR = 15,   /* id of a passkey or TOTP secret -> its record */
	CALL_STORE_VALUE_PENDING = 16,  /* hash of a change -> the change, while it waits */
	CALL_STORE_VALUE_LIMITS = 17,   /* wallet id -> leased and spent amounts of its limits */
	CALL_STORE_VALUE_OFFERED = 18, /* 0: which modules no grant names yet; n: the nth of them */
	CALL_STORE_VALUE_SHARE = 19,   /* user id -> number and bytes of the modules he keeps */
	CALL_STORE_VALUE_LINK = 20,    /* a wallet's version -> which change led to it */
	CALL_STORE_VALUE_KEPT = 21,    /* SHA-256 -> a change as it was signed */
	CALL_STORE_VALUE_OWNER = 22,   /* SHA-256 of a kept module -> user whose share it is of */
	CALL_STORE_VALUE_MAX = 255,    /* kinds are 1 to this */
};

enum call_store_kind {
	CALL_STORE_STATE = 1,           /* {} */
	CALL_STORE_STATE_ANSWER = 2,    /* call_store_state + checkpoint + the one before it */
	CALL_STORE_LOAD = 3,            /* call_store_load */
	CALL_STORE_LOAD_ANSWER = 4,     /* call_store_loaded + path + value */
	CALL_STORE_LIST = 5,            /* call_store_list */
	CALL_STORE_LIST_ANSWER = 6,     /* call_store_listed + ids of 32 bytes */
	CALL_STORE_STAGE = 7,           /* call_store_stage + ops, each with its value */
	CALL_STORE_STAGE_ANSWER = 8,    /* call_store_staged + a path per op */
	CALL_STORE_COMMIT = 9,          /* call_store_commit + checkpoint */
	CALL_STORE_COMMIT_ANSWER = 10,  /* call_store_committed: it is durable */
	CALL_STORE_ABORT = 11,          /* {} */
	CALL_STORE_ABORT_ANSWER = 12,   /* call_store_committed: back to this root */
	CALL_STORE_SEGMENT_APPEND = 13, /* call_store_segment + blob */
	CALL_STORE_SEGMENT_ANSWER = 14, /* call_store_segment_state: it is durable; answers
	                                   APPEND, EXPORTED and DELETE */
	CALL_STORE_SEGMENT_READ = 15,   /* call_store_segment: the first blob at or after cursor */
	CALL_STORE_SEGMENT_BLOB = 16,   /* call_store_segment_state + blob */
	CALL_STORE_SEGMENT_EXPORTED = 17, /* call_store_segment: all before cursor are exported */
	CALL_STORE_SEGMENT_DELETE = 18,   /* call_store_segment: drop all before cursor */
	CALL_STORE_SYNC = 19,             /* {}: fold the write-ahead logs into the files */
	CALL_STORE_SYNC_ANSWER = 20,      /* call_store_head */
	CALL_STORE_REVERT = 21,           /* {}: take the last commit back */
	CALL_STORE_REVERT_ANSWER = 22,    /* call_store_committed: the one before it */
	CALL_STORE_BACKUP = 23,           /* call_store_backup */
	CALL_STORE_BACKUP_ANSWER = 24,    /* call_store_backed + bytes of the part */
	CALL_STORE_FILL = 25,             /* from the store, unasked: call_store_fill */
	CALL_STORE_ITEM_PUT = 26,         /* call_store_item + the new content of a small file */
	CALL_STORE_ITEM_ANSWER = 27,      /* call_store_head: it is durable */
};

/* Append-only streams. Receipts are deleted only after export; replay inputs at any time. */
enum call_store_stream {
	CALL_STORE_STREAM_RECEIPTS = 0,
	CALL_STORE_STREAM_INPUTS = 1,
	CALL_STORE_STREAM_COUNT
};

/* Every message begins so. Statuses of answers:
 *   OK; NOT_FOUND (LOAD: absent, with the path that proves it; SEGMENT_READ: nothing there);
 *   CORRUPT: a damaged page or value: this value cannot be had, others may;
 *   CONFLICT: seq or root differ (COMMIT), no batch open; or a delete before export;
 *   TOO_LARGE, MALFORMED; IO: the store ends after this answer and starts again from the disk. */
struct call_store_head {
	uint64_t request; /* the asker's number, repeated in the answer */
	uint32_t status;  /* of answers, enum status; 0 in requests */
	uint32_t reserved;
};

struct call_store_state {
	struct call_store_head head;
	uint64_t seq; /* of the last commit; 0 in an empty store */
	uint8_t root[32];
	uint64_t value_count;
	struct {
		uint64_t first;    /* cursor of the oldest blob kept; = next when none is */
		uint64_t next;     /* cursor that the next append gets */
		uint64_t exported; /* all before are exported */
		uint64_t bytes;    /* of the blobs kept */
	} streams[CALL_STORE_STREAM_COUNT];
	uint32_t checkpoint_len;
	uint32_t undo_len; /* 0: the last commit cannot be taken back */
	/* then the last commit's checkpoint, then the one that REVERT would lead to */
};

struct call_store_load {
	struct call_store_head head;
	uint8_t id[32];
	uint32_t kind; /* enum call_store_value_kind */
	uint32_t reserved;
};

struct call_store_loaded {
	struct call_store_head head;
	uint64_t seq; /* committed */
	uint32_t path_len;
	uint32_t value_len;
	/* then the path, then the value */
};

struct call_store_list {
	struct call_store_head head;
	uint8_t after[32]; /* ids above this one; all zero with `from_start` set: from the first */
	uint32_t kind;
	uint32_t from_start;
	uint32_t max; /* at most CALL_STORE_LIST_MAX */
	uint32_t reserved;
};

struct call_store_listed {
	struct call_store_head head;
	uint32_t count;
	uint32_t more; /* 1: ask again after the last id */
	/* then count ids, ascending. A list proves nothing: what it leaves out is service denied.
	 */
};

enum call_store_action {
	CALL_STORE_PUT = 1,
	CALL_STORE_DELETE = 2,
};

struct call_store_op {
	uint8_t id[32];
	uint32_t kind;
	uint32_t action;    /* enum call_store_action */
	uint32_t value_len; /* 0 for DELETE */
	uint32_t reserved;
	/* then the value */
};

struct call_store_stage {
	struct call_store_head head;
	uint32_t count;      /* 1 to CALL_STORE_OPS_MAX */
	uint32_t keeps_undo; /* 1: as its COMMIT will say */
	                     /* then count ops */
};

struct call_store_staged {
	struct call_store_head head;
	uint8_t root[32]; /* after the last op, as the store computed it */
	uint32_t count;
	uint32_t reserved;
	/* then count paths */
};

struct call_store_commit {
	struct call_store_head head;
	uint64_t seq;        /* the committed one + 1 */
	uint8_t root[32];    /* as the signer computed it */
	uint32_t keeps_undo; /* 1: until the next batch it can be taken back */
	uint32_t reserved;
	/* then the checkpoint, at most CALL_STORE_CHECKPOINT_MAX */
};

struct call_store_committed {
	struct call_store_head head;
	uint64_t seq;
	uint8_t root[32];
};

struct call_store_segment {
	struct call_store_head head;
	uint64_t cursor; /* 0 in APPEND */
	uint32_t stream; /* enum call_store_stream */
	uint32_t reserved;
	/* APPEND: then the blob */
};

struct call_store_segment_state {
	struct call_store_head head;
	uint64_t cursor; /* of the blob appended or given; the next read goes from cursor + 1 */
	uint64_t first;
	uint64_t next;
	uint64_t exported;
	uint32_t stream;
	uint32_t mib; /* of all blobs of the stream, rounded down */
	              /* BLOB: then the blob */
};

enum call_store_backup_step {
	CALL_STORE_BACKUP_BEGIN = 1,
	CALL_STORE_BACKUP_READ = 2,
	CALL_STORE_BACKUP_END = 3,
};

/* What a backup consists of: the databases, and small files that are given whole. */
enum call_store_part {
	CALL_STORE_PART_STATE = 0,
	CALL_STORE_PART_SEGMENTS = 1,
	CALL_STORE_PART_SITE = 2,
	CALL_STORE_PART_SEALED_SHARE = 3,
	CALL_STORE_PART_APPROVALS = 4,
	CALL_STORE_PART_GENESIS = 5,
	CALL_STORE_PART_ESCROW = 6,
	CALL_STORE_PART_COUNT = 7,
	CALL_STORE_PART_ITEMS = CALL_STORE_PART_SITE, /* the small files, from here on */
};

struct call_store_backup {
	struct call_store_head head;
	uint64_t id; /* of the backup: what BEGIN said is what READ and END say */
	uint64_t at; /* READ: from this byte on */
	uint32_t part;
	uint32_t step; /* enum call_store_backup_step */
};

struct call_store_backed {
	struct call_store_head head;
	uint64_t len[2]; /* of state and segments */
	/* READ: then up to CALL_STORE_BACKUP_MAX bytes; none: the part ends here */
};

/* One of the small files of the data disk is replaced whole. */
struct call_store_item {
	struct call_store_head head;
	uint32_t part; /* from CALL_STORE_PART_ITEMS on */
	uint32_t reserved;
};

#define CALL_STORE_ITEM_MAX 65532u

_Static_assert(sizeof(struct call_store_item) == sizeof(struct call_store_head) + 8,
               "fixed layout");

/* How full the two databases are, in hundredths; 100: only the reserve is left, for what takes
 * power away. 0: there is no bound. */
struct call_store_fill {
	uint32_t state, receipts;
	uint64_t state_bytes; /* place that the state has; 0: no bound */
};

_Static_assert(sizeof(struct call_store_fill) == 16, "fixed layout");

/* Where the walk along the key's bits ended. */
enum call_store_terminal {
	CALL_STORE_TERMINAL_EMPTY = 0,   /* absent: an empty subtree */
	CALL_STORE_TERMINAL_OWN = 1,     /* present: leaf of this key */
	CALL_STORE_TERMINAL_FOREIGN = 2, /* absent: leaf of another key that shares `depth` bits */
};

/* A path, from the root down: `depth` siblings of 32 bytes follow. sibling_* describe the last
 * sibling when it is a leaf: deleting the key moves that leaf up. */
struct call_store_path {
	uint16_t depth;   /* 0 to CALL_STORE_DEPTH_MAX */
	uint8_t terminal; /* enum call_store_terminal */
	uint8_t sibling;  /* 1: sibling_key and sibling_hash are those of a leaf */
	uint32_t reserved;
	uint8_t leaf_key[32];     /* of OWN and FOREIGN: SHA-256(kind || id) */
	uint8_t leaf_hash[32];    /* and SHA-256 of its value */
	uint8_t sibling_key[32];  /* key of that leaf */
	uint8_t sibling_hash[32]; /* SHA-256 of its value */
	                          /* then depth siblings */
};

_Static_assert(sizeof(struct call_store_head) == 16, "fixed layout");
_Static_assert(sizeof(struct call_store_state) == 136, "fixed layout");
_Static_assert(sizeof(struct call_store_load) == 56, "fixed layout");
_Static_assert(sizeof(struct call_store_loaded) == 32, "fixed layout");
_Static_assert(sizeof(struct call_store_list) == 64, "fixed layout");
_Static_assert(sizeof(struct call_store_listed) == 24, "fixed layout");
_Static_assert(sizeof(struct call_store_op) == 48, "fixed layout");
_Static_assert(sizeof(struct call_store_stage) == 24, "fixed layout");
_Static_assert(sizeof(struct call_store_staged) == 56, "fixed layout");
_Static_assert(sizeof(struct call_store_commit) == 64, "fixed layout");
_Static_assert(sizeof(struct call_store_committed) == 56, "fixed layout");
_Static_assert(sizeof(struct call_store_segment) == 32, "fixed layout");
_Static_assert(sizeof(struct call_store_segment_state) == 56, "fixed layout");
_Static_assert(sizeof(struct call_store_path) == 136, "fixed layout");

#define CALL_STORE_PATH_MAX      (sizeof(struct call_store_path) + CALL_STORE_DEPTH_MAX * 32u)
#define CALL_STORE_VALUE_LEN_MAX LIMIT_MODULE_MAX /* bytes of one value */

_Static_assert(sizeof(struct call_store_loaded) + CALL_STORE_PATH_MAX + CALL_STORE_VALUE_LEN_MAX <=
                   CALL_STORE_MESSAGE_MAX,
               "a value and its path fit a message");
_Static_assert(sizeof(struct call_store_staged) + CALL_STORE_OPS_MAX * CALL_STORE_PATH_MAX <=
                   CALL_STORE_MESSAGE_MAX,
               "the paths of a full stage fit a message");
_Static_assert(sizeof(struct call_store_listed) + CALL_STORE_LIST_MAX * 32u <=
                   CALL_STORE_MESSAGE_MAX,
               "a full list fits a message");

/* A path as it lies in a message: its fixed part is copied, its siblings are borrowed. */
struct store_path {
	struct call_store_path fixed;
	struct bytes siblings; /* fixed.depth * 32 bytes, root first */
};

/* ---- the signer's side ---- */

/* store_ask_plain puts a request that is only a head (STATE, ABORT, SYNC, REVERT): 16 bytes. */
MUST_USE enum status store_ask_plain(uint64_t request, struct buffer *ret_message);
MUST_USE enum status store_ask_load(uint64_t request, uint32_t kind, const uint8_t id[32],
                                    struct buffer *ret_message);
/* store_ask_list: `after` NULL lists from the start. */
MUST_USE enum status store_ask_list(uint64_t request, uint32_t kind, const uint8_t *after,
                                    uint32_t max, struct buffer *ret_message);
/* store_ask_stage begins a STAGE message; store_ask_stage_put and _delete append an operation and
 * count it: TOO_LARGE, message unchanged, when it must go into the next STAGE. */
MUST_USE enum status store_ask_stage(uint64_t request, bool keeps_undo, struct buffer *ret_message);
MUST_USE enum status store_ask_stage_put(struct buffer *message, uint32_t kind,
                                         const uint8_t id[32], struct bytes value);
MUST_USE enum status store_ask_stage_delete(struct buffer *message, uint32_t kind,
                                            const uint8_t id[32]);
MUST_USE enum status store_ask_commit(uint64_t request, uint64_t seq, const uint8_t root[32],
                                      bool keeps_undo, struct bytes checkpoint,
                                      struct buffer *ret_message);
/* store_ask_segment serves APPEND (cursor 0, a blob), READ, EXPORTED and DELETE (no blob). */
MUST_USE enum status store_ask_segment(uint64_t request, uint32_t stream, uint64_t cursor,
                                       struct bytes blob, struct buffer *ret_message);

MUST_USE enum status store_ask_backup(uint64_t request, const struct call_store_backup *backup,
                                      struct buffer *ret_message);
MUST_USE enum status store_ask_item(uint64_t request, uint32_t part, struct bytes content,
                                    struct buffer *ret_message);

/* Each store_take_* checks an answer's length and inner lengths; MALFORMED means that the peer is
 * to be treated as broken. ret_*->head.status is the store's own status: after anything but OK (or
 * NOT_FOUND with LOAD) the rest is not to be used. */
MUST_USE enum status store_take_state(struct bytes message, struct call_store_state *ret_state,
                                      struct bytes *ret_checkpoint, struct bytes *ret_undo);
MUST_USE enum status store_take_loaded(struct bytes message, struct call_store_loaded *ret_loaded,
                                       struct store_path *ret_path, struct bytes *ret_value);
/* store_take_listed: ret_ids holds count * 32 bytes. */
MUST_USE enum status store_take_listed(struct bytes message, struct call_store_listed *ret_listed,
                                       struct bytes *ret_ids);
/* store_take_staged gives the paths' bytes; store_take_path takes one after the other off them. */
MUST_USE enum status store_take_staged(struct bytes message, struct call_store_staged *ret_staged,
                                       struct bytes *ret_paths);
MUST_USE enum status store_take_path(struct bytes *paths, struct store_path *ret_path);
MUST_USE enum status store_take_committed(struct bytes message,
                                          struct call_store_committed *ret_committed);
MUST_USE enum status store_take_segment(struct bytes message,
                                        struct call_store_segment_state *ret_state,
                                        struct bytes *ret_blob);
MUST_USE enum status store_take_backed(struct bytes message, struct call_store_backed *ret_backed,
                                       struct bytes *ret_bytes);
MUST_USE enum status store_take_head(struct bytes message, struct call_store_head *ret_head);

/* ---- the store's side ---- */

/* A request, whichever it is. Only the fields of its kind are set. */
struct store_request {
	uint32_t kind; /* enum call_store_kind */
	uint64_t request;
	union {
		struct call_store_load load;
		struct call_store_list list;
		struct call_store_stage stage;
		struct call_store_commit commit;
		struct call_store_segment segment;
		struct call_store_backup backup;
		struct call_store_item item;
	} of;
	struct bytes payload; /* ops, checkpoint, blob or content */
};

struct store_op {
	struct call_store_op fixed;
	struct bytes value;
};

/* store_take_request checks one request whole, each operation of a STAGE included. */
MUST_USE enum status store_take_request(uint32_t kind, struct bytes message,
                                        struct store_request *ret_request);
/* store_take_op takes the next operation off the payload of a checked STAGE. */
MUST_USE enum status store_take_op(struct bytes *ops, struct store_op *ret_op);
/* store_answer_kind is the kind of the answer to a request of this kind; 0 when there is none. */
uint32_t store_answer_kind(uint32_t request_kind);
/* store_answer_failed makes the shortest answer of that kind: zeroes, request and status. */
MUST_USE enum status store_answer_failed(uint32_t request_kind, uint64_t request,
                                         enum status status, struct buffer *ret_message);
/* store_answer_path appends a path: fixed part, then its siblings. */
MUST_USE enum status store_answer_path(const struct store_path *path, struct buffer *ret_message);

#endif
