// SPDX-License-Identifier: Apache-2.0
// More grants in use than the signer keeps in memory: each goes out and comes back, and none loses what
// its user gave (B4, C4).
// usage: node tests/system/many.mjs
import { expect, play, signed, test } from './cases.mjs';

const KEPT = 1024; // SIGNER_GRANTS_CACHED
const WALLETS = 40;
const GRANTS = 16; // of one client for one wallet
const CAP = 1_000_000n;
const COST = 6000n;
const ROUNDS = 2;
const parties = [];

test('what is left of each is what was given less what was signed', async (s) => {
  for (let round = 0; round < ROUNDS; round++) {
    for (let at = 0; at < parties.length; at += WALLETS) {
      const answers = await Promise.all(parties.slice(at, at + WALLETS).map((p) => s.pay(p, 1000, { more: { grant: p.grant } })));
      for (const answer of answers) signed(answer);
    }
  }
  for (const party of parties.filter((_, i) => i % 97 === 0)) {
    const { left } = await s.left(party);
    expect(left[0] === CAP - BigInt(ROUNDS) * COST, `left ${left}`);
  }
});

play(async (s) => {
  await s.signer.start();
  await s.user('user');
  const names = Array.from({ length: WALLETS }, (_, i) => `m${i}`);
  const byId = new Map();
  for (const name of names) byId.set((await s.wallet(name)).wallet, name);
  for (let i = 0; parties.length < KEPT + 2 * WALLETS; i++) {
    const client = `many${Math.floor(i / GRANTS)}`;
    if (i % GRANTS === 0) await s.client(client);
    const { grants } = await s.signer.json(...s.grantWords([...byId.keys()].join(), client, {}, ['--cap', `lamports:total:${CAP}`], 'user'));
    for (const { wallet, grant } of grants) {
      const name = byId.get(wallet);
      parties.push({ name, address: s.addresses.get(name), token: s.signer.token(client), grant });
    }
  }
});
