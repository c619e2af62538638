/* hostile_test: every module of policies/hostile, in the real verifier process. Each is refused,
 * stopped or trapped within its fuel, and before and after each the neighbour gets the same answer
 * with the same fuel. Bounds are asserted in fuel; times are told, since a shared machine's vary.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_verifier.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_test.h"
#include "policy_abi.h"
#include "wasm_make.h"

#define FOLDER BUILD_DIR "/tests/hostile/"

/* What must come of a module. */
enum end {
	END_ALLOW,   /* ran and allowed */
	END_DENY,    /* ran and denied */
	END_BAD,     /* ran, and its answer is none: length 0, or without magic or verdict */
	END_TRAP,    /* */
	END_FUEL,    /* */
	END_REFUSED, /* at load */
	END_DIED,    /* must never be */
};

static const struct {
	const char *name;
	enum end end;
	const char *text; /* of the refusal, a part */
} rows[] = {
    {"allow",      END_ALLOW,   NULL               },
    {"liar",       END_ALLOW,   NULL               },
    {"spin",       END_FUEL,    NULL               },
    {"fill",       END_FUEL,    NULL               },
    {"recurse",    END_TRAP,    NULL               },
    {"grow",       END_BAD,     NULL               }, /* denies, without any magic */
    {"trap",       END_TRAP,    NULL               },
    {"divide",     END_TRAP,    NULL               },
    {"outside",    END_TRAP,    NULL               },
    {"wild",       END_ALLOW,   NULL               },
    {"canary",     END_BAD,     NULL               }, /* likewise */
    {"magic",      END_BAD,     NULL               },
    {"lengths",    END_BAD,     NULL               },
    {"two_faced",  END_BAD,     NULL               },
    {"neither",    END_BAD,     NULL               },
    {"smuggle",    END_REFUSED, "imports nothing"  },
    {"clock",      END_REFUSED, "imports nothing"  },
    {"floats",     END_REFUSED, "floating point"   },
    {"start_spin", END_REFUSED, "_initialize"      },
    {"abi",        END_REFUSED, "policy_abi"       },
    {"area",       END_REFUSED, "inside the memory"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct cli_verifier verifier;
static struct cli_verifier_result result;
static uint8_t module_space[LIMIT_MODULE_MAX], neighbour_space[LIMIT_MODULE_MAX];
static struct make made;

static struct bytes read_module(const char *name, uint8_t *space)
{
	char path[512];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), FOLDER "%s.wasm", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = read(fd, space, LIMIT_MODULE_MAX);
	close(fd);
	EXPECT(len > 0);
	return bytes_of(space, len > 0 ? (size_t)len : 0);
}

static enum end end_of(const struct cli_verifier_result *r)
{
	struct policy_answer answer;

	if (r->state == CLI_VERIFIER_DIED)
		return END_DIED;
	if (r->state == CLI_VERIFIER_REFUSED)
		return END_REFUSED;
	if (r->verdict.outcome != CALL_CHECK_RAN)
		return r->verdict.outcome == CALL_CHECK_FUEL ? END_FUEL : END_TRAP;
	if (r->answer.len < sizeof(answer))
		return END_BAD;
	memcpy(&answer, r->answer.data, sizeof(answer));
	if (answer.magic != POLICY_ANSWER_MAGIC || answer.verdict > POLICY_ALLOW)
		return END_BAD;
	return answer.verdict == POLICY_ALLOW ? END_ALLOW : END_DENY;
}

static double run(struct bytes module, struct bytes request)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	cli_verifier_run(&verifier, module, request, CALL_CHECK_WHAT_CHECK, LIMIT_FUEL_PER_CHECK,
	                 &result);
	clock_gettime(CLOCK_MONOTONIC, &after);
	return (double)(after.tv_sec - before.tv_sec) * 1e6 +
	       (double)(after.tv_nsec - before.tv_nsec) / 1e3;
}

static uint64_t neighbour_fuel(void)
{
	static struct bytes neighbour;

	if (neighbour.len == 0)
		neighbour = read_module("allow", neighbour_space);
	(void)run(neighbour, bytes_of_text("request"));
	EXPECT(end_of(&result) == END_ALLOW);
	return result.verdict.fuel_used;
}

static void test_every_hostile_module_ends_as_it_must(void)
{
	uint64_t fuel = neighbour_fuel();
	pid_t pid = verifier.pid;

	EXPECT(fuel > 0);
	for (size_t i = 0; i < ROWS; i++) {
		struct bytes module = read_module(rows[i].name, module_space);
		double us;

		(void)run(module, bytes_of_text("an even request"));
		us = 1e9;
		for (int tries = 0; tries < 5; tries++) { /* loaded by now; other work disturbs */
			double one = run(module, bytes_of_text("an even request"));

			us = one < us ? one : us;
		}
		EXPECT(result.verdict.fuel_used <= LIMIT_FUEL_PER_CHECK);
		if (end_of(&result) != rows[i].end)
			fprintf(stderr, "%s ended as %d\n", rows[i].name, (int)end_of(&result));
		EXPECT(end_of(&result) == rows[i].end);
		if (rows[i].text != NULL) {
			char text[256] = {0};

			memcpy(text, result.text.data,
			       result.text.len < 255 ? result.text.len : 255);
			EXPECT(strstr(text, rows[i].text) != NULL);
		}
		printf("  %-10s %8.1f us, fuel %llu\n", rows[i].name, us,
		       (unsigned long long)result.verdict.fuel_used);
		EXPECT(neighbour_fuel() == fuel); /* M5, M7 */
	}
	EXPECT(verifier.pid == pid);
}

/* The table above and the folder hold the same names. */
static void test_no_hostile_module_is_left_out(void)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;
	size_t found = 0;

	EXPECT(folder != NULL);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char *dot = strstr(entry->d_name, ".wasm");
		bool known = false;

		if (dot == NULL)
			continue;
		*dot = '\0';
		for (size_t i = 0; i < ROWS; i++)
			known |= strcmp(rows[i].name, entry->d_name) == 0;
		EXPECT(known);
		found += known;
	}
	EXPECT(found == ROWS);
	if (folder != NULL)
		closedir(folder);
}

/* M5, A17: the canary looks for what an earlier request left; other modules run in between. */
static void test_a_canary_is_never_found(void)
{
	struct bytes canary = read_module("canary", module_space);

	for (int i = 0; i < 50; i++) {
		static const char *const requests[] = {"user A's request", "user B's"};

		(void)run(canary, bytes_of_text(requests[i % 2]));
		EXPECT(end_of(&result) == END_BAD); /* END_ALLOW: it found something */
		if (i % 5 == 0)
			(void)neighbour_fuel();
	}
}

/* M7: the same module and request in two processes: the same outcome, fuel and answer. */
static void test_two_processes_agree(void)
{
	static struct cli_verifier other;
	static struct cli_verifier_result second;
	unsigned compared = 0;

	EXPECT(cli_verifier_open(&other, BUILD_DIR "/bin/claviger-verifier", false) == STATUS_OK);
	for (size_t i = 0; i < ROWS; i++) {
		struct bytes module = read_module(rows[i].name, module_space);

		(void)run(module, bytes_of_text("odd request"));
		cli_verifier_run(&other, module, bytes_of_text("odd request"),
		                 CALL_CHECK_WHAT_CHECK, LIMIT_FUEL_PER_CHECK, &second);
		EXPECT(result.state == second.state);
		EXPECT(memcmp(&result.verdict, &second.verdict, sizeof(second.verdict)) == 0);
		EXPECT(bytes_equal(result.answer, second.answer));
		compared++;
	}
	EXPECT(compared == ROWS);
	cli_verifier_close(&other);
}

/* What a C compiler does not make: giant tables, wrong magic, lying section lengths (M3). */
static void test_malformed_modules_are_refused_and_the_process_goes_on(void)
{
	static uint8_t code[60000];
	struct bytes good;
	unsigned refused = 0, tried = 0;
	uint64_t fuel = neighbour_fuel();

	(void)run(make_policy(&made, &(struct make_policy){.tables = CODE(1, 0x70, 0, 0xff, 0xff,
	                                                                  0xff, 0xff, 0x0f)}),
	          bytes_of_text("x"));
	EXPECT(end_of(&result) == END_REFUSED);
	(void)run(make_policy(&made, &(struct make_policy){.memories = CODE(1, 1, 0x80, 0x80, 4,
	                                                                    0x80, 0x80, 4)}),
	          bytes_of_text("x"));
	EXPECT(end_of(&result) == END_REFUSED);
	good = make_policy(&made, &(struct make_policy){0});
	for (size_t at = 0; at < good.len; at++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			made.bytes[at] ^= (uint8_t)(1u << bit);
			(void)run(good, bytes_of_text("x"));
			tried++;
			refused += end_of(&result) == END_REFUSED;
			EXPECT(end_of(&result) != END_DIED && end_of(&result) != END_ALLOW);
			made.bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
	printf("  %u of %u modules with one bit flipped were refused, no other allowed\n", refused,
	       tried);
	EXPECT(refused > tried / 2);
	/* a function of 60,000 bytes, all of them drops and constants */
	for (size_t i = 0; i + 3 <= sizeof(code); i += 3)
		memcpy(code + i, "\x41\x00\x1a", 3);
	(void)run(make_policy(&made, &(struct make_policy){.function = BYTES_OF_ARRAY(code)}),
	          bytes_of_text("x"));
	EXPECT(end_of(&result) != END_DIED);
	EXPECT(neighbour_fuel() == fuel);
}

int main(void)
{
	CHECK(cli_verifier_open(&verifier, BUILD_DIR "/bin/claviger-verifier", false) == STATUS_OK);
	RUN(test_every_hostile_module_ends_as_it_must);
	RUN(test_no_hostile_module_is_left_out);
	RUN(test_a_canary_is_never_found);
	RUN(test_two_processes_agree);
	RUN(test_malformed_modules_are_refused_and_the_process_goes_on);
	cli_verifier_close(&verifier);
	return test_summary();
}
