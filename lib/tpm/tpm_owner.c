/* Owner and lockout authorization: set once, at genesis. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <tss2/tss2_esys.h>

#include "tpm_esys.h"

#define LOCKOUT_TRIES      32u
#define LOCKOUT_RECOVERY_S 600u   /* a failure is forgotten after this */
#define OWNER_RECOVERY_S   86400u /* until lockout authorization works again after a failure */

enum status tpm_protections(struct tpm *tpm, struct tpm_protections *ret_protections)
{
	struct tpm_protections found = {.owner_set = false};
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	uint32_t seen = 0;
	enum status status = tpm_status(
	    tpm,
	    Esys_GetCapability(tpm_context(tpm), tpm->audit, ESYS_TR_NONE, ESYS_TR_NONE,
	                       TPM2_CAP_TPM_PROPERTIES, TPM2_PT_PERMANENT, 32, &more, &data),
	    "reading what protects the TPM");

	if (status != STATUS_OK)
		return status;
	for (uint32_t i = 0;
	     data->capability == TPM2_CAP_TPM_PROPERTIES && i < data->data.tpmProperties.count;
	     i++) {
		const TPMS_TAGGED_PROPERTY *p = &data->data.tpmProperties.tpmProperty[i];

		if (p->property == TPM2_PT_PERMANENT) {
			found.owner_set = (p->value & TPMA_PERMANENT_OWNERAUTHSET) != 0;
			found.lockout_set = (p->value & TPMA_PERMANENT_LOCKOUTAUTHSET) != 0;
			found.clear_disabled = (p->value & TPMA_PERMANENT_DISABLECLEAR) != 0;
			seen |= 1;
		} else if (p->property == TPM2_PT_LOCKOUT_COUNTER) {
			found.lockout_count = p->value;
			seen |= 2;
		} else if (p->property == TPM2_PT_MAX_AUTH_FAIL) {
			found.lockout_tries = p->value;
			seen |= 4;
		} else if (p->property == TPM2_PT_LOCKOUT_INTERVAL) {
			found.lockout_recovery_s = p->value;
			seen |= 8;
		}
	}
	Esys_Free(data);
	if (seen != 15)
		return STATUS_MALFORMED;
	*ret_protections = found;
	return STATUS_OK;
}

static enum status set_auth(struct tpm *tpm, ESYS_TR hierarchy, const uint8_t auth[TPM_AUTH_LEN])
{
	TPM2B_AUTH set = {.size = TPM_AUTH_LEN};
	enum status status;
	unsigned tries = 0;

	memcpy(set.buffer, auth, TPM_AUTH_LEN);
	do
		status =
		    tpm_status(tpm,
		               Esys_HierarchyChangeAuth(tpm_context(tpm), hierarchy, tpm->session,
		                                        ESYS_TR_NONE, ESYS_TR_NONE, &set),
		               "setting an authorization");
	while (tpm_is_again(tpm, status, &tries));
	explicit_bzero(&set, sizeof(set));
	return status;
}

static enum status set_limits(struct tpm *tpm)
{
	enum status status;
	unsigned tries = 0;

	do
		status = tpm_status(tpm,
		                    Esys_DictionaryAttackParameters(
		                        tpm_context(tpm), ESYS_TR_RH_LOCKOUT, tpm->session,
		                        ESYS_TR_NONE, ESYS_TR_NONE, LOCKOUT_TRIES,
		                        LOCKOUT_RECOVERY_S, OWNER_RECOVERY_S),
		                    "setting the limits of wrong guesses");
	while (tpm_is_again(tpm, status, &tries));
	return status;
}

static enum status forbid_clear(struct tpm *tpm)
{
	enum status status;
	unsigned tries = 0;

	do
		status =
		    tpm_status(tpm,
		               Esys_ClearControl(tpm_context(tpm), ESYS_TR_RH_LOCKOUT, tpm->session,
		                                 ESYS_TR_NONE, ESYS_TR_NONE, TPM2_YES),
		               "forbidding TPM2_Clear");
	while (tpm_is_again(tpm, status, &tries));
	return status;
}

enum status tpm_take_over(struct tpm *tpm, const uint8_t owner[TPM_AUTH_LEN],
                          const uint8_t lockout[TPM_AUTH_LEN])
{
	enum status status = set_limits(tpm);

	/* Where this is cut off behind the first authorization, TPM2_Clear still gives the TPM
	 * back: with the lockout hierarchy's empty one until it is forbidden, then by the
	 * firmware's setup. */
	if (status == STATUS_OK)
		status = set_auth(tpm, ESYS_TR_RH_OWNER, owner);
	if (status == STATUS_OK)
		status = forbid_clear(tpm);
	if (status == STATUS_OK)
		status = set_auth(tpm, ESYS_TR_RH_LOCKOUT, lockout);
	return status;
}
