/* signer_check: the signer's verifiers: which is free, which has which module, what came back.
 *
 * A run is bound to its ticket: 32 random bytes that only this request knows. An answer counts only
 * when ticket, module hash and request hash are those that were sent (M6). One run is in flight per
 * verifier, and one more waits in its ring, so that it is never idle between two.
 *
 * A verifier that does not answer within SIGNER_CHECK_LATE_MS is complained about and replaced; one
 * that ran custom code is replaced before it serves another user (A17). Custom code of one user may
 * run there again without a replacement.
 *
 * Anybody can have code looked at that no grant names: to add a module, or to be told what a grant
 * would say. That is *on trial*: it has one verifier at a time, whoever asks, so that all others
 * stay for what was granted (A25). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_CHECK_H
#define SIGNER_CHECK_H

#include "call_check.h"
#include "ipc_channel.h"
#include "proc_topology.h"

#define SIGNER_CHECK_DEPTH    64   /* runs given to one verifier at a time: its ring's slots */
#define SIGNER_CHECK_LATE_MS  1000 /* wall clock backstop behind the fuel limit */
/* After code on trial its verifier is replaced when so long none of the same request has come. */
#define SIGNER_CHECK_TRIAL_MS 200

/* How a run ended. */
enum signer_check_end {
	SIGNER_CHECK_ANSWERED = 1, /* the module returned: answer area present */
	SIGNER_CHECK_TRAPPED,
	SIGNER_CHECK_OUT_OF_FUEL,
	SIGNER_CHECK_REFUSED, /* module refused by the pre-check, or does not fit: text */
	SIGNER_CHECK_LOST,    /* the verifier died, lied or was late */
};

struct signer_check_result {
	enum signer_check_end end;
	uint64_t fuel;
	struct bytes answer; /* ANSWERED: as the module left it; the verifier may have made it up */
	struct bytes text;   /* REFUSED: why */
	struct bytes schema; /* MODULE_LOADED only, see signer_check_run.learn */
};

/* One run, in the owner's storage until `done` was called. */
struct signer_check_run {
	void *owner;
	void (*done)(void *owner, const struct signer_check_result *result);
	/* Copies the module's bytes into the window: OK, STATUS_BUSY (not loaded yet: called
	 * again), or another status: the run is lost. */
	enum status (*module)(void *owner, const uint8_t hash[32], struct buffer *window);
	uint8_t ticket[32];
	uint8_t module_hash[32];
	uint8_t user[32]; /* whose custom code; zero for a known module */
	bool custom;
	bool trial; /* custom code that no grant names yet */
	bool learn; /* load the module and return its schema; run nothing */
	enum call_check_what what;
	uint64_t fuel;
	struct bytes request; /* exchange area */
	uint8_t request_hash[32];
	/* private */
	bool wants_module, sent_module, loaded;
	uint64_t started_ms;
};

struct signer_check;

/* signer_check_new allocates (phase 1). Channels are borrowed for ever. */
struct signer_check *signer_check_new(struct ipc_channel *const *channels, size_t count);

/* signer_check_begin gives a run to a verifier; STATUS_BUSY when all are full. */
MUST_USE enum status signer_check_begin(struct signer_check *pool, struct signer_check_run *run,
                                        uint64_t now_ms);

/* signer_check_pump takes answers, calls `done`, delivers modules, ends late verifiers. */
void signer_check_pump(struct signer_check *pool, uint64_t now_ms);

/* signer_check_near is the channel of the one verifier whose verdict is about to come; NULL when
 * none is, or when there are several. */
struct ipc_channel *signer_check_near(const struct signer_check *pool);
/* signer_check_is_brief is true when no run in flight may take longer than code that ships does:
 * none is custom code's, and none has its module still to be loaded. */
bool signer_check_is_brief(const struct signer_check *pool);

#endif
