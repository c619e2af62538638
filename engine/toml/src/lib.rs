// SPDX-License-Identifier: Apache-2.0
//! claviger_toml: TOML in, JSON or a tree with places out, for the command line tool; errors with line
//! and column.
//!
//! The C side is engine/toml/claviger_toml.h. Integers keep their full range (-2^63 to 2^64-1, more
//! is an error), since lamports are u64. Dates become strings; infinity and NaN are errors.

use core::ffi::{c_char, c_int};

use toml::de::{DeTable, DeValue};
use toml::Spanned;

#[repr(C)]
pub struct ClavigerTomlError {
    line: u32,
    column: u32,
    text: [c_char; 256],
}

/// Where it went wrong (byte offset) and why.
struct Wrong(usize, String);

const DONE: c_int = 0;
const MALFORMED: c_int = 1;
const TOO_LARGE: c_int = 2;

/// Converts `len` bytes of TOML into NUL-terminated JSON of at most `cap` bytes with the NUL.
///
/// # Safety
/// The pointers must be valid for their lengths; `ret_len` and `ret_error` for one element.
#[no_mangle]
pub unsafe extern "C" fn claviger_toml_to_json(
    text: *const c_char,
    len: usize,
    json: *mut c_char,
    cap: usize,
    ret_len: *mut usize,
    ret_error: *mut ClavigerTomlError,
) -> c_int {
    let bytes = core::slice::from_raw_parts(text as *const u8, len);
    let (code, wrong) = match convert(bytes) {
        Ok(out) if out.len() < cap => {
            core::ptr::copy_nonoverlapping(out.as_ptr(), json as *mut u8, out.len());
            *json.add(out.len()) = 0;
            *ret_len = out.len();
            return DONE;
        }
        Ok(_) => (TOO_LARGE, Wrong(0, "the file is too large".into())),
        Err(wrong) => (MALFORMED, wrong),
    };
    put_error(bytes, &wrong, &mut *ret_error);
    code
}

fn put_error(bytes: &[u8], wrong: &Wrong, error: &mut ClavigerTomlError) {
    let before = &bytes[..wrong.0.min(bytes.len())];
    let start = before
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    error.line = before.iter().filter(|&&b| b == b'\n').count() as u32 + 1;
    // In characters: every byte that does not continue one.
    error.column = before[start..]
        .iter()
        .filter(|&&b| b & 0xc0 != 0x80)
        .count() as u32
        + 1;
    let mut end = wrong.1.len().min(error.text.len() - 1);
    while !wrong.1.is_char_boundary(end) {
        end -= 1;
    }
    error.text = [0; 256];
    for (to, from) in error.text.iter_mut().zip(wrong.1[..end].bytes()) {
        *to = from as c_char;
    }
}

fn convert(bytes: &[u8]) -> Result<String, Wrong> {
    let text =
        core::str::from_utf8(bytes).map_err(|e| Wrong(e.valid_up_to(), "not UTF-8 text".into()))?;
    let table = DeTable::parse(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        Wrong(at, e.message().lines().collect::<Vec<_>>().join("; "))
    })?;
    let mut out = String::with_capacity(2 * text.len() + 16);
    put_table(&mut out, table.get_ref())?;
    Ok(out)
}

fn put_table(out: &mut String, table: &DeTable) -> Result<(), Wrong> {
    out.push('{');
    for (n, (key, value)) in table.iter().enumerate() {
        if n != 0 {
            out.push(',');
        }
        put_string(out, key.get_ref());
        out.push(':');
        put_value(out, value)?;
    }
    out.push('}');
    Ok(())
}

fn put_value(out: &mut String, value: &Spanned<DeValue>) -> Result<(), Wrong> {
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => put_string(out, text),
        DeValue::Integer(integer) => {
            let parsed = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
            let range = i64::MIN as i128..=u64::MAX as i128;
            match parsed.filter(|number| range.contains(number)) {
                Some(number) => out.push_str(&number.to_string()),
                None => return Err(Wrong(at, "integer out of range (64 bits)".into())),
            }
        }
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => out.push_str(&format!("{number:?}")),
            _ => return Err(Wrong(at, "not a finite number".into())),
        },
        DeValue::Boolean(truth) => out.push_str(if *truth { "true" } else { "false" }),
        DeValue::Datetime(date) => put_string(out, &date.to_string()),
        DeValue::Array(array) => {
            out.push('[');
            for (n, entry) in array.iter().enumerate() {
                if n != 0 {
                    out.push(',');
                }
                put_value(out, entry)?;
            }
            out.push(']');
        }
        DeValue::Table(table) => put_table(out, table)?,
    }
    Ok(())
}

fn put_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ClavigerTomlNode {
    kind: u32,
    at: u32,
    key_off: u32,
    key_len: u32,
    text_off: u32,
    text_len: u32,
    first: u32,
    next: u32,
    number: u64,
}

const TABLE: u32 = 1;
const ARRAY: u32 = 2;
const STRING: u32 = 3;
const INTEGER: u32 = 4;
const BOOL: u32 = 5;
const OTHER: u32 = 6;

/// The tree so far; a value or a text that does not fit ends it.
struct Tree {
    nodes: Vec<ClavigerTomlNode>,
    pool: Vec<u8>,
    node_cap: usize,
    pool_cap: usize,
}

impl Tree {
    fn put_text(&mut self, text: &str) -> Option<(u32, u32)> {
        if self.pool.len() + text.len() > self.pool_cap {
            return None;
        }
        let off = self.pool.len() as u32;
        self.pool.extend_from_slice(text.as_bytes());
        Some((off, text.len() as u32))
    }

    fn put(&mut self, kind: u32, at: usize, number: u64) -> Option<usize> {
        if self.nodes.len() == self.node_cap {
            return None;
        }
        self.nodes.push(ClavigerTomlNode {
            kind,
            at: at as u32,
            key_off: 0,
            key_len: 0,
            text_off: 0,
            text_len: 0,
            first: 0,
            next: 0,
            number,
        });
        Some(self.nodes.len() - 1)
    }

    fn link(&mut self, parent: usize, last: &mut usize, child: usize) {
        if *last == 0 {
            self.nodes[parent].first = child as u32;
        } else {
            self.nodes[*last].next = child as u32;
        }
        *last = child;
    }

    fn table(&mut self, table: &DeTable, at: usize) -> Option<usize> {
        let node = self.put(TABLE, at, 0)?;
        let mut last = 0;
        for (key, value) in table.iter() {
            let (key_off, key_len) = self.put_text(key.get_ref())?;
            let child = self.value(value)?;
            self.nodes[child].key_off = key_off;
            self.nodes[child].key_len = key_len;
            self.link(node, &mut last, child);
        }
        Some(node)
    }

    fn value(&mut self, value: &Spanned<DeValue>) -> Option<usize> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => {
                let (off, len) = self.put_text(text)?;
                let node = self.put(STRING, at, 0)?;
                self.nodes[node].text_off = off;
                self.nodes[node].text_len = len;
                Some(node)
            }
            DeValue::Integer(integer) => {
                match u64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(number) => self.put(INTEGER, at, number),
                    Err(_) => self.put(OTHER, at, 0),
                }
            }
            DeValue::Boolean(truth) => self.put(BOOL, at, *truth as u64),
            DeValue::Float(_) | DeValue::Datetime(_) => self.put(OTHER, at, 0),
            DeValue::Array(array) => {
                let node = self.put(ARRAY, at, 0)?;
                let mut last = 0;
                for entry in array.iter() {
                    let child = self.value(entry)?;
                    self.link(node, &mut last, child);
                }
                Some(node)
            }
            DeValue::Table(table) => self.table(table, at),
        }
    }
}

/// Parses `len` bytes of TOML into a tree of at most `node_cap` nodes and `pool_cap` bytes of text.
///
/// # Safety
/// The pointers must be valid for their capacities; the `ret` ones for one element.
#[no_mangle]
pub unsafe extern "C" fn claviger_toml_tree(
    text: *const c_char,
    len: usize,
    nodes: *mut ClavigerTomlNode,
    node_cap: usize,
    ret_node_count: *mut usize,
    pool: *mut c_char,
    pool_cap: usize,
    ret_pool_len: *mut usize,
    ret_error: *mut ClavigerTomlError,
) -> c_int {
    let bytes = core::slice::from_raw_parts(text as *const u8, len);
    let parsed = core::str::from_utf8(bytes)
        .map_err(|e| Wrong(e.valid_up_to(), "not UTF-8 text".into()))
        .and_then(|text| {
            DeTable::parse(text).map_err(|e| {
                let at = e.span().map_or(0, |span| span.start);
                Wrong(at, e.message().lines().collect::<Vec<_>>().join("; "))
            })
        });
    let table = match parsed {
        Ok(table) => table,
        Err(wrong) => {
            put_error(bytes, &wrong, &mut *ret_error);
            return MALFORMED;
        }
    };
    let mut tree = Tree {
        nodes: Vec::new(),
        pool: Vec::new(),
        node_cap,
        pool_cap,
    };
    if tree.table(table.get_ref(), 0).is_none() {
        let wrong = Wrong(0, "the file is too large".into());
        put_error(bytes, &wrong, &mut *ret_error);
        return TOO_LARGE;
    }
    core::ptr::copy_nonoverlapping(tree.nodes.as_ptr(), nodes, tree.nodes.len());
    core::ptr::copy_nonoverlapping(tree.pool.as_ptr(), pool as *mut u8, tree.pool.len());
    *ret_node_count = tree.nodes.len();
    *ret_pool_len = tree.pool.len();
    DONE
}
