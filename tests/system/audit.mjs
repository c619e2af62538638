// SPDX-License-Identifier: Apache-2.0
// What an auditor takes away: `audit export` of two wallets, and every way in which somebody could
// change the file before `audit verify` sees it (B2, A24).
// usage: node tests/system/audit.mjs [WORD...]
import { readFileSync, writeFileSync } from 'node:fs';
import { sleep } from './stage.mjs';
import { expect, fresh, play, signed, test } from './cases.mjs';

const names = ['a', 'b'];
const parties = new Map();
const file = (s, name) => s.signer.file(name);
const tokenFile = (s) => file(s, 'home/clients/auditor.token');
const exporting = (s, out, ...more) => s.signer.cli('audit', 'export', '--wallet', names.join(), '--key', s.key('user'),
  '--token-file', tokenFile(s), '--out', out, ...more);
const verify = async (s, path, ...more) => {
  const { code, out, err } = await s.signer.cli('audit', 'verify', path, '--json', ...more);
  return { code, err, ...(out === '' ? {} : JSON.parse(out)) };
};
const lines = (path) => readFileSync(path, 'utf8').trimEnd().split('\n');
const parsed = (path) => lines(path).map((line) => JSON.parse(line));
// Receipts are durable a moment after the answer: goes on until so many are in the file.
async function exportUntil(s, path, wanted, ...more) {
  for (let tries = 0; tries < 400; tries++) {
    const done = await exporting(s, path, ...(tries === 0 ? more : ['--append']));
    expect(done.code === 0, done.code, done.out, done.err);
    if (count(path, 'receipt') >= wanted) return;
    await sleep(100);
  }
  expect(false, `${count(path, 'receipt')} of ${wanted} receipts`);
}
const count = (path, kind) => parsed(path).filter(({ line }) => line === kind).length;

async function decide(s, signatures, refusals) {
  for (const name of names) {
    for (let i = 0; i < signatures; i++) signed(await s.pay(parties.get(name), 1000));
    for (let i = 0; i < refusals; i++) {
      const answer = await s.pay(parties.get(name), 2_000_000_000);
      expect(answer.status === 422, answer.status);
    }
  }
}

test('all decisions are there, and verify offline', async (s) => {
  await decide(s, 5, 3);
  const path = file(s, 'first.jsonl');
  await exportUntil(s, path, 16);
  expect(count(path, 'wallet') >= 2 && count(path, 'grant') >= 2 && count(path, 'receipt') === 16 && count(path, 'head') >= 2, lines(path).length);
  const said = await verify(s, path);
  expect(said.code === 0 && said.verified && said.from === 0 && said.wallets === 2 && said.changes === 4 && said.receipts === 16 && said.allowed === 10 && said.from_the_first === 2 && said.of_grants_not_kept === 0, said);
  const { deployment_key: key } = parsed(path)[0];
  expect((await verify(s, path, '--deployment-key', key)).verified, 'the right key');
  expect((await verify(s, path, '--deployment-key', 'ab'.repeat(32))).code === 1, 'another key');
  for (const row of parsed(path).filter(({ line }) => line === 'receipt')) expect(['signed', 'policy_denied'].includes(row.says.result), row.says);
});

test('a file that is there is never written over', async (s) => {
  const before = readFileSync(file(s, 'first.jsonl'));
  expect((await exporting(s, file(s, 'first.jsonl'))).code !== 0, 'written over');
  expect(readFileSync(file(s, 'first.jsonl')).equals(before), 'changed');
});

test('what was decided since is added, once', async (s) => {
  const path = file(s, 'first.jsonl');
  await decide(s, 4, 1);
  for (const wanted of [26, 26]) {
    await exportUntil(s, path, wanted, '--append');
    const said = await verify(s, path);
    expect(said.verified && said.receipts === wanted && count(path, 'receipt') === wanted, said, count(path, 'receipt'));
  }
});

test('an export that was cut short is told, and goes on', async (s) => {
  const whole = readFileSync(file(s, 'first.jsonl'));
  const path = file(s, 'cut.jsonl');
  let tried = 0;
  for (const at of [0.2, 0.5, 0.83, 0.97]) {
    writeFileSync(path, whole.subarray(0, Math.floor(whole.length * at)));
    const cut = await verify(s, path);
    // Cut right behind a run's last page the file is whole, and shorter.
    if (cut.code === 0) continue;
    tried++;
    const done = await exporting(s, path, '--append');
    expect(done.code === 0, at, done.err);
    const said = await verify(s, path);
    expect(said.verified && said.receipts === 26 && said.from_the_first === 2, at, said);
  }
  expect(tried >= 3, tried);
  const rows = lines(file(s, 'first.jsonl'));
  writeFileSync(path, rows.slice(0, rows.findIndex((row) => row.startsWith('{"line":"head"'))).map((row) => `${row}\n`).join(''));
  const { code, err } = await s.signer.cli('audit', 'verify', path);
  expect(code === 1 && err.includes('--append'), code, err);
});

// Nothing was decided: the signed head says so, of this wallet. What says nothing, or speaks of another one, is not enough.
test('a wallet without any decision verifies, and one whose decisions were all taken away does not', async (s) => {
  const party = await s.party('idle');
  const { wallet } = party;
  const path = file(s, 'idle.jsonl');
  const exportIdle = (...more) => s.signer.cli('audit', 'export', '--wallet', 'idle', '--key', s.key('user'),
    '--token-file', file(s, 'home/clients/idle.token'), '--out', path, ...more);
  const done = await exportIdle();
  expect(done.code === 0 && count(path, 'receipt') === 0 && count(path, 'head') === 1, done.code, done.err);
  const said = await verify(s, path);
  expect(said.verified && said.wallets === 1 && said.changes === 2 && said.receipts === 0 && said.from_the_first === 1, said);
  const bent = file(s, 'bent-idle.jsonl');
  const write = (rows) => writeFileSync(bent, rows.map((row) => `${row}\n`).join(''));
  write(lines(path).filter((line) => !line.startsWith('{"line":"head"')));
  const headless = await verify(s, bent);
  expect(headless.code === 1 && headless.err.includes('no signed head'), headless);
  const whole = lines(file(s, 'first.jsonl'));
  const { wallet: other } = parties.get(names[0]);
  const emptied = whole.filter((line) => !line.startsWith('{"line":"receipt"'));
  write(emptied);
  const taken = await verify(s, bent);
  expect(taken.code === 1 && taken.err.includes('taken away'), taken);
  const borrowed = lines(path).filter((line) => /^\{"line":"(head|path)"/.test(line)).map((line) => line.replace(wallet, other));
  write(emptied.filter((line) => line.startsWith('{"line":"audit"') || line.includes(other))
    .flatMap((line) => (line.startsWith('{"line":"head"') ? [borrowed[0]] : line.startsWith('{"line":"path"') ? [borrowed[1]] : [line])));
  const swapped = await verify(s, bent);
  expect(swapped.code === 1 && swapped.err.includes('taken away'), swapped);
  signed(await s.pay(party, 1000));
  for (let tries = 0; count(path, 'receipt') === 0 && tries < 400; tries++) {
    await sleep(100);
    const more = await exportIdle('--append');
    expect(more.code === 0, more.err);
  }
  const then = await verify(s, path);
  expect(then.verified && then.receipts === 1 && then.from_the_first === 1, then);
});

// S18: the receipt of a hand-over stands beside what its user signed for it, with a delay and without.
for (const [delay, steps] of [['0s', ['export done']], ['1s', ['export waits', 'export completed']]]) test(`an export after ${delay} is one that its user asked for`, async (s) => {
  const name = `leaver${delay}`;
  const out = file(s, `${name}.key`);
  const third = `third${delay}`;
  await s.user(third);
  await s.client(name);
  await s.signer.must('wallet', 'create', name, s.key(third), '--export-delay', delay, '--key', s.key('user'), '--yes');
  await s.grant(name, name, {}, ['--second', s.key(third)]);
  const auditTo = async (path) => {
    const done = await s.signer.cli('audit', 'export', '--wallet', name, '--key', s.key('user'), '--token-file', file(s, `home/clients/${name}.token`), '--out', path);
    expect(done.code === 0, done.err);
  };
  const before = file(s, `${name}-before.jsonl`);
  await auditTo(before);
  await s.signer.must('wallet', 'export', name, '--key', s.key('user'), '--second', s.key(third), '--out', out, '--yes');
  for (let tries = 0; delay !== '0s' && tries < 200; tries++) {
    if ((await s.signer.cli('wallet', 'export', '--finish', `${out}.request`, '--out', out)).code === 0) break;
    await sleep(200);
  }
  const path = file(s, `${name}.jsonl`);
  await auditTo(path);
  expect(parsed(path).filter(({ line }) => line === 'receipt').map(({ says }) => says.export).join() === 'true', 'no receipt of an export');
  expect(parsed(path).filter(({ line }) => line === 'change').map(({ says }) => `${says.action} ${says.step}`).slice(2).join() === steps.join(), 'changes');
  const said = await verify(s, path);
  expect(said.verified && said.receipts === 1 && said.allowed === 0, said);
  // The same receipt where its user asked for nothing: where the wallet stood before it.
  const bent = file(s, `bent-${name}.jsonl`);
  const stood = lines(before).find((line) => line.startsWith('{"line":"standing"'));
  writeFileSync(bent, lines(path).filter((line) => !/"says":\{"version":"\d+","action":"export"/.test(line))
    .map((line) => `${line.startsWith('{"line":"standing"') ? stood : line}\n`).join(''));
  const unasked = await verify(s, bent);
  expect(unasked.code === 1 && unasked.err.includes(delay === '0s' ? 'nobody asked for it' : 'no change in the file leads to'), unasked);
});

test('only what is younger than asked for, and still proven to its end', async (s) => {
  const path = file(s, 'from.jsonl');
  await sleep(1100 - (Date.now() % 1000));
  const from = Math.floor(Date.now() / 1000);
  await decide(s, 2, 0);
  await exportUntil(s, path, 4, '--from', String(from));
  const said = await verify(s, path);
  expect(said.verified && said.from === from && said.receipts === 4 && said.from_the_first === 0, said);
});

// What users signed (S11, A24): for each state of a wallet the change that led to it, as it was signed.
async function oneLife(s) {
  const second = s.key('second');
  const both = ['--key', s.key('user'), '--second', second];
  const must = (...words) => s.signer.must(...words, '--yes');
  await s.user('second');
  const party = await s.party('life');
  parties.set('life', party);
  signed(await s.pay(party, 1000));
  await must('wallet', 'limit', 'life', '--cap', 'lamports:total:500000', '--key', s.key('user'));
  signed(await s.pay(party, 1001));
  await must('factor', 'add', 'life', second, '--key', s.key('user'));
  await must('wallet', 'freeze', 'life', '--key', second);
  const frozen = await s.pay(party, 1002);
  expect(frozen.status !== 200, frozen.status);
  await must('wallet', 'unfreeze', 'life', ...both);
  await must('factor', 'delay', 'life', '--changes', '1s', ...both);
  const waits = await s.signer.json('factor', 'delay', 'life', '--changes', '0s', ...both, '--yes');
  await sleep(1500);
  await s.signer.must('change', 'complete', waits.change, '--wallet', party.wallet);
  await must('grant', 'revoke', party.grant, '--wallet', 'life', '--key', second);
  const revoked = await s.pay(party, 1003);
  expect(revoked.status !== 200, revoked.status);
  return party;
}

const lifeExport = (s, out, ...more) => s.signer.cli('audit', 'export', '--wallet', 'life', '--key', s.key('user'),
  '--token-file', file(s, 'home/clients/life.token'), '--out', out, ...more);

test('for each state of a wallet the change that led to it, as it was signed', async (s) => {
  await oneLife(s);
  const path = file(s, 'life.jsonl');
  expect((await lifeExport(s, path)).code === 0, 'export');
  for (let tries = 0; count(path, 'receipt') < 4 && tries < 400; tries++) {
    await sleep(100);
    expect((await lifeExport(s, path, '--append')).code === 0, 'export');
  }
  const said = await verify(s, path);
  expect(said.verified && said.changes === 10 && said.receipts === 4, said);
  const changes = parsed(path).filter(({ line }) => line === 'change').map(({ says }) => says);
  expect(changes.map(({ action, step }) => `${action} ${step}`).join() ===
    ['create done', 'grant done', 'limit done', 'factor done', 'freeze done', 'unfreeze done', 'factor done', 'factor waits', 'factor completed', 'revoke done'].join(), changes);
  expect(changes.every(({ previous }, i) => previous === (i === 0 ? '0'.repeat(64) : changes[i - 1].authority)), 'a chain');
  expect(changes[5].signatures.length === 2 && changes[4].signatures.length === 1 && changes[3].signatures.length === 2, changes);
  expect(changes[1].text.includes('transfer') && changes[7].text === changes[8].text && changes[7].change === changes[8].change, changes);
  // Each decision names the state that it stands on.
  const named = parsed(path).filter(({ line }) => line === 'receipt').map(({ says }) => changes.findIndex(({ authority }) => authority === says.authority));
  expect(named[0] === 1 && named[1] === 2 && named[2] >= 3 && named[3] >= 8 && named.every((at, i) => i === 0 || at >= named[i - 1]), named);
  const standing = parsed(path).filter(({ line }) => line === 'standing').at(-1).says;
  expect(standing.version === '10' && standing.authority === changes[9].authority, standing);
  // It is what the wallet's own line says, and stands after a restart, too.
  await s.signer.stop();
  await s.signer.start();
  expect((await lifeExport(s, path, '--append')).code === 0, 'export');
  const again = await verify(s, path);
  expect(again.verified && again.changes === 10 && parsed(path).filter(({ line }) => line === 'standing').at(-1).says.boot === '2', again);
});

test('a change that is left out, moved, changed, of another wallet or not the last is named', async (s) => {
  const path = file(s, 'bent-life.jsonl');
  const good = lines(file(s, 'life.jsonl'));
  const of = (kind) => good.map((line, i) => [JSON.parse(line).line, i]).filter(([line]) => line === kind).map(([, i]) => i);
  const changes = of('change');
  const refused = async (what, rows, words) => {
    writeFileSync(path, rows.map((row) => `${row}\n`).join(''));
    const said = await verify(s, path);
    expect(said.code === 1 && said.verified !== true && words.test(said.err), what, said);
  };
  const without = (...at) => good.filter((_, i) => !at.includes(i));
  for (const [n, i] of changes.entries()) {
    await refused(`change ${n} left out`, without(i), n === 9 ? /some are missing|no change in the file leads to/ : /does not follow/);
    if (n > 0) await refused(`change ${n} moved`, good.map((row, at) => (at === i ? good[changes[n - 1]] : at === changes[n - 1] ? good[i] : row)), /does not follow/);
  }
  // Bytes of the record, and the line written anew to say what they say: the words come from the record,
  // so this one is found by what was signed.
  const bent = (i, change) => {
    const { record } = JSON.parse(good[i]);
    const bytes = Buffer.from(record, 'base64');
    change(bytes);
    return good.map((row, at) => (at === i ? row.replace(record, bytes.toString('base64')) : row));
  };
  const signature = Buffer.from(JSON.parse(good[changes[2]]).record, 'base64').indexOf(Buffer.from([0x03, 0x58, 0x40]));
  expect(signature > 0, 'no signature');
  await refused('a bit of a signature', bent(changes[2], (bytes) => { bytes[signature + 10] ^= 1; }), /not the one that its link names/);
  const standings = of('standing');
  await refused('no standing', without(...standings), /changes may be missing/);
  await refused('the tail of changes', without(changes[9], ...of('receipt').slice(-1), ...standings.slice(0, -1)), /./);
  // The other wallets' file has changes, too: of another wallet.
  const other = lines(file(s, 'first.jsonl')).find((line) => line.startsWith('{"line":"change"'));
  const { wallet } = JSON.parse(good[changes[0]]);
  await refused('of another wallet', good.map((row, at) => (at === changes[0] ? other.replace(/"wallet":"[0-9a-f]{64}"/, `"wallet":"${wallet}"`) : row)), /another wallet/);
});

test('a changed, missing, doubled, moved or made-up line is refused', async (s) => {
  await exportUntil(s, file(s, 'whole.jsonl'), 30);
  const good = lines(file(s, 'whole.jsonl'));
  expect(good.filter((line) => line.includes('"line":"head"')).length === 2, 'more than one run');
  const path = file(s, 'bent.jsonl');
  let bent = 0;
  const refused = async (what, rows, code = 1) => {
    writeFileSync(path, rows.map((row) => `${row}\n`).join(''));
    const said = await verify(s, path);
    expect(said.code === code && said.verified !== true, what, said);
    bent++;
  };
  const of = (kind) => good.map((line, i) => [JSON.parse(line).line, i]).filter(([line]) => line === kind).map(([, i]) => i);
  const edit = (i, change) => good.map((line, at) => (at === i ? change(line) : line));
  const firsts = names.map((name) => good.findIndex((line) => line.startsWith(`{"line":"receipt","wallet":"${parties.get(name).wallet}"`)));
  for (const i of [...of('wallet'), ...of('grant'), ...of('boot'), ...of('receipt').filter((_, at) => at % 3 === 0), ...firsts, ...of('head'), ...of('path'), ...of('change'), ...of('standing')]) {
    const { line } = JSON.parse(good[i]);
    if (['receipt', 'grant', 'wallet', 'change', 'standing'].includes(line)) {
      await refused(`the words of a ${line}`, edit(i, (row) => row.replace(/"says":\{"(\w+)":"(.)/, (all, name, first) => `"says":{"${name}":"${first === 'a' ? 'b' : 'a'}`)));
      await refused(`a space in a ${line}`, edit(i, (row) => row.replace(',"record"', ', "record"')));
    }
    await refused(`a bit of a ${line}`, edit(i, (row) => {
      const at = row.indexOf('"record":"') + 10 + 40;
      return row.slice(0, at) + (row[at] === 'A' ? 'B' : 'A') + row.slice(at + 1);
    }));
    // What a chain begins with is told, not refused: the signer may have let go of older receipts.
    if (firsts.includes(i)) {
      writeFileSync(path, good.filter((_, at) => at !== i).map((row) => `${row}\n`).join(''));
      const said = await verify(s, path);
      expect(said.verified && said.from_the_first === 1 && said.receipts === 29, said);
    } else if (['receipt', 'head', 'path', 'change'].includes(line)) await refused(`a ${line} left out`, good.filter((_, at) => at !== i));
  }
  for (const i of of('receipt').filter((_, at) => at % 5 === 0)) {
    await refused('a receipt twice', [...good.slice(0, i + 1), ...good.slice(i)]);
    const other = JSON.parse(good[i]).wallet;
    await refused('a receipt under another wallet', edit(i, (row) => row.replace(`"wallet":"${other}"`, `"wallet":"${'0'.repeat(64)}"`)));
  }
  // A grant's line that was written anew, words and record alike: the receipts name another module.
  const [grant] = of('grant');
  const { record, says: { module } } = JSON.parse(good[grant]);
  const bytes = Buffer.from(record, 'base64');
  const at = bytes.indexOf(Buffer.from(module, 'hex'));
  expect(at > 0, 'no module in the record');
  bytes[at] ^= 1;
  const other = bytes.subarray(at, at + 32).toString('hex');
  await refused('a grant with another module', edit(grant, (row) => row.replace(record, bytes.toString('base64')).replace(`"module":"${module}"`, `"module":"${other}"`)));
  const [first, second] = of('receipt');
  await refused('two receipts in the other order', good.map((line, i) => (i === first ? good[second] : i === second ? good[first] : line)));
  await refused('no beginning', good.slice(1));
  await refused('a line of another kind', [...good, '{"line":"note","text":"all is well"}']);
  await refused('no JSON', [...good, 'all is well']);
  await refused('another deployment', edit(0, (row) => row.replace(/"deployment_key":"..../, '"deployment_key":"0000')));
  await refused('another format', edit(0, (row) => row.replace('"format":2', '"format":3')));
  await refused('empty', []);
  console.log(`${bent} bent files`);
  expect(bent > 40, bent);
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
  await s.client('auditor');
  for (const name of names) {
    const { address, wallet } = await s.wallet(name);
    const grant = await s.grant(name, 'auditor');
    parties.set(name, { name, address, wallet, grant, token: s.signer.token('auditor') });
  }
  fresh();
});
