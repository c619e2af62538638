// SPDX-License-Identifier: Apache-2.0
// What the tests of the whole signer share: how a test is named, run and counted, and a scene of
// users, wallets, clients and grants.
import { policy, makeFolder, remove, run, Signer, someone, toToml, transferMessage } from './stage.mjs';

const tests = [];
export const test = (name, act) => tests.push({ name, act });

export function expect(truth, ...about) {
  if (!truth) throw new Error(about.map((a) => (typeof a === 'string' ? a : JSON.stringify(a))).join(' ') || 'no');
}

// play(prepare, afterFailure) runs the tests whose names contain one of the command line's words, on one scene,
// and ends the process: 0 when all passed. What a failed test left open is for afterFailure to clear away.
export async function play(prepare, afterFailure = async () => {}) {
  const words = process.argv.slice(2);
  const { code } = await run('sh', ['-c', 'command -v swtpm']);
  if (code !== 0) {
    console.log('skipped: no swtpm on this machine');
    process.exit(77);
  }
  const folder = makeFolder('test');
  const scene = new Scene(folder);
  let passed = 0;
  let failed = 0;
  const close = async () => {
    await scene.signer.stop();
    remove(folder);
  };
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => close().then(() => process.exit(130)));
  try {
    await prepare(scene);
    for (const { name, act } of tests) {
      if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
      const began = Date.now();
      try {
        await act(scene);
        passed++;
        if (process.env.VERBOSE) console.log(`ok   ${name} (${Date.now() - began} ms)`);
      } catch (error) {
        failed++;
        console.log(`FAIL ${name}\n  ${error.stack}`);
        await afterFailure(scene);
      }
    }
  } catch (error) {
    failed++;
    console.log(`FAIL the scene itself\n  ${error.stack}`);
  }
  if (failed > 0 && process.env.VERBOSE) console.log(scene.signer.log());
  await close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}

let salt = 0;
export const fresh = () => `${process.pid}-${++salt}`;
export const friend = someone('friend');

export class Scene {
  constructor(folder, settings = []) {
    this.signer = new Signer(folder, settings);
    this.addresses = new Map();
  }

  key(user) {
    return this.signer.file(`${user}.json`);
  }

  async user(name) {
    await this.signer.must('key', 'new', this.key(name));
  }

  async wallet(name, user = 'user', words = []) {
    const made = await this.signer.json('wallet', 'create', name, '--key', this.key(user), '--yes', ...words);
    this.addresses.set(name, made.address);
    return made;
  }

  client(name) {
    return this.signer.json('client', 'new', name);
  }

  grantWords(wallet, client, params, terms, user) {
    const file = this.signer.file(`p-${fresh()}.toml`, toToml({ recipients: [friend], max_lamports: 1_000_000_000n, max_fee_lamports: 5000n, ...params }));
    return ['grant', 'create', '--wallet', wallet, '--client', client, '--policy', policy('transfer'),
      '--params', file, '--key', this.key(user), '--yes', ...terms];
  }

  // grant(wallet, client, parameters, further words) lets the client send SOL to the friend; resolves
  // to the grant's id.
  async grant(wallet, client, params = {}, terms = [], user = 'user') {
    const { grants } = await this.signer.json(...this.grantWords(wallet, client, params, terms, user));
    return grants[0].grant;
  }

  // A wallet and a client of that name with a grant: {address, token, grant}.
  async party(name, params = {}, terms = []) {
    await this.client(name);
    const { address, wallet } = await this.wallet(name);
    const grant = await this.grant(name, name, params, terms);
    return { name, address, wallet, grant, token: this.signer.token(name) };
  }

  // A message that sends to the friend from that wallet; each another one.
  message(party, lamports = 1, to = friend) {
    return transferMessage(party.address, to, lamports, fresh());
  }

  pay(party, lamports = 1, { to, more, headers, bytes } = {}) {
    return this.signer.sign(party.token, party.name, bytes ?? this.message(party, lamports, to), more, headers);
  }

  async left(party, user = 'user') {
    const { out } = await this.signer.must('grant', 'list', '--wallet', party.name, '--key', this.key(user), '--json');
    const row = out.trim().split('\n').map((line) => JSON.parse(line)).find((g) => g.grant === party.grant);
    return row && { live: row.live, left: row.counters.map((c) => BigInt(c.left)) };
  }
}

export const signed = (answer) => expect(answer.status === 200, 'not signed:', answer.body);
export function refusedAs(answer, status, code) {
  expect(answer.status === status && answer.body.code === code, `expected ${status} ${code}, got`, answer.status, answer.body);
}
