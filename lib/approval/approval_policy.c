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
#define EO_UNSIGNED_GE   0x0007u
#define EO_UNSIGNED_LE   0x0009u
#define LEVEL_OFFSET     7u /* the counter's last byte */
#define ALG_SHA256       0x000bu
#define FLOOR_ATTRIBUTES 0x02060018u /* counter, policywrite, ownerread, authread, no_da */
#define BOOTS_ATTRIBUTES 0x02060014u /* counter, authwrite, ownerread, authread, no_da */
#define NV_WRITTEN       0x20000000u

const uint8_t approval_release_pcrs[APPROVAL_RELEASE_PCRS] = {4, 9, 11, 12, 14};
const uint8_t approval_site_pcrs[APPROVAL_SITE_PCRS] = {0, 2, 7};

static const char *purpose_text(enum approval_purpose purpose)
{
	switch (purpose) {
	case APPROVAL_SEAL_RELEASE:
		return "claviger/seal/release/v2";
	case APPROVAL_SEAL_SITE:
		return "claviger/seal/site/v2";
	case APPROVAL_FLOOR_RELEASE:
		return "claviger/floor/release/v2";
	case APPROVAL_FLOOR_DELEGATE:
		return "claviger/floor/delegate/v2";
	case APPROVAL_FLOOR_SITE:
		return "claviger/floor/site/v2";
	case APPROVAL_UNSEAL:
		return "claviger/unseal/v2";
	case APPROVAL_APPOINT_RELEASE:
		return "claviger/appoint/release/v2";
	case APPROVAL_APPOINT_SITE:
		return "claviger/appoint/site/v2";
	}
	CHECK(!"an approval has a purpose");
	return "";
}

void approval_share_commitment(const uint8_t share[32], uint8_t ret_commitment[32])
{
	keys_sha256_label("claviger/share/v1", bytes_of(share, 32), ret_commitment);
}

void approval_reference(enum approval_purpose purpose, const uint8_t genesis[32],
                        uint8_t ret_reference[32])
{
	keys_sha256_label(purpose_text(purpose), bytes_of(genesis, 32), ret_reference);
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

/* key_name is the TPM's name of a public key as lib/tpm loads it (part 1, 16). */
static void key_name(const uint8_t key[APPROVAL_KEY_LEN], uint8_t ret_name[34])
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

/* update is part 3's PolicyUpdate(): name, then policyRef in a hash of its own. */
static void update(uint8_t policy[32], uint32_t command, const uint8_t key[APPROVAL_KEY_LEN],
                   enum approval_purpose purpose, const uint8_t genesis[32])
{
	uint8_t name[34], reference[32];
	const struct bytes parts[] = {bytes_of(policy, 32), BYTES_OF_ARRAY(reference)};

	key_name(key, name);
	approval_reference(purpose, genesis, reference);
	extend(policy, command, BYTES_OF_ARRAY(name));
	keys_sha256(parts, 2, policy);
}

/* authorize: whatever was before, the policy is now that this key approved it. */
static void authorize(uint8_t policy[32], const uint8_t key[APPROVAL_KEY_LEN],
                      enum approval_purpose purpose, const struct approval_scope *scope)
{
	memset(policy, 0, 32);
	update(policy, CC_POLICY_AUTHORIZE, key, purpose, scope->genesis);
}

void approval_floor_policy(bool is_site, const struct approval_scope *scope, uint8_t ret_policy[32])
{
	authorize(ret_policy, scope->site_root,
	          is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_DELEGATE, scope);
}

/* counter_name: TPMS_NV_PUBLIC: index, name algorithm, attributes, policy, 8 bytes of data. */
static void counter_name(uint32_t number, uint32_t bits, struct bytes policy, uint8_t ret_name[34])
{
	struct be32 index = be32(number), attributes = be32(bits);
	const uint8_t policy_len[] = {0x00, (uint8_t)policy.len};
	static const uint8_t algorithm[] = {0x00, ALG_SHA256}, data_len[] = {0x00, 0x08};
	const struct bytes parts[] = {BYTES_OF_ARRAY(index.bytes),
	                              BYTES_OF_ARRAY(algorithm),
	                              BYTES_OF_ARRAY(attributes.bytes),
	                              BYTES_OF_ARRAY(policy_len),
	                              policy,
	                              BYTES_OF_ARRAY(data_len)};

	ret_name[0] = 0;
	ret_name[1] = ALG_SHA256;
	keys_sha256(parts, 6, ret_name + 2);
}

void approval_floor_name(bool is_site, const struct approval_scope *scope, bool written,
                         uint8_t ret_name[34])
{
	uint8_t policy[32];

	approval_floor_policy(is_site, scope, policy);
	counter_name(is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR,
	             FLOOR_ATTRIBUTES | (written ? NV_WRITTEN : 0), BYTES_OF_ARRAY(policy),
	             ret_name);
}

/* counter_is adds PolicyNV over a part of a counter. */
static void counter_is(uint8_t policy[32], const uint8_t name[34], struct bytes operand,
                       uint16_t offset, uint16_t operation)
{
	uint8_t arguments[32];
	const uint8_t where[] = {(uint8_t)(offset >> 8), (uint8_t)offset, (uint8_t)(operation >> 8),
	                         (uint8_t)operation};
	const struct bytes parts[] = {operand, BYTES_OF_ARRAY(where)};
	uint8_t both[66];

	keys_sha256(parts, 2, arguments);
	memcpy(both, arguments, 32);
	memcpy(both + 32, name, 34);
	extend(policy, CC_POLICY_NV, BYTES_OF_ARRAY(both));
}

static void floor_is(uint8_t policy[32], bool is_site, const struct approval_scope *scope,
                     struct bytes operand, uint16_t offset, uint16_t operation)
{
	uint8_t name[34];

	approval_floor_name(is_site, scope, true, name);
	counter_is(policy, name, operand, offset, operation);
}

void approval_first_counter(const struct approval_sealed *sealed, uint8_t ret_bytes[8])
{
	for (size_t i = 0; i < 8; i++)
		ret_bytes[i] = (uint8_t)(sealed->first_counter >> (56 - 8 * i));
}

/* began_at: the boot counter is at least what genesis left. So what the disk says of that is what
 * the TPM knows, or nothing opens. */
static void began_at(uint8_t policy[32], const struct approval_sealed *sealed)
{
	uint8_t name[34], first[8];

	counter_name(APPROVAL_NV_BOOTS, BOOTS_ATTRIBUTES | NV_WRITTEN, bytes_of(NULL, 0), name);
	approval_first_counter(sealed, first);
	counter_is(policy, name, BYTES_OF_ARRAY(first), 0, EO_UNSIGNED_GE);
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

/* level_holds: the floor is not above a level. */
static void level_holds(uint8_t policy[32], bool is_site, const struct approval_scope *scope,
                        const uint8_t *level)
{
	floor_is(policy, is_site, scope, bytes_of(level, 1), LEVEL_OFFSET, EO_UNSIGNED_LE);
}

void approval_release_policy(const struct approval_release *release,
                             const struct approval_scope *scope, uint8_t ret_policy[32])
{
	memset(ret_policy, 0, 32);
	pcrs_are(ret_policy, APPROVAL_RELEASE_MASK, release->pcrs, APPROVAL_RELEASE_PCRS);
	level_holds(ret_policy, false, scope, &release->level);
}

void approval_site_policy(const struct approval_site *site, const struct approval_scope *scope,
                          uint8_t ret_policy[32])
{
	authorize(ret_policy, site->release_key, APPROVAL_SEAL_RELEASE, scope);
	pcrs_are(ret_policy, APPROVAL_SITE_MASK, site->pcrs, APPROVAL_SITE_PCRS);
	level_holds(ret_policy, true, scope, &site->level);
}

void approval_appointment_policy(const struct approval_appointment *appointment,
                                 const struct approval_scope *scope, uint8_t ret_policy[32])
{
	authorize(ret_policy, appointment->key,
	          appointment->is_site ? APPROVAL_SEAL_SITE : APPROVAL_SEAL_RELEASE, scope);
	level_holds(ret_policy, appointment->is_site, scope, &appointment->level);
}

static void increments(uint8_t policy[32])
{
	struct be32 code = be32(CC_NV_INCREMENT);

	extend(policy, CC_POLICY_COMMAND_CODE, BYTES_OF_ARRAY(code.bytes));
}

void approval_delegate_policy(const struct approval_delegate *delegate,
                              const struct approval_scope *scope, uint8_t ret_policy[32])
{
	authorize(ret_policy, delegate->release_key, APPROVAL_FLOOR_RELEASE, scope);
	level_holds(ret_policy, true, scope, &delegate->level);
}

void approval_step_policy(bool is_site, uint8_t from, const struct approval_scope *scope,
                          uint8_t ret_policy[32])
{
	memset(ret_policy, 0, 32);
	floor_is(ret_policy, is_site, scope, bytes_of(&from, 1), LEVEL_OFFSET, EO_EQ);
	increments(ret_policy);
}

void approval_first_policy(uint8_t ret_policy[32])
{
	static const uint8_t no = 0;

	memset(ret_policy, 0, 32);
	extend(ret_policy, CC_POLICY_NV_WRITTEN, bytes_of(&no, 1));
	increments(ret_policy);
}

/* before_approvers is a half's policy without the people of attended mode. */
static void before_approvers(const struct approval_sealed *sealed, enum approval_half half,
                             uint8_t policy[32])
{
	const struct approval_scope *scope = &sealed->scope;

	if (half == APPROVAL_SITE_HALF)
		authorize(policy, scope->site_root, APPROVAL_APPOINT_SITE, scope);
	else
		authorize(policy, scope->release_root, APPROVAL_APPOINT_RELEASE, scope);
	floor_is(policy, false, scope, BYTES_OF_ARRAY(sealed->release_base), 0, EO_EQ);
	floor_is(policy, true, scope, BYTES_OF_ARRAY(sealed->site_base), 0, EO_EQ);
	began_at(policy, sealed);
}

void approval_seal_branches(const struct approval_sealed *sealed,
                            uint8_t ret_branches[APPROVAL_APPROVERS_MAX][32])
{
	const struct approval_manifest *manifest = &sealed->manifest;
	uint8_t start[32];

	CHECK(manifest->approver_count <= APPROVAL_APPROVERS_MAX);
	before_approvers(sealed, APPROVAL_SITE_HALF, start);
	for (size_t i = 0; i < manifest->approver_count; i++) {
		memcpy(ret_branches[i], start, 32);
		update(ret_branches[i], CC_POLICY_SIGNED, manifest->approvers[i], APPROVAL_UNSEAL,
		       sealed->scope.genesis);
	}
}

void approval_seal_policy(const struct approval_sealed *sealed, enum approval_half half,
                          uint8_t ret_policy[32])
{
	uint8_t branches[APPROVAL_APPROVERS_MAX][32];
	size_t count = sealed->manifest.approver_count;

	approval_seal_branches(sealed, branches);
	if (count == 0 || half == APPROVAL_RELEASE_HALF) {
		before_approvers(sealed, half, ret_policy);
	} else if (count == 1) {
		memcpy(ret_policy, branches[0], 32);
	} else {
		memset(ret_policy, 0, 32);
		extend(ret_policy, CC_POLICY_OR, bytes_of(branches, count * 32));
	}
}

/* ---- signatures ---- */

void approval_digest(enum approval_purpose purpose, const uint8_t policy[32],
                     const uint8_t genesis[32], uint8_t ret_digest[32])
{
	uint8_t reference[32];
	const struct bytes parts[] = {bytes_of(policy, 32), BYTES_OF_ARRAY(reference)};

	approval_reference(purpose, genesis, reference);
	keys_sha256(parts, 2, ret_digest);
}

void approval_unseal_digest(const uint8_t nonce[32], const uint8_t genesis[32],
                            uint8_t ret_digest[32])
{
	static const uint8_t no_expiration[4];
	uint8_t reference[32];
	const struct bytes parts[] = {bytes_of(nonce, 32), BYTES_OF_ARRAY(no_expiration),
	                              BYTES_OF_ARRAY(reference)};

	approval_reference(APPROVAL_UNSEAL, genesis, reference);
	keys_sha256(parts, 3, ret_digest);
}

static enum status check(const uint8_t key[APPROVAL_KEY_LEN], enum approval_purpose purpose,
                         const uint8_t policy[32], const struct approval_scope *scope,
                         const uint8_t signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, scope->genesis, digest);
	return keys_p256_verify(key, digest, signature);
}

enum status approval_check_release(const struct approval_release *release,
                                   const struct approval_scope *scope)
{
	uint8_t policy[32];

	approval_release_policy(release, scope, policy);
	return check(release->key, APPROVAL_SEAL_RELEASE, policy, scope, release->signature);
}

enum status approval_check_site(const struct approval_site *site,
                                const struct approval_scope *scope)
{
	uint8_t policy[32];

	approval_site_policy(site, scope, policy);
	return check(site->key, APPROVAL_SEAL_SITE, policy, scope, site->signature);
}

enum status approval_check_appointment(const struct approval_appointment *appointment,
                                       const struct approval_scope *scope)
{
	uint8_t policy[32];

	approval_appointment_policy(appointment, scope, policy);
	return appointment->is_site ? check(scope->site_root, APPROVAL_APPOINT_SITE, policy, scope,
	                                    appointment->signature)
	                            : check(scope->release_root, APPROVAL_APPOINT_RELEASE, policy,
	                                    scope, appointment->signature);
}

const struct approval_appointment *approval_find_appointment(const struct approval_file *file,
                                                             bool is_site,
                                                             const uint8_t key[APPROVAL_KEY_LEN],
                                                             uint8_t floor)
{
	const struct approval_appointment *best = NULL;

	for (size_t i = 0; i < file->appointed_count; i++) {
		const struct approval_appointment *appointment = &file->appointed[i];

		if (appointment->is_site == is_site && appointment->level >= floor &&
		    (best == NULL || appointment->level > best->level) &&
		    memcmp(appointment->key, key, APPROVAL_KEY_LEN) == 0 &&
		    approval_check_appointment(appointment, &file->scope) == STATUS_OK)
			best = appointment;
	}
	return best;
}

enum status approval_check_delegate(const struct approval_delegate *delegate,
                                    const struct approval_scope *scope)
{
	uint8_t policy[32];

	approval_delegate_policy(delegate, scope, policy);
	return check(scope->site_root, APPROVAL_FLOOR_DELEGATE, policy, scope, delegate->signature);
}

enum status approval_check_step(const struct approval_step *step,
                                const struct approval_scope *scope)
{
	uint8_t policy[32];

	if (step->is_site && memcmp(step->key, scope->site_root, APPROVAL_KEY_LEN) != 0)
		return STATUS_CRYPTO;
	approval_step_policy(step->is_site, step->from, scope, policy);
	return check(step->key, step->is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE,
	             policy, scope, step->signature);
}

void approval_recovery_digest(const struct approval_recovery *recovery, uint8_t ret_digest[32])
{
	uint8_t boots[8];
	const struct bytes parts[] = {bytes_of_text("claviger/recovery-accept/v2"),
	                              BYTES_OF_ARRAY(recovery->checkpoint),
	                              BYTES_OF_ARRAY(recovery->anchor),
	                              BYTES_OF_ARRAY(recovery->genesis), BYTES_OF_ARRAY(boots)};

	for (size_t i = 0; i < sizeof(boots); i++)
		boots[i] = (uint8_t)(recovery->boots >> (56 - 8 * i));
	keys_sha256(parts, 5, ret_digest);
}

enum status approval_check_recovery(const struct approval_recovery *recovery,
                                    const struct approval_scope *scope)
{
	uint8_t digest[32];

	if (memcmp(recovery->genesis, scope->genesis, sizeof(recovery->genesis)) != 0)
		return STATUS_CRYPTO;
	approval_recovery_digest(recovery, digest);
	return keys_p256_verify(scope->site_root, digest, recovery->signature);
}

enum status approval_check_manifest(const struct approval_manifest *manifest)
{
	struct approval_scope scope;
	uint8_t policy[32];
	enum status status;

	if (!manifest->is_single &&
	    memcmp(manifest->site_root, manifest->release_root, APPROVAL_KEY_LEN) == 0)
		return STATUS_REFUSED;
	approval_scope_of(manifest, &scope);
	approval_first_policy(policy);
	status = keys_p256_verify(scope.site_root, scope.genesis, manifest->signature);
	if (status == STATUS_OK)
		status = check(scope.site_root, APPROVAL_FLOOR_DELEGATE, policy, &scope,
		               manifest->first_release);
	if (status == STATUS_OK)
		status = check(scope.site_root, APPROVAL_FLOOR_SITE, policy, &scope,
		               manifest->first_site);
	return status;
}
