/* call_sign: "sign these bytes for this wallet": bridge asks, signer answers.
 *
 * Little-endian, fixed order, lengths in front of runs (lib/wire). The reader decodes from its own
 * copy; runs (`struct bytes`) in a taken struct borrow from that copy and die with it. The decoder
 * checks form and bounds only; what a field means (credential, authority) is the signer's to check:
 * nothing here is vouched for by the bridge. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_SIGN_H
#define CALL_SIGN_H

#include "base_bytes.h"
#include "base_limits.h"
#include "call_result.h"

#define CALL_BATCH_MAX       16     /* requests of one batch */
#define CALL_HINTS_MAX       64     /* table hints of one request */
#define CALL_REASONS_MAX     16     /* grants tried for one request */
#define CALL_REASON_TEXT_MAX 240    /* bytes of one reason's text; a receipt holds it too */
#define CALL_FACT_TOKENS_MAX 16     /* mints in one answer's facts */
#define CALL_DESCRIPTION_MAX 8192   /* bytes of a description: all that a policy says */
#define CALL_NO_INSTRUCTION  0xffff /* a reason that is about no single instruction */

/* Longest encoded messages; rings between bridge and signer take at least these. */
#define CALL_SIGN_REQUEST_MAX                                                                      \
	(256 + LIMIT_TOKEN_MAX + LIMIT_NAME_MAX + LIMIT_MESSAGE_MAX + CALL_HINTS_MAX * 65)
#define CALL_SIGN_ANSWER_MAX                                                                       \
	(512 + CALL_REASONS_MAX * (64 + CALL_REASON_TEXT_MAX) + CALL_FACT_TOKENS_MAX * 40 +        \
	 CALL_DESCRIPTION_MAX)

/* The `kind` of a ring's messages between bridge and signer. */
enum call_bridge_kind {
	CALL_BRIDGE_SIGN_REQUEST = 1,   /* bridge -> signer */
	CALL_BRIDGE_SIGN_ANSWER = 2,    /* signer -> bridge */
	CALL_BRIDGE_EXPORT_REQUEST = 3, /* bridge -> signer, call_export.h */
	CALL_BRIDGE_EXPORT_ANSWER = 4,  /* signer -> bridge */
	CALL_BRIDGE_CHANNEL_START = 5,  /* signer -> bridge, call_channel.h */
	CALL_BRIDGE_TPM = 6,            /* signer -> bridge, call_bridge_tpm: after each write */
	CALL_BRIDGE_TIME = 7,           /* signer -> bridge, call_time: now and then */
	CALL_BRIDGE_FILL = 8,           /* signer -> bridge, call_store_fill: when it changes */
	/* signer -> bridge, a CA's chain in PEM: before a start the kept one; later one that is to
	 * be kept if the bridge answers that it holds */
	CALL_BRIDGE_CERTIFICATE = 9,
	CALL_BRIDGE_CERTIFICATE_ANSWER = 10, /* bridge -> signer, call_bridge_certificate */
	/* signer -> bridge, empty: an answer waits for more than a check by code that ships */
	CALL_BRIDGE_LATER = 11,
};

#define CALL_BRIDGE_SLOT_BYTES 16384u /* of one ring slot between them, its header included */

/* What the TPM's memory has to bear (spec/store.md, Budget); for metrics. */
struct call_bridge_tpm {
	uint64_t writes; /* of this boot */
	uint64_t left;   /* that may be made now; UINT64_MAX: no bound */
	uint64_t busy;   /* how often the TPM put one off */
};

_Static_assert(sizeof(struct call_bridge_tpm) == 24, "fixed layout");

struct call_bridge_certificate {
	uint8_t hash[32]; /* SHA-256 of the chain */
	uint32_t holds;   /* 1: it is shown from now on; 0: refused, the former stays */
};

_Static_assert(sizeof(struct call_bridge_certificate) == 36, "fixed layout");

/* How a request names its wallet. A text that decodes as an address is an address, one of 64
 * lower-case hex digits is an id, so neither may be given as a name (names rule). */
enum call_wallet_kind {
	CALL_WALLET_NAME = 1,    /* name[A-Za-z0-9_-]{1,64} */
	CALL_WALLET_ADDRESS = 2, /* key: the ed25519 public key */
	CALL_WALLET_ID = 3,      /* key: the wallet id */
};

struct call_wallet {
	uint8_t kind;      /* enum call_wallet_kind */
	uint8_t key[32];   /* address or id; zero for a name */
	struct bytes name; /* empty unless kind is CALL_WALLET_NAME */
};

/* call_wallet_parse reads a wallet's text form (name, base58 address, or 64 hex digits of an id);
 * STATUS_REFUSED for anything else. The name borrows from `text`. */
MUST_USE enum status call_wallet_parse(struct bytes text, struct call_wallet *ret_wallet);

/* Where a request came from: a receipt of the Vault dialect says "bridge-trusted". */
enum call_source {
	CALL_SOURCE_API = 1,
	CALL_SOURCE_VAULT = 2,
};

/* What the client says the bytes are; the signer classifies them itself and refuses a mismatch. */
enum call_constraint {
	CALL_CONSTRAINT_ANY = 1,         /* Vault's `input` */
	CALL_CONSTRAINT_TRANSACTION = 2, /* a legacy, v0 or v1 transaction message */
	CALL_CONSTRAINT_MESSAGE = 3,     /* an off-chain message */
};

#define CALL_SIGN_DRY_RUN  UINT32_C(1) /* decide, sign and count nothing */
#define CALL_SIGN_EXPLAIN  UINT32_C(2) /* every constraint that fails, not only the first */
#define CALL_SIGN_DESCRIBE UINT32_C(4) /* fill the answer's description */
#define CALL_SIGN_ATOMIC   UINT32_C(8) /* this batch: all or none */
#define CALL_SIGN_FLAGS    UINT32_C(15)

/* What a client claims stands in a lookup table; never more than a colour for a description. */
struct call_hint {
	uint8_t table[32];
	uint8_t index;
	uint8_t address[32];
};

struct call_sign_request {
	uint64_t request;     /* the bridge's number; the answer repeats it */
	uint64_t connection;  /* the bridge's number of the connection, never reused in one boot */
	uint32_t flags;       /* CALL_SIGN_* */
	uint8_t source;       /* enum call_source */
	uint8_t constraint;   /* enum call_constraint */
	uint16_t batch_index; /* 0 .. batch_count - 1; requests of a batch follow each other */
	uint16_t batch_count; /* 1: no batch */
	bool has_grant;
	bool has_idempotency;
	bool has_nonce_origin;
	uint8_t grant[32]; /* the grant to use, when has_grant; else zero */
	uint8_t
	    idempotency[32]; /* SHA-256 of the Idempotency-Key, when has_idempotency; else zero */
	/* The blockhash of which the durable nonce is made, when has_nonce_origin; else zero. It
	 * proves that the lifetime is a nonce and no blockhash (spec/solana.md). */
	uint8_t nonce_origin[32];
	struct bytes token; /* 1..LIMIT_TOKEN_MAX bytes, as the client sent it */
	struct call_wallet wallet;
	struct bytes message; /* 1..LIMIT_MESSAGE_MAX bytes: exactly what will be signed */
	size_t hint_count;
	struct call_hint hints[CALL_HINTS_MAX];
};

/* Why one grant did not lead to a signature, or the one that did. */
struct call_reason {
	uint8_t grant[32];
	uint16_t result;      /* enum call_result: POLICY_DENIED, CAP_EXCEEDED, ... or SIGNED */
	uint16_t instruction; /* index, or CALL_NO_INSTRUCTION */
	uint32_t code;        /* the policy's own reason code */
	uint64_t fuel;
	struct bytes text; /* UTF-8 without control characters, <= CALL_REASON_TEXT_MAX bytes */
};

struct call_token_fact {
	uint8_t mint[32];
	uint64_t amount;
};

struct call_sign_answer {
	uint64_t request;
	enum call_result result;
	bool client_found;     /* the token is a live client's; false also where nobody looked */
	bool repeated;         /* the same bytes were signed before: counted once */
	uint8_t signer_index;  /* the wallet's place among the required signers */
	uint8_t signer_count;  /* required signatures; 0 when the bytes were not classified */
	uint8_t signature[64]; /* zero unless result is SIGNED */
	uint8_t address[32];   /* the wallet's; zero when none was found */
	uint8_t message_hash[32];
	uint8_t
	    decision[32]; /* decision id; zero when no receipt was made (credentials, overload) */
	uint64_t boot;    /* receipt sequence {boot, number}; number 0: no receipt */
	uint64_t number;
	uint32_t retry_after_ms; /* 0: unknown */
	uint32_t check_ns;       /* time of all policy checks together, for metrics; 0: none ran */
	uint64_t lamports_out;
	uint64_t fee_lamports;
	size_t token_count;
	struct call_token_fact tokens[CALL_FACT_TOKENS_MAX];
	size_t reason_count;
	struct call_reason reasons[CALL_REASONS_MAX];
	struct bytes description; /* only when asked for; UTF-8 */
};

/* call_sign_put_request appends the encoded request; CHECKs the caller's own bounds,
 * STATUS_TOO_LARGE when the buffer is too small (then nothing was appended). */
MUST_USE enum status call_sign_put_request(const struct call_sign_request *request,
                                           struct buffer *message);
/* call_sign_take_request decodes exactly one request; STATUS_MALFORMED for anything else. */
MUST_USE enum status call_sign_take_request(struct bytes message,
                                            struct call_sign_request *ret_request);
MUST_USE enum status call_sign_put_answer(const struct call_sign_answer *answer,
                                          struct buffer *message);
MUST_USE enum status call_sign_take_answer(struct bytes message,
                                           struct call_sign_answer *ret_answer);

#endif
