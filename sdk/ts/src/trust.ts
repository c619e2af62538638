// SPDX-License-Identifier: Apache-2.0
// Is this the signer that its user means? Checked before a token or a transaction is sent, and again after a restart of
// the signer: evidence of its node over a nonce of ours (spec/evidence.md), judged here.
import { activate, ActivationError, PolicyError, verifyEvidence, type Credential, type Policy, type Report } from './attest/index.js';
import { toHex } from './bytes.js';
import { ownError, SignerErrorCode } from './errors.js';

export type { Policy as EvidencePolicy, Report as EvidenceReport } from './attest/index.js';

/** What a client pins. */
export interface Trust {
  /** The deployment's key, 64 hex digits, from `claviger attest get` on a machine that is trusted. */
  readonly deploymentKey: string;
  /**
   * What the node must show, as a policy file of spec/evidence.md with PEM texts in place of paths. Default
   * `{ software_tpm: true }`: deployment, TPM key, channel keys and TLS key belong together and answer now;
   * nothing about the machine. With vendor roots, releases and firmwares the machine is checked too.
   */
  readonly evidence?: Policy | undefined;
  /**
   * Have the node's TPM show first that the quote's key lies in the TPM that the maker's certificate is for, instead of
   * taking the deployment's word. An `aks` of the policy must list the key; without one it counts for this check.
   */
  readonly activate?: boolean | undefined;
  /** More to check; throws or rejects to refuse. */
  readonly verify?: ((context: { readonly report: Report; readonly url: URL }) => void | Promise<void>) | undefined;
}

const MEMBERS: Readonly<Record<string, string>> = { deploymentKey: 'string', evidence: 'object', activate: 'boolean', verify: 'function' };

/** What is misspelt, or null where a policy was meant, would leave a check out: it is refused where it is written. */
export function assertTrust(trust: Trust): void {
  const wrong = (text: string): never => { throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', text); };
  if (typeof trust !== 'object' || !/^[0-9a-f]{64}$/.test(trust?.deploymentKey ?? ''))
    wrong('"trust" must name the deployment key, 64 hex digits (claviger attest get prints it), or be "tls"');
  for (const [name, value] of Object.entries(trust)) {
    const type = MEMBERS[name];
    if (value !== undefined && (value === null || typeof value !== type)) wrong(`"trust.${name}" ${type === undefined ? 'is not known here' : `must be of type ${type}`}`);
  }
}

/** Evidence as it came, with the key of the TLS connection that brought it, where the transport can tell. */
export interface Shown {
  readonly evidence: Uint8Array;
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly tlsKey: string | undefined;
}

function refuse(message: string, cause?: unknown): never {
  throw ownError(SignerErrorCode.NOT_AVAILABLE, 'signer_untrusted', message, cause);
}

/** What a node answers before it is trusted. */
export interface Asked {
  evidence(nonce: string): Promise<Shown>;
  activate(credential: Credential): Promise<Uint8Array>;
}

async function enrol(evidence: Uint8Array, policy: Policy, ask: Asked): Promise<Policy> {
  const name = await activate(evidence, (credential) => ask.activate(credential)).catch((error: unknown) => {
    if (error instanceof ActivationError) refuse(`not activated: ${error.message}`);
    throw error;
  });
  if (policy.aks !== undefined && !policy.aks.some((one) => one.toLowerCase() === name)) refuse('the activated attestation key is none of the policy\'s "aks"');
  return policy.software_tpm === true ? policy : { ...policy, aks: [name] };
}

/** Judges what `ask` brings for a fresh nonce. In Node the connection itself must be the node's: a relay has another key. */
export async function checkTrust(trust: Trust, url: URL, ask: Asked): Promise<Report> {
  assertTrust(trust);
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const { evidence, tlsKey } = await ask.evidence(toHex(nonce));
  let policy: Policy = { ...(trust.evidence ?? { software_tpm: true }), deployment_key: trust.deploymentKey };
  if (trust.activate === true) policy = await enrol(evidence, policy, ask);
  const judged = await verifyEvidence(evidence, nonce, policy).catch((error: unknown) => {
    if (error instanceof PolicyError) throw ownError(SignerErrorCode.CONFIG_ERROR, 'config', `"trust.evidence": ${error.message}`, error);
    throw error;
  });
  if (!judged.accepted) refuse(`evidence refused (${judged.code}): ${judged.words}`);
  if (tlsKey !== undefined && tlsKey !== judged.report.tlsKey)
    refuse('the connection is not the node\'s own: somebody stands between, who has another TLS key');
  await trust.verify?.({ report: judged.report, url });
  return judged.report;
}
