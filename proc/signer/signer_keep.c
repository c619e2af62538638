/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_keep.h"

#include "base_check.h"
#include "log_line.h"

#define DAY_S        UINT64_C(86400)
#define INPUTS_PARTS 8 /* of replay inputs an eighth goes at once */

enum keep_step {
	KEEP_IDLE = 0,
	KEEP_READ, /* the oldest blob of receipts */
	KEEP_BOOT, /* its boot record into the map */
	KEEP_BOOT_DURABLE,
	KEEP_MARK, /* told as exported, then deleted */
	KEEP_DELETE,
	KEEP_WAIT, /* for the store's answer to what `asked` says */
};

struct signer_keep {
	struct signer *signer;
	enum keep_step step, asked;
	uint64_t inputs_mb_max, receipts_days;
	uint64_t before_s;   /* receipts older than this go; 0: none are asked for */
	uint64_t looked_ms;  /* when the age was looked at; 0: never */
	uint64_t cursor;     /* of the blob that goes */
	uint64_t batch;      /* that makes its boot record durable */
	uint64_t inputs_cut; /* replay inputs before this cursor go; 0: none */
	bool cutting;        /* and the store was asked */
	uint64_t deleted;    /* blobs of receipts, of one round */
	struct buffer plain; /* a blob */
	struct bytes boot;   /* the last boot record in it */
};

struct signer_keep *signer_keep_new(struct signer *signer)
{
	struct signer_keep *keep = calloc(1, sizeof(*keep));
	uint8_t *space = malloc(SIGNER_BLOB_MAX);

	CHECK(keep != NULL && space != NULL);
	keep->signer = signer;
	keep->plain = (struct buffer){space, SIGNER_BLOB_MAX, 0};
	if (proc_setting_number(signer->proc, "inputs_keep_mb", 1024, 1u << 30,
	                        &keep->inputs_mb_max) != STATUS_OK ||
	    proc_setting_number(signer->proc, "receipts_keep_days", 0, 36500,
	                        &keep->receipts_days) != STATUS_OK)
		return NULL;
	return keep;
}

void signer_keep_trim(struct signer_keep *keep, uint64_t before_s)
{
	if (keep->before_s < before_s)
		keep->before_s = before_s;
}

bool signer_keep_is_done(const struct signer_keep *keep)
{
	return keep->before_s == 0 && keep->step == KEEP_IDLE;
}

static void finish(struct signer_keep *keep)
{
	struct log_line line;

	if (keep->deleted != 0) {
		log_begin(&line, LOG_INFO, "receipts.deleted");
		log_number(&line, "blobs", (int64_t)keep->deleted);
		log_end(&line);
	}
	keep->deleted = 0;
	keep->before_s = 0;
	keep->step = KEEP_IDLE;
}

/* ---- replay inputs ---- */

void signer_keep_appended(struct signer_keep *keep, const struct call_store_segment_state *state)
{
	if (state->stream != CALL_STORE_STREAM_INPUTS || keep->inputs_cut != 0 ||
	    state->mib <= keep->inputs_mb_max)
		return;
	keep->inputs_cut = state->first + (state->next - state->first) / INPUTS_PARTS + 1;
}

/* ---- receipts ---- */

/* The time of the newest receipt in the blob, 0 when it has none; and its last boot record. */
static uint64_t newest_of(struct signer_keep *keep)
{
	static struct authz_receipt receipt;
	struct bytes left = buffer_bytes(&keep->plain), item;
	uint64_t newest_s = 0;
	uint8_t kind;

	keep->boot = bytes_of(NULL, 0);
	while (authz_item_take(&left, &kind, &item)) {
		if (kind == AUTHZ_ITEM_BOOT)
			keep->boot = item;
		if (kind == AUTHZ_ITEM_RECEIPT && authz_receipt_take(item, &receipt) == STATUS_OK &&
		    receipt.time_high_s > newest_s)
			newest_s = receipt.time_high_s;
	}
	return newest_s;
}

static void take_blob(struct signer_keep *keep, enum status status,
                      const struct call_store_segment_state *state, struct bytes blob)
{
	uint64_t from = signer_receipts_from(keep->signer->receipts, 0);

	keep->plain.len = 0;
	/* What a start reads again stays, and so does what cannot be read: that is for a person. */
	if (status != STATUS_OK || state->cursor + 1 > from ||
	    signer_receipts_open(keep->signer->receipts, CALL_STORE_STREAM_RECEIPTS, blob,
	                         &keep->plain) != STATUS_OK ||
	    newest_of(keep) >= keep->before_s) {
		finish(keep);
		return;
	}
	keep->cursor = state->cursor + 1;
	keep->step = keep->boot.len != 0 ? KEEP_BOOT : KEEP_MARK;
}

void signer_keep_segment(struct signer_keep *keep, enum status status,
                         const struct call_store_segment_state *state, struct bytes blob)
{
	if (keep->cutting) {
		keep->cutting = false;
		keep->inputs_cut = 0; /* when it failed, the next append asks again */
		return;
	}
	if (keep->step != KEEP_WAIT)
		return;
	if (keep->asked == KEEP_READ) {
		take_blob(keep, status, state, blob);
	} else if (status != STATUS_OK) {
		finish(keep);
	} else if (keep->asked == KEEP_MARK) {
		keep->step = KEEP_DELETE;
	} else {
		keep->deleted++;
		keep->step = KEEP_READ;
	}
}

static void ask(struct signer_keep *keep, uint32_t kind, uint64_t cursor)
{
	enum keep_step asked = keep->step;

	if (signer_store_segment(keep->signer->store, kind, CALL_STORE_STREAM_RECEIPTS, cursor,
	                         SIGNER_KEEP_TAG) != STATUS_OK)
		return;
	keep->asked = asked;
	keep->step = KEEP_WAIT;
}

static void put_boot(struct signer_keep *keep)
{
	struct signer_state *state = &keep->signer->state;
	uint8_t id[32] = {SIGNER_META_LAST_BOOT};

	if (!signer_store_room(state->store, 1, SIGNER_RECORD_ROOM(keep->boot.len)))
		return;
	keep->batch = signer_state_put(state, CALL_STORE_VALUE_META, id, keep->boot);
	signer_store_need(state->store, SIGNER_NEED_CHANGE, NULL);
	keep->step = KEEP_BOOT_DURABLE;
}

/* Once an hour, and at the first look, what the site's rule lets go. */
static void look_at_age(struct signer_keep *keep)
{
	uint64_t now_s = signer_time_read(&keep->signer->time).low_s;

	if (keep->receipts_days == 0 || keep->receipts_days * DAY_S > now_s ||
	    (keep->looked_ms != 0 && keep->signer->now_ms - keep->looked_ms < SIGNER_KEEP_LOOK_MS))
		return;
	keep->looked_ms = keep->signer->now_ms;
	signer_keep_trim(keep, now_s - keep->receipts_days * DAY_S);
}

void signer_keep_pump(struct signer_keep *keep)
{
	/* One request at a time, of either stream. */
	if (keep->inputs_cut != 0 && !keep->cutting && keep->step != KEEP_WAIT)
		keep->cutting = signer_store_segment(keep->signer->store, CALL_STORE_SEGMENT_DELETE,
		                                     CALL_STORE_STREAM_INPUTS, keep->inputs_cut,
		                                     SIGNER_KEEP_TAG) == STATUS_OK;
	if (keep->cutting)
		return;
	switch (keep->step) {
	case KEEP_IDLE:
		look_at_age(keep);
		if (keep->before_s != 0)
			keep->step = KEEP_READ;
		break;
	case KEEP_READ:
		ask(keep, CALL_STORE_SEGMENT_READ, 0);
		break;
	case KEEP_BOOT:
		put_boot(keep);
		break;
	case KEEP_BOOT_DURABLE:
		if (signer_store_bound(keep->signer->store) < keep->batch)
			break;
		keep->step = KEEP_MARK;
		break;
	case KEEP_MARK:
		ask(keep, CALL_STORE_SEGMENT_EXPORTED, keep->cursor);
		break;
	case KEEP_DELETE:
		ask(keep, CALL_STORE_SEGMENT_DELETE, keep->cursor);
		break;
	case KEEP_WAIT:
		break;
	}
}
