// SPDX-License-Identifier: Apache-2.0
// The user's page: who is the signer, what may my bots do, what did they do; allow, freeze, revoke, take the key.
import { fromBase64, toBase64, toHex } from '../../sdk/ts/src/bytes.js';
import { decode, fields } from '../../sdk/ts/src/cbor.js';
import type { Policy, Report } from '../../sdk/ts/src/attest/index.js';
import { inApp, lacks, openOutside } from './browser.js';
import { authorize, closeDialog, conclude, desk, hashValue, isPasskey, openDialog, saveLink, waiting } from './desk.js';
import { factorsCard, receive } from './factors.js';
import { grantsCard, offerLinked } from './grants.js';
import { newEscapeKey } from './hpke.js';
import { actionName, base58, decisionsOf, grantOf, lamportsOf, outcomeOf, reasonOf, short, unbase58, walletOf, when, type Decision, type Wallet } from './model.js';
import type { Passkey } from './passkey.js';
import { Action, bytesAt, mapOf, Refused, Signer, Topic, Untrusted, type Born } from './signer.js';
import { at, button, explain, h, say, show, whenWrong } from './ui.js';

const main = at('main');
desk.passkey = remembered();

// ---- what this browser remembers: which passkey, and whose signer ----

function remembered(): Passkey | undefined {
  try {
    const { kind, id } = JSON.parse(localStorage.getItem('claviger:passkey') ?? '{}') as { kind?: number; id?: string };
    const rawId = fromBase64(id ?? '');
    return kind !== undefined && rawId !== undefined && rawId.length > 0 ? { kind, rawId } : undefined;
  } catch {
    return undefined;
  }
}

function remember(key: Passkey): void {
  desk.passkey = key;
  localStorage.setItem('claviger:passkey', JSON.stringify({ kind: key.kind, id: toBase64(key.rawId) }));
}

/** Another signer than this browser knows: only its user can know why. */
class Replaced extends Untrusted {}

/** The deployment's key is pinned by the link that led here, or at first use. */
function pin(): 'linked' | 'known' | 'new' {
  const key = toHex(desk.signer.deploymentKey);
  const linked = hashValue('signer');
  const known = localStorage.getItem('claviger:signer') ?? undefined;
  if ((linked ?? key) !== key) throw new Untrusted(`This is not the signer that your link names. Its key is ${key}; the link says ${linked}.`);
  if ((known ?? key) !== key) throw new Replaced(`This is not the signer that you used here before. Its key is ${key}; before it was ${known}.`);
  localStorage.setItem('claviger:signer', key);
  return linked !== undefined ? 'linked' : known !== undefined ? 'known' : 'new';
}

/** The user's own policy for evidence, from a file of his: never from whoever serves this page. */
function evidencePolicy(): Policy | undefined {
  const text = localStorage.getItem('claviger:policy');
  return text === null ? undefined : JSON.parse(text) as Policy;
}

function policyPart(): HTMLElement {
  const file = h('input', { id: 'policy', type: 'file', accept: '.json' });
  file.addEventListener('change', () => void file.files?.[0]?.text().then((text) => {
    JSON.parse(text);
    localStorage.setItem('claviger:policy', text);
    location.reload();
  }).catch((error: unknown) => say(`The policy file: ${explain(error)}`, true)));
  return h('div', {}, h('label', { for: 'policy' }, 'Judge its machine ', h('span', { class: 'soft' }, 'by a policy file of yours (spec/evidence.md)')), file,
    localStorage.getItem('claviger:policy') !== null && forgetButton('Forget the policy', 'claviger:policy'));
}

const forgetButton = (label: string, item: string): HTMLButtonElement => button(label, 'plain', async () => {
  localStorage.removeItem(item);
  location.reload();
});

/** What this browser remembers may be what is wrong: its user can take it back, and nobody else. */
function wayOn(error: unknown): HTMLElement[] {
  const offer = (label: string, words: string, item: string): HTMLElement[] =>
    [h('details', { class: 'text' }, h('summary', {}, label), h('p', {}, words), forgetButton(label, item))];
  if (error instanceof Replaced)
    return offer('Forget the former signer', 'Only if its operator told you, by another way than this page, that it was replaced, and which key it has now.', 'claviger:signer');
  if (localStorage.getItem('claviger:policy') !== null)
    return offer('Forget my policy', 'Then its machine is not judged: do it if the policy is what is wrong.', 'claviger:policy');
  return [];
}

/** What the evidence says of the machine that a stronger one would not need to. */
function weaknesses(report: Report): string[] {
  return [
    report.singleOperator ? 'One person holds the keys of both authorities, release and site, and could start other software on it.' : '',
    report.attended ? '' : 'It starts without a person: who steals it can start it.',
    report.recoveryKey ? 'There is a recovery key: whoever has it and a backup has everything.' : '',
    report.sandboxMissing.length === 0 ? '' : `Its processes are kept apart by less than they could be: ${report.sandboxMissing.join(', ')} missing.`,
  ].filter((words) => words !== '');
}

function showTrust(how: 'linked' | 'known' | 'new'): void {
  const key = toHex(desk.signer.deploymentKey);
  const kept = { linked: 'Your link names this signer.', known: 'It is the signer that this browser has used before.', new: 'This browser sees this signer for the first time: compare its key with what the operator published.' }[how];
  const label = desk.signer.software ? 'Software signer' : desk.signer.report.hardware ? 'Machine checked' : 'Signer checked';
  show(at('trust'), h('details', { class: 'trust' },
    h('summary', { class: `pill ${!desk.signer.report.hardware || how === 'new' ? 'warn' : 'good'}` }, label),
    h('div', { class: 'card' },
      h('h2', {}, 'Who answers here'),
      h('ul', { class: 'checks' },
        h('li', { class: how === 'new' ? 'no' : '' }, kept),
        h('li', {}, 'Its TPM answered a question made here, just now, and its deployment vouches for that TPM\'s key and for the key that everything is sealed to.'),
        desk.signer.report.hardware ? h('li', {}, `Its machine is one that your policy accepts: release ${desk.signer.report.release}, firmware ${desk.signer.report.firmware}.`)
          : h('li', { class: 'no' }, desk.signer.software ? 'It runs with a software TPM: its machine proves nothing. Use it to try and to develop.'
            : 'Its machine was not judged: that takes a policy of yours.'),
        ...(desk.signer.software ? [] : weaknesses(desk.signer.report)).map((words) => h('li', { class: 'no' }, words))),
      h('p', { class: 'small soft' }, 'Key of the deployment'), h('code', {}, key), policyPart())));
}

// ---- views ----

function delayOf(id: string, chosen: string): HTMLSelectElement {
  return h('select', { id }, ...[['0', 'not at all'], ['3600', 'an hour'], ['86400', 'a day'], ['259200', 'three days']]
    .map(([value, name]) => h('option', { value: value!, selected: value === chosen }, name!)));
}

function welcome(): void {
  document.title = 'Claviger: your wallets';
  const name = h('input', { id: 'name', value: 'main', pattern: '[A-Za-z0-9_-]{1,64}', autocomplete: 'off', spellcheck: 'false' });
  const delay = delayOf('delay', '0');
  const exportDelay = delayOf('export-delay', '86400');
  const escape = h('input', { id: 'escape', autocomplete: 'off', spellcheck: 'false' });
  const dayLimit = h('input', { id: 'day-limit', inputmode: 'decimal', autocomplete: 'off' });
  const totalLimit = h('input', { id: 'total-limit', inputmode: 'decimal', autocomplete: 'off' });
  show(main, h('section', { class: 'hero' },
    h('h1', {}, 'Your wallets, your rules'),
    h('p', { class: 'soft' }, 'Bots ask; this signer signs only what you allowed, one policy at a time. Nobody else can allow it.'),
    h('div', { class: 'actions' },
      button('Open with a passkey', 'main', async () => {
        remember(await desk.signer.open(desk.passkey));
        await overview();
      }),
      desk.passkey !== undefined && button('Use another passkey', 'plain', async () => {
        remember(await desk.signer.open(undefined));
        await overview();
      }),
      h('details', { class: 'text' }, h('summary', {}, 'Make a new wallet'),
        h('div', { class: 'stack' }, h('label', { for: 'name' }, 'Name of the wallet'), name,
          h('label', { for: 'delay' }, 'What gives a bot power waits ', h('span', { class: 'soft' }, 'and you can cancel it')), delay,
          h('label', { for: 'export-delay' }, 'An export of the key waits'), exportDelay,
          h('label', { for: 'day-limit' }, 'All bots together may spend in a day, in SOL ', h('span', { class: 'soft' }, '(empty: no limit)')), dayLimit,
          h('label', { for: 'total-limit' }, 'And in all, in SOL ', h('span', { class: 'soft' }, '(empty: no limit)')), totalLimit,
          h('label', { for: 'escape' }, 'Escape copy to ', h('span', { class: 'soft' }, '(optional) a public key of yours, made offline by claviger key escape')), escape,
          h('p', { class: 'small soft' }, 'A copy of the wallet\'s key, sealed to a key that only you have: it opens without this signer. Policies then count this wallet\'s token accounts as its own only where a grant says so.'),
          button('Make that key here', 'plain', async () => {
            const made = await newEscapeKey();
            escape.value = base58(made.publicKey);
            const file = `${JSON.stringify({ claviger_escape_key: escape.value, seed: toHex(made.seed) })}\n`; // as claviger key escape writes it
            openDialog('Your escape key', h('p', {}, 'Keep this file offline, and away from the copy that you get with the wallet: whoever has both has the wallet. It is made now and kept nowhere else.'),
              h('div', { class: 'actions' }, saveLink('escape-key.json', file), button('It is kept', '', async () => closeDialog())));
          }),
          h('p', { class: 'small soft' }, 'Your device asks three times: to make the passkey, to make the wallet with it, and to open it.'),
          button('Make a passkey and a wallet', 'wide', async () => {
            const typed = escape.value.trim();
            const to = typed === '' ? undefined : unbase58(typed);
            if (typed !== '' && to === undefined) throw new Error('The escape key is 32 bytes in base58, as claviger key escape prints it.');
            const limits = ([[3n, dayLimit.value], [1n, totalLimit.value]] as const).filter(([, sol]) => sol.trim() !== '')
              .map(([window, sol], i) => fields({ 1: BigInt(i + 1), 2: 1n, 3: window, 4: lamportsOf(sol.trim()) }));
            const made = await desk.signer.create({ name: name.value, delay: BigInt(delay.value), exportDelay: BigInt(exportDelay.value), escape: to, limits });
            remember(made.passkey);
            if (made.escapeCopy !== undefined) await offerEscape(name.value, made, made.escapeCopy);
            say('The wallet is there, and the signer\'s confirmation was checked.');
            await desk.signer.open(desk.passkey);
            await overview();
          }))))));
}

/** The copy with what opens it: the file that `claviger wallet recover` takes. Resolves when its user has done with it, before anything can fail. */
async function offerEscape(name: string, born: Born, sealed: Uint8Array): Promise<void> {
  const file = JSON.stringify({ claviger_escape: 1, deployment: toHex(desk.signer.deployment), wallet: toHex(born.wallet), address: base58(born.address), sealed: toHex(sealed) });
  openDialog('Your escape copy', h('p', {}, 'It opens with your escape key, offline, whatever becomes of this signer: ', h('code', {}, 'claviger wallet recover'), '. Keep it; the signer gives it out once.'),
    h('div', { class: 'actions' }, saveLink(`${name}.escape`, `${file}\n`), button('Done', '', async () => closeDialog())));
  await new Promise((resolve) => at('dialog').addEventListener('close', resolve, { once: true }));
}

/** The wallet as the signer tells it, with its passkeys' own ids. */
async function readWallet(id: Uint8Array): Promise<Wallet> {
  const wallet = walletOf(await desk.signer.read(Topic.Wallet, id));
  const told = await Promise.all(wallet.factors.map(async (factor) => (isPasskey(factor.kind) ? mapOf(decode(await desk.signer.read(Topic.Factor, factor.id, id))) : undefined)));
  return {
    ...wallet,
    factors: wallet.factors.map((factor, i) => ({ ...factor, copied: told[i]?.get(4) === true })),
    passkeys: told.flatMap((each) => (each === undefined ? [] : [bytesAt(each, 3)])),
  };
}

async function overview(): Promise<void> {
  const listed = mapOf(decode(await desk.signer.read(Topic.Wallets)));
  const ids = bytesAt(listed, 1);
  const wallets: Wallet[] = [];
  for (let i = 0; i < ids.length; i += 32) wallets.push(walletOf(await desk.signer.read(Topic.Wallet, ids.slice(i, i + 32))));
  if (wallets.length === 0) {
    show(main, h('section', { class: 'card' }, h('h1', {}, 'No wallet of this passkey'),
      h('p', {}, 'Make one, or let a key that has one bring this passkey in: claviger factor add.'),
      button('Back', '', async () => leave())));
    return;
  }
  if (wallets.length === 1) {
    await walletView(wallets[0]!.id);
    return;
  }
  show(main, h('h1', {}, 'Your wallets'), ...wallets.map((wallet) => h('section', { class: 'card row apart' },
    h('div', {}, h('h2', {}, wallet.name), h('code', {}, wallet.address)),
    state(wallet), button('Open', 'main', () => walletView(wallet.id), { 'aria-label': `Open ${wallet.name}` }))));
  main.focus();
}

function leave(): void {
  desk.signer.close();
  shown = undefined;
  welcome();
  main.focus();
}

const state = (wallet: Wallet): HTMLElement => h('span', { class: `pill ${wallet.frozen ? 'bad' : 'good'}` }, wallet.frozen ? 'Frozen' : 'Active');

let shown: Uint8Array | undefined; // the wallet that is on the page

// What was shown is old: another window or factor came first, and what is asked for from here would be refused again.
whenWrong(async (error) => {
  if (!(error instanceof Refused) || error.code !== 'conflict' || shown === undefined) return undefined;
  closeDialog();
  await walletView(shown);
  return `Nothing was done: ${error.message}. The wallet is shown as it is now; look at it, and do it again.`;
});

async function walletView(id: Uint8Array): Promise<void> {
  shown = id;
  const wallet = await readWallet(id);
  const grants = await Promise.all(wallet.grants.map(async (grant) => grantOf(await desk.signer.read(Topic.Grant, grant, id))));
  const decisions = await decisionsCard(id);
  document.title = `${wallet.name}: Claviger`;
  const again = (): Promise<void> => walletView(id);
  show(main, head(wallet, again), ...wallet.pending.map((wait) => pendingCard(wallet, wait, again)),
    grantsCard(wallet, grants, again), decisions, await factorsCard(wallet, again));
  main.focus();
  await offerLinked(wallet, again);
}

function head(wallet: Wallet, again: () => Promise<void>): HTMLElement {
  const freeze = wallet.frozen
    ? button('Unfreeze', '', async () => {
      const prepared = await desk.signer.prepare(Action.Unfreeze, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: fields({}) }] }));
      const answer = await authorize(wallet, prepared, { title: `Unfreeze ${wallet.name}?`, raises: true });
      if (answer !== undefined) await conclude(again, waiting(answer) ?? `${wallet.name} is active again.`);
    })
    : button('Freeze now', 'danger', async () => {
      const prepared = await desk.signer.prepare(Action.Freeze, async () => ({ entries: [{ wallet: wallet.id, body: fields({}) }] }));
      await authorize(wallet, prepared, { raises: false });
      await conclude(again, `${wallet.name} is frozen: nothing is signed until you unfreeze it.`);
    });
  return h('section', { class: 'card' },
    h('div', { class: 'row apart' },
      h('div', { class: 'row' }, h('h1', {}, wallet.name), state(wallet)),
      h('div', { class: 'actions-side' }, freeze, button('Refresh', '', again), button('Leave', 'plain', async () => leave()))),
    h('p', { class: 'address' }, h('code', { id: 'address' }, wallet.address),
      button('Copy', 'plain', async () => {
        await navigator.clipboard.writeText(wallet.address);
        say('The address was copied.');
      }, { 'aria-label': 'Copy the address' })),
    wallet.imported && h('p', { class: 'small soft' }, 'Imported: others may know its key.'),
    wallet.exported > 0n && h('p', { class: 'small soft' }, `Its key was handed over ${wallet.exported} time${wallet.exported === 1n ? '' : 's'}.`));
}

function pendingCard(wallet: Wallet, wait: Wallet['pending'][number], again: () => Promise<void>): HTMLElement {
  const name = actionName(wait.action);
  return h('section', { class: 'card warn' }, h('h2', {}, `${name} is waiting`),
    h('p', {}, wait.done ? `It was done; what it gave may be fetched until ${when(wait.until)}. It cannot be cancelled any more: if you did not ask for it, move the funds.` : `It can be completed from ${when(wait.opens)} on. If you did not ask for it, cancel it now.`),
    h('div', { class: 'actions' },
      button(wait.done ? 'Fetch it' : 'Complete', '', async () => {
        const answer = await desk.signer.complete(wait.change, wallet.id);
        await conclude(again, wait.done ? 'It was fetched.' : 'It was completed.');
        await receive(wallet, wait.change, answer);
      }),
      !wait.done && button('Cancel it', 'danger', async () => {
        const prepared = await desk.signer.prepare(Action.Cancel, async () => ({ entries: [{ wallet: wallet.id, body: fields({ 1: wait.change }) }] }));
        await authorize(wallet, prepared, { raises: false });
        await conclude(again, 'It was cancelled.');
      })));
}

function decisionRow(each: Decision): HTMLElement {
  return h('tr', { tabindex: '-1' },
    h('td', { class: 'time small' }, when(each.time)),
    h('td', { class: each.allowed ? 'yes' : 'no' }, outcomeOf(each)),
    h('td', {}, h('code', {}, short(each.client))),
    h('td', { class: 'small' }, reasonOf(each),
      h('br', {}), h('span', { class: 'soft' }, `decision ${short(each.id)}`)));
}

/** The latest decisions; older ones are fetched page by page, from before this start of the signer too. */
async function decisionsCard(id: Uint8Array): Promise<HTMLElement> {
  const rows = h('tbody', {});
  const none = h('p', { class: 'soft' });
  const table = h('table', {}, h('thead', {}, h('tr', {}, ...['When', 'Decision', 'Client', 'Why'].map((name) => h('th', { scope: 'col' }, name)))), rows);
  const place = h('div', {});
  const more = h('div', { class: 'actions' });
  const fetch = async (after?: Uint8Array): Promise<void> => {
    const page = decisionsOf(await desk.signer.read(Topic.Decisions, id, after));
    const first = page.decisions.map(decisionRow);
    rows.append(...first);
    const { older } = page;
    none.textContent = older === undefined ? 'None yet.' : 'None since the signer started.';
    show(place, rows.childElementCount === 0 ? none : table);
    show(more, older !== undefined && button('Older decisions', '', async () => {
      const before = rows.childElementCount;
      await fetch(older);
      if (rows.childElementCount === before) say('No older ones here yet; the search goes on further back.');
      else (rows.children[before] as HTMLElement).focus(); // where the button was
    }));
    if (older === undefined && after !== undefined) say('These are all that the signer keeps.');
  };
  await fetch();
  return h('section', { class: 'card' }, h('h2', {}, 'Last decisions'), place, more);
}

// ---- start ----

function stop(title: string, text: string, ...more: readonly Node[]): void {
  show(main, h('section', { class: 'card bad' }, h('h1', {}, title), h('p', {}, text), ...more));
}

async function start(): Promise<void> {
  const app = inApp(navigator.userAgent, location);
  if (app !== undefined) {
    openOutside(location.href);
    show(main, h('section', { class: 'card warn' }, h('h1', {}, 'Open this page in your browser'),
      h('p', {}, `You are in the browser of ${app.name}, which has no passkeys that last. Your system's browser has.`),
      h('div', { class: 'actions' }, h('a', { class: 'button main', id: 'outside', href: app.link, rel: 'noreferrer' }, 'Open in the browser'),
        button('Copy the address', '', async () => {
          await navigator.clipboard.writeText(location.href);
          say('The address was copied: paste it into your browser.');
        }))));
    return;
  }
  const missing = await lacks();
  if (missing.length > 0) {
    stop('This browser cannot do it', `It lacks ${missing.join(', ')}. A current Chrome, Edge, Firefox or Safari has it; so does the command line.`);
    return;
  }
  try {
    desk.signer = await Signer.connect(evidencePolicy());
    showTrust(pin());
    if (location.hostname !== desk.signer.rpId && !location.hostname.endsWith(`.${desk.signer.rpId}`)) {
      const there = new URL(location.href);
      there.hostname = desk.signer.rpId;
      stop('Open this page by its name', `Passkeys here belong to ${desk.signer.rpId}, and this page was opened as ${location.hostname}.`,
        h('div', { class: 'actions' }, h('a', { class: 'button main', href: there.href }, `Go to ${there.host}`)));
      return;
    }
    welcome();
  } catch (error) {
    stop(error instanceof Untrusted ? 'Stop: this signer is not the one' : 'The signer does not answer', explain(error),
      ...(error instanceof Untrusted ? [] : [button('Try again', 'main', async () => location.reload())]), ...wayOn(error));
  }
}

await start();
