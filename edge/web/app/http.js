/** One JSON request, and what a refusal looks like (RFC 9457). */

const PATIENCE_MS = 15_000;

/** A refusal in the server's words, or the network's failure (status 0). */
export class Problem extends Error {
  /** @param {number} status @param {string} code @param {string} detail */
  constructor(status, code, detail) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.detail = detail;
  }

  /** @param {number} status @param {string} text body of the answer */
  static of(status, text) {
    try {
      const body = JSON.parse(text);
      return new Problem(status, body.code ?? 'refused', body.detail ?? body.title ?? inWords(status));
    } catch {
      return new Problem(status, 'refused', inWords(status));
    }
  }
}

/** @param {number} status */
function inWords(status) {
  if (status === 404) return 'This is no longer here.';
  if (status === 429) return 'Too many requests. Wait a moment and try again.';
  return status >= 500 ? 'The server has trouble right now. Try again in a moment.' : 'The server refused this.';
}

/** @param {unknown} error @returns {string} what to tell the viewer */
export function explain(error) {
  if (error instanceof Problem) return error.detail;
  return 'Something went wrong. Try again.';
}

/**
 * @param {string} method @param {string} path
 * @param {{ body?: unknown, bearer?: string | null, keepalive?: boolean }} [options]
 * @returns {Promise<unknown>} the decoded answer, null when it has no content. Throws Problem.
 */
export async function send(method, path, { body, bearer, keepalive = false } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: 'application/json' };
  if (bearer) headers.authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, keepalive, body: body === undefined ? undefined : JSON.stringify(body),
      signal: keepalive ? undefined : AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    throw new Problem(0, late ? 'timeout' : 'offline', late
      ? 'The server took too long to answer. Try again.' : 'No connection. Check your network and try again.');
  }
  const text = await answer.text();
  if (!answer.ok) throw Problem.of(answer.status, text);
  return text ? JSON.parse(text) : null;
}
