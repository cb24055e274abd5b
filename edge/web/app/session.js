/** Who is watching: a guest from the first second, remembered on this device, renewed without a word. */
import { Problem, send } from './http.js';

const KEY = 'reelway.session';
const RENEW_AHEAD_MS = 5 * 60_000;

export class Sessions extends EventTarget {
  /** @type {Session | null} */ #session = read();
  /** @type {Promise<Session> | null} */ #opening = null;

  /** The user, once known. */
  get user() { return this.#session?.user ?? null; }

  /** Has the user chosen a handle? */
  get named() {
    return this.#session?.user.guest === false;
  }

  /** A token that is good now. Throws Problem when none can be had. @returns {Promise<string>} */
  async token() {
    const fresh = this.#session && Date.parse(this.#session.expires_at) - Date.now() > RENEW_AHEAD_MS;
    return (fresh && this.#session ? this.#session : await this.renew()).token;
  }

  /** The token in hand, for requests that must leave at once while the page goes away. */
  get tokenNow() { return this.#session?.token ?? null; }

  /** A new token for the same user, or a new guest; several callers share one request. @returns {Promise<Session>} */
  renew() {
    this.#opening ??= this.#open({}).finally(() => { this.#opening = null; });
    return this.#opening;
  }

  /** Claims a handle for this user. Throws Problem with code `handle_taken`. @param {string} handle */
  async claim(handle) {
    await this.#open({ handle });
    this.dispatchEvent(new Event('change'));
  }

  /** @param {object} body */
  async #open(body) {
    const token = this.#session?.token;
    const ask = (/** @type {string | undefined} */ bearer) => send('POST', '/v1/sessions', { body, bearer });
    let answer;
    try {
      answer = await ask(token);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401 && token)) throw error;
      answer = await ask(undefined);
    }
    const session = /** @type {Session} */ (answer);
    const changed = session.user.id !== this.#session?.user.id;
    this.#session = session;
    localStorage.setItem(KEY, JSON.stringify(session));
    if (changed) this.dispatchEvent(new Event('change'));
    return session;
  }
}

/** @returns {Session | null} */
function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? 'null');
    return stored?.token && stored?.user?.id ? stored : null;
  } catch {
    return null;
  }
}
