// SPDX-License-Identifier: Apache-2.0
// Bent transactions (L5): what the tool accepts is byte for byte what kit says, and web3.js for legacy
// and v0, and the runtime's sanitizer takes it; what it refuses and a peer accepts has a reason from
// the table in spec/solana.md. usage: mutations.mjs COUNT; with SOAK_STATE set it goes on where it
// stopped.
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { bend } from './bend.mjs';
import { peer, runtimeRefuses } from './peers.mjs';
import { base64Of, bytesOf, expect, failures, root, rows, summary, Tool } from './setup.mjs';
import { parse } from './wire.mjs';

const BATCH = 500;
const count = Number(process.argv[2] ?? 10000);
const state = process.env.SOAK_STATE ? join(process.env.SOAK_STATE, 'mutations.json') : null;

// stricter: rows "| code | runtime: yes/no/unasked | reason |" of the table that the spec keeps.
function stricter() {
  const spec = readFileSync(join(root, 'spec/solana.md'), 'utf8');
  const table = spec.split('## Stricter than the peers')[1].split('\n## ')[0];
  const found = [...table.matchAll(/^\| `([a-z0-9-]+)` \| (yes|no|unasked) \|/gm)];
  return new Map(found.map(([, code, runtime]) => [code, runtime]));
}

const reasons = stricter();
const sources = [...rows('mainnet-tx.jsonl'), ...rows('generated-tx.jsonl')].map((row) =>
  parse(bytesOf(row.wire_base64)));

const fresh = () => ({ next: 0, accepted: 0, refused: 0, stricter: {}, runtime: 0 });
const total = state && existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : fresh();

function checkAccepted(number, bytes, line) {
  const said = JSON.parse(line);
  total.accepted++;
  // The tool escapes active characters of a text; the value is the same.
  const plain = said.kind === 'offchain' ? JSON.stringify(said) : line;
  expect(plain === peer('kit', said.kind, bytes), number, 'kit differs:', base64Of(bytes));
  if (said.format === 'legacy' || said.format === 'v0')
    expect(line === peer('web3.js', said.kind, bytes), number, 'web3.js differs:', base64Of(bytes));
  if (said.kind !== 'transaction') return;
  const no = runtimeRefuses(bytes);
  total.runtime++;
  expect(no == null, number, 'the runtime says', no, base64Of(bytes));
}

// The tool's guess of what refused bytes were meant to be may differ from what a peer takes them for;
// then its reason for that kind is asked for.
async function reasonFor(kind, bytes, code) {
  if (reasons.has(code)) return code;
  const { error } = JSON.parse(await tools[kind].ask(bytes));
  return error?.code ?? `nothing as ${kind}`;
}

async function checkRefused(number, bytes, guess) {
  total.refused++;
  const by = [];
  let kind;
  for (const name of ['kit', 'web3.js'])
    for (const each of ['transaction', 'message', 'offchain'])
      if (peer(name, each, bytes) !== null) by.push(`${name} (${(kind = each)})`);
  if (by.length === 0) return;
  const code = await reasonFor(kind, bytes, guess);
  total.stricter[code] = (total.stricter[code] ?? 0) + 1;
  if (!expect(reasons.has(code), number, code, 'is no listed reason; accepted by', by.join(', '), base64Of(bytes)))
    return;
  // Where the spec says that the network refuses too, it must.
  if (reasons.get(code) === 'yes' && by.includes('kit (transaction)') && bytes[0] !== 0x81) {
    total.runtime++;
    expect(runtimeRefuses(bytes) !== null, number, code, 'the runtime takes it', base64Of(bytes));
  }
}

const tool = new Tool();
const tools = Object.fromEntries(['transaction', 'message', 'offchain'].map((kind) => [kind, new Tool('--as', kind)]));
const began = Date.now();
while (total.next < count && failures() < 20) {
  const numbers = Array.from({ length: Math.min(BATCH, count - total.next) }, (_, i) => total.next + i);
  const cases = numbers.map((number) => bend(number, sources));
  const lines = await Promise.all(cases.map((bytes) => tool.ask(bytes)));
  for (const [i, line] of lines.entries()) {
    const { error } = line.startsWith('{"error"') ? JSON.parse(line) : {};
    if (error === undefined) checkAccepted(numbers[i], cases[i], line);
    else await checkRefused(numbers[i], cases[i], error.code);
  }
  total.next += numbers.length;
  if (state && failures() < 20) {
    writeFileSync(state, JSON.stringify(total));
    if (total.next % (BATCH * 100) === 0)
      console.log(`${total.next} of ${count}, ${Math.round((Date.now() - began) / 1000)} s`);
  }
}
tool.close();
for (const each of Object.values(tools)) each.close();
expect(total.accepted * 5 > total.next, 'too few of the cases are accepted to compare', total.accepted);
console.log(`${total.next} cases: ${total.accepted} accepted, ${total.refused} refused, ${total.runtime}`,
  'shown to the runtime; stricter than a peer:', JSON.stringify(total.stricter));
summary();
