// SPDX-License-Identifier: Apache-2.0
// The signer as this page talks to it: who it is, checked before anything is sent, and then one sealed
// envelope at a time that the bridge in front of it cannot read (spec/authorization.md).
import { fromBase64, toBase64, toHex } from '../../sdk/ts/src/bytes.js';
import { CborMap, concat, decode, encode, fields, type Cbor } from '../../sdk/ts/src/cbor.js';
import { activate, ActivationError, PolicyError, verifyEvidence, type Credential, type Policy, type Report } from '../../sdk/ts/src/attest/index.js';
import { isSmall } from '../../sdk/ts/src/attest/verify.js';
import { aesOpen, hkdf, seal, sha256, type Sealed } from './hpke.js';
import { assert, kindOf, passkeyId, register, type Assertion, type Passkey, type Registered } from './passkey.js';

export enum Kind { Nonce = 1, Prepare, Submit, ModuleAdd, Credential, Operator, Query, Complete, Session, Read, Enroll }
export enum Action { Create = 1, Grant, Revoke, Freeze, Unfreeze, Limit, Factor, Import, Export, Cancel }
export enum Topic { Wallets = 1, Wallet, Grant, Client, Pending, Factor, Decisions, Module = 11 }

/** The signer said no, in its own words. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, text: string) {
    super(text);
    this.code = code;
  }
}

export class Untrusted extends Error {}

/** The authority cannot open what is sealed to the key that it had when this page was opened. */
export class Restarted extends Error {
  constructor() {
    super('The signer has started anew since this page was opened. Open the page again; nothing was changed.');
  }
}

/** It has too much to do just now. Nothing was begun, so the same bytes may be sent again; all else is for the user to decide. */
export const isLoad = (error: unknown): error is Refused => error instanceof Refused && ['overloaded', 'share_spent'].includes(error.code);

const BUSY_WAITS_MS: readonly number[] = [250, 500, 1000, 2000, 4000];

/** Asks again what was refused for load, ever more slowly; what was meant for us alone is not asked by all at the same time. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const wait of BUSY_WAITS_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!isLoad(error)) throw error;
      await new Promise((done) => { setTimeout(done, wait * (0.75 + Math.random() / 2)); });
    }
  }
  return ask();
}

/** One question over HTTP: an answer that is the signer's, or words that a person can use. */
async function http(path: string, body?: Readonly<Record<string, string>>): Promise<{ ok: boolean; status: number; said: Record<string, unknown> }> {
  const answer = await fetch(path, {
    cache: 'no-store', credentials: 'omit', redirect: 'error',
    ...(body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    throw new Error('No answer came from the signer: it may be restarting, or this device is offline. Look at the wallet again before you repeat what you did.', { cause: error });
  });
  const said: unknown = await answer.json().catch(() => undefined);
  if (typeof said !== 'object' || said === null) throw new Error(`What answers here (with status ${answer.status}) is not the signer: somebody stands between who lets nothing through now.`);
  return { ok: answer.ok, status: answer.status, said: said as Record<string, unknown> };
}

/** What is to hold for ten minutes from now on, and has ended, was dated by a clock that is behind. */
function tellOfClock(error: unknown): never {
  if (!(error instanceof Refused) || !error.message.startsWith('the change has expired')) throw error;
  throw new Refused(error.code, `The clock of this device is behind the signer's: here it is ${new Date().toLocaleString()}. Set it, and do it again.`);
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const ZEROS = new Uint8Array(32);
const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export function bytesAt(from: CborMap, key: number, length?: number): Uint8Array {
  const value = from.get(key);
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) throw new Error(`the answer lacks field ${key}`);
  return value;
}
export function numberAt(from: CborMap, key: number): bigint {
  const value = from.get(key);
  if (typeof value !== 'bigint') throw new Error(`the answer lacks number ${key}`);
  return value;
}
export function mapOf(item: Cbor | undefined): CborMap {
  if (!(item instanceof CborMap)) throw new Error('the answer is no map');
  return item;
}

async function verifies(key: Uint8Array, label: string, body: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const imported = await crypto.subtle.importKey('raw', Uint8Array.from(key), 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', imported, Uint8Array.from(signature), Uint8Array.from(concat(ascii(label), body)));
}

/** Opens {1: body, 2: signature} that the deployment's key signed. */
async function openStatement(statement: Uint8Array, key: Uint8Array, label: string): Promise<CborMap> {
  const outer = mapOf(decode(statement));
  const body = bytesAt(outer, 1);
  if (!await verifies(key, label, body, bytesAt(outer, 2, 64))) throw new Untrusted(`a statement (${label}) is not signed by the deployment key`);
  return mapOf(decode(body));
}

export interface Entry {
  readonly wallet: Uint8Array;
  /** Authority hash of the wallet, for what gives power. */
  readonly previous?: Uint8Array | undefined;
  readonly body: Cbor;
}

export interface Code {
  readonly id: Uint8Array;
  readonly code: number;
}

/** A change on its way: rendered by the signer, to be read and then signed. */
/** What a key outside of browsers answers (claviger change sign): whose it is, and its signature of the text. */
export interface KeyAnswer {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Prepared {
  readonly text: string;
  readonly change: Uint8Array;
  readonly challenge: Uint8Array;
  readonly registrations: readonly CborMap[];
}

export interface NewWallet {
  readonly name: string;
  readonly delay: bigint;
  readonly exportDelay: bigint;
  /** Limits of the wallet over all its grants, as a limit change has them (spec/authorization.cddl). */
  readonly limits?: readonly CborMap[];
  /** X25519 key that a copy of the wallet's key is sealed to. */
  readonly escape?: Uint8Array | undefined;
}

export interface Born {
  readonly passkey: Passkey;
  readonly wallet: Uint8Array;
  readonly address: Uint8Array;
  readonly escapeCopy: Uint8Array | undefined;
}

/**
 * A policy that names makers and neither deployment nor attestation keys is of somebody who knows nobody's key yet: the
 * node's TPM then shows here, to this page, that the quote's key lies in it.
 */
async function enrol(evidence: Uint8Array, policy: Policy): Promise<Policy> {
  if (policy.vendor_roots === undefined || policy.deployment_key !== undefined || policy.aks !== undefined) return policy;
  const ask = async ({ credential, secret }: Credential): Promise<Uint8Array> => {
    const { ok, status, said } = await http('/api/v1/evidence/activate', { credential: toBase64(credential), secret: toBase64(secret) });
    if (!ok) throw new Error(`the signer answers ${status} to an activation: try again in some seconds`);
    return fromBase64(String(said['secret'] ?? '')) ?? ZEROS;
  };
  const name = await activate(evidence, ask).catch((error: unknown) => {
    throw error instanceof ActivationError ? new Untrusted(`Its evidence is refused: ${error.message}.`) : error;
  });
  return { ...policy, aks: [name] };
}

export class Signer {
  readonly deployment: Uint8Array;
  readonly deploymentKey: Uint8Array;
  readonly boot: bigint;
  readonly software: boolean;
  readonly rpId: string;
  /** What the node's evidence showed; judged before anything else was sent. */
  readonly report: Report;
  readonly #channelKey: Uint8Array;
  readonly #signerKey: Uint8Array;
  #secret: Uint8Array | undefined;

  private constructor(channel: Record<string, unknown>, report: Report) {
    const text = (name: string): string => {
      const value = channel[name];
      if (typeof value !== 'string') throw new Untrusted(`the signer does not say its ${name}`);
      return value;
    };
    this.deployment = hex(text('deployment'));
    this.deploymentKey = hex(text('deployment_key'));
    this.boot = BigInt(text('boot'));
    this.software = text('tpm') !== 'hardware';
    this.rpId = text('rp_id');
    this.report = report;
    this.#channelKey = report.authorityKey;
    this.#signerKey = report.signerKey;
    if (report.deployment !== text('deployment') || report.deploymentKey !== text('deployment_key') || report.boot !== this.boot)
      throw new Untrusted('The evidence is of another deployment or start than the signer says.');
  }

  /**
   * Asks who answers, and judges the node's evidence over a nonce made here (spec/evidence.md): its deployment's key vouches
   * for the key that everything is sealed to. `policy` is the user's own; without one the machine is not judged.
   */
  static async connect(policy: Policy | undefined): Promise<Signer> {
    const ask = async (path: string): Promise<Record<string, unknown>> => {
      const { ok, status, said } = await http(path);
      if (!ok) throw new Error(`the signer answers ${status}: it may still be starting`);
      return said;
    };
    const nonce = crypto.getRandomValues(new Uint8Array(32));
    const evidence = fromBase64(String((await ask(`/api/v1/evidence?nonce=${toHex(nonce)}`))['evidence'] ?? ''));
    const judged = await verifyEvidence(evidence ?? ZEROS, nonce, await enrol(evidence ?? ZEROS, policy ?? { software_tpm: true })).catch((error: unknown) => {
      throw error instanceof PolicyError ? new Error(`Your policy file: ${error.message}`) : error;
    });
    if (!judged.accepted) throw new Untrusted(`Its evidence is refused: ${judged.words}.`);
    return new Signer(await ask('/api/v1/channel'), judged.report);
  }

  get hasSession(): boolean {
    return this.#secret !== undefined;
  }

  /** Seals to one of the deployment's channel keys. */
  async #seal(key: Uint8Array, plain: Uint8Array, aad?: Uint8Array): Promise<Sealed> {
    return seal(key, concat(ascii('claviger/hpke/v1'), this.deployment, await sha256(key)), plain, aad);
  }

  /** What answers a sealed request opens for who sealed it, and nobody else. */
  async #openAnswer(sealed: Sealed, answer: Uint8Array): Promise<CborMap> {
    const secret = await sealed.exportSecret('claviger/hpke-answer/v1');
    const keys = await hkdf(concat(sealed.enc, answer.slice(0, 32)), secret, ascii('claviger/hpke-answer/v1'), 44);
    return mapOf(decode(await aesOpen(keys.slice(0, 32), keys.slice(32), answer.slice(32)).catch(() => {
      throw new Untrusted('The answer was changed on its way, or is not for this page: nothing of it was used.');
    })));
  }

  /** One sealed question and its answer's payload. */
  ask(kind: Kind, payload: Uint8Array): Promise<Uint8Array> {
    return patiently(() => this.#askOnce(kind, payload));
  }

  async #askOnce(kind: Kind, payload: Uint8Array): Promise<Uint8Array> {
    const sealed = await this.#seal(this.#channelKey, encode(fields({ 1: 1n, 2: BigInt(kind), 3: payload })));
    const { ok, said } = await http('/api/v1/changes', { envelope: toBase64(sealed.bytes) });
    if (!ok) throw said['code'] === 'request_malformed' ? new Restarted() : new Refused(String(said['code']), String(said['detail']));
    const plain = await this.#openAnswer(sealed, fromBase64(String(said['envelope'])) ?? ZEROS);
    const inside = bytesAt(plain, 3);
    if (numberAt(plain, 2) === 0n) return inside;
    const refusal = mapOf(decode(inside));
    throw new Refused(String(refusal.get(1)), String(refusal.get(2)));
  }

  async #nonce(): Promise<Uint8Array> {
    return bytesAt(mapOf(decode(await this.ask(Kind.Nonce, new Uint8Array()))), 1, 32);
  }

  // ---- reading ----

  /** Opens a session for reading: one prompt, 15 minutes. Without a known passkey a first prompt finds it. */
  async open(known: Passkey | undefined): Promise<Passkey> {
    let passkey = known;
    if (passkey === undefined) {
      const found = await assert(this.rpId, crypto.getRandomValues(new Uint8Array(32)));
      passkey = { kind: kindOf(found.signature), rawId: found.rawId };
    }
    const request = encode(fields({
      1: 1n, 2: this.deployment, 3: BigInt(passkey.kind), 4: await passkeyId(passkey.rawId), 5: await this.#nonce(),
    }));
    const proof = await assert(this.rpId, await sha256(ascii('claviger/session/v1'), request), [passkey.rawId]);
    const session = fields({ 1: request, 3: proof.signature, 4: proof.authData, 5: proof.clientData });
    this.#secret = bytesAt(mapOf(decode(await this.ask(Kind.Session, encode(session)))), 1, 32);
    return passkey;
  }

  close(): void {
    this.#secret = undefined;
  }

  async read(topic: Topic, target: Uint8Array = ZEROS, after: Uint8Array = ZEROS): Promise<Uint8Array> {
    if (this.#secret === undefined) throw new Error('nobody has signed in');
    return this.ask(Kind.Read, encode(fields({ 1: this.#secret, 2: BigInt(topic), 3: target, 4: after })));
  }

  /** Puts a policy's module on offer, as who has signed in; resolves to the module-answer. */
  async addModule(module: Uint8Array): Promise<CborMap> {
    const read = this.#secret === undefined ? undefined
      : encode(fields({ 1: this.#secret, 2: BigInt(Topic.Module), 3: await sha256(module), 4: ZEROS }));
    return mapOf(decode(await this.ask(Kind.ModuleAdd, encode(fields({ 1: module, 3: read })))));
  }

  // ---- one-time codes: between this page and the signer itself; the process in between reads none of it ----

  /** A new secret, shown once: its id, itself, and itself sealed for the change that brings it. */
  async enroll(): Promise<{ id: Uint8Array; secret: Uint8Array; sealed: Uint8Array }> {
    const request = await this.#seal(this.#signerKey, encode(fields({ 1: this.deployment })), ascii('claviger/enroll/v1'));
    const enrolled = await this.#openAnswer(request, await this.ask(Kind.Enroll, request.bytes));
    return { id: bytesAt(enrolled, 1, 32), secret: bytesAt(enrolled, 2, 20), sealed: bytesAt(enrolled, 3, 48) };
  }

  /** A code for one factor and one change. */
  async #sealCode({ id, code }: Code, change: Uint8Array): Promise<CborMap> {
    const plain = new Uint8Array(4);
    new DataView(plain.buffer).setUint32(0, code);
    const sealed = await this.#seal(this.#signerKey, plain, concat(ascii('claviger/code/v1'), id, await sha256(change)));
    return fields({ 1: id, 2: sealed.bytes });
  }

  // ---- changing ----

  /** Has the signer render a change; `registers` makes the passkeys that it brings. */
  async prepare(action: Action, make: (nonce: Uint8Array) => Promise<{ entries: readonly Entry[]; registered?: readonly Registered[] }>): Promise<Prepared> {
    const nonce = await this.#nonce();
    const { entries, registered = [] } = await make(nonce);
    const expires = BigInt(Math.floor(Date.now() / 1000) + 600);
    const build = (description: Uint8Array): Uint8Array => encode(fields({
      1: 1n, 2: BigInt(action), 3: this.deployment,
      4: entries.map(({ wallet, previous, body }) => fields({ 1: wallet, 2: previous, 3: body })),
      5: nonce, 6: expires, 7: description,
    }));
    const registrations = await Promise.all(registered.map(async (each) =>
      fields({ 1: await passkeyId(each.rawId), 2: each.authData, 3: each.clientData })));
    const draft = fields({ 1: build(ZEROS), 2: [], 6: registrations.length === 0 ? undefined : registrations });
    const text = mapOf(decode(await this.ask(Kind.Prepare, encode(draft)).catch(tellOfClock))).get(1);
    if (typeof text !== 'string') throw new Error('the signer gave no text');
    const change = build(await sha256(ascii(text)));
    return { text, change, challenge: await sha256(ascii('claviger/change/v1'), change), registrations };
  }

  /** Sends a prepared change with what authorizes it; resolves to the submit-answer. */
  async submit(prepared: Prepared, signers: readonly { kind: number; proof: Assertion }[], codes: readonly Code[] = [], keys: readonly KeyAnswer[] = []): Promise<CborMap> {
    const signatures = await Promise.all(signers.map(async ({ kind, proof }) =>
      fields({ 1: BigInt(kind), 2: await passkeyId(proof.rawId), 3: proof.signature, 4: proof.authData, 5: proof.clientData })));
    const signed = fields({
      1: prepared.change, 2: [...signatures, ...keys.map(({ key, signature }) => fields({ 1: 1n, 2: key, 3: signature }))],
      5: codes.length === 0 ? undefined : await Promise.all(codes.map((code) => this.#sealCode(code, prepared.change))),
      6: prepared.registrations.length === 0 ? undefined : prepared.registrations,
    });
    return mapOf(decode(await this.ask(Kind.Submit, encode(signed))));
  }

  async complete(change: Uint8Array, wallet: Uint8Array): Promise<CborMap> {
    return mapOf(decode(await this.ask(Kind.Complete, encode(fields({ 1: change, 2: wallet })))));
  }

  /** What a new passkey answers: it comes with the change of this nonce and no other. */
  registerChallenge(nonce: Uint8Array): Promise<Uint8Array> {
    return sha256(ascii('claviger/register/v1'), this.deployment, nonce);
  }

  /** A new wallet under a new passkey: two prompts. Shows no address before the birth was checked (A8). */
  async create({ name, delay, exportDelay, escape, limits = [] }: NewWallet): Promise<Born> {
    const wallet = crypto.getRandomValues(new Uint8Array(32));
    let passkey: Registered | undefined;
    const prepared = await this.prepare(Action.Create, async (nonce) => {
      passkey = await register(this.rpId, name, await this.registerChallenge(nonce));
      const key = fields({ 1: BigInt(passkey.kind), 2: passkey.rawId, 3: passkey.publicKey });
      const body = fields({ 1: name, 2: [key], 4: escape, 6: delay === 0n ? undefined : delay, 7: exportDelay === 86_400n ? undefined : exportDelay, 8: limits.length === 0 ? undefined : [...limits] });
      return { entries: [{ wallet, body }], registered: [passkey] };
    });
    if (passkey === undefined) throw new Error('no passkey was made');
    const proof = await assert(this.rpId, prepared.challenge, [passkey.rawId]);
    const answer = await this.submit(prepared, [{ kind: passkey.kind, proof }]);
    const births = await openStatement(bytesAt(answer, 2), this.deploymentKey, 'claviger/birth/v1');
    const born = births.get(4);
    const one = Array.isArray(born) && born.length === 1 ? mapOf(born[0] as Cbor) : undefined;
    const keys = one?.get(4);
    const key = Array.isArray(keys) && keys.length === 1 ? mapOf(keys[0] as Cbor) : undefined;
    const copy = one?.get(6);
    if (one === undefined || key === undefined || one.entries.length !== (escape === undefined ? 4 : 5) || (copy instanceof Uint8Array) !== (escape !== undefined) || one.get(3) !== false ||
        toHex(bytesAt(births, 2)) !== toHex(this.deployment) || toHex(bytesAt(births, 3)) !== toHex(await sha256(prepared.change)) ||
        toHex(bytesAt(one, 1)) !== toHex(wallet) || numberAt(key, 1) !== BigInt(passkey.kind) ||
        toHex(bytesAt(key, 2)) !== toHex(await passkeyId(passkey.rawId)) || isSmall(bytesAt(one, 2, 32)))
      throw new Untrusted('the signer confirms another wallet than the one that was asked for');
    return { passkey, wallet, address: bytesAt(one, 2, 32), escapeCopy: copy instanceof Uint8Array ? copy : undefined };
  }
}
