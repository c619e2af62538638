// SPDX-License-Identifier: Apache-2.0
// Is this evidence of a node that the policy accepts? The twin of lib/attest/attest_verify.c, for browsers and bots
// (spec/evidence.md): WebCrypto and nothing else. The order of the checks is the specification's, so that both
// give the same refusal.
import * as cbor from '../cbor.js';
import { concat, extend, FormError, hex, own, same, sha256, text, unhex } from './bytes.js';
import { decode, Fields, takeEvidence, type Evidence, type Proof } from './form.js';
import { QUOTED_MASK, replayLog, type EventLog } from './log.js';
import { Refused, refuse, type RefusalCode } from './refusal.js';
import {
  checkSignature, digestLength, isAttestationKey, isEndorsementKey, takeNvPublic, takePublic, takeSignature, takeStatement, TYPE_NV,
  TYPE_QUOTE, type Public, type Signature, type Statement,
} from './tpm.js';
import { checkChain } from './x509.js';

/** What is accepted; the members of a policy file (spec/evidence.md). Hex where bytes are meant. */
export interface Policy {
  /** PEM texts of makers' certificates, roots and intermediates: each is an anchor. */
  readonly vendor_roots?: readonly string[];
  readonly eks?: readonly string[];
  readonly aks?: readonly string[];
  readonly deployment_key?: string;
  readonly releases?: readonly Values[];
  readonly firmwares?: readonly Values[];
  readonly minimum_tpm_firmware?: string;
  readonly release_floor?: number;
  readonly site_floor?: number;
  readonly counter?: number | string;
  readonly event_log?: boolean;
  readonly software_tpm?: boolean;
  readonly genesis?: string;
  readonly single_operator?: boolean;
  readonly unattended?: boolean;
  readonly recovery_key?: boolean;
  readonly reduced_sandbox?: boolean;
}

export interface Values {
  readonly name?: string;
  /** pcrs.json names the image by its hash. */
  readonly image?: string;
  readonly sha256: Readonly<Record<string, string>>;
}

/** What was proven. Keys are bytes; everything else is ready to be shown. */
export interface Report {
  /** A maker's certificate stands behind the quote; false: a software TPM, or the policy did not ask. */
  readonly hardware: boolean;
  readonly deployment: string;
  readonly deploymentKey: string;
  readonly boot: bigint;
  readonly bootRecord: string;
  readonly mode: 'workstation' | 'appliance';
  readonly says: string;
  readonly release: string;
  readonly firmware: string;
  /** One person holds both roots, release and site. */
  readonly singleOperator: boolean;
  /** A person approves each start; else the machine starts by itself. */
  readonly attended: boolean;
  /** There is a key that opens a backup on another machine. */
  readonly recoveryKey: boolean;
  /** Layers of the signer's sandbox that its host does not give. */
  readonly sandboxMissing: readonly string[];
  readonly genesis: string;
  /** Commitment to the node share: what a machine in this one's place is provisioned to take. */
  readonly share: string;
  /** The appliance's hardware as its kernel sees it, name=value words; empty: a workstation. */
  readonly machine: string;
  /** What runs the policies that ship; all others are interpreted on every node. */
  readonly policyEngine: 'compiled' | 'interpreter';
  readonly ak: string;
  readonly ek: string;
  readonly activated: boolean;
  /** X25519: changes are sealed to the authority's key, seeds to the signer's. */
  readonly authorityKey: Uint8Array;
  readonly signerKey: Uint8Array;
  readonly tlsKey: string;
  readonly manifest: string;
  readonly releaseFloor: number | undefined;
  readonly siteFloor: number | undefined;
  readonly counter: bigint | undefined;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly clockMs: bigint;
  readonly tpmFirmware: bigint;
  readonly log: EventLog | undefined;
  readonly nonce: string;
  readonly beacon: { readonly source: string; readonly value: string } | undefined;
}

export type Judgement =
  | { readonly accepted: true; readonly report: Report }
  | { readonly accepted: false; readonly code: RefusalCode; readonly words: string };

/** A policy that cannot be used as it is written. */
export class PolicyError extends Error {}

// ---- who speaks ----

interface Node {
  readonly deployment: Uint8Array;
  readonly deploymentKey: Uint8Array;
  readonly boot: bigint;
  readonly bootRecord: Uint8Array;
  readonly mode: number;
  readonly akName: Uint8Array;
  readonly ek: Uint8Array;
  readonly activated: boolean;
  readonly authority: Uint8Array;
  readonly signer: Uint8Array;
  readonly tls: Uint8Array;
  readonly manifest: Uint8Array;
  readonly release: string;
  readonly singleOperator: boolean;
  readonly genesis: Uint8Array;
  readonly attended: boolean;
  readonly recoveryKey: boolean;
  readonly machine: string;
  readonly sandboxMissing: readonly string[];
  readonly siteRoot: Uint8Array;
  readonly releaseBase: bigint;
  readonly siteBase: bigint;
  readonly firstCounter: bigint;
  readonly share: Uint8Array;
  readonly interpreter: boolean;
}

const PCRS = [0, 2, 4, 7, 9, 11, 12, 13, 14];
const BASE_MAX = (1n << 56n) - 1n;
const BOOT_MAX = (1n << 63n) - 1n;

/** Points of small order (RFC 7748 section 7 and their other encodings): a key that anybody's signature fits. */
const SMALL = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000', '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);

export function isSmall(key: Uint8Array): boolean {
  const low = Uint8Array.from(key);
  low[31] = low[31]! & 0x7f;
  return SMALL.has(hex(low));
}

async function signedBy(key: Uint8Array, label: string, body: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (isSmall(key) || isSmall(signature.subarray(0, 32))) return false;
  try {
    const imported = await crypto.subtle.importKey('raw', own(key), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', imported, own(signature), own(concat(text(label), body)));
  } catch {
    return false;
  }
}

function takeSigned(bytes: Uint8Array, max: number): { body: Uint8Array; signature: Uint8Array } {
  const f = new Fields(decode(bytes), 2);
  return { body: f.bytes(1, max), signature: f.bytes(2, 64, true) };
}

const LAYERS = new Map([[0x2n, 'network-namespace'], [0x40n, 'empty-root'], [0x80n, 'own-uid'], [0x100n, 'landlock']]);

function takeLayers(bits: bigint): string[] {
  if ((bits & ~0x1c2n) !== 0n) throw new FormError();
  return [...LAYERS].filter(([bit]) => (bits & bit) !== 0n).map(([, name]) => name);
}

function takeNode(body: Uint8Array): Node {
  const f = new Fields(decode(body), 26);
  if (f.uint(1, 4n) !== 4n) throw new FormError();
  const mode = Number(f.uint(6, 2n));
  if (mode === 0) throw new FormError();
  return {
    deployment: f.bytes(2, 32, true), deploymentKey: f.bytes(3, 32, true), boot: f.uint(4, BOOT_MAX), bootRecord: f.bytes(5, 32, true),
    mode, akName: f.bytes(7, 34, true), ek: f.bytes(8, 32, true), activated: f.bool(9), authority: f.bytes(10, 512),
    signer: f.bytes(11, 512), tls: f.bytes(12, 32, true), manifest: f.bytes(13, 32, true), release: f.text(14, 64),
    singleOperator: f.bool(15), genesis: f.bytes(16, 32, true), attended: f.bool(17), recoveryKey: f.bool(18),
    machine: f.text(19, 320), sandboxMissing: takeLayers(f.uint(20, 0x1c2n)), siteRoot: f.bytes(21, 64, true),
    releaseBase: f.uint(22, BASE_MAX), siteBase: f.uint(23, BASE_MAX), firstCounter: f.uint(24, (1n << 64n) - 1n), share: f.bytes(25, 32, true),
    interpreter: f.bool(26),
  };
}

async function openNode(bytes: Uint8Array): Promise<Node> {
  let node: Node;
  let signed: { body: Uint8Array; signature: Uint8Array };
  try {
    signed = takeSigned(bytes, 2048);
    node = takeNode(signed.body);
  } catch (error) {
    if (error instanceof FormError) refuse('node-form');
    throw error;
  }
  if (!(await signedBy(node.deploymentKey, 'claviger/node/v1', signed.body, signed.signature))) refuse('node-signature');
  return node;
}

async function openChannel(node: Node, bytes: Uint8Array, role: bigint): Promise<Uint8Array> {
  try {
    const { body, signature } = takeSigned(bytes, 512);
    if (!(await signedBy(node.deploymentKey, 'claviger/channel/v1', body, signature))) refuse('channel');
    const f = new Fields(decode(body), 5);
    if (f.uint(1, 1n) !== 1n || !same(f.bytes(2, 32, true), node.deployment) || f.uint(3, BOOT_MAX) !== node.boot ||
        f.uint(4, 2n) !== role) refuse('channel');
    return f.bytes(5, 32, true);
  } catch (error) {
    if (error instanceof FormError) refuse('channel');
    throw error;
  }
}

// ---- nonces ----

/** The only root that this proof can be of (RFC 9162 section 2.1.3.2). */
async function proofRoot(proof: Proof): Promise<Uint8Array> {
  let at = proof.index;
  let last = proof.count - 1;
  if (proof.count === 0 || at > last) refuse('proof');
  const [zero, one] = [Uint8Array.of(0), Uint8Array.of(1)];
  let root = await sha256(zero, proof.nonce);
  for (const sibling of proof.path) {
    if (last === 0) refuse('proof');
    if (at % 2 !== 0 || at === last) {
      root = await sha256(one, sibling, root);
      while (at % 2 === 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      root = await sha256(one, root, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) refuse('proof');
  return root;
}

/** The nonce that a public value makes. */
export async function beaconNonce(source: string, value: string): Promise<Uint8Array> {
  return sha256(text('claviger/beacon/v1'), cbor.encode(cbor.fields({ 1: source, 2: value })));
}

async function checkNonce(evidence: Evidence, nonce: Uint8Array | undefined): Promise<Uint8Array> {
  const proof = evidence.proof;
  if (proof === undefined || (nonce !== undefined && !same(nonce, proof.nonce))) refuse('nonce');
  const beacon = evidence.beacon;
  if (beacon !== undefined && !same(await beaconNonce(beacon.source, beacon.value), proof.nonce)) refuse('beacon');
  return proofRoot(proof);
}

// ---- what the TPM signed ----

function asForm<T>(code: RefusalCode, take: () => T): T {
  try {
    return take();
  } catch (error) {
    if (error instanceof FormError) refuse(code);
    throw error;
  }
}

async function asFormAsync<T>(code: RefusalCode, take: () => Promise<T>): Promise<T> {
  try {
    return await take();
  } catch (error) {
    if (error instanceof FormError) refuse(code);
    throw error;
  }
}

const HASHES = new Map([[0x000b, 'SHA-256'], [0x000c, 'SHA-384'], [0x000d, 'SHA-512']]);

async function checkQuote(evidence: Evidence, ak: Public, root: Uint8Array): Promise<Statement> {
  const extra = await sha256(text('claviger/quote/v1'), root, await sha256(evidence.node));
  const signature: Signature = asForm('signature-form', () => takeSignature(evidence.signature, ak.key));
  if (!(await checkSignature(signature, ak.key, evidence.statement))) refuse('signature');
  const quote = takeStatement(evidence.statement, TYPE_QUOTE);
  if (!same(quote.extra, extra)) refuse('extra');
  const banks = quote.selection.filter((bank) => bank.mask !== 0);
  if (banks.some((bank) => digestLength(bank.algorithm) === 20)) refuse('pcr-bank');
  if (banks.length !== 1 || banks[0]!.algorithm !== 0x000b || banks[0]!.mask !== QUOTED_MASK) refuse('pcr-selection');
  const digest = new Uint8Array(await crypto.subtle.digest(HASHES.get(signature.hash)!, own(evidence.pcrs)));
  if (!same(digest, quote.pcrDigest)) refuse('pcr-digest');
  return quote;
}

function quoted(evidence: Evidence, pcr: number): Uint8Array {
  const at = PCRS.indexOf(pcr) * 32;
  return evidence.pcrs.subarray(at, at + 32);
}

/** PCR 11 after the cap. */
export async function cap(atUnseal: Uint8Array): Promise<Uint8Array> {
  return extend(atUnseal, await sha256(text('claviger/cap/v1')));
}

// ---- policies ----

interface Rules {
  readonly roots: readonly Uint8Array[];
  readonly eks: readonly Uint8Array[];
  readonly aks: readonly Uint8Array[];
  readonly deploymentKey: Uint8Array | undefined;
  readonly genesis: Uint8Array | undefined;
  readonly releases: readonly Known[];
  readonly firmwares: readonly Known[];
  readonly tpmFirmware: bigint;
  readonly releaseFloor: number;
  readonly siteFloor: number;
  readonly counter: bigint;
}

interface Known {
  readonly name: string;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

const MEMBERS = new Set([
  'vendor_roots', 'eks', 'aks', 'deployment_key', 'releases', 'firmwares', 'minimum_tpm_firmware', 'release_floor', 'site_floor', 'counter',
  'event_log', 'software_tpm', 'genesis', 'single_operator', 'unattended', 'recovery_key', 'reduced_sandbox',
]);

/** Lists; true: of objects, else of texts. */
const LISTS: Readonly<Record<string, boolean>> = { vendor_roots: false, eks: false, aks: false, releases: true, firmwares: true };
const FLAGS = new Set(['event_log', 'software_tpm', 'single_operator', 'unattended', 'recovery_key', 'reduced_sandbox']);
const LIST_MAX = 1024;

function bytesOf(value: unknown, length: number, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? unhex(value) : undefined;
  if (bytes?.length !== length) throw new PolicyError(`"${name}" is not ${2 * length} hex digits`);
  return bytes;
}

function pem(value: string): Uint8Array[] {
  const blocks = [...value.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)];
  if (blocks.length === 0) throw new PolicyError('"vendor_roots" has an item without a certificate in PEM');
  return blocks.map((block) => Uint8Array.from(atob(block[1]!.replace(/\s/g, '')), (char) => char.charCodeAt(0)));
}

function known(values: Values, pcrs: readonly number[], more: readonly number[], name: string): Known {
  const keys = Object.keys(values.sha256);
  const called = values.name ?? values.image;
  if (typeof called !== 'string' || called === '' || pcrs.some((pcr) => !keys.includes(String(pcr))) ||
      keys.some((key) => ![...pcrs, ...more].map(String).includes(key)) ||
      Object.keys(values).some((key) => key !== 'name' && key !== 'image' && key !== 'sha256'))
    throw new PolicyError(`an item of "${name}" lacks its name or a PCR, or has one that does not belong there`);
  const found = new Map(keys.map((key) => [Number(key), bytesOf(values.sha256[key], 32, name)]));
  // What PCR 13 holds later is checked by itself.
  if (!same(found.get(13) ?? new Uint8Array(32), new Uint8Array(32))) throw new PolicyError('PCR 13 is zero at unseal');
  found.delete(13);
  return { name: called, pcrs: found };
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const isValues = (value: unknown): boolean => isObject(value) && isObject((value as { sha256?: unknown }).sha256);

/** What came out of a JSON file is of any type: a text "false" is not false, and a floor that is no number would compare with nothing. */
function checkTypes(policy: Policy): void {
  for (const [name, value] of Object.entries(policy) as [string, unknown][]) {
    if (!MEMBERS.has(name)) throw new PolicyError(`"${name}" is no member of a policy`);
    if (value === undefined) continue;
    if (name in LISTS) {
      const ofObjects = LISTS[name];
      const isItem = ofObjects === true ? isValues : (item: unknown): boolean => typeof item === 'string';
      if (!Array.isArray(value) || value.length > LIST_MAX || !value.every(isItem))
        throw new PolicyError(`"${name}" is a list of ${ofObjects === true ? 'objects with "sha256"' : 'texts'}`);
    } else if (FLAGS.has(name)) {
      if (typeof value !== 'boolean') throw new PolicyError(`"${name}" is true or false`);
    } else if (name === 'release_floor' || name === 'site_floor') {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 255) throw new PolicyError(`"${name}" is a number from 0 to 255`);
    } else if (name === 'counter') {
      const isCount = typeof value === 'number' ? Number.isSafeInteger(value) && value >= 0 : typeof value === 'string' && /^(0|[1-9][0-9]{0,18})$/.test(value);
      if (!isCount || BigInt(value as number | string) > BOOT_MAX) throw new PolicyError('"counter" is a whole number, above 2^53 as a text');
    }
  }
}

function read(policy: Policy): Rules {
  if (!isObject(policy)) throw new PolicyError('a policy is an object');
  checkTypes(policy);
  return {
    roots: (policy.vendor_roots ?? []).flatMap(pem),
    eks: (policy.eks ?? []).map((value) => bytesOf(value, 32, 'eks')),
    aks: (policy.aks ?? []).map((value) => bytesOf(value, 34, 'aks')),
    deploymentKey: policy.deployment_key === undefined ? undefined : bytesOf(policy.deployment_key, 32, 'deployment_key'),
    genesis: policy.genesis === undefined ? undefined : bytesOf(policy.genesis, 32, 'genesis'),
    releases: (policy.releases ?? []).map((values) => known(values, [4, 9, 11, 12, 14], [7, 13], 'releases')),
    firmwares: (policy.firmwares ?? []).map((values) => known(values, [0, 2, 7], [], 'firmwares')),
    tpmFirmware: policy.minimum_tpm_firmware === undefined ? 0n : BigInt(`0x${hex(bytesOf(policy.minimum_tpm_firmware, 8, 'minimum_tpm_firmware'))}`),
    releaseFloor: policy.release_floor ?? 0, siteFloor: policy.site_floor ?? 0, counter: BigInt(policy.counter ?? 0),
  };
}

// ---- whose TPM, and what runs ----

const EK_USAGE = '2.23.133.8.1';

async function checkMaker(rules: Rules, evidence: Evidence, node: Node, ak: Public, atSeconds: number): Promise<void> {
  const [first, ...between] = evidence.certificates;
  if (first === undefined || evidence.ek.length === 0) refuse('ek-none');
  const ek = await asFormAsync('ek-form', () => takePublic(evidence.ek));
  if (!isEndorsementKey(ek)) refuse('ek-form');
  const leaf = await checkChain(first, between, rules.roots, EK_USAGE, atSeconds);
  if (!same(leaf.spki, ek.key.spki)) refuse('ek-key');
  const id = await sha256(evidence.ek); // not its name: that is of the digest which its template has
  if (rules.eks.length !== 0 && !rules.eks.some((one) => same(one, id))) refuse('ek-unknown');
  const linked = rules.aks.some((one) => same(one, ak.name)) ||
    (rules.deploymentKey !== undefined && node.activated && same(node.ek, id));
  if (!linked) refuse('ek-link');
}

async function findValues(evidence: Evidence, list: readonly Known[]): Promise<string | undefined> {
  for (const one of list) {
    let equal = true;
    for (const [pcr, value] of one.pcrs) equal &&= same(pcr === 11 ? await cap(value) : value, quoted(evidence, pcr));
    if (equal) return one.name;
  }
  return undefined;
}

const NV = { COUNTER: 0x01434c02, RELEASE_FLOOR: 0x01434c03, SITE_FLOOR: 0x01434c04 } as const;

/** PolicyAuthorize of the site root for one genesis (spec/sealing.md): what a floor's index carries. */
async function floorPolicy(node: Node, purpose: string): Promise<Uint8Array> {
  const [x, y] = [node.siteRoot.subarray(0, 32), node.siteRoot.subarray(32)];
  const len = Uint8Array.of(0, 32);
  // TPMT_PUBLIC as a TPM loads and names it: ECC, SHA-256, sign, no policy, cipher, scheme or KDF, P-256.
  const area = concat(Uint8Array.of(0, 0x23, 0, 0x0b, 0, 4, 0, 0, 0, 0, 0, 0x10, 0, 0x10, 0, 3, 0, 0x10), len, x, len, y);
  const name = concat(Uint8Array.of(0, 0x0b), await sha256(area));
  const authorized = await sha256(new Uint8Array(32), Uint8Array.of(0, 0, 1, 0x6a), name);
  return sha256(authorized, await sha256(text(purpose), node.genesis));
}

/** Is it the very index that genesis made? Whoever has the owner's authorization can define another one under its number. */
async function isOfGenesis(index: number, policy: Uint8Array, value: bigint, node: Node): Promise<boolean> {
  if (index === NV.COUNTER) return value >= node.firstCounter;
  const isSite = index === NV.SITE_FLOOR;
  return value >> 8n === (isSite ? node.siteBase : node.releaseBase) &&
    same(policy, await floorPolicy(node, isSite ? 'claviger/floor/site/v2' : 'claviger/floor/delegate/v2'));
}

async function checkNv(evidence: Evidence, node: Node, ak: Public, quote: Statement): Promise<Map<number, Uint8Array>> {
  const extra = await sha256(text('claviger/nv/v1'), node.deployment);
  const found = new Map<number, Uint8Array>();
  for (const nv of evidence.nv) {
    const area = await asFormAsync('nv-form', () => takeNvPublic(nv.area));
    const signature = asForm('nv-form', () => takeSignature(nv.signature, ak.key));
    if (!(await checkSignature(signature, ak.key, nv.statement))) refuse('nv-signature');
    let said: Statement;
    try {
      said = takeStatement(nv.statement, TYPE_NV);
    } catch (error) {
      if (error instanceof Refused) refuse('nv-form');
      throw error;
    }
    if (!same(said.nvName, area.name) || said.nvOffset !== 0 || area.size !== said.nvData.length) refuse('nv-name');
    if (!same(said.extra, extra) || said.resetCount !== quote.resetCount || said.restartCount !== quote.restartCount ||
        said.clockMs > quote.clockMs) refuse('nv-stale');
    const isFloor = area.index === NV.RELEASE_FLOOR || area.index === NV.SITE_FLOOR;
    if (!isFloor && area.index !== NV.COUNTER) refuse('nv-kind');
    if (((area.attributes >>> 4) & 15) !== 1 || ((area.attributes >>> 29) & 1) === 0 || said.nvData.length !== 8) refuse('nv-kind');
    if (isFloor && ((area.attributes & 7) !== 0 || (area.attributes & 8) === 0 || area.policy.length !== 32)) refuse('nv-kind');
    if (found.has(area.index)) refuse('nv-form');
    if (!(await isOfGenesis(area.index, area.policy, number(said.nvData)!, node))) refuse('nv-genesis');
    found.set(area.index, said.nvData);
  }
  return found;
}

async function checkLog(policy: Policy, evidence: Evidence): Promise<EventLog | undefined> {
  if (evidence.log.length === 0) {
    if (policy.event_log === true) refuse('log-none');
    return undefined;
  }
  const log = await replayLog(evidence.log);
  for (const pcr of PCRS) {
    if (pcr === 13) continue;
    const value = log.pcrs[pcr]!;
    if (!same(pcr === 11 ? await cap(value) : value, quoted(evidence, pcr))) refuse('log-replay');
  }
  if (policy.event_log === true && log.secureBoot !== true) refuse('secure-boot');
  return log;
}

const number = (bytes: Uint8Array | undefined): bigint | undefined => (bytes === undefined ? undefined : BigInt(`0x${hex(bytes)}`));

async function judge(bytes: Uint8Array, nonce: Uint8Array | undefined, policy: Policy, rules: Rules, atSeconds: number): Promise<Report> {
  const evidence = asForm('evidence-form', () => takeEvidence(bytes));
  const software = policy.software_tpm === true;
  if (software && (rules.roots.length !== 0 || rules.eks.length !== 0 || rules.aks.length !== 0)) refuse('policy');
  if (!software && (rules.roots.length === 0 || rules.releases.length === 0 || rules.firmwares.length === 0 ||
      (rules.deploymentKey === undefined && rules.aks.length === 0))) refuse('policy');
  const node = await openNode(evidence.node);
  if (rules.deploymentKey !== undefined && !same(rules.deploymentKey, node.deploymentKey)) refuse('deployment');
  const authorityKey = await openChannel(node, node.authority, 1n);
  const signerKey = await openChannel(node, node.signer, 2n);
  const ak = await asFormAsync('key-form', () => takePublic(evidence.ak));
  if (!isAttestationKey(ak)) refuse('key-kind');
  if (!same(ak.name, node.akName)) refuse('ak-name');
  const quote = await checkQuote(evidence, ak, await checkNonce(evidence, nonce));
  const commit = await sha256(text('claviger/commit/v1'), node.deploymentKey, node.manifest, signerKey);
  if (!same(await extend(new Uint8Array(32), commit), quoted(evidence, 13))) refuse('commit');
  if (!software) await checkMaker(rules, evidence, node, ak, atSeconds);
  if (quote.firmware < rules.tpmFirmware) refuse('tpm-firmware');
  const release = await findValues(evidence, rules.releases);
  if (rules.releases.length !== 0 && release === undefined) refuse('pcr-release');
  const firmware = await findValues(evidence, rules.firmwares);
  if (rules.firmwares.length !== 0 && firmware === undefined) refuse('pcr-firmware');
  const nv = await checkNv(evidence, node, ak, quote);
  const [releaseFloor, siteFloor, counter] = [nv.get(NV.RELEASE_FLOOR)?.[7], nv.get(NV.SITE_FLOOR)?.[7], number(nv.get(NV.COUNTER))];
  if ((rules.releaseFloor !== 0 && (releaseFloor ?? -1) < rules.releaseFloor) ||
      (rules.siteFloor !== 0 && (siteFloor ?? -1) < rules.siteFloor) || (rules.counter !== 0n && (counter ?? -1n) < rules.counter))
    refuse('floor');
  const log = await checkLog(policy, evidence);
  if (rules.genesis !== undefined && !same(rules.genesis, node.genesis)) refuse('genesis');
  if (node.singleOperator && policy.single_operator !== true && !software) refuse('single-operator');
  if (!node.attended && policy.unattended !== true && !software) refuse('unattended');
  if (node.recoveryKey && policy.recovery_key !== true && !software) refuse('recovery-key');
  if (node.sandboxMissing.length !== 0 && policy.reduced_sandbox !== true && !software) refuse('reduced-sandbox');
  return {
    hardware: !software, deployment: hex(node.deployment), deploymentKey: hex(node.deploymentKey), boot: node.boot,
    bootRecord: hex(node.bootRecord), mode: node.mode === 2 ? 'appliance' : 'workstation', says: node.release, release: release ?? '',
    firmware: firmware ?? '', singleOperator: node.singleOperator, attended: node.attended, recoveryKey: node.recoveryKey, genesis: hex(node.genesis), share: hex(node.share), machine: node.machine, policyEngine: node.interpreter ? 'interpreter' : 'compiled', sandboxMissing: node.sandboxMissing, ak: hex(ak.name), ek: hex(node.ek), activated: node.activated || !software,
    authorityKey, signerKey, tlsKey: hex(node.tls), manifest: hex(node.manifest), releaseFloor, siteFloor, counter,
    resetCount: quote.resetCount, restartCount: quote.restartCount, clockMs: quote.clockMs, tpmFirmware: quote.firmware, log,
    nonce: hex(evidence.proof!.nonce), beacon: evidence.beacon,
  };
}

/**
 * Judges evidence (spec/evidence.md). `nonce`: the 32 bytes that you asked with; undefined for evidence that somebody else
 * asked for or that answers a beacon, whose age is then yours to judge. Throws PolicyError for a policy that cannot be read.
 */
export async function verifyEvidence(
  evidence: Uint8Array, nonce: Uint8Array | undefined, policy: Policy, at: Date = new Date(),
): Promise<Judgement> {
  const rules = read(policy);
  try {
    return { accepted: true, report: await judge(evidence, nonce, policy, rules, Math.floor(at.getTime() / 1000)) };
  } catch (error) {
    if (error instanceof Refused) return { accepted: false, code: error.code, words: error.message };
    throw error;
  }
}
