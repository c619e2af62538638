// SPDX-License-Identifier: Apache-2.0
// A bot with @solana/kit: one transfer, signed by Claviger, sent by the bot.
// Environment: what `claviger serve --dev` prints, RPC_URL, and RECIPIENT.
import { createClavigerSigner } from '@claviger/sdk';
import {
  address, appendTransactionMessageInstructions, createSolanaRpc, createTransactionMessage, getBase64EncodedWireTransaction,
  pipe, setTransactionMessageFeePayerSigner, setTransactionMessageLifetimeUsingBlockhash, signTransactionMessageWithSigners,
} from '@solana/kit';
import { getTransferSolInstruction } from '@solana-program/system';
import { readFileSync } from 'node:fs';

const env = (name: string): string => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();

const signer = createClavigerSigner({
  url: env('CLAVIGER_SERVER'),
  token: env('CLAVIGER_TOKEN'),
  address: env('CLAVIGER_ADDRESS'),
  ca: readFileSync(env('CLAVIGER_CA'), 'utf8'),
  trust: { deploymentKey: env('CLAVIGER_DEPLOYMENT_KEY') },
});
const rpc = createSolanaRpc(env('RPC_URL'));
const { value: blockhash } = await rpc.getLatestBlockhash().send();
const message = pipe(
  createTransactionMessage({ version: 0 }),
  (m) => setTransactionMessageFeePayerSigner(signer, m),
  (m) => setTransactionMessageLifetimeUsingBlockhash(blockhash, m),
  (m) => appendTransactionMessageInstructions(
    [getTransferSolInstruction({ source: signer, destination: address(env('RECIPIENT')), amount: 1_000_000n })], m),
);
const signed = await signTransactionMessageWithSigners(message, { abortSignal: AbortSignal.timeout(15_000) });
console.log(await rpc.sendTransaction(getBase64EncodedWireTransaction(signed), { encoding: 'base64' }).send());
