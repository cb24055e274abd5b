/**
 * Server-sent events out of a byte stream (WHATWG HTML 9.2.6): feed text, get events. Pure; EventSource itself
 * cannot send an Authorization header.
 * @typedef {{ event: string, data: string, id: string }} ServerEvent
 * @typedef {{ rest: string, event: string, data: string[], id: string, retryMs: number | null }} SseState
 */

/** @type {SseState} */
export const START = Object.freeze({ rest: '', event: '', data: [], id: '', retryMs: null });

/** @param {SseState} state @param {string} text @returns {{ state: SseState, events: ServerEvent[] }} */
export function read(state, text) {
  const whole = state.rest + text;
  const held = whole.endsWith('\r') ? 1 : 0;
  const lines = whole.slice(0, whole.length - held).split(/\r\n|\r|\n/);
  const rest = (lines.pop() ?? '') + (held ? '\r' : '');
  /** @type {ServerEvent[]} */
  const events = [];
  let { event, data, id, retryMs } = state;
  for (const line of lines) {
    if (line === '') {
      if (data.length) events.push({ event: event || 'message', data: data.join('\n'), id });
      [event, data] = ['', []];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data = [...data, value];
    else if (field === 'id') id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) retryMs = Number(value);
  }
  return { state: { rest, event, data, id, retryMs }, events };
}
