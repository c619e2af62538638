/* SPDX-License-Identifier: Apache-2.0 */
#include "api_web.h"

#include "api_parts.h"
#include "base_check.h"

const struct api_web_file *api_web_find(struct bytes path)
{
	for (size_t i = 0; i < api_web_file_count; i++)
		if (bytes_equal(path, bytes_of_text(api_web_files[i].path)))
			return &api_web_files[i];
	return NULL;
}

void api_begin_page(struct api_exchange *exchange, struct api_context *context)
{
	const struct api_web_file *file = api_web_find(http_request_path(&exchange->http));
	struct api_text text = api_body_begin(exchange);

	CHECK(file != NULL); /* it was found when the request was routed */
	exchange->result = CALL_RESULT_DONE;
	exchange->extra = bytes_of(file->begin, (size_t)(file->end - file->begin));
	api_body_end(exchange, context, &text, 200, file->type, 0);
}
