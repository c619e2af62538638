// SPDX-License-Identifier: Apache-2.0
// Figures that intents/COVERAGE.md publishes: each part stands between two markers and must be what the scripts
// found; with WRITE=1 in the environment they write it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, root } from '../solana/setup.mjs';

const page = join(root, 'intents/COVERAGE.md');

export function publish(name, text) {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const whole = readFileSync(page, 'utf8');
  const [from, to] = [whole.indexOf(begin) + begin.length, whole.indexOf(end)];
  if (from < begin.length || to < from) throw new Error(`intents/COVERAGE.md has no part ${name}`);
  if (process.env.WRITE) writeFileSync(page, whole.slice(0, from) + text + whole.slice(to));
  else expect(whole.slice(from, to) === text, `intents/COVERAGE.md says something else about ${name}: WRITE=1 writes it. Now:\n${text}`);
}

export const table = (heads, rows) =>
  `${[heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
