/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_config.h"

#include <claviger_toml.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli_commands.h"
#include "cli_file.h"
#include "cli_home.h"
#include "cli_json.h"
#include "cli_out.h"
#include "cli_serve.h"
#include "keys.h"

#define CONFIG_FILE_MAX (64u * 1024)
#define VALUE_MAX       CLI_PATH_MAX

enum kind { TEXT, NUMBER, LIST };

static const struct {
	const char *table, *key, *variable;
	enum kind kind;
} rows[CLI_SETTING_COUNT] = {
    [CLI_SERVE_STATE] = {"serve",  "state",                    "CLAVIGER_STATE",                TEXT  },
    [CLI_SERVE_LISTEN] = {"serve",  "listen",                   "CLAVIGER_LISTEN",               TEXT  },
    [CLI_SERVE_METRICS] = {"serve",  "metrics",                  "CLAVIGER_METRICS",              TEXT  },
    [CLI_SERVE_OPERATOR_LISTEN] = {"serve",  "operator_listen",          "CLAVIGER_OPERATOR_LISTEN",      TEXT  },
    [CLI_SERVE_VERIFIERS] = {"serve",  "verifiers",                "CLAVIGER_VERIFIERS",            NUMBER},
    [CLI_SERVE_TLS_NAME] = {"serve",  "tls_name",                 "CLAVIGER_TLS_NAME",             LIST  },
    [CLI_SERVE_TLS_CERTIFICATE] = {"serve",  "tls_certificate",          "CLAVIGER_TLS_CERTIFICATE",      TEXT  },
    [CLI_SERVE_OPERATORS] = {"serve",  "operators",                "CLAVIGER_OPERATORS",            LIST  },
    [CLI_SERVE_TIME_KEYS] = {"serve",  "time_keys",                "CLAVIGER_TIME_KEYS",            LIST  },
    [CLI_SERVE_TIME_UNPROVEN] = {"serve",  "time_unproven_max",        "CLAVIGER_TIME_UNPROVEN_MAX",
                         NUMBER                                                                       },
    [CLI_SERVE_RP_ID] = {"serve",  "rp_id",                    "CLAVIGER_RP_ID",                TEXT  },
    [CLI_SERVE_ORIGINS] = {"serve",  "origins",                  "CLAVIGER_ORIGINS",              LIST  },
    [CLI_SERVE_RECOVERY] = {"serve",  "recovery",                 "CLAVIGER_RECOVERY",             TEXT  },
    [CLI_SERVE_CLIENT_SIGNATURES] = {"serve",  "client_signatures_second",
                         "CLAVIGER_CLIENT_SIGNATURES_SECOND",                                   NUMBER},
    [CLI_SERVE_CLIENT_WALLETS] = {"serve",  "client_wallets_minute",
                         "CLAVIGER_CLIENT_WALLETS_MINUTE",                                      NUMBER},
    [CLI_SERVE_CLIENT_LAMPORTS] = {"serve",  "client_lamports_hour",     "CLAVIGER_CLIENT_LAMPORTS_HOUR",
                         NUMBER                                                                       },
    [CLI_SERVE_INPUTS_KEEP] = {"serve",  "inputs_keep_mb",           "CLAVIGER_INPUTS_KEEP_MB",       NUMBER},
    [CLI_SERVE_STORE_MAX] = {"serve",  "store_max_mb",             "CLAVIGER_STORE_MAX_MB",         NUMBER},
    [CLI_SERVE_POLICY_ENGINE] = {"serve",  "policy_engine",            "CLAVIGER_POLICY_ENGINE",        TEXT  },
    [CLI_SERVE_RECEIPTS_KEEP] = {"serve",  "receipts_keep_days",       "CLAVIGER_RECEIPTS_KEEP_DAYS",
                         NUMBER                                                                       },
    [CLI_CLIENT_SERVER] = {"client", "server",                   "CLAVIGER_SERVER",               TEXT  },
    [CLI_CLIENT_CA] = {"client", "ca",                       "CLAVIGER_CA",                   TEXT  },
    [CLI_CLIENT_EVIDENCE_POLICY] = {"client", "evidence_policy",          "CLAVIGER_EVIDENCE_POLICY",      TEXT  },
    [CLI_CLIENT_HOME] = {"client", "home",                     "CLAVIGER_HOME",                 TEXT  },
};

static const char *const kind_names[] = {"a text", "a whole number", "a text or a list of texts"};

/* One file while it is read. */
struct reading {
	const char *path, *table;
	struct bytes text;
	char *message;
	size_t cap;
};

static char values[CLI_SETTING_COUNT][VALUE_MAX];
static char loaded_path[CLI_PATH_MAX];
static bool is_loaded;

/* key_here says whether this key, bare or quoted, and then `end` stand at *at, and steps to it. */
static bool key_here(struct bytes line, size_t *at, struct bytes key, char end)
{
	size_t i = *at;

	if (i < line.len && (line.data[i] == '"' || line.data[i] == '\''))
		i++;
	if (line.len - i < key.len || memcmp(line.data + i, key.data, key.len) != 0)
		return false;
	i += key.len;
	while (i < line.len && memchr(" \t\"'", line.data[i], 4) != NULL)
		i++;
	if (i == line.len || line.data[i] != end)
		return false;
	*at = i;
	return true;
}

/* dotted_here says whether `table.key` stands there; with an empty key any key does. */
static bool dotted_here(struct bytes line, size_t at, struct bytes table, struct bytes key)
{
	if (key.len == 0 && key_here(line, &at, table, '='))
		return true;
	if (!key_here(line, &at, table, '.'))
		return false;
	for (at++; at < line.len && (line.data[at] == ' ' || line.data[at] == '\t');)
		at++;
	return key.len == 0 || key_here(line, &at, key, '=') || key_here(line, &at, key, '.');
}

/* find_place finds where a key of a table stands, for people: in `[table]`, or as `table.key`. A
 * table is looked for with an empty key. The text was already read as TOML. */
static bool find_place(struct bytes text, struct bytes table, struct bytes key, unsigned *ret_line,
                       size_t *ret_column)
{
	bool inside = false, begun = false;
	unsigned number = 0;

	for (size_t start = 0; start < text.len;) {
		const uint8_t *end = memchr(text.data + start, '\n', text.len - start);
		size_t len = end != NULL ? (size_t)(end - text.data) - start : text.len - start;
		struct bytes line = bytes_of(text.data + start, len);
		size_t at = 0, after;
		bool opens = false, found;

		number++;
		start += len + 1;
		for (; at < len && memchr(" \t[", line.data[at], 3) != NULL; at++)
			opens = opens || line.data[at] == '[';
		begun = begun || opens;
		after = at;
		if (opens) {
			inside = key_here(line, &after, table, ']') ||
			         key_here(line, &after, table, '.');
			found = inside && key.len == 0;
		} else if (inside) {
			found = key.len != 0 && (key_here(line, &after, key, '=') ||
			                         key_here(line, &after, key, '.'));
		} else {
			found = !begun && dotted_here(line, at, table, key);
		}
		if (!found)
			continue;
		*ret_line = number;
		*ret_column = at + 1;
		return true;
	}
	return false;
}

static enum status refuse(const struct reading *r, struct bytes table, struct bytes key,
                          const char *why)
{
	unsigned line;
	size_t column;
	int len = 0;

	if (find_place(r->text, table, key, &line, &column))
		len = snprintf(r->message, r->cap, "%s, line %u, column %zu: ", r->path, line,
		               column);
	else
		len = snprintf(r->message, r->cap, "%s: ", r->path);
	if (len > 0 && (size_t)len < r->cap)
		snprintf(r->message + len, r->cap - (size_t)len, "%.*s%s%.*s %s",
		         table.len > 64 ? 64 : (int)table.len, (const char *)table.data,
		         key.len != 0 ? "." : "", key.len > 64 ? 64 : (int)key.len,
		         (const char *)key.data, why);
	return STATUS_REFUSED;
}

static bool append(char *to, struct bytes text)
{
	size_t len = strlen(to);

	if (text.len == 0 || len + text.len + 2 > VALUE_MAX ||
	    memchr(text.data, '\0', text.len) != NULL || memchr(text.data, '\n', text.len) != NULL)
		return false;
	if (len != 0)
		to[len++] = ',';
	memcpy(to + len, text.data, text.len);
	to[len + text.len] = '\0';
	return true;
}

static bool take_value(const struct cli_json_node *node, enum kind kind, char *ret_value)
{
	struct bytes text;
	uint64_t number;
	size_t count;

	ret_value[0] = '\0';
	if (kind == NUMBER) {
		if (!cli_json_u64(node, &number))
			return false;
		snprintf(ret_value, VALUE_MAX, "%" PRIu64, number);
		return true;
	}
	if (cli_json_text(node, &text))
		return append(ret_value, text);
	if (kind != LIST || !cli_json_count(node, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!cli_json_text(cli_json_item(node, i), &text) || !append(ret_value, text))
			return false;
	return true;
}

static enum status take_key(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct reading *r = context;
	struct bytes table = bytes_of_text(r->table);
	const char *expected;
	char why[128];

	for (size_t i = 0; i < CLI_SETTING_COUNT; i++) {
		if (strcmp(rows[i].table, r->table) != 0 ||
		    !bytes_equal(name, bytes_of_text(rows[i].key)))
			continue;
		if (!take_value(value, rows[i].kind, values[i])) {
			snprintf(why, sizeof(why),
			         "must be %s that is not empty, of less than %d bytes",
			         kind_names[rows[i].kind], VALUE_MAX);
			return refuse(r, table, name, why);
		}
		expected = cli_config_expected((enum cli_setting)i, values[i]);
		if (expected == NULL)
			return STATUS_OK;
		snprintf(why, sizeof(why), "must be %s", expected);
		return refuse(r, table, name, why);
	}
	return refuse(r, table, name,
	              "is no setting; `claviger config check --help` lists all of them");
}

static enum status take_table(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct reading *r = context;

	for (size_t i = 0; i < CLI_SETTING_COUNT; i++) {
		if (!bytes_equal(name, bytes_of_text(rows[i].table)))
			continue;
		if (!cli_json_is_object(value))
			return refuse(r, name, bytes_of(NULL, 0), "must be a table");
		r->table = rows[i].table;
		return cli_json_each(value, take_key, r);
	}
	return refuse(r, name, bytes_of(NULL, 0), "is no table of settings: serve and client are");
}

/* read_file fills `values`; on failure `message` has a sentence. */
static enum status read_file(const char *path, char *message, size_t cap)
{
	struct reading r = {.path = path, .message = message, .cap = cap};
	struct claviger_toml_error error;
	struct cli_json_file file;
	struct buffer toml;
	static char json[8 * CONFIG_FILE_MAX];
	size_t len = 0;
	enum status status = cli_file_read(path, CONFIG_FILE_MAX, &toml, message, cap);
	int result;

	if (status != STATUS_OK)
		return status;
	r.text = buffer_bytes(&toml);
	result = claviger_toml_to_json((const char *)toml.data, toml.len, json, sizeof(json), &len,
	                               &error);
	if (result == CLAVIGER_TOML_DONE) {
		status = cli_json_parse(bytes_of(json, len), &file, message, cap);
		if (status == STATUS_OK) {
			status = cli_json_each(file.root, take_table, &r);
			cli_json_close(&file);
		}
	} else if (result == CLAVIGER_TOML_MALFORMED) {
		snprintf(message, cap, "%s, line %u, column %u: %s", path, error.line, error.column,
		         error.text);
		status = STATUS_MALFORMED;
	} else {
		snprintf(message, cap, "%s is too long", path);
		status = STATUS_TOO_LARGE;
	}
	free(toml.data);
	return status;
}

/* find_file says which file it is; false: none, and none was named. */
static bool find_file(char ret_path[CLI_PATH_MAX])
{
	const char *named = getenv("CLAVIGER_CONFIG"), *base = getenv("XDG_CONFIG_HOME");
	const char *user = getenv("HOME");

	if (named != NULL && named[0] != '\0') {
		snprintf(ret_path, CLI_PATH_MAX, "%s", named);
		return true;
	}
	if (geteuid() == 0)
		snprintf(ret_path, CLI_PATH_MAX, "/etc/claviger/claviger.toml");
	else if (base != NULL && base[0] == '/')
		snprintf(ret_path, CLI_PATH_MAX, "%s/claviger/claviger.toml", base);
	else
		snprintf(ret_path, CLI_PATH_MAX, "%s/.config/claviger/claviger.toml",
		         user != NULL ? user : "");
	return access(ret_path, F_OK) == 0;
}

int cli_config_load(const struct cli_call *call)
{
	char message[512];
	enum status status;

	if (is_loaded)
		return CLI_YES;
	if (!find_file(loaded_path)) {
		loaded_path[0] = '\0';
		is_loaded = true;
		return CLI_YES;
	}
	status = read_file(loaded_path, message, sizeof(message));
	if (status != STATUS_OK) {
		cli_complain(call, "%s", message);
		return status == STATUS_IO ? CLI_UNSURE : CLI_USAGE;
	}
	is_loaded = true;
	return CLI_YES;
}

static const char *of_environment(enum cli_setting setting)
{
	const char *value = getenv(rows[setting].variable);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *cli_config_choose(enum cli_setting setting, const char *option, const char *fallback)
{
	const char *value = option != NULL ? option : of_environment(setting);

	if (value != NULL && value[0] != '\0')
		return value;
	return values[setting][0] != '\0' ? values[setting] : fallback;
}

int cli_config_judge(const struct cli_call *call, enum cli_setting setting, const char *option)
{
	const char *value = cli_config_choose(setting, option, NULL);
	const char *expected = value != NULL ? cli_config_expected(setting, value) : NULL;
	char name[64];

	if (expected == NULL)
		return CLI_YES;
	/* What the file says was refused when it was read. */
	snprintf(name, sizeof(name), "%s", rows[setting].variable);
	if (value == option) {
		snprintf(name, sizeof(name), "--%s", rows[setting].key);
		for (char *at = name; *at != '\0'; at++)
			*at = *at == '_' ? '-' : *at;
	}
	cli_complain(call, "%s %s: expected %s", name, value, expected);
	return CLI_USAGE;
}

/* ---- claviger config check ---- */

static void show_settings(const struct cli_call *call)
{
	struct cli_out out = {.file = cli_answer_file()};

	if (call->json) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "file");
		if (loaded_path[0] != '\0')
			cli_out_text(&out, bytes_of_text(loaded_path));
		else
			cli_out_null(&out);
		cli_out_name(&out, "settings");
		cli_out_open(&out, '{');
	} else if (loaded_path[0] != '\0') {
		printf("%s is good\n", loaded_path);
	} else {
		printf("there is no configuration file; every setting has its default\n");
	}
	for (enum cli_setting i = 0; i < CLI_SETTING_COUNT; i++) {
		const char *value = cli_config_choose(i, NULL, NULL);
		char name[64];

		if (value == NULL)
			continue;
		snprintf(name, sizeof(name), "%s.%s", rows[i].table, rows[i].key);
		if (call->json) {
			cli_out_name(&out, name);
			cli_out_text(&out, bytes_of_text(value));
		} else {
			printf("  %-16s %s%s%s\n", name, value,
			       of_environment(i) != NULL ? "   from " : "",
			       of_environment(i) != NULL ? rows[i].variable : "");
		}
	}
	if (call->json) {
		cli_out_close(&out, '}');
		cli_out_close(&out, '}');
		cli_out_line(&out);
	}
}

static int run_check(struct cli_call *call)
{
	static struct cli_serve serve;
	char message[512];
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count > 1)
		return cli_usage(call, "takes at most one file");
	if (call->count == 1) {
		enum status status = read_file(call->arguments[0], message, sizeof(message));

		if (status != STATUS_OK) {
			cli_complain(call, "%s", message);
			return status == STATUS_IO ? CLI_UNSURE : CLI_NO;
		}
		snprintf(loaded_path, sizeof(loaded_path), "%s", call->arguments[0]);
	} else {
		result = cli_config_load(call);
		if (result != CLI_YES)
			return result == CLI_USAGE ? CLI_NO : result;
	}
	for (enum cli_setting i = 0; i < CLI_SETTING_COUNT; i++)
		if (cli_config_judge(call, i, NULL) != CLI_YES)
			return CLI_NO;
	keys_open();
	if (cli_serve_relying(call, &serve) != CLI_YES)
		return CLI_NO;
	show_settings(call);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_config_check = {
    .name = "config check",
    .arguments = "[FILE]",
    .sentence = "check the configuration file and show what it sets",
    .run = run_check,
    .help =
        "The file is /etc/claviger/claviger.toml for root, else claviger/claviger.toml below\n"
        "XDG_CONFIG_HOME (~/.config); CLAVIGER_CONFIG names another one. An option on the command\n"
        "line wins over the environment, the environment over the file. All settings:\n\n"
        "  [serve]\n"
        "  state = \"/var/lib/claviger\"       # or CLAVIGER_STATE, --state\n"
        "  listen = \"127.0.0.1:8200\"         # or CLAVIGER_LISTEN, --listen\n"
        "  metrics = \"127.0.0.1:9200\"        # or CLAVIGER_METRICS, --metrics\n"
        "  verifiers = 3                     # or CLAVIGER_VERIFIERS, --verifiers\n"
        "  tls_name = [\"signer.example\"]     # or CLAVIGER_TLS_NAME, --tls-name\n"
        "  tls_certificate = \"/etc/claviger/tls.pem\"  # or CLAVIGER_TLS_CERTIFICATE, ...\n"
        "  operator_listen = \"0.0.0.0:8201\"  # or CLAVIGER_OPERATOR_LISTEN, --operator-listen; "
        "default: none\n"
        "  store_max_mb = 65536              # or CLAVIGER_STORE_MAX_MB: how large the store "
        "becomes, from 16;\n"
        "                                    # default: as the disk lets it\n"
        "  client_signatures_second = 50     # ceilings of each client, which freeze it when\n"
        "  client_wallets_minute = 20        # passed; CLAVIGER_CLIENT_SIGNATURES_SECOND and so "
        "on;\n"
        "  client_lamports_hour = 5000000000 # default: none\n"
        "  time_keys = [\"PUBLIC KEY\"]        # or CLAVIGER_TIME_KEYS; who says what time it is, "
        "more\n"
        "                                    # than half must agree; without: this machine's "
        "clock\n"
        "  time_unproven_max = 3600          # or CLAVIGER_TIME_UNPROVEN_MAX; seconds that grants\n"
        "                                    # with an end or a window go on without proof\n"
        "  operators = [\"PUBLIC KEY\"]        # or CLAVIGER_OPERATORS; beside operator.json\n"
        "  rp_id = \"signer.example\"          # or CLAVIGER_RP_ID, --rp-id\n"
        "  origins = [\"https://signer.example\"] # or CLAVIGER_ORIGINS, --origins\n"
        "  recovery = \"KEY\"                  # or CLAVIGER_RECOVERY, --recovery: the first start "
        "fixes it\n"
        "  policy_engine = \"compiled\"        # or CLAVIGER_POLICY_ENGINE; \"interpreter\": "
        "policies that\n"
        "                                    # ship are interpreted, too, as all others are\n"
        "  inputs_keep_mb = 1024             # or CLAVIGER_INPUTS_KEEP_MB: what `receipt replay`\n"
        "                                    # needs, the oldest giving way\n"
        "  receipts_keep_days = 0            # or CLAVIGER_RECEIPTS_KEEP_DAYS: older receipts are\n"
        "                                    # deleted, so export them before; 0: never\n\n"
        "  [client]\n"
        "  server = \"https://127.0.0.1:8200\" # or CLAVIGER_SERVER, --server\n"
        "  ca = \"/path/ca.pem\"               # or CLAVIGER_CA, --ca\n"
        "  home = \"/path\"                    # or CLAVIGER_HOME, --home\n"
        "  evidence_policy = \"/path/p.json\" # or CLAVIGER_EVIDENCE_POLICY: what evidence must "
        "show\n\n"
        "Exit status 1 when the file is refused, 3 when it cannot be read.\n",
};
