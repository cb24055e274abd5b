/**
 * What a pointer on the stage means: a tap (pause), two taps (like) or a hold (2×). A finger that moves is
 * scrolling and means nothing. Pure: time comes in with each input; the shell calls `elapse` at `deadline`.
 * @typedef {{ phase: 'idle' | 'down' | 'tapped' | 'down-again' | 'holding', x: number, y: number,
 *   deadline: number | null }} GestureState
 * @typedef {{ type: 'tap' } | { type: 'double', x: number, y: number } | { type: 'hold' } | { type: 'release' }} Gesture
 * @typedef {{ state: GestureState, gesture: Gesture | null }} Step
 */

export const HOLD_MS = 400;
export const DOUBLE_MS = 260;
const SLOP_PX = 12;
const DOUBLE_SLOP_PX = 48;

/** @type {GestureState} */
export const REST = Object.freeze({ phase: 'idle', x: 0, y: 0, deadline: null });

/** @param {GestureState} state @param {number} x @param {number} y @param {number} reach */
const near = (state, x, y, reach) => Math.hypot(state.x - x, state.y - y) <= reach;

/** @param {GestureState} state @param {number} x @param {number} y @param {number} nowMs @returns {Step} */
export function press(state, x, y, nowMs) {
  const again = state.phase === 'tapped' && near(state, x, y, DOUBLE_SLOP_PX);
  const gesture = state.phase === 'tapped' && !again ? /** @type {Gesture} */ ({ type: 'tap' }) : null;
  return { state: { phase: again ? 'down-again' : 'down', x, y, deadline: nowMs + HOLD_MS }, gesture };
}

/** @param {GestureState} state @param {number} x @param {number} y @returns {Step} */
export function move(state, x, y) {
  const scrolling = (state.phase === 'down' || state.phase === 'down-again') && !near(state, x, y, SLOP_PX);
  return { state: scrolling ? REST : state, gesture: null };
}

/** @param {GestureState} state @param {number} nowMs @returns {Step} */
export function lift(state, nowMs) {
  if (state.phase === 'holding') return { state: REST, gesture: { type: 'release' } };
  if (state.phase === 'down-again') return { state: REST, gesture: { type: 'double', x: state.x, y: state.y } };
  if (state.phase === 'down') return { state: { ...state, phase: 'tapped', deadline: nowMs + DOUBLE_MS }, gesture: null };
  return { state, gesture: null };
}

/** The browser took the pointer (it scrolls). @param {GestureState} state @returns {Step} */
export function cancel(state) {
  return { state: REST, gesture: state.phase === 'holding' ? { type: 'release' } : null };
}

/** Called when time has reached the state's deadline. @param {GestureState} state @param {number} nowMs @returns {Step} */
export function elapse(state, nowMs) {
  if (state.deadline === null || nowMs < state.deadline) return { state, gesture: null };
  if (state.phase === 'tapped') return { state: REST, gesture: { type: 'tap' } };
  if (state.phase === 'down' || state.phase === 'down-again') {
    return { state: { ...state, phase: 'holding', deadline: null }, gesture: { type: 'hold' } };
  }
  return { state: { ...state, deadline: null }, gesture: null };
}
