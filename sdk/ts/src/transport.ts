// SPDX-License-Identifier: Apache-2.0
// How a request reaches the signer: in Node over node:https with the signer's own certificate and
// kept connections, elsewhere over fetch. Both read a bounded answer and follow no redirect.
import type { Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { ownError, SignerErrorCode } from './errors.js';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | null;
  readonly body: Uint8Array;
  /** SHA-256 of the server's SubjectPublicKeyInfo, hex; undefined where it cannot be known (browsers). */
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
  return async ({ method, url, headers, signal }) => {
    const https = await import('node:https');
    return new Promise((resolve, reject) => {
      const options = { method, headers, signal, minVersion: 'TLSv1.3' as const, agent: false, ...(ca === undefined ? {} : { ca }) };
      const request = https.request(url, options, (response) => resolve({
        status: response.statusCode ?? 0,
        header: (name) => {
          const value = response.headers[name.toLowerCase()];
          return value === undefined ? null : String(value);
        },
        body: response,
      }));
      request.on('error', reject);
      request.end();
    });
  };
}

export function nodeTransport(ca: string | undefined): Transport {
  let agent: Promise<{ agent: Agent; https: typeof import('node:https'); createHash: typeof import('node:crypto').createHash }> | undefined;
  const open = async () => {
    const [https, { createHash }] = await Promise.all([import('node:https'), import('node:crypto')]);
    const options = { keepAlive: true, minVersion: 'TLSv1.3' as const, ...(ca === undefined ? {} : { ca }) };
    return { agent: new https.Agent(options), https, createHash };
  };
  return async ({ method, url, headers, body, signal }) => {
    const { agent: shared, https, createHash } = await (agent ??= open());
    const data = body === undefined ? undefined : new TextEncoder().encode(body);
    const all = data === undefined ? headers : { ...headers, 'content-length': String(data.length) };
    return new Promise<Answer>((resolve, reject) => {
      const request = https.request(url, { method, agent: shared, headers: all, signal }, (response) => {
        const parts: Uint8Array[] = [];
        let length = 0;
        response.on('data', (part: Uint8Array) => {
          length += part.length;
          if (length > ANSWER_MAX_BYTES) response.destroy(new TooLong());
          else parts.push(part);
        });
        response.on('error', reject);
        const key = (response.socket as TLSSocket).getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
        response.on('end', () => resolve({
          tlsKey: key === undefined ? '' : createHash('sha256').update(key).digest('hex'), // never unknown here
          status: response.statusCode ?? 0,
          header: (name) => {
            const value = response.headers[name.toLowerCase()];
            return value === undefined ? null : String(value);
          },
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
