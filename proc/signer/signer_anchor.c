/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_anchor.h"

#include "base_check.h"
#include "call_attest.h"
#include "keys.h"
#include "log_line.h"

#define DAY_MS      86400000u
#define BURST_MILLI ((uint64_t)SIGNER_ANCHOR_BURST * 1000)

static void hash_both(const uint8_t a[32], const uint8_t b[32], uint8_t ret_hash[32])
{
	const struct bytes parts[] = {bytes_of(a, 32), bytes_of(b, 32)};

	keys_sha256(parts, 2, ret_hash);
}

void signer_anchor_begin(struct signer_anchor *anchor, const struct call_start_facts *facts,
                         uint64_t now_ms)
{
	memset(anchor->value, 0, sizeof(anchor->value));
	if (facts->has_checkpoint == 1)
		memcpy(anchor->value, facts->nv_checkpoint, sizeof(anchor->value));
	anchor->boots = facts->counter;
	/* A boot that was cut off before it raised the counter has used this number too: with
	 * another one a second cut would leave the store two ahead, which no start takes. */
	anchor->counter = facts->counter + 1;
	anchor->is_limited = facts->is_software == 0;
	anchor->left_milli = BURST_MILLI;
	anchor->at_ms = now_ms;
	anchor->begun = true;
}

void signer_anchor_resume(struct signer_anchor *anchor, uint64_t left_milli, uint64_t elapsed_ms)
{
	uint64_t back =
	    elapsed_ms < DAY_MS ? elapsed_ms * SIGNER_ANCHOR_DAY * 1000 / DAY_MS : BURST_MILLI;
	uint64_t left = left_milli < BURST_MILLI ? left_milli : BURST_MILLI;

	left = back < BURST_MILLI - left ? left + back : BURST_MILLI;
	anchor->left_milli = left > 1000 ? left : 1000;
}

bool signer_anchor_is_fresh(const struct signer_anchor *anchor,
                            const struct call_start_facts *facts)
{
	return facts->has_checkpoint == 0 && facts->has_counter == 1 &&
	       anchor->boots == facts->first_counter;
}

enum signer_anchored signer_anchor_judge(const struct signer_anchor *anchor, struct bytes encoded,
                                         const struct authz_checkpoint *checkpoint)
{
	uint8_t digest[32], value[32];

	keys_sha256(&encoded, 1, digest);
	if (checkpoint->light)
		memcpy(value, checkpoint->anchor, sizeof(value));
	else
		hash_both(checkpoint->anchor, digest, value);
	if (memcmp(value, anchor->value, sizeof(value)) != 0)
		return SIGNER_ANCHORED_OTHER;
	/* The counter follows the extend: a stop in between leaves it one behind. */
	return checkpoint->counter == anchor->boots || checkpoint->counter == anchor->boots + 1
	           ? SIGNER_ANCHORED
	           : SIGNER_ANCHORED_OLD;
}

/* As much is forgotten as comes back, of him who took most: so what is taken and what is left stay
 * the same in sum, and however many go on taking, some is left. */
static void forget(struct signer_anchor *anchor, uint64_t milli)
{
	while (milli > 0) {
		struct signer_share *most = &anchor->shares[0];
		uint64_t part;

		for (size_t i = 1; i < SIGNER_ANCHOR_BURST; i++)
			if (anchor->shares[i].taken_milli > most->taken_milli)
				most = &anchor->shares[i];
		if (most->taken_milli == 0)
			return;
		part = milli < most->taken_milli ? milli : most->taken_milli;
		part = part < 1000 ? part : 1000;
		most->taken_milli -= part;
		milli -= part;
	}
}

static void refill(struct signer_anchor *anchor, uint64_t now_ms)
{
	uint64_t back;

	if (now_ms <= anchor->at_ms) /* a caller's clock may be of the turn before */
		return;
	back = (now_ms - anchor->at_ms) * SIGNER_ANCHOR_DAY * 1000 / DAY_MS;
	if (back == 0)
		return;
	anchor->left_milli =
	    back < BURST_MILLI - anchor->left_milli ? anchor->left_milli + back : BURST_MILLI;
	forget(anchor, back);
	anchor->at_ms += back * DAY_MS / (SIGNER_ANCHOR_DAY * 1000);
}

uint64_t signer_anchor_left(struct signer_anchor *anchor, uint64_t now_ms)
{
	if (!anchor->is_limited)
		return UINT64_MAX;
	refill(anchor, now_ms);
	return anchor->left_milli / 1000;
}

static bool allows(const struct signer_anchor *anchor, enum signer_need need, uint64_t left,
                   uint64_t now_ms)
{
	switch (need) {
	case SIGNER_NEED_LEASE:
		return left > SIGNER_ANCHOR_LEASES ||
		       (left > SIGNER_ANCHOR_RESERVE &&
		        now_ms - anchor->lease_ms >= SIGNER_ANCHOR_LEASE_MS);
	case SIGNER_NEED_CHANGE:
		return left > SIGNER_ANCHOR_RESERVE;
	case SIGNER_NEED_LESS:
		return left > 0;
	}
	return false;
}

static struct signer_share *find_share(struct signer_anchor *anchor, const uint8_t user[32])
{
	for (size_t i = 0; i < SIGNER_ANCHOR_BURST; i++)
		if (anchor->shares[i].taken_milli != 0 &&
		    memcmp(anchor->shares[i].user, user, 32) == 0)
			return &anchor->shares[i];
	return NULL;
}

bool signer_anchor_may_pay(struct signer_anchor *anchor, const uint8_t user[32], uint64_t now_ms,
                           uint64_t *ret_wait_s)
{
	const uint64_t needed = (SIGNER_ANCHOR_RESERVE + 1) * 1000;
	uint64_t left = signer_anchor_left(anchor, now_ms);
	const struct signer_share *share = find_share(anchor, user);

	*ret_wait_s = 0;
	if (!anchor->is_limited)
		return true;
	if (left <= SIGNER_ANCHOR_RESERVE) {
		*ret_wait_s =
		    (needed - anchor->left_milli) * (DAY_MS / 1000) / (SIGNER_ANCHOR_DAY * 1000) +
		    1;
		return false;
	}
	/* He leaves as many as he has then. */
	return share == NULL ||
	       share->taken_milli + 2000 <= anchor->left_milli - SIGNER_ANCHOR_RESERVE * 1000;
}

enum signer_need signer_anchor_need(struct signer_anchor *anchor, const uint8_t user[32],
                                    uint64_t now_ms)
{
	uint64_t wait_s;

	(void)signer_anchor_left(anchor, now_ms);
	if (find_share(anchor, user) == NULL)
		return SIGNER_NEED_LESS;
	return signer_anchor_may_pay(anchor, user, now_ms, &wait_s) ? SIGNER_NEED_CHANGE
	                                                            : SIGNER_NEED_LEASE;
}

static void take_share(struct signer_anchor *anchor, const uint8_t user[32])
{
	struct signer_share *share = find_share(anchor, user), *least = NULL;

	/* Where there is none free, who took least is forgotten: less than a write. */
	for (size_t i = 0; share == NULL && i < SIGNER_ANCHOR_BURST; i++)
		if (least == NULL || anchor->shares[i].taken_milli < least->taken_milli)
			least = &anchor->shares[i];
	if (share == NULL) {
		share = least;
		*share = (struct signer_share){.taken_milli = 0};
		memcpy(share->user, user, 32);
	}
	share->taken_milli += 1000;
}

static void tell_low(struct signer_anchor *anchor, uint64_t left)
{
	bool low = left <= SIGNER_ANCHOR_RESERVE;

	if (low && !anchor->is_low) {
		struct log_line line;

		log_begin(&line, LOG_WARN, "anchor.budget_low");
		log_text(&line, "text",
		         "the TPM's writes for today are used up but for the reserve: changes wait "
		         "for minutes, revocations and freezes do not");
		log_number(&line, "left", (int64_t)left);
		log_end(&line);
	}
	/* Said again only after it had recovered well. */
	anchor->is_low = low || (anchor->is_low && left < 2 * SIGNER_ANCHOR_RESERVE);
}

static void take(struct signer_anchor *anchor, const uint8_t *user)
{
	anchor->left_milli -= 1000;
	if (user != NULL)
		take_share(anchor, user);
}

bool signer_anchor_pay(struct signer_anchor *anchor, const uint8_t user[32], uint64_t now_ms)
{
	uint64_t wait_s;

	if (!signer_anchor_may_pay(anchor, user, now_ms, &wait_s))
		return false;
	if (anchor->is_limited)
		take(anchor, user);
	return true;
}

bool signer_anchor_is_due(struct signer_anchor *anchor, uint64_t now_ms)
{
	return !anchor->is_limited || anchor->writes == 0 ||
	       now_ms - anchor->last_ms >= SIGNER_ANCHOR_GAP_MS;
}

bool signer_anchor_take(struct signer_anchor *anchor, enum signer_need need, const uint8_t *user,
                        uint64_t now_ms)
{
	uint64_t left = signer_anchor_left(anchor, now_ms);

	if (!anchor->is_limited)
		return true;
	tell_low(anchor, left);
	if (!signer_anchor_is_due(anchor, now_ms) || !allows(anchor, need, left, now_ms))
		return false;
	if (need == SIGNER_NEED_LEASE)
		anchor->lease_ms = now_ms;
	take(anchor, user);
	return true;
}

void signer_anchor_write(struct signer_anchor *anchor, struct bytes encoded, uint64_t now_ms)
{
	CHECK(anchor->begun && anchor->step == SIGNER_ANCHOR_IDLE);
	keys_sha256(&encoded, 1, anchor->digest);
	hash_both(anchor->value, anchor->digest, anchor->expected);
	anchor->step = SIGNER_ANCHOR_READY;
	anchor->last_ms = now_ms;
	anchor->writes++;
}

void signer_anchor_pump(struct signer_anchor *anchor, uint64_t now_ms)
{
	struct call_attest_extend extend = {.head.request = anchor->request + 1};

	if (anchor->step != SIGNER_ANCHOR_READY || now_ms < anchor->ask_ms)
		return;
	memcpy(extend.digest, anchor->digest, sizeof(extend.digest));
	extend.boots = anchor->counter;
	/* The attestor starts after the unsealer has ended: until then the ring is full or away. */
	if (ipc_put(anchor->channel, CALL_ATTEST_NV_EXTEND, bytes_of(&extend, sizeof(extend))) !=
	    STATUS_OK)
		return;
	anchor->request++;
	anchor->step = SIGNER_ANCHOR_ASKED;
}

void signer_anchor_restart(struct signer_anchor *anchor)
{
	if (anchor->step == SIGNER_ANCHOR_ASKED)
		anchor->step = SIGNER_ANCHOR_READY;
}

static enum status give_up(const char *what, uint32_t status)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, "anchor.failed");
	log_text(&line, "text", what);
	log_number(&line, "status", status);
	log_end(&line);
	return STATUS_CORRUPT;
}

/* Nothing was written: the same is asked for again, ever more slowly. */
static enum status put_off(struct signer_anchor *anchor, uint64_t now_ms)
{
	struct log_line line;

	anchor->busy++;
	if (anchor->busy_wait_ms == 0) {
		log_begin(&line, LOG_WARN, "anchor.tpm_busy");
		log_text(&line, "text",
		         "the TPM puts writes off to protect its memory: changes wait for it, "
		         "signatures do not");
		log_end(&line);
	}
	anchor->busy_wait_ms =
	    anchor->busy_wait_ms == 0 ? SIGNER_ANCHOR_BUSY_MS : 2 * anchor->busy_wait_ms;
	if (anchor->busy_wait_ms > SIGNER_ANCHOR_BUSY_MAX_MS)
		anchor->busy_wait_ms = SIGNER_ANCHOR_BUSY_MAX_MS;
	anchor->ask_ms = now_ms + anchor->busy_wait_ms;
	anchor->step = SIGNER_ANCHOR_READY;
	return STATUS_BUSY;
}

enum status signer_anchor_answered(struct signer_anchor *anchor, struct bytes message,
                                   uint64_t now_ms)
{
	struct call_attest_extended extended;

	if (anchor->step != SIGNER_ANCHOR_ASKED ||
	    attest_take_extended(message, &extended) != STATUS_OK ||
	    extended.head.request != anchor->request)
		return STATUS_MALFORMED;
	if (extended.head.status == STATUS_BUSY)
		return put_off(anchor, now_ms);
	if (extended.head.status != STATUS_OK)
		return give_up("the TPM did not take the checkpoint", extended.head.status);
	if (memcmp(extended.value, anchor->expected, sizeof(anchor->expected)) != 0)
		return give_up("the TPM's anchor is not what it must be: somebody else writes it",
		               0);
	if (extended.boots != anchor->counter)
		return give_up("the TPM's boot counter is not what it must be", 0);
	memcpy(anchor->value, anchor->expected, sizeof(anchor->value));
	anchor->boots = anchor->counter;
	anchor->busy_wait_ms = anchor->ask_ms = 0;
	anchor->step = SIGNER_ANCHOR_IDLE;
	return STATUS_OK;
}
