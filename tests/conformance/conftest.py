"""Outside judges and scripted conversations. A judge that is not beside the repository is not collected, so nothing is
ever skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.ingest.conftest import World, origin, world  # noqa: F401 - fixtures
from tests.edge.ingest.origins import Origin

CACHE_TESTS = Path(__file__).parents[3] / "shared" / "suites" / "cache-tests"

collect_ignore = [] if CACHE_TESTS.exists() else ["test_http_caching.py"]


@pytest.fixture
def joining(world: World, origin: Origin) -> World:  # noqa: F811
    """An ingest in front of origin's own use cases."""
    return world.remade(catalog=origin.uploads)
