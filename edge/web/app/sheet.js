/** Sheets from below (dialogs in the middle when wide): modal, focus kept inside and given back, closed by back, Escape, the backdrop or a pull down. */
import { element, icon } from './element.js';

const PULL_PX = 90;

export class Sheet {
  #router;
  #dialog;
  #closed = () => this.#hide();
  /** Called after the sheet went away. @type {(() => void) | null} */ onclose = null;

  /** @param {Router} router @param {string} title @param {Node[]} content @param {string} [kind] extra class */
  constructor(router, title, content, kind = '') {
    this.#router = router;
    const id = `sheet-${crypto.randomUUID().slice(0, 8)}`;
    const head = element('header', { class: 'sheet-head' },
      element('h2', { id }, title),
      element('button', { type: 'button', class: 'round', 'aria-label': 'Close', onclick: () => this.close() }, icon('close')));
    this.#dialog = element('dialog', { class: `sheet ${kind}`, 'aria-labelledby': id }, head, ...content);
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      this.close();
    });
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.close(); });
    this.#pull(head);
  }

  get isOpen() { return this.#dialog.open; }

  open() {
    if (this.#dialog.open) return;
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    this.#router.sheetOpened(this.#closed);
  }

  close() {
    if (!this.#dialog.open) return;
    this.#hide();
    this.#router.sheetClosed(this.#closed);
  }

  #hide() {
    if (!this.#dialog.open) return;
    this.#dialog.close();
    this.#dialog.remove();
    this.onclose?.();
  }

  /** @param {HTMLElement} head */
  #pull(head) {
    let from = -1;
    const shift = (/** @type {number} */ y) => this.#dialog.style.setProperty('translate', y > 0 ? `0 ${y}px` : '');
    head.addEventListener('pointerdown', (event) => {
      if (event.target instanceof Element && event.target.closest('button')) return;
      from = event.clientY;
      head.setPointerCapture(event.pointerId);
    });
    head.addEventListener('pointermove', (event) => { if (from >= 0) shift(event.clientY - from); });
    const drop = (/** @type {PointerEvent} */ event) => {
      if (from < 0) return;
      const pulled = event.clientY - from;
      from = -1;
      shift(0);
      if (event.type === 'pointerup' && pulled > PULL_PX) this.close();
    };
    head.addEventListener('pointerup', drop);
    head.addEventListener('pointercancel', drop);
  }
}
