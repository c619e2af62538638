/* policy_intent: intents decide real mainnet swaps as the hand-written policy does, with the same
 * facts. Mission S15; the C policy and the evaluator share no rule. With RUN_REQUESTS=FILE the
 * requests of Jupiter's swaps go there, for the bench. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_table.h"
#include "policy_intent.h"
#include "policy_real.h"

static const uint8_t *program_of(const struct real *real, const char *address)
{
	static uint8_t key[32];
	make_key(address, key);
	return memmem(real->message, real->len, key, 32);
}

static struct policy_decision by_policy, by_intent;

static bool same_tokens(void)
{
	if (by_policy.facts.token_count != by_intent.facts.token_count)
		return false;
	for (uint32_t i = 0; i < by_policy.facts.token_count; i++)
		if (memcmp(&by_policy.facts.tokens[i], &by_intent.facts.tokens[i],
		           sizeof(by_policy.facts.tokens[i])) != 0)
			return false;
	return true;
}

static void test_an_intent_decides_as_the_policy_does(void)
{
	static struct run_grant g;
	static struct real real;
	int policy = run_open(BUILD_DIR "/share/policies/swap.wasm");
	int jupiter = run_open(BUILD_DIR "/share/intents/jupiter-v6.wasm");
	int raydium = run_open(BUILD_DIR "/share/intents/raydium-amm-v4.wasm");
	unsigned count = 0, jupiters = 0;
	FILE *file = fopen(SOURCE_DIR "/tests/policy/real_swaps.txt", "r");
	EXPECT(file != NULL);
	while (file != NULL && read_real(file, &real)) {
		struct bytes message = bytes_of(real.message, real.len);
		bool through_jupiter =
		    program_of(&real, "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4") != NULL;
		int intent = through_jupiter ? jupiter : raydium;
		uint64_t limits[] = {INT64_MAX, 0};
		for (int step = 0; step < 3; step++) {
			uint64_t max_in = step == 0 ? INT64_MAX : limits[1] - (step == 2);
			grant_real(&real, intent, max_in, &g);
			run_message(&g, message, POLICY_MODE_CHECK, 0, &by_intent);
			if (getenv("RUN_REQUESTS") != NULL) {
				if (!through_jupiter)
					break;
				limits[1] = max_in;
				jupiters++;
				break;
			}
			grant_real(&real, policy, max_in, &g);
			run_message(&g, message, POLICY_MODE_CHECK, 0, &by_policy);
			EXPECT(by_intent.verdict.word == by_policy.verdict.word);
			if (verdict_allows(by_policy.verdict)) {
				/* The intent counts the larger rent where a table hides the token
				 * program. */
				uint64_t rent =
				    by_intent.facts.rent_lamports - by_policy.facts.rent_lamports;
				EXPECT(rent % (2282880 - 2039280) == 0 && rent <= 8 * 243600);
				EXPECT(by_policy.facts.lamports_out + rent ==
				       by_intent.facts.lamports_out);
				EXPECT(by_policy.facts.tip_lamports ==
				       by_intent.facts.tip_lamports);
				EXPECT(by_policy.facts.wrapped_lamports ==
				       by_intent.facts.wrapped_lamports);
				EXPECT(same_tokens());
			}
			if (step == 0) {
				limits[1] = by_policy.facts.tokens[0].amount;
				if (by_policy.facts.wrapped_lamports > limits[1])
					limits[1] = by_policy.facts.wrapped_lamports;
			}
			EXPECT(verdict_allows(by_policy.verdict) == (step != 2));
		}
		count++;
		jupiters += through_jupiter;
	}
	EXPECT(count >= 16 && jupiters >= 8);
	if (file != NULL)
		fclose(file);
}

static uint8_t module_space[LIMIT_MODULE_MAX], other_space[LIMIT_MODULE_MAX];

static struct bytes read_module(void)
{
	FILE *file = fopen(BUILD_DIR "/share/intents/wrap.wasm", "r");
	size_t len = file == NULL ? 0 : fread(module_space, 1, sizeof(module_space), file);
	EXPECT(len > 0);
	if (file != NULL)
		fclose(file);
	return bytes_of(module_space, len);
}

/* Of what is no intent of this build, and of a known one, there is nothing to say. */
static void test_no_reason_is_given_where_there_is_none(void)
{
	struct bytes module = read_module();
	struct policy_error error = {.text = "what was said before"};
	EXPECT(strcmp(policy_intent_name(module), "wrap") == 0);
	policy_intent_why(module, &error);
	EXPECT(error.text[0] == '\0');
	snprintf(error.text, sizeof(error.text), "what was said before");
	policy_intent_why(bytes_of(module.data, 8), &error);
	EXPECT(error.text[0] == '\0' && policy_intent_name(bytes_of(module.data, 8)) == NULL);
}

/* M6, A3: what anybody may send, in memory that ends where it ends. */
static void test_a_module_that_is_cut_off_is_no_intent(void)
{
	struct bytes module = read_module(), table, found;
	EXPECT(policy_intent_table(module, &table) == STATUS_OK);
	size_t end = (size_t)(table.data - module.data) + table.len;
	EXPECT(end < module.len);
	for (size_t len = 0; len < module.len;
	     len += len < 64 || len + 64 > end - table.len ? 1 : 61) {
		uint8_t *cut = malloc(len == 0 ? 1 : len);
		EXPECT(cut != NULL);
		memcpy(cut, module.data, len);
		EXPECT((policy_intent_table(bytes_of(cut, len), &found) == STATUS_OK) ==
		       (len >= end));
		if (len + 4 > end && len < end + 4)
			EXPECT(policy_intent_name(bytes_of(cut, len)) == NULL);
		free(cut);
	}
}

static void test_a_table_has_its_bound_and_a_module_its_room(void)
{
	static _Alignas(8) uint8_t longest[INTENT_TABLE_MAX + 1];
	struct bytes module = read_module(), table, found;
	struct buffer out = BUFFER_OF_ARRAY(other_space);
	EXPECT(policy_intent_table(module, &table) == STATUS_OK);
	memcpy(longest, table.data, table.len);
	for (size_t more = 0; more < 2; more++) {
		out.len = 0;
		EXPECT(policy_intent_module(bytes_of(longest, INTENT_TABLE_MAX + more), &out) ==
		       STATUS_OK);
		EXPECT((policy_intent_table(buffer_bytes(&out), &found) == STATUS_OK) ==
		       (more == 0));
		EXPECT(policy_intent_name(buffer_bytes(&out)) == NULL);
	}
	for (size_t before = 0; before < 10; before += 5) {
		out = (struct buffer){other_space, before + module.len, before};
		EXPECT(policy_intent_module(bytes_of(longest, table.len), &out) == STATUS_OK);
		EXPECT(out.len == before + module.len);
		EXPECT(memcmp(other_space + before, module.data, module.len) == 0);
		out = (struct buffer){other_space, before + module.len - 1, before};
		EXPECT(policy_intent_module(bytes_of(longest, table.len), &out) ==
		       STATUS_TOO_LARGE);
		EXPECT(out.len == before);
	}
}

static enum status whole_of(struct bytes rest, size_t room, struct buffer *out)
{
	*out = (struct buffer){other_space, room, 0};
	return policy_intent_whole(policy_intent_shared(), rest, out);
}

/* What the signer keeps of an intent gives the intent again, or nothing. */
static void test_a_module_comes_back_from_its_rest(void)
{
	static uint8_t kept[LIMIT_MODULE_MAX];
	struct bytes module = read_module(), shared = policy_intent_shared();
	uint8_t hash[32], found[32];
	struct buffer rest = BUFFER_OF_ARRAY(kept), out;
	for (uint8_t i = 0; i < 32; i++)
		hash[i] = (uint8_t)(i + 1);
	EXPECT(policy_intent_rest(module, hash, &rest) == STATUS_OK);
	size_t len = rest.len;
	EXPECT(len < module.len - shared.len / 2);
	EXPECT(policy_intent_is_rest(buffer_bytes(&rest), found) && memcmp(found, hash, 32) == 0);
	EXPECT(policy_intent_is_rest(bytes_of(kept, 44), found));
	EXPECT(!policy_intent_is_rest(bytes_of(kept, 43), found));
	EXPECT(!policy_intent_is_rest(module, found));
	EXPECT(whole_of(bytes_of(kept, len), module.len, &out) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), module));
	EXPECT(whole_of(bytes_of(kept, len), module.len - 1, &out) == STATUS_TOO_LARGE);
	EXPECT(whole_of(bytes_of(kept, 43), sizeof(other_space), &out) == STATUS_MALFORMED);
	for (size_t at = 0; at < 4; at++) { /* form, gap, reserved */
		uint8_t was = kept[at];
		kept[at] = at == 1 ? 255 : (uint8_t)(was + 1);
		EXPECT(whole_of(bytes_of(kept, at == 1 ? 44 + 254 : len), sizeof(other_space),
		                &out) == STATUS_MALFORMED);
		kept[at] = was;
	}
	uint32_t before = load_le32(kept + 4), segments = load_le32(kept + 8);
	uint32_t all = (uint32_t)shared.len;
	const uint32_t good[][2] =
	    {
	        {all, 0  },
                {0,   all}
        },
	               bad[][2] = {
	                   {all + 1, 0}, {0, all + 1}, {before, all - before + 1}, {1, all}};
	for (size_t i = 0; i < 2; i++) {
		store_le32(kept + 4, good[i][0]);
		store_le32(kept + 8, good[i][1]);
		kept[1] = 3;
		EXPECT(whole_of(bytes_of(kept, 44 + 3), all + 3, &out) == STATUS_OK);
		EXPECT(whole_of(bytes_of(kept, 44 + 2), all + 3, &out) == STATUS_MALFORMED);
	}
	for (size_t i = 0; i < 4; i++) {
		store_le32(kept + 4, bad[i][0]);
		store_le32(kept + 8, bad[i][1]);
		EXPECT(whole_of(bytes_of(kept, 44 + 3), sizeof(other_space), &out) ==
		       STATUS_MALFORMED);
	}
	EXPECT(segments > 0 && before + segments < all);
	rest = (struct buffer){kept, len, 0};
	EXPECT(policy_intent_rest(module, hash, &rest) == STATUS_OK && rest.len == len);
	for (size_t room = 0; room < len; room += room < 60 ? 1 : 97) {
		rest = (struct buffer){kept, room, 0};
		EXPECT(policy_intent_rest(module, hash, &rest) == STATUS_TOO_LARGE);
	}
	EXPECT(policy_intent_rest(bytes_of("\0asm\1\0\0\0", 8), hash, &rest) == STATUS_REFUSED);
}

int main(void)
{
	RUN(test_a_module_that_is_cut_off_is_no_intent);
	RUN(test_a_table_has_its_bound_and_a_module_its_room);
	RUN(test_a_module_comes_back_from_its_rest);
	RUN(test_no_reason_is_given_where_there_is_none);
	RUN(test_an_intent_decides_as_the_policy_does);
	return test_summary();
}
