/* open_store: opens a store offline with a known node share, written from spec/store.md and not
 * from the signer's code; for the canary test (A22), and proof that the store's keys hang on the
 * share (PH1).
 *
 * usage: open_store FOLDER < 64 hex digits of the node share
 * FOLDER holds a copy of the state database. Prints "master HEX", "deployment HEX" and for each
 * wallet "wallet ADDRESS SEED-HEX". Second share: 32 zero bytes (unattended). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authz_record.h"
#include "base_encode.h"
#include "call_store.h"
#include "db.h"
#include "keys.h"

#define META_CHECKPOINT 2

struct place {
	uint8_t deployment[32];
	uint32_t kind;
	uint8_t id[32];
};

static struct db_files files;
static struct db db;
static struct keys_aead records, wallet_keys;
static struct authz_checkpoint checkpoint;

static int fail(const char *what)
{
	fprintf(stderr, "open_store: %s\n", what);
	return 1;
}

static void print_hex(const char *name, const uint8_t *bytes, size_t len)
{
	char text[HEX_LEN(64) + 1];

	hex_encode(bytes_of(bytes, len), text);
	printf("%s %s\n", name, text);
}

static enum status open_master(const uint8_t share[32], struct keys_master *ret_master)
{
	uint8_t both[64] = {0};
	struct keys_secret secret;
	struct keys_aead aead;
	struct buffer master = BUFFER_OF_ARRAY(ret_master->bytes);
	enum status status;

	memcpy(both, share, 32);
	keys_hkdf(BYTES_OF_ARRAY(both), BYTES_OF_ARRAY(checkpoint.deployment),
	          bytes_of_text("claviger/master/v1"), secret.bytes, sizeof(secret.bytes));
	keys_aead_init(&secret, &aead);
	status = keys_aead_open(&aead, BYTES_OF_ARRAY(checkpoint.deployment),
	                        bytes_of(checkpoint.sealed_master, checkpoint.sealed_master_len),
	                        &master);
	keys_aead_done(&aead);
	return status;
}

static void derive(const struct keys_master *master, const char *label, struct keys_aead *ret_aead)
{
	struct keys_secret secret;

	keys_derive(master, checkpoint.deployment, label, bytes_of(NULL, 0), &secret);
	keys_aead_init(&secret, ret_aead);
}

static enum status print_wallet(const uint8_t id[32])
{
	static uint8_t raw[CALL_STORE_VALUE_LEN_MAX], plain_bytes[CALL_STORE_VALUE_LEN_MAX];
	static struct authz_wallet_record wallet;
	struct buffer sealed = BUFFER_OF_ARRAY(raw), plain = BUFFER_OF_ARRAY(plain_bytes);
	uint8_t key[64];
	struct buffer opened = BUFFER_OF_ARRAY(key);
	struct place place = {.kind = CALL_STORE_VALUE_WALLET};
	char address[64], seed[HEX_LEN(32) + 1];
	enum status status = db_value_get(&db, CALL_STORE_VALUE_WALLET, id, &sealed);

	memcpy(place.deployment, checkpoint.deployment, 32);
	memcpy(place.id, id, 32);
	if (status == STATUS_OK)
		status = keys_aead_open(&records, bytes_of(&place, sizeof(place)),
		                        buffer_bytes(&sealed), &plain);
	if (status == STATUS_OK)
		status = authz_wallet_take(buffer_bytes(&plain), &wallet);
	place.kind = 0;
	if (status == STATUS_OK)
		status =
		    keys_aead_open(&wallet_keys, bytes_of(&place, sizeof(place)),
		                   bytes_of(wallet.sealed_key, wallet.sealed_key_len), &opened);
	if (status == STATUS_OK)
		status = base58_encode(BYTES_OF_ARRAY(wallet.address), address, sizeof(address));
	if (status != STATUS_OK)
		return status;
	hex_encode(bytes_of(key, 32), seed);
	printf("wallet %s %s\n", address, seed);
	return memcmp(key + 32, wallet.address, 32) == 0 ? STATUS_OK : STATUS_CORRUPT;
}

static int print_wallets(void)
{
	static uint8_t raw[1024 * 32];
	struct buffer ids = BUFFER_OF_ARRAY(raw);
	bool more = false;

	if (db_value_list(&db, CALL_STORE_VALUE_WALLET, NULL, 1024, &ids, &more) != STATUS_OK)
		return fail(db.trouble);
	for (size_t at = 0; at < ids.len; at += 32)
		if (print_wallet(raw + at) != STATUS_OK)
			return fail("a wallet's record does not open");
	return 0;
}

static enum status read_share(uint8_t ret_share[32])
{
	char text[HEX_LEN(32)];
	struct buffer share = {ret_share, 32, 0};

	if (fread(text, 1, sizeof(text), stdin) != sizeof(text))
		return STATUS_MALFORMED;
	return hex_decode(bytes_of(text, sizeof(text)), &share);
}

int main(int argc, char **argv)
{
	static uint8_t raw[DB_META_MAX];
	struct buffer stored = BUFFER_OF_ARRAY(raw);
	struct keys_master master;
	uint8_t share[32];
	int directory;

	if (argc != 2 || read_share(share) != STATUS_OK)
		return fail("usage: open_store FOLDER < share in hex");
	keys_open();
	directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || db_files_open(directory, "state", &files) != STATUS_OK)
		return fail("the folder has no state database that can be opened");
	if (db_open(&files, DB_ROLE_STATE, &db) != STATUS_OK ||
	    db_meta_get(&db, META_CHECKPOINT, &stored) != STATUS_OK)
		return fail(db.trouble);
	if (authz_checkpoint_take(buffer_bytes(&stored), &checkpoint) != STATUS_OK)
		return fail("the checkpoint is not well-formed");
	if (open_master(share, &master) != STATUS_OK)
		return fail("the master key does not open with this share");
	print_hex("deployment", checkpoint.deployment, 32);
	print_hex("master", master.bytes, sizeof(master.bytes));
	derive(&master, "claviger/records/v1", &records);
	derive(&master, "claviger/wallet-keys/v1", &wallet_keys);
	return print_wallets();
}
