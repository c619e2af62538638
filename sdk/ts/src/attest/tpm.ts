// SPDX-License-Identifier: Apache-2.0
// A TPM's own structures, strictly: the twin of lib/attest/attest_tpm.c (TCG TPM 2.0 Library, part 2).
import { concat, FormError, own, Reader, sha256 } from './bytes.js';
import { refuse } from './refusal.js';

export const MAGIC = 0xff544347;
export const TYPE_NV = 0x8014;
export const TYPE_QUOTE = 0x8018;

const ALG = {
  RSA: 0x0001, SHA1: 0x0004, AES: 0x0006, SHA256: 0x000b, SHA384: 0x000c, SHA512: 0x000d, NULL: 0x0010, RSASSA: 0x0014,
  RSAPSS: 0x0016, ECDSA: 0x0018, ECC: 0x0023, CFB: 0x0043,
} as const;
const DIGEST_LENGTHS = new Map<number, number>([[ALG.SHA1, 20], [ALG.SHA256, 32], [ALG.SHA384, 48], [ALG.SHA512, 64]]);
const HASH_NAMES = new Map<number, string>([[ALG.SHA256, 'SHA-256'], [ALG.SHA384, 'SHA-384'], [ALG.SHA512, 'SHA-512']]);
const CURVES = new Map<number, { name: string; field: number; oid: readonly number[] }>([
  [0x0003, { name: 'P-256', field: 32, oid: [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] }],
  [0x0004, { name: 'P-384', field: 48, oid: [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22] }],
]);

export const digestLength = (algorithm: number): number => DIGEST_LENGTHS.get(algorithm) ?? 0;

export interface Bank {
  readonly algorithm: number;
  readonly mask: number;
}

export function takeSelection(r: Reader): Bank[] {
  const count = r.u32();
  if (count > 16) throw new FormError();
  const banks: Bank[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = r.u16();
    const bits = r.run(r.u8());
    if (bits.length > 4 || (bits.length === 4 && bits[3] !== 0) || digestLength(algorithm) === 0 ||
        banks.some((bank) => bank.algorithm === algorithm)) throw new FormError();
    let mask = 0;
    for (let j = 0; j < Math.min(bits.length, 3); j++) mask |= bits[j]! << (8 * j);
    banks.push({ algorithm, mask });
  }
  return banks;
}

export interface Statement {
  readonly extra: Uint8Array;
  readonly clockMs: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly clockSafe: boolean;
  readonly firmware: bigint;
  readonly selection: readonly Bank[];
  readonly pcrDigest: Uint8Array;
  readonly nvName: Uint8Array;
  readonly nvOffset: number;
  readonly nvData: Uint8Array;
}

const NONE = new Uint8Array();

/** TPMS_ATTEST of the kind that is asked for; refuses as magic, type, form or tail. */
export function takeStatement(bytes: Uint8Array, type: number): Statement {
  const r = new Reader(bytes);
  try {
    if (bytes.length > 1024) refuse('form');
    if (r.u32() !== MAGIC) refuse('magic');
    if (r.u16() !== type) refuse('type');
    r.sized(34 + 64);
    const extra = r.sized(64);
    const clockMs = r.u64();
    const resetCount = r.u32();
    const restartCount = r.u32();
    const safe = r.u8();
    if (safe > 1) throw new FormError();
    const firmware = r.u64();
    const base = { extra, clockMs, resetCount, restartCount, clockSafe: safe === 1, firmware };
    let statement: Statement;
    if (type === TYPE_QUOTE) {
      statement = { ...base, selection: takeSelection(r), pcrDigest: r.sized(64), nvName: NONE, nvOffset: 0, nvData: NONE };
    } else {
      statement = { ...base, selection: [], pcrDigest: NONE, nvName: r.sized(34), nvOffset: r.u16(), nvData: r.sized(64) };
    }
    if (r.left !== 0) refuse('tail');
    return statement;
  } catch (error) {
    if (error instanceof FormError) refuse('form');
    throw error;
  }
}

/** DER: a tag, a length in shortest form, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concat(...contents);
  const len = body.length;
  const head = len < 128 ? [len] : len < 256 ? [0x81, len] : [0x82, len >> 8, len & 255];
  return concat(Uint8Array.of(tag, ...head), body);
}

function derInteger(bytes: Uint8Array): Uint8Array {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const body = bytes.subarray(at);
  return der(0x02, body[0]! >= 0x80 ? Uint8Array.of(0) : NONE, body);
}

/** What WebCrypto needs to verify with a key, and its SubjectPublicKeyInfo to compare it by. */
export interface PublicKey {
  readonly kind: 'EC' | 'RSA';
  readonly curve: string;
  readonly field: number;
  readonly spki: Uint8Array;
}

const OID_EC = Uint8Array.of(0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
const OID_RSA = Uint8Array.of(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00);

export interface Public {
  readonly attributes: number;
  readonly nameAlgorithm: number;
  readonly policy: Uint8Array;
  readonly symmetric: readonly number[];
  readonly scheme: number;
  readonly type: number;
  readonly curve: number;
  readonly rsaBits: number;
  readonly key: PublicKey;
  /** 000b and SHA-256 of the whole: computed, never read. */
  readonly name: Uint8Array;
}

function pad(bytes: Uint8Array, len: number): Uint8Array {
  if (bytes.length > len) throw new FormError();
  return concat(new Uint8Array(len - bytes.length), bytes);
}

async function ecKey(curve: number, x: Uint8Array, y: Uint8Array): Promise<PublicKey> {
  const known = CURVES.get(curve);
  if (known === undefined) throw new FormError();
  const point = concat(Uint8Array.of(4), pad(x, known.field), pad(y, known.field));
  const spki = der(0x30, der(0x30, OID_EC, Uint8Array.from(known.oid)), der(0x03, Uint8Array.of(0), point));
  try {
    await crypto.subtle.importKey('raw', own(point), { name: 'ECDSA', namedCurve: known.name }, false, ['verify']);
  } catch {
    throw new FormError(); // not on the curve
  }
  return { kind: 'EC', curve: known.name, field: known.field, spki };
}

function rsaKey(bits: number, exponent: number, modulus: Uint8Array): PublicKey {
  const top = modulus.findIndex((byte) => byte !== 0);
  const long = top < 0 ? 0 : (modulus.length - top) * 8 - Math.clz32(modulus[top]!) + 24;
  if (modulus.length * 8 !== bits || long < 2048 || long > 4096 || modulus[modulus.length - 1]! % 2 === 0) throw new FormError();
  const value = exponent === 0 ? 65537 : exponent;
  if (value % 2 === 0 || value < 3) throw new FormError();
  const bytes = Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  const inner = der(0x30, derInteger(modulus), derInteger(bytes));
  return { kind: 'RSA', curve: '', field: 0, spki: der(0x30, der(0x30, OID_RSA), der(0x03, Uint8Array.of(0), inner)) };
}

/** TPMT_PUBLIC of an ECC or RSA key; FormError for anything else. */
export async function takePublic(bytes: Uint8Array): Promise<Public> {
  if (bytes.length > 640) throw new FormError();
  const r = new Reader(bytes);
  const type = r.u16();
  const nameAlgorithm = r.u16();
  const attributes = r.u32();
  const policy = r.sized(64);
  if ((type !== ALG.ECC && type !== ALG.RSA) || (nameAlgorithm !== ALG.SHA256 && nameAlgorithm !== ALG.SHA384)) throw new FormError();
  const symmetric = [r.u16()];
  if (symmetric[0] !== ALG.NULL) {
    if (symmetric[0] !== ALG.AES) throw new FormError();
    symmetric.push(r.u16(), r.u16());
  }
  const scheme = r.u16();
  if (scheme !== ALG.NULL) {
    if (scheme !== ALG.ECDSA && scheme !== ALG.RSASSA && scheme !== ALG.RSAPSS) throw new FormError();
    r.u16();
  }
  let key: PublicKey;
  let curve = 0;
  let rsaBits = 0;
  if (type === ALG.ECC) {
    curve = r.u16();
    if (r.u16() !== ALG.NULL) throw new FormError();
    const x = r.sized(48);
    const y = r.sized(48);
    r.done();
    key = await ecKey(curve, x, y);
  } else {
    rsaBits = r.u16();
    const exponent = r.u32();
    const modulus = r.sized(512);
    r.done();
    key = rsaKey(rsaBits, exponent, modulus);
  }
  const name = nameAlgorithm === ALG.SHA256 ? concat(Uint8Array.of(0, 0x0b), await sha256(bytes)) : new Uint8Array(34);
  return { attributes, nameAlgorithm, policy, symmetric, scheme, type, curve, rsaBits, key, name };
}

const ATTR = {
  fixedTpm: 1 << 1, fixedParent: 1 << 4, sensitiveOrigin: 1 << 5, adminWithPolicy: 1 << 7, restricted: 1 << 16, decrypt: 1 << 17,
  sign: 1 << 18,
} as const;
// PolicySecret(endorsement); and that or a policy in NV, in both digests (TCG EK Credential Profile 2.3).
const EK_POLICY = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
const EK_POLICY_HIGH = 'ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0';
const EK_POLICY_HIGH_384 = 'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12';
const USER_WITH_AUTH = 0x40;

export function isAttestationKey(key: Public): boolean {
  const all = ATTR.fixedTpm | ATTR.fixedParent | ATTR.sensitiveOrigin | ATTR.restricted | ATTR.sign;
  return (key.attributes & (all | ATTR.decrypt)) === all && key.nameAlgorithm === ALG.SHA256;
}

/** A template of the TCG EK Credential Profile (L-1, L-2, H-1, H-2, H-3, H-6), in all but the key itself. */
export function isEndorsementKey(key: Public): boolean {
  const low = ATTR.fixedTpm | ATTR.fixedParent | ATTR.sensitiveOrigin | ATTR.adminWithPolicy | ATTR.restricted | ATTR.decrypt;
  const policy = Array.from(key.policy, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const is384 = key.nameAlgorithm === ALG.SHA384;
  const isHigh = key.attributes === (low | USER_WITH_AUTH);
  if ((!isHigh && (is384 || key.attributes !== low)) || (!is384 && key.nameAlgorithm !== ALG.SHA256)) return false;
  return policy === (is384 ? EK_POLICY_HIGH_384 : isHigh ? EK_POLICY_HIGH : EK_POLICY) &&
    key.symmetric.join() === [ALG.AES, is384 ? 256 : 128, ALG.CFB].join() && key.scheme === ALG.NULL &&
    (key.type === ALG.RSA ? key.rsaBits === (is384 ? 3072 : 2048) : key.curve === (is384 ? 4 : 3));
}

export interface Signature {
  readonly scheme: number;
  readonly hash: number;
  readonly bytes: Uint8Array;
}

function field(number: Uint8Array, len: number): Uint8Array {
  let at = 0;
  while (at < number.length && number[at] === 0) at++;
  return pad(number.subarray(at), len);
}

/** TPMT_SIGNATURE for a key of that kind; FormError for anything else. */
export function takeSignature(bytes: Uint8Array, key: PublicKey): Signature {
  const r = new Reader(bytes);
  const scheme = r.u16();
  const hash = r.u16();
  if (!HASH_NAMES.has(hash)) throw new FormError();
  let signature: Uint8Array;
  if (scheme === ALG.ECDSA && key.kind === 'EC') {
    const first = r.sized(48);
    const second = r.sized(48);
    signature = concat(field(first, key.field), field(second, key.field));
  } else if ((scheme === ALG.RSASSA || scheme === ALG.RSAPSS) && key.kind === 'RSA') {
    signature = r.sized(512);
  } else {
    throw new FormError();
  }
  r.done();
  return { scheme, hash, bytes: signature };
}

export async function checkSignature(signature: Signature, key: PublicKey, message: Uint8Array): Promise<boolean> {
  const hash = HASH_NAMES.get(signature.hash)!;
  const spki = own(key.spki);
  const [data, bytes] = [own(message), own(signature.bytes)];
  try {
    if (key.kind === 'EC') {
      const imported = await crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: key.curve }, false, ['verify']);
      return await crypto.subtle.verify({ name: 'ECDSA', hash }, imported, bytes, data);
    }
    const name = signature.scheme === ALG.RSASSA ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS';
    const imported = await crypto.subtle.importKey('spki', spki, { name, hash }, false, ['verify']);
    if (name === 'RSASSA-PKCS1-v1_5') return await crypto.subtle.verify(name, imported, bytes, data);
    // TPMs take the digest's length or the longest that fits.
    const longest = signature.bytes.length - digestLength(signature.hash) - 2;
    for (const saltLength of [digestLength(signature.hash), longest])
      if (saltLength >= 0 && (await crypto.subtle.verify({ name, saltLength }, imported, bytes, data))) return true;
    return false;
  } catch {
    return false;
  }
}

export interface NvPublic {
  readonly index: number;
  readonly attributes: number;
  readonly policy: Uint8Array;
  readonly size: number;
  readonly name: Uint8Array;
}

/** TPMS_NV_PUBLIC; FormError for anything else. */
export async function takeNvPublic(bytes: Uint8Array): Promise<NvPublic> {
  const r = new Reader(bytes);
  const index = r.u32();
  if (r.u16() !== ALG.SHA256) throw new FormError();
  const attributes = r.u32();
  const policy = r.sized(64);
  const size = r.u16();
  r.done();
  return { index, attributes, policy, size, name: concat(Uint8Array.of(0, 0x0b), await sha256(bytes)) };
}
