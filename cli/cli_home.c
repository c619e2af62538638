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

int cli_home_write(const struct cli_call *call, const char *path, struct bytes content, bool secret)
{
	char temporary[CLI_PATH_MAX + 8];
	int fd;
	bool written;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, secret ? 0600 : 0644);
	written = fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len &&
	          fsync(fd) == 0;
	if (fd >= 0)
		written = close(fd) == 0 && written;
	if (written && rename(temporary, path) == 0)
		return CLI_YES;
	cli_complain(call, "cannot write %s: %s", path, strerror(errno));
	(void)unlink(temporary);
	return CLI_UNSURE;
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

	if (access(path, F_OK) == 0) {
		cli_complain(call, "%s exists already; a key is never replaced", path);
		return CLI_UNSURE;
	}
	for (size_t i = 0; i < 64; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%u", i == 0 ? '[' : ',',
		                        key->bytes[i]);
	text[len++] = ']';
	text[len++] = '\n';
	result = cli_home_write(call, path, bytes_of(text, len), true);
	SECRET_WIPE(text);
	return result;
}
