/**
 * The loader hls.js fetches segments with. CMCD goes in request headers, not in the query: a query would make
 * another URL, which the browser's cache and the prefetch plan would not know. A segment that lies in that cache is
 * asked for without them: nothing will reach the edge, and across origins the headers alone would cost a preflight.
 */
import Hls from '/vendor/hls.min.mjs';

/** @typedef {import('/vendor/hls.min.mjs').FragmentLoaderContext} FragmentLoaderContext */

const Base = /** @type {new (config: any) => import('/vendor/hls.min.mjs').Loader<any>} */ (Hls.DefaultConfig.loader);

/** @param {import('./prefetch.js').Prefetcher} prefetcher @returns {any} a loader class for hls.js */
export function mediaLoader(prefetcher) {
  return class MediaLoader extends Base {
    /** @override @param {FragmentLoaderContext} context @param {any} config @param {any} callbacks */
    load(context, config, callbacks) {
      const planned = prefetcher.fetched(context.url);
      if (!planned) {
        super.load(context, config, callbacks);
        return;
      }
      for (const name of Object.keys(context.headers ?? {})) {
        if (/^cmcd-/i.test(name)) delete context.headers?.[name];
      }
      super.load(context, config, {
        ...callbacks,
        onSuccess: (/** @type {any} */ response, /** @type {any} */ stats, /** @type {any} */ answered, /** @type {any} */ details) => {
          // The bandwidth estimate must see what the network took, not the cache.
          stats.loading.start = stats.loading.end - planned.tookMs;
          stats.loading.first = stats.loading.start + planned.ttfbMs;
          callbacks.onSuccess(response, stats, answered, details);
        },
      });
    }
  };
}
