/* authz_change_fuzz: whatever a decoder of changes, bodies, envelopes or refusals accepts, encoded
 * again, is the same bytes; and every accepted change can be described. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_envelope.h"
#include "authz_text.h"
#include "base_check.h"

static uint8_t again_space[LIMIT_CHANGE_MAX + 65536];
static struct authz_change change;
static struct authz_signed_change signed_change;
static struct authz_shown shown[LIMIT_CHANGE_WALLETS_MAX];
static union {
	struct authz_birth_body birth;
	struct authz_grant_body grant;
	struct authz_limit_body limit;
	struct authz_factor_body factor;
	struct authz_envelope envelope;
	uint8_t id[32];
} body;

#define ROUND_TRIP(take, put_again)                                                                \
	do {                                                                                       \
		struct buffer again = BUFFER_OF_ARRAY(again_space);                                \
		if ((take) == STATUS_OK) {                                                         \
			CHECK((put_again) == STATUS_OK);                                           \
			CHECK(bytes_equal(buffer_bytes(&again), input));                           \
		}                                                                                  \
	} while (0)

static void bodies(struct bytes input)
{
	ROUND_TRIP(authz_birth_take(input, false, &body.birth),
	           authz_birth_put(&body.birth, false, &again));
	ROUND_TRIP(authz_birth_take(input, true, &body.birth),
	           authz_birth_put(&body.birth, true, &again));
	ROUND_TRIP(authz_grant_take(input, &body.grant), authz_grant_put(&body.grant, &again));
	ROUND_TRIP(authz_limit_take(input, &body.limit), authz_limit_put(&body.limit, &again));
	ROUND_TRIP(authz_factor_take(input, &body.factor), authz_factor_put(&body.factor, &again));
	ROUND_TRIP(authz_id_take(input, body.id), authz_id_put(body.id, &again));
	ROUND_TRIP(authz_empty_take(input), authz_empty_put(&again));
	ROUND_TRIP(authz_envelope_take(input, &body.envelope),
	           authz_envelope_put(&body.envelope, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size), code, text;

	if (size > LIMIT_CHANGE_MAX)
		return 0;
	bodies(input);
	ROUND_TRIP(authz_refusal_take(input, &code, &text), authz_refusal_put(code, text, &again));
	ROUND_TRIP(authz_signed_change_take(input, &signed_change),
	           authz_signed_change_put(&signed_change, &again));
	ROUND_TRIP(authz_change_take(input, &change), authz_change_put(&change, &again));
	if (authz_change_take(input, &change) == STATUS_OK) {
		struct buffer out = BUFFER_OF_ARRAY(again_space);
		enum status status = authz_describe(&change, shown, &out);

		CHECK(status == STATUS_OK || status == STATUS_TOO_LARGE);
		CHECK(out.len <= LIMIT_DESCRIPTION_MAX);
	}
	return 0;
}
