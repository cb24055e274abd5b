import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as rules from '../../../edge/web/app/rules/prefetch.js';

const BASE = 'https://host';
const plan = (...names) => names.map((name) => ({ video_id: name[0], url: `/p/t/v/${name}`, bytes: 100, priority: 1 }));
const entries = (...names) => rules.extend([], plan(...names), BASE);
const fine = { saveData: false, online: true, cacheWorks: true, scrolling: false, playing: true, bufferedS: 9, bufferedToEnd: false };

test('the plan is followed in its order, for videos still ahead', () => {
  let list = entries('1/init.mp4', '1/0.m4s', '2/init.mp4');
  const order = [];
  for (let one = rules.next(list, ['1', '2']); one; one = rules.next(list, ['1', '2'])) {
    order.push(one.url);
    list = rules.mark(list, one.url, { state: 'fetched' });
  }
  assert.deepEqual(order, ['1/init.mp4', '1/0.m4s', '2/init.mp4'].map((name) => `${BASE}/p/t/v/${name}`));
  assert.equal(rules.next(entries('1/a'), ['2']), null);
});

test('a URL is planned once', () => {
  assert.equal(rules.extend(entries('1/a'), plan('1/a', '1/b'), BASE).length, 2);
});

test('each reason to hold back has its name', () => {
  const why = (change) => rules.verdict({ ...fine, ...change });
  assert.equal(why({}), 'go');
  assert.equal(why({ saveData: true }), 'save-data');
  assert.equal(why({ online: false }), 'offline');
  assert.equal(why({ cacheWorks: false }), 'no-cache');
  assert.equal(why({ scrolling: true }), 'swipe');
  assert.equal(why({ playing: false }), 'not-playing');
  assert.equal(why({ bufferedS: 1 }), 'short-buffer');
  assert.equal(why({ bufferedS: 1, bufferedToEnd: true }), 'go');
});

test('bytes are used when played and wasted when passed by', () => {
  let list = entries('1/a', '1/b', '2/a').map((one) => ({ ...one, state: 'fetched' }));
  list = rules.mark(list, list[0].url, { state: 'used' });
  list = rules.passed(list, ['1']);
  assert.deepEqual(rules.totals(list), { fetched: 300, used: 100, wasted: 100, ahead: 100 });
});

test('a video is complete when nothing of it is waiting', () => {
  const list = entries('1/a', '2/a');
  assert.equal(rules.complete(list, '1'), false);
  assert.equal(rules.complete(rules.mark(list, list[0].url, { state: 'failed' }), '1'), true);
  assert.equal(rules.complete(list, '9'), true);
});

test('the player starts on the level that the plan names', () => {
  const planned = ['https://h/p/t/v/7/v540-3fa9c1d2/init.mp4'];
  assert.equal(rules.plannedLevel(['https://h/p/t/v/7/v360-aa/index.m3u8', 'https://h/p/t/v/7/v540-3fa9c1d2/index.m3u8'], planned), 1);
  assert.equal(rules.plannedLevel(['https://h/p/t/v/7/v360.m3u8', 'https://h/p/t/v/7/v540.m3u8'], planned), 1);
  assert.equal(rules.plannedLevel(['https://h/p/t/v/7/v54.m3u8', 'https://h/x/y.m3u8'], planned), -1);
});

test('what is remembered of plans is bounded', () => {
  let list = [];
  for (let n = 0; n < 400; n += 1) list = rules.extend(list, plan(`${n}/a`), BASE);
  assert.ok(list.length <= 120);
});
