/** Draws the app's icons (app/icons/*.png and icon.svg) from one description of the mark. Run: npm run icons */
import { writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

const FROM = [255, 106, 92];
const TO = [200, 20, 84];
const SAMPLES = 4;
const LEG = [[13, 18.6], [18.8, 18.6], [25.3, 26.5], [18.6, 26.5], [13.4, 19.9]];
const CUT = [[13.2, 9.2], [19.4, 12.7], [13.2, 16.2]];

/** @param {number[][]} polygon @param {number} x @param {number} y */
function inside(polygon, x, y) {
  let odd = false;
  polygon.forEach(([x1, y1], index) => {
    const [x2, y2] = polygon[(index + 1) % polygon.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
  });
  return odd;
}

/** The letter R whose counter is a play triangle, in a 32 × 32 square. @param {number} x @param {number} y */
function mark(x, y) {
  if (inside(CUT, x, y)) return false;
  const stem = x >= 8 && x <= 13 && y >= 5.5 && y <= 26.5;
  const bowl = (x >= 8 && x <= 16.8 && y >= 5.5 && y <= 19.9) || Math.hypot(x - 16.8, y - 12.7) <= 7.2;
  return stem || bowl || inside(LEG, x, y);
}

/** @param {number} x @param {number} y @param {number} radius corner radius in the same square */
function tile(x, y, radius) {
  const [dx, dy] = [Math.max(radius - x, x - (32 - radius), 0), Math.max(radius - y, y - (32 - radius), 0)];
  return Math.hypot(dx, dy) <= radius;
}

/** @param {number} size @param {number} radius @param {number} scale of the mark */
function draw(size, radius, scale) {
  const rows = Buffer.alloc(size * (size * 4 + 1));
  for (let py = 0; py < size; py += 1) {
    for (let px = 0; px < size; px += 1) {
      let [ground, ink] = [0, 0];
      for (let s = 0; s < SAMPLES * SAMPLES; s += 1) {
        const x = ((px + ((s % SAMPLES) + 0.5) / SAMPLES) / size) * 32;
        const y = ((py + (Math.floor(s / SAMPLES) + 0.5) / SAMPLES) / size) * 32;
        if (tile(x, y, radius)) ground += 1;
        if (mark((x - 16) / scale + 16.4, (y - 16) / scale + 16)) ink += 1;
      }
      const along = (px + py) / (2 * size);
      const at = py * (size * 4 + 1) + 1 + px * 4;
      const white = ink / (SAMPLES * SAMPLES);
      FROM.forEach((from, channel) => { rows[at + channel] = Math.round((from + (TO[channel] - from) * along) * (1 - white) + 255 * white); });
      rows[at + 3] = Math.round((255 * ground) / (SAMPLES * SAMPLES));
    }
  }
  return png(size, rows);
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** @param {string} type @param {Buffer} body */
function chunk(type, body) {
  const head = Buffer.concat([Buffer.from(type), body]);
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  head.copy(out, 4);
  let crc = 0xffffffff;
  for (const byte of head) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 8);
  return out;
}

/** @param {number} size @param {Buffer} rows */
function png(size, rows) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

const points = (/** @type {number[][]} */ polygon) => polygon.map(([x, y]) => `${x} ${y}`).join('L');
const hex = (/** @type {number[]} */ rgb) => `#${rgb.map((one) => one.toString(16).padStart(2, '0')).join('')}`;
const folder = new URL('../app/icons/', import.meta.url);
writeFileSync(new URL('icon.svg', folder), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><linearGradient id="g" x2="1" y2="1"><stop stop-color="${hex(FROM)}"/><stop offset="1" stop-color="${hex(TO)}"/></linearGradient><rect width="32" height="32" rx="7.500" fill="url(#g)"/><g transform="translate(3.300 3.500) scale(.78)"><path fill="#fff" fill-rule="evenodd" d="M8 5.500h8.800a7.200 7.200 0 0 1 3.400 13.550L25.300 26.500h-6.700L13.400 19.900H13v6.600H8zM${points(CUT)}z"/></g></svg>\n`.replaceAll(/(\.\d)00?/g, '$1'));
writeFileSync(new URL('icon-180.png', folder), draw(180, 0, 0.78));
writeFileSync(new URL('icon-192.png', folder), draw(192, 7.5, 0.78));
writeFileSync(new URL('icon-512.png', folder), draw(512, 7.5, 0.78));
writeFileSync(new URL('icon-maskable-512.png', folder), draw(512, 0, 0.62));
