/* api_parts: what the files of api share among themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_PARTS_H
#define API_PARTS_H

#include "api.h"

#define API_JSON    "application/json"
#define API_PROBLEM "application/problem+json"
#define API_TEXT    "text/plain; charset=utf-8"

/* api_body_begin makes room for the head and returns where the body goes. */
struct api_text api_body_begin(struct api_exchange *exchange);
/* api_body_end completes the response with its head; when the body did not fit it becomes an
 * internal failure. */
void api_body_end(struct api_exchange *exchange, struct api_context *context,
                  const struct api_text *text, unsigned status, const char *content_type,
                  unsigned retry_after_ms);

/* api_put_refusal writes a problem document (or, in Vault's dialect, its errors), with what the
 * signer's answer adds; `answer` and `detail` may be NULL. */
void api_put_refusal(struct api_text *text, enum api_dialect dialect, enum call_result result,
                     const char *detail, const struct call_sign_answer *answer);
/* api_put_problem_members writes the members of a problem document without braces. */
void api_put_problem_members(struct api_text *text, enum call_result result, const char *detail,
                             const struct call_sign_answer *answer);

/* api_detail formats a sentence for the refusal of this request, cut to fit, and returns it. */
const char *api_detail(struct api_exchange *exchange, const char *format, struct bytes text);

/* api_parse_body parses the JSON body; false when it refused. */
bool api_parse_body(struct api_exchange *exchange, struct api_context *context,
                    struct json_value *ret_root);
/* api_take_members is json_take_members that refuses by itself. */
bool api_take_members(struct api_exchange *exchange, struct api_context *context,
                      struct json_value object, const char *const *names, size_t count,
                      struct json_value *ret_values);

/* api_take_cursor takes the query's cursor, 0 when there is none, and refuses any name that is not
 * in the list; false when it refused. */
bool api_take_cursor(struct api_exchange *exchange, struct api_context *context,
                     const char *const *names, size_t count);

/* api_allowed_methods is what a 405 names; of a path that there is. */
const char *api_allowed_methods(const struct api_exchange *exchange);

void api_begin_sign(struct api_exchange *exchange, struct api_context *context);
void api_begin_batch(struct api_exchange *exchange, struct api_context *context);
void api_begin_vault_sign(struct api_exchange *exchange, struct api_context *context);
void api_begin_export(struct api_exchange *exchange, struct api_context *context);
void api_begin_changes(struct api_exchange *exchange, struct api_context *context);
void api_begin_evidence(struct api_exchange *exchange, struct api_context *context);
void api_begin_beacons(struct api_exchange *exchange, struct api_context *context);
/* api_take_beacon_time finds the archived evidence that ?at= asks for; false when it refused. */
bool api_take_beacon_time(struct api_exchange *exchange, struct api_context *context,
                          struct bytes *ret_evidence);
void api_begin_unseal(struct api_exchange *exchange, struct api_context *context);
void api_begin_floor(struct api_exchange *exchange, struct api_context *context);
void api_begin_machine(struct api_exchange *exchange, struct api_context *context);
void api_begin_local(struct api_exchange *exchange, struct api_context *context);

/* api_put_native_item writes the answer to one item of the native API: {...}. */
unsigned api_put_native_item(struct api_text *text, struct api_context *context,
                             const struct api_item *item, const struct call_sign_answer *answer,
                             const char *detail, bool in_batch);
/* api_put_vault_item writes Vault's whole answer to one input, or one of its batch_results. */
unsigned api_put_vault_item(struct api_text *text, const struct api_item *item,
                            const struct call_sign_answer *answer, const char *detail,
                            bool in_batch);
/* api_put_status writes the signer's state: {...}. */
void api_put_status(struct api_text *text, const struct api_context *context,
                    const struct call_export_status *status);
/* api_put_machine writes what an operator sees of the machine: {...}. */
void api_put_machine(struct api_text *text, const struct api_context *context,
                     const struct call_export_status *status);
void api_begin_page(struct api_exchange *exchange, struct api_context *context);
/* api_put_wallet writes a wallet with this client's grants: {...}. */
void api_put_wallet(struct api_text *text, const struct call_export_answer *answer);
/* api_take_events writes the next piece of a stream, with its head when it is the first one. */
void api_take_events(struct api_exchange *exchange, struct api_context *context,
                     const struct call_export_answer *answer);
/* api_end_events writes its last one. */
void api_end_events(struct api_exchange *exchange, enum call_result result);
/* api_put_reason writes what one grant said: {...}. */
void api_put_reason(struct api_text *text, const struct call_reason *reason);
/* api_put_vault_head and _tail write what stands around `data` in every answer of Vault. */
void api_put_vault_head(struct api_text *text);
void api_put_vault_tail(struct api_text *text);
/* api_vault_status is the HTTP status of a refusal in this dialect. */
unsigned api_vault_status(enum call_result result);
/* api_put_vault_error writes the one line of a refusal as a quoted string. */
void api_put_vault_error(struct api_text *text, enum call_result result, const char *detail,
                         const struct call_sign_answer *answer);

#endif
