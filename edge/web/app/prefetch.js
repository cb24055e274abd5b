/**
 * Fetches the feed's plan in its order into the browser's HTTP cache, at low priority, and steps aside for the
 * video that plays. The player later asks for the same URLs and finds them there.
 */
import * as rules from './rules/prefetch.js';

export class Prefetcher extends EventTarget {
  #meter;
  #contentHeaders;
  /** @type {PrefetchEntry[]} */ entries = [];
  /** @type {string[]} */ #ahead = [];
  /** @type {AbortController | null} */ #fetching = null;
  /** @type {rules.Verdict} */ verdict = 'not-playing';
  #cacheWorks = true;
  #conditions = { playing: false, scrolling: false, bufferedS: 0, bufferedToEnd: false };

  /** @param {Meter} meter @param {(videoId: string, url: string) => Record<string, string>} contentHeaders CMCD of a request */
  constructor(meter, contentHeaders) {
    super();
    this.#meter = meter;
    this.#contentHeaders = contentHeaders;
    addEventListener('online', () => this.#step());
    navigator.connection?.addEventListener('change', () => this.#step());
  }

  /** @param {PlannedFetch[]} plan */
  extend(plan) {
    this.entries = rules.extend(this.entries, plan, location.origin);
    this.#step();
  }

  /** The viewer moved: these videos lie ahead, those behind. @param {string[]} ahead @param {string[]} behind */
  moved(ahead, behind) {
    this.#ahead = ahead;
    this.entries = rules.passed(this.entries, behind);
    this.#step();
  }

  /** @param {Partial<{ playing: boolean, scrolling: boolean, bufferedS: number, bufferedToEnd: boolean }>} change */
  update(change) {
    this.#conditions = { ...this.#conditions, ...change };
    this.#step();
  }

  /** May the next player be primed now? The same reasons hold back a primed player as a prefetch. @param {string} videoId */
  readyToPrime(videoId) {
    return (this.verdict === 'go' || this.verdict === 'no-cache') && rules.complete(this.entries, videoId);
  }

  /** @param {string[]} levelUrls @param {string} videoId */
  plannedLevel(levelUrls, videoId) {
    const planned = this.entries.filter((one) => one.videoId === videoId).map((one) => one.url);
    return planned.length ? rules.plannedLevel(levelUrls, planned) : -1;
  }

  /** The entry whose bytes lie in the cache, if any. @param {string} url */
  fetched(url) { return this.entries.find((one) => one.url === url && (one.state === 'fetched' || one.state === 'used')); }

  /** The player got a planned URL. @param {string} url @param {boolean | null} fromCache null when the browser does not tell */
  served(url, fromCache) {
    const entry = this.fetched(url);
    if (!entry || entry.state !== 'fetched') return;
    this.#change(url, { state: fromCache === false ? 'wasted' : 'used' });
    // A browser that does not keep what was fetched (its cache is off, or the certificate is not trusted) would pay for every byte twice.
    if (fromCache === false) this.#cacheWorks = false;
  }

  #step() {
    this.verdict = rules.verdict({
      ...this.#conditions, saveData: navigator.connection?.saveData ?? false, online: navigator.onLine, cacheWorks: this.#cacheWorks,
    });
    if (this.verdict !== 'go') this.#fetching?.abort(this.verdict);
    else if (!this.#fetching) this.#fetchNext();
    this.dispatchEvent(new Event('change'));
  }

  #fetchNext() {
    const entry = rules.next(this.entries, this.#ahead);
    if (!entry) return;
    const abort = new AbortController();
    this.#fetching = abort;
    this.#change(entry.url, { state: 'loading' });
    this.#fetch(entry, abort.signal)
      .then((change) => this.#change(entry.url, change))
      .finally(() => {
        this.#fetching = null;
        this.#step();
      });
  }

  /** @param {PrefetchEntry} entry @param {AbortSignal} signal @returns {Promise<Partial<PrefetchEntry>>} */
  async #fetch(entry, signal) {
    const began = performance.now();
    try {
      const answer = await fetch(entry.url, {
        priority: 'low', credentials: 'same-origin', headers: this.#contentHeaders(entry.videoId, entry.url), signal,
      });
      const ttfbMs = performance.now() - began;
      if (!answer.ok) return { state: 'failed' };
      const bytes = (await answer.arrayBuffer()).byteLength;
      performance.mark('reelway:prefetched', { detail: { url: entry.url, videoId: entry.videoId } });
      this.#meter.answered(entry.url, answer, { ttfbMs, bytes });
      return { state: 'fetched', bytes, ttfbMs, tookMs: performance.now() - began };
    } catch {
      return { state: signal.aborted ? 'waiting' : 'failed' };
    }
  }

  /** @param {string} url @param {Partial<PrefetchEntry>} change */
  #change(url, change) {
    this.entries = rules.mark(this.entries, url, change);
    this.dispatchEvent(new Event('change'));
  }
}
