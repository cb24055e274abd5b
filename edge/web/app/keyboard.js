/** Keys of the player; silent while typing, in a sheet, or on a control that has its own meaning for the key. */

/** @typedef {Record<'next' | 'previous' | 'pause' | 'sound' | 'captions' | 'like' | 'comments' | 'fullscreen' | 'panel' | 'keys', () => void>} KeyActions */

/** @type {Record<string, keyof KeyActions>} */
const KEYS = {
  ArrowDown: 'next', j: 'next', ArrowUp: 'previous', k: 'previous', ' ': 'pause', m: 'sound', t: 'captions', l: 'like', c: 'comments', f: 'fullscreen', d: 'panel', '?': 'keys',
};
const ANYWHERE = new Set(['panel', 'keys']);

/** @param {KeyActions} actions @param {() => boolean} onReel is a reel on screen */
export function listenForKeys(actions, onReel) {
  document.addEventListener('keydown', (event) => {
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (target.closest('input:not(.seek), textarea, select, [contenteditable]')) return;
    if (event.key === ' ' && target.closest('button:not(.surface), a, input')) return;
    if (event.key.startsWith('Arrow') && target.closest('.seek, .comments')) return;
    if (!onReel() && !ANYWHERE.has(action)) return;
    event.preventDefault();
    if (!event.repeat || action === 'next' || action === 'previous') actions[action]();
  });
}
