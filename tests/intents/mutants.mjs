// SPDX-License-Identifier: Apache-2.0
// Bugs planted in the evaluator, one at a time: comparisons turned, conditions negated, sums left out ... Each must be noticed
// by what the other tests here ask: the mutant, on V8, answers otherwise than the reference did on some of these requests
// (S12, S15). usage: mutants.mjs [EVERY [LINE]]: one in EVERY of the bugs, default 16, or those in lines that match LINE
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const TABLE_ADDRESS = 0x1a000;
const ANSWER_OFFSET = 49152;
const TOLD = 984; // fixed part of an answer; the text's length in it is not compared
const SECONDS = 30; // of the processor, which a mutant that ends does not take, however busy the machine

// --- one mutant, in a thread of its own, since it may not end

function isNoticed({ evaluator, questions, shared }) {
  const bytes = new Uint8Array(shared);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(evaluator)), {});
  const memory = new Uint8Array(exports.memory.buffer);
  const bare = memory.slice();
  const io = exports.policy_io() >>> 0;
  for (const { table, asked } of questions) {
    const fresh = bare.slice();
    fresh.set(table, TABLE_ADDRESS);
    for (const { at, len, value } of asked) {
      const answer = bytes.subarray(at, at + TOLD);
      memory.set(fresh);
      memory.set(bytes.subarray(at + TOLD, at + TOLD + len), io);
      try {
        if (exports.policy_check() >>> 0 !== value) return true;
      } catch {
        return true;
      }
      const told = Buffer.from(memory.subarray(io + ANSWER_OFFSET, io + ANSWER_OFFSET + TOLD));
      told.writeUInt32LE(0, 24);
      if (Buffer.compare(told, answer) !== 0) return true;
    }
  }
  return false;
}

if (!isMainThread) {
  parentPort.postMessage(isNoticed(workerData));
  process.exit(0);
}

const { build, expect, root, summary } = await import('../solana/setup.mjs');
const { Random, write } = await import('../solana/wire.mjs');
const { cases, message, worldOf } = await import('./cases.mjs');
const { copy, lower } = await import('./lift.mjs');
const { kindNames, mutate } = await import('./mutate.mjs');
const { Opinions } = await import('./opinions.mjs');
const { moduleOf, valuesOf } = await import('./reference.mjs');
const { shapes } = await import('./shapes.mjs');
const { CHANGED, NARROWER } = await import('./ways.mjs');
const every = Number(process.argv[2] ?? 16);
const only = process.argv[3]; // a pattern: bugs in lines that match it
const folder = mkdtempSync(join(tmpdir(), 'claviger-mutants-'));

// What was asked and answered, once for all threads: an answer's fixed part with the request behind it.
let kept = Buffer.alloc(1 << 28);
let keptLen = 0;
function keep(answer, request) {
  const at = keptLen;
  keptLen += answer.length + request.length;
  if (keptLen > kept.length) kept = Buffer.concat([kept, Buffer.alloc(kept.length)]);
  kept.set(answer, at);
  kept.set(request, at + answer.length);
  return at;
}

// --- the questions: cases and shapes as they stand, each in every way that it must refuse, and some mutations

function tableOf(intent) {
  const module = readFileSync(moduleOf(intent));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), {});
  return new Uint8Array(exports.memory.buffer).slice(TABLE_ADDRESS);
}

async function questionsOf(intent, mine) {
  const opinions = new Opinions();
  const asked = [];
  const ask = async (opened, bytes) => {
    const said = await opinions.judge.check(opened.number, bytes, true);
    if (said.request.length === 0 || said.answer.length < TOLD) return said;
    const answer = Buffer.from(said.answer.subarray(0, TOLD));
    answer.writeUInt32LE(0, 24);
    asked.push({ at: keep(answer, said.request), len: said.request.length, value: said.allow ? 1 : 0 });
    return said;
  };
  const askChanged = async (opened, c, change) => {
    const tx = copy(c.tx);
    if (change(tx, c) !== undefined) await ask(opened, message(tx));
  };
  for (const c of mine) {
    const opened = await opinions.open(c);
    const said = await ask(opened, message(c.tx));
    for (const [, change] of c.bent ?? []) await askChanged(opened, c, (tx) => (change(tx), true));
    await opinions.drop(opened);
    if (!said.allow) continue;
    for (const narrow of Object.values(NARROWER)) {
      const narrower = narrow(valuesOf(intent, c.grant.params), said, c);
      if (narrower === undefined) continue;
      const tried = await opinions.open(c, narrower.params);
      await ask(tried, message(c.tx));
      await opinions.drop(tried);
    }
  }
  const step = Math.max(1, Math.floor(mine.length / 20));
  for (const [i, c] of mine.filter((_, at) => at % step === 0).entries()) {
    const opened = await opinions.open(c);
    for (const change of Object.values(CHANGED)) await askChanged(opened, c, change);
    for (let k = 0; k < 2 * kindNames.length; k++) {
      const bent = mutate(new Random(1000 * i + k), c.tx, worldOf(c), kindNames[k % kindNames.length]);
      if (bent !== undefined) await ask(opened, write(lower(bent.tx), false).bytes);
    }
    for (const counter of c.counters.keys())
      await ask(await opinions.open({ ...c, counters: c.counters.map((x, at) => (at === counter ? { ...x, left: 0n } : x)) }), message(c.tx));
  }
  opinions.close();
  return { table: tableOf(intent), asked };
}

// --- the bugs

const TURNS = [[' == ', ' != '], [' != ', ' == '], [' <= ', ' < '], [' >= ', ' > '], [' < ', ' <= '], [' > ', ' >= '], [' && ', ' || '], [' || ', ' && '],
  [' += ', ' = '], ['return true;', 'return false;'], ['return false;', 'return true;'], ['if (!', 'if ('], ['++V(', 'V('], ['UINT64_MAX - ', ''],
  [' |= ', ' = '], ['continue;', ';']];

// Functions that only write texts, loops over what the host made, and code that no table reaches.
function isTold(lines, at) {
  let from = at;
  while (from > 0 && !/^[a-z].*\(|^static|^#define/.test(lines[from])) from--;
  const head = lines.slice(from, from + 3).join(' ');
  return /POLICY_COLD|say_|intent_expects|INTENT_FAIL\(report/.test(head);
}

// Changes after which nothing is decided otherwise, or that no table reaches: part of the line and the two before it, " -> ", the changed line.
const NO_DIFFERENCE = [
  ['n > UINT32_MAX', 'the library multiplies by basis points and by 0 or 1'],
  ['segments <= INTENT_SEGMENTS_MAX', 'no operation reads the entry behind the last'],
  ['INTENT_REST_UNKNOWN', 'a short cut: what follows says the same'],
  ['op->op >= INTENT_OP_ACCOUNT', 'what is asked of any account holds for all'],
  ['INTENT_INSTRUCTIONS_MAX', 'the host takes no more than 64'],
  ['1u << width', 'a value at the very end of data misses what comes behind it, for the same reason'],
  ['entry < INTENT_ENUM_LAYOUT', 'no layout begins at 0'],
  ['UINT64_MAX - V(INTENT_LAMPORTS)', 'the one sum between is over every limit'],
  ['part > UINT64_MAX', 'the same'], ['intent_pending_count < ', 'no place of the library is read-only for account 0'],
  ['a->wallet == 0 && !intent_is_own(account)', 'said twice: this one is for places that choose a rule, and none of the library chooses by it'],
  ['struct policy_value expected', 'words of a refusal'], [')));', 'behind a refusal: reached only while explaining'], ['INTENT_FAIL(', 'the same'],
  ['(x, op)) return false; -> return true;', 'the refusal is noted already'], ['(p)) return false; -> return true;', 'the same'], ['(p, i)) return false; -> return true;', 'the same'],
  ['key) >= 0; default: return false; -> return true;', 'the host takes no table with another kind there'],
  ['c.at = c.end; layout += 2; -> layout = 2;', 'a rest is the last field, and what stands at address 2 is an end, too'],
  ['a == 0 && b == 0', 'a short cut: nothing is added'], ['l[1] <= r[1]', 'asked where they differ'],
  ['at->data_len <= rule->data_len ?', 'the same'], ['account_count >= rule->listed', 'a loop over none'],
].map(([part]) => part);

function* bugsOf(file) {
  const path = join(root, 'policies/evaluator', file);
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [at, line] of lines.entries()) {
    const code = line.trim();
    if (/^(\*|\/\*|#|for \(|\/\/|case|static|const char)/.test(code) || /POLICY_COLD|\bsays\b|v_words|explain/.test(line) || isTold(lines, at)) continue;
    const before = lines.slice(Math.max(0, at - 2), at + 1).map((one) => one.trim()).join(' ');
    for (const [from, to] of TURNS) {
      let place = line.indexOf(from);
      for (; place >= 0; place = line.indexOf(from, place + 1)) {
        const changed = line.slice(0, place) + to + line.slice(place + from.length);
        if (NO_DIFFERENCE.some((part) => `${before} -> ${changed.trim()}`.includes(part))) continue;
        yield { file, where: `${file}:${at + 1}: ${code} -> ${changed.trim()}`, text: [...lines.slice(0, at), changed, ...lines.slice(at + 1)].join('\n') };
      }
    }
  }
}

// The evaluator's own build commands, with one file of its folder replaced; and less optimized, which takes less time.
function commands(scratch) {
  const all = execFileSync('ninja', ['-C', build, '-t', 'commands', 'policies/evaluator/evaluator.wasm'], { encoding: 'utf8' }).trim().split('\n').slice(-2);
  return all.map((line) => line.replaceAll(join(root, 'policies/evaluator'), scratch).replaceAll(join(build, 'policies/evaluator'), scratch).replace('-Werror', '-w').replace(' -O2 ', ' -O0 '));
}

function compile(bug, name) {
  const scratch = join(folder, name);
  mkdirSync(scratch);
  for (const file of readdirSync(join(root, 'policies/evaluator'))) copyFileSync(join(root, 'policies/evaluator', file), join(scratch, file));
  writeFileSync(join(scratch, bug.file), bug.text);
  try {
    for (const line of commands(scratch)) execFileSync('sh', ['-c', line], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return join(scratch, 'evaluator.wasm');
}

function judge(evaluator, questions) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { evaluator, questions, shared } });
    const began = process.cpuUsage();
    const timer = setInterval(() => {
      const { user, system } = process.cpuUsage(began);
      if (user + system > 1e6 * SECONDS) worker.terminate().then(() => end(true));
    }, 1000);
    const end = (noticed) => {
      clearInterval(timer);
      resolve(noticed);
    };
    worker.once('message', end);
    worker.once('error', () => end(true));
  });
}

const byIntent = [...cases, ...shapes].reduce((map, c) => map.set(c.intent, [...(map.get(c.intent) ?? []), c]), new Map());
const questions = [];
for (const [intent, mine] of byIntent) questions.push(await questionsOf(intent, mine));
const shared = new SharedArrayBuffer(keptLen);
new Uint8Array(shared).set(kept.subarray(0, keptLen));
kept = undefined;
const number = questions.reduce((sum, q) => sum + q.asked.length, 0);
const asItIs = { file: 'intent_run.h', text: readFileSync(join(root, 'policies/evaluator/intent_run.h'), 'utf8') };
expect(!(await judge(compile(asItIs, 'as-it-is'), questions)), 'the evaluator as it is gives the same answers');

const bugs = [...bugsOf('intent_run.h')].filter(({ where }, i) => (only === undefined ? i % every === 0 : new RegExp(only).test(where)));
// A soak that was interrupted goes on, as long as evaluator and questions are the same.
const state = process.env.SOAK_STATE && join(process.env.SOAK_STATE, 'bugs.json');
const of = createHash('sha256').update(readFileSync(join(build, 'policies/evaluator/evaluator.wasm')));
for (const { table } of questions) of.update(table);
let verdicts = { of: of.update(Buffer.from(shared)).digest('hex'), found: {} };
const before = state && existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : verdicts;
if (before.of === verdicts.of) verdicts = before;
let [noticed, odd] = [0, 0];
const survivors = [];
for (const [i, bug] of bugs.entries()) {
  const name = createHash('sha256').update(bug.text).digest('hex');
  if (verdicts.found[name] === undefined) {
    const evaluator = compile(bug, `m${i}`);
    verdicts.found[name] = evaluator === undefined ? 'no C' : (await judge(evaluator, questions)) ? 'noticed' : 'survived';
    rmSync(join(folder, `m${i}`), { recursive: true });
    if (state) writeFileSync(state, JSON.stringify(verdicts));
    if (state && verdicts.found[name] === 'survived') console.log(`${i} of ${bugs.length}: not noticed: ${bug.where}`);
  }
  if (verdicts.found[name] === 'no C') odd++;
  else if (verdicts.found[name] === 'noticed') noticed++;
  else survivors.push(bug.where);
}
rmSync(folder, { recursive: true });
for (const where of survivors) console.log('not noticed:', where);
console.log(`${bugs.length} bugs planted (one in ${every}), ${noticed} noticed by ${number} questions, ${survivors.length} not, ${odd} are no C`);
expect(survivors.length === 0 && noticed > 0, 'every one is noticed');
summary();
