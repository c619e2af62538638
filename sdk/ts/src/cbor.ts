// SPDX-License-Identifier: Apache-2.0
// Deterministic CBOR (RFC 8949 section 4.2) as the signer's formats use it: unsigned integers, byte and
// text strings, arrays, maps with integer or text keys, true and false. What is not in shortest form, out
// of order, twice, too deep or left over is refused.

export type Cbor = bigint | boolean | string | Uint8Array | readonly Cbor[] | CborMap;
export type CborKey = bigint | string;
export class CborMap {
  /** In the order of their encodings. */
  readonly entries: readonly (readonly [CborKey, Cbor])[];
  constructor(entries: readonly (readonly [CborKey, Cbor])[]) {
    this.entries = entries;
  }
  get(key: number | string): Cbor | undefined {
    const want = typeof key === 'number' ? BigInt(key) : key;
    return this.entries.find(([name]) => name === want)?.[1];
  }
}

export class CborError extends Error {}

const DEPTH_MAX = 16;
const MAX_U64 = (1n << 64n) - 1n;

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

class Reader {
  at = 0;
  readonly #from: Uint8Array;
  constructor(from: Uint8Array) {
    this.#from = from;
  }

  bytes(count: bigint): Uint8Array {
    if (count > BigInt(this.#from.length - this.at)) throw new CborError(`cut off at byte ${this.at}`);
    const found = this.#from.subarray(this.at, this.at + Number(count));
    this.at += Number(count);
    return found;
  }

  head(): { major: number; value: bigint; info: number } {
    const first = this.bytes(1n)[0]!;
    const major = first >> 5;
    const info = first & 31;
    if (info < 24) return { major, value: BigInt(info), info };
    if (info > 27) throw new CborError(`indefinite or reserved length at byte ${this.at - 1}`);
    const size = 1 << (info - 24);
    let value = 0n;
    for (const byte of this.bytes(BigInt(size))) value = (value << 8n) | BigInt(byte);
    const least = size === 1 ? 24n : 1n << BigInt(size * 4);
    if (value < least) throw new CborError(`not in shortest form at byte ${this.at}`);
    return { major, value, info };
  }

  item(depth: number): Cbor {
    if (depth > DEPTH_MAX) throw new CborError('nested too deeply');
    const { major, value, info } = this.head();
    switch (major) {
      case 0:
        return value;
      case 2:
        return this.bytes(value).slice();
      case 3:
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(value));
      case 4: {
        const items: Cbor[] = [];
        for (let i = 0n; i < value; i++) items.push(this.item(depth + 1));
        return items;
      }
      case 5: {
        const entries: [CborKey, Cbor][] = [];
        let last: Uint8Array | undefined;
        for (let i = 0n; i < value; i++) {
          const begin = this.at;
          const key = this.item(depth + 1);
          if (typeof key !== 'bigint' && typeof key !== 'string') throw new CborError(`a key of another kind at byte ${begin}`);
          const raw = this.#from.subarray(begin, this.at);
          if (last !== undefined && compare(last, raw) >= 0) throw new CborError(`keys out of order at byte ${begin}`);
          last = raw;
          entries.push([key, this.item(depth + 1)]);
        }
        return new CborMap(entries);
      }
      default:
        if (major === 7 && (info === 20 || info === 21)) return info === 21;
        throw new CborError(`major type ${major} is not used here, at byte ${this.at}`);
    }
  }
}

/** Exactly one item; CborError for anything else. */
export function decode(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  let item: Cbor;
  try {
    item = reader.item(0);
  } catch (error) {
    throw error instanceof CborError ? error : new CborError('text that is not UTF-8');
  }
  if (reader.at !== bytes.length) throw new CborError(`bytes left over from ${reader.at} on`);
  return item;
}

function head(major: number, value: bigint): Uint8Array {
  if (value < 0n || value > MAX_U64) throw new CborError(`${value} is not a 64-bit number`);
  if (value < 24n) return Uint8Array.of((major << 5) | Number(value));
  const size = value < 1n << 8n ? 1 : value < 1n << 16n ? 2 : value < 1n << 32n ? 4 : 8;
  const out = new Uint8Array(1 + size);
  out[0] = (major << 5) | (24 + Math.log2(size));
  for (let i = 0; i < size; i++) out[size - i] = Number((value >> BigInt(8 * i)) & 255n);
  return out;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function encode(item: Cbor): Uint8Array {
  if (typeof item === 'bigint') return head(0, item);
  if (typeof item === 'boolean') return Uint8Array.of(item ? 0xf5 : 0xf4);
  if (typeof item === 'string') {
    const text = new TextEncoder().encode(item);
    return concat(head(3, BigInt(text.length)), text);
  }
  if (item instanceof Uint8Array) return concat(head(2, BigInt(item.length)), item);
  if (item instanceof CborMap) {
    const parts = item.entries.map(([key, value]) => [encode(key), encode(value)] as const);
    parts.sort(([a], [b]) => compare(a, b));
    if (parts.some(([key], i) => i > 0 && compare(parts[i - 1]![0], key) === 0)) throw new CborError('a key twice');
    return concat(head(5, BigInt(parts.length)), ...parts.flat());
  }
  return concat(head(4, BigInt(item.length)), ...item.map(encode));
}

/** A map with small integer keys; undefined values are left out. */
export function fields(values: Readonly<Record<number, Cbor | undefined>>): CborMap {
  const entries = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[BigInt(key), value] as const]));
  return new CborMap(entries);
}
