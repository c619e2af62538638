/* Policy files for evidence: JSON, and every member that is not known refuses the file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base_encode.h"
#include "cli_attest.h"
#include "cli_file.h"
#include "cli_home.h"
#include "cli_json.h"
#include "cli_pem.h"

#define POLICY_MAX (1024 * 1024)
#define ROOTS_MAX  256
#define LIST_MAX   1024

struct reading {
	const struct cli_call *call;
	const char *path;
	struct attest_policy policy;
	struct bytes roots[ROOTS_MAX];
	char why[320]; /* "" while all is well */
};

static enum status fail(struct reading *r, const char *format, const char *what)
{
	if (r->why[0] == '\0') {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(r->why, sizeof(r->why), format, what);
#pragma GCC diagnostic pop
	}
	return STATUS_MALFORMED;
}

static void *new_list(size_t count, size_t size)
{
	void *list = calloc(count == 0 ? 1 : count, size);

	if (list == NULL)
		abort();
	return list;
}

static bool take_hex(const struct cli_json_node *node, uint8_t *ret_bytes, size_t len)
{
	struct buffer out = {ret_bytes, len, 0};
	struct bytes text;

	return cli_json_text(node, &text) && text.len == HEX_LEN(len) &&
	       hex_decode(text, &out) == STATUS_OK;
}

/* take_list reads a list of byte strings in hex, all of one length. */
static enum status take_list(struct reading *r, const char *name, const struct cli_json_node *node,
                             size_t len, uint8_t **ret_list, size_t *ret_count)
{
	size_t count;
	uint8_t *list;

	if (!cli_json_count(node, &count) || count > LIST_MAX)
		return fail(r, "\"%s\" is a list of hex texts", name);
	list = new_list(count, len);
	for (size_t i = 0; i < count; i++)
		if (!take_hex(cli_json_item(node, i), list + i * len, len))
			return fail(r, "\"%s\" has an item of another length, or no hex", name);
	*ret_list = list;
	*ret_count = count;
	return STATUS_OK;
}

/* ---- roots ---- */

/* path_of joins the policy's folder and a path that the policy names. */
static void path_of(const struct reading *r, struct bytes text, char ret_path[CLI_PATH_MAX])
{
	char folder[CLI_PATH_MAX];
	bool whole = text.len != 0 && text.data[0] == '/';

	snprintf(folder, sizeof(folder), "%s", r->path);
	snprintf(ret_path, CLI_PATH_MAX, "%s%s%.*s", whole ? "" : dirname(folder), whole ? "" : "/",
	         (int)text.len, (const char *)text.data);
}

static enum status add_roots(struct reading *r, struct bytes text, const char *from)
{
	size_t before = r->policy.root_count;
	enum status status;

	do {
		struct buffer der = {new_list(KEYS_CERTIFICATE_MAX, 1), KEYS_CERTIFICATE_MAX, 0};

		status = cli_pem_next(&text, "CERTIFICATE", &der);
		if (status == STATUS_OK && r->policy.root_count == ROOTS_MAX)
			return fail(r, "%s: too many certificates", from);
		if (status == STATUS_OK)
			r->roots[r->policy.root_count++] = buffer_bytes(&der);
	} while (status == STATUS_OK);
	if (status != STATUS_NOT_FOUND || r->policy.root_count == before)
		return fail(r, "%s holds no certificates in PEM", from);
	return STATUS_OK;
}

static enum status take_roots(struct reading *r, const struct cli_json_node *node)
{
	size_t count;

	if (!cli_json_count(node, &count))
		return fail(r, "\"%s\" is a list of PEM texts or paths", "vendor_roots");
	for (size_t i = 0; i < count; i++) {
		char path[CLI_PATH_MAX], message[256];
		struct buffer file;
		struct bytes text;
		enum status status;

		if (!cli_json_text(cli_json_item(node, i), &text))
			return fail(r, "\"%s\" is a list of texts", "vendor_roots");
		if (text.len > 10 && memcmp(text.data, "-----BEGIN", 10) == 0) {
			status = add_roots(r, text, "vendor_roots");
		} else {
			path_of(r, text, path);
			if (cli_file_read(path, POLICY_MAX, &file, message, sizeof(message)) !=
			    STATUS_OK)
				return fail(r, "%s", message);
			status = add_roots(r, buffer_bytes(&file), path);
		}
		if (status != STATUS_OK)
			return status;
	}
	r->policy.roots = r->roots;
	return STATUS_OK;
}

/* ---- values of PCRs ---- */

#define PCR_FIRMWARE_TOO 7  /* a release's own prediction of it is compared, too */
#define PCR_COMMIT       13 /* zero at unseal; what it holds later is checked by itself */

/* each_once visits an object's members, none of which may stand twice. */
static enum status each_once(struct reading *r, const struct cli_json_node *object,
                             enum status (*visit)(void *context, struct bytes name,
                                                  const struct cli_json_node *value),
                             void *context)
{
	return cli_json_is_plain(object) ? cli_json_each(object, visit, context)
	                                 : fail(r, "%s", "a member stands twice");
}

struct values_reading {
	struct reading *r;
	struct attest_values *values;
	uint32_t allowed; /* PCRs that may be there */
};

static enum status take_pcr(void *context, struct bytes name, const struct cli_json_node *node)
{
	static const uint8_t zero[32];
	struct values_reading *v = context;
	unsigned pcr = 0;

	if (name.len == 0 || name.len > 2 || (name.len == 2 && name.data[0] == '0'))
		return fail(v->r, "%s: a PCR's number is needed", "sha256");
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] < '0' || name.data[i] > '9')
			return fail(v->r, "%s: a PCR's number is needed", "sha256");
		pcr = pcr * 10 + (unsigned)(name.data[i] - '0');
	}
	if (pcr >= ATTEST_PCR_COUNT || (v->allowed >> pcr & 1) == 0)
		return fail(v->r, "%s: a PCR that does not belong there", "sha256");
	if (!take_hex(node, v->values->pcrs[pcr], 32))
		return fail(v->r, "%s: a value is 64 hex digits", "sha256");
	if (pcr == PCR_COMMIT)
		return memcmp(v->values->pcrs[pcr], zero, 32) == 0
		           ? STATUS_OK
		           : fail(v->r, "%s: PCR 13 is zero at unseal", "sha256");
	v->values->mask |= UINT32_C(1) << pcr;
	return STATUS_OK;
}

static enum status take_name(struct values_reading *v, const struct cli_json_node *node)
{
	struct bytes text;
	uint8_t *copy;

	if (!cli_json_text(node, &text))
		return fail(v->r, "\"%s\" is a text", "name");
	copy = new_list(text.len + 1, 1);
	memcpy(copy, text.data, text.len);
	v->values->name = bytes_of(copy, text.len);
	return STATUS_OK;
}

static enum status take_value_member(void *context, struct bytes name,
                                     const struct cli_json_node *node)
{
	struct values_reading *v = context;

	if (bytes_equal(name, bytes_of_text("name")))
		return take_name(v, node);
	if (bytes_equal(name, bytes_of_text("image"))) /* pcrs.json: the image's own hash */
		return v->values->name.len == 0 ? take_name(v, node) : STATUS_OK;
	if (bytes_equal(name, bytes_of_text("sha256")))
		return each_once(v->r, node, take_pcr, v);
	return fail(v->r, "a release or firmware has \"name\" and \"%s\"", "sha256");
}

/* take_item: an object, or the path of a file that holds one, as `claviger image predict` writes.
 */
static enum status take_item(struct values_reading *v, const struct cli_json_node *node)
{
	struct cli_json_file file;
	char path[CLI_PATH_MAX], message[256];
	struct bytes text;
	enum status status;

	if (!cli_json_text(node, &text))
		return each_once(v->r, node, take_value_member, v);
	path_of(v->r, text, path);
	if (cli_json_open(path, &file, message, sizeof(message)) != STATUS_OK)
		return fail(v->r, "%s", message);
	status = each_once(v->r, file.root, take_value_member, v);
	cli_json_close(&file);
	return status;
}

static enum status take_values(struct reading *r, const char *name,
                               const struct cli_json_node *node, uint32_t needed, uint32_t more,
                               const struct attest_values **ret_values, size_t *ret_count)
{
	struct attest_values *list;
	size_t count;

	if (!cli_json_count(node, &count) || count > LIST_MAX)
		return fail(r, "\"%s\" is a list", name);
	list = new_list(count, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		struct values_reading v = {.r = r, .values = &list[i], .allowed = needed | more};

		if (take_item(&v, cli_json_item(node, i)) != STATUS_OK)
			return fail(r, "an item of \"%s\" is no object", name);
		if ((list[i].mask & needed) != needed || list[i].name.len == 0)
			return fail(r, "an item of \"%s\" lacks its name or a PCR", name);
	}
	*ret_values = list;
	*ret_count = count;
	return STATUS_OK;
}

/* ---- the file ---- */

static enum status take_number(struct reading *r, const char *name,
                               const struct cli_json_node *node, uint64_t max, uint64_t *ret_number)
{
	if (!cli_json_u64(node, ret_number) || *ret_number > max)
		return fail(r, "\"%s\" is a number, and not that large", name);
	return STATUS_OK;
}

static enum status take_flag(struct reading *r, const char *name, const struct cli_json_node *node,
                             bool *ret_flag)
{
	return cli_json_bool(node, ret_flag) ? STATUS_OK : fail(r, "\"%s\" is true or false", name);
}

static enum status take_member(void *context, struct bytes name, const struct cli_json_node *node)
{
	struct reading *r = context;
	struct attest_policy *p = &r->policy;
	uint8_t *list = NULL, raw[8];
	uint64_t number = 0;
	char text[64];
	enum status status;

	snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.data);
	if (strcmp(text, "vendor_roots") == 0)
		return take_roots(r, node);
	if (strcmp(text, "eks") == 0) {
		status = take_list(r, text, node, 32, &list, &p->ek_count);
		p->eks = (const uint8_t(*)[32])list;
		return status;
	}
	if (strcmp(text, "aks") == 0) {
		status = take_list(r, text, node, ATTEST_NAME_LEN, &list, &p->ak_count);
		p->aks = (const uint8_t(*)[ATTEST_NAME_LEN])list;
		return status;
	}
	if (strcmp(text, "deployment_key") == 0) {
		p->has_deployment_key = true;
		return take_hex(node, p->deployment_key, 32)
		           ? STATUS_OK
		           : fail(r, "\"%s\" is 64 hex digits", text);
	}
	if (strcmp(text, "releases") == 0)
		return take_values(r, text, node, ATTEST_RELEASE_MASK,
		                   UINT32_C(1) << PCR_FIRMWARE_TOO | UINT32_C(1) << PCR_COMMIT,
		                   &p->releases, &p->release_count);
	if (strcmp(text, "firmwares") == 0)
		return take_values(r, text, node, ATTEST_FIRMWARE_MASK, 0, &p->firmwares,
		                   &p->firmware_count);
	if (strcmp(text, "minimum_tpm_firmware") == 0) {
		if (!take_hex(node, raw, sizeof(raw)))
			return fail(r, "\"%s\" is 16 hex digits", text);
		p->minimum_tpm_firmware = __builtin_bswap64(load_le64(raw));
		return STATUS_OK;
	}
	if (strcmp(text, "release_floor") == 0 || strcmp(text, "site_floor") == 0) {
		status = take_number(r, text, node, 255, &number);
		*(text[0] == 'r' ? &p->release_floor : &p->site_floor) = (uint32_t)number;
		return status;
	}
	if (strcmp(text, "counter") == 0)
		return take_number(r, text, node, INT64_MAX, &p->counter);
	if (strcmp(text, "event_log") == 0)
		return take_flag(r, text, node, &p->event_log);
	if (strcmp(text, "software_tpm") == 0)
		return take_flag(r, text, node, &p->software_tpm);
	if (strcmp(text, "single_operator") == 0)
		return take_flag(r, text, node, &p->single_operator);
	if (strcmp(text, "unattended") == 0)
		return take_flag(r, text, node, &p->unattended);
	if (strcmp(text, "recovery_key") == 0)
		return take_flag(r, text, node, &p->recovery_key);
	if (strcmp(text, "reduced_sandbox") == 0)
		return take_flag(r, text, node, &p->reduced_sandbox);
	if (strcmp(text, "genesis") == 0) {
		p->has_genesis = true;
		return take_hex(node, p->genesis, 32) ? STATUS_OK
		                                      : fail(r, "\"%s\" is 64 hex digits", text);
	}
	return fail(r, "\"%s\" is no member of a policy (spec/evidence.md)", text);
}

int cli_attest_policy(const struct cli_call *call, const char *path,
                      struct attest_policy *ret_policy)
{
	struct reading *r;
	struct cli_json_file file;
	char message[256];

	if (path == NULL) {
		*ret_policy = (struct attest_policy){.software_tpm = true};
		return CLI_YES;
	}
	r = new_list(1, sizeof(*r));
	*r = (struct reading){.call = call, .path = path};
	if (cli_json_open(path, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (each_once(r, file.root, take_member, r) != STATUS_OK)
		(void)fail(r, "%s", "a policy is a JSON object");
	cli_json_close(&file);
	if (r->why[0] != '\0') {
		cli_complain(call, "%s: %s", path, r->why);
		return CLI_USAGE;
	}
	*ret_policy = r->policy;
	return CLI_YES;
}
