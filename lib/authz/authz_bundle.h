/* authz_bundle: what `receipt export` gives and `receipt verify` reads: a row of items {kind (1),
 * length (4, little-endian), bytes}, in the order in which they were made.
 *
 * Boot records and one wallet's receipts, then the signed head and the wallet's path to it. Parts
 * of an export may be put one behind the other; the last head counts. Pure; bytes are hostile. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_BUNDLE_H
#define AUTHZ_BUNDLE_H

#include "authz_receipt.h"

enum authz_item {
	AUTHZ_ITEM_BOOT = 1,    /* boot record */
	AUTHZ_ITEM_RECEIPT = 2, /* receipt */
	AUTHZ_ITEM_INPUT = 3,   /* replay input: ticket (32), check request */
	AUTHZ_ITEM_HEAD = 4,    /* signed head */
	AUTHZ_ITEM_PATH = 5,    /* path in that head's map: struct call_store_path, then siblings */
};

/* authz_item_take takes the next item off `left`: false at its end, or when what follows is none
 * (then `left` is not empty). */
bool authz_item_take(struct bytes *left, uint8_t *ret_kind, struct bytes *ret_item);
/* authz_item_put appends an item. */
MUST_USE enum status authz_item_put(uint8_t kind, struct bytes item, struct buffer *out);

struct authz_bundle_report {
	struct authz_chain chain;     /* count, first_previous, last sequence */
	size_t item_count;            /* items looked at; on failure the index of the bad one */
	size_t allowed;               /* receipts of signatures */
	struct authz_exports exports; /* as receipts alone say; with changes see authz_history.h */
	struct authz_head head;
	const char *text; /* what was found, one sentence */
};

/* authz_bundle_verify checks a wallet's bundle with nothing but the deployment's public key: order,
 * completeness up to the head, and that all of it is this deployment's. OK; STATUS_MALFORMED,
 * _REFUSED (of another wallet or deployment), _CORRUPT (a gap, a change, a missing tail), _CRYPTO
 * (the head is not signed by this key), _NOT_FOUND (no head: nothing is proven). `ret_report` is
 * filled in any case. */
MUST_USE enum status authz_bundle_verify(struct bytes bundle, const uint8_t deployment_key[32],
                                         const uint8_t wallet[32],
                                         struct authz_bundle_report *ret_report);

#endif
