/* signer_decisions: what a wallet's owner reads of its decisions, newest first and page by page:
 * the latest ones from memory, older ones and those of earlier starts from the stream of receipts,
 * from its end back (AUTHZ_QUERY_DECISIONS). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_decisions.h"

#include "base_check.h"

#define BLOBS_PER_PAGE 16 /* looked through for one answer, found or not */

/* Where a page begins: blob `blob` of the stream, and of this wallet's receipts those before
 * {boot, number}. */
struct place {
	uint64_t blob, boot, number;
};

struct signer_decisions {
	struct buffer plain;
	uint64_t tag; /* of the read that is awaited */
	bool done;
	enum status status;
	uint64_t cursor; /* of the blob that came */
};

struct signer_decisions *signer_decisions_new(void)
{
	struct signer_decisions *decisions = calloc(1, sizeof(*decisions));

	CHECK(decisions != NULL);
	decisions->plain = (struct buffer){malloc(SIGNER_BLOB_MAX), SIGNER_BLOB_MAX, 0};
	CHECK(decisions->plain.data != NULL);
	decisions->tag = SIGNER_DECISIONS_TAG;
	return decisions;
}

void signer_decisions_blob(struct signer *signer, uint64_t tag, enum status status,
                           const struct call_store_segment_state *state, struct bytes blob)
{
	struct signer_decisions *decisions = signer->decisions;

	if (tag != decisions->tag || decisions->done)
		return; /* of a question that gave up */
	decisions->done = true;
	decisions->plain.len = 0;
	decisions->status = status;
	if (status != STATUS_OK)
		return;
	decisions->cursor = state->cursor;
	decisions->status = signer_receipts_open(signer->receipts, CALL_STORE_STREAM_RECEIPTS, blob,
	                                         &decisions->plain);
}

static enum status read_blob(struct signer_change *job, uint64_t cursor)
{
	struct signer *signer = job->signer;
	struct signer_decisions *decisions = signer->decisions;

	decisions->tag++;
	decisions->done = false;
	while (signer_store_segment(signer->store, CALL_STORE_SEGMENT_READ,
	                            CALL_STORE_STREAM_RECEIPTS, cursor,
	                            decisions->tag) != STATUS_OK)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	while (!decisions->done)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (decisions->status == STATUS_OK || decisions->status == STATUS_NOT_FOUND)
		return decisions->status;
	return signer_refuse(job,
	                     decisions->status == STATUS_IO ? CALL_RESULT_STORE_UNAVAILABLE
	                                                    : CALL_RESULT_STORE_CORRUPT,
	                     "older receipts cannot be read");
}

/* ---- one page ---- */

struct page {
	struct authz_decisions_answer answer;
	size_t room;
	struct place place; /* where the next one begins */
};

/* Keeps a receipt: the memory that it is shown from is used again. False: the page is full. */
static bool add(struct signer_change *job, struct page *page, struct bytes receipt, uint64_t boot,
                uint64_t number)
{
	size_t at = job->texts.len;

	if (page->answer.count == AUTHZ_DECISIONS_MAX || receipt.len > page->room ||
	    buffer_put(&job->texts, receipt) != STATUS_OK)
		return false;
	page->room -= receipt.len;
	page->answer.receipts[page->answer.count++] = bytes_of(job->texts.data + at, receipt.len);
	page->place.boot = boot;
	page->place.number = number;
	return true;
}

static bool is_before(const struct authz_receipt *receipt, const struct place *place)
{
	return receipt->boot < place->boot ||
	       (receipt->boot == place->boot && receipt->number < place->number);
}

/* Of the blob that was read this wallet's receipts before the page's place, newest first; false
 * when the page was full before the blob's end. */
static bool add_blob(struct signer_change *job, struct page *page, const uint8_t wallet[32])
{
	static struct authz_receipt receipt;
	struct {
		struct bytes bytes;
		uint64_t boot, number;
	} last[AUTHZ_DECISIONS_MAX];
	const struct place from = page->place;
	struct bytes left = buffer_bytes(&job->signer->decisions->plain), item;
	size_t count = 0, taken = 0;
	uint8_t kind;

	while (authz_item_take(&left, &kind, &item)) {
		if (kind != AUTHZ_ITEM_RECEIPT || authz_receipt_take(item, &receipt) != STATUS_OK ||
		    memcmp(receipt.wallet, wallet, 32) != 0 || !is_before(&receipt, &from))
			continue;
		last[count % AUTHZ_DECISIONS_MAX].bytes = item;
		last[count % AUTHZ_DECISIONS_MAX].boot = receipt.boot;
		last[count % AUTHZ_DECISIONS_MAX].number = receipt.number;
		count++;
	}
	for (; taken < count && taken < AUTHZ_DECISIONS_MAX; taken++) {
		size_t at = (count - 1 - taken) % AUTHZ_DECISIONS_MAX;

		if (!add(job, page, last[at].bytes, last[at].boot, last[at].number))
			return false;
	}
	return taken == count;
}

/* `*ret_more`: older ones may be there. */
static enum status from_stream(struct signer_change *job, struct page *page,
                               const uint8_t wallet[32], bool *ret_more)
{
	const struct signer_decisions *decisions = job->signer->decisions;
	enum status status;

	*ret_more = false;
	for (size_t i = 0; page->place.blob != 0; i++) {
		*ret_more = true;
		if (i == BLOBS_PER_PAGE)
			return STATUS_OK;
		status = read_blob(job, page->place.blob);
		*ret_more = false;
		/* What is older was deleted: then the oldest that is left comes. */
		if (status == STATUS_NOT_FOUND ||
		    (status == STATUS_OK && decisions->cursor != page->place.blob))
			return STATUS_OK;
		if (status != STATUS_OK)
			return status;
		if (!add_blob(job, page, wallet)) {
			*ret_more = true;
			return STATUS_OK;
		}
		page->place.blob--;
	}
	return STATUS_OK;
}

/* Those that are in memory: the latest ones are in no blob yet. False when the page was full before
 * their end. `*ret_first`: the wallet's very first one is among them, and nothing behind it. */
static bool from_memory(struct signer_change *job, struct page *page, const uint8_t wallet[32],
                        bool *ret_first)
{
	static const uint8_t none[32];
	static struct authz_receipt receipt;
	const struct signer_receipts *receipts = job->signer->receipts;
	const struct signer_recent *recent;

	*ret_first = false;
	for (uint64_t n = signer_receipts_count(receipts);
	     n > 0 && (recent = signer_receipts_nth(receipts, n - 1)) != NULL; n--) {
		if (memcmp(recent->wallet, wallet, 32) != 0)
			continue;
		CHECK(authz_receipt_take(signer_receipts_bytes(receipts, recent), &receipt) ==
		      STATUS_OK);
		if (!is_before(&receipt, &page->place))
			continue;
		if (!add(job, page, signer_receipts_bytes(receipts, recent), receipt.boot,
		         receipt.number))
			return false;
		*ret_first = receipt.number == 1 && memcmp(receipt.previous, none, 32) == 0;
	}
	return true;
}

/* A place is three numbers of 8 bytes, big-endian, and zeros. */
static void put_place(const struct place *place, uint8_t ret_after[32])
{
	const uint64_t numbers[3] = {place->blob, place->boot, place->number};

	memset(ret_after, 0, 32);
	for (size_t i = 0; i < 24; i++)
		ret_after[i] = (uint8_t)(numbers[i / 8] >> (56 - 8 * (i % 8)));
}

static void take_place(const uint8_t after[32], struct place *ret_place)
{
	uint64_t numbers[3] = {0};

	for (size_t i = 0; i < 24; i++)
		numbers[i / 8] = numbers[i / 8] << 8 | after[i];
	*ret_place = (struct place){numbers[0], numbers[1], numbers[2]};
}

enum status signer_decisions_query(struct signer_change *job, const struct authz_query *query)
{
	static const uint8_t newest[32];
	struct page page = {
	    .room = AUTHZ_DECISIONS_BYTES_MAX, .place = {UINT64_MAX, UINT64_MAX, UINT64_MAX}
        };
	uint64_t last = signer_receipts_next(job->signer->receipts) - 1;
	bool begins = memcmp(query->after, newest, 32) == 0, first = false;
	enum status status = STATUS_OK;

	job->texts.len = 0;
	if (!begins)
		take_place(query->after, &page.place);
	if (page.place.blob > last)
		page.place.blob = last;
	if (!from_memory(job, &page, query->target, &first))
		page.answer.more = true;
	else if (!first && begins) /* the first page reads no disk */
		page.answer.more = last != 0;
	else if (!first)
		status = from_stream(job, &page, query->target, &page.answer.more);
	if (status != STATUS_OK)
		return status;
	put_place(&page.place, page.answer.older);
	return authz_decisions_answer_put(&page.answer, &job->answer);
}
