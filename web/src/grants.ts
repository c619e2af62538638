// SPDX-License-Identifier: Apache-2.0
// What bots may do with a wallet: grants, their limits, and grants that a link proposes.
import { fromBase64 } from '../../sdk/ts/src/bytes.js';
import { CborMap, decode, fields, type Cbor } from '../../sdk/ts/src/cbor.js';
import { authorize, cancelButton, conclude, desk, hashValue, openDialog, textOf, waiting } from './desk.js';
import { amount, fieldsOf, lamportsOf, ruleOf, short, solOf, u64, valueOf, when, windowName, type Counter, type Field, type Grant, type Wallet } from './model.js';
import { Action, bytesAt, mapOf } from './signer.js';
import { button, explain, h, say, show } from './ui.js';

/** By the grant's origin. */
const ORIGINS = ['Custom code: its text is its author\'s claim', 'An intent that does not ship with the signer: what it says of other programs is its author\'s claim', 'Known policy'];

type Again = () => Promise<void>;

function bar(label: string, spent: bigint, cap: bigint, text: string): HTMLElement {
  const share = cap === 0n ? 100 : Number((spent * 1000n) / cap) / 10;
  return h('div', { class: 'bar' }, h('div', { class: 'row apart small' }, h('span', {}, label), h('span', { class: 'soft' }, text)),
    h('progress', { max: '100', value: String(share), 'aria-label': `${label}: ${text}` }));
}

function spentBar(counter: Counter): HTMLElement {
  const spent = counter.cap > counter.left ? counter.cap - counter.left : 0n;
  return bar(`Spent ${windowName(counter.window)}`, spent, counter.cap, `${amount(counter, spent)} of ${amount(counter, counter.cap)}`);
}

export function grantsCard(wallet: Wallet, grants: readonly Grant[], again: Again): HTMLElement {
  return h('section', { class: 'card' },
    h('div', { class: 'row apart' }, h('h2', {}, 'What bots may do'), button('Authorize a bot', 'main', () => grantForm(wallet, again))),
    h('div', { class: 'row apart' },
      h('p', { class: 'small soft' }, wallet.limits.length === 0 ? 'Together they may spend what each of them may.' : 'Together they may spend at most:'),
      button('Limits of the wallet', '', () => walletLimitForm(wallet, again))),
    ...wallet.limits.map(spentBar),
    grants.length === 0 && h('p', { class: 'soft' }, 'Nothing: no bot has a grant for this wallet.'),
    ...grants.map((grant) => grantPart(wallet, grant, again)));
}

function grantPart(wallet: Wallet, grant: Grant, again: Again): HTMLElement {
  const words = h('div', {}, h('p', { class: 'soft small' }, 'Asking the signer …'));
  const details = h('details', { class: 'text' }, h('summary', {}, 'What it allows, in words'), words);
  details.addEventListener('toggle', () => {
    if (!details.open) return;
    // As if it were to be granted again, but for until when.
    desk.signer.prepare(Action.Grant, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body: grant.body }] }))
      .then(({ text }) => show(words, textOf(text.replace(/^To be done before .*\n/m, ''))), (error: unknown) => show(words, h('p', { class: 'small' }, `The signer gives no text now: ${explain(error)}`)));
  }, { once: true });
  return h('article', { class: 'grant', 'aria-label': `Grant of client ${short(grant.client)}` },
    h('div', { class: 'row apart' },
      h('div', {}, h('h3', {}, 'Client ', h('code', { title: grant.client }, short(grant.client))),
        h('p', { class: 'small soft' }, ORIGINS[Number(grant.origin)] ?? ORIGINS[0], ' · ',
          grant.expires === 0n ? 'does not expire' : `until ${when(grant.expires)}`)),
      h('div', { class: 'actions-side' },
        grant.counters.length > 0 && button('Limits', '', () => limitForm(wallet, grant, again), { 'aria-label': `Change the limits of client ${short(grant.client)}` }),
        button('Revoke', 'danger', async () => {
          const prepared = await desk.signer.prepare(Action.Revoke, async () => ({ entries: [{ wallet: wallet.id, body: fields({ 1: grant.id }) }] }));
          await authorize(wallet, prepared, { raises: false });
          await conclude(again, 'The grant was revoked.');
        }, { 'aria-label': `Revoke the grant of client ${short(grant.client)}` }))),
    ...grant.counters.map(spentBar),
    grant.uses > 0n && bar('Signatures', grant.uses - grant.usesLeft, grant.uses, `${grant.uses - grant.usesLeft} of ${grant.uses}`),
    grant.counters.length === 0 && grant.uses === 0n && h('p', { class: 'small soft' }, 'No cap beside what the policy says.'),
    details);
}

// ---- limits ----

/** A cap is typed in SOL where it counts lamports, else in what it counts. */
const typedCap = (counter: Counter, text: string): bigint => (counter.unit === 1n ? lamportsOf(text) : u64(text));

async function limitForm(wallet: Wallet, grant: Grant, again: Again): Promise<void> {
  const inputs = grant.counters.map((counter) => h('input', {
    id: `cap-${counter.id}`, inputmode: 'decimal', autocomplete: 'off', value: counter.unit === 1n ? solOf(counter.cap) : String(counter.cap),
  }));
  openDialog('Change the limits', h('p', {}, 'A lower limit holds at once, with any one factor. A higher one gives power: you read it first, and it waits if you have set a delay.'),
    ...grant.counters.flatMap((counter, i) => [
      h('label', { for: `cap-${counter.id}` }, counter.unit === 1n ? 'SOL ' : counter.unit === 3n ? 'Signatures ' : 'Units ', windowName(counter.window),
        counter.unit === 2n && h('span', { class: 'soft' }, ` of ${counter.mint ?? ''}`)), inputs[i]!]),
    h('div', { class: 'actions' },
      button('Set them', 'main', async () => {
        const changed = grant.counters.flatMap((counter, i) => {
          const cap = typedCap(counter, inputs[i]!.value.trim());
          return cap === counter.cap ? [] : [[counter, cap] as const];
        });
        if (changed.length === 0) throw new Error('Nothing was changed.');
        const grows = changed.some(([counter, cap]) => cap > counter.cap);
        const caps = new CborMap(changed.map(([counter, cap]) => [counter.id, cap] as const).sort(([a], [b]) => Number(a - b)));
        const prepared = await desk.signer.prepare(Action.Limit, async () => ({
          entries: [{ wallet: wallet.id, previous: grows ? wallet.authority : undefined, body: fields({ 1: grant.id, 2: caps }) }],
        }));
        const answer = await authorize(wallet, prepared, { title: 'Set these limits?', raises: grows });
        if (answer === undefined) return;
        await conclude(again, waiting(answer) ?? 'The limits are set.');
      }),
      cancelButton()));
}

/** Limits of the wallet itself: those it has, and SOL by hour, day and in all. Nothing typed: no such limit. */
async function walletLimitForm(wallet: Wallet, again: Again): Promise<void> {
  const known = (unit: bigint, window: bigint): Counter | undefined => wallet.limits.find((limit) => limit.unit === unit && limit.window === window);
  let free = 0n;
  const nextId = (): bigint => {
    do free += 1n; while (wallet.limits.some((limit) => limit.id === free));
    return free;
  };
  const rows = [...[2n, 3n, 1n].map((window) => known(1n, window) ?? { id: nextId(), unit: 1n, window, cap: 0n, left: 0n, mint: undefined }),
    ...wallet.limits.filter((limit) => limit.unit !== 1n)];
  const inputs = rows.map((row, i) => h('input', {
    id: `limit-${i}`, inputmode: 'decimal', autocomplete: 'off', value: !wallet.limits.includes(row) ? '' : row.unit === 1n ? solOf(row.cap) : String(row.cap),
  }));
  openDialog('Limits of the wallet', h('p', {}, 'They hold for all bots together, with fees and tips. A limit that comes or falls holds at once, with any one factor; one that rises or goes gives power: you read it first, and it waits if you have set a delay.'),
    ...rows.flatMap((row, i) => [
      h('label', { for: `limit-${i}` }, row.unit === 1n ? 'SOL ' : row.unit === 3n ? 'Signatures ' : 'Units ', windowName(row.window),
        h('span', { class: 'soft' }, row.unit === 2n ? ` of ${row.mint ?? ''}` : '', ' (empty: no limit)')), inputs[i]!]),
    h('div', { class: 'actions' },
      button('Set them', 'main', async () => {
        const wanted = rows.flatMap((row, i) => {
          const typed = inputs[i]!.value.trim();
          return typed === '' ? [] : [[row, typedCap(row, typed)] as const];
        });
        const grows = wallet.limits.some((limit) => !wanted.some(([row, cap]) => row === limit && cap <= limit.cap));
        const rules = [...wanted].sort(([a], [b]) => Number(a.id - b.id)).map(([row, cap]) => ruleOf(row, cap));
        const prepared = await desk.signer.prepare(Action.Limit, async () => ({
          entries: [{ wallet: wallet.id, previous: grows ? wallet.authority : undefined, body: fields({ 3: rules }) }],
        }));
        const answer = await authorize(wallet, prepared, { title: 'Set these limits?', raises: grows });
        if (answer === undefined) return;
        await conclude(again, waiting(answer) ?? 'The limits of the wallet are set.');
      }),
      cancelButton()));
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

async function grantForm(wallet: Wallet, again: Again): Promise<void> {
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
      const answer = await desk.signer.addModule(bytes);
      const schema = bytesAt(answer, 4);
      module = { hash: bytesAt(answer, 1, 32), schema, form: formOf(fieldsOf(schema)) };
      const origin = Number(answer.get(2)); // 0 custom code, 1 an intent, 2 it ships with the signer
      const words = origin === 0 ? 'Custom code: it may allow anything that its author wrote.' : `${ORIGINS[origin] ?? ORIGINS[0]!}: ${String(answer.get(3))}`;
      show(place, h('p', { class: `small ${origin === 2 ? 'soft' : ''}` }, words), ...module.form.rows);
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
          .map(([window, typed], i) => fields({ 1: BigInt(i + 1), 2: 1n, 3: window, 4: lamportsOf(typed.trim()) }));
        const expires = days.value === '0' ? undefined : BigInt(Math.floor(Date.now() / 1000) + Number(days.value) * 86_400);
        const id = Uint8Array.from(client.value.match(/../g)!, (pair) => parseInt(pair, 16));
        await grant(wallet, fields({ 1: id, 2: module.hash, 3: module.form.values(), 4: module.schema, 5: counters, 7: expires }), again);
      }),
      cancelButton()));
}

async function grant(wallet: Wallet, body: Cbor, again: Again, note?: string): Promise<void> {
  const prepared = await desk.signer.prepare(Action.Grant, async () => ({ entries: [{ wallet: wallet.id, previous: wallet.authority, body }] }));
  const answer = await authorize(wallet, prepared, { raises: true, ...(note === undefined ? {} : { note }) });
  if (answer === undefined) return;
  await conclude(again, waiting(answer) ?? 'The bot is authorized.');
}

/**
 * A link may bring a grant to be read and approved: #grant=base64url of its body (`claviger grant link` makes it). Nothing of
 * it is believed: the signer renders what it says, and the user signs that text or leaves it.
 */
export async function offerLinked(wallet: Wallet, again: Again): Promise<void> {
  const linked = hashValue('grant');
  const wanted = hashValue('wallet');
  if (linked === undefined || (wanted !== undefined && wanted !== wallet.name && wanted !== wallet.address)) return;
  history.replaceState(null, '', location.pathname); // it is asked once
  const bytes = fromBase64(linked.replaceAll('-', '+').replaceAll('_', '/').padEnd(Math.ceil(linked.length / 4) * 4, '='));
  let body: Cbor;
  try {
    body = mapOf(decode(bytes ?? new Uint8Array()));
  } catch {
    say('The link brings no grant that can be read. Ask for another one.', true);
    return;
  }
  await grant(wallet, body, again, 'A link asks for this. Whoever made the link chose what is asked, and nothing of it holds unless you approve: compare client, recipients and amounts with what you want.')
    .catch((error: unknown) => say(`What the link asks for is refused: ${explain(error)}`, true));
}
