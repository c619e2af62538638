/* cli_policy_ask: one message, one answer, as the signer would ask. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "cli_file.h"
#include "cli_policy.h"
#include "keys.h"
#include "policy_floor.h"

#define INPUT_MAX (64u * 1024 * 1024)

static _Alignas(8) uint8_t request_space[POLICY_REQUEST_MAX];

static void refuse(struct cli_policy_result *r, uint32_t reason, uint32_t instruction,
                   const char *text)
{
	r->decision.verdict = (struct verdict){0};
	r->decision.reason = reason;
	r->decision.instruction = instruction;
	snprintf(r->decision.text, sizeof(r->decision.text), "%s", text);
	r->decision.text_len = (uint32_t)strlen(r->decision.text);
	r->code = policy_reason_name(reason, r->own_code);
}

/* What the signer refuses before any module runs; false when it does. */
static bool pass_floor(struct cli_policy *p, const struct solana_view *view,
                       struct solana_fee_facts *ret_fee, struct cli_policy_result *r)
{
	struct solana_error error = {SOLANA_ERROR_NONE, 0};
	struct policy_floor floor = policy_floor(
	    view, p->wallet, !p->unproven, (const uint8_t(*)[32]) & p->nonce, p->has_nonce ? 1 : 0);

	if (floor.reason != POLICY_REASON_NONE) {
		refuse(r, floor.reason, floor.instruction, floor.text);
		return false;
	}
	if (view->kind != SOLANA_KIND_OFFCHAIN &&
	    solana_fee_facts(view, ret_fee, &error) != STATUS_OK) {
		refuse(r, POLICY_REASON_COMPUTE, POLICY_NO_INSTRUCTION,
		       solana_error_text(error.code));
		r->code = solana_error_code(error.code);
		return false;
	}
	return true;
}

static bool encode(struct cli_policy *p, const struct solana_view *view,
                   const struct solana_fee_facts *fee, unsigned mode, bool explain,
                   struct buffer *request)
{
	uint32_t derivations;
	struct policy_input input = {
	    .mode = mode,
	    .flags = explain ? POLICY_FLAG_EXPLAIN : 0,
	    .wallet = p->wallet,
	    .view = view,
	    .fee = fee,
	    .record = p->record,
	    .counters = p->counters,
	    .counter_count = p->counter_count,
	    .pins = p->pins,
	    .pin_count = p->pin_count,
	    .time_low = p->time_low,
	    .time_high = p->time_high,
	    .atas = &p->atas,
	    .ownership_proven = !p->unproven,
	    .mints = &p->mints,
	    .sha256 = keys_sha256,
	};

	return policy_request_encode(&input, request, &derivations) == STATUS_OK;
}

void cli_policy_ask(struct cli_policy *p, const struct solana_view *view, unsigned mode,
                    bool explain, struct cli_policy_result *ret_result)
{
	struct buffer request = {request_space, sizeof(request_space), 0};
	struct cli_check_result run;
	struct solana_fee_facts fee = {0};
	struct policy_decision *d = &ret_result->decision;

	memset(ret_result, 0, sizeof(*ret_result));
	d->instruction = POLICY_NO_INSTRUCTION;
	if (view != NULL && !pass_floor(p, view, &fee, ret_result))
		return;
	if (!encode(p, view, &fee, mode, explain, &request)) {
		refuse(ret_result, POLICY_REASON_SIGNER, POLICY_NO_INSTRUCTION,
		       "the request cannot be made from this message");
		return;
	}
	cli_check_run(buffer_bytes(&request), mode != POLICY_MODE_CHECK, &run);
	ret_result->fuel = run.fuel_used;
	if (!run.ran) {
		refuse(ret_result, run.reason, POLICY_NO_INSTRUCTION, run.text);
		return;
	}
	if (policy_answer_decode(run.answer, buffer_bytes(&request), d) != STATUS_OK) {
		memset(d, 0, sizeof(*d));
		refuse(ret_result, POLICY_REASON_BAD_ANSWER, POLICY_NO_INSTRUCTION,
		       "the module's answer breaks the rules of the policy ABI");
		return;
	}
	ret_result->answer = run.answer;
	ret_result->trusted_count = policy_trust(buffer_bytes(&request), ret_result->trusted);
	ret_result->code = policy_reason_name(d->reason, ret_result->own_code);
}

void cli_policy_refused(const struct cli_call *call, size_t line, const struct solana_error *error)
{
	if (error->code == SOLANA_ERROR_NONE)
		cli_complain(call, "line %zu is not base64", line);
	else
		cli_complain(call, "line %zu is refused at byte %u: %s", line, error->offset,
		             solana_error_text(error->code));
}

static void visit_line(struct bytes line, cli_policy_visit *visit, void *context, size_t number)
{
	uint8_t space[LIMIT_TX_V1_MAX + 64];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct solana_error error = {SOLANA_ERROR_TOO_LONG, 0};
	static struct solana_view view;

	if (line.len > BASE64_LEN(LIMIT_TX_V1_MAX) + 8 ||
	    base64_decode(line, &bytes) != STATUS_OK) {
		if (line.len <= BASE64_LEN(LIMIT_TX_V1_MAX) + 8)
			error.code = SOLANA_ERROR_NONE; /* no base64 at all */
		visit(context, number, NULL, &error);
	} else if (solana_classify(buffer_bytes(&bytes), &view, &error) != STATUS_OK) {
		visit(context, number, NULL, &error);
	} else {
		visit(context, number, &view, NULL);
	}
}

bool cli_policy_each(const struct cli_call *call, const char *path, cli_policy_visit *visit,
                     void *context)
{
	struct buffer file;
	char message[512];
	bool any = false;
	size_t number = 0;

	if (cli_file_read(path == NULL ? "-" : path, INPUT_MAX, &file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return false;
	}
	if (memchr(file.data, 0, file.len) != NULL) {
		cli_complain(call,
		             "%s is no text; expected base64, one transaction or message a line",
		             path == NULL ? "the input" : path);
		free(file.data);
		return false;
	}
	for (size_t at = 0; at < file.len;) {
		const uint8_t *end = memchr(file.data + at, '\n', file.len - at);
		size_t next = end == NULL ? file.len : (size_t)(end - file.data);
		size_t len = next - at;

		if (len > 0 && file.data[at + len - 1] == '\r')
			len--;
		if (len > 0)
			visit_line(bytes_of(file.data + at, len), visit, context, number + 1);
		number++;
		any |= len > 0;
		at = next + 1;
	}
	free(file.data);
	/* Nothing asked is nothing allowed: a script must not take it for a yes. */
	if (!any)
		cli_complain(call, "%s holds no transaction; expected base64, one a line",
		             path == NULL ? "the input" : path);
	return any;
}
