import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as batch from '../../../edge/web/app/rules/batch.js';
import * as watch from '../../../edge/web/app/rules/watch.js';

const showing = (durationMs = 10_000) => watch.open({ eventId: 'e1', videoId: '7', feedId: 'f1', position: 3, durationMs });
const event = (id) => ({ type: 'view', video_id: '7', watch_ms: 1, at: '', event_id: id });

test('a video watched for two seconds is a view with its time', () => {
  const { event: told } = watch.settle(watch.running(showing(), 1000), 'left', 4200);
  assert.deepEqual(told, { type: 'view', video_id: '7', watch_ms: 3200, at: new Date(4200).toISOString(), feed_id: 'f1', position: 3, event_id: 'e1' });
});

test('a video left sooner is a skip', () => {
  assert.equal(watch.settle(watch.running(showing(), 0), 'left', 900).event?.type, 'skip');
});

test('half of a very short video is a view', () => {
  assert.equal(watch.settle(watch.running(showing(1500), 0), 'left', 800).event?.type, 'view');
});

test('standing still counts for nothing', () => {
  let one = watch.running(showing(), 0);
  one = watch.halted(one, 1500);
  one = watch.running(one, 60_000);
  assert.equal(watch.settle(one, 'left', 61_000).event?.watch_ms, 2500);
});

test('running twice does not count twice', () => {
  assert.equal(watch.settle(watch.running(watch.running(showing(), 0), 1000), 'left', 3000).event?.watch_ms, 3000);
});

test('a showing is told once, whether hidden or left first', () => {
  const hidden = watch.settle(watch.running(showing(), 0), 'hidden', 5000);
  assert.equal(hidden.event?.type, 'view');
  assert.equal(watch.settle(watch.running(hidden.showing, 9000), 'left', 20_000).event, null);
});

test('hiding the page early is no verdict on the video', () => {
  const hidden = watch.settle(watch.running(showing(), 0), 'hidden', 500);
  assert.equal(hidden.event, null);
  assert.equal(watch.settle(watch.running(hidden.showing, 9000), 'left', 12_000).event?.watch_ms, 3500);
});

test('a video that never showed a picture was neither seen nor skipped', () => {
  assert.equal(watch.settle(showing(), 'left', 9000).event, null);
});

test('an event is queued once, also while it is in flight', () => {
  let queue = batch.add(batch.add(batch.EMPTY, event('a')), event('a'));
  assert.equal(queue.pending.length, 1);
  queue = batch.add(batch.take(queue), event('a'));
  assert.deepEqual([queue.pending.length, queue.inFlight.length], [0, 1]);
});

test('what did not arrive goes first next time, in order', () => {
  const sent = batch.take(batch.add(batch.add(batch.EMPTY, event('a')), event('b')));
  const back = batch.undelivered(batch.add(sent, event('c')));
  assert.deepEqual(back.pending.map((one) => one.event_id), ['a', 'b', 'c']);
});

test('one request is out at a time', () => {
  const sent = batch.add(batch.take(batch.add(batch.EMPTY, event('a'))), event('b'));
  assert.equal(batch.take(sent), sent);
  assert.equal(batch.delay(sent), null);
});

test('the queue is bounded and a request too', () => {
  let queue = batch.EMPTY;
  for (let n = 0; n < batch.QUEUE_LIMIT + 50; n += 1) queue = batch.add(queue, event(String(n)));
  assert.equal(queue.pending.length, batch.QUEUE_LIMIT);
  assert.equal(batch.take(queue).inFlight.length, batch.BATCH_LIMIT);
});

test('retries wait longer each time, up to a minute', () => {
  let queue = batch.add(batch.EMPTY, event('a'));
  const waits = [batch.delay(queue)];
  for (let n = 0; n < 6; n += 1) {
    queue = batch.undelivered(batch.take(queue));
    waits.push(batch.delay(queue));
  }
  assert.deepEqual(waits, [5000, 5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});

test('only a refusal that will not change settles a report', () => {
  assert.deepEqual([202, 400, 422].map(batch.settled), [true, true, true]);
  assert.deepEqual([401, 429, 500, 503].map(batch.settled), [false, false, false, false]);
});
