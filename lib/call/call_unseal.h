/* call_unseal: what the unsealer waits for from people, and how it gets it through the bridge
 * before there is any key (attended mode, and genesis in the place of a machine that was lost).
 *
 *   unsealer -> bridge  ASKS, again after a bridge was replaced or an answer was refused
 *   bridge -> unsealer  GIVES
 *
 * Nothing here is secret: a nonce or a public key goes out, a signature or something sealed to that
 * key comes in; who reads or alters it on the way gains a start that waits longer. Fixed layout. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_UNSEAL_H
#define CALL_UNSEAL_H

#include "base_bytes.h"

#define CALL_UNSEAL_SLOT_BYTES 256u
#define CALL_UNSEAL_GIVEN_MAX  80u

enum call_unseal_kind {
	CALL_UNSEAL_ASKS = 1,
	CALL_UNSEAL_GIVES = 2,
};

enum call_unseal_what {
	CALL_UNSEAL_APPROVAL = 1, /* an approver's signature over this start's nonce: 64 bytes */
	CALL_UNSEAL_SHARE = 2,    /* a recovered node share, HPKE to the key shown: 80 bytes */
};

struct call_unseal_asks {
	uint32_t what;
	uint32_t approvers;      /* how many there are */
	uint32_t refused;        /* what was given so often and did not do */
	uint32_t is_other_share; /* 1: the last of these opened, and was another machine's share */
	uint8_t value[32];       /* nonce, or X25519 public key */
	uint8_t genesis[32];     /* SHA-256 of the genesis manifest */
	uint8_t share[32];       /* commitment to the share that is wanted; else zeros */
};

struct call_unseal_gives {
	uint32_t what;
	uint32_t approver; /* number of the one who signed, from 0 */
	uint32_t len;
	uint32_t reserved;
	uint8_t given[CALL_UNSEAL_GIVEN_MAX];
};

_Static_assert(sizeof(struct call_unseal_asks) == 112, "fixed layout");
_Static_assert(sizeof(struct call_unseal_gives) == 96, "fixed layout");

/* Each check: length and ranges; MALFORMED: the peer is broken. */
MUST_USE enum status unseal_take_asks(struct bytes message, struct call_unseal_asks *ret_asks);
MUST_USE enum status unseal_take_gives(struct bytes message, struct call_unseal_gives *ret_gives);

#endif
