// SPDX-License-Identifier: Apache-2.0
// What README.md tells a newcomer to type, typed: the lines that plug a bot in (TypeScript, Python)
// against `claviger serve --dev`, and the real path, command by command, on a terminal.
// usage: node tests/system/readme.mjs
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from './cases.mjs';
import { build, freePort, makeFolder, remove, root, run, someone, transferMessage, verifies } from './stage.mjs';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const section = (title) => {
  const at = readme.indexOf(`\n## ${title}\n`);
  expect(at >= 0, `README.md has no section "${title}"`);
  return readme.slice(at, readme.indexOf('\n## ', at + 4));
};
function block(text, language) {
  const found = text.match(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm'));
  expect(found, `no block of ${language || 'commands'}`);
  return found[1];
}

const folder = makeFolder('readme');
const children = new Set();
let passed = 0;
let failed = 0;

async function test(name, act) {
  try {
    await act();
    passed++;
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n  ${error.stack}`);
  }
}

// serve(words, options) resolves, once it says ready, to what it printed before.
function serve(command, words, options) {
  const child = spawn(command, words, { ...options, stdio: ['ignore', 'pipe', 'ignore'] });
  children.add(child);
  child.ended = new Promise((resolve) => child.on('exit', (code) => { children.delete(child); resolve(code); }));
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (/^ready$/m.test(out)) resolve({ child, out });
    });
    child.ended.then((code) => reject(new Error(`it ended with ${code}: ${out}`)));
  });
}

async function bots() {
  const { child, out } = await serve(join(build, 'bin/claviger'), ['serve', '--dev'], { cwd: folder });
  const env = {};
  for (const [, name, value] of out.matchAll(/^export (\w+)=(.*)$/gm)) env[name] = value.replace(/^(['"])(.*)\1$/, '$2');
  await test('serve --dev prints what a bot needs', () => {
    for (const name of ['VAULT_ADDR', 'VAULT_TOKEN', 'NODE_EXTRA_CA_CERTS', 'CLAVIGER_WALLET', 'CLAVIGER_ADDRESS'])
      expect(env[name], `no ${name} in ${out}`);
  });
  const wallet = env.CLAVIGER_ADDRESS;
  await test('the lines for TypeScript', async () => {
    if (!existsSync(join(root, 'node_modules'))) throw new Error('tools/deps npm was not run');
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const message = transferMessage(wallet, someone('friend'), 1000, 'ts').toString('base64');
    const thief = transferMessage(wallet, someone('friend'), 1_000_000_001, 'ts').toString('base64');
    writeFileSync(join(folder, 'bot.mjs'), `${block(section('Plug a bot in'), 'ts')}
const sign = (text) => signer.signTransactions([{ messageBytes: Buffer.from(text, 'base64'), signatures: {} }]);
console.log(Buffer.from((await sign('${message}'))[0][signer.address]).toString('hex'));
console.log(await sign('${thief}').then(() => 'signed', (error) => error.context.message));`);
    const { code, out: text, err } = await run(process.execPath, [join(folder, 'bot.mjs')], { env });
    const [signature, refusal] = text.trim().split('\n');
    expect(code === 0 && verifies(wallet, Buffer.from(message, 'base64'), Buffer.from(signature, 'hex')), code, text, err);
    expect(refusal.includes('1000000001'), refusal);
  });
  await test('the lines for Python', async () => {
    const message = transferMessage(wallet, someone('friend'), 1000, 'py');
    writeFileSync(join(folder, 'bot.py'), `message = bytes.fromhex("${message.toString('hex')}")\n${block(section('Plug a bot in'), 'python')}
print(signature.hex())\n`);
    const { code, out: text, err } = await run('python3', [join(folder, 'bot.py')], { env });
    expect(code === 0 && verifies(wallet, message, Buffer.from(text.trim(), 'hex')), code, text, err);
  });
  child.kill('SIGTERM');
  await test('serve --dev ends in order and leaves nothing', async () => {
    expect(await child.ended === 0, 'another status');
    expect(!existsSync(env.NODE_EXTRA_CA_CERTS), 'its folder is there');
  });
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function path() {
  const text = section('The real path');
  const commands = block(text, '').replace(/\\\n\s*/g, '').split('\n')
    .map((line) => line.replace(/\s+#.*$/, '')).filter((line) => line);
  const here = join(folder, 'real');
  mkdirSync(join(here, 'home'), { recursive: true });
  symlinkSync(build, join(here, 'build'));
  const port = await freePort();
  const env = { ...process.env, HOME: join(here, 'home'), CLAVIGER_SERVER: `https://127.0.0.1:${port}`,
    PATH: `${join(build, 'bin')}:${process.env.PATH}` };
  const toml = [...text.matchAll(/`(\w+ = [^`]*)`/g)].map((found) => found[1]).join('\n');
  writeFileSync(join(here, 'transfer.toml'), toml.replace('"..."', `"${someone('friend')}"`));
  let address;
  let message;
  let server;
  for (const line of commands) {
    await test(line, async () => {
      if (line.endsWith('&')) { // without the port that somebody may have taken
        const words = `exec ${line.slice(0, -1)} --listen 127.0.0.1:${port} --metrics 127.0.0.1:${await freePort()}`;
        server = (await serve('bash', ['-c', words], { cwd: here, env })).child;
        return;
      }
      for (const [, name, value] of line.matchAll(/export (\w+)=([^\s;]+)/g)) env[name] = value;
      if (line.includes('tx.base64')) {
        message = transferMessage(address, someone('friend'), 1000, 'path');
        writeFileSync(join(here, 'tx.base64'), `${message.toString('base64')}\n`);
      }
      // On a terminal, as a person types it; `yes` is for whoever asks.
      const words = ['-qec', `cd ${quote(here)} && ${line}`, '/dev/null'];
      const { code, out } = await run('script', words, { env, input: 'yes\n' });
      expect(code === 0, `status ${code}: ${out}`);
      const last = out.trim().split(/\s+/).pop(); // a prompt may stand before it
      if (line.includes('wallet create')) address = last;
      if (line.includes('claviger sign'))
        expect(verifies(address, message, Buffer.from(last, 'base64')), `no signature: ${out}`);
    });
  }
  if (server) {
    server.kill('SIGTERM');
    await test('the signer stops in order', async () => expect(await server.ended === 0, 'another status'));
  }
}

const stop = () => {
  for (const child of children) child.kill('SIGTERM');
  return Promise.all([...children].map((child) => child.ended));
};
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => stop().then(() => { remove(folder); process.exit(130); }));
await bots().catch((error) => { failed++; console.log(`FAIL serve --dev\n  ${error.stack}`); });
await path().catch((error) => { failed++; console.log(`FAIL the real path\n  ${error.stack}`); });
await stop();
remove(folder);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
