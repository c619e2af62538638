/* base_encode: hex, base58 and base64, the text forms that people and HTTP use for bytes.
 *
 * All decoders are strict: one text for one value. Base64 is RFC 4648 section 4 with padding;
 * non-zero pad bits, missing padding and white space are refused. Base58 is Bitcoin's alphabet. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base_bytes.h"

#define HEX_LEN(bytes)    (2 * (bytes))
#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)
/* The most characters base58 needs for n bytes. */
#define BASE58_LEN(bytes) ((bytes)*138 / 100 + 1)
/* The longest input that base58 works on here: its cost is quadratic. */
#define BASE58_BYTES_MAX  128

/* hex_encode writes 2*len lower-case characters and a NUL; `text` holds HEX_LEN(len) + 1. */
void hex_encode(struct bytes bytes, char *text);
/* hex_decode takes lower- or upper-case digits, an even number of them. */
MUST_USE enum status hex_decode(struct bytes text, struct buffer *ret_bytes);

/* base58_encode writes a NUL-terminated text of at most `cap` characters with the NUL. */
MUST_USE enum status base58_encode(struct bytes bytes, char *text, size_t cap);
MUST_USE enum status base58_decode(struct bytes text, struct buffer *ret_bytes);
/* base58_decode_32 takes the text of exactly 32 bytes: a Solana address. */
MUST_USE enum status base58_decode_32(struct bytes text, uint8_t ret_bytes[32]);

/* base64_encode writes BASE64_LEN(len) characters and a NUL. */
void base64_encode(struct bytes bytes, char *text);
MUST_USE enum status base64_decode(struct bytes text, struct buffer *ret_bytes);

#endif
