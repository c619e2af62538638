/* authz_receipt: what was decided, so that it can be proven and decided again (B2, B3, A24):
 * receipts, boot records, signed heads, blobs of a sync, and the offline check of one wallet's
 * chain.
 *
 * Each decision makes one receipt; each wallet's receipts form a chain: {boot, number} with number
 * from 1 in each boot, and the hash of the one before. At each sync the deployment key signs a
 * head: the root of a Merkle map (authz_merkle.h) over all wallets' last receipts. So the holder of
 * one wallet's receipts proves order and completeness with a head and one path, and sees nothing of
 * others. All deterministic CBOR (spec/receipts.md). Taken runs borrow. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_RECEIPT_H
#define AUTHZ_RECEIPT_H

#include "authz_record.h"
#include "call_store.h"
#include "keys.h"

#define AUTHZ_RECEIPT_TOKENS_MAX 16
#define AUTHZ_RECEIPT_TRUST_MAX  8
#define AUTHZ_RECEIPT_TRIED_MAX  LIMIT_GRANTS_PER_CLIENT_MAX
#define AUTHZ_RECEIPT_TEXT_MAX   240
/* Encoded sizes, at most. */
#define AUTHZ_RECEIPT_MAX        9216
#define AUTHZ_BOOT_RECORD_MAX    2048
#define AUTHZ_HEAD_MAX           512

enum authz_decision {
	AUTHZ_DECISION_ALLOW = 1, /* signed */
	AUTHZ_DECISION_DENY = 2,
};

struct authz_token_fact {
	uint8_t mint[32];
	uint64_t amount; /* raw units */
};

/* struct policy_facts of abi/policy_abi.h, as far as it is kept. */
struct authz_facts {
	uint64_t lamports_out;
	uint64_t fee_lamports;
	uint64_t tip_lamports;
	uint64_t rent_lamports;
	uint64_t wrapped_lamports;
	uint32_t delegations;
	uint32_t authority_changes;
	size_t token_count;
	struct authz_token_fact tokens[AUTHZ_RECEIPT_TOKENS_MAX];
	/* Programs that get the wallet's signature in hand and call others (policy_trust.h). */
	size_t trusted_count;
	struct {
		uint8_t program[32];
		uint32_t writable; /* accounts that it may write */
	} trusted[AUTHZ_RECEIPT_TRUST_MAX];
};

/* One grant that was tried. */
struct authz_tried {
	uint8_t grant[32];
	uint8_t module[32];
	uint8_t parameters_hash[32]; /* SHA-256 of the grant's CBOR map */
	uint8_t request_hash[32];    /* of the check request's bytes; zero when it was not asked */
	uint16_t result;             /* enum call_result */
	uint32_t reason;             /* the policy's code */
	uint32_t instruction;        /* AUTHZ_NO_INSTRUCTION: none */
	uint64_t fuel;
	struct bytes text; /* the reason in words, clean (authz_put_clean) */
};
#define AUTHZ_NO_INSTRUCTION UINT32_C(0xffffffff)

struct authz_charge {
	uint8_t counter; /* id of the grant's counter */
	uint64_t amount;
};

/* A limit of the wallet at that decision: what was left of it, and what this took or would take. */
struct authz_limit_row {
	struct authz_counter_rule rule;
	uint64_t left;
	uint64_t amount;
};

#define AUTHZ_RECEIPT_BRIDGE_TRUSTED 1u /* the bridge saw the client's token (A7) */
#define AUTHZ_RECEIPT_IMPORTED       2u /* someone else may know the wallet's key */
#define AUTHZ_RECEIPT_NONCE          4u /* durable nonce: the signature does not expire */
/* No signature: the wallet's key was handed over (S18); denied: it was not, whatever one before
 * says of the same change. */
#define AUTHZ_RECEIPT_EXPORT         8u
#define AUTHZ_RECEIPT_EXPORTED       16u /* the key was handed over: others may have it */
#define AUTHZ_RECEIPT_FLAGS          31u

struct authz_receipt {
	uint8_t deployment[32];
	uint8_t boot_record[32]; /* hash of the boot record */
	uint8_t wallet[32];
	uint64_t boot;        /* sequence {boot, number} */
	uint64_t number;      /* from 1 */
	uint8_t previous[32]; /* hash of the wallet's receipt before; zero for its very first */
	uint8_t client[32];
	uint8_t ticket[32]; /* decision id */
	uint8_t message_hash[32];
	uint8_t decision; /* enum authz_decision */
	uint16_t result;  /* enum call_result */
	uint8_t flags;    /* AUTHZ_RECEIPT_* */
	uint64_t time_low_s, time_high_s;
	uint64_t fuel_limit;
	struct bytes engine; /* name and version, ASCII, at most LIMIT_NAME_MAX */
	size_t tried_count;
	struct authz_tried tried[AUTHZ_RECEIPT_TRIED_MAX];
	bool has_facts; /* of the grant that decided: the last one tried */
	struct authz_facts facts;
	size_t charge_count;
	struct authz_charge charges[LIMIT_COUNTERS_MAX];
	size_t limit_count; /* where the limits decided: signed, or refused by one of them */
	struct authz_limit_row limits[LIMIT_WALLET_LIMITS_MAX];
	/* The wallet's authority hash then, as far as it was durable: less power may have been in
	 * force already (authz_history.h). */
	uint8_t authority[32];
};

/* What receipts, in their order, say of exports. One that was begun and not carried out leaves two:
 * the second, of the same start of the signer, takes back what the first says. One that waited and
 * is begun again is of the same change, and one export. Begin with zeros. */
struct authz_exports {
	size_t count; /* that the key was handed over, and not taken back */
	bool stands;  /* the last one counts, and was not seen to be carried out */
	bool carried; /* it was */
	uint8_t change[32];
	uint64_t boot;
};

/* authz_exports_take takes the receipt of an export. False when it takes back what was carried out:
 * no signer that is what it says does. */
bool authz_exports_take(struct authz_exports *exports, const struct authz_receipt *receipt);
/* authz_exports_carried says that a change that its user signed was carried out. */
void authz_exports_carried(struct authz_exports *exports, const uint8_t change[32]);

MUST_USE enum status authz_receipt_put(const struct authz_receipt *receipt, struct buffer *out);
MUST_USE enum status authz_receipt_take(struct bytes bytes, struct authz_receipt *ret_receipt);
/* authz_receipt_hash is SHA-256("claviger/receipt/v1" || receipt). */
void authz_receipt_hash(struct bytes receipt, uint8_t ret_hash[32]);

/* What was running. Starts each boot; its hash stands in every receipt of that boot. */
enum authz_time_source {
	AUTHZ_TIME_SYSTEM = 1, /* the host's clock counts as proof: workstation mode */
	AUTHZ_TIME_SITE = 2,
	AUTHZ_TIME_ROUGHTIME = 3,
};

#define AUTHZ_BOOT_PCRS_MAX 24

struct authz_boot_record {
	uint8_t deployment[32];
	uint64_t boot;
	uint8_t mode;     /* 'A', 'B' or 'C' */
	bool hardware;    /* false: software TPM */
	size_t pcr_count; /* SHA-256 bank at unseal, indices ascending */
	struct {
		uint8_t index;
		uint8_t value[32];
	} pcrs[AUTHZ_BOOT_PCRS_MAX];
	struct bytes ak_name; /* TPM name of the attestation key; may be empty */
	uint64_t reset_count;
	uint8_t time_source; /* enum authz_time_source */
	uint64_t time_low_s, time_high_s;
	bool clean;           /* the last boot ended in an orderly stop */
	uint8_t previous[32]; /* hash of the boot record before; zero for the first */
	struct bytes build;   /* version and commit of the programs, ASCII */
};

MUST_USE enum status authz_boot_put(const struct authz_boot_record *boot, struct buffer *out);
MUST_USE enum status authz_boot_take(struct bytes bytes, struct authz_boot_record *ret_boot);
/* authz_boot_hash is SHA-256("claviger/boot/v1" || record). */
void authz_boot_hash(struct bytes record, uint8_t ret_hash[32]);

/* A signed head. `root` is the Merkle map of kind AUTHZ_HEAD_KIND over wallet ids; a wallet's value
 * is authz_chain_value of its last receipt, zeros where it has none. Which wallets are in it is the
 * signer's choice, so that one is absent says nothing of it. */
#define AUTHZ_HEAD_KIND       1
#define AUTHZ_CHAIN_VALUE_LEN 48

struct authz_head {
	uint8_t deployment[32];
	uint64_t boot;
	uint8_t boot_record[32]; /* hash */
	uint64_t sync;           /* number of this sync, growing over all boots */
	uint64_t time_high_s;
	uint64_t wallet_count; /* in the map */
	uint8_t root[32];
};

/* authz_chain_value is boot (8, big-endian) || number (8) || hash of the receipt (32). */
void authz_chain_value(uint64_t boot, uint64_t number, const uint8_t hash[32],
                       uint8_t ret_value[AUTHZ_CHAIN_VALUE_LEN]);
/* authz_head_put signs with the deployment key under "claviger/head/v1"; _open verifies. */
MUST_USE enum status authz_head_put(const struct authz_head *head,
                                    const struct keys_sign_key *deployment_key, struct buffer *out);
MUST_USE enum status authz_head_open(struct bytes bytes, const uint8_t deployment_key[32],
                                     struct authz_head *ret_head);

/* Offline check of one wallet's chain, receipt by receipt in order. Zeroed but for the first two.
 */
struct authz_chain {
	uint8_t deployment[32], wallet[32];
	bool started;
	uint64_t boot, number, count;
	uint8_t last[32];        /* hash of the last receipt */
	uint8_t boot_record[32]; /* hash of the last boot record given */
	uint64_t boot_of_record;
	bool has_boot_record;
	uint8_t
	    first_previous[32]; /* what the first one given follows; zero: it is the very first */
};

/* authz_chain_boot takes a boot record before the receipts of its boot. */
MUST_USE enum status authz_chain_boot(struct authz_chain *chain, struct bytes record);
/* authz_chain_next takes the next receipt: STATUS_MALFORMED when it is none, STATUS_REFUSED when it
 * is of another wallet, deployment or boot record, STATUS_CORRUPT when it does not follow the one
 * before (changed, missing, reordered). `ret_receipt` may be NULL. */
MUST_USE enum status authz_chain_next(struct authz_chain *chain, struct bytes receipt,
                                      struct authz_receipt *ret_receipt);
/* authz_chain_end checks that the chain ends where a signed head says: STATUS_CORRUPT when receipts
 * at the end are missing, or all (A24), or the path proves nothing. The head is of the chain's last
 * boot or a later one. Of a chain without a receipt it must say that there is none. */
MUST_USE enum status authz_chain_end(const struct authz_chain *chain, const struct authz_head *head,
                                     const struct store_path *path);

#endif
