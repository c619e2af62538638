// SPDX-License-Identifier: Apache-2.0
//! Evidence of a node, judged here (spec/evidence.md): who speaks, whose TPM it is, and what was booted.
mod bytes;
mod cbor;
mod key;
mod log;
#[cfg(test)]
pub(crate) mod node_test;
mod policy;
mod refusal;
#[cfg(test)]
mod sets_test;
mod tpm;
mod verify;
mod x509;

pub use log::EventLog;
pub use policy::{Policy, PolicyError};
pub use refusal::Code;
pub use verify::{beacon_nonce, verify_evidence, Mode, Report};

pub(crate) use bytes::sha256;

/// SHA-256 of a certificate's SubjectPublicKeyInfo, hex; nothing for what is no certificate.
pub(crate) fn key_id(certificate: &[u8]) -> Option<String> {
    Some(crate::json::hex(&sha256(&[x509::parse(certificate).ok()?.spki])))
}
