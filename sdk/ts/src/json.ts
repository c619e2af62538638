// SPDX-License-Identifier: Apache-2.0
// Reads the signer's JSON member by member: what is not there, or not of its kind, is an error, and
// numbers of 64 bits become bigint.
import { fromBase64 } from './bytes.js';
import { ownError, SignerErrorCode, type GrantReason } from './errors.js';

export type Json = Readonly<Record<string, unknown>>;

function wrong(name: string, want: string): never {
  throw ownError(SignerErrorCode.PARSING_ERROR, 'answer_malformed', `the signer's answer: "${name}" must be ${want}`);
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function object(value: unknown, name = 'body'): Json {
  return isObject(value) ? value : wrong(name, 'an object');
}

export function text(from: Json, name: string): string {
  const value = from[name];
  return typeof value === 'string' ? value : wrong(name, 'text');
}

export function flag(from: Json, name: string): boolean {
  const value = from[name];
  return typeof value === 'boolean' ? value : wrong(name, 'true or false');
}

export function small(from: Json, name: string): number {
  const value = from[name];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : wrong(name, 'a number');
}

export function u64(from: Json, name: string): bigint {
  const value = from[name];
  if (typeof value !== 'string' || !/^(0|[1-9][0-9]{0,19})$/.test(value)) wrong(name, 'a decimal number as text');
  const number = BigInt(value as string);
  return number < 1n << 64n ? number : wrong(name, 'below 2^64');
}

export function u64OrNull(from: Json, name: string): bigint | null {
  return from[name] === null ? null : u64(from, name);
}

export function list<T>(from: Json, name: string, item: (value: Json) => T): T[] {
  const value = from[name];
  return Array.isArray(value) ? value.map((each) => item(object(each, name))) : wrong(name, 'a list');
}

export function texts(from: Json, name: string): string[] {
  const value = from[name];
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) wrong(name, 'a list of texts');
  return value as string[];
}

export function bytes(from: Json, name: string): Uint8Array {
  const found = fromBase64(text(from, name));
  return found ?? wrong(name, 'base64');
}

export function reasonsOf(from: Json): GrantReason[] {
  if (from['reasons'] === undefined) return [];
  return list(from, 'reasons', (reason) => ({
    grant: text(reason, 'grant'),
    code: text(reason, 'code'),
    policyCode: small(reason, 'policy_code'),
    instruction: reason['instruction'] === null ? null : small(reason, 'instruction'),
    fuel: u64(reason, 'fuel'),
    text: text(reason, 'text'),
  }));
}
