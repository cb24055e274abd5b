/** The engineers' panel: how the media on screen came to be here, live. */
import { element, must } from './element.js';
import { bitrate, bytes } from './rules/format.js';
import { totals } from './rules/prefetch.js';

/** @typedef {{ meter: Meter, prefetcher: Prefetcher, players: Players, entry: () => Entry | null }} PanelContext */

const EVERY_MS = 500;
const KEY = 'reelway.panel';

export class Panel {
  #context;
  #node = must('#panel');
  /** @type {Map<string, HTMLElement>} */ #fields = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;

  /** @param {PanelContext} context */
  constructor(context) {
    this.#context = context;
  }

  toggle() {
    this.#node.hidden = !this.#node.hidden;
    clearInterval(this.#timer);
    if (this.#node.hidden) {
      sessionStorage.removeItem(KEY);
      return;
    }
    sessionStorage.setItem(KEY, 'open');
    this.#paint();
    this.#timer = setInterval(() => this.#paint(), EVERY_MS);
  }

  #paint() {
    for (const [name, value] of this.#rows()) {
      const field = this.#fields.get(name) ?? this.#add(name);
      if (field.textContent !== value) field.textContent = value;
    }
  }

  /** @param {string} name */
  #add(name) {
    const value = element('dd', { 'data-field': name });
    this.#node.querySelector('dl')?.append(element('dt', {}, name), value);
    this.#fields.set(name, value);
    return value;
  }

  /** @returns {[string, string][]} */
  #rows() {
    const { meter, prefetcher, players } = this.#context;
    const entry = this.#context.entry();
    const player = players.current;
    const last = meter.last;
    const quality = player?.video.getVideoPlaybackQuality?.();
    const sums = totals(prefetcher.entries);
    const level = player?.level;
    return [
      ['protocol', last?.protocol || '–'],
      ['cache-status', last ? (last.fromBrowserCache ? 'browser cache; ' : '') + (last.cacheStatus || '–') : '–'],
      ['ttfb', last ? `${last.ttfbMs.toFixed(0)} ms` : '–'],
      ['first frame', firstFrames(meter.firstFrames)],
      ['rendition', level ? `${level.width}×${level.height} · ${bitrate(level.bitrate)}` : '–'],
      ['bandwidth', player ? bitrate(player.bitsPerSecond) : '–'],
      ['buffer', player ? `${player.bufferedS.toFixed(1)} s` : '–'],
      ['dropped', quality ? `${quality.droppedVideoFrames} of ${quality.totalVideoFrames}` : '–'],
      ['stalls', String(meter.stalls)],
      ['prefetch', prefetcher.verdict],
      ['prefetched', `${bytes(sums.fetched)} (${bytes(sums.ahead)} ahead)`],
      ['used', bytes(sums.used)],
      ['wasted', bytes(sums.wasted)],
      ['mode', entry?.mode ?? '–'],
      ['source', entry ? `${entry.source} · #${entry.position}` : '–'],
      ['video', entry?.video.id ?? '–'],
    ];
  }
}

/** @param {number[]} samples */
function firstFrames(samples) {
  const last = samples.at(-1);
  if (last === undefined) return '–';
  const median = [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
  return `${last.toFixed(0)} ms (median ${median.toFixed(0)})`;
}
