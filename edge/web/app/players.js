/** The few players of the page and which video each serves: current, next (primed to its first frame), previous (kept). */
import { Player } from './player.js';
import { assign, wanted } from './rules/slots.js';
import { mediaLoader } from './media-loader.js';

const PLAYERS = 3;

export class Players {
  #prefetcher;
  /** @type {Player[]} */ #players;
  /** @type {(number | null)[]} */ #held = Array(PLAYERS).fill(null);
  /** @type {PlayersReel | null} */ #reel = null;

  /**
   * @param {Omit<PlayerContext, 'loader'>} context
   */
  constructor(context) {
    this.#prefetcher = context.prefetcher;
    const loader = mediaLoader(context.prefetcher, context.meter);
    this.#players = Array.from({ length: PLAYERS }, () => new Player({ ...context, loader }));
    context.prefetcher.addEventListener('change', () => this.#primeWhenReady());
    context.captions.addEventListener('change', () => { for (const player of this.#players) player.caption(); });
    context.sound.addEventListener('change', () => { for (const player of this.#players) player.video.muted = context.sound.muted; });
  }

  /** The player of the video on screen. */
  get current() { return this.#players.find((player) => player.slot === 'current') ?? null; }

  /** @param {string} videoId */
  of(videoId) { return this.#players.find((player) => player.entry?.video.id === videoId) ?? null; }

  /** The reel moved to its current index (or is another reel). @param {PlayersReel} reel @param {number} swipedAt */
  move(reel, swipedAt) {
    if (this.#reel !== reel) this.release();
    this.#reel = reel;
    const before = this.current;
    this.#assign();
    const now = this.current;
    if (now && now !== before) now.start(swipedAt);
  }

  /** Reloads the current video, e.g. with a new token. @param {Player} player */
  reload(player) {
    const index = this.#held[this.#players.indexOf(player)];
    const entry = index === null || index === undefined ? undefined : this.#reel?.entries[index];
    if (!entry || index === null || index === undefined) return;
    const { slot } = player;
    player.load(entry, slot);
    this.#reel?.mount(index, player);
    if (slot === 'current') player.start(performance.now());
  }

  /** Loads again what a lost network broke. */
  retry() { for (const player of this.#players) if (player.broken && player.entry) this.reload(player); }

  /** Frees every player, e.g. when the feed leaves the screen. */
  release() {
    this.#reel = null;
    for (const player of this.#players) player.release();
    this.#held.fill(null);
  }

  #assign() {
    const reel = this.#reel;
    if (!reel) return;
    const next = reel.entries[reel.current + 1];
    const held = next && this.of(next.video.id);
    const prime = next !== undefined && (Boolean(held) || this.#prefetcher.readyToPrime(next.video.id));
    const plan = assign(this.#held, wanted(reel.current, reel.entries.length, prime));
    plan.forEach(({ index, slot }, number) => {
      const player = this.#players[number];
      if (!player) return;
      const entry = index === null ? undefined : reel.entries[index];
      if (this.#held[number] !== index && index !== null && entry) {
        player.load(entry, slot);
        reel.mount(index, player);
      } else if (player.slot !== slot) player.become(slot);
      this.#held[number] = index;
    });
  }

  #primeWhenReady() {
    const reel = this.#reel;
    const next = reel?.entries[reel.current + 1];
    if (next && !this.of(next.video.id) && this.#prefetcher.readyToPrime(next.video.id)) this.#assign();
  }
}
