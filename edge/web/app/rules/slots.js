/**
 * Which of the few players serves which video: the current one, the next (primed to its first frame) and the
 * previous (kept). A player that already holds a wanted video is never moved. Pure.
 */

/** @param {number} current @param {number} length @param {boolean} prime @returns {Map<number, Slot>} wanted role of each index, most wanted first */
export function wanted(current, length, prime) {
  /** @type {Map<number, Slot>} */
  const roles = new Map();
  if (current >= 0 && current < length) roles.set(current, 'current');
  if (prime && current + 1 < length) roles.set(current + 1, 'primed');
  if (current - 1 >= 0) roles.set(current - 1, 'kept');
  return roles;
}

/**
 * @param {(number | null)[]} held index held by each player @param {Map<number, Slot>} roles
 * @returns {{ index: number | null, slot: Slot }[]} what each player holds next
 */
export function assign(held, roles) {
  const left = new Map(roles);
  const result = held.map((index) => {
    const slot = index === null ? undefined : left.get(index);
    if (index === null || slot === undefined) return null;
    left.delete(index);
    return { index, slot };
  });
  const queue = [...left];
  return result.map((kept, player) => {
    if (kept) return kept;
    const next = queue.shift();
    if (next) return { index: next[0], slot: next[1] };
    return { index: held[player] ?? null, slot: /** @type {Slot} */ ('idle') };
  });
}
