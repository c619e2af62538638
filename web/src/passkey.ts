// SPDX-License-Identifier: Apache-2.0
// WebAuthn as the signer wants it: user verification, no attestation, and of extensions none but the credProtect that
// Chromium adds for security keys.
import { concat } from '../../sdk/ts/src/cbor.js';
import { sha256 } from './hpke.js';

export const ES256 = 2;
export const ED25519 = 3;

export interface Passkey {
  readonly kind: number;
  readonly rawId: Uint8Array;
}

export interface Registered extends Passkey {
  /** x || y, or the Ed25519 key. */
  readonly publicKey: Uint8Array;
  readonly authData: Uint8Array;
  readonly clientData: Uint8Array;
}

export interface Assertion {
  readonly rawId: Uint8Array;
  readonly signature: Uint8Array;
  readonly authData: Uint8Array;
  readonly clientData: Uint8Array;
}

const TIMEOUT_MS = 110_000; // the signer's nonce lives 120 s
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

/** The id that the signer knows a passkey by. */
export function passkeyId(rawId: Uint8Array): Promise<Uint8Array> {
  return sha256(new TextEncoder().encode('claviger/passkey/v1'), rawId);
}

/** `known`: passkeys of the wallet; the device that has one of them makes no second one. */
export async function register(rpId: string, name: string, challenge: Uint8Array, known: readonly Uint8Array[] = []): Promise<Registered> {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { id: rpId, name: 'Claviger' },
      user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
      challenge: own(challenge),
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }, { type: 'public-key', alg: -8 }],
      authenticatorSelection: { userVerification: 'required', residentKey: 'required' },
      attestation: 'none',
      excludeCredentials: known.map((id) => ({ type: 'public-key' as const, id: own(id) })),
      timeout: TIMEOUT_MS,
    },
  }) as PublicKeyCredential | null;
  if (made === null) throw new Error('no passkey was made');
  const response = made.response as AuthenticatorAttestationResponse;
  const spki = new Uint8Array(response.getPublicKey() ?? new ArrayBuffer(0));
  const isEs256 = response.getPublicKeyAlgorithm() === -7;
  return {
    kind: isEs256 ? ES256 : ED25519,
    rawId: new Uint8Array(made.rawId),
    publicKey: spki.slice(isEs256 ? -64 : -32),
    authData: new Uint8Array(response.getAuthenticatorData()),
    clientData: new Uint8Array(response.clientDataJSON),
  };
}

/** `only`: the passkeys that may answer; empty: whichever the user picks. */
export async function assert(rpId: string, challenge: Uint8Array, only: readonly Uint8Array[] = []): Promise<Assertion> {
  const got = await navigator.credentials.get({
    publicKey: {
      rpId,
      challenge: own(challenge),
      userVerification: 'required',
      allowCredentials: only.map((id) => ({ type: 'public-key' as const, id: own(id) })),
      timeout: TIMEOUT_MS,
    },
  }) as PublicKeyCredential | null;
  if (got === null) throw new Error('no passkey answered');
  const response = got.response as AuthenticatorAssertionResponse;
  return {
    rawId: new Uint8Array(got.rawId),
    signature: new Uint8Array(response.signature),
    authData: new Uint8Array(response.authenticatorData),
    clientData: new Uint8Array(response.clientDataJSON),
  };
}

/** What kind of key made a signature: Ed25519 writes 64 bytes, ES256 DER of 70 or so; 64 are less likely than 2^-40. */
export function kindOf(signature: Uint8Array): number {
  return signature.length === 64 ? ED25519 : ES256;
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
export { concat };
