/* verifier_cache: the modules that this verifier has loaded, by hash, the least recently used ones
 * going first when the engine's heap or the table is full.
 *
 * For the verifier only. Fixed storage; what the engine holds counts against its heap's cap. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFIER_CACHE_H
#define VERIFIER_CACHE_H

#include "base_sha256.h"
#include "wasm.h"

#define VERIFIER_MODULES_MAX 32768                      /* an intent takes its table's length */
#define VERIFIER_INDEX_SIZE  (2 * VERIFIER_MODULES_MAX) /* 2^16 */

struct verifier_module {
	uint8_t hash[SHA256_LEN];
	struct wasm_policy policy;
	uint16_t older, newer; /* place + 1 of its neighbours by last use, 0: none; `older` alone
	                        * chains what was emptied */
};

struct verifier_cache {
	struct wasm_host host;
	/* Place + 1 of each module, 0: none. Where the search for a hash begins is drawn by the
	 * key: authors choose hashes, and would choose some that begin alike and make everybody's
	 * search long (A25). */
	uint16_t index[VERIFIER_INDEX_SIZE];
	uint64_t key[2]; /* random */
	unsigned count;
	unsigned filled;                  /* places that were ever used */
	uint16_t newest, oldest, emptied; /* place + 1 */
	struct verifier_module modules[VERIFIER_MODULES_MAX];
};

/* verifier_cache_open starts the engine and draws the key, in zeroed storage; before the sandbox.
 */
MUST_USE enum status verifier_cache_open(struct verifier_cache *cache, uint64_t heap_bytes_max);

/* verifier_cache_find returns a loaded module and counts the use; NULL when it is not there. */
struct verifier_module *verifier_cache_find(struct verifier_cache *cache,
                                            const uint8_t hash[SHA256_LEN]);

/* verifier_cache_load loads `module`, whose hash the caller has computed, making room first; a
 * loaded one stays. STATUS_REFUSED: `ret_error` says why. */
MUST_USE enum status verifier_cache_load(struct verifier_cache *cache,
                                         const uint8_t hash[SHA256_LEN], struct bytes module,
                                         struct verifier_module **ret_module,
                                         struct wasm_error *ret_error);

/* verifier_cache_count returns how many modules are loaded. */
unsigned verifier_cache_count(const struct verifier_cache *cache);

#endif
