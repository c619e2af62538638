/* SPDX-License-Identifier: Apache-2.0 */
#include "call_start.h"

#define NAME_MIN 3u /* an algorithm and at least a byte */
#define PCR_MASK ((1u << CALL_START_PCR_COUNT) - 1u)

static bool facts_hold(const struct call_start_facts *facts)
{
	return (facts->pcr_mask & ~PCR_MASK) == 0 && (facts->sealed_mask & ~facts->pcr_mask) == 0 &&
	       (facts->mode == CALL_START_UNSEAL || facts->mode == CALL_START_GENESIS) &&
	       facts->is_software <= 1 && facts->clock_safe <= 1 && facts->has_checkpoint <= 1 &&
	       facts->has_counter <= 1 && facts->is_attended <= 1 && facts->is_single <= 1 &&
	       facts->release_level <= 255 && facts->site_level <= 255 &&
	       facts->has_recovery_key <= 1 && facts->has_recovery <= 1 &&
	       facts->is_recovery <= 1 && facts->ak_name_len >= NAME_MIN &&
	       facts->ak_name_len <= CALL_START_NAME_MAX && facts->primary_name_len >= NAME_MIN &&
	       facts->primary_name_len <= CALL_START_NAME_MAX;
}

enum status start_take_facts(struct bytes message, struct call_start_facts *ret_facts)
{
	/* Checked where it lies: a copy on the stack would be one more place to wipe. */
	if (message.len != sizeof(*ret_facts))
		return STATUS_MALFORMED;
	memmove(ret_facts, message.data, sizeof(*ret_facts));
	if (facts_hold(ret_facts))
		return STATUS_OK;
	memset(ret_facts, 0, sizeof(*ret_facts));
	return STATUS_MALFORMED;
}

enum status start_take_failed(struct bytes message, struct call_start_failed *ret_failed)
{
	struct call_start_failed failed;

	if (message.len != sizeof(failed))
		return STATUS_MALFORMED;
	memcpy(&failed, message.data, sizeof(failed));
	if (failed.reason < CALL_START_NO_TPM || failed.reason >= CALL_START_REASON_COUNT ||
	    memchr(failed.what, 0, sizeof(failed.what)) == NULL)
		return STATUS_MALFORMED;
	*ret_failed = failed;
	return STATUS_OK;
}

const char *start_reason_text(uint32_t reason)
{
	switch (reason) {
	case CALL_START_NO_TPM:
		return "the TPM does not answer: check that the device or swtpm socket is there";
	case CALL_START_NO_BLOB:
		return "there is no sealed node share here: run genesis first, or point to the "
		       "folder where it was run";
	case CALL_START_BAD_BLOB:
		return "the sealed node share is damaged or of another version: restore the file "
		       "from a backup; one of an older version opens with that version only";
	case CALL_START_OTHER_TPM:
		return "this TPM is not the one the node share was sealed to, or it was cleared: "
		       "use that TPM, or recover";
	case CALL_START_BAD_POLICY:
		return "the TPM does not open the share in this state: what was started is not "
		       "what "
		       "the approvals are for";
	case CALL_START_CAPPED:
		return "the node share was already taken since the TPM's last reset: restart the "
		       "machine";
	case CALL_START_LOCKOUT:
		return "the TPM is in dictionary attack lockout: wait for its recovery time";
	case CALL_START_UNSAFE_BLOB:
		return "the sealed object's attributes would let others unseal it: it is not used";
	case CALL_START_NO_RELEASE:
		return "no release approval, by a key that the release root appointed, is for what "
		       "was started (PCR 4, 9, 11, 12, 14): start an approved image, or approve "
		       "this one (claviger image approve --as release)";
	case CALL_START_BELOW_FLOOR:
		return "this release is below the release floor, which was raised to lock it out: "
		       "start a newer one";
	case CALL_START_NO_SITE:
		return "no site approval, by a key that the site root appointed, is for this "
		       "firmware (PCR 0, 2, 7) with this release's key: if the firmware was "
		       "changed on purpose, approve it (claviger image "
		       "approve --as site)";
	case CALL_START_BELOW_SITE:
		return "the site approval is below the site floor, which was raised to lock it "
		       "out: sign a newer one (claviger image approve --as site)";
	case CALL_START_NO_APPROVALS:
		return "the file of approvals is missing, damaged or of another genesis: put it "
		       "back, "
		       "or make it anew (claviger image approve)";
	case CALL_START_BAD_MANIFEST:
		return "the genesis manifest is missing, damaged or not signed by its site root: "
		       "make it with claviger tpm provision";
	case CALL_START_NOT_FRESH:
		return "genesis wants a TPM without owner and without objects of others under our "
		       "numbers: clear it in the firmware's setup (what was sealed to it is lost), "
		       "or use another";
	case CALL_START_UNPROTECTED:
		return "the TPM's owner or lockout authorization is not set, or an object on it is "
		       "not as genesis made it: run genesis again where it was cut off; else do "
		       "not "
		       "use it, recover";
	case CALL_START_FULL:
		return "the TPM has no room: another program left objects, sessions or indices in "
		       "it; take them away (tpm2_flushcontext, tpm2_nvundefine), or restart the "
		       "machine";
	default:
		return "the TPM refused; the response code says why";
	}
}
