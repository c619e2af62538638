// SPDX-License-Identifier: Apache-2.0
// The same with web3.js, and as Anchor's wallet.
// Environment: what `claviger serve --dev` prints, RPC_URL, and RECIPIENT.
import { createClavigerSigner } from '@claviger/sdk';
import { toWallet } from '@claviger/sdk/web3';
import { AnchorProvider } from '@coral-xyz/anchor';
import { Connection, PublicKey, SystemProgram, Transaction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import { readFileSync } from 'node:fs';

const env = (name: string): string => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();

const wallet = toWallet(createClavigerSigner({
  url: env('CLAVIGER_SERVER'),
  token: env('CLAVIGER_TOKEN'),
  address: env('CLAVIGER_ADDRESS'),
  ca: readFileSync(env('CLAVIGER_CA'), 'utf8'),
  trust: { deploymentKey: env('CLAVIGER_DEPLOYMENT_KEY') },
}));
const provider = new AnchorProvider(new Connection(env('RPC_URL')), wallet);
const { connection, publicKey } = provider;
const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
const transfer = (lamports: number) =>
  SystemProgram.transfer({ fromPubkey: publicKey, toPubkey: new PublicKey(env('RECIPIENT')), lamports });

const legacy = new Transaction({ feePayer: publicKey, blockhash, lastValidBlockHeight }).add(transfer(2_000_000));
const versioned = new VersionedTransaction(new TransactionMessage({
  payerKey: publicKey, recentBlockhash: blockhash, instructions: [transfer(3_000_000)],
}).compileToV0Message());
for (const signed of await provider.wallet.signAllTransactions<Transaction | VersionedTransaction>([legacy, versioned]))
  console.log(await connection.sendRawTransaction(signed.serialize()));
