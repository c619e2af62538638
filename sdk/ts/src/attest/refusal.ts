// SPDX-License-Identifier: Apache-2.0
// Why evidence is refused: the codes and words of lib/attest/attest_refusal.def, which a test compares.

export const REFUSALS = {
  'key-form': 'the key is no public key of a kind that TPMs attest with (P-256, P-384, RSA 2048 to 4096)',
  'key-kind': 'the key may sign bytes that the TPM did not make: it is not restricted, or not fixed to its TPM',
  'signature-form': "the signature is no TPMT_SIGNATURE of this key's kind with SHA-256, SHA-384 or SHA-512",
  'signature': 'the signature does not verify: another key signed, or a byte was changed',
  'magic': 'the TPM did not make this: it lacks TPM_GENERATED_VALUE, so the key signed bytes that somebody gave it (CVE-2024-29038)',
  'type': "this is a TPM's statement of another kind than the one asked for",
  'form': "the TPM's statement is cut short or has a field out of its range",
  'tail': "bytes stand behind the TPM's statement",
  'extra': 'the qualifying data is not what was asked for: a stale nonce, or another channel key, deployment or release',
  'pcr-bank': 'the quote is over SHA-1, which proves nothing any more: ask for sha256',
  'pcr-selection': 'the quote is over other PCRs than those that are required',
  'pcr-form': 'the PCR values are not in a form that is known, or are not as many as selected',
  'pcr-digest': 'the PCR values are not those that the TPM signed',
  'evidence-form': 'this is no evidence of version 1 (spec/evidence.md)',
  'policy': 'the policy accepts nothing: for a hardware TPM it names vendor roots, a release and a firmware, and a deployment key or an activated AK; for a software TPM no roots, EKs or AKs',
  'node-form': "the deployment's statement about its node is not well-formed",
  'node-signature': "the deployment's statement about its node is not signed by the key that it names",
  'deployment': "this is another deployment than the policy's",
  'channel': 'a channel key is not certified by this deployment for this boot and role',
  'ak-name': "the quote's key is not the one that the deployment names as its TPM's",
  'nonce': 'the evidence answers another nonce, or none',
  'proof': "the path from the nonce to the quote's root does not hold",
  'beacon': 'the nonce was not made of the public value that stands beside it',
  'commit': "PCR 13 is not the commitment to this deployment's key, site manifest and channel key",
  'ek-none': 'the TPM shows no certificate of its maker: it may be software',
  'ek-form': 'the endorsement key or a certificate is not well-formed, or not of the default template',
  'ek-chain': "the endorsement key's certificate does not lead to a root that the policy names",
  'ek-time': "a certificate on the way to the maker's root has expired or is not valid yet",
  'ek-usage': 'the certificate is not one for an endorsement key (2.23.133.8.1), or its issuer is no CA',
  'ek-key': 'the certificate is of another key than the endorsement key shown',
  'ek-unknown': 'the TPM is genuine and not one that the policy lists: anybody can buy the same machine',
  'ek-link': "nothing shows that the quote's key lies in the TPM of this endorsement key: activate it, or pin the deployment key",
  'tpm-firmware': "the TPM's firmware is older than the policy's minimum",
  'pcr-release': 'what was booted is no release that the policy names (PCR 4, 9, 11, 12, 14)',
  'pcr-firmware': "the machine's firmware or Secure Boot keys are none that the policy names (PCR 0, 2, 7)",
  'nv-form': 'a certificate of an NV index is not well-formed, or one index has two',
  'nv-signature': "a certificate of an NV index is not signed by the quote's key",
  'nv-name': 'a certificate is of another NV index than the one shown',
  'nv-stale': 'a certificate of an NV index is of another deployment or of an earlier boot',
  'nv-kind': 'an NV index is no counter, or a floor that others than the release or site key can raise',
  'nv-genesis': 'a floor or the boot counter is not the one that genesis made: somebody defined another index under its number',
  'floor': "a version floor or the boot counter is missing or below the policy's",
  'log-none': 'the policy asks for the event log, and there is none',
  'log-form': 'the event log is no crypto-agile log with a SHA-256 bank, or is damaged',
  'log-event': 'the event log has an event in a PCR where no such event belongs: renamed, perhaps',
  'log-digest': "an event's digest is not that of its data",
  'log-separator': 'a separator is missing, doubled, or says that the firmware failed',
  'log-order': "an event stands on the wrong side of its PCR's separator",
  'log-replay': 'the event log does not lead to the quoted PCR values',
  'secure-boot': 'the event log says that Secure Boot was off, or does not say',
  genesis: 'the node share was sealed by another genesis than the policy names',
  'single-operator': 'one person holds both roots, release and site, and the policy does not accept that',
  unattended: 'the machine starts without a person: who steals it can start it, and the policy does not accept that',
  'recovery-key': 'there is a recovery key: with a backup it opens everything elsewhere, and the policy does not accept that',
  'reduced-sandbox': "the host keeps the signer's process apart by less than it could, and the policy does not accept that",
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** Thrown inside the verifier; verifyEvidence turns it into its answer. */
export class Refused extends Error {
  readonly code: RefusalCode;
  constructor(code: RefusalCode) {
    super(REFUSALS[code]);
    this.code = code;
  }
}

export function refuse(code: RefusalCode): never {
  throw new Refused(code);
}
