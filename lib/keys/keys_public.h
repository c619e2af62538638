/* keys_public: signatures of others: a TPM's ECDSA and RSA keys, and the X.509 certificates that
 * their makers give them. Our own signatures are Ed25519 (keys.h).
 *
 * A key is its SubjectPublicKeyInfo (RFC 5280 section 4.1), DER: the form that PEM files and
 * certificates hold, so that keys from different places are compared byte for byte. Everything
 * here is about public data. AWS-LC allocates inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_PUBLIC_H
#define KEYS_PUBLIC_H

#include "keys.h"

#define KEYS_SPKI_MAX        576 /* bytes: RSA of 4096 bits has 550 */
#define KEYS_CERTIFICATE_MAX 4096
#define KEYS_SUBJECT_MAX     256

struct keys_public {
	uint8_t der[KEYS_SPKI_MAX];
	size_t len;
};

enum keys_curve {
	KEYS_P256 = 1,
	KEYS_P384 = 2,
};

enum keys_scheme {
	KEYS_ECDSA = 1,
	KEYS_RSA_PKCS1 = 2, /* RSASSA-PKCS1-v1_5, RFC 8017 section 8.2 */
	KEYS_RSA_PSS = 3,   /* RSASSA-PSS, MGF1 and digest alike; the salt's length is not fixed */
};

enum keys_digest {
	KEYS_SHA256 = 1,
	KEYS_SHA384 = 2,
	KEYS_SHA512 = 3,
};

/* keys_public_from_ec makes a key of a point's coordinates, big-endian, each as long as the curve's
 * field or shorter; STATUS_CRYPTO when the point is not on the curve. */
MUST_USE enum status keys_public_from_ec(enum keys_curve curve, struct bytes x, struct bytes y,
                                         struct keys_public *ret_public);
/* keys_public_from_rsa makes a key of a modulus, big-endian, 2048 to 4096 bits. */
MUST_USE enum status keys_public_from_rsa(struct bytes modulus, uint32_t exponent,
                                          struct keys_public *ret_public);
/* keys_public_from_der takes exactly one SubjectPublicKeyInfo of a kind above, in the encoding that
 * the two functions above give. */
MUST_USE enum status keys_public_from_der(struct bytes der, struct keys_public *ret_public);
/* keys_public_verify checks a signature: r || s, each as long as the curve's order, for ECDSA. */
MUST_USE enum status keys_public_verify(const struct keys_public *key, enum keys_scheme scheme,
                                        enum keys_digest digest, struct bytes message,
                                        struct bytes signature);
/* keys_public_ecdsa_from_der turns an ECDSA-Sig-Value (RFC 3279) into r || s of the key's size. */
MUST_USE enum status keys_public_ecdsa_from_der(const struct keys_public *key, struct bytes der,
                                                struct buffer *ret_signature);
MUST_USE enum status keys_hash(enum keys_digest digest, const struct bytes *parts, size_t count,
                               struct buffer *ret_hash);

/* Why a chain is not good; the first thing that was wrong. */
enum keys_chain_fault {
	KEYS_CHAIN_GOOD = 0,
	KEYS_CHAIN_MALFORMED, /* a certificate does not parse, or has bytes behind it */
	KEYS_CHAIN_UNTRUSTED, /* no path to an anchor, or a signature on it does not verify */
	KEYS_CHAIN_TIME,      /* a certificate on the path has expired or is not valid yet */
	KEYS_CHAIN_USAGE, /* the leaf lacks the extended key usage, or is a CA; an issuer is none */
};

/* keys_chain_check walks from `leaf` over `between` (any order) to one of `anchors`; an anchor need
 * not sign itself. The leaf must have the extended key usage `usage` (dotted text). Time is seconds
 * since 1970. `ret_public` is the leaf's key. */
MUST_USE enum keys_chain_fault keys_chain_check(struct bytes leaf, const struct bytes *between,
                                                size_t between_count, const struct bytes *anchors,
                                                size_t anchor_count, const char *usage,
                                                uint64_t at_s, struct keys_public *ret_public);
/* keys_chain_leaf reads a certificate's key and its issuer, as text for people, without checking
 * anything else. */
MUST_USE enum status keys_chain_leaf(struct bytes leaf, struct keys_public *ret_public,
                                     char ret_issuer[KEYS_SUBJECT_MAX]);

#endif
