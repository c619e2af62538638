// SPDX-License-Identifier: Apache-2.0
// Somebody owns the machine's network side: a bridge with a certificate that the user was made to
// trust, between the command line and a real signer. It may stop things, and change nothing (A4, A8).
// usage: node tests/system/hostile.mjs [WORD...]
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { expect, fresh, play, test } from './cases.mjs';
import { build, kill, run, sleep } from './stage.mjs';

const honest = { request: (body) => body, answer: (body) => body, evidence: (body) => body };
let way = honest; // what the bridge does now
const seen = [];
let proxy;
let command; // the last one that went through it

async function openProxy(s) {
  const [key, cert] = [s.signer.file('proxy.key'), s.signer.file('proxy.pem')];
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', cert]);
  expect(made.code === 0, made.err);
  proxy = https.createServer({ key: readFileSync(key), cert: readFileSync(cert), minVersion: 'TLSv1.3' }, async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const sealed = request.url.endsWith('/changes');
    const bend = sealed ? way.request : (body) => body;
    const answer = await s.signer.api(request.method, request.url, parts.length === 0 ? {}
      : { body: bend(JSON.parse(Buffer.concat(parts))) });
    const change = request.url.includes('/evidence') ? way.evidence : sealed ? way.answer : (body) => body;
    const text = Buffer.from(JSON.stringify(answer.status === 200 ? await change(answer.body) : answer.body));
    response.writeHead(answer.status, { 'content-type': answer.headers['content-type'], 'content-length': text.length });
    response.end(text);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  proxy.unref();
  s.through = (home, ...words) => run(`${build}/bin/claviger`, words, { begun: (child) => { command = child; }, env: { CLAVIGER_SERVER: `https://127.0.0.1:${proxy.address().port}`, CLAVIGER_CA: cert, CLAVIGER_HOME: home } });
}

const bent = (text, at) => {
  const bytes = Buffer.from(text, 'base64');
  bytes[at % bytes.length] ^= 1;
  return bytes.toString('base64');
};
// birth(s, name, way) makes a wallet through a bridge that does so.
async function birth(s, name, does, home = s.signer.home) {
  way = { ...honest, ...does };
  const result = await s.through(home, 'wallet', 'create', name, '--key', s.key('user'), '--yes');
  way = honest;
  return result;
}
const wallets = async (s) => (await s.signer.must('wallet', 'list', '--key', s.key('user'))).out;

async function refused(s, what, does, home) {
  const { code, out, err } = await birth(s, `w${fresh()}`, does, home);
  expect(code !== 0, `${what}: taken: ${out}`);
  expect(out === '' && err.length > 10, `${what}: an address was shown: ${out}`);
}

test('an honest bridge in the middle is no trouble', async (s) => {
  const { code, out, err } = await birth(s, 'honest', { answer: (body) => { seen.push(body); return body; } });
  expect(code === 0 && out.trim().length >= 32, code, err);
  expect((await wallets(s)).includes(out.trim()), 'the wallet is not there');
});

// Until the command is in that state, or has ended.
async function becomes(wanted) {
  for (const end = Date.now() + 30_000; Date.now() < end && command.exitCode === null; await sleep(10)) {
    if (readFileSync(`/proc/${command.pid}/stat`, 'utf8').replace(/.*\) /s, '')[0] === wanted) return;
  }
}

// Ctrl-Z and fg, a paused container, a machine that slept: nothing came late, and what was asked is not asked again.
test('a command that was stopped while it waited for its answer goes on', async (s) => {
  let calls = 0;
  const pause = async (body) => {
    calls++;
    for (let times = 0; times < 3; times++) {
      await becomes('S');
      kill(command.pid, 'SIGSTOP');
      await becomes('T');
      kill(command.pid, 'SIGCONT');
    }
    await becomes('S');
    return body;
  };
  const { code, out, err } = await birth(s, 'paused', { answer: pause });
  expect(code === 0 && out.trim().length >= 32, code, err);
  expect(calls === 3, `${calls} calls`); // a nonce, the text, the change
});

// A8
test('an answer that was changed, anywhere, shows no address', async (s) => {
  for (const at of [0, 1, 17, 33, 60, 100]) await refused(s, `byte ${at}`, { answer: ({ envelope }) => ({ envelope: bent(envelope, at) }) });
  await refused(s, 'empty', { answer: () => ({ envelope: '' }) });
  await refused(s, 'random', { answer: () => ({ envelope: randomBytes(300).toString('base64') }) });
});

test('an answer to an earlier call shows no address', async (s) => {
  for (const old of seen) await refused(s, 'an old answer', { answer: () => old });
});

test('a request that was changed does nothing', async (s) => {
  const before = await wallets(s);
  for (const at of [0, 40, 70, 100]) await refused(s, `byte ${at}`, { request: ({ envelope }) => ({ envelope: bent(envelope, at) }) });
  expect(await wallets(s) === before, 'a wallet was made');
});

// The keys that a request is sealed to stand in the evidence; without a policy for it, too, all of it must be of one piece.
test('keys that the deployment does not vouch for are refused, by who knows it and by who does not', async (s) => {
  let old;
  let length = 0;
  await birth(s, `w${fresh()}`, { evidence: (body) => { old = body; length = Buffer.from(body.evidence, 'base64').length; return body; } });
  expect(length > 1000, 'no evidence passed here', length);
  const cases = [
    ['evidence of an earlier question', () => old],
    ['no evidence', () => ({ evidence: '' })],
    ['random evidence', () => ({ evidence: randomBytes(length).toString('base64') })],
  ];
  for (let at = 7; at < length; at += Math.ceil(length / 12)) cases.push([`byte ${at} of ${length}`, (body) => ({ evidence: bent(body.evidence, at) })]);
  for (const [what, evidence] of cases) {
    await refused(s, what, { evidence });
    await refused(s, `${what}, at the first meeting`, { evidence }, s.signer.file(`home-${fresh()}`));
  }
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
  await openProxy(s);
});
