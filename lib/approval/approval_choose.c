/* Which release and site approvals fit together, and what was started. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "approval.h"

/* What one approval is worth by itself: `until` is the highest floor at which it opens. */
struct worth {
	bool fits;
	uint8_t until;
	const struct approval_appointment *appointed;
};

static void extend(uint8_t value[32], const char *label)
{
	uint8_t whole[64];
	struct bytes bytes = BYTES_OF_ARRAY(whole);

	memcpy(whole, value, 32);
	keys_sha256_label(label, bytes_of(NULL, 0), whole + 32);
	keys_sha256(&bytes, 1, value);
}

static bool pcrs_fit(const struct approval_start *start, const uint8_t *indices,
                     const uint8_t (*approved)[32], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t value[32];

		memcpy(value, approved[i], 32);
		if (indices[i] == APPROVAL_PCR_CAP && start->is_capped)
			extend(value, "claviger/cap/v1");
		if (memcmp(start->pcrs[indices[i]], value, 32) != 0)
			return false;
	}
	return true;
}

static struct worth worth_of(const struct approval_file *file, bool is_site,
                             const uint8_t key[APPROVAL_KEY_LEN], uint8_t level, uint8_t floor)
{
	struct worth worth = {.appointed = approval_find_appointment(file, is_site, key, floor)};

	worth.fits = worth.appointed != NULL;
	if (worth.fits)
		worth.until = worth.appointed->level < level ? worth.appointed->level : level;
	return worth;
}

static struct worth judge_release(const struct approval_file *file,
                                  const struct approval_start *start,
                                  const struct approval_release *release)
{
	if (!pcrs_fit(start, approval_release_pcrs, release->pcrs, APPROVAL_RELEASE_PCRS) ||
	    approval_check_release(release, &file->scope) != STATUS_OK)
		return (struct worth){.fits = false};
	return worth_of(file, false, release->key, release->level, start->release_floor);
}

static struct worth judge_site(const struct approval_file *file, const struct approval_start *start,
                               const struct approval_site *site)
{
	if (!pcrs_fit(start, approval_site_pcrs, site->pcrs, APPROVAL_SITE_PCRS) ||
	    approval_check_site(site, &file->scope) != STATUS_OK)
		return (struct worth){.fits = false};
	return worth_of(file, true, site->key, site->level, start->site_floor);
}

/* Whether a pair (that opens) is before the best one so far. */
static bool is_better(const struct approval_pair *best, bool by_site, uint8_t release, uint8_t site)
{
	uint8_t first = by_site ? site : release, then = by_site ? release : site;
	uint8_t best_first = by_site ? best->site_until : best->release_until;
	uint8_t best_then = by_site ? best->release_until : best->site_until;

	return best->release == NULL || first > best_first ||
	       (first == best_first && then > best_then);
}

enum approval_fit approval_choose(const struct approval_file *file,
                                  const struct approval_start *start, bool by_site,
                                  struct approval_pair *ret_pair)
{
	struct worth sites[APPROVAL_SITES_MAX];
	struct approval_pair best = {.release = NULL};
	enum approval_fit fit = APPROVAL_NO_RELEASE;

	for (size_t i = 0; i < file->site_count; i++)
		sites[i] = judge_site(file, start, &file->sites[i]);
	for (size_t i = 0; i < file->release_count; i++) {
		const struct approval_release *release = &file->releases[i];
		struct worth worth = judge_release(file, start, release);
		bool holds = worth.fits && worth.until >= start->release_floor;
		enum approval_fit own = !worth.fits ? APPROVAL_NO_RELEASE
		                        : !holds    ? APPROVAL_BELOW_FLOOR
		                                    : APPROVAL_NO_SITE;

		for (size_t j = 0; holds && j < file->site_count; j++) {
			const struct approval_site *site = &file->sites[j];

			if (!sites[j].fits ||
			    memcmp(site->release_key, release->key, APPROVAL_KEY_LEN) != 0)
				continue;
			if (sites[j].until < start->site_floor) {
				own = own == APPROVAL_OPENS ? own : APPROVAL_BELOW_SITE;
				continue;
			}
			own = APPROVAL_OPENS;
			if (is_better(&best, by_site, worth.until, sites[j].until))
				best = (struct approval_pair){
				    .release = release,
				    .site = site,
				    .appointed = {worth.appointed, sites[j].appointed},
				    .release_until = worth.until,
				    .site_until = sites[j].until
                                };
		}
		fit = own > fit ? own : fit;
	}
	*ret_pair = best;
	return fit;
}
