/* attest_quote: is this a TPM's quote over exactly these PCRs, these values and this question?
 *
 * The checks of tpm2_checkquote, strictly: the signature, TPM_GENERATED_VALUE, the statement's
 * kind, no byte behind it, the qualifying data, every bank and index of the selection, the digest
 * over the values. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_QUOTE_H
#define ATTEST_QUOTE_H

#include "attest_tpm.h"

/* Why not; ATTEST_ACCEPTED is the only yes and is not zero, so that zeroed memory refuses. */
#define REFUSAL(name, code, words) ATTEST_REFUSED_##name,
enum attest_verdict {
	ATTEST_UNDECIDED = 0,
#include "attest_refusal.def"
	ATTEST_VERDICT_COUNT,
	ATTEST_ACCEPTED = 0x5a3c,
};
#undef REFUSAL

/* attest_code is a verdict's name for programs, attest_words a sentence for people; never NULL. */
const char *attest_code(enum attest_verdict verdict);
const char *attest_words(enum attest_verdict verdict);

/* Values of PCRs: as many runs as the selection has bits, bank by bank, ascending, one behind the
 * other. */
#define ATTEST_PCRS_MAX (ATTEST_PCR_COUNT * 64 * 4)
struct attest_pcrs {
	struct attest_selection selection;
	size_t len;
	uint8_t values[ATTEST_PCRS_MAX];
};

/* attest_pcrs_take reads the file that tpm2_quote -o or tpm2_pcrread -o writes: TPML_PCR_SELECTION
 * and TPML_DIGESTs as they lie in memory on a little-endian machine, or bare values, which need
 * `wanted` (else NULL) to say what they are. */
MUST_USE enum status attest_pcrs_take(struct bytes file, const struct attest_selection *wanted,
                                      struct attest_pcrs *ret_pcrs);
/* attest_selection_parse reads "sha256:0,2,4+sha384:7" or "sha256:all". */
MUST_USE enum status attest_selection_parse(const char *text,
                                            struct attest_selection *ret_selection);

/* What a quote is held against. */
struct attest_question {
	const struct keys_public *key;
	uint16_t hash;                         /* of the signature; 0: whichever it names */
	const struct bytes *extra;             /* NULL: not compared */
	const struct attest_selection *wanted; /* NULL: that of `pcrs` */
	const struct attest_pcrs *pcrs;        /* NULL: values are not compared */
};

/* attest_quote_check: `statement` is a TPMS_ATTEST, `signature` over it is taken already. Fills
 * `ret_statement` when it accepts. */
MUST_USE enum attest_verdict attest_quote_check(const struct attest_question *question,
                                                struct bytes statement,
                                                const struct attest_signature *signature,
                                                struct attest_statement *ret_statement);

#endif
