// SPDX-License-Identifier: Apache-2.0
// How `claviger tx decode` behaves as a command: exit status, one answer a line, errors in words.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, expect, root, rows, summary } from './setup.mjs';

const run = (args, input = '') => {
  const done = spawnSync(join(build, 'bin/claviger'), ['tx', 'decode', ...args], { input, encoding: 'utf8' });
  return { ...done, lines: done.stdout.split('\n').slice(0, -1) };
};
const wire = rows('generated-tx.jsonl')[0].wire_base64;
const codeOf = (line) => JSON.parse(line).error?.code;

let got = run([], `${wire}\n`);
expect(got.status === 0 && got.lines.length === 1 && codeOf(got.lines[0]) === undefined, 'a good line');
got = run([], wire);
expect(got.status === 0 && got.lines.length === 1, 'the last line without its end');
got = run([], `${wire}\r\n${wire}\r\n`);
expect(got.status === 0 && got.lines.length === 2, 'lines of Windows');
got = run([], '');
expect(got.status === 0 && got.lines.length === 0, 'no lines');

got = run([], `${wire}\n\n!!!\n${'A'.repeat(100000)}\n${wire}\n`);
expect(got.status === 1 && got.lines.length === 5, 'refused lines do not stop the others', got.lines.length);
expect(got.lines.map(codeOf).join() === ',empty,base64,too-long,', got.lines.map(codeOf).join());
expect(Object.keys(JSON.parse(got.lines[2]).error).join() === 'code,offset,message', 'the error\'s members');
got = run([], `${wire.slice(0, 40)}_${wire.slice(41)}\n`);
expect(JSON.parse(got.lines[0]).error.offset === 40, 'where base64 breaks');
got = run([], Buffer.concat([Buffer.from(wire), Buffer.alloc(1), Buffer.from('\n')]));
expect(got.status === 1 && codeOf(got.lines[0]) === 'base64', 'a NUL byte');

got = run(['--as', 'message'], `${wire}\n`);
expect(got.status === 1, 'a wire transaction is no message');
got = run(['--tables', join(root, 'tests/vectors/lookup-tables.json'), join(root, 'README.md')]);
expect(got.status === 1 || got.status === 3, 'a file of other things');
got = run(['/nonexistent']);
expect(got.status === 3 && got.stderr.includes('No such file'), 'a missing file');
got = run(['--tables', '/nonexistent'], `${wire}\n`);
expect(got.status === 3 && got.lines.length === 0, 'missing tables');
for (const args of [['--as', 'x'], ['--what'], ['--tables'], ['--fees=1'], ['a', 'b']])
  expect(run(args).status === 2, 'usage', args);
expect(run(['--help']).stdout.includes('--tables FILE'), 'help');

// The spec's list of codes is the source's.
const spec = readFileSync(join(root, 'spec/solana.md'), 'utf8').split('## Codes')[1].split('\n## ')[0];
const listed = [...spec.matchAll(/`([a-z0-9-]+)`/g)].map((m) => m[1]).sort();
const source = readFileSync(join(root, 'lib/solana/solana_view.c'), 'utf8').split('solana_error_text')[0];
const coded = [...source.matchAll(/return "([a-z0-9-]+)";/g)].map((m) => m[1]);
const wanted = [...coded.filter((c) => c !== 'none' && c !== 'unknown'), 'base64'].sort();
expect(listed.join() === wanted.join(), 'codes', listed.filter((c) => !wanted.includes(c)), wanted.filter((c) => !listed.includes(c)));
summary();
