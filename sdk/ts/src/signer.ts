// SPDX-License-Identifier: Apache-2.0
// createClavigerSigner: a wallet at a signer as solana-keychain's SolanaSigner, which is a partial signer
// of @solana/kit for transactions and messages.
import { assertSignatureValid, type SolanaSigner } from '@solana/keychain-core';
import { isAddress, type Address, type ReadonlyUint8Array, type SignableMessage, type SignatureBytes, type SignatureDictionary } from '@solana/kit';
import { BATCH_MAX, ClavigerClient, type Checked, type ClientConfig, type Signed, type SignRequest } from './client.js';
import { ClavigerError, ownError, SignerErrorCode } from './errors.js';

export interface ClavigerSignerConfig<TAddress extends string = string> extends ClientConfig {
  /** The wallet's name at the signer; its address does as well. Default: the address. */
  readonly wallet?: string;
  /** The wallet's address, as its user got it at the wallet's birth. Every signature is checked against it. */
  readonly address: TAddress;
  /** Use this grant only. */
  readonly grant?: string;
}

/** As kit's: `minContextSlot` means nothing to a signer that does not look at the chain. */
export interface SigningOptions {
  readonly abortSignal?: AbortSignal;
}

type Bytes = Readonly<{ messageBytes: ReadonlyUint8Array }>;

export interface ClavigerSigner<TAddress extends string = string> extends SolanaSigner<TAddress> {
  readonly client: ClavigerClient;
  signTransactions(transactions: readonly Bytes[], options?: SigningOptions): Promise<readonly SignatureDictionary[]>;
  signMessages(messages: readonly SignableMessage[], options?: SigningOptions): Promise<readonly SignatureDictionary[]>;
  /** What would the signer say? With the facts, and what every grant says to every constraint. */
  explain(transaction: Bytes, options?: SigningOptions): Promise<Checked>;
  /** Each on its own: a signature, or why not. signTransactions is all or none. */
  signEach(transactions: readonly Bytes[], options?: SigningOptions): Promise<readonly (SignatureDictionary | ClavigerError)[]>;
}

const isError = (result: Signed | ClavigerError): result is ClavigerError => result instanceof ClavigerError;

/** An error of ours as a result; another one, an aborted signal's for one, goes on. */
function asResult(error: unknown): ClavigerError {
  if (error instanceof ClavigerError) return error;
  throw error;
}

class Signer<TAddress extends string> implements ClavigerSigner<TAddress> {
  readonly address: Address<TAddress>;
  readonly client: ClavigerClient;
  readonly #wallet: string;
  readonly #grant: string | undefined;

  constructor(config: ClavigerSignerConfig<TAddress>) {
    if (!isAddress(config.address))
      throw ownError(SignerErrorCode.INVALID_PUBLIC_KEY, 'config', '"address" is not an address: base58 of 32 bytes');
    this.client = new ClavigerClient(config);
    this.address = config.address as Address<TAddress>;
    this.#wallet = config.wallet ?? config.address;
    this.#grant = config.grant;
  }

  async isAvailable(): Promise<boolean> {
    try {
      const wallet = await this.client.wallet(this.#wallet);
      return wallet.address === this.address && !wallet.frozen && wallet.grants.some((grant) => !grant.frozen);
    } catch {
      return false;
    }
  }

  async signTransactions(transactions: readonly Bytes[], options: SigningOptions = {}): Promise<readonly SignatureDictionary[]> {
    return this.#sign(transactions.map((each) => ({ transaction: copy(each.messageBytes) })), options);
  }

  async signMessages(messages: readonly SignableMessage[], options: SigningOptions = {}): Promise<readonly SignatureDictionary[]> {
    return this.#sign(messages.map((each) => ({ message: copy(each.content) })), options);
  }

  async explain(transaction: Bytes, options: SigningOptions = {}): Promise<Checked> {
    return this.client.check({ ...this.#request({ transaction: copy(transaction.messageBytes) }), explain: true }, options);
  }

  async signEach(transactions: readonly Bytes[], options: SigningOptions = {}): Promise<readonly (SignatureDictionary | ClavigerError)[]> {
    const results: (SignatureDictionary | ClavigerError)[] = [];
    for (let i = 0; i < transactions.length; i += BATCH_MAX) {
      const requests = transactions.slice(i, i + BATCH_MAX).map((each) => this.#request({ transaction: copy(each.messageBytes) }));
      // What is wrong with this part, or with one signature, is the result of these and takes nothing from the others.
      const answers = await this.client.batch(requests, options).catch((error: unknown) => requests.map(() => asResult(error)));
      results.push(...await Promise.all(answers.map((answer, j) => (isError(answer) ? answer : this.#accept(requests[j]!, answer).catch(asResult)))));
    }
    return results;
  }

  // All, or it rejects; in parts of 16, each of which the signer signs whole or not at all.
  async #sign(items: readonly Pick<SignRequest, 'transaction' | 'message'>[], options: SigningOptions): Promise<readonly SignatureDictionary[]> {
    options.abortSignal?.throwIfAborted();
    if (items.length === 0) return [];
    const requests = items.map((item) => this.#request(item));
    if (requests.length === 1) return [await this.#accept(requests[0]!, await this.client.sign(requests[0]!, options))];
    const all: SignatureDictionary[] = [];
    for (let i = 0; i < requests.length; i += BATCH_MAX) {
      const part = requests.slice(i, i + BATCH_MAX);
      const answers = await this.client.batch(part, { ...options, atomic: true });
      for (const [j, answer] of answers.entries()) {
        if (isError(answer)) throw answer; // the signer promised all or none
        all.push(await this.#accept(part[j]!, answer));
      }
    }
    return all;
  }

  #request(item: Pick<SignRequest, 'transaction' | 'message'>): SignRequest {
    return { wallet: this.#wallet, ...item, ...(this.#grant === undefined ? {} : { grant: this.#grant }) };
  }

  // Nothing that the network says is a signature until it verifies over our own bytes.
  async #accept(request: SignRequest, signed: Signed): Promise<SignatureDictionary> {
    const data = request.transaction ?? request.message ?? new Uint8Array();
    const signature = signed.signature as Uint8Array as SignatureBytes;
    try {
      await assertSignatureValid({ data, signature, signerAddress: this.address });
    } catch (error) {
      throw ownError(SignerErrorCode.SIGNING_FAILED, 'signature_wrong',
        `what the signer answered is no signature of ${this.address} over these bytes (decision ${signed.decision})`, error);
    }
    return Object.freeze({ [this.address]: signature }) as SignatureDictionary;
  }
}

const copy = (bytes: ReadonlyUint8Array): Uint8Array => Uint8Array.from(bytes as Uint8Array);

/** A wallet as a signer for @solana/kit; nothing is asked of the network until it is used. */
export function createClavigerSigner<TAddress extends string>(config: ClavigerSignerConfig<TAddress>): ClavigerSigner<TAddress> {
  return Object.freeze(new Signer(config));
}

