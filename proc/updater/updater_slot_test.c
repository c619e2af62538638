/* Tests of an update's way onto the boot disk, with the power cut behind every single write. Proves
 * parts of O9, G1, G4 and DS4 in spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "updater_slot.h"

#include "base_sha256.h"
#include "base_test.h"
#include "disk_test_boot.h"
#include "efi.h"
#include "log_line.h"

#define PIECES      3u
#define IMAGE_LEN   (2u * CALL_UPDATE_PIECE_BYTES + 1234u)
#define LAST_WRITES 8u
#define STEPS_MAX   1000u

static uint8_t images[2][IMAGE_LEN], image_space[DISK_BOOT_IMAGE_MAX],
    found_bytes[DISK_BOOT_IMAGE_MAX], message_bytes[CALL_UPDATE_SLOT_BYTES];
static uint8_t pcrs[2][32];
static struct updater updater;
static unsigned armed;

/* An EFI program of one section, with a signature of 8 bytes. */
static void make_image(uint8_t *image, uint8_t seed)
{
	static const uint32_t at_header = 0x80, headers = 512;
	uint8_t *pe = image + at_header, *optional = pe + 24, *row = optional + 240;
	uint32_t signature = IMAGE_LEN - 10, len = signature - headers;
	uint8_t hash[32];

	for (uint32_t i = 0; i < IMAGE_LEN; i++)
		image[i] = i < headers ? 0 : (uint8_t)(i * seed + i / 512);
	signature -= signature % 8;
	len = signature - headers;
	memcpy(image, "MZ", 2);
	memcpy(image + 0x3c, &at_header, 4);
	memcpy(pe, "PE\0\0\x64\x86\x01\0", 8);
	pe[20] = 240;
	memcpy(optional, "\x0b\x02", 2);
	memcpy(optional + 60, &headers, 4);
	optional[108] = 16;
	memcpy(row + 16, &len, 4);
	memcpy(row + 20, &headers, 4);
	memcpy(optional + 144, &signature, 4);
	len = IMAGE_LEN - signature;
	memcpy(optional + 148, &len, 4);
	CHECK(efi_image_hash(bytes_of(image, IMAGE_LEN), hash) == STATUS_OK);
	efi_predict_code(hash, pcrs[image == images[1]]);
}

static enum status arm(void *context, const struct disk_boot *disk)
{
	(void)context;
	(void)disk;
	if (cut_is_off)
		return STATUS_IO;
	armed++;
	return STATUS_OK;
}

static enum status disarm(void *context)
{
	(void)context;
	if (cut_is_off)
		return STATUS_IO;
	armed = 0;
	return STATUS_OK;
}

/* A machine with image 0 in its usual slot, as it is when its updater starts. */
static int new_machine(void)
{
	struct disk_boot_slot whole = {.state = DISK_BOOT_WHOLE, .image_len = IMAGE_LEN};
	int fd = cut_disk();

	cut_left = 0;
	cut_is_off = false;
	armed = 0;
	memset(&updater, 0, sizeof(updater));
	CHECK(disk_boot_make(fd, 99, &updater.disk) == STATUS_OK);
	CHECK(disk_boot_put(&updater.disk, 0, 0, BYTES_OF_ARRAY(images[0])) == STATUS_OK);
	CHECK(disk_boot_seal(&updater.disk, 0, IMAGE_LEN) == STATUS_OK);
	memcpy(whole.pcr, pcrs[0], 32);
	CHECK(disk_boot_note(&updater.disk, 0, &whole) == STATUS_OK);
	return fd;
}

/* start is what a new updater knows. */
static void start(int fd)
{
	memset(&updater, 0, sizeof(updater));
	updater.image = image_space;
	updater.arm = arm;
	updater.disarm = disarm;
	updater.has_disk = disk_boot_open(fd, &updater.disk) == STATUS_OK;
	updater.has_variables = true;
	updater_begin(&updater);
}

static enum status say(uint32_t kind, struct bytes head, struct bytes rest)
{
	struct buffer message = BUFFER_OF_ARRAY(message_bytes);

	CHECK(buffer_put(&message, head) == STATUS_OK && buffer_put(&message, rest) == STATUS_OK);
	return updater_take(&updater, kind, buffer_bytes(&message));
}

/* Of a start that served somebody, as most do. */
static void say_started(const uint8_t pcr[32], bool first)
{
	struct call_update_started started = {.first = first, .serves = 1};

	memcpy(started.pcr, pcr, 32);
	EXPECT(say(CALL_UPDATE_STARTED, bytes_of(&started, sizeof(started)), bytes_of(NULL, 0)) ==
	       STATUS_OK);
}

static void work(void)
{
	unsigned steps = 0;

	while (updater_step(&updater))
		CHECK(steps++ < STEPS_MAX);
}

static void order(const uint8_t *image, uint8_t name)
{
	struct call_update_begin begin = {.order = {name}, .len = IMAGE_LEN, .count = PIECES};
	uint8_t hashes[PIECES][32];

	for (uint32_t i = 0; i < PIECES; i++)
		sha256_of(
		    bytes_of(image + i * CALL_UPDATE_PIECE_BYTES, update_piece_len(IMAGE_LEN, i)),
		    hashes[i]);
	EXPECT(say(CALL_UPDATE_BEGIN, bytes_of(&begin, sizeof(begin)), BYTES_OF_ARRAY(hashes)) ==
	       STATUS_OK);
	work();
}

static void send_piece(const uint8_t *image, uint32_t index)
{
	struct call_update_piece piece = {.index = index};

	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)),
	           bytes_of(image + index * CALL_UPDATE_PIECE_BYTES,
	                    update_piece_len(IMAGE_LEN, index))) == STATUS_OK);
	work();
}

static void give_verdict(uint8_t name, uint32_t code)
{
	struct call_update_verdict verdict = {.order = {name}, .code = code};

	EXPECT(say(CALL_UPDATE_VERDICT, bytes_of(&verdict, sizeof(verdict)), bytes_of(NULL, 0)) ==
	       STATUS_OK);
}

static bool holds(int fd, unsigned number, const uint8_t *image)
{
	struct buffer found = BUFFER_OF_ARRAY(found_bytes);

	return firmware_load(fd, number, &found) && found.len == IMAGE_LEN &&
	       memcmp(found.data, image, IMAGE_LEN) == 0;
}

static bool is_empty(int fd, unsigned number)
{
	struct buffer found = BUFFER_OF_ARRAY(found_bytes);

	return !firmware_load(fd, number, &found);
}

static void test_an_image_is_taken_measured_and_staged(void)
{
	int fd = new_machine();

	start(fd);
	say_started(pcrs[0], true);
	EXPECT(updater.status.state == CALL_UPDATE_IDLE && updater.status.code == 0);
	order(images[1], 7);
	EXPECT(updater.status.state == CALL_UPDATE_TAKING && updater.status.next == 0);
	send_piece(images[1], 2); /* in any order */
	send_piece(images[1], 0);
	EXPECT(updater.status.have == 2 && updater.status.next == 1 && is_empty(fd, 2));
	send_piece(images[1], 1);
	EXPECT(updater.status.state == CALL_UPDATE_CHECKED);
	EXPECT(memcmp(updater.status.pcr, pcrs[1], 32) == 0);
	EXPECT(armed == 0 && is_empty(fd, 2)); /* nothing before the verdict */
	give_verdict(8, 0);                    /* of another order */
	EXPECT(updater.status.state == CALL_UPDATE_CHECKED && armed == 0);
	give_verdict(7, 0);
	EXPECT(updater.status.state == CALL_UPDATE_STAGED && armed == 1);
	EXPECT(holds(fd, 1, images[0]) && holds(fd, 2, images[1]));
	EXPECT(updater.disk.slots[1].state == DISK_BOOT_STAGED);
	/* another updater of the same boot has not failed it */
	start(fd);
	say_started(pcrs[0], false);
	EXPECT(updater.status.state == CALL_UPDATE_STAGED && updater.status.code == 0);
	close(fd);
}

static void stage(int fd)
{
	start(fd);
	say_started(pcrs[0], true);
	order(images[1], 7);
	for (uint32_t i = 0; i < PIECES; i++)
		send_piece(images[1], i);
	give_verdict(7, 0);
	EXPECT(updater.status.state == CALL_UPDATE_STAGED);
}

static void test_what_came_to_serve_is_kept_and_the_former_one_stays_beside_it(void)
{
	struct call_update_started started = {.first = 1};
	int fd = new_machine();

	memcpy(started.pcr, pcrs[1], sizeof(started.pcr));

	stage(fd);
	start(fd);
	started.serves = 0; /* unsealed, and nobody reached it: a start more and it is v's again */
	EXPECT(say(CALL_UPDATE_STARTED, bytes_of(&started, sizeof(started)), bytes_of(NULL, 0)) ==
	       STATUS_OK);
	EXPECT(updater.disk.usual == 0 && updater.disk.slots[1].state == DISK_BOOT_STAGED);
	say_started(pcrs[1], false);
	EXPECT(holds(fd, 1, images[1]) && holds(fd, 2, images[0]));
	EXPECT(updater.disk.usual == 1 && updater.disk.slots[1].state == DISK_BOOT_WHOLE);
	start(fd);
	say_started(pcrs[1], true);
	EXPECT(updater.disk.usual == 1 && updater.status.code == 0);
	/* the next order takes the former one's place: from then on it cannot be started */
	order(images[0], 8);
	EXPECT(is_empty(fd, 2) && updater.disk.slots[0].state == DISK_BOOT_EMPTY);
	EXPECT(holds(fd, 1, images[1]));
	close(fd);
}

static void test_what_did_not_come_to_serve_is_said_and_not_tried_again(void)
{
	int fd = new_machine();

	stage(fd);
	start(fd);
	say_started(pcrs[0], true);
	EXPECT(updater.status.code == CALL_UPDATE_NOT_TAKEN && updater.disk.usual == 0);
	EXPECT(updater.disk.slots[1].state == DISK_BOOT_FAILED && holds(fd, 1, images[0]));
	start(fd);
	say_started(pcrs[0], true);
	EXPECT(updater.status.code == 0 && updater.disk.usual == 0);
	close(fd);
}

static void test_what_came_before_a_break_is_not_sent_again(void)
{
	int fd = new_machine();

	start(fd);
	order(images[1], 7);
	send_piece(images[1], 0);
	send_piece(images[1], 2);
	start(fd); /* a power cut, or an updater that died */
	order(images[1], 7);
	EXPECT(updater.status.state == CALL_UPDATE_TAKING && updater.status.have == 2 &&
	       updater.status.next == 1);
	send_piece(images[1], 1);
	EXPECT(updater.status.state == CALL_UPDATE_CHECKED);
	order(images[1], 9); /* all is there: nothing is sent at all */
	EXPECT(updater.status.state == CALL_UPDATE_CHECKED && updater.status.order[0] == 9);
	close(fd);
}

static void test_pieces_that_are_not_those_of_the_order_move_nothing(void)
{
	struct call_update_piece piece = {.index = 0};
	int fd = new_machine();

	start(fd);
	send_piece(images[1], 0); /* nothing is ordered */
	EXPECT(updater.status.state == CALL_UPDATE_IDLE);
	order(images[1], 7);
	send_piece(images[0], 0);
	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)), bytes_of(images[1], 99)) ==
	       STATUS_OK);
	piece.index = PIECES;
	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)), bytes_of(images[1], 99)) ==
	       STATUS_OK);
	EXPECT(updater.status.have == 0 && updater.status.next == 0);
	send_piece(images[1], 0);
	send_piece(images[1], 0);
	EXPECT(updater.status.have == 1);
	close(fd);
}

/* refuse: `sees`: the updater itself does. */
static void refuse(const uint8_t *image, uint32_t code, bool sees)
{
	int fd = new_machine();

	start(fd);
	order(image, 7);
	for (uint32_t i = 0; i < PIECES; i++)
		send_piece(image, i);
	EXPECT((updater.status.state == CALL_UPDATE_CHECKED) != sees);
	if (!sees)
		give_verdict(7, code);
	EXPECT(updater.status.state == CALL_UPDATE_IDLE && updater.status.code == code);
	EXPECT(armed == 0 && is_empty(fd, 2) && holds(fd, 1, images[0]));
	/* and the next start is v's, with nothing to say */
	start(fd);
	say_started(pcrs[0], true);
	EXPECT(updater.status.code == 0 && updater.disk.usual == 0);
	close(fd);
}

static void test_what_is_refused_leaves_the_machine_as_it_was(void)
{
	static uint8_t image[IMAGE_LEN];

	refuse(images[1], CALL_UPDATE_NO_RELEASE, false);
	refuse(images[1], CALL_UPDATE_BELOW_FLOOR, false);
	memcpy(image, images[1], sizeof(image));
	image[0] = 'X';
	refuse(image, CALL_UPDATE_NO_IMAGE, true);
	memcpy(image, images[1], sizeof(image));
	memset(image + 0x80 + 24 + 144, 0, 8);
	refuse(image, CALL_UPDATE_UNSIGNED, true);
}

/* O9: BootNext must not name a slot that is being written; the machine still starts with v. */
static void test_another_order_takes_back_what_was_staged(void)
{
	int fd = new_machine();

	stage(fd);
	EXPECT(armed == 1);
	order(images[1], 8);
	EXPECT(armed == 0 && is_empty(fd, 2) && holds(fd, 1, images[0]));
	EXPECT(updater.status.state == CALL_UPDATE_CHECKED); /* its pieces lie there still */
	close(fd);
}

static void test_what_starts_already_is_not_staged(void)
{
	refuse(images[0], CALL_UPDATE_SAME, true);
}

/* O9: what cannot be staged is said before anything is sent or erased. */
static void test_a_machine_that_cannot_be_updated_says_so_at_the_order(void)
{
	int fd = new_machine();

	stage(fd);
	start(fd);
	updater.has_variables = false;
	order(images[1], 9);
	EXPECT(updater.status.state == CALL_UPDATE_IDLE && updater.status.order[0] == 9);
	EXPECT(updater.status.code == CALL_UPDATE_FIRMWARE && holds(fd, 2, images[1]));
	close(fd);
	start(fd);
	EXPECT(!updater.has_disk && updater.status.code == CALL_UPDATE_NO_DISK);
	order(images[1], 9);
	EXPECT(updater.status.state == CALL_UPDATE_IDLE && updater.status.order[0] == 9 &&
	       updater.status.code == CALL_UPDATE_NO_DISK);
	say_started(pcrs[0], true);
	EXPECT(updater.status.code == CALL_UPDATE_NO_DISK && updater.status.started == 1);
}

/* bend flips a bit of a slot's record. */
static void bend(int fd, unsigned slot)
{
	uint8_t byte;
	off_t at = (8 + 8 * (off_t)slot) * 512 + 20;

	CHECK(pread(fd, &byte, 1, at) == 1);
	byte ^= 1;
	CHECK(syscall(SYS_pwrite64, fd, &byte, 1, at) == 1);
}

/* V+1 may run and never be kept; that is said, and an order mends it. */
static void test_a_damaged_record_is_said_and_mended_by_an_order(void)
{
	for (unsigned runs = 0; runs < 2; runs++) {
		int fd = new_machine();

		stage(fd);
		bend(fd, 1);
		start(fd);
		say_started(pcrs[runs], true);
		EXPECT(updater.status.code == CALL_UPDATE_RECORD && updater.disk.usual == 0);
		EXPECT(memcmp(updater.status.usual, pcrs[0], 32) == 0 && armed == 1);
		order(images[1], 8);
		EXPECT(armed == 0); /* firmware may have been told to try it */
		EXPECT(updater.status.state == CALL_UPDATE_CHECKED);
		give_verdict(8, 0);
		start(fd);
		say_started(pcrs[1], true);
		EXPECT(updater.disk.usual == 1 && updater.status.code == 0);
		close(fd);
	}
}

/* What the signer has approvals judged for. */
static void test_it_is_told_what_starts_by_itself(void)
{
	static const uint8_t none[32];
	int fd = new_machine();

	start(fd);
	EXPECT(memcmp(updater.status.usual, pcrs[0], 32) == 0 && updater.status.started == 0);
	say_started(pcrs[0], true);
	EXPECT(updater.status.started == 1);
	stage(fd);
	EXPECT(memcmp(updater.status.usual, pcrs[0], 32) == 0 && updater.status.started == 1);
	start(fd);
	EXPECT(memcmp(updater.status.usual, pcrs[0], 32) == 0);
	say_started(pcrs[1], true);
	EXPECT(memcmp(updater.status.usual, pcrs[1], 32) == 0);
	bend(fd, 1);
	start(fd);
	EXPECT(memcmp(updater.status.usual, none, 32) == 0);
	close(fd);
}

static void test_a_disk_that_changes_what_was_written_is_noticed(void)
{
	int fd = new_machine();
	uint8_t byte = 0;
	struct call_update_piece piece = {.index = 2};

	start(fd);
	order(images[1], 7);
	send_piece(images[1], 0);
	send_piece(images[1], 1);
	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)),
	           bytes_of(images[1] + 2 * CALL_UPDATE_PIECE_BYTES,
	                    update_piece_len(IMAGE_LEN, 2))) == STATUS_OK);
	EXPECT(updater.status.state == CALL_UPDATE_CHECKING);
	EXPECT(disk_boot_get(&updater.disk, 1, 99, &byte, 1) == STATUS_OK);
	byte ^= 1;
	EXPECT(disk_boot_put(&updater.disk, 1, 99, bytes_of(&byte, 1)) == STATUS_OK);
	work();
	EXPECT(updater.status.code == CALL_UPDATE_UNREADABLE && armed == 0);
	close(fd);
}

/* run goes the whole way, as far as the power lasts; which image served at the end. */
static unsigned run(int fd, unsigned runs)
{
	start(fd);
	say_started(pcrs[runs], true);
	if (runs == 0 && (updater.disk.slots[1].state == DISK_BOOT_EMPTY ||
	                  updater.disk.slots[1].state == DISK_BOOT_DAMAGED)) {
		order(images[1], 7);
		for (uint32_t i = 0; i < PIECES; i++)
			send_piece(images[1], i);
		give_verdict(7, 0);
	}
	return updater.disk.usual;
}

static void test_a_power_cut_at_any_write_leaves_a_machine_that_starts(void)
{
	unsigned writes, tried = 0, kept = 0;
	int fd = new_machine();

	cut_writes = 0;
	EXPECT(run(fd, 0) == 0);
	EXPECT(run(fd, 1) == 1);
	writes = cut_writes;
	EXPECT(writes > 50);
	close(fd);
	/* The last ones, where the most hangs on them, several times: what falls is drawn. */
	for (unsigned round = 1; round <= writes + 7 * LAST_WRITES; round++) {
		unsigned cut = round <= writes ? round : writes - round % LAST_WRITES, next;
		struct disk_boot disk;

		fd = new_machine();
		cut_left = cut;
		(void)run(fd, 0);
		if (!cut_is_off)
			(void)run(fd, 1);
		EXPECT(cut_is_off);
		cut_is_off = false;
		EXPECT(disk_boot_open(fd, &disk) == STATUS_OK);
		/* What firmware starts by itself is a whole image, v's until v+1 is kept. */
		EXPECT(holds(fd, 1, images[disk.usual]));
		/* What it is told to try once is one, too, and half of one is none. */
		EXPECT(holds(fd, 2, images[disk.usual ^ 1]) || (armed == 0 && is_empty(fd, 2)));
		tried += armed;
		kept += disk.usual;
		/* And from there an update comes to its end. */
		next = armed != 0 && disk.usual == 0 ? 1 : disk.usual;
		if (run(fd, next) == 0 && updater.status.state == CALL_UPDATE_STAGED)
			(void)run(fd, 1);
		EXPECT(disk_boot_open(fd, &disk) == STATUS_OK && holds(fd, 1, images[disk.usual]));
		close(fd);
	}
	EXPECT(tried > 0 && kept > 0 && kept <= tried);
}

static void test_messages_that_no_signer_sends_are_refused(void)
{
	struct call_update_begin begin = {.len = IMAGE_LEN, .count = PIECES};
	uint8_t hashes[PIECES * 32] = {0};
	struct call_update_piece piece = {.index = 0};
	int fd = new_machine();

	start(fd);
	EXPECT(say(CALL_UPDATE_STATUS, bytes_of(NULL, 0), bytes_of(NULL, 0)) == STATUS_MALFORMED);
	EXPECT(say(CALL_UPDATE_STARTED, bytes_of(hashes, 39), bytes_of(NULL, 0)) ==
	       STATUS_MALFORMED);
	EXPECT(say(CALL_UPDATE_VERDICT, bytes_of(hashes, 41), bytes_of(NULL, 0)) ==
	       STATUS_MALFORMED);
	EXPECT(say(CALL_UPDATE_BEGIN, bytes_of(&begin, sizeof(begin)), bytes_of(hashes, 64)) ==
	       STATUS_MALFORMED);
	begin.count = 2;
	EXPECT(say(CALL_UPDATE_BEGIN, bytes_of(&begin, sizeof(begin)), bytes_of(hashes, 64)) ==
	       STATUS_MALFORMED);
	begin.count = 0;
	EXPECT(say(CALL_UPDATE_BEGIN, bytes_of(&begin, sizeof(begin)), bytes_of(NULL, 0)) ==
	       STATUS_MALFORMED);
	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)), bytes_of(NULL, 0)) ==
	       STATUS_MALFORMED);
	piece.reserved = 1;
	EXPECT(say(CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)), bytes_of(hashes, 1)) ==
	       STATUS_MALFORMED);
	EXPECT(updater.status.state == CALL_UPDATE_IDLE);
	close(fd);
}

int main(void)
{
	log_open("updater", LOG_ERROR); /* refusals are warnings, and many */
	make_image(images[0], 7);
	make_image(images[1], 11);
	RUN(test_an_image_is_taken_measured_and_staged);
	RUN(test_what_came_to_serve_is_kept_and_the_former_one_stays_beside_it);
	RUN(test_what_did_not_come_to_serve_is_said_and_not_tried_again);
	RUN(test_what_came_before_a_break_is_not_sent_again);
	RUN(test_pieces_that_are_not_those_of_the_order_move_nothing);
	RUN(test_what_is_refused_leaves_the_machine_as_it_was);
	RUN(test_another_order_takes_back_what_was_staged);
	RUN(test_what_starts_already_is_not_staged);
	RUN(test_a_machine_that_cannot_be_updated_says_so_at_the_order);
	RUN(test_a_damaged_record_is_said_and_mended_by_an_order);
	RUN(test_it_is_told_what_starts_by_itself);
	RUN(test_a_disk_that_changes_what_was_written_is_noticed);
	RUN(test_a_power_cut_at_any_write_leaves_a_machine_that_starts);
	RUN(test_messages_that_no_signer_sends_are_refused);
	return test_summary();
}
