/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_file.h"

#include <errno.h>

struct buffer cli_buffer(size_t cap)
{
	uint8_t *data = malloc(cap);

	if (data == NULL)
		abort();
	return (struct buffer){data, cap, 0};
}

enum status cli_file_read(const char *path, size_t cap, struct buffer *ret_file, char *ret_message,
                          size_t message_cap)
{
	bool input = strcmp(path, "-") == 0;
	FILE *file = input ? stdin : fopen(path, "rb");
	uint8_t *data = malloc(cap + 1);
	size_t len = 0;
	enum status status = STATUS_OK;

	if (file == NULL || data == NULL) {
		snprintf(ret_message, message_cap, "cannot open %s: %s", path, strerror(errno));
		free(data);
		return STATUS_IO;
	}
	len = fread(data, 1, cap + 1, file);
	if (ferror(file)) {
		snprintf(ret_message, message_cap, "cannot read %s: %s", path, strerror(errno));
		status = STATUS_IO;
	} else if (len > cap) {
		snprintf(ret_message, message_cap, "%s is longer than %zu bytes", path, cap);
		status = STATUS_TOO_LARGE;
	}
	if (!input)
		fclose(file);
	if (status != STATUS_OK) {
		free(data);
		return status;
	}
	*ret_file = (struct buffer){data, cap, len};
	return STATUS_OK;
}
