"""Signs and verifies per second, beside PyJWT HS256 in the same run.

Run it: `python -m tests.bench.bench_signer`. JSON lines.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import jwt

from signer.keys import KeyRing, SigningKey
from signer.playback import PlaybackSigner
from signer.token import Granted, verify

NOW_MS = 1_800_000_000_000
SECONDS = 1.0
BATCH = 200
KEY = SigningKey("5f3a9c01", bytes(range(32)), 0, 0)
RING = KeyRing({KEY.kid: KEY})
VIDEO = 7_000_000_000_000_000_001
PATH = f"/v/{VIDEO}/v540-3fa9c1d2/0001.m4s"


def rate(work: Callable[[], object]) -> float:
    """Calls per second of CPU time (the machine is shared, so wall time says less)."""
    calls, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < SECONDS:
        for _ in range(BATCH):
            work()
        calls += BATCH
    return calls / spent


def main() -> None:
    """Print one line for each measure."""
    signer = PlaybackSigner(RING)
    token, expires_at_ms = signer.token(VIDEO, NOW_MS)
    if not isinstance(verify(token, PATH, "GET", RING, NOW_MS), Granted):
        raise SystemExit("the token to measure does not verify")
    payload = {"exp": expires_at_ms // 1000, "sub": f"/v/{VIDEO}/", "jti": "0123456789abcdef"}
    web_token = jwt.encode(payload, KEY.secret, "HS256", headers={"kid": KEY.kid})
    options = {"verify_exp": False}
    measures: list[tuple[str, Callable[[], object]]] = [
        ("sign", lambda: signer.token(VIDEO, NOW_MS)),
        ("verify", lambda: verify(token, PATH, "GET", RING, NOW_MS)),
        ("refuse", lambda: verify(token[:-1] + "A", PATH, "GET", RING, NOW_MS)),
        ("pyjwt_hs256_sign", lambda: jwt.encode(payload, KEY.secret, "HS256", headers={"kid": KEY.kid})),
        ("pyjwt_hs256_verify", lambda: jwt.decode(web_token, KEY.secret, ["HS256"], options=options)),
    ]
    for name, work in measures:
        line = {"bench": "signer", "measure": name, "per_cpu_second": round(rate(work)), "token_bytes": len(token)}
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
