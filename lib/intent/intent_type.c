/* intent_type: fields of instruction data to layouts.
 *
 * Runs of fields with fixed places are one skip; what has places to check or parts of changing
 * length becomes layout operations. An enum's variants with more than bytes to skip get layouts of
 * their own, which lie before the ones that use them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_build.h"

#include <stdio.h>

#define SIZE_MAX_BYTES 4096

/* A type's text while it is read. */
struct reader {
	struct intent_build *b;
	struct intent_value at; /* of the text */
	struct bytes text;
	size_t pos;
};

static bool put_byte(struct intent_build *b, struct build_bytes *out, unsigned byte)
{
	if (out->len == BUILD_LAYOUT_MAX)
		return intent_wrong(b->error, b->rule.at, 0, "the types are too large");
	out->data[out->len++] = (uint8_t)byte;
	return true;
}

static bool put16(struct intent_build *b, struct build_bytes *out, uint32_t value)
{
	return put_byte(b, out, value & 0xff) && put_byte(b, out, value >> 8 & 0xff);
}

/* Skips that follow each other become one. */
static bool put_skip(struct intent_build *b, struct build_bytes *out, uint32_t from, uint32_t bytes)
{
	if (bytes == 0)
		return true;
	if (out->len >= from + 3 && out->data[out->len - 3] == INTENT_L_SKIP) {
		/* Only when the three bytes are an operation, and no option's, which are there when
		 * it is: the last one begins at `from` or later. */
		uint32_t before = load_le16(out->data + out->len - 2);
		uint32_t at = from;
		while (at < out->len - 3)
			at += 1 + intent_layout_args(out->data[at]) +
			      (out->data[at] == INTENT_L_OPTION
			           ? (uint32_t)load_le16(out->data + at + 1)
			           : 0);
		if (at == out->len - 3 && before + bytes <= 0xffff) {
			before += bytes;
			out->data[out->len - 2] = (uint8_t)before;
			out->data[out->len - 1] = (uint8_t)(before >> 8);
			return true;
		}
	}
	return put_byte(b, out, INTENT_L_SKIP) && put16(b, out, bytes);
}

static struct bytes take_word(struct reader *r)
{
	while (r->pos < r->text.len && r->text.data[r->pos] == ' ')
		r->pos++;
	size_t start = r->pos;
	while (r->pos < r->text.len && r->text.data[r->pos] != ' ')
		r->pos++;
	return bytes_of(r->text.data + start, r->pos - start);
}

static bool is_word(struct bytes word, const char *text)
{
	return bytes_equal(word, bytes_of_text(text));
}

static bool digits(struct bytes word, uint32_t *ret)
{
	uint32_t value = 0;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9' || value > SIZE_MAX_BYTES)
			return false;
		value = value * 10 + (uint32_t)(word.data[i] - '0');
	}
	*ret = value;
	return word.len != 0 && value <= SIZE_MAX_BYTES;
}

static bool take_size(struct reader *r, uint32_t *ret)
{
	struct bytes word = take_word(r);
	if (digits(word, ret))
		return true;
	return intent_wrong(r->b->error, r->at, r->pos, "a number from 0 to %d is expected here",
	                    SIZE_MAX_BYTES);
}

/* MAX or MIN..MAX */
static bool take_bounds(struct reader *r, uint32_t *ret_min, uint32_t *ret_max)
{
	struct bytes word = take_word(r);
	*ret_min = 0;
	for (size_t i = 0; i + 1 < word.len; i++) {
		if (word.data[i] == '.' && word.data[i + 1] == '.') {
			if (digits(bytes_of(word.data, i), ret_min) &&
			    digits(bytes_of(word.data + i + 2, word.len - i - 2), ret_max) &&
			    *ret_min <= *ret_max)
				return true;
			return intent_wrong(r->b->error, r->at, r->pos,
			                    "MIN..MAX is expected here");
		}
	}
	if (digits(word, ret_max))
		return true;
	return intent_wrong(r->b->error, r->at, r->pos,
	                    "how many at most, a number, is expected here");
}

static uint32_t scalar_bytes(struct bytes word)
{
	static const struct {
		const char *name;
		uint32_t bytes;
	} scalars[] = {
	    {"u8",     1 },
            {"u16",    2 },
            {"u32",    4 },
            {"u64",    8 },
            {"u128",   16},
            {"i8",     1 },
	    {"i16",    2 },
            {"i32",    4 },
            {"i64",    8 },
            {"i128",   16},
            {"pubkey", 32}
        };
	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++)
		if (is_word(word, scalars[i].name))
			return scalars[i].bytes;
	return 0;
}

static bool put_type(struct reader *r, struct build_bytes *out, uint32_t from, unsigned depth,
                     uint16_t reason);

/* Fixed bytes without anything to check: the layout is one skip, or nothing. */
static bool is_plain(const struct build_bytes *layout, uint32_t from, uint32_t *ret_bytes)
{
	*ret_bytes = 0;
	if (layout->len == from)
		return true;
	if (layout->len != from + 3 || layout->data[from] != INTENT_L_SKIP)
		return false;
	*ret_bytes = (uint32_t)layout->data[from + 1] | (uint32_t)layout->data[from + 2] << 8;
	return true;
}

static bool patch16(struct build_bytes *out, uint32_t at, uint32_t value)
{
	out->data[at] = (uint8_t)value;
	out->data[at + 1] = (uint8_t)(value >> 8);
	return true;
}

/* The element's layout is made behind the head of the loop, and taken back when it is plain. */
static bool put_repeated(struct reader *r, struct build_bytes *out, unsigned depth, uint16_t reason,
                         uint32_t min, uint32_t max, bool counted)
{
	struct intent_build *b = r->b;
	uint32_t head = out->len, bytes;
	if (!put_byte(b, out, counted ? INTENT_L_LOOP : INTENT_L_REPEAT) ||
	    (counted && (!put16(b, out, min) || !put16(b, out, max) || !put16(b, out, 0))) ||
	    (!counted && !put16(b, out, max)))
		return false;
	uint32_t body = out->len;
	if (!put_type(r, out, body, depth + 1, reason))
		return false;
	if (is_plain(out, body, &bytes)) {
		out->len = head;
		if (!counted)
			return (uint64_t)bytes * max <= SIZE_MAX_BYTES
			           ? put_skip(b, out, head, bytes * max)
			           : intent_wrong(b->error, r->at, 0, "this array is too long");
		return put_byte(b, out, INTENT_L_RUN) && put16(b, out, min) && put16(b, out, max) &&
		       put16(b, out, bytes);
	}
	if (!counted && max == 0) {
		out->len = head;
		return true;
	}
	if (!put_byte(b, out, INTENT_L_NEXT))
		return false;
	return !counted || patch16(out, body - 2, out->len - body);
}

static bool put_literal(struct intent_build *b, struct build_bytes *out, struct intent_value value,
                        uint32_t bytes, uint16_t reason)
{
	uint64_t number = intent_node(value)->number;
	uint32_t width = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
	if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)
		return intent_wrong(b->error, value, 0,
		                    "a value is for u8, u16, u32, u64 and bool");
	if (bytes < 8 && number >> 8 * bytes != 0)
		return intent_wrong(b->error, value, 0, "this value does not fit the type");
	if (!put_byte(b, out, INTENT_L_LITERAL) || !put16(b, out, reason) ||
	    !put_byte(b, out, width))
		return false;
	for (unsigned i = 0; i < 8; i++)
		if (!put_byte(b, out, number >> 8 * i & 0xff))
			return false;
	return true;
}

/* One ["name", "type"] or ["name", "type", VALUE] inside a type. */
static bool put_inner_field(struct intent_build *b, struct intent_value field,
                            struct build_bytes *out, uint32_t from, unsigned depth, uint16_t reason)
{
	struct intent_value name = {NULL, 0}, type = {NULL, 0}, value = {NULL, 0};
	if (intent_is(field, INTENT_NODE_ARRAY)) {
		name = intent_first(field);
		type = name.source != NULL ? intent_next(name) : name;
		value = type.source != NULL ? intent_next(type) : type;
	}
	if (!intent_is(name, INTENT_NODE_STRING) || !intent_is(type, INTENT_NODE_STRING) ||
	    (value.source != NULL && intent_next(value).source != NULL))
		return intent_wrong(
		    b->error, field, 0,
		    "a field is [\"name\", \"type\"] or [\"name\", \"type\", VALUE]");
	struct reader r = {b, type, intent_string_of(type), 0};
	if (value.source != NULL) {
		struct bytes word = take_word(&r);
		uint32_t bytes = is_word(word, "bool") ? 1 : scalar_bytes(word);
		if (r.pos != r.text.len || bytes == 0 ||
		    (!intent_is(value, INTENT_NODE_INTEGER) && !intent_is(value, INTENT_NODE_BOOL)))
			return intent_wrong(
			    b->error, value, 0,
			    "a value is a number or true or false, of a number or bool");
		return put_literal(b, out, value, bytes, reason);
	}
	if (!put_type(&r, out, from, depth, reason))
		return false;
	if (take_word(&r).len != 0)
		return intent_wrong(b->error, type, r.pos, "the type ends before this");
	return true;
}

static bool put_struct(struct intent_build *b, struct intent_value fields, struct build_bytes *out,
                       uint32_t from, unsigned depth, uint16_t reason)
{
	if (fields.source == NULL)
		return true;
	if (!intent_is(fields, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, fields, 0,
		                    "fields = [[\"name\", \"type\"], ...] is expected");
	for (struct intent_value f = intent_first(fields); f.source != NULL; f = intent_next(f))
		if (!put_inner_field(b, f, out, from, depth, reason))
			return false;
	return true;
}

/* Appends a layout to the table's; one that is there already is used again. */
static bool add_layout(struct intent_build *b, const struct build_bytes *layout, uint32_t *ret_off)
{
	for (size_t i = 0; i < b->layout_start_count; i++) {
		uint32_t at = b->layout_starts[i];
		if (layout->len <= b->layouts.len - at &&
		    memcmp(b->layouts.data + at, layout->data, layout->len) == 0) {
			*ret_off = at;
			return true;
		}
	}
	if (b->layouts.len + layout->len > BUILD_LAYOUT_MAX ||
	    b->layout_start_count == INTENT_LAYOUTS_MAX)
		return intent_wrong(b->error, b->rule.at, 0, "the types are too large");
	*ret_off = b->layouts.len;
	b->layout_starts[b->layout_start_count++] = (uint16_t)b->layouts.len;
	memcpy(b->layouts.data + b->layouts.len, layout->data, layout->len);
	b->layouts.len += layout->len;
	return true;
}

static bool take_variant(struct intent_build *b, struct intent_value v, uint16_t *entries,
                         unsigned depth, uint16_t reason)
{
	struct build_bytes *out = &b->scratch[depth];
	struct bytes name = {NULL, 0};
	uint64_t tag = 256;
	uint32_t bytes, off;
	if (!intent_keys(b->error, v, "tag name fields") ||
	    !intent_text_of(b->error, v, "name", true, &name) ||
	    !intent_number_of(b->error, v, "tag", 0, 255, &tag))
		return false;
	if (tag == 256)
		return intent_wrong(b->error, v, 0, "\"tag\" is missing: 0 to 255");
	if (entries[tag] != INTENT_ENUM_REFUSED)
		return intent_wrong(b->error, v, 0, "tag %u stands twice", (unsigned)tag);
	out->len = 0;
	if (!put_struct(b, intent_member(v, "fields"), out, 0, depth + 1, reason))
		return false;
	if (is_plain(out, 0, &bytes)) {
		entries[tag] = (uint16_t)bytes;
		return true;
	}
	if (!put_byte(b, out, INTENT_L_RETURN) || !add_layout(b, out, &off))
		return false;
	entries[tag] = (uint16_t)(INTENT_ENUM_LAYOUT + off);
	return true;
}

static bool take_refused(struct intent_build *b, struct intent_value refused,
                         const uint16_t *entries)
{
	if (refused.source == NULL)
		return true;
	if (!intent_is(refused, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, refused, 0, "refused = [tag, ...] is expected");
	for (struct intent_value v = intent_first(refused); v.source != NULL; v = intent_next(v))
		if (!intent_is(v, INTENT_NODE_INTEGER) || intent_node(v)->number > 255 ||
		    entries[intent_node(v)->number] != INTENT_ENUM_REFUSED)
			return intent_wrong(
			    b->error, v, 0,
			    "a tag from 0 to 255 that is no variant is expected here");
	return true;
}

/* Emits an enum's entries once in a pass. */
static bool emit_enum(struct intent_build *b, struct build_name *type, unsigned depth,
                      uint16_t reason)
{
	uint16_t entries[256];
	struct intent_value variants = intent_member(type->at, "variants");
	uint32_t last = 0;
	if (type->emitted)
		return true;
	for (unsigned i = 0; i < 256; i++)
		entries[i] = INTENT_ENUM_REFUSED;
	if (!intent_is(variants, INTENT_NODE_ARRAY) || intent_first(variants).source == NULL)
		return intent_wrong(b->error, type->at, 0,
		                    "variants = [{ tag, name, fields }, ...] is expected");
	for (struct intent_value v = intent_first(variants); v.source != NULL; v = intent_next(v))
		if (!take_variant(b, v, entries, depth, reason))
			return false;
	if (!take_refused(b, intent_member(type->at, "refused"), entries))
		return false;
	for (uint32_t i = 0; i < 256; i++)
		if (entries[i] != INTENT_ENUM_REFUSED)
			last = i;
	if (b->enum_count + last + 2 > BUILD_ENUMS_MAX)
		return intent_wrong(b->error, type->at, 0, "the enums are too large");
	type->enum_ = (uint16_t)b->enum_count;
	b->enums[b->enum_count++] = (uint16_t)(last + 1);
	memcpy(b->enums + b->enum_count, entries, 2 * (last + 1));
	b->enum_count += last + 1;
	type->emitted = true;
	return true;
}

static bool put_named(struct reader *r, struct bytes word, struct build_bytes *out, uint32_t from,
                      unsigned depth, uint16_t reason)
{
	struct intent_build *b = r->b;
	struct build_name *type = build_find_type(b, word);
	if (type == NULL)
		return intent_wrong(b->error, r->at, r->pos - word.len + 1,
		                    "\"%.*s\" is no type; spec/intent.md, 2, lists them",
		                    word.len > 40 ? 40 : (int)word.len, (const char *)word.data);
	reason = POLICY_REASON_DATA; /* of this type alone, not of those around it */
	if (!intent_keys(b->error, type->at, "fields variants refused reason") ||
	    !build_reason(b, type->at, &reason))
		return false;
	bool fields = intent_member(type->at, "fields").source != NULL;
	if (fields == (intent_member(type->at, "variants").source != NULL))
		return intent_wrong(b->error, type->at, 0,
		                    "a type has either fields (a struct) or variants (an enum)");
	if (fields)
		return put_struct(b, intent_member(type->at, "fields"), out, from, depth + 1,
		                  reason);
	return emit_enum(b, type, depth, reason) && put_byte(b, out, INTENT_L_ENUM) &&
	       put16(b, out, reason) && put16(b, out, type->enum_);
}

/* put_type reads one type and appends its layout; `from` is where the fields around it begin. */
static bool put_type(struct reader *r, struct build_bytes *out, uint32_t from, unsigned depth,
                     uint16_t reason)
{
	struct intent_build *b = r->b;
	struct bytes word = take_word(r);
	uint32_t min = 0, max = 0, bytes = scalar_bytes(word);
	if (depth >= BUILD_DEPTH_MAX)
		return intent_wrong(b->error, r->at, 0,
		                    "types nest too deep, or a type is in itself");
	if (bytes != 0)
		return put_skip(b, out, from, bytes);
	if (is_word(word, "bool"))
		return put_byte(b, out, INTENT_L_LESS) && put16(b, out, 2);
	if (is_word(word, "bytes"))
		return take_size(r, &max) && put_skip(b, out, from, max);
	if (is_word(word, "array"))
		return take_size(r, &max) && put_repeated(r, out, depth, reason, 0, max, false);
	if (is_word(word, "vec"))
		return take_bounds(r, &min, &max) &&
		       put_repeated(r, out, depth, reason, min, max, true);
	if (is_word(word, "string"))
		return take_size(r, &max) && put_byte(b, out, INTENT_L_RUN) && put16(b, out, 0) &&
		       put16(b, out, max) && put16(b, out, 1);
	if (is_word(word, "seed"))
		return take_size(r, &max) && put_byte(b, out, INTENT_L_SEED) && put16(b, out, max);
	if (is_word(word, "option")) {
		if (!put_byte(b, out, INTENT_L_OPTION) || !put16(b, out, 0))
			return false;
		uint32_t body = out->len;
		return put_type(r, out, body, depth + 1, reason) &&
		       patch16(out, body - 2, out->len - body);
	}
	return put_named(r, word, out, from, depth, reason);
}

/* --- an instruction's fields */

/* Where the next field lies. */
struct place {
	uint32_t segment, offset;
	bool fixed; /* everything so far has its place and needs no layout but bools */
};

static struct build_local *add_local(struct intent_build *b, struct intent_value at,
                                     struct bytes name)
{
	static struct build_local unnamed;
	struct build_rule *rule = &b->rule;
	if (name.len == 1 && name.data[0] == '_') {
		unnamed = (struct build_local){.slot = INTENT_NONE};
		return &unnamed;
	}
	if (!build_is_name(name, false) || build_find(b, name) != NULL ||
	    build_local(b, name) != NULL) {
		intent_wrong(
		    b->error, at, 0,
		    "\"%.*s\" is no name for this: small letters, digits and _, not used yet",
		    name.len > 40 ? 40 : (int)name.len, (const char *)name.data);
		return NULL;
	}
	if (rule->local_count == sizeof(rule->locals) / sizeof(rule->locals[0])) {
		intent_wrong(b->error, at, 0, "too many fields and accounts in one instruction");
		return NULL;
	}
	struct build_local *local = &rule->locals[rule->local_count++];
	*local = (struct build_local){.name = name, .slot = INTENT_NONE};
	return local;
}

/* A value or key that a top-level field must have. */
static bool put_demand(struct intent_build *b, struct intent_value value, const struct place *p,
                       uint32_t bytes, bool key)
{
	uint32_t width = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
	uint16_t slot, arg, given;
	unsigned kind;
	if (key && intent_is(value, INTENT_NODE_TABLE))
		return intent_keys(b->error, value, "is in") &&
		       build_requirement(b, value, false, &kind, &arg, &given) &&
		       build_op(b, (struct intent_op){INTENT_OP_FIELD_KEY,
		                                      (uint8_t)(p->segment | kind << 4),
		                                      (uint16_t)p->offset, arg, given});
	if (key ||
	    (!intent_is(value, INTENT_NODE_INTEGER) && !intent_is(value, INTENT_NODE_BOOL)) ||
	    (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
		return intent_wrong(
		    b->error, value, 0,
		    "a number or true or false for numbers, { is = ... } or { in = ... } for "
		    "a pubkey is expected");
	return build_constant(b, intent_node(value)->number, &slot) &&
	       build_op(b, (struct intent_op){INTENT_OP_LITERAL, (uint8_t)(p->segment | width << 4),
	                                      (uint16_t)p->offset, slot, POLICY_REASON_DATA});
}

static bool next_segment(struct intent_build *b, struct build_bytes *out, struct place *p,
                         struct intent_value at)
{
	if (++p->segment == INTENT_SEGMENTS_MAX)
		return intent_wrong(b->error, at, 0, "too many fields of changing length");
	p->offset = 0;
	p->fixed = false;
	return put_byte(b, out, INTENT_L_SEGMENT);
}

static bool at_segment(struct build_local *local, const struct place *p)
{
	local->segment = (uint8_t)p->segment;
	return true;
}

/* Whether a field may stand behind one that can be missing: it can be missing itself. */
static bool may_be_missing(struct intent_value field)
{
	struct intent_value name = {NULL, 0}, type = {NULL, 0};
	if (intent_is(field, INTENT_NODE_ARRAY))
		name = intent_first(field);
	if (name.source != NULL)
		type = intent_next(name);
	if (type.source == NULL || !intent_is(type, INTENT_NODE_STRING))
		return false;
	struct reader r = {NULL, type, intent_string_of(type), 0};
	struct bytes word = take_word(&r);
	return is_word(word, "tail") || is_word(word, "rest");
}

static bool take_field(struct intent_build *b, struct intent_value field, struct build_bytes *out,
                       struct place *p, uint32_t *from)
{
	struct intent_value name = {NULL, 0}, type = {NULL, 0}, value = {NULL, 0};
	if (intent_is(field, INTENT_NODE_ARRAY)) {
		name = intent_first(field);
		type = name.source != NULL ? intent_next(name) : name;
		value = type.source != NULL ? intent_next(type) : type;
	}
	if (!intent_is(name, INTENT_NODE_STRING) || !intent_is(type, INTENT_NODE_STRING) ||
	    (value.source != NULL && intent_next(value).source != NULL))
		return intent_wrong(
		    b->error, field, 0,
		    "a field is [\"name\", \"type\"], perhaps with a value behind it");
	struct build_local *local = add_local(b, name, intent_string_of(name));
	if (local == NULL)
		return false;
	struct reader r = {b, type, intent_string_of(type), 0};
	struct bytes word = take_word(&r);
	struct intent_value next = intent_next(field);
	bool last = next.source == NULL;
	bool tail = is_word(word, "tail"), rest = is_word(word, "rest");
	if ((rest && !last) || (tail && !last && !may_be_missing(next)))
		return intent_wrong(b->error, type, 0, "%s is for the last field%s",
		                    tail ? "tail" : "rest",
		                    tail ? ", or before a tail or a rest" : "");
	if (rest) {
		uint32_t most;
		local->left = true;
		return next_segment(b, out, p, type) && take_size(&r, &most) &&
		       put_byte(b, out, INTENT_L_REST) && put16(b, out, most) &&
		       at_segment(local, p);
	}
	if (tail) {
		if (!next_segment(b, out, p, type) || !put_byte(b, out, INTENT_L_TAIL))
			return false;
		*from = out->len;
		local->left = at_segment(local, p);
		word = take_word(&r);
	}
	bool truth = is_word(word, "bool"), key = is_word(word, "pubkey");
	uint32_t bytes = truth ? 1 : scalar_bytes(word), start = out->len, plain;
	if (bytes != 0 && take_word(&r).len != 0)
		return intent_wrong(b->error, type, r.pos, "the type ends before this");
	if (bytes != 0) {
		if (value.source != NULL && tail)
			return intent_wrong(b->error, value, 0, "a tail has no value of its own");
		if (value.source != NULL && !put_demand(b, value, p, bytes, key))
			return false;
		local->loadable = truth || (bytes <= 8 && word.data[0] == 'u');
		local->tail = tail;
		local->segment = (uint8_t)p->segment;
		local->offset = (uint16_t)p->offset;
		local->width = bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
		if (truth && p->fixed &&
		    !build_op(b, (struct intent_op){INTENT_OP_LESS, (uint8_t)p->segment,
		                                    (uint16_t)p->offset, 2, 0}))
			return false;
		p->offset += bytes;
		return truth ? put_byte(b, out, INTENT_L_LESS) && put16(b, out, 2)
		             : put_skip(b, out, *from, bytes);
	}
	if (value.source != NULL)
		return intent_wrong(b->error, value, 0,
		                    "a value is for numbers, bools and pubkeys");
	r.pos -= word.len;
	if (!put_type(&r, out, start, 0, POLICY_REASON_DATA))
		return false;
	if (take_word(&r).len != 0)
		return intent_wrong(b->error, type, r.pos, "the type ends before this");
	if (is_plain(out, start, &plain)) {
		out->len = start;
		p->offset += plain;
		return put_skip(b, out, *from, plain);
	}
	p->fixed = false;
	if (!last && !next_segment(b, out, p, type))
		return false;
	*from = out->len;
	return true;
}

bool build_fields(struct intent_build *b, struct intent_rule *rule, struct intent_value fields,
                  uint32_t prefix)
{
	struct build_bytes *out = &b->scratch[BUILD_DEPTH_MAX];
	struct place p = {0, prefix, true};
	uint32_t from = 0, off;
	out->len = 0;
	rule->data_len = (uint16_t)prefix;
	if (fields.source != NULL && !intent_is(fields, INTENT_NODE_ARRAY))
		return intent_wrong(b->error, fields, 0,
		                    "fields = [[\"name\", \"type\"], ...] is expected");
	struct intent_value f = {NULL, 0};
	if (fields.source != NULL)
		f = intent_first(fields);
	for (; f.source != NULL; f = intent_next(f)) {
		if (!take_field(b, f, out, &p, &from))
			return false;
		/* Places have 16 bits: more would be read as less. */
		if (p.offset > prefix + SIZE_MAX_BYTES)
			return intent_wrong(b->error, f, 0,
			                    "the data up to here is longer than any transaction's");
		if (p.segment == 0)
			rule->data_len = (uint16_t)p.offset;
	}
	rule->segments = (uint8_t)(p.segment + 1);
	if (p.fixed) {
		rule->flags |= INTENT_RULE_FIXED;
		return true;
	}
	if (!put_byte(b, out, INTENT_L_END) || !add_layout(b, out, &off))
		return false;
	rule->layout = (uint16_t)off;
	return true;
}
