/**
 * Building elements. Text only ever becomes text nodes; styles are set through the CSSOM, so that the strict
 * Content-Security-Policy holds.
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes
 * @typedef {Node | string | null | undefined | false} Child
 */

import { hues } from './rules/stage.js';

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] `onclick` etc. add listeners, booleans set presence
 * @param {...Child} children @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An icon of the page's sprite, hidden from assistive technology. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Points an icon made by `icon` at another symbol. @param {Element} holder @param {string} name */
export const setIcon = (holder, name) => holder.querySelector('use')?.setAttribute('href', `#i-${name}`);

/** The element the page always has. @template {Element} [T=HTMLElement] @param {string} selector @param {ParentNode} [root] @returns {T} */
export function must(selector, root = document) {
  const found = root.querySelector(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return /** @type {any} */ (found);
}

/** @param {number} ms */
export const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** A user's round mark: two hues of the id, the handle's first letter. @param {{id: string, handle: string}} user */
export function avatar(user, size = '') {
  const node = element('span', { class: `avatar ${size}`, 'aria-hidden': 'true' }, [...(user.handle || '?')][0]?.toUpperCase());
  paintAvatar(node, user.id);
  return node;
}

/** @param {HTMLElement} node @param {string} id */
export function paintAvatar(node, id) {
  const [from, to] = hues(id);
  node.style.setProperty('--from', `${from}deg`);
  node.style.setProperty('--to', `${to}deg`);
}
