// SPDX-License-Identifier: Apache-2.0
// Is this the signer that its user means? Checked before the first request and again after each restart
// of the signer, before anything else is sent.
import * as cbor from './cbor.js';
import type { Channel } from './client.js';
import { ownError, SignerErrorCode } from './errors.js';
import { toHex } from './bytes.js';

export interface TrustContext {
  readonly channel: Channel;
  readonly url: URL;
}

/** What a client pins. */
export interface Trust {
  /** The deployment's key, 64 hex digits, from `claviger status` on a machine that is trusted. */
  readonly deploymentKey: string;
  /** More to check, for instance evidence of the machine; throws or rejects to refuse. */
  readonly verify?: ((context: TrustContext) => void | Promise<void>) | undefined;
}

function refuse(message: string, cause?: unknown): never {
  throw ownError(SignerErrorCode.NOT_AVAILABLE, 'signer_untrusted', message, cause);
}

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function verifies(key: Uint8Array, label: string, body: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const imported = await crypto.subtle.importKey('raw', key as Uint8Array<ArrayBuffer>, 'Ed25519', false, ['verify']);
  const signed = cbor.concat(new TextEncoder().encode(label), body);
  return crypto.subtle.verify('Ed25519', imported, signature as Uint8Array<ArrayBuffer>, signed as Uint8Array<ArrayBuffer>);
}

/** Opens a channel certificate (spec/authorization.md section 4) and returns its X25519 key. */
export async function openCertificate(certificate: Uint8Array, channel: Channel, role: 1 | 2): Promise<Uint8Array> {
  try {
    const statement = cbor.decode(certificate);
    if (!(statement instanceof cbor.CborMap) || statement.entries.length !== 2) refuse('a channel certificate is no statement');
    const [body, signature] = [statement.get(1), statement.get(2)];
    if (!(body instanceof Uint8Array) || !(signature instanceof Uint8Array) || signature.length !== 64)
      refuse('a channel certificate is no statement');
    if (!await verifies(hex(channel.deploymentKey), 'claviger/channel/v1', body, signature))
      refuse('a channel certificate is not signed by the deployment key');
    const inside = cbor.decode(body);
    if (!(inside instanceof cbor.CborMap) || inside.entries.length !== 5 || inside.get(1) !== 1n)
      refuse('a channel certificate of another version');
    const [deployment, boot, kind, key] = [2, 3, 4, 5].map((name) => inside.get(name));
    if (!(deployment instanceof Uint8Array) || toHex(deployment) !== channel.deployment || boot !== channel.boot ||
        kind !== BigInt(role) || !(key instanceof Uint8Array) || key.length !== 32)
      refuse('a channel certificate of another deployment, boot or role');
    return key;
  } catch (error) {
    if (error instanceof cbor.CborError) refuse('a channel certificate is not CBOR', error);
    throw error;
  }
}

/**
 * The channel must name the pinned key, and whoever answers must have certificates of this boot under it.
 * That shows whose deployment speaks, not what machine it runs on: the certificates are public, so it is the
 * TLS certificate (`ca`) and `verify` that keep a relay out. Signatures need neither: each is checked
 * against the wallet's address.
 */
export async function checkTrust(trust: Trust, channel: Channel, url: URL): Promise<void> {
  if (channel.deploymentKey !== trust.deploymentKey)
    refuse(`another deployment: key ${channel.deploymentKey}, wanted ${trust.deploymentKey}`);
  if (channel.certificates.authority === null || channel.certificates.signer === null)
    refuse('the signer shows no channel certificates yet');
  await openCertificate(channel.certificates.authority, channel, 1);
  await openCertificate(channel.certificates.signer, channel, 2);
  await trust.verify?.({ channel, url });
}
