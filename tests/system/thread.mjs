// SPDX-License-Identifier: Apache-2.0
// The whole thread on real processes and a software TPM: who may sign what, how often, until when, and
// what a restart keeps (S11, S12, B1). Each test's comment names the threat or promise that it proves.
// usage: node tests/system/thread.mjs [WORD...]   only the tests whose name contains one of the words
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, fresh, play, refusedAs, signed, test } from './cases.mjs';
import { sleep, someone, transferMessage, unbase58, verifies } from './stage.mjs';

const FEE = 5000n; // of a transaction with one signature

test('a granted transfer is signed and the signature verifies', async (s) => {
  const party = await s.party('first');
  const bytes = s.message(party, 7);
  const answer = await s.pay(party, 0, { bytes });
  signed(answer);
  expect(verifies(party.address, bytes, Buffer.from(answer.body.signature, 'base64')), 'bad signature');
});

test('another recipient, another wallet and another client are refused', async (s) => {
  const [one, two] = [await s.party('own1'), await s.party('own2')];
  refusedAs(await s.pay(one, 1, { to: someone('thief') }), 422, 'policy_denied');
  const other = await s.signer.sign(one.token, 'own2', s.message(two));
  expect(other.status >= 400 && other.status < 500 && other.body.code !== 'signed', other);
  refusedAs(await s.signer.sign('0'.repeat(64), 'own1', s.message(one)), 401, 'token_refused');
  refusedAs(await s.signer.sign(undefined, 'own1', s.message(one)), 401, 'token_missing');
});

// U6, in words: how long an answer takes is not compared
test('who has no grant for a wallet cannot tell whether it exists', async (s) => {
  const [one, two] = [await s.party('seen1'), await s.party('seen2')];
  const ask = async (wallet) => {
    const { status, body } = await s.signer.sign(one.token, wallet, s.message(two));
    return JSON.stringify([status, body.code, body.title, body.detail, Object.keys(body)]);
  };
  const [there, nowhere] = [await ask('seen2'), await ask('seen3')];
  expect(there.startsWith('[4') && there === nowhere, there, nowhere);
  expect(await ask(two.address) === await ask(someone('nobody')), 'addresses are told apart');
});

// U1
test('another user\'s key changes nothing of a wallet', async (s) => {
  const party = await s.party('mine');
  await s.user('other');
  for (const name of [party.name, party.address, party.wallet]) {
    for (const words of [
      s.grantWords(name, 'mine', {}, [], 'other'),
      ['grant', 'revoke', party.grant, '--wallet', name, '--key', s.key('other'), '--yes'],
      ['wallet', 'freeze', name, '--key', s.key('other')],
      ['wallet', 'show', name, '--key', s.key('other')],
    ]) {
      const { code, err } = await s.signer.cli(...words);
      expect(code === 1 && err.length > 0, words.slice(0, 2), code, err);
    }
  }
  signed(await s.pay(party));
});

// A6
test('a wallet is no user key, and text that reads like an authorization is never signed', async (s) => {
  const party = await s.party('text');
  const own = s.key(`own-${fresh()}`); // its address is a wallet, and whoever has it would sign as a user
  await s.signer.must('key', 'new', own);
  await s.signer.must('wallet', 'import', `own-${fresh()}`, '--from', own, '--key', s.key('user'), '--yes');
  const { code, err } = await s.signer.cli('wallet', 'create', 'loop', own, '--key', s.key('user'), '--yes');
  expect(code === 1 && err.includes('is a wallet of this deployment'), 'a wallet became a user key:', code, err);
  const text = (words) => Buffer.concat([Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([1, 1]),
    unbase58(party.address), Buffer.from(words)]).toString('base64');
  for (const words of ['Claviger grant v1\nall', 'Claviger ', 'Claviger create v1']) {
    refusedAs(await s.signer.api('POST', '/api/v1/sign', { token: party.token,
      body: { wallet: party.name, message: text(words) } }), 422, 'text_reserved');
  }
});

// H1: the signed change of a grant that was revoked gives it back to nobody
test('a change sent twice counts once', async (s) => {
  await s.client('twice');
  const { address } = await s.wallet('twice');
  const kept = s.signer.file(`kept-${fresh()}`);
  const words = s.grantWords('twice', 'twice', {}, ['--keep', kept], 'user');
  const { grants } = await s.signer.json(...words);
  const party = { name: 'twice', address, token: s.signer.token('twice'), grant: grants[0].grant };
  s.kept = { kept, party };
  signed(await s.pay(party));
  await s.signer.must('grant', 'revoke', party.grant, '--wallet', 'twice', '--key', s.key('user'), '--yes');
  const { code, err } = await s.signer.cli('change', 'submit', kept);
  expect(code === 1 && err.includes('conflict'), code, err);
  const answer = await s.pay(party, 1, { more: { grant: party.grant } });
  refusedAs(answer, 403, 'grant_revoked');
});

// H2
test('a change that was signed before another one is too late', async (s) => {
  const party = await s.party('order');
  const kept = s.signer.file(`kept-${fresh()}`);
  await s.signer.must(...s.grantWords('order', 'order', {}, ['--keep', kept, '--hold'], 'user'));
  await s.grant('order', 'order', { max_lamports: 5n });
  const { code, err } = await s.signer.cli('change', 'submit', kept);
  expect(code === 1 && err.includes('conflict'), code, err);
  signed(await s.pay(party));
});

// A5
test('a change whose bytes differ from what was signed is refused, whichever byte', async (s) => {
  await s.party('bent');
  const kept = s.signer.file(`kept-${fresh()}`);
  await s.signer.must(...s.grantWords('bent', 'bent', { max_lamports: 3n }, ['--keep', kept, '--hold'], 'user'));
  const good = readFileSync(kept);
  const bad = s.signer.file(`bent-${fresh()}`);
  const before = (await s.signer.json('wallet', 'show', 'bent', '--key', s.key('user'))).authority;
  for (let at = 0; at < good.length; at += Math.ceil(good.length / 40)) {
    const bytes = Buffer.from(good);
    bytes[at] ^= 1 << at % 8;
    writeFileSync(bad, bytes);
    const { code } = await s.signer.cli('change', 'submit', bad);
    expect(code === 1, `byte ${at} of ${good.length}: status ${code}`);
  }
  const after = (await s.signer.json('wallet', 'show', 'bent', '--key', s.key('user'))).authority;
  expect(before === after, 'the wallet\'s authority moved');
});

test('grants made at the same moment: each that was told to be good is there', async (s) => {
  await s.client('rush');
  await s.wallet('rush');
  const all = await Promise.all(Array.from({ length: 6 }, () => s.signer.cli(...s.grantWords('rush', 'rush', {}, [], 'user'), '--json')));
  const made = all.filter((a) => a.code === 0).map((a) => JSON.parse(a.out).grants[0].grant);
  for (const a of all) expect(a.code === 0 || /conflict: .*(has changed|was made)|overloaded/.test(a.err), a);
  const { grants } = await s.signer.json('wallet', 'show', 'rush', '--key', s.key('user'));
  expect(made.length > 0 && grants.length === made.length, made.length, grants.length);
  for (const id of made) expect(grants.some((g) => g.grant === id && g.live), id);
});

// P15: who was refused since the user's list of wallets is on its way asks again, with the same signature
test('wallets that one user makes at the same moment are all made', async (s) => {
  const names = Array.from({ length: 6 }, (_, i) => `beside${i}`);
  const all = await Promise.all(names.map((name) => s.signer.cli('wallet', 'create', name, '--key', s.key('user'), '--yes')));
  expect(all.every((a) => a.code === 0), all);
  const addresses = await Promise.all(names.map(async (name) => (await s.signer.json('wallet', 'show', name, '--key', s.key('user'))).address));
  expect(new Set(addresses).size === names.length, addresses);
});

// A12
test('the last use raced by many requests gives exactly one signature', async (s) => {
  const party = await s.party('race', {}, ['--uses', '1']);
  const answers = await Promise.all(Array.from({ length: 40 }, () => s.pay(party)));
  const good = answers.filter((a) => a.status === 200);
  expect(good.length === 1, `${good.length} signatures`);
  for (const a of answers) if (a.status !== 200) expect(['grant_used_up', 'cap_exceeded', 'policy_denied', 'overloaded'].includes(a.body.code), a.body);
});

test('uses are counted, and the same bytes once', async (s) => {
  const party = await s.party('uses', {}, ['--uses', '2']);
  const bytes = s.message(party);
  const first = await s.pay(party, 0, { bytes });
  signed(first);
  for (let i = 0; i < 4; i++) {
    const again = await s.pay(party, 0, { bytes });
    signed(again);
    expect(again.body.signature === first.body.signature, 'another signature');
  }
  signed(await s.pay(party));
  const third = await s.pay(party);
  expect(third.status >= 400 && third.status < 500, third.body);
  const same = await s.pay(party, 0, { bytes });
  expect(same.status >= 400 || same.body.signature === first.body.signature, same.body);
});

// B4
test('a total is never passed under parallel load, and is used up to the last lamport that fits', async (s) => {
  const cap = 1_000_000n;
  const amount = 20_000n;
  const party = await s.party('total', {}, ['--cap', `lamports:total:${cap}`]);
  const answers = await Promise.all(Array.from({ length: 90 }, () => s.pay(party, amount)));
  const good = BigInt(answers.filter((a) => a.status === 200).length);
  const each = amount + FEE;
  expect(good * each <= cap, `${good} signatures of ${each}`);
  for (const a of answers) expect(a.status === 200 || ['policy_denied', 'cap_exceeded', 'overloaded', 'lease_dry'].includes(a.body.code), a.body);
  for (let i = 0; i < 50 && (await s.pay(party, amount)).status === 200; i++);
  const { left } = await s.left(party);
  expect(left[0] < each, `left ${left}`);
  const all = await s.pay(party, amount);
  expect(all.status === 422 || all.status === 429 || all.status === 403, all.body);
});

test('a freeze by the user, the revocation of a grant and a new token act on the next request', async (s) => {
  const party = await s.party('stop');
  signed(await s.pay(party));
  await s.signer.must('wallet', 'freeze', 'stop', '--key', s.key('user'));
  refusedAs(await s.pay(party), 403, 'wallet_frozen');
  await s.signer.must('wallet', 'unfreeze', 'stop', '--key', s.key('user'), '--yes');
  signed(await s.pay(party));
  const old = party.token;
  await sleep(1100); // serials are seconds
  await s.signer.must('client', 'token', 'stop');
  party.token = s.signer.token('stop');
  expect(party.token !== old, 'the same token');
  refusedAs(await s.signer.sign(old, 'stop', s.message(party)), 401, 'token_refused');
  signed(await s.pay(party));
  await s.signer.must('grant', 'revoke', party.grant, '--wallet', 'stop', '--key', s.key('user'), '--yes');
  const answer = await s.pay(party);
  expect(answer.status === 403 && ['no_grant', 'grant_revoked'].includes(answer.body.code), answer.body);
});

test('the operator stops a client, and everything, at once; nobody else does', async (s) => {
  const [one, two] = [await s.party('op1'), await s.party('op2')];
  const operator = `${s.signer.state}/operator.json`;
  const { code } = await s.signer.cli('client', 'freeze', 'op1', '--operator', s.key('user'));
  expect(code === 1, `a user's key froze a client: ${code}`);
  signed(await s.pay(one));
  await s.signer.must('client', 'freeze', 'op1', '--operator', operator);
  refusedAs(await s.pay(one), 403, 'client_frozen');
  signed(await s.pay(two));
  await s.signer.must('client', 'unfreeze', 'op1', '--operator', operator);
  signed(await s.pay(one));
  await s.signer.must('client', 'freeze', '--all', '--operator', operator);
  for (const party of [one, two]) expect((await s.pay(party)).status >= 400, 'signed while frozen');
  await s.signer.must('client', 'unfreeze', '--all', '--operator', operator);
  signed(await s.pay(two));
});

test('a grant begins and ends when it says', async (s) => {
  await s.client('time');
  const { address } = await s.wallet('time');
  const party = { name: 'time', address, token: s.signer.token('time') };
  const began = Date.now();
  await s.grant('time', 'time', {}, ['--not-before', '4s', '--expires', '12s']);
  const said = []; // what is said one after the other, and when first
  for (;;) {
    const asked = Date.now();
    const { status, body } = await s.pay(party);
    const what = status === 200 ? 'signed' : body.code;
    if (said.at(-1)?.what !== what) said.push({ what, asked, answered: Date.now() });
    if (what === 'grant_expired' || said.length > 3 || Date.now() - began > 60_000) break;
    await sleep(200);
  }
  const order = said.map(({ what }) => what).join();
  expect(order === 'grant_not_yet,signed,grant_expired' || order === 'signed,grant_expired', order);
  const [open, ended] = said.slice(-2);
  expect(open.answered - began >= 3000 && ended.answered - began >= 11_000, said); // in whole seconds
  expect(order.startsWith('grant_not_yet') || open.asked - began >= 2000, 'it never said not yet');
});

test('an idempotency key gives one signature, and refuses other bytes', async (s) => {
  const party = await s.party('idem', {}, ['--uses', '2']);
  const bytes = s.message(party);
  const headers = { 'idempotency-key': fresh() };
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await s.pay(party, 0, { bytes, headers }));
  for (const a of answers) signed(a);
  expect(new Set(answers.map((a) => a.body.signature)).size === 1, 'several signatures');
  refusedAs(await s.pay(party, 1, { headers }), 422, 'idempotency_mismatch');
  signed(await s.pay(party));
});

test('a dry run says what sign would say, and counts nothing', async (s) => {
  const party = await s.party('dry', {}, ['--uses', '1', '--cap', 'lamports:total:1000000']);
  const before = await s.left(party);
  for (let i = 0; i < 5; i++) {
    const { status, body } = await s.signer.api('POST', '/api/v1/check', { token: party.token,
      body: { wallet: 'dry', transaction: s.message(party, 9).toString('base64') } });
    expect(status === 200 && body.verdict === 'allow' && body.facts.lamports_out === '5009' && body.signature === undefined, status, body);
  }
  const no = await s.signer.api('POST', '/api/v1/check', { token: party.token,
    body: { wallet: 'dry', transaction: s.message(party, 1, someone('thief')).toString('base64') } });
  expect(no.status === 200 && no.body.verdict === 'deny' && no.body.reasons[0].text.includes('recipient'), no);
  const after = await s.left(party);
  expect(String(before.left) === String(after.left), before.left.map(String), after.left.map(String));
  signed(await s.pay(party));
});

// B7
test('a description has all that leaves, alone and in a batch of sixteen', async (s) => {
  const party = await s.party('long');
  const amounts = Array.from({ length: 55 }, (_, i) => 1000 * i + 1);
  const entry = () => ({ wallet: 'long', transaction: s.message(party, amounts).toString('base64'), describe: true });
  const whole = ({ description }) => amounts.every((amount) => description.includes(`0.${String(amount).padStart(9, '0')} SOL`)) && description.length > 2048;
  for (const path of ['sign', 'check']) {
    const { status, body } = await s.signer.api('POST', `/api/v1/${path}`, { token: party.token, body: entry() });
    expect(status === 200 && whole(body), path, status, body);
  }
  const { status, body } = await s.signer.api('POST', '/api/v1/batch', { token: party.token, body: { requests: Array.from({ length: 16 }, entry), atomic: true } });
  expect(status === 200 && body.results.length === 16 && body.results.every((result) => result.status === 200 && result.signature && whole(result)), status, body);
});

test('a batch: one by one, or all or none', async (s) => {
  const party = await s.party('batch', {}, ['--cap', 'lamports:total:1000000']);
  const entry = (lamports, to) => ({ wallet: 'batch', transaction: s.message(party, lamports, to).toString('base64') });
  const ask = (requests, atomic) => s.signer.api('POST', '/api/v1/batch', { token: party.token, body: { requests, atomic } });
  const thief = someone('thief');
  const mixed = await ask([entry(1), entry(2, thief), entry(3)], false);
  expect(mixed.status === 200 && mixed.body.results.map((r) => r.status).join() === '200,422,200', mixed);
  const before = (await s.left(party)).left[0];
  const none = await ask([entry(1), entry(2, thief), entry(3)], true);
  expect(none.status >= 400 && !JSON.stringify(none.body).includes('"signature"'), none);
  expect((await s.left(party)).left[0] === before, 'a refused batch counted');
  const all = await ask([entry(1), entry(2), entry(3)], true);
  expect(all.status === 200 && all.body.results.every((r) => r.signature), all);
  expect((await s.left(party)).left[0] === before - 3n * FEE - 6n, 'counted otherwise');
  const over = await ask([entry(400_000), entry(400_000), entry(400_000)], true);
  expect(over.status >= 400 && !JSON.stringify(over.body).includes('"signature"'), over);
});

test('several wallets under one signature: all or none', async (s) => {
  await s.client('many');
  await s.wallet('many1');
  await s.wallet('many2');
  const { grants } = await s.signer.json(...s.grantWords('many1,many2', 'many', {}, [], 'user'));
  expect(grants.length === 2, grants);
  for (const name of ['many1', 'many2'])
    signed(await s.pay({ name, address: s.addresses.get(name), token: s.signer.token('many') }));
  const { code } = await s.signer.cli(...s.grantWords('many1,nobody', 'many', {}, [], 'user'));
  expect(code === 1, code);
});

test('what was acknowledged is there after a restart, counters too', async (s) => {
  const party = await s.party('again', {}, ['--cap', 'lamports:total:1000000']);
  for (let i = 0; i < 5; i++) signed(await s.pay(party, 10_000));
  const before = (await s.left(party)).left[0];
  expect(before === 1_000_000n - 5n * (10_000n + FEE), String(before));
  const status = await s.signer.stop();
  expect(status === 0, `the stop's status ${status}`);
  await s.signer.start();
  const wallet = await s.signer.json('wallet', 'show', 'again', '--key', s.key('user'));
  expect(wallet.address === party.address, 'another address');
  const after = (await s.left(party)).left[0];
  expect(after <= before, `more is left than before: ${after}, ${before}`);
  expect(after === before, `an orderly stop lost what was left: ${after}, ${before}`);
  signed(await s.pay(party, 10_000));
  // H1 again: the nonces' memory is gone, the wallet's history is not.
  if (s.kept) {
    const { code, err } = await s.signer.cli('change', 'submit', s.kept.kept);
    expect(code === 1 && err.includes('conflict'), code, err);
    expect((await s.pay(s.kept.party, 1, { more: { grant: s.kept.party.grant } })).status === 403, 'the revoked grant signs');
  }
});

test('any order of bytes that is no transaction is refused in words', async (s) => {
  const party = await s.party('bytes');
  const good = s.message(party);
  for (const bytes of [Buffer.concat([good, Buffer.from([0])]), good.subarray(0, -1), Buffer.from('hello'), Buffer.alloc(0), Buffer.alloc(5000, 1)]) {
    const answer = await s.pay(party, 0, { bytes });
    expect(answer.status >= 400 && answer.status < 500 && answer.body.detail.length > 10, answer);
  }
  const strange = transferMessage(someone('nobody'), party.address, 1);
  const answer = await s.pay(party, 0, { bytes: strange });
  expect(answer.status === 400 && answer.body.code === 'not_a_signer', answer.body);
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
});
