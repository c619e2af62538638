// SPDX-License-Identifier: Apache-2.0
// How a request reaches the signer: in Node over node:https with the signer's own certificate and
// kept connections, elsewhere over fetch. Both read a bounded answer and follow no redirect.
import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { ownError, SignerErrorCode } from './errors.js';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** The TLS key that the connection must have, as in Answer: else nothing is sent, and it rejects with OtherKey. Browsers do not know it. */
  readonly tlsKey?: string | undefined;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | null;
  readonly body: Uint8Array;
  /** SHA-256 of the server's SubjectPublicKeyInfo, hex; undefined where it cannot be known (browsers): then nothing ties who answers to the evidence. */
  readonly tlsKey?: string | undefined;
}

/** Sends one request. Rejects when no whole answer came; must honour `signal`. */
export type Transport = (request: Request) => Promise<Answer>;

export interface Stream {
  readonly status: number;
  header(name: string): string | null;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends one request whose answer comes bit by bit. */
export type StreamTransport = (request: Request) => Promise<Stream>;

/** Longest answer that is read: the signer's own bound for a page of receipts, and more. */
export const ANSWER_MAX_BYTES = 2 * 1024 * 1024;

/** A stream that says nothing for so long is dead: the signer sends a line at least every 15 s. */
const QUIET_MAX_MS = 60_000;

/** The connection is not the one that was meant. */
export class OtherKey extends Error {
  constructor() {
    super('the connection has another TLS key than the node that was checked');
  }
}

class TooLong extends Error {
  constructor() {
    super(`an answer of more than ${ANSWER_MAX_BYTES} bytes`);
  }
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string';
}

/** The transport for where this runs. `ca`: PEM of the certificates to trust, instead of the system's. */
export function defaultTransport(ca: string | undefined): Transport {
  if (isNode()) return nodeTransport(ca);
  if (ca !== undefined) {
    throw ownError(SignerErrorCode.CONFIG_ERROR, 'config',
      '"ca" works in Node only: a browser trusts what its system trusts');
  }
  return fetchTransport;
}

/** The same for streams. */
export function defaultStreams(ca: string | undefined): StreamTransport {
  if (!isNode()) {
    return async ({ method, url, headers, signal }) => {
      const response = await fetch(url, { method, headers, signal, redirect: 'error', credentials: 'omit', cache: 'no-store' });
      return { status: response.status, header: (name) => response.headers.get(name), body: response.body as unknown as AsyncIterable<Uint8Array> };
    };
  }
  const open = tlsOf(ca);
  return async ({ method, url, headers, signal, tlsKey }) => {
    const { https, options } = await open;
    return new Promise((resolve, reject) => {
      const request = https.request(url, { ...options(tlsKey), method, headers, signal, agent: false }, (response) =>
        resolve({ status: response.statusCode ?? 0, header: headerOf(response), body: response }));
      request.setTimeout(QUIET_MAX_MS, () => request.destroy(new Error('nothing came for a minute')));
      request.on('error', reject);
      request.end();
    });
  };
}

const headerOf = (response: IncomingMessage) => (name: string): string | null => {
  const value = response.headers[name.toLowerCase()];
  return value === undefined ? null : String(value);
};

// Node's modules, and the options of a connection. A browser must not load this.
async function tlsOf(ca: string | undefined) {
  const [https, tls, { createHash, X509Certificate }] = await Promise.all([import('node:https'), import('node:tls'), import('node:crypto')]);
  const keyOf = (certificate: InstanceType<typeof X509Certificate>) =>
    createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex');
  const options = (tlsKey: string | undefined) => ({
    minVersion: 'TLSv1.3' as const,
    rejectUnauthorized: true, // said, since else NODE_TLS_REJECT_UNAUTHORIZED decides
    ...(ca === undefined ? {} : { ca }),
    // Asked at the end of the handshake, before anything is sent.
    ...(tlsKey === undefined ? {} : {
      checkServerIdentity: (host: string, peer: PeerCertificate) =>
        tls.checkServerIdentity(host, peer) ?? (keyOf(new X509Certificate(peer.raw)) === tlsKey ? undefined : new OtherKey()),
    }),
  });
  return { https, keyOf, options };
}

export function nodeTransport(ca: string | undefined): Transport {
  const open = tlsOf(ca);
  const agents = new Map<string | undefined, Agent>(); // kept connections, by the TLS key that they had to show
  const shown = new WeakMap<object, string>(); // what each showed: Node forgets the certificate after the first answer
  return async ({ method, url, headers, body, signal, tlsKey }) => {
    const { https, keyOf, options } = await open;
    const agent = agents.get(tlsKey) ?? new https.Agent({ ...options(tlsKey), keepAlive: true });
    agents.set(tlsKey, agent);
    const data = body === undefined ? undefined : new TextEncoder().encode(body);
    const all = data === undefined ? headers : { ...headers, 'content-length': String(data.length) };
    return new Promise<Answer>((resolve, reject) => {
      const request = https.request(url, { method, agent, headers: all, signal }, (response) => {
        const parts: Uint8Array[] = [];
        let length = 0;
        response.on('data', (part: Uint8Array) => {
          length += part.length;
          if (length > ANSWER_MAX_BYTES) response.destroy(new TooLong());
          else parts.push(part);
        });
        response.on('error', reject);
        const socket = response.socket as TLSSocket;
        const certificate = socket.getPeerX509Certificate();
        if (!shown.has(socket)) shown.set(socket, certificate === undefined ? '' : keyOf(certificate)); // never unknown here
        response.on('end', () => resolve({
          tlsKey: shown.get(socket),
          status: response.statusCode ?? 0,
          header: headerOf(response),
          body: join(parts, length),
        }));
      });
      request.on('error', reject);
      request.end(data);
    });
  };
}

const fetchTransport: Transport = async ({ method, url, headers, body, signal }) => {
  const response = await fetch(url, {
    method, headers, signal, redirect: 'error', credentials: 'omit', cache: 'no-store',
    ...(body === undefined ? {} : { body }),
  });
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (; reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > ANSWER_MAX_BYTES) {
      await reader.cancel();
      throw new TooLong();
    }
    parts.push(value);
  }
  return { status: response.status, header: (name) => response.headers.get(name), body: join(parts, length) };
};
