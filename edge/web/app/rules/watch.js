/**
 * One showing of one video, and what is said about it: a view once it was watched long enough, a skip when it
 * was left sooner. A showing is told once; its event id makes a repeated delivery harmless. Pure.
 * @typedef {{ eventId: string, videoId: string, feedId: string, position: number, durationMs: number,
 *   watchedMs: number, playingSince: number | null, shown: boolean, told: boolean }} Showing
 */

/** Watching this long (or half of a shorter video) is a view. */
export const VIEW_MS = 2000;

/** @param {{ eventId: string, videoId: string, feedId: string, position: number, durationMs: number }} about @returns {Showing} */
export const open = (about) => ({ ...about, watchedMs: 0, playingSince: null, shown: false, told: false });

/** Playback runs from now on. @param {Showing} showing @param {number} nowMs @returns {Showing} */
export const running = (showing, nowMs) => ({ ...showing, shown: true, playingSince: showing.playingSince ?? nowMs });

/** Playback stands still (paused, stalled, hidden). @param {Showing} showing @param {number} nowMs @returns {Showing} */
export function halted(showing, nowMs) {
  const extra = showing.playingSince === null ? 0 : Math.max(0, nowMs - showing.playingSince);
  return { ...showing, watchedMs: showing.watchedMs + extra, playingSince: null };
}

/** @param {Showing} showing */
const threshold = (showing) => (showing.durationMs > 0 ? Math.min(VIEW_MS, showing.durationMs / 2) : VIEW_MS);

/**
 * What to tell when the viewer swipes away (`left`) or the page is hidden (`hidden`). Hiding the page early is no
 * verdict on the video, so it tells nothing and the showing stays open. A video that never showed a picture was not refused either.
 * @param {Showing} showing @param {'left' | 'hidden'} why @param {number} nowMs
 * @returns {{ showing: Showing, event: Interaction | null }}
 */
export function settle(showing, why, nowMs) {
  const still = halted(showing, nowMs);
  const enough = still.watchedMs >= threshold(still);
  if (still.told || !still.shown || (why === 'hidden' && !enough)) return { showing: still, event: null };
  return {
    showing: { ...still, told: true },
    event: {
      type: enough ? 'view' : 'skip',
      video_id: still.videoId,
      watch_ms: Math.round(still.watchedMs),
      at: new Date(nowMs).toISOString(),
      ...(still.feedId ? { feed_id: still.feedId } : {}),
      position: still.position,
      event_id: still.eventId,
    },
  };
}
