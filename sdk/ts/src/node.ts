// SPDX-License-Identifier: Apache-2.0
// Node's part of transport.ts. What is built for browsers has an empty file in its place.
import { createHash, X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import https, { type Agent, type AgentOptions } from 'node:https';
import tls, { type PeerCertificate, type TLSSocket } from 'node:tls';
import { ANSWER_MAX_BYTES, join, OtherKey, TooLong, type Answer, type StreamTransport, type Transport } from './transport.js';

/** A stream that says nothing for so long is dead: the signer sends a line at least every 15 s. */
const QUIET_MAX_MS = 60_000;

const headerOf = (response: IncomingMessage) => (name: string): string | null => {
  const value = response.headers[name.toLowerCase()];
  return value === undefined ? null : String(value);
};

const keyOf = (certificate: X509Certificate): string =>
  createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex');

/** Of a connection that must have this TLS key, if one is named. */
const optionsOf = (ca: string | undefined) => (tlsKey: string | undefined): AgentOptions => ({
  minVersion: 'TLSv1.3',
  rejectUnauthorized: true, // said, since else NODE_TLS_REJECT_UNAUTHORIZED decides
  ...(ca === undefined ? {} : { ca }),
  // Asked at the end of the handshake, before anything is sent.
  ...(tlsKey === undefined ? {} : {
    checkServerIdentity: (host: string, peer: PeerCertificate) =>
      tls.checkServerIdentity(host, peer) ?? (keyOf(new X509Certificate(peer.raw)) === tlsKey ? undefined : new OtherKey()),
  }),
});

export function nodeStreams(ca: string | undefined): StreamTransport {
  const options = optionsOf(ca);
  return async ({ method, url, headers, signal, tlsKey }) =>
    new Promise((resolve, reject) => {
      const request = https.request(url, { ...options(tlsKey), method, headers, signal, agent: false }, (response) =>
        resolve({ status: response.statusCode ?? 0, header: headerOf(response), body: response }));
      request.setTimeout(QUIET_MAX_MS, () => request.destroy(new Error('nothing came for a minute')));
      request.on('error', reject);
      request.end();
    });
}

export function nodeTransport(ca: string | undefined): Transport {
  const options = optionsOf(ca);
  const agents = new Map<string | undefined, Agent>(); // kept connections, by the TLS key that they had to show
  const shown = new WeakMap<object, string>(); // what each showed: Node forgets the certificate after the first answer
  return async ({ method, url, headers, body, signal, tlsKey }) => {
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
