import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fit, handleOk, hues } from '../../../edge/web/app/rules/stage.js';

test('an upright clip fills an upright stage, a wide one keeps its edges', () => {
  assert.equal(fit(1080, 1920, 390, 844), 'cover');
  assert.equal(fit(1920, 1080, 390, 844), 'contain');
  assert.equal(fit(1080, 1080, 390, 844), 'contain');
  assert.equal(fit(0, 0, 390, 844), 'cover');
});

test('an avatar has the same colours every time and others than its neighbour', () => {
  assert.deepEqual(hues('7201'), hues('7201'));
  assert.notDeepEqual(hues('7201'), hues('7202'));
});

test('handles are 3–24 plain characters, a letter first, single dots or underscores between', () => {
  for (const handle of ['abc', 'a.b', 'Mira_films.2', 'x'.repeat(24)]) assert.ok(handleOk(handle), handle);
  for (const handle of ['ab', '.abc', 'abc_', 'a..b', '9lives', 'a-b-c', 'a b c', 'émile', 'x'.repeat(25)]) assert.ok(!handleOk(handle), handle);
});
