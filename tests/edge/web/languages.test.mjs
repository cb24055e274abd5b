import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../../edge/web/app/rules/languages.js';

test('the first language that the viewer reads is chosen', () => {
  assert.equal(nearest(['de', 'en', 'fr'], ['fr', 'en']), 2);
  assert.equal(nearest(['pt-BR', 'pt-PT'], ['pt-PT', 'en']), 1);
  assert.equal(nearest(['de', 'pt-BR'], ['pt-PT']), 1);
  assert.equal(nearest(['de', 'en'], ['fr', 'en-GB']), 1);
});

test('one that the viewer may not read is better than none', () => {
  assert.equal(nearest(['ja', 'ko'], ['en']), 0);
  assert.equal(nearest(['en'], []), 0);
  assert.equal(nearest([], ['en']), -1);
});
