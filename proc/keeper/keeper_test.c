/* What the keeper does and says over a lease's life: a DHCP server, a card and a clock that this
 * test plays, and the log lines as operators read them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base_test.h"
#include "log_line.h"
#include "net_card.h"
#include "net_dhcp.h"
#include "proc_site.h"
#include "proc_start.h"

/* What stands in the file with proc_body is in no library. */
#include "keeper.c" /* NOLINT(bugprone-suspicious-include) */

#define LEASE_S 3600u

static const uint8_t lender[4] = {10, 0, 0, 1}, old[4] = {10, 0, 0, 5}, other[4] = {10, 0, 0, 9};

/* What the server does with each question, in order; then the keeper is stopped. */
enum act { ACK_OLD, ACK_OTHER, NAK, SILENT, UNSENT, OFFER_OTHER };

static struct {
	const enum act *acts;
	size_t act_count, asked;
	int64_t now_ms;
	bool card_refuses;
	uint8_t question[NET_DHCP_REQUEST_LEN];
	bool answered;
	uint8_t to[16][4]; /* whom it asked; zeros: everybody */
	unsigned set, dropped;
	uint8_t address[4]; /* that the card has */
	char log[8192];
} play;

int clock_gettime(clockid_t which, struct timespec *ret_now)
{
	(void)which;
	*ret_now = (struct timespec){.tv_sec = play.now_ms / 1000,
	                             .tv_nsec = play.now_ms % 1000 * 1000000};
	return 0;
}

/* ---- the card ---- */

enum status net_card_open(struct net_card *of)
{
	*of = (struct net_card){
	    .name = "eth0", .hardware = {2, 0, 0, 0, 0, 1}
        };
	return STATUS_OK;
}

enum status net_card_set(const struct net_card *of, const uint8_t address[4], const uint8_t mask[4],
                         const uint8_t router[4])
{
	(void)of;
	(void)mask;
	(void)router;
	if (play.card_refuses)
		return STATUS_IO;
	play.set++;
	memcpy(play.address, address, 4);
	return STATUS_OK;
}

enum status net_card_drop(const struct net_card *of)
{
	(void)of;
	play.dropped++;
	return STATUS_OK;
}

enum status net_card_send(const struct net_card *of, const uint8_t *to, struct bytes message)
{
	(void)of;
	if (play.asked < play.act_count && to != NULL)
		memcpy(play.to[play.asked], to, 4);
	memcpy(play.question, message.data, message.len);
	play.answered = false;
	return play.asked++ < play.act_count && play.acts[play.asked - 1] == UNSENT ? STATUS_IO
	                                                                            : STATUS_OK;
}

static void put(struct buffer *out, uint8_t code, const void *value, uint8_t len)
{
	uint8_t head[2] = {code, len};

	(void)!buffer_put(out, bytes_of(head, 2));
	(void)!buffer_put(out, bytes_of(value, len));
}

enum status net_card_receive(const struct net_card *of, int wait_ms, struct buffer *ret_message)
{
	static const uint8_t mask[4] = {255, 255, 255, 0},
	                     lease[4] = {0, 0, LEASE_S >> 8, LEASE_S & 255};
	static const uint8_t cookie[4] = {99, 130, 83, 99}, end = 255;
	uint8_t head[240] = {2, 1, 6}, type;
	enum act act;

	(void)of;
	if (play.asked == 0 || play.asked > play.act_count || play.answered ||
	    (act = play.acts[play.asked - 1]) == SILENT || act == UNSENT) {
		play.now_ms += wait_ms;
		return STATUS_BUSY;
	}
	type = act == NAK ? NET_DHCP_NAK : act == OFFER_OTHER ? NET_DHCP_OFFER : NET_DHCP_ACK;
	play.answered = true;
	memcpy(head + 4, play.question + 4, 4);
	memcpy(head + 16, act == ACK_OLD ? old : other, 4);
	memcpy(head + 28, play.question + 28, 6);
	memcpy(head + 236, cookie, 4);
	(void)!buffer_put(ret_message, BYTES_OF_ARRAY(head));
	put(ret_message, 53, &type, 1);
	put(ret_message, 54, lender, 4);
	put(ret_message, 51, lease, 4);
	put(ret_message, 1, mask, 4);
	return buffer_put(ret_message, bytes_of(&end, 1));
}

/* ---- the process around it ---- */

void proc_keep_descriptor(struct proc *proc, int fd)
{
	(void)proc;
	(void)fd;
}

void proc_report_ready(struct proc *proc)
{
	(void)proc;
}

bool proc_stopping(void)
{
	return play.asked > play.act_count || play.now_ms > INT64_C(1000) * 1000000;
}

/* run plays one life of the keeper that begins with the old address. */
static void run(const enum act *acts, size_t count, bool card_refuses)
{
	static struct proc_site site;
	static struct proc proc;
	int ends[2];
	ssize_t got;

	memset(&play, 0, sizeof(play));
	play.acts = acts;
	play.act_count = count;
	play.card_refuses = card_refuses;
	play.now_ms = INT64_C(100000) * 1000;
	site = (struct proc_site){.lease_s = LEASE_S, .lease_got_ms = play.now_ms};
	memcpy(site.address, old, 4);
	memcpy(site.server, lender, 4);
	memcpy(site.mask, (uint8_t[]){255, 255, 255, 0}, 4);
	proc = (struct proc){.site_memory = &site};
	EXPECT(pipe2(ends, O_NONBLOCK) == 0);
	log_copy(ends[1]);
	EXPECT(proc_body.open(&proc) == STATUS_OK);
	EXPECT(proc_body.serve(&proc) == 0);
	got = read(ends[0], play.log, sizeof(play.log) - 1);
	play.log[got > 0 ? got : 0] = '\0';
	log_copy(0);
	close(ends[0]);
	close(ends[1]);
}

/* says: the log has a line of that level with these words. */
static bool says(const char *level, const char *words)
{
	char mark[256];

	snprintf(mark, sizeof(mark), "\"level\":\"%s\",\"process\":\"keeper\",%s", level, words);
	return strstr(play.log, mark) != NULL;
}

#define RUN_ACTS(refuses, ...)                                                                     \
	run((const enum act[]){__VA_ARGS__},                                                       \
	    sizeof((const enum act[]){__VA_ARGS__}) / sizeof(enum act), refuses)

static void test_a_lease_is_renewed_with_its_server_and_said_to_be(void)
{
	RUN_ACTS(false, ACK_OLD, ACK_OLD);
	EXPECT(says("info",
	            "\"event\":\"network.lease\",\"card\":\"eth0\",\"address\":\"10.0.0.5\","
	            "\"lease_s\":3600}"));
	EXPECT(memcmp(play.to[0], lender, 4) == 0 && memcmp(play.to[1], lender, 4) == 0);
	EXPECT(play.set == 0 && play.dropped == 0); /* the card knows it already */
}

static void test_another_address_is_set_and_warned_of(void)
{
	RUN_ACTS(false, ACK_OTHER, ACK_OTHER);
	EXPECT(says("warn", "\"event\":\"network.address\",\"card\":\"eth0\","
	                    "\"address\":\"10.0.0.9\",\"lease_s\":3600}"));
	EXPECT(
	    says("info", "\"event\":\"network.lease\",\"card\":\"eth0\",\"address\":\"10.0.0.9\""));
	EXPECT(play.set == 1 && memcmp(play.address, other, 4) == 0);
}

static void test_a_card_that_takes_no_address_is_an_error(void)
{
	RUN_ACTS(true, ACK_OTHER);
	EXPECT(says("error", "\"event\":\"network.refused\",\"card\":\"eth0\","
	                     "\"address\":\"10.0.0.9\""));
	EXPECT(strstr(play.log, "network.address") == NULL);
}

static void test_a_question_that_cannot_be_sent_is_said(void)
{
	RUN_ACTS(false, UNSENT, ACK_OLD);
	EXPECT(says("warn",
	            "\"event\":\"network.unasked\",\"card\":\"eth0\",\"address\":\"10.0.0.5\""));
	EXPECT(says("info", "\"event\":\"network.lease\""));
}

/* Nobody answers: its server is asked, then everybody; then the address goes, and another is found.
 */
static void test_an_address_whose_time_is_over_is_given_up_and_another_looked_for(void)
{
	static const uint8_t all[4];
	enum act acts[40];
	size_t first_to_all = 0, count = 0;

	for (size_t i = 0; i < 40; i++)
		acts[i] = SILENT;
	run(acts, 12, false);
	while (count < 12 && memcmp(play.to[count], lender, 4) == 0)
		count++;
	first_to_all = count;
	EXPECT(first_to_all > 0 && first_to_all < 12);
	for (; count < 12; count++)
		EXPECT(memcmp(play.to[count], all, 4) == 0);
	EXPECT(says("error",
	            "\"event\":\"network.lost\",\"card\":\"eth0\",\"address\":\"10.0.0.5\","
	            "\"lease_s\":0}"));
	EXPECT(play.dropped == 1);
}

static void test_a_refused_address_is_given_up_at_once_and_another_taken(void)
{
	RUN_ACTS(false, NAK, OFFER_OTHER, ACK_OTHER);
	EXPECT(
	    says("error", "\"event\":\"network.lost\",\"card\":\"eth0\",\"address\":\"10.0.0.5\""));
	EXPECT(says("warn", "\"event\":\"network.address\",\"card\":\"eth0\","
	                    "\"address\":\"10.0.0.9\",\"lease_s\":3600}"));
	EXPECT(play.dropped == 1 && play.set == 1);
}

int main(void)
{
	log_open("keeper", LOG_INFO);
	RUN(test_a_lease_is_renewed_with_its_server_and_said_to_be);
	RUN(test_another_address_is_set_and_warned_of);
	RUN(test_a_card_that_takes_no_address_is_an_error);
	RUN(test_a_question_that_cannot_be_sent_is_said);
	RUN(test_an_address_whose_time_is_over_is_given_up_and_another_looked_for);
	RUN(test_a_refused_address_is_given_up_at_once_and_another_taken);
	return test_summary();
}
