// SPDX-License-Identifier: Apache-2.0
// The firmware's event log, judged by digests alone: the twin of lib/attest/attest_log.c, whose comments say why.
import { extend, FormError, Reader, same, sha256, text } from './bytes.js';
import { refuse } from './refusal.js';
import { digestLength } from './tpm.js';

export const QUOTED_MASK = 0x7a95;

const EV = {
  POST_CODE: 0x1, NO_ACTION: 0x3, SEPARATOR: 0x4, EVENT_TAG: 0x6, S_CRTM_CONTENTS: 0x7, S_CRTM_VERSION: 0x8, NONHOST_CODE: 0xf,
  VARIABLE_DRIVER_CONFIG: 0x80000001, BOOT_SERVICES_APPLICATION: 0x80000003, BOOT_SERVICES_DRIVER: 0x80000004,
  RUNTIME_SERVICES_DRIVER: 0x80000005, EFI_ACTION: 0x80000007, FIRMWARE_BLOB: 0x80000008, FIRMWARE_BLOB2: 0x8000000a,
  HCRTM: 0x80000010, VARIABLE_AUTHORITY: 0x800000e0, SPDM_FIRMWARE_BLOB: 0x800000e1,
} as const;

type Where = 'before' | 'behind' | 'both';
const RULES: readonly (readonly [pcr: number, where: Where, type: number, hashed: boolean])[] = [
  [0, 'before', EV.POST_CODE, false], [0, 'before', EV.S_CRTM_CONTENTS, false], [0, 'before', EV.S_CRTM_VERSION, true],
  [0, 'before', EV.NONHOST_CODE, false], [0, 'before', EV.FIRMWARE_BLOB, false], [0, 'before', EV.FIRMWARE_BLOB2, false],
  [0, 'before', EV.HCRTM, false], [2, 'before', EV.BOOT_SERVICES_DRIVER, false], [2, 'before', EV.RUNTIME_SERVICES_DRIVER, false],
  [2, 'before', EV.FIRMWARE_BLOB, false], [2, 'before', EV.FIRMWARE_BLOB2, false], [2, 'before', EV.SPDM_FIRMWARE_BLOB, false],
  [4, 'before', EV.EFI_ACTION, true], [4, 'behind', EV.BOOT_SERVICES_APPLICATION, false],
  [7, 'before', EV.VARIABLE_DRIVER_CONFIG, true], [7, 'before', EV.EFI_ACTION, true], [7, 'both', EV.VARIABLE_AUTHORITY, true],
  [9, 'both', EV.EVENT_TAG, false],
];

export interface EventLog {
  readonly pcrs: readonly Uint8Array[];
  readonly events: number;
  readonly secureBoot: boolean | undefined;
}

const EVENTS_MAX = 4096;

function zeroEnded(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(text(name));
  return bytes;
}

function takeSpecification(r: Reader): { algorithm: number; length: number }[] {
  const pcr = r.u32();
  const type = r.u32();
  r.run(20);
  const inner = new Reader(r.run(r.u32()), true);
  if (pcr !== 0 || type !== EV.NO_ACTION || !same(inner.run(16), zeroEnded('Spec ID Event03'))) throw new FormError();
  inner.run(8);
  const count = inner.u32();
  if (count === 0 || count > 8) throw new FormError();
  const algorithms: { algorithm: number; length: number }[] = [];
  for (let i = 0; i < count; i++) {
    const algorithm = inner.u16();
    const length = inner.u16();
    const known = digestLength(algorithm);
    if (length === 0 || length > 64 || (known !== 0 && known !== length) || algorithms.some((one) => one.algorithm === algorithm))
      throw new FormError();
    algorithms.push({ algorithm, length });
  }
  inner.run(inner.u8());
  inner.done();
  if (!algorithms.some((one) => one.algorithm === 0x000b)) throw new FormError();
  return algorithms;
}

/** UEFI_VARIABLE_DATA of EFI_GLOBAL_VARIABLE's SecureBoot, or undefined for another variable. */
function secureBootOf(data: Uint8Array): boolean | undefined {
  const global = Uint8Array.of(0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c);
  const name = 'SecureBoot';
  try {
    const r = new Reader(data, true);
    const guid = r.run(16);
    const nameLength = r.u64();
    const valueLength = r.u64();
    if (nameLength > 64n || valueLength > 1n) return undefined;
    const letters = r.run(2 * Number(nameLength));
    const value = r.run(Number(valueLength));
    r.done();
    if (!same(guid, global) || letters.length !== 2 * name.length || value.length !== 1) return undefined;
    for (let i = 0; i < name.length; i++) if (letters[2 * i] !== name.charCodeAt(i) || letters[2 * i + 1] !== 0) return undefined;
    return value[0] === 1;
  } catch (error) {
    if (error instanceof FormError) return undefined;
    throw error;
  }
}

export async function replayLog(log: Uint8Array): Promise<EventLog> {
  const pcrs = Array.from({ length: 24 }, () => new Uint8Array(32));
  let separated = 0;
  let extended = 0;
  let events = 0;
  let seen = 0;
  let firstIn7 = true;
  let secureBoot: boolean | undefined;
  const r = new Reader(log, true);
  try {
    if (log.length > 131072) throw new FormError();
    const algorithms = takeSpecification(r);
    while (r.left !== 0) {
      const pcr = r.u32();
      const type = r.u32();
      if (r.u32() !== algorithms.length) throw new FormError();
      let digest = new Uint8Array(32);
      for (const { algorithm, length } of algorithms) {
        if (r.u16() !== algorithm) throw new FormError();
        const found = r.run(length);
        if (algorithm === 0x000b) digest = found.slice();
      }
      const length = r.u32();
      if (length > 65536) throw new FormError();
      const data = r.run(length);
      if (++seen > EVENTS_MAX) throw new FormError();
      if (type === EV.NO_ACTION) {
        if (pcr === 0 && data.length === 17 && (extended & 1) === 0 && same(data.subarray(0, 16), zeroEnded('StartupLocality')))
          pcrs[0]![31] = data[16]!;
        continue;
      }
      if (pcr >= 24) throw new FormError();
      const ofData = async (): Promise<boolean> => same(await sha256(data), digest);
      const behind = pcr < 8 && ((separated >> pcr) & 1) !== 0;
      if (type === EV.SEPARATOR) {
        if (!same(data, new Uint8Array(4)) || !(await ofData()) || pcr > 7 || behind) refuse('log-separator');
        separated |= 1 << pcr;
      } else if (((QUOTED_MASK >> pcr) & 1) !== 0) {
        const rules = RULES.filter((rule) => rule[0] === pcr && rule[2] === type);
        const rule = rules.find((one) => one[1] === 'both' || one[1] === (behind ? 'behind' : 'before'));
        if (rule === undefined) refuse(rules.length === 0 ? 'log-event' : 'log-order');
        if (rule[3] && !(await ofData())) refuse('log-digest');
      }
      if (pcr === 7) {
        if (firstIn7 && type === EV.VARIABLE_DRIVER_CONFIG) secureBoot = secureBootOf(data);
        firstIn7 = false;
      }
      pcrs[pcr] = new Uint8Array(await extend(pcrs[pcr]!, digest));
      extended |= 1 << pcr;
      events++;
    }
  } catch (error) {
    if (error instanceof FormError) refuse('log-form');
    throw error;
  }
  if (separated !== 0xff) refuse('log-separator');
  return { pcrs, events, secureBoot };
}
