// SPDX-License-Identifier: Apache-2.0
// Chromium with a virtual authenticator, for tests of the user's page against a real signer.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CLAVIGER_CHROMIUM ?? '/usr/bin/chromium';

export function skipWithoutChromium() {
  if (existsSync(CHROMIUM)) return;
  console.log('skipped: no Chromium on this machine (tools/setup installs Debian\'s)');
  process.exit(77);
}

// The signer's own certificate is believed, and no other: as a site with a CA's certificate is.
export async function openBrowser(signer) {
  const spki = new X509Certificate(readFileSync(signer.ca)).publicKey.export({ type: 'spki', format: 'der' });
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', `--ignore-certificate-errors-spki-list=${createHash('sha256').update(spki).digest('base64')}`],
  });
}

// A page with a passkey device of its own. `errors` gathers what the console complains of.
export async function openPage(browser, signer, { device = true, path = '/', ...context } = {}) {
  const opened = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...context });
  const page = await opened.newPage();
  const errors = [];
  page.on('console', (message) => { if (message.type() === 'error') errors.push(message.text()); });
  page.on('pageerror', (error) => errors.push(error.message));
  const cdp = await opened.newCDPSession(page);
  let authenticator;
  if (device) {
    await cdp.send('WebAuthn.enable');
    ({ authenticatorId: authenticator } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true, ...(device === true ? {} : device) },
    }));
  }
  page.setDefaultTimeout(90_000); // a busy machine is no failure
  await page.goto(signer.url.replace('127.0.0.1', 'localhost') + path);
  return { page, context: opened, errors, cdp, authenticator };
}
