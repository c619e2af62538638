/* SPDX-License-Identifier: Apache-2.0 */
#include "call_result.h"

struct call_result_row {
	const char *code;
	const char *text;
	uint16_t http;
	bool retryable;
};

static const struct call_result_row rows[] = {
#define CALL_RESULT_ROW(name, code, status, retryable, text) {code, text, status, retryable},
    CALL_RESULT_LIST(CALL_RESULT_ROW)
#undef CALL_RESULT_ROW
};

static const struct call_result_row *row_of(enum call_result result)
{
	if ((unsigned)result >= CALL_RESULT_COUNT)
		return &rows[CALL_RESULT_INTERNAL];
	return &rows[result];
}

const char *call_result_code(enum call_result result)
{
	return row_of(result)->code;
}

const char *call_result_text(enum call_result result)
{
	return row_of(result)->text;
}

unsigned call_result_http(enum call_result result)
{
	return row_of(result)->http;
}

bool call_result_retryable(enum call_result result)
{
	return row_of(result)->retryable;
}
