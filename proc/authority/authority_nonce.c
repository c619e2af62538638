/* SPDX-License-Identifier: Apache-2.0 */
#include "authority_nonce.h"

#include "keys.h"

void authority_nonce_give(struct authority_nonces *nonces, uint64_t now_ms, uint8_t ret_nonce[32])
{
	size_t at = nonces->next;

	nonces->next = (at + 1) % AUTHORITY_NONCES_MAX;
	keys_random(nonces->rows[at].bytes, sizeof(nonces->rows[at].bytes));
	nonces->rows[at].made_ms = now_ms;
	nonces->rows[at].open = true;
	memcpy(ret_nonce, nonces->rows[at].bytes, sizeof(nonces->rows[at].bytes));
}

bool authority_nonce_fits(struct authority_nonces *nonces, uint64_t now_ms, const uint8_t nonce[32],
                          bool use)
{
	for (size_t i = 0; i < AUTHORITY_NONCES_MAX; i++) {
		if (!nonces->rows[i].open || memcmp(nonces->rows[i].bytes, nonce, 32) != 0)
			continue;
		if (now_ms - nonces->rows[i].made_ms > AUTHORITY_NONCE_VALID_S * UINT64_C(1000))
			return false;
		nonces->rows[i].open = !use;
		return true;
	}
	return false;
}

void authority_nonce_return(struct authority_nonces *nonces, const uint8_t nonce[32])
{
	for (size_t i = 0; i < AUTHORITY_NONCES_MAX; i++)
		if (memcmp(nonces->rows[i].bytes, nonce, 32) == 0)
			nonces->rows[i].open = true;
}
