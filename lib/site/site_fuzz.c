/* Property: what is taken is put again as the same bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t space[SITE_MANIFEST_MAX + 256];
	struct buffer out = BUFFER_OF_ARRAY(space);
	static struct site_manifest manifest;

	if (site_take(bytes_of(data, len), &manifest) != STATUS_OK)
		return 0;
	CHECK(site_put(&manifest, &out) == STATUS_OK);
	CHECK(out.len == len && memcmp(out.data, data, len) == 0);
	return 0;
}
