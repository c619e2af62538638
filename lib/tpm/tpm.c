/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <tss2/tss2_esys.h>
#include <unistd.h>

#include "base_check.h"
#include "base_sha256.h"
#include "tpm_esys.h"
#include "tpm_tcti.h"

/* base_code drops the layer and the parameter, handle or session number of format-one codes. */
static TSS2_RC base_code(TSS2_RC rc)
{
	if ((rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER)
		return 0;
	return (rc & TPM2_RC_FMT1) != 0 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

bool tpm_is_lockout(const struct tpm *tpm)
{
	return tpm->rc == TPM2_RC_LOCKOUT;
}

bool tpm_is_full(const struct tpm *tpm)
{
	switch (tpm->rc) {
	case TPM2_RC_NV_SPACE:
	case TPM2_RC_MEMORY:
	case TPM2_RC_OBJECT_MEMORY:
	case TPM2_RC_OBJECT_HANDLES:
	case TPM2_RC_SESSION_MEMORY:
	case TPM2_RC_SESSION_HANDLES:
		return true;
	default:
		return false;
	}
}

bool tpm_is_content(const struct tpm *tpm)
{
	bool is_parameter = (tpm->rc & (TPM2_RC_FMT1 | TPM2_RC_P)) == (TPM2_RC_FMT1 | TPM2_RC_P);
	TSS2_RC code = base_code(tpm->rc);

	return code == TPM2_RC_SIGNATURE || (code != 0 && is_parameter);
}

bool tpm_is_policy(const struct tpm *tpm)
{
	TSS2_RC code = base_code(tpm->rc);

	return code == TPM2_RC_POLICY_FAIL || code == TPM2_RC_VALUE || tpm->rc == TPM2_RC_POLICY ||
	       tpm->rc == TPM2_RC_PCR_CHANGED;
}

enum status tpm_status(struct tpm *tpm, TSS2_RC rc, const char *what)
{
	TSS2_RC code = base_code(rc);

	if (rc == TSS2_RC_SUCCESS)
		return STATUS_OK;
	tpm->rc = rc;
	tpm->what = what;
	if (code == 0)
		return STATUS_IO;
	if (rc == TPM2_RC_NV_DEFINED)
		return STATUS_CONFLICT;
	if (code == TPM2_RC_HANDLE || rc == TPM2_RC_NV_UNINITIALIZED)
		return STATUS_NOT_FOUND;
	if (rc == TPM2_RC_RETRY || rc == TPM2_RC_YIELDED || rc == TPM2_RC_TESTING ||
	    rc == TPM2_RC_NV_RATE)
		return STATUS_BUSY;
	return STATUS_REFUSED;
}

/* ---- connecting ---- */

static int connect_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

enum status tpm_open(const char *where, struct tpm *ret_tpm)
{
	static const char device[] = "device:", swtpm[] = "swtpm:path=";
	ESYS_CONTEXT *esys = NULL;
	enum status status;
	int fd;

	*ret_tpm = (struct tpm){.primary = ESYS_TR_NONE,
	                        .session = ESYS_TR_NONE,
	                        .audit = ESYS_TR_NONE,
	                        .policy = ESYS_TR_NONE,
	                        .ak = ESYS_TR_NONE,
	                        .what = "connecting to the TPM"};
	if (strncmp(where, device, sizeof(device) - 1) == 0)
		fd = open(where + sizeof(device) - 1, O_RDWR | O_CLOEXEC | O_NOCTTY);
	else if (strncmp(where, swtpm, sizeof(swtpm) - 1) == 0)
		fd = connect_socket(where + sizeof(swtpm) - 1);
	else
		return STATUS_MALFORMED;
	if (fd < 0)
		return STATUS_IO;
	ret_tpm->tcti = tpm_tcti_open(fd);
	if (ret_tpm->tcti == NULL)
		return STATUS_IO;
	status = tpm_status(ret_tpm, Esys_Initialize(&esys, ret_tpm->tcti, NULL), "initializing");
	ret_tpm->esys = esys;
	if (status != STATUS_OK)
		tpm_close(ret_tpm);
	return status;
}

uint32_t tpm_authorizer(const struct tpm *tpm)
{
	return tpm->session != ESYS_TR_NONE ? tpm->session : ESYS_TR_PASSWORD;
}

void tpm_flush(struct tpm *tpm, uint32_t *handle)
{
	ESYS_TR object = *handle;

	*handle = ESYS_TR_NONE;
	if (object != ESYS_TR_NONE)
		(void)Esys_FlushContext(tpm_context(tpm), object);
}

void tpm_close(struct tpm *tpm)
{
	ESYS_CONTEXT *esys = tpm->esys;

	if (esys != NULL) {
		ESYS_TR primary = tpm->primary;

		tpm_flush(tpm, &tpm->policy);
		tpm_flush(tpm, &tpm->audit);
		tpm_flush(tpm, &tpm->session);
		tpm_flush(tpm, &tpm->ak);
		if (primary != ESYS_TR_NONE)
			(void)Esys_TR_Close(esys, &primary);
		Esys_Finalize(&esys);
	}
	tpm_tcti_close(tpm->tcti);
	tpm->esys = tpm->tcti = NULL;
	tpm->primary = ESYS_TR_NONE;
}

int tpm_descriptor(const struct tpm *tpm)
{
	return tpm_tcti_descriptor(tpm->tcti);
}

enum status tpm_startup(struct tpm *tpm)
{
	TSS2_RC rc = Esys_Startup(tpm_context(tpm), TPM2_SU_CLEAR);

	return rc == TPM2_RC_INITIALIZE ? STATUS_OK : tpm_status(tpm, rc, "TPM2_Startup");
}

enum status tpm_shutdown(struct tpm *tpm)
{
	return tpm_status(tpm,
	                  Esys_Shutdown(tpm_context(tpm), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
	                                TPM2_SU_CLEAR),
	                  "TPM2_Shutdown");
}

/* ---- facts ---- */

static enum status take_property(struct tpm *tpm, TPM2_PT property, uint32_t *ret_value)
{
	TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;
	enum status status =
	    tpm_status(tpm,
	               Esys_GetCapability(tpm_context(tpm), tpm->audit, ESYS_TR_NONE, ESYS_TR_NONE,
	                                  TPM2_CAP_TPM_PROPERTIES, property, 1, &more, &data),
	               "reading a property");

	if (status != STATUS_OK)
		return status;
	if (data->capability == TPM2_CAP_TPM_PROPERTIES && data->data.tpmProperties.count == 1 &&
	    data->data.tpmProperties.tpmProperty[0].property == property)
		*ret_value = data->data.tpmProperties.tpmProperty[0].value;
	else
		status = STATUS_MALFORMED;
	Esys_Free(data);
	return status;
}

enum status tpm_info(struct tpm *tpm, struct tpm_info *ret_info)
{
	struct tpm_info info = {0};
	TPMS_TIME_INFO *time = NULL;
	uint32_t maker = 0, vendor = 0;
	enum status status = take_property(tpm, TPM2_PT_MANUFACTURER, &maker);

	if (status == STATUS_OK)
		status = take_property(tpm, TPM2_PT_VENDOR_STRING_1, &vendor);
	if (status == STATUS_OK)
		status = take_property(tpm, TPM2_PT_FIRMWARE_VERSION_1, &info.firmware_high);
	if (status == STATUS_OK)
		status = take_property(tpm, TPM2_PT_FIRMWARE_VERSION_2, &info.firmware_low);
	if (status == STATUS_OK)
		status = tpm_status(
		    tpm,
		    Esys_ReadClock(tpm_context(tpm), tpm->audit, ESYS_TR_NONE, ESYS_TR_NONE, &time),
		    "reading the clock");
	if (status != STATUS_OK)
		return status;
	for (int i = 0; i < 4; i++)
		info.manufacturer[i] = (uint8_t)(maker >> (24 - 8 * i));
	/* libtpms calls itself "IBM" and "SW". Only a hint: evidence proves hardware by
	 * certificates. */
	info.is_software = (vendor >> 16) == 0x5357;
	info.clock_ms = time->clockInfo.clock;
	info.reset_count = time->clockInfo.resetCount;
	info.restart_count = time->clockInfo.restartCount;
	info.clock_safe = time->clockInfo.safe == TPM2_YES;
	Esys_Free(time);
	*ret_info = info;
	return STATUS_OK;
}

enum status tpm_random(struct tpm *tpm, uint8_t *ret_bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		TPM2B_DIGEST *digest = NULL;
		size_t want = len - done < 32 ? len - done : 32;
		enum status status =
		    tpm_status(tpm,
		               Esys_GetRandom(tpm_context(tpm), tpm->session, ESYS_TR_NONE,
		                              ESYS_TR_NONE, (uint16_t)want, &digest),
		               "drawing random bytes");

		if (status != STATUS_OK)
			return status;
		if (digest->size == 0 || digest->size > want) {
			Esys_Free(digest);
			return STATUS_MALFORMED;
		}
		memcpy(ret_bytes + done, digest->buffer, digest->size);
		done += digest->size;
		explicit_bzero(digest, sizeof(*digest));
		Esys_Free(digest);
	}
	return STATUS_OK;
}

/* ---- PCRs ---- */

void tpm_selection(uint32_t mask, TPML_PCR_SELECTION *ret_selection)
{
	*ret_selection = (TPML_PCR_SELECTION){.count = 1};
	ret_selection->pcrSelections[0] = (TPMS_PCR_SELECTION){
	    .hash = TPM2_ALG_SHA256,
	    .sizeofSelect = 3,
	    .pcrSelect = {(uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16)}
        };
}

enum status tpm_pcr_extend(struct tpm *tpm, uint32_t pcr, const uint8_t digest[32])
{
	TPML_DIGEST_VALUES values = {.count = 1, .digests[0].hashAlg = TPM2_ALG_SHA256};

	CHECK(pcr < TPM_PCR_COUNT);
	memcpy(values.digests[0].digest.sha256, digest, 32);
	return tpm_status(tpm,
	                  Esys_PCR_Extend(tpm_context(tpm), ESYS_TR_PCR0 + pcr, tpm_authorizer(tpm),
	                                  ESYS_TR_NONE, ESYS_TR_NONE, &values),
	                  "extending a PCR");
}

enum status tpm_pcr_cap(struct tpm *tpm)
{
	uint8_t digest[32];

	sha256_of(bytes_of_text("claviger/cap/v1"), digest);
	return tpm_pcr_extend(tpm, TPM_PCR_CAP, digest);
}

/* read_some reads as many PCRs of a mask as one answer holds (8 by the specification). */
static enum status read_some(struct tpm *tpm, uint32_t mask,
                             uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN], uint32_t *ret_read)
{
	TPML_PCR_SELECTION in, *out = NULL;
	TPML_DIGEST *digests = NULL;
	uint32_t counter, got = 0, next = 0;
	enum status status;

	tpm_selection(mask, &in);
	status = tpm_status(tpm,
	                    Esys_PCR_Read(tpm_context(tpm), tpm->audit, ESYS_TR_NONE, ESYS_TR_NONE,
	                                  &in, &counter, &out, &digests),
	                    "reading PCRs");
	if (status != STATUS_OK)
		return status;
	if (out->count == 1 && out->pcrSelections[0].hash == TPM2_ALG_SHA256 &&
	    out->pcrSelections[0].sizeofSelect == 3)
		got = out->pcrSelections[0].pcrSelect[0] |
		      (uint32_t)out->pcrSelections[0].pcrSelect[1] << 8 |
		      (uint32_t)out->pcrSelections[0].pcrSelect[2] << 16;
	if (got == 0 || (got & ~mask) != 0 || digests->count != (uint32_t)__builtin_popcount(got)) {
		tpm->what = got == 0 ? "reading PCRs: the TPM keeps none in SHA-256"
		                     : "reading PCRs: others than were asked for";
		tpm->rc = 0;
		status = STATUS_MALFORMED;
	}
	for (uint32_t pcr = 0; status == STATUS_OK && pcr < TPM_PCR_COUNT; pcr++) {
		if ((got >> pcr & 1) == 0)
			continue;
		if (digests->digests[next].size != TPM_PCR_LEN)
			status = STATUS_MALFORMED;
		else
			memcpy(values[pcr], digests->digests[next++].buffer, TPM_PCR_LEN);
	}
	Esys_Free(out);
	Esys_Free(digests);
	if (status == STATUS_OK)
		*ret_read = got;
	return status;
}

enum status tpm_pcr_read(struct tpm *tpm, uint32_t mask,
                         uint8_t ret_values[TPM_PCR_COUNT][TPM_PCR_LEN])
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN] = {{0}};

	while (mask != 0) {
		uint32_t got;
		enum status status = read_some(tpm, mask, values, &got);

		if (status != STATUS_OK)
			return status;
		mask &= ~got;
	}
	memcpy(ret_values, values, sizeof(values));
	return STATUS_OK;
}
