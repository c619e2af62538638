/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_quote.h"

#include "wire_reader.h"

/* sizeof() of tpm2-tss's structures, which tpm2-tools writes as they are. */
#define FILE_BANKS      16
#define FILE_DIGESTS    8
#define FILE_DIGEST_LEN 64

struct refusal {
	const char *code, *words;
};

#define REFUSAL(name, code, words) [ATTEST_REFUSED_##name] = {code, words},
static const struct refusal refusals[] = {
#include "attest_refusal.def"
};
#undef REFUSAL

static bool is_refusal(enum attest_verdict verdict)
{
	return verdict > ATTEST_UNDECIDED && verdict < ATTEST_VERDICT_COUNT;
}

const char *attest_code(enum attest_verdict verdict)
{
	if (verdict == ATTEST_ACCEPTED)
		return "accepted";
	return is_refusal(verdict) ? refusals[verdict].code : "undecided";
}

const char *attest_words(enum attest_verdict verdict)
{
	if (verdict == ATTEST_ACCEPTED)
		return "everything was checked and holds";
	return is_refusal(verdict) ? refusals[verdict].words : "nothing was decided";
}

/* ---- PCR files ---- */

/* expected_len is the length of all values of a selection. */
static size_t expected_len(const struct attest_selection *selection)
{
	size_t len = 0;

	for (size_t i = 0; i < selection->count; i++)
		len += attest_pcr_count(selection->banks[i].mask) *
		       attest_digest_len(selection->banks[i].algorithm);
	return len;
}

/* take_bank reads one TPMS_PCR_SELECTION of a file: algorithm, size, four bytes, one of padding. */
static void take_bank(struct wire_reader *r, bool used, struct attest_selection *taken)
{
	uint16_t algorithm = wire_take_u16(r);
	uint8_t size = wire_take_u8(r);
	uint32_t mask = wire_take_u32(r);

	(void)wire_take_u8(r);
	if (!used)
		return;
	/* tpm2-tools keeps emptied banks in the list; they select nothing. */
	if (mask == 0)
		return;
	if (size > 4 || mask >> ATTEST_PCR_COUNT != 0 || attest_digest_len(algorithm) == 0)
		wire_fail(r);
	for (size_t i = 0; i < taken->count; i++)
		if (taken->banks[i].algorithm == algorithm)
			wire_fail(r);
	taken->banks[taken->count].algorithm = algorithm;
	taken->banks[taken->count].mask = mask;
	taken->count++;
}

static void take_list(struct wire_reader *r, struct attest_pcrs *taken)
{
	uint32_t count = wire_take_u32(r);

	if (count > FILE_DIGESTS)
		wire_fail(r);
	for (uint32_t i = 0; i < FILE_DIGESTS; i++) {
		size_t len = wire_take_u16(r);
		struct bytes digest = wire_take_n(r, FILE_DIGEST_LEN);

		if (i >= count || r->status != STATUS_OK)
			continue;
		if (len > FILE_DIGEST_LEN || len > sizeof(taken->values) - taken->len) {
			wire_fail(r);
			continue;
		}
		memcpy(taken->values + taken->len, digest.data, len);
		taken->len += len;
	}
}

enum status attest_pcrs_take(struct bytes file, const struct attest_selection *wanted,
                             struct attest_pcrs *ret_pcrs)
{
	struct wire_reader r = wire_read(file);
	uint32_t banks, lists;

	*ret_pcrs = (struct attest_pcrs){.len = 0};
	if (wanted != NULL && file.len == expected_len(wanted) &&
	    file.len <= sizeof(ret_pcrs->values)) {
		ret_pcrs->selection = *wanted;
		ret_pcrs->len = file.len;
		memcpy(ret_pcrs->values, file.data, file.len);
		return STATUS_OK;
	}
	banks = wire_take_u32(&r);
	if (banks > FILE_BANKS)
		return STATUS_MALFORMED;
	for (uint32_t i = 0; i < FILE_BANKS; i++)
		take_bank(&r, i < banks, &ret_pcrs->selection);
	lists = wire_take_u32(&r);
	for (uint32_t i = 0; i < lists && r.status == STATUS_OK; i++)
		take_list(&r, ret_pcrs);
	if (wire_done(&r) == STATUS_OK && ret_pcrs->len != expected_len(&ret_pcrs->selection))
		return STATUS_MALFORMED;
	return wire_done(&r);
}

/* ---- selections as text ---- */

static bool parse_algorithm(const char *text, size_t len, uint16_t *ret_algorithm)
{
	static const struct {
		const char *name;
		uint16_t algorithm;
	} names[] = {
	    {"sha1",   ATTEST_ALG_SHA1  },
	    {"sha256", ATTEST_ALG_SHA256},
	    {"sha384", ATTEST_ALG_SHA384},
	    {"sha512", ATTEST_ALG_SHA512},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == len && memcmp(names[i].name, text, len) == 0) {
			*ret_algorithm = names[i].algorithm;
			return true;
		}
	return false;
}

/* parse_mask reads "0,2,4" or "all" up to the end or a '+'. */
static bool parse_mask(const char **text, uint32_t *ret_mask)
{
	const char *at = *text;
	uint32_t mask = 0;

	if (strncmp(at, "all", 3) == 0) {
		*text = at + 3;
		*ret_mask = (UINT32_C(1) << ATTEST_PCR_COUNT) - 1;
		return true;
	}
	for (;;) {
		uint32_t pcr = 0, digits = 0;

		for (; *at >= '0' && *at <= '9' && digits < 3; at++, digits++)
			pcr = pcr * 10 + (uint32_t)(*at - '0');
		if (digits == 0 || pcr >= ATTEST_PCR_COUNT || (mask >> pcr & 1) != 0)
			return false;
		mask |= UINT32_C(1) << pcr;
		if (*at != ',')
			break;
		at++;
	}
	*text = at;
	*ret_mask = mask;
	return true;
}

enum status attest_selection_parse(const char *text, struct attest_selection *ret_selection)
{
	struct attest_selection taken = {.count = 0};

	for (;;) {
		const char *colon = strchr(text, ':');
		size_t len = colon != NULL ? (size_t)(colon - text) : 0;

		if (taken.count == ATTEST_BANKS_MAX || colon == NULL ||
		    !parse_algorithm(text, len, &taken.banks[taken.count].algorithm))
			return STATUS_MALFORMED;
		text += len + 1;
		if (!parse_mask(&text, &taken.banks[taken.count].mask))
			return STATUS_MALFORMED;
		for (size_t i = 0; i < taken.count; i++)
			if (taken.banks[i].algorithm == taken.banks[taken.count].algorithm)
				return STATUS_MALFORMED;
		taken.count++;
		if (*text == '\0')
			break;
		if (*text++ != '+')
			return STATUS_MALFORMED;
	}
	*ret_selection = taken;
	return STATUS_OK;
}

/* ---- the check ---- */

/* drop_empty: banks that select nothing say nothing. */
static struct attest_selection drop_empty(const struct attest_selection *selection)
{
	struct attest_selection kept = {.count = 0};

	for (size_t i = 0; i < selection->count; i++)
		if (selection->banks[i].mask != 0)
			kept.banks[kept.count++] = selection->banks[i];
	return kept;
}

static bool has_sha1(const struct attest_selection *selection)
{
	for (size_t i = 0; i < selection->count; i++)
		if (selection->banks[i].algorithm == ATTEST_ALG_SHA1)
			return true;
	return false;
}

/* check_pcrs: the values hash to what was signed, with the signature's hash (part 3, TPM2_Quote).
 */
static enum attest_verdict check_pcrs(const struct attest_question *question, uint16_t hash,
                                      const struct attest_statement *statement)
{
	struct attest_selection quoted = drop_empty(&statement->selection);
	struct bytes values;
	uint8_t space[64];
	struct buffer digest = BUFFER_OF_ARRAY(space);
	const struct attest_selection *wanted = question->wanted;

	if (has_sha1(&quoted))
		return ATTEST_REFUSED_PCR_BANK;
	if (wanted == NULL && question->pcrs != NULL)
		wanted = &question->pcrs->selection;
	if (quoted.count == 0 || (wanted != NULL && !attest_selection_equal(&quoted, wanted)))
		return ATTEST_REFUSED_PCR_SELECTION;
	if (question->pcrs == NULL)
		return ATTEST_ACCEPTED;
	if (!attest_selection_equal(&quoted, &question->pcrs->selection))
		return ATTEST_REFUSED_PCR_SELECTION;
	values = bytes_of(question->pcrs->values, question->pcrs->len);
	if (values.len != expected_len(&quoted))
		return ATTEST_REFUSED_PCR_FORM;
	if (keys_hash(hash == ATTEST_ALG_SHA384   ? KEYS_SHA384
	              : hash == ATTEST_ALG_SHA512 ? KEYS_SHA512
	                                          : KEYS_SHA256,
	              &values, 1, &digest) != STATUS_OK ||
	    !bytes_equal(buffer_bytes(&digest), statement->pcr_digest))
		return ATTEST_REFUSED_PCR_DIGEST;
	return ATTEST_ACCEPTED;
}

enum attest_verdict attest_quote_check(const struct attest_question *question,
                                       struct bytes statement,
                                       const struct attest_signature *signature,
                                       struct attest_statement *ret_statement)
{
	static const enum attest_verdict faults[] = {
	    [ATTEST_BAD_MAGIC] = ATTEST_REFUSED_MAGIC,
	    [ATTEST_BAD_TYPE] = ATTEST_REFUSED_TYPE,
	    [ATTEST_BAD_FORM] = ATTEST_REFUSED_FORM,
	    [ATTEST_BAD_TAIL] = ATTEST_REFUSED_TAIL,
	};
	struct attest_statement taken;
	enum attest_fault fault;
	enum attest_verdict verdict;

	if (question->hash != 0 && signature->hash != question->hash)
		return ATTEST_REFUSED_SIGNATURE_FORM;
	if (attest_signature_check(signature, question->key, statement) != STATUS_OK)
		return ATTEST_REFUSED_SIGNATURE;
	fault = attest_statement_take(statement, ATTEST_TYPE_QUOTE, &taken);
	if (fault != ATTEST_GOOD)
		return faults[fault];
	if (question->extra != NULL && !bytes_equal(*question->extra, taken.extra))
		return ATTEST_REFUSED_EXTRA;
	verdict = check_pcrs(question, signature->hash, &taken);
	if (verdict == ATTEST_ACCEPTED)
		*ret_statement = taken;
	return verdict;
}
