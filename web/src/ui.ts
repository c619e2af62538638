// SPDX-License-Identifier: Apache-2.0
// A few words for making elements. Text is only ever text: nothing here parses markup.

export type Child = Node | string | undefined | false;
type Attributes = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>;

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/** The element of that id, which index.html has. */
export function at<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as T;
}

export function show(place: HTMLElement, ...children: readonly Child[]): void {
  place.replaceChildren(...children.filter((child): child is Node | string => child !== undefined && child !== false));
}

let place: HTMLElement | undefined;

/** Says something to who sees it and to who hears it: in the dialog that is open, for all else is out of reach meanwhile. */
export function say(text: string, bad = false): void {
  place ??= at('said');
  const dialog = document.querySelector('dialog[open]');
  if (dialog === null) at('main').before(place);
  else dialog.prepend(place);
  place.textContent = text;
  place.className = bad ? 'said bad' : 'said';
  place.hidden = text === '';
}

/** What the page does about some errors by itself, and then says; undefined: it only says what is wrong. */
let mend: (error: unknown) => Promise<string | undefined> = async () => undefined;
export const whenWrong = (act: typeof mend): void => { mend = act; };

/** A button that is busy while its act runs, and says what went wrong. */
export function button(label: string, kind: string, act: () => Promise<void>, more: Attributes = {}): HTMLButtonElement {
  const element = h('button', { type: 'button', class: kind, ...more }, label);
  element.addEventListener('click', () => {
    if (element.getAttribute('aria-busy') === 'true') return;
    element.setAttribute('aria-busy', 'true');
    say('');
    act().catch(async (error: unknown) => say(await mend(error).catch(() => undefined) ?? explain(error), true)).finally(() => element.removeAttribute('aria-busy'));
  });
  return element;
}

export function explain(error: unknown): string {
  if (error instanceof DOMException && error.name === 'NotAllowedError') return 'The passkey prompt was closed, or it took too long. Nothing was changed.';
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
