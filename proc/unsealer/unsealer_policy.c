/* Which approvals fit what was started here, and the TPM's judgement on them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "unsealer_share.h"

static bool pcrs_fit(const struct call_start_facts *facts, const uint8_t *indices,
                     const uint8_t (*values)[32], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(facts->pcrs[indices[i]], values[i], 32) != 0)
			return false;
	return true;
}

static bool is_capped(const struct unsealer *u, const struct approval_release *release)
{
	static const char cap[] = "claviger/cap/v1";
	struct call_start_facts before = {.mode = 0};
	struct bytes text = bytes_of_text(cap), whole;
	uint8_t both[64];

	for (size_t i = 0; i < APPROVAL_RELEASE_PCRS; i++) {
		uint8_t pcr = approval_release_pcrs[i];

		memcpy(before.pcrs[pcr], u->facts->pcrs[pcr], 32);
		if (pcr != TPM_PCR_CAP)
			continue;
		memcpy(both, release->pcrs[i], 32);
		keys_sha256(&text, 1, both + 32);
		whole = BYTES_OF_ARRAY(both);
		keys_sha256(&whole, 1, both);
		if (memcmp(both, u->facts->pcrs[pcr], 32) != 0)
			return false;
		memcpy(before.pcrs[pcr], release->pcrs[i], 32);
	}
	return pcrs_fit(&before, approval_release_pcrs, release->pcrs, APPROVAL_RELEASE_PCRS);
}

/* is_appointed tells whether the root's word for a working key still counts. */
static bool is_appointed(const struct unsealer *u, enum approval_half half,
                         const uint8_t key[APPROVAL_KEY_LEN])
{
	bool is_site = half == APPROVAL_SITE_HALF;
	uint64_t floor = is_site ? u->facts->site_floor : u->facts->release_floor;

	return approval_find_appointment(&u->approvals, is_site, key, (uint8_t)floor) != NULL;
}

/* choose_release finds the approval of the highest level for what was started. */
static bool choose_release(struct unsealer *u)
{
	const struct approval_release *best = NULL;
	uint8_t floor = (uint8_t)u->facts->release_floor;
	bool capped = false;

	for (size_t i = 0; i < u->approvals.release_count; i++) {
		const struct approval_release *release = &u->approvals.releases[i];

		capped |= is_capped(u, release);
		if (!pcrs_fit(u->facts, approval_release_pcrs, release->pcrs,
		              APPROVAL_RELEASE_PCRS) ||
		    approval_check_release(release, &u->sealed.scope) != STATUS_OK ||
		    !is_appointed(u, APPROVAL_RELEASE_HALF, release->key))
			continue;
		if (best == NULL || release->level > best->level)
			best = release;
	}
	if (best == NULL)
		return unsealer_fail(u, capped ? CALL_START_CAPPED : CALL_START_NO_RELEASE, 0,
		                     "choosing a release approval");
	if (best->level < floor)
		return unsealer_fail(u, CALL_START_BELOW_FLOOR, 0, "choosing a release approval");
	u->release = best;
	u->appointed[APPROVAL_RELEASE_HALF] =
	    approval_find_appointment(&u->approvals, false, best->key, floor);
	return true;
}

static bool choose_site(struct unsealer *u)
{
	const struct approval_site *best = NULL;
	uint8_t floor = (uint8_t)u->facts->site_floor;

	for (size_t i = 0; i < u->approvals.site_count; i++) {
		const struct approval_site *site = &u->approvals.sites[i];

		if (!pcrs_fit(u->facts, approval_site_pcrs, site->pcrs, APPROVAL_SITE_PCRS) ||
		    memcmp(site->release_key, u->release->key, APPROVAL_KEY_LEN) != 0 ||
		    approval_check_site(site, &u->sealed.scope) != STATUS_OK ||
		    !is_appointed(u, APPROVAL_SITE_HALF, site->key))
			continue;
		if (best == NULL || site->level > best->level)
			best = site;
	}
	if (best == NULL)
		return unsealer_fail(u, CALL_START_NO_SITE, 0, "choosing a site approval");
	if (best->level < floor)
		return unsealer_fail(u, CALL_START_BELOW_SITE, 0, "choosing a site approval");
	u->site = best;
	u->appointed[APPROVAL_SITE_HALF] =
	    approval_find_appointment(&u->approvals, true, best->key, floor);
	return true;
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

/* approve_start adds the person's part. Asked again after a wrong one, until one is right. */
static enum status approve_start(struct unsealer *u)
{
	struct call_unseal_asks asks = {.what = CALL_UNSEAL_APPROVAL,
	                                .approvers = u->sealed.manifest.approver_count};
	uint8_t branches[APPROVAL_APPROVERS_MAX][32], reference[32];
	struct call_unseal_gives gives;
	enum status status = tpm_policy_nonce(u->tpm, asks.value);

	approval_reference(APPROVAL_UNSEAL, u->sealed.scope.genesis, reference);
	memcpy(asks.genesis, u->sealed.scope.genesis, sizeof(asks.genesis));
	for (; status == STATUS_OK; asks.refused++) {
		if (u->ask == NULL || !u->ask(u->context, &asks, &gives)) {
			u->tpm->what = "waiting for a person's approval";
			u->tpm->rc = 0;
			return STATUS_REFUSED;
		}
		if (gives.what == CALL_UNSEAL_APPROVAL && gives.len == 64 &&
		    gives.approver < asks.approvers &&
		    tpm_policy_signed(u->tpm, u->sealed.manifest.approvers[gives.approver],
		                      reference, gives.given) == STATUS_OK)
			break;
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
		status = not_below(u, false, &u->release->level);
	approval_release_policy(u->release, &u->sealed.scope, policy);
	return status == STATUS_OK ? authorize(u, u->release->key, APPROVAL_SEAL_RELEASE, policy,
	                                       u->release->signature)
	                           : status;
}

static enum status site_holds(struct unsealer *u)
{
	uint8_t policy[32];
	enum status status = tpm_policy_pcr(u->tpm, APPROVAL_SITE_MASK);

	if (status == STATUS_OK)
		status = not_below(u, true, &u->site->level);
	approval_site_policy(u->site, &u->sealed.scope, policy);
	return status == STATUS_OK
	           ? authorize(u, u->site->key, APPROVAL_SEAL_SITE, policy, u->site->signature)
	           : status;
}

/* root_holds: the root's word for the working key, while the floor lets it count. */
static enum status root_holds(struct unsealer *u, enum approval_half half)
{
	const struct approval_scope *scope = &u->sealed.scope;
	const struct approval_appointment *appointment = u->appointed[half];
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

/* bases_hold: the floors are the very counters of genesis. */
static enum status bases_hold(struct unsealer *u)
{
	const struct approval_sealed *sealed = &u->sealed;
	struct tpm_nv release = unsealer_floor(false, &sealed->scope);
	struct tpm_nv site = unsealer_floor(true, &sealed->scope);
	enum status status = tpm_policy_nv(u->tpm, &release, sealed->release_base,
	                                   APPROVAL_BASE_LEN, 0, TPM_NV_IS_EQUAL);

	return status == STATUS_OK ? tpm_policy_nv(u->tpm, &site, sealed->site_base,
	                                           APPROVAL_BASE_LEN, 0, TPM_NV_IS_EQUAL)
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
	if (!choose_release(u) || !choose_site(u))
		return false;
	facts->release_level = u->release->level;
	facts->site_level = u->site->level;
	memcpy(facts->release_key, u->release->key, sizeof(facts->release_key));
	memcpy(facts->site_key, scope->site_root, sizeof(facts->site_key));
	take_recovery(u);
	return true;
}
