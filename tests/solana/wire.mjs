// SPDX-License-Identifier: Apache-2.0
// A plain model of transactions for bending them: parse what is well-formed, write whatever the model
// says, right or wrong, and remember where the counts and indexes stand.

function takeLength(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  take(len) {
    this.at += len;
    return this.bytes.slice(this.at - len, this.at);
  }
  u8() {
    return this.bytes[this.at++];
  }
  length() {
    let value;
    [value, this.at] = takeLength(this.bytes, this.at);
    return value;
  }
  many(count, one) {
    return Array.from({ length: count }, one);
  }
}

function parseOld(r, model) {
  model.version = r.bytes[r.at] === 0x80 ? 0 : 'legacy';
  if (model.version === 0) r.at++;
  model.header = [...r.take(3)];
  model.keys = r.many(r.length(), () => r.take(32));
  model.lifetime = r.take(32);
  model.instructions = r.many(r.length(), () => ({
    program: r.u8(), accounts: [...r.take(r.length())], data: r.take(r.length()),
  }));
  model.lookups = model.version === 'legacy' ? [] : r.many(r.length(), () => ({
    table: r.take(32), writable: [...r.take(r.length())], readonly: [...r.take(r.length())],
  }));
}

function parseV1(r, model) {
  r.at++;
  model.version = 1;
  model.header = [...r.take(3)];
  model.mask = new DataView(r.take(4).buffer).getUint32(0, true);
  model.lifetime = r.take(32);
  const instructions = r.u8();
  model.keys = r.many(r.u8(), () => null).map(() => r.take(32));
  model.values = r.take(4 * [0, 1, 2, 3, 4].filter((bit) => model.mask & (1 << bit)).length);
  const heads = r.many(instructions, () => [r.u8(), r.u8(), r.u8() | (r.u8() << 8)]);
  model.instructions = heads.map(([program, accounts, data]) => ({
    program, accounts: [...r.take(accounts)], data: r.take(data),
  }));
  model.lookups = [];
}

// parse(wire) returns the model, and the message's bytes beside it.
export function parse(wire) {
  const r = new Reader(wire);
  const model = {};
  if (wire[0] === 0x81) {
    parseV1(r, model);
    model.messageBytes = wire.slice(0, r.at);
    model.signatures = r.many(model.header[0], () => r.take(64));
    return model;
  }
  model.signatures = r.many(r.length(), () => r.take(64));
  model.messageBytes = wire.slice(r.at);
  parseOld(r, model);
  return model;
}

// A Writer collects bytes and notes fields: {at, len, kind} with kind count, index, header, version ...
class Writer {
  bytes = [];
  fields = [];
  note(kind, len) {
    this.fields.push({ kind, at: this.bytes.length, len });
  }
  u8(value, kind) {
    if (kind) this.note(kind, 1);
    this.bytes.push(value & 0xff);
  }
  put(bytes, kind) {
    if (kind) this.note(kind, bytes.length);
    for (const byte of bytes) this.bytes.push(byte);
  }
  length(value) {
    const start = this.bytes.length;
    for (; value >= 0x80; value >>>= 7) this.bytes.push((value & 0x7f) | 0x80);
    this.bytes.push(value);
    this.fields.push({ kind: 'count', at: start, len: this.bytes.length - start });
  }
}

function writeOld(w, model) {
  if (model.version === 0) w.u8(0x80, 'version');
  for (const count of model.header) w.u8(count, 'header');
  w.length(model.keys.length);
  for (const key of model.keys) w.put(key, 'key');
  w.put(model.lifetime, 'key');
  w.length(model.instructions.length);
  for (const { program, accounts, data } of model.instructions) {
    w.u8(program, 'index');
    w.length(accounts.length);
    for (const account of accounts) w.u8(account, 'index');
    w.length(data.length);
    w.put(data);
  }
  if (model.version !== 0) return;
  w.length(model.lookups.length);
  for (const { table, writable, readonly } of model.lookups) {
    w.put(table, 'key');
    for (const list of [writable, readonly]) {
      w.length(list.length);
      for (const index of list) w.u8(index, 'index');
    }
  }
}

function writeV1(w, model) {
  w.u8(0x81, 'version');
  for (const count of model.header) w.u8(count, 'header');
  for (let shift = 0; shift < 32; shift += 8) w.u8(model.mask >>> shift, 'mask');
  w.put(model.lifetime, 'key');
  w.u8(model.instructions.length, 'header');
  w.u8(model.keys.length, 'header');
  for (const key of model.keys) w.put(key, 'key');
  for (const byte of model.values) w.u8(byte, 'value');
  for (const { program, accounts, data } of model.instructions) {
    w.u8(program, 'index');
    w.u8(accounts.length, 'header');
    w.u8(data.length, 'header');
    w.u8(data.length >> 8, 'header');
  }
  for (const { accounts, data } of model.instructions) {
    for (const account of accounts) w.u8(account, 'index');
    w.put(data);
  }
}

// write(model, wire) returns {bytes, fields}; without its signatures it is the message.
export function write(model, wire) {
  const w = new Writer();
  if (model.version === 1) {
    writeV1(w, model);
    if (wire) for (const signature of model.signatures) w.put(signature);
  } else {
    if (wire) {
      w.length(model.signatures.length);
      for (const signature of model.signatures) w.put(signature);
    }
    writeOld(w, model);
  }
  return { bytes: Uint8Array.from(w.bytes), fields: w.fields };
}

// Mulberry32: small, seeded, the same everywhere; case number n always gives the same bytes.
export class Random {
  constructor(seed) {
    this.state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
    for (let i = 0; i < 3; i++) this.next();
  }
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(limit) {
    return limit === 0 ? 0 : this.next() % limit;
  }
  pick(list) {
    return list[this.below(list.length)];
  }
  bytes(len) {
    return Uint8Array.from({ length: len }, () => this.next());
  }
}
