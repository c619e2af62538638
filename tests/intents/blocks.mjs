// SPDX-License-Identifier: Apache-2.0
// The [[test]] blocks of the intents: with WRITE=1 written from real transactions (built ones where there is no real one),
// one allowed with its facts and some refused with their reasons; else run by the reference and the signer's engine
// (S15). `claviger policy test` runs the same ones.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, root, summary } from '../solana/setup.mjs';
import { cases, message } from './cases.mjs';
import { copy } from './lift.mjs';
import { Opinions } from './opinions.mjs';
import { intent, names, valuesOf } from './reference.mjs';
import { CHANGED, NARROWER } from './ways.mjs';

const MARK = '\n# --- tests: written by WRITE=1 node tests/intents/blocks.mjs\n';
const I64 = 1n << 63n;
const SHOWN = ['max_in less by one', 'SOL spent less by one', 'tokens sold less by one', 'SOL sent less by one', 'tokens sent less by one', 'SOL wrapped less by one',
  'tips less by one', 'a price more by one', 'limit price more by one', 'a part more by one', 'no recipients', 'another address to withdraw to'];
const BENT = ['bought into a stranger\'s account', 'a byte behind the arguments', 'a buy that may be filled in part', 'SOL to a thief'];
const opinions = new Opinions();
const base64 = (tx) => Buffer.from(message(tx)).toString('base64');

const toml = (value) => {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
};
// Bools are numbers among the values; the file wants them as bools.
const typed = (name, params) => Object.fromEntries(Object.entries(params).map(([k, v]) =>
  [k, intent(name).parameters.find((p) => p.name === k).type === 'bool' ? v === 1n : v]));
const table = (values) => `{ ${Object.entries(values).map(([k, v]) => `${k} = ${toml(v)}`).join(', ')} }`;

function block(c, name, tx, params, expected, facts) {
  return ['\n[[test]]', `name = ${JSON.stringify(name)}`, `wallet = "${c.grant.wallet}"`, `expect = "${expected}"`,
    ...(c.grant.nonces.length > 0 ? [`nonce = "${c.grant.nonces[0]}"`] : []), ...(facts ? [`facts = ${table(facts)}`] : []),
    `params = ${table(typed(c.intent, params))}`, `transaction = "${base64(tx)}"`].join('\n') + '\n';
}

const fits = (params) => Object.values(params).flat().every((v) => typeof v !== 'bigint' || v < I64);

async function blocksOf(c, said) {
  const params = valuesOf(c.intent, c.grant.params);
  const facts = { lamports_out: said.facts.lamports, fee_lamports: said.facts.fee, tip_lamports: said.facts.tips, rent_lamports: said.facts.rent,
    wrapped_lamports: said.facts.wrapped };
  const made = [block(c, `${c.real ? 'mainnet ' : ''}${c.name}`, c.tx, params, 'allow', facts)];
  for (const name of SHOWN) {
    const narrower = NARROWER[name](params, said, c);
    if (narrower === undefined || made.length > 2) continue;
    const opened = await opinions.open(c, narrower.params);
    made.push(block(c, name, c.tx, narrower.params, (await opinions.ask(opened, message(c.tx))).reason));
  }
  const opened = await opinions.open(c);
  for (const name of BENT) {
    const tx = copy(c.tx);
    if (CHANGED[name](tx, c) === undefined) continue;
    const { reason } = await opinions.ask(opened, message(tx));
    made.push(block(c, name, tx, params, reason));
  }
  return made;
}

// The first real case that is allowed, with a minimum if it swaps; else the first built one.
async function exampleOf(name) {
  const mine = cases.filter((c) => c.intent === name && c.counters.length === 0 && !c.unproven && !c.pins && fits(valuesOf(name, c.grant.params)));
  const ranked = [...mine.filter((c) => c.real && c.grant.truth.swap?.minOut !== 0n), ...mine.filter((c) => c.row !== undefined), ...mine];
  const wide = cases.filter((c) => c.intent === name && fits(valuesOf(name, c.grant.params)));
  for (const c of [...ranked, ...wide]) {
    const said = await opinions.ask(await opinions.open({ ...c, counters: [] }), message(c.tx));
    if (said.allow) return [{ ...c, counters: [] }, said];
  }
  return undefined;
}

async function write(name) {
  const path = join(root, `intents/${name}.toml`);
  const found = await exampleOf(name);
  if (found === undefined) return;
  const text = readFileSync(path, 'utf8').split(MARK)[0].trimEnd();
  writeFileSync(path, `${text}\n${MARK}${(await blocksOf(...found)).join('')}`);
}

async function run(name, test) {
  const bytes = new Uint8Array(Buffer.from(test.transaction, 'base64'));
  const lists = (v) => (Array.isArray(v) ? v.map(lists) : typeof v === 'number' ? BigInt(v) : v);
  const params = Object.fromEntries(Object.entries(test.params).map(([k, v]) => [k, lists(v)]));
  const c = { intent: name, counters: [], grant: { wallet: test.wallet, nonces: test.nonce ? [test.nonce] : [], params } };
  const said = await opinions.ask(await opinions.open(c), bytes);
  expect(said.differs === undefined, name, test.name, said.differs);
  expect((said.allow ? 'allow' : said.reason) === test.expect, name, test.name, said.allow ? 'allow' : said.reason, 'not', test.expect);
  const f = said.facts;
  const facts = { lamports_out: f.lamports, fee_lamports: f.fee, tip_lamports: f.tips, rent_lamports: f.rent, wrapped_lamports: f.wrapped };
  for (const [key, value] of Object.entries(test.facts ?? {})) expect(facts[key] === BigInt(value), name, test.name, key, facts[key]);
}

let blocks = 0;
for (const name of names) {
  if (process.env.WRITE) await write(name);
  else
    for (const test of intent(name).tests) {
      blocks++;
      await run(name, test);
    }
}
opinions.close();
if (!process.env.WRITE) {
  console.log(`${blocks} tests in ${names.length} intents`);
  expect(blocks >= 3 * (names.length - 1), 'every intent but sign-in has tests', blocks);
}
summary();
