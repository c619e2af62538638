/* load: drives a server with groups of clients and says what each group saw.
 *
 * usage: load HOST PORT CA_FILE SECONDS SPLIT_SECONDS GROUP...
 *   GROUP is NAME:KIND[:WORD=VALUE...] with
 *     connections=N  how many (1)
 *     rate=N         requests a second, all together; 0: each connection at once again (0)
 *     start=S        seconds after the beginning (0)
 *     plan=FILE      what is signed, and with which token (bench_message.h)
 *     channel=D.K.C  deployment, its key, authority's certificate: whom changes are sealed for
 *     from=ADDRESS   of this machine, to connect from
 *     strangers      a random token for each request
 *   KIND: sign, echo, changes, submits, pipe, hello, silent, idle, headers, body or reader (load.h
 * says what they do). Groups that start at 0 are connected before the clock starts. Prints one JSON
 * object: for each group what came back before SPLIT_SECONDS ("quiet") and after it ("loaded"). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>

#include "authz_statement.h"
#include "base_check.h"
#include "base_encode.h"
#include "keys.h"
#include "load.h"

#define OPEN_MAX_S  60
#define DRAIN_MAX_S 8
#define DRIP_US     100000
#define AGAIN_US    20000

static struct load load;

_Noreturn void load_give_up(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(3);
}

double load_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- latencies ---- */

static size_t bucket_of(uint64_t us)
{
	unsigned power;

	if (us < 64)
		return us;
	power = 63u - (unsigned)__builtin_clzll(us);
	return 64 + (size_t)(power - 6) * 32 + (us >> (power - 5)) - 32;
}

/* The largest value of a bucket. */
static uint64_t value_of(size_t bucket)
{
	unsigned power = (unsigned)(bucket - 64) / 32 + 6;

	if (bucket < 64)
		return bucket;
	return (((bucket - 64) % 32 + 32 + 1) << (power - 5)) - 1;
}

void load_note(struct load_histogram *histogram, double us)
{
	uint64_t whole = us < 0 ? 0 : (uint64_t)us;
	size_t bucket = bucket_of(whole);

	histogram->counts[bucket < LOAD_BUCKETS ? bucket : LOAD_BUCKETS - 1]++;
	histogram->count++;
	if (whole > histogram->max_us)
		histogram->max_us = whole;
}

uint64_t load_quantile(const struct load_histogram *histogram, double part)
{
	uint64_t wanted = (uint64_t)((double)histogram->count * part), seen = 0;

	for (size_t i = 0; i < LOAD_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen > wanted)
			return value_of(i) < histogram->max_us ? value_of(i) : histogram->max_us;
	}
	return histogram->max_us;
}

struct load_window *load_window(struct load *of, struct load_group *group, double due_us)
{
	return &group->windows[due_us >= of->begun_us + of->split_s * 1e6];
}

/* ---- time ---- */

/* Lets what has become due wait for a connection. */
static void fall_due(struct load_group *group)
{
	while (group->rate > 0 && group->next_due_us <= load.now_us) {
		struct load_window *window = load_window(&load, group, group->next_due_us);

		window->due++;
		if (group->due_count == LOAD_DUE_MAX) {
			window->skipped++;
		} else {
			size_t at = (group->due_at + group->due_count++) % LOAD_DUE_MAX;

			group->due_us[at] = group->next_due_us;
		}
		group->next_due_us += 1e6 / group->rate;
	}
}

bool load_asks(enum load_kind kind)
{
	return kind == LOAD_SIGN || kind == LOAD_ECHO || kind == LOAD_CHANGES ||
	       kind == LOAD_SUBMITS;
}

static bool has_begun(const struct load_group *group)
{
	return load.begun_us != 0 && load.now_us >= load.begun_us + group->start_s * 1e6;
}

/* One turn over all groups; `next_us` is when there is something to do at the latest. */
static void turn(double next_us, bool drip)
{
	for (size_t i = 0; i < load.group_count; i++) {
		struct load_group *group = &load.groups[i];

		if (!has_begun(group) || load.over)
			continue;
		fall_due(group);
		load_put_due(&load, group);
		if (drip)
			load_drip(group);
		if (group->rate > 0 && group->next_due_us < next_us)
			next_us = group->next_due_us;
	}
	load_turn(&load, next_us);
}

static void reconnect(bool all)
{
	for (size_t i = 0; i < load.group_count; i++)
		if (all || has_begun(&load.groups[i]) || load.groups[i].start_s == 0)
			load_connect(&load, &load.groups[i]);
}

static bool is_ready(void)
{
	for (size_t i = 0; i < load.group_count; i++) {
		const struct load_group *group = &load.groups[i];

		if (group->start_s == 0 && load_asks(group->kind) &&
		    group->free_count < group->connections)
			return false;
	}
	return true;
}

/* Connects the groups that are there from the beginning; attackers may be in the way of that. */
static void open_all(void)
{
	double until_us = load_now_us() + OPEN_MAX_S * 1e6;

	load.now_us = load_now_us();
	while (!is_ready()) {
		reconnect(false);
		load_turn(&load, load.now_us + AGAIN_US);
		if (load.now_us > until_us)
			load_give_up("not all could connect", "is the server alive?");
	}
}

static void begin_all(void)
{
	load.begun_us = load.now_us = load_now_us();
	for (size_t i = 0; i < load.group_count; i++) {
		struct load_group *group = &load.groups[i];

		group->next_due_us = load.begun_us + group->start_s * 1e6 + 1000.0 * (double)i;
	}
}

/* A group without a rate asks on every connection that is free. */
static void start_floods(void)
{
	for (size_t i = 0; i < load.group_count; i++) {
		struct load_group *group = &load.groups[i];

		if (group->rate != 0 || !has_begun(group) || !load_asks(group->kind))
			continue;
		for (size_t n = group->free_count; n > 0 && group->due_count < LOAD_DUE_MAX; n--) {
			group->due_us[(group->due_at + group->due_count++) % LOAD_DUE_MAX] =
			    load.now_us;
			load_put_due(&load, group);
		}
	}
}

static void run(void)
{
	double end_us, drip_us = 0, again_us = 0;

	begin_all();
	end_us = load.begun_us + load.seconds * 1e6;
	while (load.now_us < end_us) {
		bool drip = load.now_us >= drip_us;

		if (load.now_us >= again_us) {
			reconnect(false);
			start_floods();
			again_us = load.now_us + AGAIN_US / 4;
		}
		if (drip)
			drip_us = load.now_us + DRIP_US;
		turn(again_us < end_us ? again_us : end_us, drip);
	}
	load.over = true;
	end_us = load.now_us + DRAIN_MAX_S * 1e6;
	for (bool busy = true; busy && load.now_us < end_us;) {
		busy = false;
		for (size_t i = 0; i < load.group_count; i++)
			busy |= load_busy(&load.groups[i]) != 0;
		load_turn(&load, load.now_us + 10000);
	}
}

/* ---- what was seen ---- */

static void verify(struct load_group *group)
{
	for (size_t i = 0; i < group->kept_count; i++) {
		const struct load_kept *kept = &group->kept[i];
		const struct bench_plan *plan = &group->plans[kept->plan];
		uint8_t message[LIMIT_MESSAGE_MAX], space[64];
		struct buffer signature = BUFFER_OF_ARRAY(space);
		size_t len = bench_message(plan, kept->number, message);

		if (base64_decode(bytes_of_text(kept->signature), &signature) == STATUS_OK &&
		    signature.len == 64 &&
		    keys_verify(plan->address, bytes_of(message, len), space) == STATUS_OK)
			group->verified++;
		else
			group->bad_signatures++;
	}
}

static void print_histogram(const char *name, const struct load_histogram *histogram)
{
	printf("\"%s\":{\"count\":%llu,\"p50_us\":%llu,\"p90_us\":%llu,\"p99_us\":%llu,"
	       "\"p999_us\":%llu,\"max_us\":%llu}",
	       name, (unsigned long long)histogram->count,
	       (unsigned long long)load_quantile(histogram, 0.5),
	       (unsigned long long)load_quantile(histogram, 0.9),
	       (unsigned long long)load_quantile(histogram, 0.99),
	       (unsigned long long)load_quantile(histogram, 0.999),
	       (unsigned long long)histogram->max_us);
}

static void print_window(const char *name, const struct load_window *window)
{
	printf(",\"%s\":{\"due\":%llu,\"skipped\":%llu,", name, (unsigned long long)window->due,
	       (unsigned long long)window->skipped);
	print_histogram("done", &window->done);
	printf(",");
	print_histogram("refused", &window->refused);
	printf(",\"codes\":{");
	for (size_t i = 0; i < window->codes.count; i++)
		printf("%s\"%u %s\":%llu", i == 0 ? "" : ",", window->codes.rows[i].status,
		       window->codes.rows[i].code, (unsigned long long)window->codes.rows[i].count);
	printf("}}");
}

static void print_group(struct load_group *group)
{
	verify(group);
	printf("\"%s\":{\"opened\":%llu,\"shaken\":%llu,\"closed\":%llu,\"failed\":%llu,"
	       "\"open_at_end\":%llu,\"open_most\":%llu,\"unanswered\":%zu,\"verified\":%llu,"
	       "\"bad_signatures\":%llu",
	       group->name, (unsigned long long)group->opened, (unsigned long long)group->shaken,
	       (unsigned long long)group->closed, (unsigned long long)group->failed,
	       (unsigned long long)group->open_now, (unsigned long long)group->open_max,
	       load_busy(group) + group->due_count, (unsigned long long)group->verified,
	       (unsigned long long)group->bad_signatures);
	print_window("quiet", &group->windows[0]);
	print_window("loaded", &group->windows[1]);
	printf("}");
}

/* ---- words ---- */

static void read_channel(struct load_group *group, char *text)
{
	uint8_t deployment[32], key[32], space[1024];
	struct buffer parts[] = {BUFFER_OF_ARRAY(deployment), BUFFER_OF_ARRAY(key),
	                         BUFFER_OF_ARRAY(space)};
	struct authz_certificate certificate;

	for (size_t i = 0; i < 3; i++) {
		char *part = strsep(&text, ".");

		if (part == NULL || hex_decode(bytes_of_text(part), &parts[i]) != STATUS_OK)
			load_give_up("not three parts in hexadecimal", group->name);
	}
	if (authz_certificate_open(buffer_bytes(&parts[2]), key, &certificate) != STATUS_OK ||
	    certificate.role != AUTHZ_ROLE_AUTHORITY)
		load_give_up("no authority's certificate", group->name);
	memcpy(group->deployment, certificate.deployment, 32);
	memcpy(group->channel, certificate.key, 32);
}

static void read_word(struct load_group *group, char *word)
{
	char *value = strchr(word, '=');

	if (value != NULL)
		*value++ = '\0';
	if (strcmp(word, "strangers") == 0 && value == NULL)
		group->strangers = true;
	else if (value == NULL)
		load_give_up("not WORD=VALUE", word);
	else if (strcmp(word, "connections") == 0)
		group->connections = strtoul(value, NULL, 10);
	else if (strcmp(word, "rate") == 0)
		group->rate = strtod(value, NULL);
	else if (strcmp(word, "start") == 0)
		group->start_s = strtod(value, NULL);
	else if (strcmp(word, "plan") == 0)
		snprintf(group->plan_file, sizeof(group->plan_file), "%s", value);
	else if (strcmp(word, "channel") == 0)
		read_channel(group, value);
	else if (strcmp(word, "from") == 0)
		snprintf(group->from, sizeof(group->from), "%s", value);
	else
		load_give_up("no such word", word);
}

static void read_group(char *text)
{
	static const char *const kinds[LOAD_KIND_COUNT] = {"sign",    "echo",  "changes", "submits",
	                                                   "pipe",    "hello", "silent",  "idle",
	                                                   "headers", "body",  "reader"};
	struct load_group *group = &load.groups[load.group_count++];
	char *rest = text, *name = strsep(&rest, ":"), *kind = strsep(&rest, ":"), *word;
	size_t at = 0;

	CHECK(load.group_count < LOAD_GROUPS_MAX);
	while (kind != NULL && at < LOAD_KIND_COUNT && strcmp(kinds[at], kind) != 0)
		at++;
	if (kind == NULL || at == LOAD_KIND_COUNT)
		load_give_up("not NAME:KIND", text);
	snprintf(group->name, sizeof(group->name), "%s", name);
	group->kind = (enum load_kind)at;
	group->connections = 1;
	while ((word = strsep(&rest, ":")) != NULL)
		read_word(group, word);
	if (group->kind == LOAD_SIGN || group->kind == LOAD_ECHO) {
		group->plans = calloc(BENCH_PLANS_MAX, sizeof(*group->plans));
		CHECK(group->plans != NULL);
		group->plan_count = bench_plans_read(group->plan_file, group->plans);
		if (group->plan_count == 0)
			load_give_up("an empty plan", group->plan_file);
	}
	load_group_open(&load, group);
}

int main(int argc, char **argv)
{
	struct rlimit descriptors;

	if (argc < 7) {
		fprintf(stderr, "usage: load HOST PORT CA_FILE SECONDS SPLIT_SECONDS GROUP...\n");
		return 2;
	}
	CHECK(getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
	descriptors.rlim_cur = descriptors.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
	/* A server that closes while we write is what we came to see. */
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	keys_open();
	load.host = argv[1];
	load.port = argv[2];
	load.ca_file = argv[3];
	load.seconds = strtod(argv[4], NULL);
	load.split_s = strtod(argv[5], NULL);
	load_prepare(&load);
	for (int i = 6; i < argc; i++)
		read_group(argv[i]);
	open_all();
	run();
	printf("{");
	for (size_t i = 0; i < load.group_count; i++) {
		printf("%s", i == 0 ? "" : ",");
		print_group(&load.groups[i]);
	}
	printf("}\n");
	return 0;
}
