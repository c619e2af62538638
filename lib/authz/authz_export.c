/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_export.h"

#include "base_check.h"
#include "base_encode.h"
#include "keys_hpke.h"
#include "secret.h"

static const char export_label[] = "claviger/export/v1";

/* PrivateKeyInfo of RFC 8410: version 0, OID 1.3.101.112, OCTET STRING of an OCTET STRING. */
static const uint8_t pkcs8_head[16] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                       0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

static SENSITIVE enum status write_keypair(const struct keys_sign_key *key, struct buffer *out)
{
	enum status status = buffer_put(out, bytes_of("[", 1));

	for (size_t i = 0; i < sizeof(key->bytes) && status == STATUS_OK; i++) {
		unsigned value = key->bytes[i];
		char text[4];
		size_t len = 0;

		if (i != 0)
			text[len++] = ',';
		if (value >= 100)
			text[len++] = (char)('0' + value / 100);
		if (value >= 10)
			text[len++] = (char)('0' + value / 10 % 10);
		text[len++] = (char)('0' + value % 10);
		status = buffer_put(out, bytes_of(text, len));
		SECRET_WIPE(text);
	}
	return status == STATUS_OK ? buffer_put(out, bytes_of("]", 1)) : status;
}

static SENSITIVE enum status write_base58(const struct keys_sign_key *key, struct buffer *out)
{
	char text[BASE58_LEN(64) + 1];
	enum status status =
	    base58_encode(bytes_of(key->bytes, sizeof(key->bytes)), text, sizeof(text));

	if (status == STATUS_OK)
		status = buffer_put(out, bytes_of_text(text));
	SECRET_WIPE(text);
	return status;
}

SENSITIVE enum status authz_export_write(const struct keys_sign_key *key, uint8_t format,
                                         struct buffer *out)
{
	size_t start = out->len;
	enum status status;

	switch ((enum authz_export_format)format) {
	case AUTHZ_EXPORT_KEYPAIR:
		status = write_keypair(key, out);
		break;
	case AUTHZ_EXPORT_BASE58:
		status = write_base58(key, out);
		break;
	case AUTHZ_EXPORT_PKCS8:
		status = buffer_put(out, BYTES_OF_ARRAY(pkcs8_head));
		if (status == STATUS_OK)
			status = buffer_put(out, bytes_of(key->bytes, 32));
		break;
	case AUTHZ_EXPORT_FORMAT_COUNT:
	default:
		status = STATUS_UNSUPPORTED;
		break;
	}
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

/* The 64 bytes of what authz_export_write wrote; whether they are a key is the caller's to see. */
static SENSITIVE enum status read_keypair(struct bytes written, struct keys_sign_key *ret_key)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(ret_key->bytes); i++) {
		unsigned value = 0;
		size_t digits = 0;

		if (at == written.len || written.data[at++] != (i == 0 ? '[' : ','))
			return STATUS_MALFORMED;
		for (; at < written.len && written.data[at] >= '0' && written.data[at] <= '9' &&
		       digits < 3;
		     at++, digits++)
			value = value * 10 + (unsigned)(written.data[at] - '0');
		if (digits == 0 || value > 255)
			return STATUS_MALFORMED;
		ret_key->bytes[i] = (uint8_t)value;
	}
	return at + 1 == written.len && written.data[at] == ']' ? STATUS_OK : STATUS_MALFORMED;
}

SENSITIVE enum status authz_export_read(struct bytes written, uint8_t format,
                                        struct keys_sign_key *ret_key)
{
	uint8_t again_space[AUTHZ_EXPORT_TEXT_MAX];
	struct buffer again = BUFFER_OF_ARRAY(again_space);
	struct keys_sign_key key = {.bytes = {0}};
	struct buffer bytes = BUFFER_OF_ARRAY(key.bytes);
	enum status status = STATUS_MALFORMED;

	if (format == AUTHZ_EXPORT_KEYPAIR) {
		status = read_keypair(written, &key);
	} else if (format == AUTHZ_EXPORT_BASE58) {
		status = base58_decode(written, &bytes);
	} else if (format == AUTHZ_EXPORT_PKCS8 && written.len == sizeof(pkcs8_head) + 32 &&
	           memcmp(written.data, pkcs8_head, sizeof(pkcs8_head)) == 0) {
		keys_sign_from_seed(written.data + sizeof(pkcs8_head), &key);
		status = STATUS_OK;
	}
	/* One text for one key: what is written again is the same. */
	if (status == STATUS_OK &&
	    (!keys_sign_is_whole(&key) || authz_export_write(&key, format, &again) != STATUS_OK ||
	     !bytes_equal(buffer_bytes(&again), written)))
		status = STATUS_MALFORMED;
	if (status == STATUS_OK)
		*ret_key = key;
	SECRET_WIPE(key);
	SECRET_WIPE(again_space);
	return status == STATUS_OK ? STATUS_OK : STATUS_MALFORMED;
}

/* export_info makes "claviger/export/v1" || deployment || wallet. */
static struct bytes export_info(const uint8_t deployment[32], const uint8_t wallet[32],
                                struct buffer *space)
{
	CHECK(buffer_put(space, bytes_of_text(export_label)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(deployment, 32)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(wallet, 32)) == STATUS_OK);
	return buffer_bytes(space);
}

enum status authz_export_seal(const uint8_t recipient[32], const uint8_t deployment[32],
                              const uint8_t wallet[32], const uint8_t change_hash[32],
                              struct bytes written, struct buffer *out)
{
	uint8_t space[sizeof(export_label) + 64];
	struct buffer info = BUFFER_OF_ARRAY(space);

	return keys_hpke_seal(recipient, export_info(deployment, wallet, &info),
	                      bytes_of(change_hash, 32), written, out, NULL);
}

enum status authz_export_open(const uint8_t recipient_secret[32], const uint8_t deployment[32],
                              const uint8_t wallet[32], const uint8_t change_hash[32],
                              struct bytes sealed, struct buffer *ret_written)
{
	uint8_t space[sizeof(export_label) + 64];
	struct buffer info = BUFFER_OF_ARRAY(space);
	struct keys_hpke_key pair;
	enum status status;

	keys_hpke_from_seed(recipient_secret, &pair);
	status = keys_hpke_open(&pair, export_info(deployment, wallet, &info),
	                        bytes_of(change_hash, 32), sealed, ret_written, NULL);
	SECRET_WIPE(pair);
	return status;
}
