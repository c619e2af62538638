/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_pda.h"

#include "solana_ids.h"

/* Numbers modulo p = 2^255 - 19 as five limbs of 51 bits, little end first. Inputs of a product may
 * have limbs below 2^53; its result has limbs below 2^52. Not constant-time: all of it is public.
 */
struct field {
	uint64_t limb[5];
};

#define LIMB_BITS 51
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)

typedef unsigned __int128 wide;

static struct field multiply(const struct field *a, const struct field *b)
{
	const uint64_t *x = a->limb, *y = b->limb;
	/* What passes 2^255 comes round times 19. */
	uint64_t y1 = y[1] * 19, y2 = y[2] * 19, y3 = y[3] * 19, y4 = y[4] * 19;
	wide sum0 = (wide)x[0] * y[0] + (wide)x[1] * y4 + (wide)x[2] * y3 + (wide)x[3] * y2 +
	            (wide)x[4] * y1;
	wide sum1 = (wide)x[0] * y[1] + (wide)x[1] * y[0] + (wide)x[2] * y4 + (wide)x[3] * y3 +
	            (wide)x[4] * y2;
	wide sum2 = (wide)x[0] * y[2] + (wide)x[1] * y[1] + (wide)x[2] * y[0] + (wide)x[3] * y4 +
	            (wide)x[4] * y3;
	wide sum3 = (wide)x[0] * y[3] + (wide)x[1] * y[2] + (wide)x[2] * y[1] + (wide)x[3] * y[0] +
	            (wide)x[4] * y4;
	wide sum4 = (wide)x[0] * y[4] + (wide)x[1] * y[3] + (wide)x[2] * y[2] + (wide)x[3] * y[1] +
	            (wide)x[4] * y[0];
	struct field product;
	uint64_t low;

	sum1 += (uint64_t)(sum0 >> LIMB_BITS);
	sum2 += (uint64_t)(sum1 >> LIMB_BITS);
	sum3 += (uint64_t)(sum2 >> LIMB_BITS);
	sum4 += (uint64_t)(sum3 >> LIMB_BITS);
	low = ((uint64_t)sum0 & LIMB_MASK) + (uint64_t)(sum4 >> LIMB_BITS) * 19;
	product.limb[0] = low & LIMB_MASK;
	product.limb[1] = ((uint64_t)sum1 & LIMB_MASK) + (low >> LIMB_BITS);
	product.limb[2] = (uint64_t)sum2 & LIMB_MASK;
	product.limb[3] = (uint64_t)sum3 & LIMB_MASK;
	product.limb[4] = (uint64_t)sum4 & LIMB_MASK;
	return product;
}

/* raise_times returns a^(2^squarings) * b. */
static struct field raise_times(struct field a, unsigned squarings, const struct field *b)
{
	while (squarings-- > 0)
		a = multiply(&a, &a);
	return multiply(&a, b);
}

static struct field add_small(struct field a, uint64_t small)
{
	a.limb[0] += small;
	return a;
}

/* is_value says whether `a` equals the small number `value` modulo p. */
static bool is_value(struct field a, uint64_t value)
{
	uint64_t carry = 0;

	/* Two rounds of carries leave limbs below 2^51; then at most p - 1 + p is left. */
	for (unsigned round = 0; round < 3; round++) {
		a.limb[0] += carry * 19;
		carry = 0;
		for (unsigned i = 0; i < 5; i++) {
			a.limb[i] += carry;
			carry = a.limb[i] >> LIMB_BITS;
			a.limb[i] &= LIMB_MASK;
		}
	}
	if (a.limb[0] >= LIMB_MASK - 18 &&
	    (a.limb[1] & a.limb[2] & a.limb[3] & a.limb[4]) == LIMB_MASK) {
		a.limb[0] -= LIMB_MASK - 18;
		a.limb[1] = a.limb[2] = a.limb[3] = a.limb[4] = 0;
	}
	return a.limb[0] == value && (a.limb[1] | a.limb[2] | a.limb[3] | a.limb[4]) == 0;
}

/* is_square_or_zero is Euler's criterion: a^((p-1)/2) is 1 for squares and 0 for zero. The exponent
 * 2^254 - 10 is (2^250 - 1) * 16 + 6; onesN is a raised to N one bits. */
static bool is_square_or_zero(const struct field *a)
{
	struct field two = multiply(a, a);
	struct field six = raise_times(two, 1, &two);
	struct field ones2 = multiply(&two, a);
	struct field ones4 = raise_times(ones2, 2, &ones2);
	struct field ones5 = raise_times(ones4, 1, a);
	struct field ones10 = raise_times(ones5, 5, &ones5);
	struct field ones20 = raise_times(ones10, 10, &ones10);
	struct field ones40 = raise_times(ones20, 20, &ones20);
	struct field ones50 = raise_times(ones40, 10, &ones10);
	struct field ones100 = raise_times(ones50, 50, &ones50);
	struct field ones200 = raise_times(ones100, 100, &ones100);
	struct field ones250 = raise_times(ones200, 50, &ones50);
	struct field power = raise_times(ones250, 4, &six);

	return is_value(power, 1) || is_value(power, 0);
}

static struct field load_field(const uint8_t bytes[32])
{
	struct field field;

	field.limb[0] = load_le64(bytes) & LIMB_MASK;
	field.limb[1] = load_le64(bytes + 6) >> 3 & LIMB_MASK;
	field.limb[2] = load_le64(bytes + 12) >> 6 & LIMB_MASK;
	field.limb[3] = load_le64(bytes + 19) >> 1 & LIMB_MASK;
	/* The top bit is the sign of x, no part of y. */
	field.limb[4] = load_le64(bytes + 24) >> 12 & LIMB_MASK;
	return field;
}

/* The curve is -x^2 + y^2 = 1 + d x^2 y^2, so x^2 = (y^2 - 1) / (d y^2 + 1); y belongs to a point
 * when that is a square, and u/v is one when u*v is (v is never 0: -1/d is no square). As the
 * runtime's library does, y need not be reduced and the sign of x = 0 does not matter. */
bool solana_is_on_curve(const uint8_t point[SOLANA_KEY_LEN])
{
	static const uint8_t d_bytes[32] = {0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75,
	                                    0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
	                                    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c,
	                                    0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};
	struct field d = load_field(d_bytes);
	struct field y = load_field(point);
	struct field square = multiply(&y, &y);
	struct field v = multiply(&d, &square);
	struct field u = square, product;

	/* y^2 - 1 = y^2 + (p - 1), so that no limb goes below zero. */
	u.limb[0] += LIMB_MASK - 19;
	for (unsigned i = 1; i < 5; i++)
		u.limb[i] += LIMB_MASK;
	v = add_small(v, 1);
	product = multiply(&u, &v);
	return is_square_or_zero(&product);
}

enum status solana_find_program_address(const struct bytes *seeds, size_t seed_count,
                                        const uint8_t program[SOLANA_KEY_LEN],
                                        solana_sha256_fn *sha256,
                                        uint8_t ret_address[SOLANA_KEY_LEN], uint8_t *ret_bump)
{
	struct bytes parts[SOLANA_SEED_COUNT_MAX + 2];
	uint8_t bump, hash[SOLANA_KEY_LEN];

	if (seed_count > SOLANA_SEED_COUNT_MAX - 1)
		return STATUS_TOO_LARGE;
	for (size_t i = 0; i < seed_count; i++) {
		if (seeds[i].len > SOLANA_SEED_MAX)
			return STATUS_TOO_LARGE;
		parts[i] = seeds[i];
	}
	parts[seed_count] = bytes_of(&bump, 1);
	parts[seed_count + 1] = bytes_of(program, SOLANA_KEY_LEN);
	parts[seed_count + 2] = bytes_of_text("ProgramDerivedAddress");
	/* The runtime's loop ends before bump 0. */
	for (bump = 255; bump > 0; bump--) {
		sha256(parts, seed_count + 3, hash);
		if (solana_is_on_curve(hash))
			continue;
		memcpy(ret_address, hash, SOLANA_KEY_LEN);
		*ret_bump = bump;
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

enum status solana_associated_token_address(const uint8_t owner[SOLANA_KEY_LEN],
                                            const uint8_t mint[SOLANA_KEY_LEN],
                                            const uint8_t token_program[SOLANA_KEY_LEN],
                                            solana_sha256_fn *sha256,
                                            uint8_t ret_address[SOLANA_KEY_LEN])
{
	struct bytes seeds[3] = {bytes_of(owner, SOLANA_KEY_LEN),
	                         bytes_of(token_program, SOLANA_KEY_LEN),
	                         bytes_of(mint, SOLANA_KEY_LEN)};
	uint8_t bump;

	return solana_find_program_address(seeds, 3, solana_id_associated_token, sha256,
	                                   ret_address, &bump);
}
