"""What belongs to webhooks crosses the wire unchanged, and values of a newer peer do no harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from origin.rpc import origin_pb2 as pb
from origin.rpc import webhook_codec as codec
from origin.subscriptions import Attempt, Disabled, Outcome
from origin.views import NewSecret, WebhookView

numbers = st.integers(-(1 << 63), (1 << 63) - 1)
small = st.integers(0, (1 << 31) - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
views = st.builds(
    WebhookView,
    numbers,
    texts,
    st.lists(texts, max_size=4).map(tuple),
    numbers,
    st.none() | st.sampled_from(Disabled),
    st.none() | numbers,
    st.none() | numbers,
)
attempts = st.builds(
    Attempt,
    numbers,
    numbers,
    texts,
    texts,
    small,
    numbers,
    st.sampled_from(Outcome),
    st.none() | small,
    texts,
    numbers,
    st.none() | numbers,
)


@given(st.builds(NewSecret, views, texts))
def test_a_webhook_and_its_new_secret_come_back(made):
    sent = codec.encode_new_secret(made)
    assert codec.decode_new_secret(pb.NewSecret.FromString(sent.SerializeToString())) == made


@given(attempts)
def test_an_attempt_comes_back(attempt):
    sent = codec.encode_attempt(attempt)
    assert codec.decode_attempt(pb.Attempt.FromString(sent.SerializeToString())) == attempt


def test_what_a_newer_peer_says_is_read_as_the_most_careful_value():
    assert codec.decode_webhook(pb.WebhookView(disabled="quota")).disabled is Disabled.OWNER
    assert codec.decode_attempt(pb.Attempt(outcome="paused")).outcome is Outcome.GIVEN_UP
