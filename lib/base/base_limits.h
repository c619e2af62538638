/* base_limits: every bound on what comes from outside, once: name, value, why.
 * A module's own fixed sizes (key lengths ...) stand in its header. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define LIMIT_TX_LEGACY_MAX                                                                        \
	1232                       /* bytes on the wire of legacy and v0: one IPv6 packet (Solana) \
	                            */
#define LIMIT_TX_V1_MAX       4096 /* bytes on the wire of v1 (SIMD-0296) */
#define LIMIT_MESSAGE_MAX     4096 /* longest message that is ever signed: v1 less its signatures */
#define LIMIT_MODULE_MAX      262144 /* bytes of a WASM module (spec/policy-abi.md) */
#define LIMIT_PARAMETERS_MAX  8192   /* bytes of a grant's parameters, as CBOR and as record */
#define LIMIT_SCHEMA_MAX      8192   /* bytes of a module's parameter schema */
#define LIMIT_DESCRIPTION_MAX 16384  /* bytes of a text shown to a person */
#define LIMIT_CHANGE_MAX                                                                           \
	65536 /* bytes of one sealed change (a bulk of wallets under one signature) */
#define LIMIT_CHANGE_WALLETS_MAX 64 /* wallets under one signature */
#define LIMIT_USER_KEYS_MAX      8  /* user keys of one wallet */
#define LIMIT_PENDING_MAX        8  /* changes of one wallet that wait for their time */
#define LIMIT_KEPT_PER_DAY       64 /* records that one wallet's changes leave for good in a day */
#define LIMIT_CHANGED_PER_DAY                                                                      \
	16777216 /* bytes of one wallet's changes that are kept in a day: some 16,000 of them */
#define LIMIT_INVITED_MAX 64      /* wallets listed for a key that had no say in it */
#define LIMIT_DELAY_MAX_S 2592000 /* 30 days: the longest delay that a user may set */
#define LIMIT_GRANTS_PER_CLIENT_MAX                                                                \
	16                              /* live grants per wallet and client: all are tried (A25)  \
	                                 */
#define LIMIT_GRANTS_PER_WALLET_MAX 64  /* live grants per wallet over all clients */
#define LIMIT_COUNTERS_MAX          16  /* counters of one grant */
#define LIMIT_WALLET_LIMITS_MAX     8   /* limits of one wallet, over all its grants */
#define LIMIT_NAME_MAX              64  /* bytes of a wallet's or client's name [A-Za-z0-9_-]+ */
#define LIMIT_TOKEN_MAX             128 /* bytes of a client's token as text */
#define LIMIT_TABLE_PINS_MAX        8   /* lookup tables pinned by one grant */
#define LIMIT_FUEL_PER_CHECK        500000  /* fuel of one policy check: 0.25-0.5 ms (S13) */
#define LIMIT_FUEL_PER_DESCRIPTION  4000000 /* fuel of one text for people: seldom, a few ms */
#define LIMIT_FUEL_PER_REQUEST      1000000 /* fuel of all grants tried for one request */

#define LIMIT_MODULES_MAX 131072 /* modules that one deployment keeps (A25) ... */
#define LIMIT_MODULE_BYTES_MAX                                                                     \
	(UINT64_C(2) << 30)         /* ... and bytes of them as stored, an eighth of both          \
	                             * for one user; on a data disk half of the state's place */
#define LIMIT_MODULES_OF_USER 8     /* that eighth */
#define LIMIT_MODULES_OFFERED 256   /* added, and named by no grant yet: who has most gives way */
#define LIMIT_CLIENTS_MAX     65536 /* clients of one deployment */
#define LIMIT_CLIENT_WALLETS_MAX                                                                   \
	256                    /* different wallets of one client in a minute, where counted */
#define LIMIT_VERIFIERS_MAX 16 /* processes that run policies */
#define LIMIT_TIME_KEYS_MAX 7  /* of who says what time it is (spec/time.md) */
#define LIMIT_MODULES_PER_MINUTE                                                                   \
	60 /* modules put on offer, over all; twice that at once, half of it one party */
#define LIMIT_CREDENTIALS_PER_MINUTE                                                               \
	240 /* clients' credentials, new and rotated; twice that at once */
#define LIMIT_BIRTHS_PER_MINUTE                                                                    \
	600 /* changes that create or import, of 64 wallets each; twice that at once */

#define LIMIT_EVENT_LOG_MAX 131072 /* bytes of the firmware's event log: some boards fill 60 KB */
#define LIMIT_EVIDENCE_MAX  196608 /* bytes of one piece of evidence, log and certificates in it */
#define LIMIT_NONCES_MAX    256    /* nonces in one request for evidence */

#define LIMIT_HTTP_BODY_MAX       24576  /* bytes of a request for one signature, hints included */
#define LIMIT_HTTP_LARGE_BODY_MAX 557056 /* bytes of a batch, or of a sealed change as base64 */

#endif
