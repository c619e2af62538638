/* signer_change: what comes through the authority: changes, credentials, commands, questions.
 *
 * The signer verifies every signature itself and renders every text itself; the authority adds
 * nothing (A4). One request is worked on at a time, in plain sequence: where it has to wait it
 * calls signer_turn, so signing goes on. Once its records are in a batch it waits among those whose
 * commit is not durable yet (signer_group.h), and the next request is worked on. What raises power
 * takes effect after its commit is durable; what lowers it takes effect at once and is acknowledged
 * when durable.
 *
 * What a refused or cancelled change uses up. Numbers that only name or order things (batches,
 * versions of a wallet, modules that were ever on offer, an operator's serials) are not given back:
 * they have 64 bits, and a million a second last for half a million years. What is few (places of a
 * commit's group, of lowered records and of changes that wait, writes of the TPM, places of
 * modules) is taken in the step in which a change is put into its batch (signer_take_write), so one
 * that is refused took none; what was taken of a minute's budget (births, credentials, modules)
 * comes back with time. Of one that waited and was cancelled its place is free at once, its
 * modules' with the next sweep (signer_sweep.h), and the factors that it brought stay, at most
 * LIMIT_KEPT_PER_DAY a day and wallet (U4). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_CHANGE_H
#define SIGNER_CHANGE_H

#include "authz_answer.h"
#include "authz_change.h"
#include "authz_envelope.h"
#include "authz_statement.h"
#include "authz_text.h"
#include "policy_answer.h"
#include "policy_intent.h"
#include "policy_known.h"
#include "signer.h"
#include "signer_budget.h"
#include "signer_history.h"

/* From when it came: before the bridge gives its client up (BRIDGE_ANSWER_MS), who then hears what
 * became of it, and whose place is free again. */
#define SIGNER_CHANGE_DEADLINE_MS       4500
/* A request that waits for something itself gives way after this: to what takes power away, which
 * has more time itself before it gives way to another one, and to questions. */
#define SIGNER_CHANGE_GIVES_WAY_MS      250
#define SIGNER_CHANGE_LESS_MS           1000
#define SIGNER_CHANGE_LETS_QUESTIONS_MS 1000
#define SIGNER_LISTS_MAX                (512u << 10) /* bytes of lists of wallets that one change writes */
#define SIGNER_STORED_MAX               (1u << 20) /* and of new modules */
#define SIGNER_ANSWER_WAIT_MS           2000 /* for an authority that does not take its answers */

/* Why a request was refused: a code of call_result and a sentence. */
struct signer_refusal {
	enum call_result result;
	char text[240];
};

struct signer_change {
	uint64_t request; /* to be answered; 0: nobody waits, or it is answered later */
	uint64_t came_ms, began_ms;
	bool less;         /* it takes power away, or shows what would */
	bool acts_at_once; /* whatever commits wait */
	bool is_beside;    /* a change of one of its wallets was on its way when it was looked up */
	uint8_t
	    completes[32]; /* hash of the change that had waited and is carried out; zeros: none */
	bool left_receipt; /* of an export: it says that the key was handed over */
	uint8_t user[32]; /* who signed: whose share of writes and places it takes; zeros: all those
	                   * who need be nobody's user yet, together */
	struct signer_budget credentials, births, enrolls;
	struct signer_shared_budget modules;
	struct signer_judgement judgement; /* of approvals that an operator sent */
	struct signer_store_item item;
	uint8_t run_user[32]; /* of this request: custom code is alone with it (A17) */
	struct signer_refusal refusal;
	struct authz_signed_change given;
	struct authz_change change;
	struct signer_factors factors; /* what was given with it */
	struct authz_wallet_record wallets[LIMIT_CHANGE_WALLETS_MAX];
	struct authz_shown shown[LIMIT_CHANGE_WALLETS_MAX];
	struct authz_grant_record grant; /* being made or changed */
	struct authz_lease_record lease;
	struct authz_client_record client;
	struct authz_birth birth;
	struct policy_schema schema;
	struct policy_atas atas;
	_Alignas(8) uint8_t record[LIMIT_PARAMETERS_MAX];
	_Alignas(8) uint8_t area[POLICY_REQUEST_MAX];
	struct policy_decision decision;
	struct signer_check_run run;
	bool run_done;
	enum signer_check_end run_end;
	uint8_t learned[LIMIT_SCHEMA_MAX]; /* schema of a module, or text of its refusal */
	size_t learned_len;
	struct buffer module; /* bytes of the module being added or granted (signer_module.h) */
	uint8_t module_hash[32];
	struct buffer stored;    /* as it is kept */
	uint8_t shared_hash[32]; /* of what intents of this build share */
	uint8_t known_hash[32];  /* the intent that was asked for last ... */
	char known_name[40];     /* ... and its name; "": none */
	bool known_gives;        /* it allows that token accounts are given away (A20) */
	struct buffer texts;     /* module texts of this change, and escape copies */
	struct buffer description, signed_text, other_text, answer, message;
	struct buffer late;  /* a change that waited */
	struct buffer lists; /* of wallets, to be put with the change: signer_list_for */
	size_t list_count;
	struct signer_history history; /* what is kept of it */
	struct signer *signer;
};

struct signer_change *signer_change_new(struct signer *signer);

/* signer_change_request works one REQUEST message off and answers it. */
void signer_change_request(struct signer *signer, struct bytes message);

/* Parts, in their own files. Each returns OK with `job->answer` filled, or a status with
 * `job->refusal` set. */
enum status signer_refuse(struct signer_change *job, enum call_result result, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));
enum status signer_await_wallet(struct signer_change *job, const uint8_t id[32],
                                struct signer_wallet **ret_wallet);
enum status signer_await_client(struct signer_change *job, const uint8_t id[32],
                                struct signer_client **ret_client);
enum status signer_await_grant(struct signer_change *job, const uint8_t id[32],
                               struct signer_grant **ret_grant);
/* signer_await_left: what is left of each limit of a wallet that is pinned; damage is
 * STATUS_CORRUPT. */
enum status signer_await_left(struct signer_change *job, const struct signer_wallet *wallet,
                              uint64_t ret_left[LIMIT_WALLET_LIMITS_MAX]);
enum status signer_await_factor(struct signer_change *job, const uint8_t id[32],
                                struct signer_factor **ret_factor);
enum status signer_await_pending(struct signer_change *job, const uint8_t hash[32],
                                 struct signer_blob **ret_pending);
enum status signer_await_index(struct signer_change *job, uint32_t kind, const uint8_t key[32],
                               uint8_t ret_id[32]);
/* signer_await_user finds the list of a user key's wallets; damage is STATUS_CORRUPT. */
enum status signer_await_user(struct signer_change *job, const uint8_t hash[32],
                              struct signer_blob **ret_list);
/* signer_await_blob waits for any look-up of a blob. */
typedef enum status signer_look_up(struct signer_state *state, const uint8_t id[32],
                                   struct signer_blob **ret_blob);
enum status signer_await_blob(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                              const uint8_t id[32], struct signer_blob **ret_blob);
/* signer_await_list asks the store which records of a kind have ids above `after` (zeros: all), the
 * first AUTHZ_CLIENTS_MAX of them, ascending: its word, to be proven one by one. `*ret_more`: there
 * are others behind the last. */
enum status signer_await_list(struct signer_change *job, uint32_t kind, const uint8_t after[32],
                              uint8_t ret_ids[AUTHZ_CLIENTS_MAX][32], size_t *ret_count,
                              bool *ret_more);
/* signer_await_room waits until the gathering batch takes this, and what is kept of the change;
 * signer_await_commit until it is durable. */
enum status signer_await_room(struct signer_change *job, size_t ops, size_t bytes);
enum status signer_await_commit(struct signer_change *job, uint64_t batch);
/* signer_await_receipts waits until receipts can be written: what gives power asks for it first
 * (R4).
 */
enum status signer_await_receipts(struct signer_change *job);
/* signer_await_keep waits until receipts that are to go are deleted. */
enum status signer_await_keep(struct signer_change *job);
/* signer_ask_of says for whom, and how urgently, what the change lowers asks for places and a
 * write: beyond his share it goes with the next one. */
struct signer_ask signer_ask_of(struct signer_change *job);
/* signer_await_holds waits until that many records more can be held, if a write is coming that
 * makes place; else refused. signer_refuse_held says so. */
enum status signer_await_holds(struct signer_change *job, size_t count);
enum status signer_refuse_held(struct signer_change *job);
/* signer_demand_write refuses what gives power while no write is left for it, for its user, or no
 * place to wait for it. */
enum status signer_demand_write(struct signer_change *job);
/* signer_take_write is the first part of the step, without a turn in it, in which a change is put
 * into the gathering batch: place and write are taken, for its user, and what it was signed with is
 * used. Then come its records, then signer_group_add. All that takes turns is done before. */
enum status signer_take_write(struct signer_change *job);
/* signer_take_user: whose share a change takes: the wallet's user; what gives power and what takes
 * it apart, so that who stole one factor uses up the latter alone. Those who come with a wallet's
 * first key are one user: anybody can have new keys. */
void signer_take_user(struct signer_change *job);
/* signer_has_expired tells whether what somebody signed has ended: for sure, where it takes power
 * away, for a time_high that ran ahead is no reason to leave a thief his power; perhaps, where it
 * does not. */
bool signer_has_expired(struct signer_change *job, uint64_t expires_s, bool lowers);
/* signer_need_module has a module's bytes in job->module: one that is kept or on offer; else
 * refused. */
enum status signer_need_module(struct signer_change *job, const uint8_t hash[32]);
/* signer_read_record reads a record of a fixed length as those before this change leave it: one
 * that waits for the TPM holds up nobody else's (A25). One that is absent, or of another length,
 * leaves `ret_record` as it is. */
enum status signer_read_record(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                               const uint8_t id[32], void *ret_record, size_t len);
/* signer_keep_named collects what the change's grants name for the first time, modules and pinned
 * lookup tables, to be kept as their user's share with the change (nothing, of another change);
 * refused where there is no room for it. */
enum status signer_keep_named(struct signer_change *job);
/* signer_named_room is what they take of a batch, in SIGNER_NAMED_OPS for each entry and
 * SIGNER_NAMED_OPS_ALL more; signer_put_named puts them there. */
#define SIGNER_NAMED_OPS     2
#define SIGNER_NAMED_OPS_ALL (3 + 2 * LIMIT_TABLE_PINS_MAX)
size_t signer_named_room(const struct signer_change *job);
void signer_put_named(struct signer_change *job);
/* signer_table_owner is the id under which a kept table's owner stands; a module's is its hash. */
void signer_table_owner(const uint8_t hash[32], uint8_t ret_id[32]);
/* signer_learn_module runs the pre-check on a stored or given module and learns its schema. */
enum status signer_learn_module(struct signer_change *job, const uint8_t hash[32]);
/* signer_known_module gives the name of a module that runs our code alone: one that ships, or an
 * intent (the evaluator with a table); NULL for custom code. It lives until the next call. Refused
 * where the module cannot be looked at now: what was not looked at is called neither. */
enum status signer_known_module(struct signer_change *job, const uint8_t hash[32],
                                const char **ret_name);
/* signer_module_kind says whose word the text of a module is that is known, or not. */
enum authz_module_kind signer_module_kind(bool is_known, const uint8_t hash[32]);
/* signer_describe renders the description of job->change; wallets must be loaded. */
enum status signer_describe(struct signer_change *job);
/* signer_apply carries out a verified change and fills the answer. */
enum status signer_apply(struct signer_change *job);
/* signer_show_caps puts what a grant's caps are now into job->shown: its text says what they are
 * raised from, so that a raise that waited is done for the caps that it was signed for alone. */
MUST_USE enum status signer_show_caps(struct signer_change *job);
/* signer_limit_grows tells whether a LIMIT makes any cap larger. */
enum status signer_limit_grows(struct signer_change *job, bool *ret_grows);
/* What its files share of carrying out: the wallet's next version; records with less power, in
 * force now. */
void signer_advance(struct signer_change *job, struct authz_wallet_record *wallet);
enum status signer_lower_wallets(struct signer_change *job);
/* signer_set_limits gives the wallet's record its new limits; those that it had go on counting. */
void signer_set_limits(struct authz_wallet_record *wallet, const struct authz_counter_rule *limits,
                       size_t count);
/* signer_count_unheld: how many places the change needs where it takes power: records that are held
 * have one. */
size_t signer_count_unheld(struct signer_change *job);
/* signer_demand_settled refuses what gives power when a change of one of its wallets was on its way
 * to be durable while it was looked at. */
enum status signer_demand_settled(struct signer_change *job);
/* signer_load_wallets loads the records of the change's wallets into job->wallets. */
enum status signer_load_wallets(struct signer_change *job);
/* Changes that wait (signer_pending.c). _begin keeps a verified change for its delay; _complete
 * carries one out whose time has come; _cancel takes it out of the wallet's list. */
enum status signer_pending_begin(struct signer_change *job);
enum status signer_pending_complete(struct signer_change *job, struct bytes payload);
enum status signer_pending_cancel(struct signer_change *job);
/* signer_pending_opens is the earliest time at which a waiting change may be completed, as far as
 * is known now: it moves on while no signer runs. */
uint64_t signer_pending_opens(struct signer *signer, const struct authz_pending_entry *entry);
enum status signer_pending_query(struct signer_change *job, const struct authz_query *query);
/* What signer_apply does for each action, in files of their own. */
enum status signer_apply_birth(struct signer_change *job);
enum status signer_apply_grant(struct signer_change *job);
enum status signer_apply_unfreeze(struct signer_change *job);
enum status signer_apply_limit(struct signer_change *job);
enum status signer_apply_factor(struct signer_change *job);
enum status signer_apply_export(struct signer_change *job);
/* signer_export_again seals the key of an export that was done, for the same recipient. */
enum status signer_export_again(struct signer_change *job);
/* signer_change_turn is one turn of everything else; false, and refused, when it takes too long. */
bool signer_change_turn(struct signer_change *job);
/* signer_list_for adds those wallets of the change that know the key, as a user key or the recovery
 * key, to the list that its owner asks for, in job->lists. Lists are a service; one that is long or
 * damaged stays as it is. `agreed`: the key signed, or was registered, for it; what
 * others name it for is a list of its own, so that nobody fills up another one's. */
enum status signer_list_for(struct signer_change *job, const struct authz_user_key *key,
                            bool agreed);
/* signer_lists_room is what job->lists takes of a batch; signer_put_lists puts them there. */
size_t signer_lists_room(const struct signer_change *job);
void signer_put_lists(struct signer_change *job);
/* signer_list_hash is the id of such a list. */
void signer_list_hash(const struct authz_user_key *key, bool agreed, uint8_t ret_hash[32]);
/* signer_count_kept counts so many records that the change leaves for good against each wallet's
 * budget of the day; refused when it is spent. */
enum status signer_count_kept(struct signer_change *job, size_t records);
/* signer_check_apply refuses a change that waits what would be refused when its time has come, as
 * far as that can be known; the job's wallets are as they would be then. */
enum status signer_check_apply(struct signer_change *job);
enum status signer_check_grant(struct signer_change *job);
enum status signer_check_limit(struct signer_change *job);
enum status signer_check_factor(struct signer_change *job);
enum status signer_check_export(struct signer_change *job);
/* signer_answer_time: {} asks what time it is known to be, and for a nonce; a time key's statement
 * is heard first. */
enum status signer_answer_time(struct signer_change *job, struct bytes payload);
/* signer_demand_room refuses what does not take power away while the store is full: the rest of it
 * is for that. */
enum status signer_demand_room(struct signer_change *job);
/* signer_demand_time refuses what gives power while the time is not known (T4). */
enum status signer_demand_time(struct signer_change *job);
/* signer_add_module has a module's schema learned and puts it on offer. */
enum status signer_add_module(struct signer_change *job, struct bytes payload);
/* signer_is_operator: whether an ed25519 key is one of the site's operators. */
bool signer_is_operator(struct signer *signer, const uint8_t key[32]);
/* signer_session_key is whose a session for reading is; NULL: it has ended. */
const struct authz_user_key *signer_session_key(const struct signer *signer,
                                                const uint8_t secret[32]);
enum status signer_add_credential(struct signer_change *job, struct bytes payload);
/* signer_install has what an operator's command names put on the appliance's data disk, for the
 * next start: a site manifest that changes no more than may be changed from afar, or approvals,
 * which the unsealer then checks. Each operator has a rate of these. */
enum status signer_install(struct signer_change *job, struct bytes payload);
/* signer_keep_serial makes the serial of the operator's command durable, by a write of his share:
 * before what he sends is put, so that no start takes the command once more. */
enum status signer_keep_serial(struct signer_change *job);
enum status signer_obey_operator(struct signer_change *job, struct bytes payload);
enum status signer_answer_query(struct signer_change *job, struct bytes payload);
/* signer_answer_topic answers for a key that was verified. */
enum status signer_answer_topic(struct signer_change *job, const struct authz_query *query);

#endif
