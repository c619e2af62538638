/* intent_table: the compiled form of an intent, version 1: what the compiler writes, the evaluator
 * reads and the host checks.
 *
 * For all three, so it includes nothing but <stdbool.h> and <stdint.h> and calls nothing. In words:
 * spec/intent-table.md. Little-endian; offsets are bytes from the table's start, and every part but
 * layouts, words and schema starts at a multiple of 8. A *slot* is one u64 of the evaluator's
 * values, named by its byte offset, so that an operand is one load.
 *
 * Trust: a table is data that anybody can put beside the evaluator. intent_check.h proves once,
 * on the host, that every offset, slot, position and jump lies inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_TABLE_H
#define INTENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define INTENT_MAGIC         UINT32_C(0x54495643) /* "CVIT" */
#define INTENT_VERSION       1 /* of the layout; what operations mean the evaluator's bytes say */
#define INTENT_TABLE_ADDRESS 0x1a000 /* in the module's memory, up to its end */
#define INTENT_TABLE_MAX     24576
#define INTENT_SLOTS_MAX     512
#define INTENT_FORMATS       3   /* of transactions: legacy, v0, v1 */
#define INTENT_POSITIONS_MAX 64  /* accounts that a rule lists */
#define INTENT_BINDS_MAX     32  /* accounts that other rules name */
#define INTENT_SEGMENTS_MAX  8   /* runs of fields whose places are fixed */
#define INTENT_DEPTH_MAX     12  /* types within types while decoding */
#define INTENT_LAYOUTS_MAX   192 /* of one table */
#define INTENT_HASH_MAX      256 /* entries of the table that finds a program */
#define INTENT_PERHAPS_MAX   8   /* parts of a pattern within parts */
#define INTENT_NESTING_MAX   8   /* numbers without a name, made of each other */
#define INTENT_NONE          UINT16_C(0xffff)

struct intent_part {
	uint16_t off;
	uint16_t count; /* entries, or bytes */
};

struct intent_head {
	uint32_t magic;
	uint16_t version;
	uint16_t len;       /* of the table, with everything */
	uint8_t formats;    /* bit n: POLICY_FORMAT n; 0: no transactions at all */
	uint8_t hash_shift; /* of a program: (its bytes 4 to 7 x hash_multiplier) >> hash_shift */
	uint16_t slots;     /* how many there are */
	uint32_t hash_multiplier;
	uint16_t nonce;        /* slot that must not be 0 for a durable nonce; INTENT_NONE: never */
	uint16_t unproven;     /* slot that lets ownership_proven be 0; INTENT_NONE: never */
	uint16_t record_bytes; /* of the parameter record that are read */
	uint8_t payer_kind;    /* enum intent_require: who account 0 is; INTENT_PAYER_OTHER */
	uint8_t flags;
	uint16_t payer_arg, payer_given;
	uint16_t name, title; /* words */
	/* Slots behind the fixed ones: constants, numbers of the record, counts, totals, and what
	 * one instruction computes, in this order; each region begins where the one before it ends.
	 */
	uint16_t numbers, counts, totals, temporaries;
	struct intent_part hash;           /* u8: program + 1, or 0 */
	struct intent_part programs;       /* struct intent_program */
	struct intent_part rules;          /* struct intent_rule */
	struct intent_part ops;            /* struct intent_op */
	struct intent_part layouts;        /* bytes: enum intent_layout */
	struct intent_part enums;          /* u16: see INTENT_ENUM_* */
	struct intent_part keys;           /* 32 bytes each */
	struct intent_part lists;          /* struct intent_list */
	struct intent_part image;          /* u64: what the slots up to `numbers` hold at first */
	struct intent_part params;         /* struct intent_param: numbers taken from the record */
	struct intent_part groups;         /* struct intent_group */
	struct intent_part checks;         /* struct intent_check */
	struct intent_part fields;         /* struct intent_field: the schema's, for texts */
	struct intent_part names;          /* struct intent_name: of slots */
	struct intent_part messages;       /* struct intent_message */
	struct intent_part words;          /* bytes: strings, each ended by 0; the first is empty */
	struct intent_part schema;         /* bytes: the section claviger.parameters */
	uint16_t final_first, final_count; /* ops after the last instruction */
};

#define INTENT_PAYER_OTHER 0xff /* payer_kind: everybody but the wallet */

/* Slots that always are; what the compiler adds begins behind them. */
enum intent_slot {
	INTENT_LAMPORTS = 0,
	INTENT_FEE = 8,
	INTENT_TIPS = 16,
	INTENT_RENT = 24,
	INTENT_WRAPPED = 32,
	INTENT_DELEGATIONS = 40,
	INTENT_AUTHORITIES = 48,
	INTENT_WALLET_WRITABLE = 56,
	INTENT_WALLET_PAYS = 64,
	INTENT_NONCE = 72,
	INTENT_ACCOUNTS = 80,
	INTENT_INSTRUCTIONS = 88,
	INTENT_SIGNATURES = 96,
	INTENT_COMPUTE_LIMIT = 104,
	INTENT_COMPUTE_PRICE = 112,
	INTENT_PRIORITY = 120,
	INTENT_TIME_LOW = 128,
	INTENT_TIME_HIGH = 136,
	INTENT_FIRST_SLOT = 144,
};

struct intent_program {
	uint16_t key;   /* index into keys */
	uint16_t first; /* rules, in the order of the file */
	uint16_t count;
	uint16_t reserved;
};

/* struct intent_rule.flags */
#define INTENT_RULE_FIRST   1u /* only as the transaction's first instruction */
#define INTENT_RULE_FIXED   2u /* data is data_len bytes, no layout */
#define INTENT_RULE_WITHOUT 4u /* the rule before it, without its `maybe` accounts */
#define INTENT_RULE_ANY_FLAGS                                                                      \
	8u                       /* writable flags are not compared but the wallet's and its own   \
	                          */
#define INTENT_REST_WALLET  16u  /* accounts behind the listed ones may be the wallet ... */
#define INTENT_REST_OWN     32u  /* ... its own token accounts ... */
#define INTENT_REST_UNKNOWN 64u  /* ... hidden in a lookup table */
#define INTENT_REST_EXTRA   128u /* they are extra accounts: no signer, hidden ones read-only */

struct intent_rule {
	uint64_t mask, word; /* of the first 8 bytes of data */
	uint8_t prefix;      /* how many of them */
	uint8_t flags;
	uint8_t accounts_min, accounts_max; /* max 255: no bound */
	uint8_t listed;                     /* accounts with a place of their own */
	uint8_t segments;
	uint16_t data_len;                   /* with INTENT_RULE_FIXED; else the least */
	uint16_t layout;                     /* without it; into layouts */
	uint16_t select_first, select_count; /* ops: the requirements that choose the rule */
	uint16_t code_first, code_count;     /* ops */
	uint16_t count;                      /* slot: how many were seen */
	uint16_t max, min;
	uint16_t group;         /* index into groups, or INTENT_NONE */
	uint16_t after, before; /* slots of counts, or INTENT_NONE */
	uint16_t name;          /* words */
	uint16_t positions;     /* words of its accounts' names, one behind the other */
	uint16_t reserved[3];
};

struct intent_list {
	uint16_t first, count; /* into keys */
	uint16_t name, reserved;
};

struct intent_param {
	uint16_t record; /* offset in the parameter record */
	uint16_t slot;
};

struct intent_group {
	uint16_t count; /* slot */
	uint16_t min, max;
	uint16_t name;
};

struct intent_check {
	uint16_t reason;
	uint16_t name; /* words */
};

struct intent_field {
	uint16_t name;
	uint16_t record;
	uint8_t type, unit; /* POLICY_TYPE_*, enum intent_unit */
	uint16_t slot;      /* or INTENT_NONE */
};

struct intent_name {
	uint16_t slot;
	uint16_t name;
	uint16_t unit;
	uint16_t reserved;
};

enum intent_unit {
	INTENT_UNIT_NONE,
	INTENT_UNIT_LAMPORTS,
	INTENT_UNIT_RAW,
	INTENT_UNIT_BPS,
	INTENT_UNIT_SECONDS
};

struct intent_message {
	uint16_t first; /* parts: struct intent_op, in ops */
	uint16_t count;
	uint16_t name, reserved;
};

/* What an account, or a key in the data, must be. */
enum intent_require {
	INTENT_IS_ANY,
	INTENT_IS_OTHER, /* neither the wallet nor its own token account */
	INTENT_IS_WALLET,
	INTENT_IS_PROGRAM,     /* of this instruction */
	INTENT_IS_KEY,         /* arg: index into keys */
	INTENT_IS_PARAM,       /* arg: record offset; given: bit that must be set, or INTENT_NONE */
	INTENT_IS_ACCOUNT,     /* arg: position */
	INTENT_IS_BOUND,       /* arg: bind */
	INTENT_IS_BOUND_OTHER, /* the same; OTHER while no rule has bound it */
	INTENT_IN_LIST,        /* arg: index into lists */
	INTENT_IN_PARAM,       /* arg: record offset of the list */
	INTENT_IS_MINT_OF,     /* arg: position of an own or ata account: the key is its mint */
	INTENT_OWN,            /* with a struct intent_op INTENT_OP_OWNED behind it */
	INTENT_ATA,
	INTENT_REQUIRE_COUNT,
};

/* Whose mint, and which: struct intent_op INTENT_OP_OWNED and others. */
enum intent_mint {
	INTENT_MINT_ANY,
	INTENT_MINT_KEY,          /* arg: index into keys */
	INTENT_MINT_PARAM,        /* arg: record offset */
	INTENT_MINT_LIST,         /* arg: index into lists */
	INTENT_MINT_IN_PARAM,     /* arg: record offset */
	INTENT_MINT_IN_PARAM_ANY, /* the same; any when the list is empty */
	INTENT_MINT_ACCOUNT,      /* arg: position: that account is the mint */
	INTENT_MINT_ENTRY,        /* arg: position: the mint of that own or ata account */
	INTENT_MINT_COUNT,
};

/* Token program of an own or ata account. */
enum intent_program_of {
	INTENT_TOKEN_ANY,
	INTENT_TOKEN_PROGRAM, /* the program of this instruction */
	INTENT_TOKEN_ACCOUNT, /* the key of a place, where it is known */
	INTENT_TOKEN_KEY,     /* a key of the table */
	INTENT_TOKEN_COUNT,
};

/* What an operation does. The fields a, b, c, d of struct intent_op: */
enum intent_opcode {
	INTENT_OP_NONE,
	/* Accounts: a position, b INTENT_MODE_*, c arg, d given (IS_PARAM). OP_ACCOUNT +
	   requirement. */
	INTENT_OP_ACCOUNT,
	INTENT_OP_ACCOUNT_LAST = INTENT_OP_ACCOUNT + INTENT_REQUIRE_COUNT - 1,
	/* Behind an own or ata account: a = mint | token program << 4, b = mint's arg, c = token
	 * program's position, d = index of a second OWNED op (ata's owner, exceptions) or 0. */
	INTENT_OP_OWNED,
	/* a = exception's mint kind | owner's requirement << 4, b = exception's arg, c = owner's
	   arg */
	INTENT_OP_OWNED_MORE,
	/* Behind OWNED_MORE when its d is 1: the key may also be parameter b, given c. */
	INTENT_OP_OWNED_OR,
	INTENT_OP_FRESH,   /* account a is from now on the wallet's, of the mint at place b */
	INTENT_OP_BIND,    /* a position, b bind */
	INTENT_OP_LESS,    /* byte at b of segment a is below c */
	INTENT_OP_LITERAL, /* number of 1 << (a >> 4) bytes at b of segment a & 15 is slot c; reason
	                      d */
	INTENT_OP_FIELD_KEY,  /* key at b of segment a & 15 is (requirement a >> 4) c, given d */
	INTENT_OP_LOAD,       /* slot d = number of 1 << (a >> 4) bytes at b of segment a & 15 */
	INTENT_OP_LOAD_TAIL,  /* the same, 0 when the data ends before it */
	INTENT_OP_ADD,        /* slot d = b + c */
	INTENT_OP_SUB,        /* slot d = b - c */
	INTENT_OP_SCALE_DOWN, /* slot d = b x c / (slot b of the next operation), floor; */
	INTENT_OP_SCALE_UP,   /* ceiling */
	INTENT_OP_DIVISOR,
	INTENT_OP_HAS,      /* slot d = position a is there */
	INTENT_OP_HAS_DATA, /* slot d = data is left where segment a begins */
	INTENT_OP_LENGTH,   /* slot d = how many entries list b of the record has */
	INTENT_OP_GIVEN,    /* slot d = key b of the record was given */
	INTENT_OP_SENT,     /* slot d = fact of the mint (kind a, arg b) */
	INTENT_OP_PER, /* slot d = number in list c with the index of the mint (kind a, arg b) in
	                  list b of the next */
	INTENT_OP_PER_LIST,
	INTENT_OP_PAY,      /* a 0 transfer 1 tip 2 rent 3 wrap, b slot, c position that must be the
	                       wallet or INTENT_NONE */
	INTENT_OP_SEND,     /* a mint kind, b its arg, c slot, d position or INTENT_NONE */
	INTENT_OP_DELEGATE, /* b how many */
	INTENT_OP_AUTHORITY,   /* b how many */
	INTENT_OP_CHECK,       /* a INTENT_CMP_*, b slot, c slot, d index into checks */
	INTENT_OP_SIDE,        /* side a += slot b x slot c */
	INTENT_OP_CHECK_SIDES, /* a INTENT_CMP_*, d index into checks; both sides begin at 0 again
	                        */
	/* Parts of a message's pattern: */
	INTENT_OP_BYTES,   /* words b, without the 0 */
	INTENT_OP_ADDRESS, /* the wallet's address */
	INTENT_OP_TEXT,    /* parameter: type a, record offset b, given d */
	INTENT_OP_CLASS,   /* a INTENT_CLASS_*, b min, c max */
	INTENT_OP_PERHAPS, /* the next c parts, of which the first is BYTES, when these stand here
	                    */
	INTENT_OP_COUNT,
};

#define INTENT_MODE_SIGNER   1u
#define INTENT_MODE_WRITABLE 2u /* it is writable */
#define INTENT_MODE_EITHER   4u /* it may be */
#define INTENT_MODE_HIDDEN   8u
#define INTENT_MODE_OPTIONAL 16u
#define INTENT_MODE_CHOSEN   32u /* the requirement chose the rule, and is not asked again */
#define INTENT_MODE_FRESH    64u /* own: or made by this transaction */
#define INTENT_MODE_REASON   8   /* bits 8 to 15: reason, 0: the usual one */

enum intent_compare {
	INTENT_CMP_LE,
	INTENT_CMP_GE,
	INTENT_CMP_LT,
	INTENT_CMP_GT,
	INTENT_CMP_EQ,
	INTENT_CMP_NE,
	INTENT_CMP_COUNT
};

enum intent_class {
	INTENT_CLASS_DIGITS,
	INTENT_CLASS_ALNUM,
	INTENT_CLASS_TIME,
	INTENT_CLASS_LINE,
	INTENT_CLASS_COUNT
};

struct intent_op {
	uint8_t op;
	uint8_t a;
	uint16_t b, c, d;
};

/* It looks at an account of the instruction. */
static inline bool intent_op_is_account(const struct intent_op *op)
{
	return op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST;
}

/* Layout of data with parts of changing length: one byte, then its arguments (u16 little-endian).
 */
enum intent_layout {
	INTENT_L_END,     /* nothing is left */
	INTENT_L_SEGMENT, /* the next segment begins here */
	INTENT_L_SKIP,    /* n */
	INTENT_L_LESS,    /* n: a byte below n */
	INTENT_L_LITERAL, /* reason, width, then 8 bytes: a number of that width */
	INTENT_L_OPTION,  /* n: 0, or 1 and what follows; n bytes of layout to jump over */
	INTENT_L_RUN,     /* min, max, size: u32 count, count x size bytes */
	INTENT_L_SEED,    /* max: u64 count, bytes */
	INTENT_L_LOOP,    /* min, max, n: u32 count, then count times what follows up to NEXT; n to
	                     jump over */
	INTENT_L_NEXT,
	INTENT_L_REPEAT, /* count: the same, but the count is not in the data */
	INTENT_L_ENUM,   /* reason, e: a tag; entry e + tag of enums */
	INTENT_L_RETURN, /* of a variant's layout */
	INTENT_L_TAIL,   /* end of data is allowed here */
	INTENT_L_REST,   /* max */
	INTENT_L_COUNT,
};

/* intent_format_name is what intent files and texts call a format: policy_request.format, and the
 * bits of intent_head.formats. */
static inline const char *intent_format_name(unsigned format)
{
	static const char *const names[INTENT_FORMATS] = {"legacy", "v0", "v1"};
	return names[format];
}

/* intent_layout_args gives how many bytes of arguments follow an operation of a layout. */
static inline uint32_t intent_layout_args(uint32_t op)
{
	static const uint8_t bytes[INTENT_L_COUNT] = {
	    [INTENT_L_SKIP] = 2,   [INTENT_L_LESS] = 2,   [INTENT_L_LITERAL] = 11,
	    [INTENT_L_OPTION] = 2, [INTENT_L_RUN] = 6,    [INTENT_L_SEED] = 2,
	    [INTENT_L_LOOP] = 6,   [INTENT_L_REPEAT] = 2, [INTENT_L_ENUM] = 4,
	    [INTENT_L_REST] = 2};
	return bytes[op];
}

/* An enum's entry for each tag: u16 number of tags, then per tag: INTENT_ENUM_REFUSED, fewer than
 * INTENT_ENUM_LAYOUT bytes to skip, or INTENT_ENUM_LAYOUT + offset into layouts. */
#define INTENT_ENUM_REFUSED 0xffff
#define INTENT_ENUM_LAYOUT  0x8000

_Static_assert(sizeof(struct intent_head) == 112, "fixed layout");
_Static_assert(sizeof(struct intent_program) == 8, "fixed layout");
_Static_assert(sizeof(struct intent_rule) == 56, "fixed layout");
_Static_assert(sizeof(struct intent_op) == 8, "fixed layout");
_Static_assert(sizeof(struct intent_field) == 8, "fixed layout");

#endif
