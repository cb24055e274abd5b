import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const WEB = fileURLToPath(new URL('../../../edge/web/', import.meta.url));
const BUDGET_BYTES = 40_000;
const read = (path) => readFileSync(join(WEB, path), 'utf8');
const page = read('index.html');

/** Every module that main.js brings in, as `app/x.js`. */
function modules(path = 'app/main.js', found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, target] of read(path).matchAll(/^(?:import|export) .*?from '(\.[^']+)';/gm)) modules(normalize(join(dirname(path), target)), found);
  return found;
}

const sources = () => readdirSync(join(WEB, 'app'), { recursive: true }).map(String).filter((name) => /\.(js|css)$/.test(name)).map((name) => `app/${name}`);

test('the page preloads every module it needs, and no other', () => {
  const preloaded = [...page.matchAll(/rel="modulepreload" href="\/(app\/[^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual([...preloaded, 'app/main.js'].sort(), [...modules()].sort());
});

test('no module is left unused', () => {
  assert.deepEqual(sources().filter((path) => path.endsWith('.js')).sort(), [...modules()].sort());
});

test('the page holds no inline script, style or handler, as the strict policy asks', () => {
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/);
});

test('no module writes markup from strings', () => {
  for (const path of modules()) assert.doesNotMatch(read(path), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/, path);
});

test('every icon that is asked for is drawn', () => {
  const drawn = new Set([...page.matchAll(/<symbol id="i-([^"]+)"/g)].map(([, name]) => name));
  const asked = [...modules()].flatMap((path) => [...read(path).matchAll(/\bicon\('([^']+)'\)/g)].map(([, name]) => name));
  for (const name of [...asked, ...[...page.matchAll(/#i-([\w-]+)/g)].map(([, one]) => one)]) assert.ok(drawn.has(name), name);
});

test('own code, styles and page fit the budget compressed', () => {
  const total = [...sources(), 'index.html'].reduce((sum, path) => sum + gzipSync(read(path), { level: 9 }).length, 0);
  assert.ok(total <= BUDGET_BYTES, `${total} bytes compressed`);
});

test('each file stays small', () => {
  for (const path of sources()) assert.ok(read(path).split('\n').length <= 400, path);
});

test('the vendored files are where the gateway looks for them', () => {
  for (const [address, path] of Object.entries(JSON.parse(read('vendor.json')))) {
    assert.match(address, /^\/vendor\/[\w.]+$/);
    assert.ok(path.startsWith('node_modules/') && read(path).length > 0, path);
  }
});

test('the lock names no download address', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});
