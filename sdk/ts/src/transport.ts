// SPDX-License-Identifier: Apache-2.0
// How a request reaches the signer: in Node over node:https with the signer's own certificate and
// kept connections (node.ts), elsewhere over fetch. Both read a bounded answer and follow no redirect.
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

/** The connection is not the one that was meant. */
export class OtherKey extends Error {
  constructor() {
    super('the connection has another TLS key than the node that was checked');
  }
}

export class TooLong extends Error {
  constructor() {
    super(`an answer of more than ${ANSWER_MAX_BYTES} bytes`);
  }
}

export function join(parts: readonly Uint8Array[], length: number): Uint8Array {
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

/** Node's part comes when it is needed: what bundlers make for browsers has none (package.json). */
const node = (): Promise<typeof import('./node.js')> => import('./node.js');

/** The transport for where this runs. `ca`: PEM of the certificates to trust, instead of the system's. */
export function defaultTransport(ca: string | undefined): Transport {
  if (isNode()) {
    const made = node().then(({ nodeTransport }) => nodeTransport(ca));
    return async (request) => (await made)(request);
  }
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
      return { status: response.status, header: (name) => response.headers.get(name), body: partsOf(response) };
    };
  }
  const made = node().then(({ nodeStreams }) => nodeStreams(ca));
  return async (request) => (await made)(request);
}

/** Of an answer of fetch; Safari's streams are no async iterables. */
async function* partsOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  try {
    for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) yield next.value;
  } finally {
    await reader?.cancel();
  }
}

const fetchTransport: Transport = async ({ method, url, headers, body, signal }) => {
  const response = await fetch(url, {
    method, headers, signal, redirect: 'error', credentials: 'omit', cache: 'no-store',
    ...(body === undefined ? {} : { body }),
  });
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of partsOf(response)) {
    length += part.length;
    if (length > ANSWER_MAX_BYTES) throw new TooLong();
    parts.push(part);
  }
  return { status: response.status, header: (name) => response.headers.get(name), body: join(parts, length) };
};
