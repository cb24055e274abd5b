/**
 * The queue of interactions still to be delivered: bounded, in order, nothing twice, nothing lost on a refusal. Pure.
 * @typedef {{ pending: Interaction[], inFlight: Interaction[], failures: number }} Batch
 */

export const BATCH_LIMIT = 100;
export const QUEUE_LIMIT = 400;
const FULL = 20;
const PATIENCE_MS = 5000;
const RETRY_CAP_MS = 60_000;

/** @type {Batch} */
export const EMPTY = Object.freeze({ pending: [], inFlight: [], failures: 0 });

/** Adds an event unless its id is queued already; over the bound the oldest go. @param {Batch} batch @param {Interaction} event @returns {Batch} */
export function add(batch, event) {
  const known = [...batch.pending, ...batch.inFlight].some((one) => one.event_id === event.event_id);
  return known ? batch : { ...batch, pending: [...batch.pending, event].slice(-QUEUE_LIMIT) };
}

/** Moves what fits in one request in flight; nothing while a request is out. @param {Batch} batch @returns {Batch} */
export function take(batch) {
  if (batch.inFlight.length) return batch;
  return { ...batch, inFlight: batch.pending.slice(0, BATCH_LIMIT), pending: batch.pending.slice(BATCH_LIMIT) };
}

/** The server answered for the events in flight. @param {Batch} batch @returns {Batch} */
export const delivered = (batch) => ({ ...batch, inFlight: [], failures: 0 });

/** The request did not arrive or a retry was asked for. @param {Batch} batch @returns {Batch} */
export const undelivered = (batch) => ({
  pending: [...batch.inFlight, ...batch.pending].slice(-QUEUE_LIMIT), inFlight: [], failures: batch.failures + 1,
});

/** How long to wait before sending, in ms; null = nothing to send. @param {Batch} batch @returns {number | null} */
export function delay(batch) {
  if (!batch.pending.length || batch.inFlight.length) return null;
  if (batch.failures) return Math.min(RETRY_CAP_MS, PATIENCE_MS * 2 ** (batch.failures - 1));
  return batch.pending.length >= FULL ? 0 : PATIENCE_MS;
}

/** Which answers to a report settle it: a refusal of the request itself will not get better. @param {number} status */
export const settled = (status) => status < 400 || (status < 500 && ![401, 408, 425, 429].includes(status));
