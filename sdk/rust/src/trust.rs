// SPDX-License-Identifier: Apache-2.0
//! Is this the signer that its user means? Checked before a token or a transaction is sent, and again after a restart of
//! the signer: evidence of its node over a nonce of ours (spec/evidence.md), judged here.
use crate::attest::{self, Policy, Report};
use crate::client::{random, Client};
use crate::error::{Error, Kind};
use crate::json;
use std::time::SystemTime;

/// Which signer is meant.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The deployment's key, 64 hex digits: `claviger attest get` on a machine that is trusted prints it. Its node's evidence
    /// is judged by [`Policy::software`]: deployment, TPM key, channel keys and TLS key belong together, answer
    /// now and hold this very connection; nothing about the machine.
    DeploymentKey(String),
    /// Also the machine: what its evidence must show. The key stands for the policy's own.
    Node { deployment_key: String, policy: Policy },
    /// Whoever holds the TLS certificate.
    Tls,
}

fn untrusted(text: impl Into<String>) -> Error {
    Error::own(Kind::Untrusted, "signer_untrusted", text)
}

impl Trust {
    /// What evidence must show, with the key pinned; none: TLS is enough.
    pub(crate) fn policy(&self) -> Result<Option<Policy>, Error> {
        let (key, policy) = match self {
            Self::DeploymentKey(key) => (key, Policy::software()),
            Self::Node { deployment_key, policy } => (deployment_key, policy.clone()),
            Self::Tls => return Ok(None),
        };
        let key = json::unhex(key).ok_or_else(|| {
            Error::own(Kind::Config, "config", "the deployment key has 64 hex digits (claviger attest get prints it)")
        })?;
        Ok(Some(policy.pinned(key)))
    }
}

/// Judges what the signer shows for a fresh nonce. The connection itself must be the node's: a relay has another key.
pub async fn check(client: &Client, policy: &Policy) -> Result<Report, Error> {
    let nonce: [u8; 32] = random();
    let (answer, certificate) = client.get_open(&format!("/api/v1/evidence?nonce={}", json::hex(&nonce))).await?;
    let evidence = json::bytes(&answer, "evidence")?;
    let report = attest::verify_evidence(&evidence, Some(&nonce), policy, SystemTime::now())
        .map_err(|code| untrusted(format!("evidence refused ({}): {}", code.name(), code.words())))?;
    if certificate.as_deref().and_then(attest::key_id).as_ref() != Some(&report.tls_key) {
        return Err(untrusted(
            "the connection is not the node's own: somebody stands between, who has another TLS key",
        ));
    }
    Ok(report)
}
