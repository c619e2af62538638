// SPDX-License-Identifier: Apache-2.0
// Compiles the user's page and writes the C table that puts its files into the bridge, so that nothing but the
// signer itself is needed to serve it.
// usage: node web/build.mjs TSC OUT_FOLDER OUT_C   (cmake/web.cmake runs it)
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES = { html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };

const here = dirname(fileURLToPath(import.meta.url));
const [tsc, folder, table] = process.argv.slice(2);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const done = spawnSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.json'), '--outDir', folder], { stdio: 'inherit' });
if (done.status !== 0) process.exit(1);
for (const name of ['index.html', 'style.css', 'icon.svg']) copyFileSync(join(here, name), join(folder, name));

const files = [];
const walk = (at) => {
  for (const name of readdirSync(at).sort()) {
    const path = join(at, name);
    if (statSync(path).isDirectory()) walk(path);
    else files.push(path);
  }
};
walk(folder);
const rows = files.map((path) => {
  const name = relative(folder, path);
  return { path, url: name === 'index.html' ? '/' : `/ui/${name}`, type: TYPES[name.split('.').pop()] };
});
writeFileSync(table, `/* Written by web/build.mjs. */
#include "api_web.h"

__asm__(".section .rodata.web,\\"a\\",@progbits\\n"
${rows.map(({ path }, i) => `        ".global web_${i}\\nweb_${i}:\\n.incbin \\"${path}\\"\\n.global web_${i}_end\\nweb_${i}_end:\\n"`).join('\n')}
        ".previous\\n");
${rows.map((_, i) => `extern const uint8_t web_${i}[], web_${i}_end[];`).join('\n')}

const struct api_web_file api_web_files[] = {
${rows.map(({ url, type }, i) => `    {"${url}", "${type}", web_${i}, web_${i}_end},`).join('\n')}
};
const size_t api_web_file_count = ${rows.length};
`);
