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

/* choose_release finds the approval of the highest level for what was started. */
static bool choose_release(struct unsealer *u, const struct approval_release **ret_release)
{
	const struct approval_release *best = NULL;
	uint8_t floor = (uint8_t)u->facts->release_floor;
	bool capped = false;

	for (size_t i = 0; i < u->approvals.release_count; i++) {
		const struct approval_release *release = &u->approvals.releases[i];

		capped |= is_capped(u, release);
		if (!pcrs_fit(u->facts, approval_release_pcrs, release->pcrs,
		              APPROVAL_RELEASE_PCRS) ||
		    approval_check_release(release, u->sealed.site_key) != STATUS_OK)
			continue;
		if (best == NULL || release->level > best->level)
			best = release;
	}
	if (best == NULL)
		return unsealer_fail(u, capped ? CALL_START_CAPPED : CALL_START_NO_RELEASE, 0,
		                     "choosing a release approval");
	if (best->level < floor)
		return unsealer_fail(u, CALL_START_BELOW_FLOOR, 0, "choosing a release approval");
	*ret_release = best;
	return true;
}

static bool choose_site(struct unsealer *u, const struct approval_release *release,
                        const struct approval_site **ret_site)
{
	const struct approval_site *best = NULL;
	uint8_t floor = (uint8_t)u->facts->site_floor;

	for (size_t i = 0; i < u->approvals.site_count; i++) {
		const struct approval_site *site = &u->approvals.sites[i];

		if (!pcrs_fit(u->facts, approval_site_pcrs, site->pcrs, APPROVAL_SITE_PCRS) ||
		    memcmp(site->release_key, release->key, APPROVAL_KEY_LEN) != 0 ||
		    approval_check_site(site, u->sealed.site_key) != STATUS_OK)
			continue;
		if (best == NULL || site->level > best->level)
			best = site;
	}
	if (best == NULL)
		return unsealer_fail(u, CALL_START_NO_SITE, 0, "choosing a site approval");
	if (best->level < floor)
		return unsealer_fail(u, CALL_START_BELOW_SITE, 0, "choosing a site approval");
	*ret_site = best;
	return true;
}

static bool take_approvals(struct unsealer *u)
{
	static uint8_t raw[APPROVAL_FILE_MAX];
	struct buffer content = BUFFER_OF_ARRAY(raw);

	if (disk_file_read(&u->files.approvals, sizeof(raw), &content) != STATUS_OK ||
	    approval_file_take(buffer_bytes(&content), &u->approvals) != STATUS_OK)
		return unsealer_fail(u, CALL_START_NO_APPROVALS, 0, "reading the approvals");
	if (memcmp(u->approvals.site_key, u->sealed.site_key, APPROVAL_KEY_LEN) != 0)
		return unsealer_fail(u, CALL_START_NO_APPROVALS, 0,
		                     "the approvals are another site's");
	return true;
}

/* approve_start adds the person's part. Asked again after a wrong one, until one is right. */
static enum status approve_start(struct unsealer *u)
{
	struct call_unseal_asks asks = {.what = CALL_UNSEAL_APPROVAL,
	                                .approvers = u->sealed.approver_count};
	uint8_t branches[APPROVAL_APPROVERS_MAX][32];
	struct call_unseal_gives gives;
	enum status status = tpm_policy_nonce(u->tpm, asks.value);

	memcpy(asks.genesis, u->sealed.genesis, sizeof(asks.genesis));
	for (; status == STATUS_OK; asks.refused++) {
		if (u->ask == NULL || !u->ask(u->context, &asks, &gives)) {
			u->tpm->what = "waiting for a person's approval";
			u->tpm->rc = 0;
			return STATUS_REFUSED;
		}
		if (gives.what == CALL_UNSEAL_APPROVAL && gives.len == 64 &&
		    gives.approver < u->sealed.approver_count &&
		    tpm_policy_signed(u->tpm, u->sealed.approvers[gives.approver],
		                      approval_reference(APPROVAL_UNSEAL),
		                      gives.given) == STATUS_OK)
			break;
	}
	if (status != STATUS_OK || u->sealed.approver_count == 1)
		return status;
	approval_seal_branches(&u->sealed, branches);
	return tpm_policy_or(u->tpm, branches, u->sealed.approver_count);
}

/* The terms in the order of spec/sealing.md. */
static enum status work_off(struct unsealer *u, const struct approval_release *release,
                            const struct approval_site *site)
{
	struct tpm_nv release_floor = unsealer_floor(false, u->sealed.site_key);
	struct tpm_nv site_floor = unsealer_floor(true, u->sealed.site_key);
	uint8_t policy[32];
	enum status status = tpm_policy_begin(u->tpm);

	if (status == STATUS_OK)
		status = tpm_policy_pcr(u->tpm, APPROVAL_RELEASE_MASK);
	if (status == STATUS_OK)
		status = tpm_policy_nv(u->tpm, &release_floor, &release->level, 1,
		                       APPROVAL_BASE_LEN, TPM_NV_IS_AT_MOST);
	approval_release_policy(release, u->sealed.site_key, policy);
	if (status == STATUS_OK)
		status = tpm_policy_authorize(u->tpm, release->key,
		                              approval_reference(APPROVAL_SEAL_RELEASE), policy,
		                              release->signature);
	if (status == STATUS_OK)
		status = tpm_policy_pcr(u->tpm, APPROVAL_SITE_MASK);
	if (status == STATUS_OK)
		status = tpm_policy_nv(u->tpm, &site_floor, &site->level, 1, APPROVAL_BASE_LEN,
		                       TPM_NV_IS_AT_MOST);
	approval_site_policy(site, u->sealed.site_key, policy);
	if (status == STATUS_OK)
		status = tpm_policy_authorize(u->tpm, u->sealed.site_key,
		                              approval_reference(APPROVAL_SEAL_SITE), policy,
		                              site->signature);
	if (status == STATUS_OK)
		status = tpm_policy_nv(u->tpm, &release_floor, u->sealed.release_base,
		                       APPROVAL_BASE_LEN, 0, TPM_NV_IS_EQUAL);
	if (status == STATUS_OK)
		status = tpm_policy_nv(u->tpm, &site_floor, u->sealed.site_base, APPROVAL_BASE_LEN,
		                       0, TPM_NV_IS_EQUAL);
	if (status == STATUS_OK && u->sealed.approver_count != 0)
		status = approve_start(u);
	return status;
}

/* take_recovery hands on the site's acceptance of a store, when it is for this TPM. */
static void take_recovery(struct unsealer *u)
{
	const struct approval_recovery *recovery = &u->approvals.recovery;

	if (!u->approvals.has_recovery ||
	    memcmp(recovery->genesis, u->sealed.genesis, sizeof(recovery->genesis)) != 0 ||
	    approval_check_recovery(recovery, u->sealed.site_key) != STATUS_OK)
		return;
	u->facts->has_recovery = 1;
	memcpy(u->facts->recovery_checkpoint, recovery->checkpoint, 32);
	memcpy(u->facts->recovery_anchor, recovery->anchor, 32);
}

bool unsealer_policy(struct unsealer *u)
{
	const struct approval_release *release = NULL;
	const struct approval_site *site = NULL;
	struct call_start_facts *facts = u->facts;
	struct tpm_nv release_floor = unsealer_floor(false, u->sealed.site_key);
	struct tpm_nv site_floor = unsealer_floor(true, u->sealed.site_key);
	enum status status;

	if (!take_approvals(u))
		return false;
	status = tpm_nv_read_counter(u->tpm, &release_floor, &facts->release_floor);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(u->tpm, &site_floor, &facts->site_floor);
	if (status != STATUS_OK)
		return unsealer_fail_tpm(u, status, CALL_START_UNPROTECTED);
	if (!choose_release(u, &release) || !choose_site(u, release, &site))
		return false;
	status = work_off(u, release, site);
	if (status != STATUS_OK)
		return unsealer_fail_tpm(
		    u, status, tpm_is_policy(u->tpm) ? CALL_START_BAD_POLICY : CALL_START_OTHER);
	facts->release_level = release->level;
	facts->site_level = site->level;
	memcpy(facts->release_key, release->key, sizeof(facts->release_key));
	memcpy(facts->site_key, u->sealed.site_key, sizeof(facts->site_key));
	take_recovery(u);
	return true;
}
