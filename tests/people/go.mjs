// SPDX-License-Identifier: Apache-2.0
// Bots in Go against a real signer; what they sign is executed by litesvm (B12).
// usage: node tests/people/go.mjs vault      HashiCorp's own client of Vault
//        node tests/people/go.mjs keychain   solana-keychain's Vault client
// Ends with 77 where there is no Go for it, or the Go proxy does not give the module.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import { expect, friend, play, test } from '../system/cases.mjs';
import { makeFolder, remove, root, run, transferMessage, unbase58 } from '../system/stage.mjs';
import { Chain } from './chain.mjs';

const BLOCKHASH_AT = 4 + 3 * 32; // behind the header and three addresses
const GO_MIN = [1, 25];
const [what] = process.argv.splice(2);
const skip = (why) => { console.log(`skipped: ${why}`); process.exit(77); };

const version = /^go(\d+)\.(\d+)/.exec((await run('sh', ['-c', 'go env GOVERSION'])).out);
if (!version || Number(version[1]) < GO_MIN[0] || Number(version[2]) < GO_MIN[1]) skip(`no Go of ${GO_MIN.join('.')} or newer on this machine`);

// The modules are pinned by go.sum. keychain's have none, since nobody here could ever fetch them: Go checks them with its
// checksum database.
const folder = makeFolder('go');
process.on('exit', () => remove(folder));
cpSync(join(root, `tests/people/${what}_go`), folder, { recursive: true });
const go = (...words) => run('go', ['-C', folder, ...words], { env: { GOTOOLCHAIN: 'local', GOFLAGS: what === 'vault' ? '-mod=readonly' : '-mod=mod', GOWORK: 'off' } });
const fetched = await go('mod', 'download');
if (fetched.code !== 0) skip(`the Go proxy does not give its module:\n${fetched.err.trim().split('\n').slice(-2).join('\n')}`);
const built = await go('build', '-o', 'bot', '.');
if (built.code !== 0) { console.log(built.err); process.exit(1); }

const chain = new Chain();

// Lines "wire WHAT BASE64" are executed; the others by their first word.
async function bot(s) {
  const message = (lamports) => {
    const bytes = transferMessage(s.one.address, friend, lamports);
    unbase58(chain.svm.latestBlockhash()).copy(bytes, BLOCKHASH_AT);
    return bytes.toString('base64');
  };
  const { code, out, err } = await run(join(folder, 'bot'), [], { env: {
    CLAVIGER_SERVER: s.signer.url, CLAVIGER_TOKEN: s.one.token, CLAVIGER_WALLET: 'one', CLAVIGER_ADDRESS: s.one.address,
    CLAVIGER_CA: s.signer.ca, SSL_CERT_FILE: s.signer.ca, MESSAGES: [1_000_011, 1_000_012, 2_000_000_000].map(message).join(' ') } });
  expect(code === 0, code, out, err);
  const lines = out.trim().split('\n').map((line) => line.split(' '));
  const wires = lines.filter(([word]) => word === 'wire').map(([, , wire]) => wire);
  for (const wire of wires) chain.execute(new Uint8Array(Buffer.from(wire, 'base64')));
  return { wires, of: (word) => lines.filter(([first]) => first === word).map((line) => line.slice(1).join(' ')) };
}

if (what === 'vault') test('HashiCorp\'s Vault client for Go, unmodified: health, key, one signature, a batch, refusals', async (s) => {
  const { wires, of } = await bot(s);
  expect(of('health').join() === 'true false' && of('key').join() === 'ed25519 true 32', of('health'), of('key'));
  expect(wires.length === 1 && of('batch').join() === '0,1', wires, of('batch'));
  expect(/^422 .*policy_denied.*2000000000/.test(of('refused')[0]) && of('stranger').join() === '403', of('refused'), of('stranger'));
});
else test('keychain\'s Go Vault client, unmodified', async (s) => {
  const { wires, of } = await bot(s);
  expect(of('available').join() === 'true' && wires.length === 1 && of('refused').length === 1, of('available'), wires, of('refused'));
});

await play(async (s) => {
  await s.signer.start();
  await s.user('user');
  s.one = await s.party('one');
  chain.fund(kit.address(s.one.address));
});
