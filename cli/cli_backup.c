/* claviger backup: a copy of a state folder that is consistent, also of a running one.
 *
 * The databases are SQLite's, in write-ahead mode: a page goes into the log first and later, from
 * there, into the database. So the database is copied before its log, and the copy stands for the
 * last commit that the log's copy holds; unless the log was begun anew meanwhile, which its header
 * tells: then it is copied again. Marks are copied first: they may only be too low. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_backup.h"
#include "cli_commands.h"
#include "cli_home.h"
#include "cli_out.h"
#include "cli_tpm.h"

#define LOG_HEADER_LEN 32 /* of a write-ahead log: salts among it */
#define TRIES          20
#define CHUNK          65536

struct backup {
	const struct cli_call *call;
	const char *from, *to;
	uint64_t bytes;
};

static bool read_head(const struct backup *backup, const char *name,
                      uint8_t ret_head[LOG_HEADER_LEN])
{
	char path[CLI_PATH_MAX + 64];
	ssize_t len = 0;
	int fd;

	memset(ret_head, 0, LOG_HEADER_LEN);
	snprintf(path, sizeof(path), "%s/%s", backup->from, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		len = pread(fd, ret_head, LOG_HEADER_LEN, 0);
		close(fd);
	}
	return fd >= 0 && len >= 0;
}

static int fail(const struct backup *backup, const char *what, const char *path)
{
	cli_complain(backup->call, "cannot %s %s: %s", what, path, strerror(errno));
	return CLI_UNSURE;
}

static bool copy_bytes(int from, int to, uint64_t *ret_bytes)
{
	static uint8_t chunk[CHUNK];
	ssize_t len;

	while ((len = read(from, chunk, sizeof(chunk))) > 0) {
		if (write(to, chunk, (size_t)len) != len)
			return false;
		*ret_bytes += (uint64_t)len;
	}
	return len == 0 && fsync(to) == 0;
}

/* copy_file copies a file; one that is not there is none, when `optional`. */
static int copy_file(struct backup *backup, const char *name, bool optional)
{
	char from_path[CLI_PATH_MAX + 64], to_path[CLI_PATH_MAX + 64];
	int from, to;
	bool copied;

	snprintf(from_path, sizeof(from_path), "%s/%s", backup->from, name);
	snprintf(to_path, sizeof(to_path), "%s/%s", backup->to, name);
	from = open(from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0)
		return optional && errno == ENOENT ? CLI_YES : fail(backup, "read", from_path);
	to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	copied = to >= 0 && copy_bytes(from, to, &backup->bytes);
	close(from);
	if (to >= 0)
		copied = close(to) == 0 && copied;
	return copied ? CLI_YES : fail(backup, "copy to", to_path);
}

static int copy_database(struct backup *backup, const char *name)
{
	char database[64], journal[64], log[64], mark[64];
	uint8_t before[LOG_HEADER_LEN], after[LOG_HEADER_LEN];

	snprintf(database, sizeof(database), "%s.db", name);
	snprintf(journal, sizeof(journal), "%s.db-journal", name);
	snprintf(log, sizeof(log), "%s.db-wal", name);
	snprintf(mark, sizeof(mark), "%s.mark", name);
	for (int i = 0; i < TRIES; i++) {
		int result;

		if (!read_head(backup, log, before))
			return fail(backup, "read", log);
		result = copy_file(backup, mark, true);
		if (result == CLI_YES)
			result = copy_file(backup, database, false);
		if (result == CLI_YES)
			result = copy_file(backup, log, false);
		if (result == CLI_YES)
			result = copy_file(backup, journal, true);
		if (result != CLI_YES)
			return result;
		if (!read_head(backup, log, after))
			return fail(backup, "read", log);
		if (memcmp(before, after, sizeof(before)) == 0)
			return CLI_YES;
	}
	cli_complain(backup->call, "the log of %s was begun anew each time: try again", name);
	return CLI_UNSURE;
}

/* find_store: `serve` keeps the store in a folder below its own. */
static int find_store(const struct cli_call *call, const char *state,
                      char ret_store[CLI_PATH_MAX + 32])
{
	char path[CLI_PATH_MAX + 64];
	struct stat info;

	snprintf(ret_store, CLI_PATH_MAX + 32, "%s/store", state);
	if (stat(ret_store, &info) != 0 || !S_ISDIR(info.st_mode))
		snprintf(ret_store, CLI_PATH_MAX + 32, "%s", state);
	snprintf(path, sizeof(path), "%s/state.db", ret_store);
	if (stat(path, &info) == 0)
		return CLI_YES;
	cli_complain(call, "%s holds no store: %s: %s", state, path, strerror(errno));
	return CLI_UNSURE;
}

/* A running `serve` or a stopped one, from its folder. */
static int back_up_folder(struct cli_call *call, const char *store, const char *out,
                          uint64_t *ret_bytes)
{
	static const char *const files[] = {"sealed-share", "approvals", "genesis", "escrow"};
	struct backup backup = {.call = call, .from = store, .to = out};
	int result;

	/* The state first: receipts may only be more than it knows of. */
	result = copy_database(&backup, "state");
	if (result == CLI_YES)
		result = copy_database(&backup, "segments");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && result == CLI_YES; i++)
		result = copy_file(&backup, files[i], true);
	*ret_bytes = backup.bytes;
	return result;
}

/* A workstation's TPM is a folder beside the store. */
static bool has_software_tpm(const char *state)
{
	char path[CLI_PATH_MAX + 32];
	struct stat info;

	snprintf(path, sizeof(path), "%s/tpm", state);
	return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void show(const struct cli_call *call, const char *folder, uint64_t bytes)
{
	struct cli_out out = {.file = cli_answer_file()};

	if (!call->json) {
		printf("%s: %llu bytes. It is ciphertext; what opens it is in the TPM, and in a\n"
		       "recovery key where there is one. A start from it needs the site's word\n"
		       "(claviger recover accept), and suspends every grant.\n",
		       folder, (unsigned long long)bytes);
		return;
	}
	cli_out_open(&out, '{');
	cli_out_name(&out, "folder");
	cli_out_text(&out, bytes_of_text(folder));
	cli_out_name(&out, "bytes");
	cli_out_number(&out, bytes);
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

/* warn says what a backup without a recovery key is worth, by what genesis was told. `state` is
 * NULL for one from afar. */
static void warn(const struct cli_call *call, const char *state, const char *out)
{
	static struct approval_sealed sealed;
	char path[CLI_PATH_MAX + 32], tpm[CLI_PATH_MAX + 64] = "that machine's TPM";

	snprintf(path, sizeof(path), "%s/sealed-share", out);
	if (cli_sealed_read(call, path, &sealed) != CLI_YES) {
		cli_complain(call, "so what opens this backup cannot be said: do not rely on it "
		                   "before it was restored once (docs/recovery.md)");
		return;
	}
	if (sealed.manifest.has_recovery)
		return;
	if (sealed.manifest.is_recovery) {
		cli_complain(call, "the copy of the node share for the recovery key is not in it "
		                   "but in the `escrow` of the machine before: keep that, too "
		                   "(docs/recovery.md)");
		return;
	}
	if (state != NULL && has_software_tpm(state))
		snprintf(tpm, sizeof(tpm), "the software TPM in %s/tpm", state);
	cli_complain(call,
	             "what opens it is %s, which is not in it, and no recovery key: without that "
	             "TPM it is worth nothing (docs/recovery.md)",
	             tpm);
}

static int run_backup(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *state = NULL, *out = NULL, *operator_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--state",    &state,         NULL},
	    {"--operator", &operator_file, NULL},
	    {"--out",      &out,           NULL},
	};
	char store[CLI_PATH_MAX + 32];
	uint64_t bytes = 0;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || out == NULL || (state == NULL) == (operator_file == NULL))
		return cli_usage(call, "needs --out FOLDER, and --state FOLDER or --operator FILE "
		                       "(of a running signer)");
	if (state != NULL) {
		result = find_store(call, state, store);
		if (result != CLI_YES)
			return result;
	}
	if (mkdir(out, 0700) != 0) {
		cli_complain(call, "cannot make %s: %s; a backup goes into a folder of its own",
		             out, strerror(errno));
		return CLI_UNSURE;
	}
	result = state != NULL ? back_up_folder(call, store, out, &bytes)
	                       : cli_backup_remote(call, &options, operator_file, out, &bytes);
	if (result != CLI_YES) {
		cli_complain(call, "%s is no whole backup", out);
		return result;
	}
	warn(call, state, out);
	show(call, out, bytes);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_backup = {
    .name = "backup",
    .arguments = "--out FOLDER --state FOLDER|--operator FILE",
    .sentence = "copy the store consistently, also while it runs",
    .run = run_backup,
    .help =
        "Copies both databases, the sealed share, approvals and escrow. Nothing in it is in\n"
        "clear. To go on from it see docs/recovery.md: what was granted, revoked or spent since\n"
        "then is not in it, and neither is the TPM that opens it: a recovery key, named at "
        "genesis\n"
        "(claviger serve --recovery, tpm provision --recovery), opens it elsewhere.\n\n"
        "--state FOLDER     of `serve` on this machine, which may be running\n"
        "--operator FILE    an operator's key: asks a running signer, an appliance among them,\n"
        "                   whose disk has no files (--server, --ca, --home). Signing goes on\n"
        "                   meanwhile. `claviger image disk --restore` puts it onto a disk\n",
};
