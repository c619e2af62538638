// SPDX-License-Identifier: Apache-2.0
// The signer's own verdict (intent_judge: lib/policy and the real engine), and V8's on the very same request.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../solana/setup.mjs';
import { bytes58, text58 } from './lift.mjs';
import { u32, u64 } from './known.mjs';

const ANSWER_OFFSET = 49152;
const AREA_BYTES = 75224;
const FACTS_BYTES = 696;
const NO_INSTRUCTION = 0xffffffff;
const UNITS = { lamports: 1, mint: 2, uses: 3 };
const WINDOWS = { total: 0, '1h': 1, '24h': 2 };

// Names of reason codes, from the page that defines them.
export function reasonNames(root) {
  const page = readFileSync(join(root, 'spec/policy-abi.md'), 'utf8').split('## Reason codes')[1].split('\n## ')[0];
  return new Map([...page.matchAll(/^\| (\d+) \| ([a-z-]+) \|/gm)].map(([, code, name]) => [Number(code), name]));
}

// Deterministic CBOR of a grant's values: {field index: value}.
function head(major, n) {
  const value = BigInt(n);
  if (value < 24n) return Buffer.of((major << 5) | Number(value));
  for (const [extra, bytes] of [[24, 1], [25, 2], [26, 4], [27, 8]])
    if (value < 1n << BigInt(8 * bytes)) {
      const out = Buffer.alloc(1 + bytes);
      out[0] = (major << 5) | extra;
      for (let i = 0; i < bytes; i++) out[1 + i] = Number((value >> BigInt(8 * (bytes - 1 - i))) & 0xffn);
      return out;
    }
  throw new Error('too large');
}

function cborValue(type, value) {
  if (type.endsWith(' list')) return Buffer.concat([head(4, value.length), ...value.map((v) => cborValue(type.slice(0, -5), v))]);
  if (type === 'bool') return Buffer.of(value === true || value === 1n ? 0xf5 : 0xf4);
  if (type === 'u64') return head(0, value);
  const bytes = type === 'pubkey' ? bytes58(value) : Buffer.from(value);
  return Buffer.concat([head(type === 'pubkey' ? 2 : 3, bytes.length), bytes]);
}

export function cborOf(parameters, values) {
  const given = parameters.map((p, i) => [i, p]).filter(([, p]) => values[p.name] !== undefined);
  return Buffer.concat([head(5, given.length), ...given.flatMap(([i, p]) => [head(0, i), cborValue(p.type, values[p.name])])]);
}

export class Judge {
  constructor() {
    this.child = spawn(join(build, 'tests/intent_judge'), [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    this.chunks = [];
    this.have = 0;
    this.child.stdout.on('data', (chunk) => this.#take(chunk));
    this.child.on('exit', (code, signal) => {
      if (code === 0 && this.waiting.length === 0) return;
      console.error(`intent_judge ended (${signal ?? code}) with ${this.waiting.length} questions unanswered`);
      process.exit(1);
    });
  }
  #take(chunk) {
    this.chunks.push(chunk);
    this.have += chunk.length;
    while (this.have >= 4) {
      if (this.chunks[0].length < 4) this.chunks = [Buffer.concat(this.chunks)];
      const len = this.chunks[0].readUInt32LE(0);
      if (this.have < 4 + len) return;
      const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
      this.waiting.shift()(all.subarray(4, 4 + len));
      const rest = all.subarray(4 + len);
      this.chunks = rest.length === 0 ? [] : [rest];
      this.have = rest.length;
    }
  }
  #ask(...parts) {
    const frame = Buffer.concat(parts);
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(Buffer.concat([u32(frame.length), frame]));
    });
  }
  async module(path) {
    return (await this.#ask(Buffer.from('M'), Buffer.from(path))).readUInt32LE(0);
  }
  // grant({module, wallet, cbor, counters, pins, nonce, unproven}) resolves to its number, or throws why not.
  async grant({ module, wallet, cbor, counters = [], pins = {}, nonce, unproven = false }) {
    const counterBytes = counters.map((c) => Buffer.concat([u32(UNITS[c.unit]), u32(WINDOWS[c.window ?? 'total']),
      c.mint ? bytes58(c.mint) : Buffer.alloc(32), u64(c.cap ?? c.left), u64(c.left)]));
    const pinBytes = Object.entries(pins).map(([table, keys]) => Buffer.concat([bytes58(table), u32(keys.length), ...keys.map(bytes58)]));
    const answer = await this.#ask(Buffer.from('G'), u32(module), Buffer.of((unproven ? 1 : 0) | (nonce ? 2 : 0)), bytes58(wallet),
      nonce ? bytes58(nonce) : Buffer.alloc(32), u32(counters.length), ...counterBytes, u32(pinBytes.length), ...pinBytes, cbor);
    const number = answer.readUInt32LE(0);
    if (number === 0xffffffff) throw new Error(answer.subarray(4).toString());
    return number;
  }
  drop(grant) {
    return this.#ask(Buffer.from('D'), u32(grant));
  }
  async check(grant, message, wantsRequest = false) {
    const a = await this.#ask(Buffer.from('C'), u32(grant), Buffer.of(wantsRequest ? 1 : 0), message);
    const [verdict, reason, instruction, fuel, requestLen, answerLen, textLen] = [0, 4, 8, 12, 16, 20, 24].map((at) => a.readUInt32LE(at));
    let at = 28;
    const facts = a.subarray(at, (at += FACTS_BYTES));
    const count = a.readUInt32LE(at);
    at += 4;
    const charges = Array.from({ length: count }, (_, i) => [a.readUInt32LE(at + 16 * i), a.readBigUInt64LE(at + 16 * i + 8)]);
    at += 16 * count;
    const request = a.subarray(at, (at += requestLen));
    const answer = a.subarray(at, (at += answerLen));
    return { allow: verdict === 1, reason, instruction: instruction === NO_INSTRUCTION ? undefined : instruction, fuel, charges, request, answer,
      facts: readFacts(facts), text: a.subarray(at, at + textLen).toString() };
  }
  close() {
    this.child.stdin.end();
  }
}

function readFacts(f) {
  const tokens = Array.from({ length: f.readUInt32LE(48) }, (_, i) => [text58(f.subarray(56 + 40 * i, 88 + 40 * i)), f.readBigUInt64LE(88 + 40 * i)]);
  return {
    lamports: f.readBigUInt64LE(0), fee: f.readBigUInt64LE(8), tips: f.readBigUInt64LE(16), rent: f.readBigUInt64LE(24), wrapped: f.readBigUInt64LE(32),
    delegations: BigInt(f.readUInt32LE(40)), authorityChanges: BigInt(f.readUInt32LE(44)), tokens,
  };
}

// A module on V8. Each check starts from the memory as it was when the module had just been made.
export class SecondEngine {
  constructor(bytes) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
    this.exports = exports;
    exports._initialize?.();
    this.io = exports.policy_io() >>> 0;
    this.fresh = new Uint8Array(exports.memory.buffer).slice();
    this.globals = Object.values(exports).filter((e) => e instanceof WebAssembly.Global);
  }
  // check(request): the answer's bytes as the host would copy them, or undefined after a trap.
  check(request, answerLen) {
    const memory = new Uint8Array(this.exports.memory.buffer);
    memory.set(this.fresh);
    memory.set(request, this.io);
    try {
      this.value = this.exports.policy_check() >>> 0;
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return undefined;
      throw error;
    }
    return memory.slice(this.io + ANSWER_OFFSET, this.io + Math.min(AREA_BYTES, ANSWER_OFFSET + answerLen));
  }
}
