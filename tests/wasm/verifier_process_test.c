/* verifier_process_test: the real claviger-verifier over a real ring, as the command line tool and
 * (with the signer in the tool's place) the product run it: shared memory is all it is given (S14).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_verifier.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_test.h"
#include "policy_abi.h"
#include "wasm_make.h"

#define EXECUTABLE BUILD_DIR "/bin/claviger-verifier"

static struct cli_verifier verifier;
static struct make made;
static struct cli_verifier_result result;

static bool opens(void)
{
	return cli_verifier_open(&verifier, EXECUTABLE, false) == STATUS_OK;
}

static void run(const struct make_policy *p)
{
	cli_verifier_run(&verifier, make_policy(&made, p), bytes_of_text("request!"),
	                 CALL_CHECK_WHAT_CHECK, LIMIT_FUEL_PER_CHECK, &result);
}

/* Verdict allow, and 1 returned. */
#define ANSWER (1024 + POLICY_ANSWER_OFFSET)
#define AT(n)  (0x80 | ((n)&0x7f)), (0x80 | ((n) >> 7 & 0x7f)), ((n) >> 14 & 0x7f)
#define ALLOW  0x41, AT(ANSWER + 4), 0x41, 1, 0x36, 2, 0, 0x41, 1

static void test_a_module_runs_in_its_own_process(void)
{
	EXPECT(opens());
	run(&(struct make_policy){.check = CODE(ALLOW)});
	EXPECT(result.state == CLI_VERIFIER_ANSWERED);
	EXPECT(result.verdict.outcome == CALL_CHECK_RAN);
	EXPECT(result.answer.len == sizeof(struct policy_answer));
	EXPECT(result.answer.len >= 8 && load_le32(result.answer.data + 4) == POLICY_ALLOW);
	cli_verifier_close(&verifier);
}

/* M1 to M3: each refused, stopped or trapped, and the process is there for the next one. */
static void test_hostile_modules_do_not_end_the_process(void)
{
	const struct {
		struct make_policy policy;
		enum cli_verifier_state state;
		uint32_t outcome;
	} cases[] = {
	    {{.check = CODE(0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 1)},
	     CLI_VERIFIER_ANSWERED,	                                              CALL_CHECK_FUEL},
	    {{.check = CODE(0x00)},                               CLI_VERIFIER_ANSWERED, CALL_CHECK_TRAP},
	    {{.check = CODE(0x10, 2)},                            CLI_VERIFIER_ANSWERED, CALL_CHECK_TRAP},
	    {{.imports = CODE(1, 1, 'm', 1, 'f', 0, 0)},          CLI_VERIFIER_REFUSED,  0              },
	    {{.start = CODE(0)},	                          CLI_VERIFIER_REFUSED,  0              },
	    {{.initialize = CODE(0x00)},                          CLI_VERIFIER_REFUSED,  0              },
	};
	pid_t pid;

	EXPECT(opens());
	pid = verifier.pid;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run(&cases[i].policy);
		EXPECT(result.state == cases[i].state);
		EXPECT(result.verdict.outcome == cases[i].outcome);
		EXPECT(result.state != CLI_VERIFIER_REFUSED || result.text.len > 10);
		run(&(struct make_policy){.check = CODE(ALLOW)});
		EXPECT(result.answer.len == sizeof(struct policy_answer));
	}
	EXPECT(verifier.pid == pid);
	cli_verifier_close(&verifier);
}

/* Killed while it runs: a clear failure, and a new one can be had at once. */
static void test_a_killed_verifier_is_a_clear_failure(void)
{
	EXPECT(opens());
	kill(verifier.pid, SIGKILL);
	run(&(struct make_policy){.check = CODE(ALLOW)});
	EXPECT(result.state == CLI_VERIFIER_DIED && verifier.pid == 0);
	run(&(struct make_policy){.check = CODE(ALLOW)});
	EXPECT(result.state == CLI_VERIFIER_DIED);
	EXPECT(opens());
	run(&(struct make_policy){.check = CODE(ALLOW)});
	EXPECT(result.state == CLI_VERIFIER_ANSWERED);
	cli_verifier_close(&verifier);
}

/* What no signer sends: the verifier says so in its header and answers nothing. */
static void test_a_forbidden_message_is_complained_about(void)
{
	EXPECT(opens());
	EXPECT(ipc_put(&verifier.channel, 99, bytes_of_text("x")) == STATUS_OK);
	for (int i = 0; i < 60000; i++) {
		if (ipc_memory_complaint(&verifier.memory, 1) != IPC_COMPLAINT_NONE)
			break;
		usleep(1000);
	}
	EXPECT(ipc_memory_complaint(&verifier.memory, 1) == IPC_COMPLAINT_BROKEN);
	cli_verifier_close(&verifier);
}

static void test_a_missing_executable_is_told(void)
{
	EXPECT(cli_verifier_open(&verifier, BUILD_DIR "/bin/no-such", false) == STATUS_NOT_FOUND);
}

/* P9: far more modules than the heap holds, largest memories: each loads and runs, the process
 * neither grows past its heap nor asks the kernel for more (seccomp would kill it). */
static void test_many_large_modules_come_and_go(void)
{
	unsigned loaded = 0;
	pid_t pid;

	EXPECT(opens());
	pid = verifier.pid;
	for (unsigned i = 0; i < 300; i++) {
		const struct make_policy big = {.memories = CODE(1, 1, 32, 32),
		                                .check = CODE(0x41, (uint8_t)(i & 0x3f), 0x1a, 0x41,
		                                              (uint8_t)(i >> 6), 0x1a, ALLOW)};

		run(&big);
		loaded += result.state == CLI_VERIFIER_ANSWERED &&
		          result.verdict.outcome == CALL_CHECK_RAN;
	}
	EXPECT(loaded == 300 && verifier.pid == pid);
	cli_verifier_close(&verifier);
}

int main(void)
{
	RUN(test_a_module_runs_in_its_own_process);
	RUN(test_hostile_modules_do_not_end_the_process);
	RUN(test_a_killed_verifier_is_a_clear_failure);
	RUN(test_a_forbidden_message_is_complained_about);
	RUN(test_a_missing_executable_is_told);
	RUN(test_many_large_modules_come_and_go);
	return test_summary();
}
