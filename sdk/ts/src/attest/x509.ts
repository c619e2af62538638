// SPDX-License-Identifier: Apache-2.0
// Certificate chains of TPM makers: as much of X.509 (RFC 5280) as leads from an endorsement key's certificate to
// a root that the policy names, and nothing that it does not understand.
import { FormError, own, Reader, same } from './bytes.js';
import { refuse } from './refusal.js';

interface Item {
  readonly tag: number;
  readonly body: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** One DER item, definite and in shortest form. */
function take(r: Reader, from: Uint8Array): Item {
  const begin = r.at;
  const tag = r.u8();
  if ((tag & 31) === 31) throw new FormError();
  let len = r.u8();
  if (len >= 0x80) {
    const count = len & 127;
    if (count === 0 || count > 3) throw new FormError();
    len = 0;
    for (const byte of r.run(count)) len = len * 256 + byte;
    if (len < 128 || len < 2 ** (8 * (count - 1))) throw new FormError();
  }
  const body = r.run(len);
  return { tag, body, whole: from.subarray(begin, r.at) };
}

function items(body: Uint8Array): Item[] {
  const r = new Reader(body);
  const found: Item[] = [];
  while (r.left !== 0) found.push(take(r, body));
  return found;
}

function expect(item: Item | undefined, tag: number): Item {
  if (item === undefined || item.tag !== tag) throw new FormError();
  return item;
}

function oid(item: Item | undefined): string {
  const body = expect(item, 0x06).body;
  const numbers: number[] = [];
  let value = 0;
  for (const byte of body) {
    value = value * 128 + (byte & 127);
    if (value > 2 ** 40) throw new FormError();
    if (byte < 128) {
      numbers.push(value);
      value = 0;
    }
  }
  const first = numbers[0];
  if (first === undefined || value !== 0) throw new FormError();
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - 40 * top, ...numbers.slice(1)].join('.');
}

function time(item: Item | undefined): number {
  const digits = new TextDecoder().decode(item?.body);
  const match = item?.tag === 0x17 ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
    : item?.tag === 0x18 ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) : null;
  if (match === null) throw new FormError();
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number];
  const full = item?.tag === 0x18 ? year : year < 50 ? 2000 + year : 1900 + year;
  return Date.UTC(full, month - 1, day, hour, minute, second) / 1000;
}

export interface Certificate {
  readonly bytes: Uint8Array;
  readonly signed: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly algorithm: string;
  readonly algorithmBytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly isCa: boolean;
  readonly pathLength: number;
  readonly mayIssue: boolean;
  readonly usages: readonly string[];
  /** A critical extension that is not understood. */
  readonly odd: boolean;
}

const KNOWN = new Set(['2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.37', '2.5.29.32']);

interface Extensions {
  isCa: boolean;
  pathLength: number;
  mayIssue: boolean;
  usages: string[];
  odd: boolean;
}

function takeExtension(item: Item, found: Extensions): void {
  const parts = items(expect(item, 0x30).body);
  const name = oid(parts[0]);
  const critical = parts[1]?.tag === 0x01 && parts[1].body[0] === 0xff;
  const value = expect(parts[parts[1]?.tag === 0x01 ? 2 : 1], 0x04).body;
  if (parts.length !== (parts[1]?.tag === 0x01 ? 3 : 2)) throw new FormError();
  if (critical && !KNOWN.has(name)) found.odd = true;
  if (name === '2.5.29.19') {
    const [inner] = items(value);
    const members = items(expect(inner, 0x30).body);
    found.isCa = members[0]?.tag === 0x01 && members[0].body[0] === 0xff;
    const length = members.find((member) => member.tag === 0x02);
    if (length !== undefined) found.pathLength = length.body.reduce((sum, byte) => sum * 256 + byte, 0);
  } else if (name === '2.5.29.15') {
    const bits = expect(items(value)[0], 0x03).body;
    found.mayIssue = ((bits[1] ?? 0) & 0x04) !== 0;
  } else if (name === '2.5.29.37') {
    found.usages = items(expect(items(value)[0], 0x30).body).map(oid);
  }
}

/** FormError for what is no certificate, or more than one. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length === 0 || bytes.length > 4096) throw new FormError();
  const r = new Reader(bytes);
  const outer = items(expect(take(r, bytes), 0x30).body);
  r.done();
  const signed = expect(outer[0], 0x30);
  const algorithmBytes = expect(outer[1], 0x30);
  const bits = expect(outer[2], 0x03).body;
  if (outer.length !== 3 || bits[0] !== 0) throw new FormError();
  const fields = items(signed.body);
  if (fields[0]?.tag === 0xa0) fields.shift(); // version
  expect(fields[0], 0x02);
  const inner = expect(fields[1], 0x30);
  const issuer = expect(fields[2], 0x30);
  const validity = items(expect(fields[3], 0x30).body);
  const subject = expect(fields[4], 0x30);
  const spki = expect(fields[5], 0x30);
  if (!same(inner.whole, algorithmBytes.whole)) throw new FormError();
  const found: Extensions = { isCa: false, pathLength: Infinity, mayIssue: true, usages: [], odd: false };
  const wrapper = fields.find((field) => field.tag === 0xa3);
  if (wrapper !== undefined) for (const item of items(expect(items(wrapper.body)[0], 0x30).body)) takeExtension(item, found);
  return {
    bytes, signed: signed.whole, issuer: issuer.whole, subject: subject.whole, spki: spki.whole,
    notBefore: time(validity[0]), notAfter: time(validity[1]), algorithm: oid(items(algorithmBytes.body)[0]),
    algorithmBytes: algorithmBytes.whole, signature: bits.subarray(1), ...found,
  };
}

const ECDSA = new Map([['1.2.840.10045.4.3.2', 'SHA-256'], ['1.2.840.10045.4.3.3', 'SHA-384'], ['1.2.840.10045.4.3.4', 'SHA-512']]);
const PKCS1 = new Map([['1.2.840.113549.1.1.11', 'SHA-256'], ['1.2.840.113549.1.1.12', 'SHA-384'], ['1.2.840.113549.1.1.13', 'SHA-512']]);
const CURVES = new Map([['1.2.840.10045.3.1.7', ['P-256', 32]], ['1.3.132.0.34', ['P-384', 48]], ['1.3.132.0.35', ['P-521', 66]]] as const);

/** ECDSA-Sig-Value to r || s. */
function pair(signature: Uint8Array, len: number): Uint8Array {
  const [r, s] = items(expect(items(signature)[0], 0x30).body).map((item) => {
    const body = expect(item, 0x02).body;
    const bare = body[0] === 0 ? body.subarray(1) : body;
    if (bare.length > len) throw new FormError();
    const padded = new Uint8Array(len);
    padded.set(bare, len - bare.length);
    return padded;
  });
  if (r === undefined || s === undefined) throw new FormError();
  const both = new Uint8Array(2 * len);
  both.set(r);
  both.set(s, len);
  return both;
}

async function verifies(child: Certificate, issuer: Certificate): Promise<boolean> {
  try {
    const spki = own(issuer.spki);
    const pkcs1 = PKCS1.get(child.algorithm);
    if (pkcs1 !== undefined) {
      const name = 'RSASSA-PKCS1-v1_5';
      const key = await crypto.subtle.importKey('spki', spki, { name, hash: pkcs1 }, false, ['verify']);
      return await crypto.subtle.verify(name, key, own(child.signature), own(child.signed));
    }
    const hash = ECDSA.get(child.algorithm);
    const curve = CURVES.get(oid(items(expect(items(expect(items(issuer.spki)[0], 0x30).body)[0], 0x30).body)[1]) as '1.3.132.0.34');
    if (hash === undefined || curve === undefined) return false;
    const key = await crypto.subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: curve[0] }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'ECDSA', hash }, key, own(pair(child.signature, curve[1])), own(child.signed));
  } catch {
    return false;
  }
}

const DEPTH_MAX = 6;

/** The issuer by name, among these: the one whose signature it is, else the first. */
async function issuerOf(child: Certificate, among: readonly Certificate[]): Promise<Certificate | undefined> {
  const named = among.filter((candidate) => candidate.mayIssue && same(candidate.subject, child.issuer));
  for (const candidate of named) if (await verifies(child, candidate)) return candidate;
  return named[0];
}

/** From the leaf to an anchor, refusing as ek-form, ek-chain, ek-usage or ek-time; returns the leaf. */
export async function checkChain(
  leafBytes: Uint8Array, between: readonly Uint8Array[], anchorBytes: readonly Uint8Array[], usage: string, atSeconds: number,
): Promise<Certificate> {
  let leaf: Certificate, inner: Certificate[], anchors: Certificate[];
  try {
    leaf = parseCertificate(leafBytes);
    inner = between.map(parseCertificate);
    anchors = anchorBytes.map(parseCertificate);
  } catch (error) {
    if (error instanceof FormError) refuse('ek-form');
    throw error;
  }
  const path = [leaf];
  let anchored = anchors.some((anchor) => same(anchor.bytes, leaf.bytes));
  while (!anchored) {
    const last = path[path.length - 1]!;
    const anchor = await issuerOf(last, anchors);
    const next = anchor ?? (await issuerOf(last, inner.filter((certificate) => !path.includes(certificate))));
    if (next === undefined || path.length > DEPTH_MAX) refuse('ek-chain');
    path.push(next);
    anchored = anchor !== undefined;
  }
  path.forEach((certificate, i) => {
    // A root that signs itself limits nothing: it is the policy that names it.
    const isLong = !same(certificate.subject, certificate.issuer) && certificate.pathLength < i - 1;
    if (certificate.odd || (i > 0 && (!certificate.isCa || isLong))) refuse('ek-usage');
  });
  for (let i = path.length - 1; i >= 0; i--) {
    const certificate = path[i]!;
    if (i < path.length - 1 && !(await verifies(certificate, path[i + 1]!))) refuse('ek-chain');
    if (atSeconds < certificate.notBefore || atSeconds > certificate.notAfter) refuse('ek-time');
  }
  if (!leaf.usages.includes(usage) || leaf.isCa) refuse('ek-usage');
  return leaf;
}
