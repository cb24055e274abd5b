/** The sheets behind “More”: share, not interested, report, keys. */
import { element, icon } from './element.js';
import { Sheet } from './sheet.js';
import { toast } from './toast.js';

/** @typedef {{ router: Router, reporter: Reporter, panel: () => void, skip: (entry: Entry) => void }} MoreContext */

const KEYS = /** @type {const} */ ([
  ['↓ or j', 'Next video'], ['↑ or k', 'Previous video'], ['Space', 'Pause or play'], ['m', 'Sound on or off'], ['t', 'Captions on or off'], ['l', 'Like'],
  ['c', 'Comments'], ['f', 'Full screen'], ['d', 'Engineers’ panel'], ['?', 'This list'],
]);

/** @param {MoreContext} context @param {Entry} entry */
export function openMore({ router, reporter, panel, skip }, entry) {
  const row = (/** @type {string} */ symbol, /** @type {string} */ label, /** @type {() => void} */ run) => element('li', {},
    element('button', { type: 'button', class: 'row', onclick: () => {
      sheet.close();
      run();
    } }, icon(symbol), label));
  const sheet = new Sheet(router, 'More', [element('ul', { class: 'rows' },
    row('link', 'Copy link', () => copyLink(entry, reporter)),
    row('hide', 'Not interested', () => {
      reporter.tell('not_interested', entry);
      skip(entry);
      toast('You will see fewer like this.');
    }),
    row('flag', 'Report this video', () => {
      reporter.tell('report', entry);
      skip(entry);
      toast('Reported. Thank you, we will look at it.');
    }),
    row('panel', 'Engineers’ panel', panel),
    row('keys', 'Keyboard', () => openKeys(router)))]);
  sheet.open();
}

/** @param {Router} router */
export function openKeys(router) {
  new Sheet(router, 'Keys', [element('dl', { class: 'keys' }, ...KEYS.flatMap(([key, does]) => [
    element('dt', {}, ...key.split(' or ').flatMap((one, index) => [index ? ' or ' : null, element('kbd', {}, one)])), element('dd', {}, does)]))]).open();
}

/** @param {Entry} entry */
const addressOf = (entry) => new URL(`/watch/${entry.video.id}`, location.origin).href;

/** The system's share sheet where there is one, else the link is copied. @param {Entry} entry @param {Reporter} reporter */
export async function share(entry, reporter) {
  if (!navigator.share) return copyLink(entry, reporter);
  try {
    await navigator.share({ title: `@${entry.video.creator.handle} on Reelway`, text: entry.video.description, url: addressOf(entry) });
    reporter.tell('share', entry);
  } catch {
    // The viewer closed the system's sheet.
  }
}

/** @param {Entry} entry @param {Reporter} reporter */
async function copyLink(entry, reporter) {
  try {
    await navigator.clipboard.writeText(addressOf(entry));
    toast('Link copied');
    reporter.tell('share', entry);
  } catch {
    toast(addressOf(entry));
  }
}
