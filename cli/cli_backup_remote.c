/* claviger backup --server: the store of a running signer, part by part, through the sealed channel
 * of changes. The only way for an appliance, whose store is a disk without files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "authz_answer.h"
#include "cli_backup.h"
#include "cli_change.h"
#include "secret.h"

static const char *const part_names[CALL_STORE_PART_COUNT] = {
    "state.db", "segments.db", "site", "sealed-share", "approvals", "genesis", "escrow"};

struct remote {
	struct cli_server server;
	struct keys_sign_key key;
	struct authz_backup_answer answer;
};

static int ask(struct remote *remote, const struct authz_backup_ask *ask)
{
	static const uint8_t none[32];
	uint8_t target[32];
	struct bytes bytes;
	int result;

	authz_backup_ask_put(ask, target);
	result = cli_query(&remote->server, &remote->key, AUTHZ_QUERY_BACKUP, target, none, &bytes);
	if (result == CLI_YES && authz_backup_answer_take(bytes, &remote->answer) != STATUS_OK) {
		cli_complain(remote->server.call, "the answer is no part of a backup");
		result = CLI_UNSURE;
	}
	return result;
}

static int complain(struct remote *remote, const char *path)
{
	cli_complain(remote->server.call, "cannot write %s: %s", path, strerror(errno));
	return CLI_UNSURE;
}

/* Reads a part to its end into `fd`. */
static int read_part(struct remote *remote, uint64_t id, uint32_t part, int fd, const char *path,
                     uint64_t *ret_len)
{
	struct authz_backup_ask wanted = {.step = CALL_STORE_BACKUP_READ, .part = part, .id = id};

	for (;;) {
		struct bytes bytes;
		int result = ask(remote, &wanted);

		if (result != CLI_YES)
			return result;
		bytes = remote->answer.bytes;
		if (write(fd, bytes.data, bytes.len) != (ssize_t)bytes.len)
			return complain(remote, path);
		wanted.at += bytes.len;
		/* An item comes whole; it may be empty. */
		if (bytes.len == 0 || part >= CALL_STORE_PART_ITEMS)
			break;
	}
	*ret_len = wanted.at;
	return CLI_YES;
}

static int save_part(struct remote *remote, uint64_t id, uint32_t part, const char *folder,
                     uint64_t *bytes)
{
	char path[CLI_PATH_MAX + 32];
	uint64_t len = 0;
	int result, fd;

	snprintf(path, sizeof(path), "%s/%s", folder, part_names[part]);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return complain(remote, path);
	result = read_part(remote, id, part, fd, path, &len);
	if (result == CLI_YES && part < CALL_STORE_PART_ITEMS && len != remote->answer.len[part]) {
		cli_complain(remote->server.call, "%s is not whole", path);
		result = CLI_UNSURE;
	}
	if (fsync(fd) != 0 && result == CLI_YES)
		result = complain(remote, path);
	close(fd);
	/* What is not there is no file. */
	if (len == 0)
		(void)unlink(path);
	if (len == 0 && part == CALL_STORE_PART_SEALED_SHARE && result == CLI_YES) {
		cli_complain(remote->server.call,
		             "the machine gave no sealed share, without which nothing opens");
		result = CLI_UNSURE;
	}
	*bytes += len;
	return result;
}

int cli_backup_remote(struct cli_call *call, const struct cli_server_options *options,
                      const char *operator_file, const char *folder, uint64_t *ret_bytes)
{
	struct authz_backup_ask step = {.step = CALL_STORE_BACKUP_BEGIN};
	struct remote remote = {.answer.id = 0};
	int result = cli_key_read(call, operator_file, &remote.key);

	if (result == CLI_YES)
		result = cli_server_open(&remote.server, call, options);
	if (result == CLI_YES)
		result = ask(&remote, &step);
	step = (struct authz_backup_ask){.step = CALL_STORE_BACKUP_END, .id = remote.answer.id};
	for (uint32_t part = 0; part < CALL_STORE_PART_COUNT && result == CLI_YES; part++)
		result = save_part(&remote, step.id, part, folder, ret_bytes);
	/* The last word is part of it: only a backup that was held to the end is one moment's. */
	if (result == CLI_YES)
		result = ask(&remote, &step);
	SECRET_WIPE(remote.key);
	return result;
}
