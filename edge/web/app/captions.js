/** Captions: off until asked for, then remembered. */
import { nearest } from './rules/languages.js';

export class Captions extends EventTarget {
  on = localStorage.getItem('reelway.captions') === 'on';

  toggle() {
    this.on = !this.on;
    localStorage.setItem('reelway.captions', this.on ? 'on' : 'off');
    this.dispatchEvent(new Event('change'));
  }

  /** @param {string[]} offered */
  choose(offered) { return this.on ? nearest(offered, navigator.languages) : -1; }
}
