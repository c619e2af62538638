/* authz_node: what the deployment says of the node that speaks for it in this boot: the TPM's keys,
 * the channel keys, the TLS key, what runs (spec/evidence.md). Made by the signer, carried in every
 * piece of evidence, and bound to it: the TPM's quote commits to its hash.
 *
 * A statement as those of authz_statement.h, under "claviger/node/v1", signed by the deployment
 * key, which it names: whoever opens it compares that key with the one he knows. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_NODE_H
#define AUTHZ_NODE_H

#include "authz_statement.h"

#define AUTHZ_NODE_MAX    2048 /* bytes of a whole statement */
#define AUTHZ_BASE_MAX    ((UINT64_C(1) << 56) - 1)
#define AUTHZ_AK_NAME_LEN 34
#define AUTHZ_RELEASE_MAX 64  /* bytes of a release's text */
#define AUTHZ_MACHINE_MAX 320 /* bytes of what is said of the machine */
#define AUTHZ_SANDBOX_BITS                                                                         \
	0x1c2u /* network namespace 2, empty root 0x40, own uid 0x80, Landlock 0x100 */
#define AUTHZ_SANDBOX_TEXT 64 /* bytes of all their names */

enum authz_mode {
	AUTHZ_MODE_WORKSTATION = 1,
	AUTHZ_MODE_APPLIANCE = 2,
};

struct authz_node {
	uint8_t deployment[32];
	uint8_t deployment_key[32];
	uint64_t boot;
	uint8_t boot_record[32]; /* hash, as receipts name it */
	uint8_t mode;            /* enum authz_mode */
	uint8_t ak_name[AUTHZ_AK_NAME_LEN];
	uint8_t ek[32]; /* SHA-256 of the EK's TPMT_PUBLIC; zero: the TPM has no certificate */
	bool activated; /* the signer itself saw that AK and EK lie in one TPM */
	struct bytes authority, signer; /* channel certificates (authz_certificate_open) */
	uint8_t tls[32];                /* SHA-256 of the TLS key's SubjectPublicKeyInfo */
	uint8_t manifest[32];           /* SHA-256 of the site manifest; zero: none */
	struct bytes release;           /* name and version, UTF-8 */
	bool single_operator;           /* both roots are in one hand (A10) */
	uint8_t genesis[32];            /* digest of the genesis manifest (spec/sealing.md) */
	bool attended;                  /* a person approves each start; else it starts by itself */
	bool recovery_key;              /* there is a copy of the node share under a recovery key */
	uint32_t sandbox_missing; /* layers that the signer's sandbox lacks: AUTHZ_SANDBOX_BITS */
	struct bytes machine; /* the appliance's hardware, name=value words; empty: not looked at */
	/* What genesis made, by which the NV indices that evidence shows are known. */
	uint8_t site_root[64];  /* P-256, x || y: whose word raises the floors */
	uint64_t release_base;  /* the release floor's counter but for its last byte, the level */
	uint64_t site_base;     /* of the site floor */
	uint64_t first_counter; /* the boot counter at genesis */
	uint8_t share[32];      /* commitment to the node share (spec/sealing.md) */
	bool interpreter;       /* policies that ship run interpreted, too (spec/wasm-profile.md) */
};

MUST_USE enum status authz_node_put(const struct authz_node *node,
                                    const struct keys_sign_key *deployment_key, struct buffer *out);
/* authz_node_open: MALFORMED, UNSUPPORTED or CRYPTO. Runs borrow from `bytes`. */
MUST_USE enum status authz_node_open(struct bytes bytes, struct authz_node *ret_node);
/* authz_node_channels opens both channel certificates: REFUSED unless they are this deployment's,
 * of this boot, for these roles. */
MUST_USE enum status authz_node_channels(const struct authz_node *node,
                                         struct authz_certificate *ret_authority,
                                         struct authz_certificate *ret_signer);
/* authz_node_sandbox names the layers that are missing, separated by spaces; "none" for 0. */
void authz_node_sandbox(uint32_t missing, char ret_text[AUTHZ_SANDBOX_TEXT]);
/* authz_node_commit is what PCR 13 is extended with, once a boot: SHA-256("claviger/commit/v1" ||
 * deployment key || manifest || signer's channel key). */
void authz_node_commit(const uint8_t deployment_key[32], const uint8_t manifest[32],
                       const uint8_t signer_key[32], uint8_t ret_commit[32]);

#endif
