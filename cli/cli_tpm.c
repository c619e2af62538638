/* claviger tpm key|provision: keys of the authorities, and what genesis needs. No TPM is touched
 * here: the unsealer does that, with the files that are made here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_encode.h"
#include "cbor_reader.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_pcrs.h"
#include "cli_tpm.h"
#include "keys_hpke.h"
#include "secret.h"

static int run_key(struct cli_call *call)
{
	struct keys_p256_key key;
	char text[17];
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the file to write");
	keys_open();
	keys_p256_random(&key);
	result = cli_authority_write(call, call->arguments[0], &key);
	cli_authority_text(key.public, text);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"key\":\"%s\"}\n" : "%s\n", text);
	return cli_finish(call, CLI_YES);
}

static int make_folder(const struct cli_call *call, const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return CLI_YES;
	cli_complain(call, "cannot make %s: %s", path, strerror(errno));
	return CLI_UNSURE;
}

/* ---- what came out of genesis ---- */

#define ESCROW_VERSION 2
#define ESCROW_MAX     512

struct escrow {
	struct bytes auths, share;
	uint8_t genesis[32], commitment[32];
};

static enum status take_escrow(struct bytes file, struct escrow *ret_escrow)
{
	struct cbor_reader r;

	while (file.len > 0 && file.data[file.len - 1] == 0 && cbor_check(file) != STATUS_OK)
		file.len--; /* the rest of a region */
	cbor_reader_init(&r, file);
	cbor_take_map(&r, 5);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT32_MAX) != ESCROW_VERSION)
		cbor_fail(&r, STATUS_MALFORMED);
	cbor_take_key(&r, 2);
	ret_escrow->auths = cbor_take_bytes(&r, ESCROW_MAX);
	cbor_take_key(&r, 3);
	ret_escrow->share = cbor_take_bytes(&r, ESCROW_MAX);
	cbor_take_key(&r, 4);
	cbor_take_bytes_n(&r, ret_escrow->genesis, 32);
	cbor_take_bytes_n_at(&r, 5, ret_escrow->commitment, 32);
	cbor_take_end(&r);
	return cbor_done(&r);
}

/* read_escrow reads the file, which the caller frees after use. */
static int read_escrow(const struct cli_call *call, const char *path, struct buffer *ret_file,
                       struct escrow *ret_escrow)
{
	char message[256];

	if (cli_file_read(path, 65536, ret_file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (take_escrow(buffer_bytes(ret_file), ret_escrow) == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s is no escrow out of a genesis of this version", path);
	free(ret_file->data);
	return CLI_NO;
}

int cli_sealed_read(const struct cli_call *call, const char *path,
                    struct approval_sealed *ret_sealed)
{
	struct buffer file;
	char message[256];
	bool good;

	if (cli_file_read(path, APPROVAL_SEALED_MAX, &file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	good = approval_sealed_take(buffer_bytes(&file), ret_sealed) == STATUS_OK;
	free(file.data);
	if (good)
		return CLI_YES;
	cli_complain(call, "%s is no sealed share of this version, or is damaged", path);
	return CLI_NO;
}

/* ---- the plan of a provisioning ---- */

struct plan {
	const struct cli_call *call;
	struct approval_manifest manifest;
	struct approval_file approvals;
};

/* appoint_self: a root is the first working key of its authority. */
static int appoint_self(struct plan *plan, bool is_site, const struct keys_p256_key *root)
{
	struct approval_appointment self = {.is_site = is_site, .level = APPROVAL_LEVEL_MAX};

	memcpy(self.key, root->public, APPROVAL_KEY_LEN);
	return cli_appoint_add(plan->call, root, &plan->approvals, &self);
}

static int sign_plan(struct plan *plan, const struct keys_p256_key *site,
                     const uint8_t release_root[APPROVAL_KEY_LEN])
{
	struct approval_file *file = &plan->approvals;
	struct approval_delegate *delegate = &file->delegates[0];

	memcpy(plan->manifest.release_root, release_root, APPROVAL_KEY_LEN);
	*delegate = (struct approval_delegate){.level = 1};
	memcpy(delegate->release_key, release_root, APPROVAL_KEY_LEN);
	file->delegate_count = 1;
	if (cli_manifest_sign(site, &plan->manifest) == STATUS_OK) {
		approval_scope_of(&plan->manifest, &file->scope);
		if (cli_approve_delegate(site, &file->scope, delegate) == STATUS_OK)
			return appoint_self(plan, true, site);
	}
	cli_complain(plan->call, "signing failed");
	return CLI_UNSURE;
}

static int write_plan(const struct plan *plan, const char *folder)
{
	char path[CLI_PATH_MAX + 32];
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);
	int result;

	if (approval_manifest_put(&plan->manifest, &out) != STATUS_OK)
		return CLI_UNSURE;
	snprintf(path, sizeof(path), "%s/genesis", folder);
	result = cli_home_write(plan->call, path, buffer_bytes(&out), false);
	snprintf(path, sizeof(path), "%s/approvals", folder);
	return result == CLI_YES ? cli_approvals_write(plan->call, path, &plan->approvals) : result;
}

static void show_plan(const struct plan *plan)
{
	char site[17], release[17];
	bool single = plan->manifest.is_single;

	cli_authority_text(plan->manifest.site_root, site);
	cli_authority_text(plan->manifest.release_root, release);
	printf(
	    "Genesis will, on a TPM that has no owner and nothing of ours:\n"
	    "  - make a storage key, four NV indices and a node share, sealed to it in two "
	    "halves;\n"
	    "  - set owner and lockout authorization to random values, which come back sealed to\n"
	    "    the escrow key in the file `escrow` (keep it: without it the TPM can only be\n"
	    "    cleared), allow 32 wrong guesses, and forbid TPM2_Clear.\n"
	    "One half opens only when the release root (%s), or a key that it appointed,\n"
	    "has approved what was started; the other only when the site root (%s), or a key\n"
	    "that it appointed, has approved the firmware under it and which release key counts",
	    release, site);
	if (plan->manifest.approver_count != 0)
		printf(",\nand one of %u approvers has signed for that very start",
		       plan->manifest.approver_count);
	printf(
	    ".\nBoth roots are fixed for the life of what is sealed: keep them offline, apart.\n");
	if (plan->manifest.has_recovery)
		printf("A copy of the node share is sealed to the recovery key: whoever has that "
		       "key and a\ncopy of the store has everything.\n");
	else if (plan->manifest.is_recovery)
		printf("The share stays what the lost machine's recovery key opens: whoever has "
		       "that key, its\n`escrow` and a copy of the store has everything. Evidence "
		       "says so.\n");
	else
		printf("There is no recovery key: when this TPM is lost, what the store holds is "
		       "lost, but\nfor escape copies.\n");
	if (plan->manifest.is_recovery) {
		char share[HEX_LEN(32) + 1];

		hex_encode(BYTES_OF_ARRAY(plan->manifest.share), share);
		printf("It waits for the node share of the machine in whose place this one is "
		       "(claviger recover\nshare), before it touches the TPM, and takes no other "
		       "one: %s\nis what that machine's evidence says of its share.\n",
		       share);
	}
	if (single)
		printf("One person holds both keys (single operator): nothing stops that person "
		       "from starting\nother software. Evidence says so.\n");
}

static void answer_roots(const struct cli_call *call, const struct approval_manifest *manifest,
                         bool written)
{
	char site[17], release[17];

	if (!call->json)
		return;
	cli_authority_text(manifest->site_root, site);
	cli_authority_text(manifest->release_root, release);
	cli_answer("{\"site_root\":\"%s\",\"release_root\":\"%s\",\"written\":%s}\n", site, release,
	           written ? "true" : "false");
}

/* ---- the loss of machines ---- */

static int take_x25519(const struct cli_call *call, const char *option, const char *text,
                       uint8_t ret_key[32])
{
	if (base58_decode_32(bytes_of_text(text), ret_key) == STATUS_OK)
		return CLI_YES;
	return cli_usage(call, "%s takes a key as `claviger key escape` prints it, not %s", option,
	                 text);
}

/* take_lost: which share genesis will take, out of the lost machine's escrow. */
static int take_lost(const struct cli_call *call, const char *path, uint8_t ret_share[32])
{
	struct escrow escrow;
	struct buffer file;
	int result = read_escrow(call, path, &file, &escrow);

	if (result != CLI_YES)
		return result;
	free(file.data);
	memcpy(ret_share, escrow.commitment, sizeof(escrow.commitment));
	if (escrow.share.len != 0)
		return CLI_YES;
	cli_complain(call,
	             "%s has no copy of the node share: its genesis named no recovery key, and "
	             "without that machine's TPM nothing gives the share. If it was itself in the "
	             "place of another one, name the other's escrow",
	             path);
	return CLI_NO;
}

int cli_tpm_told(const struct cli_call *call, const char *recovery, const char *recover,
                 struct approval_manifest *ret_told)
{
	int result = CLI_YES;

	ret_told->is_recovery = recover != NULL;
	ret_told->has_recovery = recovery != NULL;
	if (recover != NULL)
		result = take_lost(call, recover, ret_told->share);
	if (result == CLI_YES && recovery != NULL)
		result = take_x25519(call, "--recovery", recovery, ret_told->recovery);
	return result;
}

int cli_tpm_judge(const struct cli_call *call, const struct approval_manifest *manifest,
                  const struct approval_manifest *told)
{
	char text[64] = "none";

	if (manifest->has_recovery &&
	    base58_encode(bytes_of(manifest->recovery, 32), text, sizeof(text)) != STATUS_OK)
		return CLI_UNSURE;
	if (told->has_recovery &&
	    (!manifest->has_recovery || memcmp(told->recovery, manifest->recovery, 32) != 0)) {
		cli_complain(
		    call,
		    "the recovery key that this signer was made with is %s, and another "
		    "one would open nothing: only a first start names one. Take the "
		    "setting away (--recovery, CLAVIGER_RECOVERY, serve.recovery), or make "
		    "a signer with that key and move the wallets there (docs/recovery.md)",
		    text);
		return CLI_NO;
	}
	if (told->is_recovery &&
	    (!manifest->is_recovery || memcmp(told->share, manifest->share, 32) != 0)) {
		cli_complain(
		    call, "--recover names another share than the one that this signer has: only "
		          "a first start takes one. Choose a new --state, and put nothing but "
		          "the backup's two databases into its folder `store` "
		          "(docs/recovery.md)");
		return CLI_NO;
	}
	return CLI_YES;
}

/* ---- one person with all keys ---- */

static int find_authority(const struct cli_call *call, const char *folder, const char *name,
                          struct keys_p256_key *ret_key)
{
	char path[CLI_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (access(path, F_OK) == 0)
		return cli_authority_read(call, path, ret_key);
	keys_p256_random(ret_key);
	return cli_authority_write(call, path, ret_key);
}

static int find_escrow(const struct cli_call *call, const char *folder, uint8_t ret_public[32])
{
	char path[CLI_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/escrow.json", folder);
	if (access(path, F_OK) != 0)
		return cli_escape_make(call, path, ret_public);
	if (cli_escape_is(path, ret_public))
		return CLI_YES;
	cli_complain(call, "%s is no escape key (claviger key escape makes one), or damaged", path);
	return CLI_UNSURE;
}

static int plan_single(struct plan *plan, const char *folder,
                       const uint8_t release_pcrs[APPROVAL_RELEASE_PCRS][32],
                       const uint8_t site_pcrs[APPROVAL_SITE_PCRS][32])
{
	const struct cli_call *call = plan->call;
	struct approval_file *file = &plan->approvals;
	struct keys_p256_key site, release;
	int result = make_folder(call, folder);

	plan->manifest.is_single = true;
	if (result == CLI_YES)
		result = find_authority(call, folder, "site.pem", &site);
	if (result == CLI_YES)
		result = find_authority(call, folder, "release.pem", &release);
	if (result == CLI_YES)
		result = find_escrow(call, folder, plan->manifest.escrow);
	if (result == CLI_YES)
		result = sign_plan(plan, &site, release.public);
	if (result == CLI_YES)
		result = appoint_self(plan, false, &release);
	if (result == CLI_YES && release_pcrs != NULL) {
		file->release_count = file->site_count = 1;
		file->releases[0].level = file->sites[0].level = 1;
		memcpy(file->releases[0].pcrs, release_pcrs, sizeof(file->releases[0].pcrs));
		memcpy(file->sites[0].pcrs, site_pcrs, sizeof(file->sites[0].pcrs));
		memcpy(file->sites[0].release_key, release.public, APPROVAL_KEY_LEN);
		if (cli_approve_release(&release, &file->scope, &file->releases[0]) != STATUS_OK ||
		    cli_approve_site(&site, &file->scope, &file->sites[0]) != STATUS_OK)
			result = CLI_UNSURE;
	}
	SECRET_WIPE(site);
	SECRET_WIPE(release);
	return result;
}

int cli_tpm_single(const struct cli_call *call, const char *folder, const char *state,
                   const struct approval_manifest *told,
                   const uint8_t release_pcrs[APPROVAL_RELEASE_PCRS][32],
                   const uint8_t site_pcrs[APPROVAL_SITE_PCRS][32])
{
	static struct plan plan;
	int result;

	plan = (struct plan){.call = call, .manifest = *told};
	result = plan_single(&plan, folder, release_pcrs, site_pcrs);
	return result == CLI_YES ? write_plan(&plan, state) : result;
}

/* ---- the command ---- */

struct provision {
	const char *out, *site_root, *release_root, *escrow, *recovery, *recover, *approvers, *pcrs;
	bool single, dry_run;
};

/* take_approvers reads files separated by commas. */
static int take_approvers(struct plan *plan, const char *list)
{
	struct approval_manifest *manifest = &plan->manifest;
	int result = CLI_YES;

	while (result == CLI_YES && list != NULL && *list != '\0') {
		size_t len = strcspn(list, ",");
		char path[CLI_PATH_MAX];

		if (manifest->approver_count == APPROVAL_APPROVERS_MAX)
			return cli_usage(plan->call, "at most %u approvers",
			                 APPROVAL_APPROVERS_MAX);
		snprintf(path, sizeof(path), "%.*s", (int)len, list);
		result = cli_authority_read_public(plan->call, path,
		                                   manifest->approvers[manifest->approver_count]);
		manifest->approver_count++;
		list += len + (list[len] == ',');
	}
	return result;
}

static int plan_two(struct plan *plan, const struct provision *options)
{
	uint8_t release[APPROVAL_KEY_LEN];
	struct keys_p256_key site;
	int result;

	if (options->site_root == NULL || options->release_root == NULL || options->escrow == NULL)
		return cli_usage(plan->call, "needs --site-root, --release-root and --escrow, or "
		                             "--single-operator");
	result = cli_authority_read(plan->call, options->site_root, &site);
	if (result == CLI_YES)
		result = cli_authority_read_public(plan->call, options->release_root, release);
	if (result == CLI_YES)
		result =
		    take_x25519(plan->call, "--escrow", options->escrow, plan->manifest.escrow);
	if (result == CLI_YES && memcmp(release, site.public, sizeof(release)) == 0) {
		cli_complain(plan->call, "release and site root are the same: one of two locks. "
		                         "Use two keys, or --single-operator");
		result = CLI_NO;
	}
	if (result == CLI_YES)
		result = sign_plan(plan, &site, release);
	SECRET_WIPE(site);
	return result;
}

/* check_unused: each genesis has a number of its own, so what was signed for an earlier one counts
 * for no other. What is there is not written over, not even on demand: it may be all that there is.
 */
static int check_unused(const struct cli_call *call, const char *folder)
{
	static const char *const names[] = {"sealed-share", "genesis", "approvals"};
	char path[CLI_PATH_MAX + 32];
	struct stat info;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (lstat(path, &info) != 0) {
			if (errno == ENOENT)
				continue;
			cli_complain(call, "cannot look at %s: %s", path, strerror(errno));
			return CLI_UNSURE;
		}
		cli_complain(
		    call,
		    i == 0 ? "%s is there: this machine was provisioned already; a second genesis "
		             "would make what it holds unreadable"
		           : "%s is there already and is not replaced: a machine that was started "
		             "with it needs it, and what was approved for it counts for no other "
		             "genesis. Name another folder; or, if no machine was started with it, "
		             "take `genesis` and `approvals` away",
		    path);
		return CLI_NO;
	}
	return CLI_YES;
}

static int run_provision(struct cli_call *call)
{
	static uint8_t release_pcrs[APPROVAL_RELEASE_PCRS][32], site_pcrs[APPROVAL_SITE_PCRS][32];
	static struct plan plan;
	struct provision options = {.single = false};
	const struct cli_option table[] = {
	    {"--out",             &options.out,          NULL            },
	    {"--site-root",       &options.site_root,    NULL            },
	    {"--release-root",    &options.release_root, NULL            },
	    {"--escrow",          &options.escrow,       NULL            },
	    {"--recovery",        &options.recovery,     NULL            },
	    {"--approver",        &options.approvers,    NULL            },
	    {"--pcrs",            &options.pcrs,         NULL            },
	    {"--single-operator", NULL,                  &options.single },
	    {"--recover",         &options.recover,      NULL            },
	    {"--dry-run",         NULL,                  &options.dry_run},
	};
	char keys[CLI_PATH_MAX];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || options.out == NULL)
		return cli_usage(call, "needs --out FOLDER");
	if (options.single && (options.site_root != NULL || options.release_root != NULL))
		return cli_usage(call, "--single-operator makes both keys itself");
	keys_open();
	plan = (struct plan){.call = call};
	result = check_unused(call, options.out);
	if (result == CLI_YES)
		result = cli_tpm_told(call, options.recovery, options.recover, &plan.manifest);
	if (result == CLI_YES && options.pcrs != NULL)
		result = cli_pcrs_read(call, options.pcrs, release_pcrs, site_pcrs);
	if (result == CLI_YES)
		result = take_approvers(&plan, options.approvers);
	if (result == CLI_YES && !options.dry_run)
		result = make_folder(call, options.out);
	snprintf(keys, sizeof(keys), "%s", options.out);
	if (result == CLI_YES && options.single && options.dry_run) {
		/* Keys are made by the real run only. */
		struct keys_p256_key site, release;

		plan.manifest.is_single = true;
		keys_p256_random(&site);
		keys_p256_random(&release);
		result = sign_plan(&plan, &site, release.public);
	} else if (result == CLI_YES && options.single) {
		result =
		    plan_single(&plan, keys, options.pcrs != NULL ? release_pcrs : NULL, site_pcrs);
	} else if (result == CLI_YES) {
		result = plan_two(&plan, &options);
	}
	if (result != CLI_YES)
		return result;
	show_plan(&plan);
	if (!options.dry_run)
		result = write_plan(&plan, options.out);
	if (result != CLI_YES)
		return result;
	if (options.dry_run)
		printf("Nothing was written (--dry-run).\n");
	else
		printf(
		    "Written: %s/genesis and %s/approvals. Start the machine on this folder once\n"
		    "with start=genesis.%s\n",
		    options.out, options.out,
		    plan.approvals.release_count == 0
		        ? " Before that, approve image and firmware (claviger image approve)."
		        : "");
	answer_roots(call, &plan.manifest, !options.dry_run);
	return cli_finish(call, CLI_YES);
}

static enum status open_sealed(const struct keys_hpke_key *key, const char *label,
                               const uint8_t genesis[32], struct bytes sealed,
                               struct buffer *ret_plain)
{
	uint8_t space[80];
	struct buffer info = BUFFER_OF_ARRAY(space);
	enum status status = buffer_put(&info, bytes_of_text(label));

	if (status == STATUS_OK)
		status = buffer_put(&info, bytes_of(genesis, 32));
	return status == STATUS_OK ? keys_hpke_open(key, buffer_bytes(&info), bytes_of(NULL, 0),
	                                            sealed, ret_plain, NULL)
	                           : status;
}

static int show_auths(const struct cli_call *call, const struct escrow *escrow,
                      const struct keys_hpke_key *key)
{
	char owner[HEX_LEN(32) + 1], lockout[HEX_LEN(32) + 1];
	uint8_t auths[64];
	struct buffer plain = BUFFER_OF_ARRAY(auths);

	if (open_sealed(key, "claviger/escrow/v1", escrow->genesis, escrow->auths, &plain) !=
	        STATUS_OK ||
	    plain.len != sizeof(auths)) {
		cli_complain(call, "this escrow was not sealed to this key, or is damaged");
		return CLI_NO;
	}
	hex_encode(bytes_of(auths, 32), owner);
	hex_encode(bytes_of(auths + 32, 32), lockout);
	cli_answer(call->json ? "{\"owner\":\"%s\",\"lockout\":\"%s\"}\n"
	                      : "owner %s\nlockout %s\n",
	           owner, lockout);
	SECRET_WIPE(auths);
	SECRET_WIPE(owner);
	SECRET_WIPE(lockout);
	return cli_finish(call, CLI_YES);
}

/* open_escrow reads both files; `file` is freed by the caller after use. */
static int open_escrow(const struct cli_call *call, const char *path, const char *key_file,
                       struct buffer *ret_file, struct escrow *ret_escrow,
                       struct keys_hpke_key *ret_key)
{
	uint8_t seed[CLI_ESCAPE_SEED_LEN];
	int result;

	keys_open();
	result = read_escrow(call, path, ret_file, ret_escrow);
	if (result != CLI_YES)
		return result;
	result = cli_escape_read(call, key_file, seed);
	if (result == CLI_YES)
		keys_hpke_from_seed(seed, ret_key);
	else
		free(ret_file->data);
	SECRET_WIPE(seed);
	return result;
}

int cli_escrow_share(const struct cli_call *call, const char *escrow_file, const char *key_file,
                     const uint8_t wanted[32], uint8_t ret_share[32])
{
	struct buffer plain = {ret_share, 32, 0}, file;
	uint8_t commitment[32];
	struct keys_hpke_key key;
	struct escrow escrow;
	int result = open_escrow(call, escrow_file, key_file, &file, &escrow, &key);

	if (result != CLI_YES)
		return result;
	if (escrow.share.len == 0) {
		cli_complain(call, "genesis was without a recovery key: there is no copy of the "
		                   "node share");
		result = CLI_NO;
	} else if (open_sealed(&key, "claviger/recovery/v1", escrow.genesis, escrow.share,
	                       &plain) != STATUS_OK ||
	           plain.len != 32) {
		cli_complain(call, "the share was not sealed to this key, or is damaged");
		result = CLI_NO;
	} else {
		approval_share_commitment(ret_share, commitment);
		if (memcmp(commitment, wanted, sizeof(commitment)) != 0) {
			cli_complain(call,
			             "%s has the share of another machine than the one in whose "
			             "place this one was provisioned; it was not given away",
			             escrow_file);
			secret_wipe(ret_share, 32);
			result = CLI_NO;
		}
	}
	free(file.data);
	SECRET_WIPE(key.secret);
	return result;
}

static int run_escrow(struct cli_call *call)
{
	const char *key_file = NULL;
	const struct cli_option table[] = {
	    {"--key", &key_file, NULL},
	};
	struct keys_hpke_key key;
	struct escrow escrow;
	struct buffer file;
	int result;

	if (!cli_take_options(call, table, 1))
		return CLI_USAGE;
	if (call->count != 1 || key_file == NULL)
		return cli_usage(call, "needs the file `escrow` and --key");
	result = open_escrow(call, call->arguments[0], key_file, &file, &escrow, &key);
	if (result != CLI_YES)
		return result;
	result = show_auths(call, &escrow, &key);
	free(file.data);
	SECRET_WIPE(key.secret);
	return result;
}

const struct cli_command cli_tpm_escrow = {
    .name = "tpm escrow",
    .arguments = "FILE --key ESCROW.json",
    .sentence = "show a TPM's owner and lockout authorization, offline",
    .run = run_escrow,
    .help = "FILE is `escrow`, which genesis wrote beside the sealed share. With the owner's\n"
            "authorization somebody at the machine can take its objects away and, within its\n"
            "last boot, roll the store back; needed only to give a TPM another use.\n",
};

const struct cli_command cli_tpm_key = {
    .name = "tpm key",
    .arguments = "FILE",
    .sentence = "make a key of a release, site or approving authority (P-256)",
    .run = run_key,
    .help = "Writes FILE (PEM, the private key) and FILE.pub, and prints how the key is shown.\n"
            "openssl can make such keys, too: openssl ecparam -name prime256v1 -genkey -noout\n",
};

const struct cli_command cli_tpm_provision = {
    .name = "tpm provision",
    .arguments =
        "--out FOLDER (--single-operator [--pcrs FILE] | --site-root FILE --release-root "
        "FILE.pub --escrow KEY) [--approver FILE.pub[,...]] [--recovery KEY] [--recover ESCROW] "
        "[--dry-run]",
    .sentence = "prepare a TPM's genesis: the manifest that the site root signs",
    .run = run_provision,
    .help =
        "Touches no TPM: it writes `genesis` and `approvals`, with which the unsealer is started\n"
        "once, and says what that will do. It replaces neither.\n\n"
        "--out FOLDER       the unsealer's folder (its setting state_dir)\n"
        "--single-operator  make both roots and the escrow key in FOLDER: for one person who "
        "holds\n"
        "                   them all; evidence says that this is so. Move them elsewhere\n"
        "                   afterwards. With --pcrs the machine's PCRs are approved at once\n"
        "--site-root        the site's private root key\n"
        "--release-root     the public root key of whoever approves releases: with it the first\n"
        "                   release is approved (claviger image approve --as release). Each root\n"
        "                   appoints working keys later, and replaces them (claviger image "
        "appoint)\n"
        "--escrow KEY       owner and lockout authorization come back sealed to it (claviger key\n"
        "                   escape makes one)\n"
        "--approver         attended mode: each start waits until one of these keys has signed\n"
        "                   for it (claviger tpm approve)\n"
        "--recovery KEY     seal a copy of the node share to this key, against the loss of the\n"
        "                   TPM\n"
        "--recover ESCROW   in the place of a lost machine: genesis waits for the node share that\n"
        "                   the lost machine's `escrow` names, and takes no other one\n"
        "--dry-run          only say what would happen\n",
};
