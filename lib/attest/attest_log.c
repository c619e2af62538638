/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_log.h"

#include "attest_evidence.h"
#include "wire_reader.h"

#define ALGORITHMS_MAX 8
#define EVENT_MAX      65536 /* bytes of one event's data: a large dbx */

enum event_type {
	EV_POST_CODE = 0x1,
	EV_NO_ACTION = 0x3,
	EV_SEPARATOR = 0x4,
	EV_ACTION = 0x5,
	EV_EVENT_TAG = 0x6,
	EV_S_CRTM_CONTENTS = 0x7,
	EV_S_CRTM_VERSION = 0x8,
	EV_NONHOST_CODE = 0xf,
	EV_NONHOST_CONFIG = 0x10,
	EV_NONHOST_INFO = 0x11,
	EV_EFI_VARIABLE_DRIVER_CONFIG = 0x80000001,
	EV_EFI_BOOT_SERVICES_APPLICATION = 0x80000003,
	EV_EFI_BOOT_SERVICES_DRIVER = 0x80000004,
	EV_EFI_RUNTIME_SERVICES_DRIVER = 0x80000005,
	EV_EFI_ACTION = 0x80000007,
	EV_EFI_PLATFORM_FIRMWARE_BLOB = 0x80000008,
	EV_EFI_PLATFORM_FIRMWARE_BLOB2 = 0x8000000a,
	EV_EFI_HCRTM_EVENT = 0x80000010,
	EV_EFI_VARIABLE_AUTHORITY = 0x800000e0,
	EV_EFI_SPDM_FIRMWARE_BLOB = 0x800000e1,
};

/* What may be measured where, before and behind the separator; in PCRs that quotes are over. */
static const struct rule {
	uint8_t pcr;
	bool behind;   /* also behind the separator */
	bool before;   /* also before it */
	uint32_t type; /* enum event_type */
	bool hashed;   /* the digest is that of the event's data */
} rules[] = {
    {0, false, true,  EV_POST_CODE,                     false},
    {0, false, true,  EV_S_CRTM_CONTENTS,               false},
    {0, false, true,  EV_S_CRTM_VERSION,                true },
    {0, false, true,  EV_NONHOST_CODE,                  false},
    {0, false, true,  EV_EFI_PLATFORM_FIRMWARE_BLOB,    false},
    {0, false, true,  EV_EFI_PLATFORM_FIRMWARE_BLOB2,   false},
    {0, false, true,  EV_EFI_HCRTM_EVENT,               false},
    {2, false, true,  EV_EFI_BOOT_SERVICES_DRIVER,      false},
    {2, false, true,  EV_EFI_RUNTIME_SERVICES_DRIVER,   false},
    {2, false, true,  EV_EFI_PLATFORM_FIRMWARE_BLOB,    false},
    {2, false, true,  EV_EFI_PLATFORM_FIRMWARE_BLOB2,   false},
    {2, false, true,  EV_EFI_SPDM_FIRMWARE_BLOB,        false},
    {4, false, true,  EV_EFI_ACTION,                    true },
    {4, true,  false, EV_EFI_BOOT_SERVICES_APPLICATION, false},
    {7, false, true,  EV_EFI_VARIABLE_DRIVER_CONFIG,    true },
    {7, false, true,  EV_EFI_ACTION,                    true },
    {7, true,  true,  EV_EFI_VARIABLE_AUTHORITY,        true },
    {9, true,  true,  EV_EVENT_TAG,                     false},
};

struct replay {
	struct attest_log *log;
	size_t algorithm_count;
	struct {
		uint16_t algorithm, len;
	} algorithms[ALGORITHMS_MAX];
	uint32_t separated; /* PCRs whose separator was seen */
	bool first_in_7;
};

struct event {
	uint32_t pcr, type;
	uint8_t digest[32]; /* of the SHA-256 bank */
	struct bytes data;
};

/* take_specification: the first event, in the old form, says which banks the others have. */
static bool take_specification(struct wire_reader *r, struct replay *replay)
{
	static const char signature[16] = "Spec ID Event03";
	uint32_t pcr = wire_take_u32(r), type = wire_take_u32(r), count, len;
	struct wire_reader inner;
	bool has_sha256 = false;

	(void)wire_take_n(r, 20);
	len = wire_take_u32(r);
	inner = wire_read(wire_take_n(r, len));
	if (r->status != STATUS_OK || pcr != 0 || type != EV_NO_ACTION ||
	    !bytes_equal(wire_take_n(&inner, 16), BYTES_OF_ARRAY(signature)))
		return false;
	(void)wire_take_n(&inner, 4 + 4); /* platform class, version, errata, size of UINTN */
	count = wire_take_u32(&inner);
	if (count == 0 || count > ALGORITHMS_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t algorithm = wire_take_u16(&inner), digest = wire_take_u16(&inner);

		if (digest == 0 || digest > 64 ||
		    (attest_digest_len(algorithm) != 0 && attest_digest_len(algorithm) != digest))
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (replay->algorithms[j].algorithm == algorithm)
				return false;
		replay->algorithms[i].algorithm = algorithm;
		replay->algorithms[i].len = digest;
		has_sha256 |= algorithm == ATTEST_ALG_SHA256;
	}
	replay->algorithm_count = count;
	(void)wire_take_n(&inner, wire_take_u8(&inner));
	return has_sha256 && wire_done(&inner) == STATUS_OK;
}

/* take_event: each bank that was announced has its digest, in that order. */
static bool take_event(struct wire_reader *r, const struct replay *replay, struct event *ret_event)
{
	uint32_t count;
	size_t len;

	ret_event->pcr = wire_take_u32(r);
	ret_event->type = wire_take_u32(r);
	count = wire_take_u32(r);
	if (count != replay->algorithm_count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint16_t algorithm = wire_take_u16(r);
		struct bytes digest = wire_take_n(r, replay->algorithms[i].len);

		if (r->status != STATUS_OK || algorithm != replay->algorithms[i].algorithm)
			return false;
		if (algorithm == ATTEST_ALG_SHA256)
			memcpy(ret_event->digest, digest.data, sizeof(ret_event->digest));
	}
	len = wire_take_u32(r);
	if (len > EVENT_MAX)
		return false;
	ret_event->data = wire_take_n(r, len);
	return r->status == STATUS_OK;
}

static bool digest_is_of_data(const struct event *event)
{
	uint8_t hash[32];

	keys_sha256(&event->data, 1, hash);
	return memcmp(hash, event->digest, sizeof(hash)) == 0;
}

/* note_secure_boot: UEFI_VARIABLE_DATA of EFI_GLOBAL_VARIABLE's SecureBoot; whoever looks first at
 * PCR 7 finds it there, or does not know. */
static void note_secure_boot(struct replay *replay, const struct event *event)
{
	static const uint8_t global[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
	                                   0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
	static const char name[] = "SecureBoot";
	struct wire_reader r = wire_read(event->data);
	struct bytes guid = wire_take_n(&r, 16), text, value;
	uint64_t name_len = wire_take_u64(&r), value_len = wire_take_u64(&r);

	if (!replay->first_in_7 || event->type != EV_EFI_VARIABLE_DRIVER_CONFIG)
		return;
	text = wire_take_n(&r, name_len <= 64 ? 2 * (size_t)name_len : SIZE_MAX);
	value = wire_take_n(&r, value_len <= 1 ? (size_t)value_len : SIZE_MAX);
	if (wire_done(&r) != STATUS_OK || !bytes_equal(guid, BYTES_OF_ARRAY(global)) ||
	    name_len != sizeof(name) - 1 || value.len != 1)
		return;
	for (size_t i = 0; i < name_len; i++)
		if (text.data[2 * i] != (uint8_t)name[i] || text.data[2 * i + 1] != 0)
			return;
	replay->log->has_secure_boot = true;
	replay->log->secure_boot = value.data[0] == 1;
}

static enum attest_verdict judge_separator(struct replay *replay, const struct event *event)
{
	static const uint8_t zero[4];

	/* 0xffffffff says that the firmware failed. */
	if (!bytes_equal(event->data, BYTES_OF_ARRAY(zero)) || !digest_is_of_data(event) ||
	    event->pcr > 7 || (replay->separated >> event->pcr & 1) != 0)
		return ATTEST_REFUSED_LOG_SEPARATOR;
	replay->separated |= UINT32_C(1) << event->pcr;
	return ATTEST_ACCEPTED;
}

/* judge says whether the event may stand where it stands. */
static enum attest_verdict judge(struct replay *replay, const struct event *event)
{
	bool behind = (replay->separated >> event->pcr & 1) != 0, known = false;

	if (event->type == EV_SEPARATOR)
		return judge_separator(replay, event);
	if ((ATTEST_QUOTED_MASK >> event->pcr & 1) == 0)
		return ATTEST_ACCEPTED;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].pcr != event->pcr || rules[i].type != event->type)
			continue;
		known = true;
		if (behind ? !rules[i].behind : !rules[i].before)
			continue;
		if (rules[i].hashed && !digest_is_of_data(event))
			return ATTEST_REFUSED_LOG_DIGEST;
		return ATTEST_ACCEPTED;
	}
	return known ? ATTEST_REFUSED_LOG_ORDER : ATTEST_REFUSED_LOG_EVENT;
}

/* start_locality: PCR 0 begins with the locality that started the TPM (part 1, section 12.2.3). */
static void start_locality(struct replay *replay, const struct event *event)
{
	static const char signature[16] = "StartupLocality";

	if (event->data.len == 17 && memcmp(event->data.data, signature, 16) == 0 &&
	    event->pcr == 0 && (replay->log->mask & 1) == 0)
		replay->log->pcrs[0][31] = event->data.data[16];
}

static enum attest_verdict take_one(struct wire_reader *r, struct replay *replay)
{
	struct event event;
	struct bytes parts[2];
	enum attest_verdict verdict;
	uint8_t *value;

	if (!take_event(r, replay, &event))
		return ATTEST_REFUSED_LOG_FORM;
	if (event.type == EV_NO_ACTION) {
		start_locality(replay, &event);
		return ATTEST_ACCEPTED;
	}
	if (event.pcr >= ATTEST_PCR_COUNT)
		return ATTEST_REFUSED_LOG_FORM;
	verdict = judge(replay, &event);
	if (verdict != ATTEST_ACCEPTED)
		return verdict;
	if (event.pcr == 7) {
		note_secure_boot(replay, &event);
		replay->first_in_7 = false;
	}
	value = replay->log->pcrs[event.pcr];
	parts[0] = bytes_of(value, 32);
	parts[1] = BYTES_OF_ARRAY(event.digest);
	keys_sha256(parts, 2, value);
	replay->log->mask |= UINT32_C(1) << event.pcr;
	replay->log->event_count++;
	return ATTEST_ACCEPTED;
}

enum attest_verdict attest_log_replay(struct bytes log, struct attest_log *ret_log)
{
	struct wire_reader r = wire_read(log);
	struct replay replay = {.log = ret_log, .first_in_7 = true};
	size_t seen = 0;

	*ret_log = (struct attest_log){.mask = 0};
	if (log.len > LIMIT_EVENT_LOG_MAX || !take_specification(&r, &replay))
		return ATTEST_REFUSED_LOG_FORM;
	while (r.rest.len != 0) {
		enum attest_verdict verdict = take_one(&r, &replay);

		if (verdict != ATTEST_ACCEPTED)
			return verdict;
		if (++seen > ATTEST_EVENTS_MAX)
			return ATTEST_REFUSED_LOG_FORM;
	}
	return replay.separated == 0xff ? ATTEST_ACCEPTED : ATTEST_REFUSED_LOG_SEPARATOR;
}
