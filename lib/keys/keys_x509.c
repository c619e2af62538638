/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_x509.h"

#include <openssl/bn.h>
#include <openssl/x509.h>

#include "keys.h"

bool keys_x509_put_serial(X509 *certificate)
{
	uint8_t serial[16];
	BIGNUM *number;
	bool put;

	keys_random(serial, sizeof(serial));
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, always 16 bytes */
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	put = number != NULL &&
	      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return put;
}
