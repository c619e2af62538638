/* policy_intent: intents decide real mainnet swaps as the hand-written policy does, with the same
 * facts. Mission S15; the C policy and the evaluator share no rule. With RUN_REQUESTS=FILE the
 * requests of Jupiter's swaps go there, for the bench. */
/* SPDX-License-Identifier: Apache-2.0 */
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

/* Of what is no intent of this build, and of a known one, there is nothing to say. */
static void test_no_reason_is_given_where_there_is_none(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct policy_error error = {"what was said before"};
	FILE *file = fopen(BUILD_DIR "/share/intents/wrap.wasm", "r");
	size_t len = file == NULL ? 0 : fread(module, 1, sizeof(module), file);
	EXPECT(len > 0 && strcmp(policy_intent_name(bytes_of(module, len)), "wrap") == 0);
	policy_intent_why(bytes_of(module, len), &error);
	EXPECT(error.text[0] == '\0');
	snprintf(error.text, sizeof(error.text), "what was said before");
	policy_intent_why(bytes_of(module, 8), &error);
	EXPECT(error.text[0] == '\0' && policy_intent_name(bytes_of(module, 8)) == NULL);
	if (file != NULL)
		fclose(file);
}

int main(void)
{
	RUN(test_no_reason_is_given_where_there_is_none);
	RUN(test_an_intent_decides_as_the_policy_does);
	return test_summary();
}
