// SPDX-License-Identifier: Apache-2.0
//! The firmware's event log, judged by digests alone: the twin of lib/attest/attest_log.c, whose comments say why.
use super::bytes::{ensure, extend, sha256, Form, FormError, Hash, Reader};
use super::refusal::Code;
use super::tpm::{digest_len, SHA256};

/// PCRs 0, 2, 4, 7, 9, 11, 12, 13, 14.
pub const QUOTED_MASK: u32 = 0x7a95;

const NO_ACTION: u32 = 0x3;
const SEPARATOR: u32 = 0x4;
const VARIABLE_DRIVER_CONFIG: u32 = 0x8000_0001;

#[derive(Clone, Copy, PartialEq)]
enum Where {
    Before,
    Behind,
    Both,
}
use Where::{Before, Behind, Both};

/// PCR, side of its separator, event type, whether the digest is that of the event's data.
const RULES: [(u32, Where, u32, bool); 18] = [
    (0, Before, 0x1, false),         // POST_CODE
    (0, Before, 0x7, false),         // S_CRTM_CONTENTS
    (0, Before, 0x8, true),          // S_CRTM_VERSION
    (0, Before, 0xf, false),         // NONHOST_CODE
    (0, Before, 0x8000_0008, false), // EFI_PLATFORM_FIRMWARE_BLOB
    (0, Before, 0x8000_000a, false), // EFI_PLATFORM_FIRMWARE_BLOB2
    (0, Before, 0x8000_0010, false), // EFI_HCRTM_EVENT
    (2, Before, 0x8000_0004, false), // EFI_BOOT_SERVICES_DRIVER
    (2, Before, 0x8000_0005, false), // EFI_RUNTIME_SERVICES_DRIVER
    (2, Before, 0x8000_0008, false),
    (2, Before, 0x8000_000a, false),
    (2, Before, 0x8000_00e1, false), // EFI_SPDM_FIRMWARE_BLOB
    (4, Before, 0x8000_0007, true),  // EFI_ACTION
    (4, Behind, 0x8000_0003, false), // EFI_BOOT_SERVICES_APPLICATION
    (7, Before, VARIABLE_DRIVER_CONFIG, true),
    (7, Before, 0x8000_0007, true),
    (7, Both, 0x8000_00e0, true),    // EFI_VARIABLE_AUTHORITY
    (9, Both, 0x6, false),           // EVENT_TAG
];

/// What a log says that leads to the quoted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    pub pcrs: [Hash; 24],
    pub events: u32,
    pub secure_boot: Option<bool>,
}

const LOG_MAX: usize = 131_072;
const EVENTS_MAX: u32 = 4096;
const EVENT_MAX: usize = 65_536;

fn take_specification(r: &mut Reader) -> Form<Vec<(u16, usize)>> {
    let (pcr, kind) = (r.u32()?, r.u32()?);
    r.run(20)?;
    let len = r.u32()? as usize;
    let mut inner = Reader::little_endian(r.run(len)?);
    ensure(pcr == 0 && kind == NO_ACTION && inner.run(16)? == b"Spec ID Event03\0")?;
    inner.run(8)?;
    let count = inner.u32()?;
    ensure((1..=8).contains(&count))?;
    let mut algorithms: Vec<(u16, usize)> = Vec::new();
    for _ in 0..count {
        let (algorithm, len) = (inner.u16()?, usize::from(inner.u16()?));
        let known = digest_len(algorithm);
        ensure((1..=64).contains(&len) && (known == 0 || known == len))?;
        ensure(!algorithms.iter().any(|(one, _)| *one == algorithm))?;
        algorithms.push((algorithm, len));
    }
    let vendor = usize::from(inner.u8()?);
    inner.run(vendor)?;
    inner.done()?;
    ensure(algorithms.iter().any(|(one, _)| *one == SHA256))?;
    Ok(algorithms)
}

/// UEFI_VARIABLE_DATA of EFI_GLOBAL_VARIABLE's SecureBoot, or nothing for another variable.
fn secure_boot_of(data: &[u8]) -> Option<bool> {
    const GLOBAL: [u8; 16] =
        [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];
    let mut r = Reader::little_endian(data);
    let guid = r.run(16).ok()?;
    let (name_len, value_len) = (r.u64().ok()?, r.u64().ok()?);
    let letters: Vec<u8> = b"SecureBoot".iter().flat_map(|letter| [*letter, 0]).collect();
    if guid != GLOBAL || name_len != 10 || value_len != 1 || r.run(20).ok()? != letters {
        return None;
    }
    let value = r.u8().ok()?;
    r.done().ok()?;
    Some(value == 1)
}

struct Event<'a> {
    pcr: u32,
    kind: u32,
    digest: Hash,
    data: &'a [u8],
}

fn take_event<'a>(r: &mut Reader<'a>, algorithms: &[(u16, usize)]) -> Form<Event<'a>> {
    let (pcr, kind) = (r.u32()?, r.u32()?);
    ensure(r.u32()? as usize == algorithms.len())?;
    let mut digest = [0; 32];
    for (algorithm, len) in algorithms {
        ensure(r.u16()? == *algorithm)?;
        let found = r.run(*len)?;
        if *algorithm == SHA256 {
            digest = found.try_into().map_err(|_| FormError)?;
        }
    }
    let len = r.u32()? as usize;
    ensure(len <= EVENT_MAX)?;
    Ok(Event { pcr, kind, digest, data: r.run(len)? })
}

/// Replays a log; refused as log-form, log-event, log-order, log-digest or log-separator.
pub fn replay(bytes: &[u8]) -> Result<EventLog, Code> {
    let form = |_: FormError| Code::LogForm;
    if bytes.len() > LOG_MAX {
        return Err(Code::LogForm);
    }
    let mut log = EventLog { pcrs: [[0; 32]; 24], events: 0, secure_boot: None };
    let (mut separated, mut is_first_in_0, mut is_first_in_7, mut seen) = (0u32, true, true, 0u32);
    let mut r = Reader::little_endian(bytes);
    let algorithms = take_specification(&mut r).map_err(form)?;
    while r.left() != 0 {
        let Event { pcr, kind, digest, data } = take_event(&mut r, &algorithms).map_err(form)?;
        seen += 1;
        if seen > EVENTS_MAX {
            return Err(Code::LogForm);
        }
        if kind == NO_ACTION {
            if pcr == 0 && data.len() == 17 && is_first_in_0 && data.starts_with(b"StartupLocality\0") {
                log.pcrs[0][31] = data[16];
            }
            continue;
        }
        if pcr >= 24 {
            return Err(Code::LogForm);
        }
        let is_of_data = || sha256(&[data]) == digest;
        let is_behind = separated >> pcr & 1 != 0;
        if kind == SEPARATOR {
            if data != [0; 4] || !is_of_data() || pcr > 7 || is_behind {
                return Err(Code::LogSeparator);
            }
            separated |= 1 << pcr;
        } else if QUOTED_MASK >> pcr & 1 != 0 {
            let side = if is_behind { Behind } else { Before };
            let mut rules = RULES.iter().filter(|rule| rule.0 == pcr && rule.2 == kind).peekable();
            if rules.peek().is_none() {
                return Err(Code::LogEvent);
            }
            let rule = rules.find(|rule| rule.1 == Both || rule.1 == side).ok_or(Code::LogOrder)?;
            if rule.3 && !is_of_data() {
                return Err(Code::LogDigest);
            }
        }
        if pcr == 7 {
            if is_first_in_7 && kind == VARIABLE_DRIVER_CONFIG {
                log.secure_boot = secure_boot_of(data);
            }
            is_first_in_7 = false;
        }
        is_first_in_0 &= pcr != 0;
        let at = pcr as usize;
        log.pcrs[at] = extend(&log.pcrs[at], &digest);
        log.events += 1;
    }
    if separated != 0xff {
        return Err(Code::LogSeparator);
    }
    Ok(log)
}
