// SPDX-License-Identifier: Apache-2.0
// Writes what a verifier is handed for the corpus's real swaps under one intent, for bench_wasm: each
// behind its length (u32, little-endian).
// usage: node bench/intent_requests.mjs INTENT OUT
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusSwaps, message } from '../tests/intents/cases.mjs';
import { cborOf, Judge } from '../tests/intents/judge.mjs';
import { intent, valuesOf } from '../tests/intents/reference.mjs';
import { u32 } from '../tests/intents/known.mjs';
import { build } from '../tests/solana/setup.mjs';

const [name, out] = process.argv.slice(2);
const judge = new Judge();
const module = await judge.module(join(build, `share/intents/${name}.wasm`));
const parts = [];
let allowed = 0;
for (const c of corpusSwaps.filter((one) => one.real && one.grant?.intent === name)) {
  const { wallet, nonces, params } = c.grant;
  const grant = await judge.grant({ module, wallet, counters: [{ unit: 'lamports', left: 10n ** 18n }], nonce: nonces[0],
    cbor: cborOf(intent(name).parameters, valuesOf(name, params)) });
  const said = await judge.check(grant, message(c.tx), true);
  await judge.drop(grant);
  // What is refused is refused early, and cheap.
  if (!said.allow) continue;
  allowed++;
  parts.push(u32(said.request.length), said.request);
}
judge.close();
writeFileSync(out, Buffer.concat(parts));
console.log(`${allowed} allowed swaps of ${name}`);
process.exitCode = allowed === 0 ? 1 : 0;
