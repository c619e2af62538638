/* One-time codes: the vectors of RFC 6238 appendix B for SHA-1, and of RFC 4226 appendix D. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_totp.h"

#include "base_test.h"

static const struct keys_totp secret = {"1234567890123456789"
                                        "0"};

static void test_codes_are_those_of_rfc_6238_appendix_b(void)
{
	/* The table has eight digits; ours are the last six of them. */
	static const struct {
		uint64_t time_s;
		uint32_t code;
	} rows[] = {
	    {59,          94287082},
            {1111111109,  7081804 },
            {1111111111,  14050471},
	    {1234567890,  89005924},
            {2000000000,  69279037},
            {20000000000, 65353130},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT(keys_totp_code(&secret, rows[i].time_s / KEYS_TOTP_STEP_S) ==
		       rows[i].code % KEYS_TOTP_CODES);
}

static void test_codes_are_those_of_rfc_4226_appendix_d(void)
{
	static const uint32_t codes[10] = {755224, 287082, 359152, 969429, 338314,
	                                   254676, 287922, 162583, 399871, 520489};

	for (uint64_t i = 0; i < 10; i++)
		EXPECT(keys_totp_code(&secret, i) == codes[i]);
}

int main(void)
{
	RUN(test_codes_are_those_of_rfc_6238_appendix_b);
	RUN(test_codes_are_those_of_rfc_4226_appendix_d);
	return test_summary();
}
