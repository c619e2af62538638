// SPDX-License-Identifier: Apache-2.0
// Ways to make a grant narrower by one unit, or to change a transaction in one place, each with the reasons for which an
// intent must then refuse.
import { account, bytes58 } from './lift.mjs';
import { insert, robberies } from './mutate.mjs';
import { swapOf, swapPrograms } from './oracle.mjs';
import * as K from './known.mjs';
import { u32, u64 } from './known.mjs';

const thief = K.stranger('thief');
const W = { writable: true };

// --- narrower grants: [name, parameters, reasons]

const less = (name, reason) => (p, said) => (typeof p[name] === 'bigint' && p[name] > 0n ? { params: { ...p, [name]: p[name] - 1n }, reasons: [reason], said } : undefined);
const more = (name, reason) => (p) => (typeof p[name] === 'bigint' ? { params: { ...p, [name]: p[name] + 1n }, reasons: [reason] } : undefined);
const set = (name, value, ...reasons) => (p) => (p[name] === undefined ? undefined : { params: { ...p, [name]: value }, reasons });

// Intents that buy any token where the grant names none.
const NO_OUTPUTS = ['raydium-amm-v4', 'raydium-cpmm', 'raydium-clmm', 'orca-whirlpool', 'meteora-dlmm', 'meteora-damm-v2', 'pump-swap', 'pump-fun-quoted'];

export const NARROWER = {
  // Where more SOL is wrapped than sold it is the wrapping that the test's grant is as wide as, and rent may be in that.
  'max_in less by one': (p, said) => (said.facts.tokens.some(([, amount]) => amount === p.max_in) ? less('max_in', 'amount-over-limit')(p) : undefined),
  'min_out more by one': more('min_out', 'minimum-out-too-low'),
  'a price more by one': (p) => (p.min_price_in > 0n ? { params: { ...p, min_price_out: p.min_price_out + 1n }, reasons: ['price-below-minimum'] } : undefined),
  'slippage less by one': less('max_slippage_bps', 'slippage-over-limit'),
  'platform fee less by one': less('max_platform_fee_bps', 'platform-fee-not-allowed'),
  'network fee less by one': less('max_fee_lamports', 'fee-over-limit'),
  'tips less by one': (p, said) => (said.facts.tips > 0n ? less('max_tip_lamports', 'tip-over-limit')(p) : undefined),
  'rent less by one': (p, said) => (said.facts.rent === p.max_rent_lamports ? less('max_rent_lamports', 'rent-over-limit')(p) : undefined),
  'another mint sold': (p) => (p.input_account ? undefined : set('input_mint', thief, 'source-not-own-account', 'recipient-not-allowed', 'mint-not-allowed')(p)),
  'another mint bought': (p) => (p.output_account ? undefined : set('output_mints', [thief], 'destination-not-own-account', 'source-not-own-account', 'mint-not-allowed')(p)),
  // A price is of one token: with Jupiter's none given is none allowed.
  'no token to buy': (p, said, c) => (['jupiter-v6', 'jupiter-v6-ledger', 'limit-order', 'dca'].includes(c.intent) && !p.output_account
    ? set('output_mints', [], 'destination-not-own-account')(p) : undefined),
  // Where the mint stands nowhere the account that is bought into is nobody's.
  'a price of any token': (p, said, c) => (NO_OUTPUTS.includes(c.intent) && p.min_price_out > 0n
    ? set('output_mints', [], 'parameters-wrong', 'destination-not-own-account', 'instruction-data-malformed', 'mint-not-allowed')({ ...p, min_out: 1n }) : undefined),
  'a price of two tokens': (p) => (p.limit_price_out === undefined && p.amount_each === undefined && p.min_price_out > 0n
    ? { params: { ...p, min_out: 1n, output_mints: [...p.output_mints, thief] }, reasons: ['parameters-wrong'] } : undefined),
  'a minimum of two tokens': (p) => (p.limit_price_out === undefined && p.amount_each === undefined && p.min_out > 1n
    ? { params: { ...p, min_price_out: 0n, output_mints: [...p.output_mints, thief] }, reasons: ['parameters-wrong'] } : undefined),
  'a trading price of two tokens': (p) => (p.buy_price_tokens > 0n || p.sell_price_lamports > 0n ? { params: { ...p, mints: [...p.mints, thief] }, reasons: ['parameters-wrong'] } : undefined),
  'a trading price of any token': (p) => (p.buy_price_tokens > 0n || p.sell_price_lamports > 0n ? { params: { ...p, mints: [] }, reasons: ['parameters-wrong'] } : undefined),
  'SOL spent less by one': less('max_buy_lamports', 'amount-over-limit'),
  'tokens sold less by one': less('max_sell', 'amount-over-limit'),
  'buying price more by one': (p) => (p.buy_price_lamports > 0n ? more('buy_price_tokens', 'price-below-minimum')(p) : undefined),
  'selling price more by one': (p) => (p.sell_price_tokens > 0n ? more('sell_price_lamports', 'price-below-minimum')(p) : undefined),
  'another token traded': (p, said, c) => (c.intent === 'pump-fun' ? set('mints', [thief], 'destination-not-own-account', 'source-not-own-account')(p) : undefined),
  'limit price more by one': more('limit_price_out', 'price-below-minimum'),
  'no limit price': set('limit_price_in', 0n, 'price-below-minimum'),
  'a part more by one': more('amount_each', 'amount-over-limit'),
  'a part less by one': less('amount_each', 'amount-over-limit'),
  'SOL sent less by one': (p, said, c) => (c.intent === 'sol-transfer' || p.max_lamports > 0n ? less('max_lamports', 'amount-over-limit')(p) : undefined),
  'tokens sent less by one': less('max_amount', 'amount-over-limit'),
  'other decimals': (p, said, c) => (hasDecimals(c.tx) ? more('mint_decimals', 'decimals-wrong')(p) : undefined),
  'no recipients': (p) => (p.recipients?.length ? { params: { ...p, recipients: [thief] }, reasons: ['recipient-not-allowed', 'instruction-not-allowed', 'account-not-allowed', 'destination-not-own-account'] } : undefined),
  'another address to withdraw to': set('recipient', thief, 'recipient-not-allowed', 'instruction-not-allowed', 'destination-not-own-account', 'account-not-allowed'),
  'SOL wrapped less by one': less('max_wrap_lamports', 'amount-over-limit'),
  'no memos': (p, said, c) => (c.tx.ixs.some((ix) => ix.program.key.startsWith('Memo'))
    ? { params: { ...p, allow_memo: false }, reasons: ['memo-not-allowed'] } : undefined),
  'no unread bytes': set('allow_unread_bytes', false, 'instruction-data-trailing'),
  'no trade without a minimum': set('accept_no_minimum', false, 'minimum-out-too-low'),
  'no token to be made': set('allow_create', false, 'instruction-not-allowed'),
  'no durable nonces': set('allow_nonce', false, 'lifetime-not-allowed'),
  'ownership not proven': (p, said, c) => (c.unproven && needsOwn(c) ? { params: { ...p, accept_unproven: false }, reasons: ['ownership-not-proven', 'source-not-own-account'] } : undefined),
  'the wallet read-only': (p, said, c) => (p.input_mint && c.tx.accounts[0].key === c.grant.wallet ? { params: { ...p, readonly_wallet: true }, reasons: ['fee-payer-not-allowed'] } : undefined),
};

// A swap of SOL that pump.fun takes from the wallet itself, into an account that counts all the same, and every other swap.
const needsOwn = (c) => swapAt(c.tx) !== undefined;
const hasDecimals = (tx) => tx.ixs.some((ix) => [K.TOKEN, K.TOKEN_2022].includes(ix.program.key) && [12, 26].includes(ix.data[0]));

// --- other transactions: a function changes its copy and gives the reasons, or undefined when it does not apply

const swapAt = (tx) => tx.ixs.map((ix) => [ix, swapPrograms.includes(ix.program.key) ? swapOf(ix) : undefined]).find(([, s]) => s !== undefined);
const onSwap = (change) => (tx, c) => {
  const found = swapAt(tx);
  return found && change(...found, tx, c);
};
const onLedger = (change) => (tx, c) => (c.intent === 'jupiter-v6-ledger'
  ? change(tx, c, tx.ixs.findIndex((ix) => ix.program.key === K.JUPITER && ix.data.length === 8)) : undefined);
const onCreation = (change) => (tx, c) => {
  const ix = tx.ixs.find((one) => one.program.key === K.PUMP && one.data.subarray(0, 8).toString('hex') === 'd6904cec5f8b31b4');
  return ix && change(ix, tx, c);
};
// The arguments of create_v2 with both of its flags, and more behind them.
function longer(ix, ...more) {
  let at = 8;
  for (let n = 0; n < 3; n++) at += 4 + ix.data.readUInt32LE(at);
  return Buffer.concat([ix.data.subarray(0, at + 32), Buffer.of(ix.data[at + 32], ix.data[at + 33] ?? 0), ...more]);
}
const extension = (program, what, wallet) => ({ program, accounts: [[what, W], [wallet, { signer: true, writable: true }], [K.SYSTEM], [program === K.PUMP ? K.PUMP_EVENTS : K.PUMP_SWAP_EVENTS], [program]],
  data: Buffer.from('ea66c2cb96483ee5', 'hex') });
// pump.fun's buys, and the flags behind their two numbers with the last of them, partial_fill, set.
const PARTIAL = { '66063d1201daebea': [0, 1], '38fc74089edfcd5f': [0, 1], b817ee6167c5d33d: [1], c2ab1c46684d5b2f: [1], '07051dc4f5176550': [1], e1f7501ed5b38488: [1] };
// Where there is such an account already, a second one is one too many.
const LEFT = ['wrap-not-allowed', 'instruction-not-allowed', 'program-not-allowed', 'lifetime-not-allowed', 'instruction-repeated', 'fee-payer-not-allowed'];
// Where the wallet makes a temporary account and closes it: change(its creation, its initialization, its closing, tx).
const onTemporary = (change) => (tx, c) => {
  const made = tx.ixs.find((ix) => ix.program.key === K.SYSTEM && [0, 3].includes(ix.data.readUInt32LE(0)) && ix.accounts[0].key === c.grant.wallet);
  const of = (...tags) => tx.ixs.find((ix) => ix.program.key === K.TOKEN && tags.includes(ix.data[0]) && ix.accounts[0] === made?.accounts[1]);
  const [begun, closed] = [of(1, 16, 18), of(9)];
  return made && begun && closed && change(made, begun, closed, tx);
};
const robbery = (tx, c, name) => robberies(tx, c.grant.wallet, K.NATIVE).find((one) => one.name === name);
const stranger = (tx) => account(tx, K.ata(thief, K.NATIVE), W);

// A place that is neither the wallet's nor a mint's or program's: the first writable account that belongs to the pool.
const poolPlace = (ix, s, c) => (ix.program.key === K.JUPITER ? -1
  : ix.accounts.findIndex((a, i) => a.key !== undefined && a.writable && !a.signer && a.key !== c.grant.wallet && a !== ix.accounts[s.source] && a !== ix.accounts[s.destination] &&
    ![s.source, s.destination, s.authority, ...(s.middle ?? [])].includes(i)));

export const CHANGED = {
  'sold from a stranger\'s account': onSwap((ix, s, tx) => {
    if (s.source === undefined) return undefined;
    ix.accounts[s.source] = stranger(tx);
    return ['source-not-own-account', 'account-not-allowed', 'destination-not-own-account'];
  }),
  'bought into a stranger\'s account': onSwap((ix, s, tx) => {
    if (s.destination === undefined) return undefined;
    ix.accounts[s.destination] = stranger(tx);
    return ['destination-not-own-account', 'source-not-own-account'];
  }),
  'another signs the swap': onSwap((ix, s, tx) => {
    ix.accounts[s.authority] = account(tx, thief, { signer: true });
    return ['account-not-allowed', 'signer-not-allowed'];
  }),
  'the account sold from hides in a table': onSwap((ix, s, tx) => {
    if (s.source === undefined || tx.version === 1) return undefined;
    tx.version = 0;
    tx.accounts.push((ix.accounts[s.source] = { table: thief, index: 3, writable: true, signer: false }));
    return ['source-not-own-account', 'account-unknown', 'destination-not-own-account'];
  }),
  'the account bought into hides in a table': onSwap((ix, s, tx) => {
    if (s.destination === undefined || tx.version === 1) return undefined;
    tx.version = 0;
    tx.accounts.push((ix.accounts[s.destination] = { table: thief, index: 4, writable: true, signer: false }));
    return ['destination-not-own-account', 'account-unknown', 'source-not-own-account'];
  }),
  'the wallet in a place of the pool\'s': onSwap((ix, s, tx, c) => {
    const at = poolPlace(ix, s, c);
    if (at < 0) return undefined;
    ix.accounts[at] = account(tx, c.grant.wallet, {});
    return ['account-not-allowed', 'mint-not-allowed'];
  }),
  'its own account in a place of the pool\'s': onSwap((ix, s, tx, c) => {
    const at = poolPlace(ix, s, c);
    if (at < 0 || s.source === undefined || c.unproven || c.grant.params.input_account) return undefined;
    ix.accounts[at] = ix.accounts[s.source];
    return ['account-not-allowed', 'mint-not-allowed'];
  }),
  'a bool that is 2': onSwap((ix) => {
    if (![K.RAYDIUM_CLMM, K.WHIRLPOOL].includes(ix.program.key) || ix.data.length < 40) return undefined;
    ix.data[[0xc3, 0xba].includes(ix.data[0]) ? 24 : 40] = 2;
    return ['instruction-data-malformed'];
  }),
  'a byte behind the arguments': onSwap((ix, s, tx, c) => {
    // Where the grant allows some bytes there, one more than that.
    ix.data = Buffer.concat([ix.data, Buffer.alloc(c.grant.params.allow_unread_bytes ? 16 : 1, 7)]);
    return ['instruction-data-trailing', 'instruction-data-malformed'];
  }),
  'the arguments twice': onSwap((ix) => {
    ix.data = Buffer.concat([ix.data, ix.data.subarray(ix.data.length - 16)]);
    return ['instruction-data-trailing', 'instruction-data-malformed'];
  }),
  'a creator fee': onCreation((ix) => {
    ix.data = longer(ix, u64(1));
    return ['platform-fee-not-allowed'];
  }),
  // With it the program makes an address of its own the creator.
  'a reward of holders': onCreation((ix) => {
    ix.data = longer(ix, u64(0), Buffer.of(1));
    return ['instruction-not-allowed'];
  }),
  // At the wallet's cost: the one that is traded on alone may be, which the trade itself checks.
  'another curve or pool made longer': onSwap((ix, s, tx, c) => {
    if (![K.PUMP, K.PUMP_SWAP].includes(ix.program.key)) return undefined;
    insert(tx, tx.ixs.indexOf(ix), extension(ix.program.key, thief, c.grant.wallet));
    return ['account-not-allowed', 'instruction-repeated', 'instruction-not-allowed'];
  }),
  'its own account made longer': onSwap((ix, s, tx, c) => {
    if (![K.PUMP, K.PUMP_SWAP].includes(ix.program.key) || c.unproven) return undefined;
    insert(tx, tx.ixs.indexOf(ix), extension(ix.program.key, K.ata(c.grant.wallet, K.NATIVE), c.grant.wallet));
    account(tx, K.NATIVE);
    return ['account-not-allowed', 'instruction-repeated'];
  }),
  // Then the program looks at no minimum.
  'a buy that may be filled in part': onSwap((ix, s, tx, c) => {
    const flags = ix.program.key === K.PUMP ? PARTIAL[ix.data.subarray(0, 8).toString('hex')] : undefined;
    if (flags === undefined || !(c.grant.truth.swap.price.out > 0n)) return undefined;
    ix.data = Buffer.concat([ix.data.subarray(0, 24), Buffer.of(...flags)]);
    return ['price-below-minimum', 'minimum-out-too-low'];
  }),
  'a byte of the arguments gone': onSwap((ix, s, tx, c) => {
    if (ix.program.key === K.PUMP || ix.program.key === K.PUMP_SWAP) return undefined; // track_volume may be left out
    ix.data = ix.data.subarray(0, c.grant.params.allow_unread_bytes ? 16 : -1);
    return ['instruction-data-malformed', 'instruction-data-trailing', 'route-step-not-allowed'];
  }),
  'another method of the program': onSwap((ix) => {
    ix.data[0] ^= 0xff;
    return ['instruction-not-allowed'];
  }),
  'an account missing': onSwap((ix, s) => {
    ix.accounts = ix.accounts.slice(0, Math.max(3, Math.min(7, ix.accounts.length - 1)));
    return ['account-count'];
  }),
  'the swap twice': onSwap((ix, s, tx) => {
    tx.ixs.splice(tx.ixs.indexOf(ix), 0, { ...ix, accounts: [...ix.accounts] });
    return ['instruction-repeated'];
  }),
  'the swap missing': onSwap((ix, s, tx) => {
    tx.ixs = tx.ixs.filter((other) => !swapPrograms.includes(other.program.key));
    return ['instruction-missing', 'wrap-not-allowed', 'signer-not-allowed'];
  }),
  'SOL to a thief': (tx, c) => {
    insert(tx, tx.ixs.length, { program: K.SYSTEM, accounts: [[c.grant.wallet, { signer: true, writable: true }], [thief, W]], data: Buffer.concat([u32(2), u64(1)]) });
    return ['recipient-not-allowed', 'instruction-not-allowed', 'account-not-allowed'];
  },
  // Whoever initializes a token account that nobody owns yet takes what lies in it.
  'a token account made and left to anybody': (tx, c) => {
    insert(tx, 0, robbery(tx, c, 'token-create-seed'));
    return LEFT;
  },
  'a token account made at a key and left to anybody': (tx, c) => {
    // Another pays the fee, which one more signature makes larger than the grant's.
    if (tx.accounts[0].key === c.grant.wallet) tx.accounts.unshift({ key: thief, signer: true, writable: true });
    insert(tx, tx.ixs.length, robbery(tx, c, 'token-create-at-key'));
    return LEFT;
  },
  // Another grant of the wallet may vouch for its address, as an account of another token.
  'a temporary account left open': (tx, c) => {
    const made = robbery(tx, c, 'token-create-seed');
    insert(tx, 0, { program: K.TOKEN, accounts: [[made.accounts[1][0], W], [K.NATIVE]], data: Buffer.concat([Buffer.of(18), Buffer.from(bytes58(c.grant.wallet))]) });
    insert(tx, 0, made);
    return LEFT;
  },
  'its temporary account left open': onTemporary((made, begun, closed, tx) => {
    tx.ixs.splice(tx.ixs.indexOf(closed), 1);
    return ['wrap-not-allowed'];
  }),
  // Which fails, and were a close of it if it counted as one.
  'its temporary account closed by the other token program': onTemporary((made, begun, closed, tx) => {
    closed.program = account(tx, K.TOKEN_2022);
    return ['wrap-not-allowed'];
  }),
  'its temporary account closed to a thief': onTemporary((made, begun, closed, tx) => {
    closed.accounts[1] = account(tx, thief, W);
    return ['close-not-allowed'];
  }),
  'its temporary account another\'s': onTemporary((made, begun, closed, tx) => {
    if (begun.data[0] === 1) begun.accounts[2] = account(tx, thief);
    else begun.data = Buffer.concat([begun.data.subarray(0, 1), bytes58(thief)]);
    return ['destination-not-own-account', 'account-not-allowed'];
  }),
  'a second temporary account, closed like the first': onTemporary((made, begun, closed, tx) => {
    const second = account(tx, thief, { signer: made.data[0] === 0, writable: true });
    const twin = (ix, at) => ({ ...ix, accounts: ix.accounts.with(at, second) });
    tx.ixs.push(twin(made, 1), twin(begun, 0), twin(closed, 0));
    return ['instruction-repeated'];
  }),
  // What comes into the ledger's account after it was set is sold uncounted.
  'SOL wrapped after the ledger was set': onLedger((tx, c, at) => {
    insert(tx, at + 1, robbery(tx, c, 'wrap'));
    return ['instruction-not-allowed'];
  }),
  'SOL synced after the ledger was set': onLedger((tx, c, at) => {
    insert(tx, at + 2, robbery(tx, c, 'sync'));
    return ['instruction-not-allowed'];
  }),
  'the ledger set for the token that is sold': onLedger((tx, c, at) => {
    tx.ixs[at].accounts[1] = account(tx, K.ata(c.grant.wallet, c.grant.params.input_mint), W);
    return ['source-not-own-account'];
  }),
  'an unknown program': (tx, c) => {
    insert(tx, 0, { program: K.stranger('program'), accounts: [[c.grant.wallet, { signer: true }]], data: Buffer.of(1) });
    return ['program-not-allowed', 'lifetime-not-allowed', 'instruction-not-allowed'];
  },
  'a delegate': (tx, c) => {
    const mint = c.grant.truth.mints[0] ?? K.NATIVE;
    insert(tx, tx.ixs.length, { program: K.TOKEN, accounts: [[K.ata(c.grant.wallet, mint), W], [thief], [c.grant.wallet, { signer: true }]],
      data: Buffer.concat([Buffer.of(4), u64(1)]) });
    return ['instruction-not-allowed', 'program-not-allowed'];
  },
  'an account closed to a thief': (tx, c) => {
    const mint = c.grant.truth.mints[0] ?? K.NATIVE;
    insert(tx, tx.ixs.length, { program: K.TOKEN, accounts: [[K.ata(c.grant.wallet, mint), W], [thief, W], [c.grant.wallet, { signer: true }]], data: Buffer.of(9) });
    return ['close-not-allowed', 'instruction-not-allowed', 'program-not-allowed'];
  },
  'wrapped SOL unwrapped to a thief': (tx, c) => {
    insert(tx, tx.ixs.length, { program: K.TOKEN, accounts: [[K.ata(c.grant.wallet, K.NATIVE), W], [thief, W], [c.grant.wallet, { signer: true }]], data: Buffer.concat([Buffer.of(45, 1), u64(1)]) });
    account(tx, K.NATIVE);
    return ['close-not-allowed', 'instruction-not-allowed', 'program-not-allowed'];
  },
  'System assign of the wallet': (tx, c) => {
    insert(tx, tx.ixs.length, { program: K.SYSTEM, accounts: [[c.grant.wallet, { signer: true, writable: true }]], data: Buffer.concat([u32(1), Buffer.alloc(32, 5)]) });
    return ['never-allowed'];
  },
  'a token batch': (tx, c) => {
    insert(tx, tx.ixs.length, { program: K.TOKEN, accounts: [[c.grant.wallet, { signer: true }]], data: Buffer.of(255, 0) });
    return ['never-allowed'];
  },
  'a durable nonce that the grant does not name': (tx, c) => {
    if (c.grant.nonces.length > 0) return undefined;
    insert(tx, 0, { program: K.SYSTEM, accounts: [[thief, W], ['SysvarRecentB1ockHashes11111111111111111111'], [c.grant.wallet, { signer: true }]], data: u32(4) });
    return ['durable-nonce'];
  },
  'one more signer': (tx) => {
    account(tx, thief, { signer: true });
    return ['signer-not-allowed'];
  },
};

// What the third reading (oracle.mjs) says of such a transaction, too, whatever the grant.
const OPEN = 'a temporary account left open: another grant may vouch for it as one of another token';
const NOBODYS = 'a token account made that nobody owns: whoever initializes it takes it';
export const BEYOND = {
  'a token account made and left to anybody': NOBODYS,
  'a token account made at a key and left to anybody': NOBODYS,
  'a temporary account left open': OPEN,
  'its temporary account left open': OPEN,
  'its temporary account closed by the other token program': OPEN,
  'its temporary account closed to a thief': 'closing pays another',
};
