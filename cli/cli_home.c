/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_encode.h"
#include "base_limits.h"
#include "cli_config.h"
#include "cli_file.h"
#include "cli_json.h"
#include "keys_hpke.h"
#include "secret.h"

#define KEY_FILE_MAX 4096

static int make_folder(const struct cli_call *call, const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return CLI_YES;
	cli_complain(call, "cannot make the folder %s: %s", path, strerror(errno));
	return CLI_UNSURE;
}

int cli_home_open(const struct cli_call *call, const char *option, char ret_home[CLI_PATH_MAX])
{
	const char *user = getenv("HOME"), *from;
	int len, result = cli_config_load(call);

	if (result != CLI_YES)
		return result;
	from = cli_config_choose(CLI_CLIENT_HOME, option, NULL);
	if (from != NULL)
		len = snprintf(ret_home, CLI_PATH_MAX, "%s", from);
	else
		len = snprintf(ret_home, CLI_PATH_MAX, "%s/.claviger", user != NULL ? user : "/");
	if (len < 0 || len >= CLI_PATH_MAX) {
		cli_complain(call, "the path of the home folder is too long");
		return CLI_USAGE;
	}
	return make_folder(call, ret_home);
}

int cli_home_path(const struct cli_call *call, const char *home, const char *folder,
                  const char *name, const char *ending, char ret_path[CLI_PATH_MAX])
{
	int len = snprintf(ret_path, CLI_PATH_MAX, "%s/%s", home, folder);

	if (len > 0 && len < CLI_PATH_MAX) {
		int made = make_folder(call, ret_path);

		if (made != CLI_YES)
			return made;
		len = snprintf(ret_path, CLI_PATH_MAX, "%s/%s/%s%s", home, folder, name, ending);
	}
	if (len > 0 && len < CLI_PATH_MAX)
		return CLI_YES;
	cli_complain(call, "a path is too long");
	return CLI_USAGE;
}

/* The folder that a path lies in. */
static void folder_of(const char *path, char ret_folder[CLI_PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	snprintf(ret_folder, CLI_PATH_MAX, "%.*s", len == 0 ? 1 : (int)len, len == 0 ? "." : path);
}

/* A name that was made is lost with the power unless its folder is written, too. */
static bool sync_folder(const char *path)
{
	char folder[CLI_PATH_MAX];
	int fd;
	bool done;

	folder_of(path, folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	done = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return done;
}

static bool write_all(int fd, struct bytes content)
{
	while (content.len != 0) {
		ssize_t wrote = write(fd, content.data, content.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return false;
		content.data += wrote;
		content.len -= (size_t)wrote;
	}
	return true;
}

/* The content goes to a file of a name that nobody can know before, made by this call alone: what
 * lay there, a link or a file that others may read, would get it otherwise. -1 without one. */
static int open_beside(const char *path, bool secret, char ret_temporary[CLI_PATH_MAX + 8])
{
	mode_t mask;
	int fd;

	snprintf(ret_temporary, CLI_PATH_MAX + 8, "%s.XXXXXX", path);
	fd = mkostemp(ret_temporary, O_CLOEXEC); /* O_EXCL, mode 0600 */
	if (fd < 0) {
		ret_temporary[0] = '\0';
		return -1;
	}
	mask = umask(0);
	(void)umask(mask);
	if (secret || fchmod(fd, 0644 & ~mask) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static bool write_beside(const char *path, struct bytes content, bool secret,
                         char ret_temporary[CLI_PATH_MAX + 8])
{
	int fd = open_beside(path, secret, ret_temporary);
	bool written = fd >= 0 && write_all(fd, content) && fsync(fd) == 0;

	return fd >= 0 && close(fd) == 0 && written;
}

/* Gives the file its name, which nothing may have had before. A stick's file system (FAT) has no
 * hard links, and others do not know of a renaming that replaces nothing. */
static bool rename_new(const char *temporary, const char *path)
{
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return true;
	if ((errno != EINVAL && errno != ENOSYS) || link(temporary, path) != 0)
		return false;
	(void)unlink(temporary);
	return true;
}

/* Gives what was written beside `path` its name; not `written`, or not possible: takes it away. */
static int name_file(const struct cli_call *call, const char *path, const char *temporary,
                     bool written, bool replaces)
{
	bool done = written;

	if (done)
		done = replaces ? rename(temporary, path) == 0 : rename_new(temporary, path);
	if (!done)
		cli_complain(call,
		             errno == EEXIST ? "%s exists already and is not replaced"
		                             : "cannot write %s: %s",
		             path, strerror(errno));
	if (temporary[0] != '\0' && !done)
		(void)unlink(temporary);
	if (!done)
		return CLI_UNSURE;
	if (sync_folder(path))
		return CLI_YES;
	cli_complain(call,
	             "%s is written, but its folder is not: it may be gone after a power cut: %s",
	             path, strerror(errno));
	return CLI_UNSURE;
}

static int write_file(const struct cli_call *call, const char *path, struct bytes content,
                      bool secret, bool replaces)
{
	char temporary[CLI_PATH_MAX + 8];
	bool written = write_beside(path, content, secret, temporary);

	return name_file(call, path, temporary, written, replaces);
}

int cli_home_begin(const struct cli_call *call, const char *path, struct cli_home_file *ret_file)
{
	int fd;

	if (access(path, F_OK) == 0) { /* told before much is fetched for nothing */
		errno = EEXIST;
		return name_file(call, path, "", false, false);
	}
	fd = open_beside(path, false, ret_file->temporary);
	ret_file->path = path;
	ret_file->file = fd < 0 ? NULL : fdopen(fd, "wb");
	if (ret_file->file != NULL)
		return CLI_YES;
	if (fd >= 0)
		(void)close(fd);
	return name_file(call, path, ret_file->temporary, false, false);
}

int cli_home_end(const struct cli_call *call, struct cli_home_file *file, int result)
{
	bool written =
	    ferror(file->file) == 0 && fflush(file->file) == 0 && fsync(fileno(file->file)) == 0;

	written = fclose(file->file) == 0 && written;
	if (result == CLI_YES)
		return name_file(call, file->path, file->temporary, written, false);
	(void)unlink(file->temporary);
	return result;
}

int cli_home_write(const struct cli_call *call, const char *path, struct bytes content, bool secret)
{
	return write_file(call, path, content, secret, true);
}

int cli_home_create(const struct cli_call *call, const char *path, struct bytes content,
                    bool secret)
{
	return write_file(call, path, content, secret, false);
}

bool cli_name_is_good(const char *name)
{
	size_t len = strlen(name);
	uint8_t id[32];

	/* A name that reads as an id or an address would be taken for one where both may stand. */
	return len > 0 && len <= LIMIT_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
	           len &&
	       strspn(name, "0123456789abcdefABCDEF") < HEX_LEN(sizeof(id)) &&
	       base58_decode_32(bytes_of(name, len), id) != STATUS_OK;
}

/* Takes the 64 numbers of a keypair file. */
static bool take_numbers(struct bytes text, uint8_t ret_bytes[64])
{
	struct cli_json_file file;
	char message[256];
	size_t count = 0;
	bool good;

	if (cli_json_parse(text, &file, message, sizeof(message)) != STATUS_OK)
		return false;
	good = cli_json_count(file.root, &count) && count == 64;
	for (size_t i = 0; good && i < 64; i++) {
		uint64_t number = 0;

		good = cli_json_u64(cli_json_item(file.root, i), &number) && number <= 255;
		ret_bytes[i] = (uint8_t)number;
	}
	cli_json_close(&file);
	return good;
}

static bool take_base58(struct bytes text, uint8_t ret_bytes[64])
{
	uint8_t space[BASE58_BYTES_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	bool good;

	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	good = base58_decode(text, &out) == STATUS_OK && out.len == 64;
	if (good)
		memcpy(ret_bytes, space, 64);
	SECRET_WIPE(space);
	return good;
}

int cli_key_read(const struct cli_call *call, const char *path, struct keys_sign_key *ret_key)
{
	struct buffer file;
	struct stat info;
	char message[256];
	bool good;

	if (cli_file_read(path, KEY_FILE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (strcmp(path, "-") != 0 && stat(path, &info) == 0 && (info.st_mode & 077) != 0)
		cli_complain(call, "others on this machine can reach %s: chmod 600 it", path);
	good = take_numbers(buffer_bytes(&file), ret_key->bytes) ||
	       take_base58(buffer_bytes(&file), ret_key->bytes);
	secret_wipe(file.data, file.len);
	free(file.data);
	if (!good && cli_escape_is(path, ret_key->bytes)) {
		cli_complain(
		    call,
		    "%s is an escape key (claviger key escape), which opens what is sealed "
		    "to it and signs nothing",
		    path);
		return CLI_UNSURE;
	}
	if (!good || !keys_sign_is_whole(ret_key)) {
		secret_wipe(ret_key, sizeof(*ret_key));
		cli_complain(
		    call,
		    "%s is not an ed25519 keypair: 64 numbers in JSON, or base58 of 64 bytes, "
		    "whose second half is the public key of the first",
		    path);
		return CLI_UNSURE;
	}
	return CLI_YES;
}

int cli_key_write(const struct cli_call *call, const char *path, const struct keys_sign_key *key)
{
	char text[64 * 4 + 4];
	size_t len = 0;
	int result;

	for (size_t i = 0; i < 64; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%u", i == 0 ? '[' : ',',
		                        key->bytes[i]);
	text[len++] = ']';
	text[len++] = '\n';
	result = cli_home_create(call, path, bytes_of(text, len), true);
	SECRET_WIPE(text);
	return result;
}

/* Takes the seed of an escape key's file, whose public key has to be the seed's. */
static bool take_escape(struct bytes text, uint8_t ret_seed[CLI_ESCAPE_SEED_LEN],
                        uint8_t ret_public[32])
{
	struct buffer seed = {ret_seed, CLI_ESCAPE_SEED_LEN, 0};
	struct cli_json_file file;
	struct keys_hpke_key key;
	char message[256];
	struct bytes named;
	bool good;

	if (cli_json_parse(text, &file, message, sizeof(message)) != STATUS_OK)
		return false;
	good = cli_json_text(cli_json_member(file.root, "claviger_escape_key"), &named) &&
	       base58_decode_32(named, ret_public) == STATUS_OK &&
	       cli_json_hex(cli_json_member(file.root, "seed"), &seed) &&
	       seed.len == CLI_ESCAPE_SEED_LEN;
	cli_json_close(&file);
	if (!good)
		return false;
	keys_hpke_from_seed(ret_seed, &key);
	good = memcmp(key.public, ret_public, 32) == 0;
	SECRET_WIPE(key.secret);
	return good;
}

int cli_escape_make(const struct cli_call *call, const char *path, uint8_t ret_public[32])
{
	uint8_t seed[CLI_ESCAPE_SEED_LEN];
	char text[256], public[BASE58_LEN(32) + 1], hex[HEX_LEN(CLI_ESCAPE_SEED_LEN) + 1];
	struct keys_hpke_key key;
	int len, result = CLI_UNSURE;

	keys_random(seed, sizeof(seed));
	keys_hpke_from_seed(seed, &key);
	hex_encode(BYTES_OF_ARRAY(seed), hex);
	if (base58_encode(BYTES_OF_ARRAY(key.public), public, sizeof(public)) == STATUS_OK) {
		len = snprintf(text, sizeof(text),
		               "{\"claviger_escape_key\":\"%s\",\"seed\":\"%s\"}\n", public, hex);
		result = cli_home_create(call, path, bytes_of(text, (size_t)len), true);
	}
	memcpy(ret_public, key.public, 32);
	SECRET_WIPE(key.secret);
	SECRET_WIPE(seed);
	SECRET_WIPE(hex);
	SECRET_WIPE(text);
	return result;
}

/* `message` says what is wrong, and where. */
static enum status read_escape(const char *path, uint8_t ret_seed[CLI_ESCAPE_SEED_LEN],
                               uint8_t ret_public[32], char *message, size_t cap)
{
	struct buffer file;
	enum status status = cli_file_read(path, KEY_FILE_MAX, &file, message, cap);

	if (status != STATUS_OK)
		return status;
	if (!take_escape(buffer_bytes(&file), ret_seed, ret_public)) {
		secret_wipe(ret_seed, CLI_ESCAPE_SEED_LEN);
		snprintf(message, cap,
		         "%s is no escape key (claviger key escape makes one), or damaged", path);
		status = STATUS_NOT_FOUND;
	}
	secret_wipe(file.data, file.len);
	free(file.data);
	return status;
}

int cli_escape_read(const struct cli_call *call, const char *path,
                    uint8_t ret_seed[CLI_ESCAPE_SEED_LEN])
{
	uint8_t public[32];
	char message[CLI_PATH_MAX + 128];

	if (read_escape(path, ret_seed, public, message, sizeof(message)) == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s", message);
	return CLI_UNSURE;
}

bool cli_escape_is(const char *path, uint8_t ret_public[32])
{
	uint8_t seed[CLI_ESCAPE_SEED_LEN];
	char message[CLI_PATH_MAX + 128];
	bool good = strcmp(path, "-") != 0 &&
	            read_escape(path, seed, ret_public, message, sizeof(message)) == STATUS_OK;

	SECRET_WIPE(seed);
	return good;
}
