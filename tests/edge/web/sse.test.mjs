import assert from 'node:assert/strict';
import { test } from 'node:test';
import { read, START } from '../../../edge/web/app/rules/sse.js';

const STREAM = ': hello\r\nretry: 3000\r\nid: 4\r\nevent: progress\r\ndata: {"a":\r\ndata: 1}\r\n\r\ndata:x\n\nevent: empty\n\ndata: last\r\rdata: unfinished';
const EXPECTED = [
  { event: 'progress', data: '{"a":\n1}', id: '4' }, { event: 'message', data: 'x', id: '4' }, { event: 'message', data: 'last', id: '4' },
];

/** Splits the text in pieces of the given sizes, in turn. */
function readInPieces(text, sizes) {
  let [state, at, turn] = [START, 0, 0];
  const events = [];
  while (at < text.length) {
    const size = sizes[turn % sizes.length];
    const step = read(state, text.slice(at, at + size));
    state = step.state;
    events.push(...step.events);
    at += size;
    turn += 1;
  }
  return { events, state };
}

test('a stream read whole gives its events, comments and unfinished ones left out', () => {
  const { events, state } = readInPieces(STREAM, [STREAM.length]);
  assert.deepEqual(events, EXPECTED);
  assert.equal(state.retryMs, 3000);
});

test('it does not matter where the bytes are cut', () => {
  for (const sizes of [[1], [2], [3, 1], [7, 2, 1], [13]]) assert.deepEqual(readInPieces(STREAM, sizes).events, EXPECTED);
});
