from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from origin.speed import open_speed


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def valkey_url(tmp_path_factory) -> AsyncIterator[str]:
    """One real Valkey for the whole run."""
    speed = await open_speed("embedded:", Path(tmp_path_factory.mktemp("valkey")))
    yield speed.url
    await speed.close()
