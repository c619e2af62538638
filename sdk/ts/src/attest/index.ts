// SPDX-License-Identifier: Apache-2.0
// Evidence of a node, checked where it is needed: in a browser or a bot. Nothing but WebCrypto is used.
export { activate, ActivationError, makeCredential, type Credential } from './credential.js';
export { REFUSALS, type RefusalCode } from './refusal.js';
export { beaconNonce, PolicyError, verifyEvidence, type Judgement, type Policy, type Report, type Values } from './verify.js';
export type { EventLog } from './log.js';
