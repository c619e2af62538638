/* cli_audit_changes: what users signed, in an audit's file: how a line says it, and the check that
 * it leads from a wallet's birth through every state that a receipt names to where the wallet
 * stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "authz_bundle.h"
#include "authz_text.h"
#include "base_encode.h"
#include "cli_audit.h"

static const char *step_word(uint8_t step)
{
	switch ((enum authz_step)step) {
	case AUTHZ_STEP_DONE:
		return "done";
	case AUTHZ_STEP_WAITS:
		return "waits";
	case AUTHZ_STEP_COMPLETED:
		break;
	}
	return "completed";
}

static void signatures_out(struct cli_out *out, const struct authz_signed_change *given)
{
	static const char *const kinds[AUTHZ_KEY_KIND_COUNT] = {"", "ed25519", "passkey-p256",
	                                                        "passkey-ed25519", "codes"};

	cli_out_name(out, "signatures");
	cli_out_open(out, '[');
	for (size_t i = 0; i < given->signature_count; i++) {
		const struct authz_user_key *key = &given->signatures[i].key;

		cli_out_open(out, '{');
		cli_out_name(out, "kind");
		cli_out_text(out, bytes_of_text(kinds[key->kind]));
		cli_out_name(out, "key"); /* as `claviger factor list` shows it */
		if (key->kind == AUTHZ_KEY_ED25519)
			cli_out_base58(out, BYTES_OF_ARRAY(key->key));
		else
			cli_out_hex(out, BYTES_OF_ARRAY(key->key));
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

bool cli_changed_out(struct cli_out *out, struct bytes bytes)
{
	static struct authz_signed_change given;
	static struct authz_change change;
	struct authz_changed changed;
	struct authz_link link;
	struct authz_kept kept;
	uint8_t hash[32];

	if (authz_changed_take(bytes, &changed) != STATUS_OK ||
	    authz_link_take(changed.link, &link) != STATUS_OK ||
	    authz_kept_take(changed.kept, &kept) != STATUS_OK ||
	    authz_signed_change_take(kept.signed_change, &given) != STATUS_OK ||
	    authz_change_take(given.change, &change) != STATUS_OK)
		return false;
	authz_change_hash(given.change, hash);
	cli_out_open(out, '{');
	cli_out_name(out, "version");
	cli_out_decimal(out, link.version);
	cli_out_name(out, "action");
	cli_out_text(out, bytes_of_text(authz_action_word(change.action)));
	cli_out_name(out, "step");
	cli_out_text(out, bytes_of_text(step_word(link.step)));
	cli_out_name(out, "boot");
	cli_out_decimal(out, link.boot);
	cli_out_name(out, "time_low");
	cli_out_decimal(out, link.time_low_s);
	cli_out_name(out, "time_high");
	cli_out_decimal(out, link.time_high_s);
	cli_out_name(out, "change");
	cli_out_hex(out, BYTES_OF_ARRAY(hash));
	cli_out_name(out, "previous");
	cli_out_hex(out, BYTES_OF_ARRAY(link.previous));
	cli_out_name(out, "authority");
	cli_out_hex(out, BYTES_OF_ARRAY(link.authority));
	signatures_out(out, &given);
	cli_out_name(out, "codes"); /* factors whose one-time codes counted */
	cli_out_open(out, '[');
	for (size_t i = 0; i < kept.code_count; i++)
		cli_out_hex(out, BYTES_OF_ARRAY(kept.codes[i]));
	cli_out_close(out, ']');
	cli_out_name(out, "text");
	cli_out_text(out, kept.description);
	cli_out_close(out, '}');
	return true;
}

void cli_standing_out(struct cli_out *out, const struct authz_standing *standing)
{
	cli_out_open(out, '{');
	cli_out_name(out, "version");
	cli_out_decimal(out, standing->version);
	cli_out_name(out, "authority");
	cli_out_hex(out, BYTES_OF_ARRAY(standing->authority));
	cli_out_name(out, "boot");
	cli_out_decimal(out, standing->boot);
	cli_out_name(out, "time");
	cli_out_decimal(out, standing->time_high_s);
	cli_out_close(out, '}');
}

/* ---- the check ---- */

struct walk {
	struct bytes left; /* of changes and standings */
	const uint8_t *deployment_key;
	struct authz_history *history;
	bool stands; /* the last one was a standing */
};

/* Takes the next change or standing; NULL, or what is wrong. */
static const char *step(struct walk *walk)
{
	struct authz_standing standing;
	struct bytes item;
	uint8_t kind;

	if (!authz_item_take(&walk->left, &kind, &item))
		return "a decision names a state of the wallet that no change in the file leads to";
	walk->stands = kind == CLI_AUDIT_STANDING;
	if (!walk->stands)
		return authz_history_next(walk->history, item) == STATUS_OK ? NULL
		                                                            : walk->history->text;
	if (authz_standing_open(item, walk->deployment_key, &standing) != STATUS_OK)
		return "where the wallet stands is not signed by this deployment's key";
	return authz_history_end(walk->history, &standing) == STATUS_OK ? NULL
	                                                                : walk->history->text;
}

static const char *check_receipt(struct walk *walk, struct bytes bytes)
{
	static struct authz_receipt receipt;
	const char *text = NULL;

	if (authz_receipt_take(bytes, &receipt) != STATUS_OK)
		return "a receipt is malformed";
	while (text == NULL && memcmp(receipt.authority, walk->history->authority, 32) != 0)
		text = step(walk);
	if (text == NULL && !authz_history_allows(walk->history, &receipt))
		text = (receipt.flags & AUTHZ_RECEIPT_EXPORT) != 0 &&
		               receipt.decision != AUTHZ_DECISION_ALLOW
		           ? "a receipt says that the wallet's key was not handed over after all, "
		             "and a change of its user says that it was"
		       : (receipt.flags & AUTHZ_RECEIPT_EXPORT) != 0
		           ? "a receipt says that the wallet's key was handed over, and in the "
		             "state that it names no export waited whose time had come"
		           : "a signature was made under a grant that did not live in the state "
		             "that its receipt names, or with another module or other parameters";
	return text;
}

const char *cli_audit_changes(struct bytes changes, struct bytes bundle,
                              const uint8_t deployment_key[32], struct authz_history *history)
{
	struct walk walk = {.left = changes, .deployment_key = deployment_key, .history = history};
	struct bytes left = bundle, item;
	const char *text = NULL;
	uint8_t kind;

	while (text == NULL && authz_item_take(&left, &kind, &item))
		if (kind == AUTHZ_ITEM_RECEIPT)
			text = check_receipt(&walk, item);
	while (text == NULL && walk.left.len != 0)
		text = step(&walk);
	if (text == NULL && history->owes_export)
		text = "a receipt says that the wallet's key was handed over, and no change of the "
		       "wallet says so: nobody asked for it, or the signer or this export ended "
		       "between the two (then --append, once the wallet decided anew)";
	if (text == NULL && !walk.stands)
		text = "nothing signed says where the wallet stands, so changes may be missing";
	return text;
}
