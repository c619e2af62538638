// SPDX-License-Identifier: Apache-2.0
// `claviger attest checkquote` in the place of tpm2_checkquote: quotes of a real TPM in many forms, and forgeries that a
// key's owner can sign. tpm2-tools 5.8 judges the same files where it is to be had (tools/tpm2_tools); both say the same,
// but for SHA-1 and what 5.8 does not look at, which are named (H5, H6, S7).
import crypto from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, makeFolder, remove, root, run, sleep } from '../system/stage.mjs';
import { spawn } from 'node:child_process';
import { attestHead, be16, be32, newKey, QUOTED, quoteBody, selection, sha256, tpmSign, world, zeros } from './world.mjs';

let passed = 0, failed = 0, compared = 0;
const expect = (what, holds, shown = '') => { if (holds) passed++; else { failed++; console.log(`FAIL ${what} ${shown}`); } };
const tool = join(build, 'bin/claviger');
const folder = makeFolder('checkquote');
const path = (name) => join(folder, name);
const found = await run(join(root, 'tools/tpm2_tools'), []);
const peer = found.code === 0 ? found.out.trim() : undefined;
const old = await run('tpm2_checkquote', ['--version']).catch(() => ({ code: 1 }));

/** Both tools on the same words; `code` is ours, `peerSays` what 5.8 is to say: as we do, unless given. */
async function judge(what, words, code, peerSays = code === 'accepted') {
  const { out, code: exit } = await run(tool, ['attest', 'checkquote', '--json', ...words]);
  const said = out === '' ? `exit ${exit}` : JSON.parse(out).code;
  expect(what, said === code && (exit === 0) === (code === 'accepted'), `says ${said}, should ${code}`);
  if (peer === undefined || peerSays === null) return;
  const theirs = await run(peer, ['checkquote', ...words]);
  compared++;
  expect(`${what}: tpm2-tools 5.8`, (theirs.code === 0) === peerSays, `${theirs.code} ${theirs.err.trim().split('\n').pop()}`);
}

// ---- a real TPM, through tpm2-tools ----
mkdirSync(path('tpm'), { mode: 0o700 });
const swtpm = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${path('tpm')}`, '--server', `type=unixio,path=${path('tpm/s')}`,
  '--ctrl', `type=unixio,path=${path('tpm/s.ctrl')}`, '--flags', 'startup-clear'], { stdio: 'ignore' });
const env = { TPM2TOOLS_TCTI: `swtpm:path=${path('tpm/s')}` };
async function tpm(...words) {
  for (let i = 0; ; i++) {
    await flush();
    const r = await run(words[0], words.slice(1), { env });
    if (r.code === 0) return r;
    if (i === 1200) throw new Error(`${words.join(' ')}: ${r.err}`);
    await sleep(50);
  }
}
const flush = () => run('tpm2_flushcontext', ['-t'], { env });
try {
  const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign';
  let nonces = 0;
  for (const [kind, algorithm, hash] of [['ecc', 'ecc:ecdsa-sha256:null', 'sha256'], ['rsa', 'rsa2048:rsassa-sha256:null', 'sha256'], ['pss', 'rsa2048:rsapss-sha256:null', 'sha256'],
    ['p384', 'ecc384:ecdsa-sha384:null', 'sha384']]) {
    await tpm('tpm2_createprimary', '-C', 'e', '-G', algorithm, '-g', 'sha256', '-c', path(`${kind}.ctx`), '-a', attributes, '-Q');
    await tpm('tpm2_readpublic', '-c', path(`${kind}.ctx`), '-f', 'pem', '-o', path(`${kind}.pem`), '-Q');
    await tpm('tpm2_readpublic', '-c', path(`${kind}.ctx`), '-o', path(`${kind}.pub`), '-Q');
    for (const list of ['sha256:0', 'sha256:0,2,4,7,9,11,12,13,14', 'sha256:all', 'sha256:16,23']) {
      const nonce = sha256(`nonce ${nonces++}`).toString('hex');
      const at = (name) => path(`${kind}${nonces}.${name}`);
      await tpm('tpm2_quote', '-c', path(`${kind}.ctx`), '-l', list, '-q', nonce, '-m', at('msg'), '-s', at('sig'), '-o', at('pcr'), '-g', hash, ...(kind === 'pss' ? ['--scheme', 'rsapss'] : []), '-Q');
      const words = (key, more = {}) => ['-u', more.key ?? path(`${kind}.${key}`), '-m', more.msg ?? at('msg'), '-s', more.sig ?? at('sig'), '-f', more.pcr ?? at('pcr'), '-g', hash, '-q', more.nonce ?? nonce];
      await judge(`${kind} ${list}`, words('pem'), 'accepted');
      await judge(`${kind} ${list}, key as TPM2B_PUBLIC`, words('pub'), 'accepted');
      if (list !== 'sha256:0') {
        await judge(`${kind} ${list}: other PCRs are asked for`, [...words('pem'), '-l', 'sha256:0,1'], 'pcr-selection', null); // for 5.8 -l means that the file holds bare values
        continue;
      }
      await judge(`${kind}: the same PCRs are asked for`, [...words('pem'), '-l', list], 'accepted', null);
      await judge(`${kind}: another nonce`, words('pem', { nonce: '00'.repeat(32) }), 'extra');
      writeFileSync(path('nonce'), Buffer.from(nonce, 'hex'));
      await judge(`${kind}: the nonce in a file`, words('pem', { nonce: path('nonce') }), 'accepted');
      const bend = (name, bytes) => { const file = path(`bent.${name}`); writeFileSync(file, bytes); return { [name]: file }; };
      const [msg, sig, pcr] = ['msg', 'sig', 'pcr'].map((name) => readFileSync(at(name)));
      const flip = (bytes, i) => { const b = Buffer.from(bytes); b[i] ^= 1; return b; };
      await judge(`${kind}: a bit of the statement`, words('pem', bend('msg', flip(msg, 50))), 'signature');
      await judge(`${kind}: a bit of the signature`, words('pem', bend('sig', flip(sig, sig.length - 1))), 'signature');
      await judge(`${kind}: a bit of a value`, words('pem', bend('pcr', flip(pcr, 150))), 'pcr-digest');
      await judge(`${kind}: a byte behind the PCR file`, words('pem', bend('pcr', Buffer.concat([pcr, zeros(1)]))), 'pcr-form', true);
      await judge(`${kind}: the PCR file cut short`, words('pem', bend('pcr', pcr.subarray(0, -1))), 'pcr-form');
      await tpm('tpm2_pcrread', 'sha256:0', '-o', path('bare'), '-Q');
      await judge(`${kind}: bare values`, [...words('pem', { pcr: path('bare') }), '-l', list], 'accepted');
    }
  }
  // A restricted key refuses what begins with the TPM's mark, and signs what does not: CVE-2024-29038.
  const w = world();
  const evil = Buffer.concat([attestHead(w, 0x8018, sha256('question'), { magic: 0x00544347 }), quoteBody([selection([11])], sha256(sha256('good release')))]);
  writeFileSync(path('evil.msg'), evil);
  await tpm('tpm2_hash', '-C', 'o', '-g', 'sha256', '-o', path('digest'), '-t', path('ticket'), path('evil.msg'));
  await tpm('tpm2_sign', '-c', path('ecc.ctx'), '-g', 'sha256', '-d', '-t', path('ticket'), '-o', path('evil.sig'), path('digest'));
  const pcrFile = Buffer.concat([Buffer.from([1, 0, 0, 0, 0x0b, 0, 3, 0, 8, 0, 0, 0]), zeros(124 - 4), Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 32, 0]), sha256('good release'), zeros(668 - 136 - 6 - 32)]);
  writeFileSync(path('evil.pcr'), Buffer.concat([pcrFile.subarray(0, 132), pcrFile.subarray(pcrFile.length - 536)]));
  const forged = ['-u', path('ecc.pem'), '-m', path('evil.msg'), '-s', path('evil.sig'), '-f', path('evil.pcr'), '-g', 'sha256', '-q', sha256('question').toString('hex')];
  await judge('a real AK\'s signature over bytes that the TPM did not make', forged, 'magic');
  if (old.code === 0) {
    const r = await run('tpm2_checkquote', forged);
    console.log(`tpm2_checkquote of this system (${/version="([^"]*)"/.exec(old.out)?.[1]}) ${r.code === 0 ? 'ACCEPTS' : 'refuses'} the forged quote`);
  }
} finally {
  swtpm.kill('SIGKILL');
}

// ---- what the owner of a key can sign ----
function pcrFile(banks, values) {
  const head = zeros(132);
  head.writeUInt32LE(banks.length);
  banks.forEach(([algorithm, pcrs], i) => {
    head.writeUInt16LE(algorithm, 4 + 8 * i);
    head[6 + 8 * i] = 3;
    for (const pcr of pcrs) head[7 + 8 * i + (pcr >> 3)] |= 1 << (pcr & 7);
  });
  const lists = [];
  for (let i = 0; i < values.length; i += 8) {
    const list = zeros(532);
    const here = values.slice(i, i + 8);
    list.writeUInt32LE(here.length);
    here.forEach((value, k) => { list.writeUInt16LE(value.length, 4 + 66 * k); value.copy(list, 6 + 66 * k); });
    lists.push(list);
  }
  const count = zeros(4);
  count.writeUInt32LE(lists.length);
  return Buffer.concat([head, count, ...lists]);
}

const key = newKey.p256();
const other = newKey.p256();
writeFileSync(path('key.pem'), key.publicKey.export({ format: 'pem', type: 'spki' }));
const w = world();
const values = QUOTED.map((pcr) => sha256(`pcr ${pcr}`));
const digest = sha256(Buffer.concat(values));
const nonce = sha256('n');
let number = 0;
async function made(what, code, make = {}, peerSays) {
  const n = number++;
  const at = (name) => path(`made${n}.${name}`);
  const statement = make.statement ?? Buffer.concat([attestHead({ ...w, ...make.world }, make.type ?? 0x8018, make.extra ?? nonce, make.head), quoteBody(make.banks ?? [selection(QUOTED)], make.digest ?? digest), make.tail ?? zeros(0)]);
  writeFileSync(at('msg'), statement);
  writeFileSync(at('sig'), make.signature?.(statement) ?? tpmSign(make.key ?? key, statement));
  writeFileSync(at('pcr'), pcrFile(make.fileBanks ?? [[0x0b, QUOTED]], make.values ?? values));
  await judge(what, ['-u', path('key.pem'), '-m', at('msg'), '-s', at('sig'), '-f', at('pcr'), '-g', 'sha256', '-q', nonce.toString('hex')], code, peerSays);
}
await made('made by hand', 'accepted');
await made('without the mark', 'magic', { head: { magic: 0x00544347 } });
await made('with a near mark', 'magic', { head: { magic: 0xff544346 } });
await made('TPM2_Certify', 'type', { type: 0x8017 });
await made('TPM2_NV_Certify', 'type', { type: 0x8014 });
await made('a byte behind', 'tail', { tail: zeros(1) }, true); // 5.8 does not look behind the statement
await made('extra data empty', 'extra', { extra: zeros(0) });
await made('extra data longer', 'extra', { extra: Buffer.concat([nonce, zeros(1)]) });
await made('extra data shorter', 'extra', { extra: nonce.subarray(1) });
await made('a PCR less', 'pcr-selection', { banks: [selection(QUOTED.slice(1))] });
await made('a PCR more', 'pcr-selection', { banks: [selection([...QUOTED, 1])] });
await made('another PCR', 'pcr-selection', { banks: [selection(QUOTED.map((pcr) => (pcr === 14 ? 15 : pcr)))] });
await made('no PCR', 'pcr-selection', { banks: [] });
await made('SHA-384 in the quote', 'pcr-selection', { banks: [selection(QUOTED, 0x0c)] });
await made('SHA-1 in the quote', 'pcr-bank', { banks: [selection(QUOTED, 0x04)] });
const short = QUOTED.map((pcr) => crypto.createHash('sha1').update(String(pcr)).digest());
await made('SHA-1 in both', 'pcr-bank', { banks: [selection(QUOTED, 0x04)], fileBanks: [[0x04, QUOTED]], values: short, digest: sha256(Buffer.concat(short)) }, true); // 5.8 takes SHA-1
const long = QUOTED.map((pcr) => crypto.createHash('sha384').update(String(pcr)).digest());
await made('SHA-384 in both', 'accepted', { banks: [selection(QUOTED, 0x0c)], fileBanks: [[0x0c, QUOTED]], values: long, digest: sha256(Buffer.concat(long)) });
await made('two banks in both', 'accepted', { banks: [selection([0]), selection([1], 0x0c)], fileBanks: [[0x0b, [0]], [0x0c, [1]]], values: [values[0], long[1]], digest: sha256(values[0], long[1]) });
await made('another digest', 'pcr-digest', { digest: sha256('x') });
await made('a value more in the file', 'pcr-form', { values: [...values, values[0]] }, true); // 5.8 takes what it needs
await made('a value less in the file', 'pcr-form', { values: values.slice(1) });
await made('two values exchanged', 'pcr-digest', { values: [values[1], values[0], ...values.slice(2)] });
await made('signed by another key', 'signature', { key: other });
await made('a signature of zeros', 'signature', { signature: () => Buffer.concat([be16(0x18), be16(0x0b), be16(32), zeros(32), be16(32), zeros(32)]) });
await made('r and s too long', 'signature-form', { signature: () => Buffer.concat([be16(0x18), be16(0x0b), be16(33), Buffer.alloc(33, 1), be16(32), zeros(32)]) });
await made('a byte behind the signature', 'signature-form', { signature: (s) => Buffer.concat([tpmSign(key, s), zeros(1)]) }, true);
await made('cut short', 'form', { statement: Buffer.concat([attestHead(w, 0x8018, nonce), quoteBody([selection(QUOTED)], digest)]).subarray(0, -1) });
await made('a clock neither safe nor not', 'form', { world: { safe: 2 } }, true);
await made('a length that lies', 'form', { statement: Buffer.concat([be32(0xff544347), be16(0x8018), be16(0xffff), zeros(100)]) });

// Odd files: empty, too long, a folder, a device that never ends, another's place, keys of another kind, two keys.
{
  const good = { u: path('key.pem'), m: path('made0.msg'), s: path('made0.sig'), f: path('made0.pcr'), q: nonce.toString('hex') };
  const words = (more) => Object.entries({ ...good, ...more }).flatMap(([name, value]) => [`-${name}`, value]).concat('-g', 'sha256');
  const statuses = {};
  const odd = async (what, more, wanted = [1, 2, 3]) => {
    const { code } = await run(tool, ['attest', 'checkquote', ...words(more)]);
    statuses[code] = (statuses[code] ?? 0) + 1;
    expect(`odd: ${what}`, wanted.includes(code), `status ${code}`);
  };
  expect('the files are good as they are', (await run(tool, ['attest', 'checkquote', ...words({})])).code === 0);
  writeFileSync(path('empty'), '');
  writeFileSync(path('long'), zeros(70000));
  writeFileSync(path('longer'), zeros(5000000));
  writeFileSync(path('text'), 'not a file of a TPM\n');
  writeFileSync(path('private.pem'), key.privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(path('two.pem'), Buffer.concat([readFileSync(path('key.pem')), Buffer.from(other.publicKey.export({ format: 'pem', type: 'spki' }))]));
  writeFileSync(path('cut.pem'), readFileSync(path('key.pem')).subarray(0, -30));
  writeFileSync(path('ed.pem'), crypto.generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }));
  writeFileSync(path('small.pem'), crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'pem', type: 'spki' }));
  for (const name of ['u', 'm', 's', 'f', 'q']) {
    for (const file of ['empty', 'long', 'longer', 'text', 'nothing']) await odd(`-${name} ${file}`, { [name]: path(file) });
    await odd(`-${name} a folder`, { [name]: folder });
    await odd(`-${name} a device without end`, { [name]: '/dev/zero' });
    await odd(`-${name} nothing at all`, { [name]: '' });
  }
  const names = ['u', 'm', 's', 'f'];
  for (const a of names) for (const b of names) if (a < b) await odd(`-${a} and -${b} exchanged`, { [a]: good[b], [b]: good[a] }, [1]);
  for (const file of ['private.pem', 'two.pem', 'cut.pem', 'ed.pem', 'small.pem']) await odd(`the key is ${file}`, { u: path(file) }, [1]);
  for (const file of ['key.pem', 'made0.msg', 'made0.sig', 'made0.pcr']) await odd(`all files are ${file}`, { u: path(file), m: path(file), s: path(file), f: path(file) }, [1]);
  await odd('a nonce in an empty file', { q: path('empty') }, [2]);
  await odd('an empty nonce', { q: '' }, [2]);
  // A quote over no question, and a script whose variable with the nonce is empty.
  await made('no question was asked', 'extra', { extra: zeros(0) });
  await odd('and no question is named', { m: path(`made${number - 1}.msg`), s: path(`made${number - 1}.sig`), q: '' }, [2]);
  console.log(`odd files: ${JSON.stringify(statuses)}`);
}

// Words that make no sense, and files that are not there.
for (const [words, status] of [[['-u', path('key.pem')], 2], [['-u', path('nothing'), '-m', path('made0.msg'), '-s', path('made0.sig'), '-f', path('made0.pcr'), '-q', '00'], 3],
  [['-u', path('key.pem'), '-m', path('made0.msg'), '-s', path('made0.sig'), '-f', path('made0.pcr')], 2], [['-u', path('key.pem'), '-m', path('made0.msg'), '-s', path('made0.sig'), '-q', '00'], 2],
  [['-u', path('key.pem'), '-m', path('made0.msg'), '-s', path('made0.sig'), '-f', path('made0.pcr'), '-q', '000'], 2],
  [['-u', path('key.pem'), '-m', path('made0.msg'), '-s', path('made0.sig'), '-f', path('made0.pcr'), '-q', '00', '-g', 'sha1'], 2]])
  expect(`status ${status}`, (await run(tool, ['attest', 'checkquote', ...words])).code === status, words.join(' '));
if (failed === 0) remove(folder);
console.log(peer === undefined ? `no tpm2-tools 5.8 to compare with: ${found.out.trim()}` : `${compared} files judged by tpm2-tools 5.8, too`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
