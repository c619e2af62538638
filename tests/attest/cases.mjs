// SPDX-License-Identifier: Apache-2.0
// Good and bad evidence: [what it is, code of the verdict, how it comes about]. A case gets a world and its policy,
// changes them, and may give back finished bytes; `nonce` is what the asker compares with.
import crypto from 'node:crypto';
import {
  akPublic, ATTR, be16, be32, be64, build, cap, cbor, certificate, channelBody, edPublic, edSignNeutral, ekPublic, EV, event, logOf, nameOf, newKey, nvPublic, NV, pem, QUOTED, Raw,
  replay, selection, separators, sha256, signed, tpmSign, variable, zeros, EK_POLICY_HIGH, EK_POLICY_HIGH_384 } from './world.mjs';

const flip = (bytes, at, bit = 1) => { const b = Buffer.from(bytes); b[at < 0 ? b.length + at : at] ^= bit; return b; };
const ok = 'accepted';
const set = (w, more) => { w.set = { ...(w.set ?? {}), ...more }; };
const attacker = newKey.p256();

export const cases = [];
const add = (what, code, change, kind = {}) => cases.push({ what, code, change, kind });

const high = { attributes: ATTR.ekHigh, policy: EK_POLICY_HIGH };
const high384 = { attributes: ATTR.ekHigh, policy: EK_POLICY_HIGH_384, symmetric: [6, 256, 0x43], nameAlg: 0x0c };

// ---- good ----
add('as it should be', ok, () => {});
add('P-256 endorsement key', ok, () => {}, { ekKind: 'p256' });
add('high range, RSA endorsement key', ok, (w) => { w.ekOptions = high; });
add('high range, P-256 endorsement key', ok, (w) => { w.ekOptions = high; }, { ekKind: 'p256' });
add('high range, P-384 endorsement key', ok, (w) => { w.ekOptions = high384; }, { ekKind: 'p384' });
add('high range, RSA-3072 endorsement key', ok, (w) => { w.ekOptions = high384; }, { ekKind: 'rsa3072' });
add('P-384 attestation key', ok, () => {}, { akKind: 'p384' });
add('P-384 attestation key, SHA-384', ok, (w) => { w.signOptions = { hash: 'sha384' }; }, { akKind: 'p384' });
add('RSA attestation key', ok, () => {}, { akKind: 'rsa' });
add('RSA-PSS, salt as long as the digest', ok, (w) => { w.signOptions = { pss: 32 }; }, { akKind: 'rsa' });
add('RSA-PSS, the longest salt', ok, (w) => { w.signOptions = { pss: 222 }; }, { akKind: 'rsa' });
add('SHA-512 signature', ok, (w) => { w.signOptions = { hash: 'sha512' }; });
add('without an event log', ok, () => {}, { log: false });
add('a log that nobody asks for', ok, (w, p) => { delete p.event_log; });
add('the listed EK', ok, (w, p) => { p.eks = ['00'.repeat(32), sha256(ekPublic(w.ek)).toString('hex')]; });
add('an activated AK instead of the deployment key', ok, (w, p) => { delete p.deployment_key; p.aks = [nameOf(akPublic(w.ak)).toString('hex')]; w.activated = false; });
add('another nonce of the same quote', ok, (w) => { w.others = [1, 2, 3, 4, 5, 6].map((n) => sha256(String(n))); w.index = 3; });
for (const [count, index] of [[2, 0], [2, 1], [3, 2], [5, 4], [7, 6], [8, 7], [9, 8], [33, 32], [100, 57]])
  add(`leaf ${index} of ${count}`, ok, (w) => { w.others = Array.from({ length: count - 1 }, (_, n) => sha256(`n${n}`)); w.index = index; });
add('no nonce of the asker', ok, () => ({ nonce: null }));
const beacon = { 1: 'drand', 2: 'round 4711' };
add('over a public value', ok, (w) => { w.beacon = beacon; w.nonce = sha256('claviger/beacon/v1', cbor(beacon)); return { nonce: null }; });
add('floors and counter not asked for', ok, (w, p) => { delete p.release_floor; delete p.site_floor; delete p.counter; set(w, { nv: () => [] }); });
add('a floor above the least', ok, (w) => { w.releaseFloor = 200; });
add('the TPM\'s firmware just at the minimum', ok, (w, p) => { p.minimum_tpm_firmware = '0007000200010000'; });
add('one operator, accepted', ok, (w, p) => { w.singleOperator = true; p.single_operator = true; });
add('no person at the start, accepted', ok, (w, p) => { w.attended = false; p.unattended = true; });
add('a recovery key, accepted', ok, (w, p) => { w.recoveryKey = true; p.recovery_key = true; });
add('a sandbox without Landlock, accepted', ok, (w, p) => { w.sandboxMissing = 0x100; p.reduced_sandbox = true; });
add('all weaker states, accepted', ok, (w, p) => { w.singleOperator = w.recoveryKey = true; w.attended = false; w.sandboxMissing = 0x1c2; p.reduced_sandbox = p.single_operator = p.unattended = p.recovery_key = true; });
add('stronger than what is accepted', ok, (w, p) => { p.single_operator = p.unattended = p.recovery_key = true; });
add('the genesis of the policy', ok, (w, p) => { p.genesis = w.genesis.toString('hex'); });
add('root given as intermediate only', ok, (w, p) => { p.vendor_roots = [pem(w.issuerCertificate)]; });
add('several roots in one text', ok, (w, p) => { p.vendor_roots = [pem(certificate({ issuer: w.otherRoot, issuerName: 'X', key: w.otherRoot, subject: 'X', ca: true })) + pem(w.rootCertificate)]; });
add('the chain in another order', ok, (w) => { w.certificates = [w.ekCertificate, w.rootCertificate, w.issuerCertificate]; });
add('selection with four bytes', ok, (w) => set(w, { banks: [selection(QUOTED, 0x0b, 4)] }));
add('an empty bank beside it', ok, (w) => set(w, { banks: [selection(QUOTED), selection([], 0x0c)] }));
add('a log with two banks', ok, (w) => { w.logOptions = { banks: [[0x04, 20], [0x0b, 32]] }; });
add('events in PCRs that are not quoted', ok, (w) => { w.events.push(event(5, 0x80000006, 'gpt'), event(8, 13, 'odd')); });
add('software accepted: no certificate', ok, (w, p) => { w.noEk = true; w.certificates = []; for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; }, { log: false });
add('software accepted: every weaker state is', ok, (w, p) => { w.sandboxMissing = 0x82; w.singleOperator = w.recoveryKey = true; w.attended = false; for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; });
add('software accepted, deployment pinned', ok, (w, p) => { const key = p.deployment_key; for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; p.deployment_key = key; });
add('workstation', ok, (w) => { w.mode = 1; });
add('policies that ship interpreted', ok, (w) => { w.interpreter = true; });
add('no site manifest', ok, (w) => { w.manifest = zeros(32); });

add('a release as pcrs.json has it', ok, (w, p) => {
  const pcrs = replay(w.events);
  p.releases[1] = { image: 'ab'.repeat(32), sha256: { ...p.releases[1].sha256, 7: pcrs[7].toString('hex'), 13: '00'.repeat(32) } };
});
add('a release for other Secure Boot keys', 'pcr-release', (w, p) => { p.releases[1].sha256['7'] = 'ab'.repeat(32); });

// ---- the form ----
const whole = (make) => (w) => set(w, { whole: make });
const plain = (e, w) => ({ 1: 1, 2: e.node, 3: e.ak, 4: e.statement, 5: e.signature, 6: e.pcrs, 7: [], 8: e.ek, 9: e.nv, 10: e.log, 11: e.proof });
add('empty', 'evidence-form', whole(() => zeros(0)));
add('a byte behind', 'evidence-form', (w) => Buffer.concat([build(w), zeros(1)]));
add('a byte short', 'evidence-form', (w) => build(w).subarray(0, -1));
add('version 2', 'evidence-form', whole((e) => cbor({ ...plain(e), 1: 2 })));
/** A map with one more pair, whose key it has already. */
const doubled = (bytes, pair) => Buffer.concat([Buffer.from([bytes[0] + 1]), bytes.subarray(1), pair]);
add('a key twice, the same', 'evidence-form', (w) => doubled(build(w), Buffer.from([0x01, 0x01])));
add('the proof twice', 'evidence-form', (w) => doubled(build(w), Buffer.from([0x0b, 0x00])));
add('a key twice in the proof', 'evidence-form', whole((e) => cbor({ ...plain(e), 11: new Raw(doubled(cbor(e.proof), Buffer.from([0x04, 0x40]))) })));
add('a key twice around the statement', 'node-form', (w) => set(w, { node: doubled(captured(w).node, Buffer.from([0x02, 0x40])) }));
add('a key twice in the statement', 'node-form', (w) => set(w, { changeBody: (body) => Buffer.concat([Buffer.from([0xb8, body[1] + 1]), body.subarray(2), Buffer.from([0x18, 0x1a, 0xf4])]) }));
add('a key twice in a channel certificate', 'channel', (w) => set(w, { authority: signed(w.deploymentKey, 'claviger/channel/v1', doubled(channelBody({ deployment: w.deployment, boot: w.boot, role: 1, key: w.authorityKey }), Buffer.from([0x04, 0x02]))) }));
add('an unknown key', 'evidence-form', (w) => set(w, { more: { 13: 1 } }));
add('no quote', 'evidence-form', whole((e) => cbor({ ...plain(e), 4: undefined })));
add('text for bytes', 'evidence-form', whole((e) => cbor({ ...plain(e), 4: 'statement' })));
add('eight PCRs', 'evidence-form', whole((e) => cbor({ ...plain(e), 6: e.pcrs.subarray(32) })));
add('nine certificates', 'evidence-form', whole((e) => cbor({ ...plain(e), 7: Array(9).fill(zeros(1)) })));
add('a list not in shortest form', 'evidence-form', whole((e) => cbor({ ...plain(e), 7: new Raw(Buffer.from([0x98, 0])) })));
add('an indefinite string', 'evidence-form', whole((e) => cbor({ ...plain(e), 8: new Raw(Buffer.from([0x5f, 0x41, 1, 0xff])) })));
add('a float', 'evidence-form', whole((e) => cbor({ ...plain(e), 1: new Raw(Buffer.from([0xf9, 0x3c, 0])) })));
add('keys out of order', 'evidence-form', whole((e) => { const b = cbor(plain(e)); const at = b.indexOf(0x02, 1); return Buffer.concat([b.subarray(0, at), Buffer.from([0x01]), b.subarray(at + 1)]); }));
add('a proof without its path', 'evidence-form', whole((e) => cbor({ ...plain(e), 11: { 1: zeros(32), 2: 0, 3: 1 } })));
add('a path of 33 bytes', 'evidence-form', whole((e) => cbor({ ...plain(e), 11: { ...e.proof, 4: zeros(33) } })));
add('a path of 17 steps', 'evidence-form', whole((e) => cbor({ ...plain(e), 11: { ...e.proof, 4: zeros(17 * 32) } })));
add('65537 leaves', 'evidence-form', whole((e) => cbor({ ...plain(e), 11: { ...e.proof, 3: 65537 } })));
add('a beacon without value', 'evidence-form', (w) => { w.beacon = { 1: 'drand', 2: '' }; });
add('a beacon that is no UTF-8', 'evidence-form', (w) => { w.beacon = { 1: 'drand', 2: new Raw(Buffer.from([0x61, 0xff])) }; });
add('a log that is too long', 'evidence-form', (w) => set(w, { log: zeros(131073) }));

// ---- policies that accept nothing ----
for (const member of ['vendor_roots', 'releases', 'firmwares', 'deployment_key'])
  add(`a policy without ${member}`, 'policy', (w, p) => { delete p[member]; });

for (const [member, value] of [['vendor_roots', (w) => [pem(w.rootCertificate)]], ['eks', (w) => [sha256(ekPublic(w.ek)).toString('hex')]],
  ['aks', (w) => [nameOf(akPublic(w.ak)).toString('hex')]]])
  add(`a software TPM accepted, and ${member} beside it`, 'policy', (w, p) => { for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; p[member] = value(w); });

// ---- who speaks ----
add('another deployment', 'deployment', (w) => { w.deploymentKey = w.otherKey; w.deployment = sha256('foreign'); });
add('another deployment\'s key on our id', 'deployment', (w) => { w.deploymentKey = w.otherKey; });
add('signed by another key', 'node-signature', (w) => set(w, { nodeKey: w.otherKey }));
// Points of small order, as keys and as commitments: a signature that shows nothing of anybody.
const neutral = Buffer.concat([Buffer.from([1]), zeros(31)]);
for (const [what, point] of [
  ['the neutral point', neutral], ['y = 0', zeros(32)], ['y = -1', Buffer.concat([Buffer.from([0xec]), Buffer.alloc(30, 0xff), Buffer.from([0x7f])])],
  ['one of order 8', Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'hex')],
  ['another of order 8', Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex')],
  ['the neutral point, not in its one form', Buffer.concat([Buffer.from([0xee]), Buffer.alloc(30, 0xff), Buffer.from([0x7f])])],
]) add(`a deployment key that anybody signs for: ${what}`, 'node-signature', (w, p) => {
  p.deployment_key = point.toString('hex');
  set(w, { bodyMore: { 3: point }, signNode: () => Buffer.concat([neutral, zeros(32)]) });
});
add('a signature whose commitment is the neutral point', 'node-signature', (w) => set(w, { signNode: (message) => edSignNeutral(w.deploymentKey, message) }));
add('a channel certificate signed over the neutral point', 'channel', (w) => {
  const body = channelBody({ deployment: w.deployment, boot: w.boot, role: 1, key: w.authorityKey });
  set(w, { authority: cbor({ 1: body, 2: edSignNeutral(w.deploymentKey, Buffer.concat([Buffer.from('claviger/channel/v1'), body])) }) });
});
add('signed under another label', 'node-signature', (w) => set(w, { nodeLabel: 'claviger/channel/v1' }));
add('a signature of 63 bytes', 'node-form', (w) => { const e = {}; set(w, { node: cbor({ 1: zeros(10), 2: zeros(63) }) }); return e; });
add('a statement that is no CBOR', 'node-form', (w) => set(w, { node: Buffer.from('node') }));
for (const [what, more] of [['mode 0', { 6: 0 }], ['mode 3', { 6: 3 }], ['version 2', { 1: 2 }], ['version 3', { 1: 3 }], ['version 5', { 1: 5 }], ['no word on its genesis', { 16: undefined }], ['a number for the start mode', { 17: 1 }], ['a key too many', { 27: 1 }], ['a short site root', { 21: zeros(63) }], ['no site root', { 21: undefined }], ['a base of 8 bytes', { 22: new Raw(Buffer.from('1b0100000000000000', 'hex')) }], ['a text for a base', { 23: '9' }], ['no word on its boot counter', { 24: undefined }], ['a short commitment', { 25: zeros(31) }], ['no commitment', { 25: undefined }], ['no word on what runs its policies', { 26: undefined }], ['a number for what runs its policies', { 26: 1 }], ['an unknown layer', { 20: 1 }], ['more layers than there are', { 20: 0x200 }], ['no word on its sandbox', { 20: undefined }], ['no word on its machine', { 19: undefined }], ['321 bytes on its machine', { 19: 'x'.repeat(321) }], ['a short AK name', { 7: zeros(33) }], ['a number for the flag', { 9: 1 }],
  ['a release name of 65 bytes', { 14: 'x'.repeat(65) }], ['a missing key', { 12: undefined }]])
  add(`a statement with ${what}`, 'node-form', (w) => set(w, { bodyMore: more }));
add('a bit of the statement flipped', 'node-signature', (w) => { const make = build(w); const at = make.indexOf(w.bootRecord); return flip(make, at); });
const channel = (w, more, key = w.deploymentKey, label = 'claviger/channel/v1') =>
  signed(key, label, channelBody({ deployment: w.deployment, boot: w.boot, role: 1, key: w.authorityKey, ...more }));
add('the authority\'s key exchanged, not certified', 'channel', (w) => set(w, { authority: channel(w, { key: sha256('attacker') }, w.otherKey) }));
add('the authority\'s certificate of an earlier boot', 'channel', (w) => set(w, { authority: channel(w, { boot: 6 }) }));
add('the authority\'s certificate of another deployment', 'channel', (w) => set(w, { authority: channel(w, { deployment: sha256('x') }) }));
add('the signer\'s certificate for the authority', 'channel', (w) => set(w, { authority: channel(w, { role: 2 }) }));
add('the authority\'s certificate for the signer', 'channel', (w) => set(w, { signer: channel(w, { role: 1 }) }));
add('a channel certificate under another label', 'channel', (w) => set(w, { authority: channel(w, {}, w.deploymentKey, 'claviger/node/v1') }));
add('an empty channel certificate', 'channel', (w) => set(w, { authority: zeros(0) }));
add('a channel certificate with a key too many', 'channel', (w) => set(w, { authority: signed(w.deploymentKey, 'claviger/channel/v1', cbor({ 1: 1, 2: w.deployment, 3: w.boot, 4: 1, 5: w.authorityKey, 6: 1 })) }));
add('a role from later', 'channel', (w) => set(w, { authority: channel(w, { role: 3 }) }));

// ---- the attestation key ----
add('an AK that is not restricted', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak & ~0x10000 }; });
add('an AK that may leave its TPM', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak & ~0x2 }; });
add('an AK under a parent that may leave', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak & ~0x10 }; });
add('an AK that was brought in', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak & ~0x20 }; });
add('an AK that does not sign', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak & ~0x40000 }; });
add('an AK that decrypts, too', 'key-kind', (w) => { w.akOptions = { attributes: ATTR.ak | 0x20000 }; });
add('an AK with a SHA-384 name', 'key-kind', (w) => { w.akOptions = { nameAlg: 0x0c }; });
add('an AK with a SHA-1 name', 'key-form', (w) => { w.akOptions = { nameAlg: 0x04 }; });
add('an AK on a curve that we do not know', 'key-form', (w) => { w.akOptions = { curve: 5 }; });
add('an AK whose point is not on its curve', 'key-form', (w) => set(w, { ak: flip(akPublic(w.ak), -1) }));
add('an AK with a byte behind it', 'key-form', (w) => set(w, { ak: Buffer.concat([akPublic(w.ak), zeros(1)]) }));
add('an AK cut short', 'key-form', (w) => set(w, { ak: akPublic(w.ak).subarray(0, -1) }));
add('no AK', 'key-form', (w) => set(w, { ak: zeros(0) }));
add('another AK than the deployment names', 'ak-name', (w) => set(w, { akName: nameOf(akPublic(w.otherAk)) }));
add('a software key for the AK', 'ak-name', (w) => set(w, { ak: akPublic(attacker), akName: nameOf(akPublic(w.ak)), quoteKey: attacker }));

// ---- the nonce ----
add('a stale nonce', 'nonce', () => ({ nonce: sha256('now') }));
add('no proof', 'nonce', (w) => { set(w, { proof: null }); });
add('our nonce, an old quote', 'extra', (w) => set(w, { leaves: [sha256('yesterday')], proof: { 1: w.nonce, 2: 0, 3: 1, 4: zeros(0) } }));
add('our nonce under another root', 'extra', (w) => set(w, { root: sha256('root') }));
add('a step of the path flipped', 'extra', (w) => { w.others = [sha256('a'), sha256('b')]; const e = build(w); const at = e.indexOf(sha256(Buffer.from([0]), sha256('a'))); return flip(e, at); });
const many = (w) => { w.others = Array.from({ length: 6 }, (_, n) => sha256(`n${n}`)); w.index = 2; };
const bent = (more) => (w) => { many(w); set(w, { whole: (e) => cbor({ ...plain(e), 7: w.certificates, 11: { ...e.proof, ...more(e.proof) } }) }); };
add('an index beyond the count', 'proof', bent(() => ({ 2: 7 })));
add('no leaves', 'proof', bent(() => ({ 2: 0, 3: 0 })));
add('a step too few', 'proof', bent((proof) => ({ 4: proof[4].subarray(32) })));
add('a step too many', 'proof', bent((proof) => ({ 4: Buffer.concat([proof[4], zeros(32)]) })));
add('another index', 'extra', bent(() => ({ 2: 3 })));
add('another value than the nonce was made of', 'beacon', (w) => { w.beacon = { 1: 'drand', 2: 'round 4712' }; w.nonce = sha256('claviger/beacon/v1', cbor(beacon)); return { nonce: null }; });
add('another source', 'beacon', (w) => { w.beacon = { 1: 'solana', 2: 'round 4711' }; w.nonce = sha256('claviger/beacon/v1', cbor(beacon)); });

// ---- the quote ----
add('signed bytes that the TPM did not make', 'magic', (w) => set(w, { head: { magic: 0x00544347 } }));
add('another mark', 'magic', (w) => set(w, { head: { magic: 0xff544348 } }));
add('a certification instead of a quote', 'type', (w) => set(w, { type: 0x8017 }));
add('an NV certificate instead of a quote', 'type', (w) => set(w, { type: 0x8014 }));
add('a byte behind the statement', 'tail', (w) => set(w, { tail: zeros(1) }));
add('a second statement behind it', 'tail', (w) => set(w, { tail: be32(0xff544347) }));
add('a statement cut short', 'form', (w) => { const b = w; set(b, { statement: undefined }); const e = captured(b); set(b, { statement: e.statement.subarray(0, -1) }); });
add('a clock that is neither safe nor not', 'form', (w) => { w.safe = 2; });
add('a digest longer than what is there', 'form', (w) => { const e = captured(w); const b = Buffer.from(e.statement); b[b.length - 33] = 0x21; set(w, { statement: b }); });
add('extra data of 65 bytes', 'form', (w) => set(w, { extra: zeros(65) }));
add('a bank twice', 'form', (w) => set(w, { banks: [selection(QUOTED), selection(QUOTED)] }));
add('a PCR above 23', 'form', (w) => { const bank = selection(QUOTED, 0x0b, 4); bank[6] = 1; set(w, { banks: [bank] }); });
add('a bank that nobody knows', 'form', (w) => set(w, { banks: [selection(QUOTED, 0x12)] }));
add('a bit of the signature flipped', 'signature', (w) => { const e = captured(w); set(w, { statement: e.statement, signature: flip(e.signature, -1) }); });
add('a bit of the statement flipped after it was signed', 'signature', (w) => { const e = captured(w); set(w, { statement: flip(e.statement, 20), signature: e.signature }); });
add('signed by another AK', 'signature', (w) => set(w, { quoteKey: w.otherAk }));
add('r and s exchanged', 'signature', (w) => { const e = captured(w); const s = e.signature; set(w, { statement: e.statement, signature: Buffer.concat([s.subarray(0, 4), s.subarray(38), s.subarray(4, 38)]) }); });
add('a signature with SHA-1', 'signature-form', (w) => { w.signOptions = { hash: 'sha1' }; });
add('an RSA signature for a P-256 key', 'signature-form', (w) => set(w, { signature: Buffer.concat([be16(0x14), be16(0x0b), be16(256), zeros(256)]) }));
add('an HMAC for a signature', 'signature-form', (w) => set(w, { signature: Buffer.concat([be16(0x05), be16(0x0b), zeros(32)]) }));
add('a byte behind the signature', 'signature-form', (w) => { const e = captured(w); set(w, { statement: e.statement, signature: Buffer.concat([e.signature, zeros(1)]) }); });
add('no signature', 'signature-form', (w) => set(w, { signature: zeros(0) }));
add('extra data of nothing but the nonce', 'extra', (w) => set(w, { extra: w.nonce }));
add('a quote over another node statement', 'extra', (w) => set(w, { extraNode: signed(w.deploymentKey, 'claviger/node/v1', cbor({ 1: 1 })) }));
add('the authority restarted after the quote', 'extra', (w) => { const e = captured(w); set(w, { statement: e.statement, signature: e.signature }); w.authorityKey = sha256('new authority'); });
add('no extra data', 'extra', (w) => set(w, { extra: zeros(0) }));
const over = (list, alg) => (w) => set(w, { banks: [selection(list, alg)] });
add('SHA-1 instead', 'pcr-bank', over(QUOTED, 0x04));
add('SHA-1 besides', 'pcr-bank', (w) => set(w, { banks: [selection(QUOTED), selection(QUOTED, 0x04)] }));
add('SHA-384 instead', 'pcr-selection', over(QUOTED, 0x0c));
add('SHA-384 besides', 'pcr-selection', (w) => set(w, { banks: [selection(QUOTED), selection([7], 0x0c)] }));
for (const pcr of QUOTED) add(`PCR ${pcr} not quoted`, 'pcr-selection', over(QUOTED.filter((one) => one !== pcr)));
add('PCR 1 quoted, too', 'pcr-selection', over([...QUOTED, 1]));
add('PCR 23 quoted, too', 'pcr-selection', over([...QUOTED, 23]));
add('PCR 16 instead of 13', 'pcr-selection', over(QUOTED.map((pcr) => (pcr === 13 ? 16 : pcr))));
add('no PCRs at all', 'pcr-selection', (w) => set(w, { banks: [] }));
add('an empty selection', 'pcr-selection', over([]));
for (let i = 0; i < 9; i++) add(`another value of PCR ${QUOTED[i]} than signed`, 'pcr-digest', (w) => { const e = captured(w); set(w, { statement: e.statement, signature: e.signature, values: flip(e.pcrs, 32 * i) }); });
add('a digest of other values', 'pcr-digest', (w) => set(w, { digest: sha256('good release') }));
add('a digest with another hash than the signature\'s', 'pcr-digest', (w) => { const e = captured(w); w.signOptions = { hash: 'sha384' }; set(w, { statement: e.statement }); });
add('PCR 13 of another channel key', 'commit', (w) => set(w, { commit: sha256('claviger/commit/v1', edPublic(w.deploymentKey), w.manifest, sha256('attacker')) }));
add('PCR 13 of another site manifest', 'commit', (w) => set(w, { commit: sha256('claviger/commit/v1', edPublic(w.deploymentKey), sha256('x'), w.signerKey) }));
add('PCR 13 of another deployment', 'commit', (w) => set(w, { commit: sha256('claviger/commit/v1', edPublic(w.otherKey), w.manifest, w.signerKey) }));
add('PCR 13 empty', 'commit', (w) => { const pcrs = replay(w.events); pcrs[11] = cap(pcrs[11]); set(w, { pcrs }); });
add('PCR 13 extended twice', 'commit', (w) => { const e = captured(w); const v = Buffer.from(e.pcrs); sha256(v.subarray(224, 256), zeros(32)).copy(v, 224); set(w, { values: v }); });

// ---- the maker ----
add('no certificate', 'ek-none', (w) => { w.certificates = []; });
add('no endorsement key', 'ek-none', (w) => { w.noEk = true; });
add('an endorsement key that signs', 'ek-form', (w) => { w.ekOptions = { attributes: ATTR.ek | 0x40000 }; });
add('an endorsement key that a password opens', 'ek-form', (w) => { w.ekOptions = { attributes: ATTR.ek | 0x40 }; });
add('an endorsement key under another policy', 'ek-form', (w) => { w.ekOptions = { policy: zeros(32) }; });
add('an endorsement key with a scheme', 'ek-form', (w) => { w.ekOptions = { scheme: [0x18, 0x0b] }; }, { ekKind: 'p256' });
add('an RSA endorsement key with a scheme', 'ek-form', (w) => { w.ekOptions = { scheme: [0x14, 0x0b] }; });
add('a P-384 endorsement key with a scheme', 'ek-form', (w) => { w.ekOptions = { ...high384, scheme: [0x18, 0x0c] }; }, { ekKind: 'p384' });
add('an endorsement key with AES-256', 'ek-form', (w) => { w.ekOptions = { symmetric: [6, 256, 0x43] }; });
for (const [what, options, kind] of [
  ['of the high range under the low policy', { attributes: ATTR.ekHigh }, 'rsa'], ['of the low range under the high policy', { policy: EK_POLICY_HIGH }, 'rsa'],
  ['of P-384 in the low range', { ...high384, attributes: ATTR.ek }, 'p384'], ['of P-384 with AES-128', { ...high384, symmetric: [6, 128, 0x43] }, 'p384'],
  ['of P-384 with SHA-256', { ...high384, nameAlg: 0x0b }, 'p384'], ['of P-384 under the shorter policy', { ...high384, policy: EK_POLICY_HIGH }, 'p384'],
  ['of P-256 with SHA-384', high384, 'p256'], ['of RSA with SHA-384', high384, 'rsa'], ['of P-384 as if it were P-256', high, 'p384'],
  ['of RSA-3072 as if it were RSA-2048', high, 'rsa3072'], ['of RSA-3072 in the low range', {}, 'rsa3072'], ['of RSA-3072 with AES-128', { ...high384, symmetric: [6, 128, 0x43] }, 'rsa3072'], ['of RSA-3072 with a scheme', { ...high384, scheme: [0x14, 0x0c] }, 'rsa3072'],
]) add(`an endorsement key ${what}`, 'ek-form', (w) => { w.ekOptions = options; }, { ekKind: kind });
add('a byte behind the endorsement key', 'ek-form', (w) => set(w, { ek: Buffer.concat([ekPublic(w.ek), zeros(1)]) }));
add('a certificate that is none', 'ek-form', (w) => { w.certificates = [Buffer.from('certificate')]; });
add('a byte behind the certificate', 'ek-form', (w) => { w.certificates = [Buffer.concat([w.ekCertificate, zeros(1)]), w.issuerCertificate]; });
add('a certificate cut short', 'ek-form', (w) => { w.certificates = [w.ekCertificate.subarray(0, -1), w.issuerCertificate]; });
const leaf = (w, more) => certificate({ issuer: w.issuer, issuerName: 'Issuer', key: w.ek, ...more });
const issuer = (w, more) => certificate({ issuer: w.root, issuerName: 'Root', key: w.issuer, subject: 'Issuer', ca: true, ...more });
add('another maker\'s root', 'ek-chain', (w, p) => { p.vendor_roots = [pem(certificate({ issuer: w.otherRoot, issuerName: 'Other', key: w.otherRoot, subject: 'Other', ca: true }))]; });
add('another root of the same name', 'ek-chain', (w, p) => { p.vendor_roots = [pem(certificate({ issuer: w.otherRoot, issuerName: 'Root', key: w.otherRoot, subject: 'Root', ca: true }))]; });
add('a certificate that signs itself', 'ek-chain', (w) => { w.certificates = [certificate({ issuer: w.ek, issuerName: 'Own', key: w.ek, subject: 'Own' })]; });
add('the issuer is missing', 'ek-chain', (w) => { w.certificates = [w.ekCertificate]; });
add('a certificate by somebody else under the issuer\'s name', 'ek-chain', (w) => { w.certificates = [certificate({ issuer: w.otherRoot, issuerName: 'Issuer', key: w.ek }), w.issuerCertificate]; });
add('a bit of the certificate\'s signature flipped', 'ek-chain', (w) => { w.certificates = [flip(w.ekCertificate, -1), w.issuerCertificate]; });
add('a bit of the issuer\'s signature flipped', 'ek-chain', (w) => { w.certificates = [w.ekCertificate, flip(w.issuerCertificate, -1)]; });
add('a certificate that has expired', 'ek-time', (w) => { w.certificates = [leaf(w, { to: 2024 }), w.issuerCertificate]; });
add('a certificate that is not valid yet', 'ek-time', (w) => { w.certificates = [leaf(w, { from: 2090 }), w.issuerCertificate]; });
add('an issuer that has expired', 'ek-time', (w) => { w.certificates = [w.ekCertificate, issuer(w, { to: 2024 })]; });
add('a TLS certificate', 'ek-usage', (w) => { w.certificates = [leaf(w, { usage: '1.3.6.1.5.5.7.3.1' }), w.issuerCertificate]; });
add('a certificate without a usage', 'ek-usage', (w) => { w.certificates = [leaf(w, { usage: '' }), w.issuerCertificate]; });
add('an issuer that is no CA', 'ek-usage', (w) => { w.certificates = [w.ekCertificate, issuer(w, { ca: false })]; });
add('an issuer that may not sign certificates', 'ek-chain', (w) => { w.certificates = [w.ekCertificate, issuer(w, { keyUsage: [7, 0x80] })]; });
add('a critical extension that nobody knows', 'ek-usage', (w) => { w.certificates = [leaf(w, { extra: [['1.2.3.4', true]] }), w.issuerCertificate]; });
add('a chain longer than its CA allows', 'ek-usage', (w) => {
  const middle = newKey.p256();
  w.certificates = [
    certificate({ issuer: middle, issuerName: 'Middle', key: w.ek }), certificate({ issuer: w.issuer, issuerName: 'Issuer', key: middle, subject: 'Middle', ca: true }),
    issuer(w, { pathLength: 0 }),
  ];
});
add('a chain as long as its CA allows', ok, (w) => {
  const middle = newKey.p256();
  w.certificates = [
    certificate({ issuer: middle, issuerName: 'Middle', key: w.ek }), certificate({ issuer: w.issuer, issuerName: 'Issuer', key: middle, subject: 'Middle', ca: true }),
    issuer(w, { pathLength: 1 }),
  ];
});
add('an extension that is not critical', ok, (w) => { w.certificates = [leaf(w, { extra: [['1.2.3.4', false]] }), w.issuerCertificate]; });
add('a certificate of another TPM', 'ek-key', (w) => { w.certificates = [certificate({ issuer: w.issuer, issuerName: 'Issuer', key: w.otherEk }), w.issuerCertificate]; });
add('another TPM\'s endorsement key', 'ek-key', (w) => set(w, { ek: ekPublic(w.otherEk) }));
add('a genuine TPM that is not listed', 'ek-unknown', (w, p) => { p.eks = [sha256(ekPublic(w.otherEk)).toString('hex')]; });
add('nobody activated', 'ek-link', (w) => { w.activated = false; });
add('activated with another endorsement key', 'ek-link', (w) => set(w, { ekId: sha256(ekPublic(w.otherEk)) }));
add('activated, says a deployment that nobody pinned', 'ek-link', (w, p) => { delete p.deployment_key; p.aks = [nameOf(akPublic(w.otherAk)).toString('hex')]; });

// ---- what runs ----
add('old TPM firmware', 'tpm-firmware', (w) => { w.tpmFirmware = 0x00070001ffffffffn; });
add('another image', 'pcr-release', (w) => { w.events[w.events.length - 1] = event(4, EV.APPLICATION, 'x', sha256('evil image')); });
add('an initrd of somebody\'s', 'pcr-release', (w) => { w.events.push(event(9, EV.TAG, 'initrd', sha256('evil'))); });
add('not capped', 'pcr-release', (w) => set(w, { uncapped: true }));
for (const pcr of [9, 12, 14]) add(`PCR ${pcr} is not what was released`, 'pcr-release', (w, p) => { p.releases[1].sha256[String(pcr)] = 'cd'.repeat(32); });
add('other firmware', 'pcr-firmware', (w) => { w.events[1] = event(0, EV.BLOB, zeros(16), sha256('other code')); });
add('other Secure Boot keys', 'pcr-firmware', (w) => { w.events[3] = event(7, EV.CONFIG, variable('PK', Buffer.from('mine'))); });
add('another option ROM', 'pcr-firmware', (w) => { w.events[5] = event(2, EV.DRIVER, zeros(8), sha256('x')); });

// ---- floors and counter ----
const nvs = (make) => (w) => set(w, { nv: make });
const three = (nv, { policies, level, NV_ATTR }, more = {}, which = 1) => [
  nv(NV.counter, NV_ATTR.counter, be64(300), undefined, which === 0 ? more : {}), nv(NV.release, NV_ATTR.floor, level(4), policies.release, which === 1 ? more : {}),
  nv(NV.site, NV_ATTR.floor, level(2), policies.site, which === 2 ? more : {}),
];
add('a public area cut short', 'nv-form', nvs((nv, k) => three(nv, k, { area: zeros(5) })));
add('an NV signature of another form', 'nv-form', nvs((nv, k) => three(nv, k, { signature: zeros(4) })));
add('an NV statement that the TPM did not make', 'nv-form', nvs((nv, k) => three(nv, k, { head: { magic: 1 } })));
add('a quote instead of an NV statement', 'nv-form', nvs((nv, k) => three(nv, k, { type: 0x8018 })));
add('a byte behind an NV statement', 'nv-form', nvs((nv, k) => three(nv, k, { tail: zeros(1) })));
add('the same index twice', 'nv-form', nvs((nv, k) => { const list = three(nv, k); return [...list, list[1]]; }));
add('an NV statement by another AK', 'nv-signature', (w) => set(w, { nv: (nv, k) => three(nv, k, { key: w.otherAk }) }));
add('an NV statement of another index', 'nv-name', nvs((nv, k) => three(nv, k, { area: nvPublic(NV.release, k.NV_ATTR.floor, sha256('another policy')) })));
add('a part of an index', 'nv-name', nvs((nv, k) => three(nv, k, { offset: 1 })));
add('an index of another size', 'nv-name', nvs((nv, k) => three(nv, k, { size: 16 })));
add('an NV statement of an earlier boot', 'nv-stale', nvs((nv, k) => three(nv, k, { world: { resets: 4 } })));
add('an NV statement from before a restart', 'nv-stale', nvs((nv, k) => three(nv, k, { world: { restarts: 0 } })));
add('an NV statement that is later than the quote', 'nv-stale', nvs((nv, k) => three(nv, k, { world: { clock: 999999 } })));
add('an NV statement of another deployment', 'nv-stale', nvs((nv, k) => three(nv, k, { extra: sha256('claviger/nv/v1', sha256('x')) })));
add('a floor that its owner can raise', 'nv-kind', nvs((nv, k) => { const list = three(nv, k); list[1] = nv(NV.release, k.NV_ATTR.floor | 2, k.level(4), k.policies.release); return list; }));
add('a floor that anybody can raise', 'nv-kind', nvs((nv, k) => { const list = three(nv, k); list[2] = nv(NV.site, k.NV_ATTR.floor | 4, k.level(2), k.policies.site); return list; }));
add('a floor without a policy', 'nv-kind', nvs((nv, k) => { const list = three(nv, k); list[1] = nv(NV.release, k.NV_ATTR.floor, k.level(4)); return list; }));
add('a floor that is no counter', 'nv-kind', nvs((nv, k) => { const list = three(nv, k); list[1] = nv(NV.release, k.NV_ATTR.floor & ~0x10, k.level(4), k.policies.release); return list; }));
add('a counter never written', 'nv-kind', nvs((nv, k) => { const list = three(nv, k); list[0] = nv(NV.counter, k.NV_ATTR.counter & ~0x20000000, be64(300)); return list; }));
add('an index that is none of ours', 'nv-kind', nvs((nv, k) => [...three(nv, k), nv(0x01500001, k.NV_ATTR.counter, be64(1))]));
const replaced = (at, index, value, policy) => nvs((nv, k) => { const list = three(nv, k); list[at] = nv(index, at === 0 ? k.NV_ATTR.counter : k.NV_ATTR.floor, value(k), policy?.(k)); return list; });
const base = (n, level) => () => be64(256 * n + level);
add('a release floor of another policy', 'nv-genesis', replaced(1, NV.release, base(9, 4), () => sha256('a policy of the owner\'s')));
add('a site floor of another policy', 'nv-genesis', replaced(2, NV.site, base(9, 2), () => sha256('a policy of the owner\'s')));
add('a release floor under the site floor\'s policy', 'nv-genesis', replaced(1, NV.release, base(9, 4), (k) => k.policies.site));
add('a site floor under the release floor\'s policy', 'nv-genesis', replaced(2, NV.site, base(9, 2), (k) => k.policies.release));
add('a release floor that begins in another block', 'nv-genesis', replaced(1, NV.release, base(10, 4), (k) => k.policies.release));
add('a site floor that begins in another block', 'nv-genesis', replaced(2, NV.site, base(10, 2), (k) => k.policies.site));
add('a site floor that begins in an earlier block', 'nv-genesis', replaced(2, NV.site, base(8, 255), (k) => k.policies.site));
add('a boot counter from before genesis', 'nv-genesis', (w, p) => { w.counter = 199n; p.counter = 1; });
add('the boot counter of genesis', ok, (w, p) => { w.counter = 200n; p.counter = 200; });
add('floors of another site root', 'nv-genesis', (w) => set(w, { bodyMore: { 21: Buffer.concat([sha256('x'), sha256('y')]) } }));
add('floors of another genesis', 'nv-genesis', (w) => set(w, { bodyMore: { 16: sha256('another genesis') } }));
add('floors of another genesis, software accepted', 'nv-genesis', (w, p) => { for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; set(w, { bodyMore: { 23: 8 } }); });
add('floors in different blocks', ok, (w) => { w.siteBase = 11; set(w, { nv: (nv, k) => { const list = three(nv, k); list[2] = nv(NV.site, k.NV_ATTR.floor, be64(11 * 256 + 2), k.policies.site); return list; } }); });
add('below the release floor', 'floor', (w) => { w.releaseFloor = 3; });
add('below the site floor', 'floor', (w) => { w.siteFloor = 1; });
add('a counter that went back', 'floor', (w) => { w.counter = 299n; });
add('no release floor', 'floor', nvs((nv, k) => three(nv, k).filter((_, i) => i !== 1)));
add('no NV certificates', 'floor', nvs(() => []));

// ---- the event log ----
const relog = (change) => (w) => { const list = w.events.map((e) => ({ ...e })); set(w, { log: logOf(change(list) ?? list) }); };
add('no log where one is asked for', 'log-none', (w) => { w.useLog = false; });
add('a log that is none', 'log-form', (w) => set(w, { log: Buffer.from('log') }));
add('a log cut short', 'log-form', (w) => set(w, { log: logOf(w.events).subarray(0, -1) }));
add('a log of the old form', 'log-form', (w) => { set(w, { log: logOf(w.events, { version: 'Spec ID Event00' }) }); });
add('a log without SHA-256', 'log-form', (w) => set(w, { log: logOf(w.events, { banks: [[0x04, 20]] }) }));
add('a log with a bank twice', 'log-form', (w) => set(w, { log: logOf(w.events, { banks: [[0x0b, 32], [0x0b, 32]] }) }));
add('an event in PCR 24', 'log-form', relog((l) => [...l, event(24, EV.CRTM, 'x')]));
add('Secure Boot\'s events renamed to nothing', 'log-event', relog((l) => { for (const e of l) if (e.type === EV.CONFIG) e.type = 2; }));
add('Secure Boot\'s events renamed, nice ones added', 'log-event', relog((l) => { for (const e of l) if (e.type === EV.CONFIG) e.type = 0x80000006; l.unshift(event(7, EV.CONFIG, variable('SecureBoot', Buffer.from([1])))); }));
add('an event in PCR 11', 'log-event', relog((l) => [...l, event(11, 13, 'x')]));
add('an event in PCR 13', 'log-event', relog((l) => [...l, event(13, 13, 'x')]));
add('an event in PCR 14', 'log-event', relog((l) => [...l, event(14, 13, 'MokList')]));
add('a boot loader\'s event in PCR 9', 'log-event', relog((l) => [...l, event(9, 13, 'grub')]));
add('a variable whose data was exchanged', 'log-digest', relog((l) => { l[3].data = variable('PK', Buffer.from('another')); }));
add('SecureBoot written over', 'log-digest', relog((l) => { l[2].data = variable('SecureBoot', Buffer.from([0])); }));
add('a version text exchanged', 'log-digest', relog((l) => { l[0].data = Buffer.from('firmware 2'); }));
add('no separators', 'log-separator', relog((l) => l.filter((e) => e.type !== EV.SEPARATOR && e.type !== EV.APPLICATION)));
add('a separator missing', 'log-separator', relog((l) => l.filter((e) => !(e.type === EV.SEPARATOR && e.pcr === 6))));
add('a separator doubled', 'log-separator', relog((l) => [...l, event(3, EV.SEPARATOR, zeros(4))]));
add('a separator that tells of failure', 'log-separator', relog((l) => { const e = l.find((one) => one.type === EV.SEPARATOR && one.pcr === 7); Object.assign(e, event(7, EV.SEPARATOR, Buffer.alloc(4, 0xff))); }));
add('a separator in PCR 9', 'log-separator', relog((l) => [...l, event(9, EV.SEPARATOR, zeros(4))]));
add('a separator with other data', 'log-separator', relog((l) => { const e = l.find((one) => one.type === EV.SEPARATOR && one.pcr === 5); e.data = zeros(5); }));
add('firmware behind its separator', 'log-order', relog((l) => [...l, event(0, EV.BLOB, zeros(16))]));
add('a variable behind its separator', 'log-order', relog((l) => [...l, event(7, EV.CONFIG, variable('db', Buffer.from('x')))]));
add('a driver behind its separator', 'log-order', relog((l) => [...l, event(2, EV.DRIVER, 'x')]));
add('an application before its separator', 'log-order', relog((l) => { l.unshift(event(4, EV.APPLICATION, 'shell')); }));
add('an action behind its separator', 'log-order', relog((l) => [...l, event(4, EV.ACTION, 'Returning from EFI Application')]));
add('an application more', 'log-replay', relog((l) => [...l, event(4, EV.APPLICATION, 'shell')]));
add('an event less', 'log-replay', relog((l) => l.filter((e) => e.type !== EV.DRIVER)));
add('two events exchanged', 'log-replay', relog((l) => { [l[2], l[3]] = [l[3], l[2]]; }));
add('a digest exchanged', 'log-replay', relog((l) => { l[1].digest = sha256('x'); }));
add('another locality at the start', 'log-replay', relog((l) => { l.unshift({ pcr: 0, type: EV.NO_ACTION, data: Buffer.concat([Buffer.from('StartupLocality\0'), Buffer.from([3])]), digest: zeros(32) }); }));
const locality = (n) => ({ pcr: 0, type: EV.NO_ACTION, data: Buffer.concat([Buffer.from('StartupLocality\0'), Buffer.from([n])]), digest: zeros(32) });
add('a locality that is told late', ok, (w) => { w.events.push(locality(3)); });
add('a locality that is told behind the first event of PCR 0', ok, (w) => { w.events.splice(1, 0, locality(3)); });
add('a locality of another PCR', ok, (w) => { w.events.unshift({ ...locality(3), pcr: 1 }); });
add('a start from locality 3', ok, (w, p) => {
  w.events.unshift(locality(3));
  const pcr0 = w.events.filter((e) => e.pcr === 0 && e.type !== EV.NO_ACTION).reduce((value, e) => sha256(value, e.digest), Buffer.concat([zeros(31), Buffer.from([3])]));
  const pcrs = replay(w.events);
  pcrs[0] = pcr0;
  pcrs[11] = cap(pcrs[11]);
  pcrs[13] = sha256(zeros(32), sha256('claviger/commit/v1', edPublic(w.deploymentKey), w.manifest, w.signerKey));
  set(w, { pcrs });
  p.firmwares[0].sha256['0'] = pcr0.toString('hex');
});
add('a locality of 18 bytes', ok, (w) => { const e = locality(3); e.data = Buffer.concat([e.data, zeros(1)]); w.events.unshift(e); });
const again = (w, p) => { const pcrs = replay(w.events); p.firmwares[0].sha256 = Object.fromEntries([0, 2, 7].map((pcr) => [String(pcr), pcrs[pcr].toString('hex')])); };
add('Secure Boot off, firmware accepted', 'secure-boot', (w, p) => { w.events[2] = event(7, EV.CONFIG, variable('SecureBoot', Buffer.from([0]))); again(w, p); });
add('Secure Boot not said', 'secure-boot', (w, p) => { w.events.splice(2, 1); again(w, p); });
add('Secure Boot said second', 'secure-boot', (w, p) => { [w.events[2], w.events[3]] = [w.events[3], w.events[2]]; again(w, p); });
add('another variable of that name', 'secure-boot', (w, p) => { w.events[2] = event(7, EV.CONFIG, flip(variable('SecureBoot', Buffer.from([1])), 0)); again(w, p); });
add('one person holds both roots', 'single-operator', (w) => { w.singleOperator = true; });
add('one person holds both roots, and the policy says no', 'single-operator', (w, p) => { w.singleOperator = true; p.single_operator = false; });
add('it starts without a person', 'unattended', (w) => { w.attended = false; });
add('it starts without a person; only other weaker states are accepted', 'unattended', (w, p) => { w.attended = false; p.single_operator = p.recovery_key = true; });
add('there is a recovery key', 'recovery-key', (w) => { w.recoveryKey = true; });
add('there is a recovery key; only other weaker states are accepted', 'recovery-key', (w, p) => { w.recoveryKey = true; p.single_operator = p.unattended = true; });
for (const [what, bits] of [['network namespace', 0x2], ['empty root', 0x40], ['user id of its own', 0x80], ['Landlock', 0x100]])
  add(`a sandbox without ${what}`, 'reduced-sandbox', (w) => { w.sandboxMissing = bits; });
add('a reduced sandbox; only other weaker states are accepted', 'reduced-sandbox', (w, p) => { w.sandboxMissing = 0x40; p.single_operator = p.unattended = p.recovery_key = true; });
add('another genesis', 'genesis', (w, p) => { p.genesis = 'ab'.repeat(32); });
add('another genesis, software accepted', 'genesis', (w, p) => { for (const k of Object.keys(p)) delete p[k]; p.software_tpm = true; p.genesis = 'ab'.repeat(32); });
add('the flag of the start mode flipped by somebody else', 'node-signature', (w) => { const make = build(w); const at = make.indexOf(w.genesis) + 33; return flip(make, at); });

/** captured builds once and keeps the parts, for cases that change one of them afterwards. */
function captured(w) {
  let parts;
  const before = w.set;
  w.set = { ...(before ?? {}), whole: (e) => { parts = e; return cbor({ 1: 1 }); } };
  build(w);
  w.set = before;
  if (before === undefined) delete w.set;
  return { ...parts };
}
