/* policy_abi: what a policy module and its host share: the exchange area, version 1.
 *
 * For both sides: compiled into the signer and into every C policy, so it includes nothing but
 * <stdint.h> and calls nothing. The words of this contract are in spec/policy-abi.md.
 *
 * The module exports policy_io, the address of POLICY_AREA_BYTES bytes, 8-byte aligned. The host
 * writes one request at its start, zeroes the fixed part of the answer at POLICY_ANSWER_OFFSET,
 * calls policy_check or policy_describe, and copies the answer out before it looks at it.
 *
 * Everything is little-endian with fixed layout; every part of the request starts at a multiple of
 * 8, offsets count from the request's start, and reserved fields and padding are zero, so that the
 * SHA-256 of the `len` request bytes names the request (the check-request hash of a receipt).
 *
 * Trust: a module believes the request (the host made it from its own copy of the message). The
 * host believes nothing of the answer: lib/policy decodes it strictly. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_ABI_H
#define POLICY_ABI_H

#include <stdint.h>

#define POLICY_ABI_VERSION     1
#define POLICY_REQUEST_MAGIC   UINT32_C(0x51525643) /* "CVRQ" */
#define POLICY_ANSWER_MAGIC    UINT32_C(0x4e415643) /* "CVAN" */
#define POLICY_REQUEST_MAX     49152                /* bytes of a request */
#define POLICY_ANSWER_OFFSET   49152                /* of the answer in the exchange area */
#define POLICY_TAIL_MAX        25088 /* bytes of explain records and text behind the answer */
#define POLICY_DESCRIPTION_MAX 8192  /* of these: text */
#define POLICY_AREA_BYTES      (POLICY_ANSWER_OFFSET + 984 + POLICY_TAIL_MAX)
#define POLICY_ACCOUNTS_MAX    256 /* static and looked-up accounts of one message */
#define POLICY_DERIVED_MAX     64
#define POLICY_COUNTERS_MAX    16
#define POLICY_TABLES_MAX      64
#define POLICY_TOKENS_MAX      16 /* mints that one transaction may move out of the wallet */
#define POLICY_EXPLAIN_MAX     96
#define POLICY_PARAMETERS_MAX  8192
#define POLICY_FIELDS_MAX      32 /* parameters of one module */
#define POLICY_LIST_MAX        64 /* entries of one list parameter */
#define POLICY_TEXT_MAX        64 /* bytes of one text parameter */

/* struct policy_request.mode */
#define POLICY_MODE_CHECK                1
#define POLICY_MODE_DESCRIBE_GRANT       2 /* no message: what do these parameters allow? */
#define POLICY_MODE_DESCRIBE_TRANSACTION 3

/* struct policy_request.flags */
#define POLICY_FLAG_EXPLAIN                                                                        \
	1u /* report every constraint, go on after a failure; never set when a signature may       \
	      follow */

/* struct policy_request.kind */
#define POLICY_KIND_NONE        0 /* describing a grant */
#define POLICY_KIND_TRANSACTION 1
#define POLICY_KIND_OFFCHAIN    2

/* struct policy_request.format */
#define POLICY_FORMAT_LEGACY      0
#define POLICY_FORMAT_V0          1
#define POLICY_FORMAT_V1          2
#define POLICY_FORMAT_OFFCHAIN_V1 3

/* A run of bytes or of entries inside the request. */
struct policy_range {
	uint32_t off; /* from the request's start */
	uint32_t count;
};

/* What the network can charge for the transaction at worst; never below what it does charge. */
struct policy_fee {
	uint32_t signatures;            /* required signatures */
	uint32_t precompile_signatures; /* what precompile instructions' first bytes claim */
	uint64_t compute_unit_limit;    /* the limit that counts, set or assumed */
	uint64_t compute_unit_price;    /* micro-lamports per unit; 0 in v1 */
	uint64_t priority_lamports;     /* price x limit rounded up, or v1's total */
	uint64_t worst_lamports;        /* base fee of all signatures + priority fee */
};

/* struct policy_account.source */
#define POLICY_SOURCE_UNKNOWN 0 /* behind a lookup table that nobody vouches for: key is zero */
#define POLICY_SOURCE_STATIC  1 /* its key stands in the signed bytes */
#define POLICY_SOURCE_PINNED  2 /* from a table whose contents the grant names */

struct policy_account {
	uint8_t key[32];
	uint8_t signer;
	uint8_t writable;
	uint8_t source;
	uint8_t wallet; /* 1: this is the wallet's address */
	uint32_t reserved;
};

struct policy_instruction {
	uint32_t program;       /* index into accounts; always static */
	uint32_t account_first; /* into the indexes */
	uint32_t account_count;
	uint32_t data_off; /* from the request's start */
	uint32_t data_len;
	uint32_t reserved;
};

/* An account of the message that equals the associated token address of (owner, mint). */
struct policy_derived {
	uint32_t account;        /* index into accounts */
	uint8_t owner_is_wallet; /* 1: owner is the wallet; 0: owner is a parameter */
	uint8_t
	    ownership_proven; /* 0: the address is right, but who owns it now is not known (A20) */
	uint8_t token_2022;   /* 1: token_program is Token-2022 */
	uint8_t mint_is_parameter; /* 1: the mint is a parameter; 0: an account of the message */
	uint8_t owner[32];
	uint8_t mint[32];
	uint8_t token_program[32];
};

/* A lookup table that the message uses. */
struct policy_table {
	uint8_t key[32];
	uint32_t pinned; /* 1: the grant vouches for its first `known` entries */
	uint32_t known;
};

/* struct policy_counter.unit and .window */
#define POLICY_UNIT_LAMPORTS 1 /* lamports and the native mint share it */
#define POLICY_UNIT_MINT     2
#define POLICY_UNIT_USES     3
#define POLICY_WINDOW_TOTAL  0
#define POLICY_WINDOW_1H     1
#define POLICY_WINDOW_24H    2

struct policy_counter {
	uint32_t unit;
	uint32_t window;
	uint8_t mint[32]; /* POLICY_UNIT_MINT only, else zero */
	uint64_t cap;
	uint64_t left; /* what may still be charged now */
};

struct policy_request {
	uint32_t magic;
	uint16_t abi;
	uint16_t mode;
	uint32_t len; /* of the whole request */
	uint32_t flags;
	uint8_t wallet[32]; /* the address that would sign */
	uint32_t kind;
	uint32_t format;
	uint32_t required_signatures;
	uint32_t wallet_account; /* the wallet's index in accounts */
	uint32_t nonce;          /* 1: durable nonce, so the signature does not expire */
	uint32_t reserved;       /* 0 */
	uint64_t time_low;       /* seconds since 1970, proven: for not-before and windows */
	uint64_t time_high;      /* for expiry */
	uint8_t lifetime[32];    /* blockhash, or nonce value */
	struct policy_fee fee;
	struct policy_range message;      /* bytes that would be signed */
	struct policy_range accounts;     /* struct policy_account */
	struct policy_range instructions; /* struct policy_instruction */
	struct policy_range indexes;      /* uint8_t, into accounts */
	struct policy_range derived;      /* struct policy_derived */
	struct policy_range tables;       /* struct policy_table */
	struct policy_range counters;     /* struct policy_counter */
	struct policy_range parameters;   /* bytes of the parameter record */
	struct policy_range text;         /* bytes of an off-chain message's text */
};

/* What a pubkey parameter names, so that the host derives its associated token accounts. */
#define POLICY_ROLE_NONE  0
#define POLICY_ROLE_OWNER 1
#define POLICY_ROLE_MINT  2

/* A parameter record, version 1, is a u64 whose bit i says that field i was given or has a default,
 * then the fields in schema order, each at a multiple of 8: bool and u64 are u64, pubkey is 32
 * bytes, text and lists are struct policy_range with `off` from the record's start and `count`
 * bytes or entries. A field that is not given is zero. */
#define POLICY_TYPE_BOOL        1
#define POLICY_TYPE_U64         2
#define POLICY_TYPE_PUBKEY      3
#define POLICY_TYPE_TEXT        4
#define POLICY_TYPE_U64_LIST    5
#define POLICY_TYPE_PUBKEY_LIST 6

/* struct policy_answer.verdict, and what policy_check returns: the two must agree. */
#define POLICY_DENY  0u
#define POLICY_ALLOW 1u

#define POLICY_NO_INSTRUCTION UINT32_C(0xffffffff)

struct policy_token_out {
	uint8_t mint[32];
	uint64_t amount; /* raw units */
};

/* What can leave the wallet if this transaction is signed, at most. */
struct policy_facts {
	uint64_t lamports_out;  /* all lamports: fee (when the wallet pays it), tips, rent, wraps */
	uint64_t fee_lamports;  /* of these: base and priority fee */
	uint64_t tip_lamports;  /* of these: tips */
	uint64_t rent_lamports; /* of these: rent of accounts that the wallet pays for */
	uint64_t wrapped_lamports; /* of these: moved to the wallet's own wrapped-SOL account */
	uint32_t delegations;      /* accounts over which someone else gets power to spend */
	uint32_t authority_changes;
	uint32_t token_count;
	uint32_t reserved;
	struct policy_token_out tokens[POLICY_TOKENS_MAX];
};

struct policy_charge {
	uint32_t counter; /* index into the request's counters, each at most once */
	uint32_t reserved;
	uint64_t amount;
};

/* The fixed part of the answer. Behind it lie explain_count struct policy_explain, then text_len
 * bytes of UTF-8. */
struct policy_answer {
	uint32_t magic;
	uint32_t verdict;
	uint32_t reason;      /* POLICY_REASON_NONE on allow */
	uint32_t instruction; /* the one that the reason is about, or POLICY_NO_INSTRUCTION */
	uint32_t charge_count;
	uint32_t explain_count;
	uint32_t text_len; /* on refusal: the reason in words; when describing: the description */
	uint32_t reserved;
	struct policy_facts facts;
	struct policy_charge charges[POLICY_COUNTERS_MAX];
};

/* One constraint, as --explain lists it. Texts are UTF-8, filled up with zeros. */
struct policy_explain {
	uint32_t holds; /* 1 or 0 */
	uint32_t reason;
	uint32_t instruction;
	uint32_t reserved;
	uint8_t name[32];
	uint8_t expected[64];
	uint8_t actual[64];
};

/* Reason codes. Below 1000 they mean the same in every module; from 1000 on they are its own. Codes
 * 1 to 19 are the host's: a module that returns one is answered with POLICY_REASON_BAD_ANSWER.
 * X(value, NAME, "name for machines") */
#define POLICY_REASONS(X)                                                                          \
	X(0, NONE, "none")                                                                         \
	X(1, BAD_ANSWER, "module-bad-answer")                                                      \
	X(2, TRAP, "module-trap")                                                                  \
	X(3, OUT_OF_FUEL, "module-out-of-fuel")                                                    \
	X(4, FLOOR, "never-allowed")                                                               \
	X(5, NONCE, "durable-nonce")                                                               \
	X(6, BAD_MODULE, "module-refused")                                                         \
	X(20, KIND, "kind-not-allowed")                                                            \
	X(21, FORMAT, "format-not-allowed")                                                        \
	X(22, PROGRAM, "program-not-allowed")                                                      \
	X(23, INSTRUCTION, "instruction-not-allowed")                                              \
	X(24, DATA, "instruction-data-malformed")                                                  \
	X(25, TRAILING, "instruction-data-trailing")                                               \
	X(26, ACCOUNT_COUNT, "account-count")                                                      \
	X(27, ACCOUNT, "account-not-allowed")                                                      \
	X(28, ACCOUNT_UNKNOWN, "account-unknown")                                                  \
	X(29, SIGNER, "signer-not-allowed")                                                        \
	X(30, FEE_PAYER, "fee-payer-not-allowed")                                                  \
	X(31, RECIPIENT, "recipient-not-allowed")                                                  \
	X(32, MINT, "mint-not-allowed")                                                            \
	X(33, DECIMALS, "decimals-wrong")                                                          \
	X(34, SOURCE, "source-not-own-account")                                                    \
	X(35, DESTINATION, "destination-not-own-account")                                          \
	X(36, AMOUNT, "amount-over-limit")                                                         \
	X(37, MIN_OUT, "minimum-out-too-low")                                                      \
	X(38, SLIPPAGE, "slippage-over-limit")                                                     \
	X(39, PLATFORM_FEE, "platform-fee-not-allowed")                                            \
	X(40, ROUTE, "route-step-not-allowed")                                                     \
	X(41, FEE, "fee-over-limit")                                                               \
	X(42, TIP, "tip-over-limit")                                                               \
	X(43, RENT, "rent-over-limit")                                                             \
	X(44, COUNTER, "counter-exhausted")                                                        \
	X(45, MEMO, "memo-not-allowed")                                                            \
	X(46, MISSING, "instruction-missing")                                                      \
	X(47, REPEATED, "instruction-repeated")                                                    \
	X(48, OWNERSHIP, "ownership-not-proven")                                                   \
	X(49, OVERFLOW, "amount-overflow")                                                         \
	X(50, PRICE, "price-below-minimum")                                                        \
	X(51, PARAMETERS, "parameters-wrong")                                                      \
	X(52, TOO_MANY, "too-many")                                                                \
	X(53, LIFETIME, "lifetime-not-allowed")                                                    \
	X(54, COMPUTE, "compute-budget-wrong")                                                     \
	X(55, WRAP, "wrap-not-allowed")                                                            \
	X(56, CLOSE, "close-not-allowed")

enum policy_reason {
#define POLICY_REASON_ROW(value, name, text) POLICY_REASON_##name = value,
	POLICY_REASONS(POLICY_REASON_ROW)
#undef POLICY_REASON_ROW
};
#define POLICY_REASON_MODULE_FIRST 20
#define POLICY_REASON_OWN_FIRST    1000

_Static_assert(sizeof(struct policy_range) == 8, "fixed layout");
_Static_assert(sizeof(struct policy_fee) == 40, "fixed layout");
_Static_assert(sizeof(struct policy_account) == 40, "fixed layout");
_Static_assert(sizeof(struct policy_instruction) == 24, "fixed layout");
_Static_assert(sizeof(struct policy_derived) == 104, "fixed layout");
_Static_assert(sizeof(struct policy_table) == 40, "fixed layout");
_Static_assert(sizeof(struct policy_counter) == 56, "fixed layout");
_Static_assert(sizeof(struct policy_request) == 232, "fixed layout");
_Static_assert(sizeof(struct policy_facts) == 696, "fixed layout");
_Static_assert(sizeof(struct policy_charge) == 16, "fixed layout");
_Static_assert(sizeof(struct policy_answer) == 984, "fixed layout");
_Static_assert(sizeof(struct policy_explain) == 176, "fixed layout");
_Static_assert(POLICY_AREA_BYTES % 8 == 0, "the area is 8-byte aligned");

#endif
