// SPDX-License-Identifier: Apache-2.0
// The user's page in a real Chromium with a virtual passkey device, against a real signer: what a person does,
// and what a hostile host, app browser or stranger gets. Screenshots go to $SHOTS when it is set.
// usage: node tests/people/page.mjs [WORD...]   only the tests whose name contains one of the words
import { createHmac } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import * as kit from '@solana/kit';
import jsQR from 'jsqr';
import { expect, fresh, friend, play, refusedAs, signed, test } from '../system/cases.mjs';
import { build, policy, someone, toToml, transferMessage, unbase58 } from '../system/stage.mjs';
import { openBrowser, openPage, skipWithoutChromium } from './browser.mjs';

skipWithoutChromium();
const { kindOf } = await import(join(build, 'web/web/src/passkey.js'));
const { outcomeOf, reasonOf } = await import(join(build, 'web/web/src/model.js'));
let browser;
const shots = process.env.SHOTS;
const shot = async (page, name, options = {}) => {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, ...options });
};
const click = (page, name) => page.getByRole('button', { name, exact: true }).click();
// Until the wallet is shown anew: what it says before that is old.
const refresh = async (page) => {
  const old = await page.locator('#main > *').first().elementHandle();
  await click(page, 'Refresh');
  await old.waitForElementState('hidden');
};
const said = (page, text) => page.locator('#said', { hasText: text }).waitFor().catch(async (error) => {
  throw new Error(`${text} was not said, but: ${await page.locator('#said').textContent()}\n${error.message}`);
});
const until = async (truth, what) => {
  const end = Date.now() + 90_000;
  while (!await truth()) {
    if (Date.now() > end) throw new Error(`it did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const get = (s, path) => new Promise((resolve, reject) => {
  https.get(`${s.signer.url}${path}`, { agent: s.signer.agent }, (answer) => {
    answer.resume();
    resolve({ status: answer.statusCode, headers: answer.headers });
  }).on('error', reject);
});

async function makeWallet(page, name, { exportWaits, powerWaits } = {}) {
  await page.getByText('Make a new wallet').click();
  await page.getByLabel('Name of the wallet').fill(name);
  if (exportWaits) await page.locator('#export-delay').selectOption(exportWaits);
  if (powerWaits) await page.locator('#delay').selectOption(powerWaits);
  await click(page, 'Make a passkey and a wallet');
  await page.locator('#address').waitFor();
  return page.locator('#address').textContent();
}

async function clientOf(s, name) {
  const { client } = await s.client(name);
  return { id: client, token: s.signer.token(name) };
}

async function fillGrant(page, client, { recipient = friend, lamports = '1000000', day = '' } = {}) {
  await click(page, 'Authorize a bot');
  await page.locator('#client').fill(client);
  await page.locator('#module').setInputFiles(policy('transfer'));
  await page.getByText('Known policy: transfer').waitFor();
  await page.locator('#p-recipients').fill(recipient);
  await page.locator('#p-max_lamports').fill(lamports);
  await page.locator('#p-max_fee_lamports').fill('5000');
  await page.getByLabel('SOL per day at most').fill(day);
  await click(page, 'Read it');
  await page.locator('dialog pre').first().waitFor();
}

function codeOf(secret, at = Date.now()) {
  const bits = [...secret.replace(/\s/g, '')].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = mac[19] & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// What a camera reads from the element.
async function scan(page, selector) {
  const png = (await page.locator(selector).screenshot()).toString('base64');
  const { data, width, height } = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    return { data: [...canvas.getImageData(0, 0, image.width, image.height).data], width: image.width, height: image.height };
  }, png);
  return jsQR(Uint8ClampedArray.from(data), width, height)?.data;
}

// Another passkey device. The one that has the passkey which is asked for is touched, and no other.
async function secondDevice(user) {
  const touch = (authenticatorId, enabled) => user.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
  const { authenticatorId } = await user.cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await user.page.exposeFunction('beforeGet', async (wanted) => {
    for (const device of [user.authenticator, authenticatorId]) {
      const { credentials } = await user.cdp.send('WebAuthn.getCredentials', { authenticatorId: device }).catch(() => ({ credentials: [] }));
      await touch(device, credentials.some((each) => wanted.includes(each.credentialId))).catch(() => {}); // it may be gone
    }
  });
  await user.page.evaluate(() => {
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = async (options) => {
      await globalThis.beforeGet(options.publicKey.allowCredentials.map(({ id }) => btoa(String.fromCharCode(...id))));
      return get(options);
    };
  });
  await touch(user.authenticator, false);
  return authenticatorId;
}

const pay = (s, user, lamports, to = friend) => s.signer.sign(user.token, user.address, transferMessage(user.address, to, lamports, fresh()));

// One user with a wallet, on a page of their own, whom the tests below go on with. After a test that failed there is
// another one, so that each of them fails for itself alone.
let alices = 0;
async function alice(s) {
  if (s.alice) return s.alice;
  const opened = await openPage(browser, s.signer);
  const name = ++alices === 1 ? 'main' : `main-${alices}`;
  const address = await makeWallet(opened.page, name);
  s.bot ??= await clientOf(s, 'bot');
  s.alice = { ...opened, name, address, client: s.bot.id, token: s.bot.token };
  return s.alice;
}

// With a bot that has spent 0.002 SOL of 0.01, and wanted to send to a thief.
async function aliceWithBot(s) {
  const user = await alice(s);
  if (user.hasBot) return user;
  await fillGrant(user.page, user.client, { lamports: '2000000', day: '0.01' });
  await click(user.page, 'Approve with passkey');
  await said(user.page, 'The bot is authorized');
  await botSpends(s, user);
  return user;
}

async function botSpends(s, user) {
  signed(await pay(s, user, 1_995_000));
  refusedAs(await pay(s, user, 1000, someone('thief')), 422, 'policy_denied');
  user.hasBot = true;
}

// One-time codes become a second factor; resolves to their secret.
async function addCodes(page, told = 'are a factor') {
  await click(page, 'Add one-time codes');
  const secret = await page.locator('#secret').textContent();
  await page.getByLabel('Code that the app shows').fill(codeOf(secret));
  await click(page, 'Continue');
  await click(page, 'Approve with passkey');
  await said(page, told);
  return secret;
}

async function aliceWithCodes(s) {
  const user = await alice(s);
  user.secret ??= await addCodes(user.page);
  return user;
}

// N-rows of the page itself: nothing of others, nothing inline
test('the page is its own: headers, files, requests', async (s) => {
  const { page, context, errors } = await openPage(browser, s.signer);
  await page.getByRole('heading', { name: 'Your wallets, your rules' }).waitFor();
  const own = new URL(page.url()).origin;
  const urls = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => entry.name));
  expect(urls.length > 5 && urls.every((url) => new URL(url).origin === own), urls);
  const { headers } = await get(s, '/');
  const policyText = headers['content-security-policy'];
  for (const words of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"])
    expect(policyText.includes(words), words, policyText);
  expect(!/unsafe|http:|https:|\*/.test(policyText), policyText);
  expect(headers['x-content-type-options'] === 'nosniff' && headers['referrer-policy'] === 'no-referrer' && headers['cache-control'] === 'no-store', headers);
  // and the browser obeys
  const blocked = await page.evaluate(async () => {
    const results = {};
    results.fetch = await fetch('https://127.0.0.1:9/').then(() => 'went', (error) => String(error));
    try { document.body.innerHTML = '<b>x</b>'; results.markup = 'went'; } catch (error) { results.markup = String(error); }
    try { document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = true' })); } catch (error) { results.script = String(error); }
    results.ran = window.ran;
    return results;
  });
  expect(blocked.fetch !== 'went' && blocked.markup.includes('TrustedHTML') && blocked.ran !== true, blocked);
  for (const path of ['/ui/nothing.js', '/ui/', '/ui/web/src/app.ts', '/index.html'])
    expect((await get(s, path)).status === 404, path);
  expect(errors.every((text) => /Content Security|Trusted(HTML|Script)/.test(text)), errors);
  await shot(page, '1-welcome');
  await context.close();
});

test('a passkey and a wallet are made, and the address is the signer\'s', async (s) => {
  const { page, address, errors } = await alice(s);
  expect(/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(address), address);
  await said(page, 'confirmation was checked');
  await page.getByText('no bot has a grant').waitFor();
  expect(errors.length === 0, errors);
  await page.locator('details.trust summary').click();
  await page.getByText('software TPM').waitFor();
  await page.getByText('answered a question made here').waitFor();
  await shot(page, '2-trust', { fullPage: false });
  await page.locator('details.trust summary').click();
  const asked = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname).filter((path) => path.startsWith('/api/')));
  expect(asked[0] === '/api/v1/evidence', asked); // before anything else
});

// S23, A5: the text is the signer's and the policy's own; one prompt
test('a bot is authorized with one prompt, by a text that the signer wrote', async (s) => {
  const user = await alice(s);
  const { page } = user;
  refusedAs(await pay(s, user, 1000), 403, 'no_grant');
  await fillGrant(page, user.client, { lamports: '2000000', day: '0.01' });
  const text = await page.locator('dialog pre').first().textContent();
  expect(text.includes(user.client) && text.includes(friend) && text.includes('10000000'), text);
  await shot(page, '3-approve', { fullPage: false });
  const before = (await user.cdp.send('WebAuthn.getCredentials', { authenticatorId: user.authenticator })).credentials[0].signCount;
  await click(page, 'Approve with passkey');
  await said(page, 'The bot is authorized');
  const after = (await user.cdp.send('WebAuthn.getCredentials', { authenticatorId: user.authenticator })).credentials[0].signCount;
  expect(after - before === 1, 'prompts:', after - before);
  await botSpends(s, user);
});

// S12: what was meant as one number is not cut to its first part
test('a number or an address is one, or it is refused before anything is asked', async (s) => {
  const user = await alice(s);
  const { page } = user;
  await click(page, 'Authorize a bot');
  await page.locator('#client').fill(user.client);
  await page.locator('#module').setInputFiles(policy('transfer'));
  await page.getByText('Known policy: transfer').waitFor();
  await page.locator('#p-recipients').fill(friend);
  await page.locator('#p-max_fee_lamports').fill('5000');
  for (const typed of ['1,000,000', '1 000 000', '1.000.000', '1e6', '0x10', '18446744073709551616']) {
    await page.locator('#p-max_lamports').fill(typed);
    await click(page, 'Read it');
    await said(page, `"${typed}" is not a whole number`);
    expect(await page.locator('dialog pre').count() === 0, typed, 'went on');
  }
  await page.keyboard.press('Escape');
});

test('spent against caps, the policy\'s words and the last decisions with reasons are shown', async (s) => {
  const { page, errors } = await aliceWithBot(s);
  await refresh(page);
  await page.getByText('0.002 SOL of 0.01 SOL').waitFor();
  expect(await page.locator('progress').first().getAttribute('value') === '20', 'another share');
  await page.getByText('What it allows, in words').click();
  await page.locator('.grant pre .theirs').first().waitFor();
  const words = await page.locator('.grant pre').textContent();
  expect(words.includes(friend) && !words.includes('To be done before'), words);
  const rows = page.locator('tbody tr');
  await until(async () => await rows.count() >= 2, 'decisions');
  expect((await rows.nth(0).textContent()).includes('Refused') && (await rows.nth(0).textContent()).includes('recipient'), await rows.nth(0).textContent());
  expect((await rows.nth(1).textContent()).includes('Signed'), await rows.nth(1).textContent());
  expect(errors.length === 0, errors);
  await shot(page, '4-wallet');
});

test('narrow, wide and dark: nothing is cut off', async (s) => {
  const { page } = await alice(s);
  for (const [name, width, height] of [['narrow', 340, 720], ['wide', 1440, 900]]) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(over <= 0, name, 'is', over, 'px too wide');
    await shot(page, `5-${name}`);
  }
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot(page, '5-dark');
  // text against its background, WCAG 2: 4.5 to 1, in both schemes
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme });
    const poor = await page.evaluate(() => {
      const light = (rgb) => rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      const numbers = (text) => text.match(/[\d.]+/g).map(Number);
      const found = [];
      for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
        if (!own || element.getClientRects().length === 0 || element.matches(':disabled, .skip')) continue;
        let behind = element;
        while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
        const [a, b] = [numbers(getComputedStyle(element).color).slice(0, 3), numbers(getComputedStyle(behind ?? document.body).backgroundColor).slice(0, 3)].map(light).sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${element.textContent.trim().slice(0, 30)}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
      }
      return found;
    });
    expect(poor.length === 0, colorScheme, poor);
  }
  await page.setViewportSize({ width: 1280, height: 720 });
});

test('by keyboard and by ear: every control is reached and has a name', async (s) => {
  const { page, name: wallet } = await aliceWithBot(s);
  await refresh(page);
  await page.getByText('0.002 SOL of 0.01 SOL').waitFor();
  const names = await page.evaluate(() => [...document.querySelectorAll('button, a[href], input, select, textarea')].filter((e) => e.getClientRects().length > 0)
    .map((e) => e.getAttribute('aria-label') ?? (e.labels?.[0] ?? e).textContent.trim()));
  expect(names.length > 5 && names.every((name) => name !== ''), names);
  const tree = await page.locator('body').ariaSnapshot();
  for (const words of ['banner', 'main', `heading "${wallet}" [level=1]`, 'heading "Last decisions" [level=2]', 'progressbar "Spent in any 24 hours: 0.002 SOL of 0.01 SOL"', 'button "Freeze now"', 'columnheader "Why"'])
    expect(tree.includes(words), words, tree);
  expect(await page.locator('#said').getAttribute('aria-live') === 'polite', 'nobody hears what is said');
  await page.locator('main').focus();
  const reached = new Set();
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()));
  }
  for (const name of ['Freeze now', 'Refresh', 'Copy the address', 'Authorize a bot', 'Export the key']) expect(reached.has(name) || name === 'Export the key', name, [...reached]);
  await page.getByRole('button', { name: 'Authorize a bot' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Authorize a bot' }).waitFor();
  expect(await page.evaluate(() => document.querySelector('dialog').contains(document.activeElement)), 'the focus is behind the dialog');
  await page.keyboard.press('Escape');
  await until(async () => await page.locator('dialog[open]').count() === 0, 'Escape closes it');
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  await until(async () => await focused() === 'Authorize a bot', 'the focus is where it was');
  // Enter in a field is the dialog's first act; what is wrong is said inside the dialog, where it is heard.
  await page.keyboard.press('Enter');
  await page.locator('#client').fill('nobody');
  await page.keyboard.press('Enter');
  await page.locator('dialog #said.bad').waitFor();
  await page.keyboard.press('Escape');
  // After an act that shows the wallet anew whoever listens is at its beginning.
  await refresh(page);
  await until(async () => await focused() === 'main', 'the focus after an act');
});

// A wallet's owner at two windows: the one that comes second is told, sees what holds now, and can do it again.
test('a change that another one came before is told, and can be made again', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  const client = await clientOf(s, 'beside');
  const before = await page.locator('.grant').count();
  // The passkey in another window, whose counter goes on from this one's; and back.
  const hand = async (from, to, more) => {
    const { credentials } = await from.cdp.send('WebAuthn.getCredentials', { authenticatorId: from.authenticator });
    await to.cdp.send('WebAuthn.clearCredentials', { authenticatorId: to.authenticator });
    for (const credential of credentials)
      await to.cdp.send('WebAuthn.addCredential', { authenticatorId: to.authenticator, credential: { ...credential, signCount: credential.signCount + more } });
  };
  const beside = await openPage(browser, s.signer);
  await hand(user, beside, 1);
  await click(beside.page, 'Open with a passkey');
  await beside.page.locator('#address').waitFor();
  await fillGrant(beside.page, client.id);
  await click(beside.page, 'Approve with passkey');
  await said(beside.page, 'The bot is authorized');
  await hand(beside, user, 1);
  await beside.context.close();
  await fillGrant(page, client.id, { lamports: '2' }); // as the wallet was before
  await click(page, 'Approve with passkey');
  await page.locator('#said.bad', { hasText: 'has changed since' }).waitFor();
  expect(await page.locator('dialog[open]').count() === 0 && await page.locator('.grant').count() === before + 1, 'the wallet is not shown as it is now');
  await fillGrant(page, client.id, { lamports: '2' });
  await click(page, 'Approve with passkey');
  await said(page, 'The bot is authorized');
  for (let left = before + 1; left >= before; left--) {
    await page.getByRole('button', { name: `Revoke the grant of client ${client.id.slice(0, 6)}` }).first().click();
    await said(page, 'The grant was revoked');
    await until(async () => await page.locator('.grant').count() === left, 'the grant is gone');
  }
});

test('who leaves can come back with this passkey or another one', async (s) => {
  const { page } = await alice(s);
  await click(page, 'Leave');
  expect(await page.evaluate(() => document.activeElement.id) === 'main', 'the focus is lost');
  await click(page, 'Use another passkey');
  await page.locator('#address').waitFor();
  await click(page, 'Leave');
  await click(page, 'Open with a passkey');
  await page.locator('#address').waitFor();
});

test('freeze with one tap, unfreeze with the text', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  await click(page, 'Freeze now');
  await said(page, 'is frozen');
  refusedAs(await pay(s, user, 1000), 403, 'wallet_frozen');
  await click(page, 'Unfreeze');
  await page.locator('dialog pre').first().waitFor();
  await click(page, 'Approve with passkey');
  await said(page, 'is active again');
  expect(await page.getByRole('button', { name: 'Freeze now' }).count() === 1, 'it says so beside the wallet as it was');
  signed(await pay(s, user, 1000));
});

// A25: load is no refusal: the page comes again by itself, then says so and keeps what was approved
test('while the signer has too much to do the page comes again, and keeps what was approved', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  let refuses = () => false, refused = 0;
  const refuseAfter = (passes, count = Infinity) => {
    let seen = 0;
    refused = 0;
    refuses = () => ++seen > passes && seen <= passes + count;
  };
  let answer = { status: 503, json: { code: 'overloaded', detail: 'too many changes at once; try again', retryable: true } };
  await page.route('**/api/v1/changes', async (route) => {
    if (!refuses()) return route.continue();
    refused++;
    return route.fulfill(answer);
  });
  await page.evaluate(() => { // its waits of seconds: the same ones, sooner over
    globalThis.wait = globalThis.setTimeout;
    globalThis.setTimeout = (act, ms) => globalThis.wait(act, ms / 20);
  });
  refuseAfter(0, 3);
  await click(page, 'Freeze now');
  await said(page, 'is frozen');
  expect(refused === 3, refused);
  refusedAs(await pay(s, user, 1000), 403, 'wallet_frozen');
  await click(page, 'Unfreeze');
  await page.locator('dialog pre').first().waitFor();
  refuseAfter(0);
  await click(page, 'Approve with passkey');
  await page.getByText('The signer has too much to do').waitFor();
  await page.getByText('What you entered and approved is kept').waitFor();
  await page.getByText('too many changes at once').waitFor();
  await shot(page, 'overloaded');
  expect(refused === 6, refused);
  refusedAs(await pay(s, user, 1000), 403, 'wallet_frozen');
  refuseAfter(Infinity);
  await click(page, 'Try again'); // the same signed bytes: no other prompt, no other text
  await said(page, 'is active again');
  signed(await pay(s, user, 1000));
  // Who gives up is not told that it was done.
  refuseAfter(2); // the nonce, and the text
  await click(page, 'Freeze now');
  await page.getByText('The signer has too much to do').waitFor();
  await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click();
  await said(page, 'too many changes at once');
  signed(await pay(s, user, 1000));
  // What was done is told as done also where the wallet cannot be read after it.
  answer = { status: 500, json: { code: 'internal', detail: 'it broke' } };
  refuseAfter(3); // and the change itself
  await click(page, 'Freeze now');
  await said(page, 'is frozen');
  await said(page, 'from before it: it broke');
  refusedAs(await pay(s, user, 1000), 403, 'wallet_frozen');
  await page.unroute('**/api/v1/changes');
  await page.evaluate(() => { globalThis.setTimeout = globalThis.wait; });
  await refresh(page);
  await click(page, 'Unfreeze');
  await click(page, 'Approve with passkey');
  await said(page, 'is active again');
});

test('a signer that is away, was started anew, or has another time is told in words that help', async (s) => {
  const { page } = await alice(s);
  const with_ = async (act, words) => {
    await page.route('**/api/v1/changes', act);
    await click(page, 'Refresh');
    await said(page, words);
    await page.unroute('**/api/v1/changes');
  };
  await with_((route) => route.abort(), 'No answer came from the signer');
  await with_((route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>' }), 'somebody stands between');
  // What was sealed to a key that the authority has no more: it cannot open it.
  await with_(async (route) => {
    const raw = Buffer.from(route.request().postDataJSON().envelope, 'base64');
    raw[40] ^= 1;
    const { status, body } = await s.signer.api('POST', '/api/v1/changes', { body: { envelope: raw.toString('base64') } });
    await route.fulfill({ status, json: body });
  }, 'has started anew since this page was opened');
  await page.clock.setFixedTime(Date.now() - 3_600_000);
  await click(page, 'Freeze now');
  await said(page, 'The clock of this device is behind');
  await page.clock.setFixedTime(Date.now());
  await refresh(page);
});

// What all bots may spend together: a limit that comes holds at once, one that goes is read first.
test('limits of the wallet come with one tap, and go by a text', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  await click(page, 'Limits of the wallet');
  const day = page.getByLabel('SOL in any 24 hours');
  expect(await day.inputValue() === '', await day.inputValue());
  await day.fill('0.001');
  await click(page, 'Set them');
  await said(page, 'The limits of the wallet are set');
  await page.getByText('of 0.001 SOL').waitFor();
  refusedAs(await pay(s, user, 999_999), 422, 'wallet_cap_exceeded'); // with its fee
  signed(await pay(s, user, 1001));
  refusedAs(await pay(s, user, 994_500), 429, 'wallet_window_spent');
  await click(page, 'Limits of the wallet');
  await day.fill('');
  await click(page, 'Set them');
  await page.getByRole('dialog', { name: 'Set these limits?' }).waitFor();
  expect((await page.locator('dialog pre').first().textContent()).includes('no limits of its own any more'), await page.locator('dialog pre').first().textContent());
  await click(page, 'Cancel');
  refusedAs(await pay(s, user, 994_500), 429, 'wallet_window_spent');
  await click(page, 'Limits of the wallet');
  await day.fill('');
  await click(page, 'Set them');
  await click(page, 'Approve with passkey');
  await said(page, 'The limits of the wallet are set');
  signed(await pay(s, user, 994_500));
});

// A lower cap holds at once, without a text to read; a higher one is read first.
test('limits are lowered with one tap, and raised by a text', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  const limit = page.getByRole('button', { name: /^Change the limits/ });
  await limit.click();
  const cap = page.getByLabel('SOL in any 24 hours');
  expect(await cap.inputValue() === '0.01', await cap.inputValue());
  await shot(page, '4-limits', { fullPage: false });
  await cap.fill('0,003'); // as a number pad of other places has it
  await click(page, 'Set them');
  await said(page, 'The limits are set');
  await page.getByText('of 0.003 SOL').waitFor();
  refusedAs(await pay(s, user, 1_500_000), 429, 'window_spent');
  await limit.click();
  await cap.fill('0.02');
  await click(page, 'Set them');
  await page.getByRole('dialog', { name: 'Set these limits?' }).waitFor();
  expect((await page.locator('dialog pre').first().textContent()).includes('20000000'), await page.locator('dialog pre').first().textContent());
  await click(page, 'Cancel');
  refusedAs(await pay(s, user, 1_500_000), 429, 'window_spent'); // who went back raised nothing
  await limit.click();
  await cap.fill('0.02');
  await click(page, 'Set them');
  await click(page, 'Approve with passkey');
  await said(page, 'The limits are set');
  signed(await pay(s, user, 1_500_000));
  for (const typed of ['', 'x', '-1', '0.0000000001', '1,000', '18446744073.709551616']) {
    await limit.click();
    await cap.fill(typed);
    await click(page, 'Set them');
    await said(page, 'is no amount of SOL');
    await page.keyboard.press('Escape');
  }
});

test('older decisions are fetched page by page', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  for (let i = 0; i < 20; i++) await pay(s, user, 2_000_001 + i, someone('thief')); // refused, each with a receipt
  await refresh(page);
  const rows = page.locator('tbody tr');
  await until(async () => await rows.count() === 16, 'the first page');
  const ids = async () => page.locator('tbody tr td:last-child span').allTextContents();
  while (await page.getByRole('button', { name: 'Older decisions' }).count() > 0) {
    const before = await rows.count();
    await click(page, 'Older decisions');
    await until(async () => await rows.count() > before || await page.locator('#said').textContent() !== '', 'an older page');
  }
  const all = await ids();
  expect(all.length >= 22 && new Set(all).size === all.length, all.length);
  expect((await rows.last().textContent()).includes('Signed'), 'the first decision is not the last row');
});

test('a link brings a grant to be read and approved; revoking takes one tap', async (s) => {
  const user = await aliceWithBot(s);
  const { page } = user;
  await page.getByRole('button', { name: /^Revoke/ }).click();
  await said(page, 'The grant was revoked');
  refusedAs(await pay(s, user, 1000), 403, 'grant_revoked');
  const link = async (...more) => {
    const { code, out, err } = await s.signer.cli('grant', 'link', '--client', 'bot', '--policy', policy('transfer'), '--params',
      s.signer.file('link.toml', toToml({ recipients: [friend], max_lamports: 1000000n, max_fee_lamports: 5000n })), '--expires', '1d', ...more);
    expect(code === 0, out, err);
    return out.trim();
  };
  const { origin } = new URL(page.url());
  const made = await link('--wallet', user.name, '--page', origin);
  expect(made.startsWith(`${origin}/#signer=`) && made.includes(`&wallet=${user.name}&grant=`), made);
  const open = async (url) => {
    await page.goto(url);
    await page.reload();
    await click(page, 'Open with a passkey');
  };
  // A link that was bent asks for nothing that can be approved: the signer does not know such a grant.
  const grant = made.split('grant=')[1];
  for (const [bent, words] of [['AAAA', 'no grant that can be read'], [grant.slice(0, -8), 'no grant that can be read'], ['oQEB', 'is refused']]) {
    await open(`${origin}/#grant=${bent}`);
    await said(page, words);
    expect(await page.locator('dialog[open]').count() === 0, 'there is something to approve');
  }
  await page.goto(`${origin}/#signer=${'22'.repeat(32)}&grant=${grant}`);
  await page.reload();
  await page.getByRole('heading', { name: 'Stop: this signer is not the one' }).waitFor();
  await open(made);
  await page.getByRole('dialog', { name: 'Allow this?' }).waitFor();
  await page.getByText('A link asks for this').waitFor();
  const text = await page.locator('dialog pre').first().textContent();
  expect(text.includes(friend) && text.includes(user.client), text);
  await shot(page, '4-link', { fullPage: false });
  await click(page, 'Cancel');
  refusedAs(await pay(s, user, 1000), 403, 'grant_revoked'); // who only looked granted nothing
  await open(made);
  await page.getByRole('dialog', { name: 'Allow this?' }).waitFor();
  await click(page, 'Approve with passkey');
  await said(page, 'The bot is authorized');
  expect(!page.url().includes('grant='), 'the link would ask again');
  signed(await pay(s, user, 1000));
});

test('who comes back is let in, also with a browser that forgot; a stranger sees nothing', async (s) => {
  const user = await alice(s);
  const { page } = user;
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await click(page, 'Open with a passkey');
  await page.locator('#address').waitFor();
  expect(await page.locator('#address').textContent() === user.address, 'another wallet');
  const other = await openPage(browser, s.signer);
  const theirs = await makeWallet(other.page, 'theirs');
  expect(theirs !== user.address && !(await other.page.content()).includes(user.address), 'a stranger sees it');
  await other.context.close();
});

test('one-time codes become a second factor: power needs both, and a wrong code gives none', async (s) => {
  const user = await alice(s);
  const { page } = user;
  await click(page, 'Add one-time codes');
  const secret = await page.locator('#secret').textContent();
  await shot(page, '6-codes', { fullPage: false });
  // the picture says what stands below it
  const scanned = await scan(page, '.qr');
  expect(scanned === `otpauth://totp/Claviger:${user.name}?secret=${secret.replace(/\s/g, '')}&issuer=Claviger`, scanned);
  await page.getByLabel('Code that the app shows').fill(codeOf(secret));
  await click(page, 'Continue');
  await page.locator('dialog pre').first().waitFor();
  await click(page, 'Approve with passkey');
  await said(page, 'are a factor');
  await page.getByRole('button', { name: /^Remove One-time codes/ }).waitFor();
  const second = await clientOf(s, 'second');
  await fillGrant(page, second.id);
  await page.locator('#code').fill('000000');
  await click(page, 'Approve with code and passkey');
  await page.locator('#said.bad').waitFor();
  const wrong = { ...user, token: second.token };
  expect((await pay(s, wrong, 1000)).status === 403, 'a wrong code authorized a bot');
  user.secret = secret;
});

test('a second passkey and a key become factors, and go again; a lost one takes 72 hours', async (s) => {
  const user = await openPage(browser, s.signer);
  const { page, context } = user;
  await makeWallet(page, 'two');
  const second = await secondDevice(user);
  await click(page, 'Add a passkey');
  await page.getByRole('dialog', { name: 'Add this passkey?' }).waitFor();
  await click(page, 'Approve with passkey');
  await said(page, 'is a factor of this wallet now');
  expect((await user.cdp.send('WebAuthn.getCredentials', { authenticatorId: second })).credentials.length === 1, 'no second passkey');
  await page.getByRole('button', { name: /^Remove Another passkey/ }).waitFor();
  await shot(page, '6-factors');
  // What gives power needs both; a freeze any one.
  const client = await clientOf(s, 'two');
  await fillGrant(page, client.id);
  await click(page, 'Approve with passkey');
  await said(page, 'The bot is authorized');
  await user.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: second });
  await fillGrant(page, client.id, { lamports: '7' });
  await click(page, 'Approve with passkey');
  await said(page, 'now the other passkey');
  await user.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: user.authenticator, enabled: true });
  await page.reload();
  await click(page, 'Open with a passkey');
  await page.getByRole('button', { name: 'Freeze now' }).waitFor();
  expect((await page.locator('.grant').count()) === 1, 'one passkey alone gave power');
  // With the second lost, the first one asks for its removal, in sight, for 72 hours.
  await page.getByRole('button', { name: /^Remove Another passkey/ }).click();
  await click(page, 'Ask with this passkey alone');
  await page.getByRole('heading', { name: 'A change of factors is waiting' }).waitFor();
  await click(page, 'Cancel it');
  await said(page, 'It was cancelled');
  await context.close();
  // A key of the command line: the page takes its public half, and the command line then sees the wallet.
  const other = await openPage(browser, s.signer);
  await makeWallet(other.page, 'keyed');
  const file = join(s.signer.folder, 'keyed.json');
  const key = (await s.signer.cli('key', 'new', file)).out.trim();
  await click(other.page, 'Add a key');
  await other.page.getByLabel('Public key').fill('not a key');
  await click(other.page, 'Read it');
  await said(other.page, 'no public key');
  await other.page.getByLabel('Public key').fill(key);
  await click(other.page, 'Read it');
  await other.page.getByRole('dialog', { name: 'Add this key?' }).waitFor();
  expect((await other.page.locator('dialog pre').first().textContent()).includes(key), 'the text does not name the key');
  await shot(other.page, '6-key', { fullPage: false });
  // It consents where it is: the command line shows the signer's own text, and prints what goes back into the page.
  await click(other.page, 'Approve with passkey');
  await said(other.page, 'The answer of the new key is missing');
  const answerOf = async (keyFile) => {
    const [, , , code] = (await other.page.locator('dialog pre.command').textContent()).split(' ');
    return s.signer.cli('change', 'sign', code, '--key', keyFile, '--yes');
  };
  await s.signer.cli('key', 'new', join(s.signer.folder, 'stranger.json'));
  await other.page.getByLabel('Answer of the new key').fill((await answerOf(join(s.signer.folder, 'stranger.json'))).out);
  await click(other.page, 'Approve with passkey');
  await said(other.page, 'and the one of the new key is wanted');
  const consent = await answerOf(file);
  expect(consent.code === 0 && consent.err.includes(key) && /^[A-Za-z0-9+/]{128}\n$/.test(consent.out), consent.out, consent.err);
  await other.page.getByLabel('Answer of the new key').fill(consent.out);
  await click(other.page, 'Approve with passkey');
  await said(other.page, 'is a factor of this wallet now');
  const shown = await s.signer.cli('factor', 'list', 'keyed', '--key', file);
  expect(shown.code === 0 && shown.out.includes(key) && shown.out.includes('passkey'), shown.out, shown.err);
  // From now on it is the second factor of what is approved here: another text's signature is none.
  const bot = await clientOf(s, 'keyed');
  await fillGrant(other.page, bot.id);
  const forOther = await answerOf(file);
  await other.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await fillGrant(other.page, bot.id, { lamports: '9' });
  await other.page.getByLabel('Answer of your other factor').fill(forOther.out);
  await click(other.page, 'Approve with passkey');
  await said(other.page, 'does not fit key, change and text');
  await fillGrant(other.page, bot.id, { lamports: '9' });
  await other.page.getByLabel('Answer of your other factor').fill((await answerOf(file)).out);
  await shot(other.page, '6-second-key', { fullPage: false });
  await click(other.page, 'Approve with passkey');
  await said(other.page, 'The bot is authorized');
  // What is no change, or was bent on its way, the command line does not sign.
  const refusedText = await s.signer.cli('change', 'sign', consent.out.trim(), '--key', file, '--yes');
  expect(refusedText.code === 2 && refusedText.err.includes('no change'), refusedText.code, refusedText.err);
  await other.context.close();
});

// B13: a copy of the key that opens without the signer, under a key made in the page or offline
test('an escape copy is made with the wallet, and opens with the command line alone', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  await page.getByText('Make a new wallet').click();
  await page.getByLabel('Name of the wallet').fill('escaping');
  await page.getByLabel('Escape copy to').fill('rubbish');
  await click(page, 'Make a passkey and a wallet');
  await said(page, 'as claviger key escape prints it');
  await click(page, 'Make that key here');
  const save = async (name, to) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: `Save ${name}` }).click()]);
    await download.saveAs(join(s.signer.folder, to));
    return join(s.signer.folder, to);
  };
  const key = await save('escape-key.json', 'page-escape-key.json');
  await click(page, 'It is kept');
  await click(page, 'Make a passkey and a wallet');
  // The signer gives it out once: it is offered before the page asks the passkey again, which may fail.
  await page.getByRole('dialog', { name: 'Your escape copy' }).waitFor();
  expect(await page.locator('#address').count() === 0, 'the copy is offered after another prompt');
  const copy = await save('escaping.escape', 'escaping.escape');
  await shot(page, '7-escape', { fullPage: false });
  await click(page, 'Done');
  const address = await page.locator('#address').textContent();
  chmodSync(key, 0o600);
  const opened = join(s.signer.folder, 'escaped.json');
  const recovered = await s.signer.cli('wallet', 'recover', copy, '--key', key, '--out', opened);
  expect(recovered.code === 0, recovered.out, recovered.err);
  const pair = await kit.createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(readFileSync(opened, 'utf8'))));
  expect(pair.address === address, pair.address);
  await context.close();
});

// S18: the key is asked for, waits, and any factor cancels
test('an export waits in sight, and is cancelled with one tap', async (s) => {
  const user = await aliceWithCodes(s);
  const { page } = user;
  await refresh(page);
  await click(page, 'Export the key');
  await click(page, 'Read it');
  await page.locator('#code').waitFor();
  // A step counts once, and the wrong code was one: the next step's.
  await page.locator('#code').fill(codeOf(user.secret, Date.now() + 30_000));
  await click(page, 'Approve with code and passkey');
  await page.getByRole('heading', { name: 'Export of the key is waiting' }).waitFor();
  await shot(page, '7-export');
  await click(page, 'Cancel it');
  await said(page, 'It was cancelled');
  expect(await page.getByText('is waiting').count() === 0, 'it still waits');
});

// S18: and opens in a real tool
test('an export that need not wait is opened in the page, and the file is the wallet\'s key', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  const address = await makeWallet(page, 'leaving', { exportWaits: 'not at all' });
  const secret = await addCodes(page);
  await click(page, 'Export the key');
  await click(page, 'Read it');
  await page.locator('#code').fill(codeOf(secret, Date.now() + 30_000));
  await click(page, 'Approve with code and passkey');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save leaving-key.json' }).click()]);
  const bytes = Uint8Array.from(JSON.parse(readFileSync(await download.path(), 'utf8')));
  const pair = await kit.createKeyPairSignerFromBytes(bytes); // checks that both halves belong together
  expect(pair.address === address, pair.address);
  await click(page, 'Done');
  await refresh(page);
  await page.getByText('Its key was handed over 1 time').waitFor();
  await context.close();
});

test('an Ed25519 signature that happens to begin as DER does is one', async () => {
  const signature = (length) => Uint8Array.from({ length }, (_, i) => [0x30, length - 2][i] ?? 7);
  expect(kindOf(signature(64)) === 3 && kindOf(signature(70)) === 2 && kindOf(signature(72)) === 2, kindOf(signature(64)));
});

test('an export that was begun and not carried out is not shown as a key that was handed over', async () => { // S18
  const said = (each) => `${outcomeOf({ text: '', ...each })}: ${reasonOf({ text: '', ...each })}`;
  expect(said({ export: true, allowed: true }) === 'Key handed over: As allowed', said({ export: true, allowed: true }));
  expect(said({ export: true, allowed: false }) === 'Key not handed over: It was begun and could not be carried out', said({ export: true, allowed: false }));
  expect(said({ export: false, allowed: false, text: 'too much' }) === 'Refused: too much' && outcomeOf({ export: false, allowed: true }) === 'Signed');
});

// Chromium asks security keys for credProtect, and they answer with it.
test('a security key makes a wallet and signs for it', async (s) => {
  const { page, context } = await openPage(browser, s.signer, { device: { transport: 'usb', ctap2Version: 'ctap2_1', hasCredBlob: true, hasMinPinLength: true } });
  await page.evaluate(() => {
    const create = navigator.credentials.create.bind(navigator.credentials);
    navigator.credentials.create = async (options) => {
      const made = await create(options);
      globalThis.madeFlags = new Uint8Array(made.response.getAuthenticatorData())[32];
      return made;
    };
  });
  await makeWallet(page, 'stick');
  expect((await page.evaluate(() => globalThis.madeFlags)) === 0xc5, await page.evaluate(() => globalThis.madeFlags));
  const client = await clientOf(s, 'stick');
  await fillGrant(page, client.id);
  await click(page, 'Approve with passkey');
  await context.close();
});

test('where power waits, a grant waits in sight', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  const address = await makeWallet(page, 'slow', { powerWaits: 'an hour' });
  const client = await clientOf(s, 'waits');
  await fillGrant(page, client.id);
  await click(page, 'Approve with passkey');
  await page.getByRole('heading', { name: 'A grant is waiting' }).waitFor();
  expect((await pay(s, { address, token: client.token }, 1000)).status === 403, 'it did not wait');
  await click(page, 'Complete');
  await page.locator('#said.bad').waitFor(); // not before its time
  await click(page, 'Cancel it');
  await said(page, 'It was cancelled');
  await context.close();
});

// S18: what waited is told as done also where the wallet cannot be read after it, and a key that it gave comes all the same.
test('what waited is completed, and fetched again, and told so', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  const soon = (id) => page.locator(`${id} option`, { hasText: 'an hour' }).evaluate((option) => { option.value = '1'; }); // a second
  const done = async (which, words) => {
    await until(async () => {
      await page.getByRole('button', { name: which, exact: true }).last().click();
      await page.locator('#said:not(:empty)').waitFor();
      return !(await page.locator('#said').textContent()).includes('it waits for another');
    }, which);
    await said(page, words);
  };
  const unreadable = async () => {
    let seen = 0;
    await page.route('**/api/v1/changes', (route) => (++seen > 1 ? route.fulfill({ status: 500, json: { code: 'internal', detail: 'it broke' } }) : route.continue()));
  };
  const saved = async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Save later-key.json' }).click()]);
    const pair = await kit.createKeyPairSignerFromBytes(Uint8Array.from(JSON.parse(readFileSync(await download.path(), 'utf8'))));
    await click(page, 'Done');
    return pair.address;
  };
  await page.getByText('Make a new wallet').click();
  await soon('#delay');
  await soon('#export-delay');
  await page.getByText('Make a new wallet').click();
  const address = await makeWallet(page, 'later', { powerWaits: 'an hour', exportWaits: 'an hour' });
  const client = await clientOf(s, 'later');
  for (const lamports of ['1000', '2000']) {
    await fillGrant(page, client.id, { lamports });
    await click(page, 'Approve with passkey');
    await said(page, 'It waits until');
  }
  await done('Complete', 'It was completed.');
  await page.getByRole('button', { name: /^Revoke the grant/ }).waitFor();
  expect(await page.getByRole('button', { name: 'Complete' }).count() === 1, 'one waits');
  await unreadable();
  await done('Complete', 'It was completed. What is shown below is from before it: it broke');
  await page.unroute('**/api/v1/changes');
  await refresh(page);
  await until(async () => await page.locator('.grant').count() === 2, 'both grants');
  // The key: a second factor, which waits as well, then the export.
  const secret = await addCodes(page, 'It waits until');
  await done('Complete', 'It was completed.');
  await click(page, 'Export the key');
  await click(page, 'Read it');
  await page.locator('#code').fill(codeOf(secret, Date.now() + 30_000));
  await click(page, 'Approve with code and passkey');
  await said(page, 'It waits until');
  await done('Complete', 'It was completed.');
  expect(await saved() === address, 'another key');
  await page.getByText('Its key was handed over 1 time').waitFor();
  await unreadable();
  await done('Fetch it', 'It was fetched. What is shown below is from before it: it broke');
  expect(await saved() === address, 'another key');
  await context.close();
});

// A8: what was opened is the authority's word, and the authority may lie: the deployment key signs births. In its place
// stands what it said, changed behind the page's own decryption.
test('an authority that answers with another birth shows no address', async (s) => {
  const birth = async (name, lie) => {
    const { page, context } = await openPage(browser, s.signer, { path: '/ui/icon.svg' });
    await page.addInitScript((lie) => {
      const decrypt = crypto.subtle.decrypt.bind(crypto.subtle);
      globalThis.opened = [];
      crypto.subtle.decrypt = async (...words) => {
        const bytes = new Uint8Array(await decrypt(...words));
        if (bytes.length < 200) return bytes; // a nonce, or "overloaded"
        opened.push([...bytes]);
        if (lie === null || opened.length - 1 !== lie.number) return bytes;
        return lie.from === undefined ? Uint8Array.from(lie.bytes) : bytes.map((byte, i) => byte ^ (i === bytes.length - lie.from ? 1 : 0));
      };
    }, lie);
    await page.goto(new URL('/', page.url()).href);
    if (lie === null) return { page, context, address: await makeWallet(page, name) };
    await page.getByText('Make a new wallet').click();
    await page.getByLabel('Name of the wallet').fill(name);
    await click(page, 'Make a passkey and a wallet');
    return { page, context };
  };
  const first = await birth('born', null);
  const opened = await first.page.evaluate(() => opened);
  const number = opened.findIndex((bytes) => Buffer.from(bytes).includes(unbase58(first.address)));
  expect(number === 1, number); // behind the text
  await first.context.close();
  for (const [name, lie, words] of [
    ['another', { number, bytes: opened[number] }, 'the signer confirms another wallet'],
    ['bent', { number, from: 10 }, 'is not signed by the deployment key'],
  ]) {
    const { page, context } = await birth(name, lie);
    await said(page, words);
    expect(await page.locator('#address').count() === 0 && !(await page.content()).includes(first.address), 'an address is shown');
    await context.close();
  }
});

// A8 and the hostile host, as far as a page can tell
test('a host that shows another signer, or bends what it forwards, is stopped', async (s) => {
  const lie = async (change, path = '/', of = 'channel') => {
    const { page, context } = await openPage(browser, s.signer, { path: '/ui/icon.svg' });
    await page.route(`**/api/v1/${of}*`, async (route) => {
      const { pathname, search } = new URL(route.request().url());
      const { body } = await s.signer.api('GET', pathname + search);
      change(body);
      await route.fulfill({ json: body });
    });
    await page.goto(`${new URL(page.url()).origin}${path}`);
    await page.getByRole('heading', { name: 'Stop: this signer is not the one' }).waitFor();
    expect(await page.getByRole('button', { name: 'Open with a passkey' }).count() === 0, 'it goes on');
    await context.close();
  };
  await lie((body) => { body.deployment_key = '11'.repeat(32); });
  await lie((body) => { body.boot = String(BigInt(body.boot) + 1n); });
  const old = (await s.signer.api('GET', `/api/v1/evidence?nonce=${'ab'.repeat(32)}`)).body.evidence;
  await lie((body) => { body.evidence = old; }, '/', 'evidence');
  for (const at of [200, 700, -200]) // in the node's statement, and in what the TPM signed
    await lie((body) => { const raw = Buffer.from(body.evidence, 'base64'); raw[at < 0 ? raw.length + at : at] ^= 1; body.evidence = raw.toString('base64'); }, '/', 'evidence');
  await lie(() => {}, `/#signer=${'22'.repeat(32)}`);
  // one that this browser knew before is another one now
  const { page, context } = await openPage(browser, s.signer);
  await page.evaluate(() => localStorage.setItem('claviger:signer', '33'.repeat(32)));
  await page.reload();
  await page.getByRole('heading', { name: 'Stop: this signer is not the one' }).waitFor();
  await shot(page, '8-stop');
  // only its user can know that it was replaced
  await page.locator('summary', { hasText: 'Forget the former signer' }).click();
  await click(page, 'Forget the former signer');
  await page.getByRole('button', { name: 'Open with a passkey' }).waitFor();
  await context.close();
  // answers that were bent on their way: no address is shown
  const bent = await openPage(browser, s.signer);
  await bent.page.route('**/api/v1/changes', async (route) => {
    const { status, body } = await s.signer.api('POST', '/api/v1/changes', { body: route.request().postDataJSON() });
    const raw = Buffer.from(body.envelope ?? '', 'base64');
    if (raw.length > 0) raw[raw.length - 1] ^= 1;
    await route.fulfill({ status, json: { ...body, envelope: raw.toString('base64') } });
  });
  await bent.page.getByText('Make a new wallet').click();
  await click(bent.page, 'Make a passkey and a wallet');
  await bent.page.locator('#said.bad').waitFor();
  expect(await bent.page.locator('#address').count() === 0, 'an address is shown');
  await bent.context.close();
});

test('a policy of the user\'s own judges the machine, and refuses a software TPM', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  await page.locator('details.trust summary').click();
  await page.getByLabel('Judge its machine').setInputFiles({ name: 'policy.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
  await page.getByText('Its evidence is refused: the policy accepts nothing').waitFor();
  await page.evaluate(() => localStorage.setItem('claviger:policy', JSON.stringify({ software_tpm: true, deployment_key: '44'.repeat(32) })));
  await page.reload();
  await page.getByText('another deployment').waitFor();
  // who gave it can take it back
  await page.locator('summary', { hasText: 'Forget my policy' }).click();
  await click(page, 'Forget my policy');
  await page.getByRole('button', { name: 'Open with a passkey' }).waitFor();
  await context.close();
});

test('by an address instead of its name, the page leads to the name', async (s) => {
  const { page, context } = await openPage(browser, s.signer);
  await page.goto(`${s.signer.url}/#wallet=main`);
  await page.getByRole('link', { name: 'Go to localhost' }).click();
  await page.getByRole('button', { name: 'Open with a passkey' }).waitFor();
  expect(new URL(page.url()).hostname === 'localhost' && page.url().endsWith('#wallet=main'), page.url());
  await context.close();
});

test('an app\'s browser is left for the system\'s; a browser without passkeys is told', async (s) => {
  const origin = new URL(s.signer.url.replace('127.0.0.1', 'localhost'));
  for (const [userAgent, begins] of [
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/140.0 Mobile Safari/537.36 Telegram-Android/12.0', `intent://${origin.host}/`],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Telegram/12.0', `x-safari-https://${origin.host}/`],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 400.0', `x-safari-https://${origin.host}/`],
  ]) {
    const { page, context } = await openPage(browser, s.signer, { userAgent, path: '/#grant=AAAA', viewport: { width: 390, height: 780 } });
    const link = page.getByRole('link', { name: 'Open in the browser' });
    await link.waitFor();
    const href = await link.getAttribute('href');
    expect(href.startsWith(begins) && href.includes('grant=AAAA'), href);
    // Android's Intent.parseUri: what stands before the last '#' is the address; a page knows its grant by the fragment.
    const [at, scheme] = [href.lastIndexOf('#Intent;'), begins.split(':')[0]];
    expect(href.lastIndexOf('#') === (at < 0 ? href.indexOf('#grant=') : at), href);
    expect(new URL(`https${href.slice(scheme.length, at < 0 ? undefined : at).replace(/^-https/, '')}`).hash === '#grant=AAAA', href);
    const asked = await page.evaluate(() => performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/api/')).length);
    expect(asked === 0, 'the signer was asked from there');
    await shot(page, '9-telegram', { fullPage: false });
    await context.close();
  }
  const telegram = await openPage(browser, s.signer, { path: '/ui/icon.svg' });
  await telegram.page.addInitScript(() => {
    window.Telegram = { WebApp: { initData: 'user=1', openLink: (url) => { window.opened = url; } } };
  });
  await telegram.page.goto(origin.href);
  await telegram.page.getByRole('link', { name: 'Open in the browser' }).waitFor();
  expect((await telegram.page.evaluate(() => window.opened)) === origin.href, 'Telegram was not asked to open it');
  await telegram.context.close();
  const bare = await openPage(browser, s.signer, { path: '/ui/icon.svg', device: false });
  await bare.page.addInitScript(() => { delete window.PublicKeyCredential; });
  await bare.page.goto(origin.href);
  await bare.page.getByText('It lacks passkeys (WebAuthn)').waitFor();
  await bare.context.close();
});

await play(async (s) => {
  await s.signer.start();
  browser = await openBrowser(s.signer);
  process.on('exit', () => browser?.close());
}, async (s) => {
  s.alice = undefined;
  for (const context of browser?.contexts() ?? []) await context.close();
});
