// SPDX-License-Identifier: Apache-2.0
// What others say that bytes are, written in the words of `claviger tx decode`. A peer accepts when
// it decodes without an error, uses every byte, and writes the same bytes again.
import { load } from './setup.mjs';

const kit = load('@solana/kit');
const web3 = load('@solana/web3.js');
const { LiteSVM } = load('litesvm');

const base58 = (bytes) => kit.getBase58Decoder().decode(bytes);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;
const NO_SIGNATURE = new Uint8Array(64);

class Refused extends Error {}

function demand(truth, why) {
  if (!truth) throw new Refused(why);
}

function accountsOf(header, keys, lookups) {
  const { required_signatures: signers, readonly_signed: signed, readonly_unsigned: unsigned } = header;
  const accounts = keys.map((address, i) => ({
    address,
    signer: i < signers,
    writable: i < signers ? i < signers - signed : i < keys.length - unsigned,
    source: 'static',
  }));
  for (const writable of [true, false])
    for (const { table, writable: w, readonly: r } of lookups)
      for (const index of writable ? w : r)
        accounts.push({ signer: false, writable, source: 'lookup', table, index });
  return accounts;
}

const FORMATS = { legacy: 'legacy', 0: 'v0', 1: 'v1' };

function say(kind, version, signatures, header, keys, lifetime, instructions, lookups, config) {
  return JSON.stringify({
    kind,
    format: FORMATS[version],
    signatures,
    header,
    accounts: accountsOf(header, keys, lookups),
    lifetime,
    instructions,
    lookups,
    config,
  });
}

function kitConfig(message) {
  const { configMask: mask, configValues: values } = message;
  const left = [...values];
  const next = (bits) => ((mask & bits) === 0 ? null : left.shift().value);
  const fee = next(3);
  const config = {
    priority_fee_lamports: fee === null ? null : String(fee),
    compute_unit_limit: next(4),
    loaded_accounts_data_limit: next(8),
    heap_bytes: next(16),
  };
  demand(left.length === 0, 'config values left over');
  return config;
}

function kitInstructions(message) {
  if (message.version !== 1)
    return message.instructions.map((i) => ({
      program: i.programAddressIndex,
      accounts: i.accountIndices ?? [],
      data: hex(i.data ?? []),
    }));
  return message.instructionHeaders.map((head, i) => ({
    program: head.programAccountIndex,
    accounts: message.instructionPayloads[i].instructionAccountIndices,
    data: hex(message.instructionPayloads[i].instructionData),
  }));
}

function kitMessage(kind, bytes, signatures) {
  const [message, end] = kit.getCompiledTransactionMessageDecoder().read(bytes, 0);
  demand(end === bytes.length, 'bytes left over');
  demand(same(kit.getCompiledTransactionMessageEncoder().encode(message), bytes), 'not canonical');
  const header = {
    required_signatures: message.header.numSignerAccounts,
    readonly_signed: message.header.numReadonlySignerAccounts,
    readonly_unsigned: message.header.numReadonlyNonSignerAccounts,
  };
  const lookups = (message.addressTableLookups ?? []).map((l) => ({
    table: l.lookupTableAddress,
    writable: l.writableIndexes,
    readonly: l.readonlyIndexes,
  }));
  return say(kind, message.version, signatures, header, message.staticAccounts, message.lifetimeToken,
    kitInstructions(message), lookups, message.version === 1 ? kitConfig(message) : null);
}

function kitTransaction(bytes) {
  const [transaction, end] = kit.getTransactionDecoder().read(bytes, 0);
  demand(end === bytes.length, 'bytes left over');
  demand(same(kit.getTransactionEncoder().encode(transaction), bytes), 'not canonical');
  const signatures = Object.values(transaction.signatures).map((s) => base58(s ?? NO_SIGNATURE));
  return kitMessage('transaction', new Uint8Array(transaction.messageBytes), signatures);
}

function kitOffchain(bytes) {
  const [message, end] = kit.getOffchainMessageDecoder().read(bytes, 0);
  demand(end === bytes.length, 'bytes left over');
  demand(message.version === 1, 'another version');
  demand(same(kit.getOffchainMessageEncoder().encode(message), bytes), 'not canonical');
  return JSON.stringify({
    kind: 'offchain',
    format: 'offchain-v1',
    signers: message.requiredSignatories.map((s) => s.address),
    text: message.content,
  });
}

function web3Message(kind, message, bytes, signatures) {
  demand(message.version === 'legacy' || message.version === 0, 'a version that web3.js cannot write');
  demand(same(message.serialize(), bytes), 'not canonical');
  const h = message.header;
  const header = {
    required_signatures: h.numRequiredSignatures,
    readonly_signed: h.numReadonlySignedAccounts,
    readonly_unsigned: h.numReadonlyUnsignedAccounts,
  };
  const lookups = (message.addressTableLookups ?? []).map((l) => ({
    table: l.accountKey.toBase58(),
    writable: [...l.writableIndexes],
    readonly: [...l.readonlyIndexes],
  }));
  const instructions = message.compiledInstructions.map((i) => ({
    program: i.programIdIndex,
    accounts: [...i.accountKeyIndexes],
    data: hex(i.data),
  }));
  const keys = message.staticAccountKeys.map((k) => k.toBase58());
  return say(kind, message.version, signatures, header, keys, message.recentBlockhash, instructions,
    lookups, null);
}

function web3Transaction(bytes) {
  const transaction = web3.VersionedTransaction.deserialize(bytes);
  demand(same(transaction.serialize(), bytes), 'not canonical');
  return web3Message('transaction', transaction.message, transaction.message.serialize(),
    transaction.signatures.map(base58));
}

const KINDS = {
  kit: { transaction: kitTransaction, message: (b) => kitMessage('message', b, []), offchain: kitOffchain },
  'web3.js': {
    transaction: web3Transaction,
    message: (b) => web3Message('message', web3.VersionedMessage.deserialize(b), b, []),
  },
};

// peer(name, kind, bytes) returns what the peer says, or null when it refuses.
export function peer(name, kind, bytes) {
  const decode = KINDS[name][kind];
  if (decode === undefined) return null;
  try {
    return decode(bytes);
  } catch {
    return null; // a peer's way to refuse is any exception
  }
}

// What the runtime's own sanitizer says of a wire transaction. litesvm aborts the process when bytes
// do not even deserialize, so it is asked only about bytes that a peer or we could read whole.
const SANITIZER_SAYS_NO = new Map([[1, 'AccountLoadedTwice'], [10, 'InvalidAccountIndex'],
  [13, 'SanitizeFailure'], [17, 'UnsupportedVersion'], [21, 'TooManyAccountLocks']]);
let svm;

export function runtimeRefuses(wire) {
  svm ??= new LiteSVM().withSigverify(false).withBlockhashCheck(false);
  const answer = svm.inner.simulateVersionedTransaction(wire);
  const error = typeof answer.err === 'function' ? answer.err() : null;
  if (error >= 22 && error <= 25) return undefined; // its table is not on this chain: no answer
  return SANITIZER_SAYS_NO.get(error) ?? null;
}
