/**
 * Likes and follows, shown at once and undone when the server refuses. One truth for the whole page: every
 * place that shows a video or a creator listens here.
 */
import { explain } from './http.js';
import { toast } from './toast.js';

export class Social extends EventTarget {
  #api;
  #needName;
  /** @type {Map<string, { liked: boolean, likes: number }>} */ #likes = new Map();
  /** @type {Map<string, boolean>} */ #follows = new Map();
  /** @type {Map<string, number>} */ #comments = new Map();
  /** @type {Set<string>} */ #busy = new Set();

  /** @param {Api} api @param {(reason: string) => Promise<boolean>} needName resolves false when the viewer declines */
  constructor(api, needName) {
    super();
    this.#api = api;
    this.#needName = needName;
  }

  /** @param {Video} video */
  likeOf(video) { return this.#likes.get(video.id) ?? { liked: video.viewer?.liked ?? false, likes: video.counts.likes }; }

  /** @param {{ id: string }} creator @param {boolean} [known] */
  follows(creator, known = false) { return this.#follows.get(creator.id) ?? known; }

  /** @param {Video} video */
  commentsOf(video) { return video.counts.comments + (this.#comments.get(video.id) ?? 0); }

  /** @param {string} videoId @param {number} change */
  commented(videoId, change) {
    this.#comments.set(videoId, (this.#comments.get(videoId) ?? 0) + change);
    this.#changed();
  }

  /** @param {Video} video @param {boolean} liked */
  async like(video, liked) {
    const before = this.likeOf(video);
    if (before.liked === liked || this.#busy.has(video.id)) return;
    if (liked && !(await this.#needName('like videos'))) return;
    this.#likes.set(video.id, { liked, likes: Math.max(0, before.likes + (liked ? 1 : -1)) });
    await this.#send(video.id, () => this.#api.like(video.id, liked), () => this.#likes.set(video.id, before));
  }

  /** @param {{ id: string, handle: string }} creator @param {boolean} following @param {boolean} before */
  async follow(creator, following, before) {
    if (this.#busy.has(creator.id)) return;
    this.#follows.set(creator.id, following);
    await this.#send(creator.id, () => this.#api.follow(creator.id, following), () => this.#follows.set(creator.id, before));
  }

  /** @param {string} key @param {() => Promise<unknown>} call @param {() => void} undo */
  async #send(key, call, undo) {
    this.#busy.add(key);
    this.#changed();
    try {
      await call();
    } catch (error) {
      undo();
      toast(explain(error));
    } finally {
      this.#busy.delete(key);
      this.#changed();
    }
  }

  #changed() { this.dispatchEvent(new Event('change')); }
}
