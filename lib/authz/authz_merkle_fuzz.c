/* authz_merkle_fuzz: against the root of a map of our own, a made-up path proves neither a value
 * that is not there nor the absence of one that is, and changes no root. The input is the fixed
 * part of a path, then siblings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_merkle.h"
#include "base_check.h"
#include "keys.h"

#define IDS 5

/* a map of the values "0".."4" under ids 0..4; the root is the truth. */
static void true_root(uint8_t ret_root[32])
{
	struct authz_merkle_entry entries[IDS];

	for (uint8_t i = 0; i < IDS; i++) {
		uint8_t id[32] = {i}, digit = (uint8_t)('0' + i);
		struct bytes value = bytes_of(&digit, 1);
		struct authz_merkle_entry entry;
		size_t at = i;

		authz_merkle_key(1, id, entry.key);
		keys_sha256(&value, 1, entry.value_hash);
		for (; at != 0 && memcmp(entries[at - 1].key, entry.key, 32) > 0; at--)
			entries[at] = entries[at - 1];
		entries[at] = entry;
	}
	authz_merkle_root(entries, IDS, ret_root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t root[32], changed[32];
	struct store_path path;

	if (size < sizeof(path.fixed))
		return 0;
	memcpy(&path.fixed, data, sizeof(path.fixed));
	path.siblings = bytes_of(data + sizeof(path.fixed), size - sizeof(path.fixed));
	true_root(root);
	for (uint8_t i = 0; i < IDS; i++) {
		uint8_t id[32] = {i}, digit = (uint8_t)('0' + i);

		CHECK(authz_merkle_check(root, 1, id, &path, false, bytes_of("", 0)) != STATUS_OK);
		CHECK(authz_merkle_check(root, 1, id, &path, true, bytes_of("x", 1)) != STATUS_OK);
		/* A true path is what proves the value, and only then may the root change. */
		if (authz_merkle_put(root, 1, id, &path, bytes_of("x", 1), changed) == STATUS_OK) {
			CHECK(memcmp(changed, root, 32) != 0);
			CHECK(authz_merkle_check(root, 1, id, &path, true, bytes_of(&digit, 1)) ==
			      STATUS_OK);
		}
	}
	return 0;
}
