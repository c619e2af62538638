/* What the values of settings must be, beyond their kind. The processes refuse others at the start
 * too, each for itself and in fewer words; here a person is told before anything starts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "authz_passkey.h"
#include "base_encode.h"
#include "cli_config.h"
#include "cli_serve.h"
#include "keys_tls.h"
#include "proc_topology.h"
#include "site.h"

#define LIST_MAX  400                      /* bytes: the supervisor takes 479 as one word */
#define NAMES_MAX (KEYS_TLS_NAMES_MAX - 2) /* two addresses of this machine are always there */

static bool is_address(struct bytes text)
{
	struct sockaddr_storage address;
	socklen_t len;

	return cli_serve_address((const char *)text.data, &address, &len);
}

static bool is_engine(struct bytes text)
{
	return bytes_equal(text, bytes_of_text("compiled")) ||
	       bytes_equal(text, bytes_of_text("interpreter"));
}

static bool is_key(struct bytes text)
{
	uint8_t key[32];

	return base58_decode_32(text, key) == STATUS_OK;
}

/* take_item takes the first of a list's parts, which commas separate. */
static struct bytes take_item(struct bytes *list)
{
	const uint8_t *comma = memchr(list->data, ',', list->len);
	size_t len = comma != NULL ? (size_t)(comma - list->data) : list->len;
	struct bytes item = bytes_of(list->data, len);

	len += comma != NULL;
	*list = bytes_of(list->data + len, list->len - len);
	return item;
}

static bool are_names(struct bytes list)
{
	uint8_t space[16];
	struct keys_tls_name name;
	size_t count = 0;

	if (list.len > LIST_MAX)
		return false;
	while (list.len != 0)
		if (++count > NAMES_MAX ||
		    keys_tls_name_take(take_item(&list), space, &name) != STATUS_OK)
			return false;
	return true;
}

static bool are_keys(struct bytes list)
{
	uint8_t keys[LIMIT_TIME_KEYS_MAX][32];
	size_t count = 0;

	while (list.len != 0) {
		if (count == LIMIT_TIME_KEYS_MAX ||
		    base58_decode_32(take_item(&list), keys[count]) != STATUS_OK)
			return false;
		for (size_t i = 0; i < count; i++)
			if (memcmp(keys[i], keys[count], 32) == 0)
				return false;
		count++;
	}
	return true;
}

/* A text's predicate and what it wants, or the bounds of a number. */
static const struct {
	bool (*is_good)(struct bytes value);
	const char *expected;
	uint64_t least, most;
} rules[CLI_SETTING_COUNT] = {
    [CLI_SERVE_LISTEN] = {is_address, "ADDRESS:PORT, as in 127.0.0.1:8200",                        0,  0                       },
    [CLI_SERVE_METRICS] = {is_address, "ADDRESS:PORT, as in 127.0.0.1:9200",                        0,  0                       },
    [CLI_SERVE_OPERATOR_LISTEN] = {is_address, "ADDRESS:PORT, as in 0.0.0.0:8201",                          0,  0                       },
    [CLI_SERVE_VERIFIERS] = {NULL,       NULL,                                                        1,  LIMIT_VERIFIERS_MAX     },
    [CLI_SERVE_TLS_NAME] = {are_names,  "at most 14 names of hosts and addresses, 400 bytes in all",
                          0,                                                                           0                       },
 /* The bridge lets in eight, of which operator.json is one. */
    [CLI_SERVE_OPERATORS] = {are_keys,   "at most 7 public keys (claviger key show), each once",      0,
                          0                                                                                                    },
    [CLI_SERVE_TIME_KEYS] = {are_keys,   "at most 7 public keys (claviger key show), each once",      0,
                          0                                                                                                    },
    [CLI_SERVE_RECOVERY] = {is_key,     "a key as `claviger key escape` prints it",                  0,  0                       },
    [CLI_SERVE_TIME_UNPROVEN] = {NULL,       NULL,                                                        1,  SITE_PROVEN_MAX_S       },
    [CLI_SERVE_CLIENT_SIGNATURES] = {NULL,       NULL,                                                        1,  UINT64_MAX              },
    [CLI_SERVE_CLIENT_WALLETS] = {NULL,       NULL,                                                        1,  LIMIT_CLIENT_WALLETS_MAX},
    [CLI_SERVE_CLIENT_LAMPORTS] = {NULL,       NULL,                                                        1,  UINT64_MAX              },
    [CLI_SERVE_INPUTS_KEEP] = {NULL,       NULL,                                                        0,  1u << 30                },
    [CLI_SERVE_STORE_MAX] = {NULL,       NULL,                                                        16, 1u << 22                },
    [CLI_SERVE_RECEIPTS_KEEP] = {NULL,       NULL,                                                        0,  36500                   },
    [CLI_SERVE_POLICY_ENGINE] = {is_engine,  "compiled or interpreter",                                   0,  0                       },
};

_Static_assert(NAMES_MAX == 14 && LIMIT_TIME_KEYS_MAX == 7 && SITE_OPERATORS_MAX == 8, "the words");

const char *cli_config_relying(const char *rp_id, const char *origins)
{
	struct authz_relying relying;

	if (strlen(origins) <= LIST_MAX &&
	    authz_relying_take(bytes_of_text(rp_id), bytes_of_text(origins), &relying) == STATUS_OK)
		return NULL;
	_Static_assert(AUTHZ_ORIGINS_MAX == 8, "the words");
	return "a domain in lower case, and at most 8 pages https://DOMAIN[:PORT] of it or below "
	       "it, as browsers write them";
}

const char *cli_config_expected(enum cli_setting setting, const char *value)
{
	static char range[80];
	const char *end = value;
	uint64_t number;

	if (rules[setting].is_good != NULL)
		return rules[setting].is_good(bytes_of_text(value)) ? NULL
		                                                    : rules[setting].expected;
	if (rules[setting].most == 0 ||
	    (cli_take_number(&end, &number) && *end == '\0' && number >= rules[setting].least &&
	     number <= rules[setting].most))
		return NULL;
	if (rules[setting].most == UINT64_MAX)
		snprintf(range, sizeof(range), "a whole number from %" PRIu64 " on",
		         rules[setting].least);
	else
		snprintf(range, sizeof(range), "a whole number from %" PRIu64 " to %" PRIu64,
		         rules[setting].least, rules[setting].most);
	return range;
}
