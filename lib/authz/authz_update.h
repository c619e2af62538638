/* authz_update: an operator's order of another image for the appliance, in bytes
 * (spec/authorization.md). The order is what his command's target is the hash of; the image's
 * pieces follow it, and are known by their hashes. Deterministic CBOR; taken runs borrow. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_UPDATE_H
#define AUTHZ_UPDATE_H

#include "call_update.h"

#define AUTHZ_UPDATE_APPROVALS_MAX 32768u
#define AUTHZ_UPDATE_HASHES_MAX    (CALL_UPDATE_PIECES_MAX * 32u)

/* {1: length of the image, 2: SHA-256 of each piece, 3: the file of approvals} */
struct authz_update_order {
	uint32_t len;
	struct bytes hashes;    /* as many as the length has pieces */
	struct bytes approvals; /* for the next start and what runs now */
};

/* {1: SHA-256 of the order, 2: number of the piece, 3: the piece} */
struct authz_update_piece {
	uint8_t order[32];
	uint32_t index;
	struct bytes bytes;
};

/* {1: state, 2: code, 3: pieces that are there, 4: of all, 5: one that lacks, 6: SHA-256 of the
 * order} */
struct authz_update_answer {
	uint32_t state, code, have, count, next;
	uint8_t order[32]; /* zeros: none */
};

MUST_USE enum status authz_update_order_put(const struct authz_update_order *order,
                                            struct buffer *out);
MUST_USE enum status authz_update_order_take(struct bytes bytes,
                                             struct authz_update_order *ret_order);
MUST_USE enum status authz_update_piece_put(const struct authz_update_piece *piece,
                                            struct buffer *out);
MUST_USE enum status authz_update_piece_take(struct bytes bytes,
                                             struct authz_update_piece *ret_piece);
MUST_USE enum status authz_update_answer_put(const struct authz_update_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_update_answer_take(struct bytes bytes,
                                              struct authz_update_answer *ret_answer);

#endif
