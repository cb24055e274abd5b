/** Short notes at the bottom of the screen, read out politely, with an optional action. */
import { element, must } from './element.js';

const STAY_MS = 4500;
const AT_ONCE = 2;

/** @param {string} text @param {{ label: string, run: () => void }} [action] */
export function toast(text, action) {
  const host = must('#toasts');
  while (host.children.length >= AT_ONCE) host.firstElementChild?.remove();
  const note = element('div', { class: 'toast' }, element('span', {}, text));
  const gone = setTimeout(() => note.remove(), action ? STAY_MS * 1.6 : STAY_MS);
  if (action) {
    note.append(element('button', { type: 'button', onclick: () => {
      clearTimeout(gone);
      note.remove();
      action.run();
    } }, action.label));
  }
  host.append(note);
}
