import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cancel, DOUBLE_MS, elapse, HOLD_MS, lift, move, press, REST } from '../../../edge/web/app/rules/gesture.js';

/** Plays a script of inputs, letting time pass as a timer would; returns the gestures. */
function play(script) {
  let [state, now] = [REST, 0];
  const heard = [];
  const take = (step) => {
    state = step.state;
    if (step.gesture) heard.push(step.gesture.type);
  };
  for (const [input, at, x = 100, y = 100] of script) {
    while (state.deadline !== null && state.deadline <= at) take(elapse(state, state.deadline));
    now = at;
    if (input === 'down') take(press(state, x, y, now));
    if (input === 'move') take(move(state, x, y));
    if (input === 'up') take(lift(state, now));
    if (input === 'cancel') take(cancel(state));
  }
  while (state.deadline !== null) take(elapse(state, state.deadline));
  return heard;
}

test('one short touch is a tap, told once no second can follow', () => {
  assert.deepEqual(play([['down', 0], ['up', 80]]), ['tap']);
  assert.equal(lift(press(REST, 0, 0, 0).state, 80).gesture, null);
});

test('two quick touches at one place are a double and no tap', () => {
  assert.deepEqual(play([['down', 0], ['up', 80], ['down', 80 + DOUBLE_MS - 20], ['up', 340]]), ['double']);
});

test('two slow touches are two taps', () => {
  assert.deepEqual(play([['down', 0], ['up', 80], ['down', 600], ['up', 660]]), ['tap', 'tap']);
});

test('two quick touches far apart are two taps', () => {
  assert.deepEqual(play([['down', 0, 20, 20], ['up', 50], ['down', 120, 300, 500], ['up', 160]]), ['tap', 'tap']);
});

test('a hold speeds up until it is let go', () => {
  assert.deepEqual(play([['down', 0], ['up', HOLD_MS + 900]]), ['hold', 'release']);
});

test('a finger that moves is scrolling', () => {
  assert.deepEqual(play([['down', 0], ['move', 40, 100, 160], ['up', 90]]), []);
});

test('a hold that the browser takes away is released', () => {
  assert.deepEqual(play([['down', 0], ['cancel', HOLD_MS + 100]]), ['hold', 'release']);
  assert.deepEqual(play([['down', 0], ['cancel', 50]]), []);
});
