// SPDX-License-Identifier: Apache-2.0
// TPM2_MakeCredential by WebCrypto: a secret that comes back only from the TPM that holds both an endorsement key and a
// key of a given name (TCG TPM 2.0 Library, part 1, section 24 and annexes B.10.4, C.6.4). The twin of
// lib/keys/keys_credential.c.
import { concat, FormError, hex, own, same, text } from './bytes.js';
import { takeEvidence } from './form.js';
import { isAttestationKey, isEndorsementKey, takePublic, type Public } from './tpm.js';

/** What TPM2_ActivateCredential takes: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET, both without their lengths. */
export interface Credential {
  readonly credential: Uint8Array;
  readonly secret: Uint8Array;
}

/** The keys are not of the usual templates, or the secret did not come back. */
export class ActivationError extends Error {}

const LABEL = concat(text('IDENTITY'), Uint8Array.of(0));
const ONE = Uint8Array.of(0, 0, 0, 1);

interface Strength {
  readonly hash: 'SHA-256' | 'SHA-384';
  readonly seed: number;
}

/** Of an endorsement key's template: everything goes by the digest of its name. */
const strengthOf = (ek: Public): Strength =>
  ek.nameAlgorithm === 0x000c ? { hash: 'SHA-384', seed: 48 } : { hash: 'SHA-256', seed: 32 };

async function hmac(key: Uint8Array, hash: string, ...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', own(key), { name: 'HMAC', hash }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, own(concat(...parts))));
}

/** KDFa (part 1, section 11.4.10.2): one block of it. */
async function kdfa(seed: Uint8Array, hash: string, label: string, context: Uint8Array, bits: number): Promise<Uint8Array> {
  const made = await hmac(seed, hash, ONE, text(label), Uint8Array.of(0), context, Uint8Array.of(0, 0, bits >> 8, bits & 255));
  return made.subarray(0, bits / 8);
}

/** AES-CFB under a zero vector. WebCrypto has no CFB: each block is one block of CTR that begins at the one before. */
async function aesCfb(key: Uint8Array, plain: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', own(key), 'AES-CTR', false, ['encrypt']);
  const out = new Uint8Array(plain.length);
  let counter = new Uint8Array(16);
  for (let at = 0; at < plain.length; at += 16) {
    const block = own(plain.subarray(at, at + 16));
    const made = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 128 }, imported, block));
    out.set(made, at);
    counter = made;
  }
  return out;
}

/** The seed that only the TPM gets back, and what it gets it from. */
async function makeSeed(ek: Public, strength: Strength): Promise<{ seed: Uint8Array; encrypted: Uint8Array }> {
  if (ek.key.kind === 'RSA') {
    const key = await crypto.subtle.importKey('spki', own(ek.key.spki), { name: 'RSA-OAEP', hash: strength.hash }, false, ['encrypt']);
    const seed = crypto.getRandomValues(new Uint8Array(strength.seed));
    const encrypted = await crypto.subtle.encrypt({ name: 'RSA-OAEP', label: own(LABEL) }, key, seed);
    return { seed, encrypted: new Uint8Array(encrypted) };
  }
  const curve = { name: 'ECDH', namedCurve: ek.key.curve };
  const { field } = ek.key;
  const theirs = ek.key.spki.subarray(-2 * field);
  const key = await crypto.subtle.importKey('spki', own(ek.key.spki), curve, false, []);
  const made = await crypto.subtle.generateKey(curve, false, ['deriveBits']);
  const shared = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: key }, made.privateKey, 8 * field));
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', made.publicKey));
  const [x, y] = [point.subarray(1, 1 + field), point.subarray(1 + field)];
  // KDFe (part 1, section 11.4.10.3): one block.
  const seed = new Uint8Array(await crypto.subtle.digest(strength.hash, own(concat(ONE, shared, LABEL, x, theirs.subarray(0, field)))));
  return { seed, encrypted: concat(Uint8Array.of(0, field), x, Uint8Array.of(0, field), y) };
}

/** The secret under a seed and a name: a TPM2B_ID_OBJECT without its length. The same seed gives the same bytes. */
export async function sealCredential(seed: Uint8Array, hash: 'SHA-256' | 'SHA-384', name: Uint8Array, secret: Uint8Array): Promise<Uint8Array> {
  const storage = await kdfa(seed, hash, 'STORAGE', name, hash === 'SHA-384' ? 256 : 128);
  const integrity = await kdfa(seed, hash, 'INTEGRITY', new Uint8Array(), 8 * seed.length);
  const encrypted = await aesCfb(storage, concat(Uint8Array.of(0, secret.length), secret));
  return concat(Uint8Array.of(0, seed.length), await hmac(integrity, hash, encrypted, name), encrypted);
}

/**
 * Seals a secret of 1 to 32 bytes to the TPM of an endorsement key (its TPMT_PUBLIC, of a template of the TCG EK
 * Credential Profile) for a key of that name in it.
 */
export async function makeCredential(endorsementKey: Uint8Array, name: Uint8Array, secret: Uint8Array): Promise<Credential> {
  const ek = await takePublic(endorsementKey).catch((error: unknown) => {
    throw error instanceof FormError ? new ActivationError('this is no endorsement key') : error;
  });
  if (!isEndorsementKey(ek)) throw new ActivationError('this is no endorsement key of the usual templates');
  if (secret.length === 0 || secret.length > 32) throw new ActivationError('a secret has 1 to 32 bytes');
  const strength = strengthOf(ek);
  const { seed, encrypted } = await makeSeed(ek, strength);
  return { credential: await sealCredential(seed, strength.hash, name, secret), secret: encrypted };
}

/**
 * Shows, interactively, that the key which signs this evidence lies in the TPM of the endorsement key beside it: `ask` has
 * the node's TPM open a credential (POST /api/v1/evidence/activate). Gives the AK's name, hex, for `aks` of a policy.
 * Nothing else of the evidence is judged here; verifyEvidence does that, with this name.
 */
export async function activate(evidence: Uint8Array, ask: (credential: Credential) => Promise<Uint8Array>): Promise<string> {
  let ak: Public;
  let endorsementKey: Uint8Array;
  try {
    const taken = takeEvidence(evidence);
    ak = await takePublic(taken.ak);
    endorsementKey = taken.ek;
  } catch (error) {
    throw error instanceof FormError ? new ActivationError('this is no evidence') : error;
  }
  if (endorsementKey.length === 0) throw new ActivationError('this TPM shows no endorsement key: nothing to activate');
  if (!isAttestationKey(ak)) throw new ActivationError('the key may sign bytes that the TPM did not make');
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const back = await ask(await makeCredential(endorsementKey, ak.name, secret));
  if (!same(back, secret)) throw new ActivationError('the secret did not come back: this attestation key is not in the TPM of that endorsement key');
  return hex(ak.name);
}
