// SPDX-License-Identifier: Apache-2.0
// What a grant leaves out is as the intent says: with the ceiling of rent that holds then, every trade of the library's cases is signed that a
// grant with its own would sign, when it makes no token and at most two token accounts besides. S12.
import { expect, summary } from '../solana/setup.mjs';
import { cases, message } from './cases.mjs';
import * as K from './known.mjs';
import { Opinions } from './opinions.mjs';

const opinions = new Opinions();
const seen = {};
for (const c of cases) {
  if (c.grant.program === undefined || c.grant.params.allow_create || c.tx.ixs.filter((ix) => ix.program.key === K.ATA).length > 2) continue;
  const own = await opinions.open(c);
  const signs = (await opinions.ask(own, message(c.tx))).allow;
  await opinions.drop(own);
  if (!signs) continue;
  const opened = await opinions.open(c, { ...c.grant.params, max_rent_lamports: undefined });
  const said = await opinions.ask(opened, message(c.tx));
  await opinions.drop(opened);
  expect(said.allow, `${c.intent}: ${c.name}: refused: ${said.reason}`, said.text);
  seen[c.intent] = (seen[c.intent] ?? 0) + 1;
}
opinions.close();
console.log(JSON.stringify(seen));
expect(Object.keys(seen).length >= 12 && seen['pump-swap'] > 100 && seen['pump-fun'] > 60, 'enough of them', seen);
summary();
