// SPDX-License-Identifier: Apache-2.0
// The same wallet for web3.js and Anchor: Anchor's Wallet, and wallet-adapter's signMessage beside it.
import type { SignatureBytes } from '@solana/kit';
import { PublicKey, Transaction, VersionedTransaction } from '@solana/web3.js';
import { ownError, SignerErrorCode } from './errors.js';
import type { ClavigerSigner, SigningOptions } from './signer.js';

export interface ClavigerWallet {
  readonly publicKey: PublicKey;
  signTransaction<T extends Transaction | VersionedTransaction>(transaction: T, options?: SigningOptions): Promise<T>;
  /** All, or none is changed. */
  signAllTransactions<T extends Transaction | VersionedTransaction>(transactions: T[], options?: SigningOptions): Promise<T[]>;
  /** An off-chain message; bytes of other kinds are refused by the signer. */
  signMessage(message: Uint8Array, options?: SigningOptions): Promise<Uint8Array>;
}

function messageOf(transaction: Transaction | VersionedTransaction): Uint8Array {
  try {
    return 'version' in transaction ? transaction.message.serialize() : new Uint8Array(transaction.serializeMessage());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw ownError(SignerErrorCode.SERIALIZATION_ERROR, 'transaction_incomplete', `web3.js does not write this transaction: ${why}`, error);
  }
}

/** A signer as the wallet that web3.js, Anchor and wallet-adapter expect. */
export function toWallet(signer: ClavigerSigner): ClavigerWallet {
  const publicKey = new PublicKey(signer.address);
  const signatureOf = (signatures: Readonly<Record<string, SignatureBytes>>): Uint8Array => {
    const found = signatures[signer.address];
    if (found === undefined) throw ownError(SignerErrorCode.SIGNING_FAILED, 'signature_wrong', 'no signature of this wallet');
    return found;
  };
  const signAllTransactions = async <T extends Transaction | VersionedTransaction>(transactions: T[], options?: SigningOptions): Promise<T[]> => {
    const messages = transactions.map((each) => ({ messageBytes: messageOf(each) }));
    const all = await signer.signTransactions(messages, options);
    transactions.forEach((transaction, i) => {
      const signature = signatureOf(all[i]!);
      if ('version' in transaction) transaction.addSignature(publicKey, signature);
      else transaction.addSignature(publicKey, Buffer.from(signature));
    });
    return transactions;
  };
  return {
    publicKey,
    signAllTransactions,
    async signTransaction(transaction, options) {
      await signAllTransactions([transaction], options);
      return transaction;
    },
    async signMessage(message, options) {
      const [signatures] = await signer.signMessages([{ content: message, signatures: {} }] as unknown as Parameters<ClavigerSigner['signMessages']>[0], options);
      return signatureOf(signatures!);
    },
  };
}
