/* cli_check: the one place where the tool has a module run: by a verifier of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_check.h"

#include "cli_verifier.h"

static struct cli_verifier verifiers[2]; /* the second interprets */
static struct cli_verifier *verifier = &verifiers[0];
static struct bytes loaded;

static void close_verifiers(void)
{
	cli_verifier_close(&verifiers[0]);
	cli_verifier_close(&verifiers[1]);
}

bool cli_check_choose(struct bytes engine)
{
	bool interprets = bytes_equal(engine, bytes_of_text(CALL_CHECK_INTERPRETER));

	verifier = &verifiers[interprets];
	return interprets || bytes_equal(engine, bytes_of_text(CALL_CHECK_ENGINE));
}

enum status cli_check_load(struct bytes module, char *ret_message, size_t message_cap)
{
	struct cli_verifier_result result;

	static bool closes;

	if (verifier->pid == 0 &&
	    cli_verifier_open(verifier, NULL, verifier != &verifiers[0]) != STATUS_OK) {
		snprintf(ret_message, message_cap,
		         "cannot run claviger-verifier, which lies beside this program");
		return STATUS_IO;
	}
	if (!closes)
		atexit(close_verifiers);
	closes = true;
	cli_verifier_load(verifier, module, &result);
	if (result.state == CLI_VERIFIER_ANSWERED) {
		loaded = module;
		return STATUS_OK;
	}
	if (result.state == CLI_VERIFIER_DIED) {
		snprintf(ret_message, message_cap, "the verifier died on this module");
		return STATUS_IO;
	}
	snprintf(ret_message, message_cap, "the module is refused at byte %u: %.*s", result.where,
	         (int)result.text.len, (const char *)result.text.data);
	return STATUS_REFUSED;
}

void cli_check_run(struct bytes request, bool describe, struct cli_check_result *ret_result)
{
	struct cli_verifier_result result;

	*ret_result =
	    (struct cli_check_result){.reason = POLICY_REASON_TRAP, .text = "the verifier died"};
	cli_verifier_run(verifier, loaded, request,
	                 describe ? CALL_CHECK_WHAT_DESCRIBE : CALL_CHECK_WHAT_CHECK,
	                 describe ? LIMIT_FUEL_PER_DESCRIPTION : LIMIT_FUEL_PER_CHECK, &result);
	if (result.state != CLI_VERIFIER_ANSWERED)
		return;
	ret_result->fuel_used = result.verdict.fuel_used;
	ret_result->text = "the module trapped";
	if (result.verdict.outcome == CALL_CHECK_FUEL) {
		ret_result->reason = POLICY_REASON_OUT_OF_FUEL;
		ret_result->text = "the module ran out of fuel";
	} else if (result.verdict.outcome == CALL_CHECK_BAD) {
		ret_result->reason = POLICY_REASON_BAD_ANSWER;
		ret_result->text = "the module's answer is malformed";
	} else if (result.verdict.outcome == CALL_CHECK_RAN) {
		ret_result->ran = true;
		ret_result->reason = POLICY_REASON_NONE;
		ret_result->answer = result.answer;
	}
}
