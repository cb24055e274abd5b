"""Who a cluster that asks for passwords lets in, and what the others are told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

from deploy.services.addresses import Cassandra
from deploy.services.cassandra import SUPERUSER, start_cassandra
from deploy.settings import services_cache
from origin.metadata import MetadataDenied, open_metadata, prepare_metadata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def a_user_without_rights(address: Cassandra) -> None:
    host, _, port = address.hosts.partition(":")
    cluster = Cluster([host], int(port), auth_provider=PlainTextAuthProvider(SUPERUSER.user, SUPERUSER.password))
    try:
        session = cluster.connect()
        session.execute("CREATE ROLE weak WITH PASSWORD = 'known' AND LOGIN = true", timeout=60)
    finally:
        cluster.shutdown()


async def told(url: str) -> str:
    """Why the store at the URL is denied."""
    metadata = open_metadata(url)
    try:
        with pytest.raises(MetadataDenied) as denied:
            await metadata.check()
        return str(denied.value)
    finally:
        await metadata.close()


async def test_credentials_that_are_right_wrong_missing_or_too_weak(tmp_path: Path) -> None:
    service = await asyncio.to_thread(start_cassandra, tmp_path, services_cache(), 1, passwords=True)
    try:
        url = service.address.url("reelway")
        assert await prepare_metadata(url)
        metadata = open_metadata(url)
        await metadata.check()
        await metadata.close()
        login = f"{SUPERUSER.user}:{SUPERUSER.password}@"
        assert "asks for a user and a password" in await told(url.replace(login, ""))
        wrong = await told(url.replace(login, "me:hidden@"))
        assert "refuses the user 'me'" in wrong
        assert "hidden" not in wrong
        await asyncio.to_thread(a_user_without_rights, service.address)
        weak = await told(url.replace(login, "weak:known@"))
        assert "User weak has no SELECT permission on <table reelway." in weak
        assert "grant the user what it needs" in weak
    finally:
        service.kill()
