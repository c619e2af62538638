// SPDX-License-Identifier: Apache-2.0
// Mutations of real and built transactions (S12, S15, B5, A1, A2, A14, A15): the signer, the reference evaluator and V8 agree on
// verdict, reason, facts and charges; and nothing is allowed that moves value beyond the grant, by a third reading.
// usage: mutations.mjs COUNT; with SOAK_STATE set a process for each core goes on where it stopped, unless the modules or what is bent
// changed since. Case n is the same everywhere; some have nothing of their kind to bend and do not count.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { base64Of, expect, failures, summary } from '../solana/setup.mjs';
import { Random, write } from '../solana/wire.mjs';
import { bend } from '../solana/bend.mjs';
import { cases, message, worldOf } from './cases.mjs';
import { lower } from './lift.mjs';
import { kindNames, mutate } from './mutate.mjs';
import { Opinions } from './opinions.mjs';
import { beyond } from './oracle.mjs';
import { publish, table } from './publish.mjs';
import { moduleOf } from './reference.mjs';

const count = Number(process.argv[2] ?? 10000);
// SHARD i/n: of every n batches the one with this index.
const [shard, shards] = (process.env.SHARD || '0/1').split('/').map(Number);
const state = process.env.SHARD ? join(process.env.SOAK_STATE, `intents-${shard}.json`) : null;
const BATCH = 64;
const BYTES = 'bytes';

const opinions = new Opinions();

// Only what the grant allows as it stands is worth bending.
export async function bases() {
  const found = new Map();
  for (const c of cases) {
    const opened = await opinions.open(c);
    const said = await opinions.ask(opened, message(c.tx));
    expect(said.differs === undefined, c.intent, c.name, said.differs);
    if (!said.allow) continue;
    const wrong = beyond(c.tx, c.grant.truth);
    expect(wrong === undefined, c.intent, c.name, 'is allowed as it stands, but', wrong);
    found.set(c.intent, [...(found.get(c.intent) ?? []), { ...c, opened, world: worldOf(c) }]);
  }
  return found;
}

// make(n): the case of this number: {c, kind, how, tx, bytes}, or undefined when there is nothing to bend.
function make(n, found, names) {
  const r = new Random(n);
  const c = r.pick(found.get(r.pick(names)));
  const kind = r.pick([...kindNames, BYTES]);
  if (kind === BYTES) {
    const bytes = bend(n, [lower(c.tx)]);
    return bytes.length === 0 ? undefined : { c, kind, how: 'bent bytes', bytes };
  }
  const first = mutate(r, c.tx, c.world, kind);
  if (first === undefined) return undefined;
  // One in eight is bent twice, in two ways.
  const second = r.below(8) === 0 ? mutate(r, first.tx, c.world, r.pick(kindNames)) : undefined;
  const tx = second?.tx ?? first.tx;
  try {
    return { c, kind, how: first.how, tx, bytes: write(lower(tx), false).bytes };
  } catch {
    return undefined;
  }
}

const fresh = (of) => ({ of, next: 0, cases: 0, wrong: 0, different: 0, byIntent: {}, byKind: {} });

// What the cases are made of and judged by: with another the count begins anew.
function subject(found) {
  const hash = createHash('sha256').update(`${shards}`);
  for (const name of [...found.keys()].sort()) {
    hash.update(name).update(readFileSync(moduleOf(name)));
    for (const c of found.get(name)) hash.update(c.name).update(message(c.tx));
  }
  return hash.digest('hex');
}

const read = (path, of) => {
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
  return kept !== undefined && (of === undefined || kept.of === of) ? kept : fresh(of);
};
let total;
const note = (table, name, allow) => {
  table[name] ??= [0, 0];
  table[name][allow ? 0 : 1]++;
};

async function one(n, found, names) {
  const bent = make(n, found, names);
  if (bent === undefined) return;
  const { c, kind, how, tx, bytes } = bent;
  const said = await opinions.ask(c.opened, bytes);
  total.cases++;
  note(total.byIntent, c.intent, said.allow);
  note(total.byKind, kind, said.allow);
  const where = `case ${n}: ${c.intent}, ${c.name}, ${kind} (${how})`;
  if (!expect(said.differs === undefined, where, said.differs, base64Of(bytes))) total.different++;
  if (!said.allow) return;
  const wrong = tx === undefined ? undefined : beyond(tx, c.grant.truth);
  if (!expect(wrong === undefined, 'WRONG ALLOW', where, wrong, base64Of(bytes))) total.wrong++;
}

async function work() {
  const found = await bases();
  const names = [...found.keys()].sort();
  const began = Date.now();
  const of = subject(found);
  total = state ? read(state, of) : fresh(of);
  const before = total.cases;
  while (total.cases < count && failures() < 20) {
    const batch = total.next / BATCH;
    if (batch % shards === shard) await Promise.all(Array.from({ length: BATCH }, (_, i) => one(total.next + i, found, names)));
    total.next += BATCH;
    const done = batch % (16 * shards) === shard;
    if (state && failures() < 20 && done) writeFileSync(state, JSON.stringify(total));
    if (state && batch % (1600 * shards) === shard)
      console.log(`${shard}: ${total.cases} of ${count}, ${Math.round((total.cases - before) * 60000 / (Date.now() - began))} a minute`);
  }
  if (state && failures() < 20) writeFileSync(state, JSON.stringify(total));
}

// One process for each core, each with its own part of the cases.
async function divide() {
  const parts = Array.from({ length: availableParallelism() }, (_, i) => i);
  const ends = await Promise.all(parts.map((i) => new Promise((resolve) => {
    const env = { ...process.env, SHARD: `${i}/${parts.length}` };
    spawn(process.execPath, [process.argv[1], String(Math.ceil(count / parts.length))], { env, stdio: 'inherit' }).on('exit', resolve);
  })));
  for (const [i, code] of ends.entries()) expect(code === 0, `part ${i} ended with ${code}`);
  total = fresh();
  for (const i of parts) {
    const part = read(join(process.env.SOAK_STATE, `intents-${i}.json`));
    for (const key of ['cases', 'wrong', 'different']) total[key] += part[key];
    for (const key of ['byIntent', 'byKind'])
      for (const [name, [yes, no]] of Object.entries(part[key])) {
        total[key][name] ??= [0, 0];
        total[key][name][0] += yes;
        total[key][name][1] += no;
      }
  }
}

if (process.env.SOAK_STATE && !process.env.SHARD) await divide();
else await work();
opinions.close();

const allowed = Object.values(total.byKind).reduce((sum, [a]) => sum + a, 0);
expect(allowed * 20 > total.cases, 'too few of the cases are allowed to compare facts', allowed);
expect(kindNames.every((kind) => total.byKind[kind]), 'a kind of mutation never came up', kindNames.filter((kind) => !total.byKind[kind]));
console.log(`${total.cases} mutations: ${allowed} allowed, ${total.cases - allowed} refused, ${total.different} differences, ${total.wrong} wrong allows`);
const rows = (by) => Object.entries(by).sort().map(([name, [yes, no]]) => [name, yes, no]);
if (count === 10000)
  publish('mutations', `${total.cases} mutations: ${allowed} allowed, ${total.cases - allowed} refused; ${total.different} differences, ${total.wrong} wrong allows.\n\n${
    table(['intent', 'allowed', 'refused'], rows(total.byIntent))}\n${table(['kind of mutation', 'allowed', 'refused'], rows(total.byKind))}`);
else if (!process.env.SHARD)
  console.log(`\n${table(['intent', 'allowed', 'refused'], rows(total.byIntent))}\n${table(['kind of mutation', 'allowed', 'refused'], rows(total.byKind))}`);
summary();
