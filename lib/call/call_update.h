/* call_update: how the next image reaches the appliance's boot disk (docs/upgrade.md).
 *
 *   signer -> updater   STARTED: what runs is unsealed and serves; at the start, and again to each
 *                       new updater
 *                       BEGIN:   an operator's order: hashes of an image's pieces
 *                       PIECE:   one of them, whoever sent it
 *                       VERDICT: whether the image that is there may be the next start
 *   updater -> signer   STATUS:  whenever it changes
 *
 * The updater checks pieces by their hashes, works out what firmware will measure, and decides
 * nothing: floors and approvals are judged by the attestor, orders by the signer. Fixed layout,
 * little-endian; payloads follow their struct. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_UPDATE_H
#define CALL_UPDATE_H

#include <stdint.h>

#include "base_bytes.h"

#define CALL_UPDATE_PIECE_BYTES 262144u /* of each piece but the last */
#define CALL_UPDATE_PIECES_MAX  128u
#define CALL_UPDATE_SLOT_BYTES  262208u

enum call_update_kind {
	CALL_UPDATE_STARTED = 1, /* call_update_started */
	CALL_UPDATE_BEGIN = 2,   /* call_update_begin + a SHA-256 for each piece */
	CALL_UPDATE_PIECE = 3,   /* call_update_piece + bytes */
	CALL_UPDATE_VERDICT = 4, /* call_update_verdict */
	CALL_UPDATE_STATUS = 5,  /* call_update_status */
};

enum call_update_state {
	CALL_UPDATE_IDLE = 1,     /* nothing is on its way; `code` says how the last one ended */
	CALL_UPDATE_READING = 2,  /* looks which pieces lie on the boot disk already */
	CALL_UPDATE_TAKING = 3,   /* waits for piece `next` */
	CALL_UPDATE_CHECKING = 4, /* reads back and measures what came */
	CALL_UPDATE_CHECKED = 5,  /* measured: waits for the verdict */
	CALL_UPDATE_STAGED = 6,   /* the next start tries it */
	CALL_UPDATE_STATE_COUNT
};

enum call_update_code {
	CALL_UPDATE_FINE = 0,
#define UPDATE(name, code, what, action) CALL_UPDATE_##name = code,
#include "call_update.def"
#undef UPDATE
};

struct call_update_started {
	uint8_t pcr[32]; /* PCR 4 of this start */
	uint32_t first;  /* 1: the first time in this boot */
	uint32_t serves; /* 1: somebody outside was served in this boot */
};

struct call_update_begin {
	uint8_t order[32]; /* names it from now on */
	uint32_t len;      /* of the image */
	uint32_t count;    /* of pieces */
};

struct call_update_piece {
	uint32_t index;
	uint32_t reserved;
};

struct call_update_verdict {
	uint8_t order[32];
	uint32_t code; /* enum call_update_code; 0: stage it */
	uint32_t reserved;
};

struct call_update_status {
	uint8_t order[32]; /* zeros: of none since this updater started */
	uint8_t pcr[32];   /* CHECKED, STAGED: PCR 4 of a start of it */
	uint8_t usual[32]; /* PCR 4 of what firmware starts by itself; zeros: not known */
	uint32_t state;    /* enum call_update_state */
	uint32_t code;     /* enum call_update_code */
	uint32_t have;     /* pieces that are there */
	uint32_t count;    /* of all */
	uint32_t next;     /* one that is lacking; count: none */
	uint32_t started;  /* 1: it has heard of this start */
};

_Static_assert(sizeof(struct call_update_started) == 40, "fixed layout");
_Static_assert(sizeof(struct call_update_begin) == 40, "fixed layout");
_Static_assert(sizeof(struct call_update_piece) == 8, "fixed layout");
_Static_assert(sizeof(struct call_update_verdict) == 40, "fixed layout");
_Static_assert(sizeof(struct call_update_status) == 120, "fixed layout");
_Static_assert(8 + sizeof(struct call_update_piece) + CALL_UPDATE_PIECE_BYTES <=
                   CALL_UPDATE_SLOT_BYTES,
               "a piece fits a slot");

/* update_piece_len is the length of piece `index` of an image; 0: it has none of that number. */
uint32_t update_piece_len(uint32_t image_len, uint32_t index);
/* update_take_begin checks counts and lengths; the hashes borrow from the message. */
MUST_USE enum status update_take_begin(struct bytes message, struct call_update_begin *ret_begin,
                                       struct bytes *ret_hashes);
MUST_USE enum status update_take_piece(struct bytes message, struct call_update_piece *ret_piece,
                                       struct bytes *ret_bytes);
MUST_USE enum status update_take_status(struct bytes message,
                                        struct call_update_status *ret_status);
/* update_code_text says what a code means and what to do; false for a number that is none. */
bool update_code_text(uint32_t code, const char **ret_what, const char **ret_action);

#endif
