// SPDX-License-Identifier: Apache-2.0
// The signer's native API, call by call, with the rules of when to try again.
//
// A status below 500 promises that nothing was signed or counted. 429 and 503 say "later", with
// Retry-After; 504, 502 and a lost connection leave open whether it was signed, and then the same bytes
// under the same Idempotency-Key are safe to send again: they are signed and counted once. Everything
// else is an answer, and asking again would not change it.
//
// Who answers is judged (trust.ts) before the first token is sent, and again once an answer or the connection's
// TLS key shows that somebody else may be there.
import type { Credential } from './attest/index.js';
import { toBase64 } from './bytes.js';
import { concat } from './cbor.js';
import { ClavigerError, ownError, SignerErrorCode, type GrantReason, type Refusal } from './errors.js';
import * as json from './json.js';
import { readEvents } from './events.js';
import { assertTrust, checkTrust, type EvidenceReport, type Shown, type Trust } from './trust.js';
import { ANSWER_MAX_BYTES, defaultStreams, defaultTransport, OtherKey, type Answer, type Request, type Stream, type StreamTransport, type Transport } from './transport.js';

export interface RetryRules {
  /** How often one request is sent at most. Default 4. */
  readonly attempts?: number;
  /** No attempt begins later than this after the first one. Default 20 000: a blockhash lives a minute. */
  readonly deadlineMs?: number;
}

export interface ClientConfig {
  /** `https://host:8200`. */
  readonly url: string;
  /** The client's token, or where to get it: asked before every request, so that tokens can rotate. White space around it is cut off. */
  readonly token: string | (() => string | Promise<string>);
  /** PEM of the certificate that `claviger serve` writes to ca.pem. Node only; else the system's. */
  readonly ca?: string | undefined;
  /** Which signer is meant. `'tls'`: whoever holds the TLS certificate. */
  readonly trust: Trust | 'tls';
  readonly retry?: RetryRules | undefined;
  /** For one attempt. Default 10 000. */
  readonly timeoutMs?: number | undefined;
  /** For tests and for runtimes of other kinds. */
  readonly transport?: Transport | undefined;
  readonly streams?: StreamTransport | undefined;
  /** Says that a request will be sent again. */
  readonly onRetry?: ((error: ClavigerError, attempt: number, waitMs: number) => void) | undefined;
}

export interface CallOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** 1 to 128 printable characters; else one is made for each call. */
  readonly idempotencyKey?: string | undefined;
}

export interface TableHint {
  readonly table: string;
  readonly index: number;
  readonly address: string;
}

/** One signature that is asked for: exactly one of `transaction` and `message`. */
export interface SignRequest {
  /** Name, base58 address, or the 64 hex digits of its id. */
  readonly wallet: string;
  /** A legacy, v0 or v1 transaction on the wire, or its message alone. */
  readonly transaction?: Uint8Array;
  /** The exact bytes of an off-chain message. */
  readonly message?: Uint8Array;
  /** Id of the grant to use; else all live ones are tried, oldest first. */
  readonly grant?: string | undefined;
  /** What stands in lookup tables, for descriptions only: a hint allows nothing. */
  readonly tables?: readonly TableHint[] | undefined;
  /** Give back the transaction with its signature in place. */
  readonly wire?: boolean;
  /** Every constraint that fails, not only the first. */
  readonly explain?: boolean;
}

export interface Sequence {
  readonly boot: bigint;
  readonly number: bigint;
}

export interface Signed {
  readonly signature: Uint8Array;
  readonly decision: string;
  readonly messageHash: string;
  readonly sequence: Sequence;
  readonly signerIndex: number;
  readonly requiredSigners: number;
  readonly missingSigners: readonly string[];
  /** These bytes were signed before, and counted once. */
  readonly repeated: boolean;
  readonly transaction?: Uint8Array;
}

export interface Facts {
  readonly lamportsOut: bigint;
  readonly feeLamports: bigint;
  readonly tokens: readonly { readonly mint: string; readonly amount: bigint }[];
}

/** A dry run. `verdict` is what a signature would have met just then. */
export interface Checked {
  readonly verdict: 'allow' | 'deny';
  readonly code: string;
  readonly decision: string;
  readonly messageHash: string;
  readonly sequence: Sequence;
  readonly facts: Facts;
  readonly reasons: readonly GrantReason[];
}

export interface Grant {
  readonly id: string;
  readonly module: string;
  readonly notBefore: bigint | null;
  readonly expires: bigint | null;
  readonly usesLeft: bigint | null;
  readonly frozen: boolean;
}

/** A change of the wallet that waits for its time. */
export interface Pending {
  readonly change: string;
  readonly action: string;
  /** An export that was handed over and may be fetched again. */
  readonly done: boolean;
  /** Seconds since 1970: it may be completed from `opens` on, and is void after `until`. */
  readonly opens: bigint;
  readonly until: bigint;
}

/** What the owner allows all grants of a wallet together. */
export interface Limit {
  readonly id: number;
  /** lamports, mint or uses; total, 1h or 24h. */
  readonly unit: string;
  readonly window: string;
  readonly mint: string | null;
  readonly cap: bigint;
  readonly left: bigint;
}

export interface Wallet {
  readonly id: string;
  readonly address: string;
  readonly name: string;
  readonly origin: string;
  readonly frozen: boolean;
  readonly version: bigint;
  readonly grants: readonly Grant[];
  readonly pending: readonly Pending[];
  /** How often its key was handed over. */
  readonly exported: bigint;
  readonly limits: readonly Limit[];
}

export interface Channel {
  readonly deployment: string;
  readonly deploymentKey: string;
  readonly boot: bigint;
  readonly tpm: string;
  readonly certificates: { readonly authority: Uint8Array | null; readonly signer: Uint8Array | null };
}

export interface Status {
  readonly deployment: string;
  readonly tpm: string;
  readonly unsealed: boolean;
  readonly frozen: boolean;
  readonly boot: bigint;
}

/** What happens at a wallet. `decision` tells this client's own; `gap`: some are missing, receipts have them. */
export type WalletEvent =
  | { readonly kind: 'wallet'; readonly wallet: Wallet }
  | { readonly kind: 'gap'; readonly cursor: string }
  | {
    readonly kind: 'decision';
    readonly cursor: string;
    readonly decision: string;
    readonly messageHash: string;
    readonly sequence: Sequence;
    readonly verdict: string;
    readonly code: string;
    /** Seconds since 1970. */
    readonly time: bigint;
    readonly lamportsOut: bigint;
    readonly grant: string;
    readonly text: string;
  };

/** Requests of one batch: the signer's own bound. */
export const BATCH_MAX = 16;

/** `open` calls carry no token: they are made before it is known who answers. */
type Kind = 'signs' | 'reads' | 'open';

/** Who may be asked, and by which connection. */
interface Known {
  readonly token: string;
  readonly tlsKey: string | undefined;
}

/** Of who answers; shared by all who wait for it. */
interface Judgement {
  readonly found: Promise<EvidenceReport>;
  report?: EvidenceReport; // once it is found
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;
const TIMEOUT_MS = 10_000;
const TIMER_MAX_MS = 2 ** 31 - 1; // what timers take

const sequenceOf = (from: json.Json): Sequence => {
  const sequence = json.object(from['sequence'], 'sequence');
  return { boot: json.u64(sequence, 'boot'), number: json.u64(sequence, 'number') };
};

function signedOf(from: json.Json): Signed {
  return {
    signature: json.bytes(from, 'signature'),
    decision: json.text(from, 'decision'),
    messageHash: json.text(from, 'message_hash'),
    sequence: sequenceOf(from),
    signerIndex: json.small(from, 'signer_index'),
    requiredSigners: json.small(from, 'required_signers'),
    missingSigners: json.texts(from, 'missing_signers'),
    repeated: from['repeated'] === true,
    ...(from['transaction'] === undefined ? {} : { transaction: json.bytes(from, 'transaction') }),
  };
}

function checkedOf(from: json.Json): Checked {
  const verdict = json.text(from, 'verdict');
  if (verdict !== 'allow' && verdict !== 'deny')
    throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', `"verdict" is ${verdict}`);
  const facts = json.object(from['facts'], 'facts');
  return {
    verdict,
    code: json.text(from, 'code'),
    decision: json.text(from, 'decision'),
    messageHash: json.text(from, 'message_hash'),
    sequence: sequenceOf(from),
    facts: {
      lamportsOut: json.u64(facts, 'lamports_out'),
      feeLamports: json.u64(facts, 'fee_lamports'),
      tokens: json.list(facts, 'tokens', (token) => ({ mint: json.text(token, 'mint'), amount: json.u64(token, 'amount') })),
    },
    reasons: json.reasonsOf(from),
  };
}

function walletOf(from: json.Json): Wallet {
  return {
    id: json.text(from, 'id'),
    address: json.text(from, 'address'),
    name: json.text(from, 'name'),
    origin: json.text(from, 'origin'),
    frozen: json.flag(from, 'frozen'),
    version: json.u64(from, 'version'),
    grants: json.list(from, 'grants', (grant) => ({
      id: json.text(grant, 'id'),
      module: json.text(grant, 'module'),
      notBefore: json.u64OrNull(grant, 'not_before'),
      expires: json.u64OrNull(grant, 'expires'),
      usesLeft: json.u64OrNull(grant, 'uses_left'),
      frozen: json.flag(grant, 'frozen'),
    })),
    exported: json.u64(from, 'exported'),
    pending: json.list(from, 'pending', (pending) => ({
      change: json.text(pending, 'change'),
      action: json.text(pending, 'action'),
      done: json.flag(pending, 'done'),
      opens: json.u64(pending, 'opens'),
      until: json.u64(pending, 'until'),
    })),
    limits: json.list(from, 'limits', (limit) => ({
      id: json.small(limit, 'id'),
      unit: json.text(limit, 'unit'),
      window: json.text(limit, 'window'),
      mint: limit['mint'] === null ? null : json.text(limit, 'mint'),
      cap: json.u64(limit, 'cap'),
      left: json.u64(limit, 'left'),
    })),
  };
}

function decisionOf(from: json.Json, cursor: string): WalletEvent {
  return {
    kind: 'decision',
    cursor,
    decision: json.text(from, 'decision'),
    messageHash: json.text(from, 'message_hash'),
    sequence: sequenceOf(from),
    verdict: json.text(from, 'verdict'),
    code: json.text(from, 'code'),
    time: json.u64(from, 'time'),
    lamportsOut: json.u64(from, 'lamports_out'),
    grant: json.text(from, 'grant'),
    text: json.text(from, 'text'),
  };
}

function refusalOf(status: number, problem: json.Json | undefined, retryAfter: string | null): { text: string; refusal: Refusal } {
  const seconds = retryAfter === null || !/^[0-9]{1,6}$/.test(retryAfter) ? undefined : Number(retryAfter);
  const later = seconds === undefined ? {} : { retryAfterMs: seconds * 1000 };
  if (problem === undefined) {
    const refusal = { status, reason: 'answer_malformed', retryable: [429, 502, 503, 504].includes(status), reasons: [], ...later };
    return { text: `status ${status} without a reason: is this a signer?`, refusal };
  }
  const decision = problem['decision'] === undefined ? {} : { decision: json.text(problem, 'decision') };
  const hash = problem['message_hash'] === undefined ? {} : { messageHash: json.text(problem, 'message_hash') };
  const refusal = {
    status,
    reason: json.text(problem, 'code'),
    retryable: json.flag(problem, 'retryable'),
    reasons: json.reasonsOf(problem),
    ...later, ...decision, ...hash,
  };
  const tail = refusal.decision === undefined ? '' : ` (decision ${refusal.decision})`;
  return { text: `${refusal.reason}: ${json.text(problem, 'detail')}${tail}`, refusal };
}

function parse(body: Uint8Array): json.Json | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return json.isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** May this very request be sent again, by itself, without asking anybody? */
function triesAgain(error: ClavigerError): boolean {
  return error.retryable && (error.status === undefined || [429, 502, 503, 504].includes(error.status));
}

/** Resolves after `ms`; rejects at once, with the signal's reason, when that is aborted. */
function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}

/** As `promise`, or rejects with the signal's reason when that comes first; what was begun goes on for others. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function bodyOf(request: SignRequest): json.Json {
  if ((request.transaction === undefined) === (request.message === undefined))
    throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', 'exactly one of "transaction" and "message" is needed');
  return {
    wallet: request.wallet,
    ...(request.transaction === undefined ? {} : { transaction: toBase64(request.transaction) }),
    ...(request.message === undefined ? {} : { message: toBase64(request.message) }),
    ...(request.grant === undefined ? {} : { grant: request.grant }),
    ...(request.tables === undefined ? {} : { tables: request.tables }),
    ...(request.wire === undefined ? {} : { wire: request.wire }),
    ...(request.explain === undefined ? {} : { explain: request.explain }),
  };
}

/** A number of the configuration: one that is none, Number(process.env.X), would compare with nothing and end nothing. */
function whole(value: number | undefined, fallback: number, name: string): number {
  const number = value ?? fallback;
  if (!Number.isInteger(number) || number < 1 || number > TIMER_MAX_MS)
    throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', `"${name}" is a whole number from 1 to ${TIMER_MAX_MS}`);
  return number;
}

export class ClavigerClient {
  readonly #base: URL;
  readonly #config: ClientConfig;
  readonly #send: Transport;
  readonly #streams: StreamTransport;
  readonly #attempts: number;
  readonly #deadlineMs: number;
  readonly #timeoutMs: number;
  #trusted: Judgement | undefined;

  constructor(config: ClientConfig) {
    try {
      this.#base = new URL(config.url);
    } catch (error) {
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"url" is not a URL', error);
    }
    if (this.#base.protocol !== 'https:')
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"url" must begin with https://: a token travels there');
    if (this.#base.pathname !== '/' || this.#base.search !== '')
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"url" is https://HOST:PORT alone');
    if (config.ca !== undefined && !config.ca.includes('-----BEGIN CERTIFICATE-----'))
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"ca" is the text of a certificate in PEM, not the name of its file');
    if (config.trust !== 'tls') assertTrust(config.trust);
    this.#config = config;
    this.#send = config.transport ?? defaultTransport(config.ca);
    this.#streams = config.streams ?? defaultStreams(config.ca);
    this.#attempts = whole(config.retry?.attempts, 4, 'retry.attempts');
    this.#deadlineMs = whole(config.retry?.deadlineMs, 20_000, 'retry.deadlineMs');
    this.#timeoutMs = whole(config.timeoutMs, TIMEOUT_MS, 'timeoutMs');
  }

  /** Sign one transaction or message. The signature is NOT checked here: createClavigerSigner does. */
  async sign(request: SignRequest, options: CallOptions = {}): Promise<Signed> {
    const signed = signedOf(await this.#call('POST', '/api/v1/sign', bodyOf(request), options, 'signs'));
    this.#noteBoot(signed.sequence.boot);
    return signed;
  }

  /** Dry run: what would the signer say? Signs and counts nothing. */
  async check(request: SignRequest, options: CallOptions = {}): Promise<Checked> {
    return checkedOf(await this.#call('POST', '/api/v1/check', bodyOf(request), options, 'reads'));
  }

  /** Up to 16 at once. With `atomic` all are signed, or none and it rejects; else each has its own result. */
  async batch(requests: readonly SignRequest[], options: CallOptions & { readonly atomic?: boolean } = {}): Promise<(Signed | ClavigerError)[]> {
    if (requests.length === 0 || requests.length > BATCH_MAX)
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', `a batch has 1 to ${BATCH_MAX} requests`);
    const body = { requests: requests.map(bodyOf), atomic: options.atomic === true };
    const answer = await this.#call('POST', '/api/v1/batch', body, options, 'signs');
    const results = json.list(answer, 'results', (result) => {
      const status = json.small(result, 'status');
      if (status === 200) return signedOf(result);
      const { text, refusal } = refusalOf(status, result, null);
      return new ClavigerError(SignerErrorCode.REMOTE_API_ERROR, text, refusal);
    });
    if (results.length !== requests.length)
      throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', 'another number of results than of requests');
    for (const result of results) if (!(result instanceof ClavigerError)) this.#noteBoot(result.sequence.boot);
    return results;
  }

  async wallet(reference: string, options: CallOptions = {}): Promise<Wallet> {
    return walletOf(await this.#call('GET', `/api/v1/wallets/${encodeURIComponent(reference)}`, undefined, options, 'reads'));
  }

  /** One receipt, as deterministic CBOR (spec/receipts.md), by decision id or message hash. */
  async receipt(id: string, options: CallOptions = {}): Promise<Uint8Array> {
    return json.bytes(await this.#call('GET', `/api/v1/decisions/${encodeURIComponent(id)}`, undefined, options, 'reads'), 'receipt');
  }

  /**
   * What happens at a wallet from now on, or from where an earlier event's cursor says. The first connection is
   * tried as often as a request is; once it stood, it is made again by itself, for as long as the signer is away. Ends,
   * with an error, when this client may no longer look.
   */
  async *events(reference: string, options: { readonly cursor?: string; readonly abortSignal?: AbortSignal } = {}): AsyncGenerator<WalletEvent> {
    let cursor = options.cursor;
    let stood = false;
    for (let failures = 0; ; failures++) {
      options.abortSignal?.throwIfAborted();
      try {
        const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
        const stream = await this.#open(`/api/v1/wallets/${encodeURIComponent(reference)}/events${query}`, options.abortSignal);
        stood = true;
        for await (const { name, cursor: next, data } of readEvents(stream.body)) {
          failures = 0;
          cursor = next ?? cursor;
          if (name === 'wallet') yield { kind: 'wallet', wallet: walletOf(data) };
          else if (name === 'gap' && next !== undefined) yield { kind: 'gap', cursor: next };
          else if (name === 'decision' && next !== undefined) yield decisionOf(data, next);
          else if (name === 'end' && !json.flag(data, 'retryable')) {
            throw new ClavigerError(SignerErrorCode.REMOTE_API_ERROR, `the stream ended: ${json.text(data, 'code')}`,
              { reason: json.text(data, 'code'), retryable: false, reasons: [] });
          }
        }
      } catch (error) {
        options.abortSignal?.throwIfAborted();
        if (error instanceof ClavigerError && !triesAgain(error)) throw error;
        if (!stood && failures + 1 >= this.#attempts) throw error instanceof ClavigerError ? error : this.#noAnswer(error);
      }
      await wait(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 4 ** failures), options.abortSignal);
    }
  }

  async #open(path: string, abort: AbortSignal | undefined): Promise<Stream> {
    const { token, tlsKey } = await this.#know(abort);
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}` };
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('no answer in time')), this.#timeoutMs);
    const signal = abort === undefined ? late.signal : AbortSignal.any([abort, late.signal]);
    const stream = await this.#streams({ method: 'GET', url: new URL(path, this.#base), headers, signal, tlsKey })
      .catch((error: unknown) => { throw this.#noAnswer(late.signal.aborted ? late.signal.reason : error); })
      .finally(() => clearTimeout(timer));
    if (stream.status === 200) return stream;
    let body = new Uint8Array();
    for await (const part of stream.body) {
      body = concat(body, part) as Uint8Array<ArrayBuffer>;
      if (body.length > ANSWER_MAX_BYTES) break;
    }
    const found = parse(body);
    const { text, refusal } = refusalOf(stream.status, found?.['code'] === undefined ? undefined : found, stream.header('retry-after'));
    throw new ClavigerError(SignerErrorCode.REMOTE_API_ERROR, text, refusal);
  }

  async channel(options: CallOptions = {}): Promise<Channel> {
    const from = await this.#call('GET', '/api/v1/channel', undefined, options, 'open');
    const certificates = json.object(from['certificates'], 'certificates');
    const certificate = (role: string) => (certificates[role] === null ? null : json.bytes(certificates, role));
    return {
      deployment: json.text(from, 'deployment'),
      deploymentKey: json.text(from, 'deployment_key'),
      boot: json.u64(from, 'boot'),
      tpm: json.text(from, 'tpm'),
      certificates: { authority: certificate('authority'), signer: certificate('signer') },
    };
  }

  /** Evidence of the node over a nonce of 64 hex digits; carries no token. checkTrust judges it. */
  async evidence(nonce: string, options: CallOptions = {}): Promise<Shown> {
    let tlsKey: string | undefined;
    const from = await this.#call('GET', `/api/v1/evidence?nonce=${nonce}`, undefined, options, 'open', (answer) => { tlsKey = answer.tlsKey; });
    return { evidence: json.bytes(from, 'evidence'), tlsKey };
  }

  /** Has the node's TPM open a credential (attest/credential.ts); one each two seconds for everybody. */
  async activate(credential: Credential, options: CallOptions = {}): Promise<Uint8Array> {
    const body = { credential: toBase64(credential.credential), secret: toBase64(credential.secret) };
    return json.bytes(await this.#call('POST', '/api/v1/evidence/activate', body, options, 'open'), 'secret');
  }

  async status(options: CallOptions = {}): Promise<Status> {
    const from = await this.#call('GET', '/api/v1/status', undefined, options, 'open');
    return {
      deployment: json.text(from, 'deployment'),
      tpm: json.text(from, 'tpm'),
      unsealed: json.flag(from, 'unsealed'),
      frozen: json.flag(from, 'frozen'),
      boot: json.u64(from, 'boot'),
    };
  }

  async #call(method: 'GET' | 'POST', path: string, body: json.Json | undefined, options: CallOptions, kind: Kind, look?: (answer: Answer) => void): Promise<json.Json> {
    const url = new URL(path, this.#base);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    // One key for all attempts: they are one request.
    if (kind === 'signs') headers['idempotency-key'] = options.idempotencyKey ?? crypto.randomUUID();
    if (options.idempotencyKey !== undefined && !/^[ -~]{1,128}$/.test(options.idempotencyKey))
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"idempotencyKey" is 1 to 128 printable ASCII characters');
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const end = Date.now() + this.#deadlineMs;
    for (let attempt = 1; ; attempt++) {
      options.abortSignal?.throwIfAborted();
      try {
        let tlsKey: string | undefined;
        if (kind !== 'open') {
          const known = await this.#know(options.abortSignal);
          if (Date.now() >= end) throw this.#noAnswer(new Error('who answers was not known before the deadline'));
          headers['authorization'] = `Bearer ${known.token}`;
          tlsKey = known.tlsKey;
        }
        return await this.#once({ method, url, headers, tlsKey, ...text }, options.abortSignal, look);
      } catch (error) {
        options.abortSignal?.throwIfAborted();
        if (!(error instanceof ClavigerError) || !triesAgain(error) || attempt >= this.#attempts) throw error;
        const backoff = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 4 ** (attempt - 1)) * (0.5 + Math.random() / 2);
        const waitMs = Math.max(backoff, error.retryAfterMs ?? 0);
        if (Date.now() + waitMs >= end) throw error;
        this.#config.onRetry?.(error, attempt, waitMs);
        await wait(waitMs, options.abortSignal);
      }
    }
  }

  async #know(abort: AbortSignal | undefined): Promise<Known> {
    const { trust } = this.#config;
    let tlsKey: string | undefined;
    if (trust !== 'tls') tlsKey = (await unlessAborted((this.#trusted ??= this.#judge(trust)).found, abort)).tlsKey;
    return { token: await this.#token(abort), tlsKey };
  }

  async #token(abort: AbortSignal | undefined): Promise<string> {
    const { token } = this.#config;
    const text = (typeof token === 'string' ? token : await this.#askToken(token, abort)).trim();
    if (!/^[!-~]+$/.test(text))
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', '"token" is no token: one word, as `claviger client token` writes it into its file');
    return text;
  }

  async #askToken(ask: () => string | Promise<string>, abort: AbortSignal | undefined): Promise<string> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    try {
      return await unlessAborted(Promise.resolve(ask()), abort === undefined ? timeout : AbortSignal.any([abort, timeout]));
    } catch (error) {
      abort?.throwIfAborted();
      throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', `"token" gave none${timeout.aborted ? ` within ${this.#timeoutMs} ms` : ''}`, error);
    }
  }

  // It is shared, so it obeys no single caller's signal.
  #judge(trust: Trust): Judgement {
    const found = checkTrust(trust, this.#base, { evidence: (nonce) => this.evidence(nonce), activate: (credential) => this.activate(credential) });
    const judgement: Judgement = { found };
    found.then((report) => { judgement.report = report; }, () => { if (this.#trusted === judgement) this.#trusted = undefined; });
    return judgement;
  }

  #noAnswer(error: unknown): ClavigerError {
    const other = error instanceof OtherKey;
    if (other) this.#trusted = undefined; // nothing was sent: the next attempt asks who that is
    const certificate = isCertificateTrouble(error);
    const why = `${error instanceof Error ? error.message : String(error)}${certificate ? '; "ca" must hold the certificate that it shows, or its CA\'s' : ''}`;
    return new ClavigerError(other ? SignerErrorCode.NOT_AVAILABLE : SignerErrorCode.HTTP_ERROR, `no answer from ${this.#base.host}: ${why}`,
      { reason: other ? 'signer_untrusted' : 'no_connection', retryable: !certificate, reasons: [] }, error);
  }

  // It restarted: who answers now has to show again who it is, before the next request.
  #noteBoot(boot: bigint): void {
    const report = this.#trusted?.report;
    if (report !== undefined && report.boot !== boot) this.#trusted = undefined;
  }

  async #once(request: Omit<Request, 'signal'>, abort: AbortSignal | undefined, look?: (answer: Answer) => void): Promise<json.Json> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    let answer: Answer;
    try {
      answer = await this.#send({ ...request, signal: abort === undefined ? timeout : AbortSignal.any([abort, timeout]) });
    } catch (error) {
      throw this.#noAnswer(timeout.aborted ? new Error(`none within ${this.#timeoutMs} ms`, { cause: error }) : error);
    }
    // Where a runtime did not ask in the handshake, at least the answer is not believed.
    if (request.tlsKey !== undefined && answer.tlsKey !== undefined && answer.tlsKey !== request.tlsKey) throw this.#noAnswer(new OtherKey());
    look?.(answer);
    const found = parse(answer.body);
    if (answer.status === 200 && found !== undefined) return found;
    if (answer.status === 200)
      throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', 'the answer is not a JSON object: is this a signer?');
    const { text, refusal } = refusalOf(answer.status, found?.['code'] === undefined ? undefined : found, answer.header('retry-after'));
    throw new ClavigerError(SignerErrorCode.REMOTE_API_ERROR, text, refusal);
  }
}

/** A certificate that does not fit today will not fit in a second. */
function isCertificateTrouble(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /CERT|SIGNATURE|ALTNAME|ISSUER|SELF_SIGNED/.test(code);
}
