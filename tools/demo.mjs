// SPDX-License-Identifier: Apache-2.0
// Plays the main job on this machine (`make demo`): starts a signer with a software TPM in a temporary
// folder, runs the play (demo_play.mjs) against it, and leaves nothing behind. Exit status 0 when every
// step held.
// usage: node tools/demo.mjs
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makeFolder, remove, root, Signer } from '../tests/system/stage.mjs';

const folder = makeFolder('demo');
const signer = new Signer(folder);
let play;
let closing;

function close() {
  closing ??= (async () => {
    play?.kill('SIGKILL');
    if (signer.child) await signer.stop();
    remove(folder);
  })();
  return closing;
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, async () => {
    await close();
    console.log('\ninterrupted; nothing was left running');
    process.exit(130);
  });
}

try {
  const began = Date.now();
  process.stdout.write('Starting a signer: its processes, and a software TPM of its own ... ');
  await signer.start();
  console.log(`ready in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  // The bot's HTTP client takes the signer's certificate only from this variable, at its start.
  play = spawn(process.execPath, [join(root, 'tools/demo_play.mjs'), folder, signer.url], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: signer.ca },
  });
  const [code] = await once(play, 'exit');
  process.exitCode = code ?? 1;
  if (process.exitCode !== 0 && process.env.CLAVIGER_DEMO_LOG) console.log(signer.log());
} catch (error) {
  console.error(`not ok: ${error.message}`);
  process.exitCode = 1;
} finally {
  await close();
}
