/* signer_hear: what a request learns of the time, and what it needs to know (spec/time.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "log_line.h"
#include "signer_change.h"

/* A statement of a key that is none of the site's, or that was said before, moves nothing. */
static enum status hear(struct signer_change *job, struct bytes payload)
{
	struct signer *signer = job->signer;
	struct signer_time_now before, after;
	bool was_proven = signer->time.proven;
	struct authz_time statement;
	struct log_line line;
	const char *fault;

	if (authz_time_open(payload, &statement) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a statement of the time signed by the key that it names");
	if (memcmp(statement.deployment, signer->deployment, 32) != 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the statement is for another deployment");
	before = signer_time_read(&signer->time);
	fault = signer_time_hear(&signer->time, &statement);
	if (fault != NULL)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "%s", fault);
	after = signer_time_read(&signer->time);
	if (!was_proven && signer->time.proven)
		signer_meter_settle_all(&signer->state);
	/* Codes up to a start that followed a crash are not taken: only now is it known when that
	 * was.
	 */
	if (!was_proven && signer->time.proven && signer->code_floor != 0)
		signer->code_floor = after.low_s / KEYS_TOTP_STEP_S + 1;
	/* Only a wrong clock, or more than half of the time keys in wrong hands, leads here. */
	if (after.low_s < before.low_s) {
		log_begin(&line, LOG_WARN, "time.set_back");
		log_number(&line, "from", (int64_t)before.low_s);
		log_number(&line, "to", (int64_t)after.low_s);
		log_end(&line);
	}
	return STATUS_OK;
}

enum status signer_answer_time(struct signer_change *job, struct bytes payload)
{
	struct signer_time *time = &job->signer->time;
	struct authz_time_answer answer = {.source = time->settings.is_site ? AUTHZ_TIME_SITE
	                                                                    : AUTHZ_TIME_SYSTEM,
	                                   .key_count = time->settings.key_count};
	struct signer_time_now now;

	if (payload.len != 0) {
		enum status status = hear(job, payload);

		if (status != STATUS_OK)
			return status;
	}
	now = signer_time_read(time);
	answer.low_s = now.low_s;
	answer.high_s = now.high_s;
	answer.state = signer_time_state(time, &answer.age_s, &answer.left_s);
	if (answer.key_count != 0) {
		signer_time_nonce(time, answer.nonce);
		answer.needed = signer_time_needed(time);
		answer.agreeing = time->agreeing;
	}
	return authz_time_answer_put(&answer, &job->answer);
}

enum status signer_demand_time(struct signer_change *job)
{
	if (signer_time_is_known(&job->signer->time))
		return STATUS_OK;
	return signer_refuse(job, CALL_RESULT_TIME_UNPROVEN,
	                     "nobody has proven what time it is since this start (claviger time): "
	                     "what takes power away goes on, nothing else");
}
