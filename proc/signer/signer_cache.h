/* signer_cache: a fixed number of entries found by a 32-byte key; the longest unused one gives way.
 *
 * One array, allocated at start, so that memory is bounded however many wallets exist. An entry
 * begins with struct signer_cache_head; pinned entries stay where they are and are never replaced.
 * Keys are hashes or random ids, so their first bytes serve as the hash. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_CACHE_H
#define SIGNER_CACHE_H

#include "base_bytes.h"

enum signer_cached {
	SIGNER_CACHED_EMPTY = 0, /* just claimed: nothing is known, nothing was asked */
	SIGNER_CACHED_LOADING,   /* the store was asked */
	SIGNER_CACHED_READY,
	SIGNER_CACHED_ABSENT,  /* proven: there is none */
	SIGNER_CACHED_CORRUPT, /* damaged: refused until the next start */
};

struct signer_cache_head {
	uint8_t key[32];
	enum signer_cached state;
	uint32_t pins;
	uint32_t next; /* chain of the bucket: index + 1 */
	uint64_t used; /* tick of the last use */
	bool taken;
};

struct signer_cache {
	uint8_t *entries;
	size_t entry_bytes, count, filled;
	uint32_t *buckets; /* index + 1; as many as entries, rounded to a power of two */
	size_t bucket_count;
	uint64_t tick;
	size_t hand; /* of the clock that looks for a victim */
	/* Asked before an entry gives way; NULL: any may. After a no the claim gets nothing, and
	 * the entry goes once it may. */
	bool (*may_go)(void *context, void *entry);
	void *context;
};

/* signer_cache_init allocates `count` entries of `entry_bytes` (phase 1). */
void signer_cache_init(struct signer_cache *cache, size_t count, size_t entry_bytes);

/* signer_cache_find returns the entry of a key, or NULL; it counts as used. */
void *signer_cache_find(struct signer_cache *cache, const uint8_t key[32]);

/* signer_cache_claim returns the key's entry; a new one is zeroed but for its head and takes the
 * place of one long unused. NULL when all that could give way are pinned. */
void *signer_cache_claim(struct signer_cache *cache, const uint8_t key[32]);

/* signer_cache_drop forgets an entry, which must not be pinned. */
void signer_cache_drop(struct signer_cache *cache, void *entry);

#endif
