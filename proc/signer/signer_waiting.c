/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_waiting.h"

#include <stdlib.h>

#include "authz_change.h"
#include "base_check.h"
#include "call_change.h"
#include "secret.h"

struct signer_waiting {
	struct {
		struct buffer message;
		uint64_t order; /* 0: free */
		uint64_t came_ms;
		enum signer_request_kind kind;
	} rows[SIGNER_WAITING_MAX];
	uint64_t order;
	size_t current; /* SIGNER_WAITING_MAX: none is worked on */
};

struct signer_waiting *signer_waiting_new(void)
{
	struct signer_waiting *waiting = calloc(1, sizeof(*waiting));

	CHECK(waiting != NULL);
	for (size_t i = 0; i < SIGNER_WAITING_MAX; i++) {
		waiting->rows[i].message =
		    (struct buffer){malloc(CALL_CHANGE_SLOT_BYTES), CALL_CHANGE_SLOT_BYTES, 0};
		CHECK(waiting->rows[i].message.data != NULL);
	}
	waiting->current = SIGNER_WAITING_MAX;
	return waiting;
}

static size_t free_row(const struct signer_waiting *waiting)
{
	size_t at = 0;

	while (at < SIGNER_WAITING_MAX && waiting->rows[at].order != 0)
		at++;
	return at;
}

bool signer_waiting_has_room(const struct signer_waiting *waiting)
{
	return free_row(waiting) < SIGNER_WAITING_MAX;
}

/* A limit that names no state it is for lowers caps, or is refused. */
bool signer_change_lowers(const struct authz_change *change)
{
	bool lowers = authz_action_reduces(change->action) || change->action == AUTHZ_ACTION_LIMIT;

	for (size_t i = 0; i < change->entry_count; i++)
		lowers &= !change->entries[i].has_previous;
	return lowers;
}

/* Takes a change that is submitted or prepared; NULL for any other request. */
static const struct authz_change *take_change(struct bytes message,
                                              const struct call_change_request *head)
{
	static struct authz_signed_change given;
	static struct authz_change change;
	struct bytes payload = bytes_of(message.data + sizeof(*head), message.len - sizeof(*head));

	if (head->kind != CALL_CHANGE_SUBMIT && head->kind != CALL_CHANGE_PREPARE)
		return NULL;
	return authz_signed_change_take(payload, &given) == STATUS_OK &&
	               authz_change_take(given.change, &change) == STATUS_OK
	           ? &change
	           : NULL;
}

bool signer_request_acts_at_once(struct bytes message)
{
	const struct authz_change *change;
	struct call_change_request head;

	if (message.len < sizeof(head))
		return false;
	memcpy(&head, message.data, sizeof(head));
	if (head.kind == CALL_CHANGE_OPERATOR || head.kind == CALL_CHANGE_QUERY ||
	    head.kind == CALL_CHANGE_READ || head.kind == CALL_CHANGE_TIME ||
	    head.kind == CALL_CHANGE_UPDATE)
		return true;
	change = take_change(message, &head);
	/* A limit that grows is found out when the wallet is known (signer_factor.c). */
	return change != NULL &&
	       (authz_action_reduces(change->action) || change->action == AUTHZ_ACTION_LIMIT);
}

enum signer_request_kind signer_request_kind(struct bytes message)
{
	const struct authz_change *change;
	struct call_change_request head;

	if (message.len < sizeof(head))
		return SIGNER_REQUEST_OTHER;
	memcpy(&head, message.data, sizeof(head));
	if (head.kind == CALL_CHANGE_OPERATOR)
		return SIGNER_REQUEST_LESS;
	if (head.kind == CALL_CHANGE_QUERY || head.kind == CALL_CHANGE_TIME ||
	    head.kind == CALL_CHANGE_UPDATE)
		return SIGNER_REQUEST_QUESTION;
	change = take_change(message, &head);
	return change != NULL && signer_change_lowers(change) ? SIGNER_REQUEST_LESS
	                                                      : SIGNER_REQUEST_OTHER;
}

void signer_waiting_add(struct signer_waiting *waiting, struct bytes message, uint64_t now_ms)
{
	size_t at = free_row(waiting);

	CHECK(at < SIGNER_WAITING_MAX);
	waiting->rows[at].message.len = 0;
	CHECK(buffer_put(&waiting->rows[at].message, message) == STATUS_OK);
	waiting->rows[at].order = ++waiting->order;
	waiting->rows[at].came_ms = now_ms;
	waiting->rows[at].kind = signer_request_kind(message);
}

uint64_t signer_waiting_came_ms(const struct signer_waiting *waiting)
{
	CHECK(waiting->current < SIGNER_WAITING_MAX);
	return waiting->rows[waiting->current].came_ms;
}

static void free_at(struct signer_waiting *waiting, size_t at)
{
	/* Modules, seeds, second factors: nothing of it stays. */
	secret_wipe(waiting->rows[at].message.data, waiting->rows[at].message.len);
	waiting->rows[at].message.len = 0;
	waiting->rows[at].order = 0;
}

void signer_waiting_drop(struct signer_waiting *waiting)
{
	for (size_t i = 0; i < SIGNER_WAITING_MAX; i++)
		if (i != waiting->current)
			free_at(waiting, i);
}

bool signer_waiting_for(const struct signer_waiting *waiting, enum signer_request_kind kind)
{
	for (size_t i = 0; i < SIGNER_WAITING_MAX; i++)
		if (i != waiting->current && waiting->rows[i].order != 0 &&
		    waiting->rows[i].kind == kind)
			return true;
	return false;
}

/* What takes power away first, then in the order in which they came. */
static bool goes_before(const struct signer_waiting *waiting, size_t a, size_t b)
{
	bool less = waiting->rows[a].kind == SIGNER_REQUEST_LESS;

	if (less != (waiting->rows[b].kind == SIGNER_REQUEST_LESS))
		return less;
	return waiting->rows[a].order < waiting->rows[b].order;
}

bool signer_waiting_next(struct signer_waiting *waiting, struct bytes *ret_message)
{
	size_t best = SIGNER_WAITING_MAX;

	CHECK(waiting->current == SIGNER_WAITING_MAX);
	for (size_t i = 0; i < SIGNER_WAITING_MAX; i++)
		if (waiting->rows[i].order != 0 &&
		    (best == SIGNER_WAITING_MAX || goes_before(waiting, i, best)))
			best = i;
	if (best == SIGNER_WAITING_MAX)
		return false;
	waiting->current = best;
	*ret_message = buffer_bytes(&waiting->rows[best].message);
	return true;
}

void signer_waiting_done(struct signer_waiting *waiting)
{
	free_at(waiting, waiting->current);
	waiting->current = SIGNER_WAITING_MAX;
}
