/** Follows the video on screen and tells the reporter once about each showing. */
import * as watch from './rules/watch.js';

export class Showings {
  #reporter;
  /** @type {watch.Showing | null} */ #open = null;

  /** @param {Reporter} reporter */
  constructor(reporter) {
    this.#reporter = reporter;
    document.addEventListener('visibilitychange', () => { if (document.hidden) this.#hidden(); });
    addEventListener('pagehide', () => this.#hidden());
  }

  /** Another video came on screen, or none. @param {Entry | null} entry */
  swap(entry) {
    this.#settle('left');
    this.#open = entry && watch.open({
      eventId: crypto.randomUUID(), videoId: entry.video.id, feedId: entry.feedId, position: entry.position, durationMs: entry.video.duration_ms ?? 0,
    });
  }

  /** @param {boolean} running does the picture move now */
  observe(running) {
    if (!this.#open) return;
    this.#open = running ? watch.running(this.#open, Date.now()) : watch.halted(this.#open, Date.now());
  }

  #hidden() {
    this.#settle('hidden');
    this.#reporter.flush();
  }

  /** @param {'left' | 'hidden'} why */
  #settle(why) {
    if (!this.#open) return;
    const { showing, event } = watch.settle(this.#open, why, Date.now());
    this.#open = showing;
    if (event) this.#reporter.add(event);
  }
}
