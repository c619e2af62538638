/* claviger doctor --tpm: what only this very TPM can show. A few commands without authorization,
 * written by hand (TCG TPM 2.0 Library, part 3: TPM2_GetCapability, TPM2_GetRandom): the tool links
 * no TPM library, and changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "approval.h"
#include "cli_authority.h"
#include "cli_file.h"

#define RESPONSE_MAX 4096
#define WAIT_MS      5000
#define DRAWS        20

#define CC_GET_CAPABILITY 0x17au
#define CC_GET_RANDOM     0x17bu
#define CC_READ_PUBLIC    0x173u
#define CC_NV_READ_PUBLIC 0x169u
#define CC_NV_READ        0x14eu
#define CAP_HANDLES       1u
#define CAP_PCRS          5u
#define CAP_PROPERTIES    6u
#define CAP_ECC_CURVES    8u

#define PT_MANUFACTURER     0x105u
#define PT_VENDOR           0x106u
#define PT_FIRMWARE         0x10bu
#define PT_LOADED_MIN       0x110u
#define PT_NV_COUNTERS_MAX  0x116u
#define PT_PERMANENT        0x200u
#define PT_LOCKOUT_COUNTER  0x20eu
#define PT_MAX_AUTH_FAIL    0x20fu
#define PT_LOCKOUT_INTERVAL 0x210u
#define OWNER_AUTH_SET      0x1u
#define LOCKOUT_AUTH_SET    0x4u
#define DISABLE_CLEAR       0x100u
#define IN_LOCKOUT          0x200u
#define PRIMARY             0x81434c01u
#define CHECKPOINT          0x01434c01u
#define NO_DA_OBJECT        0x400u
#define SEALED_ATTRIBUTES   0x412u /* fixedTPM, fixedParent, noDA: no password opens it */
#define NO_DA_INDEX         0x02000000u
#define COUNTERS_WANTED     3u

struct tpm_dialog {
	int fd;
	uint8_t response[RESPONSE_MAX];
	size_t len;
	bool is_software;
	const struct approval_sealed *sealed; /* NULL: there is none to compare with */
};

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static int open_tpm(const char *where)
{
	static const char swtpm[] = "swtpm:path=";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = where + sizeof(swtpm) - 1;
	int fd;

	if (strncmp(where, "device:", 7) == 0)
		where += 7;
	if (strncmp(where, swtpm, sizeof(swtpm) - 1) != 0)
		return open(where, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ask sends a command; true with the bytes behind the response code when the TPM said yes. */
static bool ask(struct tpm_dialog *tpm, const uint8_t *command, size_t len, const uint8_t **ret_at,
                size_t *ret_len)
{
	size_t size = 10;

	tpm->len = 0;
	if (write(tpm->fd, command, len) != (ssize_t)len)
		return false;
	while (tpm->len < size) {
		struct pollfd fd = {.fd = tpm->fd, .events = POLLIN};
		ssize_t got;

		if (poll(&fd, 1, WAIT_MS) <= 0)
			return false;
		got = read(tpm->fd, tpm->response + tpm->len, sizeof(tpm->response) - tpm->len);
		if (got <= 0)
			return false;
		tpm->len += (size_t)got;
		if (tpm->len >= 10)
			size = be32(tpm->response + 2);
		if (size < 10 || size > sizeof(tpm->response))
			return false;
	}
	*ret_at = tpm->response + 10;
	*ret_len = tpm->len - 10;
	return be32(tpm->response + 6) == 0;
}

/* capability gives what follows moreData and the capability's own number. */
static bool capability(struct tpm_dialog *tpm, uint32_t what, uint32_t from, uint32_t count,
                       const uint8_t **ret_at, size_t *ret_len)
{
	uint8_t command[22] = {0x80, 0x01};

	put32(command + 2, sizeof(command));
	put32(command + 6, CC_GET_CAPABILITY);
	put32(command + 10, what);
	put32(command + 14, from);
	put32(command + 18, count);
	if (!ask(tpm, command, sizeof(command), ret_at, ret_len) || *ret_len < 9 ||
	    be32(*ret_at + 1) != what)
		return false;
	*ret_at += 5;
	*ret_len -= 5;
	return true;
}

static bool property(struct tpm_dialog *tpm, uint32_t number, uint32_t *ret_value)
{
	const uint8_t *at;
	size_t len;

	if (!capability(tpm, CAP_PROPERTIES, number, 1, &at, &len) || len < 12 || be32(at) != 1 ||
	    be32(at + 4) != number)
		return false;
	*ret_value = be32(at + 8);
	return true;
}

/* count_handles counts handles from `from` up to, not with, `below`. */
static unsigned count_handles(struct tpm_dialog *tpm, uint32_t from, uint32_t below)
{
	const uint8_t *at;
	unsigned count = 0;
	size_t len;

	if (!capability(tpm, CAP_HANDLES, from, 64, &at, &len))
		return 0;
	for (uint32_t i = 0; i < be32(at) && 4 + 4 * (size_t)(i + 1) <= len; i++)
		count += be32(at + 4 + 4 * (size_t)i) < below;
	return count;
}

static bool look_at_maker(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	uint32_t maker = 0, vendor = 0, firmware[2] = {0, 0};
	char name[5] = {0};

	if (!property(tpm, PT_MANUFACTURER, &maker) || !property(tpm, PT_VENDOR, &vendor) ||
	    !property(tpm, PT_FIRMWARE, &firmware[0]) ||
	    !property(tpm, PT_FIRMWARE + 1, &firmware[1]))
		return false;
	put32((uint8_t *)name, maker);
	for (int i = 0; i < 4; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			name[i] = ' ';
	tpm->is_software = vendor >> 16 == 0x5357; /* "SW", what libtpms calls itself */
	finding->good = !tpm->is_software;
	snprintf(finding->text, sizeof(finding->text), "%s, firmware %08x.%08x%s", name,
	         firmware[0], firmware[1],
	         finding->good ? "" : ": a software TPM; whoever reads its files has the share");
	return true;
}

static bool look_at_banks(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	const uint8_t *at, *end;
	size_t len;
	unsigned pcrs = 0;

	if (!capability(tpm, CAP_PCRS, 0, 1, &at, &len))
		return false;
	end = at + len;
	at += 4;
	while (at + 3 <= end && at + 3 + at[2] <= end) {
		if (at[0] == 0 && at[1] == 0x0b)
			for (unsigned i = 0; i < at[2]; i++)
				pcrs += (unsigned)__builtin_popcount(at[3 + i]);
		at += 3 + at[2];
	}
	finding->good = pcrs == 24;
	snprintf(finding->text, sizeof(finding->text), "%u PCRs in the SHA-256 bank%s", pcrs,
	         finding->good ? "" : ": switch that bank on in the firmware's setup");
	return true;
}

static bool look_at_curve(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	const uint8_t *at;
	size_t len;

	if (!capability(tpm, CAP_ECC_CURVES, 0, 64, &at, &len))
		return false;
	for (uint32_t i = 0; i < be32(at) && 4 + 2 * (size_t)(i + 1) <= len; i++)
		finding->good |= at[4 + 2 * i] == 0 && at[5 + 2 * i] == 3;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good ? "P-256 is there" : "no P-256: this TPM will not do");
	return true;
}

static bool look_at_room(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	uint32_t counters = 0, loaded = 0;

	if (!property(tpm, PT_NV_COUNTERS_MAX, &counters) || !property(tpm, PT_LOADED_MIN, &loaded))
		return false;
	finding->good = (counters == 0 || counters >= COUNTERS_WANTED) && loaded >= 3;
	snprintf(
	    finding->text, sizeof(finding->text),
	    "counters %u (0: as many as fit; 3 are needed), sessions at least %u (3 are needed)",
	    counters, loaded);
	return true;
}

static bool look_at_certificates(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	unsigned count = count_handles(tpm, 0x01c00000u, 0x01c08000u);

	finding->good = count != 0;
	snprintf(finding->text, sizeof(finding->text), "%u NV indices of the maker%s", count,
	         finding->good ? " (endorsement certificates)"
	                       : ": without a certificate nothing shows that it is hardware");
	return true;
}

static bool look_at_owner(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	unsigned ours = count_handles(tpm, 0x01434c01u, 0x01434c05u);
	uint32_t permanent = 0, failures = 0;
	bool owned;

	if (!property(tpm, PT_PERMANENT, &permanent) ||
	    !property(tpm, PT_LOCKOUT_COUNTER, &failures))
		return false;
	owned = (permanent & OWNER_AUTH_SET) != 0 && (permanent & LOCKOUT_AUTH_SET) != 0;
	/* Either ready for genesis, or after one. */
	finding->good = (ours == 0 && (permanent & (OWNER_AUTH_SET | LOCKOUT_AUTH_SET)) == 0) ||
	                (ours == 4 && owned);
	snprintf(finding->text, sizeof(finding->text), "%s; wrong guesses counted: %u",
	         ours == 4 && owned ? "after genesis: four indices, authorizations set"
	         : finding->good    ? "fresh: genesis may be run"
	         : ours == 0 ? "it has an owner: clear it in the firmware's setup before genesis"
	                     : "some of our objects, or authorizations, are missing: recover",
	         failures);
	return true;
}

/* public_of gives a public area: of an object, or of an NV index. */
static bool public_of(struct tpm_dialog *tpm, uint32_t command, uint32_t handle,
                      const uint8_t **ret_area, size_t *ret_len)
{
	uint8_t message[14] = {0x80, 0x01};
	const uint8_t *at;
	size_t len;

	put32(message + 2, sizeof(message));
	put32(message + 6, command);
	put32(message + 10, handle);
	if (!ask(tpm, message, sizeof(message), &at, &len) || len < 2)
		return false;
	*ret_len = (size_t)(at[0] << 8 | at[1]);
	*ret_area = at + 2;
	return *ret_len <= len - 2 && *ret_len >= 12;
}

/* counter reads an NV counter with its empty authorization. */
static bool counter(struct tpm_dialog *tpm, uint32_t index, uint64_t *ret_value)
{
	uint8_t message[35] = {0x80, 0x02};
	const uint8_t *at;
	size_t len;

	put32(message + 2, sizeof(message));
	put32(message + 6, CC_NV_READ);
	put32(message + 10, index);
	put32(message + 14, index);
	put32(message + 18, 9);
	put32(message + 22, 0x40000009u); /* TPM_RS_PW */
	message[32] = 8;
	if (!ask(tpm, message, sizeof(message), &at, &len) || len < 14 || at[4] != 0 || at[5] != 8)
		return false;
	*ret_value = (uint64_t)be32(at + 6) << 32 | be32(at + 10);
	return true;
}

static bool is_name(const uint8_t name[34], const uint8_t *area, size_t len)
{
	struct bytes bytes = bytes_of(area, len);
	uint8_t digest[32];

	keys_sha256(&bytes, 1, digest);
	return name[0] == 0x00 && name[1] == 0x0b && memcmp(name + 2, digest, 32) == 0;
}

/* half_is_safe: the TPM2B_PUBLIC has the attributes and the policy under which it was sealed. */
static bool half_is_safe(const struct approval_sealed *sealed, enum approval_half half)
{
	const struct approval_object *kept = &sealed->halves[half];
	uint8_t policy[32];

	approval_seal_policy(sealed, half, policy);
	return kept->public_len >= 44 && be32(kept->public_area + 6) == SEALED_ATTRIBUTES &&
	       kept->public_area[10] == 0 && kept->public_area[11] == 32 &&
	       memcmp(kept->public_area + 12, policy, 32) == 0;
}

static bool look_at_halves(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	char release[17], site[17];

	cli_authority_text(tpm->sealed->scope.release_root, release);
	cli_authority_text(tpm->sealed->scope.site_root, site);
	finding->good = half_is_safe(tpm->sealed, APPROVAL_RELEASE_HALF) &&
	                half_is_safe(tpm->sealed, APPROVAL_SITE_HALF);
	snprintf(
	    finding->text, sizeof(finding->text),
	    "the share is two halves, one under the release root (%s), one under the site root "
	    "(%s)%s",
	    release, site,
	    finding->good ? ": noDA, no password opens them"
	                  : ": one has other attributes or another policy, and will be "
	                    "refused");
	return true;
}

static bool look_at_mode(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	const struct approval_manifest *manifest = &tpm->sealed->manifest;
	char attended[64] = "it starts by itself, for a thief, too";

	if (manifest->approver_count != 0)
		snprintf(attended, sizeof(attended), "one of %u approvers signs for each start",
		         manifest->approver_count);
	finding->good = !manifest->is_single && manifest->approver_count != 0;
	snprintf(finding->text, sizeof(finding->text), "%s; %s; %s%s", attended,
	         manifest->is_single ? "one person holds both roots" : "two hands hold the roots",
	         manifest->has_recovery ? "a recovery key opens a backup elsewhere"
	                                : "no recovery key: a lost TPM is the loss of all",
	         manifest->is_recovery ? "; its share is that of a machine that was lost" : "");
	return true;
}

static bool look_at_primary(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	const uint8_t *area;
	size_t len;
	bool there = public_of(tpm, CC_READ_PUBLIC, PRIMARY, &area, &len);

	finding->good = there && is_name(tpm->sealed->primary, area, len) &&
	                (be32(area + 4) & NO_DA_OBJECT) != 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good ? "it is the one that the share was sealed to; noDA"
	         : there       ? "it is another one: this TPM is not the machine's, or was cleared"
	                       : "there is none: this TPM is not the machine's, or was cleared");
	return true;
}

/* floor_holds: the index is the one of genesis, and its value within its block of 256. */
static bool floor_holds(struct tpm_dialog *tpm, bool is_site, uint64_t *ret_value)
{
	const uint8_t *base = is_site ? tpm->sealed->site_base : tpm->sealed->release_base;
	uint32_t index = is_site ? APPROVAL_NV_SITE_FLOOR : APPROVAL_NV_RELEASE_FLOOR;
	const uint8_t *area;
	uint8_t name[34], begins[8];
	size_t len;

	approval_floor_name(is_site, &tpm->sealed->scope, true, name);
	if (!public_of(tpm, CC_NV_READ_PUBLIC, index, &area, &len) || !is_name(name, area, len) ||
	    !counter(tpm, index, ret_value))
		return false;
	put32(begins, (uint32_t)(*ret_value >> 32));
	put32(begins + 4, (uint32_t)*ret_value);
	return memcmp(begins, base, APPROVAL_BASE_LEN) == 0;
}

static bool look_at_floors(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	uint64_t release = 0, site = 0, boots = 0;
	const uint8_t *area;
	size_t len;
	bool no_da = true;

	finding->good = floor_holds(tpm, false, &release) && floor_holds(tpm, true, &site) &&
	                counter(tpm, APPROVAL_NV_BOOTS, &boots) &&
	                boots >= tpm->sealed->first_counter;
	for (uint32_t index = CHECKPOINT; index <= APPROVAL_NV_SITE_FLOOR; index++)
		no_da &= public_of(tpm, CC_NV_READ_PUBLIC, index, &area, &len) &&
		         (be32(area + 6) & NO_DA_INDEX) != 0;
	finding->good &= no_da;
	if (finding->good)
		snprintf(finding->text, sizeof(finding->text),
		         "release %u, site %u, as genesis made them; %llu starts since; noDA",
		         (unsigned)(release & 255), (unsigned)(site & 255),
		         (unsigned long long)(boots - tpm->sealed->first_counter));
	else
		snprintf(finding->text, sizeof(finding->text),
		         "an index is gone, or not the one that genesis made: nothing will unseal; "
		         "recover");
	return true;
}

static bool look_at_guesses(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	uint32_t permanent = 0, failures = 0, tries = 0, interval = 0;
	bool owned;

	if (!property(tpm, PT_PERMANENT, &permanent) ||
	    !property(tpm, PT_LOCKOUT_COUNTER, &failures) ||
	    !property(tpm, PT_MAX_AUTH_FAIL, &tries) ||
	    !property(tpm, PT_LOCKOUT_INTERVAL, &interval))
		return false;
	owned = (permanent & LOCKOUT_AUTH_SET) != 0;
	finding->good =
	    (permanent & IN_LOCKOUT) == 0 &&
	    (!owned || (tries == 32 && interval == 600 && (permanent & DISABLE_CLEAR) != 0));
	snprintf(finding->text, sizeof(finding->text),
	         "%u of %u counted, one forgotten each %u s%s%s", failures, tries, interval,
	         owned && (permanent & DISABLE_CLEAR) == 0 ? "; TPM2_Clear is not forbidden" : "",
	         (permanent & IN_LOCKOUT) != 0
	             ? "; LOCKED: our objects are noDA and go on, other people's do not"
	             : "");
	return true;
}

static bool look_at_writes(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	finding->good = true;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         tpm->is_software ? "software does not wear: the signer spares nothing"
	                          : "the signer takes 300 a day and 30 at once, 8 of them for what "
	                            "lowers power: 500000 last 4.5 years (its metrics say what is "
	                            "left; its maker, what it bears)");
	return true;
}

static bool look_at_unseen(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	finding->good = !tpm->is_software;
	snprintf(
	    finding->text, sizeof(finding->text),
	    "no program sees: how many writes it bears and what one takes, whether its counters "
	    "begin as specified (genesis finds out), whether its bus can be tapped or its reset "
	    "wired, known weaknesses of its firmware%s",
	    tpm->is_software ? ". Only a hardware TPM has any of these" : "");
	return true;
}

static bool look_at_speed(struct tpm_dialog *tpm, struct cli_finding *finding)
{
	static const uint8_t command[12] = {0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7b, 0, 16};
	struct timespec before, after;
	const uint8_t *at;
	size_t len;
	double took_ms;

	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < DRAWS; i++)
		if (!ask(tpm, command, sizeof(command), &at, &len) || len != 18)
			return false;
	clock_gettime(CLOCK_MONOTONIC, &after);
	took_ms = ((double)(after.tv_sec - before.tv_sec) * 1e3 +
	           (double)(after.tv_nsec - before.tv_nsec) / 1e6) /
	          DRAWS;
	finding->good = took_ms < 100;
	snprintf(finding->text, sizeof(finding->text), "%.1f ms for 16 random bytes, mean of %d%s",
	         took_ms, DRAWS, finding->good ? "" : ": changes will wait for it");
	return true;
}

static const struct {
	const char *name;
	bool needed;
	bool (*look)(struct tpm_dialog *tpm, struct cli_finding *finding);
	bool of_sealed; /* only where there is something sealed to compare with */
} looks[] = {
    {"tpm maker",   false, look_at_maker,        false},
    {"tpm banks",   true,  look_at_banks,        false},
    {"tpm curve",   true,  look_at_curve,        false},
    {"tpm room",    true,  look_at_room,         false},
    {"tpm ek",      false, look_at_certificates, false},
    {"tpm owner",   true,  look_at_owner,        false},
    {"tpm guesses", true,  look_at_guesses,      false},
    {"tpm halves",  true,  look_at_halves,       true },
    {"tpm mode",    false, look_at_mode,         true },
    {"tpm primary", true,  look_at_primary,      true },
    {"tpm floors",  true,  look_at_floors,       true },
    {"tpm writes",  false, look_at_writes,       false},
    {"tpm speed",   false, look_at_speed,        false},
    {"tpm unseen",  false, look_at_unseen,       false},
};

/* read_sealed: false after a finding that says why not. */
static bool read_sealed(const char *path, struct approval_sealed *ret_sealed,
                        struct cli_finding *finding)
{
	struct buffer file;
	bool good;

	*finding = (struct cli_finding){.name = "tpm halves", .needed = true};
	if (cli_file_read(path, APPROVAL_FILE_MAX, &file, finding->text, sizeof(finding->text)) !=
	    STATUS_OK)
		return false;
	good = approval_sealed_take(buffer_bytes(&file), ret_sealed) == STATUS_OK;
	free(file.data);
	if (!good)
		snprintf(finding->text, sizeof(finding->text),
		         "%.200s is no sealed share of this version, or is damaged", path);
	return good;
}

size_t cli_doctor_tpm(const char *where, const char *sealed, struct cli_finding *ret_findings,
                      size_t max)
{
	static struct approval_sealed compared;
	struct tpm_dialog tpm = {.fd = open_tpm(where)};
	int trouble = errno;
	size_t count = 0;

	keys_open();
	if (sealed != NULL && read_sealed(sealed, &compared, &ret_findings[0]))
		tpm.sealed = &compared;
	else if (sealed != NULL)
		count++;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]) && count < max; i++) {
		struct cli_finding *finding = &ret_findings[count];

		if (looks[i].of_sealed && tpm.sealed == NULL)
			continue;
		count++;

		*finding = (struct cli_finding){.name = looks[i].name, .needed = looks[i].needed};
		if (tpm.fd >= 0 && looks[i].look(&tpm, finding))
			continue;
		finding->good = false;
		snprintf(finding->text, sizeof(finding->text), "the TPM did not answer");
		if (tpm.fd < 0) {
			snprintf(finding->text, sizeof(finding->text),
			         "%.150s cannot be opened: %s", where, strerror(trouble));
			finding->needed = true;
			break;
		}
	}
	if (tpm.fd >= 0)
		close(tpm.fd);
	return count;
}
