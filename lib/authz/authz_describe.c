/* authz_describe: the text of a change. Its words are part of the format: signer and client render
 * it apart, so changing one means a new version of the change object (spec/authorization.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"
#include "authz_text.h"
#include "base_check.h"
#include "base_encode.h"

#define LAMPORTS_PER_SOL UINT64_C(1000000000)

/* page is a text in the making; running out of room sticks. */
struct page {
	struct buffer *out;
	size_t start;
	enum status status;
};

static void put(struct page *page, struct bytes bytes)
{
	if (page->status == STATUS_OK)
		page->status = buffer_put(page->out, bytes);
	if (page->status == STATUS_OK && page->out->len - page->start > LIMIT_DESCRIPTION_MAX)
		page->status = STATUS_TOO_LARGE;
}

static void say(struct page *page, const char *text)
{
	put(page, bytes_of_text(text));
}

static void say_number(struct page *page, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	say(page, text);
}

static void say_hex(struct page *page, const uint8_t bytes[32])
{
	char text[HEX_LEN(32) + 1];

	hex_encode(bytes_of(bytes, 32), text);
	say(page, text);
}

static void say_address(struct page *page, const uint8_t address[32])
{
	char text[BASE58_LEN(32) + 1];

	CHECK(base58_encode(bytes_of(address, 32), text, sizeof(text)) == STATUS_OK);
	say(page, text);
}

/* say_time writes seconds since 1970 as UTC: the civil calendar from days (years from 0000-03-01 in
 * eras of 400 years). Later than the year 9999 it says the seconds. */
static void say_time(struct page *page, uint64_t time_s)
{
	uint64_t days = time_s / 86400 + 719468, rest = time_s % 86400;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t day_of_year = day - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day_of_year + 2) / 153;
	uint64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
	char text[64];

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	if (year > 9999)
		snprintf(text, sizeof(text), "%llu s after 1970", (unsigned long long)time_s);
	else
		snprintf(text, sizeof(text), "%04u-%02u-%02u %02u:%02u:%02u UTC", (unsigned)year,
		         (unsigned)month, (unsigned)day_of_month, (unsigned)(rest / 3600),
		         (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
	say(page, text);
}

/* say_sol writes lamports as SOL without trailing zeros. */
static void say_sol(struct page *page, uint64_t lamports)
{
	char text[32];
	size_t len;

	snprintf(text, sizeof(text), "%llu.%09llu",
	         (unsigned long long)(lamports / LAMPORTS_PER_SOL),
	         (unsigned long long)(lamports % LAMPORTS_PER_SOL));
	len = strlen(text);
	while (text[len - 1] == '0')
		len--;
	put(page, bytes_of(text, text[len - 1] == '.' ? len - 1 : len));
	say(page, " SOL");
}

static void say_counter(struct page *page, const char *head, const struct authz_counter_rule *rule)
{
	say(page, head);
	say_number(page, rule->id);
	say(page, ": at most ");
	say_number(page, rule->cap);
	if (rule->unit == AUTHZ_UNIT_LAMPORTS) {
		say(page, " lamports (");
		say_sol(page, rule->cap);
		say(page, ")");
	} else if (rule->unit == AUTHZ_UNIT_MINT) {
		say(page, " raw units of mint ");
		say_address(page, rule->mint);
	} else {
		say(page, " signatures");
	}
	say(page, rule->window == AUTHZ_WINDOW_HOUR  ? " in any hour"
	          : rule->window == AUTHZ_WINDOW_DAY ? " in any 24 hours"
	                                             : " in total");
}

static void say_list(struct page *page, const char *head, const uint8_t (*keys)[32], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		say(page, head);
		say_address(page, keys[i]);
	}
}

static void say_module(struct page *page, const struct authz_grant_body *body,
                       const struct authz_shown *shown)
{
	say(page, "\n- as far as module ");
	say_hex(page, body->module);
	say(page, " allows");
	switch (shown->module_kind) {
	case AUTHZ_MODULE_SHIPPED:
		say(page, "; known module ");
		put(page, shown->module_name);
		return;
	case AUTHZ_MODULE_INTENT:
		say(page, "; intent ");
		put(page, shown->module_name);
		say(page, "\n- " AUTHZ_OTHER_INTENT_TEXT);
		return;
	case AUTHZ_MODULE_CUSTOM:
		break;
	}
	say(page, "\n- " AUTHZ_CUSTOM_CODE_TEXT);
}

static void say_grant(struct page *page, struct bytes bytes, const struct authz_shown *shown)
{
	struct authz_grant_body body;

	CHECK(authz_grant_take(bytes, &body) == STATUS_OK);
	say(page, "\nClient ");
	say_hex(page, body.client);
	say(page, " may have messages signed:");
	say_module(page, &body, shown);
	if (body.not_before_s != 0) {
		say(page, "\n- not before ");
		say_time(page, body.not_before_s);
	}
	say(page, body.expires_s != 0 ? "\n- until " : "\n- without an end in time");
	if (body.expires_s != 0)
		say_time(page, body.expires_s);
	say(page, body.uses_max != 0 ? "\n- number of signatures at most "
	                             : "\n- any number of signatures");
	if (body.uses_max != 0)
		say_number(page, body.uses_max);
	for (size_t i = 0; i < body.counter_count; i++)
		say_counter(page, "\n- counter ", &body.counters[i]);
	if (body.counter_count == 0)
		say(page, "\n- no counters: nothing but the module limits amounts");
	say_list(page, "\n- also with durable nonce, whose signatures do not expire: ",
	         (const uint8_t(*)[32])body.nonce_accounts, body.nonce_account_count);
	for (size_t i = 0; i < body.pin_count; i++) {
		say(page, "\n- lookup table ");
		say_address(page, body.pins[i].table);
		say(page, " is trusted to hold, in its first ");
		say_number(page, body.pins[i].count);
		say(page, " entries, addresses with SHA-256 ");
		say_hex(page, body.pins[i].hash);
	}
	say_list(page, "\n- extra account ", (const uint8_t(*)[32])body.extra_accounts,
	         body.extra_account_count);
	say(page, "\n- bridge-trusted: where the client uses a token, who controls the bridge can "
	          "use it within these limits");
	say(page, "\nThe module says:\n");
	if (shown->module_text.len == 0)
		say(page, "| (nothing)");
	else if (page->status == STATUS_OK)
		page->status = authz_put_clean(shown->module_text, "| ", page->out);
	put(page, (struct bytes){0});
}

static void say_keys(struct page *page, const char *head, const struct authz_user_key *keys,
                     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		say(page, head);
		if (keys[i].kind == AUTHZ_KEY_ED25519) {
			say(page, " ed25519 ");
			say_address(page, keys[i].key);
			continue;
		}
		say(page, keys[i].kind == AUTHZ_KEY_TOTP           ? " one-time codes "
		          : keys[i].kind == AUTHZ_KEY_PASSKEY_P256 ? " passkey ES256 "
		                                                   : " passkey Ed25519 ");
		say_hex(page, keys[i].key);
	}
}

/* say_delay writes seconds as the largest unit that fits, so that 86400 reads "24 h". */
static void say_delay(struct page *page, const char *what, uint64_t delay_s)
{
	say(page, what);
	if (delay_s == 0) {
		say(page, " does not wait");
		return;
	}
	say(page, " waits ");
	say_number(page, delay_s % 3600 == 0 ? delay_s / 3600 : delay_s);
	say(page, delay_s % 3600 == 0 ? " h" : " s");
	say(page, ", and any one factor can cancel it");
}

static void say_delays(struct page *page, const struct authz_delays *delays)
{
	if (delays->has_delay)
		say_delay(page, "\n- what gives power", delays->delay_s);
	if (delays->has_export_delay)
		say_delay(page, "\n- handing over the private key", delays->export_delay_s);
}

static void say_limits(struct page *page, const struct authz_counter_rule *limits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		say_counter(page, "\n- limit ", &limits[i]);
}

static void say_what_limits_mean(struct page *page, const struct authz_counter_rule *limits,
                                 size_t count)
{
	bool has_window = false;

	for (size_t i = 0; i < count; i++)
		has_window |= limits[i].window != AUTHZ_WINDOW_TOTAL;
	if (count != 0)
		say(page,
		    "\n- custom code says itself what it spends: these limits hold as far as its "
		    "author is honest");
	if (has_window)
		say(page, "\n- nothing is signed with durable nonces: such signatures do not "
		          "expire, so an "
		          "hour or a day says nothing about when they are used");
}

static void say_birth(struct page *page, struct bytes bytes, bool is_import)
{
	struct authz_birth_body body;

	CHECK(authz_birth_take(bytes, is_import, &body) == STATUS_OK);
	if (is_import)
		say(page, "\n- imported: whoever knew its key before still knows it");
	say_keys(page, "\n- user key", body.user_keys, body.user_key_count);
	if (body.has_recovery) {
		say(page, "\n- recovery key ed25519 ");
		say_address(page, body.recovery);
	}
	if (body.has_escape) {
		say(page, "\n- escape copy of the wallet's key, for X25519 key ");
		say_address(page, body.escape);
	}
	say_delays(page, &body.delays);
	if (body.limit_count == 0)
		return;
	say(page, "\nLimits of the wallet, for all its grants together:");
	say_limits(page, body.limits, body.limit_count);
	say_what_limits_mean(page, body.limits, body.limit_count);
}

/* Which ones give power by this: those of the wallet's limits of now that go, or rise. A text that
 * was signed for others is not true any more (A5). */
static void say_limits_before(struct page *page, const struct authz_limit_body *body,
                              const struct authz_shown *shown)
{
	for (size_t i = 0; i < shown->limit_count; i++) {
		const struct authz_counter_rule *now = &shown->limits[i],
		                                *then = authz_limit_becomes(body, now);

		if (then == NULL)
			say_counter(page, "\n- taken away: limit ", now);
		else if (then->cap > now->cap)
			say_counter(page, "\n- raised from: limit ", now);
	}
}

static void say_wallet_limits(struct page *page, const struct authz_limit_body *body,
                              const struct authz_shown *shown)
{
	say(page,
	    body->limit_count != 0
	        ? "\nLimits of the wallet, for all its grants together, instead of those before:"
	        : "\nThe wallet has no limits of its own any more: each grant may spend all of its "
	          "own");
	say_limits(page, body->limits, body->limit_count);
	say_limits_before(page, body, shown);
	say_what_limits_mean(page, body->limits, body->limit_count);
}

static void say_limit(struct page *page, struct bytes bytes, const struct authz_shown *shown)
{
	struct authz_limit_body body;

	CHECK(authz_limit_take(bytes, &body) == STATUS_OK);
	if (body.of_wallet) {
		say_wallet_limits(page, &body, shown);
		return;
	}
	say(page, "\nGrant ");
	say_hex(page, body.grant);
	for (size_t i = 0; i < body.count; i++) {
		say(page, "\n- counter ");
		say_number(page, body.caps[i].id);
		say(page, ": cap becomes ");
		say_number(page, body.caps[i].cap);
		for (size_t j = 0; j < shown->limit_count; j++) {
			if (shown->limits[j].id != body.caps[i].id ||
			    shown->limits[j].cap >= body.caps[i].cap)
				continue;
			say(page, ", raised from ");
			say_number(page, shown->limits[j].cap);
		}
	}
}

static void say_factor(struct page *page, struct bytes bytes)
{
	struct authz_factor_body body;

	CHECK(authz_factor_take(bytes, &body) == STATUS_OK);
	say_keys(page, "\n- add user key", body.add, body.add_count);
	say_keys(page, "\n- remove user key", body.remove, body.remove_count);
	if (body.has_recovery) {
		say(page, "\n- the recovery key becomes ed25519 ");
		say_address(page, body.recovery);
	}
	if (body.drops_recovery)
		say(page, "\n- there is no recovery key any more");
	say_delays(page, &body.delays);
}

static void say_export(struct page *page, struct bytes bytes)
{
	struct authz_export_body body;

	CHECK(authz_export_take(bytes, &body) == STATUS_OK);
	say(page, "\nExport the private key to who holds X25519 key ");
	say_hex(page, body.recipient);
	say(page, body.format == AUTHZ_EXPORT_KEYPAIR  ? "\n- as a Solana keypair file"
	          : body.format == AUTHZ_EXPORT_BASE58 ? "\n- as base58 text"
	                                               : "\n- as PKCS#8");
	say(page, "\n- whoever has it can move everything, past every grant and limit; that cannot "
	          "be taken back");
}

static void say_id(struct page *page, const char *head, struct bytes bytes)
{
	uint8_t id[32];

	CHECK(authz_id_take(bytes, id) == STATUS_OK);
	say(page, head);
	say_hex(page, id);
}

static void say_body(struct page *page, uint8_t action, struct bytes body,
                     const struct authz_shown *shown)
{
	switch ((enum authz_action)action) {
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
		say_birth(page, body, action == AUTHZ_ACTION_IMPORT);
		break;
	case AUTHZ_ACTION_GRANT:
		say_grant(page, body, shown);
		break;
	case AUTHZ_ACTION_REVOKE:
		say_id(page, "\nRevoke grant ", body);
		break;
	case AUTHZ_ACTION_FREEZE:
		say(page, "\nFreeze: nothing more is signed");
		break;
	case AUTHZ_ACTION_UNFREEZE:
		say(page, "\nUnfreeze: its grants count again");
		break;
	case AUTHZ_ACTION_LIMIT:
		say_limit(page, body, shown);
		break;
	case AUTHZ_ACTION_FACTOR:
		say_factor(page, body);
		break;
	case AUTHZ_ACTION_EXPORT:
		say_export(page, body);
		break;
	case AUTHZ_ACTION_CANCEL:
		say_id(page, "\nCancel the change with SHA-256 ", body);
		break;
	case AUTHZ_ACTION_COUNT:
		break;
	}
}

/* say_wallet names a wallet; at birth its name is in the body, and CREATE has no address yet. */
static void say_wallet(struct page *page, const struct authz_change *change, size_t at,
                       const struct authz_shown *shown)
{
	bool is_import = change->action == AUTHZ_ACTION_IMPORT;
	struct authz_birth_body birth = {.name = shown->name};

	memcpy(birth.address, shown->address, 32);
	if (authz_action_is_birth(change->action))
		CHECK(authz_birth_take(change->entries[at].body, is_import, &birth) == STATUS_OK);
	say(page, "\nWallet ");
	put(page, birth.name);
	say(page, change->action == AUTHZ_ACTION_CREATE ? ", to be made" : " ");
	if (change->action != AUTHZ_ACTION_CREATE)
		say_address(page, birth.address);
}

size_t authz_same_body_end(const struct authz_change *change, size_t first)
{
	size_t end = first + 1;

	while (end < change->entry_count &&
	       bytes_equal(change->entries[first].body, change->entries[end].body))
		end++;
	return end;
}

enum status authz_describe(const struct authz_change *change, const struct authz_shown *shown,
                           struct buffer *ret_text)
{
	struct page page = {.out = ret_text, .start = ret_text->len};

	say(&page, "Deployment ");
	say_hex(&page, change->deployment);
	say(&page, "\nTo be done before ");
	say_time(&page, change->expires_s);
	for (size_t first = 0, end; first < change->entry_count; first = end) {
		end = authz_same_body_end(change, first);
		for (size_t i = first; i < end; i++)
			say_wallet(&page, change, i, &shown[i]);
		if (end - first > 1)
			say(&page, "\nEach of these wallets by itself:");
		say_body(&page, change->action, change->entries[first].body, &shown[first]);
	}
	if (page.status != STATUS_OK)
		ret_text->len = page.start;
	return page.status;
}
