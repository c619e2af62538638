// SPDX-License-Identifier: Apache-2.0
// A transaction as a person thinks of it: accounts with powers instead of numbers in tables, so that a
// change of one account or instruction stays a well-formed message. lift() from wire.mjs's model, lower()
// back; lower(lift(x)) is x for every message whose accounts stand in the order of their powers, as the
// format wants.
import { load, vectors } from '../solana/setup.mjs';

const { getBase58Decoder, getBase58Encoder } = load('@solana/kit');

export const tables = JSON.parse(vectors('lookup-tables.json'));
const texts = new Map();
const keys = new Map();

// Bytes of an address, and the address of bytes; both kept, for there are few different ones.
export function bytes58(text) {
  if (!keys.has(text)) keys.set(text, new Uint8Array(getBase58Encoder().encode(text)));
  return keys.get(text);
}

export function text58(bytes) {
  const hex = Buffer.from(bytes).toString('hex');
  if (!texts.has(hex)) texts.set(hex, getBase58Decoder().decode(bytes));
  return texts.get(hex);
}

// lift(model): {version, lifetime, config, accounts: [{key} or {table, index}, signer, writable], ixs:
// [{program: account, accounts: [account], data}]}; instructions hold the account objects themselves.
export function lift(model) {
  const [signers, signed, unsigned] = model.header;
  const accounts = model.keys.map((key, i) => ({
    key: text58(key),
    signer: i < signers,
    writable: i < signers ? i < signers - signed : i < model.keys.length - unsigned,
  }));
  for (const writable of [true, false])
    for (const l of model.lookups)
      for (const index of writable ? l.writable : l.readonly)
        accounts.push({ table: text58(l.table), index, signer: false, writable });
  return {
    version: model.version,
    lifetime: model.lifetime,
    config: model.version === 1 ? { mask: model.mask, values: model.values } : undefined,
    tables: model.lookups.map((l) => text58(l.table)),
    accounts,
    ixs: model.instructions.map((ix) => ({
      program: accounts[ix.program],
      accounts: ix.accounts.map((a) => accounts[a]),
      data: Buffer.from(ix.data),
    })),
  };
}

// copy(tx): a deep copy whose instructions name the copied accounts.
export function copy(tx) {
  const twin = new Map(tx.accounts.map((a) => [a, { ...a }]));
  return {
    ...tx,
    config: tx.config && { ...tx.config },
    tables: [...tx.tables],
    accounts: tx.accounts.map((a) => twin.get(a)),
    ixs: tx.ixs.map((ix) => ({
      program: twin.get(ix.program),
      accounts: ix.accounts.map((a) => twin.get(a)),
      data: Buffer.from(ix.data),
    })),
  };
}

// account(tx, key, powers): the account with this key, added when there is none; powers only grow.
export function account(tx, key, { signer = false, writable = false } = {}) {
  let found = tx.accounts.find((a) => a.key === key);
  if (found === undefined) tx.accounts.push((found = { key, signer: false, writable: false }));
  found.signer ||= signer;
  found.writable ||= writable;
  return found;
}

// resolve(a): an account's address where it is static or where the chain's table contents are at hand.
export const resolve = (a) => a.key ?? tables[a.table]?.[a.index];

const rank = (a) => (a.key === undefined ? 4 : a.signer ? (a.writable ? 0 : 1) : a.writable ? 2 : 3);

// lower(tx): the model that wire.mjs writes.
export function lower(tx) {
  const still = tx.accounts.filter((a) => a.key !== undefined)
    .map((a, i) => [a, i]).sort(([a, i], [b, j]) => rank(a) - rank(b) || i - j).map(([a]) => a);
  const names = [...tx.tables];
  for (const a of tx.accounts) if (a.table !== undefined && !names.includes(a.table)) names.push(a.table);
  const looked = (writable) => names.map((table) =>
    tx.accounts.filter((a) => a.table === table && a.writable === writable));
  const [writable, readonly] = [looked(true), looked(false)];
  const order = [...still, ...writable.flat(), ...readonly.flat()];
  const at = new Map(order.map((a, i) => [a, i]));
  return {
    version: tx.version,
    header: [still.filter((a) => a.signer).length, still.filter((a) => a.signer && !a.writable).length,
      still.filter((a) => !a.signer && !a.writable).length],
    keys: still.map((a) => bytes58(a.key)),
    lifetime: tx.lifetime,
    mask: tx.config?.mask ?? 0,
    values: tx.config?.values ?? new Uint8Array(),
    instructions: tx.ixs.map((ix) => ({
      program: at.get(ix.program),
      accounts: ix.accounts.map((a) => at.get(a)),
      data: ix.data,
    })),
    lookups: names.map((table, i) => ({
      table: bytes58(table), writable: writable[i].map((a) => a.index), readonly: readonly[i].map((a) => a.index),
    })).filter((l) => l.writable.length + l.readonly.length > 0),
    signatures: [],
  };
}

// fits(bytes): whether a message and its signatures are no longer than the network takes; v1 has room for all that is tried here.
export const fits = (bytes) => bytes[0] === 0x81 || 1 + 64 * bytes[bytes[0] === 0x80 ? 1 : 0] + bytes.length <= 1232;
