/* signer_store: the signer's side of the store: loads with proofs, commits with checkpoints.
 *
 * The store is believed in nothing. The signer holds the root of the Merkle map; a loaded value
 * counts only with a path to that root, "not found" only with a path that proves it. A commit goes
 * op by op from the old root to the new one over paths that are checked the same way, and is
 * durable when its answer came, and counts when it was anchored in the TPM, too, unless it is
 * light: heads of receipt chains alone; or what takes power, while the TPM has no write for it.
 * That is bound by the next one that is anchored. One batch is in flight; what comes meanwhile
 * gathers in the next.
 *
 * Nothing here blocks: signer_store_pump moves things on when messages came. The caller asks with
 * signer_store_load and hears through `loaded`; it learns that batch N is durable when
 * signer_store_committed() >= N, and that no older store can be put in its place any more when
 * signer_store_bound() >= N. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_STORE_H
#define SIGNER_STORE_H

#include "authz_merkle.h"
#include "call_store.h"
#include "ipc_channel.h"
#include "signer_anchor.h"

#define SIGNER_STORE_LOADS_MAX   64
#define SIGNER_STORE_BATCH_MAX   (8u << 20) /* bytes of one batch; a change of more is refused */
#define SIGNER_STORE_APPENDS_MAX 8          /* segment appends in flight */

#define SIGNER_RECORD_ROOM(bytes) ((bytes) + KEYS_AEAD_OVERHEAD_LEN) /* a record, sealed */

#define SIGNER_NEARLY_FULL 95 /* hundredths of the store */
#define SIGNER_FULL        100

struct signer_store;

/* Called for every load that was asked for: OK with the sealed value, NOT_FOUND when proven absent,
 * else CORRUPT or IO. The value dies when the call returns. */
typedef void signer_store_loaded_fn(void *context, uint32_t kind, const uint8_t id[32],
                                    enum status status, struct bytes sealed);
/* Writes the checkpoint over (seq, root); part of the same commit. */
typedef enum status signer_store_checkpoint_fn(void *context, uint64_t seq, const uint8_t root[32],
                                               bool light, struct buffer *ret_checkpoint);
/* Whether there is a write of the TPM for a batch, whose write was taken before (paid), or which
 * `user` asked for (NULL: nobody's). NOW takes it. */
enum signer_write { SIGNER_WRITE_NOW, SIGNER_WRITE_SOON, SIGNER_WRITE_NONE };
typedef enum signer_write signer_store_may_anchor_fn(void *context, bool is_paid,
                                                     enum signer_need need, const uint8_t *user);
/* Called when a batch begins that changes more than heads of chains and modules on offer. */
typedef void signer_store_begins_fn(void *context);
/* Called with each record of a batch that counts from now on. */
typedef void signer_store_counts_fn(void *context, uint32_t kind, const uint8_t id[32]);
/* Has a durable checkpoint anchored; signer_store_anchored tells when it is. */
typedef void signer_store_anchor_fn(void *context, struct bytes checkpoint);
/* Called when a segment append became durable (or a read came: blob not empty). */
typedef void signer_store_segment_fn(void *context, uint64_t tag, enum status status,
                                     const struct call_store_segment_state *state,
                                     struct bytes blob);
/* Called with each part of a backup that was asked for. */
typedef void signer_store_backed_fn(void *context, enum status status,
                                    const struct call_store_backed *backed, struct bytes bytes);

struct signer_store_hooks {
	void *context;
	signer_store_loaded_fn *loaded;
	signer_store_checkpoint_fn *checkpoint;
	signer_store_may_anchor_fn *may_anchor;
	signer_store_begins_fn *begins;
	signer_store_anchor_fn *anchor;
	signer_store_counts_fn *counts;
	signer_store_segment_fn *segment;
	signer_store_backed_fn *backed;
};

/* signer_store_new allocates (phase 1; never again). The channel is borrowed for ever. */
struct signer_store *signer_store_new(struct ipc_channel *channel, struct signer_store_hooks hooks);

/* signer_store_ask_state asks where the store stands; signer_store_state returns true when the
 * answer is there. `ret_checkpoint` is borrowed until the next pump. */
void signer_store_ask_state(struct signer_store *store);
bool signer_store_state(const struct signer_store *store, struct call_store_state *ret_state,
                        struct bytes *ret_checkpoint, struct bytes *ret_undo);
/* signer_store_revert has the last commit taken back, then asks for the state again. */
void signer_store_revert(struct signer_store *store);
/* signer_store_begin takes (seq, root) of a checkpoint whose MAC was verified as the truth. */
void signer_store_begin(struct signer_store *store, uint64_t seq, const uint8_t root[32]);

/* signer_store_load asks for a value, unless the same load is already in flight. STATUS_BUSY: too
 * many loads; ask again later. */
MUST_USE enum status signer_store_load(struct signer_store *store, uint32_t kind,
                                       const uint8_t id[32]);

/* signer_store_put and _delete add to the gathering batch; STATUS_BUSY when it is full. They return
 * the batch's number: durable when signer_store_committed() reaches it. */
MUST_USE enum status signer_store_put(struct signer_store *store, uint32_t kind,
                                      const uint8_t id[32], struct bytes sealed,
                                      uint64_t *ret_batch);
MUST_USE enum status signer_store_delete(struct signer_store *store, uint32_t kind,
                                         const uint8_t id[32], uint64_t *ret_batch);
/* signer_store_holds tells whether an empty batch takes `bytes` in `ops` operations. */
bool signer_store_holds(size_t ops, size_t bytes);

/* signer_store_room tells whether the gathering batch still takes `bytes` in `ops` operations:
 * what must be committed together is asked for together. */
bool signer_store_room(const struct signer_store *store, size_t ops, size_t bytes);
uint64_t signer_store_gathering(const struct signer_store *store);
/* signer_store_committed is the last batch that is durable and shown; signer_store_bound the last
 * one that the TPM vouches for, or that needs no vouching: what gives power or is acknowledged
 * waits for this one. */
uint64_t signer_store_committed(const struct signer_store *store);
uint64_t signer_store_bound(const struct signer_store *store);
/* signer_store_is_at_tpm: a commit is durable and waits for its write of the TPM. */
bool signer_store_is_at_tpm(const struct signer_store *store);
/* signer_store_anchored: the checkpoint that the anchor hook was given is in the TPM. */
void signer_store_anchored(struct signer_store *store);
/* signer_store_writes: a batch that does not count yet writes this record. */
bool signer_store_writes(const struct signer_store *store, uint32_t kind, const uint8_t id[32]);
/* signer_store_coming gives the last version of it that such a batch writes, sealed, borrowed until
 * the next call of anything here; false: none does. */
bool signer_store_coming(const struct signer_store *store, uint32_t kind, const uint8_t id[32],
                         struct bytes *ret_sealed);
/* signer_store_need asks the TPM for the gathering batch: as a write of `user`'s share (NULL:
 * nobody's), unless somebody asked for as much before him. Records alone ask as leases do. */
void signer_store_need(struct signer_store *store, enum signer_need need, const uint8_t *user);
/* signer_store_pay says that the gathering batch's write is taken; _is_paid whether it is: what
 * goes with it needs no other. */
void signer_store_pay(struct signer_store *store);
bool signer_store_is_paid(const struct signer_store *store);
/* signer_store_lowers says that the gathering batch takes power: unless it is paid, it goes to the
 * store even while the TPM has no write for it. */
void signer_store_lowers(struct signer_store *store);
/* signer_store_anchor marks it for the TPM even if no record does, as one of this need. */
void signer_store_anchor(struct signer_store *store, enum signer_need need);
/* signer_store_touch makes the gathering batch commit even if it has no operation: a checkpoint;
 * nothing goes before it. */
uint64_t signer_store_touch(struct signer_store *store);
/* signer_store_mark makes it commit too, but not for the TPM: what a light checkpoint carries gives
 * no power. */
void signer_store_mark(struct signer_store *store);
uint64_t signer_store_seq(const struct signer_store *store);

/* signer_store_append appends a sealed blob to a stream; `tag` comes back to the hook. */
MUST_USE enum status signer_store_append(struct signer_store *store, uint32_t stream,
                                         struct bytes blob, uint64_t tag);
/* signer_store_segment asks READ, EXPORTED or DELETE of a stream at a cursor. */
MUST_USE enum status signer_store_segment(struct signer_store *store, uint32_t kind,
                                          uint32_t stream, uint64_t cursor, uint64_t tag);

/* signer_store_backup asks for a step of a backup. BEGIN waits (BUSY) until no commit is on its
 * way, so that what is backed up is what was acknowledged. */
MUST_USE enum status signer_store_backup(struct signer_store *store,
                                         const struct call_store_backup *backup);

/* signer_store_stream_next says which cursor the next append to a stream gets, as the store's last
 * STATE told; false while one is awaited after a restart. */
bool signer_store_stream_next(const struct signer_store *store, uint32_t stream,
                              uint64_t *ret_next);

/* signer_store_list asks for the ids of a kind above `after` (zeros: from the first), at most `max`
 * of them, up to SIGNER_STORE_LIST_MAX; signer_store_listed is BUSY until they are there, then puts
 * them, ascending, 32 bytes each. A list proves nothing. One at a time: BUSY, also while the answer
 * to one that was given up on is awaited. */
#define SIGNER_STORE_LIST_MAX 64u
MUST_USE enum status signer_store_list(struct signer_store *store, uint32_t kind,
                                       const uint8_t after[32], uint32_t max);
MUST_USE enum status signer_store_listed(const struct signer_store *store, struct buffer *ret_ids,
                                         bool *ret_more);

/* signer_store_put_item has a small file of the data disk replaced; the item is done when that is
 * durable, or its status says why not. One at a time: BUSY, also while one that was given up on is
 * awaited, so an item lives as long as the store. */
struct signer_store_item {
	bool is_done;
	enum status status;
};
MUST_USE enum status signer_store_put_item(struct signer_store *store, uint32_t part,
                                           struct bytes content, struct signer_store_item *item);

/* signer_store_fill is how full the store says that it is. */
struct call_store_fill signer_store_fill(const struct signer_store *store);
/* signer_store_is_full: nothing that gives power may come any more. What is on its way counts, so
 * that many who come together do not take what is kept back (CALL_STORE_RESERVE). */
bool signer_store_is_full(const struct signer_store *store);

/* signer_store_pump takes answers and sends what can be sent; what the store had no space for,
 * twice a second again. STATUS_OK; STATUS_IO while the store is away (it is being restarted; loads
 * in flight were answered IO); STATUS_CORRUPT when the store came back with a state that the signer
 * does not know: halt. */
MUST_USE enum status signer_store_pump(struct signer_store *store, uint64_t now_ms);

#endif
