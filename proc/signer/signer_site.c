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
	site_time_keys(manifest, text);
	if (strcmp(proc_setting(signer->proc, "time_keys"), text) != 0 ||
	    signer->time_settings.unproven_max_s !=
	        (manifest->unproven_max_s != 0 ? manifest->unproven_max_s : SIGNER_TIME_UNPROVEN_S))
		return false;
	site_origins(manifest, text);
	return text[0] == '\0' || strcmp(proc_setting(signer->proc, "origins"), text) == 0;
}

const char *signer_site_check(struct signer *signer)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	static struct site_manifest manifest;
	struct bytes whole = proc_site(signer->proc);
	struct buffer inner = BUFFER_OF_ARRAY(space);
	uint8_t digest[KEYS_HASH_LEN];

	if (whole.len == 0)
		return strcmp(proc_setting(signer->proc, "mode"), "appliance") == 0
		           ? "there is no site manifest"
		           : NULL;
	if (site_take(whole, &manifest) != STATUS_OK || site_signed(&manifest, &inner) != STATUS_OK)
		return "the site manifest is malformed";
	if (memcmp(manifest.key, signer->facts->site_key, sizeof(manifest.key)) != 0)
		return "the site manifest is of another site than the one this machine belongs to";
	keys_sha256_label(SITE_LABEL, buffer_bytes(&inner), digest);
	if (keys_p256_verify(manifest.key, digest, manifest.signature) != STATUS_OK)
		return "the site manifest is not signed by its site key";
	if (manifest.has_deployment &&
	    memcmp(manifest.deployment, signer->deployment, sizeof(manifest.deployment)) != 0)
		return "the site manifest is for another deployment";
	if (!settings_fit(signer, &manifest))
		return "the settings are not those of the site manifest";
	return NULL;
}
