// SPDX-License-Identifier: Apache-2.0
// A whole signer for tests and the demo: real processes and a real software TPM in a folder of their
// own, on free ports, driven through the command line and the API as a user does it. No packages.
import { spawn } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import dgram from 'node:dgram';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = process.env.SOURCE_DIR ?? join(dirname(fileURLToPath(import.meta.url)), '../..');
export const build = process.env.BUILD_DIR ?? join(root, 'build');
export const policy = (name) => join(build, 'share/policies', `${name}.wasm`);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const expire = (ms) => new Promise((resolve) => setTimeout(resolve, ms, false).unref());
const START_MAX_MS = 60_000;
const PATH_SAFE = 50; // a socket's path is short, and the state folder lies below

export function makeFolder(prefix) {
  const base = tmpdir().length > PATH_SAFE ? '/tmp' : tmpdir();
  return mkdtempSync(join(base, `claviger-${prefix}-`));
}

const PORTS_KEPT = 128; // marks of those that were given last
const given = [];

// Below those that connections of other tests are given: a signer that starts anew finds its own free. And marked, by a bound
// socket of UDP for as long as this process lives, so that no other test gives it to its signer meanwhile (tests/ports.py).
export async function freePort() {
  for (;;) {
    const port = 15000 + Math.floor(Math.random() * 17000);
    const mark = dgram.createSocket('udp4');
    const marked = await new Promise((resolve) => {
      mark.on('error', () => resolve(false));
      mark.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true));
    });
    const free = marked && await new Promise((resolve) => {
      const server = net.createServer();
      server.on('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) {
      mark.unref();
      given.push(mark);
      if (given.length > PORTS_KEPT) given.shift().close();
      return port;
    }
    if (marked) mark.close();
  }
}

// The processes below `pid`, each {pid, name}: the name is that of the program's file.
export function descendants(pid) {
  const parents = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (rest[0] === 'Z') continue;
      const name = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0')[0].split('/').pop();
      const parent = Number(rest[1]);
      if (!parents.has(parent)) parents.set(parent, []);
      parents.get(parent).push({ pid: Number(entry), name });
    } catch {
      // it ended meanwhile
    }
  }
  const found = [];
  const walk = (of) => {
    for (const child of parents.get(of) ?? []) {
      found.push(child);
      walk(child.pid);
    }
  };
  walk(pid);
  return found;
}

// run(command, arguments, options) resolves to {code, out, err} and never throws for an exit status; `begun` gets the process.
export function run(command, words, { env = {}, input = '', begun = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    begun(child);
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
    child.stdin.on('error', () => {}); // it may end without reading
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? signal, out, err }));
    child.stdin.end(input);
  });
}

export class Signer {
  // `folder` keeps everything: state, client's home, log. `settings` are words for `claviger serve`.
  constructor(folder, settings = []) {
    this.folder = folder;
    this.settings = settings;
    this.state = join(folder, 's');
    this.home = join(folder, 'home');
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
  }

  async start() {
    this.port = await freePort();
    this.metricsPort = await freePort();
    this.url = `https://127.0.0.1:${this.port}`;
    const log = createWriteStream(join(this.folder, 'log'), { flags: 'a' });
    const words = ['serve', '--state', this.state, '--listen', `127.0.0.1:${this.port}`,
      '--metrics', `127.0.0.1:${this.metricsPort}`, ...this.settings];
    // Ends with this script even when that is killed outright.
    const guard = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM'] : [];
    const [command, ...rest] = [...guard, join(build, 'bin/claviger'), ...words];
    this.child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.ended = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve(code ?? signal)));
    this.child.stderr.pipe(log);
    let out = '';
    const ready = new Promise((resolve) => this.child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (/^ready$/m.test(out)) resolve(true);
    }));
    const began = Date.now();
    const ended = this.ended.then((code) => `ended with ${code}`);
    const how = await Promise.race([ready, ended, expire(START_MAX_MS).then(() => 'was not ready')]);
    if (how !== true) {
      const took = Date.now() - began;
      await this.stop();
      await new Promise((resolve) => log.end(resolve)); // what was said last is there, too
      throw new Error(`the signer's log:\n${this.log().split('\n').slice(-40).join('\n')}\nthe signer does not start: ${how} after ${took} ms`);
    }
    this.#connect();
    return this;
  }

  // For a process that did not start the signer itself.
  attach(url) {
    this.url = url;
    this.#connect();
  }

  #connect() {
    this.agent?.destroy();
    this.ca = join(this.state, 'ca.pem');
    this.agent = new https.Agent({ ca: readFileSync(this.ca), keepAlive: true, maxSockets: 64 });
  }

  log() {
    return existsSync(join(this.folder, 'log')) ? readFileSync(join(this.folder, 'log'), 'utf8') : '';
  }

  // Orderly; resolves to the exit status.
  async stop() {
    this.agent?.destroy();
    if (this.child?.exitCode !== null || this.child.signalCode !== null) return this.ended;
    this.child.kill('SIGTERM');
    const slow = setTimeout(() => this.crash(), 20_000);
    const code = await this.ended;
    clearTimeout(slow);
    return code;
  }

  // As a power cut: nobody gets to say a last word.
  async crash() {
    const all = [{ pid: this.child.pid }, ...descendants(this.child.pid)];
    for (const { pid } of all) kill(pid, 'SIGKILL');
    await this.ended;
    this.agent?.destroy();
  }

  processes(name) {
    return descendants(this.child.pid).filter((p) => p.name === `claviger-${name}`);
  }

  // The command line with this signer as its server.
  cli(...words) {
    const env = { CLAVIGER_SERVER: this.url, CLAVIGER_CA: this.ca, CLAVIGER_HOME: this.home };
    return run(join(build, 'bin/claviger'), words, { env });
  }

  // As cli, but a status other than 0 is an error with what the command said.
  async must(...words) {
    const { code, out, err } = await this.cli(...words);
    if (code !== 0) throw new Error(`claviger ${words.join(' ')}: status ${code}\n${err}${out}`);
    return { out, err };
  }

  async json(...words) {
    return JSON.parse((await this.must(...words, '--json')).out);
  }

  // One API call; resolves to {status, headers, body}, rejects when no answer came.
  api(method, path, { body, token, headers = {} } = {}) {
    const data = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const all = { ...headers };
    if (token !== undefined) all.authorization = `Bearer ${token}`;
    if (data !== undefined) Object.assign(all, { 'content-type': 'application/json', 'content-length': data.length });
    return new Promise((resolve, reject) => {
      const request = https.request(`${this.url}${path}`, { method, agent: this.agent, headers: all, timeout: 30_000 }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          try {
            resolve({ status: answer.statusCode, headers: answer.headers, body: JSON.parse(Buffer.concat(parts)) });
          } catch (error) {
            reject(error);
          }
        });
      });
      request.on('timeout', () => request.destroy(new Error('no answer in 30 s')));
      request.on('error', reject);
      request.end(data);
    });
  }

  sign(token, wallet, bytes, more = {}, headers = {}) {
    const body = { wallet, transaction: Buffer.from(bytes).toString('base64'), ...more };
    return this.api('POST', '/api/v1/sign', { body, token, headers });
  }

  token(client) {
    return readFileSync(join(this.home, 'clients', `${client}.token`), 'utf8').trim();
  }

  file(name, content) {
    const path = join(this.folder, name);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  }
}

export function kill(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false; // it was gone already
  }
}

export function remove(folder) {
  rmSync(folder, { recursive: true, force: true });
}

// ---- Solana's bytes, only what the tests here need ----

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

export function base58(bytes) {
  let number = BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

export function unbase58(text, length = 32) {
  let number = 0n;
  for (const letter of text) number = number * 58n + BigInt(ALPHABET.indexOf(letter));
  return Buffer.from(number.toString(16).padStart(2 * length, '0'), 'hex');
}

const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

export function verifies(address, message, signature) {
  const key = createPublicKey({ key: Buffer.concat([SPKI, unbase58(address)]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}

export function signWith(seed, message) {
  return sign(null, message, createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' }));
}

export const hash = (...parts) => {
  const of = createHash('sha256');
  for (const part of parts) of.update(part);
  return of.digest();
};
// A made-up address that nobody has the key of.
export const someone = (name) => base58(hash('claviger test', name));

const SYSTEM = Buffer.alloc(32);

// A legacy message with SOL transfers; `salt` makes the blockhash, so that messages differ.
export function transferMessage(from, to, lamports, salt = 'salt') {
  const amounts = [lamports].flat(); // a transfer each, at most 127
  const transfers = amounts.map((amount) => {
    const data = Buffer.alloc(12);
    data.writeUInt32LE(2, 0);
    data.writeBigUInt64LE(BigInt(amount), 4);
    return Buffer.concat([Buffer.from([2, 2, 0, 1, 12]), data]);
  });
  return Buffer.concat([Buffer.from([1, 0, 1, 3]), unbase58(from), unbase58(to), SYSTEM, hash(String(salt)),
    Buffer.from([amounts.length]), ...transfers]);
}

export const toToml = (values) => Object.entries(values).map(([name, value]) =>
  `${name} = ${Array.isArray(value) ? `[${value.map((v) => (typeof v === 'string' ? `"${v}"` : v)).join(', ')}]` : typeof value === 'string' ? `"${value}"` : value}\n`).join('');
