"""Which bucket a URL names and how to reach it. Rules file.

`s3://[key:secret@]bucket[?endpoint=…&region=…&addressing=…&replica=…&replication_role=…]`
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_OPTIONS = frozenset({"endpoint", "region", "addressing", "replica", "replication_role"})
_ADDRESSING = frozenset({"path", "virtual", "auto"})


@dataclass(frozen=True, slots=True)
class S3Place:
    bucket: str
    endpoint: str | None = None
    """None: AWS, by region."""
    region: str | None = None
    """None: as the AWS default chain says."""
    addressing: str = "auto"
    """`path` (bucket in the path), `virtual` (bucket in the host name), or `auto`."""
    access_key: str | None = None
    """None: the AWS default chain (environment, profile, role of the machine)."""
    secret_key: str | None = field(default=None, repr=False)
    replica: S3Place | None = None
    """The bucket, usually of another region, that everything is copied to."""
    replication_role: str | None = None
    """The role (ARN) in whose name AWS copies."""

    def __str__(self) -> str:
        """For error texts: no credentials."""
        return f"s3://{self.bucket} at {self.endpoint or 'AWS'}"


def parse(url: str) -> S3Place:
    """Raises ValueError with what is allowed; the text holds no secret."""
    parts = urlsplit(url)
    credentials, _, bucket = parts.netloc.rpartition("@")
    access_key, _, secret_key = credentials.partition(":")
    named = f"s3://{bucket}"
    if parts.scheme != "s3" or parts.path not in {"", "/"} or parts.fragment or not bucket:
        raise ValueError(f"{named!r} names no bucket: give s3://[key:secret@]bucket?endpoint=…&region=…")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{bucket!r} cannot be a bucket's name: 3 to 63 of a-z, 0-9, - and ., no - or . at an end")
    if bool(access_key) != bool(secret_key):
        raise ValueError(f"{named} has one of access key and secret: give both, or neither for the AWS default chain")
    options = _options(parts.query, named)
    endpoint = _endpoint(options.get("endpoint"), named)
    addressing = options.get("addressing", "path" if endpoint else "auto")
    if addressing not in _ADDRESSING:
        raise ValueError(f"{named} has addressing={addressing!r}: {', '.join(sorted(_ADDRESSING))} are known")
    replica = parse(options["replica"]) if "replica" in options else None
    if replica is not None and replica.replica is not None:
        raise ValueError(f"{named} has a replica that has a replica: one is the most")
    return S3Place(
        bucket=bucket,
        endpoint=endpoint,
        region=options.get("region") or ("us-east-1" if endpoint else None),
        addressing=addressing,
        access_key=unquote(access_key) or None,
        secret_key=unquote(secret_key) or None,
        replica=replica,
        replication_role=options.get("replication_role"),
    )


def _options(query: str, named: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    unknown = set(options) - _OPTIONS
    if unknown or len(options) != len(pairs):
        wrong = ", ".join(sorted(unknown)) or "an option twice"
        raise ValueError(f"{named} has {wrong}: {', '.join(sorted(_OPTIONS))} are known, each once")
    return options


def _endpoint(text: str | None, named: str) -> str | None:
    """TLS is used when the scheme says so."""
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError(f"{named} has an endpoint that is no http://host[:port] or https://host[:port]")
    return text
