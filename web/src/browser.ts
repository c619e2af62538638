// SPDX-License-Identifier: Apache-2.0
// Where this page runs: browsers inside of apps (Telegram's and others) have no passkeys, or none that last.

const APPS: readonly (readonly [RegExp, string])[] = [
  [/Telegram/i, 'Telegram'], [/FBAN|FBAV|FB_IAB/, 'Facebook'], [/Instagram/, 'Instagram'], [/\bLine\//, 'LINE'],
  [/TwitterAndroid|Twitter for iPhone/, 'X'], [/musical_ly|BytedanceWebview|TikTok/i, 'TikTok'], [/Snapchat/, 'Snapchat'],
  [/MicroMessenger/, 'WeChat'], [/DiscordAndroid|Discord\//, 'Discord'], [/LinkedInApp/, 'LinkedIn'],
];

interface TelegramWindow {
  readonly TelegramWebviewProxy?: unknown;
  readonly TelegramWebview?: unknown;
  readonly Telegram?: { readonly WebApp?: { openLink?(url: string): void; readonly initData?: string } };
}

export interface InApp {
  readonly name: string;
  /** An address that makes the system's browser open this page. */
  readonly link: string;
}

/** The app whose browser this is; undefined for a browser of its own. */
export function inApp(agent: string, where: Location, scope: object = window): InApp | undefined {
  const telegram = scope as TelegramWindow;
  const byWindow = telegram.TelegramWebviewProxy !== undefined || telegram.TelegramWebview !== undefined ||
    (telegram.Telegram?.WebApp?.initData ?? '') !== '';
  const named = byWindow ? 'Telegram' : APPS.find(([pattern]) => pattern.test(agent))?.[1];
  const webview = /; wv\)/.test(agent) || (/iPhone|iPad|iPod/.test(agent) && !/Safari\//.test(agent));
  if (named === undefined && !webview) return undefined;
  const rest = `${where.host}${where.pathname}${where.search}${where.hash}`;
  // Android looks for the last '#': those of the address before it stay as they are, for as %23 they would be of its path.
  const link = /Android/.test(agent)
    ? `intent://${rest}#Intent;scheme=https;action=android.intent.action.VIEW;category=android.intent.category.BROWSABLE;end`
    : /iPhone|iPad|iPod/.test(agent) ? `x-safari-https://${rest}` : where.href;
  return { name: named ?? 'an app', link };
}

/** Asks the app itself to open the system's browser, where it has a way. */
export function openOutside(url: string, scope: object = window): boolean {
  const open = (scope as TelegramWindow).Telegram?.WebApp;
  if (open?.openLink === undefined) return false;
  open.openLink(url);
  return true;
}

/** What this browser lacks; empty when it has all that the page needs. */
export async function lacks(): Promise<string[]> {
  const missing: string[] = [];
  if (!window.isSecureContext) missing.push('a secure connection (https)');
  if (typeof window.PublicKeyCredential !== 'function') missing.push('passkeys (WebAuthn)');
  for (const name of ['X25519', 'Ed25519']) {
    try {
      await crypto.subtle.generateKey(name, false, name === 'X25519' ? ['deriveBits'] : ['sign', 'verify']);
    } catch {
      missing.push(`${name} in WebCrypto`);
    }
  }
  return missing;
}
