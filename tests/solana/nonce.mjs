// SPDX-License-Identifier: Apache-2.0
// What A18 rests on, in the runtime: how a nonce is made of a blockhash, that of several transactions on
// one nonce one is carried out, and that a blockhash in its place makes an ordinary transaction,
// AdvanceNonceAccount in front or not (spec/solana.md, durable nonces). That a failed one moves the nonce
// too is the validator's doing; litesvm leaves it where it was, so it is not shown here.
import { createHash } from 'node:crypto';
import { expect, load, summary } from './setup.mjs';
import { write } from './wire.mjs';

const kit = load('@solana/kit');
const { LiteSVM } = load('litesvm');
const keyOf = (address) => new Uint8Array(kit.getAddressEncoder().encode(address));
const addressOf = (bytes) => kit.getAddressDecoder().decode(bytes);
const SYSTEM = keyOf('11111111111111111111111111111111');
const RECENT = keyOf('SysvarRecentB1ockHashes11111111111111111111');
const RENT = keyOf('SysvarRent111111111111111111111111111111111');
const key = (n) => new Uint8Array(32).fill(n);
const le = (value, len) => Uint8Array.from({ length: len }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
const [wallet, nonce, recipient] = [key(1), key(2), key(3)];

const svm = new LiteSVM().withSigverify(false);
svm.airdrop(addressOf(wallet), 10_000_000_000n);
const latest = () => keyOf(svm.latestBlockhash());
const made = (blockhash) => createHash('sha256').update('DURABLE_NONCE').update(blockhash).digest();
const held = () => Buffer.from(svm.getAccount(addressOf(nonce)).data.slice(40, 72));
const received = () => { const account = svm.getAccount(addressOf(recipient)); return account.exists ? account.lamports : 0n; };
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

function send(model) {
  const { bytes } = write({ version: 'legacy', lookups: [], ...model }, true);
  const said = svm.inner.sendVersionedTransaction(bytes);
  return said.constructor.name !== 'FailedTransactionMetadata';
}

// Advance the nonce, then pay: under whatever lifetime.
const pay = (lifetime, lamports) => send({
  header: [1, 0, 2], keys: [wallet, nonce, recipient, SYSTEM, RECENT], signatures: [new Uint8Array(64)], lifetime,
  instructions: [{ program: 3, accounts: [1, 4, 0], data: le(4, 4) },
    { program: 3, accounts: [0, 2], data: Uint8Array.from([...le(2, 4), ...le(lamports, 8)]) }],
});

expect(send({
  header: [2, 0, 3], keys: [wallet, nonce, SYSTEM, RECENT, RENT], signatures: [new Uint8Array(64), new Uint8Array(64)], lifetime: latest(),
  instructions: [{ program: 2, accounts: [0, 1], data: Uint8Array.from([...le(0, 4), ...le(1_447_680, 8), ...le(80, 8), ...SYSTEM]) },
    { program: 2, accounts: [1, 3, 4], data: Uint8Array.from([...le(6, 4), ...wallet]) }],
}), 'a nonce account is made');
expect(same(held(), made(latest())), 'a nonce is SHA-256 of DURABLE_NONCE and the blockhash');

// One of three on the same value.
svm.expireBlockhash();
let value = held();
expect(pay(value, 3_000_000), 'the first on a nonce');
expect(!same(held(), value), 'the nonce moved on');
for (const lamports of [4_000_000, 5_000_000]) expect(!pay(value, lamports), 'no other on it');
expect(received() === 3_000_000n, 'one was carried out', received());

// A blockhash as "nonce": ordinary transactions. Each block lets another one through.
let carried = 0n;
for (const lamports of [7_000_000, 8_000_000]) {
  svm.expireBlockhash();
  const before = received();
  expect(pay(latest(), lamports), 'a blockhash is a lifetime, whatever the first instruction says');
  carried += received() - before;
}
expect(carried === 15_000_000n, 'both were carried out', carried);
summary();
