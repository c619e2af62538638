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
const execute = promisify(execFile);
/** A child that does not end is a failure of its case, not of the whole run. */
const run = (program, words, options) => execute(program, words, { timeout: 120_000, ...options });
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

/** tpm2-tools 5.8 or newer; undefined: it is not to be had. */
export const peer = await run(path.join(source, 'tools/tpm2_tools')).then((r) => r.stdout.trim(), () => undefined);

/** What it says of the quote in evidence, from the parts that `claviger attest unpack` writes; undefined without it, or without parts. */
export async function quoteByPeer(name, evidence) {
  if (peer === undefined) return undefined;
  const [file, parts] = [path.join(folder, `${name}.cbor`), path.join(folder, name)];
  fs.writeFileSync(file, evidence);
  const unpacked = await run(tool, ['attest', 'unpack', file, parts], { env: { HOME: folder, PATH: process.env.PATH } }).then(() => true, () => false);
  const at = (part) => path.join(parts, part);
  let said;
  if (unpacked && ['ak.pem', 'quote.sig', 'quote.extra'].every((part) => fs.existsSync(at(part)))) {
    const hash = { 0x0c: 'sha384', 0x0d: 'sha512' }[fs.readFileSync(at('quote.sig'))[3]] ?? 'sha256';
    const words = ['checkquote', '-u', at('ak.pem'), '-m', at('quote.msg'), '-s', at('quote.sig'), '-f', at('quote.pcrs'), '-g', hash, '-q', fs.readFileSync(at('quote.extra'), 'utf8').trim()];
    said = await run(peer, words).then(() => ({ accepted: true, err: '' }), (error) => ({ accepted: false, err: `${error.stderr}`.trim().split('\n').pop() }));
  }
  fs.rmSync(file); fs.rmSync(parts, { recursive: true, force: true });
  return said;
}

export async function inTs(evidence, rules, nonce, at = AT) {
  const said = await verifyEvidence(new Uint8Array(evidence), nonce === null ? undefined : new Uint8Array(nonce), rules, new Date(at * 1000));
  return said.accepted ? 'accepted' : said.code;
}

export const close = () => fs.rmSync(folder, { recursive: true });
