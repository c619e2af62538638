// SPDX-License-Identifier: Apache-2.0
// tests/vectors/evidence.jsonl: the sets of evidence of cases.mjs, made once, for whoever has neither this project's
// build nor a TPM. Here both verifiers give the verdict that stands in it (B9): TypeScript on all, the C tool on every
// third, or on as many as asked for.
// usage: node tests/attest/vectors.mjs [EVERY]        WRITE=1 makes the file anew
//
// The file: its first line has the policy, the time of judgement and evidence to copy from; each other line is one set.
// evidence = its `parts` one behind the other, each [offset, length] in the line's base or base64; policy = the first
// line's with the line's `policy` merged in (RFC 7396); nonce = hex, null: none is asked for.
import fs from 'node:fs';
import path from 'node:path';
import { cases } from './cases.mjs';
import { AT, close, inC, inTs, source } from './judges.mjs';
import { build, policy, world } from './world.mjs';

const file = path.join(source, 'tests/vectors/evidence.jsonl');
const WINDOW = 12;

/** What of `base` comes again in `bytes`, as it is found first. */
function partsOf(bytes, base) {
  const places = new Map();
  for (let at = 0; at + WINDOW <= base.length; at++) {
    const key = base.toString('latin1', at, at + WINDOW);
    if (!places.has(key)) places.set(key, at);
  }
  const parts = [];
  let fresh = 0;
  for (let at = 0; at < bytes.length;) {
    const from = places.get(bytes.toString('latin1', at, at + WINDOW));
    if (from === undefined) { at++; continue; }
    let len = WINDOW;
    while (at + len < bytes.length && from + len < base.length && bytes[at + len] === base[from + len]) len++;
    if (at > fresh) parts.push(bytes.subarray(fresh, at).toString('base64'));
    parts.push([from, len]);
    at += len;
    fresh = at;
  }
  if (fresh < bytes.length) parts.push(bytes.subarray(fresh).toString('base64'));
  return parts;
}
const joined = (parts, base) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'base64') : base.subarray(part[0], part[0] + part[1]))));

/** The merge patch from one policy to another, and back (RFC 7396; members of a policy are whole). */
const patchOf = (from, to) => Object.fromEntries([...new Set([...Object.keys(from), ...Object.keys(to)])]
  .filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key])).map((key) => [key, to[key] ?? null]));
const patched = (from, patch) => Object.fromEntries(Object.entries({ ...from, ...patch }).filter(([, value]) => value !== null));

function write() {
  const bases = {}, lines = [];
  const common = policy(world());
  for (const one of cases) {
    const name = JSON.stringify(one.kind);
    bases[name] ??= build(world(one.kind));
    const w = world(one.kind);
    const rules = policy(w);
    const made = one.change(w, rules);
    const evidence = Buffer.isBuffer(made) ? made : build(w);
    const nonce = made?.nonce !== undefined ? made.nonce : w.nonce;
    lines.push({ what: one.what, code: one.code, base: name, parts: partsOf(evidence, bases[name]), policy: patchOf(common, rules), nonce: nonce === null ? null : nonce.toString('hex') });
  }
  const first = { at: AT, policy: common, bases: Object.fromEntries(Object.entries(bases).map(([name, bytes]) => [name, bytes.toString('base64')])) };
  fs.writeFileSync(file, [first, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
}

if (process.env.WRITE) write();
const every = Number(process.argv[2] ?? 3);
const [first, ...sets] = fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
let passed = 0, failed = 0, byC = 0;
function expect(what, holds, shown = '') {
  if (holds) passed++;
  else { failed++; console.log(`FAIL ${what} ${shown}`); }
}
const counts = { good: 0, bad: 0 };
for (const [i, set] of sets.entries()) {
  const evidence = joined(set.parts, Buffer.from(first.bases[set.base], 'base64'));
  const rules = patched(first.policy, set.policy);
  const nonce = set.nonce === null ? null : Buffer.from(set.nonce, 'hex');
  const ts = await inTs(evidence, rules, nonce, first.at);
  expect(`${set.what}: TypeScript`, ts === set.code, `says ${ts}, should ${set.code}`);
  counts[set.code === 'accepted' ? 'good' : 'bad']++;
  if (i % every !== 0) continue;
  const c = await inC(`set${i}`, evidence, rules, nonce, first.at);
  expect(`${set.what}: C`, c === set.code, `says ${c}, should ${set.code}`);
  byC++;
}
const named = (list) => JSON.stringify(list.map((one) => [one.what, one.code]));
expect('the file has the cases of cases.mjs (WRITE=1 node tests/attest/vectors.mjs)', named(sets) === named(cases));
expect('there are 200 sets and more', counts.good >= 30 && counts.good + counts.bad >= 200, JSON.stringify(counts));
close();
console.log(`${counts.good} good and ${counts.bad} bad sets out of the file, ${byC} of them by the C tool too`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
