// SPDX-License-Identifier: Apache-2.0
//! The policy of policies/template in Rust, from spec/policy-abi.md alone: sends SOL to one recipient.
//!
//! No standard library, no allocation, no import. The host believes nothing of this module; the
//! module believes the request but not the message in it: data is read only when its length is exact.
#![no_std]
#![no_main]

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable() // a trap is a refusal
}

// What users fill in: the contents of the section claviger.parameters (deterministic CBOR).
#[link_section = "claviger.parameters"]
#[used]
static SCHEMA: [u8; include!("parameters.len")] = *include_bytes!("parameters.cbor");

const AREA_BYTES: usize = 75224;
const ANSWER: usize = 49152;

#[repr(align(8))]
struct Area([u8; AREA_BYTES]);
static mut AREA: Area = Area([0; AREA_BYTES]);

// Reasons of the ABI.
const INSTRUCTION: u32 = 23;
const DATA: u32 = 24;
const TRAILING: u32 = 25;
const ACCOUNT_COUNT: u32 = 26;
const KIND: u32 = 20;
const PROGRAM: u32 = 22;
const RECIPIENT: u32 = 31;
const SOURCE: u32 = 34;
const AMOUNT: u32 = 36;
const FEE: u32 = 41;
const COUNTER: u32 = 44;
const LIFETIME: u32 = 53;

const NO_INSTRUCTION: u32 = u32::MAX;
const COMPUTE_BUDGET: [u8; 32] = [
    0x03, 0x06, 0x46, 0x6f, 0xe5, 0x21, 0x17, 0x32, 0xff, 0xec, 0xad, 0xba, 0x72, 0xc3, 0x9b, 0xe7,
    0xbc, 0x8c, 0xe5, 0xbb, 0xc5, 0xf7, 0x12, 0x6b, 0x2c, 0x43, 0x9b, 0x3a, 0x40, 0x00, 0x00, 0x00,
];

/// The exchange area; every index is checked, and a wrong one traps.
fn area() -> &'static mut [u8; AREA_BYTES] {
    // SAFETY: one thread, and the host touches the area only between calls.
    unsafe { &mut *core::ptr::addr_of_mut!(AREA.0) }
}

fn u32_at(off: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&area()[off..off + 4]);
    u32::from_le_bytes(bytes)
}

fn u64_at(off: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&area()[off..off + 8]);
    u64::from_le_bytes(bytes)
}

fn put32(off: usize, value: u32) {
    area()[off..off + 4].copy_from_slice(&value.to_le_bytes());
}

fn put64(off: usize, value: u64) {
    area()[off..off + 8].copy_from_slice(&value.to_le_bytes());
}

struct Refusal(u32, u32); // reason, instruction

struct Parameters {
    recipient: usize, // where its 32 bytes are
    max_lamports: u64,
    max_fee_lamports: u64,
}

fn parameters() -> Parameters {
    let record = u32_at(216) as usize;
    Parameters {
        recipient: record + 8,
        max_lamports: u64_at(record + 40),
        max_fee_lamports: u64_at(record + 48),
    }
}

fn account(index: u32) -> usize {
    u32_at(168) as usize + 40 * index as usize
}

fn is_wallet(index: u32) -> bool {
    area()[account(index) + 35] != 0
}

/// An account of the message is a key: never one that a lookup table hides.
fn is_key(index: u32, key: usize) -> bool {
    let at = account(index);
    area()[at + 34] != 0 && area()[at..at + 32] == area()[key..key + 32]
}

/// A System transfer from the wallet to the recipient; gives its lamports.
fn transfer(number: u32, at: usize, p: &Parameters) -> Result<u64, Refusal> {
    let (data, len) = (u32_at(at + 12) as usize, u32_at(at + 16));
    if len < 12 {
        return Err(Refusal(DATA, number));
    }
    if u32_at(data) != 2 {
        return Err(Refusal(INSTRUCTION, number));
    }
    if len != 12 {
        return Err(Refusal(TRAILING, number));
    }
    if u32_at(at + 8) != 2 {
        return Err(Refusal(ACCOUNT_COUNT, number));
    }
    let indexes = u32_at(184) as usize + u32_at(at + 4) as usize;
    if !is_wallet(area()[indexes] as u32) {
        return Err(Refusal(SOURCE, number));
    }
    if !is_key(area()[indexes + 1] as u32, p.recipient) {
        return Err(Refusal(RECIPIENT, number));
    }
    Ok(u64_at(data + 4))
}

/// Compute Budget: what it costs is in the fee facts; its form must be right.
fn compute_budget(number: u32, at: usize) -> Result<(), Refusal> {
    let (data, len) = (u32_at(at + 12) as usize, u32_at(at + 16));
    if len == 0 || !(1..=4).contains(&area()[data]) {
        return Err(Refusal(INSTRUCTION, number));
    }
    let right = if area()[data] == 3 { 9 } else { 5 };
    if len != right || u32_at(at + 8) != 0 {
        return Err(Refusal(DATA, number));
    }
    Ok(())
}

/// Everything that is not named here is refused. Gives what leaves in all.
fn rules(p: &Parameters) -> Result<u64, Refusal> {
    if u32_at(48) != 1 {
        return Err(Refusal(KIND, NO_INSTRUCTION));
    }
    let fee = if is_wallet(0) { u64_at(152) } else { 0 };
    put64(ANSWER + 40, fee);
    if u32_at(64) != 0 {
        return Err(Refusal(LIFETIME, NO_INSTRUCTION));
    }
    if fee > p.max_fee_lamports {
        return Err(Refusal(FEE, NO_INSTRUCTION));
    }
    let mut sent: u64 = 0;
    for number in 0..u32_at(180) {
        let at = u32_at(176) as usize + 24 * number as usize;
        let program = account(u32_at(at));
        if area()[program..program + 32] == [0; 32] {
            sent = sent.saturating_add(transfer(number, at, p)?);
            if sent > p.max_lamports {
                return Err(Refusal(AMOUNT, number));
            }
        } else if area()[program..program + 32] == COMPUTE_BUDGET {
            compute_budget(number, at)?;
        } else {
            return Err(Refusal(PROGRAM, number));
        }
    }
    Ok(sent.saturating_add(fee))
}

/// Charges every counter of the grant; refuses when one has less left.
fn charge(lamports: u64) -> Result<u32, Refusal> {
    let mut charges = 0;
    for counter in 0..u32_at(212) {
        let at = u32_at(208) as usize + 56 * counter as usize;
        let amount = match u32_at(at) {
            1 => lamports,
            3 => 1,
            _ => 0,
        };
        if amount > u64_at(at + 48) {
            return Err(Refusal(COUNTER, NO_INSTRUCTION));
        }
        if amount != 0 {
            let charge = ANSWER + 728 + 16 * charges as usize;
            put32(charge, counter);
            put64(charge + 8, amount);
            charges += 1;
        }
    }
    Ok(charges)
}

#[no_mangle]
pub extern "C" fn policy_abi() -> u32 {
    1
}

#[no_mangle]
pub extern "C" fn policy_io() -> usize {
    area().as_ptr() as usize
}

#[no_mangle]
pub extern "C" fn policy_check() -> u32 {
    put32(ANSWER, 0x4e41_5643);
    put32(ANSWER + 12, NO_INSTRUCTION);
    let decided = rules(&parameters()).and_then(|lamports| {
        put64(ANSWER + 32, lamports);
        charge(lamports)
    });
    match decided {
        Ok(charges) => {
            put32(ANSWER + 16, charges);
            put32(ANSWER + 4, 1);
            1
        }
        Err(Refusal(reason, instruction)) => {
            put64(ANSWER + 40, 0); // facts of a refusal are nobody's
            put64(ANSWER + 32, 0);
            for byte in &mut area()[ANSWER + 728..ANSWER + 984] {
                *byte = 0;
            }
            put32(ANSWER + 8, reason);
            put32(ANSWER + 12, instruction);
            0
        }
    }
}

/// Writes text behind the fixed part of the answer.
struct Text(usize);

impl Text {
    fn put(&mut self, words: &[u8]) {
        area()[self.0..self.0 + words.len()].copy_from_slice(words);
        self.0 += words.len();
    }

    fn number(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.put(&digits[at..]);
    }
}

#[no_mangle]
pub extern "C" fn policy_describe() -> u32 {
    let p = parameters();
    let mut text = Text(ANSWER + 984);
    put32(ANSWER, 0x4e41_5643);
    put32(ANSWER + 12, NO_INSTRUCTION);
    text.put(b"Send SOL to the one recipient of this grant: in one transaction at most ");
    text.number(p.max_lamports);
    text.put(b" lamports, and a network fee of at most ");
    text.number(p.max_fee_lamports);
    text.put(b" lamports.\n");
    put32(ANSWER + 24, (text.0 - ANSWER - 984) as u32);
    put32(ANSWER + 4, 1);
    1
}
