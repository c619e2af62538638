// SPDX-License-Identifier: Apache-2.0
// No wrong allow (S12, A1, A2, A15): every real swap is put into a wallet's name and then bent: each
// account of each instruction replaced by each other account, each key by a stranger's, instructions
// dropped, repeated, moved and slipped in, data lengthened, cut and changed. What `claviger policy
// check` still allows is judged here by a second, separate reading of the bytes.
// usage: wrong_allow.mjs [EVERY]   EVERY 1: all of the account replacements, default 6: one in six
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, expect, load, root, rows, summary } from '../solana/setup.mjs';

const { PublicKey } = load('@solana/web3.js');
const every = Number(process.argv[2] ?? 6);
const folder = mkdtempSync(join(tmpdir(), 'claviger-wrong-'));
const b58 = (text) => Buffer.from(new PublicKey(text).toBytes());
const text58 = (key) => new PublicKey(key).toBase58();
const someone = (name) => createHash('sha256').update(`wrong-allow:${name}`).digest();
const SYSTEM = b58('11111111111111111111111111111111');
const BUDGET = b58('ComputeBudget111111111111111111111111111111');
const TOKEN = b58('TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA');
const TOKEN_2022 = b58('TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb');
const ATA = b58('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL');
const MEMO = b58('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr');
const JUPITER = b58('JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4');
const RAYDIUM = b58('675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8');
const NATIVE = 'So11111111111111111111111111111111111111112';
const wallet = b58('4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7');
const stranger = someone('stranger');

const ata = (owner, mint, program = TOKEN) =>
  Buffer.from(PublicKey.findProgramAddressSync([owner, program, b58(mint)], new PublicKey(ATA))[0].toBytes());

// ---- a reader and writer of legacy and v0, for bending only

function read(wire) {
  let at = 0;
  const u8 = () => wire[at++];
  const count = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (len) => wire.subarray(at, (at += len));
  const list = () => [...take(count())];
  take(64 * count());
  const v0 = wire[at] === 0x80 && Boolean(u8());
  const header = [...take(3)];
  const keys = Array.from({ length: count() }, () => Buffer.from(take(32)));
  const lifetime = take(32);
  const ixs = Array.from({ length: count() }, () => ({ program: u8(), accounts: list(), data: Buffer.from(list()) }));
  const lookups = v0 ? Array.from({ length: count() }, () => ({ table: take(32), writable: list(), readonly: list() })) : [];
  return { v0, header, keys, lifetime, ixs, lookups };
}

function write(tx) {
  const count = (n) => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, n >> 7]);
  const list = (bytes) => [...count(bytes.length), ...bytes];
  const parts = [...(tx.v0 ? [0x80] : []), ...tx.header, ...count(tx.keys.length), ...tx.keys.flatMap((k) => [...k]),
    ...tx.lifetime, ...count(tx.ixs.length)];
  for (const ix of tx.ixs) parts.push(ix.program, ...list(ix.accounts), ...list(ix.data));
  if (tx.v0) {
    parts.push(...count(tx.lookups.length));
    for (const l of tx.lookups) parts.push(...l.table, ...list(l.writable), ...list(l.readonly));
  }
  return Buffer.from(parts).toString('base64');
}

const copy = (tx) => ({ ...tx, header: [...tx.header], keys: [...tx.keys],
  ixs: tx.ixs.map((ix) => ({ ...ix, accounts: [...ix.accounts], data: Buffer.from(ix.data) })) });

// with adds a static key behind the others; what looked up accounts are called moves up by one.
function withKey(tx, key) {
  const known = tx.keys.findIndex((k) => k.equals(key));
  if (known >= 0) return [tx, known];
  const bent = copy(tx);
  const place = bent.keys.length;
  for (const ix of bent.ixs) ix.accounts = ix.accounts.map((a) => (a >= place ? a + 1 : a));
  bent.keys.push(key);
  bent.header[2]++;
  return [bent, place];
}

// withWritable puts the key before the read-only ones, as a recipient would stand.
function withWritable(tx, key) {
  const bent = copy(tx);
  const place = bent.keys.length - bent.header[2];
  for (const ix of bent.ixs) {
    ix.accounts = ix.accounts.map((a) => (a >= place ? a + 1 : a));
    if (ix.program >= place) ix.program++;
  }
  bent.keys.splice(place, 0, key);
  return [bent, place];
}

// ---- the second reading: undefined when nothing but the one swap is done, else what is wrong

const SLOTS = { // authority, source, destination, optional second destination (published IDL)
  e517cb977ae3ad2a: [1, 2, 3, 4], d033ef977b2bed5c: [1, 2, 3, 4], c1209b3341d69c81: [2, 3, 6], b0d169a89a7d453e: [2, 3, 6],
  bb64facc31c4af14: [0, 1, 2, 7], '9d8ab85215f4f324': [0, 1, 2, 7], d19853937cfed8e9: [1, 2, 5], '3560e5cad8bbfa18': [1, 2, 5],
};

function wrong(tx, grant) {
  const key = (account) => tx.keys[account] ?? null;
  const is = (account, wanted) => key(account)?.equals(wanted) ?? false;
  const mine = (account, mint) => is(account, ata(wallet, mint)) || is(account, ata(wallet, mint, TOKEN_2022));
  let swaps = 0;
  if (!tx.keys.slice(0, tx.header[0]).some((k) => k.equals(wallet))) return 'the wallet does not sign';
  for (const { program, accounts: a, data: d } of tx.ixs) {
    const run = key(program);
    if (run === null) return 'a hidden program';
    if (run.equals(BUDGET)) continue;
    if (run.equals(SYSTEM)) {
      if (d.length !== 12 || d.readUInt32LE(0) !== 2 || !is(a[0], wallet)) return 'System';
      if (!mine(a[1], NATIVE)) return 'SOL to another';
      if (d.readBigUInt64LE(4) > grant.maxIn) return 'SOL over the limit';
    } else if (run.equals(ATA)) {
      if (!is(a[2], wallet) || d.length > 1 || d[0] > 1) return 'an account for another';
    } else if (run.equals(TOKEN)) {
      if (!mine(a[0], NATIVE) || d.length !== 1) return 'a token instruction';
      if (d[0] === 9 ? !is(a[1], wallet) || !is(a[2], wallet) : d[0] !== 17) return 'token close';
    } else if (run.equals(JUPITER)) {
      const slots = SLOTS[d.subarray(0, 8).toString('hex')];
      if (!slots || ++swaps > 1) return 'another Jupiter instruction';
      const v2 = slots[0] < 2 && ['bb64facc31c4af14', '9d8ab85215f4f324', 'd19853937cfed8e9', '3560e5cad8bbfa18']
        .includes(d.subarray(0, 8).toString('hex'));
      if (!is(a[slots[0]], wallet) || !mine(a[slots[1]], grant.input) || !mine(a[slots[2]], grant.output))
        return 'not the wallet\'s accounts';
      if (slots[3] !== undefined && !is(a[slots[3]], JUPITER) && !mine(a[slots[3]], grant.output)) return 'second destination';
      const exactOut = ['d033ef977b2bed5c', 'b0d169a89a7d453e', '9d8ab85215f4f324', '3560e5cad8bbfa18']
        .includes(d.subarray(0, 8).toString('hex'));
      const place = !v2 ? d.length - 19 : slots[3] === undefined ? 9 : 8;
      const given = d.readBigUInt64LE(place + (exactOut ? 8 : 0));
      const bps = exactOut ? 10000n + BigInt(d.readUInt16LE(place + 16)) : 10000n;
      if ((given * bps + 9999n) / 10000n > grant.maxIn) return 'sells more';
    } else if (run.equals(RAYDIUM)) {
      if (![9, 11, 16, 17].includes(d[0]) || d.length !== 17 || ++swaps > 1) return 'another Raydium instruction';
      if (!is(a.at(-1), wallet) || !mine(a.at(-3), grant.input) || !mine(a.at(-2), grant.output)) return 'not the wallet\'s accounts';
      if (d.readBigUInt64LE(1) > grant.maxIn) return 'sells more';
    } else if (!run.equals(MEMO)) {
      return 'another program';
    } else if (!a.every((account) => is(account, wallet))) {
      return 'another signs a memo';
    }
  }
  return swaps === 1 ? undefined : 'no swap';
}

// ---- bending

function* bends(tx, grant) {
  const total = tx.keys.length + tx.lookups.reduce((sum, l) => sum + l.writable.length + l.readonly.length, 0);
  let turn = 0;
  for (let i = 0; i < tx.ixs.length; i++) {
    for (let s = 0; s < tx.ixs[i].accounts.length; s++) {
      for (let to = 0; to < total; to++) {
        if (to === tx.ixs[i].accounts[s] || turn++ % every !== 0) continue;
        const bent = copy(tx);
        bent.ixs[i].accounts[s] = to;
        yield [`instruction ${i}, account ${s} is ${to}`, bent];
      }
    }
    for (let to = 1; to < tx.keys.length; to++) {
      const bent = copy(tx);
      bent.ixs[i].program = to;
      yield [`instruction ${i} is of program ${to}`, bent];
    }
    const dropped = copy(tx);
    dropped.ixs.splice(i, 1);
    yield [`without instruction ${i}`, dropped];
    const twice = copy(tx);
    twice.ixs.push(twice.ixs[i]);
    yield [`instruction ${i} twice`, twice];
    const first = copy(tx);
    first.ixs.unshift(...first.ixs.splice(i, 1));
    yield [`instruction ${i} first`, first];
    for (let s = 0; s < tx.ixs[i].accounts.length; s++) {
      const less = copy(tx);
      less.ixs[i].accounts.splice(s, 1);
      yield [`instruction ${i} without account ${s}`, less];
      const more = copy(tx);
      more.ixs[i].accounts.splice(s, 0, 0);
      yield [`instruction ${i} with one more account before ${s}`, more];
    }
    const data = tx.ixs[i].data;
    for (let at = 0; at < data.length; at++) {
      if (at > 48 && at < data.length - 24) continue;
      for (const value of [data[at] ^ 1, data[at] ^ 0x80, 0, 255]) {
        if (value === data[at]) continue;
        const bent = copy(tx);
        bent.ixs[i].data[at] = value;
        yield [`instruction ${i}, byte ${at} is ${value}`, bent];
      }
    }
    for (const tail of [Buffer.of(0), Buffer.of(255), data.subarray(-19), data.subarray(8)]) {
      const bent = copy(tx);
      bent.ixs[i].data = Buffer.concat([data, tail]);
      yield [`instruction ${i} with ${tail.length} bytes more`, bent];
    }
    const cut = copy(tx);
    cut.ixs[i].data = data.subarray(0, -1);
    yield [`instruction ${i} cut`, cut];
  }
  for (let k = 0; k < tx.keys.length; k++) {
    const bent = copy(tx);
    bent.keys[k] = stranger;
    yield [`key ${k} is a stranger`, bent];
  }
  yield* slipped(tx, grant);
}

// One more instruction, of each kind that robs a wallet.
function* slipped(tx, grant) {
  const from = ata(wallet, grant.input);
  const amount = Buffer.alloc(8, 1);
  const [base, to] = withWritable(tx, stranger);
  const kinds = [
    ['transfer', SYSTEM, [wallet, stranger], Buffer.concat([Buffer.of(2, 0, 0, 0), amount])],
    ['assign', SYSTEM, [wallet], Buffer.concat([Buffer.of(1, 0, 0, 0), stranger])],
    ['createAccount', SYSTEM, [wallet, stranger], Buffer.concat([Buffer.alloc(4), amount, amount, stranger])],
    ['transferWithSeed', SYSTEM, [wallet, wallet, stranger], Buffer.concat([Buffer.of(11, 0, 0, 0), amount, Buffer.alloc(8), stranger])],
    ['advanceNonce', SYSTEM, [stranger, stranger, wallet], Buffer.of(4, 0, 0, 0)],
    ...[TOKEN, TOKEN_2022].flatMap((program) => [
      ['token transfer', program, [from, stranger, wallet], Buffer.concat([Buffer.of(3), amount])],
      ['transferChecked', program, [from, b58(grant.input), stranger, wallet], Buffer.concat([Buffer.of(12), amount, Buffer.of(6)])],
      ['approve', program, [from, stranger, wallet], Buffer.concat([Buffer.of(4), amount])],
      ['approveChecked', program, [from, b58(grant.input), stranger, wallet], Buffer.concat([Buffer.of(13), amount, Buffer.of(6)])],
      ['setAuthority', program, [from, wallet], Buffer.concat([Buffer.of(6, 2, 1), stranger])],
      ['burn', program, [from, b58(grant.input), wallet], Buffer.concat([Buffer.of(8), amount])],
      ['closeAccount', program, [from, stranger, wallet], Buffer.of(9)],
      ['batch', program, [from, stranger, wallet], Buffer.concat([Buffer.of(255, 3, 9, 3), amount])],
      ['withdrawExcessLamports', program, [from, stranger, wallet], Buffer.of(38)],
      ['unwrapLamports', program, [from, stranger, wallet], Buffer.of(45, 0)],
      ['initializeAccount3', program, [from, b58(grant.input)], Buffer.concat([Buffer.of(18), stranger])],
    ]),
    ['account for another', ATA, [wallet, ata(stranger, grant.input), stranger, b58(grant.input), SYSTEM, TOKEN], Buffer.of(1)],
    ['recoverNested', ATA, [from, b58(grant.input), stranger, from, b58(grant.input), wallet, TOKEN], Buffer.of(2)],
    ['memo of another', MEMO, [stranger], Buffer.from('hello')],
    ['an unknown program', stranger, [wallet, from], Buffer.of(1)],
  ];
  for (const [name, program, keys, data] of kinds) {
    for (const front of [false, true]) {
      let bent = base;
      let index;
      [bent, index] = withKey(bent, program);
      const accounts = keys.map((key) => {
        if (key === stranger) return to;
        let account;
        [bent, account] = withKey(bent, key);
        return account;
      });
      bent = copy(bent);
      bent.ixs.splice(front ? 0 : bent.ixs.length, 0, { program: index, accounts, data });
      yield [`${name} slipped in`, bent];
    }
  }
}

// ---- asking

function check(module, parameters, lines) {
  const params = join(folder, 'p.toml');
  writeFileSync(params, parameters);
  const done = spawnSync(join(build, 'bin/claviger'), ['policy', 'check', '--module', join(build, `share/policies/${module}.wasm`),
    '--params', params, '--wallet', text58(wallet), '--json'], { input: `${lines.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 30 });
  const answers = done.stdout.trim().split('\n').map((line) => JSON.parse(line));
  expect(answers.length === lines.length, 'one answer a line', answers.length, lines.length, done.stderr);
  expect(done.status === (answers.every((a) => a.verdict === 'allow') ? 0 : 1), 'exit status', done.status);
  return answers;
}

function inName(wire, mints) {
  const tx = read(Buffer.from(wire, 'base64'));
  const payer = tx.keys[0];
  const own = new Map([[payer.toString('hex'), wallet]]);
  for (const mint of mints)
    for (const program of [TOKEN, TOKEN_2022]) own.set(ata(payer, mint, program).toString('hex'), ata(wallet, mint, program));
  tx.keys = tx.keys.map((key) => own.get(key.toString('hex')) ?? key);
  return tx;
}

let asked = 0;
let allowed = 0;
try {
  for (const line of readFileSync(join(root, 'tests/policy/real_swaps.txt'), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [input, output, wire] = line.split(' ');
    const tx = inName(wire, [NATIVE, input, output]);
    const terms = (maxIn) => `input_mint = "${input}"\noutput_mints = ["${output}"]\nmax_in = ${maxIn}\nmin_out = 0\n` +
      'max_slippage_bps = 10000\nmax_fee_lamports = 100000000\nmax_platform_fee_bps = 200\nmax_rent_lamports = 10000000\n';
    const [plain] = check('swap', terms('9223372036854775807'), [write(tx)]);
    if (plain.verdict !== 'allow') continue; // it tips: another grant
    const [sold] = plain.facts.tokens;
    const grant = { input, output, maxIn: BigInt(sold.amount) };
    expect(wrong(tx, grant) === undefined, 'the second reading takes what is real', wrong(tx, grant));
    const bent = [...bends(tx, grant)];
    const answers = check('swap', terms(sold.amount), bent.map(([, b]) => write(b)));
    answers.forEach((answer, i) => {
      asked++;
      if (answer.verdict !== 'allow') return;
      allowed++;
      const trouble = wrong(bent[i][1], grant);
      expect(trouble === undefined, 'WRONG ALLOW:', bent[i][0], trouble, write(bent[i][1]));
    });
  }
  // Nothing that anyone else built is a transfer to the one recipient.
  const others = [...rows('mainnet-tx.jsonl'), ...rows('generated-tx.jsonl')].filter((row) => /^(legacy|0|v0)$/.test(row.version));
  const answers = check('transfer', `recipients = ["${text58(stranger)}"]\nmax_lamports = 9000000000000\nmax_fee_lamports = 9000000000\n` +
    `create_accounts = true\nallow_memo = true\nmints = ["${NATIVE}", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"]\n` +
    'max_amounts = [9000000000000, 9000000000000]\n', others.map((row) => write(inName(row.wire_base64, [NATIVE]))));
  answers.forEach((answer, i) => expect(answer.verdict === 'deny', 'WRONG ALLOW of a transfer', others[i].name ?? others[i].signature));
  expect(asked > 10000 && allowed > 100, 'enough was asked', asked, allowed);
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${asked} bent swaps, ${allowed} still allowed and right`);
summary();
