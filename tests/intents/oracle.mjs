// SPDX-License-Identifier: Apache-2.0
// A third reading, for one question only: does this transaction move value out of the wallet beyond what the
// grant was for? It knows neither intent files nor modules: layouts are written here again, from the
// programs' published IDLs, and read another way where there is one (Jupiter's older instructions from the
// end, which is exact once somebody else has refused left-over bytes). Whatever it does not know, and that
// is handed the wallet's signature, is beyond every grant.
import { text58 as text } from './lift.mjs';
import * as K from './known.mjs';

const le = (d, at) => d.readBigUInt64LE(at);
const bps = (value, by, up) => (value * by + (up ? 9999n : 0n)) / 10000n;

// Jupiter: [v2, shared, exact out, authority, source, destination, second destination, ledger].
const JUPITER = {
  e517cb977ae3ad2a: [0, 0, 0, 1, 2, 3, 4], d033ef977b2bed5c: [0, 0, 1, 1, 2, 3, 4], '96564774a75d0e68': [0, 0, 0, 1, 2, 3, 4, 7],
  c1209b3341d69c81: [0, 1, 0, 2, 3, 6], b0d169a89a7d453e: [0, 1, 1, 2, 3, 6], e6798f50779f6aaa: [0, 1, 0, 2, 3, 6, undefined, 11],
  bb64facc31c4af14: [1, 0, 0, 0, 1, 2, 7], '9d8ab85215f4f324': [1, 0, 1, 0, 1, 2, 7],
  d19853937cfed8e9: [1, 1, 0, 1, 2, 5], '3560e5cad8bbfa18': [1, 1, 1, 1, 2, 5],
};

function jupiter(ix, hex) {
  const form = JUPITER[hex];
  if (form === undefined) return undefined;
  const [v2, shared, exactOut, authority, source, destination, second, ledger] = form;
  const d = ix.data;
  const swap = { authority, source, destination, second, ledger };
  if (ledger !== undefined) {
    if (d.length < 19) return undefined;
    const [quoted, slip, fee] = [le(d, d.length - 11), BigInt(d.readUInt16LE(d.length - 3)), BigInt(d[d.length - 1])];
    return { ...swap, in: 0n, out: bps(bps(quoted, 10000n - slip, false), 10000n - fee, false), slip, fee };
  }
  const at = v2 ? 8 + shared : d.length - 19;
  if (at < 8 || d.length < at + 19) return undefined;
  const [first, quoted, slip] = [le(d, at), le(d, at + 8), BigInt(d.readUInt16LE(at + 16))];
  const fee = v2 ? BigInt(d.readUInt16LE(at + 18)) + BigInt(d.readUInt16LE(at + 20)) : BigInt(d[at + 18]);
  // Of an exact output the fee is taken of what is sold.
  const [give, get] = exactOut ? [bps(bps(quoted, 10000n + slip, true), 10000n + fee, true), first] : [first, bps(quoted, 10000n - slip, false)];
  return { ...swap, in: give, out: bps(get, 10000n - fee, false), slip, fee };
}

const two = (d, at) => [le(d, at), le(d, at + 8)];
const inOut = (d, exactIn, at = 8) => {
  const [a, b] = two(d, at);
  return exactIn ? { in: a, out: b } : { in: b, out: a };
};
// An exact output up to a limit of the price, u128 at each of these places, may come in part: nothing of it is sure.
const limited = (d, exactIn, ...places) => {
  const s = inOut(d, exactIn);
  return exactIn || places.every((at) => le(d, at) === 0n && le(d, at + 8) === 0n) ? s : { ...s, out: 0n };
};
// pump.fun's leave to fill a buy in part, a byte at this place that may be left out: then nothing of what it asks for is sure.
const inPart = (d, at, s) => (d.length > at && d[at] !== 0 ? { ...s, out: 0n } : s);
// program -> discriminator -> what its accounts and amounts mean; `pay`: SOL is taken from the wallet itself.
const VENUES = {
  [K.RAYDIUM_CPMM]: {
    '8fbe5adac41e33de': (d) => ({ authority: 0, source: 4, destination: 5, ...inOut(d, true) }),
    '37d96256a34ab4ad': (d) => ({ authority: 0, source: 4, destination: 5, in: le(d, 8), out: le(d, 16) }),
  },
  [K.RAYDIUM_CLMM]: {
    f8c69e91e17587c8: (d) => ({ authority: 0, source: 3, destination: 4, ...limited(d, d[40] === 1, 24) }),
    '2b04ed0b1ac91e62': (d) => ({ authority: 0, source: 3, destination: 4, ...limited(d, d[40] === 1, 24) }),
    // Of one pool alone is it known where it pays to: a second one needs nine accounts more.
    '457d73daf5baf2c4': (d, count) => (count < 13 || count > 21 ? undefined : { authority: 0, source: 1, destination: 8, ...inOut(d, true) }),
  },
  [K.WHIRLPOOL]: {
    f8c69e91e17587c8: (d) => ({ authority: 1, source: d[41] ? 3 : 5, destination: d[41] ? 5 : 3, ...limited(d, d[40] === 1, 24) }),
    '2b04ed0b1ac91e62': (d) => ({ authority: 3, source: d[41] ? 7 : 9, destination: d[41] ? 9 : 7, ...limited(d, d[40] === 1, 24) }),
    c360ed6c44a2dbe6: (d) => ({ authority: 1, source: d[25] ? 4 : 6, destination: d[26] ? 10 : 8, middle: [d[25] ? 6 : 4, d[26] ? 8 : 10],
      ...limited(d, d[24] === 1, 27, 43) }),
    ba8fd11dfe02c275: (d) => ({ authority: 14, source: 8, destination: 13, ...limited(d, d[24] === 1, 27, 43) }),
  },
  [K.DLMM]: Object.fromEntries(['38ade6d0ade49ccd', '4a62c0d6b1334b33'].map((hex) =>
    [hex, (d) => ({ authority: 10, source: 4, destination: 5, host: 9, in: le(d, 8), out: 0n })]).concat(['f8c69e91e17587c8', '414b3f4ceb5b5b88', 'fa49652126cf4bb8', '2bd7f784893cf351'].map((hex) =>
    [hex, (d) => ({ authority: 10, source: 4, destination: 5, host: 9, in: le(d, 8), out: le(d, 16) })]))),
  [K.DAMM_V2]: {
    f8c69e91e17587c8: (d) => ({ authority: 8, source: 2, destination: 3, host: 11, in: le(d, 8), out: le(d, 16) }),
    '414b3f4ceb5b5b88': (d) => ({ authority: 8, source: 2, destination: 3, host: 11, ...inOut(d, d[24] !== 2) }),
  },
  [K.PUMP]: {
    '66063d1201daebea': (d) => inPart(d, 25, { authority: 6, pay: true, destination: 5, in: le(d, 16), out: le(d, 8) }),
    '38fc74089edfcd5f': (d) => inPart(d, 25, { authority: 6, pay: true, destination: 5, in: le(d, 8), out: le(d, 16) }),
    '33e685a4017f83ad': (d) => ({ authority: 6, source: 5, paid: true, in: le(d, 8), out: le(d, 16) }),
    b817ee6167c5d33d: (d) => inPart(d, 24, { authority: 13, source: 15, quote: 2, destination: 14, in: le(d, 16), out: le(d, 8) }),
    c2ab1c46684d5b2f: (d) => inPart(d, 24, { authority: 13, source: 15, quote: 2, destination: 14, in: le(d, 8), out: le(d, 16) }),
    '5df6823ce7e940b2': (d) => ({ authority: 13, source: 14, quote: 2, destination: 15, in: le(d, 8), out: le(d, 16) }),
    '07051dc4f5176550': (d) => inPart(d, 24, { authority: 8, source: 10, quote: 2, destination: 9, in: le(d, 16), out: le(d, 8) }),
    e1f7501ed5b38488: (d) => inPart(d, 24, { authority: 8, source: 10, quote: 2, destination: 9, in: le(d, 8), out: le(d, 16) }),
    '1c92de7726c469d5': (d) => ({ authority: 8, source: 9, quote: 2, destination: 10, in: le(d, 8), out: le(d, 16) }),
  },
  [K.PUMP_SWAP]: {
    '66063d1201daebea': (d) => ({ authority: 1, source: 6, destination: 5, in: le(d, 16), out: le(d, 8) }),
    c62e1552b4d9e870: (d) => ({ authority: 1, source: 6, destination: 5, in: le(d, 8), out: le(d, 16) }),
    '33e685a4017f83ad': (d) => ({ authority: 1, source: 5, destination: 6, in: le(d, 8), out: le(d, 16) }),
    b817ee6167c5d33d: (d) => ({ authority: 1, source: 6, destination: 5, in: le(d, 16), out: le(d, 8) }),
    c2ab1c46684d5b2f: (d) => ({ authority: 1, source: 6, destination: 5, in: le(d, 8), out: le(d, 16) }),
    '5df6823ce7e940b2': (d) => ({ authority: 1, source: 5, destination: 6, in: le(d, 8), out: le(d, 16) }),
    '2b644913e9f66f94': (d) => ({ authority: 0, source: 1, destination: 2, in: le(d, 8), out: le(d, 16) }),
  },
};

function raydiumV4(ix) {
  const n = ix.accounts.length;
  if (![9, 11, 16, 17].includes(ix.data[0]) || ix.data.length < 17 || n < 3) return undefined;
  return { authority: n - 1, source: n - 3, destination: n - 2, in: le(ix.data, 1), out: le(ix.data, 9) };
}

export function swapOf(ix) {
  const hex = ix.data.subarray(0, 8).toString('hex');
  if (ix.program.key === K.JUPITER) return jupiter(ix, hex);
  if (ix.program.key === K.RAYDIUM_V4) return raydiumV4(ix);
  const read = VENUES[ix.program.key]?.[hex];
  return read === undefined || ix.data.length < 19 ? undefined : read(ix.data, ix.accounts.length);
}

export const swapPrograms = [K.JUPITER, K.RAYDIUM_V4, ...Object.keys(VENUES)];

// What pump.fun's programs may take for accounts that are new or short: the accumulator of 137 bytes, the creator's vault, a curve of 49 bytes
// made 151 long, and for the second version three token accounts of its quote; on PumpSwap three token accounts of any kind, the accumulator, a pool of 211 bytes made 300 long. `sold` accounts are those of a sell.
// Where fees stay on the curve or in the pool, the accumulator, and a curve made 256 bytes long, a pool 400, or four of either.
const rentOf = (bytes) => 6960n * (128n + bytes);
const isQuoted = (hex) => ['b817ee6167c5d33d', 'c2ab1c46684d5b2f', '5df6823ce7e940b2'].includes(hex);
const KEPT = { '07051dc4f5176550': 1n, e1f7501ed5b38488: 1n, '1c92de7726c469d5': 1n, '2b644913e9f66f94': 4n };
function programRent(program, hex, count) {
  if (KEPT[hex] !== undefined) return rentOf(137n) + KEPT[hex] * 6960n * (256n - 49n);
  if (program === K.PUMP_SWAP && isQuoted(hex)) return rentOf(137n) + 6960n * (400n - 211n);
  const sold = hex === '33e685a4017f83ad' ? count : undefined;
  if (program === K.PUMP) return rentOf(0n) + 6960n * (151n - 49n) + (sold < 13 ? 0n : rentOf(137n)) + (isQuoted(hex) ? 3n * rentOf(165n) : 0n);
  if (program === K.PUMP_SWAP) return 2n * rentOf(200n) + 6960n * (300n - 211n) + (sold < 20 ? 0n : rentOf(200n) + rentOf(137n));
  return 0n;
}

// Where the curve or the pool stands, which alone may be made longer before: not among several.
const POOL_AT = {
  [K.PUMP]: { '66063d1201daebea': 3, '38fc74089edfcd5f': 3, '33e685a4017f83ad': 3, b817ee6167c5d33d: 10, c2ab1c46684d5b2f: 10, '5df6823ce7e940b2': 10, '07051dc4f5176550': 5,
    e1f7501ed5b38488: 5, '1c92de7726c469d5': 5 },
  [K.PUMP_SWAP]: { '66063d1201daebea': 0, c62e1552b4d9e870: 0, '33e685a4017f83ad': 0, b817ee6167c5d33d: 0, c2ab1c46684d5b2f: 0, '5df6823ce7e940b2': 0 },
};

class Wrong extends Error {}
const never = (why) => {
  throw new Wrong(why);
};

// The purse: what has left, against what may.
class Reading {
  constructor(tx, grant) {
    Object.assign(this, { tx, grant, tips: 0n, rent: 0n, wrapped: 0n, sol: 0n, swaps: 0, sold: 0n, tokens: new Map(), fresh: new Map(), ledger: undefined });
  }
  key(a) {
    if (a === undefined) return undefined;
    if (a.key !== undefined) return a.key;
    return this.grant.pins?.[a.table]?.[a.index];
  }
  isWallet(a) {
    return this.key(a) === this.grant.wallet;
  }
  // mintOf(a): the mint of an account that is the wallet's own, for every mint that matters here.
  mintOf(a) {
    const key = this.key(a);
    if (key === undefined) return undefined;
    if (this.grant.accounts?.[key] !== undefined) return this.grant.accounts[key];
    if (this.fresh.get(key) === 'own') return K.NATIVE;
    const seen = this.tx.accounts.map((x) => x.key ?? this.grant.pins?.[x.table]?.[x.index]).filter(Boolean);
    return [...this.grant.mints, ...seen].find((mint) => K.owns(this.grant.wallet, mint, key));
  }
  // The last leg sells all that came into the ledger's account since it was noted: only a first leg may bring it there.
  intoLedger(a) {
    if (this.ledger !== undefined && this.key(a) === this.ledger.account) never('into the account of the ledger, uncounted');
  }
  spend(mint, amount) {
    this.tokens.set(mint, (this.tokens.get(mint) ?? 0n) + amount);
  }
}

const handlers = {
  [K.BUDGET]() {},
  [K.SYSTEM](r, { accounts: a, data: d }) {
    const tag = d.length >= 4 ? d.readUInt32LE(0) : -1;
    if (!a.some((x) => r.isWallet(x))) return;
    if (tag === 2 && r.isWallet(a[0])) {
      const lamports = le(d, 4);
      const to = r.key(a[1]);
      if (to === r.grant.wallet) return;
      r.intoLedger(a[1]);
      if (K.owns(r.grant.wallet, K.NATIVE, to) || r.fresh.has(to)) r.wrapped += lamports;
      else if (r.grant.tips?.has(to)) r.tips += lamports;
      else if (r.grant.recipients?.has(to)) r.sol += lamports;
      else never('SOL to another');
    } else if (tag === 2) {
      // Another signer pays.
    } else if ((tag === 0 || tag === 3) && r.isWallet(a[0])) {
      const owner = d.subarray(d.length - 32);
      if (owner.length !== 32 || K.TOKEN !== text(owner)) never('an account for another program');
      const at = tag === 0 ? 4 : 44 + Number(le(d, 36));
      r.wrapped += le(d, at);
      r.fresh.set(r.key(a[1]), 'made');
      r.intoLedger(a[1]);
    } else if (tag !== 4 || !r.grant.nonce) {
      never(`System ${tag}`);
    }
  },
  [K.ATA](r, { accounts: a, data: d }) {
    if (!a.some((x) => r.isWallet(x))) return;
    if (d.length > 0 && d[0] > 1) never('recoverNested');
    if (!r.isWallet(a[0])) return;
    if (!r.isWallet(a[2]) && !r.grant.recipients?.has(r.key(a[2]))) never('an account for another');
    r.rent += 2039280n;
  },
  token(r, { program, accounts: a, data: d }) {
    if (d[0] === 1 || d[0] === 16 || d[0] === 18) {
      // Fails on an account that is there already; who is named owns it from then on.
      const owner = d[0] === 1 ? r.key(a[2]) : text(d.subarray(1, 33));
      if (owner === r.grant.wallet && r.key(a[1]) === K.NATIVE) r.fresh.set(r.key(a[0]), 'own');
      return;
    }
    const by = { 3: 2, 12: 3, 26: 3 }[d[0]];
    // Another's, or nobody's, from now on: an account for wrapped SOL is of the older program.
    if (program.key === K.TOKEN && (d[0] === 6 || d[0] === 9)) r.fresh.delete(r.key(a[0]));
    if (d[0] === 17) r.intoLedger(a[0]);
    if (by !== undefined && a.length > by) r.intoLedger(a[by - 1]);
    if (!a.some((x) => r.isWallet(x))) return;
    if (d[0] === 45) {
      if (!r.isWallet(a[1]) && a.slice(2).some((x) => r.isWallet(x))) never('unwrapping pays another');
    } else if (d[0] === 9) {
      if (!r.isWallet(a[1]) && r.isWallet(a[2])) never('closing pays another');
    } else if (by !== undefined && d.length >= 9) {
      if (d[0] === 26 && d[1] !== 1) never('Token-2022 fee power');
      if (!r.isWallet(a[by])) return;
      const from = r.mintOf(a[0]);
      const to = r.key(a[by - 1]);
      if (from === undefined) never('an unknown source');
      if (r.mintOf(a[by - 1]) === from) return;
      if (![...(r.grant.recipients ?? [])].some((owner) => K.owns(owner, from, to) || owner === to)) never('tokens to another');
      r.spend(from, le(d, d[0] === 26 ? 2 : 1));
    } else if (d[0] !== 17 && d[0] !== 5) {
      never(`Token ${d[0]}`);
    }
  },
  memo() {},
  swap(r, ix) {
    const { accounts: a, data: d } = ix;
    const hex = d.subarray(0, 8).toString('hex');
    if (ix.program.key === K.JUPITER && hex === 'e455b9704e4f4d02') {
      r.ledger = { ledger: a[0], account: r.key(a[1]) };
      return;
    }
    if (!a.some((x) => r.isWallet(x))) return;
    const g = r.grant.swap;
    if (!g?.programs.has(ix.program.key)) never('a swap in another program');
    if (ix.program.key === K.JUPITER && hex === '93f17b64f484ae76') {
      r.rent += 2039280n;
      return;
    }
    if (ix.program.key === K.PUMP && ['181ec828051c0777', 'd6904cec5f8b31b4'].includes(hex)) {
      if (!g.create || r.created !== undefined || r.swaps > 0) never('a token made');
      let at = 8;
      for (let n = 0; n < 3; n++) at += 4 + d.readUInt32LE(at);
      if (text(d.subarray(at, at + 32)) !== r.grant.wallet) never('another creator');
      // Behind create_v2's two flags: a creator fee, and a reward of holders, which makes another the creator.
      if (hex === 'd6904cec5f8b31b4' && (d.length > at + 43 || d.subarray(at + 34).some((byte) => byte !== 0))) never('another creator');
      r.created = r.key(a[0]);
      r.rent += 21052480n;
      if (hex === 'd6904cec5f8b31b4' && (a.length > 16 ? r.key(a[16]) : K.NATIVE) !== (g.quote ?? K.NATIVE)) never('a token made with another quote');
      return;
    }
    if (POOL_AT[ix.program.key] !== undefined && hex === 'ea66c2cb96483ee5') {
      if (r.key(a[0]) === undefined || r.isWallet(a[0]) || r.swaps > 0 || r.extended !== undefined) never('an account made longer');
      r.extended = r.key(a[0]);
      r.rent += 6960n * (ix.program.key === K.PUMP ? 256n - 49n : 400n - 211n);
      return;
    }
    const s = swapOf(ix);
    if (s === undefined) never('another instruction of a swap program');
    if (r.extended !== undefined && r.extended !== r.key(a[POOL_AT[ix.program.key]?.[hex]])) never('another account made longer');
    if (!r.isWallet(a[s.authority])) never('a swap for another');
    const from = s.pay ? K.NATIVE : r.mintOf(a[s.source]);
    const to = s.paid ? K.NATIVE : r.mintOf(a[s.destination]);
    if (from === undefined || to === undefined) never('not the wallet\'s accounts');
    if (s.second !== undefined && r.key(a[s.second]) !== K.JUPITER && r.mintOf(a[s.second]) !== to) never('second destination');
    if (s.ledger !== undefined && (r.ledger?.account === undefined || r.ledger.account !== r.key(a[s.source]) || r.ledger.ledger !== a[s.ledger]))
      never('a ledger of another');
    if (s.host !== undefined && r.key(a[s.host]) !== ix.program.key && !g.host) never('a host takes a fee');
    if (s.fee !== undefined && s.fee > (g.feeBps ?? 0n)) never('a platform fee');
    const max = g.sell.get(from);
    if (max === undefined && s.ledger === undefined && r.swaps === 0) never('sells another mint');
    if (max !== undefined && s.in > max) never('sells more');
    if (++r.swaps > (g.legs ?? 1)) never('one swap more');
    r.rent += programRent(ix.program.key, hex, a.length);
    r.spend(from, s.in);
    r.sold += s.in;
    // A leg before the last buys into the ledger's account, whose gain the last leg sells.
    if (g.legs > 1 && s.ledger === undefined) {
      if (r.ledger === undefined || r.key(a[s.destination]) !== r.ledger.account) never('a leg that ends elsewhere');
      return;
    }
    if (g.buy !== undefined && !g.buy.has(to)) never('buys another mint');
    if (s.out < (g.minOut ?? 0n)) never('for less');
    if (g.price !== undefined && s.out * g.price.in < r.sold * g.price.out) never('under the price');
  },
};
for (const program of [K.TOKEN, K.TOKEN_2022]) handlers[program] = handlers.token;
for (const program of [K.MEMO, K.MEMO_V1, K.MEMO_V4]) handlers[program] = handlers.memo;
for (const program of swapPrograms) handlers[program] = handlers.swap;

// fee(tx): lamports that the payer is charged at most.
export function fee(tx) {
  let [limit, price] = [1400000n, 0n];
  let count = BigInt(tx.accounts.filter((a) => a.signer).length);
  for (const { program, data: d } of tx.ixs) {
    if (/^(Ed25519|KeccakSecp|Secp256r1)/.test(program.key) && d.length > 0) count += BigInt(d[0]);
    if (program.key !== K.BUDGET) continue;
    if (d[0] === 2 && d.length >= 5) limit = BigInt(Math.min(d.readUInt32LE(1), 1400000));
    if (d[0] === 3 && d.length >= 9) price = le(d, 1);
  }
  if (tx.version === 1)
    return 5000n * count + ((tx.config.mask & 3) === 3 ? Buffer.from(tx.config.values).readBigUInt64LE(0) : 0n);
  return 5000n * count + (price * limit + 999999n) / 1000000n;
}

// beyond(tx, grant): why the transaction moves value beyond the grant, or undefined.
// grant: {wallet, mints: [mints that count], accounts: {address: mint}, pins, recipients: Set, tips: Set, nonce,
// maxSol, maxTips, maxRent, maxFee, maxTokens: Map, swap: {programs: Set, sell: Map, buy: Set, minOut, price, legs, feeBps, host, create, quote}}
export function beyond(tx, grant) {
  const r = new Reading(tx, grant);
  try {
    for (const ix of tx.ixs) {
      const handle = handlers[ix.program.key];
      if (handle !== undefined) handle(r, ix);
      else if (ix.accounts.some((a) => r.isWallet(a))) never('an unknown program gets the wallet\'s signature');
    }
    if ([...r.fresh.values()].includes('made')) never('a token account made that nobody owns: whoever initializes it takes it');
    if (r.fresh.size > 0) never('a temporary account left open: another grant may vouch for it as one of another token');
    const payer = tx.accounts.find((a) => a.key !== undefined);
    if (payer?.key === grant.wallet && fee(tx) > grant.maxFee) never('network fee');
    if (r.tips > (grant.maxTips ?? 0n)) never('tips');
    if (r.rent > (grant.maxRent ?? 0n)) never('rent');
    if (r.sol > (grant.maxSol ?? 0n)) never('SOL');
    if (grant.swap?.legs > 1 && r.swaps === 1) never('the first leg alone');
    const wrap = grant.maxWrap ?? grant.swap?.sell.get(K.NATIVE) ?? 0n;
    // The rent in a temporary account comes back when it is closed.
    if (r.wrapped > wrap + (grant.swap === undefined ? 0n : grant.maxRent ?? 0n)) never('wraps more');
    for (const [mint, amount] of r.tokens) {
      const max = grant.swap?.sell.get(mint) ?? grant.maxTokens?.get(mint);
      if (amount > 0n && max !== undefined && amount > max) never('tokens');
      if (amount > 0n && max === undefined) never('another mint');
    }
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    if (error instanceof RangeError) return undefined; // data too short for what it says: it fails on chain
    throw error;
  }
  return undefined;
}
