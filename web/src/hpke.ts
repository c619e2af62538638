// SPDX-License-Identifier: Apache-2.0
// HPKE (RFC 9180), mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: as the signer's
// envelopes use it. On WebCrypto alone.
import { concat } from '../../sdk/ts/src/cbor.js';

type Bytes = Uint8Array<ArrayBuffer>;
const own = (bytes: Uint8Array): Bytes => (bytes.buffer instanceof ArrayBuffer ? bytes as Bytes : Uint8Array.from(bytes));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const EMPTY = new Uint8Array();
const KEM = concat(ascii('KEM'), Uint8Array.of(0, 0x20));
const SUITE = concat(ascii('HPKE'), Uint8Array.of(0, 0x20, 0, 1, 0, 2));

async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  // An empty salt is one of zeros; WebCrypto takes no empty key.
  const imported = await crypto.subtle.importKey('raw', own(key.length === 0 ? new Uint8Array(32) : key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, own(data)));
}

async function expand(secret: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array> {
  let block: Uint8Array = EMPTY;
  let out: Uint8Array = EMPTY;
  for (let i = 1; out.length < length; i++) {
    block = await hmac(secret, concat(block, info, Uint8Array.of(i)));
    out = concat(out, block);
  }
  return out.slice(0, length);
}

const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Promise<Uint8Array> =>
  hmac(salt, concat(ascii('HPKE-v1'), suite, ascii(label), ikm));
const labeledExpand = (suite: Uint8Array, secret: Uint8Array, label: string, info: Uint8Array, length: number): Promise<Uint8Array> =>
  expand(secret, concat(Uint8Array.of(length >> 8, length & 255), ascii('HPKE-v1'), suite, ascii(label), info), length);

/** HKDF-SHA256. */
export async function hkdf(salt: Uint8Array, ikm: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array> {
  return expand(await hmac(salt, ikm), info, length);
}

export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', own(concat(...parts))));
}

async function aes(key: Uint8Array, use: 'encrypt' | 'decrypt'): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', own(key), 'AES-GCM', false, [use]);
}

export async function aesOpen(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array = EMPTY): Promise<Uint8Array> {
  const algorithm = { name: 'AES-GCM', iv: own(nonce), additionalData: own(aad) };
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, await aes(key, 'decrypt'), own(sealed)));
}

interface Context {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly exporter: Uint8Array;
}

async function schedule(dh: Uint8Array, enc: Uint8Array, recipient: Uint8Array, info: Uint8Array): Promise<Context> {
  const prk = await labeledExtract(KEM, EMPTY, 'eae_prk', dh);
  const shared = await labeledExpand(KEM, prk, 'shared_secret', concat(enc, recipient), 32);
  const context = concat(Uint8Array.of(0), await labeledExtract(SUITE, EMPTY, 'psk_id_hash', EMPTY), await labeledExtract(SUITE, EMPTY, 'info_hash', info));
  const secret = await labeledExtract(SUITE, shared, 'secret', EMPTY);
  return {
    key: await labeledExpand(SUITE, secret, 'key', context, 32),
    nonce: await labeledExpand(SUITE, secret, 'base_nonce', context, 12),
    exporter: await labeledExpand(SUITE, secret, 'exp', context, 32),
  };
}

export async function newKey(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey('X25519', false, ['deriveBits']) as CryptoKeyPair;
}

export async function rawPublic(key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', key));
}

/** A key for escape copies; the seed is the X25519 private key. */
export async function newEscapeKey(): Promise<{ publicKey: Uint8Array; seed: Uint8Array }> {
  const pair = await crypto.subtle.generateKey('X25519', true, ['deriveBits']) as CryptoKeyPair;
  const seed = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).slice(-32);
  return { publicKey: await rawPublic(pair.publicKey), seed };
}

async function agree(mine: CryptoKey, theirs: Uint8Array): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey('raw', own(theirs), 'X25519', false, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: key }, mine, 256));
}

export interface Sealed {
  readonly enc: Uint8Array;
  /** enc || ciphertext || tag */
  readonly bytes: Uint8Array;
  exportSecret(label: string): Promise<Uint8Array>;
}

/** Seals one message to a public key. */
export async function seal(recipient: Uint8Array, info: Uint8Array, plain: Uint8Array, aad: Uint8Array = EMPTY): Promise<Sealed> {
  const pair = await newKey();
  const enc = await rawPublic(pair.publicKey);
  const context = await schedule(await agree(pair.privateKey, recipient), enc, recipient, info);
  const algorithm = { name: 'AES-GCM', iv: own(context.nonce), additionalData: own(aad) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, await aes(context.key, 'encrypt'), own(plain)));
  return { enc, bytes: concat(enc, sealed), exportSecret: (label) => labeledExpand(SUITE, context.exporter, 'sec', ascii(label), 32) };
}

/** Opens enc || ciphertext || tag with the recipient's pair. */
export async function open(pair: CryptoKeyPair, info: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
  const enc = sealed.slice(0, 32);
  const context = await schedule(await agree(pair.privateKey, enc), enc, await rawPublic(pair.publicKey), info);
  return aesOpen(context.key, context.nonce, sealed.slice(32), aad);
}
