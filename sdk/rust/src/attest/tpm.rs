// SPDX-License-Identifier: Apache-2.0
//! A TPM's own structures, strictly: the twin of lib/attest/attest_tpm.c (TCG TPM 2.0 Library, part 2).
use super::bytes::{ensure, sha256, Form, FormError, Reader};
use super::key::{Curve, HashKind, Key};
use super::refusal::Code;
use crate::json::hex;

pub const TYPE_NV: u16 = 0x8014;
pub const TYPE_QUOTE: u16 = 0x8018;
const MAGIC: u32 = 0xff54_4347;

pub const SHA1: u16 = 0x0004;
pub const SHA256: u16 = 0x000b;
const SHA384: u16 = 0x000c;
const SHA512: u16 = 0x000d;
const RSA: u16 = 0x0001;
const AES: u16 = 0x0006;
const NULL: u16 = 0x0010;
const RSASSA: u16 = 0x0014;
const RSAPSS: u16 = 0x0016;
const ECDSA: u16 = 0x0018;
const ECC: u16 = 0x0023;
const CFB: u16 = 0x0043;

/// Bytes of a digest; 0: an algorithm that is not known.
pub fn digest_len(algorithm: u16) -> usize {
    match algorithm {
        SHA1 => 20,
        SHA256 => 32,
        SHA384 => 48,
        SHA512 => 64,
        _ => 0,
    }
}

pub struct Bank {
    pub algorithm: u16,
    pub mask: u32,
}

fn take_selection(r: &mut Reader) -> Form<Vec<Bank>> {
    let count = r.u32()?;
    ensure(count <= 16)?;
    let mut banks: Vec<Bank> = Vec::new();
    for _ in 0..count {
        let algorithm = r.u16()?;
        let len = usize::from(r.u8()?);
        let bits = r.run(len)?;
        ensure(len <= 4 && bits.get(3).is_none_or(|bits| *bits == 0) && digest_len(algorithm) != 0)?;
        ensure(!banks.iter().any(|bank| bank.algorithm == algorithm))?;
        let mask = bits.iter().rev().fold(0, |mask, byte| mask << 8 | u32::from(*byte));
        banks.push(Bank { algorithm, mask });
    }
    Ok(banks)
}

/// What the two kinds of statement have of their own.
pub enum Said<'a> {
    Quote { selection: Vec<Bank>, digest: &'a [u8] },
    Nv { name: &'a [u8], offset: u16, data: &'a [u8] },
}

pub struct Statement<'a> {
    pub extra: &'a [u8],
    pub clock_ms: u64,
    pub reset_count: u32,
    pub restart_count: u32,
    pub firmware: u64,
    pub said: Said<'a>,
}

/// TPMS_ATTEST of the kind that is asked for; refused as magic, type, form or tail.
pub fn take_statement(bytes: &[u8], kind: u16) -> Result<Statement<'_>, Code> {
    let form = |_: FormError| Code::Form;
    if bytes.len() > 1024 {
        return Err(Code::Form);
    }
    let mut r = Reader::new(bytes);
    if r.u32().map_err(form)? != MAGIC {
        return Err(Code::Magic);
    }
    if r.u16().map_err(form)? != kind {
        return Err(Code::Type);
    }
    let mut rest = || -> Form<Statement> {
        r.sized(34 + 64)?;
        let extra = r.sized(64)?;
        let (clock_ms, reset_count, restart_count) = (r.u64()?, r.u32()?, r.u32()?);
        ensure(r.u8()? <= 1)?; // whether the clock is safe
        let firmware = r.u64()?;
        let said = if kind == TYPE_QUOTE {
            Said::Quote { selection: take_selection(&mut r)?, digest: r.sized(64)? }
        } else {
            Said::Nv { name: r.sized(34)?, offset: r.u16()?, data: r.sized(64)? }
        };
        Ok(Statement { extra, clock_ms, reset_count, restart_count, firmware, said })
    };
    let statement = rest().map_err(form)?;
    if r.left() != 0 {
        return Err(Code::Tail);
    }
    Ok(statement)
}

/// DER: a tag, a length in shortest form, contents of less than 65536 bytes.
fn der(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let body = contents.concat();
    let len = body.len();
    let head: &[u8] = match len {
        0..=127 => &[tag, len as u8],
        128..=255 => &[tag, 0x81, len as u8],
        _ => &[tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head, &body].concat()
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len())..]
}

fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let body = without_zeros(bytes);
    let sign: &[u8] = if body.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    der(0x02, &[sign, body])
}

fn padded(bytes: &[u8], len: usize) -> Form<Vec<u8>> {
    ensure(bytes.len() <= len)?;
    Ok([&vec![0; len - bytes.len()], bytes].concat())
}

const OID_EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const OID_P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const OID_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

pub struct Public {
    attributes: u32,
    name_algorithm: u16,
    policy: Vec<u8>,
    symmetric: Option<(u16, u16)>, // AES: bits and mode
    has_scheme: bool,
    rsa_bits: u16,
    pub key: Key,
    /// Its SubjectPublicKeyInfo, to compare it by.
    pub spki: Vec<u8>,
    /// 000b and SHA-256 of the whole: computed, never read. Zeros for a digest that no name of ours has.
    pub name: [u8; 34],
}

fn sha256_name(bytes: &[u8]) -> [u8; 34] {
    let mut name = [0; 34];
    name[..2].copy_from_slice(&SHA256.to_be_bytes());
    name[2..].copy_from_slice(&sha256(&[bytes]));
    name
}

fn ec_key(curve: u16, x: &[u8], y: &[u8]) -> Form<(Key, Vec<u8>)> {
    let (curve, oid) = match curve {
        0x0003 => (Curve::P256, OID_P256),
        0x0004 => (Curve::P384, OID_P384),
        _ => return Err(FormError),
    };
    let point = [&[4][..], &padded(x, curve.field())?, &padded(y, curve.field())?].concat();
    let spki = der(0x30, &[&der(0x30, &[OID_EC, oid]), &der(0x03, &[&[0], &point])]);
    Ok((Key::ec(curve, &point)?, spki))
}

fn rsa_key(bits: u16, exponent: u32, modulus: &[u8]) -> Form<(Key, Vec<u8>)> {
    let bare = without_zeros(modulus);
    let long = bare.first().map_or(0, |top| bare.len() * 8 - top.leading_zeros() as usize);
    ensure(modulus.len() * 8 == usize::from(bits) && (2048..=4096).contains(&long))?;
    let exponent = if exponent == 0 { 65537 } else { exponent };
    ensure(exponent % 2 == 1 && exponent >= 3)?;
    let bytes = exponent.to_be_bytes();
    let inner = der(0x30, &[&der_integer(modulus), &der_integer(&bytes)]);
    let spki = der(0x30, &[&der(0x30, &[OID_RSA]), &der(0x03, &[&[0], &inner])]);
    Ok((Key::rsa(bare, &bytes)?, spki)) // which refuses an even modulus
}

/// TPMT_PUBLIC of an ECC or RSA key.
pub fn take_public(bytes: &[u8]) -> Form<Public> {
    ensure(bytes.len() <= 640)?;
    let mut r = Reader::new(bytes);
    let (kind, name_algorithm, attributes) = (r.u16()?, r.u16()?, r.u32()?);
    let policy = r.sized(64)?.to_vec();
    ensure((kind == ECC || kind == RSA) && (name_algorithm == SHA256 || name_algorithm == SHA384))?;
    let symmetric = match r.u16()? {
        NULL => None,
        AES => Some((r.u16()?, r.u16()?)),
        _ => return Err(FormError),
    };
    let has_scheme = match r.u16()? {
        NULL => false,
        ECDSA | RSASSA | RSAPSS => {
            r.u16()?;
            true
        }
        _ => return Err(FormError),
    };
    let mut rsa_bits = 0;
    let (key, spki) = if kind == ECC {
        let curve = r.u16()?;
        ensure(r.u16()? == NULL)?; // KDF
        let (x, y) = (r.sized(48)?, r.sized(48)?);
        r.done()?;
        ec_key(curve, x, y)?
    } else {
        let (bits, exponent, modulus) = (r.u16()?, r.u32()?, r.sized(512)?);
        r.done()?;
        rsa_bits = bits;
        rsa_key(bits, exponent, modulus)?
    };
    let name = if name_algorithm == SHA256 { sha256_name(bytes) } else { [0; 34] };
    Ok(Public { attributes, name_algorithm, policy, symmetric, has_scheme, rsa_bits, key, spki, name })
}

const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_ORIGIN: u32 = 1 << 5;
const USER_WITH_AUTH: u32 = 1 << 6;
const ADMIN_WITH_POLICY: u32 = 1 << 7;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;

// PolicySecret(endorsement); and that or a policy in NV, in both digests (TCG EK Credential Profile 2.3).
const EK_POLICY: &str = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
const EK_POLICY_HIGH: &str = "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0";
const EK_POLICY_HIGH_384: &str = "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12";

impl Public {
    /// Signs only what its TPM made.
    pub fn is_attestation_key(&self) -> bool {
        let all = FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | RESTRICTED | SIGN;
        self.attributes & (all | DECRYPT) == all && self.name_algorithm == SHA256
    }

    /// A template of the TCG EK Credential Profile (L-1, L-2, H-1, H-2, H-3, H-6), in all but the key itself.
    pub fn is_endorsement_key(&self) -> bool {
        let low = FIXED_TPM | FIXED_PARENT | SENSITIVE_ORIGIN | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT;
        let is_384 = self.name_algorithm == SHA384;
        let is_high = self.attributes == low | USER_WITH_AUTH;
        if !is_high && (is_384 || self.attributes != low) {
            return false;
        }
        let policy = if is_384 { EK_POLICY_HIGH_384 } else if is_high { EK_POLICY_HIGH } else { EK_POLICY };
        hex(&self.policy) == policy
            && self.symmetric == Some((if is_384 { 256 } else { 128 }, CFB))
            && !self.has_scheme
            && match self.key.curve() {
                None => self.rsa_bits == if is_384 { 3072 } else { 2048 },
                curve => curve == Some(if is_384 { Curve::P384 } else { Curve::P256 }),
            }
    }
}

/// TPMT_SIGNATURE; ECDSA as r and s, each as long as the curve's field.
pub struct Signature {
    scheme: u16,
    pub hash: HashKind,
    bytes: Vec<u8>,
}

/// A signature of a key of that kind.
pub fn take_signature(bytes: &[u8], key: &Key) -> Form<Signature> {
    let mut r = Reader::new(bytes);
    let scheme = r.u16()?;
    let hash = match r.u16()? {
        SHA256 => HashKind::Sha256,
        SHA384 => HashKind::Sha384,
        SHA512 => HashKind::Sha512,
        _ => return Err(FormError),
    };
    let bytes = match (scheme, key.curve()) {
        (ECDSA, Some(curve)) => {
            let (first, second) = (r.sized(48)?, r.sized(48)?);
            [padded(without_zeros(first), curve.field())?, padded(without_zeros(second), curve.field())?].concat()
        }
        (RSASSA | RSAPSS, None) => r.sized(512)?.to_vec(),
        _ => return Err(FormError),
    };
    r.done()?;
    Ok(Signature { scheme, hash, bytes })
}

impl Signature {
    pub fn verifies(&self, key: &Key, message: &[u8]) -> bool {
        match self.scheme {
            ECDSA => key.verify_ecdsa(self.hash, message, &self.bytes),
            RSASSA => key.verify_pkcs1(self.hash, message, &self.bytes),
            // TPMs take the digest's length or the longest that fits.
            _ => [Some(self.hash.len()), self.bytes.len().checked_sub(self.hash.len() + 2)]
                .into_iter()
                .flatten()
                .any(|salt_len| key.verify_pss(self.hash, salt_len, message, &self.bytes)),
        }
    }
}

pub struct NvPublic<'a> {
    pub index: u32,
    pub attributes: u32,
    pub policy: &'a [u8],
    pub size: usize,
    pub name: [u8; 34],
}

/// TPMS_NV_PUBLIC.
pub fn take_nv_public(bytes: &[u8]) -> Form<NvPublic<'_>> {
    let mut r = Reader::new(bytes);
    let index = r.u32()?;
    ensure(r.u16()? == SHA256)?;
    let attributes = r.u32()?;
    let policy = r.sized(64)?;
    let size = usize::from(r.u16()?);
    r.done()?;
    Ok(NvPublic { index, attributes, policy, size, name: sha256_name(bytes) })
}
