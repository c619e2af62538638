/* Whose turn it is (A25): what takes power away first, all else in the order in which it came. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_waiting.h"

#include "base_check.h"
#include "base_test.h"
#include "call_change.h"

static uint8_t space[LIMIT_CHANGE_MAX];

/* A request whose id is `id`; `payload` follows its head. */
static struct bytes request(uint32_t kind, uint64_t id, struct bytes payload)
{
	struct call_change_request head = {.id = id, .kind = kind};
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(buffer_put(&out, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&out, payload) == STATUS_OK);
	return buffer_bytes(&out);
}

static bool names_state; /* of a limit: it may grow */

static struct bytes change(uint32_t kind, uint64_t id, enum authz_action action)
{
	static uint8_t body_space[64], change_space[1024], signed_space[2048];
	struct buffer body = BUFFER_OF_ARRAY(body_space), bytes = BUFFER_OF_ARRAY(change_space),
	              given = BUFFER_OF_ARRAY(signed_space);
	static struct authz_change made;
	struct authz_limit_body limit = {.count = 1};
	struct authz_signed_change whole = {.signature_count = 0};
	uint8_t grant[32] = {1};

	made = (struct authz_change){.action = (uint8_t)action, .entry_count = 1, .expires_s = 1};
	if (action == AUTHZ_ACTION_LIMIT) {
		limit.caps[0].cap = 5;
		CHECK(authz_limit_put(&limit, &body) == STATUS_OK);
	} else if (action == AUTHZ_ACTION_REVOKE || action == AUTHZ_ACTION_CANCEL) {
		CHECK(authz_id_put(grant, &body) == STATUS_OK);
	} else {
		CHECK(authz_empty_put(&body) == STATUS_OK);
	}
	made.entries[0].has_previous = action == AUTHZ_ACTION_UNFREEZE || names_state;
	made.entries[0].body = buffer_bytes(&body);
	CHECK(authz_change_put(&made, &bytes) == STATUS_OK);
	whole.change = buffer_bytes(&bytes);
	CHECK(authz_signed_change_put(&whole, &given) == STATUS_OK);
	return request(kind, id, buffer_bytes(&given));
}

static uint64_t next(struct signer_waiting *waiting)
{
	struct call_change_request head;
	struct bytes message;

	if (!signer_waiting_next(waiting, &message))
		return 0;
	memcpy(&head, message.data, sizeof(head));
	return head.id;
}

static void test_a_request_is_what_its_bytes_say(void)
{
	const struct bytes none = bytes_of(NULL, 0);

	EXPECT(signer_request_kind(request(CALL_CHANGE_OPERATOR, 1, none)) == SIGNER_REQUEST_LESS);
	EXPECT(signer_request_kind(request(CALL_CHANGE_QUERY, 1, none)) == SIGNER_REQUEST_QUESTION);
	EXPECT(signer_request_kind(request(CALL_CHANGE_MODULE_ADD, 1, none)) ==
	       SIGNER_REQUEST_OTHER);
	EXPECT(signer_request_kind(request(CALL_CHANGE_SUBMIT, 1, none)) == SIGNER_REQUEST_OTHER);
	EXPECT(signer_request_kind(request(CALL_CHANGE_TIME, 1, none)) == SIGNER_REQUEST_QUESTION &&
	       signer_request_acts_at_once(request(CALL_CHANGE_TIME, 1, none)));
	for (unsigned i = 0; i < 2; i++) {
		uint32_t kind = i == 0 ? CALL_CHANGE_PREPARE : CALL_CHANGE_SUBMIT;

		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_FREEZE)) ==
		       SIGNER_REQUEST_LESS);
		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_REVOKE)) ==
		       SIGNER_REQUEST_LESS);
		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_CANCEL)) ==
		       SIGNER_REQUEST_LESS);
		EXPECT(signer_request_acts_at_once(change(kind, 1, AUTHZ_ACTION_FREEZE)) &&
		       signer_request_acts_at_once(change(kind, 1, AUTHZ_ACTION_CANCEL)) &&
		       signer_request_acts_at_once(change(kind, 1, AUTHZ_ACTION_LIMIT)) &&
		       !signer_request_acts_at_once(change(kind, 1, AUTHZ_ACTION_UNFREEZE)));
		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_LIMIT)) ==
		       SIGNER_REQUEST_LESS);
		names_state = true;
		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_LIMIT)) ==
		       SIGNER_REQUEST_OTHER);
		names_state = false;
		EXPECT(signer_request_kind(change(kind, 1, AUTHZ_ACTION_UNFREEZE)) ==
		       SIGNER_REQUEST_OTHER);
	}
	EXPECT(signer_request_kind(bytes_of(space, 3)) == SIGNER_REQUEST_OTHER);
}

static void test_what_takes_power_away_goes_first_the_rest_in_order(void)
{
	static struct signer_waiting *waiting; /* lives as long as the process */
	const struct bytes none = bytes_of(NULL, 0);

	waiting = signer_waiting_new();
	EXPECT(next(waiting) == 0);
	signer_waiting_add(waiting, request(CALL_CHANGE_MODULE_ADD, 1, none), 1000);
	signer_waiting_add(waiting, request(CALL_CHANGE_QUERY, 2, none), 1000);
	EXPECT(signer_waiting_for(waiting, SIGNER_REQUEST_QUESTION));
	EXPECT(!signer_waiting_for(waiting, SIGNER_REQUEST_LESS));
	EXPECT(next(waiting) == 1); /* a question goes before nothing */
	signer_waiting_add(waiting, change(CALL_CHANGE_SUBMIT, 3, AUTHZ_ACTION_UNFREEZE), 1000);
	signer_waiting_add(waiting, change(CALL_CHANGE_SUBMIT, 4, AUTHZ_ACTION_FREEZE), 1000);
	signer_waiting_add(waiting, change(CALL_CHANGE_SUBMIT, 5, AUTHZ_ACTION_REVOKE), 1000);
	EXPECT(signer_waiting_for(waiting, SIGNER_REQUEST_LESS));
	signer_waiting_done(waiting);
	for (uint64_t id = 4; id <= 5; id++) {
		EXPECT(next(waiting) == id);
		/* The one that is worked on does not wait. */
		EXPECT(signer_waiting_for(waiting, SIGNER_REQUEST_LESS) == (id == 4));
		signer_waiting_done(waiting);
	}
	EXPECT(next(waiting) == 2);
	signer_waiting_done(waiting);
	EXPECT(next(waiting) == 3);
	signer_waiting_done(waiting);
	EXPECT(next(waiting) == 0);
}

static void test_it_holds_as_many_as_it_says_and_forgets_what_its_authority_left(void)
{
	static struct signer_waiting *waiting; /* lives as long as the process */
	const struct bytes none = bytes_of(NULL, 0);

	waiting = signer_waiting_new();
	for (uint64_t id = 1; id <= SIGNER_WAITING_MAX; id++) {
		EXPECT(signer_waiting_has_room(waiting));
		signer_waiting_add(waiting, request(CALL_CHANGE_QUERY, id, none), 1000);
	}
	EXPECT(!signer_waiting_has_room(waiting));
	EXPECT(next(waiting) == 1);
	signer_waiting_drop(waiting);
	EXPECT(signer_waiting_has_room(waiting) &&
	       !signer_waiting_for(waiting, SIGNER_REQUEST_QUESTION));
	signer_waiting_done(waiting);
	EXPECT(next(waiting) == 0);
}

int main(void)
{
	RUN(test_a_request_is_what_its_bytes_say);
	RUN(test_what_takes_power_away_goes_first_the_rest_in_order);
	RUN(test_it_holds_as_many_as_it_says_and_forgets_what_its_authority_left);
	return test_summary();
}
