/* claviger image disk: prepares the appliance's data disk, a block device or a file: the site
 * manifest, and the unsealer's files. The store on it is never touched. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_config.h"
#include "cli_disk.h"
#include "cli_file.h"
#include "cli_pem.h"
#include "disk.h"
#include "secret.h"
#include "site.h"

#define MIB                   UINT64_C(1048576)
#define CA_PEM_MAX            16384
#define DEFAULT_PORT          8200
#define DEFAULT_OPERATOR_PORT 8201
#define SIZE_MIB_MAX          UINT64_C(67108864)

struct disk_options {
	const char *size, *ca, *operator_port, *site_key, *serial, *address, *router, *port,
	    *metrics, *verifiers, *names, *operators, *machines, *deployment, *unproven, *rp_id,
	    *origins, *time_keys;
	bool bound_exports, interpreter;
	const char *genesis, *approvals, *escrow, *restore, *manifest;
};

/* ---- the manifest out of options ---- */

static bool take_limited(const char *text, uint64_t max, uint64_t *ret_number)
{
	const char *at = text;

	return cli_take_number(&at, ret_number) && *at == '\0' && *ret_number <= max;
}

static int take_number(const struct cli_call *call, const char *option, const char *text,
                       uint64_t max, uint64_t fallback, uint64_t *ret_number)
{
	*ret_number = fallback;
	if (text == NULL || take_limited(text, max, ret_number))
		return CLI_YES;
	return cli_usage(call, "%s takes a number up to %llu, not %s", option,
	                 (unsigned long long)max, text);
}

static int take_network(const struct cli_call *call, const struct disk_options *o,
                        struct site_network *network)
{
	const char *slash = o->address != NULL ? strchr(o->address, '/') : NULL;
	char address[INET_ADDRSTRLEN];
	uint64_t prefix = 0;

	if (o->address == NULL)
		return o->router == NULL ? CLI_YES : cli_usage(call, "--router needs --address");
	if (slash == NULL || (size_t)(slash - o->address) >= sizeof(address))
		return cli_usage(call, "--address takes ADDRESS/BITS, as in 192.0.2.9/24");
	snprintf(address, sizeof(address), "%.*s", (int)(slash - o->address), o->address);
	if (inet_pton(AF_INET, address, network->address) != 1 ||
	    !take_limited(slash + 1, 30, &prefix) || prefix == 0)
		return cli_usage(call, "--address takes ADDRESS/BITS, as in 192.0.2.9/24, not %s",
		                 o->address);
	if (o->router != NULL && inet_pton(AF_INET, o->router, network->router) != 1)
		return cli_usage(call, "--router takes an IPv4 address, not %s", o->router);
	network->prefix = (uint8_t)prefix;
	network->is_static = true;
	return CLI_YES;
}

/* next_word copies the list's next item, up to a comma, and moves behind it; false at its end. */
static bool next_word(const char **list, char *ret_word, size_t cap)
{
	size_t len;

	if (*list == NULL || **list == '\0')
		return false;
	len = strcspn(*list, ",");
	snprintf(ret_word, cap, "%.*s", (int)len, *list);
	*list += len + ((*list)[len] == ',');
	return true;
}

static int take_lists(const struct cli_call *call, const struct disk_options *o,
                      struct site_manifest *m)
{
	const char *names = o->names, *operators = o->operators, *machines = o->machines,
	           *origins = o->origins, *time_keys = o->time_keys, *expected, *rp_id, *pages;
	char word[192], origin_list[SITE_TEXT_MAX];
	size_t names_len = 0;

	while (next_word(&names, word, sizeof(word))) {
		names_len += 1 + strlen(word);
		if (m->name_count == SITE_NAMES_MAX || strlen(word) > SITE_NAME_MAX)
			return cli_usage(call, "--name takes at most %u names of %u bytes",
			                 SITE_NAMES_MAX, SITE_NAME_MAX);
		if (names_len > SITE_NAMES_TEXT_MAX)
			return cli_usage(call, "--name takes at most %u bytes of names together",
			                 SITE_NAMES_TEXT_MAX);
		snprintf(m->names[m->name_count++], sizeof(m->names[0]), "%.63s", word);
	}
	while (next_word(&operators, word, sizeof(word))) {
		if (m->operator_count == SITE_OPERATORS_MAX ||
		    base58_decode_32(bytes_of_text(word), m->operators[m->operator_count++]) !=
		        STATUS_OK)
			return cli_usage(call, "--operator takes at most %u public keys, not %s",
			                 SITE_OPERATORS_MAX, word);
	}
	while (next_word(&time_keys, word, sizeof(word))) {
		if (m->time_key_count == LIMIT_TIME_KEYS_MAX ||
		    base58_decode_32(bytes_of_text(word), m->time_keys[m->time_key_count++]) !=
		        STATUS_OK)
			return cli_usage(call, "--time-key takes at most %u public keys, not %s",
			                 LIMIT_TIME_KEYS_MAX, word);
	}
	while (next_word(&origins, word, sizeof(word))) {
		if (m->origin_count == SITE_ORIGINS_MAX || strlen(word) > SITE_ORIGIN_MAX)
			return cli_usage(call, "--origins takes at most %u pages of %u bytes",
			                 SITE_ORIGINS_MAX, SITE_ORIGIN_MAX);
		snprintf(m->origins[m->origin_count++], sizeof(m->origins[0]), "%.127s", word);
	}
	m->bound_exports = o->bound_exports;
	m->interpreter = o->interpreter;
	if (o->rp_id != NULL && strlen(o->rp_id) > SITE_NAME_MAX)
		return cli_usage(call, "--rp-id takes at most %u bytes", SITE_NAME_MAX);
	snprintf(m->rp_id, sizeof(m->rp_id), "%.63s", o->rp_id != NULL ? o->rp_id : "");
	/* What is not said is as in proc/topology.def. A signer that refuses them does not start.
	 */
	site_origins(m, origin_list);
	rp_id = m->rp_id[0] != '\0' ? m->rp_id : "localhost";
	pages = m->origin_count != 0 ? origin_list : "https://localhost:8200";
	expected = cli_config_relying(rp_id, pages);
	if (expected != NULL)
		return cli_usage(call, "--rp-id %s, --origins %s: expected %s", rp_id, pages,
		                 expected);
	while (next_word(&machines, word, sizeof(word))) {
		struct buffer hash = {m->machines[m->machine_count], 32, 0};

		if (m->machine_count++ == SITE_MACHINES_MAX ||
		    hex_decode(bytes_of_text(word), &hash) != STATUS_OK || hash.len != 32)
			return cli_usage(call, "--machine takes at most %u SHA-256, not %s",
			                 SITE_MACHINES_MAX, word);
	}
	return CLI_YES;
}

/* --ca: a certificate in PEM; the manifest has the hash of its DER. */
static int take_ca(const struct cli_call *call, const char *path, struct site_manifest *m)
{
	struct buffer pem, der;
	char message[CLI_PATH_MAX + 256];
	struct bytes text, hashed;
	bool taken;

	if (path == NULL)
		return CLI_YES;
	if (cli_file_read(path, CA_PEM_MAX, &pem, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	der = (struct buffer){malloc(pem.len), pem.len, 0};
	text = buffer_bytes(&pem);
	taken = der.data != NULL && cli_pem_next(&text, "CERTIFICATE", &der) == STATUS_OK;
	hashed = buffer_bytes(&der);
	if (taken)
		keys_sha256(&hashed, 1, m->ca);
	m->has_ca = taken;
	free(pem.data);
	free(der.data);
	return taken ? CLI_YES : cli_usage(call, "--ca %s is no certificate in PEM", path);
}

static int take_manifest(const struct cli_call *call, const struct disk_options *o,
                         struct site_manifest *m)
{
	struct buffer deployment = {m->deployment, sizeof(m->deployment), 0};
	uint64_t port = 0, metrics = 0, operators = 0, verifiers = 0;
	int result = take_number(call, "--serial", o->serial, UINT64_MAX, 1, &m->serial);

	if (result == CLI_YES)
		result = take_number(call, "--port", o->port, UINT16_MAX, DEFAULT_PORT, &port);
	if (result == CLI_YES)
		result = take_number(call, "--metrics-port", o->metrics, UINT16_MAX, 0, &metrics);
	if (result == CLI_YES)
		result = take_number(call, "--operator-port", o->operator_port, UINT16_MAX,
		                     DEFAULT_OPERATOR_PORT, &operators);
	if (result == CLI_YES)
		result = take_ca(call, o->ca, m);
	if (result == CLI_YES)
		result = take_number(call, "--verifiers", o->verifiers, 16, 0, &verifiers);
	if (result == CLI_YES)
		result = take_number(call, "--unproven", o->unproven, SITE_PROVEN_MAX_S, 0,
		                     &m->unproven_max_s);
	if (result == CLI_YES)
		result = take_network(call, o, &m->network);
	if (result == CLI_YES)
		result = take_lists(call, o, m);
	if (result != CLI_YES)
		return result;
	m->port = (uint16_t)port;
	m->metrics_port = (uint16_t)metrics;
	m->operator_port = (uint16_t)operators;
	m->verifiers = (uint8_t)verifiers;
	m->has_deployment = o->deployment != NULL;
	if (m->has_deployment &&
	    (hex_decode(bytes_of_text(o->deployment), &deployment) != STATUS_OK ||
	     deployment.len != 32))
		return cli_usage(call, "--deployment takes 64 hex digits");
	return CLI_YES;
}

/* The encoded form is read back: what the appliance would not take is said here, in words. */
static int sign_manifest(const struct cli_call *call, const char *key_path, struct site_manifest *m,
                         struct buffer *ret_bytes)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	static struct site_manifest taken;
	struct buffer inner = BUFFER_OF_ARRAY(space);
	uint8_t digest[KEYS_HASH_LEN];
	struct keys_p256_key key;
	int result = cli_authority_read(call, key_path, &key);
	bool made;

	if (result != CLI_YES)
		return result;
	memcpy(m->key, key.public, sizeof(m->key));
	made = site_signed(m, &inner) == STATUS_OK;
	keys_sha256_label(SITE_LABEL, buffer_bytes(&inner), digest);
	made = made && keys_p256_sign(&key, digest, m->signature) == STATUS_OK &&
	       site_put(m, ret_bytes) == STATUS_OK &&
	       site_take(buffer_bytes(ret_bytes), &taken) == STATUS_OK;
	SECRET_WIPE(key);
	if (made)
		return CLI_YES;
	return cli_usage(call, "no such site: look at port, address and names");
}

/* ---- the disk ---- */

static int make_file(const struct cli_call *call, const char *path, const char *size)
{
	uint64_t mib = 0;
	int fd;

	if (size == NULL || !take_limited(size, SIZE_MIB_MAX, &mib) || mib < DISK_BYTES_MIN / MIB)
		return cli_usage(call, "%s is not there; --size MIB makes it, at least %llu", path,
		                 (unsigned long long)(DISK_BYTES_MIN / MIB));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)(mib * MIB)) != 0) {
		cli_complain(call, "cannot make %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return CLI_UNSURE;
	}
	close(fd);
	return CLI_YES;
}

static int open_it(const struct cli_call *call, const char *path, const char *size, int *ret_fd,
                   uint64_t *ret_bytes)
{
	int result = access(path, F_OK) == 0 ? CLI_YES : make_file(call, path, size);
	enum status status;

	if (result != CLI_YES)
		return result;
	status = disk_open(path, ret_fd, ret_bytes);
	if (status == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s: %s", path,
	             status == STATUS_TOO_LARGE ? "a data disk has 128 MiB to 64 TiB"
	                                        : strerror(errno));
	return CLI_UNSURE;
}

/* A disk that begins with something else, and not with zeros, is somebody's. */
static int check_ours(const struct cli_call *call, const char *path, int fd, bool *ret_has_site,
                      uint64_t *ret_serial)
{
	static uint8_t space[DISK_ITEM_MAX];
	static struct site_manifest taken;
	struct disk_file file = disk_file_item(fd, DISK_SITE);
	struct buffer item = BUFFER_OF_ARRAY(space);
	enum status status = disk_file_read(&file, sizeof(space), &item);

	*ret_has_site = item.len != 0;
	if (status == STATUS_OK && item.len == 0)
		return CLI_YES;
	if (status == STATUS_OK && site_take(buffer_bytes(&item), &taken) == STATUS_OK) {
		*ret_serial = taken.serial;
		return CLI_YES;
	}
	cli_complain(call,
	             "%s begins with something that is not a site manifest: nothing was "
	             "written. If it may go, put zeros over its first MiB",
	             path);
	return CLI_NO;
}

static int put_file(const struct cli_call *call, int fd, enum disk_region item, const char *path)
{
	struct disk_file file = disk_file_item(fd, item);
	char message[CLI_PATH_MAX + 256];
	struct buffer content;
	enum status status;

	if (path == NULL)
		return CLI_YES;
	if (cli_file_read(path, DISK_ITEM_MAX, &content, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	status = disk_file_write(&file, buffer_bytes(&content));
	if (status == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s: %s", path,
	             status == STATUS_TOO_LARGE ? "too long for its place" : strerror(errno));
	return CLI_UNSURE;
}

static int get_file(const struct cli_call *call, int fd, enum disk_region item, const char *path)
{
	static uint8_t space[DISK_ITEM_MAX];
	struct disk_file file = disk_file_item(fd, item);
	struct buffer content = BUFFER_OF_ARRAY(space);

	if (path == NULL)
		return CLI_YES;
	if (disk_file_read(&file, sizeof(space), &content) != STATUS_OK || content.len == 0) {
		cli_complain(call, "there is no escrow on the disk: genesis has not run");
		return CLI_NO;
	}
	return cli_home_write(call, path, buffer_bytes(&content), false);
}

static int run_disk(struct cli_call *call)
{
	static uint8_t space[DISK_ITEM_MAX];
	static struct site_manifest manifest;
	struct disk_options o = {.site_key = NULL};
	const struct cli_option table[] = {
	    {"--size",          &o.size,          NULL            },
	    {"--site-key",      &o.site_key,      NULL            },
	    {"--serial",        &o.serial,        NULL            },
	    {"--address",       &o.address,       NULL            },
	    {"--router",        &o.router,        NULL            },
	    {"--port",          &o.port,          NULL            },
	    {"--metrics-port",  &o.metrics,       NULL            },
	    {"--operator-port", &o.operator_port, NULL            },
	    {"--ca",            &o.ca,            NULL            },
	    {"--verifiers",     &o.verifiers,     NULL            },
	    {"--name",          &o.names,         NULL            },
	    {"--operator",      &o.operators,     NULL            },
	    {"--machine",       &o.machines,      NULL            },
	    {"--deployment",    &o.deployment,    NULL            },
	    {"--time-key",      &o.time_keys,     NULL            },
	    {"--unproven",      &o.unproven,      NULL            },
	    {"--rp-id",         &o.rp_id,         NULL            },
	    {"--origins",       &o.origins,       NULL            },
	    {"--bound-exports", NULL,             &o.bound_exports},
	    {"--interpreter",   NULL,             &o.interpreter  },
	    {"--genesis",       &o.genesis,       NULL            },
	    {"--approvals",     &o.approvals,     NULL            },
	    {"--escrow",        &o.escrow,        NULL            },
	    {"--restore",       &o.restore,       NULL            },
	    {"--manifest",      &o.manifest,      NULL            },
	};
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct disk_file site;
	bool has_site = false;
	uint64_t disk_bytes = 0, serial = 0;
	int result, fd = -1;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != (o.manifest == NULL))
		return cli_usage(call, o.manifest == NULL ? "takes the disk"
		                                          : "--manifest takes no disk");
	keys_open();
	result = take_manifest(call, &o, &manifest);
	if (result == CLI_YES && o.site_key != NULL)
		result = sign_manifest(call, o.site_key, &manifest, &bytes);
	if (o.manifest != NULL && result == CLI_YES)
		return o.site_key == NULL
		           ? cli_usage(call, "--manifest needs --site-key")
		           : cli_home_write(call, o.manifest, buffer_bytes(&bytes), false);
	if (result == CLI_YES)
		result = open_it(call, call->arguments[0], o.size, &fd, &disk_bytes);
	if (result == CLI_YES)
		result = check_ours(call, call->arguments[0], fd, &has_site, &serial);
	/* The one that is there counts for the machine until a higher one comes. */
	if (result == CLI_YES && o.site_key != NULL && o.serial == NULL &&
	    serial >= manifest.serial) {
		manifest.serial = serial + (serial != UINT64_MAX);
		bytes.len = 0;
		result = sign_manifest(call, o.site_key, &manifest, &bytes);
	}
	if (result == CLI_YES && o.site_key != NULL && manifest.time_key_count == 0)
		cli_complain(call,
		             "no --time-key: grants with an end or a window will be refused %llu "
		             "s after each start",
		             (unsigned long long)(manifest.unproven_max_s != 0
		                                      ? manifest.unproven_max_s
		                                      : 3600));
	if (result == CLI_YES && o.site_key == NULL && !has_site)
		result = cli_usage(call, "a new disk needs --site-key");
	if (result == CLI_YES)
		result =
		    o.restore != NULL ? cli_disk_restore(call, fd, disk_bytes, o.restore) : CLI_YES;
	if (result == CLI_YES)
		result = put_file(call, fd, DISK_GENESIS, o.genesis);
	if (result == CLI_YES)
		result = put_file(call, fd, DISK_APPROVALS, o.approvals);
	site = disk_file_item(fd, DISK_SITE);
	if (result == CLI_YES && o.site_key != NULL &&
	    disk_file_write(&site, buffer_bytes(&bytes)) != STATUS_OK) {
		cli_complain(call, "%s: %s", call->arguments[0], strerror(errno));
		result = CLI_UNSURE;
	}
	if (result == CLI_YES)
		result = get_file(call, fd, DISK_ESCROW, o.escrow);
	if (fd >= 0)
		close(fd);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

const struct cli_command cli_image_disk = {
    .name = "image disk",
    .arguments = "[--size MIB] [--site-key FILE] [--address A/BITS [--router A]] [--port N] "
                 "[--metrics-port N] [--operator-port N] [--ca FILE] [--name LIST] [--operator "
                 "LIST] [--machine LIST] [--verifiers N] [--rp-id NAME] [--origins LIST] "
                 "[--bound-exports] [--interpreter] [--deployment HEX] [--time-key LIST] "
                 "[--unproven SECONDS] [--serial N] "
                 "[--genesis FILE] [--approvals FILE] [--escrow FILE] [--restore FOLDER] DISK",
    .sentence = "prepare the appliance's data disk: site manifest, genesis, approvals",
    .run = run_disk,
    .help =
        "DISK is a block device or a file (--size makes one). What the store keeps on it is not\n"
        "touched but for --restore; a disk that begins with something else is refused.\n\n"
        "--site-key FILE      write a site manifest, signed with this key (claviger tpm key), out\n"
        "                     of these: --address (DHCP when it is not given), --router, --port\n"
        "                     (8200), --metrics-port (none), --operator-port (8201, 0 for none),\n"
        "                     --ca (PEM of the CA that may certify the TLS key), --name (of the "
        "certificate, beside\n"
        "                     the address), --operator (public keys), --machine (SHA-256 of\n"
        "                     endorsement keys), --verifiers, --rp-id and --origins (passkeys), "
        "--bound-exports (a\n"
        "                     passkey that signs an export is bound to its device), --interpreter\n"
        "                     (policies that ship are interpreted, too: slower, and without the\n"
        "                     code that was compiled of them), --time-key "
        "(public\n"
        "                     keys of who says what time it is, best three: more than half must\n"
        "                     agree), --unproven (seconds without proof of the time after which\n"
        "                     grants with an end or a window are refused; 3600), --deployment\n"
        "                     (once it is known), --serial (a machine takes no lower one than "
        "before; one\n"
        "                     above that of the disk, or 1). Lists:\n"
        "                     separated by commas\n"
        "--manifest FILE      write the signed manifest into FILE instead of a disk, for\n"
        "                     `claviger machine settings`\n"
        "--genesis FILE       what `claviger tpm provision` wrote\n"
        "--approvals FILE     what may unseal (claviger image approve)\n"
        "--escrow FILE        after genesis: copy what it sealed to the escrow key into FILE\n"
        "--restore FOLDER     replace the store, the sealed share, approvals, genesis and escrow\n"
        "                     by those of a backup (claviger backup); a start from it needs the\n"
        "                     site's word (docs/recovery.md)\n",
};
