// SPDX-License-Identifier: Apache-2.0
// What a host knows of a message before any policy looks at it, by spec/policy-abi.md and spec/solana.md, over
// @solana/kit's decoders: accounts, instructions, fee facts, own token accounts, the floor.
import { readFileSync } from 'node:fs';
import * as kit from '@solana/kit';
import { PublicKey } from '@solana/web3.js';
import { PREDEFINED, type Address, type Parameter } from './intent.mts';

export interface Account {
  key?: Address;
  signer: boolean;
  writable: boolean;
}

export interface Instruction {
  program: Address;
  accounts: number[];
  data: Uint8Array;
}

export interface Message {
  kind: 'transaction' | 'offchain';
  format: 'legacy' | 'v0' | 'v1' | 'offchain';
  accounts: Account[];
  instructions: Instruction[];
  signatures: number;
  text: Uint8Array;
  config?: { mask: number; priority: bigint; limit?: bigint };
}

// Why bytes are refused before any policy runs; the words are codes of spec/solana.md or policy-abi.md.
export class Refused extends Error {
  readonly instruction: number | undefined;
  constructor(code: string, instruction?: number) {
    super(code);
    this.instruction = instruction;
  }
}

const demand = (truth: boolean, code: string): void => {
  if (!truth) throw new Refused(code);
};

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const HEAP_MIN = 32768;
const HEAP_MAX = 262144;

// A whole transaction is signatures and a message that would be taken by itself.
function isWireTransaction(bytes: Uint8Array): boolean {
  try {
    const [transaction, end] = kit.getTransactionDecoder().read(bytes, 0);
    if (end !== bytes.length || !same(new Uint8Array(kit.getTransactionEncoder().encode(transaction)), bytes)) return false;
    const { signatures } = readTransaction(new Uint8Array(transaction.messageBytes), {}, true);
    return signatures === bytes[0];
  } catch {
    return false;
  }
}

type Lookup = { lookupTableAddress: string; writableIndexes: readonly number[]; readonlyIndexes: readonly number[] };
export type Pins = Record<Address, Address[]>;

function configOf(message: any): Message['config'] {
  if (message.version !== 1) return undefined;
  const mask: number = message.configMask;
  demand((mask & ~31) === 0 && [0, 3].includes(mask & 3), 'config-mask');
  const values = [...message.configValues] as { value: number | bigint }[];
  const next = (bits: number): bigint | undefined => ((mask & bits) === 0 ? undefined : BigInt((values.shift() as { value: bigint }).value));
  const priority = next(3) ?? 0n;
  const limit = next(4);
  next(8);
  const heap = next(16);
  demand(heap === undefined || (heap % 1024n === 0n && heap >= HEAP_MIN && heap <= HEAP_MAX), 'config-heap');
  return { mask, priority, limit };
}

function instructionsOf(message: any): { program: number; accounts: number[]; data: Uint8Array }[] {
  if (message.version !== 1)
    return message.instructions.map((i: any) => ({ program: i.programAddressIndex, accounts: [...(i.accountIndices ?? [])], data: new Uint8Array(i.data ?? []) }));
  return message.instructionHeaders.map((head: any, i: number) => ({
    program: head.programAccountIndex,
    accounts: [...message.instructionPayloads[i].instructionAccountIndices],
    data: new Uint8Array(message.instructionPayloads[i].instructionData),
  }));
}

function readTransaction(bytes: Uint8Array, pins: Pins, inWire = false): Message {
  let message: any;
  try {
    const [decoded, end] = kit.getCompiledTransactionMessageDecoder().read(bytes, 0);
    demand(end === bytes.length, 'trailing-bytes');
    demand(same(new Uint8Array(kit.getCompiledTransactionMessageEncoder().encode(decoded)), bytes), 'not canonical');
    message = decoded;
  } catch (error) {
    throw error instanceof Refused ? error : new Refused('undecodable');
  }
  const { numSignerAccounts: signers, numReadonlySignerAccounts: signed, numReadonlyNonSignerAccounts: unsigned } = message.header;
  const keys: Address[] = message.staticAccounts;
  const lookups: Lookup[] = message.addressTableLookups ?? [];
  demand(signers >= 1 && signers <= 12, 'signature-count');
  demand(signed < signers && signers <= keys.length && unsigned <= keys.length - signers, 'header-counts');
  demand(new Set(keys).size === keys.length, 'duplicate-account');
  const accounts: Account[] = keys.map((key, i) => ({
    key, signer: i < signers, writable: i < signers ? i < signers - signed : i < keys.length - unsigned,
  }));
  const seen = new Set<string>();
  for (const writable of [true, false])
    for (const l of lookups) {
      demand(l.writableIndexes.length + l.readonlyIndexes.length > 0, 'empty-lookup');
      for (const index of writable ? l.writableIndexes : l.readonlyIndexes) {
        const entry = `${l.lookupTableAddress} ${index}`;
        demand(!seen.has(entry), 'duplicate-lookup');
        seen.add(entry);
        accounts.push({ key: pins[l.lookupTableAddress]?.[index], signer: false, writable });
      }
    }
  demand(keys.length <= 64 && accounts.length <= 256, 'account-count');
  demand(bytes.length + (message.version === 1 ? 0 : 1) + 64 * signers <= (message.version === 1 ? 4096 : 1232), 'too-long');
  if (message.version === 1) demand(message.lifetimeToken !== PREDEFINED.system, 'lifetime');
  const instructions = instructionsOf(message).map((ix) => {
    demand(ix.program > 0 && ix.program < keys.length, 'program-index');
    demand(ix.accounts.every((a) => a < accounts.length), 'account-index');
    return { program: keys[ix.program] as Address, accounts: ix.accounts, data: ix.data };
  });
  demand(instructions.length <= 64, 'instruction-count');
  // A v1 transaction is its message and signatures behind it: never both at once.
  if (message.version !== 1 && !inWire) demand(!isWireTransaction(bytes), 'ambiguous');
  const format = message.version === 'legacy' ? 'legacy' : message.version === 0 ? 'v0' : 'v1';
  return { kind: 'transaction', format, accounts, instructions, signatures: signers, text: new Uint8Array(), config: configOf(message) };
}

function readOffchain(bytes: Uint8Array): Message {
  let message: any;
  try {
    const [decoded, end] = kit.getOffchainMessageDecoder().read(bytes, 0);
    demand(end === bytes.length && decoded.version === 1, 'offchain');
    demand(same(new Uint8Array(kit.getOffchainMessageEncoder().encode(decoded)), bytes), 'not canonical');
    message = decoded;
  } catch (error) {
    throw error instanceof Refused ? error : new Refused('undecodable');
  }
  const signers: Address[] = message.requiredSignatories.map((s: { address: Address }) => s.address);
  demand(signers.length <= 64, 'offchain-signers');
  const text = bytes.subarray(18 + 32 * signers.length);
  demand(text.length > 0 && !text.includes(0) && !(text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf), 'offchain-hidden');
  return { kind: 'offchain', format: 'offchain', accounts: signers.map((key) => ({ key, signer: true, writable: false })),
    instructions: [], signatures: signers.length, text };
}

// The last message: many grants are asked about the same one. Nobody changes what was read.
let last: { bytes: Uint8Array; pins: string; message: Message } | undefined;

export function readMessage(bytes: Uint8Array, pins: Pins): Message {
  demand(bytes.length > 0 && bytes.length <= 4096, 'too-long');
  const pinned = JSON.stringify(pins);
  if (last === undefined || last.pins !== pinned || !same(last.bytes, bytes))
    last = { bytes: Uint8Array.from(bytes), pins: pinned, message: bytes[0] === 0xff ? readOffchain(bytes) : readTransaction(bytes, pins) };
  return last.message;
}

// --- fees

export interface Fee {
  limit: bigint;
  price: bigint;
  priority: bigint;
  worst: bigint;
}

const PRECOMPILES = ['Ed25519SigVerify111111111111111111111111111', 'KeccakSecp256k11111111111111111111111111111',
  'Secp256r1SigVerify1111111111111111111111111'];
const UNITS_MAX = 1400000n;
const U64 = (1n << 64n) - 1n;
const number = (data: Uint8Array): bigint => data.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export function feeOf(message: Message): Fee {
  let signatures = BigInt(message.signatures);
  const set = new Map<number, bigint>();
  for (const ix of message.instructions) {
    if (PRECOMPILES.includes(ix.program)) signatures += BigInt(ix.data[0] ?? 0);
    if (message.format === 'v1' || ix.program !== PREDEFINED.compute_budget) continue;
    const tag = ix.data[0] ?? 0;
    const value = number(ix.data.subarray(1));
    demand(tag >= 1 && tag <= 4 && ix.data.length === (tag === 3 ? 9 : 5), 'compute-budget-wrong');
    demand(!set.has(tag), 'compute-budget-wrong');
    if (tag === 1) demand(value % 1024n === 0n && value >= HEAP_MIN && value <= HEAP_MAX, 'compute-budget-wrong');
    if (tag === 4) demand(value !== 0n, 'compute-budget-wrong');
    set.set(tag, value);
  }
  const base = 5000n * signatures;
  const { config } = message;
  if (config !== undefined)
    return { limit: least(config.limit ?? 0n, UNITS_MAX), price: 0n, priority: config.priority, worst: least(base + config.priority, U64) };
  const limit = least(set.get(2) ?? UNITS_MAX, UNITS_MAX);
  const price = set.get(3) ?? 0n;
  const priority = least((price * limit + 999999n) / 1000000n, U64);
  return { limit, price, priority, worst: least(base + priority, U64) };
}

// --- own token accounts

export interface Derived {
  owner: Address;
  mint: Address;
  program: Address;
  wallet: boolean;
}

const addresses = new Map<string, Address | undefined>();

export function associated(owner: Address, mint: Address, program: Address): Address | undefined {
  const name = `${owner} ${mint} ${program}`;
  if (!addresses.has(name)) {
    try {
      addresses.set(name, PublicKey.findProgramAddressSync([owner, program, mint].map((k) => new PublicKey(k).toBytes()),
        new PublicKey(PREDEFINED.associated_token as string))[0].toBase58());
    } catch {
      addresses.set(name, undefined);
    }
  }
  return addresses.get(name);
}

// The programs and sysvars that are never mints: the list of spec/policy-abi.md.
const spec = readFileSync(`${process.env.SOURCE_DIR ?? process.cwd()}/spec/policy-abi.md`, 'utf8');
const NEVER_MINTS = new Set((spec.split('**Never mints:**')[1] ?? '').split('\n\n')[0]?.match(/[1-9A-HJ-NP-Za-km-z]{32,44}/g));
if (NEVER_MINTS.size < 20) throw new Error('spec/policy-abi.md lists no programs that are never mints');
const MINTS_SEEN = 8;

export type Values = Record<string, bigint | string | (bigint | string)[] | undefined>;

// The pairs that a grant is about; per message the wallet's for what may be a mint there.
export class Derivations {
  private readonly byAddress = new Map<Address, Derived[]>();
  private readonly wallet: Address;
  constructor(wallet: Address, parameters: Parameter[], values: Values) {
    this.wallet = wallet;
    const keysOf = (role: string): Address[] => parameters.filter((p) => p.role === role)
      .flatMap((p) => (values[p.name] === undefined ? [] : [values[p.name]].flat() as Address[]));
    for (const owner of [wallet, ...keysOf('owner')])
      for (const mint of keysOf('mint')) this.add(this.byAddress, owner, mint);
  }
  private add(into: Map<Address, Derived[]>, owner: Address, mint: Address): void {
    for (const program of [PREDEFINED.token, PREDEFINED.token_2022] as Address[]) {
      const address = associated(owner, mint, program);
      if (address === undefined) continue;
      const entries = into.get(address) ?? [];
      if (!entries.some((e) => e.owner === owner && e.mint === mint)) entries.push({ owner, mint, program, wallet: owner === this.wallet });
      into.set(address, entries);
    }
  }
  of(message: Message): (account: Account | undefined) => Derived[] {
    const more = new Map<Address, Derived[]>();
    const programs = new Set(message.instructions.map((ix) => ix.program));
    const may = (made: boolean) => message.accounts.filter((a, i) => a.key !== undefined && a.signer === made && a.writable === made &&
      !(made && (i === 0 || a.key === this.wallet)) && !programs.has(a.key) && !NEVER_MINTS.has(a.key));
    const mints = [...may(false), ...may(true)];
    for (const { key } of mints.slice(0, MINTS_SEEN)) this.add(more, this.wallet, key as Address);
    return (account) => (account?.key === undefined ? [] : [...(this.byAddress.get(account.key) ?? []), ...(more.get(account.key) ?? [])]);
  }
}

// --- the floor: refused whatever a policy says

export function floor(message: Message, wallet: Address, nonces: Address[]): void {
  demand(message.accounts.some((a) => a.signer && a.key === wallet), 'signer-not-allowed');
  if (message.kind === 'offchain') {
    demand(!Buffer.from(message.text).subarray(0, 9).equals(Buffer.from('Claviger ')), 'never-allowed');
    return;
  }
  if (usesNonce(message)) {
    const account = message.instructions[0]?.accounts[0];
    const key = account === undefined ? undefined : message.accounts[account]?.key;
    if (key === undefined || !nonces.includes(key)) throw new Refused('durable-nonce', 0);
  }
  for (const [i, ix] of message.instructions.entries()) {
    const tag = ix.data.length < 4 ? -1 : Number(number(ix.data.subarray(0, 4)));
    const first = ix.accounts[0] === undefined ? undefined : message.accounts[ix.accounts[0]]?.key;
    if (ix.program === PREDEFINED.system && [1, 8, 9, 10].includes(tag) && first === wallet) throw new Refused('never-allowed', i);
    if ([PREDEFINED.token, PREDEFINED.token_2022].includes(ix.program) && ix.data[0] === 255) throw new Refused('never-allowed', i);
  }
}

export function usesNonce(message: Message): boolean {
  const ix = message.instructions[0];
  return ix !== undefined && ix.program === PREDEFINED.system && Buffer.from(ix.data.subarray(0, 4)).equals(Buffer.of(4, 0, 0, 0));
}
