/* Policy digests as TCG TPM 2.0 Library part 3 defines them, in software. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "approval.h"
#include "base_check.h"

#define CC_NV_INCREMENT        0x134u
#define CC_POLICY_NV           0x149u
#define CC_POLICY_SIGNED       0x160u
#define CC_POLICY_AUTHORIZE    0x16au
#define CC_POLICY_COMMAND_CODE 0x16cu
#define CC_POLICY_OR           0x171u
#define CC_POLICY_PCR          0x17fu
#define CC_POLICY_NV_WRITTEN   0x18fu

#define EO_EQ            0x0000u
#define EO_UNSIGNED_LE   0x0009u
#define LEVEL_OFFSET     7u /* the counter's last byte */
#define ALG_SHA256       0x000bu
#define FLOOR_ATTRIBUTES 0x02060018u /* counter, policywrite, ownerread, authread, no_da */
#define NV_WRITTEN       0x20000000u

const uint8_t approval_release_pcrs[APPROVAL_RELEASE_PCRS] = {4, 9, 11, 12, 14};
const uint8_t approval_site_pcrs[APPROVAL_SITE_PCRS] = {0, 2, 7};

const char *approval_reference(enum approval_purpose purpose)
{
	switch (purpose) {
	case APPROVAL_SEAL_RELEASE:
		return "claviger/seal/release/v1";
	case APPROVAL_SEAL_SITE:
		return "claviger/seal/site/v1";
	case APPROVAL_FLOOR_RELEASE:
		return "claviger/floor/release/v1";
	case APPROVAL_FLOOR_DELEGATE:
		return "claviger/floor/delegate/v1";
	case APPROVAL_FLOOR_SITE:
		return "claviger/floor/site/v1";
	case APPROVAL_UNSEAL:
		return "claviger/unseal/v1";
	}
	CHECK(!"an approval has a purpose");
	return "";
}

struct be32 {
	uint8_t bytes[4];
};

static struct be32 be32(uint32_t value)
{
	return (struct be32){
	    {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
	     (uint8_t)value}
        };
}

/* extend: policy = SHA-256(policy || command || more). */
static void extend(uint8_t policy[32], uint32_t command, struct bytes more)
{
	struct be32 code = be32(command);
	const struct bytes parts[] = {bytes_of(policy, 32), BYTES_OF_ARRAY(code.bytes), more};

	keys_sha256(parts, 3, policy);
}

/* update is part 3's PolicyUpdate(): name, then reference in a hash of its own. */
static void update(uint8_t policy[32], uint32_t command, const uint8_t name[34],
                   const char *reference)
{
	struct bytes parts[2];

	extend(policy, command, bytes_of(name, 34));
	parts[0] = bytes_of(policy, 32);
	parts[1] = bytes_of_text(reference);
	keys_sha256(parts, 2, policy);
}

void approval_key_name(const uint8_t key[APPROVAL_KEY_LEN], uint8_t ret_name[34])
{
	/* TPMT_PUBLIC: ECC, SHA-256, attributes sign, no policy, no symmetric cipher, any scheme,
	 * P-256, no key derivation, then the point. */
	static const uint8_t head[] = {0x00, 0x23, 0x00, 0x0b, 0x00, 0x04, 0x00, 0x00, 0x00,
	                               0x00, 0x00, 0x10, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10};
	static const uint8_t len[] = {0x00, 0x20};
	const struct bytes parts[] = {BYTES_OF_ARRAY(head), BYTES_OF_ARRAY(len), bytes_of(key, 32),
	                              BYTES_OF_ARRAY(len), bytes_of(key + 32, 32)};

	ret_name[0] = 0;
	ret_name[1] = ALG_SHA256;
	keys_sha256(parts, 5, ret_name + 2);
}

static void authorize(uint8_t policy[32], const uint8_t key[APPROVAL_KEY_LEN],
                      enum approval_purpose purpose)
{
	uint8_t name[34];

	approval_key_name(key, name);
	memset(policy, 0, 32);
	update(policy, CC_POLICY_AUTHORIZE, name, approval_reference(purpose));
}

void approval_floor_policy(bool is_site, const uint8_t site_key[APPROVAL_KEY_LEN],
                           uint8_t ret_policy[32])
{
	authorize(ret_policy, site_key, is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_DELEGATE);
}

void approval_floor_name(bool is_site, const uint8_t site_key[APPROVAL_KEY_LEN], bool written,
                         uint8_t ret_name[34])
{
	/* TPMS_NV_PUBLIC: index, name algorithm, attributes, policy, 8 bytes of data. */
	struct be32 index = be32(is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR);
	struct be32 attributes = be32(FLOOR_ATTRIBUTES | (written ? NV_WRITTEN : 0));
	static const uint8_t algorithm[] = {0x00, ALG_SHA256}, policy_len[] = {0x00, 0x20},
	                     data_len[] = {0x00, 0x08};
	uint8_t policy[32];
	const struct bytes parts[] = {BYTES_OF_ARRAY(index.bytes),      BYTES_OF_ARRAY(algorithm),
	                              BYTES_OF_ARRAY(attributes.bytes), BYTES_OF_ARRAY(policy_len),
	                              BYTES_OF_ARRAY(policy),           BYTES_OF_ARRAY(data_len)};

	approval_floor_policy(is_site, site_key, policy);
	ret_name[0] = 0;
	ret_name[1] = ALG_SHA256;
	keys_sha256(parts, 6, ret_name + 2);
}

/* floor_is adds PolicyNV over a part of a floor's counter. */
static void floor_is(uint8_t policy[32], bool is_site, const uint8_t site_key[APPROVAL_KEY_LEN],
                     struct bytes operand, uint16_t offset, uint16_t operation)
{
	uint8_t name[34], arguments[32];
	const uint8_t where[] = {(uint8_t)(offset >> 8), (uint8_t)offset, (uint8_t)(operation >> 8),
	                         (uint8_t)operation};
	const struct bytes parts[] = {operand, BYTES_OF_ARRAY(where)};
	uint8_t both[66];

	keys_sha256(parts, 2, arguments);
	approval_floor_name(is_site, site_key, true, name);
	memcpy(both, arguments, 32);
	memcpy(both + 32, name, 34);
	extend(policy, CC_POLICY_NV, BYTES_OF_ARRAY(both));
}

static void pcrs_are(uint8_t policy[32], uint32_t mask, const uint8_t (*values)[32], size_t count)
{
	const uint8_t selection[] = {0,
	                             0,
	                             0,
	                             1,
	                             0,
	                             ALG_SHA256,
	                             3,
	                             (uint8_t)mask,
	                             (uint8_t)(mask >> 8),
	                             (uint8_t)(mask >> 16)};
	struct bytes all = bytes_of(values, count * 32);
	uint8_t both[sizeof(selection) + 32];

	memcpy(both, selection, sizeof(selection));
	keys_sha256(&all, 1, both + sizeof(selection));
	extend(policy, CC_POLICY_PCR, BYTES_OF_ARRAY(both));
}

void approval_release_policy(const struct approval_release *release,
                             const uint8_t site_key[APPROVAL_KEY_LEN], uint8_t ret_policy[32])
{
	memset(ret_policy, 0, 32);
	pcrs_are(ret_policy, APPROVAL_RELEASE_MASK, release->pcrs, APPROVAL_RELEASE_PCRS);
	floor_is(ret_policy, false, site_key, bytes_of(&release->level, 1), LEVEL_OFFSET,
	         EO_UNSIGNED_LE);
}

void approval_site_policy(const struct approval_site *site,
                          const uint8_t site_key[APPROVAL_KEY_LEN], uint8_t ret_policy[32])
{
	authorize(ret_policy, site->release_key, APPROVAL_SEAL_RELEASE);
	pcrs_are(ret_policy, APPROVAL_SITE_MASK, site->pcrs, APPROVAL_SITE_PCRS);
	floor_is(ret_policy, true, site_key, bytes_of(&site->level, 1), LEVEL_OFFSET,
	         EO_UNSIGNED_LE);
}

static void increments(uint8_t policy[32])
{
	struct be32 code = be32(CC_NV_INCREMENT);

	extend(policy, CC_POLICY_COMMAND_CODE, BYTES_OF_ARRAY(code.bytes));
}

void approval_delegate_policy(const struct approval_delegate *delegate,
                              const uint8_t site_key[APPROVAL_KEY_LEN], uint8_t ret_policy[32])
{
	authorize(ret_policy, delegate->release_key, APPROVAL_FLOOR_RELEASE);
	floor_is(ret_policy, true, site_key, bytes_of(&delegate->level, 1), LEVEL_OFFSET,
	         EO_UNSIGNED_LE);
}

void approval_step_policy(bool is_site, uint8_t from, const uint8_t site_key[APPROVAL_KEY_LEN],
                          uint8_t ret_policy[32])
{
	memset(ret_policy, 0, 32);
	floor_is(ret_policy, is_site, site_key, bytes_of(&from, 1), LEVEL_OFFSET, EO_EQ);
	increments(ret_policy);
}

void approval_first_policy(uint8_t ret_policy[32])
{
	static const uint8_t no = 0;

	memset(ret_policy, 0, 32);
	extend(ret_policy, CC_POLICY_NV_WRITTEN, bytes_of(&no, 1));
	increments(ret_policy);
}

/* before_approvers is the seal policy without the people of attended mode. */
static void before_approvers(const struct approval_sealed *sealed, uint8_t policy[32])
{
	authorize(policy, sealed->site_key, APPROVAL_SEAL_SITE);
	floor_is(policy, false, sealed->site_key, BYTES_OF_ARRAY(sealed->release_base), 0, EO_EQ);
	floor_is(policy, true, sealed->site_key, BYTES_OF_ARRAY(sealed->site_base), 0, EO_EQ);
}

void approval_seal_branches(const struct approval_sealed *sealed,
                            uint8_t ret_branches[APPROVAL_APPROVERS_MAX][32])
{
	uint8_t start[32], name[34];

	CHECK(sealed->approver_count <= APPROVAL_APPROVERS_MAX);
	before_approvers(sealed, start);
	for (size_t i = 0; i < sealed->approver_count; i++) {
		memcpy(ret_branches[i], start, 32);
		approval_key_name(sealed->approvers[i], name);
		update(ret_branches[i], CC_POLICY_SIGNED, name,
		       approval_reference(APPROVAL_UNSEAL));
	}
}

void approval_seal_policy(const struct approval_sealed *sealed, uint8_t ret_policy[32])
{
	uint8_t branches[APPROVAL_APPROVERS_MAX][32];

	approval_seal_branches(sealed, branches);
	if (sealed->approver_count == 0) {
		before_approvers(sealed, ret_policy);
	} else if (sealed->approver_count == 1) {
		memcpy(ret_policy, branches[0], 32);
	} else {
		memset(ret_policy, 0, 32);
		extend(ret_policy, CC_POLICY_OR,
		       bytes_of(branches, (size_t)sealed->approver_count * 32));
	}
}

/* ---- signatures ---- */

void approval_digest(enum approval_purpose purpose, const uint8_t policy[32],
                     uint8_t ret_digest[32])
{
	const struct bytes parts[] = {bytes_of(policy, 32),
	                              bytes_of_text(approval_reference(purpose))};

	keys_sha256(parts, 2, ret_digest);
}

void approval_unseal_digest(const uint8_t nonce[32], uint8_t ret_digest[32])
{
	static const uint8_t no_expiration[4];
	const struct bytes parts[] = {bytes_of(nonce, 32), BYTES_OF_ARRAY(no_expiration),
	                              bytes_of_text(approval_reference(APPROVAL_UNSEAL))};

	keys_sha256(parts, 3, ret_digest);
}

static enum status check(const uint8_t key[APPROVAL_KEY_LEN], enum approval_purpose purpose,
                         const uint8_t policy[32], const uint8_t signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, digest);
	return keys_p256_verify(key, digest, signature);
}

enum status approval_check_release(const struct approval_release *release,
                                   const uint8_t site_key[APPROVAL_KEY_LEN])
{
	uint8_t policy[32];

	approval_release_policy(release, site_key, policy);
	return check(release->key, APPROVAL_SEAL_RELEASE, policy, release->signature);
}

enum status approval_check_site(const struct approval_site *site,
                                const uint8_t site_key[APPROVAL_KEY_LEN])
{
	uint8_t policy[32];

	approval_site_policy(site, site_key, policy);
	return check(site_key, APPROVAL_SEAL_SITE, policy, site->signature);
}

enum status approval_check_delegate(const struct approval_delegate *delegate,
                                    const uint8_t site_key[APPROVAL_KEY_LEN])
{
	uint8_t policy[32];

	approval_delegate_policy(delegate, site_key, policy);
	return check(site_key, APPROVAL_FLOOR_DELEGATE, policy, delegate->signature);
}

enum status approval_check_step(const struct approval_step *step,
                                const uint8_t site_key[APPROVAL_KEY_LEN])
{
	uint8_t policy[32];

	if (step->is_site && memcmp(step->key, site_key, APPROVAL_KEY_LEN) != 0)
		return STATUS_CRYPTO;
	approval_step_policy(step->is_site, step->from, site_key, policy);
	return check(step->key, step->is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE,
	             policy, step->signature);
}

void approval_recovery_digest(const struct approval_recovery *recovery, uint8_t ret_digest[32])
{
	const struct bytes parts[] = {
	    bytes_of_text("claviger/recovery-accept/v1"), BYTES_OF_ARRAY(recovery->checkpoint),
	    BYTES_OF_ARRAY(recovery->anchor), BYTES_OF_ARRAY(recovery->genesis)};

	keys_sha256(parts, 4, ret_digest);
}

enum status approval_check_recovery(const struct approval_recovery *recovery,
                                    const uint8_t site_key[APPROVAL_KEY_LEN])
{
	uint8_t digest[32];

	approval_recovery_digest(recovery, digest);
	return keys_p256_verify(site_key, digest, recovery->signature);
}

enum status approval_check_manifest(const struct approval_manifest *manifest)
{
	uint8_t policy[32], digest[32];
	enum status status = approval_manifest_digest(manifest, digest);

	if (status == STATUS_OK)
		status = keys_p256_verify(manifest->site_key, digest, manifest->signature);
	approval_first_policy(policy);
	if (status == STATUS_OK)
		status = check(manifest->site_key, APPROVAL_FLOOR_DELEGATE, policy,
		               manifest->first_release);
	if (status == STATUS_OK)
		status =
		    check(manifest->site_key, APPROVAL_FLOOR_SITE, policy, manifest->first_site);
	return status;
}
