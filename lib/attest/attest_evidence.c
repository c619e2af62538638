/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_evidence.h"

#include "base_check.h"
#include "base_sha256.h"
#include "cbor_writer.h"

#define EVIDENCE_VERSION 1
#define PART_MAX         4096 /* bytes of any one structure but the log */

static void hash_label(const char *label, struct bytes first, struct bytes second,
                       uint8_t ret_hash[32])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes_of_text(label));
	sha256_add(&hash, first);
	sha256_add(&hash, second);
	sha256_done(&hash, ret_hash);
}

void attest_quote_extra(const uint8_t root[32], struct bytes node, uint8_t ret_extra[32])
{
	uint8_t hash[32];

	sha256_of(node, hash);
	hash_label("claviger/quote/v1", bytes_of(root, 32), BYTES_OF_ARRAY(hash), ret_extra);
}

void attest_nv_extra(const uint8_t deployment[32], uint8_t ret_extra[32])
{
	hash_label("claviger/nv/v1", bytes_of(deployment, 32), bytes_of(NULL, 0), ret_extra);
}

/* ---- proofs and beacons ---- */

static void put_proof(struct cbor_writer *w, const struct attest_proof *proof)
{
	cbor_put_map(w, 4);
	cbor_put_key(w, 1);
	cbor_put_bytes_n(w, proof->nonce, sizeof(proof->nonce));
	cbor_put_key(w, 2);
	cbor_put_uint(w, proof->index);
	cbor_put_key(w, 3);
	cbor_put_uint(w, proof->count);
	cbor_put_key(w, 4);
	cbor_put_bytes_n(w, proof->path, 32 * proof->steps);
	cbor_put_end(w);
}

static void take_proof(struct cbor_reader *r, struct attest_proof *ret_proof)
{
	struct bytes path;

	cbor_take_map(r, 4);
	cbor_take_key(r, 1);
	cbor_take_bytes_n(r, ret_proof->nonce, sizeof(ret_proof->nonce));
	cbor_take_key(r, 2);
	ret_proof->index = (uint32_t)cbor_take_uint(r, ATTEST_LEAVES_MAX - 1);
	cbor_take_key(r, 3);
	ret_proof->count = (uint32_t)cbor_take_uint(r, ATTEST_LEAVES_MAX);
	cbor_take_key(r, 4);
	path = cbor_take_bytes(r, sizeof(ret_proof->path));
	if (path.len % 32 != 0)
		cbor_fail(r, STATUS_MALFORMED);
	ret_proof->steps = path.len / 32;
	if (path.len != 0)
		memcpy(ret_proof->path, path.data, path.len);
	cbor_take_end(r);
}

enum status attest_proof_put(const struct attest_proof *proof, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	put_proof(&w, proof);
	return cbor_finish(&w);
}

enum status attest_proof_take(struct bytes bytes, struct attest_proof *ret_proof)
{
	struct attest_proof taken = {.steps = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	take_proof(&r, &taken);
	if (cbor_done(&r) == STATUS_OK)
		*ret_proof = taken;
	return cbor_done(&r);
}

static void put_beacon(struct cbor_writer *w, struct bytes source, struct bytes value)
{
	cbor_put_map(w, 2);
	cbor_put_key(w, 1);
	cbor_put_text(w, source);
	cbor_put_key(w, 2);
	cbor_put_text(w, value);
	cbor_put_end(w);
}

static void take_beacon(struct cbor_reader *r, struct bytes *ret_source, struct bytes *ret_value)
{
	cbor_take_map(r, 2);
	cbor_take_key(r, 1);
	*ret_source = cbor_take_text(r, ATTEST_BEACON_MAX);
	cbor_take_key(r, 2);
	*ret_value = cbor_take_text(r, ATTEST_BEACON_MAX);
	if (ret_source->len == 0 || ret_value->len == 0)
		cbor_fail(r, STATUS_MALFORMED);
	cbor_take_end(r);
}

enum status attest_beacon_nonce(struct bytes source, struct bytes value,
                                uint8_t ret_nonce[ATTEST_NONCE_LEN])
{
	uint8_t space[2 * ATTEST_BEACON_MAX + 16];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct bytes again, more;
	struct cbor_writer w;
	struct cbor_reader r;

	if (source.len > ATTEST_BEACON_MAX || value.len > ATTEST_BEACON_MAX)
		return STATUS_TOO_LARGE;
	cbor_writer_init(&w, &out);
	put_beacon(&w, source, value);
	CHECK(cbor_finish(&w) == STATUS_OK);
	/* The reader knows what UTF-8 is. */
	cbor_reader_init(&r, buffer_bytes(&out));
	take_beacon(&r, &again, &more);
	if (cbor_done(&r) != STATUS_OK)
		return STATUS_MALFORMED;
	hash_label("claviger/beacon/v1", buffer_bytes(&out), bytes_of(NULL, 0), ret_nonce);
	return STATUS_OK;
}

/* ---- the whole ---- */

static void put_part(struct cbor_writer *w, uint64_t key, struct bytes part)
{
	cbor_put_key(w, key);
	cbor_put_bytes(w, part);
}

enum status attest_evidence_put(const struct attest_evidence *evidence, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 10 + (size_t)evidence->has_proof + (size_t)evidence->has_beacon);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, EVIDENCE_VERSION);
	put_part(&w, 2, evidence->node);
	put_part(&w, 3, evidence->ak);
	put_part(&w, 4, evidence->statement);
	put_part(&w, 5, evidence->signature);
	put_part(&w, 6, evidence->pcrs);
	cbor_put_key(&w, 7);
	cbor_put_array(&w, evidence->certificate_count);
	for (size_t i = 0; i < evidence->certificate_count; i++)
		cbor_put_bytes(&w, evidence->certificates[i]);
	cbor_put_end(&w);
	put_part(&w, 8, evidence->ek);
	cbor_put_key(&w, 9);
	cbor_put_array(&w, evidence->nv_count);
	for (size_t i = 0; i < evidence->nv_count; i++) {
		cbor_put_map(&w, 3);
		put_part(&w, 1, evidence->nv[i].public_area);
		put_part(&w, 2, evidence->nv[i].statement);
		put_part(&w, 3, evidence->nv[i].signature);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	put_part(&w, 10, evidence->log);
	if (evidence->has_proof) {
		cbor_put_key(&w, 11);
		put_proof(&w, &evidence->proof);
	}
	if (evidence->has_beacon) {
		cbor_put_key(&w, 12);
		put_beacon(&w, evidence->beacon_source, evidence->beacon_value);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static struct bytes take_part(struct cbor_reader *r, uint64_t key, size_t max)
{
	cbor_take_key(r, key);
	return cbor_take_bytes(r, max);
}

static void take_nv(struct cbor_reader *r, struct attest_evidence *taken)
{
	cbor_take_key(r, 9);
	taken->nv_count = cbor_take_array(r, ATTEST_NV_MAX);
	for (size_t i = 0; i < taken->nv_count; i++) {
		cbor_take_map(r, 3);
		taken->nv[i].public_area = take_part(r, 1, PART_MAX);
		taken->nv[i].statement = take_part(r, 2, PART_MAX);
		taken->nv[i].signature = take_part(r, 3, PART_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

enum status attest_evidence_take(struct bytes bytes, struct attest_evidence *ret_evidence)
{
	struct attest_evidence taken = {.has_proof = false};
	struct cbor_reader r;

	if (bytes.len > LIMIT_EVIDENCE_MAX)
		return STATUS_TOO_LARGE;
	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 12);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != EVIDENCE_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	taken.node = take_part(&r, 2, PART_MAX);
	taken.ak = take_part(&r, 3, PART_MAX);
	taken.statement = take_part(&r, 4, PART_MAX);
	taken.signature = take_part(&r, 5, PART_MAX);
	taken.pcrs = take_part(&r, 6, 32 * ATTEST_QUOTED_COUNT);
	if (taken.pcrs.len != 32 * ATTEST_QUOTED_COUNT)
		cbor_fail(&r, STATUS_MALFORMED);
	cbor_take_key(&r, 7);
	taken.certificate_count = cbor_take_array(&r, ATTEST_CERTIFICATES_MAX);
	for (size_t i = 0; i < taken.certificate_count; i++)
		taken.certificates[i] = cbor_take_bytes(&r, PART_MAX);
	cbor_take_end(&r);
	taken.ek = take_part(&r, 8, PART_MAX);
	take_nv(&r, &taken);
	taken.log = take_part(&r, 10, LIMIT_EVENT_LOG_MAX);
	taken.has_proof = cbor_take_key_if(&r, 11);
	if (taken.has_proof)
		take_proof(&r, &taken.proof);
	taken.has_beacon = cbor_take_key_if(&r, 12);
	if (taken.has_beacon)
		take_beacon(&r, &taken.beacon_source, &taken.beacon_value);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_evidence = taken;
	return cbor_done(&r);
}
