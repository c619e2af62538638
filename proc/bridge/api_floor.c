/* The floors below which nothing unseals, and the signed steps that raise them (spec/sealing.md).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_encode.h"

void api_begin_floor(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"step"};
	struct buffer space = {context->envelope_space, API_ENVELOPE_MAX, 0};
	struct json_value root, member;
	struct bytes step;

	if (exchange->http.method == HTTP_METHOD_POST) {
		if (!api_parse_body(exchange, context, &root) ||
		    !api_take_members(exchange, context, root, names, 1, &member))
			return;
		if (!json_take_text(member, &step) || base64_decode(step, &space) != STATUS_OK ||
		    space.len == 0 || space.len > CALL_ATTEST_STEP_MAX) {
			api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
			           "\"step\" is base64 of a signed step of a floor");
			return;
		}
	}
	exchange->step_len = space.len;
	exchange->ask = API_ASK_FLOOR;
}

static void put_number(struct api_text *text, const char *name, uint64_t value)
{
	text_put(text, name);
	text_put_u64(text, value);
}

void api_take_floors(struct api_exchange *exchange, struct api_context *context,
                     const struct call_attest_floors *floors)
{
	struct api_text text = api_body_begin(exchange);

	put_number(&text, "{\"release\":{\"floor\":", floors->release_floor & 0xff);
	put_number(&text, ",\"running\":", floors->release_level);
	put_number(&text, "},\"site\":{\"floor\":", floors->site_floor & 0xff);
	put_number(&text, ",\"running\":", floors->site_level);
	text_put(&text, "}}");
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

void api_refuse_floor(struct api_exchange *exchange, struct api_context *context, uint32_t status)
{
	const char *why;

	switch (status) {
	case STATUS_MALFORMED:
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED, "this is no step");
		return;
	case STATUS_CRYPTO:
		why = "the step is not signed by the authority that it names, or for another site";
		break;
	case STATUS_NOT_FOUND:
		why = "the site has not given this release key the floor: approve it as site, put "
		      "the approvals in place and restart";
		break;
	case STATUS_CONFLICT:
		why =
		    "the step would lock out what runs now, or what starts by itself while that is "
		    "only tried: start the newer release (or the newer site approval), and have "
		    "it serve, first";
		break;
	case STATUS_REFUSED:
		why = "the TPM refused: the floor does not stand where this step begins";
		break;
	default:
		api_refuse(exchange, context, CALL_RESULT_OVERLOADED, "the TPM did not answer");
		return;
	}
	api_refuse(exchange, context, CALL_RESULT_CHANGE_REFUSED, why);
}
