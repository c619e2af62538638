// SPDX-License-Identifier: Apache-2.0
// QR codes of the page and of the command line, read by jsQR: texts of every length that they take, and of
// what really stands in them. Both draw the same modules.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import jsQR from 'jsqr';

const build = process.env.BUILD_DIR;
const { qrOf } = await import(join(build, 'web/web/src/qr.js'));
const read = (rows) => {
  const [quiet, scale] = [4, 3];
  const side = (rows.length + 2 * quiet) * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (rows[Math.floor(y / scale) - quiet]?.[Math.floor(x / scale) - quiet]) pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
  return jsQR(pixels, side, side)?.data;
};
const fromTerminal = (text) => {
  const lines = execFileSync(join(build, 'tests/qr_run'), [text], { encoding: 'utf8' }).trimEnd().split('\n').map((line) => [...line.replace(/\x1b\[[0-9;]*m/g, '')]);
  const rows = lines.flatMap((line) => [line.map((c) => c === '▀' || c === '█'), line.map((c) => c === '▄' || c === '█')]);
  const side = rows[0].length - 8;
  return rows.slice(4, 4 + side).map((row) => row.slice(4, 4 + side));
};
let seed = 7;
const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcdefghijklmnopqrstuvwxyz:/?=&_-';
const some = (length, from = letters) => Array.from({ length }, () => from[Math.floor(random() * from.length)]).join('');
const texts = [];
for (let length = 1; length <= 180; length++) texts.push(some(length));
for (let length = 1; length <= 64; length += 3) texts.push(`otpauth://totp/Claviger:${some(length, letters.slice(0, 58))}?secret=${some(32, letters.slice(0, 32))}&issuer=Claviger`);
let failed = 0;
const sides = new Set();
for (const text of texts) {
  const rows = qrOf(text);
  sides.add(rows.length);
  if (read(rows) !== text) { console.log('the page\'s code is not read:', text); failed++; }
  if (JSON.stringify(fromTerminal(text)) !== JSON.stringify(rows)) { console.log('the terminal draws another code:', text); failed++; }
}
for (const refuse of [() => qrOf(some(181)), () => fromTerminal(some(181))]) {
  let refused = false;
  try { refuse(); } catch { refused = true; }
  if (!refused) { console.log('181 bytes were taken'); failed++; }
}
if (sides.size !== 9) { console.log('not all sizes were drawn:', [...sides]); failed++; }
console.log(`${texts.length * 2 + 2 - failed} passed, ${failed} failed`);
process.exit(failed === 0 && texts.length > 200 ? 0 : 1);
