/* cli_change: a change from the person's wish to a signed, durable one.
 *
 * The signer renders the text; what the person is shown is what he signs, and the command checks
 * that the text is about what he asked for. Key material stays in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include "authz_answer.h"
#include "authz_text.h"
#include "cli_server.h"

#define CLI_CHANGE_VALID_S 600

/* A second factor from the command line: another key of the user, or a one-time code. What gives
 * power needs one where the wallet has two factors. */
struct cli_code {
	bool is_given;
	uint8_t id[32]; /* of the factor */
	uint32_t code;
};

struct cli_second {
	const char *key_file, *code_text;
	bool has_key;
	struct keys_sign_key key;
	struct cli_code code;
};

/* The options, for a cli_option table; their help. */
#define CLI_SECOND_OPTIONS(second)                                                                 \
	{"--second", &(second).key_file, NULL},                                                    \
	{                                                                                          \
		"--code", &(second).code_text, NULL                                                \
	}
#define CLI_SECOND_ARGUMENTS "[--second KEY2.json | --code N]"
#define CLI_SECOND_HELP                                                                            \
	"--second, --code   a second factor, where the wallet has one: another user key's file, "  \
	"or a\n"                                                                                   \
	"                   one-time code\n"

/* cli_second_take reads what was given; cli_second_for finds whose one-time codes the wallet takes.
 * Exit status. The key is to be wiped. */
int cli_second_take(const struct cli_call *call, struct cli_second *second);
int cli_second_for(const struct cli_call *call, struct cli_second *second,
                   const struct authz_wallet_record *wallet);

struct cli_change {
	struct cli_server *server;
	const struct keys_sign_key *key; /* of the user */
	const struct cli_second *second; /* or NULL */
	const struct cli_code *first;    /* a code that confirms what is brought, or NULL */
	/* Keys that the change makes factors: they sign, too. */
	const struct keys_sign_key *brought;
	size_t brought_count;
	bool waits;                 /* it is kept for its time; that was said */
	bool yes;                   /* do not ask */
	bool quiet;                 /* do not show the text (--json, --dev) */
	const char *keep;           /* file that the signed change is written to, or NULL */
	bool hold;                  /* only keep it: somebody submits it later */
	struct authz_change change; /* action, entries; the rest is filled in */
	struct authz_signed_change given;
	struct buffer bytes;   /* the encoded change */
	struct buffer text;    /* its description */
	struct buffer request; /* the signed change */
};

/* cli_change_begin sets an empty change of an action up; cli_change_end frees. */
int cli_change_begin(struct cli_change *change, struct cli_server *server, uint8_t action,
                     const struct keys_sign_key *key);
void cli_change_end(struct cli_change *change);

/* cli_change_add appends an entry, kept in order of wallets; for what raises power `previous` is
 * the wallet's authority hash, else NULL. Bodies must live until the end. */
int cli_change_add(struct cli_change *change, const uint8_t wallet[32], const uint8_t *previous,
                   struct bytes body);

/* cli_change_run prepares, shows, asks, signs and submits. A change that has to wait is done as far
 * as can be: it says until when, and sets change->waits. `seal` may be NULL; it is called with
 * the final change's hash to fill change->given.sealed_seeds (imports). */
int cli_change_run(struct cli_change *change,
                   int (*seal)(struct cli_change *change, const uint8_t hash[32], void *context),
                   void *context, struct authz_submit_answer *ret_answer);

/* cli_change_sign has a person read and sign a change that somebody else prepared (the user's
 * page): the signer is asked for the text again, and it must be the one that the change commits to.
 * The signature is the key's, over that text. */
int cli_change_sign(struct cli_server *server, struct bytes prepared,
                    const struct keys_sign_key *key, bool yes,
                    struct authz_signature *ret_signature);

/* cli_change_one makes a change of one wallet, from its body to the signer's answer. The caller has
 * set key, second, yes and quiet of `change`, and nothing else. */
int cli_change_one(struct cli_change *change, struct cli_server *server, uint8_t action,
                   const struct authz_wallet_record *wallet, struct bytes body,
                   struct authz_submit_answer *ret_answer);

/* cli_wallet_find turns a name, address or id into a wallet that this key may see. */
int cli_wallet_find(struct cli_server *server, const struct keys_sign_key *key, const char *text,
                    struct authz_wallet_record *ret_wallet);
/* cli_query_put signs a question, or what is said of that form, with a fresh nonce. */
int cli_query_put(const struct cli_server *server, const struct keys_sign_key *key,
                  struct authz_query *query, struct buffer *out);
/* cli_query asks one question signed by `key`; the payload is borrowed. */
int cli_query(struct cli_server *server, const struct keys_sign_key *key, uint8_t topic,
              const uint8_t target[32], const uint8_t after[32], struct bytes *ret_answer);

#endif
