// SPDX-License-Identifier: Apache-2.0
// A grant with one list as long as it may be, the others with one entry, and one with all of them full, can be described within the fuel and
// the length of such a text, and its text names each address that a rule looks at (B7): else a user could not make the grant that the intent
// offers him.
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

const FUEL = 4_000_000; // for a description (spec/policy-abi.md)

// One of each that must be given, and of lists, of which `full` (or ALL) has all that it may; what else has a default keeps it.
const ALL = Symbol('all lists');
function valueOf({ name, type, max, optional, default: given }, full) {
  const one = (i) => (type.startsWith('pubkey') ? K.stranger(`${name} ${i}`) : type.startsWith('u64') ? 1 + i : `${name}.example`);
  if (type.endsWith(' list')) return Array.from({ length: full === ALL || name === full ? max : 1 }, (_, i) => one(i));
  return optional || given !== undefined ? undefined : type === 'bool' ? true : one(0);
}
// Tokens of which the wallet's accounts are derived, and no rule of these asks for them.
const UNSEEN = ['via_mints'];

let described = 0;
for (const name of names) {
  const lists = intent(name).parameters.filter((p) => p.type.endsWith(' list')).map((p) => p.name);
  for (const full of [...lists, ALL]) {
    const values = intent(name).parameters.map((p) => [p.name, valueOf(p, full)]).filter(([, value]) => value !== undefined);
    const what = `${name} with ${String(full)}`;
    writeFileSync(params, values.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join(''));
    try {
      const { text, fuel } = JSON.parse(claviger('policy', 'describe', '--json', '--module', moduleOf(name), '--params', params));
      const left = values.filter(([key]) => !UNSEEN.includes(key)).flatMap(([, value]) => value).find((value) => typeof value === 'string' && !text.includes(value));
      expect(left === undefined, what, 'the text leaves out', left);
      expect(fuel > 0 && fuel < 0.8 * FUEL, what, 'leaves little fuel', fuel);
    } catch (error) {
      expect(false, what, error.stdout, error.stderr);
    }
    described++;
  }
}
expect(described > 50, 'lists', described);
rmSync(folder, { recursive: true });
summary();
