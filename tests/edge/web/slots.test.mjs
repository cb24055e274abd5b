import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assign, wanted } from '../../../edge/web/app/rules/slots.js';

test('current, next and previous have a player each', () => {
  assert.deepEqual([...wanted(4, 9, true)], [[4, 'current'], [5, 'primed'], [3, 'kept']]);
  assert.deepEqual([...wanted(0, 1, true)], [[0, 'current']]);
  assert.deepEqual([...wanted(2, 9, false)], [[2, 'current'], [1, 'kept']]);
});

test('a swipe forward turns the primed player current and recycles only the oldest', () => {
  const held = [0, 1, 2];
  const next = assign(held, wanted(2, 9, true));
  assert.deepEqual(next, [{ index: 3, slot: 'primed' }, { index: 1, slot: 'kept' }, { index: 2, slot: 'current' }]);
});

test('a player never moves while its video is wanted, wherever the viewer goes', () => {
  let held = [null, null, null];
  let current = 0;
  const steps = [1, 1, 1, -1, -1, 1, 1, 1, 5, -3, 1];
  for (const step of steps) {
    current = Math.max(0, Math.min(19, current + step));
    const roles = wanted(current, 20, true);
    const plan = assign(held, roles);
    held.forEach((index, player) => { if (index !== null && roles.has(index)) assert.equal(plan[player].index, index); });
    held = plan.map((one) => one.index);
    assert.equal(plan.filter((one) => one.slot === 'current').length, 1);
    assert.equal(new Set(held.filter((index) => index !== null)).size, held.filter((index) => index !== null).length);
    for (const index of roles.keys()) assert.ok(held.includes(index));
  }
});
