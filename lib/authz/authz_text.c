/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_text.h"

#include "base_check.h"
#include "base_encode.h"
#include "cbor_reader.h"

/* Off-chain message v1 up to its text: prefix, version, signer count (then the signers). */
static const uint8_t offchain_head[18] = {
    0xff, 's', 'o', 'l', 'a', 'n', 'a', ' ', 'o', 'f', 'f', 'c', 'h', 'a', 'i', 'n', 1, 1,
};

/* Code points that change how other text looks, or look like nothing. Ranges, ascending. */
static const uint32_t invisible[][2] = {
    {0x00,    0x1f   },
    {0x7f,    0x9f   },
    {0xad,    0xad   },
    {0x34f,   0x34f  },
    {0x61c,   0x61c  },
    {0x115f,  0x1160 },
    {0x17b4,  0x17b5 },
    {0x180b,  0x180f },
    {0x200b,  0x200f },
    {0x2028,  0x202e },
    {0x2060,  0x206f },
    {0x3164,  0x3164 },
    {0xfe00,  0xfe0f },
    {0xfeff,  0xfeff },
    {0xffa0,  0xffa0 },
    {0xfff0,  0xfffb },
    {0x1d173, 0x1d17a},
    {0xe0000, 0xe0fff},
};

static bool is_visible(uint32_t code)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++) {
		if (code >= invisible[i][0] && code <= invisible[i][1])
			return false;
	}
	return true;
}

enum status authz_put_clean(struct bytes text, const char *prefix, struct buffer *out)
{
	enum status status = STATUS_OK;
	size_t start = out->len;
	bool at_start = true;

	while (text.len != 0 && text.data[text.len - 1] == '\n')
		text.len--;
	while (text.len != 0 && status == STATUS_OK) {
		uint32_t code = 0;
		size_t len = cbor_utf8_next(text, &code);
		bool clean = len != 0 && (is_visible(code) || code == '\n');

		if (at_start)
			status = buffer_put(out, bytes_of_text(prefix));
		if (status == STATUS_OK)
			status =
			    buffer_put(out, clean ? bytes_of(text.data, len) : bytes_of("?", 1));
		at_start = clean && code == '\n';
		text = bytes_of(text.data + (len == 0 ? 1 : len), text.len - (len == 0 ? 1 : len));
	}
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

enum status authz_text_put(uint8_t action, const uint8_t signer[32], struct bytes description,
                           struct bytes change, struct buffer *out)
{
	uint8_t hash[KEYS_HASH_LEN];
	char hash_text[HEX_LEN(KEYS_HASH_LEN) + 1];
	size_t start = out->len;
	enum status status = STATUS_OK;

	CHECK(authz_action_word(action) != NULL);
	authz_change_hash(change, hash);
	hex_encode(BYTES_OF_ARRAY(hash), hash_text);
	{
		const struct bytes parts[] = {
		    BYTES_OF_ARRAY(offchain_head), bytes_of(signer, 32),
		    bytes_of_text("Claviger "),    bytes_of_text(authz_action_word(action)),
		    bytes_of_text(" v1\n"),        description,
		    bytes_of_text("\nSHA-256 "),   bytes_of_text(hash_text),
		};

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if (status == STATUS_OK)
				status = buffer_put(out, parts[i]);
		}
	}
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

bool authz_text_is_described(const struct authz_change *change, struct bytes description)
{
	uint8_t hash[KEYS_HASH_LEN];

	keys_sha256(&description, 1, hash);
	return memcmp(hash, change->description_hash, sizeof(hash)) == 0;
}

enum status authz_text_verify(const struct authz_change *change, struct bytes change_bytes,
                              struct bytes description, const struct authz_signature *signature,
                              struct buffer *ret_signed)
{
	size_t start = ret_signed->len;
	enum status status;

	if (!authz_text_is_described(change, description))
		return STATUS_REFUSED;
	if (signature->key.kind != AUTHZ_KEY_ED25519)
		return STATUS_UNSUPPORTED;
	status = authz_text_put(change->action, signature->key.key, description, change_bytes,
	                        ret_signed);
	if (status == STATUS_OK)
		status = keys_verify(signature->key.key,
		                     bytes_of(ret_signed->data + start, ret_signed->len - start),
		                     signature->signature);
	if (status != STATUS_OK)
		ret_signed->len = start;
	return status;
}

enum status authz_text_sign(const struct keys_sign_key *key, const struct authz_change *change,
                            struct bytes change_bytes, struct bytes description,
                            struct authz_signature *ret_signed)
{
	uint8_t space[AUTHZ_SIGNED_TEXT_MAX];
	struct buffer text = BUFFER_OF_ARRAY(space);
	enum status status;

	if (!authz_text_is_described(change, description))
		return STATUS_REFUSED;
	status =
	    authz_text_put(change->action, keys_sign_public(key), description, change_bytes, &text);
	if (status != STATUS_OK)
		return status;
	ret_signed->key.kind = AUTHZ_KEY_ED25519;
	memcpy(ret_signed->key.key, keys_sign_public(key), 32);
	keys_sign(key, buffer_bytes(&text), ret_signed->signature);
	return STATUS_OK;
}
