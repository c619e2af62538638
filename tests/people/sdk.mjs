// SPDX-License-Identifier: Apache-2.0
// The TypeScript SDK against a real signer, and what it signs executed by litesvm (B12). The network
// between them is bent where a test needs a bad one: answers are lost, late or lies.
// usage: node tests/people/sdk.mjs [WORD...]   only the tests whose name contains one of the words
import { readdirSync, readFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import { isSolanaSigner, SignerError, SignerErrorCode } from '@solana/keychain-core';
import * as web3 from '@solana/web3.js';
import * as system from '@solana-program/system';
import { expect, fresh, friend, play, test } from '../system/cases.mjs';
import { build, root, run, someone, verifies } from '../system/stage.mjs';
import { Chain } from './chain.mjs';

const made = await run(join(root, 'tools/sdk'), ['ts']);
if (made.code !== 0) {
  console.log(`${made.out}${made.err}\n0 passed, 1 failed`);
  process.exit(1);
}
const { ClavigerClient, ClavigerError, createClavigerSigner } = await import(join(build, 'sdk/ts/dist/index.js'));
const { toWallet } = await import(join(build, 'sdk/ts/dist/web3.js'));
const { nodeTransport } = await import(join(build, 'sdk/ts/dist/node.js'));

const chain = new Chain();
let key; // the deployment's
const configOf = (s, party, more = {}) => ({
  url: s.signer.url, token: party.token, wallet: party.name, address: party.address, ca: readFileSync(s.signer.ca, 'utf8'),
  trust: { deploymentKey: key }, ...more,
});
const open = (s, party, more) => createClavigerSigner(configOf(s, party, more));
const sol = (source, to, amount) => system.getTransferSolInstruction({ source, destination: kit.address(to), amount });
const built = (signer, instructions, version = 0) => kit.pipe(
  kit.createTransactionMessage({ version }),
  (m) => kit.setTransactionMessageFeePayerSigner(signer, m),
  (m) => kit.setTransactionMessageLifetimeUsingBlockhash({ blockhash: chain.svm.latestBlockhash(), lastValidBlockHeight: 1000n }, m),
  (m) => (version === 1 ? kit.setTransactionMessageConfig({ computeUnitLimit: 200_000, loadedAccountsDataSizeLimit: 1 << 20 }, m) : m),
  (m) => kit.appendTransactionMessageInstructions(instructions, m),
);
const wire = (signed) => new Uint8Array(Buffer.from(kit.getBase64EncodedWireTransaction(signed), 'base64'));
let amount = 1_000_000n;
const unlike = () => ++amount; // so that no two transactions are the same
const bytesTo = (signer, lamports = unlike(), to = friend) => kit.compileTransaction(built(signer, [sol(signer, to, lamports)]));
const caught = (promise) => promise.then((value) => { throw new Error(`it went through: ${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`); }, (error) => error);

// A transport that lets `bend(request, send, count)` answer instead of the network; counts by path.
function bent(s, bend = (request, send) => send()) {
  const real = nodeTransport(readFileSync(s.signer.ca, 'utf8'));
  const seen = [];
  const transport = (request) => {
    seen.push({ path: request.url.pathname, headers: request.headers, body: request.body });
    const count = seen.filter((each) => each.path === request.url.pathname).length;
    return bend(request, () => real(request), count);
  };
  return { transport, seen, at: (path) => seen.filter((each) => each.path === path) };
}
const answer = (status, body, headers = {}) => ({ status, header: (name) => headers[name.toLowerCase()] ?? null, body: new TextEncoder().encode(JSON.stringify(body)) });
const problem = (status, code, retryable) => ({ type: `urn:claviger:problem:${code}`, title: code, status, code, detail: code, retryable });

for (const version of ['legacy', 0, 1]) {
  test(`kit: a ${version} transaction is signed, verified and executed`, async (s) => {
    const signer = open(s, s.one);
    chain.fund(signer.address);
    const before = chain.svm.getBalance(kit.address(friend)) ?? 0n;
    const signed = await kit.signTransactionMessageWithSigners(built(signer, [sol(signer, friend, unlike())], version));
    chain.execute(wire(signed));
    expect(chain.svm.getBalance(kit.address(friend)) === before + amount, 'the friend was not paid');
  });
}

test('it is the keychain\'s SolanaSigner, available only for a wallet that it may use', async (s) => {
  const signer = open(s, s.one);
  expect(isSolanaSigner(signer) && kit.isTransactionPartialSigner(signer) && kit.isMessagePartialSigner(signer), 'not a signer');
  expect(await signer.isAvailable() === true, 'not available');
  for (const [why, more] of [['another address', { address: someone('else') }], ['no such wallet', { wallet: 'nowhere' }],
    ['another deployment', { trust: { deploymentKey: '0'.repeat(64) } }], ['a bad token', { token: 'x' }],
    ['nobody there', { url: 'https://127.0.0.1:9', retry: { attempts: 1 } }], ['another certificate', { ca: undefined, trust: 'tls' }]])
    expect(await open(s, s.one, more).isAvailable() === false, `${why}: available`);
});

test('a wallet with a second signer stays partial', async (s) => {
  const signer = open(s, s.one);
  const payer = await kit.generateKeyPairSigner();
  chain.fund(payer.address);
  const message = kit.pipe(built(payer, [sol(signer, friend, unlike())]));
  const signed = await kit.signTransactionMessageWithSigners(message);
  chain.execute(wire(signed));
});

test('an off-chain message is signed; raw bytes are not', async (s) => {
  const signer = open(s, s.words);
  const text = Buffer.concat([Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([1, 1]), Buffer.from(kit.getAddressEncoder().encode(signer.address)), Buffer.from('hello')]);
  const refused = await caught(signer.signMessages([kit.createSignableMessage(new Uint8Array(text))]));
  expect(refused.reason === 'policy_denied', refused.reason, refused.message); // the transfer policy signs no text
  const raw = await caught(signer.signMessages([kit.createSignableMessage('hello')]));
  expect(raw.status === 400 && raw.code === SignerErrorCode.REMOTE_API_ERROR, raw.reason, raw.message);
});

test('several at once are signed all or none', async (s) => {
  const signer = open(s, s.counted);
  const left = async () => (await s.left(s.counted)).left[0];
  const first = await left();
  const good = () => bytesTo(signer, 10_000n + unlike());
  const error = await caught(signer.signTransactions([good(), good(), bytesTo(signer, unlike(), someone('thief')), good()]));
  expect(error instanceof ClavigerError && error.reason === 'batch_aborted', error);
  expect(await left() === first, 'a refused batch was counted');
  const items = [good(), good(), good()];
  const all = await signer.signTransactions(items);
  expect(all.length === 3 && items.every((item, i) => verifies(signer.address, item.messageBytes, all[i][signer.address])), 'bad signatures');
  expect(await left() < first, 'nothing was counted');
  expect((await signer.signTransactions([])).length === 0, 'none is none');
});

test('more than the signer takes at once go in parts', async (s) => {
  const net = bent(s);
  const signer = open(s, s.one, { transport: net.transport });
  const items = Array.from({ length: 35 }, () => bytesTo(signer));
  const all = await signer.signTransactions(items);
  expect(items.every((item, i) => verifies(signer.address, item.messageBytes, all[i][signer.address])), 'bad signatures');
  expect(net.at('/api/v1/batch').length === 3, net.seen.length);
});

test('signEach: each has its own result', async (s) => {
  const signer = open(s, s.one);
  const [yes, no, also] = await signer.signEach([bytesTo(signer), bytesTo(signer, unlike(), someone('thief')), bytesTo(signer)]);
  expect(yes[signer.address] && also[signer.address] && no instanceof ClavigerError && no.reason === 'policy_denied', no);
});

test('a refusal is typed, says why, and is not sent again', async (s) => {
  const net = bent(s);
  let retries = 0;
  const signer = open(s, s.one, { transport: net.transport, onRetry: () => retries++ });
  const error = await caught(signer.signTransactions([bytesTo(signer, 1_000_000_001n)]));
  expect(error instanceof ClavigerError && error instanceof SignerError, error);
  expect(error.code === SignerErrorCode.REMOTE_API_ERROR && error.reason === 'policy_denied' && error.status === 422 && !error.retryable, error);
  expect(error.reasons.length === 1 && error.reasons[0].grant === s.one.grant && error.reasons[0].instruction === 0 &&
    error.reasons[0].text.includes('1000000001') && error.reasons[0].fuel > 0n, error.reasons[0].text);
  expect(/^[0-9a-f]{64}$/.test(error.decision) && error.message.includes(error.decision) && error.context.reason === 'policy_denied', error.message);
  expect(retries === 0 && net.at('/api/v1/sign').length === 1, retries);
  const receipt = await signer.client.receipt(error.decision);
  expect(receipt.length > 100, 'no receipt of it');
});

test('explain signs and counts nothing, and gives facts and reasons', async (s) => {
  const signer = open(s, s.counted);
  const { left: [first] } = await s.left(s.counted);
  const yes = await signer.explain(bytesTo(signer, 777n));
  expect(yes.verdict === 'allow' && yes.code === 'allowed' && yes.facts.lamportsOut >= 777n && yes.facts.feeLamports === 5000n, yes.verdict, yes.code);
  const no = await signer.explain(bytesTo(signer, unlike(), someone('thief')));
  expect(no.verdict === 'deny' && no.code === 'policy_denied' && no.reasons.length === 1 && no.reasons[0].text.length > 0, no.code);
  expect((await s.left(s.counted)).left[0] === first, 'a dry run was counted');
});

test('signEach: a part that is lost, or one wrong signature, takes nothing from the others', async (s) => {
  const net = bent(s, async (request, send, count) => {
    if (request.url.pathname !== '/api/v1/batch') return send();
    if (count > 1) throw new Error('connection reset');
    const got = await send();
    const body = JSON.parse(new TextDecoder().decode(got.body));
    body.results[1].signature = body.results[0].signature;
    return { ...got, body: new TextEncoder().encode(JSON.stringify(body)) };
  });
  const signer = open(s, s.one, { transport: net.transport, retry: { attempts: 1 } });
  const results = await signer.signEach(Array.from({ length: 18 }, () => bytesTo(signer)));
  const told = results.map((result) => (result instanceof ClavigerError ? result.reason : 'signed'));
  expect(told[0] === 'signed' && told[1] === 'signature_wrong' && told.slice(2, 16).every((each) => each === 'signed') &&
    told.slice(16).join() === 'no_connection,no_connection', told);
  const stop = AbortSignal.abort(new Error('the bot moved on'));
  expect((await caught(signer.signEach([bytesTo(signer)], { abortSignal: stop }))) === stop.reason, 'an aborted call has results');
});

// A8's spirit for bots: the token goes to nobody who has not shown who he is
test('another deployment than the pinned one gets neither token nor transaction', async (s) => {
  const net = bent(s);
  const signer = open(s, s.one, { transport: net.transport, trust: { deploymentKey: '1'.repeat(64) } });
  const error = await caught(signer.signTransactions([bytesTo(signer)]));
  expect(error.code === SignerErrorCode.NOT_AVAILABLE && error.reason === 'signer_untrusted', error);
  expect(net.seen.length === 1 && net.seen.every((each) => each.headers.authorization === undefined), net.seen.map((each) => each.path));
});

// A22, A23's spirit: evidence that is stale, bent, another's, or came through somebody else's connection
test('evidence is judged before anything is sent, and a relay has another TLS key', async (s) => {
  const bend = (change) => bent(s, async (request, send) => {
    const got = await send();
    return request.url.pathname === '/api/v1/evidence' ? change(got, request) : got;
  });
  const evidenceOf = (got) => Buffer.from(JSON.parse(new TextDecoder().decode(got.body)).evidence, 'base64');
  const again = (got, evidence, more = {}) => ({ ...got, ...answer(200, { evidence: evidence.toString('base64') }), tlsKey: got.tlsKey, ...more });
  const kept = evidenceOf(await bent(s).transport({ method: 'GET', url: new URL(`${s.signer.url}/api/v1/evidence?nonce=${'ab'.repeat(32)}`), headers: {}, signal: AbortSignal.timeout(10_000) }));
  const lies = {
    nonce: (got) => again(got, kept),
    'evidence-form': (got) => again(got, evidenceOf(got).subarray(1)),
    'TLS key': (got) => again(got, evidenceOf(got), { tlsKey: '00'.repeat(32) }),
    'another TLS': (got) => again(got, evidenceOf(got), { tlsKey: '' }),
  };
  for (const [words, change] of Object.entries(lies)) {
    const net = bend(change);
    const error = await caught(open(s, s.one, { transport: net.transport }).signTransactions([bytesTo(open(s, s.one))]));
    expect(error.reason === 'signer_untrusted' && error.message.includes(words) && net.seen.length === 1, words, error.message);
  }
  // any byte: the node statement, the quote, its signature, the values; never accepted
  for (let i = 0; i < 24; i++) {
    const net = bend((got) => {
      const evidence = evidenceOf(got);
      evidence[Math.floor(((i + 0.5) * evidence.length) / 24)] ^= 1;
      return again(got, evidence);
    });
    const error = await caught(open(s, s.one, { transport: net.transport }).signTransactions([bytesTo(open(s, s.one))]));
    expect(error.reason === 'signer_untrusted' && net.seen.length === 1, i, error.message);
  }
  // a policy of the user's own: hardware is wanted, and this TPM is software
  const under = (evidence) => caught(open(s, s.one, { trust: { deploymentKey: key, evidence } }).signTransactions([bytesTo(open(s, s.one))]));
  const none = await under({});
  expect(none.reason === 'signer_untrusted' && none.message.includes('(policy)'), none.message);
  const odd = await under({ software_tpm: true, release: 'r1' });
  expect(odd.code === SignerErrorCode.CONFIG_ERROR, odd.message);
  // a TPM without a certificate cannot be enrolled
  const software = await caught(open(s, s.one, { trust: { deploymentKey: key, activate: true } }).signTransactions([bytesTo(open(s, s.one))]));
  expect(software.reason === 'signer_untrusted' && software.message.includes('shows no endorsement key'), software.message);
  const asked = [];
  const trust = { deploymentKey: key, verify: ({ report }) => { asked.push(report.mode, report.hardware); throw new Error('not this machine'); } };
  const error = await caught(open(s, s.one, { trust }).signTransactions([bytesTo(open(s, s.one))]));
  expect(error.message === 'not this machine' && asked.join() === 'workstation,false', error);
});

// B9: also whoever lets the first connection through to the node, and takes the next ones himself
test('a relay that comes after the evidence gets neither token nor transaction', async (s) => {
  const at = (name) => join(s.signer.folder, name);
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('relay.key'),
    '-out', at('relay.pem'), '-days', '9', '-subj', '/CN=relay', '-addext', 'subjectAltName=IP:127.0.0.1']);
  expect(made.code === 0, made.err);
  const seen = [];
  const liar = https.createServer({ key: readFileSync(at('relay.key')), cert: readFileSync(at('relay.pem')) }, (request, answer) => {
    seen.push(`${request.url.split('?')[0]} ${request.headers.authorization}`);
    https.get(`${s.signer.url}${request.url}`, { ca: readFileSync(s.signer.ca) }, (from) => from.pipe(answer.writeHead(from.statusCode)));
  });
  await new Promise((resolve) => liar.listen(0, '127.0.0.1', resolve));
  // lets those connections through for which `through` says so, and keeps the others
  const between = async (through) => {
    const connections = [];
    const relay = net.createServer((from) => {
      const to = net.connect(through(connections.length) ? s.signer.port : liar.address().port, '127.0.0.1');
      connections.push(from.pipe(to).pipe(from));
      for (const side of [from, to]) side.on('error', () => { from.destroy(); to.destroy(); });
    });
    await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
    return { relay, connections, more: { url: `https://127.0.0.1:${relay.address().port}`, ca: `${readFileSync(s.signer.ca, 'utf8')}${readFileSync(at('relay.pem'), 'utf8')}` } };
  };
  const all = async (signer) => {
    const calls = [signer.signTransactions([bytesTo(signer)]), signer.client.wallet(s.one.name), signer.client.events(s.one.name).next()];
    return Promise.all(calls.map(caught));
  };
  const first = await between((count) => count === 0);
  const errors = await all(open(s, s.one, first.more));
  expect(errors.every((error) => error.reason === 'signer_untrusted' && error.message.includes('another TLS')), errors);
  expect(first.connections.length > 3 && seen.every((each) => each === '/api/v1/evidence undefined'), first.connections.length, seen);
  // people set this for certificates of their own; it must not open the pin (nor does it change `ca`)
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  const unguarded = await between((count) => count === 0);
  const still = await all(open(s, s.one, unguarded.more)).finally(() => { delete process.env.NODE_TLS_REJECT_UNAUTHORIZED; });
  expect(still.every((error) => error.reason === 'signer_untrusted') && seen.every((each) => each.endsWith(' undefined')), still, seen);
  // one that goes away again: who answers is asked once more, and then it is signed
  seen.length = 0;
  let judged = 0;
  const passing = await between((count) => count !== 1);
  const signer = open(s, s.one, { ...passing.more, trust: { deploymentKey: key, verify: () => { judged++; } } });
  const [signed] = await signer.signTransactions([bytesTo(signer)]);
  expect(signed[signer.address].length === 64 && judged === 2 && passing.connections.length >= 3 && seen.length === 0, judged, passing.connections.length, seen);
  for (const each of [first.relay, unguarded.relay, passing.relay, liar]) each.close();
  liar.closeAllConnections();
});

test('the API\'s calls and streams judge who answers as the signer does', async (s) => {
  const net = bent(s);
  const { client } = open(s, s.one, { transport: net.transport, trust: { deploymentKey: '1'.repeat(64) } });
  for (const call of [client.wallet(s.one.name), client.check({ wallet: s.one.name, message: new Uint8Array(1) }), client.events(s.one.name).next()])
    expect((await caught(call)).reason === 'signer_untrusted', 'it was asked');
  expect(net.seen.every((each) => each.path === '/api/v1/evidence' && each.headers.authorization === undefined), net.seen.map((each) => each.path));
});

test('who hears nothing is told what to look at', async (s) => {
  const message = async (more) => (await caught(open(s, s.one, { retry: { attempts: 1 }, ...more }).client.wallet(s.one.name))).message;
  const late = bent(s, (request) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))));
  expect((await message({ transport: late.transport, timeoutMs: 20 })).endsWith('none within 20 ms'), 'nobody says how long it was');
  expect((await message({ ca: undefined })).includes('"ca" must hold the certificate'), await message({ ca: undefined }));
});

test('who gives up while the node is judged stops nobody else', async (s) => {
  let go;
  const net = bent(s, async (request, send) => {
    if (request.url.pathname === '/api/v1/evidence') await new Promise((resolve) => { go = resolve; });
    return send();
  });
  const signer = open(s, s.one, { transport: net.transport });
  const [stop, why] = [new AbortController(), new Error('the bot moved on')];
  const first = caught(signer.signTransactions([bytesTo(signer)], { abortSignal: stop.signal }));
  const second = signer.signTransactions([bytesTo(signer)]);
  while (go === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
  stop.abort(why);
  expect(await first === why, 'another error');
  go();
  await second;
  expect(net.at('/api/v1/evidence').length === 1, 'it was judged twice');
});

test('an answer that gets lost is asked for again, and counts once', async (s) => {
  const before = (await s.left(s.counted)).left[0];
  const net = bent(s, async (request, send, count) => {
    const got = await send();
    if (request.url.pathname === '/api/v1/sign' && count <= 2) throw new Error('connection reset');
    return got;
  });
  const retries = [];
  const signer = open(s, s.counted, { transport: net.transport, onRetry: (error) => retries.push(error.reason) });
  const item = bytesTo(signer, 5_000n);
  const [signatures] = await signer.signTransactions([item]);
  expect(verifies(signer.address, item.messageBytes, signatures[signer.address]), 'bad signature');
  const sent = net.at('/api/v1/sign');
  expect(sent.length === 3 && new Set(sent.map((each) => each.headers['idempotency-key'])).size === 1 && new Set(sent.map((each) => each.body)).size === 1, sent.length);
  expect(retries.join() === 'no_connection,no_connection', retries);
  expect(before - (await s.left(s.counted)).left[0] === 10_000n, 'it was not counted once');
});

test('503 and 429 are tried again after Retry-After; other refusals and broken answers are not', async (s) => {
  const first = (status, body, headers) => bent(s, (request, send, count) =>
    (request.url.pathname === '/api/v1/sign' && count === 1 ? answer(status, body, headers) : send()));
  for (const status of [429, 502, 503, 504]) {
    const net = first(status, problem(status, 'overloaded', true), status === 503 ? { 'retry-after': '1' } : {});
    const began = Date.now();
    const signer = open(s, s.one, { transport: net.transport });
    await signer.signTransactions([bytesTo(signer)]);
    expect(net.at('/api/v1/sign').length === 2, status, net.at('/api/v1/sign').length);
    expect(status !== 503 || Date.now() - began >= 990, 'Retry-After was not waited for');
  }
  for (const [status, body] of [[400, problem(400, 'request_malformed', false)], [403, problem(403, 'grant_not_yet', true)],
    [409, problem(409, 'conflict', false)], [422, problem(422, 'policy_denied', false)], [500, problem(500, 'internal', false)],
    [503, problem(503, 'store_corrupt', false)], [200, ['odd']], [200, {}]]) {
    const net = first(status, body);
    const signer = open(s, s.one, { transport: net.transport });
    const error = await caught(signer.signTransactions([bytesTo(signer)]));
    expect(error instanceof ClavigerError && net.at('/api/v1/sign').length === 1, status, net.at('/api/v1/sign').length);
    if (status === 200) expect(error.code === SignerErrorCode.PARSING_ERROR, error.code);
  }
  const late = first(429, problem(429, 'window_spent', true), { 'retry-after': '600' });
  const signer = open(s, s.one, { transport: late.transport });
  const error = await caught(signer.signTransactions([bytesTo(signer)]));
  expect(error.retryAfterMs === 600_000 && late.at('/api/v1/sign').length === 1, 'it waited for ten minutes');
});

test('a window that is spent is refused in words', async (s) => {
  const signer = open(s, s.hourly);
  await signer.signTransactions([bytesTo(signer)]);
  const error = await caught(signer.signTransactions([bytesTo(signer)]));
  expect(error.reason === 'window_spent' && error.status === 429 && error.reasons[0].text.includes('left under this grant'), error.message);
});

test('one Idempotency-Key with other bytes is refused', async (s) => {
  const { client, address } = open(s, s.one);
  const ask = () => ({ wallet: s.one.name, transaction: Uint8Array.from(bytesTo(open(s, s.one)).messageBytes) });
  const idempotencyKey = `test-${fresh()}`;
  const request = ask();
  const one = await client.sign(request, { idempotencyKey });
  const again = await client.sign(request, { idempotencyKey });
  expect(Buffer.compare(one.signature, again.signature) === 0 && again.repeated && verifies(address, request.transaction, one.signature), 'not the same');
  const error = await caught(client.sign(ask(), { idempotencyKey }));
  expect(error.reason === 'idempotency_mismatch' && error.status === 422, error.message);
});

test('abortSignal ends it at once: before, in flight, and between two attempts', async (s) => {
  const why = new Error('the bot moved on');
  const before = bent(s);
  expect(await caught(open(s, s.one, { transport: before.transport }).signTransactions([bytesTo(open(s, s.one))], { abortSignal: AbortSignal.abort(why) })) === why, 'another error');
  expect(before.seen.length === 0, 'something was sent');
  for (const bend of [(request) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))),
    () => answer(503, problem(503, 'overloaded', true), { 'retry-after': '15' })]) {
    const net = bent(s, (request, send) => (request.url.pathname === '/api/v1/sign' ? bend(request) : send()));
    const signer = open(s, s.one, { transport: net.transport });
    const stop = new AbortController();
    const pending = caught(kit.signTransactionMessageWithSigners(built(signer, [sol(signer, friend, unlike())]), { abortSignal: stop.signal }));
    while (net.at('/api/v1/sign').length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    stop.abort(why);
    expect(await pending === why, 'another error');
  }
});

test('a token that does not come, or is none, is told as such, and nothing is sent', async (s) => {
  const why = new Error('the bot moved on');
  const ask = async (more, options) => {
    const net = bent(s);
    const signer = open(s, s.one, { transport: net.transport, ...more });
    const error = await caught(signer.signTransactions([bytesTo(signer)], options));
    expect(net.at('/api/v1/sign').length === 0, 'it was sent');
    return error;
  };
  const never = () => new Promise(() => {});
  const stop = new AbortController();
  setTimeout(() => stop.abort(why), 50);
  expect(await ask({ token: never }, { abortSignal: stop.signal }) === why, 'the signal does not end it');
  const late = await ask({ token: never, timeoutMs: 300 });
  expect(late.code === SignerErrorCode.CONFIG_ERROR && late.message.includes('gave none within 300 ms'), late.message);
  for (const token of ['', ' \n', 'two\nlines', 'two words', 't\u00f6ken', async () => { throw new Error('no such file'); }]) {
    const error = await ask({ token });
    expect(error.code === SignerErrorCode.CONFIG_ERROR && error.message.includes('"token"') && !error.retryable, error.message);
  }
  const { client } = open(s, s.one);
  for (const idempotencyKey of ['', 'a\nb', 'x'.repeat(129)])
    expect((await caught(client.sign({ wallet: 'one', message: new Uint8Array(1) }, { idempotencyKey }))).message.includes('"idempotencyKey"'), idempotencyKey);
});

test('a stream comes again for as long as the signer is away; one that never stood gives up', async (s) => {
  let asked = 0;
  const tell = async function* () { yield new TextEncoder().encode(`event: gap\nid: ${asked}\ndata: {}\n\n`); };
  const streams = async () => {
    if (++asked !== 1 && asked !== 5) throw new Error('connection refused');
    return { status: 200, header: () => null, body: tell() };
  };
  const follow = () => open(s, s.one, { trust: 'tls', streams, retry: { attempts: 2 } }).client.events('one');
  const events = follow();
  expect((await events.next()).value.cursor === '1' && (await events.next()).value.cursor === '5', asked);
  asked = 5;
  expect((await caught(follow().next())).reason === 'no_connection' && asked === 7, asked);
});

test('what is built for browsers has nothing of Node in it', async () => {
  const folder = join(build, 'sdk/ts');
  const { browser } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(join(folder, 'dist'), { recursive: true }).filter((name) => name.endsWith('.js'));
  const ofNode = files.filter((name) => /(from|import\()\s*'node:/.test(readFileSync(join(folder, 'dist', name), 'utf8')));
  expect(ofNode.join() === 'node.js' && browser['./dist/node.js'] === false, ofNode);
});

test('a signature that is none of ours is refused, whoever sends it', async (s) => {
  const other = open(s, s.counted);
  const theirs = await other.client.sign({ wallet: s.counted.name, transaction: Uint8Array.from(bytesTo(other, 3_000n).messageBytes) });
  const net = bent(s, async (request, send) => {
    const got = await send();
    if (request.url.pathname !== '/api/v1/sign') return got;
    return answer(200, { ...JSON.parse(new TextDecoder().decode(got.body)), signature: Buffer.from(theirs.signature).toString('base64') });
  });
  const signer = open(s, s.one, { transport: net.transport });
  const error = await caught(signer.signTransactions([bytesTo(signer)]));
  expect(error.code === SignerErrorCode.SIGNING_FAILED && error.reason === 'signature_wrong', error);
});

test('a token can rotate while the signer is in use', async (s) => {
  await s.client('rotates');
  await s.grant('one', 'rotates');
  const signer = open(s, { ...s.one, token: async () => `${s.signer.token('rotates')}\n` }); // as it stands in its file
  await signer.signTransactions([bytesTo(signer)]);
  const old = s.signer.token('rotates');
  await s.signer.must('client', 'token', 'rotates');
  expect(s.signer.token('rotates') !== old, 'the token is the old one');
  await signer.signTransactions([bytesTo(signer)]);
});

test('bad configuration is refused where it is written', async (s) => {
  for (const [name, more, code] of [['http', { url: 'http://127.0.0.1:8200' }, SignerErrorCode.CONFIG_ERROR], ['no url', { url: 'signer' }, SignerErrorCode.CONFIG_ERROR],
    ['no address', { address: 'bot' }, SignerErrorCode.INVALID_PUBLIC_KEY], ['no trust', { trust: undefined }, SignerErrorCode.CONFIG_ERROR],
    ['a path', { url: `${s.signer.url}/api` }, SignerErrorCode.CONFIG_ERROR], ['a file\'s name', { ca: s.signer.ca }, SignerErrorCode.CONFIG_ERROR],
    ['half a key', { trust: { deploymentKey: 'abcd' } }, SignerErrorCode.CONFIG_ERROR],
    // what would leave a check out, or never end
    ['no policy where one is meant', { trust: { deploymentKey: key, evidence: null } }, SignerErrorCode.CONFIG_ERROR],
    ['a member misspelt', { trust: { deploymentKey: key, evidnce: {} } }, SignerErrorCode.CONFIG_ERROR],
    ['a text for true', { trust: { deploymentKey: key, activate: 'yes' } }, SignerErrorCode.CONFIG_ERROR],
    ['no number of attempts', { retry: { attempts: NaN } }, SignerErrorCode.CONFIG_ERROR],
    ['no deadline', { retry: { deadlineMs: NaN } }, SignerErrorCode.CONFIG_ERROR],
    ['more than timers take', { timeoutMs: 2 ** 31 }, SignerErrorCode.CONFIG_ERROR]]) {
    let error;
    try { open(s, s.one, more); } catch (thrown) { error = thrown; }
    expect(error?.code === code && error instanceof ClavigerError, name, error?.message);
  }
  const client = new ClavigerClient(configOf(s, s.one));
  expect((await caught(client.sign({ wallet: 'one' }))).code === SignerErrorCode.CONFIG_ERROR, 'neither transaction nor message');
  expect((await caught(client.batch([]))).code === SignerErrorCode.CONFIG_ERROR, 'an empty batch');
});

test('web3.js: legacy and v0, one or all, also beside another signer', async (s) => {
  const wallet = toWallet(open(s, s.one));
  chain.fund(kit.address(s.one.address));
  const recentBlockhash = chain.svm.latestBlockhash();
  const pay = () => web3.SystemProgram.transfer({ fromPubkey: wallet.publicKey, toPubkey: new web3.PublicKey(friend), lamports: Number(unlike()) });
  const legacy = () => new web3.Transaction({ feePayer: wallet.publicKey, blockhash: recentBlockhash, lastValidBlockHeight: 1000 }).add(pay());
  const v0 = () => new web3.VersionedTransaction(new web3.TransactionMessage({ payerKey: wallet.publicKey, recentBlockhash, instructions: [pay()] }).compileToV0Message());
  for (const each of [await wallet.signTransaction(legacy()), await wallet.signTransaction(v0()), ...await wallet.signAllTransactions([v0(), legacy(), v0()])])
    chain.execute(new Uint8Array(each.serialize()));
  const sponsor = web3.Keypair.generate();
  chain.fund(kit.address(sponsor.publicKey.toBase58()));
  const both = new web3.Transaction({ feePayer: sponsor.publicKey, blockhash: recentBlockhash, lastValidBlockHeight: 1000 }).add(pay());
  both.partialSign(sponsor);
  chain.execute(new Uint8Array((await wallet.signTransaction(both)).serialize()));
  const bad = v0();
  const thief = new web3.VersionedTransaction(new web3.TransactionMessage({ payerKey: wallet.publicKey, recentBlockhash,
    instructions: [web3.SystemProgram.transfer({ fromPubkey: wallet.publicKey, toPubkey: new web3.PublicKey(someone('thief')), lamports: 1 })] }).compileToV0Message());
  await caught(wallet.signAllTransactions([bad, thief]));
  expect(bad.signatures[0].every((byte) => byte === 0), 'one of a refused pair was signed');
  const incomplete = await caught(wallet.signTransaction(new web3.Transaction().add(pay())));
  expect(incomplete.code === SignerErrorCode.SERIALIZATION_ERROR, incomplete.message);
});

test('the examples run as they stand', async (s) => {
  await chain.listen();
  const env = { CLAVIGER_SERVER: s.signer.url, CLAVIGER_TOKEN: s.one.token, CLAVIGER_ADDRESS: s.one.address, CLAVIGER_CA: s.signer.ca,
    CLAVIGER_DEPLOYMENT_KEY: key, RPC_URL: chain.url, RECIPIENT: friend };
  const example = async (name) => {
    const { code, out, err } = await run(process.execPath, [join(build, `sdk/ts/examples/${name}.js`)], { env });
    expect(code === 0, name, code, out, err);
    return out.trim().split('\n');
  };
  const done = chain.executed.length;
  const lines = [...await example('kit'), ...await example('web3')];
  expect(lines.length === 3 && lines.every((line, i) => chain.executed[done + i] === line), lines);
  const words = await example('refusals');
  expect(words[0].startsWith('allow: ') && words[1].startsWith('policy_denied: ') && words[1].includes('2000000000') && words[3] === 'signed, policy_denied', words);
});

// The last one: the signer is another process afterwards.
test('a restart of the signer is noticed, and who answers is checked again', async (s) => {
  const { port } = s.signer;
  const net = bent(s, (request) => nodeTransport(readFileSync(s.signer.ca, 'utf8'))({ ...request, url: new URL(request.url.href.replace(`:${port}`, `:${s.signer.port}`)) }));
  const signer = open(s, s.one, { transport: net.transport });
  for (let i = 0; i < 2; i++) await signer.signTransactions([bytesTo(signer)]);
  expect(net.at('/api/v1/evidence').length === 1, 'it was checked twice without need');
  await s.signer.stop();
  await s.signer.start();
  for (let i = 0; i < 3; i++) await signer.signTransactions([bytesTo(signer)]);
  expect(net.at('/api/v1/evidence').length === 2, 'nobody asked who it is', net.at('/api/v1/evidence').length);
});

await play(async (s) => {
  await s.signer.start();
  await s.user('user');
  s.one = await s.party('one');
  s.words = await s.party('words');
  s.counted = await s.party('counted', {}, ['--cap', 'lamports:total:5000000000']);
  s.hourly = await s.party('hourly', {}, ['--cap', 'uses:1h:1']);
  const { body } = await s.signer.api('GET', '/api/v1/channel');
  key = body.deployment_key;
});
