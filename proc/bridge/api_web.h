/* api_web: the user's page (web/), whose files were put into this program when it was built. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_WEB_H
#define API_WEB_H

#include "base_bytes.h"

struct api_web_file {
	const char *path; /* of the URL */
	const char *type; /* Content-Type */
	const uint8_t *begin, *end;
};

extern const struct api_web_file api_web_files[];
extern const size_t api_web_file_count;

/* api_web_find returns the file at a path; NULL when there is none. */
const struct api_web_file *api_web_find(struct bytes path);

#endif
