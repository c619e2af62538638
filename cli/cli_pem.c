/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_pem.h"

#include <stdio.h>

#include "base_encode.h"

#define LINES_MAX 65536 /* bytes of base64 in one block */

static const uint8_t *find(struct bytes text, const char *mark)
{
	return text.len == 0 ? NULL : memmem(text.data, text.len, mark, strlen(mark));
}

enum status cli_pem_next(struct bytes *text, const char *label, struct buffer *ret_der)
{
	static char joined[LINES_MAX];
	char begin[80], end[80];
	const uint8_t *from, *to;
	size_t len = 0;

	snprintf(begin, sizeof(begin), "-----BEGIN %s-----", label);
	snprintf(end, sizeof(end), "-----END %s-----", label);
	from = find(*text, begin);
	if (from == NULL)
		return STATUS_NOT_FOUND;
	from += strlen(begin);
	to = find(bytes_of(from, (size_t)(text->data + text->len - from)), end);
	if (to == NULL || (size_t)(to - from) >= sizeof(joined))
		return STATUS_MALFORMED;
	*text = bytes_of(to + strlen(end), text->len - (size_t)(to + strlen(end) - text->data));
	for (; from < to; from++)
		if (*from != '\n' && *from != '\r')
			joined[len++] = (char)*from;
	return base64_decode(bytes_of(joined, len), ret_der);
}
