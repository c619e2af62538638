/* solana_view: exactly what a Solana transaction or message says, and nothing guessed.
 *
 * For the signer (which key signs what), the policy check (the view is handed to modules) and
 * `claviger tx decode`. Decodes legacy, v0 and v1 (SIMD-0385) transactions and messages and
 * off-chain messages v1 from bytes that an attacker wrote: a byte string is accepted when the
 * network's own sanitizer could accept it, it is written in its only form and nothing is left
 * over; every other one is refused with a code and an offset. The rules and the list of reasons
 * are in spec/solana.md.
 *
 * A view borrows the bytes it was decoded from and dies with them. No allocation, no system call;
 * all arrays have the format's own bounds. A struct solana_view has about 2 KB and one size for
 * all formats. On failure the view is untouched and the error says why. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOLANA_VIEW_H
#define SOLANA_VIEW_H

#include "base_bytes.h"
#include "base_limits.h"

#define SOLANA_KEY_LEN          32
#define SOLANA_SIGNATURE_LEN    64
#define SOLANA_SIGNERS_MAX      12 /* signatures of a transaction (SIMD-0385; 1232 bytes hold 12) */
#define SOLANA_STATIC_MAX       64 /* keys in a message: v1's bound; 1232 bytes hold fewer */
#define SOLANA_ACCOUNTS_MAX     256 /* static and looked up: account indexes are one byte */
#define SOLANA_INSTRUCTIONS_MAX 64  /* top-level instructions (SIMD-0160, SIMD-0385) */
#define SOLANA_LOOKUPS_MAX      35  /* lookups of at least 35 bytes in 1232 */

enum solana_kind {
	SOLANA_KIND_TRANSACTION = 1, /* signatures and message: the wire form */
	SOLANA_KIND_MESSAGE,         /* the bytes that a transaction's signers sign */
	SOLANA_KIND_OFFCHAIN,        /* an off-chain message: never valid on chain */
};

enum solana_format {
	SOLANA_FORMAT_LEGACY = 1,
	SOLANA_FORMAT_V0,
	SOLANA_FORMAT_V1,
	SOLANA_FORMAT_OFFCHAIN_V1,
};

/* Why bytes were refused. The codes' texts (solana_error_code) are stable: programs read them. */
enum solana_error_code {
	SOLANA_ERROR_NONE = 0,
	SOLANA_ERROR_EMPTY,             /* no bytes at all */
	SOLANA_ERROR_TOO_LONG,          /* longer than the network takes this format */
	SOLANA_ERROR_TRUNCATED,         /* ends inside a field */
	SOLANA_ERROR_TRAILING_BYTES,    /* bytes after the end */
	SOLANA_ERROR_VERSION,           /* unknown version byte */
	SOLANA_ERROR_LENGTH_FORM,       /* compact-u16 not in its shortest form, or over 16 bits */
	SOLANA_ERROR_SIGNATURE_COUNT,   /* none, over 12, or not the header's number */
	SOLANA_ERROR_HEADER,            /* header counts contradict each other or the keys */
	SOLANA_ERROR_ACCOUNT_COUNT,     /* over 64 static or 256 in all */
	SOLANA_ERROR_DUPLICATE_ACCOUNT, /* a static key twice */
	SOLANA_ERROR_LIFETIME,          /* v1 with an all-zero lifetime */
	SOLANA_ERROR_INSTRUCTION_COUNT, /* over 64 */
	SOLANA_ERROR_PROGRAM_INDEX,     /* the program is the fee payer, looked up or absent */
	SOLANA_ERROR_ACCOUNT_INDEX,     /* an instruction names an account that is absent */
	SOLANA_ERROR_EMPTY_LOOKUP,      /* a lookup that loads nothing */
	SOLANA_ERROR_DUPLICATE_LOOKUP,  /* the same entry of a table twice */
	SOLANA_ERROR_CONFIG_MASK,       /* v1: unknown bit, or half of the priority fee's pair */
	SOLANA_ERROR_CONFIG_HEAP,       /* v1: heap not a multiple of 1024 in 32..256 KiB */
	SOLANA_ERROR_AMBIGUOUS,         /* a wire transaction and a message at once */
	SOLANA_ERROR_NOT_MESSAGE,       /* a wire transaction where a message is signed */
	SOLANA_ERROR_OFFCHAIN_VERSION,  /* off-chain message of another version than 1 */
	SOLANA_ERROR_OFFCHAIN_SIGNERS,  /* none, over 64, not sorted, or not unique */
	SOLANA_ERROR_OFFCHAIN_TEXT,     /* empty text */
	SOLANA_ERROR_OFFCHAIN_UTF8,     /* text is not strict UTF-8 */
	SOLANA_ERROR_OFFCHAIN_HIDDEN,   /* a NUL, or a byte order mark in front: peers drop them */
	SOLANA_ERROR_COMPUTE_BUDGET,    /* fee facts: odd data, or a value refused by the
	                                   runtime */
	SOLANA_ERROR_COMPUTE_BUDGET_TWICE, /* fee facts: the same setting twice */
	SOLANA_ERROR_COUNT
};

struct solana_error {
	enum solana_error_code code;
	uint32_t offset; /* of the byte at fault, in the bytes given */
};

/* A run inside view->message. */
struct solana_range {
	uint16_t offset;
	uint16_t len;
};

#define SOLANA_ACCOUNT_SIGNER   0x01
#define SOLANA_ACCOUNT_WRITABLE 0x02 /* by the header; the runtime may lower it, never raise it */
#define SOLANA_NOT_LOOKED_UP    0xff

struct solana_account {
	uint8_t flags;  /* SOLANA_ACCOUNT_* */
	uint8_t lookup; /* which of view->lookups, or SOLANA_NOT_LOOKED_UP: static */
	uint8_t index;  /* entry of that table; 0 when static */
};

struct solana_instruction {
	uint8_t program;              /* static account, never 0 */
	struct solana_range accounts; /* one account index a byte, each < account_count */
	struct solana_range data;
};

struct solana_lookup {
	uint16_t table; /* offset of the table's 32-byte key */
	struct solana_range writable;
	struct solana_range readonly;
};

/* v1's own limits. A value whose bit is not set is 0 here: what the runtime then takes is 0, and
 * 32 KiB of heap. */
#define SOLANA_CONFIG_PRIORITY_FEE  0x03u
#define SOLANA_CONFIG_COMPUTE_UNITS 0x04u
#define SOLANA_CONFIG_LOADED_DATA   0x08u
#define SOLANA_CONFIG_HEAP          0x10u
#define SOLANA_CONFIG_KNOWN         0x1fu

struct solana_config {
	uint32_t mask;
	uint32_t compute_unit_limit;
	uint32_t loaded_accounts_data_limit_bytes;
	uint32_t heap_bytes;
	uint64_t priority_fee_lamports;
};

struct solana_view {
	enum solana_kind kind;
	enum solana_format format;
	struct bytes message;    /* what is signed: the wire form without its signatures */
	struct bytes signatures; /* required_signatures x 64 bytes; empty unless a transaction */

	uint8_t required_signatures; /* signers are the first static accounts; off-chain: signers */
	uint8_t readonly_signed;
	uint8_t readonly_unsigned;
	uint8_t static_count;
	uint16_t account_count; /* static, then writable loaded, then read-only loaded */
	uint8_t instruction_count;
	uint8_t lookup_count;
	uint16_t keys;            /* offset of static_count x 32 bytes */
	uint16_t lifetime;        /* offset of 32 bytes: blockhash or nonce; off-chain: 0, none */
	struct solana_range text; /* off-chain only */
	struct solana_config config; /* v1 only; else zero */

	struct solana_account accounts[SOLANA_ACCOUNTS_MAX];
	struct solana_instruction instructions[SOLANA_INSTRUCTIONS_MAX];
	struct solana_lookup lookups[SOLANA_LOOKUPS_MAX];
};

/* solana_decode_transaction decodes the wire form; STATUS_MALFORMED or STATUS_TOO_LARGE. */
MUST_USE enum status solana_decode_transaction(struct bytes wire, struct solana_view *ret_view,
                                               struct solana_error *ret_error);
/* solana_decode_message decodes what a transaction's signers sign: legacy, v0 or v1. */
MUST_USE enum status solana_decode_message(struct bytes message, struct solana_view *ret_view,
                                           struct solana_error *ret_error);
/* solana_decode_offchain decodes an off-chain message v1 (sRFC 38). */
MUST_USE enum status solana_decode_offchain(struct bytes message, struct solana_view *ret_view,
                                            struct solana_error *ret_error);
/* solana_classify decodes bytes of unsaid kind. What parses as a wire transaction and as a message
 * is refused (SOLANA_ERROR_AMBIGUOUS); the error of other bytes is that of the likeliest kind. */
MUST_USE enum status solana_classify(struct bytes bytes, struct solana_view *ret_view,
                                     struct solana_error *ret_error);
/* solana_classify_signable decodes what a signer is asked to sign: a message or an off-chain
 * message, never a wire transaction. Bytes that also parse as a wire transaction are refused. */
MUST_USE enum status solana_classify_signable(struct bytes bytes, struct solana_view *ret_view,
                                              struct solana_error *ret_error);

/* solana_error_code returns the stable text of a code, such as "trailing-bytes"; never NULL. */
const char *solana_error_code(enum solana_error_code code);
/* solana_error_text returns a sentence for people: what is wrong and what to do; never NULL. */
const char *solana_error_text(enum solana_error_code code);

/* solana_account_key returns the 32 bytes of a static account; NULL when it is looked up, because
 * only the chain knows it, or absent. */
const uint8_t *solana_account_key(const struct solana_view *view, unsigned account);
/* solana_table_key returns the 32 bytes of a lookup's table. */
const uint8_t *solana_table_key(const struct solana_view *view, unsigned lookup);
/* solana_lifetime returns the 32 bytes of blockhash or nonce; NULL for an off-chain message. */
const uint8_t *solana_lifetime(const struct solana_view *view);
/* solana_signature returns a signer's 64 bytes, zero while it is missing; NULL in a message. */
const uint8_t *solana_signature(const struct solana_view *view, unsigned signer);
/* solana_range_bytes returns a range's bytes, borrowed from the message. */
struct bytes solana_range_bytes(const struct solana_view *view, struct solana_range range);

#define SOLANA_ABSENT (-1)

/* solana_find_signer returns the index of the signer with this key, or SOLANA_ABSENT. */
int solana_find_signer(const struct solana_view *view, const uint8_t key[SOLANA_KEY_LEN]);

/* solana_uses_nonce says whether the lifetime is a durable nonce: the first instruction is for the
 * System program and its data begins with 04 00 00 00, whatever else it holds (L6). A signature
 * for such a message never expires by itself. */
bool solana_uses_nonce(const struct solana_view *view);
/* solana_nonce_account returns the account index of the nonce account (it may be looked up), or
 * SOLANA_ABSENT when no nonce is used or the instruction names no account. */
int solana_nonce_account(const struct solana_view *view);

#endif
