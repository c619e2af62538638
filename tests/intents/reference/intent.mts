// SPDX-License-Identifier: Apache-2.0
// What an intent file says, by spec/intent.md alone (sections 1, 2 and 4): names resolved, numbers as bigint,
// unknown keys refused. Written to be read beside the page, not to be fast.
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import { getBase58Encoder } from '@solana/kit';
import { parseCondition, parseValue, type Condition, type Value } from './expression.mts';

export type Address = string;
export const PREDEFINED: Record<string, Address> = {
  system: '11111111111111111111111111111111',
  compute_budget: 'ComputeBudget111111111111111111111111111111',
  token: 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA',
  token_2022: 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb',
  associated_token: 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL',
  memo: 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr',
  memo_v1: 'Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo',
  memo_v4: 'Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH',
  address_lookup_table: 'AddressLookupTab1e1111111111111111111111111',
  native_mint: 'So11111111111111111111111111111111111111112',
  rent: 'SysvarRent111111111111111111111111111111111',
  recent_blockhashes: 'SysvarRecentB1ockHashes11111111111111111111',
  instructions_sysvar: 'Sysvar1nstructions1111111111111111111111111',
  clock: 'SysvarC1ock11111111111111111111111111111111',
};

export interface Parameter {
  name: string;
  type: 'bool' | 'u64' | 'pubkey' | 'text' | 'u64 list' | 'pubkey list';
  max?: number;
  default?: bigint;
  optional: boolean;
  role?: 'mint' | 'owner';
}

// Something that names one or several addresses.
export type Ref =
  | { kind: 'wallet' }
  | { kind: 'program' }
  | { kind: 'address'; address: Address }
  | { kind: 'parameter'; name: string; anyWhenEmpty: boolean }
  | { kind: 'list'; addresses: Address[] }
  | { kind: 'account'; name: string }
  | { kind: 'ruleAccount'; rule: string; name: string; perhaps: boolean }
  | { kind: 'any' };

export interface Requirement {
  is?: Ref;
  in?: Ref;
  own?: Ref;
  ata?: { owner: Ref; mint: Ref };
  mintOf?: string;
  any?: boolean;
  or?: string;
  fresh?: boolean;
  tokenProgram?: 'any' | 'program' | string;
  except?: Ref;
}

export interface AccountEntry extends Requirement {
  name?: string;
  hidden: boolean;
  signer: boolean;
  writable: boolean | 'either';
  optional: boolean;
  maybe: boolean;
  select: boolean;
  reason?: string;
}

export type FieldType =
  | { kind: 'int'; bytes: number; signed: boolean }
  | { kind: 'bool' }
  | { kind: 'bytes'; count: number }
  | { kind: 'array'; count: number; of: FieldType }
  | { kind: 'option'; of: FieldType }
  | { kind: 'vec'; min: number; max: number; of: FieldType }
  | { kind: 'string'; max: number; width: 4 | 8 }
  | { kind: 'struct'; fields: Field[]; reason: string }
  | { kind: 'enum'; variants: Map<number, Field[]>; reason: string }
  | { kind: 'tail'; of: FieldType }
  | { kind: 'rest'; max: number };

export interface Field {
  name: string;
  type: FieldType;
  isPubkey: boolean;
  equals?: bigint;
  requirement?: Requirement;
}

export interface Check {
  that: Condition;
  reason: string;
}

export interface Rule {
  name: string;
  program: Address;
  prefix: Uint8Array;
  fields: Field[];
  accounts: AccountEntry[];
  remaining?: { min: number; max: number; wallet: boolean; own: boolean; known: boolean };
  extra: number;
  changedWritable: boolean;
  lets: { name: string; value: Value }[];
  pays: { lamports: Value; as: 'transfer' | 'tip' | 'rent' | 'wrap'; by?: string }[];
  sends: { amount: Value; of?: string; mint?: Ref; by?: string }[];
  delegates: bigint;
  authorityChanges: bigint;
  adds: { total: string; value: Value }[];
  checks: Check[];
  group?: string;
  min: number;
  max: number;
  first: boolean;
  after?: string;
  before?: string;
}

export interface Intent {
  name: string;
  keys: Record<string, Address>;
  formats: Set<string>;
  feePayer: 'any' | 'wallet' | 'other' | Requirement;
  nonce: boolean | string;
  acceptUnproven?: string;
  parameters: Parameter[];
  totals: string[];
  groups: { name: string; min: number; max: number }[];
  rules: Rule[];
  messages: { name: string; pattern: string }[];
  checks: Check[];
  tests: Record<string, unknown>[];
}

type Table = Record<string, any>;

function only(where: string, table: Table, keys: string[]): void {
  for (const key of Object.keys(table)) if (!keys.includes(key)) throw new Error(`${where}: unknown key ${key}`);
}

const ARRAYS = ['parameter', 'total', 'group', 'instruction', 'message', 'check'];
const TABLES = ['keys', 'lists', 'types'];
const TOP = ['intent', 'name', 'text', 'include', 'formats', 'fee_payer', 'nonce', 'accept_unproven', 'test', ...ARRAYS, ...TABLES];

function readToml(path: string): Table {
  return parse(readFileSync(path, 'utf8'), { integersAsBigInt: 'asNeeded' }) as Table;
}

// The file with its includes: arrays joined, tables united, a name defined twice is an error.
function readWhole(path: string): Table {
  const own = readToml(path);
  only(path, own, TOP);
  const whole: Table = { ...own };
  for (const key of ARRAYS) whole[key] = [];
  for (const key of TABLES) whole[key] = {};
  const parts: Table[] = (own.include ?? []).map((name: string) => {
    const part = readToml(join(dirname(path), name));
    only(name, part, [...ARRAYS, ...TABLES]);
    return part;
  });
  for (const part of [...parts, own]) {
    for (const key of ARRAYS) whole[key].push(...(part[key] ?? []));
    for (const key of TABLES)
      for (const [name, value] of Object.entries(part[key] ?? {})) {
        if (name in whole[key]) throw new Error(`${path}: ${name} is defined twice`);
        whole[key][name] = value;
      }
  }
  return whole;
}

const isAddress = (text: string): boolean => {
  if (!/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text)) return false;
  return getBase58Encoder().encode(text).length === 32;
};

class Names {
  readonly keys: Record<string, Address>;
  readonly lists = new Map<string, Address[]>();
  readonly parameters: Map<string, Parameter>;
  readonly types: Table;
  constructor(whole: Table, parameters: Parameter[]) {
    this.keys = { ...PREDEFINED, ...whole.keys };
    this.parameters = new Map(parameters.map((p) => [p.name, p]));
    this.types = whole.types;
    for (const [name, list] of Object.entries(whole.lists as Record<string, string[]>))
      this.lists.set(name, list.map((entry) => this.address(entry)));
  }
  address(text: string): Address {
    const found = this.keys[text];
    if (found !== undefined) return found;
    if (!isAddress(text)) throw new Error(`${text} is neither a key nor an address`);
    return text;
  }
  ref(text: string, maybeEmpty = false): Ref {
    if (text === 'wallet') return { kind: 'wallet' };
    if (text === 'program') return { kind: 'program' };
    if (text.startsWith('@')) {
      const [a, b] = text.slice(1).split('.') as [string, string | undefined];
      if (b === undefined) return { kind: 'account', name: a };
      return { kind: 'ruleAccount', rule: a, name: b.replace(/\?$/, ''), perhaps: b.endsWith('?') };
    }
    const anyWhenEmpty = maybeEmpty && text.endsWith('?');
    const name = anyWhenEmpty ? text.slice(0, -1) : text;
    const list = this.lists.get(name);
    if (list !== undefined) return { kind: 'list', addresses: list };
    if (this.parameters.has(name)) return { kind: 'parameter', name, anyWhenEmpty };
    return { kind: 'address', address: this.address(name) };
  }
  tokenProgram(text: string): string {
    return text === 'any' || text === 'program' || text.startsWith('@') ? text : this.address(text);
  }
  mint(text: string): Ref {
    return text === 'any' ? { kind: 'any' } : this.ref(text, true);
  }
}

function requirement(names: Names, table: Table): Requirement {
  const one: Requirement = {};
  const kinds = ['is', 'in', 'own', 'ata', 'any', 'mint_of'].filter((key) => key in table);
  if (kinds.length > 1) throw new Error(`more than one requirement: ${kinds.join(', ')}`);
  if ('is' in table) one.is = names.ref(table.is);
  if ('in' in table) one.in = names.ref(table.in);
  if ('own' in table) one.own = names.mint(table.own);
  if ('ata' in table) one.ata = { owner: names.ref(table.ata.owner), mint: names.mint(table.ata.mint) };
  if ('any' in table) one.any = table.any === true;
  if ('mint_of' in table) one.mintOf = String(table.mint_of).slice(1);
  if ('or' in table) one.or = table.or;
  if ('fresh' in table) one.fresh = table.fresh === true;
  if ('token_program' in table) one.tokenProgram = names.tokenProgram(table.token_program);
  if ('except' in table) one.except = names.mint(table.except);
  return one;
}

const REQUIREMENT_KEYS = ['is', 'in', 'own', 'ata', 'any', 'mint_of', 'or', 'fresh', 'token_program', 'except'];

function accountEntry(names: Names, table: Table): AccountEntry {
  only('account', table, [...REQUIREMENT_KEYS, 'name', 'hidden', 'signer', 'writable', 'optional', 'maybe', 'select', 'reason']);
  return {
    ...requirement(names, table),
    name: table.name,
    hidden: table.hidden === true,
    signer: table.signer === true,
    writable: table.writable ?? false,
    optional: table.optional === true,
    maybe: table.maybe === true,
    select: table.select === true,
    reason: table.reason,
  };
}

const INTS = /^([ui])(8|16|32|64|128)$/;

function fieldType(names: Names, text: string): FieldType {
  const words = text.trim().split(/\s+/);
  const [head, second] = words as [string, string];
  const rest = (from: number): string => words.slice(from).join(' ');
  const int = INTS.exec(text.trim());
  if (int !== null) return { kind: 'int', bytes: Number(int[2]) / 8, signed: int[1] === 'i' };
  switch (head) {
    case 'bool': return { kind: 'bool' };
    case 'pubkey': return { kind: 'bytes', count: 32 };
    case 'bytes': return { kind: 'bytes', count: Number(second) };
    case 'array': return { kind: 'array', count: Number(second), of: fieldType(names, rest(2)) };
    case 'option': return { kind: 'option', of: fieldType(names, rest(1)) };
    case 'vec': {
      const [from, to] = second.includes('..') ? second.split('..').map(Number) : [0, Number(second)];
      return { kind: 'vec', min: from as number, max: to as number, of: fieldType(names, rest(2)) };
    }
    case 'string': return { kind: 'string', max: Number(second), width: 4 };
    case 'seed': return { kind: 'string', max: Number(second), width: 8 };
    case 'tail': return { kind: 'tail', of: fieldType(names, rest(1)) };
    case 'rest': return { kind: 'rest', max: Number(second) };
  }
  const own = names.types[text.trim()] as Table | undefined;
  if (own === undefined) throw new Error(`unknown type ${text}`);
  only(`type ${text}`, own, ['fields', 'variants', 'refused', 'reason']);
  const reason = own.reason ?? 'instruction-data-malformed';
  if (own.fields !== undefined) return { kind: 'struct', fields: fields(names, own.fields), reason };
  const variants = new Map<number, Field[]>();
  for (const v of own.variants as Table[]) {
    only(`variant of ${text}`, v, ['tag', 'name', 'fields']);
    if (variants.has(v.tag) || (own.refused ?? []).includes(v.tag)) throw new Error(`${text}: tag ${v.tag} twice or refused`);
    variants.set(v.tag, fields(names, v.fields ?? []));
  }
  return { kind: 'enum', variants, reason };
}

function fields(names: Names, list: any[]): Field[] {
  return list.map(([name, type, value]: [string, string, any]) => ({
    name,
    type: fieldType(names, type),
    isPubkey: type.trim() === 'pubkey',
    equals: typeof value === 'boolean' ? BigInt(value) : typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : undefined,
    requirement: typeof value === 'object' && value !== null ? requirement(names, value) : undefined,
  }));
}

function prefix(table: Table): Uint8Array {
  if (table.anchor !== undefined)
    return new Uint8Array(createHash('sha256').update(`global:${table.anchor}`).digest().subarray(0, 8));
  return new Uint8Array(Buffer.from(table.data ?? '', 'hex'));
}

function checks(list: any[] | undefined): Check[] {
  return (list ?? []).map((one) => {
    if (typeof one === 'string') return { that: parseCondition(one), reason: 'amount-over-limit' };
    only('check', one, ['that', 'reason', 'text']);
    return { that: parseCondition(one.that), reason: one.reason ?? 'amount-over-limit' };
  });
}

const listOf = (value: any): any[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

function rule(names: Names, t: Table): Rule {
  only(`instruction ${t.name}`, t, ['name', 'program', 'data', 'anchor', 'fields', 'accounts', 'remaining', 'extra_accounts', 'changed_writable',
    'let', 'pays', 'sends', 'delegates', 'authority_changes', 'adds', 'check', 'group', 'min', 'max', 'first', 'after', 'before', 'text']);
  if (t.remaining !== undefined) only('remaining', t.remaining, ['min', 'max', 'wallet', 'own', 'known']);
  return {
    name: t.name,
    program: names.address(t.program),
    prefix: prefix(t),
    fields: fields(names, t.fields ?? []),
    accounts: (t.accounts ?? []).map((a: Table) => accountEntry(names, a)),
    remaining: t.remaining && {
      min: t.remaining.min ?? 0, max: t.remaining.max ?? 64,
      wallet: t.remaining.wallet === true, own: t.remaining.own === true, known: t.remaining.known === true,
    },
    extra: t.extra_accounts ?? 0,
    changedWritable: t.changed_writable === true,
    lets: (t.let ?? []).map((text: string) => {
      const at = text.indexOf('=');
      return { name: text.slice(0, at).trim(), value: parseValue(text.slice(at + 1)) };
    }),
    pays: listOf(t.pays).map((p) => (only('pays', p, ['lamports', 'as', 'by']), { lamports: parseValue(String(p.lamports)), as: p.as, by: p.by })),
    sends: listOf(t.sends).map((s) => (only('sends', s, ['amount', 'of', 'mint', 'by']),
      { amount: parseValue(String(s.amount)), of: s.of, mint: s.mint === undefined ? undefined : names.ref(s.mint), by: s.by })),
    delegates: BigInt(t.delegates ?? 0),
    authorityChanges: BigInt(t.authority_changes ?? 0),
    adds: (t.adds ?? []).map((text: string) => {
      const [total, value] = text.split('+=') as [string, string];
      return { total: total.trim(), value: parseValue(value) };
    }),
    checks: checks(t.check),
    group: t.group,
    min: t.min ?? 0,
    max: t.max ?? 1,
    first: t.first === true,
    after: t.after,
    before: t.before,
  };
}

export function readIntent(path: string): Intent {
  const whole = readWhole(path);
  const parameters: Parameter[] = whole.parameter.map((p: Table) => {
    only(`parameter ${p.name}`, p, ['name', 'type', 'text', 'max', 'default', 'optional', 'role', 'unit']);
    return { name: p.name, type: p.type, max: p.max, optional: p.optional === true, role: p.role,
      default: p.default === undefined ? undefined : BigInt(p.default) };
  });
  const names = new Names(whole, parameters);
  const payer = whole.fee_payer ?? 'any';
  const words = ['any', 'wallet', 'other'];
  const feePayer = typeof payer === 'object' ? requirement(names, payer)
    : words.includes(payer) ? payer
      : names.ref(payer).kind === 'list' || names.parameters.get(payer)?.type === 'pubkey list' ? { in: names.ref(payer) } : { is: names.ref(payer) };
  const intent: Intent = {
    name: whole.name,
    keys: names.keys,
    formats: new Set(whole.formats ?? ['legacy', 'v0', 'v1']),
    feePayer,
    nonce: whole.nonce ?? false,
    acceptUnproven: whole.accept_unproven,
    parameters,
    totals: whole.total.map((t: Table) => t.name),
    groups: whole.group.map((g: Table) => ({ name: g.name, min: g.min ?? 0, max: g.max ?? 1 })),
    rules: whole.instruction.map((t: Table) => rule(names, t)),
    messages: whole.message,
    checks: checks(whole.check),
    tests: whole.test ?? [],
  };
  giveRoles(intent);
  return intent;
}

// Parameters used as a mint or as an owner get that role: the host derives token accounts for those alone.
function giveRoles(intent: Intent): void {
  const byName = new Map(intent.parameters.map((p) => [p.name, p]));
  const give = (ref: Ref | undefined, role: 'mint' | 'owner'): void => {
    if (ref?.kind !== 'parameter') return;
    const p = byName.get(ref.name);
    if (p !== undefined) p.role ??= role;
  };
  for (const r of intent.rules) {
    for (const a of r.accounts) {
      give(a.own, 'mint');
      give(a.ata?.mint, 'mint');
      give(a.ata?.owner, 'owner');
      give(a.except, 'mint');
    }
    for (const s of r.sends) give(s.mint, 'mint');
  }
}
