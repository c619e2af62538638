/* SPDX-License-Identifier: Apache-2.0 */
#include "log_line.h"

#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"

static char written[1 << 20];
static int saved;

/* Lines go to standard error; the test reads them back from a file put in its place. */
static void catch_begin(void)
{
	char path[] = "/tmp/log_line_test_XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	saved = dup(STDERR_FILENO);
	CHECK(saved >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
}

static size_t catch_end(void)
{
	ssize_t len;

	CHECK(lseek(STDERR_FILENO, 0, SEEK_SET) == 0);
	len = read(STDERR_FILENO, written, sizeof(written) - 1);
	CHECK(len >= 0);
	written[len] = '\0';
	CHECK(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	return (size_t)len;
}

/* Like a JSON parser would, but only for what may occur: balanced quotes, one object, one line. */
static bool is_one_object(const char *text, size_t len)
{
	bool in_text = false;

	if (len < 3 || text[0] != '{' || text[len - 2] != '}' || text[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len - 1; i++) {
		if (text[i] < 0x20 || text[i] >= 0x7f)
			return false;
		if (in_text && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_text = !in_text;
	}
	return !in_text;
}

static void test_an_event_is_one_line_of_json(void)
{
	struct log_line line;
	size_t len;

	log_open("tester", LOG_INFO);
	catch_begin();
	log_begin(&line, LOG_WARN, "peer.ended");
	log_text(&line, "peer", "a\"b\\c\nd\x80");
	log_number(&line, "low", INT64_MIN);
	log_bool(&line, "up", true);
	log_hex(&line, "id", bytes_of("\x01\xab", 2));
	log_end(&line);
	len = catch_end();
	EXPECT(is_one_object(written, len));
	EXPECT(strstr(written,
	              "\"level\":\"warn\",\"process\":\"tester\",\"event\":\"peer.ended\","
	              "\"peer\":\"a\\\"b\\\\c\\u000ad\\u0080\","
	              "\"low\":-9223372036854775808,\"up\":true,\"id\":\"01ab\"}\n") != NULL);
	EXPECT(written[0] == '{' && written[13] == '-' && written[35] == 'Z');
}

static void test_no_line_is_longer_than_its_bound_and_all_stay_json(void)
{
	static char value[3000];
	unsigned cut = 0;

	for (size_t size = 0; size < sizeof(value); size += 7) {
		struct log_line line;
		size_t len;

		memset(value, size % 2 ? 'x' : '"', sizeof(value));
		value[size] = '\0';
		log_open("tester", LOG_INFO);
		catch_begin();
		log_begin(&line, LOG_ERROR, "long");
		log_text(&line, "value", value);
		log_number(&line, "after", 1234567);
		log_text(&line, "after_text", value);
		log_end(&line);
		len = catch_end();
		if (len == 0)
			continue; /* over the rate */
		EXPECT(len <= LOG_LINE_MAX && is_one_object(written, len));
		cut += strstr(written, "\"cut\":true}") != NULL;
	}
	EXPECT(cut > 50);
}

/* Against the C library, over every kind of year; our own needs no time zone file. */
static void test_dates_are_those_of_the_calendar(void)
{
	unsigned compared = 0;

	log_open("tester", LOG_INFO);
	for (int64_t second = 0; second < 9 * INT64_C(1000000000); second += 86400 * 13 + 3607) {
		struct timespec now = {second, 123456000};
		struct log_line line;
		struct tm utc;
		char text[64];

		CHECK(gmtime_r(&now.tv_sec, &utc) != NULL);
		CHECK(strftime(text, sizeof(text), "{\"time\":\"%Y-%m-%dT%H:%M:%S.123456Z\"",
		               &utc) > 0);
		log_begin_at(&line, LOG_INFO, "x", &now);
		EXPECT(memcmp(line.text, text, strlen(text)) == 0);
		compared++;
	}
	EXPECT(compared > 7000);
}

static void test_levels_below_the_lowest_are_not_written(void)
{
	enum log_level level;

	log_open("tester", LOG_WARN);
	catch_begin();
	log_event(LOG_INFO, "quiet");
	EXPECT(catch_end() == 0);
	EXPECT(log_level_of("debug", &level) && level == LOG_DEBUG);
	EXPECT(!log_level_of("loud", &level) && level == LOG_DEBUG);
}

static void test_a_flood_is_bounded_and_counted(void)
{
	struct timespec now, then;
	unsigned lines = 0;

	log_open("tester", LOG_INFO);
	clock_gettime(CLOCK_REALTIME, &now);
	do /* begin with a fresh second, so that the flood lies within one or two */
		clock_gettime(CLOCK_REALTIME, &then);
	while (then.tv_sec == now.tv_sec);
	catch_begin();
	for (unsigned i = 0; i < 5000; i++)
		log_event(LOG_INFO, "flood");
	catch_end();
	for (const char *at = written; *at != '\0'; at++)
		lines += *at == '\n';
	EXPECT(lines >= LOG_LINES_PER_SECOND && lines <= 2 * LOG_LINES_PER_SECOND);
}

int main(void)
{
	RUN(test_an_event_is_one_line_of_json);
	RUN(test_no_line_is_longer_than_its_bound_and_all_stay_json);
	RUN(test_dates_are_those_of_the_calendar);
	RUN(test_levels_below_the_lowest_are_not_written);
	RUN(test_a_flood_is_bounded_and_counted);
	return test_summary();
}
