/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_node.h"

#include "authz_signed.h"
#include "base_check.h"
#include "cbor_writer.h"

#define NODE_VERSION 4
#define NODE_PAIRS   26

static const char node_label[] = "claviger/node/v1";
static const char commit_label[] = "claviger/commit/v1";

static void put_body(struct cbor_writer *w, const struct authz_node *node)
{
	cbor_put_map(w, NODE_PAIRS);
	cbor_put_uint_at(w, 1, NODE_VERSION);
	cbor_put_bytes_n_at(w, 2, node->deployment, 32);
	cbor_put_bytes_n_at(w, 3, node->deployment_key, 32);
	cbor_put_uint_at(w, 4, node->boot);
	cbor_put_bytes_n_at(w, 5, node->boot_record, 32);
	cbor_put_uint_at(w, 6, node->mode);
	cbor_put_bytes_n_at(w, 7, node->ak_name, sizeof(node->ak_name));
	cbor_put_bytes_n_at(w, 8, node->ek, 32);
	cbor_put_bool_at(w, 9, node->activated);
	cbor_put_bytes_at(w, 10, node->authority);
	cbor_put_bytes_at(w, 11, node->signer);
	cbor_put_bytes_n_at(w, 12, node->tls, 32);
	cbor_put_bytes_n_at(w, 13, node->manifest, 32);
	cbor_put_text_at(w, 14, node->release);
	cbor_put_bool_at(w, 15, node->single_operator);
	cbor_put_bytes_n_at(w, 16, node->genesis, 32);
	cbor_put_bool_at(w, 17, node->attended);
	cbor_put_bool_at(w, 18, node->recovery_key);
	cbor_put_text_at(w, 19, node->machine);
	cbor_put_uint_at(w, 20, node->sandbox_missing);
	cbor_put_bytes_n_at(w, 21, node->site_root, sizeof(node->site_root));
	cbor_put_uint_at(w, 22, node->release_base);
	cbor_put_uint_at(w, 23, node->site_base);
	cbor_put_uint_at(w, 24, node->first_counter);
	cbor_put_bytes_n_at(w, 25, node->share, sizeof(node->share));
	cbor_put_bool_at(w, 26, node->interpreter);
	cbor_put_end(w);
}

enum status authz_node_put(const struct authz_node *node,
                           const struct keys_sign_key *deployment_key, struct buffer *out)
{
	uint8_t body_space[AUTHZ_NODE_MAX], scratch_space[AUTHZ_NODE_MAX + 64];
	struct buffer body = BUFFER_OF_ARRAY(body_space), scratch = BUFFER_OF_ARRAY(scratch_space);
	struct cbor_writer w;
	enum status status;

	CHECK(memcmp(keys_sign_public(deployment_key), node->deployment_key, 32) == 0);
	cbor_writer_init(&w, &body);
	put_body(&w, node);
	status = cbor_finish(&w);
	if (status != STATUS_OK)
		return status;
	return authz_signed_put(node_label, buffer_bytes(&body), deployment_key, &scratch, out);
}

static enum status take_body(struct bytes body, struct authz_node *taken)
{
	struct cbor_reader r;

	cbor_reader_init(&r, body);
	cbor_take_map(&r, NODE_PAIRS);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != NODE_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, taken->deployment, 32);
	cbor_take_bytes_n_at(&r, 3, taken->deployment_key, 32);
	taken->boot = cbor_take_uint_at(&r, 4, INT64_MAX);
	cbor_take_bytes_n_at(&r, 5, taken->boot_record, 32);
	taken->mode = (uint8_t)cbor_take_uint_at(&r, 6, AUTHZ_MODE_APPLIANCE);
	if (taken->mode == 0)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 7, taken->ak_name, sizeof(taken->ak_name));
	cbor_take_bytes_n_at(&r, 8, taken->ek, 32);
	taken->activated = cbor_take_bool_at(&r, 9);
	taken->authority = cbor_take_bytes_at(&r, 10, AUTHZ_STATEMENT_MAX);
	taken->signer = cbor_take_bytes_at(&r, 11, AUTHZ_STATEMENT_MAX);
	cbor_take_bytes_n_at(&r, 12, taken->tls, 32);
	cbor_take_bytes_n_at(&r, 13, taken->manifest, 32);
	taken->release = cbor_take_text_at(&r, 14, AUTHZ_RELEASE_MAX);
	taken->single_operator = cbor_take_bool_at(&r, 15);
	cbor_take_bytes_n_at(&r, 16, taken->genesis, 32);
	taken->attended = cbor_take_bool_at(&r, 17);
	taken->recovery_key = cbor_take_bool_at(&r, 18);
	taken->machine = cbor_take_text_at(&r, 19, AUTHZ_MACHINE_MAX);
	taken->sandbox_missing = (uint32_t)cbor_take_uint_at(&r, 20, AUTHZ_SANDBOX_BITS);
	if ((taken->sandbox_missing & ~AUTHZ_SANDBOX_BITS) != 0)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 21, taken->site_root, sizeof(taken->site_root));
	taken->release_base = cbor_take_uint_at(&r, 22, AUTHZ_BASE_MAX);
	taken->site_base = cbor_take_uint_at(&r, 23, AUTHZ_BASE_MAX);
	taken->first_counter = cbor_take_uint_at(&r, 24, UINT64_MAX);
	cbor_take_bytes_n_at(&r, 25, taken->share, sizeof(taken->share));
	taken->interpreter = cbor_take_bool_at(&r, 26);
	cbor_take_end(&r);
	return cbor_done(&r);
}

enum status authz_node_open(struct bytes bytes, struct authz_node *ret_node)
{
	uint8_t space[AUTHZ_NODE_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);
	struct authz_signed wrapped;
	struct authz_node taken;
	enum status status = authz_signed_take(bytes, AUTHZ_NODE_MAX, &wrapped);

	if (status == STATUS_OK)
		status = take_body(wrapped.body, &taken);
	if (status == STATUS_OK)
		status = authz_signed_verify(node_label, taken.deployment_key, &wrapped, &scratch);
	if (status == STATUS_OK)
		*ret_node = taken;
	return status;
}

static enum status open_channel(const struct authz_node *node, struct bytes bytes, uint8_t role,
                                struct authz_certificate *ret_certificate)
{
	enum status status = authz_certificate_open(bytes, node->deployment_key, ret_certificate);

	if (status != STATUS_OK || ret_certificate->role != role ||
	    ret_certificate->boot != node->boot ||
	    memcmp(ret_certificate->deployment, node->deployment, 32) != 0)
		return STATUS_REFUSED;
	return STATUS_OK;
}

enum status authz_node_channels(const struct authz_node *node,
                                struct authz_certificate *ret_authority,
                                struct authz_certificate *ret_signer)
{
	enum status status =
	    open_channel(node, node->authority, AUTHZ_ROLE_AUTHORITY, ret_authority);

	return status == STATUS_OK ? open_channel(node, node->signer, AUTHZ_ROLE_SIGNER, ret_signer)
	                           : status;
}

void authz_node_commit(const uint8_t deployment_key[32], const uint8_t manifest[32],
                       const uint8_t signer_key[32], uint8_t ret_commit[32])
{
	const struct bytes parts[] = {bytes_of_text(commit_label), bytes_of(deployment_key, 32),
	                              bytes_of(manifest, 32), bytes_of(signer_key, 32)};

	keys_sha256(parts, sizeof(parts) / sizeof(parts[0]), ret_commit);
}

void authz_node_sandbox(uint32_t missing, char ret_text[AUTHZ_SANDBOX_TEXT])
{
	static const struct {
		uint32_t bit;
		const char *name;
	} layers[] = {
	    {0x2,   "network-namespace"},
	    {0x40,  "empty-root"       },
	    {0x80,  "own-uid"          },
	    {0x100, "landlock"         },
	};
	size_t len = 0;

	memcpy(ret_text, "none", 5);
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
		if ((missing & layers[i].bit) != 0)
			len += (size_t)snprintf(ret_text + len, AUTHZ_SANDBOX_TEXT - len, "%s%s",
			                        len != 0 ? " " : "", layers[i].name);
}
