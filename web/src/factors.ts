// SPDX-License-Identifier: Apache-2.0
// Who may change a wallet, and its key: factors are added and taken away, the key is handed over.
import { toHex } from '../../sdk/ts/src/bytes.js';
import { type CborMap, concat, fields, type Cbor } from '../../sdk/ts/src/cbor.js';
import { authorize, cancelButton, closeDialog, CODES, conclude, desk, isPasskey, KEY, openDialog, saveLink, waiting } from './desk.js';
import { newKey, open as openSealed, rawPublic } from './hpke.js';
import { base58, short, unbase58, type Wallet } from './model.js';
import { passkeyId, register, same, type Registered } from './passkey.js';
import { qrImage } from './qr.js';
import { Action, type Code, type Prepared } from './signer.js';
import { button, h } from './ui.js';

type Again = () => Promise<void>;

// ---- keys that wait to be opened here ----

const DATABASE = 'claviger';
function stored<T>(act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const request = act(opening.result.transaction('keys', 'readwrite').objectStore('keys'));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    };
  });
}

interface Recipient {
  readonly pair: CryptoKeyPair; // its private half cannot be read, not even by this page
  readonly format: number;
}

const FORMATS = [['1', 'Solana keypair file (JSON)', 'json'], ['2', 'base58', 'txt'], ['3', 'PKCS#8', 'der']] as const;

/** Where a change gives a key, opens it and hands it to the user as a file. */
export async function receive(wallet: Wallet, change: Uint8Array, answer: CborMap): Promise<void> {
  const sealed = answer.get(5);
  if (!(sealed instanceof Uint8Array)) return;
  const recipient = await stored<Recipient | undefined>((store) => store.get(toHex(change)));
  if (recipient === undefined) throw new Error('This key was asked for with another browser: fetch it there.');
  const info = concat(new TextEncoder().encode('claviger/export/v1'), desk.signer.deployment, wallet.id);
  const plain = await openSealed(recipient.pair, info, sealed, change);
  const [, , ending] = FORMATS.find(([value]) => value === String(recipient.format))!;
  const link = saveLink(`${wallet.name}-key.${ending}`, plain);
  openDialog('Your key', h('p', {}, 'It was opened here, in this browser. Whoever has this file has the wallet: keep it offline. The signer keeps its copy, and says in every receipt that the key was handed over.'),
    h('div', { class: 'actions' }, link,
      button('Done', '', async () => {
        URL.revokeObjectURL(link.href);
        closeDialog();
      })));
}

async function exportKey(wallet: Wallet, format: number, again: Again): Promise<void> {
  const pair = await newKey();
  const to = await rawPublic(pair.publicKey);
  const prepared = await desk.signer.prepare(Action.Export, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: fields({ 1: to, 2: BigInt(format) }) }] }));
  const change = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(prepared.change)));
  const recipient: Recipient = { pair, format };
  await stored((store) => store.put(recipient, toHex(change)));
  const answer = await authorize(wallet, prepared, { title: 'Hand over the key?', raises: true });
  if (answer === undefined) return;
  const waits = waiting(answer);
  await conclude(again, waits ?? 'The key was handed over.');
  if (waits === undefined) await receive(wallet, change, answer);
}

// ---- factors ----

/** Has the signer change the wallet's factors, and says `done` when it did. */
async function changeFactors(wallet: Wallet, prepared: Prepared, title: string, done: string, again: Again, { codes = [], brings = [] }: { codes?: readonly Code[]; brings?: readonly Uint8Array[] } = {}): Promise<void> {
  const answer = await authorize(wallet, prepared, { title, raises: true, recovers: true, codes, brings });
  if (answer === undefined) return;
  await conclude(again, waiting(answer) ?? done);
}

const factorBody = (add: readonly Cbor[], remove: readonly Cbor[] = []): Cbor => fields({ 1: add, 2: remove });
const oneEntry = (wallet: Wallet, body: Cbor): { entries: { wallet: Uint8Array; previous: Uint8Array; body: Cbor }[] } =>
  ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body }] });

async function addPasskey(wallet: Wallet, again: Again): Promise<void> {
  const { signer } = desk;
  const prepared = await signer.prepare(Action.Factor, async (nonce) => {
    const made: Registered = await register(signer.rpId, wallet.name, await signer.registerChallenge(nonce), wallet.passkeys);
    return { ...oneEntry(wallet, factorBody([fields({ 1: BigInt(made.kind), 2: made.rawId, 3: made.publicKey })])), registered: [made] };
  });
  await changeFactors(wallet, prepared, 'Add this passkey?', 'The passkey is a factor of this wallet now.', again);
}

async function addKey(wallet: Wallet, again: Again): Promise<void> {
  const key = h('input', { id: 'new-key', spellcheck: 'false', autocomplete: 'off' });
  openDialog('Add a key', h('p', {}, 'A key of the command line or of a hardware wallet, which this page never sees: paste its public half. ', h('code', {}, 'claviger key new'), ' makes one.'),
    h('label', { for: 'new-key' }, 'Public key ', h('span', { class: 'soft' }, 'base58')), key,
    h('div', { class: 'actions' },
      button('Read it', 'main', async () => {
        const bytes = unbase58(key.value.trim());
        if (bytes === undefined) throw new Error('That is no public key: 32 bytes in base58 are expected.');
        const prepared = await desk.signer.prepare(Action.Factor, async () => oneEntry(wallet, factorBody([fields({ 1: BigInt(KEY), 2: bytes })])));
        await changeFactors(wallet, prepared, 'Add this key?', 'The key is a factor of this wallet now.', again, { brings: [bytes] });
      }),
      cancelButton()));
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

async function addCodes(wallet: Wallet, again: Again): Promise<void> {
  const enrolled = await desk.signer.enroll();
  const { id, sealed } = enrolled;
  const secret = base32(enrolled.secret);
  const uri = `otpauth://totp/Claviger:${wallet.name}?secret=${secret}&issuer=Claviger`;
  const code = h('input', { id: 'first-code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '6' });
  openDialog('Add one-time codes', h('p', {}, 'Scan this with your authenticator app, or type the secret into it; then type the code that it shows. It is shown once.'),
    qrImage(uri, 'QR code of the secret below'),
    h('pre', { id: 'secret' }, secret.match(/.{1,4}/g)!.join(' ')), h('p', {}, h('a', { href: uri }, 'Open in an authenticator app on this device')),
    h('label', { for: 'first-code' }, 'Code that the app shows'), code,
    h('div', { class: 'actions' },
      button('Continue', 'main', async () => {
        if (!/^[0-9]{6}$/.test(code.value)) throw new Error('The code has six digits.');
        const prepared = await desk.signer.prepare(Action.Factor, async () => oneEntry(wallet, factorBody([fields({ 1: BigInt(CODES), 2: id, 3: sealed })])));
        await changeFactors(wallet, prepared, 'Add this factor?', 'One-time codes are a factor of this wallet now.', again, { codes: [{ id, code: Number(code.value) }] });
      }),
      cancelButton()));
}

async function removeFactor(wallet: Wallet, factor: Wallet['factors'][number], again: Again): Promise<void> {
  const prepared = await desk.signer.prepare(Action.Factor, async () => oneEntry(wallet, factorBody([], [fields({ 1: BigInt(factor.kind), 2: factor.id })])));
  await changeFactors(wallet, prepared, 'Take this factor away?', 'It is no factor of this wallet any more.', again);
}

export async function factorsCard(wallet: Wallet, again: Again): Promise<HTMLElement> {
  const mine = desk.passkey === undefined ? undefined : await passkeyId(desk.passkey.rawId);
  const nameOf = (factor: Wallet['factors'][number]): string => (factor.kind === KEY ? 'Key' : factor.kind === CODES ? 'One-time codes' : mine !== undefined && same(mine, factor.id) ? 'This passkey' : 'Another passkey');
  const shown = (factor: Wallet['factors'][number]): string => (factor.kind === KEY ? base58(factor.id) : toHex(factor.id));
  const few = wallet.factors.length < 2;
  const format = h('select', { id: 'format' }, ...FORMATS.map(([value, name]) => h('option', { value }, name)));
  return h('section', { class: 'card' }, h('h2', {}, 'Factors and key'),
    h('p', {}, few ? 'This wallet has one factor. With a second one, what gives power needs both, and the key can be exported.' : 'What gives power needs two of these; any one can freeze, revoke and cancel.'),
    h('ul', { class: 'factors' }, ...wallet.factors.map((factor) => h('li', { class: 'row apart' },
      h('span', {}, `${nameOf(factor)} `, h('code', { class: 'soft', title: shown(factor) }, short(shown(factor))), isPasskey(factor.kind) && factor.copied === true && h('span', { class: 'small soft' }, ' may be copied between devices')),
      !few && button('Remove', 'plain', () => removeFactor(wallet, factor, again), { 'aria-label': `Remove ${nameOf(factor)} ${short(shown(factor))}` })))),
    h('div', { class: 'actions' },
      button('Add a passkey', '', () => addPasskey(wallet, again)),
      button('Add a key', '', () => addKey(wallet, again)),
      !wallet.factors.some((factor) => factor.kind === CODES) && button('Add one-time codes', '', () => addCodes(wallet, again)),
      button('Export the key', '', async () => {
        openDialog('Export the key', h('p', {}, 'Two factors, and 24 hours of waiting unless you chose otherwise; any factor can cancel it meanwhile.'),
          h('label', { for: 'format' }, 'As'), format,
          h('div', { class: 'actions' }, button('Read it', 'main', () => exportKey(wallet, Number(format.value), again)), cancelButton()));
      }, { disabled: few, title: few ? 'needs a second factor' : '' })));
}
