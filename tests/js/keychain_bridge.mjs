// The unmodified clients: @solana/keychain-vault and @solana/kit against the bridge's Vault dialect.
// usage: node keychain.mjs URL ADDRESS   (NODE_EXTRA_CA_CERTS names the certificate)
// SPDX-License-Identifier: Apache-2.0
import { VaultSigner } from '@solana/keychain-vault';
import {
    address, appendTransactionMessageInstructions, blockhash, createTransactionMessage, createSignableMessage,
    getAddressEncoder, getBase64EncodedWireTransaction, pipe, setTransactionMessageFeePayerSigner,
    setTransactionMessageLifetimeUsingBlockhash, signTransactionMessageWithSigners,
} from '@solana/kit';
import { createPublicKey, verify } from 'node:crypto';

const [url, wallet] = process.argv.slice(2);
let passed = 0, failed = 0;
async function test(name, run) {
    try {
        await run();
        passed++;
    } catch (error) {
        failed++;
        console.error(`FAIL ${name}: ${error?.stack ?? error}`);
    }
}
function expect(condition, what) {
    if (!condition) throw new Error(what);
}
const key = createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), getAddressEncoder().encode(address(wallet))]),
    format: 'der', type: 'spki',
});
const open = (keyName, vaultToken = 'token-of-a-bot') =>
    new VaultSigner({ vaultAddr: url, vaultToken, keyName, publicKey: wallet });
const transaction = (signer, version) => signTransactionMessageWithSigners(pipe(
    createTransactionMessage({ version }),
    m => setTransactionMessageFeePayerSigner(signer, m),
    m => setTransactionMessageLifetimeUsingBlockhash(
        { blockhash: blockhash('4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi'), lastValidBlockHeight: 9n }, m),
    m => appendTransactionMessageInstructions([{
        programAddress: address('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr'), data: new Uint8Array([104, 105]),
    }], m)));

await test('isAvailable asks for the key and is content', async () =>
    expect(await open('bot').isAvailable() === true, 'not available'));
for (const version of ['legacy', 0]) {
    await test(`a ${version} transaction is signed and the signature verifies`, async () => {
        const signed = await transaction(open('bot'), version);
        expect(verify(null, signed.messageBytes, key, signed.signatures[wallet]), 'bad signature');
        expect(getBase64EncodedWireTransaction(signed).length > 0, 'no wire form');
    });
}
await test('a message is signed', async () => {
    const message = createSignableMessage('hello');
    const [signatures] = await open('bot').signMessages([message]);
    expect(verify(null, message.content, key, signatures[wallet]), 'bad signature');
});
await test('several transactions in parallel on kept connections', async () => {
    const signer = open('bot');
    const all = await Promise.all(Array.from({ length: 50 }, () => transaction(signer, 0)));
    expect(all.every(t => verify(null, t.messageBytes, key, t.signatures[wallet])), 'bad signature');
});
await test('a refusal reaches the bot in words', async () => {
    const text = await transaction(open('deny'), 0).then(() => 'signed', error =>
        JSON.stringify([error.message, error.context, error.cause?.message]));
    expect(text.includes('policy_denied') && text.includes('is not allowed') && text.includes('(decision d0d0'), text);
});
await test('a bad token is refused in words', async () => {
    const text = await transaction(open('bot', 'bad-token'), 0).then(() => 'signed', error =>
        JSON.stringify([error.message, error.context]));
    expect(text.includes('token_refused'), text);
});
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
