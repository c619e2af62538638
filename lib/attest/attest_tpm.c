/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_tpm.h"

#include "base_check.h"
#include "wire_reader.h"

#define HASH_ALGORITHM_MAX 64 /* bytes of any TPM2B_DIGEST or TPM2B_NAME that we take */
#define EXTRA_MAX          64 /* sizeof(TPMT_HA) less its algorithm */
#define CURVE_P256         0x0003
#define CURVE_P384         0x0004
#define RSA_EXPONENT       65537

size_t attest_digest_len(uint16_t algorithm)
{
	switch (algorithm) {
	case ATTEST_ALG_SHA1:
		return 20;
	case ATTEST_ALG_SHA256:
		return 32;
	case ATTEST_ALG_SHA384:
		return 48;
	case ATTEST_ALG_SHA512:
		return 64;
	default:
		return 0;
	}
}

static bool digest_of(uint16_t algorithm, enum keys_digest *ret_digest)
{
	switch (algorithm) {
	case ATTEST_ALG_SHA256:
		*ret_digest = KEYS_SHA256;
		return true;
	case ATTEST_ALG_SHA384:
		*ret_digest = KEYS_SHA384;
		return true;
	case ATTEST_ALG_SHA512:
		*ret_digest = KEYS_SHA512;
		return true;
	default:
		return false; /* SHA-1 signs nothing here */
	}
}

/* take_2b takes a TPM2B: a length and that many bytes. */
static struct bytes take_2b(struct wire_reader *r, size_t max)
{
	size_t len = wire_take_be16(r);

	if (len > max)
		wire_fail(r);
	return wire_take_n(r, len);
}

/* ---- selections ---- */

static void take_selection(struct wire_reader *r, struct attest_selection *ret_selection)
{
	struct attest_selection taken = {.count = wire_take_be32(r)};

	if (taken.count > ATTEST_BANKS_MAX) {
		wire_fail(r);
		taken.count = 0;
	}
	for (size_t i = 0; i < taken.count; i++) {
		struct bytes bits;

		taken.banks[i].algorithm = wire_take_be16(r);
		bits = wire_take_n(r, wire_take_u8(r));
		if (bits.len > 4 || (bits.len == 4 && bits.data[3] != 0) ||
		    attest_digest_len(taken.banks[i].algorithm) == 0)
			wire_fail(r);
		for (size_t j = 0; j < bits.len && j < 3; j++)
			taken.banks[i].mask |= (uint32_t)bits.data[j] << 8 * j;
		for (size_t j = 0; j < i; j++)
			if (taken.banks[j].algorithm == taken.banks[i].algorithm)
				wire_fail(r);
	}
	*ret_selection = r->status == STATUS_OK ? taken : (struct attest_selection){.count = 0};
}

bool attest_selection_equal(const struct attest_selection *a, const struct attest_selection *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->banks[i].algorithm != b->banks[i].algorithm ||
		    a->banks[i].mask != b->banks[i].mask)
			return false;
	return true;
}

size_t attest_pcr_count(uint32_t mask)
{
	return (size_t)__builtin_popcount(mask);
}

/* ---- statements ---- */

static void take_quote(struct wire_reader *r, struct attest_statement *taken)
{
	take_selection(r, &taken->selection);
	taken->pcr_digest = take_2b(r, HASH_ALGORITHM_MAX);
}

static void take_nv(struct wire_reader *r, struct attest_statement *taken)
{
	taken->nv_name = take_2b(r, ATTEST_NAME_LEN);
	taken->nv_offset = wire_take_be16(r);
	taken->nv_data = take_2b(r, ATTEST_NV_DATA_MAX);
}

enum attest_fault attest_statement_take(struct bytes bytes, enum attest_type type,
                                        struct attest_statement *ret_statement)
{
	struct wire_reader r = wire_read(bytes);
	struct attest_statement taken = {.type = 0};
	uint32_t magic = wire_take_be32(&r);

	if (r.status != STATUS_OK || bytes.len > ATTEST_STATEMENT_MAX)
		return ATTEST_BAD_FORM;
	if (magic != ATTEST_MAGIC)
		return ATTEST_BAD_MAGIC;
	taken.type = wire_take_be16(&r);
	if (r.status == STATUS_OK && taken.type != type)
		return ATTEST_BAD_TYPE;
	taken.signer = take_2b(&r, ATTEST_NAME_LEN + HASH_ALGORITHM_MAX);
	taken.extra = take_2b(&r, EXTRA_MAX);
	taken.clock_ms = wire_take_be64(&r);
	taken.reset_count = wire_take_be32(&r);
	taken.restart_count = wire_take_be32(&r);
	taken.clock_safe = wire_take_bool(&r);
	taken.firmware = wire_take_be64(&r);
	if (type == ATTEST_TYPE_QUOTE)
		take_quote(&r, &taken);
	else
		take_nv(&r, &taken);
	if (r.status != STATUS_OK)
		return ATTEST_BAD_FORM;
	if (r.rest.len != 0)
		return ATTEST_BAD_TAIL;
	*ret_statement = taken;
	return ATTEST_GOOD;
}

/* ---- keys ---- */

/* name_of is TPM2B_NAME without its length: algorithm, then the hash of the public area. */
static void name_of(struct bytes public_area, uint8_t ret_name[ATTEST_NAME_LEN])
{
	ret_name[0] = ATTEST_ALG_SHA256 >> 8;
	ret_name[1] = ATTEST_ALG_SHA256 & 0xff;
	keys_sha256(&public_area, 1, ret_name + 2);
}

static void take_symmetric(struct wire_reader *r, struct attest_public *taken)
{
	taken->symmetric = wire_take_be16(r);
	if (taken->symmetric == ATTEST_ALG_NULL)
		return;
	if (taken->symmetric != ATTEST_ALG_AES)
		wire_fail(r);
	taken->symmetric_bits = wire_take_be16(r);
	taken->symmetric_mode = wire_take_be16(r);
}

static void take_scheme(struct wire_reader *r, struct attest_public *taken)
{
	taken->scheme = wire_take_be16(r);
	if (taken->scheme == ATTEST_ALG_NULL)
		return;
	if (taken->scheme != ATTEST_ALG_ECDSA && taken->scheme != ATTEST_ALG_RSASSA &&
	    taken->scheme != ATTEST_ALG_RSAPSS)
		wire_fail(r);
	taken->scheme_hash = wire_take_be16(r);
}

static enum status take_ecc(struct wire_reader *r, struct attest_public *taken)
{
	struct bytes x, y;

	taken->curve = wire_take_be16(r);
	if (wire_take_be16(r) != ATTEST_ALG_NULL) /* kdf: reserved */
		wire_fail(r);
	x = take_2b(r, 48);
	y = take_2b(r, 48);
	if (wire_done(r) != STATUS_OK)
		return STATUS_MALFORMED;
	if (taken->curve != CURVE_P256 && taken->curve != CURVE_P384)
		return STATUS_UNSUPPORTED;
	return keys_public_from_ec(taken->curve == CURVE_P256 ? KEYS_P256 : KEYS_P384, x, y,
	                           &taken->key);
}

static enum status take_rsa(struct wire_reader *r, struct attest_public *taken)
{
	size_t bits = wire_take_be16(r);
	uint32_t exponent = wire_take_be32(r);
	struct bytes modulus = take_2b(r, 512);

	if (wire_done(r) != STATUS_OK || modulus.len * 8 != bits)
		return STATUS_MALFORMED;
	taken->rsa_bits = bits;
	return keys_public_from_rsa(modulus, exponent != 0 ? exponent : RSA_EXPONENT, &taken->key);
}

enum status attest_public_take(struct bytes bytes, struct attest_public *ret_public)
{
	struct wire_reader r = wire_read(bytes);
	struct attest_public taken = {.type = wire_take_be16(&r)};
	enum status status;

	if (bytes.len > ATTEST_PUBLIC_MAX)
		return STATUS_TOO_LARGE;
	taken.name_algorithm = wire_take_be16(&r);
	taken.attributes = wire_take_be32(&r);
	taken.policy = take_2b(&r, HASH_ALGORITHM_MAX);
	if (r.status == STATUS_OK &&
	    ((taken.type != ATTEST_ALG_ECC && taken.type != ATTEST_ALG_RSA) ||
	     (taken.name_algorithm != ATTEST_ALG_SHA256 &&
	      taken.name_algorithm != ATTEST_ALG_SHA384)))
		return STATUS_UNSUPPORTED;
	take_symmetric(&r, &taken);
	take_scheme(&r, &taken);
	status = taken.type == ATTEST_ALG_ECC ? take_ecc(&r, &taken) : take_rsa(&r, &taken);
	if (status != STATUS_OK)
		return status;
	if (taken.name_algorithm == ATTEST_ALG_SHA256)
		name_of(bytes, taken.name);
	*ret_public = taken;
	return STATUS_OK;
}

bool attest_public_is_attestation_key(const struct attest_public *key)
{
	const uint32_t all = ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT | ATTEST_SENSITIVE_ORIGIN |
	                     ATTEST_RESTRICTED | ATTEST_SIGN;

	return (key->attributes & (all | ATTEST_DECRYPT)) == all &&
	       key->name_algorithm == ATTEST_ALG_SHA256;
}

/* What the high range adds to the low one: userWithAuth. */
#define USER_WITH_AUTH 0x00000040u

bool attest_public_is_endorsement_key(const struct attest_public *key)
{
	/* PolicySecret(TPM_RH_ENDORSEMENT); and that or a policy in NV, in both digests. */
	static const uint8_t policy_a[32] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8,
	                                     0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
	                                     0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64,
	                                     0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
	static const uint8_t policy_b[32] = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06,
	                                     0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3,
	                                     0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90,
	                                     0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0};
	static const uint8_t policy_b_384[48] = {
	    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc,
	    0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4,
	    0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09,
	    0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};
	const uint32_t low = ATTEST_FIXED_TPM | ATTEST_FIXED_PARENT | ATTEST_SENSITIVE_ORIGIN |
	                     ATTEST_ADMIN_WITH_POLICY | ATTEST_RESTRICTED | ATTEST_DECRYPT;
	bool is_384 = key->name_algorithm == ATTEST_ALG_SHA384;
	bool is_high = key->attributes == (low | USER_WITH_AUTH);
	struct bytes policy = is_384    ? BYTES_OF_ARRAY(policy_b_384)
	                      : is_high ? BYTES_OF_ARRAY(policy_b)
	                                : BYTES_OF_ARRAY(policy_a);

	if ((!is_high && (is_384 || key->attributes != low)) ||
	    (!is_384 && key->name_algorithm != ATTEST_ALG_SHA256) ||
	    !bytes_equal(key->policy, policy))
		return false;
	return key->symmetric == ATTEST_ALG_AES && key->symmetric_bits == (is_384 ? 256 : 128) &&
	       key->symmetric_mode == ATTEST_ALG_CFB && key->scheme == ATTEST_ALG_NULL &&
	       (key->type == ATTEST_ALG_RSA ? key->rsa_bits == (is_384 ? 3072 : 2048)
	                                    : key->curve == (is_384 ? CURVE_P384 : CURVE_P256));
}

/* ---- signatures ---- */

/* put_padded appends a big-endian number with zeros in front of it. */
static bool put_padded(struct attest_signature *to, struct bytes number, size_t field)
{
	while (number.len > 0 && number.data[0] == 0)
		number = bytes_of(number.data + 1, number.len - 1);
	if (number.len > field)
		return false;
	memset(to->bytes + to->len, 0, field - number.len);
	if (number.len != 0)
		memcpy(to->bytes + to->len + field - number.len, number.data, number.len);
	to->len += field;
	return true;
}

/* SubjectPublicKeyInfo of P-256 has 91 bytes, of P-384 120: nothing else is that short. */
static size_t field_of(const struct keys_public *key)
{
	return key->len == 91 ? 32 : key->len == 120 ? 48 : 0;
}

enum status attest_signature_take(struct bytes bytes, const struct keys_public *key,
                                  struct attest_signature *ret_signature)
{
	struct wire_reader r = wire_read(bytes);
	struct attest_signature taken = {.scheme = wire_take_be16(&r), .hash = wire_take_be16(&r)};
	size_t field = field_of(key);
	enum keys_digest digest;

	if (r.status != STATUS_OK)
		return STATUS_MALFORMED;
	if (!digest_of(taken.hash, &digest))
		return STATUS_UNSUPPORTED;
	if (taken.scheme == ATTEST_ALG_ECDSA && field != 0) {
		struct bytes first = take_2b(&r, 48), second = take_2b(&r, 48);

		if (!put_padded(&taken, first, field) || !put_padded(&taken, second, field))
			return STATUS_MALFORMED;
	} else if ((taken.scheme == ATTEST_ALG_RSASSA || taken.scheme == ATTEST_ALG_RSAPSS) &&
	           field == 0) {
		struct bytes whole = take_2b(&r, sizeof(taken.bytes));

		if (whole.len != 0)
			memcpy(taken.bytes, whole.data, whole.len);
		taken.len = whole.len;
	} else {
		return STATUS_UNSUPPORTED;
	}
	if (wire_done(&r) == STATUS_OK)
		*ret_signature = taken;
	return wire_done(&r);
}

enum status attest_signature_check(const struct attest_signature *signature,
                                   const struct keys_public *key, struct bytes message)
{
	enum keys_scheme scheme = signature->scheme == ATTEST_ALG_ECDSA    ? KEYS_ECDSA
	                          : signature->scheme == ATTEST_ALG_RSASSA ? KEYS_RSA_PKCS1
	                                                                   : KEYS_RSA_PSS;
	enum keys_digest digest;

	if (!digest_of(signature->hash, &digest))
		return STATUS_CRYPTO;
	return keys_public_verify(key, scheme, digest, message,
	                          bytes_of(signature->bytes, signature->len));
}

/* ---- NV ---- */

enum status attest_nv_public_take(struct bytes bytes, struct attest_nv_public *ret_public)
{
	struct wire_reader r = wire_read(bytes);
	struct attest_nv_public taken = {.index = wire_take_be32(&r)};
	uint16_t name_algorithm = wire_take_be16(&r);

	taken.attributes = wire_take_be32(&r);
	taken.policy = take_2b(&r, HASH_ALGORITHM_MAX);
	taken.size = wire_take_be16(&r);
	if (wire_done(&r) != STATUS_OK)
		return STATUS_MALFORMED;
	if (name_algorithm != ATTEST_ALG_SHA256)
		return STATUS_UNSUPPORTED;
	name_of(bytes, taken.name);
	*ret_public = taken;
	return STATUS_OK;
}
