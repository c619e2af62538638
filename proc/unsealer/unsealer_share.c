/* SPDX-License-Identifier: Apache-2.0 */
#include "unsealer_share.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base_sha256.h"
#include "secret.h"

#define PCR_ALL ((1u << TPM_PCR_COUNT) - 1u)

static bool fail(struct call_start_failed *failed, uint32_t reason, uint32_t rc, const char *what)
{
	failed->reason = reason;
	failed->tpm_rc = rc;
	snprintf((char *)failed->what, sizeof(failed->what), "%s", what);
	return false;
}

/* fail_tpm: `otherwise` is the reason unless the response code names a better one. */
static bool fail_tpm(struct call_start_failed *failed, const struct tpm *tpm, enum status status,
                     uint32_t otherwise)
{
	uint32_t reason = otherwise;

	if (tpm_is_lockout(tpm))
		reason = CALL_START_LOCKOUT;
	else if (status == STATUS_IO)
		reason = CALL_START_NO_TPM;
	return fail(failed, reason, tpm->rc, tpm->what);
}

/* ---- the file ---- */

static bool read_blob(int fd, struct tpm_blob *ret_blob, struct call_start_failed *failed)
{
	uint8_t raw[TPM_BLOB_MAX + 1];
	ssize_t len = fd >= 0 ? pread(fd, raw, sizeof(raw), 0) : 0;

	if (len < 0)
		return fail(failed, CALL_START_BAD_BLOB, 0, strerror(errno));
	if (len == 0)
		return fail(failed, CALL_START_NO_BLOB, 0, "reading the sealed share");
	if (tpm_blob_take(bytes_of(raw, (size_t)len), ret_blob) != STATUS_OK)
		return fail(failed, CALL_START_BAD_BLOB, 0, "reading the sealed share");
	return true;
}

/* write_blob writes a file that is still empty: a share is never overwritten. */
static bool write_blob(int fd, const struct tpm_blob *blob, struct call_start_failed *failed)
{
	uint8_t raw[TPM_BLOB_MAX];
	struct buffer file = BUFFER_OF_ARRAY(raw);

	if (tpm_blob_put(blob, &file) != STATUS_OK)
		return fail(failed, CALL_START_OTHER, 0, "the sealed share is too large");
	if (pwrite(fd, raw, file.len, 0) != (ssize_t)file.len || fsync(fd) != 0)
		return fail(failed, CALL_START_BAD_BLOB, 0, "writing the sealed share");
	return true;
}

/* ---- genesis ---- */

/* make_share mixes the TPM's and the kernel's generator: either being good is enough. */
static enum status make_share(struct tpm *tpm, uint8_t ret_share[TPM_SHARE_LEN])
{
	uint8_t random[64];
	enum status status = tpm_random(tpm, random, 32);

	if (status == STATUS_OK && getrandom(random + 32, 32, 0) != 32)
		status = STATUS_IO;
	if (status == STATUS_OK)
		sha256_of(BYTES_OF_ARRAY(random), ret_share);
	SECRET_WIPE(random);
	return status;
}

static enum status define_indices(struct tpm *tpm)
{
	enum status status = tpm_nv_define_extend(tpm, TPM_NV_CHECKPOINT);

	if (status == STATUS_OK || status == STATUS_CONFLICT)
		status = tpm_nv_define_counter(tpm, TPM_NV_BOOT_COUNTER);
	return status == STATUS_CONFLICT ? STATUS_OK : status;
}

static bool run_genesis(struct tpm *tpm, int fd, struct call_start_facts *facts,
                        struct call_start_failed *failed)
{
	struct tpm_blob blob;
	struct tpm_name name;
	uint8_t byte;
	enum status status;

	if (fd < 0 || pread(fd, &byte, 1, 0) != 0)
		return fail(failed, CALL_START_BAD_BLOB, 0,
		            "genesis would overwrite the sealed share that is here");
	status = tpm_primary_open(tpm, true, NULL, &name);
	if (status == STATUS_OK)
		status = define_indices(tpm);
	if (status == STATUS_OK)
		status = make_share(tpm, facts->node_share);
	if (status == STATUS_OK)
		status = tpm_seal(tpm, UNSEALER_PCR_MASK, facts->node_share, &blob);
	SECRET_WIPE(facts->node_share); /* what is used is what the TPM gives back */
	if (status != STATUS_OK)
		return fail_tpm(failed, tpm, status, CALL_START_OTHER);
	return write_blob(fd, &blob, failed);
}

/* ---- unsealing ---- */

static bool is_capped(struct tpm *tpm)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], whole[64] = {0}, capped[32];

	/* Known only where nothing else extends this PCR, as on a software TPM: then say so. */
	sha256_of(bytes_of_text("claviger/cap/v1"), whole + 32);
	sha256_of(BYTES_OF_ARRAY(whole), capped);
	return tpm_pcr_read(tpm, 1u << TPM_PCR_CAP, values) == STATUS_OK &&
	       memcmp(values[TPM_PCR_CAP], capped, sizeof(capped)) == 0;
}

static bool unseal(struct tpm *tpm, const struct tpm_blob *blob, bool primary_is_open,
                   struct call_start_facts *facts, struct call_start_failed *failed)
{
	struct tpm_name name = blob->primary;
	enum status status = STATUS_OK;

	if (!primary_is_open)
		status = tpm_primary_open(tpm, false, &blob->primary, &name);
	if (status != STATUS_OK)
		return fail_tpm(failed, tpm, status, CALL_START_OTHER_TPM);
	status = tpm_unseal(tpm, blob, facts->node_share);
	if (status == STATUS_CORRUPT)
		return fail(failed, CALL_START_UNSAFE_BLOB, tpm->rc, tpm->what);
	if (status == STATUS_REFUSED && tpm_is_policy(tpm)) {
		uint32_t rc = tpm->rc;

		return fail(failed, is_capped(tpm) ? CALL_START_CAPPED : CALL_START_BAD_POLICY, rc,
		            "unsealing the share");
	}
	if (status != STATUS_OK)
		return fail_tpm(failed, tpm, status, CALL_START_OTHER_TPM);
	facts->sealed_mask = blob->pcr_mask;
	facts->primary_name_len = name.len;
	memcpy(facts->primary_name, name.bytes, name.len);
	return true;
}

/* ---- facts beside the share ---- */

static enum status take_nv(struct tpm *tpm, struct call_start_facts *facts)
{
	enum status status = tpm_nv_read(tpm, TPM_NV_CHECKPOINT, facts->nv_checkpoint, 32);

	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	facts->has_checkpoint = status == STATUS_OK;
	status = tpm_nv_increment(tpm, TPM_NV_BOOT_COUNTER);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(tpm, TPM_NV_BOOT_COUNTER, &facts->counter);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	facts->has_counter = status == STATUS_OK;
	return STATUS_OK;
}

static enum status take_facts(struct tpm *tpm, struct call_start_facts *facts)
{
	struct tpm_info info;
	struct tpm_name ak;
	enum status status = tpm_info(tpm, &info);

	if (status == STATUS_OK)
		status = tpm_pcr_read(tpm, PCR_ALL, facts->pcrs);
	if (status == STATUS_OK)
		status = tpm_ak_open(tpm, &ak);
	if (status == STATUS_OK)
		status = take_nv(tpm, facts);
	if (status != STATUS_OK)
		return status;
	facts->pcr_mask = PCR_ALL;
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

bool unsealer_take_share(struct tpm *tpm, int sealed_fd, bool genesis,
                         struct call_start_facts *facts, struct call_start_failed *ret_failed)
{
	struct tpm_blob blob;
	enum status status;
	bool taken;

	memset(facts, 0, sizeof(*facts));
	facts->mode = genesis ? CALL_START_GENESIS : CALL_START_UNSEAL;
	if (tpm->esys == NULL)
		return fail(ret_failed, CALL_START_NO_TPM, tpm->rc, "connecting to the TPM");
	status = tpm_startup(tpm);
	if (status != STATUS_OK)
		return fail_tpm(ret_failed, tpm, status, CALL_START_NO_TPM);
	if (genesis && !run_genesis(tpm, sealed_fd, facts, ret_failed))
		return false;
	taken = read_blob(sealed_fd, &blob, ret_failed) &&
	        unseal(tpm, &blob, genesis, facts, ret_failed);
	if (!taken)
		return false;
	status = take_facts(tpm, facts);
	/* The cap comes before anybody gets the share, and whatever else failed. */
	if (tpm_pcr_cap(tpm) != STATUS_OK && status == STATUS_OK)
		status = STATUS_IO;
	if (status == STATUS_OK)
		return true;
	SECRET_WIPE(*facts);
	return fail_tpm(ret_failed, tpm, status, CALL_START_OTHER);
}
