// SPDX-License-Identifier: Apache-2.0
//! Why evidence is refused: the codes and words of lib/attest/attest_refusal.def, which a test compares.
use std::fmt;

macro_rules! codes {
    ($($name:ident $code:literal $words:literal,)*) => {
        /// Why evidence is refused; spec/evidence.md says in which order they are found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code {
            $($name,)*
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// As `claviger attest verify` and the TypeScript SDK write it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$name => $code,)*
                }
            }

            pub fn words(self) -> &'static str {
                match self {
                    $(Code::$name => $words,)*
                }
            }
        }
    };
}

codes! {
    KeyForm "key-form" "the key is no public key of a kind that TPMs attest with (P-256, P-384, RSA 2048 to 4096)",
    KeyKind "key-kind" "the key may sign bytes that the TPM did not make: it is not restricted, or not fixed to its TPM",
    SignatureForm "signature-form" "the signature is no TPMT_SIGNATURE of this key's kind with SHA-256, SHA-384 or SHA-512",
    Signature "signature" "the signature does not verify: another key signed, or a byte was changed",
    Magic "magic" "the TPM did not make this: it lacks TPM_GENERATED_VALUE, so the key signed bytes that somebody gave it (CVE-2024-29038)",
    Type "type" "this is a TPM's statement of another kind than the one asked for",
    Form "form" "the TPM's statement is cut short or has a field out of its range",
    Tail "tail" "bytes stand behind the TPM's statement",
    Extra "extra" "the qualifying data is not what was asked for: a stale nonce, or another channel key, deployment or release",
    PcrBank "pcr-bank" "the quote is over SHA-1, which proves nothing any more: ask for sha256",
    PcrSelection "pcr-selection" "the quote is over other PCRs than those that are required",
    PcrForm "pcr-form" "the PCR values are not in a form that is known, or are not as many as selected",
    PcrDigest "pcr-digest" "the PCR values are not those that the TPM signed",
    EvidenceForm "evidence-form" "this is no evidence of version 1 (spec/evidence.md)",
    Policy "policy" "the policy accepts nothing: for a hardware TPM it names vendor roots, a release and a firmware, and a deployment key or an activated AK; for a software TPM no roots, EKs or AKs",
    NodeForm "node-form" "the deployment's statement about its node is not well-formed",
    NodeSignature "node-signature" "the deployment's statement about its node is not signed by the key that it names",
    Deployment "deployment" "this is another deployment than the policy's",
    Channel "channel" "a channel key is not certified by this deployment for this boot and role",
    AkName "ak-name" "the quote's key is not the one that the deployment names as its TPM's",
    Nonce "nonce" "the evidence answers another nonce, or none",
    Proof "proof" "the path from the nonce to the quote's root does not hold",
    Beacon "beacon" "the nonce was not made of the public value that stands beside it",
    Commit "commit" "PCR 13 is not the commitment to this deployment's key, site manifest and channel key",
    EkNone "ek-none" "the TPM shows no certificate of its maker: it may be software",
    EkForm "ek-form" "the endorsement key or a certificate is not well-formed, or not of the default template",
    EkChain "ek-chain" "the endorsement key's certificate does not lead to a root that the policy names",
    EkTime "ek-time" "a certificate on the way to the maker's root has expired or is not valid yet",
    EkUsage "ek-usage" "the certificate is not one for an endorsement key (2.23.133.8.1), or its issuer is no CA",
    EkKey "ek-key" "the certificate is of another key than the endorsement key shown",
    EkUnknown "ek-unknown" "the TPM is genuine and not one that the policy lists: anybody can buy the same machine",
    EkLink "ek-link" "nothing shows that the quote's key lies in the TPM of this endorsement key: activate it, or pin the deployment key",
    TpmFirmware "tpm-firmware" "the TPM's firmware is older than the policy's minimum",
    PcrRelease "pcr-release" "what was booted is no release that the policy names (PCR 4, 9, 11, 12, 14)",
    PcrFirmware "pcr-firmware" "the machine's firmware or Secure Boot keys are none that the policy names (PCR 0, 2, 7)",
    NvForm "nv-form" "a certificate of an NV index is not well-formed, or one index has two",
    NvSignature "nv-signature" "a certificate of an NV index is not signed by the quote's key",
    NvName "nv-name" "a certificate is of another NV index than the one shown",
    NvStale "nv-stale" "a certificate of an NV index is of another deployment or of an earlier boot",
    NvKind "nv-kind" "an NV index is no counter, or a floor that others than the release or site key can raise",
    NvGenesis "nv-genesis" "a floor or the boot counter is not the one that genesis made: somebody defined another index under its number",
    Floor "floor" "a version floor or the boot counter is missing or below the policy's",
    LogNone "log-none" "the policy asks for the event log, and there is none",
    LogForm "log-form" "the event log is no crypto-agile log with a SHA-256 bank, or is damaged",
    LogEvent "log-event" "the event log has an event in a PCR where no such event belongs: renamed, perhaps",
    LogDigest "log-digest" "an event's digest is not that of its data",
    LogSeparator "log-separator" "a separator is missing, doubled, or says that the firmware failed",
    LogOrder "log-order" "an event stands on the wrong side of its PCR's separator",
    LogReplay "log-replay" "the event log does not lead to the quoted PCR values",
    SecureBoot "secure-boot" "the event log says that Secure Boot was off, or does not say",
    Genesis "genesis" "the node share was sealed by another genesis than the policy names",
    SingleOperator "single-operator" "one person holds both roots, release and site, and the policy does not accept that",
    Unattended "unattended" "the machine starts without a person: who steals it can start it, and the policy does not accept that",
    RecoveryKey "recovery-key" "there is a recovery key: with a backup it opens everything elsewhere, and the policy does not accept that",
    ReducedSandbox "reduced-sandbox" "the host keeps the signer's process apart by less than it could, and the policy does not accept that",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.words())
    }
}
