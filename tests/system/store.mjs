// SPDX-License-Identifier: Apache-2.0
// Damage to the stored state while nobody looked (DS4, DS5): flipped bits, truncated, deleted and swapped
// data. Each time: a clear refusal or the right answer; never a crash, never more than was left.
// usage: node tests/system/store.mjs [WORD...]   FLIPS=n flipped bits (12)
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync, statSync, truncateSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, play, signed, test } from './cases.mjs';
import { hash, run, verifies } from './stage.mjs';

const CAP = 10_000_000n;
const parties = [];
let good; // a copy of the whole state after an orderly stop
let left;

const files = (s) => readdirSync(join(s.signer.state, 'store'))
  .map((name) => ({ name, path: join(s.signer.state, 'store', name) })).filter(({ path }) => statSync(path).isFile());

// With owners and modes: each process has a user id of its own.
const copy = (from, to) => execFileSync('cp', ['-a', from, to]);

function restore(s) {
  rmSync(s.signer.state, { recursive: true });
  copy(good, s.signer.state);
}

function flip(path, at, bit) {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] ^= 1 << bit;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

// sql(path, statements) as nobody but a thief with the disk would.
async function sql(s, statements) {
  const { code, err } = await run('python3', ['-c', `import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
for line in sys.argv[2:]: c.execute(line)
c.execute("pragma wal_checkpoint(truncate)")`, join(s.signer.state, 'store/state.db'), ...statements]);
  expect(code === 0, err);
}

// start(s) is true when the signer started; false when it said why not.
async function start(s) {
  const before = s.signer.log().length;
  try {
    await s.signer.start();
    return true;
  } catch (error) {
    const said = s.signer.log().slice(before);
    expect(/"level":"error"/.test(said) || /claviger serve: /.test(said), `it says nothing: ${said}`);
    expect(!/"signal":(4|6|7|8|11)\b/.test(said), `a crash: ${said}`);
    return false;
  }
}

// Every wallet either answers right or refuses in words; returns how many signed.
async function look(s) {
  let signatures = 0;
  for (const party of parties) {
    const bytes = s.message(party, 1000);
    const { status, body } = await s.pay(party, 0, { bytes });
    if (status === 200) {
      expect(verifies(party.address, bytes, Buffer.from(body.signature, 'base64')), 'a wrong signature');
      signatures++;
    } else {
      expect(status >= 400 && body.code && body.detail, status, body);
    }
    const now = await s.left(party).catch(() => null);
    expect(!now || now.left[0] <= left.get(party.name), `more is left than before: ${now?.left}`);
  }
  const log = s.signer.log();
  expect(!/"signal":(4|6|7|8|11)\b/.test(log), `a crash: ${log.split('\n').filter((l) => l.includes('"signal"')).join('\n')}`);
  return signatures;
}

for (let i = 0; i < Number(process.env.FLIPS ?? 12); i++) {
  test(`a flipped bit, ${i}`, async (s) => {
    restore(s);
    const all = files(s).filter(({ path }) => statSync(path).size > 0);
    const random = hash('flip', String(i), process.env.SEED ?? '');
    const { path } = i % 3 === 2 ? all[random[0] % all.length] : all.find(({ name }) => name === 'state.db');
    flip(path, random.readUInt32LE(1) % statSync(path).size, random[5] % 8);
    if (await start(s)) await look(s);
    await s.signer.stop();
  });
}

for (const [what, act] of [
  ['truncated to a half', (path) => truncateSync(path, statSync(path).size >> 13 << 12)],
  ['truncated to nothing', (path) => truncateSync(path, 0)],
  ['deleted', (path) => unlinkSync(path)],
]) {
  test(`the state ${what}: nothing is signed, and no new deployment begins`, async (s) => {
    restore(s);
    act(files(s).find(({ name }) => name === 'state.db').path);
    const started = await start(s);
    if (started) {
      expect(await look(s) === 0, 'a signature');
      const { body } = await s.signer.api('GET', '/api/v1/channel');
      expect(body.deployment === s.deployment, 'another deployment');
    }
    await s.signer.stop();
  });
}

for (const [what, statements] of [
  ['a bit of', ([one]) => [`update value set body = cast(x'00' || substr(body, 2) as blob) where id = x'${one.wallet}'`]],
  ['a deleted record of', ([one]) => [`delete from value where id = x'${one.wallet}'`]],
  ['another\'s record in place of that of', ([one, two]) => [
    `update value set body = (select body from value where id = x'${two.wallet}') where id = x'${one.wallet}'`]],
]) {
  test(`${what} one wallet: that wallet is refused, the others go on`, async (s) => {
    restore(s);
    await sql(s, statements(parties));
    expect(await start(s), 'it does not start');
    const [first, ...others] = parties;
    const { status, body } = await s.pay(first);
    expect(status >= 400 && body.signature === undefined, status, body);
    for (const party of others) signed(await s.pay(party));
    await s.signer.stop();
  });
}

test('the whole state as it was: everything is there', async (s) => {
  restore(s);
  expect(await start(s), 'it does not start');
  expect(await look(s) === parties.length, 'not all sign');
  await s.signer.stop();
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
  for (const name of ['one', 'two', 'three']) parties.push(await s.party(name, {}, ['--cap', `lamports:total:${CAP}`]));
  for (const party of parties) signed(await s.pay(party, 5000));
  left = new Map();
  for (const party of parties) left.set(party.name, (await s.left(party)).left[0]);
  s.deployment = (await s.signer.api('GET', '/api/v1/channel')).body.deployment;
  await s.signer.stop();
  good = join(s.signer.folder, 'good');
  copy(s.signer.state, good);
  expect(existsSync(join(good, 'store/state.db')), readdirSync(good));
});
