// SPDX-License-Identifier: Apache-2.0
//! Is this evidence of a node that the policy accepts? The twin of lib/attest/attest_verify.c. The order of the
//! checks is the specification's (spec/evidence.md), so that all verifiers give the same refusal.
use super::bytes::{ensure, extend, sha256, Form, FormError, Hash};
use super::cbor::{self, Cbor, Fields};
use super::log::{self, EventLog, QUOTED_MASK};
use super::policy::{Known, Policy};
use super::refusal::Code;
use super::tpm::{self, Public, Said, Statement};
use super::x509;
use crate::json::hex;
use ed25519_dalek::{Signature, VerifyingKey};
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Workstation,
    Appliance,
}

/// What was proven. Digests and keys to compare are hex.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// A maker's certificate stands behind the quote; false: a software TPM, or the policy did not ask.
    pub hardware: bool,
    pub deployment: String,
    pub deployment_key: String,
    pub boot: u64,
    pub boot_record: String,
    pub mode: Mode,
    /// What the node says that it runs; `release` and `firmware` are the policy's names of what was measured.
    pub says: String,
    pub release: String,
    pub firmware: String,
    /// One person holds both roots, release and site.
    pub single_operator: bool,
    /// A person approves each start; else the machine starts by itself.
    pub attended: bool,
    /// There is a key that opens a backup on another machine.
    pub recovery_key: bool,
    /// Layers of the signer's sandbox that its host does not give.
    pub sandbox_missing: Vec<&'static str>,
    pub genesis: String,
    /// Commitment to the node share: what a machine in this one's place is provisioned to take.
    pub share: String,
    /// The appliance's hardware as its kernel sees it, name=value words; empty: a workstation.
    pub machine: String,
    /// Policies that ship run interpreted like all others; else what the build compiled of them.
    pub interpreter: bool,
    pub ak: String,
    pub ek: String,
    pub activated: bool,
    /// X25519: changes are sealed to the authority's key, seeds to the signer's.
    pub authority_key: [u8; 32],
    pub signer_key: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo of the node's TLS key.
    pub tls_key: String,
    pub manifest: String,
    pub release_floor: Option<u8>,
    pub site_floor: Option<u8>,
    pub counter: Option<u64>,
    pub reset_count: u32,
    pub restart_count: u32,
    pub clock_ms: u64,
    pub tpm_firmware: u64,
    pub log: Option<EventLog>,
    pub nonce: String,
    /// Source and value.
    pub beacon: Option<(String, String)>,
}

fn refuse_unless(holds: bool, code: Code) -> Result<(), Code> {
    if holds { Ok(()) } else { Err(code) }
}

/// What a damaged form means where it was found.
trait Means<T> {
    fn means(self, code: Code) -> Result<T, Code>;
}

impl<T> Means<T> for Form<T> {
    fn means(self, code: Code) -> Result<T, Code> {
        self.map_err(|FormError| code)
    }
}

// ---- the form ----

struct Nv<'a> {
    area: &'a [u8],
    statement: &'a [u8],
    signature: &'a [u8],
}

struct Proof<'a> {
    nonce: Hash,
    index: u32,
    count: u32,
    path: &'a [u8],
}

struct Evidence<'a> {
    node: &'a [u8],
    ak: &'a [u8],
    statement: &'a [u8],
    signature: &'a [u8],
    pcrs: [u8; 288],
    certificates: Vec<&'a [u8]>,
    ek: &'a [u8],
    nv: Vec<Nv<'a>>,
    log: &'a [u8],
    proof: Option<Proof<'a>>,
    beacon: Option<(&'a str, &'a str)>,
}

const PART_MAX: usize = 4096;
const LOG_MAX: usize = 131_072;
const EVIDENCE_MAX: usize = 196_608;
const PCRS: [usize; 9] = [0, 2, 4, 7, 9, 11, 12, 13, 14];

fn take_certificate<'a>(item: Cbor<'a>) -> Form<&'a [u8]> {
    match item {
        Cbor::Bytes(bytes) if bytes.len() <= PART_MAX => Ok(bytes),
        _ => Err(FormError),
    }
}

fn take_nv(item: Cbor) -> Form<Nv> {
    let mut f = Fields::of(item, 3, &[])?;
    Ok(Nv { area: f.bytes(1, PART_MAX)?, statement: f.bytes(2, PART_MAX)?, signature: f.bytes(3, PART_MAX)? })
}

fn take_proof(item: Cbor) -> Form<Proof> {
    let mut f = Fields::of(item, 4, &[])?;
    let path = f.bytes(4, 16 * 32)?;
    ensure(path.len() % 32 == 0)?;
    Ok(Proof { nonce: f.exact(1)?, index: f.uint(2, 65_535)? as u32, count: f.uint(3, 65_536)? as u32, path })
}

fn take_beacon<'a>(item: Cbor<'a>) -> Form<(&'a str, &'a str)> {
    let mut f = Fields::of(item, 2, &[])?;
    Ok((f.text(1, 1, 128)?, f.text(2, 1, 128)?))
}

fn take_evidence(bytes: &[u8]) -> Form<Evidence<'_>> {
    ensure(bytes.len() <= EVIDENCE_MAX)?;
    let mut f = Fields::of(cbor::decode(bytes)?, 10, &[11, 12])?;
    ensure(f.uint(1, 1)? == 1)?;
    Ok(Evidence {
        node: f.bytes(2, PART_MAX)?,
        ak: f.bytes(3, PART_MAX)?,
        statement: f.bytes(4, PART_MAX)?,
        signature: f.bytes(5, PART_MAX)?,
        pcrs: f.exact(6)?,
        certificates: f.list(7, 8)?.into_iter().map(take_certificate).collect::<Form<_>>()?,
        ek: f.bytes(8, PART_MAX)?,
        nv: f.list(9, 8)?.into_iter().map(take_nv).collect::<Form<_>>()?,
        log: f.bytes(10, LOG_MAX)?,
        proof: f.take(11).map(take_proof).transpose()?,
        beacon: f.take(12).map(take_beacon).transpose()?,
    })
}

impl Evidence<'_> {
    /// A quoted PCR's value.
    fn quoted(&self, pcr: usize) -> Hash {
        let at = PCRS.iter().position(|one| *one == pcr).expect("a quoted PCR") * 32;
        self.pcrs[at..at + 32].try_into().expect("32 bytes")
    }
}

// ---- who speaks ----

struct Node<'a> {
    deployment: Hash,
    deployment_key: Hash,
    boot: u64,
    boot_record: Hash,
    mode: Mode,
    ak_name: [u8; 34],
    ek: Hash,
    activated: bool,
    authority: &'a [u8],
    signer: &'a [u8],
    tls: Hash,
    manifest: Hash,
    release: &'a str,
    single_operator: bool,
    genesis: Hash,
    attended: bool,
    recovery_key: bool,
    machine: &'a str,
    sandbox_missing: Vec<&'static str>,
    site_root: [u8; 64],
    release_base: u64,
    site_base: u64,
    first_counter: u64,
    share: Hash,
    interpreter: bool,
}

const BASE_MAX: u64 = (1 << 56) - 1;
const BOOT_MAX: u64 = i64::MAX as u64;

/// Strictly: a key or a commitment of small order, which anybody's signature would fit, is refused.
pub(super) fn signed_by(key: &Hash, label: &str, body: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(&[label.as_bytes(), body].concat(), &Signature::from_bytes(signature)).is_ok()
    })
}

fn take_signed(bytes: &[u8], max: usize) -> Form<(&[u8], [u8; 64])> {
    let mut f = Fields::decode(bytes, 2)?;
    Ok((f.bytes(1, max)?, f.exact(2)?))
}

const LAYERS: [(u64, &str); 4] =
    [(0x2, "network-namespace"), (0x40, "empty-root"), (0x80, "own-uid"), (0x100, "landlock")];

fn take_layers(bits: u64) -> Form<Vec<&'static str>> {
    ensure(bits & !LAYERS.iter().fold(0, |all, (bit, _)| all | bit) == 0)?;
    Ok(LAYERS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect())
}

fn take_node(body: &[u8]) -> Form<Node<'_>> {
    let mut f = Fields::decode(body, 26)?;
    ensure(f.uint(1, 4)? == 4)?;
    Ok(Node {
        deployment: f.exact(2)?,
        deployment_key: f.exact(3)?,
        boot: f.uint(4, BOOT_MAX)?,
        boot_record: f.exact(5)?,
        mode: match f.uint(6, 2)? {
            1 => Mode::Workstation,
            2 => Mode::Appliance,
            _ => return Err(FormError),
        },
        ak_name: f.exact(7)?,
        ek: f.exact(8)?,
        activated: f.bool(9)?,
        authority: f.bytes(10, 512)?,
        signer: f.bytes(11, 512)?,
        tls: f.exact(12)?,
        manifest: f.exact(13)?,
        release: f.text(14, 0, 64)?,
        single_operator: f.bool(15)?,
        genesis: f.exact(16)?,
        attended: f.bool(17)?,
        recovery_key: f.bool(18)?,
        machine: f.text(19, 0, 320)?,
        sandbox_missing: take_layers(f.uint(20, u64::MAX)?)?,
        site_root: f.exact(21)?,
        release_base: f.uint(22, BASE_MAX)?,
        site_base: f.uint(23, BASE_MAX)?,
        first_counter: f.uint(24, u64::MAX)?,
        share: f.exact(25)?,
        interpreter: f.bool(26)?,
    })
}

fn open_node(bytes: &[u8]) -> Result<Node<'_>, Code> {
    let (body, signature) = take_signed(bytes, 2048).means(Code::NodeForm)?;
    let node = take_node(body).means(Code::NodeForm)?;
    refuse_unless(signed_by(&node.deployment_key, "claviger/node/v1", body, &signature), Code::NodeSignature)?;
    Ok(node)
}

fn take_channel(node: &Node, bytes: &[u8], role: u64) -> Form<Hash> {
    let (body, signature) = take_signed(bytes, 512)?;
    ensure(signed_by(&node.deployment_key, "claviger/channel/v1", body, &signature))?;
    let mut f = Fields::decode(body, 5)?;
    ensure(f.uint(1, 1)? == 1 && f.exact::<32>(2)? == node.deployment)?;
    ensure(f.uint(3, BOOT_MAX)? == node.boot && f.uint(4, 2)? == role)?;
    f.exact(5)
}

// ---- nonces ----

/// The only root that this proof can be of (RFC 9162 section 2.1.3.2).
fn proof_root(proof: &Proof) -> Option<Hash> {
    let mut at = proof.index;
    let mut last = proof.count.checked_sub(1).filter(|last| at <= *last)?;
    let mut root = sha256(&[&[0], &proof.nonce]);
    for sibling in proof.path.chunks_exact(32) {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            root = sha256(&[&[1], sibling, &root]);
            while at % 2 == 0 {
                at /= 2; // not zero: zero is the last one only of a tree of one
                last /= 2;
            }
        } else {
            root = sha256(&[&[1], &root, sibling]);
        }
        at /= 2;
        last /= 2;
    }
    (last == 0).then_some(root)
}

/// The nonce that a public value makes; source and value of 1 to 128 bytes.
pub fn beacon_nonce(source: &str, value: &str) -> [u8; 32] {
    let map = [&[0xa2, 1], &cbor::encode_text(source)[..], &[2], &cbor::encode_text(value)].concat();
    sha256(&[b"claviger/beacon/v1", &map])
}

fn check_nonce(evidence: &Evidence, nonce: Option<&Hash>) -> Result<(Hash, Hash), Code> {
    let proof = evidence.proof.as_ref().ok_or(Code::Nonce)?;
    refuse_unless(nonce.is_none_or(|nonce| *nonce == proof.nonce), Code::Nonce)?;
    if let Some((source, value)) = evidence.beacon {
        refuse_unless(beacon_nonce(source, value) == proof.nonce, Code::Beacon)?;
    }
    Ok((proof.nonce, proof_root(proof).ok_or(Code::Proof)?))
}

// ---- what the TPM signed ----

fn check_quote<'a>(evidence: &Evidence<'a>, ak: &Public, root: &Hash) -> Result<Statement<'a>, Code> {
    let extra = sha256(&[b"claviger/quote/v1", root, &sha256(&[evidence.node])]);
    let signature = tpm::take_signature(evidence.signature, &ak.key).means(Code::SignatureForm)?;
    refuse_unless(signature.verifies(&ak.key, evidence.statement), Code::Signature)?;
    let quote = tpm::take_statement(evidence.statement, tpm::TYPE_QUOTE)?;
    refuse_unless(quote.extra == extra, Code::Extra)?;
    let Said::Quote { selection, digest } = &quote.said else { return Err(Code::Type) };
    let banks: Vec<_> = selection.iter().filter(|bank| bank.mask != 0).collect();
    refuse_unless(banks.iter().all(|bank| bank.algorithm != tpm::SHA1), Code::PcrBank)?;
    let is_exact = matches!(banks[..], [bank] if bank.algorithm == tpm::SHA256 && bank.mask == QUOTED_MASK);
    refuse_unless(is_exact, Code::PcrSelection)?;
    refuse_unless(signature.hash.of(&evidence.pcrs) == *digest, Code::PcrDigest)?;
    Ok(quote)
}

/// PCR 11 after the cap.
fn cap(at_unseal: &Hash) -> Hash {
    extend(at_unseal, &sha256(&[b"claviger/cap/v1"]))
}

fn as_quoted(pcr: usize, value: &Hash) -> Hash {
    if pcr == 11 { cap(value) } else { *value }
}

// ---- whose TPM, and what runs ----

/// 2.23.133.8.1: a certificate of an endorsement key.
const EK_USAGE: &[u8] = &[0x67, 0x81, 0x05, 0x08, 0x01];

fn check_maker(policy: &Policy, evidence: &Evidence, node: &Node, ak: &Public, at_seconds: i64) -> Result<(), Code> {
    refuse_unless(!evidence.certificates.is_empty() && !evidence.ek.is_empty(), Code::EkNone)?;
    let ek = tpm::take_public(evidence.ek).means(Code::EkForm)?;
    refuse_unless(ek.is_endorsement_key(), Code::EkForm)?;
    let spki = x509::check_chain(&evidence.certificates, &policy.roots, EK_USAGE, at_seconds)?;
    refuse_unless(spki == ek.spki, Code::EkKey)?;
    let id = sha256(&[evidence.ek]); // not its name: that is of the digest which its template has
    refuse_unless(policy.eks.is_empty() || policy.eks.contains(&id), Code::EkUnknown)?;
    let is_linked = policy.aks.contains(&ak.name) || (policy.deployment_key.is_some() && node.activated && node.ek == id);
    refuse_unless(is_linked, Code::EkLink)
}

fn find_values<'a>(evidence: &Evidence, list: &'a [Known]) -> Option<&'a str> {
    let is = |one: &&Known| one.pcrs.iter().all(|(pcr, value)| as_quoted(*pcr, value) == evidence.quoted(*pcr));
    list.iter().find(is).map(|one| one.name.as_str())
}

const NV_COUNTER: u32 = 0x0143_4c02;
const NV_RELEASE_FLOOR: u32 = 0x0143_4c03;
const NV_SITE_FLOOR: u32 = 0x0143_4c04;

/// PolicyAuthorize of the site root for one genesis (spec/sealing.md): what a floor's index carries.
fn floor_policy(node: &Node, purpose: &str) -> Hash {
    // TPMT_PUBLIC as a TPM loads and names it: ECC, SHA-256, sign, no policy, cipher, scheme or KDF, P-256.
    let area = [&[0, 0x23, 0, 0x0b, 0, 4, 0, 0, 0, 0, 0, 0x10, 0, 0x10, 0, 3, 0, 0x10], &[0, 32][..], &node.site_root[..32], &[0, 32], &node.site_root[32..]].concat();
    let authorized = sha256(&[&[0; 32], &[0, 0, 1, 0x6a], &[0, 0x0b], &sha256(&[&area])]);
    sha256(&[&authorized, &sha256(&[purpose.as_bytes(), &node.genesis])])
}

/// Is it the very index that genesis made? Whoever has the owner's authorization can define another one under its
/// number.
fn is_of_genesis(index: u32, policy: &[u8], value: u64, node: &Node) -> bool {
    let (base, purpose) = match index {
        NV_RELEASE_FLOOR => (node.release_base, "claviger/floor/delegate/v2"),
        NV_SITE_FLOOR => (node.site_base, "claviger/floor/site/v2"),
        _ => return value >= node.first_counter,
    };
    value >> 8 == base && policy == floor_policy(node, purpose)
}

/// Indices and what stands in them.
fn check_nv(evidence: &Evidence, node: &Node, ak: &Public, quote: &Statement) -> Result<Vec<(u32, u64)>, Code> {
    let extra = sha256(&[b"claviger/nv/v1", &node.deployment]);
    let mut found: Vec<(u32, u64)> = Vec::new();
    for nv in &evidence.nv {
        let area = tpm::take_nv_public(nv.area).means(Code::NvForm)?;
        let signature = tpm::take_signature(nv.signature, &ak.key).means(Code::NvForm)?;
        refuse_unless(signature.verifies(&ak.key, nv.statement), Code::NvSignature)?;
        let statement = tpm::take_statement(nv.statement, tpm::TYPE_NV).map_err(|_| Code::NvForm)?;
        let Said::Nv { name, offset, data } = statement.said else { return Err(Code::NvForm) };
        refuse_unless(name == area.name && offset == 0 && area.size == data.len(), Code::NvName)?;
        let is_of_boot = statement.extra == extra
            && (statement.reset_count, statement.restart_count) == (quote.reset_count, quote.restart_count)
            && statement.clock_ms <= quote.clock_ms;
        refuse_unless(is_of_boot, Code::NvStale)?;
        let is_floor = area.index == NV_RELEASE_FLOOR || area.index == NV_SITE_FLOOR;
        // TPMA_NV: type counter, written; a floor is written by its policy and by nothing else.
        let is_counter = area.attributes >> 4 & 15 == 1 && area.attributes >> 29 & 1 == 1;
        let is_guarded = area.attributes & 15 == 8 && area.policy.len() == 32;
        let data: Option<[u8; 8]> = data.try_into().ok();
        let value = u64::from_be_bytes(data.ok_or(Code::NvKind)?);
        refuse_unless((is_floor || area.index == NV_COUNTER) && is_counter && (!is_floor || is_guarded), Code::NvKind)?;
        refuse_unless(!found.iter().any(|(index, _)| *index == area.index), Code::NvForm)?;
        refuse_unless(is_of_genesis(area.index, area.policy, value, node), Code::NvGenesis)?;
        found.push((area.index, value));
    }
    Ok(found)
}

fn check_log(policy: &Policy, evidence: &Evidence) -> Result<Option<EventLog>, Code> {
    if evidence.log.is_empty() {
        return if policy.event_log { Err(Code::LogNone) } else { Ok(None) };
    }
    let log = log::replay(evidence.log)?;
    for pcr in PCRS.into_iter().filter(|pcr| *pcr != 13) {
        refuse_unless(as_quoted(pcr, &log.pcrs[pcr]) == evidence.quoted(pcr), Code::LogReplay)?;
    }
    refuse_unless(!policy.event_log || log.secure_boot == Some(true), Code::SecureBoot)?;
    Ok(Some(log))
}

fn judge(bytes: &[u8], nonce: Option<&Hash>, policy: &Policy, at_seconds: i64) -> Result<Report, Code> {
    let evidence = take_evidence(bytes).means(Code::EvidenceForm)?;
    let software = policy.software_tpm;
    let can_accept = if software {
        policy.roots.is_empty() && policy.eks.is_empty() && policy.aks.is_empty()
    } else {
        let names_node = policy.deployment_key.is_some() || !policy.aks.is_empty();
        !policy.roots.is_empty() && !policy.releases.is_empty() && !policy.firmwares.is_empty() && names_node
    };
    refuse_unless(can_accept, Code::Policy)?;
    let node = open_node(evidence.node)?;
    refuse_unless(policy.deployment_key.is_none_or(|key| key == node.deployment_key), Code::Deployment)?;
    let authority_key = take_channel(&node, node.authority, 1).means(Code::Channel)?;
    let signer_key = take_channel(&node, node.signer, 2).means(Code::Channel)?;
    let ak = tpm::take_public(evidence.ak).means(Code::KeyForm)?;
    refuse_unless(ak.is_attestation_key(), Code::KeyKind)?;
    refuse_unless(ak.name == node.ak_name, Code::AkName)?;
    let (answered, root) = check_nonce(&evidence, nonce)?;
    let quote = check_quote(&evidence, &ak, &root)?;
    let commit = sha256(&[b"claviger/commit/v1", &node.deployment_key, &node.manifest, &signer_key]);
    refuse_unless(extend(&[0; 32], &commit) == evidence.quoted(13), Code::Commit)?;
    if !software {
        check_maker(policy, &evidence, &node, &ak, at_seconds)?;
    }
    refuse_unless(quote.firmware >= policy.tpm_firmware, Code::TpmFirmware)?;
    let release = find_values(&evidence, &policy.releases);
    refuse_unless(policy.releases.is_empty() || release.is_some(), Code::PcrRelease)?;
    let firmware = find_values(&evidence, &policy.firmwares);
    refuse_unless(policy.firmwares.is_empty() || firmware.is_some(), Code::PcrFirmware)?;
    let nv = check_nv(&evidence, &node, &ak, &quote)?;
    let value_of = |index| nv.iter().find(|(one, _)| *one == index).map(|(_, value)| *value);
    let level_of = |index| value_of(index).map(|value| value as u8); // the last byte is the level
    let (release_floor, site_floor) = (level_of(NV_RELEASE_FLOOR), level_of(NV_SITE_FLOOR));
    let counter = value_of(NV_COUNTER);
    let is_high = (policy.release_floor == 0 || release_floor >= Some(policy.release_floor))
        && (policy.site_floor == 0 || site_floor >= Some(policy.site_floor))
        && (policy.counter == 0 || counter >= Some(policy.counter));
    refuse_unless(is_high, Code::Floor)?;
    let log = check_log(policy, &evidence)?;
    refuse_unless(policy.genesis.is_none_or(|genesis| genesis == node.genesis), Code::Genesis)?;
    refuse_unless(software || policy.single_operator || !node.single_operator, Code::SingleOperator)?;
    refuse_unless(software || policy.unattended || node.attended, Code::Unattended)?;
    refuse_unless(software || policy.recovery_key || !node.recovery_key, Code::RecoveryKey)?;
    refuse_unless(software || policy.reduced_sandbox || node.sandbox_missing.is_empty(), Code::ReducedSandbox)?;
    Ok(Report {
        hardware: !software,
        deployment: hex(&node.deployment),
        deployment_key: hex(&node.deployment_key),
        boot: node.boot,
        boot_record: hex(&node.boot_record),
        mode: node.mode,
        says: node.release.into(),
        release: release.unwrap_or_default().into(),
        firmware: firmware.unwrap_or_default().into(),
        single_operator: node.single_operator,
        attended: node.attended,
        recovery_key: node.recovery_key,
        sandbox_missing: node.sandbox_missing,
        genesis: hex(&node.genesis),
        share: hex(&node.share),
        machine: node.machine.into(),
        interpreter: node.interpreter,
        ak: hex(&ak.name),
        ek: hex(&node.ek),
        activated: node.activated || !software,
        authority_key,
        signer_key,
        tls_key: hex(&node.tls),
        manifest: hex(&node.manifest),
        release_floor,
        site_floor,
        counter,
        reset_count: quote.reset_count,
        restart_count: quote.restart_count,
        clock_ms: quote.clock_ms,
        tpm_firmware: quote.firmware,
        log,
        nonce: hex(&answered),
        beacon: evidence.beacon.map(|(source, value)| (source.into(), value.into())),
    })
}

/// Judges evidence (spec/evidence.md). `nonce`: the 32 bytes that you asked with; none for evidence that somebody else
/// asked for or that answers a beacon, whose age is then yours to judge. `at`: when the makers' certificates must be
/// valid.
pub fn verify_evidence(
    evidence: &[u8],
    nonce: Option<&[u8; 32]>,
    policy: &Policy,
    at: SystemTime,
) -> Result<Report, Code> {
    let at_seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    judge(evidence, nonce, policy, at_seconds)
}
