/* store: keeps ciphertext and gives it back with proof; believed in nothing.
 * Talks to: signer. Opens: its four plus four files in phase 1, nothing after; reads them only in
 * the sandbox, since a damaged file is hostile input. If compromised: old or missing data is
 * offered, and refused by the signer (freshness). If it dies: the supervisor starts it again; what
 * was acknowledged is on the disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"
#include "db_disk.h"
#include "disk.h"
#include "log_line.h"
#include "proc_start.h"
#include "store_core.h"

#define FILE_BYTES_MAX (UINT64_C(1) << 42)
#define ROOM_WAIT_US   200
#define MAX_MIB_LEAST  16 /* the largest value is half of what is kept back then (DB_RESERVE) */
#define IDLE_WAIT_US   100000
#define EXIT_BROKEN    74
#define FILL_EACH      64 /* requests between two looks at how full it is */

static struct db_files files[DB_ROLE_COUNT];
static struct store store;
static struct disk_file items[DISK_ITEM_COUNT]; /* for backups */
static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], answer_bytes[CALL_STORE_MESSAGE_MAX];

static void complain(enum log_level level, const char *event, const char *what)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_text(&line, "what", what);
	log_end(&line);
}

/* A file that genesis is yet to write is there, empty. */
static enum status read_item(unsigned item, struct buffer *ret_content)
{
	return disk_file_read(&items[item], DISK_ITEM_MAX, ret_content);
}

static enum status write_item(unsigned item, struct bytes content)
{
	return disk_file_write(&items[item], content);
}

static void open_items(struct proc *proc, const char *path)
{
	for (unsigned i = 0; i < DISK_ITEM_COUNT; i++) {
		/* Genesis, which begins at the same time, makes these two, or finds them here: a
		 * store that came first would leave them out of every backup. */
		int made = i == DISK_SEALED_SHARE || i == DISK_ESCROW ? O_CREAT : 0;

		items[i] = disk_file_open(path, (enum disk_region)i, O_RDONLY | made);
		if (items[i].fd >= 0)
			proc_keep_descriptor(proc, items[i].fd);
	}
}

static enum status open_one(struct proc *proc, int directory, const char *name,
                            struct db_files *one)
{
	enum status status = db_files_open(directory, name, one);

	if (status == STATUS_BUSY)
		complain(LOG_ERROR, "store.locked", "another process has these files open");
	else if (status != STATUS_OK)
		complain(LOG_ERROR, "store.files", strerror(errno));
	for (int i = 0; status == STATUS_OK && i < DB_FILE_COUNT; i++)
		proc_keep_descriptor(proc, one->fds[i]);
	return status;
}

/* The appliance's data disk takes the place of a folder. */
static enum status open_disk(struct proc *proc, const char *path)
{
	uint64_t bytes;
	enum status status;
	int fd;

	status = disk_open(path, &fd, &bytes);
	if (status == STATUS_OK) {
		proc_keep_descriptor(proc, fd);
		status = db_disk_attach(&db_io_system, fd, bytes, files);
	}
	if (status == STATUS_TOO_LARGE)
		complain(LOG_ERROR, "store.files", "the data disk is smaller than 128 MiB");
	else if (status == STATUS_CORRUPT)
		complain(LOG_ERROR, "store.files", "the data disk's table of lengths is damaged");
	else if (status != STATUS_OK)
		complain(LOG_ERROR, "store.files", strerror(errno));
	proc->file_bytes_max = FILE_BYTES_MAX;
	return status;
}

static enum status store_open_files(struct proc *proc)
{
	const char *path = proc_setting(proc, "state_dir");
	uint64_t max_mib;
	enum status status;
	int directory;

	if (path[0] == '\0') {
		complain(LOG_ERROR, "store.files", "the setting state_dir is missing");
		return STATUS_REFUSED;
	}
	_Static_assert(DISK_ITEM_COUNT == CALL_STORE_PART_COUNT - CALL_STORE_PART_ITEMS,
	               "a backup has each");
	if (disk_is_device(path)) {
		open_items(proc, path);
		return open_disk(proc, path);
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		complain(LOG_ERROR, "store.files", strerror(errno));
		return STATUS_IO;
	}
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0) {
		complain(LOG_ERROR, "store.files", strerror(errno));
		return STATUS_IO;
	}
	status = proc_setting_number(proc, "store_max_mb", 0, FILE_BYTES_MAX >> 20, &max_mib);
	if (status != STATUS_OK || (max_mib != 0 && max_mib < MAX_MIB_LEAST)) {
		complain(LOG_ERROR, "store.malformed", "store_max_mb is a number from 16");
		close(directory);
		return STATUS_MALFORMED;
	}
	status = open_one(proc, directory, "state", &files[DB_ROLE_STATE]);
	if (status == STATUS_OK)
		status = open_one(proc, directory, "segments", &files[DB_ROLE_SEGMENTS]);
	for (int role = 0; role < DB_ROLE_COUNT; role++)
		files[role].main_max = (max_mib << 20) / DB_ROLE_COUNT;
	close(directory);
	open_items(proc, path);
	proc->file_bytes_max = FILE_BYTES_MAX;
	return status;
}

/* send_answer waits for room: an answer is never dropped while the peer is there. Requests that
 * come meanwhile do not end the sleep. */
static void send_answer(void *context, uint32_t kind, struct bytes message)
{
	struct proc *proc = context;
	struct ipc_channel *signer = proc_channel(proc, PROC_signer, 0);
	enum status status;

	while ((status = ipc_put(signer, kind, message)) == STATUS_BUSY && !proc_stopping())
		ipc_wait_room(ROOM_WAIT_US);
	CHECK(status != STATUS_TOO_LARGE && status != STATUS_MALFORMED);
}

/* take_one serves one message; false when there was none. */
static bool take_one(struct ipc_channel *signer, struct store_sink *sink)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	enum status status = ipc_take(signer, &message);

	if (status == STATUS_CONFLICT) {
		ipc_acknowledge(signer);
		return false;
	}
	if (status != STATUS_OK)
		return false;
	if (store_serve(&store, message.kind, buffer_bytes(&message.payload), sink) != STATUS_OK) {
		complain(LOG_ERROR, "store.bad_request", "the signer sent what no signer sends");
		ipc_complain(signer, IPC_COMPLAINT_BROKEN);
	}
	return true;
}

/* tell_fill says how full it is, when that has changed. */
static void tell_fill(struct ipc_channel *signer)
{
	static struct call_store_fill told;
	struct call_store_fill now = {db_fill(&store.state), db_fill(&store.segments), 0};

	if (store.opened != STATUS_OK)
		return;
	now.state_bytes = store.state.files->main_max;
	if (memcmp(&now, &told, sizeof(now)) != 0 &&
	    ipc_put(signer, CALL_STORE_FILL, bytes_of(&now, sizeof(now))) == STATUS_OK)
		told = now;
}

static void open_databases(void)
{
	store_open(&store, &files[DB_ROLE_STATE], &files[DB_ROLE_SEGMENTS]);
	store.read_item = read_item;
	store.write_item = items[DISK_SITE].is_item ? write_item : NULL; /* of a disk only */
	if (store.opened != STATUS_OK) {
		/* It stays to say so: every request is answered with this status. */
		complain(LOG_ERROR, "store.refused", store_trouble(&store));
		return;
	}
	struct log_line line;

	log_begin(&line, LOG_INFO, "store.opened");
	log_number(&line, "seq", (int64_t)store.head.seq);
	log_number(&line, "values", (int64_t)store.head.value_count);
	log_end(&line);
}

static int store_run(struct proc *proc)
{
	struct ipc_channel *signer = proc_channel(proc, PROC_signer, 0);
	unsigned served = 0;
	struct store_sink sink = {
	    .answer = send_answer, .context = proc, .message = BUFFER_OF_ARRAY(answer_bytes)};

	CHECK(signer != NULL);
	open_databases();
	tell_fill(signer);
	proc_report_ready(proc);
	while (!store_is_broken(&store)) {
		if (served >= FILL_EACH) {
			tell_fill(signer);
			served = 0;
		}
		if (take_one(signer, &sink)) {
			served++;
			continue;
		}
		store_flush(&store, &sink); /* all that came together share one sync */
		if (ipc_ready(signer))
			continue;
		if (proc_stopping())
			break;
		if (served != 0)
			tell_fill(signer);
		served = 0;
		ipc_wait(&proc->waiter, IDLE_WAIT_US);
	}
	if (store_is_broken(&store)) {
		complain(LOG_ERROR, "store.broken", store_trouble(&store));
		return EXIT_BROKEN;
	}
	store_close(&store);
	return 0;
}

const struct proc_body proc_body = {.open = store_open_files, .serve = store_run};
