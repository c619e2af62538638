// SPDX-License-Identifier: Apache-2.0
// Evidence as it travels (spec/evidence.cddl): strict CBOR around the TPM's own structures. Nothing is judged here.
import * as cbor from '../cbor.js';
import { FormError, text } from './bytes.js';

export interface Nv {
  readonly area: Uint8Array;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Proof {
  readonly nonce: Uint8Array;
  readonly index: number;
  readonly count: number;
  readonly path: readonly Uint8Array[];
}

export interface Evidence {
  readonly node: Uint8Array;
  readonly ak: Uint8Array;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly ek: Uint8Array;
  readonly nv: readonly Nv[];
  readonly log: Uint8Array;
  readonly proof: Proof | undefined;
  readonly beacon: { source: string; value: string } | undefined;
}

const PART_MAX = 4096;
const LOG_MAX = 131072;
const EVIDENCE_MAX = 196608;

/** A map with exactly these integer keys, some of which may be missing. */
export class Fields {
  readonly #map: cbor.CborMap;
  constructor(item: cbor.Cbor | undefined, needed: number, optional: readonly number[] = []) {
    if (!(item instanceof cbor.CborMap)) throw new FormError();
    const keys = item.entries.map(([key]) => key);
    const wanted = Array.from({ length: needed }, (_, i) => BigInt(i + 1));
    if (wanted.some((key) => !keys.includes(key)) ||
        keys.some((key) => typeof key !== 'bigint' || (key > BigInt(needed) && !optional.includes(Number(key))) || key < 1n))
      throw new FormError();
    this.#map = item;
  }
  has(key: number): boolean {
    return this.#map.get(key) !== undefined;
  }
  any(key: number): cbor.Cbor | undefined {
    return this.#map.get(key);
  }
  bytes(key: number, max: number, exact = false): Uint8Array {
    return asBytes(this.#map.get(key), max, exact);
  }
  uint(key: number, max: bigint): bigint {
    const value = this.#map.get(key);
    if (typeof value !== 'bigint' || value > max) throw new FormError();
    return value;
  }
  bool(key: number): boolean {
    const value = this.#map.get(key);
    if (typeof value !== 'boolean') throw new FormError();
    return value;
  }
  text(key: number, max: number, least = 0): string {
    const value = this.#map.get(key);
    if (typeof value !== 'string') throw new FormError();
    const length = text(value).length;
    if (length > max || length < least) throw new FormError();
    return value;
  }
  list(key: number, max: number): readonly cbor.Cbor[] {
    const value = this.#map.get(key);
    if (!Array.isArray(value) || value.length > max) throw new FormError();
    return value as readonly cbor.Cbor[];
  }
}

function asBytes(value: cbor.Cbor | undefined, max: number, exact = false): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > max || (exact && value.length !== max)) throw new FormError();
  return value;
}

export function decode(bytes: Uint8Array): cbor.Cbor {
  try {
    return cbor.decode(bytes);
  } catch (error) {
    if (error instanceof cbor.CborError) throw new FormError();
    throw error;
  }
}

function takeProof(item: cbor.Cbor | undefined): Proof {
  const f = new Fields(item, 4);
  const path = f.bytes(4, 16 * 32);
  if (path.length % 32 !== 0) throw new FormError();
  const steps = Array.from({ length: path.length / 32 }, (_, i) => path.subarray(32 * i, 32 * i + 32));
  return { nonce: f.bytes(1, 32, true), index: Number(f.uint(2, 65535n)), count: Number(f.uint(3, 65536n)), path: steps };
}

export function takeEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > EVIDENCE_MAX) throw new FormError();
  const f = new Fields(decode(bytes), 10, [11, 12]);
  if (f.uint(1, 1n) !== 1n) throw new FormError();
  const beacon = f.has(12) ? new Fields(f.any(12), 2) : undefined;
  return {
    node: f.bytes(2, PART_MAX), ak: f.bytes(3, PART_MAX), statement: f.bytes(4, PART_MAX), signature: f.bytes(5, PART_MAX),
    pcrs: f.bytes(6, 288, true), certificates: f.list(7, 8).map((item) => asBytes(item, PART_MAX)), ek: f.bytes(8, PART_MAX),
    nv: f.list(9, 8).map((item) => {
      const nv = new Fields(item, 3);
      return { area: nv.bytes(1, PART_MAX), statement: nv.bytes(2, PART_MAX), signature: nv.bytes(3, PART_MAX) };
    }),
    log: f.bytes(10, LOG_MAX), proof: f.has(11) ? takeProof(f.any(11)) : undefined,
    beacon: beacon && { source: beacon.text(1, 128, 1), value: beacon.text(2, 128, 1) },
  };
}
