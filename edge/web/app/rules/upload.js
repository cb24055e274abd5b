/**
 * Rules of an upload: may this file go, how fast is it, what to do after a failure. Pure.
 * @typedef {{ at: number, bytes: number }} Sample
 * @typedef {'wait-online' | 'retry' | 'refused'} AfterFailure
 */

export const DESCRIPTION_LIMIT = 2200;
const WINDOW_MS = 8000;

/** Why a file cannot be uploaded, in words, or null. @param {{ name: string, type: string, size: number }} file */
export function refusal(file) {
  if (file.size === 0) return `“${file.name}” is empty. Choose another clip.`;
  const taken = file.type ? /^video\/(mp4|quicktime|x-m4v|3gpp2?)$/.test(file.type) : /\.(mp4|m4v|mov|3gp)$/i.test(file.name);
  if (taken) return null;
  return `“${file.name}” is ${file.type.startsWith('video/') ? 'a video of a kind that is not taken' : 'not a video that is taken'}. Choose an MP4 or MOV file.`;
}

/** Keeps the samples of the last seconds. @param {Sample[]} samples @param {Sample} sample @returns {Sample[]} */
export const sampled = (samples, sample) => [...samples, sample].filter((one) => sample.at - one.at <= WINDOW_MS).slice(-60);

/** Bytes a second over the window, 0 while unknown. @param {Sample[]} samples */
export function rate(samples) {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < 400) return 0;
  return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at));
}

/** @param {number} bytesLeft @param {number} bytesPerSecond */
export const secondsLeft = (bytesLeft, bytesPerSecond) => (bytesPerSecond > 0 ? bytesLeft / bytesPerSecond : Infinity);

/** @param {number | null} status HTTP status of the answer, null when none came @param {boolean} online @returns {AfterFailure} */
export function afterFailure(status, online) {
  if (status === null || status === 0) return online ? 'retry' : 'wait-online';
  return status >= 500 || [401, 408, 409, 423, 425, 429, 460].includes(status) ? 'retry' : 'refused';
}

/** Pause before try number n (0 = the first retry), in ms. @param {number} attempt */
export const backoff = (attempt) => Math.min(30_000, 1000 * 2 ** attempt);
