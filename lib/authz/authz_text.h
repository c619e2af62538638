/* authz_text: what a person reads and signs (S23, A5, A6): the description of a change, the exact
 * bytes that an ed25519 user key signs, and the check of that signature.
 *
 * The signer renders the description from the change and its own records; whatever was shown to the
 * user counts only when it is the same, byte for byte: the change holds its hash, the signed text
 * holds it whole. Text lines end with \n, the last one does not. Module text is its author's words:
 * control and bidirectional characters are removed and every line is marked with "| ".
 * Pure; no locale: times are UTC, amounts raw units. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_TEXT_H
#define AUTHZ_TEXT_H

#include "authz_change.h"

/* Off-chain message v1 with one signer: 50 bytes; first and last line of ours: less than 128. */
#define AUTHZ_SIGNED_TEXT_MAX (50 + LIMIT_DESCRIPTION_MAX + 128)

/* How code that the module's bytes do not explain is headed, everywhere (A3). */
#define AUTHZ_CUSTOM_CODE_TEXT "custom code: may allow anything; this text is its author's claim"
/* ... and an intent that is not ours: the evaluator is, and tells the truth about the network's own
 * programs, but which bytes of another program's instruction are the amount is what its author
 * says. */
#define AUTHZ_OTHER_INTENT_TEXT                                                                    \
	"an intent that does not ship with this release: what it says of the instructions of "     \
	"programs other than the network's own is its author's claim"

/* What the signer knows about an entry's wallet, and what its module says. */
struct authz_shown {
	struct bytes name;                       /* of the wallet; births take it from the body */
	uint8_t address[32];                     /* of the wallet; zero at CREATE: not made yet */
	enum authz_module_kind module_kind;      /* GRANT: of the module */
	struct bytes module_name;                /* GRANT: e.g. "transfer"; empty: custom code */
	struct bytes module_text;                /* GRANT: policy_describe of the parameters */
	const struct authz_counter_rule *limits; /* LIMIT: the wallet's, or its grant's, now */
	size_t limit_count;
};

/* authz_same_body_end returns the end of the run of entries from `first` with equal bodies: the
 * module describes each run once. */
size_t authz_same_body_end(const struct authz_change *change, size_t first);

/* authz_describe appends the description of a change; `shown` has one row per entry, of which a run
 * of equal bodies uses the first row's module fields. STATUS_TOO_LARGE above LIMIT_DESCRIPTION_MAX.
 */
MUST_USE enum status authz_describe(const struct authz_change *change,
                                    const struct authz_shown *shown, struct buffer *ret_text);

/* authz_put_clean appends module text for people: UTF-8 that is not well-formed, control characters
 * other than \n, bidirectional and other invisible format characters become '?'; `prefix` starts
 * each line. */
MUST_USE enum status authz_put_clean(struct bytes text, const char *prefix, struct buffer *out);

/* authz_text_put appends the exact bytes that an ed25519 key signs: off-chain message v1 (0xff
 * "solana offchain", 1, one signer, its key) with the text "Claviger <action> v1\n" || description
 * || "\nSHA-256 " || lowercase hex of SHA-256(change). */
MUST_USE enum status authz_text_put(uint8_t action, const uint8_t signer[32],
                                    struct bytes description, struct bytes change,
                                    struct buffer *out);

/* authz_text_is_described tells whether the change names this description (A5). */
bool authz_text_is_described(const struct authz_change *change, struct bytes description);

/* authz_text_verify: STATUS_OK when `signature` is the user's over exactly this change with exactly
 * this description, and the change names that description; STATUS_REFUSED when the description is
 * another one (A5), STATUS_UNSUPPORTED for another kind of key (passkeys: authz_passkey.h),
 * STATUS_CRYPTO for a bad signature. The signed bytes stay in `ret_signed` (AUTHZ_SIGNED_TEXT_MAX)
 * for authz_authority_next. Whether this key may sign for the wallet is the caller's to check. */
MUST_USE enum status authz_text_verify(const struct authz_change *change, struct bytes change_bytes,
                                       struct bytes description,
                                       const struct authz_signature *signature,
                                       struct buffer *ret_signed);
/* authz_text_sign makes the signature; for the command line and tests. */
MUST_USE enum status authz_text_sign(const struct keys_sign_key *key,
                                     const struct authz_change *change, struct bytes change_bytes,
                                     struct bytes description, struct authz_signature *ret_signed);

#endif
