// SPDX-License-Identifier: Apache-2.0
// Which of the corpus's swaps a correctly granted bot may sign with the library's intents, per program, and why not the
// others: what intents/COVERAGE.md says is what comes out here.
import { base64Of, expect, summary } from '../solana/setup.mjs';
import { cases, corpus, corpusSwaps, message } from './cases.mjs';
import { INTENT_OF } from './grants.mjs';
import { tables } from './lift.mjs';
import * as K from './known.mjs';
import { Opinions } from './opinions.mjs';
import { swapOf, swapPrograms } from './oracle.mjs';
import { publish, table } from './publish.mjs';

const NAMES = Object.fromEntries(Object.entries(INTENT_OF).map(([program, intent]) => [program, intent]));
const opinions = new Opinions();
const programOf = (c) => c.tx.ixs.find((ix) => swapPrograms.includes(ix.program.key) && swapOf(ix) !== undefined).program.key;

// Why in words: the module's own text begins with what it expected; which program it was about says the rest.
function why(c, said) {
  const ix = said.instruction === undefined ? undefined : c.tx.ixs[said.instruction];
  const about = ix === undefined ? '' : ` (${NAMES[ix.program.key] ?? ix.program.key})`;
  return `${said.reason}${about}`;
}

// The contents of a transaction's tables as a grant would pin them: what is not known of them stands for itself, and nothing names it.
const pinsOf = (tx) => Object.fromEntries(tx.tables.filter((table) => tables[table] !== undefined).slice(0, 8).map((table) => [table,
  Array.from({ length: 1 + Math.max(...Object.keys(tables[table]).map(Number)) }, (_, i) => tables[table][i] ?? K.stranger(`${table} ${i}`))]));

async function judge(c) {
  if (c.grant === undefined) return { allow: false, reason: 'no signer of the swap is in the message', differs: undefined };
  const said = await opinions.ask(await opinions.open({ ...c, intent: c.grant.intent }), message(c.tx));
  expect(said.differs === undefined, c.name, said.differs, base64Of(message(c.tx)));
  return said;
}

const rows = new Map();
const refused = [];
for (const c of corpusSwaps) {
  const name = NAMES[programOf(c)];
  const row = rows.get(name) ?? { real: 0, realSigned: 0, built: 0, builtSigned: 0, open: 0, pinned: 0, reasons: new Map() };
  rows.set(name, row);
  let said = await judge(c);
  if (said.reason === 'account-unknown') {
    const pinned = await judge({ ...c, pins: pinsOf(c.tx) });
    if (pinned.allow) row.pinned++;
    if (pinned.allow) said = pinned;
  }
  row[c.real ? 'real' : 'built']++;
  if (said.allow) {
    row[c.real ? 'realSigned' : 'builtSigned']++;
    if (c.grant.truth.swap.minOut === 0n) row.open++;
  } else {
    const reason = why(c, said);
    row.reasons.set(reason, (row.reasons.get(reason) ?? 0) + 1);
    refused.push([c.name, name, reason]);
  }
}
// Every fixture under a grant of every intent: the three opinions agree, whatever they say.
let asked = 0;
const firsts = cases.filter((one, i) => cases.findIndex((other) => other.intent === one.intent) === i);
for (const { name, tx } of corpus) {
  const bytes = message(tx);
  for (const c of firsts) {
    const opened = await opinions.open({ ...c, grant: { ...c.grant, wallet: tx.accounts[0].key } });
    const said = await opinions.ask(opened, bytes);
    expect(said.differs === undefined, c.intent, name, said.differs, base64Of(bytes));
    await opinions.drop(opened);
    asked++;
  }
}
console.log(`${asked} verdicts on fixtures compared`);
opinions.close();

const total = [...rows.values()].reduce((sum, r) => ({ real: sum.real + r.real, signed: sum.signed + r.realSigned }), { real: 0, signed: 0 });
const percent = (a, b) => (b === 0 ? '-' : `${Math.round((1000 * a) / b) / 10} %`);
publish('coverage', `${table(['intent', 'real swaps', 'signed', 'share', 'of them without a minimum', 'with a table pinned', 'built with SDKs', 'signed'],
  [...rows.entries()].sort().map(([name, r]) => [name, r.real, r.realSigned, percent(r.realSigned, r.real), r.open, r.pinned, r.built, r.builtSigned]))
}\n${total.signed} of ${total.real} real swaps: ${percent(total.signed, total.real)}.\n`);
publish('refusals', table(['transaction', 'intent', 'refused for'], refused.sort((a, b) => (a[1] + a[2] + a[0] < b[1] + b[2] + b[0] ? -1 : 1))));
console.log(`${total.signed} of ${total.real} real swaps may be signed`);
expect(total.real > 150, 'the corpus has its swaps', total.real);
summary();
