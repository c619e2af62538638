/* call_result: how a request ended, one list for all: the signer answers with it, HTTP maps it to a
 * status, the Vault dialect and the command line print its code, metrics and receipts count it.
 *
 * Zero is an internal failure, so zeroed memory never reads as success. A row below 500 promises
 * that nothing was signed and nothing was counted; `retryable` says whether the same bytes may
 * succeed later without anybody changing anything. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_RESULT_H
#define CALL_RESULT_H

#include <stdbool.h>
#include <stdint.h>

/* Rows: name, code that people and programs see, HTTP status, retryable, text. Never reuse a code.
 */
#define CALL_RESULT_LIST(ROW)                                                                      \
	ROW(INTERNAL, "internal", 500, false, "an internal check failed; nothing was signed")      \
	ROW(SIGNED, "signed", 200, false, "signed")                                                \
	ROW(ALLOWED, "allowed", 200, false, "a policy allows it; dry run, nothing was signed")     \
	ROW(DONE, "done", 200, false, "done")                                                      \
	/* The request itself. */                                                                  \
	ROW(REQUEST_MALFORMED, "request_malformed", 400, false, "the request is not understood")   \
	ROW(FIELD_UNKNOWN, "field_unknown", 400, false, "the request has an unknown field")        \
	ROW(BYTES_MALFORMED, "bytes_malformed", 400, false,                                        \
	    "the bytes are neither a transaction nor an off-chain message")                        \
	ROW(BYTES_AMBIGUOUS, "bytes_ambiguous", 400, false, "the bytes can be read as two kinds")  \
	ROW(KIND_MISMATCH, "kind_mismatch", 400, false,                                            \
	    "a transaction where a message was named, or the other way round")                     \
	ROW(NOT_A_SIGNER, "not_a_signer", 400, false,                                              \
	    "the wallet is not among the required signers")                                        \
	ROW(NAME_REFUSED, "name_refused", 400, false,                                              \
	    "a name has letters, digits, '_' and '-' and is no address")                           \
	ROW(UNSUPPORTED, "unsupported", 400, false, "not offered here")                            \
	ROW(PATH_UNKNOWN, "path_unknown", 404, false, "no such path")                              \
	ROW(NOT_FOUND, "not_found", 404, false,                                                    \
	    "nothing of that name or number is visible to you")                                    \
	ROW(METHOD_REFUSED, "method_refused", 405, false, "this path does not take this method")   \
	ROW(REQUEST_TIMEOUT, "request_timeout", 408, false, "the request came too slowly")         \
	ROW(CONFLICT, "conflict", 409, false,                                                      \
	    "the state is no longer what the request was made for")                                \
	ROW(BODY_TOO_LARGE, "body_too_large", 413, false,                                          \
	    "the body is larger than this path takes")                                             \
	ROW(MEDIA_REFUSED, "media_refused", 415, false, "the body must be application/json")       \
	ROW(EXPECT_REFUSED, "expect_refused", 417, false, "this Expect is not understood")         \
	ROW(HEADERS_TOO_LARGE, "headers_too_large", 431, false, "the header section is too large") \
	/* Credentials and authority. An unknown wallet and a foreign one give one answer (U6). */ \
	ROW(TOKEN_MISSING, "token_missing", 401, false, "no client token was sent")                \
	ROW(TOKEN_REFUSED, "token_refused", 401, false, "the client token is unknown or expired")  \
	ROW(CLIENT_FROZEN, "client_frozen", 403, false, "this client is frozen")                   \
	ROW(WALLET_FROZEN, "wallet_frozen", 403, false, "this wallet is frozen")                   \
	ROW(NO_GRANT, "no_grant", 403, false,                                                      \
	    "no live grant lets this client use a wallet of that name")                            \
	ROW(GRANT_EXPIRED, "grant_expired", 403, false, "the grant has expired")                   \
	ROW(GRANT_NOT_YET, "grant_not_yet", 403, true, "the grant is not valid yet")               \
	ROW(GRANT_REVOKED, "grant_revoked", 403, false, "the grant was revoked")                   \
	ROW(GRANT_USED_UP, "grant_used_up", 403, false, "all uses of the grant are spent")         \
	/* Decisions. */                                                                           \
	ROW(POLICY_DENIED, "policy_denied", 422, false, "every live grant's policy denied it")     \
	ROW(POLICY_TRAPPED, "policy_trapped", 422, false, "the policy module trapped")             \
	ROW(POLICY_OUT_OF_FUEL, "policy_out_of_fuel", 422, false, "the policy ran out of fuel")    \
	ROW(CAP_EXCEEDED, "cap_exceeded", 422, false, "it would pass a cap of the grant")          \
	ROW(NONCE_REFUSED, "nonce_refused", 422, false, "no grant allows this durable nonce")      \
	ROW(FLOOR_REFUSED, "floor_refused", 422, false,                                            \
	    "an instruction that is never signed, whatever a policy says")                         \
	ROW(TEXT_RESERVED, "text_reserved", 422, false,                                            \
	    "messages that begin with \"Claviger \" are never signed for a client")                \
	ROW(IDEMPOTENCY_MISMATCH, "idempotency_mismatch", 422, false,                              \
	    "this Idempotency-Key was used with another request")                                  \
	ROW(BATCH_ABORTED, "batch_aborted", 422, false,                                            \
	    "another request of this atomic batch was refused")                                    \
	ROW(CHANGE_REFUSED, "change_refused", 422, false, "the change was refused")                \
	/* Budgets. */                                                                             \
	ROW(WINDOW_SPENT, "window_spent", 429, true, "the window's cap is spent for now")          \
	ROW(LEASE_DRY, "lease_dry", 429, true, "the counter's lease must be renewed first")        \
	ROW(SHARE_SPENT, "share_spent", 429, true, "this client's share of the machine is spent")  \
	/* Not able to decide, or to sign; never "maybe signed". */                                \
	ROW(SEALED, "sealed", 503, true, "the signer has not been unsealed yet")                   \
	ROW(OVERLOADED, "overloaded", 503, true, "too many requests at once")                      \
	ROW(STOPPING, "stopping", 503, true, "the signer is stopping")                             \
	ROW(VERIFIER_FAILED, "verifier_failed", 503, true,                                         \
	    "the verifier was lost during the check")                                              \
	ROW(STORE_UNAVAILABLE, "store_unavailable", 503, true, "the store does not answer")        \
	ROW(STORE_CORRUPT, "store_corrupt", 503, false, "the wallet's record fails its check")     \
	ROW(RECEIPTS_FULL, "receipts_full", 503, true, "no room for a receipt")                    \
	ROW(TIME_UNPROVEN, "time_unproven", 503, true,                                             \
	    "it needs proof of the time, and there is none (claviger time)")                       \
	/* The signer did not answer in time: it may have signed; the same bytes again are safe.   \
	 */                                                                                        \
	ROW(NO_ANSWER, "no_answer", 504, true,                                                     \
	    "no answer in time; sending the same bytes again counts once")                         \
	/* Receipts hold these numbers: what came later stands at the end. */                      \
	ROW(CLIENT_CEILING, "client_ceiling", 403, false,                                          \
	    "this client went past a ceiling of the site and is frozen until an operator looks")   \
	ROW(WALLET_CAP_EXCEEDED, "wallet_cap_exceeded", 422, false,                                \
	    "it would pass a limit of the wallet, over all its grants")                            \
	ROW(WALLET_WINDOW_SPENT, "wallet_window_spent", 429, true,                                 \
	    "a limit of the wallet, over all its grants, is spent for now")

enum call_result {
#define CALL_RESULT_NAME(name, code, status, retryable, text) CALL_RESULT_##name,
	CALL_RESULT_LIST(CALL_RESULT_NAME)
#undef CALL_RESULT_NAME
	    CALL_RESULT_COUNT
};

/* call_result_code returns the code's text ("policy_denied"); "internal" for an unknown number. */
const char *call_result_code(enum call_result result);
/* call_result_text returns one sentence for a person. */
const char *call_result_text(enum call_result result);
/* call_result_http returns the HTTP status; 500 for an unknown number. */
unsigned call_result_http(enum call_result result);
/* call_result_retryable says whether the same request may succeed later by itself. */
bool call_result_retryable(enum call_result result);

#endif
