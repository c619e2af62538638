/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_node.h"

#include "authz_signed.h"
#include "base_check.h"
#include "cbor_writer.h"

#define NODE_VERSION 2
#define NODE_PAIRS   20

static const char node_label[] = "claviger/node/v1";
static const char commit_label[] = "claviger/commit/v1";

static void put_hash(struct cbor_writer *w, uint64_t key, const uint8_t hash[32])
{
	cbor_put_key(w, key);
	cbor_put_bytes_n(w, hash, 32);
}

static void put_body(struct cbor_writer *w, const struct authz_node *node)
{
	cbor_put_map(w, NODE_PAIRS);
	cbor_put_key(w, 1);
	cbor_put_uint(w, NODE_VERSION);
	put_hash(w, 2, node->deployment);
	put_hash(w, 3, node->deployment_key);
	cbor_put_key(w, 4);
	cbor_put_uint(w, node->boot);
	put_hash(w, 5, node->boot_record);
	cbor_put_key(w, 6);
	cbor_put_uint(w, node->mode);
	cbor_put_key(w, 7);
	cbor_put_bytes_n(w, node->ak_name, sizeof(node->ak_name));
	put_hash(w, 8, node->ek);
	cbor_put_key(w, 9);
	cbor_put_bool(w, node->activated);
	cbor_put_key(w, 10);
	cbor_put_bytes(w, node->authority);
	cbor_put_key(w, 11);
	cbor_put_bytes(w, node->signer);
	put_hash(w, 12, node->tls);
	put_hash(w, 13, node->manifest);
	cbor_put_key(w, 14);
	cbor_put_text(w, node->release);
	cbor_put_key(w, 15);
	cbor_put_bool(w, node->single_operator);
	put_hash(w, 16, node->genesis);
	cbor_put_key(w, 17);
	cbor_put_bool(w, node->attended);
	cbor_put_key(w, 18);
	cbor_put_bool(w, node->recovery_key);
	cbor_put_key(w, 19);
	cbor_put_text(w, node->machine);
	cbor_put_key(w, 20);
	cbor_put_uint(w, node->sandbox_missing);
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

static void take_hash(struct cbor_reader *r, uint64_t key, uint8_t ret_hash[32])
{
	cbor_take_key(r, key);
	cbor_take_bytes_n(r, ret_hash, 32);
}

static enum status take_body(struct bytes body, struct authz_node *taken)
{
	struct cbor_reader r;

	cbor_reader_init(&r, body);
	cbor_take_map(&r, NODE_PAIRS);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != NODE_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	take_hash(&r, 2, taken->deployment);
	take_hash(&r, 3, taken->deployment_key);
	cbor_take_key(&r, 4);
	taken->boot = cbor_take_uint(&r, INT64_MAX);
	take_hash(&r, 5, taken->boot_record);
	cbor_take_key(&r, 6);
	taken->mode = (uint8_t)cbor_take_uint(&r, AUTHZ_MODE_APPLIANCE);
	if (taken->mode == 0)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_key(&r, 7);
	cbor_take_bytes_n(&r, taken->ak_name, sizeof(taken->ak_name));
	take_hash(&r, 8, taken->ek);
	cbor_take_key(&r, 9);
	taken->activated = cbor_take_bool(&r);
	cbor_take_key(&r, 10);
	taken->authority = cbor_take_bytes(&r, AUTHZ_STATEMENT_MAX);
	cbor_take_key(&r, 11);
	taken->signer = cbor_take_bytes(&r, AUTHZ_STATEMENT_MAX);
	take_hash(&r, 12, taken->tls);
	take_hash(&r, 13, taken->manifest);
	cbor_take_key(&r, 14);
	taken->release = cbor_take_text(&r, AUTHZ_RELEASE_MAX);
	cbor_take_key(&r, 15);
	taken->single_operator = cbor_take_bool(&r);
	take_hash(&r, 16, taken->genesis);
	cbor_take_key(&r, 17);
	taken->attended = cbor_take_bool(&r);
	cbor_take_key(&r, 18);
	taken->recovery_key = cbor_take_bool(&r);
	cbor_take_key(&r, 19);
	taken->machine = cbor_take_text(&r, AUTHZ_MACHINE_MAX);
	cbor_take_key(&r, 20);
	taken->sandbox_missing = (uint32_t)cbor_take_uint(&r, AUTHZ_SANDBOX_BITS);
	if ((taken->sandbox_missing & ~AUTHZ_SANDBOX_BITS) != 0)
		cbor_fail(&r, STATUS_UNSUPPORTED);
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
