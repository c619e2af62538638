/* policy_told: whether the words made of a table can be read in one way only, and say no less than
 * the table allows (A3, A14, B7).
 *
 * intent_check.h proves that a table can be run. The evaluator makes its texts from the operations
 * that decide; what those texts lean on besides is asked here: names that are names and stand for
 * one thing each, an order in which a limit comes behind what it limits, and places that rest on
 * others before them. Every table of the compiler is so; one made by hand need not be. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TOLD_H
#define POLICY_TOLD_H

#include "policy_parameters.h"

/* policy_told_check takes a table that intent_table_check took, and its schema. */
MUST_USE enum status policy_told_check(struct bytes table, const struct policy_schema *schema,
                                       struct policy_error *ret_error);

#endif
