import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterFailure, backoff, rate, refusal, sampled, secondsLeft } from '../../../edge/web/app/rules/upload.js';

test('a file that is no video is refused in words', () => {
  assert.match(refusal({ name: 'notes.txt', type: 'text/plain', size: 5 }), /not a video/);
  assert.match(refusal({ name: 'a.mp4', type: 'video/mp4', size: 0 }), /empty/);
  assert.equal(refusal({ name: 'a.mp4', type: 'video/mp4', size: 5 }), null);
  assert.equal(refusal({ name: 'a.MOV', type: '', size: 5 }), null);
  assert.equal(refusal({ name: 'a.mov', type: 'video/quicktime', size: 5 }), null);
  for (const type of ['video/webm', 'video/x-matroska', 'video/x-msvideo']) assert.match(refusal({ name: 'a', type, size: 5 }), /MP4 or MOV/);
  assert.match(refusal({ name: 'a.mkv', type: '', size: 5 }), /MP4 or MOV/);
});

test('the rate is that of the last seconds', () => {
  let samples = [];
  for (let second = 0; second <= 20; second += 1) samples = sampled(samples, { at: second * 1000, bytes: second <= 10 ? second * 100 : 1000 + (second - 10) * 500 });
  assert.equal(rate(samples), 500);
  assert.equal(rate([{ at: 0, bytes: 0 }]), 0);
  assert.equal(secondsLeft(1000, 500), 2);
  assert.equal(secondsLeft(1000, 0), Infinity);
});

test('a lost network waits, a busy server is tried again, a refusal is final', () => {
  assert.equal(afterFailure(null, false), 'wait-online');
  assert.equal(afterFailure(null, true), 'retry');
  for (const status of [401, 409, 423, 429, 500, 503]) assert.equal(afterFailure(status, true), 'retry');
  for (const status of [400, 403, 404, 410, 413, 415]) assert.equal(afterFailure(status, true), 'refused');
});

test('waits double up to half a minute', () => {
  assert.deepEqual([0, 1, 4, 5, 20].map(backoff), [1000, 2000, 16_000, 30_000, 30_000]);
});
