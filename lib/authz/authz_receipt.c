/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_receipt.h"

#include "base_check.h"
#include "cbor_writer.h"

#define RECEIPT_VERSION 2
#define BOOT_VERSION    1

static void put_tried(struct cbor_writer *w, const struct authz_tried *tried)
{
	bool has_instruction = tried->instruction != AUTHZ_NO_INSTRUCTION;

	cbor_put_map(w, (size_t)8 + has_instruction);
	cbor_put_bytes_n_at(w, 1, tried->grant, 32);
	cbor_put_bytes_n_at(w, 2, tried->module, 32);
	cbor_put_bytes_n_at(w, 3, tried->parameters_hash, 32);
	cbor_put_bytes_n_at(w, 4, tried->request_hash, 32);
	cbor_put_uint_at(w, 5, tried->result);
	cbor_put_uint_at(w, 6, tried->reason);
	cbor_put_uint_at(w, 7, tried->fuel);
	cbor_put_text_at(w, 8, tried->text);
	if (has_instruction)
		cbor_put_uint_at(w, 9, tried->instruction);
	cbor_put_end(w);
}

static void put_facts(struct cbor_writer *w, const struct authz_facts *facts)
{
	CHECK(facts->token_count <= AUTHZ_RECEIPT_TOKENS_MAX &&
	      facts->trusted_count <= AUTHZ_RECEIPT_TRUST_MAX);
	cbor_put_map(w, (size_t)8 + (facts->trusted_count != 0));
	cbor_put_uint_at(w, 1, facts->lamports_out);
	cbor_put_uint_at(w, 2, facts->fee_lamports);
	cbor_put_uint_at(w, 3, facts->tip_lamports);
	cbor_put_uint_at(w, 4, facts->rent_lamports);
	cbor_put_uint_at(w, 5, facts->wrapped_lamports);
	cbor_put_uint_at(w, 6, facts->delegations);
	cbor_put_uint_at(w, 7, facts->authority_changes);
	cbor_put_key(w, 8);
	cbor_put_array(w, facts->token_count);
	for (size_t i = 0; i < facts->token_count; i++) {
		cbor_put_map(w, 2);
		cbor_put_bytes_n_at(w, 1, facts->tokens[i].mint, 32);
		cbor_put_uint_at(w, 2, facts->tokens[i].amount);
		cbor_put_end(w);
	}
	cbor_put_end(w);
	if (facts->trusted_count != 0) {
		cbor_put_key(w, 9);
		cbor_put_array(w, facts->trusted_count);
		for (size_t i = 0; i < facts->trusted_count; i++) {
			cbor_put_map(w, 2);
			cbor_put_bytes_n_at(w, 1, facts->trusted[i].program, 32);
			cbor_put_uint_at(w, 2, facts->trusted[i].writable);
			cbor_put_end(w);
		}
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

static void put_charges(struct cbor_writer *w, const struct authz_receipt *receipt)
{
	cbor_put_array(w, receipt->charge_count);
	for (size_t i = 0; i < receipt->charge_count; i++) {
		cbor_put_map(w, 2);
		cbor_put_uint_at(w, 1, receipt->charges[i].counter);
		cbor_put_uint_at(w, 2, receipt->charges[i].amount);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

static void put_limits(struct cbor_writer *w, const struct authz_receipt *receipt)
{
	if (receipt->limit_count == 0)
		return;
	cbor_put_key(w, 21);
	cbor_put_array(w, receipt->limit_count);
	for (size_t i = 0; i < receipt->limit_count; i++) {
		cbor_put_map(w, 3);
		cbor_put_key(w, 1);
		authz_rule_put(w, &receipt->limits[i].rule);
		cbor_put_uint_at(w, 2, receipt->limits[i].left);
		cbor_put_uint_at(w, 3, receipt->limits[i].amount);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

enum status authz_receipt_put(const struct authz_receipt *receipt, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(receipt->tried_count <= AUTHZ_RECEIPT_TRIED_MAX);
	CHECK(receipt->charge_count <= LIMIT_COUNTERS_MAX && receipt->number != 0);
	CHECK(receipt->limit_count <= LIMIT_WALLET_LIMITS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)20 + receipt->has_facts + (receipt->limit_count != 0));
	cbor_put_uint_at(&w, 1, RECEIPT_VERSION);
	cbor_put_bytes_n_at(&w, 2, receipt->deployment, 32);
	cbor_put_bytes_n_at(&w, 3, receipt->boot_record, 32);
	cbor_put_bytes_n_at(&w, 4, receipt->wallet, 32);
	cbor_put_uint_at(&w, 5, receipt->boot);
	cbor_put_uint_at(&w, 6, receipt->number);
	cbor_put_bytes_n_at(&w, 7, receipt->previous, 32);
	cbor_put_bytes_n_at(&w, 8, receipt->client, 32);
	cbor_put_bytes_n_at(&w, 9, receipt->ticket, 32);
	cbor_put_bytes_n_at(&w, 10, receipt->message_hash, 32);
	cbor_put_uint_at(&w, 11, receipt->decision);
	cbor_put_uint_at(&w, 12, receipt->result);
	cbor_put_uint_at(&w, 13, receipt->flags);
	cbor_put_uint_at(&w, 14, receipt->time_low_s);
	cbor_put_uint_at(&w, 15, receipt->time_high_s);
	cbor_put_uint_at(&w, 16, receipt->fuel_limit);
	cbor_put_text_at(&w, 17, receipt->engine);
	cbor_put_key(&w, 18);
	cbor_put_array(&w, receipt->tried_count);
	for (size_t i = 0; i < receipt->tried_count; i++)
		put_tried(&w, &receipt->tried[i]);
	cbor_put_end(&w);
	cbor_put_key(&w, 19);
	put_charges(&w, receipt);
	if (receipt->has_facts) {
		cbor_put_key(&w, 20);
		put_facts(&w, &receipt->facts);
	}
	put_limits(&w, receipt);
	cbor_put_bytes_n_at(&w, 22, receipt->authority, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_tried(struct cbor_reader *r, struct authz_tried *tried)
{
	cbor_take_map(r, 9);
	cbor_take_bytes_n_at(r, 1, tried->grant, 32);
	cbor_take_bytes_n_at(r, 2, tried->module, 32);
	cbor_take_bytes_n_at(r, 3, tried->parameters_hash, 32);
	cbor_take_bytes_n_at(r, 4, tried->request_hash, 32);
	tried->result = (uint16_t)cbor_take_uint_at(r, 5, UINT16_MAX);
	tried->reason = (uint32_t)cbor_take_uint_at(r, 6, UINT32_MAX);
	tried->fuel = cbor_take_uint_at(r, 7, UINT64_MAX);
	tried->text = cbor_take_text_at(r, 8, AUTHZ_RECEIPT_TEXT_MAX);
	tried->instruction = AUTHZ_NO_INSTRUCTION;
	if (cbor_take_key_if(r, 9))
		tried->instruction = (uint32_t)cbor_take_uint(r, AUTHZ_NO_INSTRUCTION - 1);
	cbor_take_end(r);
}

static void take_facts(struct cbor_reader *r, struct authz_facts *facts)
{
	cbor_take_map(r, 9);
	facts->lamports_out = cbor_take_uint_at(r, 1, UINT64_MAX);
	facts->fee_lamports = cbor_take_uint_at(r, 2, UINT64_MAX);
	facts->tip_lamports = cbor_take_uint_at(r, 3, UINT64_MAX);
	facts->rent_lamports = cbor_take_uint_at(r, 4, UINT64_MAX);
	facts->wrapped_lamports = cbor_take_uint_at(r, 5, UINT64_MAX);
	facts->delegations = (uint32_t)cbor_take_uint_at(r, 6, UINT32_MAX);
	facts->authority_changes = (uint32_t)cbor_take_uint_at(r, 7, UINT32_MAX);
	cbor_take_key(r, 8);
	facts->token_count = cbor_take_array(r, AUTHZ_RECEIPT_TOKENS_MAX);
	for (size_t i = 0; i < facts->token_count; i++) {
		cbor_take_map(r, 2);
		cbor_take_bytes_n_at(r, 1, facts->tokens[i].mint, 32);
		facts->tokens[i].amount = cbor_take_uint_at(r, 2, UINT64_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
	facts->trusted_count = 0;
	if (cbor_take_key_if(r, 9)) {
		facts->trusted_count = cbor_take_array(r, AUTHZ_RECEIPT_TRUST_MAX);
		if (facts->trusted_count == 0)
			cbor_fail(r, STATUS_MALFORMED);
		for (size_t i = 0; i < facts->trusted_count; i++) {
			cbor_take_map(r, 2);
			cbor_take_bytes_n_at(r, 1, facts->trusted[i].program, 32);
			facts->trusted[i].writable = (uint32_t)cbor_take_uint_at(r, 2, UINT32_MAX);
			cbor_take_end(r);
		}
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

static void take_limits(struct cbor_reader *r, struct authz_receipt *receipt)
{
	if (!cbor_take_key_if(r, 21))
		return;
	receipt->limit_count = cbor_take_array(r, LIMIT_WALLET_LIMITS_MAX);
	if (receipt->limit_count == 0)
		cbor_fail(r, STATUS_MALFORMED);
	for (size_t i = 0; i < receipt->limit_count; i++) {
		cbor_take_map(r, 3);
		cbor_take_key(r, 1);
		authz_rule_take(r, &receipt->limits[i].rule);
		receipt->limits[i].left = cbor_take_uint_at(r, 2, UINT64_MAX);
		receipt->limits[i].amount = cbor_take_uint_at(r, 3, UINT64_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

static void take_lists(struct cbor_reader *r, struct authz_receipt *receipt)
{
	cbor_take_key(r, 18);
	receipt->tried_count = cbor_take_array(r, AUTHZ_RECEIPT_TRIED_MAX);
	for (size_t i = 0; i < receipt->tried_count; i++)
		take_tried(r, &receipt->tried[i]);
	cbor_take_end(r);
	cbor_take_key(r, 19);
	receipt->charge_count = cbor_take_array(r, LIMIT_COUNTERS_MAX);
	for (size_t i = 0; i < receipt->charge_count; i++) {
		cbor_take_map(r, 2);
		receipt->charges[i].counter = (uint8_t)cbor_take_uint_at(r, 1, UINT8_MAX);
		receipt->charges[i].amount = cbor_take_uint_at(r, 2, UINT64_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
	receipt->has_facts = cbor_take_key_if(r, 20);
	if (receipt->has_facts)
		take_facts(r, &receipt->facts);
	take_limits(r, receipt);
}

enum status authz_receipt_take(struct bytes bytes, struct authz_receipt *ret_receipt)
{
	struct authz_receipt taken = {0};
	struct cbor_reader r;

	if (bytes.len > AUTHZ_RECEIPT_MAX)
		return STATUS_TOO_LARGE;
	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 22);
	if (cbor_take_uint_at(&r, 1, UINT64_MAX) != RECEIPT_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, taken.deployment, 32);
	cbor_take_bytes_n_at(&r, 3, taken.boot_record, 32);
	cbor_take_bytes_n_at(&r, 4, taken.wallet, 32);
	taken.boot = cbor_take_uint_at(&r, 5, INT64_MAX);
	taken.number = cbor_take_uint_at(&r, 6, INT64_MAX);
	cbor_take_bytes_n_at(&r, 7, taken.previous, 32);
	cbor_take_bytes_n_at(&r, 8, taken.client, 32);
	cbor_take_bytes_n_at(&r, 9, taken.ticket, 32);
	cbor_take_bytes_n_at(&r, 10, taken.message_hash, 32);
	taken.decision = (uint8_t)cbor_take_uint_at(&r, 11, AUTHZ_DECISION_DENY);
	taken.result = (uint16_t)cbor_take_uint_at(&r, 12, UINT16_MAX);
	taken.flags = (uint8_t)cbor_take_uint_at(&r, 13, AUTHZ_RECEIPT_FLAGS);
	taken.time_low_s = cbor_take_uint_at(&r, 14, INT64_MAX);
	taken.time_high_s = cbor_take_uint_at(&r, 15, INT64_MAX);
	taken.fuel_limit = cbor_take_uint_at(&r, 16, UINT64_MAX);
	taken.engine = cbor_take_text_at(&r, 17, LIMIT_NAME_MAX);
	take_lists(&r, &taken);
	cbor_take_bytes_n_at(&r, 22, taken.authority, 32);
	cbor_take_end(&r);
	if (taken.number == 0 || taken.decision == 0)
		cbor_fail(&r, STATUS_MALFORMED);
	if (cbor_done(&r) == STATUS_OK)
		*ret_receipt = taken;
	return cbor_done(&r);
}

void authz_receipt_hash(struct bytes receipt, uint8_t ret_hash[32])
{
	keys_sha256_label("claviger/receipt/v1", receipt, ret_hash);
}

enum status authz_boot_put(const struct authz_boot_record *boot, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(boot->pcr_count <= AUTHZ_BOOT_PCRS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 14);
	cbor_put_uint_at(&w, 1, BOOT_VERSION);
	cbor_put_bytes_n_at(&w, 2, boot->deployment, 32);
	cbor_put_uint_at(&w, 3, boot->boot);
	cbor_put_uint_at(&w, 4, boot->mode);
	cbor_put_bool_at(&w, 5, boot->hardware);
	cbor_put_key(&w, 6);
	cbor_put_map(&w, boot->pcr_count);
	for (size_t i = 0; i < boot->pcr_count; i++)
		cbor_put_bytes_n_at(&w, boot->pcrs[i].index, boot->pcrs[i].value, 32);
	cbor_put_end(&w);
	cbor_put_bytes_at(&w, 7, boot->ak_name);
	cbor_put_uint_at(&w, 8, boot->reset_count);
	cbor_put_uint_at(&w, 9, boot->time_source);
	cbor_put_uint_at(&w, 10, boot->time_low_s);
	cbor_put_uint_at(&w, 11, boot->time_high_s);
	cbor_put_bool_at(&w, 12, boot->clean);
	cbor_put_bytes_n_at(&w, 13, boot->previous, 32);
	cbor_put_text_at(&w, 14, boot->build);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_pcrs(struct cbor_reader *r, struct authz_boot_record *boot)
{
	cbor_take_key(r, 6);
	boot->pcr_count = cbor_take_map(r, AUTHZ_BOOT_PCRS_MAX);
	for (size_t i = 0, index = 0; i < boot->pcr_count; i++, index++) {
		while (index < AUTHZ_BOOT_PCRS_MAX && !cbor_take_key_if(r, index))
			index++;
		if (index == AUTHZ_BOOT_PCRS_MAX)
			cbor_fail(r, STATUS_MALFORMED);
		boot->pcrs[i].index = (uint8_t)index;
		cbor_take_bytes_n(r, boot->pcrs[i].value, 32);
	}
	cbor_take_end(r);
}

enum status authz_boot_take(struct bytes bytes, struct authz_boot_record *ret_boot)
{
	struct authz_boot_record taken = {0};
	struct cbor_reader r;

	if (bytes.len > AUTHZ_BOOT_RECORD_MAX)
		return STATUS_TOO_LARGE;
	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 14);
	if (cbor_take_uint_at(&r, 1, UINT64_MAX) != BOOT_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, taken.deployment, 32);
	taken.boot = cbor_take_uint_at(&r, 3, INT64_MAX);
	taken.mode = (uint8_t)cbor_take_uint_at(&r, 4, 'C');
	if (taken.mode < 'A')
		cbor_fail(&r, STATUS_UNSUPPORTED);
	taken.hardware = cbor_take_bool_at(&r, 5);
	take_pcrs(&r, &taken);
	taken.ak_name = cbor_take_bytes_at(&r, 7, 66);
	taken.reset_count = cbor_take_uint_at(&r, 8, UINT32_MAX);
	taken.time_source = (uint8_t)cbor_take_uint_at(&r, 9, AUTHZ_TIME_ROUGHTIME);
	if (taken.time_source == 0)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	taken.time_low_s = cbor_take_uint_at(&r, 10, INT64_MAX);
	taken.time_high_s = cbor_take_uint_at(&r, 11, INT64_MAX);
	taken.clean = cbor_take_bool_at(&r, 12);
	cbor_take_bytes_n_at(&r, 13, taken.previous, 32);
	taken.build = cbor_take_text_at(&r, 14, LIMIT_NAME_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_boot = taken;
	return cbor_done(&r);
}

void authz_boot_hash(struct bytes record, uint8_t ret_hash[32])
{
	keys_sha256_label("claviger/boot/v1", record, ret_hash);
}

bool authz_exports_take(struct authz_exports *exports, const struct authz_receipt *receipt)
{
	bool same = memcmp(exports->change, receipt->message_hash, 32) == 0;

	if (receipt->decision != AUTHZ_DECISION_ALLOW) {
		if (same && exports->stands && exports->boot == receipt->boot) {
			exports->count--;
			exports->stands = false;
		}
		return !same || !exports->carried;
	}
	exports->count += !same || !exports->stands;
	exports->stands = true;
	exports->carried = false;
	exports->boot = receipt->boot;
	memcpy(exports->change, receipt->message_hash, 32);
	return true;
}

void authz_exports_carried(struct authz_exports *exports, const uint8_t change[32])
{
	if (!exports->stands || memcmp(exports->change, change, 32) != 0)
		return;
	exports->stands = false;
	exports->carried = true;
}
