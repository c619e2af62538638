// SPDX-License-Identifier: Apache-2.0
// Structure-aware mutations of one transaction (lift.mjs): each changes one thing that a signer must
// notice and keeps the message well-formed wherever it can. `kinds` is the table that the published counts
// name; every entry changes the copy it is given and says in a word what it did, or returns undefined
// when there is nothing of that kind to change.
import { createHash } from 'node:crypto';
import { account, bytes58, copy, resolve, text58 } from './lift.mjs';
import { ATA, ata, BUDGET, JITO, MEMO, NATIVE, PUMP, PUMP_EVENTS, PUMP_SWAP, PUMP_SWAP_EVENTS, stranger, SYSTEM, TOKEN, TOKEN_2022, u32, u64 } from './known.mjs';

const strangers = ['a', 'b', 'c', 'd'].map(stranger);
const some = (r, list) => (list.length === 0 ? undefined : r.pick(list));

// Instructions that a signer must look at: not ComputeBudget's, most of the time.
const someIx = (r, tx) => {
  const telling = tx.ixs.filter((ix) => ix.program.key !== BUDGET);
  return some(r, r.below(8) === 0 || telling.length === 0 ? tx.ixs : telling);
};

// Where a u64 could stand in instruction data: at each byte from 1 on; programs have it at 1, 4, 8, 9 or
// behind a plan of any length, so every place is tried.
const someU64 = (r, ix) => {
  if (ix === undefined || ix.data.length < 9) return undefined;
  const likely = [1, 4, 8, 9, 16, 17, ix.data.length - 19, ix.data.length - 11, ix.data.length - 16, ix.data.length - 8];
  const at = r.below(4) > 0 ? r.pick(likely) : r.below(ix.data.length - 7);
  return at >= 0 && at + 8 <= ix.data.length ? at : undefined;
};

function addU64(ix, at, change) {
  ix.data.writeBigUInt64LE(BigInt.asUintN(64, ix.data.readBigUInt64LE(at) + change), at);
}

const strangerBytes = (key) => Buffer.from(bytes58(key));

// The address that System makes of the wallet's, the seed "x" and the token program.
const seeded = (wallet) => text58(createHash('sha256').update(bytes58(wallet)).update('x').update(bytes58(TOKEN)).digest());

// One more instruction, of each kind that robs a wallet or only costs.
export function robberies(tx, wallet, mint) {
  const from = ata(wallet, mint);
  const wrapped = ata(wallet, NATIVE);
  const [a, b] = strangers;
  const amount = u64(0x0101010101n);
  const owner = { signer: true, writable: true };
  const w = { writable: true };
  const token = [TOKEN, TOKEN_2022].flatMap((program) => [
    ['token-transfer', program, [[from, w], [a, w], [wallet, owner]], [Buffer.of(3), amount]],
    ['token-transfer-checked', program, [[from, w], [mint], [a, w], [wallet, owner]], [Buffer.of(12), amount, Buffer.of(6)]],
    ['token-approve', program, [[from, w], [a], [wallet, owner]], [Buffer.of(4), amount]],
    ['token-approve-checked', program, [[from, w], [mint], [a], [wallet, owner]], [Buffer.of(13), amount, Buffer.of(6)]],
    ['token-set-authority', program, [[from, w], [wallet, owner]], [Buffer.of(6, 2, 1), strangerBytes(a)]],
    ['token-set-closer', program, [[from, w], [wallet, owner]], [Buffer.of(6, 3, 1), strangerBytes(a)]],
    ['token-burn', program, [[from, w], [mint, w], [wallet, owner]], [Buffer.of(8), amount]],
    ['token-close', program, [[wrapped, w], [a, w], [wallet, owner]], [Buffer.of(9)]],
    ['token-batch', program, [[from, w], [a, w], [wallet, owner]], [Buffer.of(255, 3, 9, 3), amount]],
    ['token-withdraw-excess', program, [[from, w], [a, w], [wallet, owner]], [Buffer.of(38)]],
    ['token-unwrap', program, [[wrapped, w], [a, w], [wallet, owner]], [Buffer.of(45, 0)]],
  ]);
  return [
    ['sol-transfer', SYSTEM, [[wallet, owner], [a, w]], [u32(2), amount]],
    ['sol-transfer-seed', SYSTEM, [[wallet, w], [wallet, owner], [a, w]], [u32(11), amount, Buffer.alloc(8), strangerBytes(a)]],
    ['sol-create', SYSTEM, [[wallet, owner], [a, owner]], [u32(0), amount, u64(165), strangerBytes(b)]],
    ['sol-create-seed', SYSTEM, [[wallet, owner], [a, w]], [u32(3), strangerBytes(wallet), u64(1), Buffer.from('x'), amount, u64(0), strangerBytes(b)]],
    // A token account that nobody owns yet: whoever initializes it takes what lies in it.
    ['token-create-seed', SYSTEM, [[wallet, owner], [seeded(wallet), w]],
      [u32(3), strangerBytes(wallet), u64(1), Buffer.from('x'), u64(2039280), u64(165), strangerBytes(TOKEN)]],
    ['token-create-at-key', SYSTEM, [[wallet, owner], [a, owner]], [u32(0), u64(2039280), u64(165), strangerBytes(TOKEN)]],
    // Into the wallet's own account, but perhaps uncounted: after a ledger was set there.
    ['wrap', SYSTEM, [[wallet, owner], [wrapped, w]], [u32(2), u64(1)]],
    ['sync', TOKEN, [[wrapped, w]], [Buffer.of(17)]],
    ['sol-assign', SYSTEM, [[wallet, owner]], [u32(1), strangerBytes(a)]],
    ['sol-allocate', SYSTEM, [[wallet, owner]], [u32(8), u64(1)]],
    ['nonce-advance', SYSTEM, [[a, w], [b], [wallet, owner]], [u32(4)]],
    ['nonce-withdraw', SYSTEM, [[a, w], [b, w], [stranger('c')], [stranger('d')], [wallet, owner]], [u32(5), amount]],
    ['nonce-authorize', SYSTEM, [[a, w], [wallet, owner]], [u32(7), strangerBytes(b)]],
    ...token,
    ['ata-for-another', ATA, [[wallet, owner], [ata(a, mint), w], [a], [mint], [SYSTEM], [TOKEN]], [Buffer.of(1)]],
    ['ata-recover', ATA, [[from, w], [mint], [a, w], [wrapped], [NATIVE], [wallet, owner], [TOKEN]], [Buffer.of(2)]],
    ['tip-large', SYSTEM, [[wallet, owner], [JITO[3], w]], [u32(2), u64(1n << 50n)]],
    ['budget-price', BUDGET, [], [Buffer.of(3), u64(1n << 50n)]],
    ['memo-of-another', MEMO, [[a]], [Buffer.from('hello')]],
    ['curve-made-longer', PUMP, [[a, w], [wallet, owner], [SYSTEM], [PUMP_EVENTS], [PUMP]], [Buffer.from('ea66c2cb96483ee5', 'hex')]],
    ['pool-made-longer', PUMP_SWAP, [[a, w], [wallet, owner], [SYSTEM], [PUMP_SWAP_EVENTS], [PUMP_SWAP]], [Buffer.from('ea66c2cb96483ee5', 'hex')]],
    ['unknown-program', stranger('program'), [[wallet, owner], [from, w]], [Buffer.of(1)]],
  ].map(([name, program, accounts, data]) => ({ name, program, accounts, data: Buffer.concat(data) }));
}

export function insert(tx, at, { program, accounts, data }) {
  tx.ixs.splice(at, 0, {
    program: account(tx, program),
    accounts: accounts.map(([key, powers]) => account(tx, key, powers)),
    data,
  });
}

export const kinds = {
  'add-robbery'(r, tx, world) {
    const all = robberies(tx, world.wallet, world.mint);
    const one = r.pick(all);
    insert(tx, r.pick([0, tx.ixs.length, r.below(tx.ixs.length + 1)]), one);
    return one.name;
  },
  'add-harmless'(r, tx, world) {
    const one = r.pick([
      { name: 'memo', program: MEMO, accounts: [], data: Buffer.from('gm') },
      { name: 'memo-signed', program: MEMO, accounts: [[world.wallet, { signer: true }]], data: Buffer.from('gm') },
      { name: 'heap', program: BUDGET, accounts: [], data: Buffer.concat([Buffer.of(1), u32(65536)]) },
      { name: 'own-account', program: ATA, data: Buffer.of(1), accounts: [[world.wallet, { signer: true, writable: true }],
        [ata(world.wallet, world.mint), { writable: true }], [world.wallet], [world.mint], [SYSTEM], [TOKEN]] },
      { name: 'small-tip', program: SYSTEM, data: Buffer.concat([u32(2), u64(r.pick([0, 1, 1000, 100000]))]),
        accounts: [[world.wallet, { signer: true, writable: true }], [r.pick(JITO), { writable: true }]] },
    ]);
    insert(tx, r.below(tx.ixs.length + 1), one);
    return one.name;
  },
  'drop-instruction'(r, tx) {
    if (tx.ixs.length < 2) return undefined;
    const at = r.below(tx.ixs.length);
    tx.ixs.splice(at, 1);
    return String(at);
  },
  'duplicate-instruction'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined) return undefined;
    tx.ixs.splice(r.below(tx.ixs.length + 1), 0, { ...ix, accounts: [...ix.accounts], data: Buffer.from(ix.data) });
    return 'again';
  },
  'swap-instructions'(r, tx) {
    if (tx.ixs.length < 2) return undefined;
    const [i, j] = [r.below(tx.ixs.length), r.below(tx.ixs.length)];
    [tx.ixs[i], tx.ixs[j]] = [tx.ixs[j], tx.ixs[i]];
    return i === j ? undefined : `${i} and ${j}`;
  },
  'instruction-of-another'(r, tx, world) {
    const ix = some(r, world.others());
    if (ix === undefined) return undefined;
    const accounts = ix.accounts.map((a) => [resolve(a) === ix.payer ? world.wallet : resolve(a) ?? strangers[0],
      { signer: a.signer && resolve(a) === ix.payer, writable: a.writable }]);
    insert(tx, r.below(tx.ixs.length + 1), { program: ix.program.key, accounts, data: ix.data });
    return ix.program.key;
  },
  'second-tail'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.data.length < 9) return undefined;
    const len = Math.min(ix.data.length - 1, r.pick([8, 16, 17, 19, 24, 41, ix.data.length - 8, ix.data.length - 1]));
    const tail = Buffer.from(ix.data.subarray(ix.data.length - len));
    if (len >= 8 && r.below(2)) tail.writeBigUInt64LE(BigInt(r.pick([0, 1, 1000])), r.pick([0, len - 8]));
    ix.data = Buffer.concat([ix.data, tail]);
    return `${len} bytes`;
  },
  'trailing-bytes'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined) return undefined;
    ix.data = Buffer.concat([ix.data, Buffer.from(r.bytes(r.pick([1, 1, 1, 2, 8, 32])))]);
    return 'longer';
  },
  'data-cut'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.data.length === 0) return undefined;
    ix.data = ix.data.subarray(0, ix.data.length - r.pick([1, 1, 1, 2, 8].filter((n) => n <= ix.data.length)));
    return 'shorter';
  },
  'data-byte'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.data.length === 0) return undefined;
    const at = r.below(ix.data.length);
    ix.data[at] = r.pick([ix.data[at] ^ (1 << r.below(8)), 0, 1, 2, 255, r.below(256)]);
    return `byte ${at}`;
  },
  'amount-by-one'(r, tx) {
    const ix = someIx(r, tx);
    const at = someU64(r, ix);
    if (at === undefined) return undefined;
    addU64(ix, at, r.pick([1n, -1n]));
    return `at ${at}`;
  },
  'amount-extreme'(r, tx) {
    const ix = someIx(r, tx);
    const at = someU64(r, ix);
    if (at === undefined) return undefined;
    ix.data.writeBigUInt64LE(r.pick([0n, 1n, (1n << 64n) - 1n, 1n << 63n, BigInt(r.next()), 10n ** 12n]), at);
    return `at ${at}`;
  },
  'account-of-another-place'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length === 0) return undefined;
    const at = r.below(ix.accounts.length);
    ix.accounts[at] = r.pick(tx.accounts);
    return `account ${at}`;
  },
  'account-stranger'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length === 0) return undefined;
    const at = r.below(ix.accounts.length);
    const { writable } = ix.accounts[at];
    ix.accounts[at] = account(tx, r.pick(strangers), { writable });
    return `account ${at}`;
  },
  'account-owned-by-stranger'(r, tx, world) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length === 0) return undefined;
    const at = r.below(ix.accounts.length);
    ix.accounts[at] = account(tx, ata(strangers[0], world.mint, r.pick([TOKEN, TOKEN_2022])), { writable: true });
    return `account ${at}`;
  },
  'account-own-of-another-mint'(r, tx, world) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length === 0) return undefined;
    const at = r.below(ix.accounts.length);
    ix.accounts[at] = account(tx, ata(world.wallet, r.pick([...world.mints, strangers[1]]), r.pick([TOKEN, TOKEN_2022])), { writable: true });
    return `account ${at}`;
  },
  'account-swap'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length < 2) return undefined;
    const [i, j] = [r.below(ix.accounts.length), r.below(ix.accounts.length)];
    [ix.accounts[i], ix.accounts[j]] = [ix.accounts[j], ix.accounts[i]];
    return `${i} and ${j}`;
  },
  'account-added'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined) return undefined;
    ix.accounts.splice(r.below(ix.accounts.length + 1), 0, r.pick(tx.accounts));
    return 'one more';
  },
  'account-dropped'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined || ix.accounts.length === 0) return undefined;
    ix.accounts.splice(r.below(ix.accounts.length), 1);
    return 'one less';
  },
  'account-behind'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined) return undefined;
    for (let n = 1 + r.below(3); n > 0; n--)
      ix.accounts.push(r.below(3) ? account(tx, r.pick(strangers), { writable: r.below(2) === 1 }) : r.pick(tx.accounts));
    return 'behind the others';
  },
  'key-stranger'(r, tx) {
    const still = tx.accounts.filter((a) => a.key !== undefined && !strangers.includes(a.key));
    if (still.length === 0) return undefined;
    const one = r.pick(still);
    const name = r.pick(strangers);
    if (tx.accounts.some((a) => a.key === name)) return undefined;
    one.key = name;
    return 'everywhere';
  },
  'powers'(r, tx) {
    const one = r.pick(tx.accounts);
    if (one.key === undefined || r.below(2)) one.writable = !one.writable;
    else one.signer = !one.signer;
    return 'flag';
  },
  'another-fee-payer'(r, tx) {
    const payer = { key: strangers[2], signer: true, writable: true };
    if (tx.accounts.some((a) => a.key === payer.key)) return undefined;
    tx.accounts.unshift(payer);
    if (r.below(2)) for (const a of tx.accounts) if (a !== payer && a.signer) a.writable = r.below(2) === 1;
    return 'in front';
  },
  'program-stranger'(r, tx) {
    const ix = someIx(r, tx);
    if (ix === undefined) return undefined;
    ix.program = account(tx, r.pick([...strangers, SYSTEM, TOKEN, TOKEN_2022, ATA, BUDGET, MEMO]));
    return 'program';
  },
  'table-index'(r, tx) {
    const one = some(r, tx.accounts.filter((a) => a.table !== undefined));
    if (one === undefined) return undefined;
    one.index = r.pick([one.index ^ 1, (one.index + 1) & 255, 255, r.below(256)]);
    return tx.accounts.some((a) => a !== one && a.table === one.table && a.index === one.index) ? undefined : 'index';
  },
  'table-key'(r, tx) {
    const table = some(r, tx.tables);
    if (table === undefined) return undefined;
    for (const a of tx.accounts) if (a.table === table) a.table = strangers[3];
    tx.tables = tx.tables.map((t) => (t === table ? strangers[3] : t));
    return 'table';
  },
  'into-table'(r, tx, world) {
    // A static account that no signature needs moves into a table, where its key cannot be seen.
    const programs = new Set(tx.ixs.map((ix) => ix.program));
    const one = some(r, tx.accounts.filter((a) => a.key !== undefined && !a.signer && !programs.has(a) && a !== tx.accounts[0]));
    if (one === undefined || tx.version === 1) return undefined;
    tx.version = 0;
    one.table = world.table;
    one.index = r.below(256);
    const was = one.key;
    one.key = undefined;
    return tx.accounts.some((a) => a !== one && a.table === one.table && a.index === one.index) ? undefined : was;
  },
  'out-of-table'(r, tx) {
    const one = some(r, tx.accounts.filter((a) => a.table !== undefined && resolve(a) !== undefined));
    if (one === undefined) return undefined;
    const key = resolve(one);
    if (tx.accounts.some((a) => a.key === key)) return undefined;
    one.key = key;
    one.table = one.index = undefined;
    return 'static';
  },
  'version'(r, tx) {
    const to = r.pick(['legacy', 0, 1].filter((v) => v !== tx.version));
    if (to !== 0 && tx.accounts.some((a) => a.table !== undefined)) {
      for (const a of tx.accounts) {
        const key = resolve(a);
        if (key === undefined || (a.key === undefined && tx.accounts.some((b) => b.key === key))) return undefined;
        a.key = key;
        a.table = a.index = undefined;
      }
      tx.tables = [];
    }
    if (to === 1) tx.config = { mask: 0b1111, values: Uint8Array.from(Buffer.concat([u64(5000), u32(200000), u32(1 << 20)])) };
    tx.version = to;
    return `to ${to}`;
  },
  'v1-mask'(r, tx) {
    if (tx.version !== 1) {
      if (kinds.version(r, tx) === undefined || tx.version !== 1) return undefined;
    }
    const mask = r.pick([0, 3, 4, 7, 15, 31, 1, 2, 32, 1 << 31]);
    const values = [0, 1, 2, 3, 4].filter((bit) => mask & (1 << bit));
    tx.config = { mask: mask >>> 0, values: Uint8Array.from(Buffer.concat(values.map((bit) =>
      (bit === 4 ? u32(65536) : bit === 1 ? u32(r.pick([0, 0, 1])) : u32(r.pick([0, 1000, 1400000])))))) };
    return `mask ${mask}`;
  },
  'budget'(r, tx) {
    const one = r.pick([
      ['limit', Buffer.concat([Buffer.of(2), u32(r.pick([0, 1, 200000, 1400000, 4294967295]))])],
      ['price', Buffer.concat([Buffer.of(3), u64(r.pick([0n, 1n, 1000000n, 1n << 40n, (1n << 64n) - 1n]))])],
      ['odd', Buffer.concat([Buffer.of(r.below(6)), Buffer.from(r.bytes(r.below(10)))])],
      ['none', null],
    ]);
    if (one[0] === 'none' || r.below(2)) tx.ixs = tx.ixs.filter((ix) => ix.program.key !== BUDGET || (one[1] && ix.data[0] !== one[1][0]));
    if (one[1]) tx.ixs.splice(r.below(tx.ixs.length + 1), 0, { program: account(tx, BUDGET), accounts: [], data: one[1] });
    return one[0];
  },
  'budget-accounts'(r, tx) {
    const ix = some(r, tx.ixs.filter((i) => i.program.key === BUDGET));
    if (ix === undefined) return undefined;
    ix.accounts.push(r.pick(tx.accounts));
    return 'an account';
  },
  'durable-nonce'(r, tx, world) {
    insert(tx, 0, { program: SYSTEM, data: u32(4), accounts: [[r.pick([world.nonce, strangers[0]]), { writable: true }],
      ['SysvarRecentB1ockHashes11111111111111111111'], [r.pick([world.wallet, strangers[1]]), { signer: true }]] });
    return 'advance';
  },
  'lifetime'(r, tx) {
    tx.lifetime = r.bytes(32);
    return 'other';
  },
};

export const kindNames = Object.keys(kinds);

// mutate(r, tx, world, kind): a changed copy, or undefined when this transaction has nothing of the kind.
export function mutate(r, tx, world, kind) {
  const bent = copy(tx);
  const how = kinds[kind](r, bent, world);
  return how === undefined ? undefined : { tx: bent, how };
}
