// SPDX-License-Identifier: Apache-2.0
// HPKE as the user's page does it, with WebCrypto: RFC 9180's own vector of our suite (base mode, X25519, HKDF-SHA256,
// AES-256-GCM, sequence 0; the same as in lib/keys/keys_hpke_test.c), and an envelope for its key, info and data
// alone (N3).
import { webcrypto } from 'node:crypto';
import { join } from 'node:path';

globalThis.crypto ??= webcrypto;
const { newKey, open, rawPublic, seal } = await import(join(process.env.BUILD_DIR, 'web/web/src/hpke.js'));
let [passed, failed] = [0, 0];
function expect(what, holds) {
  if (holds) passed++;
  else { failed++; console.log(`FAIL ${what}`); }
}
const hex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const ascii = (text) => new TextEncoder().encode(text);
const refuses = async (...words) => { try { await open(...words); return false; } catch { return true; } };

const secret = hex('497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d');
const known = '430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c';
const info = hex('4f6465206f6e2061204772656369616e2055726e');
const aad = ascii('Count-0');
const sealed = hex('6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256'
  + 'e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a');
const pair = {
  privateKey: await crypto.subtle.importKey('pkcs8', Buffer.concat([hex('302e020100300506032b656e04220420'), secret]), 'X25519', false, ['deriveBits']),
  publicKey: await crypto.subtle.importKey('raw', hex(known), 'X25519', true, []),
};
expect('the RFC\'s plain text', new TextDecoder().decode(await open(pair, info, sealed, aad)) === 'Beauty is truth, truth beauty');
for (let bit = 0; bit < 8 * sealed.length; bit++) {
  const bent = Uint8Array.from(sealed);
  bent[bit >> 3] ^= 1 << (bit & 7);
  expect(`bit ${bit} flipped`, await refuses(pair, info, bent, aad));
}

const [mine, other] = [await newKey(), await newKey()];
const text = ascii('a change');
const { bytes, exportSecret } = await seal(await rawPublic(mine.publicKey), info, text, aad);
expect('what it seals it opens', Buffer.from(await open(mine, info, bytes, aad)).equals(Buffer.from(text)));
expect('the text is not in it', !Buffer.from(bytes).includes(Buffer.from(text)));
expect('not with another key', await refuses(other, info, bytes, aad));
expect('not under another info', await refuses(mine, ascii('Ode'), bytes, aad));
expect('not beside other data', await refuses(mine, info, bytes, ascii('Count-1')));
for (let length = 0; length < bytes.length; length++) expect(`not ${length} bytes of it`, await refuses(mine, info, bytes.slice(0, length), aad));
expect('a secret for each label', !Buffer.from(await exportSecret('a')).equals(Buffer.from(await exportSecret('b'))));
let small = false;
try { await seal(new Uint8Array(32), info, text, aad); } catch { small = true; }
expect('nothing is sealed to a key of small order', small);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 650 ? 0 : 1);
