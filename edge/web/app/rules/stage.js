/** How a video sits on the stage. Pure. */

const CROP_LIMIT = 0.22;

/**
 * `cover` while filling the stage hides little of the picture, else `contain` over its own blurred colours.
 * @param {number} width @param {number} height @param {number} stageWidth @param {number} stageHeight
 * @returns {'cover' | 'contain'}
 */
export function fit(width, height, stageWidth, stageHeight) {
  if (!(width > 0 && height > 0 && stageWidth > 0 && stageHeight > 0)) return 'cover';
  const [picture, stage] = [width / height, stageWidth / stageHeight];
  return 1 - Math.min(picture, stage) / Math.max(picture, stage) <= CROP_LIMIT ? 'cover' : 'contain';
}

/** Two hues of a user's avatar, always the same for the same id. @param {string} id @returns {[number, number]} */
export function hues(id) {
  let mix = 2166136261;
  for (const letter of id) mix = Math.imul(mix ^ letter.charCodeAt(0), 16777619) >>> 0;
  const hue = (mix ^ (mix >>> 15)) % 360;
  return [hue, (hue + 40 + ((mix >>> 9) % 80)) % 360];
}

/** Handles the server accepts: 3–24 characters, a letter first, then letters, digits and single dots or underscores between them. @param {string} handle */
export const handleOk = (handle) => handle.length >= 3 && handle.length <= 24 && /^[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z0-9]+)*$/.test(handle);
