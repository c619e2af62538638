// SPDX-License-Identifier: Apache-2.0
// Every transaction that an intent of the library is tried on: real ones, those that the programs' own SDKs
// built, and one of each variant; each with the grant that a user would have given for it.
import { bytesOf, rows } from '../solana/setup.mjs';
import { parse, write } from '../solana/wire.mjs';
import { account, copy, fits, lift, lower } from './lift.mjs';
import { isSwap, swapGrantFor, transferGrantFor, withdrawGrantFor } from './grants.mjs';
import { swapVariants } from './variants.mjs';
import { transferVariants } from './variants_more.mjs';
import * as K from './known.mjs';

// INTENTS=a,b in the environment: those alone, while one works on them.
const only = process.env.INTENTS?.split(',');

export const corpus = [...rows('mainnet-tx.jsonl').map((row) => ({ name: row.signature.slice(0, 12), real: true, row })),
  ...rows('generated-tx.jsonl').map((row) => ({ name: row.name, real: false, row }))]
  .map((c) => ({ ...c, tx: lift(parse(bytesOf(c.row.wire_base64))) }));

export const message = (tx) => write(lower(tx), false).bytes;

// The same swap as a limit order or as one purchase of a plan: many uses of one grant under a total.
function patternsOf(c) {
  const { grant } = c;
  if (grant?.intent !== 'jupiter-v6' || grant.params.min_price_out === 0n) return [];
  const { max_in: give, min_price_out: out, min_price_in: inn } = grant.params;
  const counters = [{ unit: 'mint', mint: grant.params.input_mint, left: 3n * give, cap: 10n * give }, { unit: 'uses', left: 2n, cap: 10n },
    { unit: 'lamports', window: '24h', left: 1n << 50n, cap: 1n << 50n }];
  return [
    { ...c, name: `${c.name} as a limit order`, counters, grant: { ...grant, intent: 'limit-order', params: { ...grant.params, limit_price_out: out, limit_price_in: inn } } },
    { ...c, name: `${c.name} as one of many`, counters, grant: { ...grant, intent: 'dca', params: { ...grant.params, amount_each: give } } },
  ];
}

// The same with the account bought into, and one more, in a table whose first entries the grant vouches for (B5).
function pinned(c) {
  const { grant } = c;
  const to = grant?.params.output_mints?.[0] && K.ata(grant.wallet, grant.params.output_mints[0]);
  const tx = copy(c.tx);
  const place = tx.accounts.find((a) => a.key === to);
  if (c.real || tx.version === 1 || place === undefined || grant.params.output_account) return [];
  const table = K.stranger('pinned table');
  const pins = { [table]: [K.stranger('entry'), to, K.TOKEN] };
  tx.version = 0;
  Object.assign(place, { key: undefined, table, index: 1 });
  if (!fits(message(tx))) return [];
  return [{ ...c, name: `${c.name}, pinned`, tx, pins, grant: { ...grant, truth: { ...grant.truth, pins } } }];
}

export const isTemporary = (c) => c.name.includes('a temporary account');

// The swap and the account that it needs, another key paying the fee and the rent and the wallet read-only, so that its SOL is out of reach (A15).
function sponsored(c) {
  if (c.real || [K.PUMP, K.PUMP_SWAP].includes(c.grant?.program) || isTemporary(c)) return [];
  const tx = copy(c.tx);
  const wallet = tx.accounts.find((a) => a.key === c.grant.wallet);
  const sponsor = { key: K.stranger('sponsor'), signer: true, writable: true };
  tx.ixs = tx.ixs.filter((ix) => [K.BUDGET, K.ATA, c.grant.program].includes(ix.program.key));
  for (const ix of tx.ixs) if (ix.program.key === K.ATA) ix.accounts[0] = sponsor;
  tx.accounts.unshift(sponsor);
  wallet.writable = false;
  const grant = swapGrantFor(tx);
  return grant ? [{ ...c, name: `${c.name}, sponsored`, tx, grant: { ...grant, params: { ...grant.params, readonly_wallet: true } } }] : [];
}

// The same for the intents of these tests alone, which say what none of the library does.
function probesOf(c) {
  if (c.real || c.row !== undefined || c.grant === undefined || c.tx.version === 1 || isTemporary(c)) return [];
  if (c.grant.intent === 'spl-transfer' && c.name.includes('checked'))
    return [{ ...c, name: `${c.name}, probe`, grant: { ...c.grant, intent: 'probe-send' } }];
  return c.name.startsWith('raydium-cpmm swap_base_input') ? [[0, 0], [2, 0], [0, 2], [2, 2], [0, 0, [7n]]].map((how) => probeSwap(c, ...how)) : [];
}

// `most`: a list of limits in which the token sold has none, or one of its own.
function probeSwap(c, extra, mark, most) {
  const tx = copy(c.tx);
  const sponsor = { key: K.stranger('sponsor'), signer: true, writable: true };
  tx.ixs = tx.ixs.filter((ix) => [K.BUDGET, c.grant.program].includes(ix.program.key));
  tx.accounts.unshift(sponsor);
  const swap = tx.ixs.find((ix) => ix.program.key === c.grant.program);
  tx.accounts = tx.accounts.filter((a) => a === sponsor || tx.ixs.some((ix) => ix.program === a || ix.accounts.includes(a)));
  tx.accounts.find((a) => a.key === c.grant.wallet).writable = false;
  for (let i = 0; i < extra; i++) {
    swap.accounts.push(account(tx, K.stranger(`gained ${i}`), { writable: i === 0 }));
    swap.accounts[1 + i].writable = true; // flags that the program may have changed
  }
  swap.data = Buffer.concat([swap.data, Buffer.of(3, 0).subarray(0, mark)]);
  const grant = swapGrantFor(tx);
  const { input_mint: sold, max_in: give, output_mints: [bought], min_out: get } = grant.params;
  return { ...c, name: `${c.name}, probe ${extra} ${mark}`, tx, grant: { ...grant, intent: 'probe-swap', params: {
    payers: [sponsor.key], input_mints: [K.stranger('a mint'), sold], most_in: most ?? [7n, give], bought_mints: [bought], least_out: [get - (mark ? 1n : 0n)], max_fee_lamports: 15000n } } };
}

// A wallet whose key was known elsewhere: its grant says that addresses are enough (A20).
const unproven = (c) => (c.real || c.grant === undefined ? []
  : [{ ...c, name: `${c.name}, unproven`, unproven: true, grant: { ...c.grant, params: { ...c.grant.params, accept_unproven: true } } }]);

function casesOf(c) {
  if (isSwap(c.tx)) {
    const one = { ...c, grant: swapGrantFor(c.tx) };
    return [one, ...patternsOf(one), ...(c.row === undefined && one.grant !== undefined ? [...pinned(one), ...sponsored(one), ...unproven(one), ...probesOf(one)] : [])];
  }
  const one = { ...c, grant: transferGrantFor(c.tx) };
  return [one, ...probesOf(one), { ...c, name: `${c.name} as a withdrawal`, grant: withdrawGrantFor(c.tx) }];
}

export const cases = [...corpus, ...swapVariants(), ...transferVariants()].flatMap(casesOf)
  .filter((c) => c.grant !== undefined)
  .map((c) => ({ counters: [], ...c, intent: c.grant.intent }))
  .filter((c) => only === undefined || only.includes(c.intent));

export const corpusSwaps = corpus.filter((c) => isSwap(c.tx)).map((c) => ({ ...c, grant: swapGrantFor(c.tx) }));

// What the mutations may use besides the transaction itself.
export function worldOf(c) {
  const mints = [...c.grant.truth.mints, K.NATIVE].filter(Boolean);
  return {
    wallet: c.grant.wallet, mint: mints[0], mints, table: K.stranger('table'), nonce: c.grant.nonces[0] ?? K.stranger('nonce'),
    others: () => cases.filter((o) => o.intent === c.intent).slice(0, 40).flatMap((o) => o.tx.ixs.map((ix) => ({ ...ix, payer: o.grant.wallet }))),
  };
}
