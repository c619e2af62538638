/* claviger doctor --tpm: what only this very TPM can show. A few commands without authorization,
 * written by hand (TCG TPM 2.0 Library, part 3: TPM2_GetCapability, TPM2_GetRandom): the tool links
 * no TPM library, and changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_doctor.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RESPONSE_MAX 4096
#define WAIT_MS      5000
#define DRAWS        20

#define CC_GET_CAPABILITY 0x17au
#define CC_GET_RANDOM     0x17bu
#define CAP_HANDLES       1u
#define CAP_PCRS          5u
#define CAP_PROPERTIES    6u
#define CAP_ECC_CURVES    8u

#define PT_MANUFACTURER    0x105u
#define PT_VENDOR          0x106u
#define PT_FIRMWARE        0x10bu
#define PT_LOADED_MIN      0x110u
#define PT_NV_COUNTERS_MAX 0x116u
#define PT_PERMANENT       0x200u
#define PT_LOCKOUT_COUNTER 0x20eu
#define OWNER_AUTH_SET     0x1u
#define LOCKOUT_AUTH_SET   0x4u
#define COUNTERS_WANTED    3u

struct tpm_dialog {
	int fd;
	uint8_t response[RESPONSE_MAX];
	size_t len;
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
	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
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
	finding->good = vendor >> 16 != 0x5357; /* "SW", what libtpms calls itself */
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
} looks[] = {
    {"tpm maker", false, look_at_maker       },
    {"tpm banks", true,  look_at_banks       },
    {"tpm curve", true,  look_at_curve       },
    {"tpm room",  true,  look_at_room        },
    {"tpm ek",    false, look_at_certificates},
    {"tpm owner", true,  look_at_owner       },
    {"tpm speed", false, look_at_speed       },
};

size_t cli_doctor_tpm(const char *where, struct cli_finding *ret_findings, size_t max)
{
	struct tpm_dialog tpm = {.fd = open_tpm(where)};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]) && count < max; i++) {
		struct cli_finding *finding = &ret_findings[count++];

		*finding = (struct cli_finding){.name = looks[i].name, .needed = looks[i].needed};
		if (tpm.fd >= 0 && looks[i].look(&tpm, finding))
			continue;
		finding->good = false;
		snprintf(finding->text, sizeof(finding->text), "%s",
		         tpm.fd < 0 ? "the TPM cannot be opened" : "the TPM did not answer");
		if (tpm.fd < 0) {
			finding->needed = true;
			break;
		}
	}
	if (tpm.fd >= 0)
		close(tpm.fd);
	return count;
}
