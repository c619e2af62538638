/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base_check.h"
#include "cli_out.h"

#define COMPLAINT_MAX 8192 /* what is longer is cut */

void cli_complain(const struct cli_call *call, const char *format, ...)
{
	char text[COMPLAINT_MAX];
	va_list list;

	fprintf(stderr, "claviger %s: ", call->command->name);
	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	cli_out_plain(stderr, bytes_of_text(text)); /* much of it is what a server said */
	fputc('\n', stderr);
}

int cli_usage(const struct cli_call *call, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "claviger %s: ", call->command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nusage: claviger %s%s%s\n", call->command->name,
	        call->command->arguments[0] != '\0' ? " " : "", call->command->arguments);
	return CLI_USAGE;
}

static FILE *answer_file; /* NULL: stdout */

void cli_begin(bool json)
{
	int fd;

	/* What the caller closed is no number for a file of ours; to write there fails as before.
	 */
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	if (!json)
		return;
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	answer_file = fd < 0 ? NULL : fdopen(fd, "w");
	/* Without it nothing can be answered, which cli_finish sees as it would a full disk. */
	if (answer_file == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		(void)close(STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

FILE *cli_answer_file(void)
{
	return answer_file != NULL ? answer_file : stdout;
}

void cli_answer(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vfprintf(cli_answer_file(), format, list);
	va_end(list);
}

void cli_answer_texts(const struct cli_call *call, ...)
{
	struct cli_out out = {.file = cli_answer_file()};
	const char *name;
	va_list list;

	if (!call->json)
		return;
	va_start(list, call);
	cli_out_open(&out, '{');
	while ((name = va_arg(list, const char *)) != NULL) {
		cli_out_name(&out, name);
		cli_out_text(&out, bytes_of_text(va_arg(list, const char *)));
	}
	cli_out_close(&out, '}');
	cli_out_line(&out);
	va_end(list);
}

int cli_finish(const struct cli_call *call, int result)
{
	FILE *file = cli_answer_file();

	if (fflush(file) == 0 && !ferror(file))
		return result;
	cli_complain(call, "cannot write to standard output: %s", strerror(errno));
	return CLI_UNSURE;
}

/* match returns how `word` names the option: 0 not, 1 exactly, 2 as --name=value. */
static int match(const char *word, const char *name, const char **ret_value)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return 0;
	*ret_value = word + len + 1;
	return word[len] == '\0' ? 1 : word[len] == '=' ? 2 : 0;
}

/* take_option stores one option and moves *at to its last word; false when it complained. */
static bool take_option(struct cli_call *call, const struct cli_option *option, int how,
                        const char *value, int *at)
{
	if (option->flag != NULL) {
		if (how == 2) {
			(void)cli_usage(call, "%s takes no value", option->name);
			return false;
		}
		*option->flag = true;
		return true;
	}
	if (how == 1) {
		if (*at + 1 >= call->count) {
			(void)cli_usage(call, "%s needs a value", option->name);
			return false;
		}
		value = call->arguments[++*at];
	}
	if (*option->value != NULL) {
		(void)cli_usage(call, "%s is given twice", option->name);
		return false;
	}
	*option->value = value;
	return true;
}

bool cli_take_options(struct cli_call *call, const struct cli_option *options, size_t count)
{
	int kept = 0;
	bool words_only = false;

	if (call->probe != NULL) {
		CHECK(count <= CLI_OPTIONS_MAX);
		call->probe->count = count;
		for (size_t i = 0; i < count; i++) {
			call->probe->options[i].name = options[i].name;
			call->probe->options[i].takes_value = options[i].value != NULL;
		}
		return false;
	}
	for (int at = 0; at < call->count; at++) {
		char *word = call->arguments[at];
		const char *value = NULL;
		size_t i = 0;
		int how = 0;

		if (words_only || word[0] != '-' || word[1] == '\0') {
			call->arguments[kept++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			words_only = true;
			continue;
		}
		while (i < count && (how = match(word, options[i].name, &value)) == 0)
			i++;
		if (i == count) {
			(void)cli_usage(call, "unknown option %s", word);
			return false;
		}
		if (!take_option(call, &options[i], how, value, &at))
			return false;
	}
	call->count = kept;
	return true;
}

bool cli_take_number(const char **text, uint64_t *ret_number)
{
	const char *at = *text;
	uint64_t number = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned digit = (unsigned)(*at - '0');

		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	*ret_number = number;
	return true;
}
