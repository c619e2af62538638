/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_update.h"

#include "base_check.h"
#include "signer.h"
#include "signer_change.h"

#define PIECE_WAIT_MS 3000 /* for the updater to have taken a piece */
#define ASK_AGAIN_MS  1000 /* the attestor, whose TPM could not judge */
#define HEARD_AT_ONCE 2    /* messages of an updater; more are of one that keeps us busy */

/* put sends one message of two parts; BUSY when the updater is behind. */
static enum status put(struct signer_update *update, uint32_t kind, struct bytes head,
                       struct bytes rest)
{
	struct buffer message;
	enum status status = ipc_reserve(update->channel, &message);

	if (status != STATUS_OK)
		return status;
	CHECK(buffer_put(&message, head) == STATUS_OK && buffer_put(&message, rest) == STATUS_OK);
	ipc_commit(update->channel, kind, &message);
	return STATUS_OK;
}

/* ---- from the loop ---- */

static enum status take_status(struct signer_update *update, const struct ipc_message *message)
{
	return message->kind == CALL_UPDATE_STATUS
	           ? update_take_status(buffer_bytes(&message->payload), &update->said)
	           : STATUS_MALFORMED;
}

static void hear_updater(struct signer_update *update)
{
	uint8_t space[sizeof(struct call_update_status)];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};
	enum status status = STATUS_OK;

	for (unsigned i = 0; i < HEARD_AT_ONCE && status == STATUS_OK; i++) {
		status = ipc_take(update->channel, &message);
		if (status == STATUS_OK && take_status(update, &message) != STATUS_OK) {
			ipc_complain(update->channel, IPC_COMPLAINT_BROKEN);
			return;
		}
		update->started_heard |= status == STATUS_OK && update->said.started != 0;
	}
	if (status != STATUS_CONFLICT)
		return;
	/* Another updater: what was on its way is to be ordered again. */
	ipc_acknowledge(update->channel);
	update->started_told = update->serving_told = update->has_begun = false;
	update->step = SIGNER_UPDATE_NONE;
	update->said = (struct call_update_status){.state = 0};
}

/* What runs can be reached: a bot got a signature, or an operator was heard, each through every
 * process that it takes. */
static bool has_served(const struct signer *signer)
{
	return signer->update.is_proven || signer_sign_signed(signer->sign) != 0;
}

/* What was unsealed is told at once, so that the updater knows what became of a trial; that it
 * serves, when that is seen, and then the updater keeps it. */
static void tell_started(struct signer *signer)
{
	struct call_update_started started = {.first = !signer->update.started_heard,
	                                      .serves = has_served(signer)};

	memcpy(started.pcr, signer->facts->pcrs[4], sizeof(started.pcr));
	if (put(&signer->update, CALL_UPDATE_STARTED, bytes_of(&started, sizeof(started)),
	        bytes_of(NULL, 0)) != STATUS_OK)
		return;
	signer->update.started_told = true;
	signer->update.serving_told = started.serves != 0;
}

/* The attestor raises no floor above what firmware starts by itself: what the updater says, or else
 * what runs. */
static void tell_usual(struct signer *signer)
{
	static const uint8_t none[32];
	struct signer_update *update = &signer->update;
	struct call_attest_usual told = {.head.request = 0};

	if (signer->attestor == NULL || (update->channel != NULL && update->said.state == 0))
		return;
	memcpy(told.pcr,
	       memcmp(update->said.usual, none, sizeof(none)) != 0 ? update->said.usual
	                                                           : signer->facts->pcrs[4],
	       sizeof(told.pcr));
	if (update->has_told_usual && memcmp(update->usual_told, told.pcr, sizeof(told.pcr)) == 0)
		return;
	update->has_told_usual = ipc_put(signer->attestor, CALL_ATTEST_USUAL,
	                                 bytes_of(&told, sizeof(told))) == STATUS_OK;
	memcpy(update->usual_told, told.pcr, sizeof(told.pcr));
}

static void ask_attestor(struct signer *signer)
{
	struct signer_update *update = &signer->update;

	if (signer->now_ms >= update->ask_ms &&
	    signer_approvals_ask(signer, update->said.pcr,
	                         bytes_of(update->approvals_bytes, update->approvals_len),
	                         &update->judgement) == STATUS_OK)
		update->step = SIGNER_UPDATE_JUDGED;
}

static void tell_verdict(struct signer_update *update)
{
	struct call_update_verdict verdict = {.code = update->code};

	memcpy(verdict.order, update->order, sizeof(verdict.order));
	if (put(update, CALL_UPDATE_VERDICT, bytes_of(&verdict, sizeof(verdict)),
	        bytes_of(NULL, 0)) == STATUS_OK)
		update->step = SIGNER_UPDATE_TOLD;
}

/* The approvals come first: they let in what runs now, too, so a power cut behind this leaves a
 * machine that starts. */
static void take_judgement(struct signer *signer)
{
	struct signer_update *update = &signer->update;

	update->code = update->judgement.said.code;
	if (update->judgement.status != STATUS_OK) {
		update->step = SIGNER_UPDATE_NONE; /* the TPM is busy: asked again, not at once */
		update->ask_ms = signer->now_ms + ASK_AGAIN_MS;
	} else if (update->code != CALL_UPDATE_FINE) {
		tell_verdict(update);
	} else if (signer_store_put_item(signer->store, CALL_STORE_PART_APPROVALS,
	                                 bytes_of(update->approvals_bytes, update->approvals_len),
	                                 &update->item) == STATUS_OK) {
		update->step = SIGNER_UPDATE_KEPT;
	}
}

static void go_on(struct signer *signer)
{
	struct signer_update *update = &signer->update;

	if (update->step == SIGNER_UPDATE_NONE) {
		ask_attestor(signer);
	} else if (update->step == SIGNER_UPDATE_JUDGED && update->judgement.is_done) {
		take_judgement(signer);
	} else if (update->step == SIGNER_UPDATE_KEPT && update->item.is_done) {
		if (update->item.status != STATUS_OK)
			update->code = CALL_UPDATE_DATA_DISK;
		tell_verdict(update);
	}
}

void signer_update_pump(struct signer *signer)
{
	struct signer_update *update = &signer->update;

	if (update->channel != NULL)
		hear_updater(update);
	if (!signer->ready || signer->stopping)
		return;
	tell_usual(signer);
	if (update->channel == NULL || !ipc_is_up(update->channel))
		return;
	if (!update->started_told || (!update->serving_told && has_served(signer)))
		tell_started(signer);
	if (update->has_begun && update->said.state == CALL_UPDATE_CHECKED &&
	    memcmp(update->said.order, update->order, sizeof(update->order)) == 0)
		go_on(signer);
}

/* ---- from operators ---- */

static enum status answer(struct signer_change *job)
{
	const struct call_update_status *said = &job->signer->update.said;
	struct authz_update_answer answer = {.state = said->state,
	                                     .code = said->code,
	                                     .have = said->have,
	                                     .count = said->count,
	                                     .next = said->next};

	memcpy(answer.order, said->order, sizeof(answer.order));
	return authz_update_answer_put(&answer, &job->answer);
}

/* An updater has looked at the boot disk when it has heard of this start. */
static bool is_known(const struct signer_update *update)
{
	return ipc_is_up(update->channel) && update->said.state != 0 && update->said.started != 0;
}

static enum status demand_updater(struct signer_change *job)
{
	const struct signer_update *update = &job->signer->update;

	if (update->channel == NULL)
		return signer_refuse(
		    job, CALL_RESULT_UNSUPPORTED,
		    "this signer is no appliance: install another version where it was started");
	return is_known(update)
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_OVERLOADED, "the updater is starting");
}

/* await_judgement has the attestor look at an operator's file: `said` is what the updater knows. */
static enum status await_judgement(struct signer_change *job, const struct call_update_status *said,
                                   struct bytes content)
{
	static const uint8_t none[32];

	while (signer_approvals_ask(job->signer,
	                            said->state == CALL_UPDATE_STAGED ? said->pcr : none, content,
	                            &job->judgement) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	while (!job->judgement.is_done)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return job->judgement.status == STATUS_OK
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_OVERLOADED,
	                           "the TPM did not say whether they open; try again");
}

enum status signer_update_judge(struct signer_change *job, struct bytes content)
{
	const struct signer_update *update = &job->signer->update;
	const struct call_attest_judged *judged = &job->judgement.said;
	const char *what = NULL, *why = NULL, *action;
	enum status status;

	if (update->channel != NULL && !is_known(update))
		return signer_refuse(job, CALL_RESULT_OVERLOADED, "the updater is starting");
	if (update->has_begun && update->said.state != CALL_UPDATE_IDLE &&
	    update->said.state != CALL_UPDATE_STAGED)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "an update is on its way, which brings approvals of its own");
	if (content.len == 0 || content.len > AUTHZ_UPDATE_APPROVALS_MAX)
		return signer_refuse(job, CALL_RESULT_BODY_TOO_LARGE,
		                     "a file of approvals has 1 to %u bytes",
		                     AUTHZ_UPDATE_APPROVALS_MAX);
	status = await_judgement(job, &update->said, content);
	if (status != STATUS_OK || judged->code == CALL_UPDATE_FINE)
		return status;
	if (!update_code_text(judged->code, &what, &action))
		return signer_refuse(job, CALL_RESULT_INTERNAL, "the attestor says no");
	if (update_code_text(judged->why, &why, &action))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "%u: %s: %s",
		                     (unsigned)judged->code, what, why);
	/* What is wrong with one that is not locked out is so for the staged image alone. */
	return signer_refuse(
	    job, CALL_RESULT_CHANGE_REFUSED, "%u: %s%s", (unsigned)judged->code,
	    judged->code == CALL_UPDATE_APPROVALS ? "" : "the staged image: ", what);
}

enum status signer_update_begin(struct signer_change *job, struct bytes content,
                                const uint8_t order[32])
{
	struct signer_update *update = &job->signer->update;
	struct call_update_status said = {.state = CALL_UPDATE_READING};
	struct authz_update_order taken;
	struct call_update_begin begin;
	enum status status = demand_updater(job);

	if (status != STATUS_OK)
		return status;
	if (authz_update_order_take(content, &taken) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not an order of an image, or of one above 32 MiB");
	/* What runs is kept before its own slot could be the one that is written. */
	while (!update->serving_told)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	status = signer_keep_serial(job);
	if (status != STATUS_OK)
		return status;
	begin = (struct call_update_begin){.len = taken.len,
	                                   .count = (uint32_t)(taken.hashes.len / 32)};
	memcpy(begin.order, order, sizeof(begin.order));
	while ((status = put(update, CALL_UPDATE_BEGIN, bytes_of(&begin, sizeof(begin)),
	                     taken.hashes)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_OVERLOADED, "the updater is starting");
	memcpy(update->order, order, sizeof(update->order));
	memcpy(update->approvals_bytes, taken.approvals.data, taken.approvals.len);
	update->approvals_len = taken.approvals.len;
	update->step = SIGNER_UPDATE_NONE;
	update->has_begun = true;
	/* Until the updater speaks of this order, nothing that it says is about it. */
	memcpy(said.usual, update->said.usual, sizeof(said.usual));
	said.started = update->said.started;
	update->said = said;
	return STATUS_OK;
}

enum status signer_update_piece(struct signer_change *job, struct bytes payload)
{
	struct signer_update *update = &job->signer->update;
	uint64_t until_ms = job->signer->now_ms + PIECE_WAIT_MS;
	struct authz_update_piece taken;
	struct call_update_piece piece = {.reserved = 0};
	uint32_t had = update->said.have;
	enum status status = demand_updater(job);

	if (status != STATUS_OK)
		return status;
	if (authz_update_piece_take(payload, &taken) != STATUS_OK || taken.bytes.len == 0)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "not a piece of an image");
	if (!update->has_begun || memcmp(taken.order, update->order, sizeof(taken.order)) != 0)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "no such update is on its way: an operator orders it first");
	piece.index = taken.index;
	while ((status = put(update, CALL_UPDATE_PIECE, bytes_of(&piece, sizeof(piece)),
	                     taken.bytes)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	/* What the updater makes of it is not waited for longer than the disk needs. */
	while (status == STATUS_OK && update->said.have == had &&
	       update->said.state == CALL_UPDATE_TAKING && job->signer->now_ms < until_ms)
		if (!signer_change_turn(job))
			break;
	return answer(job);
}

enum status signer_update_query(struct signer_change *job)
{
	enum status status = demand_updater(job);

	job->signer->update.is_proven = true;
	return status == STATUS_OK ? answer(job) : status;
}
