// SPDX-License-Identifier: Apache-2.0
// Structure-aware mutations: bend(random, models) returns the bytes of one case. Some change what a
// transaction says and keep it well-formed, some break one rule of the format, some break bytes.
import { Random, write } from './wire.mjs';

const EDGES = [0, 1, 2, 3, 12, 13, 63, 64, 65, 127, 128, 129, 254, 255];

function copy(model) {
  return {
    ...model,
    header: [...model.header],
    keys: [...model.keys],
    signatures: [...model.signatures],
    instructions: model.instructions.map((i) => ({ ...i, accounts: [...i.accounts] })),
    lookups: model.lookups.map((l) => ({ ...l, writable: [...l.writable], readonly: [...l.readonly] })),
  };
}

const accountCount = (m) =>
  m.keys.length + m.lookups.reduce((sum, l) => sum + l.writable.length + l.readonly.length, 0);

// Each changes the model; the model is then written as it stands.
const models = {
  addInstruction(r, m) {
    m.instructions.splice(r.below(m.instructions.length + 1), 0, {
      program: r.below(m.keys.length + 1),
      accounts: Array.from({ length: r.below(6) }, () => r.below(accountCount(m) + 1)),
      data: r.bytes(r.pick([0, 1, 4, 8, 9, 12, 127, 128])),
    });
  },
  manyInstructions(r, m) {
    const count = r.pick([63, 64, 65, 66]) - m.instructions.length;
    for (let i = 0; i < count; i++) m.instructions.push({ program: 1, accounts: [], data: new Uint8Array(0) });
  },
  dropInstruction(r, m) {
    m.instructions.splice(r.below(m.instructions.length), 1);
  },
  noInstructions(r, m) {
    m.instructions = [];
  },
  longData(r, m) {
    if (m.instructions.length > 0) r.pick(m.instructions).data = r.bytes(r.below(1400));
  },
  addKey(r, m) {
    m.keys.push(r.bytes(32));
  },
  manyKeys(r, m) {
    for (let count = r.below(40); count > 0; count--) m.keys.push(r.bytes(32));
  },
  dropKey(r, m) {
    m.keys.splice(r.below(m.keys.length), 1);
  },
  sameKey(r, m) {
    m.keys[r.below(m.keys.length)] = r.pick(m.keys);
  },
  nearKey(r, m) {
    const key = Uint8Array.from(r.pick(m.keys));
    key[r.below(32)] ^= 1 << r.below(8);
    m.keys[r.below(m.keys.length)] = key;
  },
  header(r, m) {
    m.header[r.below(3)] += r.pick([-1, 1, 2]);
  },
  addSigner(r, m) {
    m.header[0]++;
    m.signatures.push(r.pick([new Uint8Array(64), r.bytes(64)]));
  },
  manySigners(r, m) {
    const count = r.pick([11, 12, 13]);
    while (m.keys.length < count + m.header[2]) m.keys.splice(1, 0, r.bytes(32));
    while (m.signatures.length < count) m.signatures.push(r.bytes(64));
    m.header[0] = count;
    m.instructions = m.instructions.slice(0, r.below(2));
    m.lookups = [];
  },
  signature(r, m) {
    if (r.below(2) === 0) m.signatures.push(r.bytes(64));
    else m.signatures.pop();
  },
  unsigned(r, m) {
    m.signatures = m.signatures.map(() => new Uint8Array(64));
  },
  addLookup(r, m) {
    const list = () => Array.from({ length: r.below(4) }, () => r.below(256));
    const old = m.lookups.length > 0 && r.below(2) === 0;
    m.lookups.push({ table: old ? r.pick(m.lookups).table : r.bytes(32), writable: list(), readonly: list() });
  },
  manyLookups(r, m) {
    const table = r.bytes(32);
    const all = Array.from({ length: r.pick([200, 256, 256 - m.keys.length]) }, (_, i) => i);
    m.lookups = [{ table, writable: all.slice(0, r.below(256)), readonly: all.slice(r.below(256)) }];
  },
  lookupEntry(r, m) {
    if (m.lookups.length === 0) return;
    const l = r.pick(m.lookups);
    r.pick([l.writable, l.readonly]).push(r.pick([...l.writable, ...l.readonly, r.below(256)]));
  },
  emptyLookup(r, m) {
    m.lookups.push({ table: r.bytes(32), writable: [], readonly: [] });
  },
  version(r, m) {
    m.version = r.pick(['legacy', 0, 0, 1]);
    m.mask ??= 0;
    m.values ??= new Uint8Array(0);
  },
  mask(r, m) {
    if (m.version !== 1) return;
    m.mask = r.pick([0, 1, 2, 3, 4, 7, 8, 15, 16, 28, 31, 32, 1 << r.below(32)]) >>> 0;
    if (r.below(3) > 0) {
      const bits = [0, 1, 2, 3, 4].filter((bit) => m.mask & (1 << bit)).length;
      m.values = r.bytes(4 * bits);
      if (m.mask & 16) new DataView(m.values.buffer).setUint32(4 * (bits - 1), r.pick([0, 31, 32, 33, 256, 257]) * 1024, true);
    }
  },
  lifetime(r, m) {
    m.lifetime = r.pick([new Uint8Array(32), r.bytes(32)]);
  },
  program(r, m) {
    if (m.instructions.length > 0)
      r.pick(m.instructions).program = r.pick([0, 1, m.keys.length - 1, m.keys.length, r.below(256)]);
  },
  account(r, m) {
    if (m.instructions.length > 0)
      r.pick(m.instructions).accounts.push(r.pick([0, accountCount(m) - 1, accountCount(m), r.below(256)]) & 0xff);
  },
};

const splice = (bytes, at, remove, put) =>
  Uint8Array.from([...bytes.slice(0, at), ...put, ...bytes.slice(at + remove)]);

// Each changes written bytes; `fields` says where the counts, indexes and keys stand.
const bytes = {
  flipBit(r, b) {
    const out = Uint8Array.from(b);
    if (out.length > 0) out[r.below(out.length)] ^= 1 << r.below(8);
    return out;
  },
  setByte(r, b) {
    const out = Uint8Array.from(b);
    if (out.length > 0) out[r.below(out.length)] = r.pick(EDGES);
    return out;
  },
  setField(r, b, fields) {
    const out = Uint8Array.from(b);
    const { at } = r.pick(fields.filter((f) => f.kind !== 'key'));
    out[at] = r.pick([...EDGES, out[at] + 1, out[at] - 1, out[at] ^ 0x80]);
    return out;
  },
  longLength(r, b, fields) {
    const counts = fields.filter((f) => f.kind === 'count');
    if (counts.length === 0) return b;
    const { at, len } = r.pick(counts);
    const old = [...b.slice(at, at + len)];
    old[len - 1] |= 0x80;
    return splice(b, at, len, [...old, ...r.pick([[0], [0x80, 0], [0x80, 0x80, 0], [0x80, 4], [1]])]);
  },
  truncate: (r, b) => b.slice(0, r.below(b.length)),
  append: (r, b) => splice(b, b.length, 0, r.bytes(1 + r.below(r.pick([2, 2, 2, 70])))),
  insert: (r, b) => splice(b, r.below(b.length), 0, r.bytes(1)),
  remove: (r, b) => splice(b, r.below(b.length), 1, []),
  prefix: (r, b) => splice(b, 0, 0, [r.pick([0, 1, 0x80, 0x81, 0x82, 0xff])]),
  envelope: (r, b) => splice(b, 0, 0, [1, ...r.bytes(64)]),
  random: (r) => r.bytes(r.below(400)),
};

// cross joins the head of one case with the tail of another.
function cross(r, a, b) {
  return Uint8Array.from([...a.slice(0, r.below(a.length)), ...b.slice(r.below(b.length))]);
}

const TEXTS = ['hello', 'Grüße, 世界 🚀', '\u0000', 'a\u0000b', '\ufeffx', '\u202e"\\', 'é'.normalize('NFD'), '', 'x'.repeat(4000)];

// offchain makes an off-chain message, mostly right, with its signers sorted or nearly so.
function offchain(r) {
  const count = r.pick([0, 1, 1, 2, 2, 3, 12, 64, 65]);
  const signers = Array.from({ length: count }, () => r.bytes(32));
  if (r.below(4) > 0) signers.sort(Buffer.compare);
  if (r.below(8) === 0 && count > 1) signers[1] = signers[0];
  const text = Buffer.concat(Array.from({ length: 1 + r.below(3) }, () => Buffer.from(r.pick(TEXTS))));
  const out = Uint8Array.from([...Buffer.from('\xffsolana offchain', 'latin1'), r.below(10) > 0 ? 1 : r.below(3),
    count, ...signers.flatMap((key) => [...key]), ...text]);
  const how = r.below(8);
  if (how > 3) return out;
  return [bytes.flipBit, bytes.setByte, bytes.truncate, bytes.append][how](r, out);
}

export function bend(number, sources) {
  const r = new Random(number);
  if (number % 16 === 15) return offchain(r);
  const model = copy(r.pick(sources));
  const how = r.below(20);
  if (how < 11) {
    for (let count = 1 + r.below(2); count > 0; count--) models[r.pick(Object.keys(models))](r, model);
  }
  let { bytes: out, fields } = write(model, r.below(3) > 0);
  if (how >= 9 && how < 19) {
    out = bytes[r.pick(Object.keys(bytes))](r, out, fields);
    if (r.below(6) === 0) out = bytes.flipBit(r, out);
  }
  if (how === 19) out = cross(r, out, write(copy(r.pick(sources)), r.below(2) > 0).bytes);
  return out;
}
