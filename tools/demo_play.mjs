// SPDX-License-Identifier: Apache-2.0
// The play of `make demo`: a user, a bot that is unmodified @solana/kit and @solana/keychain-vault, an
// attacker who holds the bot's token, and litesvm as the chain. Each step says what held.
// usage: node tools/demo_play.mjs FOLDER URL   (demo.mjs starts it)
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import { VaultSigner } from '@solana/keychain-vault';
import * as budget from '@solana-program/compute-budget';
import * as system from '@solana-program/system';
import * as token from '@solana-program/token';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';
import { policy, remove, root, Signer, sleep, someone, toToml, unbase58, verifies } from '../tests/system/stage.mjs';

const [folder, url] = process.argv.slice(2);
const signer = new Signer(folder);
signer.attach(url);
process.on('disconnect', () => { // demo.mjs was killed outright
  remove(folder);
  process.exit(1);
});

// ---- how a step is told ----

const steps = [];
const colour = process.stdout.isTTY ? (code, text) => `\x1b[${code}m${text}\x1b[0m` : (_, text) => text;
const heading = (text) => console.log(`\n${colour(1, text)}`);
const wrapped = (text) => text.split('\n').map((line) => `      ${line}`).join('\n');

// step(title, run): run resolves to [mark, detail] or throws with why it did not hold.
async function step(title, act) {
  try {
    const [mark, detail] = await act();
    steps.push({ title, ok: true, mark });
    console.log(`  ${title}: ${colour(32, mark)}`);
    if (detail) console.log(wrapped(detail));
    return true;
  } catch (error) {
    steps.push({ title, ok: false, mark: error.message.split('\n')[0] });
    console.log(`  ${title}: ${colour(31, 'NOT OK')}\n${wrapped(error.message)}`);
    return false;
  }
}

function demand(truth, why) {
  if (!truth) throw new Error(why);
}

// ---- the actors ----

const SOL = 1_000_000_000n;
const friend = kit.address(someone('friend'));
const thief = kit.address(someone('thief'));
const mint = kit.address(someone('mint'));
const table = kit.address(someone('table'));
const NATIVE = 'So11111111111111111111111111111111111111112';
let wallet; // the address, once it may be shown
let bot; // the keychain's signer
let svm;
const decisions = []; // of refusals that named theirs
const tokenFile = join(signer.home, 'clients/bot.token');

const open = (client, name = 'main') =>
  new VaultSigner({ vaultAddr: url, vaultToken: signer.token(client), keyName: name, publicKey: wallet });
const ataOf = async (owner, of, program = token.TOKEN_PROGRAM_ADDRESS) =>
  (await token.findAssociatedTokenPda({ owner, mint: of, tokenProgram: program }))[0];

// ---- transactions ----

const lifetime = () => ({ blockhash: svm.latestBlockhash(), lastValidBlockHeight: 1000n });
let salt = 0;

// message(instructions, options) is what a bot writes; each has another priority fee, so none repeats.
function message(instructions, { version = 0, from = bot, price = BigInt(++salt), v1Fee = BigInt(salt), nonce } = {}) {
  const limits = version === 1
    ? (m) => kit.setTransactionMessageConfig({ computeUnitLimit: 200_000, loadedAccountsDataSizeLimit: 1 << 20, priorityFeeLamports: v1Fee }, m)
    : (m) => kit.appendTransactionMessageInstructions([
      budget.getSetComputeUnitLimitInstruction({ units: 200_000 }),
      budget.getSetComputeUnitPriceInstruction({ microLamports: price })], m);
  return kit.pipe(
    kit.createTransactionMessage({ version }),
    (m) => kit.setTransactionMessageFeePayerSigner(from, m),
    (m) => (nonce ? kit.setTransactionMessageLifetimeUsingDurableNonce(nonce, m)
      : kit.setTransactionMessageLifetimeUsingBlockhash(lifetime(), m)),
    limits,
    (m) => kit.appendTransactionMessageInstructions(instructions, m),
  );
}

const sol = (to, amount, source = bot) => system.getTransferSolInstruction({ source, destination: to, amount });
const bytesOf = (m) => new Uint8Array(kit.compileTransaction(m).messageBytes);

async function execute(m) {
  const signed = await kit.signTransactionMessageWithSigners(m);
  demand(verifies(wallet, signed.messageBytes, signed.signatures[wallet]), 'the signature does not verify');
  const result = svm.sendTransaction(signed);
  demand(!(result instanceof FailedTransactionMetadata), `the chain says ${result.toString?.()}`);
  return result;
}

// Signs bytes as they are, as the keychain sends them.
async function signBytes(messageBytes, from = bot) {
  const [signatures] = await from.signTransactions([{ messageBytes, signatures: {} }]);
  const signature = signatures[wallet];
  demand(verifies(wallet, messageBytes, signature), 'the signature does not verify');
  return signature;
}

// refused(act, words): the act must fail with all the words; resolves to the reason as the bot sees it.
async function refused(act, ...words) {
  let answer;
  try {
    answer = await act();
  } catch (error) {
    const text = error.context?.message ?? error.message;
    const [, decision] = text.match(/\(decision ([0-9a-f]{64})\)/) ?? [];
    if (decision) decisions.push(decision);
    const why = text.replace(/^.*Vault API error: /s, '');
    demand(!/^\d+$/.test(why) && !/network request failed|Multiple distinct/.test(why), `no refusal, but: ${why}`);
    for (const word of words) demand(why.includes(word), `refused for another reason than "${word}": ${why}`);
    return ['refused', why];
  }
  throw new Error(`it was signed: ${JSON.stringify(answer)}`);
}

async function nativeSign(client, body) {
  const { status, body: answer } = await signer.api('POST', '/api/v1/sign', { token: signer.token(client), body });
  if (status === 200) return answer;
  throw new Error(`${answer.code}: ${answer.detail}`);
}

// ---- 1 and 2: the user ----

async function wallets() {
  heading('1. The wallet');
  await step('the user makes a key, in a file of his own', async () => {
    const { out } = await signer.must('key', 'new', signer.file('user.json'));
    return ['done', out.trim()];
  });
  await step('a bot is registered as client "bot"; it can do nothing yet', async () => {
    await signer.must('client', 'new', 'bot');
    await signer.must('client', 'new', 'guest');
    return ['done'];
  });
  await step('a wallet is created; its address is shown only now that the birth answer was checked', async () => {
    const { out } = await signer.must('wallet', 'create', 'main', '--key', signer.file('user.json'), '--yes');
    wallet = kit.address(out.trim().split('\n').pop());
    bot = open('bot');
    return ['signature verified', `address ${wallet}`];
  });
  await step('without a grant the bot gets no signature', async () => {
    svm = new LiteSVM();
    return refused(() => execute(message([sol(friend, 1n)])), 'grant');
  });
}

async function grant(client, module, params, ...terms) {
  const file = signer.file(`${module}-${client}.toml`, toToml(params));
  const { out, err } = await signer.must('grant', 'create', '--wallet', 'main', '--client', client, '--policy',
    policy(module), '--params', file, '--key', signer.file('user.json'), '--yes', ...terms);
  return { id: out.trim().split('\n').pop(), text: err.trim() };
}

const transferLimits = () => ({
  recipients: [friend],
  max_lamports: SOL,
  mints: [mint],
  max_amounts: [500_000],
  max_fee_lamports: 50_000,
});
// The two mainnet swaps below sell SOL.
const WIF = 'EKpQGSJtjMFqKZ9KQanSqYXRcF8fBopzLHYxdM65zcjm';
const swapLimits = () => ({
  input_mint: NATIVE,
  max_in: SOL / 50n,
  output_mints: [WIF, NATIVE],
  max_slippage_bps: 50,
  max_fee_lamports: 50_000,
  max_rent_lamports: 2_039_280,
});

async function grants() {
  heading('2. What the user allows, by signing a text that the signer wrote');
  for (const [module, params, terms] of [
    ['transfer', transferLimits(), ['--cap', `lamports:total:${3n * SOL}`]],
    ['swap', swapLimits(), ['--expires', '30d', '--cap', `lamports:24h:${SOL}`]],
  ]) {
    await step(`the policy "${module}" is granted to the bot`, async () => {
      const { id, text } = await grant('bot', module, params, ...terms);
      return ['signed by the user', `${text.split('\n').map((line) => `> ${line}`).join('\n')}\ngrant ${id}`];
    });
  }
}

// ---- 3: the bot ----

function makeChain() {
  const state = { mint, owner: wallet, amount: 2_000_000n, delegate: null, state: token.AccountState.Initialized,
    isNative: null, delegatedAmount: 0n, closeAuthority: null };
  const put = (address, data) => svm.setAccount({ address, data, executable: false, lamports: SOL,
    programAddress: token.TOKEN_PROGRAM_ADDRESS, space: BigInt(data.length) });
  svm.airdrop(wallet, kit.lamports(20n * SOL));
  put(mint, token.getMintEncoder().encode({ mintAuthority: null, supply: 2_000_000n, decimals: 6, isInitialized: true, freezeAuthority: null }));
  return { put, state };
}

async function work() {
  heading('3. The bot works: unmodified @solana/kit and @solana/keychain-vault, executed in litesvm');
  const { put, state } = makeChain();
  const [mine, theirs] = [await ataOf(wallet, mint), await ataOf(friend, mint)];
  put(mine, token.getTokenEncoder().encode(state));
  put(theirs, token.getTokenEncoder().encode({ ...state, owner: friend, amount: 0n }));
  await step('the keychain finds the key', async () => {
    demand(await bot.isAvailable(), 'isAvailable() says no');
    return ['done'];
  });
  for (const version of ['legacy', 0, 1]) {
    await step(`0.5 SOL to the friend, ${version === 'legacy' ? version : `v${version}`} transaction`, async () => {
      const before = svm.getBalance(friend) ?? 0n;
      await execute(message([sol(friend, SOL / 2n)], { version }));
      demand(svm.getBalance(friend) - before === SOL / 2n, 'the friend has not got it');
      return ['executed', `balance of the friend ${svm.getBalance(friend)} lamports`];
    });
  }
  await step('250000 units of an SPL token to the friend, transferChecked', async () => {
    await execute(message([token.getTransferCheckedInstruction({ source: mine, mint, destination: theirs,
      authority: bot, amount: 250_000n, decimals: 6 })]));
    const { amount } = token.getTokenDecoder().decode(svm.getAccount(theirs).data);
    demand(amount === 250_000n, `the friend has ${amount}`);
    return ['executed', `token balance of the friend ${amount}`];
  });
  await step('the same bytes again: the same signature, counted once', async () => {
    const bytes = bytesOf(message([sol(friend, 1n)]));
    const [a, b] = [await signBytes(bytes), await signBytes(bytes)];
    demand(Buffer.compare(a, b) === 0, 'two signatures');
    return ['signature verified'];
  });
}

// ---- 4: real swaps ----

const rows = readFileSync(join(root, 'tests/vectors/mainnet-tx.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l));
const PLAIN = { signature: '3BaTUxM2LBCD69w3RgDoZ8cvREGiwZDRnZNVopy7ctmh6PVG9u6cdB8F4vwCndPcGBtb7RDkZf46NwaeKcmHypG8', mints: [NATIVE, WIF] };
const HIDDEN = { signature: '2iqYrns29GKrzWUM9tHoa6gZ9hcoTiW3Qp9mmxVaoVQRBn62fy24Ekj5UnaP6FJLSNoG4x2K2po4uRFeQbmy3gdE', mints: [NATIVE, NATIVE] };
const JUPITER = 'JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4';
const MINT_AT = 5; // where Jupiter's route instruction has the destination mint
const compiled = kit.getCompiledTransactionMessageDecoder();

// take(swap): a mainnet transaction's message, the wallet in its payer's place: the payer's key and his
// associated token accounts are replaced, nothing else.
async function take({ signature, mints }) {
  const row = rows.find((r) => r.signature === signature);
  const m = compiled.decode(kit.getTransactionDecoder().decode(Buffer.from(row.wire_base64, 'base64')).messageBytes);
  const payer = m.staticAccounts[0];
  const replaced = new Map([[payer, wallet]]);
  for (const of of new Set(mints)) replaced.set(await ataOf(payer, of), await ataOf(wallet, of));
  const taken = m.staticAccounts.filter((key) => replaced.has(key)).length;
  demand(taken === replaced.size, 'the payer\'s accounts are not where they are expected');
  const route = m.instructions.findIndex((i) => m.staticAccounts[i.programAddressIndex] === JUPITER);
  return { signature, taken, route, hidden: m.instructions[route].accountIndices[MINT_AT] >= m.staticAccounts.length,
    message: { ...m, staticAccounts: m.staticAccounts.map((key) => replaced.get(key) ?? key) } };
}
const encode = (m) => new Uint8Array(kit.getCompiledTransactionMessageEncoder().encode(m));
let swap;

async function swaps() {
  heading('4. Real mainnet swaps, the wallet put in their payer\'s place');
  for (const [which, title] of [[PLAIN, 'a Jupiter swap of SOL for WIF'],
    [HIDDEN, 'a v0 one whose destination mint hides in a lookup table; its destination account is the wallet\'s own']]) {
    await step(title, async () => {
      const found = await take(which);
      swap ??= found;
      demand(found.hidden === (which === HIDDEN), 'the mint is not where it is expected');
      const signature = await signBytes(encode(found.message));
      return ['signature verified', `mainnet transaction ${found.signature}\n${found.taken} accounts replaced; signature ${kit.getBase58Decoder().decode(signature)}`];
    });
  }
}

// ---- 5: attacks ----

const jsonTransaction = (bytes) => ({ wallet, transaction: Buffer.from(bytes).toString('base64') });
const tables = { [table]: [friend, thief] };
const behindTable = (m) => kit.compressTransactionMessageUsingAddressLookupTables(m, tables);
const memo = { programAddress: kit.address('MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr'), data: new TextEncoder().encode('hello') };

// title, act, words that its reason must have
const attacks = () => [
  ['one more instruction: a program that no policy named', () => execute(message([sol(friend, 1n),
    { programAddress: thief, accounts: [{ address: wallet, role: kit.AccountRole.WRITABLE_SIGNER }], data: new Uint8Array([1]) }])), 'instruction'],
  ['one more instruction on the real swap: 1 SOL to one of the pool\'s accounts', () => {
    const m = swap.message;
    const grown = { ...m };
    const own = m.staticAccounts.indexOf(wallet);
    const program = m.staticAccounts.indexOf(system.SYSTEM_PROGRAM_ADDRESS);
    const data = new Uint8Array(12);
    new DataView(data.buffer).setUint32(0, 2, true);
    new DataView(data.buffer).setBigUint64(4, SOL, true);
    const mine = [own, ...m.instructions[swap.route].accountIndices.slice(1, 4)];
    const writable = m.staticAccounts.length - m.header.numReadonlyNonSignerAccounts;
    const to = m.staticAccounts.findIndex((_, i) => i < writable && !mine.includes(i));
    grown.instructions = [...m.instructions, { programAddressIndex: program, accountIndices: [own, to], data }];
    return signBytes(encode(grown));
  }, 'instruction'],
  ['another recipient', () => execute(message([sol(thief, 1n)])), 'recipient'],
  ['one lamport over the limit', () => execute(message([sol(friend, SOL + 1n)])), '1000000001'],
  ['the limit split in two instructions', () => execute(message([sol(friend, SOL), sol(friend, 1n)])), '1000000001'],
  ['the total that the user allowed is used up', () => execute(message([sol(friend, SOL)]))
    .then(() => execute(message([sol(friend, SOL)]))), 'limit'],
  ['a recipient hidden in a lookup table', () => execute(behindTable(message([sol(thief, 1n)]))), 'table'],
  ['a lying table hint: the client says that the entry is the friend', () => nativeSign('bot', {
    ...jsonTransaction(bytesOf(behindTable(message([sol(thief, 1n)])))),
    tables: [{ table, index: 1, address: friend }] }), 'table'],
  ['a durable nonce: could be held back and sent next year', () => execute(message([sol(friend, 1n)], {
    nonce: { nonce: svm.latestBlockhash(), nonceAccountAddress: kit.address(someone('nonce')), nonceAuthorityAddress: wallet } })), 'nonce'],
  ['Token "batch": a transfer inside another instruction', async () => {
    const inner = [token.getTransferCheckedInstruction({ source: await ataOf(wallet, mint), mint, destination: await ataOf(thief, mint),
      authority: bot, amount: 1n, decimals: 6 })];
    const data = new Uint8Array([255, inner[0].accounts.length, inner[0].data.length, ...inner[0].data]);
    return execute(message([{ programAddress: token.TOKEN_PROGRAM_ADDRESS, accounts: inner[0].accounts, data }]));
  }, 'instruction'],
  ['a delegate for all tokens (approve)', async () => execute(message([token.getApproveInstruction({ source: await ataOf(wallet, mint),
    delegate: thief, owner: bot, amount: 2_000_000n })])), 'instruction'],
  ['a second, forged tail on the swap: small amounts behind the real, large ones', () => {
    const m = swap.message;
    const instructions = m.instructions.map((i, at) => {
      if (at !== swap.route) return i;
      const tail = new Uint8Array(19);
      new DataView(tail.buffer).setBigUint64(0, 1n, true);
      return { ...i, data: new Uint8Array([...i.data, ...tail]) };
    });
    return signBytes(encode({ ...m, instructions }));
  }, 'instruction'],
  ['the swap\'s proceeds to the thief\'s account', () => {
    const m = swap.message;
    const to = m.instructions[swap.route].accountIndices[3];
    return signBytes(encode({ ...m, staticAccounts: m.staticAccounts.map((key, i) => (i === to ? thief : key)) }));
  }, 'instruction'],
  ['a raised priority fee, legacy', () => execute(message([sol(friend, 1n)], { version: 'legacy', price: 1_000_000_000n })), 'fee'],
  ['a raised priority fee, v1: in the header, where no instruction shows it', () => execute(message([sol(friend, 1n)], { version: 1, v1Fee: 10_000_000n })), 'fee'],
  ['a trailing byte', () => signBytes(new Uint8Array([...bytesOf(message([sol(friend, 1n)])), 0])), 'byte'],
  ['a transaction passed off as a message to be signed', () => bot.signMessages([{ content: bytesOf(message([sol(thief, 1n)])), signatures: {} }]), 'recipient'],
  ['a text, where only transfers and swaps were granted', () => bot.signMessages([{ content: Buffer.concat([
    Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([1, 1]), unbase58(wallet), Buffer.from('I owe the thief 1000 SOL')]), signatures: {} }])],
  ['a text that reads like a user\'s authorization', () => bot.signMessages([{ content: Buffer.concat([
    Buffer.from([0xff]), Buffer.from('solana offchain'), Buffer.from([1, 1]), unbase58(wallet), Buffer.from('Claviger grant v1\nall to the thief')]), signatures: {} }])],
  ['a stolen name: a token that nobody issued', () => signBytes(bytesOf(message([sol(friend, 1n)])), new VaultSigner({
    vaultAddr: url, vaultToken: '0'.repeat(64), keyName: 'main', publicKey: wallet })), 'token'],
];

async function resist() {
  heading('5. Attacks: the thief has the bot\'s token and the network');
  for (const [title, act, ...words] of attacks()) await step(title, () => refused(act, ...words));
  const guest = open('guest');
  const small = () => message([sol(friend, 1n, guest)], { from: guest });
  const kept = signer.file('kept.change');
  let shortLived;
  await step('a grant for the client "guest" that lasts 5 seconds, used once', async () => {
    shortLived = Date.now() + 5000;
    await grant('guest', 'transfer', transferLimits(), '--expires', '5s');
    await execute(small());
    return ['executed'];
  });
  await step('an expired grant', async () => {
    await sleep(Math.max(0, shortLived - Date.now()) + 2500);
    return refused(() => execute(small()), 'expired');
  });
  let revoked;
  await step('a grant without an end, used once, then revoked by the user', async () => {
    const { id } = await grant('guest', 'transfer', transferLimits(), '--keep', kept);
    revoked = id;
    await execute(small());
    await signer.must('grant', 'revoke', id, '--wallet', 'main', '--key', signer.file('user.json'), '--yes');
    return ['executed'];
  });
  await step('a revoked grant', () => refused(() => nativeSign('guest', { ...jsonTransaction(bytesOf(small())), grant: revoked }), 'revoked'));
  await step('a replayed grant: the thief sends the user\'s signed change again', async () => {
    const { code, err, out } = await signer.cli('change', 'submit', kept);
    demand(code === 1, `status ${code}: ${err}${out}`);
    await refused(() => execute(small()));
    return ['refused', (err + out).trim()];
  });
}

// ---- 6: receipts ----

// The receipts of a bot's own decisions, one a line.
async function showReceipts(of) {
  const lines = [];
  for (const id of of) {
    const { code, out } = await signer.cli('decision', 'show', '--id', id, '--token-file', tokenFile, '--json');
    if (code === 1) continue; // the guest's: none of the bot's business
    const { boot, number, result, message_hash: message, tried } = JSON.parse(out);
    lines.push(`receipt ${boot}.${number}: message ${message.slice(0, 16)}... ${result}; ${tried.length} grant(s) tried, fuel ${tried.map((t) => t.fuel).join(' + ')}`);
  }
  return lines.join('\n');
}

async function receipts() {
  heading('6. Receipts: every decision above, signed, in one chain');
  const file = signer.file('receipts');
  await step('the latest of them are shown', async () => ['done', await showReceipts(decisions.slice(-7))]);
  await step('receipts are exported', async () => {
    await sleep(500); // they are durable 100 ms after their decision at the latest
    await signer.must('receipt', 'export', '--wallet', 'main', '--token-file', tokenFile, '--out', file);
    return ['done', `${statSync(file).size} bytes`];
  });
  await step('their chain is verified offline', async () => {
    const { body } = await signer.api('GET', '/api/v1/channel');
    const { out } = await signer.must('receipt', 'verify', file, '--deployment-key', body.deployment_key);
    const all = JSON.parse((await signer.must('receipt', 'verify', file, '--json')).out).receipts;
    demand(all > decisions.length, `only ${all} receipts for more than ${decisions.length} decisions`);
    return ['signature verified', out.trim()];
  });
  await step('one changed bit in one receipt is noticed', async () => {
    const bytes = readFileSync(file);
    const field = Buffer.concat([Buffer.from([9, 0x58, 32]), Buffer.from(decisions[0], 'hex')]); // its decision
    const at = bytes.indexOf(field);
    demand(at > 0, 'the receipt of the first refusal is not there');
    bytes[at + 3] ^= 1;
    const { code, err } = await signer.cli('receipt', 'verify', signer.file('bent', bytes));
    demand(code === 1, `status ${code}`);
    return ['refused', err.trim()];
  });
  await step('decided again offline, by the same modules on the same input', async () => {
    const said = [];
    for (const module of ['transfer', 'swap']) {
      const { same, different } = await signer.json('receipt', 'replay', file, '--module', policy(module));
      demand(same > 0 && different === 0, `${module}: ${same} the same, ${different} different`);
      said.push(`${module}: ${same} verdicts, all the same, to the unit of fuel`);
    }
    return ['verified', said.join('\n')];
  });
}

const began = Date.now();
try {
  await wallets();
  if (wallet !== undefined) {
    await grants();
    await work();
    await swaps();
    await resist();
    await receipts();
  }
} catch (error) {
  steps.push({ title: 'the play itself', ok: false, mark: error.message });
  console.error(error);
}
heading('Summary');
for (const { title, ok, mark } of steps) console.log(`  ${ok ? 'ok    ' : 'NOT OK'}  ${title}: ${mark}`);
const bad = steps.filter((s) => !s.ok).length;
console.log(`\n${steps.length - bad} of ${steps.length} steps held, ${((Date.now() - began) / 1000).toFixed(1)} s.`);
process.exit(bad > 0 || steps.length < 20 ? 1 : 0);
