"""Laws of the decision, over all mixtures of directives, ages and wishes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.admission import NotStorable, Storable, consider, freshened, shared_by
from edge.cache.decide import (
    Fetch,
    Pass,
    Revalidate,
    Serve,
    ServeAndRefresh,
    Unavailable,
    conditions,
    decide,
    may_stand_in,
)
from edge.cache.headers import Headers, format_date
from edge.cache.model import Request, Stored, Terms

NOW_MS = 1_800_000_000_000
GET = Request("GET", "/a", "/a")


def stored(terms: Terms, **changes: object) -> Stored:
    headers: Headers = ((b"date", format_date(NOW_MS // 1000)), (b"etag", b'"e"'))
    return replace(Stored("/a", "", 200, headers, (), terms, NOW_MS, 5), **changes)  # type: ignore[arg-type]


terms = st.builds(
    Terms,
    lifetime_ms=st.integers(0, 100_000),
    initial_age_ms=st.integers(0, 100_000),
    no_cache=st.booleans(),
    must_revalidate=st.booleans(),
    stale_while_revalidate_ms=st.integers(0, 100_000),
    stale_if_error_ms=st.integers(0, 100_000),
    immutable=st.booleans(),
)
responses = st.builds(stored, terms, soft_purged_ms=st.none() | st.just(NOW_MS + 1))
wishes = st.sampled_from(
    [
        "",
        "no-cache",
        "max-age=0",
        "max-age=10",
        "min-fresh=50",
        "max-stale",
        "max-stale=20",
        "only-if-cached",
        "no-store",
    ]
)
laters = st.integers(0, 300_000)


def _asking(wish: str) -> Request:
    return replace(GET, headers=((b"cache-control", wish.encode()),) if wish else ())


@given(responses, wishes, laters)
def test_laws_of_the_decision(response: Stored, wish: str, later_ms: int) -> None:
    now_ms = NOW_MS + later_ms
    action = decide(_asking(wish), [response], now_ms)
    late_ms = response.staleness_ms(now_ms)
    fresh = late_ms < 0 and not response.terms.no_cache
    stale_forbidden = response.terms.no_cache or response.terms.must_revalidate
    if isinstance(action, Serve) and not fresh:
        assert not stale_forbidden
        assert wish.startswith("max-stale")
        assert response.soft_purged_ms is None
    if isinstance(action, ServeAndRefresh):
        assert not fresh
        assert not stale_forbidden
        assert late_ms <= response.terms.stale_while_revalidate_ms
    if fresh and wish == "":
        assert action == Serve(response)
    if wish in ("no-cache", "max-age=0") and not (fresh and response.terms.immutable):
        assert isinstance(action, Revalidate)
    if wish == "only-if-cached":
        assert isinstance(action, Serve | ServeAndRefresh | Unavailable)
    if isinstance(action, Revalidate | ServeAndRefresh):
        assert action.conditions == ((b"if-none-match", b'"e"'),)


@given(responses, laters, laters)
def test_a_response_never_becomes_fresh_by_waiting(response: Stored, one_ms: int, more_ms: int) -> None:
    first = decide(GET, [response], NOW_MS + one_ms)
    later = decide(GET, [response], NOW_MS + one_ms + more_ms)
    rank = {Serve: 0, ServeAndRefresh: 1, Revalidate: 2}
    assert rank[type(first)] <= rank[type(later)]  # type: ignore[index]


@given(responses, laters, st.booleans())
def test_nothing_stands_in_that_forbids_it(response: Stored, later_ms: int, unreachable: bool) -> None:
    if may_stand_in(response, NOW_MS + later_ms, unreachable):
        assert not response.terms.no_cache
        assert not response.terms.must_revalidate


@given(st.sampled_from(["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "X"]), responses)
def test_other_methods_always_pass(method: str, response: Stored) -> None:
    assert decide(replace(GET, method=method), [response], NOW_MS) == Pass("method")


def test_without_a_matching_variant_it_is_fetched() -> None:
    other = stored(Terms(1000, 0), vary=((b"foo", "1"),))
    assert decide(GET, [], NOW_MS) == Fetch("uri-miss")
    assert decide(GET, [other], NOW_MS) == Fetch("vary-miss")
    assert decide(_asking("only-if-cached"), [other], NOW_MS) == Unavailable()


def test_of_several_matching_variants_the_most_recent_counts() -> None:
    old, new = (
        stored(Terms(10**6, 0), vary=vary, headers=((b"date", format_date(NOW_MS // 1000 + date)),))
        for vary, date in ((((b"foo", None),), 0), ((), 5))
    )
    assert decide(GET, [old, new], NOW_MS) == decide(GET, [new, old], NOW_MS) == Serve(new)


def test_without_validators_a_revalidation_is_unconditional() -> None:
    assert conditions(stored(Terms(0, 0), headers=())) == ()


def _consider(
    headers: list[tuple[str, str]], status: int = 200, request: Request = GET, delay_ms: int = 0
) -> Storable | NotStorable:
    fields = tuple((name.lower().encode(), value.encode()) for name, value in headers)
    return consider(request, status, fields, NOW_MS - delay_ms, NOW_MS)


DATE = ("Date", format_date(NOW_MS // 1000).decode())


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ([("Cache-Control", "no-store")], 200, "no-store"),
        ([("Cache-Control", "private, max-age=5")], 200, "private"),
        ([("Cache-Control", 'private="x", max-age=5')], 200, "private"),
        ([("Vary", "*"), ("Cache-Control", "max-age=5")], 200, "vary-star"),
        ([("Cache-Control", "max-age=5")], 206, "partial"),
        ([("Cache-Control", "max-age=5")], 304, "status"),
        ([], 500, "no-freshness"),
        ([], 302, "no-freshness"),
        ([("Cache-Control", "must-understand, max-age=5")], 299, "status"),
        ([("CDN-Cache-Control", "no-store"), ("Cache-Control", "max-age=5")], 200, "no-store"),
        ([("CDN-Cache-Control", "foo"), ("Expires", "Sun, 06 Nov 2094 08:49:37 GMT")], 500, "no-freshness"),
    ],
)
def test_what_may_not_be_stored_and_why(headers: list[tuple[str, str]], status: int, reason: str) -> None:
    assert _consider(headers, status) == NotStorable(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "status", "lifetime_s"),
    [
        ([("Cache-Control", "max-age=5")], 200, 5),
        ([("Cache-Control", "max-age=5, s-maxage=7")], 200, 7),
        ([("Cache-Control", "max-age=5"), ("Expires", "Sun, 06 Nov 2094 08:49:37 GMT")], 200, 5),
        ([("Expires", format_date(NOW_MS // 1000 + 30).decode()), DATE], 200, 30),
        ([("Expires", "0"), DATE], 200, 0),
        ([("Expires", format_date(NOW_MS // 1000 + 30).decode()), ("Expires", "0"), DATE], 200, 0),
        ([("Last-Modified", format_date(NOW_MS // 1000 - 1000).decode()), DATE], 200, 100),
        ([("Last-Modified", format_date(NOW_MS // 1000 - 10**9).decode()), DATE], 200, 24 * 3600),
        ([("Last-Modified", format_date(NOW_MS // 1000 - 10**9).decode()), DATE], 404, 5),
        ([("Last-Modified", format_date(NOW_MS // 1000 + 1000).decode()), DATE], 200, 0),
        ([("Cache-Control", "max-age=60")], 404, 60),
        ([], 200, 0),
        ([("Cache-Control", "must-understand, no-store, max-age=5")], 200, 5),
        ([("CDN-Cache-Control", "max-age=9"), ("Cache-Control", "no-store")], 200, 9),
        ([("CDN-Cache-Control", "max-age=9"), ("Expires", "0")], 200, 9),
    ],
)
def test_lifetimes(headers: list[tuple[str, str]], status: int, lifetime_s: int) -> None:
    verdict = _consider(headers, status)
    assert isinstance(verdict, Storable)
    assert verdict.stored.terms.lifetime_ms == lifetime_s * 1000


@pytest.mark.parametrize(
    ("headers", "delay_ms", "age_ms"),
    [
        ([DATE], 0, 0),
        ([("Date", format_date(NOW_MS // 1000 - 30).decode())], 0, 30_000),
        ([DATE, ("Age", "20")], 1500, 21_500),
        ([("Date", format_date(NOW_MS // 1000 - 30).decode()), ("Age", "20")], 1500, 30_000),
        ([DATE, ("Age", "20, 40")], 0, 20_000),
        ([DATE, ("Age", "1.5")], 0, 0),
        ([DATE, ("Age", "-5")], 0, 0),
        ([DATE, ("Age", "abc")], 0, 0),
        ([("Date", format_date(NOW_MS // 1000 + 600).decode())], 0, 0),
    ],
)
def test_the_age_of_what_arrives(headers: list[tuple[str, str]], delay_ms: int, age_ms: int) -> None:
    verdict = _consider([*headers, ("Cache-Control", "max-age=100")], delay_ms=delay_ms)
    assert isinstance(verdict, Storable)
    assert verdict.stored.age_ms(NOW_MS) == age_ms


@pytest.mark.parametrize(
    ("control", "allowed"),
    [("max-age=5", False), ("max-age=5, public", True), ("max-age=5, must-revalidate", True), ("s-maxage=5", True)],
)
def test_a_response_to_an_authorized_request_is_stored_only_if_it_says_so(control: str, allowed: bool) -> None:
    request = replace(GET, headers=((b"authorization", b"x"),))
    verdict = _consider([("Cache-Control", control)], request=request)
    assert isinstance(verdict, Storable) is allowed


def test_only_what_would_be_fresh_for_another_request_is_shared_with_it() -> None:
    varied = stored(Terms(1000, 0), vary=((b"foo", "1"),))
    assert shared_by(varied, replace(GET, headers=((b"foo", b"1"),)))
    assert not shared_by(varied, GET)
    assert not shared_by(stored(Terms(0, 0)), GET)
    assert not shared_by(stored(Terms(1000, 0, no_cache=True)), GET)


def test_a_304_replaces_fields_but_not_those_that_describe_the_body() -> None:
    old = stored(
        Terms(0, 0),
        headers=((b"etag", b'"e"'), (b"a", b"1"), (b"b", b"1"), (b"age", b"9"), (b"content-length", b"5")),
        soft_purged_ms=1,
    )
    fields = (
        (b"a", b"2"),
        (b"a", b"3"),
        (b"content-length", b"0"),
        (b"content-encoding", b"x"),
        (b"cache-control", b"max-age=5"),
    )
    new = freshened(old, fields, NOW_MS, NOW_MS)
    assert new is not None
    assert new.headers == (
        (b"etag", b'"e"'),
        (b"b", b"1"),
        (b"content-length", b"5"),
        (b"a", b"2"),
        (b"a", b"3"),
        (b"cache-control", b"max-age=5"),
    )
    assert new.soft_purged_ms is None
    assert new.terms.lifetime_ms == 5000
    assert freshened(old, ((b"etag", b'"other"'),), NOW_MS, NOW_MS) is None
