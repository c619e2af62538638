// SPDX-License-Identifier: Apache-2.0
// A strict reader of fixed layouts, and hashes by WebCrypto.
import { concat } from '../cbor.js';

export { concat };

/** Bytes are short, over-long, or a field is out of its range; callers say what that means for them. */
export class FormError extends Error {}

/** Reads integers and runs; little-endian says so in the name of its twin `le`. */
export class Reader {
  readonly #from: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  at = 0;
  constructor(from: Uint8Array, little = false) {
    this.#from = from;
    this.#view = new DataView(from.buffer, from.byteOffset, from.byteLength);
    this.#little = little;
  }
  get left(): number {
    return this.#from.length - this.at;
  }
  #move(len: number): number {
    if (len < 0 || len > this.left) throw new FormError();
    this.at += len;
    return this.at - len;
  }
  u8(): number {
    return this.#view.getUint8(this.#move(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#move(2), this.#little);
  }
  u32(): number {
    return this.#view.getUint32(this.#move(4), this.#little);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#move(8), this.#little);
  }
  run(len: number): Uint8Array {
    const at = this.#move(len);
    return this.#from.subarray(at, at + len);
  }
  /** TPM2B: a length and that many bytes, at most `max`. */
  sized(max: number): Uint8Array {
    const len = this.u16();
    if (len > max) throw new FormError();
    return this.run(len);
  }
  done(): void {
    if (this.left !== 0) throw new FormError();
  }
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** WebCrypto wants memory that is not shared. */
export const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

export async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', own(concat(...parts))));
}

export async function extend(value: Uint8Array, digest: Uint8Array): Promise<Uint8Array> {
  return sha256(value, digest);
}

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Digits of an even number of bytes, else undefined. */
export function unhex(digits: string): Uint8Array | undefined {
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
