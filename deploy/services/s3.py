"""versitygw, an S3 server over a folder, with versions of objects in another. Two of them are two regions."""

from __future__ import annotations

import http.client
from pathlib import Path

from deploy.services.addresses import S3
from deploy.services.fetch import s3_server
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.service import Service, started

_HOST = "127.0.0.1"
_ASK_S = 2.0


def start_s3(folder: Path, cache: Path, region: str = "us-east-1") -> Service[S3]:
    """A server on the data in `folder`, whose file system must know extended attributes. Raises ServicesError."""
    folder = folder.resolve()
    program = s3_server(cache)
    for name in ("objects", "versions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    port = Ports(folder).take("s3", _HOST)
    address = S3(f"http://{_HOST}:{port}", region)
    who = ["--access", address.access_key, "--secret", address.secret_key, "--region", region]
    where = ["posix", "--versioning-dir", str(folder / "versions"), str(folder / "objects")]
    command = [str(program), *who, "--port", f"{_HOST}:{port}", "--quiet", "--keep-alive", *where]
    node = Node("s3", folder, _HOST, port, command)
    return started(Service("the S3 server", address, (node,), lambda: _missing(node)))


def _missing(node: Node) -> str:
    """Empty when it refuses a request without a signature, as S3 does."""
    connection = http.client.HTTPConnection(node.host, node.port, timeout=_ASK_S)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error}"
    finally:
        connection.close()
    refused = response.status == http.client.FORBIDDEN and b"AccessDenied" in body
    return "" if refused else f"it answered {response.status}: {body[:200]!r}"
