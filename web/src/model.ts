// SPDX-License-Identifier: Apache-2.0
// Records of the signer (spec/records.cddl, receipts.cddl) as this page shows them.
import { toHex } from '../../sdk/ts/src/bytes.js';
import { CborMap, decode, type Cbor } from '../../sdk/ts/src/cbor.js';
import { bytesAt, mapOf, numberAt } from './signer.js';

export interface Pending {
  readonly change: Uint8Array;
  readonly action: number;
  readonly done: boolean;
  readonly opens: bigint;
  readonly until: bigint;
}

export interface Factor {
  readonly kind: number;
  readonly id: Uint8Array;
  /** A passkey that may be copied between devices. */
  readonly copied?: boolean;
}

export interface Wallet {
  readonly id: Uint8Array;
  readonly address: string;
  readonly name: string;
  readonly imported: boolean;
  readonly frozen: boolean;
  readonly authority: Uint8Array;
  readonly factors: readonly Factor[];
  /** Credential ids of those that are passkeys, as far as they were asked for. */
  readonly passkeys: readonly Uint8Array[];
  readonly grants: readonly Uint8Array[];
  readonly exported: bigint;
  readonly pending: readonly Pending[];
  /** What all grants may spend together. */
  readonly limits: readonly Counter[];
}

export interface Counter {
  readonly id: bigint;
  readonly unit: bigint;
  readonly window: bigint;
  readonly cap: bigint;
  readonly left: bigint;
  readonly mint: string | undefined;
}

export interface Grant {
  readonly id: Uint8Array;
  readonly client: string;
  /** Whose word its module's text is: 0 its author's, 1 its author's where it speaks of others' programs, 2 it ships with the signer. */
  readonly origin: bigint;
  readonly expires: bigint;
  readonly uses: bigint;
  readonly usesLeft: bigint;
  readonly counters: readonly Counter[];
  /** The body that would make the same grant again: what the signer renders its text from. */
  readonly body: CborMap;
}

export interface Decision {
  readonly id: string;
  readonly allowed: boolean;
  readonly export: boolean;
  readonly time: bigint;
  readonly client: string;
  readonly lamports: bigint;
  readonly text: string;
}

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58(bytes: Uint8Array): string {
  let number = BigInt(`0x0${toHex(bytes)}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)]! + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

/** The 32 bytes of an address; undefined for anything else. */
export function unbase58(text: string): Uint8Array | undefined {
  let number = 0n;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return undefined;
    number = number * 58n + BigInt(digit);
  }
  const hex = number.toString(16);
  if (hex.length > 64) return undefined;
  const out = Uint8Array.from(hex.padStart(64, '0').match(/../g)!, (pair) => parseInt(pair, 16));
  return base58(out) === text ? out : undefined;
}

function list(item: Cbor | undefined): readonly Cbor[] {
  return Array.isArray(item) ? item as readonly Cbor[] : [];
}
const flag = (from: CborMap, key: number): boolean => from.get(key) === true;

/** Rules of counters with what is left of each. */
function countersOf(rules: readonly CborMap[], left: readonly bigint[]): Counter[] {
  return rules.map((rule, i) => ({
    id: numberAt(rule, 1), unit: numberAt(rule, 2), window: numberAt(rule, 3), cap: numberAt(rule, 4), left: left[i] ?? 0n,
    mint: rule.get(5) instanceof Uint8Array ? base58(bytesAt(rule, 5)) : undefined,
  }));
}

/** A counter as a rule that a change sets. */
export const ruleOf = (counter: Counter, cap: bigint): CborMap => new CborMap([
  [1n, counter.id], [2n, counter.unit], [3n, counter.window], [4n, cap],
  ...(counter.mint === undefined ? [] : [[5n, unbase58(counter.mint)!] as const]),
]);

export function walletOf(bytes: Uint8Array): Wallet {
  const record = mapOf(decode(bytes));
  return {
    id: bytesAt(record, 1, 32),
    address: base58(bytesAt(record, 2, 32)),
    name: String(record.get(3)),
    imported: numberAt(record, 4) === 2n,
    frozen: flag(record, 5),
    authority: bytesAt(record, 9, 32),
    factors: list(record.get(8)).map(mapOf).map((key) => ({ kind: Number(numberAt(key, 1)), id: bytesAt(key, 2, 32) })),
    grants: list(record.get(12)).map(mapOf).filter((grant) => flag(grant, 4)).map((grant) => bytesAt(grant, 1, 32)),
    passkeys: [],
    exported: typeof record.get(18) === 'bigint' ? numberAt(record, 18) : 0n,
    pending: list(record.get(19)).map(mapOf).map((wait) => ({
      change: bytesAt(wait, 1, 32), action: Number(numberAt(wait, 2)), done: flag(wait, 4), opens: numberAt(wait, 6), until: numberAt(wait, 7),
    })),
    limits: countersOf(list(record.get(23)).map(mapOf), list(record.get(25)) as readonly bigint[]),
  };
}

export function grantOf(bytes: Uint8Array): Grant {
  const answer = mapOf(decode(bytes));
  const record = mapOf(decode(bytesAt(answer, 1)));
  const left = list(answer.get(2)) as readonly bigint[];
  const [notBefore, expires, uses] = [6, 7, 8].map((key) => numberAt(record, key)) as [bigint, bigint, bigint];
  const rows = list(record.get(10)).map(mapOf);
  const some = (key: number, value: Cbor, there: boolean): [bigint, Cbor][] => (there ? [[BigInt(key), value]] : []);
  const listed = (key: number, from: number): [bigint, Cbor][] => some(key, list(record.get(from)), list(record.get(from)).length > 0);
  return {
    id: bytesAt(record, 1, 32),
    client: toHex(bytesAt(record, 3, 32)),
    origin: numberAt(record, 5),
    expires,
    uses,
    usesLeft: uses === 0n ? 0n : left[rows.length] ?? 0n,
    counters: countersOf(rows, left),
    body: new CborMap([
      [1n, bytesAt(record, 3, 32)], [2n, bytesAt(record, 4, 32)], [3n, decode(bytesAt(record, 14))], [4n, bytesAt(record, 13)], [5n, rows],
      ...some(6, notBefore, notBefore !== 0n), ...some(7, expires, expires !== 0n), ...some(8, uses, uses !== 0n),
      ...listed(9, 11), ...listed(10, 12),
    ]),
  };
}

/** One page of decisions, newest first, and where the older ones begin. */
export function decisionsOf(bytes: Uint8Array): { decisions: Decision[]; older: Uint8Array | undefined } {
  const answer = mapOf(decode(bytes));
  const older = answer.get(2);
  return { decisions: list(answer.get(1)).map((item) => decisionOf(item as Uint8Array)), older: older instanceof Uint8Array ? older : undefined };
}

function decisionOf(bytes: Uint8Array): Decision {
  const receipt = mapOf(decode(bytes));
  const tried = list(receipt.get(18)).map(mapOf);
  const last = tried[tried.length - 1];
  const facts = receipt.get(20);
  return {
    id: toHex(bytesAt(receipt, 9)),
    allowed: numberAt(receipt, 11) === 1n,
    export: (numberAt(receipt, 13) & 8n) !== 0n,
    time: numberAt(receipt, 15),
    client: toHex(bytesAt(receipt, 8)),
    lamports: facts instanceof CborMap ? numberAt(facts, 1) : 0n,
    text: last === undefined ? '' : String(last.get(8)),
  };
}

export interface Field {
  readonly name: string;
  /** 1 bool, 2 u64, 3 pubkey, 4 text, 5 u64 list, 6 pubkey list */
  readonly type: number;
  readonly required: boolean;
  readonly fallback: string;
  readonly text: string;
}

/** A module's parameter schema (spec/policy-abi.md). */
export function fieldsOf(schema: Uint8Array): Field[] {
  if (schema.length === 0) return [];
  return list(mapOf(decode(schema)).get(2)).map(mapOf).map((field) => ({
    name: String(field.get(1)),
    type: Number(numberAt(field, 2)),
    required: numberAt(field, 4) === 1n,
    fallback: field.get(5) === undefined ? '' : String(field.get(5)),
    text: String(field.get(7)),
  }));
}

export function u64(text: string): bigint {
  if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) >= 1n << 64n) throw new Error(`"${text}" is not a whole number`);
  return BigInt(text);
}

function address(text: string): Uint8Array {
  const key = unbase58(text);
  if (key === undefined) throw new Error(`"${text}" is not an address`);
  return key;
}

/** What a person typed for a field; undefined: nothing. Only lists are split: of "1,000" no part is what was meant. */
export function valueOf(field: Field, typed: string): Cbor | undefined {
  const entries = typed.split(/[\s,]+/).filter((entry) => entry !== '');
  if (entries.length === 0) {
    if (field.required) throw new Error(`${field.name} is needed`);
    return undefined;
  }
  switch (field.type) {
    case 1: return typed === 'true';
    case 2: return u64(typed);
    case 3: return address(typed);
    case 5: return entries.map(u64);
    case 6: return entries.map(address);
    default: return typed;
  }
}

// ---- how things are said ----

/** What came of a decision, in words. One of an export that was begun and not carried out denies it: the key did not leave. */
export const outcomeOf = (each: Pick<Decision, 'allowed' | 'export'>): string =>
  each.export ? (each.allowed ? 'Key handed over' : 'Key not handed over') : each.allowed ? 'Signed' : 'Refused';

/** Why, in the policy's words where it has some. */
export function reasonOf(each: Pick<Decision, 'allowed' | 'export' | 'text'>): string {
  if (each.text !== '') return each.text;
  if (each.allowed) return 'As allowed';
  return each.export ? 'It was begun and could not be carried out' : 'No grant was asked: none was live, or the wallet was frozen';
}

export const short = (text: string): string => (text.length > 14 ? `${text.slice(0, 6)}…${text.slice(-6)}` : text);

export function solOf(lamports: bigint): string {
  const fraction = (lamports % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${lamports / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}
export const sol = (lamports: bigint): string => `${solOf(lamports)} SOL`;

/**
 * What a person typed in SOL. Some phones' number pads have a comma and no point: it is taken where it cannot stand between
 * thousands, "0,5" and "2,25"; who typed "1,000" says which he means.
 */
export function lamportsOf(text: string): bigint {
  const [, whole = '', sign = '', fraction = ''] = text.match(/^([0-9]{1,11})(?:([.,])([0-9]{1,9}))?$/) ?? [];
  const lamports = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (whole === '' || lamports >= 1n << 64n) throw new Error(`"${text}" is no amount of SOL.`);
  if (sign === ',' && fraction.length === 3 && whole !== '0') throw new Error(`"${text}" is no amount of SOL that can be read in one way: ${whole}${fraction}, or ${whole}.${fraction}?`);
  return lamports;
}

export function amount(counter: Counter, value: bigint): string {
  if (counter.unit === 1n) return sol(value);
  if (counter.unit === 3n) return value === 1n ? '1 signature' : `${value} signatures`;
  return `${value} units of ${short(counter.mint ?? '')}`;
}

export const windowName = (window: bigint): string => (window === 1n ? 'in total' : window === 2n ? 'in any hour' : 'in any 24 hours');

export function when(seconds: bigint): string {
  return new Date(Number(seconds) * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

const ACTIONS = ['', 'A new wallet', 'A grant', 'A revocation', 'A freeze', 'Unfreezing', 'A new limit', 'A change of factors', 'An import', 'Export of the key', 'A cancellation'];
export const actionName = (action: number): string => ACTIONS[action] ?? 'A change';
