/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_site.h"

#include "keys_p256.h"
#include "site.h"

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
                               struct site_manifest *ret_manifest)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	struct buffer inner = BUFFER_OF_ARRAY(space);
	uint8_t digest[KEYS_HASH_LEN];

	if (site_take(whole, ret_manifest) != STATUS_OK ||
	    site_signed(ret_manifest, &inner) != STATUS_OK)
		return "the site manifest is malformed";
	if (memcmp(ret_manifest->key, signer->facts->site_key, sizeof(ret_manifest->key)) != 0)
		return "the site manifest is of another site than the one this machine belongs to";
	keys_sha256_label(SITE_LABEL, buffer_bytes(&inner), digest);
	if (keys_p256_verify(ret_manifest->key, digest, ret_manifest->signature) != STATUS_OK)
		return "the site manifest is not signed by its site key";
	if (ret_manifest->has_deployment && memcmp(ret_manifest->deployment, signer->deployment,
	                                           sizeof(ret_manifest->deployment)) != 0)
		return "the site manifest is for another deployment";
	return NULL;
}

const char *signer_site_judge(struct signer *signer, struct bytes whole)
{
	static struct site_manifest running, wanted;
	const char *why = take_signed(signer, whole, &wanted);

	if (why == NULL && site_take(proc_site(signer->proc), &running) != STATUS_OK)
		why = "this signer runs by no site manifest";
	return why != NULL ? why : site_change(&running, &wanted);
}

const char *signer_site_check(struct signer *signer)
{
	static struct site_manifest manifest;
	struct bytes whole = proc_site(signer->proc);
	const char *why;

	if (whole.len == 0)
		return strcmp(proc_setting(signer->proc, "mode"), "appliance") == 0
		           ? "there is no site manifest"
		           : NULL;
	why = take_signed(signer, whole, &manifest);
	if (why == NULL && !settings_fit(signer, &manifest))
		why = "the settings are not those of the site manifest";
	if (why == NULL && manifest.serial < signer->checkpoint.site_serial)
		why = "the site manifest is older than one by which this machine has served: sign "
		      "it with a higher serial (claviger image disk --serial)";
	/* It counts from this start's first checkpoint on, which is anchored before anybody is
	 * served. */
	if (why == NULL)
		signer->checkpoint.site_serial = manifest.serial;
	return why;
}
