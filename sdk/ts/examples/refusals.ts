// SPDX-License-Identifier: Apache-2.0
// What a refusal says, and how to ask first.
// Environment: what `claviger serve --dev` prints, and RECIPIENT.
import { ClavigerError, createClavigerSigner } from '@claviger/sdk';
import {
  address, appendTransactionMessageInstructions, blockhash, compileTransaction, createTransactionMessage,
  pipe, setTransactionMessageFeePayer, setTransactionMessageLifetimeUsingBlockhash,
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
const lifetime = { blockhash: blockhash('4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi'), lastValidBlockHeight: 9n };
const transfer = (lamports: bigint) => compileTransaction(pipe(
  createTransactionMessage({ version: 0 }),
  (m) => setTransactionMessageFeePayer(signer.address, m),
  (m) => setTransactionMessageLifetimeUsingBlockhash(lifetime, m),
  (m) => appendTransactionMessageInstructions(
    [getTransferSolInstruction({ source: signer, destination: address(env('RECIPIENT')), amount: lamports })], m),
));

const asked = await signer.explain(transfer(1_000_000n)); // signs and counts nothing
console.log(`${asked.verdict}: ${asked.facts.lamportsOut} lamports could leave`);

try {
  await signer.signTransactions([transfer(2_000_000_000n)]); // more than the grant allows at once
} catch (error) {
  if (!(error instanceof ClavigerError)) throw error;
  console.log(`${error.reason}: ${error.reasons[0]?.text}`); // the policy's own words
  console.log(`receipt ${error.decision}, retryable: ${error.retryable}`);
}

const each = await signer.signEach([transfer(1_000_000n), transfer(2_000_000_000n)]);
console.log(each.map((result) => (result instanceof ClavigerError ? result.reason : 'signed')).join(', '));
