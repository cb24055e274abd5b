/** One video on the reel: its picture, words and controls. Filled when near the screen, emptied when far. */
import { avatar, element, icon, must, setIcon } from './element.js';
import { ago, clock, count } from './rules/format.js';
import { decodeThumbHash } from './rules/thumbhash.js';
import { fit } from './rules/stage.js';

export class Slide {
  /** @type {HTMLElement} */ node;
  entry;
  #actions;
  #filled = false;
  #seeking = false;

  /** @param {Entry} entry @param {number} index @param {SlideActions} actions */
  constructor(entry, index, actions) {
    this.entry = entry;
    this.#actions = actions;
    const { video } = entry;
    this.node = element('article', {
      class: 'slide', 'aria-label': `Video by ${video.creator.handle}${video.description ? `: ${video.description.slice(0, 80)}` : ''}`,
      'aria-posinset': index + 1, 'aria-setsize': -1, 'data-index': index, 'data-video': video.id, tabindex: '-1',
    });
    this.node.inert = true;
  }

  get filled() { return this.#filled; }

  /** The box a video element is mounted in. */
  get mount() { return must('.media', this.node); }

  /** @param {{ near: boolean }} how `near`: the picture is wanted soon */
  fill({ near }) {
    if (this.#filled) return;
    this.#filled = true;
    this.node.append(this.#stage(near), this.#rail());
    this.fit();
  }

  empty() {
    this.#filled = false;
    this.node.replaceChildren();
  }

  /** Chooses cover or contain for the stage as it is now. */
  fit() {
    if (!this.#filled) return;
    const stage = must('.stage', this.node);
    const { video } = this.entry;
    stage.dataset.fit = fit(video.width ?? 0, video.height ?? 0, stage.clientWidth, stage.clientHeight);
  }

  /** @param {boolean} near */
  #stage(near) {
    const { video } = this.entry;
    const backdrop = this.#hash();
    const poster = video.playback?.poster
      ? element('img', { class: 'poster', src: video.playback.poster, alt: '', decoding: 'async', draggable: 'false', fetchpriority: near ? 'high' : 'low' }) : null;
    poster?.addEventListener('error', () => poster.remove());
    return element('div', { class: 'stage' },
      backdrop,
      poster,
      element('div', { class: 'media' }),
      element('div', { class: 'shade' }),
      element('button', { type: 'button', class: 'surface', 'aria-label': 'Pause' }),
      element('div', { class: 'paused-mark', 'aria-hidden': 'true' }, icon('play')),
      element('div', { class: 'speed-mark', 'aria-hidden': 'true' }, '2× ', icon('fast')),
      element('p', { class: 'slow-note', role: 'status' }),
      this.#words(),
      this.#progress());
  }

  #hash() {
    const canvas = element('canvas', { class: 'backdrop', width: 1, height: 1, 'aria-hidden': 'true' });
    const text = this.entry.video.playback?.thumbhash;
    const picture = text ? decodeThumbHash(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))) : null;
    if (!picture) return canvas;
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext('2d')?.putImageData(new ImageData(picture.rgba, picture.width, picture.height), 0, 0);
    return canvas;
  }

  #words() {
    const { video } = this.entry;
    const text = element('p', { class: 'description', dir: 'auto' }, video.description);
    const more = element('button', { type: 'button', class: 'more-text', 'aria-expanded': 'false', onclick: () => {
      const open = text.classList.toggle('open');
      more.setAttribute('aria-expanded', String(open));
      more.textContent = open ? 'less' : 'more';
    } }, 'more');
    more.hidden = video.description.length <= 80;
    return element('div', { class: 'words' },
      element('div', { class: 'byline' },
        element('a', { class: 'handle', href: `/u/${video.creator.id}` }, `@${video.creator.handle}`),
        element('span', { class: 'when' }, ago(video.created_at, Date.now())),
        element('button', { type: 'button', class: 'follow', onclick: () => this.#actions.follow(this.entry) }, 'Follow')),
      video.description ? element('div', { class: 'text' }, text, more) : null);
  }

  #progress() {
    const bar = element('input', {
      type: 'range', class: 'seek', min: 0, max: this.entry.video.duration_ms || 1, step: 100, value: 0, 'aria-label': 'Seek',
      oninput: () => {
        this.#seeking = true;
        this.#paint(bar, Number(bar.value));
        this.#actions.seek(Number(bar.value) / 1000);
      },
      onchange: () => { this.#seeking = false; },
    });
    return element('div', { class: 'progress' }, element('output', { class: 'time', 'aria-hidden': 'true' }), bar);
  }

  #rail() {
    const { video } = this.entry;
    const act = (/** @type {string} */ name, /** @type {string} */ symbol, /** @type {string} */ label, /** @type {() => void} */ run, counted = true) => element(
      'button', { type: 'button', class: `act ${name}`, 'aria-label': label, onclick: run },
      element('span', { class: 'disc' }, icon(symbol)), counted ? element('span', { class: 'count', 'aria-hidden': 'true' }) : null);
    return element('div', { class: 'rail' },
      element('a', { class: 'act profile', href: `/u/${video.creator.id}`, 'aria-label': `Profile of ${video.creator.handle}` }, avatar(video.creator)),
      act('like', 'heart', 'Like', () => this.#actions.like(this.entry)),
      act('comment', 'comment', 'Comments', () => this.#actions.comments(this.entry)),
      act('share', 'share', 'Share', () => this.#actions.share(this.entry), false),
      video.playback?.captions?.length ? act('captions', 'captions', 'Captions', () => this.#actions.captions(), false) : null,
      act('sound', 'sound', 'Mute', () => this.#actions.sound(), false),
      act('more', 'more', 'More', () => this.#actions.more(this.entry), false));
  }

  /** @param {{ liked: boolean, likes: number, comments: number, following: boolean, own: boolean, muted: boolean, captions: boolean }} state */
  update(state) {
    if (!this.#filled) return;
    const like = must('.act.like', this.node);
    like.setAttribute('aria-pressed', String(state.liked));
    like.setAttribute('aria-label', `Like, ${count(state.likes)}`);
    setIcon(like, state.liked ? 'heart-full' : 'heart');
    must('.count', like).textContent = count(state.likes);
    const comment = must('.act.comment', this.node);
    must('.count', comment).textContent = count(state.comments);
    comment.setAttribute('aria-label', `Comments, ${count(state.comments)}`);
    const follow = must('.follow', this.node);
    follow.hidden = state.own;
    follow.textContent = state.following ? 'Following' : 'Follow';
    follow.setAttribute('aria-pressed', String(state.following));
    this.node.querySelector('.act.captions')?.setAttribute('aria-pressed', String(state.captions));
    const sound = must('.act.sound', this.node);
    setIcon(sound, state.muted ? 'muted' : 'sound');
    sound.setAttribute('aria-label', state.muted ? 'Sound on' : 'Mute');
  }

  /** @param {Player} player */
  show(player) {
    if (!this.#filled) return;
    const { video } = player;
    this.node.classList.toggle('paused', video.paused && player.painted && player.slot === 'current');
    this.node.classList.toggle('loading', player.stalled || !player.painted);
    must('.surface', this.node).setAttribute('aria-label', video.paused ? 'Play' : 'Pause');
    const bar = /** @type {HTMLInputElement} */ (must('.seek', this.node));
    if (video.duration > 0 && !this.#seeking) {
      bar.max = String(Math.round(video.duration * 1000));
      this.#paint(bar, video.currentTime * 1000);
    }
  }

  /** @param {HTMLInputElement} bar @param {number} ms */
  #paint(bar, ms) {
    if (!this.#seeking) bar.value = String(Math.round(ms));
    bar.style.setProperty('--played', String(Math.min(1, ms / Number(bar.max))));
    const words = `${clock(ms)} of ${clock(Number(bar.max))}`;
    if (bar.getAttribute('aria-valuetext') !== words) {
      bar.setAttribute('aria-valuetext', words);
      must('.time', this.node).textContent = words.replace(' of ', ' / ');
    }
  }

  /** @param {string} text a note over the picture; empty takes it away */
  note(text) {
    if (this.#filled) must('.slow-note', this.node).textContent = text;
  }

  /** The heart that flies up where one tapped twice. @param {number} x @param {number} y in the viewport */
  burst(x, y) {
    const stage = must('.stage', this.node);
    const box = stage.getBoundingClientRect();
    const heart = element('span', { class: 'burst', 'aria-hidden': 'true', onanimationend: () => heart.remove() }, icon('heart-full'));
    heart.style.left = `${x - box.left}px`;
    heart.style.top = `${y - box.top}px`;
    heart.style.setProperty('--tilt', `${((x + y) % 40) - 20}deg`);
    stage.append(heart);
    setTimeout(() => heart.remove(), 1000);
  }
}
