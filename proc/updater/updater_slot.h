/* updater_slot: what the updater does with its messages, without the rings around it.
 *
 * The slot that firmware does not start by itself is written, read back and measured; nothing of
 * what decides the next start changes before the verdict. Work is done in steps of one piece, so
 * that the signer never waits for it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UPDATER_SLOT_H
#define UPDATER_SLOT_H

#include "call_update.h"
#include "disk_boot.h"

struct updater {
	bool has_disk, has_variables;
	struct disk_boot disk;
	/* arm has firmware start the other slot's image once, at the next start. */
	enum status (*arm)(void *context, const struct disk_boot *disk);
	/* disarm takes that back. */
	enum status (*disarm)(void *context);
	void *context;
	struct call_update_status status; /* as the signer is to know it */
	uint32_t len;                     /* of the image that is on its way */
	uint32_t at;                      /* piece that is read next */
	uint8_t hashes[CALL_UPDATE_PIECES_MAX][32];
	bool have[CALL_UPDATE_PIECES_MAX];
	uint8_t *image; /* DISK_BOOT_IMAGE_MAX bytes */
};

/* updater_begin: disk and variables are open, or are not there. */
void updater_begin(struct updater *updater);
/* updater_take takes one message; MALFORMED: no signer sends it. */
MUST_USE enum status updater_take(struct updater *updater, uint32_t kind, struct bytes message);
/* updater_step does one step of what is to be done; false: nothing is. */
bool updater_step(struct updater *updater);

#endif
