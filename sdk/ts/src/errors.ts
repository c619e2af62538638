// SPDX-License-Identifier: Apache-2.0
// What can go wrong, as keychain's SignerError with more to read: `code` is keychain's, `reason` the
// signer's own word ("policy_denied"), `reasons` what each grant said.
import { SignerError, SignerErrorCode } from '@solana/keychain-core';

/** Why one grant did not lead to a signature. */
export interface GrantReason {
  /** The grant's id, 64 hex digits. */
  readonly grant: string;
  /** How it ended: `policy_denied`, `cap_exceeded`, ... */
  readonly code: string;
  /** The policy's own number for it. */
  readonly policyCode: number;
  /** Index of the instruction it is about; null when it is about none. */
  readonly instruction: number | null;
  readonly fuel: bigint;
  readonly text: string;
}

/** What the signer said beside the words. */
export interface Refusal {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number;
  /** The signer's word: `policy_denied`, `window_spent`, ...; `no_connection` when none came. */
  readonly reason: string;
  /** The same request may succeed later by itself. */
  readonly retryable: boolean;
  readonly retryAfterMs?: number;
  /** Id of the receipt; `claviger decision show ID` prints it. */
  readonly decision?: string;
  readonly messageHash?: string;
  readonly reasons: readonly GrantReason[];
}

export class ClavigerError extends SignerError implements Refusal {
  declare readonly status?: number;
  readonly reason: string;
  readonly retryable: boolean;
  declare readonly retryAfterMs?: number;
  declare readonly decision?: string;
  declare readonly messageHash?: string;
  readonly reasons: readonly GrantReason[];

  constructor(code: SignerErrorCode, message: string, refusal: Refusal, cause?: unknown) {
    super(code, {
      message,
      reason: refusal.reason,
      ...(refusal.status === undefined ? {} : { status: refusal.status }),
      ...(refusal.decision === undefined ? {} : { decision: refusal.decision }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = 'ClavigerError';
    this.reason = refusal.reason;
    this.retryable = refusal.retryable;
    this.reasons = refusal.reasons;
    Object.assign(this, pick(refusal));
  }
}

function pick(refusal: Refusal): Partial<Refusal> {
  const { status, retryAfterMs, decision, messageHash } = refusal;
  return {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(decision === undefined ? {} : { decision }),
    ...(messageHash === undefined ? {} : { messageHash }),
  };
}

/** An error that no server was asked for: configuration, an answer that does not verify. */
export function ownError(code: SignerErrorCode, reason: string, message: string, cause?: unknown): ClavigerError {
  return new ClavigerError(code, message, { reason, retryable: false, reasons: [] }, cause);
}

export { SignerError, SignerErrorCode };
