/* authz_chain: signed heads, and the offline check that one wallet's receipts are whole (A24). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_merkle.h"
#include "authz_receipt.h"
#include "authz_signed.h"
#include "cbor_writer.h"

#define HEAD_VERSION 1

static const char head_label[] = "claviger/head/v1";

void authz_chain_value(uint64_t boot, uint64_t number, const uint8_t hash[32],
                       uint8_t ret_value[AUTHZ_CHAIN_VALUE_LEN])
{
	for (size_t i = 0; i < 8; i++) {
		ret_value[i] = (uint8_t)(boot >> (56 - 8 * i));
		ret_value[8 + i] = (uint8_t)(number >> (56 - 8 * i));
	}
	memcpy(ret_value + 16, hash, 32);
}

enum status authz_head_put(const struct authz_head *head,
                           const struct keys_sign_key *deployment_key, struct buffer *out)
{
	uint8_t body_space[AUTHZ_HEAD_MAX], space[AUTHZ_HEAD_MAX + 64];
	struct buffer body = BUFFER_OF_ARRAY(body_space), scratch = BUFFER_OF_ARRAY(space);
	enum status status;
	struct cbor_writer w;

	cbor_writer_init(&w, &body);
	cbor_put_map(&w, 8);
	cbor_put_uint_at(&w, 1, HEAD_VERSION);
	cbor_put_bytes_n_at(&w, 2, head->deployment, 32);
	cbor_put_uint_at(&w, 3, head->boot);
	cbor_put_bytes_n_at(&w, 4, head->boot_record, 32);
	cbor_put_uint_at(&w, 5, head->sync);
	cbor_put_uint_at(&w, 6, head->time_high_s);
	cbor_put_uint_at(&w, 7, head->wallet_count);
	cbor_put_bytes_n_at(&w, 8, head->root, 32);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	return status == STATUS_OK ? authz_signed_put(head_label, buffer_bytes(&body),
	                                              deployment_key, &scratch, out)
	                           : status;
}

enum status authz_head_open(struct bytes bytes, const uint8_t deployment_key[32],
                            struct authz_head *ret_head)
{
	uint8_t space[AUTHZ_HEAD_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);
	struct authz_head taken;
	struct authz_signed signed_head;
	enum status status = authz_signed_take(bytes, AUTHZ_HEAD_MAX, &signed_head);
	struct cbor_reader r;

	if (status == STATUS_OK)
		status = authz_signed_verify(head_label, deployment_key, &signed_head, &scratch);
	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, signed_head.body);
	cbor_take_map(&r, 8);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != HEAD_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, taken.deployment, 32);
	taken.boot = cbor_take_uint_at(&r, 3, INT64_MAX);
	cbor_take_bytes_n_at(&r, 4, taken.boot_record, 32);
	taken.sync = cbor_take_uint_at(&r, 5, INT64_MAX);
	taken.time_high_s = cbor_take_uint_at(&r, 6, INT64_MAX);
	taken.wallet_count = cbor_take_uint_at(&r, 7, INT64_MAX);
	cbor_take_bytes_n_at(&r, 8, taken.root, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_head = taken;
	return cbor_done(&r);
}

enum status authz_chain_boot(struct authz_chain *chain, struct bytes record)
{
	struct authz_boot_record boot;
	enum status status = authz_boot_take(record, &boot);

	if (status != STATUS_OK)
		return status;
	if (memcmp(boot.deployment, chain->deployment, 32) != 0)
		return STATUS_REFUSED;
	/* Boot records need not be given gapless: a wallet may rest for some boots. */
	if (chain->has_boot_record && boot.boot <= chain->boot_of_record)
		return STATUS_CORRUPT;
	if (chain->has_boot_record && boot.boot == chain->boot_of_record + 1 &&
	    memcmp(boot.previous, chain->boot_record, 32) != 0)
		return STATUS_CORRUPT;
	authz_boot_hash(record, chain->boot_record);
	chain->boot_of_record = boot.boot;
	chain->has_boot_record = true;
	return STATUS_OK;
}

/* follows tells whether a receipt continues the chain: one more in the same boot, or the first of a
 * later one, and in both cases it holds the hash of the one before. */
static bool follows(const struct authz_chain *chain, const struct authz_receipt *receipt)
{
	static const uint8_t zero[32];

	if (!chain->started) /* the first one given need not be the wallet's very first */
		return receipt->number == 1 || memcmp(receipt->previous, zero, 32) != 0;
	if (memcmp(receipt->previous, chain->last, 32) != 0)
		return false;
	return receipt->boot == chain->boot ? receipt->number == chain->number + 1
	                                    : receipt->boot > chain->boot && receipt->number == 1;
}

enum status authz_chain_next(struct authz_chain *chain, struct bytes receipt,
                             struct authz_receipt *ret_receipt)
{
	struct authz_receipt taken;
	enum status status = authz_receipt_take(receipt, &taken);

	if (status != STATUS_OK)
		return status;
	if (memcmp(taken.deployment, chain->deployment, 32) != 0 ||
	    memcmp(taken.wallet, chain->wallet, 32) != 0)
		return STATUS_REFUSED;
	if (!chain->has_boot_record || taken.boot != chain->boot_of_record ||
	    memcmp(taken.boot_record, chain->boot_record, 32) != 0)
		return STATUS_REFUSED;
	if (!follows(chain, &taken))
		return STATUS_CORRUPT;
	if (!chain->started)
		memcpy(chain->first_previous, taken.previous, 32);
	chain->started = true;
	chain->boot = taken.boot;
	chain->number = taken.number;
	chain->count++;
	authz_receipt_hash(receipt, chain->last);
	if (ret_receipt != NULL)
		*ret_receipt = taken;
	return STATUS_OK;
}

enum status authz_chain_end(const struct authz_chain *chain, const struct authz_head *head,
                            const struct store_path *path)
{
	uint8_t value[AUTHZ_CHAIN_VALUE_LEN];

	if (memcmp(head->deployment, chain->deployment, 32) != 0)
		return STATUS_REFUSED;
	/* Zeros, of one that has not begun. That it is not in the head's map would prove nothing: a
	 * head of another wallet's export holds those of late alone. */
	authz_chain_value(chain->boot, chain->number, chain->last, value);
	return authz_merkle_check(head->root, AUTHZ_HEAD_KIND, chain->wallet, path, true,
	                          BYTES_OF_ARRAY(value));
}
