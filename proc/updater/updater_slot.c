/* SPDX-License-Identifier: Apache-2.0 */
#include "updater_slot.h"

#include "base_check.h"
#include "base_sha256.h"
#include "efi.h"
#include "log_line.h"

_Static_assert(CALL_UPDATE_PIECES_MAX *(uint64_t)CALL_UPDATE_PIECE_BYTES == DISK_BOOT_IMAGE_MAX,
               "the largest image that is announced fits a slot");

static unsigned other(const struct updater *updater)
{
	return updater->disk.usual ^ 1;
}

static void say(enum log_level level, const char *event, uint32_t code)
{
	const char *what = "", *action = "";
	struct log_line line;

	(void)update_code_text(code, &what, &action);
	log_begin(&line, level, event);
	log_number(&line, "code", code);
	log_text(&line, "what", what);
	log_text(&line, "do", action);
	log_end(&line);
}

/* end forgets what was on its way; the slot stays as it is, which firmware cannot start. */
static void end(struct updater *updater, uint32_t code)
{
	updater->status.state = CALL_UPDATE_IDLE;
	updater->status.code = code;
	updater->status.have = updater->status.count = updater->status.next = 0;
	if (code != CALL_UPDATE_FINE)
		say(LOG_WARN, "update.refused", code);
}

static bool has_image(const struct disk_boot_slot *slot)
{
	return slot->state != DISK_BOOT_EMPTY && slot->state != DISK_BOOT_DAMAGED;
}

static void tell_usual(struct updater *updater)
{
	const struct disk_boot_slot *usual = &updater->disk.slots[updater->disk.usual];

	memset(updater->status.usual, 0, sizeof(updater->status.usual));
	if (updater->has_disk && has_image(usual))
		memcpy(updater->status.usual, usual->pcr, sizeof(usual->pcr));
}

void updater_begin(struct updater *updater)
{
	updater->status = (struct call_update_status){.state = CALL_UPDATE_IDLE};
	updater->status.code = updater->has_disk ? CALL_UPDATE_FINE : CALL_UPDATE_NO_DISK;
	tell_usual(updater);
}

/* ---- what runs, serves ---- */

/* keep makes a tried image the usual one: it is what came to serve in this start. */
static void keep(struct updater *updater)
{
	struct disk_boot_slot whole = updater->disk.slots[other(updater)];
	enum status status = disk_boot_turn(&updater->disk);

	whole.state = DISK_BOOT_WHOLE;
	if (status == STATUS_OK)
		status = disk_boot_note(&updater->disk, updater->disk.usual, &whole);
	tell_usual(updater);
	if (status == STATUS_OK)
		say(LOG_INFO, "update.kept", CALL_UPDATE_FINE);
	else
		end(updater, CALL_UPDATE_DISK);
}

static void take_started(struct updater *updater, const struct call_update_started *started)
{
	const struct disk_boot_slot *usual = &updater->disk.slots[updater->disk.usual];
	struct disk_boot_slot tried = updater->disk.slots[other(updater)];

	if (has_image(&tried) && memcmp(tried.pcr, started->pcr, 32) == 0 &&
	    (!has_image(usual) || memcmp(usual->pcr, started->pcr, 32) != 0)) {
		/* Not before: an image that nobody can reach must not be what starts by itself. */
		if (started->serves != 0)
			keep(updater);
		return;
	}
	/* It may be what runs, and what was tried: nothing says so any more. */
	if (tried.state == DISK_BOOT_DAMAGED && updater->status.code != CALL_UPDATE_RECORD)
		end(updater, CALL_UPDATE_RECORD);
	if (tried.state != DISK_BOOT_STAGED)
		return;
	if (started->first == 0) {
		updater->status.state = CALL_UPDATE_STAGED;
		memcpy(updater->status.pcr, tried.pcr, 32);
		return;
	}
	tried.state = DISK_BOOT_FAILED;
	end(updater, disk_boot_note(&updater->disk, other(updater), &tried) == STATUS_OK
	                 ? CALL_UPDATE_NOT_TAKEN
	                 : CALL_UPDATE_DISK);
}

/* ---- taking an image ---- */

static void find_next(struct updater *updater)
{
	struct call_update_status *status = &updater->status;

	while (status->next < status->count && updater->have[status->next])
		status->next++;
}

static void take_begin(struct updater *updater, const struct call_update_begin *begin,
                       struct bytes hashes)
{
	struct call_update_status *status = &updater->status;

	status->state = CALL_UPDATE_READING;
	status->code = CALL_UPDATE_FINE;
	status->have = status->next = 0;
	status->count = begin->count;
	memset(status->pcr, 0, sizeof(status->pcr));
	memcpy(status->order, begin->order, sizeof(status->order));
	memcpy(updater->hashes, hashes.data, hashes.len);
	memset(updater->have, 0, sizeof(updater->have));
	updater->len = begin->len;
	updater->at = 0;
	if (!updater->has_disk || !updater->has_variables) {
		end(updater, updater->has_disk ? CALL_UPDATE_FIRMWARE : CALL_UPDATE_NO_DISK);
		return;
	}
	/* What was staged is so no more, and firmware must not try a slot that is being written. */
	if ((updater->disk.slots[other(updater)].state == DISK_BOOT_STAGED ||
	     updater->disk.slots[other(updater)].state == DISK_BOOT_DAMAGED) &&
	    updater->disarm(updater->context) != STATUS_OK) {
		end(updater, CALL_UPDATE_FIRMWARE);
		return;
	}
	/* From here on firmware finds no image there: half of one is none. */
	if (disk_boot_erase(&updater->disk, other(updater)) != STATUS_OK)
		end(updater, CALL_UPDATE_DISK);
}

static void check(struct updater *updater)
{
	updater->status.state = CALL_UPDATE_CHECKING;
	updater->at = 0;
	if (disk_boot_sync(&updater->disk) != STATUS_OK)
		end(updater, CALL_UPDATE_DISK);
}

static bool is_piece(const struct updater *updater, uint32_t index, struct bytes bytes)
{
	uint8_t hash[32];

	sha256_of(bytes, hash);
	return memcmp(hash, updater->hashes[index], sizeof(hash)) == 0;
}

/* A piece that is not the one that was ordered, or that nobody waits for, moves nothing. */
static void take_piece(struct updater *updater, const struct call_update_piece *piece,
                       struct bytes bytes)
{
	struct call_update_status *status = &updater->status;

	if (status->state != CALL_UPDATE_TAKING || piece->index >= status->count ||
	    updater->have[piece->index] ||
	    bytes.len != update_piece_len(updater->len, piece->index) ||
	    !is_piece(updater, piece->index, bytes))
		return;
	if (disk_boot_put(&updater->disk, other(updater), piece->index * CALL_UPDATE_PIECE_BYTES,
	                  bytes) != STATUS_OK) {
		end(updater, CALL_UPDATE_DISK);
		return;
	}
	updater->have[piece->index] = true;
	status->have++;
	find_next(updater);
	if (status->have == status->count)
		check(updater);
}

/* read_piece reads a piece into its place in the image; whether it is the one that was ordered. */
static enum status read_piece(struct updater *updater, bool *ret_is_it)
{
	uint32_t at = updater->at * CALL_UPDATE_PIECE_BYTES;
	uint32_t len = update_piece_len(updater->len, updater->at);
	enum status status =
	    disk_boot_get(&updater->disk, other(updater), at, updater->image + at, len);

	*ret_is_it = status == STATUS_OK &&
	             is_piece(updater, updater->at, bytes_of(updater->image + at, len));
	updater->at++;
	return status;
}

/* measure: every piece is in memory as it lies on the disk. */
static void measure(struct updater *updater)
{
	const struct disk_boot_slot *usual = &updater->disk.slots[updater->disk.usual];
	struct bytes image = bytes_of(updater->image, updater->len);
	uint8_t hash[EFI_HASH_LEN];

	if (efi_image_hash(image, hash) != STATUS_OK) {
		end(updater, CALL_UPDATE_NO_IMAGE);
	} else if (!efi_image_is_signed(image)) {
		end(updater, CALL_UPDATE_UNSIGNED);
	} else {
		efi_predict_code(hash, updater->status.pcr);
		updater->status.state = CALL_UPDATE_CHECKED;
	}
	/* Nobody could tell afterwards which of the two had started. */
	if (updater->status.state == CALL_UPDATE_CHECKED && has_image(usual) &&
	    memcmp(usual->pcr, updater->status.pcr, sizeof(usual->pcr)) == 0)
		end(updater, CALL_UPDATE_SAME);
}

bool updater_step(struct updater *updater)
{
	struct call_update_status *status = &updater->status;
	bool is_it;

	if (status->state != CALL_UPDATE_READING && status->state != CALL_UPDATE_CHECKING)
		return false;
	if (read_piece(updater, &is_it) != STATUS_OK) {
		end(updater, CALL_UPDATE_DISK);
	} else if (status->state == CALL_UPDATE_READING) {
		updater->have[updater->at - 1] = is_it;
		status->have += is_it;
		if (updater->at < status->count)
			return true;
		find_next(updater);
		status->state = CALL_UPDATE_TAKING;
		if (status->have == status->count)
			check(updater);
	} else if (!is_it) {
		end(updater, CALL_UPDATE_UNREADABLE);
	} else if (updater->at == status->count) {
		measure(updater);
	}
	return true;
}

/* ---- the verdict ---- */

/* stage: the image becomes one that firmware can start, then one that it starts once. */
static enum call_update_code stage(struct updater *updater)
{
	struct disk_boot_slot staged = {.state = DISK_BOOT_STAGED, .image_len = updater->len};

	memcpy(staged.pcr, updater->status.pcr, sizeof(staged.pcr));
	if (disk_boot_seal(&updater->disk, other(updater), updater->len) != STATUS_OK ||
	    disk_boot_note(&updater->disk, other(updater), &staged) != STATUS_OK)
		return CALL_UPDATE_DISK;
	if (updater->arm(updater->context, &updater->disk) == STATUS_OK)
		return CALL_UPDATE_FINE;
	return disk_boot_erase(&updater->disk, other(updater)) == STATUS_OK ? CALL_UPDATE_FIRMWARE
	                                                                    : CALL_UPDATE_DISK;
}

static void take_verdict(struct updater *updater, const struct call_update_verdict *verdict)
{
	uint32_t code = verdict->code;

	if (updater->status.state != CALL_UPDATE_CHECKED ||
	    memcmp(verdict->order, updater->status.order, sizeof(verdict->order)) != 0)
		return;
	if (code == CALL_UPDATE_FINE)
		code = stage(updater);
	if (code != CALL_UPDATE_FINE) {
		end(updater, code);
		return;
	}
	updater->status.state = CALL_UPDATE_STAGED;
	say(LOG_INFO, "update.staged", code);
}

enum status updater_take(struct updater *updater, uint32_t kind, struct bytes message)
{
	struct call_update_started started;
	struct call_update_verdict verdict;
	struct call_update_begin begin;
	struct call_update_piece piece;
	struct bytes rest;

	if (kind == CALL_UPDATE_STARTED && message.len == sizeof(started)) {
		memcpy(&started, message.data, sizeof(started));
		updater->status.started = 1;
		if (updater->has_disk)
			take_started(updater, &started);
		return STATUS_OK;
	}
	if (kind == CALL_UPDATE_VERDICT && message.len == sizeof(verdict)) {
		memcpy(&verdict, message.data, sizeof(verdict));
		take_verdict(updater, &verdict);
		return STATUS_OK;
	}
	if (kind == CALL_UPDATE_BEGIN && update_take_begin(message, &begin, &rest) == STATUS_OK) {
		take_begin(updater, &begin, rest);
		return STATUS_OK;
	}
	if (kind == CALL_UPDATE_PIECE && update_take_piece(message, &piece, &rest) == STATUS_OK) {
		take_piece(updater, &piece, rest);
		return STATUS_OK;
	}
	return STATUS_MALFORMED;
}
