// SPDX-License-Identifier: Apache-2.0
// What every view of the page works with: who answers, whose passkey this is, and how something is read and authorized.
import { fromBase64, toBase64 } from '../../sdk/ts/src/bytes.js';
import { type CborMap } from '../../sdk/ts/src/cbor.js';
import { base58, short, when, type Wallet } from './model.js';
import { assert, ED25519, ES256, kindOf, same, type Assertion, type Passkey } from './passkey.js';
import { isLoad, numberAt, type Code, type KeyAnswer, type Prepared, type Signer } from './signer.js';
import { at, button, explain, h, say, show } from './ui.js';

/** Kinds of factors (spec/authorization.cddl). */
export const KEY = 1;
export const CODES = 4;
export const isPasskey = (kind: number): boolean => kind === ES256 || kind === ED25519;

/** Set once, at the start and when a passkey signs in. */
export const desk: { signer: Signer; passkey: Passkey | undefined } = { signer: undefined as unknown as Signer, passkey: undefined };

const dialog = at<HTMLDialogElement>('dialog');
dialog.addEventListener('cancel', () => say(''));
// Enter in a field is the dialog's first act, as in every form.
dialog.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !(event.target instanceof HTMLInputElement) || event.target.type === 'file') return;
  event.preventDefault();
  dialog.querySelector<HTMLButtonElement>('button.main')?.click();
});

export function closeDialog(): void {
  if (dialog.open) dialog.close();
}

export function openDialog(title: string, ...children: readonly (Node | string | undefined | false)[]): void {
  show(dialog, h('h2', { id: 'dialog-title', tabindex: '-1' }, title), ...children);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  at('dialog-title').focus({ preventScroll: true }); // whoever listens hears what it is about
}

export const cancelButton = (): HTMLButtonElement => button('Cancel', '', async () => closeDialog());

/** A file for the user to keep, made here and sent nowhere. */
export function saveLink(name: string, bytes: Uint8Array | string): HTMLAnchorElement {
  const blob = new Blob([typeof bytes === 'string' ? bytes : Uint8Array.from(bytes)], { type: 'application/octet-stream' });
  return h('a', { class: 'button main', href: URL.createObjectURL(blob), download: name }, `Save ${name}`);
}

/** The signer's text, with a module's own words (lines that begin with "| ") told apart. */
export function textOf(text: string): HTMLElement {
  const place = h('pre', {});
  for (const line of text.split('\n')) place.append(line.startsWith('| ') ? h('span', { class: 'theirs' }, line.slice(2)) : `${line}\n`);
  return place;
}

interface Given {
  readonly code: string;
  readonly keys: readonly KeyAnswer[];
  /** The other factors are lost: this one alone, and 72 hours. */
  readonly alone: boolean;
}

interface Asked {
  readonly title: string;
  readonly text: string;
  readonly note?: string | undefined;
  readonly label: string;
  readonly code: boolean;
  readonly alone: boolean;
  /** Keys outside of browsers that sign this, too: of each list one. */
  readonly keys: readonly KeyWanted[];
  readonly change: Uint8Array;
}

interface KeyWanted {
  readonly who: string;
  /** It signs in any case, also where the other factor is lost. */
  readonly always: boolean;
  readonly oneOf: readonly Uint8Array[];
}

/** What `claviger change sign` printed, of one of these keys. */
function answerOf(typed: string, { who, oneOf }: KeyWanted): KeyAnswer {
  const bytes = fromBase64(typed.trim());
  if (bytes === undefined || bytes.length !== 96) throw new Error(`The answer of ${who} is missing: the command below prints one line; paste all of it.`);
  const key = bytes.slice(0, 32);
  if (!oneOf.some((each) => same(each, key))) throw new Error(`That is the answer of ${short(base58(key))}, and the one of ${who} is wanted.`);
  return { key, signature: bytes.slice(32) };
}

/** Where the answers of keys are typed in, and the command that gives them. */
function keyFields(change: Uint8Array, wanted: readonly KeyWanted[]): { shown: HTMLElement[]; read: (alone: boolean) => KeyAnswer[] } {
  const inputs = wanted.map((_, i) => h('input', { id: `key-answer-${i}`, spellcheck: 'false', autocomplete: 'off' }));
  const command = `claviger change sign ${toBase64(change)} --key KEY.json`;
  const shown: HTMLElement[] = wanted.length === 0 ? [] : [
    h('p', {}, 'This takes a key that this page never sees. Run this where it is, within two minutes; it shows the same text, from the signer itself:'),
    h('pre', { class: 'command', tabindex: '0', 'aria-label': 'Command' }, command),
    h('div', { class: 'actions' }, button('Copy the command', '', async () => {
      await navigator.clipboard.writeText(command);
      say('Copied.');
    })),
    ...wanted.flatMap(({ who }, i) => [h('label', { for: `key-answer-${i}` }, `Answer of ${who}`), inputs[i]!]),
  ];
  return { shown, read: (alone) => wanted.flatMap((each, i) => (alone && !each.always ? [] : [answerOf(inputs[i]!.value, each)])) };
}

/** Shows what is to be authorized; undefined when the user went back. */
function confirm({ title, text, note, label, code: asksCode, alone, keys, change }: Asked): Promise<Given | undefined> {
  return new Promise((resolve) => {
    const code = h('input', { id: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', pattern: '[0-9]{6}', maxlength: '6' });
    const fields = keyFields(change, keys);
    let answer: Given | undefined;
    dialog.addEventListener('close', () => resolve(answer), { once: true });
    const go = button(label, 'main', async () => {
      if (asksCode && !/^[0-9]{6}$/.test(code.value)) throw new Error('The code has six digits.');
      answer = { code: code.value, keys: fields.read(false), alone: false };
      closeDialog();
    });
    openDialog(title, note !== undefined && h('p', {}, note), h('p', { class: 'soft' }, 'The signer wrote this. What is set off is the policy\'s own words.'), textOf(text),
      asksCode && h('label', { for: 'code' }, 'One-time code ', h('span', { class: 'soft' }, 'from your authenticator app')), asksCode && code, ...fields.shown,
      h('div', { class: 'actions' }, go, cancelButton()),
      alone && h('p', { class: 'small soft' }, 'The other factor is lost? This passkey alone can ask for it; it waits 72 hours, in sight, and any factor can cancel it.'),
      alone && button('Ask with this passkey alone', 'plain', async () => {
        answer = { code: '', keys: fields.read(true), alone: true };
        closeDialog();
      }));
  });
}

/**
 * While the signer has too much to do, what was signed is kept, and sent again when the user says so: nothing was begun, and he need
 * not enter or approve anything anew.
 */
async function insist(send: () => Promise<CborMap>): Promise<CborMap> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!isLoad(error) || !await wantsAgain(error.message)) throw error;
    }
  }
}

function wantsAgain(why: string): Promise<boolean> {
  return new Promise((resolve) => {
    let wants = false;
    dialog.addEventListener('close', () => resolve(wants), { once: true });
    openDialog('The signer has too much to do', h('p', {}, 'Nothing was changed. What you entered and approved is kept for two minutes: try again.'),
      h('p', { class: 'small soft' }, `It says: ${why}.`),
      h('div', { class: 'actions' }, button('Try again', 'main', async () => {
        wants = true;
        closeDialog();
      }), cancelButton()));
  });
}

async function prove(prepared: Prepared, only: readonly Uint8Array[]): Promise<{ kind: number; proof: Assertion }> {
  const proof = await assert(desk.signer.rpId, prepared.challenge, only);
  return { kind: kindOf(proof.signature), proof };
}

export interface How {
  readonly title?: string;
  /** It may give power: the text is shown, and two factors are asked for where there are two. */
  readonly raises: boolean;
  /** What stands above the text. */
  readonly note?: string;
  /** Codes that go with it anyway. */
  readonly codes?: readonly Code[];
  /** Changes of factors may be asked for with one of them, where another is lost. */
  readonly recovers?: boolean;
  /** Keys that become factors: each signs, too. */
  readonly brings?: readonly Uint8Array[];
}

/** One prompt, and where the wallet has more factors and power grows a second one: a code, another passkey, or a key elsewhere. */
export async function authorize(wallet: Wallet, prepared: Prepared, how: How): Promise<CborMap | undefined> {
  const codes = wallet.factors.filter((factor) => factor.kind === CODES);
  const own = desk.passkey === undefined ? [] : [desk.passkey.rawId];
  const others = wallet.passkeys.filter((rawId) => own[0] === undefined || !same(rawId, own[0]));
  const needsTwo = how.raises && wallet.factors.length > 1;
  const asksCode = needsTwo && codes.length > 0;
  const outside = wallet.factors.filter((factor) => factor.kind === KEY).map((factor) => factor.id);
  const asksKey = needsTwo && !asksCode && others.length === 0 && outside.length > 0;
  const brought: KeyWanted[] = (how.brings ?? []).map((key) => ({ who: 'the new key', always: true, oneOf: [key] }));
  let given: Given | undefined = { code: '', keys: [], alone: false };
  if (how.raises)
    given = await confirm({
      title: how.title ?? 'Allow this?', text: prepared.text, note: how.note, code: asksCode, change: prepared.change,
      keys: [...asksKey ? [{ who: outside.length === 1 ? 'your other factor' : 'one of your other keys', always: false, oneOf: outside }] : [], ...brought],
      alone: needsTwo && how.recovers === true,
      label: asksCode ? 'Approve with code and passkey' : 'Approve with passkey',
    });
  if (given === undefined) return undefined;
  closeDialog();
  const proofs = [await prove(prepared, own)];
  if (needsTwo && !asksCode && !asksKey && !given.alone) {
    say('This needs a second factor: now the other passkey.');
    const second = await prove(prepared, others);
    if (same(second.proof.rawId, proofs[0]!.proof.rawId)) throw new Error('That was the same passkey: raising power needs two different ones.');
    proofs.push(second);
  }
  const code = asksCode && !given.alone ? [{ id: codes[0]!.id, code: Number(given.code) }] : [];
  const { keys } = given;
  return insist(() => desk.signer.submit(prepared, proofs, [...how.codes ?? [], ...code], keys));
}

/** Until when a change waits, in words; undefined: it is done. */
export function waiting(answer: CborMap): string | undefined {
  return answer.get(4) === undefined ? undefined : `It waits until ${when(numberAt(answer, 4))}. Any of your factors can cancel it before.`;
}

/**
 * Shows the wallet as an act left it, then says what came of the act: said before, it would stand beside the wallet as it was. It
 * is done also when the wallet cannot be read just now, and who is not told so does it again.
 */
export async function conclude(again: () => Promise<void>, words: string): Promise<void> {
  const unread = await again().then(() => '', (error: unknown) => ` What is shown below is from before it: ${explain(error)}. Refresh it later.`);
  say(words + unread, unread !== '');
}

export const hashValue = (name: string): string | undefined => new URLSearchParams(location.hash.slice(1)).get(name) ?? undefined;
