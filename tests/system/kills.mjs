// SPDX-License-Identifier: Apache-2.0
// kill -9 of random processes, one or all, under load (C1, C4, A11): what was acknowledged is there
// afterwards, and no cap is ever passed. With SOAK_STATE an interrupted run goes on where it was.
// usage: node tests/system/kills.mjs [KILLS]   (50)
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, Scene } from './cases.mjs';
import { descendants, kill, makeFolder, remove, run, sleep } from './stage.mjs';

const KILLS = Number(process.argv[2] ?? 50);
const WORKERS = 4;
const CAP = 100_000_000n;
const AMOUNT = 1000n;
const COST = AMOUNT + 5000n;
const SETTLED_MS = 1000; // a receipt is durable well before, and than what two changes take on a slow disk
const HALTING = ['signer', 'attestor', 'supervisor', 'all'];
const KINDS = ['verifier', 'verifier', 'store', 'store', 'bridge', 'authority', ...HALTING];

const progressFile = process.env.SOAK_STATE && join(process.env.SOAK_STATE, 'progress.json');
const old = progressFile && existsSync(progressFile) ? JSON.parse(readFileSync(progressFile, 'utf8')) : null;
const going = old && existsSync(old.folder) && old.done < KILLS ? old : null;
const progress = going ?? { folder: makeFolder('kills'), done: 0, address: null, grants: {}, frozen: false, counts: {} };
const s = new Scene(progress.folder);
// How many signatures of a grant were acknowledged; the wallet "still" is frozen as last acknowledged.
const party = { name: 'busy', address: progress.address };
const settled = []; // decisions with the time of their answer
let grant = null;
let loading = false;
let interrupted = false;
let seen = new Set();
let slowest = 0; // of the changes that were acknowledged
// Field 9 of each receipt in a bundle, 32 bytes: the decision's id (spec/receipts.cddl).
function addTickets(bundle, found) {
  const field = Buffer.from([9, 0x58, 32]);
  for (let at = bundle.indexOf(field); at >= 0; at = bundle.indexOf(field, at + 1))
    found.add(bundle.subarray(at + 3, at + 35).toString('hex'));
}

const save = () => progressFile && writeFileSync(progressFile, JSON.stringify(progress));
const pick = (list) => list[Math.floor(Math.random() * list.length)];

async function prepare() {
  await s.signer.start();
  if (going) {
    party.token = s.signer.token('busy');
    grant = Object.keys(progress.grants).pop() ?? null;
    return;
  }
  await s.user('user');
  await s.client('busy');
  party.address = progress.address = (await s.wallet('busy')).address;
  party.token = s.signer.token('busy');
  await s.wallet('still');
  save();
}

// What is asked right after a kill may find nobody there, come too late, or be sealed to an authority that is gone: it is asked again. What changes something may have
// been done all the same.
async function asked(act) {
  for (const end = Date.now() + 60_000; ;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > end || !/no_answer|request_malformed|store_unavailable|overloaded|hung up|hang up|did not answer|cannot connect|closed the connection|ECONN/.test(error.message)) throw error;
      await sleep(100);
    }
  }
}

// A crash counts a lease as spent, so that a grant is used up after a while: then comes another.
async function refresh() {
  const rows = await rowsOf();
  const row = rows.get(grant);
  if (row && row.left > CAP / 4n) return;
  if (grant) await asked(async () => {
    if ((await rowsOf()).get(grant)?.live) await s.signer.must('grant', 'revoke', grant, '--wallet', 'busy', '--key', s.key('user'), '--yes');
  });
  grant = await asked(() => s.grant('busy', 'busy', {}, ['--cap', `lamports:total:${CAP}`]));
  progress.grants[grant] = 0;
}

async function rowsOf() {
  const { out } = await asked(() => s.signer.must('grant', 'list', '--wallet', 'busy', '--key', s.key('user'), '--json'));
  return new Map(out.trim().split('\n').filter((l) => l).map((l) => JSON.parse(l)).map((r) => [r.grant, { live: r.live, left: BigInt(r.counters[0].left) }]));
}

async function work() {
  while (loading) {
    const used = grant;
    try {
      const { status, body } = await s.pay(party, AMOUNT, { more: { grant: used } });
      if (status === 200) {
        progress.grants[used]++;
        progress.counts.signed = (progress.counts.signed ?? 0) + 1;
        settled.push({ at: Date.now(), id: body.decision });
      } else {
        expect(status === 422 || status === 429 || status === 503 || status === 504 || status === 403, status, body);
        progress.counts[body.code] = (progress.counts[body.code] ?? 0) + 1;
      }
    } catch (error) {
      if (error.code === undefined && !/socket|ECONN|answer|JSON/.test(error.message)) throw error;
    }
    await sleep(5);
  }
}

// A change whose end is not known may have happened or not; then the signer is asked.
async function toggle() {
  const wanted = !progress.frozen;
  const words = ['wallet', wanted ? 'freeze' : 'unfreeze', 'still', '--key', s.key('user'), '--yes'];
  const began = Date.now();
  const { code } = await s.signer.cli(...words);
  if (code === 0) {
    progress.frozen = wanted;
    slowest = Math.max(slowest, Date.now() - began);
  }
  return code === 0;
}

async function check(before) {
  const rows = await rowsOf();
  for (const [id, count] of Object.entries(progress.grants)) {
    const spent = BigInt(count) * COST;
    expect(spent <= CAP, `the cap of ${id} was passed: ${spent}`);
    const row = rows.get(id);
    if (id === grant) expect(row?.live, `the grant ${id} is gone`);
    if (row) expect(row.left <= CAP - spent, `${count} signatures, and ${row.left} left`);
    if (row) expect(id === grant || !row.live, `the revoked grant ${id} lives`);
  }
  const still = await asked(() => s.signer.json('wallet', 'show', 'still', '--key', s.key('user')));
  if (progress.sure) expect(still.frozen === progress.frozen, `frozen: ${still.frozen}, acknowledged ${progress.frozen}`);
  progress.frozen = still.frozen;
  await receipts(before);
}

// The receipts that came since the last look hold every decision that was old enough when the kill came.
async function receipts(before) {
  const found = new Set();
  for (;;) {
    const from = progress.cursor ? `&cursor=${progress.cursor}` : '';
    const body = await asked(async () => {
      const { status, body } = await s.signer.api('GET', `/api/v1/receipts?wallet=busy${from}`, { token: party.token });
      expect(status === 200, status, body);
      return body;
    });
    addTickets(Buffer.from(body.bundle, 'base64'), found);
    if (body.next_cursor === null) break;
    progress.cursor = body.next_cursor;
  }
  for (const { at, id } of settled)
    expect(found.has(id) || seen.has(id) || at >= before - SETTLED_MS - 2 * slowest, `no receipt of ${id}, ${before - at} ms before the kill`);
  progress.counts.receipts = (progress.counts.receipts ?? 0) + found.size;
  settled.splice(0);
  seen = found;
}

async function strike() {
  const kind = pick(KINDS);
  loading = true;
  const workers = Array.from({ length: WORKERS }, work);
  progress.sure = await toggle();
  const toggling = Math.random() < 0.5 ? toggle().then((known) => { progress.sure = known; }) : null;
  await sleep(Math.random() * 150);
  const at = Date.now();
  if (kind === 'all') await s.signer.crash();
  else {
    const found = s.signer.processes(kind);
    expect(found.length > 0, `no process ${kind}`);
    kill(pick(found).pid, 'SIGKILL');
  }
  if (HALTING.includes(kind)) {
    const ended = await Promise.race([s.signer.ended.then(() => true), sleep(60_000)]);
    expect(ended, `the ${kind} was killed, and the rest goes on`);
  } else {
    await sleep(100 + Math.random() * 200);
  }
  loading = false;
  await Promise.all(workers);
  await toggling;
  if (HALTING.includes(kind)) await s.signer.start();
  const end = Date.now() + 60_000;
  let answer;
  do {
    answer = await s.pay(party, AMOUNT, { more: { grant } }).catch((error) => ({ status: 0, body: error.message }));
    if (answer.status === 200) progress.grants[grant]++;
    expect(Date.now() < end, `no signature after the ${kind} was killed:`, answer);
  } while (answer.status === 0 || answer.status === 503 || answer.status === 504);
  await check(at);
  return kind;
}

const { code } = await run('sh', ['-c', 'command -v swtpm']);
if (code !== 0) {
  console.log('skipped: no swtpm on this machine');
  process.exit(77);
}
let failed = 0;
const close = async (keep) => {
  loading = false;
  await s.signer.stop();
  if (!keep) remove(progress.folder);
};
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {
  interrupted = true;
  close(Boolean(progressFile)).then(() => process.exit(130));
});
const first = progress.done;
try {
  await prepare();
  while (progress.done < KILLS) {
    await refresh();
    const kind = await strike();
    progress.done++;
    progress.counts[`killed ${kind}`] = (progress.counts[`killed ${kind}`] ?? 0) + 1;
    save();
    if (process.env.VERBOSE) console.log(progress.done, kind);
  }
  // One chain over all these boots, for somebody who has only the file.
  const file = s.signer.file('receipts');
  rmSync(file, { force: true }); // of a run before
  await s.signer.must('receipt', 'export', '--wallet', 'busy', '--token-file', join(s.signer.home, 'clients/busy.token'), '--out', file);
  console.log((await s.signer.must('receipt', 'verify', file)).out.trim());
  // So are its changes: of each that any of these boots took the signed bytes, and each decision in a state
  // that they led to, whatever was cut off between memory, store and TPM.
  const audit = s.signer.file('audit.jsonl');
  await s.signer.must('audit', 'export', '--wallet', 'busy', '--key', s.key('user'), '--token-file', join(s.signer.home, 'clients/busy.token'), '--out', audit);
  console.log((await s.signer.must('audit', 'verify', audit)).out.trim());
} catch (error) {
  if (interrupted) await new Promise(() => {}); // the handler ends the process
  failed = 1;
  console.log(`FAIL after ${progress.done} kills\n  ${error.stack}`);
  console.log(s.signer.log().split('\n').slice(-15).join('\n'));
}
await close(failed > 0 && progressFile);
console.log(Object.entries(progress.counts).map(([name, count]) => `${name} ${count}`).sort().join(', '));
console.log(`${progress.done - first} passed, ${failed} failed`);
process.exit(failed > 0 || progress.done < KILLS ? 1 : 0);
