/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_verify.h"

#include "approval.h"

#define EK_USAGE   "2.23.133.8.1" /* tcg-kp-EKCertificate */
#define PCR_CAP    11
#define PCR_COMMIT 13
#define LEVEL_AT   7 /* a floor's level is the last of the counter's 8 bytes */

/* TPMA_NV, part 2 section 13.4. */
#define NV_OWNER_WRITE  (UINT32_C(1) << 1)
#define NV_AUTH_WRITE   (UINT32_C(1) << 2)
#define NV_POLICY_WRITE (UINT32_C(1) << 3)
#define NV_PP_WRITE     (UINT32_C(1) << 0)
#define NV_TYPE         (UINT32_C(0xf) << 4)
#define NV_TYPE_COUNTER (UINT32_C(1) << 4)
#define NV_WRITTEN      (UINT32_C(1) << 29)

static void extend(uint8_t value[32], const uint8_t digest[32])
{
	struct bytes parts[] = {bytes_of(value, 32), bytes_of(digest, 32)};

	keys_sha256(parts, 2, value);
}

/* cap_pcr is PCR 11 after the cap: extended with SHA-256("claviger/cap/v1"). */
static void cap_pcr(const uint8_t at_unseal[32], uint8_t ret_capped[32])
{
	uint8_t cap[32];

	keys_sha256_label("claviger/cap/v1", bytes_of(NULL, 0), cap);
	memmove(ret_capped, at_unseal, 32);
	extend(ret_capped, cap);
}

/* quoted returns the value of a PCR of ATTEST_QUOTED_MASK. */
static const uint8_t *quoted(const struct attest_report *report, unsigned pcr)
{
	uint32_t below = ATTEST_QUOTED_MASK & ((UINT32_C(1) << pcr) - 1);

	return report->evidence.pcrs.data + 32 * attest_pcr_count(below);
}

/* ---- who speaks ---- */

static enum attest_verdict check_node(const struct attest_policy *policy,
                                      struct attest_report *report)
{
	enum status status = authz_node_open(report->evidence.node, &report->node);

	if (status != STATUS_OK)
		return status == STATUS_CRYPTO ? ATTEST_REFUSED_NODE_SIGNATURE
		                               : ATTEST_REFUSED_NODE_FORM;
	if (policy->has_deployment_key &&
	    memcmp(policy->deployment_key, report->node.deployment_key, 32) != 0)
		return ATTEST_REFUSED_DEPLOYMENT;
	if (authz_node_channels(&report->node, &report->authority, &report->signer) != STATUS_OK)
		return ATTEST_REFUSED_CHANNEL;
	if (attest_public_take(report->evidence.ak, &report->ak) != STATUS_OK)
		return ATTEST_REFUSED_KEY_FORM;
	if (!attest_public_is_attestation_key(&report->ak))
		return ATTEST_REFUSED_KEY_KIND;
	if (memcmp(report->ak.name, report->node.ak_name, sizeof(report->ak.name)) != 0)
		return ATTEST_REFUSED_AK_NAME;
	return ATTEST_ACCEPTED;
}

/* ---- what the TPM signed ---- */

static enum attest_verdict check_nonce(const struct attest_evidence *evidence, const uint8_t *nonce,
                                       uint8_t ret_root[32])
{
	uint8_t made[ATTEST_NONCE_LEN];

	if (!evidence->has_proof)
		return ATTEST_REFUSED_NONCE;
	if (nonce != NULL && memcmp(nonce, evidence->proof.nonce, ATTEST_NONCE_LEN) != 0)
		return ATTEST_REFUSED_NONCE;
	if (evidence->has_beacon &&
	    (attest_beacon_nonce(evidence->beacon_source, evidence->beacon_value, made) !=
	         STATUS_OK ||
	     memcmp(made, evidence->proof.nonce, ATTEST_NONCE_LEN) != 0))
		return ATTEST_REFUSED_BEACON;
	return attest_proof_root(&evidence->proof, ret_root) == STATUS_OK ? ATTEST_ACCEPTED
	                                                                  : ATTEST_REFUSED_PROOF;
}

static enum attest_verdict check_quote(const uint8_t *nonce, struct attest_report *report)
{
	static const struct attest_selection required = {
	    .count = 1, .banks = {{ATTEST_ALG_SHA256, ATTEST_QUOTED_MASK}}};
	const struct attest_evidence *evidence = &report->evidence;
	uint8_t root[32], extra_bytes[32];
	const struct bytes extra = BYTES_OF_ARRAY(extra_bytes);
	struct attest_pcrs pcrs = {.selection = required, .len = evidence->pcrs.len};
	const struct attest_question question = {
	    .key = &report->ak.key, .extra = &extra, .wanted = &required, .pcrs = &pcrs};
	struct attest_signature signature;
	enum attest_verdict verdict = check_nonce(evidence, nonce, root);

	if (verdict != ATTEST_ACCEPTED)
		return verdict;
	attest_quote_extra(root, evidence->node, extra_bytes);
	memcpy(pcrs.values, evidence->pcrs.data, evidence->pcrs.len);
	if (attest_signature_take(evidence->signature, &report->ak.key, &signature) != STATUS_OK)
		return ATTEST_REFUSED_SIGNATURE_FORM;
	return attest_quote_check(&question, evidence->statement, &signature, &report->quote);
}

static enum attest_verdict check_commit(const struct attest_report *report)
{
	uint8_t value[32] = {0}, commit[32];

	authz_node_commit(report->node.deployment_key, report->node.manifest, report->signer.key,
	                  commit);
	extend(value, commit);
	return memcmp(value, quoted(report, PCR_COMMIT), 32) == 0 ? ATTEST_ACCEPTED
	                                                          : ATTEST_REFUSED_COMMIT;
}

/* ---- whose TPM ---- */

static enum attest_verdict chain_verdict(enum keys_chain_fault fault)
{
	switch (fault) {
	case KEYS_CHAIN_GOOD:
		return ATTEST_ACCEPTED;
	case KEYS_CHAIN_MALFORMED:
		return ATTEST_REFUSED_EK_FORM;
	case KEYS_CHAIN_TIME:
		return ATTEST_REFUSED_EK_TIME;
	case KEYS_CHAIN_USAGE:
		return ATTEST_REFUSED_EK_USAGE;
	case KEYS_CHAIN_UNTRUSTED:
	default:
		return ATTEST_REFUSED_EK_CHAIN;
	}
}

/* is_linked: somebody whom the caller trusts saw AK and EK in one TPM. */
static bool is_linked(const struct attest_policy *policy, const struct attest_report *report,
                      const uint8_t ek[32])
{
	for (size_t i = 0; i < policy->ak_count; i++)
		if (memcmp(policy->aks[i], report->ak.name, ATTEST_NAME_LEN) == 0)
			return true;
	return policy->has_deployment_key && report->node.activated &&
	       memcmp(report->node.ek, ek, 32) == 0;
}

static enum attest_verdict check_maker(const struct attest_policy *policy, uint64_t at_s,
                                       struct attest_report *report)
{
	const struct attest_evidence *evidence = &report->evidence;
	struct keys_public certified;
	struct attest_public ek;
	enum attest_verdict verdict;
	uint8_t id[32];

	if (evidence->certificate_count == 0 || evidence->ek.len == 0)
		return ATTEST_REFUSED_EK_NONE;
	if (attest_public_take(evidence->ek, &ek) != STATUS_OK ||
	    !attest_public_is_endorsement_key(&ek))
		return ATTEST_REFUSED_EK_FORM;
	verdict = chain_verdict(keys_chain_check(
	    evidence->certificates[0], evidence->certificates + 1, evidence->certificate_count - 1,
	    policy->roots, policy->root_count, EK_USAGE, at_s, &certified));
	if (verdict != ATTEST_ACCEPTED)
		return verdict;
	(void)!keys_chain_leaf(evidence->certificates[0], &certified, report->maker);
	if (!bytes_equal(bytes_of(certified.der, certified.len), bytes_of(ek.key.der, ek.key.len)))
		return ATTEST_REFUSED_EK_KEY;
	/* Not its name: that is of the digest which its template has. */
	keys_sha256(&evidence->ek, 1, id);
	if (policy->ek_count != 0) {
		size_t at = 0;

		while (at < policy->ek_count && memcmp(policy->eks[at], id, 32) != 0)
			at++;
		if (at == policy->ek_count)
			return ATTEST_REFUSED_EK_UNKNOWN;
	}
	if (!is_linked(policy, report, id))
		return ATTEST_REFUSED_EK_LINK;
	report->hardware = report->activated = true;
	return ATTEST_ACCEPTED;
}

/* ---- what runs ---- */

/* find_values: the values that all are the quoted ones; in releases PCR 11 is uncapped. */
static bool find_values(const struct attest_report *report, const struct attest_values *list,
                        size_t count, uint32_t needed, struct bytes *ret_name)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t mask = list[i].mask;
		bool same = (mask & needed) == needed && (mask & ~ATTEST_QUOTED_MASK) == 0;

		for (unsigned pcr = 0; pcr < ATTEST_PCR_COUNT; pcr++) {
			uint8_t value[32];

			if (!same || (mask >> pcr & 1) == 0)
				continue;
			memcpy(value, list[i].pcrs[pcr], sizeof(value));
			if (pcr == PCR_CAP)
				cap_pcr(value, value);
			same &= memcmp(value, quoted(report, pcr), sizeof(value)) == 0;
		}
		if (same) {
			*ret_name = list[i].name;
			return true;
		}
	}
	return false;
}

static enum attest_verdict check_values(const struct attest_policy *policy,
                                        struct attest_report *report)
{
	if (policy->release_count != 0 &&
	    !find_values(report, policy->releases, policy->release_count, ATTEST_RELEASE_MASK,
	                 &report->release))
		return ATTEST_REFUSED_PCR_RELEASE;
	if (policy->firmware_count != 0 &&
	    !find_values(report, policy->firmwares, policy->firmware_count, ATTEST_FIRMWARE_MASK,
	                 &report->firmware))
		return ATTEST_REFUSED_PCR_FIRMWARE;
	return ATTEST_ACCEPTED;
}

/* is_of_genesis: the very index that genesis made, as the deployment says. Who has the owner's
 * authorization can define another one under the same number, and raise it as he likes: it has
 * another policy, or begins in another block of 256. */
static bool is_of_genesis(const struct attest_nv_public *area, uint64_t value,
                          const struct authz_node *node)
{
	bool is_site = area->index == ATTEST_NV_SITE_FLOOR;
	struct approval_scope scope = {.genesis = {0}};
	uint8_t policy[32];

	if (area->index == ATTEST_NV_COUNTER)
		return value >= node->first_counter;
	memcpy(scope.site_root, node->site_root, sizeof(scope.site_root));
	memcpy(scope.genesis, node->genesis, sizeof(scope.genesis));
	approval_floor_policy(is_site, &scope, policy);
	return bytes_equal(area->policy, BYTES_OF_ARRAY(policy)) &&
	       value >> 8 == (is_site ? node->site_base : node->release_base);
}

/* note_nv puts a certified value where it belongs; an index that we do not know is none of ours. */
static enum attest_verdict note_nv(const struct attest_nv_public *area, struct bytes data,
                                   struct attest_report *report)
{
	uint64_t value = 0;
	bool is_floor =
	    area->index == ATTEST_NV_RELEASE_FLOOR || area->index == ATTEST_NV_SITE_FLOOR;
	bool *seen = area->index == ATTEST_NV_RELEASE_FLOOR ? &report->has_release_floor
	             : area->index == ATTEST_NV_SITE_FLOOR  ? &report->has_site_floor
	                                                    : &report->has_counter;

	if (!is_floor && area->index != ATTEST_NV_COUNTER)
		return ATTEST_REFUSED_NV_KIND;
	if ((area->attributes & NV_TYPE) != NV_TYPE_COUNTER ||
	    (area->attributes & NV_WRITTEN) == 0 || data.len != 8)
		return ATTEST_REFUSED_NV_KIND;
	if (is_floor && ((area->attributes & (NV_OWNER_WRITE | NV_AUTH_WRITE | NV_PP_WRITE)) != 0 ||
	                 (area->attributes & NV_POLICY_WRITE) == 0 || area->policy.len != 32))
		return ATTEST_REFUSED_NV_KIND;
	if (*seen)
		return ATTEST_REFUSED_NV_FORM;
	*seen = true;
	for (size_t i = 0; i < data.len; i++)
		value = value << 8 | data.data[i];
	if (!is_of_genesis(area, value, &report->node))
		return ATTEST_REFUSED_NV_GENESIS;
	if (area->index == ATTEST_NV_RELEASE_FLOOR)
		report->release_floor = data.data[LEVEL_AT];
	else if (area->index == ATTEST_NV_SITE_FLOOR)
		report->site_floor = data.data[LEVEL_AT];
	else
		report->counter = value;
	return ATTEST_ACCEPTED;
}

static enum attest_verdict check_one_nv(const struct attest_nv *nv, struct attest_report *report)
{
	uint8_t extra[32];
	struct attest_nv_public area;
	struct attest_signature signature;
	struct attest_statement said;

	attest_nv_extra(report->node.deployment, extra);
	if (attest_nv_public_take(nv->public_area, &area) != STATUS_OK ||
	    attest_signature_take(nv->signature, &report->ak.key, &signature) != STATUS_OK)
		return ATTEST_REFUSED_NV_FORM;
	if (attest_signature_check(&signature, &report->ak.key, nv->statement) != STATUS_OK)
		return ATTEST_REFUSED_NV_SIGNATURE;
	if (attest_statement_take(nv->statement, ATTEST_TYPE_NV, &said) != ATTEST_GOOD)
		return ATTEST_REFUSED_NV_FORM;
	if (!bytes_equal(said.nv_name, BYTES_OF_ARRAY(area.name)) || said.nv_offset != 0 ||
	    area.size != said.nv_data.len)
		return ATTEST_REFUSED_NV_NAME;
	if (!bytes_equal(said.extra, BYTES_OF_ARRAY(extra)) ||
	    said.reset_count != report->quote.reset_count ||
	    said.restart_count != report->quote.restart_count ||
	    said.clock_ms > report->quote.clock_ms)
		return ATTEST_REFUSED_NV_STALE;
	return note_nv(&area, said.nv_data, report);
}

static enum attest_verdict check_nv(const struct attest_policy *policy,
                                    struct attest_report *report)
{
	for (size_t i = 0; i < report->evidence.nv_count; i++) {
		enum attest_verdict verdict = check_one_nv(&report->evidence.nv[i], report);

		if (verdict != ATTEST_ACCEPTED)
			return verdict;
	}
	if ((policy->release_floor != 0 &&
	     (!report->has_release_floor || report->release_floor < policy->release_floor)) ||
	    (policy->site_floor != 0 &&
	     (!report->has_site_floor || report->site_floor < policy->site_floor)) ||
	    (policy->counter != 0 && (!report->has_counter || report->counter < policy->counter)))
		return ATTEST_REFUSED_FLOOR;
	return ATTEST_ACCEPTED;
}

static enum attest_verdict check_log(const struct attest_policy *policy,
                                     struct attest_report *report)
{
	enum attest_verdict verdict;

	if (report->evidence.log.len == 0)
		return policy->event_log ? ATTEST_REFUSED_LOG_NONE : ATTEST_ACCEPTED;
	verdict = attest_log_replay(report->evidence.log, &report->log);
	if (verdict != ATTEST_ACCEPTED)
		return verdict;
	for (unsigned pcr = 0; pcr < ATTEST_PCR_COUNT; pcr++) {
		uint8_t value[32];

		if ((ATTEST_QUOTED_MASK >> pcr & 1) == 0 || pcr == PCR_COMMIT)
			continue;
		memcpy(value, report->log.pcrs[pcr], sizeof(value));
		if (pcr == PCR_CAP)
			cap_pcr(value, value);
		if (memcmp(value, quoted(report, pcr), sizeof(value)) != 0)
			return ATTEST_REFUSED_LOG_REPLAY;
	}
	report->has_log = true;
	if (policy->event_log && !report->log.secure_boot)
		return ATTEST_REFUSED_SECURE_BOOT;
	return ATTEST_ACCEPTED;
}

/* ---- all of it ---- */

/* is_usable: a policy that asks for hardware and names nothing to compare with accepts nothing; one
 * that lets a software TPM pass and names makers, EKs or AKs too would not look at them. */
static bool is_usable(const struct attest_policy *policy)
{
	if (policy->software_tpm)
		return policy->root_count == 0 && policy->ek_count == 0 && policy->ak_count == 0;
	return policy->root_count != 0 && policy->release_count != 0 &&
	       policy->firmware_count != 0 && (policy->has_deployment_key || policy->ak_count != 0);
}

/* check_genesis: what the machine was made for, and what it lacks. With a software TPM nothing
 * depends on it. */
static enum attest_verdict check_genesis(const struct attest_policy *policy,
                                         const struct authz_node *node)
{
	if (policy->has_genesis && memcmp(policy->genesis, node->genesis, 32) != 0)
		return ATTEST_REFUSED_GENESIS;
	if (policy->software_tpm)
		return ATTEST_ACCEPTED;
	if (node->single_operator && !policy->single_operator)
		return ATTEST_REFUSED_SINGLE_OPERATOR;
	if (!node->attended && !policy->unattended)
		return ATTEST_REFUSED_UNATTENDED;
	if (node->recovery_key && !policy->recovery_key)
		return ATTEST_REFUSED_RECOVERY_KEY;
	if (node->sandbox_missing != 0 && !policy->reduced_sandbox)
		return ATTEST_REFUSED_REDUCED_SANDBOX;
	return ATTEST_ACCEPTED;
}

static enum attest_verdict check_machine(const struct attest_policy *policy, uint64_t at_s,
                                         struct attest_report *report)
{
	enum attest_verdict verdict = ATTEST_ACCEPTED;

	if (!policy->software_tpm)
		verdict = check_maker(policy, at_s, report);
	if (verdict == ATTEST_ACCEPTED && report->quote.firmware < policy->minimum_tpm_firmware)
		verdict = ATTEST_REFUSED_TPM_FIRMWARE;
	if (verdict == ATTEST_ACCEPTED)
		verdict = check_values(policy, report);
	if (verdict == ATTEST_ACCEPTED)
		verdict = check_nv(policy, report);
	if (verdict == ATTEST_ACCEPTED)
		verdict = check_log(policy, report);
	return verdict == ATTEST_ACCEPTED ? check_genesis(policy, &report->node) : verdict;
}

enum attest_verdict attest_evidence_check(struct bytes evidence,
                                          const uint8_t nonce[ATTEST_NONCE_LEN],
                                          const struct attest_policy *policy, uint64_t at_s,
                                          struct attest_report *ret_report)
{
	enum attest_verdict verdict;

	*ret_report = (struct attest_report){.hardware = false};
	if (attest_evidence_take(evidence, &ret_report->evidence) != STATUS_OK)
		return ATTEST_REFUSED_EVIDENCE_FORM;
	if (!is_usable(policy))
		return ATTEST_REFUSED_POLICY;
	verdict = check_node(policy, ret_report);
	if (verdict == ATTEST_ACCEPTED)
		verdict = check_quote(nonce, ret_report);
	if (verdict == ATTEST_ACCEPTED)
		verdict = check_commit(ret_report);
	return verdict == ATTEST_ACCEPTED ? check_machine(policy, at_s, ret_report) : verdict;
}
