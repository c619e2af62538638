/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_site.h"

#include <stdio.h>

#include "keys_p256.h"
#include "site.h"

bool signer_interprets(const struct signer *signer)
{
	return strcmp(proc_setting(signer->proc, "policy_engine"), "interpreter") == 0;
}

/* What `setup` made of the manifest must be what is in it: it parses, and may be taken over. */
static bool settings_fit(const struct signer *signer, const struct site_manifest *manifest)
{
	char text[SITE_TEXT_MAX];

	site_operators(manifest, text);
	if (strcmp(proc_setting(signer->proc, "operators"), text) != 0)
		return false;
	if (manifest->rp_id[0] != '\0' &&
	    strcmp(proc_setting(signer->proc, "rp_id"), manifest->rp_id) != 0)
		return false;
	if (signer->bound_exports != manifest->bound_exports)
		return false;
	if (manifest->interpreter != signer_interprets(signer))
		return false;
	site_time_keys(manifest, text);
	if (strcmp(proc_setting(signer->proc, "time_keys"), text) != 0 ||
	    signer->time_settings.unproven_max_s !=
	        (manifest->unproven_max_s != 0 ? manifest->unproven_max_s : SIGNER_TIME_UNPROVEN_S))
		return false;
	site_origins(manifest, text);
	return text[0] == '\0' || strcmp(proc_setting(signer->proc, "origins"), text) == 0;
}

/* take_signed takes a manifest of this machine's site; NULL, or why it is none. */
static const char *take_signed(struct signer *signer, struct bytes whole,
                               struct site_manifest *ret_manifest, uint8_t ret_hash[KEYS_HASH_LEN])
{
	static uint8_t space[SITE_MANIFEST_MAX];
	struct buffer inner = BUFFER_OF_ARRAY(space);

	if (site_take(whole, ret_manifest) != STATUS_OK ||
	    site_signed(ret_manifest, &inner) != STATUS_OK)
		return "the site manifest is malformed";
	if (memcmp(ret_manifest->key, signer->facts->site_key, sizeof(ret_manifest->key)) != 0)
		return "the site manifest is of another site than the one this machine belongs to";
	keys_sha256_label(SITE_LABEL, buffer_bytes(&inner), ret_hash);
	if (keys_p256_verify(ret_manifest->key, ret_hash, ret_manifest->signature) != STATUS_OK)
		return "the site manifest is not signed by its site key";
	if (ret_manifest->has_deployment && memcmp(ret_manifest->deployment, signer->deployment,
	                                           sizeof(ret_manifest->deployment)) != 0)
		return "the site manifest is for another deployment";
	return NULL;
}

const char *signer_site_judge(struct signer *signer, struct bytes whole)
{
	static struct site_manifest running, wanted;
	uint8_t hash[KEYS_HASH_LEN];
	const char *why = take_signed(signer, whole, &wanted, hash);

	if (why == NULL && site_take(proc_site(signer->proc), &running) != STATUS_OK)
		why = "this signer runs by no site manifest";
	return why != NULL ? why : site_change(&running, &wanted);
}

/* judge_age: whoever holds the disk shall not bring back what the site has replaced. The mark is
 * anchored with this start's first checkpoint, before anybody is served. A start from a store that
 * the site accepted begins anew: that store's mark is as old as the store. */
static const char *judge_age(struct signer *signer, const struct site_manifest *manifest,
                             const uint8_t hash[KEYS_HASH_LEN])
{
	static const uint8_t none[KEYS_HASH_LEN];
	static char text[200];
	struct authz_site_mark *mark = &signer->checkpoint.site;
	bool is_other = memcmp(mark->hash, hash, sizeof(mark->hash)) != 0;

	if (!signer->recovers && memcmp(mark->hash, none, sizeof(none)) != 0 && is_other &&
	    manifest->serial <= mark->serial) {
		snprintf(text, sizeof(text),
		         "the site manifest (serial %llu) is older than one by which this machine "
		         "has served (serial %llu): sign one with a higher serial (claviger image "
		         "disk --serial)",
		         (unsigned long long)manifest->serial, (unsigned long long)mark->serial);
		return text;
	}
	mark->serial = manifest->serial;
	memcpy(mark->hash, hash, sizeof(mark->hash));
	return NULL;
}

const char *signer_site_check(struct signer *signer)
{
	static struct site_manifest manifest;
	struct bytes whole = proc_site(signer->proc);
	uint8_t hash[KEYS_HASH_LEN];
	const char *why;

	if (whole.len == 0)
		return strcmp(proc_setting(signer->proc, "mode"), "appliance") == 0
		           ? "there is no site manifest"
		           : NULL;
	why = take_signed(signer, whole, &manifest, hash);
	if (why == NULL && !settings_fit(signer, &manifest))
		why = "the settings are not those of the site manifest";
	return why != NULL ? why : judge_age(signer, &manifest, hash);
}
