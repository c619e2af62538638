// SPDX-License-Identifier: Apache-2.0
// The grant that a user would have given for a real transaction: its intent and parameters, exactly as wide
// as what the transaction does, and the same in the words of the oracle. A user knows his accounts and
// mints, so the contents of lookup tables may help to find a value; no verdict rests on them.
import { resolve } from './lift.mjs';
import { fee, swapOf, swapPrograms } from './oracle.mjs';
import * as K from './known.mjs';

export const INTENT_OF = {
  [K.JUPITER]: 'jupiter-v6', [K.RAYDIUM_V4]: 'raydium-amm-v4', [K.RAYDIUM_CPMM]: 'raydium-cpmm', [K.RAYDIUM_CLMM]: 'raydium-clmm',
  [K.WHIRLPOOL]: 'orca-whirlpool', [K.DLMM]: 'meteora-dlmm', [K.DAMM_V2]: 'meteora-damm-v2', [K.PUMP]: 'pump-fun', [K.PUMP_SWAP]: 'pump-swap',
};

const hexOf = (ix) => ix.data.subarray(0, 8).toString('hex');
// extend_account of both of pump's programs.
const EXTEND = 'ea66c2cb96483ee5';

const POPULAR = [K.NATIVE, 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v', 'Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB'];

// mintOf(owner, tx, address): for which mint this is the owner's associated account.
function mintOf(owner, seen, address) {
  return address && seen.find((mint) => K.owns(owner, mint, address));
}

// What a wallet pays besides: tips to anyone it sends SOL to, wraps, rent of accounts.
function sideCosts(tx, wallet) {
  const costs = { temporary: new Set(), tips: 0n, tipTo: new Set(), rent: 0n, wrap: 0n };
  const seen = [...new Set(tx.accounts.map(resolve).filter(Boolean)), ...POPULAR];
  for (const ix of tx.ixs) {
    const a = ix.accounts.map(resolve);
    if (ix.program.key === K.SYSTEM && ix.data.length === 12 && ix.data.readUInt32LE(0) === 2 && a[0] === wallet) {
      const lamports = ix.data.readBigUInt64LE(4);
      if (a[1] === K.ata(wallet, K.NATIVE)) costs.wrap += lamports;
      else {
        costs.tips += lamports;
        if (a[1] !== undefined && !K.JITO.includes(a[1])) costs.tipTo.add(a[1]);
      }
    }
    if (ix.program.key === K.SYSTEM && [0, 3].includes(ix.data.readUInt32LE?.(0)) && a[0] === wallet) {
      const at = ix.data[0] === 0 ? 4 : 44 + Number(ix.data.readBigUInt64LE(36));
      costs.wrap += ix.data.readBigUInt64LE(at) - 2039280n;
      costs.rent += 2039280n;
      costs.temporary.add(a[1]);
    }
    if (ix.program.key === K.JUPITER && ix.data.subarray(0, 8).toString('hex') === '93f17b64f484ae76') costs.rent += 2282880n;
    if (hexOf(ix) === EXTEND && a[1] === wallet) costs.rent += ix.program.key === K.PUMP ? 1440720n : ix.program.key === K.PUMP_SWAP ? 1315440n : 0n;
    if (ix.program.key === K.ATA && a[0] === wallet) costs.rent += a[5] === K.TOKEN && ix.accounts[5].key ? 2039280n : 2282880n;
  }
  return { ...costs, seen };
}

const uses = (tx, wallet) => ({
  nonce: tx.ixs[0]?.program.key === K.SYSTEM && tx.ixs[0].data.readUInt32LE?.(0) === 4 ? resolve(tx.ixs[0].accounts[0]) : undefined,
  pays: tx.accounts[0].key === wallet,
});

function common(tx, wallet, costs) {
  const { nonce, pays } = uses(tx, wallet);
  return {
    params: {
      max_fee_lamports: pays ? fee(tx) : 0n, max_tip_lamports: costs.tips, tip_accounts: [...costs.tipTo], max_rent_lamports: costs.rent,
      ...(nonce ? { allow_nonce: true } : {}),
    },
    nonces: nonce ? [nonce] : [],
    truth: {
      wallet, mints: [], tips: new Set([...K.JITO, ...costs.tipTo]), nonce: nonce !== undefined, maxFee: pays ? fee(tx) : 0n, maxTips: costs.tips,
      maxRent: costs.rent,
    },
  };
}

// Rent that the programs themselves may take from the wallet, as their intents count it.
const CREATES = ['181ec828051c0777', 'd6904cec5f8b31b4'];
const PROGRAM_RENT = { create: 21052480n, trade: 3445200n, quoted: 9563040n, oldSell: 1600800n, quotedToken: 10293840n, swap: 9312480n, oldSwapSell: 5185200n, kept: 3285120n, keptSwap: 3159840n, hops: 7607280n };
const QUOTED = ['b817ee6167c5d33d', 'c2ab1c46684d5b2f', '5df6823ce7e940b2'];
// The third version on pump.fun, where fees stay on the curve, as with the second on PumpSwap.
const KEPT = ['07051dc4f5176550', 'e1f7501ed5b38488', '1c92de7726c469d5'];
const HOPS = '2b644913e9f66f94';
const isCreation = (tx) => tx.ixs.some((one) => one.program.key === K.PUMP && CREATES.includes(hexOf(one)));
// Of a curve that is quoted in another token than SOL.
const isQuoted = (ix) => ix.program.key === K.PUMP && [...QUOTED, ...KEPT].includes(hexOf(ix)) && resolve(ix.accounts[2] ?? {}) !== K.NATIVE;
const isSell = (ix) => ix.data.subarray(0, 8).toString('hex') === '33e685a4017f83ad';
// Before the venue's fee program stood among the accounts.
const isBefore = (ix, feePlace) => isSell(ix) && resolve(ix.accounts[feePlace] ?? {}) !== 'pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ';

// Bytes behind the arguments of pump's programs, which do not look at them.
const isUnread = (ix) => (isSell(ix) ? ix.data.length > 24 : ix.program.key === K.PUMP_SWAP && ix.data.length > 25) && [K.PUMP, K.PUMP_SWAP].includes(ix.program.key);

function pumpGrant(tx, wallet, ix, s, costs) {
  const one = common(tx, wallet, costs);
  const buys = !s.paid && !['5df6823ce7e940b2', '1c92de7726c469d5'].includes(hexOf(ix));
  const mint = mintOf(wallet, costs.seen, resolve(ix.accounts[buys ? s.destination : s.source]));
  const creates = isCreation(tx);
  const rent = costs.rent + (KEPT.includes(hexOf(ix)) ? PROGRAM_RENT.kept : QUOTED.includes(hexOf(ix)) ? PROGRAM_RENT.quoted : isBefore(ix, 13) ? PROGRAM_RENT.oldSell : PROGRAM_RENT.trade) +
    (creates ? PROGRAM_RENT.create : 0n);
  if (creates) one.params.allow_create = true;
  if (isUnread(ix)) one.params.allow_unread_bytes = true;
  if (s.out === 0n) one.params.accept_no_minimum = true;
  Object.assign(one.params, { mints: mint ? [mint] : [], max_rent_lamports: rent }, buys
    ? { max_buy_lamports: s.in, buy_price_tokens: s.out, buy_price_lamports: s.in }
    : { max_sell: s.in, sell_price_lamports: s.out, sell_price_tokens: s.in });
  Object.assign(one.truth, { mints: [mint, K.NATIVE].filter(Boolean), maxRent: rent, swap: {
    programs: new Set([K.PUMP]), create: creates, sell: new Map([[buys ? K.NATIVE : mint, s.in]]), buy: new Set([buys ? mint : K.NATIVE]), price: { in: s.in, out: s.out },
  } });
  return { intent: 'pump-fun', ...one };
}

const most = (a, b) => (a > b ? a : b);

// Further tokens whose own accounts stand in the transaction.
function viaMints(tx, wallet, named) {
  const keys = [...new Set(tx.accounts.map(resolve).filter(Boolean))];
  return keys.filter((mint) => !named.includes(mint) && keys.some((key) => K.owns(wallet, mint, key))).slice(0, 32);
}

function swapGrant(tx, wallet, ix, s, costs) {
  const one = common(tx, wallet, costs);
  const [source, destination] = [s.source, s.destination].map((at) => resolve(ix.accounts[at]));
  const mintIs = (address) => (costs.temporary.has(address) ? K.NATIVE : mintOf(wallet, costs.seen, address));
  const [from, to] = [mintIs(source), mintIs(destination)];
  const creates = isQuoted(ix) && isCreation(tx);
  const rent = costs.rent + (creates ? PROGRAM_RENT.create : 0n) + (isQuoted(ix) ? (KEPT.includes(hexOf(ix)) ? PROGRAM_RENT.kept : PROGRAM_RENT.quotedToken) : ix.program.key !== K.PUMP_SWAP ? 0n
    : QUOTED.includes(hexOf(ix)) ? PROGRAM_RENT.keptSwap : hexOf(ix) === HOPS ? PROGRAM_RENT.hops : isBefore(ix, 20) ? PROGRAM_RENT.oldSwapSell : PROGRAM_RENT.swap);
  // Which mint a named account holds is what the user says.
  const sold = from ?? (to === K.NATIVE ? POPULAR[1] : K.NATIVE);
  const bought = to ?? (sold === K.NATIVE ? POPULAR[1] : K.NATIVE);
  Object.assign(one.params, {
    input_mint: sold, max_in: most(s.in, costs.wrap), output_mints: [bought], min_out: s.out, min_price_out: s.out, min_price_in: s.in,
    ...(from === undefined && source ? { input_account: source } : {}), ...(to === undefined && destination ? { output_account: destination } : {}),
    max_rent_lamports: rent,
  });
  if (creates) one.params.allow_create = true;
  if (s.host !== undefined && resolve(ix.accounts[s.host] ?? {}) !== ix.program.key) {
    one.params[ix.program.key === K.DLMM ? 'allow_host_fee' : 'allow_referral'] = true;
    one.truth.host = true;
  }
  if ((ix.program.key === K.RAYDIUM_V4 && ix.data.length > 17) || isUnread(ix)) one.params.allow_unread_bytes = true;
  if (ix.program.key === K.WHIRLPOOL && s.middle) one.params.via_mints = viaMints(tx, wallet, [sold, bought]);
  const jupiter = ix.program.key === K.JUPITER;
  if (jupiter) Object.assign(one.params, { max_slippage_bps: s.slip, max_platform_fee_bps: s.fee, via_mints: viaMints(tx, wallet, [sold, bought]) });
  one.truth.accounts = { ...(from === undefined && source ? { [source]: sold } : {}), ...(to === undefined && destination ? { [destination]: bought } : {}) };
  Object.assign(one.truth, { mints: [sold, bought], maxRent: rent, swap: {
    programs: new Set([ix.program.key]), sell: new Map([[sold, most(s.in, costs.wrap)]]), buy: new Set([bought]), minOut: s.out, price: { in: s.in, out: s.out }, feeBps: s.fee ?? 0n, host: one.truth.host, create: creates, quote: sold,
  } });
  return { intent: isQuoted(ix) ? 'pump-fun-quoted' : INTENT_OF[ix.program.key], ...one };
}

function ledgerGrant(tx, wallet, swaps, costs) {
  const [[first, a], [last, b]] = swaps;
  const grant = swapGrant(tx, wallet, first, { ...a, destination: a.destination }, costs);
  const to = mintOf(wallet, costs.seen, resolve(last.accounts[b.destination]));
  if (to === undefined) return undefined;
  grant.intent = 'jupiter-v6-ledger';
  grant.params.via_mints = [...grant.params.via_mints, ...grant.params.output_mints];
  Object.assign(grant.params, { output_mints: [to], min_out: b.out, min_price_out: b.out, min_price_in: a.in, output_account: undefined,
    max_slippage_bps: a.slip > b.slip ? a.slip : b.slip, max_platform_fee_bps: a.fee > b.fee ? a.fee : b.fee });
  grant.truth.mints.push(to);
  Object.assign(grant.truth.swap, { legs: 2, minOut: b.out, price: { in: a.in, out: b.out }, buy: new Set([to]),
    feeBps: grant.params.max_platform_fee_bps });
  return grant;
}

// swapGrantFor(tx): {wallet, intent, params, nonces, truth} for the first swap of a listed program, or why there is none.
export function swapGrantFor(tx) {
  const swaps = tx.ixs.filter((ix) => swapPrograms.includes(ix.program.key)).map((ix) => [ix, swapOf(ix)]).filter(([, s]) => s !== undefined);
  if (swaps.length === 0) return undefined;
  const [ix, s] = swaps[0];
  const wallet = resolve(ix.accounts[s.authority] ?? {});
  if (wallet === undefined || !tx.accounts.some((a) => a.signer && a.key === wallet)) return undefined;
  const costs = sideCosts(tx, wallet);
  let grant;
  if (swaps.length === 2 && swaps[1][1].ledger !== undefined) grant = ledgerGrant(tx, wallet, swaps, costs);
  else if (ix.program.key === K.PUMP && !isQuoted(ix)) grant = pumpGrant(tx, wallet, ix, s, costs);
  else grant = swapGrant(tx, wallet, ix, s, costs);
  return grant && { wallet, program: ix.program.key, ...grant };
}

export const isSwap = (tx) => tx.ixs.some((ix) => swapPrograms.includes(ix.program.key) && swapOf(ix) !== undefined);

// --- transfers, wraps, tips

const transferTags = { 3: [2, 1], 12: [3, 2], 26: [3, 2] };

// Every mint and owner that stands in the transaction, or behind its tables.
const addresses = (tx) => [...new Set(tx.accounts.map(resolve).filter(Boolean))];

function tokenTransfers(tx, wallet) {
  const keys = [...addresses(tx), ...POPULAR];
  return tx.ixs.filter((ix) => [K.TOKEN, K.TOKEN_2022].includes(ix.program.key) && ix.data[0] in transferTags).map((ix) => {
    const [by, to] = transferTags[ix.data[0]];
    const destination = resolve(ix.accounts[to]);
    const mint = keys.find((m) => K.owns(wallet, m, resolve(ix.accounts[0]))) ?? (ix.data[0] === 3 ? undefined : resolve(ix.accounts[1]));
    const owner = mint && keys.find((o) => K.owns(o, mint, destination));
    return { source: resolve(ix.accounts[0]), destination, program: ix.program.key, signer: resolve(ix.accounts[by]), mint, owner, amount: ix.data.readBigUInt64LE(ix.data[0] === 26 ? 2 : 1),
      decimals: ix.data[0] === 3 ? undefined : BigInt(ix.data[ix.data[0] === 26 ? 10 : 9]) };
  });
}

function solTransfers(tx, wallet) {
  return tx.ixs.filter((ix) => ix.program.key === K.SYSTEM && ix.data.length === 12 && ix.data.readUInt32LE(0) === 2 && resolve(ix.accounts[0]) === wallet)
    .map((ix) => ({ to: resolve(ix.accounts[1]), lamports: ix.data.readBigUInt64LE(4) }));
}

// Whose tokens or SOL a transaction sends: not who pays for it, nor who may advance its nonce.
function giver(tx) {
  const sends = (ix) => [K.TOKEN, K.TOKEN_2022].includes(ix.program.key) && ix.data[0] in transferTags;
  const token = tx.ixs.find(sends);
  const sol = tx.ixs.find((ix) => ix.program.key === K.SYSTEM && ix.data.length === 12 && ix.data.readUInt32LE(0) === 2);
  const by = token ? token.accounts[transferTags[token.data[0]][0]] : sol?.accounts[0];
  return by?.signer ? by.key : undefined;
}

const total = (list) => list.reduce((sum, n) => sum + n, 0n);
const SIDE = [K.BUDGET, K.MEMO, K.MEMO_V1, K.MEMO_V4];

// transferGrantFor(tx): the grant for a transaction that only sends, wraps, closes or tips.
export function transferGrantFor(tx) {
  const programs = new Set(tx.ixs.map((ix) => ix.program.key));
  for (const side of SIDE) programs.delete(side);
  const wallet = giver(tx) ?? tx.ixs.filter((ix) => programs.has(ix.program.key)).flatMap((ix) => ix.accounts).find((a) => a.signer)?.key;
  if (wallet === undefined || ![...programs].every((p) => [K.SYSTEM, K.TOKEN, K.TOKEN_2022, K.ATA].includes(p))) return undefined;
  const costs = sideCosts(tx, wallet);
  const one = common(tx, wallet, costs);
  const tokens = tokenTransfers(tx, wallet);
  const sol = solTransfers(tx, wallet).filter(({ to }) => !K.JITO.includes(to) && to !== K.ata(wallet, K.NATIVE));
  const tips = total(solTransfers(tx, wallet).filter(({ to }) => K.JITO.includes(to)).map((t) => t.lamports));
  Object.assign(one.params, { max_tip_lamports: tips, tip_accounts: [] });
  Object.assign(one.truth, { maxTips: tips, tips: new Set(K.JITO) });
  const grant = { wallet, ...one };
  if (tokens.length > 0 && tokens.every((t) => t.mint === tokens[0].mint && t.program === tokens[0].program)) {
    const { mint, program } = tokens[0];
    const owners = [...new Set(tokens.map((t) => t.owner).filter(Boolean))];
    const accounts = [...new Set(tokens.filter((t) => t.owner === undefined && t.destination).map((t) => t.destination))];
    const amount = total(tokens.map((t) => t.amount));
    const created = 2282880n * BigInt(tx.ixs.filter((ix) => ix.program.key === K.ATA && resolve(ix.accounts[0]) === wallet).length);
    const source = mint !== undefined && K.owns(wallet, mint, tokens[0].source) ? undefined : tokens[0].source;
    grant.intent = program === K.TOKEN ? 'spl-transfer' : 'token-2022-transfer';
    Object.assign(grant.params, { mint: mint ?? POPULAR[1], mint_decimals: tokens[0].decimals ?? 6n, recipients: owners, max_amount: amount,
      recipient_accounts: accounts, max_rent_lamports: created, ...(source ? { source_account: source } : {}) });
    Object.assign(grant.truth, { mints: [mint].filter(Boolean), recipients: new Set([...owners, ...accounts]), maxRent: created, maxTokens: new Map([[mint, amount]]),
      ...(source && mint ? { accounts: { [source]: mint } } : {}) });
    // SOL that goes along, as a tip or a fee.
    const along = { to: [...new Set(sol.map((t) => t.to).filter(Boolean))], lamports: tips + total(sol.map((t) => t.lamports)) };
    Object.assign(grant.params, { max_tip_lamports: along.lamports, tip_accounts: along.to });
    Object.assign(grant.truth, { maxTips: along.lamports, tips: new Set([...K.JITO, ...along.to]) });
    return grant;
  }
  if (sol.length > 0) {
    const to = [...new Set(sol.map((t) => t.to).filter(Boolean))];
    const lamports = total(sol.map((t) => t.lamports));
    grant.intent = 'sol-transfer';
    Object.assign(grant.params, { recipients: to, max_lamports: lamports });
    Object.assign(grant.truth, { recipients: new Set(to), maxSol: lamports });
    return grant;
  }
  if (tips > 0n) return { ...grant, intent: 'jito-tip' };
  if (programs.size === 0) return undefined;
  Object.assign(grant.params, { max_wrap_lamports: costs.wrap });
  Object.assign(grant.truth, { mints: [K.NATIVE], maxWrap: costs.wrap });
  return { ...grant, intent: 'wrap' };
}

// A withdrawal grant covers the same transactions where there is one recipient.
export function withdrawGrantFor(tx) {
  const grant = transferGrantFor(tx);
  const recipients = grant?.params.recipients ?? [];
  if (recipients.length !== 1) return undefined;
  const mints = grant.params.mint ? [grant.params.mint] : [];
  return { ...grant, intent: 'withdraw', params: { ...grant.params, recipient: recipients[0], mints, max_lamports: grant.truth.maxSol ?? 0n },
    truth: { ...grant.truth, maxTokens: new Map(mints.map((m) => [m, 1n << 64n])) } };
}
