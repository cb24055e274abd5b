import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const WEB = fileURLToPath(new URL('../../../edge/web/', import.meta.url));
/** Of the code and styles that come before the first video plays; brotli. */
const FIRST_VISIT_BYTES = 40_000;
/** Of all code and styles. */
const TOTAL_BYTES = 62_000;
const read = (path) => readFileSync(join(WEB, path), 'utf8');
const page = read('index.html');

const AT_ONCE = /^(?:import|export) .*?from '(\.[^']+)';/gm;
const LATER = /\bimport\('(\.[^']+\.js)'\)(?!\.\w+\b[^(]*\*\/)/gm;

/** Every module that main.js brings in, as `app/x.js`; those fetched on first use too when `later`. */
function modules(later = true, path = 'app/main.js', found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const pattern of later ? [AT_ONCE, LATER] : [AT_ONCE]) {
    for (const [, target] of read(path).matchAll(pattern)) modules(later, normalize(join(dirname(path), target)), found);
  }
  return found;
}

const compressed = (paths) => [...paths].reduce((sum, path) => sum + brotliCompressSync(read(path)).length, 0);

const sources = () => readdirSync(join(WEB, 'app'), { recursive: true }).map(String).filter((name) => /\.(js|css)$/.test(name)).map((name) => `app/${name}`);

test('the page preloads every module it needs at once, and no other', () => {
  const preloaded = [...page.matchAll(/rel="modulepreload" href="\/(app\/[^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual([...preloaded, 'app/main.js'].sort(), [...modules(false)].sort());
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

test('what the first visit waits for fits the budget compressed, and so does everything', () => {
  const styles = [...page.matchAll(/rel="stylesheet" href="\/([^"]+)"/g)].map(([, path]) => path);
  const first = compressed([...modules(false), ...styles]);
  assert.ok(first <= FIRST_VISIT_BYTES, `${first} bytes at first`);
  const total = compressed(sources());
  assert.ok(total <= TOTAL_BYTES, `${total} bytes in all`);
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
