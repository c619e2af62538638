/* hostile: what the test doubles here share. Each is a policy module that attacks; none ships. The
 * expected end of each stands in tests/wasm/hostile_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "policy_abi.h"

#define EXPORT(name) __attribute__((export_name(#name), visibility("default")))

/* The exchange area, and the answer in it. */
extern uint8_t area[POLICY_AREA_BYTES];
#define ANSWER ((struct policy_answer *)(void *)(area + POLICY_ANSWER_OFFSET))

/* allow answers as a well-behaved policy would that allows everything. */
static inline uint32_t allow(void)
{
	ANSWER->magic = POLICY_ANSWER_MAGIC;
	ANSWER->verdict = POLICY_ALLOW;
	ANSWER->instruction = POLICY_NO_INSTRUCTION;
	return POLICY_ALLOW;
}

/* HOSTILE writes the exports that every policy has; the attack is policy_check. */
#define HOSTILE                                                                                    \
	_Alignas(8) uint8_t area[POLICY_AREA_BYTES];                                               \
	uint32_t policy_abi(void);                                                                 \
	uint32_t policy_io(void);                                                                  \
	uint32_t policy_check(void);                                                               \
	uint32_t policy_describe(void);                                                            \
	EXPORT(policy_abi) uint32_t policy_abi(void)                                               \
	{                                                                                          \
		return POLICY_ABI_VERSION;                                                         \
	}                                                                                          \
	EXPORT(policy_io) uint32_t policy_io(void)                                                 \
	{                                                                                          \
		return (uint32_t)(uintptr_t)area;                                                  \
	}                                                                                          \
	EXPORT(policy_describe) uint32_t policy_describe(void)                                     \
	{                                                                                          \
		return policy_check();                                                             \
	}                                                                                          \
	EXPORT(policy_check) uint32_t policy_check(void)

#endif
