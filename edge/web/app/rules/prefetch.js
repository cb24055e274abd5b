/**
 * The feed's prefetch plan: what to fetch next, when to hold back, and what became of the bytes. Pure.
 * @typedef {{ saveData: boolean, online: boolean, cacheWorks: boolean, scrolling: boolean, playing: boolean,
 *   bufferedS: number, bufferedToEnd: boolean }} Conditions
 * @typedef {'go' | 'save-data' | 'offline' | 'no-cache' | 'swipe' | 'not-playing' | 'short-buffer'} Verdict
 */

/** Below this much media ahead, the current video gets the whole line. */
export const SAFE_BUFFER_S = 4;
const REMEMBERED = 120;

/** Appends a page's plan in its order; a URL is planned once. @param {PrefetchEntry[]} entries @param {PlannedFetch[]} plan @param {string} base @returns {PrefetchEntry[]} */
export function extend(entries, plan, base) {
  const known = new Set(entries.map((entry) => entry.url));
  const fresh = plan.map((one) => ({ ...one, url: new URL(one.url, base).href })).filter((one) => !known.has(one.url));
  return [...entries, ...fresh.map((one) => /** @type {PrefetchEntry} */ ({
    videoId: one.video_id, url: one.url, bytes: one.bytes, state: 'waiting', ttfbMs: 0, tookMs: 0,
  }))].slice(-REMEMBERED);
}

/** May a byte be prefetched now, and if not, why. @param {Conditions} now @returns {Verdict} */
export function verdict(now) {
  if (now.saveData) return 'save-data';
  if (!now.online) return 'offline';
  if (!now.cacheWorks) return 'no-cache';
  if (now.scrolling) return 'swipe';
  if (!now.playing) return 'not-playing';
  return now.bufferedToEnd || now.bufferedS >= SAFE_BUFFER_S ? 'go' : 'short-buffer';
}

/** The first entry still waiting, in the plan's order, of a video that is still ahead. @param {PrefetchEntry[]} entries @param {string[]} ahead @returns {PrefetchEntry | null} */
export const next = (entries, ahead) => entries.find((one) => one.state === 'waiting' && ahead.includes(one.videoId)) ?? null;

/** @param {PrefetchEntry[]} entries @param {string} url @param {Partial<PrefetchEntry>} change @returns {PrefetchEntry[]} */
export const mark = (entries, url, change) => entries.map((one) => (one.url === url ? { ...one, ...change } : one));

/** Bytes fetched for videos now behind the viewer, and never played, were wasted. @param {PrefetchEntry[]} entries @param {string[]} behind @returns {PrefetchEntry[]} */
export const passed = (entries, behind) => entries.map((one) => (
  one.state === 'fetched' && behind.includes(one.videoId) ? { ...one, state: 'wasted' } : one));

/** Has every planned part of this video arrived (or is there no plan for it)? @param {PrefetchEntry[]} entries @param {string} videoId */
export const complete = (entries, videoId) => !entries.some(
  (one) => one.videoId === videoId && (one.state === 'waiting' || one.state === 'loading'));

/** Bytes by outcome. @param {PrefetchEntry[]} entries */
export function totals(entries) {
  const sum = (/** @type {string[]} */ states) => entries.filter((one) => states.includes(one.state))
    .reduce((bytes, one) => bytes + one.bytes, 0);
  return { fetched: sum(['fetched', 'used', 'wasted']), used: sum(['used']), wasted: sum(['wasted']), ahead: sum(['fetched']) };
}

/**
 * The level whose media the plan names, so that the player asks for the same URLs: the folder of the planned
 * files is the folder, or the name, of the level's playlist. −1 when the plan names none.
 * @param {string[]} levelUrls @param {string[]} planned
 */
export function plannedLevel(levelUrls, planned) {
  const folders = new Set(planned.map((url) => new URL(url).pathname.split('/').at(-2) ?? ''));
  return levelUrls.findIndex((url) => {
    const parts = new URL(url).pathname.split('/');
    const stem = (parts.at(-1) ?? '').replace(/\.m3u8$/, '');
    return folders.has(parts.at(-2) ?? '') || [...folders].some((name) => name === stem || name.startsWith(`${stem}-`));
  });
}
