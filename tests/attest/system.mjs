// SPDX-License-Identifier: Apache-2.0
// Evidence of a whole signer on a software TPM that has a maker: swtpm_setup gives it an endorsement key and a
// certificate of a CA of our own. What a stranger, a client behind a hostile relay and other people's tools make of it
// (S7, H3, H4, N3, A8, B9, B10).
import { spawn } from 'node:child_process';
import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { build, freePort, makeFolder, remove, run, Signer, sleep } from '../system/stage.mjs';
import { activate, ActivationError, close, verifyEvidence } from './judges.mjs';
import { certificate, EK_POLICY_HIGH, EK_POLICY_HIGH_384, newKey, pem } from './world.mjs';

let passed = 0;
let failed = 0;
function expect(what, holds, shown = '') {
  if (holds) passed++;
  else { failed++; console.log(`FAIL ${what} ${typeof shown === 'string' ? shown : JSON.stringify(shown)}`); }
}
const tool = join(build, 'bin/claviger');
const folder = makeFolder('evidence');
const path = (name) => join(folder, name);
const json = (name, value) => { writeFileSync(path(name), JSON.stringify(value)); return path(name); };

// ---- a TPM with a maker ----
async function manufacture(state) {
  const ca = path('ca');
  mkdirSync(ca, { recursive: true });
  writeFileSync(path('ca.conf'), `statedir = ${ca}\nsigningkey = ${ca}/signkey.pem\nissuercert = ${ca}/issuercert.pem\ncertserial = ${ca}/certserial\n`);
  writeFileSync(path('options'), '--platform-manufacturer Test\n--platform-version 1\n--platform-model Test\n');
  writeFileSync(path('setup.conf'), `create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = ${path('ca.conf')}\ncreate_certs_tool_options = ${path('options')}\n`);
  mkdirSync(join(state, 'tpm'), { recursive: true, mode: 0o700 });
  const made = await run('swtpm_setup', ['--tpm2', '--tpmstate', join(state, 'tpm'), '--create-ek-cert', '--config', path('setup.conf'), '--overwrite']);
  if (made.code !== 0) throw new Error(made.out + made.err);
}
if (!existsSync('/usr/bin/swtpm_setup')) {
  console.log('swtpm_setup is not installed (Debian: apt install swtpm-tools)');
  process.exit(77);
}

mkdirSync(path('one'));
const signer = new Signer(path('one'));
await manufacture(signer.state);
await signer.start();
const mask = (list) => Object.fromEntries(list.map((pcr) => [String(pcr), '00'.repeat(32)]));
const roots = ['ca/issuercert.pem', 'ca/swtpm-localca-rootca-cert.pem'];
const machine = {
  vendor_roots: roots, releases: [{ name: 'nothing measured', sha256: mask([4, 9, 11, 12, 14]) }], firmwares: [{ name: 'none', sha256: mask([0, 2, 7]) }],
  single_operator: true, unattended: true, reduced_sandbox: true,
};
const attest = (...words) => signer.cli('attest', ...words);
const said = async (...words) => { const { out, err, code } = await attest(...words, '--json'); return { exit: code, ...(out === '' ? { err } : JSON.parse(out)) }; };

// ---- a stranger: knows the maker's root and what may run, nobody's key ----
{
  const rules = json('stranger.json', machine);
  let r = await said('get', '--policy', rules);
  expect('without activation the policy accepts nothing', r.exit === 1 && r.code === 'policy', r);
  r = await said('get', '--policy', rules, '--activate', '--out', path('first.cbor'));
  expect('activated by himself', r.exit === 0 && r.hardware === true && r.activated === true && r.release === 'nothing measured', r);
  const listed = json('listed.json', { ...machine, aks: [r.ak], eks: [r.ek] });
  r = await said('verify', '--policy', listed, path('first.cbor'));
  expect('the AK in his policy: offline', r.exit === 0 && r.hardware === true, r);
  const escrow = readFileSync(join(signer.state, 'store/escrow'));
  expect('the share that genesis told its escrow of', r.share === escrow.subarray(escrow.lastIndexOf(Buffer.from([5, 0x58, 32])) + 3).subarray(0, 32).toString('hex'), r.share);
  const stay = r;
  for (const [aks, exit] of [[[r.ak], 0], [[`000b${'ab'.repeat(32)}`], 1]]) {
    for (let i = 0; i < 600; i++) { r = await said('get', '--policy', json('aks.json', { ...machine, aks }), '--activate'); if (!/overloaded/.test(r.err)) break; await sleep(100); }
    expect(`activation beside a list of AKs, ends with ${exit}`, r.exit === exit && (exit === 0 ? r.hardware === true : /none of the policy's/.test(r.err)), r);
  }
  r = stay;
  const pinned = json('pinned.json', { ...machine, deployment_key: r.deployment_key, counter: 1 });
  r = await said('verify', '--policy', pinned, path('first.cbor'));
  expect('the deployment key in his policy: the signer activated', r.exit === 0 && r.hardware === true && r.single_operator === true && r.attended === false && r.recovery_key === false && r.policy_engine === 'compiled' && typeof r.sandbox_missing === 'string' && /^[0-9a-f]{64}$/.test(r.genesis), r);
  for (const [name, more, code] of [
    ['another TPM', { eks: ['ab'.repeat(32)] }, 'ek-unknown'], ['another root', { vendor_roots: ['ca/swtpm-localca-rootca-cert.pem'] }, 'ek-chain'],
    ['two persons', { single_operator: false }, 'single-operator'], ['a person at each start', { unattended: false }, 'unattended'], ['another genesis', { genesis: 'ab'.repeat(32) }, 'genesis'], ['another release', { releases: [{ name: 'x', sha256: { ...mask([9, 11, 12, 14]), 4: 'ab'.repeat(32) } }] }, 'pcr-release'],
    ['newer TPM firmware', { minimum_tpm_firmware: 'f'.repeat(16) }, 'tpm-firmware'], ['more boots', { counter: 1000000 }, 'floor'], ['an event log', { event_log: true }, 'log-none'],
    ['another deployment', { deployment_key: 'ab'.repeat(32) }, 'deployment'],
  ]) {
    const other = json('other.json', { ...machine, deployment_key: JSON.parse(readFileSync(pinned)).deployment_key, ...more });
    r = await said('verify', '--policy', other, path('first.cbor'));
    expect(`refused: ${name}`, r.exit === 1 && r.code === code, r);
  }
  r = await said('verify', '--policy', pinned, '--nonce', '00'.repeat(32), path('first.cbor'));
  expect('refused: another nonce', r.code === 'nonce', r);
  r = await attest('verify', '--policy', pinned, path('first.cbor'));
  expect('in words', r.code === 0 && /^TPM +hardware/m.test(r.out) && /one person/.test(r.out), r);
  r = await attest('verify', path('first.cbor'));
  expect('without a policy it says that nothing is proven', r.code === 0 && /nothing is proven about the machine/.test(r.out), r);
  r = await attest('verify', '--policy', json('odd.json', { vendor_root: [] }), path('first.cbor'));
  expect('a policy with an unknown member is refused', r.code === 2 && /vendor_root/.test(r.err), r);
  for (const text of ['{"software_tpm":false,"software_tpm":true}', '{"software_tpm":true,"counter":9,"counter":0}', '{"releases":[{"name":"a","name":"b","sha256":{}}]}']) {
    writeFileSync(path('twice.json'), text);
    r = await attest('verify', '--policy', path('twice.json'), path('first.cbor'));
    expect(`a policy with a member twice is refused: ${text}`, r.code === 2, r);
  }
}

// ---- other people's tools ----
{
  const parts = path('parts');
  const { code } = await attest('unpack', path('first.cbor'), parts);
  expect('unpacked', code === 0);
  const at = (name) => join(parts, name);
  writeFileSync(path('roots.pem'), roots.map((name) => readFileSync(path(name))).join(''));
  let r = await run('openssl', ['verify', '-ignore_critical', '-CAfile', path('roots.pem'), at('ek.pem')]);
  expect('openssl verifies the endorsement certificate', r.code === 0, r);
  const key = (await run('openssl', ['x509', '-in', at('ek.pem'), '-noout', '-pubkey'])).out;
  expect('it is of the endorsement key shown', key === readFileSync(at('ek-pub.pem'), 'utf8'));
  const extra = readFileSync(at('quote.extra'), 'utf8').trim();
  const quote = ['-u', at('ak.pem'), '-m', at('quote.msg'), '-s', at('quote.sig'), '-f', at('quote.pcrs'), '-g', 'sha256', '-q', extra];
  r = await run('tpm2_checkquote', quote);
  expect('tpm2_checkquote accepts the quote', r.code === 0, r.err);
  r = await signer.cli('attest', 'checkquote', ...quote, '-l', 'sha256:0,2,4,7,9,11,12,13,14');
  expect('so does ours', r.code === 0, r.err);
  r = await run('tpm2_print', ['-t', 'TPMS_ATTEST', at('quote.msg')]);
  expect('tpm2_print shows extra data and mark', r.out.includes('magic: ff544347') && r.out.includes(extra), r.out);
  writeFileSync(path('secret'), randomBytes(32));
  const name = '000b' + createHash('sha256').update(readFileSync(at('ak.pub')).subarray(2)).digest('hex');
  r = await run('tpm2_makecredential', ['-T', 'none', '-u', at('ek-pub.pem'), '-G', 'rsa', '-s', path('secret'), '-n', name, '-o', path('credential')]);
  expect('tpm2_makecredential', r.code === 0, r.err);
  // magic (4), version (4), TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET
  const file = readFileSync(path('credential')).subarray(8);
  const first = file.readUInt16BE(0);
  const second = file.readUInt16BE(2 + first);
  do { // one activation each 2 s, or four times as long as the one before took
    await sleep(200);
    r = await signer.api('POST', '/api/v1/evidence/activate', { body: { credential: file.subarray(2, 2 + first).toString('base64'), secret: file.subarray(4 + first, 4 + first + second).toString('base64') } });
  } while (r.status === 503);
  expect('the TPM gives back what tpm2_makecredential sealed', r.status === 200 && Buffer.from(r.body.secret, 'base64').equals(readFileSync(path('secret'))), r.body);
  for (let i = 0; i < 10 && r.status !== 503; i++) r = await signer.api('POST', '/api/v1/evidence/activate', { body: { credential: 'AAAA', secret: 'AAAA' } });
  expect('not twice at once', r.status === 503, r.body);
  await enrolled('L-1', signer, roots.map((one) => readFileSync(path(one), 'utf8')).join(''), name);
}

// ---- many nonces, and a public value ----
const withProof = (evidence, proof) => Buffer.concat([Buffer.from([evidence[0] + 1]), evidence.subarray(1), Buffer.from([0x0b]), proof]);
{
  const nonces = Array.from({ length: 256 }, () => randomBytes(32));
  let r = await signer.api('POST', '/api/v1/evidence', { body: { nonces: nonces.map((n) => n.toString('hex')) } });
  expect('256 proofs', r.status === 200 && r.body.proofs.length === 256, r.status);
  for (const i of [0, 100, 255]) {
    writeFileSync(path('many.cbor'), withProof(Buffer.from(r.body.evidence, 'base64'), Buffer.from(r.body.proofs[i], 'base64')));
    const one = await said('verify', '--policy', path('pinned.json'), '--nonce', nonces[i].toString('hex'), path('many.cbor'));
    expect(`proof ${i}`, one.exit === 0 && one.nonce === nonces[i].toString('hex'), one);
    const other = await said('verify', '--policy', path('pinned.json'), '--nonce', nonces[1].toString('hex'), path('many.cbor'));
    expect(`proof ${i} is of its nonce only`, other.code === 'nonce', other);
  }
  for (const nonces of [[], Array(257).fill('00'.repeat(32)), ['00'], [1], 'x']) {
    r = await signer.api('POST', '/api/v1/evidence', { body: { nonces } });
    expect('an odd list is refused', r.status === 400, r.body);
  }
  const all = await Promise.all(Array.from({ length: 40 }, () => signer.api('GET', `/api/v1/evidence?nonce=${randomBytes(32).toString('hex')}`)));
  expect('40 at once', all.every((one) => one.status === 200));

  r = await attest('get', '--beacon');
  expect('no beacon yet', r.code === 1 && /not_found/.test(r.err), r.err);
  r = await signer.api('GET', '/api/v1/evidence/beacons');
  expect('and none in the archive', r.status === 200 && r.body.beacons.length === 0 && r.body.next === null, r.body);
  const tell = (source, value) => new Promise((resolve) => {
    const body = JSON.stringify({ source, value });
    const ask = http.request({ host: '127.0.0.1', port: signer.metricsPort, path: '/beacon', method: 'POST', headers: { 'content-type': 'application/json', 'content-length': body.length } },
      (answer) => { let out = ''; answer.on('data', (d) => { out += d; }); answer.on('end', () => resolve({ status: answer.statusCode, out })); });
    ask.end(body);
  });
  const told = await tell('drand', 'round 4711: 8f3c');
  expect('a public value is taken on the inner listener', told.status === 200, told);
  r = await signer.api('POST', '/beacon', { body: { source: 'x', value: 'y' } });
  expect('and not on the outer one', r.status === 404, r.body);
  let one;
  for (let i = 0; i < 600 && one?.exit !== 0; i++) { one = await said('get', '--beacon', '--policy', path('pinned.json'), '--out', path('beacon.cbor')); await sleep(50); }
  expect('evidence over it, for everybody', one.exit === 0 && one.beacon_source === 'drand' && one.beacon_value === 'round 4711: 8f3c', one);
  one = await said('verify', '--policy', path('pinned.json'), path('beacon.cbor'));
  expect('and later', one.exit === 0 && one.nonce === JSON.parse(told.out).nonce, one);
  one = await said('verify', '--beacon', '--policy', path('pinned.json'), path('beacon.cbor'));
  expect('as evidence over a beacon', one.exit === 0 && one.beacon_source === 'drand', one);
  one = await said('verify', '--beacon', '--policy', path('pinned.json'), path('first.cbor'));
  expect('good evidence over no beacon is none of any age', one.exit === 1 && /over no beacon/.test(one.err), one);

  // The archive: three values, each in a second of its own, and one of them twice.
  const archive = async (query = '') => (await signer.api('GET', `/api/v1/evidence/beacons${query}`)).body.beacons;
  const kept = async (n) => { let rows = []; for (let i = 0; i < 2400 && rows.length < n; i++) { rows = await archive(); await sleep(25); } return rows; };
  const nextSecond = async (at) => { while (Math.floor(Date.now() / 1000) <= Number(at)) await sleep(20); };
  let rows = await kept(1);
  for (const value of ['round 4712: 17aa', 'round 4713: 00c1']) {
    await nextSecond(rows.at(-1).at);
    await tell('drand', value);
    rows = await kept(rows.length + 1);
  }
  await tell('drand', 'round 4713: 00c1');
  expect('each value is kept once', rows.map((row) => row.value).join() === 'round 4711: 8f3c,round 4712: 17aa,round 4713: 00c1', rows);
  let chain = Buffer.alloc(32);
  for (const row of rows) {
    chain = createHash('sha256').update(chain).update(Buffer.from(row.sha256, 'hex')).digest();
    expect('rows are chained', row.chain === chain.toString('hex'), row);
    for (const at of [Number(row.at), Number((rows[rows.indexOf(row) + 1] ?? { at: Number(row.at) + 9000 }).at) - 1]) {
      one = await said('get', '--beacon', '--at', String(at), '--policy', path('pinned.json'), '--out', path('then.cbor'));
      expect('what ran at a time is found later', one.exit === 0 && one.beacon_value === row.value, one);
    }
    const bytes = readFileSync(path('then.cbor'));
    expect('and is what the list says', createHash('sha256').update(bytes).digest('hex') === row.sha256);
    one = await said('verify', '--policy', path('pinned.json'), '--at', row.at, path('then.cbor'));
    expect('offline, too', one.exit === 0 && one.beacon_value === row.value, one);
  }
  expect('a list from a time on', (await archive(`?from=${rows[1].at}`)).length === 2);
  r = await signer.api('GET', `/api/v1/evidence/beacon?at=${Number(rows[0].at) - 1}`);
  expect('before the first there is none', r.status === 404, r.body);
  for (const query of ['?from=', '?from=x', '?at=5', '?from=1&from=2']) {
    r = await signer.api('GET', `/api/v1/evidence/beacons${query}`);
    expect(`${query} is refused`, r.status === 400, r.body);
  }
}

// ---- a client behind a hostile relay ----
mkdirSync(path('two'));
const foreign = new Signer(path('two'));
/** A TPM's maker certifies its endorsement key, as discrete TPMs have it: what makes the key, its PEM, where the certificate goes. */
async function certify(node, create, index) {
  const at = join(node.state, 'tpm');
  mkdirSync(at, { recursive: true, mode: 0o700 });
  const swtpm = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${at}`, '--server', `type=unixio,path=${join(at, 't')}`, '--ctrl', `type=unixio,path=${join(at, 't.ctrl')}`,
    '--flags', 'startup-clear'], { stdio: 'ignore' });
  const tpm = async (...words) => {
    for (let i = 0; ; i++) {
      const r = await run(words[0], words.slice(1), { env: { TPM2TOOLS_TCTI: `swtpm:path=${join(at, 't')}` } });
      if (r.code === 0) return;
      if (i === 1200) throw new Error(`${words.join(' ')}: ${r.err}`);
      await sleep(50);
    }
  };
  await create(tpm);
  const maker = newKey.p384();
  const top = newKey.p256();
  const root = certificate({ issuer: top, issuerName: 'Top', key: top, subject: 'Top', ca: true });
  const between = certificate({ issuer: top, issuerName: 'Top', key: maker, subject: 'Maker', ca: true });
  writeFileSync(path('maker.pem'), pem(root));
  const leaf = certificate({ issuer: maker, issuerName: 'Maker', key: { publicKey: createPublicKey(readFileSync(path('ek.pem'))) }, hash: 'sha384' });
  writeFileSync(path('ek.der'), Buffer.concat([leaf, Buffer.alloc(100, 0xff)])); // makers fill up
  await tpm('tpm2_nvdefine', index, '-C', 'o', '-s', String(leaf.length + 100), '-a', 'ownerread|authread|ownerwrite|no_da', '-Q');
  await tpm('tpm2_nvwrite', index, '-C', 'o', '-i', path('ek.der'));
  // What leads to the root lies in the TPM, too, over the border of two indices.
  for (const [i, part] of [between.subarray(0, 200), Buffer.concat([between.subarray(200), Buffer.alloc(9)])].entries()) {
    writeFileSync(path('part'), part);
    await tpm('tpm2_nvdefine', `0x01c0010${i}`, '-C', 'o', '-s', String(part.length), '-a', 'ownerread|authread|ownerwrite|no_da', '-Q');
    await tpm('tpm2_nvwrite', `0x01c0010${i}`, '-C', 'o', '-i', path('part'));
  }
  await tpm('tpm2_shutdown', '-c');
  const ended = new Promise((resolve) => swtpm.on('exit', resolve));
  swtpm.kill('SIGTERM');
  await ended;
}
/** What a browser or bot does that knows the maker's root and nobody's key: enrols by itself, in TypeScript. */
async function enrolled(what, node, roots, ak) {
  const nonce = randomBytes(32);
  const { body } = await node.api('GET', `/api/v1/evidence?nonce=${nonce.toString('hex')}`);
  const evidence = Buffer.from(body.evidence, 'base64');
  const ask = async ({ credential, secret }, bend = (bytes) => bytes) => {
    for (;;) {
      const r = await node.api('POST', '/api/v1/evidence/activate', { body: { credential: bend(Buffer.from(credential)).toString('base64'), secret: Buffer.from(secret).toString('base64') } });
      if (r.status !== 503) return r.status === 200 ? Buffer.from(r.body.secret, 'base64') : Buffer.alloc(0);
      await sleep(100); // one activation each 2 s
    }
  };
  const name = await activate(evidence, ask);
  expect(`${what}: enrolled by TypeScript`, name === ak, name);
  const policy = { ...machine, vendor_roots: [roots], aks: [name] };
  const judged = await verifyEvidence(evidence, nonce, policy);
  expect(`${what}: then it proves hardware`, judged.accepted && judged.report.hardware, judged);
  const other = await verifyEvidence(evidence, nonce, { ...policy, aks: [`000b${'ab'.repeat(32)}`] });
  expect(`${what}: under another name it does not`, other.code === 'ek-link', other);
  const bent = await activate(evidence, (made) => ask(made, (bytes) => { bytes[bytes.length - 1] ^= 1; return bytes; })).catch((error) => error);
  expect(`${what}: a credential that was bent on its way shows nothing`, bent instanceof ActivationError, bent);
}

await certify(foreign, (tpm) => tpm('tpm2_createek', '-G', 'ecc', '-c', path('ek.ctx'), '-f', 'pem', '-u', path('ek.pem')), '0x01c0000a');
await foreign.start();
{
  const rules = json('p256.json', { ...machine, vendor_roots: ['maker.pem'] });
  const { out, err, code } = await foreign.cli('attest', 'get', '--activate', '--policy', rules, '--json');
  const r = out === '' ? { err } : JSON.parse(out);
  expect('a P-256 endorsement key: activated by a stranger', code === 0 && r.hardware === true && r.maker.includes('Maker'), r);
  const pinned = json('p256-pinned.json', { ...machine, vendor_roots: ['maker.pem'], deployment_key: r.deployment_key, eks: [r.ek] });
  const again = await foreign.cli('attest', 'get', '--policy', pinned, '--json');
  expect('and by its signer', again.code === 0 && JSON.parse(again.out).hardware === true, again);
  await enrolled('L-2', foreign, readFileSync(path('maker.pem'), 'utf8'), r.ak);
}
// The high range: H-1, H-2, H-3, H-6; the key made anew from its template, but once where its maker left it.
for (const [template, algorithm, digest, policy, index, persistent] of [
  ['H-1', 'rsa2048:aes128cfb', 'sha256', EK_POLICY_HIGH, '0x01c00012'], ['H-2', 'ecc256:aes128cfb', 'sha256', EK_POLICY_HIGH, '0x01c00014', '0x81010014'],
  ['H-3', 'ecc384:aes256cfb', 'sha384', EK_POLICY_HIGH_384, '0x01c00016'], ['H-6', 'rsa3072:aes256cfb', 'sha384', EK_POLICY_HIGH_384, '0x01c0001c'],
]) {
  mkdirSync(path(template));
  const node = new Signer(path(template));
  writeFileSync(path('policy-b'), policy);
  await certify(node, async (tpm) => {
    await tpm('tpm2_createprimary', '-C', 'e', '-g', digest, '-G', algorithm, '-a', 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|decrypt',
      '-L', path('policy-b'), '-c', path('ek.ctx'));
    await tpm('tpm2_readpublic', '-c', path('ek.ctx'), '-f', 'pem', '-o', path('ek.pem'));
    if (persistent !== undefined) await tpm('tpm2_evictcontrol', '-C', 'o', '-c', path('ek.ctx'), persistent);
    await tpm('tpm2_flushcontext', '-t');
  }, index);
  await node.start();
  const rules = json('high.json', { ...machine, vendor_roots: ['maker.pem'] });
  const { out, err, code } = await node.cli('attest', 'get', '--activate', '--policy', rules, '--json');
  const r = out === '' ? { err } : JSON.parse(out);
  expect(`${template}: activated by a stranger`, code === 0 && r.hardware === true && r.maker.includes('Maker'), r);
  const pinned = json('high-pinned.json', { ...machine, vendor_roots: ['maker.pem'], deployment_key: r.deployment_key, eks: [r.ek] });
  const again = await node.cli('attest', 'get', '--policy', pinned, '--json');
  expect(`${template}: and by its signer`, again.code === 0 && JSON.parse(again.out).hardware === true, again);
  await enrolled(template, node, readFileSync(path('maker.pem'), 'utf8'), r.ak);
  await node.stop();
}
{
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('relay.key'), '-out', path('relay.pem'), '-days', '9', '-subj', '/CN=relay',
    '-addext', 'subjectAltName=IP:127.0.0.1']);
  let bend = (evidence) => evidence, noBeacon = null;
  let seen = [];
  const relay = https.createServer({ key: readFileSync(path('relay.key')), cert: readFileSync(path('relay.pem')) }, (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const body = parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts));
      seen.push({ method: request.method, path: request.url, body });
      const r = await signer.api(request.method, request.url, { body });
      if (request.url === '/api/v1/evidence/beacon' && noBeacon !== null) r.body.evidence = noBeacon;
      if (request.url.startsWith('/api/v1/evidence?')) r.body.evidence = (await bend(Buffer.from(r.body.evidence, 'base64'), request.url)).toString('base64');
      const out = Buffer.from(JSON.stringify(r.body));
      response.writeHead(r.status, { 'content-type': 'application/json', 'content-length': out.length });
      response.end(out);
    });
  });
  const port = await freePort();
  await new Promise((resolve) => relay.listen(port, '127.0.0.1', resolve));
  await signer.must('key', 'new', path('user.json'));
  const env = { CLAVIGER_SERVER: `https://127.0.0.1:${port}`, CLAVIGER_CA: path('relay.pem'), CLAVIGER_HOME: path('home'), CLAVIGER_EVIDENCE_POLICY: path('pinned.json') };
  mkdirSync(path('home'), { mode: 0o700 });
  const birth = (name) => run(tool, ['wallet', 'create', name, '--key', path('user.json'), '--yes'], { env });
  const wallets = async () => (await signer.must('wallet', 'list', '--key', path('user.json'))).out;

  let r = await birth('through');
  expect('a relay that changes nothing learns nothing and does no harm', r.code === 0, r.err);
  const sealed = seen.filter((one) => one.method === 'POST' && one.path === '/api/v1/changes');
  expect('what it saw was sealed', sealed.length > 0 && !JSON.stringify(sealed).includes('through'));
  const count = await wallets();
  for (const one of sealed) await signer.api('POST', '/api/v1/changes', { body: one.body });
  expect('replayed, it changes nothing', (await wallets()) === count);
  const elsewhere = await foreign.api('POST', '/api/v1/changes', { body: sealed[sealed.length - 1].body });
  expect('another deployment cannot open it', elsewhere.status === 400, elsewhere.body);

  const old = Buffer.from((await signer.api('GET', `/api/v1/evidence?nonce=${randomBytes(32).toString('hex')}`)).body.evidence, 'base64');
  const certificate = Buffer.from('claviger/channel/v1');
  for (const [what, make, code] of [
    ['its own channel key in place of the authority\'s', (e) => { const b = Buffer.from(e); const at = b.indexOf(certificate) < 0 ? b.indexOf(Buffer.from([0x04, 0x01, 0x05, 0x58, 0x20])) : 0; randomBytes(32).copy(b, at + 5); return b; }, /channel|node-/],
    ['a bit of the site manifest\'s hash', (e) => { const b = Buffer.from(e); const at = b.indexOf(Buffer.from([0x0d, 0x58, 0x20])); b[at + 3] ^= 1; return b; }, /node-signature/],
    ['old evidence', () => old, /nonce/],
    ['evidence of another deployment over the same nonce', async (_, url) => Buffer.from((await foreign.api('GET', url)).body.evidence, 'base64'), /deployment/],
    ['nothing', () => Buffer.alloc(0), /evidence-form/],
    ['a quote with a bit flipped', (e) => { const b = Buffer.from(e); b[b.indexOf(Buffer.from('ff54434780180022', 'hex')) + 60] ^= 1; return b; }, /signature/],
  ]) {
    bend = make;
    seen = [];
    r = await birth('bent');
    const sent = seen.filter((one) => one.method === 'POST');
    expect(`refused: ${what}`, r.code === 1 && /evidence refused/.test(r.err) && code.test(r.err), r.err);
    expect(`refused before anything was sent or shown: ${what}`, sent.length === 0 && r.out === '', seen);
  }
  bend = (e) => e;
  // Evidence that somebody else asked for, in the beacon's place: genuine, and of any age.
  noBeacon = old.toString('base64');
  r = await run(tool, ['attest', 'get', '--beacon'], { env });
  expect('evidence without a beacon is refused as one', r.code === 1 && /over no beacon/.test(r.err) && r.out === '', r);
  noBeacon = null;
  r = await run(tool, ['attest', 'get', '--beacon'], { env });
  expect('the node\'s own passes', r.code === 0, r);
  // Without a policy: the deployment key is pinned at first use, and another one is refused.
  const loose = { ...env, CLAVIGER_EVIDENCE_POLICY: '', CLAVIGER_HOME: path('loose') };
  mkdirSync(path('loose'), { mode: 0o700 });
  r = await run(tool, ['wallet', 'list', '--key', path('user.json')], { env: loose });
  expect('first use is told, and that nothing is proven about the machine', r.code === 0 && /is pinned from now on/.test(r.err) && /software TPM/.test(r.err), r.err);
  r = await run(tool, ['wallet', 'list', '--key', path('user.json')], { env: loose });
  expect('once; how little is proven, each time', r.code === 0 && !/pinned/.test(r.err) && /software TPM/.test(r.err), r.err);
  r = await run(tool, ['wallet', 'list', '--json', '--key', path('user.json')], { env: loose });
  expect('beside JSON, too', r.code === 0 && /software TPM/.test(r.err) && JSON.parse(r.out) !== undefined, r);
  bend = async (_, url) => Buffer.from((await foreign.api('GET', url)).body.evidence, 'base64');
  r = await run(tool, ['wallet', 'list', '--key', path('user.json')], { env: loose });
  expect('another deployment than the pinned one', r.code === 1 && /another deployment/.test(r.err), r.err);
  relay.closeAllConnections();
  await new Promise((resolve) => relay.close(resolve));
}

// ---- the next boot ----
{
  const activated = () => signer.log().match(/evidence\.activated/g)?.length ?? 0;
  expect('the signer activated the AK', activated() === 1, signer.log());
  const before = await said('get', '--policy', path('pinned.json'));
  await signer.stop();
  await signer.start();
  const after = await said('get', '--policy', path('pinned.json'));
  expect('and remembers it in the next boot', activated() === 1 && after.exit === 0 && after.activated === true, after);
  expect('boot and counter went on', BigInt(after.boot) === BigInt(before.boot) + 1n && BigInt(after.counter) > BigInt(before.counter), [before.counter, after.counter]);
  expect('the channel keys are new', after.signer_key !== before.signer_key && after.authority_key !== before.authority_key);
  const stale = await said('verify', '--policy', json('newer.json', { ...JSON.parse(readFileSync(path('pinned.json'))), counter: Number(after.counter) }), path('first.cbor'));
  expect('evidence of the boot before is below the counter', stale.code === 'floor', stale);
}
// ---- the authority's key is new while the machine runs ----
{
  const before = await said('get', '--policy', path('pinned.json'));
  for (const { pid } of signer.processes('authority')) process.kill(pid, 'SIGKILL');
  let after = before;
  for (let i = 0; i < 600 && after.authority_key === before.authority_key; i++) { await sleep(50); after = await said('get', '--policy', path('pinned.json')); }
  expect('evidence goes over to the authority\'s new key', after.exit === 0 && after.authority_key !== before.authority_key && after.signer_key === before.signer_key, after);
}
await Promise.all([signer.stop(), foreign.stop()]);
close();
if (failed === 0) remove(folder);
else console.log(`kept: ${folder}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
