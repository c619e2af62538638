// SPDX-License-Identifier: Apache-2.0
//! Deterministic CBOR (RFC 8949 section 4.2) as the signer's formats use it: unsigned integers, byte and text strings,
//! arrays, maps with integer or text keys, true and false. What is not in shortest form, out of order, twice, too
//! deep or left over is refused.
use super::bytes::{ensure, Form, FormError, Reader};

pub enum Cbor<'a> {
    Uint(u64),
    Bool(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Cbor<'a>>),
    Map(Vec<(Cbor<'a>, Cbor<'a>)>),
}

const DEPTH_MAX: usize = 16;

fn head(r: &mut Reader) -> Form<(u8, u8, u64)> {
    let first = r.u8()?;
    let (major, info) = (first >> 5, first & 31);
    let (value, least) = match info {
        0..=23 => (u64::from(info), 0),
        24 => (u64::from(r.u8()?), 24),
        25 => (u64::from(r.u16()?), 1 << 8),
        26 => (u64::from(r.u32()?), 1 << 16),
        27 => (r.u64()?, 1 << 32),
        _ => return Err(FormError), // indefinite or reserved
    };
    ensure(value >= least)?;
    Ok((major, info, value))
}

fn item<'a>(r: &mut Reader<'a>, depth: usize) -> Form<Cbor<'a>> {
    ensure(depth <= DEPTH_MAX)?;
    let (major, info, value) = head(r)?;
    let mut run = |len: u64| r.run(usize::try_from(len).map_err(|_| FormError)?);
    Ok(match major {
        0 => Cbor::Uint(value),
        2 => Cbor::Bytes(run(value)?),
        3 => Cbor::Text(std::str::from_utf8(run(value)?).map_err(|_| FormError)?),
        4 => {
            let mut items = Vec::new(); // grows as bytes are read, whatever the head says
            for _ in 0..value {
                items.push(item(r, depth + 1)?);
            }
            Cbor::List(items)
        }
        5 => {
            let mut entries = Vec::new();
            let mut last: Option<&[u8]> = None;
            for _ in 0..value {
                let before = r.rest();
                let key = item(r, depth + 1)?;
                ensure(matches!(key, Cbor::Uint(_) | Cbor::Text(_)))?;
                let raw = &before[..before.len() - r.left()];
                ensure(last.is_none_or(|last| last < raw))?;
                last = Some(raw);
                entries.push((key, item(r, depth + 1)?));
            }
            Cbor::Map(entries)
        }
        7 if info == 20 || info == 21 => Cbor::Bool(info == 21),
        _ => return Err(FormError),
    })
}

/// Exactly one item.
pub fn decode(bytes: &[u8]) -> Form<Cbor<'_>> {
    let mut r = Reader::new(bytes);
    let found = item(&mut r, 0)?;
    r.done()?;
    Ok(found)
}

/// A text of less than 65536 bytes.
pub fn encode_text(text: &str) -> Vec<u8> {
    let len = text.len();
    let head: &[u8] = match len {
        0..=23 => &[0x60 | len as u8],
        24..=255 => &[0x78, len as u8],
        _ => &[0x79, (len >> 8) as u8, len as u8],
    };
    [head, text.as_bytes()].concat()
}

/// A map with exactly the integer keys from 1 on, and perhaps some more.
pub struct Fields<'a>(Vec<(u64, Cbor<'a>)>);

impl<'a> Fields<'a> {
    pub fn of(item: Cbor<'a>, needed: u64, optional: &[u64]) -> Form<Self> {
        let Cbor::Map(entries) = item else { return Err(FormError) };
        let mut found = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Cbor::Uint(key) = key else { return Err(FormError) };
            ensure((1..=needed).contains(&key) || optional.contains(&key))?;
            found.push((key, value));
        }
        ensure((1..=needed).all(|key| found.iter().any(|(name, _)| *name == key)))?;
        Ok(Self(found))
    }

    pub fn decode(bytes: &'a [u8], needed: u64) -> Form<Self> {
        Self::of(decode(bytes)?, needed, &[])
    }

    /// Takes the value out: each is read once.
    pub fn take(&mut self, key: u64) -> Option<Cbor<'a>> {
        let at = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.swap_remove(at).1)
    }

    pub fn bytes(&mut self, key: u64, max: usize) -> Form<&'a [u8]> {
        match self.take(key) {
            Some(Cbor::Bytes(bytes)) if bytes.len() <= max => Ok(bytes),
            _ => Err(FormError),
        }
    }

    pub fn exact<const N: usize>(&mut self, key: u64) -> Form<[u8; N]> {
        self.bytes(key, N)?.try_into().map_err(|_| FormError)
    }

    pub fn uint(&mut self, key: u64, max: u64) -> Form<u64> {
        match self.take(key) {
            Some(Cbor::Uint(value)) if value <= max => Ok(value),
            _ => Err(FormError),
        }
    }

    pub fn bool(&mut self, key: u64) -> Form<bool> {
        match self.take(key) {
            Some(Cbor::Bool(value)) => Ok(value),
            _ => Err(FormError),
        }
    }

    pub fn text(&mut self, key: u64, least: usize, max: usize) -> Form<&'a str> {
        match self.take(key) {
            Some(Cbor::Text(text)) if (least..=max).contains(&text.len()) => Ok(text),
            _ => Err(FormError),
        }
    }

    pub fn list(&mut self, key: u64, max: usize) -> Form<Vec<Cbor<'a>>> {
        match self.take(key) {
            Some(Cbor::List(items)) if items.len() <= max => Ok(items),
            _ => Err(FormError),
        }
    }
}
