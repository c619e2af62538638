/* keys_platform: the keys under which firmware starts images: RSA-2048, which is what all firmware
 * takes, each with a self-signed certificate. Made on the operator's own machine, by the command
 * line tool only. AWS-LC allocates inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_PLATFORM_H
#define KEYS_PLATFORM_H

#include "keys.h"

#define KEYS_PLATFORM_PEM_MAX         4096
#define KEYS_PLATFORM_CERTIFICATE_MAX 2048 /* bytes of DER */
#define KEYS_PLATFORM_NAME_MAX        64   /* bytes of a common name (X.520) */

/* keys_platform_make makes a key and appends it as PKCS#8 PEM (secret: the caller wipes it), and
 * its X.509 v3 certificate for `name`, valid from `now_s` for 30 years (firmware looks at no
 * clock), as DER and as PEM. CRYPTO when the name is none or AWS-LC refuses; TOO_LARGE: a buffer.
 */
MUST_USE enum status keys_platform_make(const char *name, uint64_t now_s, struct buffer *ret_pem,
                                        struct buffer *ret_certificate,
                                        struct buffer *ret_certificate_pem);

#endif
