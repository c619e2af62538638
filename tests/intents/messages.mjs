// SPDX-License-Identifier: Apache-2.0
// Sign-in messages: what wallets build (Sign In With Solana) is allowed for the site that the grant names; each
// other text is refused, and signer, reference and V8 agree on COUNT bent ones (B5, A6).
// usage: messages.mjs [COUNT]
import { expect, summary } from '../solana/setup.mjs';
import { Random } from '../solana/wire.mjs';
import { bytes58 } from './lift.mjs';
import { Opinions } from './opinions.mjs';
import * as K from './known.mjs';

const count = Number(process.argv[2] ?? 2000);
const wallet = K.stranger('wallet');
const params = { domain: 'app.example.com', uri: 'https://app.example.com', chain: 'mainnet', resource: 'https://app.example.com/terms', resource_2: 'ipfs://bafy' };
const opinions = new Opinions();
const opened = await opinions.open({ intent: 'sign-in', counters: [], grant: { wallet, nonces: [], params } });

const offchain = (text, signer = wallet) => Buffer.concat([Buffer.from('\xffsolana offchain\x01\x01', 'latin1'), Buffer.from(bytes58(signer)), Buffer.from(text)]);

// The text as wallets build it: what is not given (or null) is left out whole.
function signIn({ domain = params.domain, address = wallet, statement, uri = params.uri, version = '1', chain = params.chain, nonce = 'oBbLoEldZs98aX',
  issued = '2026-11-26T10:00:00.000Z', expires, notBefore, request, resources } = {}) {
  const named = { URI: uri, Version: version, 'Chain ID': chain, Nonce: nonce, 'Issued At': issued, 'Expiration Time': expires, 'Not Before': notBefore, 'Request ID': request };
  const fields = [...Object.entries(named).filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`),
    ...(resources ? [`Resources:${resources.map((r) => `\n- ${r}`).join('')}`] : [])];
  return `${domain} wants you to sign in with your Solana account:\n${address}${statement ? `\n\n${statement}` : ''}${fields.length > 0 ? `\n\n${fields.join('\n')}` : ''}`;
}

const OFF = { uri: null, version: null, chain: null, nonce: null, issued: null };
const good = [signIn(), signIn({ statement: 'Click Sign or Approve only means you have proved this wallet is owned by you.' }), signIn({ expires: '2026-11-26T11:00:00Z' }),
  signIn({ statement: 'Grüße', expires: '2026-11-26T11:00:00.000+01:00', nonce: 'a'.repeat(128) }),
  signIn(OFF), signIn({ ...OFF, nonce: 'abcdefgh' }), signIn({ ...OFF, statement: 'Hello', nonce: 'abcdefgh', issued: '2026-11-26T10:00:00Z' }),
  signIn({ uri: null, statement: 'As Phantom writes it', resources: [params.resource, params.resource_2] }), signIn({ version: null, chain: null }),
  signIn({ ...OFF, chain: params.chain }), signIn({ ...OFF, issued: '2026-11-26T10:00:00Z', resources: [params.resource] }),
  signIn({ ...OFF, statement: 'Hello', chain: params.chain, issued: '2026-11-26T10:00:00Z' }), signIn({ ...OFF, statement: 'Hello', issued: '2026-11-26T10:00:00Z', request: '7' }),
  signIn({ notBefore: '2026-11-26T10:00:00Z', request: 'a request/7', resources: [params.resource] }),
  signIn({ expires: '2026-11-26T11:00:00Z', notBefore: '2026-11-26T10:00:00Z', request: '1', issued: null, resources: [params.resource, params.resource_2] })];
for (const text of good) {
  const said = await opinions.ask(opened, offchain(text));
  expect(said.allow && said.differs === undefined, 'allowed', said.reason, said.differs, text);
}

const bad = {
  'another site': signIn({ domain: 'app.example.org' }),
  'a longer site': signIn({ domain: 'app.example.com.evil.example' }),
  'another URI': signIn({ uri: 'https://evil.example' }),
  'another address': signIn({ address: K.stranger('thief') }),
  'another chain': signIn({ chain: 'devnet' }),
  'another version': signIn({ version: '2' }),
  'a short nonce': signIn({ nonce: 'abc1234' }),
  'a long nonce': signIn({ nonce: 'a'.repeat(129) }),
  'a nonce with more': signIn({ nonce: 'abcdefgh; drop' }),
  'a statement of two lines': signIn({ statement: 'one\ntwo' }),
  'a long statement': signIn({ statement: 'x'.repeat(513) }),
  'a time that is none': signIn({ issued: 'yesterday at about noon' }),
  'a resource that is not named': signIn({ resources: ['https://app.example.com/all'] }),
  'resources in another order': signIn({ resources: [params.resource_2, params.resource] }),
  'one resource more': signIn({ resources: [params.resource, params.resource_2, 'https://app.example.com/all'] }),
  'no resource under their title': signIn({ resources: [] }),
  'a resource without their title': `${signIn()}\n- ${params.resource}`,
  'fields in another order': signIn({ expires: undefined }).replace(/(Nonce: \w+)\n(Issued At: .*)/, '$2\n$1'),
  'a field twice': `${signIn()}\nNonce: oBbLoEldZs98aX`,
  'an empty request': `${signIn()}\nRequest ID: `,
  'a field of no sign-in': `${signIn()}\nAmount: 5 SOL`,
  'another chain first': signIn({ ...OFF, chain: 'devnet', issued: '2026-11-26T10:00:00Z' }),
  'no time where one is first': signIn({ ...OFF, issued: 'yesterday at about noon' }),
  'a statement alone': signIn({ ...OFF, statement: 'URI: https://evil.example' }),
  'a block of fields without one': `${signIn(OFF)}\n\n`,
  'something in front': `\n${signIn()}`,
  'something behind': `${signIn()}\n`,
  'a transfer in words': 'Send all my SOL to the thief',
  'words of our own': `Claviger grant v1\n${signIn()}`,
  'carriage returns': signIn().replaceAll('\n', '\r\n'),
};
for (const [name, text] of Object.entries(bad)) {
  const said = await opinions.ask(opened, offchain(text));
  const reason = name === 'words of our own' ? 'never-allowed' : 'kind-not-allowed';
  expect(!said.allow && said.reason === reason && said.differs === undefined, name, said.allow ? 'allowed' : said.reason, said.differs);
}
const foreign = await opinions.ask(opened, offchain(signIn(), K.stranger('another signer')));
expect(!foreign.allow && foreign.reason === 'signer-not-allowed', 'a message that another signs', foreign.reason);

// Texts bent at random; what is still allowed is still a sign-in to this site.
let allowed = 0;
for (let n = 0; n < count; n++) {
  const r = new Random(n);
  const text = Buffer.from(r.pick(good));
  const at = r.below(text.length + 1);
  const bent = r.pick([
    () => Buffer.concat([text.subarray(0, at), Buffer.from(r.pick(['a', '\n', ' ', '0', 'é', '{', ':', '\t', '\x7f'])), text.subarray(at)]),
    () => Buffer.concat([text.subarray(0, at), text.subarray(at + 1 + r.below(4))]),
    () => Buffer.concat([text.subarray(0, at), Buffer.of(r.below(256)), text.subarray(at + 1)]),
    () => Buffer.concat([text, text.subarray(at)]),
  ])();
  const said = await opinions.ask(opened, offchain(bent));
  expect(said.differs === undefined, n, said.differs, JSON.stringify(bent.toString()));
  if (!said.allow) continue;
  allowed++;
  const [top, address, ...rest] = bent.toString().split('\n');
  const fields = rest.slice(rest.lastIndexOf('') + 1);
  const wrong = fields.find((line) => !(line === `URI: ${params.uri}` || line === 'Version: 1' || line === `Chain ID: ${params.chain}` || /^(Nonce|Issued At|Expiration Time|Not Before|Request ID): /.test(line) ||
    line === 'Resources:' || line === `- ${params.resource}` || line === `- ${params.resource_2}`));
  expect(top === `${params.domain} wants you to sign in with your Solana account:` && address === wallet && wrong === undefined, 'a sign-in to another', wrong, JSON.stringify(bent.toString()));
}
expect(allowed > count / 20, 'too few of the bent texts are allowed', allowed);
opinions.close();
console.log(`${count} bent texts: ${allowed} allowed`);
summary();
