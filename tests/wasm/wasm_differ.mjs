// SPDX-License-Identifier: Apache-2.0
// Compares our engine with V8: random modules of the profile, and the policies that ship on random
// requests and on those of their own tests, must end the same way: same value and same memory, or a trap in both.
// usage: node tests/wasm/wasm_differ.mjs COUNT [FIRST_SEED]
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const build = resolve(process.env.BUILD_DIR ?? "build");
const count = Number(process.argv[2] ?? 500);
const seed = process.argv[3] ?? "1";
const RAN = 1;
const HEAD = 64;

const folder = mkdtempSync(join(tmpdir(), "wasm-differ-"));
let passed = 0;
let failed = 0;
let traps = 0;
const values = new Set();
try {
  const file = join(folder, "records");
  const args = [file, seed, String(count)];
  for (const name of ["transfer", "swap"]) {
    const requests = join(folder, name);
    execFileSync(join(build, `tests/policy_${name}_test`),
      { env: { ...process.env, RUN_REQUESTS: requests }, cwd: build, stdio: "ignore" });
    args.push(join(build, "share/policies", `${name}.wasm`), requests);
  }
  process.stdout.write(execFileSync(join(build, "tests/wasm_differ"), args));
  const records = readFileSync(file);
  let module = null;
  let index = 0;
  for (let at = 0; at < records.length; index++) {
    const [moduleLength, requestLength, areaLength, outcome, value] = new Uint32Array(
      records.buffer.slice(records.byteOffset + at, records.byteOffset + at + 20));
    const hash = records.subarray(at + 32, at + HEAD);
    at += HEAD;
    if (moduleLength !== 0) module = new WebAssembly.Module(records.subarray(at, at + moduleLength));
    at += moduleLength;
    const request = records.subarray(at, at + requestLength);
    at += requestLength;
    const result = run(module, request, areaLength);
    const same = outcome === RAN
      ? result.value === value && result.hash.equals(hash)
      : result.trap !== undefined;
    if (same) passed++;
    else failed++;
    if (!same) console.error(`record ${index}: wasmi ${outcome} ${value}, V8 ${JSON.stringify(result)}`);
    if (result.trap !== undefined) traps++;
    else values.add(result.hash.toString("hex"));
  }
} finally {
  rmSync(folder, { recursive: true });
}

function run(module, request, areaLength) {
  const { exports } = new WebAssembly.Instance(module, {});
  const area = new Uint8Array(exports.memory.buffer, exports.policy_io() >>> 0, areaLength);
  area.set(request);
  try {
    const value = exports.policy_check() >>> 0;
    return { value, hash: createHash("sha256").update(area).digest() };
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return { trap: error.message };
    throw error;
  }
}

console.log(`${traps} traps in V8 ${process.versions.v8}, ${values.size} different results`);
// A generator that only trapped, or always gave the same, would prove nothing.
if (values.size < passed / 4 || traps < 1) failed++;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed >= count ? 0 : 1);
