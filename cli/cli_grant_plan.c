/* cli_grant_plan: `claviger grant plan`: replacements of a policy in many wallets' grants.
 *
 * Nothing is changed: for each live grant of the old module it writes the parameters for the new
 * one and the two commands that replace it, with what is left of its limits. Each owner runs his
 * own, when he has read the new text; until then the old grant works. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_grant.h"
#include "cli_parameters.h"
#include "secret.h"

static const char help[] =
    "For every wallet of this key, and every live grant in it of module FROM: writes a file of\n"
    "parameters for module TO into DIR, and prints the commands that make the new grant and take\n"
    "the old one back. Caps are what is left of totals now (what is signed until the owner runs\n"
    "them comes on top: plan anew then), and the same for windows. Parameters keep\n"
    "their names; one that TO does not have is told, as is one that it needs and that is not "
    "there.\n"
    "Old grants go on until their owners have run the commands. `policy diff` says what TO "
    "widens.\n";

struct plan {
	struct cli_call *call;
	struct cli_server server;
	struct keys_sign_key key;
	const char *policy, *dir, *key_file;
	uint8_t from[32];
	struct policy_schema schema; /* of TO */
	struct cli_out out;
	unsigned grants, incomplete;
};

/* Values that TO has under the same name and type; says the others. */
static bool write_parameters(struct plan *plan, const struct authz_grant_record *grant,
                             const char *path, char *notes, size_t notes_cap, bool *ret_complete)
{
	static _Alignas(8) uint8_t space[POLICY_PARAMETERS_MAX];
	struct buffer record = BUFFER_OF_ARRAY(space);
	struct policy_schema old;
	struct policy_error error;
	size_t len = 0;
	if (policy_schema_decode(bytes_of(grant->schema, grant->schema_len), &old, &error) !=
	        STATUS_OK ||
	    policy_record_encode(&old, bytes_of(grant->parameters, grant->parameters_len), &record,
	                         &error) != STATUS_OK)
		return false;
	uint64_t given = load_le64(space), kept = 0;
	for (size_t i = 0; i < old.count; i++) {
		int at = policy_schema_find(&plan->schema, old.fields[i].name);
		if ((given >> i & 1) == 0)
			continue;
		if (at >= 0 && plan->schema.fields[at].type == old.fields[i].type)
			kept |= UINT64_C(1) << i;
		else if (len < notes_cap)
			len += (size_t)snprintf(notes + len, notes_cap - len, "%.*s goes; ",
			                        (int)old.fields[i].name.len,
			                        (const char *)old.fields[i].name.data);
	}
	bool complete = true;
	for (size_t i = 0; i < plan->schema.count; i++) {
		int at = policy_schema_find(&old, plan->schema.fields[i].name);
		if (plan->schema.fields[i].need != POLICY_NEED_REQUIRED ||
		    (at >= 0 && (kept >> at & 1) != 0))
			continue;
		complete = false;
		if (len < notes_cap)
			len +=
			    (size_t)snprintf(notes + len, notes_cap - len, "%.*s must be added; ",
			                     (int)plan->schema.fields[i].name.len,
			                     (const char *)plan->schema.fields[i].name.data);
	}
	if (grant->pin_count != 0) {
		complete = false;
		if (len < notes_cap)
			snprintf(notes + len, notes_cap - len,
			         "its lookup tables must be pinned again; ");
	}
	store_le64(space, kept);
	FILE *file = fopen(path, "wx");
	if (file == NULL) {
		cli_complain(plan->call, "cannot write %s: %s", path, strerror(errno));
		return false;
	}
	cli_parameters_write(file, &old, buffer_bytes(&record), "\n");
	fputc('\n', file);
	*ret_complete = complete;
	return fclose(file) == 0;
}

static void put_word(char *line, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_word(char *line, size_t cap, const char *format, ...)
{
	size_t len = strlen(line);
	va_list list;
	va_start(list, format);
	vsnprintf(line + len, cap - len, format, list);
	va_end(list);
}

static void put_caps(char *line, size_t cap, const struct authz_grant_answer *answer)
{
	const struct authz_grant_record *grant = &answer->grant;
	for (size_t i = 0; i < grant->counter_count && i < answer->left_count; i++) {
		const struct authz_counter_rule *rule = &grant->counters[i];
		char mint[64];
		put_word(line, cap, "%s", i == 0 ? " --cap " : ",");
		if (rule->unit == AUTHZ_UNIT_MINT &&
		    base58_encode(BYTES_OF_ARRAY(rule->mint), mint, sizeof(mint)) == STATUS_OK)
			put_word(line, cap, "mint=%s", mint);
		else
			put_word(line, cap, "%s",
			         rule->unit == AUTHZ_UNIT_USES ? "uses" : "lamports");
		put_word(line, cap, ":%s:%" PRIu64, cli_window_name(rule->window),
		         rule->window == AUTHZ_WINDOW_TOTAL ? answer->left[i] : rule->cap);
	}
	if (grant->uses_max != 0 && answer->left_count > grant->counter_count)
		put_word(line, cap, " --uses %" PRIu64, answer->left[grant->counter_count]);
	if (grant->not_before_s != 0)
		put_word(line, cap, " --not-before %" PRIu64, grant->not_before_s);
	if (grant->expires_s != 0)
		put_word(line, cap, " --expires %" PRIu64, grant->expires_s);
	for (size_t i = 0; i < grant->nonce_account_count; i++) {
		char address[64];
		if (base58_encode(bytes_of(grant->nonce_accounts[i], 32), address,
		                  sizeof(address)) == STATUS_OK)
			put_word(line, cap, "%s%s", i == 0 ? " --nonce-account " : ",", address);
	}
}

/* A total of which nothing is left: 0 is no cap that a grant could have. */
static bool is_spent(const struct authz_grant_answer *answer)
{
	const struct authz_grant_record *grant = &answer->grant;
	for (size_t i = 0; i < grant->counter_count && i < answer->left_count; i++)
		if (grant->counters[i].window == AUTHZ_WINDOW_TOTAL && answer->left[i] == 0)
			return true;
	return grant->uses_max != 0 && answer->left_count > grant->counter_count &&
	       answer->left[grant->counter_count] == 0;
}

static bool plan_grant(struct plan *plan, const struct authz_wallet_record *wallet,
                       const struct authz_grant_answer *answer)
{
	static char create[8192], revoke[512], notes[512];
	bool complete;
	char path[4096], id[HEX_LEN(32) + 1], client[HEX_LEN(32) + 1], name[HEX_LEN(32) + 1];
	hex_encode(BYTES_OF_ARRAY(answer->grant.id), id);
	hex_encode(BYTES_OF_ARRAY(answer->grant.client), client);
	hex_encode(BYTES_OF_ARRAY(wallet->id), name);
	if (wallet->name_len != 0)
		snprintf(name, sizeof(name), "%.*s", (int)wallet->name_len,
		         (const char *)wallet->name);
	snprintf(path, sizeof(path), "%s/%s-%.8s.toml", plan->dir, name, id);
	notes[0] = create[0] = '\0';
	if (!write_parameters(plan, &answer->grant, path, notes, sizeof(notes), &complete))
		return false;
	if (is_spent(answer)) {
		put_word(
		    notes, sizeof(notes),
		    "nothing is left of a limit, and 0 is none: write another, or revoke alone; ");
		complete = false;
	}
	plan->incomplete += !complete;
	put_word(create, sizeof(create),
	         "claviger grant create --wallet %s --client %s --policy %s --params %s --key %s",
	         name, client, plan->policy, path, plan->key_file);
	put_caps(create, sizeof(create), answer);
	snprintf(revoke, sizeof(revoke), "claviger grant revoke %s --wallet %s --key %s", id, name,
	         plan->key_file);
	plan->grants++;
	if (!plan->call->json) {
		printf("%s%s%s%s &&\n  %s\n", notes[0] != '\0' ? "# " : "", notes,
		       notes[0] != '\0' ? "\n" : "", create, revoke);
		return true;
	}
	cli_out_open(&plan->out, '{');
	cli_out_name(&plan->out, "wallet");
	cli_out_text(&plan->out, bytes_of_text(name));
	cli_out_name(&plan->out, "grant");
	cli_out_text(&plan->out, bytes_of_text(id));
	cli_out_name(&plan->out, "params");
	cli_out_text(&plan->out, bytes_of_text(path));
	cli_out_name(&plan->out, "notes");
	cli_out_text(&plan->out, bytes_of_text(notes));
	cli_out_name(&plan->out, "create");
	cli_out_text(&plan->out, bytes_of_text(create));
	cli_out_name(&plan->out, "revoke");
	cli_out_text(&plan->out, bytes_of_text(revoke));
	cli_out_close(&plan->out, '}');
	return true;
}

static int plan_wallet(struct plan *plan, const uint8_t id[32])
{
	static struct authz_wallet_record wallet;
	static struct authz_grant_answer grant;
	static const uint8_t none[32];
	struct bytes answer;
	if (cli_query(&plan->server, &plan->key, AUTHZ_QUERY_WALLET, id, none, &answer) !=
	        CLI_YES ||
	    authz_wallet_take(answer, &wallet) != STATUS_OK)
		return CLI_UNSURE;
	for (size_t i = 0; i < wallet.grant_count; i++) {
		if (cli_query(&plan->server, &plan->key, AUTHZ_QUERY_GRANT, wallet.grants[i].grant,
		              wallet.id, &answer) != CLI_YES ||
		    authz_grant_answer_take(answer, &grant) != STATUS_OK)
			return CLI_UNSURE;
		if (grant.live && memcmp(grant.grant.module, plan->from, 32) == 0 &&
		    !plan_grant(plan, &wallet, &grant))
			return CLI_UNSURE;
	}
	return CLI_YES;
}

static int plan_wallets(struct plan *plan)
{
	static const uint8_t none[32];
	uint8_t after[32] = {0};
	bool more = true;
	int result = CLI_YES;
	while (more && result == CLI_YES) {
		struct authz_list_answer list;
		struct bytes answer;
		result =
		    cli_query(&plan->server, &plan->key, AUTHZ_QUERY_WALLETS, none, after, &answer);
		if (result != CLI_YES || authz_list_answer_take(answer, &list) != STATUS_OK)
			return CLI_UNSURE;
		size_t count = list.ids.len / 32;
		uint8_t *ids = malloc(list.ids.len + 1);
		if (ids == NULL)
			return CLI_UNSURE;
		memcpy(ids, list.ids.data,
		       list.ids.len); /* the next question takes the answer's place */
		more = list.more && count != 0;
		for (size_t i = 0; i < count && result == CLI_YES; i++)
			result = plan_wallet(plan, ids + 32 * i);
		if (count != 0)
			memcpy(after, ids + 32 * (count - 1), 32);
		free(ids);
	}
	return result;
}

/* The new module's file has the hash that was named, and a schema. */
static int take_policy(struct plan *plan, const char *hash)
{
	static uint8_t schema_space[LIMIT_SCHEMA_MAX];
	uint8_t expected[32], found[32];
	struct buffer out = {expected, 32, 0}, module;
	struct policy_error error;
	char message[256];
	struct bytes cbor;
	if (hex_decode(bytes_of_text(hash), &out) != STATUS_OK || out.len != 32)
		return cli_usage(plan->call, "--to is a module's SHA-256 in hex");
	if (cli_file_read(plan->policy, LIMIT_MODULE_MAX, &module, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(plan->call, "%s", message);
		return CLI_UNSURE;
	}
	struct bytes bytes = buffer_bytes(&module);
	keys_sha256(&bytes, 1, found);
	if (memcmp(expected, found, 32) != 0) {
		cli_complain(plan->call, "%s is another module than --to names", plan->policy);
		return CLI_NO;
	}
	if (policy_module_schema(bytes, &cbor) != STATUS_OK || cbor.len > sizeof(schema_space))
		return CLI_NO;
	memcpy(schema_space, cbor.data, cbor.len);
	if (policy_schema_decode(bytes_of(schema_space, cbor.len), &plan->schema, &error) ==
	    STATUS_OK)
		return CLI_YES;
	cli_complain(plan->call, "the module's parameters: %s", error.text);
	return CLI_NO;
}

static int run(struct cli_call *call)
{
	static struct plan plan;
	struct cli_server_options options = {.server = NULL};
	const char *from = NULL, *to = NULL;
	struct buffer out = {plan.from, 32, 0};
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--from",   &from,          NULL},
	    {"--to",     &to,            NULL},
	    {"--policy", &plan.policy,   NULL},
	    {"--key",    &plan.key_file, NULL},
	    {"--out",    &plan.dir,      NULL},
	};
	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || from == NULL || to == NULL || plan.policy == NULL ||
	    plan.key_file == NULL || plan.dir == NULL)
		return cli_usage(call, "needs --from, --to, --policy, --key and --out");
	if (hex_decode(bytes_of_text(from), &out) != STATUS_OK || out.len != 32)
		return cli_usage(call, "--from is a module's SHA-256 in hex");
	plan.call = call;
	plan.out.file = cli_answer_file();
	int result = take_policy(&plan, to);
	if (result == CLI_YES && mkdir(plan.dir, 0777) != 0 && errno != EEXIST) {
		cli_complain(call, "cannot make %s: %s", plan.dir, strerror(errno));
		result = CLI_UNSURE;
	}
	if (result == CLI_YES)
		result = cli_server_open(&plan.server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, plan.key_file, &plan.key);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_out_open(&plan.out, '[');
	result = plan_wallets(&plan);
	SECRET_WIPE(plan.key);
	if (call->json) {
		cli_out_close(&plan.out, ']');
		cli_out_line(&plan.out);
	}
	if (result != CLI_YES)
		return result;
	if (plan.grants == 0 || plan.incomplete != 0)
		cli_complain(call,
		             "%u grants of that module, %u of them need a hand (see the notes)",
		             plan.grants, plan.incomplete);
	return cli_finish(call, plan.grants == 0 ? CLI_NO : CLI_YES);
}

const struct cli_command cli_grant_plan = {
    .name = "grant plan",
    .arguments = "--from HASH --to HASH --policy TO.wasm --key USER.json --out DIR",
    .sentence = "prepare another policy for every grant that has this one",
    .run = run,
    .help = help,
};
