// SPDX-License-Identifier: Apache-2.0
// TPM2_MakeCredential of the TypeScript SDK and of the C tool, opened by what a TPM does with it, written here once more;
// and tests/vectors/credential.jsonl, which tpm2-tools made: the same seed gives the same bytes.
// usage: node tests/attest/credential.mjs        WRITE=1 makes the vectors anew (needs tpm2_makecredential)
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { close, compiled, source } from './judges.mjs';
import { ATTR, be16, be32, ekPublic, EK_POLICY_HIGH, EK_POLICY_HIGH_384, newKey, sha256, zeros } from './world.mjs';

const { activate, ActivationError, makeCredential } = await import(pathToFileURL(path.join(compiled, 'attest/index.js')));
const { sealCredential } = await import(pathToFileURL(path.join(compiled, 'attest/credential.js')));
const file = path.join(source, 'tests/vectors/credential.jsonl');
const inC = path.resolve(process.env.BUILD_DIR ?? 'build', 'tests/make_credential');
let passed = 0, failed = 0;
function expect(what, holds, shown = '') {
  if (holds) passed++;
  else { failed++; console.log(`FAIL ${what} ${shown}`); }
}

const high = { attributes: ATTR.ekHigh, policy: EK_POLICY_HIGH };
const high384 = { attributes: ATTR.ekHigh, policy: EK_POLICY_HIGH_384, symmetric: [6, 256, 0x43], nameAlg: 0x0c };
const TEMPLATES = { 'L-1': ['rsa', {}], 'L-2': ['p256', {}], 'H-1': ['rsa', high], 'H-2': ['p256', high], 'H-3': ['p384', high384], 'H-6': ['rsa3072', high384] };
const NAME = Buffer.concat([be16(0x0b), sha256('an attestation key')]);
const OTHER = Buffer.concat([be16(0x0b), sha256('another')]);
const LABEL = Buffer.from('IDENTITY\0');

/** What the TPM gets the seed from, with the endorsement key's private half. */
function seedOf({ strong, key }, encrypted) {
  const hash = strong ? 'sha384' : 'sha256';
  if (key.asymmetricKeyType === 'rsa')
    return crypto.privateDecrypt({ key, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash, oaepLabel: LABEL }, encrypted);
  const field = encrypted.readUInt16BE(0);
  const [x, y] = [encrypted.subarray(2, 2 + field), encrypted.subarray(4 + field)];
  const curve = field === 48 ? 'P-384' : 'P-256';
  const publicKey = crypto.createPublicKey({ key: { kty: 'EC', crv: curve, x: x.toString('base64url'), y: y.toString('base64url') }, format: 'jwk' });
  const z = crypto.diffieHellman({ privateKey: key, publicKey });
  const own = Buffer.from(crypto.createPublicKey(key).export({ format: 'jwk' }).x, 'base64url');
  return crypto.createHash(hash).update(be32(1)).update(z).update(LABEL).update(x).update(own).digest();
}
const kdfa = (hash, seed, label, context, bits) =>
  crypto.createHmac(hash, seed).update(be32(1)).update(`${label}\0`).update(context).update(be32(bits)).digest().subarray(0, bits / 8);

/** TPM2_ActivateCredential: the secret, or undefined where the integrity does not hold. */
function opened({ strong, key }, name, credential, encrypted) {
  const hash = strong ? 'sha384' : 'sha256';
  const seed = seedOf({ strong, key }, encrypted);
  const size = credential.readUInt16BE(0);
  const inner = credential.subarray(2 + size);
  const mac = crypto.createHmac(hash, kdfa(hash, seed, 'INTEGRITY', zeros(0), 8 * size)).update(inner).update(name).digest();
  if (size !== mac.length || !mac.equals(credential.subarray(2, 2 + size))) return undefined;
  const cipher = crypto.createDecipheriv(strong ? 'aes-256-cfb' : 'aes-128-cfb', kdfa(hash, seed, 'STORAGE', name, strong ? 256 : 128), zeros(16));
  const plain = Buffer.concat([cipher.update(inner), cipher.final()]);
  return plain.subarray(2, 2 + plain.readUInt16BE(0));
}

function byTools(ek, name, secret) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'credential-'));
  const at = (one) => path.join(folder, one);
  fs.writeFileSync(at('ek'), Buffer.concat([be16(ek.length), ek]));
  fs.writeFileSync(at('secret'), secret);
  execFileSync('tpm2_makecredential', ['-T', 'none', '-u', at('ek'), '-s', at('secret'), '-n', name.toString('hex'), '-o', at('out')]);
  const out = fs.readFileSync(at('out')).subarray(8); // magic, version
  fs.rmSync(folder, { recursive: true });
  const first = out.readUInt16BE(0);
  return [out.subarray(2, 2 + first), out.subarray(4 + first)];
}

if (process.env.WRITE) {
  const lines = Object.entries(TEMPLATES).map(([template, [kind, options]]) => {
    const key = newKey[kind]();
    const ek = ekPublic(key, options);
    const secret = sha256(template);
    const [credential, encrypted] = byTools(ek, NAME, secret);
    const hex = (bytes) => bytes.toString('hex');
    return JSON.stringify({ template, ek: hex(ek), private: key.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'), name: hex(NAME), secret: hex(secret), credential: hex(credential), encrypted: hex(encrypted) });
  });
  fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
}

const rows = fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
expect('a row for each template', rows.map((row) => row.template).join() === Object.keys(TEMPLATES).join());
for (const row of rows) {
  const [ek, name, secret, credential, encrypted] = ['ek', 'name', 'secret', 'credential', 'encrypted'].map((member) => Buffer.from(row[member], 'hex'));
  const tpm = { strong: row.template === 'H-3' || row.template === 'H-6', key: crypto.createPrivateKey({ key: Buffer.from(row.private, 'base64'), format: 'der', type: 'pkcs8' }) };
  const hash = tpm.strong ? 'SHA-384' : 'SHA-256';
  expect(`${row.template}: tpm2-tools' credential opens`, opened(tpm, name, credential, encrypted)?.equals(secret));
  const again = Buffer.from(await sealCredential(seedOf(tpm, encrypted), hash, name, secret));
  expect(`${row.template}: the same seed gives tpm2-tools' bytes`, again.equals(credential), again.toString('hex'));
  for (const length of [1, 15, 16, 30, 32]) {
    const own = crypto.randomBytes(length);
    const made = await makeCredential(ek, name, own);
    expect(`${row.template}: ${length} bytes of TypeScript's open`, opened(tpm, name, Buffer.from(made.credential), Buffer.from(made.secret))?.equals(own));
    expect(`${row.template}: for another key they do not`, opened(tpm, OTHER, Buffer.from(made.credential), Buffer.from(made.secret)) === undefined);
  }
  const two = await Promise.all([makeCredential(ek, name, secret), makeCredential(ek, name, secret)]);
  expect(`${row.template}: each has a seed of its own`, !Buffer.from(two[0].secret).equals(Buffer.from(two[1].secret)));
  const [blob, sealed] = execFileSync(inC, [row.ek, row.name, row.secret], { encoding: 'utf8' }).trim().split('\n').map((line) => Buffer.from(line, 'hex'));
  expect(`${row.template}: C's opens`, opened(tpm, name, blob, sealed)?.equals(secret));
  expect(`${row.template}: C's does not for another key`, opened(tpm, OTHER, blob, sealed) === undefined);
}

const refused = async (what, make) => {
  const error = await make().then(() => undefined, (caught) => caught);
  expect(`refused: ${what}`, error instanceof ActivationError, String(error));
};
const good = Buffer.from(rows[0].ek, 'hex');
for (const [what, ek] of [['a byte short', good.subarray(0, -1)], ['nothing', zeros(0)], ['another policy', Buffer.from(good).fill(0, 10, 42)], ['a key that signs', ekPublic(newKey.p256(), { attributes: ATTR.ek | 0x40000 })]])
  await refused(`an endorsement key: ${what}`, () => makeCredential(ek, NAME, zeros(32)));
await refused('a secret of 33 bytes', () => makeCredential(good, NAME, zeros(33)));
await refused('no secret', () => makeCredential(good, NAME, zeros(0)));
await refused('what is no evidence', () => activate(Buffer.from('evidence'), async () => zeros(32)));
close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
