/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_passkey.h"

#include "base_encode.h"

#define RP_ID_MAX          253
#define FURTHER_MAX        4 /* members behind the known ones */
#define FURTHER_NAME_MAX   64
#define FURTHER_STRING_MAX 256
#define CHALLENGE_TEXT_LEN 43 /* base64url of 32 bytes, without padding */

/* Flags of authenticator data (WebAuthn section 6.1). */
#define FLAG_PRESENT  0x01u
#define FLAG_VERIFIED 0x04u
#define FLAG_ELIGIBLE 0x08u
#define FLAG_BACKED   0x10u
#define FLAG_ATTESTED 0x40u
#define FLAG_EXTENDED 0x80u
#define FLAGS_KNOWN   (FLAG_PRESENT | FLAG_VERIFIED | FLAG_ELIGIBLE | FLAG_BACKED)

static const char *const fault_texts[AUTHZ_PASSKEY_FAULT_COUNT] = {
    [AUTHZ_PASSKEY_UNCHECKED] = "it was not checked",
    [AUTHZ_PASSKEY_GOOD] = "it is good",
    [AUTHZ_PASSKEY_LENGTH] = "its authenticator data have a wrong length",
    [AUTHZ_PASSKEY_RP_ID] = "it is for another relying party id",
    [AUTHZ_PASSKEY_NOT_PRESENT] = "nobody touched the authenticator",
    [AUTHZ_PASSKEY_NOT_VERIFIED] =
        "the authenticator did not ask for PIN, fingerprint or face (user verification)",
    [AUTHZ_PASSKEY_FLAGS] = "it carries extensions or flags that do not belong there",
    [AUTHZ_PASSKEY_BACKUP] = "its backup flags contradict each other or the registration",
    [AUTHZ_PASSKEY_CLIENT_DATA] = "its client data are not written as browsers write them",
    [AUTHZ_PASSKEY_TYPE] = "its client data are of another ceremony",
    [AUTHZ_PASSKEY_CHALLENGE] = "it answers another challenge",
    [AUTHZ_PASSKEY_ORIGIN] = "it was made on a page whose origin is not in the settings",
    [AUTHZ_PASSKEY_CROSS_ORIGIN] = "it was made on a page inside another one",
    [AUTHZ_PASSKEY_KEY] = "its key is not the one named, or not a sound one",
    [AUTHZ_PASSKEY_COUNTER] =
        "its signature counter did not grow: there may be a copy of the authenticator",
    [AUTHZ_PASSKEY_SIGNATURE] = "its signature does not fit",
};

const char *authz_passkey_fault_text(enum authz_passkey_fault fault)
{
	return fault < AUTHZ_PASSKEY_FAULT_COUNT ? fault_texts[fault] : fault_texts[0];
}

/* step_over takes `text` from the front of `rest`; false, and nothing taken, when it is not there.
 */
static bool step_over(struct bytes *rest, struct bytes text)
{
	if (rest->len < text.len || memcmp(rest->data, text.data, text.len) != 0)
		return false;
	*rest = bytes_of(rest->data + text.len, rest->len - text.len);
	return true;
}

static bool step_over_text(struct bytes *rest, const char *text)
{
	return step_over(rest, bytes_of_text(text));
}

/* ---- settings ---- */

static bool is_host_character(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* is_domain: labels of letters, digits and hyphens, none empty. */
static bool is_domain(struct bytes text)
{
	if (text.len == 0 || text.len > RP_ID_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool at_start = i == 0 || text.data[i - 1] == '.';

		if (!is_host_character(text.data[i]) || (text.data[i] == '.' && at_start))
			return false;
	}
	return text.data[text.len - 1] != '.';
}

/* is_port: decimal, without leading zeros, and not the scheme's own, which browsers leave out. */
static bool is_port(struct bytes text)
{
	unsigned port = 0;

	if (text.len == 0 || text.len > 5 || text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text.data[i] - '0');
	}
	return port <= 65535 && port != 443;
}

static bool is_origin(struct bytes origin, struct bytes rp_id)
{
	struct bytes rest = origin, host;
	size_t len = 0;

	if (!step_over_text(&rest, "https://"))
		return false;
	while (len < rest.len && rest.data[len] != ':')
		len++;
	host = bytes_of(rest.data, len);
	if (len < rest.len && !is_port(bytes_of(rest.data + len + 1, rest.len - len - 1)))
		return false;
	if (!is_domain(host) || host.len < rp_id.len ||
	    memcmp(host.data + host.len - rp_id.len, rp_id.data, rp_id.len) != 0)
		return false;
	return host.len == rp_id.len || host.data[host.len - rp_id.len - 1] == '.';
}

enum status authz_relying_take(struct bytes rp_id, struct bytes origins,
                               struct authz_relying *ret_relying)
{
	struct authz_relying relying = {.origin_count = 0};

	if (!is_domain(rp_id))
		return STATUS_MALFORMED;
	keys_sha256(&rp_id, 1, relying.rp_id_hash);
	for (bool more = true; more;) {
		const uint8_t *comma =
		    origins.len != 0 ? memchr(origins.data, ',', origins.len) : NULL;
		size_t len = comma != NULL ? (size_t)(comma - origins.data) : origins.len;
		struct bytes origin = bytes_of(origins.data, len);

		if (relying.origin_count == AUTHZ_ORIGINS_MAX || !is_origin(origin, rp_id))
			return STATUS_MALFORMED;
		relying.origins[relying.origin_count++] = origin;
		more = comma != NULL;
		if (more)
			origins = bytes_of(comma + 1, origins.len - len - 1);
	}
	*ret_relying = relying;
	return STATUS_OK;
}

/* ---- passkeys ---- */

void authz_passkey_id(struct bytes credential, uint8_t ret_id[32])
{
	keys_sha256_label("claviger/passkey/v1", credential, ret_id);
}

bool authz_passkey_is_sound(const struct authz_passkey *passkey)
{
	if (passkey->credential.len < AUTHZ_CREDENTIAL_MIN ||
	    passkey->credential.len > AUTHZ_CREDENTIAL_MAX)
		return false;
	if (passkey->kind == AUTHZ_KEY_PASSKEY_P256)
		return passkey->public_key.len == KEYS_P256_PUBLIC_LEN &&
		       keys_p256_is_public(passkey->public_key.data);
	return passkey->kind == AUTHZ_KEY_PASSKEY_ED25519 &&
	       passkey->public_key.len == KEYS_PUBLIC_LEN &&
	       keys_public_is_strong(passkey->public_key.data);
}

void authz_change_challenge(struct bytes change, uint8_t ret_challenge[32])
{
	keys_sha256_label("claviger/change/v1", change, ret_challenge);
}

void authz_registration_challenge(const uint8_t deployment[32], const uint8_t nonce[32],
                                  uint8_t ret_challenge[32])
{
	struct bytes parts[] = {bytes_of_text("claviger/register/v1"), bytes_of(deployment, 32),
	                        bytes_of(nonce, 32)};

	keys_sha256(parts, 3, ret_challenge);
}

void authz_session_challenge(struct bytes request, uint8_t ret_challenge[32])
{
	keys_sha256_label("claviger/session/v1", request, ret_challenge);
}

/* ---- client data ---- */

/* base64url (RFC 4648 section 5) without padding, as browsers write a challenge. */
static void challenge_text(const uint8_t challenge[32], char ret_text[CHALLENGE_TEXT_LEN + 1])
{
	char text[BASE64_LEN(32) + 1];

	base64_encode(bytes_of(challenge, 32), text);
	for (size_t i = 0; i < CHALLENGE_TEXT_LEN; i++)
		ret_text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	ret_text[CHALLENGE_TEXT_LEN] = '\0';
}

/* take_name takes `"name":` of a further member. Those that mean something are not further ones. */
static bool take_name(struct bytes *rest, struct bytes *ret_name)
{
	static const char *const known[] = {"type",        "challenge", "origin",
	                                    "crossOrigin", "topOrigin", "tokenBinding"};
	size_t len = 0;

	if (!step_over_text(rest, "\""))
		return false;
	while (len < rest->len &&
	       ((rest->data[len] >= 'a' && rest->data[len] <= 'z') ||
	        (rest->data[len] >= 'A' && rest->data[len] <= 'Z') || rest->data[len] == '_'))
		len++;
	*ret_name = bytes_of(rest->data, len);
	*rest = bytes_of(rest->data + len, rest->len - len);
	if (len == 0 || len > FURTHER_NAME_MAX || !step_over_text(rest, "\":"))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bytes_equal(*ret_name, bytes_of_text(known[i])))
			return false;
	return true;
}

/* take_value takes true, false, or a string of printable ASCII that needs no escape. */
static bool take_value(struct bytes *rest)
{
	size_t len = 0;

	if (step_over_text(rest, "true") || step_over_text(rest, "false"))
		return true;
	if (!step_over_text(rest, "\""))
		return false;
	while (len < rest->len && rest->data[len] >= 0x20 && rest->data[len] < 0x7f &&
	       rest->data[len] != '"' && rest->data[len] != '\\')
		len++;
	*rest = bytes_of(rest->data + len, rest->len - len);
	return len <= FURTHER_STRING_MAX && step_over_text(rest, "\"");
}

/* Members that browsers add so that nobody compares with a template: harmless ones, to the end. */
static enum authz_passkey_fault check_further(struct bytes rest)
{
	struct bytes names[FURTHER_MAX];
	size_t count = 0;

	while (step_over_text(&rest, ",")) {
		if (step_over_text(&rest, "\"topOrigin\""))
			return AUTHZ_PASSKEY_CROSS_ORIGIN;
		if (count == FURTHER_MAX || !take_name(&rest, &names[count]) || !take_value(&rest))
			return AUTHZ_PASSKEY_CLIENT_DATA;
		for (size_t i = 0; i < count; i++)
			if (bytes_equal(names[i], names[count]))
				return AUTHZ_PASSKEY_CLIENT_DATA;
		count++;
	}
	return step_over_text(&rest, "}") && rest.len == 0 ? AUTHZ_PASSKEY_GOOD
	                                                   : AUTHZ_PASSKEY_CLIENT_DATA;
}

static bool step_over_origin(const struct authz_relying *relying, struct bytes *rest)
{
	for (size_t i = 0; i < relying->origin_count; i++) {
		struct bytes at = *rest;

		if (step_over(&at, relying->origins[i]) && step_over_text(&at, "\"")) {
			*rest = at;
			return true;
		}
	}
	return false;
}

enum authz_passkey_fault authz_client_data_check(const struct authz_relying *relying,
                                                 bool registers, const uint8_t challenge[32],
                                                 struct bytes client_data)
{
	char text[CHALLENGE_TEXT_LEN + 1];
	struct bytes rest = client_data;

	if (client_data.len > AUTHZ_CLIENT_DATA_MAX || !step_over_text(&rest, "{\"type\":\""))
		return AUTHZ_PASSKEY_CLIENT_DATA;
	if (!step_over_text(&rest, registers ? "webauthn.create\"" : "webauthn.get\""))
		return AUTHZ_PASSKEY_TYPE;
	if (!step_over_text(&rest, ",\"challenge\":\""))
		return AUTHZ_PASSKEY_CLIENT_DATA;
	challenge_text(challenge, text);
	if (!step_over_text(&rest, text) || !step_over_text(&rest, "\""))
		return AUTHZ_PASSKEY_CHALLENGE;
	if (!step_over_text(&rest, ",\"origin\":\""))
		return AUTHZ_PASSKEY_CLIENT_DATA;
	if (!step_over_origin(relying, &rest))
		return AUTHZ_PASSKEY_ORIGIN;
	/* Browsers that know no frames of other origins here write nothing of it, and nothing else.
	 */
	if (rest.len == 1 && rest.data[0] == '}')
		return AUTHZ_PASSKEY_GOOD;
	if (step_over_text(&rest, ",\"crossOrigin\":true"))
		return AUTHZ_PASSKEY_CROSS_ORIGIN;
	if (!step_over_text(&rest, ",\"crossOrigin\":false"))
		return AUTHZ_PASSKEY_CLIENT_DATA;
	return check_further(rest);
}

/* ---- authenticator data ---- */

static uint32_t big_endian(const uint8_t *at, size_t len)
{
	uint32_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

/* check_head looks at the 37 bytes that all authenticator data begin with. */
static enum authz_passkey_fault check_head(const struct authz_relying *relying, const uint8_t *data,
                                           unsigned attested)
{
	unsigned flags = data[32];

	if (memcmp(data, relying->rp_id_hash, 32) != 0)
		return AUTHZ_PASSKEY_RP_ID;
	if ((flags & ~FLAGS_KNOWN) != attested)
		return AUTHZ_PASSKEY_FLAGS;
	if ((flags & FLAG_PRESENT) == 0)
		return AUTHZ_PASSKEY_NOT_PRESENT;
	if ((flags & FLAG_VERIFIED) == 0)
		return AUTHZ_PASSKEY_NOT_VERIFIED;
	if ((flags & FLAG_BACKED) != 0 && (flags & FLAG_ELIGIBLE) == 0)
		return AUTHZ_PASSKEY_BACKUP;
	return AUTHZ_PASSKEY_GOOD;
}

enum status authz_assertion_signed(const struct authz_assertion *assertion, struct buffer *out)
{
	uint8_t hash[KEYS_HASH_LEN];
	size_t start = out->len;
	enum status status = buffer_put(out, assertion->authenticator_data);

	keys_sha256(&assertion->client_data, 1, hash);
	if (status == STATUS_OK)
		status = buffer_put(out, BYTES_OF_ARRAY(hash));
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

static enum status verify_signature(const struct authz_passkey *passkey,
                                    const struct authz_assertion *assertion)
{
	uint8_t space[AUTHZ_AUTHENTICATOR_DATA_LEN + KEYS_HASH_LEN];
	struct buffer covered = BUFFER_OF_ARRAY(space);
	uint8_t digest[KEYS_HASH_LEN], signature[KEYS_SIGNATURE_LEN];
	struct bytes part;

	if (authz_assertion_signed(assertion, &covered) != STATUS_OK)
		return STATUS_CRYPTO;
	part = buffer_bytes(&covered);
	keys_sha256(&part, 1, digest);
	if (passkey->kind == AUTHZ_KEY_PASSKEY_P256)
		return keys_p256_take_signature(assertion->signature, signature) == STATUS_OK
		           ? keys_p256_verify(passkey->public_key.data, digest, signature)
		           : STATUS_CRYPTO;
	if (assertion->signature.len != KEYS_SIGNATURE_LEN)
		return STATUS_CRYPTO;
	return keys_verify(passkey->public_key.data, part, assertion->signature.data);
}

enum authz_passkey_fault
authz_assertion_verify(const struct authz_relying *relying, const struct authz_passkey *passkey,
                       const struct authz_passkey_state *state, const uint8_t challenge[32],
                       const struct authz_assertion *assertion, uint32_t *ret_count)
{
	const uint8_t *data = assertion->authenticator_data.data;
	enum authz_passkey_fault fault;
	uint32_t count;

	if (assertion->authenticator_data.len != AUTHZ_AUTHENTICATOR_DATA_LEN)
		return AUTHZ_PASSKEY_LENGTH;
	fault = check_head(relying, data, 0);
	if (fault == AUTHZ_PASSKEY_GOOD)
		fault = authz_client_data_check(relying, false, challenge, assertion->client_data);
	if (fault != AUTHZ_PASSKEY_GOOD)
		return fault;
	if (!authz_passkey_is_sound(passkey))
		return AUTHZ_PASSKEY_KEY;
	if (verify_signature(passkey, assertion) != STATUS_OK)
		return AUTHZ_PASSKEY_SIGNATURE;
	/* What is kept of it is looked at last: who cannot sign with it learns nothing of it. */
	if (((data[32] & FLAG_ELIGIBLE) != 0) != state->backup_eligible)
		return AUTHZ_PASSKEY_BACKUP;
	/* Synced passkeys always say 0. Who ever said more must say more each time. */
	count = big_endian(data + 33, 4);
	if ((count != 0 || state->count != 0) && count <= state->count)
		return AUTHZ_PASSKEY_COUNTER;
	*ret_count = count;
	return AUTHZ_PASSKEY_GOOD;
}

/* The one encoding of each COSE key (CTAP2 canonical CBOR): the bytes before x, between x and y. */
static const uint8_t cose_p256_head[] = {0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32};
static const uint8_t cose_p256_y[] = {0x22, 0x58, 32};
static const uint8_t cose_ed25519_head[] = {0xa4, 0x01, 0x01, 0x03, 0x27,
                                            0x20, 0x06, 0x21, 0x58, 32};

/* is_cose tells whether `cose` is the passkey's public key, whole. */
static bool is_cose(struct bytes cose, const struct authz_passkey *passkey)
{
	struct bytes key = passkey->public_key;

	if (passkey->kind == AUTHZ_KEY_PASSKEY_P256)
		return step_over(&cose, BYTES_OF_ARRAY(cose_p256_head)) &&
		       step_over(&cose, bytes_of(key.data, 32)) &&
		       step_over(&cose, BYTES_OF_ARRAY(cose_p256_y)) &&
		       step_over(&cose, bytes_of(key.data + 32, 32)) && cose.len == 0;
	return step_over(&cose, BYTES_OF_ARRAY(cose_ed25519_head)) && step_over(&cose, key) &&
	       cose.len == 0;
}

/* The one extension that a registration may carry. Chromium asks security keys for it unasked (CTAP
 * 2.1 section 12.1), and all it says is when the key shows this credential: {"credProtect": 1..3}.
 */
static const uint8_t cred_protect[] = {0xa1, 0x6b, 'c', 'r', 'e', 'd', 'P',
                                       'r',  'o',  't', 'e', 'c', 't'};

/* take_extensions takes them from the end of `data`, where the flags say that there are some. */
static bool take_extensions(struct bytes *data)
{
	size_t len = sizeof(cred_protect) + 1;
	const uint8_t *at;

	if ((data->data[32] & FLAG_EXTENDED) == 0)
		return true;
	if (data->len < AUTHZ_AUTHENTICATOR_DATA_LEN + len)
		return false;
	at = data->data + data->len - len;
	data->len -= len;
	return memcmp(at, cred_protect, sizeof(cred_protect)) == 0 && at[len - 1] >= 1 &&
	       at[len - 1] <= 3;
}

enum authz_passkey_fault authz_registration_verify(const struct authz_relying *relying,
                                                   const struct authz_passkey *passkey,
                                                   const uint8_t challenge[32],
                                                   const struct authz_assertion *registration,
                                                   struct authz_passkey_state *ret_state)
{
	struct bytes data = registration->authenticator_data;
	size_t id_at = AUTHZ_AUTHENTICATOR_DATA_LEN + 16 + 2, id_len; /* behind AAGUID and length */
	enum authz_passkey_fault fault;

	if (data.len < id_at || data.len > AUTHZ_AUTHENTICATOR_DATA_MAX)
		return AUTHZ_PASSKEY_LENGTH;
	if (!take_extensions(&data))
		return AUTHZ_PASSKEY_FLAGS;
	if (data.len < id_at)
		return AUTHZ_PASSKEY_LENGTH;
	fault = check_head(relying, data.data,
	                   FLAG_ATTESTED | ((unsigned)data.data[32] & FLAG_EXTENDED));
	if (fault == AUTHZ_PASSKEY_GOOD)
		fault =
		    authz_client_data_check(relying, true, challenge, registration->client_data);
	if (fault != AUTHZ_PASSKEY_GOOD)
		return fault;
	id_len = big_endian(data.data + id_at - 2, 2);
	if (data.len - id_at < id_len)
		return AUTHZ_PASSKEY_LENGTH;
	if (!authz_passkey_is_sound(passkey) ||
	    !bytes_equal(passkey->credential, bytes_of(data.data + id_at, id_len)) ||
	    !is_cose(bytes_of(data.data + id_at + id_len, data.len - id_at - id_len), passkey))
		return AUTHZ_PASSKEY_KEY;
	*ret_state = (struct authz_passkey_state){
	    .backup_eligible = (data.data[32] & FLAG_ELIGIBLE) != 0,
	    .count = big_endian(data.data + 33, 4),
	};
	return AUTHZ_PASSKEY_GOOD;
}
