"""Outside judges. A judge that is not beside the repository is not collected, so nothing is ever skipped."""

from __future__ import annotations

from pathlib import Path

CACHE_TESTS = Path(__file__).parents[3] / "shared" / "suites" / "cache-tests"

collect_ignore = [] if CACHE_TESTS.exists() else ["test_http_caching.py"]
