// SPDX-License-Identifier: Apache-2.0
// Server-sent events of one wallet, taken apart (WHATWG HTML section 9.2, the part that the signer uses).
import { ownError, SignerErrorCode } from './errors.js';
import * as json from './json.js';

/** One event; `cursor` is where to go on from. */
export interface RawEvent {
  readonly name: string;
  readonly cursor: string | undefined;
  readonly data: json.Json;
}

const EVENT_MAX = 1 << 17;

/** Reads events from a stream's bytes; ends with the stream. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<RawEvent> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const part of body) {
    rest += decoder.decode(part, { stream: true });
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [name, data] = [field('event'), field('data')];
      if (name === undefined || data === undefined) continue; // a comment, or how soon to come back
      let value: unknown;
      try {
        value = JSON.parse(data);
      } catch (error) {
        throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', 'an event that is not JSON', error);
      }
      yield { name, cursor: field('id'), data: json.object(value, 'data') };
    }
    if (rest.length > EVENT_MAX) throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', 'an event without end');
  }
}
