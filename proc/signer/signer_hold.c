/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_hold.h"

struct signer_ask signer_hold_note(const uint8_t user[32])
{
	struct signer_ask ask = {.need = SIGNER_NEED_LEASE};

	memcpy(ask.user, user, sizeof(ask.user));
	ask.user[0] ^= 2; /* gives and takes differ in the bit before (signer_take_user) */
	return ask;
}

struct signer_hold *signer_holds_find(struct signer_holds *holds,
                                      const struct signer_cache_head *head)
{
	for (size_t i = 0; i < holds->count; i++)
		if (holds->rows[i].head == head)
			return &holds->rows[i];
	return NULL;
}

bool signer_holds_have_room(const struct signer_holds *holds, size_t count,
                            const struct signer_ask *ask)
{
	size_t places = ask->lowers ? SIGNER_HOLDS_MAX : SIGNER_HOLDS_MAX - SIGNER_HOLDS_SPARE;
	size_t own = 0;

	if (count == 0)
		return true;
	for (size_t i = 0; i < holds->count; i++)
		own += memcmp(holds->rows[i].user, ask->user, sizeof(ask->user)) == 0;
	return holds->count < places && own + count <= places - holds->count;
}

bool signer_holds_add(struct signer_holds *holds, uint32_t kind, struct signer_cache_head *head,
                      const struct signer_ask *ask)
{
	struct signer_hold *held = signer_holds_find(holds, head);

	if (held == NULL) {
		if (holds->count == SIGNER_HOLDS_MAX)
			return false;
		head->pins++;
		held = &holds->rows[holds->count++];
		*held = (struct signer_hold){.head = head, .kind = kind};
		memcpy(held->user, ask->user, sizeof(held->user));
	}
	held->batch = SIGNER_HOLD_UNWRITTEN;
	if (held->need < ask->need) {
		held->need = ask->need;
		memcpy(held->user, ask->user, sizeof(held->user));
	}
	return true;
}

size_t signer_holds_unwritten(const struct signer_holds *holds)
{
	size_t count = 0;

	for (size_t i = 0; i < holds->count; i++)
		count += holds->rows[i].batch == SIGNER_HOLD_UNWRITTEN;
	return count;
}

void signer_holds_end(struct signer_holds *holds, uint64_t committed)
{
	size_t kept = 0;

	for (size_t i = 0; i < holds->count; i++) {
		if (holds->rows[i].batch <= committed)
			holds->rows[i].head->pins--;
		else
			holds->rows[kept++] = holds->rows[i];
	}
	holds->count = kept;
}
