/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_file.h"
#include "secret.h"

#define PEM_MAX 4096
#define DER_MAX 256

static const char private_label[] = "EC PRIVATE KEY", pkcs8_label[] = "PRIVATE KEY",
                  public_label[] = "PUBLIC KEY";

/* take_pem finds the block of a label; false when the text has none. */
static bool take_pem(struct bytes text, const char *label, struct buffer *ret_der)
{
	char begin[64], end[64], packed[PEM_MAX];
	size_t len = 0, begin_len, end_len;
	const uint8_t *from, *to;

	begin_len = (size_t)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
	end_len = (size_t)snprintf(end, sizeof(end), "-----END %s-----", label);
	from = memmem(text.data, text.len, begin, begin_len);
	if (from == NULL)
		return false;
	from += begin_len;
	to = memmem(from, text.len - (size_t)(from - text.data), end, end_len);
	if (to == NULL)
		return false;
	for (; from < to && len < sizeof(packed); from++)
		if (*from != '\n' && *from != '\r')
			packed[len++] = (char)*from;
	ret_der->len = 0;
	return from == to && base64_decode(bytes_of(packed, len), ret_der) == STATUS_OK;
}

static int read_file(const struct cli_call *call, const char *path, struct buffer *ret_file)
{
	char message[256];

	if (cli_file_read(path, PEM_MAX, ret_file, message, sizeof(message)) == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s", message);
	return CLI_UNSURE;
}

static bool take_private(struct bytes text, struct keys_p256_key *ret_key)
{
	uint8_t space[DER_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space);
	bool good = (take_pem(text, private_label, &der) || take_pem(text, pkcs8_label, &der)) &&
	            keys_p256_take_der(buffer_bytes(&der), ret_key) == STATUS_OK;

	SECRET_WIPE(space);
	return good;
}

int cli_authority_read(const struct cli_call *call, const char *path, struct keys_p256_key *ret_key)
{
	struct buffer file;
	int result = read_file(call, path, &file);
	bool good;

	if (result != CLI_YES)
		return result;
	good = take_private(buffer_bytes(&file), ret_key);
	secret_wipe(file.data, file.len);
	free(file.data);
	if (good)
		return CLI_YES;
	cli_complain(call, "%s holds no P-256 private key in PEM; make one with `claviger tpm key`",
	             path);
	return CLI_NO;
}

int cli_authority_read_public(const struct cli_call *call, const char *path,
                              uint8_t ret_public[APPROVAL_KEY_LEN])
{
	uint8_t space[DER_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space), file;
	struct keys_p256_key key;
	int result = read_file(call, path, &file);
	bool good;

	if (result != CLI_YES)
		return result;
	good = take_pem(buffer_bytes(&file), public_label, &der) &&
	       keys_p256_take_public_der(buffer_bytes(&der), ret_public) == STATUS_OK;
	if (!good && take_private(buffer_bytes(&file), &key)) {
		memcpy(ret_public, key.public, APPROVAL_KEY_LEN);
		SECRET_WIPE(key);
		good = true;
	}
	secret_wipe(file.data, file.len);
	free(file.data);
	if (good)
		return CLI_YES;
	cli_complain(call, "%s holds no P-256 key in PEM", path);
	return CLI_NO;
}

/* put_pem writes lines of 64 characters, as RFC 7468 has them. */
static size_t put_pem(const char *label, struct bytes der, char *text, size_t cap)
{
	char packed[BASE64_LEN(DER_MAX) + 1];
	size_t len = (size_t)snprintf(text, cap, "-----BEGIN %s-----\n", label);

	base64_encode(der, packed);
	for (size_t at = 0; at < strlen(packed); at += 64)
		len += (size_t)snprintf(text + len, cap - len, "%.64s\n", packed + at);
	len += (size_t)snprintf(text + len, cap - len, "-----END %s-----\n", label);
	SECRET_WIPE(packed);
	return len;
}

int cli_authority_write(const struct cli_call *call, const char *path,
                        const struct keys_p256_key *key)
{
	char public_path[CLI_PATH_MAX + 8], text[PEM_MAX];
	uint8_t space[DER_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space);
	int result;

	snprintf(public_path, sizeof(public_path), "%s.pub", path);
	if (access(path, F_OK) == 0 || access(public_path, F_OK) == 0) {
		cli_complain(call, "%s or its .pub is there already; a key is never replaced",
		             path);
		return CLI_UNSURE;
	}
	if (keys_p256_put_der(key, &der) != STATUS_OK)
		return CLI_UNSURE;
	result = cli_home_create(
	    call, path,
	    bytes_of(text, put_pem(private_label, buffer_bytes(&der), text, sizeof(text))), true);
	SECRET_WIPE(text);
	SECRET_WIPE(space);
	der.len = 0;
	if (result != CLI_YES || keys_p256_put_public_der(key->public, &der) != STATUS_OK)
		return result != CLI_YES ? result : CLI_UNSURE;
	return cli_home_create(
	    call, public_path,
	    bytes_of(text, put_pem(public_label, buffer_bytes(&der), text, sizeof(text))), false);
}

void cli_authority_text(const uint8_t public_key[APPROVAL_KEY_LEN], char ret_text[17])
{
	struct bytes bytes = bytes_of(public_key, APPROVAL_KEY_LEN);
	uint8_t hash[32];

	keys_sha256(&bytes, 1, hash);
	hex_encode(bytes_of(hash, 8), ret_text);
}

/* ---- approvals ---- */

int cli_approvals_read(const struct cli_call *call, const char *path,
                       struct approval_file *ret_file)
{
	struct buffer file;
	char message[256];
	enum status status;

	if (cli_file_read(path, APPROVAL_FILE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	status = approval_file_take(buffer_bytes(&file), ret_file);
	free(file.data);
	if (status == STATUS_OK)
		return CLI_YES;
	cli_complain(
	    call,
	    status == STATUS_UNSUPPORTED
	        ? "%s is a file of approvals of another version of claviger: provision anew"
	        : "%s is no file of approvals, or damaged",
	    path);
	return CLI_NO;
}

int cli_approvals_write(const struct cli_call *call, const char *path,
                        const struct approval_file *file)
{
	static uint8_t space[APPROVAL_FILE_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	if (approval_file_put(file, &out) != STATUS_OK) {
		cli_complain(call, "too many approvals for one file");
		return CLI_NO;
	}
	return cli_home_write(call, path, buffer_bytes(&out), false);
}

static enum status sign(const struct keys_p256_key *key, enum approval_purpose purpose,
                        const uint8_t policy[32], const struct approval_scope *scope,
                        uint8_t ret_signature[64])
{
	uint8_t digest[32];

	approval_digest(purpose, policy, scope->genesis, digest);
	return keys_p256_sign(key, digest, ret_signature);
}

enum status cli_approve_release(const struct keys_p256_key *release,
                                const struct approval_scope *scope,
                                struct approval_release *approval)
{
	uint8_t policy[32];

	memcpy(approval->key, release->public, APPROVAL_KEY_LEN);
	approval_release_policy(approval, scope, policy);
	return sign(release, APPROVAL_SEAL_RELEASE, policy, scope, approval->signature);
}

enum status cli_approve_site(const struct keys_p256_key *site, const struct approval_scope *scope,
                             struct approval_site *approval)
{
	uint8_t policy[32];

	memcpy(approval->key, site->public, APPROVAL_KEY_LEN);
	approval_site_policy(approval, scope, policy);
	return sign(site, APPROVAL_SEAL_SITE, policy, scope, approval->signature);
}

enum status cli_approve_delegate(const struct keys_p256_key *site_root,
                                 const struct approval_scope *scope,
                                 struct approval_delegate *approval)
{
	uint8_t policy[32];

	approval_delegate_policy(approval, scope, policy);
	return sign(site_root, APPROVAL_FLOOR_DELEGATE, policy, scope, approval->signature);
}

enum status cli_appoint(const struct keys_p256_key *root, const struct approval_scope *scope,
                        struct approval_appointment *appointment)
{
	uint8_t policy[32];

	approval_appointment_policy(appointment, scope, policy);
	return sign(root, appointment->is_site ? APPROVAL_APPOINT_SITE : APPROVAL_APPOINT_RELEASE,
	            policy, scope, appointment->signature);
}

int cli_appoint_add(const struct cli_call *call, const struct keys_p256_key *root,
                    struct approval_file *file, const struct approval_appointment *appointment)
{
	struct approval_appointment made = *appointment;
	size_t at = 0;

	while (at < file->appointed_count &&
	       (file->appointed[at].is_site != made.is_site ||
	        memcmp(file->appointed[at].key, made.key, APPROVAL_KEY_LEN) != 0))
		at++;
	if (at == APPROVAL_APPOINTED_MAX) {
		cli_complain(call, "the file has %u appointments, all it takes",
		             APPROVAL_APPOINTED_MAX);
		return CLI_NO;
	}
	if (cli_appoint(root, &file->scope, &made) != STATUS_OK)
		return CLI_UNSURE;
	file->appointed[at] = made;
	if (at == file->appointed_count)
		file->appointed_count++;
	return CLI_YES;
}

enum status cli_manifest_sign(const struct keys_p256_key *site_root,
                              struct approval_manifest *manifest)
{
	struct approval_scope scope;
	uint8_t policy[32];
	enum status status;

	memcpy(manifest->site_root, site_root->public, APPROVAL_KEY_LEN);
	keys_random(manifest->id, sizeof(manifest->id));
	approval_scope_of(manifest, &scope);
	approval_first_policy(policy);
	status = sign(site_root, APPROVAL_FLOOR_DELEGATE, policy, &scope, manifest->first_release);
	if (status == STATUS_OK)
		status = sign(site_root, APPROVAL_FLOOR_SITE, policy, &scope, manifest->first_site);
	return status == STATUS_OK ? keys_p256_sign(site_root, scope.genesis, manifest->signature)
	                           : status;
}
