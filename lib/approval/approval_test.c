/* Approvals in bytes and digests. That a TPM computes the same digests is shown on one, in
 * proc/unsealer/unsealer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "approval.h"
#include "base_encode.h"
#include "base_test.h"

static struct keys_p256_key site, release;
static struct approval_scope scope;

static void sign(const struct keys_p256_key *key, enum approval_purpose purpose,
                 const uint8_t policy[32], uint8_t ret_signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, scope.genesis, digest);
	EXPECT(keys_p256_sign(key, digest, ret_signature) == STATUS_OK);
}

static struct approval_file whole_file(void)
{
	struct approval_file file = {.release_count = 2, .site_count = 1, .delegate_count = 1};
	uint8_t policy[32];

	file.scope = scope;
	file.appointed_count = 1;
	file.appointed[0].level = 9;
	memcpy(file.appointed[0].key, release.public, 64);
	approval_appointment_policy(&file.appointed[0], &scope, policy);
	sign(&release, APPROVAL_APPOINT_RELEASE, policy, file.appointed[0].signature);
	for (size_t i = 0; i < 2; i++) {
		struct approval_release *made = &file.releases[i];

		made->level = (uint8_t)(i + 1);
		made->name = (struct approval_name){.len = 5, .text = "0.1.0"};
		memcpy(made->key, release.public, 64);
		memset(made->pcrs, (int)i + 7, sizeof(made->pcrs));
		approval_release_policy(made, &scope, policy);
		sign(&release, APPROVAL_SEAL_RELEASE, policy, made->signature);
	}
	file.sites[0].level = 3;
	memcpy(file.sites[0].key, site.public, 64);
	memcpy(file.sites[0].release_key, release.public, 64);
	approval_site_policy(&file.sites[0], &scope, policy);
	sign(&site, APPROVAL_SEAL_SITE, policy, file.sites[0].signature);
	file.delegates[0].level = 3;
	memcpy(file.delegates[0].release_key, release.public, 64);
	approval_delegate_policy(&file.delegates[0], &scope, policy);
	sign(&site, APPROVAL_FLOOR_DELEGATE, policy, file.delegates[0].signature);
	return file;
}

static void test_a_file_goes_through_its_one_encoding_with_zeros_behind(void)
{
	static uint8_t raw[APPROVAL_FILE_MAX];
	static struct approval_file file, again;
	struct buffer out = BUFFER_OF_ARRAY(raw);
	unsigned refused = 0;

	file = whole_file();
	EXPECT(approval_file_put(&file, &out) == STATUS_OK);
	EXPECT(approval_file_take(buffer_bytes(&out), &again) == STATUS_OK);
	EXPECT(memcmp(&file, &again, sizeof(file)) == 0);
	EXPECT(approval_file_take(BYTES_OF_ARRAY(raw), &again) == STATUS_OK);
	raw[out.len + 100] = 1;
	EXPECT(approval_file_take(BYTES_OF_ARRAY(raw), &again) == STATUS_MALFORMED);
	raw[out.len + 100] = 0;
	for (size_t len = 0; len < out.len; len++)
		refused += approval_file_take(bytes_of(raw, len), &again) == STATUS_MALFORMED;
	EXPECT(refused == out.len);
	raw[0] ^= 1;
	EXPECT(approval_file_take(buffer_bytes(&out), &again) == STATUS_MALFORMED);
	raw[0] ^= 1;
	raw[2] = 1; /* the version before this one is named as such */
	EXPECT(approval_file_take(buffer_bytes(&out), &again) == STATUS_UNSUPPORTED);
}

static void test_signatures_hold_for_exactly_what_they_say(void)
{
	static struct approval_file file;
	struct approval_release *made = &file.releases[0];
	struct approval_scope elsewhere = scope;
	struct keys_p256_key other;

	file = whole_file();
	keys_p256_random(&other);
	EXPECT(approval_check_release(made, &scope) == STATUS_OK);
	memcpy(elsewhere.site_root, other.public, 64); /* another site */
	EXPECT(approval_check_release(made, &elsewhere) == STATUS_CRYPTO);
	elsewhere = scope;
	elsewhere.genesis[9] ^=
	    1; /* another deployment of these authorities: nothing counts there */
	EXPECT(approval_check_release(made, &elsewhere) == STATUS_CRYPTO);
	EXPECT(approval_check_site(&file.sites[0], &elsewhere) == STATUS_CRYPTO);
	EXPECT(approval_check_delegate(&file.delegates[0], &elsewhere) == STATUS_CRYPTO);
	EXPECT(approval_check_appointment(&file.appointed[0], &elsewhere) == STATUS_CRYPTO);
	EXPECT(approval_check_appointment(&file.appointed[0], &scope) == STATUS_OK);
	EXPECT(approval_find_appointment(&file, false, release.public, 9) == &file.appointed[0]);
	EXPECT(approval_find_appointment(&file, false, release.public, 10) == NULL);
	EXPECT(approval_find_appointment(&file, true, release.public, 1) == NULL);
	EXPECT(approval_find_appointment(&file, false, other.public, 1) == NULL);
	file.appointed[0].is_site = true; /* the other authority's root has not said so */
	EXPECT(approval_check_appointment(&file.appointed[0], &scope) == STATUS_CRYPTO);
	made->level++;
	EXPECT(approval_check_release(made, &scope) == STATUS_CRYPTO);
	made->level--;
	for (size_t i = 0; i < APPROVAL_RELEASE_PCRS; i++) {
		made->pcrs[i][31] ^= 1;
		EXPECT(approval_check_release(made, &scope) == STATUS_CRYPTO);
		made->pcrs[i][31] ^= 1;
	}
	made->name.text[0] = 'x'; /* for people only */
	EXPECT(approval_check_release(made, &scope) == STATUS_OK);
	EXPECT(approval_check_site(&file.sites[0], &scope) == STATUS_OK);
	memcpy(file.sites[0].release_key, other.public, 64);
	EXPECT(approval_check_site(&file.sites[0], &scope) == STATUS_CRYPTO);
	EXPECT(approval_check_delegate(&file.delegates[0], &scope) == STATUS_OK);
	file.delegates[0].level = 4;
	EXPECT(approval_check_delegate(&file.delegates[0], &scope) == STATUS_CRYPTO);
}

/* A23: every two purposes give different digests of one policy. */
static void test_each_purpose_has_a_reference_of_its_own(void)
{
	static const uint8_t policy[32] = {9};
	uint8_t digests[8][32];

	for (int i = 0; i < 8; i++)
		approval_digest((enum approval_purpose)(i + 1), policy, scope.genesis, digests[i]);
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < i; j++)
			EXPECT(memcmp(digests[i], digests[j], 32) != 0);
}

static void sign_manifest(struct approval_manifest *manifest)
{
	const struct approval_scope before = scope;
	uint8_t policy[32];

	approval_scope_of(manifest, &scope);
	approval_first_policy(policy);
	sign(&site, APPROVAL_FLOOR_DELEGATE, policy, manifest->first_release);
	sign(&site, APPROVAL_FLOOR_SITE, policy, manifest->first_site);
	EXPECT(keys_p256_sign(&site, scope.genesis, manifest->signature) == STATUS_OK);
	scope = before;
}

static void test_a_manifest_is_what_its_site_key_signed(void)
{
	struct approval_manifest manifest = {.approver_count = 1, .has_recovery = true}, again;
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer out = BUFFER_OF_ARRAY(raw);
	unsigned refused = 0, tried = 0;

	memcpy(manifest.site_root, site.public, 64);
	memcpy(manifest.release_root, release.public, 64);
	memcpy(manifest.approvers[0], release.public, 64);
	memset(manifest.recovery, 5, 32);
	sign_manifest(&manifest);
	EXPECT(approval_manifest_put(&manifest, &out) == STATUS_OK);
	EXPECT(approval_manifest_take(buffer_bytes(&out), &again) == STATUS_OK);
	EXPECT(memcmp(&manifest, &again, sizeof(manifest)) == 0);
	EXPECT(approval_check_manifest(&manifest) == STATUS_OK);
	for (size_t at = 0; at < out.len; at += 3) {
		raw[at] ^= 4;
		tried++;
		if (approval_manifest_take(buffer_bytes(&out), &again) != STATUS_OK ||
		    approval_check_manifest(&again) != STATUS_OK)
			refused++;
		raw[at] ^= 4;
	}
	EXPECT(tried > 100 && refused == tried);
	/* In the place of a lost machine: which share is part of what was signed. */
	manifest.is_recovery = true;
	memset(manifest.share, 6, 32);
	sign_manifest(&manifest);
	out.len = 0;
	EXPECT(approval_manifest_put(&manifest, &out) == STATUS_OK);
	EXPECT(approval_manifest_take(buffer_bytes(&out), &again) == STATUS_OK);
	EXPECT(memcmp(&manifest, &again, sizeof(manifest)) == 0);
	EXPECT(approval_check_manifest(&again) == STATUS_OK);
	again.share[9] ^= 1;
	EXPECT(approval_check_manifest(&again) == STATUS_CRYPTO);
	/* A10: one root for both is told, or refused. */
	memcpy(manifest.release_root, site.public, 64);
	sign_manifest(&manifest);
	EXPECT(approval_check_manifest(&manifest) == STATUS_REFUSED);
	manifest.is_single = true;
	sign_manifest(&manifest);
	EXPECT(approval_check_manifest(&manifest) == STATUS_OK);
}

static void test_a_sealed_share_with_any_bit_changed_is_found_out(void)
{
	struct approval_sealed sealed = {
	    .halves = {{.public_len = 40, .private_len = 100},
	               {.public_len = 41, .private_len = 99}},
	    .first_counter = 256
        };
	struct approval_sealed again;
	uint8_t raw[APPROVAL_SEALED_MAX] = {0};
	struct buffer out = BUFFER_OF_ARRAY(raw);
	unsigned refused = 0;

	memset(sealed.halves[0].public_area, 1, 40);
	memset(sealed.halves[0].private_area, 2, 100);
	memset(sealed.halves[1].public_area, 3, 41);
	memset(sealed.halves[1].private_area, 4, 99);
	approval_scope_of(&sealed.manifest, &sealed.scope);
	EXPECT(approval_sealed_put(&sealed, &out) == STATUS_OK);
	EXPECT(approval_sealed_take(BYTES_OF_ARRAY(raw), &again) == STATUS_OK);
	EXPECT(memcmp(&sealed, &again, sizeof(sealed)) == 0);
	for (size_t at = 0; at < out.len; at++) {
		raw[at] ^= (uint8_t)(1u << (at % 8));
		refused += approval_sealed_take(buffer_bytes(&out), &again) != STATUS_OK;
		raw[at] ^= (uint8_t)(1u << (at % 8));
	}
	EXPECT(refused == out.len);
	for (size_t at = 35; at < 60; at++) /* a manifest of the version before this one, too */
		if (memcmp(raw + at, (const uint8_t[]){0xab, 1, 3, 2, 0x58, 0x40}, 6) == 0)
			raw[at + 2] = 2;
	EXPECT(approval_sealed_take(buffer_bytes(&out), &again) == STATUS_UNSUPPORTED);
	raw[2] = 2; /* the version before this one is named as such */
	EXPECT(approval_sealed_take(buffer_bytes(&out), &again) == STATUS_UNSUPPORTED);
}

static void test_there_is_no_step_from_the_last_level(void)
{
	struct approval_step step = {.from = 254}, again;
	uint8_t raw[APPROVAL_STEP_MAX], policy[32];
	struct buffer out = BUFFER_OF_ARRAY(raw);

	memcpy(step.key, release.public, 64);
	approval_step_policy(false, 254, &scope, policy);
	sign(&release, APPROVAL_FLOOR_RELEASE, policy, step.signature);
	EXPECT(approval_step_put(&step, &out) == STATUS_OK);
	EXPECT(approval_step_take(buffer_bytes(&out), &again) == STATUS_OK);
	EXPECT(approval_check_step(&again, &scope) == STATUS_OK);
	again.is_site = true; /* only the site key steps its own floor */
	EXPECT(approval_check_step(&again, &scope) == STATUS_CRYPTO);
	step.from = 255;
	out.len = 0;
	EXPECT(approval_step_put(&step, &out) == STATUS_OK);
	EXPECT(approval_step_take(buffer_bytes(&out), &again) == STATUS_MALFORMED);
}

static void test_approvers_are_branches_of_the_site_half_alone(void)
{
	struct approval_sealed sealed = {.first_counter = 0};
	uint8_t policies[4][32], release_half[32], again[32], branches[APPROVAL_APPROVERS_MAX][32];

	sealed.scope = scope;
	memcpy(sealed.manifest.approvers[0], site.public, 64);
	memcpy(sealed.manifest.approvers[1], release.public, 64);
	approval_seal_policy(&sealed, APPROVAL_RELEASE_HALF, release_half);
	for (uint8_t count = 0; count <= 2; count++) {
		sealed.manifest.approver_count = count;
		approval_seal_policy(&sealed, APPROVAL_SITE_HALF, policies[count]);
		approval_seal_policy(&sealed, APPROVAL_RELEASE_HALF, again);
		EXPECT(memcmp(release_half, again, 32) == 0);
	}
	approval_seal_branches(&sealed, branches);
	EXPECT(memcmp(policies[0], release_half, 32) != 0);
	EXPECT(memcmp(policies[1], branches[0], 32) == 0);
	EXPECT(memcmp(policies[0], policies[1], 32) != 0);
	EXPECT(memcmp(policies[1], policies[2], 32) != 0);
	EXPECT(memcmp(branches[0], branches[1], 32) != 0);
	sealed.site_base[6] = 1; /* another counter under the same number */
	approval_seal_policy(&sealed, APPROVAL_SITE_HALF, policies[3]);
	EXPECT(memcmp(policies[2], policies[3], 32) != 0);
	approval_seal_policy(&sealed, APPROVAL_RELEASE_HALF, again);
	EXPECT(memcmp(release_half, again, 32) != 0);
}

/* ---- choosing ---- */

static void add_release(struct approval_file *file, const struct keys_p256_key *key, uint8_t level,
                        const uint8_t (*pcrs)[32])
{
	struct approval_release *made = &file->releases[file->release_count++];
	uint8_t policy[32];

	*made = (struct approval_release){.level = level};
	memcpy(made->key, key->public, 64);
	for (size_t i = 0; i < APPROVAL_RELEASE_PCRS; i++)
		memcpy(made->pcrs[i], pcrs[approval_release_pcrs[i]], 32);
	approval_release_policy(made, &scope, policy);
	sign(key, APPROVAL_SEAL_RELEASE, policy, made->signature);
}

static void add_site(struct approval_file *file, const struct keys_p256_key *release_key,
                     uint8_t level, const uint8_t (*pcrs)[32])
{
	struct approval_site *made = &file->sites[file->site_count++];
	uint8_t policy[32];

	*made = (struct approval_site){.level = level};
	memcpy(made->key, site.public, 64);
	memcpy(made->release_key, release_key->public, 64);
	for (size_t i = 0; i < APPROVAL_SITE_PCRS; i++)
		memcpy(made->pcrs[i], pcrs[approval_site_pcrs[i]], 32);
	approval_site_policy(made, &scope, policy);
	sign(&site, APPROVAL_SEAL_SITE, policy, made->signature);
}

static void add_appointed(struct approval_file *file, bool is_site, const struct keys_p256_key *key,
                          uint8_t level)
{
	struct approval_appointment *made = &file->appointed[file->appointed_count++];
	uint8_t policy[32];

	*made = (struct approval_appointment){.is_site = is_site, .level = level};
	memcpy(made->key, key->public, 64);
	approval_appointment_policy(made, &scope, policy);
	sign(is_site ? &site : &release, is_site ? APPROVAL_APPOINT_SITE : APPROVAL_APPOINT_RELEASE,
	     policy, made->signature);
}

/* A start that is approved by two release keys: `release` until 2 (and 7 for another PCR 11), the
 * other one until 9; the site names the first until 3, and, with `both`, the other until 1. */
static void make_start(uint8_t pcrs[24][32], struct keys_p256_key *other, bool both,
                       struct approval_file *file)
{
	uint8_t elsewhere[24][32];

	*file = (struct approval_file){.scope = scope};
	keys_p256_random(other);
	for (size_t i = 0; i < 24; i++)
		memset(pcrs[i], (int)i + 1, 32);
	memcpy(elsewhere, pcrs, sizeof(elsewhere));
	elsewhere[APPROVAL_PCR_CAP][0] ^= 1;
	add_appointed(file, true, &site, 255);
	add_appointed(file, false, &release, 255);
	add_appointed(file, false, other, 255);
	add_release(file, &release, 7, (const uint8_t(*)[32])elsewhere);
	add_release(file, other, 9, (const uint8_t(*)[32])pcrs);
	add_release(file, &release, 2, (const uint8_t(*)[32])pcrs);
	add_site(file, &release, 3, (const uint8_t(*)[32])pcrs);
	if (both)
		add_site(file, other, 1, (const uint8_t(*)[32])pcrs);
}

/* Only pairs count, for the start as for what a floor would lock out. */
static void test_the_pair_that_opens_for_the_longest_is_chosen(void)
{
	static const struct {
		bool both, by_site;
		uint8_t release_floor, site_floor;
		enum approval_fit fit;
		uint8_t release_until, site_until;
	} rows[] = {
	    {false, false, 0,  0, APPROVAL_OPENS,       2, 3}, /* not 9: its key is not named */
	    {false, true,  2,  3, APPROVAL_OPENS,       2, 3},
	    {false, false, 3,  0, APPROVAL_NO_SITE,     0, 0}, /* 9 is left, alone */
	    {false, false, 10, 0, APPROVAL_BELOW_FLOOR, 0, 0},
	    {false, false, 0,  4, APPROVAL_BELOW_SITE,  0, 0},
	    {true,  false, 0,  0, APPROVAL_OPENS,       9, 1},
	    {true,  true,  0,  0, APPROVAL_OPENS,       2, 3},
	    {true,  false, 0,  2, APPROVAL_OPENS,       2, 3}, /* 9 opens no more */
	    {true,  true,  3,  0, APPROVAL_OPENS,       9, 1}, /* nor 3 */
	    {true,  false, 3,  2, APPROVAL_BELOW_SITE,  0, 0},
	};
	static struct approval_file file;
	struct keys_p256_key other;
	struct approval_pair pair;
	uint8_t pcrs[24][32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct approval_start start = {.pcrs = (const uint8_t(*)[32])pcrs,
		                               .release_floor = rows[i].release_floor,
		                               .site_floor = rows[i].site_floor};

		make_start(pcrs, &other, rows[i].both, &file);
		EXPECT(approval_choose(&file, &start, rows[i].by_site, &pair) == rows[i].fit);
		EXPECT((pair.release != NULL) == (rows[i].fit == APPROVAL_OPENS));
		EXPECT(pair.release_until == rows[i].release_until &&
		       pair.site_until == rows[i].site_until);
	}
}

static void test_a_pair_ends_with_its_appointments_and_shows_the_cap(void)
{
	static struct approval_file file;
	struct keys_p256_key other;
	struct approval_pair pair;
	uint8_t pcrs[24][32], whole[64];
	struct approval_start start = {.pcrs = (const uint8_t(*)[32])pcrs};
	struct bytes bytes = BYTES_OF_ARRAY(whole);

	make_start(pcrs, &other, true, &file);
	file.appointed_count--;
	add_appointed(&file, false, &other, 1); /* until 1 only, whatever its key approves */
	EXPECT(approval_choose(&file, &start, false, &pair) == APPROVAL_OPENS);
	EXPECT(pair.release_until == 2 && pair.release == &file.releases[2]);
	EXPECT(pair.appointed[APPROVAL_RELEASE_HALF] == &file.appointed[1] &&
	       pair.appointed[APPROVAL_SITE_HALF] == &file.appointed[0]);
	file.sites[0].signature[0] ^= 1;
	EXPECT(approval_choose(&file, &start, false, &pair) == APPROVAL_OPENS);
	EXPECT(pair.release_until == 1 && pair.release == &file.releases[1]);
	file.sites[0].signature[0] ^= 1;
	start.is_capped = true; /* it says so, and is not */
	EXPECT(approval_choose(&file, &start, false, &pair) == APPROVAL_NO_RELEASE);
	memcpy(whole, pcrs[APPROVAL_PCR_CAP], 32);
	keys_sha256_label("claviger/cap/v1", bytes_of(NULL, 0), whole + 32);
	keys_sha256(&bytes, 1, pcrs[APPROVAL_PCR_CAP]);
	EXPECT(approval_choose(&file, &start, false, &pair) == APPROVAL_OPENS);
	EXPECT(pair.release_until == 2); /* not 7, which is for another PCR 11 */
	start.is_capped = false;
	EXPECT(approval_choose(&file, &start, false, &pair) == APPROVAL_NO_RELEASE);
}

int main(void)
{
	keys_open();
	keys_p256_random(&site);
	keys_p256_random(&release);
	memcpy(scope.site_root, site.public, 64);
	memcpy(scope.release_root, release.public, 64);
	memset(scope.genesis, 4, 32);
	RUN(test_a_file_goes_through_its_one_encoding_with_zeros_behind);
	RUN(test_signatures_hold_for_exactly_what_they_say);
	RUN(test_each_purpose_has_a_reference_of_its_own);
	RUN(test_a_manifest_is_what_its_site_key_signed);
	RUN(test_a_sealed_share_with_any_bit_changed_is_found_out);
	RUN(test_there_is_no_step_from_the_last_level);
	RUN(test_approvers_are_branches_of_the_site_half_alone);
	RUN(test_the_pair_that_opens_for_the_longest_is_chosen);
	RUN(test_a_pair_ends_with_its_appointments_and_shows_the_cap);
	return test_summary();
}
