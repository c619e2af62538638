/* authz_history_fuzz: whatever a decoder of links, kept changes, pages of them or standings
 * accepts, encoded again, is the same bytes; nothing follows a wallet that has no factor; and what
 * begins a wallet leads to the hash that its link names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_history.h"
#include "base_check.h"

static uint8_t again_space[2 * AUTHZ_CHANGES_BYTES_MAX];

#define ROUND_TRIP(take, put_again)                                                                \
	do {                                                                                       \
		struct buffer again = BUFFER_OF_ARRAY(again_space);                                \
		if ((take) == STATUS_OK) {                                                         \
			CHECK((put_again) == STATUS_OK);                                           \
			CHECK(bytes_equal(buffer_bytes(&again), input));                           \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authz_history history;
	static struct authz_changes_answer answer;
	static struct authz_signed_change given;
	static struct authz_change change;
	static const uint8_t nobody[32];
	struct bytes input = bytes_of(data, size);
	struct authz_changed changed;
	struct authz_standing standing;
	struct authz_link link;
	struct authz_kept kept;

	if (size > AUTHZ_CHANGES_BYTES_MAX)
		return 0;
	ROUND_TRIP(authz_link_take(input, &link), authz_link_put(&link, &again));
	ROUND_TRIP(authz_kept_take(input, &kept), authz_kept_put(&kept, &again));
	ROUND_TRIP(authz_changes_answer_take(input, &answer),
	           authz_changes_answer_put(&answer, &again));
	ROUND_TRIP(authz_changed_take(input, &changed), authz_changed_put(&changed, &again));
	CHECK(authz_standing_open(input, nobody, &standing) != STATUS_OK);
	if (authz_changed_take(input, &changed) != STATUS_OK ||
	    authz_link_take(changed.link, &link) != STATUS_OK ||
	    authz_kept_take(changed.kept, &kept) != STATUS_OK ||
	    authz_signed_change_take(kept.signed_change, &given) != STATUS_OK ||
	    authz_change_take(given.change, &change) != STATUS_OK)
		return 0;
	history = (struct authz_history){.version = 0};
	memcpy(history.deployment, change.deployment, 32);
	memcpy(history.wallet, link.wallet, 32);
	if (authz_history_next(&history, input) == STATUS_OK) {
		CHECK(authz_action_is_birth(change.action) && history.version == 1 &&
		      history.factor_count != 0);
		CHECK(memcmp(history.authority, link.authority, 32) == 0);
	} else {
		CHECK(history.text != NULL);
	}
	history = (struct authz_history){.version = link.version - 1};
	memcpy(history.deployment, change.deployment, 32);
	memcpy(history.wallet, link.wallet, 32);
	memcpy(history.authority, link.previous, 32);
	memcpy(history.link, link.before, 32);
	if (link.version != 1)
		CHECK(authz_history_next(&history, input) != STATUS_OK && history.text != NULL);
	return 0;
}
