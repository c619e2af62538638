// SPDX-License-Identifier: Apache-2.0
// Good and bad evidence, judged by `claviger attest verify` and by the TypeScript verifier: both give the verdict that
// the case says (H3, H4, H5, H6, H7, A10, B9). The quote in it is judged by tpm2-tools 5.8, too, where that is to be had
// (tools/tpm2_tools). Then evidence with a bit flipped anywhere, which both refuse.
// usage: node tests/attest/evidence.mjs [FLIPS]
import fs from 'node:fs';
import path from 'node:path';
import { cases } from './cases.mjs';
import { AT, close, inC, inTs, peer, PolicyError, quoteByPeer, REFUSALS, source, verifyEvidence } from './judges.mjs';
import { build, logOf, policy, world } from './world.mjs';

const flips = Number(process.argv[2] ?? 150);
let passed = 0, failed = 0;

function expect(what, holds, shown = '') {
  if (holds) passed++;
  else { failed++; console.log(`FAIL ${what} ${shown}`); }
}

// What makes a quote bad, for whoever knows nothing but quotes; and what 5.8 does not look at.
const OF_A_QUOTE = new Set(['signature', 'magic', 'type', 'extra', 'pcr-bank', 'pcr-selection', 'pcr-digest']);
const NOT_LOOKED_AT = new Set(['tail', 'form', 'signature-form', 'key-form', 'key-kind', 'proof']);
// 5.8 wants a selection as the file of values has it, to the byte; and what is quoted has the node statement's hash in it.
const OTHERWISE = new Set(['an empty bank beside it', 'selection with four bytes', 'a bit of the statement flipped', 'the flag of the start mode flipped by somebody else']);
const counts = { good: 0, bad: 0, peer: 0, refused: 0 };
const codes = new Set();
async function judge(one, i) {
  const w = world(one.kind);
  const rules = policy(w);
  const made = one.change(w, rules);
  const evidence = Buffer.isBuffer(made) ? made : build(w);
  const nonce = made?.nonce !== undefined ? made.nonce : w.nonce;
  const [c, ts] = [await inC(`case${i}`, evidence, rules, nonce), await inTs(evidence, rules, nonce)];
  expect(`${one.what}: C`, c === one.code, `says ${c}, should ${one.code}`);
  expect(`${one.what}: TypeScript`, ts === one.code, `says ${ts}, should ${one.code}`);
  const theirs = await quoteByPeer(`peer${i}`, evidence);
  if (theirs !== undefined && !NOT_LOOKED_AT.has(one.code)) {
    counts.peer++;
    counts.refused += !theirs.accepted;
    expect(`${one.what}: tpm2-tools 5.8`, theirs.accepted !== (OF_A_QUOTE.has(one.code) || OTHERWISE.has(one.what)), `${theirs.accepted ? 'accepts' : 'refuses'}, ${one.code} here: ${theirs.err}`);
  }
  counts[one.code === 'accepted' ? 'good' : 'bad']++;
  codes.add(one.code);
}

for (let i = 0; i < cases.length; i += 4) await Promise.all(cases.slice(i, i + 4).map((one, k) => judge(one, i + k)));
expect('there are 200 sets and more', counts.good + counts.bad >= 200 && counts.good >= 30, JSON.stringify(counts));

// What runs the policies is told, and nothing is decided by it.
for (const interpreter of [false, true]) {
  const w = { ...world(), interpreter };
  const said = await verifyEvidence(new Uint8Array(build(w)), new Uint8Array(w.nonce), policy(w), new Date(AT * 1000));
  expect(`an interpreter ${interpreter}`, said.accepted && said.report.policyEngine === (interpreter ? 'interpreter' : 'compiled'), JSON.stringify(said, (_, v) => (typeof v === 'bigint' ? `${v}` : v)));
}

// A policy whose members are of other types is refused by both before any evidence is judged.
const odd = [
  ['software_tpm', 'false'], ['software_tpm', 1], ['software_tpm', null], ['event_log', 'true'], ['single_operator', 0], ['unattended', 'true'], ['recovery_key', 1], ['reduced_sandbox', 'yes'], ['genesis', 'ab'], ['genesis', true], ['release_floor', '3'], ['release_floor', -1],
  ['release_floor', 256], ['site_floor', 1.5], ['site_floor', true], ['counter', -1], ['counter', true], ['counter', [1]], ['eks', 'ab'.repeat(32)], ['eks', {}], ['aks', [7]],
  ['aks', ['zz']], ['vendor_roots', [null]], ['vendor_roots', 'PEM'], ['releases', {}], ['releases', [null]], ['releases', [{ name: 'r' }]], ['firmwares', [{ name: 'f', sha256: [] }]],
  ['deployment_key', 7], ['minimum_tpm_firmware', 7], ['toString', true],
];
for (const [i, [member, value]] of odd.entries()) {
  const w = world({});
  const rules = { ...policy(w), [member]: value };
  const ts = await inTs(build(w), rules, w.nonce).catch((error) => (error instanceof PolicyError ? 'exit 2' : `${error}`));
  const c = await inC(`odd${i}`, build(w), rules, w.nonce);
  expect(`${member} as ${JSON.stringify(value)}: TypeScript`, ts === 'exit 2', ts);
  expect(`${member} as ${JSON.stringify(value)}: C`, c === 'exit 2', c);
}
for (const value of [null, [], 'policy', 7]) {
  const w = world({});
  const ts = await inTs(build(w), value, w.nonce).catch((error) => error instanceof PolicyError);
  expect(`a policy that is ${JSON.stringify(value)}`, ts === true, String(ts));
}

// Words and codes are the same table in both.
const definitions = fs.readFileSync(path.join(source, 'lib/attest/attest_refusal.def'), 'utf8');
const table = Object.fromEntries([...definitions.matchAll(/REFUSAL\((?!NAME)\w+,\s*"([^"]+)",\s*"([^"]+)"\)/g)].map((m) => [m[1], m[2]]));
expect('codes and words are alike', JSON.stringify(table) === JSON.stringify(REFUSALS), Object.keys(table).filter((k) => table[k] !== REFUSALS[k]).join());
const never = Object.keys(table).filter((code) => !codes.has(code));
expect('every refusal has its case', JSON.stringify(never) === '["pcr-form"]', `none: ${never}`);

// A bit flipped anywhere. The log's data is the one thing that nobody signs: an event's bytes may change where no digest is
// of them, and its PCR's value does not.
const w = world();
const rules = policy(w);
const whole = build(w);
const log = logOf(w.events);
const from = whole.indexOf(log);
let unsigned = 0;
let seed = 12345;
const random = (n) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed % n; };
for (let i = 0; i < flips; i++) {
  const bent = Buffer.from(whole);
  const at = random(bent.length);
  bent[at] ^= 1 << random(8);
  const [c, ts] = [await inC(`flip${i}`, bent, rules, w.nonce), await inTs(bent, rules, w.nonce)];
  if (c === 'accepted' && at >= from && at < from + log.length) unsigned++;
  else expect(`bit flipped at ${at}: C`, c !== 'accepted' && !c.startsWith('exit'), c);
  // Inside a certificate's coding the two may trip over different things first.
  expect(`bit flipped at ${at}: TypeScript`, ts === c || (ts.startsWith('ek-') && c.startsWith('ek-')), `${ts}, C says ${c}`);
}
close();
console.log(`${counts.good} good and ${counts.bad} bad sets of evidence, ${flips} flipped bits (${unsigned} in a log's unsigned text), by two implementations`);
console.log(peer === undefined ? 'no tpm2-tools 5.8 to compare with' : `the quotes of ${counts.peer} sets judged by tpm2-tools 5.8, too, which refuses ${counts.refused} of them`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
