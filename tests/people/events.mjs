// SPDX-License-Identifier: Apache-2.0
// A wallet's stream of events, through the SDK and raw: what a client is told, and what it is not (U6).
// usage: node tests/people/events.mjs [WORD...]   only the tests whose name contains one of the words
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { EventSource } from 'eventsource';
import { expect, play, signed, test } from '../system/cases.mjs';
import { build, root, run, someone } from '../system/stage.mjs';

const made = await run(join(root, 'tools/sdk'), ['ts']);
if (made.code !== 0) {
  console.log(`${made.out}${made.err}\n0 passed, 1 failed`);
  process.exit(1);
}
const { ClavigerClient, ClavigerError } = await import(join(build, 'sdk/ts/dist/index.js'));
const clientOf = (s, token) => new ClavigerClient({ url: s.signer.url, token, ca: readFileSync(s.signer.ca, 'utf8'), trust: 'tls', retry: { attempts: 8 } });

// Follows a wallet; next(kind) resolves to the next event of that kind.
function follow(s, token, wallet, options = {}) {
  const stop = new AbortController();
  const events = clientOf(s, token).events(wallet, { ...options, abortSignal: AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]) });
  const seen = [];
  return {
    seen,
    close: () => stop.abort(),
    async next(kind) {
      for (;;) {
        const { value } = await events.next();
        seen.push(value);
        if (value.kind === kind) return value;
      }
    },
  };
}

// One raw request; resolves to {status, headers, text} once `enough(text)` or the end.
function raw(s, path, headers, enough = () => false, method = 'GET') {
  return new Promise((resolve, reject) => {
    const request = https.request(`${s.signer.url}${path}`, { method, headers, agent: false, ca: readFileSync(s.signer.ca) }, (answer) => {
      let text = '';
      const done = () => resolve({ status: answer.statusCode, headers: answer.headers, text, close: () => request.destroy() });
      answer.setEncoding('utf8').on('data', (part) => { text += part; if (enough(text)) done(); });
      answer.on('end', done);
      answer.on('error', () => {});
    });
    request.on('error', reject);
    request.end();
  });
}
const bearer = (token) => ({ authorization: `Bearer ${token}` });

test('it begins with the wallet, and tells each decision with its reason, once, in order', async (s) => {
  const stream = follow(s, s.one.token, 'one');
  const { wallet } = await stream.next('wallet');
  expect(wallet.address === s.one.address && wallet.grants[0].id === s.one.grant && !wallet.frozen, wallet.name);
  const yes = await s.pay(s.one, 5);
  signed(yes);
  const no = await s.pay(s.one, 5, { to: someone('thief') });
  const allow = await stream.next('decision');
  expect(allow.decision === yes.body.decision && allow.verdict === 'allow' && allow.code === 'signed' && allow.lamportsOut === 5005n, allow.code);
  const deny = await stream.next('decision');
  expect(deny.decision === no.body.decision && deny.verdict === 'deny' && deny.code === 'policy_denied' && deny.text.length > 0 && deny.grant === s.one.grant, deny.code);
  expect(deny.sequence.number === BigInt(no.body.sequence.number) && deny.messageHash === no.body.message_hash, 'another decision');
  stream.close();
  // Who comes back goes on where he was: the second decision, not the first.
  const again = follow(s, s.one.token, s.one.address, { cursor: allow.cursor });
  expect((await again.next('decision')).decision === no.body.decision, 'another one');
  again.close();
});

test('more decisions than one answer holds all come', async (s) => {
  const stream = follow(s, s.one.token, 'one');
  await stream.next('wallet');
  const made = [];
  for (let i = 0; i < 30; i++) made.push((await s.pay(s.one)).body.decision);
  for (const decision of made) expect((await stream.next('decision')).decision === decision, 'not in order');
  stream.close();
});

test('freezes, grants and revocations are told', async (s) => {
  const stream = follow(s, s.two.token, 'two');
  await stream.next('wallet');
  const words = ['--key', s.key('user')];
  await s.signer.must('wallet', 'freeze', 'two', ...words);
  expect((await stream.next('wallet')).wallet.frozen === true, 'not frozen');
  await s.signer.must('wallet', 'unfreeze', 'two', ...words, '--yes');
  expect((await stream.next('wallet')).wallet.frozen === false, 'still frozen');
  const second = await s.grant('two', 'two');
  expect((await stream.next('wallet')).wallet.grants.some((grant) => grant.id === second), 'no new grant');
  await s.signer.must('grant', 'revoke', second, '--wallet', 'two', ...words, '--yes');
  expect(!(await stream.next('wallet')).wallet.grants.some((grant) => grant.id === second), 'it is still there');
  stream.close();
});

test('a change that begins to wait, and its end, are told', async (s) => {
  await s.client('slow');
  await s.wallet('slow');
  await s.grant('slow', 'slow');
  const words = ['--key', s.key('user'), '--yes'];
  await s.signer.must('factor', 'delay', 'slow', '--changes', '1h', ...words);
  const stream = follow(s, s.signer.token('slow'), 'slow');
  expect((await stream.next('wallet')).wallet.pending.length === 0, 'something waits already');
  await s.signer.cli(...s.grantWords('slow', 'slow', {}, [], 'user'));
  const { wallet: { pending } } = await stream.next('wallet');
  expect(pending.length === 1 && pending[0].action === 'grant' && !pending[0].done && pending[0].opens > BigInt(Math.floor(Date.now() / 1000)) + 3000n, pending.length);
  await s.signer.must('change', 'cancel', pending[0].change, '--wallet', 'slow', '--key', s.key('user'));
  expect((await stream.next('wallet')).wallet.pending.length === 0, 'it still waits');
  stream.close();
});

// U6
test('nobody is told of others', async (s) => {
  await s.client('beside');
  await s.grant('one', 'beside');
  const stream = follow(s, s.signer.token('beside'), 'one');
  await stream.next('wallet');
  await s.pay(s.one); // by another client
  const mine = await s.signer.sign(s.signer.token('beside'), 'one', s.message(s.one));
  expect((await stream.next('decision')).decision === mine.body.decision, 'another client\'s decision was told');
  stream.close();
  for (const [path, headers, status] of [['/api/v1/wallets/one/events', {}, 401], ['/api/v1/wallets/one/events', bearer('x'.repeat(64)), 401],
    ['/api/v1/wallets/two/events', bearer(s.one.token), 404], ['/api/v1/wallets/none/events', bearer(s.one.token), 404],
    ['/api/v1/wallets/one/events?cursor=x', bearer(s.one.token), 400], ['/api/v1/wallets/one/events?since=1', bearer(s.one.token), 400],
    ['/api/v1/wallets//events', bearer(s.one.token), 404]]) {
    const answer = await raw(s, path, headers);
    expect(answer.status === status, path, answer.status, answer.text);
  }
});

test('it is HTML\'s format, without a length, and HEAD ends at once', async (s) => {
  const answer = await raw(s, '/api/v1/wallets/one/events', bearer(s.one.token), (text) => text.includes('event: wallet'));
  expect(answer.headers['content-type'] === 'text/event-stream' && answer.headers['content-length'] === undefined && answer.headers['cache-control'] === 'no-store', answer.headers);
  expect(/^retry: 1000\n\nevent: wallet\nid: \d+\ndata: \{.*\}\n\n/.test(answer.text), answer.text);
  answer.close();
  const head = await raw(s, '/api/v1/wallets/one/events', bearer(s.one.token), undefined, 'HEAD');
  expect(head.status === 200 && head.text === '', head.status);
});

// HTML's own client, as others ship it: it connects again by itself, to the same address, with Last-Event-ID. Its fetch
// is ours, to say the token, to trust this signer's certificate, and to break connections at will.
function source(s, token, path) {
  const asked = [];
  const open = new Set();
  const all = [];
  const fetch = (url, { signal, headers }) => new Promise((resolve, reject) => {
    asked.push(headers['Last-Event-ID']);
    const request = https.request(`${s.signer.url}${new URL(url).pathname}${new URL(url).search}`, { headers: { ...headers, ...bearer(token) }, agent: false, ca: readFileSync(s.signer.ca), signal }, (answer) => {
      answer.on('error', () => {});
      resolve({ status: answer.statusCode, url: String(url), redirected: false, headers: new Headers({ 'content-type': answer.headers['content-type'] }), body: Readable.toWeb(answer) });
    });
    request.on('error', reject);
    request.on('close', () => open.delete(request));
    open.add(request);
    request.end();
  });
  const es = new EventSource(`https://any.invalid${path}`, { fetch });
  for (const kind of ['wallet', 'decision', 'gap', 'end']) es.addEventListener(kind, ({ lastEventId, data }) => all.push({ kind, id: lastEventId, ...JSON.parse(data) }));
  return {
    asked,
    all,
    of: (kind) => all.filter((event) => event.kind === kind),
    cut: () => { for (const request of open) request.destroy(); },
    close: () => es.close(),
    async until(what) {
      for (let i = 0; !what(this); i++) {
        expect(i < 2400, 'it never came:', all.map(({ kind, id }) => [kind, id]), asked);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

test('an EventSource that is cut off again and again hears of every decision once', async (s) => {
  const stream = source(s, s.one.token, '/api/v1/wallets/one/events');
  await stream.until(({ of }) => of('wallet').length === 1);
  expect(stream.asked[0] === undefined && stream.all[0].id !== '', stream.all[0].id);
  const made = [];
  for (let round = 0; round < 4; round++) {
    // Before any decision, beside some, and while nobody listens.
    stream.cut();
    for (let i = 0; i < 5; i++) made.push((await s.pay(s.one, 1, round === 3 ? { to: someone('thief') } : {})).body.decision);
    await stream.until(({ asked }) => asked.length > round + 1);
    for (let i = 0; i < 20; i++) made.push((await s.pay(s.one)).body.decision);
  }
  await stream.until(({ of }) => of('decision').length >= made.length);
  await s.pay(s.one).then(({ body }) => made.push(body.decision));
  await stream.until(({ of }) => of('decision').length >= made.length);
  expect(stream.of('decision').map(({ decision }) => decision).join() === made.join(), 'another order, lost or doubled', made.length, stream.of('decision').length);
  expect(stream.asked.length >= 5 && stream.asked.slice(1).every((id) => /^\d+$/.test(id)) && stream.of('gap').length === 0, stream.asked);
  stream.close();
  // The field counts before the address's own cursor, and is nobody's to bend.
  const first = stream.of('decision')[0];
  const again = await raw(s, `/api/v1/wallets/one/events?cursor=${first.id}`, { ...bearer(s.one.token), 'last-event-id': stream.all.at(-2).id }, (text) => text.includes(made.at(-1)));
  expect(again.status === 200 && !again.text.includes(made[1]), again.text);
  again.close();
  for (const bad of ['x', '1e3', '-1', '9'.repeat(20)]) expect((await raw(s, '/api/v1/wallets/one/events', { ...bearer(s.one.token), 'last-event-id': bad })).status === 400, bad);
});

test('one token holds four streams, and each that ends makes room', async (s) => {
  const open = [];
  for (let i = 0; i < 4; i++) open.push(await raw(s, '/api/v1/wallets/two/events', bearer(s.two.token), (text) => text.includes('event: wallet')));
  const fifth = await raw(s, '/api/v1/wallets/two/events', bearer(s.two.token));
  expect(fifth.status === 429 && JSON.parse(fifth.text).code === 'share_spent' && fifth.headers['retry-after'], fifth.status, fifth.text);
  signed(await s.pay(s.two));
  const other = await raw(s, '/api/v1/wallets/one/events', bearer(s.one.token), (text) => text.includes('event: wallet'));
  expect(other.status === 200, 'another client is kept out');
  for (const each of [...open, other]) each.close();
  for (let i = 0; ; i++) {
    const again = await raw(s, '/api/v1/wallets/two/events', bearer(s.two.token), (text) => text.includes('event: wallet'));
    again.close();
    if (again.status === 200) break;
    expect(i < 600, 'no room was made');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('a token that ends, ends its stream', async (s) => {
  await s.client('ends');
  await s.grant('one', 'ends');
  const stream = follow(s, s.signer.token('ends'), 'one');
  await stream.next('wallet');
  await s.signer.must('client', 'token', 'ends');
  const error = await stream.next('decision').catch((caught) => caught);
  expect(error instanceof ClavigerError && error.reason === 'token_refused' && !error.retryable, error);
});

test('after a restart the stream goes on, and says that there is a gap', async (s) => {
  const before = follow(s, s.one.token, 'one');
  await before.next('wallet');
  await s.pay(s.one);
  const { cursor } = await before.next('decision');
  const pending = before.next('decision').catch((error) => error);
  await s.signer.stop(); // says the last word to whoever listens, within 5 s
  before.close();
  await pending;
  await s.signer.start();
  const after = follow(s, s.one.token, 'one', { cursor });
  await after.next('gap');
  const answer = await s.pay(s.one);
  expect((await after.next('decision')).decision === answer.body.decision, 'another one');
  after.close();
});

test('an EventSource goes on after a crash of the signer, hears that there is a gap, and misses nothing after it', async (s) => {
  const stream = source(s, s.one.token, '/api/v1/wallets/one/events');
  await stream.until(({ of }) => of('wallet').length === 1);
  const before = (await s.pay(s.one)).body.decision;
  await stream.until(({ of }) => of('decision').length === 1);
  await s.signer.crash();
  await s.signer.start();
  const made = [];
  for (let i = 0; i < 30; i++) made.push((await s.pay(s.one)).body.decision);
  await stream.until(({ of }) => of('decision').length >= 1 + made.length);
  expect(stream.of('decision').map(({ decision }) => decision).join() === [before, ...made].join(), 'lost, doubled or in another order');
  const gap = stream.all.findIndex(({ kind }) => kind === 'gap');
  expect(stream.of('gap').length === 1 && gap < stream.all.findIndex(({ decision }) => decision === made[0]), stream.all.map(({ kind }) => kind));
  // Cut off right behind the gap's own id it would still hear all of it.
  const again = await raw(s, '/api/v1/wallets/one/events', { ...bearer(s.one.token), 'last-event-id': stream.all[gap].id }, (text) => text.includes(made[0]) && text.includes(made.at(-1)));
  expect(again.status === 200 && !again.text.includes('event: gap'), again.text);
  again.close();
  stream.close();
});

await play(async (s) => {
  await s.signer.start();
  await s.user('user');
  s.one = await s.party('one');
  s.two = await s.party('two');
});
