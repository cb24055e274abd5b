/** The public API as the app uses it. Every call throws Problem; an expired token is renewed once, silently. */
import { Problem, send } from './http.js';

/** @param {Record<string, string | number | null>} values */
function query(values) {
  const filled = Object.entries(values).filter(([, value]) => value !== null && value !== '');
  return filled.length ? `?${new URLSearchParams(filled.map(([name, value]) => [name, String(value)]))}` : '';
}

export class Api {
  #sessions;

  /** @param {Sessions} sessions */
  constructor(sessions) { this.#sessions = sessions; }

  /** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  async #call(method, path, body) {
    const bearer = await this.#sessions.token();
    try {
      return await send(method, path, { body, bearer });
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      return send(method, path, { body, bearer: (await this.#sessions.renew()).token });
    }
  }

  /** @param {'foryou' | 'following'} kind @param {string | null} cursor @param {number} limit @returns {Promise<FeedPage>} */
  feed(kind, cursor, limit) {
    return this.#call('GET', `/v1/feed${kind === 'following' ? '/following' : ''}${query({ limit, cursor })}`);
  }

  /** @param {string} id @returns {Promise<Video>} */
  video(id) { return this.#call('GET', `/v1/videos/${id}`); }

  /** @param {string} id */
  deleteVideo(id) { return this.#call('DELETE', `/v1/videos/${id}`); }

  /** @param {string} id @param {boolean} liked */
  like(id, liked) { return this.#call(liked ? 'PUT' : 'DELETE', `/v1/videos/${id}/like`); }

  /** @param {string} id @param {boolean} following */
  follow(id, following) { return this.#call(following ? 'PUT' : 'DELETE', `/v1/users/${id}/follow`); }

  /** @param {string} id @param {string | null} cursor @returns {Promise<Page<VideoComment>>} */
  comments(id, cursor) { return this.#call('GET', `/v1/videos/${id}/comments${query({ limit: 20, cursor })}`); }

  /** @param {string} id @param {string} text @returns {Promise<VideoComment>} */
  comment(id, text) { return this.#call('POST', `/v1/videos/${id}/comments`, { text }); }

  /** @param {string} id */
  deleteComment(id) { return this.#call('DELETE', `/v1/comments/${id}`); }

  /** @param {string} id @returns {Promise<User>} */
  user(id) { return this.#call('GET', `/v1/users/${id}`); }

  /** @param {string} id @param {string | null} cursor @returns {Promise<Page<Video>>} */
  videosOf(id, cursor) { return this.#call('GET', `/v1/users/${id}/videos${query({ limit: 24, cursor })}`); }

  /** Leaves even while the page goes away; uses the token in hand. @param {Interaction[]} events @returns {Promise<unknown>} */
  async interactions(events) {
    const held = this.#sessions.tokenNow ?? await this.#sessions.token();
    try {
      return await send('POST', '/v1/interactions', { body: { events }, bearer: held, keepalive: true });
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      const { token } = await this.#sessions.renew();
      return send('POST', '/v1/interactions', { body: { events }, bearer: token, keepalive: true });
    }
  }
}
