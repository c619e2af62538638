/* signature_run: verifies signatures that another program brings, a line each:
 *   ed25519 PUBLIC MESSAGE SIGNATURE     in hex; "-" is the empty run
 *   p256-der X||Y MESSAGE SIGNATURE      ECDSA over SHA-256, DER
 *   p256 X||Y MESSAGE SIGNATURE          the same, r || s
 * and answers each with "yes" or "no". A key that we would not register is a no. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base_encode.h"
#include "keys_p256.h"

static char line[1 << 20];
static uint8_t spaces[3][1 << 18];

static bool take(char **at, uint8_t *space, size_t cap, struct bytes *ret_bytes)
{
	char *word = strsep(at, " \n");
	struct buffer out = {space, cap, 0};

	if (word == NULL ||
	    (strcmp(word, "-") != 0 && hex_decode(bytes_of_text(word), &out) != STATUS_OK))
		return false;
	*ret_bytes = buffer_bytes(&out);
	return true;
}

static bool verifies(const char *kind, struct bytes key, struct bytes message,
                     struct bytes signature)
{
	uint8_t digest[KEYS_HASH_LEN], numbers[KEYS_SIGNATURE_LEN];

	if (strcmp(kind, "ed25519") == 0)
		return key.len == KEYS_PUBLIC_LEN && signature.len == KEYS_SIGNATURE_LEN &&
		       keys_public_is_strong(key.data) &&
		       keys_verify(key.data, message, signature.data) == STATUS_OK;
	keys_sha256(&message, 1, digest);
	if (key.len != KEYS_P256_PUBLIC_LEN || !keys_p256_is_public(key.data))
		return false;
	if (strcmp(kind, "p256-der") == 0) {
		if (keys_p256_take_signature(signature, numbers) != STATUS_OK)
			return false;
		signature = BYTES_OF_ARRAY(numbers);
	}
	return signature.len == KEYS_SIGNATURE_LEN &&
	       keys_p256_verify(key.data, digest, signature.data) == STATUS_OK;
}

int main(void)
{
	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *at = line, *kind = strsep(&at, " \n");
		struct bytes key, message, signature;

		if (!take(&at, spaces[0], sizeof(spaces[0]), &key) ||
		    !take(&at, spaces[1], sizeof(spaces[1]), &message) ||
		    !take(&at, spaces[2], sizeof(spaces[2]), &signature)) {
			fputs("not a line of three runs in hex\n", stderr);
			return 2;
		}
		puts(verifies(kind, key, message, signature) ? "yes" : "no");
	}
	return 0;
}
