// SPDX-License-Identifier: Apache-2.0
// A QR code (ISO/IEC 18004) of a short text: byte mode, level M, versions 1 to 9. cli/cli_qr.c is its twin for the
// terminal; both are held against a reader of other people's (tests/people/qr.mjs).

const TOTAL = [26, 44, 70, 100, 134, 172, 196, 242, 292]; // codewords by version
const CHECKS = [10, 16, 26, 18, 24, 16, 18, 22, 22]; // of each block, level M
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5];

/** Product in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> bit) & 1) * a);
  return product;
}

/** The check codewords of a block: the remainder by the product of (x - 2^i). */
function checksOf(data: readonly number[], count: number): number[] {
  const divisor = [...Array<number>(count - 1).fill(0), 1];
  for (let i = 0, root = 1; i < count; i++, root = times(root, 2))
    for (let j = 0; j < count; j++) divisor[j] = times(divisor[j]!, root) ^ (divisor[j + 1] ?? 0);
  const rest = Array<number>(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    for (let j = 0; j < count; j++) rest[j]! ^= times(divisor[j]!, factor);
  }
  return rest;
}

/** All codewords in the order in which they are drawn. */
function codewords(text: Uint8Array, version: number): number[] {
  const [total, checks, blocks] = [TOTAL[version - 1]!, CHECKS[version - 1]!, BLOCKS[version - 1]!];
  const room = total - checks * blocks;
  const halves = [4, text.length >> 4, text.length & 15, ...[...text].flatMap((byte) => [byte >> 4, byte & 15]), 0];
  const data = Array.from({ length: halves.length / 2 }, (_, i) => (halves[2 * i]! << 4) | halves[2 * i + 1]!);
  for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
  const parts = Array.from({ length: blocks }, (_, i) => {
    const short = blocks - (room % blocks);
    const len = Math.floor(room / blocks);
    const from = i * len + Math.max(0, i - short);
    return data.slice(from, from + len + (i >= short ? 1 : 0));
  });
  const ends = parts.map((part) => checksOf(part, checks));
  const out: number[] = [];
  for (const rows of [parts, ends])
    for (let i = 0; i < Math.max(...rows.map((row) => row.length)); i++) for (const row of rows) if (i < row.length) out.push(row[i]!);
  return out;
}

type Grid = boolean[][];
const grid = (size: number): Grid => Array.from({ length: size }, () => Array<boolean>(size).fill(false));

/** The remainder of value by a generator of `bits` bits: format (10) and version (12). */
function bch(value: number, bits: number, generator: number): number {
  let rest = value;
  for (let i = 0; i < bits; i++) rest = (rest << 1) ^ ((rest >> (bits - 1)) * generator);
  return (value << bits) | rest;
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0, (_, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** How hard it is to read: runs, squares, what looks like a corner, and too much of one colour. */
function penalty(dark: Grid): number {
  const size = dark.length;
  let sum = 0;
  let count = 0;
  for (const at of [(i: number, j: number) => dark[i]![j]!, (i: number, j: number) => dark[j]![i]!])
    for (let i = 0; i < size; i++) {
      let line = '';
      for (let j = 0; j < size; j++) line += at(i, j) ? '1' : '0';
      for (const run of line.match(/1{5,}|0{5,}/g) ?? []) sum += run.length - 2;
      sum += 40 * ((line.match(/(?=10111010000)/g) ?? []).length + (line.match(/(?=00001011101)/g) ?? []).length);
    }
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) {
      count += dark[i]![j]! ? 1 : 0;
      if (i > 0 && j > 0 && dark[i]![j] === dark[i - 1]![j] && dark[i]![j] === dark[i]![j - 1] && dark[i]![j] === dark[i - 1]![j - 1]) sum += 3;
    }
  return sum + 10 * Math.floor(Math.abs((20 * count) / (size * size) - 10));
}

/** Rows of modules, true is dark, without the quiet zone of four around it. */
export function qrOf(text: string): boolean[][] {
  const bytes = new TextEncoder().encode(text);
  const version = 1 + TOTAL.findIndex((total, i) => bytes.length + 2 <= total - CHECKS[i]! * BLOCKS[i]!);
  if (version === 0) throw new Error('too long for a QR code');
  const size = 17 + 4 * version;
  const [dark, fixed] = [grid(size), grid(size)];
  const put = (x: number, y: number, on: boolean): void => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    dark[y]![x] = on;
    fixed[y]![x] = true;
  };
  for (let i = 0; i < size; i++) {
    put(6, i, i % 2 === 0);
    put(i, 6, i % 2 === 0);
  }
  const far = size - 7;
  const middles = version === 1 ? [] : version < 7 ? [6, far] : [6, 6 + (far - 6) / 2, far];
  for (const x of middles)
    for (const y of middles) {
      if ((x === 6 && (y === 6 || y === far)) || (x === far && y === 6)) continue; // the corners
      for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) put(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const)
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        put(x + dx, y + dy, ring !== 2 && ring !== 4);
      }
  const putFormat = (mask: number): void => {
    const bits = bch(mask, 10, 0x537) ^ 0x5412; // level M is 00
    for (let i = 0; i < 15; i++) {
      const on = ((bits >> i) & 1) === 1;
      put(8, i < 6 ? i : i < 8 ? i + 1 : size - 15 + i, on);
      put(i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i, 8, on);
    }
    put(8, size - 8, true);
  };
  putFormat(0);
  if (version >= 7) {
    const bits = bch(version, 12, 0x1f25);
    for (let i = 0; i < 18; i++) {
      const on = ((bits >> i) & 1) === 1;
      put(Math.floor(i / 3), size - 11 + (i % 3), on);
      put(size - 11 + (i % 3), Math.floor(i / 3), on);
    }
  }
  const words = codewords(bytes, version);
  let bit = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let i = 0; i < size; i++)
      for (const x of [right, right - 1]) {
        const y = up ? size - 1 - i : i;
        if (fixed[y]![x]) continue;
        dark[y]![x] = (((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
        bit++;
      }
  }
  const flip = (mask: number): void => {
    for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) if (!fixed[y]![x] && MASKS[mask]!(x, y)) dark[y]![x] = !dark[y]![x];
  };
  let best = 0;
  let least = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    flip(mask);
    putFormat(mask);
    const found = penalty(dark);
    if (found < least) [best, least] = [mask, found];
    flip(mask);
  }
  flip(best);
  putFormat(best);
  return dark;
}

/** The code as an image that a camera reads, dark on light whatever the colours of the page are. */
export function qrImage(text: string, label: string): SVGSVGElement {
  const rows = qrOf(text);
  const make = <K extends keyof SVGElementTagNameMap>(name: K, attributes: Record<string, string>): SVGElementTagNameMap[K] => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const side = String(rows.length + 8);
  const image = make('svg', { viewBox: `0 0 ${side} ${side}`, class: 'qr', role: 'img', 'aria-label': label, 'shape-rendering': 'crispEdges' });
  const path = rows.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x + 4} ${y + 4}h1v1h-1z`] : []))).join('');
  image.append(make('rect', { width: side, height: side, fill: '#fff' }), make('path', { d: path, fill: '#000' }));
  return image;
}
