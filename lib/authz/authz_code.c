/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_code.h"

#include "base_check.h"
#include "secret.h"

static const char code_label[] = "claviger/code/v1", enroll_label[] = "claviger/enroll/v1";

#define CODE_ASSOCIATED_LEN (sizeof(code_label) - 1 + 64)
#define ENROLL_MAX          40
#define ENROLLED_MAX        160

/* info_of is the HPKE info of all that is sealed to a channel key. */
static struct bytes info_of(const uint8_t deployment[32], const uint8_t channel[32],
                            struct buffer *space)
{
	CHECK(keys_hpke_info(deployment, channel, space) == STATUS_OK);
	return buffer_bytes(space);
}

static struct bytes code_associated(const uint8_t id[32], const uint8_t change_hash[32],
                                    struct buffer *space)
{
	CHECK(buffer_put(space, bytes_of_text(code_label)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(id, 32)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(change_hash, 32)) == STATUS_OK);
	return buffer_bytes(space);
}

enum status authz_code_seal(const uint8_t deployment[32], const uint8_t signer_key[32],
                            const uint8_t id[32], struct bytes change, uint32_t code,
                            struct authz_code *ret_code)
{
	uint8_t info_space[128], associated_space[CODE_ASSOCIATED_LEN], hash[32];
	uint8_t plain[AUTHZ_CODE_LEN] = {(uint8_t)(code >> 24), (uint8_t)(code >> 16),
	                                 (uint8_t)(code >> 8), (uint8_t)code};
	struct buffer info = BUFFER_OF_ARRAY(info_space);
	struct buffer associated = BUFFER_OF_ARRAY(associated_space);
	struct buffer sealed = BUFFER_OF_ARRAY(ret_code->sealed);
	enum status status;

	authz_change_hash(change, hash);
	memcpy(ret_code->id, id, 32);
	status = keys_hpke_seal(signer_key, info_of(deployment, signer_key, &info),
	                        code_associated(id, hash, &associated), BYTES_OF_ARRAY(plain),
	                        &sealed, NULL);
	SECRET_WIPE(plain);
	CHECK(status != STATUS_OK || sealed.len == sizeof(ret_code->sealed));
	return status;
}

SENSITIVE enum status authz_code_open(const uint8_t deployment[32],
                                      const struct keys_hpke_key *channel,
                                      const struct authz_code *code, const uint8_t change_hash[32],
                                      uint32_t *ret_code)
{
	uint8_t info_space[128], associated_space[CODE_ASSOCIATED_LEN], plain_space[AUTHZ_CODE_LEN];
	struct buffer info = BUFFER_OF_ARRAY(info_space);
	struct buffer associated = BUFFER_OF_ARRAY(associated_space);
	struct buffer plain = BUFFER_OF_ARRAY(plain_space);
	enum status status = keys_hpke_open(channel, info_of(deployment, channel->public, &info),
	                                    code_associated(code->id, change_hash, &associated),
	                                    BYTES_OF_ARRAY(code->sealed), &plain, NULL);

	if (status == STATUS_OK)
		*ret_code = (uint32_t)plain_space[0] << 24 | (uint32_t)plain_space[1] << 16 |
		            (uint32_t)plain_space[2] << 8 | plain_space[3];
	SECRET_WIPE(plain_space);
	return status;
}

enum status authz_enroll_seal(const uint8_t deployment[32], const uint8_t signer_key[32],
                              struct buffer *ret_sealed, struct keys_hpke_answer *ret_answer)
{
	uint8_t info_space[128], space[ENROLL_MAX];
	struct buffer info = BUFFER_OF_ARRAY(info_space), plain = BUFFER_OF_ARRAY(space);

	CHECK(authz_enroll_put(deployment, &plain) == STATUS_OK);
	return keys_hpke_seal(signer_key, info_of(deployment, signer_key, &info),
	                      bytes_of_text(enroll_label), buffer_bytes(&plain), ret_sealed,
	                      ret_answer);
}

enum status authz_enroll_open(const uint8_t deployment[32], const struct keys_hpke_key *channel,
                              struct bytes sealed, struct keys_hpke_answer *ret_answer)
{
	uint8_t info_space[128], space[ENROLL_MAX], named[32];
	struct buffer info = BUFFER_OF_ARRAY(info_space), plain = BUFFER_OF_ARRAY(space);
	enum status status =
	    keys_hpke_open(channel, info_of(deployment, channel->public, &info),
	                   bytes_of_text(enroll_label), sealed, &plain, ret_answer);

	if (status == STATUS_OK && (authz_enroll_take(buffer_bytes(&plain), named) != STATUS_OK ||
	                            memcmp(named, deployment, 32) != 0))
		status = STATUS_CRYPTO;
	return status;
}

SENSITIVE enum status authz_enrolled_seal(const struct keys_hpke_answer *answer,
                                          const struct authz_enroll_answer *enrolled,
                                          struct buffer *ret_sealed)
{
	uint8_t space[ENROLLED_MAX];
	struct buffer plain = BUFFER_OF_ARRAY(space);
	enum status status = authz_enroll_answer_put(enrolled, &plain);

	if (status == STATUS_OK)
		status = keys_answer_seal(answer, buffer_bytes(&plain), ret_sealed);
	SECRET_WIPE(space);
	return status;
}

SENSITIVE enum status authz_enrolled_open(const struct keys_hpke_answer *answer,
                                          struct bytes sealed,
                                          struct authz_enroll_answer *ret_enrolled)
{
	uint8_t space[ENROLLED_MAX];
	struct buffer plain = BUFFER_OF_ARRAY(space);
	enum status status = keys_answer_open(answer, sealed, &plain);

	if (status == STATUS_OK)
		status = authz_enroll_answer_take(buffer_bytes(&plain), ret_enrolled);
	SECRET_WIPE(space);
	return status;
}
