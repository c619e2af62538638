/* call_channel: what the signer hands the bridge at its start, and again when a certificate changes
 * or the bridge was restarted: the TLS key, and the channel certificates that clients check before
 * they seal anything.
 *
 * Contains a secret: the TLS private key. The taker copies it out and wipes the message. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_CHANNEL_H
#define CALL_CHANNEL_H

#include "call_sign.h"

#define CALL_TLS_CHAIN_MAX       3     /* certificates, leaf first */
#define CALL_TLS_CERTIFICATE_MAX 2048  /* bytes of DER of each */
#define CALL_TLS_PEM_MAX         16000 /* bytes of a CA's chain that is kept */
#define CALL_CHANNEL_CERT_MAX    512   /* bytes of CBOR of a channel certificate */
#define CALL_CHANNEL_RP_ID_MAX   253   /* a domain */
#define CALL_CHANNEL_START_MAX                                                                     \
	(512 + CALL_TLS_CHAIN_MAX * CALL_TLS_CERTIFICATE_MAX + 2 * CALL_CHANNEL_CERT_MAX)

struct call_channel_start {
	uint8_t deployment[32];
	uint8_t deployment_key[32]; /* ed25519 public key; clients pin it */
	uint64_t boot;
	bool hardware;          /* false: software TPM, said in every status */
	uint8_t tls_key[32];    /* P-256 private scalar, big-endian */
	size_t tls_chain_count; /* >= 1; self-signed, or a site CA's chain */
	struct bytes tls_chain[CALL_TLS_CHAIN_MAX];
	/* Channel certificates {deployment, boot, role, X25519 key}, signed by the deployment key:
	 * opaque to the bridge; empty while that process has none. */
	struct bytes authority_certificate;
	struct bytes signer_certificate;
	struct bytes rp_id; /* passkeys: the domain that they are for; the signer's setting */
};

MUST_USE enum status call_channel_put_start(const struct call_channel_start *start,
                                            struct buffer *message);
MUST_USE enum status call_channel_take_start(struct bytes message,
                                             struct call_channel_start *ret_start);

#endif
