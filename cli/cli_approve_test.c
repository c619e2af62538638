/* Which files of approvals a machine is warned of before it gets them: those after which it would
 * never start again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "cli_authority.h"

static struct keys_p256_key site_root, release_root, site, release, stranger;
static struct approval_file file;

static void make(struct keys_p256_key *key)
{
	keys_p256_random(key);
}

static void appoint(const struct keys_p256_key *root, const struct keys_p256_key *key, bool is_site)
{
	struct approval_appointment *made = &file.appointed[file.appointed_count++];

	*made = (struct approval_appointment){.is_site = is_site, .level = APPROVAL_LEVEL_MAX};
	memcpy(made->key, key->public, sizeof(made->key));
	EXPECT(cli_appoint(root, &file.scope, made) == STATUS_OK);
}

/* A file that opens: one approval of each authority, by keys that their roots appointed. */
static void begin(void)
{
	file = (struct approval_file){.release_count = 1, .site_count = 1};
	memcpy(file.scope.site_root, site_root.public, sizeof(file.scope.site_root));
	memcpy(file.scope.release_root, release_root.public, sizeof(file.scope.release_root));
	memset(file.scope.genesis, 7, sizeof(file.scope.genesis));
	appoint(&site_root, &site, true);
	appoint(&release_root, &release, false);
	file.releases[0].level = file.sites[0].level = 1;
	EXPECT(cli_approve_release(&release, &file.scope, &file.releases[0]) == STATUS_OK);
	memcpy(file.sites[0].release_key, release.public, sizeof(file.sites[0].release_key));
	EXPECT(cli_approve_site(&site, &file.scope, &file.sites[0]) == STATUS_OK);
}

static bool opens(void)
{
	return cli_approvals_judge(&file) == NULL;
}

static bool says(const char *words)
{
	const char *why = cli_approvals_judge(&file);

	return why != NULL && strstr(why, words) != NULL;
}

static void test_a_release_under_a_site_approval_by_appointed_keys_opens(void)
{
	begin();
	EXPECT(opens());
}

static void test_a_bad_signature_anywhere_is_named(void)
{
	uint8_t *const at[] = {file.appointed[0].signature, file.appointed[1].signature,
	                       file.releases[0].signature, file.sites[0].signature};

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		begin();
		at[i][40] ^= 1;
		EXPECT(says("a signature in it is bad"));
	}
	begin();
	file.scope.genesis[0] ^= 1; /* all of it is another machine's */
	EXPECT(says("a signature in it is bad"));
}

static void test_without_a_release_or_a_site_approval_nothing_opens(void)
{
	begin();
	file.release_count = 0;
	EXPECT(says("nothing in it opens"));
	begin();
	file.site_count = 0;
	EXPECT(says("nothing in it opens"));
	begin();
	file.release_count = file.site_count = 0;
	EXPECT(says("nothing in it opens"));
}

static void test_a_key_that_its_root_did_not_appoint_opens_nothing(void)
{
	begin();
	file.appointed_count = 1; /* the site's key is left, the release's goes */
	EXPECT(says("nothing in it opens"));
	begin();
	file.appointed[0] = file.appointed[1];
	file.appointed_count = 1;
	EXPECT(says("nothing in it opens"));
	/* The other authority's root appoints for itself alone. */
	begin();
	file.appointed_count = 1;
	appoint(&site_root, &release, true);
	EXPECT(says("nothing in it opens"));
}

static void test_a_site_approval_for_another_release_key_opens_nothing(void)
{
	begin();
	memcpy(file.sites[0].release_key, stranger.public, sizeof(file.sites[0].release_key));
	EXPECT(cli_approve_site(&site, &file.scope, &file.sites[0]) == STATUS_OK);
	EXPECT(says("nothing in it opens"));
	/* A second one, for the right key, does. */
	memcpy(file.sites[1].release_key, release.public, sizeof(file.sites[1].release_key));
	file.sites[1].level = 1;
	EXPECT(cli_approve_site(&site, &file.scope, &file.sites[1]) == STATUS_OK);
	file.site_count = 2;
	EXPECT(opens());
}

int main(void)
{
	keys_open();
	make(&site_root);
	make(&release_root);
	make(&site);
	make(&release);
	make(&stranger);
	RUN(test_a_release_under_a_site_approval_by_appointed_keys_opens);
	RUN(test_a_bad_signature_anywhere_is_named);
	RUN(test_without_a_release_or_a_site_approval_nothing_opens);
	RUN(test_a_key_that_its_root_did_not_appoint_opens_nothing);
	RUN(test_a_site_approval_for_another_release_key_opens_nothing);
	return test_summary();
}
