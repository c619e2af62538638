/* claviger image approve|approvals: what may unseal, signed by the release or the site key. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_pcrs.h"
#include "secret.h"

struct approve {
	const char *as, *key, *pcrs, *level, *name, *release_key, *file;
	bool dry_run;
	uint8_t level_number;
	struct approval_name shown;
	struct keys_p256_key signer;
};

static void put_hex(const char *label, const uint8_t bytes[32])
{
	char text[HEX_LEN(32) + 1];

	hex_encode(bytes_of(bytes, 32), text);
	printf("  %s %s\n", label, text);
}

/* put_name: a file of approvals may be somebody else's. */
static void put_name(const struct approval_name *name)
{
	if (name->len != 0)
		fputs(", ", stdout);
	cli_out_plain(stdout, bytes_of(name->text, name->len));
}

static void show_pcrs(const uint8_t *indices, const uint8_t (*values)[32], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char label[16];

		snprintf(label, sizeof(label), "PCR %2u", indices[i]);
		put_hex(label, values[i]);
	}
}

static bool same_release(const struct approval_release *a, const struct approval_release *b)
{
	return memcmp(a->key, b->key, sizeof(a->key)) == 0 && a->level == b->level &&
	       memcmp(a->pcrs, b->pcrs, sizeof(a->pcrs)) == 0;
}

/* appoint_root: a root that approves by itself is a working key, too. */
static int appoint_root(const struct cli_call *call, const struct approve *options,
                        struct approval_file *file, bool is_site)
{
	const uint8_t *root = is_site ? file->scope.site_root : file->scope.release_root;
	struct approval_appointment self = {.is_site = is_site, .level = APPROVAL_LEVEL_MAX};

	memcpy(self.key, root, APPROVAL_KEY_LEN);
	if (memcmp(root, options->signer.public, APPROVAL_KEY_LEN) != 0 ||
	    approval_find_appointment(file, is_site, self.key, 0) != NULL)
		return CLI_YES;
	return cli_appoint_add(call, &options->signer, file, &self);
}

static void say_appointed(const struct approval_file *file, bool is_site,
                          const uint8_t key[APPROVAL_KEY_LEN])
{
	const char *authority = is_site ? "site" : "release";

	if (approval_find_appointment(file, is_site, key, 0) == NULL)
		printf(
		    "The %s root has not appointed this key here: nothing unseals with it before "
		    "it has\n(claviger image appoint --as %s).\n",
		    authority, authority);
}

static int add_release(const struct cli_call *call, struct approve *options,
                       struct approval_file *file)
{
	struct approval_release made = {.level = options->level_number, .name = options->shown};
	bool named = false;
	char text[17];
	int result = cli_pcrs_read(call, options->pcrs, made.pcrs, NULL);

	if (result != CLI_YES)
		return result;
	if (cli_approve_release(&options->signer, &file->scope, &made) != STATUS_OK)
		return CLI_UNSURE;
	result = appoint_root(call, options, file, false);
	if (result != CLI_YES)
		return result;
	for (size_t i = 0; i < file->release_count; i++)
		if (same_release(&file->releases[i], &made)) {
			cli_complain(call, "this release is approved at this level already");
			return CLI_NO;
		}
	if (file->release_count == APPROVAL_RELEASES_MAX) {
		cli_complain(call,
		             "the file has %u release approvals, all it takes; drop old ones "
		             "with `claviger image drop`",
		             APPROVAL_RELEASES_MAX);
		return CLI_NO;
	}
	for (size_t i = 0; i < file->site_count; i++)
		named |= memcmp(file->sites[i].release_key, made.key, sizeof(made.key)) == 0;
	file->releases[file->release_count++] = made;
	cli_authority_text(made.key, text);
	printf("Release key %s approves level %u", text, made.level);
	put_name(&made.name);
	puts(":");
	show_pcrs(approval_release_pcrs, made.pcrs, APPROVAL_RELEASE_PCRS);
	printf("A machine that starts exactly this may unseal, as long as the release floor is at\n"
	       "most %u.\n",
	       made.level);
	if (!named)
		printf("No site approval names this release key yet: nothing unseals with it "
		       "before.\n");
	say_appointed(file, false, made.key);
	return CLI_YES;
}

static int add_delegate(struct approve *options, struct approval_file *file,
                        const uint8_t release_key[APPROVAL_KEY_LEN])
{
	struct approval_delegate made = {.level = options->level_number};
	size_t at = file->delegate_count;

	memcpy(made.release_key, release_key, APPROVAL_KEY_LEN);
	if (cli_approve_delegate(&options->signer, &file->scope, &made) != STATUS_OK)
		return CLI_UNSURE;
	/* One for each key is enough: the newest. */
	for (size_t i = 0; i < file->delegate_count; i++)
		if (memcmp(file->delegates[i].release_key, release_key, APPROVAL_KEY_LEN) == 0)
			at = i;
	if (at == APPROVAL_DELEGATES_MAX) {
		memmove(file->delegates, file->delegates + 1,
		        sizeof(file->delegates) - sizeof(file->delegates[0]));
		at--;
	}
	file->delegates[at] = made;
	if (at == file->delegate_count)
		file->delegate_count++;
	return CLI_YES;
}

static int add_site(const struct cli_call *call, struct approve *options,
                    struct approval_file *file)
{
	struct approval_site made = {.level = options->level_number, .name = options->shown};
	bool is_root = memcmp(file->scope.site_root, options->signer.public, APPROVAL_KEY_LEN) == 0;
	char site[17], release[17];
	int result;

	if (options->release_key != NULL) {
		result = cli_authority_read_public(call, options->release_key, made.release_key);
	} else if (file->delegate_count == 1) {
		memcpy(made.release_key, file->delegates[0].release_key, APPROVAL_KEY_LEN);
		result = CLI_YES;
	} else {
		result = cli_usage(call, "several release keys are known: say which with "
		                         "--release-key");
	}
	if (result == CLI_YES)
		result = cli_pcrs_read(call, options->pcrs, NULL, made.pcrs);
	if (result != CLI_YES)
		return result;
	if (file->site_count == APPROVAL_SITES_MAX) {
		cli_complain(call,
		             "the file has %u site approvals, all it takes; drop old ones with "
		             "`claviger image drop`",
		             APPROVAL_SITES_MAX);
		return CLI_NO;
	}
	if (cli_approve_site(&options->signer, &file->scope, &made) != STATUS_OK)
		return CLI_UNSURE;
	result = appoint_root(call, options, file, true);
	/* Who may raise the release floor is the root's to say. */
	if (result == CLI_YES && is_root)
		result = add_delegate(options, file, made.release_key);
	if (result != CLI_YES)
		return result;
	file->sites[file->site_count++] = made;
	cli_authority_text(made.key, site);
	cli_authority_text(made.release_key, release);
	printf("Site key %s approves level %u", site, made.level);
	put_name(&made.name);
	puts(":");
	show_pcrs(approval_site_pcrs, made.pcrs, APPROVAL_SITE_PCRS);
	printf("On exactly this firmware, what release key %s approves may unseal%s,\n"
	       "as long as the site floor is at most %u.\n",
	       release, is_root ? ", and that key\nmay raise the release floor" : "", made.level);
	say_appointed(file, true, made.key);
	say_appointed(file, false, made.release_key);
	return CLI_YES;
}

static int check_options(const struct cli_call *call, struct approve *options)
{
	const char *at = options->level;
	uint64_t level = 0;

	if (options->as == NULL || options->key == NULL || options->pcrs == NULL ||
	    options->level == NULL || options->file == NULL)
		return cli_usage(call, "needs --as, --key, --pcrs, --level and --approvals");
	if (strcmp(options->as, "release") != 0 && strcmp(options->as, "site") != 0)
		return cli_usage(call, "--as takes release or site, not %s", options->as);
	if (!cli_take_number(&at, &level) || *at != '\0' || level < 1 || level > APPROVAL_LEVEL_MAX)
		return cli_usage(call, "--level takes a number from 1 to %u, not %s",
		                 APPROVAL_LEVEL_MAX, options->level);
	options->level_number = (uint8_t)level;
	if (options->name != NULL) {
		if (strlen(options->name) > APPROVAL_NAME_MAX)
			return cli_usage(call, "--name is longer than %u bytes", APPROVAL_NAME_MAX);
		options->shown.len = (uint8_t)strlen(options->name);
		memcpy(options->shown.text, options->name, options->shown.len);
	}
	return CLI_YES;
}

static int run_approve(struct cli_call *call)
{
	static struct approval_file file;
	struct approve options = {.as = NULL};
	const struct cli_option table[] = {
	    {"--as",          &options.as,          NULL            },
            {"--key",         &options.key,         NULL            },
	    {"--pcrs",        &options.pcrs,        NULL            },
            {"--level",       &options.level,       NULL            },
	    {"--name",        &options.name,        NULL            },
            {"--release-key", &options.release_key, NULL            },
	    {"--approvals",   &options.file,        NULL            },
            {"--dry-run",     NULL,                 &options.dry_run},
	};
	char key[17];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = check_options(call, &options);
	if (result != CLI_YES)
		return result;
	keys_open();
	result = cli_approvals_read(call, options.file, &file);
	if (result == CLI_YES)
		result = cli_authority_read(call, options.key, &options.signer);
	if (result == CLI_YES)
		result = strcmp(options.as, "release") == 0 ? add_release(call, &options, &file)
		                                            : add_site(call, &options, &file);
	cli_authority_text(options.signer.public, key);
	SECRET_WIPE(options.signer);
	if (result != CLI_YES)
		return result;
	if (options.dry_run)
		printf("Nothing was written (--dry-run).\n");
	else
		result = cli_approvals_write(call, options.file, &file);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer("{\"as\":\"%s\",\"key\":\"%s\",\"level\":%u,\"written\":%s}\n",
		           options.as, key, options.level_number,
		           options.dry_run ? "false" : "true");
	return cli_finish(call, CLI_YES);
}

/* ---- looking ---- */

static void name_text(struct cli_out *out, const char *name, const char *text)
{
	cli_out_name(out, name);
	cli_out_text(out, bytes_of_text(text));
}

static void name_key(struct cli_out *out, const char *name, const uint8_t key[APPROVAL_KEY_LEN])
{
	char text[17];

	cli_authority_text(key, text);
	name_text(out, name, text);
}

static void name_level(struct cli_out *out, const uint8_t key[APPROVAL_KEY_LEN], const char *name,
                       unsigned level, bool good)
{
	name_key(out, "key", key);
	cli_out_name(out, name);
	cli_out_number(out, level);
	cli_out_name(out, "good");
	cli_out_bool(out, good);
}

static void name_pcrs(struct cli_out *out, const uint8_t *indices, const uint8_t (*values)[32],
                      size_t count)
{
	cli_out_name(out, "pcrs");
	cli_out_open(out, '{');
	for (size_t i = 0; i < count; i++) {
		char index[4];

		snprintf(index, sizeof(index), "%u", indices[i]);
		cli_out_name(out, index);
		cli_out_hex(out, bytes_of(values[i], 32));
	}
	cli_out_close(out, '}');
}

static void name_name(struct cli_out *out, const struct approval_name *name)
{
	cli_out_name(out, "name");
	cli_out_text(out, bytes_of(name->text, name->len));
}

static void answer_approvals(const struct approval_file *file)
{
	struct cli_out out = {.file = cli_answer_file()};

	cli_out_open(&out, '{');
	name_key(&out, "site_root", file->scope.site_root);
	name_key(&out, "release_root", file->scope.release_root);
	cli_out_name(&out, "genesis");
	cli_out_hex(&out, bytes_of(file->scope.genesis, 32));
	cli_out_name(&out, "appointed");
	cli_out_open(&out, '[');
	for (size_t i = 0; i < file->appointed_count; i++) {
		const struct approval_appointment *appointed = &file->appointed[i];

		cli_out_open(&out, '{');
		name_text(&out, "as", appointed->is_site ? "site" : "release");
		name_level(&out, appointed->key, "until", appointed->level,
		           approval_check_appointment(appointed, &file->scope) == STATUS_OK);
		cli_out_close(&out, '}');
	}
	cli_out_close(&out, ']');
	cli_out_name(&out, "releases");
	cli_out_open(&out, '[');
	for (size_t i = 0; i < file->release_count; i++) {
		const struct approval_release *release = &file->releases[i];

		cli_out_open(&out, '{');
		name_level(&out, release->key, "level", release->level,
		           approval_check_release(release, &file->scope) == STATUS_OK);
		name_name(&out, &release->name);
		name_pcrs(&out, approval_release_pcrs, release->pcrs, APPROVAL_RELEASE_PCRS);
		cli_out_close(&out, '}');
	}
	cli_out_close(&out, ']');
	cli_out_name(&out, "sites");
	cli_out_open(&out, '[');
	for (size_t i = 0; i < file->site_count; i++) {
		const struct approval_site *site = &file->sites[i];

		cli_out_open(&out, '{');
		name_level(&out, site->key, "level", site->level,
		           approval_check_site(site, &file->scope) == STATUS_OK);
		name_key(&out, "release_key", site->release_key);
		name_name(&out, &site->name);
		name_pcrs(&out, approval_site_pcrs, site->pcrs, APPROVAL_SITE_PCRS);
		cli_out_close(&out, '}');
	}
	cli_out_close(&out, ']');
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

static bool all_good(const struct approval_file *file)
{
	bool good = true;

	for (size_t i = 0; i < file->appointed_count; i++)
		good &= approval_check_appointment(&file->appointed[i], &file->scope) == STATUS_OK;
	for (size_t i = 0; i < file->release_count; i++)
		good &= approval_check_release(&file->releases[i], &file->scope) == STATUS_OK;
	for (size_t i = 0; i < file->site_count; i++)
		good &= approval_check_site(&file->sites[i], &file->scope) == STATUS_OK;
	return good;
}

static int run_approvals(struct cli_call *call)
{
	static struct approval_file file;
	char text[17], site[17];
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the file of approvals");
	keys_open();
	result = cli_approvals_read(call, call->arguments[0], &file);
	if (result != CLI_YES)
		return result;
	if (call->json) {
		answer_approvals(&file);
		return cli_finish(call, all_good(&file) ? CLI_YES : CLI_NO);
	}
	cli_authority_text(file.scope.site_root, site);
	cli_authority_text(file.scope.release_root, text);
	printf("site root %s\nrelease root %s\n", site, text);
	put_hex("genesis", file.scope.genesis);
	for (size_t i = 0; i < file.appointed_count; i++) {
		const struct approval_appointment *appointed = &file.appointed[i];
		bool good = approval_check_appointment(appointed, &file.scope) == STATUS_OK;

		cli_authority_text(appointed->key, text);
		printf("%s key %s: counts while the %s floor is at most %u, signature %s\n",
		       appointed->is_site ? "site" : "release", text,
		       appointed->is_site ? "site" : "release", appointed->level,
		       good ? "good" : "BAD");
		result = good ? result : CLI_NO;
	}
	for (size_t i = 0; i < file.release_count; i++) {
		const struct approval_release *release = &file.releases[i];
		bool good = approval_check_release(release, &file.scope) == STATUS_OK;

		cli_authority_text(release->key, text);
		printf("release %u: level %u, key %s, signature %s", (unsigned)i + 1,
		       release->level, text, good ? "good" : "BAD");
		put_name(&release->name);
		puts("");
		show_pcrs(approval_release_pcrs, release->pcrs, APPROVAL_RELEASE_PCRS);
		result = good ? result : CLI_NO;
	}
	for (size_t i = 0; i < file.site_count; i++) {
		const struct approval_site *approval = &file.sites[i];
		bool good = approval_check_site(approval, &file.scope) == STATUS_OK;

		cli_authority_text(approval->key, site);
		cli_authority_text(approval->release_key, text);
		printf("site %u: level %u, key %s, for release key %s, signature %s",
		       (unsigned)i + 1, approval->level, site, text, good ? "good" : "BAD");
		put_name(&approval->name);
		puts("");
		show_pcrs(approval_site_pcrs, approval->pcrs, APPROVAL_SITE_PCRS);
		result = good ? result : CLI_NO;
	}
	return cli_finish(call, result);
}

/* ---- dropping ---- */

static bool fits_any(const struct approval_file *file, const struct approval_release *release)
{
	for (size_t i = 0; i < file->site_count; i++)
		if (memcmp(file->sites[i].release_key, release->key, APPROVAL_KEY_LEN) == 0 &&
		    approval_find_appointment(file, true, file->sites[i].key, 0) != NULL)
			return approval_find_appointment(file, false, release->key, 0) != NULL;
	return false;
}

/* Whether any release approval is left under a site approval: else the next start is the last. */
static bool opens_something(const struct approval_file *file)
{
	for (size_t i = 0; i < file->release_count; i++)
		if (fits_any(file, &file->releases[i]))
			return true;
	return false;
}

const char *cli_approvals_judge(const struct approval_file *file)
{
	if (!all_good(file))
		return "a signature in it is bad (claviger image approvals shows which)";
	return opens_something(file) ? NULL
	                             : "nothing in it opens: no release approval under a site "
	                               "approval, both by keys that their roots appointed";
}

static int run_drop(struct cli_call *call)
{
	static struct approval_file file;
	const char *path = NULL, *as = NULL, *below = NULL, *at;
	bool dry_run = false;
	const struct cli_option table[] = {
	    {"--approvals", &path,  NULL    },
	    {"--as",        &as,    NULL    },
	    {"--below",     &below, NULL    },
	    {"--dry-run",   NULL,   &dry_run},
	};
	size_t kept = 0, dropped;
	uint64_t level = 0;
	bool release;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	at = below;
	if (call->count != 0 || path == NULL || as == NULL || below == NULL ||
	    (strcmp(as, "release") != 0 && strcmp(as, "site") != 0) ||
	    !cli_take_number(&at, &level) || *at != '\0')
		return cli_usage(call, "needs --approvals FILE, --as release|site and --below "
		                       "LEVEL");
	keys_open();
	release = strcmp(as, "release") == 0;
	result = cli_approvals_read(call, path, &file);
	if (result != CLI_YES)
		return result;
	if (release) {
		for (size_t i = 0; i < file.release_count; i++)
			if (file.releases[i].level >= level)
				file.releases[kept++] = file.releases[i];
		dropped = file.release_count - kept;
		file.release_count = kept;
	} else {
		for (size_t i = 0; i < file.site_count; i++)
			if (file.sites[i].level >= level)
				file.sites[kept++] = file.sites[i];
		dropped = file.site_count - kept;
		file.site_count = kept;
	}
	if (!opens_something(&file)) {
		cli_complain(call, "refused: after that no release approval is left under a site "
		                   "approval, and no start would unseal");
		return CLI_NO;
	}
	printf("%zu %s approvals below level %u dropped, %zu kept.%s\n", dropped, as,
	       (unsigned)level, kept, dry_run ? " Nothing was written (--dry-run)." : "");
	if (!dry_run)
		result = cli_approvals_write(call, path, &file);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer("{\"as\":\"%s\",\"dropped\":%zu,\"kept\":%zu,\"written\":%s}\n", as,
		           dropped, kept, dry_run ? "false" : "true");
	return cli_finish(call, CLI_YES);
}

/* ---- appointing ---- */

static int run_appoint(struct cli_call *call)
{
	static struct approval_file file;
	const char *as = NULL, *root_file = NULL, *key = NULL, *until = NULL, *path = NULL, *at;
	struct approval_appointment made = {.level = APPROVAL_LEVEL_MAX};
	const struct approval_appointment *before;
	bool dry_run = false, lower = false;
	const struct cli_option table[] = {
	    {"--as",        &as,        NULL    },
            {"--root",      &root_file, NULL    },
	    {"--key",       &key,       NULL    },
            {"--until",     &until,     NULL    },
	    {"--lower",     NULL,       &lower  },
            {"--approvals", &path,      NULL    },
	    {"--dry-run",   NULL,       &dry_run},
	};
	struct keys_p256_key root;
	uint64_t level = APPROVAL_LEVEL_MAX;
	char text[17];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	at = until;
	if (call->count != 0 || as == NULL || root_file == NULL || key == NULL || path == NULL ||
	    (strcmp(as, "release") != 0 && strcmp(as, "site") != 0))
		return cli_usage(call, "needs --as release|site, --root, --key and --approvals");
	if (until != NULL && (!cli_take_number(&at, &level) || *at != '\0' || level < 1 ||
	                      level > APPROVAL_LEVEL_MAX))
		return cli_usage(call, "--until takes a level from 1 to %u, not %s",
		                 APPROVAL_LEVEL_MAX, until);
	keys_open();
	made.is_site = strcmp(as, "site") == 0;
	made.level = (uint8_t)level;
	result = cli_approvals_read(call, path, &file);
	if (result == CLI_YES)
		result = cli_authority_read_public(call, key, made.key);
	if (result == CLI_YES)
		result = cli_authority_read(call, root_file, &root);
	if (result != CLI_YES)
		return result;
	if (memcmp(made.is_site ? file.scope.site_root : file.scope.release_root, root.public,
	           APPROVAL_KEY_LEN) != 0) {
		cli_complain(call, "%s is not the %s root of %s", root_file, as, path);
		result = CLI_NO;
	}
	before = approval_find_appointment(&file, made.is_site, made.key, 0);
	if (result == CLI_YES && before != NULL && before->level > made.level && !lower) {
		cli_complain(call,
		             "this key is appointed until level %u already; to put an appointment "
		             "until %u in its place say --lower",
		             before->level, made.level);
		result = CLI_NO;
	}
	if (result == CLI_YES)
		result = cli_appoint_add(call, &root, &file, &made);
	SECRET_WIPE(root);
	if (result != CLI_YES)
		return result;
	cli_authority_text(made.key, text);
	printf("What %s key %s approves counts for the %s half of the share, as long as the %s\n"
	       "floor is at most %u.%s\n",
	       as, text, as, as, made.level, dry_run ? " Nothing was written (--dry-run)." : "");
	if (!dry_run)
		result = cli_approvals_write(call, path, &file);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer("{\"as\":\"%s\",\"key\":\"%s\",\"until\":%u,\"written\":%s}\n", as, text,
		           made.level, dry_run ? "false" : "true");
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_image_appoint = {
    .name = "image appoint",
    .arguments = "--as release|site --root FILE --key FILE.pub --approvals FILE [--until LEVEL] "
                 "[--lower] [--dry-run]",
    .sentence = "let a working key approve for its authority, signed by the root",
    .run = run_appoint,
    .help =
        "A root is fixed at genesis and stays offline; working keys are appointed and replaced\n"
        "without sealing anything anew. Neither root can appoint for the other authority.\n\n"
        "--as release   the release root appoints a release key; the site must name it, too\n"
        "               (claviger image approve --as site --release-key)\n"
        "--as site      the site root appoints a site key, which approves firmware\n"
        "--until LEVEL  only while that authority's floor is at most LEVEL (255: for good): "
        "raising\n"
        "               the floor above it takes the key away\n"
        "--lower        take the place of an appointment of this key until a higher level\n"
        "A newer appointment of the same key takes the place of the older in the file; who kept\n"
        "the older can use it until the floor is above its level.\n",
};

const struct cli_command cli_image_approve = {
    .name = "image approve",
    .arguments =
        "--as release|site --key FILE --pcrs FILE --level N --approvals FILE [--name TEXT] "
        "[--release-key FILE.pub] [--dry-run]",
    .sentence = "sign that what has these PCRs may unseal",
    .run = run_approve,
    .help =
        "The file of approvals gets one more; none is removed. Put it where the machine reads it\n"
        "(state_dir/approvals) before the next start; nothing is sealed anew. The key is the\n"
        "authority's root or one that the root appointed (claviger image appoint).\n\n"
        "--as release    the release key signs what was started: PCR 4, 9, 11, 12 and 14\n"
        "--as site       the site key signs the firmware under it: PCR 0, 2 and 7, and which\n"
        "                release key counts there; another one with --release-key\n"
        "--pcrs FILE     {\"4\": \"64 hex digits\", ...}; PCR 11 as it is before the cap\n"
        "--level N       1 to 255; what is below the floor does not unseal (claviger tpm floor)\n"
        "--dry-run       only say what would be signed\n",
};

const struct cli_command cli_image_approvals = {
    .name = "image approvals",
    .arguments = "FILE",
    .sentence = "show a file of approvals and check its signatures",
    .run = run_approvals,
};

const struct cli_command cli_image_drop = {
    .name = "image drop",
    .arguments = "--approvals FILE --as release|site --below LEVEL [--dry-run]",
    .sentence = "drop old approvals from a file; refused when nothing would unseal",
    .run = run_drop,
    .help = "An approval that was dropped can be added again by whoever has it: to lock a release\n"
            "out for good, raise the floor (claviger tpm floor raise).\n",
};
