/* cli_parameters: a policy's parameters from a TOML file, `name = value`, as a grant's CBOR values.
 *
 * Addresses are base58 texts, lists are arrays. Names that the module does not know are refused, so
 * that a misspelt limit is no missing limit. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PARAMETERS_H
#define CLI_PARAMETERS_H

#include <stdio.h>

#include "policy_parameters.h"

/* cli_parameters_read appends the CBOR map to `ret_values`; on failure `ret_message` has a sentence
 * for people, with line and column where the file is no TOML. */
MUST_USE enum status cli_parameters_read(const char *path, const struct policy_schema *schema,
                                         struct buffer *ret_values, char *ret_message,
                                         size_t message_cap);

/* cli_parameters_json is the same for values as JSON text; `path` is what messages call them. */
MUST_USE enum status cli_parameters_json(const char *path, struct bytes json,
                                         const struct policy_schema *schema,
                                         struct buffer *ret_values, char *ret_message,
                                         size_t message_cap);

/* cli_parameters_write writes a record's values as TOML, `name = value` with `between` between
 * them; the record must be one of this schema (policy_record_encode). */
void cli_parameters_write(FILE *file, const struct policy_schema *schema, struct bytes record,
                          const char *between);

#endif
