/* authz_receipt_fuzz: what is accepted as a receipt or boot record, encoded again, is the same
 * bytes; and no bytes that the fuzzer finds continue a chain to a receipt nobody made. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_bundle.h"
#include "base_check.h"

static struct authz_receipt receipt;
static struct authz_boot_record boot;
static struct authz_bundle_report report;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[AUTHZ_RECEIPT_MAX];
	struct authz_chain chain = {
	    .started = true, .has_boot_record = true, .last = {1, 2, 3}
        };
	struct bytes input = bytes_of(data, size);
	struct buffer again = BUFFER_OF_ARRAY(space);

	if (authz_receipt_take(input, &receipt) == STATUS_OK) {
		bool follows = memcmp(receipt.previous, chain.last, 32) == 0;

		CHECK(authz_receipt_put(&receipt, &again) == STATUS_OK);
		CHECK(bytes_equal(buffer_bytes(&again), input));
		memcpy(chain.deployment, receipt.deployment, 32);
		memcpy(chain.wallet, receipt.wallet, 32);
		memcpy(chain.boot_record, receipt.boot_record, 32);
		chain.boot = chain.boot_of_record = receipt.boot;
		chain.number = receipt.number - 1;
		CHECK(authz_chain_next(&chain, input, NULL) ==
		      (follows ? STATUS_OK : STATUS_CORRUPT));
	}
	/* Nobody signed a head for the fuzzer. */
	CHECK(authz_bundle_verify(input, receipt.wallet, receipt.wallet, &report) != STATUS_OK);
	again.len = 0;
	if (authz_boot_take(input, &boot) == STATUS_OK) {
		CHECK(authz_boot_put(&boot, &again) == STATUS_OK);
		CHECK(bytes_equal(buffer_bytes(&again), input));
	}
	return 0;
}
