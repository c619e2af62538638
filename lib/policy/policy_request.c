/* policy_request: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_request.h"

#include "base_check.h"

_Static_assert(SOLANA_ACCOUNTS_MAX == POLICY_ACCOUNTS_MAX, "one bound");
_Static_assert(SOLANA_LOOKUPS_MAX <= POLICY_TABLES_MAX, "one bound");
_Static_assert(LIMIT_COUNTERS_MAX == POLICY_COUNTERS_MAX, "one bound");
/* Everything at its largest fits, so running out of room is our own mistake. */
_Static_assert(sizeof(struct policy_request) + LIMIT_MESSAGE_MAX +
                       POLICY_ACCOUNTS_MAX * sizeof(struct policy_account) +
                       SOLANA_INSTRUCTIONS_MAX * sizeof(struct policy_instruction) +
                       LIMIT_MESSAGE_MAX + POLICY_DERIVED_MAX * sizeof(struct policy_derived) +
                       POLICY_TABLES_MAX * sizeof(struct policy_table) +
                       POLICY_COUNTERS_MAX * sizeof(struct policy_counter) + POLICY_PARAMETERS_MAX +
                       64 <=
                   POLICY_REQUEST_MAX,
               "the largest request fits");

struct writer {
	uint8_t *data;
	uint32_t len;
	struct policy_request *head;
	const struct policy_input *in;
};

/* Takes room for `bytes` at the next multiple of 8, zeroed, and notes where in `ret_range`. */
static void *room(struct writer *w, size_t bytes, size_t count, struct policy_range *ret_range)
{
	uint32_t padded = (uint32_t)((bytes + 7) & ~(size_t)7);
	uint8_t *at = w->data + w->len;
	CHECK(padded <= POLICY_REQUEST_MAX - w->len);
	/* Only the padding needs zeros: the caller writes every byte it asked for. */
	if (padded != 0)
		memset(at + padded - 8, 0, 8);
	*ret_range = (struct policy_range){w->len, (uint32_t)count};
	w->len += padded;
	return at;
}

static void put(struct writer *w, const void *data, size_t bytes, size_t count,
                struct policy_range *ret_range)
{
	void *at = room(w, bytes, count, ret_range);
	if (bytes != 0)
		memcpy(at, data, bytes);
}

static const struct policy_pin *find_pin(const struct writer *w, const uint8_t *table)
{
	for (size_t i = 0; i < w->in->pin_count; i++)
		if (memcmp(w->in->pins[i].table, table, 32) == 0)
			return &w->in->pins[i];
	return NULL;
}

/* An entry beyond what the grant vouches for stays unknown: the table's authority may append. */
static const uint8_t *pinned_key(const struct writer *w, const struct solana_account *account)
{
	const struct policy_pin *pin = find_pin(w, solana_table_key(w->in->view, account->lookup));
	return pin != NULL && account->index < pin->known ? pin->entries[account->index] : NULL;
}

static void put_accounts(struct writer *w)
{
	const struct solana_view *view = w->in->view;
	size_t count = view->account_count;
	struct policy_account *out = room(w, count * sizeof(*out), count, &w->head->accounts);
	for (unsigned i = 0; i < count; i++) {
		const struct solana_account *from = &view->accounts[i];
		const uint8_t *key = solana_account_key(view, i);
		uint8_t source = POLICY_SOURCE_STATIC;
		if (key == NULL) {
			key = pinned_key(w, from);
			source = key == NULL ? POLICY_SOURCE_UNKNOWN : POLICY_SOURCE_PINNED;
		}
		out[i] = (struct policy_account){
		    .signer = (from->flags & SOLANA_ACCOUNT_SIGNER) != 0,
		    .writable = (from->flags & SOLANA_ACCOUNT_WRITABLE) != 0,
		    .source = source,
		};
		if (key != NULL) {
			memcpy(out[i].key, key, 32);
			out[i].wallet = memcmp(key, w->in->wallet, 32) == 0;
		}
	}
}

static void put_instructions(struct writer *w)
{
	const struct solana_view *view = w->in->view;
	size_t count = view->instruction_count, indexes = 0;
	struct policy_instruction *out =
	    room(w, count * sizeof(*out), count, &w->head->instructions);
	for (size_t i = 0; i < count; i++) {
		const struct solana_instruction *from = &view->instructions[i];
		out[i] = (struct policy_instruction){
		    .program = from->program,
		    .account_first = (uint32_t)indexes,
		    .account_count = from->accounts.len,
		    .data_off = w->head->message.off + from->data.offset,
		    .data_len = from->data.len,
		};
		indexes += from->accounts.len;
	}
	uint8_t *at = room(w, indexes, indexes, &w->head->indexes);
	for (size_t i = 0; i < count; i++) {
		struct bytes run = solana_range_bytes(view, view->instructions[i].accounts);
		if (run.len != 0)
			memcpy(at, run.data, run.len);
		at += run.len;
	}
}

static void put_tables(struct writer *w)
{
	const struct solana_view *view = w->in->view;
	struct policy_table *out =
	    room(w, view->lookup_count * sizeof(*out), view->lookup_count, &w->head->tables);
	for (unsigned i = 0; i < view->lookup_count; i++) {
		const struct policy_pin *pin = find_pin(w, solana_table_key(view, i));
		out[i] = (struct policy_table){.pinned = pin != NULL,
		                               .known = pin == NULL ? 0 : pin->known};
		memcpy(out[i].key, solana_table_key(view, i), 32);
	}
}

/* --- derived accounts */

struct derived {
	size_t count;
	bool full; /* one more would not fit */
	struct policy_derived entries[POLICY_DERIVED_MAX];
};

static void add_derived(struct derived *d, uint32_t account, const struct policy_ata *ata,
                        bool proven, bool parameter)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->entries[i].account == account &&
		    memcmp(d->entries[i].owner, ata->owner, 32) == 0 &&
		    memcmp(d->entries[i].mint, ata->mint, 32) == 0)
			return;
	if (d->count == POLICY_DERIVED_MAX) {
		d->full = true;
		return;
	}
	struct policy_derived *e = &d->entries[d->count++];
	*e = (struct policy_derived){
	    .account = account,
	    .owner_is_wallet = ata->owner_is_wallet,
	    .ownership_proven = ata->owner_is_wallet && proven,
	    .token_2022 = ata->token_2022,
	    .mint_is_parameter = parameter,
	};
	memcpy(e->owner, ata->owner, 32);
	memcpy(e->mint, ata->mint, 32);
	memcpy(e->token_program, ata->token_2022 ? policy_token_2022_program : policy_token_program,
	       32);
}

static void derive_parameters(struct writer *w, const struct policy_account *accounts,
                              struct derived *d)
{
	const struct policy_atas *atas = w->in->atas;
	if (atas == NULL)
		return;
	for (uint32_t i = 0; i < w->head->accounts.count; i++) {
		if (accounts[i].source == POLICY_SOURCE_UNKNOWN)
			continue;
		uint64_t first = load_le64(accounts[i].key);
		for (size_t j = 0; j < atas->count; j++)
			if (load_le64(atas->entries[j].address) == first &&
			    memcmp(atas->entries[j].address, accounts[i].key, 32) == 0)
				add_derived(d, i, &atas->entries[j], w->in->ownership_proven, true);
	}
}

/* What may be a mint: known, read-only, no signer, no program, nothing built in; or, `made`, a
 * writable signer that is neither the wallet nor the fee payer: a mint that this transaction makes.
 */
static bool may_be_mint(const struct writer *w, const struct policy_account *account,
                        uint32_t index, bool made)
{
	const struct solana_view *view = w->in->view;
	if (account->source == POLICY_SOURCE_UNKNOWN || account->signer != made ||
	    account->writable != made || (made && (index == 0 || account->wallet)))
		return false;
	for (size_t i = 0; i < view->instruction_count; i++)
		if (view->instructions[i].program == index)
			return false;
	return !policy_is_builtin(account->key);
}

static enum status derive_mint(struct writer *w, const struct policy_account *accounts,
                               const uint8_t *mint, struct derived *d, uint32_t *derivations)
{
	const uint8_t(*addresses)[32];
	enum status status = policy_mint_cached(w->in->mints, w->in->wallet, mint, w->in->sha256,
	                                        &addresses, derivations);
	if (status != STATUS_OK)
		return status;
	for (uint32_t i = 0; i < w->head->accounts.count; i++) {
		for (int second = 0; second < 2; second++) {
			struct policy_ata ata = {.owner_is_wallet = true, .token_2022 = second};
			if (accounts[i].source == POLICY_SOURCE_UNKNOWN ||
			    memcmp(accounts[i].key, addresses[second], 32) != 0)
				continue;
			memcpy(ata.owner, w->in->wallet, 32);
			memcpy(ata.mint, mint, 32);
			add_derived(d, i, &ata, w->in->ownership_proven, false);
		}
	}
	return STATUS_OK;
}

static enum status put_derived(struct writer *w, uint32_t *derivations)
{
	struct derived d;
	const struct policy_account *accounts = (const void *)(w->data + w->head->accounts.off);
	uint32_t seen = 0;
	d.count = 0;
	d.full = false;
	derive_parameters(w, accounts, &d);
	/* Those that are made come last: they take no place from the others. */
	uint32_t count = w->in->mints == NULL ? 0 : w->head->accounts.count;
	for (uint32_t n = 0; n < 2 * count; n++) {
		uint32_t i = n < count ? n : n - count;
		if (!may_be_mint(w, &accounts[i], i, n >= count))
			continue;
		if (seen++ == POLICY_MINTS_SEEN)
			break;
		enum status status = derive_mint(w, accounts, accounts[i].key, &d, derivations);
		if (status != STATUS_OK)
			return status;
	}
	if (d.full)
		return STATUS_TOO_LARGE;
	put(w, d.entries, d.count * sizeof(d.entries[0]), d.count, &w->head->derived);
	return STATUS_OK;
}

/* --- the whole */

static uint32_t format_of(enum solana_format format)
{
	switch (format) {
	case SOLANA_FORMAT_LEGACY:
		return POLICY_FORMAT_LEGACY;
	case SOLANA_FORMAT_V0:
		return POLICY_FORMAT_V0;
	case SOLANA_FORMAT_V1:
		return POLICY_FORMAT_V1;
	case SOLANA_FORMAT_OFFCHAIN_V1:
		return POLICY_FORMAT_OFFCHAIN_V1;
	}
	return POLICY_FORMAT_OFFCHAIN_V1;
}

static void put_fee(struct writer *w)
{
	const struct solana_fee_facts *fee = w->in->fee;
	w->head->fee = (struct policy_fee){
	    .signatures = fee->signature_count,
	    .precompile_signatures = fee->precompile_signatures,
	    .compute_unit_limit = fee->cu_limit,
	    .compute_unit_price = fee->cu_price_micro_lamports,
	    .priority_lamports = fee->priority_fee_lamports,
	    .worst_lamports = fee->worst_fee_lamports,
	};
}

static enum status put_message(struct writer *w, uint32_t *derivations)
{
	const struct solana_view *view = w->in->view;
	struct policy_request *head = w->head;
	int signer = solana_find_signer(view, w->in->wallet);
	if (signer == SOLANA_ABSENT)
		return STATUS_REFUSED;
	head->format = format_of(view->format);
	head->required_signatures = view->required_signatures;
	head->wallet_account = (uint32_t)signer;
	put(w, view->message.data, view->message.len, view->message.len, &head->message);
	if (view->kind == SOLANA_KIND_OFFCHAIN) {
		head->kind = POLICY_KIND_OFFCHAIN;
		head->text =
		    (struct policy_range){head->message.off + view->text.offset, view->text.len};
		return STATUS_OK;
	}
	CHECK(w->in->fee != NULL);
	head->kind = POLICY_KIND_TRANSACTION;
	head->nonce = solana_uses_nonce(view);
	memcpy(head->lifetime, solana_lifetime(view), 32);
	put_fee(w);
	put_accounts(w);
	put_instructions(w);
	put_tables(w);
	return put_derived(w, derivations);
}

enum status policy_request_encode(const struct policy_input *input, struct buffer *ret_request,
                                  uint32_t *ret_derivations)
{
	uint32_t derivations = 0;
	struct writer w = {ret_request->data, sizeof(struct policy_request),
	                   (void *)ret_request->data, input};
	CHECK(ret_request->len == 0 && ret_request->cap >= POLICY_REQUEST_MAX &&
	      (uintptr_t)ret_request->data % 8 == 0);
	CHECK(input->counter_count <= POLICY_COUNTERS_MAX && input->record.len % 8 == 0);
	memset(w.head, 0, sizeof(*w.head));
	w.head->magic = POLICY_REQUEST_MAGIC;
	w.head->abi = POLICY_ABI_VERSION;
	w.head->mode = (uint16_t)input->mode;
	w.head->flags = input->flags;
	memcpy(w.head->wallet, input->wallet, 32);
	w.head->time_low = input->time_low;
	w.head->time_high = input->time_high;
	if (input->view != NULL) {
		enum status status = put_message(&w, &derivations);
		if (status != STATUS_OK)
			return status;
	}
	put(&w, input->counters, input->counter_count * sizeof(*input->counters),
	    input->counter_count, &w.head->counters);
	put(&w, input->record.data, input->record.len, input->record.len, &w.head->parameters);
	w.head->len = w.len;
	ret_request->len = w.len;
	*ret_derivations = derivations;
	return STATUS_OK;
}
