// SPDX-License-Identifier: Apache-2.0
// Three opinions on one message under one grant: the signer's (module in the real engine), V8's on the same
// request, and the reference evaluator's on the intent file. ask() says where they differ.
import { readFileSync } from 'node:fs';
import { root } from '../solana/setup.mjs';
import { cborOf, Judge, reasonNames, SecondEngine } from './judge.mjs';
import { Evaluator, intent, moduleOf, valuesOf } from './reference.mjs';

const names = reasonNames(root);
const facts = (f) => JSON.stringify([f.lamports, f.fee, f.tips, f.rent, f.wrapped, f.delegations, f.authorityChanges,
  f.tokens.map(([mint, amount]) => [mint, amount])], (_, v) => (typeof v === 'bigint' ? String(v) : v));
const charges = (list) => list.filter(([, amount]) => amount !== 0n).map(([i, amount]) => `${i}:${amount}`).join();

// Reasons from before any module runs: the reference names bytes that it cannot decode in its own words.
const BEFORE = ['none'];

export class Opinions {
  constructor() {
    this.judge = new Judge();
    this.modules = new Map();
    this.engines = new Map();
  }

  async #module(name) {
    if (!this.modules.has(name)) {
      const path = moduleOf(name);
      this.modules.set(name, await this.judge.module(path));
      this.engines.set(name, new SecondEngine(readFileSync(path)));
    }
    return this.modules.get(name);
  }

  // open(c, params): a case with its grant made in all three places; throws when a parameter is wrong.
  async open(c, params = c.grant.params) {
    const values = valuesOf(c.intent, params);
    const { wallet, nonces } = c.grant;
    const { counters = [], pins = {}, unproven = false } = c;
    const module = await this.#module(c.intent);
    const number = await this.judge.grant({ module, wallet, counters, pins, nonce: nonces[0], unproven, cbor: cborOf(intent(c.intent).parameters, values) });
    const evaluator = new Evaluator(intent(c.intent), { wallet, values, counters, pins, nonces: nonces.slice(0, 1), unproven });
    return { number, evaluator, engine: this.engines.get(c.intent) };
  }

  // ask(opened, bytes): {allow, reason, instruction, differs}; differs: in words, or undefined.
  async ask({ number, evaluator, engine }, bytes) {
    const signer = await this.judge.check(number, bytes, true);
    const reference = evaluator.evaluate(bytes);
    const reason = names.get(signer.reason) ?? String(signer.reason);
    const said = { allow: signer.allow, reason, instruction: signer.instruction, fuel: signer.fuel, text: signer.text, facts: signer.facts };
    return { ...said, differs: differs(signer, reason, reference) ?? (signer.request.length === 0 ? undefined : secondDiffers(engine, signer)) };
  }

  // drop(opened): a grant that is not asked any more.
  drop({ number }) {
    return this.judge.drop(number);
  }

  close() {
    this.judge.close();
  }
}

function differs(signer, reason, reference) {
  if (signer.allow !== reference.allow) return `verdict: signer ${signer.allow ? 'allows' : reason}, reference ${reference.allow ? 'allows' : reference.reason}`;
  if (signer.allow) {
    if (facts(signer.facts) !== facts(reference.facts)) return `facts: signer ${facts(signer.facts)}, reference ${facts(reference.facts)}`;
    if (charges(signer.charges) !== charges(reference.charges)) return `charges: signer ${charges(signer.charges)}, reference ${charges(reference.charges)}`;
    return undefined;
  }
  // What does not decode has no request: there the codes are those of spec/solana.md, compared elsewhere.
  if (signer.request.length === 0 || BEFORE.includes(reason)) return undefined;
  if (reason !== reference.reason || signer.instruction !== reference.instruction)
    return `reason: signer ${reason} in ${signer.instruction}, reference ${reference.reason} in ${reference.instruction}`;
  return undefined;
}

function secondDiffers(engine, signer) {
  const answer = engine.check(signer.request, signer.answer.length);
  if (answer === undefined) return signer.answer.length === 0 ? undefined : 'second engine traps';
  if (Buffer.compare(answer, signer.answer) !== 0) return 'second engine: another answer';
  return engine.value === (signer.allow ? 1 : 0) ? undefined : 'second engine: another value';
}
