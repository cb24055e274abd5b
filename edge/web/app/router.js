/** Addresses: links inside the app change the screen without a page load; back closes an open sheet first. */
import { parse } from './rules/routes.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Router {
  #show;
  /** Open sheets, innermost last; each has a step of its own in the history. @type {(() => void)[]} */ #sheets = [];
  /** Steps being taken back for sheets closed on the page. */
  #returning = 0;
  /** @type {(() => void)[]} */ #afterReturn = [];

  /** @param {(route: Route, state: any) => void} show */
  constructor(show) {
    this.#show = show;
    addEventListener('popstate', () => this.#popped());
    document.addEventListener('click', (event) => this.#intercept(event));
  }

  start() {
    if (history.state?.sheet) history.replaceState(null, '');
    this.#show(parse(location.pathname), history.state);
  }

  /** @param {string} path @param {unknown} [state] */
  go(path, state = null) {
    this.#settled(() => {
      const replace = this.#sheets.length > 0 || path === location.pathname;
      for (const close of this.#sheets.splice(0).reverse()) close();
      history[replace ? 'replaceState' : 'pushState'](state, '', path);
      this.#render();
    });
  }

  /** Gives an opened sheet its own step in the history. @param {() => void} close */
  sheetOpened(close) {
    this.#sheets.push(close);
    this.#settled(() => history.pushState({ sheet: true }, ''));
  }

  /** The sheet was closed on the page: take its step back. @param {() => void} close */
  sheetClosed(close) {
    if (!this.#sheets.includes(close)) return;
    this.#sheets = this.#sheets.filter((one) => one !== close);
    this.#returning += 1;
    history.back();
  }

  /** A step back is taken later than it is asked for; what follows it has to wait. @param {() => void} act */
  #settled(act) {
    if (this.#returning) this.#afterReturn.push(act);
    else act();
  }

  #popped() {
    if (this.#returning) {
      this.#returning -= 1;
      if (!this.#returning) for (const act of this.#afterReturn.splice(0)) act();
      return;
    }
    const close = this.#sheets.pop();
    if (close) close();
    else this.#render();
  }

  #render() {
    const swap = () => this.#show(parse(location.pathname), history.state);
    if (document.startViewTransition && !calm.matches && !document.hidden) document.startViewTransition(swap);
    else swap();
  }

  /** @param {MouseEvent} event */
  #intercept(event) {
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
    if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.target || link.hasAttribute('download')) return;
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.pathname.startsWith('/v1/') || link.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    this.go(link.pathname, link.dataset.list ? { list: link.dataset.list } : null);
  }
}
