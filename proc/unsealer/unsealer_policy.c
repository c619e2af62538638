/* Which approvals fit what was started here, and the TPM's judgement on them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "unsealer_share.h"

/* choose: the pair that opens for the longest, or the reason of the one that came nearest. */
static bool choose(struct unsealer *u)
{
	static const struct {
		uint32_t reason;
		const char *what;
	} refusals[] = {
	    [APPROVAL_NO_RELEASE] = {CALL_START_NO_RELEASE,  "choosing a release approval"},
	    [APPROVAL_BELOW_FLOOR] = {CALL_START_BELOW_FLOOR, "choosing a release approval"},
	    [APPROVAL_NO_SITE] = {CALL_START_NO_SITE,     "choosing a site approval"   },
	    [APPROVAL_BELOW_SITE] = {CALL_START_BELOW_SITE,  "choosing a site approval"   },
	};
	struct approval_start start = {.pcrs = (const uint8_t(*)[32])u->facts->pcrs,
	                               .release_floor = (uint8_t)u->facts->release_floor,
	                               .site_floor = (uint8_t)u->facts->site_floor};
	struct approval_pair capped;
	enum approval_fit fit = approval_choose(&u->approvals, &start, false, &u->pair);

	if (fit == APPROVAL_OPENS)
		return true;
	start.is_capped = true;
	if (fit == APPROVAL_NO_RELEASE &&
	    approval_choose(&u->approvals, &start, false, &capped) != APPROVAL_NO_RELEASE)
		return unsealer_fail(u, CALL_START_CAPPED, 0, refusals[fit].what);
	return unsealer_fail(u, refusals[fit].reason, 0, refusals[fit].what);
}

static bool take_approvals(struct unsealer *u)
{
	static uint8_t raw[APPROVAL_FILE_MAX];
	struct buffer content = BUFFER_OF_ARRAY(raw);
	enum status status = disk_file_read(&u->files.approvals, sizeof(raw), &content);

	if (status == STATUS_OK)
		status = approval_file_take(buffer_bytes(&content), &u->approvals);
	if (status != STATUS_OK)
		return unsealer_fail(u, CALL_START_NO_APPROVALS, 0,
		                     status == STATUS_UNSUPPORTED
		                         ? "reading the approvals: they are of another version"
		                         : "reading the approvals");
	if (memcmp(&u->approvals.scope, &u->sealed.scope, sizeof(u->sealed.scope)) != 0)
		return unsealer_fail(u, CALL_START_NO_APPROVALS, 0,
		                     "the approvals are for another genesis");
	return true;
}

/* approve_start adds the person's part. Asked again after a wrong one, until one is right, or the
 * session that the nonce is of is gone, with the TPM or by its reset. */
static enum status approve_start(struct unsealer *u)
{
	struct call_unseal_asks asks = {.what = CALL_UNSEAL_APPROVAL,
	                                .approvers = u->sealed.manifest.approver_count};
	uint8_t branches[APPROVAL_APPROVERS_MAX][32], reference[32];
	struct call_unseal_gives gives;
	enum status status = tpm_policy_nonce(u->tpm, asks.value);

	approval_reference(APPROVAL_UNSEAL, u->sealed.scope.genesis, reference);
	memcpy(asks.genesis, u->sealed.scope.genesis, sizeof(asks.genesis));
	for (bool approved = false; status == STATUS_OK && !approved; asks.refused++) {
		if (u->ask == NULL || !u->ask(u->context, &asks, &gives)) {
			u->tpm->what = "waiting for a person's approval";
			u->tpm->rc = 0;
			return STATUS_REFUSED;
		}
		if (gives.what != CALL_UNSEAL_APPROVAL || gives.len != 64 ||
		    gives.approver >= asks.approvers)
			continue;
		status = tpm_policy_signed(u->tpm, u->sealed.manifest.approvers[gives.approver],
		                           reference, gives.given);
		approved = status == STATUS_OK;
		if (!approved && tpm_is_content(u->tpm))
			status = STATUS_OK;
	}
	if (status != STATUS_OK || asks.approvers == 1)
		return status;
	approval_seal_branches(&u->sealed, branches);
	return tpm_policy_or(u->tpm, branches, asks.approvers);
}

/* not_below: a floor is at most a level. */
static enum status not_below(struct unsealer *u, bool is_site, const uint8_t *level)
{
	struct tpm_nv floor = unsealer_floor(is_site, &u->sealed.scope);

	return tpm_policy_nv(u->tpm, &floor, level, 1, APPROVAL_BASE_LEN, TPM_NV_IS_AT_MOST);
}

static enum status authorize(struct unsealer *u, const uint8_t key[APPROVAL_KEY_LEN],
                             enum approval_purpose purpose, const uint8_t policy[32],
                             const uint8_t signature[64])
{
	uint8_t reference[32];

	approval_reference(purpose, u->sealed.scope.genesis, reference);
	return tpm_policy_authorize(u->tpm, key, reference, policy, signature);
}

/* release_holds: the terms that a release key approved, then its approval. */
static enum status release_holds(struct unsealer *u)
{
	uint8_t policy[32];
	enum status status = tpm_policy_pcr(u->tpm, APPROVAL_RELEASE_MASK);

	if (status == STATUS_OK)
		status = not_below(u, false, &u->pair.release->level);
	approval_release_policy(u->pair.release, &u->sealed.scope, policy);
	return status == STATUS_OK ? authorize(u, u->pair.release->key, APPROVAL_SEAL_RELEASE,
	                                       policy, u->pair.release->signature)
	                           : status;
}

static enum status site_holds(struct unsealer *u)
{
	uint8_t policy[32];
	enum status status = tpm_policy_pcr(u->tpm, APPROVAL_SITE_MASK);

	if (status == STATUS_OK)
		status = not_below(u, true, &u->pair.site->level);
	approval_site_policy(u->pair.site, &u->sealed.scope, policy);
	return status == STATUS_OK ? authorize(u, u->pair.site->key, APPROVAL_SEAL_SITE, policy,
	                                       u->pair.site->signature)
	                           : status;
}

/* root_holds: the root's word for the working key, while the floor lets it count. */
static enum status root_holds(struct unsealer *u, enum approval_half half)
{
	const struct approval_scope *scope = &u->sealed.scope;
	const struct approval_appointment *appointment = u->pair.appointed[half];
	bool is_site = half == APPROVAL_SITE_HALF;
	uint8_t policy[32];
	enum status status = not_below(u, is_site, &appointment->level);

	approval_appointment_policy(appointment, scope, policy);
	if (status != STATUS_OK)
		return status;
	return authorize(u, is_site ? scope->site_root : scope->release_root,
	                 is_site ? APPROVAL_APPOINT_SITE : APPROVAL_APPOINT_RELEASE, policy,
	                 appointment->signature);
}

/* bases_hold: the floors are the very counters of genesis, and the boot counter began there. */
static enum status bases_hold(struct unsealer *u)
{
	const struct approval_sealed *sealed = &u->sealed;
	struct tpm_nv release = unsealer_floor(false, &sealed->scope);
	struct tpm_nv site = unsealer_floor(true, &sealed->scope);
	uint8_t first[8];
	enum status status = tpm_policy_nv(u->tpm, &release, sealed->release_base,
	                                   APPROVAL_BASE_LEN, 0, TPM_NV_IS_EQUAL);

	if (status == STATUS_OK)
		status = tpm_policy_nv(u->tpm, &site, sealed->site_base, APPROVAL_BASE_LEN, 0,
		                       TPM_NV_IS_EQUAL);
	approval_first_counter(sealed, first);
	return status == STATUS_OK ? tpm_policy_nv(u->tpm, &tpm_nv_boots, first, sizeof(first), 0,
	                                           TPM_NV_IS_AT_LEAST)
	                           : status;
}

/* The terms in the order of spec/sealing.md. */
static enum status work_off(struct unsealer *u, enum approval_half half)
{
	bool is_site = half == APPROVAL_SITE_HALF;
	enum status status = tpm_policy_begin(u->tpm);

	if (status == STATUS_OK)
		status = release_holds(u);
	if (status == STATUS_OK && is_site)
		status = site_holds(u);
	if (status == STATUS_OK)
		status = root_holds(u, half);
	if (status == STATUS_OK)
		status = bases_hold(u);
	if (status == STATUS_OK && is_site && u->sealed.manifest.approver_count != 0)
		status = approve_start(u);
	return status;
}

bool unsealer_policy(struct unsealer *u, enum approval_half half)
{
	enum status status = work_off(u, half);

	return status == STATUS_OK ||
	       unsealer_fail_tpm(u, status,
	                         tpm_is_policy(u->tpm) ? CALL_START_BAD_POLICY : CALL_START_OTHER);
}

/* take_recovery hands on the site's acceptance of a store, when it is for this TPM. */
static void take_recovery(struct unsealer *u)
{
	const struct approval_recovery *recovery = &u->approvals.recovery;

	if (!u->approvals.has_recovery ||
	    approval_check_recovery(recovery, &u->sealed.scope) != STATUS_OK)
		return;
	u->facts->has_recovery = 1;
	memcpy(u->facts->recovery_checkpoint, recovery->checkpoint, 32);
	memcpy(u->facts->recovery_anchor, recovery->anchor, 32);
	u->facts->recovery_boots = recovery->boots;
}

bool unsealer_choose(struct unsealer *u)
{
	struct call_start_facts *facts = u->facts;
	const struct approval_scope *scope = &u->sealed.scope;
	struct tpm_nv release_floor = unsealer_floor(false, scope);
	struct tpm_nv site_floor = unsealer_floor(true, scope);
	enum status status;

	if (!take_approvals(u))
		return false;
	status = tpm_nv_read_counter(u->tpm, &release_floor, &facts->release_floor);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(u->tpm, &site_floor, &facts->site_floor);
	if (status != STATUS_OK)
		return unsealer_fail_tpm(u, status, CALL_START_UNPROTECTED);
	if (!choose(u))
		return false;
	facts->release_level = u->pair.release->level;
	facts->site_level = u->pair.site->level;
	memcpy(facts->release_key, u->pair.release->key, sizeof(facts->release_key));
	memcpy(facts->site_key, scope->site_root, sizeof(facts->site_key));
	take_recovery(u);
	return true;
}
