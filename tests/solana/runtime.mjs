// SPDX-License-Identifier: Apache-2.0
// Rules of spec/solana.md that random bending seldom reaches, one by one against the runtime: what the
// spec says of it is what litesvm does, and the tool's code is the one that the spec names.
import { expect, load, summary, Tool } from './setup.mjs';
import { Random, write } from './wire.mjs';

const kit = load('@solana/kit');
const { LiteSVM } = load('litesvm');
const addressOf = (bytes) => kit.getAddressDecoder().decode(bytes);
const TABLES = 'AddressLookupTab1e1111111111111111111111111';
const ENTRIES = 4;

const r = new Random(5);
const payer = r.bytes(32);
const table = r.bytes(32);
const svm = new LiteSVM().withSigverify(false).withBlockhashCheck(false);
svm.airdrop(addressOf(payer), 10_000_000_000n);
const contents = new Uint8Array(56 + 32 * ENTRIES);
new DataView(contents.buffer).setUint32(0, 1, true);
new DataView(contents.buffer).setBigUint64(4, (1n << 64n) - 1n, true); // not deactivated
for (let i = 0; i < ENTRIES; i++) contents.set(r.bytes(32), 56 + 32 * i);
svm.setAccount({
  address: addressOf(table), data: contents, executable: false, lamports: 1_000_000_000n,
  programAddress: TABLES, space: BigInt(contents.length),
});
svm.warpToSlot(10n);

const transfer = () => ({ program: 2, accounts: [0, 1], data: Uint8Array.from([2, 0, 0, 0, 64, 66, 15, 0, 0, 0, 0, 0]) });

function base(version, change) {
  const model = {
    version, signatures: [new Uint8Array(64)], header: [1, 0, 1], keys: [payer, r.bytes(32), new Uint8Array(32)],
    lifetime: new Uint8Array(32).fill(7), instructions: [transfer()], lookups: [], mask: 12,
    values: Uint8Array.from([64, 13, 3, 0, 0, 0, 4, 0]),
  };
  change?.(model);
  return model;
}

function heap(bytes) {
  return (m) => {
    m.mask = 28;
    m.values = new Uint8Array([...m.values, ...new Uint8Array(new Uint32Array([bytes]).buffer)]);
  };
}

const lookups = (...list) => (m) => { m.lookups = list; };
const nothing = (count) => (m) => {
  m.instructions = Array.from({ length: count }, () => ({ program: 2, accounts: [0, 1], data: Uint8Array.from([2, ...Array(11).fill(0)]) }));
};

// name, model, our code or null, whether the runtime executes it
const CASES = [
  ['legacy', base('legacy'), null, true],
  ['v0', base(0), null, true],
  ['v1', base(1), null, true],
  ['no instructions', base('legacy', (m) => { m.instructions = []; }), null, true],
  ['64 instructions', base('legacy', nothing(50)), null, true],
  ['one lookup', base(0, lookups({ table, writable: [0], readonly: [1] })), null, true],
  ['a table in two lookups', base(0, lookups({ table, writable: [0], readonly: [] }, { table, writable: [1], readonly: [] })), null, true],
  ['an entry twice', base(0, lookups({ table, writable: [0, 0], readonly: [] })), 'duplicate-lookup', false],
  ['an entry writable and read-only', base(0, lookups({ table, writable: [0], readonly: [0] })), 'duplicate-lookup', false],
  ['an entry in two lookups', base(0, lookups({ table, writable: [0], readonly: [] }, { table, writable: [0], readonly: [] })), 'duplicate-lookup', false],
  ['an empty lookup', base(0, lookups({ table, writable: [], readonly: [] })), 'empty-lookup', false],
  ['32 KiB of heap', base(1, heap(32768)), null, true],
  ['256 KiB of heap', base(1, heap(262144)), null, true],
  ['no heap', base(1, heap(0)), 'config-heap', false],
  ['1 KiB of heap', base(1, heap(1024)), 'config-heap', false],
  ['257 KiB of heap', base(1, heap(263168)), 'config-heap', false],
  ['64 keys in v1', base(1, (m) => { m.keys = [payer, ...Array.from({ length: 62 }, () => r.bytes(32)), new Uint8Array(32)]; m.instructions[0].program = 63; }), null, true],
  ['zero lifetime in v1', base(1, (m) => { m.lifetime = new Uint8Array(32); }), 'lifetime', true],
  ['a key twice', base('legacy', (m) => { m.keys[1] = payer; }), 'duplicate-account', false],
  ['a key twice in v1', base(1, (m) => { m.keys[1] = payer; }), 'duplicate-account', false],
  ['the payer as program', base('legacy', (m) => { m.instructions[0].program = 0; }), 'program-index', false],
  ['a looked-up program', base(0, (m) => { m.lookups = [{ table, writable: [], readonly: [0] }]; m.instructions[0].program = 3; }), 'program-index', false],
  ['an absent account', base('legacy', (m) => { m.instructions[0].accounts = [0, 3]; }), 'account-index', false],
  ['a read-only payer', base('legacy', (m) => { m.header[1] = 1; }), 'header-counts', false],
  ['more read-only than keys', base('legacy', (m) => { m.header[2] = 3; }), 'header-counts', false],
  ['a signature too many', base('legacy', (m) => { m.signatures.push(new Uint8Array(64)); }), 'signature-count', false],
];

const tool = new Tool();
for (const [name, model, code, runs] of CASES) {
  const { bytes } = write(model, true);
  const said = JSON.parse(await tool.ask(bytes));
  expect((said.error?.code ?? null) === code, name, 'the tool says', said.error?.code ?? 'yes');
  const answer = svm.inner.simulateVersionedTransaction(bytes);
  const error = typeof answer.err === 'function' ? answer.err() : null;
  expect((error === null) === runs, name, 'the runtime says', String(error));
}
tool.close();
summary();
