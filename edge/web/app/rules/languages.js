const language = (/** @type {string} */ tag) => tag.split('-')[0];

/**
 * Index of the offered tag (BCP 47) that a reader of `wanted` likes best; of the first, failing that; or −1.
 * @param {string[]} offered @param {readonly string[]} wanted
 */
export function nearest(offered, wanted) {
  for (const want of [...wanted, ...wanted.map(language)]) {
    const found = offered.findIndex((tag) => tag === want || language(tag) === want);
    if (found >= 0) return found;
  }
  return Math.min(0, offered.length - 1);
}
