/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_export.h"

#include "base_check.h"
#include "signer_boot.h"
#include "signer_change.h"
#include "signer_decisions.h"
#include "signer_keep.h"
#include "signer_site.h"

/* A cursor of the API is the cursor of a blob, the number of an item in it, and on top which piece
 * of an item that is longer than an answer. */
#define ITEMS_BITS     16
#define PIECES_AT      60
#define BLOBS_PER_TURN 64  /* blobs without one of the wallet's receipts that are passed over */
#define TAG_FIRST      100 /* of reads, up to the decisions'; appends use the streams' */

#define ITEM_HEAD 5 /* kind and length */

/* An input, which is the longest: a ticket and a check request. */
_Static_assert((ITEM_HEAD + 32 + POLICY_REQUEST_MAX) / CALL_EXPORT_BODY_MAX < 16,
               "the number of a piece has four bits");

/* One more than may wait: for what is answered at once, the signer's state and refusals. */
enum { SPARE = SIGNER_EXPORTS_MAX, SLOTS };

enum export_step { EXPORT_FREE = 0, EXPORT_FIND, EXPORT_READ, EXPORT_READING, EXPORT_ANSWER };

struct export
{
	enum export_step step;
	struct call_export_request request;
	char name[LIMIT_NAME_MAX];
	uint8_t token[LIMIT_TOKEN_MAX], token_hash[32];
	uint64_t began_ms, cursor;
	uint64_t piece;   /* of the item at `cursor` */
	uint64_t tag;     /* of the read that is awaited: others are of exports that gave up */
	uint64_t read_to; /* the stream's next cursor when the last read was asked for */
	unsigned passed;
	uint8_t wallet[32], address[32], client[32];
	struct call_export_answer answer;
	uint8_t body[CALL_EXPORT_BODY_MAX];
	struct buffer out;
};

struct signer_export {
	struct signer *signer;
	struct export exports[SLOTS];
	size_t turn;        /* whose reads are asked for first */
	uint64_t tag_count; /* tags given to reads */
	struct buffer plain, message;
};

struct signer_export *signer_export_new(struct signer *signer)
{
	struct signer_export *exports = calloc(1, sizeof(*exports));

	CHECK(exports != NULL);
	exports->signer = signer;
	exports->plain = (struct buffer){malloc(SIGNER_BLOB_MAX), SIGNER_BLOB_MAX, 0};
	exports->message =
	    (struct buffer){malloc(CALL_BRIDGE_SLOT_BYTES), CALL_BRIDGE_SLOT_BYTES, 0};
	CHECK(exports->plain.data != NULL && exports->message.data != NULL);
	return exports;
}

static struct export *free_export(struct signer_export *exports)
{
	for (size_t i = 0; i < SIGNER_EXPORTS_MAX; i++)
		if (exports->exports[i].step == EXPORT_FREE)
			return &exports->exports[i];
	return NULL;
}

static void answer(struct export *export, enum call_result result)
{
	export->answer.result = result;
	export->step = EXPORT_ANSWER;
}

static void show_status(struct signer *signer, struct export *export)
{
	struct call_time time = {.state = 0};

	if (signer->unsealed)
		time = signer_boot_time(signer);
	export->answer.status = (struct call_export_status){
	    .boot = signer->boot,
	    .wallets = signer->totals.wallets,
	    .clients = signer->totals.clients,
	    .grants = signer->totals.grants,
	    .signatures = signer_sign_signed(signer->sign),
	    .refusals = signer_sign_refused(signer->sign),
	    .time = time,
	    .receipts_behind = signer_receipts_behind(signer->receipts),
	    .unsealed = signer->ready,
	    .frozen = signer->frozen,
	    .hardware = signer->facts != NULL && signer->facts->is_software == 0,
	    .interpreter = signer_interprets(signer)};
	answer(export, CALL_RESULT_DONE);
}

/* The wallet that is asked about, if this client has or had a grant for it. */
static enum status find_wallet(struct signer *signer, struct export *export,
                               const struct signer_client *client,
                               struct signer_wallet **ret_wallet)
{
	enum status status =
	    signer_sign_wallet(&signer->state, &export->request.wallet, ret_wallet);

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < (*ret_wallet)->record.grant_count; i++)
		if (memcmp((*ret_wallet)->record.grants[i].client, client->record.id, 32) == 0)
			return STATUS_OK;
	return STATUS_NOT_FOUND;
}

/* Fills in one grant; BUSY while it is being loaded. */
static enum status show_grant(struct signer *signer, const struct signer_wallet *wallet, size_t at,
                              struct call_export_answer *said)
{
	struct call_export_grant *row = &said->grants[said->grant_count];
	struct signer_grant *grant;
	uint64_t now = signer_time_read(&signer->time).low_s;
	enum status status =
	    signer_state_grant(&signer->state, wallet->record.grants[at].grant, &grant);

	if (status != STATUS_OK)
		return status;
	*row = (struct call_export_grant){.not_before = grant->record.not_before_s,
	                                  .expires = grant->record.expires_s,
	                                  .uses_left = UINT64_MAX,
	                                  .frozen = wallet->record.frozen};
	memcpy(row->grant, grant->record.id, 32);
	memcpy(row->module, grant->record.module, 32);
	if (grant->record.uses_max != 0) {
		size_t uses = grant->record.counter_count;

		row->uses_left = authz_counter_left(&grant->meter.rules[uses],
		                                    &grant->meter.lease.counters[uses], now);
	}
	said->grant_count++;
	return STATUS_OK;
}

/* What the wallet's user allows all its grants together; BUSY while that is being loaded. */
static enum status show_limits(struct signer *signer, const struct signer_wallet *wallet,
                               struct call_export_answer *said)
{
	uint64_t left[LIMIT_WALLET_LIMITS_MAX];
	enum status status = signer_state_limits_left(&signer->state, wallet, left);

	if (status != STATUS_OK)
		return status;
	said->limit_count = wallet->record.limit_count;
	for (size_t i = 0; i < said->limit_count; i++) {
		const struct authz_counter_rule *rule = &wallet->record.limits[i];
		struct call_export_limit *row = &said->limits[i];

		*row = (struct call_export_limit){.id = rule->id,
		                                  .unit = rule->unit,
		                                  .window = rule->window,
		                                  .cap = rule->cap,
		                                  .left = left[i]};
		memcpy(row->mint, rule->mint, sizeof(row->mint));
	}
	return STATUS_OK;
}

static void show_wallet(struct signer *signer, struct export *export,
                        const struct signer_client *client, struct signer_wallet *wallet)
{
	const struct authz_wallet_record *record = &wallet->record;
	struct call_export_answer *said = &export->answer;
	enum status status;

	said->grant_count = 0;
	memcpy(said->wallet_id, record->id, 32);
	memcpy(said->address, record->address, 32);
	memcpy(export->name, record->name, record->name_len);
	said->name = bytes_of(export->name, record->name_len);
	said->imported = record->origin == AUTHZ_ORIGIN_IMPORTED;
	said->frozen = record->frozen;
	said->version = record->version;
	said->exported = record->exported;
	said->pending_count = record->pending_count;
	for (size_t i = 0; i < record->pending_count; i++) {
		const struct authz_pending_entry *entry = &record->pending[i];

		said->pending[i] =
		    (struct call_export_pending){.action = entry->action,
		                                 .done = entry->done,
		                                 .opens = signer_pending_opens(signer, entry),
		                                 .until = entry->void_s};
		memcpy(said->pending[i].change, entry->change, 32);
	}
	status = show_limits(signer, wallet, said);
	if (status == STATUS_BUSY)
		return; /* this step is taken again */
	if (status != STATUS_OK) {
		answer(export, CALL_RESULT_STORE_CORRUPT);
		return;
	}
	for (size_t i = 0; i < record->grant_count; i++) {
		if (!record->grants[i].live || said->grant_count == CALL_EXPORT_GRANTS_MAX ||
		    memcmp(record->grants[i].client, client->record.id, 32) != 0)
			continue;
		status = show_grant(signer, wallet, i, said);
		if (status == STATUS_BUSY)
			return; /* this step is taken again */
		if (status != STATUS_OK) {
			answer(export, CALL_RESULT_STORE_CORRUPT);
			return;
		}
	}
	answer(export, CALL_RESULT_DONE);
}

/* The newest decisions are in memory; older ones, of earlier starts too, are looked for in the
 * stream, from its end back, for as long as a request may take. */
static void show_decision(struct signer *signer, struct export *export,
                          const struct signer_client *client)
{
	const struct signer_recent *recent =
	    signer_receipts_find(signer->receipts, export->request.key);
	uint64_t next = signer_receipts_next(signer->receipts);

	if (recent == NULL && next > 1) {
		memcpy(export->client, client->record.id, 32);
		export->cursor = (next - 1) << ITEMS_BITS;
		export->step = EXPORT_READ;
		return;
	}
	if (recent == NULL || memcmp(recent->client, client->record.id, 32) != 0) {
		answer(export, CALL_RESULT_NOT_FOUND);
		return;
	}
	CHECK(buffer_put(&export->out, signer_receipts_bytes(signer->receipts, recent)) ==
	      STATUS_OK);
	export->answer.body = buffer_bytes(&export->out);
	answer(export, CALL_RESULT_DONE);
}

/* A cursor of events: the boot, and the decision from which on it goes, from 1; 62 bits. */
#define EVENTS_BITS     40
#define EVENTS_BOOT_MAX ((UINT64_C(1) << 22) - 1)
#define EVENTS_LOOKED   1024 /* decisions of others that are passed over in one answer */

static uint64_t events_cursor(const struct signer *signer, uint64_t n)
{
	return (signer->boot & EVENTS_BOOT_MAX) << EVENTS_BITS | (n + 1);
}

/* `out` keeps the text: the memory that receipts are shown from is a ring. */
static void show_event(const struct authz_receipt *receipt, uint64_t cursor, struct buffer *out,
                       struct call_export_event *event)
{
	size_t at = out->len;

	*event = (struct call_export_event){.cursor = cursor,
	                                    .boot = receipt->boot,
	                                    .number = receipt->number,
	                                    .result = receipt->result,
	                                    .time_s = receipt->time_high_s};
	memcpy(event->decision, receipt->ticket, 32);
	memcpy(event->message_hash, receipt->message_hash, 32);
	if (receipt->has_facts)
		event->lamports_out = receipt->facts.lamports_out;
	if (receipt->tried_count == 0)
		return;
	memcpy(event->grant, receipt->tried[receipt->tried_count - 1].grant, 32);
	CHECK(buffer_put(out, receipt->tried[receipt->tried_count - 1].text) == STATUS_OK);
	event->text = bytes_of(out->data + at, out->len - at);
}

/* This client's decisions for this wallet since the cursor, as far as they are in memory. */
static void show_events(struct signer *signer, struct export *export,
                        const struct signer_client *client)
{
	static struct authz_receipt receipt;
	struct call_export_answer *said = &export->answer;
	uint64_t count = signer_receipts_count(signer->receipts);
	uint64_t from = export->request.cursor & ((UINT64_C(1) << EVENTS_BITS) - 1);
	uint64_t n = from - 1, looked = 0;

	if (export->request.cursor == 0) {
		n = count;
	} else if (export->request.cursor >> EVENTS_BITS != (signer->boot & EVENTS_BOOT_MAX) ||
	           from == 0 || n > count) {
		said->gap = true; /* of another boot */
		n = 0;
	}
	for (; n < count && said->event_count < CALL_EXPORT_EVENTS_MAX && looked < EVENTS_LOOKED;
	     n++, looked++) {
		const struct signer_recent *recent = signer_receipts_nth(signer->receipts, n);

		if (recent == NULL) {
			said->gap = true;
			n = count - n > SIGNER_RECENT_MAX ? count - SIGNER_RECENT_MAX - 1 : n;
			continue;
		}
		if (memcmp(recent->client, client->record.id, 32) != 0 ||
		    memcmp(recent->wallet, export->wallet, 32) != 0)
			continue;
		CHECK(authz_receipt_take(signer_receipts_bytes(signer->receipts, recent),
		                         &receipt) == STATUS_OK);
		show_event(&receipt, events_cursor(signer, n + 1), &export->out,
		           &said->events[said->event_count++]);
	}
	said->next_cursor = events_cursor(signer, n);
}

static void step_find(struct signer *signer, struct export *export)
{
	struct signer_client *client;
	struct signer_wallet *wallet;
	enum status status;

	if (export->request.topic == CALL_EXPORT_STATUS) {
		show_status(signer, export);
		return;
	}
	status =
	    signer_sign_credential(&signer->state, &signer->time, export->request.token, &client);
	if (status == STATUS_BUSY)
		return;
	if (status != STATUS_OK) {
		answer(export, status == STATUS_REFUSED ? CALL_RESULT_TOKEN_REFUSED
		                                        : CALL_RESULT_STORE_UNAVAILABLE);
		return;
	}
	export->answer.client_found = true;
	if (export->request.topic == CALL_EXPORT_DECISION) {
		show_decision(signer, export, client);
		return;
	}
	status = find_wallet(signer, export, client, &wallet);
	if (status == STATUS_BUSY)
		return;
	if (status != STATUS_OK) {
		answer(export, status == STATUS_NOT_FOUND ? CALL_RESULT_NOT_FOUND
		                                          : CALL_RESULT_STORE_UNAVAILABLE);
		return;
	}
	memcpy(export->wallet, wallet->record.id, 32);
	memcpy(export->address, wallet->record.address, 32);
	if (export->request.topic == CALL_EXPORT_WALLET ||
	    export->request.topic == CALL_EXPORT_EVENTS) {
		show_wallet(signer, export, client, wallet);
		if (export->request.topic == CALL_EXPORT_EVENTS && export->step == EXPORT_ANSWER &&
		    export->answer.result == CALL_RESULT_DONE)
			show_events(signer, export, client);
	} else
		export->step = EXPORT_READ;
}

/* ---- receipts ---- */

static uint32_t stream_of(const struct export *export)
{
	return export->request.topic == CALL_EXPORT_INPUTS ? CALL_STORE_STREAM_INPUTS
	                                                   : CALL_STORE_STREAM_RECEIPTS;
}

/* All that is kept was read: the signed head and this wallet's place in it end the export. */
static void end_receipts(struct signer *signer, struct export *export)
{
	enum status status = signer_receipts_ready(signer->receipts, export->wallet, 1, NULL);
	size_t start = export->out.len;

	if (status == STATUS_BUSY)
		return;
	if (export->request.topic == CALL_EXPORT_INPUTS) {
		export->answer.body = buffer_bytes(&export->out);
		answer(export, CALL_RESULT_DONE);
		return;
	}
	if (export->read_to != signer_receipts_next(signer->receipts)) {
		/* More became durable meanwhile; the head below would tell of it. */
		export->passed = 0;
		export->step = EXPORT_READ;
		return;
	}
	if (status == STATUS_OK)
		status = signer_receipts_head(signer->receipts, export->wallet,
		                              signer_time_read(&signer->time).high_s, &export->out);
	if (status == STATUS_TOO_LARGE) {
		/* No room behind the receipts: an answer of its own. */
		export->out.len = start;
		export->answer.next_cursor = export->cursor;
	}
	export->answer.body = buffer_bytes(&export->out);
	answer(export, CALL_RESULT_DONE);
}

/* An input is a ticket and a check request, which names the wallet's address. */
static bool is_input_of(struct bytes item, const uint8_t address[32])
{
	const size_t at = 32 + offsetof(struct policy_request, wallet);

	return item.len >= at + 32 && memcmp(item.data + at, address, 32) == 0;
}

/* Puts an item, or the piece of it that is due when no answer holds all of it; false: some of it is
 * left. */
static bool put_item(struct export *export, uint8_t kind, struct bytes item)
{
	struct buffer *out = &export->out;
	const uint32_t len = (uint32_t)item.len;
	uint8_t head[ITEM_HEAD] = {kind};
	const struct bytes parts[2] = {BYTES_OF_ARRAY(head), item};
	size_t left = ITEM_HEAD + item.len, skip = left > out->cap ? export->piece * out->cap : 0;

	memcpy(head + 1, &len, sizeof(len));
	/* One in pieces has its answers for itself. */
	if (left > out->cap - out->len && (left <= out->cap || out->len != 0))
		return false;
	for (size_t i = 0; i < 2; i++) {
		size_t from = skip < parts[i].len ? skip : parts[i].len;
		size_t put = parts[i].len - from;

		if (put > out->cap - out->len)
			put = out->cap - out->len;
		CHECK(buffer_put(out, bytes_of(parts[i].data + from, put)) == STATUS_OK);
		skip -= from;
		left -= from + put;
	}
	export->piece = left != 0 ? export->piece + 1 : 0;
	return left == 0;
}

/* Takes this wallet's receipts, and every boot record, out of a blob from item `first` on. Returns
 * the item at which the answer was full, or the count of items. */
static size_t pick_items(struct export *export, struct bytes plain, size_t first, bool *ret_full)
{
	static struct authz_receipt receipt;
	uint8_t kind;
	struct bytes item, left = plain;
	size_t at = 0;

	*ret_full = false;
	for (; authz_item_take(&left, &kind, &item); at++) {
		if (at < first)
			continue;
		if (kind == AUTHZ_ITEM_INPUT && !is_input_of(item, export->address))
			continue;
		if (kind == AUTHZ_ITEM_RECEIPT &&
		    (authz_receipt_take(item, &receipt) != STATUS_OK ||
		     memcmp(receipt.wallet, export->wallet, 32) != 0))
			continue;
		if (!put_item(export, kind, item)) {
			*ret_full = true;
			return at;
		}
	}
	return at;
}

/* Takes the newest receipt of the decision that is asked for out of a blob; false: not in it. */
static bool pick_decision(struct export *export, struct bytes plain)
{
	static struct authz_receipt receipt;
	const uint8_t *key = export->request.key;
	bool found = false;
	struct bytes item;
	uint8_t kind;

	while (authz_item_take(&plain, &kind, &item))
		if (kind == AUTHZ_ITEM_RECEIPT && authz_receipt_take(item, &receipt) == STATUS_OK &&
		    (memcmp(receipt.ticket, key, 32) == 0 ||
		     memcmp(receipt.message_hash, key, 32) == 0) &&
		    memcmp(receipt.client, export->client, 32) == 0 &&
		    item.len <= export->out.cap) {
			export->out.len = 0;
			CHECK(buffer_put(&export->out, item) == STATUS_OK);
			found = true;
		}
	return found;
}

/* The blob before this one is next, until the decision is found or no blob is left. */
static void take_decision_blob(struct export *export, uint64_t cursor, struct bytes plain)
{
	if (cursor != export->cursor >> ITEMS_BITS) {
		answer(export, CALL_RESULT_NOT_FOUND); /* older ones were deleted */
	} else if (pick_decision(export, plain)) {
		export->answer.body = buffer_bytes(&export->out);
		answer(export, CALL_RESULT_DONE);
	} else if (cursor <= 1) {
		answer(export, CALL_RESULT_NOT_FOUND);
	} else {
		export->cursor = (cursor - 1) << ITEMS_BITS;
		export->step = EXPORT_READ;
	}
}

static struct export *find_reading(struct signer_export *exports, uint64_t tag)
{
	for (size_t i = 0; i < SIGNER_EXPORTS_MAX; i++)
		if (exports->exports[i].step == EXPORT_READING && exports->exports[i].tag == tag)
			return &exports->exports[i];
	return NULL;
}

void signer_export_blob(struct signer_export *exports, uint64_t tag, enum status status,
                        const struct call_store_segment_state *state, struct bytes blob)
{
	struct export *export = find_reading(exports, tag);
	bool full;
	size_t at;

	if (export == NULL)
		return;
	if (status == STATUS_NOT_FOUND && export->request.topic == CALL_EXPORT_DECISION) {
		answer(export, CALL_RESULT_NOT_FOUND);
		return;
	}
	if (status == STATUS_NOT_FOUND) {
		export->step = EXPORT_READ;
		export->passed = UINT32_MAX; /* the end */
		return;
	}
	exports->plain.len = 0;
	if (status != STATUS_OK ||
	    signer_receipts_open(exports->signer->receipts, stream_of(export), blob,
	                         &exports->plain) != STATUS_OK) {
		answer(export, status == STATUS_IO ? CALL_RESULT_STORE_UNAVAILABLE
		                                   : CALL_RESULT_STORE_CORRUPT);
		return;
	}
	if (export->request.topic == CALL_EXPORT_DECISION) {
		take_decision_blob(export, state->cursor, buffer_bytes(&exports->plain));
		return;
	}
	if (state->cursor != export->cursor >> ITEMS_BITS) {
		export->cursor = state->cursor << ITEMS_BITS; /* older blobs were deleted */
		export->piece = 0;
	}
	at = pick_items(export, buffer_bytes(&exports->plain),
	                export->cursor & ((1u << ITEMS_BITS) - 1), &full);
	if (full || ++export->passed == BLOBS_PER_TURN) {
		export->answer.next_cursor =
		    full ? export->piece << PIECES_AT | ((state->cursor << ITEMS_BITS) + at)
		         : (state->cursor + 1) << ITEMS_BITS;
		export->answer.body = buffer_bytes(&export->out);
		answer(export, CALL_RESULT_DONE);
		return;
	}
	export->cursor = (state->cursor + 1) << ITEMS_BITS;
	export->step = EXPORT_READ;
}

/* Receipts of a boot whose record was deleted with its blob need that record; BUSY while it is
 * being loaded. */
static enum status begin_receipts(struct signer *signer, struct export *export)
{
	uint8_t id[32] = {SIGNER_META_LAST_BOOT}, head[5] = {AUTHZ_ITEM_BOOT};
	struct signer_blob *boot;
	enum status status = signer_state_meta(&signer->state, id, &boot);
	uint32_t len;

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	len = (uint32_t)boot->len;
	memcpy(head + 1, &len, sizeof(len));
	status = buffer_put(&export->out, BYTES_OF_ARRAY(head));
	return status == STATUS_OK ? buffer_put(&export->out, bytes_of(boot->bytes, boot->len))
	                           : status;
}

static void step_read(struct signer_export *exports, struct export *export)
{
	uint64_t tag = TAG_FIRST + exports->tag_count % (SIGNER_DECISIONS_TAG - TAG_FIRST);

	if (export->request.topic == CALL_EXPORT_RECEIPTS && export->cursor == 0 &&
	    export->passed == 0 && export->out.len == 0) {
		enum status status = begin_receipts(exports->signer, export);

		if (status == STATUS_BUSY)
			return;
		if (status != STATUS_OK) {
			answer(export, CALL_RESULT_STORE_CORRUPT);
			return;
		}
	}

	if (export->passed == UINT32_MAX) {
		end_receipts(exports->signer, export);
		return;
	}
	if (signer_store_segment(exports->signer->store, CALL_STORE_SEGMENT_READ, stream_of(export),
	                         export->cursor >> ITEMS_BITS, tag) != STATUS_OK)
		return;
	export->step = EXPORT_READING;
	export->tag = tag;
	exports->tag_count++;
	exports->turn = (size_t)(export - exports->exports + 1) % SLOTS; /* all read in turn */
	export->read_to = signer_receipts_next(exports->signer->receipts);
}

static void send_answer(struct signer_export *exports, struct export *export)
{
	exports->message.len = 0;
	CHECK(call_export_put_answer(&export->answer, &exports->message) == STATUS_OK);
	if (ipc_put(exports->signer->bridge, CALL_BRIDGE_EXPORT_ANSWER,
	            buffer_bytes(&exports->message)) != STATUS_BUSY)
		export->step = EXPORT_FREE;
}

/* ---- taking a request ---- */

bool signer_export_has_room(const struct signer_export *exports)
{
	return exports->exports[SPARE].step == EXPORT_FREE;
}

static size_t count_of(const struct signer_export *exports, const uint8_t token_hash[32])
{
	size_t count = 0;

	for (size_t i = 0; i < SIGNER_EXPORTS_MAX; i++)
		count += exports->exports[i].step != EXPORT_FREE &&
		         memcmp(exports->exports[i].token_hash, token_hash, 32) == 0;
	return count;
}

/* Of those that read the store, the longest there of who has most: it ends, with a page as far as
 * it came, where it is read in pages, or is told to come again. NULL: none has more than `own`
 * places and had this one for long enough. */
static struct export *give_way(struct signer_export *exports, size_t own)
{
	struct export *longest = NULL;
	size_t most = own;
	uint64_t reached;

	for (size_t i = 0; i < SIGNER_EXPORTS_MAX; i++) {
		struct export *export = &exports->exports[i];
		size_t count = count_of(exports, export->token_hash);

		if ((export->step != EXPORT_READ && export->step != EXPORT_READING) ||
		    exports->signer->now_ms - export->began_ms < SIGNER_EXPORT_GIVES_WAY_MS ||
		    count < most || count == own)
			continue;
		if (longest == NULL || count > most || export->began_ms < longest->began_ms)
			longest = export;
		most = count;
	}
	if (longest == NULL)
		return NULL;
	reached = longest->piece << PIECES_AT | longest->cursor;
	if (longest->request.topic != CALL_EXPORT_DECISION && reached != longest->request.cursor) {
		longest->answer.next_cursor = reached;
		longest->answer.body = buffer_bytes(&longest->out);
		answer(longest, CALL_RESULT_DONE);
	} else {
		answer(longest, CALL_RESULT_OVERLOADED);
	}
	send_answer(exports, longest);
	return longest->step == EXPORT_FREE ? longest : NULL;
}

static void begin(struct export *export, const struct call_export_request *request,
                  const uint8_t token_hash[32], uint64_t now_ms)
{
	export->request = *request;
	if (request->token.len != 0)
		memcpy(export->token, request->token.data, request->token.len);
	export->request.token.data = export->token;
	memcpy(export->token_hash, token_hash, 32);
	if (request->wallet.name.len != 0)
		memcpy(export->name, request->wallet.name.data, request->wallet.name.len);
	export->request.wallet.name.data = (const uint8_t *)export->name;
	export->answer = (struct call_export_answer){.request = request->request};
	export->out = BUFFER_OF_ARRAY(export->body);
	export->cursor = request->cursor & ((UINT64_C(1) << PIECES_AT) - 1);
	export->piece = request->cursor >> PIECES_AT;
	export->passed = 0;
	export->began_ms = now_ms;
	export->step = EXPORT_FIND;
}

enum status signer_export_request(struct signer_export *exports, struct bytes message)
{
	struct export *export = free_export(exports);
	enum call_result refused = CALL_RESULT_DONE;
	struct call_export_request request;
	uint8_t token_hash[32];
	size_t own;

	if (!signer_export_has_room(exports))
		return STATUS_BUSY;
	if (call_export_take_request(message, &request) != STATUS_OK)
		return STATUS_MALFORMED;
	keys_sha256(&request.token, 1, token_hash);
	if (request.topic != CALL_EXPORT_STATUS) {
		own = count_of(exports, token_hash);
		if (export == NULL && own < SIGNER_EXPORTS_EACH)
			export = give_way(exports, own);
		if (own >= SIGNER_EXPORTS_EACH)
			refused = CALL_RESULT_SHARE_SPENT;
		else if (export == NULL)
			refused = CALL_RESULT_OVERLOADED;
	}
	if (refused != CALL_RESULT_DONE || request.topic == CALL_EXPORT_STATUS)
		export = &exports->exports[SPARE];
	begin(export, &request, token_hash, exports->signer->now_ms);
	if (refused != CALL_RESULT_DONE)
		answer(export, refused);
	else
		step_find(exports->signer, export);
	if (export->step == EXPORT_ANSWER)
		send_answer(exports, export); /* most wait for nothing, and take no place */
	return STATUS_OK;
}

void signer_export_pump(struct signer_export *exports)
{
	size_t first = exports->turn;

	for (size_t i = 0; i < SLOTS; i++) {
		struct export *export = &exports->exports[(first + i) % SLOTS];

		if (export->step != EXPORT_FREE && export->step != EXPORT_ANSWER &&
		    exports->signer->now_ms - export->began_ms > SIGNER_DEADLINE_MS)
			answer(export, CALL_RESULT_STORE_UNAVAILABLE);
		if (export->step == EXPORT_FIND)
			step_find(exports->signer, export);
		if (export->step == EXPORT_READ)
			step_read(exports, export);
		if (export->step == EXPORT_ANSWER)
			send_answer(exports, export);
	}
}

bool signer_export_waits(const struct signer_export *exports)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (exports->exports[i].step != EXPORT_FREE)
			return true;
	return false;
}

void signer_export_drop_bridge(struct signer_export *exports)
{
	for (size_t i = 0; i < SLOTS; i++)
		exports->exports[i].step = EXPORT_FREE;
}
