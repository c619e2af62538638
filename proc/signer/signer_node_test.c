/* What the TPM showed of its two keys is remembered when there is room for it, and told in any case
 * (R2, A25): the attestor's answer comes when it will, also while others have filled the commit
 * that gathers. The test is the attestor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_node.h"

#include "base_check.h"
#include "base_test.h"
#include "ipc_memory.h"
#include "signer.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#define RECORD_LEN (AUTHZ_AK_NAME_LEN + 32)

static const uint8_t record_id[32] = {SIGNER_META_NODE};
static const struct ipc_shape shape = {CALL_STORE_SLOT_BYTES, 16, 0};
static struct ipc_memory memory;
static struct ipc_channel store_channel;
static struct call_start_facts facts;
static struct signer signer = {.facts = &facts};

/* Of the signer's main file; nothing is told here. */
size_t signer_put_certificate(const struct signer *of, uint8_t role, const uint8_t key[32],
                              uint8_t *space, size_t cap)
{
	(void)of;
	(void)role;
	(void)key;
	(void)space;
	(void)cap;
	CHECK(!"a statement is made");
}

/* start asks for an activation. */
static void start(void)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
	CHECK(ipc_memory_lend(&memory, 0, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&store_channel, &shape, &fds, 0) == STATUS_OK);
	signer.store = signer.state.store =
	    signer_store_new(&store_channel, (struct signer_store_hooks){.context = NULL});
	signer_node_reset(&signer);
	signer.node.step = SIGNER_NODE_RECORD;
	signer.node.waiting = CALL_ATTEST_ACTIVATE;
	signer.node.request = 7;
	memset(signer.node.secret, 0x5a, sizeof(signer.node.secret));
}

static void stop(void)
{
	ipc_channel_close(&store_channel);
	ipc_memory_close(&memory);
}

/* hear lets the attestor answer with a secret whose bytes are all `byte`; true when the signer goes
 * on to its statement, without that secret. */
static bool hear(uint8_t byte)
{
	struct {
		struct call_attest_head head;
		uint8_t secret[32];
	} answer = {.head.request = 7};

	memset(answer.secret, byte, sizeof(answer.secret));
	if (signer_node_hear(&signer, CALL_ATTEST_ACTIVATE_ANSWER,
	                     bytes_of(&answer, sizeof(answer))) != STATUS_OK)
		return false;
	memset(answer.secret, 0, sizeof(answer.secret));
	return signer.node.step == SIGNER_NODE_TELL && signer.node.waiting == 0 &&
	       memcmp(signer.node.secret, answer.secret, sizeof(answer.secret)) == 0;
}

static bool is_remembered(void)
{
	return signer_store_writes(signer.store, CALL_STORE_VALUE_META, record_id);
}

static void put(size_t len)
{
	static const uint8_t id[32] = {1}, zeros[CALL_STORE_VALUE_LEN_MAX];
	uint64_t batch;

	CHECK(signer_store_put(signer.store, CALL_STORE_VALUE_GRANT, id, bytes_of(zeros, len),
	                       &batch) == STATUS_OK);
}

/* fill_up_to leaves room for one value of so many bytes. */
static void fill_up_to(size_t left)
{
	const size_t step = CALL_STORE_VALUE_LEN_MAX / 2, row = sizeof(struct call_store_op);
	size_t most = left;

	while (signer_store_room(signer.store, 1, 2 * step))
		put(step);
	while (signer_store_room(signer.store, 1, most + 1))
		most++;
	CHECK(most >= left + row);
	put(most - left - row);
	CHECK(signer_store_room(signer.store, 1, left) &&
	      !signer_store_room(signer.store, 1, left + 1));
}

static void test_what_was_activated_is_remembered_where_there_is_room(void)
{
	start();
	EXPECT(hear(0x5a) && signer.node.activated && is_remembered());
	stop();
	start();
	fill_up_to(SIGNER_RECORD_ROOM(RECORD_LEN));
	EXPECT(hear(0x5a) && signer.node.activated && is_remembered());
	stop();
}

/* The signer was ended by it, and everything with it, had it written all the same. */
static void test_without_room_it_is_told_and_not_remembered(void)
{
	start();
	fill_up_to(SIGNER_RECORD_ROOM(RECORD_LEN) - 1);
	EXPECT(hear(0x5a) && signer.node.activated && !is_remembered());
	stop();
}

static void test_another_secret_proves_nothing(void)
{
	start();
	EXPECT(hear(0x5b) && !signer.node.activated && !is_remembered());
	stop();
}

int main(void)
{
	static const uint8_t share[32] = {1}, second[32] = {2};
	uint8_t deployment[32], sealed_space[256];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space);

	keys_open();
	CHECK(signer_vault_new(&signer.vault) == STATUS_OK);
	CHECK(signer_vault_genesis(signer.vault, share, second, deployment, &sealed) == STATUS_OK);
	signer_state_init(&signer.state, signer.vault);
	RUN(test_what_was_activated_is_remembered_where_there_is_room);
	RUN(test_without_room_it_is_told_and_not_remembered);
	RUN(test_another_secret_proves_nothing);
	return test_summary();
}
