// SPDX-License-Identifier: Apache-2.0
// An intent applied to a message: the verdict, and on allow the facts and charges, by spec/intent.md sections 2
// to 4 in the order in which they stand there.
import { getBase58Encoder } from '@solana/kit';
import { PREDEFINED } from './intent.mts';
import type { AccountEntry, Address, Check, Field, FieldType, Intent, Ref, Requirement, Rule } from './intent.mts';
import { holds, Overflow, valueOf, type Scope } from './expression.mts';
import { Derivations, feeOf, floor, readMessage, Refused, usesNonce, type Account, type Derived, type Fee, type Instruction,
  type Message, type Pins, type Values } from './message.mts';

// Programs that take any accounts and change none of them.
const CHANGE_NOTHING = ['memo', 'memo_v1', 'memo_v4', 'compute_budget'].map((name) => PREDEFINED[name]);

// Programs that do not look at an account more unless it signs.
const IGNORE_MORE = ['system', 'token', 'token_2022', 'associated_token'].map((name) => PREDEFINED[name]);

// Addresses that begin with jitodontfront; the same few are asked about again and again.
const marks = new Map<Address, boolean>();
function isMark(key: Address): boolean {
  let mark = marks.get(key);
  if (mark === undefined) {
    const bytes = Buffer.from(getBase58Encoder().encode(key));
    const second = bytes.readBigUInt64BE(8);
    mark = bytes.readBigUInt64BE(0) === 0x0af1c3432188ca3an && second >= 0x635135a13a18951an && second <= 0x63520b53ecbaf31bn;
    marks.set(key, mark);
  }
  return mark;
}

export interface Counter {
  unit: 'lamports' | 'mint' | 'uses';
  mint?: Address;
  left: bigint;
}

export interface Grant {
  wallet: Address;
  values: Values;
  counters: Counter[];
  pins: Pins;
  nonces: Address[];
  unproven: boolean;
  time?: bigint;
}

export interface Facts {
  lamports: bigint;
  fee: bigint;
  tips: bigint;
  rent: bigint;
  wrapped: bigint;
  delegations: bigint;
  authorityChanges: bigint;
  tokens: [Address, bigint][];
}

export interface Verdict {
  allow: boolean;
  reason: string;
  instruction: number | undefined;
  facts: Facts;
  charges: [number, bigint][];
}

class Deny extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

const deny = (reason: string): never => {
  throw new Deny(reason);
};

const TOKENS_MAX = 16;
const U64 = (1n << 64n) - 1n;
const ZERO = '11111111111111111111111111111111';

const noFacts = (): Facts => ({ lamports: 0n, fee: 0n, tips: 0n, rent: 0n, wrapped: 0n, delegations: 0n, authorityChanges: 0n, tokens: [] });

// Takes data from the front.
class Cursor {
  private at = 0;
  readonly data: Uint8Array;
  constructor(data: Uint8Array, at: number) {
    this.data = data;
    this.at = at;
  }
  get left(): number {
    return this.data.length - this.at;
  }
  take(count: number): Uint8Array {
    if (count > this.left) deny('instruction-data-malformed');
    return this.data.subarray(this.at, (this.at += count));
  }
  number(bytes: number): bigint {
    return this.take(bytes).reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
  }
}

interface Taken {
  number?: bigint;
  bytes?: Uint8Array;
}

// What is remembered of an instruction that a rule took.
interface Seen {
  program: Address;
  accounts: Map<string, number>;
  // Of accounts with own or ata: their own mint, undefined where none is known.
  mints: Map<string, Address | undefined>;
}

export class Evaluator {
  private readonly intent: Intent;
  private readonly grant: Grant;
  private readonly derivations: Derivations;
  constructor(intent: Intent, grant: Grant) {
    this.intent = intent;
    this.grant = { ...grant, values: withDefaults(intent, grant.values) };
    this.derivations = new Derivations(grant.wallet, intent.parameters, grant.values);
  }

  evaluate(bytes: Uint8Array): Verdict {
    let message: Message;
    let fee: Fee | undefined;
    try {
      message = readMessage(bytes, this.grant.pins);
      floor(message, this.grant.wallet, this.grant.nonces);
      fee = message.kind === 'transaction' ? feeOf(message) : undefined;
    } catch (error) {
      if (error instanceof Refused) return { allow: false, reason: error.message, instruction: error.instruction, facts: noFacts(), charges: [] };
      throw error;
    }
    return new Run(this.intent, this.grant, message, fee, this.derivations.of(message)).verdict();
  }
}

function withDefaults(intent: Intent, values: Values): Values {
  const all: Values = {};
  for (const p of intent.parameters) {
    const given = values[p.name];
    if (given !== undefined) all[p.name] = given;
    else if (p.default !== undefined) all[p.name] = p.default;
    else if (!p.optional) throw new Error(`parameter ${p.name} is missing`);
    else all[p.name] = p.type.endsWith('list') ? [] : p.type === 'bool' || p.type === 'u64' ? 0n : undefined;
  }
  return all;
}

class Run {
  private readonly facts = noFacts();
  private readonly totals = new Map<string, bigint>();
  private readonly counts = new Map<string, number>();
  private readonly latest = new Map<string, Seen>();
  // Accounts that this transaction made as the wallet's, with the mint and token program that they were made with.
  private readonly fresh = new Map<number, { mint: Address | undefined; program: Address }>();
  // The same, whatever became of them since.
  private readonly made = new Set<number>();
  private readonly allowedSigners = new Set<number>();
  private readonly readonlyAt = new Map<number, number>();
  private readonly writableOk = new Set<number>();
  private at: number | undefined;
  private readonly intent: Intent;
  private readonly grant: Grant;
  private readonly message: Message;
  private readonly fee: Fee | undefined;
  private readonly derivedOf: (a: Account | undefined) => Derived[];

  constructor(intent: Intent, grant: Grant, message: Message, fee: Fee | undefined, derivedOf: (a: Account | undefined) => Derived[]) {
    this.intent = intent;
    this.grant = grant;
    this.message = message;
    this.fee = fee;
    this.derivedOf = derivedOf;
    for (const total of intent.totals) this.totals.set(total, 0n);
  }

  verdict(): Verdict {
    try {
      if (this.message.kind === 'offchain') this.offchain();
      else this.transaction();
      this.at = undefined;
      const charges = this.charges();
      return { allow: true, reason: 'none', instruction: undefined, facts: this.facts, charges };
    } catch (error) {
      if (!(error instanceof Deny) && !(error instanceof Overflow)) throw error;
      const reason = error instanceof Deny ? error.reason : 'amount-overflow';
      return { allow: false, reason, instruction: this.at, facts: noFacts(), charges: [] };
    }
  }

  // --- the whole transaction (section 3)

  private transaction(): void {
    const { intent, message } = this;
    if (intent.rules.length === 0) deny('kind-not-allowed');
    if (!intent.formats.has(message.format)) deny('format-not-allowed');
    if (usesNonce(message) && !this.nonceAllowed()) deny('lifetime-not-allowed');
    this.feePayer();
    // v1's header sets what takes an instruction in the others.
    const budget = intent.rules.filter((r) => r.program === PREDEFINED.compute_budget).map((r) => r.prefix[0]);
    const { mask } = message.config ?? { mask: 0 };
    for (const [bits, tag] of [[0b11, 3], [0b100, 2], [0b1000, 4], [0b10000, 1]] as const) if ((mask & bits) !== 0 && !budget.includes(tag)) deny('instruction-not-allowed');
    if (this.isWallet(0)) this.facts.fee = this.facts.lamports = (this.fee as Fee).worst;
    for (const [i, ix] of message.instructions.entries()) {
      this.at = i;
      this.instruction(ix, i);
    }
    this.at = undefined;
    this.powers();
    for (const r of intent.rules) if ((this.counts.get(r.name) ?? 0) < r.min) deny('instruction-missing');
    for (const g of intent.groups) if ((this.counts.get(g.name) ?? 0) < g.min) deny('instruction-missing');
    const scope = new RunScope(this, new Map(), new Map(), undefined);
    this.checks(intent.checks, scope);
  }

  private nonceAllowed(): boolean {
    const { nonce } = this.intent;
    return typeof nonce === 'boolean' ? nonce : this.grant.values[nonce] === 1n;
  }

  private feePayer(): void {
    const payer = this.intent.feePayer;
    if (payer === 'wallet' && !this.isWallet(0)) deny('fee-payer-not-allowed');
    if (payer === 'other' && this.isWallet(0)) deny('fee-payer-not-allowed');
    if (typeof payer === 'object' && this.misses(payer, 0, undefined) !== undefined) deny('fee-payer-not-allowed');
    this.allowedSigners.add(0);
  }

  // Signers that nobody named, and accounts that are writable without need.
  private powers(): void {
    for (const [i, a] of this.message.accounts.entries())
      if (a.signer && !this.isWallet(i) && !this.allowedSigners.has(i)) deny('signer-not-allowed');
    for (const i of this.readonlyAt.keys())
      if (this.message.accounts[i]?.writable && i !== 0 && !this.writableOk.has(i)) deny('account-not-allowed');
  }

  private charges(): [number, bigint][] {
    const { facts } = this;
    const native = this.sent('So11111111111111111111111111111111111111112');
    const lamports = facts.lamports - facts.wrapped + (facts.wrapped > native ? facts.wrapped : native);
    return this.grant.counters.map((c, i): [number, bigint] => {
      const amount = c.unit === 'uses' ? 1n : c.unit === 'mint' ? this.sent(c.mint as Address) : lamports;
      if (amount > U64) deny('amount-overflow');
      if (amount > c.left) deny('counter-exhausted');
      return [i, amount];
    });
  }

  // --- one instruction

  private instruction(whole: Instruction, number: number): void {
    const ix = this.withoutMark(whole);
    const rule = this.pick(ix);
    const names = [rule.name, ...(rule.group === undefined ? [] : [rule.group])];
    for (const name of names) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const group = this.intent.groups.find((g) => g.name === rule.group);
    if ((this.counts.get(rule.name) as number) > rule.max) deny('instruction-repeated');
    if (group !== undefined && (this.counts.get(group.name) as number) > group.max) deny('instruction-repeated');
    if (rule.first && number !== 0) deny('instruction-not-allowed');
    if (rule.after !== undefined && this.earlier(rule.after, names) === 0) deny('instruction-not-allowed');
    if (rule.before !== undefined && this.earlier(rule.before, names) !== 0) deny('instruction-not-allowed');
    const values = this.fields(rule, ix);
    const seen: Seen = { program: ix.program, accounts: new Map(), mints: new Map() };
    this.accounts(rule, ix, seen);
    this.latest.set(rule.name, seen);
    if (makesOwned(rule) && ix.accounts.length > 1) {
      this.fresh.set(ix.accounts[0] as number, { mint: this.key(ix.accounts[1] as number), program: ix.program });
      this.made.add(ix.accounts[0] as number);
    }
    this.effects(rule, ix, values, seen);
    this.behind(rule, ix);
    if (givesUp(ix)) this.fresh.delete(ix.accounts[0] as number);
  }

  // Jito's mark is left out where the network's own programs do not look at it.
  private withoutMark(ix: Instruction): Instruction {
    const last = ix.accounts.at(-1);
    const a = last === undefined ? undefined : this.message.accounts[last];
    if (a?.key === undefined || a.signer || a.writable || !IGNORE_MORE.includes(ix.program) || !isMark(a.key)) return ix;
    return { ...ix, accounts: ix.accounts.slice(0, -1) };
  }

  // How many were seen before this instruction.
  private earlier(name: string, mine: string[]): number {
    return (this.counts.get(name) ?? 0) - (mine.includes(name) ? 1 : 0);
  }

  // --- which rule

  private pick(ix: Instruction): Rule {
    let reason = 'program-not-allowed';
    for (const rule of this.intent.rules) {
      if (rule.program !== ix.program) continue;
      if (reason === 'program-not-allowed') reason = 'instruction-not-allowed';
      if (!rule.prefix.every((byte, i) => ix.data[i] === byte)) continue;
      const entries = entriesFor(rule, ix.accounts.length);
      if (entries === undefined) {
        reason = 'account-count';
        continue;
      }
      const missed = this.missedSelect(ix, entries);
      if (missed === undefined) return rule;
      reason = missed;
    }
    return deny(reason);
  }

  // With `select` an account may name others of the instruction before it.
  private missedSelect(ix: Instruction, entries: AccountEntry[]): string | undefined {
    if (!entries.some((e) => e.select)) return undefined;
    const seen: Seen = { program: ix.program, accounts: new Map(), mints: new Map() };
    const asked = chosenBy(entries);
    for (const [i, entry] of entries.entries()) {
      const account = ix.accounts[i] as number;
      const missed = this.isAbsent(entry, account, ix) ? undefined : this.misses(entry, account, { ix, seen });
      if (asked.has(entry) && missed !== undefined) return reasonOf(entry, missed);
      this.remember(entry, account, ix, seen);
    }
    return undefined;
  }

  // --- data

  // The form of the data first; then, field by field, what the values must be.
  private fields(rule: Rule, ix: Instruction): Map<string, bigint> {
    const fixed = fixedBytes(rule.fields);
    if (fixed !== undefined) {
      const left = ix.data.length - rule.prefix.length - fixed;
      if (left !== 0) deny(left > 0 ? 'instruction-data-trailing' : 'instruction-data-malformed');
    }
    const cursor = new Cursor(ix.data, rule.prefix.length);
    const values = new Map<string, bigint>();
    const taken = rule.fields.map((field) => {
      if (['tail', 'rest'].includes(field.type.kind)) values.set(hasName(field.name), BigInt(cursor.left > 0));
      return fixed !== undefined && field.type.kind === 'bool' ? { number: cursor.number(1) } : this.value(field.type, cursor, ix);
    });
    if (cursor.left > 0) deny('instruction-data-trailing');
    for (const [i, field] of rule.fields.entries()) {
      const { number, bytes } = taken[i] as Taken;
      if (field.type.kind === 'bool' && (number as bigint) > 1n) deny('instruction-data-malformed');
      if (field.equals !== undefined && number !== undefined && number !== field.equals) deny('instruction-data-malformed');
      if (field.requirement !== undefined) this.fieldKey(field.requirement, bytes as Uint8Array, ix);
      if (number !== undefined || field.type.kind === 'tail') values.set(field.name, number ?? 0n);
    }
    return values;
  }

  private field(field: Field, cursor: Cursor, reason: string, ix: Instruction): Taken {
    const taken = this.value(field.type, cursor, ix);
    if (field.equals !== undefined && taken.number !== undefined && taken.number !== field.equals) deny(reason);
    if (field.requirement !== undefined) this.fieldKey(field.requirement, taken.bytes as Uint8Array, ix);
    return taken;
  }

  // A pubkey in data: compared as an account's key would be.
  private fieldKey(r: Requirement, bytes: Uint8Array, ix: Instruction): void {
    const wanted = this.keysOf(r.is ?? r.in as Ref, ix, undefined);
    if (wanted === 'any') return;
    if (!wanted.some((key) => Buffer.from(getBase58Encoder().encode(key)).equals(Buffer.from(bytes)))) deny('account-not-allowed');
  }

  private value(type: FieldType, cursor: Cursor, ix: Instruction): Taken {
    switch (type.kind) {
      case 'int': return { number: cursor.number(type.bytes) };
      case 'bool': {
        const byte = cursor.number(1);
        if (byte > 1n) deny('instruction-data-malformed');
        return { number: byte };
      }
      case 'bytes': return { bytes: cursor.take(type.count) };
      case 'array': return this.many(type.count, type.of, cursor, ix);
      case 'option': {
        const byte = cursor.number(1);
        if (byte > 1n) deny('instruction-data-malformed');
        return this.many(Number(byte), type.of, cursor, ix);
      }
      case 'vec': {
        const count = cursor.number(4);
        if (count > BigInt(type.max) || count < BigInt(type.min)) deny('instruction-data-malformed');
        return this.many(Number(count), type.of, cursor, ix);
      }
      case 'string': {
        const count = cursor.number(type.width);
        if (count > BigInt(type.max)) deny('instruction-data-malformed');
        return { bytes: cursor.take(Number(count)) };
      }
      case 'struct':
        for (const field of type.fields) this.field(field, cursor, type.reason, ix);
        return {};
      case 'enum': {
        const fields = type.variants.get(Number(cursor.number(1)));
        if (fields === undefined) return deny(type.reason);
        for (const field of fields) this.field(field, cursor, type.reason, ix);
        return {};
      }
      case 'tail': return cursor.left === 0 ? {} : this.value(type.of, cursor, ix);
      case 'rest':
        if (cursor.left > type.max) deny('instruction-data-trailing');
        return { bytes: cursor.take(cursor.left) };
    }
  }

  private many(count: number, of: FieldType, cursor: Cursor, ix: Instruction): Taken {
    for (let i = 0; i < count; i++) this.value(of, cursor, ix);
    return {};
  }

  // --- accounts

  private accounts(rule: Rule, ix: Instruction, seen: Seen): void {
    const entries = entriesFor(rule, ix.accounts.length) as AccountEntry[];
    for (const [i, entry] of entries.entries()) {
      const account = ix.accounts[i] as number;
      if (this.isAbsent(entry, account, ix)) {
        if (entry.name !== undefined) seen.accounts.set(entry.name, -1);
        continue;
      }
      const missed = this.misses(entry, account, { ix, seen });
      if (missed !== undefined) deny(reasonOf(entry, missed));
      this.remember(entry, account, ix, seen);
      this.flags(rule, entry, account);
    }
  }

  private behind(rule: Rule, ix: Instruction): void {
    const behind = ix.accounts.slice((entriesFor(rule, ix.accounts.length) as AccountEntry[]).length);
    const remaining = rule.remaining === undefined ? 0 : Math.min(behind.length, rule.remaining.max);
    for (const [i, account] of behind.entries()) {
      if (i < remaining) this.remaining(rule, account);
      else this.extra(account);
      if (!CHANGE_NOTHING.includes(ix.program)) this.writableOk.add(account);
    }
  }

  private flags(rule: Rule, entry: AccountEntry, account: number): void {
    const { signer, writable } = this.message.accounts[account] as Account;
    const free = rule.changedWritable && !this.isWallet(account) && !this.isOwn(account);
    if (free || entry.writable === 'either') this.writableOk.add(account);
    else if (entry.writable) {
      if (!writable) deny('account-not-allowed');
      this.writableOk.add(account);
    } else this.readonlyAt.set(account, this.at as number);
    if (!entry.signer) return;
    if (!signer) deny('signer-not-allowed');
    this.allowedSigners.add(account);
  }

  private remaining(rule: Rule, account: number): void {
    const { wallet, own, known } = rule.remaining as NonNullable<Rule['remaining']>;
    if (this.isWallet(account) && !wallet) deny('account-not-allowed');
    if (this.isOwn(account) && !own) deny('account-not-allowed');
    if (known && this.key(account) === undefined) deny('account-not-allowed');
  }

  private extra(account: number): void {
    const a = this.message.accounts[account] as Account;
    if (a.signer || this.isWallet(account) || this.isOwn(account)) deny('account-not-allowed');
    if (a.key === undefined && a.writable) deny('account-not-allowed');
  }

  private isAbsent(entry: AccountEntry, account: number, ix: Instruction): boolean {
    return entry.optional && this.key(account) === ix.program;
  }

  private key(account: number): Address | undefined {
    return this.message.accounts[account]?.key;
  }

  private isWallet(account: number): boolean {
    return this.key(account) === this.grant.wallet;
  }

  private isOwn(account: number): boolean {
    return this.fresh.has(account) || this.derivedOf(this.message.accounts[account]).some((d) => d.wallet);
  }

  private remember(entry: AccountEntry, account: number, ix: Instruction, seen: Seen): void {
    if (entry.name === undefined) return;
    seen.accounts.set(entry.name, account);
    if (entry.own === undefined && entry.ata === undefined) return;
    seen.mints.set(entry.name, undefined);
    const derived = this.derivedFor(entry, account, { ix, seen });
    if (derived !== undefined) seen.mints.set(entry.name, derived.mint);
    else if (this.isFresh(entry, account, { ix, seen })) seen.mints.set(entry.name, this.fresh.get(account)?.mint as Address);
    else if (entry.own !== undefined && this.isNamedInstead(entry, account)) {
      const one = this.oneMint(entry.own, ix, seen);
      seen.mints.set(entry.name, one);
    }
  }

  // The mint that a requirement names where it names one: a key, a pubkey parameter, or a mint account.
  private oneMint(ref: Ref, ix: Instruction, seen: Seen): Address | undefined {
    const isList = ref.kind === 'parameter' && Array.isArray(this.grant.values[ref.name]);
    if (isList || !['address', 'parameter', 'account'].includes(ref.kind)) return undefined;
    if (ref.kind === 'account' && seen.mints.has(ref.name)) return undefined;
    const keys = this.keysOf(ref, ix, seen);
    return keys === 'any' ? undefined : keys[0];
  }

  // misses(): why an account does not meet a requirement; undefined when it does.
  private misses(r: Requirement & { hidden?: boolean }, account: number, at: { ix: Instruction; seen: Seen } | undefined): string | undefined {
    if (r.any === true) return undefined;
    const constrained = r.is !== undefined || r.in !== undefined || r.own !== undefined || r.ata !== undefined || r.mintOf !== undefined;
    // A `?` behind the account of another rule: as long as no instruction was of that rule nothing is asked.
    const asked = r.is?.kind !== 'ruleAccount' || !r.is.perhaps || this.latest.has(r.is.rule);
    if (!constrained || !asked) return this.isWallet(account) || this.isOwn(account) ? 'account-not-allowed' : undefined;
    const key = this.key(account);
    if (r.own !== undefined || r.ata !== undefined) {
      if (key === undefined) return 'account-unknown';
      if (this.derivedFor(r, account, at) !== undefined || this.isFresh(r, account, at) || this.isNamedInstead(r, account)) return undefined;
      if (r.own !== undefined && !this.proven() && this.derivedFor(r, account, at, true) !== undefined) return 'ownership-not-proven';
      return 'account-not-allowed';
    }
    if (key === undefined) return r.hidden === true ? undefined : 'account-unknown';
    if (r.mintOf !== undefined) return at?.seen.mints.get(r.mintOf) === key ? undefined : 'account-not-allowed';
    const wanted = this.keysOf((r.is ?? r.in) as Ref, at?.ix, at?.seen);
    return wanted === 'any' || wanted.includes(key) ? undefined : 'account-not-allowed';
  }

  // `fresh`: made by this transaction, which the mint and the token program must fit as they must for a derived one.
  private isFresh(r: Requirement, account: number, at: { ix: Instruction; seen: Seen } | undefined): boolean {
    const made = this.fresh.get(account);
    if (r.fresh !== true || made?.mint === undefined) return false;
    return this.mintMatches(r.own as Ref, made.mint, at) && this.tokenProgramMatches(r, made.program, at) &&
      !(r.except !== undefined && this.mintMatches(r.except, made.mint, at));
  }

  // `or`: a pubkey parameter whose account the grant vouches for, unless this transaction made it.
  private isNamedInstead(r: Requirement, account: number): boolean {
    const key = this.key(account);
    return r.or !== undefined && key !== undefined && !this.made.has(account) && this.grant.values[r.or] === key;
  }

  private proven(): boolean {
    return !this.grant.unproven || (this.intent.acceptUnproven !== undefined && this.grant.values[this.intent.acceptUnproven] === 1n);
  }

  // The first entry of `derived` that meets an `own` or `ata` requirement whole.
  private derivedFor(r: Requirement, account: number, at: { ix: Instruction; seen: Seen } | undefined, unproven = false): Derived | undefined {
    if (r.own === undefined && r.ata === undefined) return undefined;
    return this.derivedOf(this.message.accounts[account]).find((d) => {
      if (r.own !== undefined && (!d.wallet || (!unproven && !this.proven()))) return false;
      if (r.ata !== undefined) {
        const owners = this.keysOf(r.ata.owner, at?.ix, at?.seen);
        if (owners !== 'any' && !owners.includes(d.owner)) return false;
      }
      return this.mintMatches((r.own ?? r.ata?.mint) as Ref, d.mint, at) && this.tokenProgramMatches(r, d.program, at) &&
        !(r.except !== undefined && this.mintMatches(r.except, d.mint, at));
    });
  }

  private mintMatches(ref: Ref, mint: Address, at: { ix: Instruction; seen: Seen } | undefined): boolean {
    if (ref.kind === 'any') return true;
    if (ref.kind === 'account') {
      return at !== undefined && mint === this.mintAt(ref.name, at.seen);
    }
    const keys = this.keysOf(ref, at?.ix, at?.seen);
    return keys === 'any' || keys.includes(mint);
  }

  // The mint that "@name" stands for: an own or ata account's own, else the account itself.
  private mintAt(name: string, seen: Seen): Address | undefined {
    if (seen.mints.has(name)) return seen.mints.get(name);
    const account = seen.accounts.get(name);
    const key = account === undefined ? undefined : this.key(account);
    return key === seen.program ? undefined : key;
  }

  private tokenProgramMatches(r: Requirement, program: Address, at: { ix: Instruction; seen: Seen } | undefined): boolean {
    if (r.tokenProgram === undefined || r.tokenProgram === 'any') return true;
    if (r.tokenProgram === 'program') return program === at?.ix.program;
    if (!r.tokenProgram.startsWith('@')) return program === r.tokenProgram;
    const account = at?.seen.accounts.get(r.tokenProgram.slice(1));
    const key = account === undefined ? undefined : this.key(account);
    return key === undefined || key === program;
  }

  // The addresses that a reference stands for.
  private keysOf(ref: Ref, ix: Instruction | undefined, seen: Seen | undefined): Address[] | 'any' {
    const one = (key: Address | undefined): Address[] => (key === undefined ? [] : [key]);
    switch (ref.kind) {
      case 'any': return 'any';
      case 'wallet': return [this.grant.wallet];
      case 'program': return one(ix?.program);
      case 'address': return [ref.address];
      case 'list': return ref.addresses;
      case 'account': {
        const account = seen?.accounts.get(ref.name);
        return account === undefined ? [] : one(this.key(account));
      }
      case 'ruleAccount': {
        const account = this.latest.get(ref.rule)?.accounts.get(ref.name);
        return account === undefined ? [] : one(this.key(account));
      }
      case 'parameter': {
        const value = this.grant.values[ref.name];
        const keys = value === undefined ? [] : ([value].flat() as Address[]);
        if (keys.length === 0 && ref.anyWhenEmpty) return 'any';
        return keys.filter((key) => key !== ZERO || Array.isArray(value));
      }
    }
  }

  // --- values and effects

  private effects(rule: Rule, ix: Instruction, values: Map<string, bigint>, seen: Seen): void {
    const scope = new RunScope(this, values, seen.accounts, seen);
    for (const { name, value } of rule.lets) values.set(name, valueOf(value, scope));
    for (const p of rule.pays) {
      const lamports = valueOf(p.lamports, scope);
      if (p.by !== undefined && !this.isWallet(seen.accounts.get(p.by) as number)) continue;
      this.facts.lamports = add(this.facts.lamports, lamports);
      if (p.as === 'tip') this.facts.tips = add(this.facts.tips, lamports);
      if (p.as === 'rent') this.facts.rent = add(this.facts.rent, lamports);
      if (p.as === 'wrap') this.facts.wrapped = add(this.facts.wrapped, lamports);
    }
    for (const s of rule.sends) {
      const amount = valueOf(s.amount, scope);
      if (s.by !== undefined && !this.isWallet(seen.accounts.get(s.by) as number)) continue;
      this.send(this.mintSent(s, ix, seen), amount);
    }
    this.facts.delegations += rule.delegates;
    this.facts.authorityChanges += rule.authorityChanges;
    for (const { total, value } of rule.adds) this.totals.set(total, add(this.totals.get(total) as bigint, valueOf(value, scope)));
    this.checks(rule.checks, scope);
  }

  private mintSent(s: Rule['sends'][number], ix: Instruction, seen: Seen): Address {
    if (s.of === undefined) {
      const keys = this.keysOf(s.mint as Ref, ix, seen);
      return keys === 'any' || keys[0] === undefined ? deny('account-unknown') : keys[0];
    }
    return this.mintAt(s.of, seen) ?? deny('account-unknown');
  }

  private send(mint: Address, amount: bigint): void {
    const found = this.facts.tokens.find(([m]) => m === mint);
    if (found !== undefined) found[1] = add(found[1], amount);
    else if (this.facts.tokens.length === TOKENS_MAX) deny('too-many');
    else this.facts.tokens.push([mint, amount]);
  }

  sent(mint: Address): bigint {
    return this.facts.tokens.find(([m]) => m === mint)?.[1] ?? 0n;
  }

  private checks(checks: Check[], scope: Scope): void {
    for (const { that, reason } of checks) if (!holds(that, scope)) deny(reason);
  }

  // --- what expressions can name beside fields and values

  fact(name: string): bigint | undefined {
    const { facts, message, fee } = this;
    const names: Record<string, () => bigint> = {
      'fact.lamports': () => facts.lamports,
      'fact.fee': () => facts.fee,
      'fact.tips': () => facts.tips,
      'fact.rent': () => facts.rent,
      'fact.wrapped': () => facts.wrapped,
      'tx.wallet_writable': () => BigInt(message.accounts.some((a) => a.key === this.grant.wallet && a.writable)),
      'tx.wallet_pays': () => BigInt(this.isWallet(0)),
      'tx.nonce': () => BigInt(usesNonce(message)),
      'tx.accounts': () => BigInt(message.accounts.length),
      'tx.instructions': () => BigInt(message.instructions.length),
      'tx.signatures': () => BigInt(message.signatures),
      'tx.compute_limit': () => fee?.limit ?? 0n,
      'tx.compute_price': () => fee?.price ?? 0n,
      'tx.priority': () => fee?.priority ?? 0n,
      'tx.time_low': () => this.grant.time ?? 0n,
      'tx.time_high': () => this.grant.time ?? 0n,
    };
    return names[name]?.();
  }

  total(name: string): bigint | undefined {
    return this.totals.get(name);
  }

  parameter(name: string): bigint {
    const value = this.grant.values[name];
    if (typeof value !== 'bigint') throw new Error(`${name} is no value`);
    return value;
  }

  count(name: string): bigint {
    return BigInt(this.counts.get(name) ?? 0);
  }

  // A mint as expressions name it: "@name", a key, or a parameter.
  mintNamed(name: string, seen: Seen | undefined, refs: (text: string) => Ref): Address | undefined {
    const ref = refs(name);
    if (ref.kind === 'account') return seen === undefined ? undefined : this.mintAt(ref.name, seen);
    const keys = this.keysOf(ref, undefined, seen);
    return keys === 'any' ? undefined : keys[0];
  }

  list(name: string): (bigint | string)[] {
    const value = this.grant.values[name];
    return value === undefined ? [] : ([value].flat() as (bigint | string)[]);
  }

  refOf(text: string): Ref {
    if (text.startsWith('@')) return { kind: 'account', name: text.slice(1) };
    if (this.intent.parameters.some((p) => p.name === text)) return { kind: 'parameter', name: text, anyWhenEmpty: false };
    return { kind: 'address', address: this.intent.keys[text] ?? text };
  }

  // --- off-chain messages (section 4)

  private offchain(): void {
    for (const { pattern } of this.intent.messages) if (this.matches(pattern, this.message.text)) return;
    deny('kind-not-allowed');
  }

  private matches(pattern: string, text: Uint8Array): boolean {
    let at = 0;
    const parts = patternParts(pattern);
    const stands = (literal: string): boolean => Buffer.from(text.subarray(at, at + Buffer.byteLength(literal))).equals(Buffer.from(literal));
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as PatternPart;
      if (typeof part === 'object' && 'perhaps' in part) {
        if (part === OPEN && !stands(parts[i + 1] as string)) i = closing(parts, i);
      } else if (typeof part === 'string' || 'name' in part) {
        const literal = typeof part === 'string' ? part : this.patternText(part.name);
        if (literal === undefined || !stands(literal)) return false;
        at += Buffer.byteLength(literal);
      } else {
        let taken = 0;
        while (taken < part.max && at < text.length && inClass(part.of, text[at] as number)) {
          taken++;
          at++;
        }
        if (taken < part.min) return false;
      }
    }
    return at === text.length;
  }

  private patternText(name: string): string | undefined {
    if (name === 'wallet') return this.grant.wallet;
    const value = this.grant.values[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }
}

// How long data is whose fields are numbers, bools, keys and bytes alone; else undefined.
function fixedBytes(fields: Field[]): number | undefined {
  let total = 0;
  for (const { type } of fields) {
    if (type.kind !== 'int' && type.kind !== 'bool' && type.kind !== 'bytes') return undefined;
    total += type.kind === 'int' ? type.bytes : type.kind === 'bytes' ? type.count : 1;
  }
  return total;
}

// An entry's own reason stands in the place of account-not-allowed; the others say more.
const reasonOf = (entry: AccountEntry, missed: string): string => (missed === 'account-not-allowed' ? entry.reason ?? missed : missed);

type PatternPart = string | { perhaps: 'from' | 'to' } | { name: string } | { of: string; min: number; max: number };

// What stands between them is taken when its first text is there.
const OPEN: PatternPart = { perhaps: 'from' };
const CLOSE: PatternPart = { perhaps: 'to' };

// Where the part that opens at `i` ends.
function closing(parts: PatternPart[], i: number): number {
  for (let depth = 0; i < parts.length; i++) {
    if (parts[i] === OPEN) depth++;
    if (parts[i] === CLOSE && --depth === 0) return i;
  }
  throw new Error('{[} without {]}');
}

export function patternParts(pattern: string): PatternPart[] {
  const parts: PatternPart[] = [];
  for (const found of pattern.matchAll(/\{\{|\}\}|\{([^{}]*)\}|[^{}]+/gs)) {
    const [whole, inside] = found;
    if (inside === undefined) {
      parts.push(whole === '{{' ? '{' : whole === '}}' ? '}' : whole);
      continue;
    }
    const words = inside.split(' ');
    if (inside === '[' || inside === ']') parts.push(inside === '[' ? OPEN : CLOSE);
    else parts.push(words.length === 3 ? { of: words[0] as string, min: Number(words[1]), max: Number(words[2]) } : { name: inside });
  }
  return parts;
}

function inClass(of: string, byte: number): boolean {
  const c = String.fromCharCode(byte);
  switch (of) {
    case 'digits': return /[0-9]/.test(c) && byte < 128;
    case 'alnum': return /[0-9A-Za-z]/.test(c) && byte < 128;
    case 'time': return /[0-9TZ:.+-]/.test(c) && byte < 128;
    case 'line': return byte >= 0x20 && byte !== 0x7f;
    default: throw new Error(`no class ${of}`);
  }
}

// Under which name values keep whether there was anything of a field of type tail or rest.
const hasName = (field: string): string => `has ${field}`;

const add = (a: bigint, b: bigint): bigint => {
  if (a + b > U64) throw new Overflow();
  return a + b;
};

// The entries that stand for this many accounts, or undefined when the rule does not allow so many.
function entriesFor(rule: Rule, count: number): AccountEntry[] | undefined {
  const behind = rule.remaining;
  const most = (behind?.max ?? 0) + rule.extra;
  const least = behind?.min ?? 0;
  const all = rule.accounts;
  if (count >= all.length + least && count <= all.length + most) return all;
  const fewer = all.filter((a) => !a.maybe);
  return fewer.length < all.length && count === fewer.length ? fewer : undefined;
}

// What chooses a rule: entries with select, and those whose mint they name.
function chosenBy(entries: AccountEntry[]): Set<AccountEntry> {
  const asked = new Set<AccountEntry>();
  for (const entry of [...entries].reverse()) {
    if (!entry.select && !asked.has(entry)) continue;
    asked.add(entry);
    const mint = entry.own ?? entry.ata?.mint;
    const rests = entry.mintOf ?? (mint?.kind === 'account' ? mint.name : undefined);
    const on = entries.find((other) => other.name === rests);
    if (rests !== undefined && on !== undefined && (on.own !== undefined || on.ata !== undefined)) asked.add(on);
  }
  return asked;
}

// initializeAccount, 2 and 3 of the token programs.
const makesOwned = (rule: Rule): boolean => rule.prefix.length === 1 && [1, 16, 18].includes(rule.prefix[0] as number) &&
  [PREDEFINED.token, PREDEFINED.token_2022].includes(rule.program);

// closeAccount, setAuthority: account 0 is not the wallet's alone afterwards.
const givesUp = (ix: Instruction): boolean => [6, 9].includes(ix.data[0] as number) && [PREDEFINED.token, PREDEFINED.token_2022].includes(ix.program);

// What an expression finds inside an instruction, or in a check of the whole transaction.
class RunScope implements Scope {
  private readonly run: Run;
  private readonly values: Map<string, bigint>;
  private readonly accounts: Map<string, number>;
  private readonly seen: Seen | undefined;
  constructor(run: Run, values: Map<string, bigint>, accounts: Map<string, number>, seen: Seen | undefined) {
    this.run = run;
    this.values = values;
    this.accounts = accounts;
    this.seen = seen;
  }
  name(name: string): bigint {
    return this.values.get(name) ?? this.run.total(name) ?? this.run.fact(name) ?? this.run.parameter(name);
  }
  call(what: 'has' | 'count' | 'sent' | 'length' | 'given', name: string): bigint {
    if (what === 'given') return this.run.list(name).some((key) => key !== PREDEFINED.system) ? 1n : 0n; // that is 32 zero bytes
    if (what === 'length') return BigInt(this.run.list(name).length);
    if (what === 'count') return this.run.count(name);
    if (what === 'has' && this.values.has(hasName(name))) return this.values.get(hasName(name)) as bigint;
    if (what === 'has') return (this.accounts.get(name) ?? -1) === -1 ? 0n : 1n;
    const mint = this.run.mintNamed(name, this.seen, (text) => this.run.refOf(text));
    return mint === undefined ? 0n : this.run.sent(mint);
  }
  per(mints: string, numbers: string, mint: string): bigint {
    const key = this.run.mintNamed(mint, this.seen, (text) => this.run.refOf(text));
    const at = this.run.list(mints).indexOf(key as string);
    if (key === undefined || at < 0) return deny('mint-not-allowed');
    return (this.run.list(numbers)[at] as bigint | undefined) ?? 0n;
  }
}
