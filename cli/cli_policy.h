/* cli_policy: what the subcommands of `claviger policy` share: a module with its parameters, loaded
 * as a grant would load it, and requests made from transactions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_POLICY_H
#define CLI_POLICY_H

#include "cli.h"
#include "cli_check.h"
#include "cli_json.h"
#include "cli_tables.h"
#include "policy_answer.h"
#include "policy_request.h"
#include "policy_trust.h"

#define CLI_POLICY_PINS_MAX 1024

struct cli_policy {
	const struct cli_call *call;
	struct buffer module;
	uint8_t hash[32];  /* of the module */
	const char *known; /* its name when it ships or is an intent; NULL: custom code */
	bool ships;        /* with this build */
	bool intent;       /* this build's evaluator with a table */
	struct bytes schema_cbor;
	struct policy_schema schema;
	struct bytes record;
	struct policy_atas atas;
	uint8_t wallet[32];
	struct policy_counter counters[POLICY_COUNTERS_MAX];
	size_t counter_count;
	struct policy_pin pins[CLI_POLICY_PINS_MAX];
	size_t pin_count;
	uint8_t nonce[32];
	bool has_nonce;
	bool unproven; /* the wallet was imported or exported, or this gives accounts away (A20) */
	struct cli_tables hints; /* --tables: shown as the client's claim, never believed (A2) */
	uint64_t time_low, time_high;
	struct policy_mint_cache mints;
};

/* What the person named. */
struct cli_policy_options {
	const char *module, *params, *wallet, *tables, *pins, *counters, *now, *nonce;
	bool unproven;
};

/* cli_policy_open loads everything. CLI_YES, or an exit status after it has complained. */
int cli_policy_open(struct cli_policy *p, const struct cli_call *call,
                    const struct cli_policy_options *options);

/* cli_policy_is_none says what a file is that is no module, and what to do; false: it begins as
 * one. */
bool cli_policy_is_none(const struct cli_call *call, struct bytes module, const char *path);

/* cli_policy_load loads only the module and its schema. */
int cli_policy_load(struct cli_policy *p, const struct cli_call *call, const char *path);

/* cli_policy_load_module is the same for a module in memory; `path` is what messages call it. */
int cli_policy_load_module(struct cli_policy *p, const struct cli_call *call, struct bytes module,
                           const char *path);

/* cli_policy_values sets wallet and parameter values (JSON) of a loaded module. */
int cli_policy_values(struct cli_policy *p, const struct cli_call *call, const char *name,
                      struct bytes json, const char *wallet);

/* What --counters calls POLICY_UNIT_* and POLICY_WINDOW_*, by their numbers; unit 0 is none. */
#define CLI_POLICY_UNITS   4
#define CLI_POLICY_WINDOWS 3
extern const char *const cli_policy_units[CLI_POLICY_UNITS];
extern const char *const cli_policy_windows[CLI_POLICY_WINDOWS];

/* cli_policy_counters sets the counters, JSON as --counters has it. */
int cli_policy_counters(struct cli_policy *p, const struct cli_json_node *counters,
                        const char *path);

/* cli_policy_grant sets wallet and parameters of a loaded module, as another grant would. */
int cli_policy_grant(struct cli_policy *p, const struct cli_call *call, const char *params,
                     const char *wallet);

/* What a policy said about one message, or what was said before it was asked. */
struct cli_policy_result {
	struct policy_decision decision;
	const char *code;  /* reason for machines */
	char own_code[24]; /* where `code` may lie */
	uint64_t fuel;
	struct bytes answer; /* empty when the module gave none */
	size_t trusted_count;
	struct policy_trusted trusted[POLICY_TRUST_MAX];
};

/* cli_policy_ask checks (or describes) one message; `view` NULL describes the grant. */
void cli_policy_ask(struct cli_policy *p, const struct solana_view *view, unsigned mode,
                    bool explain, struct cli_policy_result *ret_result);

/* What is called for a line of a file, counted from 1; `view` is NULL and `error` says why when it
 * is refused. */
typedef void cli_policy_visit(void *context, size_t line, const struct solana_view *view,
                              const struct solana_error *error);

/* cli_policy_each decodes base64 lines of a file (NULL or "-": standard input) and calls `visit`
 * for each. False: it has complained. */
bool cli_policy_each(const struct cli_call *call, const char *path, cli_policy_visit *visit,
                     void *context);

/* cli_policy_refused complains of a line that is refused. */
void cli_policy_refused(const struct cli_call *call, size_t line, const struct solana_error *error);

#endif
