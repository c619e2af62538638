/* make_credential: keys_credential for tests/attest/credential.mjs.
 * usage: make_credential EK NAME SECRET    all in hex; prints what TPM2_ActivateCredential takes */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base_encode.h"
#include "keys.h"
#include "keys_credential.h"

static void show(const struct buffer *bytes)
{
	char text[HEX_LEN(KEYS_CREDENTIAL_ENCRYPTED_MAX) + 1];

	hex_encode(buffer_bytes(bytes), text);
	puts(text);
}

int main(int count, char **words)
{
	uint8_t ek_space[640], name_space[66], secret_space[KEYS_CREDENTIAL_SECRET_LEN];
	uint8_t blob_space[KEYS_CREDENTIAL_BLOB_MAX], sealed_space[KEYS_CREDENTIAL_ENCRYPTED_MAX];
	struct buffer ek = BUFFER_OF_ARRAY(ek_space), name = BUFFER_OF_ARRAY(name_space);
	struct buffer secret = BUFFER_OF_ARRAY(secret_space), blob = BUFFER_OF_ARRAY(blob_space);
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space);
	struct keys_public key;

	if (count != 4 || hex_decode(bytes_of_text(words[1]), &ek) != STATUS_OK ||
	    hex_decode(bytes_of_text(words[2]), &name) != STATUS_OK ||
	    hex_decode(bytes_of_text(words[3]), &secret) != STATUS_OK ||
	    secret.len != sizeof(secret_space))
		return 2;
	keys_open();
	if (keys_credential_endorsement(buffer_bytes(&ek), &key) != STATUS_OK ||
	    keys_credential_make(&key, buffer_bytes(&name), secret_space, &blob, &sealed) !=
	        STATUS_OK)
		return 1;
	show(&blob);
	show(&sealed);
	return 0;
}
