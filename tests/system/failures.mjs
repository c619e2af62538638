// SPDX-License-Identifier: Apache-2.0
// Processes that die, one by one, while the signer is in use: who goes on, who halts, what is kept.
// usage: node tests/system/failures.mjs [WORD...]
import { expect, play, signed, test } from './cases.mjs';
import { descendants, kill, sleep } from './stage.mjs';

const NEW_VERIFIER_MAX_US = 50_000;
let party;

const PATIENCE_MS = 60_000; // for what comes in any case

async function until(what, act) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    if (await act().catch(() => false)) return;
    expect(Date.now() < end, `${what}: not within ${PATIENCE_MS} ms`);
    await sleep(20);
  }
}
const signs = (s) => async () => (await s.pay(party)).status === 200;
const events = (s, name) => s.signer.log().split('\n').filter((line) => line.includes(`"event":"${name}"`)).map((line) => JSON.parse(line));

// C2
test('a verifier killed in the middle of a check: a refusal, and a new verifier at once', async (s) => {
  const away = [];
  let refused = 0;
  for (let round = 0; round < 15 && refused < 5; round++) {
    const begun = () => events(s, 'process.started').filter((e) => e.name === 'verifier');
    const before = begun().length;
    const verifiers = s.signer.processes('verifier');
    expect(verifiers.length >= 1, 'no verifier');
    for (const { pid } of verifiers) kill(pid, 'SIGSTOP'); // so that the checks below are in their midst
    const waiting = verifiers.map(() => s.pay(party));
    await sleep(150);
    for (const { pid } of verifiers) kill(pid, 'SIGKILL');
    const answers = await Promise.all(waiting);
    for (const { status, body } of answers) // of a late machine some were in nobody's hands yet
      expect(status === 200 || (status === 503 && body.signature === undefined && body.retryable), status, body);
    refused += answers.every(({ status }) => status === 503);
    await until('a signature after that', signs(s));
    await until('as many verifiers as before', async () => s.signer.processes('verifier').length === verifiers.length);
    await until('the log of them', async () => begun().length >= before + verifiers.length);
    away.push(...begun().slice(before).map((e) => e.away_us));
  }
  expect(refused === 5, `all were in the middle of a check and refused in ${refused} rounds`);
  // A machine with other work can make any one of them late, never all of them early.
  expect(Math.min(...away) < NEW_VERIFIER_MAX_US, `the verifiers were away for ${away.join(', ')} us`);
});

test('a verifier killed under load: each answer is a signature or a clear refusal', async (s) => {
  const work = Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 25; i++) {
      const { status, body } = await s.pay(party);
      expect(status === 200 || (status === 503 && body.retryable), status, body);
    }
  }));
  for (let i = 0; i < 6; i++) {
    await sleep(40);
    const [one] = s.signer.processes('verifier').sort(() => Math.random() - 0.5);
    if (one) kill(one.pid, 'SIGKILL');
  }
  await work;
  await until('a signature after that', signs(s));
});

for (const name of ['store', 'bridge', 'authority']) {
  test(`the ${name} killed: a new one takes its place, and the signer goes on`, async (s) => {
    const before = s.signer.processes('signer')[0].pid;
    const dead = s.signer.processes(name);
    expect(dead.length === 1, `${dead.length} processes ${name}`);
    kill(dead[0].pid, 'SIGKILL');
    await until('a signature after that', signs(s));
    await until(`a new ${name}`, async () => s.signer.processes(name).some((p) => p.pid !== dead[0].pid));
    expect(s.signer.processes('signer')[0].pid === before, 'another signer');
    await until('a change after that', async () => (await s.signer.cli('wallet', 'show', party.name, '--key', s.key('user'))).code === 0);
    await until('a durable change after that', async () => {
      const { code } = await s.signer.cli('wallet', 'freeze', party.name, '--key', s.key('user'));
      const back = await s.signer.cli('wallet', 'unfreeze', party.name, '--key', s.key('user'), '--yes');
      return code === 0 && back.code === 0;
    });
    signed(await s.pay(party));
  });
}

for (const name of ['signer', 'attestor']) {
  test(`the ${name} killed: everything halts, and a new start has what was acknowledged`, async (s) => {
    const kept = await s.party(`kept-${name}`);
    signed(await s.pay(kept));
    const all = descendants(s.signer.child.pid);
    kill(s.signer.processes(name)[0].pid, 'SIGKILL');
    const status = await Promise.race([s.signer.ended, sleep(PATIENCE_MS).then(() => 'nothing')]);
    expect(status !== 0 && status !== 'nothing', `the end's status: ${status}`);
    await until('no process is left', async () => all.every(({ pid }) => !kill(pid, 0)));
    await s.signer.start();
    signed(await s.pay(kept));
    signed(await s.pay(party));
  });
}

test('the command killed outright: no process stays behind', async (s) => {
  const all = descendants(s.signer.child.pid).filter((p) => p.name.startsWith('claviger-'));
  expect(all.length >= 6, all);
  kill(s.signer.child.pid, 'SIGKILL');
  await s.signer.ended;
  await until('no process is left', async () => all.every(({ pid }) => !kill(pid, 0)));
  await s.signer.start();
  signed(await s.pay(party));
});

test('the supervisor killed outright: no process stays behind', async (s) => {
  const all = descendants(s.signer.child.pid).filter((p) => p.name.startsWith('claviger-'));
  kill(s.signer.processes('supervisor')[0].pid, 'SIGKILL');
  await Promise.race([s.signer.ended, sleep(PATIENCE_MS)]);
  await until('no process is left', async () => all.every(({ pid }) => !kill(pid, 0)));
  await s.signer.start();
  signed(await s.pay(party));
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
  party = await s.party('main');
});
