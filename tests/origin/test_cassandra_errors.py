"""What the driver's errors become: which of the port's, and words with the cluster and the remedy in them."""

from __future__ import annotations

import asyncio
import gc

import pytest
from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
    WriteTimeout,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown, DefaultEndPoint

from origin.metadata import MetadataDenied, MetadataUnavailable, MetadataUnprepared, open_metadata, prepare_metadata
from origin.metadata.cassandra_errors import as_metadata_error
from origin.metadata.cassandra_target import parse_target
from tests.ports import free_port

ANONYMOUS = parse_target("cassandra://h1,h2/reelway?local_dc=dc1")
KNOWN = parse_target("cassandra://me:secret@h1,h2/reelway?local_dc=dc1")
REFUSED = OSError(111, "Tried connecting to [('127.0.0.1', 1)]. Last error: Connection refused")
SILENT = OSError(None, "Tried connecting to [('127.0.0.1', 1)]. Last error: timed out")
QUORUM = ConsistencyLevel.LOCAL_QUORUM


def sent(code: int, kind: str, message: str) -> str:
    """The driver's text of an error that a node sent."""
    return f'Error from server: code={code} [{kind}] message="{message}"'


def of_nodes(*errors: Exception) -> NoHostAvailable:
    by_node = {DefaultEndPoint(f"h{number}"): error for number, error in enumerate(errors)}
    return NoHostAvailable("Unable to connect to any servers", by_node)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (of_nodes(REFUSED, REFUSED), "answers: connection refused;"),
        (of_nodes(REFUSED, SILENT), "answers: connection refused, timed out;"),
        (of_nodes(OperationTimedOut({}, None)), "answers: no answer in time;"),
        (of_nodes(ConnectionShutdown("Connection to h1:9042 was closed")), "answers: Connection to h1:9042 was closed"),
        (NoHostAvailable("Unable to complete the operation against any hosts", {}), "none is known to be up"),
        (UnresolvableContactPoints({}), "no host of .* has an address"),
        (OperationTimedOut({"h1": "Client request timeout"}, "h1"), "no answer in time"),
        (Unavailable(sent(1000, "Unavailable", "Cannot achieve"), QUORUM, 2, 1), "1 of the 2 copies that LOCAL_QUORUM"),
        (
            WriteTimeout("x", consistency=QUORUM, required_responses=2, received_responses=0, write_type=0),
            "0 of the 2 copies that LOCAL_QUORUM needs answered",
        ),
    ],
)
def test_a_cluster_that_is_away_is_named_with_the_reason_and_the_remedy_and_without_the_drivers_own_words(error, why):
    told = as_metadata_error(error, ANONYMOUS)
    assert isinstance(told, MetadataUnavailable)
    with pytest.raises(MetadataUnavailable, match=why):
        raise told
    assert "cassandra://h1:9042,h2:9042/reelway" in str(told)
    assert str(told).endswith("start its nodes, or correct REELWAY_METADATA_URL")
    assert not set("{}[]()'") & set(str(told))


@pytest.mark.parametrize("wrap", [of_nodes, lambda error: error])
def test_credentials_that_are_missing_wrong_or_too_weak_are_refusals(wrap):
    asked = AuthenticationFailed("Remote end requires authentication")
    with pytest.raises(MetadataDenied, match="asks for a user and a password: give them in REELWAY_METADATA_URL"):
        raise as_metadata_error(wrap(asked), ANONYMOUS)
    with pytest.raises(MetadataDenied, match=r"refuses the user 'me'.*REELWAY_METADATA_URL") as refused:
        raise as_metadata_error(wrap(asked), KNOWN)
    assert "secret" not in str(refused.value)
    weak = Unauthorized(sent(2100, "Unauthorized", "User me has no MODIFY permission on <table reelway.users>"))
    with pytest.raises(MetadataDenied, match=r"User me has no MODIFY permission on <table reelway.users>: grant"):
        raise as_metadata_error(wrap(weak), KNOWN)


def test_a_table_that_is_missing_needs_a_migration():
    error = InvalidRequest(sent(2200, "Invalid query", "unconfigured table users"))
    with pytest.raises(MetadataUnprepared, match=r"\(unconfigured table users\): run `reelway migrate`"):
        raise as_metadata_error(error, KNOWN)


async def test_hosts_without_an_address_are_waited_for_as_those_that_are_away():
    url = "cassandra://nowhere.invalid/reelway?local_dc=dc1"
    metadata = open_metadata(url)
    for call in (metadata.check, lambda: prepare_metadata(url)):
        with pytest.raises(MetadataUnavailable, match=r"no host of cassandra://nowhere\.invalid:9042/reelway"):
            await call()
    await metadata.close()


async def test_a_connection_that_fails_after_its_caller_went_away_is_no_news():
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    metadata = open_metadata(f"cassandra://127.0.0.1:{free_port()}/reelway?local_dc=dc1")
    asking = asyncio.create_task(metadata.check())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0.3)
    await metadata.close()
    gc.collect()
    assert reported == []
