// SPDX-License-Identifier: Apache-2.0
//! Reads the signer's JSON member by member: what is missing or of another kind is an error.
use crate::error::{Error, GrantReason};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use serde_json::Value;

pub fn text<'a>(from: &'a Value, name: &str) -> Result<&'a str, Error> {
    from[name].as_str().ok_or_else(|| Error::answer(&format!("\"{name}\" must be text")))
}

pub fn flag(from: &Value, name: &str) -> Result<bool, Error> {
    from[name].as_bool().ok_or_else(|| Error::answer(&format!("\"{name}\" must be true or false")))
}

pub fn small(from: &Value, name: &str) -> Result<u64, Error> {
    from[name].as_u64().ok_or_else(|| Error::answer(&format!("\"{name}\" must be a number")))
}

/// A 64-bit number as decimal text, the only form there is of each.
pub fn u64_text(from: &Value, name: &str) -> Result<u64, Error> {
    let text = text(from, name)?;
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => Ok(number),
        _ => Err(Error::answer(&format!("\"{name}\" must be a decimal number as text"))),
    }
}

pub fn list<'a>(from: &'a Value, name: &str) -> Result<&'a Vec<Value>, Error> {
    from[name].as_array().ok_or_else(|| Error::answer(&format!("\"{name}\" must be a list")))
}

pub fn bytes(from: &Value, name: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text(from, name)?).map_err(|_| Error::answer(&format!("\"{name}\" must be base64")))
}

pub fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut out = [0; 32];
    for (i, pair) in text.chunks_exact(2).enumerate() {
        out[i] = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn reasons(from: &Value) -> Result<Vec<GrantReason>, Error> {
    if from["reasons"].is_null() {
        return Ok(Vec::new());
    }
    list(from, "reasons")?
        .iter()
        .map(|reason| {
            Ok(GrantReason {
                grant: text(reason, "grant")?.into(),
                code: text(reason, "code")?.into(),
                policy_code: small(reason, "policy_code")?,
                instruction: if reason["instruction"].is_null() { None } else { Some(small(reason, "instruction")?) },
                fuel: u64_text(reason, "fuel")?,
                text: text(reason, "text")?.into(),
            })
        })
        .collect()
}
