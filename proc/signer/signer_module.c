/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_module.h"

#include <stdio.h>

#include "policy_intent.h"

_Static_assert(sizeof(struct signer_module_use) == 16, "stored as it is");

/* ---- how much ---- */

struct signer_module_bounds signer_module_bounds(uint64_t place_bytes)
{
	struct signer_module_bounds bounds = {
	    .all = {LIMIT_MODULES_MAX, LIMIT_MODULE_BYTES_MAX}
        };

	if (place_bytes != 0 && place_bytes / 2 < bounds.all.bytes)
		bounds.all.bytes = place_bytes / 2;
	bounds.user.count = bounds.all.count / LIMIT_MODULES_OF_USER;
	bounds.user.bytes = bounds.all.bytes / LIMIT_MODULES_OF_USER;
	/* On offer are whole modules: together they take no more than one user may. */
	bounds.offers = (size_t)(bounds.user.bytes / LIMIT_MODULE_MAX);
	if (bounds.offers > LIMIT_MODULES_OFFERED)
		bounds.offers = LIMIT_MODULES_OFFERED;
	if (bounds.offers == 0)
		bounds.offers = 1;
	return bounds;
}

static bool is_above(uint64_t used, uint64_t added, uint64_t bound)
{
	return used > bound || added > bound - used;
}

const char *signer_module_refusal(const struct signer_module_bounds *bounds,
                                  const struct signer_module_use *all,
                                  const struct signer_module_use *user,
                                  const struct signer_module_use *added)
{
	static char text[200];
	const struct signer_module_use *used = user, *bound = &bounds->user;
	const char *whose = "the grants of this user keep";

	if (!is_above(user->count, added->count, bound->count) &&
	    !is_above(user->bytes, added->bytes, bound->bytes)) {
		used = all;
		bound = &bounds->all;
		whose = "this deployment keeps";
	}
	if (is_above(used->count, added->count, bound->count))
		snprintf(text, sizeof(text),
		         "%s %llu modules and lookup tables of at most %llu; this is %llu more",
		         whose, (unsigned long long)used->count, (unsigned long long)bound->count,
		         (unsigned long long)added->count);
	else if (is_above(used->bytes, added->bytes, bound->bytes))
		snprintf(
		    text, sizeof(text),
		    "%s modules and lookup tables of %llu bytes, of at most %llu; this is %llu "
		    "more",
		    whose, (unsigned long long)used->bytes, (unsigned long long)bound->bytes,
		    (unsigned long long)added->bytes);
	else
		return NULL;
	return text;
}

/* ---- on offer ---- */

_Static_assert(sizeof(struct signer_offers) == 8 + 72 * LIMIT_MODULES_OFFERED, "stored as it is");

bool signer_offers_find(const struct signer_offers *offers, const uint8_t hash[32],
                        const uint8_t *party, size_t *ret_place)
{
	for (size_t i = 0; i < LIMIT_MODULES_OFFERED; i++)
		if (offers->rows[i].number != 0 && memcmp(offers->rows[i].hash, hash, 32) == 0 &&
		    (party == NULL || memcmp(offers->rows[i].party, party, 32) == 0)) {
			*ret_place = i;
			return true;
		}
	return false;
}

static size_t count_of(const struct signer_offers *offers, size_t places, const uint8_t party[32])
{
	size_t count = 0;

	for (size_t i = 0; i < places; i++)
		count +=
		    offers->rows[i].number != 0 && memcmp(offers->rows[i].party, party, 32) == 0;
	return count;
}

/* A free place, or the oldest of those of whoever has most of them, the new one counted. */
static size_t place_for(const struct signer_offers *offers, size_t places, const uint8_t party[32])
{
	size_t best = 0, most = 0;

	for (size_t i = 0; i < places; i++) {
		size_t count;

		if (offers->rows[i].number == 0)
			return i;
		count = count_of(offers, places, offers->rows[i].party) +
		        (memcmp(offers->rows[i].party, party, 32) == 0);
		if (count > most ||
		    (count == most && offers->rows[i].number < offers->rows[best].number)) {
			best = i;
			most = count;
		}
	}
	return best;
}

size_t signer_offers_add(struct signer_offers *offers, size_t places, const uint8_t hash[32],
                         const uint8_t party[32])
{
	size_t place = place_for(offers, places, party);

	offers->rows[place].number = ++offers->added;
	memcpy(offers->rows[place].hash, hash, 32);
	memcpy(offers->rows[place].party, party, 32);
	return place;
}

/* ---- kept ---- */

enum status signer_module_bytes(struct signer_state *state, const uint8_t hash[32],
                                struct buffer *ret_module)
{
	struct signer_blob *stored, *shared;
	uint8_t shared_hash[32];
	enum status status = signer_state_module(state, hash, &stored);

	if (status != STATUS_OK)
		return status;
	if (!policy_intent_is_rest(bytes_of(stored->bytes, stored->len), shared_hash))
		return buffer_put(ret_module, bytes_of(stored->bytes, stored->len));
	stored->head.pins++;
	status = signer_state_module(state, shared_hash, &shared);
	stored->head.pins--;
	if (status == STATUS_OK)
		status = policy_intent_whole(bytes_of(shared->bytes, shared->len),
		                             bytes_of(stored->bytes, stored->len), ret_module);
	return status == STATUS_NOT_FOUND || status == STATUS_MALFORMED ? STATUS_CORRUPT : status;
}
