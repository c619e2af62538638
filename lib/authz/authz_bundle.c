/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_bundle.h"

#define ITEM_HEAD_LEN 5

bool authz_item_take(struct bytes *left, uint8_t *ret_kind, struct bytes *ret_item)
{
	size_t len;

	if (left->len < ITEM_HEAD_LEN)
		return false;
	len = load_le32(left->data + 1);
	if (len > left->len - ITEM_HEAD_LEN)
		return false;
	*ret_kind = left->data[0];
	*ret_item = bytes_of(left->data + ITEM_HEAD_LEN, len);
	*left = bytes_of(left->data + ITEM_HEAD_LEN + len, left->len - ITEM_HEAD_LEN - len);
	return true;
}

enum status authz_item_put(uint8_t kind, struct bytes item, struct buffer *out)
{
	uint32_t len = (uint32_t)item.len;
	uint8_t head[ITEM_HEAD_LEN] = {kind};
	size_t start = out->len;
	enum status status;

	memcpy(head + 1, &len, sizeof(len));
	status = item.len > UINT32_MAX ? STATUS_TOO_LARGE : buffer_put(out, BYTES_OF_ARRAY(head));
	if (status == STATUS_OK)
		status = buffer_put(out, item);
	if (status != STATUS_OK)
		out->len = start;
	return status;
}

/* take_path takes a path whose siblings fill the rest of the item. */
static enum status take_path(struct bytes item, struct store_path *ret_path)
{
	if (item.len < sizeof(ret_path->fixed))
		return STATUS_MALFORMED;
	memcpy(&ret_path->fixed, item.data, sizeof(ret_path->fixed));
	ret_path->siblings =
	    bytes_of(item.data + sizeof(ret_path->fixed), item.len - sizeof(ret_path->fixed));
	return ret_path->siblings.len == (size_t)32 * ret_path->fixed.depth ? STATUS_OK
	                                                                    : STATUS_MALFORMED;
}

/* take_boot begins the next boot. The same record again is what parts of an export repeat. */
static enum status take_boot(struct authz_chain *chain, struct bytes item)
{
	struct authz_boot_record boot;
	enum status status = authz_boot_take(item, &boot);
	uint8_t hash[32];

	if (status != STATUS_OK)
		return status;
	if (!chain->started && !chain->has_boot_record)
		memcpy(chain->deployment, boot.deployment, 32);
	authz_boot_hash(item, hash);
	if (chain->has_boot_record && memcmp(hash, chain->boot_record, 32) == 0)
		return STATUS_OK;
	return authz_chain_boot(chain, item);
}

static enum status take_item(struct authz_bundle_report *report, uint8_t kind, struct bytes item,
                             struct bytes *ret_head, struct store_path *ret_path)
{
	static const char *const texts[] = {
	    [AUTHZ_ITEM_BOOT] = "a boot record is malformed, out of order or of another deployment",
	    [AUTHZ_ITEM_RECEIPT] = "a receipt is malformed, of another wallet or boot, or does not "
	                           "follow the one before it",
	    [AUTHZ_ITEM_INPUT] = "a replay input is malformed",
	    [AUTHZ_ITEM_HEAD] = "a head is malformed",
	    [AUTHZ_ITEM_PATH] = "a path is malformed",
	};
	struct authz_receipt receipt;
	enum status status = STATUS_OK;

	switch ((enum authz_item)kind) {
	case AUTHZ_ITEM_BOOT:
		status = take_boot(&report->chain, item);
		break;
	case AUTHZ_ITEM_RECEIPT:
		status = authz_chain_next(&report->chain, item, &receipt);
		if (status != STATUS_OK)
			break;
		if ((receipt.flags & AUTHZ_RECEIPT_EXPORT) != 0)
			(void)authz_exports_take(&report->exports, &receipt);
		else
			report->allowed += receipt.decision == AUTHZ_DECISION_ALLOW;
		break;
	case AUTHZ_ITEM_INPUT:
		break;
	case AUTHZ_ITEM_HEAD:
		*ret_head = item;
		break;
	case AUTHZ_ITEM_PATH:
		status = take_path(item, ret_path);
		break;
	default:
		report->text = "an item of a kind that is not known here";
		return STATUS_UNSUPPORTED;
	}
	if (status != STATUS_OK)
		report->text = texts[kind];
	return status;
}

enum status authz_bundle_verify(struct bytes bundle, const uint8_t deployment_key[32],
                                const uint8_t wallet[32], struct authz_bundle_report *ret_report)
{
	struct store_path path = {.siblings = {0}};
	struct bytes left = bundle, item, head = {0};
	struct authz_bundle_report *report = ret_report;
	enum status status = STATUS_OK;
	uint8_t kind;

	*report = (struct authz_bundle_report){
	    .text = "all receipts up to the signed head are there and unchanged"};
	memcpy(report->chain.wallet, wallet, 32);
	while (status == STATUS_OK && authz_item_take(&left, &kind, &item)) {
		status = take_item(report, kind, item, &head, &path);
		report->item_count += status == STATUS_OK;
	}
	if (status != STATUS_OK)
		return status;
	if (left.len != 0) {
		report->text = "the file is cut short";
		return STATUS_MALFORMED;
	}
	if (head.len == 0) {
		report->text = "no signed head: nothing proves that these are all";
		return STATUS_NOT_FOUND;
	}
	status = authz_head_open(head, deployment_key, &report->head);
	if (status != STATUS_OK) {
		report->text = "the head is not signed by this deployment's key";
		return status;
	}
	/* Of which deployment this key is, boot records said; without one, the head does. */
	if (!report->chain.has_boot_record)
		memcpy(report->chain.deployment, report->head.deployment, 32);
	status = authz_chain_end(&report->chain, &report->head, &path);
	if (status == STATUS_OK && !report->chain.started)
		report->text = "no receipt, and the signed head says that there was none yet";
	else if (status != STATUS_OK && !report->chain.started)
		report->text = "no receipt, and the signed head does not say that there was none: "
		               "they were deleted, left out or taken away";
	else if (status != STATUS_OK)
		report->text = "the receipts do not end where the signed head says";
	return status;
}
