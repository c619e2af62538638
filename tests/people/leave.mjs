// SPDX-License-Identifier: Apache-2.0
// A user takes his key and goes (S18), with the command line and real tools: two factors, a delay that
// any of them cancels, three forms that other programs open; and what non-custodial must mean: nobody
// else signs, the operator is not needed, changes are told before they happen, the user can check. The
// escape copy opens with the network unplugged and the store deleted (DS7). The key is nowhere in
// replies, logs, metrics and memory (O2, O6, A20, S22, A24).
// usage: node tests/people/leave.mjs [WORD...]   only the tests whose name contains one of the words
import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import { expect, play, signed, refusedAs, test } from '../system/cases.mjs';
import { base58, build, descendants, root, run, signWith, sleep, unbase58, verifies } from '../system/stage.mjs';

const seen = []; // everything that came back: replies of the command line, and of the API
const cli = async (s, ...words) => {
  const done = await s.signer.cli(...words);
  seen.push(done.out, done.err);
  return done;
};
const must = async (s, ...words) => {
  const done = await cli(s, ...words);
  expect(done.code === 0, words.join(' '), done.code, done.err, done.out);
  return done.out;
};
const json = async (s, ...words) => JSON.parse(await must(s, ...words, '--json'));
const refused = async (s, text, ...words) => {
  const done = await cli(s, ...words);
  expect(done.code === 1 && done.err.includes(text), `expected a refusal with "${text}", got`, done.code, done.err, done.out);
};
const show = (s, name, user = 'alice') => json(s, 'wallet', 'show', name, '--key', s.key(user));

async function finish(s, request, out) {
  for (let tries = 0; tries < 600; tries++) {
    const done = await cli(s, 'wallet', 'export', '--finish', request, '--out', out);
    if (!done.err.includes('it waits for')) return done;
    await sleep(100);
  }
  throw new Error('its time never came');
}

let party; // alice's wallet, whose bot may send SOL
let keys = []; // of what left, for the search at the end

test('a wallet with one factor is not exported: a second one comes first', async (s) => {
  await refused(s, 'needs two factors', 'wallet', 'export', 'main', '--key', s.key('alice'), '--out', s.signer.file('no.json'), '--yes');
  await must(s, 'factor', 'add', 'main', s.key('second'), '--key', s.key('alice'), '--yes');
  await refused(s, 'needs two of them', 'wallet', 'export', 'main', '--key', s.key('alice'), '--out', s.signer.file('no.json'), '--yes');
  const listed = await must(s, 'factor', 'list', 'main', '--key', s.key('second'));
  expect(listed.split('\n').filter((line) => line.startsWith('ed25519 ')).length === 2 && listed.includes('an export 2 s'), listed);
});

test('an export waits 24 hours, is seen by who has a factor, and any one cancels it', async (s) => {
  await must(s, 'factor', 'add', 'day', s.key('second'), '--key', s.key('alice'), '--yes');
  const out = s.signer.file('day.json');
  const asked = await json(s, 'wallet', 'export', 'day', '--key', s.key('alice'), '--second', s.key('second'), '--out', out, '--yes');
  const hours = (Number(asked.waits_until) - Date.now() / 1000) / 3600;
  expect(hours > 23.9 && hours < 24.1 && existsSync(`${out}.request`) && !existsSync(out), asked);
  expect((statSync(`${out}.request`).mode & 0o777) === 0o600, 'others can read the request');
  await refused(s, 'it waits for', 'wallet', 'export', '--finish', `${out}.request`, '--out', out);
  const [waiting] = await json(s, 'change', 'pending', '--wallet', 'day', '--key', s.key('second'));
  expect(waiting.change === asked.change && waiting.action === 'export' && !waiting.done, waiting);
  const text = await must(s, 'change', 'pending', '--wallet', 'day', '--key', s.key('second'));
  expect(/^opens at 20.* UTC .*void from 20/m.test(text) && text.includes('Export the private key') && text.includes('cannot be taken back'), text);
  expect(s.signer.log().includes('"change.waits"'), 'no notice in the log');
  // Who watches the wallet with a token sees it too, and an event stream says it unasked.
  const { body } = await s.signer.api('GET', '/api/v1/wallets/day', { token: party.token });
  expect(body.pending.length === 1 && body.pending[0].action === 'export' && body.exported === '0', body);
  // No operator shortens, completes or cancels it: he is no factor.
  await refused(s, 'no wallet', 'change', 'cancel', asked.change, '--wallet', 'day', '--key', join(s.signer.state, 'operator.json'));
  // Nor is the day taken off before a day has passed.
  const off = await json(s, 'factor', 'delay', 'day', '--export', '0s', '--key', s.key('alice'), '--second', s.key('second'), '--yes');
  expect(Number(off.waits_until) - Date.now() / 1000 > 86_000, off);
  await must(s, 'change', 'cancel', off.change, '--wallet', 'day', '--key', s.key('second'));
  await must(s, 'change', 'cancel', asked.change, '--wallet', 'day', '--key', s.key('second'));
  await refused(s, 'cancelled or done', 'wallet', 'export', '--finish', `${out}.request`, '--out', out);
  expect(!existsSync(out) && (await show(s, 'day')).exported === 0, 'it left all the same');
});

test('each form of the key opens in the tools that it is for', async (s) => {
  const { address } = await show(s, 'main');
  const files = {};
  for (const format of ['keypair', 'base58', 'pkcs8']) {
    const out = s.signer.file(`main.${format}`);
    await must(s, 'wallet', 'export', 'main', '--key', s.key('alice'), '--second', s.key('second'), '--format', format, '--out', out, '--yes');
    const done = await finish(s, `${out}.request`, out);
    expect(done.code === 0 && !existsSync(`${out}.request`), done.err);
    expect((statSync(out).mode & 0o777) === 0o600, 'others can read the key');
    files[format] = readFileSync(out, 'utf8');
  }
  // solana-keygen's file: kit makes a signer of its 64 bytes and checks that the halves fit.
  const bytes = new Uint8Array(JSON.parse(files.keypair));
  const signer = await kit.createKeyPairSignerFromBytes(bytes);
  expect(signer.address === address, signer.address, address);
  const [answer] = await signer.signMessages([kit.createSignableMessage('mine again')]);
  expect(verifies(address, Buffer.from('mine again'), Buffer.from(answer[signer.address])), 'it does not sign');
  const again = kit.getBase58Encoder().encode(files.base58);
  expect(Buffer.from(again).equals(Buffer.from(bytes)), 'base58 is another key');
  const key = createPrivateKey(files.pkcs8);
  expect(key.asymmetricKeyType === 'ed25519', key.asymmetricKeyType);
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  expect(base58(spki.subarray(12)) === address, 'PKCS#8 is another key');
  const openssl = await run('openssl', ['pkey', '-in', s.signer.file('main.pkcs8'), '-noout', '-text']);
  expect(openssl.code === 0 && openssl.out.includes('ED25519 Private-Key'), openssl.err);
  keys = [['seed', Buffer.from(bytes.slice(0, 32))], ['base58', Buffer.from(files.base58)], ['keypair', Buffer.from(files.keypair)]];
  const [{ change }] = await json(s, 'change', 'pending', '--wallet', 'main', '--key', s.key('second'));
  await refused(s, 'handed over; move the funds', 'change', 'cancel', change, '--wallet', 'main', '--key', s.key('second'));
  // A20: from here on the signer says of itself that others may have the key.
  const { body } = await s.signer.api('GET', '/api/v1/wallets/main', { token: party.token });
  expect(body.pending.every((wait) => wait.done) && body.exported === '3', body);
  const after = await show(s, 'main');
  expect(after.exported === 3 && after.ownership_proven === false, after);
});

test('an export for somebody else opens with his key alone, and for what was authorized', async (s) => {
  const theirs = (await must(s, 'key', 'escape', s.key('theirs'))).trim();
  await must(s, 'key', 'escape', s.key('stranger'));
  const out = s.signer.file('for-them');
  await must(s, 'wallet', 'export', 'main', '--key', s.key('alice'), '--second', s.key('second'), '--to', theirs, '--out', out, '--yes');
  expect(!('secret' in JSON.parse(readFileSync(`${out}.request`))), 'a secret of somebody else');
  expect((await finish(s, `${out}.request`, out)).code === 0);
  const open = (file, who, to) => cli(s, 'wallet', 'recover', file, '--key', s.key(who), '--out', s.signer.file(to));
  expect((await open(out, 'stranger', 'x.json')).code === 1 && !existsSync(s.signer.file('x.json')));
  const bent = JSON.parse(readFileSync(out));
  for (const [name, change] of [['change', (t) => t.replace(/^./, (c) => (c === '0' ? '1' : '0'))], ['wallet', (t) => t.replace(/.$/, (c) => (c === '0' ? '1' : '0'))], ['sealed', (t) => t.replace(/..$/, (c) => (c === '00' ? '01' : '00'))]]) {
    const file = s.signer.file(`bent-${name}`, JSON.stringify({ ...bent, [name]: change(bent[name]) }));
    expect((await open(file, 'theirs', 'x.json')).code === 1, name);
  }
  expect((await open(out, 'theirs', 'theirs-main.json')).code === 0);
  expect(readFileSync(s.signer.file('theirs-main.json'), 'utf8') === readFileSync(s.signer.file('main.keypair'), 'utf8'));
});

// ---- one-time codes, as an app makes them ----

const totp = (secret, step) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
};
const unbase32 = (text) => Buffer.from([...text].reduce((bits, c) => bits + 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'), '').match(/.{8}/g).map((b) => parseInt(b, 2)));

test('one-time codes of an app are a second factor, each good once', async (s) => {
  await must(s, 'wallet', 'create', 'app', '--key', s.key('alice'), '--yes');
  // The person at the terminal: reads the address, types what the app shows.
  const { spawn } = await import('node:child_process');
  const child = spawn(join(build, 'bin/claviger'), ['factor', 'codes', 'app', '--key', s.key('alice'), '--yes'], { env: { ...process.env, CLAVIGER_SERVER: s.signer.url, CLAVIGER_CA: s.signer.ca, CLAVIGER_HOME: s.signer.home } });
  let out = '';
  let secret;
  let step = Math.floor(Date.now() / 30_000); // the one before, if its end comes meanwhile
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text;
    const found = /otpauth:\/\/totp\/Claviger:app\?secret=([A-Z2-7]{32})&issuer=Claviger/.exec(out);
    if (found && !secret) {
      secret = unbase32(found[1]);
      child.stdin.end(`${totp(secret, step)}\n`);
    }
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(code === 0 && out.includes('changed'), code, out);
  await must(s, 'wallet', 'freeze', 'app', '--key', s.key('alice'));
  const thaw = (digits) => cli(s, 'wallet', 'unfreeze', 'app', '--key', s.key('alice'), '--code', digits, '--yes');
  await refused(s, 'needs two of them', 'wallet', 'unfreeze', 'app', '--key', s.key('alice'), '--yes');
  let done = await thaw(totp(secret, step)); // the one that was typed
  expect(done.code === 1 && done.err.includes('used before'), done.err);
  done = await thaw(totp(secret, ++step));
  expect(done.code === 0, done.err);
  expect((await show(s, 'app')).frozen === false);
});

// The user key is lost; the key from the drawer is all that is left.
test('a recovery key alone finds its wallet, freezes it, and asks for another key', async (s) => {
  const key = s.key('drawer');
  await s.user('drawer');
  await s.user('lost');
  const drawer = (await must(s, 'key', 'show', key)).trim();
  await refused(s, 'recovery key is user key 1 too', 'wallet', 'create', 'kept', '--key', key, '--recovery', drawer, '--yes');
  await must(s, 'wallet', 'create', 'kept', '--key', s.key('lost'), '--recovery', drawer, '--yes');
  renameSync(s.key('lost'), `${s.key('lost')}.gone`);
  const listed = await must(s, 'wallet', 'list', '--key', key);
  expect(listed.startsWith('kept ') && listed.trim().split('\n').length === 1, listed);
  await must(s, 'wallet', 'freeze', 'kept', '--key', key);
  expect((await json(s, 'wallet', 'show', 'kept', '--key', key)).frozen === true);
  await refused(s, 'needs', 'wallet', 'unfreeze', 'kept', '--key', key, '--yes');
  await s.user('fresh');
  const fresh = (await must(s, 'key', 'show', s.key('fresh'))).trim();
  const asked = await json(s, 'factor', 'add', 'kept', s.key('fresh'), '--key', key, '--yes');
  const hours = (Number(asked.waits_until) - Date.now() / 1000) / 3600;
  expect(hours > 71.9 && hours < 72.1, asked);
  const [waiting] = await json(s, 'change', 'pending', '--wallet', 'kept', '--key', key);
  expect(waiting.change === asked.change && waiting.action === 'factor', waiting);
  await must(s, 'change', 'cancel', asked.change, '--wallet', 'kept', '--key', key);
  // Another recovery key is asked for the same way.
  const other = await json(s, 'factor', 'recovery', 'kept', fresh, '--key', key, '--yes');
  expect(Number(other.waits_until) > Date.now() / 1000 + 259_000, other);
  expect((await must(s, 'change', 'pending', '--wallet', 'kept', '--key', key)).includes(`the recovery key becomes ed25519 ${fresh}`), 'the text is another');
  await must(s, 'change', 'cancel', other.change, '--wallet', 'kept', '--key', key);
});

// ---- the four conditions ----

test('condition 1: nobody signs or exports without the user, whatever else he has', async (s) => {
  const operator = join(s.signer.state, 'operator.json');
  await refused(s, 'no wallet', 'wallet', 'export', 'main', '--key', operator, '--second', s.key('second'), '--out', s.signer.file('o.json'), '--yes');
  await refused(s, 'no wallet', 'factor', 'add', 'main', operator, '--key', operator, '--yes');
  await refused(s, 'no wallet', 'factor', 'delay', 'main', '--export', '0s', '--key', operator, '--yes');
  await refused(s, 'no wallet', 'grant', 'limit', party.grant, '--wallet', 'main', '--key', operator, '--cap', 'lamports:total:9', '--yes');
  await refused(s, 'no wallet', 'wallet', 'unfreeze', 'main', '--key', operator, '--yes');
  // With the wallet's id, which is no secret, he may look, and no more.
  const { wallet } = await show(s, 'main');
  await refused(s, 'not a user key', 'wallet', 'export', wallet, '--key', operator, '--second', s.key('second'), '--out', s.signer.file('o.json'), '--yes');
  // All that an operator may do: say who, or what, is to stop (authz_command_action); look; and carry to the machine what
  // others have signed: the site's manifest (of which a closed list may change, lib/site), both authorities' approvals, an
  // approved image, the CA's certificate. None of them signs or exports. A command more has to come by here.
  const help = JSON.parse(await must(s, '--json', 'help')).commands;
  const his = help.filter((command) => command.sentence.startsWith('as operator, ')).map((command) => command.name);
  const known = ['client freeze', 'client unfreeze', 'machine approvals', 'machine certificate', 'machine config', 'machine log', 'machine off',
    'machine restart', 'machine settings', 'machine status', 'machine update'];
  expect(JSON.stringify(his.sort()) === JSON.stringify(known), his);
  // A bot has what its grant allows.
  refusedAs(await s.pay(party, 2_000_000_000), 422, 'policy_denied');
});

test('condition 2: leaving needs no operator, and goes past his freeze', async (s) => {
  const frozen = await run(join(build, 'bin/claviger'), ['client', 'freeze', '--all', '--operator', join(s.signer.state, 'operator.json')], { env: { CLAVIGER_SERVER: s.signer.url, CLAVIGER_CA: s.signer.ca, CLAVIGER_HOME: s.signer.home } });
  if (frozen.code === 0) expect((await s.pay(party)).status === 403, 'the freeze does nothing');
  const out = s.signer.file('frozen.json');
  await must(s, 'wallet', 'export', 'main', '--key', s.key('alice'), '--second', s.key('second'), '--out', out, '--yes');
  expect((await finish(s, `${out}.request`, out)).code === 0);
  if (frozen.code === 0)
    await run(join(build, 'bin/claviger'), ['client', 'unfreeze', '--all', '--operator', join(s.signer.state, 'operator.json')], { env: { CLAVIGER_SERVER: s.signer.url, CLAVIGER_CA: s.signer.ca, CLAVIGER_HOME: s.signer.home } });
});

test('condition 3: what gives power is told before it happens, and the telling survives a restart', async (s) => {
  await must(s, 'factor', 'delay', 'main', '--changes', '1h', '--key', s.key('alice'), '--second', s.key('second'), '--yes');
  const words = s.grantWords('main', 'main', {}, [], 'alice');
  const waits = await json(s, ...words, '--second', s.key('second'));
  expect(Number(waits.waits_until) > Date.now() / 1000 + 3500, waits);
  await s.signer.crash();
  await s.signer.start();
  const pending = await json(s, 'change', 'pending', '--wallet', 'main', '--key', s.key('second'));
  expect(pending.some((p) => p.change === waits.change && p.action === 'grant'), pending);
  await refused(s, 'it waits for', 'change', 'complete', waits.change, '--wallet', waits.wallet);
  await must(s, 'change', 'cancel', waits.change, '--wallet', 'main', '--key', s.key('alice'));
});

test('condition 4: the user checks it himself: the receipts say that the key was handed over', async (s) => {
  const answer = await s.pay(party);
  signed(answer);
  const decision = await json(s, 'decision', 'show', '--id', answer.body.decision, '--token-file', join(s.signer.home, 'clients', 'main.token'));
  expect(decision.exported && !decision.export, 'a signature after the export does not say so', decision);
  const bundle = s.signer.file('receipts');
  await must(s, 'receipt', 'export', '--wallet', 'main', '--token-file', join(s.signer.home, 'clients', 'main.token'), '--out', bundle);
  const report = await json(s, 'receipt', 'verify', bundle);
  expect(report.verified && report.exports === (await show(s, 'main')).exported && report.exports > 0, report);
});

test('the key is in no reply, log, metric or file, and in no memory after it left', async (s) => {
  const metrics = await new Promise((resolve, reject) => {
    import('node:http').then(({ get }) => get(`http://127.0.0.1:${s.signer.metricsPort}/metrics`, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; }).on('end', () => resolve(text));
    }).on('error', reject));
  });
  expect(metrics.includes('claviger_'), 'no metrics');
  for (const [name, key] of keys) {
    const text = [...seen, metrics, s.signer.log()].join('\n');
    expect(!text.includes(key.toString('latin1')) && !text.includes(key.toString('hex')) && !text.includes(key.toString('base64')), name);
  }
  if (process.getuid() !== 0) return console.log('memory was not searched: that takes root');
  const pids = descendants(s.signer.child.pid).map((p) => ['--pid', String(p.pid)]).flat();
  const files = readdirSync(join(s.signer.state, 'store')).map((f) => ['--file', join(s.signer.state, 'store', f)]).flat();
  const canaries = keys.map(([name, key]) => ['--canary', `${name}=${key.toString('hex')}`]).flat();
  const scan = await run(join(root, 'tests/tpm/canary_scan'), [...canaries, ...pids, ...files]);
  expect(scan.code === 0 && pids.length > 10, scan.code, scan.out, scan.err);
  // The search finds what is there: this process has the key.
  const control = await run(join(root, 'tests/tpm/canary_scan'), ['--canary', `seed=${keys[0][1].toString('hex')}`, '--pid', String(process.pid)]);
  expect(control.code === 1, 'the search is blind', control.out);
});

test('the escape copy opens with the network unplugged and everything else gone', async (s) => {
  const escape = (await must(s, 'key', 'escape', s.key('escape'))).trim();
  const copy = s.signer.file('safe.escape');
  const { address } = await json(s, 'wallet', 'create', 'safe', '--key', s.key('alice'), '--escape-to', escape, '--escape-file', copy, '--yes');
  // The copy is given out once: where it cannot be written, no wallet is made, and what is there stays.
  for (const [file, why] of [[copy, 'exists already'], [s.signer.file('none/safe.escape'), 'No such file or directory']]) {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    const done = await cli(s, 'wallet', 'create', 'unsafe', '--key', s.key('alice'), '--escape-to', escape, '--escape-file', file, '--yes');
    expect(done.code === 3 && done.err.includes(why) && (before === undefined || readFileSync(file, 'utf8') === before), done.code, done.err);
  }
  expect((await cli(s, 'wallet', 'show', 'unsafe', '--key', s.key('alice'))).code !== 0, 'it was made');
  const full = await cli(s, 'wallet', 'create', 'full', '--key', s.key('alice'), '--escape-to', escape, '--escape-file', '/dev/full', '--yes');
  expect(full.code === 3 && full.err.includes('exists already'), full.code, full.err);
  await s.signer.stop();
  renameSync(s.signer.state, `${s.signer.state}-gone`);
  const alone = process.getuid() === 0 ? ['-n'] : ['-rn'];
  const offline = await run('unshare', [...alone, 'sh', '-c', 'ip link 2>/dev/null | grep -c UP; exec "$@"', 'sh', join(build, 'bin/claviger'), 'wallet', 'recover', copy, '--key', s.key('escape'), '--out', s.signer.file('safe.json')], { env: { CLAVIGER_SERVER: '', CLAVIGER_CA: '', HOME: s.signer.folder } });
  renameSync(`${s.signer.state}-gone`, s.signer.state);
  expect(offline.code === 0, offline.code, offline.err);
  // A key that is there is not written over, not even by itself.
  const again = await cli(s, 'wallet', 'recover', copy, '--key', s.key('escape'), '--out', s.signer.file('safe.json'));
  expect(again.code === 3 && again.err.includes('exists already'), again.code, again.err);
  const signer = await kit.createKeyPairSignerFromBytes(new Uint8Array(JSON.parse(readFileSync(s.signer.file('safe.json')))));
  expect(signer.address === address, signer.address, address);
});

await play(async (s) => {
  await s.signer.start();
  for (const user of ['alice', 'second']) await s.user(user);
  await s.client('main');
  const { address, wallet } = await s.wallet('main', 'alice', ['--export-delay', '2s']);
  await s.wallet('day', 'alice');
  await s.grant('day', 'main', {}, [], 'alice');
  const grant = await s.grant('main', 'main', {}, [], 'alice');
  party = { name: 'main', address, wallet, grant, token: s.signer.token('main') };
  signed(await s.pay(party));
});
