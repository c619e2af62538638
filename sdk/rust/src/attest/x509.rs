// SPDX-License-Identifier: Apache-2.0
//! Certificate chains of TPM makers: as much of X.509 (RFC 5280) as leads from an endorsement key's certificate to a
//! root that the policy names, and nothing that it does not understand.
use super::bytes::{ensure, Form, FormError, Reader};
use super::key::{Curve, HashKind, Key};
use super::refusal::Code;

#[derive(Clone, Copy)]
struct Item<'a> {
    tag: u8,
    body: &'a [u8],
    /// With tag and length.
    whole: &'a [u8],
}

/// One DER item, definite and in shortest form.
fn take<'a>(r: &mut Reader<'a>) -> Form<Item<'a>> {
    let begin = r.rest();
    let tag = r.u8()?;
    ensure(tag & 31 != 31)?;
    let mut len = usize::from(r.u8()?);
    if len >= 0x80 {
        let count = len & 127;
        ensure((1..=3).contains(&count))?;
        len = r.run(count)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        ensure(len >= 128 && len >> (8 * (count - 1)) != 0)?;
    }
    let body = r.run(len)?;
    Ok(Item { tag, body, whole: &begin[..begin.len() - r.left()] })
}

fn items(body: &[u8]) -> Form<Vec<Item<'_>>> {
    let mut r = Reader::new(body);
    let mut found = Vec::new();
    while r.left() != 0 {
        found.push(take(&mut r)?);
    }
    Ok(found)
}

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;

/// The contents of this item, which must be there and of that tag.
fn body<'a>(item: Option<&Item<'a>>, tag: u8) -> Form<&'a [u8]> {
    item.filter(|item| item.tag == tag).map(|item| item.body).ok_or(FormError)
}

fn sequence<'a>(item: Option<&Item<'a>>) -> Form<Vec<Item<'a>>> {
    items(body(item, SEQUENCE)?)
}

/// Contents of an object identifier, well-formed; compared as they are.
fn oid<'a>(item: Option<&Item<'a>>) -> Form<&'a [u8]> {
    let body = body(item, OID)?;
    let mut value = 0u64;
    for byte in body {
        value = value << 7 | u64::from(byte & 127);
        ensure(value <= 1 << 40)?;
        if *byte < 128 {
            value = 0;
        }
    }
    ensure(body.last().is_some_and(|byte| *byte < 128))?;
    Ok(body)
}

/// Days from 1970-01-01 (proleptic Gregorian).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day - 719_469
}

fn time(item: Option<&Item>) -> Form<i64> {
    let item = item.ok_or(FormError)?;
    let year_len = match item.tag {
        UTC_TIME => 2,
        GENERALIZED_TIME => 4,
        _ => return Err(FormError),
    };
    let digits = item.body.strip_suffix(b"Z").ok_or(FormError)?;
    ensure(digits.len() == year_len + 10 && digits.iter().all(u8::is_ascii_digit))?;
    let number = |from: &[u8]| from.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let year = match (year_len, number(&digits[..year_len])) {
        (2, year @ 0..50) => 2000 + year,
        (2, year) => 1900 + year,
        (_, year) => year,
    };
    let rest: Vec<i64> = digits[year_len..].chunks_exact(2).map(number).collect();
    let [month, day, hour, minute, second] = rest[..] else { return Err(FormError) };
    ensure((1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60)?;
    Ok(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

pub struct Certificate<'a> {
    bytes: &'a [u8],
    signed: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    pub spki: &'a [u8],
    not_before: i64,
    not_after: i64,
    algorithm: &'a [u8],
    signature: &'a [u8],
    extensions: Extensions<'a>,
}

struct Extensions<'a> {
    is_ca: bool,
    path_len: Option<usize>,
    may_issue: bool,
    usages: Vec<&'a [u8]>,
    /// A critical one is not understood.
    is_odd: bool,
}

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 0x20];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];

fn take_extension<'a>(item: &Item<'a>, found: &mut Extensions<'a>) -> Form<()> {
    let parts = sequence(Some(item))?;
    let name = oid(parts.first())?;
    let flag = parts.get(1).filter(|part| part.tag == BOOLEAN);
    let at = if flag.is_some() { 2 } else { 1 };
    ensure(parts.len() == at + 1)?;
    let value = items(body(parts.get(at), OCTET_STRING)?);
    match name {
        BASIC_CONSTRAINTS => {
            let members = sequence(value?.first())?;
            found.is_ca = members.first().is_some_and(|member| member.tag == BOOLEAN && member.body.first() == Some(&0xff));
            if let Some(len) = members.iter().find(|member| member.tag == INTEGER) {
                ensure(len.body.len() <= 4)?;
                found.path_len = Some(len.body.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)));
            }
        }
        KEY_USAGE => found.may_issue = body(value?.first(), BIT_STRING)?.get(1).is_some_and(|bits| bits & 0x04 != 0),
        EXTENDED_KEY_USAGE => {
            found.usages = sequence(value?.first())?.iter().map(|usage| oid(Some(usage))).collect::<Form<_>>()?;
        }
        SUBJECT_ALT_NAME | CERTIFICATE_POLICIES => {}
        _ => found.is_odd |= flag.is_some_and(|flag| flag.body.first() == Some(&0xff)),
    }
    Ok(())
}

/// One certificate and nothing behind it.
pub fn parse(bytes: &[u8]) -> Form<Certificate<'_>> {
    ensure(!bytes.is_empty() && bytes.len() <= 4096)?;
    let mut r = Reader::new(bytes);
    let whole = take(&mut r)?;
    r.done()?;
    let outer = sequence(Some(&whole))?;
    ensure(outer.len() == 3)?;
    let algorithm = sequence(outer.get(1))?;
    let (unused, signature) = body(outer.get(2), BIT_STRING)?.split_first().ok_or(FormError)?;
    ensure(*unused == 0)?;
    let mut fields = sequence(outer.first())?;
    if fields.first().is_some_and(|field| field.tag == 0xa0) {
        fields.remove(0); // version
    }
    body(fields.first(), INTEGER)?;
    body(fields.get(1), SEQUENCE)?;
    ensure(fields[1].whole == outer[1].whole)?;
    let validity = sequence(fields.get(3))?;
    for at in [2, 4, 5] {
        body(fields.get(at), SEQUENCE)?;
    }
    let mut extensions = Extensions { is_ca: false, path_len: None, may_issue: true, usages: Vec::new(), is_odd: false };
    if let Some(wrapper) = fields.iter().find(|field| field.tag == 0xa3) {
        for item in sequence(items(wrapper.body)?.first())? {
            take_extension(&item, &mut extensions)?;
        }
    }
    Ok(Certificate {
        bytes,
        signed: outer[0].whole,
        issuer: fields[2].whole,
        subject: fields[4].whole,
        spki: fields[5].whole,
        not_before: time(validity.first())?,
        not_after: time(validity.get(1))?,
        algorithm: oid(algorithm.first())?,
        signature,
        extensions,
    })
}

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const PRIME_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP_384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const SECP_521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// A positive integer's bytes without the zero that shows its sign.
fn unsigned<'a>(item: Option<&Item<'a>>) -> Form<&'a [u8]> {
    let body = body(item, INTEGER)?;
    match body {
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Ok(rest),
        [0, _, ..] => Err(FormError),
        [first, ..] if *first < 0x80 => Ok(body),
        _ => Err(FormError),
    }
}

/// The key of a SubjectPublicKeyInfo.
fn key_of(spki: &[u8]) -> Form<Key> {
    let parts = sequence(items(spki)?.first())?;
    let algorithm = sequence(parts.first())?;
    let (unused, key) = body(parts.get(1), BIT_STRING)?.split_first().ok_or(FormError)?;
    ensure(*unused == 0 && parts.len() == 2)?;
    match oid(algorithm.first())? {
        RSA_ENCRYPTION => {
            let numbers = sequence(items(key)?.first())?;
            Key::rsa(unsigned(numbers.first())?, unsigned(numbers.get(1))?)
        }
        EC_PUBLIC_KEY => {
            let curve = match oid(algorithm.get(1))? {
                PRIME_256 => Curve::P256,
                SECP_384 => Curve::P384,
                SECP_521 => Curve::P521,
                _ => return Err(FormError),
            };
            Key::ec(curve, key)
        }
        _ => Err(FormError),
    }
}

/// ECDSA-Sig-Value to r and s, each as long as the curve's field.
fn pair(signature: &[u8], len: usize) -> Form<Vec<u8>> {
    let whole = items(signature)?;
    let numbers = sequence(whole.first())?;
    ensure(whole.len() == 1 && numbers.len() == 2)?;
    let mut both = Vec::with_capacity(2 * len);
    for number in &numbers {
        let bare = unsigned(Some(number))?;
        ensure(bare.len() <= len)?;
        both.resize(both.len() + len - bare.len(), 0);
        both.extend_from_slice(bare);
    }
    Ok(both)
}

fn verified(child: &Certificate, issuer: &Certificate) -> Form<bool> {
    let key = key_of(issuer.spki)?;
    // sha256-, sha384- and sha512WithRSAEncryption; ecdsa-with-SHA256, -SHA384 and -SHA512
    let (is_rsa, last) = match child.algorithm {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last @ 0x0b..=0x0d] => (true, last - 0x0b),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last @ 2..=4] => (false, last - 2),
        _ => return Err(FormError),
    };
    let hash = [HashKind::Sha256, HashKind::Sha384, HashKind::Sha512][usize::from(last)];
    match key.curve() {
        None if is_rsa => Ok(key.verify_pkcs1(hash, child.signed, child.signature)),
        Some(curve) if !is_rsa => Ok(key.verify_ecdsa(hash, child.signed, &pair(child.signature, curve.field())?)),
        _ => Err(FormError),
    }
}

fn verifies(child: &Certificate, issuer: &Certificate) -> bool {
    verified(child, issuer).unwrap_or(false)
}

const DEPTH_MAX: usize = 6;

/// The issuer by name, among these: the one whose signature it is, else the first.
fn issuer_of<'a, 'b>(child: &Certificate, among: impl Iterator<Item = &'b Certificate<'a>>) -> Option<&'b Certificate<'a>>
where
    'a: 'b,
{
    let named: Vec<_> = among.filter(|one| one.extensions.may_issue && one.subject == child.issuer).collect();
    named.iter().find(|one| verifies(child, one)).or(named.first()).copied()
}

/// From the leaf, the first of `shown`, to an anchor, refused as ek-form, ek-chain, ek-usage or ek-time; returns the
/// leaf's SubjectPublicKeyInfo. `usage`: the object identifier that its extended key usages must name.
pub fn check_chain<'a>(
    shown: &[&'a [u8]],
    anchors: &[Vec<u8>],
    usage: &[u8],
    at_seconds: i64,
) -> Result<&'a [u8], Code> {
    let form = |_: FormError| Code::EkForm;
    let shown = shown.iter().map(|bytes| parse(bytes)).collect::<Form<Vec<_>>>().map_err(form)?;
    let anchors = anchors.iter().map(|bytes| parse(bytes)).collect::<Form<Vec<_>>>().map_err(form)?;
    let (leaf, between) = shown.split_first().ok_or(Code::EkNone)?;
    let mut path = vec![leaf];
    let mut is_anchored = anchors.iter().any(|anchor| anchor.bytes == leaf.bytes);
    while !is_anchored {
        let last = path[path.len() - 1];
        let anchor = issuer_of(last, anchors.iter());
        let next = anchor
            .or_else(|| issuer_of(last, between.iter().filter(|one| !path.iter().any(|on| std::ptr::eq(*on, *one)))));
        let next = next.filter(|_| path.len() <= DEPTH_MAX).ok_or(Code::EkChain)?;
        path.push(next);
        is_anchored = anchor.is_some();
    }
    for (i, certificate) in path.iter().enumerate() {
        let Extensions { is_ca, path_len, is_odd, .. } = certificate.extensions;
        // A root that signs itself limits nothing: it is the policy that names it.
        let is_long = certificate.subject != certificate.issuer && path_len.is_some_and(|len| len + 1 < i);
        if is_odd || (i > 0 && (!is_ca || is_long)) {
            return Err(Code::EkUsage);
        }
    }
    for (i, certificate) in path.iter().enumerate().rev() {
        if path.get(i + 1).is_some_and(|issuer| !verifies(certificate, issuer)) {
            return Err(Code::EkChain);
        }
        if !(certificate.not_before..=certificate.not_after).contains(&at_seconds) {
            return Err(Code::EkTime);
        }
    }
    if !leaf.extensions.usages.contains(&usage) || leaf.extensions.is_ca {
        return Err(Code::EkUsage);
    }
    Ok(leaf.spki)
}
