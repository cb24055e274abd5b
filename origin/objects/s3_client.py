"""One S3 client: boto3 blocks, so it runs in bounded threads; its exceptions end here.

Answers are S3's documents as botocore gives them. Bodies have threads of their own, so that a burst of slow uploads
does not keep a look-up waiting.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from origin.objects.base import StoreDenied, StoreUnavailable
from origin.objects.s3_errors import CannotGoOn, fault
from origin.objects.s3_url import S3Place
from origin.offloop import OffLoop

CALL_THREADS = 16
BODY_THREADS = 16
CONNECTIONS = 96
"""Kept open at most; the threads' own and the bodies that readers hold (see `s3_reading`)."""
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
"""Of silence, not of a whole answer."""
ATTEMPTS = 3
"""Of each request, with exponential backoff and jitter between; botocore's token bucket ends them in an outage."""
PAGE = 1000
"""Entries of a listing, and keys of one bulk deletion: the most that S3 has."""

_MAKING = threading.Lock()
"""Clients may be used by many threads, but sessions make one at a time."""

P = ParamSpec("P")
R = TypeVar("R")


class S3Client:
    """Connects when first used. Operations are named as in boto3; the bucket is added."""

    def __init__(self, place: S3Place) -> None:
        self.place = place
        self._calls = OffLoop("s3-calls", CALL_THREADS)
        self._bodies = OffLoop("s3-bodies", BODY_THREADS)
        self._made: Any = None

    async def call(self, operation: str, **parameters: object) -> dict[str, Any]:
        """A request and its answer. Raises the port's errors."""
        return await self._calls.run(self.do, operation, **parameters)

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Blocking work beside bodies: several requests, or a file's bytes."""
        return await self._calls.run(work, *args, **kwargs)

    async def send(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Blocking work that sends a body or waits long."""
        return await self._bodies.run(work, *args, **kwargs)

    def do(self, operation: str, **parameters: object) -> dict[str, Any]:
        """A request, from within one of the threads."""
        with self.errors(f"{operation} {parameters.get('Key', '')}".rstrip()):
            answer: dict[str, Any] = getattr(self._client(), operation)(Bucket=self.place.bucket, **parameters)
            return answer

    def presign(self, operation: str, expires_in_s: int, **parameters: object) -> str:
        """A URL that allows one request; blocks once, while the client is made."""
        with self.errors(f"presigning {operation}"):
            url: str = self._client().generate_presigned_url(
                operation, Params={"Bucket": self.place.bucket, **parameters}, ExpiresIn=expires_in_s
            )
            return url

    def region(self) -> str:
        """As the URL or the default chain says. Blocks."""
        region: str = self._client().meta.region_name
        return region

    @contextlib.contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn botocore's exceptions into the port's."""
        where = str(self.place)
        try:
            yield
        except boto.ClientError as error:
            said = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise fault(said.get("Code", "unknown"), status, said.get("Message", ""), doing, where) from error
        except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
            raise StoreDenied(
                f"{where}: no credentials: give key:secret@ in the URL or set up the AWS default chain ({error})"
            ) from error
        except boto.FlexibleChecksumError as error:
            raise CannotGoOn(f"{where}: {doing}: the bytes were damaged: {error}") from error
        except boto.BotoCoreError as error:
            raise StoreUnavailable(f"{where}: {doing}: {error}; start it, or correct REELWAY_OBJECTS_URL") from error

    def _client(self) -> Any:
        with _MAKING:
            if self._made is None:
                self._made = _session().client("s3", **_options(self.place))
            return self._made

    async def close(self) -> None:
        """Wait for what is under way and end threads and connections."""
        await self._bodies.close()
        await self._calls.close()
        if self._made is not None:
            self._made.close()


@functools.cache
def _session() -> Any:
    """Of our own, beside boto3's default one; it reads S3's long description once."""
    return boto3.session.Session()


def _options(place: S3Place) -> dict[str, Any]:
    return {
        "endpoint_url": place.endpoint,
        "region_name": place.region,
        "aws_access_key_id": place.access_key,
        "aws_secret_access_key": place.secret_key,
        "config": Config(
            # Only this form of a presigned URL binds the headers, and with them the length of a part.
            signature_version="s3v4",
            s3={"addressing_style": place.addressing},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=CONNECTIONS,
            # We give a checksum with every body; one that botocore adds to a part would be one too many (see s3_parts).
            request_checksum_calculation="when_required",
            tcp_keepalive=True,
        ),
    }
