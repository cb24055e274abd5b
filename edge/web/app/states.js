/** Screens for when there is nothing to show: loading, empty, refused, not found. */
import { element, icon } from './element.js';

/** The shape of a slide while the first page is on its way. */
export function loadingReel() {
  return element('div', { class: 'slide skeleton', 'aria-label': 'Loading', role: 'status' },
    element('div', { class: 'stage' },
      element('div', { class: 'words' }, element('span', { class: 'bone w40' }), element('span', { class: 'bone w80' }), element('span', { class: 'bone w60' }))),
    element('div', { class: 'rail' }, ...Array.from({ length: 5 }, () => element('span', { class: 'bone disc' }))));
}

/** @param {string} symbol @param {string} title @param {string} text @param {...(Node | null)} actions */
export function blank(symbol, title, text, ...actions) {
  return element('div', { class: 'blank' },
    element('span', { class: 'blank-mark' }, icon(symbol)),
    element('h2', {}, title), element('p', {}, text),
    element('div', { class: 'blank-actions' }, ...actions));
}

/** @param {'foryou' | 'following' | 'watch'} kind @param {() => void} again */
export function emptyReel(kind, again) {
  if (kind === 'following') {
    return blank('people', 'Nobody here yet', 'Follow people you like and their newest videos appear here.',
      element('a', { class: 'button', href: '/' }, 'Find people in For You'));
  }
  return blank('film', 'No videos yet', 'Be the first: upload a clip and it plays here in a moment.',
    element('a', { class: 'button', href: '/upload' }, 'Upload a video'),
    element('button', { type: 'button', class: 'button quiet', onclick: again }, 'Look again'));
}

/** Comes after the last video. @param {number} index @param {() => void} again */
export function endOfReel(index, again) {
  return element('article', { class: 'slide', 'aria-label': 'End of the feed', 'data-index': index },
    blank('film', 'You are all caught up', 'That was everything for now. New videos come in all the time.',
      element('button', { type: 'button', class: 'button', onclick: again }, 'Start again')));
}

/** @param {string} text @param {(() => void) | null} again */
export function errorReel(text, again) {
  return blank(again ? 'cloud' : 'film', again ? 'That did not load' : 'Not here any more', text,
    again ? element('button', { type: 'button', class: 'button', onclick: again }, 'Try again') : element('a', { class: 'button', href: '/' }, 'Go to For You'));
}
