/* signer_site: the site manifest of the appliance, held against what the TPM knows of the site. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_SITE_H
#define SIGNER_SITE_H

#include "signer.h"

/* signer_site_check verifies the manifest that setup found with the site key that the node share is
 * sealed under, compares the settings that follow from it with those that this process was given,
 * and the deployment, once it is known. NULL: all is well (in workstation mode: there is none);
 * else a sentence that says why not. */
const char *signer_site_check(struct signer *signer);
/* signer_site_judge says whether a signed manifest may take the place of the running one by an
 * operator's word (site_change). NULL: it may; else a sentence that says why not. */
const char *signer_site_judge(struct signer *signer, struct bytes whole);
/* signer_interprets: policies that ship run interpreted like all others, as the verifiers were
 * told; receipts, status and evidence say so. */
bool signer_interprets(const struct signer *signer);

#endif
