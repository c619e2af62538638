// SPDX-License-Identifier: Apache-2.0
// The reference evaluator, compiled from its TypeScript by the checking compiler, and the library's intents.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, load, root } from '../solana/setup.mjs';

load('smol-toml');
process.env.SOURCE_DIR = root;
// Compiled once for all tests, which run side by side: into a folder named for the source, by the first that has the lock.
const source = join(root, 'tests/intents/reference');
const of = readdirSync(source).sort().reduce((hash, file) => hash.update(file).update(readFileSync(join(source, file))), createHash('sha256'));
const out = join(build, 'tests', `intent-reference-${of.digest('hex').slice(0, 16)}`);
mkdirSync(join(build, 'tests'), { recursive: true });
const compile = '[ -e "$0/node_modules" ] || { "$1" "$2/node_modules/typescript/bin/tsc" -p "$3" --outDir "$0" && ln -s "$2/node_modules" "$0/node_modules"; }';
execFileSync('flock', [`${out}.lock`, 'sh', '-c', compile, out, process.execPath, root, source], { stdio: 'inherit' }); // the link: for a build folder outside the tree

export const { readIntent } = await import(join(out, 'intent.mjs'));
export const { Evaluator } = await import(join(out, 'evaluate.mjs'));

export const names = readdirSync(join(root, 'intents')).filter((f) => f.endsWith('.toml')).map((f) => f.slice(0, -5)).sort();
// Intents of the library, and the tests' own, which say what none of the library does.
const read = new Map();
export function intent(name) {
  const file = ['intents', 'tests/intents/probes'].map((folder) => join(root, folder, `${name}.toml`)).find(existsSync);
  if (!read.has(name)) read.set(name, readIntent(file));
  return read.get(name);
}
export const moduleOf = (name) => ['share/intents', 'tests/probes'].map((folder) => join(build, folder, `${name}.wasm`)).find(existsSync);

// valuesOf(name, params): the parameters that this intent has, as the reference and the module take them.
export function valuesOf(name, params) {
  const known = new Set(intent(name).parameters.map((p) => p.name));
  return Object.fromEntries(Object.entries(params).filter(([k, v]) => v !== undefined && known.has(k))
    .map(([k, v]) => [k, typeof v === 'boolean' ? BigInt(v) : v]));
}
