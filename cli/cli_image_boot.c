/* claviger image boot: makes the appliance's boot disk, with the image in its first slot. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_commands.h"
#include "cli_file.h"
#include "cli_home.h"
#include "disk.h"
#include "disk_boot.h"
#include "efi.h"
#include "keys.h"

/* read_image reads an image that firmware may start, and says what it will measure of it. */
static int read_image(const struct cli_call *call, const char *path, struct buffer *ret_image,
                      uint8_t ret_pcr[EFI_HASH_LEN])
{
	char message[CLI_PATH_MAX + 256];
	uint8_t hash[EFI_HASH_LEN];

	if (cli_file_read(path, DISK_BOOT_IMAGE_MAX, ret_image, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (efi_image_hash(buffer_bytes(ret_image), hash) != STATUS_OK) {
		cli_complain(call, "%s is not an EFI program for x86-64", path);
		return CLI_NO;
	}
	efi_predict_code(hash, ret_pcr);
	return CLI_YES;
}

static int open_target(const struct cli_call *call, const char *path, int *ret_fd)
{
	uint64_t bytes = 0;
	enum status status;

	if (access(path, F_OK) != 0) {
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		bool made = fd >= 0 && ftruncate(fd, (off_t)DISK_BOOT_BYTES_MIN) == 0;

		if (fd >= 0)
			close(fd);
		if (!made) {
			cli_complain(call, "cannot make %s: %s", path, strerror(errno));
			return CLI_UNSURE;
		}
	}
	status = disk_open(path, ret_fd, &bytes);
	if (status == STATUS_OK && bytes >= DISK_BOOT_BYTES_MIN)
		return CLI_YES;
	cli_complain(call, "%s: %s", path,
	             status == STATUS_IO ? strerror(errno) : "a boot disk has 129 MiB or more");
	return CLI_UNSURE;
}

/* A disk that begins with something else, and not with zeros, is somebody's. */
static int check_ours(const struct cli_call *call, const char *path, int fd)
{
	static const uint8_t zeros[DISK_BOOT_SECTOR];
	uint8_t sector[DISK_BOOT_SECTOR];
	struct disk_boot disk;

	if (disk_boot_open(fd, &disk) == STATUS_OK ||
	    (pread(fd, sector, sizeof(sector), 0) == (ssize_t)sizeof(sector) &&
	     memcmp(sector, zeros, sizeof(zeros)) == 0))
		return CLI_YES;
	cli_complain(call,
	             "%s begins with something that is not a boot disk of ours: nothing was "
	             "written. If it may go, put zeros over its first MiB",
	             path);
	return CLI_NO;
}

static enum status write_disk(int fd, struct bytes image, const uint8_t pcr[EFI_HASH_LEN])
{
	struct disk_boot_slot whole = {.state = DISK_BOOT_WHOLE, .image_len = (uint32_t)image.len};
	struct disk_boot disk;
	uint8_t random[4];
	enum status status;

	keys_random(random, sizeof(random));
	memcpy(whole.pcr, pcr, sizeof(whole.pcr));
	status = disk_boot_make(fd, load_le32(random), &disk);
	if (status == STATUS_OK)
		status = disk_boot_put(&disk, 0, 0, image);
	if (status == STATUS_OK)
		status = disk_boot_seal(&disk, 0, (uint32_t)image.len);
	return status == STATUS_OK ? disk_boot_note(&disk, 0, &whole) : status;
}

static int run_boot(struct cli_call *call)
{
	uint8_t pcr[EFI_HASH_LEN];
	struct buffer image;
	int result, fd = -1;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "takes the image and the disk");
	keys_open();
	result = read_image(call, call->arguments[0], &image, pcr);
	if (result == CLI_YES)
		result = open_target(call, call->arguments[1], &fd);
	if (result == CLI_YES)
		result = check_ours(call, call->arguments[1], fd);
	if (result == CLI_YES && write_disk(fd, buffer_bytes(&image), pcr) != STATUS_OK) {
		cli_complain(call, "cannot write %s: %s", call->arguments[1], strerror(errno));
		result = CLI_UNSURE;
	}
	if (fd >= 0)
		close(fd);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

const struct cli_command cli_image_boot = {
    .name = "image boot",
    .arguments = "IMAGE DISK",
    .sentence = "make the appliance's boot disk",
    .run = run_boot,
    .help =
        "Writes IMAGE (build/image/claviger-signed.efi) onto DISK, a block device or a file of at\n"
        "least 129 MiB (it is made when it is not there): two slots, of which firmware starts the\n"
        "first; `claviger machine update` writes the other one later. All that was on the disk is\n"
        "lost; one that begins with something else is refused.\n",
};
