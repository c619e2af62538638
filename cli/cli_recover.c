/* claviger recover accept: the site's word that a machine may go on from a store that its TPM does
 * not vouch for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base_encode.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "secret.h"

static int take_hash(const struct cli_call *call, const char *option, const char *text,
                     uint8_t ret_hash[32])
{
	struct buffer out = {ret_hash, 32, 0};

	if (text != NULL && hex_decode(bytes_of_text(text), &out) == STATUS_OK && out.len == 32)
		return CLI_YES;
	return cli_usage(call, "%s takes 64 hex digits, as the log of the refused start says them",
	                 option);
}

/* take_genesis names the genesis of a manifest, as the unsealer does. */
static int take_genesis(const struct cli_call *call, const char *path, uint8_t ret_genesis[32])
{
	struct approval_manifest manifest;
	struct buffer file;
	char message[256];
	bool good;

	if (cli_file_read(path, 65536, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	good = approval_manifest_take(buffer_bytes(&file), &manifest) == STATUS_OK;
	free(file.data);
	if (!good) {
		cli_complain(call, "%s is no genesis manifest of this version", path);
		return CLI_NO;
	}
	approval_manifest_digest(&manifest, ret_genesis);
	return CLI_YES;
}

static int run_accept(struct cli_call *call)
{
	static struct approval_file file;
	const char *key_file = NULL, *path = NULL, *genesis = NULL, *checkpoint = NULL,
	           *anchor = NULL, *boots = NULL, *at;
	bool dry_run = false;
	const struct cli_option table[] = {
	    {"--key",        &key_file,   NULL    },
            {"--approvals",  &path,       NULL    },
	    {"--genesis",    &genesis,    NULL    },
            {"--checkpoint", &checkpoint, NULL    },
	    {"--anchor",     &anchor,     NULL    },
            {"--boots",      &boots,      NULL    },
	    {"--dry-run",    NULL,        &dry_run},
	};
	struct approval_recovery *recovery = &file.recovery;
	struct keys_p256_key key;
	uint8_t digest[32];
	uint64_t number = 0;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	at = boots;
	if (call->count != 0 || key_file == NULL || path == NULL || genesis == NULL ||
	    boots == NULL)
		return cli_usage(call,
		                 "needs --key, --approvals, --genesis, --checkpoint, --anchor and "
		                 "--boots");
	if (!cli_take_number(&at, &number) || *at != '\0')
		return cli_usage(call,
		                 "--boots takes a number, tpm_boots of the refused start's "
		                 "log, not %s",
		                 boots);
	keys_open();
	result = cli_approvals_read(call, path, &file);
	if (result == CLI_YES)
		result = take_hash(call, "--checkpoint", checkpoint, recovery->checkpoint);
	if (result == CLI_YES)
		result = take_hash(call, "--anchor", anchor, recovery->anchor);
	if (result == CLI_YES)
		result = take_genesis(call, genesis, recovery->genesis);
	if (result == CLI_YES)
		result = cli_authority_read(call, key_file, &key);
	if (result != CLI_YES)
		return result;
	if (memcmp(key.public, file.scope.site_root, APPROVAL_KEY_LEN) != 0) {
		SECRET_WIPE(key);
		cli_complain(call, "%s is not the site root of %s", key_file, path);
		return CLI_NO;
	}
	file.has_recovery = true;
	recovery->boots = number;
	approval_recovery_digest(recovery, digest);
	result =
	    keys_p256_sign(&key, digest, recovery->signature) == STATUS_OK ? CLI_YES : CLI_UNSURE;
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	printf(
	    "At its next start the machine goes on from the store with this checkpoint, though "
	    "its\n"
	    "TPM does not know it:\n"
	    "  - what was granted, revoked, frozen or spent after that store was written is gone;\n"
	    "  - every wallet is frozen until its user signs again, and what waited waits anew;\n"
	    "  - leases count as spent;\n"
	    "  - another machine that still runs on a newer copy is not stopped by this: see to "
	    "it.\n"
	    "It holds once: the start raises the TPM's boot counter.\n");
	if (dry_run)
		printf("Nothing was written (--dry-run).\n");
	else
		result = cli_approvals_write(call, path, &file);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer("{\"written\":%s}\n", dry_run ? "false" : "true");
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_recover_accept = {
    .name = "recover accept",
    .arguments = "--key SITE.pem --approvals FILE --genesis FILE --checkpoint HEX --anchor HEX "
                 "--boots N [--dry-run]",
    .sentence = "sign that a machine goes on from a store that its TPM does not know",
    .run = run_accept,
    .help = "After the disk or the TPM was lost: put the backup in place and start; the refused\n"
            "start (event start.stale) logs checkpoint, anchor and tpm_boots. Look at "
            "docs/recovery.md first.\n",
};
