/* Genesis: once in a TPM's life, under a manifest that the site key signed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/random.h>

#include "base_check.h"
#include "cbor_writer.h"
#include "keys_hpke.h"
#include "log_line.h"
#include "secret.h"
#include "unsealer_share.h"

#define ESCROW_VERSION 2

struct tpm_nv unsealer_floor(bool is_site, const struct approval_scope *scope)
{
	struct tpm_nv nv = {.index = is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR,
	                    .kind = TPM_NV_FLOOR};

	approval_floor_policy(is_site, scope, nv.policy);
	return nv;
}

static bool take_manifest(struct unsealer *u)
{
	uint8_t raw[APPROVAL_MANIFEST_MAX];
	struct buffer content = BUFFER_OF_ARRAY(raw);
	enum status status = disk_file_read(&u->files.manifest, sizeof(raw), &content);

	u->sealed = (struct approval_sealed){.first_counter = 0};
	if (status == STATUS_OK)
		status = approval_manifest_take(buffer_bytes(&content), &u->sealed.manifest);
	if (status != STATUS_OK)
		return unsealer_fail(u, CALL_START_BAD_MANIFEST, 0,
		                     status == STATUS_UNSUPPORTED
		                         ? "reading the genesis manifest: it is of another version"
		                         : "reading the genesis manifest");
	status = approval_check_manifest(&u->sealed.manifest);
	if (status != STATUS_OK)
		return unsealer_fail(u, CALL_START_BAD_MANIFEST, 0,
		                     status == STATUS_REFUSED
		                         ? "the genesis manifest has one root for both authorities "
		                           "and does not say so"
		                         : "checking the genesis manifest's signatures");
	approval_scope_of(&u->sealed.manifest, &u->sealed.scope);
	return true;
}

/* discard_leftovers: a genesis that was cut off left its objects and set no authorization; without
 * one nobody can rely on them, and genesis begins anew. What others made under our numbers stays.
 */
static enum status discard_leftovers(struct unsealer *u)
{
	const struct tpm_nv indices[] = {tpm_nv_checkpoint, tpm_nv_boots,
	                                 unsealer_floor(false, &u->sealed.scope),
	                                 unsealer_floor(true, &u->sealed.scope)};
	bool there = false;
	enum status status = tpm_primary_is_there(u->tpm, NULL, &there);

	for (size_t i = 0;
	     status == STATUS_OK && !there && i < sizeof(indices) / sizeof(indices[0]); i++)
		status = tpm_nv_is_there(u->tpm, indices[i].index, &there);
	if (status != STATUS_OK || !there)
		return status;
	log_event(LOG_WARN, "unsealer.genesis_begun_anew");
	for (size_t i = 0; status == STATUS_OK && i < sizeof(indices) / sizeof(indices[0]); i++)
		status = tpm_nv_discard(u->tpm, &indices[i]);
	return status == STATUS_OK ? tpm_primary_discard(u->tpm) : status;
}

/* take_begun: this TPM was taken over for the share that genesis left, and the power went before
 * genesis wrote that it is over. */
static enum status take_begun(struct unsealer *u, struct buffer *share, bool *ret_taken)
{
	struct tpm_name name = {.len = sizeof(u->sealed.primary)};

	if (share->len == 0)
		return STATUS_OK;
	share->data[share->len - 1] = 0;
	if (approval_sealed_take(buffer_bytes(share), &u->sealed) != STATUS_OK)
		return STATUS_OK;
	memcpy(name.bytes, u->sealed.primary, sizeof(u->sealed.primary));
	return tpm_primary_is_there(u->tpm, &name, ret_taken);
}

/* find_begun: true when there is nothing left to do but to say that genesis is over. */
static bool find_begun(struct unsealer *u, const struct tpm_protections *found, bool *ret_taken)
{
	uint8_t raw[DISK_SHARE_LEN];
	struct buffer share = BUFFER_OF_ARRAY(raw);
	enum status status = STATUS_OK;

	if (u->files.sealed.fd < 0 ||
	    disk_file_read(&u->files.sealed, sizeof(raw), &share) != STATUS_OK ||
	    !disk_share_is_begun(buffer_bytes(&share)))
		return unsealer_fail(u, CALL_START_BAD_BLOB, 0,
		                     "genesis would overwrite the sealed share that is here");
	if (found->owner_set && found->lockout_set)
		status = take_begun(u, &share, ret_taken);
	if (status == STATUS_OK && *ret_taken)
		status = disk_file_write(&u->files.sealed, buffer_bytes(&share));
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER);
}

/* check_fresh: nothing that has an owner, or that is not ours, is touched. *ret_over: this TPM was
 * taken over by this genesis, and an ordinary start goes on. */
static bool check_fresh(struct unsealer *u, bool *ret_over)
{
	struct tpm_protections found;
	enum status status = tpm_protections(u->tpm, &found);

	if (status != STATUS_OK)
		return unsealer_fail_tpm(u, status, CALL_START_OTHER);
	if (!find_begun(u, &found, ret_over))
		return false;
	if (*ret_over)
		return true;
	if (found.owner_set || found.lockout_set)
		return unsealer_fail(u, CALL_START_NOT_FRESH, 0,
		                     found.owner_set && found.lockout_set
		                         ? "the TPM has an owner"
		                         : "the TPM has one of two authorizations: genesis was "
		                           "cut off while it set them");
	/* Nor one that would open nothing afterwards. */
	status = tpm_pcr_read(u->tpm, APPROVAL_RELEASE_MASK | APPROVAL_SITE_MASK, u->facts->pcrs);
	if (status == STATUS_OK)
		status = discard_leftovers(u);
	if (status == STATUS_CONFLICT)
		return unsealer_fail(u, CALL_START_NOT_FRESH, 0,
		                     "the TPM has objects of others under our numbers");
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER);
}

/* random_secret mixes the TPM's and the kernel's generator: either being good is enough. */
static enum status random_secret(struct tpm *tpm, uint8_t ret_secret[32])
{
	uint8_t random[64];
	struct bytes both = BYTES_OF_ARRAY(random);
	enum status status = tpm_random(tpm, random, 32);

	if (status == STATUS_OK && getrandom(random + 32, 32, 0) != 32)
		status = STATUS_IO;
	if (status == STATUS_OK)
		keys_sha256(&both, 1, ret_secret);
	SECRET_WIPE(random);
	return status;
}

static enum status seal_to(const uint8_t public_key[32], const char *label, const uint8_t hash[32],
                           struct bytes plain, struct buffer *ret_sealed)
{
	uint8_t space[80];
	struct buffer info = BUFFER_OF_ARRAY(space);

	CHECK(buffer_put(&info, bytes_of_text(label)) == STATUS_OK &&
	      buffer_put(&info, bytes_of(hash, 32)) == STATUS_OK);
	return keys_hpke_seal(public_key, buffer_bytes(&info), bytes_of(NULL, 0), plain, ret_sealed,
	                      NULL);
}

/* put_escrow writes {1: version, 2: owner and lockout authorization, sealed, 3: node share, sealed
 * to the recovery key, or nothing, 4: the manifest's digest, 5: commitment to the share}. */
static enum status put_escrow(struct unsealer *u, const uint8_t auths[64])
{
	const struct approval_manifest *manifest = &u->sealed.manifest;
	const uint8_t *hash = u->sealed.scope.genesis;
	uint8_t raw[UNSEALER_ESCROW_MAX], auths_raw[128], share_raw[128], commitment[32];
	struct buffer out = BUFFER_OF_ARRAY(raw), sealed = BUFFER_OF_ARRAY(auths_raw);
	struct buffer share = BUFFER_OF_ARRAY(share_raw);
	struct cbor_writer w;
	enum status status =
	    seal_to(manifest->escrow, "claviger/escrow/v1", hash, bytes_of(auths, 64), &sealed);

	if (status == STATUS_OK && manifest->has_recovery)
		status = seal_to(manifest->recovery, "claviger/recovery/v1", hash,
		                 bytes_of(u->facts->node_share, TPM_SHARE_LEN), &share);
	if (status != STATUS_OK)
		return status;
	cbor_writer_init(&w, &out);
	approval_share_commitment(u->facts->node_share, commitment);
	cbor_put_map(&w, 5);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, ESCROW_VERSION);
	cbor_put_key(&w, 2);
	cbor_put_bytes(&w, buffer_bytes(&sealed));
	cbor_put_key(&w, 3);
	cbor_put_bytes(&w, buffer_bytes(&share));
	cbor_put_key(&w, 4);
	cbor_put_bytes_n(&w, hash, 32);
	cbor_put_bytes_n_at(&w, 5, commitment, 32);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	return status == STATUS_OK ? disk_file_write(&u->files.escrow, buffer_bytes(&out)) : status;
}

/* first_step raises a floor that was never written, as the manifest's signature allows. */
static enum status first_step(struct unsealer *u, bool is_site, uint64_t *ret_value)
{
	const struct approval_manifest *manifest = &u->sealed.manifest;
	struct tpm_nv nv = unsealer_floor(is_site, &u->sealed.scope);
	uint8_t policy[32], reference[32];
	enum status status = tpm_nv_define(u->tpm, &nv);

	approval_first_policy(policy);
	approval_reference(is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_DELEGATE,
	                   u->sealed.scope.genesis, reference);
	if (status == STATUS_OK)
		status = tpm_policy_begin(u->tpm);
	if (status == STATUS_OK)
		status = tpm_policy_nv_written(u->tpm, false);
	if (status == STATUS_OK)
		status = tpm_policy_increments(u->tpm);
	if (status == STATUS_OK)
		status =
		    tpm_policy_authorize(u->tpm, manifest->site_root, reference, policy,
		                         is_site ? manifest->first_site : manifest->first_release);
	if (status == STATUS_OK)
		status = tpm_nv_raise(u->tpm, &nv);
	return status == STATUS_OK ? tpm_nv_read_counter(u->tpm, &nv, ret_value) : status;
}

static void base_of(uint64_t value, uint8_t ret_base[APPROVAL_BASE_LEN])
{
	for (size_t i = 0; i < APPROVAL_BASE_LEN; i++)
		ret_base[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* raise_counters: a new counter begins above every one that was ever taken away from this TPM. So
 * one is raised, to the end of a block of 256, and taken away. */
static enum status raise_counters(struct tpm *tpm, bool to_end, uint64_t *ret_value)
{
	enum status status = tpm_nv_define(tpm, &tpm_nv_boots);
	uint64_t value = 0;

	if (status == STATUS_OK)
		status = tpm_nv_increment(tpm, &tpm_nv_boots);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(tpm, &tpm_nv_boots, &value);
	for (; status == STATUS_OK && to_end && (value & 255) != 255; value++)
		status = tpm_nv_increment(tpm, &tpm_nv_boots);
	*ret_value = value;
	return status == STATUS_OK ? tpm_nv_undefine(tpm, &tpm_nv_boots) : status;
}

/* make_floors: right behind what was taken away, each. A TPM that counts from those still there,
 * too, begins the second one higher. */
static enum status make_floors(struct unsealer *u, uint64_t behind, uint64_t *ret_site,
                               uint64_t *ret_release)
{
	enum status status = first_step(u, true, ret_site);

	if (status == STATUS_OK)
		status = first_step(u, false, ret_release);
	if (status == STATUS_OK && (*ret_site - behind - 1 > 1 || *ret_release - behind - 1 > 1)) {
		u->tpm->what = "making the floors: this TPM's counters begin elsewhere";
		u->tpm->rc = 0;
		status = STATUS_REFUSED;
	}
	return status;
}

/* try_counters: whether this TPM counts as it should is known after a few writes, before the many
 * that align_floors makes. */
static enum status try_counters(struct unsealer *u)
{
	const struct tpm_nv floors[] = {unsealer_floor(true, &u->sealed.scope),
	                                unsealer_floor(false, &u->sealed.scope)};
	uint64_t behind = 0, site = 0, release = 0;
	enum status status = raise_counters(u->tpm, false, &behind);

	if (status == STATUS_OK)
		status = make_floors(u, behind, &site, &release);
	for (size_t i = 0; status == STATUS_OK && i < 2; i++)
		status = tpm_nv_undefine(u->tpm, &floors[i]);
	return status;
}

/* align_floors: the floors begin with 0 in their last byte, and the bytes before say for ever that
 * it is these very indices. */
static enum status align_floors(struct unsealer *u, uint64_t *ret_site, uint64_t *ret_release)
{
	uint64_t behind = 0;
	enum status status = raise_counters(u->tpm, true, &behind);

	return status == STATUS_OK ? make_floors(u, behind, ret_site, ret_release) : status;
}

static enum status make_indices(struct unsealer *u)
{
	uint64_t site = 0, release = 0;
	enum status status = try_counters(u);

	if (status == STATUS_OK)
		status = align_floors(u, &site, &release);
	if (status == STATUS_OK)
		status = tpm_nv_define(u->tpm, &tpm_nv_boots);
	if (status == STATUS_OK)
		status = tpm_nv_increment(u->tpm, &tpm_nv_boots);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(u->tpm, &tpm_nv_boots, &u->sealed.first_counter);
	if (status == STATUS_OK)
		status = tpm_nv_define(u->tpm, &tpm_nv_checkpoint);
	if (status != STATUS_OK)
		return status;
	base_of(site, u->sealed.site_base);
	base_of(release, u->sealed.release_base);
	return STATUS_OK;
}

/* is_wanted: it is the share that the manifest commits to, not somebody else's. */
static bool is_wanted(const struct approval_manifest *manifest, const uint8_t share[TPM_SHARE_LEN])
{
	uint8_t commitment[32];

	approval_share_commitment(share, commitment);
	return secret_equal(commitment, manifest->share, sizeof(commitment));
}

/* take_recovered waits for the share of the machine that was lost: its recovery key's holder seals
 * it to a key that is made here, now. Asked again after one that does not open, or is another one:
 * nothing was made in the TPM yet. */
static bool take_recovered(struct unsealer *u, const uint8_t hash[32])
{
	const struct approval_manifest *manifest = &u->sealed.manifest;
	struct call_unseal_asks asks = {.what = CALL_UNSEAL_SHARE};
	struct call_unseal_gives gives;
	struct keys_hpke_key key;
	uint8_t space[80];
	struct buffer info = BUFFER_OF_ARRAY(space);
	bool taken = false;

	keys_hpke_random(&key);
	memcpy(asks.value, key.public, sizeof(asks.value));
	memcpy(asks.genesis, hash, sizeof(asks.genesis));
	memcpy(asks.share, manifest->share, sizeof(asks.share));
	CHECK(buffer_put(&info, bytes_of_text("claviger/recover/v1")) == STATUS_OK &&
	      buffer_put(&info, bytes_of(hash, 32)) == STATUS_OK);
	for (; !taken && u->ask != NULL && u->ask(u->context, &asks, &gives); asks.refused++) {
		struct buffer share = {u->facts->node_share, TPM_SHARE_LEN, 0};

		taken =
		    gives.what == CALL_UNSEAL_SHARE &&
		    keys_hpke_open(&key, buffer_bytes(&info), bytes_of(NULL, 0),
		                   bytes_of(gives.given, gives.len), &share, NULL) == STATUS_OK &&
		    share.len == TPM_SHARE_LEN;
		asks.is_other_share = taken && !is_wanted(manifest, u->facts->node_share);
		taken = taken && asks.is_other_share == 0;
	}
	SECRET_WIPE(key);
	return taken || unsealer_fail(u, CALL_START_OTHER, 0, "waiting for the recovered share");
}

/* seal_half seals to this TPM under its root's policy. */
static enum status seal_half(struct unsealer *u, enum approval_half half,
                             const uint8_t secret[TPM_SHARE_LEN])
{
	struct approval_object *kept = &u->sealed.halves[half];
	struct tpm_object object;
	uint8_t policy[32];
	enum status status;

	approval_seal_policy(&u->sealed, half, policy);
	status = tpm_seal(u->tpm, policy, secret, &object);
	if (status != STATUS_OK)
		return status;
	kept->public_len = (uint16_t)object.public_len;
	kept->private_len = (uint16_t)object.private_len;
	memcpy(kept->public_area, object.public_area, object.public_len);
	memcpy(kept->private_area, object.private_area, object.private_len);
	return STATUS_OK;
}

/* seal_share makes a share (or takes the one that was given) and seals its halves: random bytes,
 * and what joins with them to the share. */
static enum status seal_share(struct unsealer *u)
{
	bool is_given = u->sealed.manifest.is_recovery;
	uint8_t half[TPM_SHARE_LEN];
	enum status status = is_given ? STATUS_OK : random_secret(u->tpm, u->facts->node_share);

	if (status == STATUS_OK)
		status = random_secret(u->tpm, half);
	if (status == STATUS_OK)
		status = seal_half(u, APPROVAL_RELEASE_HALF, half);
	if (status == STATUS_OK) {
		unsealer_join(half, u->facts->node_share);
		status = seal_half(u, APPROVAL_SITE_HALF, half);
	}
	SECRET_WIPE(half);
	return status;
}

static enum status write_sealed(struct unsealer *u, bool is_over)
{
	uint8_t raw[DISK_SHARE_LEN] = {0};
	struct buffer file = {raw, sizeof(raw) - 1, 0};
	enum status status = approval_sealed_put(&u->sealed, &file);

	raw[sizeof(raw) - 1] = is_over ? 0 : DISK_SHARE_BEGUN;
	return status == STATUS_OK ? disk_file_write(&u->files.sealed, BYTES_OF_ARRAY(raw))
	                           : status;
}

bool unsealer_genesis(struct unsealer *u)
{
	struct tpm_name name;
	uint8_t auths[64];
	enum status status;
	bool is_over = false;

	/* People are waited for before the TPM is touched. */
	if (!take_manifest(u) || !check_fresh(u, &is_over))
		return false;
	if (is_over) {
		u->facts->mode = CALL_START_UNSEAL;
		return true;
	}
	if (u->sealed.manifest.is_recovery && !take_recovered(u, u->sealed.scope.genesis))
		return false;
	/* A disk that takes no writes is known before the TPM got some. */
	if (disk_file_write(&u->files.escrow, bytes_of(NULL, 0)) != STATUS_OK ||
	    disk_file_write(&u->files.sealed, bytes_of(NULL, 0)) != STATUS_OK)
		return unsealer_fail(u, CALL_START_OTHER, 0, "writing to the data disk");
	status = tpm_primary_open(u->tpm, true, NULL, &name);
	if (status == STATUS_OK && name.len != sizeof(u->sealed.primary))
		status = STATUS_MALFORMED;
	if (status == STATUS_OK) {
		memcpy(u->sealed.primary, name.bytes, sizeof(u->sealed.primary));
		status = make_indices(u);
	}
	if (status == STATUS_OK)
		status = random_secret(u->tpm, auths);
	if (status == STATUS_OK)
		status = random_secret(u->tpm, auths + 32);
	if (status == STATUS_OK)
		status = seal_share(u);
	/* Nothing is set on the TPM whose opener is not on the disk already. */
	if (status == STATUS_OK)
		status = put_escrow(u, auths);
	if (status == STATUS_OK)
		status = write_sealed(u, false);
	/* Last: what is owned is whole, and what is not may be begun anew. */
	if (status == STATUS_OK)
		status = tpm_take_over(u->tpm, auths, auths + 32);
	if (status == STATUS_OK)
		status = write_sealed(u, true);
	SECRET_WIPE(auths);
	SECRET_WIPE(u->facts->node_share); /* what is used is what the TPM gives back */
	return status == STATUS_OK || unsealer_fail_tpm(u, status, CALL_START_OTHER);
}
