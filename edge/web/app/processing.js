/** Follows a video's processing by server-sent events until it is ready, rejected or failed. */
import { pause } from './element.js';
import { Problem } from './http.js';
import { read, START } from './rules/sse.js';

/** @typedef {Pick<Video, 'status'> & Partial<Video>} Progress */

const FINAL = new Set(['ready', 'rejected', 'failed', 'deleted']);
const TRIES = 8;

/**
 * @param {Sessions} sessions @param {string} videoId @param {AbortSignal} signal
 * @yields {Progress} every change. Throws Problem when the server refuses or cannot be reached for long.
 * @returns {AsyncGenerator<Progress, void, void>}
 */
export async function* followProcessing(sessions, videoId, signal) {
  let lastId = '';
  for (let failures = 0; failures < TRIES;) {
    try {
      for await (const { data, id } of events(sessions, videoId, lastId, signal)) {
        failures = 0;
        lastId = id;
        const change = /** @type {Progress} */ (JSON.parse(data));
        yield change;
        if (FINAL.has(change.status)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status === 401) await sessions.renew();
      else if (error instanceof Problem && error.status > 0 && error.status < 500 && error.status !== 429) throw error;
    }
    failures += 1;
    await pause(Math.min(15_000, 500 * 2 ** failures));
    if (signal.aborted) return;
  }
  throw new Problem(0, 'offline', 'Lost touch with the server. Your video is safe: look at your profile in a while.');
}

/** @param {Sessions} sessions @param {string} videoId @param {string} lastId @param {AbortSignal} signal */
async function* events(sessions, videoId, lastId, signal) {
  const answer = await fetch(`/v1/videos/${videoId}/events`, {
    signal, cache: 'no-store',
    headers: { accept: 'text/event-stream', authorization: `Bearer ${await sessions.token()}`, ...(lastId ? { 'last-event-id': lastId } : {}) },
  });
  if (!answer.ok || !answer.body) throw Problem.of(answer.status, await answer.text());
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let state = START;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const step = read(state, value);
    state = step.state;
    yield* step.events;
  }
}
