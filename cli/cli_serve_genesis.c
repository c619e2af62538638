/* serve's first start: its software TPM is provisioned by itself, single operator, with keys beside
 * it: nothing measures this host, so all that its approvals say is zeros. What a first start fixes,
 * a later one only compares with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_authority.h"
#include "cli_file.h"
#include "cli_serve.h"
#include "cli_tpm.h"
#include "disk.h"

/* Lies in the state folder from before a first start does anything until the signer serves; holds
 * what share_of says. */
#define BEGAN  "genesis-began"
#define SEALED "store/sealed-share" /* the unsealer's file: its absence means genesis */

/* share_of: the commitment of the lost machine's share that this one takes the place of, or
 * nothing. */
static struct bytes share_of(const struct approval_manifest *told)
{
	return bytes_of(told->share, told->is_recovery ? sizeof(told->share) : 0);
}

/* A first start that was interrupted left no sealed share, or one that genesis did not finish. */
static int find_genesis(const struct cli_call *call, const char *path, bool *ret_genesis)
{
	uint8_t raw[DISK_SHARE_LEN];
	struct buffer share = BUFFER_OF_ARRAY(raw);
	struct disk_file file = disk_file_of(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	enum status status = STATUS_OK;

	if (file.fd >= 0)
		status = disk_file_read(&file, sizeof(raw), &share);
	else if (errno != ENOENT)
		status = STATUS_IO;
	if (file.fd >= 0)
		close(file.fd);
	if (status != STATUS_OK) {
		cli_complain(call, "cannot read %s", path);
		return CLI_UNSURE;
	}
	*ret_genesis = disk_share_is_begun(buffer_bytes(&share));
	return CLI_YES;
}

/* What cannot be looked at counts as there. */
static bool is_there(const struct cli_serve *serve, const char *name, struct stat *ret_info)
{
	char path[CLI_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", serve->state, name);
	return lstat(path, ret_info) == 0 || errno != ENOENT;
}

/* check_unused: what genesis writes may be all that there is of another one, and its TPM, too. */
static int check_unused(const struct cli_call *call, const struct cli_serve *serve)
{
	static const char *const written[] = {SEALED, "store/genesis", "store/approvals",
	                                      "store/escrow"};
	struct stat info;

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		if (!is_there(serve, written[i], &info))
			continue;
		cli_complain(call,
		             serve->recover != NULL
		                 ? "%s/%s is there: in the place of a lost machine nothing but the "
		                   "two databases of its backup belongs into that folder; keep the "
		                   "rest elsewhere (docs/recovery.md)"
		                 : "%s/%s is there without a sealed share whose genesis is over: a "
		                   "first start would write another one. Put sealed-share back, "
		                   "which a backup has, or choose another --state",
		             serve->state, written[i]);
		return CLI_NO;
	}
	return CLI_YES;
}

/* check_store: a store opens by the share that it was begun with, and that one is given or gone. */
static int check_store(const struct cli_call *call, const struct cli_serve *serve, bool began)
{
	struct stat store, kept, named;
	bool there = is_there(serve, "store/state.db", &store);

	if (serve->recover == NULL && there && !began) {
		cli_complain(
		    call,
		    "%s/store has databases, and no sealed-share that opens them: "
		    "put it back, which a backup has; or, when the TPM is lost, start with "
		    "--recover (docs/recovery.md)",
		    serve->state);
		return CLI_NO;
	}
	if (serve->recover == NULL)
		return CLI_YES;
	if (!there) {
		cli_complain(call,
		             "--recover needs the two databases of the lost machine's backup in "
		             "%s/store first (docs/recovery.md)",
		             serve->state);
		return CLI_NO;
	}
	if (is_there(serve, "store/escrow", &kept) && stat(serve->recover, &named) == 0 &&
	    kept.st_dev == named.st_dev && kept.st_ino == named.st_ino) {
		cli_complain(call,
		             "--recover %s: genesis writes that file anew, and the recovery "
		             "key opens this one: keep it elsewhere, and name it there",
		             serve->recover);
		return CLI_NO;
	}
	return CLI_YES;
}

/* find_begun: was a first start interrupted, and told the same as this one? Another one would begin
 * a node of its own over a lost machine's store, or take that one's place over a store of its own.
 */
static int find_begun(const struct cli_call *call, const struct cli_serve *serve, const char *path,
                      const struct approval_manifest *told, bool *ret_began)
{
	struct buffer file;
	char message[CLI_PATH_MAX + 128];
	bool same;

	*ret_began = access(path, F_OK) == 0;
	if (!*ret_began)
		return CLI_YES;
	if (cli_file_read(path, sizeof(told->share), &file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	same = bytes_equal(buffer_bytes(&file), share_of(told));
	free(file.data);
	if (same)
		return CLI_YES;
	cli_complain(call,
	             "the first start in %s was interrupted, and it was told %s: start as then, or "
	             "choose another --state (docs/recovery.md)",
	             serve->state,
	             serve->recover == NULL ? "--recover, to take a lost machine's place"
	                                    : "another --recover, or none");
	return CLI_NO;
}

/* A first start that was interrupted begins anew, with a new TPM: nothing hangs on the old one. A
 * TPM that was there before the first start is kept: swtpm_setup made it, with a certificate. */
static int provision(const struct cli_call *call, const struct cli_serve *serve,
                     const struct approval_manifest *told)
{
	static const uint8_t nothing[APPROVAL_RELEASE_PCRS][32];
	static const char *const left_over[] = {SEALED, "store/escrow", "tpm/tpm2-00.permall"};
	char path[CLI_PATH_MAX + 32], keys[CLI_PATH_MAX + 32];
	bool began;
	int result;

	snprintf(path, sizeof(path), "%s/" BEGAN, serve->state);
	result = find_begun(call, serve, path, told, &began);
	if (result == CLI_YES && !began)
		result = check_unused(call, serve);
	if (result == CLI_YES)
		result = check_store(call, serve, began);
	if (result != CLI_YES)
		return result;
	result = cli_home_write(call, path, share_of(told), true);
	if (result != CLI_YES)
		return result;
	for (size_t i = 0; began && i < sizeof(left_over) / sizeof(left_over[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", serve->state, left_over[i]);
		if (unlink(path) != 0 && errno != ENOENT) {
			cli_complain(call, "cannot remove %s: %s", path, strerror(errno));
			return CLI_UNSURE;
		}
	}
	snprintf(path, sizeof(path), "%s/store", serve->state);
	snprintf(keys, sizeof(keys), "%s/authority", serve->state);
	return cli_tpm_single(call, keys, path, told, nothing, nothing);
}

int cli_serve_genesis(const struct cli_call *call, struct cli_serve *serve)
{
	static struct approval_sealed sealed;
	struct approval_manifest told = {.is_recovery = false};
	char path[CLI_PATH_MAX + 32];
	int result;

	snprintf(path, sizeof(path), "%s/" SEALED, serve->state);
	result = find_genesis(call, path, &serve->is_genesis);
	if (result == CLI_YES)
		result = cli_tpm_told(call, serve->recovery, serve->recover, &told);
	if (result != CLI_YES)
		return result;
	if (serve->is_genesis)
		return provision(call, serve, &told);
	/* The unsealer says in words what is wrong with a share; here only who asks is answered. */
	if (serve->recovery == NULL && serve->recover == NULL)
		return CLI_YES;
	result = cli_sealed_read(call, path, &sealed);
	return result == CLI_YES ? cli_tpm_judge(call, &sealed.manifest, &told) : result;
}

int cli_serve_genesis_over(const struct cli_call *call, const struct cli_serve *serve)
{
	char path[CLI_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/" BEGAN, serve->state);
	if (unlink(path) == 0 || errno == ENOENT)
		return CLI_YES;
	cli_complain(call, "cannot remove %s: %s", path, strerror(errno));
	return CLI_UNSURE;
}
