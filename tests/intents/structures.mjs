// SPDX-License-Identifier: Apache-2.0
// The shapes of shapes.mjs: each is allowed under its grant, refused when bent in each general way (ways.mjs) and in its own, and all
// three opinions agree (S12, S15, A1, A14).
import { base64Of, expect, summary } from '../solana/setup.mjs';
import { message } from './cases.mjs';
import { copy, fits } from './lift.mjs';
import { Opinions } from './opinions.mjs';
import { publish } from './publish.mjs';
import { names, valuesOf } from './reference.mjs';
import { shapes } from './shapes.mjs';
import { CHANGED, NARROWER } from './ways.mjs';

const opinions = new Opinions();
let [allowed, refused] = [0, 0];

async function ask(opened, tx, what) {
  const bytes = message(tx);
  const said = await opinions.ask(opened, bytes);
  expect(said.differs === undefined, what, said.differs, base64Of(bytes));
  return said;
}

async function refuses(opened, tx, reasons, what) {
  const said = await ask(opened, tx, what);
  refused++;
  expect(!said.allow && reasons.includes(said.reason), `${what}: ${said.allow ? 'ALLOWED' : said.reason}, not ${reasons.join(' or ')}`, said.text);
}

for (const c of shapes) {
  const opened = await opinions.open(c);
  const said = await ask(opened, c.tx, c.name);
  allowed++;
  if (!expect(said.allow, `${c.name}: refused: ${said.reason} at ${said.instruction}`, said.text)) continue;
  for (const [name, change, reasons] of c.bent ?? []) {
    const tx = copy(c.tx);
    change(tx);
    await refuses(opened, tx, reasons, `${c.name}: ${name}`);
  }
  const ships = names.includes(c.intent); // else a probe, which only its own ways are for
  for (const [name, change] of ships ? Object.entries(CHANGED) : []) {
    const tx = copy(c.tx);
    const reasons = change(tx, c);
    if (reasons !== undefined && fits(message(tx))) await refuses(opened, tx, reasons, `${c.name}: ${name}`);
  }
  const values = valuesOf(c.intent, c.grant.params);
  const narrowed = (ships ? Object.entries(NARROWER) : []).map(([name, narrow]) => [name, narrow(values, said, c)]).filter(([, made]) => made !== undefined)
    .map(([name, made]) => [name, made.params, made.reasons]);
  for (const [name, params, reasons, change] of [...narrowed, ...(c.narrower ?? []).map(([name, some, reasons, change]) => [name, { ...c.grant.params, ...some }, reasons, change])]) {
    const narrower = await opinions.open(c, params);
    const tx = copy(c.tx);
    change?.(tx);
    await refuses(narrower, tx, reasons, `${c.name}: ${name}`);
    await opinions.drop(narrower);
  }
}
opinions.close();
console.log(`${allowed} shapes allowed, ${refused} bent ones refused`);
publish('shapes', `${allowed} are allowed, ${refused.toLocaleString('en-US')} bent ones refused.\n`);
expect(allowed >= 86 && refused >= 1900, 'enough of them', allowed, refused);
summary();
