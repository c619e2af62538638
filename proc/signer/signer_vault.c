/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_vault.h"

#include "authz_export.h"
#include "authz_statement.h"
#include "base_check.h"
#include "base_limits.h"
#include "call_store.h"
#include "cbor_reader.h"
#include "secret.h"

/* All of it lies in the guarded page. */
struct signer_vault {
	uint8_t deployment[32];
	struct keys_master master;
	struct keys_sign_key deployment_key;
	struct keys_secret checkpoint_mac;
	struct keys_aead records;
	struct keys_aead wallet_keys;
	struct keys_tls_key tls;
	struct keys_hpke_key channel;
	struct keys_sign_key scratch;                      /* a wallet's key while it signs */
	uint8_t seeds[LIMIT_CHANGE_WALLETS_MAX * 34 + 16]; /* of an import, while one is taken */
	uint8_t seed[32], other_seed[32];
	uint8_t written[AUTHZ_EXPORT_TEXT_MAX]; /* of an export, while it is sealed */
	struct keys_totp totp;                  /* while a code is computed */
	struct authz_enroll_answer enrolled;    /* while a secret is made */
	struct keys_hpke_answer enroll_answer;
};

enum status signer_vault_new(struct signer_vault **ret_vault)
{
	static struct secret_page page;
	enum status status = secret_page_open(sizeof(struct signer_vault), &page);

	/* The page stays writable: opening it per signature would be two system calls. */
	if (status == STATUS_OK)
		*ret_vault = (struct signer_vault *)page.data;
	return status;
}

/* The key that seals the master: both shares are needed, and it serves one deployment. */
static SENSITIVE void share_key(const uint8_t share[32], const uint8_t second[32],
                                const uint8_t deployment[32], struct keys_aead *ret_aead)
{
	struct keys_secret secret;
	uint8_t both[64];

	memcpy(both, share, 32);
	memcpy(both + 32, second, 32);
	keys_hkdf(BYTES_OF_ARRAY(both), bytes_of(deployment, 32),
	          bytes_of_text("claviger/master/v1"), secret.bytes, sizeof(secret.bytes));
	keys_aead_init(&secret, ret_aead);
	SECRET_WIPE(both);
	SECRET_WIPE(secret);
}

static SENSITIVE void derive_aead(const struct signer_vault *vault, const char *label,
                                  struct keys_aead *ret_aead)
{
	struct keys_secret secret;

	keys_derive(&vault->master, vault->deployment, label, bytes_of(NULL, 0), &secret);
	keys_aead_init(&secret, ret_aead);
	SECRET_WIPE(secret);
}

static SENSITIVE void derive_all(struct signer_vault *vault)
{
	struct keys_secret seed;

	keys_derive(&vault->master, vault->deployment, "claviger/deployment-key/v1",
	            bytes_of(NULL, 0), &seed);
	keys_sign_from_seed(seed.bytes, &vault->deployment_key);
	SECRET_WIPE(seed);
	keys_derive(&vault->master, vault->deployment, "claviger/checkpoint/v1", bytes_of(NULL, 0),
	            &vault->checkpoint_mac);
	derive_aead(vault, "claviger/records/v1", &vault->records);
	derive_aead(vault, "claviger/wallet-keys/v1", &vault->wallet_keys);
	keys_tls_derive(&vault->master, vault->deployment, &vault->tls);
	keys_hpke_random(&vault->channel);
}

enum status signer_vault_genesis(struct signer_vault *vault, const uint8_t share[32],
                                 const uint8_t second[32], uint8_t ret_deployment[32],
                                 struct buffer *ret_sealed_master)
{
	struct keys_aead aead;
	enum status status;

	keys_random(vault->deployment, sizeof(vault->deployment));
	keys_random(vault->master.bytes, sizeof(vault->master.bytes));
	share_key(share, second, vault->deployment, &aead);
	status = keys_aead_seal(&aead, BYTES_OF_ARRAY(vault->deployment),
	                        BYTES_OF_ARRAY(vault->master.bytes), ret_sealed_master);
	keys_aead_done(&aead);
	if (status != STATUS_OK)
		return status;
	memcpy(ret_deployment, vault->deployment, 32);
	derive_all(vault);
	return STATUS_OK;
}

enum status signer_vault_open(struct signer_vault *vault, const uint8_t share[32],
                              const uint8_t second[32], const uint8_t deployment[32],
                              struct bytes sealed_master)
{
	struct buffer master = BUFFER_OF_ARRAY(vault->master.bytes);
	struct keys_aead aead;
	enum status status;

	share_key(share, second, deployment, &aead);
	status = keys_aead_open(&aead, bytes_of(deployment, 32), sealed_master, &master);
	keys_aead_done(&aead);
	if (status != STATUS_OK || master.len != sizeof(vault->master.bytes))
		return STATUS_CORRUPT;
	memcpy(vault->deployment, deployment, 32);
	derive_all(vault);
	return STATUS_OK;
}

const uint8_t *signer_vault_deployment_key(const struct signer_vault *vault)
{
	return keys_sign_public(&vault->deployment_key);
}

const struct keys_sign_key *signer_vault_deployment(const struct signer_vault *vault)
{
	return &vault->deployment_key;
}

void signer_vault_mac(const struct signer_vault *vault, struct bytes bytes,
                      uint8_t ret_mac[KEYS_MAC_LEN])
{
	keys_hmac(&vault->checkpoint_mac, &bytes, 1, ret_mac);
}

/* What a sealed value is bound to: deployment, kind (little-endian), id. */
struct place {
	uint8_t deployment[32];
	uint32_t kind;
	uint8_t id[32];
};

_Static_assert(sizeof(struct place) == 68, "no padding is sealed");

static struct place place_of(const struct signer_vault *vault, uint32_t kind, const uint8_t id[32])
{
	struct place place = {.kind = kind};

	memcpy(place.deployment, vault->deployment, 32);
	memcpy(place.id, id, 32);
	return place;
}

enum status signer_vault_seal(const struct signer_vault *vault, uint32_t kind, const uint8_t id[32],
                              struct bytes plain, struct buffer *ret_sealed)
{
	struct place place = place_of(vault, kind, id);

	return keys_aead_seal(&vault->records, bytes_of(&place, sizeof(place)), plain, ret_sealed);
}

enum status signer_vault_unseal(const struct signer_vault *vault, uint32_t kind,
                                const uint8_t id[32], struct bytes sealed, struct buffer *ret_plain)
{
	struct place place = place_of(vault, kind, id);

	return keys_aead_open(&vault->records, bytes_of(&place, sizeof(place)), sealed, ret_plain);
}

static enum status seal_key(const struct signer_vault *vault, const uint8_t wallet[32],
                            const struct keys_sign_key *key, struct buffer *ret_sealed)
{
	struct place place = place_of(vault, 0, wallet);

	return keys_aead_seal(&vault->wallet_keys, bytes_of(&place, sizeof(place)),
	                      BYTES_OF_ARRAY(key->bytes), ret_sealed);
}

/* Opens a wallet's key into the page's scratch space; the caller wipes it. */
static SENSITIVE enum status open_key(const struct signer_vault *vault, const uint8_t wallet[32],
                                      struct bytes sealed, struct keys_sign_key *scratch)
{
	struct place place = place_of(vault, 0, wallet);
	struct buffer plain = BUFFER_OF_ARRAY(scratch->bytes);

	if (keys_aead_open(&vault->wallet_keys, bytes_of(&place, sizeof(place)), sealed, &plain) !=
	        STATUS_OK ||
	    plain.len != sizeof(scratch->bytes))
		return STATUS_CORRUPT;
	return STATUS_OK;
}

/* The scratch key lies in the page although the vault is const towards callers. */
static struct keys_sign_key *scratch_of(const struct signer_vault *vault)
{
	return (struct keys_sign_key *)((uintptr_t)vault + offsetof(struct signer_vault, scratch));
}

SENSITIVE enum status signer_vault_create_key(const struct signer_vault *vault,
                                              const uint8_t wallet[32],
                                              uint8_t ret_address[KEYS_PUBLIC_LEN],
                                              struct buffer *ret_sealed)
{
	struct keys_sign_key *key = scratch_of(vault);
	enum status status;

	keys_sign_random(key);
	status = seal_key(vault, wallet, key, ret_sealed);
	if (status == STATUS_OK)
		memcpy(ret_address, keys_sign_public(key), KEYS_PUBLIC_LEN);
	secret_wipe(key, sizeof(*key));
	return status;
}

/* Opens the seeds into the page and takes number `at` into the scratch key. */
static SENSITIVE enum status open_seed(struct signer_vault *vault, const struct signer_seeds *seeds,
                                       size_t at, struct keys_sign_key *scratch)
{
	uint8_t info_space[128];
	struct buffer info = BUFFER_OF_ARRAY(info_space), plain = BUFFER_OF_ARRAY(vault->seeds);
	struct cbor_reader r;
	size_t count;

	if (keys_hpke_info(vault->deployment, vault->channel.public, &info) != STATUS_OK ||
	    keys_hpke_open(&vault->channel, buffer_bytes(&info), BYTES_OF_ARRAY(seeds->associated),
	                   seeds->sealed, &plain, NULL) != STATUS_OK)
		return STATUS_CRYPTO;
	cbor_reader_init(&r, buffer_bytes(&plain));
	count = cbor_take_array(&r, LIMIT_CHANGE_WALLETS_MAX);
	for (size_t i = 0; i < count; i++)
		cbor_take_bytes_n(&r, i == at ? vault->seed : vault->other_seed, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) != STATUS_OK || count != seeds->count || at >= count)
		return STATUS_MALFORMED;
	keys_sign_from_seed(vault->seed, scratch);
	return STATUS_OK;
}

SENSITIVE enum status signer_vault_import_key(struct signer_vault *vault, const uint8_t wallet[32],
                                              const struct signer_seeds *seeds, size_t at,
                                              uint8_t ret_address[KEYS_PUBLIC_LEN],
                                              struct buffer *ret_sealed)
{
	struct keys_sign_key *scratch = scratch_of(vault);
	enum status status = open_seed(vault, seeds, at, scratch);

	SECRET_WIPE(vault->seeds);
	SECRET_WIPE(vault->seed);
	SECRET_WIPE(vault->other_seed);
	if (status == STATUS_OK)
		status = seal_key(vault, wallet, scratch, ret_sealed);
	if (status == STATUS_OK)
		memcpy(ret_address, keys_sign_public(scratch), KEYS_PUBLIC_LEN);
	secret_wipe(scratch, sizeof(*scratch));
	return status;
}

SENSITIVE enum status signer_vault_escape(const struct signer_vault *vault,
                                          const uint8_t wallet[32], struct bytes sealed,
                                          const uint8_t to[KEYS_PUBLIC_LEN],
                                          struct buffer *ret_copy)
{
	struct keys_sign_key *key = scratch_of(vault);
	enum status status = open_key(vault, wallet, sealed, key);

	if (status == STATUS_OK)
		status = authz_escape_seal(to, vault->deployment, wallet, key, ret_copy);
	secret_wipe(key, sizeof(*key));
	return status;
}

SENSITIVE enum status signer_vault_hand_over(struct signer_vault *vault, const uint8_t wallet[32],
                                             struct bytes sealed,
                                             const struct signer_handover *handover,
                                             struct buffer *ret_sealed)
{
	struct buffer written = BUFFER_OF_ARRAY(vault->written);
	struct keys_sign_key *key = &vault->scratch;
	enum status status = open_key(vault, wallet, sealed, key);

	if (status == STATUS_OK)
		status = authz_export_write(key, handover->format, &written);
	if (status == STATUS_OK)
		status =
		    authz_export_seal(handover->recipient, vault->deployment, wallet,
		                      handover->change_hash, buffer_bytes(&written), ret_sealed);
	SECRET_WIPE(vault->written);
	secret_wipe(key, sizeof(*key));
	return status;
}

/* A secret of its own kind: no record and no wallet's key opens in its place. */
static struct place totp_place(const struct signer_vault *vault, const uint8_t id[32])
{
	return place_of(vault, CALL_STORE_VALUE_FACTOR, id);
}

SENSITIVE enum status signer_vault_enroll(struct signer_vault *vault, struct bytes request,
                                          struct buffer *ret_answer)
{
	struct authz_enroll_answer *enrolled = &vault->enrolled;
	struct buffer sealed = BUFFER_OF_ARRAY(enrolled->sealed);
	struct place place;
	enum status status =
	    authz_enroll_open(vault->deployment, &vault->channel, request, &vault->enroll_answer);

	if (status == STATUS_OK) {
		keys_random(enrolled->id, sizeof(enrolled->id));
		keys_random(enrolled->secret.bytes, sizeof(enrolled->secret.bytes));
		place = totp_place(vault, enrolled->id);
		CHECK(keys_aead_seal(&vault->wallet_keys, bytes_of(&place, sizeof(place)),
		                     BYTES_OF_ARRAY(enrolled->secret.bytes), &sealed) == STATUS_OK);
		status = authz_enrolled_seal(&vault->enroll_answer, enrolled, ret_answer);
	}
	SECRET_WIPE(vault->enrolled);
	SECRET_WIPE(vault->enroll_answer);
	return status;
}

enum status signer_vault_code_open(const struct signer_vault *vault, const struct authz_code *code,
                                   const uint8_t change_hash[32], uint32_t *ret_code)
{
	return authz_code_open(vault->deployment, &vault->channel, code, change_hash, ret_code);
}

SENSITIVE enum status signer_vault_totp_code(struct signer_vault *vault, const uint8_t id[32],
                                             const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN],
                                             uint64_t step, uint32_t *ret_code)
{
	struct place place = totp_place(vault, id);
	struct buffer plain = BUFFER_OF_ARRAY(vault->totp.bytes);
	enum status status = keys_aead_open(&vault->wallet_keys, bytes_of(&place, sizeof(place)),
	                                    bytes_of(sealed, AUTHZ_SEALED_TOTP_LEN), &plain);

	if (status == STATUS_OK)
		*ret_code = keys_totp_code(&vault->totp, step);
	SECRET_WIPE(vault->totp);
	return status;
}

SENSITIVE enum status signer_vault_sign(const struct signer_vault *vault, const uint8_t wallet[32],
                                        struct bytes sealed, struct bytes message,
                                        uint8_t ret_signature[KEYS_SIGNATURE_LEN])
{
	struct keys_sign_key *key = scratch_of(vault);
	enum status status = open_key(vault, wallet, sealed, key);

	if (status == STATUS_OK)
		keys_sign(key, message, ret_signature);
	secret_wipe(key, sizeof(*key));
	return status;
}

void signer_vault_tls(const struct signer_vault *vault, struct keys_tls_key *ret_key)
{
	*ret_key = vault->tls;
}

const uint8_t *signer_vault_channel(const struct signer_vault *vault)
{
	return vault->channel.public;
}
