/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_receipt.h"

#include "base_check.h"
#include "proc_start.h"

#define ITEM_HEAD      5 /* kind and length */
#define BLOB_SHARE     2 /* one client has at most so many times what is left (A25) */
#define DIRTY_MAX      SIGNER_CHAINS_CACHED /* what a start may find; see signer_receipts_ready */
#define HEADS_HELD_MAX 1024 /* chains whose heads wait for the map; more are written early */
#define DIRTY_USUAL    2048 /* wallets of one blob */

_Static_assert(CALL_BATCH_MAX *(AUTHZ_RECEIPT_MAX + ITEM_HEAD) + SIGNER_SYNC_BYTES <
                   SIGNER_BLOB_MAX,
               "a whole batch's receipts fit beside those that make a sync");

/* Streams are sealed as records of these kinds, id = zero: their order is the store's to keep, and
 * the chains inside prove it. */
static const uint8_t stream_id[32];
#define SEAL_RECEIPTS 1001u
#define SEAL_INPUTS   1002u

struct chain_entry {
	struct signer_cache_head head;
	uint8_t hash[32]; /* of the last receipt; zero before the first */
	uint64_t boot, number;
	bool dirty; /* has receipts that are in no blob that flies; pinned for it */
	/* Pinned as well until its head is in the map, or a reload would find the one before. */
	bool held;
	uint64_t head_batch; /* commit that brings the newest head; UINT64_MAX: not put yet */
	/* As far as its blobs are durable: what signed heads tell, and exports hold. */
	bool has_durable;
	uint8_t durable[AUTHZ_CHAIN_VALUE_LEN];
};

struct blob {
	struct buffer receipts, inputs;
	uint64_t count;
	size_t dirty_count;
	struct {
		uint8_t wallet[32];
		uint8_t
		    value[AUTHZ_CHAIN_VALUE_LEN]; /* its head after this blob, set when it flies */
	} * dirty;                                /* DIRTY_MAX */
};

struct signer_receipts {
	struct signer_state *state;
	const struct signer_vault *vault;
	uint8_t deployment[32];
	uint64_t boot;
	uint8_t boot_record[32]; /* hash */
	struct signer_cache chains;
	struct blob filling, flying;
	uint64_t blob;                       /* number of the one that fills */
	unsigned awaited;                    /* appends of `flying` that are not durable yet */
	bool append_receipts, append_inputs; /* still to be sent */
	bool lost;                           /* whether it was appended is not known */
	bool failed;                         /* the last append of receipts */
	uint64_t synced_ms, inputs_ms, heads_ms;
	uint64_t next_cursor; /* after the last durable blob of receipts */
	/* Cursor for checkpoints: `from` up to batch `from_batch`, `from_before` for older ones. */
	uint64_t from, from_batch, from_before;
	uint64_t sync; /* heads signed */
	struct signer_recent *recent;
	size_t recent_next, recent_count;
	uint64_t recent_total; /* decisions of this boot */
	uint8_t *recent_bytes;
	size_t recent_at;
	uint64_t recent_kept;      /* bytes kept in all, those skipped at the end included */
	struct chain_entry **held; /* each once */
	size_t held_count;
	uint64_t released; /* commits up to here were looked at */
	struct buffer sealed;
	struct authz_merkle_entry *entries; /* for heads */
};

struct signer_receipts *signer_receipts_new(struct signer_state *state,
                                            const struct signer_vault *vault)
{
	struct signer_receipts *receipts = calloc(1, sizeof(*receipts));

	CHECK(receipts != NULL);
	receipts->state = state;
	receipts->vault = vault;
	receipts->blob = 1;
	signer_cache_init(&receipts->chains, SIGNER_CHAINS_CACHED, sizeof(struct chain_entry));
	receipts->filling.receipts = proc_buffer(SIGNER_BLOB_MAX);
	receipts->filling.inputs = proc_buffer(SIGNER_BLOB_MAX);
	receipts->flying.receipts = proc_buffer(SIGNER_BLOB_MAX);
	receipts->flying.inputs = proc_buffer(SIGNER_BLOB_MAX);
	receipts->sealed = proc_buffer(SIGNER_BLOB_MAX + KEYS_AEAD_OVERHEAD_LEN);
	receipts->recent = calloc(SIGNER_RECENT_MAX, sizeof(*receipts->recent));
	receipts->recent_bytes = malloc(SIGNER_RECENT_BYTES);
	receipts->entries = calloc(SIGNER_CHAINS_CACHED, sizeof(*receipts->entries));
	receipts->held = calloc(SIGNER_CHAINS_CACHED, sizeof(*receipts->held));
	receipts->filling.dirty = calloc(DIRTY_MAX, sizeof(*receipts->filling.dirty));
	receipts->flying.dirty = calloc(DIRTY_MAX, sizeof(*receipts->flying.dirty));
	CHECK(receipts->held != NULL && receipts->filling.dirty != NULL &&
	      receipts->flying.dirty != NULL);
	CHECK(receipts->recent != NULL && receipts->recent_bytes != NULL &&
	      receipts->entries != NULL);
	return receipts;
}

static enum status put_item(struct buffer *out, enum authz_item kind, struct bytes first,
                            struct bytes second)
{
	uint8_t head[ITEM_HEAD] = {(uint8_t)kind};
	uint32_t len = (uint32_t)(first.len + second.len);

	memcpy(head + 1, &len, sizeof(len));
	if (ITEM_HEAD + first.len + second.len > out->cap - out->len)
		return STATUS_TOO_LARGE;
	CHECK(buffer_put(out, BYTES_OF_ARRAY(head)) == STATUS_OK);
	CHECK(buffer_put(out, first) == STATUS_OK);
	return buffer_put(out, second);
}

void signer_receipts_begin(struct signer_receipts *receipts, const uint8_t deployment[32],
                           uint64_t boot, struct bytes boot_record)
{
	memcpy(receipts->deployment, deployment, 32);
	receipts->boot = boot;
	authz_boot_hash(boot_record, receipts->boot_record);
	CHECK(put_item(&receipts->filling.receipts, AUTHZ_ITEM_BOOT, boot_record,
	               bytes_of(NULL, 0)) == STATUS_OK);
	receipts->filling.count++;
}

/* ---- chains ---- */

static struct chain_entry *chain_of(struct signer_receipts *receipts, const uint8_t wallet[32])
{
	return (struct chain_entry *)signer_cache_claim(&receipts->chains, wallet);
}

static void mark_dirty(struct signer_receipts *receipts, struct chain_entry *chain)
{
	struct blob *blob = &receipts->filling;

	if (chain->dirty)
		return;
	chain->dirty = true;
	chain->head.pins++;
	memcpy(blob->dirty[blob->dirty_count++].wallet, chain->head.key, 32);
}

/* The chain's last receipt as the map has it, loaded when first asked for. */
static enum status chain_ready(struct signer_receipts *receipts, const uint8_t wallet[32])
{
	struct chain_entry *chain = chain_of(receipts, wallet);
	enum status status;

	if (chain == NULL)
		return STATUS_BUSY;
	switch (chain->head.state) {
	case SIGNER_CACHED_READY:
	case SIGNER_CACHED_ABSENT:
		return STATUS_OK;
	case SIGNER_CACHED_CORRUPT:
		return STATUS_CORRUPT;
	case SIGNER_CACHED_LOADING:
		return STATUS_BUSY;
	case SIGNER_CACHED_EMPTY:
		break;
	}
	status = signer_store_load(receipts->state->store, CALL_STORE_VALUE_CHAIN, wallet);
	if (status == STATUS_OK)
		chain->head.state = SIGNER_CACHED_LOADING;
	return STATUS_BUSY;
}

void signer_receipts_loaded(struct signer_receipts *receipts, const uint8_t wallet[32],
                            enum status status, struct bytes sealed)
{
	struct chain_entry *chain =
	    (struct chain_entry *)signer_cache_find(&receipts->chains, wallet);
	uint8_t value[AUTHZ_CHAIN_VALUE_LEN];
	struct buffer plain = BUFFER_OF_ARRAY(value);

	receipts->state->loads++;
	if (chain == NULL || chain->head.state != SIGNER_CACHED_LOADING)
		return;
	if (status == STATUS_OK && (signer_vault_unseal(receipts->vault, CALL_STORE_VALUE_CHAIN,
	                                                wallet, sealed, &plain) != STATUS_OK ||
	                            plain.len != sizeof(value)))
		status = STATUS_CORRUPT;
	if (status == STATUS_OK) {
		chain->boot = __builtin_bswap64(load_le64(value));
		chain->number = __builtin_bswap64(load_le64(value + 8));
		memcpy(chain->hash, value + 16, 32);
		memcpy(chain->durable, value, sizeof(value));
		chain->has_durable = true;
		chain->head.state = SIGNER_CACHED_READY;
	} else if (status == STATUS_NOT_FOUND) {
		chain->head.state = SIGNER_CACHED_ABSENT;
	} else if (status == STATUS_IO) {
		signer_cache_drop(&receipts->chains, chain);
	} else {
		chain->head.state = SIGNER_CACHED_CORRUPT;
	}
}

enum status signer_receipts_recover(struct signer_receipts *receipts, uint64_t cursor,
                                    struct bytes sealed)
{
	struct buffer *plain = &receipts->flying.inputs; /* nothing flies before the start */
	uint8_t kind;
	struct bytes left, item;

	plain->len = 0;
	if (signer_receipts_open(receipts, CALL_STORE_STREAM_RECEIPTS, sealed, plain) != STATUS_OK)
		return STATUS_CORRUPT;
	left = buffer_bytes(plain);
	while (authz_item_take(&left, &kind, &item)) {
		static struct authz_receipt receipt;
		struct chain_entry *chain;

		if (kind != AUTHZ_ITEM_RECEIPT)
			continue;
		if (authz_receipt_take(item, &receipt) != STATUS_OK)
			return STATUS_CORRUPT;
		chain = chain_of(receipts, receipt.wallet);
		if (chain == NULL || (!chain->dirty && receipts->filling.dirty_count == DIRTY_MAX))
			return STATUS_TOO_LARGE;
		chain->head.state = SIGNER_CACHED_READY;
		chain->boot = receipt.boot;
		chain->number = receipt.number;
		authz_receipt_hash(item, chain->hash);
		authz_chain_value(chain->boot, chain->number, chain->hash, chain->durable);
		chain->has_durable = true;
		mark_dirty(receipts, chain);
	}
	plain->len = 0;
	receipts->next_cursor = cursor + 1;
	return left.len == 0 ? STATUS_OK : STATUS_CORRUPT;
}

/* ---- adding ---- */

enum status signer_receipts_ready(struct signer_receipts *receipts, const uint8_t wallet[32],
                                  size_t count, const struct signer_receipt_share *share)
{
	const struct blob *blob = &receipts->filling;
	size_t left = blob->receipts.cap - blob->receipts.len;
	size_t needed = count * (AUTHZ_RECEIPT_MAX + ITEM_HEAD);

	if (left < needed || blob->dirty_count > DIRTY_USUAL - count)
		return STATUS_BUSY;
	if (share != NULL && share->blob == receipts->blob &&
	    share->bytes > BLOB_SHARE * (left - needed))
		return STATUS_BUSY;
	return chain_ready(receipts, wallet);
}

/* Keeps the newest decisions for `decision show`; the oldest bytes are overwritten. */
static void remember(struct signer_receipts *receipts, const struct authz_receipt *receipt,
                     struct bytes encoded)
{
	struct signer_recent *recent = &receipts->recent[receipts->recent_next];

	if (receipts->recent_at + encoded.len > SIGNER_RECENT_BYTES) {
		receipts->recent_kept += SIGNER_RECENT_BYTES - receipts->recent_at;
		receipts->recent_at = 0;
	}
	memcpy(receipts->recent_bytes + receipts->recent_at, encoded.data, encoded.len);
	memcpy(recent->ticket, receipt->ticket, 32);
	memcpy(recent->message_hash, receipt->message_hash, 32);
	memcpy(recent->wallet, receipt->wallet, 32);
	memcpy(recent->client, receipt->client, 32);
	recent->at = receipts->recent_at;
	recent->len = encoded.len;
	recent->kept = receipts->recent_kept;
	receipts->recent_at += encoded.len;
	receipts->recent_kept += encoded.len;
	receipts->recent_next = (receipts->recent_next + 1) % SIGNER_RECENT_MAX;
	receipts->recent_total++;
	if (receipts->recent_count < SIGNER_RECENT_MAX)
		receipts->recent_count++;
}

static void charge_share(const struct signer_receipts *receipts, struct signer_receipt_share *share,
                         size_t bytes)
{
	if (share->blob != receipts->blob)
		*share = (struct signer_receipt_share){.blob = receipts->blob};
	share->bytes += bytes;
}

void signer_receipts_add(struct signer_receipts *receipts, struct authz_receipt *receipt,
                         struct bytes input, struct signer_receipt_share *share)
{
	struct chain_entry *chain = chain_of(receipts, receipt->wallet);
	struct blob *blob = &receipts->filling;
	static uint8_t space[AUTHZ_RECEIPT_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(space);

	/* Room for a whole batch was there before its first: here it is one of them. */
	CHECK(chain != NULL && blob->dirty_count < DIRTY_MAX &&
	      (chain->head.state == SIGNER_CACHED_READY ||
	       chain->head.state == SIGNER_CACHED_ABSENT));
	memcpy(receipt->deployment, receipts->deployment, 32);
	memcpy(receipt->boot_record, receipts->boot_record, 32);
	memcpy(receipt->previous, chain->hash, 32);
	receipt->boot = receipts->boot;
	receipt->number = chain->boot == receipts->boot ? chain->number + 1 : 1;
	CHECK(authz_receipt_put(receipt, &encoded) == STATUS_OK);
	CHECK(put_item(&blob->receipts, AUTHZ_ITEM_RECEIPT, buffer_bytes(&encoded),
	               bytes_of(NULL, 0)) == STATUS_OK);
	if (share != NULL)
		charge_share(receipts, share, ITEM_HEAD + encoded.len);
	blob->count++;
	authz_receipt_hash(buffer_bytes(&encoded), chain->hash);
	chain->boot = receipt->boot;
	chain->number = receipt->number;
	chain->head.state = SIGNER_CACHED_READY;
	mark_dirty(receipts, chain);
	remember(receipts, receipt, buffer_bytes(&encoded));
	/* Without room the receipt stands alone, and a replay says "input not kept". */
	if (input.len != 0)
		(void)!put_item(&blob->inputs, AUTHZ_ITEM_INPUT, bytes_of(receipt->ticket, 32),
		                input);
}

/* ---- syncing ---- */

static bool append(struct signer_receipts *receipts, uint32_t stream, uint32_t kind,
                   const struct buffer *plain)
{
	enum status status;

	receipts->sealed.len = 0;
	CHECK(signer_vault_seal(receipts->vault, kind, stream_id, buffer_bytes(plain),
	                        &receipts->sealed) == STATUS_OK);
	status = signer_store_append(receipts->state->store, stream,
	                             buffer_bytes(&receipts->sealed), stream);
	CHECK(status != STATUS_TOO_LARGE); /* it never would fit, and nothing more be signed */
	return status == STATUS_OK;
}

/* Sets the blob going: what its receipts make of each chain is what may be written once it is
 * durable; later receipts mark their chain again. */
static void freeze_heads(struct signer_receipts *receipts, struct blob *blob)
{
	for (size_t i = 0; i < blob->dirty_count; i++) {
		struct chain_entry *chain = chain_of(receipts, blob->dirty[i].wallet);

		authz_chain_value(chain->boot, chain->number, chain->hash, blob->dirty[i].value);
		chain->dirty = false;
		chain->head_batch = UINT64_MAX;
		/* The pin for being dirty becomes the one for a head that is not in the map. */
		if (chain->held)
			chain->head.pins--;
		else
			receipts->held[receipts->held_count++] = chain;
		chain->held = true;
	}
}

/* The flying blob is durable: so are the chains up to what it holds. */
static void note_durable(struct signer_receipts *receipts, uint64_t next_cursor)
{
	const struct blob *blob = &receipts->flying;

	receipts->next_cursor = next_cursor;
	for (size_t i = 0; i < blob->dirty_count; i++) {
		struct chain_entry *chain = (struct chain_entry *)signer_cache_find(
		    &receipts->chains, blob->dirty[i].wallet);

		if (chain == NULL)
			continue;
		memcpy(chain->durable, blob->dirty[i].value, sizeof(chain->durable));
		chain->has_durable = true;
	}
}

uint64_t signer_receipts_next(const struct signer_receipts *receipts)
{
	return receipts->next_cursor;
}

/* Heads of chains whose receipts are durable go into the map, at most once a second: what the map
 * does not have yet a start reads from the blobs again. Nothing flies when this is called, so what
 * is durable is all there is. False: there was no room; go on later. */
static bool put_heads(struct signer_receipts *receipts)
{
	uint64_t batch = signer_store_gathering(receipts->state->store);

	for (size_t i = 0; i < receipts->held_count; i++) {
		struct chain_entry *chain = receipts->held[i];

		if (chain->head_batch != UINT64_MAX)
			continue;
		if (!signer_store_room(receipts->state->store, 1,
		                       AUTHZ_CHAIN_VALUE_LEN + KEYS_AEAD_OVERHEAD_LEN))
			return false;
		signer_state_put(receipts->state, CALL_STORE_VALUE_CHAIN, chain->head.key,
		                 BYTES_OF_ARRAY(chain->durable));
		chain->head_batch = batch;
	}
	if (receipts->from_batch != batch) {
		receipts->from_before = receipts->from;
		receipts->from_batch = batch;
	}
	receipts->from = receipts->next_cursor;
	return true;
}

static bool heads_are_due(const struct signer_receipts *receipts, uint64_t now_ms, bool now)
{
	return receipts->from != receipts->next_cursor &&
	       (now || now_ms - receipts->heads_ms >= SIGNER_HEADS_MS ||
	        receipts->held_count > HEADS_HELD_MAX);
}

/* Lets go of chains whose head is in the map. */
static void release_heads(struct signer_receipts *receipts)
{
	uint64_t committed = signer_store_committed(receipts->state->store);
	size_t kept = 0;

	if (committed == receipts->released)
		return;
	receipts->released = committed;
	for (size_t i = 0; i < receipts->held_count; i++) {
		struct chain_entry *chain = receipts->held[i];

		if (chain->head_batch > committed) {
			receipts->held[kept++] = chain;
			continue;
		}
		chain->held = false;
		chain->head.pins--;
	}
	receipts->held_count = kept;
}

uint64_t signer_receipts_from(const struct signer_receipts *receipts, uint64_t batch)
{
	return batch >= receipts->from_batch ? receipts->from : receipts->from_before;
}

void signer_receipts_set_from(struct signer_receipts *receipts, uint64_t cursor)
{
	receipts->from = receipts->from_before = receipts->next_cursor = cursor;
}

void signer_receipts_segment(struct signer_receipts *receipts, uint64_t stream, enum status status,
                             const struct call_store_segment_state *state)
{
	if (receipts->awaited == 0)
		return;
	if (status != STATUS_OK) {
		/* The store was lost before it answered; when it is back its cursor says whether
		 * the blob is there. A replay input twice does no harm. */
		if (stream == CALL_STORE_STREAM_INPUTS)
			receipts->append_inputs = true;
		else
			receipts->append_receipts = receipts->lost = receipts->failed = true;
		return;
	}
	if (stream == CALL_STORE_STREAM_RECEIPTS) {
		note_durable(receipts, state->cursor + 1);
		receipts->failed = false;
	}
	receipts->awaited--;
}

/* After a loss: whether the blob must be appended again, once the store has said where it stands.
 */
static bool must_append(struct signer_receipts *receipts)
{
	uint64_t next;

	if (!receipts->append_receipts || !receipts->lost)
		return receipts->append_receipts;
	if (!signer_store_stream_next(receipts->state->store, CALL_STORE_STREAM_RECEIPTS, &next))
		return false;
	receipts->lost = false;
	if (next != receipts->next_cursor + 1)
		return true;
	note_durable(receipts, next);
	receipts->append_receipts = receipts->failed = false;
	receipts->awaited--;
	return false;
}

void signer_receipts_pump(struct signer_receipts *receipts, uint64_t now_ms, bool now)
{
	struct blob *flying = &receipts->flying;

	release_heads(receipts);
	if (must_append(receipts) &&
	    append(receipts, CALL_STORE_STREAM_RECEIPTS, SEAL_RECEIPTS, &flying->receipts))
		receipts->append_receipts = false;
	if (receipts->append_inputs && !receipts->append_receipts &&
	    append(receipts, CALL_STORE_STREAM_INPUTS, SEAL_INPUTS, &flying->inputs))
		receipts->append_inputs = false;
	if (receipts->awaited != 0)
		return;
	flying->count = flying->dirty_count = 0;
	if (heads_are_due(receipts, now_ms, now)) {
		if (!put_heads(receipts))
			return;
		receipts->heads_ms = now_ms;
	}
	if (receipts->filling.count == 0 ||
	    (!now && now_ms - receipts->synced_ms < SIGNER_SYNC_MS &&
	     receipts->filling.receipts.len < SIGNER_SYNC_BYTES))
		return;
	receipts->synced_ms = now_ms;
	{
		static struct blob swap;

		swap = receipts->flying;
		receipts->flying = receipts->filling;
		receipts->filling = swap;
		receipts->blob++;
	}
	/* Replay inputs are kept as far as ten blobs a second hold them. */
	if (!now && now_ms - receipts->inputs_ms < SIGNER_SYNC_MS)
		flying->inputs.len = 0;
	else
		receipts->inputs_ms = now_ms;
	receipts->filling.receipts.len = receipts->filling.inputs.len = 0;
	receipts->filling.count = receipts->filling.dirty_count = 0;
	freeze_heads(receipts, flying);
	receipts->append_receipts = true;
	receipts->append_inputs = flying->inputs.len != 0;
	receipts->awaited = flying->inputs.len != 0 ? 2 : 1;
}

bool signer_receipts_are_kept(const struct signer_receipts *receipts)
{
	return !receipts->failed;
}

uint64_t signer_receipts_due_ms(const struct signer_receipts *receipts, uint64_t now_ms)
{
	uint64_t since_ms = now_ms - receipts->synced_ms;

	/* What could not be handed to the store is tried again; an answer of the store wakes. */
	if (receipts->append_receipts || receipts->append_inputs)
		return 1;
	if (receipts->awaited != 0 || receipts->filling.count == 0)
		return 1000;
	return since_ms < SIGNER_SYNC_MS ? SIGNER_SYNC_MS - since_ms : 1;
}

uint64_t signer_receipts_behind(const struct signer_receipts *receipts)
{
	return receipts->filling.count + receipts->flying.count;
}

/* ---- showing ---- */

const struct signer_recent *signer_receipts_find(const struct signer_receipts *receipts,
                                                 const uint8_t key[32])
{
	for (size_t i = 0; i < receipts->recent_count; i++) {
		const struct signer_recent *recent =
		    &receipts->recent[(receipts->recent_next + SIGNER_RECENT_MAX - 1 - i) %
		                      SIGNER_RECENT_MAX];

		/* Older ones' bytes may be another client's decision by now. */
		if (receipts->recent_kept - recent->kept > SIGNER_RECENT_BYTES)
			return NULL;
		if (memcmp(recent->ticket, key, 32) == 0 ||
		    memcmp(recent->message_hash, key, 32) == 0)
			return recent;
	}
	return NULL;
}

uint64_t signer_receipts_count(const struct signer_receipts *receipts)
{
	return receipts->recent_total;
}

const struct signer_recent *signer_receipts_nth(const struct signer_receipts *receipts, uint64_t n)
{
	const struct signer_recent *recent = &receipts->recent[n % SIGNER_RECENT_MAX];

	if (n >= receipts->recent_total || receipts->recent_total - n > SIGNER_RECENT_MAX ||
	    receipts->recent_kept - recent->kept > SIGNER_RECENT_BYTES)
		return NULL;
	return recent;
}

struct bytes signer_receipts_bytes(const struct signer_receipts *receipts,
                                   const struct signer_recent *recent)
{
	return bytes_of(receipts->recent_bytes + recent->at, recent->len);
}

enum status signer_receipts_open(const struct signer_receipts *receipts, uint32_t stream,
                                 struct bytes sealed, struct buffer *ret_plain)
{
	return signer_vault_unseal(
	    receipts->vault, stream == CALL_STORE_STREAM_RECEIPTS ? SEAL_RECEIPTS : SEAL_INPUTS,
	    stream_id, sealed, ret_plain);
}

static bool is_before(const struct authz_merkle_entry *a, const struct authz_merkle_entry *b)
{
	return memcmp(a->key, b->key, 32) < 0;
}

/* Heap sort: the library's qsort may allocate, which this process no longer can. */
static void sift_down(struct authz_merkle_entry *entries, size_t root, size_t count)
{
	for (;;) {
		size_t child = 2 * root + 1;
		struct authz_merkle_entry swap;

		if (child >= count)
			return;
		if (child + 1 < count && is_before(&entries[child], &entries[child + 1]))
			child++;
		if (!is_before(&entries[root], &entries[child]))
			return;
		swap = entries[root];
		entries[root] = entries[child];
		entries[child] = swap;
		root = child;
	}
}

static void sort_entries(struct authz_merkle_entry *entries, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(entries, i, count);
	for (size_t end = count; end > 1; end--) {
		struct authz_merkle_entry swap = entries[0];

		entries[0] = entries[end - 1];
		entries[end - 1] = swap;
		sift_down(entries, 0, end - 1);
	}
}

/* The leaves of a head: every wallet that has a durable receipt of this boot, and the one asked
 * for; with zeros, while no receipt of it is durable. That one is not among them would prove
 * nothing.
 */
static size_t gather_entries(struct signer_receipts *receipts, const uint8_t wallet[32])
{
	static const uint8_t none[AUTHZ_CHAIN_VALUE_LEN];
	size_t count = 0;

	for (size_t i = 0; i < receipts->chains.filled; i++) {
		const struct chain_entry *chain =
		    (const struct chain_entry *)(const void *)(receipts->chains.entries +
		                                               i * receipts->chains.entry_bytes);
		struct bytes bytes =
		    chain->has_durable ? BYTES_OF_ARRAY(chain->durable) : BYTES_OF_ARRAY(none);

		if (!chain->head.taken ||
		    (memcmp(chain->head.key, wallet, 32) != 0 &&
		     (!chain->has_durable ||
		      __builtin_bswap64(load_le64(chain->durable)) != receipts->boot)))
			continue;
		authz_merkle_key(AUTHZ_HEAD_KIND, chain->head.key, receipts->entries[count].key);
		keys_sha256(&bytes, 1, receipts->entries[count].value_hash);
		count++;
	}
	sort_entries(receipts->entries, count);
	return count;
}

enum status signer_receipts_head(struct signer_receipts *receipts, const uint8_t wallet[32],
                                 uint64_t time_high_s, struct buffer *out)
{
	struct authz_head head = {.boot = receipts->boot, .time_high_s = time_high_s};
	static uint8_t siblings[CALL_STORE_DEPTH_MAX * 32], space[AUTHZ_HEAD_MAX];
	struct buffer path_space = BUFFER_OF_ARRAY(siblings), encoded = BUFFER_OF_ARRAY(space);
	size_t count = gather_entries(receipts, wallet), at = 0;
	struct store_path path;
	uint8_t key[32];
	enum status status;

	authz_merkle_key(AUTHZ_HEAD_KIND, wallet, key);
	while (at < count && memcmp(receipts->entries[at].key, key, 32) != 0)
		at++;
	if (at == count)
		return STATUS_NOT_FOUND;
	memcpy(head.deployment, receipts->deployment, 32);
	memcpy(head.boot_record, receipts->boot_record, 32);
	head.sync = ++receipts->sync;
	head.wallet_count = count;
	authz_merkle_root(receipts->entries, count, head.root);
	status = authz_merkle_path(receipts->entries, count, at, &path_space, &path);
	if (status == STATUS_OK)
		status = authz_head_put(&head, signer_vault_deployment(receipts->vault), &encoded);
	if (status == STATUS_OK)
		status = put_item(out, AUTHZ_ITEM_HEAD, buffer_bytes(&encoded), bytes_of(NULL, 0));
	if (status == STATUS_OK)
		status = put_item(out, AUTHZ_ITEM_PATH, bytes_of(&path.fixed, sizeof(path.fixed)),
		                  path.siblings);
	return status;
}
