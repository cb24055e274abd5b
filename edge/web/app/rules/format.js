/** Numbers, times and sizes as a viewer reads them. Pure. */

const COUNT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** 1234 → "1.2K". @param {number} value */
export const count = (value) => COUNT.format(Math.max(0, value || 0));

/** Media time in ms → "1:07", "1:02:03". @param {number} ms */
export function clock(ms) {
  const total = Math.max(0, Math.floor((ms || 0) / 1000));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const tail = `${String(s).padStart(2, '0')}`;
  return h ? `${h}:${String(m).padStart(2, '0')}:${tail}` : `${m}:${tail}`;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in decimal units: 1536000 → "1.5 MB". @param {number} value */
export function bytes(value) {
  let left = Math.max(0, value || 0);
  let unit = 0;
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 99.95 ? Math.round(left) : left.toFixed(1).replace(/\.0$/, '')} ${UNITS[unit]}`;
}

/** Bits per second: 2500000 → "2.5 Mb/s". @param {number} value */
export function bitrate(value) {
  return value >= 1e6 ? `${(value / 1e6).toFixed(1)} Mb/s` : `${Math.round((value || 0) / 1000)} kb/s`;
}

/** Seconds left in words: 75 → "about 1 min left". @param {number} seconds */
export function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return 'working out the time left';
  if (seconds < 5) return 'a few seconds left';
  if (seconds < 60) return `${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 3600) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** How long ago: "now", "5 min", "3 h", "2 d", then the date. @param {string} iso @param {number} nowMs */
export function ago(iso, nowMs) {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) return '';
  const minutes = Math.floor((nowMs - then) / 60000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h`;
  if (minutes < 10080) return `${Math.floor(minutes / 1440)} d`;
  return new Date(then).toISOString().slice(0, 10);
}
