/** One recycled player: a video element and the hls.js instance that fills it. Knows one video at a time and its role. */
import Hls from '/vendor/hls.min.mjs';
import { element } from './element.js';
import { SESSION_ID } from './media-loader.js';

/** Seconds of media each role may hold ahead: the primed player stops after its first segment. */
const AHEAD_S = { current: 24, primed: 2, kept: 1, idle: 1 };

export class Player {
  #context;
  /** @type {Hls | null} */ #hls = null;
  /** @type {Entry | null} */ entry = null;
  /** @type {Slot} */ slot = 'idle';
  /** A picture of this video is on the element. */
  painted = false;
  /** Waiting for media after it had played. */
  stalled = false;
  stalls = 0;
  /** Given up by the player library. */
  broken = false;
  #recovered = false;
  #stopped = false;
  #wantsToPlay = false;
  #swipedAt = 0;
  #load = 0;

  /** @param {PlayerContext} context */
  constructor(context) {
    this.#context = context;
    this.video = element('video', { playsinline: true, loop: true, preload: 'auto', disableremoteplayback: true, tabindex: '-1' });
    const changed = () => context.onChange(this);
    for (const name of ['play', 'pause', 'seeked', 'progress', 'timeupdate', 'durationchange', 'ratechange']) this.video.addEventListener(name, changed);
    this.video.addEventListener('playing', () => { this.stalled = false; changed(); });
    this.video.addEventListener('waiting', () => this.#waiting());
    this.video.addEventListener('error', () => { if (!this.#hls && this.entry) context.onFailure(this, 'broken'); });
  }

  get level() {
    const hls = this.#hls;
    return hls && hls.currentLevel >= 0 ? hls.levels[hls.currentLevel] : undefined;
  }

  get bitsPerSecond() { return this.#hls?.bandwidthEstimate ?? 0; }

  get bufferedS() {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= currentTime + 0.3 && buffered.end(i) > currentTime) return buffered.end(i) - currentTime;
    }
    return 0;
  }

  get bufferedToEnd() {
    const { duration, currentTime } = this.video;
    return duration > 0 && currentTime + this.bufferedS >= duration - 0.25;
  }

  /** Takes another video. @param {Entry} entry @param {Slot} slot */
  load(entry, slot) {
    this.release();
    this.broken = false;
    this.entry = entry;
    this.slot = slot;
    this.#load += 1;
    const url = entry.video.playback?.hls;
    if (!url) return;
    this.#awaitPicture(this.#load);
    if (Hls.isSupported()) this.#attach(url, entry);
    else this.video.src = url;
  }

  /** @param {Slot} slot */
  become(slot) {
    this.slot = slot;
    const hls = this.#hls;
    if (hls) hls.config.maxMaxBufferLength = AHEAD_S[slot];
    if (slot === 'kept' || slot === 'idle') {
      this.#wantsToPlay = false;
      this.video.pause();
      hls?.stopLoad();
      this.#stopped = true;
    } else if (hls?.levels.length && this.#stopped) {
      this.#stopped = false;
      hls.startLoad();
    }
    if (slot === 'primed') this.video.pause();
  }

  /** Becomes the video that the viewer swiped to. @param {number} swipedAt performance.now() of the swipe */
  start(swipedAt) {
    this.#swipedAt = swipedAt;
    const load = this.#load;
    this.#onNextFrame(() => {
      if (load !== this.#load || !this.#swipedAt || !this.entry) return;
      this.#context.meter.firstFrame(this.#swipedAt, this.entry.video.id);
      this.#swipedAt = 0;
    });
    void this.play();
  }

  async play() {
    this.#wantsToPlay = true;
    this.video.muted = this.#context.sound.muted;
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'NotAllowedError') || this.video.muted) return;
      this.#context.sound.block();
      this.video.muted = true;
      await this.video.play().catch(() => this.#context.onChange(this));
    }
  }

  pause() {
    this.#wantsToPlay = false;
    this.video.pause();
  }

  /** As the viewer wants captions now. */
  caption() {
    const hls = this.#hls;
    const track = hls?.allSubtitleTracks[this.#context.captions.choose(hls.allSubtitleTracks.map(({ lang }) => lang ?? ''))];
    if (!hls) return;
    hls.setSubtitleOption(track && { lang: track.lang });
    if (!track) hls.subtitleTrack = -1;
  }

  /** @param {number} seconds */
  seek(seconds) { this.video.currentTime = Math.max(0, Math.min(seconds, (this.video.duration || 0) - 0.05)); }

  /** Forgets its video and frees its media. */
  release() {
    this.#hls?.destroy();
    this.#hls = null;
    this.entry = null;
    this.slot = 'idle';
    this.painted = this.stalled = this.#recovered = this.#stopped = this.#wantsToPlay = false;
    this.#swipedAt = 0;
    this.stalls = 0;
    this.video.pause();
    this.video.classList.remove('painted');
    this.video.playbackRate = 1;
    if (this.video.getAttribute('src')) {
      this.video.removeAttribute('src');
      this.video.load();
    }
    this.video.remove();
  }

  /** @param {string} url @param {Entry} entry */
  #attach(url, entry) {
    const { meter, prefetcher, loader } = this.#context;
    const hls = new Hls({
      autoStartLoad: false,
      enableWorker: false,
      lowLatencyMode: false,
      capLevelToPlayerSize: true,
      backBufferLength: 60,
      maxBufferSize: 16e6,
      maxBufferLength: AHEAD_S.primed,
      maxMaxBufferLength: AHEAD_S[this.slot],
      abrEwmaDefaultEstimate: meter.bitsPerSecond || 1_500_000,
      cmcd: { sessionId: SESSION_ID, contentId: entry.video.id, useHeaders: true },
      fLoader: loader,
    });
    this.#hls = hls;
    hls.on(Hls.Events.MANIFEST_PARSED, (_, data) => {
      const planned = prefetcher.plannedLevel(data.levels.map((level) => new URL(level.uri, location.origin).href), entry.video.id);
      if (planned >= 0) hls.startLevel = planned;
      this.caption();
      this.#stopped = this.slot !== 'current' && this.slot !== 'primed';
      if (!this.#stopped) hls.startLoad(0);
    });
    hls.on(Hls.Events.FRAG_BUFFERED, () => { meter.bitsPerSecond = this.bitsPerSecond || meter.bitsPerSecond; });
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) this.#failed(hls, data); });
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  /** @param {Hls} hls @param {import('/vendor/hls.min.mjs').ErrorData} data */
  #failed(hls, data) {
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !this.#recovered) {
      this.#recovered = true;
      hls.recoverMediaError();
      return;
    }
    this.broken = true;
    const status = data.response?.code ?? 0;
    this.#context.onFailure(this, status === 401 || status === 403 ? 'expired' : 'broken');
  }

  #waiting() {
    const hasPlayed = this.painted && this.video.currentTime > 0.1 && !this.video.seeking && this.#wantsToPlay;
    if (hasPlayed && this.slot === 'current' && !this.bufferedToEnd) {
      this.stalled = true;
      this.stalls += 1;
      this.#context.meter.stalled();
    }
    this.#context.onChange(this);
  }

  /** @param {number} load */
  #awaitPicture(load) {
    this.#onNextFrame(() => {
      if (load !== this.#load || this.painted) return;
      this.painted = true;
      this.video.classList.add('painted');
      this.#context.onChange(this);
    });
  }

  /** @param {() => void} act */
  #onNextFrame(act) {
    if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(act);
    else /** @type {any} */ (this.video).addEventListener('timeupdate', act, { once: true });
  }
}
