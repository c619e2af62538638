// SPDX-License-Identifier: Apache-2.0
// The policy of policies/template in AssemblyScript, from spec/policy-abi.md alone: sends SOL to one recipient.
// No runtime, no allocation, no import. The parameter schema is appended after the build (README.md).

const AREA = memory.data(75224, 8); // the exchange area
const ANSWER: usize = 49152;
const NO_INSTRUCTION: u32 = 0xffffffff;
const COMPUTE_BUDGET = memory.data<u8>([
  0x03, 0x06, 0x46, 0x6f, 0xe5, 0x21, 0x17, 0x32, 0xff, 0xec, 0xad, 0xba, 0x72, 0xc3, 0x9b, 0xe7,
  0xbc, 0x8c, 0xe5, 0xbb, 0xc5, 0xf7, 0x12, 0x6b, 0x2c, 0x43, 0x9b, 0x3a, 0x40, 0x00, 0x00, 0x00]);
const SYSTEM = memory.data(32, 8);

// Reasons of the ABI; 0 is none.
const KIND: u32 = 20, PROGRAM: u32 = 22, INSTRUCTION: u32 = 23, DATA: u32 = 24, TRAILING: u32 = 25,
  ACCOUNT_COUNT: u32 = 26, RECIPIENT: u32 = 31, SOURCE: u32 = 34, AMOUNT: u32 = 36, FEE: u32 = 41,
  COUNTER: u32 = 44, LIFETIME: u32 = 53;

let refusedAt: u32 = NO_INSTRUCTION; // which instruction the reason is about
let leaves: u64 = 0; // lamports, with the fee

function u32At(off: usize): u32 { return load<u32>(AREA + off); }
function u64At(off: usize): u64 { return load<u64>(AREA + off); }
function put32(off: usize, value: u32): void { store<u32>(AREA + off, value); }
function put64(off: usize, value: u64): void { store<u64>(AREA + off, value); }
function record(): usize { return u32At(216); }
function account(index: u32): usize { return u32At(168) + 40 * index; }
function isWallet(index: u32): bool { return load<u8>(AREA + account(index) + 35) != 0; }

function sameKey(a: usize, b: usize): bool {
  return load<u64>(a) == load<u64>(b) && load<u64>(a + 8) == load<u64>(b + 8) &&
    load<u64>(a + 16) == load<u64>(b + 16) && load<u64>(a + 24) == load<u64>(b + 24);
}

// A sum that does not pass 2^64: what is too large stays at the largest, above any limit.
function add(a: u64, b: u64): u64 { return a > u64.MAX_VALUE - b ? u64.MAX_VALUE : a + b; }

// A System transfer from the wallet to the recipient.
function transfer(at: usize): u32 {
  const data: usize = u32At(at + 12), len = u32At(at + 16);
  if (len < 12) return DATA;
  if (u32At(data) != 2) return INSTRUCTION;
  if (len != 12) return TRAILING;
  if (u32At(at + 8) != 2) return ACCOUNT_COUNT;
  const indexes: usize = AREA + u32At(184) + u32At(at + 4);
  if (!isWallet(load<u8>(indexes))) return SOURCE;
  const to = account(load<u8>(indexes + 1));
  // Hidden in a lookup table is nobody.
  if (load<u8>(AREA + to + 34) == 0 || !sameKey(AREA + to, AREA + record() + 8)) return RECIPIENT;
  return 0;
}

// Compute Budget: what it costs is in the fee facts; its form must be right.
function computeBudget(at: usize): u32 {
  const data: usize = u32At(at + 12), len = u32At(at + 16);
  const tag: u32 = len == 0 ? 0 : load<u8>(AREA + data);
  if (tag < 1 || tag > 4) return INSTRUCTION;
  return len == (tag == 3 ? 9 : 5) && u32At(at + 8) == 0 ? 0 : DATA;
}

// Everything that is not named here is refused.
function rules(): u32 {
  if (u32At(48) != 1) return KIND;
  const fee: u64 = isWallet(0) ? u64At(152) : 0;
  if (u32At(64) != 0) return LIFETIME;
  if (fee > u64At(record() + 48)) return FEE;
  let sent: u64 = 0;
  for (let i: u32 = 0; i < u32At(180); i++) {
    const at: usize = u32At(176) + 24 * i;
    const program = AREA + account(u32At(at));
    let reason: u32 = PROGRAM;
    refusedAt = i;
    if (sameKey(program, SYSTEM)) {
      reason = transfer(at);
      if (reason == 0) sent = add(sent, u64At(u32At(at + 12) + 4));
      if (reason == 0 && sent > u64At(record() + 40)) reason = AMOUNT;
    } else if (sameKey(program, COMPUTE_BUDGET)) {
      reason = computeBudget(at);
    }
    if (reason != 0) return reason;
  }
  refusedAt = NO_INSTRUCTION;
  leaves = add(sent, fee);
  put64(ANSWER + 32, leaves);
  put64(ANSWER + 40, fee);
  return 0;
}

// Charges every counter of the grant; refuses when one has less left.
function charge(): u32 {
  let charges: u32 = 0;
  for (let i: u32 = 0; i < u32At(212); i++) {
    const at: usize = u32At(208) + 56 * i;
    const unit = u32At(at);
    const amount: u64 = unit == 1 ? leaves : unit == 3 ? 1 : 0;
    if (amount > u64At(at + 48)) return COUNTER;
    if (amount == 0) continue;
    put32(ANSWER + 728 + 16 * charges, i);
    put64(ANSWER + 728 + 16 * charges + 8, amount);
    charges++;
  }
  put32(ANSWER + 16, charges);
  return 0;
}

export function policy_abi(): u32 { return 1; }
export function policy_io(): usize { return AREA; }

export function policy_check(): u32 {
  put32(ANSWER, 0x4e415643);
  let reason = rules();
  if (reason == 0) reason = charge();
  put32(ANSWER + 12, refusedAt);
  if (reason == 0) {
    put32(ANSWER + 4, 1);
    return 1;
  }
  for (let at: usize = 728; at < 984; at += 8) put64(ANSWER + at, 0); // no charges on a denial
  put32(ANSWER + 16, 0);
  put32(ANSWER + 8, reason);
  return 0;
}

// Text behind the fixed part of the answer.
let end: usize = ANSWER + 984;
function put(words: StaticArray<u8>): void {
  for (let i = 0; i < words.length; i++) store<u8>(AREA + end++, unchecked(words[i]));
}
function putNumber(value: u64): void {
  let unit: u64 = 1;
  while (value / unit >= 10) unit *= 10;
  for (; unit != 0; unit /= 10) store<u8>(AREA + end++, 48 + <u8>(value / unit % 10));
}

// "At most N lamports leave, N of them fee."
const AT_MOST: StaticArray<u8> = [65, 116, 32, 109, 111, 115, 116, 32];
const LEAVE: StaticArray<u8> = [32, 108, 97, 109, 112, 111, 114, 116, 115, 32, 116, 111, 32, 111, 110, 101, 32, 114, 101,
  99, 105, 112, 105, 101, 110, 116, 44, 32, 102, 101, 101, 32];

export function policy_describe(): u32 {
  put32(ANSWER, 0x4e415643);
  put32(ANSWER + 12, NO_INSTRUCTION);
  put(AT_MOST);
  putNumber(u64At(record() + 40));
  put(LEAVE);
  putNumber(u64At(record() + 48));
  put32(ANSWER + 24, <u32>(end - ANSWER - 984));
  put32(ANSWER + 4, 1);
  return 1;
}
