/**
 * How media is asked for, with Common Media Client Data (CTA-5004). CMCD goes in request headers, not in the query: a query would make
 * another URL, which the browser's cache and the prefetch plan would not know. A segment that lies in that cache is
 * asked for without them: nothing will reach the edge, and across origins the headers alone would cost a preflight.
 */
import Hls from '/vendor/hls.min.mjs';

/** One id for everything watched in this visit. */
export const SESSION_ID = crypto.randomUUID();

/** What a prefetch says about itself, in CMCD's header form. @param {string} videoId @param {string} url @returns {Record<string, string>} */
export function prefetchHeaders(videoId, url) {
  const init = /\.mp4($|\?)/.test(url);
  return {
    ...(init ? { 'CMCD-Object': 'ot=i' } : {}),
    'CMCD-Session': `cid="${videoId}",sf=h,sid="${SESSION_ID}",st=v`,
  };
}

const Base = /** @type {new (config: any) => import('/vendor/hls.min.mjs').Loader<any>} */ (Hls.DefaultConfig.loader);

/** @param {Prefetcher} prefetcher @param {Meter} meter @returns {any} a loader class for hls.js */
export function mediaLoader(prefetcher, meter) {
  /** @param {string} url @param {any} stats @param {unknown} details */
  const note = (url, stats, details) => {
    const measured = { ttfbMs: stats.loading.first - stats.loading.start, bytes: stats.total };
    // The timing entry is written after the answer's last event.
    setTimeout(() => {
      const answer = meter.answered(url, details instanceof XMLHttpRequest ? details : null, measured);
      prefetcher.served(url, answer.fromBrowserCache);
    });
  };
  return class MediaLoader extends Base {
    /** @override @param {import('/vendor/hls.min.mjs').FragmentLoaderContext} context @param {any} config @param {any} callbacks */
    load(context, config, callbacks) {
      const url = new URL(context.url, location.origin).href;
      const planned = prefetcher.fetched(url);
      for (const name of Object.keys(planned && context.headers ? context.headers : {})) {
        if (/^cmcd-/i.test(name)) delete context.headers?.[name];
      }
      super.load(context, config, {
        ...callbacks,
        onSuccess: (/** @type {any} */ response, /** @type {any} */ stats, /** @type {any} */ answered, /** @type {any} */ details) => {
          note(url, stats, details);
          if (planned) {
            // The bandwidth estimate must see what the network took, not the cache.
            stats.loading.start = stats.loading.end - planned.tookMs;
            stats.loading.first = stats.loading.start + planned.ttfbMs;
          }
          callbacks.onSuccess(response, stats, answered, details);
        },
      });
    }
  };
}
