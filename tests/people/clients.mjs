// SPDX-License-Identifier: Apache-2.0
// Clients in other languages against a real signer; what they sign is executed by litesvm. The Rust SDK
// with its examples and its own tests, and solana-keychain's Vault clients, unmodified: Rust and
// Python here, TypeScript in tools/demo_play.mjs and tests/system/readme.mjs, Go in go.mjs (B12).
// usage: node tests/people/clients.mjs [WORD...]   only the tests whose name contains one of the words
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import { expect, friend, play, test } from '../system/cases.mjs';
import { base58, root, run } from '../system/stage.mjs';
import { Chain } from './chain.mjs';

const chain = new Chain();
const rust = (await run(join(root, 'tools/sdk'), ['rust'])).out.trim();

const envOf = (s) => ({
  CLAVIGER_SERVER: s.signer.url, CLAVIGER_TOKEN: s.one.token, CLAVIGER_WALLET: 'one', CLAVIGER_ADDRESS: s.one.address,
  CLAVIGER_CA: s.signer.ca, CLAVIGER_DEPLOYMENT_KEY: s.deploymentKey, BLOCKHASH: chain.svm.latestBlockhash(), RECIPIENT: friend,
});

async function keypair() {
  const made = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  const seed = Buffer.from(await crypto.subtle.exportKey('pkcs8', made.privateKey)).subarray(-32);
  return Buffer.concat([seed, Buffer.from(await crypto.subtle.exportKey('raw', made.publicKey))]);
}

// Runs a client; its lines as words. Lines "wire WHAT BASE64" are executed.
async function client(s, command, words = [], more = {}) {
  const { code, out, err } = await run(command, words, { env: { ...envOf(s), ...more } });
  expect(code === 0, command, code, out, err);
  const lines = out.trim().split('\n').map((line) => line.split(' '));
  const wires = lines.filter(([word]) => word === 'wire');
  for (const [, , base64] of wires) chain.execute(new Uint8Array(Buffer.from(base64, 'base64')));
  return { wires: wires.map(([, what]) => what), lines, of: (word) => lines.filter(([first]) => first === word).map((line) => line.slice(1).join(' ')) };
}

// B9 too: every set of tests/vectors/evidence.jsonl
test('Rust SDK: its own tests, of when to try again, whom to believe and what evidence shows', async () => {
  const { code, out, err } = await run(join(root, 'tools/sdk'), ['rust_tests']);
  expect(code === 0 && /^test result: ok\. [1-9]\d passed; 0 failed; 0 ignored/m.test(out), out, err);
});

test('Rust SDK on keychain\'s traits: legacy, v0 and v1 executed, refusals typed, batches', async (s) => {
  const { wires, of } = await client(s, join(rust, 'debug/examples/bot'));
  expect(wires.join() === 'legacy,v0,v1', wires);
  expect(of('node').join() === `Workstation software ${s.deploymentKey}`, of('node'));
  expect(of('asked').length === 3 && of('asked').every((line) => /^(legacy|v0|v1) true \d{7}$/.test(line)), of('asked'));
  expect(of('refused')[0].startsWith('policy_denied Some(0) ') && of('refused')[0].includes('2000000000'), of('refused'));
  expect(of('keychain')[0] === 'Remote API error' && of('all')[0] === 'batch_aborted' && of('each')[0] === 'true false', of('all'), of('each'));
});

// B9, as tests/people/sdk.mjs has it for TypeScript: a relay with a certificate that the bot was made to trust, from the first
// connection on, once the node has shown its evidence, or for one connection after that: then who answers is asked again
for (const [when, through] of [['from the start', () => false], ['after the evidence', (count) => count === 0],
  ['for one connection', (count) => count !== 1]]) test(`Rust SDK: a relay ${when} gets neither token nor transaction`, async (s) => {
  const at = (name) => join(s.signer.folder, name);
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('relay.key'),
    '-out', at('relay.pem'), '-days', '9', '-subj', '/CN=relay', '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'subjectAltName=IP:127.0.0.1']);
  expect(made.code === 0, made.err);
  writeFileSync(at('both.pem'), `${readFileSync(s.signer.ca)}${readFileSync(at('relay.pem'))}`);
  const seen = [];
  const liar = https.createServer({ key: readFileSync(at('relay.key')), cert: readFileSync(at('relay.pem')) }, (request, answer) => {
    seen.push([request.method, request.url.split('?')[0], request.headers.authorization]);
    https.get(`${s.signer.url}${request.url}`, { ca: readFileSync(s.signer.ca) }, (from) => from.pipe(answer.writeHead(from.statusCode)));
  });
  await new Promise((resolve) => liar.listen(0, '127.0.0.1', resolve));
  let connections = 0;
  const relay = net.createServer((from) => {
    const to = net.connect(through(connections++) ? s.signer.port : liar.address().port, '127.0.0.1');
    from.pipe(to).pipe(from);
    for (const side of [from, to]) side.on('error', () => { from.destroy(); to.destroy(); });
  });
  await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const more = { CLAVIGER_SERVER: `https://127.0.0.1:${relay.address().port}`, CLAVIGER_CA: at('both.pem') };
  const { code, err } = await run(join(rust, 'debug/examples/sync'), [], { env: { ...envOf(s), PAYER: base58(await keypair()), ...more } });
  for (const each of [relay, liar]) each.close();
  liar.closeAllConnections();
  if (through(2)) {
    expect(code === 0 && connections > 2 && seen.length === 0, code, err, connections, seen);
    return;
  }
  expect(code !== 0 && err.includes('signer_untrusted') && err.includes('another TLS key'), code, err);
  expect(through(0) ? connections > 1 && seen.every(([, path, token]) => path === '/api/v1/evidence' && token === undefined)
    : JSON.stringify(seen) === '[["GET","/api/v1/evidence",null]]', connections, seen);
});

test('Rust SDK as a solana_signer::Signer, beside a keypair that pays the fee', async (s) => {
  const payer = await keypair();
  chain.fund(kit.address(base58(payer.subarray(32))));
  const { wires, of } = await client(s, join(rust, 'debug/examples/sync'), [], { PAYER: base58(payer) });
  expect(wires.join() === 'sponsored' && of('refused')[0].includes('policy_denied') && of('refused')[0].includes('2000000000'), of('refused'));
});

test('keychain\'s Rust Vault client, unmodified', async (s) => {
  const { wires, of } = await client(s, join(rust, 'debug/examples/keychain_vault'));
  expect(of('available')[0] === 'true' && wires.join() === 'vault' && of('refused').length === 1, wires, of('refused'));
});

test('keychain\'s Python Vault client, unmodified', async (s) => {
  const [, packages] = (await run(join(root, 'tools/deps'), ['python'])).out.trim().split(' ');
  expect(packages && existsSync(packages), 'tools/deps python installs it');
  const { wires, of } = await client(s, 'python3', [join(root, 'tests/people/vault.py')], { PYTHONPATH: packages });
  expect(of('available')[0] === 'True' && wires.join() === 'vault', wires);
  expect(of('refused')[0].includes('policy_denied') && of('refused')[0].includes('2000000000'), of('refused'));
});

await play(async (s) => {
  expect(rust, 'the Rust SDK does not build: tools/sdk rust');
  await s.signer.start();
  await s.user('user');
  s.one = await s.party('one');
  chain.fund(s.one.address);
  s.deploymentKey = (await s.signer.api('GET', '/api/v1/channel')).body.deployment_key;
});
