/* proc_site: what `setup` found on the appliance's data disk and network, for all that start later.
 *
 * One memfd, made by the supervisor, written by setup, sealed when setup has ended, and mapped
 * read-only by every process. In workstation mode there is none. Before the share is unsealed it
 * can only deny; then the signer checks the manifest's site key against its own record. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_SITE_H
#define PROC_SITE_H

#include "proc_topology.h"

#define PROC_SITE_MAGIC    UINT32_C(0x31535043) /* "CPS1" */
#define PROC_SITE_BYTES    131072u
#define PROC_SITE_MANIFEST 65536u
#define PROC_SITE_SETTINGS 16u

struct proc_site {
	uint32_t magic; /* written last */
	uint32_t setting_count;
	uint32_t manifest_len;
	uint8_t address[4], mask[4], router[4]; /* network order; router zeros: none */
	uint8_t server[4];                      /* that lent the address */
	uint32_t lease_s;                       /* 0: for ever */
	uint32_t reserved;
	int64_t lease_got_ms; /* CLOCK_MONOTONIC */
	struct proc_start_setting settings[PROC_SITE_SETTINGS];
	uint8_t manifest[PROC_SITE_MANIFEST]; /* the signed bytes, as they lie on the disk */
};

_Static_assert(sizeof(struct proc_site) <= PROC_SITE_BYTES, "fits");

/* proc_site_check tells whether all counts and texts of a written memfd are within their bounds. */
static inline bool proc_site_check(const struct proc_site *site)
{
	bool whole = site->magic == PROC_SITE_MAGIC && site->setting_count <= PROC_SITE_SETTINGS &&
	             site->manifest_len <= PROC_SITE_MANIFEST;

	for (uint32_t i = 0; whole && i < site->setting_count; i++) {
		const struct proc_start_setting *setting = &site->settings[i];

		whole = memchr(setting->name, 0, sizeof(setting->name)) != NULL &&
		        memchr(setting->value, 0, sizeof(setting->value)) != NULL;
	}
	return whole;
}

#endif
