// SPDX-License-Identifier: Apache-2.0
// The user's page: who is the signer, what may my bots do, what did they do; allow, freeze, revoke, take the key.
import { fromBase64, toBase64, toHex } from '../../sdk/ts/src/bytes.js';
import { CborMap, concat, decode, fields, type Cbor } from '../../sdk/ts/src/cbor.js';
import { inApp, lacks, openOutside } from './browser.js';
import { newKey, open as openSealed, rawPublic } from './hpke.js';
import { actionName, amount, decisionsOf, fieldsOf, grantOf, short, valueOf, walletOf, when, windowName, type Decision, type Field, type Grant, type Wallet } from './model.js';
import { assert, kindOf, same, type Assertion, type Passkey } from './passkey.js';
import type { Policy, Report } from '../../sdk/ts/src/attest/index.js';
import { Action, bytesAt, Kind, mapOf, numberAt, Signer, Topic, Untrusted, type Code, type Prepared } from './signer.js';
import { at, button, explain, h, say, show } from './ui.js';

const main = at('main');
const dialog = at<HTMLDialogElement>('dialog');
const CODES = 4; // kind of a factor: one-time codes

let signer: Signer;
let passkey: Passkey | undefined = remembered();

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
  passkey = key;
  localStorage.setItem('claviger:passkey', JSON.stringify({ kind: key.kind, id: toBase64(key.rawId) }));
}

const hashValue = (name: string): string | undefined => new URLSearchParams(location.hash.slice(1)).get(name) ?? undefined;

/** The deployment's key is pinned by the link that led here, or at first use. */
function pin(): 'linked' | 'known' | 'new' {
  const key = toHex(signer.deploymentKey);
  const linked = hashValue('signer');
  const known = localStorage.getItem('claviger:signer') ?? undefined;
  if ((linked ?? key) !== key || (known ?? key) !== key) {
    throw new Untrusted(`This is not the signer that you used before, or that your link names. Its key is ${key}; expected ${linked ?? known}. ` +
      'Do not go on unless you know why.');
  }
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
    evidencePolicy() !== undefined && button('Forget the policy', 'plain', async () => {
      localStorage.removeItem('claviger:policy');
      location.reload();
    }));
}

/** What the evidence says of the machine that a stronger one would not need to. */
function weaknesses(report: Report): string[] {
  return [
    report.singleOperator ? 'One person holds the keys of both authorities, release and site, and could start other software on it.' : '',
    report.attended ? '' : 'It starts without a person: who steals it can start it.',
    report.recoveryKey ? 'There is a recovery key: whoever has it and a backup has everything.' : '',
  ].filter((words) => words !== '');
}

function showTrust(how: 'linked' | 'known' | 'new'): void {
  const key = toHex(signer.deploymentKey);
  const kept = { linked: 'Your link names this signer.', known: 'It is the signer that this browser has used before.', new: 'This browser sees this signer for the first time: compare its key with what the operator published.' }[how];
  const label = signer.software ? 'Software signer' : signer.report.hardware ? 'Machine checked' : 'Signer checked';
  show(at('trust'), h('details', { class: 'trust' },
    h('summary', { class: `pill ${!signer.report.hardware || how === 'new' ? 'warn' : 'good'}` }, label),
    h('div', { class: 'card' },
      h('h2', {}, 'Who answers here'),
      h('ul', { class: 'checks' },
        h('li', { class: how === 'new' ? 'no' : '' }, kept),
        h('li', {}, 'Its TPM answered a question made here, just now, and its deployment vouches for that TPM\'s key and for the key that everything is sealed to.'),
        signer.report.hardware ? h('li', {}, `Its machine is one that your policy accepts: release ${signer.report.release}, firmware ${signer.report.firmware}.`)
          : h('li', { class: 'no' }, signer.software ? 'It runs with a software TPM: its machine proves nothing. Use it to try and to develop.'
            : 'Its machine was not judged: that takes a policy of yours.'),
        ...(signer.software ? [] : weaknesses(signer.report)).map((words) => h('li', { class: 'no' }, words))),
      h('p', { class: 'small soft' }, 'Key of the deployment'), h('code', {}, key), policyPart())));
}

// ---- dialogs ----

function closeDialog(): void {
  if (dialog.open) dialog.close();
}

function openDialog(title: string, ...children: readonly (Node | string | undefined | false)[]): void {
  show(dialog, h('h2', { id: 'dialog-title', tabindex: '-1' }, title), ...children);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  at('dialog-title').focus({ preventScroll: true }); // whoever listens hears what it is about
}

/** The signer's text, with a module's own words (lines that begin with "| ") told apart. */
function textOf(text: string): HTMLElement {
  const place = h('pre', {});
  for (const line of text.split('\n')) place.append(line.startsWith('| ') ? h('span', { class: 'theirs' }, line.slice(2)) : `${line}\n`);
  return place;
}

/** Shows what is to be authorized; resolves to a code where one was asked for, undefined when the user went back. */
function confirm(title: string, text: string, asksCode: boolean, label: string): Promise<{ code: string } | undefined> {
  return new Promise((resolve) => {
    const code = h('input', { id: 'code', inputmode: 'numeric', autocomplete: 'one-time-code', pattern: '[0-9]{6}', maxlength: '6' });
    let answer: { code: string } | undefined;
    dialog.addEventListener('close', () => resolve(answer), { once: true });
    const go = button(label, 'main', async () => {
      if (asksCode && !/^[0-9]{6}$/.test(code.value)) throw new Error('The code has six digits.');
      answer = { code: code.value };
      closeDialog();
    });
    openDialog(title, h('p', { class: 'soft' }, 'The signer wrote this. What is set off is the policy\'s own words.'), textOf(text),
      asksCode && h('label', { for: 'code' }, 'One-time code ', h('span', { class: 'soft' }, 'from your authenticator app')), asksCode && code,
      h('div', { class: 'actions' }, go, button('Cancel', '', async () => closeDialog())));
  });
}

// ---- authorizing ----

/** One prompt, and where the wallet has more factors and power grows a second one: another passkey, or a code. */
async function authorize(wallet: Wallet, prepared: Prepared, title: string, raises: boolean, more: readonly Code[] = []): Promise<CborMap | undefined> {
  const codes = wallet.factors.filter((factor) => factor.kind === CODES);
  const needsTwo = raises && wallet.factors.length > 1;
  const asksCode = needsTwo && codes.length > 0;
  let given: { code: string } | undefined = { code: '' };
  if (raises) given = await confirm(title, prepared.text, asksCode, asksCode ? 'Approve with code and passkey' : 'Approve with passkey');
  if (given === undefined) return undefined;
  const proofs = [await prove(prepared)];
  if (needsTwo && !asksCode) {
    say('This needs a second factor: now the other passkey.');
    const second = await prove(prepared, true);
    if (same(second.proof.rawId, proofs[0]!.proof.rawId)) throw new Error('That was the same passkey: raising power needs two different ones.');
    proofs.push(second);
  }
  return signer.submit(prepared, proofs, [...more, ...(asksCode ? [{ id: codes[0]!.id, code: Number(given.code) }] : [])]);
}

async function prove(prepared: Prepared, other = false): Promise<{ kind: number; proof: Assertion }> {
  const proof = await assert(signer.rpId, prepared.challenge, passkey === undefined || other ? [] : [passkey.rawId]);
  return { kind: kindOf(proof.signature), proof };
}

function waits(answer: CborMap): boolean {
  if (answer.get(4) === undefined) return false;
  say(`It waits until ${when(numberAt(answer, 4))}. Any of your factors can cancel it before.`);
  return true;
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
  show(main, h('section', { class: 'hero' },
    h('h1', {}, 'Your wallets, your rules'),
    h('p', { class: 'soft' }, 'Bots ask; this signer signs only what you allowed, one policy at a time. Nobody else can allow it.'),
    h('div', { class: 'actions' },
      button('Open with a passkey', 'main', async () => {
        remember(await signer.open(passkey));
        await overview();
      }),
      h('details', { class: 'text' }, h('summary', {}, 'Make a new wallet'),
        h('div', { class: 'stack' }, h('label', { for: 'name' }, 'Name of the wallet'), name,
          h('label', { for: 'delay' }, 'What gives a bot power waits ', h('span', { class: 'soft' }, 'and you can cancel it')), delay,
          h('label', { for: 'export-delay' }, 'An export of the key waits'), exportDelay,
          h('p', { class: 'small soft' }, 'Your device asks twice: to make the passkey, and to make the wallet with it.'),
          button('Make a passkey and a wallet', 'wide', async () => {
            const made = await signer.create(name.value, BigInt(delay.value), BigInt(exportDelay.value));
            remember(made.passkey);
            say('The wallet is there, and the signer\'s confirmation was checked.');
            await signer.open(passkey);
            await overview();
          }))))));
}

async function overview(): Promise<void> {
  const listed = mapOf(decode(await signer.read(Topic.Wallets)));
  const ids = bytesAt(listed, 1);
  const wallets: Wallet[] = [];
  for (let i = 0; i < ids.length; i += 32) wallets.push(walletOf(await signer.read(Topic.Wallet, ids.slice(i, i + 32))));
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
  signer.close();
  welcome();
}

const state = (wallet: Wallet): HTMLElement => h('span', { class: `pill ${wallet.frozen ? 'bad' : 'good'}` }, wallet.frozen ? 'Frozen' : 'Active');

async function walletView(id: Uint8Array): Promise<void> {
  const wallet = walletOf(await signer.read(Topic.Wallet, id));
  const grants = await Promise.all(wallet.grants.map(async (grant) => grantOf(await signer.read(Topic.Grant, grant, id))));
  const decisions = decisionsOf(await signer.read(Topic.Decisions, id));
  document.title = `${wallet.name}: Claviger`;
  const again = (): Promise<void> => walletView(id);
  show(main, head(wallet, again), ...wallet.pending.map((wait) => pendingCard(wallet, wait, again)),
    grantsCard(wallet, grants, again), decisionsCard(decisions), moreCard(wallet, again));
  main.focus();
  await offerLinked(wallet, again);
}

function head(wallet: Wallet, again: () => Promise<void>): HTMLElement {
  const freeze = wallet.frozen
    ? button('Unfreeze', '', async () => {
      const prepared = await signer.prepare(Action.Unfreeze, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: fields({}) }] }));
      const answer = await authorize(wallet, prepared, `Unfreeze ${wallet.name}?`, true);
      if (answer !== undefined && !waits(answer)) say(`${wallet.name} is active again.`);
      if (answer !== undefined) await again();
    })
    : button('Freeze now', 'danger', async () => {
      const prepared = await signer.prepare(Action.Freeze, async () => ({ entries: [{ wallet: wallet.id, body: fields({}) }] }));
      await authorize(wallet, prepared, '', false);
      await again();
      say(`${wallet.name} is frozen: nothing is signed until you unfreeze it.`);
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
        await receive(wallet, wait.change, await signer.complete(wait.change, wallet.id));
        await again();
      }),
      !wait.done && button('Cancel it', 'danger', async () => {
        const prepared = await signer.prepare(Action.Cancel, async () => ({ entries: [{ wallet: wallet.id, body: fields({ 1: wait.change }) }] }));
        await authorize(wallet, prepared, '', false);
        await again();
        say('It was cancelled.');
      })));
}

function bar(label: string, spent: bigint, cap: bigint, text: string): HTMLElement {
  const share = cap === 0n ? 100 : Number((spent * 1000n) / cap) / 10;
  return h('div', { class: 'bar' }, h('div', { class: 'row apart small' }, h('span', {}, label), h('span', { class: 'soft' }, text)),
    h('progress', { max: '100', value: String(share), 'aria-label': `${label}: ${text}` }));
}

function grantsCard(wallet: Wallet, grants: readonly Grant[], again: () => Promise<void>): HTMLElement {
  return h('section', { class: 'card' },
    h('div', { class: 'row apart' }, h('h2', {}, 'What bots may do'), button('Authorize a bot', 'main', () => grantForm(wallet, again))),
    grants.length === 0 && h('p', { class: 'soft' }, 'Nothing: no bot has a grant for this wallet.'),
    ...grants.map((grant) => grantPart(wallet, grant, again)));
}

function grantPart(wallet: Wallet, grant: Grant, again: () => Promise<void>): HTMLElement {
  const words = h('div', {}, h('p', { class: 'soft small' }, 'Asking the signer …'));
  const details = h('details', { class: 'text' }, h('summary', {}, 'What it allows, in words'), words);
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    signer.prepare(Action.Grant, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: grant.body }] }))
      .then(({ text }) => show(words, textOf(text)), (error: unknown) => show(words, h('p', { class: 'small' }, `The signer gives no text now: ${explain(error)}`)));
  }, { once: true });
  return h('article', { class: 'grant', 'aria-label': `Grant of client ${short(grant.client)}` },
    h('div', { class: 'row apart' },
      h('div', {}, h('h3', {}, 'Client ', h('code', { title: grant.client }, short(grant.client))),
        h('p', { class: 'small soft' }, grant.known ? 'Known policy' : 'Custom code: its text is its author\'s claim', ' · ',
          grant.expires === 0n ? 'does not expire' : `until ${when(grant.expires)}`)),
      button('Revoke', 'danger', async () => {
        const prepared = await signer.prepare(Action.Revoke, async () => ({ entries: [{ wallet: wallet.id, body: fields({ 1: grant.id }) }] }));
        await authorize(wallet, prepared, '', false);
        await again();
        say('The grant was revoked.');
      }, { 'aria-label': `Revoke the grant of client ${short(grant.client)}` })),
    ...grant.counters.map((counter) => {
      const spent = counter.cap - counter.left;
      return bar(`Spent ${windowName(counter.window)}`, spent, counter.cap, `${amount(counter, spent)} of ${amount(counter, counter.cap)}`);
    }),
    grant.uses > 0n && bar('Signatures', grant.uses - grant.usesLeft, grant.uses, `${grant.uses - grant.usesLeft} of ${grant.uses}`),
    grant.counters.length === 0 && grant.uses === 0n && h('p', { class: 'small soft' }, 'No cap beside what the policy says.'),
    details);
}

function decisionsCard(decisions: readonly Decision[]): HTMLElement {
  return h('section', { class: 'card' }, h('h2', {}, 'Last decisions'),
    decisions.length === 0 ? h('p', { class: 'soft' }, 'None since the signer started. Older ones: claviger receipt export.')
      : h('table', {}, h('thead', {}, h('tr', {}, ...['When', 'Decision', 'Client', 'Why'].map((name) => h('th', { scope: 'col' }, name)))),
        h('tbody', {}, ...decisions.map((each) => h('tr', {},
          h('td', { class: 'time small' }, when(each.time)),
          h('td', { class: each.allowed ? 'yes' : 'no' }, each.export ? 'Key handed over' : each.allowed ? 'Signed' : 'Refused'),
          h('td', {}, h('code', {}, short(each.client))),
          h('td', { class: 'small' }, each.text !== '' ? each.text : each.allowed ? 'As allowed' : 'No grant was asked: none was live, or the wallet was frozen',
            h('br', {}), h('span', { class: 'soft' }, `decision ${short(each.id)}`)))))));
}

// ---- a grant ----

function formOf(schema: readonly Field[]): { rows: HTMLElement[]; values(): CborMap } {
  const inputs = schema.map((field) => {
    const id = `p-${field.name}`;
    if (field.type === 1) return h('select', { id }, h('option', { value: 'false' }, 'no'), h('option', { value: 'true', selected: field.fallback === 'true' }, 'yes'));
    if (field.type >= 5) return h('textarea', { id, rows: '2', spellcheck: 'false' });
    return h('input', { id, spellcheck: 'false', autocomplete: 'off', placeholder: field.fallback });
  });
  return {
    rows: schema.flatMap((field, i) => [h('label', { for: `p-${field.name}` }, field.name, ' ', h('span', { class: 'soft' }, field.text, field.required ? '' : ' (optional)')), inputs[i]!]),
    values: () => new CborMap(schema.flatMap((field, i) => {
      const value = valueOf(field, inputs[i]!.value.trim());
      return value === undefined || (!field.required && inputs[i]!.value === field.fallback) ? [] : [[BigInt(i), value] as const];
    })),
  };
}

const sols = (text: string): bigint => {
  const [, whole = '', fraction = ''] = text.match(/^([0-9]+)(?:\.([0-9]{1,9}))?$/) ?? [];
  if (whole === '') throw new Error(`"${text}" is no amount of SOL.`);
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
};

async function grantForm(wallet: Wallet, again: () => Promise<void>): Promise<void> {
  const file = h('input', { id: 'module', type: 'file', accept: '.wasm' });
  const client = h('input', { id: 'client', spellcheck: 'false', autocomplete: 'off', pattern: '[0-9a-f]{64}' });
  const day = h('input', { id: 'day', inputmode: 'decimal', autocomplete: 'off' });
  const total = h('input', { id: 'total', inputmode: 'decimal', autocomplete: 'off' });
  const days = h('select', { id: 'days' }, ...[['1', 'a day'], ['7', 'a week'], ['30', '30 days'], ['0', 'until revoked']].map(([value, name]) => h('option', { value: value!, selected: value === '7' }, name!)));
  const place = h('div', {});
  let module: { hash: Uint8Array; schema: Uint8Array; form: ReturnType<typeof formOf> } | undefined;
  file.addEventListener('change', () => void (async () => {
    try {
      const bytes = new Uint8Array(await file.files![0]!.arrayBuffer());
      const answer = mapOf(decode(await signer.ask(Kind.ModuleAdd, bytes)));
      const schema = bytesAt(answer, 4);
      module = { hash: bytesAt(answer, 1, 32), schema, form: formOf(fieldsOf(schema)) };
      show(place, h('p', { class: `small ${answer.get(2) === true ? 'soft' : ''}` }, answer.get(2) === true ? `Known policy: ${String(answer.get(3))}` : 'Custom code: it may allow anything that its author wrote.'), ...module.form.rows);
    } catch (error) {
      show(place, h('p', {}, explain(error)));
    }
  })());
  openDialog('Authorize a bot',
    h('label', { for: 'client' }, 'Client ', h('span', { class: 'soft' }, 'the bot\'s id: claviger client list')), client,
    h('label', { for: 'module' }, 'Policy ', h('span', { class: 'soft' }, 'the module that decides, a .wasm file')), file, place,
    h('label', { for: 'day' }, 'SOL per day at most ', h('span', { class: 'soft' }, '(optional, with fees and tips)')), day,
    h('label', { for: 'total' }, 'SOL in total at most ', h('span', { class: 'soft' }, '(optional)')), total,
    h('label', { for: 'days' }, 'For how long'), days,
    h('div', { class: 'actions' },
      button('Read it', 'main', async () => {
        if (!/^[0-9a-f]{64}$/.test(client.value)) throw new Error('A client\'s id has 64 hex digits.');
        if (module === undefined) throw new Error('Choose the policy\'s file first.');
        const caps = [[3n, day.value], [1n, total.value]] as const;
        const counters = caps.filter(([, typed]) => typed.trim() !== '')
          .map(([window, typed], i) => fields({ 1: BigInt(i + 1), 2: 1n, 3: window, 4: sols(typed.trim()) }));
        const expires = days.value === '0' ? undefined : BigInt(Math.floor(Date.now() / 1000) + Number(days.value) * 86_400);
        const id = Uint8Array.from(client.value.match(/../g)!, (pair) => parseInt(pair, 16));
        await grant(wallet, fields({ 1: id, 2: module.hash, 3: module.form.values(), 4: module.schema, 5: counters, 7: expires }), again);
      }),
      button('Cancel', '', async () => closeDialog())));
}

async function grant(wallet: Wallet, body: Cbor, again: () => Promise<void>): Promise<void> {
  const prepared = await signer.prepare(Action.Grant, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body }] }));
  const answer = await authorize(wallet, prepared, 'Allow this?', true);
  if (answer === undefined) return;
  if (!waits(answer)) say('The bot is authorized.');
  await again();
}

/** A link may bring a grant to be read and approved: #grant=base64url of its body. */
async function offerLinked(wallet: Wallet, again: () => Promise<void>): Promise<void> {
  const linked = hashValue('grant');
  const wanted = hashValue('wallet');
  if (linked === undefined || (wanted !== undefined && wanted !== wallet.name && wanted !== wallet.address)) return;
  history.replaceState(null, '', location.pathname); // it is asked once
  const bytes = fromBase64(linked.replaceAll('-', '+').replaceAll('_', '/').padEnd(Math.ceil(linked.length / 4) * 4, '='));
  if (bytes === undefined) throw new Error('The link\'s grant is not readable.');
  await grant(wallet, decode(bytes), again);
}

// ---- the key, and more factors ----

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
async function receive(wallet: Wallet, change: Uint8Array, answer: CborMap): Promise<void> {
  const sealed = answer.get(5);
  if (!(sealed instanceof Uint8Array)) return;
  const recipient = await stored<Recipient | undefined>((store) => store.get(toHex(change)));
  if (recipient === undefined) throw new Error('This key was asked for with another browser: fetch it there.');
  const info = concat(new TextEncoder().encode('claviger/export/v1'), signer.deployment, wallet.id);
  const plain = await openSealed(recipient.pair, info, sealed, change);
  const [, , ending] = FORMATS.find(([value]) => value === String(recipient.format))!;
  const url = URL.createObjectURL(new Blob([Uint8Array.from(plain)], { type: 'application/octet-stream' }));
  const name = `${wallet.name}-key.${ending}`;
  openDialog('Your key', h('p', {}, 'It was opened here, in this browser. Whoever has this file has the wallet: keep it offline. The signer keeps its copy, and says in every receipt that the key was handed over.'),
    h('div', { class: 'actions' }, h('a', { class: 'button main', href: url, download: name }, `Save ${name}`),
      button('Done', '', async () => {
        URL.revokeObjectURL(url);
        closeDialog();
      })));
}

function moreCard(wallet: Wallet, again: () => Promise<void>): HTMLElement {
  const names = wallet.factors.map((factor) => (factor.kind === 1 ? 'a key' : factor.kind === CODES ? 'one-time codes' : 'a passkey'));
  const format = h('select', { id: 'format' }, ...FORMATS.map(([value, name]) => h('option', { value }, name)));
  return h('section', { class: 'card' }, h('h2', {}, 'Factors and key'),
    h('p', {}, `This wallet answers to ${names.join(', ')}. ${names.length < 2 ? 'With a second factor, what gives power needs both, and the key can be exported.' : 'What gives power needs two of them; any one can freeze or revoke.'}`),
    h('div', { class: 'actions' },
      !wallet.factors.some((factor) => factor.kind === CODES) && button('Add one-time codes', '', () => addCodes(wallet, again)),
      button('Export the key', '', async () => {
        openDialog('Export the key', h('p', {}, 'Two factors, and 24 hours of waiting unless you chose otherwise; any factor can cancel it meanwhile.'),
          h('label', { for: 'format' }, 'As'), format,
          h('div', { class: 'actions' }, button('Read it', 'main', () => exportKey(wallet, Number(format.value), again)), button('Cancel', '', async () => closeDialog())));
      }, { disabled: names.length < 2, title: names.length < 2 ? 'needs a second factor' : '' })));
}

async function exportKey(wallet: Wallet, format: number, again: () => Promise<void>): Promise<void> {
  const pair = await newKey();
  const to = await rawPublic(pair.publicKey);
  const prepared = await signer.prepare(Action.Export, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: fields({ 1: to, 2: BigInt(format) }) }] }));
  const change = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(prepared.change)));
  const recipient: Recipient = { pair, format };
  await stored((store) => store.put(recipient, toHex(change)));
  const answer = await authorize(wallet, prepared, 'Hand over the key?', true);
  if (answer === undefined) return;
  await again();
  if (!waits(answer)) await receive(wallet, change, answer);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
function base32(bytes: Uint8Array): string {
  let bits = '';
  for (const byte of bytes) bits += byte.toString(2).padStart(8, '0');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[parseInt(five.padEnd(5, '0'), 2)]).join('');
}

async function addCodes(wallet: Wallet, again: () => Promise<void>): Promise<void> {
  const enrolled = await signer.enroll();
  const { id, sealed } = enrolled;
  const secret = base32(enrolled.secret);
  const uri = `otpauth://totp/Claviger:${encodeURIComponent(wallet.name)}?secret=${secret}&issuer=Claviger&algorithm=SHA1&digits=6&period=30`;
  const code = h('input', { id: 'first-code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '6' });
  openDialog('Add one-time codes', h('p', {}, 'Put this secret into your authenticator app, then type the code that it shows. It is shown once.'),
    h('pre', { id: 'secret' }, secret.match(/.{1,4}/g)!.join(' ')), h('p', {}, h('a', { href: uri }, 'Open in an authenticator app on this device')),
    h('label', { for: 'first-code' }, 'Code that the app shows'), code,
    h('div', { class: 'actions' },
      button('Continue', 'main', async () => {
        if (!/^[0-9]{6}$/.test(code.value)) throw new Error('The code has six digits.');
        const body = fields({ 1: [fields({ 1: BigInt(CODES), 2: id, 3: sealed })], 2: [] });
        const prepared = await signer.prepare(Action.Factor, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body }] }));
        const answer = await authorize(wallet, prepared, 'Add this factor?', true, [{ id, code: Number(code.value) }]);
        if (answer !== undefined && !waits(answer)) say('One-time codes are a factor of this wallet now.');
        await again();
      }),
      button('Cancel', '', async () => closeDialog())));
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
    signer = await Signer.connect(evidencePolicy());
    showTrust(pin());
    if (location.hostname !== signer.rpId && !location.hostname.endsWith(`.${signer.rpId}`)) {
      const there = new URL(location.href);
      there.hostname = signer.rpId;
      stop('Open this page by its name', `Passkeys here belong to ${signer.rpId}, and this page was opened as ${location.hostname}.`,
        h('div', { class: 'actions' }, h('a', { class: 'button main', href: there.href }, `Go to ${there.host}`)));
      return;
    }
    welcome();
  } catch (error) {
    stop(error instanceof Untrusted ? 'Stop: this signer is not the one' : 'The signer does not answer', explain(error),
      ...(error instanceof Untrusted ? [] : [button('Try again', 'main', async () => location.reload())]));
  }
}

dialog.addEventListener('cancel', () => say(''));
await start();
