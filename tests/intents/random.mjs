// SPDX-License-Identifier: Apache-2.0
// Intents made at random from the whole language, compiled, and asked about transactions that follow their rules or nearly do: the module
// and the reference evaluator, which reads the file, agree on verdict, reason, facts and charges (S12, S15, A1). What no intent of the
// library says is looked at here: a fault of the compiler shows in no test that compares a compiled table with itself. How many intents, and from
// which number on; KEEP=FOLDER keeps those that differ, WHY=1 counts why the compiler refused the others.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base64Of, build, expect, root, summary } from '../solana/setup.mjs';
import { message } from './cases.mjs';
import { cborOf, Judge, reasonNames } from './judge.mjs';
import { account, bytes58 } from './lift.mjs';
import * as K from './known.mjs';
import { u32, u64 } from './known.mjs';
import { Evaluator, readIntent } from './reference.mjs';

const COUNT = Number(process.argv[2] ?? 300);
const FROM = Number(process.argv[3] ?? 0);
const TRANSACTIONS = 40;
const names = reasonNames(root);
const folder = mkdtempSync(join(tmpdir(), 'intent-random-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

// --- chance, the same each time

let [pool, drawn] = [Buffer.alloc(0), 0];
let seed = '';
function byte() {
  if (drawn === pool.length) [pool, drawn] = [createHash('sha256').update(`${seed}:${pool.toString('hex')}`).digest(), 0];
  return pool[drawn++];
}
const below = (n) => ((byte() << 16) | (byte() << 8) | byte()) % n;
const chance = (percent) => below(100) < percent;
const one = (list) => list[below(list.length)];
const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));

// --- who there is

const WALLET = K.stranger('wallet');
const [FORMS, OTHER_FORMS] = [K.stranger('forms'), K.stranger('other forms')];
const MINTS = [K.stranger('mint a'), K.stranger('mint b'), K.NATIVE];
const PEOPLE = [K.stranger('p'), K.stranger('q'), K.stranger('r')];
const owned = MINTS.flatMap((mint) => [K.ata(WALLET, mint), K.ata(WALLET, mint, K.TOKEN_2022)]);
const theirs = PEOPLE.flatMap((who) => MINTS.slice(0, 2).flatMap((mint) => [K.ata(who, mint), K.ata(who, mint, K.TOKEN_2022)]));
const EXTRA = times(4, (i) => K.stranger(`extra ${i}`));
const POOL = [WALLET, ...MINTS, ...PEOPLE, ...owned, ...theirs, ...EXTRA, K.TOKEN, K.TOKEN_2022, K.SYSTEM, FORMS];
const PARAMETERS = [
  ['p_mint', 'pubkey', 'role = "mint"'], ['p_other_mint', 'pubkey', 'role = "mint"\noptional = true'], ['p_vouched', 'pubkey', 'optional = true'],
  ['p_mints', 'pubkey list', 'role = "mint"\nmax = 4\noptional = true'], ['p_numbers', 'u64 list', 'max = 4\noptional = true'],
  ['p_owners', 'pubkey list', 'role = "owner"\nmax = 4\noptional = true'], ['p_keys', 'pubkey list', 'max = 4\noptional = true'],
  ['p_owner', 'pubkey', 'role = "owner"'], ['p_max', 'u64', ''], ['p_small', 'u64', 'default = 3'], ['p_flag', 'bool', 'default = false'],
  ['p_nonce', 'bool', 'default = true'], ['p_unproven', 'bool', 'default = false'],
];

// --- types and data that fit them

const INTS = { u8: 1, u16: 2, u32: 4, u64: 8, u128: 16, i8: 1, i16: 2, i32: 4, i64: 8, i128: 16 };
const bytes = (n) => Buffer.from(times(n, byte));
const number = (n) => (chance(85) ? Buffer.concat([Buffer.of(below(6)), Buffer.alloc(n - 1)]) : chance(30) ? Buffer.alloc(n, 255) : bytes(n));

// Each: [its words, () => bytes that fit]
function type(types, depth = 0) {
  const kind = below(depth > 3 ? 3 : 12);
  if (kind === 0) { const name = one(Object.keys(INTS)); return [name, () => number(INTS[name])]; }
  if (kind === 1) return ['bool', () => Buffer.of(below(2))];
  if (kind === 2) return chance(50) ? ['pubkey', () => Buffer.from(bytes58(one(POOL)))] : ((n) => [`bytes ${n}`, () => bytes(n)])(below(4));
  if (kind === 3) { const n = below(4); return [`string ${n}`, () => ((k) => Buffer.concat([u32(k), bytes(k)]))(below(n + 1))]; }
  if (kind === 4) { const n = below(4); return [`seed ${n}`, () => ((k) => Buffer.concat([u64(BigInt(k)), bytes(k)]))(below(n + 1))]; }
  if (kind === 5 || kind === 6) { const [words, make] = type(types, depth + 1); return [`option ${words}`, () => (chance(50) ? Buffer.of(0) : Buffer.concat([Buffer.of(1), make()]))]; }
  if (kind === 7) { const n = below(3); const [words, make] = type(types, depth + 1); return [`array ${n} ${words}`, () => Buffer.concat(times(n, make))]; }
  if (kind === 8) {
    const [min, more] = [below(2), below(3)];
    const [words, make] = type(types, depth + 1);
    return [`vec ${min === 0 && chance(50) ? '' : `${min}..`}${min + more} ${words}`, () => ((k) => Buffer.concat([u32(k), ...times(k, make)]))(min + below(more + 1))];
  }
  return types.length === 0 ? ['u16', () => number(2)] : ((t) => [t.name, t.make])(one(types));
}

// A field of a struct or variant, perhaps with a value that it must have.
function inner(types) {
  if (chance(20)) {
    const name = one(['u8', 'u16', 'u32', 'u64', 'bool']);
    const value = name === 'bool' ? below(2) : below(3);
    return [`["_", "${name}", ${name === 'bool' ? String(value === 1) : value}]`, () => Buffer.concat([Buffer.of(value), Buffer.alloc((INTS[name] ?? 1) - 1)])];
  }
  const [words, make] = type(types, 1);
  return [`["_", "${words}"]`, make];
}

function newType(types, i) {
  const name = `T${i}`;
  const reason = chance(30) ? 'reason = "route-step-not-allowed"\n' : '';
  if (chance(50)) {
    const fields = times(1 + below(4), () => inner(types));
    return { name, text: `[types.${name}]\n${reason}fields = [${fields.map(([w]) => w).join(', ')}]\n`, make: () => Buffer.concat(fields.map(([, make]) => make())) };
  }
  const tags = [...new Set(times(1 + below(4), () => below(6)))];
  const variants = tags.map((tag) => [tag, times(below(4), () => inner(types))]);
  const words = variants.map(([tag, fields]) => `{ tag = ${tag}, name = "V${tag}"${fields.length === 0 ? '' : `, fields = [${fields.map(([w]) => w).join(', ')}]`} }`);
  return { name, text: `[types.${name}]\n${reason}variants = [${words.join(', ')}]\n`,
    make: () => { const [tag, fields] = one(variants); return Buffer.concat([Buffer.of(tag), ...fields.map(([, make]) => make())]); } };
}

// --- rules

// What is named in a rule: values, accounts by what they are.
function fieldsOf(types) {
  const list = [];
  const count = below(5);
  const tails = chance(20) ? 1 + below(2) : 0;
  for (let i = 0; i < count + tails; i++) {
    const tail = i >= count;
    const name = chance(10) ? '_' : `f${i}`;
    if (tail && i === count + tails - 1 && chance(40)) { const n = below(6); list.push({ name, words: `"rest ${n}"`, make: () => bytes(below(n + 1)), left: true }); continue; }
    if (chance(55)) {
      const kind = one(['u8', 'u16', 'u32', 'u64', 'bool']);
      const value = !tail && chance(15) ? below(2) : undefined;
      const literal = value === undefined ? '' : `, ${kind === 'bool' ? String(value === 1) : value}`;
      const width = INTS[kind] ?? 1;
      const make = value === undefined ? () => (kind === 'bool' ? Buffer.of(below(2)) : number(width)) : () => Buffer.concat([Buffer.of(value), Buffer.alloc(width - 1)]);
      list.push({ name, words: `"${tail ? 'tail ' : ''}${kind}"${literal}`, make, value: name !== '_', left: tail, tail });
    } else if (!tail && chance(20)) {
      const [words, keys] = one([['{ is = "wallet" }', [WALLET]], ['{ is = "p_mint" }', ['p_mint']], ['{ in = "p_keys" }', ['p_keys']], ['{ is = "p_vouched" }', ['p_vouched']], ['{ in = "friends" }', PEOPLE.slice(0, 2)]]);
      list.push({ name, words: `"pubkey", ${words}`, make: (grant) => Buffer.from(bytes58(keyOf(one(keys), grant))) });
    } else {
      const [words, make] = type(types);
      list.push({ name, words: `"${tail ? 'tail ' : ''}${words}"`, make, left: tail, tail });
    }
  }
  return list;
}

// A key that a word stands for under a grant; any other where it was not given.
function keyOf(word, grant) {
  if (!word.startsWith('p_')) return word;
  const value = grant.values[word];
  const keys = value === undefined ? [] : [value].flat();
  return keys.length === 0 ? one(POOL) : one(keys);
}

const derivedFrom = (owner, mints, programs) => (grant) => K.ata(keyOf(one(owner), grant), keyOf(one(mints), grant), one(programs));

function entriesOf(rules, program) {
  const list = [];
  const maybe = chance(15);
  const count = below(6);
  const before = (what) => list.filter((e) => e.name !== undefined && !e.maybe && what(e));
  for (let i = 0; i < count; i++) {
    const e = { name: chance(80) ? `a${i}` : undefined, flags: [], make: () => one(POOL) };
    const mint = () => {
      const known = before((o) => !o.optional && (o.kind === 'own' || o.kind === 'ata' || o.kind === 'mint'));
      return one([['"any"', MINTS], ['"p_mint"', ['p_mint']], ['"p_mints"', ['p_mints']], ['"p_mints?"', ['p_mints']], ['"native_mint"', [K.NATIVE]], ['"p_other_mint"', ['p_other_mint']],
        ['"coins"', MINTS.slice(0, 2)], ...known.map((o) => [`"@${o.name}"`, MINTS])]);
    };
    const bound = rules.flatMap((r) => r.entries.filter((o) => o.name !== undefined && !o.optional && !o.maybe).map((o) => `${r.name}.${o.name}`));
    const same = before((o) => !o.optional);
    switch (below(13)) {
      case 0: e.words = 'is = "wallet"'; e.make = () => WALLET; break;
      case 1: e.words = 'is = "p_mint"'; e.make = (g) => keyOf('p_mint', g); e.kind = 'mint'; break;
      case 2: e.words = 'in = "p_keys"'; e.make = (g) => keyOf('p_keys', g); break;
      case 3: case 4: case 5: {
        const [words, mints] = mint();
        const [more, programs] = one([['', [K.TOKEN, K.TOKEN_2022]], [', token_program = "token"', [K.TOKEN]], [', token_program = "program"', [program]]]);
        const except = chance(15) ? `, except = ${mint()[0]}` : '';
        const fresh = chance(30) ? ', fresh = true' : '';
        const or = chance(30) ? ', or = "p_vouched"' : '';
        e.words = `own = ${words}${more}${except === ', except = "any"' ? '' : except}${fresh}${or}`;
        e.kind = 'own';
        const derived = derivedFrom([WALLET], mints, programs);
        e.make = (g) => (or !== '' && chance(30) ? keyOf('p_vouched', g) : fresh !== '' && chance(40) ? one(EXTRA) : derived(g));
        break;
      }
      case 6: {
        const [words, mints] = mint();
        const [owner, owners] = one([['p_owners', ['p_owners']], ['p_owner', ['p_owner']], ['wallet', [WALLET]], ...before((o) => o.kind === 'mint').map((o) => [`@${o.name}`, PEOPLE])]);
        e.words = `ata = { owner = "${owner}", mint = ${words} }`;
        e.kind = 'ata';
        e.make = derivedFrom(owners, mints, [K.TOKEN, K.TOKEN_2022]);
        break;
      }
      case 7: { const on = before((o) => !o.optional && (o.kind === 'own' || o.kind === 'ata')); if (on.length === 0) break; e.words = `mint_of = "@${one(on).name}"`; e.make = () => one(MINTS); e.kind = 'mint'; break; }
      case 8: e.words = 'any = true'; e.make = () => one(POOL); e.kind = 'mint'; break;
      case 9: if (same.length === 0) break; e.like = list.indexOf(one(same)); e.words = `is = "@${list[e.like].name}"`; break;
      case 10: if (bound.length === 0) break; e.bound = one(bound); e.words = `is = "@${e.bound}${chance(50) ? '?' : ''}"`; break;
      case 11: e.words = 'in = "friends"'; e.make = () => one(PEOPLE.slice(0, 2)); break;
      default: e.kind = 'mint'; e.make = () => one([...EXTRA, ...MINTS]); break;
    }
    e.words ??= '';
    if (chance(10)) e.flags.push('signer = true');
    e.writable = one(['', '', 'true', '"either"']);
    if (e.writable !== '') e.flags.push(`writable = ${e.writable}`);
    const kindless = e.kind !== 'own' && e.kind !== 'ata' && e.words !== 'is = "wallet"';
    if (chance(10) && kindless && e.words !== '') e.flags.push('hidden = true');
    if (chance(10)) { e.optional = true; e.flags.push('optional = true'); }
    if (maybe && chance(40)) { e.maybe = true; e.flags.push('maybe = true'); }
    if (chance(15) && e.words !== '' && e.words !== 'any = true') e.flags.push('select = true');
    if (chance(10)) e.flags.push('reason = "recipient-not-allowed"');
    e.signer = e.flags.includes('signer = true');
    list.push(e);
  }
  return list;
}

function atom(scope, depth) {
  const kind = below(depth > 2 ? 4 : 12);
  if (kind === 0) return String(one([0, 1, 2, 3, 5, '1_000', chance(20) ? '18446744073709551615' : 7]));
  if (kind < 4 && scope.values.length !== 0) return one(scope.values);
  if (kind < 5) return one(['p_max', 'p_small', 'p_flag', ...scope.totals]);
  if (kind === 5) return one(['fact.lamports', 'fact.fee', 'fact.rent', 'fact.tips', 'fact.wrapped', 'tx.wallet_writable', 'tx.wallet_pays', 'tx.nonce', 'tx.accounts', 'tx.instructions', 'tx.signatures', 'tx.compute_limit', 'tx.priority']);
  if (kind === 6) return `scale_${one(['up', 'down'])}(${sum(scope, depth + 1)}, ${sum(scope, depth + 1)}, ${one([1, 2, 3, 10000, 4294967295])})`;
  if (kind === 7) return `count(${one(scope.counts)})`;
  if (kind === 8) return `sent(${one(scope.mints)})`;
  if (kind === 9 && chance(30)) return `per(p_mints, p_numbers, ${one(scope.mints)})`;
  if (kind === 10 && scope.has.length !== 0) return `has(${one(scope.has)})`;
  return one(['length(p_mints)', 'length(p_numbers)', 'given(p_vouched)', 'given(p_other_mint)']);
}
const sum = (scope, depth = 0) => times(1 + (chance(30) ? 1 + below(2) : 0), () => atom(scope, depth)).reduce((a, b) => `${a} ${one(['+', '+', '+', '+', '+', '-'])} ${b}`);
const side = (scope) => times(1 + (chance(25) ? 1 : 0), () => atom(scope, 1) + (chance(25) ? ` * ${atom(scope, 1)}` : '')).join(' + ');
// Most hold, or hardly anything would be allowed.
const condition = (scope) => (chance(85) ? `${side(scope)} ${one(['>= 0', '>= 0', '<= 18446744073709551615', `!= ${below(9) + 5}`])}` : `${side(scope)} ${one(['<=', '>=', '<', '>', '==', '!='])} ${side(scope)}`);
const checkOf = (scope) => (chance(50) ? `"${condition(scope)}"` : `{ that = "${condition(scope)}", reason = "${one(['price-below-minimum', 'too-many', 'fee-over-limit'])}", text = "a check" }`);

function ruleOf(i, rules, types, groups, totals) {
  const program = one([['forms', FORMS], ['forms', FORMS], ['other_forms', OTHER_FORMS]]);
  const r = { name: `r${i}`, key: program[1], prefix: Buffer.from(one([[], [1], [2], [1, 2], [3], [3, 0, 0, 1], times(8, (n) => n)])), fields: fieldsOf(types) };
  r.entries = entriesOf(rules, r.key);
  const lines = [`name = "${r.name}"`, `program = "${program[0]}"`];
  if (r.prefix.length !== 0 || chance(50)) lines.push(`data = "${r.prefix.toString('hex')}"`);
  lines.push(`fields = [${r.fields.map((f) => `["${f.name}", ${f.words}]`).join(', ')}]`);
  lines.push(`accounts = [${r.entries.map((e) => `{ ${[e.name && `name = "${e.name}"`, e.words, ...e.flags].filter((w) => w).join(', ')} }`).join(', ')}]`);
  if (!r.entries.some((e) => e.maybe)) {
    if (chance(25)) {
      r.more = [below(2), 0];
      r.more[1] = r.more[0] + below(4);
      lines.push(`remaining = { min = ${r.more[0]}, max = ${r.more[1]}, wallet = ${chance(50)}, own = ${chance(50)}, known = ${chance(50)} }`);
    } else if (chance(15)) { r.more = [0, 2]; lines.push('extra_accounts = 2'); }
  }
  if (chance(10)) lines.push('changed_writable = true');
  const named = r.entries.filter((e) => e.name !== undefined);
  const mints = [...named.filter((e) => !e.maybe && (e.kind === 'mint' || e.kind === 'own' || e.kind === 'ata')).map((e) => `@${e.name}`), 'p_mint', 'native_mint', 'p_other_mint'];
  const scope = { values: r.fields.filter((f) => f.value).map((f) => f.name), totals, counts: [...rules.map((o) => o.name), r.name, ...groups], mints,
    has: [...named.map((e) => e.name), ...r.fields.filter((f) => f.left && f.name !== '_').map((f) => f.name)] };
  if (chance(50)) {
    const lets = [];
    for (let n = 0; n <= below(3); n++) { lets.push(`"v${n} = ${sum(scope)}"`); scope.values.push(`v${n}`); }
    lines.push(`let = [${lets.join(', ')}]`);
  }
  if (chance(30)) lines.push(`pays = [${times(1 + below(2), () => `{ lamports = "${sum(scope)}", as = "${one(['transfer', 'tip', 'rent'])}"${named.length !== 0 && chance(50) ? `, by = "${one(named).name}"` : ''} }`).join(', ')}]`);
  if (chance(40)) lines.push(`sends = [${times(1 + below(2), () => { const mint = one(mints); return `{ amount = "${sum(scope)}", ${mint[0] === '@' ? `of = "${mint.slice(1)}"` : `mint = "${mint}"`}${named.length !== 0 && chance(30) ? `, by = "${one(named).name}"` : ''} }`; }).join(', ')}]`);
  if (chance(10)) lines.push('delegates = 1');
  if (totals.length !== 0 && chance(40)) lines.push(`adds = ["${one(totals)} += ${sum(scope)}"]`);
  if (chance(35)) lines.push(`check = [${times(1 + below(2), () => checkOf(scope)).join(', ')}]`);
  if (groups.length !== 0 && chance(40)) { r.group = one(groups); lines.push(`group = "${r.group}"`); }
  lines.push(`max = ${1 + below(4)}`);
  if (chance(5)) lines.push('first = true');
  if (chance(15)) lines.push(`after = "${one(scope.counts)}"`);
  if (chance(10)) lines.push(`before = "${one(scope.counts)}"`);
  r.text = `[[instruction]]\n${lines.join('\n')}\n`;
  return r;
}

// The token program's own, that an account can be fresh.
const MAKES = `[[instruction]]
name = "make"
program = "token"
data = "12"
fields = [["owner", "pubkey", { is = "wallet" }]]
accounts = [{ name = "made", writable = true }, { any = true }]
max = 3
[[instruction]]
name = "close"
program = "token"
data = "09"
accounts = [{ name = "closed", any = true, writable = true }, { is = "wallet", writable = "either" }, { is = "wallet", signer = true, writable = "either" }]
max = 3
[[instruction]]
name = "advance"
program = "system"
data = "04000000"
accounts = [{ name = "nonce", writable = true }, { any = true, writable = "either" }, { name = "authority", any = true, signer = true, writable = "either" }]
first = true
`;

function intentOf() {
  const types = [];
  for (let i = 0; i < below(4); i++) types.push(newType(types, i));
  const groups = times(below(3), (i) => `g${i}`);
  const totals = times(below(3), (i) => `t${i}`);
  const rules = [];
  for (let i = 0; i < 2 + below(4); i++) rules.push(ruleOf(i, rules, types, groups, totals));
  const scope = { values: [], totals, counts: [...rules.map((r) => r.name), ...groups, 'make'], mints: ['p_mint', 'native_mint'], has: [] };
  const checks = times(below(3), () => `[[check]]\nthat = "${condition(scope).replace(/per\(p_mints, p_numbers, \w+\)/g, 'p_small')}"\ntext = "whole"\n`);
  const head = ['intent = 1', 'name = "random"', 'text = "Made at random"', 'nonce = "p_nonce"', 'accept_unproven = "p_unproven"',
    ...(chance(15) ? [`fee_payer = "${one(['wallet', 'other', 'p_keys', 'p_vouched', 'friends'])}"`] : []), ...(chance(10) ? ['formats = ["legacy", "v0"]'] : [])];
  const text = [head.join('\n'), `[keys]\nforms = "${FORMS}"\nother_forms = "${OTHER_FORMS}"`, `[lists]\nfriends = ["${PEOPLE[0]}", "${PEOPLE[1]}"]\ncoins = ["${MINTS[0]}", "${MINTS[1]}"]`, ...types.map((t) => t.text),
    ...PARAMETERS.map(([name, kind, more]) => `[[parameter]]\nname = "${name}"\ntype = "${kind}"\ntext = "one"\n${more}`), ...totals.map((t) => `[[total]]\nname = "${t}"`),
    ...groups.map((g) => `[[group]]\nname = "${g}"\nmax = ${1 + below(4)}${chance(15) ? '\nmin = 1' : ''}`), ...rules.map((r) => r.text), MAKES, ...checks].join('\n\n');
  return { text, rules };
}

// --- grants and transactions

function grantOf() {
  const some = (list, most) => times(below(most + 1), () => one(list));
  const values = { p_mint: one(MINTS), p_owner: one(PEOPLE), p_max: BigInt(one([0, 3, 1000, 1000000])) };
  if (chance(60)) values.p_other_mint = one(MINTS);
  if (chance(60)) values.p_vouched = one([...EXTRA, owned[1]]);
  if (chance(80)) values.p_mints = [...new Set(some(MINTS, 3))];
  if (chance(80)) values.p_numbers = some([0n, 1n, 5n, 1n << 40n], 3);
  if (chance(80)) values.p_owners = [...new Set(some(PEOPLE, 3))];
  if (chance(80)) values.p_keys = [...new Set(some([...PEOPLE, ...EXTRA, WALLET], 4))];
  if (chance(30)) values.p_flag = 1n;
  if (chance(30)) values.p_unproven = 1n;
  const counters = times(below(3), () => ({ unit: one(['lamports', 'uses', 'mint']), window: 'total', left: BigInt(one([0, 5, 10000, 1000000])) }))
    .map((c) => (c.unit === 'mint' ? { ...c, mint: one(MINTS.slice(0, 2)) } : c));
  return { wallet: WALLET, values, counters, pins: {}, nonces: [EXTRA[0]], unproven: chance(30) };
}

const TABLE = K.stranger('table');

function transactionOf(rules, grant) {
  const version = one(['legacy', 0, 0, 1]);
  const tx = { version, lifetime: new Uint8Array(32).fill(7), tables: [], accounts: [], ixs: [], config: version === 1 ? { mask: 0, values: new Uint8Array() } : undefined };
  account(tx, chance(85) ? WALLET : one([PEOPLE[0], EXTRA[0]]), { signer: true, writable: true });
  account(tx, WALLET, { signer: true, writable: chance(50) });
  const add = (program, accounts, data) => tx.ixs.push({ program: account(tx, program), accounts, data });
  if (chance(10)) add(K.SYSTEM, [account(tx, EXTRA[0], { writable: true }), account(tx, EXTRA[1]), account(tx, WALLET, { signer: true })], u32(4));
  const bound = new Map();
  const some = times(1 + below(4), () => one([...rules, ...rules, ...rules, 'make', 'close']));
  for (const r of some) {
    if (r === 'make') { add(K.TOKEN, [account(tx, one([...EXTRA, one(owned)]), { writable: true }), account(tx, one(MINTS))], Buffer.concat([Buffer.of(18), bytes58(WALLET)])); continue; }
    if (r === 'close') { add(K.TOKEN, [account(tx, one([...EXTRA, one(owned)]), { writable: true }), account(tx, WALLET), account(tx, WALLET, { signer: true })], Buffer.of(9)); continue; }
    const without = r.entries.some((e) => e.maybe) && chance(50);
    const keys = [];
    const accounts = r.entries.map((e, i) => {
      let key = chance(2) ? one(POOL) : e.optional && chance(40) ? r.key : e.like !== undefined ? keys[e.like] : e.bound !== undefined ? bound.get(e.bound) ?? one(EXTRA) : e.make(grant);
      keys[i] = key ??= one(POOL);
      if (e.name !== undefined) bound.set(`${r.name}.${e.name}`, key);
      if (version === 0 && !e.signer && chance(e.flags.includes('hidden = true') || e.words === '' ? 25 : 1)) {
        const hidden = { table: TABLE, index: below(200), signer: false, writable: e.writable === 'true' };
        if (!tx.accounts.some((a) => a.index === hidden.index)) { tx.accounts.push(hidden); return hidden; }
      }
      return account(tx, key, { signer: key !== r.key && e.signer && chance(97), writable: e.writable === 'true' ? chance(97) && key !== r.key : e.writable === '"either"' ? chance(30) : chance(2) });
    }).filter((_, i) => !(without && r.entries[i].maybe));
    const more = r.more === undefined ? (chance(3) ? 1 : 0) : r.more[0] + below(r.more[1] - r.more[0] + 1 + (chance(5) ? 1 : 0));
    for (let n = 0; n < more; n++) accounts.push(account(tx, one([...EXTRA, ...EXTRA, ...POOL]), { writable: chance(20) }));
    let data = Buffer.concat([r.prefix, ...dataOf(r.fields, grant)]);
    if (chance(6)) data = one([data.subarray(0, Math.max(0, data.length - 1)), Buffer.concat([data, bytes(1)]), data.map((b, i) => (i === data.length - 1 ? b ^ 1 : b)), data.map((b) => (chance(10) ? b ^ 1 : b))]);
    add(r.key, accounts, Buffer.from(data));
  }
  return tx;
}

// What may be missing is left out from some place on.
function dataOf(fields, grant) {
  const parts = [];
  for (const f of fields) {
    if (f.tail && chance(30)) return parts;
    parts.push(f.make(grant));
  }
  return parts;
}

// --- both opinions

const plain = (f) => JSON.stringify([f.lamports, f.fee, f.tips, f.rent, f.wrapped, f.delegations, f.authorityChanges, f.tokens], (_, v) => (typeof v === 'bigint' ? String(v) : v));
const charged = (list) => list.filter(([, amount]) => amount !== 0n).map(([i, amount]) => `${i}:${amount}`).join();

function differs(signer, reference) {
  const reason = names.get(signer.reason) ?? String(signer.reason);
  if (signer.allow !== reference.allow) return `module ${signer.allow ? 'ALLOWS' : `${reason} in ${signer.instruction} (${signer.text})`}, reference ${reference.allow ? 'ALLOWS' : `${reference.reason} in ${reference.instruction}`}`;
  if (!signer.allow) return signer.request.length === 0 || (reason === reference.reason && signer.instruction === reference.instruction) ? undefined
    : `module ${reason} in ${signer.instruction} (${signer.text}), reference ${reference.reason} in ${reference.instruction}`;
  if (plain(signer.facts) !== plain(reference.facts)) return `facts: module ${plain(signer.facts)}, reference ${plain(reference.facts)}`;
  return charged(signer.charges) === charged(reference.charges) ? undefined : `charges: module ${charged(signer.charges)}, reference ${charged(reference.charges)}`;
}

const [seen, refusals] = [{ built: 0, unbuilt: 0, asked: 0, allowed: 0 }, new Map()];
for (let i = FROM; i < FROM + COUNT; i++) {
  [seed, pool, drawn] = [`intent ${i}`, Buffer.alloc(0), 0];
  const { text, rules } = intentOf();
  const [toml, wasm] = [join(folder, `${i}.toml`), join(folder, `${i}.wasm`)];
  writeFileSync(toml, text);
  try {
    execFileSync(join(build, 'bin/claviger'), ['policy', 'build', toml, '-o', wasm], { stdio: 'pipe' });
  } catch (error) {
    const why = String(error.stderr).replace(/^.*?:\d+:\d+: /, '').replace(/"[^"]*"|\b[rafvt]\d\b/g, '_').trim().slice(0, 90);
    refusals.set(why, (refusals.get(why) ?? 0) + 1);
    seen.unbuilt++;
    expect(error.status === 1, `intent ${i}: an error, no crash`, error.status, error.signal, String(error.stderr));
    continue;
  }
  seen.built++;
  const intent = readIntent(toml);
  const judge = new Judge(); // it keeps few modules
  const module = await judge.module(wasm);
  for (let g = 0; g < 2; g++) {
    const grant = grantOf();
    const number = await judge.grant({ module, wallet: WALLET, cbor: cborOf(intent.parameters, grant.values), counters: grant.counters, nonce: grant.nonces[0], unproven: grant.unproven });
    const evaluator = new Evaluator(intent, grant);
    for (let n = 0; n < TRANSACTIONS / 2; n++) {
      const bytes = message(transactionOf(rules, grant));
      const signer = await judge.check(number, bytes, true);
      const reference = evaluator.evaluate(bytes);
      const why = differs(signer, reference);
      seen.asked++;
      seen.allowed += signer.allow;
      if (!expect(why === undefined, `intent ${i}, grant ${g}, transaction ${n}`, why) && process.env.KEEP) {
        writeFileSync(`${process.env.KEEP}/${i}.toml`, text);
        writeFileSync(`${process.env.KEEP}/${i}.${g}.${n}`, `${base64Of(bytes)}\n${JSON.stringify(grant, (_, v) => (typeof v === 'bigint' ? Number(v) : v))}\n`);
      }
    }
    await judge.drop(number);
  }
  judge.close();
}
expect(seen.built > COUNT * 0.6 && seen.allowed * 20 > seen.asked, 'enough of them', seen);
console.log(`${seen.built} intents built, ${seen.unbuilt} refused by the compiler; ${seen.asked} questions, ${seen.allowed} allowed`);
if (process.env.WHY) for (const [why, count] of [...refusals].sort(([, a], [, b]) => b - a)) console.log(count, why);
summary();
