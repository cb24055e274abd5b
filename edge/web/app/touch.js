/** Pointer input on a stage → gestures, by the rules in rules/gesture.js. */
import * as rules from './rules/gesture.js';

/** @param {HTMLElement} host delegated: listens for `.surface` inside it @param {(gesture: rules.Gesture) => void} act */
export function listenForGestures(host, act) {
  let state = rules.REST;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer;
  const take = (/** @type {rules.Step} */ step) => {
    state = step.state;
    if (step.gesture) act(step.gesture);
    clearTimeout(timer);
    if (state.deadline !== null) {
      timer = setTimeout(() => take(rules.elapse(state, performance.now())), Math.max(0, state.deadline - performance.now()) + 1);
    }
  };
  const onSurface = (/** @type {Event} */ event) => event.target instanceof Element && event.target.closest('.surface');
  host.addEventListener('pointerdown', (event) => {
    if (onSurface(event) && event.isPrimary && event.button === 0) take(rules.press(state, event.clientX, event.clientY, performance.now()));
  });
  addEventListener('pointermove', (event) => { if (event.isPrimary && state.deadline !== null) take(rules.move(state, event.clientX, event.clientY)); });
  addEventListener('pointerup', (event) => { if (event.isPrimary) take(rules.lift(state, performance.now())); });
  addEventListener('pointercancel', (event) => { if (event.isPrimary) take(rules.cancel(state)); });
  host.addEventListener('contextmenu', (event) => { if (onSurface(event)) event.preventDefault(); });
  // A click without a pointer comes from the keyboard or assistive technology.
  host.addEventListener('click', (event) => { if (onSurface(event) && event.detail === 0) act({ type: 'tap' }); });
}
