// SPDX-License-Identifier: Apache-2.0
export { BATCH_MAX, ClavigerClient } from './client.js';
export type { CallOptions, Channel, Checked, ClientConfig, Facts, Grant, Limit, Pending, RetryRules, Sequence, Signed, SignRequest, Status, TableHint, Wallet, WalletEvent } from './client.js';
export { ClavigerError, SignerError, SignerErrorCode } from './errors.js';
export type { GrantReason, Refusal } from './errors.js';
export { createClavigerSigner } from './signer.js';
export type { ClavigerSigner, ClavigerSignerConfig, SigningOptions } from './signer.js';
export { OtherKey } from './transport.js';
export type { Answer, Request, Stream, StreamTransport, Transport } from './transport.js';
export { checkTrust } from './trust.js';
export type { Asked, EvidencePolicy, EvidenceReport, Shown, Trust } from './trust.js';
