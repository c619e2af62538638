/* authz_statement_fuzz: the input is the body of a statement by a key of ours, so that what lies
 * behind the signature check is reached: what opens, put again, is the same body. And unsigned
 * input never opens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_node.h"
#include "authz_receipt.h"
#include "authz_signed.h"
#include "authz_statement.h"
#include "base_check.h"
#include "cbor_reader.h"

/* Where version and deployment end and the key of who speaks stands: a map head, 1: 1, 2: h'32',
 * 3: head of 32 bytes. */
#define SPEAKER_AT 41

static uint8_t body_space[AUTHZ_BIRTH_MAX], scratch_space[AUTHZ_BIRTH_MAX + 64],
    signed_space[AUTHZ_BIRTH_MAX + 256], again_space[AUTHZ_BIRTH_MAX + 256];
static struct keys_sign_key key;
static struct authz_birth birth;

/* speak wraps the input as a statement under a label. */
static struct bytes speak(const char *label, struct bytes input)
{
	struct buffer scratch = BUFFER_OF_ARRAY(scratch_space), out = BUFFER_OF_ARRAY(signed_space);

	CHECK(authz_signed_put(label, input, &key, &scratch, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

#define ROUND_TRIP(label, open, put_again)                                                         \
	do {                                                                                       \
		struct buffer again = BUFFER_OF_ARRAY(again_space);                                \
		struct bytes spoken = speak(label, input);                                         \
		if ((open) == STATUS_OK) {                                                         \
			CHECK((put_again) == STATUS_OK);                                           \
			CHECK(bytes_equal(buffer_bytes(&again), spoken));                          \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = {1};
	const uint8_t *public_key = keys_sign_public(&key);
	struct authz_credential credential;
	struct authz_command command;
	struct authz_query query;
	struct authz_time time;
	struct authz_install install;
	struct authz_certificate certificate;
	struct authz_head head;
	struct authz_node node;
	struct bytes input = bytes_of(body_space, size);

	/* What is no CBOR at all opens as little; signing it would only take time. */
	if (size > AUTHZ_NODE_MAX || cbor_check(bytes_of(data, size)) != STATUS_OK)
		return 0;
	keys_sign_from_seed(seed, &key);
	CHECK(authz_credential_open(bytes_of(data, size), &credential) != STATUS_OK);
	CHECK(authz_birth_answer_open(bytes_of(data, size), public_key, &birth) != STATUS_OK);
	memcpy(body_space, data, size);
	ROUND_TRIP("claviger/channel/v1", authz_certificate_open(spoken, public_key, &certificate),
	           authz_certificate_put(&certificate, &key, &again));
	ROUND_TRIP("claviger/head/v1", authz_head_open(spoken, public_key, &head),
	           authz_head_put(&head, &key, &again));
	ROUND_TRIP("claviger/birth/v1", authz_birth_answer_open(spoken, public_key, &birth),
	           birth.count == 0 ? buffer_put(&again, spoken)
	                            : authz_birth_answer_put(&birth, &key, &again));
	CHECK(authz_node_open(bytes_of(data, size), &node) != STATUS_OK);
	if (authz_install_take(input, &install) == STATUS_OK) {
		struct buffer again = BUFFER_OF_ARRAY(again_space);

		CHECK(authz_install_put(&install, &again) == STATUS_OK &&
		      bytes_equal(buffer_bytes(&again), input));
	}
	if (size >= SPEAKER_AT + 32)
		memcpy(body_space + SPEAKER_AT, public_key, 32);
	ROUND_TRIP("claviger/node/v1", authz_node_open(spoken, &node),
	           authz_node_put(&node, &key, &again));
	ROUND_TRIP("claviger/credential/v1", authz_credential_open(spoken, &credential),
	           authz_credential_put(&credential, &key, &again));
	ROUND_TRIP("claviger/operator/v1", authz_command_open(spoken, &command),
	           authz_command_put(&command, &key, &again));
	ROUND_TRIP("claviger/query/v1", authz_query_open(spoken, &query),
	           authz_query_put(&query, &key, &again));
	ROUND_TRIP("claviger/time/v1", authz_time_open(spoken, &time),
	           authz_time_put(&time, &key, &again));
	return 0;
}
