// SPDX-License-Identifier: Apache-2.0
// `policy diff` never says that nothing widens when something does (S23, B3, A3): tables of the library bent at random, each
// pair run on real and mutated transactions. Whenever the new table allows what the old one denies, or counts it otherwise, the
// comparison must have told something as wider. usage: widen.mjs ROUNDS [SEED]: per intent.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, expect, summary } from '../solana/setup.mjs';
import { Random } from '../solana/wire.mjs';
import { cases, message, worldOf } from './cases.mjs';
import { u32 } from './known.mjs';
import { kindNames, mutate } from './mutate.mjs';
import { cborOf, Judge } from './judge.mjs';
import { intent, moduleOf, valuesOf } from './reference.mjs';

const rounds = process.argv[2] ?? '3000';
const seed = process.argv[3] ?? '1';
const PER_INTENT = 160;
const judge = new Judge();
const folder = mkdtempSync(join(tmpdir(), 'widen-'));

// The requests of an intent's cases, and of one mutation of each.
async function requestsOf(name) {
  const mine = cases.filter((c) => c.intent === name);
  const module = await judge.module(moduleOf(name));
  const step = Math.max(1, Math.floor(mine.length / (PER_INTENT / 2)));
  const out = [];
  for (let i = 0; i < mine.length && out.length < PER_INTENT; i += step) {
    const c = mine[i];
    const grant = await judge.grant({ module, wallet: c.grant.wallet, counters: c.counters, pins: c.pins ?? {}, nonce: c.grant.nonces[0],
      unproven: c.unproven ?? false, cbor: cborOf(intent(name).parameters, valuesOf(name, c.grant.params)) });
    const r = new Random(i);
    const bent = mutate(r, c.tx, worldOf(c), r.pick(kindNames));
    for (const tx of [c.tx, bent?.tx]) {
      if (tx === undefined) continue;
      try {
        const { request } = await judge.check(grant, message(tx), true);
        if (request.length !== 0) out.push(Buffer.concat([u32(request.length), request]));
      } catch { /* a mutation that cannot be written down */ }
    }
    await judge.drop(grant);
  }
  return Buffer.concat(out);
}

const names = [...new Set(cases.map((c) => c.intent))].sort();
const all = { allowed: 0, tables: 0, wider: 0, silent: 0 };
for (const name of names) {
  const path = join(folder, name);
  writeFileSync(path, await requestsOf(name));
  let said = '';
  try {
    said = execFileSync(join(build, 'tests/intent_widen'), [moduleOf(name), path, rounds, seed], { encoding: 'utf8' });
    expect(true, name);
  } catch (error) {
    expect(false, name, error.stdout);
    continue;
  }
  if (process.env.SHOW) console.log(name, said.trim());
  for (const what of Object.keys(all)) all[what] += Number(said.match(new RegExp(`(\\d+) ${what}`))[1]);
}
judge.close();
if (process.env.KEEP) console.log(folder); else rmSync(folder, { recursive: true });
console.log(`${names.length} intents, ${all.tables} tables: ${all.wider} pairs widen, of ${all.silent} nothing is told as wider`);
// It can fail: transactions are allowed, pairs widen, and not everything is told as wider.
expect(all.allowed > names.length && all.wider > 100 && all.silent > 100, 'too little was tried', all);
summary(names.length);
