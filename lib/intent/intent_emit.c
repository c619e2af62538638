/* intent_emit: the two passes, and the table from their parts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base_check.h"
#include "intent_build.h"

size_t intent_build_bytes(void)
{
	return sizeof(struct intent_build);
}

/* --- the head */

static bool take_formats(struct intent_build *b)
{
	struct intent_value v = intent_member(b->root, "formats");
	b->head.formats = b->rule_count != 0 ? 7 : 0;
	if (v.source == NULL)
		return true;
	if (!intent_is(v, INTENT_NODE_ARRAY) || intent_first(v).source == NULL ||
	    b->rule_count == 0)
		return intent_wrong(b->error, v, 0,
		                    "formats = [\"legacy\", \"v0\", \"v1\"] or some of them, "
		                    "for an intent with instructions");
	b->head.formats = 0;
	for (struct intent_value f = intent_first(v); f.source != NULL; f = intent_next(f)) {
		unsigned i = 0;
		while (i < INTENT_FORMATS &&
		       !(intent_is(f, INTENT_NODE_STRING) &&
		         bytes_equal(intent_string_of(f), bytes_of_text(intent_format_name(i)))))
			i++;
		if (i == INTENT_FORMATS)
			return intent_wrong(b->error, f, 0, "a format is legacy, v0 or v1");
		b->head.formats |= (uint8_t)(1u << i);
	}
	return true;
}

static bool take_payer(struct intent_build *b)
{
	struct bytes text = {NULL, 0};
	struct intent_value v = intent_member(b->root, "fee_payer");
	b->head.payer_kind = INTENT_IS_ANY;
	b->head.payer_given = INTENT_NONE;
	if (!intent_text_of(b->error, b->root, "fee_payer", false, &text))
		return false;
	if (text.data == NULL || bytes_equal(text, bytes_of_text("any")))
		return true;
	if (bytes_equal(text, bytes_of_text("other"))) {
		b->head.payer_kind = INTENT_PAYER_OTHER;
		return true;
	}
	struct build_name *n = build_find(b, text);
	if (bytes_equal(text, bytes_of_text("wallet"))) {
		b->head.payer_kind = INTENT_IS_WALLET;
	} else if (n != NULL && n->what == NAME_LIST) {
		b->head.payer_kind = INTENT_IN_LIST;
		b->head.payer_arg = n->index;
	} else if (n != NULL && n->what == NAME_PARAMETER &&
	           b->parameters[n->index].type == POLICY_TYPE_PUBKEY_LIST) {
		b->head.payer_kind = INTENT_IN_PARAM;
		b->head.payer_arg = b->parameters[n->index].record;
	} else if (n != NULL && n->what == NAME_PARAMETER &&
	           b->parameters[n->index].type == POLICY_TYPE_PUBKEY) {
		b->head.payer_kind = INTENT_IS_PARAM;
		b->head.payer_arg = b->parameters[n->index].record;
		if (b->parameters[n->index].need == POLICY_NEED_OPTIONAL)
			b->head.payer_given = n->index;
	} else {
		b->head.payer_kind = INTENT_IS_KEY;
		if (!build_key(b, text, &b->head.payer_arg))
			return intent_wrong(
			    b->error, v, 0,
			    "fee_payer is any, wallet, other, a key, list, parameter or address");
	}
	return true;
}

static bool bool_slot(struct intent_build *b, struct intent_value v, uint16_t *ret_slot)
{
	struct build_name *n =
	    intent_is(v, INTENT_NODE_STRING) ? build_find(b, intent_string_of(v)) : NULL;
	if (n == NULL || n->what != NAME_PARAMETER ||
	    b->parameters[n->index].type != POLICY_TYPE_BOOL)
		return intent_wrong(b->error, v, 0,
		                    "the name of a bool parameter is expected here");
	*ret_slot = build_number_slot(b, b->parameters[n->index].number);
	return true;
}

static bool take_permissions(struct intent_build *b)
{
	struct intent_value nonce = intent_member(b->root, "nonce");
	struct intent_value unproven = intent_member(b->root, "accept_unproven");
	b->head.nonce = b->head.unproven = INTENT_NONE;
	if (intent_is(nonce, INTENT_NODE_BOOL)) {
		if (intent_node(nonce)->number != 0 && !build_constant(b, 1, &b->head.nonce))
			return false;
	} else if (nonce.source != NULL && !bool_slot(b, nonce, &b->head.nonce)) {
		return false;
	}
	return unproven.source == NULL || bool_slot(b, unproven, &b->head.unproven);
}

static bool take_title(struct intent_build *b)
{
	struct bytes name = {NULL, 0}, text = {NULL, 0};
	uint64_t version = 0;
	if (!intent_number_of(b->error, b->root, "intent", 1, 1, &version))
		return false;
	if (version != 1)
		return intent_wrong(b->error, b->root, 0,
		                    "intent = 1 is missing: the language's version");
	if (!intent_text_of(b->error, b->root, "name", true, &name) ||
	    !intent_text_of(b->error, b->root, "text", true, &text))
		return false;
	bool good = name.len != 0 && name.len <= 32 && name.data[0] >= 'a' && name.data[0] <= 'z';
	for (size_t i = 0; i < name.len; i++)
		good &= (name.data[i] >= 'a' && name.data[i] <= 'z') ||
		        (name.data[i] >= '0' && name.data[i] <= '9') || name.data[i] == '-';
	if (!good)
		return intent_wrong(b->error, intent_member(b->root, "name"), 0,
		                    "name is small letters, digits and -, at most 32");
	good = text.len != 0 && text.len <= 120;
	for (size_t i = 0; i < text.len; i++)
		good &= text.data[i] >= 0x20 && text.data[i] <= 0x7e && text.data[i] != '"';
	if (!good)
		return intent_wrong(
		    b->error, intent_member(b->root, "text"), 0,
		    "text is one line of 1 to 120 printable ASCII characters without \"");
	return build_words(b, name, &b->head.name) && build_words(b, text, &b->head.title);
}

/* --- programs are found by a hash without collisions */

static bool hash_fits(struct intent_build *b, uint32_t multiplier, unsigned bits)
{
	memset(b->hash, 0, sizeof(b->hash));
	for (size_t i = 0; i < b->program_count; i++) {
		uint32_t at =
		    (load_le32(b->keys[b->programs[i].key] + 4) * multiplier) >> (32 - bits);
		if (b->hash[at] != 0)
			return false;
		b->hash[at] = (uint8_t)(i + 1);
	}
	return true;
}

static bool take_hash(struct intent_build *b)
{
	unsigned bits = 1;
	while ((1u << bits) < b->program_count)
		bits++;
	for (; bits <= 8; bits++) {
		uint32_t multiplier = 0x9e3779b1;
		for (unsigned tries = 0; tries < 4096; tries++) {
			multiplier = (multiplier * 1664525 + 1013904223) | 1;
			if (!hash_fits(b, multiplier, bits))
				continue;
			b->head.hash_multiplier = multiplier;
			b->head.hash_shift = (uint8_t)(32 - bits);
			b->hash_count = (size_t)1 << bits;
			return true;
		}
	}
	return intent_wrong(b->error, b->root, 0, "too many programs");
}

/* --- the table */

static bool put_part(struct intent_build *b, size_t *len, struct intent_part *part,
                     const void *data, size_t count, size_t bytes)
{
	*len = (*len + 7) & ~(size_t)7;
	if (*len + count * bytes > INTENT_TABLE_MAX)
		return intent_wrong(b->error, b->root, 0,
		                    "the intent is too large: its table would pass %d bytes",
		                    INTENT_TABLE_MAX);
	*part = (struct intent_part){(uint16_t)*len, (uint16_t)count};
	if (count != 0)
		memcpy(b->table + *len, data, count * bytes);
	*len += count * bytes;
	return true;
}

static bool put_parts(struct intent_build *b, size_t *len)
{
	static struct intent_param params[POLICY_FIELDS_MAX];
	static struct intent_field fields[POLICY_FIELDS_MAX];
	static uint64_t image[INTENT_SLOTS_MAX];
	struct intent_head *h = &b->head;
	memset(image, 0, sizeof(image));
	memcpy(image + INTENT_FIRST_SLOT / 8, b->constants, 8 * b->constant_count);
	for (size_t i = 0; i < b->parameter_count; i++) {
		const struct build_parameter *p = &b->parameters[i];
		bool number = p->type == POLICY_TYPE_BOOL || p->type == POLICY_TYPE_U64;
		fields[i] = (struct intent_field){
		    .record = p->record, .type = p->type, .unit = p->unit, .slot = INTENT_NONE};
		if (number) {
			fields[i].slot = build_number_slot(b, p->number);
			params[p->number] = (struct intent_param){p->record, fields[i].slot};
		}
		if (!build_words(b, p->name, &fields[i].name))
			return false;
	}
	return put_part(b, len, &h->hash, b->hash, b->hash_count, 1) &&
	       put_part(b, len, &h->programs, b->programs, b->program_count,
	                sizeof(b->programs[0])) &&
	       put_part(b, len, &h->rules, b->rules, b->rule_count, sizeof(b->rules[0])) &&
	       put_part(b, len, &h->ops, b->ops, b->op_count, sizeof(b->ops[0])) &&
	       put_part(b, len, &h->layouts, b->layouts.data, b->layouts.len, 1) &&
	       put_part(b, len, &h->enums, b->enums, b->enum_count, 2) &&
	       put_part(b, len, &h->keys, b->keys, b->key_count, 32) &&
	       put_part(b, len, &h->lists, b->lists, b->list_count, sizeof(b->lists[0])) &&
	       put_part(b, len, &h->image, image, INTENT_FIRST_SLOT / 8 + b->constant_count, 8) &&
	       put_part(b, len, &h->params, params, b->number_count, sizeof(params[0])) &&
	       put_part(b, len, &h->groups, b->groups, b->group_count, sizeof(b->groups[0])) &&
	       put_part(b, len, &h->checks, b->checks, b->check_count, sizeof(b->checks[0])) &&
	       put_part(b, len, &h->fields, fields, b->parameter_count, sizeof(fields[0])) &&
	       put_part(b, len, &h->names, b->slot_names, b->slot_name_count,
	                sizeof(b->slot_names[0])) &&
	       put_part(b, len, &h->messages, b->messages, b->message_count,
	                sizeof(b->messages[0])) &&
	       put_part(b, len, &h->words, b->words, b->word_count, 1) &&
	       put_part(b, len, &h->schema, b->schema, b->schema_len, 1);
}

/* What texts call the numbers of parameters and totals, with what computes came before. */
static bool name_numbers(struct intent_build *b)
{
	static struct intent_name sorted[INTENT_SLOTS_MAX];
	for (size_t i = 0; i < b->parameter_count; i++) {
		const struct build_parameter *p = &b->parameters[i];
		if ((p->type == POLICY_TYPE_BOOL || p->type == POLICY_TYPE_U64) &&
		    !build_name_slot(b, build_number_slot(b, p->number), p->name, p->unit))
			return false;
	}
	for (size_t i = 0; i < b->name_count; i++) {
		const struct build_name *n = &b->names[i];
		struct bytes unit = {NULL, 0};
		static const char *const units[] = {"", "lamports", "raw", "bps", "seconds"};
		unsigned u = 0;
		if (n->what != NAME_TOTAL)
			continue;
		if (!intent_text_of(b->error, n->at, "unit", false, &unit))
			return false;
		for (unsigned k = 1; k < 5; k++)
			if (unit.data != NULL && bytes_equal(unit, bytes_of_text(units[k])))
				u = k;
		if (!build_name_slot(b, build_total_slot(b, n->index), n->name, u))
			return false;
	}
	/* By slot; each slot has one name. */
	size_t count = 0;
	for (unsigned slot = 0; slot < INTENT_SLOTS_MAX; slot++)
		for (size_t i = 0; i < b->slot_name_count; i++)
			if (b->slot_names[i].slot == 8 * slot)
				sorted[count++] = b->slot_names[i];
	CHECK(count == b->slot_name_count);
	memcpy(b->slot_names, sorted, count * sizeof(sorted[0]));
	return true;
}

static bool run_pass(struct intent_build *b)
{
	b->rule_count = b->op_count = b->program_count = b->enum_count = b->check_count = 0;
	b->slot_name_count = b->message_count = b->temporary_count = b->layout_start_count = 0;
	b->layouts.len = 0;
	b->head = (struct intent_head){.magic = INTENT_MAGIC, .version = INTENT_VERSION};
	/* Operation 0 is none, so that index 0 can mean that there is none. */
	if (!build_op(b, (struct intent_op){INTENT_OP_NONE, 0, 0, 0, 0}) || !build_collect(b) ||
	    !take_title(b) || !build_rules(b) || !build_messages(b) || !take_formats(b) ||
	    !take_payer(b) || !take_permissions(b))
		return false;
	for (size_t i = 0; i < b->group_count; i++)
		b->groups[i].count = build_count_slot(b, b->groups[i].count);
	return true;
}

static bool finish(struct intent_build *b)
{
	struct intent_head *h = &b->head;
	size_t len = sizeof(*h);
	if (b->rule_count == 0 && b->message_count == 0)
		return intent_wrong(b->error, b->root, 0,
		                    "an intent without [[instruction]] and [[message]] "
		                    "allows nothing");
	if (!take_hash(b) || !name_numbers(b) || !build_schema(b))
		return false;
	h->record_bytes = b->record_bytes;
	h->numbers = build_number_slot(b, 0);
	h->counts = build_count_slot(b, 0);
	h->totals = build_total_slot(b, 0);
	h->temporaries = build_total_slot(b, b->total_count);
	h->slots = (uint16_t)(h->temporaries / 8 + b->temporary_count);
	memset(b->table, 0, sizeof(b->table));
	if (!put_parts(b, &len))
		return false;
	h->len = (uint16_t)len;
	memcpy(b->table, h, sizeof(*h));
	return true;
}

enum status intent_compile(struct intent_build *b, const struct intent_source *sources,
                           size_t source_count, solana_sha256_fn *sha256, struct buffer *ret_table,
                           struct intent_error *ret_error)
{
	struct policy_error why;
	CHECK(source_count != 0);
	memset(b, 0, sizeof(*b));
	*ret_error = (struct intent_error){.path = sources[source_count - 1].path};
	b->error = ret_error;
	b->sources = sources;
	b->source_count = source_count;
	b->sha256 = sha256;
	b->root = (struct intent_value){&sources[source_count - 1], 0};
	/* The first pass finds the constants, and which parameters name mints and owners. */
	if (!run_pass(b))
		return STATUS_REFUSED;
	b->constants_before = b->constant_count;
	b->last_pass = true;
	uint8_t roles[POLICY_FIELDS_MAX];
	for (size_t i = 0; i < b->parameter_count; i++)
		roles[i] = b->parameters[i].role;
	if (!run_pass(b))
		return STATUS_REFUSED;
	for (size_t i = 0; i < b->parameter_count; i++)
		if (b->parameters[i].role == POLICY_ROLE_NONE)
			b->parameters[i].role = roles[i];
	if (!finish(b))
		return STATUS_REFUSED;
	CHECK(b->constant_count == b->constants_before);
	struct bytes table = bytes_of(b->table, b->head.len);
	if (policy_intent_check(table, &why) != STATUS_OK) {
		intent_wrong(ret_error, why.rule != 0 ? b->rule_ats[why.rule - 1] : b->root, 0,
		             "%s", why.text);
		return STATUS_REFUSED;
	}
	return buffer_put(ret_table, table);
}
