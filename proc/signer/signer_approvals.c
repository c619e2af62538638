/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_approvals.h"

#include "base_check.h"
#include "signer.h"

/* known is the PCR that was told, or else the one of what runs. */
static const uint8_t *known(const struct signer *signer, const uint8_t pcr[32])
{
	static const uint8_t none[32];

	return memcmp(pcr, none, sizeof(none)) != 0 ? pcr : signer->facts->pcrs[4];
}

enum status signer_approvals_ask(struct signer *signer, const uint8_t next[32],
                                 struct bytes approvals, struct signer_judgement *judgement)
{
	struct call_attest_judge asked = {.head.request = signer->judge_request + 1};
	const uint8_t *usual = known(signer, signer->update.said.usual);
	struct buffer message;

	if (signer->judging != NULL || ipc_reserve(signer->attestor, &message) != STATUS_OK)
		return STATUS_BUSY;
	memcpy(asked.usual, usual, sizeof(asked.usual));
	memcpy(asked.next, known(signer, next) == next ? next : usual, sizeof(asked.next));
	CHECK(buffer_put(&message, bytes_of(&asked, sizeof(asked))) == STATUS_OK &&
	      buffer_put(&message, approvals) == STATUS_OK);
	ipc_commit(signer->attestor, CALL_ATTEST_JUDGE, &message);
	signer->judge_request++;
	*judgement = (struct signer_judgement){.is_done = false};
	signer->judging = judgement;
	return STATUS_OK;
}

enum status signer_approvals_hear(struct signer *signer, struct bytes message)
{
	struct signer_judgement heard = {.is_done = true};
	struct call_attest_head head;
	struct bytes rest;

	if (attest_take_answer(message, sizeof(heard.said), &head, &rest) != STATUS_OK ||
	    signer->judging == NULL || head.request != signer->judge_request)
		return STATUS_MALFORMED;
	heard.status = (enum status)head.status;
	if (head.status == STATUS_OK) {
		if (rest.len != sizeof(heard.said))
			return STATUS_MALFORMED;
		memcpy(&heard.said, rest.data, sizeof(heard.said));
	}
	*signer->judging = heard;
	signer->judging = NULL;
	return STATUS_OK;
}
