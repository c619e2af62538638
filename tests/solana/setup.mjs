// SPDX-License-Identifier: Apache-2.0
// What the scripts here share: the peers' packages, the tool, the vectors, and how a test ends.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const build = process.env.BUILD_DIR ?? join(root, 'build');
const require = createRequire(join(root, 'tests/js/package.json'));

export function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.log(`skipped: ${name} is not installed; tools/deps npm installs it`);
    process.exit(77);
  }
}

export const vectors = (name) => readFileSync(join(root, 'tests/vectors', name), 'utf8');
export const rows = (name) => vectors(name).trim().split('\n').map((line) => JSON.parse(line));
export const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
export const base64Of = (bytes) => Buffer.from(bytes).toString('base64');

// The tool kept running: ask(bytes) resolves to its line for them.
export class Tool {
  constructor(...options) {
    this.child = spawn(join(build, 'bin/claviger'), ['tx', 'decode', ...options], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.waiting = [];
    this.rest = '';
    this.child.stdout.setEncoding('utf8');
    this.child.stdout.on('data', (text) => this.#take(text));
    this.child.on('error', (error) => {
      console.error(`cannot run the tool: ${error.message}`);
      process.exit(1);
    });
    this.child.on('exit', (code, signal) => {
      if (this.waiting.length === 0 && signal === null) return;
      console.error(`the tool ended (${signal ?? code}) with ${this.waiting.length} lines unanswered`);
      process.exit(1);
    });
  }

  #take(text) {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const line of lines) this.waiting.shift()(line);
  }

  ask(bytes) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(base64Of(bytes) + '\n');
    });
  }

  close() {
    this.child.stdin.end();
  }
}

let passed = 0;
let failed = 0;
const SHOWN_MAX = 20;

export function expect(truth, ...about) {
  if (truth) {
    passed++;
    return true;
  }
  failed++;
  if (failed <= SHOWN_MAX) console.log('FAIL', ...about);
  return false;
}

export const failures = () => failed;

export function summary() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}
