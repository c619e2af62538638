// SPDX-License-Identifier: Apache-2.0
// A grant with one list as long as it may be, the others with one entry, can be described within the fuel and the length of such a text, and
// its text names each address that a rule looks at (B7): else a user could not make the grant that the intent offers him.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, expect, summary } from '../solana/setup.mjs';
import * as K from './known.mjs';
import { intent, moduleOf, names } from './reference.mjs';

const folder = mkdtempSync(join(tmpdir(), 'claviger-fullest-'));
const params = join(folder, 'params.toml');
const claviger = (...args) => execFileSync(join(build, 'bin/claviger'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// One of each that must be given, and of lists, of which `full` has all that it may; what else has a default keeps it.
function valueOf({ name, type, max, optional, default: given }, full) {
  const one = (i) => (type.startsWith('pubkey') ? K.stranger(`${name} ${i}`) : type.startsWith('u64') ? 1 + i : `${name}.example`);
  if (type.endsWith(' list')) return Array.from({ length: name === full ? max : 1 }, (_, i) => one(i));
  return optional || given !== undefined ? undefined : type === 'bool' ? true : one(0);
}
// Tokens of which the wallet's accounts are derived, and no rule of these asks for them.
const UNSEEN = ['via_mints'];

let described = 0;
for (const name of names)
  for (const { name: full } of intent(name).parameters.filter((p) => p.type.endsWith(' list'))) {
    const values = intent(name).parameters.map((p) => [p.name, valueOf(p, full)]).filter(([, value]) => value !== undefined);
    writeFileSync(params, values.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join(''));
    try {
      const text = claviger('policy', 'describe', '--module', moduleOf(name), '--params', params);
      const left = values.filter(([key]) => !UNSEEN.includes(key)).flatMap(([, value]) => value).find((value) => typeof value === 'string' && !text.includes(value));
      expect(left === undefined, name, full, 'the text leaves out', left);
    } catch (error) {
      expect(false, name, full, error.stdout, error.stderr);
    }
    described++;
  }
expect(described > 30, 'lists', described);
rmSync(folder, { recursive: true });
summary();
