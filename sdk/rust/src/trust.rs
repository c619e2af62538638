// SPDX-License-Identifier: Apache-2.0
//! Is this the signer that its user means?
use crate::error::{Error, Kind};
use crate::json;
use serde_json::Value;
use solana_sdk::signature::Signature;

/// Which signer is meant.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The deployment's key, 64 hex digits: `claviger status` on a machine that is trusted prints it. The
    /// signer's channel certificates of this boot must be signed by it. They are public, so this names
    /// the deployment and does not prove the machine; the certificate (`Config::ca`) keeps relays out.
    DeploymentKey(String),
    /// Whoever holds the TLS certificate.
    Tls,
}

fn untrusted(text: impl Into<String>) -> Error {
    Error::own(Kind::Untrusted, "signer_untrusted", text)
}

/// Deterministic CBOR's head of an unsigned integer.
fn uint(number: u64) -> Vec<u8> {
    match number {
        0..=23 => vec![number as u8],
        24..=0xff => vec![24, number as u8],
        0x100..=0xffff => [&[25][..], &(number as u16).to_be_bytes()].concat(),
        0x1_0000..=0xffff_ffff => [&[26][..], &(number as u32).to_be_bytes()].concat(),
        _ => [&[27][..], &number.to_be_bytes()].concat(),
    }
}

/// A certificate (spec/authorization.md section 4) has one form, so all but its key and its signature are
/// written here and compared: {1: {1: 1, 2: deployment, 3: boot, 4: role, 5: key}, 2: signature}.
fn check_certificate(certificate: &[u8], key: &[u8; 32], deployment: &[u8; 32], boot: u64, role: u8) -> Result<(), Error> {
    let front = [&[0xa5, 1, 1, 2, 0x58, 32][..], deployment, &[3], &uint(boot), &[4, role, 5, 0x58, 32]].concat();
    let body_len = front.len() + 32;
    let wrapped = [&[0xa2, 1, 0x58, body_len as u8][..], &front].concat();
    let rest = certificate
        .strip_prefix(wrapped.as_slice())
        .ok_or_else(|| untrusted("a channel certificate of another deployment, boot or role"))?;
    let signature = rest
        .get(32..)
        .and_then(|tail| tail.strip_prefix(&[2, 0x58, 64]))
        .and_then(|signature| <[u8; 64]>::try_from(signature).ok())
        .ok_or_else(|| untrusted("a channel certificate that is none"))?;
    let signed = [b"claviger/channel/v1", &certificate[4..4 + body_len]].concat();
    if Signature::from(signature).verify(key, &signed) {
        Ok(())
    } else {
        Err(untrusted("a channel certificate is not signed by the deployment key"))
    }
}

/// Checks /api/v1/channel's answer; returns the boot number.
pub fn check(wanted: &str, channel: &Value) -> Result<u64, Error> {
    let key = json::hash(channel, "deployment_key")?;
    if json::unhex(wanted) != Some(key) {
        return Err(untrusted(format!("another deployment: key {}, wanted {wanted}", json::hex(&key))));
    }
    let deployment = json::hash(channel, "deployment")?;
    let boot = json::u64_text(channel, "boot")?;
    for (name, role) in [("authority", 1), ("signer", 2)] {
        let certificate = json::bytes(&channel["certificates"], name)
            .map_err(|_| untrusted("the signer shows no channel certificates yet"))?;
        check_certificate(&certificate, &key, &deployment, boot, role)?;
    }
    Ok(boot)
}
