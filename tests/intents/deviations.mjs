// SPDX-License-Identifier: Apache-2.0
// Each transaction that an intent allows is changed in one way that it must refuse, and it must refuse for that
// reason; or its grant is made narrower by one unit (B5, A14, A18, A20, A21). Real transactions first.
// usage: deviations.mjs [EVERY]: one in EVERY of an intent's cases beyond the first twelve real and the first twelve
// built ones
import { base64Of, expect, summary } from '../solana/setup.mjs';
import { cases, isTemporary, message } from './cases.mjs';
import { copy, fits } from './lift.mjs';
import { Opinions } from './opinions.mjs';
import { beyond } from './oracle.mjs';
import { names, valuesOf } from './reference.mjs';
import * as K from './known.mjs';
import { BEYOND, CHANGED, NARROWER } from './ways.mjs';

const every = Number(process.argv[2] ?? 8);
const opinions = new Opinions();
const counts = {};
const note = (intent, what) => {
  counts[intent] ??= { real: 0, built: 0, deviations: 0 };
  counts[intent][what]++;
};

async function refuses(c, opened, name, bytes, reasons) {
  if (!fits(bytes)) return; // no room for one thing more
  const said = await opinions.ask(opened, bytes);
  note(c.intent, 'deviations');
  expect(said.differs === undefined, c.intent, c.name, name, said.differs, base64Of(bytes));
  expect(!said.allow && reasons.includes(said.reason), c.intent, c.name, `${name}: ${said.allow ? 'allowed' : said.reason}, not ${reasons.join(' or ')}`, said.text);
}

async function refusesUnder(c, narrower, name, reasons) {
  await refuses(c, narrower, name, message(c.tx), reasons);
  await opinions.drop(narrower);
}

async function deviations(c, opened, said) {
  for (const [name, narrow] of Object.entries(NARROWER)) {
    const narrower = narrow(valuesOf(c.intent, c.grant.params), said, c);
    if (narrower !== undefined) await refusesUnder(c, await opinions.open(c, narrower.params), name, narrower.reasons);
  }
  for (const [i, counter] of c.counters.entries()) {
    const counters = c.counters.map((other, j) => (i === j ? { ...other, left: spent(counter, said) - 1n } : other));
    if (spent(counter, said) > 0n) await refusesUnder(c, await opinions.open({ ...c, counters }), 'a counter short by one', ['counter-exhausted']);
  }
  for (const [name, change] of Object.entries(CHANGED)) {
    const tx = copy(c.tx);
    const reasons = change(tx, c);
    if (reasons === undefined) continue;
    await refuses(c, opened, name, message(tx), reasons);
    tried[name] = (tried[name] ?? new Set()).add(c.intent);
    if (BEYOND[name] !== undefined) expect(beyond(tx, c.grant.truth) === BEYOND[name], c.intent, c.name, name, 'the third reading says', beyond(tx, c.grant.truth));
  }
}

function spent(counter, { facts: f }) {
  const of = (mint) => f.tokens.find(([m]) => m === mint)?.[1] ?? 0n;
  if (counter.unit === 'uses') return 1n;
  if (counter.unit === 'mint') return of(counter.mint);
  return f.lamports - f.wrapped + (f.wrapped > of(K.NATIVE) ? f.wrapped : of(K.NATIVE));
}

const tried = {};
const seen = {};
for (const c of cases.filter((one) => names.includes(one.intent))) {
  const opened = await opinions.open(c);
  const said = await opinions.ask(opened, message(c.tx));
  expect(said.differs === undefined, c.intent, c.name, said.differs);
  expect(said.allow || c.row !== undefined, c.intent, c.name, 'was made to be allowed:', said.reason, said.text);
  if (!said.allow) continue;
  const kind = `${c.intent} ${c.real}`;
  seen[kind] = (seen[kind] ?? 0) + 1;
  if (seen[kind] > 12 && seen[kind] % every !== 0 && !isTemporary(c)) continue;
  note(c.intent, c.real ? 'real' : 'built');
  await deviations(c, opened, said);
}
opinions.close();
console.log(JSON.stringify(counts));
expect(Object.keys(counts).length >= 15, 'every intent has cases', Object.keys(counts));
// Each intent whose swaps take such an account has an honest transaction with one to begin from.
const made = [...(tried['its temporary account left open'] ?? [])].sort();
expect(made.length >= 10, 'intents with a temporary account', made);
expect(Object.keys(CHANGED).every((name) => tried[name]), 'a change never came up', Object.keys(CHANGED).filter((name) => !tried[name]));
summary();
