// SPDX-License-Identifier: Apache-2.0
// Mutations of real and built transactions (S12, S15, B5, A1, A2, A14, A15): the signer, the reference evaluator and V8 agree on
// verdict, reason, facts and charges; and nothing is allowed that moves value beyond the grant, by a third reading.
// usage: mutations.mjs COUNT; with SOAK_STATE set it goes on where it stopped. Case n is the same everywhere; some have nothing
// of their kind to bend and do not count.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

const count = Number(process.argv[2] ?? 10000);
const state = process.env.SOAK_STATE ? join(process.env.SOAK_STATE, 'intents.json') : null;
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
  if (kind === BYTES) return { c, kind, how: 'bent bytes', bytes: bend(n, [lower(c.tx)]) };
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

const fresh = () => ({ next: 0, cases: 0, wrong: 0, different: 0, byIntent: {}, byKind: {} });
const total = state && existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : fresh();
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

const found = await bases();
const names = [...found.keys()].sort();
const began = Date.now();
while (total.cases < count && failures() < 20) {
  const numbers = Array.from({ length: BATCH }, (_, i) => total.next + i);
  await Promise.all(numbers.map((n) => one(n, found, names)));
  total.next += numbers.length;
  if (state && failures() < 20 && total.next % (BATCH * 16) === 0) writeFileSync(state, JSON.stringify(total));
  if (state && total.next % (BATCH * 1600) === 0) console.log(`${total.cases} of ${count}, ${Math.round((Date.now() - began) / 1000)} s`);
}
if (state && failures() < 20) writeFileSync(state, JSON.stringify(total));
opinions.close();

const allowed = Object.values(total.byKind).reduce((sum, [a]) => sum + a, 0);
expect(allowed * 20 > total.cases, 'too few of the cases are allowed to compare facts', allowed);
expect(kindNames.every((kind) => total.byKind[kind]), 'a kind of mutation never came up', kindNames.filter((kind) => !total.byKind[kind]));
console.log(`${total.cases} mutations: ${allowed} allowed, ${total.cases - allowed} refused, ${total.different} differences, ${total.wrong} wrong allows`);
const rows = (by) => Object.entries(by).sort().map(([name, [yes, no]]) => [name, yes, no]);
if (count === 10000)
  publish('mutations', `${total.cases} mutations: ${allowed} allowed, ${total.cases - allowed} refused; ${total.different} differences, ${total.wrong} wrong allows.\n\n${
    table(['intent', 'allowed', 'refused'], rows(total.byIntent))}\n${table(['kind of mutation', 'allowed', 'refused'], rows(total.byKind))}`);
else console.log(JSON.stringify(total));
summary();
