/* SPDX-License-Identifier: Apache-2.0 */
#include "attestor_floor.h"

static struct tpm_nv index_of(bool is_site, const struct attestor_floor *floor)
{
	struct tpm_nv nv = {.index = is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR,
	                    .kind = TPM_NV_FLOOR};

	approval_floor_policy(is_site, &floor->sealed.scope, nv.policy);
	return nv;
}

/* take_levels lowers levels to the floors until which some pair of approvals of the file opens a
 * start; false: none does. Each floor is asked for by itself: it is raised while the other one
 * stays. */
static bool take_levels(const struct approval_file *approvals,
                        const uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN],
                        struct call_attest_floors *floors)
{
	const struct approval_start start = {.pcrs = values,
	                                     .is_capped = true,
	                                     .release_floor = (uint8_t)floors->release_floor,
	                                     .site_floor = (uint8_t)floors->site_floor};
	struct approval_pair pair;
	bool opens = approval_choose(approvals, &start, false, &pair) == APPROVAL_OPENS;

	if (floors->release_level > pair.release_until)
		floors->release_level = pair.release_until;
	(void)approval_choose(approvals, &start, true, &pair);
	if (floors->site_level > pair.site_until)
		floors->site_level = pair.site_until;
	return opens;
}

/* read_floors reads both floors, and the PCRs that approvals are about. */
static enum status read_floors(const struct attestor_floor *floor, struct tpm *tpm,
                               struct call_attest_floors *ret_floors,
                               uint8_t ret_values[TPM_PCR_COUNT][TPM_PCR_LEN])
{
	struct tpm_nv release = index_of(false, floor), site = index_of(true, floor);
	struct call_attest_floors floors = {.release_level = UINT32_MAX, .site_level = UINT32_MAX};
	enum status status = tpm_nv_read_counter(tpm, &release, &floors.release_floor);

	if (status == STATUS_OK)
		status = tpm_nv_read_counter(tpm, &site, &floors.site_floor);
	if (status == STATUS_OK)
		status = tpm_pcr_read(tpm, APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK, ret_values);
	if (status == STATUS_OK)
		*ret_floors = floors;
	return status;
}

/* take_starts lowers levels to what the file lets in of what runs and, if it would start, of what
 * starts by itself: what would not as it is, is locked out by no floor. */
static void take_starts(const struct approval_file *approvals,
                        uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN],
                        const uint8_t by_itself[TPM_PCR_LEN], struct call_attest_floors *floors)
{
	const uint8_t(*pcrs)[TPM_PCR_LEN] = (const uint8_t(*)[TPM_PCR_LEN])values;
	struct call_attest_floors usual;
	uint8_t running[TPM_PCR_LEN];

	(void)take_levels(approvals, pcrs, floors);
	usual = *floors;
	memcpy(running, values[4], sizeof(running));
	memcpy(values[4], by_itself, TPM_PCR_LEN);
	if (take_levels(approvals, pcrs, &usual))
		*floors = usual;
	memcpy(values[4], running, sizeof(running));
}

enum status attestor_floor_read(const struct attestor_floor *floor, struct tpm *tpm,
                                struct call_attest_floors *ret_floors)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	struct call_attest_floors floors;
	enum status status = read_floors(floor, tpm, &floors, values);

	if (status != STATUS_OK)
		return status;
	take_starts(&floor->approvals, values, floor->has_usual ? floor->usual : values[4],
	            &floors);
	if (floor->has_judged && floors.release_level > floor->judged_release)
		floors.release_level = floor->judged_release;
	if (floor->has_judged && floors.site_level > floor->judged_site)
		floors.site_level = floor->judged_site;
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
	if (!floor->has_usual)
		return STATUS_BUSY;
	if (step.from >= (step.is_site ? floors.site_level : floors.release_level))
		return STATUS_CONFLICT;
	return raise(floor, tpm, &step, delegate);
}

static uint32_t code_of(enum approval_fit fit)
{
	switch (fit) {
	case APPROVAL_NO_RELEASE:
		return CALL_UPDATE_NO_RELEASE;
	case APPROVAL_BELOW_FLOOR:
		return CALL_UPDATE_BELOW_FLOOR;
	case APPROVAL_NO_SITE:
		return CALL_UPDATE_NO_SITE;
	case APPROVAL_BELOW_SITE:
		return CALL_UPDATE_BELOW_SITE;
	case APPROVAL_OPENS:
	default:
		return CALL_UPDATE_FINE;
	}
}

/* code_for is the code in which a start of that PCR 4 would end, all else as it is now. */
static uint32_t code_for(const struct approval_file *file, struct approval_start start,
                         uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], const uint8_t pcr[TPM_PCR_LEN])
{
	struct approval_pair pair;

	memcpy(values[4], pcr, TPM_PCR_LEN);
	start.pcrs = (const uint8_t(*)[TPM_PCR_LEN])values;
	return code_of(approval_choose(file, &start, false, &pair));
}

/* note_judged: any of the files that were judged fine may be the one that was stored. */
static void note_judged(struct attestor_floor *floor, const struct approval_file *file,
                        struct call_attest_floors floors,
                        uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN],
                        const uint8_t usual[TPM_PCR_LEN])
{
	take_starts(file, values, usual, &floors);
	if (!floor->has_judged || floor->judged_release > floors.release_level)
		floor->judged_release = floors.release_level;
	if (!floor->has_judged || floor->judged_site > floors.site_level)
		floor->judged_site = floors.site_level;
	floor->has_judged = true;
}

enum status attestor_floor_judge(struct attestor_floor *floor, struct tpm *tpm,
                                 const struct call_attest_judge *asked, struct bytes approvals,
                                 struct call_attest_judged *ret_judged)
{
	static struct approval_file file;
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], running[TPM_PCR_LEN];
	struct approval_start start = {.is_capped = true};
	struct call_attest_judged judged = {.code = CALL_UPDATE_APPROVALS};
	struct call_attest_floors floors;
	enum status status = read_floors(floor, tpm, &floors, values);

	if (status != STATUS_OK)
		return status;
	if (approval_file_take(approvals, &file) == STATUS_OK &&
	    memcmp(&file.scope, &floor->sealed.scope, sizeof(file.scope)) == 0) {
		start.release_floor = (uint8_t)floors.release_floor;
		start.site_floor = (uint8_t)floors.site_floor;
		memcpy(running, values[4], sizeof(running));
		judged.why = code_for(&file, start, values, running);
		/* What would not start as it is cannot be locked out: an order may mend that. */
		if (judged.why == CALL_UPDATE_FINE &&
		    code_for(&floor->approvals, start, values, asked->usual) == CALL_UPDATE_FINE)
			judged.why = code_for(&file, start, values, asked->usual);
		judged.code = judged.why != CALL_UPDATE_FINE
		                  ? CALL_UPDATE_LOCKS_OUT
		                  : code_for(&file, start, values, asked->next);
	}
	if (judged.code == CALL_UPDATE_FINE) {
		memcpy(values[4], running, sizeof(running));
		note_judged(floor, &file, floors, values, asked->usual);
	}
	*ret_judged = judged;
	return STATUS_OK;
}
