import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, bitrate, bytes, clock, count, timeLeft } from '../../../edge/web/app/rules/format.js';

test('counts are short from a thousand on', () => {
  assert.deepEqual([0, 999, 1234, 98_400, 1_203_400, -1].map(count), ['0', '999', '1.2K', '98.4K', '1.2M', '0']);
});

test('media time has hours only when needed', () => {
  assert.deepEqual([0, 999, 67_000, 3_722_000].map(clock), ['0:00', '0:00', '1:07', '1:02:02']);
});

test('a size is never shown as a thousand of the smaller unit', () => {
  assert.deepEqual([0, 999, 1000, 1_536_000, 999_600, 5e9].map(bytes), ['0 B', '999 B', '1 kB', '1.5 MB', '1 MB', '5 GB']);
});

test('bit rates switch to megabits', () => {
  assert.deepEqual([640_000, 2_500_000].map(bitrate), ['640 kb/s', '2.5 Mb/s']);
});

test('the time left is said in words and never jumps about', () => {
  assert.deepEqual([Infinity, 2, 33, 75, 5400].map(timeLeft), ['working out the time left', 'a few seconds left', '35 s left', 'about 1 min left', 'about 1.5 h left']);
});

test('ages grow coarser and end as a date', () => {
  const now = Date.parse('2026-03-10T12:00:00Z');
  const before = (minutes) => new Date(now - minutes * 60_000).toISOString();
  assert.deepEqual([0, 5, 130, 3000].map((minutes) => ago(before(minutes), now)), ['now', '5 min', '2 h', '2 d']);
  assert.equal(ago('2026-01-02T00:00:00Z', now), '2026-01-02');
  assert.equal(ago('never', now), '');
});
