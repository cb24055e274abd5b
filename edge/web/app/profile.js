/** A creator's page: who, follow, and a grid of posters; one's own videos with their state and delete. */
import { avatar, element, icon } from './element.js';
import { explain, Problem } from './http.js';
import { count } from './rules/format.js';
import { Sheet } from './sheet.js';
import { blank, errorReel } from './states.js';
import { toast } from './toast.js';

/**
 * @typedef {{ api: Api, social: Social, sessions: Sessions,
 *   router: Router, needName: (reason: string) => Promise<boolean> }} ProfileContext
 */

const STATE_WORDS = { uploading: 'Uploading', queued: 'In the queue', processing: 'Processing', playable: 'Still processing', ready: '', rejected: 'Refused', failed: 'Failed' };
const POLL_MS = 4000;

export class Profile {
  #context;
  #id;
  /** @type {string | null} */ #cursor = null;
  #done = false;
  #loading = false;
  #closing = new AbortController();
  /** @type {Map<string, HTMLElement>} */ #tiles = new Map();
  #grid = element('ul', { class: 'grid', 'aria-label': 'Videos' });
  #end = element('div', { class: 'grid-end', role: 'status' });
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #poll;

  /** @param {ProfileContext} context @param {string} id */
  constructor(context, id) {
    this.#context = context;
    this.#id = id;
    this.node = element('section', { class: 'page profile', 'aria-label': 'Profile' }, skeleton());
    void this.#load();
  }

  get #own() { return this.#context.sessions.user?.id === this.#id; }

  /** Leaves the screen for good. */
  close() {
    clearTimeout(this.#poll);
    this.#closing.abort();
    this.#done = true;
    this.node.remove();
  }

  async #load() {
    try {
      const user = await this.#context.api.user(this.#id);
      this.node.replaceChildren(this.#head(user), this.#grid, this.#end);
      new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) void this.#more(); }, { rootMargin: '400px' }).observe(this.#end);
      await this.#more();
    } catch (error) {
      const missing = error instanceof Problem && error.status === 404;
      this.node.replaceChildren(errorReel(missing ? 'There is no such person here.' : explain(error), missing ? null : () => {
        this.node.replaceChildren(skeleton());
        void this.#load();
      }));
    }
  }

  /** @param {User} user */
  #head(user) {
    const { social } = this.#context;
    const number = (/** @type {number} */ value, /** @type {string} */ name) => element('div', {}, element('dt', {}, name), element('dd', {}, count(value)));
    const figures = element('dl', { class: 'figures' });
    const follow = element('button', { type: 'button', class: 'button follow-big', onclick: () => {
      const before = social.follows(user, user.viewer?.following);
      void social.follow(user, !before, before);
    } });
    const paint = () => {
      const following = social.follows(user, user.viewer?.following);
      const change = Number(following) - Number(user.viewer?.following ?? false);
      figures.replaceChildren(number(user.counts.followers + change, 'followers'), number(user.counts.following, 'following'), number(user.counts.likes, 'likes'));
      follow.textContent = following ? 'Following' : 'Follow';
      follow.classList.toggle('quiet', following);
      follow.setAttribute('aria-pressed', String(following));
    };
    paint();
    social.addEventListener('change', paint, { signal: this.#closing.signal });
    const actions = this.#own
      ? [element('a', { class: 'button', href: '/upload' }, icon('plus'), 'Upload'),
        this.#context.sessions.named ? null : element('button', { type: 'button', class: 'button quiet', onclick: async () => {
          if (await this.#context.needName('be found by others')) void this.#load();
        } }, 'Choose a handle')]
      : [follow];
    return element('header', { class: 'profile-head' }, avatar(user, 'big'), element('h1', {}, `@${user.handle}`), figures, element('div', { class: 'profile-actions' }, ...actions));
  }

  async #more() {
    if (this.#loading || this.#done) return;
    this.#loading = true;
    try {
      const page = await this.#context.api.videosOf(this.#id, this.#cursor);
      this.#cursor = page.next_cursor;
      this.#done = page.next_cursor === null;
      for (const video of page.items) this.#grid.append(this.#tile(video));
      this.#watchWork(page.items);
      if (!this.#grid.children.length) {
        this.#end.replaceChildren(this.#own
          ? blank('film', 'Your first video goes here', 'Upload a clip, it plays for everyone in a moment.', element('a', { class: 'button', href: '/upload' }, 'Upload a video'))
          : blank('film', 'No videos yet', 'When they post one, you will see it here.'));
      }
    } catch (error) {
      this.#end.replaceChildren(element('p', { class: 'quiet' }, explain(error)));
    } finally {
      this.#loading = false;
    }
  }

  /** @param {Video} video */
  #tile(video) {
    const { playback } = video;
    const words = STATE_WORDS[video.status];
    const link = element('a', { class: 'tile', href: `/watch/${video.id}`, 'data-list': this.#id, 'aria-label': `${video.description || 'Video'}, ${count(video.counts.views)} views${words ? `, ${words}` : ''}` },
      playback?.poster ? element('img', { src: playback.poster, alt: '', loading: 'lazy', decoding: 'async', draggable: 'false' }) : icon('film'),
      element('span', { class: 'views' }, icon('play'), count(video.counts.views)));
    if (playback?.preview_mp4) previewOnHover(link, playback.preview_mp4);
    if (!playback) link.addEventListener('click', (event) => {
      event.preventDefault();
      toast(video.failure?.detail ?? 'It plays here as soon as it is ready.');
    });
    const tile = element('li', { 'data-status': video.status }, link);
    if (words) {
      const share = video.progress !== undefined && video.status === 'processing' ? ` ${Math.round(video.progress * 100)} %` : '';
      tile.append(element('span', { class: 'state', title: video.failure?.detail ?? '' }, words + share));
    }
    if (this.#own) tile.append(element('button', { type: 'button', class: 'round small remove', 'aria-label': `Delete ${video.description || 'video'}`, onclick: () => this.#confirm(video) }, icon('trash')));
    this.#tiles.set(video.id, tile);
    return tile;
  }

  /** One's own videos that are still at work are looked at again until they are done. @param {Video[]} videos */
  #watchWork(videos) {
    const busy = videos.filter((video) => ['uploading', 'queued', 'processing', 'playable'].includes(video.status));
    if (!this.#own || !busy.length || !this.node.isConnected) return;
    this.#poll = setTimeout(async () => {
      const fresh = await Promise.all(busy.map((video) => this.#context.api.video(video.id).catch(() => video)));
      for (const video of fresh) this.#tiles.get(video.id)?.replaceWith(this.#tile(video));
      this.#watchWork(fresh);
    }, POLL_MS);
  }

  /** @param {Video} video */
  #confirm(video) {
    const sheet = new Sheet(this.#context.router, 'Delete this video?', [element('div', { class: 'stack' },
      element('p', { class: 'quiet' }, 'It goes away for everyone, with its likes and comments. This cannot be undone.'),
      element('button', { type: 'button', class: 'button wide', onclick: () => {
        sheet.close();
        void this.#delete(video);
      } }, 'Delete'),
      element('button', { type: 'button', class: 'button quiet wide', onclick: () => sheet.close() }, 'Keep it'))]);
    sheet.open();
  }

  /** @param {Video} video */
  async #delete(video) {
    const tile = this.#tiles.get(video.id);
    tile?.classList.add('leaving');
    try {
      await this.#context.api.deleteVideo(video.id);
      tile?.remove();
      toast('Video deleted');
    } catch (error) {
      tile?.classList.remove('leaving');
      toast(explain(error));
    }
  }
}

/** The moving preview while a pointer rests on the tile or a finger holds it. @param {HTMLElement} tile @param {string} url */
function previewOnHover(tile, url) {
  /** @type {HTMLVideoElement | null} */ let preview = null;
  let held = false;
  const show = () => {
    preview ??= element('video', { class: 'preview', src: url, loop: true, playsinline: true, disableremoteplayback: true, 'aria-hidden': 'true', tabindex: '-1' });
    preview.muted = true;
    tile.append(preview);
    void preview.play().catch(() => undefined);
  };
  const hide = () => preview?.remove();
  tile.addEventListener('pointerenter', (event) => { if (event.pointerType === 'mouse') show(); });
  tile.addEventListener('focus', () => { if (tile.matches(':focus-visible')) show(); });
  tile.addEventListener('blur', hide);
  tile.addEventListener('contextmenu', (event) => {
    if (matchMedia('(hover: none)').matches) {
      event.preventDefault();
      held = true;
      show();
    }
  });
  tile.addEventListener('click', (event) => {
    if (held) event.preventDefault();
    held = false;
  });
  for (const name of ['pointerleave', 'pointercancel']) tile.addEventListener(name, hide);
}

function skeleton() {
  return element('div', { class: 'profile-skeleton', role: 'status', 'aria-label': 'Loading' },
    element('span', { class: 'bone disc big' }), element('span', { class: 'bone w40' }), element('span', { class: 'bone w60' }),
    element('div', { class: 'grid' }, ...Array.from({ length: 9 }, () => element('span', { class: 'bone cell' }))));
}
