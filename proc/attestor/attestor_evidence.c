/* SPDX-License-Identifier: Apache-2.0 */
#include "attestor_evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "log_line.h"

#define PCR_COMMIT 13

/* Boot counter, release floor, site floor (spec/sealing.md). */
static const uint32_t indices[ATTESTOR_NV_COUNT] = {0x01434c02, 0x01434c03, 0x01434c04};

enum status attestor_evidence_read_log(struct attestor_evidence *evidence, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum status status = STATUS_OK;

	evidence->log = BUFFER_OF_ARRAY(evidence->log_bytes);
	if (fd < 0)
		return errno == ENOENT ? STATUS_OK : STATUS_IO;
	for (;;) {
		struct buffer *log = &evidence->log;
		uint8_t more;
		ssize_t got = log->len < log->cap
		                  ? read(fd, log->data + log->len, log->cap - log->len)
		                  : read(fd, &more, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			status = STATUS_IO;
		else if (got > 0 && log->len == log->cap)
			status = STATUS_TOO_LARGE;
		if (got <= 0 || status != STATUS_OK)
			break;
		log->len += (size_t)got;
	}
	close(fd);
	if (status != STATUS_OK)
		evidence->log.len = 0;
	return status;
}

/* read_endorsement: what the maker left in the TPM. A certificate or key that we cannot read is as
 * none: the machine serves, and evidence says that no maker stands behind it. */
static enum status read_endorsement(struct attestor_evidence *evidence)
{
	struct tpm *tpm = evidence->tpm;
	enum status status = tpm_ek_certificate(tpm, &evidence->kind, &evidence->certificate);

	if (status == STATUS_OK && evidence->kind != TPM_EK_NONE)
		status = tpm_ek_chain(tpm, &evidence->chain);
	if (status == STATUS_OK && evidence->kind != TPM_EK_NONE)
		status = tpm_ek_public(tpm, evidence->kind, &evidence->ek);
	if (status == STATUS_OK || status == STATUS_IO)
		return status;
	log_event(LOG_WARN, "evidence.no_endorsement");
	evidence->kind = TPM_EK_NONE;
	evidence->certificate.len = evidence->chain.len = evidence->ek.len = 0;
	return STATUS_OK;
}

enum status attestor_evidence_start(struct attestor_evidence *evidence, struct tpm *tpm)
{
	enum status status;

	evidence->tpm = tpm;
	evidence->ak = BUFFER_OF_ARRAY(evidence->ak_bytes);
	evidence->ek = BUFFER_OF_ARRAY(evidence->ek_bytes);
	evidence->certificate = BUFFER_OF_ARRAY(evidence->certificate_bytes);
	evidence->chain = BUFFER_OF_ARRAY(evidence->chain_bytes);
	evidence->node = BUFFER_OF_ARRAY(evidence->node_bytes);
	status = tpm_ak_public(tpm, &evidence->ak);
	return status == STATUS_OK ? read_endorsement(evidence) : status;
}

/* commit extends PCR 13 once a boot: it stands at zero since the TPM's reset, or another signer
 * spoke here before. */
static enum status commit(struct attestor_evidence *evidence, const uint8_t digest[32])
{
	static const uint8_t zero[TPM_PCR_LEN];
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	enum status status;

	if (evidence->committed)
		return memcmp(evidence->commit, digest, 32) == 0 ? STATUS_OK : STATUS_REFUSED;
	status = tpm_pcr_read(evidence->tpm, UINT32_C(1) << PCR_COMMIT, values);
	if (status == STATUS_OK && memcmp(values[PCR_COMMIT], zero, sizeof(zero)) != 0)
		status = STATUS_REFUSED;
	if (status == STATUS_OK)
		status = tpm_pcr_extend(evidence->tpm, PCR_COMMIT, digest);
	if (status == STATUS_OK) {
		memcpy(evidence->commit, digest, 32);
		evidence->committed = true;
	}
	return status;
}

enum status attestor_certify(struct attestor_evidence *evidence)
{
	uint8_t extra[32];

	attest_nv_extra(evidence->deployment, extra);
	for (size_t i = 0; i < ATTESTOR_NV_COUNT; i++) {
		struct attestor_nv *nv = &evidence->nv[i];
		uint8_t area_bytes[sizeof(nv->area_bytes)], statement_bytes[TPM_ATTEST_MAX],
		    signature_bytes[TPM_SIGNATURE_MAX];
		struct buffer area = BUFFER_OF_ARRAY(area_bytes);
		struct buffer statement = BUFFER_OF_ARRAY(statement_bytes);
		struct buffer signature = BUFFER_OF_ARRAY(signature_bytes);
		enum status status =
		    tpm_nv_certify(evidence->tpm, indices[i], extra, &area, &statement, &signature);

		if (status == STATUS_NOT_FOUND)
			area.len = statement.len = signature.len = 0;
		else if (status != STATUS_OK)
			return status; /* what was certified before stays */
		nv->area = BUFFER_OF_ARRAY(nv->area_bytes);
		nv->statement = BUFFER_OF_ARRAY(nv->statement_bytes);
		nv->signature = BUFFER_OF_ARRAY(nv->signature_bytes);
		CHECK(buffer_put(&nv->area, buffer_bytes(&area)) == STATUS_OK &&
		      buffer_put(&nv->statement, buffer_bytes(&statement)) == STATUS_OK &&
		      buffer_put(&nv->signature, buffer_bytes(&signature)) == STATUS_OK);
	}
	return STATUS_OK;
}

enum status attestor_evidence_node(struct attestor_evidence *evidence,
                                   const struct call_attest_node *node, struct bytes statement)
{
	enum status status = commit(evidence, node->commit);

	if (status != STATUS_OK)
		return status;
	if (evidence->node.len == 0) {
		memcpy(evidence->deployment, node->deployment, 32);
		status = attestor_certify(evidence);
	}
	if (status != STATUS_OK)
		return status;
	evidence->node.len = 0;
	return buffer_put(&evidence->node, statement);
}

/* put_pcrs appends the values that a quote is over; they are read beside it. */
static enum status put_pcrs(struct tpm *tpm, struct buffer *out)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	enum status status = tpm_pcr_read(tpm, ATTEST_QUOTED_MASK, values);

	for (uint32_t pcr = 0; status == STATUS_OK && pcr < TPM_PCR_COUNT; pcr++)
		if ((ATTEST_QUOTED_MASK >> pcr & 1) != 0)
			status = buffer_put(out, BYTES_OF_ARRAY(values[pcr]));
	return status;
}

/* add_chain: certificates one behind the other, as long as they look like some; what fills an index
 * up behind them does not. */
static void add_chain(const struct attestor_evidence *evidence, struct attest_evidence *made)
{
	struct bytes rest = buffer_bytes(&evidence->chain);

	while (rest.len > 4 && rest.data[0] == 0x30 && rest.data[1] == 0x82 &&
	       made->certificate_count < ATTEST_CERTIFICATES_MAX) {
		size_t whole = 4 + (size_t)(rest.data[2] << 8 | rest.data[3]);

		if (whole > rest.len || whole > TPM_CERTIFICATE_MAX)
			return;
		made->certificates[made->certificate_count++] = bytes_of(rest.data, whole);
		rest = bytes_of(rest.data + whole, rest.len - whole);
	}
}

static void add_nv(const struct attestor_evidence *evidence, struct attest_evidence *made)
{
	for (size_t i = 0; i < ATTESTOR_NV_COUNT; i++) {
		const struct attestor_nv *nv = &evidence->nv[i];

		if (nv->statement.len != 0)
			made->nv[made->nv_count++] =
			    (struct attest_nv){.public_area = buffer_bytes(&nv->area),
			                       .statement = buffer_bytes(&nv->statement),
			                       .signature = buffer_bytes(&nv->signature)};
	}
}

enum status attestor_evidence_put(struct attestor_evidence *evidence, const uint8_t root[32],
                                  struct buffer *out)
{
	uint8_t statement_bytes[TPM_ATTEST_MAX], signature_bytes[TPM_SIGNATURE_MAX],
	    pcr_bytes[ATTEST_QUOTED_COUNT * TPM_PCR_LEN], extra[32];
	struct buffer statement = BUFFER_OF_ARRAY(statement_bytes);
	struct buffer signature = BUFFER_OF_ARRAY(signature_bytes);
	struct buffer pcrs = BUFFER_OF_ARRAY(pcr_bytes);
	struct attest_evidence made = {.node = buffer_bytes(&evidence->node),
	                               .ak = buffer_bytes(&evidence->ak),
	                               .ek = buffer_bytes(&evidence->ek),
	                               .log = buffer_bytes(&evidence->log)};
	enum status status;

	if (evidence->node.len == 0)
		return STATUS_BUSY;
	attest_quote_extra(root, made.node, extra);
	status = tpm_quote(evidence->tpm, ATTEST_QUOTED_MASK, extra, &statement, &signature);
	if (status == STATUS_OK)
		status = put_pcrs(evidence->tpm, &pcrs);
	if (status != STATUS_OK)
		return status;
	made.statement = buffer_bytes(&statement);
	made.signature = buffer_bytes(&signature);
	made.pcrs = buffer_bytes(&pcrs);
	if (evidence->certificate.len != 0)
		made.certificates[made.certificate_count++] = buffer_bytes(&evidence->certificate);
	add_chain(evidence, &made);
	add_nv(evidence, &made);
	return attest_evidence_put(&made, out);
}
