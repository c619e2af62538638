/* attest_verify: is this evidence of a node that the policy accepts? (B9, S7; spec/evidence.md)
 *
 * The library form of `claviger attest verify`: offline, no allocation but AWS-LC's, no clock of
 * its own; sdk/c/verify.c is a whole program. The caller fills a policy, gives the nonce that it
 * asked with, and reads the verdict; attest_code and attest_words say why not. After
 * ATTEST_ACCEPTED the report says what was proven; on a refusal it holds what was read so far, for
 * showing, and nothing in it is proven.
 *
 * A policy for hardware needs vendor roots, releases, firmwares, and a deployment key or activated
 * AKs. With `software_tpm` the chain from the maker to the machine is not asked for: then evidence
 * shows that one deployment key, one AK and these channel keys belong together, and nothing about
 * the machine; report.hardware says which it was. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_VERIFY_H
#define ATTEST_VERIFY_H

#include "attest_evidence.h"
#include "attest_log.h"
#include "authz_node.h"

#define ATTEST_RELEASE_MASK  0x5a10u /* PCRs 4, 9, 11, 12, 14: as released, PCR 11 at unseal */
#define ATTEST_FIRMWARE_MASK 0x0085u /* PCRs 0, 2, 7: as approved for a site */

/* NV indices that the attestor certifies (spec/sealing.md). */
#define ATTEST_NV_COUNTER       0x01434c02u /* boots */
#define ATTEST_NV_RELEASE_FLOOR 0x01434c03u
#define ATTEST_NV_SITE_FLOOR    0x01434c04u

/* Values of PCRs under a name for people; all PCRs of a mask above are among them. */
struct attest_values {
	struct bytes name;
	uint32_t mask; /* PCRs that are compared */
	uint8_t pcrs[ATTEST_PCR_COUNT][32];
};

struct attest_policy {
	const struct bytes *roots; /* makers' certificates, DER */
	size_t root_count;
	const uint8_t (*eks)[32]; /* SHA-256 of TPMT_PUBLIC; none: any with a good certificate */
	size_t ek_count;
	const uint8_t (*aks)[ATTEST_NAME_LEN]; /* that the caller activated himself */
	size_t ak_count;
	bool has_deployment_key;
	uint8_t deployment_key[32];
	const struct attest_values *releases, *firmwares;
	size_t release_count, firmware_count;
	uint64_t minimum_tpm_firmware;      /* as TPMS_ATTEST has it */
	uint32_t release_floor, site_floor; /* at least; 0: not asked for */
	uint64_t counter;                   /* at least; 0: not asked for */
	bool event_log;                     /* must be there, with Secure Boot on */
	bool software_tpm;
	bool has_genesis;
	uint8_t genesis[32]; /* of this genesis manifest and no other */
	/* Weaker states of a machine, accepted: else refused where hardware is asked for. */
	bool single_operator, unattended, recovery_key, reduced_sandbox;
};

struct attest_report {
	struct attest_evidence evidence; /* borrows from the bytes given */
	struct authz_node node;
	struct authz_certificate authority, signer; /* keys to seal to */
	struct attest_public ak;
	struct attest_statement quote;
	bool hardware;                  /* a maker's certificate stands behind the AK */
	bool activated;                 /* by the deployment, or named in the policy */
	char maker[KEYS_SUBJECT_MAX];   /* issuer of the EK's certificate; "" without */
	struct bytes release, firmware; /* names in the policy; empty when not asked for */
	bool has_release_floor, has_site_floor, has_counter;
	uint32_t release_floor, site_floor;
	uint64_t counter;
	bool has_log;
	struct attest_log log;
};

/* attest_evidence_check judges `evidence`. `nonce` is the one that the caller asked with, or NULL
 * for evidence that somebody else asked for or that answers a beacon: then how old it may be is the
 * caller's to judge. `at_s`: seconds since 1970, for certificates. */
MUST_USE enum attest_verdict attest_evidence_check(struct bytes evidence,
                                                   const uint8_t nonce[ATTEST_NONCE_LEN],
                                                   const struct attest_policy *policy,
                                                   uint64_t at_s, struct attest_report *ret_report);

#endif
