/* verifier: runs one policy module on one request, within limits, and says what came out.
 * Talks to: signer (run a check, load a module). Opens: nothing after phase 1.
 * Holds: modules and one request at a time; no key, no share, no file, no network.
 * If compromised: a wrong verdict for what it is shown; after custom code it is replaced (A17).
 * If it dies: that check is refused, the supervisor starts a new one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proc_start.h"
#include "verifier_answer.h"

/* All memory is here or in the engine's heap, which wasm_host_open takes at once. */
static struct verifier verifier;
static uint8_t message_space[IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES)];
static uint8_t reply_space[IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES)];

static enum status open_engine(struct proc *proc)
{
	const char *engine = proc_setting(proc, "policy_engine");
	enum status status = verifier_cache_open(&verifier.cache, WASM_HEAP_DEFAULT);

	verifier.cache.host.interprets = strcmp(engine, "interpreter") == 0;
	if (status == STATUS_OK && !verifier.cache.host.interprets &&
	    strcmp(engine, "compiled") != 0)
		return STATUS_MALFORMED;
	return status;
}

/* Answers one message; false when the signer broke the rules or there is none. */
static bool serve_one(struct ipc_channel *signer)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(message_space)};
	struct buffer reply = BUFFER_OF_ARRAY(reply_space);
	uint32_t kind;
	enum status s = ipc_take(signer, &message);

	if (s == STATUS_CONFLICT)
		ipc_acknowledge(signer);
	if (s != STATUS_OK)
		return s == STATUS_CONFLICT;
	s = verifier_answer(&verifier, message.kind, buffer_bytes(&message.payload),
	                    ipc_window_read(signer), &kind, &reply);
	if (s != STATUS_OK) {
		ipc_complain(signer, IPC_COMPLAINT_BROKEN);
		return false;
	}
	/* One reply for one message, and the rings have equal length: a full one is the signer's
	 * doing, and a lost answer is a refusal there. */
	return ipc_put(signer, kind, buffer_bytes(&reply)) == STATUS_OK;
}

static int serve(struct proc *proc)
{
	struct ipc_channel *signer = proc_channel(proc, PROC_signer, 0);

	proc_report_ready(proc);
	while (!proc_stopping()) {
		while (serve_one(signer))
			;
		(void)ipc_wait_near(&proc->waiter, signer, 100 * 1000);
	}
	return 0;
}

const struct proc_body proc_body = {.open = open_engine, .serve = serve};
