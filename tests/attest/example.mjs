// SPDX-License-Identifier: Apache-2.0
// sdk/c/verify.c, which shows other programs how to judge evidence, is built and judges: the sets that the
// policy of all others accepts or refuses for a reason that the example asks for, too.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder, remove } from '../system/stage.mjs';
import { cases } from './cases.mjs';
import { build, edPublic, policy, world } from './world.mjs';

const run = promisify(execFile);
const example = join(process.env.BUILD_DIR ?? 'build', 'tests/attest_example');
const folder = makeFolder('example');
let passed = 0, failed = 0, accepted = 0;
const expect = (what, holds, shown = '') => { if (holds) passed++; else { failed++; console.log(`FAIL ${what} ${shown}`); } };
const der = (pem) => Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
const rows = (values, pcrs) => pcrs.map((pcr) => values[String(pcr)]).join('');
const NOT_ASKED = ['floor', 'tpm-firmware', 'ek-time'];

for (const [i, one] of cases.entries()) {
  const w = world(one.kind);
  const rules = policy(w);
  const before = JSON.stringify(rules);
  const made = one.change(w, rules);
  if (i % 4 !== 0 || JSON.stringify(rules) !== before || made?.nonce === null || NOT_ASKED.includes(one.code) || (one.kind.log === false)) continue;
  const evidence = Buffer.isBuffer(made) ? made : build(w);
  if (evidence.length === 0) continue;
  const at = (name) => join(folder, name);
  writeFileSync(at('evidence'), evidence);
  writeFileSync(at('root'), der(rules.vendor_roots[0]));
  const words = [at('evidence'), (made?.nonce ?? w.nonce).toString('hex'), edPublic(world().deploymentKey).toString('hex'), at('root'),
    rows(rules.releases[1].sha256, [4, 9, 11, 12, 14]), rows(rules.firmwares[0].sha256, [0, 2, 7])];
  const { stdout, code } = await run(example, words).then((r) => ({ ...r, code: 0 }), (error) => error);
  const [said, key] = stdout.split('\n');
  expect(one.what, said === one.code && code === (one.code === 'accepted' ? 0 : 1), `says ${said}, should ${one.code}`);
  if (one.code !== 'accepted') continue;
  accepted++;
  expect(`${one.what}: the key to seal to`, key === createHash('sha256').update('authority').digest('hex'), key);
}
const odd = await run(example, ['x']).catch((error) => error);
expect('asked wrongly', odd.code === 2 && odd.stderr.startsWith('usage:'));
expect('enough were judged', passed > 60 && accepted > 5, `${passed} ${accepted}`);
if (failed === 0) remove(folder);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
