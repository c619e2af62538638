// SPDX-License-Identifier: Apache-2.0
// Shapes that real bots' transactions have and the corpus does not hold, written by hand from the programs' published
// layouts: Token-2022 mints, fees shared with hosts and referrers, tick arrays and hooks behind, exact outputs, cashback, temporary
// accounts; and what no intent of the library says, each at its bounds, for the probe `probe-forms`. Each is allowed under its grant, the
// one that its user would have given, and has its own ways to be bent, which are refused.
import { swapGrantFor, transferGrantFor } from './grants.mjs';
import { account, bytes58, copy, text58 } from './lift.mjs';
import * as K from './known.mjs';
import { u32, u64 } from './known.mjs';
import { Builder, COIN, SEED, USDC, WALLET } from './variants.mjs';

const [IN, OUT] = [1000000n, 2000000n];
const u8 = (...n) => Buffer.of(...n);
const u16 = (n) => Buffer.of(n & 255, n >> 8);
const u128 = (n) => Buffer.concat([u64(n), u64(n >> 64n)]);
const cat = (hex, ...parts) => Buffer.concat([Buffer.from(hex, 'hex'), ...parts]);
const W = { writable: true };
const me = { signer: true, writable: true };
const own = (mint, program = K.TOKEN) => K.ata(WALLET, mint, program);
const slices = (...list) => Buffer.concat([u32(list.length), ...list.map(([kind, n]) => u8(kind, n))]);
const thief = K.stranger('a thief');

// SOL for a token, or a token for another: roles that the words of Builder.call name.
const sol = { source: own(K.NATIVE), destination: own(USDC), sold: K.NATIVE, bought: USDC };
const coin = { source: own(K.NATIVE), destination: own(COIN, K.TOKEN_2022), sold: K.NATIVE, bought: COIN };
const sell22 = { source: own(COIN, K.TOKEN_2022), destination: own(USDC), sold: COIN, bought: USDC };

const list = [];
// add(name, version, (builder) => ..., { params, bent: [[name, (tx) => ..., reasons]], narrower: [[name, params, reasons, (tx) => ...]] })
const add = (name, version, build, more = {}) => {
  const b = new Builder(version);
  build(b);
  list.push({ name, tx: b.tx, real: false, counters: [], ...more });
};
const swapIn = (tx, program) => tx.ixs.find((ix) => ix.program.key === program);
const bend = (program, change) => (tx) => change(swapIn(tx, program), tx);
const atPlace = (program, place, key, powers = W) => bend(program, (ix, tx) => { ix.accounts[place] = account(tx, key, powers); });
const byte = (program, place, value) => bend(program, (ix) => { ix.data[place] = value; });

// --- Jupiter v6
const ROUTE = 'token_program=TOKEN authority=@wallet source=@source! destination=@destination! none=@self mint=@bought none=@self event=@events program=@self';
const SHARED = 'token_program=TOKEN program_authority authority=@wallet source=@source! program_source! program_destination! destination=@destination! mint=@sold mint=@bought none=@self t2=TOKEN_2022 event=@events program=@self';
const V2 = 'authority=@wallet source=@source! destination=@destination! mint=@sold mint=@bought p=TOKEN p2=TOKEN_2022 none=@self event=@events program=@self';
const VENUE = 'venue! venue_user=@wallet! vault_1! vault_2!';
const STEP = cat('01000000', u8(17, 1, 100, 0, 1));
const STEP_V2 = cat('01000000', u8(17, 1), u16(10000), u8(0, 1));
const quote = (a, b, slip = 50) => Buffer.concat([u64(a), u64(b), u16(slip)]);

add('jupiter: route of a Token-2022 coin that is made first, tip and memo around it', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.JUPITER, `${ROUTE.replace('TOKEN ', 'TOKEN_2022 ')} ${VENUE}`, cat('e517cb977ae3ad2a', STEP, quote(IN, OUT), u8(0)), coin)
  .add(K.MEMO, [], Buffer.from('bot 7')).tip(1000n), {
  params: { allow_memo: true },
  bent: [['another program gets the route', bend(K.JUPITER, (ix, tx) => { ix.program = account(tx, thief); }), ['program-not-allowed']],
    ['the memo signed by another', (tx) => { tx.ixs.at(-2).accounts.push(account(tx, thief, { signer: true })); }, ['account-not-allowed', 'signer-not-allowed']]],
});
add('jupiter: shared accounts with the Token-2022 program given', 'legacy', (b) => b.create(USDC).wrap(IN)
  .call(K.JUPITER, `${SHARED} ${VENUE}`, cat('c1209b3341d69c81', u8(5), STEP, quote(IN, OUT), u8(0)), sol), {
  bent: [['a stranger where that program stands', atPlace(K.JUPITER, 10, thief, {}), ['account-not-allowed']]],
});
// What real routes into Token-2022 coins do: the last step pays the wallet, not Jupiter's account.
const AT_ONCE = [['c1209b3341d69c81', SHARED, u8(5), STEP, quote(IN, OUT), u8(0)],
  ['d19853937cfed8e9', SHARED.replace('token_program=TOKEN ', '').replace('none=@self t2=TOKEN_2022', 'p=TOKEN p2=TOKEN_2022'), u8(5), quote(IN, OUT), u16(0), u16(0), STEP_V2]];
for (const [n, [hex, list, ...parts]] of AT_ONCE.entries())
  add(`jupiter: shared accounts whose last step pays the wallet, ${n}`, 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
    .call(K.JUPITER, `${list.replace('program_destination!', 'program_destination=@destination!')} ${VENUE}`, cat(hex, ...parts), coin), {
    bent: [['then to a stranger\'s', atPlace(K.JUPITER, 6 - n, K.ata(thief, COIN, K.TOKEN_2022)), ['destination-not-own-account']],
      ['to a stranger\'s in both places', bend(K.JUPITER, (ix, tx) => { for (const at of [5 - n, 6 - n]) ix.accounts[at] = account(tx, K.ata(thief, COIN, K.TOKEN_2022), W); }),
        ['destination-not-own-account']]],
  });
add('jupiter: a platform fee of half a percent', 0, (b) => b.create(USDC).wrap(IN)
  .call(K.JUPITER, `${ROUTE.replace('none=@self event', 'fee! event')} ${VENUE}`, cat('e517cb977ae3ad2a', STEP, quote(IN, OUT), u8(50)), sol), {
  bent: [['one more of it', byte(K.JUPITER, 8 + STEP.length + 18, 51), ['platform-fee-not-allowed']]],
});
add('jupiter: exact out, bought into the account named twice', 1, (b) => b.create(USDC).wrap(IN)
  .call(K.JUPITER, `token_program=TOKEN authority=@wallet source=@source! destination=@destination! two=@destination! mint=@sold mint=@bought none=@self none=@self event=@events program=@self ${VENUE}`,
    cat('d033ef977b2bed5c', STEP, quote(OUT, IN), u8(0)), sol).unwrap(), {
  bent: [['the second one a stranger\'s', atPlace(K.JUPITER, 4, K.ata(thief, USDC)), ['destination-not-own-account']]],
});
add('jupiter: route_v2 out of a Token-2022 coin', 0, (b) => b.create(USDC)
  .call(K.JUPITER, `${V2.replace('p=TOKEN ', 'p=TOKEN_2022 ').replace('p2=TOKEN_2022', 'p2=TOKEN')} ${VENUE}`, cat('bb64facc31c4af14', quote(IN, OUT), u16(0), u16(0), STEP_V2), sell22), {
  bent: [['a tail behind the plan', bend(K.JUPITER, (ix) => { ix.data = Buffer.concat([ix.data, u8(0)]); }), ['instruction-data-trailing']],
    ['a step of no variant', byte(K.JUPITER, 8 + 22 + 4, 250), ['route-step-not-allowed']]],
});
add('jupiter: exact out of the newest shape, a share of a better price', 'legacy', (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.JUPITER, `${V2} ${VENUE}`, cat('9d8ab85215f4f324', quote(OUT, IN), u16(10), u16(20), STEP_V2), coin), {
  bent: [['the share doubled', bend(K.JUPITER, (ix) => { ix.data.writeUInt16LE(40, 28); }), ['platform-fee-not-allowed']]],
});
add('jupiter: a token account that Jupiter makes', 0, (b) => b
  .add(K.JUPITER, [[K.stranger('made by jupiter'), W], [WALLET, me], [USDC], [K.TOKEN], [K.SYSTEM]], cat('93f17b64f484ae76', u8(254)))
  .create(USDC).wrap(IN).call(K.JUPITER, `${ROUTE} ${VENUE}`, cat('e517cb977ae3ad2a', STEP, quote(IN, OUT), u8(0)), sol), {
  bent: [['two of them', (tx) => { tx.ixs.splice(3, 0, tx.ixs[2]); }, ['instruction-repeated']]],
});

// --- tips to many services
const services = Array.from({ length: 20 }, (_, i) => K.stranger(`tips ${i}`));
add('raydium: tips to two of as many addresses as a grant can name', 'legacy', (b) => {
  b.create(USDC).wrap(IN).call(K.RAYDIUM_V4, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet', Buffer.concat([u8(16), u64(IN), u64(OUT)]), sol).tip(9n);
  for (const to of [services[0], services[19]]) b.add(K.SYSTEM, [[WALLET, me], [to, W]], Buffer.concat([u32(2), u64(9)]));
}, {
  params: { tip_accounts: services },
  bent: [['one that the grant does not name', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, K.stranger('tips 20'), W); }, ['recipient-not-allowed']],
    ['a lamport more', (tx) => { tx.ixs.at(-1).data[4]++; }, ['tip-over-limit']]],
  narrower: [['without the last of them', { tip_accounts: services.slice(0, 19) }, ['recipient-not-allowed']]],
});

// --- the owner named once more, as builders do who give the signers of a multisignature
const twice = (tx) => { for (const ix of tx.ixs) if (ix.program.key === K.TOKEN && ix.data[0] === 9) ix.accounts.push(account(tx, WALLET)); };
add('raydium: an account closed by its owner and signer', 0, (b) => {
  b.create(USDC).wrap(IN).call(K.RAYDIUM_V4, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet', Buffer.concat([u8(16), u64(IN), u64(OUT)]), sol).unwrap();
  twice(b.tx);
}, {
  bent: [['another signs', (tx) => { tx.ixs.at(-1).accounts[3] = account(tx, thief, { signer: true }); }, ['account-not-allowed']],
    ['a stranger there', (tx) => { tx.ixs.at(-1).accounts[3] = account(tx, thief); }, ['account-not-allowed']],
    ['one more', twice, ['account-count']],
    ['an owner of many signers', (tx) => { tx.ixs.at(-1).accounts[2] = account(tx, thief); }, ['account-not-allowed']],
    ['closed to another', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']]],
});

// --- temporary wrapped SOL
const temporary = K.stranger('temporary');
const withTemporary = (b, tag, data, seed = SEED) => b.begin({ at: temporary, seed, lamports: IN, tag })
  .create(USDC).call(K.RAYDIUM_V4, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet', data, { ...sol, source: temporary })
  .end(temporary);
for (const tag of [1, 16, 18])
  add(`raydium: through a temporary account, initialized by ${tag}`, tag === 16 ? 1 : 0, (b) => withTemporary(b, tag, Buffer.concat([u8(16), u64(IN), u64(OUT)])), {
    bent: [['left without an owner', (tx) => { tx.ixs.splice(tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN), 1); }, ['wrap-not-allowed', 'source-not-own-account']],
      ['closed to another', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']],
      // Another grant of this wallet may vouch for it, as an account of another token.
      ['left open', (tx) => { tx.ixs.pop(); }, ['wrap-not-allowed']],
      ['another one closed', (tx) => { tx.ixs.at(-1).accounts[0] = account(tx, own(USDC), W); }, ['wrap-not-allowed']],
      ['closed before it was made', (tx) => { tx.ixs.unshift(tx.ixs.pop()); }, ['wrap-not-allowed']],
      ['closed before it was initialized', (tx) => { tx.ixs.splice(tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN), 0, tx.ixs.pop()); }, ['instruction-not-allowed']],
      ['closed twice', (tx) => { tx.ixs.push(tx.ixs.at(-1)); }, ['instruction-repeated']],
      ['made anew behind', (tx) => { tx.ixs.push(...tx.ixs.filter((ix) => ix.program.key === K.SYSTEM && ix.data[0] === 3)); }, ['instruction-repeated']],
      ['owned by another', (tx) => {
        const ix = tx.ixs.find((one) => one.program.key === K.TOKEN);
        if (tag === 1) ix.accounts[2] = account(tx, thief);
        else ix.data = Buffer.concat([u8(tag), Buffer.from(bytes58(thief))]);
      }, ['destination-not-own-account', 'account-not-allowed']]],
    // What the grant vouches for as another token's was closed before and holds SOL now, whose raw units are no units of that token.
    narrower: [['bought into, though the grant vouches for it', { output_account: temporary }, ['destination-not-own-account'], (tx) => {
      swapIn(tx, K.RAYDIUM_V4).accounts[6] = account(tx, temporary, W);
    }],
    ['sold from, though the grant vouches for it', { input_account: temporary, input_mint: USDC, output_mints: [K.NATIVE], max_rent_lamports: 10000000n }, ['source-not-own-account'],
      (tx) => { swapIn(tx, K.RAYDIUM_V4).accounts[6] = account(tx, own(K.NATIVE), W); }],
    ['sold from after it was closed, though the grant vouches for it', { input_account: temporary, input_mint: USDC, output_mints: [K.NATIVE], max_rent_lamports: 10000000n }, ['source-not-own-account'],
      (tx) => {
        swapIn(tx, K.RAYDIUM_V4).accounts[6] = account(tx, own(K.NATIVE), W);
        tx.ixs.splice(-1, 0, tx.ixs.pop());
      }]],
  });

add('raydium: through a temporary account at a key that signs', 0, (b) => {
  withTemporary(b, 18, Buffer.concat([u8(16), u64(IN), u64(OUT)]), null);
  twice(b.tx);
}, {
  bent: [['left open', (tx) => { tx.ixs.pop(); }, ['wrap-not-allowed']],
    ['closed to another', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']],
    ['closed before it was initialized', (tx) => { tx.ixs.splice(tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN), 0, tx.ixs.pop()); }, ['instruction-not-allowed']],
    ['closed twice', (tx) => { tx.ixs.push(tx.ixs.at(-1)); }, ['instruction-repeated']]],
});

// As builders do who make the account with its rent alone and put the SOL there afterwards, or count it once more.
add('raydium: a temporary account filled after it was made', 0, (b) => {
  withTemporary(b, 18, Buffer.concat([u8(16), u64(IN), u64(OUT)]));
  const at = b.tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN) + 1;
  b.tx.ixs[at - 2].data.writeBigUInt64LE(2039280n, 44 + SEED.length);
  b.add(K.SYSTEM, [[WALLET, me], [temporary, W]], Buffer.concat([u32(2), u64(IN)])).add(K.TOKEN, [[temporary, W]], u8(17));
  b.tx.ixs.splice(at, 0, ...b.tx.ixs.splice(-2));
}, {
  params: { max_tip_lamports: 0n, tip_accounts: [] },
  bent: [['filled before it is the wallet\'s', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); [tx.ixs[at], tx.ixs[at + 1]] = [tx.ixs[at + 1], tx.ixs[at]]; }, ['recipient-not-allowed']],
    ['synced before', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs.splice(at, 0, ...tx.ixs.splice(at + 2, 1)); }, ['source-not-own-account']],
    // Nobody's then: who has its key, if it has one, would have the SOL.
    ['filled after it was closed', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs.splice(at + 1, 0, ...tx.ixs.splice(-1)); }, ['recipient-not-allowed']],
    ['sold from after it was closed', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs.splice(at + 3, 0, ...tx.ixs.splice(-1)); }, ['source-not-own-account']],
    ['another one filled', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs[at + 1].accounts[1] = account(tx, thief, W); }, ['recipient-not-allowed']],
    ['another one synced', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs[at + 2].accounts[0] = account(tx, thief, W); }, ['source-not-own-account']],
    ['more than is sold, and its rent', (tx) => { const at = tx.ixs.findIndex((ix) => ix.program.key === K.TOKEN); tx.ixs[at + 1].data.writeBigUInt64LE(IN + 2039281n + 2039280n, 4); }, ['amount-over-limit']]],
});

// --- wrapped SOL back without closing its account
const unwrap = (b, data) => b.add(K.TOKEN, [[own(K.NATIVE), W], [WALLET, W], [WALLET, { signer: true }]], data);
const unwrapBent = [['to another', (tx) => { tx.ixs.find((ix) => ix.data[0] === 45).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']],
  ['another signs, too', (tx) => { tx.ixs.find((ix) => ix.data[0] === 45).accounts.push(account(tx, thief, { signer: true })); }, ['account-not-allowed']],
  ['an account behind', (tx) => { const ix = tx.ixs.find((one) => one.data[0] === 45); ix.accounts.push(ix.accounts[2], account(tx, thief)); }, ['account-count']],
  ['another is its owner', (tx) => { tx.ixs.find((ix) => ix.data[0] === 45).accounts[2] = account(tx, thief, { signer: true }); }, ['account-not-allowed']],
  ['no choice of two', (tx) => { tx.ixs.find((ix) => ix.data[0] === 45).data[1] = 2; }, ['instruction-data-malformed']],
  ['cut short', (tx) => { const ix = tx.ixs.find((one) => one.data[0] === 45); ix.data = ix.data.subarray(0, ix.data.length - 1); }, ['instruction-data-malformed']],
  ['a byte behind', (tx) => { const ix = tx.ixs.find((one) => one.data[0] === 45); ix.data = Buffer.concat([ix.data, u8(0)]); }, ['instruction-data-trailing']],
  ['of the other token program', (tx) => { tx.ixs.find((ix) => ix.data[0] === 45).program = account(tx, K.TOKEN_2022); }, ['instruction-not-allowed']]];
for (const [name, data] of [['all', u8(45, 0)], ['a part', Buffer.concat([u8(45, 1), u64(7n)])]])
  add(`wrap: ${name} of it unwrapped, its account left open`, 'legacy', (b) => unwrap(b, data), { bent: unwrapBent });
const FRIEND_OUT = K.stranger('a friend');
add('withdraw: a part of the wrapped SOL unwrapped and sent', 0, (b) => unwrap(b, Buffer.concat([u8(45, 1), u64(7n)])).add(K.SYSTEM, [[WALLET, me], [FRIEND_OUT, W]], Buffer.concat([u32(2), u64(7n)])), {
  grant: { intent: 'withdraw', wallet: WALLET, nonces: [], params: { recipient: FRIEND_OUT, mints: [], max_lamports: 7n, max_fee_lamports: 20000n, max_rent_lamports: 0n },
    truth: { wallet: WALLET, mints: [], tips: new Set(), nonce: false, maxFee: 20000n, maxTips: 0n, maxRent: 0n, recipients: new Set([FRIEND_OUT]), maxSol: 7n } },
  bent: [...unwrapBent, ['more sent', (tx) => { tx.ixs.at(-1).data.writeBigUInt64LE(8n, 4); }, ['amount-over-limit']]],
});

// --- Jito's mark behind the accounts of the network's own programs
const MARK = 'jitodontfront111111111111111111111111111111';
const marked = (b, more = [MARK]) => {
  b.create(USDC).wrap(IN).call(K.RAYDIUM_V4, 't=TOKEN amm! authority coin_vault! pc_vault! source=@source! destination=@destination! owner=@wallet', Buffer.concat([u8(16), u64(IN), u64(OUT)]), sol)
    .unwrap().tip(9n);
  for (const ix of b.tx.ixs) if (ix.program.key !== K.RAYDIUM_V4) for (const key of more) ix.accounts.push(account(b.tx, key));
};
const ofProgram = (program, change) => (tx) => change(tx.ixs.find((ix) => ix.program.key === program), tx);
const placed = (program, key, powers) => ofProgram(program, (ix, tx) => { ix.accounts[ix.accounts.length - 1] = account(tx, key, powers); });
const near = (first, second) => text58(Buffer.concat([Buffer.from(first, 'hex'), Buffer.from(second, 'hex'), Buffer.alloc(16, 9)]));
const BORDERS = [near('0af1c3432188ca3a', '635135a13a18951a'), near('0af1c3432188ca3a', '63520b53ecbaf31b')];
for (const [i, mark] of [MARK, 'jitodontfront1111111111111111JustUseJupiter', ...BORDERS].entries())
  add(`raydium: ${i < 2 ? `${mark} behind` : `the ${i === 2 ? 'first' : 'last'} mark behind`} everything but the swap`, ['legacy', 0, 1, 0][i], (b) => marked(b, [mark]), i !== 0 ? {} : {
    bent: [['it is writable', placed(K.TOKEN, MARK, W), ['account-count', 'account-not-allowed']], ['it signs', placed(K.SYSTEM, MARK, { signer: true }), ['account-count', 'account-not-allowed']],
      ['two of them', ofProgram(K.ATA, (ix, tx) => { ix.accounts.push(account(tx, 'jitodontfront1111111111111111JustUseJupiter')); }), ['account-count', 'account-not-allowed']],
      ['a stranger instead', placed(K.TOKEN, thief, {}), ['account-count']],
      ['an address below the marks', placed(K.SYSTEM, near('0af1c3432188ca3a', '635135a13a189519'), {}), ['account-count']],
      ['an address above the marks', placed(K.SYSTEM, near('0af1c3432188ca3a', '63520b53ecbaf31c'), {}), ['account-count']],
      ['an address of another beginning', placed(K.SYSTEM, near('0af1c3432188ca3b', '635135a13a18951a'), {}), ['account-count']],
      ['on the swap, where the program counts', bend(K.RAYDIUM_V4, (ix, tx) => { ix.accounts.push(account(tx, MARK)); }), ['account-count']],
      ['the wallet instead', placed(K.TOKEN, WALLET, {}), ['account-count']]],
  });

// --- Meteora
const DLMM = (host, p) => `pair! bitmap! reserve_x! reserve_y! source=@source! destination=@destination! x=@sold y=@bought oracle! host=${host} user=@wallet p=TOKEN p2=${p} memo=MEMO event=@events program=@self`;
add('dlmm: swap2 with a host fee and a bitmap extension', 0, (b) => b.create(USDC).wrap(IN)
  .call(K.DLMM, `${DLMM('HOST', 'TOKEN').replace('host=HOST', 'host!')} bin_0! bin_1! bin_2!`, cat('414b3f4ceb5b5b88', u64(IN), u64(OUT), slices()), sol), {
  params: { allow_host_fee: true },
  bent: [['the host read-only', bend(K.DLMM, (ix) => { ix.accounts[9].writable = false; }), ['account-not-allowed']],
    ['the wallet\'s account as the host', atPlace(K.DLMM, 9, own(USDC)), ['account-not-allowed']]],
  narrower: [['no host fee', { allow_host_fee: false }, ['platform-fee-not-allowed']]],
});
add('dlmm: swap2 of a mint with a transfer hook', 'legacy', (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.DLMM, `${DLMM('@self', 'TOKEN_2022')} hook_program hook_list hook_state! bin_0! bin_1!`, cat('414b3f4ceb5b5b88', u64(IN), u64(OUT), slices([1, 3])), coin), {
  bent: [['a signer among the hook\'s accounts', bend(K.DLMM, (ix, tx) => { ix.accounts[17] = account(tx, thief, { signer: true }); }), ['signer-not-allowed', 'account-not-allowed']],
    ['the wallet among them', bend(K.DLMM, (ix) => { ix.accounts[18] = ix.accounts[10]; }), ['account-not-allowed']],
    ['a slice cut short', bend(K.DLMM, (ix) => { ix.data = ix.data.subarray(0, -1); }), ['instruction-data-malformed']]],
});
add('dlmm: swap_exact_out2 of two Token-2022 mints', 1, (b) => b.create(USDC)
  .call(K.DLMM, `${DLMM('@self', 'TOKEN').replace('p=TOKEN', 'p=TOKEN_2022')} bin_0!`, cat('2bd7f784893cf351', u64(IN), u64(OUT), slices([0, 2])), sell22));
const DAMM = 'authority pool! source=@source! destination=@destination! va! vb! ma=@sold mb=@bought payer=@wallet p=TOKEN p=TOKEN_2022 referral=REF event=@events program=@self';
add('damm v2: swap2, partial fill, a referrer, the instructions sysvar behind', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.DAMM_V2, DAMM.replace('referral=REF', 'referral!'), cat('414b3f4ceb5b5b88', u64(IN), u64(OUT), u8(1)), coin)
  .add(K.MEMO, [], Buffer.from('x')), {
  params: { allow_referral: true, allow_memo: true },
  build: (tx) => { swapIn(tx, K.DAMM_V2).accounts.push(account(tx, 'Sysvar1nstructions1111111111111111111111111')); },
  bent: [['another mode', byte(K.DAMM_V2, 24, 3), ['instruction-data-malformed']],
    ['two accounts behind', bend(K.DAMM_V2, (ix, tx) => { ix.accounts.push(account(tx, thief)); }), ['account-count']]],
  narrower: [['no referral', { allow_referral: false }, ['platform-fee-not-allowed']]],
});

// --- Orca
const ORCA_V2 = 'p=TOKEN p2=TOKEN_2022 memo=MEMO authority=@wallet pool! m=@sold m=@bought a=@source! va! b=@destination! vb! tick_0! tick_1! tick_2! oracle!';
add('whirlpool: swap_v2, a hook and further tick arrays', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.WHIRLPOOL, `${ORCA_V2} hook_1 hook_2! tick_3! tick_4!`,
    cat('2b04ed0b1ac91e62', u64(IN), u64(OUT), u128(4295048016n), u8(1, 1), u8(1), slices([1, 2], [6, 2])), coin), {
  bent: [['the other direction', byte(K.WHIRLPOOL, 41, 0), ['source-not-own-account', 'destination-not-own-account', 'instruction-data-malformed']],
    ['an own account behind', bend(K.WHIRLPOOL, (ix, tx) => { ix.accounts[16] = account(tx, own(USDC), W); account(tx, USDC); }), ['account-not-allowed']]],
});
add('whirlpool: swap_v2 without a word of accounts behind', 'legacy', (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.WHIRLPOOL, ORCA_V2, cat('2b04ed0b1ac91e62', u64(IN), u64(OUT), u128(0n), u8(1, 1), u8(0)), coin), {
  bent: [['cut before that word, which the program does not take', bend(K.WHIRLPOOL, (ix) => { ix.data = ix.data.subarray(0, -1); }), ['instruction-data-malformed']]],
});
add('whirlpool: an exact output with the limit that older SDKs write, under a grant without a minimum', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.WHIRLPOOL, ORCA_V2, cat('2b04ed0b1ac91e62', u64(OUT), u64(IN), u128(4295048016n), u8(0, 1), u8(0)), coin), {
  narrower: [['a minimum of one', { min_out: 1n }, ['minimum-out-too-low']]],
});
add('whirlpool: swap of a pool whose fee adapts, its oracle behind', 'legacy', (b) => b.create(USDC).wrap(IN)
  .call(K.WHIRLPOOL, 't=TOKEN authority=@wallet pool! a=@source! va! b=@destination! vb! tick_0! tick_1! tick_2! oracle oracle_too!',
    cat('f8c69e91e17587c8', u64(IN), u64(OUT), u128(0n), u8(1, 1)), sol), {
  bent: [['the wallet\'s account in its place', bend(K.WHIRLPOOL, (ix, tx) => { ix.accounts[11] = account(tx, own(USDC), W); }), ['account-not-allowed']],
    ['three accounts behind', bend(K.WHIRLPOOL, (ix, tx) => { for (const n of [1, 2]) ix.accounts.push(account(tx, K.stranger(`behind ${n}`))); }), ['account-count']]],
});
add('whirlpool: two hops through a token whose mint stands nowhere', 0, (b) => b.create(USDC).wrap(IN)
  .call(K.WHIRLPOOL, 't=TOKEN authority=@wallet pool_1! pool_2! a=@source! va! b=@middle! vb! c=@middle! vc! d=@destination! vd! one_0! one_1! one_2! two_0! two_1! two_2! o1 o2',
    cat('c360ed6c44a2dbe6', u64(IN), u64(OUT), u8(1, 1, 1), u128(0n), u128(0n)), { ...sol, middle: own(COIN) }), {
  params: { via_mints: [COIN] },
  bent: [['through a stranger\'s account', bend(K.WHIRLPOOL, (ix, tx) => { ix.accounts[6] = account(tx, K.ata(thief, COIN), W); }), ['destination-not-own-account']]],
  narrower: [['the token not named', { via_mints: [] }, ['destination-not-own-account']]],
});
add('whirlpool: two_hop_swap_v2, exact out, through a Token-2022 mint', 1, (b) => b.create(USDC).wrap(IN)
  .call(K.WHIRLPOOL, 'pool_1! pool_2! m=@sold mid m=@bought p=TOKEN p2=TOKEN_2022 p=TOKEN source=@source! va! vb! vc! vd! destination=@destination! authority=@wallet one_0! one_1! one_2! two_0! two_1! two_2! o1! o2! memo=MEMO hook! tick_3!',
    cat('ba8fd11dfe02c275', u64(OUT), u64(IN), u8(0, 1, 0), u128(0n), u128(0n), u8(1), slices([3, 1], [7, 1])), sol), {
  bent: [['a limit of the price, so that less may come', byte(K.WHIRLPOOL, 27, 1), ['minimum-out-too-low']],
    ['a stranger gets it', atPlace(K.WHIRLPOOL, 13, K.ata(thief, USDC)), ['destination-not-own-account']]],
});

// --- Raydium
const CLMM = 'payer=@wallet config pool! source=@source! destination=@destination! in_vault! out_vault! observation! t=TOKEN t2=TOKEN_2022 memo=MEMO m=@sold m=@bought';
add('clmm: swap_v2 into a Token-2022 coin, bitmap extension and tick arrays', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.RAYDIUM_CLMM, `${CLMM} bitmap! tick_0! tick_1! tick_2!`, cat('2b04ed0b1ac91e62', u64(IN), u64(OUT), u128(1n << 80n), u8(1)), coin), {
  bent: [['a mint that is not the source\'s', atPlace(K.RAYDIUM_CLMM, 11, thief, {}), ['mint-not-allowed']],
    ['exact out by the flag alone', byte(K.RAYDIUM_CLMM, 40, 0), ['amount-over-limit', 'minimum-out-too-low', 'instruction-data-malformed']]],
});
add('clmm: swap_v2, exact out, from a Token-2022 coin', 'legacy', (b) => b.create(USDC)
  .call(K.RAYDIUM_CLMM, `${CLMM} tick_0!`, cat('2b04ed0b1ac91e62', u64(OUT), u64(IN), u128(0n), u8(0)), sell22));
add('clmm: swap_router_base_in through one pool', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.RAYDIUM_CLMM, `payer=@wallet source=@source! m=@sold! t=TOKEN t2=TOKEN_2022 memo=MEMO config pool! destination=@destination! in_vault! out_vault! m=@bought observation! bitmap! tick_0! tick_1!`,
    cat('457d73daf5baf2c4', u64(IN), u64(OUT)), coin), {
  bent: [['as many accounts as two pools need', bend(K.RAYDIUM_CLMM, (ix, tx) => { for (let i = 0; i < 6; i++) ix.accounts.push(account(tx, K.stranger(`second pool ${i}`), W)); }), ['account-count']],
    ['no pool at all', bend(K.RAYDIUM_CLMM, (ix) => { ix.accounts = ix.accounts.slice(0, 6); }), ['account-count']],
    ['the pool pays another', atPlace(K.RAYDIUM_CLMM, 8, K.ata(thief, COIN, K.TOKEN_2022)), ['destination-not-own-account']],
    ['the account bought into once more behind', bend(K.RAYDIUM_CLMM, (ix, tx) => { ix.accounts.push(account(tx, own(COIN, K.TOKEN_2022))); }), ['account-not-allowed']]],
});
add('clmm: an exact output with the limit that Raydium\'s SDK writes, under a grant without a minimum', 'legacy', (b) => b.create(USDC)
  .call(K.RAYDIUM_CLMM, `${CLMM} tick_0!`, cat('2b04ed0b1ac91e62', u64(OUT), u64(IN), u128(4295048017n), u8(0)), sell22), {
  narrower: [['a minimum of one', { min_out: 1n }, ['minimum-out-too-low']],
    ['a minimum price', { min_price_out: 1n, min_price_in: IN }, ['price-below-minimum']]],
});
add('cpmm: every account writable, as some builders write them', 'legacy', (b) => b.wrap(IN)
  .call(K.RAYDIUM_CPMM, 'payer=@wallet! authority! config! pool! source=@source! destination=@destination! in_vault! out_vault! p=TOKEN! p2=TOKEN! m=@sold! m=@bought! observation!',
    cat('8fbe5adac41e33de', u64(IN), u64(OUT)), sol), {
  bent: [['of another mint', atPlace(K.RAYDIUM_CPMM, 10, COIN), ['mint-not-allowed', 'account-not-allowed']]],
});
add('cpmm: into a Token-2022 coin', 1, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.RAYDIUM_CPMM, 'payer=@wallet authority config pool! source=@source! destination=@destination! in_vault! out_vault! p=TOKEN p2=TOKEN_2022 m=@sold m=@bought observation!',
    cat('8fbe5adac41e33de', u64(IN), u64(OUT)), coin), {
  bent: [['a program of another name for the token program', atPlace(K.RAYDIUM_CPMM, 9, thief, {}), ['account-not-allowed']]],
});

// --- pump.fun and PumpSwap, with what the current SDK puts behind
// Builders that take track_volume for an option write two bytes, also behind a sell, which has none.
const longer = (program, more) => bend(program, (ix) => { ix.data = Buffer.concat([ix.data, more]); });
const PUMP_SWAP = 'pool! user=@wallet! config=PUMP_SWAP_CONFIG b=BASE q=QUOTE ub=UB uq=UQ pool_base! pool_quote! fee_to fee_account! p2=TOKEN_2022 p=TOKEN s=SYSTEM a=ATA event=@events program=@self creator_account! creator';
const buys = PUMP_SWAP.replace('BASE', '@bought').replace('QUOTE', '@sold').replace('UB', '@destination!').replace('UQ', '@source!');
const sells = PUMP_SWAP.replace('BASE', '@sold').replace('QUOTE', '@bought').replace('UB', '@source!').replace('UQ', '@destination!');
add('pump swap: a buy with cashback, of a Token-2022 coin', 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.PUMP_SWAP, `${buys} volume my_volume! fees pf=PUMP_FEES my_quote! pool_v2 back back_account!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(1)), coin), {
  bent: [['the account bought into once more behind', bend(K.PUMP_SWAP, (ix, tx) => { ix.accounts[24] = account(tx, own(COIN, K.TOKEN_2022), W); }), ['account-not-allowed']],
    ['another fee program', atPlace(K.PUMP_SWAP, 22, thief, {}), ['account-not-allowed']]],
});
add('pump swap: a sell with cashback for SOL', 'legacy', (b) => b.create(K.NATIVE)
  .call(K.PUMP_SWAP, `${sells} fees pf=PUMP_FEES my_quote! my_volume! pool_v2 back back_account!`, cat('33e685a4017f83ad', u64(IN), u64(OUT)),
    { source: own(COIN, K.TOKEN_2022), destination: own(K.NATIVE), sold: COIN, bought: K.NATIVE }).unwrap(), {
  bent: [['sold for another\'s account', atPlace(K.PUMP_SWAP, 6, K.ata(thief, K.NATIVE)), ['destination-not-own-account']]],
});
for (const [name, disc, list, more] of [['buy', '66063d1201daebea', `${buys} volume my_volume! fees pf=PUMP_FEES`, u8(1, 1)],
  ['buy for an exact amount', 'c62e1552b4d9e870', `${buys} volume my_volume! fees pf=PUMP_FEES`, u8(1, 0)],
  ['buy before the fee program', '66063d1201daebea', `${buys} volume my_volume!`, u8(0, 0)], ['buy before the accumulators', '66063d1201daebea', buys, u8(1, 1)]])
  add(`pump swap: a ${name}, track_volume in two bytes`, 0, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
    .call(K.PUMP_SWAP, list, cat(disc, u64(name.endsWith('exact amount') ? IN : OUT), u64(name.endsWith('exact amount') ? OUT : IN), more), coin), {
    bent: [['three', longer(K.PUMP_SWAP, u8(0)), ['instruction-data-trailing']], ['the first no bool', byte(K.PUMP_SWAP, 24, 7), ['instruction-data-malformed']]],
  });
for (const [name, list] of [['sell', `${sells} fees pf=PUMP_FEES`], ['sell before the fee program', sells]])
  add(`pump swap: a ${name}, two bytes behind`, 1, (b) => b.create(K.NATIVE)
    .call(K.PUMP_SWAP, list, cat('33e685a4017f83ad', u64(IN), u64(OUT), u8(1, 1)), { source: own(COIN, K.TOKEN_2022), destination: own(K.NATIVE), sold: COIN, bought: K.NATIVE }).unwrap(), {
    bent: [['three', longer(K.PUMP_SWAP, u8(0)), ['instruction-data-trailing']]],
  });
// What is made longer is what is traded on, once and before; `places` are those of the trade where it stands.
const LONGER = 'user=@wallet! s=SYSTEM event=@events program=@self';
const EXTEND = cat('ea66c2cb96483ee5');
const extension = (tx) => tx.ixs.findIndex((ix) => ix.data.equals(EXTEND));
const hidden = (tx) => {
  tx.version = 0;
  tx.accounts.push({ table: thief, index: 7, signer: false, writable: true });
  return tx.accounts.at(-1);
};
const longerBent = (place) => {
  const one = (change) => (tx) => change(tx.ixs[extension(tx)], tx);
  const trade = (tx) => tx.ixs.find((ix) => ix.program.key === tx.ixs[extension(tx)].program.key && !ix.data.equals(EXTEND));
  const put = (key, powers) => one((ix, tx) => { ix.accounts[0] = account(tx, key, powers); });
  return [['another one', put(thief, W), ['account-not-allowed']], ['the wallet', put(WALLET, W), ['account-not-allowed']],
    ['its own token account', put(own(COIN, K.TOKEN_2022), W), ['account-not-allowed']], ['one of the trade that is not it', one((ix, tx) => { ix.accounts[0] = trade(tx).accounts[place + 1]; }), ['account-not-allowed']],
    ['another one traded on', (tx) => { trade(tx).accounts[place] = account(tx, thief, W); }, ['account-not-allowed']],
    ['one that hides', (tx) => { tx.ixs[extension(tx)].accounts[0] = hidden(tx); }, ['account-not-allowed']],
    ['the one traded on hides', (tx) => { trade(tx).accounts[place] = hidden(tx); }, ['account-unknown']],
    ['both hide', (tx) => { trade(tx).accounts[place] = tx.ixs[extension(tx)].accounts[0] = hidden(tx); }, ['account-unknown']],
    ['read-only', put(K.stranger('no pool'), {}), ['account-not-allowed']],
    ['another pays', one((ix, tx) => { ix.accounts[1] = account(tx, thief, me); }), ['account-not-allowed']],
    ['another system program', one((ix, tx) => { ix.accounts[2] = account(tx, thief); }), ['account-not-allowed']],
    ['an account behind', one((ix, tx) => { ix.accounts.push(account(tx, thief)); }), ['account-count']],
    ['a byte behind', one((ix) => { ix.data = Buffer.concat([ix.data, u8(0)]); }), ['instruction-data-trailing']],
    ['twice', (tx) => { tx.ixs.splice(extension(tx), 0, tx.ixs[extension(tx)]); }, ['instruction-repeated']],
    ['after the trade', (tx) => { tx.ixs.push(...tx.ixs.splice(extension(tx), 1)); }, ['instruction-not-allowed']],
    ['without a trade', (tx) => { tx.ixs = tx.ixs.filter((ix) => ix !== trade(tx)); }, ['instruction-missing']]];
};
add('pump swap: a pool made longer, then bought from', 0, (b) => b.call(K.PUMP_SWAP, `pool! ${LONGER}`, EXTEND, coin).create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.PUMP_SWAP, `${buys} volume my_volume! fees pf=PUMP_FEES pool_v2 back back_account!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(1)), coin), { bent: longerBent(0) });
add('pump swap: a pool made longer, then sold into', 'legacy', (b) => b.call(K.PUMP_SWAP, `pool! ${LONGER}`, EXTEND, coin).create(K.NATIVE)
  .call(K.PUMP_SWAP, `${sells} fees pf=PUMP_FEES pool_v2 back back_account!`, cat('33e685a4017f83ad', u64(IN), u64(OUT)),
    { source: own(COIN, K.TOKEN_2022), destination: own(K.NATIVE), sold: COIN, bought: K.NATIVE }).unwrap(), { bent: longerBent(0) });
add('pump swap: through two pools, neither made longer before', 1, (b) => b.create(COIN, K.TOKEN_2022).wrap(IN)
  .call(K.PUMP_SWAP, 'user=@wallet! uq=@source! ub=@destination! config=PUMP_SWAP_CONFIG fees my_volume! back_account! p=TOKEN p2=TOKEN_2022 s=SYSTEM event=@events program=@self pump=PUMP g=PUMP_GLOBAL pump_fees pe=PUMP_EVENTS ' +
    'base_0 quote_0 pool! vault_b0! vault_q0! base_1 quote_1 pool_1! vault_b1! vault_q1!', cat('2b644913e9f66f94', u64(IN), u64(OUT)), coin), {
  bent: [['the first of them', (tx) => {
    const ix = swapIn(tx, K.PUMP_SWAP);
    tx.ixs.unshift({ program: ix.program, data: EXTEND, accounts: [ix.accounts[18], ix.accounts[0], account(tx, K.SYSTEM), ix.accounts[10], ix.program] });
  }, ['instruction-not-allowed']]],
});
const CURVE = 'g=PUMP_GLOBAL fee! mint=@coin curve! curve_tokens! tokens=@tokens! user=@wallet! s=SYSTEM';
const pump = { coin: COIN, tokens: own(COIN, K.TOKEN_2022) };
add('pump.fun: a buy of a cashback coin', 1, (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES curve_v2 back!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(0)), pump).tip(9n), {
  bent: [['for another', atPlace(K.PUMP, 5, K.ata(thief, COIN, K.TOKEN_2022)), ['destination-not-own-account']],
    ['another pays, the wallet signs', bend(K.PUMP, (ix, tx) => { ix.accounts[6] = account(tx, thief, me); }), ['account-not-allowed', 'signer-not-allowed']]],
});
add('pump.fun: a curve made longer, then bought on', 0, (b) => b.call(K.PUMP, `curve! ${LONGER}`, EXTEND, pump).create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES curve_v2 back!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(1)), pump).tip(9n), { bent: longerBent(3) });
add('pump.fun: a curve made longer, then sold on', 'legacy', (b) => b.call(K.PUMP, `curve! ${LONGER}`, EXTEND, pump)
  .call(K.PUMP, `${CURVE} creator! p2=TOKEN_2022 event=@events program=@self fees pf=PUMP_FEES curve_v2 back!`, cat('33e685a4017f83ad', u64(IN), u64(OUT)), pump), { bent: longerBent(3) });
add('pump.fun: a sell of a cashback coin', 0, (b) => b
  .call(K.PUMP, `${CURVE} creator! p2=TOKEN_2022 event=@events program=@self fees pf=PUMP_FEES my_volume! curve_v2 back!`, cat('33e685a4017f83ad', u64(IN), u64(OUT)), pump).tip(9n), {
  bent: [['seven accounts behind', bend(K.PUMP, (ix, tx) => { for (let i = 0; i < 4; i++) ix.accounts.push(account(tx, K.stranger(`more ${i}`))); }), ['account-count']]],
});
add('pump.fun: a buy that may be filled in part, without a price', 'legacy', (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES curve_v2 back!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(1, 1)), pump).tip(9n), {
  bent: [['three', longer(K.PUMP, u8(1)), ['instruction-data-trailing']], ['the first no bool', byte(K.PUMP, 24, 2), ['instruction-data-malformed']],
    ['the second no bool', byte(K.PUMP, 25, 2), ['instruction-data-malformed']],
    ['the amount cut', bend(K.PUMP, (ix) => { ix.data = ix.data.subarray(0, 23); }), ['instruction-data-malformed']]],
  narrower: [['a price', { buy_price_tokens: 1n, buy_price_lamports: IN }, ['price-below-minimum']]],
});
add('pump.fun: a buy before the fee program that may be filled in part', 1, (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume!`, cat('66063d1201daebea', u64(OUT), u64(IN), u8(0, 1)), pump));
add('pump.fun: a buy for an exact amount of SOL, both flags given', 0, (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES curve_v2 back!`, cat('38fc74089edfcd5f', u64(IN), u64(OUT), u8(1, 0)), pump));
add('pump.fun: a sell for whatever comes', 'legacy', (b) => b
  .call(K.PUMP, `${CURVE} creator! p2=TOKEN_2022 event=@events program=@self fees pf=PUMP_FEES curve_v2 back!`, cat('33e685a4017f83ad', u64(IN), u64(0)), pump).tip(9n), {
  narrower: [['a price', { sell_price_lamports: 1n, sell_price_tokens: IN }, ['price-below-minimum']]],
});
add('pump.fun: a sell with two bytes behind', 0, (b) => b
  .call(K.PUMP, `${CURVE} creator! p2=TOKEN_2022 event=@events program=@self fees pf=PUMP_FEES curve_v2 back!`, cat('33e685a4017f83ad', u64(IN), u64(OUT), u8(1, 1)), pump), {
  bent: [['three', longer(K.PUMP, u8(1)), ['instruction-data-trailing']], ['a second tail', longer(K.PUMP, u64(1)), ['instruction-data-trailing']]],
});
add('pump.fun: a sell before the fee program, two bytes behind', 'legacy', (b) => b
  .call(K.PUMP, `${CURVE} creator! p2=TOKEN_2022 event=@events program=@self`, cat('33e685a4017f83ad', u64(IN), u64(OUT), u8(1, 1)), pump));
add('pump.fun: buy_v2 in SOL; of a curve in another token it is refused', 'legacy', (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, 'g=PUMP_GLOBAL m=@coin q=NATIVE p2=TOKEN_2022 p=TOKEN a=ATA fee! fee_account! back! back_account! curve! curve_base! curve_quote! user=@wallet! tokens=@tokens! quote=@wrapped! creator! creator_account! sharing volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self',
    cat('b817ee6167c5d33d', u64(OUT), u64(IN)), { ...pump, wrapped: own(K.NATIVE) }), {
  bent: [['USDC as its quote', atPlace(K.PUMP, 2, USDC, {}), ['account-not-allowed']],
    ['paid out of USDC', atPlace(K.PUMP, 15, own(USDC)), ['source-not-own-account']]],
});

const QUOTED = 'g=PUMP_GLOBAL m=@coin q=USDC p2=TOKEN_2022 p=TOKEN a=ATA fee! fee_account! back! back_account! curve! curve_base! curve_quote! user=@wallet! base=@tokens! quote=@quote! creator! creator_account! sharing';
const usdc = { ...pump, quote: own(USDC) };
add('pump.fun: buy_v2 of a curve in USDC', 0, (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${QUOTED} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat('b817ee6167c5d33d', u64(OUT), u64(IN)), usdc).tip(9n), {
  bent: [['of a curve in SOL, which takes the wallet\'s', bend(K.PUMP, (ix, tx) => { ix.accounts[2] = account(tx, K.NATIVE); ix.accounts[15] = account(tx, own(K.NATIVE), W); }), ['mint-not-allowed']],
    ['paid from another\'s account', atPlace(K.PUMP, 15, K.ata(thief, USDC)), ['source-not-own-account']],
    ['for another', atPlace(K.PUMP, 14, K.ata(thief, COIN, K.TOKEN_2022)), ['destination-not-own-account']]],
  narrower: [['SOL as what is sold', { input_mint: K.NATIVE }, ['mint-not-allowed']],
    // A curve in SOL takes the wallet's SOL, whichever account stands there.
    ['wrapped SOL as what is sold', { input_mint: K.NATIVE }, ['source-not-own-account'], bend(K.PUMP, (ix, tx) => { ix.accounts[2] = account(tx, K.NATIVE); ix.accounts[15] = account(tx, own(K.NATIVE), W); })]],
});
add('pump.fun: buy_exact_quote_in_v2 of a curve in USDC', 0, (b) => b.create(COIN, K.TOKEN_2022)
  .call(K.PUMP, `${QUOTED} volume my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat('c2ab1c46684d5b2f', u64(IN), u64(OUT)), usdc).tip(9n), {
  bent: [['of a curve in SOL, which takes the wallet\'s', bend(K.PUMP, (ix, tx) => { ix.accounts[2] = account(tx, K.NATIVE); ix.accounts[15] = account(tx, own(K.NATIVE), W); }), ['mint-not-allowed']],
    ['paid from another\'s account', atPlace(K.PUMP, 15, K.ata(thief, USDC)), ['source-not-own-account']],
    ['for another', atPlace(K.PUMP, 14, K.ata(thief, COIN, K.TOKEN_2022)), ['destination-not-own-account']]],
  narrower: [['SOL as what is sold', { input_mint: K.NATIVE }, ['mint-not-allowed']],
    ['wrapped SOL as what is sold', { input_mint: K.NATIVE }, ['source-not-own-account'], bend(K.PUMP, (ix, tx) => { ix.accounts[2] = account(tx, K.NATIVE); ix.accounts[15] = account(tx, own(K.NATIVE), W); })]],
});
add('pump.fun: sell_v2 on a curve in USDC', 1, (b) => b.create(USDC)
  .call(K.PUMP, `${QUOTED} my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat('5df6823ce7e940b2', u64(IN), u64(OUT)), usdc), {
  bent: [['paid out to another', atPlace(K.PUMP, 15, K.ata(thief, USDC)), ['destination-not-own-account']],
    ['another token as its quote', atPlace(K.PUMP, 2, thief, {}), ['mint-not-allowed']]],
});
add('pump.fun: sell_v2 on a curve in USDC, where wrapped SOL is allowed, too', 1, (b) => b.create(USDC)
  .call(K.PUMP, `${QUOTED} my_volume! my_volume_account! fees pf=PUMP_FEES s=SYSTEM event=@events program=@self`, cat('5df6823ce7e940b2', u64(IN), u64(OUT)), usdc), {
  params: { output_mints: [USDC, K.NATIVE], min_out: undefined, min_price_out: undefined, min_price_in: undefined },
  bent: [['paid in wrapped SOL, which a curve in SOL does not', bend(K.PUMP, (ix, tx) => { ix.accounts[2] = account(tx, K.NATIVE); ix.accounts[15] = account(tx, own(K.NATIVE), W); }), ['destination-not-own-account']]],
});
add('pump.fun: a curve in USDC made longer, then bought on', 0, (b) => b.call(K.PUMP, `curve! ${LONGER}`, EXTEND, pump).create(COIN, K.TOKEN_2022)
  .call(K.PUMP, 'g=PUMP_GLOBAL m=@coin q=USDC p2=TOKEN_2022 p=TOKEN curve! curve_base! curve_quote! user=@wallet! tokens=@tokens! quote=@quote! my_volume! fees back! s=SYSTEM event=@events program=@self',
    cat('07051dc4f5176550', u64(OUT), u64(IN)), usdc), { bent: longerBent(5) });
const CREATE = 'mint=@coin authority curve! curve_tokens! g=PUMP_GLOBAL user=@wallet! s=SYSTEM p2=TOKEN_2022 a=ATA mayhem! params sol_vault! state! vault! event=@events program=@self';
const named = Buffer.concat(['A', 'B', 'C'].map((text) => Buffer.concat([u32(1), Buffer.from(text)])));
add('pump.fun: a token made with its quote named, its curve made longer, and bought', 1, (b) => {
  account(b.tx, COIN, me);
  return b.call(K.PUMP, `${CREATE} quote=NATIVE curve_quote! p=TOKEN`, cat('d6904cec5f8b31b4', named, Buffer.from(bytes58(WALLET)), u8(0, 1)), pump)
    .call(K.PUMP, 'curve! user=@wallet s=SYSTEM event=@events program=@self', cat('ea66c2cb96483ee5'), pump).create(COIN, K.TOKEN_2022)
    .call(K.PUMP, `${CURVE} p2=TOKEN_2022 creator! event=@events program=@self volume my_volume! fees pf=PUMP_FEES curve_v2 back!`, cat('38fc74089edfcd5f', u64(IN), u64(OUT), u8(0)), pump);
}, {
  bent: [['made with USDC as its quote', (tx) => { swapIn(tx, K.PUMP).accounts[16] = account(tx, USDC); }, ['account-not-allowed']],
    ['another account made longer', (tx) => { tx.ixs.find((ix) => ix.data.length === 8).accounts[0] = account(tx, thief, W); }, ['account-not-allowed']],
    ['made longer twice', (tx) => { const at = tx.ixs.findIndex((ix) => ix.data.length === 8); tx.ixs.splice(at, 0, tx.ixs[at]); }, ['instruction-repeated']],
    ['made longer after it was traded on', (tx) => { const at = tx.ixs.findIndex((ix) => ix.data.length === 8); tx.ixs.push(...tx.ixs.splice(at, 1)); }, ['instruction-not-allowed']]],
});

for (const paired of [false, true]) add(`pump.fun: a token made with ${paired ? 'another coin' : 'USDC'} as its quote, and bought`, 1, (b) => {
  account(b.tx, COIN, me);
  return b.call(K.PUMP, `${CREATE} quote=@other curve_quote! p2=TOKEN_2022 ${paired ? 'control=QUOTE_CONTROL other_curve other_pool other_base other_quote' : ''}`, cat('d6904cec5f8b31b4', named, Buffer.from(bytes58(WALLET)), u8(0, 0)), { ...pump, other: USDC })
    .create(COIN, K.TOKEN_2022).call(K.PUMP, 'g=PUMP_GLOBAL m=@coin q=USDC p2=TOKEN_2022 p=TOKEN curve! curve_base! curve_quote! user=@wallet! tokens=@tokens! quote=@quote! my_volume! fees back! s=SYSTEM event=@events program=@self',
      cat('07051dc4f5176550', u64(OUT), u64(IN)), usdc);
}, {
  bent: [['made with SOL as its quote', atPlace(K.PUMP, 16, K.NATIVE, {}), ['mint-not-allowed']], ['made with a stranger as its quote', atPlace(K.PUMP, 16, thief, {}), ['mint-not-allowed']],
    ...(paired ? [['another\'s quote control', atPlace(K.PUMP, 19, thief, {}), ['account-not-allowed']], ['the wallet for the pool of the quote', atPlace(K.PUMP, 21, WALLET), ['account-not-allowed']],
      ['its own account for that of the pool', atPlace(K.PUMP, 22, own(USDC)), ['account-not-allowed']]] : []),
    ['its own account for the curve\'s', atPlace(K.PUMP, 17, own(USDC)), ['account-not-allowed']], ['an account less', bend(K.PUMP, (ix) => { ix.accounts.pop(); }), ['account-count']],
    ['a fee of the creator\'s', bend(K.PUMP, (ix) => { ix.data = Buffer.concat([ix.data, u64(1)]); }), ['platform-fee-not-allowed']],
    ['a reward of holders', bend(K.PUMP, (ix) => { ix.data = Buffer.concat([ix.data, u64(0), u8(1)]); }), ['instruction-not-allowed']],
    ['another is its creator', bend(K.PUMP, (ix) => { Buffer.from(bytes58(thief)).copy(ix.data, 8 + named.length); }), ['account-not-allowed']],
    ['another pays for it', atPlace(K.PUMP, 5, thief, me), ['account-not-allowed']],
    ['twice', (tx) => { tx.ixs.splice(0, 0, swapIn(tx, K.PUMP)); }, ['instruction-repeated']],
    ['after it was bought', (tx) => { tx.ixs.push(...tx.ixs.splice(tx.ixs.indexOf(swapIn(tx, K.PUMP)), 1)); }, ['instruction-not-allowed']]],
  narrower: [['no token to be made', { allow_create: false }, ['instruction-not-allowed']]],
});

// --- transfers from an account that the grant vouches for
add('spl-transfer: from an account that is not the associated one', 0, (b) => {
  b.add(K.TOKEN, [[K.stranger('a second account'), W], [USDC], [K.ata(K.stranger('a friend'), USDC), W], [WALLET, { signer: true }]], Buffer.concat([u8(12), u64(77n), u8(6)]));
  account(b.tx, K.stranger('a friend'));
}, {
  params: { source_account: K.stranger('a second account'), recipients: [K.stranger('a friend')], recipient_accounts: [] },
  bent: [['from a third one', (tx) => { tx.ixs.at(-1).accounts[0] = account(tx, thief, W); }, ['source-not-own-account', 'recipient-not-allowed']],
    ['of another mint', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, COIN); }, ['mint-not-allowed']]],
});

add('spl-transfer: signed by its owner, who is named twice', 'legacy', (b) => {
  b.add(K.TOKEN, [[own(USDC), W], [USDC], [K.ata(K.stranger('a friend'), USDC), W], [WALLET], [WALLET, { signer: true }]], Buffer.concat([u8(12), u64(77n), u8(6)]))
    .add(K.TOKEN, [[own(USDC), W], [K.ata(K.stranger('a friend'), USDC), W], [WALLET], [WALLET, { signer: true }]], Buffer.concat([u8(3), u64(7n)]));
  account(b.tx, K.stranger('a friend'));
}, {
  bent: [['another signs', (tx) => { tx.ixs.at(-1).accounts[3] = account(tx, thief, { signer: true }); }, ['account-not-allowed']],
    ['the owner another, the wallet behind', (tx) => { tx.ixs.at(-2).accounts[3] = account(tx, thief); }, ['account-not-allowed']],
    ['to a thief', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, K.ata(thief, USDC), W); }, ['recipient-not-allowed']]],
});

// A token sent with a tip and a fee in SOL beside it, and what it leaves closed, of either program.
const away = (b, mint, program, hex) => b.add(program, [[own(mint, program), W], ...(hex === '03' ? [] : [[mint]]), [K.ata(K.stranger('a friend'), mint, program), W], [WALLET, { signer: true }]],
  cat(hex, u64(77n), hex === '03' ? u8() : u8(6))).add(program, [[own(mint, program), W], [WALLET, W], [WALLET, { signer: true }]], u8(9));
for (const [name, mint, program, hex] of [['spl', USDC, K.TOKEN, '03'], ['token-2022', COIN, K.TOKEN_2022, '0c']])
  add(`${name}-transfer: sent whole, with a tip and a fee`, 0, (b) => {
    b.tip(1000n).add(K.SYSTEM, [[WALLET, me], [K.stranger('a partner'), W]], Buffer.concat([u32(2), u64(500n)]));
    away(b, mint, program, hex);
    for (const key of [mint, K.stranger('a friend')]) account(b.tx, key);
  }, {
    bent: [['the rest to a thief', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']],
      ['another account closed', (tx) => { tx.ixs.at(-1).accounts[0] = account(tx, own(K.NATIVE), W); }, ['source-not-own-account']],
      ['closed by another', (tx) => { tx.ixs.at(-1).accounts[2] = account(tx, thief, { signer: true }); }, ['account-not-allowed']],
      ['a fee to a thief', (tx) => { tx.ixs.at(-3).accounts[1] = account(tx, thief, W); }, ['recipient-not-allowed']],
      ['a lamport more', (tx) => { tx.ixs.at(-3).data[4]++; }, ['tip-over-limit']],
      ['closed and nothing sent', (tx) => { tx.ixs.splice(-2, 1); }, ['instruction-missing']]],
  });

// --- an account made, and SOL withdrawn, with a durable nonce
const withNonce = (b) => { b.add(K.SYSTEM, [[K.stranger('nonce'), W], ['SysvarRecentB1ockHashes11111111111111111111'], [WALLET, { signer: true }]], u32(4)); b.tx.ixs.unshift(b.tx.ixs.pop()); };
add('wrap: an account made with a durable nonce', 'legacy', (b) => withNonce(b.create(USDC)), {
  bent: [['another nonce', (tx) => { tx.ixs[0].accounts[0] = account(tx, thief, W); }, ['durable-nonce']],
    ['advanced later', (tx) => { tx.ixs.push(tx.ixs.shift()); }, ['instruction-not-allowed', 'lifetime-not-allowed']]],
});

// --- many at once, as who empties a wallet or pays many does; and what goes with a tip and a withdrawal
add('wrap: twenty empty accounts closed', 'legacy', (b) => { for (let i = 0; i < 20; i++) b.end(K.stranger(`empty ${i}`)); }, {
  bent: [['one to a thief', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['close-not-allowed']],
    ['one by another', (tx) => { tx.ixs.at(-2).accounts[2] = account(tx, thief, { signer: true }); }, ['account-not-allowed']]],
});
add('sol-transfer: sixty in one transaction', 1, (b) => { for (let i = 0; i < 60; i++) b.add(K.SYSTEM, [[WALLET, me], [K.stranger(`paid ${i % 30}`), W]], Buffer.concat([u32(2), u64(BigInt(i + 1))])); }, {
  bent: [['one to a thief', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['recipient-not-allowed']],
    ['a lamport more', (tx) => { tx.ixs.at(-1).data[4]++; }, ['amount-over-limit']]],
});
const noted = (b) => b.tip(1000n).add(K.MEMO, [[WALLET, { signer: true }]], Buffer.from('bundle 7'));
add('jito-tip: a tip, and a memo that names its bundle', 'legacy', noted, {
  bent: [['a memo signed by another', (tx) => { tx.ixs.at(-1).accounts.push(account(tx, thief, { signer: true })); }, ['account-count', 'account-not-allowed']],
    ['a memo alone', (tx) => { tx.ixs.splice(-2, 1); }, ['instruction-missing']]],
  narrower: [['no memos', { allow_memo: false }, ['memo-not-allowed']]],
});
add('jito-tip: a tip on a durable nonce', 0, (b) => withNonce(b.tip(1000n)), {
  bent: [['another nonce', (tx) => { tx.ixs[0].accounts[0] = account(tx, thief, W); }, ['durable-nonce']]],
  narrower: [['no nonces', { allow_nonce: false }, ['lifetime-not-allowed']]],
});
add('withdraw: to an account that another pays for, with a tip', 'legacy', (b) => {
  b.add(K.ATA, [[K.stranger('a sponsor'), me], [K.ata(FRIEND_OUT, USDC), W], [FRIEND_OUT], [USDC], [K.SYSTEM], [K.TOKEN]], u8(1))
    .add(K.TOKEN, [[own(USDC), W], [USDC], [K.ata(FRIEND_OUT, USDC), W], [WALLET, { signer: true }]], Buffer.concat([u8(12), u64(77n), u8(6)])).tip(1000n);
}, {
  grant: { intent: 'withdraw', wallet: WALLET, nonces: [], params: { recipient: FRIEND_OUT, mints: [USDC], max_lamports: 0n, max_fee_lamports: 25000n, max_rent_lamports: 0n, max_tip_lamports: 1000n },
    truth: { wallet: WALLET, mints: [USDC], tips: new Set(K.JITO), nonce: false, maxFee: 25000n, maxTips: 1000n, maxRent: 0n, recipients: new Set([FRIEND_OUT]), maxSol: 0n } },
  bent: [['the tip to a thief', (tx) => { tx.ixs.at(-1).accounts[1] = account(tx, thief, W); }, ['recipient-not-allowed']],
    ['a lamport more', (tx) => { tx.ixs.at(-1).data[4]++; }, ['tip-over-limit']],
    ['the wallet pays for it', (tx) => { tx.ixs.find((ix) => ix.program.key === K.ATA).accounts[0] = account(tx, WALLET, me); Object.assign(account(tx, K.stranger('a sponsor')), { signer: false, writable: false }); }, ['rent-over-limit']],
    ['a thief\'s account made', (tx) => { const ix = tx.ixs.find((one) => one.program.key === K.ATA); ix.accounts[1] = account(tx, K.ata(thief, USDC), W); ix.accounts[2] = account(tx, thief); }, ['recipient-not-allowed']]],
});

// --- Token-2022 transfers
const owner = K.stranger('a friend');
const to = K.ata(owner, COIN, K.TOKEN_2022);
const send = (b, data, more = []) => {
  b.add(K.TOKEN_2022, [[own(COIN, K.TOKEN_2022), W], [COIN], [to, W], [WALLET, { signer: true }], ...more], data);
  account(b.tx, owner);
};
add('token-2022: a transfer with its fee stated', 0, (b) => send(b, Buffer.concat([u8(26, 1), u64(77n), u8(6), u64(1n)])), {
  bent: [['to a thief', (tx) => { tx.ixs.at(-1).accounts[2] = account(tx, K.ata(thief, COIN, K.TOKEN_2022), W); }, ['recipient-not-allowed']],
    ['another instruction of the fee extension', (tx) => { tx.ixs.at(-1).data[1] = 2; }, ['instruction-not-allowed']]],
});
add('token-2022: a transfer signed by its owner, who is named twice', 1, (b) => send(b, Buffer.concat([u8(12), u64(77n), u8(6)]), [[WALLET, { signer: true }]]), {
  bent: [['a hook behind', (tx) => { tx.ixs.at(-1).accounts[4] = account(tx, K.stranger('hook')); }, ['account-not-allowed']],
    ['a hook besides', (tx) => { tx.ixs.at(-1).accounts.push(account(tx, K.stranger('hook'))); }, ['account-count']]],
});
add('token-2022: a transfer of a mint with a hook is refused: what the hook does is not seen', 'legacy', (b) => send(b, Buffer.concat([u8(12), u64(77n), u8(6)])), {
  bent: [['the hook\'s accounts behind', (tx) => { for (const name of ['hook', 'list', 'state']) tx.ixs.at(-1).accounts.push(account(tx, K.stranger(name))); }, ['account-count']]],
});

// --- what no intent of the library says: forms of data, numbers and accounts, each at its bounds
const FORMS = K.stranger('forms');
const [FRIEND, OTHER] = ['a friend', 'another friend'].map(K.stranger);
const MOST = (1n << 64n) - 1n;
const FORMS_GRANT = { intent: 'probe-forms', wallet: WALLET, nonces: [], truth: { mints: [] },
  params: { mint: USDC, owners: [FRIEND, OTHER], mints: [USDC, COIN], numbers: [7n, 9n], max_fee_lamports: 20000n } };
// form(name, accounts, data, bent): one instruction of the probe's program; `bent` says what is refused in its place: [name, accounts or data,
// reasons], the accounts as for Builder.add.
const form = (name, accounts, data, bent, more = {}) => add(`probe: ${name}`, more.version ?? 'legacy', (b) => {
  more.before?.(b);
  b.add(FORMS, accounts, data);
}, {
  ...more, grant: { ...FORMS_GRANT, params: { ...FORMS_GRANT.params, ...more.params } },
  bent: bent.map(([what, other, reasons]) => [what, (tx) => {
    if (typeof other === 'function') other(tx);
    else if (Buffer.isBuffer(other)) swapIn(tx, FORMS).data = other;
    else swapIn(tx, FORMS).accounts = other.map(([key, powers]) => account(tx, key, powers));
  }, reasons]),
});
const BAD = ['instruction-data-malformed'];
const LONG = ['instruction-data-trailing'];
const hide = (place) => (tx) => {
  tx.version = 0;
  tx.accounts.push((swapIn(tx, FORMS).accounts[place] = { table: thief, index: 5, signer: false, writable: false }));
};

const words = (...list) => cat('01', u32(list.length), ...list.map(u16));
for (const count of [1, 2])
  form(`a run of ${count}`, [], words(...[1, 2].slice(0, count)), [['none', words(), BAD], ['one too many', words(1, 2, 3), BAD],
    ['cut short', words(1, 2).subarray(0, -1), BAD], ['more behind', cat('01', u32(1), u16(1), u8(0)), LONG]]);
for (const len of [0, 4])
  form(`a seed of ${len}`, [], cat('02', u64(len), Buffer.alloc(len, 9)), [['longer', cat('02', u64(5), Buffer.alloc(5)), BAD], ['a huge one', cat('02', u64(1n << 32n)), BAD],
    ['its length cut', cat('02', u64(0).subarray(1)), BAD]]);
const steps = (...list) => cat('03', u32(list.length), ...list);
for (const taken of [[], [u8(0)], [u8(1, 5), u8(0)]])
  form(`a loop of ${taken.length}`, [], steps(...taken), [['three', steps(u8(0), u8(0), u8(0)), BAD], ['one that is none', steps(u8(2)), BAD], ['its count cut', cat('03', u8(0, 0, 0)), BAD]]);
form('a loop of one at least', [], cat('0c', u32(1), u8(0)), [['none', cat('0c', u32(0)), BAD], ['three', cat('0c', u32(3), u8(0, 0, 0)), BAD]]);
for (const [tag, what] of [['18', 'runs'], ['19', 'loops']])
  form(`two ${what} behind what may be missing`, [], cat(tag, u8(1), u64(9), u32(0), u32(0)),
    [3, 2, 1, 0].map((left) => [`${left} bytes of the last count`, cat(tag, u8(1), u64(9), u32(0), Buffer.alloc(left)), BAD]));
for (const pair of [u8(0, 0), u8(1, 8, 1, 9), u8(0, 1, 9)])
  form(`two choices in ${pair.length} bytes`, [], cat('04', pair, u8(3)), [['one of them', cat('04', u8(0)), BAD], ['a third kind', cat('04', u8(0, 2, 3)), ['route-step-not-allowed']], ['what is behind them gone', cat('04', pair), BAD],
    ['more behind', cat('04', pair, u8(3, 3)), LONG]]);
for (const [tag, name] of [['06', 'a choice'], ['07', 'a wider choice']])
  form(name, [], cat(tag, u8(0)), Array.from({ length: 5 }, (_, more) => [`behind its last, and ${more}`, cat(tag, u8(tag === '06' ? 2 : 3), Buffer.alloc(more)), ['route-step-not-allowed']]));
form('a rest', [], cat('05', u8(1, 2, 3)), [['longer', cat('05', u8(1, 2, 3, 4)), LONG]]);
form('no rest', [], cat('05'), []);

const OVER = ['amount-overflow'];
form('the largest product by a part', [], cat('08', u64(MOST / 3n)), [['one more', cat('08', u64(MOST / 3n + 1n)), OVER], ['a far larger one', cat('08', u64(1n << 63n)), OVER],
  ['the largest', cat('08', u64(MOST)), OVER]]);
form('products whose low halves are nothing', [], cat('09', u64(1n << 32n), u64(1n << 32n), u64(1n << 33n)), [['one more', cat('09', u64(1n << 32n), u64(1n << 32n), u64((1n << 33n) + 1n)), ['amount-over-limit']],
  ['half', cat('09', u64(1n << 32n), u64(1n << 32n), u64(1n << 32n)), ['amount-over-limit']]]);
form('products of which one is nothing', [], cat('09', u64(0), u64(0), u64(5)), []);
form('the largest sum of all', [], cat('0a', u64(MOST), u64(MOST)), []);
form('a sum below 2^128', [], cat('0b', u64(MOST), u64(1n << 63n)), [['twice the largest', cat('0b', u64(MOST), u64(MOST)), OVER]]);

form('the same account twice', [[FRIEND], [FRIEND]], cat('0d'), [['two accounts', [[FRIEND], [OTHER]], ['account-not-allowed']], ['the first one hidden', hide(0), ['account-not-allowed']],
  ['the second one hidden', hide(1), ['account-unknown']]]);
const friends = [[FRIEND], [K.ata(FRIEND, USDC), W]];
form('a friend and his account', friends, cat('0e'), [['another friend\'s', [[FRIEND], [K.ata(OTHER, USDC), W]], ['account-not-allowed']], ['of another mint', [[FRIEND], [K.ata(FRIEND, COIN), W]], ['account-not-allowed']],
  ['a stranger\'s', [[thief], [K.ata(FRIEND, USDC), W]], ['account-not-allowed']], ['he himself hidden', hide(0), ['account-unknown', 'account-not-allowed']]]);
form('a number by its mint', [[COIN]], cat('0f', u64(9)), [['above it', cat('0f', u64(10)), ['amount-over-limit']], ['another mint', [[thief]], ['mint-not-allowed']], ['a mint that hides', hide(0), ['mint-not-allowed']],
  ['its own account behind', [[COIN], [own(USDC)]], ['account-not-allowed']], ['above it, and that behind', (tx) => { swapIn(tx, FORMS).data = cat('0f', u64(10)); swapIn(tx, FORMS).accounts.push(account(tx, own(USDC))); }, ['amount-over-limit']]]);
const begin = (mint, program = K.TOKEN) => (b) => b.add(program, [[temporary, W], [mint]], Buffer.concat([u8(18), Buffer.from(bytes58(WALLET))]));
const beginning = (tx) => tx.ixs.find((ix) => [K.TOKEN, K.TOKEN_2022].includes(ix.program.key));
form('an account made before', [[temporary, W]], cat('10'), [
  ['with another mint', (tx) => { beginning(tx).accounts[1] = account(tx, COIN); }, ['account-not-allowed']],
  ['with a mint that hides', (tx) => { tx.version = 0; tx.accounts.push((beginning(tx).accounts[1] = { table: thief, index: 6, signer: false, writable: false })); }, ['account-not-allowed']],
  ['by the other program', (tx) => { beginning(tx).program = account(tx, K.TOKEN_2022); }, ['account-not-allowed']],
  ['another one', [[thief, W]], ['account-not-allowed']]], { before: begin(USDC) });
add('probe: an account made, used and given away', 'legacy', (b) => {
  begin(USDC)(b);
  b.add(FORMS, [[temporary, W]], cat('10')).add(K.TOKEN, [[temporary, W], [WALLET, me]], Buffer.concat([u8(6, 2, 1), Buffer.from(bytes58(thief))]));
}, { grant: FORMS_GRANT, unproven: true, bent: [['given away before it is used', (tx) => { tx.ixs.splice(-1, 0, tx.ixs.pop()); }, ['account-not-allowed']]] });
const FULL = [cat('17'), u8(1), u64(9), u8(2), u8(7)];
for (const parts of [1, 2, 3, 4, 5])
  form(`${parts - 1} fields of four that may be missing`, [], Buffer.concat(FULL.slice(0, parts)), [
    ['the first no bool', cat('17', u8(2)), BAD], ['the second cut', cat('17', u8(1), u64(9).subarray(1)), BAD], ['more behind all', Buffer.concat([...FULL, u8(1, 1)]), LONG],
    ['more than the sum', cat('17', u8(0), u64(parts < 5 ? 15 : 14), u8(1)), ['amount-over-limit']]],
  parts > 3 ? {} : { before: (b) => b.add(FORMS, [], Buffer.concat([cat('17'), u8(1), u64(parts === 1 ? 9 : 0), u8(1)])) });
form('what another pays', [[thief, me], [USDC]], cat('11', u64(MOST)), [], { params: { max_fee_lamports: 25000n } });
form('powers given away twice', [], cat('14'), [], { before: (b) => b.add(FORMS, [], cat('14')) });
form('the wallet behind the listed ones', [[WALLET, W], [thief, W]], cat('15'), [['its own account there', [[own(USDC), W]], ['account-not-allowed']]]);
form('its own account behind the listed ones', [[own(USDC), W], [thief, W]], cat('16'), [['the wallet there', [[WALLET, W]], ['account-not-allowed']]]);
form('an account of any mint', [[own(COIN), W]], cat('13'), [['a friend\'s', [[K.ata(FRIEND, COIN), W]], ['account-not-allowed']]], { params: { any_mints: [] } });
// Seen earlier, by a rule that names its own group: this one is not among them.
const order = (...numbers) => (tx) => { const own = tx.ixs.filter((ix) => ix.program.key === FORMS); tx.ixs = [...tx.ixs.filter((ix) => !own.includes(ix)), ...numbers.map((n) => own[n])]; };
const MISPLACED = ['instruction-not-allowed'];
form('a step that only follows one of its group', [], cat('1b'), [['as the first', order(1), MISPLACED], ['and then the one that must be first', order(1, 0), MISPLACED]], { before: (b) => b.add(FORMS, [], cat('1a')) });
form('two that follow', [], cat('1b'), [['and none in front', order(1, 2), MISPLACED]], { before: (b) => b.add(FORMS, [], cat('1a')).add(FORMS, [], cat('1b')) });
// What leaves has a mint that is known, or no limit of a mint counts it.
const NO_MINT = ['account-unknown'];
form('what is sent of an account\'s mint', [[USDC]], cat('1c', u64(5)), [['the account left out', [[FORMS]], NO_MINT], ['hidden', hide(0), NO_MINT]]);
form('what is sent of a parameter\'s mint', [], cat('1d', u64(5)), [], { params: { other_mint: COIN }, narrower: [['not given', { other_mint: undefined }, NO_MINT]] });
form('what is sent from a vouched account', [[temporary, W]], cat('1e', u64(5)), [], { params: { other_mint: COIN, vouched: temporary }, narrower: [['of a mint that is not given', { other_mint: undefined }, NO_MINT]] });
// v1's header sets what takes an instruction in the others: an intent that names none of them takes none of it either.
const HEADER = [[3, u64(0)], [4, u32(200_000)], [8, u32(1 << 20)], [16, u32(65_536)]];
const headed = (...bits) => (tx) => {
  const set = HEADER.filter(([bit]) => bits.includes(bit));
  tx.config = { mask: set.reduce((mask, [bit]) => mask | bit, 0), values: Uint8Array.from(Buffer.concat(set.map(([, value]) => value))) };
};
add('probe: an empty header', 1, (b) => b.add(K.SYSTEM, [[WALLET, me], [FRIEND, W]], cat('02000000', u64(5))), {
  grant: { ...FORMS_GRANT, intent: 'probe-plain', params: { recipient: FRIEND } }, build: headed(),
  bent: HEADER.map(([bit]) => [`bits ${bit} of the mask`, headed(bit), ['instruction-not-allowed']]),
});

export const shapes = list.map(({ build, params, grant, ...c }) => {
  build?.(c.tx);
  const found = grant ?? swapGrantFor(c.tx) ?? transferGrantFor(c.tx);
  return { ...c, intent: found.intent, grant: { ...found, params: { ...found.params, ...params } } };
});
