/* SPDX-License-Identifier: Apache-2.0 */
#include "unsealer_share.h"

#include <stdio.h>
#include <unistd.h>

#include "base_check.h"
#include "secret.h"

_Static_assert(APPROVAL_SEALED_MAX == DISK_SHARE_LEN, "a sealed share fills its file");

#define PCR_ALL ((1u << TPM_PCR_COUNT) - 1u)

bool unsealer_fail(struct unsealer *u, uint32_t reason, uint32_t rc, const char *what)
{
	u->failed.reason = reason;
	u->failed.tpm_rc = rc;
	snprintf((char *)u->failed.what, sizeof(u->failed.what), "%s", what);
	return false;
}

bool unsealer_fail_tpm(struct unsealer *u, enum status status, uint32_t otherwise)
{
	uint32_t reason = otherwise;

	if (tpm_is_lockout(u->tpm))
		reason = CALL_START_LOCKOUT;
	else if (tpm_is_full(u->tpm))
		reason = CALL_START_FULL;
	else if (status == STATUS_IO)
		reason = CALL_START_NO_TPM;
	return unsealer_fail(u, reason, u->tpm->rc, u->tpm->what);
}

/* ---- the files ---- */

static bool read_sealed(struct unsealer *u)
{
	uint8_t raw[APPROVAL_SEALED_MAX];
	struct buffer content = BUFFER_OF_ARRAY(raw);
	enum status status;

	if (disk_file_read(&u->files.sealed, sizeof(raw), &content) != STATUS_OK)
		return unsealer_fail(u, CALL_START_BAD_BLOB, 0, "reading the sealed share");
	if (disk_share_is_begun(buffer_bytes(&content)))
		return unsealer_fail(u, CALL_START_NO_BLOB, 0,
		                     content.len == 0
		                         ? "reading the sealed share"
		                         : "reading the sealed share: genesis is not over");
	status = approval_sealed_take(buffer_bytes(&content), &u->sealed);
	if (status == STATUS_UNSUPPORTED)
		return unsealer_fail(u, CALL_START_BAD_BLOB, 0,
		                     "reading the sealed share: it is of another version");
	if (status != STATUS_OK)
		return unsealer_fail(u, CALL_START_BAD_BLOB, 0, "reading the sealed share");
	return true;
}

/* ---- unsealing ---- */

/* open_primary pins the primary; from here on answers are authentic. */
static bool open_primary(struct unsealer *u)
{
	struct tpm_name name, pinned = {.len = sizeof(u->sealed.primary)};
	enum status status = STATUS_OK;

	memcpy(pinned.bytes, u->sealed.primary, sizeof(u->sealed.primary));
	/* Genesis has it open, and it wrote this name. */
	if (u->facts->mode != CALL_START_GENESIS)
		status = tpm_primary_open(u->tpm, false, &pinned, &name);
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER_TPM);
}

/* check_protected: without these anybody with the TPM redefines indices and plays them again. */
static bool check_protected(struct unsealer *u)
{
	struct tpm_protections found;
	enum status status = tpm_protections(u->tpm, &found);

	if (status != STATUS_OK)
		return unsealer_fail_tpm(u, status, CALL_START_OTHER);
	if (!found.owner_set || !found.lockout_set)
		return unsealer_fail(u, CALL_START_UNPROTECTED, 0,
		                     "checking the TPM's authorizations");
	return true;
}

static bool unseal_half(struct unsealer *u, enum approval_half half, uint8_t *ret_half)
{
	const struct approval_object *kept = &u->sealed.halves[half];
	struct tpm_object object = {.public_len = kept->public_len,
	                            .private_len = kept->private_len};
	uint8_t policy[32];
	enum status status;

	if (!unsealer_policy(u, half))
		return false;
	memcpy(object.public_area, kept->public_area, object.public_len);
	memcpy(object.private_area, kept->private_area, object.private_len);
	approval_seal_policy(&u->sealed, half, policy);
	status = tpm_unseal(u->tpm, &object, policy, ret_half);
	u->is_out |= status == STATUS_OK;
	if (status == STATUS_CORRUPT)
		return unsealer_fail(u, CALL_START_UNSAFE_BLOB, u->tpm->rc, u->tpm->what);
	if (status == STATUS_REFUSED && tpm_is_policy(u->tpm))
		return unsealer_fail(u, CALL_START_BAD_POLICY, u->tpm->rc, u->tpm->what);
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER_TPM);
}

/* unseal: the site's half first, for which a person may be waited: nothing is out of the TPM while
 * that takes. */
static bool unseal(struct unsealer *u)
{
	const struct approval_manifest *manifest = &u->sealed.manifest;
	uint8_t half[TPM_SHARE_LEN];

	if (!unseal_half(u, APPROVAL_SITE_HALF, u->facts->node_share) ||
	    !unseal_half(u, APPROVAL_RELEASE_HALF, half))
		return false;
	unsealer_join(u->facts->node_share, half);
	SECRET_WIPE(half);
	approval_share_commitment(u->facts->node_share, u->facts->share);
	u->facts->sealed_mask = APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK;
	u->facts->primary_name_len = sizeof(u->sealed.primary);
	memcpy(u->facts->primary_name, u->sealed.primary, sizeof(u->sealed.primary));
	u->facts->is_single = manifest->is_single;
	u->facts->is_attended = manifest->approver_count != 0;
	u->facts->has_recovery_key = manifest->has_recovery;
	u->facts->is_recovery = manifest->is_recovery;
	u->facts->first_counter = u->sealed.first_counter;
	memcpy(u->facts->genesis, u->sealed.scope.genesis, sizeof(u->facts->genesis));
	return true;
}

void unsealer_join(uint8_t share[TPM_SHARE_LEN], const uint8_t half[TPM_SHARE_LEN])
{
	for (size_t i = 0; i < TPM_SHARE_LEN; i++)
		share[i] ^= half[i];
}

/* ---- facts beside the share ---- */

/* take_nv: an anchor that was never written is one thing, an anchor that is gone another: genesis
 * made it, so nothing in good faith takes it away (PH9). Whether never written is believed, the
 * signer judges by the boot counter. */
static enum status take_nv(struct tpm *tpm, struct call_start_facts *facts)
{
	enum status status =
	    tpm_nv_read(tpm, &tpm_nv_checkpoint, facts->nv_checkpoint, TPM_PCR_LEN);
	bool there = true;

	if (status == STATUS_NOT_FOUND) {
		status = tpm_nv_is_there(tpm, tpm_nv_checkpoint.index, &there);
		if (status == STATUS_OK && !there)
			status = STATUS_CORRUPT;
		tpm->what = "reading the anchor: it was taken away";
	} else if (status == STATUS_OK) {
		facts->has_checkpoint = 1;
	}
	if (status != STATUS_OK)
		return status;
	status = tpm_nv_read_counter(tpm, &tpm_nv_boots, &facts->counter);
	facts->has_counter = status == STATUS_OK;
	return status;
}

static enum status take_facts(struct tpm *tpm, struct call_start_facts *facts)
{
	struct tpm_info info;
	struct tpm_name ak;
	enum status status = tpm_info(tpm, &info);

	if (status == STATUS_OK)
		status = tpm_ak_open(tpm, &ak);
	if (status == STATUS_OK)
		status = take_nv(tpm, facts);
	if (status != STATUS_OK)
		return status;
	facts->ak_name_len = ak.len;
	memcpy(facts->ak_name, ak.bytes, ak.len);
	facts->is_software = info.is_software;
	facts->clock_ms = info.clock_ms;
	facts->reset_count = info.reset_count;
	facts->restart_count = info.restart_count;
	facts->clock_safe = info.clock_safe;
	facts->firmware_version_high = info.firmware_high;
	facts->firmware_version_low = info.firmware_low;
	memcpy(facts->manufacturer, info.manufacturer, sizeof(facts->manufacturer));
	return STATUS_OK;
}

static bool read_pcrs(struct unsealer *u)
{
	enum status status = tpm_pcr_read(u->tpm, PCR_ALL, u->facts->pcrs);

	u->facts->pcr_mask = PCR_ALL;
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER);
}

bool unsealer_take_share(struct unsealer *u, bool genesis)
{
	struct tpm *tpm = u->tpm;
	enum status status;

	memset(u->facts, 0, sizeof(*u->facts));
	memset(&u->failed, 0, sizeof(u->failed));
	u->is_out = false;
	u->facts->mode = genesis ? CALL_START_GENESIS : CALL_START_UNSEAL;
	if (tpm->esys == NULL)
		return unsealer_fail(u, CALL_START_NO_TPM, tpm->rc, "connecting to the TPM");
	status = tpm_startup(tpm);
	if (status != STATUS_OK)
		return unsealer_fail_tpm(u, status, CALL_START_NO_TPM);
	if ((genesis && !unsealer_genesis(u)) || !read_sealed(u) || !open_primary(u) ||
	    !check_protected(u) || !read_pcrs(u) || !unsealer_choose(u) || !unseal(u)) {
		/* One half may be out where the other failed. */
		status = u->is_out ? tpm_pcr_cap(tpm) : STATUS_OK;
		if (status != STATUS_OK)
			(void)unsealer_fail_tpm(u, status, CALL_START_OTHER);
		SECRET_WIPE(*u->facts);
		return false;
	}
	status = take_facts(tpm, u->facts);
	/* The cap comes before anybody gets the share, and whatever else failed. */
	if (tpm_pcr_cap(tpm) != STATUS_OK && status == STATUS_OK)
		status = STATUS_IO;
	if (status == STATUS_OK)
		return true;
	SECRET_WIPE(*u->facts);
	return unsealer_fail_tpm(
	    u, status, status == STATUS_CORRUPT ? CALL_START_UNPROTECTED : CALL_START_OTHER);
}
