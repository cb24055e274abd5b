/** Where a reel's videos come from: a feed page by page, one video followed by the feed, or a creator's videos. */

/** @typedef {{ entries: Entry[], plan: PlannedFetch[], done: boolean }} Batch */

/** A page's prefetch plan covers the three videos after its first. */
const PAGE = 4;
const REMEMBERED = 600;
/** A feed that has shown this many videos may show them again; a smaller one ends. */
const WORTH_REPEATING = 12;

/** @param {Video} video */
const watchable = (video) => Boolean(video.playback?.hls) && (video.status === 'ready' || video.status === 'playable');

export class FeedSource {
  #api;
  #kind;
  #first;
  #listOf;
  /** @type {string | null} */ #cursor = null;
  /** @type {Set<string>} */ #seen = new Set();

  /**
   * @param {Api} api
   * @param {{ kind: 'foryou' | 'following', first?: string, listOf?: string }} what `first`: id of the video to begin with; `listOf`: a creator whose videos follow it
   */
  constructor(api, { kind, first, listOf }) {
    this.#api = api;
    this.#kind = kind;
    this.#first = first ?? null;
    this.#listOf = listOf ?? null;
  }

  /** Begins again from the top. */
  restart() {
    this.#cursor = null;
    this.#seen.clear();
  }

  /** The next entries; `done` when there are no more. Throws Problem. @returns {Promise<Batch>} */
  async next() {
    if (this.#first) {
      const id = this.#first;
      const video = await this.#api.video(id);
      this.#first = null;
      return { entries: this.#fresh([{ video, source: 'link', position: 0 }], '', 'link'), plan: [], done: false };
    }
    if (this.#listOf) return this.#fromCreator(this.#listOf);
    const page = await this.#api.feed(this.#kind, this.#cursor, PAGE);
    this.#cursor = page.next_cursor;
    const fresh = () => this.#fresh(page.items, page.feed_id ?? '', page.mode ?? this.#kind);
    let entries = fresh();
    if (!entries.length) {
      if (!page.items.length || this.#seen.size < WORTH_REPEATING) return { entries, plan: [], done: true };
      this.#seen.clear();
      entries = fresh();
    }
    return { entries, plan: page.prefetch ?? [], done: page.next_cursor === null };
  }

  /** @param {string} creator @returns {Promise<Batch>} */
  async #fromCreator(creator) {
    const page = await this.#api.videosOf(creator, this.#cursor);
    this.#cursor = page.next_cursor;
    if (page.next_cursor === null) this.#listOf = null;
    const items = page.items.map((video, position) => ({ video, source: 'profile', position }));
    return { entries: this.#fresh(items, '', 'profile'), plan: [], done: false };
  }

  /** Drops what cannot be watched and what this reel has shown already. @param {FeedPage['items']} items @param {string} feedId @param {string} mode @returns {Entry[]} */
  #fresh(items, feedId, mode) {
    const fresh = items.filter(({ video }) => watchable(video) && !this.#seen.has(video.id));
    for (const { video } of fresh) this.#seen.add(video.id);
    if (this.#seen.size > REMEMBERED) this.#seen = new Set([...this.#seen].slice(-REMEMBERED / 2));
    return fresh.map((item) => ({ ...item, feedId, mode }));
  }
}
