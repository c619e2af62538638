/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <stdarg.h>
#include <stdio.h>

#include "base_check.h"
#include "base_encode.h"
#include "base_host.h"
#include "cbor_reader.h"
#include "cbor_writer.h"

/* Keys of the manifest (spec/site.cddl). */
enum {
	KEY_VERSION = 1,
	KEY_SERIAL = 2,
	KEY_SITE_KEY = 3,
	KEY_DEPLOYMENT = 4,
	KEY_NETWORK = 5,
	KEY_PORT = 6,
	KEY_METRICS = 7,
	KEY_VERIFIERS = 8,
	KEY_NAMES = 9,
	KEY_OPERATORS = 10,
	KEY_MACHINES = 11,
	KEY_UNPROVEN = 12,
	KEY_RP_ID = 13,
	KEY_ORIGINS = 14,
	KEY_TIME_KEYS = 15,
	KEY_OPERATOR_PORT = 16,
	KEY_CA = 17,
	KEY_BOUND_EXPORTS = 18,
	KEY_INTERPRETER = 19,
};

#define VERSION  1
#define KEYS_MAX 19

/* A host, perhaps with a port; no separator of ours. */
static bool is_name(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '-' || c == ':'))
			return false;
	}
	return text.len > 0;
}

/* What a browser says: a scheme, a host, perhaps a port; no separator of ours. */
static bool is_origin(struct bytes text)
{
	static const char scheme[] = "https://";
	size_t len = sizeof(scheme) - 1;

	return text.len > len && memcmp(text.data, scheme, len) == 0 &&
	       is_name(bytes_of(text.data + len, text.len - len));
}

static void take_origins(struct cbor_reader *r, struct site_manifest *m)
{
	m->origin_count = (uint8_t)cbor_take_array(r, SITE_ORIGINS_MAX);
	for (size_t i = 0; i < m->origin_count; i++) {
		struct bytes origin = cbor_take_text(r, SITE_ORIGIN_MAX);

		if (!is_origin(origin))
			cbor_fail(r, STATUS_MALFORMED);
		else
			memcpy(m->origins[i], origin.data, origin.len);
	}
	cbor_take_end(r);
	if (m->origin_count == 0)
		cbor_fail(r, STATUS_MALFORMED);
}

static void take_network(struct cbor_reader *r, struct site_network *network)
{
	cbor_take_map(r, 3);
	network->is_static = true;
	cbor_take_key(r, 1);
	cbor_take_bytes_n(r, network->address, 4);
	cbor_take_key(r, 2);
	network->prefix = (uint8_t)cbor_take_uint(r, 30);
	if (cbor_take_key_if(r, 3)) {
		static const uint8_t none[4];

		cbor_take_bytes_n(r, network->router, 4);
		if (memcmp(network->router, none, 4) == 0)
			cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
	if (network->prefix == 0 || network->address[0] == 0 || network->address[0] == 127 ||
	    network->address[0] >= 224)
		cbor_fail(r, STATUS_MALFORMED);
}

static void take_names(struct cbor_reader *r, struct site_manifest *m)
{
	uint8_t address[16];
	size_t len = 0;

	m->name_count = (uint8_t)cbor_take_array(r, SITE_NAMES_MAX);
	for (size_t i = 0; i < m->name_count; i++) {
		struct bytes name = cbor_take_text(r, SITE_NAME_MAX);

		if (host_take(name, address) == HOST_NONE)
			cbor_fail(r, STATUS_MALFORMED); /* no certificate carries it */
		else
			memcpy(m->names[i], name.data, name.len);
		len += 1 + name.len;
	}
	cbor_take_end(r);
	if (m->name_count == 0 || len > SITE_NAMES_TEXT_MAX)
		cbor_fail(r, STATUS_MALFORMED);
}

/* A list of 32-byte values; an empty one is left out. */
static uint8_t take_list(struct cbor_reader *r, uint8_t list[][32], size_t max)
{
	size_t count = cbor_take_array(r, max);

	for (size_t i = 0; i < count; i++)
		cbor_take_bytes_n(r, list[i], 32);
	cbor_take_end(r);
	if (count == 0)
		cbor_fail(r, STATUS_MALFORMED);
	return (uint8_t)count;
}

/* Each has one voice. */
static void take_time_keys(struct cbor_reader *r, struct site_manifest *m)
{
	m->time_key_count = take_list(r, m->time_keys, LIMIT_TIME_KEYS_MAX);
	for (size_t i = 0; i < m->time_key_count; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(m->time_keys[i], m->time_keys[j], 32) == 0)
				cbor_fail(r, STATUS_MALFORMED);
}

static void take_fields(struct cbor_reader *r, struct site_manifest *m)
{
	cbor_take_map(r, KEYS_MAX);
	cbor_take_key(r, KEY_VERSION);
	if (cbor_take_uint(r, VERSION) != VERSION)
		cbor_fail(r, STATUS_MALFORMED);
	cbor_take_key(r, KEY_SERIAL);
	m->serial = cbor_take_uint(r, UINT64_MAX);
	cbor_take_key(r, KEY_SITE_KEY);
	cbor_take_bytes_n(r, m->key, sizeof(m->key));
	m->has_deployment = cbor_take_key_if(r, KEY_DEPLOYMENT);
	if (m->has_deployment)
		cbor_take_bytes_n(r, m->deployment, sizeof(m->deployment));
	if (cbor_take_key_if(r, KEY_NETWORK))
		take_network(r, &m->network);
	cbor_take_key(r, KEY_PORT);
	m->port = (uint16_t)cbor_take_uint(r, UINT16_MAX);
	if (cbor_take_key_if(r, KEY_METRICS)) {
		m->metrics_port = (uint16_t)cbor_take_uint(r, UINT16_MAX);
		if (m->metrics_port == 0 || m->metrics_port == m->port)
			cbor_fail(r, STATUS_MALFORMED);
	}
	m->verifiers = (uint8_t)cbor_take_uint_if(r, KEY_VERIFIERS, LIMIT_VERIFIERS_MAX);
	if (cbor_take_key_if(r, KEY_NAMES))
		take_names(r, m);
	if (cbor_take_key_if(r, KEY_OPERATORS))
		m->operator_count = take_list(r, m->operators, SITE_OPERATORS_MAX);
	if (cbor_take_key_if(r, KEY_MACHINES))
		m->machine_count = take_list(r, m->machines, SITE_MACHINES_MAX);
	m->unproven_max_s = cbor_take_uint_if(r, KEY_UNPROVEN, SITE_PROVEN_MAX_S);
	if (cbor_take_key_if(r, KEY_RP_ID)) {
		struct bytes name = cbor_take_text(r, SITE_NAME_MAX);

		if (!is_name(name))
			cbor_fail(r, STATUS_MALFORMED);
		else
			memcpy(m->rp_id, name.data, name.len);
	}
	if (cbor_take_key_if(r, KEY_ORIGINS))
		take_origins(r, m);
	if (cbor_take_key_if(r, KEY_TIME_KEYS))
		take_time_keys(r, m);
	if (cbor_take_key_if(r, KEY_OPERATOR_PORT)) {
		m->operator_port = (uint16_t)cbor_take_uint(r, UINT16_MAX);
		if (m->operator_port == 0 || m->operator_port == m->port ||
		    m->operator_port == m->metrics_port)
			cbor_fail(r, STATUS_MALFORMED);
	}
	m->has_ca = cbor_take_key_if(r, KEY_CA);
	if (m->has_ca)
		cbor_take_bytes_n(r, m->ca, sizeof(m->ca));
	m->bound_exports = cbor_take_key_if(r, KEY_BOUND_EXPORTS);
	if (m->bound_exports && !cbor_take_bool(r))
		cbor_fail(r, STATUS_MALFORMED);
	m->interpreter = cbor_take_key_if(r, KEY_INTERPRETER);
	if (m->interpreter && !cbor_take_bool(r))
		cbor_fail(r, STATUS_MALFORMED);
	cbor_take_end(r);
	if (m->port == 0)
		cbor_fail(r, STATUS_MALFORMED);
}

enum status site_take(struct bytes bytes, struct site_manifest *ret_manifest)
{
	struct site_manifest manifest = {0};
	struct cbor_reader outer, inner;
	struct bytes signed_bytes;

	cbor_reader_init(&outer, bytes);
	cbor_take_map(&outer, 2);
	cbor_take_key(&outer, 1);
	signed_bytes = cbor_take_bytes(&outer, SITE_MANIFEST_MAX);
	cbor_take_key(&outer, 2);
	cbor_take_bytes_n(&outer, manifest.signature, sizeof(manifest.signature));
	cbor_take_end(&outer);
	if (cbor_done(&outer) != STATUS_OK)
		return STATUS_MALFORMED;
	cbor_reader_init(&inner, signed_bytes);
	take_fields(&inner, &manifest);
	if (cbor_done(&inner) != STATUS_OK)
		return STATUS_MALFORMED;
	*ret_manifest = manifest;
	return STATUS_OK;
}

static void put_network(struct cbor_writer *w, const struct site_network *network)
{
	static const uint8_t none[4];
	bool has_router = memcmp(network->router, none, 4) != 0;

	cbor_put_key(w, KEY_NETWORK);
	cbor_put_map(w, has_router ? 3 : 2);
	cbor_put_key(w, 1);
	cbor_put_bytes_n(w, network->address, 4);
	cbor_put_key(w, 2);
	cbor_put_uint(w, network->prefix);
	if (has_router) {
		cbor_put_key(w, 3);
		cbor_put_bytes_n(w, network->router, 4);
	}
	cbor_put_end(w);
}

static void put_list(struct cbor_writer *w, uint64_t key, const uint8_t list[][32], size_t count)
{
	if (count == 0)
		return;
	cbor_put_key(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes_n(w, list[i], 32);
	cbor_put_end(w);
}

enum status site_signed(const struct site_manifest *m, struct buffer *ret_bytes)
{
	struct cbor_writer w;
	size_t count = 4u + m->has_deployment + m->network.is_static + (m->metrics_port != 0) +
	               (m->verifiers != 0) + (m->name_count != 0) + (m->operator_count != 0) +
	               (m->machine_count != 0) + (m->unproven_max_s != 0) + (m->rp_id[0] != 0) +
	               (m->origin_count != 0) + (m->time_key_count != 0) + (m->operator_port != 0) +
	               m->has_ca + m->bound_exports + m->interpreter;

	cbor_writer_init(&w, ret_bytes);
	cbor_put_map(&w, count);
	cbor_put_key(&w, KEY_VERSION);
	cbor_put_uint(&w, VERSION);
	cbor_put_key(&w, KEY_SERIAL);
	cbor_put_uint(&w, m->serial);
	cbor_put_key(&w, KEY_SITE_KEY);
	cbor_put_bytes_n(&w, m->key, sizeof(m->key));
	if (m->has_deployment) {
		cbor_put_key(&w, KEY_DEPLOYMENT);
		cbor_put_bytes_n(&w, m->deployment, sizeof(m->deployment));
	}
	if (m->network.is_static)
		put_network(&w, &m->network);
	cbor_put_key(&w, KEY_PORT);
	cbor_put_uint(&w, m->port);
	cbor_put_uint_if(&w, KEY_METRICS, m->metrics_port);
	cbor_put_uint_if(&w, KEY_VERIFIERS, m->verifiers);
	if (m->name_count != 0) {
		cbor_put_key(&w, KEY_NAMES);
		cbor_put_array(&w, m->name_count);
		for (size_t i = 0; i < m->name_count; i++)
			cbor_put_text(&w, bytes_of_text(m->names[i]));
		cbor_put_end(&w);
	}
	put_list(&w, KEY_OPERATORS, m->operators, m->operator_count);
	put_list(&w, KEY_MACHINES, m->machines, m->machine_count);
	cbor_put_uint_if(&w, KEY_UNPROVEN, m->unproven_max_s);
	if (m->rp_id[0] != '\0') {
		cbor_put_key(&w, KEY_RP_ID);
		cbor_put_text(&w, bytes_of_text(m->rp_id));
	}
	if (m->origin_count != 0) {
		cbor_put_key(&w, KEY_ORIGINS);
		cbor_put_array(&w, m->origin_count);
		for (size_t i = 0; i < m->origin_count; i++)
			cbor_put_text(&w, bytes_of_text(m->origins[i]));
		cbor_put_end(&w);
	}
	put_list(&w, KEY_TIME_KEYS, m->time_keys, m->time_key_count);
	cbor_put_uint_if(&w, KEY_OPERATOR_PORT, m->operator_port);
	if (m->has_ca) {
		cbor_put_key(&w, KEY_CA);
		cbor_put_bytes_n(&w, m->ca, sizeof(m->ca));
	}
	if (m->bound_exports)
		cbor_put_bool_at(&w, KEY_BOUND_EXPORTS, true);
	if (m->interpreter)
		cbor_put_bool_at(&w, KEY_INTERPRETER, true);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status site_put(const struct site_manifest *manifest, struct buffer *ret_bytes)
{
	uint8_t space[SITE_MANIFEST_MAX];
	struct buffer inner = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;
	enum status status = site_signed(manifest, &inner);

	if (status != STATUS_OK)
		return status;
	cbor_writer_init(&w, ret_bytes);
	cbor_put_map(&w, 2);
	cbor_put_key(&w, 1);
	cbor_put_bytes(&w, buffer_bytes(&inner));
	cbor_put_key(&w, 2);
	cbor_put_bytes_n(&w, manifest->signature, sizeof(manifest->signature));
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* Whether each of `some` is among `all`. */
static bool are_among(const uint8_t (*some)[32], size_t some_count, const uint8_t (*all)[32],
                      size_t all_count)
{
	for (size_t i = 0; i < some_count; i++) {
		bool found = false;

		for (size_t k = 0; k < all_count; k++)
			found |= memcmp(some[i], all[k], 32) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* What is left when all that may change is taken over from the other: the rest is compared whole,
 * so that a field that is new here is not one that may change. */
static void take_free(const struct site_manifest *from, struct site_manifest *to)
{
	to->serial = from->serial;
	to->network = from->network;
	to->port = from->port;
	to->metrics_port = from->metrics_port;
	to->operator_port = from->operator_port;
	to->verifiers = from->verifiers;
	to->name_count = from->name_count;
	memcpy(to->names, from->names, sizeof(to->names));
	to->operator_count = from->operator_count;
	memcpy(to->operators, from->operators, sizeof(to->operators));
	to->machine_count = from->machine_count;
	memcpy(to->machines, from->machines, sizeof(to->machines));
	/* Less is trusted with it, and more without. */
	to->interpreter = to->interpreter && from->interpreter;
}

const char *site_change(const struct site_manifest *from, const struct site_manifest *to)
{
	static uint8_t one[SITE_MANIFEST_MAX], two[SITE_MANIFEST_MAX];
	struct buffer was = BUFFER_OF_ARRAY(one), is = BUFFER_OF_ARRAY(two);
	struct site_manifest rest = *to;

	if (to->serial <= from->serial)
		return "its serial is not above the running one's";
	if (to->operator_count == 0 || to->operator_port == 0)
		return "it leaves no operator, or no door for them: nobody could take it back";
	if (!are_among(to->operators, to->operator_count, from->operators, from->operator_count))
		return "an operator more is more power: write it at the machine (claviger image "
		       "disk)";
	if (from->machine_count != 0 &&
	    (to->machine_count == 0 ||
	     !are_among(to->machines, to->machine_count, from->machines, from->machine_count)))
		return "a machine more is more power: write it at the machine (claviger image "
		       "disk)";
	take_free(from, &rest);
	if (site_signed(from, &was) != STATUS_OK || site_signed(&rest, &is) != STATUS_OK ||
	    !bytes_equal(buffer_bytes(&was), buffer_bytes(&is)))
		return "site key, deployment, time keys, the time without proof, the CA, where "
		       "passkeys "
		       "are used and which may sign an export change at the machine only, and "
		       "there alone policies that ship run compiled again (claviger image disk)";
	return NULL;
}

_Static_assert(SITE_OPERATORS_MAX *(BASE58_LEN(32) + 2) < SITE_TEXT_MAX &&
                   SITE_ORIGINS_MAX * (SITE_ORIGIN_MAX + 1) < SITE_TEXT_MAX,
               "lists fit a setting; of the names take_names sees to it");

/* append adds to a list; a text that does not fit is a bound that was not checked. */
static void __attribute__((format(printf, 3, 4)))
append(char text[SITE_TEXT_MAX], size_t *len, const char *format, ...)
{
	va_list list;
	int more;

	va_start(list, format);
	more = vsnprintf(text + *len, SITE_TEXT_MAX - *len, format, list);
	va_end(list);
	CHECK(more >= 0 && (size_t)more < SITE_TEXT_MAX - *len);
	*len += (size_t)more;
}

static void write_keys(const uint8_t keys[][32], size_t count, char ret_text[SITE_TEXT_MAX])
{
	char key[BASE58_LEN(32) + 1];
	size_t len = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		CHECK(base58_encode(bytes_of(keys[i], 32), key, sizeof(key)) == STATUS_OK);
		append(ret_text, &len, "%s%s", i != 0 ? "," : "", key);
	}
}

void site_operators(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX])
{
	write_keys(manifest->operators, manifest->operator_count, ret_text);
}

void site_time_keys(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX])
{
	write_keys(manifest->time_keys, manifest->time_key_count, ret_text);
}

void site_tls_names(const struct site_manifest *manifest, const uint8_t address[4],
                    char ret_text[SITE_TEXT_MAX])
{
	size_t len = 0;

	append(ret_text, &len, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
	for (size_t i = 0; i < manifest->name_count; i++)
		append(ret_text, &len, ",%s", manifest->names[i]);
}

void site_origins(const struct site_manifest *manifest, char ret_text[SITE_TEXT_MAX])
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < manifest->origin_count; i++)
		append(ret_text, &len, "%s%s", i != 0 ? "," : "", manifest->origins[i]);
}
