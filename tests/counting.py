"""What a test counts: each expectation that held or did not, and the last line that tools/test adds up."""
# SPDX-License-Identifier: Apache-2.0
PASSED = FAILED = 0


def expect(what, holds, *shown):
    """Counts one; tells what failed, with what was seen."""
    global PASSED, FAILED
    PASSED, FAILED = PASSED + bool(holds), FAILED + (not holds)
    if not holds:
        print("FAIL", what, *shown)


def summary(least=1):
    """The last line; the exit status, which is no success either when fewer than `least` were tried."""
    print("%d passed, %d failed" % (PASSED, FAILED))
    return 1 if FAILED or PASSED < least else 0
