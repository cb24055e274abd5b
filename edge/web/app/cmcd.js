/** Common Media Client Data (CTA-5004) of this visit. */

/** One id for everything watched in this visit. */
export const SESSION_ID = crypto.randomUUID();

/** What a prefetch says about itself, in CMCD's header form. @param {string} videoId @param {string} url @returns {Record<string, string>} */
export function prefetchHeaders(videoId, url) {
  const init = /\.mp4($|\?)/.test(url);
  return {
    ...(init ? { 'CMCD-Object': 'ot=i' } : {}),
    'CMCD-Session': `cid="${videoId}",sf=h,sid="${SESSION_ID}",st=v`,
  };
}
