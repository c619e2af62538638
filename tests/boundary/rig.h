/* rig: real signer, store and verifier in their sandboxes, started by the supervisor's own code;
 * the test is bridge, authority, unsealer and attestor, honest or not. No TPM: it brings the node
 * share itself, and keeps the anchor and the boot counter as one would. One rig per test program.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RIG_H
#define RIG_H

#include "authz_change.h"
#include "authz_statement.h"
#include "call_attest.h"
#include "call_change.h"
#include "call_channel.h"
#include "call_sign.h"
#include "skewed_clock.h"
#include "supervisor.h"

#define RIG_TOKEN_LEN     64
#define RIG_VERIFIERS_MAX 2
#define RIG_NO_CAP        UINT64_MAX /* a grant without counter */

struct rig {
	struct supervisor supervisor;
	struct ipc_channel bridge, authority, unsealer, attestor; /* the ends that the test holds */
	/* The test is the store, too: this is called whenever the rig waits. NULL: the real one. */
	void (*serve_store)(struct rig *rig);
	struct ipc_channel store; /* its end */
	/* The same of the verifiers, and why the signer had the last one replaced. */
	void (*serve_verifier)(struct rig *rig);
	struct ipc_channel verifiers[RIG_VERIFIERS_MAX];
	unsigned verifier_count; /* 0: one */
	unsigned replaced;       /* how often the signer asked for that */
	enum ipc_complaint complaint;
	uint8_t node_share[32];
	uint8_t anchor[32];     /* what a TPM would have; kept from start to start */
	uint8_t checkpoint[32]; /* SHA-256 of the one that it stands for */
	const uint8_t *accepts; /* the site accepts the store of this one, whatever the anchor */
	bool accepts_other_anchor, accepts_other_boot; /* but it said so of others */
	uint64_t boots, extends;
	bool holds_anchor; /* the TPM does not answer: nothing is acknowledged */
	uint64_t holds_at; /* from this many extends on; 0: not */
	bool loses_anchor; /* the TPM extends, and the answer never comes: the power goes there */
	struct call_attest_judged judged; /* what it says of any approvals */
	enum status judge_status;
	uint64_t
	    info_asked; /* the signer's question about the TPM, for the test to answer; 0: none */
	size_t judged_bytes; /* of the last ones */
	bool hardware; /* the TPM says that it is none of software: its writes have a budget */
	uint8_t deployment[32];
	uint8_t deployment_key[32];
	uint8_t channel[32]; /* the signer's, of this boot */
	uint64_t boot;
	uint64_t next_id;
	uint64_t tpm_clock_ms;        /* what the TPM's clock says at a start */
	struct skewed_clocks *clocks; /* of the machine; NULL: as they are */
	char programs[64];            /* the folder that they stand in; empty: build/bin */
	const char *setting;          /* one more of the supervisor's, "name=value"; NULL: none */
	uint8_t kept_chain[CALL_TLS_PEM_MAX]; /* that the signer gave the bridge at a start */
	size_t kept_chain_len;
	struct bytes site; /* its manifest: the signer runs as the appliance's; empty: as another */
	uint8_t site_key[64];
	int64_t patience_us; /* that rig_ask has for a change; 0: the usual one */
	/* Contents of the lookup tables that the next changes' grants pin. */
	size_t table_count;
	struct authz_table_contents tables[LIMIT_TABLE_PINS_MAX];
	char refusal[256]; /* code and text of the last refused change */
};

/* A user with a wallet, a client that may use it, and what was signed to get there. */
struct rig_world {
	struct keys_sign_key user, client;
	uint8_t wallet[32], address[32], authority[32]; /* authority: the wallet's hash now */
	uint8_t module[32];
	uint8_t client_id[32];
	uint8_t schema[LIMIT_SCHEMA_MAX];
	size_t schema_len;
	char token[RIG_TOKEN_LEN + 1];
	uint8_t recipient[32];
	size_t limit_count; /* that the wallet is born with */
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX];
	uint64_t cap;    /* of its grant, lamports in total; 0: 3,000,000 */
	uint8_t window;  /* of that cap; 0: in total */
	bool uses_nonce; /* its grant names the nonce account */
	uint8_t nonce_account[32];
};

/* rig_start starts all on a state folder; `genesis` for an empty one. CHECKs. */
void rig_start(struct rig *rig, const char *state_dir, bool genesis);
/* rig_try is rig_start without genesis where the signer may refuse: false when it ended instead of
 * serving; all is stopped then. */
bool rig_try(struct rig *rig, const char *state_dir);
/* rig_skew has the next starts use a signer whose clocks the test sets (rig->clocks): all of this
 * rig's programs then stand in `folder`/bin. CHECKs. */
void rig_skew(struct rig *rig, const char *folder);
/* rig_pass lets time pass for that signer, on all of its clocks; rig_now_s is what its system's
 * clock says. */
void rig_pass(struct rig *rig, int64_t seconds);
uint64_t rig_now_s(const struct rig *rig);
/* rig_stop kills all of it; rig_end has the signer end in order before that, as when the machine is
 * switched off. */
void rig_stop(struct rig *rig);
/* rig_copy has `to` hold what the folder `from` holds, and nothing else: a disk put aside, or back.
 */
void rig_copy(const char *from, const char *to);
void rig_end(struct rig *rig);

/* rig_child finds a process of it. */
struct supervisor_child *rig_child(struct rig *rig, enum proc_role role);
/* rig_link finds a channel's memory. */
struct supervisor_link *rig_link(struct rig *rig, enum proc_channel_id id);
/* rig_is_alive is true while the process has not ended. */
bool rig_is_alive(struct rig *rig, enum proc_role role);

/* rig_renew lets the far end that the test holds be replaced, after a complaint, as the supervisor
 * does; `far` is the end of the channel `id`. */
void rig_renew(struct rig *rig, enum proc_channel_id id, struct ipc_channel *far);

/* rig_renew_store is that for the store that the test is: a new, empty channel, as after a restart.
 */
void rig_renew_store(struct rig *rig);

/* rig_replace kills store or verifier and starts the next one, as the supervisor does. */
void rig_replace(struct rig *rig, enum proc_role role);

/* rig_take waits for one message, at most `timeout_us`; STATUS_BUSY when none came. Meanwhile it
 * replaces the verifier when the signer asks for that. */
enum status rig_take(struct rig *rig, struct ipc_channel *channel, struct ipc_message *message,
                     int64_t timeout_us);

/* rig_ask sends one request as the authority and takes its answer. STATUS_OK or STATUS_REFUSED as
 * the signer says (rig->refusal), STATUS_BUSY without an answer, STATUS_IO when it complained. */
enum status rig_ask(struct rig *rig, uint32_t kind, struct bytes payload,
                    struct buffer *ret_answer);

/* rig_module_add adds a module as the key's owner; NULL: as nobody. */
enum status rig_module_add(struct rig *rig, const struct keys_sign_key *key, struct bytes module,
                           struct buffer *ret_answer);

/* rig_send sends one request and does not wait; its id. rig_hear takes the next answer, of
 * whichever request: its status as of rig_ask, STATUS_BUSY when none came within `timeout_us`. */
uint64_t rig_send(struct rig *rig, uint32_t kind, struct bytes payload);
enum status rig_hear(struct rig *rig, int64_t timeout_us, uint64_t *ret_id,
                     struct buffer *ret_answer);

/* rig_sign sends one request as the bridge and takes its answer; false without one. The answer's
 * runs borrow from the rig until the next call. */
bool rig_sign(struct rig *rig, struct call_sign_request *request,
              struct call_sign_answer *ret_answer);

/* rig_sign_request fills a request for the world's wallet and client. */
struct call_sign_request rig_sign_request(const struct rig_world *world, struct bytes message);

/* rig_transfer_message writes a legacy message: `from` pays `to`. */
void rig_transfer_message(const uint8_t from[32], const uint8_t to[32], uint64_t lamports,
                          uint8_t tag, struct buffer *out);

/* rig_nonce_message is the same with a durable nonce: the world's wallet advances its account. */
void rig_nonce_message(const struct rig_world *world, uint64_t lamports, const uint8_t nonce[32],
                       struct buffer *out);

/* rig_prepare fills in the change's text: asks for it, and puts its hash into the change. */
enum status rig_prepare(struct rig *rig, struct authz_change *change, struct buffer *ret_change,
                        struct buffer *ret_description);

/* rig_change makes a change honestly: prepares it, signs it with `key`, submits it. */
enum status rig_change(struct rig *rig, struct authz_change *change,
                       const struct keys_sign_key *key, struct buffer *ret_answer);
/* rig_change_make prepares and signs it, to be submitted later. */
enum status rig_change_make(struct rig *rig, struct authz_change *change,
                            const struct keys_sign_key *key, struct buffer *ret_signed);
/* rig_change_of is rig_change with `count` keys: those of factors first, then those that consent.
 */
enum status rig_change_of(struct rig *rig, struct authz_change *change,
                          const struct keys_sign_key *const *keys, size_t count,
                          struct buffer *ret_answer);

/* rig_import makes an IMPORT of one wallet honestly: seals the seed for the signer, signs, submits.
 */
enum status rig_import(struct rig *rig, struct authz_change *change,
                       const struct keys_sign_key *key, const uint8_t seed[32],
                       struct buffer *ret_answer);

/* rig_import_sealed submits an IMPORT that was prepared, with keys sealed by the caller. */
enum status rig_import_sealed(struct rig *rig, const struct authz_change *change,
                              struct bytes prepared, struct bytes text,
                              const struct keys_sign_key *key, struct bytes sealed,
                              struct buffer *ret_answer);

/* rig_change_begin fills a change of one entry. */
struct authz_change rig_change_begin(const struct rig *rig, const struct rig_world *world,
                                     enum authz_action action, struct bytes body);

/* rig_wallet is what the signer tells the wallet's user of it, until the next call; NULL when the
 * query is refused. */
const struct authz_wallet_record *rig_wallet(struct rig *rig, const struct rig_world *world);

/* rig_wallet_refresh asks for the wallet's authority hash; false when the query is refused. */
bool rig_wallet_refresh(struct rig *rig, struct rig_world *world);

/* rig_grant_body writes a grant of the transfer policy for a client: at most 1,000,000 lamports a
 * transaction to the world's recipient, the world's cap in total. */
void rig_grant_body(const struct rig_world *world, const uint8_t client[32], struct buffer *out);

/* rig_credential adds a client of its own with a token. */
void rig_credential(struct rig *rig, const struct keys_sign_key *client,
                    char token[RIG_TOKEN_LEN + 1]);

/* rig_world_make makes module, wallet, client and grant, all as an honest user would. CHECKs. */
void rig_world_make(struct rig *rig, struct rig_world *world, const char *name);

#endif
