// SPDX-License-Identifier: Apache-2.0
// A made-up node, its TPM and its maker, from whose parts evidence is put together in any way that a case wants:
// with every key at hand, so that a forger's own signatures can be made too. Nothing here is shared with the
// verifiers.
import crypto from 'node:crypto';

export const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), crypto.createHash('sha256')).digest();
const text = (value) => Buffer.from(value, 'utf8');
export const zeros = (n) => Buffer.alloc(n);
export const be16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };
export const be32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };
export const be64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const le16 = (n) => { const b = Buffer.alloc(2); b.writeUInt16LE(n); return b; };
const le32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n >>> 0); return b; };
const le64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const sized = (bytes) => Buffer.concat([be16(bytes.length), bytes]);

// ---- CBOR ----

function head(major, n) {
  if (n < 24) return Buffer.from([(major << 5) | n]);
  if (n < 256) return Buffer.from([(major << 5) | 24, n]);
  if (n < 65536) return Buffer.concat([Buffer.from([(major << 5) | 25]), be16(n)]);
  return Buffer.concat([Buffer.from([(major << 5) | 26]), be32(n)]);
}
export class Raw { constructor(bytes) { this.bytes = bytes; } }
export function cbor(value) {
  if (value instanceof Raw) return value.bytes;
  if (typeof value === 'number') return head(0, value);
  if (typeof value === 'boolean') return Buffer.from([value ? 0xf5 : 0xf4]);
  if (typeof value === 'string') return Buffer.concat([head(3, text(value).length), text(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([k, v]) => [cbor(Number(k)), cbor(v)])]);
}

// ---- keys ----

export const newKey = {
  ed: () => crypto.generateKeyPairSync('ed25519'),
  p256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  rsa: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  rsa3072: () => crypto.generateKeyPairSync('rsa', { modulusLength: 3072 }),
};
const jwk = (key) => key.publicKey.export({ format: 'jwk' });
const b64 = (value) => Buffer.from(value, 'base64url');
export const edPublic = (key) => b64(jwk(key).x);
const spki = (key) => key.publicKey.export({ format: 'der', type: 'spki' });

// ---- TPM structures ----

export const ATTR = {
  ak: 0x00050472, // fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA restricted sign
  ek: 0x000300b2,
  ekHigh: 0x000300f2,
};
const EK_POLICY = Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex');
export const EK_POLICY_HIGH = Buffer.from('ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0', 'hex');
export const EK_POLICY_HIGH_384 = Buffer.from('b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12', 'hex');
const CURVE = { 'P-256': 3, 'P-384': 4 };

export function akPublic(key, { attributes = ATTR.ak, nameAlg = 0x000b, policy = zeros(0), curve } = {}) {
  const k = jwk(key);
  if (k.kty === 'RSA')
    return Buffer.concat([be16(1), be16(nameAlg), be32(attributes), sized(policy), be16(0x10), be16(0x14), be16(0x0b), be16(2048), be32(0), sized(b64(k.n))]);
  return Buffer.concat([be16(0x23), be16(nameAlg), be32(attributes), sized(policy), be16(0x10), be16(0x18), be16(0x0b),
    be16(curve ?? CURVE[k.crv]), be16(0x10), sized(b64(k.x)), sized(b64(k.y))]);
}
export function ekPublic(key, { attributes = ATTR.ek, policy = EK_POLICY, symmetric = [6, 128, 0x43], scheme = 0x10, nameAlg = 0x0b } = {}) {
  const k = jwk(key);
  const front = (type) => [be16(type), be16(nameAlg), be32(attributes), sized(policy), ...symmetric.map(be16), ...[scheme].flat().map(be16)];
  if (k.kty === 'RSA') return Buffer.concat([...front(1), be16(8 * b64(k.n).length), be32(0), sized(b64(k.n))]);
  return Buffer.concat([...front(0x23), be16(CURVE[k.crv]), be16(0x10), sized(b64(k.x)), sized(b64(k.y))]);
}
export const nameOf = (area) => Buffer.concat([be16(0x000b), sha256(area)]);

/** An Ed25519 signature whose commitment is the neutral point: what a check without care for small orders takes. */
export function edSignNeutral(key, message) {
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  const number = (bytes) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  const secret = crypto.createHash('sha512').update(b64(key.privateKey.export({ format: 'jwk' }).d)).digest().subarray(0, 32);
  secret[0] &= 248;
  secret[31] = (secret[31] & 127) | 64;
  const R = Buffer.concat([Buffer.from([1]), zeros(31)]);
  const h = number(crypto.createHash('sha512').update(R).update(edPublic(key)).update(message).digest()) % L;
  const S = Buffer.from(((h * number(secret)) % L).toString(16).padStart(64, '0'), 'hex').reverse();
  return Buffer.concat([R, S]);
}

/** TPMT_SIGNATURE over a message; `hash` is what is written and used. */
export function tpmSign(key, message, { hash = 'sha256', pss = false } = {}) {
  const alg = { sha1: 4, sha256: 0x0b, sha384: 0x0c, sha512: 0x0d }[hash];
  if (key.privateKey.asymmetricKeyType === 'rsa') {
    const padding = pss ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: pss } : {};
    return Buffer.concat([be16(pss ? 0x16 : 0x14), be16(alg), sized(crypto.sign(hash, message, { key: key.privateKey, ...padding }))]);
  }
  const both = crypto.sign(hash, message, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  const half = both.length / 2;
  return Buffer.concat([be16(0x18), be16(alg), sized(both.subarray(0, half)), sized(both.subarray(half))]);
}

export const QUOTED = [0, 2, 4, 7, 9, 11, 12, 13, 14];
export function selection(pcrs, alg = 0x0b, size = 3) {
  const bits = zeros(size);
  for (const pcr of pcrs) bits[pcr >> 3] |= 1 << (pcr & 7);
  return Buffer.concat([be16(alg), Buffer.from([size]), bits]);
}
export function attestHead(w, type, extra, { magic = 0xff544347 } = {}) {
  return Buffer.concat([be32(magic), be16(type), sized(Buffer.concat([be16(0x0b), sha256('qualified')])), sized(extra), be64(w.clock), be32(w.resets),
    be32(w.restarts), Buffer.from([w.safe]), be64(w.tpmFirmware)]);
}
export const quoteBody = (banks, digest) => Buffer.concat([be32(banks.length), ...banks, sized(digest)]);

// ---- X.509 ----

function der(tag, ...parts) {
  const body = Buffer.concat(parts);
  const n = body.length;
  const len = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...len]), body]);
}
const seq = (...parts) => der(0x30, ...parts);
function oid(dotted) {
  const [a, b, ...rest] = dotted.split('.').map(Number);
  const out = [40 * a + b];
  for (const n of rest) {
    const groups = [n & 127];
    for (let v = Math.floor(n / 128); v > 0; v = Math.floor(v / 128)) groups.unshift((v & 127) | 128);
    out.push(...groups);
  }
  return der(0x06, Buffer.from(out));
}
const name = (cn) => (cn === '' ? seq() : seq(der(0x31, seq(oid('2.5.4.3'), der(0x0c, text(cn))))));
const utc = (year) => der(0x18, text(`${year}0101000000Z`));
const extension = (id, critical, value) => seq(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), der(0x04, value));

/** One certificate. The SAN is what TPM makers write: vendor, model and version in a critical directoryName. */
export function certificate({
  issuer, issuerName, key, subject = '', ca = false, pathLength, usage = '2.23.133.8.1', from = 2020, to = 2099, keyUsage, extra = [], hash = 'sha256',
}) {
  const rsa = issuer.privateKey.asymmetricKeyType === 'rsa';
  const algorithm = rsa ? seq(oid({ sha256: '1.2.840.113549.1.1.11', sha384: '1.2.840.113549.1.1.12' }[hash]), der(0x05))
    : seq(oid({ sha256: '1.2.840.10045.4.3.2', sha384: '1.2.840.10045.4.3.3' }[hash]));
  const attribute = (id, value) => der(0x31, seq(oid(id), der(0x0c, text(value))));
  const san = seq(der(0xa4, seq(attribute('2.23.133.2.1', 'id:00001014'), attribute('2.23.133.2.2', 'model'), attribute('2.23.133.2.3', 'id:00020000'))));
  const constraints = ca ? seq(der(0x01, Buffer.from([0xff])), ...(pathLength === undefined ? [] : [der(0x02, Buffer.from([pathLength]))])) : seq();
  const extensions = [
    extension('2.5.29.19', true, constraints),
    ...(keyUsage === undefined ? [] : [extension('2.5.29.15', true, der(0x03, Buffer.from(keyUsage)))]),
    ...(ca ? [] : [extension('2.5.29.17', true, san)]),
    ...(ca || usage === '' ? [] : [extension('2.5.29.37', false, seq(oid(usage)))]),
    ...extra.map(([id, critical]) => extension(id, critical, der(0x05))),
  ];
  const serial = crypto.randomBytes(8);
  serial[0] = (serial[0] & 0x7f) | 0x40;
  const tbs = seq(der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), algorithm, name(issuerName), seq(utc(from), utc(to)), name(subject), spki(key),
    der(0xa3, seq(...extensions)));
  return seq(tbs, algorithm, der(0x03, Buffer.from([0]), crypto.sign(hash, tbs, issuer.privateKey)));
}
export const pem = (bytes) => `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`;

// ---- event log ----

export const EV = { NO_ACTION: 3, SEPARATOR: 4, CRTM: 8, TAG: 6, CONFIG: 0x80000001, APPLICATION: 0x80000003, DRIVER: 0x80000004, ACTION: 0x80000007, BLOB: 0x80000008, AUTHORITY: 0x800000e0 };
export const variable = (nameText, value) => Buffer.concat([Buffer.from('61dfe48bca93d211aa0d00e098032b8c', 'hex'), le64(nameText.length), le64(value.length), Buffer.from(nameText, 'utf16le'), value]);
export const event = (pcr, type, data, digest) => ({ pcr, type, data: Buffer.from(data), digest: digest ?? sha256(data) });
export const separators = () => [0, 1, 2, 3, 4, 5, 6, 7].map((pcr) => event(pcr, EV.SEPARATOR, zeros(4)));
export function events(w) {
  return [
    event(0, EV.CRTM, text('firmware 1')), event(0, EV.BLOB, zeros(16), sha256(w.firmwareCode)),
    event(7, EV.CONFIG, variable('SecureBoot', Buffer.from([w.secureBoot]))), event(7, EV.CONFIG, variable('PK', text('site key'))),
    event(1, 5, text('setup')), event(2, EV.DRIVER, zeros(8), sha256('option rom')), event(4, EV.ACTION, text('Calling EFI Application from Boot Option')),
    ...separators(), event(7, EV.AUTHORITY, text('db certificate')), event(4, EV.APPLICATION, text('\\EFI\\BOOT\\BOOTX64.EFI'), sha256(w.image)),
  ];
}
export function logOf(list, { banks = [[0x0b, 32]], version = 'Spec ID Event03' } = {}) {
  const spec = Buffer.concat([text(version), zeros(16 - version.length), zeros(8), le32(banks.length), ...banks.flatMap(([alg, len]) => [le16(alg), le16(len)]), zeros(1)]);
  const out = [le32(0), le32(EV.NO_ACTION), zeros(20), le32(spec.length), spec];
  for (const e of list) {
    const digests = banks.flatMap(([alg, len]) => [le16(alg), alg === 0x0b ? e.digest : zeros(len)]);
    out.push(le32(e.pcr), le32(e.type), le32(banks.length), ...digests, le32(e.data.length), e.data);
  }
  return Buffer.concat(out);
}
export function replay(list) {
  const pcrs = Array.from({ length: 24 }, () => zeros(32));
  for (const e of list) if (e.type !== EV.NO_ACTION) pcrs[e.pcr] = sha256(pcrs[e.pcr], e.digest);
  return pcrs;
}

// ---- the world ----

export const NV = { counter: 0x01434c02, release: 0x01434c03, site: 0x01434c04 };
/** counter: authread ownerread no_da written; floors: policywrite instead of authwrite. */
const NV_ATTR = { counter: 0x22060014, floor: 0x22060018 };
export const nvPublic = (index, attributes, policy = zeros(0), size = 8) => Buffer.concat([be32(index), be16(0x0b), be32(attributes), sized(policy), be16(size)]);

const pointOf = (key) => Buffer.concat([b64(jwk(key).x), b64(jwk(key).y)]);
/** PolicyAuthorize of the site root (TCG TPM 2.0 Library, part 3): the key's name, then the policyRef. */
export function floorPolicy(w, purpose) {
  const area = Buffer.concat([be16(0x23), be16(0x0b), be32(0x40000), be16(0), be16(0x10), be16(0x10), be16(3), be16(0x10), sized(w.siteRoot.subarray(0, 32)), sized(w.siteRoot.subarray(32))]);
  return sha256(sha256(zeros(32), be32(0x16a), nameOf(area)), sha256(purpose, w.genesis));
}

const cache = new Map();
const once = (label, make) => { if (!cache.has(label)) cache.set(label, make()); return cache.get(label); };

export function signed(key, label, body) {
  return cbor({ 1: body, 2: crypto.sign(null, Buffer.concat([text(label), body]), key.privateKey) });
}
export const channelBody = (c) => cbor({ 1: 1, 2: c.deployment, 3: c.boot, 4: c.role, 5: c.key });

/** Everything that evidence is made of, before it is made: a case changes it. Keys are the same for all cases. */
export function world({ akKind = 'p256', ekKind = 'rsa', log = true } = {}) {
  const w = {
    deploymentKey: once('deployment', newKey.ed), otherKey: once('other', newKey.ed), ak: once(`ak ${akKind}`, newKey[akKind]),
    otherAk: once(`other ak ${akKind}`, newKey[akKind]), ek: once(`ek ${ekKind}`, newKey[ekKind]), otherEk: once(`other ek ${ekKind}`, newKey[ekKind]),
    root: once('root', newKey.rsa), issuer: once('issuer', newKey.p384), otherRoot: once('other root', newKey.p256),
    deployment: sha256('deployment'), boot: 7, bootRecord: sha256('boot record'), mode: 2, manifest: sha256('manifest'), release: 'claviger 0.1',
    tls: sha256('tls'), activated: true, singleOperator: false, genesis: sha256('genesis'), siteRoot: once('site root', () => pointOf(newKey.p256())), releaseBase: 9, siteBase: 9, firstCounter: 200, share: sha256('share'), interpreter: false, attended: true, recoveryKey: false, sandboxMissing: 0, machine: 'cores=4 pinned=yes memory=sme smt=off iommu=on weaknesses=none', authorityKey: sha256('authority'), signerKey: sha256('signer'),
    clock: 123456, resets: 5, restarts: 1, safe: 1, tpmFirmware: 0x0007000200010000n, firmwareCode: 'code', image: 'image', secureBoot: 1, useLog: log,
    nonce: sha256('nonce'), others: [], index: 0, counter: 300n, releaseFloor: 4, siteFloor: 2, akOptions: {}, ekOptions: {}, signOptions: {},
  };
  w.rootCertificate = once('root certificate', () => certificate({ issuer: w.root, issuerName: 'Root', key: w.root, subject: 'Root', ca: true, keyUsage: [1, 6] }));
  w.issuerCertificate = once('issuer certificate', () => certificate({ issuer: w.root, issuerName: 'Root', key: w.issuer, subject: 'Issuer', ca: true, keyUsage: [1, 6] }));
  w.ekCertificate = once(`ek certificate ${ekKind}`, () => certificate({ issuer: w.issuer, issuerName: 'Issuer', key: w.ek, hash: 'sha384', keyUsage: [5, 0x20] }));
  w.certificates = [w.ekCertificate, w.issuerCertificate];
  w.events = events(w);
  return w;
}

/** Merkle tree over nonces, by its definition: root and path of one leaf. */
export function tree(leaves, index) {
  if (leaves.length === 1) return { root: sha256(Buffer.from([0]), leaves[0]), path: [] };
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  const left = index < k;
  const a = tree(leaves.slice(0, k), left ? index : 0);
  const b = tree(leaves.slice(k), left ? 0 : index - k);
  return { root: sha256(Buffer.from([1]), a.root, b.root), path: left ? [...a.path, b.root] : [...b.path, a.root] };
}

export const cap = (value) => sha256(value, sha256('claviger/cap/v1'));

/** Evidence out of a world. Every intermediate may be given by the case in `w.set`. */
export function build(w) {
  const set = w.set ?? {};
  const e = {};
  e.ak = set.ak ?? akPublic(w.ak, w.akOptions);
  e.ek = set.ek ?? (w.noEk ? zeros(0) : ekPublic(w.ek, w.ekOptions));
  const base = { deployment: w.deployment, boot: w.boot };
  const authority = set.authority ?? signed(w.deploymentKey, 'claviger/channel/v1', channelBody({ ...base, role: 1, key: w.authorityKey }));
  const signer = set.signer ?? signed(w.deploymentKey, 'claviger/channel/v1', channelBody({ ...base, role: 2, key: w.signerKey }));
  e.body = set.body ?? cbor({
    1: 4, 2: w.deployment, 3: edPublic(w.deploymentKey), 4: w.boot, 5: w.bootRecord, 6: w.mode, 7: set.akName ?? nameOf(e.ak), 8: set.ekId ?? (e.ek.length ? sha256(e.ek) : zeros(32)),
    9: w.activated, 10: authority, 11: signer, 12: w.tls, 13: w.manifest, 14: w.release, 15: w.singleOperator,
    16: w.genesis, 17: w.attended, 18: w.recoveryKey, 19: w.machine, 20: w.sandboxMissing,
    21: w.siteRoot, 22: w.releaseBase, 23: w.siteBase, 24: w.firstCounter, 25: w.share, 26: w.interpreter, ...(set.bodyMore ?? {}),
  });
  e.body = set.changeBody?.(e.body) ?? e.body;
  const message = Buffer.concat([text(set.nodeLabel ?? 'claviger/node/v1'), e.body]);
  e.node = set.node ?? cbor({ 1: e.body, 2: set.signNode?.(message) ?? crypto.sign(null, message, (set.nodeKey ?? w.deploymentKey).privateKey) });

  const pcrs = set.pcrs ?? replay(w.events);
  if (set.pcrs === undefined) {
    pcrs[13] = sha256(zeros(32), set.commit ?? sha256('claviger/commit/v1', edPublic(w.deploymentKey), w.manifest, w.signerKey));
    pcrs[11] = set.uncapped ? pcrs[11] : cap(pcrs[11]);
  }
  e.pcrs = set.values ?? Buffer.concat(QUOTED.map((pcr) => pcrs[pcr]));

  const leaves = set.leaves ?? [...w.others];
  if (set.leaves === undefined) leaves.splice(w.index, 0, w.nonce);
  const { root, path } = tree(leaves, w.index);
  e.proof = set.proof === undefined ? { 1: w.nonce, 2: w.index, 3: leaves.length, 4: Buffer.concat(path) } : set.proof;

  const extra = set.extra ?? sha256('claviger/quote/v1', set.root ?? root, sha256(set.extraNode ?? e.node));
  const hash = w.signOptions.hash ?? 'sha256';
  const digest = crypto.createHash(hash === 'sha1' ? 'sha256' : hash).update(e.pcrs).digest();
  e.statement = set.statement ?? Buffer.concat([attestHead(w, set.type ?? 0x8018, extra, set.head), quoteBody(set.banks ?? [selection(QUOTED)], set.digest ?? digest), set.tail ?? zeros(0)]);
  e.signature = set.signature ?? tpmSign(set.quoteKey ?? w.ak, e.statement, w.signOptions);

  const nv = (index, attributes, value, policy, more = {}) => {
    const area = nvPublic(index, attributes, policy, more.size);
    const statement = Buffer.concat([attestHead({ ...w, ...(more.world ?? {}) }, more.type ?? 0x8014, more.extra ?? sha256('claviger/nv/v1', w.deployment), more.head),
      sized(more.name ?? nameOf(area)), be16(more.offset ?? 0), sized(value), more.tail ?? zeros(0)]);
    return { 1: more.area ?? area, 2: statement, 3: more.signature ?? tpmSign(more.key ?? w.ak, statement, w.signOptions) };
  };
  e.makeNv = nv;
  const policies = { release: floorPolicy(w, 'claviger/floor/delegate/v2'), site: floorPolicy(w, 'claviger/floor/site/v2') };
  const level = (n) => Buffer.from([0, 0, 0, 0, 0, 0, 9, n]);
  e.nv = set.nv?.(nv, { policies, level, NV_ATTR }) ?? [
    nv(NV.counter, NV_ATTR.counter, be64(w.counter)), nv(NV.release, NV_ATTR.floor, level(w.releaseFloor), policies.release), nv(NV.site, NV_ATTR.floor, level(w.siteFloor), policies.site),
  ];
  e.log = set.log ?? (w.useLog ? logOf(w.events, w.logOptions) : zeros(0));
  return set.whole?.(e) ?? cbor({
    1: 1, 2: e.node, 3: e.ak, 4: e.statement, 5: e.signature, 6: e.pcrs, 7: w.certificates, 8: e.ek, 9: e.nv, 10: e.log,
    ...(e.proof === null ? {} : { 11: e.proof }), ...(w.beacon === undefined ? {} : { 12: w.beacon }), ...(set.more ?? {}),
  });
}

/** The policy that the unchanged world fulfils. */
export function policy(w) {
  const pcrs = replay(w.events);
  const values = (list) => Object.fromEntries(list.map((pcr) => [String(pcr), pcrs[pcr].toString('hex')]));
  return {
    vendor_roots: [pem(w.rootCertificate)], deployment_key: edPublic(w.deploymentKey).toString('hex'),
    releases: [{ name: 'another', sha256: Object.fromEntries([4, 9, 11, 12, 14].map((pcr) => [String(pcr), 'ab'.repeat(32)])) }, { name: 'release 1', sha256: values([4, 9, 11, 12, 14]) }],
    firmwares: [{ name: 'board', sha256: values([0, 2, 7]) }], minimum_tpm_firmware: '0007000200000000', release_floor: 4, site_floor: 2, counter: 300, event_log: w.useLog,
  };
}
