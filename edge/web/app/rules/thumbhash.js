/**
 * ThumbHash: a picture in about 25 bytes, as a few cosine terms of luminance (l), yellow-blue (p) and
 * red-green (q). Decoded here from the format's description; pure.
 */

/**
 * The cosine terms kept of an nx × ny grid: the corner under the diagonal, without the constant term.
 * @param {number} nx @param {number} ny @returns {[number, number][]}
 */
function terms(nx, ny) {
  /** @type {[number, number][]} */
  const kept = [];
  for (let y = 0; y < ny; y += 1) {
    for (let x = y ? 0 : 1; x * ny < nx * (ny - y); x += 1) kept.push([x, y]);
  }
  return kept;
}

/**
 * Bytes → a small RGBA picture (32 pixels on the long side), or null when the bytes are no ThumbHash.
 * @param {Uint8Array} hash
 * @returns {{ width: number, height: number, rgba: Uint8ClampedArray<ArrayBuffer> } | null}
 */
export function decodeThumbHash(hash) {
  if (hash.length < 5) return null;
  const at = (/** @type {number} */ index) => hash[index] ?? 0;
  const [head, tail] = [at(0) | (at(1) << 8) | (at(2) << 16), at(3) | (at(4) << 8)];
  const hasAlpha = (head >> 23) === 1;
  const landscape = (tail >> 15) === 1;
  const full = hasAlpha ? 5 : 7;
  const [rawX, rawY] = landscape ? [full, tail & 7] : [tail & 7, full];
  const [lx, ly] = [Math.max(3, rawX), Math.max(3, rawY)];
  const first = hasAlpha ? 6 : 5;
  let nibble = 0;
  /** @param {number} nx @param {number} ny @param {number} scale */
  const channel = (nx, ny, scale) => terms(nx, ny).map(([x, y]) => {
    const packed = at(first + (nibble >> 1)) >> ((nibble & 1) << 2);
    nibble += 1;
    return { x, y, gain: ((packed & 15) / 7.5 - 1) * scale };
  });
  const l = channel(lx, ly, ((head >> 18) & 31) / 31);
  const p = channel(3, 3, (((tail >> 3) & 63) / 63) * 1.25);
  const q = channel(3, 3, (((tail >> 9) & 63) / 63) * 1.25);
  const a = hasAlpha ? channel(5, 5, (at(5) >> 4) / 15) : [];
  if (hash.length < first + Math.ceil(nibble / 2)) return null;

  const ratio = Math.max(rawX, 1) / Math.max(rawY, 1);
  const width = Math.max(1, Math.round(ratio > 1 ? 32 : 32 * ratio));
  const height = Math.max(1, Math.round(ratio > 1 ? 32 / ratio : 32));
  const rgba = new Uint8ClampedArray(width * height * 4);
  /** @param {number} mean @param {{x: number, y: number, gain: number}[]} series @param {number} x @param {number} y */
  const value = (mean, series, x, y) => series.reduce((sum, term) => sum
    + term.gain * Math.cos((Math.PI / width) * (x + 0.5) * term.x)
      * Math.cos((Math.PI / height) * (y + 0.5) * term.y) * (term.y ? 2 : 1) * (term.y ? 1 : 2), mean);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const light = value((head & 63) / 63, l, x, y);
      const yellow = value(((head >> 6) & 63) / 31.5 - 1, p, x, y);
      const red = value(((head >> 12) & 63) / 31.5 - 1, q, x, y);
      const b = light - (2 / 3) * yellow;
      const r = (3 * light - b + red) / 2;
      const alpha = hasAlpha ? value((at(5) & 15) / 15, a, x, y) : 1;
      rgba.set([r * 255, (r - red) * 255, b * 255, alpha * 255], (y * width + x) * 4);
    }
  }
  return { width, height, rgba };
}
