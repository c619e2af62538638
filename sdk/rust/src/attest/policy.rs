// SPDX-License-Identifier: Apache-2.0
//! What is accepted: the policy file of spec/evidence.md. What came out of a file is of any type: a text "false" is not
//! false, and a floor that is no number would compare with nothing.
use super::bytes::{unhex, Hash};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use serde_json::{Map, Value};
use std::fmt;

/// A policy that cannot be used as it is written, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError(String);

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyError {}

fn wrong<T>(text: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError(text.into()))
}

/// A release or a firmware: its name and the PCRs that it leads to.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub name: String,
    pub pcrs: Vec<(usize, Hash)>,
}

/// Members as in spec/evidence.md.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) eks: Vec<Hash>,
    pub(super) aks: Vec<[u8; 34]>,
    pub(super) deployment_key: Option<Hash>,
    pub(super) releases: Vec<Known>,
    pub(super) firmwares: Vec<Known>,
    pub(super) tpm_firmware: u64,
    pub(super) release_floor: u8,
    pub(super) site_floor: u8,
    pub(super) counter: u64,
    pub(super) event_log: bool,
    pub(super) software_tpm: bool,
    pub(super) genesis: Option<Hash>,
    pub(super) single_operator: bool,
    pub(super) unattended: bool,
    pub(super) recovery_key: bool,
    pub(super) reduced_sandbox: bool,
}

const LIST_MAX: usize = 1024;
const COUNTER_MAX: u64 = i64::MAX as u64;

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], PolicyError> {
    match value.as_array() {
        Some(items) if items.len() <= LIST_MAX => Ok(items),
        _ => wrong(format!("\"{name}\" is a list of at most {LIST_MAX}")),
    }
}

fn each<T>(value: &Value, name: &str, take: impl Fn(&Value) -> Result<T, PolicyError>) -> Result<Vec<T>, PolicyError> {
    list(value, name)?.iter().map(take).collect()
}

fn bytes<const N: usize>(value: &Value, name: &str) -> Result<[u8; N], PolicyError> {
    match value.as_str().and_then(unhex) {
        Some(bytes) => Ok(bytes),
        None => wrong(format!("\"{name}\" is not {} hex digits", 2 * N)),
    }
}

fn flag(value: &Value, name: &str) -> Result<bool, PolicyError> {
    value.as_bool().map_or_else(|| wrong(format!("\"{name}\" is true or false")), Ok)
}

fn level(value: &Value, name: &str) -> Result<u8, PolicyError> {
    match value.as_u64().and_then(|level| u8::try_from(level).ok()) {
        Some(level) => Ok(level),
        None => wrong(format!("\"{name}\" is a number from 0 to 255")),
    }
}

/// A number, or the decimal text of one as JavaScript cannot write it.
fn count(value: &Value, name: &str) -> Result<u64, PolicyError> {
    let of_text = |text: &str| text.parse().ok().filter(|count: &u64| count.to_string() == text);
    match value.as_u64().or_else(|| value.as_str().and_then(of_text)) {
        Some(count) if count <= COUNTER_MAX => Ok(count),
        _ => wrong(format!("\"{name}\" is a whole number below 2^63")),
    }
}

/// The certificates of a PEM text.
fn pem(value: &Value) -> Result<Vec<Vec<u8>>, PolicyError> {
    let none = || PolicyError("\"vendor_roots\" has an item without a certificate in PEM".into());
    let mut rest = value.as_str().ok_or_else(none)?;
    let mut found = Vec::new();
    while let Some((_, behind)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (block, behind) = behind.split_once("-----END CERTIFICATE-----").ok_or_else(none)?;
        let text: String = block.chars().filter(|char| !char.is_ascii_whitespace()).collect();
        found.push(STANDARD.decode(text).map_err(|_| none())?);
        rest = behind;
    }
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

fn known(value: &Value, needed: &[usize], more: &[usize], list: &str) -> Result<Known, PolicyError> {
    let bad = || PolicyError(format!("an item of \"{list}\" lacks its name or a PCR, or has one that does not belong there"));
    let members = value.as_object().ok_or_else(bad)?;
    let values = members.get("sha256").and_then(Value::as_object).ok_or_else(bad)?;
    let name = members.get("name").or(members.get("image")).and_then(Value::as_str).ok_or_else(bad)?;
    if name.is_empty() || members.keys().any(|key| !["name", "image", "sha256"].contains(&key.as_str())) {
        return Err(bad());
    }
    let mut pcrs = Vec::new();
    for (key, value) in values {
        let pcr = needed.iter().chain(more).find(|pcr| pcr.to_string() == *key).ok_or_else(bad)?;
        pcrs.push((*pcr, bytes(value, list)?));
    }
    if needed.iter().any(|pcr| !pcrs.iter().any(|(one, _)| one == pcr)) {
        return Err(bad());
    }
    // What PCR 13 holds later is checked by itself.
    if pcrs.iter().any(|(pcr, value)| *pcr == 13 && *value != [0; 32]) {
        return wrong("PCR 13 is zero at unseal");
    }
    pcrs.retain(|(pcr, _)| *pcr != 13);
    Ok(Known { name: name.into(), pcrs })
}

impl Policy {
    /// `{"software_tpm": true}`: any node; its parts belong together and answer now, and nothing about the machine.
    pub fn software() -> Self {
        Self { software_tpm: true, ..Self::default() }
    }

    /// A policy file's text, with PEM texts and objects where the file may have paths.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) => Self::read(&members),
            Ok(_) => wrong("a policy is an object"),
            Err(error) => wrong(format!("a policy is JSON: {error}")),
        }
    }

    fn read(members: &Map<String, Value>) -> Result<Self, PolicyError> {
        let mut policy = Self::default();
        for (name, value) in members {
            match name.as_str() {
                "vendor_roots" => policy.roots = each(value, name, pem)?.concat(),
                "eks" => policy.eks = each(value, name, |value| bytes(value, name))?,
                "aks" => policy.aks = each(value, name, |value| bytes(value, name))?,
                "deployment_key" => policy.deployment_key = Some(bytes(value, name)?),
                "releases" => policy.releases = each(value, name, |value| known(value, &[4, 9, 11, 12, 14], &[7, 13], name))?,
                "firmwares" => policy.firmwares = each(value, name, |value| known(value, &[0, 2, 7], &[], name))?,
                "minimum_tpm_firmware" => policy.tpm_firmware = u64::from_be_bytes(bytes(value, name)?),
                "release_floor" => policy.release_floor = level(value, name)?,
                "site_floor" => policy.site_floor = level(value, name)?,
                "counter" => policy.counter = count(value, name)?,
                "event_log" => policy.event_log = flag(value, name)?,
                "software_tpm" => policy.software_tpm = flag(value, name)?,
                "genesis" => policy.genesis = Some(bytes(value, name)?),
                "single_operator" => policy.single_operator = flag(value, name)?,
                "unattended" => policy.unattended = flag(value, name)?,
                "recovery_key" => policy.recovery_key = flag(value, name)?,
                "reduced_sandbox" => policy.reduced_sandbox = flag(value, name)?,
                _ => return wrong(format!("\"{name}\" is no member of a policy")),
            }
        }
        Ok(policy)
    }

    /// The same for this deployment only.
    pub(crate) fn pinned(&self, deployment_key: Hash) -> Self {
        Self { deployment_key: Some(deployment_key), ..self.clone() }
    }
}
