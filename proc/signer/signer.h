/* signer: the process's parts, put together. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_H
#define SIGNER_H

#include "call_change.h"
#include "call_channel.h"
#include "call_export.h"
#include "call_start.h"
#include "proc_start.h"
#include "secret.h"
#include "signer_anchor.h"
#include "signer_approvals.h"
#include "signer_budget.h"
#include "signer_ceiling.h"
#include "signer_check.h"
#include "signer_factor.h"
#include "signer_node.h"
#include "signer_receipt.h"
#include "signer_sign.h"
#include "signer_state.h"
#include "signer_store.h"
#include "signer_time.h"
#include "signer_update.h"
#include "signer_vault.h"

#define SIGNER_OPERATORS_MAX AUTHZ_OPERATORS_MAX

struct signer_change;
struct signer_group;
struct signer_export;
struct signer_keep;
struct signer_waiting;

struct signer {
	struct proc *proc;
	struct ipc_channel *bridge, *authority, *store_channel, *unsealer, *attestor;
	struct signer_vault *vault;
	struct signer_store *store;
	struct signer_state state;
	struct signer_check *check;
	struct signer_receipts *receipts;
	struct signer_sign *sign;
	struct signer_time time;
	struct signer_time_settings time_settings;
	uint8_t host[16];               /* boot id of the kernel; zero: not known */
	uint64_t step_ms, mark_ms;      /* when a step of the time, and marks, were last written */
	uint8_t time_state;             /* as last said in the log */
	struct signer_ceiling ceiling;  /* of each client: settings */
	struct signer_waiting *waiting; /* requests from the authority */
	struct signer_change *change;   /* of the one that is worked on */
	struct signer_group *group;     /* those before it whose commit is not durable yet */
	struct signer_export *export;
	struct signer_anchor anchor;
	struct signer_keep *keep;
	struct signer_backup *backup;
	struct signer_sweep *sweep;
	struct signer_decisions *decisions;
	struct secret_page facts_page;
	struct call_start_facts *facts; /* in that page; the share is wiped after use */

	bool unsealed; /* keys are there, the store is verified */
	bool ready;    /* the boot record is durable: serving */
	bool stopping;
	bool frozen; /* an operator froze everything: in force; as it is to be, in totals */
	uint64_t frozen_batch; /* that makes it durable */
	size_t operator_count;
	uint8_t operators[SIGNER_OPERATORS_MAX][32];
	uint64_t operator_serials[SIGNER_OPERATORS_MAX];     /* of the last command of each */
	struct signer_budget installs[SIGNER_OPERATORS_MAX]; /* by each, in this boot */
	struct authz_relying relying; /* where passkeys may be used: settings */
	bool bound_exports;           /* those that sign an export must not be copyable */
	uint64_t code_floor;          /* one-time codes of steps up to this one are not taken */
	struct signer_session sessions[SIGNER_SESSIONS_MAX];
	bool told_secret; /* in a slot for the authority: to be wiped when it has taken it */
	uint8_t deployment[32];
	uint64_t boot;
	struct authz_checkpoint checkpoint; /* as last written */
	struct signer_totals {
		uint64_t wallets, grants, clients;
		bool frozen; /* an operator froze everything */
	} totals, begun;     /* begun: of the last anchored batch that began, and all before it */
	uint8_t certificate[CALL_TLS_CERTIFICATE_MAX]; /* of the bridge's TLS, DER */
	size_t certificate_len;
	uint8_t chain[CALL_TLS_PEM_MAX]; /* a CA's, that an operator brought */
	size_t chain_len;                /* 0: none */
	bool chain_read;
	struct call_bridge_certificate chain_asked; /* the bridge, about this one */
	bool chain_judged;                          /* and it has answered */
	uint8_t authority_key[32];
	bool has_authority;
	struct signer_node node;
	struct signer_update update;
	struct signer_judgement *judging; /* that the attestor was asked for; NULL: none */
	uint64_t judge_request;
	struct ipc_message bridge_in, authority_in, attestor_in;
	bool bridge_told;
	bool later_told;   /* to the bridge, since its last request */
	bool near_missed;  /* a verdict that was about to come did not */
	uint64_t tpm_told; /* writes, and refusals of them, that the bridge knows of */
	uint64_t time_told_ms;
	struct call_store_fill fill_told;
	unsigned fill_level; /* 1: nearly full, 2: full, as it was logged last */
	uint64_t now_ms;
	/* The start and the stop (signer_boot.c). */
	uint64_t recover_at, recover_end; /* cursors of receipts' blobs */
	bool recovering, recover_failed;
	/* What a deployment that never began has left in the streams goes first: steps still to be
	 * done, and up to where. */
	unsigned discards;
	uint64_t discard_to[CALL_STORE_STREAM_COUNT];
	bool took_back; /* the very first commit, which was not anchored */
	bool recovers;  /* from a store that the site accepted in the TPM's place */
	int boot_code;  /* of proc_boot.h, when the unsealer said why there is no share; else 0 */
	uint64_t boot_batch, stop_batch, stop_ms;
	uint64_t end_ms; /* an operator wants the machine to end: from then on we stop ... */
	int end_code;    /* ... with this status: PROC_EXIT_RESTART, PROC_EXIT_OFF; else 0 */
	bool checkpoint_hashed;
	uint8_t checkpoint_hash[32];
};

/* signer_turn is one pass over everything but the authority's requests, then a short wait when
 * nothing is there: what a change in progress calls while it waits for store or verifier. */
void signer_turn(struct signer *signer);

/* signer_put_certificate writes a channel certificate of this boot and returns its length; CHECKs
 * the room. */
size_t signer_put_certificate(const struct signer *signer, uint8_t role, const uint8_t key[32],
                              uint8_t *space, size_t cap);

#endif
