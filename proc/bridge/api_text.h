/* api_text: writes JSON into a buffer. Errors stick: after the first piece that does not fit
 * nothing more is written and text_end says so. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_TEXT_H
#define API_TEXT_H

#include "base_bytes.h"

struct api_text {
	struct buffer *out;
	bool failed;
};

/* text_begin starts writing at the end of `out`. */
struct api_text text_begin(struct buffer *out);

/* text_put appends literal JSON as it stands. */
void text_put(struct api_text *text, const char *literal);
/* text_put_string appends a quoted string; control characters are escaped, what is not UTF-8
 * becomes '?'. */
void text_put_string(struct api_text *text, struct bytes string);
/* text_put_u64 appends decimal digits without quotes; text_put_u64_string with quotes, the form of
 * every u64 in our JSON, since readers lose precision over 2^53. */
void text_put_u64(struct api_text *text, uint64_t number);
void text_put_u64_string(struct api_text *text, uint64_t number);
void text_put_bool(struct api_text *text, bool value);
/* text_put_hex, _base64 and _base58 append a quoted string of that encoding. */
void text_put_hex(struct api_text *text, struct bytes bytes);
void text_put_base64(struct api_text *text, struct bytes bytes);
void text_put_base58(struct api_text *text, struct bytes bytes);
/* text_put_base64_bare appends base64 without quotes. */
void text_put_base64_bare(struct api_text *text, struct bytes bytes);

/* text_end returns STATUS_TOO_LARGE when something did not fit. */
MUST_USE enum status text_end(const struct api_text *text);

#endif
