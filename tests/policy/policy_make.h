/* policy_make: builds Solana messages from instructions, for the tests of policies.
 *
 * Accounts are collected from the instructions and sorted as the formats want it; one that is
 * `hidden` is put behind the one lookup table (v0 only). Fixed sizes; passing them is a CHECK. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_MAKE_H
#define POLICY_MAKE_H

#include "base_bytes.h"
#include "base_check.h"
#include "base_encode.h"
#include "solana_view.h"

#define MAKE_ACCOUNTS     32
#define MAKE_INSTRUCTIONS 16

struct make_account {
	uint8_t key[32];
	bool signer, writable, hidden;
};

struct make_ix {
	uint8_t program[32];
	struct make_account accounts[24];
	size_t account_count;
	uint8_t data[512];
	size_t len;
};

struct make_tx {
	enum solana_format format;
	uint8_t payer[32];
	struct make_ix ix[MAKE_INSTRUCTIONS];
	size_t ix_count;
	uint64_t v1_fee; /* v1: priority fee in the header, always written with limits */
};

struct make_message {
	uint8_t bytes[LIMIT_MESSAGE_MAX];
	size_t len;
};

static inline void make_key(const char *base58, uint8_t ret_key[32])
{
	CHECK(base58_decode_32(bytes_of_text(base58), ret_key) == STATUS_OK);
}

static inline struct make_ix *make_add(struct make_tx *tx, const char *program)
{
	CHECK(tx->ix_count < MAKE_INSTRUCTIONS);
	struct make_ix *ix = &tx->ix[tx->ix_count++];
	memset(ix, 0, sizeof(*ix));
	make_key(program, ix->program);
	return ix;
}

static inline struct make_account *make_use(struct make_ix *ix, const uint8_t key[32],
                                            const char *flags)
{
	CHECK(ix->account_count < sizeof(ix->accounts) / sizeof(ix->accounts[0]));
	struct make_account *a = &ix->accounts[ix->account_count++];
	memcpy(a->key, key, 32);
	a->signer = strchr(flags, 's') != NULL;
	a->writable = strchr(flags, 'w') != NULL;
	a->hidden = strchr(flags, 'h') != NULL;
	return a;
}

static inline void make_data(struct make_ix *ix, uint64_t value, size_t bytes)
{
	CHECK(bytes <= 8 && ix->len + bytes <= sizeof(ix->data));
	memcpy(ix->data + ix->len, &value, bytes);
	ix->len += bytes;
}

static inline void make_data_bytes(struct make_ix *ix, const void *data, size_t len)
{
	CHECK(ix->len + len <= sizeof(ix->data));
	memcpy(ix->data + ix->len, data, len);
	ix->len += len;
}

struct make_keys {
	struct make_account at[MAKE_ACCOUNTS];
	size_t count;
};

static inline void make_collect(struct make_keys *keys, const struct make_account *from)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->at[i].key, from->key, 32) == 0 &&
		    keys->at[i].hidden == from->hidden) {
			keys->at[i].signer |= from->signer;
			keys->at[i].writable |= from->writable;
			return;
		}
	}
	CHECK(keys->count < MAKE_ACCOUNTS);
	keys->at[keys->count++] = *from;
}

static inline int make_rank(const struct make_account *a)
{
	if (a->hidden)
		return a->writable ? 4 : 5;
	return a->signer ? (a->writable ? 0 : 1) : (a->writable ? 2 : 3);
}

static inline void make_put(struct make_message *m, const void *data, size_t len)
{
	CHECK(m->len + len <= sizeof(m->bytes));
	memcpy(m->bytes + m->len, data, len);
	m->len += len;
}

static inline void make_byte(struct make_message *m, size_t value)
{
	uint8_t byte = (uint8_t)value;
	make_put(m, &byte, 1);
}

static inline void make_compact(struct make_message *m, size_t value)
{
	if (value > 127) {
		make_byte(m, (value & 127) | 128);
		value >>= 7;
	}
	make_byte(m, value);
}

static inline size_t make_index(const struct make_keys *keys, const uint8_t *key, bool hidden)
{
	for (size_t i = 0; i < keys->count; i++)
		if (memcmp(keys->at[i].key, key, 32) == 0 && keys->at[i].hidden == hidden)
			return i;
	CHECK(false);
	return 0;
}

static inline void make_sort(const struct make_tx *tx, struct make_keys *ret_keys, size_t ranks[6])
{
	struct make_keys all = {.count = 0};
	struct make_account payer = {.signer = true, .writable = true};
	memcpy(payer.key, tx->payer, 32);
	make_collect(&all, &payer);
	for (size_t i = 0; i < tx->ix_count; i++) {
		struct make_account program = {.signer = false};
		memcpy(program.key, tx->ix[i].program, 32);
		make_collect(&all, &program);
		for (size_t j = 0; j < tx->ix[i].account_count; j++)
			make_collect(&all, &tx->ix[i].accounts[j]);
	}
	ret_keys->count = 0;
	for (int rank = 0; rank < 6; rank++) {
		ranks[rank] = 0;
		for (size_t i = 0; i < all.count; i++) {
			if (make_rank(&all.at[i]) != rank)
				continue;
			ret_keys->at[ret_keys->count++] = all.at[i];
			ranks[rank]++;
		}
	}
}

static inline void make_indexes(struct make_message *m, const struct make_keys *keys,
                                const struct make_ix *ix)
{
	for (size_t j = 0; j < ix->account_count; j++)
		make_byte(m, make_index(keys, ix->accounts[j].key, ix->accounts[j].hidden));
}

static inline void make_v1_tail(struct make_message *m, const struct make_tx *tx,
                                const struct make_keys *keys)
{
	uint64_t fee = tx->v1_fee;
	uint32_t limits[2] = {200000, 64u << 10};
	make_put(m, &fee, 8);
	make_put(m, limits, 8);
	for (size_t i = 0; i < tx->ix_count; i++) {
		uint16_t len = (uint16_t)tx->ix[i].len;
		make_byte(m, make_index(keys, tx->ix[i].program, false));
		make_byte(m, tx->ix[i].account_count);
		make_put(m, &len, 2);
	}
	for (size_t i = 0; i < tx->ix_count; i++) {
		make_indexes(m, keys, &tx->ix[i]);
		make_put(m, tx->ix[i].data, tx->ix[i].len);
	}
}

static inline void make_old_tail(struct make_message *m, const struct make_tx *tx,
                                 const struct make_keys *keys, const size_t ranks[6])
{
	static const uint8_t table[32] = {'t', 'a', 'b', 'l', 'e'};
	make_compact(m, tx->ix_count);
	for (size_t i = 0; i < tx->ix_count; i++) {
		make_byte(m, make_index(keys, tx->ix[i].program, false));
		make_compact(m, tx->ix[i].account_count);
		make_indexes(m, keys, &tx->ix[i]);
		make_compact(m, tx->ix[i].len);
		make_put(m, tx->ix[i].data, tx->ix[i].len);
	}
	if (tx->format != SOLANA_FORMAT_V0)
		return;
	bool lookups = ranks[4] + ranks[5] != 0;
	make_compact(m, lookups);
	if (!lookups)
		return;
	make_put(m, table, 32);
	make_compact(m, ranks[4]);
	for (size_t i = 0; i < ranks[4]; i++)
		make_byte(m, i);
	make_compact(m, ranks[5]);
	for (size_t i = 0; i < ranks[5]; i++)
		make_byte(m, 100 + i);
}

/* make_transaction_message writes the bytes that the wallet would sign. */
static inline void make_transaction_message(const struct make_tx *tx, struct make_message *m)
{
	static const uint8_t lifetime[32] = {'h', 'a', 's', 'h'};
	uint32_t mask = 0x0f;
	struct make_keys keys;
	size_t ranks[6];
	make_sort(tx, &keys, ranks);
	size_t statics = ranks[0] + ranks[1] + ranks[2] + ranks[3];
	m->len = 0;
	if (tx->format == SOLANA_FORMAT_V0)
		make_byte(m, 0x80);
	if (tx->format == SOLANA_FORMAT_V1)
		make_byte(m, 0x81);
	make_byte(m, ranks[0] + ranks[1]);
	make_byte(m, ranks[1]);
	make_byte(m, ranks[3]);
	if (tx->format == SOLANA_FORMAT_V1) {
		make_put(m, &mask, 4);
		make_put(m, lifetime, 32);
		make_byte(m, tx->ix_count);
		make_byte(m, statics);
	} else {
		make_compact(m, statics);
	}
	for (size_t i = 0; i < statics; i++)
		make_put(m, keys.at[i].key, 32);
	if (tx->format == SOLANA_FORMAT_V1) {
		make_v1_tail(m, tx, &keys);
		return;
	}
	make_put(m, lifetime, 32);
	make_old_tail(m, tx, &keys, ranks);
}

#endif
