// SPDX-License-Identifier: Apache-2.0
// Fee facts against what the runtime really takes from the payer (A19): made-up mixes of ComputeBudget
// instructions (odd ones too), precompiles that claim many signatures, and v1's own limits are executed
// in litesvm. The facts are never below the charge; with a limit written down they are equal to it.
// usage: fees.mjs COUNT
import { base64Of, expect, load, summary, Tool } from './setup.mjs';
import { Random, write } from './wire.mjs';

const kit = load('@solana/kit');
const { LiteSVM } = load('litesvm');
const count = Number(process.argv[2] ?? 2000);
const FUNDS = 4_000_000_000_000_000_000n;

const keyOf = (address) => new Uint8Array(kit.getAddressEncoder().encode(address));
const SYSTEM = '11111111111111111111111111111111';
const BUDGET = keyOf('ComputeBudget111111111111111111111111111111');
const PROGRAMS = {
  budget: BUDGET,
  ed25519: keyOf('Ed25519SigVerify111111111111111111111111111'),
  secp256k1: keyOf('KeccakSecp256k11111111111111111111111111111'),
  secp256r1: keyOf('Secp256r1SigVerify1111111111111111111111111'),
  system: keyOf(SYSTEM),
  memo: keyOf('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr'),
};
const NAMES = Object.keys(PROGRAMS);

const le = (value, len) => Uint8Array.from({ length: len }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n));
const U32 = [0, 1, 1000, 199_999, 200_000, 1_399_999, 1_400_000, 1_400_001, 0xffffffff];
const U64 = [0n, 1n, 999_999n, 1_000_000n, 1_000_001n, 123_456_789n, 10n ** 12n, (1n << 63n) - 1n, (1n << 64n) - 1n];

function budgetData(r) {
  const tag = r.pick([0, 1, 2, 2, 2, 3, 3, 3, 4, 5]);
  const value = tag === 3 ? le(r.pick(U64), 8) : tag === 1 ? le(r.pick([0, 32, 64, 256, 257]) * 1024, 4) : le(r.pick(U32), 4);
  const data = [tag, ...value];
  if (r.below(12) === 0) data.push(r.below(256));
  if (r.below(12) === 0) data.pop();
  return Uint8Array.from(data);
}

function instruction(r, accounts) {
  const name = r.pick(['budget', 'budget', 'budget', 'ed25519', 'secp256k1', 'secp256r1', 'system', 'memo']);
  const program = 1 + NAMES.indexOf(name);
  if (name === 'budget')
    return { program, accounts: r.below(8) === 0 ? [r.below(accounts)] : [], data: budgetData(r) };
  if (name === 'system') return { program, accounts: [0, 0], data: Uint8Array.from([2, ...Array(11).fill(0)]) };
  if (name === 'memo') return { program, accounts: [], data: r.bytes(r.below(4)).map((b) => b & 0x7f) };
  return { program, accounts: [], data: Uint8Array.from([r.pick([0, 0, 1, 2, 100, 255]), ...r.bytes(r.below(3))]).slice(r.below(6) === 0 ? 1 : 0) };
}

function make(number) {
  const r = new Random(number + 7_000_000);
  const signers = 1 + r.below(3);
  const keys = [r.bytes(32), ...NAMES.map((name) => PROGRAMS[name])];
  keys.splice(1, 0, ...Array.from({ length: signers - 1 }, () => r.bytes(32)));
  const model = {
    version: r.pick(['legacy', 0, 1]), header: [signers, signers - 1, NAMES.length], keys,
    signatures: Array.from({ length: signers }, () => new Uint8Array(64)), lifetime: r.bytes(32), lookups: [],
    instructions: Array.from({ length: r.below(5) }, () => instruction(r, keys.length)),
  };
  for (const each of model.instructions) each.program += signers - 1;
  model.mask = r.pick([0, 3, 4, 7, 12, 15, 31]);
  const values = [];
  if (model.mask & 3) values.push(...le(r.pick(U64), 8));
  if (model.mask & 4) values.push(...le(r.pick(U32), 4));
  if (model.mask & 8) values.push(...le(r.pick([0, 1000, 1 << 26]), 4));
  if (model.mask & 16) values.push(...le(32768, 4));
  model.values = Uint8Array.from(values);
  return { payer: keys[0], wire: write(model, true).bytes };
}

const svm = new LiteSVM().withSigverify(false).withBlockhashCheck(false).withTransactionHistory(0n);

// charge executes a transaction and says what its payer lost: fees only, for nothing else moves.
function charge(payer, wire) {
  const address = kit.getAddressDecoder().decode(payer);
  svm.setAccount({ address, data: new Uint8Array(0), executable: false, lamports: FUNDS, programAddress: SYSTEM, space: 0n });
  svm.inner.sendVersionedTransaction(wire);
  return FUNDS - svm.getBalance(address);
}

const tool = new Tool('--fees');
let refused = 0, charged = 0, exact = 0, oddCharged = 0;
for (let number = 0; number < count; number++) {
  const { payer, wire } = make(number);
  const said = JSON.parse(await tool.ask(wire));
  const took = charge(payer, wire);
  if (!expect(said.error === undefined, number, said.error?.code, base64Of(wire))) continue;
  if (said.fees.error !== undefined) {
    refused++;
    oddCharged += took > 0n;
    continue;
  }
  charged += took > 0n;
  const worst = BigInt(said.fees.worst_fee_lamports);
  expect(worst >= took, number, 'charged', took, 'facts', worst, base64Of(wire));
  const sure = said.format === 'v1' || said.instructions.some((i) => i.data.startsWith('02') && i.data.length === 10) ||
    said.fees.compute_unit_price_micro_lamports === '0';
  if (took > 0n && sure) {
    exact++;
    expect(worst === took, number, 'not exact: charged', took, 'facts', worst, base64Of(wire));
  }
}
tool.close();
expect(charged * 4 > count && exact * 8 > count && refused > 0, 'too few cases mean anything', charged, exact, refused);
console.log(`${count} transactions: ${charged} charged (${exact} foretold exactly), ${refused} refused as odd (${oddCharged} of these the runtime charges)`);
summary();
