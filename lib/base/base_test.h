/* base_test: what a unit test needs. A test is a plain main that runs functions named as sentences.
 *
 *   static void test_take_u32_refuses_three_bytes(void) { ...; EXPECT(x == y); }
 *   int main(void) { RUN(test_take_u32_refuses_three_bytes); return test_summary(); }
 *
 * test_summary prints "N passed, N failed" and fails a run in which nothing was expected. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <stdio.h>

static unsigned test_expectations;
static unsigned test_broken;
static unsigned test_run;
static unsigned test_run_failed;

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		test_expectations++;                                                               \
		if (!(cond)) {                                                                     \
			test_broken++;                                                             \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);       \
		}                                                                                  \
	} while (0)

#define RUN(function)                                                                              \
	do {                                                                                       \
		unsigned before_ = test_broken, had_ = test_expectations;                          \
		function();                                                                        \
		test_run++;                                                                        \
		if (test_broken != before_ || test_expectations == had_) {                         \
			test_run_failed++;                                                         \
			fprintf(stderr, "FAIL %s%s\n", #function,                                  \
			        test_expectations == had_ ? " (expected nothing)" : "");           \
		}                                                                                  \
	} while (0)

static inline int test_summary(void)
{
	printf("%u passed, %u failed (%u expectations)\n", test_run - test_run_failed,
	       test_run_failed, test_expectations);
	return test_run_failed != 0 || test_run == 0;
}

#endif
