// SPDX-License-Identifier: Apache-2.0
// litesvm as a chain that speaks as much JSON-RPC as a bot needs: what the examples of the SDKs send
// their transactions to. On the loopback address only.
import { createServer } from 'node:http';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';
import { getTransactionDecoder } from '@solana/kit';
import { base58 } from '../system/stage.mjs';

export class Chain {
  constructor() {
    this.svm = new LiteSVM();
    this.executed = [];
  }

  fund(address, lamports = 100_000_000_000n) {
    this.svm.airdrop(address, lamports);
  }

  // Executes a wire transaction as it is; returns its signature, throws with what the runtime says.
  execute(wire) {
    const { messageBytes, signatures } = getTransactionDecoder().decode(wire);
    const versioned = (messageBytes[0] & 0x80) !== 0;
    const result = versioned ? this.svm.inner.sendVersionedTransaction(wire) : this.svm.inner.sendLegacyTransaction(wire);
    const error = result instanceof FailedTransactionMetadata || typeof result.err === 'function' ? result.err() : null;
    if (error) throw new Error(`the chain says ${error}`);
    const signature = base58(Object.values(signatures)[0]);
    this.executed.push(signature);
    return signature;
  }

  #answer(method, params) {
    const context = { slot: 1, apiVersion: '4.2.2' };
    switch (method) {
      case 'getLatestBlockhash':
        return { context, value: { blockhash: this.svm.latestBlockhash(), lastValidBlockHeight: 1000 } };
      case 'getBalance':
        return { context, value: Number(this.svm.getBalance(params[0]) ?? 0n) };
      case 'sendTransaction':
        return this.execute(new Uint8Array(Buffer.from(params[0], params[1]?.encoding === 'base64' ? 'base64' : 'binary')));
      default:
        throw new Error(`this chain has no ${method}`);
    }
  }

  async listen() {
    this.server = createServer(async (request, response) => {
      let text = '';
      for await (const part of request.setEncoding('utf8')) text += part;
      const { id, method, params } = JSON.parse(text);
      let body;
      try {
        body = { jsonrpc: '2.0', id, result: this.#answer(method, params ?? []) };
      } catch (error) {
        body = { jsonrpc: '2.0', id, error: { code: -32002, message: error.message } };
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  close() {
    this.server?.closeAllConnections();
    this.server?.close();
  }
}
