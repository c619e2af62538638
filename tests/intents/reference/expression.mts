// SPDX-License-Identifier: Apache-2.0
// Expressions of intent files (spec/intent.md, "Expressions"): parsed once, worked out on bigint.

export type Value =
  | { kind: 'number'; number: bigint }
  | { kind: 'name'; name: string }
  | { kind: 'scale'; up: boolean; value: Value; numerator: Value; divisor: bigint }
  | { kind: 'call'; what: 'has' | 'count' | 'sent' | 'length' | 'given'; name: string }
  | { kind: 'per'; mints: string; numbers: string; mint: string }
  | { kind: 'sum'; terms: { minus: boolean; value: Value }[] };

// A side is a sum of products of one or two atoms.
export type Side = Value[][];
export interface Condition {
  left: Side;
  operator: '<=' | '>=' | '<' | '>' | '==' | '!=';
  right: Side;
}

const TOKENS = /\s*(?:(\d[\d_]*)|([a-z@][a-zA-Z0-9_.@]*)|(<=|>=|==|!=|[-+*<>(),]))/y;

class Tokens {
  private readonly list: string[] = [];
  private at = 0;
  constructor(text: string) {
    TOKENS.lastIndex = 0;
    while (TOKENS.lastIndex < text.trimEnd().length) {
      const from = TOKENS.lastIndex;
      const found = TOKENS.exec(text);
      if (found === null) throw new Error(`cannot read "${text}" at ${from}`);
      this.list.push(found[1] ?? found[2] ?? (found[3] as string));
    }
  }
  peek(): string | undefined {
    return this.list[this.at];
  }
  take(wanted?: string): string {
    const token = this.list[this.at++];
    if (token === undefined || (wanted !== undefined && token !== wanted)) throw new Error(`expected ${wanted ?? 'more'}, found ${token}`);
    return token;
  }
  end(): void {
    if (this.at !== this.list.length) throw new Error(`left over: ${this.list.slice(this.at).join(' ')}`);
  }
}

function number(token: string): bigint {
  return BigInt(token.replaceAll('_', ''));
}

function atom(t: Tokens): Value {
  const token = t.take();
  if (/^\d/.test(token)) return { kind: 'number', number: number(token) };
  if (!/^[a-z@]/.test(token)) throw new Error(`unexpected ${token}`);
  if (t.peek() !== '(') return { kind: 'name', name: token };
  t.take('(');
  if (token === 'scale_down' || token === 'scale_up') {
    const value = sum(t);
    t.take(',');
    const numerator = sum(t);
    t.take(',');
    const divisor = number(t.take());
    t.take(')');
    return { kind: 'scale', up: token === 'scale_up', value, numerator, divisor };
  }
  const name = t.take();
  if (token === 'per') {
    t.take(',');
    const numbers = t.take();
    t.take(',');
    const mint = t.take();
    t.take(')');
    return { kind: 'per', mints: name, numbers, mint };
  }
  t.take(')');
  if (token !== 'has' && token !== 'count' && token !== 'sent' && token !== 'length' && token !== 'given') throw new Error(`unknown function ${token}`);
  return { kind: 'call', what: token, name };
}

function sum(t: Tokens): Value {
  const terms = [{ minus: false, value: atom(t) }];
  while (t.peek() === '+' || t.peek() === '-') terms.push({ minus: t.take() === '-', value: atom(t) });
  return terms.length === 1 ? (terms[0] as { value: Value }).value : { kind: 'sum', terms };
}

function side(t: Tokens): Side {
  const products: Side = [];
  do {
    if (products.length > 0) t.take('+');
    const factors = [atom(t)];
    if (t.peek() === '*') {
      t.take('*');
      factors.push(atom(t));
    }
    products.push(factors);
  } while (t.peek() === '+');
  return products;
}

export function parseValue(text: string): Value {
  const t = new Tokens(text);
  const value = sum(t);
  t.end();
  return value;
}

export function parseCondition(text: string): Condition {
  const t = new Tokens(text);
  const left = side(t);
  const operator = t.take();
  if (!['<=', '>=', '<', '>', '==', '!='].includes(operator)) throw new Error(`${operator} is no comparison`);
  const right = side(t);
  t.end();
  return { left, operator: operator as Condition['operator'], right };
}

// What a place in an intent knows when a value is worked out there.
export interface Scope {
  name(name: string): bigint;
  call(what: 'has' | 'count' | 'sent' | 'length' | 'given', name: string): bigint;
  per(mints: string, numbers: string, mint: string): bigint;
}

export class Overflow extends Error {}

const U64 = (1n << 64n) - 1n;
const in64 = (n: bigint): bigint => {
  if (n < 0n || n > U64) throw new Overflow();
  return n;
};

export function valueOf(v: Value, scope: Scope): bigint {
  switch (v.kind) {
    case 'number': return in64(v.number);
    case 'name': return scope.name(v.name);
    case 'call': return scope.call(v.what, v.name);
    case 'per': return scope.per(v.mints, v.numbers, v.mint);
    case 'scale': {
      const [x, n] = [valueOf(v.value, scope), valueOf(v.numerator, scope)];
      if (n >= 1n << 32n) throw new Overflow();
      return in64((x * n + (v.up ? v.divisor - 1n : 0n)) / v.divisor);
    }
    case 'sum': {
      let total = 0n;
      for (const { minus, value } of v.terms) total = in64(minus ? total - valueOf(value, scope) : total + valueOf(value, scope));
      return total;
    }
  }
}

function sideOf(s: Side, scope: Scope): bigint {
  let total = 0n;
  for (const factors of s) {
    total += factors.reduce((product, f) => product * valueOf(f, scope), 1n);
    if (total >= 1n << 128n) throw new Overflow();
  }
  return total;
}

export function holds(c: Condition, scope: Scope): boolean {
  const [a, b] = [sideOf(c.left, scope), sideOf(c.right, scope)];
  switch (c.operator) {
    case '<=': return a <= b;
    case '>=': return a >= b;
    case '<': return a < b;
    case '>': return a > b;
    case '==': return a === b;
    case '!=': return a !== b;
  }
}
