/* SPDX-License-Identifier: Apache-2.0 */
#include "proc_boot.h"

#include <stddef.h>

#include "log_line.h"

static const struct {
	int code;
	const char *what, *action;
} rows[] = {
#define BOOT(name, code, what, action) {code, what, action},
#include "boot.def"
#undef BOOT
};

bool proc_boot_text(int code, const char **ret_what, const char **ret_action)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code) {
			*ret_what = rows[i].what;
			*ret_action = rows[i].action;
			return true;
		}
	}
	return false;
}

int proc_boot_failed(int code)
{
	const char *what = "", *action = "";
	struct log_line line;

	(void)proc_boot_text(code, &what, &action);
	log_begin(&line, LOG_ERROR, "boot.failed");
	log_number(&line, "code", code);
	log_text(&line, "what", what);
	log_text(&line, "do", action);
	log_end(&line);
	return code;
}
