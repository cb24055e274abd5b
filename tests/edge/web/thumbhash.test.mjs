import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeThumbHash } from '../../../edge/web/app/rules/thumbhash.js';

/** Hashes and pixels [x, y, RGBA] made by another implementation (fast-thumbhash). */
const ELSEWHERE = {
  "upright": { hash: 'WDkObBp1B3aHiHeIeIeAmAfYiA==', width: 18, height: 32, pixels: [[0, 0, [11, 0, 52, 255]], [9, 16, [130, 112, 65, 255]], [17, 31, [255, 175, 27, 255]], [3, 30, [45, 215, 228, 255]]] },
  "wide": { hash: 'VjYJbJqAh4dweId4iHd/dIf3iA==', width: 32, height: 18, pixels: [[0, 0, [44, 0, 29, 255]], [16, 9, [22, 135, 115, 255]], [31, 17, [1, 234, 255, 255]], [3, 16, [25, 252, 15, 255]]] },
  "see-through": { hash: '3HuDDQY3gIe3h3d4iIC393h0h4eAh4d4iA==', width: 32, height: 32, pixels: [[0, 0, [255, 50, 33, 37]], [16, 16, [249, 60, 29, 142]], [31, 31, [234, 86, 19, 255]], [3, 30, [255, 33, 38, 222]]] },
};

const bytesOf = (text) => Uint8Array.from(Buffer.from(text, 'base64'));

for (const [name, expected] of Object.entries(ELSEWHERE)) {
  test(`a ${name} picture decodes as another implementation decodes it`, () => {
    const picture = decodeThumbHash(bytesOf(expected.hash));
    assert.deepEqual([picture.width, picture.height], [expected.width, expected.height]);
    for (const [x, y, rgba] of expected.pixels) {
      const at = (y * picture.width + x) * 4;
      [...picture.rgba.subarray(at, at + 4)].forEach((value, channel) => {
        assert.ok(Math.abs(value - rgba[channel]) <= 1, `${x},${y} channel ${channel}: ${value} for ${rgba[channel]}`);
      });
    }
  });
}

test('bytes that are no ThumbHash give nothing', () => {
  assert.equal(decodeThumbHash(new Uint8Array()), null);
  assert.equal(decodeThumbHash(bytesOf('1QcSHQ==')), null);
  for (const { hash } of Object.values(ELSEWHERE)) assert.equal(decodeThumbHash(bytesOf(hash).subarray(0, 8)), null);
});

test('no bytes at all can make it throw or draw more than 32 × 32', () => {
  let seed = 7;
  for (let round = 0; round < 300; round += 1) {
    const bytes = Uint8Array.from({ length: round % 40 }, () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed >> 8;
    });
    const picture = decodeThumbHash(bytes);
    assert.ok(picture === null || (picture.width <= 32 && picture.height <= 32 && picture.rgba.length === picture.width * picture.height * 4));
  }
});
