// SPDX-License-Identifier: Apache-2.0
// Both verifiers, as one function each: evidence, policy and nonce in, the verdict's code out.
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { pathToFileURL } from 'node:url';

export const source = process.env.SOURCE_DIR ?? process.cwd();
export const AT = Date.UTC(2026, 10, 26) / 1000;
const tool = path.resolve(process.env.BUILD_DIR ?? 'build', 'bin/claviger');
const run = promisify(execFile);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'claviger-evidence-'));

const tsc = path.join(source, 'node_modules/typescript/bin/tsc');
if (!fs.existsSync(tsc)) {
  console.log('tools/deps npm was not run');
  process.exit(1);
}
// Into a folder of its own: other tests build the SDK at the same time.
await run(process.execPath, [tsc, '-p', 'sdk/ts', '--outDir', folder, '--declaration', 'false'], { cwd: source });
fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
/** Where the SDK lies, compiled. */
export const compiled = folder;
export const { activate, ActivationError, PolicyError, verifyEvidence, REFUSALS } = await import(pathToFileURL(path.join(folder, 'attest/index.js')));

/** By `claviger attest verify`; `exit N` where it gives no verdict. `name` is of a file, for one judgement at a time. */
export async function inC(name, evidence, rules, nonce, at = AT) {
  const [file, rulesFile] = [path.join(folder, `${name}.cbor`), path.join(folder, `${name}.json`)];
  fs.writeFileSync(file, evidence);
  fs.writeFileSync(rulesFile, JSON.stringify(rules));
  const words = ['attest', 'verify', '--json', '--policy', rulesFile, '--at', String(at), ...(nonce === null ? [] : ['--nonce', nonce.toString('hex')]), file];
  const { stdout, code } = await run(tool, words, { env: { HOME: folder, PATH: process.env.PATH } }).then((r) => ({ ...r, code: 0 }), (error) => error);
  const said = stdout === '' ? { code: `exit ${code}` } : JSON.parse(stdout);
  if (said.accepted !== undefined && (code === 0) !== said.accepted) return `exit ${code}`;
  fs.rmSync(file); fs.rmSync(rulesFile);
  return said.code;
}

export async function inTs(evidence, rules, nonce, at = AT) {
  const said = await verifyEvidence(new Uint8Array(evidence), nonce === null ? undefined : new Uint8Array(nonce), rules, new Date(at * 1000));
  return said.accepted ? 'accepted' : said.code;
}

export const close = () => fs.rmSync(folder, { recursive: true });
