/* S8, O9: whoever sits at the appliance's serial line neither stops its log nor writes into it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "supervisor.h"

#define PATIENCE_MS 30000
#define LINE        "{\"event\":\"ready\"}\r\n" /* as a terminal shows it */

/* The line's two ends, with the settings that a kernel gives a terminal. */
static void open_line(int *ret_person, int *ret_console)
{
	struct termios usual;

	CHECK(openpty(ret_person, ret_console, NULL, NULL, NULL) == 0);
	CHECK(tcgetattr(*ret_console, &usual) == 0);
	usual.c_iflag |= IXON | ICRNL;
	usual.c_lflag |= ISIG | ICANON | ECHO;
	usual.c_cflag = (usual.c_cflag | CREAD | CRTSCTS) & ~(tcflag_t)CLOCAL;
	CHECK(cfsetspeed(&usual, B9600) == 0 && tcsetattr(*ret_console, TCSANOW, &usual) == 0);
}

/* shown is what the person sees of a line that is logged. */
static size_t shown(int person, int console, char *space, size_t cap)
{
	struct pollfd wait = {.fd = person, .events = POLLIN};
	size_t len = 0;

	CHECK(fcntl(console, F_SETFL, O_NONBLOCK) == 0);
	(void)!write(console, LINE, sizeof(LINE) - 3);
	(void)!write(console, "\n", 1);
	while (len < sizeof(LINE) - 1 && poll(&wait, 1, PATIENCE_MS) == 1) {
		ssize_t got = read(person, space + len, cap - len);

		CHECK(got > 0);
		len += (size_t)got;
	}
	return len;
}

static void test_a_person_at_the_console_neither_stops_nor_writes_the_log(void)
{
	char seen[256];
	int person, console;

	open_line(&person, &console);
	supervisor_deafen(console);
	CHECK(write(person, "root\x13", 5) == 5);
	EXPECT(shown(person, console, seen, sizeof(seen)) == sizeof(LINE) - 1 &&
	       memcmp(seen, LINE, sizeof(LINE) - 1) == 0);
	close(person);
	close(console);
}

static void test_a_console_has_the_firmwares_speed_and_waits_for_no_signal_of_the_line(void)
{
	struct termios now;
	int person, console;

	open_line(&person, &console);
	supervisor_deafen(console);
	CHECK(tcgetattr(console, &now) == 0);
	EXPECT(cfgetospeed(&now) == B115200 && cfgetispeed(&now) == B115200);
	EXPECT((now.c_cflag & CRTSCTS) == 0 && (now.c_cflag & CLOCAL) != 0);
	EXPECT(now.c_iflag == 0 && now.c_lflag == 0);
	close(person);
	close(console);
}

static void test_what_is_no_terminal_stays_as_it_is(void)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	supervisor_deafen(ends[1]);
	EXPECT(write(ends[1], "x", 1) == 1);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	RUN(test_a_person_at_the_console_neither_stops_nor_writes_the_log);
	RUN(test_a_console_has_the_firmwares_speed_and_waits_for_no_signal_of_the_line);
	RUN(test_what_is_no_terminal_stays_as_it_is);
	return test_summary();
}
