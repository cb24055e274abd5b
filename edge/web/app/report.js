/** Delivers views, skips and shares in batches, also while the page goes away. What did not arrive is kept for the next visit. */
import * as batch from './rules/batch.js';
import { Problem } from './http.js';

const KEY = 'reelway.reports';

export class Reporter {
  #api;
  /** @type {batch.Batch} */ #batch = batch.EMPTY;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
    for (const event of stored()) this.#batch = batch.add(this.#batch, event);
    this.#schedule();
    addEventListener('online', () => this.flush());
  }

  /** @param {Interaction} event */
  add(event) {
    this.#batch = batch.add(this.#batch, event);
    this.#keep();
    this.#schedule();
  }

  /** Something the viewer did with a video that has no call of its own. @param {'share' | 'not_interested' | 'report'} type @param {Entry} entry */
  tell(type, entry) {
    this.add({
      type, video_id: entry.video.id, watch_ms: 0, at: new Date().toISOString(), position: entry.position,
      event_id: crypto.randomUUID(), ...(entry.feedId ? { feed_id: entry.feedId } : {}),
    });
  }

  /** Sends what is queued now. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#batch = batch.take(this.#batch);
    const events = this.#batch.inFlight;
    if (!events.length || this.#sending) return;
    this.#sending = true;
    this.#api.interactions(events).then(
      () => { this.#batch = batch.delivered(this.#batch); },
      (error) => {
        const final = error instanceof Problem && error.status > 0 && batch.settled(error.status);
        this.#batch = final ? batch.delivered(this.#batch) : batch.undelivered(this.#batch);
      },
    ).finally(() => {
      this.#sending = false;
      this.#keep();
      this.#schedule();
    });
  }

  #sending = false;

  #schedule() {
    const wait = batch.delay(this.#batch);
    if (wait === null) return;
    if (wait === 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  #keep() {
    try {
      localStorage.setItem(KEY, JSON.stringify([...this.#batch.inFlight, ...this.#batch.pending]));
    } catch {
      // Storage full or refused: the events of this visit still go out from memory.
    }
  }
}

/** @returns {Interaction[]} */
function stored() {
  try {
    const events = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(events) ? events : [];
  } catch {
    return [];
  }
}
