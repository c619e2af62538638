/* Tests of the site manifest's form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "site.h"

#include <stdlib.h>

#include "base_encode.h"
#include "base_test.h"

static struct site_manifest whole(void)
{
	struct site_manifest m = {
	    .serial = 7,
	    .has_deployment = true,
	    .network = {true,            {192, 0, 2, 9}, {192, 0, 2, 1}, 24},
	    .port = 8200,
	    .metrics_port = 9200,
	    .verifiers = 3,
	    .name_count = 2,
	    .operator_count = 1,
	    .machine_count = 2,
	    .unproven_max_s = 60,
	    .rp_id = "signer.example",
	    .origin_count = 1,
	    .origins = {"https://signer.example:8443"},
	    .operator_port = 8201,
	    .has_ca = true,
	    .bound_exports = true,
	    .interpreter = true,
	    .time_key_count = 3,
	};

	memset(m.key, 5, sizeof(m.key));
	memset(m.deployment, 6, sizeof(m.deployment));
	memset(m.operators, 7, 32);
	memset(m.machines, 8, 64);
	memset(m.ca, 4, sizeof(m.ca));
	for (uint8_t i = 0; i < m.time_key_count; i++)
		m.time_keys[i][0] = (uint8_t)(i + 1);
	memset(m.signature, 9, sizeof(m.signature));
	snprintf(m.names[0], sizeof(m.names[0]), "signer.example");
	snprintf(m.names[1], sizeof(m.names[1]), "192.0.2.9");
	return m;
}

static bool same(const struct site_manifest *m)
{
	static uint8_t one[SITE_MANIFEST_MAX], two[SITE_MANIFEST_MAX];
	struct buffer first = BUFFER_OF_ARRAY(one), second = BUFFER_OF_ARRAY(two);
	static struct site_manifest taken;

	return site_put(m, &first) == STATUS_OK &&
	       site_take(buffer_bytes(&first), &taken) == STATUS_OK &&
	       site_put(&taken, &second) == STATUS_OK &&
	       bytes_equal(buffer_bytes(&first), buffer_bytes(&second)) &&
	       memcmp(m, &taken, sizeof(taken)) == 0;
}

/* What is off is left out: there is no second way to say so. */
static void test_a_switch_that_is_off_is_not_written(void)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	static const uint8_t on[] = {18, 0xf5};
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct site_manifest m = whole(), taken;
	uint8_t *at;

	EXPECT(site_put(&m, &out) == STATUS_OK);
	at = memmem(out.data, out.len, on, sizeof(on));
	EXPECT(at != NULL && site_take(buffer_bytes(&out), &taken) == STATUS_OK);
	if (at != NULL)
		at[1] = 0xf4;
	EXPECT(site_take(buffer_bytes(&out), &taken) == STATUS_MALFORMED);
}

static void test_what_is_put_is_taken(void)
{
	struct site_manifest m = whole(), least = {.serial = 1, .port = 1};

	EXPECT(same(&m));
	EXPECT(same(&least));
	m.has_deployment = false;
	memset(m.deployment, 0, sizeof(m.deployment));
	memset(m.network.router, 0, 4);
	EXPECT(same(&m));
}

static void test_values_that_no_site_has_are_refused(void)
{
	struct site_manifest m;
	unsigned refused = 0;

	for (unsigned i = 0; i < 16; i++) {
		m = whole();
		if (i == 0)
			m.port = 0;
		else if (i == 1)
			m.metrics_port = m.port;
		else if (i == 2)
			m.verifiers = 17;
		else if (i == 3)
			m.network.prefix = 31;
		else if (i == 4)
			m.network.prefix = 0;
		else if (i == 5)
			m.network.address[0] = 127;
		else if (i == 6)
			m.network.address[0] = 224;
		else if (i == 7)
			m.names[0][3] = ',';
		else if (i == 8)
			m.names[0][3] = ' ';
		else if (i == 9)
			m.unproven_max_s = SITE_PROVEN_MAX_S + 1;
		else if (i == 10)
			m.names[1][0] = '\0';
		else if (i == 11)
			m.origins[0][4] = ':'; /* not https */
		else if (i == 12)
			m.operator_port = m.port;
		else if (i == 13)
			m.operator_port = m.metrics_port;
		else if (i == 14)
			m.rp_id[3] = '/';
		else
			m.time_keys[2][0] = 1; /* one key with two voices */
		refused += !same(&m);
	}
	EXPECT(refused == 16);
}

/* S19: a name that the signer could not have in its certificate is refused while there is still
 * somebody to be told: with it the appliance would not start. */
static void test_a_name_that_no_certificate_carries_is_refused(void)
{
	static const char *const bad[] = {
	    "signer:8200", "signer.", ".signer", "a..b", "-a",
	    "a-.b",        "1.2",     "::1::",   "*.a",  "192.0.2.300"};
	static const char *const good[] = {"signer", "a-b.example", "2001:db8::7", "192.0.2.7"};
	struct site_manifest m = whole();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(m.names[0], 0, sizeof(m.names[0]));
		snprintf(m.names[0], sizeof(m.names[0]), "%s", bad[i]);
		EXPECT(!same(&m));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(m.names[0], 0, sizeof(m.names[0]));
		snprintf(m.names[0], sizeof(m.names[0]), "%s", good[i]);
		EXPECT(same(&m));
	}
}

/* A manifest comes from a hostile disk: with as much of every list as is taken, each setting is
 * whole and inside its bound; one name more is refused. */
static void test_the_longest_lists_fit_their_settings(void)
{
	static const uint8_t address[4] = {255, 255, 255, 255};
	static struct site_manifest m;
	char text[SITE_TEXT_MAX];
	size_t each = SITE_NAMES_TEXT_MAX / SITE_NAMES_MAX;

	m = whole();
	m.operator_count = SITE_OPERATORS_MAX;
	memset(m.operators, 0xff, sizeof(m.operators));
	m.time_key_count = LIMIT_TIME_KEYS_MAX;
	memset(m.time_keys, 0xff, sizeof(m.time_keys));
	for (uint8_t i = 0; i < LIMIT_TIME_KEYS_MAX; i++)
		m.time_keys[i][31] = i;
	m.origin_count = SITE_ORIGINS_MAX;
	for (size_t i = 0; i < SITE_ORIGINS_MAX; i++)
		snprintf(m.origins[i], sizeof(m.origins[i]), "https://%0119d", 0);
	m.name_count = SITE_NAMES_MAX;
	memset(m.names, 0, sizeof(m.names));
	for (size_t i = 0; i < SITE_NAMES_MAX; i++)
		memset(m.names[i], 'n', each - 1);
	EXPECT(same(&m));
	site_operators(&m, text);
	EXPECT(strlen(text) > 8 * 43 && strlen(text) < SITE_TEXT_MAX);
	site_time_keys(&m, text);
	EXPECT(strlen(text) > 7 * 43 && strlen(text) < SITE_TEXT_MAX);
	site_origins(&m, text);
	EXPECT(strlen(text) == 3 * 127 + 2);
	site_tls_names(&m, address, text);
	EXPECT(strlen(text) == 15 + 8 * each && strncmp(text, "255.255.255.255,n", 17) == 0);
	for (size_t i = 0; i < SITE_NAMES_MAX; i++) {
		memset(m.names[i], 'n', SITE_NAME_MAX);
		EXPECT(!same(&m) ==
		       (15 + 8 * each + (i + 1) * (SITE_NAME_MAX + 1 - each) >= SITE_TEXT_MAX));
	}
	EXPECT(!same(&m)); /* eight of the longest */
}

/* O3, O9: what an operator's word may change from afar is a closed list. */
static void test_what_raises_power_does_not_change_from_afar(void)
{
	struct site_manifest running = whole(), to;
	unsigned refused = 0, allowed = 0;

	running.operator_count = 2;
	memset(running.operators[1], 9, 32);
	for (unsigned i = 0; i < 19; i++) {
		to = running;
		to.serial++;
		switch (i) {
		case 0:
			to.serial--;
			break;
		case 1:
			to.operator_count = 0;
			break;
		case 2:
			to.operator_port = 0;
			break;
		case 3:
			to.operators[1][5]++;
			break;
		case 4:
			memset(to.operators[to.operator_count++], 3, 32);
			break;
		case 5:
			to.machine_count = 0;
			break;
		case 6:
			to.machines[0][0]++;
			break;
		case 7:
			to.key[0]++;
			break;
		case 8:
			to.deployment[0]++;
			break;
		case 9:
			to.has_deployment = false;
			break;
		case 10:
			to.unproven_max_s++;
			break;
		case 11:
			to.rp_id[0] = 'x';
			break;
		case 12:
			to.origin_count = 0;
			break;
		case 13:
			to.ca[0]++;
			break;
		case 14:
			to.has_ca = false;
			break;
		case 15:
			to.bound_exports = !to.bound_exports;
			break;
		case 17: /* compiled code again */
			to.interpreter = false;
			break;
		case 16:
			memset(to.time_keys[to.time_key_count++], 3, 32);
			break;
		default:
			to.serial = 0;
			break;
		}
		refused += site_change(&running, &to) != NULL;
	}
	EXPECT(refused == 19);
	running.interpreter = false; /* what follows turns it on, too */
	for (unsigned i = 0; i < 8; i++) {
		to = running;
		to.serial += i + 1;
		to.network.is_static = i != 0;
		to.port = (uint16_t)(to.port + (i == 1));
		to.metrics_port = i == 2 ? 0 : to.metrics_port;
		to.operator_port = (uint16_t)(to.operator_port + (i == 3));
		to.verifiers = i == 4 ? 0 : to.verifiers;
		to.name_count = i == 5 ? 1 : to.name_count;
		to.operator_count = i == 6 ? 1 : to.operator_count;
		to.machine_count = i == 7 ? 1 : to.machine_count;
		allowed += site_change(&running, &to) == NULL;
	}
	EXPECT(allowed == 8);
}

static void test_other_bytes_are_refused(void)
{
	static uint8_t space[SITE_MANIFEST_MAX];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct site_manifest m = whole(), taken;

	EXPECT(site_put(&m, &bytes) == STATUS_OK);
	for (size_t len = 0; len < bytes.len; len++)
		EXPECT(site_take(bytes_of(space, len), &taken) == STATUS_MALFORMED);
	EXPECT(site_take(bytes_of(space, bytes.len + 1), &taken) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_what_is_put_is_taken);
	RUN(test_a_switch_that_is_off_is_not_written);
	RUN(test_values_that_no_site_has_are_refused);
	RUN(test_a_name_that_no_certificate_carries_is_refused);
	RUN(test_the_longest_lists_fit_their_settings);
	RUN(test_what_raises_power_does_not_change_from_afar);
	RUN(test_other_bytes_are_refused);
	return test_summary();
}
