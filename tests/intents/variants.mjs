// SPDX-License-Identifier: Apache-2.0
// One transaction of every variant of every instruction that the library knows, built from the accounts and
// arguments in the programs' published IDLs: real data does not hold every variant. A word per account:
// name=WHO, WHO being @wallet, @source, @destination (the wallet's own associated accounts), @self (the
// program), a constant of `known.mjs`, or absent: some account of the pool; ! is writable.
import { createHash } from 'node:crypto';
import { write } from '../solana/wire.mjs';
import { account, bytes58, fits, lower, text58 } from './lift.mjs';
import * as K from './known.mjs';
import { u32, u64 } from './known.mjs';

const WALLET = K.stranger('wallet');
const USDC = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
const COIN = K.stranger('coin');
const u8 = (...n) => Buffer.of(...n);
const u16 = (n) => Buffer.of(n & 255, n >> 8);
const u128 = (n) => Buffer.concat([u64(n), u64(n >> 64n)]);
const hex = (text) => Buffer.from(text, 'hex');
const cat = (...parts) => Buffer.concat(parts.flat());

const EVENTS = {
  [K.JUPITER]: 'D8cy77BBepLMngZx6ZukaTff5hCt1HrWyKk3Hnd9oitf', [K.DLMM]: 'D1ZN9Wj1fRSUQfCjhvnu1hqDMT7hzjzBBpi12nVniYD6',
  [K.DAMM_V2]: '3rmHSu74h1ZcmAisVcWerTCiRDQbUrBKmcwptYGjHfet', [K.PUMP]: K.PUMP_EVENTS, [K.PUMP_SWAP]: K.PUMP_SWAP_EVENTS,
};
const FIXED = {
  TOKEN: K.TOKEN, TOKEN_2022: K.TOKEN_2022, SYSTEM: K.SYSTEM, ATA: K.ATA, MEMO: K.MEMO, NATIVE: K.NATIVE, USDC,
  RENT: 'SysvarRent111111111111111111111111111111111', METAPLEX: 'metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s',
  PUMP_FEES: 'pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ', PUMP_GLOBAL: '4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf',
  PUMP_SWAP_CONFIG: 'ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw', PUMP: K.PUMP, PUMP_EVENTS: K.PUMP_EVENTS, QUOTE_CONTROL: '6z6GDdfb2AjR9ZhJmAUQ5cipJCVxQvLJhB2H8mCwTFBP',
};

// Where System puts what it makes of the wallet's, this seed and the token program.
const SEED = Buffer.from('temp7');
const SEEDED = text58(createHash('sha256').update(bytes58(WALLET)).update(SEED).update(bytes58(K.TOKEN)).digest());

class Builder {
  constructor(version) {
    this.tx = { version, lifetime: new Uint8Array(32).fill(7), tables: [], accounts: [], ixs: [],
      config: version === 1 ? { mask: 0b1111, values: Uint8Array.from(cat(u64(20000), u32(300000), u32(1 << 20))) } : undefined };
    account(this.tx, WALLET, { signer: true, writable: true });
    if (version !== 1) this.budget();
  }
  budget() {
    this.add(K.BUDGET, [], cat(u8(2), u32(300000)));
    this.add(K.BUDGET, [], cat(u8(3), u64(50000)));
  }
  add(program, accounts, data) {
    const keys = accounts.map(([key, powers]) => account(this.tx, key, powers));
    this.tx.ixs.push({ program: account(this.tx, program), accounts: keys, data });
    return this;
  }
  create(mint, program = K.TOKEN) {
    return this.add(K.ATA, [[WALLET, { signer: true, writable: true }], [K.ata(WALLET, mint, program), { writable: true }], [WALLET], [mint], [K.SYSTEM],
      [program]], u8(1));
  }
  wrap(lamports) {
    return this.add(K.SYSTEM, [[WALLET, { signer: true, writable: true }], [K.ata(WALLET, K.NATIVE), { writable: true }]], cat(u32(2), u64(lamports)))
      .add(K.TOKEN, [[K.ata(WALLET, K.NATIVE), { writable: true }]], u8(17));
  }
  unwrap() {
    return this.end(K.ata(WALLET, K.NATIVE));
  }
  // A wrapped-SOL account for this transaction: made at a seed of the wallet's, or (no seed) at a key that signs, with so much more than its
  // rent in it, and initialized by one of the three instructions that do.
  begin({ at, seed, lamports, tag }) {
    const powers = { signer: !seed, writable: true };
    const [base, rest] = [Buffer.from(bytes58(WALLET)), cat(u64(lamports + 2039280n), u64(165), Buffer.from(bytes58(K.TOKEN)))];
    this.add(K.SYSTEM, [[WALLET, { signer: true, writable: true }], [at, powers]], seed ? cat(u32(3), base, u64(seed.length), seed, rest) : cat(u32(0), rest));
    return this.add(K.TOKEN, [[at, { writable: true }], [K.NATIVE], ...(tag === 1 ? [[WALLET]] : []), ...(tag === 18 ? [] : [[K.RENT]])], tag === 1 ? u8(1) : cat(u8(tag), base));
  }
  end(at) {
    return this.add(K.TOKEN, [[at, { writable: true }], [WALLET, { writable: true }], [WALLET, { signer: true }]], u8(9));
  }
  tip(lamports) {
    return this.add(K.SYSTEM, [[WALLET, { signer: true, writable: true }], [K.JITO[1], { writable: true }]], cat(u32(2), u64(lamports)));
  }
  // list: words as above; pool: a prefix that makes names of one pool different from another's.
  call(program, list, data, roles, pool = program) {
    const accounts = list.trim().split(/\s+/).map((word) => {
      const writable = word.endsWith('!');
      const [name, who] = word.replace('!', '').split('=');
      if (who === '@wallet') return [WALLET, { signer: true, writable }];
      if (who === '@self') return [program, {}];
      if (who === '@events') return [EVENTS[program], {}];
      if (who?.startsWith('@')) return [roles[who.slice(1)], { writable }];
      return [FIXED[who] ?? K.stranger(`${pool.slice(0, 4)} ${name}`), { writable }];
    });
    return this.add(program, accounts, data);
  }
}

const [IN, OUT] = [1000000n, 2000000n];
const plan = (v2) => cat(u32(2), u8(17, 1), v2 ? u16(10000) : u8(100), u8(0, 1), u8(7), v2 ? u16(10000) : u8(100), u8(1, 2));
// Steps of every shape: a loop of candidates, none and two, slices, a share of fees that is 0, a run of bytes.
const odd = cat(u32(6), u8(146), u32(0), u8(1, 1), u16(1000), u8(0, 1), u8(146), u32(2), u8(10, 1, 1), u32(1), u8(6, 2), u32(5000), u8(0), u64(7), u8(1), u32(5000), u8(2, 3), u16(1000),
  u8(0, 1), u8(81), u64(0), u16(1000), u8(0, 1), u8(120, 1), u32(3), u8(1, 2, 3), u16(1000), u8(0, 1), u8(111), u32(1), u8(3), u8(1, 0), u16(1000), u8(0, 1), u8(75), u32(1), u8(0, 2),
  u16(5000), u8(1, 2));
const VENUES = Array.from({ length: 6 }, (_, i) => `venue_${i}!`).join(' ') + ' venue_user=@wallet!';
const J = {
  route: 'token_program=TOKEN authority=@wallet source=@source! destination=@destination! none=@self mint=@bought none=@self event=@events program=@self',
  exact: 'token_program=TOKEN authority=@wallet source=@source! destination=@destination! none=@self mint=@sold mint=@bought none=@self none=@self event=@events program=@self',
  ledger: 'token_program=TOKEN authority=@wallet source=@source! destination=@destination! none=@self mint=@bought none=@self token_ledger=@ledger event=@events program=@self',
  shared: 'token_program=TOKEN program_authority authority=@wallet source=@source! program_source! program_destination! destination=@destination! mint=@sold mint=@bought none=@self none=@self event=@events program=@self',
  sharedLedger: 'token_program=TOKEN program_authority authority=@wallet source=@source! program_source! program_destination! destination=@destination! mint=@sold mint=@bought none=@self none=@self token_ledger=@ledger event=@events program=@self',
  v2: 'authority=@wallet source=@source! destination=@destination! mint=@sold mint=@bought p=TOKEN p=TOKEN none=@self event=@events program=@self',
  sharedV2: 'program_authority authority=@wallet source=@source! program_source! program_destination! destination=@destination! mint=@sold mint=@bought p=TOKEN p=TOKEN event=@events program=@self',
};
const q = (a, b) => cat(u64(a), u64(b), u16(50));
const jupiter = [
  ['route', 'e517cb977ae3ad2a', J.route, cat(plan(0), q(IN, OUT), u8(0))],
  ['exact_out_route', 'd033ef977b2bed5c', J.exact, cat(plan(0), q(OUT, IN), u8(0))],
  ['shared_accounts_route', 'c1209b3341d69c81', J.shared, cat(u8(3), plan(0), q(IN, OUT), u8(0))],
  ['shared_accounts_exact_out_route', 'b0d169a89a7d453e', J.shared, cat(u8(3), plan(0), q(OUT, IN), u8(0))],
  ['route_v2', 'bb64facc31c4af14', J.v2, cat(q(IN, OUT), u16(0), u16(0), plan(1))],
  ['route_v2 with odd steps', 'bb64facc31c4af14', J.v2, cat(q(IN, OUT), u16(0), u16(0), odd)],
  ['exact_out_route_v2', '9d8ab85215f4f324', J.v2, cat(q(OUT, IN), u16(0), u16(0), plan(1))],
  ['shared_accounts_route_v2', 'd19853937cfed8e9', J.sharedV2, cat(u8(3), q(IN, OUT), u16(20), u16(0), plan(1))],
  ['shared_accounts_exact_out_route_v2', '3560e5cad8bbfa18', J.sharedV2, cat(u8(3), q(OUT, IN), u16(0), u16(0), plan(1))],
].map(([name, disc, list, data]) => [`jupiter ${name}`, K.JUPITER, `${list} ${VENUES}`, cat(hex(disc), data)]);

const MARKET = 'coin_vault! pc_vault! market_program market! bids! asks! queue! market_coin! market_pc! market_signer';
const raydium = [
  ['swapBaseIn', 9, `t=TOKEN amm! authority orders! target! ${MARKET} source=@source! destination=@destination! owner=@wallet`],
  ['swapBaseIn without target orders', 9, `t=TOKEN amm! authority orders! ${MARKET} source=@source! destination=@destination! owner=@wallet`],
  ['swapBaseOut', 11, `t=TOKEN amm! authority orders! target! ${MARKET} source=@source! destination=@destination! owner=@wallet`],
  ['swapBaseInV2', 16, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet'],
  ['swapBaseOutV2', 17, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet'],
].map(([name, tag, list]) => [`raydium-amm-v4 ${name}`, K.RAYDIUM_V4, list, cat(u8(tag), u64(IN), u64(OUT))]);

const CPMM = 'payer=@wallet authority config pool! source=@source! destination=@destination! in_vault! out_vault! p=TOKEN p=TOKEN m=@sold m=@bought observation!';
const CLMM = 'payer=@wallet config pool! source=@source! destination=@destination! in_vault! out_vault! observation!';
const limited = (amount, threshold, limit, ...flags) => cat(u64(amount), u64(threshold), u128(limit), u8(...flags));
const venues = [
  ['raydium-cpmm swap_base_input', K.RAYDIUM_CPMM, CPMM, cat(hex('8fbe5adac41e33de'), u64(IN), u64(OUT))],
  ['raydium-cpmm swap_base_output', K.RAYDIUM_CPMM, CPMM, cat(hex('37d96256a34ab4ad'), u64(IN), u64(OUT))],
  ['raydium-clmm swap', K.RAYDIUM_CLMM, `${CLMM} t=TOKEN tick! tick_2!`, cat(hex('f8c69e91e17587c8'), limited(IN, OUT, 4295048017n, 1))],
  ['raydium-clmm swap exact out', K.RAYDIUM_CLMM, `${CLMM} t=TOKEN tick!`, cat(hex('f8c69e91e17587c8'), limited(OUT, IN, 0n, 0))],
  ['raydium-clmm swap_v2', K.RAYDIUM_CLMM, `${CLMM} t=TOKEN t2=TOKEN_2022 memo=MEMO m=@sold m=@bought bitmap tick! tick_2!`,
    cat(hex('2b04ed0b1ac91e62'), limited(IN, OUT, 1n << 80n, 1))],
  ['raydium-clmm swap_router_base_in of one pool', K.RAYDIUM_CLMM,
    'payer=@wallet source=@source! m=@sold! t=TOKEN t2=TOKEN_2022 memo=MEMO config pool! destination=@destination! in_vault! out_vault! m=@bought observation! bitmap tick! tick_2!',
    cat(hex('457d73daf5baf2c4'), u64(IN), u64(OUT))],
  ['raydium-clmm swap_v2 exact out', K.RAYDIUM_CLMM, `${CLMM} t=TOKEN t2=TOKEN_2022 memo=MEMO m=@sold m=@bought tick!`,
    cat(hex('2b04ed0b1ac91e62'), limited(OUT, IN, 0n, 0))],
];
const orca = (name, data, list) => [`orca-whirlpool ${name}`, K.WHIRLPOOL, list, data];
for (const ab of [1, 0])
  for (const exactIn of [1, 0]) {
    const [a, b] = ab ? ['source=@source!', 'destination=@destination!'] : ['destination=@destination!', 'source=@source!'];
    const mints = ab ? 'm=@sold m=@bought' : 'm=@bought m=@sold';
    const args = exactIn ? limited(IN, OUT, 4295048016n, 1, ab) : limited(OUT, IN, 0n, 0, ab);
    const what = `${ab ? 'a to b' : 'b to a'} ${exactIn ? 'exact in' : 'exact out'}`;
    venues.push(orca(`swap ${what}`, cat(hex('f8c69e91e17587c8'), args), `t=TOKEN authority=@wallet pool! ${a} vault_a! ${b} vault_b! tick_0! tick_1! tick_2! oracle`));
    for (const [tail, note, more] of [[u8(0), '', ''], [cat(u8(1), u32(1), u8(6, 2)), ' with tick arrays', 'extra_tick! extra_tick_2!']])
      venues.push(orca(`swap_v2 ${what}${note}`, cat(hex('2b04ed0b1ac91e62'), args, tail),
        `p=TOKEN p=TOKEN memo=MEMO authority=@wallet pool! ${mints} ${a} vault_a! ${b} vault_b! tick_0! tick_1! tick_2! oracle! ${more}`));
  }
const TICKS = 'one_0! one_1! one_2! two_0! two_1! two_2!';
for (const one of [1, 0])
  for (const two of [1, 0]) {
    const first = one ? 'a=@source! va! b=@middle! vb!' : 'a=@middle! va! b=@source! vb!';
    const second = two ? 'c=@middle! vc! d=@destination! vd!' : 'c=@destination! vc! d=@middle! vd!';
    const args = cat(hex('c360ed6c44a2dbe6'), u64(IN), u64(OUT), u8(1, one, two), u128(0n), u128(0n));
    venues.push(orca(`two_hop_swap ${one}${two}`, args, `t=TOKEN authority=@wallet pool_1! pool_2! ${first} ${second} ${TICKS} oracle_1 oracle_2 ${one ? 'adaptive_1! adaptive_2!' : ''}`));
  }
venues.push(orca('two_hop_swap_v2', cat(hex('ba8fd11dfe02c275'), u64(IN), u64(OUT), u8(1, 1, 0), u128(0n), u128(0n), u8(0)),
  `pool_1! pool_2! m=@sold mid m=@bought p=TOKEN p=TOKEN p=TOKEN source=@source! va! vb! vc! vd! destination=@destination! authority=@wallet ${TICKS} o1! o2! memo=MEMO`));
const dlmm = (memo) => 'pair! bitmap=@self reserve_x! reserve_y! source=@source! destination=@destination! x=@sold y=@bought oracle! host=@self user=@wallet ' +
  `p=TOKEN p=TOKEN ${memo ? 'memo=MEMO' : ''} event=@events program=@self bin_0! bin_1! bin_2!`;
for (const [name, disc, memo] of [['swap', 'f8c69e91e17587c8', 0], ['swap2', '414b3f4ceb5b5b88', 1], ['swap_exact_out', 'fa49652126cf4bb8', 0],
  ['swap_exact_out2', '2bd7f784893cf351', 1]])
  venues.push([`meteora-dlmm ${name}`, K.DLMM, dlmm(memo), cat(hex(disc), u64(IN), u64(OUT), memo ? u32(0) : [])]);
for (const [name, disc, id, memo] of [['', '38ade6d0ade49ccd', u8(0), 0], [' at a bin', '38ade6d0ade49ccd', cat(u8(1), u32(4294967200)), 0], ['2', '4a62c0d6b1334b33', u8(0), 1]])
  venues.push([`meteora-dlmm swap_with_price_impact${name}`, K.DLMM, dlmm(memo), cat(hex(disc), u64(IN), id, u16(50), memo ? u32(0) : [])]);
const DAMM = 'authority pool! source=@source! destination=@destination! va! vb! ma=@sold mb=@bought payer=@wallet p=TOKEN p=TOKEN referral=@self event=@events program=@self';
venues.push(['meteora-damm-v2 swap', K.DAMM_V2, DAMM, cat(hex('f8c69e91e17587c8'), u64(IN), u64(OUT))]);
for (const [mode, a, b] of [[0, IN, OUT], [1, IN, OUT], [2, OUT, IN]])
  venues.push([`meteora-damm-v2 swap2 mode ${mode}`, K.DAMM_V2, DAMM, cat(hex('414b3f4ceb5b5b88'), u64(a), u64(b), u8(mode))]);
const POOL = 'pool! user=@wallet! config=PUMP_SWAP_CONFIG';
const REST = 'pool_base! pool_quote! fee_to fee_account! p=TOKEN p=TOKEN s=SYSTEM a=ATA event=@events program=@self creator_account! creator';
const MORE = 'volume my_volume! fees pf=PUMP_FEES';
venues.push(
  ['pump-swap buy', K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${REST} ${MORE} pool_v2`, cat(hex('66063d1201daebea'), u64(OUT), u64(IN), u8(1))],
  ['pump-swap buy without track_volume', K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${REST} ${MORE}`, cat(hex('66063d1201daebea'), u64(OUT), u64(IN))],
  ['pump-swap buy_exact_quote_in', K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${REST} ${MORE}`, cat(hex('c62e1552b4d9e870'), u64(IN), u64(OUT), u8(0))],
  ['pump-swap sell', K.PUMP_SWAP, `${POOL} b=@sold q=@bought ub=@source! uq=@destination! ${REST} fees pf=PUMP_FEES my_quote! my_volume! pool_v2 back back_account!`,
    cat(hex('33e685a4017f83ad'), u64(IN), u64(OUT))],
);
const KEPT = 'pool_base! pool_quote! p=TOKEN p=TOKEN s=SYSTEM my_volume! fees back_account! event=@events program=@self';
venues.push(
  ['pump-swap buy_v2', K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${KEPT}`, cat(hex('b817ee6167c5d33d'), u64(OUT), u64(IN))],
  ['pump-swap buy_exact_quote_in_v2', K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${KEPT}`, cat(hex('c2ab1c46684d5b2f'), u64(IN), u64(OUT))],
  ['pump-swap sell_v2', K.PUMP_SWAP, `${POOL} b=@sold q=@bought ub=@source! uq=@destination! ${KEPT}`, cat(hex('5df6823ce7e940b2'), u64(IN), u64(OUT))],
  ...[2, 4].map((hops) => [`pump-swap multi_hop_swap of ${hops}`, K.PUMP_SWAP, 'user=@wallet! uq=@source! ub=@destination! config=PUMP_SWAP_CONFIG fees my_volume! back_account! p=TOKEN p2=TOKEN_2022 s=SYSTEM event=@events ' +
    `program=@self pump=PUMP g=PUMP_GLOBAL pump_fees pe=PUMP_EVENTS ${Array.from({ length: hops }, (_, n) => `base_${n} quote_${n} pool_${n}! vault_b${n}! vault_q${n}!`).join(' ')}`,
  cat(hex('2b644913e9f66f94'), u64(IN), u64(OUT))]),
);
const OLD = 'pool_base! pool_quote! fee_to fee_account! p=TOKEN p=TOKEN s=SYSTEM a=ATA event=@events program=@self';
for (const [creator, volume] of [['', ''], ['creator_account! creator', ''], ['creator_account! creator', 'volume my_volume!']]) {
  const name = `of old, ${creator ? 'creator' : 'no creator'}${volume && ', volume'}`;
  venues.push([`pump-swap buy ${name}`, K.PUMP_SWAP, `${POOL} b=@bought q=@sold ub=@destination! uq=@source! ${OLD} ${creator} ${volume}`,
    cat(hex('66063d1201daebea'), u64(OUT), u64(IN))]);
  if (!volume) venues.push([`pump-swap sell ${name}`, K.PUMP_SWAP, `${POOL} b=@sold q=@bought ub=@source! uq=@destination! ${OLD} ${creator}`,
    cat(hex('33e685a4017f83ad'), u64(IN), u64(OUT))]);
}
const CURVE = 'g=PUMP_GLOBAL fee! mint=@coin curve! curve_tokens! tokens=@tokens! user=@wallet! s=SYSTEM';
const BUY = `${CURVE} p=TOKEN creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES`;
const V2 = 'g=PUMP_GLOBAL m=@coin q=NATIVE p=TOKEN_2022 p2=TOKEN a=ATA fee! fee_account! back! back_account! curve! curve_base! curve_quote! user=@wallet! ' +
  'tokens=@tokens2022! quote=@wrapped! creator! creator_account! sharing';
const V3 = 'g=PUMP_GLOBAL m=@coin q=NATIVE p=TOKEN_2022 p2=TOKEN curve! curve_base! curve_quote! user=@wallet! tokens=@tokens2022! quote=@wrapped! my_volume! fees back! s=SYSTEM event=@events program=@self';
const pump = [
  ['buy', BUY, cat(hex('66063d1201daebea'), u64(OUT), u64(IN), u8(1))],
  ['buy without track_volume, curve behind', `${BUY} curve_v2 back!`, cat(hex('66063d1201daebea'), u64(OUT), u64(IN))],
  ['buy of old', `${CURVE} p=TOKEN rent=RENT event=@events program=@self`, cat(hex('66063d1201daebea'), u64(OUT), u64(IN))],
  ['buy of old with volume', `${CURVE} p=TOKEN creator! event=@events program=@self volume my_volume!`, cat(hex('66063d1201daebea'), u64(OUT), u64(IN))],
  ['sell of old', `${CURVE} a=ATA p=TOKEN event=@events program=@self`, cat(hex('33e685a4017f83ad'), u64(IN), u64(OUT))],
  ['buy_exact_sol_in', BUY, cat(hex('38fc74089edfcd5f'), u64(IN), u64(OUT), u8(0))],
  ['sell', `${CURVE} creator! p=TOKEN event=@events program=@self fees pf=PUMP_FEES curve_v2 back!`, cat(hex('33e685a4017f83ad'), u64(IN), u64(OUT))],
  ['buy_v2', `${V2} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('b817ee6167c5d33d'), u64(OUT), u64(IN))],
  ['buy_exact_quote_in_v2', `${V2} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('c2ab1c46684d5b2f'), u64(IN), u64(OUT))],
  ['sell_v2', `${V2} my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('5df6823ce7e940b2'), u64(IN), u64(OUT))],
  ['buy with both flags', BUY, cat(hex('66063d1201daebea'), u64(OUT), u64(IN), u8(1, 0))],
  ['buy_v2 with its flag', `${V2} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('b817ee6167c5d33d'), u64(OUT), u64(IN), u8(0))],
  ['buy_v3', V3, cat(hex('07051dc4f5176550'), u64(OUT), u64(IN))],
  ['buy_exact_quote_in_v3', V3, cat(hex('e1f7501ed5b38488'), u64(IN), u64(OUT), u8(0))],
  ['sell_v3', V3, cat(hex('1c92de7726c469d5'), u64(IN), u64(OUT))],
].map(([name, list, data]) => [`pump-fun ${name}`, K.PUMP, list, data]);
// Of a curve in USDC: what pays and is paid is a token account, and no SOL of the wallet's.
const V2_QUOTED = V2.replace('NATIVE', 'USDC').replace('@tokens2022', '@base').replace('@wrapped', '@quote');
const V3_QUOTED = V3.replace('NATIVE', 'USDC').replace('@tokens2022', '@base').replace('@wrapped', '@quote');
const quoted = [
  ['buy_v2', `${V2_QUOTED} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('b817ee6167c5d33d'), u64(OUT), u64(IN))],
  ['buy_exact_quote_in_v2', `${V2_QUOTED} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('c2ab1c46684d5b2f'), u64(IN), u64(OUT))],
  ['sell_v2', `${V2_QUOTED} my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat(hex('5df6823ce7e940b2'), u64(IN), u64(OUT))],
  ['buy_v3', V3_QUOTED, cat(hex('07051dc4f5176550'), u64(OUT), u64(IN), u8(0))],
  ['buy_exact_quote_in_v3', V3_QUOTED, cat(hex('e1f7501ed5b38488'), u64(IN), u64(OUT))],
  ['sell_v3', V3_QUOTED, cat(hex('1c92de7726c469d5'), u64(IN), u64(OUT))],
];
const text = (words) => cat(u32(words.length), Buffer.from(words));
const creations = {
  create: ['mint=@coin authority curve! curve_tokens! g=PUMP_GLOBAL mp=METAPLEX metadata! user=@wallet! s=SYSTEM p=TOKEN a=ATA rent=RENT event=@events program=@self', '181ec828051c0777', []],
  create_v2: ['mint=@coin authority curve! curve_tokens! g=PUMP_GLOBAL user=@wallet! s=SYSTEM p=TOKEN_2022 a=ATA mayhem! params sol_vault! state! vault! event=@events program=@self',
    'd6904cec5f8b31b4', u8(0, 1)],
};
// What the SDKs put first where the curve or the pool is still short.
const extend = (b, program) => b.call(program, `${program === K.PUMP ? 'curve!' : 'pool!'} user=@wallet! s=SYSTEM event=@events program=@self`, hex('ea66c2cb96483ee5'), {});
creations['create_v2 with all arguments'] = [creations.create_v2[0], 'd6904cec5f8b31b4', cat(u8(0, 0), u64(0n), u8(0))];
creations['create_v2 with its quote'] = [`${creations.create_v2[0]} quote=NATIVE curve_quote! p=TOKEN`, 'd6904cec5f8b31b4', u8(0, 0)];
creations['create_v2 quoted in USDC'] = [`${creations.create_v2[0]} quote=USDC curve_quote! p=TOKEN`, 'd6904cec5f8b31b4', u8(0, 0)];
creations['create_v2 quoted in a coin'] = [`${creations.create_v2[0]} quote=USDC curve_quote! p=TOKEN_2022 control=QUOTE_CONTROL other_curve`, 'd6904cec5f8b31b4', cat(u8(0, 0), u64(0n), u8(0))];
creations['create_v2 quoted in a coin with a pool'] = [`${creations['create_v2 quoted in a coin'][0]} other_pool other_base other_quote`, 'd6904cec5f8b31b4', u8(0, 1)];

const own = (mint) => K.ata(WALLET, mint);
const hexOf = (data) => data.subarray(0, 8).toString('hex');
const HOPS = '2b644913e9f66f94';
const MARK = 'jitodontfront111111111111111111111111111111';

// What has no room in its format stands in the newest one.
function roomy(make, v, version, ...more) {
  const made = make(v, version, ...more);
  return fits(write(lower(made.tx), false).bytes) ? made : make(v, 1, ...more);
}

// Swaps of SOL for USDC with all that goes with them, and back without: an intent sees both directions.
function swapTransaction([name, program, list, data], version, back, longer) {
  const [sold, bought] = back ? [USDC, K.NATIVE] : [K.NATIVE, USDC];
  const b = new Builder(version);
  if (longer) extend(b, program);
  b.create(bought);
  if (!back) b.wrap(IN);
  b.call(program, list, data, { source: own(sold), destination: own(bought), middle: own(COIN), sold, bought });
  if (back) b.unwrap();
  if (!name.startsWith('raydium-cpmm')) b.tip(12345n);
  if (list.includes('@middle')) account(b.tx, COIN);
  // Jito's mark behind what goes with the swap.
  if (name.startsWith('meteora-damm-v2'))
    for (const ix of b.tx.ixs) if ([K.SYSTEM, K.TOKEN, K.ATA].includes(ix.program.key)) ix.accounts.push(account(b.tx, MARK));
  return { name: `${name}${back ? ', back' : ''}${longer ? ', the pool made longer' : ''}`, tx: b.tx };
}

// The same through a temporary account: of what is sold, of what is bought, or between two hops; in each form in which builders make it, the
// owner named once more where it is closed, and Jito's mark behind.
const WHERE = { sold: [K.NATIVE, USDC], bought: [USDC, K.NATIVE], between: [USDC, COIN] };
function temporaryTransaction([name, program, list, data], version, n) {
  const hops = list.includes('@middle');
  const where = hops ? ['sold', 'between', 'bought'][n % 3] : n % 4 < 2 ? 'sold' : 'bought';
  const [sold, bought] = WHERE[where];
  const b = new Builder(version);
  const seed = n % 2 ? undefined : SEED;
  const at = seed === undefined ? K.stranger('temporary') : SEEDED;
  b.begin({ at, seed, lamports: where === 'sold' ? IN : 0n, tag: [1, 16, 18][n % 3] });
  if (where !== 'bought') b.create(bought);
  b.call(program, list, data, { source: where === 'sold' ? at : own(sold), destination: where === 'bought' ? at : own(bought), middle: where === 'between' ? at : own(COIN), sold, bought });
  b.end(at);
  if (hops && where !== 'between') account(b.tx, COIN);
  if (n % 7 < 4) b.tx.ixs.at(-1).accounts.push(account(b.tx, WALLET));
  if (n % 5 < 3) for (const ix of b.tx.ixs) if ([K.SYSTEM, K.TOKEN].includes(ix.program.key)) ix.accounts.push(account(b.tx, MARK));
  return { name: `${name}, a temporary account ${seed ? '' : 'at a key '}${where === 'between' ? where : `of what is ${where}`}`, tx: b.tx };
}

function makeToken(b, made) {
  const [accounts, disc, more] = creations[made];
  account(b.tx, COIN, { signer: true, writable: true });
  b.call(K.PUMP, accounts, cat(hex(disc), text('A coin'), text('COIN'), text('https://example.org/coin.json'), Buffer.from(bytes58(WALLET)), more), { coin: COIN });
}

function pumpTransaction([name, program, list, data], version, made, longer) {
  const b = new Builder(version);
  if (made !== undefined) {
    makeToken(b, made);
    name = `${name} after ${made}`;
  }
  if (longer) {
    extend(b, program);
    name = `${name}, the curve made longer`;
  }
  const tokens2022 = K.ata(WALLET, COIN, K.TOKEN_2022);
  if (name.includes('buy')) b.create(COIN, list.includes('@tokens2022') ? K.TOKEN_2022 : K.TOKEN);
  b.call(program, list, data, { coin: COIN, tokens: own(COIN), tokens2022, wrapped: own(K.NATIVE) });
  b.tip(5000n);
  return { name, tx: b.tx };
}

function quotedTransaction([name, list, data], version, longer, made) {
  const b = new Builder(version);
  if (made) makeToken(b, made);
  if (longer) extend(b, K.PUMP);
  const sells = name.startsWith('sell');
  b.create(sells ? USDC : COIN, sells ? K.TOKEN : K.TOKEN_2022);
  b.call(K.PUMP, list, data, { coin: COIN, base: K.ata(WALLET, COIN, K.TOKEN_2022), quote: own(USDC) });
  b.tip(5000n);
  return { name: `pump-fun-quoted ${name}${made ? ` after ${made}` : ''}${longer ? ', the curve made longer' : ''}`, tx: b.tx };
}

function ledgerTransaction(shared, version, [sold, middle, bought]) {
  const b = new Builder(version);
  const ledger = K.stranger('ledger');
  const roles = { source: own(sold), destination: own(middle), sold, bought: middle, ledger };
  if (bought !== K.NATIVE) b.create(bought);
  b.add(K.JUPITER, [[ledger, { writable: true }], [own(middle), {}]], hex('e455b9704e4f4d02'));
  b.call(K.JUPITER, `${J.shared} ${VENUES}`, cat(hex('c1209b3341d69c81'), u8(3), plan(0), q(IN, OUT), u8(0)), roles);
  const back = { source: own(middle), destination: own(bought), sold: middle, bought, ledger };
  if (shared) b.call(K.JUPITER, `${J.sharedLedger} ${VENUES}`, cat(hex('e6798f50779f6aaa'), u8(4), plan(0), u64(OUT), u16(50), u8(0)), back);
  else b.call(K.JUPITER, `${J.ledger} ${VENUES}`, cat(hex('96564774a75d0e68'), plan(0), u64(OUT), u16(50), u8(0)), back);
  return { name: `jupiter ${shared ? 'shared_accounts_' : ''}route_with_token_ledger${middle === K.NATIVE ? ' through SOL' : ''}`, tx: b.tx };
}

export function swapVariants() {
  const all = [...jupiter, ...raydium, ...venues];
  return [
    ...all.map((v, i) => roomy(swapTransaction, v, ['legacy', 0, 1][i % 3], false)), ...all.map((v, i) => roomy(swapTransaction, v, [0, 1, 'legacy'][i % 3], true)),
    ...all.map((v, i) => roomy(temporaryTransaction, v, ['legacy', 0, 1][Math.floor(i / 3) % 3], i)),
    ...all.filter(([, program, , data]) => program === K.PUMP_SWAP && hexOf(data) !== HOPS).map((v, i) => swapTransaction(v, ['legacy', 0, 1][i % 3], i % 2 === 1, true)),
    ...pump.map((v, i) => pumpTransaction(v, [0, 'legacy', 1][i % 3])), ...pump.map((v, i) => pumpTransaction(v, ['legacy', 1, 0][i % 3], undefined, true)),
    pumpTransaction(pump[0], 'legacy', 'create'), pumpTransaction(pump.find(([name]) => name.endsWith(' buy_v2')), 1, 'create_v2', true),
    pumpTransaction(pump.find(([name]) => name.endsWith(' buy_v2')), 1, 'create_v2 with its quote', true),
    pumpTransaction(pump.find(([name]) => name.endsWith(' buy_v3')), 1, 'create_v2 with all arguments', true),
    ...quoted.map((v, i) => quotedTransaction(v, ['legacy', 0, 1][i % 3])), ...quoted.map((v, i) => quotedTransaction(v, [1, 'legacy', 0][i % 3], true)),
    ...['quoted in USDC', 'quoted in a coin', 'quoted in a coin with a pool'].map((how, i) => quotedTransaction(quoted[[3, 4, 3][i]], 1, i < 2, `create_v2 ${how}`)), ledgerTransaction(true, 0, [K.NATIVE, COIN, K.NATIVE]),
    ledgerTransaction(false, 1, [K.NATIVE, COIN, K.NATIVE]), ledgerTransaction(false, 0, [USDC, K.NATIVE, COIN]),
  ];
}

export { Builder, COIN, SEED, USDC, WALLET, text58 };
