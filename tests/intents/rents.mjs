// SPDX-License-Identifier: Apache-2.0
// Rent that intents count for accounts that programs make on the wallet's account, against the network's own programs in
// a runtime: it is what they take for an account of the library's own kind, and never less than they take for any (B4). And what unwrapLamports
// does, which intents allow of any account: it takes from one that who signs owns, and nothing but what is wrapped.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, load, root, summary } from '../solana/setup.mjs';

const { Keypair, SystemProgram, Transaction, TransactionInstruction } = load('@solana/web3.js');
const spl = load('@solana/spl-token');
const kit = load('@solana/kit');
const { LiteSVM } = load('litesvm');

const texts = ['intents', 'intents/common'].flatMap((folder) => readdirSync(join(root, folder)).filter((f) => f.endsWith('.toml'))
  .map((f) => readFileSync(join(root, folder, f), 'utf8').split('# --- tests')[0])).join('\n');
const counted = [...new Set([...texts.matchAll(/lamports = "(\d+)", as = "rent"/g)].map(([, n]) => Number(n)))].sort((a, b) => a - b);
const svm = new LiteSVM();
const rent = (bytes) => Number(svm.minimumBalanceForRentExemption(BigInt(bytes)));

// --- the rule: what the comments of the intents say each number is made of
const SUMS = {
  2039280: rent(165), // a token account
  2282880: rent(200), // of Token-2022, with every extension that a mint can demand: see below
  1600800: rent(0) + (rent(151) - rent(49)), // an old sell on pump.fun: the creator's vault, a curve made longer
  3445200: rent(0) + (rent(151) - rent(49)) + rent(137), // and the wallet's volume accumulator
  5185200: 2 * rent(200) + (rent(300) - rent(211)), // an old sell on PumpSwap: two token accounts of any quote, a pool made longer
  9312480: 3 * rent(200) + (rent(300) - rent(211)) + rent(137), // and the accumulator with its own
  1440720: rent(256) - rent(49), // a curve made longer
  1315440: rent(400) - rent(211), // a pool made longer
  3285120: rent(256) - rent(49) + rent(137), // a trade that leaves its fees on the curve
  3159840: rent(400) - rent(211) + rent(137), // in the pool
  7607280: 4 * (rent(256) - rent(49)) + rent(137), // through four of them
  9563040: rent(0) + (rent(151) - rent(49)) + rent(137) + 3 * rent(165), // a trade of the second version: three token accounts of its quote
  10293840: rent(0) + (rent(151) - rent(49)) + rent(137) + 3 * rent(200), // the same where the quote is a Token-2022 token
  21052480: rent(82) + rent(150) + rent(165) + rent(679) + 10_000_000, // a token made: mint, curve, its account, metadata, Metaplex's fee
};
expect(counted.length >= 7, 'the intents count rents', counted);
for (const lamports of counted) expect(SUMS[lamports] === lamports, `a rent of ${lamports} is made of what its comment says`, SUMS[lamports]);

// --- the associated token program makes accounts for mints of every kind
const payer = Keypair.generate();
const addressOf = (key) => kit.address(key.toBase58());
svm.airdrop(addressOf(payer.publicKey), 10_000_000_000n);

function send(instructions, signers) {
  const tx = new Transaction().add(...instructions);
  tx.feePayer = payer.publicKey;
  tx.recentBlockhash = svm.latestBlockhash();
  tx.sign(payer, ...signers);
  return svm.sendTransaction(kit.getTransactionDecoder().decode(tx.serialize()));
}

const failed = (result) => (typeof result.err === 'function' ? String(result) : undefined);
const X = spl.ExtensionType;
const nobody = Keypair.generate().publicKey;
const KINDS = {
  plain: [[], () => []],
  'a transfer fee': [[X.TransferFeeConfig], (mint) => [spl.createInitializeTransferFeeConfigInstruction(mint, nobody, nobody, 50, 5000n, spl.TOKEN_2022_PROGRAM_ID)]],
  'a hook': [[X.TransferHook], (mint) => [spl.createInitializeTransferHookInstruction(mint, nobody, nobody, spl.TOKEN_2022_PROGRAM_ID)]],
  'no transfers': [[X.NonTransferable], (mint) => [spl.createInitializeNonTransferableMintInstruction(mint, spl.TOKEN_2022_PROGRAM_ID)]],
  'pauses': [[X.PausableConfig], (mint) => [spl.createInitializePausableConfigInstruction(mint, nobody, spl.TOKEN_2022_PROGRAM_ID)]],
  'a permanent delegate': [[X.PermanentDelegate], (mint) => [spl.createInitializePermanentDelegateInstruction(mint, nobody, spl.TOKEN_2022_PROGRAM_ID)]],
};
KINDS.all = [Object.values(KINDS).flatMap(([extensions]) => extensions), (mint) => Object.entries(KINDS).filter(([name]) => name !== 'all').flatMap(([, [, make]]) => make(mint))];

let most = 0;
for (const [name, [extensions, make]] of Object.entries(KINDS)) {
  for (const program of name === 'plain' ? [spl.TOKEN_PROGRAM_ID, spl.TOKEN_2022_PROGRAM_ID] : [spl.TOKEN_2022_PROGRAM_ID]) {
    const mint = Keypair.generate();
    const space = extensions.length === 0 ? 82 : spl.getMintLen(extensions);
    const made = send([SystemProgram.createAccount({ fromPubkey: payer.publicKey, newAccountPubkey: mint.publicKey, space, lamports: rent(space), programId: program }),
      ...make(mint.publicKey), spl.createInitializeMint2Instruction(mint.publicKey, 6, nobody, null, program)], [mint]);
    if (!expect(failed(made) === undefined, `a mint with ${name}`, failed(made))) continue;
    const account = spl.getAssociatedTokenAddressSync(mint.publicKey, payer.publicKey, true, program);
    const before = svm.getBalance(addressOf(payer.publicKey));
    const created = send([spl.createAssociatedTokenAccountIdempotentInstruction(payer.publicKey, account, payer.publicKey, mint.publicKey, program)], []);
    if (!expect(failed(created) === undefined, `its account, ${name}`, failed(created))) continue;
    const took = Number(before - svm.getBalance(addressOf(payer.publicKey))) - 5000;
    most = Math.max(most, took);
    expect(program === spl.TOKEN_PROGRAM_ID ? took === 2039280 : took <= 2282880, `${name}: the program took ${took}`);
  }
}
expect(most > 2039280, 'Token-2022 takes more than the old program', most);
// A pool is anybody's to make, of any two mints: where the program makes accounts of the quote it is for a Token-2022 mint, too.
const pools = readFileSync(join(root, 'intents/pump-swap.toml'), 'utf8').split('# --- tests')[0].split('[[instruction]]').filter((rule) => rule.includes('"protocol_fee_recipient_account"'));
for (const rule of pools) {
  // The fee recipient's, the creator's; and the accumulator with its own.
  const [accounts, more] = rule.includes('anchor = "sell"') && !rule.includes('"fee_config"') ? [2, 0] : [3, rent(137)];
  expect(Number(rule.match(/lamports = "(\d+)", as = "rent"/)[1]) >= accounts * most + more + rent(300) - rent(211), `${rule.match(/name = "(\w+)"/)[1]}: ${accounts} token accounts of a Token-2022 quote`);
}
expect(pools.length === 6, 'rules of PumpSwap that make token accounts', pools.length);
// --- wrapped SOL that comes back without closing its account
svm.withNativeMints();
const wrapped = spl.getAssociatedTokenAddressSync(spl.NATIVE_MINT, payer.publicKey);
const unwrap = (owner, ...amount) => new TransactionInstruction({ programId: spl.TOKEN_PROGRAM_ID, data: Buffer.from([45, ...amount]),
  keys: [[wrapped, false], [payer.publicKey, false], [owner, true]].map(([pubkey, isSigner]) => ({ pubkey, isSigner, isWritable: pubkey !== owner })) });
const filled = send([spl.createAssociatedTokenAccountIdempotentInstruction(payer.publicKey, wrapped, payer.publicKey, spl.NATIVE_MINT),
  SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: wrapped, lamports: 1000 }), spl.createSyncNativeInstruction(wrapped)], []);
expect(failed(filled) === undefined, 'SOL is wrapped', failed(filled));
const lies = () => Number(svm.getBalance(addressOf(wrapped))) - 2039280;
const other = Keypair.generate();
expect(failed(send([unwrap(other.publicKey, 0)], [other])) !== undefined && lies() === 1000, 'another cannot take it', lies());
expect(failed(send([unwrap(payer.publicKey, 1, 233, 3, 0, 0, 0, 0, 0, 0)], [])) !== undefined && lies() === 1000, 'not more than lies there', lies());
const before = svm.getBalance(addressOf(payer.publicKey));
expect(failed(send([unwrap(payer.publicKey, 1, 44, 1, 0, 0, 0, 0, 0, 0)], [])) === undefined && lies() === 700, 'a part', lies());
expect(svm.getBalance(addressOf(payer.publicKey)) - before === 300n - 5000n, 'which its owner gets', svm.getBalance(addressOf(payer.publicKey)) - before);
expect(failed(send([unwrap(payer.publicKey, 0)], [])) === undefined && lies() === 0, 'all of it but the rent', lies());

console.log(`${counted.length} rents, the most that was taken for one account: ${most} lamports of 2282880 counted`);
summary();
