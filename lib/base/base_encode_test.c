/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "base_test.h"

static bool decodes(enum status (*decode)(struct bytes, struct buffer *), const char *text,
                    const char *bytes, size_t len)
{
	uint8_t space[256];
	struct buffer out = BUFFER_OF_ARRAY(space);

	return decode(bytes_of_text(text), &out) == STATUS_OK &&
	       bytes_equal(buffer_bytes(&out), bytes_of(bytes, len));
}

static bool refuses(enum status (*decode)(struct bytes, struct buffer *), const char *text)
{
	uint8_t space[256];
	struct buffer out = BUFFER_OF_ARRAY(space);

	return decode(bytes_of_text(text), &out) != STATUS_OK && out.len == 0;
}

static void test_base64_follows_rfc_4648_section_10(void)
{
	static const char *const texts[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
	                                    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

	for (size_t len = 0; len <= 6; len++) {
		char text[16];

		base64_encode(bytes_of("foobar", len), text);
		EXPECT(strcmp(text, texts[len]) == 0);
		EXPECT(decodes(base64_decode, texts[len], "foobar", len));
	}
}

static void test_base64_refuses_every_second_text_of_a_value(void)
{
	static const char *const bad[] = {"Zg",   "Zg=",    "Zh==",  "Zm9=", "Zg==Zg==", "Z===",
	                                  "====", "Zm9v\n", " Zm9v", "Zm-_", "Zg==="};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(refuses(base64_decode, bad[i]));
}

static void test_base58_knows_solana_addresses(void)
{
	uint8_t key[32];
	char text[BASE58_LEN(32) + 1];

	EXPECT(base58_decode_32(bytes_of_text("11111111111111111111111111111111"), key) ==
	       STATUS_OK);
	EXPECT(key[0] == 0 && key[31] == 0);
	EXPECT(base58_decode_32(bytes_of_text("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
	                        key) == STATUS_OK);
	EXPECT(key[0] == 0x06 && key[1] == 0xdd && key[31] == 0xa9);
	EXPECT(base58_encode(BYTES_OF_ARRAY(key), text, sizeof(text)) == STATUS_OK);
	EXPECT(strcmp(text, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA") == 0);
}

static void test_base58_refuses_what_is_not_an_address(void)
{
	uint8_t key[32];

	EXPECT(base58_decode_32(bytes_of_text("1111111111111111111111111111111"), key) !=
	       STATUS_OK);
	EXPECT(base58_decode_32(bytes_of_text("0OIl"), key) != STATUS_OK);
	EXPECT(refuses(base58_decode, "0"));
	EXPECT(refuses(base58_decode, "a b"));
}

static void test_hex_round_trips_and_is_strict(void)
{
	char text[7];

	hex_encode(bytes_of("\x00\xab\xff", 3), text);
	EXPECT(strcmp(text, "00abff") == 0);
	EXPECT(decodes(hex_decode, "00ABff", "\x00\xab\xff", 3));
	EXPECT(refuses(hex_decode, "0"));
	EXPECT(refuses(hex_decode, "0g"));
}

int main(void)
{
	RUN(test_base64_follows_rfc_4648_section_10);
	RUN(test_base64_refuses_every_second_text_of_a_value);
	RUN(test_base58_knows_solana_addresses);
	RUN(test_base58_refuses_what_is_not_an_address);
	RUN(test_hex_round_trips_and_is_strict);
	return test_summary();
}
