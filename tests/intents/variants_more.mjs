// SPDX-License-Identifier: Apache-2.0
// Transactions that send, wrap, close and tip, in all the forms that builders write them.
import * as K from './known.mjs';
import { u32, u64 } from './known.mjs';
import { Builder, COIN, USDC, WALLET } from './variants.mjs';

const OWNERS = ['r1', 'r2', 'r3'].map(K.stranger);
const W = { writable: true };
const payer = [WALLET, { signer: true, writable: true }];
const send = (b, to, lamports) => b.add(K.SYSTEM, [payer, [to, W]], Buffer.concat([u32(2), u64(lamports)]));
const memo = (b, program, signed) => b.add(program, signed ? [[WALLET, { signer: true }]] : [], Buffer.from('invoice 7'));

function token(b, form, mint, owner, amount, program = K.TOKEN) {
  const [from, to] = [K.ata(WALLET, mint, program), K.ata(owner, mint, program)];
  const signer = [WALLET, { signer: true }];
  b.add(program, [[owner]].slice(1), Buffer.alloc(0));
  b.tx.ixs.pop();
  if (form === 'plain') b.add(program, [[from, W], [to, W], signer], Buffer.concat([Buffer.of(3), u64(amount)]));
  if (form === 'checked') b.add(program, [[from, W], [mint], [to, W], signer], Buffer.concat([Buffer.of(12), u64(amount), Buffer.of(6)]));
  if (form === 'fee') b.add(program, [[from, W], [mint], [to, W], signer], Buffer.concat([Buffer.of(26, 1), u64(amount), Buffer.of(6), u64(9)]));
  // The owner stands in real transactions where his account is made; here he only has to be found.
  b.tx.accounts.some((a) => a.key === owner) || b.tx.accounts.push({ key: owner, signer: false, writable: false });
  b.tx.accounts.some((a) => a.key === mint) || b.tx.accounts.push({ key: mint, signer: false, writable: false });
  return b;
}

const createFor = (b, owner, mint, program, data) => b.add(K.ATA, [payer, [K.ata(owner, mint, program), W], [owner], [mint], [K.SYSTEM], [program]], data);

export function transferVariants() {
  const made = [];
  const make = (name, version, build) => {
    const b = new Builder(version);
    build(b);
    made.push({ name, tx: b.tx });
  };
  for (const version of ['legacy', 0, 1]) {
    make(`SOL to one, ${version}`, version, (b) => memo(send(b, OWNERS[0], 5000n), K.MEMO, true));
    make(`SOL to three and a tip, ${version}`, version, (b) => OWNERS.reduce((x, o, i) => send(x, o, BigInt(i + 1)), b).tip(777n));
    make(`tip alone, ${version}`, version, (b) => b.tip(4321n));
    make(`wrap, ${version}`, version, (b) => b.create(K.NATIVE).wrap(10n ** 9n));
    make(`unwrap, ${version}`, version, (b) => b.unwrap());
    make(`unwrap a part, ${version}`, version, (b) => b.add(K.TOKEN, [[K.ata(WALLET, K.NATIVE), W], [WALLET, W], [WALLET, { signer: true }]], Buffer.concat([Buffer.of(45, 1), u64(9n)])));
    make(`close another, ${version}`, version, (b) => b.add(K.TOKEN, [[K.ata(WALLET, USDC), W], [WALLET, W], [WALLET, { signer: true }]], Buffer.of(9)));
    for (const form of ['plain', 'checked'])
      make(`SPL token, ${form}, ${version}`, version, (b) => token(createFor(b, OWNERS[0], USDC, K.TOKEN, Buffer.of(1)), form, USDC, OWNERS[0], 77n));
    for (const form of ['plain', 'checked', 'fee'])
      make(`Token-2022, ${form}, ${version}`, version, (b) =>
        token(createFor(b, OWNERS[1], COIN, K.TOKEN_2022, Buffer.alloc(0)), form, COIN, OWNERS[1], 88n, K.TOKEN_2022));
  }
  return made;
}
