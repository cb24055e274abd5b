/** What the media cost and how it came: protocol, cache, time to first byte, bytes. Feeds the engineers' panel. */

export class Meter extends EventTarget {
  /** The last media answer. @type {MediaAnswer | null} */
  last = null;
  /** ms from a swipe to its first frame, newest last. @type {number[]} */
  firstFrames = [];
  stalls = 0;
  /** What the estimator of the last player said, so that the next does not start from nothing. */
  bitsPerSecond = 0;

  constructor() {
    super();
    performance.setResourceTimingBufferSize(400);
    addEventListener('resourcetimingbufferfull', () => performance.clearResourceTimings());
  }

  /** @param {string} url @param {XMLHttpRequest | Response | null} details @param {{ ttfbMs: number, bytes: number }} measured */
  answered(url, details, measured) {
    const header = (/** @type {string} */ name) => {
      if (details instanceof Response) return details.headers.get(name);
      return details instanceof XMLHttpRequest && details.readyState >= 2 ? details.getResponseHeader(name) : null;
    };
    const timing = latest(url, details instanceof XMLHttpRequest ? 'xmlhttprequest' : 'fetch');
    const fromBrowserCache = cached(timing);
    this.last = {
      url, cacheStatus: header('cache-status') ?? '', fromBrowserCache, protocol: timing?.nextHopProtocol ?? '',
      ttfbMs: timing && timing.responseStart > 0 ? timing.responseStart - timing.requestStart : measured.ttfbMs,
      bytes: measured.bytes,
    };
    this.#changed();
    return this.last;
  }

  /** @param {number} sinceMs when the swipe settled on the video, by performance.now() @param {string} videoId */
  firstFrame(sinceMs, videoId) {
    const took = performance.now() - sinceMs;
    this.firstFrames = [...this.firstFrames.slice(-49), took];
    performance.measure('reelway:first-frame', { start: sinceMs, end: sinceMs + took, detail: { videoId } });
    this.#changed();
  }

  stalled() {
    this.stalls += 1;
    performance.mark('reelway:stall');
    this.#changed();
  }

  #changed() { this.dispatchEvent(new Event('change')); }
}

/** The prefetch (`fetch`) and the player (`xmlhttprequest`) ask for the same URL. @param {string} url @param {string} initiator @returns {PerformanceResourceTiming | undefined} */
function latest(url, initiator) {
  const entries = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByName(url, 'resource'));
  return entries.findLast((entry) => entry.initiatorType === initiator);
}

/** Answered from the browser's HTTP cache: a body, and no byte over the network. @param {PerformanceResourceTiming | undefined} timing */
function cached(timing) {
  return timing && timing.decodedBodySize > 0 ? timing.transferSize === 0 : null;
}
