/** A feed on screen: slides that snap under the finger, filled near the viewer, with the players moved along. */
import { element } from './element.js';
import { explain, Problem } from './http.js';
import { Slide } from './slide.js';
import { emptyReel, endOfReel, errorReel, loadingReel } from './states.js';

const NEAR = 2;
const MORE_BEFORE_END = 3;

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Reel {
  /** @type {Entry[]} */ entries = [];
  current = -1;
  /** @type {Slide[]} */ #slides = [];
  #context;
  #source;
  #kind;
  /** Stands after the last slide once there are no more. @type {HTMLElement | null} */ #end = null;
  #watcher;
  #closing = new AbortController();
  #active = false;
  #loading = false;
  #done = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #settling;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #arriving;

  /** @param {ReelContext} context @param {FeedSource} source @param {'foryou' | 'following' | 'watch'} kind */
  constructor(context, source, kind) {
    this.#context = context;
    this.#source = source;
    this.#kind = kind;
    this.node = element('section', { class: 'reel', 'aria-label': kind === 'following' ? 'Following' : 'For You', tabindex: '-1' }, loadingReel());
    const watcher = new IntersectionObserver((seen) => this.#seen(seen), { root: this.node, threshold: 0.55 });
    this.#watcher = watcher;
    this.node.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.#resized());
    sizes.observe(this.node);
    const { signal } = this.#closing;
    signal.addEventListener('abort', () => {
      watcher.disconnect();
      sizes.disconnect();
    });
    context.social.addEventListener('change', () => this.refresh(), { signal });
    context.sound.addEventListener('change', () => this.refresh(), { signal });
    context.captions.addEventListener('change', () => this.refresh(), { signal });
    void this.more();
  }

  /** Leaves the page for good. */
  close() {
    this.#done = true;
    this.#closing.abort();
    this.node.remove();
  }

  get entry() { return this.entries[this.current] ?? null; }

  get slide() { return this.#slides[this.current] ?? null; }

  /** Comes on screen. */
  activate() {
    this.#active = true;
    this.node.hidden = false;
    const place = this.slide?.node ?? this.#end;
    if (place) {
      this.node.scrollTop = place.offsetTop;
      this.#enter(this.current);
    }
  }

  /** Leaves the screen; its place is kept. */
  deactivate() {
    this.#active = false;
    this.node.hidden = true;
    this.#context.showings.swap(null);
    this.#context.players.release();
    this.#context.onCurrent(null);
    this.refresh();
  }

  /** Fetches the next page. */
  async more() {
    if (this.#loading || this.#done) return;
    this.#loading = true;
    this.node.setAttribute('aria-busy', 'true');
    try {
      const { entries, plan, done } = await this.#source.next();
      this.#done = done;
      this.#append(entries);
      this.#context.prefetcher.extend(plan);
    } catch (error) {
      this.#loading = false;
      if (this.entries.length) this.#retryLater(error);
      else this.#fail(error);
      return;
    } finally {
      this.node.removeAttribute('aria-busy');
    }
    this.#loading = false;
    if (this.current + MORE_BEFORE_END >= this.entries.length) void this.more();
  }

  /** @param {number} step −1 or 1 */
  step(step) {
    const index = this.current + step;
    const target = index === this.#slides.length ? this.#end : this.#slides[index]?.node;
    target?.scrollIntoView({ behavior: calm.matches ? 'instant' : 'smooth', block: 'start' });
    return Boolean(target);
  }

  /** @param {number} index @param {Player} player */
  mount(index, player) {
    const slide = this.#slides[index];
    slide?.fill({ near: true });
    slide?.mount.replaceChildren(player.video);
    slide?.show(player);
  }

  /** A player's state changed. @param {Player} player */
  show(player) {
    if (!player.entry) return;
    const slide = this.#slides[this.entries.indexOf(player.entry)];
    slide?.show(player);
    if (slide && player.painted) slide.note('');
  }

  /** A video got a new document (e.g. fresh playback addresses). @param {Entry} old @param {Entry} fresh */
  replace(old, fresh) {
    const index = this.entries.indexOf(old);
    if (index < 0) return;
    this.entries[index] = fresh;
    const slide = this.#slides[index];
    if (slide) slide.entry = fresh;
  }

  /** Takes a video out that cannot be shown. @param {Entry} entry */
  remove(entry) {
    const index = this.entries.indexOf(entry);
    const slide = this.#slides[index];
    if (!slide) return;
    if (index === this.current && this.step(1)) {
      setTimeout(() => slide.node.classList.add('broken'), 600);
      return;
    }
    slide.node.classList.add('broken');
  }

  /** Counts, likes, follow and sound as they are now. */
  refresh() {
    const { social, sound, captions, sessions } = this.#context;
    this.#slides.forEach((slide) => {
      const { video } = slide.entry;
      if (slide.filled) {
        slide.update({
          ...social.likeOf(video), comments: social.commentsOf(video), following: social.follows(video.creator, video.viewer?.following),
          own: video.creator.id === sessions.user?.id, muted: sound.muted, captions: captions.on,
        });
      }
    });
  }

  /** @param {Entry[]} entries */
  #append(entries) {
    for (const entry of entries) {
      const slide = new Slide(entry, this.entries.length, this.#context.actions);
      this.entries.push(entry);
      this.#slides.push(slide);
    }
    if (!this.entries.length) {
      if (this.#done) this.node.replaceChildren(emptyReel(this.#kind, () => this.#restart()));
      return;
    }
    if (this.current < 0) {
      this.node.setAttribute('role', 'feed');
      this.node.replaceChildren();
    }
    for (const slide of this.#slides) {
      if (!slide.node.isConnected) {
        this.node.append(slide.node);
        this.#watcher.observe(slide.node);
      }
    }
    if (this.#done) {
      this.#end = endOfReel(this.entries.length, () => this.#again());
      this.#end.inert = true;
      this.node.append(this.#end);
      this.#watcher.observe(this.#end);
    }
    if (this.current < 0) this.#enter(0);
    else this.#tellPrefetcher();
  }

  /** @param {IntersectionObserverEntry[]} seen */
  #seen(seen) {
    const shown = seen.filter((one) => one.isIntersecting).at(-1);
    const index = shown ? Number(/** @type {HTMLElement} */ (shown.target).dataset.index) : -1;
    if (this.#active && index >= 0 && index !== this.current) this.#enter(index);
  }

  /** @param {number} index */
  #enter(index) {
    const swipedAt = performance.now();
    this.current = index;
    if (!this.#active) return;
    this.#slides.forEach((slide, number) => { if (slide.node.inert !== (number !== index)) slide.node.inert = number !== index; });
    if (this.#end) this.#end.inert = index !== this.#slides.length;
    this.#context.showings.swap(this.entry);
    this.#context.players.move(this, swipedAt);
    // The first frame goes before everything else that a swipe brings about.
    clearTimeout(this.#arriving);
    this.#arriving = setTimeout(() => this.#arrived(index));
  }

  /** @param {number} index */
  #arrived(index) {
    if (!this.#active || index !== this.current) return;
    this.#slides.forEach((slide, number) => {
      const distance = Math.abs(number - index);
      if (distance <= NEAR) slide.fill({ near: distance <= 1 });
      else if (slide.filled && distance > NEAR + 1) slide.empty();
    });
    this.refresh();
    this.#tellPrefetcher();
    this.#context.onCurrent(this.entry);
    this.#watchForSlowness(index);
    if (index + MORE_BEFORE_END >= this.entries.length) void this.more();
  }

  #tellPrefetcher() {
    const ids = this.entries.map((entry) => entry.video.id);
    this.#context.prefetcher.moved(ids.slice(this.current + 1, this.current + 4), ids.slice(0, this.current + 1));
  }

  /** @param {number} index */
  #watchForSlowness(index) {
    setTimeout(() => {
      const player = this.entry && this.#context.players.of(this.entry.video.id);
      if (this.#active && index === this.current && player && !player.painted) {
        this.slide?.note(navigator.onLine ? 'Slow network, still loading…' : 'You are offline. It plays when you are back.');
      }
    }, 3000);
  }

  #scrolled() {
    this.#context.prefetcher.update({ scrolling: true });
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#context.prefetcher.update({ scrolling: false }), 120);
  }

  #resized() {
    for (const slide of this.#slides) slide.fit();
    const place = this.slide?.node ?? this.#end;
    if (this.#active && place) this.node.scrollTop = place.offsetTop;
  }

  /** After the end: the feed from its top. */
  #again() {
    this.#context.players.release();
    this.#source.restart();
    this.entries = [];
    this.#slides = [];
    this.#end = null;
    this.current = -1;
    this.node.removeAttribute('role');
    this.#restart();
  }

  #restart() {
    this.#done = false;
    this.node.replaceChildren(loadingReel());
    void this.more();
  }

  /** @param {unknown} error */
  #fail(error) {
    const missing = error instanceof Problem && error.status === 404;
    this.node.replaceChildren(errorReel(explain(error), missing ? null : () => this.#restart()));
    if (error instanceof Problem && error.code === 'offline') addEventListener('online', () => this.#restart(), { once: true });
  }

  /** The feed goes on where it is; the page is asked for again when more is needed. @param {unknown} error */
  #retryLater(error) {
    const wait = error instanceof Problem && error.status === 429 ? 15_000 : 5000;
    setTimeout(() => { if (this.current + MORE_BEFORE_END >= this.entries.length) void this.more(); }, wait);
  }
}
