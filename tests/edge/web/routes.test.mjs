import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, path } from '../../../edge/web/app/rules/routes.js';

test('every address of the app leads to its screen and back', () => {
  for (const address of ['/', '/following', '/upload', '/watch/7201', '/u/18446744073709551615']) assert.equal(path(parse(address)), address);
});

test('anything else is missing, not a guess', () => {
  for (const address of ['/watch/', '/watch/x', '/u/1/2', '/upload/3', '/watch/123456789012345678901']) assert.equal(parse(address).name, 'missing');
});
