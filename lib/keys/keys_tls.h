/* keys_tls: the bridge's TLS identity: a P-256 key derived from the master, and its certificate.
 *
 * The key is the same at every start; a certificate is not (its ECDSA signature is random), so
 * whoever makes one keeps it: clients pin the file. AWS-LC allocates inside; used at start only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_TLS_H
#define KEYS_TLS_H

#include "keys.h"

#define KEYS_TLS_LABEL           "claviger/tls/v1"
#define KEYS_TLS_CERTIFICATE_MAX 2048 /* bytes of DER */
#define KEYS_TLS_NAMES_MAX       16

/* A P-256 private scalar, big-endian, within 1 .. n-1. */
struct keys_tls_key {
	uint8_t bytes[32];
};

/* A name in the certificate: a DNS name, or the bytes of an IPv4 (4) or IPv6 (16) address. */
struct keys_tls_name {
	bool is_address;
	struct bytes name;
};

/* keys_tls_name_take reads what a person calls a host (base_host.h): its name, or an address, whose
 * bytes `space` keeps. */
MUST_USE enum status keys_tls_name_take(struct bytes text, uint8_t space[16],
                                        struct keys_tls_name *ret_name);
/* keys_tls_derive makes the deployment's TLS key; the same master and deployment, the same key. */
void keys_tls_derive(const struct keys_master *master, const uint8_t deployment[32],
                     struct keys_tls_key *ret_key);
/* keys_tls_der appends the key as RFC 5915 ECPrivateKey, what libssl takes. */
MUST_USE enum status keys_tls_der(const struct keys_tls_key *key, struct buffer *ret_der);
/* keys_tls_fingerprint is SHA-256 of the key's SubjectPublicKeyInfo, which every certificate of it
 * has. */
void keys_tls_fingerprint(const struct keys_tls_key *key, uint8_t ret_hash[KEYS_HASH_LEN]);
/* keys_tls_certify appends a self-signed X.509 v3 certificate, DER: ECDSA with SHA-256, the given
 * subject alternative names, validity in seconds since 1970, usable as its own CA file. */
MUST_USE enum status keys_tls_certify(const struct keys_tls_key *key,
                                      const struct keys_tls_name *names, size_t name_count,
                                      uint64_t not_before_s, uint64_t not_after_s,
                                      struct buffer *ret_der);

#endif
