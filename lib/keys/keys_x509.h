/* keys_x509: what the makers of certificates share; private to lib/keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_X509_H
#define KEYS_X509_H

#include <stdbool.h>

struct x509_st;

/* keys_x509_put_serial gives a certificate a random serial number of 16 bytes. */
bool keys_x509_put_serial(struct x509_st *certificate);

#endif
