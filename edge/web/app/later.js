/** Parts of the page that are fetched when they are first used. */
import { element } from './element.js';
import { toast } from './toast.js';

/** From here on comments stand beside the stage. */
export const WIDE = matchMedia('(min-width: 900px)');

export const COMMENTS_KEY = 'reelway.comments';

/** Is the place beside the stage taken? Known before the comments are there, so that nothing moves when they come. */
export const sideWanted = () => WIDE.matches && document.body.dataset.screen === 'reel' && localStorage.getItem(COMMENTS_KEY) !== 'closed';

/** @template T */
export class Later {
  #make;
  /** @type {Promise<T> | null} */ #making = null;
  /** The part, once it is there. @type {T | null} */ made = null;

  /** @param {() => Promise<T>} make */
  constructor(make) { this.#make = make; }

  /** @returns {Promise<T>} rejects when it did not load; the next call tries again */
  get() {
    this.#making ??= this.#make().then((made) => {
      this.made = made;
      return made;
    }, (error) => {
      this.#making = null;
      throw error;
    });
    return this.#making;
  }

  /** @param {(part: T) => void} act */
  use(act) {
    if (this.made) act(this.made);
    else this.get().then(act, () => toast('That part did not load. Check your network and try again.'));
  }
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/** Loads a style sheet once. @param {'sheets' | 'pages'} name @returns {Promise<void>} */
export function styled(name) {
  const known = styles.get(name) ?? new Promise((done) => {
    document.head.append(element('link', { rel: 'stylesheet', href: `/app/styles/${name}.css`, onload: () => done(), onerror: () => done() }));
  });
  styles.set(name, known);
  return known;
}
