/* call_field: fields that several messages of lib/call share; for lib/call's own files only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_FIELD_H
#define CALL_FIELD_H

#include "call_sign.h"
#include "wire_reader.h"
#include "wire_writer.h"

void call_put_wallet(struct wire_writer *writer, const struct call_wallet *wallet);
/* call_take_wallet takes a wallet reference; kind 0 (none) only when `may_be_none`. */
void call_take_wallet(struct wire_reader *reader, bool may_be_none, struct call_wallet *ret_wallet);

/* call_take_result takes a number of the list; fails the reader for another. */
enum call_result call_take_result(struct wire_reader *reader);

/* call_take_count takes a u32 of at most `max`; 0 after a failure, so that loops end. */
size_t call_take_count(struct wire_reader *reader, size_t max);

/* call_finish ends a put: on failure the buffer is as long as it was at `begin`. */
MUST_USE enum status call_finish(struct buffer *message, size_t begin,
                                 const struct wire_writer *writer);

#endif
