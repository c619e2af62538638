/* intent_judge: what the signer would say of many messages, for the tests of the intent library.
 *
 * Runs modules through lib/policy and the real engine (policy_run), and shows the request that the
 * module got, so that a second engine can run on the same bytes. Speaks frames on standard input
 * and output, each behind its length (u32, little-endian); answers in order:
 *
 *   'M' path                                  -> u32 module
 *   'G' u32 module, u8 flags (1 unproven, 2 nonce), wallet 32, nonce 32,
 *       u32 count and struct policy_counter each, u32 count and {table 32, u32 count, keys} each,
 *       values (CBOR)                         -> u32 grant, or 0xffffffff and why in words
 *   'D' u32 grant                         -> nothing: the grant is forgotten, its number free again
 *   'C' u32 grant, u8 flags (1 request), message
 *       -> u32 verdict, reason, instruction, fuel, request bytes, answer bytes, text bytes;
 *          struct policy_facts; u32 charges and struct policy_charge each; request; answer; text */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base_check.h"
#include "policy_run.h"

#define FRAME_MAX  65536
#define GRANTS_MAX 2048

static uint8_t in[FRAME_MAX];
static struct run_grant *grants[GRANTS_MAX];

/* Takes from the front of a frame; the frames are our own, so a short one is a bug. */
struct frame {
	const uint8_t *at;
	size_t left;
};

static const uint8_t *take(struct frame *f, size_t len)
{
	const uint8_t *at = f->at;
	CHECK(len <= f->left);
	f->at += len;
	f->left -= len;
	return at;
}

static uint32_t take32(struct frame *f)
{
	return load_le32(take(f, 4));
}

static void put(const void *bytes, size_t len)
{
	CHECK(fwrite(bytes, 1, len, stdout) == len);
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void open_module(struct frame *f)
{
	char path[4096];
	CHECK(f->left < sizeof(path));
	memcpy(path, f->at, f->left);
	path[f->left] = '\0';
	put32(4);
	put32((uint32_t)run_open(path));
}

static void take_pins(struct frame *f, struct run_grant *grant)
{
	grant->pin_count = take32(f);
	CHECK(grant->pin_count <= RUN_PINS);
	for (size_t i = 0; i < grant->pin_count; i++) {
		struct policy_pin *pin = &grant->pins[i];
		memcpy(pin->table, take(f, 32), 32);
		pin->known = take32(f);
		uint8_t(*entries)[32] = malloc(32 * (size_t)pin->known + 1);
		CHECK(entries != NULL);
		if (pin->known != 0)
			memcpy(entries, take(f, 32 * (size_t)pin->known), 32 * (size_t)pin->known);
		pin->entries = (const uint8_t(*)[32])entries;
	}
}

static void open_grant(struct frame *f)
{
	struct run_grant *grant = calloc(1, sizeof(*grant));
	struct policy_error error = {.text = ""};
	uint8_t wallet[32];
	uint32_t number = 0;
	while (number < GRANTS_MAX && grants[number] != NULL)
		number++;
	CHECK(grant != NULL && number < GRANTS_MAX);
	int module = (int)take32(f);
	uint8_t flags = *take(f, 1);
	grant->unproven = (flags & 1) != 0;
	grant->has_nonce = (flags & 2) != 0;
	memcpy(wallet, take(f, 32), 32);
	memcpy(grant->nonce, take(f, 32), 32);
	grant->counter_count = take32(f);
	CHECK(grant->counter_count <= RUN_COUNTERS);
	memcpy(grant->counters, take(f, grant->counter_count * sizeof(grant->counters[0])),
	       grant->counter_count * sizeof(grant->counters[0]));
	take_pins(f, grant);
	if (run_grant_cbor(grant, module, wallet, bytes_of(f->at, f->left), &error) != STATUS_OK) {
		put32(4 + (uint32_t)strlen(error.text));
		put32(UINT32_MAX);
		put(error.text, strlen(error.text));
		free(grant);
		return;
	}
	grants[number] = grant;
	put32(4);
	put32(number);
}

static void drop_grant(struct frame *f)
{
	uint32_t number = take32(f);
	CHECK(number < GRANTS_MAX && grants[number] != NULL);
	for (size_t i = 0; i < grants[number]->pin_count; i++)
		free(
		    (void *)(uintptr_t)grants[number]->pins[i].entries); /* ours, const to others */
	free(grants[number]);
	grants[number] = NULL;
	put32(0);
}

static void check(struct frame *f)
{
	static struct policy_decision d;
	uint32_t number = take32(f);
	bool wants_request = (*take(f, 1) & 1) != 0;
	CHECK(number < GRANTS_MAX && grants[number] != NULL);
	run_message(grants[number], bytes_of(f->at, f->left), POLICY_MODE_CHECK, 0, &d);
	struct bytes request = run_request_bytes(), answer = run_answer();
	if (!wants_request)
		request.len = answer.len = 0;
	put32((uint32_t)(7 * 4 + sizeof(d.facts) + 4 + d.charge_count * sizeof(d.charges[0]) +
	                 request.len + answer.len + d.text_len));
	put32(verdict_allows(d.verdict) ? 1 : 0);
	put32(d.reason);
	put32(d.instruction);
	put32((uint32_t)run_fuel());
	put32((uint32_t)request.len);
	put32((uint32_t)answer.len);
	put32(d.text_len);
	put(&d.facts, sizeof(d.facts));
	put32(d.charge_count);
	put(d.charges, d.charge_count * sizeof(d.charges[0]));
	put(request.data, request.len);
	put(answer.data, answer.len);
	put(d.text, d.text_len);
}

int main(void)
{
	uint32_t len;
	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		struct frame f = {in, len};
		CHECK(len >= 1 && len <= sizeof(in) && fread(in, 1, len, stdin) == len);
		switch (*take(&f, 1)) {
		case 'M':
			open_module(&f);
			break;
		case 'G':
			open_grant(&f);
			break;
		case 'D':
			drop_grant(&f);
			break;
		case 'C':
			check(&f);
			break;
		default:
			CHECK(false);
		}
		CHECK(fflush(stdout) == 0);
	}
	return 0;
}
