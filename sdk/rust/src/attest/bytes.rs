// SPDX-License-Identifier: Apache-2.0
//! A strict reader of fixed layouts, and SHA-256.
use sha2::{Digest, Sha256};

/// Bytes are short, over-long, or a field is out of its range; callers say what that means for them.
#[derive(Debug)]
pub struct FormError;

pub type Form<T> = Result<T, FormError>;

pub fn ensure(holds: bool) -> Form<()> {
    if holds { Ok(()) } else { Err(FormError) }
}

/// Reads integers and runs from the front.
pub struct Reader<'a> {
    rest: &'a [u8],
    little: bool,
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest, little: false }
    }

    pub fn little_endian(rest: &'a [u8]) -> Self {
        Self { rest, little: true }
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn run(&mut self, len: usize) -> Form<&'a [u8]> {
        let (run, rest) = self.rest.split_at_checked(len).ok_or(FormError)?;
        self.rest = rest;
        Ok(run)
    }

    fn number(&mut self, len: usize) -> Form<u64> {
        let run = self.run(len)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Ok(if self.little { run.iter().rev().fold(0, add) } else { run.iter().fold(0, add) })
    }

    pub fn u8(&mut self) -> Form<u8> {
        Ok(self.number(1)? as u8)
    }

    pub fn u16(&mut self) -> Form<u16> {
        Ok(self.number(2)? as u16)
    }

    pub fn u32(&mut self) -> Form<u32> {
        Ok(self.number(4)? as u32)
    }

    pub fn u64(&mut self) -> Form<u64> {
        self.number(8)
    }

    /// TPM2B: a length and that many bytes, at most `max`.
    pub fn sized(&mut self, max: usize) -> Form<&'a [u8]> {
        let len = usize::from(self.u16()?);
        ensure(len <= max)?;
        self.run(len)
    }

    pub fn done(&self) -> Form<()> {
        ensure(self.rest.is_empty())
    }
}

pub type Hash = [u8; 32];

pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// What a PCR holds after it was extended.
pub fn extend(value: &Hash, digest: &Hash) -> Hash {
    sha256(&[value, digest])
}

/// N bytes of as many pairs of hex digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|value| value as u8);
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}
