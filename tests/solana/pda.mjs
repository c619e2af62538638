// SPDX-License-Identifier: Apache-2.0
// Derived addresses against web3.js and kit: random owners, mints and seeds; the C side is the unit
// test's binary, which reads the cases from a file. usage: pda.mjs COUNT
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, load } from './setup.mjs';
import { Random } from './wire.mjs';

const { PublicKey } = load('@solana/web3.js');
const kit = load('@solana/kit');
const count = Number(process.argv[2] ?? 1000);
const hex = (bytes) => Buffer.from(bytes).toString('hex') || '-';
const TOKEN = ['TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA', 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb'].map((a) => new PublicKey(a));
const ATA = new PublicKey('ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL');

const r = new Random(42);
const lines = [];
for (let i = 0; i < count; i++) {
  const [owner, mint, key, program] = [r.bytes(32), r.bytes(32), r.bytes(32), new PublicKey(r.bytes(32))];
  const token = r.pick(TOKEN);
  const [ata] = PublicKey.findProgramAddressSync([owner, token.toBytes(), mint], ATA);
  lines.push(`ata ${hex(owner)} ${hex(mint)} ${hex(token.toBytes())} ${hex(ata.toBytes())}`);
  const seeds = Array.from({ length: r.below(6) }, () => r.bytes(r.below(33)));
  const [address, bump] = PublicKey.findProgramAddressSync(seeds, program);
  lines.push(`pda ${hex(program.toBytes())} ${hex(address.toBytes())} ${hex([bump])} ${seeds.map(hex).join(' ')}`);
  lines.push(`curve ${hex(key)} ${PublicKey.isOnCurve(key) ? 1 : 0}`);
  if (i < 100) {
    const [other] = await kit.getProgramDerivedAddress({ programAddress: program.toBase58(), seeds });
    if (other !== address.toBase58()) throw new Error('kit and web3.js differ');
  }
}

const folder = mkdtempSync(join(tmpdir(), 'claviger-pda-'));
try {
  writeFileSync(join(folder, 'cases'), lines.join('\n') + '\n');
  const done = spawnSync(join(build, 'tests/solana_pda_test'), [join(folder, 'cases')], { encoding: 'utf8' });
  process.stdout.write(done.stdout + done.stderr.split('\n').slice(0, 20).join('\n'));
  process.exitCode = done.status === 0 && done.stdout.startsWith(`${lines.length} passed`) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
