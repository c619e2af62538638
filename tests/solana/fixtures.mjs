// SPDX-License-Identifier: Apache-2.0
// Every vector, as wire transaction and as message: the tool's line is byte for byte what kit says,
// and web3.js for legacy and v0; what the vectors themselves expect holds too.
import { peer, runtimeRefuses } from './peers.mjs';
import { bytesOf, expect, root, rows, summary, Tool, vectors } from './setup.mjs';
import { parse } from './wire.mjs';

const tool = new Tool();
const told = new Tool('--tables', `${root}/tests/vectors/lookup-tables.json`);
const tables = JSON.parse(vectors('lookup-tables.json'));

async function compare(name, kind, bytes) {
  const line = await tool.ask(bytes);
  const said = JSON.parse(line);
  expect(line === peer('kit', kind, bytes), name, kind, 'differs from kit:', line.slice(0, 200));
  if (said.format !== 'v1')
    expect(line === peer('web3.js', kind, bytes), name, kind, 'differs from web3.js');
  if (kind === 'transaction')
    expect(runtimeRefuses(bytes) == null, name, 'the runtime refuses it');
  return said;
}

function checkTables(name, plain, resolved) {
  for (const [i, account] of plain.accounts.entries()) {
    const address = account.source === 'lookup' ? tables[account.table]?.[account.index] : account.address;
    expect(resolved.accounts[i].address === address, name, 'account', i, 'with --tables');
    if (account.source === 'lookup')
      expect(!('address' in account), name, 'an address that is not in the bytes');
  }
}

function checkGenerated(row, said) {
  const wanted = row.decoded;
  expect(JSON.stringify(Object.values(said.header)) === JSON.stringify(wanted.header), row.name, 'header');
  expect(said.lifetime === wanted.recent_blockhash, row.name, 'lifetime');
  const keys = said.accounts.filter((a) => a.source === 'static').map((a) => a.address);
  expect(JSON.stringify(keys) === JSON.stringify(wanted.static_keys), row.name, 'static keys');
  for (const [i, instruction] of wanted.instructions.entries()) {
    const mine = said.instructions[i];
    expect(keys[mine.program] === instruction.program, row.name, 'program', i);
    expect(mine.data === instruction.data_hex, row.name, 'data', i);
    for (const [j, account] of instruction.accounts.entries()) {
      const it = said.accounts[mine.accounts[j]];
      expect(it.signer === account.signer && it.writable === account.writable, row.name, 'powers', i, j);
    }
  }
}

for (const row of [...rows('mainnet-tx.jsonl'), ...rows('generated-tx.jsonl')]) {
  const name = row.name ?? row.signature.slice(0, 16);
  const wire = bytesOf(row.wire_base64);
  const said = await compare(name, 'transaction', wire);
  await compare(name, 'message', parse(wire).messageBytes);
  checkTables(name, said, JSON.parse(await told.ask(wire)));
  expect(said.format === (row.version === 'legacy' ? 'legacy' : `v${row.version}`), name, 'format');
  if (row.decoded !== undefined) checkGenerated(row, said);
  if (row.signature !== undefined) expect(said.signatures[0] === row.signature, name, 'signature');
}

for (const text of ['hello', 'Grüße, 世界 🚀', '"quoted"\\\n\ttab', 'a'.repeat(1000)]) {
  const bytes = Buffer.concat([Buffer.from('\xffsolana offchain\x01\x02', 'latin1'), Buffer.alloc(32, 1),
    Buffer.alloc(32, 2), Buffer.from(text)]);
  const said = JSON.parse(await tool.ask(bytes));
  expect(JSON.stringify(said) === peer('kit', 'offchain', new Uint8Array(bytes)), 'off-chain', text.slice(0, 20));
}

tool.close();
told.close();
summary();
