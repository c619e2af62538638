/* policy_schema_write: build tool; appends the section claviger.parameters to a module.
 *
 *   policy_schema_NAME in.wasm out.wasm
 *
 * Compiled once per policy with its parameters header, the same one that the module is compiled
 * with, so that schema and record cannot differ. */
/* SPDX-License-Identifier: Apache-2.0 */
#include POLICY_PARAMETERS_HEADER

#include "base_limits.h"
#include "cbor_writer.h"
#include "policy_abi.h"

#define POLICY_NEED_OF_REQUIRED 1
#define POLICY_NEED_OF_OPTIONAL 2
#define POLICY_NEED_OF_DEFAULTS 3

struct row {
	const char *name;
	unsigned type, role, need;
	uint64_t fallback, entries_max;
	const char *text;
};

static const struct row rows[] = {
#define ROW(name, type, role, need, def, max, text)                                                \
	{#name, POLICY_TYPE_##type, POLICY_ROLE_##role, POLICY_NEED_OF_##need, def, max, text},
    POLICY_PARAMETERS(ROW)
#undef ROW
};

static void put_row(struct cbor_writer *w, const struct row *r)
{
	bool has_default = r->need == POLICY_NEED_OF_DEFAULTS;
	cbor_put_map(w, 5u + has_default + (r->entries_max != 0));
	cbor_put_key(w, 1);
	cbor_put_text(w, bytes_of_text(r->name));
	cbor_put_key(w, 2);
	cbor_put_uint(w, r->type);
	cbor_put_key(w, 3);
	cbor_put_uint(w, r->role);
	cbor_put_key(w, 4);
	cbor_put_uint(w, r->need);
	if (has_default) {
		cbor_put_key(w, 5);
		if (r->type == POLICY_TYPE_BOOL)
			cbor_put_bool(w, r->fallback != 0);
		else
			cbor_put_uint(w, r->fallback);
	}
	if (r->entries_max != 0) {
		cbor_put_key(w, 6);
		cbor_put_uint(w, r->entries_max);
	}
	cbor_put_key(w, 7);
	cbor_put_text(w, bytes_of_text(r->text));
	cbor_put_end(w);
}

static enum status put_schema(struct buffer *out)
{
	size_t count = sizeof(rows) / sizeof(rows[0]);
	struct cbor_writer w;
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, 1);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, count);
	for (size_t i = 0; i < count; i++)
		put_row(&w, &rows[i]);
	cbor_put_end(&w);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void put_leb(FILE *file, size_t value)
{
	do {
		fputc((int)((value & 0x7f) | (value > 0x7f ? 0x80 : 0)), file);
		value >>= 7;
	} while (value != 0);
}

int main(int argc, char **argv)
{
	static const char name[] = "claviger.parameters";
	static uint8_t module[LIMIT_MODULE_MAX], schema[LIMIT_SCHEMA_MAX];
	struct buffer out = BUFFER_OF_ARRAY(schema);
	if (argc != 3 || put_schema(&out) != STATUS_OK)
		return 2;
	FILE *in = fopen(argv[1], "rb");
	size_t len = in == NULL ? 0 : fread(module, 1, sizeof(module), in);
	FILE *to = fopen(argv[2], "wb");
	if (len == 0 || len == sizeof(module) || to == NULL)
		return 2;
	fclose(in);
	fwrite(module, 1, len, to);
	fputc(0, to); /* a custom section */
	put_leb(to, 1 + sizeof(name) - 1 + out.len);
	put_leb(to, sizeof(name) - 1);
	fwrite(name, 1, sizeof(name) - 1, to);
	fwrite(out.data, 1, out.len, to);
	return fclose(to) == 0 ? 0 : 2;
}
