/* cli_config: settings that may come from an option, the environment or the configuration file, in
 * this order: /etc/claviger/claviger.toml for root, else claviger/claviger.toml below
 * XDG_CONFIG_HOME (~/.config); CLAVIGER_CONFIG names another one.
 *
 * The file is optional unless it was named. What it does not know it refuses, with line and column,
 * so that a misspelt setting is no missing setting, and so it does values that no signer would take
 * (cli_config_rules.c). Values live as long as the process. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "cli.h"

enum cli_setting {
	CLI_SERVE_STATE,
	CLI_SERVE_LISTEN,
	CLI_SERVE_METRICS,
	CLI_SERVE_OPERATOR_LISTEN,
	CLI_SERVE_VERIFIERS,
	CLI_SERVE_TLS_NAME,
	CLI_SERVE_TLS_CERTIFICATE,
	CLI_SERVE_OPERATORS,
	CLI_SERVE_TIME_KEYS,
	CLI_SERVE_TIME_UNPROVEN,
	CLI_SERVE_RP_ID,
	CLI_SERVE_ORIGINS,
	CLI_SERVE_RECOVERY,
	CLI_SERVE_CLIENT_SIGNATURES,
	CLI_SERVE_CLIENT_WALLETS,
	CLI_SERVE_CLIENT_LAMPORTS,
	CLI_SERVE_INPUTS_KEEP,
	CLI_SERVE_STORE_MAX,
	CLI_SERVE_POLICY_ENGINE,
	CLI_SERVE_RECEIPTS_KEEP,
	CLI_CLIENT_SERVER,
	CLI_CLIENT_CA,
	CLI_CLIENT_HOME,
	CLI_CLIENT_EVIDENCE_POLICY,
	CLI_SETTING_COUNT
};

/* cli_config_load reads the file, once. CLI_USAGE when it is refused, CLI_UNSURE when it cannot be
 * read, after complaining. */
int cli_config_load(const struct cli_call *call);
/* cli_config_choose returns the option's value, else the environment's, else the file's, else
 * `fallback`; an empty one counts as none. */
const char *cli_config_choose(enum cli_setting setting, const char *option, const char *fallback);
/* cli_config_judge says whether the value that cli_config_choose gives is one that the setting
 * takes; CLI_USAGE after complaining. None is good. */
int cli_config_judge(const struct cli_call *call, enum cli_setting setting, const char *option);
/* cli_config_expected says what a value of the setting must be; NULL: this one is. */
const char *cli_config_expected(enum cli_setting setting, const char *value);

/* cli_config_relying judges rp_id and origins together, as the signer does at its start; NULL: they
 * are good. */
const char *cli_config_relying(const char *rp_id, const char *origins);

#endif
