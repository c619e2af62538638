/* site: the site manifest, what differs between appliances that run the same image: addresses,
 * names, operators, machines. Signed by the site key, kept in the data disk's first 64 KiB
 * (spec/site.md).
 *
 * Pure. Trust: the bytes come from a hostile disk. Until the share is unsealed a manifest can only
 * deny; the signer then checks its signature against the site key of its own record (site_verify),
 * and PCR 13 commits to its hash, so evidence names it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SITE_H
#define SITE_H

#include "base_bytes.h"
#include "base_limits.h"

#define SITE_MANIFEST_MAX  16384u             /* of the signed form */
#define SITE_LABEL         "claviger/site/v1" /* of the hash that is signed */
#define SITE_KEY_LEN       64u                /* P-256: x || y */
#define SITE_NAMES_MAX     8u
#define SITE_NAME_MAX      63u /* bytes of one name: a host's, or an address in text */
#define SITE_OPERATORS_MAX 8u
#define SITE_MACHINES_MAX  32u
#define SITE_ORIGINS_MAX   3u
#define SITE_ORIGIN_MAX    127u
#define SITE_TEXT_MAX      440u /* of a setting, with NUL */
#define SITE_ADDRESS_MAX   15u  /* bytes of an IPv4 address in text */
#define SITE_NAMES_TEXT_MAX                                                                        \
	(SITE_TEXT_MAX - 1 - SITE_ADDRESS_MAX) /* all names, each with a comma before it */
#define SITE_PROVEN_MAX_S (UINT64_C(30) * 86400)

struct site_network {
	bool is_static;                /* else DHCP */
	uint8_t address[4], router[4]; /* network order; router zeros: none */
	uint8_t prefix;                /* bits of the network, 1 to 30 */
};

struct site_manifest {
	uint64_t serial; /* a higher one replaces */
	uint8_t key[SITE_KEY_LEN];
	bool has_deployment; /* once it is known */
	uint8_t deployment[32];
	struct site_network network;
	uint16_t port;          /* of the API, on all addresses */
	uint16_t metrics_port;  /* 0: no metrics */
	uint16_t operator_port; /* 0: operators have no door of their own */
	bool has_ca;
	uint8_t
	    ca[32]; /* SHA-256 of the CA's certificate (DER) that TLS certificates must lead to */
	uint8_t verifiers; /* 0: as many as the image says */
	uint8_t name_count, operator_count, machine_count;
	char names[SITE_NAMES_MAX][SITE_NAME_MAX + 1]; /* of the certificate */
	uint8_t operators[SITE_OPERATORS_MAX][32];     /* Ed25519 */
	uint8_t machines[SITE_MACHINES_MAX][32]; /* SHA-256 of endorsement keys that may run */
	uint64_t unproven_max_s; /* after a start without proof of time: then grants with a time in
	                            them are refused; 0: the usual hour */
	char rp_id[SITE_NAME_MAX + 1]; /* of passkeys; empty: the signer's default */
	uint8_t origin_count;
	char origins[SITE_ORIGINS_MAX][SITE_ORIGIN_MAX + 1]; /* of pages that use passkeys */
	bool bound_exports;     /* passkeys that sign an export are bound to their device */
	bool interpreter;       /* policies that ship are interpreted, too: nothing runs compiled */
	uint8_t time_key_count; /* Ed25519 keys of who says what time it is; more than half must
	                           agree */
	uint8_t time_keys[LIMIT_TIME_KEYS_MAX][32];
	uint8_t signature[64];
};

/* site_take decodes the signed form; MALFORMED for anything that is not exactly one. It checks no
 * signature. */
MUST_USE enum status site_take(struct bytes bytes, struct site_manifest *ret_manifest);
/* site_put appends the signed form, with the signature as it stands; TOO_LARGE. */
MUST_USE enum status site_put(const struct site_manifest *manifest, struct buffer *ret_bytes);
/* site_signed appends what is signed: SHA-256("claviger/site/v1" || manifest) is what the key
 * signs. */
MUST_USE enum status site_signed(const struct site_manifest *manifest, struct buffer *ret_bytes);

/* site_change says whether a manifest may take the place of the running one by an operator's word,
 * from afar: NULL, or why not. What may change is a closed list: address, ports, names, how many
 * verifiers; operators and machines may become fewer. */
const char *site_change(const struct site_manifest *from, const struct site_manifest *to);

/* site_operators, site_time_keys and site_origins write the settings of these names: a list with
 * commas. */
void site_operators(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX]);
void site_time_keys(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX]);
void site_origins(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX]);
/* site_tls_names writes the setting of that name: the appliance's address, then the names. */
void site_tls_names(const struct site_manifest *manifest, const uint8_t address[4],
                    char ret_text[SITE_TEXT_MAX]);

#endif
