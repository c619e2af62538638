/* SPDX-License-Identifier: Apache-2.0 */
#include "attestor_floor.h"

static struct tpm_nv index_of(bool is_site, const struct attestor_floor *floor)
{
	struct tpm_nv nv = {.index = is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR,
	                    .kind = TPM_NV_FLOOR};

	approval_floor_policy(is_site, &floor->sealed.scope, nv.policy);
	return nv;
}

/* PCR 11 is capped by now, and says nothing that the others do not. */
static bool runs(const uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], const uint8_t *indices,
                 const uint8_t (*approved)[32], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (indices[i] != TPM_PCR_CAP && memcmp(values[indices[i]], approved[i], 32) != 0)
			return false;
	return true;
}

/* level_of: an approval opens as long as the floor is above neither its level nor that of the
 * root's word for the key that signed it; 0: it opens nothing. */
static uint32_t level_of(const struct attestor_floor *floor, bool is_site,
                         const uint8_t key[APPROVAL_KEY_LEN], uint8_t level, uint64_t counter)
{
	const struct approval_appointment *appointment =
	    approval_find_appointment(&floor->approvals, is_site, key, (uint8_t)counter);

	if (appointment == NULL)
		return 0;
	return appointment->level < level ? appointment->level : level;
}

static void take_levels(const struct attestor_floor *floor,
                        const uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN],
                        struct call_attest_floors *floors)
{
	const struct approval_file *file = &floor->approvals;

	for (size_t i = 0; i < file->release_count; i++) {
		const struct approval_release *release = &file->releases[i];
		uint32_t level;

		if (!runs(values, approval_release_pcrs, release->pcrs, APPROVAL_RELEASE_PCRS) ||
		    approval_check_release(release, &floor->sealed.scope) != STATUS_OK)
			continue;
		level = level_of(floor, false, release->key, release->level, floors->release_floor);
		if (level > floors->release_level)
			floors->release_level = level;
	}
	for (size_t i = 0; i < file->site_count; i++) {
		const struct approval_site *site = &file->sites[i];
		uint32_t level;

		if (!runs(values, approval_site_pcrs, site->pcrs, APPROVAL_SITE_PCRS) ||
		    approval_check_site(site, &floor->sealed.scope) != STATUS_OK)
			continue;
		level = level_of(floor, true, site->key, site->level, floors->site_floor);
		if (level > floors->site_level)
			floors->site_level = level;
	}
}

enum status attestor_floor_read(const struct attestor_floor *floor, struct tpm *tpm,
                                struct call_attest_floors *ret_floors)
{
	struct tpm_nv release = index_of(false, floor), site = index_of(true, floor);
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	struct call_attest_floors floors = {.release_floor = 0};
	enum status status = tpm_nv_read_counter(tpm, &release, &floors.release_floor);

	if (status == STATUS_OK)
		status = tpm_nv_read_counter(tpm, &site, &floors.site_floor);
	if (status == STATUS_OK)
		status = tpm_pcr_read(tpm, APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK, values);
	if (status != STATUS_OK)
		return status;
	take_levels(floor, (const uint8_t(*)[TPM_PCR_LEN])values, &floors);
	*ret_floors = floors;
	return STATUS_OK;
}

static const struct approval_delegate *find_delegate(const struct attestor_floor *floor,
                                                     const uint8_t key[APPROVAL_KEY_LEN],
                                                     uint8_t site_floor)
{
	for (size_t i = 0; i < floor->approvals.delegate_count; i++) {
		const struct approval_delegate *delegate = &floor->approvals.delegates[i];

		if (memcmp(delegate->release_key, key, APPROVAL_KEY_LEN) == 0 &&
		    delegate->level >= site_floor &&
		    approval_check_delegate(delegate, &floor->sealed.scope) == STATUS_OK)
			return delegate;
	}
	return NULL;
}

static enum status raise(const struct attestor_floor *floor, struct tpm *tpm,
                         const struct approval_step *step, const struct approval_delegate *delegate)
{
	struct tpm_nv nv = index_of(step->is_site, floor), site = index_of(true, floor);
	const struct approval_scope *scope = &floor->sealed.scope;
	uint8_t policy[32], reference[32];
	enum status status = tpm_policy_begin(tpm);

	approval_step_policy(step->is_site, step->from, scope, policy);
	approval_reference(step->is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE,
	                   scope->genesis, reference);
	if (status == STATUS_OK)
		status =
		    tpm_policy_nv(tpm, &nv, &step->from, 1, APPROVAL_BASE_LEN, TPM_NV_IS_EQUAL);
	if (status == STATUS_OK)
		status = tpm_policy_increments(tpm);
	if (status == STATUS_OK)
		status = tpm_policy_authorize(tpm, step->key, reference, policy, step->signature);
	if (status == STATUS_OK && delegate != NULL) {
		status = tpm_policy_nv(tpm, &site, &delegate->level, 1, APPROVAL_BASE_LEN,
		                       TPM_NV_IS_AT_MOST);
		approval_delegate_policy(delegate, scope, policy);
		approval_reference(APPROVAL_FLOOR_DELEGATE, scope->genesis, reference);
		if (status == STATUS_OK)
			status = tpm_policy_authorize(tpm, scope->site_root, reference, policy,
			                              delegate->signature);
	}
	return status == STATUS_OK ? tpm_nv_raise(tpm, &nv) : status;
}

enum status attestor_floor_step(const struct attestor_floor *floor, struct tpm *tpm,
                                struct bytes bytes)
{
	const struct approval_delegate *delegate = NULL;
	struct call_attest_floors floors;
	struct approval_step step;
	enum status status = approval_step_take(bytes, &step);

	if (status == STATUS_OK)
		status = approval_check_step(&step, &floor->sealed.scope);
	if (status == STATUS_OK)
		status = attestor_floor_read(floor, tpm, &floors);
	if (status != STATUS_OK)
		return status;
	if (!step.is_site) {
		delegate = find_delegate(floor, step.key, (uint8_t)floors.site_floor);
		if (delegate == NULL)
			return STATUS_NOT_FOUND;
	}
	if (step.from >= (step.is_site ? floors.site_level : floors.release_level))
		return STATUS_CONFLICT;
	return raise(floor, tpm, &step, delegate);
}
