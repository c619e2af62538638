/* SPDX-License-Identifier: Apache-2.0 */
#include "call_unseal.h"

static bool is_known(uint32_t what)
{
	return what == CALL_UNSEAL_APPROVAL || what == CALL_UNSEAL_SHARE;
}

enum status unseal_take_asks(struct bytes message, struct call_unseal_asks *ret_asks)
{
	struct call_unseal_asks asks;

	if (message.len != sizeof(asks))
		return STATUS_MALFORMED;
	memcpy(&asks, message.data, sizeof(asks));
	if (!is_known(asks.what) || asks.is_other_share > 1)
		return STATUS_MALFORMED;
	*ret_asks = asks;
	return STATUS_OK;
}

enum status unseal_take_gives(struct bytes message, struct call_unseal_gives *ret_gives)
{
	struct call_unseal_gives gives;

	if (message.len != sizeof(gives))
		return STATUS_MALFORMED;
	memcpy(&gives, message.data, sizeof(gives));
	if (!is_known(gives.what) || gives.reserved != 0 || gives.len > sizeof(gives.given))
		return STATUS_MALFORMED;
	*ret_gives = gives;
	return STATUS_OK;
}
