"""The CRC-32 of joined bytes from the CRC-32s of their parts. Rules file.

A CRC is the remainder of the message, taken as a polynomial over GF(2), so joining is one multiplication by
x^(8 · length of the second part). Bits are reflected, as in zlib: the highest bit is the coefficient of x^0.
"""

from __future__ import annotations

import base64
import zlib

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31


def of(data: bytes, before: int = 0) -> int:
    """CRC-32 of bytes, or of those with the checksum `before` and these after one another."""
    return zlib.crc32(data, before)


def combine(first: int, second: int, second_bytes: int) -> int:
    """CRC-32 of two byte strings after one another."""
    return _multiply(_shift(second_bytes), first) ^ second


def encode(crc: int) -> str:
    """As S3's header fields have it."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode("ascii")


def _shift(count_bytes: int) -> int:
    """x^(8 · count) modulo the polynomial, by repeated squaring."""
    result, power = _ONE, _ONE >> 8
    while count_bytes:
        if count_bytes & 1:
            result = _multiply(power, result)
        power = _multiply(power, power)
        count_bytes >>= 1
    return result


def _multiply(one: int, other: int) -> int:
    product = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product
