// SPDX-License-Identifier: Apache-2.0
// Bytes as text. No imports: the user's page uses it too.

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648 section 4, with padding. */
export function toBase64(bytes: ArrayLike<number>): string {
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const bits = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += LETTERS[bits >> 18]! + LETTERS[(bits >> 12) & 63]!;
    out += left > 1 ? LETTERS[(bits >> 6) & 63]! : '=';
    out += left > 2 ? LETTERS[bits & 63]! : '=';
  }
  return out;
}

/** Strict: undefined for anything that toBase64 would not have written. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let bits = 0;
    for (let j = 0; j < 4; j++) bits = (bits << 6) | Math.max(0, LETTERS.indexOf(text[i + j]!));
    for (const shift of [16, 8, 0]) if (at < out.length) out[at++] = (bits >> shift) & 255;
  }
  return toBase64(out) === text ? out : undefined;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
