/* Beacons of before (GET /api/v1/evidence/beacons). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_sha256.h"

const struct api_archived *api_archive_nth(const struct api_archive *archive, size_t n)
{
	return n < archive->count ? &archive->rows[(archive->first + n) % API_ARCHIVE_ROWS] : NULL;
}

static void drop_oldest(struct api_archive *archive)
{
	archive->first = (archive->first + 1) % API_ARCHIVE_ROWS;
	archive->count--;
}

/* Whether the oldest one lies, in part, where `len` bytes from `at` on are to go. */
static bool is_in_the_way(const struct api_archive *archive, size_t at, size_t len)
{
	const struct api_archived *oldest = api_archive_nth(archive, 0);

	return oldest != NULL && oldest->at < at + len && at < oldest->at + oldest->len;
}

void api_archive_add(struct api_archive *archive, const struct api_beacon *beacon,
                     struct bytes evidence, uint64_t now_s)
{
	const struct api_archived *last = api_archive_nth(archive, archive->count - 1);
	uint8_t both[64] = {0};
	struct api_archived *row;

	CHECK(evidence.len <= API_ARCHIVE_BYTES);
	/* The same value quoted again says nothing new about its age. */
	if (archive->count != 0 &&
	    bytes_equal(bytes_of(last->source, last->source_len),
	                bytes_of(beacon->source, beacon->source_len)) &&
	    bytes_equal(bytes_of(last->value, last->value_len),
	                bytes_of(beacon->value, beacon->value_len)))
		return;
	if (archive->count != 0)
		memcpy(both, last->chain, 32);
	if (evidence.len > API_ARCHIVE_BYTES - archive->next) {
		/* What lies behind goes before what is written over at the beginning. */
		while (archive->count != 0 && api_archive_nth(archive, 0)->at >= archive->next)
			drop_oldest(archive);
		archive->next = 0;
	}
	while (archive->count == API_ARCHIVE_ROWS ||
	       is_in_the_way(archive, archive->next, evidence.len))
		drop_oldest(archive);
	row = &archive->rows[(archive->first + archive->count++) % API_ARCHIVE_ROWS];
	*row = (struct api_archived){.at_s = now_s,
	                             .at = archive->next,
	                             .len = evidence.len,
	                             .source_len = beacon->source_len,
	                             .value_len = beacon->value_len};
	memcpy(row->source, beacon->source, beacon->source_len);
	memcpy(row->value, beacon->value, beacon->value_len);
	memcpy(archive->bytes + row->at, evidence.data, evidence.len);
	archive->next += evidence.len;
	sha256_of(evidence, row->hash);
	memcpy(both + 32, row->hash, 32);
	sha256_of(BYTES_OF_ARRAY(both), row->chain);
}

const struct api_archived *api_archive_find(const struct api_archive *archive, uint64_t at_s)
{
	for (size_t n = archive->count; n > 0; n--)
		if (api_archive_nth(archive, n - 1)->at_s <= at_s)
			return api_archive_nth(archive, n - 1);
	return NULL;
}

/* ---- what is shown ---- */

/* The query is one name and its number, and nothing else. */
static bool take_seconds(struct bytes query, const char *name, uint64_t *ret_seconds)
{
	struct bytes text = http_query_value(query, name);
	uint64_t seconds = 0;

	if (text.len == 0 || text.len > 12 || memchr(query.data, '&', query.len) != NULL)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		seconds = seconds * 10 + (uint64_t)(text.data[i] - '0');
	}
	*ret_seconds = seconds;
	return true;
}

static void put_row(struct api_text *text, const struct api_archived *row)
{
	text_put(text, "{\"at\":");
	text_put_u64_string(text, row->at_s);
	text_put(text, ",\"source\":");
	text_put_string(text, bytes_of(row->source, row->source_len));
	text_put(text, ",\"value\":");
	text_put_string(text, bytes_of(row->value, row->value_len));
	text_put(text, ",\"sha256\":");
	text_put_hex(text, BYTES_OF_ARRAY(row->hash));
	text_put(text, ",\"chain\":");
	text_put_hex(text, BYTES_OF_ARRAY(row->chain));
	text_put(text, "}");
}

void api_begin_beacons(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes query = http_request_query(&exchange->http);
	const struct api_archived *row;
	struct api_text text;
	uint64_t from = 0;
	size_t n = 0, shown = 0;

	if (query.len != 0 && !take_seconds(query, "from", &from)) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "?from= seconds since 1970, and nothing else");
		return;
	}
	while ((row = api_archive_nth(&context->archive, n)) != NULL && row->at_s < from)
		n++;
	text = api_body_begin(exchange);
	text_put(&text, "{\"beacons\":[");
	for (; (row = api_archive_nth(&context->archive, n)) != NULL && shown < API_ARCHIVE_SHOWN;
	     n++, shown++) {
		if (shown != 0)
			text_put(&text, ",");
		put_row(&text, row);
	}
	/* Ask again from there: rows of one second come together. */
	text_put(&text, "],\"next\":");
	if (row == NULL)
		text_put(&text, "null");
	else
		text_put_u64_string(&text, row->at_s);
	text_put(&text, "}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

bool api_take_beacon_time(struct api_exchange *exchange, struct api_context *context,
                          struct bytes *ret_evidence)
{
	struct bytes query = http_request_query(&exchange->http);
	const struct api_archived *row;
	uint64_t at_s = 0;

	if (!take_seconds(query, "at", &at_s)) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "?at= seconds since 1970, and nothing else");
		return false;
	}
	row = api_archive_find(&context->archive, at_s);
	if (row == NULL) {
		api_refuse(exchange, context, CALL_RESULT_NOT_FOUND,
		           "no beacon of that time or before is kept here (any more)");
		return false;
	}
	*ret_evidence = bytes_of(context->archive.bytes + row->at, row->len);
	return true;
}
