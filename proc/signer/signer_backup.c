/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_backup.h"

#include "authz_answer.h"
#include "base_check.h"
#include "log_line.h"

struct signer_backup {
	struct signer *signer;
	bool asked, heard;
	enum status status;
	struct call_store_backed said;
	struct buffer bytes;
	uint64_t id; /* of the one that the store holds its files for; 0: none */
	uint64_t last_ms;
};

struct signer_backup *signer_backup_new(struct signer *signer)
{
	struct signer_backup *backup = calloc(1, sizeof(*backup));

	CHECK(backup != NULL);
	backup->signer = signer;
	backup->bytes = proc_buffer(CALL_STORE_BACKUP_MAX);
	return backup;
}

void signer_backup_heard(struct signer_backup *backup, enum status status,
                         const struct call_store_backed *said, struct bytes bytes)
{
	backup->asked = false;
	backup->heard = true;
	backup->status = status;
	backup->said = *said;
	backup->bytes.len = 0;
	CHECK(buffer_put(&backup->bytes, bytes) == STATUS_OK);
}

static enum status ask(struct signer_backup *backup, const struct call_store_backup *asked)
{
	enum status status;

	/* One that was given up on may still be answered. */
	if (backup->asked)
		return STATUS_BUSY;
	status = signer_store_backup(backup->signer->store, asked);
	if (status != STATUS_OK)
		return status;
	backup->asked = true;
	backup->heard = false;
	return STATUS_OK;
}

static enum status refuse(struct signer_change *job, enum status status)
{
	if (status == STATUS_CONFLICT)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "this backup was ended: another one began, the store was "
		                     "started anew, or it took so long that the log grew; begin "
		                     "again");
	if (status == STATUS_BUSY)
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "the store cannot begin a backup now: its disk is full, or it "
		                     "writes; try again");
	return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE,
	                     "the store is away or cannot read its disk");
}

static void tell(const struct call_store_backed *said)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, "backup.began");
	log_number(&line, "state_bytes", (int64_t)said->len[CALL_STORE_PART_STATE]);
	log_number(&line, "segments_bytes", (int64_t)said->len[CALL_STORE_PART_SEGMENTS]);
	log_end(&line);
}

enum status signer_backup_query(struct signer_change *job, const struct authz_query *query)
{
	struct signer_backup *backup = job->signer->backup;
	struct authz_backup_ask wanted;
	struct authz_backup_answer answer = {.id = 0};
	struct call_store_backup asked;
	enum status status;

	if (authz_backup_ask_take(query, &wanted) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "no step of a backup");
	asked = (struct call_store_backup){
	    .id = wanted.id, .at = wanted.at, .part = wanted.part, .step = wanted.step};
	if (wanted.step == CALL_STORE_BACKUP_BEGIN)
		while (asked.id == 0)
			keys_random(&asked.id, sizeof(asked.id));
	while ((status = ask(backup, &asked)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	while (status == STATUS_OK && !backup->heard)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (status == STATUS_OK)
		status = backup->status;
	if (status != STATUS_OK)
		return refuse(job, status);
	if (wanted.step == CALL_STORE_BACKUP_BEGIN)
		tell(&backup->said);
	backup->id = wanted.step == CALL_STORE_BACKUP_END ? 0 : asked.id;
	backup->last_ms = job->signer->now_ms;
	answer.id = asked.id;
	memcpy(answer.len, backup->said.len, sizeof(answer.len));
	answer.bytes = buffer_bytes(&backup->bytes);
	return authz_backup_answer_put(&answer, &job->answer);
}

void signer_backup_pump(struct signer_backup *backup)
{
	struct call_store_backup end = {.id = backup->id, .step = CALL_STORE_BACKUP_END};

	if (backup->id == 0 || backup->signer->now_ms - backup->last_ms < SIGNER_BACKUP_IDLE_MS)
		return;
	if (ask(backup, &end) == STATUS_OK)
		backup->id = 0;
}
