/** Sound: on unless the viewer said otherwise or the browser wants a tap first; the choice is remembered. */

const KEY = 'reelway.sound';

export class Sound extends EventTarget {
  #on = localStorage.getItem(KEY) !== 'off';
  #blocked = false;

  /** Should players be muted now? */
  get muted() { return !this.#on || this.#blocked; }

  /** The viewer wants sound but the browser asks for a tap. */
  get waitsForTap() { return this.#on && this.#blocked; }

  /** The browser refused to start with sound. */
  block() {
    if (this.#blocked) return;
    this.#blocked = true;
    this.dispatchEvent(new Event('change'));
  }

  /** By a tap or key of the viewer. */
  toggle() {
    this.#on = this.muted;
    this.#blocked = false;
    localStorage.setItem(KEY, this.#on ? 'on' : 'off');
    this.dispatchEvent(new Event('change'));
  }
}
