/* updater: puts the next image onto the appliance's boot disk, and has firmware try it once.
 * Talks to: signer (orders, pieces, verdicts). Opens: the boot disk and two firmware variables in
 * phase 1, nothing after: which one the next start tries (BootNext), and the boot option that this
 * names. Holds no key and no secret. If compromised: another image lies on the boot disk, or none;
 * the next start tries any option of firmware's, also what is built in and no key of db signed; the
 * variables wear out. What unseals is only what both authorities approved: service denied. If it
 * dies: the supervisor starts it again; what was staged stays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base_check.h"
#include "disk.h"
#include "efi.h"
#include "log_line.h"
#include "proc_start.h"
#include "updater_slot.h"

#define VARIABLES    "/sys/firmware/efi/efivars"
#define GLOBAL       "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define OPTION       0x0c1a /* the number of our boot option, which is in no boot order */
#define OPTION_NAME  "Boot0C1A"
#define NO_OPTION    0x0c1b /* no option of ours has it: firmware passes over it */
#define ATTRIBUTES   7u     /* kept; seen before and after the start of a kernel */
#define IDLE_WAIT_US 500000
#define FILE_MAX     (UINT64_C(1) << 42)

static struct updater updater;
static int next_fd = -1, option_fd = -1;
static uint8_t message_bytes[CALL_UPDATE_SLOT_BYTES];

/* ---- phase 1 ---- */

static int open_variable(const char *name)
{
	char path[sizeof(VARIABLES) + sizeof(GLOBAL) + 16];

	snprintf(path, sizeof(path), "%s/%s%s", VARIABLES, name, GLOBAL);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* The kernel offers variables as files only. They are mounted for these two, and gone again. */
static void open_variables(struct proc *proc)
{
	if (mount("none", VARIABLES, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
		next_fd = open_variable("BootNext");
		option_fd = open_variable(OPTION_NAME);
		if (umount2(VARIABLES, MNT_DETACH) != 0)
			log_event(LOG_WARN, "updater.variables_stay");
	}
	if (next_fd >= 0)
		proc_keep_descriptor(proc, next_fd);
	if (option_fd >= 0)
		proc_keep_descriptor(proc, option_fd);
	updater.has_variables = next_fd >= 0 && option_fd >= 0;
	if (!updater.has_variables)
		log_event(LOG_WARN, "updater.no_variables");
}

/* The boot disk is the one that begins as ours do; of several, none. */
static void open_boot_disk(struct proc *proc)
{
	DIR *folder = opendir("/sys/class/block");
	struct dirent *entry;
	unsigned found = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		struct disk_boot disk;
		char path[300];
		uint64_t bytes;
		int fd, sector = 0;

		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		if (entry->d_name[0] == '.' || disk_open(path, &fd, &bytes) != STATUS_OK)
			continue;
		if (bytes < DISK_BOOT_BYTES_MIN || ioctl(fd, BLKSSZGET, &sector) != 0 ||
		    sector != (int)DISK_BOOT_SECTOR || disk_boot_open(fd, &disk) != STATUS_OK ||
		    found++ != 0) {
			close(fd);
			continue;
		}
		updater.disk = disk;
		proc_keep_descriptor(proc, fd);
	}
	if (folder != NULL)
		closedir(folder);
	updater.has_disk = found == 1;
	if (found != 1)
		log_event(LOG_WARN, found == 0 ? "updater.no_boot_disk" : "updater.boot_disks");
}

static enum status updater_open(struct proc *proc)
{
	void *image = mmap(NULL, DISK_BOOT_IMAGE_MAX, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (image == MAP_FAILED)
		return STATUS_IO;
	updater.image = image;
	open_boot_disk(proc);
	open_variables(proc);
	proc->file_bytes_max = FILE_MAX;
	return STATUS_OK;
}

/* ---- the next start ---- */

/* A variable is its attributes and its content, in one write; one that is so already stays. */
static enum status put_variable(int fd, struct bytes content)
{
	uint8_t space[4 + EFI_OPTION_MAX] = {ATTRIBUTES}, now[sizeof(space)];
	struct buffer whole = {space, sizeof(space), 4};

	CHECK(buffer_put(&whole, content) == STATUS_OK);
	if (pread(fd, now, sizeof(now), 0) == (ssize_t)whole.len &&
	    memcmp(now, space, whole.len) == 0)
		return STATUS_OK;
	return pwrite(fd, space, whole.len, 0) == (ssize_t)whole.len ? STATUS_OK : STATUS_IO;
}

static enum status put_next(uint16_t option)
{
	uint8_t number[] = {(uint8_t)option, (uint8_t)(option >> 8)};

	return put_variable(next_fd, BYTES_OF_ARRAY(number));
}

static enum status arm(void *context, const struct disk_boot *disk)
{
	struct efi_partition partition = {
	    .number = 2, /* the usual slot is the first */
	    .first = disk_boot_first(disk->usual ^ 1),
	    .sectors = DISK_BOOT_SLOT_BYTES / DISK_BOOT_SECTOR,
	    .disk_signature = disk->signature,
	};
	uint8_t space[EFI_OPTION_MAX];
	struct buffer option = BUFFER_OF_ARRAY(space);

	(void)context;
	CHECK(efi_option_put(&partition, "Claviger, next release", &option) == STATUS_OK);
	/* Firmware takes the number away before it starts what it names: it is tried once. */
	return put_variable(option_fd, buffer_bytes(&option)) == STATUS_OK ? put_next(OPTION)
	                                                                   : STATUS_IO;
}

/* A variable that is deleted takes its file along; one that names nothing is as good. */
static enum status disarm(void *context)
{
	(void)context;
	return put_next(NO_OPTION);
}

/* ---- phase 3 ---- */

static bool take_one(struct ipc_channel *signer)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(message_bytes)};
	enum status status = ipc_take(signer, &message);

	if (status == STATUS_CONFLICT)
		ipc_acknowledge(signer);
	if (status != STATUS_OK)
		return false;
	if (updater_take(&updater, message.kind, buffer_bytes(&message.payload)) != STATUS_OK) {
		log_event(LOG_ERROR, "updater.bad_request");
		ipc_complain(signer, IPC_COMPLAINT_BROKEN);
	}
	return true;
}

static int updater_run(struct proc *proc)
{
	struct ipc_channel *signer = proc_channel(proc, PROC_signer, 0);
	struct call_update_status told = {.state = 0};

	CHECK(signer != NULL);
	updater.arm = arm;
	updater.disarm = disarm;
	updater_begin(&updater);
	proc_report_ready(proc);
	while (!proc_stopping()) {
		bool worked = take_one(signer);

		worked |= updater_step(&updater);
		if (memcmp(&told, &updater.status, sizeof(told)) != 0 &&
		    ipc_put(signer, CALL_UPDATE_STATUS,
		            bytes_of(&updater.status, sizeof(updater.status))) == STATUS_OK)
			told = updater.status;
		if (!worked)
			ipc_wait(&proc->waiter, IDLE_WAIT_US);
	}
	return 0;
}

const struct proc_body proc_body = {.open = updater_open, .serve = updater_run};
