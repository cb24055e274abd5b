"""Where a server says that HTTP/3 is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.alt_svc import Alternative, http3_alternative


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ('h3=":8443"; ma=86400', Alternative("here", 8443)),
        ('h2="other:443", h3="edge.example:444";persist=1', Alternative("edge.example", 444)),
        ('h3="[::1]:8443"', Alternative("::1", 8443)),
        ('h3-29=":8443", h3=":9443"', Alternative("here", 9443)),
        ("clear", None),
        ("", None),
        ('h3=":0"', None),
        ('h3=":70000"', None),
        ('h3=":84x"', None),
        ("h3=:8443", None),
        ('h3="user@host:1"', None),
        ("x" * 5000 + ', h3=":8443"', None),
    ],
)
def test_the_first_http3_service_counts(field: str, found: Alternative | None) -> None:
    assert http3_alternative(field, "here") == found


@given(st.text(max_size=200) | st.text(alphabet='h3=":;,[]0123456789 ma', max_size=60))
def test_any_text_is_read_or_ignored(field: str) -> None:
    found = http3_alternative(field, "here")
    assert found is None or 0 < found.port < 65536
